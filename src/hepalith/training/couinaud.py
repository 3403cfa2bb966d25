"""The atlas of Couinaud's planes: landmarks and planes of phantom livers, their mean and covariance."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hepalith.anatomy.atlas.couinaud import PLANES
from hepalith.anatomy.atlas.landmarks import FEATURES, VIEWS, Landmarks, find_landmarks
from hepalith.anatomy.coarse import Coarse
from hepalith.anatomy.find import given_liver
from hepalith.anatomy.organs import CLASSES, Organs
from hepalith.geometry import Grid
from hepalith.image.volume import Volume
from hepalith.phantom.body.abdomen import make_abdomen
from hepalith.phantom.body.atlas import AtlasGrid, paint_atlas
from hepalith.phantom.body.liver import LiverModel
from hepalith.phantom.body.variation import draw_variation
from hepalith.phantom.scene import ORGANS

__all__ = ["FIRST_SEED", "Row", "fit_atlas", "make_rows", "write_atlas"]

FIRST_SEED = 700_000
"""Seeds of the atlas's phantoms, in the development split and apart from those that the network saw."""
SPACING_MM = 4.0
"""Spacing at which they are painted."""
ACROSS, DEEP = 120, 95
"""Columns and rows: a broad adult with both arms."""
FIRST_XY_MM = (-237.5, -185.0)
"""x and y of the first voxel."""
BELOW_MM, ABOVE_MM = 60.0, 40.0
"""How far the painting reaches beyond the liver."""
CUTS = 3
"""How often each liver is cut in each way."""
PART, PLACE = (0.35, 0.5), (0.1, 0.5)
"""Share of the liver's height that a cut scan holds, and where a slab begins."""
LEAST_VOXELS = 300
"""Smaller parts of a liver are left out."""
FLOOR = 1e-8
"""Least eigenvalue of a covariance of which some entries come from fewer livers than others."""
DIGITS = 5
"""Significant digits written."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """What was measured of one liver, whole or cut, and where its planes truly lie, in the same units."""

    view: str
    features: Floats
    parameters: Floats


def true_planes(liver: LiverModel) -> dict[str, Floats]:
    """Return, LPS mm, offset and normal of each plane, centre and half-axes of the caudate, and the hilum."""
    probe = np.array([[0.0, 0, 0], [100, 0, 0], [0, 100, 0], [0, 0, 100]])
    frame = liver.frame.from_patient(*(probe[:, a].astype(np.float32) for a in range(3)))
    placed = np.stack(frame, axis=1).astype(np.float64)
    found = {}
    for name in PLANES:
        plane = getattr(liver.planes, name)
        height = (placed - np.array(plane.point)) @ np.array(plane.normal)
        normal = (height[1:] - height[0]) / 100
        found[name] = np.concatenate([[height[0]], normal]) / np.linalg.norm(normal)
    centre, radii = liver.planes.caudate
    scale = np.array(liver.frame.scale) * np.array(radii)
    found["caudate"] = np.concatenate([liver.frame.to_patient(centre), scale])
    found["hilum"] = np.array(liver.hilum)
    return found


def parameters_of(planes: dict[str, Floats], landmarks: Landmarks) -> Floats:
    """Return the planes in the units of the landmarks."""
    origin, half = landmarks.origin, landmarks.half_width_mm
    found: list[float] = []
    for name in PLANES:
        offset, normal = planes[name][0], planes[name][1:]
        found += [*normal, (offset + normal @ origin) / half]
    caudate = planes["caudate"]
    hilum = (planes["hilum"] - origin) / half
    return np.array([*found, *((caudate[:3] - origin) / half), *(caudate[3:] / half), *hilum])


def make_rows(seed: int) -> Iterator[Row]:
    """Return one phantom liver's rows: whole, and cut in every way."""
    random = np.random.default_rng([seed, 0])
    abdomen = make_abdomen(random, draw_variation(random), vessels=False)
    low, high = abdomen.organs["liver"].bounds()
    bottom = float(np.floor(low[2] / SPACING_MM) * SPACING_MM - BELOW_MM)
    count = int(np.ceil((high[2] + ABOVE_MM - bottom) / SPACING_MM))
    painted = paint_atlas(abdomen, AtlasGrid((count, DEEP, ACROSS), SPACING_MM, (*FIRST_XY_MM, bottom)))
    planes = true_planes(abdomen.liver)
    yield from rows_of(painted.labels, painted.hu.astype(np.int16), bottom, planes, seed - FIRST_SEED)


