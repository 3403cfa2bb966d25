"""The smallest focus that this scan could have shown: what this very detector achieves in this very noise."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hepalith.calcification.extent.aperture import Scene
from hepalith.calcification.extent.blur_belief import first_blur_sd
from hepalith.calcification.focus import Detectability
from hepalith.calcification.search.background import Surroundings, reduce_sum
from hepalith.calcification.search.candidate import (
    BLOOD_MARGIN_HU,
    LEADING_SHARE,
    MIN_EXCESS_HU,
    MIN_PEAK_HU,
    SURE_DEVIATIONS,
    Asked,
)
from hepalith.calcification.search.evidence import STEPS_PER_UNIT, Evidence
from hepalith.calcification.search.matched_filter import sphere_images
from hepalith.calcification.search.ray import SIZES, leads_on
from hepalith.vocabulary import Measurement, NotAssessable

__all__ = ["AT_EXCESS_HU", "find_detectability", "power_asked"]

AT_EXCESS_HU = 250.0
"""Contrast of the sphere asked for: soft calcification, about 150–200 mg/mL at 120 kVp."""

POWER = 0.9
"""Share of foci of the claimed size, anywhere in the liver, that must be found."""

POWER_LIKE_BLOOD, THICK_MM = 0.95, 2.5
"""The same of the search alone, in enhanced scans with slices thicker than the second: there partial volume
brings small foci down to the HU of blood, and some that the search finds are then taken for contrast in a
vessel, which is not modelled here (20 of 529). In simulated livers of development seeds 10-15 with slices of
3 and 5 mm 0.85 of the foci of the stated size were found without this, and 0.90 with it."""

SMALLEST_MM, LARGEST_MM = 0.5, 20.0
"""Range of diameters looked at."""

BISECTIONS = 9
"""Halvings of that range's logarithm: to 1 %."""

PLACES = 600
"""Places of the liver at which the sphere is imagined: the share found is then known to about 1 %."""

LOCAL = 1
"""Size of the bank about which it is asked what leads away: near to what is stated at all."""

BESIDE_LEAST = 0.5
"""Least share of foci that are taken to lie on what goes on (vessels), or within a cell of it, where there is
any: calcifications follow ducts and portal triads more often than chance would have them. Our judgement; at
1/3 fewer foci of the stated size were found on development phantoms in slices of 5 mm (32 of 48, then 34)."""

CENTRES = 4
"""Sub-voxel places of its centre that are tried at each."""

WAYS = ((0, 0, 0), (1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0), (0, 0, 1), (0, 0, -1))
"""Samples of an output that are looked at: the nearest, and those about it."""

ABOUT = np.argwhere(np.ones((3, 3, 3), np.bool_)) - 1
"""The voxels about one, with itself."""

DOUBT = 1.22
"""Standard deviations from the mean of the outer two of three nodes that stand for a normal distribution: the
three, each as likely, have its variance (√1.5)."""

EDGE_SHARES = (0.15, 0.5, 0.85)
"""Soft edges of a slice's profile, as shares of the slice: nodes of an even distribution between the
rectangle of a sequential scan and the triangle of a spiral one (Kalender 1991, doi:10.1118/1.596607)."""

SPIRAL_EDGE_SHARES = (0.57, 0.75, 0.93)
"""The same where slices overlap: only spiral scans are read out so, and theirs lie in the upper half. Our
judgement."""

OVERLAP = 0.99
"""Spacing of slices over their thickness below which they overlap."""

SEED = 1
"""Of the choice of places: the same scan gives the same statement."""


def find_detectability(
    evidence: Evidence,
    asked: Asked,
    surroundings: Surroundings,
    scene: Scene,
    *,
    blood_hu: float,
    wide_hu: float,
    enhanced: bool,
) -> Detectability:
    """Return the diameter of the sphere at `AT_EXCESS_HU` that is found with probability 0.9.

    Parameters
    ----------
    evidence, asked, surroundings
        What is looked for, what the places ask for (`ask_places`), and where they are.
    scene
        Noise, blur and grid.
    blood_hu
        The most that vessels reach.
    wide_hu
        The most that those reach which are no small arteries.
    enhanced
        Whether contrast agent was given: for the words.

    Notes
    -----
    The operating characteristic of the filters themselves: to their outputs all over this very liver, noise,
    vessels and all, that of a sphere is added, which is right because they are linear; the sums are compared
    with what the places ask for. Checked by `benchmarks/detection.py`.
    """
    places = _sample(evidence, asked, surroundings, scene, enhanced=enhanced)
    blur = scene.blur
    power = power_asked(blur.slice_mm, enhanced=enhanced)
    low, diameter = _smallest(evidence, places, (blood_hu, wide_hu), power)
    size = int(np.argmin([abs(math.log(diameter / d)) for d in evidence.bank.diameter_mm]))
    least = max(MIN_EXCESS_HU, evidence.threshold * evidence.peak_hu(size))
    words = (
        f"noise {scene.noise.sd_hu:.0f} HU, in-plane blur {blur.in_plane_fwhm_mm:.1f} mm, "
        f"slices {blur.slice_mm:g} mm every {scene.spacing_mm[0]:g} mm: "
        f"a small focus must stand {least:.0f} HU above the liver"
    )
    if enhanced:
        words += f", and where it lies along a vessel exceed blood at {blood_hu:.0f} HU"
    if diameter > 0.99 * LARGEST_MM:
        hidden = NotAssessable("noise or enhanced vessels hide foci of any size at this contrast")
        return Detectability(hidden, AT_EXCESS_HU, words)
    return Detectability(Measurement(diameter, "mm", low, diameter), AT_EXCESS_HU, words)


