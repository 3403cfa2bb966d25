"""Which lesion lies around which calcification, and what could have been missed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist
from types import MappingProxyType

import edt
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hepalith.anatomy.ducts import Ducts
from hepalith.anatomy.lesion import Lesion, look_at_lesion, spread_directions
from hepalith.anatomy.lesion_field import SPACING_MM, LesionField, lay_lesion_field
from hepalith.anatomy.lesion_outline import Region, outline_regions
from hepalith.anatomy.liver import Liver, Phase
from hepalith.anatomy.phase import measure_aorta
from hepalith.anatomy.vessels import Vessels
from hepalith.calcification.focus import Foci, Focus
from hepalith.finding.host import Host, HostRelation, Hosts
from hepalith.finding.host_feature import features_of, position_of
from hepalith.finding.host_kind import Blood, enhancement_of, kinds_of, rise
from hepalith.image.volume import Volume
from hepalith.vocabulary import Measurement, NotAssessable

__all__ = ["find_hosts"]

UNENHANCED_REASON = "on an unenhanced scan a lesion around the calcium can be seen, but never excluded"
PHASE_REASON = "whether this scan is enhanced is not sure: a lesion around the calcium cannot be excluded"
LITTLE_REASON = "too little liver about the calcium is seen"

BLUR_MM = 3.0
"""How far the blur of calcium hides the tissue about it: half a slice, the in-plane blur and the copy's
own."""

ABOUT_MM = 7.0
"""How far about a focus its surroundings are looked at: 4 mm of tissue beyond the blur."""

LEAST_ABOUT = 25
"""Fewest voxels of the copy in those surroundings (0.2 mL)."""

HELD_SHARE, HELD_SLOPE = 0.2, 0.05
"""Share of a focus's surroundings that is as likely as not enough for a lesion to hold or touch it: calcium
in the wall of a large cyst has two fifths, chance neighbours seldom a tenth. Our judgement."""

LINED_MM = 7.0
"""How far from calcium the surface of a lesion that it lines may lie: its blur, and a voxel on either
side."""

LINED_SHARE, LINED_SLOPE = 0.18, 0.03
"""Share of a lesion's surface that calcium must line, to be that of its wall. A rim covers a fifth to two
thirds; a nodule beside a lesion less than a tenth. Our judgement."""

WALL_SHARE, WALL_SLOPE, WALL_FROM = 0.15, 0.03, 0.6
"""Share of the directions from a lesion's middle in which one focus must be met for its wall to be called
calcified, and from which share of the radius on it counts. A rim fills a fifth to all, a fleck of 5 mm in
the wall of a cyst of 20 mm a twentieth. Our judgement."""

DIRECTIONS = spread_directions(200)
"""Evenly spread over the sphere."""

ROUND_MIDDLE, ROUND_SLOPE = 0.5, 0.035
"""Roundness at which a region is as likely as not a lesion: stretches of vessels have 0.3 to 0.55, lesions
0.6 to 0.95. From development phantoms."""

SIZE_ML, SIZE_SLOPE_ML = 0.35, 0.1
"""Volume at which a region is as likely as not a lesion (8.7 mm); smaller ones are chance or vessels."""

CONTRAST_ERRORS, CONTRAST_SLOPE = 4.5, 0.6
"""Contrast over its error at which a region is as likely as not a lesion."""

COMPACT_MIDDLE, COMPACT_SLOPE = 0.58, 0.035
"""Compactness at which a region is as likely as not a lesion: stretches of vessels have 0.35 to 0.55,
lesions 0.65 to 0.9. From development phantoms."""

BRIGHT_COMPACT, BRIGHT_ML = 0.66, 0.8
"""Compactness and volume at which a region brighter than parenchyma is as likely as not a lesion: where
vessels meet or divide they are short and thick."""

AT_EDGE_LESS_ROUND, AT_EDGE_SLOPE = -0.08, 0.04
"""Share of its surface at the liver's edge less its roundness at which a region is as likely as not a
fissure, a neighbour, ascites or partial volume: a mass that reaches the surface is round. Our judgement."""

FOREIGN_SHARE, FOREIGN_SLOPE = 0.35, 0.06
"""What the network says of other organs where the region lies (gallbladder, gut, cava) at which it is as
likely as not one of them."""

FOREIGN = ("gallbladder", "stomach", "bowel", "kidney", "vena_cava", "heart", "lung", "spleen")

HOST_PRIOR, SHELL_PRIOR = 0.15, 0.9
"""Share of calcifications that lie in a lesion, before the image is looked at, and of those that are shells: a
shell is the wall of a cyst, a scar or an aneurysm. Our judgement."""

SHELLS = ("rim", "eggshell")
"""Forms of calcium that enclose something."""

LEAST_CHANCE = 0.05
"""Below this a region is not asked whether it is a focus's host."""

