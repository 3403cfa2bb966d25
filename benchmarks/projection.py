"""Check the phantom's scanner against slices that are truly projected and reconstructed.

Run: ``python benchmarks/projection.py [PICTURE]`` (needs the extra ``evaluation``). Slices of simple
bodies are projected by scikit-image's Radon transform from a raster of half a pixel, made polyenergetic
by the beam's twelve energies, given quantum and electronic noise reading by reading, corrected
for water as scanners do, filtered by ramp and kernel and back-projected by scikit-image. The same
bodies are scanned by `hepalith.phantom`, which never projects at this resolution. Both use the same
beam, dose and kernel: what is compared is the analytic short cuts.

Notes
-----
Where the analytic model differs: noise is a few per cent lower in the middle and less peaked along the
longest rays, since four sectors of direction stand for all; hardening within 10 mm of a bone is weaker,
since the patient is projected at 4.5 mm; the rays of a clip are alike to 40 mm and beyond that
below a HU. Neither side models scatter, cone beams, helical interpolation or motion.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path

import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray
from skimage.transform import iradon, radon

from hepalith.phantom.deposit import make_rod
from hepalith.phantom.scanner.noise import CELL_MM2, ELECTRONIC_QUANTA, VIEWS
from hepalith.phantom.scanner.scanner import DETECTOR_BLUR_MM, EXPOSURE_SHARE, Scanner
from hepalith.phantom.scene import Body, Scene, scan
from hepalith.phantom.shape.shape import Oval

mpl.use("Agg")
import matplotlib.pyplot as plt

SIZE = 384
"""Pixels along a side of every slice."""

ANGLES = 480
"""Angles over half a turn: more than the pixels of the radius times π/2."""

FINER = 2
"""Raster points along a side of a pixel, from which projections are taken."""

REPEATS = 10
"""Noisy reconstructions of one slice."""

BODY = ((0.0, 0.0), (165.0, 110.0))
"""Centre and half-axes of the trunk, mm."""

BONES = (((-70.0, 0.0), (16.0, 16.0)), ((70.0, 0.0), (16.0, 16.0)))
"""Two bones in it."""

LEGS = ((-2.0, -40.0), (2.0, -40.0))
"""x and y of the two legs of a titanium clip, each 2 mm thick."""

BONE_HU = 700.0

Array = NDArray[np.float64]
Ellipse = tuple[tuple[float, float], tuple[float, float]]


@dataclass(frozen=True)
class Slice:
    """A slice of ellipses: of water, of mineral (HU over water) and of titanium (1 where it is)."""

    pixel_mm: float
    water: tuple[tuple[Ellipse, float], ...]
    mineral: tuple[tuple[Ellipse, float], ...] = ()
    metal: tuple[Ellipse, ...] = ()


def raster(ellipses: tuple[tuple[Ellipse, float], ...], pixel_mm: float) -> Array:
    """Return the sum of filled ellipses, each point the mean of 16 about it; point SIZE is the axis."""
    count, dense = SIZE * FINER, 4
    step = pixel_mm / FINER
    axis = ((np.arange(count * dense) + 0.5) / dense - 0.5 - count / 2) * step
    made = np.zeros((count, count))
    for ((cx, cy), (a, b)), value in ellipses:
        inside = ((axis[None, :] - cx) / a) ** 2 + ((axis[:, None] - cy) / b) ** 2 <= 1
        made += value * inside.reshape(count, dense, count, dense).mean(axis=(1, 3))
    return made


def project(image: Array, pixel_mm: float) -> Array:
    """Return line integrals in mm, (ray, angle), rays a pixel apart and as wide, ray SIZE/2 the axis."""
    if not image.any():
        return np.zeros((SIZE, ANGLES))
    theta = np.arange(ANGLES) * 180 / ANGLES
    fine = radon(image, theta=theta, circle=True) * pixel_mm / FINER
    padded = np.pad(fine, ((1, 0), (0, 0)))
    return np.asarray(0.25 * padded[:-1:2] + 0.5 * padded[1::2] + 0.25 * np.pad(fine, ((0, 1), (0, 0)))[1::2])


def filtered(rays: Array, scanner: Scanner, *, noise: bool) -> Array:
    """Return rays after the kernel's response; noise escapes the detector's blur."""
    f2 = np.fft.rfftfreq(SIZE, scanner.pixel_mm)[:, None] ** 2
    removed = min(DETECTOR_BLUR_MM, 0.8 * scanner.blur_mm) ** 2 if noise else 0.0
    response = sum(w * np.exp(-2 * np.pi**2 * (s**2 - removed) * f2) for w, s in scanner.point_spread.parts)
    return np.asarray(np.fft.irfft(np.fft.rfft(rays, axis=0) * response, SIZE, axis=0))


def reconstruct(rays: Array, scanner: Scanner) -> Array:
    """Return the reconstruction of rays in mm, unit 1 in water."""
    theta = np.arange(ANGLES) * 180 / ANGLES
    return np.asarray(
        iradon(rays / scanner.pixel_mm, theta=theta, filter_name="ramp", interpolation="cubic", circle=True)
    )


def readings(of: Slice, scanner: Scanner, *, corrected: bool = True) -> tuple[Array, Array]:
    """Return the length of water that each polyenergetic ray seems to pass, and its attenuation."""
    beam = scanner.beam
    water = project(raster(of.water, of.pixel_mm), of.pixel_mm)
    mineral = project(raster(of.mineral, of.pixel_mm), of.pixel_mm)
    metal = project(raster(tuple((m, 1.0) for m in of.metal), of.pixel_mm), of.pixel_mm)
    per_excess = np.array(_mineral_attenuation(scanner))
    weights, mu, titanium = np.array(beam.weights), np.array(beam.water), np.array(beam.titanium)
    signal = np.zeros_like(water)
    for w, a, b, c in zip(weights, mu, per_excess, titanium, strict=True):
        signal += w * np.exp(-(a * water + b * mineral + (c - a) * metal))
    total = -np.log(signal)
    table = np.linspace(0, 1200, 24001)
    known = -np.log((weights[:, None] * np.exp(-mu[:, None] * table)).sum(axis=0))
    if corrected:
        return np.interp(total, known, table), total
    return total / np.interp(250.0, table, known) * 250.0, total


def _mineral_attenuation(scanner: Scanner) -> tuple[float, ...]:
    """Return mineral's attenuation (1/mm) for an excess of 1 at the beam's energies, water displaced.

    The table of hydroxyapatite in ``benchmarks/spectra.py`` at the beam's energies, for 120 kVp.
    """
    if scanner.kvp != 120.0:
        raise ValueError("the mineral's table is for 120 kVp")
    return MINERAL_120


MINERAL_120 = (
    0.0592897, 0.0339403, 0.0286848, 0.0257609, 0.0216467, 0.0193858, 0.0169178, 0.0149848, 0.0136214,
    0.0124657, 0.0114121, 0.0103565,
)  # fmt: skip
"""Attenuation, 1/mm, of mineral of 1000 HU in place of water: from ``benchmarks/spectra.py``."""


def noise_of(scanner: Scanner, total: Array, random: np.random.Generator) -> Array:
    """Return one draw of each reading's noise, mm of water."""
    beam = scanner.beam
    assert scanner.mas is not None
    profile = scanner.profile
    thickness = profile.width_mm / (1 - profile.edge_mm / (3 * profile.width_mm))
    photons = beam.photons_per_mm2_mas * scanner.mas * EXPOSURE_SHARE
    ray = photons * scanner.pixel_mm * thickness / ANGLES * np.exp(-total)
    cell = photons * CELL_MM2 / VIEWS * np.exp(-total)
    variance = (1 + ELECTRONIC_QUANTA**2 / cell) / ray
    return random.standard_normal(total.shape) * np.sqrt(variance) / beam.water_per_mm


