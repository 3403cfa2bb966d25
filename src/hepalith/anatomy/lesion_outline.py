"""Where lesions end: regions of the liver that differ from its parenchyma and are wider than its tubes."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import cc3d
import edt
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hepalith.anatomy.lesion_field import EDGE_MM, SPACING_MM, LesionField

__all__ = ["Region", "outline_regions"]

LEVELS_HU = (120.0, 85.0, 60.0, 42.0, 30.0, 21.0, 15.0, 11.0, 8.0, 6.0)
"""Contrasts at which regions are looked for, strongest first, each about 0.7 of the one before: a region
ends at half of its own contrast, which must first be known."""

SEEN_SPREADS = 4.5
"""Standard deviations of the broad average that a level must exceed: 200,000 voxels of noise, of which some
3,000 are independent, reach 3.4 by chance, and the parenchyma's own texture a little more. Our
judgement."""

HALO_MM, HALO_VOXELS = 3.0, 2
"""What lies so close to a region found at a stronger level is its blur."""

SEED_SHARE = 0.55
"""Share of a level that the broad average must reach in a region: a ball of 12 mm keeps as much, a tube of
6 mm a fifth."""

END_SHARE = 0.5
"""A region ends at this share of its contrast: there lies the edge of what is blurred."""

QUIET_SPREADS = 2.2
"""Where half of a contrast is less than this many spreads of the fine average, the outline is taken from the
broad one: noise would fray it."""

TUBE_MM = 3.2
"""Half the width below which a region is a tube or a sheet (small vessel, fissure, partial volume at the
edge) and no lesion."""

LEAST_ML = 0.15
"""Smallest region: a ball of 6.6 mm."""

CUBE = (SPACING_MM,) * 3
"""Size of a voxel of the copy."""

CELL_ML = SPACING_MM**3 / 1000
"""Volume of a voxel of the copy."""

LEAST_SEEDS, LEAST_SEEDS_ALONE = 6, 60
"""Fewest voxels in which the broad average reaches `SEED_SHARE`, beside something dense and elsewhere: 0.05
mL, which chance peaks do not reach, and 0.5 mL, that of a ball of some 12 mm."""

BESIDE_MM = 6.0
"""How far from the blur of something dense a region is beside it."""

FAINT_SHARE = 0.35
"""Share of a contrast below which what lies beside it is no part of the same lesion. Our judgement."""

SHELL_VOXELS = 3
"""How far about a region its surroundings are looked at, beyond its halo."""

ENCLOSED_SHARE, NODULE_SHARE = 0.45, 0.35
"""A region with so much of its surface at one other is part of that: cysts in a cyst, a dark core in a bright
rim; a smaller one with so much: nodules at the edge of a haemangioma, the fading edge of an infiltrate.
Our judgement."""

END_ROUNDS = 2
"""How often a region's end is looked for."""

TAIL_SHARE = 0.4
"""What is thinner than this share of a lesion's depth is a vessel that runs into it. Our judgement."""

LAYER_MM = (2.0, 6.0)
"""Depth of the layer beneath its first outline from which a region's contrast is taken: beyond the blur of
the edge, within a rim."""


Where = tuple[slice, slice, slice]
"""A box, as an index into the copy."""


@dataclass(frozen=True, slots=True, eq=False)
class Region:
    """One region that differs from the parenchyma.

    Parameters
    ----------
    start
        First voxel of its box on the copy.
    body
        bool: the region, with what it encloses.
    seen
        bool: its part that is tissue, not calcium or its blur.
    """

    start: tuple[int, int, int]
    body: NDArray[np.bool_]
    seen: NDArray[np.bool_]

    @property
    def slices(self) -> Where:
        """Its box as an index into the copy."""
        k, j, i = (slice(a, a + n) for a, n in zip(self.start, self.body.shape, strict=True))
        return (k, j, i)


