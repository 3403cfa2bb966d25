"""Training: makes the weights that `hepalith.anatomy` loads, from phantoms alone."""

from hepalith.training.atlas import CLASSES, Atlas, paint_atlas

__all__ = ["CLASSES", "Atlas", "paint_atlas"]
