"""What lies at a distance about a body: zones of growing distance, and what bright thing goes on into them.

A radiologist who cannot name a bright thing looks away from it: is it in a dark pool, in a darker nodule,
does the vessel go on, do dark bands cross the slice? Here that is told as densities of three zones, and by
how far something bright that touches the body reaches.
"""

from __future__ import annotations

from dataclasses import dataclass

import cc3d
import edt
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hepalith.calcification.extent.aperture import Aperture, Scene
from hepalith.geometry import Box

__all__ = ["BLANK", "NO_ZONES", "ZONES_MM", "Onward", "Zone", "Zones", "zones_of"]

ZONES_MM = ((2.5, 6.0), (6.0, 11.0), (11.0, 17.0))
"""Distances from a body's half-contrast edge: its bed (a duct, a lesion's rest, a pool), what that lies in,
and the neighbourhood. The first begins where the blur of most scans has died away. Our judgement."""

CELL_MM = (2.4, 1.3, 1.3)
"""Least size of the cells in which this is looked at: noise and time fall, vessels of 2 mm are still seen."""

FEWEST = 8
"""Fewest cells of a zone that are told of."""

SMOOTHING_MM, CLEAR_MM = 1.2, 1.5
"""Standard deviation of the blur that takes the noise off cells, and the distance from the body from which
they take part in it: its own blurred edge stays out."""

SIDES = (0.08, 0.5, 0.92)
"""Quantiles that are told: of the darkest, the middle, the brightest."""

FLUID_HU, FAT_HU, GAS_HU = (-15.0, 28.0), (-150.0, -25.0), -300.0
"""HU of bile and other fluid, of fat, and below which there is gas."""

TOUCHING_MM, PASSED_MM = 4.0, 7.0
"""Distance from the body within which what is bright touches it, and beyond which it has gone on."""

OF_BODY, OF_BLOOD, LEAST_HU, LEAST_SPREADS = 0.3, 0.55, 22.0, 1.5
"""Shares of the body's own excess, and of blood's, above which something is bright about it, and the least
such excess, in HU and in noise deviations of a voxel, of which smoothing leaves a third to a half. Our
judgement."""


@dataclass(frozen=True, slots=True)
class Zone:
    """One zone.

    Parameters
    ----------
    low_hu, middle_hu, high_hu
        HU, less the liver's, at `SIDES`.
    fluid, fat, gas
        Shares of these.
    fluid_in_front
        Share of fluid in front of the body's middle, less that behind: stones sink.
    """

    low_hu: float = 0.0
    middle_hu: float = 0.0
    high_hu: float = 0.0
    fluid: float = 0.0
    fat: float = 0.0
    gas: float = 0.0
    fluid_in_front: float = 0.0


@dataclass(frozen=True, slots=True)
class Onward:
    """What touches a body, is bright, and goes on.

    Parameters
    ----------
    reach_mm
        How far from the body it reaches, at most to the end of the last zone.
    exits
        Parts that leave the neighbourhood separately: a vessel has two, calcium none.
    excess_hu
        Median HU over the liver of these parts beyond `PASSED_MM`; 0 where none goes on.
    """

    reach_mm: float = 0.0
    exits: int = 0
    excess_hu: float = 0.0


@dataclass(frozen=True, slots=True)
class Zones:
    """All zones, and what goes on as bright as a share of the body, and of blood."""

    zones: tuple[Zone, Zone, Zone]
    of_body: Onward
    of_blood: Onward


BLANK = Zone()
"""Where nothing is known."""

NO_ZONES = Zones((BLANK, BLANK, BLANK), Onward(), Onward())
"""About a body of which nothing is known."""


