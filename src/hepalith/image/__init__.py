"""Images: voxels with a place and a unit."""

from hepalith.image.volume import AIR_HU, Volume

__all__ = ["AIR_HU", "Volume"]
