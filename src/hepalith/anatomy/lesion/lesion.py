"""Lesions of the liver: regions darker or brighter than its parenchyma, with extent, edge and texture."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cc3d
import edt
import numpy as np
from numpy.typing import NDArray

from hepalith.anatomy.lesion.edge import measure_edge
from hepalith.anatomy.lesion.field import EDGE_MM, SPACING_MM, LesionField
from hepalith.anatomy.lesion.outline import Region

__all__ = ["Lesion", "look_at_lesion", "spread_directions"]

CORE_MM = 2.5
"""Deeper than this in a lesion the blur of its edge is left behind."""

LEAST_CORE = 12
"""Fewest voxels of a core; with fewer, all of the lesion that is seen counts."""

ABOUT_MM = (3.0, 9.0)
"""How far about a lesion the parenchyma that it is compared with lies: beyond the blur of its edge."""

FAT_HU, GAS_HU, FLUID_HU = -20.0, -200.0, 25.0
"""HU below which tissue holds fat, is gas, and is fluid: fat is called below -20 HU in the kidney's and
adrenal's lesions (grade C); bile and cysts measure 0 to 20 HU (textbooks, grade C)."""

POOL_HU, POOL_SPREADS = 8.0, 3.0
"""A pool is darker than the middle of its lesion by so many HU and spreads of the noise."""

POOL_VOXELS = 4
"""Fewest voxels of a pool: 4 mm across."""

BRIGHT_HU, BRIGHT_SPREADS = 10.0, 3.0
"""A bright part of a lesion exceeds the parenchyma by so many HU and spreads of the noise."""

DEEP_SHARE, DEEP_MM = 0.6, 6.0
"""Share of the greatest distance from the lesion's edge and from calcium, and the distance, from which the
blur of neither reaches, so that the content is measured as it is: the lesser of the two counts."""

MANY_VOXELS = 200
"""Voxels of the content from which it is measured on the smoothed copy. Of a smaller one the copy is taken as
it is: smoothing would carry the wall, and the liver beyond calcium that is left out, into it."""


@dataclass(frozen=True, slots=True, eq=False)
class Lesion:
    """One region of the liver that differs from its parenchyma.

    Parameters
    ----------
    region
        Its outline on the 2 mm copy.
    centre_lps_mm
        Middle of its extent.
    diameter_mm
        Longest caliper of its extent at half of its contrast.
    volume_ml
        Of that extent.
    core_hu, contrast_hu
        Median HU of its content, where neither the blur of its edge nor that of calcium reaches; and how far
        what lies beneath its edge is from the parenchyma about it.
    contrast_error_hu
        Standard error of the contrast: noise, and how far the liver's own texture strays at this size.
    rim_hu
        Median HU of the layer beneath its edge, less that of the core.
    edge_mm, edge_error_mm
        Width of its own edge, from 20 to 80 % of the contrast, beyond the blur of the scan, and the standard
        error of that; 0 and infinite where too little of the edge is seen.
    texture_hu
        Standard deviation of the content beyond what noise explains.
    fat_share, gas_share, fluid_share, bright_share
        Shares of what is seen that measure as fat, as gas, as fluid, and brighter than parenchyma.
    bright_hu
        Median HU of the bright part; that of the core where there is none.
    pools, pool_share
        Number of separate dark places within it, and their share of it.
    central_hu
        Median HU of the innermost tenth, less that of the core.
    roundness
        Depth of its deepest place over the radius of a ball of its volume: 1 for a ball, less for tubes
        and sheets.
    compactness
        Diameter of a ball of its volume over its longest caliper: 1 for a ball, one half for a stretch of
        vessel.
    seen_ml
        Volume of what of it is tissue, not calcium or its blur.
    edge_share
        Share of its surface at the liver's edge.
    """

    region: Region
    centre_lps_mm: tuple[float, float, float]
    diameter_mm: float
    volume_ml: float
    core_hu: float
    contrast_hu: float
    contrast_error_hu: float
    rim_hu: float
    edge_mm: float
    edge_error_mm: float
    texture_hu: float
    fat_share: float
    gas_share: float
    fluid_share: float
    bright_share: float
    bright_hu: float
    pools: int
    pool_share: float
    central_hu: float
    roundness: float
    compactness: float
    seen_ml: float
    edge_share: float


