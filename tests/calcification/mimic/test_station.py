"""Where a body stands: to the hilum, in the liver, among others as bright."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray

from hepalith.calcification.mimic.station import FAR_MM, NEAR_MM, Station, station_of
from hepalith.geometry import Box

SHAPE = (20, 60, 60)
SPACING = (2.0, 1.0, 1.0)
LIVER = (np.zeros(3), np.array(SHAPE, np.float64))


def stand(
    extent: NDArray[np.bool_], hilum_mm: tuple[float, float, float] | None = None, beside_mm: float = 100.0
) -> Station:
    """Return where a body stands: one other as bright lies so far beside it, a fainter one at 5 mm."""
    excess = np.where(extent, 300.0, 0.0).astype(np.float32)
    aperture = SimpleNamespace(extent=extent, excess=excess, box=Box((0, 0, 0), SHAPE))
    scene = SimpleNamespace(spacing_mm=SPACING, hu=excess + 60.0)
    centre = np.argwhere(extent).mean(axis=0) * SPACING
    others = centre + np.array([[0.0, 0.0, 0.0], [0.0, beside_mm, 0.0], [0.0, 0.0, 5.0]])
    return station_of(
        0, cast("Any", aperture), cast("Any", scene), centres_mm=others,
        peaks_hu=np.array([300.0, 310.0, 90.0]), liver_box=LIVER,
        hilum_mm=None if hilum_mm is None else np.array(hilum_mm),
    )  # fmt: skip


def bar(axis: int) -> NDArray[np.bool_]:
    """Return a bar along an axis."""
    extent = np.zeros(SHAPE, np.bool_)
    place = [slice(9, 11), slice(28, 31), slice(28, 31)]
    place[axis] = slice(4, 16) if axis == 0 else slice(15, 45)
    extent[tuple(place)] = True
    return extent


def test_a_bar_that_points_at_the_hilum_runs_toward_it_and_one_across_does_not() -> None:
    hilum = (19.0, 29.0, 110.0)
    along, across = stand(bar(2), hilum), stand(bar(1), hilum)
    assert along.radial > 0.95
    assert along.reach_mm == pytest.approx(29.0, abs=2.0)
    assert across.radial < 0.1
    assert across.reach_mm < 5.0
    assert along.hilum_mm == pytest.approx(across.hilum_mm, abs=1.0)


def test_a_tree_that_thins_out_has_most_of_itself_nearer_the_hilum() -> None:
    tree = bar(2)
    tree[7:13, 26:33, 35:45] = True
    assert stand(tree, (19.0, 29.0, 110.0)).taper > 0.6
    assert stand(tree, (19.0, 29.0, -50.0)).taper < 0.4


def test_without_a_landmark_the_hilum_is_far() -> None:
    assert stand(bar(2)).hilum_mm == FAR_MM


def test_others_count_that_are_as_bright_and_near() -> None:
    near, far = stand(bar(0), beside_mm=8.0), stand(bar(0))
    assert (near.alike, far.alike) == (1, 0)
    assert near.alike_mm == pytest.approx(8.0)
    assert far.alike_mm == NEAR_MM
