"""A measurement report says what the reading says, after the standard, so that strangers read it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import highdicom
import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from tests.report.fhir.readings import READINGS, changed

from hepalith.reading import Reading
from hepalith.reading.document import Quantity, Unassessed
from hepalith.reading.source import SourceInstance
from hepalith.report.dicom.context import derived_uid
from hepalith.report.dicom.seg import write_seg
from hepalith.report.dicom.segments import segment_numbers
from hepalith.report.dicom.sr import write_sr
from hepalith.report.dicom.sr_code import term
from hepalith.report.dicom.sr_content import SrMissing, SrNumber
from hepalith.report.dicom.sr_read import read_sr
from hepalith.settings import Formats
from hepalith.vocabulary.coding import coded, concept

CT = "1.2.840.10008.5.1.4.1.1.2"


def write(reading: Reading, folder: Path, language: str = "en") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    write_sr(reading, folder, Formats(language=language))
    return folder / "measurements.dcm"


def with_files(reading: Reading) -> Reading:
    """Return a CT reading every slice of which is a file."""
    image = reading.source.primary
    count = reading.maps.stored_order.stored_grid(reading.maps.grid).shape[0]
    files = tuple(SourceInstance(CT, f"1.2.3.4.{n}") for n in range(count))
    image = replace(image, instances=files, slices=tuple(range(count)), aligned=True)
    return replace(reading, source=replace(reading.source, images=(image, *reading.source.images[1:])))


@pytest.fixture
def reading(factories: ModuleType) -> Reading:
    return with_files(READINGS["ct"](factories))


def items(item: Dataset) -> Iterator[Dataset]:
    """Yield every content item, the root first."""
    yield item
    for child in item.get("ContentSequence", ()):
        yield from items(child)


def groups(dataset: Dataset) -> list[Dataset]:
    return [one for one in items(dataset) if name_of(one) == "125007"]


def name_of(item: Dataset) -> str:
    names = item.get("ConceptNameCodeSequence")
    return str(names[0].CodeValue) if names else ""


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - a tool of dcmtk, dicom3tools or dcmqi
        command, capture_output=True, text=True, errors="replace", check=False, timeout=60
    )


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("name", READINGS)
def test_validators_find_no_error_in_any_reading(
    factories: ModuleType, tmp_path: Path, name: str, language: str
) -> None:
    if shutil.which("dciodvfy") is None or shutil.which("dsrdump") is None:
        pytest.skip("dicom3tools or dcmtk is not installed")
    path = write(READINGS[name](factories), tmp_path, language)
    checked = run("dciodvfy", "-new", path)
    assert "EnhancedSR" in checked.stderr + checked.stdout
    assert [line for line in (checked.stderr + checked.stdout).splitlines() if line.startswith("Error")] == []
    dumped = run("dsrdump", path)
    assert dumped.returncode == 0
    assert [line for line in dumped.stderr.splitlines() if line.startswith("E:")] == []
    assert "Imaging Measurement Report" in dumped.stdout


def test_the_report_belongs_to_its_segmentation(reading: Reading, tmp_path: Path) -> None:
    if shutil.which("dcentvfy") is None:
        pytest.skip("dicom3tools is not installed")
    path = write(reading, tmp_path)
    write_seg(reading, tmp_path, Formats())
    checked = run("dcentvfy", path, tmp_path / "segmentation.dcm")
    said = (checked.stderr + checked.stdout).splitlines()
    assert checked.returncode == 0
    assert [line for line in said if line.startswith("Error")] == []
    segments = highdicom.seg.segread(tmp_path / "segmentation.dcm")
    for group in read_sr(path).foci:
        assert group.segment is not None
        assert group.segment.sop_instance_uid == segments.SOPInstanceUID
        described = segments.get_segment_description(group.segment.number)
        assert described.tracking_uid == group.tracking_uid
        assert described.tracking_id == group.tracking_id


@pytest.mark.parametrize("name", READINGS)
def test_the_same_reading_gives_the_same_bytes(factories: ModuleType, tmp_path: Path, name: str) -> None:
    reading = READINGS[name](factories)
    first = write(reading, tmp_path / "a").read_bytes()
    assert write(reading, tmp_path / "b").read_bytes() == first


@pytest.mark.parametrize("name", READINGS)
def test_every_quantity_is_read_back_with_its_interval_or_its_reason(
    factories: ModuleType, tmp_path: Path, name: str
) -> None:
    reading = READINGS[name](factories)
    content = read_sr(write(reading, tmp_path))
    assert [one.tracking_uid for one in content.foci] == [f.tracking_uid for f in reading.document.foci]
    for focus, said in zip(reading.document.foci, content.foci, strict=True):
        pairs = {
            "integrated_excess": focus.integrated_excess,
            "volume": focus.volume,
            "diameter": focus.diameter,
            "mean_hu": focus.mean_hu,
            "peak_hu": focus.peak_hu,
            "background_hu": focus.background_hu,
            "mass": focus.mass,
            "score_agatston_convention": focus.score_agatston_convention,
            "capsule_distance": focus.location.capsule_distance,
            "periportal": focus.location.periportal,
            "duct_calibre": focus.duct.calibre,
            "host_diameter": focus.host.diameter,
            "shadow_index": focus.shadow.index,
        }
        for key, value in pairs.items():
            if isinstance(value, Quantity):
                assert said.numbers[key] == SrNumber(value.value, value.unit, value.low, value.high), key
            elif isinstance(value, Unassessed):
                assert said.numbers[key] == SrMissing("not_assessable", value.not_assessable), key
            else:
                assert said.numbers[key] == SrMissing("unknown", "not looked for"), key
        if focus.centroid_lps_mm is not None:
            centre = [said.numbers[f"centroid_{axis}"] for axis in ("left", "posterior", "head")]
            assert [one.value for one in centre if isinstance(one, SrNumber)] == list(focus.centroid_lps_mm)


@pytest.mark.parametrize("name", READINGS)
def test_every_conclusion_is_read_back(factories: ModuleType, tmp_path: Path, name: str) -> None:
    document = READINGS[name](factories).document
    content = read_sr(write(READINGS[name](factories), tmp_path))
    assert [(f.name.value, f.state, f.probability) for f in content.findings] == [
        (code(f.id), f.state, f.probability) for f in document.findings
    ]
    assert [(d.name.value, d.probability.value, d.probability.low) for d in content.differential] == [
        (code(d.diagnosis), d.probability, d.low) for d in document.differential
    ]
    assert [(a.name.value, a.text) for a in content.plan] == [(code(a.action), a.text) for a in document.plan]
    assert [a.name.value for a in content.alerts] == [code(a.id) for a in document.alerts]
    assert [a.name.value for a in content.next_tests] == [code(a.test) for a in document.next_tests]
    assert content.report == document.summary.radiology.en.rstrip()
    for step, said in zip(document.plan, content.plan, strict=True):
        due = [one.due for one in step.visits] or [step.due]
        assert said.days == tuple((f"{d.start:%Y%m%d}", f"{d.end:%Y%m%d}") for d in due if d)


def test_what_a_focus_is_and_where_stands_in_codes_with_probabilities(
    reading: Reading, tmp_path: Path
) -> None:
    focus, said = reading.document.foci[0], read_sr(write(reading, tmp_path)).foci[0]
    assert said.finding == coded(focus.label)
    assert said.probability == focus.probability
    assert said.site == concept("liver")
    assert said.site_modifier == coded("segment", "VIII")
    assert said.evaluations["segment"].probability == focus.location.segment_probability
    assert said.evaluations["lobe"].value == coded("lobe", "right")
    assert said.evaluations["dominant_morphology"].value == coded(focus.morphology.label)
    assert said.evaluations["duct_relation"].value == coded("duct_relation", "in_lumen")
    assert said.evaluations["dilated_ducts"].state == "present"
    assert said.evaluations["bile_around_focus"].state == "absent"
    assert said.evaluations["side_of_duct_dilatation"].value == concept("upstream")
    assert said.evaluations["host_kind"].value == coded("host_kind", "fluid")
    assert said.evaluations["host_position"].value == coded("host_position", "peripheral")
    assert said.evaluations["acoustic_shadow"].state == "not_assessable"


def test_no_two_quantities_of_a_focus_bear_the_same_code(reading: Reading, tmp_path: Path) -> None:
    said = read_sr(write(reading, tmp_path)).foci[0]
    assert len(said.numbers) == 16


def test_highdicom_reads_groups_segments_and_outlines(reading: Reading, tmp_path: Path) -> None:
    report: Any = highdicom.sr.srread(write(reading, tmp_path)).content
    whole = report.get_volumetric_roi_measurement_groups()
    numbers = segment_numbers(reading)
    assert whole[0].tracking_identifier == "liver"
    for focus, group in zip(reading.document.foci, whole[1:], strict=True):
        assert group.tracking_uid == focus.tracking_uid
        assert group.referenced_segment[0].referenced_segment_numbers == [numbers[f"focus:{focus.id}"]]
        (volume,) = group.get_measurements(name=highdicom.sr.CodedConcept(*concept_triple("volume")))
        assert isinstance(focus.volume, Quantity)
        assert (volume.value, volume.unit.value) == (focus.volume.value, "mm3")
    drawn = report.get_planar_roi_measurement_groups()
    assert drawn[0].tracking_identifier == "liver"
    assert [one.tracking_uid for one in drawn[1:]] == [f.tracking_uid for f in reading.document.foci]
    assert {one.roi.graphic_type.value for one in drawn} == {"POLYLINE"}


def code(term_id: str) -> str:
    return term(term_id, "en").coded.value


def concept_triple(name: str) -> tuple[str, str, str]:
    code = concept(name)
    return code.value, code.scheme, code.meaning


def test_dcmqi_reads_the_groups(reading: Reading, tmp_path: Path) -> None:
    reader = shutil.which("tid1500reader", path=str(Path(sys.executable).parent))
    if reader is None:
        pytest.skip("dcmqi is not installed")
    out = tmp_path / "out.json"
    assert run(reader, "--inputDICOM", write(reading, tmp_path), "--outputMetadata", out).returncode == 0
    said = {
        group["TrackingUniqueIdentifier"]: group
        for group in reversed(json.loads(out.read_text())["Measurements"])
        if group.get("measurementItems")
    }
    focus = reading.document.foci[0]
    group = said[focus.tracking_uid]
    values = {item["quantity"]["CodeValue"]: item["value"] for item in group["measurementItems"]}
    assert isinstance(focus.volume, Quantity)
    assert float(values[concept("volume").value]) == focus.volume.value
    assert group["FindingSite"]["CodeValue"] == concept("liver").value
    assert group["ReferencedSegment"] == segment_numbers(reading)[f"focus:{focus.id}"]


@pytest.mark.parametrize("name", READINGS)
def test_every_object_that_is_referred_to_stands_in_the_evidence(
    factories: ModuleType, tmp_path: Path, name: str
) -> None:
    reading = READINGS[name](factories)
    path = write(reading, tmp_path)
    referred = {
        str(one.ReferencedSOPSequence[0].ReferencedSOPInstanceUID)
        for one in items(dcmread(path))
        if "ReferencedSOPSequence" in one
    }
    content = read_sr(path)
    assert referred <= set(content.evidence)
    assert set(content.evidence) <= referred
    read = {i.sop_instance_uid for image in reading.source.images for i in image.instances}
    assert set(content.images) == read


def test_another_study_is_other_evidence(factories: ModuleType, tmp_path: Path) -> None:
    dataset = dcmread(write(READINGS["both"](factories), tmp_path))
    (own,) = dataset.CurrentRequestedProcedureEvidenceSequence
    (other,) = dataset.PertinentOtherEvidenceSequence
    assert own.StudyInstanceUID == dataset.StudyInstanceUID
    assert other.StudyInstanceUID == "1.2.3.88"


def test_an_outline_lies_on_the_slice_with_most_of_the_focus(reading: Reading, tmp_path: Path) -> None:
    content = read_sr(write(reading, tmp_path))
    full = np.zeros(reading.maps.grid.shape, dtype=int)
    full[reading.maps.box.slices] = reading.maps.foci
    for focus, said in zip(reading.document.foci, content.foci, strict=True):
        (region,) = said.regions
        area = (full == focus.id).sum(axis=(1, 2))
        assert region.sop_instance_uid == f"1.2.3.4.{area.argmax()}"
        points = np.asarray(region.points)
        rows, columns = np.nonzero(full[area.argmax()] == focus.id)
        assert points.min(axis=0).tolist() == [columns.min(), rows.min()]
        assert points.max(axis=0).tolist() == [columns.max() + 1, rows.max() + 1]


def test_an_ultrasound_focus_is_boxed_on_each_of_its_frames(factories: ModuleType, tmp_path: Path) -> None:
    reading = READINGS["ultrasound"](factories)
    image = reading.source.primary
    loop = replace(image, instances=(replace(image.instances[0], frames=5),))
    said = read_sr(write(replace(reading, source=replace(reading.source, images=(loop,))), tmp_path)).foci[0]
    assert said.templates == ("1410", "1410")
    assert [region.frame for region in said.regions] == [1, 2]
    assert said.regions[0].points[0] == (1.0, 2.0)
    assert said.regions[0].points[2] == (4.0, 5.0)
    assert said.numbers["depth"] == SrNumber(61.0, "mm")


def test_a_focus_without_a_segment_is_measured_all_the_same(reading: Reading, tmp_path: Path) -> None:
    maps = replace(reading.maps, foci=np.where(reading.maps.foci == 1, 0, reading.maps.foci))
    said = read_sr(write(replace(reading, maps=maps), tmp_path)).foci[0]
    assert said.segment is None
    assert said.templates == ("1501",)
    assert isinstance(said.numbers["volume"], SrNumber)


def test_a_preliminary_reading_is_complete_and_unverified(reading: Reading, tmp_path: Path) -> None:
    content = read_sr(write(reading, tmp_path))
    assert (content.completion, content.verification) == ("COMPLETE", "UNVERIFIED")
    assert content.preliminary == "PRELIMINARY"
    assert content.verified_by == ()
    assert content.observers == ("hepalith",)


def test_an_accepted_reading_is_verified_by_its_person(factories: ModuleType, tmp_path: Path) -> None:
    reading = READINGS["accepted"](factories)
    path = write(reading, tmp_path)
    content = read_sr(path)
    assert (content.completion, content.verification) == ("COMPLETE", "VERIFIED")
    assert content.preliminary == "FINAL"
    assert content.verified_by == ("Li^Hua",)
    assert content.observers == ("hepalith", "Li^Hua")
    assert content.confirmed == (coded("hepatolithiasis"),)
    (person,) = dcmread(path).VerifyingObserverSequence
    assert person.VerifyingOrganization == "A Hospital"
    assert str(person.VerificationDateTime) == "20250315093000+0000"


def test_a_later_revision_refers_to_the_report_before_it(factories: ModuleType, tmp_path: Path) -> None:
    before = READINGS["ct"](factories)
    first = read_sr(write(before, tmp_path / "first"))
    second = dcmread(write(READINGS["accepted"](factories), tmp_path / "second"))
    (study,) = second.PredecessorDocumentsSequence
    (series,) = study.ReferencedSeriesSequence
    assert series.SeriesInstanceUID == first.series_uid
    assert series.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == first.sop_instance_uid
    assert second.SOPInstanceUID != first.sop_instance_uid


def test_a_reading_that_could_not_answer_is_partial_and_says_why(
    factories: ModuleType, tmp_path: Path
) -> None:
    reading = READINGS["unanswerable"](factories)
    content = read_sr(write(reading, tmp_path))
    assert reading.why_not is not None
    assert (content.completion, content.verification) == ("PARTIAL", "UNVERIFIED")
    assert any(reading.why_not in text for text in content.comments)
    assert content.foci == ()


def test_stand_in_uids_are_told_of(factories: ModuleType, tmp_path: Path) -> None:
    nobody = read_sr(write(READINGS["nobody"](factories), tmp_path / "a"))
    assert any("study, series, frame of reference, instances" in text for text in nobody.comments)
    hidden = read_sr(write(READINGS["hidden"](factories), tmp_path / "b"))
    assert any("De-identified" in text for text in hidden.comments)


def test_a_chinese_report_is_chinese_and_has_the_same_codes(reading: Reading, tmp_path: Path) -> None:
    english = read_sr(write(reading, tmp_path / "en"))
    path = write(reading, tmp_path / "zh", "zh")
    chinese = read_sr(path)
    assert chinese.language.value == "zh-Hans"
    assert chinese.report == reading.document.summary.radiology.zh.rstrip()
    assert chinese.foci[0].finding.meaning == "钙化"
    assert chinese.foci[0].finding.value == english.foci[0].finding.value
    assert [(f.name.value, f.state) for f in chinese.findings] == [
        (f.name.value, f.state) for f in english.findings
    ]
    assert dcmread(path).SpecificCharacterSet == "ISO_IR 192"


@pytest.mark.parametrize("name", READINGS)
def test_the_report_has_what_viewers_built_on_ohif_take_for_granted(
    factories: ModuleType, tmp_path: Path, name: str
) -> None:
    dataset = dcmread(write(READINGS[name](factories), tmp_path))
    assert name_of(dataset) == "126000"
    top = {name_of(item): item for item in dataset.ContentSequence}
    assert name_of(top["111028"].ContentSequence[0]) == "126200"
    drawn = {tracking(one) for one in groups(dataset) if any(i.ValueType == "SCOORD" for i in items(one))}
    for group in groups(dataset):
        uids = [item for item in group.ContentSequence if item.ValueType == "UIDREF"]
        assert name_of(uids[0]) == "112040"
        for item in group.ContentSequence:
            if item.ValueType == "NUM":
                assert len(item.MeasuredValueSequence) == 1
                assert tracking(group) in drawn or item.get("ContentSequence")


@pytest.mark.parametrize("name", READINGS)
def test_no_measurement_group_is_without_a_measurement(
    factories: ModuleType, tmp_path: Path, name: str
) -> None:
    reading = READINGS[name](factories)
    reading = reading if reading.source.primary.modality == "US" else with_files(reading)
    dataset = dcmread(write(reading, tmp_path))
    assert len(groups(dataset)) > len(reading.document.foci)
    if reading.is_answerable:
        assert all(any(item.ValueType == "NUM" for item in one.ContentSequence) for one in groups(dataset))


def tracking(group: Dataset) -> str:
    return next(str(item.UID) for item in group.ContentSequence if name_of(item) == "112040")


def test_the_algorithm_says_what_the_results_follow_from(reading: Reading, tmp_path: Path) -> None:
    provenance = reading.document.provenance
    said = " ".join(read_sr(write(reading, tmp_path)).algorithm)
    for value in (provenance.version, provenance.knowledge, provenance.policy.version, "95 %"):
        assert value in said


def test_two_hundred_foci_are_written_and_read_in_seconds(reading: Reading, tmp_path: Path) -> None:
    first = reading.document.foci[0]
    many = tuple(first.model_copy(update={"id": n, "tracking_uid": f"2.25.{n}"}) for n in range(1, 201))
    began = time.perf_counter()
    content = read_sr(write(changed(reading, foci=many), tmp_path))
    assert time.perf_counter() - began < 6
    assert len(content.foci) == 200


def test_every_revision_has_a_series_of_its_own(factories: ModuleType) -> None:
    before, after = READINGS["ct"](factories), READINGS["accepted"](factories)
    role = "measurement report series"
    assert derived_uid(before, role) != derived_uid(after, role)


@pytest.mark.parametrize("kind", ["binary", "labelmap"])
def test_the_report_refers_to_the_segmentation_that_is_written_beside_it(
    reading: Reading, tmp_path: Path, kind: str
) -> None:
    formats = Formats(segmentation=kind)
    write_seg(reading, tmp_path, formats)
    write_sr(reading, tmp_path, formats)
    segmentation = dcmread(tmp_path / "segmentation.dcm")
    said = read_sr(tmp_path / "measurements.dcm")
    named = {(g.segment.sop_class_uid, g.segment.sop_instance_uid) for g in said.foci if g.segment}
    assert named == {(segmentation.SOPClassUID, segmentation.SOPInstanceUID)}
    assert segmentation.SOPInstanceUID in said.evidence


def test_every_group_has_an_outline_since_a_viewer_stops_at_one_without(
    reading: Reading, tmp_path: Path
) -> None:
    said = read_sr(write(reading, tmp_path))
    assert said.liver.regions
    assert all(group.regions for group in said.foci)
