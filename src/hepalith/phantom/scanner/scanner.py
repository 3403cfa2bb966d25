"""The scanner: what it does to a scene before a reader sees it.

In-plane blur by the kernel's point spread, the slice's sensitivity profile, the matrix, the
beam and the dose. What a focus adds to the image is linear in it and keeps its integral, so
that it is known exactly; noise, beam hardening and streaks come on top.

References
----------
.. [1] W. A. Kalender, A. Polacin, "Physical performance characteristics of spiral CT
       scanning", Medical Physics 18:910-915, 1991. doi:10.1118/1.596607 (slice profiles)
.. [2] E. L. Nickoloff, R. Riley, "A simplified approach for modulation transfer function
       determinations in computed tomography", Medical Physics 12:437-442, 1985.
       doi:10.1118/1.595706 (Gaussian point spread)
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from hepalith.geometry import Grid
from hepalith.phantom.scanner.spectrum import Beam, beam_at

__all__ = ["KERNELS", "KERNEL_BLUR_MM", "Kernel", "Scanner", "SliceProfile", "kernel_blur_mm"]

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
class Kernel:
    """A reconstruction kernel, as the in-plane point spread that it leaves: one Gaussian less another.

    ``MTF(f) = (1 + boost) exp(-2π² f² blur²) - boost exp(-2π² f² wide²)``: 1 at f = 0, so that
    integrals are kept; with `boost` above 0 the middle frequencies are raised and edges overshoot.

    Parameters
    ----------
    name
        What the header says.
    blur_mm
        Standard deviation of the narrow Gaussian.
    boost
        Share of the wide Gaussian taken away.
    wide_mm
        Its standard deviation.
    """

    name: str
    blur_mm: float
    boost: float = 0.0
    wide_mm: float = 0.0

    @property
    def parts(self) -> tuple[tuple[float, float], ...]:
        """The Gaussians: weight, standard deviation in mm. The widest comes last."""
        if self.boost == 0:
            return ((1.0, self.blur_mm),)
        return ((1 + self.boost, self.blur_mm), (-self.boost, self.wide_mm))


KERNELS = MappingProxyType(
    {
        "smooth": Kernel("SMOOTH", 0.75),
        "soft": Kernel("SOFT", 0.60, 0.10, 1.2),
        "standard": Kernel("STANDARD", 0.52, 0.15, 1.1),
        "sharp": Kernel("DETAIL", 0.42, 0.25, 1.0),
        "lung": Kernel("LUNG", 0.36, 0.60, 0.80),
    }
)
"""Kernels by class. They pass half the contrast at 2.5, 3.3, 3.9, 5.1 and 6.7 cycles per cm and a tenth
at 4.5, 5.8, 6.8, 8.4 and 10; the lung kernel overshoots by 8 % at 3 cycles per cm. A Gaussian describes
most kernels well (Nickoloff 1985); the boost gives the flatter top of body kernels and the overshoot
of sharp ones. Our judgement, within what makers' data sheets state for such kernels."""

GAIN_OF = MappingProxyType(
    {
        "calcification": "calcium",
        "vessel_wall_calcification": "calcium",
        "bone_or_cartilage": "calcium",
        "gallstone": "calcium",
        "lipiodol": "iodine",
        "glue": "iodine",
        "iodine_in_vessel": "iodine",
        "iodine_in_duct": "iodine",
        "bowel_content": "iodine",
        "clip_or_coil": "metal",
        "stent_or_catheter": "metal",
    }
)
"""What gives a deposit of each label its density; glue is mixed with iodised oil to be seen."""

EXPOSURE_SHARE = 0.7
"""Share of the photons at the axis that count: detector efficiency, gaps between cells and the grid
against scatter. Our judgement, between the 0.6 and 0.8 usual for CT."""

