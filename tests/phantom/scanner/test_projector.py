from __future__ import annotations

import numpy as np
import pytest

from hepalith.phantom.scanner.hardening import find_hardening, water_and_mineral
from hepalith.phantom.scanner.projector import Projector
from hepalith.phantom.scanner.scanner import Scanner

SMALL = Projector(96, 4.0, 90)


def disc(radius_mm: float, x: float = 0.0, y: float = 0.0) -> np.ndarray:
    axis = SMALL.axis_mm
    far = np.hypot(axis[None, :] - x, axis[:, None] - y)
    return np.clip(0.5 - (far - radius_mm) / SMALL.pixel_mm, 0, 1).astype(np.float32)[..., None]


def test_rays_through_a_disc_are_its_chords() -> None:
    rays = SMALL.project(disc(100.0, 20.0))
    middle = SMALL.directions[:, 0] * 20.0
    for angle in (0, 30, 60):
        away = SMALL.ray_mm - middle[angle]
        chord = 2 * np.sqrt(np.maximum(100.0**2 - away**2, 0))
        inside = np.abs(away) < 90
        assert rays[angle, inside, 0] == pytest.approx(chord[inside], abs=4)


def test_a_disc_comes_back() -> None:
    image = disc(80.0, -30.0, 12.0)
    again = SMALL.reconstruct(SMALL.project(image))
    inside = disc(66.0, -30.0, 12.0)[..., 0] == 1
    outside = (disc(100.0, -30.0, 12.0)[..., 0] == 0) & (disc(180.0)[..., 0] == 1)
    assert again[inside].mean() == pytest.approx(1.0, abs=0.02)
    assert again[outside].mean() == pytest.approx(0.0, abs=0.02)


def test_hu_between_bones_fall_and_elsewhere_hardly() -> None:
    hu = disc(150.0)[..., 0] * 1000 - 1000
    for x in (-60.0, 60.0):
        hu = np.where(disc(18.0, x)[..., 0] > 0.5, 800.0, hu)
    water, mineral = (p[..., None] for p in water_and_mineral(hu.astype(np.float32)))
    added = find_hardening(Scanner(hardening=1.0), SMALL.project(water), SMALL.project(mineral), SMALL)[
        ..., 0
    ]
    middle = SMALL.size // 2
    between = added[middle - 2 : middle + 2, middle - 3 : middle + 3].mean()
    above = added[middle - 20 : middle - 16, middle - 3 : middle + 3].mean()
    assert between < -6
    assert above > between + 6
