from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
import scipy.ndimage as ndi

from hepalith.phantom import ORGANS, DemoStudy, Scanner, load_truth, make_demo, make_demo_study, scan
from hepalith.phantom.body.abdomen import LIVER_HU, make_abdomen
from hepalith.phantom.demo import make_scene

COARSE = Scanner(matrix=180, slices=42, pixel_mm=2.0, slice_spacing_mm=5.0, slice_thickness_mm=5.0)


@pytest.fixture(scope="module")
def study() -> DemoStudy:
    return make_demo(7, COARSE)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("demo")
    make_demo_study(out, 7)
    return out


def test_the_liver_is_an_adult_s_in_one_piece_on_the_right(study: DemoStudy) -> None:
    liver = study.scan.organs == ORGANS["liver"]
    assert study.truth.liver_volume_ml is not None
    assert 1200 < study.truth.liver_volume_ml < 1700
    pieces, _ = ndi.label(liver)
    sizes = np.bincount(pieces.ravel())[1:]
    assert sizes.max() > 0.995 * sizes.sum()
    centre = study.scan.volume.grid.to_lps(np.argwhere(liver).mean(axis=0))
    assert centre[0] < -35


@pytest.mark.parametrize(
    ("organ", "hu", "tolerance"),
    [("liver", LIVER_HU, 5), ("spleen", 49, 6), ("lung", -860, 40), ("gallbladder", 9, 8), ("aorta", 42, 8)],
)
def test_organs_have_their_hu(study: DemoStudy, organ: str, hu: float, tolerance: float) -> None:
    inside = ndi.binary_erosion(study.scan.organs == ORGANS[organ])
    assert float(study.scan.volume.hu[inside].mean()) == pytest.approx(hu, abs=tolerance)


@pytest.mark.parametrize("seed", [0, 3, 11])
def test_every_focus_lies_in_the_liver_and_the_rib_touches_it(seed: int) -> None:
    made = make_demo(seed, COARSE)
    liver = made.scan.organs == ORGANS["liver"]
    grid = made.scan.volume.grid
    near = ndi.distance_transform_edt(~liver, sampling=grid.spacing_mm)
    for focus in made.truth.foci:
        k, j, i = np.rint(grid.to_index(focus.centre_lps_mm)).astype(int)
        assert liver[k, j, i], focus
    clip, rib = made.truth.mimics
    for mimic, reach in ((clip, 3.0), (rib, 9.0)):
        k, j, i = np.rint(grid.to_index(mimic.centre_lps_mm)).astype(int)
        assert near[k, j, i] <= reach, mimic


def test_there_is_one_of_each_pattern(study: DemoStudy) -> None:
    kinds = [f.kind for f in study.truth.foci]
    assert kinds.count("punctate") == 1
    assert kinds.count("rim") == 1
    assert kinds.count("bead") == 5
    assert [m.kind for m in study.truth.mimics] == ["clip_or_coil", "bone_or_cartilage"]


def test_the_written_series_is_a_ct_of_nobody(written: Path) -> None:
    files = sorted((written / "dicom").iterdir())
    first, second = (pydicom.dcmread(f) for f in files[:2])
    assert first.PatientName == "PHANTOM^ABDOMEN"
    assert first.QualityControlSubject == "YES"
    assert first.file_meta.TransferSyntaxUID.is_little_endian
    assert first.SOPInstanceUID != second.SOPInstanceUID
    assert first.SeriesInstanceUID == second.SeriesInstanceUID
    assert first.ImagePositionPatient[2] - second.ImagePositionPatient[2] == pytest.approx(2.5)
    assert len({pydicom.dcmread(f, stop_before_pixels=True).SOPInstanceUID for f in files}) == len(files)


def test_the_written_voxels_are_those_of_the_scan(written: Path) -> None:
    slices = [pydicom.dcmread(f) for f in sorted((written / "dicom").iterdir(), reverse=True)]
    hu = np.stack([s.pixel_array.astype(int) + int(s.RescaleIntercept) for s in slices])
    assert np.array_equal(hu, make_demo(7).scan.volume.hu)
    truth = load_truth(written / "truth.json")
    spacing = np.array([2.5, *(float(v) for v in slices[0].PixelSpacing)])
    origin = np.array([float(v) for v in slices[0].ImagePositionPatient])[::-1]
    for focus in truth.foci:
        if focus.kind != "rim":
            k, j, i = np.rint((np.array(focus.centre_lps_mm)[::-1] - origin) / spacing).astype(int)
            assert hu[k, j, i] > 200, focus


def test_the_voxels_gain_the_integrated_excess_of_the_truth() -> None:
    random = np.random.default_rng(5)
    scene = make_scene(make_abdomen(random), random)
    full, bare = scan(scene, COARSE, 5), scan(replace(scene, deposits=()), COARSE, 5)
    gained = full.volume.hu.astype(float) - bare.volume.hu
    voxel = full.volume.grid.voxel_mm3
    for deposit, seen in zip(scene.deposits, full.rendered, strict=True):
        if deposit.group == 0:
            total = gained[seen.box.slices].sum() * voxel
            rounding = 0.41 * np.sqrt(np.prod(seen.box.shape)) * voxel
            assert abs(total - deposit.integrated_excess) < 4 * rounding
    told = sum(d.integrated_excess for d in scene.deposits)
    assert gained.sum() * voxel == pytest.approx(told, rel=0.01)


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(tmp_path: Path, written: Path) -> None:
    make_demo_study(tmp_path / "again", 7)
    names = sorted(p.relative_to(written) for p in written.rglob("*") if p.is_file())
    assert names == sorted(
        p.relative_to(tmp_path / "again") for p in (tmp_path / "again").rglob("*") if p.is_file()
    )
    assert all((written / n).read_bytes() == (tmp_path / "again" / n).read_bytes() for n in names)
    other = make_demo(8, COARSE)
    assert not np.array_equal(other.scan.volume.hu, make_demo(7, COARSE).scan.volume.hu)


def test_the_truth_file_is_read_back_as_it_was_written(written: Path) -> None:
    document = json.loads((written / "truth.json").read_text())
    truth = load_truth(written / "truth.json")
    assert document["schema"] == "hepalith/phantom/1"
    assert len(truth.foci) == len(document["foci"]) == 7
    assert truth.foci[1].kind == "rim"
