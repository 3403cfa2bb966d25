"""Where lesions end: regions of the liver that differ from its parenchyma and are wider than its tubes."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import cc3d
import edt
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hepalith.anatomy.lesion.field import EDGE_MM, SPACING_MM, LesionField

__all__ = ["Region", "narrow_vessels", "outline_regions"]

LEVELS_HU = (120.0, 85.0, 60.0, 42.0, 30.0, 21.0, 15.0, 11.0, 8.0, 6.0)
"""Contrasts at which regions are looked for, strongest first, each about 0.7 of the one before: a region
ends at half of its own contrast, which must first be known."""

SEEN_SPREADS = 4.5
"""Standard deviations of the broad average that a level must exceed: 200,000 voxels of noise, of which some
3,000 are independent, reach 3.4 by chance, and the parenchyma's own texture a little more. Our
judgement."""

WIDE_MM = 4.5
"""Half the width up to which what was told as vessel is one for sure: a lesion that fills with blood may be
among wider ones, which their shape tells."""

BRIGHT_ABOUT = 0.6
"""Share of what is seen just about calcium that must be bright for the calcium to lie within something
bright: beside a vessel it is less than half. Our judgement."""

HALO_MM, HALO_VOXELS = 3.0, 2
"""What lies so close to a region found at a stronger level is its blur."""

SEED_SHARE = 0.55
"""Share of a level that the broad average must reach in a region: a ball of 12 mm keeps as much, a tube of
6 mm a fifth."""

BODY_SHARE = 0.3
"""... and everywhere in it: the edge of a ball of 12 mm keeps as much, so that tubes fall away from it."""

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

TOUCH_SHARE = 0.15
"""Least share of its surroundings in which a region meets another for both to be parts of one."""

NODULE_SHARE, NODULE_MM, NODULE_VOXELS = 0.3, 7.0, 10
"""Share of its surface with which a nodule lies at its lesion; how far the outlines of both lie apart, since
each ends at half of its own contrast and the blur between dark and bright is wide; and how many voxels about
it is looked for. Nodules of the development phantoms have 0.38 to 0.49, vessels that pass 0.1 to 0.22."""

NODULES_FROM_ML, LEAST_BLOOD_HU = 1.0, 25.0
"""Smallest lesion whose nodules can be told from vessels, and least excess of blood over the parenchyma."""

AS_ROUND = 0.98
"""Two parts are one where both together are as round as the larger alone, but for the ragged outline: a
cyst in a cyst adds nothing to its outline, a vessel beside a lesion does. Our judgement."""

REGROW_VOXELS, REGROW_GAIN, REGROW_KEPT = 10, 1.25, 0.9
"""How far about a region weaker contrast is looked for, by how much its volume must then grow, and what
share of the region must remain once tails are cut. Our judgement."""

END_ROUNDS = 2
"""How often a region's end is looked for."""

LEAST_FILL = 0.1
"""Least share of its box that a region fills: a ball fills a half, a tree of vessels a twentieth."""

LEAST_ROUND = 0.4
"""Depth of the deepest place over the radius of a ball of the same volume, below which a region is a tree
of vessels or a sheet. Our judgement."""

TAIL_SHARE = 0.55
"""What is thinner than this share of a lesion's depth is a vessel that runs into it: in a fatty liver a mass
is as bright as its vessels, and one region with them. On 158 studies of development phantoms one lesion more
was seen than with 0.4, and none less."""

LAYER_MM = (2.0, 6.0)
"""Depth of the layer beneath its first outline from which a region's contrast is taken: beyond the blur of
the edge, within a rim."""


Where = tuple[slice, slice, slice]
"""A box, as an index into the copy."""

Body = tuple[Where, NDArray[np.bool_]]
"""A region in its box."""


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