def scanned(of: Slice, scanner: Scanner, seed: int) -> Array:
    """Return the mean slice of the phantom's scan of endless ellipses."""
    bodies = [Body(Oval(*e), 1000 * v - 1000, "body") for e, v in of.water]
    bodies += [Body(Oval(*e), v * 1000, "bone") for e, v in of.mineral]
    clips = tuple(
        replace(
            make_rod((*c, 0.0), (0, 0, 1), 90.0, 2 * r[0], scanner.beam.titanium_hu), label="clip_or_coil"
        )
        for c, r in of.metal
    )
    made = scan(Scene(tuple(bodies), (), clips), scanner, seed)
    return made.volume.hu.mean(axis=0, dtype=np.float64)


def places(pixel_mm: float) -> tuple[Array, Array]:
    """Return x and y of the pixels, mm."""
    axis = (np.arange(SIZE) - (SIZE - 1) / 2) * pixel_mm
    return axis[None, :], axis[:, None]


def shifted(image: Array) -> Array:
    """Return a reconstruction by scikit-image on the pixels of the phantom.

    Its axis runs through pixel SIZE/2, half a pixel beyond the middle.
    """
    f = np.fft.fftfreq(SIZE)
    return np.asarray(np.fft.ifft2(np.fft.fft2(image) * np.exp(1j * np.pi * (f[None, :] + f[:, None]))).real)


