"""The company of a bright thing: the organs that lie there, the wire it is part of, what is bright nearby."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import edt
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, spatial

from hepalith.anatomy import Liver
from hepalith.anatomy.ducts.ducts import Ducts
from hepalith.anatomy.neighbours import Neighbours
from hepalith.anatomy.organs import CLASSES, Organs
from hepalith.anatomy.vessels.vessels import Vessels
from hepalith.calcification.extent.aperture import Aperture, Scene
from hepalith.calcification.mimic.context import Context, lies_at_hilum
from hepalith.calcification.mimic.gas_tube import find_gas_tubes
from hepalith.calcification.mimic.wire_tube import BLOOD_MARGIN_HU, BRIGHT_HU, WireTube, find_wire_tubes
from hepalith.calcification.search.candidate import Candidate
from hepalith.geometry import Box

__all__ = ["ALONE", "Anatomy", "Company", "Vicinity", "keep_company", "survey"]

USUAL_KVP = 120.0
"""Tube voltage where the header names none."""

NEAR_MM = 25.0
"""How far about a body others count as its company: flecks of one treated nodule, clips of one operation."""

FLECK_SHARE = 0.08
"""Volume of a fleck over that of what it lies about: less, by far, than a piece of the same body."""

HOLLOW_ORGANS = ("gallbladder", "stomach", "bowel")
"""Organs whose dense content misleads: there the neighbours, mapped by density as well, are asked, too."""

DENSER_HU = 400.0
"""How much denser a wire tube is looked for where none is found: what touches it is then left out."""

PART_OF_TUBE_MM = 3.5
"""Distance from a wire tube within which a body is part of it: half of a mesh's cell and the blur."""

MOST_POINTS = 300
"""Most voxels of a body that are asked where they lie."""

FLUID_HU = (-15.0, 30.0)
"""HU of bile and other fluid."""

GAS_HU = -300
"""HU below which a voxel holds gas or lung; fat stays above −150."""

LOOK_MM = 12.0
"""How far about a body vessels are looked for."""

BESIDE_MM = 3.5
"""Distance from a vessel's wall within which a duct or an artery of its triad runs."""

LUNG_NEAR_MM = 14.0
"""How far about a body lung is looked for: the diaphragm is 2-5 mm thick."""


@dataclass(frozen=True, slots=True)
class Company:
    """What lies about a body.

    Parameters
    ----------
    organs
        Probability of each of the network's organs where the body lies; empty where it was not asked.
    tube
        The wire tube it is part of.
    others
        Bright bodies within `NEAR_MM`.
    small_others
        Those of less than a fifth of its volume.
    fluid
        Share of fluid in what lies about it and is no liver.
    gas_mm
        Distance to the nearest gas or lung; infinite beyond `LUNG_NEAR_MM`.
    gas_out
        How far that gas lies in the direction away from the liver, as a cosine: lung over the dome, 1.
    depth_mm
        Median depth of the body beneath the surface of the liver; negative outside.
    in_vessel
        Share of its voxels that lie in a vessel that the scan shows.
    vessel_mm
        Median distance of its voxels from the nearest vessel's wall; negative within, infinite where none is
        seen within `LOOK_MM`.
    beside_vessel
        Share of its voxels within `BESIDE_MM` of a vessel's wall, without or within.
    vein_hu
        HU of the blood in the liver's wide vessels; None where they were not seen.
    at_hilum
        Share of its voxels with liver both in front of them and to their right (`lies_at_hilum`).
    held_hu
        Median HU of what it encloses; None where it encloses nothing.
    kvp
        Tube voltage.
    oil_mm
        Gap to the nearest larger body that is iodised oil; infinite where there is none near.
    oil_chance
        Probability that that body is oil.
    """

    organs: Mapping[str, float] = field(default_factory=dict)
    tube: WireTube | None = None
    others: int = 0
    small_others: int = 0
    fluid: float = 0.0
    gas_mm: float = float("inf")
    gas_out: float = 0.0
    depth_mm: float = 20.0
    in_vessel: float = 0.0
    vessel_mm: float = float("inf")
    beside_vessel: float = 0.0
    vein_hu: float | None = None
    at_hilum: float = 0.0
    held_hu: float | None = None
    kvp: float = USUAL_KVP
    oil_mm: float = float("inf")
    oil_chance: float = 1.0

    def organ(self, *names: str) -> float:
        """Return the probability that the body lies in one of some organs; 0 where nobody knows."""
        return sum(self.organs.get(name, 0.0) for name in names)


ALONE = Company()
"""A body deep in a liver, nothing about it."""


@dataclass(frozen=True, slots=True, eq=False)
class Anatomy:
    """What later rooms of anatomy know, where they were asked."""

    neighbours: Neighbours | None = None
    vessels: Vessels | None = None
    ducts: Ducts | None = None


WITHIN = 0.5
"""Share of a body within a liver that somebody drew from which it is taken to lie there."""


