"""Dressing a bent map as a CT: what each tissue measures, and what the scanner makes of it.

Appearance is randomised far beyond the realistic, so that a network cannot lean on any one
density, and real scans lie inside what it has seen.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hepalith.training.atlas import CLASSES, Atlas
from hepalith.training.deformation import Sampled

__all__ = ["Sample", "dress"]

AS_LIFE, REDRESSED = 0.3, 0.45
"""Shares of samples whose tissues measure about what the phantom's do, and whose organs are re-drawn from
wide but ordered ranges; in the rest every soft tissue is drawn by itself."""

LIVER = CLASSES.index("liver")
ORGAN_HU = {
    "background": (15.0, 110.0),
    "liver": (-10.0, 170.0),
    "gallbladder": (-10.0, 45.0),
    "spleen": (30.0, 190.0),
    "kidney": (20.0, 260.0),
    "stomach": (-10.0, 150.0),
    "bowel": (-10.0, 150.0),
    "pancreas": (10.0, 140.0),
    "aorta": (25.0, 420.0),
    "vena_cava": (20.0, 260.0),
    "heart": (20.0, 300.0),
    "lung": (-950.0, -600.0),
    "bone": (110.0, 700.0),
}
"""Range from which an organ's soft tissue is drawn, in HU: none to strong contrast, wasting, iron and fat."""

SOFT_HU = (-40.0, 160.0)
"""HU of the phantom between which a tissue is soft: below are fat, foam and gas, above bone and contrast."""

WILD_HU = (-30.0, 220.0)
"""Range of soft tissues that are drawn each by itself."""

MASSES = ((0, 0.45), (1, 0.25), (3, 0.2), (12, 0.1))
"""How many masses a liver holds, and how often."""


class Sample:
    """A synthetic scan on the network's grid and its truth.

    `hu` is float32, shape (slice, row, column); `share` float32, shape (classes, slice, row, column),
    how much of each voxel is of each class.
    """

    __slots__ = ("hu", "share")

    def __init__(self, hu: NDArray[np.float32], share: NDArray[np.float32]) -> None:
        self.hu = hu
        self.share = share


def draw_tissues(atlas: Atlas, random: np.random.Generator) -> NDArray[np.float32]:
    """Return what each tissue of the map measures in this sample."""
    soft = (atlas.hu > SOFT_HU[0]) & (atlas.hu < SOFT_HU[1])
    kind = random.random()
    hu = atlas.hu + random.normal(0, 5, atlas.hu.size)
    fat = (atlas.hu < SOFT_HU[0]) & (atlas.hu > -180)
    hu[fat] = atlas.hu[fat] + random.normal(0, 10) + random.normal(0, 4, int(fat.sum()))
    dense = atlas.hu >= SOFT_HU[1]
    hu[dense] = atlas.hu[dense] * random.uniform(0.45, 1.4) + random.normal(0, 40, int(dense.sum()))
    lung = (atlas.organ == CLASSES.index("lung")) & (atlas.hu < -300)
    hu[lung] = random.uniform(*ORGAN_HU["lung"]) + random.normal(0, 10, int(lung.sum()))
    if kind < AS_LIFE:
        hu[soft & (atlas.organ == LIVER)] += random.uniform(-25, 10)
    elif kind < AS_LIFE + REDRESSED:
        hu = _redressed(atlas, hu, soft, random)
    else:
        hu[soft] = random.uniform(*WILD_HU, int(soft.sum()))
        own = soft & (atlas.organ == LIVER)
        hu[own] = random.uniform(*WILD_HU) + random.uniform(0, 1) * random.normal(0, 40, int(own.sum()))
    if random.random() < 0.25:  # one neighbour measures what the liver does
        twin = int(random.integers(2, len(CLASSES) - 2)) * int(random.random() < 0.8)
        alike = soft & (atlas.organ == twin)
        main = _main_tissue(atlas)
        hu[alike] = hu[main] + random.normal(0, 4, int(alike.sum()))
    hu[0] = -1000.0
    return hu.astype(np.float32)


