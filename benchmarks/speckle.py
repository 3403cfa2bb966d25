"""Compare the sonogram phantom's speckle and point spread with a simulation scatterer by scatterer.

The phantom spreads white scatterers with a Gaussian whose width follows from aperture, wavelength and
focus. Here each scatterer is heard on its own: the field of the sending aperture and the answer of the
receiving one, focused at every depth, are summed element by element (Huygens), at several frequencies of
the pulse's band, and the echoes are added up line by line. Nothing of the phantom's model is used but the
probe's numbers.

Printed for several depths: the width of a point, the widths of the speckle's autocorrelation across and
along the beams (half maximum, envelope), and the mean over the standard deviation of the envelope
(Rayleigh: 1.913).

Run: ``python benchmarks/speckle.py`` (about half a minute).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hepalith.phantom.ultrasound.paint import paint
from hepalith.phantom.ultrasound.probe import Probe, beam_space
from hepalith.phantom.ultrasound.render import echoes, make_speckle
from hepalith.phantom.ultrasound.scene import SonoScene

PROBE = Probe(
    shape="linear",
    frequency_mhz=3.5,
    depth_mm=130.0,
    focus_mm=(70.0,),
    aperture_mm=20.0,
    half_width_mm=20.0,
    lines=161,
    step_mm=0.15,
    noise_db=-90.0,
    clutter_db=-90.0,
)
"""The probe of both: parallel lines a quarter of a millimetre apart."""

DEPTHS_MM = (40.0, 60.0, 70.0, 90.0, 110.0)
"""Where they are compared: before, at and beyond the focus."""

ELEMENTS = 96
"""Elements of the aperture: half a wavelength apart."""

REACH_MM = 9.0
"""How far off a line scatterers are still heard: beyond lie side lobes below a hundredth."""

FINE_MM, DEEP_MM = 0.04, 0.5
"""Sampling of the answer across and along; between, it is interpolated."""

PER_MM2 = 36
"""Scatterers in a square millimetre: a dozen in a cell, for fully developed speckle."""

Complex = NDArray[np.complex128]


def field(
    lateral: NDArray[np.float64], depth: NDArray[np.float64], focus: NDArray[np.float64] | float, mhz: float
) -> Complex:
    """Return the one-way field of the aperture, focused on its axis at `focus`, at points in mm."""
    k = 2 * np.pi * mhz / 1.54
    aperture = min(PROBE.aperture_mm, float(np.min(focus)) / 1.6 if np.ndim(focus) else PROBE.aperture_mm)
    at = (np.arange(ELEMENTS) - (ELEMENTS - 1) / 2) / ELEMENTS * aperture
    out = np.zeros(lateral.shape, dtype=np.complex128)
    for x in at:
        path = np.hypot(lateral - x, depth)
        out += np.exp(-1j * k * (path - depth - np.hypot(x, focus) + focus)) / np.sqrt(path)
    return out / ELEMENTS


def two_way(lateral: NDArray[np.float64], depth: NDArray[np.float64]) -> Complex:
    """Return how loud a point is heard: sent with one focus, received with a focus at its depth."""
    spread = 1 / (2 * np.pi * (PROBE.pulse_length_mm() / 2.3548) / 1.54 * 2)
    total = np.zeros(lateral.shape, dtype=np.complex128)
    for step in (-1.0, 0.0, 1.0):
        mhz = PROBE.frequency_mhz + step * spread
        total += (
            np.exp(-0.5 * step**2)
            * field(lateral, depth, PROBE.focus_mm[0], mhz)
            * field(lateral, depth, depth, mhz)
        )
    return total


def answers(depth: float, half: float) -> Complex:
    """Return how loud points are heard: (lateral, depth), from the axis outward and about a depth."""
    lateral = np.arange(0, REACH_MM + FINE_MM, FINE_MM)
    deep = np.arange(-half, half + 2 * DEEP_MM, DEEP_MM) + depth
    return two_way(*np.broadcast_arrays(lateral[:, None], deep[None]))


def point_width(depth: float) -> float:
    """Return how wide a point at a depth is drawn, mm (half maximum of the amplitude)."""
    x = np.linspace(0, 12, 600)
    heard = np.abs(two_way(x, np.full_like(x, depth)))
    return 2 * float(x[np.nonzero(heard >= heard.max() / 2)[0][-1]])


def scattered(depth: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return the envelope (sample, line) about a depth, scatterer by scatterer."""
    half, step = 6.0, PROBE.step_mm
    lines = np.linspace(-PROBE.half_width_mm, PROBE.half_width_mm, PROBE.lines)
    count = int(PER_MM2 * (2 * half + 4) * (2 * PROBE.half_width_mm + 20))
    x = rng.uniform(-PROBE.half_width_mm - 10, PROBE.half_width_mm + 10, count)
    z = rng.uniform(depth - half - 2, depth + half + 2, count)
    loud = rng.standard_normal(count)
    samples = round((2 * half + 4) / step)
    sigma = PROBE.pulse_length_mm() / 2.3548 / step
    taps = np.arange(-int(4 * sigma), int(4 * sigma) + 1)
    pulse = np.exp(-0.5 * (taps / sigma) ** 2)
    loud = loud * np.exp(-2j * 2 * np.pi * PROBE.frequency_mhz / 1.54 * z)
    table = answers(depth, half + 2)
    out = np.zeros((samples, lines.size))
    for number, line in enumerate(lines):
        near = np.abs(x - line) < REACH_MM - 0.1
        at = (np.abs(x[near] - line) / FINE_MM, (z[near] - depth + half + 2) / DEEP_MM)
        echo = loud[near] * (
            ndimage.map_coordinates(table.real, at, order=1)
            + 1j * ndimage.map_coordinates(table.imag, at, order=1)
        )
        place = ((z[near] - depth + half + 2) / step).astype(int)
        row = np.zeros(samples, dtype=np.complex128)
        np.add.at(row, np.clip(place, 0, samples - 1), echo)
        out[:, number] = np.abs(np.convolve(row, pulse, mode="same"))
    edge = round(2 / step)
    return out[edge:-edge]


