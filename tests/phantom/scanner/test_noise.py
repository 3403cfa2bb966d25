from __future__ import annotations

import numpy as np
import pytest

from hepalith.phantom.scanner.noise import make_noise, scale_noise
from hepalith.phantom.scanner.projector import FIELD
from hepalith.phantom.scanner.scanner import Scanner
from hepalith.phantom.scene import Body, Scene, scan
from hepalith.phantom.shape.shape import Oval

SMALL = {
    "matrix": 160, "slices": 10, "pixel_mm": 2.0, "slice_spacing_mm": 5.0, "slice_thickness_mm": 5.0,
    "blur_mm": 1.2,
}  # fmt: skip


def cylinder(radius_mm: float) -> Scene:
    return Scene((Body(Oval((0, 0), (radius_mm, radius_mm)), 0.0, "body"),))


def spread_at(scene: Scene, scanner: Scanner, x_mm: float, seed: int = 1) -> float:
    hu = scan(scene, scanner, seed).volume.hu.astype(np.float64)
    column = round(x_mm / scanner.pixel_mm + (scanner.matrix - 1) / 2)
    middle = scanner.matrix // 2
    return float(hu[:, middle - 9 : middle + 9, column - 5 : column + 5].std())


def test_noise_is_of_unit_size_and_its_power_vanishes_toward_both_ends_of_the_spectrum() -> None:
    scanner = Scanner(matrix=128, slices=6, pixel_mm=0.8)
    noise = make_noise(scanner, np.random.default_rng(0))
    assert float(noise.std()) == pytest.approx(1.0, abs=0.02)
    power = np.abs(np.fft.rfft2(noise)).mean(axis=0) ** 2
    rows = power[:, 0][1:64]
    peak = int(rows.argmax())
    assert 5 < peak < 50
    assert rows[:3].mean() < 0.35 * rows[peak - 3 : peak + 4].mean()
    assert rows[-6:].mean() < 0.8 * rows[peak - 3 : peak + 4].mean()


def test_neighbouring_slices_share_what_their_profiles_share() -> None:
    noise = make_noise(Scanner(matrix=128, slices=8), np.random.default_rng(1))
    flat = noise.reshape(8, -1)
    shared = 1 / 10  # two trapezoids of width w and edge w/2, w apart: (w/12) over (5w/6)
    assert np.corrcoef(flat[2], flat[3])[0, 1] == pytest.approx(shared, abs=0.03)
    assert abs(np.corrcoef(flat[2], flat[4])[0, 1]) < 0.05
    overlapping = Scanner(matrix=128, slices=8, slice_thickness_mm=5.0)
    flat = make_noise(overlapping, np.random.default_rng(1)).reshape(8, -1)
    assert 0.4 < np.corrcoef(flat[2], flat[3])[0, 1] < 0.7


def test_the_stated_noise_is_that_of_the_middle_and_the_edge_has_less() -> None:
    scanner = Scanner(**SMALL, noise_hu=15.0)  # type: ignore[arg-type]
    scene = cylinder(140)
    assert spread_at(scene, scanner, 0) == pytest.approx(15.0, rel=0.06)
    assert spread_at(scene, scanner, 118) < 0.9 * 15.0


def test_noise_falls_with_dose_and_grows_with_the_body() -> None:
    paths = np.zeros((FIELD.angles, FIELD.rays, 1), dtype=np.float32)
    paths += 250
    noise = {m: scale_noise(Scanner(mas=m), paths).middle_hu for m in (50.0, 200.0)}
    assert 2.0 <= noise[50.0] / noise[200.0] < 2.2  # beyond 2 by the electronics
    larger = scale_noise(Scanner(mas=200.0), paths + 74).middle_hu
    mu = Scanner().beam.water_per_mm
    assert 1.0 <= larger / noise[200.0] / np.exp(74 * mu / 2) < 1.15


def test_an_ordinary_dose_gives_an_ordinary_noise() -> None:
    paths = np.full((FIELD.angles, FIELD.rays, 1), 320, dtype=np.float32)
    thick = Scanner(mas=200.0, slice_thickness_mm=5.0, slice_spacing_mm=5.0).with_kernel("soft")
    assert 6 < scale_noise(thick, paths).middle_hu < 14
    scanner = Scanner(**SMALL, mas=100.0)  # type: ignore[arg-type]
    made = scan(cylinder(120), scanner, 1)
    assert spread_at(cylinder(120), scanner, 0) == pytest.approx(made.noise_hu, rel=0.06)


def test_sharp_kernels_are_noisier_and_iterative_reconstruction_is_smoother() -> None:
    paths = np.full((FIELD.angles, FIELD.rays, 1), 250, dtype=np.float32)
    plain = Scanner(mas=100.0)
    noise = [
        scale_noise(plain.with_kernel(k), paths).middle_hu for k in ("smooth", "soft", "standard", "lung")
    ]
    assert noise == sorted(noise)
    assert noise[-1] > 2 * noise[1]
    blended = scale_noise(Scanner(mas=100.0, iterative=0.5), paths).middle_hu
    assert 0.4 < blended / scale_noise(plain, paths).middle_hu < 0.8


def test_noise_runs_lengthwise_of_a_flat_body() -> None:
    scene = Scene((Body(Oval((0, 0), (150, 90)), 0.0, "body"),))
    hu = scan(scene, Scanner(**SMALL, noise_hu=20.0, modulation=0.0), 1).volume.hu  # type: ignore[arg-type]
    part = hu[:, 60:100, 60:100].astype(np.float64)
    power = (np.abs(np.fft.fft2(part - part.mean())) ** 2).mean(axis=0)
    upright, level = power[3:9, 0].mean(), power[0, 3:9].mean()
    assert upright > 2.5 * level  # rays along x pass most of the body, and differ from row to row
