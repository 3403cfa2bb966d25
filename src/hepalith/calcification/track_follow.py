"""Bright bodies followed through a loop: every frame is looked at, and some are searched."""

from __future__ import annotations

from hepalith.calcification.track import Followed, Sighting, Track
from hepalith.calcification.track_frame import ReadFrame, read_frame
from hepalith.image.picture import Picture

__all__ = ["follow"]


def follow(picture: Picture, image: str, read: ReadFrame = read_frame) -> Followed:
    """Return the bodies of one picture, followed over its frames.

    Parameters
    ----------
    picture
        Of a still or a loop.
    image
        Id of its image in the reading.
    read
        How one frame is read.
    """
    frames = picture.cine.grey.shape[0]
    look = read(picture, image, frames // 2)
    tracks = tuple(Track((Sighting(look.frame, echo),)) for echo in look.echoes.echoes)
    return Followed((look,), tracks, frames, 1)
