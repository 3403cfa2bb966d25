"""What a lesion is made of, and what one contrast phase says of its enhancement."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist
from types import MappingProxyType

from hepalith.anatomy.lesion.lesion import Lesion
from hepalith.anatomy.liver import Phase
from hepalith.finding.host.host import KINDS

__all__ = ["Blood", "enhancement_of", "kinds_of", "rise"]

FLUID_LOOKS = (("clear", 0.5, 7.0, 7.0), ("thick", 0.5, 25.0, 9.0))
"""Fluid: its share, mean and spread of HU. Cysts measure 0 to 15 HU; pus, debris and old hydatid content 15
to 40 HU (textbooks, grade C)."""

SOLID_LOOKS: Mapping[str, tuple[tuple[float, float, float], ...]] = MappingProxyType(
    {
        "none": ((1.0, 40.0, 7.0),),
        "arterial": ((0.2, 40.0, 7.0), (0.4, 52.0, 9.0), (0.4, 105.0, 35.0)),
        "portal": ((0.6, 65.0, 13.0), (0.4, 100.0, 30.0)),
        "delayed": ((0.6, 64.0, 12.0), (0.4, 100.0, 30.0)),
        "unknown": ((0.7, 60.0, 16.0), (0.3, 100.0, 30.0)),
    }
)
"""Solid tumour by phase: share, mean and spread of HU of those that enhance little, and much. Tumour without
contrast measures 30 to 50 HU and gains 10 to 25 HU where it enhances little (textbooks, grade C; shares and
spreads are our judgement). In the arterial phase some, and the middle of a haemangioma, have gained nothing
yet."""

PRIORS: Mapping[str, float] = MappingProxyType({"solid": 0.55, "fluid": 0.45})
"""Solid and fluid among lesions that hold calcium, before they are looked at: our judgement."""

NODULE_SHARE = 0.08
"""Least share of bright nodules in a dark lesion for peripheral nodular enhancement. Our judgement."""

WALLED_LOOKS: Mapping[str, tuple[float, float, float]] = MappingProxyType(
    {"fluid": (0.55, 23.0, 10.0), "mixed": (0.4, 33.0, 8.0), "solid": (0.05, 55.0, 20.0)}
)
"""A lesion whose wall is calcified: share, mean and spread of HU by kind. Such walls are those of old cysts
and abscesses; content denser than fluid is inspissated or has turned solid, as in old hydatid cysts (WHO
stages CE4 and CE5), and does not enhance. Our judgement."""

FAT_SHARE, FAT_SLOPE = 0.05, 0.012
"""Share of fat at which a lesion is as likely as not called fatty, and how fast that grows: chance voxels and
the edge of fissures reach 0.02. Our judgement."""

EDGE_MM, EDGE_SPREAD_MM = 2.8, 0.4
"""Width of a lesion's own edge (20 to 80 %, the scan's blur taken off) at which it is as likely as not
blurred, and how that varies. Distinct edges of the development phantoms have 0 to 2 mm, those with a wall or
a rim up to 2.5, infiltrates 3.4 and more; an edge is called ill-defined from some millimetres on."""

TURNED_HU, TURNED_SLOPE_HU, EVEN_MIXED = 2.0, 0.7, 0.35
"""Texture beyond noise at which the content of a cyst with a calcified wall is as likely as not uneven, how
fast that grows, and the weight of content turned solid where it is even: membranes and matrix are not."""

UNSEEN_EDGE = 0.05
"""Probability of a blurred edge where too little of it is seen to say. Our judgement."""

EVEN_HU, EVEN_SLOPE_HU = 4.0, 0.8
"""Texture beyond noise up to which the content of a lesion is even, as fluid is. Our judgement."""

BLURRED_FROM_MM = 30.0
"""Diameter from which an edge can be called blurred: infiltrates are large when seen. Our judgement."""

MIXED_SHARE = (0.15, 0.85)
"""Share of fluid between which a lesion is partly fluid."""

UNEVEN_HU, UNEVEN_SLOPE_HU = 7.0, 1.5
"""Texture beyond noise from which the content of a lesion is called uneven. Our judgement."""


@dataclass(frozen=True, slots=True)
class Blood:
    """What vessels measure in this scan: `aorta_hu` and `vein_hu`, None where not seen."""

    aorta_hu: float | None
    vein_hu: float | None

    def level(self, phase: Phase) -> float | None:
        """Return what a lesion that enhances like blood measures in this phase."""
        if phase.label == "arterial":
            return self.aorta_hu
        return self.vein_hu if self.vein_hu is not None else self.aorta_hu


def rise(value: float, middle: float, slope: float) -> float:
    """Return a probability that grows with a value, one half at `middle`."""
    return 1.0 / (1.0 + math.exp(-max(-40.0, min(40.0, (value - middle) / slope))))


def _density(hu: float, looks: tuple[tuple[float, float, float], ...], error: float) -> float:
    return sum(s * NormalDist(m, math.hypot(w, error)).pdf(hu) for s, m, w in looks) + 1e-6


def kinds_of(lesion: Lesion, phase: Phase, walled: float = 0.0) -> Mapping[str, float]:
    """Return the probability of each kind.

    Fat and blurred edges are told first, by their share and width; fluid from solid by the HU of the
    core, against what each measures in this phase; what is part fluid, part solid is mixed; what holds
    nodules as bright as blood is solid.

    Parameters
    ----------
    lesion, phase
        What is asked, and the contrast phase.
    walled
        Probability that its wall is calcified.
    """
    fat = rise(lesion.fat_share, FAT_SHARE, FAT_SLOPE)
    nodular = (
        rise(lesion.bright_share, NODULE_SHARE, 0.015)
        if lesion.contrast_hu < 0 and lesion.bright_share
        else 0.0
    )
    nodular *= 1 - walled  # what is bright at a calcified wall is its blur
    plain, old = _by_density(lesion, phase), _by_density_walled(lesion)
    blurred = _blurred_chance(lesion, plain["fluid"]) * (1 - walled) * (1 - nodular)
    rest = (1.0 - fat) * (1.0 - blurred)
    shares = {n: rest * ((1 - walled) * plain[n] + walled * old[n]) for n in ("solid", "fluid", "mixed")}
    shares = {n: (1 - nodular) * p + (nodular * rest if n == "solid" else 0.0) for n, p in shares.items()}
    shares["fat"], shares["infiltrative"] = fat, (1.0 - fat) * blurred
    return MappingProxyType({name: shares[name] for name in KINDS})


def _blurred_chance(lesion: Lesion, fluid: float) -> float:
    """Return the probability that a lesion's edge is blurred as that of what infiltrates.

    A wall about even fluid makes an edge of two steps, which no infiltrate is; small lesions have no edge to
    speak of.
    """
    if not math.isfinite(lesion.edge_error_mm):
        return UNSEEN_EDGE
    away = (lesion.edge_mm - EDGE_MM) / math.hypot(EDGE_SPREAD_MM, lesion.edge_error_mm)
    even = fluid * rise(-lesion.texture_hu, -EVEN_HU, EVEN_SLOPE_HU)
    return NormalDist().cdf(away) * (1.0 - even) * rise(lesion.diameter_mm, BLURRED_FROM_MM, 5.0)


def _by_density(lesion: Lesion, phase: Phase) -> dict[str, float]:
    """Return the shares of solid, fluid and mixed by the HU of the core and how it is parted."""
    looks = SOLID_LOOKS.get(phase.label, SOLID_LOOKS["unknown"])
    error = min(lesion.contrast_error_hu, 10.0)
    fluid = PRIORS["fluid"] * _density(lesion.core_hu, tuple(x[1:] for x in FLUID_LOOKS), error)
    solid = PRIORS["solid"] * _density(lesion.core_hu, looks, error)
    parted = rise(lesion.fluid_share, MIXED_SHARE[0], 0.05) * rise(-lesion.fluid_share, -MIXED_SHARE[1], 0.05)
    mixed = 0.1 + 0.8 * parted * rise(lesion.texture_hu, UNEVEN_HU, UNEVEN_SLOPE_HU)
    watery = fluid / (fluid + solid)
    return {"mixed": mixed, "fluid": (1 - mixed) * watery, "solid": (1 - mixed) * (1 - watery)}


def _by_density_walled(lesion: Lesion) -> dict[str, float]:
    """Return the shares of solid, fluid and mixed of a lesion whose wall is calcified."""
    error = min(lesion.contrast_error_hu, 10.0)
    found = {
        name: share * (NormalDist(mean, math.hypot(spread, error)).pdf(lesion.core_hu) + 1e-6)
        for name, (share, mean, spread) in WALLED_LOOKS.items()
    }
    uneven = rise(lesion.texture_hu, TURNED_HU, TURNED_SLOPE_HU)
    found["mixed"] *= EVEN_MIXED + (1.0 - EVEN_MIXED) * uneven
    total = sum(found.values())
    return {name: value / total for name, value in found.items()}


WALLED = 0.5
"""Probability of a calcified wall from which nothing bright at it is called a nodule."""

POOL_SHARE = 0.15
"""How near, as a share of the rise of blood over the liver, a lesion must come to blood to enhance like
it."""

RIM_HU = 10.0
"""Least HU by which an enhancing rim exceeds the core. Our judgement."""

RISE_HU = 12.0
"""Least HU above the parenchyma of a lesion that enhances more than it. Our judgement."""

PLAIN_HU = 50.0
"""HU below which a lesion cannot have enhanced: the densest tumour without contrast measures about that."""


def enhancement_of(
    lesion: Lesion, phase: Phase, blood: Blood, parenchyma_hu: float, walled: float = 0.0
) -> Mapping[str, float]:
    """Return what this one phase says of a lesion's enhancement; empty where it says nothing.

    Washout needs a second phase: a bright lesion in the arterial phase is ``arterial``. What is bright at a
    wall that is calcified, with the probability `walled`, are no nodules.
    """
    if phase.label in ("none", "unknown"):
        return MappingProxyType({})
    weights = {"none": 0.05, "peripheral_nodular": 0.01, "arterial": 0.02, "rim": 0.02, "delayed": 0.01}
    weights["blood_pool"] = 0.005
    reference = blood.level(phase)
    bright = lesion.contrast_hu > RISE_HU
    nodules = lesion.contrast_hu < 0 and lesion.bright_share > NODULE_SHARE and walled < WALLED
    if nodules and reference is not None:
        near = abs(lesion.bright_hu - reference) < 2 * POOL_SHARE * max(reference - parenchyma_hu, 20.0)
        weights["peripheral_nodular"] += 1.0 if near else 0.3
    elif lesion.core_hu < PLAIN_HU and lesion.rim_hu < RIM_HU:
        weights["none"] += 1.0
    elif lesion.rim_hu > RIM_HU and not bright:
        weights["rim"] += 1.0
    elif bright:
        like_blood = reference is not None and abs(lesion.core_hu - reference) < POOL_SHARE * max(
            reference - parenchyma_hu, 20.0
        )
        weights["blood_pool"] += 1.0 if like_blood else 0.05
        weights["arterial" if phase.label == "arterial" else "delayed"] += 0.2 if like_blood else 1.0
    else:
        weights["none"] += 0.6
        weights["rim"] += 0.1
    total = sum(weights.values())
    return MappingProxyType({name: w / total for name, w in weights.items()})
