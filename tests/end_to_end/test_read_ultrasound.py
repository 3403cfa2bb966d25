"""Ultrasound, end to end: stills, loops and CT beside it; every exit status; no name in any output."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import nibabel as nib
import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from PIL import Image
from tests.end_to_end.conftest import load_document
from tests.end_to_end.made_sonograms import (
    NAME,
    NORMAL,
    SIMPLE,
    STONES,
    burn,
    phantom,
    save_dicom,
    save_png,
    scale_mm,
)

import hepalith as product
from hepalith.cli import main
from hepalith.phantom.ultrasound.make import SonoPhantom
from hepalith.report import write_folder
from hepalith.report.html import render_html

COUNTED = {"calcification", "echogenic_focus"}


@dataclass(frozen=True)
class ReadSonogram:
    made: SonoPhantom
    source: Path
    folder: Path
    document: dict[str, Any]


def read_into(source: Path, folder: Path, *words: object) -> dict[str, Any]:
    assert main(["read", str(source), "--out", str(folder), *map(str, words)]) == 0
    return load_document(folder)


@pytest.fixture(scope="session")
def stones(tmp_path_factory: pytest.TempPathFactory) -> ReadSonogram:
    folder = tmp_path_factory.mktemp("stones")
    made = phantom(STONES)
    source = save_dicom(made, folder / "us.dcm")
    return ReadSonogram(made, source, folder / "out", read_into(source, folder / "out"))


@pytest.fixture(scope="session")
def loop(tmp_path_factory: pytest.TempPathFactory) -> ReadSonogram:
    folder = tmp_path_factory.mktemp("loop")
    made = phantom(SIMPLE, 3, 6)
    source = save_dicom(made, folder / "loop.dcm")
    return ReadSonogram(made, source, folder / "out", read_into(source, folder / "out"))


def digests(folder: Path) -> dict[str, str]:
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.iterdir()}


def counted(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [f for f in document["foci"] if f["label"] in COUNTED]


def test_the_folder_holds_what_the_contract_says(stones: ReadSonogram) -> None:
    assert {p.name for p in stones.folder.iterdir()} == {
        "reading.json",
        "report.html",
        "patient.html",
        "liver.nii.gz",
        "foci.nii.gz",
        "ducts.nii.gz",
        "hosts.nii.gz",
        "liver_box.nii.gz",
        "source.json",
        "run.json",
    }


def test_the_reading_follows_its_schema(stones: ReadSonogram, loop: ReadSonogram) -> None:
    for read in (stones, loop):
        jsonschema.validate(read.document, product.reading_schema())


def test_what_ultrasound_cannot_measure_says_why(stones: ReadSonogram) -> None:
    document = stones.document
    assert document["study"]["modalities"] == ["US"]
    assert document["foci"]
    for focus in document["foci"]:
        assert focus["modality"] == "US"
        assert focus["centroid_lps_mm"] is None
        for key in ("background_hu", "mean_hu", "peak_hu", "integrated_excess", "mass"):
            assert focus[key] == {"not_assessable": "ultrasound has no Hounsfield units"}
        assert "not_assessable" in focus["volume"]
        assert focus["observations"][0]["image"] == "us_1"
    assert "not_assessable" in document["liver"]["volume"]
    assert document["detectability"]["at_excess_hu"] == 0
    assert document["limits"]


def test_most_stones_of_the_phantom_are_found_where_they_are(stones: ReadSonogram) -> None:
    wanted = [f for f in stones.made.truth.foci if f.label in COUNTED]
    places = np.array([f["observations"][0]["centroid_px"] for f in counted(stones.document)])
    labels = stones.made.labels
    hit = 0
    for focus in wanted:
        rows, columns = np.nonzero(labels == focus.id)
        near = np.hypot(places[:, 0] - columns.mean(), places[:, 1] - rows.mean())
        hit += bool(near.min() < 12)
    assert hit >= len(wanted) - 1


def test_boxes_of_observations_are_pixels_of_the_stored_image(stones: ReadSonogram) -> None:
    rows, columns = stones.made.cine.shape_px
    for focus in stones.document["foci"]:
        for seen in focus["observations"]:
            x0, y0, x1, y1 = seen["bbox_px"]
            assert 0 <= x0 <= seen["centroid_px"][0] <= x1 < columns
            assert 0 <= y0 <= seen["centroid_px"][1] <= y1 < rows
            assert seen["depth_mm"] > 0


def test_maps_lie_on_the_screen_of_the_primary_image(stones: ReadSonogram) -> None:
    image = stones.document["images"][0]
    assert image["role"] == "primary"
    assert image["shape"] == list(stones.made.cine.grey.shape)
    assert image["spacing_mm"] == pytest.approx([scale_mm(stones.made)] * 2, rel=1e-3)
    foci = nib.load(stones.folder / "foci.nii.gz")
    assert foci.shape == tuple(reversed(image["shape"]))
    labels = np.asarray(foci.dataobj)
    assert set(np.unique(labels).tolist()) - {0} == {f["id"] for f in stones.document["foci"]}
    for focus in stones.document["foci"]:
        x0, y0, x1, y1 = (round(v) for v in focus["observations"][0]["bbox_px"])
        columns, rows, _ = np.nonzero(labels == focus["id"])
        assert columns.min() >= x0 - 3
        assert columns.max() <= x1 + 3
        assert rows.min() >= y0 - 3
        assert rows.max() <= y1 + 3


def test_the_box_is_the_key_picture_as_it_was_displayed(stones: ReadSonogram) -> None:
    box = nib.load(stones.folder / "liver_box.nii.gz")
    assert box.get_data_dtype() == np.int16
    grey = np.asarray(box.dataobj)[:, :, 0].T
    shown = grey > 0
    assert shown.mean() > 0.3
    assert (grey[shown] == stones.made.cine.grey[0][shown]).all()


def test_a_loop_is_one_reading_whose_key_frame_is_labelled(loop: ReadSonogram) -> None:
    image = loop.document["images"][0]
    assert image["shape"][0] == 6
    assert image["frame_time_ms"] == pytest.approx(50)
    labels = np.asarray(nib.load(loop.folder / "foci.nii.gz").dataobj)
    assert labels.shape[2] == 6
    (key,) = loop.document["key_pictures"]
    labelled = [n for n in range(6) if labels[:, :, n].any()]
    assert labelled in ([key["frame"]], [])
    assert not loop.document["foci"] or labelled


def test_the_article_has_two_pictures_of_four_points(stones: ReadSonogram) -> None:
    pictures = stones.document["article_pictures"]
    assert len(pictures) == 2
    for picture in pictures:
        assert len(picture["points"]) == 4
        for point in picture["points"]:
            assert point["state"] in {"present", "absent", "not_assessable", "unknown"}
            assert point["text_zh"] != point["text"]


def test_the_same_input_gives_the_same_bytes(stones: ReadSonogram, tmp_path: Path) -> None:
    product.read(stones.source, out=tmp_path / "again")
    first, again = digests(stones.folder), digests(tmp_path / "again")
    assert {name for name in first if first[name] != again[name]} <= {"run.json"}


def test_a_reading_read_back_gives_the_same_report(stones: ReadSonogram, loop: ReadSonogram) -> None:
    for read in (stones, loop):
        again = product.load_reading(read.folder)
        assert render_html(again) == (read.folder / "report.html").read_text(encoding="utf-8")


def test_the_report_shows_each_focus_its_beams_and_the_points(stones: ReadSonogram) -> None:
    page = (stones.folder / "report.html").read_text(encoding="utf-8")
    assert page.count("<img") >= 1 + 2 * len(counted(stones.document))
    assert "shadow-beams" in page
    assert 'class="behind"' in page
    assert "<script" not in page
    assert "What these pictures cannot tell" in page


@pytest.mark.parametrize("language", ["en", "zh"])
def test_both_pages_come_in_both_languages(language: str, stones: ReadSonogram, tmp_path: Path) -> None:
    read_into(stones.source, tmp_path / "out", "--language", language)
    report = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    patient = (tmp_path / "out" / "patient.html").read_text(encoding="utf-8")
    word = {"en": "ultrasound", "zh": "超声"}[language]
    assert word in report
    assert word in patient
    assert "CT scan: calcium" not in patient


def test_without_a_scale_no_size_is_given_and_with_one_it_is(tmp_path: Path) -> None:
    made = phantom(STONES)
    source = save_png(made, tmp_path / "still.png")
    unsized = read_into(source, tmp_path / "a")
    assert unsized["images"][0]["spacing_mm"] == []
    assert all("not_assessable" in f["diameter"] for f in unsized["foci"])
    assert all(f["observations"][0]["depth_mm"] is None for f in unsized["foci"])
    assert "mm deep" not in unsized["summary"]["radiology"]["en"]
    sized = read_into(source, tmp_path / "b", "--pixel-mm", f"{scale_mm(made):.4f}")
    assert any("value" in f["diameter"] for f in counted(sized))
    assert sized["provenance"]["settings"]["pixel_mm"] == pytest.approx(scale_mm(made), abs=1e-4)


def test_no_identity_enters_the_reading_or_the_pages(stones: ReadSonogram) -> None:
    assert "Secret" in (stones.folder / "source.json").read_text(encoding="utf-8")
    for name in ("reading.json", "report.html", "patient.html", "run.json"):
        assert "Secret" not in (stones.folder / name).read_text(encoding="utf-8")


def test_deidentified_output_names_no_source(stones: ReadSonogram, tmp_path: Path) -> None:
    header = pydicom.dcmread(stones.source, stop_before_pixels=True)
    source = tmp_path / f"{NAME}.dcm"
    shutil.copy(stones.source, source)
    document = read_into(source, tmp_path / "out", "--deidentify")
    assert not (tmp_path / "out" / "source.json").exists()
    assert document["study"]["date"] is None
    for path in (tmp_path / "out").glob("*.[jh]*"):
        text = path.read_text(encoding="utf-8")
        for secret in (NAME, header.StudyInstanceUID, header.SOPInstanceUID, header.SeriesInstanceUID):
            assert str(secret) not in text, path.name


def test_an_empty_liver_says_what_it_could_not_see(tmp_path: Path) -> None:
    source = save_dicom(phantom(NORMAL, 5), tmp_path / "us.dcm")
    document = read_into(source, tmp_path / "out")
    said = document["summary"]["radiology"]["en"]
    present = {f["id"] for f in document["findings"] if f["state"] == "absent"}
    assert "intrahepatic_calcification" not in present
    assert "planes" in said


def test_a_plain_focus_raises_no_alarm_of_a_lesion_that_nobody_saw(tmp_path: Path) -> None:
    source = save_dicom(phantom(SIMPLE, 8), tmp_path / "us.dcm")
    document = read_into(source, tmp_path / "out")
    (host,) = [f for f in document["findings"] if f["id"] == "host_kind"]
    assert host["value"] == {"choice": "none"}
    assert "alert_host" not in {alert["id"] for alert in document["alerts"]}


def test_several_files_are_one_reading_whose_pictures_are_kept(tmp_path: Path) -> None:
    made = [phantom(STONES), phantom(NORMAL, 5), phantom(SIMPLE, 8)]
    for n, one in enumerate(made):
        save_dicom(one, tmp_path / "in" / f"{n}.dcm", SOPInstanceUID=f"1.2.3.4.{n}", InstanceNumber=n)
    document = read_into(tmp_path / "in", tmp_path / "out")
    images = {image["id"]: image for image in document["images"]}
    assert set(images) == {"us_1", "us_2", "us_3"}
    assert [image["role"] for image in document["images"]] == ["primary", "other", "other"]
    planes = np.asarray(nib.load(tmp_path / "out" / "key_pictures.nii.gz").dataobj)
    labels = np.asarray(nib.load(tmp_path / "out" / "key_foci.nii.gz").dataobj)
    shown = set()
    for kept in document["key_pictures"]:
        if kept["file"] != "key_pictures.nii.gz":
            continue
        truth = made[int(kept["image"][-1]) - 1].cine.grey[0]
        grey = planes[:, :, kept["plane"]].T[: truth.shape[0], : truth.shape[1]]
        assert (grey[grey > 0] == truth[grey > 0]).all()
        assert (grey > 0).mean() > 0.2
        shown |= set(np.unique(labels[:, :, kept["plane"]]).tolist())
    for focus in document["foci"]:
        seen = {o["image"] for o in focus["observations"]}
        if document["key_pictures"][0]["image"] not in seen:
            assert focus["id"] in shown
    again = product.load_reading(tmp_path / "out")
    assert render_html(again) == (tmp_path / "out" / "report.html").read_text(encoding="utf-8")


def test_a_mask_of_the_liver_is_refused_where_ultrasound_alone_is_given(
    hepalith: Any, stones: ReadSonogram, tmp_path: Path
) -> None:
    ended = hepalith("read", stones.source, "--liver", stones.source, "--out", tmp_path / "out")
    assert ended.status == 2
    assert "--liver" in ended.line


def photograph(seed: int = 0) -> NDArray[np.uint8]:
    """A picture of something else: soft patches of colour, edge to edge, as a photograph has them."""
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(30, 225, (9, 12, 3), dtype=np.uint8))
    large = np.asarray(small.resize((800, 600), Image.Resampling.BICUBIC)).astype(float)
    return np.clip(large + rng.normal(0, 6, large.shape), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_a_photograph_is_no_ultrasound(hepalith: Any, tmp_path: Path, suffix: str) -> None:
    Image.fromarray(photograph()).save(tmp_path / f"cat{suffix}")
    ended = hepalith("read", tmp_path / f"cat{suffix}", "--out", tmp_path / "out")
    assert ended.status in (3, 4)
    assert ended.line.startswith("hepalith: ")


def test_a_screen_without_a_picture_ends_with_four_and_a_reading(hepalith: Any, tmp_path: Path) -> None:
    screen = burn(np.zeros((480, 640), np.uint8), "MEASUREMENTS  12.3 mm", (40, 60))
    Image.fromarray(screen).save(tmp_path / "text.png")
    ended = hepalith("read", tmp_path / "text.png", "--out", tmp_path / "out")
    assert ended.status == 4
    assert "no B-mode picture" in ended.line
    document = load_document(tmp_path / "out")
    jsonschema.validate(document, product.reading_schema())
    assert document["liver"]["in_view"] == 0
    assert document["differential"] == []
    assert document["foci"] == []
    states = {f["state"] for f in document["findings"] if f["source"] == "us"}
    assert states <= {"unknown", "not_assessable"}
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "data:image" not in page
    assert render_html(product.load_reading(tmp_path / "out")) == page


def test_a_damaged_picture_ends_with_three(hepalith: Any, tmp_path: Path) -> None:
    source = save_png(phantom(STONES), tmp_path / "a.png")
    source.write_bytes(source.read_bytes()[:400])
    ended = hepalith("read", source, "--out", tmp_path / "out")
    assert ended.status == 3
    assert "a.png" in ended.line
    assert not (tmp_path / "out").exists()


def test_a_damaged_file_among_others_is_left_with_the_reason(tmp_path: Path) -> None:
    made = phantom(STONES)
    save_dicom(made, tmp_path / "in" / "a.dcm")
    bad = save_dicom(made, tmp_path / "in" / "b.dcm", SOPInstanceUID="1.2.3.4.9", InstanceNumber=9)
    bad.write_bytes(bad.read_bytes()[:-200_000])
    document = read_into(tmp_path / "in", tmp_path / "out")
    assert [image["id"] for image in document["images"]] == ["us_1"]
    assert any("b.dcm" in left["reason"] for left in document["series_left"])
    assert "b.dcm" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("size", ["0", "-1", "50", "x"])
def test_a_size_of_a_pixel_that_cannot_be_is_refused(
    hepalith: Any, stones: ReadSonogram, tmp_path: Path, size: str
) -> None:
    ended = hepalith("read", stones.source, "--out", tmp_path / "out", "--pixel-mm", size)
    assert ended.status == 2
    assert "pixel-mm" in ended.line


def test_two_patients_are_refused(hepalith: Any, tmp_path: Path) -> None:
    made = phantom(STONES)
    save_dicom(made, tmp_path / "in" / "a.dcm", PatientID="A", PatientName="First")
    save_dicom(
        made,
        tmp_path / "in" / "b.dcm",
        PatientID="B",
        PatientName="Second",
        StudyInstanceUID="1.2.3.4.5.6.7",
        SeriesInstanceUID="1.2.3.4.5.6.8",
        SOPInstanceUID="1.2.3.4.5.6.9",
    )
    ended = hepalith("read", tmp_path / "in", "--out", tmp_path / "out")
    assert ended.status == 3
    assert "1.2.3.4.5.6.7" in ended.line


@pytest.mark.slow
def test_every_shared_file_of_ultrasound_opens_or_says_why(
    hepalith: Any, shared_data: Path, tmp_path: Path
) -> None:
    files = sorted((shared_data / "dicom_us").iterdir())
    assert files
    for n, path in enumerate(files):
        ended = hepalith("read", path, "--out", tmp_path / str(n))
        assert ended.status in (0, 3, 4), path.name
        if ended.status:
            assert ended.line
        if ended.status != 3:
            jsonschema.validate(load_document(tmp_path / str(n)), product.reading_schema())


@pytest.fixture(scope="session")
def joined(phantom_study: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("joined")
    header = pydicom.dcmread(next((phantom_study / "dicom").iterdir()), stop_before_pixels=True)
    same = {
        name: getattr(header, name) for name in ("PatientID", "PatientName", "PatientBirthDate", "PatientSex")
    }
    us = save_dicom(phantom(STONES), folder / "us.dcm", StudyDate="20240116", **same)
    assert main(["read", str(phantom_study / "dicom"), str(us), "--out", str(folder / "out")]) == 0
    return folder / "out", load_document(folder / "out")


def test_ct_and_ultrasound_of_one_patient_are_one_reading(joined: tuple[Path, dict[str, Any]]) -> None:
    folder, document = joined
    jsonschema.validate(document, product.reading_schema())
    assert document["study"]["modalities"] == ["CT", "US"]
    assert [i["modality"] for i in document["images"] if i["role"] != "phase"] == ["CT", "US"]
    assert document["images"][0]["role"] == "primary"
    ids = [f["id"] for f in document["foci"]]
    assert ids == sorted(set(ids))
    assert {f["modality"] for f in document["foci"]} == {"CT", "US"}
    assert {f["source"] for f in document["findings"]} >= {"ct", "us"}
    assert sum(d["probability"] for d in document["differential"]) == pytest.approx(1, abs=1e-6)
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "CT and ultrasound reading" in page


def test_ultrasound_answers_where_ct_shows_no_liver(phantom_study: Path, tmp_path: Path) -> None:
    scan = tmp_path / "ct"
    scan.mkdir()
    for source in (phantom_study / "dicom").iterdir():
        slice_of_air = pydicom.dcmread(source)
        stored = slice_of_air.pixel_array
        air = np.full_like(stored, -1000 - int(slice_of_air.RescaleIntercept))
        slice_of_air.PixelData = air.tobytes()
        slice_of_air.save_as(scan / source.name)
    names = ("PatientID", "PatientName", "PatientBirthDate", "PatientSex")
    same = {name: getattr(slice_of_air, name) for name in names}
    us = save_dicom(phantom(STONES), tmp_path / "us.dcm", StudyDate="20240116", **same)
    assert main(["read", str(scan), str(us), "--out", str(tmp_path / "out")]) == 0
    document = load_document(tmp_path / "out")
    assert counted(document)
    assert "No calcification was found" not in document["summary"]["radiology"]["en"]
    assert document["differential"]


def test_where_ct_and_ultrasound_disagree_the_report_says_so(joined: tuple[Path, dict[str, Any]]) -> None:
    folder, document = joined
    assert document["disagreements"]  # the CT's largest focus is 25 mm, the sonogram's stones are small
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "CT and ultrasound disagree" in page
    text = document["summary"]["radiology"]["en"]
    for clash in document["disagreements"]:
        assert text.count(clash["text"]) == 1


def test_a_joined_reading_read_back_gives_the_same_report(joined: tuple[Path, dict[str, Any]]) -> None:
    folder, _ = joined
    again = product.load_reading(folder)
    assert len(again.maps.others) == 1
    assert render_html(again) == (folder / "report.html").read_text(encoding="utf-8")


def hidden(before: NDArray[np.uint8], written: NDArray[np.uint8], folder: Path) -> float:
    """Share of the text's pixels that are black in the key picture."""
    text = written.astype(int) - before > 60
    assert text.sum() > 100
    grey = np.asarray(nib.load(folder / "liver_box.nii.gz").dataobj)[:, :, 0].T
    return float((grey[text] == 0).mean())


