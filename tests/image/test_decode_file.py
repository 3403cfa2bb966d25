"""NIfTI, NRRD and MetaImage give the same HU at the same places as DICOM would."""

from __future__ import annotations

import gzip
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import SimpleITK
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.dicom_files import make_hu

from hepalith.errors import GeometryError, InputError, UnreadableFileError, UnsupportedModalityError
from hepalith.geometry import Box
from hepalith.image import AIR_HU, Volume
from hepalith.image.decode import decode
from hepalith.settings import Settings
from hepalith.study.choice import choose_series
from hepalith.study.open import open_study

SHAPE = (6, 16, 20)
AFFINE = np.array([[-0.7, 0, 0, 100], [0, -0.8, 0, 80], [0, 0, 2.5, -10], [0, 0, 0, 1.0]])


def read_volume(path: Path) -> Volume:
    return decode(choose_series(open_study([path], Settings()), Settings()).primary).volume


def refused(kind: type[InputError], path: Path) -> str:
    with pytest.raises(kind) as caught:
        read_volume(path)
    message = str(caught.value)
    assert "\n" not in message
    assert caught.value.exit_status == 3
    return message


def write_nifti(
    path: Path, kji: Any, affine: Any = AFFINE, kind: type = nibabel.Nifti1Image, **header: Any
) -> Path:
    image = kind(np.asarray(kji).T, affine)
    for key, value in header.items():
        image.header[key] = value
    nibabel.save(image, path)
    return path


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
@pytest.mark.parametrize("kind", [nibabel.Nifti1Image, nibabel.Nifti2Image])
def test_nifti_is_read_where_it_lies(tmp_path: Path, name: str, kind: type) -> None:
    hu = make_hu(SHAPE)
    volume = read_volume(write_nifti(tmp_path / name, hu, kind=kind))
    np.testing.assert_array_equal(volume.hu, hu)
    np.testing.assert_allclose(volume.grid.spacing_mm, (2.5, 0.8, 0.7), rtol=1e-6)
    np.testing.assert_allclose(volume.grid.to_lps((0, 0, 0)), (-100, -80, -10), atol=1e-4)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(axes=st.permutations([0, 1, 2]), flips=st.tuples(st.booleans(), st.booleans(), st.booleans()))
def test_any_stored_orientation_gives_one_volume_and_goes_back(
    tmp_path: Path, axes: list[int], flips: tuple[bool, bool, bool]
) -> None:
    hu = make_hu(SHAPE)
    image = nibabel.Nifti1Image(hu.T, AFFINE)
    orientation = np.array([[axis, -1 if flip else 1] for axis, flip in zip(axes, flips, strict=True)])
    turned = image.as_reoriented(orientation)
    nibabel.save(turned, tmp_path / "a.nii")
    volume = read_volume(tmp_path / "a.nii")
    np.testing.assert_array_equal(volume.hu, hu)
    np.testing.assert_allclose(volume.grid.to_lps((0, 0, 0)), (-100, -80, -10), atol=1e-4)
    np.testing.assert_array_equal(volume.stored_order.to_stored(volume.hu).T, np.asarray(turned.dataobj))


@pytest.mark.parametrize("ending", ["nrrd", "mha", "nhdr", "mhd"])
def test_nrrd_and_metaimage_are_read_where_they_lie(tmp_path: Path, ending: str) -> None:
    hu = make_hu(SHAPE)
    image = SimpleITK.GetImageFromArray(hu[:, ::-1])
    image.SetSpacing((0.7, 0.8, 2.5))
    image.SetOrigin((-100, -80 + 0.8 * 15, -10))
    image.SetDirection((1, 0, 0, 0, -1, 0, 0, 0, 1))
    SimpleITK.WriteImage(image, tmp_path / f"a.{ending}", ending in ("nrrd", "mha"))
    volume = read_volume(tmp_path / f"a.{ending}")
    np.testing.assert_array_equal(volume.hu, hu)
    np.testing.assert_allclose(volume.grid.to_lps((0, 0, 0)), (-100, -80, -10), atol=1e-4)
    if ending in ("nrrd", "mha"):
        with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
            archive.write(tmp_path / f"a.{ending}", f"x/a.{ending}")
        np.testing.assert_array_equal(read_volume(tmp_path / "a.zip").hu, hu)


def test_scaled_and_fractional_values_are_rounded(tmp_path: Path) -> None:
    hu = make_hu(SHAPE)
    volume = read_volume(write_nifti(tmp_path / "a.nii", hu.astype(np.float64) + 0.3))
    np.testing.assert_array_equal(volume.hu, hu)
    stored = (hu + 1024).astype(np.uint16)
    path = write_nifti(tmp_path / "b.nii", stored)
    data = bytearray(path.read_bytes())
    data[112:120] = np.array([1, -1024], "<f4").tobytes()
    path.write_bytes(data)
    np.testing.assert_array_equal(read_volume(path).hu, hu)