def power_asked(slice_mm: float, *, enhanced: bool) -> float:
    """Return the share of foci that the search must find for `POWER` of them to be found and named.

    Examples
    --------
    >>> power_asked(5.0, enhanced=False), power_asked(5.0, enhanced=True), power_asked(1.0, enhanced=True)
    (0.9, 0.95, 0.9)
    """
    return POWER_LIKE_BLOOD if enhanced and slice_mm > THICK_MM else POWER


@dataclass(frozen=True, slots=True, eq=False)
class _Places:
    """Places of the liver at which the sphere is imagined.

    Parameters
    ----------
    cell
        (places, 3): coarse cells.
    scale
        Local deviation at each.
    least, asked
        What a focus must reach at each, and what one no brighter than blood must.
    level_hu
        Background at each.
    held
        What goes on there, of which anything weaker is taken for a part.
    leads
        (places, sizes): what leads away from each (`leads_on`).
    weight
        Share of foci that each stands for.
    found
        (places, sizes, neighbours): what the outputs are there, without the sphere.
    lacking_hu
        (places, voxels): what the voxel there and those about it lack to be outlined in the image itself.
    """

    cell: NDArray[np.intp]
    scale: NDArray[np.float64]
    least: NDArray[np.float64]
    asked: NDArray[np.float64]
    held: NDArray[np.float64]
    leads: NDArray[np.float32]
    weight: NDArray[np.float64]
    level_hu: NDArray[np.float64]
    found: NDArray[np.float32]
    lacking_hu: NDArray[np.float32]


def _sample(
    evidence: Evidence, asked: Asked, surroundings: Surroundings, scene: Scene, *, enhanced: bool
) -> _Places:
    """Return places all over the liver, with what is there."""
    cells = np.array(surroundings.factor)
    places = np.argwhere(reduce_sum(scene.liver, surroundings.factor) > 0.5 * float(np.prod(cells)))
    if len(places) == 0:
        places = np.argwhere(np.ones(evidence.scale.shape, np.bool_))
    random = np.random.default_rng(SEED)
    places = places[np.sort(random.permutation(len(places))[:PLACES])]
    last = np.array(scene.hu.shape) - 1
    voxel = np.minimum(places * cells + random.integers(0, cells, places.shape), last)
    found = []
    for output in evidence.outputs:
        ways = [np.array(way) * output.stride for way in WAYS]
        found.append(np.stack([output.at(np.clip(voxel + way, 0, last)) for way in ways], axis=1))
    at = tuple(places.T)
    level = surroundings.level_hu[at].astype(np.float64)
    scale = evidence.scale[at].astype(np.float64)
    leads = np.zeros((len(places), len(SIZES)), np.float32)
    if enhanced:
        leads = leads_on(evidence, voxel, evidence.bank.diameter_mm[LOCAL], scene.spacing_mm)
    return _Places(
        places,
        scale,
        evidence.threshold * scale,
        asked.least[at].astype(np.float64),
        asked.held[at].astype(np.float64),
        leads,
        _weights(asked, places),
        level,
        np.stack(found, axis=1),
        _lacking(places, voxel, scene),
    )


def _weights(asked: Asked, places: NDArray[np.intp]) -> NDArray[np.float64]:
    """Return the share of foci that each place stands for: those beside vessels, at least `BESIDE_LEAST`."""
    beside = ndimage.maximum_filter(asked.held, 3)[tuple(places.T)] > 0
    share = float(beside.mean())
    if not 0 < share < BESIDE_LEAST:
        return np.full(len(places), 1 / len(places))
    return np.where(beside, BESIDE_LEAST / share, (1 - BESIDE_LEAST) / (1 - share)) / len(places)


def _lacking(places: NDArray[np.intp], voxel: NDArray[np.intp], scene: Scene) -> NDArray[np.float32]:
    """Return what the voxels at some places and about them lack to be outlined in the image itself, in HU."""
    about = np.clip(voxel[:, None] + ABOUT, 0, np.array(scene.hu.shape) - 1)
    seed = scene.bright.seed_hu[tuple(places.T)]
    return np.asarray(seed[:, None] - scene.hu[tuple(np.moveaxis(about, 2, 0))], dtype=np.float32)


