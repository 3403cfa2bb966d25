from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import scipy.ndimage as ndi
from numpy.typing import NDArray

from hepalith.phantom.body.abdomen import Abdomen, make_abdomen
from hepalith.phantom.body.atlas import Atlas, AtlasGrid, label_grid, paint_atlas
from hepalith.phantom.body.pose import make_pose
from hepalith.phantom.body.variation import Variation, draw_variation
from hepalith.phantom.scene import ORGANS

SEEDS = (3, 24, 57)

COARSE = AtlasGrid((56, 46, 58), 8.0, (-228.0, -180.0, -225.0))
"""Coarser than the default: organs are counted here, not seen."""


def _millilitres(labels: NDArray[np.uint8], organ: str, grid: AtlasGrid) -> float:
    return float((labels == ORGANS[organ]).sum()) * grid.spacing_mm**3 / 1000


@cache
def _atlas(**fields: object) -> Atlas:
    return paint_atlas(make_abdomen(np.random.default_rng(4), Variation(**fields), vessels=False), COARSE)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def ordinary() -> Abdomen:
    return make_abdomen(np.random.default_rng(4))


@pytest.fixture(scope="module")
def atlas(ordinary: Abdomen) -> Atlas:
    return paint_atlas(ordinary)


@pytest.mark.parametrize(
    ("organ", "low", "high"),
    [
        ("liver", 1100, 2000),
        ("spleen", 90, 350),
        ("kidney", 200, 450),
        ("stomach", 100, 700),
        ("heart", 350, 950),
        ("pancreas", 30, 130),
        ("bowel", 400, 1700),
        ("colon", 300, 1500),
        ("muscle", 3000, 7500),
    ],
)
def test_an_ordinary_adult_has_organs_of_ordinary_size(
    atlas: Atlas, organ: str, low: float, high: float
) -> None:
    assert low < _millilitres(atlas.labels, organ, atlas.grid) < high


