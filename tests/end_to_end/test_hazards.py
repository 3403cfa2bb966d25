"""One test for each hazard of docs/intended-use.md."""

import itertools
import re
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pydicom
import pytest
from tests.end_to_end.conftest import ReadPhantom, load_document

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])

REASSURANCE = re.compile(
    r"good prognosis|nothing to worry|harmless|no cancer|certainly benign|definitely benign"
    r"|预后良好|完全无害|不用担心|(?<!不能)排除癌",
    re.IGNORECASE,
)


def every_text(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [t for v in value.values() for t in every_text(v)]
    if isinstance(value, list):
        return [t for v in value for t in every_text(v)]
    return []


def test_an_unenhanced_scan_never_says_that_there_is_no_mass(read_phantom: ReadPhantom) -> None:
    document = read_phantom.document
    assert document["images"][0]["phase"]["label"] == "none"
    assert document["foci"]
    assert {f["host"]["kind"] for f in document["foci"]} <= {
        "not_assessable",
        "solid",
        "fluid",
        "fat",
        "mixed",
    }
    hosts = [f for f in document["findings"] if f["subject"]["kind"] == "host"]
    absent = {f["id"] for f in hosts if f["state"] == "absent"}
    seen = any(f["id"] == "host_kind" and f["state"] == "present" for f in hosts)
    assert absent <= ({"fat_attenuation", "gas_in_lesion"} if seen else set())  # of a lesion that is seen


def test_a_reading_without_foci_states_what_it_could_have_missed(
    hepalith: Any, read_phantom: ReadPhantom, tmp_path: Path
) -> None:
    clean = tmp_path / "clean"
    clean.mkdir()
    foci = np.asarray(nib.load(read_phantom.folder / "foci.nii.gz").dataobj)  # (x, y, z)
    for path in sorted((read_phantom.study / "dicom").iterdir()):
        header = pydicom.dcmread(path)
        hu = header.pixel_array.copy()
        hu[hu > 90 - int(header.RescaleIntercept)] = 55 - int(header.RescaleIntercept)
        header.PixelData = hu.tobytes()
        header.save_as(clean / path.name)
    assert foci.any()
    ended = hepalith(
        "read", clean, "--liver", read_phantom.folder / "liver.nii.gz", "--out", tmp_path / "out"
    )
    assert ended.status == 0
    document = load_document(tmp_path / "out")
    assert [f for f in document["foci"] if f["label"] == "calcification"] == []
    smallest = document["detectability"]["smallest_focus"]["value"]
    assert 0.3 < smallest < 10
    assert f"{smallest:.1f}" in ended.out or f"{smallest:.2g}" in ended.out


def test_no_text_reassures_beyond_the_scan(read_phantom: ReadPhantom) -> None:
    texts = every_text(read_phantom.document)
    texts.append((read_phantom.folder / "report.html").read_text(encoding="utf-8"))
    assert [m.group() for t in texts for m in REASSURANCE.finditer(t)] == []


def test_no_liver_is_never_a_normal_liver(hepalith: Any, tmp_path: Path) -> None:
    cube = np.full((60, 60, 60), -1000, np.int16)
    cube[10:50, 10:50] = 20
    nib.save(nib.Nifti1Image(cube, np.diag([4.0, 4.0, 4.0, 1.0])), tmp_path / "cube.nii.gz")
    ended = hepalith("read", tmp_path / "cube.nii.gz", "--out", tmp_path / "out")
    assert ended.status == 4
    document = load_document(tmp_path / "out")
    assert document["differential"] == []
    states = {f["state"] for f in document["findings"] if f["source"] == "ct"}
    assert states <= {"unknown", "not_assessable"}


def test_any_stored_order_gives_the_same_side(
    hepalith: Any, read_phantom: ReadPhantom, tmp_path: Path
) -> None:
    files = [pydicom.dcmread(p) for p in (read_phantom.study / "dicom").iterdir()]
    files.sort(key=lambda d: d.ImagePositionPatient[2])
    hu = np.stack([d.pixel_array * d.RescaleSlope + d.RescaleIntercept for d in files]).astype(np.int16)
    row, column = files[0].PixelSpacing
    step = files[1].ImagePositionPatient[2] - files[0].ImagePositionPatient[2]
    affine = np.eye(4)
    affine[:3, :3] = np.diag([column, row, step])
    affine[:3, 3] = files[0].ImagePositionPatient
    image = nib.Nifti1Image(hu.transpose(2, 1, 0), LPS_TO_RAS @ affine)
    wanted = [(f["label"], f["location"]["lobe"]) for f in read_phantom.document["foci"]]
    places = np.array([f["centroid_lps_mm"] for f in read_phantom.document["foci"]])
    orders = list(itertools.permutations(range(3)))
    for n, order in enumerate(orders[1:4]):
        flips = [1 - 2 * ((n + axis) % 2) for axis in range(3)]
        ornt = np.array([[axis, flip] for axis, flip in zip(order, flips, strict=True)])
        nib.save(image.as_reoriented(ornt), tmp_path / f"{n}.nii.gz")
        assert hepalith("read", tmp_path / f"{n}.nii.gz", "--out", tmp_path / f"out{n}").status == 0
        foci = load_document(tmp_path / f"out{n}")["foci"]
        assert [(f["label"], f["location"]["lobe"]) for f in foci] == wanted
        assert np.abs(np.array([f["centroid_lps_mm"] for f in foci]) - places).max() < 0.1


@pytest.mark.parametrize("dated", [True, False])
def test_dates_count_from_the_examination_never_from_today(
    dated: bool, hepalith: Any, read_phantom: ReadPhantom, tmp_path: Path
) -> None:
    study = tmp_path / "study"
    study.mkdir()
    for path in (read_phantom.study / "dicom").iterdir():
        header = pydicom.dcmread(path)
        for name in ("StudyDate", "SeriesDate", "AcquisitionDate", "ContentDate"):
            setattr(header, name, "20150302" if dated else "")
        header.save_as(study / path.name)
    words = [
        "--policy",
        "article",
        "--liver",
        read_phantom.folder / "liver.nii.gz",
        "--out",
        tmp_path / "out",
    ]
    assert hepalith("read", study, *words).status == 0
    plan = load_document(tmp_path / "out")["plan"]
    dues = [step["due"] for step in plan if step["after"]]
    assert dues
    if dated:
        assert all("2015" <= due["from"][:4] <= "2018" for due in dues)
    else:
        assert all(due is None for due in dues)


def test_mass_is_given_only_with_a_calibration(
    hepalith: Any, read_phantom: ReadPhantom, tmp_path: Path
) -> None:
    assert all("not_assessable" in f["mass"] for f in read_phantom.document["foci"])
    words = [
        "--liver",
        read_phantom.folder / "liver.nii.gz",
        "--hu-per-mg-ml",
        1.25,
        "--out",
        tmp_path / "out",
    ]
    assert hepalith("read", read_phantom.study / "dicom", *words).status == 0
    for focus in load_document(tmp_path / "out")["foci"]:
        if focus["label"] == "calcification":
            assert focus["mass"]["unit"] == "mg"
            assert focus["mass"]["value"] == pytest.approx(
                focus["integrated_excess"]["value"] / 1.25 / 1000, rel=1e-4
            )
