"""One B-mode picture on the screen, apart from the text, scales and boxes around and over it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from hepalith.image.beam import BeamGrid, Sector, lay_beams, sector_mask
from hepalith.image.beam_resample import beam_matrix, lay_on_screen
from hepalith.image.cine import Cine
from hepalith.image.overlay import find_overlay
from hepalith.image.sector import find_sectors
from hepalith.image.sector_support import shrink

__all__ = ["Picture", "find_pictures", "make_picture"]

RIM_SHARE = 0.01
"""Strip along the outline that is no echo, in depths of the picture: the dots of a ruler, the bright line of
the transducer's face and the blur of the outline lie in it on the shared stills."""

LEAST_RIM_PX = 3
"""The same in pixels, at least: the outline is known to two."""

ZOOM_PX = 12
"""How far below the face a picture must begin to be an enlarged part: print at the top takes less."""

SURE_OUTLINE = 0.4
"""Share of the outline that must be seen for it not to be doubted; 0.41 to 0.98 on the shared stills."""


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """One B-mode picture of a still or a loop; a dual image holds two.

    Parameters
    ----------
    cine
        Where it was found.
    region
        Its number among the pictures of the cine, from 0, left to right.
    grid
        Where every sample of every beam line lies.
    overlay
        bool, shape (row, column) of the cine: pixels within the outline that are no echoes: text, calipers,
        body marks, a colour box, a focus mark.
    view
        How the picture is used: plain, one half of a dual image, or zoomed (no transducer face in view).
    warnings
        What was doubted, one sentence each.
    to_beams
        Matrix from a flattened screen to flattened beam samples; worked out where it is not given.
    """

    cine: Cine
    region: int
    grid: BeamGrid
    overlay: NDArray[np.bool_]
    view: Literal["plain", "dual", "zoomed"] = "plain"
    warnings: tuple[str, ...] = ()
    to_beams: Any = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.to_beams is None:
            hidden = self.overlay_along_beams & self.grid.inside
            free = replace(self.grid, inside=self.grid.inside & ~hidden)
            object.__setattr__(self, "to_beams", beam_matrix(self.grid, self.cine.shape_px, hidden))
            object.__setattr__(self, "grid", free)

    @property
    def mm_per_px(self) -> float | None:
        """Size of a pixel in mm; ``None`` where unknown."""
        return self.grid.mm_per_px

    @property
    def sector(self) -> Sector:
        """Its outline."""
        return self.grid.sector

    @property
    def overlay_along_beams(self) -> NDArray[np.bool_]:
        """bool, (sample, line): samples that fall on text, calipers and the like."""
        height, width = self.cine.shape_px
        row = np.clip(np.rint(self.grid.y_px).astype(np.intp), 0, height - 1)
        column = np.clip(np.rint(self.grid.x_px).astype(np.intp), 0, width - 1)
        hidden: NDArray[np.bool_] = self.overlay[row, column]
        return hidden

    def levels(self, frame: int = 0) -> NDArray[np.float32]:
        """Grey levels along the beam lines at one frame, float32, (sample, line); 0 outside the picture.

        Samples under text and calipers are filled from beside them and are not `grid.inside`.
        """
        screen = self.cine.grey[frame].ravel().astype(np.float32)
        out: NDArray[np.float32] = (self.to_beams @ screen).reshape(self.grid.shape)
        return out

    def to_screen(self, along_beams: NDArray[Any], fill: Any = 0) -> NDArray[Any]:
        """Lay an array of (sample, line) on the screen, (row, column); `fill` outside the picture.

        Floats are interpolated; labels and masks keep their values.
        """
        return lay_on_screen(self.grid, along_beams, self.cine.shape_px, fill)

    def samples_of(self, x_px: Any, y_px: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Fractional sample and line of places on the screen."""
        return self.grid.samples_of(x_px, y_px)

    def box_of(self, region: NDArray[np.bool_]) -> tuple[int, int, int, int]:
        """Box on the screen, both ends within, of a region (bool, (sample, line)); a line has its width."""
        sample, line = np.nonzero(region)
        if not sample.size:
            message = "an empty region has no box"
            raise ValueError(message)
        half = self.grid.width_px[sample, 0] / 2
        x, y = self.grid.x_px[sample, line], self.grid.y_px[sample, line]
        height, width = self.cine.shape_px
        return (
            int(np.clip(np.floor((x - half).min()), 0, width - 1)),
            int(np.clip(np.floor((y - 0.5).min()), 0, height - 1)),
            int(np.clip(np.ceil((x + half).max()), 0, width - 1)),
            int(np.clip(np.ceil((y + 0.5).max()), 0, height - 1)),
        )


def make_picture(
    cine: Cine,
    sector: Sector,
    *,
    region: int = 0,
    overlay: NDArray[np.bool_] | None = None,
    view: Literal["plain", "dual", "zoomed"] = "plain",
    warnings: tuple[str, ...] = (),
) -> Picture:
    """Make the picture of a known outline; without `overlay`, nothing in it is taken for print."""
    mm_per_px = None if cine.mm_per_px is None else float(np.sqrt(cine.mm_per_px[0] * cine.mm_per_px[1]))
    grid = lay_beams(sector, mm_per_px=mm_per_px)
    mask = sector_mask(sector, cine.shape_px)
    printed = np.zeros(cine.shape_px, bool) if overlay is None else overlay & mask
    return Picture(cine, region, grid, printed, view, warnings)


def find_pictures(cine: Cine) -> tuple[Picture, ...]:
    """Find the B-mode pictures of a still or a loop, left to right; empty where there is none."""
    sectors = find_sectors(cine)
    overlay = find_overlay(cine, sectors)
    return tuple(
        _without_rim(
            make_picture(
                cine,
                sector,
                region=k,
                overlay=overlay,
                view=_view(sector, len(sectors)),
                warnings=_doubts(sector),
            )
        )
        for k, sector in enumerate(sectors)
    )


def _without_rim(picture: Picture) -> Picture:
    """Return the picture with a narrow strip along its outline taken for no echo."""
    depth = picture.grid.step_px * picture.grid.shape[0]
    width = 2 * max(LEAST_RIM_PX, round(RIM_SHARE * depth)) + 1
    height, columns = picture.cine.shape_px
    mask = np.pad(sector_mask(picture.sector, picture.cine.shape_px), 1)
    inner = shrink(mask, width)[1:-1, 1:-1]
    row = np.clip(np.rint(picture.grid.y_px).astype(np.intp), 0, height - 1)
    column = np.clip(np.rint(picture.grid.x_px).astype(np.intp), 0, columns - 1)
    grid = replace(picture.grid, inside=picture.grid.inside & inner[row, column])
    return replace(picture, grid=grid)


def _view(sector: Sector, count: int) -> Literal["plain", "dual", "zoomed"]:
    """How the picture is used: a fan whose face lies above its box is an enlarged part of a picture."""
    if sector.apex_px is not None and sector.box_px[1] > sector.apex_px[1] + sector.near_px + ZOOM_PX:
        return "zoomed"
    return "dual" if count > 1 else "plain"


def _doubts(sector: Sector) -> tuple[str, ...]:
    if sector.confidence >= SURE_OUTLINE:
        return ()
    seen = round(100 * sector.confidence)
    return (
        f"the outline of the ultrasound picture is seen on {seen} % of its length only; the rest is inferred",
    )
