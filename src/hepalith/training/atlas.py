"""The map that a phantom is trained on: which tissue lies where, and which organ it belongs to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hepalith.anatomy.organs import CLASSES
from hepalith.phantom.scene import Body
from hepalith.phantom.shape.shape import Tube

__all__ = ["CLASSES", "SPACING_MM", "Atlas", "paint_atlas"]

ORGAN_CLASS = {name: label for label, name in enumerate(CLASSES)} | {
    "cartilage": 12,
    "colon": 6,
    "duodenum": 6,
}
"""Class of each organ of the phantom; organs not named here are background."""

SPACING_MM = 4.0
"""Spacing of the map. Nearest sampling at eight points of each 5 mm voxel then gives shares, not steps."""

LOW_MM = (-225.0, -175.0, -230.0)
HIGH_MM = (225.0, 185.0, 214.0)
"""Corners of the map, (x, y, z) in LPS mm: a broad adult with both arms, from pelvis to carina."""

THIN_MM = 1.2
"""Tubes of a smaller radius are left out: at 4 mm they would be specks."""


@dataclass(frozen=True, slots=True, eq=False)
class Atlas:
    """One phantom as a map of tissues.

    Parameters
    ----------
    tissue
        uint8, shape (slice, row, column) at `SPACING_MM`, index into the two tables; 0 is air outside.
    hu
        float32: what each tissue measures in the phantom.
    organ
        uint8: class of each tissue, index into `CLASSES`.
    """

    tissue: NDArray[np.uint8]
    hu: NDArray[np.float32]
    organ: NDArray[np.uint8]

    def save(self, path: Path) -> None:
        """Write the map, compressed; it appears whole or not at all."""
        part = path.with_suffix(".part.npz")
        np.savez_compressed(part, tissue=self.tissue, hu=self.hu, organ=self.organ)
        part.replace(path)

    @classmethod
    def load(cls, path: Path) -> Atlas:
        """Return the map in a file written by `save`."""
        with np.load(path) as held:
            return cls(held["tissue"], held["hu"], held["organ"])


def _axes(bounds: tuple[tuple[float, ...], tuple[float, ...]]) -> list[tuple[slice, NDArray[np.float32]]]:
    """Return, along (z, y, x), which grid points lie in `bounds`, and where they are."""
    found = []
    for axis in (2, 1, 0):
        count = round((HIGH_MM[axis] - LOW_MM[axis]) / SPACING_MM)
        points = (LOW_MM[axis] + (np.arange(count) + 0.5) * SPACING_MM).astype(np.float32)
        low = int(np.searchsorted(points, bounds[0][axis]))
        high = int(np.searchsorted(points, bounds[1][axis]))
        found.append((slice(low, high), points[low:high]))
    return found


def _fill(tissue: NDArray[np.uint8], organ_at: NDArray[np.uint8], body: Body, table: _Table) -> None:
    """Paint one body."""
    label = ORGAN_CLASS.get(body.organ, 0)
    shapes = body.shape.parts if isinstance(body.shape, Tube) else (body.shape,)
    if isinstance(body.shape, Tube) and max(body.shape.radii) < THIN_MM:
        return
    for shape in shapes:
        (z, zs), (y, ys), (x, xs) = _axes(shape.bounds())
        if not (zs.size and ys.size and xs.size):
            continue
        inside = shape.distance(xs[None, None, :], ys[None, :, None], zs[:, None, None]) < 0
        inside = np.broadcast_to(inside, (zs.size, ys.size, xs.size))
        part = (z, y, x)
        if body.organ:
            organ_at[part][inside] = label
            tissue[part][inside] = table.index(body.hu, label)
            continue
        for under in np.unique(organ_at[part][inside]):
            tissue[part][inside & (organ_at[part] == under)] = table.index(body.hu, int(under))


class _Table:
    """Tissues met so far: one for each HU in each class."""

    def __init__(self) -> None:
        self.rows: dict[tuple[int, int], int] = {(-1000, 0): 0}

    def index(self, hu: float, label: int) -> int:
        """Return the index of a tissue; beyond 255 of them, of the nearest in HU of its class."""
        key = (round(hu), label)
        if key not in self.rows:
            if len(self.rows) > 255:
                alike = [k for k in self.rows if k[1] == label] or list(self.rows)
                return self.rows[min(alike, key=lambda k: abs(k[0] - key[0]))]
            self.rows[key] = len(self.rows)
        return self.rows[key]


def paint_atlas(bodies: Iterable[Body]) -> Atlas:
    """Return the map of bodies painted one over another.

    A body without an organ of its own (a vessel in the liver) keeps the class of what it is painted on
    and is a tissue of its own there.
    """
    shape = tuple(round((b - a) / SPACING_MM) for a, b in zip(LOW_MM[::-1], HIGH_MM[::-1], strict=True))
    tissue = np.zeros(shape, dtype=np.uint8)
    organ_at = np.zeros(shape, dtype=np.uint8)
    table = _Table()
    for body in bodies:
        _fill(tissue, organ_at, body, table)
    keys = sorted(table.rows, key=lambda key: table.rows[key])
    hu = np.array([k[0] for k in keys], dtype=np.float32)
    return Atlas(tissue, hu, np.array([k[1] for k in keys], dtype=np.uint8))