def half_lag(envelope: NDArray[np.float64], axis: int, step_mm: float) -> float:
    """Return the full width at half maximum of the autocorrelation of an envelope, mm."""
    rest = envelope - envelope.mean()
    moved = np.moveaxis(rest, axis, 0)
    whole, last = float((rest**2).mean()), 1.0
    for lag in range(1, 60):
        now = float((moved[lag:] * moved[:-lag]).mean()) / whole
        if now < 0.5:
            return 2 * (lag - 1 + (last - 0.5) / (last - now)) * step_mm
        last = now
    return float("nan")


def phantom_envelope(seed: int) -> NDArray[np.float64]:
    """Return the phantom's envelope of plain tissue."""
    space = beam_space(PROBE)
    rng = np.random.default_rng(seed)
    return 10 ** (
        echoes(paint(SonoScene(()), space), space, make_speckle(space, rng), rng).level_db.astype(np.float64)
        / 20
    )


def main() -> None:
    """Print the comparison."""
    across = 2 * PROBE.half_width_mm / (PROBE.lines - 1)
    whole = [phantom_envelope(seed) for seed in range(4)]
    print("| depth | width of a point | speckle across | speckle along | mean / SD |")
    print("| --- | --- | --- | --- | --- |")
    for depth in DEPTHS_MM:
        rows = np.s_[round((depth - 6) / PROBE.step_mm) : round((depth + 6) / PROBE.step_mm)]
        theirs = [scattered(depth, np.random.default_rng(seed)) for seed in range(2)]
        ours = [envelope[rows] for envelope in whole]
        point = (float(PROBE.point_width_mm(depth)), point_width(depth))
        told = [
            [float(np.mean([half_lag(e, 1, across) for e in made])) for made in (ours, theirs)],
            [float(np.mean([half_lag(e, 0, PROBE.step_mm) for e in made])) for made in (ours, theirs)],
            [float(np.mean([e.mean() / e.std() for e in made])) for made in (ours, theirs)],
        ]
        cells = [f"{point[0]:.2f} / {point[1]:.2f} mm"]
        cells += [f"{ours_:.2f} / {theirs_:.2f} mm" for ours_, theirs_ in told[:2]]
        cells.append(f"{told[2][0]:.2f} / {told[2][1]:.2f}")
        print(f"| {depth:.0f} mm | " + " | ".join(cells) + " |")
    print()
    print("Each cell: the phantom / scatterer by scatterer. 3.5 MHz, aperture 20 mm, focus at 70 mm.")


if __name__ == "__main__":
    main()
