"""Simulated livers with bodies of known truth; shares no code with the measurement."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hepalith.anatomy import Liver, Phase
from hepalith.anatomy.depth import Depth
from hepalith.calcification import Foci
from hepalith.calcification.ct import find_foci
from hepalith.geometry import Box, Grid
from hepalith.image import Volume
from hepalith.settings import Settings
from hepalith.study import Acquisition
from hepalith.vocabulary import Measurement

FINE_MM = 0.25
LIVER_HU = 60.0

Body = Callable[[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]], NDArray[np.bool_]]


def ball(radius_mm: float, centre: tuple[float, float, float] = (0.13, -0.21, 0.3)) -> Body:
    """Return a ball about a sub-voxel centre (z, y, x in mm from the middle)."""
    return lambda z, y, x: (z - centre[0]) ** 2 + (y - centre[1]) ** 2 + (x - centre[2]) ** 2 < radius_mm**2


def shell(radius_mm: float, thickness_mm: float) -> Body:
    """Return a hollow ball."""
    inner = (radius_mm - thickness_mm) ** 2
    return lambda z, y, x: (z**2 + y**2 + x**2 < radius_mm**2) & (z**2 + y**2 + x**2 > inner)


def rod(length_mm: float, radius_mm: float) -> Body:
    """Return a rod oblique in plane."""

    def inside(z: NDArray[np.float64], y: NDArray[np.float64], x: NDArray[np.float64]) -> NDArray[np.bool_]:
        along = (x + y) / np.sqrt(2)
        away = z**2 + y**2 + x**2 - along**2
        return (np.abs(along) < length_mm / 2) & (away < radius_mm**2)

    return inside


def together(*bodies: Body) -> Body:
    """Return the union of bodies."""
    return lambda z, y, x: np.any([body(z, y, x) for body in bodies], axis=0)


def volume_mm3(body: Body, size_mm: float = 48.0) -> float:
    """Return the volume of a body as `scan` draws it."""
    axis = (np.arange(round(size_mm / FINE_MM)) + 0.5) * FINE_MM - size_mm / 2
    z, y, x = np.meshgrid(axis, axis, axis, indexing="ij")
    return float(body(z, y, x).sum()) * FINE_MM**3


def scan(
    body: Body,
    excess_hu: float,
    *,
    slice_mm: float = 1.0,
    pixel_mm: float = 0.75,
    noise_hu: float = 12.0,
    background_hu: float = LIVER_HU,
    size_mm: float = 48.0,
    seed: int = 1,
) -> Volume:
    """Return a blurred, sampled, noisy scan of a body in a cube of liver."""
    axis = (np.arange(round(size_mm / FINE_MM)) + 0.5) * FINE_MM - size_mm / 2
    z, y, x = np.meshgrid(axis, axis, axis, indexing="ij")
    fine = np.where(body(z, y, x), excess_hu, 0.0).astype(np.float32)
    sigma = 1.2 / 2.3548 / FINE_MM
    fine = ndimage.gaussian_filter(fine, (0, sigma, sigma))
    step, stride = round(slice_mm / FINE_MM), round(pixel_mm / FINE_MM)
    count = fine.shape[0] // step
    hu = fine[: count * step].reshape(count, step, *fine.shape[1:]).mean(axis=1)
    hu = hu[:, stride // 2 :: stride, stride // 2 :: stride]
    noise = np.random.default_rng(seed).standard_normal(hu.shape)
    noise = ndimage.gaussian_filter(noise, (0, 0.6, 0.6), mode="wrap")  # alike everywhere, faces too
    hu = hu + background_hu + noise * noise_hu / noise.std()
    affine = np.zeros((4, 4))
    affine[2, 0], affine[1, 1], affine[0, 2], affine[3, 3] = slice_mm, pixel_mm, pixel_mm, 1.0
    return Volume(np.rint(hu).astype(np.int16), Grid(hu.shape, affine))


def liver_from(mask: NDArray[np.bool_], volume: Volume) -> Liver:
    """Return a mask as the liver."""
    box = Box.around(mask)
    part = np.ascontiguousarray(mask[box.slices])
    depth = ndimage.distance_transform_edt(np.pad(part, 1), sampling=volume.spacing_mm)[1:-1, 1:-1, 1:-1]
    millilitres = float(part.sum()) * volume.grid.voxel_mm3 / 1000
    return Liver(
        box,
        part,
        np.ones(part.shape, np.uint8),
        Depth.of(depth.astype(np.float32)),
        "given",
        Measurement(millilitres, "mL"),
        1.0,
        1.0,
    )


def read(
    volume: Volume,
    mask: NDArray[np.bool_] | None = None,
    *,
    phase: str = "none",
    slice_mm: float | None = None,
    settings: Settings | None = None,
) -> Foci:
    """Return the foci of a simulated liver; without a mask it fills the volume."""
    mask = np.ones(volume.hu.shape, bool) if mask is None else mask
    return find_foci(
        volume,
        liver_from(mask, volume),
        Phase(phase, 0.95),
        Acquisition(slice_thickness_mm=slice_mm or volume.spacing_mm[0]),
        settings or Settings(),
    )


def value(quantity: object) -> float:
    """Return the value of a measurement; fail where it could not be had."""
    assert isinstance(quantity, Measurement), quantity
    return quantity.value


def holds(quantity: object, truth: float) -> bool:
    """Return whether a measurement's interval holds a truth."""
    assert isinstance(quantity, Measurement), quantity
    assert quantity.low is not None
    assert quantity.high is not None
    return quantity.low <= truth <= quantity.high
