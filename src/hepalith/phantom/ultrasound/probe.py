"""The transducer and the scanner's settings, and the beams that follow from them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from hepalith.phantom.ultrasound.shape import Array, Bounds

__all__ = ["BeamSpace", "Probe", "beam_space"]

Real = NDArray[np.floating[Any]]

SOUND_MM_PER_US = 1.54
"""Speed of sound in soft tissue that every scanner assumes, mm/µs (IEC 61391-1: 1540 m/s)."""

TO_SIGMA = 1 / 2.3548
"""Standard deviation of a Gaussian from its full width at half maximum."""

DIFFRACTION = 1.2
"""Full width at half maximum of the amplitude of a focused line aperture's field, over wavelength times
f-number: that of sinc, 1.21."""

CONE = 0.35
"""Width that counts of the converging cone of sound, as a share of its whole width: an apodised aperture's
full width at half maximum of the intensity is about a third of it."""


@dataclass(frozen=True, slots=True)
class Probe:
    """A transducer as it was set.

    `shape` is ``"curved"`` (a fan from a face of `radius_mm`), ``"phased"`` (a fan from nearly a point) or
    ``"linear"`` (a rectangle). `half_angle` bounds a fan, in radians; `half_width_mm` a rectangle.
    """

    shape: Literal["curved", "phased", "linear"] = "curved"
    frequency_mhz: float = 3.5
    depth_mm: float = 150.0
    focus_mm: tuple[float, ...] = (70.0,)
    radius_mm: float = 60.0
    half_angle: float = 0.6
    half_width_mm: float = 20.0
    aperture_mm: float = 20.0
    elevation_mm: float = 12.0
    elevation_focus_mm: float = 70.0
    cycles: float = 2.2
    looks: int = 1
    """Steered looks that are averaged (spatial compounding); 1: none."""
    steer: float = 0.17
    """Angle of the outermost look, radians."""
    harmonics: bool = False
    dynamic_range_db: float = 60.0
    gain_db: float = 0.0
    gamma: float = 1.0
    tgc_error_db: tuple[float, ...] = (0.0, 0.0, 0.0)
    """Error of the time-gain compensation, at equally spaced depths."""
    noise_db: float = -20.0
    """Electronic noise at the far end, lifted by the compensation, against liver that is well heard."""
    clutter_db: float = -22.0
    """Reverberation beneath the skin against liver there."""
    lines: int = 320
    step_mm: float = 0.2
    persistence: float = 0.0
    """Share of the frame before that stays."""
    smooth: float = 0.0
    """Smoothing of the displayed picture, standard deviation in pixels."""

    @property
    def received_mhz(self) -> float:
        """Centre of what is received: what scanners show as the frequency, also of a harmonic."""
        return self.frequency_mhz

    @property
    def attenuated_mhz(self) -> float:
        """Frequency at which tissue attenuates, mean of both ways: a harmonic goes in at half of it."""
        return self.frequency_mhz * (0.75 if self.harmonics else 1.0)

    @property
    def wavelength_mm(self) -> float:
        """Wavelength of what is received."""
        return SOUND_MM_PER_US / self.received_mhz

    def transmit_width_mm(self, depth_mm: Array | float) -> Array:
        """Return the width of the transmitted beam in the picture's plane at a depth, mm (FWHM).

        Diffraction at the focus; away from it the cone of the aperture. Several foci are sent one after
        another and each depth shown from the nearest: the narrowest counts.
        """
        z = np.asarray(depth_mm, dtype=np.float32)
        widths = []
        for focus in self.focus_mm:
            aperture = min(self.aperture_mm, focus / 2.0)
            widths.append(_width(z, self.wavelength_mm, aperture, focus))
        sharper = np.float32(0.85 if self.harmonics else 1.0)
        return np.asarray(np.minimum.reduce(widths) * sharper, dtype=np.float32)

    def receive_width_mm(self, depth_mm: Array | float) -> Array:
        """Return the width of the receiving beam, which is focused at every depth, mm (FWHM)."""
        z = np.asarray(depth_mm, dtype=np.float32)
        f_number = np.maximum(z / np.float32(self.aperture_mm), np.float32(1.6))
        return np.asarray(DIFFRACTION * self.wavelength_mm * f_number, dtype=np.float32)

    def point_width_mm(self, depth_mm: Array | float) -> Array:
        """Return how wide a point is drawn: transmit and receive together, mm (FWHM of the amplitude)."""
        sent, heard = self.transmit_width_mm(depth_mm), self.receive_width_mm(depth_mm)
        return np.asarray(1 / np.sqrt(1 / sent**2 + 1 / heard**2), dtype=np.float32)

    def slice_width_mm(self, depth_mm: Array | float) -> Array:
        """Return the thickness of the slice across the picture's plane, mm (FWHM): a fixed lens."""
        z = np.asarray(depth_mm, dtype=np.float32)
        return _width(z, self.wavelength_mm, self.elevation_mm, self.elevation_focus_mm)

    def pulse_length_mm(self) -> float:
        """Return how thick a point is drawn along the beam, mm (FWHM of the amplitude)."""
        return self.cycles * self.wavelength_mm / 2 * 1.3


