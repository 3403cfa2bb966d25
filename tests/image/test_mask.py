"""A liver mask lands where it belongs on the image, or is refused in one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import highdicom
import nibabel
import numpy as np
import pytest
import SimpleITK
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.sr.codedict import codes
from tests.dicom_files import make_hu, write_series

from hepalith.errors import InputError, MaskError, UnreadableFileError
from hepalith.image import Volume
from hepalith.image.decode import decode
from hepalith.image.mask import lay_masks, read_mask, read_masks
from hepalith.settings import MaskSource, Settings
from hepalith.study.choice import choose_series
from hepalith.study.open import open_study

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


def read_volume(path: Path) -> Volume:
    return decode(choose_series(open_study([path], Settings()), Settings()).primary).volume


@pytest.fixture
def volume(tmp_path: Path) -> Volume:
    return read_volume(write_series(tmp_path / "ct", make_hu((8, 20, 24))))


def blob(shape: tuple[int, ...]) -> NDArray[np.uint8]:
    mask = np.zeros(shape, dtype=np.uint8)
    mask[2:6, 5:14, 3:12] = 1
    mask[3, 14, 12] = 1
    return mask


def write_nifti(path: Path, working: NDArray[Any], affine: NDArray[np.float64]) -> MaskSource:
    """Write an array in (k, j, i) order with the affine of (k, j, i) in LPS."""
    ras = LPS_TO_RAS @ affine
    ras[:, :3] = ras[:, 2::-1]
    nibabel.save(nibabel.Nifti1Image(working.T, ras), path)
    return MaskSource(path)


def write_bare(path: Path, working: NDArray[Any], ras: NDArray[np.float64] | None) -> MaskSource:
    """Write an array as people do who have no geometry: without a form, or with the identity."""
    nibabel.save(nibabel.Nifti1Image(working.T, ras), path)
    return MaskSource(path)


def refused(kind: type[InputError], source: MaskSource, volume: Volume) -> str:
    with pytest.raises(kind) as caught:
        read_mask(source, volume)
    assert "\n" not in str(caught.value)
    assert source.path.name in str(caught.value)
    return str(caught.value)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(axes=st.permutations([0, 1, 2]), flips=st.tuples(st.booleans(), st.booleans(), st.booleans()))
def test_a_mask_stored_in_any_orientation_is_the_same_mask(
    tmp_path: Path, volume: Volume, axes: list[int], flips: tuple[bool, bool, bool]
) -> None:
    mask = blob(volume.hu.shape)
    affine = volume.grid.affine.copy()
    turned = mask.transpose(axes)
    affine[:3, :3] = affine[:3, axes]
    for n, flip in enumerate(flips):
        if flip:
            turned = np.flip(turned, n)
            affine[:3, 3] += affine[:3, n] * (turned.shape[n] - 1)
            affine[:3, n] *= -1
    read = read_mask(write_nifti(tmp_path / "m.nii.gz", turned, affine), volume)
    np.testing.assert_array_equal(read, mask.astype(bool))


@pytest.mark.parametrize("ending", ["nrrd", "mha", "nhdr", "mhd"])
def test_nrrd_and_metaimage_masks_are_read(tmp_path: Path, volume: Volume, ending: str) -> None:
    mask = blob(volume.hu.shape)
    image = SimpleITK.GetImageFromArray(mask)
    image.SetSpacing((0.7, 0.8, 2.5))
    image.SetOrigin((-100, -80, 0))
    SimpleITK.WriteImage(image, tmp_path / f"m.{ending}", ending in ("nrrd", "mha"))
    np.testing.assert_array_equal(read_mask(MaskSource(tmp_path / f"m.{ending}"), volume), mask.astype(bool))


def test_a_mask_on_another_grid_is_resampled_and_keeps_its_volume(tmp_path: Path, volume: Volume) -> None:
    k, j, i = np.mgrid[0:30, 0:60, 0:60]
    affine = np.eye(4)
    affine[:3, :3] = [[0, 0, 0.45], [0, 0.45, 0], [1.0, 0, 0]]
    affine[:3, 3] = (-104, -84, -4)
    centre = np.array([-91.0, -72.0, 9.0])
    places = np.stack([k, j, i], axis=-1) @ affine[:3, :3].T + affine[:3, 3]
    ball = (np.linalg.norm(places - centre, axis=-1) < 5.5).astype(np.uint8)
    read = read_mask(write_nifti(tmp_path / "m.nii", ball, affine), volume)
    truth = 4 / 3 * np.pi * 5.5**3
    assert read.sum() * volume.grid.voxel_mm3 == pytest.approx(truth, rel=0.06)
    middle = volume.grid.to_lps(np.argwhere(read).mean(axis=0))
    np.testing.assert_allclose(middle, centre, atol=0.15)


def test_a_label_is_taken_and_an_unknown_one_refused_with_those_there(tmp_path: Path, volume: Volume) -> None:
    labels = blob(volume.hu.shape)
    labels[6, 2:4, 2:4] = 5
    path = write_nifti(tmp_path / "m.nii.gz", labels, volume.grid.affine).path
    assert read_mask(MaskSource(path, 5), volume).sum() == 4
    assert read_mask(MaskSource(path, 1), volume).sum() == (labels == 1).sum()
    assert read_mask(MaskSource(path), volume).sum() == (labels > 0).sum()
    both = read_masks([MaskSource(path, 5), MaskSource(path, 1)], volume)
    np.testing.assert_array_equal(both, labels > 0)
    assert "1, 5" in refused(MaskError, MaskSource(path, 7), volume)


def test_a_scaled_or_fractional_mask_is_cut_at_one_half(tmp_path: Path, volume: Volume) -> None:
    soft = blob(volume.hu.shape).astype(np.float32) * np.float32(0.7)
    soft[0, 0, 0], soft[0, 0, 1] = 0.3, np.nan
    read = read_mask(write_nifti(tmp_path / "m.nii.gz", soft, volume.grid.affine), volume)
    np.testing.assert_array_equal(read, blob(volume.hu.shape).astype(bool))


def test_an_empty_mask_is_refused(tmp_path: Path, volume: Volume) -> None:
    source = write_nifti(tmp_path / "m.nii", np.zeros(volume.hu.shape, np.uint8), volume.grid.affine)
    assert "empty" in refused(MaskError, source, volume)


@pytest.mark.parametrize("shift", [(500.0, 0, 0), (0, 0, 60.0), (0, -300.0, 10.0)])
def test_mask_outside_the_image_is_refused(tmp_path: Path, volume: Volume, shift: tuple[float, ...]) -> None:
    affine = volume.grid.affine.copy()
    affine[:3, 3] += shift
    source = write_nifti(tmp_path / "m.nii", blob(volume.hu.shape), affine)
    assert "outside" in refused(MaskError, source, volume)


@pytest.mark.parametrize("ras", [None, np.eye(4)])
def test_mask_without_geometry_and_of_another_shape_is_refused(
    tmp_path: Path, volume: Volume, ras: NDArray[np.float64] | None
) -> None:
    source = write_bare(tmp_path / "m.nii", blob((8, 20, 25)), ras)
    message = refused(MaskError, source, volume)
    assert "no geometry" in message
    assert "25x20x8" in message


@pytest.mark.parametrize("ras", [None, np.eye(4)])
def test_mask_without_geometry_of_the_same_shape_is_laid_on_and_said(
    tmp_path: Path, ras: NDArray[np.float64] | None
) -> None:
    prone = read_volume(
        write_series(tmp_path / "ct", make_hu((8, 20, 24)), ImageOrientationPatient=[-1, 0, 0, 0, -1, 0])
    )
    mask = blob((8, 20, 24))
    source = write_bare(tmp_path / "m.nii", mask, ras)
    laid = lay_masks([source], prone)
    np.testing.assert_array_equal(prone.stored_order.to_stored(laid.mask), mask.astype(bool))
    (note,) = laid.warnings
    assert "no geometry" in note


def test_a_mask_that_reaches_beyond_the_image_is_said(tmp_path: Path, volume: Volume) -> None:
    away = volume.grid.affine.copy()
    away[:3, 3] += away[:3, 2] * 15  # columns 3 to 11 of 24 come to lie at 18 to 26
    laid = lay_masks([write_nifti(tmp_path / "m.nii", blob(volume.hu.shape), away)], volume)
    (note,) = laid.warnings
    assert laid.mask.any()
    assert "of the liver mask lies in the image" in note


def test_what_is_no_mask_is_refused(tmp_path: Path, volume: Volume) -> None:
    (tmp_path / "m.txt").write_text("not a mask")
    refused(MaskError, MaskSource(tmp_path / "m.txt"), volume)
    refused(MaskError, MaskSource(tmp_path / "ct" / "0000.dcm"), volume)
    refused(UnreadableFileError, MaskSource(tmp_path / "nowhere.nii"), volume)
    source = write_nifti(tmp_path / "cut.nii.gz", blob(volume.hu.shape), volume.grid.affine)
    source.path.write_bytes(source.path.read_bytes()[:-60])
    refused(UnreadableFileError, source, volume)


@pytest.mark.parametrize("kind", ["BINARY", "FRACTIONAL", "LABELMAP"])
def test_segments_of_a_dicom_seg_are_read_by_number(tmp_path: Path, volume: Volume, kind: str) -> None:
    files = [dcmread(path) for path in sorted((tmp_path / "ct").iterdir())]
    mask = blob(volume.hu.shape)
    labels = mask.copy()
    labels[6, 2:4, 2:4] = 2
    description = [
        highdicom.seg.SegmentDescription(
            number, name, codes.SCT.Organ, codes.SCT.Liver, highdicom.seg.SegmentAlgorithmTypeValues.MANUAL
        )
        for number, name in ((1, "Liver"), (2, "Cyst"))
    ]
    pixels = np.stack([labels == 1, labels == 2], axis=-1).astype(
        np.float32 if kind == "FRACTIONAL" else np.uint8
    )
    segmentation = highdicom.seg.Segmentation(
        files, labels if kind == "LABELMAP" else pixels, kind, description,
        series_instance_uid="1.2.3", series_number=9, sop_instance_uid="1.2.3.4", instance_number=1,
        manufacturer="x", manufacturer_model_name="x", software_versions="1", device_serial_number="1",
    )  # fmt: skip
    path = tmp_path / "seg.dcm"
    segmentation.save_as(path)
    np.testing.assert_array_equal(read_mask(MaskSource(path, 1), volume), mask.astype(bool))
    assert read_mask(MaskSource(path, 2), volume).sum() == 4
    np.testing.assert_array_equal(
        read_mask(MaskSource(path), volume), mask.astype(bool)
    )  # the one called liver
    for item in segmentation.SegmentSequence:
        item.SegmentLabel = "Organ"
    segmentation.save_as(path)
    with pytest.raises(MaskError, match="--liver-label"):
        read_mask(MaskSource(path), volume)


@pytest.mark.real
def test_the_seg_and_the_nrrd_of_one_liver_agree(shared_data: Path) -> None:
    folder = shared_data / "liver_seg_3slice"
    volume = read_volume(folder)
    seg, nrrd = (read_mask(MaskSource(folder / name), volume) for name in ("liver_seg.dcm", "liver_seg.nrrd"))
    np.testing.assert_array_equal(seg, nrrd)
    assert 40 < np.median(volume.hu[seg]) < 75


@pytest.mark.real
def test_organs_of_totalseg_lie_where_organs_lie(shared_data: Path) -> None:
    folder = shared_data / "totalseg"
    volume = read_volume(folder / "ct.nii.gz")
    places = {}
    for organ in ("liver", "spleen", "kidney_left", "kidney_right"):
        mask = read_mask(MaskSource(folder / "organs" / f"{organ}.nii.gz"), volume)
        places[organ] = volume.grid.to_lps(np.argwhere(mask).mean(axis=0))
        if organ == "liver":
            assert mask.sum() * volume.grid.voxel_mm3 / 1000 == pytest.approx(1123, abs=1)
    assert places["liver"][0] < places["spleen"][0]  # x rises to the patient's left
    assert places["kidney_right"][0] < places["kidney_left"][0]
    assert places["kidney_left"][1] > places["liver"][1]  # y rises to the back
    assert places["kidney_left"][2] < places["spleen"][2]  # z rises to the head