def outline_regions(field: LesionField, blood_excess_hu: float | None = None) -> list[Region]:
    """Return the regions, largest first.

    `blood_excess_hu` is how far blood stands above the parenchyma; None where that is not known.

    Strong contrasts are taken first, so that each region is cut at half of its own contrast; parts that
    touch (cysts in a cyst, a bright rim about a dark core) are then joined, and ended anew as one.
    """
    free = field.inside & (field.depth_mm > EDGE_MM) & ~narrow_vessels(field) & ~field.duct
    beside = None
    if not field.known.all():
        beside = edt.edt(field.known, anisotropy=CUBE) <= BESIDE_MM
    labels = np.zeros(field.inside.shape, np.uint16)
    contrasts = [0.0]
    for level, sign in itertools.product(LEVELS_HU, (-1, 1)):
        if level < SEEN_SPREADS * field.broad_sd:
            continue
        for found_at, found_part in _at_level(field, free, beside, level * sign):
            left = found_at, found_part & free[found_at]
            if not left[1].any() or _roundness(_solid(field, left)) < LEAST_ROUND:
                continue  # vessels, or the ragged part of something that a weaker contrast shows whole
            where, part = _regrown(field, free, left, level * sign)
            labels[where][part] = len(contrasts)
            contrasts.append(float(np.median(field.fine[where][part])))
            near = _grown(where, HALO_VOXELS, labels.shape)
            free[near] &= edt.edt(labels[near] != len(contrasts) - 1, anisotropy=CUBE) > HALO_MM
    found = []
    for where, body in _joined(field, labels, contrasts):
        ended = _ended(field, where, body)
        if ended is not None and blood_excess_hu is not None:
            ended = _with_nodules(field, ended, blood_excess_hu)
        if ended is not None:
            found.append(ended)
    return _apart(sorted(found, key=lambda r: (-int(r.body.sum()), r.start)), field.inside.shape)


def _apart(regions: list[Region], shape: tuple[int, ...]) -> list[Region]:
    """Return the regions that lie outside the larger ones before them."""
    taken = np.zeros(shape, np.bool_)
    kept = []
    for region in regions:
        if 2 * int((taken[region.slices] & region.body).sum()) < int(region.body.sum()):
            taken[region.slices] |= region.body
            kept.append(region)
    return kept


def _at_level(
    field: LesionField, free: NDArray[np.bool_], beside: NDArray[np.bool_] | None, contrast: float
) -> list[tuple[Where, NDArray[np.bool_]]]:
    """Return the regions of about one contrast, each with its box."""
    strong = free & _beyond(field.broad, SEED_SHARE * contrast)
    if int(strong.sum()) < LEAST_SEEDS:
        return []
    quiet = END_SHARE * abs(contrast) < QUIET_SPREADS * field.fine_sd
    beyond = free & _beyond(field.broad if quiet else field.fine, END_SHARE * contrast)
    beyond &= _beyond(field.broad, BODY_SHARE * contrast)
    labels, count = cc3d.connected_components(beyond, connectivity=6, return_N=True)
    seeds = np.bincount(labels[strong], minlength=count + 1)
    wanted = seeds >= LEAST_SEEDS_ALONE
    if beside is not None:
        wanted |= (seeds >= LEAST_SEEDS) & (np.bincount(labels[beside], minlength=count + 1) > 0)
    wanted[0] = False
    if not wanted.any():
        return []
    known = cc3d.statistics(labels)
    boxes, sizes = known["bounding_boxes"], known["voxel_counts"]
    room = np.array([np.prod([max(s.stop - s.start, 1) for s in b]) for b in boxes])
    wanted &= (sizes * CELL_ML >= LEAST_ML) & (sizes >= LEAST_FILL * room)
    found = []
    for number in np.flatnonzero(wanted):
        where = _grown(boxes[number], 1, labels.shape)
        found.append((where, labels[where] == number))
    return found


def _regrown(field: LesionField, free: NDArray[np.bool_], part: Body, contrast: float) -> Body:
    """Return a region with what lies about it at a weaker contrast, where it is as round with that.

    So a pool of fluid grows to the infiltrate that it lies in, and a sharp lesion stays as it is.
    """
    near = _grown(part[0], SHELL_VOXELS, free.shape)
    away = edt.edt(~_placed(part, near), anisotropy=CUBE)
    shell = free[near] & (away > HALO_MM) & (away <= SHELL_VOXELS * SPACING_MM)
    weak = max(FAINT_SHARE * abs(contrast), END_SHARE * SEEN_SPREADS * field.broad_sd)
    if (shell & _beyond(field.broad[near], math.copysign(weak, contrast))).sum() < TOUCH_SHARE * shell.sum():
        return part
    where = _grown(part[0], REGROW_VOXELS, free.shape)
    body = _placed(part, where)
    depth = _depth(body)
    for level in LEVELS_HU:
        if not max(FAINT_SHARE * abs(contrast), SEEN_SPREADS * field.broad_sd) <= level < abs(contrast):
            continue
        quiet = END_SHARE * level < QUIET_SPREADS * field.fine_sd
        outline = (field.broad if quiet else field.fine)[where]
        wide = free[where] & _beyond(outline, math.copysign(END_SHARE * level, contrast))
        labels = cc3d.connected_components(wide | body, connectivity=6)
        wide = _solid(field, (where, labels == labels[body][0]))
        wide = opened(wide, TAIL_SHARE * float(_depth(wide).max()))
        if wide.sum() < REGROW_GAIN * body.sum() or (wide & body).sum() < REGROW_KEPT * body.sum():
            continue
        reach = _depth(wide)
        if reach.max() / _ball_mm(wide) >= AS_ROUND * depth.max() / _ball_mm(body):
            body, depth = wide & free[where], reach
    return where, body


