"""What is read back from a bundle is what the reading says, number by number and code by code."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from tests.report.fhir.readings import READINGS

from hepalith.errors import ReadingFileError
from hepalith.reading import Reading
from hepalith.reading.document import Choice, Measured, Quantity
from hepalith.reading.terms import say
from hepalith.report.fhir.bundle import FILE, write_fhir
from hepalith.report.fhir.read import (
    FhirCode,
    FhirComponent,
    FhirContent,
    FhirFocus,
    FhirNumber,
    read_fhir,
)
from hepalith.settings import Formats
from hepalith.vocabulary import coded, concept

NUMBERS = (
    "volume",
    "diameter",
    "background_hu",
    "mean_hu",
    "peak_hu",
    "integrated_excess",
    "mass",
    "score_agatston_convention",
)


@pytest.fixture(params=[(name, version) for name in READINGS for version in ("R4", "R5")], ids="-".join)
def pair(
    request: pytest.FixtureRequest, factories: ModuleType, tmp_path: Path
) -> tuple[Reading, FhirContent]:
    name, version = request.param
    reading = READINGS[name](factories)
    write_fhir(reading, tmp_path, Formats(fhir_version=version))
    return reading, read_fhir(tmp_path / FILE)


def says(component: FhirComponent, measured: Measured) -> bool:
    """Return whether a component says what was measured, to the last digit."""
    if isinstance(measured, Quantity):
        return component.value == FhirNumber(measured.value, measured.unit, measured.low, measured.high)
    return (component.value, component.state, component.reason) == (
        None,
        "not_assessable",
        measured.not_assessable,
    )


def value_under(focus: FhirFocus, code: str) -> Any:
    (component,) = focus.under(code)
    value = component.value
    return value.value if isinstance(value, FhirNumber | FhirCode) else value


def test_every_number_of_every_focus_comes_back(pair: tuple[Reading, FhirContent]) -> None:
    reading, content = pair
    assert len(content.foci) == len(reading.document.foci)
    for entry, said in zip(reading.document.foci, content.foci, strict=True):
        assert said.tracking_uid == entry.tracking_uid
        measured: dict[str, Measured] = {name: getattr(entry, name) for name in NUMBERS}
        measured["capsule_distance"] = entry.location.capsule_distance
        measured["duct_calibre"] = entry.duct.calibre
        measured["host_diameter"] = entry.host.diameter
        measured["shadow_index"] = entry.shadow.index
        if entry.location.periportal is not None:
            measured["periportal"] = entry.location.periportal
        for name, value in measured.items():
            (component,) = said.under(concept(name).value)
            assert says(component, value), (name, component)
        assert value_under(said, concept("probability").value) == entry.probability
        assert (
            value_under(said, concept("volume_limited_by_resolution").value)
            is entry.volume_limited_by_resolution
        )
        depths = [one.value.value for one in said.under(concept("depth").value)]  # type: ignore[union-attr]
        assert depths == [o.depth_mm for o in entry.observations if o.depth_mm is not None]
        if entry.centroid_lps_mm is None:
            assert not said.under(concept("centroid_left").value)
        else:
            axes = ("centroid_left", "centroid_posterior", "centroid_head")
            assert tuple(value_under(said, concept(a).value) for a in axes) == entry.centroid_lps_mm


def test_every_code_of_every_focus_comes_back(pair: tuple[Reading, FhirContent]) -> None:
    reading, content = pair
    for entry, said in zip(reading.document.foci, content.foci, strict=True):
        assert said.label.value == coded(entry.label).value
        where = entry.location
        place = coded("segment", where.segment) if where.segment else concept("liver")
        if where.segment or not where.lobe:
            assert said.site.value == place.value
        assert value_under(said, coded("dominant_morphology").value) == coded(entry.morphology.label).value
        for term, choice in (
            ("duct_relation", entry.duct.relation),
            ("host_kind", entry.host.kind),
            ("acoustic_shadow", entry.shadow.grade),
        ):
            (component,) = said.under(coded(term).value)
            if choice == "not_assessable":
                assert (component.value, component.state) == (None, "not_assessable")
            else:
                assert isinstance(component.value, FhirCode)
                assert component.value.value == coded(term, choice).value
        (dilated,) = said.under(coded("dilated_ducts").value)
        if entry.duct.dilated in {"present", "absent"}:
            assert isinstance(dilated.value, FhirCode)
            assert dilated.value.value == concept(entry.duct.dilated).value
        else:
            assert dilated.state == entry.duct.dilated


def test_every_finding_comes_back_with_its_state(pair: tuple[Reading, FhirContent]) -> None:
    reading, content = pair
    for entry, said in zip(reading.document.findings, content.findings, strict=True):
        assert said.state == entry.state
        assert said.probability == entry.probability
        assert said.code.text == entry.display
        if isinstance(entry.value, Quantity):
            assert said.value == FhirNumber(
                entry.value.value, entry.value.unit, entry.value.low, entry.value.high
            )
        elif isinstance(entry.value, Choice):
            assert isinstance(said.value, FhirCode)
            assert said.value.value == coded(entry.id, entry.value.choice).value
        else:
            assert said.value is None
        if entry.state == "not_assessable":
            assert said.reason == (entry.reason or "")


def test_the_whole_comes_back(pair: tuple[Reading, FhirContent]) -> None:
    reading, content = pair
    document = reading.document
    assert content.reading_id == document.reading.id
    assert content.status == document.reading.status
    assert says(content.liver_volume, document.liver.volume)
    assert says(content.smallest_focus, document.detectability.smallest_focus)
    assert content.conclusion == document.summary.radiology.en
    told = [(p.code.value, p.probability, p.low, p.high) for p in content.differential]
    assert told == [(coded(d.diagnosis).value, d.probability, d.low, d.high) for d in document.differential]
    assert [p.probability for p in content.processes] == [p.probability for p in document.processes]
    assert [p.probability for p in content.patterns] == [p.probability for p in document.patterns]
    assert [a.text for a in content.alerts] == [say(a.id, "en") for a in document.alerts]
    confirmed = document.accepted.diagnoses if document.accepted else ()
    assert [c.value for c in content.conditions] == [coded(name).value for name in confirmed]


def test_uids_come_back(pair: tuple[Reading, FhirContent]) -> None:
    reading, content = pair
    source = reading.source
    assert [(s.study_uid, s.series_uid, s.modality) for s in content.series] == [
        (i.study_uid, i.series_uid, i.modality) for i in source.images
    ]
    for image, series in zip(source.images, content.series, strict=True):
        listed = [(i.sop_class_uid, i.sop_instance_uid) for i in image.instances]
        assert list(series.instances) == ([] if "instances" in image.stand_ins else listed)
    assert content.patient_ids == ((source.identity.patient_id,) if content.patient_ids else ())
    assert bool(content.patient_ids) == (bool(source.identity.patient_name) and not source.is_hidden)


def test_dates_of_the_plan_come_back(pair: tuple[Reading, FhirContent]) -> None:
    reading, content = pair
    asked = [step for step in reading.document.plan if not step.asks_nothing]
    for entry, said in zip(asked, content.steps, strict=True):
        assert said.code.value == coded(entry.action).value
        after = (entry.after.from_months, entry.after.to_months) if entry.after else None
        assert said.after_months == after
        if entry.repeat is not None:
            assert said.every_months == entry.repeat.every_months
            assert said.until == entry.stop or said.until_months == entry.repeat.until_months
        else:
            assert said.due == ((entry.due.start, entry.due.end) if entry.due else None)
        assert [v.due for v in said.visits] == [(v.due.start, v.due.end) for v in entry.visits if v.due]
    assert len(content.next_tests) == len(reading.document.next_tests)


def test_a_changed_number_is_seen(factories: ModuleType, tmp_path: Path) -> None:
    write_fhir(READINGS["ct"](factories), tmp_path, Formats())
    path = tmp_path / FILE
    bundle = json.loads(path.read_text())
    step = next(e["resource"] for e in bundle["entry"] if "occurrencePeriod" in e["resource"])
    step["occurrencePeriod"]["start"] = "2025-06-15"
    path.write_text(json.dumps(bundle))
    assert read_fhir(path).steps[0].visits[0].due == (date(2025, 6, 15), date(2025, 9, 14))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"entry": []}', '{"entry": [{"fullUrl": "x"}]}'])
def test_what_is_no_bundle_is_refused_with_its_name(tmp_path: Path, text: str) -> None:
    path = tmp_path / FILE
    path.write_text(text)
    with pytest.raises(ReadingFileError, match=FILE):
        read_fhir(path)


def test_a_missing_bundle_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ReadingFileError, match="cannot be read"):
        read_fhir(tmp_path / FILE)