def look_at_lesion(field: LesionField, region: Region) -> Lesion | None:
    """Return what is measured of a region; None where too little of it is seen."""
    where = _with_margin(region, field)
    body = field_part(region, where)
    cube = (SPACING_MM,) * 3
    inward = edt.edt(body, anisotropy=cube, black_border=True)
    outward = edt.edt(~body, anisotropy=cube)
    known = field.known[where]
    seen = body & known
    core = seen & (inward > CORE_MM)
    if int(core.sum()) < LEAST_CORE:
        core = seen
    if int(core.sum()) < LEAST_CORE // 2:
        return None
    trusted = known & field.inside[where] & ~field.vessel[where] & (field.depth_mm[where] > EDGE_MM)
    about = trusted & ~body & (outward > ABOUT_MM[0]) & (outward <= ABOUT_MM[1])
    fine, level, hu = field.fine[where], field.level_hu[where], field.coarse.hu[where]
    around = float(np.median(fine[about])) if int(about.sum()) >= LEAST_CORE else 0.0
    middle = float(np.median(fine[core]))
    absolute = fine + level
    bright = seen & (fine > max(BRIGHT_HU, BRIGHT_SPREADS * field.fine_sd))
    pools, pooled = _pools(fine, core, middle, field.fine_sd)
    surface = body & (inward <= SPACING_MM)
    places = np.argwhere(surface) + [s.start for s in where]
    volume_ml = float(body.sum()) * SPACING_MM**3 / 1000
    x, y, z = (float(v) for v in field.grid.to_lps((places.min(axis=0) + places.max(axis=0)) / 2))
    diameter = _caliper(places @ field.grid.affine[:3, :3].T) + SPACING_MM
    ball_mm = 10 * (3 * volume_ml / (4 * math.pi)) ** (1 / 3)
    inner = core & (inward >= np.percentile(inward[body], 90))
    rim = seen & (inward <= CORE_MM + SPACING_MM)
    independent = max(float(core.sum()) / VOXELS_PER_DRAW, 1.0)
    content, noise_hu = _content(field, where, (inward, body), about)
    told = trusted | seen  # the finder of vessels takes a bright lesion for one
    edge = measure_edge(field, where, body, told & field.sure[where])
    return Lesion(
        region=region,
        centre_lps_mm=(x, y, z),
        diameter_mm=diameter,
        volume_ml=volume_ml,
        core_hu=float(np.median(content)),
        contrast_hu=middle - around,
        contrast_error_hu=math.hypot(field.fine_sd / math.sqrt(independent), field.broad_sd),
        rim_hu=float(np.median(fine[rim])) - middle,
        edge_mm=0.0 if edge is None else edge.blur_mm,
        edge_error_mm=math.inf if edge is None else edge.error_mm,
        texture_hu=_texture(content, noise_hu),
        fat_share=float((hu[seen] < FAT_HU).mean()),
        gas_share=float((hu[body] < GAS_HU).mean()),
        fluid_share=float((content < FLUID_HU).mean()),
        bright_share=float(bright.sum() / seen.sum()),
        bright_hu=float(np.median(absolute[bright])) if bright.any() else float(np.median(absolute[core])),
        pools=pools,
        pool_share=pooled,
        central_hu=float(np.median(fine[inner])) - middle if inner.any() else 0.0,
        roundness=float(inward.max()) / ball_mm,
        compactness=2 * ball_mm / diameter,
        seen_ml=float(seen.sum()) * SPACING_MM**3 / 1000,
        edge_share=float((field.depth_mm[where][surface] <= EDGE_MM).mean()),
    )


