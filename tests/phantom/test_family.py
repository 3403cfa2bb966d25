"""Whole studies by seed."""

import hashlib
from dataclasses import replace

import numpy as np
import pytest

from hepalith.errors import UsageError
from hepalith.phantom import (
    CONTENTS,
    ORGANS,
    PhantomStudy,
    draw_plan,
    load_truth,
    make_sphere,
    make_study,
    split_of,
    write_study_folder,
)
from hepalith.phantom.family import _lay_apart
from hepalith.phantom.insert import Insert

SMALL = {"slices_mm": (5.0, 5.0), "matrix": 128, "coverage": "slab", "resection": "", "age_years": 50.0}


@pytest.fixture(scope="module")
def study() -> PhantomStudy:
    return make_study(draw_plan(11, contents="spheres", phase="portal", kvp=100.0, **SMALL))


def test_the_same_seed_draws_the_same_plan_and_another_draws_another() -> None:
    assert draw_plan(5) == draw_plan(5)
    assert draw_plan(5) != replace(draw_plan(6), seed=5)


def test_what_is_fixed_changes_nothing_else() -> None:
    free, fixed = draw_plan(5), draw_plan(5, phase="arterial", kernel="lung")
    assert replace(fixed.variation, phase=free.variation.phase) == free.variation
    assert (fixed.slice_thickness_mm, fixed.kvp) == (free.slice_thickness_mm, free.kvp)


def test_every_kind_of_contents_is_drawn() -> None:
    drawn = {draw_plan(seed).contents.partition(":")[0] for seed in range(120)}
    assert drawn == {c if c != "cases" else "case" for c in CONTENTS}


def test_seeds_from_a_million_on_are_the_test_split() -> None:
    assert (split_of(999_999), split_of(1_000_000)) == ("development", "test")


@pytest.mark.parametrize(
    "wrong",
    [
        {"contents": "gravel"},
        {"contents": "morphology:gravel"},
        {"slices_mm": (1.0, 5.0)},
        {"kernel": "B30f"},
        {"kvp": 20.0},
        {"matrix": 8},
        {"phase": "late"},
        {"noise_hu": -1.0},
        {"age_years": -3.0},
        {"steatosis": 3.0},
    ],
)
def test_what_no_scanner_or_patient_has_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        draw_plan(1, **wrong)  # type: ignore[arg-type]


def test_a_negative_seed_is_refused() -> None:
    with pytest.raises(UsageError, match="seed"):
        draw_plan(-1)


def test_the_truth_describes_the_image(study: PhantomStudy) -> None:
    truth, scan = study.truth, study.scan
    assert truth.voxels_sha256 == hashlib.sha256(scan.volume.hu.astype("<i2").tobytes()).hexdigest()
    liver = scan.organs == ORGANS["liver"]
    assert truth.liver_volume_ml == pytest.approx(liver.sum() * scan.volume.grid.voxel_mm3 / 1000)
    assert sum(truth.segment_volumes_ml.values()) == pytest.approx(truth.liver_volume_ml)
    assert len(truth.foci) >= 2
    for focus in truth.foci:
        index = np.rint(scan.volume.grid.to_index(focus.centre_lps_mm)).astype(int)
        assert focus.depth_mm is not None
        assert focus.depth_mm > 0
        if all(2 <= i < n - 2 for i, n in zip(index, scan.volume.hu.shape, strict=True)):
            assert liver[tuple(index)]
            assert focus.sampled_excess_hu_mm3 == pytest.approx(focus.integrated_excess_hu_mm3, rel=0.02)


def test_calcium_is_denser_at_a_lower_voltage(study: PhantomStudy) -> None:
    gain = study.scanner.calcium_gain
    assert gain > 1.1
    for focus in study.truth.foci:
        assert focus.density_mg_ml is not None
        assert focus.excess_hu == pytest.approx(focus.density_mg_ml * study.scanner.hu_per_mg_ml, rel=0.02)


def test_a_second_scan_has_other_noise_and_the_same_foci(study: PhantomStudy) -> None:
    again = make_study(study.plan, noise=1)
    assert again.truth.voxels_sha256 != study.truth.voxels_sha256
    ours = {f.centre_lps_mm: f.volume_mm3 for f in study.truth.foci}
    theirs = {f.centre_lps_mm: f.volume_mm3 for f in again.truth.foci}
    shared = set(ours) & set(theirs)
    assert len(shared) >= 2
    assert all(ours[c] == theirs[c] for c in shared)


def test_the_folder_gives_back_the_truth(study: PhantomStudy, tmp_path) -> None:
    write_study_folder(tmp_path, study.scan, study.scanner, study.truth)
    found = load_truth(tmp_path / "truth.json")
    assert [f.id for f in found.foci] == [f.id for f in study.truth.foci]
    assert found.foci[0].segment == study.truth.foci[0].segment
    assert found.contents == "spheres"
    assert found.split == "development"
    assert len(list((tmp_path / "dicom").iterdir())) == study.scan.volume.hu.shape[0]


def test_pieces_laid_into_one_liver_do_not_touch() -> None:
    def at(x: float) -> Insert:
        return Insert(deposits=(make_sphere((x, 0.0, 0.0), 8.0, 300.0),))

    assert len(_lay_apart([lambda: at(0.0), lambda: at(5.0)]).deposits) == 1
    assert len(_lay_apart([lambda: at(0.0), lambda: at(40.0)]).deposits) == 2


def test_what_lies_outside_the_scan_is_not_in_its_truth(study: PhantomStudy) -> None:
    plan = replace(study.plan, variation=replace(study.plan.variation, coverage="whole"))
    whole = make_study(plan).truth
    low, high = (study.scan.volume.grid.affine[2, 3] + d for d in (-5.0, 5.0 * study.scan.volume.hu.shape[0]))
    within = [f for f in whole.foci if low - 10 < f.centre_lps_mm[2] < high + 10]
    assert len(study.truth.foci) <= len(within) < len(whole.foci)