MISSED_LEAST = 0.1
"""Share of lesions that measure like the liver in a phase whatever the noise. Our judgement (grade C)."""

USUAL_CONTRAST = (30.0, 0.8)
"""Median of the contrast of lesions in an enhanced phase, HU, and the spread of its logarithm: of tumours
from iso- to markedly hypodense, and cysts. Our judgement (grade C)."""

USUAL_HOST_MM = 15.0
"""Diameter of the lesion that is asked for where none is seen."""

SEEN_ERRORS = 4.0
"""Contrast, over the error of the mean at that size, that is seen."""

SURE_OF_NONE = 0.9
"""Least probability at which no host is called: below, the scan cannot say. Our judgement."""

MASS_PROBABILITY, MASS_ML, MASS_ROUND, MASS_HU = 0.9, 0.7, 0.62, 10.0
"""A mass without calcium is reported from these on: it is not looked for as hard as a host, since a false
one in a healthy liver does more harm than a small one missed. 0.7 mL is a ball of 11 mm."""


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """A lesion and how likely it is one."""

    lesion: Lesion
    probability: float


@dataclass(frozen=True, slots=True, eq=False)
class _Scene:
    """What hosts are looked for in."""

    volume: Volume
    liver: Liver
    foci: Foci
    phase: Phase
    field: LesionField
    labels: NDArray[np.uint16]
    surface: NDArray[np.bool_]
    regions: list[Region]


@dataclass(frozen=True, slots=True, eq=False)
class _Near:
    """How many voxels about a focus are seen, and how likely it belongs to which regions about it."""

    seen: int
    regions: Mapping[int, float]


def find_hosts(
    volume: Volume,
    liver: Liver,
    foci: Foci,
    *,
    phase: Phase,
    vessels: Vessels | None = None,
    ducts: Ducts | None = None,
) -> Hosts:
    """Return the lesions around calcifications, and the masses without calcium.

    Parameters
    ----------
    volume, liver, foci, phase
        The CT, its liver, its foci and its contrast phase.
    vessels, ducts
        Those that are known: they are no lesions.

    Notes
    -----
    The liver is laid on a 2 mm copy; regions that differ from its parenchyma are outlined, and measured.
    A focus lies in a lesion where its surroundings do. On an unenhanced scan, or where noise hides what
    lesions show, "none" is never said.
    """
    calcium = foci.calcifications
    voxels = _voxels_of(foci)
    field = _lay(volume, liver, voxels, vessels, ducts)
    if field is None:
        relation = HostRelation("not_assessable", 0, NotAssessable(LITTLE_REASON), "", 0.5, LITTLE_REASON)
        return Hosts(
            (), {f.id: relation for f in calcium}, (), liver.box, np.zeros(liver.box.shape, np.uint8)
        )
    blood = _blood(volume, liver, vessels, phase)
    scene = _see(volume, liver, foci, phase, field=field, blood=blood)
    places = {f.id: _place(field, voxels[f.id]) for f in calcium}
    near = {f.id: _about(scene, places[f.id]) for f in calcium}
    wanted = {number for n in near.values() for number in n.regions}
    seen: dict[int, Seen] = {}
    for number, region in enumerate(scene.regions, start=1):
        if number in wanted or _may_be_mass(region):
            lesion = look_at_lesion(field, region)
            if lesion is not None:
                seen[number] = Seen(lesion, _credibility(scene, lesion))
    owner = {f.id: _owner(near[f.id], seen) for f in calcium}
    held: dict[int, list[int]] = {}
    for f in calcium:
        number, chance = owner[f.id]
        if chance >= 0.5:
            held.setdefault(number, []).append(f.id)
    order = sorted(held, key=lambda n: (-len(held[n]), -seen[n].lesion.volume_ml))
    hosts = tuple(
        _host(scene, seen, (n, rank), {f: places[f] for f in held[n]}, blood)
        for rank, n in enumerate(order, start=1)
    )
    alone = [n for n in seen if n not in held and _is_mass(seen[n])]
    alone.sort(key=lambda n: -seen[n].lesion.volume_ml)
    masses = tuple(
        _host(scene, seen, (n, rank), {}, blood) for rank, n in enumerate(alone, start=len(hosts) + 1)
    )
    ids = {n: rank for rank, n in enumerate((*order, *alone), start=1)}
    relations = {}
    for f in calcium:
        number, chance = owner[f.id]
        relations[f.id] = (
            _held(hosts[ids[number] - 1], places[f.id], seen[number].lesion, chance)
            if chance >= 0.5
            else _not_held(scene, near[f.id].seen, chance, _host_prior(f))
        )
    painted = _paint(scene, {n: seen[n].lesion.region for n in ids}, ids)
    return Hosts(hosts, MappingProxyType(relations), masses, liver.box, painted)


