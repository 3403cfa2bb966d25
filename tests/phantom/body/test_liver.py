"""Livers that vary as livers do: size, lobes, segments, and vessels that feed what they are said to feed."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest

from hepalith.phantom.body.liver import LiverModel, make_liver
from hepalith.phantom.body.liver_field import Sampled, SampleGrid
from hepalith.phantom.body.segments import SEGMENTS
from hepalith.phantom.body.variation import Variation
from hepalith.phantom.shape.shape import Cut, Ellipsoid, HalfSpace, Joined, Oval, Tube

CAVITY = Oval((0, -8), (134.5, 83.5), 2.35)

SPACE = Cut(
    Joined(
        (
            Ellipsoid((-64, -6, -22), (82, 88, 101)),
            Ellipsoid((64, -2, -26), (80, 84, 92)),
            HalfSpace((0, 0, -42), (0, 0, 1)),
        ),
        22,
    ),
    (Tube(((-19, 30, -110), (-19, 29, 10), (-15, 24, 60), (-10, 12, 100)), (12.5, 13, 13.5, 14.5)),),
    4,
)
"""Below the diaphragm, less the vena cava."""


def draw(seed: int, *, vessels: bool = False, **fixed: object) -> LiverModel:
    """Return a liver in an ordinary trunk."""
    variation = Variation(**fixed)  # type: ignore[arg-type]
    return make_liver(variation, np.random.default_rng(seed), SPACE, CAVITY, vessels=vessels)


def shares(liver: LiverModel) -> np.ndarray:
    """Return each segment's share of the liver, I to VIII."""
    x, y, z = liver.shape.grid.axes()
    held = np.bincount(liver.segment_at(x, y, z)[liver.shape.values < 0], minlength=9)[1:]
    return np.asarray(held / held.sum())


@pytest.fixture(scope="module")
def livers() -> tuple[LiverModel, ...]:
    """Twelve ordinary livers without vessels."""
    return tuple(draw(seed) for seed in range(12))


@pytest.fixture(scope="module")
def grown() -> LiverModel:
    """One liver with its vessels."""
    return draw(3, vessels=True)


def test_a_sampled_sphere_keeps_its_distance_and_volume() -> None:
    grid = SampleGrid((-30.0, -30.0, -30.0), 2.5, (25, 25, 25))
    sphere = Ellipsoid((1.0, -2.0, 0.5), (18.0, 18.0, 18.0))
    sampled = Sampled(grid, sphere.distance(*grid.axes()))
    assert sampled.volume_ml == pytest.approx(sphere.volume_mm3 / 1000, rel=0.01)
    points = np.random.default_rng(0).uniform(-24, 24, (3, 500)).astype(np.float32)
    near = np.abs(sphere.distance(*points)) < 4
    assert np.abs(sampled.distance(*points) - sphere.distance(*points))[near].max() < 0.2


def test_a_sampled_shape_answers_alike_on_a_lattice_and_at_single_points() -> None:
    grid = SampleGrid((-30.0, -30.0, -30.0), 2.5, (25, 25, 25))
    sampled = Sampled(grid, Ellipsoid((0, 0, 0), (20, 12, 9)).distance(*grid.axes()))
    x = np.linspace(-40, 40, 7, dtype=np.float32)
    lattice = sampled.distance(x[None, None], x[None, :, None], x[:, None, None])
    z, y, xx = np.meshgrid(x, x, x, indexing="ij")
    assert np.allclose(
        lattice, sampled.distance(xx.ravel(), y.ravel(), z.ravel()).reshape(7, 7, 7), atol=1e-4
    )


def test_sizes_spread_as_in_adults(livers: tuple[LiverModel, ...]) -> None:
    volumes = [liver.shape.volume_ml for liver in livers]
    assert 1300 < float(np.median(volumes)) < 1950
    assert min(volumes) > 700
    assert max(volumes) < 2700
    assert np.std(volumes) > 100


def test_lobes_and_segments_have_their_usual_shares(livers: tuple[LiverModel, ...]) -> None:
    mean = np.mean([shares(liver) for liver in livers], axis=0)
    assert 0.58 < mean[4:].sum() < 0.70
    assert 0.015 < mean[0] < 0.06
    assert (mean > 0.01).all()
    assert SEGMENTS[int(np.argmax(mean))] in {"VII", "VIII"}


def test_a_larger_liver_is_larger_and_a_lost_part_is_gone() -> None:
    assert draw(5, liver_scale=1.25).shape.volume_ml > draw(5, liver_scale=0.8).shape.volume_ml + 400
    assert shares(draw(5, resection="lateral"))[1:3].sum() < 0.01
    assert shares(draw(5, resection="left"))[1:4].sum() < 0.12
    assert shares(draw(5, resection="right"))[4:].sum() < 0.45
    assert shares(draw(5, atrophy="left"))[1:3].sum() < shares(draw(5))[1:3].sum()
    assert shares(draw(5, atrophy="right"))[4:].sum() < shares(draw(5))[4:].sum()