def width_10_90(profile: Array, step_mm: float) -> float:
    """Return the distance over which a rising edge passes from 10 to 90 % of its height."""
    low, high = np.median(profile[:8]), np.median(profile[-8:])
    share = (profile - low) / (high - low)
    middle = int(np.argmin(np.abs(share - 0.5)))
    part = share[middle - 8 : middle + 9]
    at = np.arange(part.size) * step_mm
    first = int(np.argmax(part >= 0.9))
    last = int(part.size - 1 - np.argmax(part[::-1] <= 0.1))
    high_at = at[first - 1] + (0.9 - part[first - 1]) / (part[first] - part[first - 1]) * step_mm
    low_at = at[last] + (0.1 - part[last]) / (part[last + 1] - part[last]) * step_mm
    return float(high_at - low_at)


@dataclass(frozen=True)
class Row:
    """One comparison."""

    what: str
    projected: str
    analytic: str
    apart: str


def base(pixel_mm: float, **more: object) -> Scanner:
    """Return a scanner of the benchmark's grid, with faultless corrections unless told otherwise."""
    fields: dict[str, object] = {
        "matrix": SIZE, "slices": 9, "pixel_mm": pixel_mm, "slice_spacing_mm": 2.5, "slice_thickness_mm": 2.5,
        "low_z_mm": -10.0, "noise_hu": 1e-6, "hardening": 0.0, "metal_streaks": False, "extended": True,
        "modulation": 0.0,
    }  # fmt: skip
    return Scanner(**{**fields, **more})  # type: ignore[arg-type]


def compare_edges(rows: list[Row], axes: NDArray[np.object_]) -> None:
    """Compare the edge of a bone and the overshoot, for three kernels."""
    disc = Slice(0.5, ((((0.0, 0.0), (85.0, 85.0)), 1.0),), ((((40.3, 10.2), (12.0, 12.0)), BONE_HU / 1000),))
    rays = project(raster(disc.water, 0.5), 0.5) + project(raster(disc.mineral, 0.5), 0.5)
    for kernel, ax in zip(("soft", "standard", "lung"), axes, strict=True):
        scanner = base(0.5).with_kernel(kernel)
        theirs = shifted(reconstruct(filtered(rays, scanner, noise=False), scanner)) * 1000 - 1000
        ours = scanned(disc, scanner, 1)
        row = round((SIZE - 1) / 2 + 10.2 / 0.5)
        part = slice(int((SIZE - 1) / 2 + (40.3 - 12 - 12) / 0.5), int((SIZE - 1) / 2 + 40.3 / 0.5))
        a, b = theirs[row, part], ours[row, part]
        widths = [width_10_90(p, 0.5) for p in (a, b)]
        over = [100 * (p.max() / BONE_HU - 1) for p in (a, b)]
        told = [f"{w:.2f} mm" for w in widths]
        rows.append(
            Row(f"edge of a bone, {kernel} kernel, 10 to 90 %", *told, f"{widths[1] - widths[0]:+.2f} mm")
        )
        rows.append(Row(f"overshoot, {kernel} kernel", f"{over[0]:.1f} %", f"{over[1]:.1f} %",
                        f"largest difference {np.abs(a - b).max():.0f} HU of {BONE_HU:.0f}"))  # fmt: skip
        x = (np.arange(part.start, part.stop) - (SIZE - 1) / 2) * 0.5 - 28.3
        ax.plot(x, a, "k", lw=2.5, alpha=0.4, label="projected")
        ax.plot(x, b, "C3", lw=1, label="analytic")
        ax.set(title=f"edge of bone, {kernel}", xlabel="mm from the edge", ylabel="HU")
        ax.legend()


def radial_power(images: Array, pixel_mm: float, *, upright: bool | None = None) -> tuple[Array, Array]:
    """Return frequencies and the mean noise power at them, all round or within 22° of an axis."""
    size = images.shape[1]
    power = (np.abs(np.fft.fft2(images)) ** 2).mean(axis=0) * pixel_mm**2 / size**2
    f = np.fft.fftfreq(size, pixel_mm)
    fx, fy = np.broadcast_arrays(f[None, :], f[:, None])
    radius = np.hypot(fx, fy)
    kept = radius > 0
    if upright is not None:
        kept &= np.abs(fy if upright else fx) > 0.92 * radius
    bins = np.arange(0, 0.5, 0.02)
    place = np.digitize(radius[kept], bins)
    mean = np.array(
        [power[kept][place == n].mean() if (place == n).any() else np.nan for n in range(1, bins.size)]
    )
    return (bins[1:] + bins[:-1]) / 2, mean


