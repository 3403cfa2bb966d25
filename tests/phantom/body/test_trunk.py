from __future__ import annotations

import math

import numpy as np
import pytest

from hepalith.phantom.body.chest import Dome
from hepalith.phantom.body.pose import Pose, make_pose, posed
from hepalith.phantom.body.skeleton import Drum
from hepalith.phantom.body.trunk import Chance, Level, Trunk, make_build
from hepalith.phantom.body.variation import Variation
from hepalith.phantom.shape.shape import Ellipsoid


def _at(shape, *point: float) -> float:
    x, y, z = (np.full((1, 1, 1), v, dtype=np.float32) for v in point)
    return float(shape.distance(x, y, z).ravel()[0])


def test_a_round_trunk_gives_true_distances():
    trunk = Trunk((Level(0.0, 1.0, 2.0, 50.0, 50.0, 50.0), Level(10.0, 1.0, 2.0, 50.0, 50.0, 50.0)), 0.0)
    for x, y in ((60.0, 2.0), (1.0, -70.0), (31.0, 42.0)):
        assert _at(trunk, x, y, 5.0) == pytest.approx(math.hypot(x - 1, y - 2) - 50, abs=0.01)


def test_the_wall_point_lies_on_the_wall():
    build = make_build(Variation(), Chance(np.random.default_rng(1), 1.0))
    for angle in np.linspace(-3, 3, 13):
        point = build.cavity.wall_point(float(angle), 0.0, -30.0)
        assert abs(_at(build.cavity, *point)) < 0.2


def test_levels_are_joined_evenly():
    trunk = Trunk((Level(0.0, 0, 0, 50.0, 40.0, 40.0), Level(10.0, 0, 0, 70.0, 40.0, 60.0)))
    assert trunk.at(5.0).side == 60.0
    assert abs(_at(trunk, 60.0, 0.0, 5.0)) < 1e-3
    assert abs(_at(trunk, 0.0, 50.0, 5.0)) < 1e-3
    assert abs(_at(trunk, 0.0, -40.0, 5.0)) < 1e-3


def test_a_dome_without_squareness_is_an_ellipsoid():
    dome, egg = Dome((3.0, 4.0, 5.0), (30.0, 20.0, 40.0)), Ellipsoid((3.0, 4.0, 5.0), (30.0, 20.0, 40.0))
    for point in ((33.0, 4.0, 5.0), (3.0, 24.5, 5.0), (20.0, 15.0, 20.0)):
        assert _at(dome, *point) == pytest.approx(_at(egg, *point), rel=0.1, abs=0.5)


def test_a_drum_has_flat_ends_and_round_sides():
    drum = Drum((0.0, 0.0, 0.0), (20.0, 16.0, 13.0))
    assert _at(drum, 0.0, 0.0, 15.0) == pytest.approx(2.0, abs=0.01)
    assert abs(_at(drum, 20.0, 0.0, 0.0)) < 0.01
    assert _at(drum, 0.0, 0.0, 0.0) < -12


def test_a_posed_shape_goes_where_its_points_go():
    pose = make_pose(Variation(scale=0.9, rotation_deg=14.0, tilt_deg=-4.0))
    egg = Ellipsoid((60.0, -40.0, 20.0), (30.0, 20.0, 40.0), yaw=20.0)
    turned = posed(egg, pose)
    for point in ((60.0, -40.0, 20.0), (90.0, -20.0, 30.0), (10.0, 20.0, -60.0)):
        assert _at(turned, *pose.point(point)) == pytest.approx(0.9 * _at(egg, *point), abs=0.01)
    low, high = turned.bounds()
    centre = pose.point(egg.centre)
    assert all(a < c < b for a, c, b in zip(low, centre, high, strict=True))


def test_a_scaled_shape_has_scaled_distances():
    egg = Ellipsoid((10.0, 0.0, 20.0), (30.0, 20.0, 40.0))
    half = posed(egg, Pose(0.5))
    assert _at(half, 25.0, 5.0, 10.0) == pytest.approx(0.5 * _at(egg, 50.0, 10.0, 20.0), abs=1e-3)
    assert half.bounds()[1] == (20.0, 10.0, 30.0)