@dataclass(frozen=True, slots=True, eq=False)
class Vicinity:
    """What is known of the whole crop, from which the company of each body is told.

    Parameters
    ----------
    box
        Of the crop in the image.
    organs
        What the network saw.
    anatomy
        Neighbours, vessels and ducts.
    tubes
        Wire tubes.
    centres_mm, volumes_mm3
        Of all candidates, (n, 3) and (n,), in mm within the crop.
    kvp
        Tube voltage.
    drawn
        Whether the liver was drawn by somebody: within it the network is not asked what lies there.
    """

    box: Box
    organs: Organs | None
    anatomy: Anatomy
    tubes: tuple[WireTube, ...]
    centres_mm: NDArray[np.float64]
    volumes_mm3: NDArray[np.float64]
    kvp: float
    drawn: bool = False


def survey(
    box: Box,
    liver: Liver,
    scene: Scene,
    found: Sequence[Candidate],
    *,
    anatomy: Anatomy,
    context: Context,
    kvp: float | None,
) -> Vicinity:
    """Return what is known of the whole crop."""
    spacing = scene.spacing_mm
    level = max(scene.surroundings.liver_hu + BRIGHT_HU, context.blood_hu + BLOOD_MARGIN_HU)
    tubes = find_wire_tubes(scene.hu, scene.liver, spacing, level, context.bone_seen)
    if not tubes:  # at low voltage or after contrast much is as bright as the struts' edges
        tubes = find_wire_tubes(scene.hu, scene.liver, spacing, level + DENSER_HU, context.bone_seen)
    if not tubes:
        tubes = find_gas_tubes(scene.hu, scene.liver, spacing, scene.surroundings.liver_hu)
    centres = np.zeros((len(found), 3))
    volumes = np.zeros(len(found))
    for n, candidate in enumerate(found):
        centres[n] = (np.argwhere(candidate.extent).mean(axis=0) + candidate.box.start) * spacing
        volumes[n] = float(candidate.extent.sum()) * scene.grid.voxel_mm3
    drawn = liver.source != "builtin"
    return Vicinity(box, liver.organs, anatomy, tubes, centres, volumes, kvp or USUAL_KVP, drawn)


