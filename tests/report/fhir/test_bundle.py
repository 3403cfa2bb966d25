"""A bundle holds to FHIR, says what the reading says, and no more than a person stands for."""

from __future__ import annotations

import copy
import json
import re
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import unquote

import pytest
from tests.report.fhir.readings import READINGS, approve, changed

from hepalith.errors import OutputError, UsageError
from hepalith.reading import Reading
from hepalith.reading.conclusion import RankedDiagnosis
from hepalith.reading.document import TextEntry
from hepalith.report.fhir.bundle import FILE, LARGEST_PDF_BYTES, make_bundle, write_fhir
from hepalith.report.fhir.check import check_bundle
from hepalith.report.fhir.context import load_words
from hepalith.report.fhir.source import list_names
from hepalith.settings import Formats
from hepalith.study import GeneralStudy, Identity
from hepalith.vocabulary.coding import list_concepts

VERSIONS = ("R4", "R5")


def bundle_of(reading: Reading, version: Any = "R4", language: str = "en") -> dict[str, Any]:
    """Return a bundle as a file of it is read."""
    read: dict[str, Any] = json.loads(json.dumps(make_bundle(reading, version, language)))
    return read


def resources(bundle: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [e["resource"] for e in bundle["entry"] if e["resource"]["resourceType"] == kind]


def only(bundle: dict[str, Any], kind: str) -> dict[str, Any]:
    (found,) = resources(bundle, kind)
    return found


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", READINGS)
def test_a_bundle_holds_to_the_rules(factories: ModuleType, name: str, version: Any, language: str) -> None:
    assert check_bundle(bundle_of(READINGS[name](factories), version, language), version) == []


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", READINGS)
def test_a_bundle_is_one_for_fhir_resources(factories: ModuleType, name: str, version: Any) -> None:
    if version == "R5":
        library = pytest.importorskip("fhir.resources.bundle", reason="fhir.resources is not installed")
    else:  # 4.3.0 differs from 4.0.1 in no resource of ours
        library = pytest.importorskip("fhir.resources.R4B.bundle", reason="fhir.resources is not installed")
    library.Bundle.model_validate(bundle_of(READINGS[name](factories), version))


def test_the_same_reading_gives_the_same_bytes(factories: ModuleType, tmp_path: Path) -> None:
    reading = READINGS["accepted"](factories)
    write_fhir(reading, tmp_path, Formats())
    once = (tmp_path / FILE).read_bytes()
    write_fhir(copy.copy(reading), tmp_path, Formats())
    assert (tmp_path / FILE).read_bytes() == once
    assert len(once.splitlines()) == len(json.loads(once)["entry"]) + 2, "a resource a line"


@pytest.mark.parametrize("version", VERSIONS)
def test_what_no_person_accepted_is_preliminary(factories: ModuleType, version: Any) -> None:
    bundle = bundle_of(READINGS["ct"](factories), version)
    kinds = ("DiagnosticReport", "Observation", "RiskAssessment", "DetectedIssue")
    assert {r["status"] for kind in kinds for r in resources(bundle, kind)} == {"preliminary"}
    assert not resources(bundle, "Condition") + resources(bundle, "Practitioner")
    assert "issued" not in only(bundle, "DiagnosticReport")
    assert "timestamp" not in bundle, "no clock is read"


@pytest.mark.parametrize("version", VERSIONS)
def test_a_person_who_accepts_makes_it_final_and_confirms_a_condition(
    factories: ModuleType, version: Any
) -> None:
    bundle = bundle_of(READINGS["accepted"](factories), version)
    report, condition = only(bundle, "DiagnosticReport"), only(bundle, "Condition")
    assert report["status"] == "final"
    assert report["issued"] == "2025-03-15T09:30:00+00:00"
    assert only(bundle, "Practitioner")["name"] == [{"text": "Hua Li", "family": "Li", "given": ["Hua"]}]
    assert only(bundle, "Organization")["name"] == "A Hospital"
    assert condition["verificationStatus"]["coding"][0]["code"] == "confirmed"
    assert condition["code"] == report["conclusionCode"][0]


@pytest.mark.parametrize("name", ["ct", "accepted"])
def test_what_is_proposed_stays_a_proposal(factories: ModuleType, name: str) -> None:
    bundle = bundle_of(READINGS[name](factories))
    proposed = [*resources(bundle, "CarePlan"), *resources(bundle, "ServiceRequest")]
    assert {(r["status"], r["intent"]) for r in proposed} == {("draft", "proposal")}


def test_what_was_amended_says_so_where_the_version_can(factories: ModuleType) -> None:
    reading = READINGS["amended"](factories)
    said = {v: only(bundle_of(reading, v), "DetectedIssue")["status"] for v in VERSIONS}
    assert said == {"R4": "amended", "R5": "final"}
    assert only(bundle_of(reading), "DiagnosticReport")["status"] == "amended"


def test_none_of_these_is_confirmed_as_no_condition(factories: ModuleType) -> None:
    reading = approve(READINGS["ct"](factories), "none_of_these")
    assert not resources(bundle_of(reading), "Condition")


def test_a_hidden_reading_names_nobody(factories: ModuleType) -> None:
    bundle = bundle_of(READINGS["hidden"](factories))
    text = json.dumps(bundle)
    assert not resources(bundle, "Patient")
    for secret in ("MRN-4711", "Doe", "1961", "1.2.826.0.1.3680043.8.498"):
        assert secret not in text
    assert "effectiveDateTime" not in text
    subject = only(bundle, "CarePlan")["subject"]
    assert subject["extension"][0]["valueCode"] == "masked"


def test_stand_in_uids_are_said_and_no_instance_is_made_up(factories: ModuleType) -> None:
    bundle = bundle_of(READINGS["nobody"](factories))
    study = only(bundle, "ImagingStudy")
    assert "study, series, frame of reference, instances" in study["note"][0]["text"]
    assert "instance" not in study["series"][0]
    assert "numberOfInstances" not in study
    assert study["subject"]["extension"][0]["valueCode"] == "unknown"


@pytest.mark.parametrize("version", VERSIONS)
def test_two_examinations_are_two_studies_with_their_own_findings(
    factories: ModuleType, version: Any
) -> None:
    bundle = bundle_of(READINGS["both"](factories), version)
    by_urn = {e["fullUrl"]: e["resource"] for e in bundle["entry"]}
    ct, us = resources(bundle, "ImagingStudy")
    assert ct["identifier"][0]["value"] == "urn:oid:1.2.826.0.1.3680043.8.498.1"
    assert us["identifier"][0] == {"system": "urn:dicom:uid", "value": "urn:oid:1.2.3.88"}
    foci = [r for r in resources(bundle, "Observation") if r["identifier"][-1]["value"] == "urn:oid:2.25.9"]
    assert [by_urn[r["reference"]] for r in foci[0]["derivedFrom"]] == [us]


def test_the_patient_is_as_the_header_says(factories: ModuleType) -> None:
    patient = only(bundle_of(READINGS["ct"](factories)), "Patient")
    assert patient["identifier"] == [{"value": "MRN-4711"}]
    assert patient["name"] == [{"text": "Jane Doe", "family": "Doe", "given": ["Jane"]}]
    assert (patient["gender"], patient["birthDate"]) == ("female", "1961-02-03")


def test_a_name_in_two_scripts_is_two_names() -> None:
    latin, chinese = list_names("Li^Hua=李^华")
    assert latin["extension"][0]["valueCode"] == "ABC"
    assert (chinese["extension"][0]["valueCode"], chinese["family"]) == ("IDE", "李")
    assert list_names("") == []


@pytest.mark.parametrize("version", VERSIONS)
def test_a_header_with_rubbish_in_it_gives_a_bundle_that_holds(factories: ModuleType, version: Any) -> None:
    reading = READINGS["ct"](factories)
    who = Identity("  MRN|4,711\\\x00 ", "D\x07oe^^\x00", "19610231", "?", None)
    general = GeneralStudy("20250399", "", "", "\x1b", "^", " ")
    image = replace(reading.source.primary, general=general, number=-3, description="\x00")
    odd = replace(reading, source=replace(reading.source, identity=who, images=(image,)))
    bundle = bundle_of(odd, version)
    assert check_bundle(bundle, version) == []
    assert only(bundle, "Patient") == {
        "resourceType": "Patient",
        "identifier": [{"value": "MRN|4,711\\"}],
        "name": [{"text": "Doe", "family": "Doe"}],
    }
    server = Server()
    server.take(bundle)
    server.take(bundle)
    assert len(server.held) == len(bundle["entry"])


@pytest.mark.parametrize("who", [Identity(), Identity("  ", "^^")])
def test_an_empty_identity_is_nobodys(factories: ModuleType, who: Identity) -> None:
    reading = READINGS["ct"](factories)
    bundle = bundle_of(replace(reading, source=replace(reading.source, identity=who)))
    assert not resources(bundle, "Patient")


def test_a_pseudonym_is_not_taken_for_a_family_name(factories: ModuleType) -> None:
    reading = approve(READINGS["ct"](factories), by="reader 7")
    assert only(bundle_of(reading), "Practitioner")["name"] == [{"text": "reader 7"}]


def test_the_four_states_of_a_finding_stay_apart(factories: ModuleType) -> None:
    reading = READINGS["ct"](factories)
    observations = resources(bundle_of(reading), "Observation")
    by_state = {}
    for finding in reading.document.findings:
        said = next(o for o in observations if o["code"]["text"] == finding.display)
        by_state.setdefault(finding.state, said)
    assert by_state["present"]["interpretation"][0]["coding"][0]["code"] == "POS"
    assert by_state["absent"]["valueCodeableConcept"]["coding"][0]["display"] == "Absent"
    unknown, blurred = (by_state[name]["dataAbsentReason"] for name in ("unknown", "not_assessable"))
    assert unknown["coding"][0]["code"] == "not-performed"
    assert blurred["coding"][0]["code"] == "asked-unknown"
    assert blurred["text"] == "without contrast medium enhancement cannot be seen"


def test_probabilities_are_percentages_as_fhir_has_them(factories: ModuleType) -> None:
    reading = READINGS["ct"](factories)
    risk = resources(bundle_of(reading), "RiskAssessment")[0]
    shares = [p["probabilityDecimal"] for p in risk["prediction"]]
    assert sum(shares) == pytest.approx(100)
    assert shares[0] == pytest.approx(100 * reading.document.differential[0].probability)


def test_a_number_has_its_ucum_unit_and_its_interval(factories: ModuleType) -> None:
    reading = READINGS["ct"](factories)
    volume = next(
        o for o in resources(bundle_of(reading), "Observation") if "Volume of the liver" in o["code"]["text"]
    )["valueQuantity"]
    measured = reading.document.liver.volume
    assert volume["code"] == "mL"
    assert volume["extension"][0]["valueRange"]["low"]["value"] == measured.low


def test_a_repeated_step_has_a_rule_and_a_request_for_every_dated_visit(factories: ModuleType) -> None:
    requests = resources(bundle_of(READINGS["ct"](factories)), "ServiceRequest")
    rule = requests[0]["occurrenceTiming"]["repeat"]
    assert (rule["period"], rule["periodMax"], rule["periodUnit"], rule["frequency"]) == (3, 6, "mo", 1)
    visits = [r for r in requests if "basedOn" in r]
    assert [v["occurrencePeriod"]["start"] for v in visits] == ["2025-06-14"] * 2


def test_without_a_date_a_step_is_due_in_months(factories: ModuleType) -> None:
    step = resources(bundle_of(READINGS["hidden"](factories)), "ServiceRequest")[0]
    span = step["occurrenceTiming"]["extension"][0]["valueRange"]
    assert (span["low"]["value"], span["high"]["value"], span["low"]["code"]) == (3, 6, "mo")
    assert step["occurrenceTiming"]["repeat"]["boundsDuration"]["value"] == 36
    assert "occurrencePeriod" not in json.dumps(step)


def test_to_do_nothing_is_requested_of_nobody(factories: ModuleType) -> None:
    reading = READINGS["ct"](factories)
    step = reading.document.plan[0].model_copy(
        update={"action": "nothing_to_follow", "text": "Nothing.", "visits": (), "repeat": None}
    )
    bundle = bundle_of(changed(reading, plan=(step,), next_tests=()))
    assert not resources(bundle, "ServiceRequest")
    assert only(bundle, "CarePlan")["note"] == [{"text": "Nothing."}]


@pytest.mark.parametrize("version", VERSIONS)
def test_hostile_words_are_escaped_where_people_read_them(factories: ModuleType, version: Any) -> None:
    reading = READINGS["ct"](factories)
    bad = '<script>alert("1")</script> & <b>x</b>'
    summary = reading.document.summary.model_copy(update={"radiology": TextEntry(en=bad, zh=bad)})
    bundle = bundle_of(changed(reading, summary=summary), version)
    report = only(bundle, "DiagnosticReport")
    assert "<script" not in report["text"]["div"]
    assert "&lt;script&gt;" in report["text"]["div"]
    assert report["conclusion"] == bad
    assert check_bundle(bundle, version) == []


def test_chinese_is_said_and_tagged(factories: ModuleType) -> None:
    bundle = bundle_of(READINGS["ct"](factories), "R4", "zh")
    report = only(bundle, "DiagnosticReport")
    assert report["language"] == "zh-CN"
    assert 'xml:lang="zh-CN"' in report["text"]["div"]
    assert "检查" in report["conclusion"]
    assert {o["language"] for o in resources(bundle, "Observation")} == {"zh-CN"}


def test_every_word_has_both_languages_and_every_concept_used_has_words() -> None:
    words = load_words()
    assert all(set(pair) == {"en", "zh"} for pair in words.values())
    named = {"differential", "process", "pattern", "focus", "liver_volume", "smallest_focus", "alert"}
    assert named <= set(words) & set(list_concepts())


def test_a_term_of_a_later_vocabulary_is_said_in_words(factories: ModuleType) -> None:
    reading = READINGS["ct"](factories)
    first, *rest = reading.document.differential
    later = RankedDiagnosis.model_validate({**first.model_dump(), "diagnosis": "some_later_thing"})
    bundle = bundle_of(changed(reading, differential=(later, *rest)))
    outcome = resources(bundle, "RiskAssessment")[0]["prediction"][0]["outcome"]
    assert outcome == {"text": "some later thing"}


def test_a_pdf_of_the_folder_goes_along_unless_it_is_too_large(factories: ModuleType, tmp_path: Path) -> None:
    reading = READINGS["ct"](factories)
    (tmp_path / "report.pdf").write_bytes(b"%PDF-1.7")
    write_fhir(reading, tmp_path, Formats())
    form = only(json.loads((tmp_path / FILE).read_text()), "DiagnosticReport")["presentedForm"][0]
    assert (form["contentType"], form["data"]) == ("application/pdf", "JVBERi0xLjc=")
    (tmp_path / "report.pdf").write_bytes(bytes(LARGEST_PDF_BYTES + 1))
    write_fhir(reading, tmp_path, Formats(fhir_version="R5"))
    text = (tmp_path / FILE).read_text()
    assert "presentedForm" not in text
    assert '"R5"' in text[:2000], "the version is found at the head of the file"


def test_an_unknown_version_or_folder_is_refused_in_one_line(factories: ModuleType, tmp_path: Path) -> None:
    reading = READINGS["ct"](factories)
    with pytest.raises(UsageError, match="choose from R4, R5"):
        write_fhir(reading, tmp_path, Formats(fhir_version="R3"))
    with pytest.raises(OutputError, match=FILE):
        write_fhir(reading, tmp_path / "missing", Formats())


class Server:
    """A server that takes transactions in as FHIR says: creates if none, updates by search."""

    def __init__(self) -> None:
        self.held: list[dict[str, Any]] = []

    def find(self, kind: str, query: str) -> list[int]:
        system, _, escaped = unquote(query.removeprefix("identifier=")).partition("|")
        assert not re.search(r"(?<!\\)(?:\\\\)*[$,|]", escaped), "a search for several, or of another shape"
        value = re.sub(r"\\(.)", r"\1", escaped)
        return [
            n
            for n, r in enumerate(self.held)
            if r["resourceType"] == kind
            and any(i.get("system", "") == system and i["value"] == value for i in r["identifier"])
        ]

    def take(self, bundle: dict[str, Any]) -> None:
        for entry in bundle["entry"]:
            request, resource = entry["request"], entry["resource"]
            kind, _, query = request["url"].partition("?")
            found = self.find(kind, query or request["ifNoneExist"])
            assert len(found) <= 1, "the search is not selective"
            if not found:
                self.held.append(resource)
            elif request["method"] == "PUT":
                self.held[found[0]] = resource


@pytest.mark.parametrize("name", ["ct", "both", "nobody", "hidden"])
def test_a_server_that_is_sent_it_twice_has_it_once(factories: ModuleType, name: str) -> None:
    server, bundle = Server(), bundle_of(READINGS[name](factories))
    server.take(bundle)
    assert len(server.held) == len(bundle["entry"])
    server.take(bundle)
    assert len(server.held) == len(bundle["entry"])


def test_an_accepted_revision_takes_the_place_of_the_preliminary_one(factories: ModuleType) -> None:
    reading = READINGS["ct"](factories)
    server, first = Server(), bundle_of(reading)
    second = bundle_of(approve(reading))
    server.take(first)
    server.take(second)
    assert first["identifier"] != second["identifier"]
    reports = [r for r in server.held if r["resourceType"] == "DiagnosticReport"]
    assert [r["status"] for r in reports] == ["final"]
    statuses = {r["status"] for r in server.held if r["resourceType"] == "Observation"}
    assert statuses == {"final"}


def test_another_patient_with_the_same_number_elsewhere_is_not_taken_for_this_one(
    factories: ModuleType,
) -> None:
    server = Server()
    stranger = {"resourceType": "Patient", "identifier": [{"system": "urn:oid:1.2", "value": "MRN-4711"}]}
    server.held.append(stranger)
    server.take(bundle_of(READINGS["ct"](factories)))
    assert len([r for r in server.held if r["resourceType"] == "Patient"]) == 2


def test_another_reading_shares_no_name(factories: ModuleType) -> None:
    reading = READINGS["ct"](factories)
    made = reading.document.provenance.model_copy(update={"version": "9.9.9"})
    names = [
        {e["fullUrl"] for e in bundle_of(r)["entry"]} for r in (reading, changed(reading, provenance=made))
    ]
    assert not names[0] & names[1]
    renamed = replace(reading, source=replace(reading.source, sha256="00"))
    assert {e["fullUrl"] for e in bundle_of(renamed)["entry"]} == names[0]
