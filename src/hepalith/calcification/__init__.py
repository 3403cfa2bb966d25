"""Calcification: what each bright thing is, and its extent. Finding on CT is in `ct`."""

from hepalith.calcification.focus import Detectability, Foci, Focus

__all__ = ["Detectability", "Foci", "Focus"]