def outline_regions(field: LesionField) -> list[Region]:
    """Return the regions, largest first.

    Strong contrasts are taken first, so that each region is cut at half of its own contrast; parts that
    touch (cysts in a cyst, a bright rim about a dark core) are then joined, and ended anew as one.
    """
    free = field.inside & (field.depth_mm > EDGE_MM) & ~_tubes(field.vessel) & ~field.duct
    beside = None
    if not field.known.all():
        beside = edt.edt(field.known, anisotropy=CUBE) <= BESIDE_MM
    labels = np.zeros(field.inside.shape, np.uint16)
    contrasts = [0.0]
    for level, sign in itertools.product(LEVELS_HU, (-1, 1)):
        if level < SEEN_SPREADS * field.broad_sd:
            continue
        for where, part in _at_level(field, free, beside, level * sign):
            labels[where][part] = len(contrasts)
            contrasts.append(float(np.median(field.fine[where][part])))
            near = _grown(where, HALO_VOXELS, labels.shape)
            free[near] &= edt.edt(labels[near] != len(contrasts) - 1, anisotropy=CUBE) > HALO_MM
    found = []
    for where, body in _joined(labels, contrasts):
        ended = _ended(field, where, body)
        if ended is not None:
            found.append(ended)
    return sorted(found, key=lambda r: (-int(r.body.sum()), r.start))


def _at_level(
    field: LesionField, free: NDArray[np.bool_], beside: NDArray[np.bool_] | None, contrast: float
) -> list[tuple[Where, NDArray[np.bool_]]]:
    """Return the regions of about one contrast, each with its box."""
    strong = free & _beyond(field.broad, SEED_SHARE * contrast)
    if int(strong.sum()) < LEAST_SEEDS:
        return []
    quiet = END_SHARE * abs(contrast) < QUIET_SPREADS * field.fine_sd
    beyond = free & _beyond(field.broad if quiet else field.fine, END_SHARE * contrast)
    labels, count = cc3d.connected_components(beyond, connectivity=6, return_N=True)
    seeds = np.bincount(labels[strong], minlength=count + 1)
    wanted = seeds >= LEAST_SEEDS_ALONE
    if beside is not None:
        wanted |= (seeds >= LEAST_SEEDS) & (np.bincount(labels[beside], minlength=count + 1) > 0)
    wanted[0] = False
    boxes = cc3d.statistics(labels)["bounding_boxes"]
    found = []
    for number in np.flatnonzero(wanted):
        where = _grown(boxes[number], 1, labels.shape)
        part = opened(_filled(labels[where] == number), TUBE_MM)
        if not part.any():
            continue
        parts, some = cc3d.connected_components(part, connectivity=6, return_N=True)
        for one in range(1, some + 1):
            own = parts == one
            if own.sum() * CELL_ML >= LEAST_ML and int((strong[where] & own).sum()) >= LEAST_SEEDS:
                found.append((where, own))
    return found


def _beyond(field: NDArray[np.float32], contrast: float) -> NDArray[np.bool_]:
    """Return where a field is farther from 0 than a contrast, on its side."""
    far: NDArray[np.bool_] = field < contrast if contrast < 0 else field > contrast
    return far


def _joined(labels: NDArray[np.uint16], contrasts: list[float]) -> list[tuple[Where, NDArray[np.bool_]]]:
    """Return the regions, those that share much of a surface as one."""
    boxes = ndimage.find_objects(labels)
    owner = list(range(len(boxes) + 1))

    def first(n: int) -> int:
        while owner[n] != n:
            n = owner[n]
        return n

    sizes = np.bincount(labels.ravel(), minlength=len(boxes) + 1)
    order = sorted((n for n, b in enumerate(boxes, 1) if b is not None), key=lambda n: int(sizes[n]))
    for number in order:
        where = _grown(boxes[number - 1], SHELL_VOXELS, labels.shape)
        near = labels[where]
        away = edt.edt(near != number, anisotropy=CUBE)
        shell = (away > HALO_MM) & (away <= SHELL_VOXELS * SPACING_MM)
        met = np.bincount(near[shell])
        met[0] = 0
        other = int(met.argmax())
        if (
            other
            and met[other]
            >= _needed(contrasts[number], contrasts[other], smaller=sizes[number] < sizes[other])
            * shell.sum()
        ):
            owner[first(number)] = first(other)
    groups: dict[int, list[int]] = {}
    for number in order:
        groups.setdefault(first(number), []).append(number)
    found = []
    for members in groups.values():
        low = [min(boxes[n - 1][a].start for n in members) for a in range(3)]
        high = [max(boxes[n - 1][a].stop for n in members) for a in range(3)]
        where = _grown(
            (slice(low[0], high[0]), slice(low[1], high[1]), slice(low[2], high[2])), 4, labels.shape
        )
        found.append((where, np.isin(labels[where], members)))
    return found


