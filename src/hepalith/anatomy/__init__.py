"""Anatomy: the liver, its parts, and the neighbours that mislead. Finding is in `find` and `phase`."""

from hepalith.anatomy.liver import LOBES, Liver, Phase

__all__ = ["LOBES", "Liver", "Phase"]
