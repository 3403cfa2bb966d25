"""Depth beneath the capsule, asked for as planes, crossings and places."""

import numpy as np
import pytest

from hepalith.anatomy.depth import Depth

SHAPE = (9, 14, 11)


@pytest.fixture
def depth() -> Depth:
    random = np.random.default_rng(3)
    samples = random.uniform(1, 40, (3, 5, 6)).astype(np.float32)
    return Depth(samples, (4, 3, 2), random.uniform(size=SHAPE) < 0.8)


def test_between_samples_depth_is_linear_and_outside_it_is_nothing() -> None:
    depth = Depth(np.array([[[2.0, 6.0]]], np.float32), (1, 1, 2), np.array([[[True, True, False, True]]]))
    whole = depth.within((slice(None),) * 3)
    assert whole.tolist() == [[[2.0, 4.0, 0.0, 6.0]]]


def test_a_view_says_what_the_whole_says_there(depth: Depth) -> None:
    whole = depth.within((slice(None),) * 3)
    view = (slice(1, 8, 3), slice(None, None, 2), slice(4, 11))
    assert whole.shape == SHAPE
    assert np.array_equal(depth.within(view), whole[view])


def test_places_say_what_the_whole_says_there(depth: Depth) -> None:
    whole = depth.within((slice(None),) * 3)
    points = np.argwhere(np.ones(SHAPE, bool))[::7]
    assert np.array_equal(depth.at(points), whole[tuple(points.T)])


def test_a_depth_known_everywhere_is_itself() -> None:
    known = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    assert np.array_equal(Depth.of(known).within((slice(None),) * 3), known)