def keep_company(number: int, aperture: Aperture, scene: Scene, vicinity: Vicinity) -> Company:
    """Return the company of one candidate.

    Parameters
    ----------
    number
        Its place among the candidates.
    aperture
        Where it is measured.
    scene
        The crop.
    vicinity
        What is known of all.
    """
    spacing = np.asarray(scene.spacing_mm)
    own = np.argwhere(aperture.extent)
    own = own[:: max(1, len(own) // MOST_POINTS)] + np.asarray(aperture.box.start)
    away = np.linalg.norm(vicinity.centres_mm - vicinity.centres_mm[number], axis=1)
    near = (away <= NEAR_MM) & (np.arange(len(away)) != number)
    size = vicinity.volumes_mm3[number]
    gas_mm, gas_out, depth = _surface(aperture, scene)
    in_vessel, vessel_mm, beside = _vessels_at(own, scene, vicinity)
    trusted = vicinity.drawn and float(scene.liver[tuple(own.T)].mean()) >= WITHIN
    return Company(
        organs={} if trusted else _organs_at(own, vicinity),
        tube=_tube_at(own * spacing, vicinity.tubes, spacing),
        others=int(near.sum()),
        small_others=int((near & (vicinity.volumes_mm3 < FLECK_SHARE * size)).sum()),
        fluid=_fluid(aperture, scene),
        gas_mm=gas_mm,
        gas_out=gas_out,
        depth_mm=depth,
        in_vessel=in_vessel,
        vessel_mm=vessel_mm,
        beside_vessel=beside,
        vein_hu=None if vicinity.anatomy.vessels is None else vicinity.anatomy.vessels.blood_hu,
        at_hilum=_lies_at_hilum(own, scene),
        held_hu=_held(aperture, scene),
        kvp=vicinity.kvp,
    )


def _organs_at(own: NDArray[np.intp], vicinity: Vicinity) -> Mapping[str, float]:
    """Return the mean probability of each organ over some voxels of the crop."""
    if vicinity.organs is None:
        return {}
    coarse = vicinity.organs.coarse
    at = np.rint((own + np.asarray(vicinity.box.start) - coarse.first) / coarse.step).astype(np.intp)
    at = np.clip(at, 0, np.asarray(coarse.hu.shape) - 1)
    mean = vicinity.organs.probability[:, at[:, 0], at[:, 1], at[:, 2]].mean(axis=1)
    seen = {name: float(p) for name, p in zip(CLASSES, mean, strict=True)}
    neighbours = vicinity.anatomy.neighbours
    if neighbours is not None and neighbours.asked:
        points = neighbours.grid.to_lps((own + np.asarray(vicinity.box.start)).astype(np.float64))
        for name in HOLLOW_ORGANS:
            seen[name] = max(seen[name], neighbours.share(name, points))
    return seen


def _lies_at_hilum(own: NDArray[np.intp], scene: Scene) -> float:
    """Return the share of some voxels with liver in front and to the right."""
    return float(lies_at_hilum(own, scene.liver).mean())


def _tube_at(
    points_mm: NDArray[np.float64], tubes: tuple[WireTube, ...], spacing: NDArray[np.float64]
) -> WireTube | None:
    """Return the wire tube that some points are part of."""
    best, nearest = None, PART_OF_TUBE_MM
    for tube in tubes:
        away, _ = spatial.KDTree(tube.places * spacing).query(points_mm)
        if float(np.median(away)) <= nearest:
            best, nearest = tube, float(np.median(away))
    return best


def _fluid(aperture: Aperture, scene: Scene) -> float:
    """Return the share of fluid in what lies about a body and is no liver, noise smoothed."""
    hu = scene.hu[aperture.box.slices]
    use = aperture.ring & ~scene.liver[aperture.box.slices]
    if int(use.sum()) < 15:
        return 0.0
    sigma = [0.8 / s for s in scene.spacing_mm]
    smooth = ndimage.gaussian_filter(hu.astype(np.float32), sigma)
    return float(((smooth >= FLUID_HU[0]) & (smooth <= FLUID_HU[1]))[use].mean())


def _surface(aperture: Aperture, scene: Scene) -> tuple[float, float, float]:
    """Return the distance to gas or lung, on which side that is, and the depth beneath the surface."""
    margin = [int(np.ceil(LUNG_NEAR_MM / s)) for s in scene.spacing_mm]
    body = Box.around(aperture.extent)
    start = [a + b for a, b in zip(aperture.box.start, body.start, strict=True)]
    stop = [a + b for a, b in zip(aperture.box.start, body.stop, strict=True)]
    box = Box((start[0], start[1], start[2]), (stop[0], stop[1], stop[2])).grown(margin, scene.hu.shape)
    spacing = np.asarray(scene.spacing_mm)
    points = (np.argwhere(aperture.extent) + aperture.box.start - box.start) * spacing
    points = points[:: max(1, len(points) // 60)]
    liver = scene.liver[box.slices]
    inside = liver[tuple((points / spacing).round().astype(np.intp).T)]
    depth = _depth(liver, points, inside, spacing)
    gas = np.argwhere(scene.hu[box.slices] < GAS_HU)
    if len(gas) < 20:
        return float("inf"), 0.0, depth
    gas = gas[:: max(1, len(gas) // 4000)] * spacing
    away, which = spatial.KDTree(gas).query(points)
    near = int(away.argmin())
    outward = points.mean(axis=0) - np.argwhere(liver).mean(axis=0) * spacing if liver.any() else np.zeros(3)
    way = gas[which[near]] - points[near]
    cosine = float(way @ outward / max(np.linalg.norm(way) * np.linalg.norm(outward), 1e-6))
    return float(np.quantile(away, 0.25)), cosine, depth


def _depth(
    liver: NDArray[np.bool_],
    points: NDArray[np.float64],
    inside: NDArray[np.bool_],
    spacing: NDArray[np.float64],
) -> float:
    """Return the median depth of points beneath the liver's surface, within what is looked at."""
    edge = liver & ~ndimage.binary_erosion(liver, border_value=1)
    where = np.argwhere(edge)
    if len(where) == 0:
        return LUNG_NEAR_MM if inside.all() else -LUNG_NEAR_MM
    surface = where[:: max(1, len(where) // 6000)] * spacing
    away, _ = spatial.KDTree(surface).query(points)
    return float(np.median(np.where(inside, away, -away)))


def _vessels_at(own: NDArray[np.intp], scene: Scene, vicinity: Vicinity) -> tuple[float, float, float]:
    """Return the share of voxels in a vessel, their distance from its wall, and the share beside it."""
    vessels = vicinity.anatomy.vessels
    if vessels is None or not vessels.seen:
        return 0.0, float("inf"), 0.0
    at = own + np.asarray(vicinity.box.start) - np.asarray(vessels.box.start)
    at = np.clip(at, 0, np.asarray(vessels.labels.shape) - 1)
    low, high = at.min(axis=0), at.max(axis=0) + 1
    margin = [int(np.ceil(LOOK_MM / s)) for s in scene.spacing_mm]
    box = Box((int(low[0]), int(low[1]), int(low[2])), (int(high[0]), int(high[1]), int(high[2])))
    box = box.grown(margin, vessels.labels.shape)
    held = vessels.labels[box.slices] > 0
    if not held.any():
        return 0.0, float("inf"), 0.0
    at = at - np.asarray(box.start)
    outside = edt.edt(~held, anisotropy=scene.spacing_mm, black_border=False)[tuple(at.T)]
    inside = edt.edt(held, anisotropy=scene.spacing_mm, black_border=False)[tuple(at.T)]
    away = np.where(outside > 0, outside, -inside)
    return float((away < 0).mean()), float(np.median(away)), float((np.abs(away) <= BESIDE_MM).mean())


def _held(aperture: Aperture, scene: Scene) -> float | None:
    """Return the median HU of what a body encloses in space or in some slices."""
    extent = aperture.extent
    held = ndimage.binary_fill_holes(extent)
    for k in np.flatnonzero(extent.any(axis=(1, 2))):
        held[k] |= ndimage.binary_fill_holes(extent[k])
    held &= ~extent
    if int(held.sum()) < 4:
        return None
    return float(np.median(scene.hu[aperture.box.slices][held]))
