"""All ultrasound pictures of one examination, looked at as one."""

from __future__ import annotations

from collections.abc import Sequence

from hepalith.calcification.track.follow import follow
from hepalith.calcification.track.frame import ReadFrame, read_frame
from hepalith.calcification.track.gather import gather_examination
from hepalith.calcification.track.track import ExaminationLooks
from hepalith.image.picture import Picture

__all__ = ["look_at"]


def look_at(
    pictures: Sequence[Picture], images: Sequence[str], read: ReadFrame = read_frame
) -> ExaminationLooks:
    """Return what an ultrasound examination shows: its looks, its foci, and which of them move.

    Parameters
    ----------
    pictures
        Every B-mode picture, stills and loops, in the order of the examination.
    images
        For each picture, the id of its image in the reading (``us_1``, …); halves of a dual image share it.
    read
        How one frame is read.
    """
    return gather_examination(
        [follow(picture, image, read) for picture, image in zip(pictures, images, strict=True)]
    )
