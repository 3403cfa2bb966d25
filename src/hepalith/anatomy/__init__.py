"""Anatomy: the liver, its parts, and the neighbours that mislead."""

from hepalith.anatomy.bone import find_bone
from hepalith.anatomy.find import find_liver, given_liver
from hepalith.anatomy.liver import LOBES, Liver, Phase
from hepalith.anatomy.phase import estimate_phase

__all__ = ["LOBES", "Liver", "Phase", "estimate_phase", "find_bone", "find_liver", "given_liver"]
