"""How a lesion enhances over the phases of one examination."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import cc3d
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hepalith.anatomy.liver import Liver, Phase
from hepalith.anatomy.phases import PhaseImage
from hepalith.calcification.focus import Foci
from hepalith.finding.host.host import Host, Hosts
from hepalith.geometry import Box
from hepalith.image.volume import AIR_HU, Volume

__all__ = ["Level", "follow_hosts", "over_phases"]

LEAST_AGREEMENT = 0.4
"""Agreement of edges below which another phase is laid too badly to measure a lesion in. Our judgement."""

EDGE_MM = 3.0
"""Depth below its edge from which a lesion is measured: what blur and a laying error of 1 mm leave alone."""

CALCIUM_MM = 3.0
"""Distance from calcium within which it lifts what is measured."""

FEWEST_VOXELS = 30
"""Fewest voxels of a lesion's core, and of parenchyma, that are measured."""

ENHANCES_HU = 15.0
"""Rise over the unenhanced image at which enhancement is as likely as not: below 10 HU there is none, from
20 HU there is (the usual bounds for renal and hepatic masses; textbooks, grade K)."""

DIFFERS_HU = 12.0
"""Difference from the parenchyma at which a lesion is as likely as not brighter, or darker, than it. Our
judgement: less is hard to see."""

SLOPE_HU = 5.0
"""How fast these probabilities change: the standard error of a lesion's mean in a laid phase."""

SHAPES = ("peripheral_nodular", "rim", "septal")
"""Patterns that one image shows by their shape; the phases do not take them back."""

SHAPE_SURE = 0.5
"""Probability from which such a shape is kept."""


@dataclass(frozen=True, slots=True)
class Level:
    """Mean HU of a lesion's core and of the parenchyma, in one phase."""

    phase: str
    lesion_hu: float
    liver_hu: float

    @property
    def contrast_hu(self) -> float:
        """How far the lesion stands above the parenchyma."""
        return self.lesion_hu - self.liver_hu


def over_phases(levels: Sequence[Level]) -> Mapping[str, float]:
    """Return the probability of each course of enhancement; empty where the phases cannot tell.

    Parameters
    ----------
    levels
        Of two phases or more, one of each.

    Notes
    -----
    ``arterial_washout`` is brighter than the liver in the arterial phase and darker than it later (the
    two signs of LI-RADS); ``arterial`` without the second; ``delayed`` gains on the liver from an
    early to a late phase and ends brighter; ``none`` hardly rises over the unenhanced image.
    """
    by_phase = {level.phase: level for level in levels}
    plain = by_phase.get("none")
    given = [by_phase[p] for p in ("arterial", "portal", "delayed") if p in by_phase]
    if not given or len(by_phase) < 2:
        return MappingProxyType({})
    scores: dict[str, float] = {}
    rises = 1.0
    if plain is not None:
        rises = _above(max(level.lesion_hu for level in given) - plain.lesion_hu, ENHANCES_HU)
        scores["none"] = 1.0 - rises
    early = by_phase.get("arterial")
    late = next((by_phase[p] for p in ("delayed", "portal") if p in by_phase), None)
    if early is not None:
        bright = _above(early.contrast_hu, DIFFERS_HU)
        dark = _above(-late.contrast_hu, DIFFERS_HU) if late is not None else 0.0
        scores["arterial_washout"] = rises * bright * dark
        scores["arterial"] = rises * bright * (1.0 - dark)
    if late is not None and late is not given[0]:
        gain = _above(late.contrast_hu - given[0].contrast_hu, DIFFERS_HU)
        bright = 0.0 if early is None else _above(early.contrast_hu, DIFFERS_HU)
        scores["delayed"] = rises * gain * _above(late.contrast_hu, 0.0) * (1.0 - bright)
    rest = 1.0 - sum(scores.values())
    if not scores or max(scores.values()) < rest:
        return MappingProxyType({})
    total = sum(scores.values())
    return MappingProxyType({name: score / total for name, score in scores.items()})


def _above(value: float, middle: float) -> float:
    """Return a soft step from 0 to 1 about `middle`."""
    return 1.0 / (1.0 + math.exp(-max(-40.0, min(40.0, (value - middle) / SLOPE_HU))))


def follow_hosts(
    hosts: Hosts, foci: Foci, volume: Volume, liver: Liver, phase: Phase, *, others: Sequence[PhaseImage]
) -> Hosts:
    """Return hosts and masses with what all phases together say of their enhancement.

    Parameters
    ----------
    hosts, foci
        As they were found.
    volume, liver, phase
        The image that is read.
    others
        Further phases laid onto it. Of two images of one phase the image that is read counts, then the
        better laid.
    """
    usable = sorted((o for o in others if o.agreement >= LEAST_AGREEMENT), key=lambda o: -o.agreement)
    if not usable or not (hosts.hosts or hosts.masses):
        return hosts
    calcium = _near_calcium(foci, hosts.box, volume.spacing_mm)
    images = [(phase.label, volume.hu[hosts.box.slices])]
    for other in usable:
        part = _part(other, hosts.box)
        if other.phase.label not in ("unknown", *(label for label, _ in images)) and part is not None:
            images.append((other.phase.label, part))
    if len(images) < 2:
        return hosts
    views = _Views(images, _parenchyma(hosts, liver, images), calcium, volume.spacing_mm)
    followed = {host.id: _follow(host, hosts, views) for host in (*hosts.hosts, *hosts.masses)}
    return replace(
        hosts,
        hosts=tuple(followed[h.id] for h in hosts.hosts),
        masses=tuple(followed[h.id] for h in hosts.masses),
    )


