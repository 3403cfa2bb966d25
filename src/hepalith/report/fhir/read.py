"""Reads a bundle of ours back: numbers, codes, UIDs and dates, for the check that all formats agree.

It knows FHIR and the product's codes, and nothing of how the writer lays a bundle out: resources are told
apart by their kind and code, and found by reference.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from hepalith.errors import ReadingFileError
from hepalith.vocabulary import concept

__all__ = [
    "FhirCode",
    "FhirComponent",
    "FhirContent",
    "FhirFinding",
    "FhirFocus",
    "FhirNumber",
    "FhirPrediction",
    "FhirSeries",
    "FhirStep",
    "read_fhir",
]

INTERVAL: Final = "urn:uuid:fcd97f4a-7837-5608-a625-ffc64fdbe028"
AFTER_EXAMINATION: Final = "urn:uuid:415e251e-8b09-5f61-80be-dc07b53d9c4b"
"""Names of our extensions, as ``docs/conformance.md`` lists them."""

STATES: Final = {
    "POS": "present",
    "NEG": "absent",
    "not-performed": "unknown",
    "asked-unknown": "not_assessable",
}
"""States of a finding by HL7's codes: of its interpretation, or of why it has no value."""

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class FhirNumber:
    """A number with its UCUM unit and its 95 % interval, where it has one."""

    value: float
    unit: str
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class FhirCode:
    """A code; `value` is empty where there are words alone."""

    system: str
    value: str
    text: str


@dataclass(frozen=True, slots=True)
class FhirComponent:
    """One value under one code, or why there is none (`state` and `reason`)."""

    code: FhirCode
    value: FhirNumber | FhirCode | bool | str | None
    state: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class FhirFocus:
    """One focus."""

    tracking_uid: str
    label: FhirCode
    site: FhirCode
    components: tuple[FhirComponent, ...]

    def under(self, code: str) -> tuple[FhirComponent, ...]:
        """Return the components that have a code, in their order."""
        return tuple(one for one in self.components if one.code.value == code)


@dataclass(frozen=True, slots=True)
class FhirFinding:
    """One finding: its state, its value where it has one beside the state, and how probable it is."""

    code: FhirCode
    state: str
    value: FhirNumber | FhirCode | bool | str | None
    probability: float | None
    reason: str


@dataclass(frozen=True, slots=True)
class FhirPrediction:
    """One diagnosis and its probability (0 to 1), with its range where it has one."""

    code: FhirCode
    probability: float
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class FhirStep:
    """One proposed request, and the dated visits that repeat it."""

    code: FhirCode
    category: FhirCode
    after_months: tuple[float, float] | None
    due: tuple[date, date] | None
    every_months: tuple[float, float] | None
    until_months: float | None
    until: date | None
    visits: tuple[FhirStep, ...] = ()


@dataclass(frozen=True, slots=True)
class FhirSeries:
    """One series of an examination, and its instances where they are listed."""

    study_uid: str
    series_uid: str
    modality: str
    instances: tuple[tuple[str, str], ...]
    """SOP class and SOP instance UID."""


@dataclass(frozen=True, slots=True)
class FhirContent:
    """Everything that a bundle says in numbers and codes."""

    version: str
    reading_id: str
    status: str
    patient_ids: tuple[str, ...]
    series: tuple[FhirSeries, ...]
    liver_volume: FhirComponent
    smallest_focus: FhirComponent
    foci: tuple[FhirFocus, ...]
    findings: tuple[FhirFinding, ...]
    patterns: tuple[FhirPrediction, ...]
    differential: tuple[FhirPrediction, ...]
    processes: tuple[FhirPrediction, ...]
    alerts: tuple[FhirCode, ...]
    steps: tuple[FhirStep, ...]
    next_tests: tuple[FhirStep, ...]
    conditions: tuple[FhirCode, ...]
    conclusion: str


def read_fhir(path: Path) -> FhirContent:
    """Read ``bundle.fhir.json``.

    Raises
    ------
    ReadingFileError
        If it is no bundle of this product's.
    """
    try:
        bundle = json.loads(path.read_text(encoding="utf-8"))
        return content_of(bundle)
    except OSError as error:
        raise ReadingFileError(f"{path} cannot be read ({error.strerror or error})") from error
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, StopIteration) as error:
        raise ReadingFileError(f"{path} is no bundle of a reading ({error!r}); write it again") from error