VOXELS_PER_DRAW = 20.0
"""Voxels of the fine average that share one independent draw of noise: (2 √π · 0.9)³."""


def _with_margin(region: Region, field: LesionField) -> tuple[slice, slice, slice]:
    margin = math.ceil(ABOUT_MM[1] / SPACING_MM) + 1
    k, j, i = (
        slice(max(0, s.start - margin), min(n, s.stop + margin))
        for s, n in zip(region.slices, field.inside.shape, strict=True)
    )
    return (k, j, i)


def field_part(region: Region, where: tuple[slice, slice, slice]) -> NDArray[np.bool_]:
    """Return a region's body in a box of the copy that holds it."""
    body = np.zeros(tuple(s.stop - s.start for s in where), np.bool_)
    body[
        tuple(slice(s.start - w.start, s.stop - w.start) for s, w in zip(region.slices, where, strict=True))
    ] = region.body
    return body


def _pools(
    fine: NDArray[np.float32], core: NDArray[np.bool_], middle: float, noise_hu: float
) -> tuple[int, float]:
    """Return the number of dark places in a core, and their share of it."""
    dark = core & (fine < middle - max(POOL_HU, POOL_SPREADS * noise_hu))
    labels, count = cc3d.connected_components(dark, connectivity=6, return_N=True)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)[1:]
    large = sizes >= POOL_VOXELS
    return int(large.sum()), float(sizes[large].sum() / core.sum())


def _texture(values: NDArray[np.float32], noise_hu: float) -> float:
    """Return the standard deviation of values beyond noise, the farthest tenth left out."""
    low, high = np.percentile(values, (5, 95))
    spread = float(high - low) / 3.29
    return math.sqrt(max(spread**2 - noise_hu**2, 0.0))


def _content(
    field: LesionField,
    where: tuple[slice, slice, slice],
    lesion: tuple[NDArray[np.float32], NDArray[np.bool_]],
    about: NDArray[np.bool_],
) -> tuple[NDArray[np.float32], float]:
    """Return the HU of a lesion's content, and their noise.

    Of large lesions from the smoothed copy; of small ones from the copy as it is, with the noise of the
    parenchyma about them.
    """
    inward, body = lesion
    known = field.known[where]
    free = inward if known.all() else np.minimum(inward, edt.edt(known, anisotropy=(SPACING_MM,) * 3))
    free = np.where(body & known, free, 0)
    deep = free >= min(DEEP_MM, DEEP_SHARE * float(free.max()))
    level = field.level_hu[where]
    if int(deep.sum()) >= MANY_VOXELS:
        return (field.fine[where] + level)[deep], field.fine_sd
    hu = field.coarse.hu[where]
    if int(about.sum()) < LEAST_CORE:
        return hu[deep], field.fine_sd
    plain = (hu - level)[about]
    return hu[deep], 1.4826 * float(np.median(np.abs(plain - np.median(plain))))


def _caliper(points_mm: NDArray[np.float64]) -> float:
    """Return the longest extent of points over evenly spread directions."""
    return float(np.ptp(points_mm @ HALF_SPHERE.T, axis=0).max())


def spread_directions(count: int, *, half: bool = False) -> NDArray[np.float64]:
    """Return unit vectors evenly spread over the sphere, or half of it, shape (count, 3) (Fibonacci lattice).

    Examples
    --------
    >>> spread_directions(8).shape
    (8, 3)
    """
    n = np.arange(count) + 0.5
    z = n / count if half else 1 - 2 * n / count
    turn, ring = math.pi * (1 + math.sqrt(5)) * n, np.sqrt(1 - z * z)
    return np.stack([ring * np.cos(turn), ring * np.sin(turn), z], axis=1)


HALF_SPHERE = spread_directions(64, half=True)
"""Directions in which the caliper is laid: the longest is then short by less than 1 %; extents have no
sign."""
