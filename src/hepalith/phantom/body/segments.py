"""The eight segments of Couinaud, divided by the planes of the hepatic veins and of the portal bifurcation.

The right hepatic vein parts VI and VII from V and VIII, the middle one (Cantlie's line, from the
gallbladder to the vena cava) the right liver from the left, the umbilical fissure IV from II and III;
the level of the portal bifurcation parts VI from VII and V from VIII, the oblique plane of the left
hepatic vein II from III. I, the caudate, lies between the cava and the fissure of the ligamentum
venosum.

Notes
-----
Drawn by chance, the median shares of an ordinary liver fall in the order of 107 normal livers measured by
portal perfusion [2]_: VIII, VII, IV, V, III, VI, II, I.

References
----------
.. [1] S. M. Strasberg, "Nomenclature of hepatic anatomy and resections: a review of the Brisbane 2000
       system", J Hepatobiliary Pancreat Surg 12:351-355, 2005. doi:10.1007/s00534-005-0999-7
.. [2] PubMed 24033584 (HPB, 2013): volumes of Couinaud's segments by 3-D perfusion-based volumetry.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hepalith.phantom.shape.shape import Point

__all__ = ["SEGMENTS", "Planes", "draw_planes", "segment_of"]

Array = NDArray[np.float32]

SEGMENTS = ("I", "II", "III", "IV", "V", "VI", "VII", "VIII")
"""Names of the labels 1 to 8."""


@dataclass(frozen=True, slots=True)
class Plane:
    """A plane through `point`; `normal` is of unit length."""

    point: Point
    normal: Point

    def height(self, x: Array, y: Array, z: Array) -> Array:
        """Return how far points lie on the side of the normal, mm."""
        (px, py, pz), (nx, ny, nz) = self.point, self.normal
        return np.asarray(
            (x - np.float32(px)) * np.float32(nx)
            + (y - np.float32(py)) * np.float32(ny)
            + (z - np.float32(pz)) * np.float32(nz)
        )


@dataclass(frozen=True, slots=True)
class Planes:
    """What divides one liver, in the frame of an ordinary adult.

    Parameters
    ----------
    right, middle, umbilical
        Planes of the right and middle hepatic vein and of the umbilical fissure; their normals point
        to the back of the right liver, to the left, and to the left.
    right_level, left_level
        Planes of the portal bifurcation in the right liver and of the left hepatic vein; normals up.
    caudate
        Centre and half-axes of the ellipsoid that holds the caudate.
    """

    right: Plane
    middle: Plane
    umbilical: Plane
    right_level: Plane
    left_level: Plane
    caudate: tuple[Point, Point]


def _plane(point: Point, x: float, y: float, z: float) -> Plane:
    size = math.sqrt(x * x + y * y + z * z)
    return Plane(point, (round(x / size, 9), round(y / size, 9), round(z / size, 9)))


def draw_planes(random: np.random.Generator, hilum: Point) -> Planes:
    """Draw the planes of one liver about their usual places; `hilum` is given in the frame."""
    shift = [float(v) for v in random.uniform(-1, 1, 12)]
    cava = (-16.0 + shift[0], 26.0, 30.0)
    return Planes(
        right=_plane(cava, -0.46 + 0.08 * shift[1], 0.88, -0.10 + 0.08 * shift[2]),
        middle=_plane(cava, 0.94, -0.34 + 0.08 * shift[3], 0.06 * shift[4]),
        umbilical=_plane((1.0 + 5 * shift[5], -30.0, 10.0), 1.0, 0.10 * shift[6], 0.08 * shift[7]),
        right_level=_plane((-60.0, 0.0, hilum[2] + 1.0 + 6 * shift[8]), 0.08 * shift[9], 0.10, 1.0),
        left_level=_plane((10.0, -30.0, 20.0 + 5 * shift[10]), 0.25 + 0.1 * shift[11], 0.75, 0.65),
        caudate=((-5.0, 14.0, 26.0), (27.0, 23.0, 44.0)),
    )


def segment_of(planes: Planes, x: Array, y: Array, z: Array) -> NDArray[np.uint8]:
    """Return the segment, 1 to 8, of points in the frame."""
    behind, left = planes.right.height(x, y, z) > 0, planes.middle.height(x, y, z) > 0
    above = planes.right_level.height(x, y, z) > 0
    right = np.where(behind, np.where(above, 7, 6), np.where(above, 8, 5))
    lateral = np.where(planes.left_level.height(x, y, z) > 0, 2, 3)
    found = np.where(left, np.where(planes.umbilical.height(x, y, z) > 0, lateral, 4), right)
    centre, radii = planes.caudate
    level = sum(
        ((p - np.float32(c)) / np.float32(r)) ** 2 for p, c, r in zip((x, y, z), centre, radii, strict=True)
    )
    return np.asarray(np.where(level < 1, 1, found), dtype=np.uint8)
