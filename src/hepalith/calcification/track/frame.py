"""One frame of one picture, read: what lies where, and the bright bodies."""

from __future__ import annotations

from collections.abc import Callable

from hepalith.anatomy.ultrasound.sonogram import map_sonogram
from hepalith.calcification.track.look import Look
from hepalith.calcification.ultrasound.find import find_echoes
from hepalith.image.picture import Picture

__all__ = ["ReadFrame", "read_frame"]

ReadFrame = Callable[[Picture, str, int], Look]
"""Reads a picture, whose image has this id, at a frame."""


def read_frame(picture: Picture, image: str, frame: int) -> Look:
    """Return one picture read at one frame."""
    levels = picture.levels(frame)
    sonogram = map_sonogram(levels, picture)
    echoes = find_echoes(levels, picture, sonogram, image=image, frame=frame)
    return Look(image, picture, frame, levels, sonogram, echoes)