def _width(z: Array, wavelength: float, aperture: float, focus: float) -> Array:
    """Return the width of a beam that one lens focuses, mm."""
    spread = DIFFRACTION * wavelength * np.maximum(z, 5) / aperture
    cone = CONE * aperture * np.abs(1 - z / focus)
    return np.asarray(np.minimum(np.hypot(spread, cone), max(aperture, 4.0)), dtype=np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class BeamSpace:
    """Where every sample of every beam lies, in mm of the plane.

    `x`, `z` are float32 (sample, line); `depth` (sample, 1) runs along the beams from the face; `across`
    (sample, 1) is the distance of two lines at each depth.
    """

    probe: Probe
    x: Array
    z: Array
    depth: Array
    across: Array
    angles: Array
    """Direction of each line, (1, line); zero for a rectangle."""

    @property
    def shape(self) -> tuple[int, int]:
        """Samples and lines."""
        return self.x.shape[0], self.x.shape[1]

    @property
    def apex_z(self) -> float:
        """Z of the point from which the lines of a fan come, mm (negative: behind the face)."""
        return -self.probe.radius_mm

    def beam_of(self, x: Real | float, z: Real | float) -> tuple[Real, Real]:
        """Return (sample, line), in fractions, of points in mm."""
        probe = self.probe
        xs, zs = np.asarray(x), np.asarray(z)
        if probe.shape == "linear":
            across = 2 * probe.half_width_mm / (probe.lines - 1)
            return zs / probe.step_mm, (xs + probe.half_width_mm) / across
        turn = np.arctan2(xs, zs - self.apex_z)
        sample = (np.hypot(xs, zs - self.apex_z) - probe.radius_mm) / probe.step_mm
        return sample, (turn + probe.half_angle) / (2 * probe.half_angle / (probe.lines - 1))

    def block(self, bounds: Bounds, margin_mm: float = 1.5) -> tuple[slice, slice]:
        """Return the samples and lines that a box in mm may touch."""
        x0, z0, x1, z1 = bounds
        top = self.apex_z
        x0, x1, z0, z1 = x0 - margin_mm, x1 + margin_mm, max(z0 - margin_mm, top + 1), z1 + margin_mm
        xs, zs = np.array([x0, x0, x1, x1]), np.array([z0, z1, z0, z1])
        sample, line = self.beam_of(xs, zs)
        if x0 < 0 < x1:
            near, _ = self.beam_of(0.0, z0)
            sample = np.append(sample, near)
        low, high = np.clip([sample.min(), sample.max() + 2], 0, self.shape[0]).astype(int)
        left, right = np.clip([line.min(), line.max() + 2], 0, self.shape[1]).astype(int)
        return slice(low, high), slice(left, right)


def beam_space(probe: Probe) -> BeamSpace:
    """Return the sampling of a probe's beams."""
    samples = math.ceil(probe.depth_mm / probe.step_mm)
    depth = (np.arange(samples, dtype=np.float32) * np.float32(probe.step_mm))[:, None]
    if probe.shape == "linear":
        x = np.linspace(-probe.half_width_mm, probe.half_width_mm, probe.lines, dtype=np.float32)[None]
        gap = 2 * probe.half_width_mm / (probe.lines - 1)
        return BeamSpace(
            probe,
            np.broadcast_to(x, (samples, probe.lines)),
            np.broadcast_to(depth, (samples, probe.lines)),
            depth,
            np.full_like(depth, gap),
            np.zeros_like(x),
        )
    angles = np.linspace(-probe.half_angle, probe.half_angle, probe.lines, dtype=np.float32)[None]
    radius = depth + np.float32(probe.radius_mm)
    gap = 2 * probe.half_angle / (probe.lines - 1)
    return BeamSpace(
        probe,
        radius * np.sin(angles),
        radius * np.cos(angles) - np.float32(probe.radius_mm),
        depth,
        radius * np.float32(gap),
        angles,
    )
