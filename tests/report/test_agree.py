"""Every format says what the reading says; a number, a code or a voxel that differs is found and named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from hepalith.reading import Reading, write_folder
from hepalith.reading.acceptance import accept
from hepalith.reading.document import Document
from hepalith.report import formats as room
from hepalith.report.agree import MEASURES, disagreements
from hepalith.report.formats import FORMATS, add_formats
from hepalith.settings import Formats

READ_BACK = ("seg", "sr", "fhir", "calendar")


@pytest.fixture(scope="module")
def reading(factories: ModuleType) -> Reading:
    made: Reading = factories.make_reading()
    return made


@pytest.fixture(scope="module", params=[("R4", "binary", "en"), ("R5", "labelmap", "zh")], ids=str)
def folder(reading: Reading, request: pytest.FixtureRequest, tmp_path_factory: Any) -> Path:
    out: Path = tmp_path_factory.mktemp("formats")
    version, kind, language = request.param
    for name in READ_BACK:
        FORMATS[name].writer()(reading, out, Formats(READ_BACK, version, kind, language))
    return out


def changed(document: Document, path: str, value: object) -> Document:
    """Return the document with one value of it changed; `path` as ``foci.0.volume.value``."""
    said = document.model_dump(mode="json")
    *steps, last = path.split(".")
    at: Any = said
    for step in steps:
        at = at[int(step)] if step.isdigit() else at[step]
    assert last in at, path
    assert at[last] != value, path
    at[last] = value
    return Document.model_validate(said)


def files_of(reading: Reading, folder: Path) -> set[str]:
    return {one.file for one in disagreements(reading, folder)}


def test_all_formats_agree_with_the_reading(reading: Reading, folder: Path) -> None:
    assert disagreements(reading, folder) == []


EVERYWHERE = {"measurements.dcm", "bundle.fhir.json"}


@pytest.mark.parametrize(
    ("path", "value", "files"),
    [
        ("foci.0.volume.value", 1.5, EVERYWHERE),
        ("foci.0.volume.low", 0.5, EVERYWHERE),
        ("foci.0.mean_hu.value", 7.0, EVERYWHERE),
        ("foci.0.integrated_excess.unit", "HU", EVERYWHERE),
        ("foci.0.label", "gas", EVERYWHERE | {"segmentation.dcm"}),
        ("foci.0.tracking_uid", "2.25.1", EVERYWHERE | {"segmentation.dcm"}),
        ("foci.0.morphology.label", "stellate", EVERYWHERE),
        ("liver.volume.high", 9999.0, EVERYWHERE),
        ("differential.0.probability", 0.123, EVERYWHERE),
        ("differential.1.high", 0.987, EVERYWHERE),
        ("findings.0.state", "unknown", EVERYWHERE),
        ("findings.1.value.value", 9.25, EVERYWHERE),
        ("findings.1.value.high", 9.25, EVERYWHERE),
        ("findings.1.subject.ref", "3", {"measurements.dcm"}),
        ("foci.0.location.lobe", "caudate", EVERYWHERE),
        ("foci.0.location.segment", "II", EVERYWHERE),
        ("foci.0.duct.relation", "in_wall", EVERYWHERE),
        ("foci.0.duct.dilated", "present", EVERYWHERE),
        ("foci.0.duct.bile_around", "not_assessable", EVERYWHERE),
        ("foci.0.host.kind", "infiltrative", EVERYWHERE),
        ("foci.0.host.position", "throughout", EVERYWHERE),
        ("foci.0.shadow.grade", "comet_tail", EVERYWHERE),
        ("foci.0.volume_limited_by_resolution", True, EVERYWHERE),
        ("patterns.0.foci", [1, 2], {"measurements.dcm"}),
        ("next_tests.0.test", "echinococcus_serology", EVERYWHERE),
        ("plan.0.action", "one_check", EVERYWHERE | {"follow_up.ics"}),
        ("plan.0.after.to_months", 7.0, EVERYWHERE),
        ("plan.0.repeat.every_months", [3.0, 12.0], {"bundle.fhir.json"}),
        ("plan.0.due.to", "2025-12-24", {"measurements.dcm", "follow_up.ics"}),
    ],
)
def test_what_differs_is_found_in_every_file_that_says_it(
    reading: Reading, folder: Path, path: str, value: object, files: set[str]
) -> None:
    other = replace(reading, document=changed(reading.document, path, value))
    assert files_of(other, folder) == files


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_days_of_every_visit_are_compared(reading: Reading, tmp_path: Path, language: str) -> None:
    visits = [
        {
            "after": {"from_months": m, "to_months": m + 3},
            "due": {"from": f"2025-0{m}-14", "to": f"2025-0{m}-28"},
        }
        for m in (6, 9)
    ]
    visited = replace(reading, document=changed(reading.document, "plan.0.visits", visits))
    for name in READ_BACK:
        FORMATS[name].writer()(visited, tmp_path, Formats(READ_BACK, language=language))
    assert disagreements(visited, tmp_path) == []
    for path, value in (
        ("plan.0.visits.1.due.from", "2025-09-15"),
        ("plan.0.visits.0.after.from_months", 5.0),
    ):
        other = replace(visited, document=changed(visited.document, path, value))
        assert files_of(other, tmp_path) >= EVERYWHERE, path


def test_a_report_on_another_segmentation_than_the_one_beside_it_is_found(
    reading: Reading, tmp_path: Path
) -> None:
    def write(name: str, kind: str) -> None:
        FORMATS[name].writer()(reading, tmp_path, Formats((name,), segmentation=kind))

    write("seg", "labelmap")
    write("sr", "binary")
    found = disagreements(reading, tmp_path)
    assert {one.file for one in found} == {"measurements.dcm"}
    assert {one.what for one in found} == {"liver, segment 1"} | {
        f"focus {n}, segment {n + 1}" for n in (1, 2, 3, 4)
    }
    (tmp_path / "segmentation.dcm").unlink()
    assert "no segmentation beside it" in str(disagreements(reading, tmp_path)[0])
    write("seg", "binary")
    assert disagreements(reading, tmp_path) == []


def test_an_image_that_is_not_the_readings_is_found(reading: Reading, folder: Path) -> None:
    first, *others = reading.source.images
    moved = replace(first, instances=tuple(replace(i, sop_instance_uid="1.2.9") for i in first.instances))
    other = replace(reading, source=replace(reading.source, images=(moved, *others)))
    whats = {one.what for one in disagreements(other, folder) if one.file == "measurements.dcm"}
    assert "images" in whats
    elsewhere = replace(reading.source, images=(replace(first, series_uid="1.2.9"), *others))
    assert files_of(replace(reading, source=elsewhere), folder) >= EVERYWHERE


def test_a_diagnosis_that_a_person_confirmed_is_compared(reading: Reading, tmp_path: Path) -> None:
    at = datetime(2025, 4, 1, 9, 30, tzinfo=UTC)
    accepted = accept(reading.document, "Li^Hua", at, diagnoses=("hepatolithiasis",))
    final = replace(reading, document=accepted)
    for name in READ_BACK:
        FORMATS[name].writer()(final, tmp_path, Formats(READ_BACK))
    assert disagreements(final, tmp_path) == []
    other = replace(final, document=changed(accepted, "accepted.diagnoses", ["simple_healed"]))
    assert files_of(other, tmp_path) == EVERYWHERE


def test_every_measure_of_a_focus_is_compared(reading: Reading, folder: Path) -> None:
    focus = reading.document.foci[0]
    measured = [name for name, read in MEASURES.items() if hasattr(read(focus), "value")]
    assert len(measured) >= 7
    for name in measured:
        found = replaced_measure(reading, name)
        assert files_of(found, folder) >= EVERYWHERE, name


def replaced_measure(reading: Reading, name: str) -> Reading:
    places = {
        "capsule_distance": "location.capsule_distance",
        "periportal": "location.periportal",
        "duct_calibre": "duct.calibre",
        "host_diameter": "host.diameter",
        "shadow_index": "shadow.index",
    }
    path = f"foci.0.{places.get(name, name)}.value"
    return replace(reading, document=changed(reading.document, path, 0.123457))


@pytest.mark.parametrize("layer", ["liver", "foci"])
def test_a_voxel_more_is_found(reading: Reading, folder: Path, layer: str) -> None:
    labels = getattr(reading.maps, layer).copy()
    at = tuple(np.argwhere(labels == 0)[0])
    labels[at] = labels.max()
    other = replace(reading, maps=replace(reading.maps, **{layer: labels}))
    assert files_of(other, folder) == {"segmentation.dcm"}


def test_another_patients_study_is_found(reading: Reading, folder: Path) -> None:
    first, *others = reading.source.images
    moved = replace(reading.source, images=(replace(first, study_uid="1.2.3"), *others))
    assert files_of(replace(reading, source=moved), folder) >= {"segmentation.dcm", "measurements.dcm"}


def test_formats_that_disagree_are_not_left_behind(
    reading: Reading, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = write_folder(reading, tmp_path / "out")
    writer: Callable[..., None] = FORMATS["fhir"].writer()

    def misprint(reading: Reading, folder: Path, formats: Formats) -> None:
        other = changed(reading.document, "foci.0.volume.value", 1.5)
        writer(replace(reading, document=other), folder, formats)

    monkeypatch.setattr(room.Format, "writer", lambda _self: misprint)
    with pytest.raises(RuntimeError, match=r"bundle\.fhir\.json: focus 1, volume"):
        add_formats(out, Formats(("fhir",)))
    assert not (out / "bundle.fhir.json").exists()