def content_of(bundle: Json) -> FhirContent:
    """Return what a bundle says."""
    named = {entry["fullUrl"]: entry["resource"] for entry in bundle["entry"]}
    of_kind: dict[str, list[Json]] = {}
    for resource in named.values():
        of_kind.setdefault(resource["resourceType"], []).append(resource)
    (report,) = of_kind["DiagnosticReport"]
    results = [named[reference["reference"]] for reference in report["result"]]
    by_code: dict[str, list[Json]] = {}
    for result in results:
        by_code.setdefault(first_code(result["code"]).value, []).append(result)
    special = {
        name: by_code.pop(concept(name).value, [])
        for name in ("liver_volume", "smallest_focus", "focus", "pattern", "grading")
    }
    left = {id(one) for members in special.values() for one in members}
    risks = {first_code(risk["code"]).value: risk for risk in of_kind.get("RiskAssessment", ())}
    requests = list(steps_of(of_kind.get("ServiceRequest", ()), named))
    follow_up = concept("follow_up").value
    return FhirContent(
        version=bundle["meta"]["tag"][0]["display"],
        reading_id=bundle["identifier"]["value"].removeprefix("urn:uuid:"),
        status=report["status"],
        patient_ids=tuple(i["value"] for p in of_kind.get("Patient", ()) for i in p["identifier"]),
        series=tuple(one for study in of_kind["ImagingStudy"] for one in series_of(study)),
        liver_volume=component_of(special["liver_volume"][0]),
        smallest_focus=component_of(special["smallest_focus"][0]),
        foci=tuple(focus_of(one, named) for one in special["focus"]),
        findings=tuple(finding_of(one) for one in results if id(one) not in left),
        patterns=tuple(pattern_of(one) for one in special["pattern"]),
        differential=predictions_of(risks.get(concept("differential").value)),
        processes=predictions_of(risks.get(concept("process").value)),
        alerts=tuple(first_code(issue["code"]) for issue in of_kind.get("DetectedIssue", ())),
        steps=tuple(one for one in requests if one.category.value == follow_up),
        next_tests=tuple(one for one in requests if one.category.value != follow_up),
        conditions=tuple(first_code(one["code"]) for one in of_kind.get("Condition", ())),
        conclusion=report["conclusion"],
    )


def first_code(concept_: Json) -> FhirCode:
    """Return the first code of a CodeableConcept, or its words alone."""
    codings = concept_.get("coding") or [{}]
    return FhirCode(codings[0].get("system", ""), codings[0].get("code", ""), concept_.get("text", ""))


def extension(element: Json, url: str) -> Any:
    """Return the range in an extension of an element; None where it has none."""
    return next((e["valueRange"] for e in element.get("extension", ()) if e["url"] == url), None)


def number_of(quantity: Json) -> FhirNumber:
    """Return a Quantity with the interval that an extension gives it."""
    ends = extension(quantity, INTERVAL)
    low, high = (float(ends[end]["value"]) if ends else None for end in ("low", "high"))
    return FhirNumber(float(quantity["value"]), quantity["code"], low, high)


def component_of(part: Json) -> FhirComponent:
    """Return the value of an Observation or of a component of one."""
    code = first_code(part["code"])
    if "dataAbsentReason" in part:
        why = part["dataAbsentReason"]
        return FhirComponent(code, None, STATES[first_code(why).value], why.get("text", ""))
    if "valueQuantity" in part:
        return FhirComponent(code, number_of(part["valueQuantity"]))
    if "valueCodeableConcept" in part:
        return FhirComponent(code, first_code(part["valueCodeableConcept"]))
    name = next(name for name in part if name.startswith("value"))
    return FhirComponent(code, part[name])