def _main_tissue(atlas: Atlas) -> int:
    """Return the tissue that most of the liver is made of."""
    counts = np.bincount(atlas.tissue.ravel(), minlength=atlas.hu.size) * (atlas.organ == LIVER)
    return int(counts.argmax())


def _redressed(
    atlas: Atlas, hu: NDArray[np.float64], soft: NDArray[np.bool_], random: np.random.Generator
) -> NDArray[np.float64]:
    """Return HU with every organ drawn from its range; tissues of one organ keep their order."""
    hu = hu.copy()
    main = _main_tissue(atlas)
    for label, name in enumerate(CLASSES):
        own = soft & (atlas.organ == label)
        if not own.any() or name in ("lung", "bone"):
            continue
        level = float(random.uniform(*ORGAN_HU[name]))
        if name == "background":  # muscle, fluid, skin: moved together
            hu[own] += random.uniform(-20, 25) + random.normal(0, 6, int(own.sum()))
            continue
        spread = 30.0 if name in ("stomach", "bowel", "heart") else 6.0
        hu[own] = level + random.normal(0, spread, int(own.sum()))
        if label == LIVER:  # vessels brighter, darker or alike
            others = own.copy()
            others[main] = False
            hu[own] = level
            hu[others] = level + random.normal(0, 35) + random.normal(0, 6, int(others.sum()))
    return hu


def _rough(random: np.random.Generator, shape: tuple[int, ...], size: float) -> NDArray[np.float32]:
    """Return noise of unit spread whose grains are about `size` voxels."""
    if size >= 2:
        knots = [int(n / size) + 3 for n in shape]
        coarse = random.standard_normal(knots, dtype=np.float32)
        zoom = [np.linspace(0, k - 1.001, n) for k, n in zip(knots, shape, strict=True)]
        field = coarse
        for axis, at in enumerate(zoom):
            low = at.astype(np.intp)
            view = [1, 1, 1]
            view[axis] = -1
            weight = (at - low).astype(np.float32).reshape(view)
            field = field.take(low, axis) * (1 - weight) + field.take(low + 1, axis) * weight
        return np.asarray(field / (field.std() + 1e-6), dtype=np.float32)
    field = random.standard_normal(shape, dtype=np.float32)
    if size > 0.3:
        field = ndimage.gaussian_filter(field, size, truncate=2.5)
    return np.asarray(field / (field.std() + 1e-6), dtype=np.float32)


def _add_masses(
    hu: NDArray[np.float32], liver: NDArray[np.float32], random: np.random.Generator, level: float
) -> None:
    """Lay masses, cysts and dense deposits into the liver, and a few lumps anywhere."""
    count = random.choice([n for n, _ in MASSES], p=[p for _, p in MASSES])
    inside = np.argwhere(liver > 0.5)
    lumps = int(random.integers(0, 4)) if random.random() < 0.4 else 0
    places = [(inside[random.integers(len(inside))], True) for _ in range(count)] if len(inside) else []
    places += [(random.integers(0, hu.shape), False) for _ in range(lumps)]
    for centre, held in places:
        radius = float(np.exp(random.uniform(np.log(0.8), np.log(11 if count <= 3 else 4))))
        low = [max(0, int(c - 1.6 * radius - 2)) for c in centre]
        high = [min(n, int(c + 1.6 * radius + 3)) for c, n in zip(centre, hu.shape, strict=True)]
        part = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
        grids = np.ogrid[part]
        axes = random.uniform(0.7, 1.4, 3)
        reach = sum(((g - c) / a) ** 2 for g, c, a in zip(grids, centre, axes, strict=True)) ** 0.5
        reach = reach + 0.22 * radius * _rough(random, reach.shape, max(2.0, radius / 2))
        cover = np.clip(radius - reach + 0.5, 0, 1).astype(np.float32)
        body = hu[part] > -300
        cover *= liver[part] if held else body
        value = random.choice(
            [random.uniform(-10, 30), level + random.normal(0, 40), random.uniform(20, 220)]
        )
        if held and radius < 2 and random.random() < 0.2:
            value = random.uniform(200, 1500)
        if held and random.random() < 0.3:  # a rim or a centre of its own
            ring = np.clip((reach - 0.7 * radius), 0, 1)
            value = value + ring * random.normal(0, 40)
        hu[part] += cover * (np.float32(value) - hu[part])


