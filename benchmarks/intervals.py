"""Do the 95 % intervals cover? Simulated spheres of known volume, contrast and place.

    .venv/bin/python benchmarks/intervals.py [--repeats N] [--seed N]

Spheres of 1–8 mm and 200–1000 HU above a liver of 60 HU, at random sub-voxel places, blurred in
plane by a Gaussian (1.0–1.5 mm wide at half height, unknown to the reader) and across slices by a
box, sampled at 0.6–0.9 mm and 1–5 mm, with correlated noise of 8–30 HU. The forward model shares no
code with the measurement. Only spheres that are found are measured; the share found is in the table.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hepalith.anatomy import Liver, Phase
from hepalith.calcification import Foci
from hepalith.calcification.ct import find_foci
from hepalith.geometry import Box, Grid
from hepalith.image import Volume
from hepalith.settings import Settings
from hepalith.study import Acquisition
from hepalith.vocabulary import Measurement

LIVER_HU = 60.0
PITCH_MM = (30.0, 26.0, 26.0)
"""Distance between spheres: their rings do not meet."""
COUNT = (3, 7, 7)
"""Spheres along each axis of one simulated liver."""
SLICES_MM = (1.0, 2.5, 5.0)
NOISE_HU = (8.0, 15.0, 30.0)
EXCESS_HU = (200.0, 400.0, 1000.0)
DIAMETERS_MM = (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0)


@dataclass(frozen=True, slots=True)
class Sphere:
    """A sphere of known truth; `centre_mm` along (slice, row, column)."""

    centre_mm: tuple[float, float, float]
    diameter_mm: float
    excess_hu: float

    @property
    def volume_mm3(self) -> float:
        """Return its volume."""
        return np.pi / 6 * self.diameter_mm**3


@dataclass(frozen=True, slots=True)
class Scan:
    """How one simulated liver was scanned."""

    slice_mm: float
    pixel_mm: float
    fwhm_mm: float
    noise_hu: float
    increment: float = 1.0
    """Distance between slices over their thickness."""


def render(sphere: Sphere, scan: Scan, shape: tuple[int, ...], hu: NDArray[np.float64]) -> None:
    """Add a blurred, sampled sphere to an image: exact chords in z, a fine grid in plane."""
    fine = scan.pixel_mm / 6
    step = scan.slice_mm * scan.increment
    z0, y0, x0 = sphere.centre_mm
    radius = sphere.diameter_mm / 2
    reach = radius + 3 * scan.fwhm_mm
    j0, j1 = int((y0 - reach) / scan.pixel_mm), int((y0 + reach) / scan.pixel_mm) + 2
    i0, i1 = int((x0 - reach) / scan.pixel_mm), int((x0 + reach) / scan.pixel_mm) + 2
    y = (np.arange((j1 - j0) * 6) - 2.5) * fine + j0 * scan.pixel_mm - y0
    x = (np.arange((i1 - i0) * 6) - 2.5) * fine + i0 * scan.pixel_mm - x0
    half_chord = np.sqrt(np.maximum(radius**2 - y[:, None] ** 2 - x[None] ** 2, 0.0))
    half_chord *= np.sqrt(sphere.volume_mm3 / max((2 * half_chord).sum() * fine**2, 1e-9))  # discretisation
    for k in range(shape[0]):
        z = k * step - z0
        low = np.maximum(z - scan.slice_mm / 2, -half_chord)
        high = np.minimum(z + scan.slice_mm / 2, half_chord)
        share = np.maximum(high - low, 0.0) / scan.slice_mm
        if not share.any():
            continue
        blurred = ndimage.gaussian_filter(share, scan.fwhm_mm / 2.3548 / fine, mode="constant")
        cells = blurred.reshape(j1 - j0, 6, i1 - i0, 6)[:, 2:4, :, 2:4].mean(axis=(1, 3))
        hu[k, j0:j1, i0:i1] += sphere.excess_hu * cells


def simulate(scan: Scan, spheres: list[Sphere], rng: np.random.Generator) -> Volume:
    """Return a liver with spheres and correlated noise."""
    step = scan.slice_mm * scan.increment
    size = [n * p for n, p in zip(COUNT, PITCH_MM, strict=True)]
    shape = (int(size[0] / step) + 1, int(size[1] / scan.pixel_mm) + 1, int(size[2] / scan.pixel_mm) + 1)
    hu = np.full(shape, LIVER_HU)
    for sphere in spheres:
        render(sphere, scan, shape, hu)
    noise = rng.standard_normal(shape)
    # a soft-tissue kernel: blurred, less its lowest frequencies, as the ramp filter leaves it
    sigma = 0.45 / scan.pixel_mm
    noise = ndimage.gaussian_filter(noise, (0, sigma, sigma)) - 0.6 * ndimage.gaussian_filter(
        noise, (0, 3 * sigma, 3 * sigma)
    )
    if scan.increment < 1:
        noise = ndimage.uniform_filter1d(noise, round(1 / scan.increment), axis=0)
    hu += noise * scan.noise_hu / noise.std()
    affine = np.zeros((4, 4))
    affine[2, 0], affine[1, 1], affine[0, 2], affine[3, 3] = step, scan.pixel_mm, scan.pixel_mm, 1.0
    return Volume(np.rint(hu).astype(np.int16), Grid(shape, affine))


def whole_liver(volume: Volume) -> Liver:
    """Return a liver that fills the image."""
    shape = volume.hu.shape
    depth = np.full(shape, 20.0, np.float32)
    return Liver(
        Box((0, 0, 0), (shape[0], shape[1], shape[2])),
        np.ones(shape, bool),
        np.zeros(shape, np.uint8),
        depth,
        "given",
        Measurement(1000.0, "mL"),
        1.0,
        1.0,
    )


def draw_spheres(rng: np.random.Generator) -> list[Sphere]:
    """Return spheres of random size and contrast at random sub-voxel places of a lattice."""
    spheres = []
    for place in np.ndindex(COUNT):
        centre = [(n + 0.5) * p + rng.uniform(-2.5, 2.5) for n, p in zip(place, PITCH_MM, strict=True)]
        spheres.append(
            Sphere(
                (centre[0], centre[1], centre[2]),
                float(rng.choice(DIAMETERS_MM)),
                float(rng.choice(EXCESS_HU)),
            )
        )
    return spheres


def run(repeats: int, seed: int) -> Iterator[dict[str, float]]:
    """Yield one row for every sphere: its truth and what was measured."""
    rng = np.random.default_rng(seed)
    for slice_mm in SLICES_MM:
        for noise in NOISE_HU:
            for n in range(repeats):
                overlap = 0.5 if n % 3 == 2 else 1.0
                scan = Scan(slice_mm, rng.uniform(0.6, 0.9), rng.uniform(1.0, 1.5), noise, overlap)
                spheres = draw_spheres(rng)
                volume = simulate(scan, spheres, rng)
                foci = find_foci(
                    volume,
                    whole_liver(volume),
                    Phase("none", 0.95),
                    Acquisition(slice_thickness_mm=slice_mm),
                    Settings(),
                )
                yield from compare(scan, spheres, foci)


def compare(scan: Scan, spheres: list[Sphere], foci: Foci) -> Iterator[dict[str, float]]:
    """Yield one row for every sphere, and one for every focus that is none."""
    centres = np.array([f.centroid_lps_mm[::-1] for f in foci.foci]).reshape(-1, 3)
    taken = set()
    smallest = foci.detectability.smallest_focus
    for sphere in spheres:
        row = {
            "slice": scan.slice_mm,
            "noise": scan.noise_hu,
            "overlap": scan.increment,
            "diameter": sphere.diameter_mm,
            "excess": sphere.excess_hu,
            "smallest": smallest.value if isinstance(smallest, Measurement) else np.inf,
            "found": 0.0,
        }
        distance = (
            np.linalg.norm(centres - np.array(sphere.centre_mm), axis=1) if len(centres) else np.array([99.0])
        )
        best = int(distance.argmin())
        if distance[best] < max(3.0, scan.slice_mm):
            focus = foci.foci[best]
            taken.add(best)
            row["found"] = float(focus.label == "calcification")
            truth = {
                "integrated": (focus.integrated_excess, sphere.volume_mm3 * sphere.excess_hu),
                "volume": (focus.volume, sphere.volume_mm3),
                "caliper": (focus.diameter, sphere.diameter_mm),
            }
            row["limited"] = float(focus.volume_limited_by_resolution)
            for name, (measured, value) in truth.items():
                assert isinstance(measured, Measurement)
                row[name] = measured.value / value
                row[name + "_in"] = float(measured.low <= value <= measured.high)
                row[name + "_width"] = (measured.high - measured.low) / value
        yield row
    for n in range(len(foci.foci)):
        if n not in taken:
            yield {"slice": scan.slice_mm, "noise": scan.noise_hu, "false": 1.0, "diameter": 0.0}


def table(rows: list[dict[str, float]]) -> None:
    """Print coverage, bias and spread by slice thickness and by size."""
    print(f"{'':24s}    n found |  integrated excess      |  volume           |  diameter")
    print(f"{'':24s}            |  bias    CV  cover width |  median cover     |  median cover  limited")
    groups = [(f"slice {s:g} mm", "slice", s) for s in SLICES_MM] + [
        (f"noise {n:g} HU", "noise", n) for n in NOISE_HU
    ]
    groups += [(f"diameter {d:g} mm", "diameter", d) for d in DIAMETERS_MM]
    groups += [(f"excess {e:g} HU", "excess", e) for e in EXCESS_HU] + [
        ("overlapping", "overlap", 0.5),
        ("all", "", 0),
    ]
    for title, key, value in groups:
        chosen = [r for r in rows if "false" not in r and (not key or r[key] == value)]
        line(title, chosen)
    for s in SLICES_MM:
        chosen = [
            r
            for r in rows
            if "false" not in r and r["slice"] == s and 2 <= r["diameter"] <= 5 and r["noise"] < 20
        ]
        line(f"2-5 mm, {s:g} mm, <20 HU", chosen)
    above = [r for r in rows if "false" not in r and r["excess"] >= 250 and r["diameter"] >= r["smallest"]]
    near = [
        r
        for r in rows
        if "false" not in r and r["excess"] == 200 and 1.0 < r["diameter"] / r["smallest"] < 1.35
    ]
    print(
        f"found above the smallest stated: {np.mean([r['found'] for r in above]):.3f} of {len(above)}; ",
        end="",
    )
    print(f"200 HU, 1.0-1.35 times it: {np.mean([r['found'] for r in near] or [np.nan]):.2f} of {len(near)}")
    print(f"false calls: {sum('false' in r for r in rows)}")


def line(title: str, rows: list[dict[str, float]]) -> None:
    """Print one line of the table."""
    got = [r for r in rows if "integrated" in r]
    if not got:
        print(f"{title:24s} {len(rows):4d}  none found")
        return
    ratio = np.array([r["integrated"] for r in got])

    def mean(name: str) -> float:
        return float(np.mean([r[name] for r in got]))

    def median(name: str) -> float:
        return float(np.median([r[name] for r in got]))

    print(
        f"{title:24s} {len(rows):4d} {np.mean([r['found'] for r in rows]):5.2f} | "
        f"{100 * (ratio.mean() - 1):+5.1f}% "
        f"{100 * ratio.std():5.1f}% {mean('integrated_in'):5.3f} {median('integrated_width'):5.2f} | "
        f"{median('volume'):6.2f} {mean('volume_in'):5.3f}      | "
        f"{median('caliper'):6.2f} {mean('caliper_in'):5.3f}  "
        f"{mean('limited'):.2f}"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=6)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    table(list(run(chosen.repeats, chosen.seed)))
