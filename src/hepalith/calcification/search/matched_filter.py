r"""Matched filters: the linear sums of voxels in which small spheres stand out most.

For a sphere's image :math:`s` in noise of covariance :math:`C` no linear filter has a larger ratio of signal
to noise than :math:`w = C^{-1} s`; where the noise is Gaussian no detector of any kind does better at a known
place. Here :math:`s` is the sphere as this scan would sample it, the mean over its sub-voxel places, and
:math:`C` the covariance measured in the liver itself.

References
----------
.. [1] H. H. Barrett, K. J. Myers, "Foundations of Image Science", Wiley, 2004, ch. 13 (the prewhitening
       matched filter as the ideal observer for a known signal in Gaussian noise).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from hepalith.image.covariance import Covariance, place_at_origin
from hepalith.image.noise import Blur

__all__ = ["DIAMETERS_MM", "FilterBank", "kernel_reach", "make_bank", "sphere_images"]

DIAMETERS_MM = (1.2, 2.2, 4.0, 7.0)
"""Diameters of the spheres looked for. A sphere between two of them keeps 95 % of its signal-to-noise in the
nearer; below the first all look alike; beyond the last they need no filter. Our judgement."""

REACH_MM = 8.0
"""How far a filter reaches from its centre: the largest sphere, its blur and the ring against which it
stands."""

MOST_REACH = 16
"""Most voxels it reaches, on fine grids."""

FINE_MM = 0.3
"""Largest step in plane at which a sphere is drawn before it is sampled."""

SAMPLE_SHARE = 0.37
"""Most distance of an output's samples, as a share of the diameter looked for. A sphere of 4 mm seen every
1.4 mm in plane keeps 94 % of its signal-to-noise on average, one of 7 mm 97 %, at an eighth of the work. Our
judgement."""

SHARED_SIZES = 2
"""How many of the smallest sizes are looked at in every sample of the image."""

LEAST_AT_FACE = 0.25
"""Least variance of an output at a face of the image, over that well inside it."""

PROFILE_EDGE = 0.5
"""Width of the soft edge of a slice's profile as a share of the slice: between the rectangle of a sequential
scan and the triangle of a spiral one (Kalender 1991, doi:10.1118/1.596607). Our judgement."""

EDGE_STEPS = 5
"""Points of the average over that edge."""

SLICE_PLACES = 4
"""Places of a sphere's centre between two slices that are looked at."""


