"""Where voxels are: grids, affines, orientation. No images, no files."""

from hepalith.geometry.box import Box
from hepalith.geometry.grid import Grid
from hepalith.geometry.orientation import StoredOrder

__all__ = ["Box", "Grid", "StoredOrder"]
