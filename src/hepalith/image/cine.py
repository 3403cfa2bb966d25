"""Ultrasound as it stood on the screen: a still is a loop of one frame."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hepalith.study.sonography import Region, Sonography

__all__ = ["Cine"]


@dataclass(frozen=True, slots=True, eq=False)
class Cine:
    """One ultrasound acquisition: a still, or a loop of frames of one size.

    Parameters
    ----------
    grey
        uint8, shape (frame, row, column): brightness as displayed, in the working order (row 0 on top).
    coloured
        bool, shape (row, column): true where any frame is coloured (Doppler, coloured text);
        ``None`` where the file holds grey only.
    regions
        What the header says is where on the screen; empty where it says nothing.
    mm_per_px
        Height and width of a pixel in mm, of the B-mode region or as the user gave it; ``None``: unknown,
        and then no size can be assessed.
    frame_time_ms
        Between frames; ``None`` for a still or where the header is silent.
    sonography
        How it was made.
    name, sop_instance_uid, sha256
        The file: its name (never its folder), its UID (empty for PNG and JPEG), and the digest of its bytes.
    kind
        ``"still"`` or ``"cine"``.
    """

    grey: NDArray[np.uint8]
    coloured: NDArray[np.bool_] | None = None
    regions: tuple[Region, ...] = ()
    mm_per_px: tuple[float, float] | None = None
    frame_time_ms: float | None = None
    sonography: Sonography = field(default_factory=Sonography)
    name: str = ""
    sop_instance_uid: str = ""
    sha256: str = ""
    kind: Literal["still", "cine"] = "still"
    warnings: tuple[str, ...] = ()

    @property
    def shape_px(self) -> tuple[int, int]:
        """Rows and columns of a frame."""
        return self.grey.shape[1], self.grey.shape[2]