def _depth(body: NDArray[np.bool_]) -> NDArray[np.float32]:
    deep: NDArray[np.float32] = edt.edt(body, anisotropy=CUBE, black_border=True)
    return deep


def _placed(part: Body, where: Where) -> NDArray[np.bool_]:
    """Return a region in a larger box."""
    body = np.zeros(tuple(s.stop - s.start for s in where), np.bool_)
    body[tuple(slice(s.start - w.start, s.stop - w.start) for s, w in zip(part[0], where, strict=True))] = (
        part[1]
    )
    return body


def _beyond(field: NDArray[np.float32], contrast: float) -> NDArray[np.bool_]:
    """Return where a field is farther from 0 than a contrast, on its side."""
    far: NDArray[np.bool_] = field < contrast if contrast < 0 else field > contrast
    return far


def _joined(field: LesionField, labels: NDArray[np.uint16], contrasts: list[float]) -> list[Body]:
    """Return the regions; two that touch are one where both together are rounder than the larger alone."""
    parts: dict[int, Body] = {}
    for number, where in enumerate(ndimage.find_objects(labels), start=1):
        if where is not None:
            wide = _grown(where, SHELL_VOXELS, labels.shape)
            parts[number] = wide, labels[wide] == number
    owner = {n: n for n in parts}
    for number in sorted(parts, key=lambda n: int(parts[n][1].sum())):
        where, body = parts[number]
        away = edt.edt(~body, anisotropy=CUBE)
        shell = (away > HALO_MM) & (away <= SHELL_VOXELS * SPACING_MM)
        met = np.bincount(labels[where][shell], minlength=1)
        met[0] = met[number : number + 1] = 0
        for other in np.argsort(met)[::-1]:
            if met[other] < TOUCH_SHARE * shell.sum():
                break
            if _faint(contrasts[number], contrasts[other]):
                continue
            whole = _union(parts[number], parts[int(other)], labels.shape)
            rounder = _roundness(_solid(field, whole)) / _roundness(_solid(field, parts[int(other)]))
            if rounder > AS_ROUND:
                owner[number] = int(other)
                parts[int(other)] = whole
                labels[whole[0]][whole[1]] = other
                break
    return [parts[n] for n in parts if owner[n] == n]


def _faint(own: float, other: float) -> bool:
    """Return whether one contrast is but the blur of another's edge."""
    return own * other > 0 and min(abs(own), abs(other)) < FAINT_SHARE * max(abs(own), abs(other))


def _union(one: Body, other: Body, shape: tuple[int, ...]) -> Body:
    """Return two regions as one."""
    low = [min(a.start, b.start) for a, b in zip(one[0], other[0], strict=True)]
    high = [max(a.stop, b.stop) for a, b in zip(one[0], other[0], strict=True)]
    where = _grown((slice(low[0], high[0]), slice(low[1], high[1]), slice(low[2], high[2])), 0, shape)
    whole = np.zeros(tuple(s.stop - s.start for s in where), np.bool_)
    for box, body in (one, other):
        whole[tuple(slice(b.start - w.start, b.stop - w.start) for b, w in zip(box, where, strict=True))] |= (
            body
        )
    return where, whole


def _solid(field: LesionField, part: Body) -> NDArray[np.bool_]:
    """Return a region with its seams, its holes and the calcium at it filled."""
    where, body = part
    near = edt.edt(~body, anisotropy=CUBE) <= HALO_MM
    closed = body | (edt.edt(near | (~field.known[where] & near), anisotropy=CUBE) > HALO_MM)
    return _filled(closed)


def _roundness(body: NDArray[np.bool_]) -> float:
    """Return the depth of the deepest place over the radius of a ball of the same volume."""
    if not body.any():
        return 0.0
    return float(edt.edt(body, anisotropy=CUBE, black_border=True).max()) / _ball_mm(body)