def test_the_right_kidney_hangs_below_the_left_and_beside_the_liver(ordinary: Abdomen, atlas: Atlas) -> None:
    right, left = (ordinary.organs[n].bounds() for n in ("right_kidney", "left_kidney"))
    assert right[0][2] < left[0][2]
    assert right[1][0] < 0 < left[0][0]
    liver = atlas.labels == ORGANS["liver"]
    kidney = atlas.labels == ORGANS["kidney"]
    kidney[:, :, atlas.grid.shape[2] // 2 :] = False
    near = ndi.distance_transform_edt(~liver, sampling=atlas.grid.spacing_mm)
    assert near[kidney].min() < 20


@pytest.mark.parametrize("seed", SEEDS)
def test_the_liver_lies_right_under_the_diaphragm_in_one_piece_apart_from_lung_and_bone(seed: int) -> None:
    random = np.random.default_rng(seed)
    variation = draw_variation(random, scale=1.0, resection="", atrophy="")
    atlas = paint_atlas(make_abdomen(random, variation, vessels=False))
    liver = atlas.labels == ORGANS["liver"]
    pieces, _ = ndi.label(liver, np.ones((3, 3, 3)))
    sizes = np.bincount(pieces.ravel())[1:]
    assert sizes.max() > 0.95 * sizes.sum()
    x = atlas.grid.axes()[2]
    assert float((liver.sum(axis=(0, 1)) * x).sum() / liver.sum()) < -15
    lung = atlas.labels == ORGANS["lung"]
    assert ndi.distance_transform_edt(~lung, sampling=atlas.grid.spacing_mm)[liver].min() < 12


INSIDE = ("liver", "spleen", "kidney", "stomach", "bowel", "colon", "heart", "lung", "pancreas", "aorta")


@pytest.mark.parametrize("seed", SEEDS)
def test_no_organ_breaks_through_the_wall(seed: int) -> None:
    random = np.random.default_rng(seed)
    atlas = paint_atlas(make_abdomen(random, draw_variation(random), vessels=False))
    outside, _ = ndi.label(atlas.hu < -500)
    room = outside == outside[atlas.grid.shape[0] // 2, 0, 0]
    skin = ndi.binary_dilation(room) & ~room
    assert not {n for n in INSIDE if (atlas.labels[skin] == ORGANS[n]).any()}


def test_what_was_taken_out_is_gone() -> None:
    bare = _atlas(spleen_scale=0.0, gallbladder_scale=0.0, kidneys="left")
    assert _millilitres(bare.labels, "spleen", bare.grid) == 0
    assert _millilitres(bare.labels, "gallbladder", bare.grid) == 0
    x = bare.grid.axes()[2]
    columns = np.flatnonzero((bare.labels == ORGANS["kidney"]).any(axis=(0, 1)))
    assert x[columns].min() > 0


def test_a_fat_patient_has_more_fat_than_a_thin_one_but_no_larger_spine() -> None:
    thin = _atlas(wall_fat_mm=5.0, visceral_fat=0.05, depth=0.85)
    fat = _atlas(wall_fat_mm=45.0, visceral_fat=0.95, depth=1.2)
    more = _millilitres(fat.labels, "fat", fat.grid) / _millilitres(thin.labels, "fat", thin.grid)
    assert more > 2.5
    assert _millilitres(fat.labels, "bone", fat.grid) == pytest.approx(
        _millilitres(thin.labels, "bone", thin.grid), rel=0.25
    )


def test_a_child_is_the_same_plan_made_smaller() -> None:
    child, adult = _atlas(scale=0.6), _atlas()
    for organ in ("liver", "spleen", "kidney", "bone"):
        share = _millilitres(child.labels, organ, child.grid) / _millilitres(adult.labels, organ, adult.grid)
        assert share == pytest.approx(0.6**3, rel=0.45), organ


def test_breathing_out_brings_the_ribs_down_beside_the_liver() -> None:
    out, deep = _atlas(breath_mm=25.0), _atlas(breath_mm=-25.0)
    column = [float(np.argwhere(a.labels == ORGANS["cartilage"])[:, 0].mean()) for a in (out, deep)]
    assert (column[1] - column[0]) * out.grid.spacing_mm > 25


def test_colon_before_the_liver_stands_higher_than_the_usual() -> None:
    tops = []
    for colon in ("interposed", "usual"):
        atlas = _atlas(colon=colon)
        right = (atlas.labels == ORGANS["colon"])[:, :, : atlas.grid.shape[2] // 2 - 4]
        tops.append(int(np.flatnonzero(right.any(axis=(1, 2))).max()))
    assert (tops[0] - tops[1]) * COARSE.spacing_mm > 30


def test_contrast_shows_in_vessels_and_organs() -> None:
    def mean(phase: str, organ: str) -> float:
        atlas = _atlas(phase=phase)
        inside = ndi.binary_erosion(atlas.labels == ORGANS[organ])
        return float(atlas.hu[inside].mean())

    assert mean("arterial", "aorta") > 220
    assert 120 < mean("portal", "aorta") < 200
    assert mean("portal", "liver") - mean("none", "liver") == pytest.approx(60, abs=30)
    assert mean("arterial", "liver") < mean("portal", "liver")


@pytest.mark.parametrize("seed", SEEDS)
def test_a_rib_touches_the_liver_where_it_is_said_to_without_entering_it(seed: int) -> None:
    random = np.random.default_rng(seed)
    made = make_abdomen(random, draw_variation(random), vessels=False)
    for point in made.rib_contacts:
        x, y, z = (np.full((1, 1, 1), v, dtype=np.float32) for v in point)
        assert 3.0 < float(made.liver.shape.distance(x, y, z).item()) < 7.5


def test_an_ordinary_adult_has_a_rib_that_touches_the_liver(ordinary: Abdomen) -> None:
    assert ordinary.rib_contacts


def test_a_turned_patient_is_turned_with_the_liver_and_its_segments() -> None:
    straight, turned = (
        make_abdomen(np.random.default_rng(4), Variation(rotation_deg=d), vessels=False) for d in (0.0, 15.0)
    )
    pose = make_pose(turned.variation)
    assert turned.liver.shape.volume_ml == pytest.approx(straight.liver.shape.volume_ml, rel=0.01)
    points = np.random.default_rng(0).uniform((-140, -90, -90), (60, 70, 80), (800, 3))
    here = [points[:, axis].astype(np.float32)[:, None, None] for axis in range(3)]
    placed = np.array([pose.point((float(x), float(y), float(z))) for x, y, z in points])
    there = [placed[:, axis].astype(np.float32)[:, None, None] for axis in range(3)]
    assert float((straight.liver.segment_at(*here) == turned.liver.segment_at(*there)).mean()) > 0.999
    depth = straight.liver.shape.distance(*here)
    shift = np.abs(turned.liver.shape.distance(*there) - depth)
    assert float(shift[np.abs(depth) < 8].mean()) < 0.15
    for organ in ("spleen", "body", "aorta"):
        far = straight.organs[organ].distance(*here)
        assert turned.organs[organ].distance(*there) == pytest.approx(far, abs=0.1)


def test_the_same_seed_gives_the_same_map(ordinary: Abdomen, atlas: Atlas) -> None:
    again = label_grid(make_abdomen(np.random.default_rng(4)))
    assert np.array_equal(again, atlas.labels)
    other = label_grid(make_abdomen(np.random.default_rng(5), vessels=False))
    assert not np.array_equal(other, atlas.labels)
    assert ordinary.variation == Variation()
