"""Images: voxels with a place and a unit."""

from hepalith.image.decode import Decoded, decode
from hepalith.image.mask import LaidMask, lay_masks, read_mask, read_masks
from hepalith.image.volume import AIR_HU, Volume

__all__ = ["AIR_HU", "Decoded", "LaidMask", "Volume", "decode", "lay_masks", "read_mask", "read_masks"]
