"""Sizes and forms of bodies on ultrasound, of phantoms whose truth is drawn."""

from __future__ import annotations

import math
from functools import lru_cache
from itertools import pairwise

import numpy as np
import pytest

from hepalith.anatomy.ultrasound.sonogram import map_sonogram
from hepalith.calcification.ultrasound.body import Caliper
from hepalith.calcification.ultrasound.find import see_bodies
from hepalith.calcification.ultrasound.form import see_form
from hepalith.calcification.ultrasound.scale import find_scales
from hepalith.calcification.ultrasound.sight import Sight
from hepalith.calcification.ultrasound.size import size_of
from hepalith.image.picture import find_pictures
from hepalith.phantom.ultrasound.make import make_sonogram
from hepalith.phantom.ultrasound.shape import Tube
from hepalith.phantom.ultrasound.simple import shape_of
from hepalith.phantom.ultrasound.truth import SonoFocus

SEEDS = range(700_000, 700_006)


@lru_cache(maxsize=1)
def pairs() -> tuple[tuple[SonoFocus, Sight, float, str], ...]:
    """Return true calcified bodies with what is seen on them, mm of a pixel, and the likeliest form."""
    out = []
    for seed in SEEDS:
        phantom = make_sonogram(seed, contents="case:crowded", bare=True)
        picture = find_pictures(phantom.cine)[0]
        levels = picture.levels(0)
        sonogram = map_sonogram(levels, picture)
        scales = find_scales(levels, picture, sonogram)
        sights = see_bodies(levels, picture, sonogram, scales)
        for body in phantom.truth.foci:
            centre, box = body.centre_px[0], body.bbox_px[0]
            if centre is None or box is None or not sights:
                continue
            x, y, places = (
                picture.grid.x_px,
                picture.grid.y_px,
                [tuple(map(int, s.body.centre)) for s in sights],
            )
            apart = [math.hypot(x[p] - centre[0], y[p] - centre[1]) for p in places]
            best = int(np.argmin(apart))
            if apart[best] < 0.3 * math.dist(box[:2], box[2:]) + 2 and sights[best].body.contrast > 4:
                sight = sights[best]
                form = see_form(sight.body, sight.caliper, scales, picture.grid)
                out.append((body, sight, phantom.truth.mm_per_px, max(form, key=lambda f: form[f])))
    return tuple(out)


def test_sizes_are_not_biased_and_nine_of_ten_intervals_hold_the_true_one() -> None:
    sizes = [[mm * v for v in size_of(sight.caliper)] for _, sight, mm, _ in pairs()]
    true = [body.diameter_mm for body, *_ in pairs()]
    assert len(true) >= 20
    assert abs(np.median(np.array([s[0] for s in sizes]) - true)) < 0.35
    held = [low <= t <= high for (_, low, high), t in zip(sizes, true, strict=True)]
    assert np.mean(held) >= 0.85


def test_a_larger_caliper_is_never_a_smaller_size() -> None:
    sizes = [size_of(Caliper(length, 5.0, 0.0, 8.0)) for length in np.linspace(2.7, 120.0, 60)]
    for name in ("value", "low", "high"):
        values = [getattr(size, name) for size in sizes]
        assert all(a <= b + 1e-6 for a, b in pairwise(values)), name


def test_dots_are_pins_and_large_bodies_are_not() -> None:
    small = [form for body, _, _, form in pairs() if body.diameter_mm < 2]
    large = [form for body, _, _, form in pairs() if body.diameter_mm > 5]
    assert np.mean([form == "pin" for form in small]) > 0.6
    assert "pin" not in large


def test_seven_of_ten_forms_are_named_rightly() -> None:
    assert np.mean([body.morphology == form for body, _, _, form in pairs()]) > 0.7


@pytest.mark.parametrize("form", ["linear", "band"])
def test_a_strand_is_as_long_as_its_tips_are_apart(form: str) -> None:
    shape, longest, _ = shape_of(np.random.default_rng(4), form, 0.0, 60.0, 9.0)
    assert isinstance(shape, Tube)
    x, z = (
        axis.astype(np.float32) for axis in np.meshgrid(np.linspace(-9, 9, 361), np.linspace(51, 69, 361))
    )
    inside = np.argwhere(shape.distance(x, z) < 0) * 0.05
    apart = max(float(np.ptp(inside @ (math.cos(a), math.sin(a)))) for a in np.linspace(0, math.pi, 180))
    assert longest == pytest.approx(apart, abs=0.35)
