"""A phantom's map holds the tissues and organs that were painted."""

from __future__ import annotations

import numpy as np
import pytest

from hepalith.phantom.scene import Body
from hepalith.phantom.shape.shape import Ellipsoid, Tube
from hepalith.training.atlas import CLASSES, SPACING_MM, Atlas, paint_atlas

LIVER = CLASSES.index("liver")


@pytest.fixture(scope="module")
def atlas() -> Atlas:
    bodies = (
        Body(Ellipsoid((0, 0, 0), (150, 100, 150)), -100.0),
        Body(Ellipsoid((-60, 0, 0), (60, 60, 60)), 60.0, "liver"),
        Body(Tube(((-100, 0, 0), (-20, 0, 0)), (8, 8)), 42.0),
        Body(Ellipsoid((80, 0, 0), (20, 20, 20)), 35.0, "colon"),
    )
    return paint_atlas(bodies)


def test_the_liver_on_the_map_has_the_volume_it_was_given(atlas):
    in_liver = atlas.organ[atlas.tissue] == LIVER
    assert in_liver.sum() * SPACING_MM**3 == pytest.approx(4 / 3 * np.pi * 60**3, rel=0.02)


def test_a_vessel_painted_over_the_liver_is_liver_of_another_tissue(atlas):
    own = np.flatnonzero(atlas.organ == LIVER)
    assert sorted(atlas.hu[own]) == [42.0, 60.0]


def test_organs_that_are_not_told_apart_share_a_class(atlas):
    assert set(atlas.organ[atlas.hu == 35.0]) == {CLASSES.index("bowel")}


def test_a_saved_map_comes_back_the_same(atlas, tmp_path):
    atlas.save(tmp_path / "map.npz")
    again = Atlas.load(tmp_path / "map.npz")
    assert (again.tissue == atlas.tissue).all()
    assert (again.hu == atlas.hu).all()
    assert [p.name for p in tmp_path.iterdir()] == ["map.npz"]
