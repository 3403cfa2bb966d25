"""Which lesion lies around which calcification, and what could have been missed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import NormalDist
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from hepalith.anatomy.ducts.ducts import Ducts
from hepalith.anatomy.lesion.field import SPACING_MM
from hepalith.anatomy.lesion.lesion import Lesion, look_at_lesion
from hepalith.anatomy.lesion.outline import Region
from hepalith.anatomy.liver import Liver, Phase
from hepalith.anatomy.vessels.vessels import Vessels
from hepalith.calcification.focus import Foci, Focus
from hepalith.finding.host.feature import features_of, position_of
from hepalith.finding.host.host import Host, HostRelation, Hosts
from hepalith.finding.host.kind import Blood, enhancement_of, kinds_of, rise
from hepalith.finding.host.lesion import (
    Seen,
    credibility,
    is_mass,
    large_enough,
    may_be_mass,
    wall_calcified,
)
from hepalith.finding.host.scene import (
    HostScene,
    Near,
    lay_field,
    look_about,
    measure_blood,
    place_on,
    see_regions,
    voxels_of,
)
from hepalith.image.volume import Volume
from hepalith.vocabulary import Measurement, NotAssessable

__all__ = ["find_hosts"]

BLOOD_LABELS = ("iodine_in_vessel",)
"""Bright bodies whose HU are those of blood or tissue: what they fill is seen, not hidden. The nodules
of a haemangioma are such."""

UNENHANCED_REASON = "on an unenhanced scan a lesion around the calcium can be seen, but never excluded"

PHASE_REASON = "whether this scan is enhanced is not sure: a lesion around the calcium cannot be excluded"

LITTLE_REASON = "too little liver about the calcium is seen"

LEAST_ABOUT = 25
"""Fewest voxels of the copy in those surroundings (0.2 mL)."""

HOST_PRIOR, SHELL_PRIOR = 0.15, 0.9
"""Share of calcifications that lie in a lesion, before the image is looked at, and of those that are
shells: a shell is the wall of a cyst, a scar or an aneurysm. Our judgement."""

LEAST_RISE_HU, NEAR_BLOOD = 20.0, 0.25
"""Least excess of blood over the parenchyma, and how near, as a share of it, the inside of a ring of
calcium must come to blood to be called an aneurysm until shown otherwise. Our judgement."""

REACHED = 0.85
"""Probability that calcium near an infiltrate, as `REACH_MM` says, belongs to it. Our judgement."""

SHELL_CONE = 0.9
"""Cosine of the angle (26°) within which a shell must lie, seen from its middle, before what it encloses:
shells have gaps. Our judgement."""

SHELLS = ("rim", "eggshell")
"""Forms of calcium that enclose something."""

MISSED_LEAST = 0.1
"""Share of lesions that measure like the liver in a phase whatever the noise. Our judgement (grade C)."""

USUAL_CONTRAST = (30.0, 0.8)
"""Median of the contrast of lesions in an enhanced phase, HU, and the spread of its logarithm: of tumours
from iso- to markedly hypodense, and cysts. Our judgement (grade C)."""

SEEN_ERRORS = 4.0
"""Contrast, over the error of the mean at that size, that is seen."""

UNEVEN_SHARE, UNEVEN_SLOPE, UNEVEN_MOST = 0.4, 0.04, 0.5
"""Share of a focus's surroundings that differs from the parenchyma at which a lesion, though none could be
outlined, is half as likely as it gets, how fast that grows, and the most. About calcium in parenchyma it is
0 to 0.3, in the wall of a duct up to 0.5, in lesions that were missed 0.1 to 1 and mostly above 0.3. From
development phantoms."""

SURE_OF_NONE = 0.9
"""Least probability at which no host is called: below, the scan cannot say. Our judgement."""


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
    voxels = voxels_of(foci)
    blood_like = {f.id for f in foci.foci if f.label in BLOOD_LABELS}
    dense = {number: places for number, places in voxels.items() if number not in blood_like}
    field = lay_field(volume, liver, dense, vessels, ducts)
    if field is None:
        relation = HostRelation("not_assessable", 0, NotAssessable(LITTLE_REASON), "", 0.5, LITTLE_REASON)
        return Hosts(
            (), {f.id: relation for f in calcium}, (), liver.box, np.zeros(liver.box.shape, np.uint8)
        )
    blood = measure_blood(volume, liver, vessels, phase)
    scene = see_regions(volume, liver, foci, phase, field=field, blood=blood)
    places = {f.id: place_on(field, voxels[f.id]) for f in calcium}
    near = {f.id: look_about(scene, places[f.id]) for f in calcium}
    wanted = {number for n in near.values() for number in n.regions}
    seen: dict[int, Seen] = {}
    for number, region in enumerate(scene.regions, start=1):
        if number in wanted or may_be_mass(region):
            lesion = look_at_lesion(field, region)
            if lesion is not None:
                about = [f for f in calcium if number in near[f.id].regions]
                chance = max(credibility(scene, lesion), _enclosed(scene, lesion, about, places))
                seen[number] = Seen(lesion, chance)
    owner = {f.id: _owner(near[f.id], seen, phase) for f in calcium}
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
    alone = [n for n in seen if n not in held and is_mass(seen[n])]
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
            else _not_held(scene, near[f.id], chance, _host_prior(f))
        )
    painted = _paint(scene, {n: seen[n].lesion.region for n in ids}, ids)
    return Hosts(hosts, MappingProxyType(relations), masses, liver.box, painted)


def _owner(near: Near, seen: Mapping[int, Seen], phase: Phase) -> tuple[int, float]:
    """Return the lesion that a focus belongs to most likely, and how likely; 0 where none is near."""
    chances = {n: p * seen[n].probability for n, p in near.regions.items() if n in seen}
    for number in near.reach:
        if number in seen:
            blurred = kinds_of(seen[number].lesion, phase)["infiltrative"] * seen[number].probability
            chances[number] = max(chances.get(number, 0.0), REACHED * blurred)
    best = max(chances, key=lambda n: (chances[n], -n), default=0)
    return best, chances.get(best, 0.0)


def _enclosed(
    scene: HostScene, lesion: Lesion, about: Sequence[Focus], places: Mapping[int, NDArray[np.intp]]
) -> float:
    """Return the probability that a region is what a shell of calcium encloses, which needs no other sign.

    What is brighter than the liver may be the blur of the shell: enough of it must be seen within the shell,
    where its blur does not reach.
    """
    most = 0.0
    for focus in about:
        chance = _shell_chance(focus) * wall_calcified(lesion, {focus.id: places[focus.id]})
        if chance > 0.0 and lesion.contrast_hu > 0:
            chance *= large_enough(_within(scene, lesion, places[focus.id]))
        most = max(most, chance)
    return SHELL_PRIOR * most


def _within(scene: HostScene, lesion: Lesion, cells: NDArray[np.intp]) -> float:
    """Return how many mL of what is seen of a region lie nearer to the middle of a shell than the shell."""
    region, middle = lesion.region, cells.mean(axis=0)
    seen = np.argwhere(region.body & scene.field.known[region.slices]) + np.asarray(region.start) - middle
    wall = cells - middle
    far, out = np.linalg.norm(seen, axis=1), np.linalg.norm(wall, axis=1)
    rays = wall[out > 0] / out[out > 0][:, None]
    if not len(seen) or not len(rays):
        return 0.0
    along = seen / np.maximum(far, 1e-6)[:, None] @ rays.T
    nearest = along.argmax(axis=1)
    behind = (along.max(axis=1) > SHELL_CONE) & (far < out[out > 0][nearest])
    return float(behind.sum()) * SPACING_MM**3 / 1000


def _shell_chance(focus: Focus) -> float:
    return sum(focus.morphology_probabilities.get(name, 0.0) for name in SHELLS)


def _host_prior(focus: Focus) -> float:
    """Return how often calcium of this form lies in a lesion: a shell of it encloses something."""
    shell = _shell_chance(focus)
    return shell * SHELL_PRIOR + (1.0 - shell) * HOST_PRIOR


def _host(
    scene: HostScene,
    seen: Mapping[int, Seen],
    which: tuple[int, int],
    foci: Mapping[int, NDArray[np.intp]],
    blood: Blood,
) -> Host:
    """Return the noun of one lesion."""
    number, rank = which
    lesion, probability = seen[number].lesion, seen[number].probability
    cells = np.concatenate(list(foci.values())) if foci else None
    walled = wall_calcified(lesion, foci)
    kinds = kinds_of(lesion, scene.phase, walled)
    others = [s.lesion for n, s in seen.items() if n != number and is_mass(s)]
    features = {**features_of(lesion, kinds, others)}
    level = blood.level(scene.phase) if scene.phase.label != "none" else None
    if level is not None and level - scene.field.parenchyma_hu > LEAST_RISE_HU:
        near = NEAR_BLOOD * (level - scene.field.parenchyma_hu)
        features["blood_pool_ring"] = walled * (1.0 - rise(abs(lesion.core_hu - level), near, 4.0))
    kind = max(kinds, key=lambda k: kinds[k])
    enhancements = enhancement_of(lesion, scene.phase, blood, scene.field.parenchyma_hu, walled)
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
        features=MappingProxyType(features),
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


def _not_held(scene: HostScene, near: Near, chance: float, prior: float) -> HostRelation:
    """Return the relation of a focus about which no lesion is seen."""
    count = near.seen
    chance = max(chance, UNEVEN_MOST * rise(near.uneven, UNEVEN_SHARE, UNEVEN_SLOPE))
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


def _missed(scene: HostScene) -> tuple[float, float]:
    """Return the share of usual lesions that this scan would not show, and the least contrast it shows."""
    least = SEEN_ERRORS * scene.field.broad_sd
    median, spread = USUAL_CONTRAST
    faint = NormalDist(math.log(median), spread).cdf(math.log(max(least, 0.1)))
    return max(MISSED_LEAST, faint), least


def _paint(scene: HostScene, regions: dict[int, Region], ids: dict[int, int]) -> NDArray[np.uint8]:
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
