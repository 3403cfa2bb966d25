"""Images: voxels with a place and a unit. Decoding is in `decode`, masks in `mask`."""

from hepalith.image.volume import AIR_HU, Volume

__all__ = ["AIR_HU", "Volume"]
