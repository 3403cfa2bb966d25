"""One look with ultrasound: a picture at the frame that shows most, and what was found in it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hepalith.anatomy.ultrasound.sonogram import Sonogram
from hepalith.calcification.echo import Echoes
from hepalith.image.picture import Picture

__all__ = ["Look"]


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """One picture of the examination, read at one frame.

    `image` is the picture's id in the reading (``us_1``, …); `levels` float32, shape (sample, line): grey
    levels along the beams at `frame`.
    """

    image: str
    picture: Picture
    frame: int
    levels: NDArray[np.float32]
    sonogram: Sonogram
    echoes: Echoes