@pytest.mark.parametrize("at", [(12, 8), (12, 560), (520, 12)])
def test_a_name_beside_the_picture_reaches_no_output(tmp_path: Path, at: tuple[int, int]) -> None:
    made = phantom(STONES)
    before = made.cine.grey[0]
    written = burn(before, NAME, at)
    Image.fromarray(written).save(tmp_path / "a.png")
    read_into(tmp_path / "a.png", tmp_path / "out")
    assert hidden(before, written, tmp_path / "out") == 1.0


def test_a_name_over_the_picture_reaches_no_output(tmp_path: Path) -> None:
    made = phantom(STONES)
    before = made.cine.grey[0]
    written = burn(before, NAME, (300, 330))
    Image.fromarray(written).save(tmp_path / "a.png")
    read_into(tmp_path / "a.png", tmp_path / "out")
    assert hidden(before, written, tmp_path / "out") > 0.97


def test_a_name_on_the_shared_stills_reaches_no_output(
    hepalith: Any, shared_data: Path, tmp_path: Path
) -> None:
    for n, path in enumerate(sorted((shared_data / "us_liver" / "normal").glob("*.jpg"))[:4]):
        before = np.asarray(Image.open(path).convert("L"))
        written = burn(before, NAME, (10, 10))
        source = tmp_path / f"{n}.png"
        Image.fromarray(written).save(source)
        ended = hepalith("read", source, "--out", tmp_path / str(n))
        assert ended.status in (0, 4)
        if nib.load(tmp_path / str(n) / "liver_box.nii.gz").shape:
            assert hidden(before, written, tmp_path / str(n)) == 1.0


def test_a_reading_written_again_is_the_same(stones: ReadSonogram, tmp_path: Path) -> None:
    write_folder(product.load_reading(stones.folder), tmp_path / "again")
    first, again = digests(stones.folder), digests(tmp_path / "again")
    differing = {name for name in first if first[name] != again.get(name)}
    assert differing <= {"run.json", "source.json"}


def test_no_text_of_an_ultrasound_reading_reassures(stones: ReadSonogram, loop: ReadSonogram) -> None:
    for read in (stones, loop):
        for name in ("report.html", "patient.html"):
            text = (read.folder / name).read_text(encoding="utf-8").lower()
            for phrase in ("harmless", "nothing to worry", "good prognosis", "no cancer"):
                assert phrase not in text


def test_a_missing_shadow_of_a_small_focus_is_said_to_tell_nothing(stones: ReadSonogram) -> None:
    text = json.dumps(stones.document["limits"])
    assert "calcium" in text
    for focus in stones.document["foci"]:
        expected = focus["shadow"]["expected"]
        assert expected is None or 0 <= expected <= 1