def compare_noise(rows: list[Row], axes: NDArray[np.object_]) -> None:
    """Compare size, place, direction and spectrum of the noise in an oval trunk."""
    trunk = Slice(1.0, ((BODY, 1.0),))
    scanner = base(
        1.0, mas=100.0, cupping=0.0, slices=4 * REPEATS + 1, slice_spacing_mm=5.0, slice_thickness_mm=2.5
    )
    scanner = scanner.with_kernel("smooth")
    _, total = readings(trunk, scanner)
    ray = np.abs(np.arange(SIZE) - SIZE / 2) * scanner.pixel_mm
    bowtie = np.minimum(ray / 180.0, 1.0)
    total = total + (180.0 * (1 - np.sqrt(1 - bowtie**2)) * scanner.beam.water_per_mm)[:, None]
    random = np.random.default_rng(1)
    theirs = np.stack([
        shifted(reconstruct(filtered(noise_of(scanner, total, random), scanner, noise=True), scanner)) * 1000
        for _ in range(REPEATS)
    ])  # fmt: skip
    made = scan(Scene((Body(Oval(*BODY), 0.0, "body"),)), scanner, 1)
    ours = made.volume.hu[::2].astype(np.float64)
    x, y = places(1.0)
    spots = {
        "middle": np.hypot(x, y) < 16,
        "left edge": np.hypot(x - 140, y) < 14,
        "front edge": np.hypot(x, y + 90) < 14,
    }
    for name, spot in spots.items():
        a, b = (float(np.std(s[:, spot])) for s in (theirs, ours))
        rows.append(Row(f"noise, {name}", f"{a:.1f} HU", f"{b:.1f} HU", f"{100 * (b / a - 1):+.0f} %"))
    middle = slice(SIZE // 2 - 32, SIZE // 2 + 32)
    for upright, name, ax in (
        (None, "all round", axes[0]),
        (True, "across", axes[1]),
        (False, "along", axes[1]),
    ):
        found = []
        for stack, colour in ((theirs, "k"), (ours, "C3")):
            f, power = radial_power(stack[:, middle, middle], 1.0, upright=upright)
            found.append(power)
            style = {"color": colour, "lw": 2.5 if colour == "k" else 1, "alpha": 0.4 if colour == "k" else 1}
            ax.plot(
                f,
                power,
                ls="--" if name == "along" else "-",
                label=f"{'projected' if colour == 'k' else 'analytic'}, {name}",
                **style,
            )
        means = [float((f * p)[np.isfinite(p)].sum() / p[np.isfinite(p)].sum()) for p in found]
        if upright is None:
            told = [f"{m:.3f} /mm" for m in means]
            more = f"{100 * (means[1] / means[0] - 1):+.0f} %"
            rows.append(Row("noise power: mean frequency in the middle", *told, more))
        else:
            totals = [float(np.nansum(p * f)) for p in found]
            way = "lengthwise of" if upright else "across"
            told = [f"{t:.0f}" for t in totals]
            more = f"{100 * (totals[1] / totals[0] - 1):+.0f} %"
            rows.append(Row(f"noise power in the middle, streaks {way} the trunk", *told, more))
    axes[0].set(title="noise power, middle of an oval trunk", xlabel="cycles per mm", ylabel="HU² mm²")
    axes[1].set(title="the same by direction", xlabel="cycles per mm", ylabel="HU² mm²")
    for ax in axes[:2]:
        ax.legend(fontsize=7)
    show = np.vstack([theirs[0][96:288, 10:-10], ours[2][96:288, 10:-10]])
    axes[2].imshow(show, cmap="gray", vmin=-80, vmax=80)
    axes[2].set(title="noise: projected above, analytic below")
    axes[2].axis("off")


def compare_hardening(rows: list[Row], axes: NDArray[np.object_]) -> None:
    """Compare dark bands between bones and the cupping of uncorrected water."""
    trunk = Slice(1.0, ((BODY, 1.0),), tuple((b, BONE_HU / 1000) for b in BONES))
    scanner = base(1.0, hardening=1.0).with_kernel("standard")
    lengths, _ = readings(trunk, scanner)
    theirs = shifted(reconstruct(filtered(lengths, scanner, noise=False), scanner)) * 1000 - 1000
    ours = scanned(trunk, scanner, 1)
    x, y = places(1.0)
    spots = {
        "between the bones": np.hypot(x, y) < 20,
        "beside a bone, in line": np.hypot(x - 46, y) < 4,
        "beyond a bone, in line": np.hypot(x - 120, y) < 12,
        "above the bones": np.hypot(x, y + 60) < 20,
        "in the bone": np.hypot(x - 70, y) < 10,
    }
    for name, spot in spots.items():
        a, b = float(theirs[spot].mean()), float(ours[spot].mean())
        rows.append(Row(f"hardening, {name}", f"{a:.0f} HU", f"{b:.0f} HU", f"{b - a:+.0f} HU"))
    row = slice(SIZE // 2 - 2, SIZE // 2 + 2)
    axes[0].plot(x[0], theirs[row].mean(axis=0), "k", lw=2.5, alpha=0.4, label="projected")
    axes[0].plot(x[0], ours[row].mean(axis=0), "C3", lw=1, label="analytic")
    axes[0].set(title="between two bones", xlabel="mm", ylabel="HU", ylim=(-60, 60), xlim=(-165, 165))
    axes[0].legend()
    disc = Slice(1.0, ((((0.0, 0.0), (160.0, 160.0)), 1.0),))
    scanner = base(1.0, cupping=1.0).with_kernel("standard")
    lengths, _ = readings(disc, scanner, corrected=False)
    theirs = shifted(reconstruct(filtered(lengths, scanner, noise=False), scanner)) * 1000 - 1000
    ours = scanned(disc, scanner, 1)
    depth = [
        float(s[np.hypot(x, y) < 15].mean() - s[np.abs(np.hypot(x, y) - 140) < 5].mean())
        for s in (theirs, ours)
    ]
    rows.append(Row("cupping of 32 cm of water, uncorrected", f"{depth[0]:.0f} HU", f"{depth[1]:.0f} HU",
                    f"{depth[1] - depth[0]:+.0f} HU"))  # fmt: skip
    axes[1].plot(x[0], theirs[row].mean(axis=0), "k", lw=2.5, alpha=0.4, label="projected")
    axes[1].plot(x[0], ours[row].mean(axis=0), "C3", lw=1, label="analytic")
    axes[1].set(title="water without correction", xlabel="mm", ylabel="HU", ylim=(-60, 120), xlim=(-170, 170))


def compare_metal(rows: list[Row], axes: NDArray[np.object_]) -> None:
    """Compare the streaks of a titanium clip."""
    legs = tuple((c, (1.0, 1.0)) for c in LEGS)
    trunk = Slice(1.0, ((BODY, 1.0),), (), legs)
    scanner = base(1.0, metal_streaks=True, mas=2000.0).with_kernel("standard")
    clean = base(1.0, mas=2000.0).with_kernel("standard")
    lengths, _ = readings(trunk, scanner)
    free, _ = readings(replace(trunk, metal=()), scanner)
    metal = project(raster(tuple((m, 1.0) for m in legs), 1.0), 1.0) * scanner.beam.titanium_hu / 1000
    error = lengths - free - metal
    theirs = shifted(reconstruct(filtered(error, scanner, noise=False), scanner)) * 1000
    ours = scanned(trunk, scanner, 1) - scanned(trunk, clean, 1)
    x, y = places(1.0)
    away = np.hypot(x, y + 40)
    for low, high in ((5, 15), (15, 40), (40, 90)):
        ring = (away > low) & (away < high) & ((x / 165) ** 2 + (y / 110) ** 2 < 0.95)
        a, b = theirs[ring], ours[ring]
        alike = float(np.corrcoef(a, b)[0, 1])
        told = [f"{np.sqrt((v**2).mean()):.1f} HU" for v in (a, b)]
        rows.append(
            Row(f"streaks of a clip, {low} to {high} mm away, RMS", *told, f"correlation {alike:.2f}")
        )
    for image, ax, name in ((theirs, axes[0], "projected"), (ours, axes[1], "analytic")):
        ax.imshow(image[90:220, 110:274], cmap="gray", vmin=-60, vmax=60)
        ax.set(title=f"streaks of a clip, {name} (±60 HU)")
        ax.axis("off")


def main() -> None:
    """Print the comparison and draw it."""
    rows: list[Row] = []
    figure, axes = plt.subplots(4, 3, figsize=(14, 17), constrained_layout=True)
    compare_edges(rows, axes[0])
    compare_noise(rows, axes[1])
    compare_hardening(rows, axes[2])
    compare_metal(rows, axes[3])
    axes[2, 2].axis("off")
    axes[3, 2].axis("off")
    print("| what | projected | analytic | difference |")
    print("| --- | --- | --- | --- |")
    for row in rows:
        print(f"| {row.what} | {row.projected} | {row.analytic} | {row.apart} |")
    if len(sys.argv) > 1:
        figure.savefig(Path(sys.argv[1]), dpi=60)


if __name__ == "__main__":
    main()
