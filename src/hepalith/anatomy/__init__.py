"""Anatomy: the liver, its parts, and the neighbours that mislead."""

from hepalith.anatomy.liver import LOBES, Liver, Phase

__all__ = ["LOBES", "Liver", "Phase"]