Images = Sequence[tuple[str, NDArray[np.int16]]]
"""Phases by label, each in the hosts' box."""


@dataclass(frozen=True, slots=True, eq=False)
class _Views:
    """The phases, the liver's HU in each, and what lies too near to calcium to be measured."""

    images: Images
    liver_hu: Mapping[str, float]
    calcium: NDArray[np.bool_]
    spacing_mm: tuple[float, float, float]


def _part(other: PhaseImage, box: Box) -> NDArray[np.int16] | None:
    """Return another phase in the hosts' box; `AIR_HU` where it does not reach. None: it does not meet it."""
    part = np.full(box.shape, AIR_HU, dtype=np.int16)
    start = [max(a, b) for a, b in zip(box.start, other.box.start, strict=True)]
    stop = [min(a, b) for a, b in zip(box.stop, other.box.stop, strict=True)]
    if any(a >= b for a, b in zip(start, stop, strict=True)):
        return None
    to = tuple(slice(a - o, b - o) for a, b, o in zip(start, stop, box.start, strict=True))
    of = tuple(slice(a - o, b - o) for a, b, o in zip(start, stop, other.box.start, strict=True))
    part[to] = other.hu[of]
    return part


def _near_calcium(foci: Foci, box: Box, spacing_mm: tuple[float, float, float]) -> NDArray[np.bool_]:
    """Return what lies so near to any bright body that it is not measured."""
    near = np.zeros(box.shape, dtype=np.bool_)
    if foci.box.is_empty:
        return near
    start = [max(a, b) for a, b in zip(box.start, foci.box.start, strict=True)]
    stop = [min(a, b) for a, b in zip(box.stop, foci.box.stop, strict=True)]
    if any(a >= b for a, b in zip(start, stop, strict=True)):
        return near
    to = tuple(slice(a - o, b - o) for a, b, o in zip(start, stop, box.start, strict=True))
    of = tuple(slice(a - o, b - o) for a, b, o in zip(start, stop, foci.box.start, strict=True))
    near[to] = foci.labels[of] > 0
    reach = [max(1, round(CALCIUM_MM / s)) for s in spacing_mm]
    for axis, size in enumerate(reach):
        near = ndimage.maximum_filter1d(near.view(np.uint8), 2 * size + 1, axis=axis).astype(np.bool_)
    return near


def _parenchyma(hosts: Hosts, liver: Liver, images: Images) -> dict[str, float]:
    """Return the median HU of the liver outside lesions, in each phase."""
    start = [max(a, b) for a, b in zip(hosts.box.start, liver.box.start, strict=True)]
    stop = [min(a, b) for a, b in zip(hosts.box.stop, liver.box.stop, strict=True)]
    to = tuple(slice(a - o, b - o, 2) for a, b, o in zip(start, stop, hosts.box.start, strict=True))
    of = tuple(slice(a - o, b - o, 2) for a, b, o in zip(start, stop, liver.box.start, strict=True))
    plain = liver.mask[of] & (hosts.labels[to] == 0) & (liver.depth_mm.within(of) > 2 * EDGE_MM)
    levels = {}
    for label, hu in images:
        values = hu[to][plain]
        values = values[values > AIR_HU]
        if values.size >= FEWEST_VOXELS:
            levels[label] = float(np.median(values))
    return levels


def _follow(host: Host, hosts: Hosts, views: _Views) -> Host:
    """Return one lesion with its course over the phases; as it was where they cannot tell."""
    if any(host.enhancements.get(shape, 0.0) >= SHAPE_SURE for shape in SHAPES):
        return host
    where = cc3d.statistics(hosts.labels)["bounding_boxes"][host.id]
    own = hosts.labels[where] == host.id
    depth = ndimage.distance_transform_edt(np.pad(own, 1), sampling=views.spacing_mm)[1:-1, 1:-1, 1:-1]
    core = (depth > min(EDGE_MM, 0.5 * float(depth.max()))) & ~views.calcium[where]
    levels = []
    for label, hu in views.images:
        values = hu[where][core]
        values = values[values > AIR_HU]
        if values.size >= FEWEST_VOXELS and label in views.liver_hu:
            levels.append(Level(label, float(values.mean()), views.liver_hu[label]))
    course = over_phases(levels)
    if not course:
        return host
    return replace(host, enhancement=max(course, key=lambda name: course[name]), enhancements=course)
