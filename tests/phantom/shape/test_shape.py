from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hepalith.phantom.shape.shape import (
    Capsule,
    Common,
    Cut,
    Ellipsoid,
    Grown,
    HalfSpace,
    Joined,
    Oval,
    Rippled,
    Shape,
    Shell,
    Tube,
)


def _at(shape: Shape, x: float, y: float, z: float) -> float:
    points = [np.full((1, 1, 1), v, dtype=np.float32) for v in (x, y, z)]
    return float(np.broadcast_to(shape.distance(*points), (1, 1, 1))[0, 0, 0])


def test_distances_are_negative_inside_and_exact_for_round_things() -> None:
    assert _at(Capsule((0, 0, 0), (0, 0, 0), 5), 8, 0, 0) == pytest.approx(3)
    assert _at(Capsule((0, 0, 0), (10, 0, 0), 2), 5, 0, 0) == pytest.approx(-2)
    assert _at(Capsule((0, 0, 0), (10, 0, 0), 2), 13, 4, 0) == pytest.approx(3)
    assert _at(Shell((0, 0, 0), 10, 2), 0, 9, 0) == pytest.approx(-1)
    assert _at(Shell((0, 0, 0), 10, 2), 0, 0, 0) == pytest.approx(8)
    assert _at(Ellipsoid((1, 1, 1), (4, 4, 4)), 1, 1, 8) == pytest.approx(3)
    assert _at(HalfSpace((0, 0, 3), (0, 0, 2)), 9, 9, 5) == pytest.approx(2)


def test_an_ellipsoid_at_its_centre_is_its_smallest_half_width_deep() -> None:
    assert _at(Ellipsoid((0, 0, 0), (4, 5, 6)), 0, 0, 0) == pytest.approx(-4)


def test_a_turned_ellipsoid_has_its_long_axis_where_it_was_turned_to() -> None:
    turned = Ellipsoid((0, 0, 0), (10, 2, 2), yaw=90)
    assert _at(turned, 0, 9, 0) < 0 < _at(turned, 9, 0, 0)


def test_combining_keeps_what_the_names_say() -> None:
    one, other = Capsule((0, 0, 0), (0, 0, 0), 4), Capsule((5, 0, 0), (5, 0, 0), 4)
    assert _at(Joined((one, other)), 8, 0, 0) < 0
    assert _at(Common((one, other)), 8, 0, 0) > 0
    assert _at(Common((one, other)), 2.5, 0, 0) < 0
    assert _at(Cut(one, (other,)), 2.5, 0, 0) > 0 > _at(Cut(one, (other,)), -2, 0, 0)
    assert _at(Grown(one, 2), 5, 0, 0) == pytest.approx(-1)


def test_a_rounded_joint_only_adds() -> None:
    pair = (Capsule((0, 0, 0), (0, 0, 0), 4), Capsule((7, 0, 0), (7, 0, 0), 4))
    assert _at(Joined(pair, 4), 3.5, 3, 0) < _at(Joined(pair), 3.5, 3, 0)


SHAPES: list[Shape] = [
    Ellipsoid((3, -2, 1), (9, 4, 6), yaw=30, pitch=-20, roll=50),
    Capsule((-3, 0, 2), (6, 5, -4), 2.0, 3.5),
    Tube(((0, 0, 0), (5, 2, 1), (8, -3, 6)), (2.0, 1.5, 1.0)),
    Shell((1, 1, 1), 7, 1.5),
    Rippled(Ellipsoid((0, 0, 0), (8, 7, 6)), 1.0, (10, 12, 14), (0.1, 0.2, 0.3)),
    Joined((Ellipsoid((0, 0, 0), (5, 5, 5)), Ellipsoid((6, 0, 0), (4, 4, 4))), 3.0),
    Common((Oval((0, 0), (8, 5), 2.4), HalfSpace((0, 0, 4), (0, 0, 1)), Ellipsoid((0, 0, 0), (9, 9, 9)))),
]


@pytest.mark.parametrize("shape", SHAPES, ids=lambda s: type(s).__name__)
def test_nothing_of_a_shape_lies_outside_its_bounds(shape: Shape) -> None:
    axis = np.linspace(-16, 16, 65, dtype=np.float32)
    z, y, x = np.meshgrid(axis, axis, axis, indexing="ij", sparse=True)
    inside = np.argwhere(np.broadcast_to(shape.distance(x, y, z), (65, 65, 65)) < 0)
    low, high = shape.bounds()
    assert inside.size
    points = axis[inside][:, ::-1]
    assert (points >= np.asarray(low) - 1e-3).all()
    assert (points <= np.asarray(high) + 1e-3).all()


@settings(max_examples=60, deadline=None)
@given(st.tuples(*[st.floats(-12, 12)] * 3), st.tuples(*[st.floats(-1, 1)] * 3))
def test_exact_distances_never_change_faster_than_one_walks(
    point: tuple[float, float, float], step: tuple[float, float, float]
) -> None:
    moved = tuple(p + s for p, s in zip(point, step, strict=True))
    for shape in (Capsule((-3, 0, 2), (6, 5, -4), 2.0), Shell((1, 1, 1), 7, 1.5)):
        change = abs(_at(shape, *moved) - _at(shape, *point))
        assert change <= np.linalg.norm(step) + 1e-4