def _owner(near: _Near, seen: Mapping[int, Seen]) -> tuple[int, float]:
    """Return the lesion that a focus belongs to most likely, and how likely; 0 where none is near."""
    chances = {n: p * seen[n].probability for n, p in near.regions.items() if n in seen}
    best = max(chances, key=lambda n: (chances[n], -n), default=0)
    return best, chances.get(best, 0.0)


def _host_prior(focus: Focus) -> float:
    """Return how often calcium of this form lies in a lesion: a shell of it encloses something."""
    shell = sum(focus.morphology_probabilities.get(name, 0.0) for name in SHELLS)
    return shell * SHELL_PRIOR + (1.0 - shell) * HOST_PRIOR


def _see(
    volume: Volume, liver: Liver, foci: Foci, phase: Phase, *, field: LesionField, blood: Blood
) -> _Scene:
    """Return the scene with its regions outlined."""
    level = blood.level(phase)
    labels = np.zeros(field.inside.shape, np.uint16)
    surface = np.zeros(field.inside.shape, np.bool_)
    regions = outline_regions(field, None if level is None else level - field.parenchyma_hu)
    for number, region in enumerate(regions, start=1):
        labels[region.slices][region.body] = number
        surface[region.slices] |= region.body & ~np.asarray(ndimage.binary_erosion(region.body))
    return _Scene(volume, liver, foci, phase, field, labels, surface, regions)


def _lay(
    volume: Volume,
    liver: Liver,
    voxels: Mapping[int, NDArray[np.intp]],
    vessels: Vessels | None,
    ducts: Ducts | None,
) -> LesionField | None:
    """Return the 2 mm copy; None where no liver is in view.

    Vessels are left out where blood is bright: dark ones are told by their shape, and a cyst may be among
    them.
    """
    if not liver.is_in_view:
        return None
    dense = (np.concatenate(list(voxels.values())), BLUR_MM) if voxels else None
    blood = (vessels.labels, vessels.box) if vessels is not None and vessels.seen and vessels.bright else None
    bile = (ducts.labels, ducts.box) if ducts is not None and ducts.ducts else None
    return lay_lesion_field(volume, liver, dense=dense, vessels=blood, ducts=bile)


def _voxels_of(foci: Foci) -> dict[int, NDArray[np.intp]]:
    """Return the voxels of the image that each focus fills, shape (n, 3)."""
    found = {}
    for number, where in enumerate(ndimage.find_objects(foci.labels), start=1):
        if where is not None:
            start = [a + s.start for a, s in zip(foci.box.start, where, strict=True)]
            found[number] = np.argwhere(foci.labels[where] == number) + start
    return found