def _needed(own: float, other: float, *, smaller: bool) -> float:
    """Return the share of a region's surface that must lie at another for both to be one lesion.

    What is much fainter than its neighbour is the blur of its edge, or chance beside it.
    """
    if own * other > 0 and min(abs(own), abs(other)) < FAINT_SHARE * max(abs(own), abs(other)):
        return 2.0
    return NODULE_SHARE if smaller else ENCLOSED_SHARE


def _ended(field: LesionField, where: Where, body: NDArray[np.bool_]) -> Region | None:
    """Return a region that ends at half of the contrast of what lies just inside its edge, without tails."""
    body = _filled(opened(_filled(_closed(body, HALO_MM)), TUBE_MM))
    fine, known = field.fine[where], field.known[where]
    for _ in range(END_ROUNDS):
        depth = edt.edt(body, anisotropy=CUBE, black_border=True)
        layer = body & known & (depth > LAYER_MM[0]) & (depth <= LAYER_MM[1])
        if int(layer.sum()) < LEAST_SEEDS:
            break
        contrast = float(np.median(fine[layer]))
        ends = (depth <= LAYER_MM[0]) & known & (np.sign(contrast) * fine < END_SHARE * abs(contrast))
        body &= ~ends
    depth = edt.edt(body, anisotropy=CUBE, black_border=True)
    body = _filled(opened(body, max(TUBE_MM - 0.5 * SPACING_MM, TAIL_SHARE * float(depth.max()))))
    rim = field.inside[where] & (field.depth_mm[where] <= EDGE_MM) & ~field.duct[where]
    body |= rim & (edt.edt(~body, anisotropy=CUBE) <= EDGE_MM + 0.5)
    parts, count = cc3d.connected_components(body, connectivity=6, return_N=True)
    if count > 1:
        body = parts == 1 + int(np.bincount(parts.ravel())[1:].argmax())
    if body.sum() * CELL_ML < LEAST_ML:
        return None
    k, j, i = where
    return Region((k.start, j.start, i.start), body, body & known)


def _grown(box: Where, margin: int, shape: tuple[int, ...]) -> Where:
    """Return a box with a margin, held within an array."""
    k, j, i = (
        slice(max(0, s.start - margin), min(n, s.stop + margin)) for s, n in zip(box, shape, strict=True)
    )
    return (k, j, i)


def _tubes(vessel: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the vessels that are narrow: a lesion that fills with blood may be among the wide ones."""
    return vessel & ~opened(vessel, 2.5 * TUBE_MM) if vessel.any() else vessel


def opened(mask: NDArray[np.bool_], radius_mm: float) -> NDArray[np.bool_]:
    """Return what of a mask a ball of a radius fits into."""
    core: NDArray[np.bool_] = edt.edt(mask, anisotropy=CUBE, black_border=True) > radius_mm
    if not core.any():
        return core
    wide: NDArray[np.bool_] = mask & (edt.edt(~core, anisotropy=CUBE) <= radius_mm + 0.5 * SPACING_MM)
    return wide


def _closed(mask: NDArray[np.bool_], radius_mm: float) -> NDArray[np.bool_]:
    """Return a mask with seams narrower than twice a radius filled."""
    near = edt.edt(~mask, anisotropy=CUBE) <= radius_mm
    closed: NDArray[np.bool_] = mask | (edt.edt(near, anisotropy=CUBE) > radius_mm)
    return closed


def _filled(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    filled: NDArray[np.bool_] = ndimage.binary_fill_holes(mask)
    return filled