def _scan(hu: NDArray[np.float32], random: np.random.Generator) -> NDArray[np.float32]:
    """Return what a scanner makes of the tissues: blur, thick slices, shading, streaks, noise."""
    blur = random.uniform(0.0, 0.7)
    hu = ndimage.gaussian_filter(hu, (blur * random.uniform(0.5, 1.8), blur, blur), truncate=2.5)
    if random.random() < 0.25 and hu.shape[0] > 4:  # slices thicker than the grid
        step = random.uniform(1.2, 2.4)
        at = np.arange(hu.shape[0])
        centre = np.clip((np.round(at / step) * step), 0, hu.shape[0] - 1)
        low = np.clip(np.floor(centre).astype(np.intp), 0, hu.shape[0] - 2)
        weight = (centre - low).astype(np.float32)[:, None, None]
        hu = hu[low] * (1 - weight) + hu[low + 1] * weight
    inside = hu > -500
    shade = random.normal(0, 8, 3)
    axes = [np.linspace(-1, 1, n, dtype=np.float32) for n in hu.shape]
    slope = shade[0] * axes[0][:, None, None] + shade[1] * axes[1][None, :, None] + shade[2] * axes[2]
    slope = slope + random.uniform(0, 8) * _rough(random, hu.shape, 25)
    hu = hu + slope.astype(np.float32) * inside
    if random.random() < 0.3:  # arms or metal beside the trunk: stripes along the rows
        stripes = _rough(random, (hu.shape[0], hu.shape[1], 1), 0.7)
        hu = hu + np.float32(random.uniform(2, 25)) * stripes * inside
    noise = float(np.exp(random.uniform(np.log(1.0), np.log(28.0))))
    return np.asarray(
        hu + np.float32(noise) * _rough(random, hu.shape, random.uniform(0, 1)), dtype=np.float32
    )


def dress(atlas: Atlas, sampled: Sampled, random: np.random.Generator) -> Sample:
    """Return a synthetic scan of a bent map."""
    tissues = draw_tissues(atlas, random)
    points = sampled.tissue.shape[0]
    hu = np.zeros(sampled.tissue.shape[1:], dtype=np.float32)
    share = np.zeros((len(CLASSES), *hu.shape), dtype=np.float32)
    grain = _rough(random, hu.shape, random.uniform(0.6, 4))
    mottle = np.abs(random.normal(0, 3, atlas.hu.size)).astype(np.float32)
    gut = np.isin(atlas.organ, [CLASSES.index("stomach"), CLASSES.index("bowel")])
    mottle[gut] += np.abs(random.normal(0, 25, int(gut.sum()))).astype(np.float32)
    mottle[atlas.hu < -300] += random.uniform(0, 40)
    for tissue in sampled.tissue:
        hu += (tissues[tissue] + mottle[tissue] * grain) / points
        organ = atlas.organ[tissue]
        for label in range(len(CLASSES)):
            share[label] += (organ == label) * np.float32(1 / points)
    if share[LIVER].any():
        _add_masses(hu, share[LIVER], random, float(tissues[_main_tissue(atlas)]))
    hu = _scan(hu, random)
    hu[sampled.outside] = -1024.0
    share[:, sampled.outside] = 0.0
    share[0, sampled.outside] = 1.0
    return Sample(np.clip(hu, -1024, 3071), share)
