"""Calcification: candidates, what each bright thing is, and its extent."""

from hepalith.calcification.ct import find_foci
from hepalith.calcification.focus import Detectability, Foci, Focus

__all__ = ["Detectability", "Foci", "Focus", "find_foci"]