def rows_of(
    labels: NDArray[np.uint8], hu: NDArray[np.int16], bottom: float, planes: dict[str, Floats], seed: int
) -> Iterator[Row]:
    """Return the rows of one painted phantom whose first slice lies at z = `bottom`."""
    random = np.random.default_rng([seed, 3])
    (held,) = np.nonzero((labels == ORGANS["liver"]).any(axis=(1, 2)))
    first, last = int(held[0]), int(held[-1]) + 1
    cuts = [(0, len(labels))]
    for _ in range(CUTS):
        part, place = random.uniform(*PART), random.uniform(*PLACE)
        tall = last - first
        cuts += [
            (int(last - part * tall), len(labels)),
            (0, int(first + part * tall)),
            (int(first + place * tall), int(first + (place + part) * tall)),
        ]
    for start, stop in cuts:
        mask = labels[start:stop] == ORGANS["liver"]
        if np.count_nonzero(mask) < LEAST_VOXELS:
            continue
        landmarks = _measure(labels[start:stop], hu[start:stop], mask, bottom + SPACING_MM * start)
        if landmarks is not None:
            values = np.array([landmarks.features[name] for name in FEATURES])
            yield Row(landmarks.view, values, parameters_of(planes, landmarks))


def _measure(
    labels: NDArray[np.uint8], hu: NDArray[np.int16], mask: NDArray[np.bool_], bottom: float
) -> Landmarks | None:
    """Return the landmarks as the product finds them, had its network seen the truth."""
    affine = np.zeros((4, 4))
    affine[2, 0] = affine[1, 1] = affine[0, 2] = SPACING_MM
    affine[:, 3] = (*FIRST_XY_MM, bottom, 1)
    volume = Volume(hu, Grid(labels.shape, affine))
    chance = np.zeros((len(CLASSES), *labels.shape), dtype=np.float32)
    for index, name in enumerate(CLASSES):
        if name in ORGANS:
            chance[index] = labels == ORGANS[name]
    chance[CLASSES.index("bone")] += labels == ORGANS["cartilage"]
    organs = Organs(Coarse(hu.astype(np.float32), (0, 0, 0), (1, 1, 1)), chance)
    return find_landmarks(volume, replace(given_liver(volume, mask), organs=organs))


def fit_atlas(rows: Sequence[Row]) -> tuple[Floats, Floats]:
    """Return mean and covariance of landmarks and planes; what is missing in a liver is left out of it."""
    table = np.array([np.concatenate([r.features, r.parameters]) for r in rows])
    known = np.isfinite(table)
    held = np.where(known, table, 0)
    mean = held.sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    away = np.where(known, table - mean, 0)
    pairs = known.astype(np.float64).T @ known
    values, vectors = np.linalg.eigh(away.T @ away / np.maximum(pairs, 1))
    return mean, (vectors * np.maximum(values, FLOOR)) @ vectors.T


def write_atlas(path: Path, rows: Sequence[Row], livers: int) -> None:
    """Write the atlas that `hepalith.anatomy.atlas.couinaud` loads."""
    views = {}
    for view in VIEWS.values():
        held = [r for r in rows if r.view == view]
        mean, covariance = fit_atlas(held)
        lower = covariance[np.tril_indices(len(covariance))]
        views[view] = {"count": len(held), "mean": _rounded(mean), "covariance": _rounded(lower)}
    text = json.dumps(
        {
            "made_by": "python -m hepalith.training segments",
            "source": f"{livers} phantom livers of the development split, seeds from {FIRST_SEED}; simulated",
            "features": FEATURES,
            "views": views,
        },
        separators=(",", ":"),
    )
    path.write_text(text + "\n")


def _rounded(values: Floats) -> list[float]:
    return [float(f"{v:.{DIGITS}g}") for v in values]