def _place(field: LesionField, voxels: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return the voxels of the copy that voxels of the image touch, shape (n, 3)."""
    at = (voxels - np.asarray(field.box.start) - np.asarray(field.coarse.first)) / np.asarray(
        field.coarse.step
    )
    cells = np.clip(np.rint(at).astype(np.intp), 0, np.asarray(field.inside.shape) - 1)
    return np.unique(cells, axis=0)


def _about(scene: _Scene, cells: NDArray[np.intp]) -> _Near:
    """Return which region most of a focus's surroundings is, or which region the focus lines."""
    reach = math.ceil(ABOUT_MM / SPACING_MM) + 1
    if cells.size == 0:
        return _Near(0, {})
    low = np.maximum(cells.min(axis=0) - reach, 0)
    high = np.minimum(cells.max(axis=0) + reach + 1, scene.field.inside.shape)
    where = tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    away = edt.edt(~_marked(cells, where), anisotropy=(SPACING_MM,) * 3)
    shell = scene.field.known[where] & scene.field.inside[where] & (away <= ABOUT_MM)
    count = int(shell.sum())
    near = scene.labels[where]
    met = np.bincount(near[shell], minlength=1)
    met[0] = 0
    chances = {}
    for number in np.flatnonzero(met):
        region = scene.regions[number - 1]
        lined = int((scene.surface[where] & (near == number) & (away <= LINED_MM)).sum())
        share = lined / max(int(scene.surface[region.slices][region.body].sum()), 1)
        held = rise(float(met[number]) / count, HELD_SHARE, HELD_SLOPE)
        chance = max(held, rise(share, LINED_SHARE, LINED_SLOPE))
        if chance > LEAST_CHANCE:
            chances[int(number)] = chance
    return _Near(count, chances)


def _walled(lesion: Lesion, foci: Mapping[int, NDArray[np.intp]]) -> float:
    """Return the probability that one focus of calcium forms a good part of a lesion's wall.

    Seen from the middle of the lesion, calcium in its wall fills a share of the directions; a fleck does not.
    """
    region = lesion.region
    middle = np.argwhere(region.body).mean(axis=0) + np.asarray(region.start)
    ball = (3 * float(region.body.sum()) / (4 * math.pi)) ** (1 / 3)
    most = 0.0
    for cells in foci.values():
        ray = cells - middle
        away = np.linalg.norm(ray, axis=1)
        outer = away > WALL_FROM * ball
        if not outer.any():
            continue
        rays = ray[outer] / away[outer][:, None]
        width = math.cos(math.atan2(1.0, ball))
        met = float(((DIRECTIONS @ rays.T).max(axis=1) > width).mean())
        most = max(most, rise(met, WALL_SHARE, WALL_SLOPE) * float(outer.mean()))
    return most


def _marked(cells: NDArray[np.intp], where: tuple[slice, ...]) -> NDArray[np.bool_]:
    """Return voxels of the copy as a mask of a box; those outside it are left out."""
    mask = np.zeros(tuple(s.stop - s.start for s in where), np.bool_)
    at = cells - [s.start for s in where]
    mask[tuple(at[((at >= 0) & (at < mask.shape)).all(axis=1)].T)] = True
    return mask


def _credibility(scene: _Scene, lesion: Lesion) -> float:
    """Return the probability that a region is a lesion: round, large, distinct, in the liver, no organ."""
    return math.prod(
        (
            rise(lesion.roundness, ROUND_MIDDLE, ROUND_SLOPE),
            rise(lesion.compactness, COMPACT_MIDDLE, COMPACT_SLOPE),
            rise(lesion.seen_ml, SIZE_ML, SIZE_SLOPE_ML),
            rise(abs(lesion.contrast_hu) / lesion.contrast_error_hu, CONTRAST_ERRORS, CONTRAST_SLOPE),
            1.0 - rise(lesion.edge_share - lesion.roundness, AT_EDGE_LESS_ROUND, AT_EDGE_SLOPE),
            _bright_enough(lesion),
            1.0 - rise(_foreign(scene, lesion.region), FOREIGN_SHARE, FOREIGN_SLOPE),
        )
    )


def _bright_enough(lesion: Lesion) -> float:
    """Return the probability that a bright region is no confluence of vessels; 1 for a dark one."""
    if lesion.contrast_hu < 0:
        return 1.0
    return rise(lesion.compactness, BRIGHT_COMPACT, COMPACT_SLOPE) * rise(lesion.seen_ml, BRIGHT_ML, 0.2)


def _foreign(scene: _Scene, region: Region) -> float:
    """Return what the network says of other organs where a region lies, 0 where it was not asked."""
    organs = scene.liver.organs
    if organs is None:
        return 0.0
    cells = np.argwhere(region.body)[:: max(1, int(region.body.sum()) // 200)] + np.asarray(region.start)
    field = scene.field
    at = np.asarray(field.coarse.first) + cells * np.asarray(field.coarse.step) + np.asarray(field.box.start)
    place = np.rint((at - np.asarray(organs.coarse.first)) / np.asarray(organs.coarse.step)).astype(np.intp)
    k, j, i = np.clip(place, 0, np.asarray(organs.coarse.hu.shape) - 1).T
    return float(sum(organs.of(name)[k, j, i] for name in FOREIGN).mean())


def _may_be_mass(region: Region) -> bool:
    return float(region.body.sum()) * SPACING_MM**3 / 1000 >= MASS_ML


def _is_mass(seen: Seen) -> bool:
    """Return whether a lesion without calcium is reported."""
    lesion = seen.lesion
    return (
        seen.probability >= MASS_PROBABILITY
        and lesion.volume_ml >= MASS_ML
        and lesion.roundness >= MASS_ROUND
        and abs(lesion.contrast_hu) >= MASS_HU
    )


def _blood(volume: Volume, liver: Liver, vessels: Vessels | None, phase: Phase) -> Blood:
    """Return what blood measures."""
    if phase.label == "none":
        return Blood(None, None)
    vein = vessels.blood_hu if vessels is not None and vessels.bright else None
    return Blood(measure_aorta(volume, liver), vein)


def _host(
    scene: _Scene,
    seen: Mapping[int, Seen],
    which: tuple[int, int],
    foci: Mapping[int, NDArray[np.intp]],
    blood: Blood,
) -> Host:
    """Return the noun of one lesion."""
    number, rank = which
    lesion, probability = seen[number].lesion, seen[number].probability
    cells = np.concatenate(list(foci.values())) if foci else None
    kinds = kinds_of(lesion, scene.phase, _walled(lesion, foci))
    kind = max(kinds, key=lambda k: kinds[k])
    enhancements = enhancement_of(lesion, scene.phase, blood, scene.field.parenchyma_hu)
    enhancement = max(enhancements, key=lambda e: enhancements[e]) if enhancements else ""
    return Host(
        id=rank,
        kind=kind,
        probabilities=kinds,
        probability=probability,
        diameter=_diameter(lesion),
        position=position_of(lesion, cells) if cells is not None else "",
        foci=tuple(foci),
        enhancement=enhancement,
        enhancements=enhancements,
        features=features_of(
            lesion, kinds, [s.lesion for n, s in seen.items() if n != number and _is_mass(s)]
        ),
        centre_lps_mm=lesion.centre_lps_mm,
        mean_hu=lesion.core_hu,
        reason=_words(lesion, kind),
    )


def _diameter(lesion: Lesion) -> Measurement:
    """Return the caliper with its interval: the outline's error on both sides, and how ragged it is."""
    error = 1.96 * math.hypot(DIAMETER_MM, DIAMETER_SHARE * lesion.diameter_mm)
    return Measurement(
        lesion.diameter_mm, "mm", max(0.0, lesion.diameter_mm - error), lesion.diameter_mm + error
    )


DIAMETER_MM, DIAMETER_SHARE = 1.5, 0.06
"""Error of a lesion's diameter: of the outline, and what grows with its size. Our judgement."""


def _words(lesion: Lesion, kind: str) -> str:
    """Return what was seen, in a sentence."""
    side = "darker" if lesion.contrast_hu < 0 else "brighter"
    edge = "blurred" if kind == "infiltrative" else "distinct"
    away = f"{abs(lesion.contrast_hu):.0f} HU {side} than the liver about it (core {lesion.core_hu:.0f} HU)"
    return f"a region of {lesion.diameter_mm:.0f} mm, {away}, edge {edge}"


def _held(host: Host, cells: NDArray[np.intp], lesion: Lesion, chance: float) -> HostRelation:
    """Return the relation of a focus that lies in or at a lesion."""
    probabilities = {"none": 1.0 - chance, **{k: chance * p for k, p in host.probabilities.items()}}
    return HostRelation(
        host.kind,
        host.id,
        host.diameter,
        position_of(lesion, cells),
        probabilities[host.kind],
        host.reason,
        MappingProxyType(probabilities),
    )


def _not_held(scene: _Scene, count: int, chance: float, prior: float) -> HostRelation:
    """Return the relation of a focus about which no lesion is seen."""
    missed, least = _missed(scene)
    hidden = prior * missed / (1.0 - prior + prior * missed)
    none = (1.0 - hidden) * (1.0 - chance)
    nothing = NotAssessable("no lesion was seen")
    if scene.phase.label in ("none", "unknown") or count < LEAST_ABOUT or none < SURE_OF_NONE:
        if count < LEAST_ABOUT:
            reason = LITTLE_REASON
        elif scene.phase.label == "none":
            reason = UNENHANCED_REASON
        elif scene.phase.label == "unknown":
            reason = PHASE_REASON
        elif chance > 0.5 * (1.0 - SURE_OF_NONE):
            reason = "the tissue about it differs from the liver, but not clearly as a lesion"
        elif prior > 0.5:
            reason = "calcium of this form encloses something, but what it encloses is hidden by its blur"
        else:
            reason = f"a lesion that differs from the liver by less than {least:.0f} HU would be missed here"
        return HostRelation("not_assessable", 0, NotAssessable(reason), "", none, reason)
    reason = (
        f"the liver about it is even; a lesion of 15 mm that differs by {least:.0f} HU would have been seen"
    )
    return HostRelation("none", 0, nothing, "", none, reason, MappingProxyType({"none": none}))


def _missed(scene: _Scene) -> tuple[float, float]:
    """Return the share of usual lesions that this scan would not show, and the least contrast it shows."""
    least = SEEN_ERRORS * scene.field.broad_sd
    median, spread = USUAL_CONTRAST
    faint = NormalDist(math.log(median), spread).cdf(math.log(max(least, 0.1)))
    return max(MISSED_LEAST, faint), least


def _paint(scene: _Scene, regions: dict[int, Region], ids: dict[int, int]) -> NDArray[np.uint8]:
    """Return the label map of lesions on the grid of the image, in the liver's box."""
    field, box = scene.field, scene.liver.box
    out = np.zeros(box.shape, np.uint8)
    shift = np.asarray(field.box.start) - np.asarray(box.start)
    for number, region in regions.items():
        take: list[NDArray[np.intp]] = []
        first: list[int] = []
        for axis in range(3):
            step, zero = field.coarse.step[axis], field.coarse.first[axis] + shift[axis]
            low = max(0, math.ceil(zero + (region.start[axis] - 0.5) * step))
            high = min(
                box.shape[axis], math.ceil(zero + (region.start[axis] + region.body.shape[axis] - 0.5) * step)
            )
            at = np.rint((np.arange(low, max(low, high)) - zero) / step).astype(np.intp) - region.start[axis]
            take.append(np.clip(at, 0, region.body.shape[axis] - 1))
            first.append(low)
        part = region.body[np.ix_(*take)]
        where = tuple(slice(a, a + n) for a, n in zip(first, part.shape, strict=True))
        out[where][part] = min(ids[number], 255)
    return out