@dataclass(frozen=True, slots=True, eq=False)
class FilterBank:
    """Filters for spheres of several sizes, each scaled so that noise gives it unit variance.

    Parameters
    ----------
    diameter_mm
        Sizes looked for.
    kernels
        float64, one per size, all of the same odd shape and even under reflection: the weight of each voxel
        about a place.
    strides
        Of each: voxels per sample of its output, by axis. Outputs of large filters vary slowly.
    peak_hu
        Of each: HU by which the brightest voxel of such a sphere stands out where the filter gives 1.
    recovery
        Of each: share of its contrast at which such a sphere's brightest voxel stands.
    covariance
        The noise that the filters are made for.
    blur, spacing_mm
        Of the image that they are laid on.
    """

    diameter_mm: tuple[float, ...]
    kernels: tuple[NDArray[np.float64], ...]
    strides: tuple[tuple[int, int, int], ...]
    peak_hu: tuple[float, ...]
    recovery: tuple[float, ...]
    covariance: Covariance
    blur: Blur
    spacing_mm: tuple[float, float, float]
    _moved: dict[tuple[int, tuple[float, float, float]], NDArray[np.float32]] = field(
        default_factory=dict, init=False, repr=False
    )
    """What `moved` has worked out: asked for again and again for the same few places."""

    @property
    def reach(self) -> tuple[int, int, int]:
        """Voxels from the centre to the edge of a kernel."""
        k, j, i = (n // 2 for n in self.kernels[0].shape)
        return (k, j, i)

    def spectrum(self, size: int, shape: tuple[int, ...]) -> NDArray[np.complex64] | NDArray[np.float32]:
        """Return the half spectrum by which that of an image is multiplied to be filtered for a size.

        Only the frequencies that samples at the size's stride hold: the product is to be transformed back on
        a grid that many times smaller, whose samples lie in the middle of their strides.

        Parameters
        ----------
        size
            Which size.
        shape
            Of the image; multiples of the strides.
        """
        found = self.kernels[size].astype(np.complex64)
        strides = self.strides[size]
        for axis, (count, stride) in enumerate(zip(shape, strides, strict=True)):
            few = count // stride
            half = few // 2 + 1 if axis == 2 else few
            wave = np.fft.fftfreq(few)[:half] * few / count
            reach = self.reach[axis]
            place = np.arange(-reach, reach + 1) + (stride - 1) / 2
            phase = np.exp(2j * np.pi * wave[:, None] * place) / stride
            if stride > 1 and few % 2 == 0:
                phase[few // 2] = 0.0  # the highest frequency cannot tell left from right
            turned = np.tensordot(phase.astype(np.complex64), found, axes=(1, axis))
            found = np.moveaxis(turned, 0, axis)
        if strides == (1, 1, 1):
            return np.ascontiguousarray(found.real)
        return np.ascontiguousarray(found)

    def moved(self, size: int, place: tuple[float, float, float]) -> NDArray[np.float32]:
        """Return a kernel moved by a part of voxels or more; its weights about a place there."""
        if (size, place) not in self._moved:
            self._moved[size, place] = self._move(size, place)
        return self._moved[size, place]

    def _move(self, size: int, place: tuple[float, float, float]) -> NDArray[np.float32]:
        """Return a kernel moved; see `moved`."""
        kernel = self.kernels[size].astype(np.float32)
        whole = tuple(math.floor(p) for p in place)
        kernel = np.roll(kernel, whole, axis=(0, 1, 2))
        for axis, part in enumerate(p - w for p, w in zip(place, whole, strict=True)):
            if part:
                wave = np.fft.rfftfreq(kernel.shape[axis])
                phase = np.exp(-2j * np.pi * wave * part).reshape([-1 if n == axis else 1 for n in range(3)])
                turned = np.fft.irfft(np.fft.rfft(kernel, axis=axis) * phase, kernel.shape[axis], axis=axis)
                kernel = turned.astype(np.float32)
        return kernel

    def at_faces(self, axis: int) -> list[NDArray[np.float32]]:
        """Return each output's deviation by its distance, in voxels, from a face of the image.

        Beyond the face there is nothing, and a filter that leans on its surroundings there gives more or less
        than unit variance.
        """
        lags = self.covariance.by_lag
        planes = [n for n in range(3) if n != axis]
        shape = [fft.next_fast_len(2 * lags.shape[n]) for n in planes]

        def spectra(array: NDArray[np.float64]) -> NDArray[np.complex64]:
            flat = np.moveaxis(array, axis, 0).astype(np.float32)
            grid = np.stack([place_at_origin(part[None], (1, *shape))[0] for part in flat])
            return np.asarray(fft.fft2(grid)).reshape(len(flat), -1)

        power = np.real(spectra(lags))
        middle = len(power) // 2
        found = []
        for kernel in self.kernels:
            weight = spectra(kernel)
            count = len(weight)
            shared = np.zeros((count, count))
            for a in range(count):
                near = np.arange(max(0, a - middle), min(count, a + middle + 1))
                product = np.conj(weight[near]) * power[near - a + middle]
                shared[a, near] = np.real(product @ weight[a]) / math.prod(shape)
            total = shared.sum()
            left = [shared[m:, m:].sum() / total for m in range(count // 2, 0, -1)]
            found.append(np.sqrt(np.maximum(left, LEAST_AT_FACE)).astype(np.float32))
        return found

    def correlation(self, points: Sequence[tuple[int, tuple[float, float, float]]]) -> NDArray[np.float64]:
        """Return the covariance that noise gives to outputs: of each the size, and its place in voxels."""
        shape = tuple(fft.next_fast_len(2 * n, real=True) for n in self.kernels[0].shape)
        whole = self.covariance.power(shape)[..., : shape[2] // 2 + 1]
        twice = np.full(whole.shape[2], 2.0)
        twice[[0] if shape[2] % 2 else [0, -1]] = 1.0
        root = np.sqrt(whole * twice / math.prod(shape)).astype(np.float32)
        waves = (np.fft.fftfreq(shape[0]), np.fft.fftfreq(shape[1]), np.fft.rfftfreq(shape[2]))
        spectra = {
            size: fft.rfftn(place_at_origin(self.kernels[size].astype(np.float32), shape)) * root
            for size in {size for size, _ in points}
        }
        rows = []
        for size, place in points:
            k, j, i = (
                np.exp(2j * np.pi * w * p).astype(np.complex64) for w, p in zip(waves, place, strict=True)
            )
            row = spectra[size] * (k[:, None, None] * (j[:, None] * i))
            rows.append(np.concatenate([row.real.ravel(), row.imag.ravel()]))
        table = np.stack(rows)
        return np.asarray(table @ table.T, dtype=np.float64)


def kernel_reach(spacing_mm: tuple[float, float, float], shape: tuple[int, ...]) -> tuple[int, int, int]:
    """Return how many voxels a filter reaches along each axis."""
    k, j, i = (
        max(1, min(round(REACH_MM / s), MOST_REACH, n // 2)) for s, n in zip(spacing_mm, shape, strict=True)
    )
    return (k, j, i)


def make_bank(
    covariance: Covariance,
    blur: Blur,
    spacing_mm: tuple[float, float, float],
    cells: tuple[int, int, int] = (1, 1, 1),
) -> FilterBank:
    """Return the filters for a scan of this blur and covariance.

    Parameters
    ----------
    covariance
        Of the liver without foci; its lags are the filters' reach.
    blur, spacing_mm
        How a sphere is sampled.
    cells
        Voxels that the strides of outputs must divide.
    """
    reach = covariance.lags
    shape = tuple(fft.next_fast_len(4 * n + 1) for n in reach)
    power = covariance.power(shape)
    kernels, peaks, recovery = [], [], []
    index = np.ix_(*(np.arange(-n, n + 1) for n in reach))
    for diameter in DIAMETERS_MM:
        image = sphere_images(diameter, blur, spacing_mm, reach).mean(axis=0)
        white = np.real(fft.ifftn(fft.fftn(place_at_origin(image, shape)) / power))[index]
        spectrum = fft.fftn(place_at_origin(white, shape))
        deviation = math.sqrt(float((np.abs(spectrum) ** 2 * power).sum()) / math.prod(shape))
        kernel = white / deviation
        kernels.append(kernel)
        peaks.append(float(image.max()) / float((kernel * image).sum()))
        recovery.append(float(image.max()))
    return FilterBank(
        DIAMETERS_MM,
        tuple(kernels),
        _strides(spacing_mm, cells),
        tuple(peaks),
        tuple(recovery),
        covariance,
        blur,
        spacing_mm,
    )


def _strides(
    spacing_mm: tuple[float, float, float], cells: tuple[int, int, int]
) -> tuple[tuple[int, int, int], ...]:
    """Return the voxels per sample of each output, each a multiple of the one before."""
    found = [(1, 1, 1)] * SHARED_SIZES
    for diameter in DIAMETERS_MM[SHARED_SIZES:]:
        k, j, i = (
            max(
                n
                for n in range(1, f + 1)
                if f % n == 0 and n % m == 0 and (n == m or n * s <= SAMPLE_SHARE * diameter)
            )
            for s, f, m in zip(spacing_mm, cells, found[-1], strict=True)
        )
        found.append((k, j, i))
    return tuple(found)


def sphere_images(
    diameter_mm: float,
    blur: Blur,
    spacing_mm: tuple[float, float, float],
    reach: tuple[int, int, int],
    *,
    edge_share: float = PROFILE_EDGE,
) -> NDArray[np.float32]:
    """Return a sphere of contrast 1 as the scan samples it, for places evenly within the central voxel.

    Chords through the sphere are exact along the slice's axis; in plane it is drawn on a lattice of
    `FINE_MM`, put right to its volume, and blurred.

    Returns
    -------
    array
        (places, slice, row, column), the shape of a kernel of this reach.
    """
    parts = [max(1, math.ceil(s / FINE_MM)) | 1 for s in spacing_mm[1:]]
    fine = [s / p for s, p in zip(spacing_mm[1:], parts, strict=True)]
    far = [(n + 1) * p + p // 2 for n, p in zip(reach[1:], parts, strict=True)]
    y, x = (np.arange(-n, n + 1) * step for n, step in zip(far, fine, strict=True))
    radius = diameter_mm / 2
    half = np.sqrt(np.maximum(radius**2 - y[:, None] ** 2 - x[None] ** 2, 0.0))
    if not half.any():
        half[far[0], far[1]] = radius
    half *= math.pi / 6 * diameter_mm**3 / (2 * float(half.sum()) * fine[0] * fine[1])
    sigma = [blur.in_plane_sigma_mm / step for step in fine]
    edge = ((np.arange(EDGE_STEPS) + 0.5) / EDGE_STEPS - 0.5) * edge_share * blur.slice_mm
    offsets = ((np.arange(SLICE_PLACES) + 0.5) / SLICE_PLACES - 0.5) * spacing_mm[0]
    found = []
    for offset in offsets:
        at = np.arange(-reach[0], reach[0] + 1)[:, None, None] * spacing_mm[0] - offset
        met = np.flatnonzero(np.abs(at.ravel()) < radius + blur.slice_mm * (0.5 + 0.5 * edge_share))
        part = np.zeros((len(met), *half.shape), np.float32)
        for shift in edge:
            low = np.maximum(at[met] + shift - blur.slice_mm / 2, -half)
            high = np.minimum(at[met] + shift + blur.slice_mm / 2, half)
            part += np.maximum(high - low, 0.0) / (blur.slice_mm * EDGE_STEPS)
        share = np.zeros((len(at), *half.shape), np.float32)
        share[met] = ndimage.gaussian_filter(part, (0.0, *sigma), mode="constant")
        for dj in range(-(parts[0] // 2), parts[0] // 2 + 1):
            for di in range(-(parts[1] // 2), parts[1] // 2 + 1):
                j, i = far[0] - reach[1] * parts[0] + dj, far[1] - reach[2] * parts[1] + di
                rows = slice(j, j + 2 * reach[1] * parts[0] + 1, parts[0])
                columns = slice(i, i + 2 * reach[2] * parts[1] + 1, parts[1])
                found.append(share[:, rows, columns])
    return np.stack(found)
