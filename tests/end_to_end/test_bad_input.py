"""Bad input: one clear line, the contract's exit status, nothing half written."""

import os
import shutil
import subprocess
import time
import zipfile
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pydicom
import pytest
from tests.end_to_end.conftest import ReadPhantom, load_document

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


def refuse(hepalith: Any, status: int, out: Path, *words: object) -> str:
    """Run `read`, expect that status, one line and no output; return the line."""
    ended = hepalith("read", *words, "--out", out)
    assert ended.status == status, ended.err
    assert not out.exists()
    assert [p for p in out.parent.iterdir() if p.name.startswith(".")] == []
    line: str = ended.line
    return line


@pytest.fixture
def out(tmp_path: Path) -> Path:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    return folder / "out"


def save_nifti(path: Path, hu: np.ndarray, affine: np.ndarray | None = None) -> Path:
    nib.save(nib.Nifti1Image(hu, np.diag([3.0, 3.0, 3.0, 1.0]) if affine is None else affine), path)
    return path


@pytest.fixture(scope="module")
def phantom_nifti(read_phantom: ReadPhantom, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The phantom as floating-point NIfTI, to spoil."""
    files = sorted((read_phantom.study / "dicom").iterdir())
    slices = sorted((pydicom.dcmread(f) for f in files), key=lambda d: d.ImagePositionPatient[2])
    hu = np.stack([d.pixel_array * d.RescaleSlope + d.RescaleIntercept for d in slices], axis=-1)
    row, column = slices[0].PixelSpacing
    affine = np.eye(4)
    affine[:3, 0] = [0, row, 0]
    affine[:3, 1] = [column, 0, 0]
    affine[2, 2] = slices[1].ImagePositionPatient[2] - slices[0].ImagePositionPatient[2]
    affine[:3, 3] = slices[0].ImagePositionPatient
    return save_nifti(
        tmp_path_factory.mktemp("nifti") / "ct.nii.gz", hu.astype(np.float32), LPS_TO_RAS @ affine
    )


def test_an_empty_folder_is_refused(hepalith: Any, tmp_path: Path, out: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert "empty" in refuse(hepalith, 3, out, tmp_path / "empty")


def test_a_path_that_is_not_there_is_refused(hepalith: Any, tmp_path: Path, out: Path) -> None:
    assert "nowhere" in refuse(hepalith, 3, out, tmp_path / "nowhere")


def test_a_text_file_named_dcm_is_refused(hepalith: Any, tmp_path: Path, out: Path) -> None:
    (tmp_path / "note.dcm").write_text("this is no image\n" * 40, encoding="utf-8")
    refuse(hepalith, 3, out, tmp_path / "note.dcm")


def test_truncated_dicom_is_refused(
    hepalith: Any, read_phantom: ReadPhantom, tmp_path: Path, out: Path
) -> None:
    study = shutil.copytree(read_phantom.study / "dicom", tmp_path / "study")
    victim = sorted(study.iterdir())[10]
    victim.write_bytes(victim.read_bytes()[:-5000])
    assert victim.name in refuse(hepalith, 3, out, study)


def test_truncated_nifti_is_refused(hepalith: Any, phantom_nifti: Path, tmp_path: Path, out: Path) -> None:
    cut = tmp_path / "cut.nii.gz"
    cut.write_bytes(phantom_nifti.read_bytes()[:-20000])
    assert "cut.nii.gz" in refuse(hepalith, 3, out, cut)


def test_a_zip_bomb_is_refused(hepalith: Any, tmp_path: Path, out: Path) -> None:
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for n in range(20):
            with archive.open(f"{n}.dcm", "w") as member:
                for _ in range(40):
                    member.write(bytes(1 << 22))
    start = time.monotonic()
    assert "bomb.zip" in refuse(hepalith, 3, out, tmp_path / "bomb.zip")
    assert time.monotonic() - start < 20


def test_a_zip_that_climbs_out_writes_nothing_outside(hepalith: Any, tmp_path: Path, out: Path) -> None:
    with zipfile.ZipFile(tmp_path / "slip.zip", "w") as archive:
        archive.writestr("../../escaped.dcm", b"0" * 200)
    refuse(hepalith, 3, out, tmp_path / "slip.zip")
    assert not list(tmp_path.parent.glob("**/escaped.dcm"))


def test_mri_is_refused(hepalith: Any, read_phantom: ReadPhantom, tmp_path: Path, out: Path) -> None:
    study = shutil.copytree(read_phantom.study / "dicom", tmp_path / "study")
    for path in study.iterdir():
        header = pydicom.dcmread(path)
        header.Modality = "MR"
        header.SOPClassUID = header.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.4"
        header.save_as(path)
    assert "MR" in refuse(hepalith, 3, out, study)


def test_stored_values_whose_header_says_nothing_are_no_hounsfield_units(
    hepalith: Any, read_phantom: ReadPhantom, tmp_path: Path, out: Path
) -> None:
    study = shutil.copytree(read_phantom.study / "dicom", tmp_path / "study")
    for path in study.iterdir():
        header = pydicom.dcmread(path)
        stored = np.clip(header.pixel_array * header.RescaleSlope + header.RescaleIntercept + 1024, 0, None)
        header.PixelData = stored.astype(np.int16).tobytes()
        header.PixelRepresentation = 1
        del header.RescaleSlope, header.RescaleIntercept
        header.save_as(path)
    assert "how values become HU" in refuse(hepalith, 3, out, study)


def test_chest_only_is_read_and_not_answerable(
    hepalith: Any, phantom_nifti: Path, read_phantom: ReadPhantom, tmp_path: Path
) -> None:
    scan = nib.as_closest_canonical(nib.load(phantom_nifti))
    liver = nib.as_closest_canonical(nib.load(read_phantom.study / "liver.nii.gz"))
    top = int(np.nonzero(np.asarray(liver.dataobj).any(axis=(0, 1)))[0].max())
    chest = scan.slicer[:, :, top + 1 :]
    assert chest.shape[2] >= 5
    nib.save(chest, tmp_path / "chest.nii.gz")
    ended = hepalith("read", tmp_path / "chest.nii.gz", "--out", tmp_path / "out")
    assert ended.status == 4
    assert "liver" in ended.line
    assert load_document(tmp_path / "out")["foci"] == []


@pytest.mark.real
def test_two_patients_are_refused_and_both_listed(hepalith: Any, shared_data: Path, out: Path) -> None:
    line = refuse(hepalith, 3, out, shared_data / "two_patients")
    studies = {
        str(pydicom.dcmread(p, stop_before_pixels=True).StudyInstanceUID)
        for p in (shared_data / "two_patients").glob("*.dcm")
    }
    assert len(studies) == 2
    assert all(uid in line for uid in studies)


def test_nan_outside_the_body_is_air_with_a_warning(
    hepalith: Any, phantom_nifti: Path, tmp_path: Path
) -> None:
    scan = nib.load(phantom_nifti)
    hu = np.asarray(scan.dataobj).astype(np.float32)
    hu[:6, :6] = np.nan
    spoiled = save_nifti(tmp_path / "nan.nii.gz", hu, scan.affine)
    assert hepalith("read", spoiled, "--out", tmp_path / "out").status == 0
    assert any("NaN" in w for w in load_document(tmp_path / "out")["images"][0]["warnings"])


def test_nan_in_the_liver_is_refused(
    hepalith: Any, phantom_nifti: Path, read_phantom: ReadPhantom, tmp_path: Path, out: Path
) -> None:
    scan = nib.load(phantom_nifti)
    hu = np.asarray(scan.dataobj).astype(np.float32)
    focus = next(f for f in read_phantom.truth["foci"] if f["kind"] == "punctate")
    index = np.linalg.inv(scan.affine) @ LPS_TO_RAS @ [*focus["centre_lps_mm"], 1.0]
    x, y, z = np.round(index[:3]).astype(int)
    hu[x - 2 : x + 3, y - 2 : y + 3, z] = np.nan
    assert "NaN" in refuse(hepalith, 3, out, save_nifti(tmp_path / "nan.nii.gz", hu, scan.affine))


@pytest.mark.parametrize("value", [np.nan, -1024.0, 0.0], ids=["no number", "air", "water"])
def test_a_slice_lost_within_the_liver_is_refused(
    hepalith: Any, phantom_nifti: Path, read_phantom: ReadPhantom, out: Path, value: float
) -> None:
    """The liver that is found ends there: the rest was left out without a word, and called whole."""
    scan = nib.load(phantom_nifti)
    liver = np.asarray(nib.load(read_phantom.study / "liver.nii.gz").dataobj)
    hu = np.asarray(scan.dataobj).astype(np.float32)
    middle = int(np.argmax(np.count_nonzero(liver, axis=(0, 1))))
    hu[:, :, middle] = value
    line = refuse(hepalith, 3, out, save_nifti(out.parent / "lost.nii.gz", hu, scan.affine))
    assert "lost.nii.gz: one slice holds nothing" in line


def test_no_numbers_where_the_liver_ends_are_refused(
    hepalith: Any, phantom_nifti: Path, read_phantom: ReadPhantom, tmp_path: Path, out: Path
) -> None:
    scan = nib.load(phantom_nifti)
    liver = np.asarray(nib.load(read_phantom.study / "liver.nii.gz").dataobj) > 0
    hu = np.asarray(scan.dataobj).astype(np.float32)
    middle = int(np.argmax(np.count_nonzero(liver, axis=(0, 1))))
    hu[:, : hu.shape[1] // 2, middle - 2 : middle + 3] = np.nan
    assert "NaN" in refuse(hepalith, 3, out, save_nifti(tmp_path / "nan.nii.gz", hu, scan.affine))


@pytest.mark.parametrize("factor", [0.001, 0.01, 100.0, 1000.0])
def test_a_slip_of_the_unit_is_refused_before_it_fills_the_memory(
    hepalith: Any, phantom_nifti: Path, tmp_path: Path, out: Path, factor: float
) -> None:
    scan = nib.load(phantom_nifti)
    affine = scan.affine.copy()
    affine[:3] *= factor
    slipped = save_nifti(tmp_path / "slipped.nii.gz", np.asarray(scan.dataobj), affine)
    assert "are no CT of a body" in refuse(hepalith, 3, out, slipped)


def test_zero_spacing_is_refused(hepalith: Any, tmp_path: Path, out: Path) -> None:
    image = nib.Nifti1Image(np.zeros((20, 20, 20), np.int16), np.diag([2.0, 2.0, 2.0, 1.0]))
    image.set_sform(np.diag([2.0, 2.0, 0.0, 1.0]), code=1)
    image.set_qform(None, code=0)
    nib.save(image, tmp_path / "flat.nii.gz")
    refuse(hepalith, 3, out, tmp_path / "flat.nii.gz")


class TestMasks:
    """Masks that do not fit."""

    def test_an_empty_mask_is_refused(
        self, hepalith: Any, phantom_nifti: Path, tmp_path: Path, out: Path
    ) -> None:
        scan = nib.load(phantom_nifti)
        mask = save_nifti(tmp_path / "mask.nii.gz", np.zeros(scan.shape, np.uint8), scan.affine)
        assert "mask.nii.gz" in refuse(hepalith, 3, out, phantom_nifti, "--liver", mask)

    def test_a_mask_outside_the_image_is_refused(
        self, hepalith: Any, phantom_nifti: Path, tmp_path: Path, out: Path
    ) -> None:
        scan = nib.load(phantom_nifti)
        affine = scan.affine.copy()
        affine[:3, 3] += 5000
        mask = save_nifti(tmp_path / "mask.nii.gz", np.ones((30, 30, 30), np.uint8), affine)
        assert "outside" in refuse(hepalith, 3, out, phantom_nifti, "--liver", mask)

    def test_a_mask_without_geometry_and_of_another_shape_is_refused(
        self, hepalith: Any, phantom_nifti: Path, tmp_path: Path, out: Path
    ) -> None:
        image = nib.Nifti1Image(np.ones((30, 30, 30), np.uint8), None)
        image.header.set_sform(None, code=0)
        image.header.set_qform(None, code=0)
        nib.save(image, tmp_path / "mask.nii.gz")
        refuse(hepalith, 3, out, phantom_nifti, "--liver", tmp_path / "mask.nii.gz")

    def test_a_mask_on_another_grid_is_resampled(
        self, hepalith: Any, phantom_nifti: Path, read_phantom: ReadPhantom, tmp_path: Path
    ) -> None:
        whole = nib.load(read_phantom.folder / "liver.nii.gz")
        coarse = whole.slicer[::2, ::2, ::1]
        nib.save(coarse, tmp_path / "mask.nii.gz")
        ended = hepalith(
            "read", phantom_nifti, "--liver", tmp_path / "mask.nii.gz", "--out", tmp_path / "out"
        )
        assert ended.status == 0
        given = load_document(tmp_path / "out")["liver"]
        assert given["source"] == "given"
        assert given["volume"]["value"] == pytest.approx(
            read_phantom.document["liver"]["volume"]["value"], rel=0.05
        )

    def test_a_label_that_is_not_there_is_refused_with_those_that_are(
        self, hepalith: Any, phantom_nifti: Path, read_phantom: ReadPhantom, out: Path
    ) -> None:
        mask = read_phantom.folder / "liver.nii.gz"
        line = refuse(hepalith, 3, out, phantom_nifti, "--liver", mask, "--liver-label", 7)
        assert "7" in line


class TestOutput:
    """Output folders that cannot be written."""

    def test_an_output_folder_in_use_is_refused_and_kept(
        self, hepalith: Any, read_phantom: ReadPhantom, tmp_path: Path
    ) -> None:
        (tmp_path / "mine").mkdir()
        (tmp_path / "mine" / "thesis.txt").write_text("years of work", encoding="utf-8")
        ended = hepalith("read", read_phantom.study / "dicom", "--out", tmp_path / "mine")
        assert ended.status == 5
        assert "--overwrite" in ended.line
        assert [p.name for p in (tmp_path / "mine").iterdir()] == ["thesis.txt"]

    def test_overwriting_never_deletes_a_folder_that_is_no_reading(
        self, hepalith: Any, read_phantom: ReadPhantom, tmp_path: Path
    ) -> None:
        (tmp_path / "mine").mkdir()
        (tmp_path / "mine" / "thesis.txt").write_text("years of work", encoding="utf-8")
        hepalith("read", read_phantom.study / "dicom", "--out", tmp_path / "mine", "--overwrite")
        assert (tmp_path / "mine" / "thesis.txt").read_text(encoding="utf-8") == "years of work"

    def test_overwriting_replaces_an_earlier_reading(
        self, hepalith: Any, read_phantom: ReadPhantom, tmp_path: Path
    ) -> None:
        shutil.copytree(read_phantom.folder, tmp_path / "out")
        (tmp_path / "out" / "report.html").write_text("an older report", encoding="utf-8")
        ended = hepalith("read", read_phantom.study / "dicom", "--out", tmp_path / "out", "--overwrite")
        assert ended.status == 0
        assert load_document(tmp_path / "out")["foci"] == read_phantom.document["foci"]
        assert (tmp_path / "out" / "report.html").stat().st_size > 10_000

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small file system")
    def test_a_full_disk_leaves_nothing(
        self, hepalith: Any, read_phantom: ReadPhantom, tmp_path: Path
    ) -> None:
        small = tmp_path / "small"
        small.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(small)]
        if subprocess.run(mount, check=False, capture_output=True).returncode:  # noqa: S603
            pytest.skip("this machine does not let us mount a small file system")
        try:
            ended = hepalith("read", read_phantom.study / "dicom", "--out", small / "out")
            assert ended.status == 5
            assert len(ended.err.splitlines()) == 1
            assert list(small.iterdir()) == []
        finally:
            subprocess.run(["umount", str(small)], check=True)  # noqa: S603, S607

    def test_a_write_that_fails_leaves_nothing(
        self, hepalith: Any, read_phantom: ReadPhantom, tmp_path: Path
    ) -> None:
        (tmp_path / "file").write_text("", encoding="utf-8")
        ended = hepalith("read", read_phantom.study / "dicom", "--out", tmp_path / "file" / "out")
        assert ended.status == 5
        assert len(ended.err.splitlines()) == 1


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("crowd")
    for n in range(10_000):
        (folder / f"{n:05}.{('txt', 'dcm', 'jpg', 'bin')[n % 4]}").write_bytes(b"no image %d " % n * 20)
    return folder


class TestTenThousandFiles:
    """A folder that holds everything but an image."""

    def test_none_of_them_an_image_is_refused_within_ten_seconds(
        self, hepalith: Any, crowd: Path, out: Path
    ) -> None:
        start = time.monotonic()
        refuse(hepalith, 3, out, crowd)
        assert time.monotonic() - start < 10

    def test_one_ct_among_them_is_read(
        self, hepalith: Any, crowd: Path, read_phantom: ReadPhantom, tmp_path: Path
    ) -> None:
        shutil.copytree(read_phantom.study / "dicom", crowd / "deep" / "inside")
        try:
            assert hepalith("read", crowd, "--out", tmp_path / "out").status == 0
        finally:
            shutil.rmtree(crowd / "deep")
        assert load_document(tmp_path / "out")["foci"] == read_phantom.document["foci"]
