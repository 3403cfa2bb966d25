"""Whether a region is a lesion: its shape, its size, its contrast, and what the network sees there."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hepalith.anatomy.lesion.field import SPACING_MM
from hepalith.anatomy.lesion.lesion import Lesion, spread_directions
from hepalith.anatomy.lesion.outline import Region
from hepalith.finding.host.kind import rise
from hepalith.finding.host.scene import HostScene

__all__ = ["Seen", "credibility", "is_mass", "large_enough", "may_be_mass", "wall_calcified"]

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

LARGE_ML, LARGE_SLOPE_ML = 60.0, 10.0
"""Volume at which a compact region at the liver's edge is as likely as not too large for a fissure or
partial volume: the liver's outline leaves the outer part of a large cyst out and cuts it straight. Our
judgement."""

FOREIGN_SHARE, FOREIGN_SLOPE = 0.35, 0.06
"""What the network says of other organs where the region lies (gallbladder, gut, cava) at which it is as
likely as not one of them."""

FOREIGN = ("gallbladder", "stomach", "bowel", "kidney", "vena_cava", "heart", "lung", "spleen")

BEYOND_BLOOD_HU, BEYOND_SLOPE_HU = 30.0, 6.0
"""How far a bright region must exceed the brightest blood that is seen to be as likely as not contrast or
another dense substance outside the tissue, and how fast that grows: nothing takes up more than blood brings.
Our judgement; the aorta's and the veins' HU are known to some 10 HU."""

PLAIN_BLOOD_HU = 60.0
"""What stands for it without contrast: blood has 30 to 55 HU, and clot is up to 90 (textbooks, grade C)."""

MASS_PROBABILITY, MASS_ML, MASS_ROUND, MASS_HU = 0.9, 0.7, 0.62, 10.0
"""A mass without calcium is reported from these on: it is not looked for as hard as a host, since a false
one in a healthy liver does more harm than a small one missed. 0.7 mL is a ball of 11 mm."""

MASS_COMPACT = 0.78
"""Least compactness of a mass without calcium. Gut, gallbladder bed and fissures that the outline of the
liver takes in, and veins that have not filled yet where they meet, have 0.60 to 0.75, most lesions 0.78 to
0.93 (179 development phantoms; on these and 24 more, false masses fell from 5 to 0 and one real mass without
calcium was lost). What holds calcium needs it not."""


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """A lesion and how likely it is one."""

    lesion: Lesion
    probability: float


def wall_calcified(lesion: Lesion, foci: Mapping[int, NDArray[np.intp]]) -> float:
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


def credibility(scene: HostScene, lesion: Lesion) -> float:
    """Return the probability that a region is a lesion: round, large, distinct, in the liver, no organ."""
    return math.prod(
        (
            rise(lesion.roundness, ROUND_MIDDLE, ROUND_SLOPE),
            rise(lesion.compactness, COMPACT_MIDDLE, COMPACT_SLOPE),
            large_enough(lesion.seen_ml),
            rise(abs(lesion.contrast_hu) / lesion.contrast_error_hu, CONTRAST_ERRORS, CONTRAST_SLOPE),
            1.0 - _is_of_the_edge(lesion),
            _bright_enough(lesion),
            1.0 - _beyond_blood(scene, lesion),
            1.0 - rise(_foreign(scene, lesion.region), FOREIGN_SHARE, FOREIGN_SLOPE),
        )
    )


def large_enough(seen_ml: float) -> float:
    """Return the probability that what is seen of a region is too large for chance."""
    return rise(seen_ml, SIZE_ML, SIZE_SLOPE_ML)


def _is_of_the_edge(lesion: Lesion) -> float:
    """Return the probability that a region is a fissure, or partial volume of what lies about the liver."""
    edge = rise(lesion.edge_share - lesion.roundness, AT_EDGE_LESS_ROUND, AT_EDGE_SLOPE)
    return edge * (1.0 - rise(lesion.volume_ml, LARGE_ML, LARGE_SLOPE_ML))


def _bright_enough(lesion: Lesion) -> float:
    """Return the probability that a bright region is no confluence of vessels; 1 for a dark one."""
    if lesion.contrast_hu < 0:
        return 1.0
    return rise(lesion.compactness, BRIGHT_COMPACT, COMPACT_SLOPE) * rise(lesion.seen_ml, BRIGHT_ML, 0.2)


def _beyond_blood(scene: HostScene, lesion: Lesion) -> float:
    """Return the probability that a region is brighter than anything that blood could make it."""
    seen = [hu for hu in (scene.blood.aorta_hu, scene.blood.vein_hu) if hu is not None]
    if scene.phase.label == "none":
        seen.append(PLAIN_BLOOD_HU)
    if lesion.contrast_hu < 0 or not seen:
        return 0.0
    return rise(lesion.core_hu - max(seen), BEYOND_BLOOD_HU, BEYOND_SLOPE_HU)


def _foreign(scene: HostScene, region: Region) -> float:
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


def may_be_mass(region: Region) -> bool:
    """Return whether a region is large enough to be reported without calcium."""
    return float(region.body.sum()) * SPACING_MM**3 / 1000 >= MASS_ML


def is_mass(seen: Seen) -> bool:
    """Return whether a lesion without calcium is reported."""
    lesion = seen.lesion
    return (
        seen.probability >= MASS_PROBABILITY
        and lesion.volume_ml >= MASS_ML
        and lesion.roundness >= MASS_ROUND
        and lesion.compactness >= MASS_COMPACT
        and abs(lesion.contrast_hu) >= MASS_HU
    )
