"""Every shared CT ends as its row in the data's README implies."""

from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from tests.end_to_end.conftest import load_document

pytestmark = pytest.mark.real


@pytest.mark.parametrize(
    ("scan", "status"),
    [
        ("totalseg/ct.nii.gz", 0),
        ("stent", 0),
        ("partial", 0),
        ("dome", 0),
        ("liver_seg_3slice/ct", 0),
        ("qrm_phantom/dicom", 4),
        ("two_patients", 3),
        ("us_liver", 3),
        ("dicom_us", 3),
    ],
)
def test_exit_status_of_each_scan(
    scan: str, status: int, shared_data: Path, hepalith: Any, tmp_path: Path
) -> None:
    ended = hepalith("read", shared_data / scan, "--out", tmp_path / "out")
    assert ended.status == status, ended.err
    assert (tmp_path / "out" / "reading.json").exists() == (status in {0, 4})
    if status:
        assert len(ended.err.splitlines()) == 1
    else:
        assert ended.err == ""


def test_totalseg_has_no_calcification_in_its_liver(shared_data: Path, hepalith: Any, tmp_path: Path) -> None:
    assert hepalith("read", shared_data / "totalseg/ct.nii.gz", "--out", tmp_path / "out").status == 0
    document = load_document(tmp_path / "out")
    assert [f for f in document["foci"] if f["label"] == "calcification"] == []
    truth = np.asarray(nib.load(shared_data / "totalseg/organs/liver.nii.gz").dataobj) > 0
    liver = np.asarray(nib.load(tmp_path / "out/liver.nii.gz").dataobj) > 0
    assert 2 * (truth & liver).sum() / (truth.sum() + liver.sum()) >= 0.92


@pytest.mark.parametrize(("organ", "peak"), [("kidney_left", 980), ("kidney_right", 704), ("aorta", 713)])
def test_bright_things_of_totalseg_are_found_in_the_mask_given(
    organ: str, peak: int, shared_data: Path, hepalith: Any, tmp_path: Path
) -> None:
    path = shared_data / f"totalseg/organs/{organ}.nii.gz"
    ended = hepalith("read", shared_data / "totalseg/ct.nii.gz", "--liver", path, "--out", tmp_path / "out")
    assert ended.status == 0
    hu = np.asarray(nib.load(shared_data / "totalseg/ct.nii.gz").dataobj)
    inside = np.where(np.asarray(nib.load(path).dataobj) > 0, hu, -2000)
    brightest = np.unravel_index(int(inside.argmax()), inside.shape)
    assert hu[brightest] == peak
    label = int(np.asarray(nib.load(tmp_path / "out/foci.nii.gz").dataobj)[brightest])
    (focus,) = [f for f in load_document(tmp_path / "out")["foci"] if f["id"] == label]
    assert focus["label"] == "calcification"
    assert focus["peak_hu"]["value"] >= peak
    assert focus["integrated_excess"]["low"] > 0