def test_the_liver_is_one_piece_within_its_space(livers: tuple[LiverModel, ...]) -> None:
    for liver in livers[:4]:
        grid = liver.shape.grid
        inside = liver.shape.values < 0
        assert not inside[0].any()
        assert not inside[:, :, -1].any()
        assert float(SPACE.distance(*grid.axes())[inside].max()) < 1.5


def test_portal_branches_end_in_the_segment_they_are_said_to_supply(grown: LiverModel) -> None:
    branches = grown.portal.branches
    mothers = {b.parent for b in branches}
    ends = [b for i, b in enumerate(branches) if i not in mothers and b.segment]
    tips = np.array([b.path[-1] for b in ends], dtype=np.float32)
    found = grown.segment_at(tips[:, 0], tips[:, 1], tips[:, 2])
    right = [SEGMENTS[f - 1] == b.segment for f, b in zip(found, ends, strict=True)]
    assert np.mean(right) > 0.98
    assert set(Counter(b.segment for b in ends)) == set(SEGMENTS)


def test_every_cube_of_liver_is_near_a_portal_end(grown: LiverModel) -> None:
    tips = np.array([b.path[-1] for b in grown.portal.branches])
    x, y, z = grown.shape.grid.axes()
    deep = np.argwhere(grown.shape.values < -8)[::400]
    places = np.stack([x.ravel()[deep[:, 2]], y.ravel()[deep[:, 1]], z.ravel()[deep[:, 0]]], axis=1)
    nearest = [min(math.dist(p, t) for t in tips) for p in places]
    assert max(nearest) < 22


def test_radii_follow_murrays_law(grown: LiverModel) -> None:
    for tree in (grown.portal, grown.hepatic):
        daughters: dict[int, float] = {}
        for branch in tree.branches:
            daughters[branch.parent] = daughters.get(branch.parent, 0.0) + branch.radii_mm[0] ** 3
        for parent, cubes in daughters.items():
            mother = tree.branches[parent]
            if parent >= 0 and mother.segment:
                assert cubes == pytest.approx(mother.radii_mm[0] ** 3, rel=0.02)
        assert min(b.radii_mm[-1] for b in tree.branches) < 0.7
        assert all(-1 <= b.parent < i for i, b in enumerate(tree.branches))


def test_vessels_stay_in_the_liver_and_join_their_mothers(grown: LiverModel) -> None:
    for tree, free in ((grown.portal, 2), (grown.hepatic, 0)):
        points = np.array([p for b in tree.branches if b.order > free for p in b.path], dtype=np.float32)
        outside = grown.shape.distance(points[:, 0], points[:, 1], points[:, 2]) > 0
        assert outside.mean() < 0.01
        for branch in tree.branches:
            if branch.parent >= 0:
                assert math.dist(branch.path[0], tree.branches[branch.parent].path[-1]) < 1e-3


def test_ducts_and_arteries_run_beside_the_portal_branches(grown: LiverModel) -> None:
    assert len(grown.ducts.branches) == len(grown.portal.branches) == len(grown.artery.branches)
    for duct, vein in zip(grown.ducts.branches, grown.portal.branches, strict=True):
        assert duct.parent == vein.parent
        assert duct.segment == vein.segment
        apart = math.dist(duct.path[-1], vein.path[-1])
        assert apart >= 0.9 * (duct.radii_mm[-1] + vein.radii_mm[-1])
        assert apart < vein.radii_mm[-1] + 2.5
        assert duct.radii_mm[0] < 0.4 * vein.radii_mm[0]


def test_the_same_seed_gives_the_same_liver_with_and_without_vessels(grown: LiverModel) -> None:
    again, bare = draw(3, vessels=True), draw(3)
    assert np.array_equal(again.shape.values, grown.shape.values)
    assert again.portal == grown.portal
    assert np.array_equal(bare.shape.values, grown.shape.values)
    assert bare.portal.branches == ()


def test_the_gallbladder_lies_in_its_bed_or_is_gone(livers: tuple[LiverModel, ...]) -> None:
    assert draw(4, gallbladder_scale=0.0).gallbladder is None
    for liver in livers[:4]:
        assert liver.gallbladder is not None
        x, y, z = liver.shape.grid.axes()
        bed = liver.gallbladder.distance(x, y, z)
        assert not ((bed < -1.5) & (liver.shape.values < -1.5)).any()
        assert ((bed < 4) & (liver.shape.values < 0)).any()