def test_nan_becomes_air_is_said_and_stays_known(tmp_path: Path) -> None:
    values = make_hu(SHAPE).astype(np.float32)
    values[:, :, :4] = np.nan
    values[3, 8, 10] = np.inf
    volume = read_volume(write_nifti(tmp_path / "a.nii", values))
    assert volume.invalid is not None
    np.testing.assert_array_equal(volume.invalid, ~np.isfinite(values))
    assert (volume.hu[volume.invalid] == AIR_HU).all()
    np.testing.assert_array_equal(volume.hu[~volume.invalid], values[~volume.invalid])
    assert any("NaN" in warning for warning in volume.warnings)
    part = volume.cropped(Box((3, 8, 10), (4, 9, 11)))
    assert part.invalid is not None
    assert part.invalid.all()
    assert read_volume(write_nifti(tmp_path / "b.nii", make_hu(SHAPE).astype(np.float32))).invalid is None


def test_four_dimensions_with_one_volume_are_read_and_with_several_refused(tmp_path: Path) -> None:
    hu = make_hu(SHAPE)
    np.testing.assert_array_equal(read_volume(write_nifti(tmp_path / "a.nii", hu[None])).hu, hu)
    assert "2 volumes" in refused(UnreadableFileError, write_nifti(tmp_path / "b.nii", np.stack([hu, hu])))


@pytest.mark.parametrize("share", [0.3, 0.95])
@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "a.nrrd", "a.mha"])
def test_a_truncated_file_is_refused_by_name(tmp_path: Path, name: str, share: float) -> None:
    hu = make_hu((20, 40, 40))
    path = tmp_path / name
    if "nii" in name:
        write_nifti(path, hu)
    else:
        SimpleITK.WriteImage(SimpleITK.GetImageFromArray(hu), path, True)
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    assert name in refused(UnreadableFileError, path)


@pytest.mark.parametrize(
    "values",
    [
        np.arange(1920).reshape(SHAPE) % 256,
        np.arange(1920).reshape(SHAPE),
        np.arange(1920).reshape(SHAPE) % 2,
    ],
)
def test_what_cannot_be_hounsfield_units_is_refused(tmp_path: Path, values: Any) -> None:
    path = write_nifti(tmp_path / "a.nii", values.astype(np.int16))
    assert "not Hounsfield units" in refused(UnsupportedModalityError, path)


def test_a_nifti_without_a_form_keeps_its_spacing_and_says_what_is_missing(tmp_path: Path) -> None:
    hu = make_hu(SHAPE)
    path = write_nifti(tmp_path / "a.nii", hu)
    data = bytearray(path.read_bytes())
    data[252:256] = b"\0\0\0\0"  # qform_code, sform_code
    path.write_bytes(data)
    volume = read_volume(path)
    np.testing.assert_allclose(volume.grid.spacing_mm, (2.5, 0.8, 0.7), rtol=1e-6)
    assert any("no orientation" in warning for warning in volume.warnings)
    data[80:92] = np.ones(3, "<f4").tobytes()
    path.write_bytes(data)
    refused(GeometryError, path)


def test_zero_spacing_and_sheared_axes_are_refused(tmp_path: Path) -> None:
    flat = AFFINE.copy()
    flat[2, 2] = 0
    sheared = AFFINE.copy()
    sheared[1, 2] = 0.8
    for n, affine in enumerate((flat, sheared)):
        image = nibabel.Nifti1Image(make_hu(SHAPE).T, None)
        image.header.set_sform(affine, 1)
        nibabel.save(image, tmp_path / f"{n}.nii")
        data = bytearray((tmp_path / f"{n}.nii").read_bytes())
        data[280:328] = affine[:3].astype("<f4").tobytes()
        data[252:256] = np.array([0, 1], "<i2").tobytes()
        (tmp_path / f"{n}.nii").write_bytes(data)
        refused(GeometryError, tmp_path / f"{n}.nii")


def test_a_small_file_that_unpacks_to_much_is_refused_or_read_only_as_far_as_announced(
    tmp_path: Path,
) -> None:
    hu = make_hu(SHAPE)
    whole = write_nifti(tmp_path / "a.nii", hu).read_bytes()
    path = tmp_path / "b.nii.gz"
    path.write_bytes(gzip.compress(whole + bytes(1 << 26)))
    tracemalloc.start()
    np.testing.assert_array_equal(read_volume(path).hu, hu)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 23
    header = bytearray(whole)
    header[42:48] = np.array([32000, 32000, 32000], "<i2").tobytes()
    path.write_bytes(gzip.compress(bytes(header) + bytes(1 << 20)))
    assert "GiB" in refused(UnreadableFileError, path)