def _smallest(
    evidence: Evidence, places: _Places, blood_hu: tuple[float, float], power: float
) -> tuple[float, float]:
    """Return diameters, 1 % apart, between which the share found passes `power`."""
    low, high = math.log(SMALLEST_MM), math.log(LARGEST_MM)
    for _ in range(BISECTIONS):
        middle = 0.5 * (low + high)
        found = _share_found(math.exp(middle), evidence, places, blood_hu)
        low, high = (middle, high) if found < power else (low, middle)
    return math.exp(low), math.exp(high)


def _steps(stride: tuple[int, int, int]) -> list[tuple[float, float, float]]:
    """Return where the sample nearest to a focus lies, and the six about it, in voxels.

    Samples lie in the middle of their strides: the nearest is off by half a voxel where a stride is even.
    """
    off = np.array([0.5 * (n % 2 == 0) for n in stride])
    places = [off + np.array(way) * stride for way in WAYS]
    return [(float(k), float(j), float(i)) for k, j, i in places]


def _share_found(
    diameter_mm: float, evidence: Evidence, places: _Places, blood_hu: tuple[float, float]
) -> float:
    """Return the share of spheres found, over places of the liver and sub-voxel places of their centres.

    Found is, as in the search, what exceeds the threshold and stands out enough, and is either bright enough
    to be outlined in the image, or outshines blood, or is denser than blood, reaches what the place asks of
    what is not, and ends all about. `blood_hu` is that of all vessels, and that of those which are no small
    arteries.
    """
    shares = [
        _share_found_in(images * AT_EXCESS_HU, evidence, places, blood_hu)
        for images in _likely_images(diameter_mm, evidence)
    ]
    return float(np.mean(shares))


def _likely_images(diameter_mm: float, evidence: Evidence) -> list[NDArray[np.float32]]:
    """Return the images of a sphere in every blur that this scan's may be, each as likely.

    How well the blur is known before any focus was looked at is `first_blur_sd`'s.
    """
    bank = evidence.bank
    sd = first_blur_sd(bank.blur)
    overlap = bank.spacing_mm[0] < OVERLAP * bank.blur.slice_mm
    low, usual, high = SPIRAL_EDGE_SHARES if overlap else EDGE_SHARES
    ways = [(math.exp(-DOUBT * sd), usual), (math.exp(DOUBT * sd), usual), (1.0, low), (1.0, high)]
    return [
        sphere_images(
            diameter_mm,
            replace(bank.blur, in_plane_fwhm_mm=bank.blur.in_plane_fwhm_mm * factor),
            bank.spacing_mm,
            bank.reach,
            edge_share=share,
        )
        for factor, share in ways
    ]


def _share_found_in(
    images: NDArray[np.float32], evidence: Evidence, places: _Places, blood_hu: tuple[float, float]
) -> float:
    """Return the share found of spheres that look like these images."""
    bank = evidence.bank
    bright = images[(slice(None), *(slice(n - 1, n + 2) for n in bank.reach))].reshape(len(images), -1)
    images = images.reshape(len(images), -1)
    tried = np.arange(CENTRES) * (len(images) // CENTRES) + np.arange(len(places.cell))[:, None]
    each = []
    for size, output in enumerate(evidence.outputs):
        moved = np.stack([bank.moved(size, step).ravel() for step in _steps(bank.strides[size])])
        added = images @ moved.T * (STEPS_PER_UNIT * output.unit)
        each.append(added[tried % len(images)] + places.found[:, None, size, :])
    every = np.stack(each)  # all sizes are read where the greatest of them stands, as a hit is
    top = every.max(axis=0).argmax(axis=2)
    best = np.take_along_axis(every, top[None, ..., None], axis=3)[..., 0]
    value = np.maximum(best.max(axis=0), 1e-3)
    peaks = np.array([evidence.peak_hu(n) for n in range(len(evidence.outputs))])
    peak = value * peaks[np.argmax(best, axis=0)]
    level = places.level_hu[:, None]
    seen = (value > places.least[:, None]) & (peak >= np.maximum(MIN_EXCESS_HU, MIN_PEAK_HU - level))
    surely = peak * (1 - SURE_DEVIATIONS * places.scale[:, None] / value)
    outshines = level + surely >= blood_hu[0] + BLOOD_MARGIN_HU
    denser = level + evidence.densest_of(best) >= blood_hu[1] + BLOOD_MARGIN_HU
    outlined = (bright[tried % len(images)] > places.lacking_hu[:, None]).any(axis=2)
    ends = np.all(
        [LEADING_SHARE * best[size] > places.leads[:, n, None] for n, size in enumerate(SIZES)], axis=0
    )
    apart = denser & ends & (value >= np.maximum(places.asked, places.held)[:, None])
    return float((seen & (outlined | outshines | apart)).mean(axis=1) @ places.weight)