def focus_of(observation: Json, named: Mapping[str, Json]) -> FhirFocus:
    """Return one focus; its place is in the body structure that it refers to."""
    uid = next(i["value"] for i in observation["identifier"] if i["system"] == "urn:dicom:uid")
    if "bodyStructure" in observation:
        structure = named[observation["bodyStructure"]["reference"]]
        site = structure["includedStructure"][0]["structure"]
    else:
        site = observation["bodySite"]
    label = first_code(observation["valueCodeableConcept"])
    parts = tuple(component_of(part) for part in observation["component"])
    return FhirFocus(uid.removeprefix("urn:oid:"), label, first_code(site), parts)


def probability_of(observation: Json) -> float | None:
    """Return the probability that an Observation has as a component."""
    wanted = concept("probability").value
    for part in observation.get("component", ()):
        if first_code(part["code"]).value == wanted:
            return float(part["valueQuantity"]["value"])
    return None


def finding_of(observation: Json) -> FhirFinding:
    """Return one finding; a value that only repeats the state is none."""
    said = component_of(observation)
    state, value = said.state, said.value
    if "interpretation" in observation:
        state = STATES[first_code(observation["interpretation"][0]).value]
    if isinstance(value, FhirCode) and value.value == concept(state).value:
        value = None
    return FhirFinding(said.code, state, value, probability_of(observation), said.reason)


def pattern_of(observation: Json) -> FhirPrediction:
    """Return one arrangement of foci."""
    probability = probability_of(observation)
    return FhirPrediction(first_code(observation["valueCodeableConcept"]), probability or 0.0, None, None)


def share(percentage: float) -> float:
    """Return a percentage as a probability, without what binary fractions would add."""
    return float(Decimal(repr(percentage)) / 100)


def predictions_of(risk: Json | None) -> tuple[FhirPrediction, ...]:
    """Return the predictions of a RiskAssessment, which are percentages there."""
    found = []
    for one in risk["prediction"] if risk else ():
        ends = extension(one, INTERVAL)
        low, high = (share(ends[end]["value"]) if ends else None for end in ("low", "high"))
        found.append(FhirPrediction(first_code(one["outcome"]), share(one["probabilityDecimal"]), low, high))
    return tuple(found)


def series_of(study: Json) -> Iterator[FhirSeries]:
    """Yield the series of an examination."""
    uid = next(i["value"] for i in study["identifier"] if i.get("system") == "urn:dicom:uid")
    for one in study["series"]:
        modality = one["modality"]
        code = modality["coding"][0] if "coding" in modality else modality
        instances = tuple(
            (i["sopClass"]["code"].removeprefix("urn:oid:"), i["uid"]) for i in one.get("instance", ())
        )
        yield FhirSeries(uid.removeprefix("urn:oid:"), one["uid"], code["code"], instances)


def steps_of(requests: Any, named: Mapping[str, Json]) -> Iterator[FhirStep]:
    """Yield every request that is based on no other, with those that are based on it."""
    visits: dict[int, list[FhirStep]] = {}
    for request in requests:
        if "basedOn" in request:
            top = named[request["basedOn"][0]["reference"]]
            visits.setdefault(id(top), []).append(step_of(request, ()))
    for request in requests:
        if "basedOn" not in request:
            yield step_of(request, tuple(visits.get(id(request), ())))


def step_of(request: Json, visits: tuple[FhirStep, ...]) -> FhirStep:
    """Return one request: R4 has its code as it is, R5 as a reference to a concept."""
    code = request["code"].get("concept", request["code"])
    period, timing = request.get("occurrencePeriod"), request.get("occurrenceTiming") or {}
    span = extension(period or timing, AFTER_EXAMINATION)
    rule = timing.get("repeat") or {}
    every = (float(rule["period"]), float(rule.get("periodMax", rule["period"]))) if rule else None
    end = rule.get("boundsPeriod", {}).get("end")
    return FhirStep(
        first_code(code),
        first_code(request["category"][0]),
        (float(span["low"]["value"]), float(span["high"]["value"])) if span else None,
        (date.fromisoformat(period["start"]), date.fromisoformat(period["end"])) if period else None,
        every,
        float(rule["boundsDuration"]["value"]) if "boundsDuration" in rule else None,
        date.fromisoformat(end) if end else None,
        visits,
    )
