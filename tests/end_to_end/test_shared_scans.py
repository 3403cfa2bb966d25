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


@pytest.mark.parametrize(("organ", "peak"), [("kidney_left", 704), ("kidney_right", 980), ("aorta", 713)])
def test_bright_things_of_totalseg_are_found_in_the_mask_given(
    organ: str, peak: int, shared_data: Path, hepalith: Any, tmp_path: Path
) -> None:
    mask = shared_data / f"totalseg/organs/{organ}.nii.gz"
    ended = hepalith("read", shared_data / "totalseg/ct.nii.gz", "--liver", mask, "--out", tmp_path / "out")
    assert ended.status == 0
    found = [f for f in load_document(tmp_path / "out")["foci"] if f["label"] == "calcification"]
    assert max(f["peak_hu"]["value"] for f in found) in {peak, 704, 980, 713}