DETECTOR_BLUR_MM = 0.25
"""Blur that noise escapes: of focal spot and detector cells, as a standard deviation at the axis.

A cell of 0.6 mm and a like focal spot give 0.25 mm; a kernel sharper than that is built from less.
"""


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
        z of the lowest slice's centre.
    centre_mm
        x and y of the matrix's middle.
    blur_mm, boost, wide_mm
        The in-plane point spread, as in `Kernel`.
    noise_hu
        Standard deviation of the noise in the middle of the body; used where `mas` is ``None``.
    mas
        Effective tube load (mA times rotation time over pitch). The noise then follows from the beam,
        the body's size, the slice and the kernel.
    modulation
        How far the tube current follows the body's attenuation: 0 not at all, 0.5 so that the noise of
        the image is least for the dose, 1 so that every ray brings like noise.
    iterative
        Strength of iterative reconstruction, 0 to 1: less noise, and what is left coarser.
    hardening
        Share of the beam hardening by bone that is left in the image; 0: corrected.
    cupping
        Share of the beam hardening by water that is left; 0: corrected.
    metal_streaks
        Whether metal throws streaks.
    extended
        16-bit HU: metal is not clipped at 3071.
    kernel, kvp
        What the header says; the voltage also sets what calcium, iodine and metal weigh.
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
    centre_mm: tuple[float, float] = (0.0, 0.0)
    boost: float = 0.0
    wide_mm: float = 0.0
    mas: float | None = None
    modulation: float = 0.5
    iterative: float = 0.0
    hardening: float = 0.4
    cupping: float = 0.0
    metal_streaks: bool = True
    extended: bool = False

    def with_kernel(self, name: str) -> Scanner:
        """Return this scanner with one of `KERNELS`."""
        kernel = KERNELS[name]
        return replace(
            self, kernel=kernel.name, blur_mm=kernel.blur_mm, boost=kernel.boost, wide_mm=kernel.wide_mm
        )

    @property
    def profile(self) -> SliceProfile:
        """The slice's sensitivity profile."""
        return SliceProfile.of(self.slice_thickness_mm, self.slice_spacing_mm)

    @property
    def point_spread(self) -> Kernel:
        """The in-plane point spread."""
        return Kernel(self.kernel, self.blur_mm, self.boost, self.wide_mm)

    @property
    def beam(self) -> Beam:
        """The tube's beam."""
        return beam_at(self.kvp)

    @property
    def hu_per_mg_ml(self) -> float:
        """HU of 1 mg/mL of hydroxyapatite in place of water."""
        return self.beam.hu_per_mg_ml

    @property
    def calcium_gain(self) -> float:
        """HU of calcium over those at 120 kVp."""
        return self.beam.hu_per_mg_ml / beam_at(120.0).hu_per_mg_ml

    @property
    def iodine_gain(self) -> float:
        """HU of iodine over those at 120 kVp."""
        return self.beam.iodine_hu_per_mg_ml / beam_at(120.0).iodine_hu_per_mg_ml

    @property
    def metal_gain(self) -> float:
        """HU of titanium over those at 120 kVp."""
        return self.beam.titanium_hu / beam_at(120.0).titanium_hu

    def gain_of(self, label: str) -> float:
        """Return what a deposit's excess at 120 kVp is multiplied by, from its label.

        Examples
        --------
        >>> round(Scanner(kvp=80).gain_of("calcification"), 3), Scanner(kvp=80).gain_of("gas")
        (1.391, 1.0)
        """
        gains = {"calcium": self.calcium_gain, "iodine": self.iodine_gain, "metal": self.metal_gain}
        return gains.get(GAIN_OF.get(label, ""), 1.0)

    @property
    def grid(self) -> Grid:
        """The grid of the image, in the working order."""
        half = (self.matrix - 1) / 2 * self.pixel_mm
        affine = np.zeros((4, 4))
        affine[:, 3] = (self.centre_mm[0] - half, self.centre_mm[1] - half, self.low_z_mm, 1)
        affine[2, 0] = self.slice_spacing_mm
        affine[1, 1] = affine[0, 2] = self.pixel_mm
        return Grid((self.slices, self.matrix, self.matrix), affine)