def _ended(field: LesionField, where: Where, body: NDArray[np.bool_]) -> Region | None:
    """Return a region that ends at half of the contrast of what lies just inside its edge, without tails."""
    body = _solid(field, (where, body))
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
    if float(depth.max()) < LEAST_ROUND * _ball_mm(body):
        return None
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


def _with_nodules(field: LesionField, region: Region, blood_excess_hu: float) -> Region:
    """Return a dark region with the nodules at its edge that are as bright as blood: a haemangioma fills so.

    Vessels that pass by are thinner, or lie at it with less of their surface.
    """
    volume = region.body.sum() * CELL_ML
    dark = float(np.median(field.fine[region.slices][region.seen])) < 0 if region.seen.any() else False
    if not dark or volume < NODULES_FROM_ML or blood_excess_hu < LEAST_BLOOD_HU:
        return region
    where = _grown(region.slices, NODULE_VOXELS, field.inside.shape)
    body = _placed((region.slices, region.body), where)
    bright = field.inside[where] & (field.fine[where] > END_SHARE * blood_excess_hu) & field.known[where]
    bright = opened(bright & ~body, TUBE_MM)
    labels, count = cc3d.connected_components(bright, connectivity=6, return_N=True)
    near = edt.edt(~body, anisotropy=CUBE) <= NODULE_MM
    nodules = np.zeros(body.shape, np.bool_)
    for number in range(1, count + 1):
        part = labels == number
        surface = part & ~np.asarray(ndimage.binary_erosion(part))
        if part.sum() < body.sum() and (surface & near).sum() >= NODULE_SHARE * surface.sum():
            nodules |= part
    if not nodules.any():
        return region
    solid = _solid(field, (where, body | nodules))
    k, j, i = where
    return Region((k.start, j.start, i.start), solid, solid & field.known[where])


def _ball_mm(body: NDArray[np.bool_]) -> float:
    """Return the radius of a ball of a region's volume."""
    return math.cbrt(3 * float(body.sum()) * SPACING_MM**3 / (4 * math.pi))


def _grown(box: Where, margin: int, shape: tuple[int, ...]) -> Where:
    """Return a box with a margin, held within an array."""
    k, j, i = (
        slice(max(0, s.start - margin), min(n, s.stop + margin)) for s, n in zip(box, shape, strict=True)
    )
    return (k, j, i)


def narrow_vessels(field: LesionField) -> NDArray[np.bool_]:
    """Return the narrow bright vessels: a lesion that fills with blood may be among the wide ones.

    What is half as bright about them counts with them: the finder of vessels picks pieces out of a lesion
    that is bright by itself, or brighter than a fatty liver, and the pieces alone are narrow.
    """
    vessel = field.vessel & (field.fine > field.fine_sd)
    if not vessel.any():
        return vessel
    half = max(END_SHARE * float(np.median(field.fine[vessel])), 2 * field.fine_sd)
    bright = vessel | (field.inside & field.known & (field.fine > half))
    return vessel & ~opened(bright | _hidden_within(bright, field), WIDE_MM)


def _hidden_within(bright: NDArray[np.bool_], field: LesionField) -> NDArray[np.bool_]:
    """Return what calcium hides and what is mostly bright about it."""
    labels = cc3d.connected_components(~field.known & field.inside, connectivity=26)
    hidden = np.zeros(bright.shape, np.bool_)
    for number, box in enumerate(ndimage.find_objects(labels), start=1):
        where = _grown(box, 1, bright.shape)
        part = labels[where] == number
        shell = ndimage.binary_dilation(part) & ~part
        if shell.any() and bright[where][shell].mean() >= BRIGHT_ABOUT:
            hidden[where] |= part
    return hidden


def opened(mask: NDArray[np.bool_], radius_mm: float) -> NDArray[np.bool_]:
    """Return what of a mask a ball of a radius fits into."""
    core: NDArray[np.bool_] = edt.edt(mask, anisotropy=CUBE, black_border=True) > radius_mm
    if not core.any():
        return core
    wide: NDArray[np.bool_] = mask & (edt.edt(~core, anisotropy=CUBE) <= radius_mm + 0.5 * SPACING_MM)
    return wide


def _filled(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    filled: NDArray[np.bool_] = ndimage.binary_fill_holes(mask)
    return filled
