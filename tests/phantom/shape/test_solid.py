from __future__ import annotations

import math

import numpy as np
import pytest

from hepalith.phantom.contents.line import make_sleeve
from hepalith.phantom.contents.shell import Septa
from hepalith.phantom.shape.caliper import longest_caliper_mm
from hepalith.phantom.shape.shape import Capsule, Cut, Ellipsoid, Point, Shell
from hepalith.phantom.shape.solid import (
    Bowl,
    Cloud,
    EggShell,
    Fused,
    Hollow,
    Layered,
    Pill,
    Plate,
    Solid,
    near,
)
from hepalith.phantom.shape.volume import fuse, measured

HERE: Point = (0.31, 0.72, -0.13)
AWAY: Point = (9.4, 6.2, 3.3)


def _ball(centre: Point, radius: float) -> Capsule:
    return Capsule(centre, centre, radius)


@pytest.mark.parametrize(
    "solid",
    [
        _ball(HERE, 2.0),
        Capsule(HERE, AWAY, 0.8),
        Pill(HERE, AWAY, 0.8, 2.2),
        Plate(HERE, (1, 0.5, 0.2), 9, 0.8),
        Bowl(HERE, (1, 0.5, 0.2), 10, 1.5, 50),
        Bowl(HERE, (0.3, 0.5, -0.2), 10, 1.5, 130),
        Shell(HERE, 8, 1.4),
        EggShell(Ellipsoid(HERE, (10, 12, 9), 20, 30, 10), 1.5),
        Ellipsoid(HERE, (6, 4, 2), 20, 30, 10),
    ],
    ids=lambda s: type(s).__name__,
)
def test_closed_form_and_lattice_agree_to_two_in_a_thousand(solid: Solid) -> None:
    assert measured(solid, solid.width_mm).volume_mm3 == pytest.approx(solid.volume_mm3, rel=2e-3)


def test_two_overlapping_balls_have_the_volume_of_their_lens_taken_off() -> None:
    apart = 1.7
    pair = fuse((_ball((0, 0, 0), 2.0), _ball((apart, 0, 0), 2.0)))
    lens = math.pi * (4 * 2 + apart) * (2 * 2 - apart) ** 2 / 12
    assert pair.volume_mm3 == pytest.approx(2 * 4 / 3 * math.pi * 8 - lens, rel=2e-3)


def test_a_straight_sleeve_has_the_volume_of_a_pipe() -> None:
    sleeve = make_sleeve(((0, 0, 0), (0, 0, 20)), 4.0, 1.0)
    pipe = math.pi * (25 - 16) * 20
    ends = 4 / 3 * math.pi * (25 - 16) ** 1.5  # a ball with a hole through it
    assert sleeve.volume_mm3 == pytest.approx(pipe + ends, rel=2e-3)


def test_the_error_told_is_not_smaller_than_the_error_made_by_much() -> None:
    for solid in (Capsule(HERE, AWAY, 0.8), Bowl(HERE, (1, 0.5, 0.2), 10, 1.5, 50)):
        told = measured(solid, solid.width_mm)
        made = abs(told.volume_mm3 / solid.volume_mm3 - 1)
        assert made < 2e-3
        assert told.volume_error < 2e-3


def test_a_part_left_out_is_a_part_that_does_not_reach() -> None:
    parts = tuple(_ball((4.0 * n, 0, 0), 1.5) for n in range(8))
    low, high = (6.0, -2.0, -2.0), (14.0, 2.0, 2.0)
    kept = near(Fused(parts), low, high)
    assert isinstance(kept, Fused)
    assert len(kept.parts) < len(parts)
    x = np.linspace(low[0], high[0], 30, dtype=np.float32)[None, None, :]
    y, z = (np.linspace(-2, 2, 9, dtype=np.float32).reshape(s) for s in ((1, -1, 1), (-1, 1, 1)))
    whole, some = Fused(parts).distance(x, y, z) < 0, kept.distance(x, y, z) < 0
    assert np.array_equal(whole, some)
    assert near(Fused(parts), (0, 50, 0), (1, 51, 1)) is None


def test_septa_near_a_box_are_the_septa_of_all_seeds() -> None:
    random = np.random.default_rng(3)
    seeds = tuple((float(p[0]), float(p[1]), float(p[2])) for p in random.uniform(-40, 40, (60, 3)))
    septa = Septa(seeds, 1.6, _ball((0, 0, 0), 35.0), 1.5)
    low, high = (2.0, -3.0, 4.0), (9.0, 4.0, 11.0)
    kept = septa.near(low, high)
    assert isinstance(kept, Septa)
    assert len(kept.seeds) < len(seeds)
    axes = [np.linspace(a, b, 24, dtype=np.float32) for a, b in zip(low, high, strict=True)]
    x, y, z = axes[0][None, None, :], axes[1][None, :, None], axes[2][:, None, None]
    assert np.array_equal(septa.distance(x, y, z) < 0, kept.distance(x, y, z) < 0)


def test_a_hollow_is_a_cut() -> None:
    outer, inner = _ball(HERE, 5.0), _ball(AWAY, 9.0)
    x, y, z = (
        np.linspace(-6, 6, 20, dtype=np.float32).reshape(s) for s in ((1, 1, -1), (1, -1, 1), (-1, 1, 1))
    )
    assert np.array_equal(Hollow(outer, inner).distance(x, y, z), Cut(outer, (inner,)).distance(x, y, z))


def test_grains_that_do_not_touch_add_up() -> None:
    grains = Cloud((_ball((0, 0, 0), 0.5), _ball((2, 0, 0), 0.7)))
    assert grains.volume_mm3 == pytest.approx(4 / 3 * math.pi * (0.125 + 0.343))
    assert grains.width_mm == 1.0


def test_an_uneven_solid_has_a_mean_density_of_one() -> None:
    whole, core = _ball(HERE, 4.0), _ball(HERE, 2.0)
    uneven = Layered(whole, ((1.0, whole), (-0.5, core)))
    total = uneven.scale * (whole.volume_mm3 - 0.5 * core.volume_mm3)
    assert total == pytest.approx(uneven.volume_mm3)


@pytest.mark.parametrize(
    ("solid", "longest"),
    [
        (Capsule((0, 0, 0), (3, 4, 0), 1.0), 7.0),
        (Pill((0, 0, 0), (0, 0, 10), 1.0, 3.0), 14.0),
        (Ellipsoid(HERE, (10, 5, 3), 20, 30, 40), 20.0),
        (Plate(HERE, (1, 2, 3), 8, 1), 16.0),
        (Bowl(HERE, (1, 2, 3), 10, 1, 60), 20 * math.sin(math.radians(60))),
        (Cloud((_ball((0, 0, 0), 1), _ball((20, 0, 0), 2))), 23.0),
    ],
    ids=lambda v: type(v).__name__,
)
def test_the_longest_caliper_is_right_to_two_in_a_thousand(solid: Solid, longest: float) -> None:
    assert longest_caliper_mm(solid) == pytest.approx(longest, rel=2e-3)


def test_a_shape_without_a_closed_extent_is_measured_on_a_lattice() -> None:
    pierced = Hollow(_ball(HERE, 10.0), Capsule((0, 0, -20), (0, 0, 20), 2.0))
    assert longest_caliper_mm(pierced) == pytest.approx(20.0, rel=0.03)
