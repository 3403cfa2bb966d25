"""One frame of one picture, read: what lies where, and the bright bodies."""

from __future__ import annotations

import importlib
from collections.abc import Callable

from hepalith.calcification.look import Look
from hepalith.image.picture import Picture

__all__ = ["ReadFrame", "read_frame"]

ReadFrame = Callable[[Picture, str, int], Look]
"""Reads a picture, whose image has this id, at a frame."""


def read_frame(picture: Picture, image: str, frame: int) -> Look:
    """Return one picture read at one frame."""
    map_sonogram = importlib.import_module("hepalith.anatomy.sono_map").map_sonogram
    find_echoes = importlib.import_module("hepalith.calcification.ultrasound").find_echoes
    levels = picture.levels(frame)
    sonogram = map_sonogram(levels, picture)
    echoes = find_echoes(levels, picture, sonogram, image=image, frame=frame)
    return Look(image, picture, frame, levels, sonogram, echoes)