def zones_of(aperture: Aperture, scene: Scene, blood_hu: float | None) -> Zones:
    """Return what lies about a body, near and farther off.

    Parameters
    ----------
    aperture, scene
        The body, and the crop it lies in. Beyond the crop nothing is known.
    blood_hu
        HU of the liver's vessels; None where they were not seen.
    """
    spacing = np.asarray(scene.spacing_mm)
    body = Box.around(aperture.extent)
    start = [a + b for a, b in zip(aperture.box.start, body.start, strict=True)]
    stop = [a + b for a, b in zip(aperture.box.start, body.stop, strict=True)]
    margin = [int(np.ceil(ZONES_MM[-1][1] / s)) for s in spacing]
    own = Box((start[0], start[1], start[2]), (stop[0], stop[1], stop[2]))
    box = own.grown(margin, scene.hu.shape)
    extent = np.zeros(box.shape, np.bool_)
    inner = tuple(slice(a - b, c - b) for a, b, c in zip(start, box.start, stop, strict=True))
    extent[inner] = aperture.extent[body.slices]
    step = [max(1, round(c / s)) for c, s in zip(CELL_MM, spacing, strict=True)]
    hu = _mean(scene.hu[box.slices].astype(np.float32), step)
    part = _mean(extent.astype(np.float32), step) > 0
    cell = spacing * step
    away = edt.edt(~part, anisotropy=tuple(float(c) for c in cell), black_border=False)
    free = away > CLEAR_MM
    sigma = SMOOTHING_MM / cell
    share = ndimage.gaussian_filter(free.astype(np.float32), sigma)
    smooth = ndimage.gaussian_filter(np.where(free, hu, np.float32(0)), sigma) / np.maximum(share, 1e-3)
    level = scene.surroundings.liver_hu
    in_front = np.arange(hu.shape[1])[None, :, None] < np.argwhere(part).mean(axis=0)[1]
    zones = [_zone(smooth, (away > a) & (away <= b), in_front, level) for a, b in ZONES_MM]
    excess = np.where(free, smooth - np.float32(aperture.level_hu), np.float32(0))
    top = float(np.quantile(aperture.excess[aperture.extent], 0.75))
    blood = 0.0 if blood_hu is None else blood_hu - aperture.level_hu
    least = max(LEAST_HU, LEAST_SPREADS * aperture.noise_share * scene.noise.sd_hu)
    return Zones(
        (zones[0], zones[1], zones[2]),
        _onward(excess, away, max(OF_BODY * top, least)),
        _onward(excess, away, max(OF_BLOOD * blood, least)),
    )


def _mean(image: NDArray[np.float32], step: list[int]) -> NDArray[np.float32]:
    """Return the means of cells of so many voxels; what no whole cell holds is left out."""
    k, j, i = (max(n // s, 1) for n, s in zip(image.shape, step, strict=True))
    a, b, c = (min(s, n) for n, s in zip(image.shape, step, strict=True))
    cut = image[: k * a, : j * b, : i * c].reshape(k, a, j, b, i, c)
    return np.asarray(cut.mean(axis=(1, 3, 5), dtype=np.float32))


def _zone(
    hu: NDArray[np.float32], use: NDArray[np.bool_], in_front: NDArray[np.bool_], level_hu: float
) -> Zone:
    """Return what some cells hold."""
    values = hu[use]
    if values.size < FEWEST:
        return BLANK
    low, middle, high = (float(v) - level_hu for v in np.quantile(values, SIDES))
    fluid = use & (hu >= FLUID_HU[0]) & (hu <= FLUID_HU[1])
    fat = float(((values >= FAT_HU[0]) & (values <= FAT_HU[1])).mean())
    front = float((fluid & in_front).sum() - (fluid & ~in_front).sum()) / values.size
    return Zone(
        low, middle, high, float(fluid.sum()) / values.size, fat, float((values < GAS_HU).mean()), front
    )


def _onward(excess: NDArray[np.float32], away: NDArray[np.float32], least_hu: float) -> Onward:
    """Return what of the bright cells about a body touches it and goes on."""
    bright = (excess >= least_hu) & (away > 0) & (away <= ZONES_MM[-1][1])
    if not bright.any():
        return Onward()
    labels, count = cc3d.connected_components(bright, connectivity=18, return_N=True)
    touching = np.unique(labels[bright & (away <= TOUCHING_MM)])
    linked = np.isin(labels, touching[touching > 0])
    if not count or not linked.any():
        return Onward()
    beyond = linked & (away > PASSED_MM)
    _, exits = cc3d.connected_components(beyond, connectivity=26, return_N=True)
    passed = float(np.median(excess[beyond])) if beyond.any() else 0.0
    return Onward(float(away[linked].max()), int(exits), passed)
