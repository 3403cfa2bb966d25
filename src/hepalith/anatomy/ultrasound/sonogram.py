"""What one ultrasound picture shows around bright foci: liver tissue, dark bodies, bright lines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from hepalith.anatomy.ultrasound.body import BrightLine, DarkBody, Lesion
from hepalith.anatomy.ultrasound.cells import Cells, cut_cells
from hepalith.anatomy.ultrasound.dark import find_dark_bodies
from hepalith.anatomy.ultrasound.heard import find_heard
from hepalith.anatomy.ultrasound.lesion import find_lesions
from hepalith.anatomy.ultrasound.lines import find_bright_lines
from hepalith.anatomy.ultrasound.liver import find_liver_stretch
from hepalith.anatomy.ultrasound.quality import judge_liver
from hepalith.image.picture import Picture

__all__ = ["BrightLine", "DarkBody", "Lesion", "Sonogram", "map_sonogram"]


@dataclass(frozen=True, slots=True, eq=False)
class Sonogram:
    """What one frame shows besides bright foci. Every array runs (sample, line) on the beam grid.

    Parameters
    ----------
    liver
        bool: what is believed to be liver, with the vessels, ducts and lesions in it, without gallbladder,
        kidney, diaphragm, gut, and what lies in a rib's shadow.
    background
        float32, grey levels: what plain liver tissue of this picture looks like at each place (gain,
        attenuation), smooth.
    speckle_sd
        float32, grey levels: standard deviation of speckle at each place, smooth.
    dark, lines
        int32 labels of `bodies` and `bright_lines`; 0: none.
    heard
        bool: where echoes can be judged: not beyond penetration, not under a rib or poor contact.
    in_view
        Share of the picture that is liver, 0 to 1; 0 where none was found.
    quality, quality_reasons
        Probability that `liver` agrees with an outline drawn by hand (`quality`); what is against it.
    texture
        Measures of the parenchyma: ``coarse``, ``bright`` (fatty), ``attenuating``, ``network``: each the
        probability of it, absent where not judged. None is judged yet: the grain of the 30 real stills is
        coarser than that of any phantom, a bright liver needs a kidney beside it, and gain hides attenuation.
    lesions
        Masses in the liver, dark or bright; those that are empty of echoes are among `bodies` only.
    """

    liver: NDArray[np.bool_]
    background: NDArray[np.float32]
    speckle_sd: NDArray[np.float32]
    dark: NDArray[np.int32]
    bodies: tuple[DarkBody, ...]
    lines: NDArray[np.int32]
    bright_lines: tuple[BrightLine, ...]
    heard: NDArray[np.bool_]
    in_view: float
    quality: float
    quality_reasons: tuple[str, ...] = ()
    texture: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    lesions: tuple[Lesion, ...] = ()


def map_sonogram(levels: NDArray[np.float32], picture: Picture) -> Sonogram:
    """Return what one frame shows besides bright foci.

    Parameters
    ----------
    levels
        float32, shape (sample, line): grey levels along the beams (`Picture.levels`).
    picture
        Where the samples lie.

    Notes
    -----
    The liver is one stretch of every line (`liver`), the level of plain liver follows it
    (`field`), and dark bodies and bright lines are departures from that level. It fails where the
    picture shows no liver: then some other homogeneous tissue is taken for it, which `quality` tells only
    in part.
    """
    grid = picture.grid
    cells = cut_cells(levels, grid)
    stretch = find_liver_stretch(cells)
    heard_cells = find_heard(cells, stretch)
    background = cells.spread(stretch.field)
    heard = cells.spread_mask(heard_cells) & grid.inside
    liver = cells.spread_mask(stretch.mask & heard_cells) & grid.inside
    dark, bodies = find_dark_bodies(levels, grid, cells, stretch, background=background, heard=heard)
    liver &= ~_beside(dark, bodies)
    lines, bright_lines = find_bright_lines(cells, stretch)
    quality, reasons = judge_liver(cells, stretch, heard_cells, picture)
    return Sonogram(
        liver=liver,
        background=background,
        speckle_sd=np.full(levels.shape, cells.speckle, dtype=np.float32),
        dark=dark,
        bodies=bodies,
        lines=lines,
        bright_lines=bright_lines,
        heard=heard,
        in_view=_share(liver, grid.inside, cells),
        quality=quality,
        quality_reasons=reasons,
        lesions=find_lesions(cells, stretch, dark, bodies),
    )


def _beside(dark: NDArray[np.int32], bodies: tuple[DarkBody, ...]) -> NDArray[np.bool_]:
    """Return what is more likely gallbladder than anything else: it lies at the liver, not in it."""
    beside = np.zeros(len(bodies) + 1, dtype=np.bool_)
    for body in bodies:
        beside[body.id] = body.kind == "gallbladder"
    return np.asarray(beside[dark], dtype=np.bool_)


def _share(liver: NDArray[np.bool_], inside: NDArray[np.bool_], cells: Cells) -> float:
    """Return the share of the picture's area that is liver."""
    weight = cells.width_px
    total = float(inside.sum(axis=1) @ weight)
    return float(liver.sum(axis=1) @ weight) / total if total else 0.0
