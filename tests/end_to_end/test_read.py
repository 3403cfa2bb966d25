"""The main job, end to end, on a phantom whose answers are known."""

import hashlib
import json
import shutil
import stat
from pathlib import Path
from typing import Any

import jsonschema
import nibabel as nib
import numpy as np
import pytest
from tests.end_to_end.conftest import ReadPhantom, load_document

import hepalith as product

FILES = {
    "reading.json",
    "report.html",
    "patient.html",
    "liver.nii.gz",
    "foci.nii.gz",
    "segments.nii.gz",
    "ducts.nii.gz",
    "hosts.nii.gz",
    "liver_box.nii.gz",
    "source.json",
    "run.json",
}


def digests(folder: Path) -> dict[str, str]:
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.iterdir()}


def test_the_reading_folder_holds_what_the_contract_says(read_phantom: ReadPhantom) -> None:
    assert {p.name for p in read_phantom.folder.iterdir()} == FILES
    assert stat.S_IMODE((read_phantom.folder / "source.json").stat().st_mode) == 0o600


def test_the_reading_follows_its_schema(read_phantom: ReadPhantom) -> None:
    jsonschema.validate(read_phantom.document, product.reading_schema())


def test_what_could_not_be_judged_of_a_focus_says_why(read_phantom: ReadPhantom) -> None:
    assert len(read_phantom.document["foci"]) > 3
    for focus in read_phantom.document["foci"]:
        for name, key in (("duct", "relation"), ("host", "kind"), ("shadow", "grade")):
            assert focus[name][key] != "not_assessable" or focus[name]["reason"], (focus["id"], name)


def test_every_calcification_of_the_phantom_is_found_and_no_other(read_phantom: ReadPhantom) -> None:
    wanted = read_phantom.truth["foci"]
    found = [f for f in read_phantom.document["foci"] if f["label"] == "calcification"]
    near = np.linalg.norm(
        np.array([t["centre_lps_mm"] for t in wanted])[:, None] - [f["centroid_lps_mm"] for f in found],
        axis=2,
    )
    assert near.min(axis=1).max() < 3.0
    assert near.min(axis=0).max() < 3.0


def test_the_clip_and_the_rib_are_named_not_counted(read_phantom: ReadPhantom) -> None:
    near = {
        mimic["kind"]: {
            f["label"]
            for f in read_phantom.document["foci"]
            if np.linalg.norm(np.subtract(f["centroid_lps_mm"], mimic["centre_lps_mm"])) < 10.0
        }
        for mimic in read_phantom.truth["mimics"]
    }
    assert near["clip_or_coil"] == {"clip_or_coil"}
    assert near["bone_or_cartilage"] <= {"bone_or_cartilage"}


def test_maps_lie_on_the_source_grid_and_labels_are_ids(read_phantom: ReadPhantom) -> None:
    foci = nib.load(read_phantom.folder / "foci.nii.gz")
    liver = nib.load(read_phantom.folder / "liver.nii.gz")
    shape = tuple(reversed(read_phantom.document["images"][0]["shape"]))
    assert foci.shape == liver.shape == shape
    labels = np.unique(np.asarray(foci.dataobj))
    assert set(labels.tolist()) - {0} == {f["id"] for f in read_phantom.document["foci"]}
    box = nib.load(read_phantom.folder / "liver_box.nii.gz")
    assert box.get_data_dtype() == np.int16
    offset = np.linalg.inv(liver.affine) @ box.affine[:, 3]
    assert np.abs(offset - np.round(offset)).max() < 1e-3


def test_python_gives_the_same_reading_as_the_command(read_phantom: ReadPhantom, tmp_path: Path) -> None:
    reading = product.read(read_phantom.study / "dicom", out=tmp_path / "again")
    assert reading.is_answerable
    again, first = digests(tmp_path / "again"), digests(read_phantom.folder)
    assert {k for k in first if first[k] != again[k]} <= {"run.json"}


def test_a_zip_of_the_folder_gives_the_same_foci(
    hepalith: Any, read_phantom: ReadPhantom, tmp_path: Path
) -> None:
    archive = shutil.make_archive(str(tmp_path / "study"), "zip", read_phantom.study / "dicom")
    assert hepalith("read", archive, "--out", tmp_path / "out").status == 0
    assert load_document(tmp_path / "out")["foci"] == read_phantom.document["foci"]


def test_no_identity_enters_the_reading_or_the_report(read_phantom: ReadPhantom) -> None:
    source = (read_phantom.folder / "source.json").read_text(encoding="utf-8")
    assert "PHANTOM" in source
    for name in ("reading.json", "report.html"):
        assert "PHANTOM^" not in (read_phantom.folder / name).read_text(encoding="utf-8")


def test_deidentified_output_has_no_source_and_no_source_uid(
    hepalith: Any, read_phantom: ReadPhantom, tmp_path: Path
) -> None:
    assert (
        hepalith("read", read_phantom.study / "dicom", "--out", tmp_path / "out", "--deidentify").status == 0
    )
    assert not (tmp_path / "out" / "source.json").exists()
    said = (tmp_path / "out" / "reading.json").read_text(encoding="utf-8")
    assert read_phantom.document["study"]["uid"] not in said


def test_the_report_is_one_file_that_fetches_nothing(read_phantom: ReadPhantom) -> None:
    page = (read_phantom.folder / "report.html").read_text(encoding="utf-8")
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert 'src="http' not in page
    assert "<script" not in page
    assert read_phantom.document["notice"] in page


def test_a_chinese_report_is_chinese(hepalith: Any, read_phantom: ReadPhantom, tmp_path: Path) -> None:
    ended = hepalith("read", read_phantom.study / "dicom", "--out", tmp_path / "zh", "--language", "zh")
    assert ended.status == 0
    assert "钙化" in ended.out
    assert '<html lang="zh' in (tmp_path / "zh" / "report.html").read_text(encoding="utf-8")


def test_loading_a_reading_gives_the_same_document(read_phantom: ReadPhantom) -> None:
    assert product.load_reading(read_phantom.folder).document.model_dump(mode="json") is not None
    text = (read_phantom.folder / "reading.json").read_text(encoding="utf-8")
    assert json.loads(text) == read_phantom.document


def test_floats_are_finite_with_six_digits(read_phantom: ReadPhantom) -> None:
    def check(value: object) -> None:
        if isinstance(value, float):
            assert value == float(f"{value:.6g}")
        elif isinstance(value, dict):
            [check(v) for v in value.values()]
        elif isinstance(value, list):
            [check(v) for v in value]

    check({k: v for k, v in read_phantom.document.items() if k != "differential"})


@pytest.mark.parametrize("name", product.__all__)
def test_every_public_name_loads(name: str) -> None:
    assert getattr(product, name) is not None
