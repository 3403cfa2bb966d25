"""The scanner: what it does to a scene before a reader sees it.

In-plane blur (a Gaussian point-spread function), the slice's sensitivity profile, the
matrix, and noise with the texture of filtered back-projection. Everything here is linear
and keeps integrals, so what a focus adds to the image is known exactly.

References
----------
.. [1] W. A. Kalender, A. Polacin, "Physical performance characteristics of spiral CT
       scanning", Medical Physics 18:910-915, 1991. doi:10.1118/1.596607 (slice profiles)
.. [2] S. J. Riederer, N. J. Pelc, D. A. Chesler, "The noise power spectrum in computed
       X-ray tomography", Physics in Medicine and Biology 23:446-454, 1978.
       doi:10.1088/0031-9155/23/3/008 (ramp-shaped noise power)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from hepalith.geometry import Grid

__all__ = ["KERNEL_BLUR_MM", "Scanner", "SliceProfile", "kernel_blur_mm", "make_noise"]

KERNEL_BLUR_MM = {"smooth": 0.75, "soft": 0.55, "medium": 0.42, "sharp": 0.28}
"""Standard deviation of the in-plane point spread for classes of reconstruction kernel, in mm.

A Gaussian of standard deviation s passes half the contrast at 0.187/s cycles per mm: 2.5, 3.4,
4.5 and 6.7 cycles per cm here, which are the usual places of body-smooth, body-standard,
body-sharp and lung or bone kernels. Our judgement, after the makers' data sheets; a caller
who knows the scanner gives the blur itself.
"""

SHARP_KERNELS = ("lung", "bone", "sharp", "edge", "b60", "b70", "b80", "br6", "bl6", "hr6", "fc5", "fc8", "d")
"""Starts of the names of sharp kernels: GE (words), Siemens (B, Br, Bl, Hr), Canon (FC), Philips (D)."""

SMOOTH_KERNELS = ("b08", "b10", "b20", "br2", "fc01", "smooth", "a")
"""Starts of the names of smooth kernels: Siemens, Canon, Philips (A)."""

EDGE_SHARE = 0.5
"""Width of a slice profile's soft edge as a share of the slice: between the rectangle of a
sequential scan and the triangle of a spiral one (Kalender 1991). Our judgement."""


def kernel_blur_mm(kernel: str) -> float:
    """Return the usual in-plane blur of a kernel by its name, as a standard deviation in mm.

    Examples
    --------
    >>> kernel_blur_mm("LUNG"), kernel_blur_mm("B30f"), kernel_blur_mm("")
    (0.28, 0.55, 0.55)
    """
    name = kernel.strip().lower()
    if name.startswith(SHARP_KERNELS):
        return KERNEL_BLUR_MM["sharp"]
    if name.startswith(SMOOTH_KERNELS):
        return KERNEL_BLUR_MM["smooth"]
    return KERNEL_BLUR_MM["soft"]


@dataclass(frozen=True, slots=True)
class SliceProfile:
    """Sensitivity along the slice normal: a trapezoid, the rectangle `width_mm` smoothed over `edge_mm`.

    Its full width at half maximum is the larger of the two.
    """

    width_mm: float
    edge_mm: float

    @classmethod
    def of(cls, thickness_mm: float, spacing_mm: float) -> SliceProfile:
        """Return the profile of slices `thickness_mm` thick, `spacing_mm` apart.

        Where slices overlap unevenly the edge is one spacing wide, so that the slices together
        still see every point alike and a focus keeps its integral wherever it lies. Gaps between
        slices stay gaps: what falls into one is not seen.
        """
        times = thickness_mm / spacing_mm
        even = times < 1 or abs(times - round(times)) < 1e-3
        return cls(thickness_mm, EDGE_SHARE * thickness_mm if even else spacing_mm)

    @property
    def reach_mm(self) -> float:
        """Half of the whole width of the profile."""
        return (self.width_mm + self.edge_mm) / 2

    def cumulative(self, at_mm: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the share of the profile below `at_mm` (0 is the slice's centre)."""
        outer, inner = self.reach_mm, (self.width_mm - self.edge_mm) / 2

        def ramp(u: NDArray[np.float64]) -> NDArray[np.float64]:
            return np.square(np.maximum(u, 0)) / 2

        total = ramp(at_mm + outer) - ramp(at_mm + inner) - ramp(at_mm - inner) + ramp(at_mm - outer)
        return np.asarray(total / (self.width_mm * self.edge_mm))


@dataclass(frozen=True, slots=True)
class Scanner:
    """A scanner's protocol: the grid it samples and how it blurs and roughens what it sees.

    Parameters
    ----------
    matrix, slices
        Pixels along a row and a column; number of slices.
    pixel_mm, slice_spacing_mm, slice_thickness_mm
        Spacing of pixels and slices, and nominal thickness.
    low_z_mm
        z of the lowest slice's centre; the matrix is centred on x = y = 0.
    blur_mm
        Standard deviation of the in-plane point spread.
    noise_hu
        Standard deviation of the noise in the middle of the body.
    kernel, kvp
        What the header says.
    """

    matrix: int = 320
    slices: int = 84
    pixel_mm: float = 1.125
    slice_spacing_mm: float = 2.5
    slice_thickness_mm: float = 2.5
    low_z_mm: float = -112.5
    blur_mm: float = KERNEL_BLUR_MM["soft"]
    noise_hu: float = 11.0
    kernel: str = "STANDARD"
    kvp: float = 120.0

    @property
    def profile(self) -> SliceProfile:
        """The slice's sensitivity profile."""
        return SliceProfile.of(self.slice_thickness_mm, self.slice_spacing_mm)

    @property
    def grid(self) -> Grid:
        """The grid of the image, in the working order."""
        half = (self.matrix - 1) / 2 * self.pixel_mm
        affine = np.zeros((4, 4))
        affine[:, 3] = (-half, -half, self.low_z_mm, 1)
        affine[2, 0] = self.slice_spacing_mm
        affine[1, 1] = affine[0, 2] = self.pixel_mm
        return Grid((self.slices, self.matrix, self.matrix), affine)


def make_noise(scanner: Scanner, random: np.random.Generator) -> NDArray[np.float32]:
    """Return noise of unit standard deviation with the texture of filtered back-projection.

    The noise power is a ramp cut off by the kernel, ``|f| exp(-(2π f s)²)`` with s the in-plane
    blur (Riederer 1978), and neighbouring slices share what their profiles share.

    Returns
    -------
    array
        float32, (slice, row, column).
    """
    n = scanner.matrix
    white = random.standard_normal((scanner.slices + 1, n, n), dtype=np.float32)
    fy = scipy.fft.fftfreq(n, scanner.pixel_mm).astype(np.float32)[:, None]
    fx = scipy.fft.rfftfreq(n, scanner.pixel_mm).astype(np.float32)[None, :]
    f = np.hypot(fy, fx)
    floor = np.float32(0.15 / (n * scanner.pixel_mm))
    power = (f + floor) * np.exp(-np.square(2 * np.pi * f * np.float32(scanner.blur_mm)))
    spectrum = scipy.fft.rfft2(white)
    spectrum *= np.sqrt(power)[None]
    noise = scipy.fft.irfft2(spectrum, s=(n, n))
    shared = np.float32(0.2)
    noise = (1 - shared) * noise[:-1] + shared * noise[1:]
    return np.asarray(noise / noise.std(), dtype=np.float32)
