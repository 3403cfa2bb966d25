"""Faults planted into a bundle, each with what our own check says of it and which other validators see it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

Bundle = dict[str, Any]

__all__ = ["FAULTS", "Fault"]


def first(bundle: Bundle, kind: str, *, having: str = "") -> dict[str, Any]:
    """Return the first resource of a kind, or the first that has an element."""
    found: dict[str, Any] = next(
        e["resource"]
        for e in bundle["entry"]
        if e["resource"]["resourceType"] == kind and (not having or having in e["resource"])
    )
    return found


def other_status(bundle: Bundle) -> None:
    first(bundle, "Observation")["status"] = "foo"


def report_status(bundle: Bundle) -> None:
    first(bundle, "DiagnosticReport")["status"] = "finished"


def malformed_reference(bundle: Bundle) -> None:
    first(bundle, "Observation")["subject"] = {"reference": "not a reference !!"}


def dangling_reference(bundle: Bundle) -> None:
    first(bundle, "Observation")["device"] = {"reference": "urn:uuid:00000000-0000-5000-8000-000000000000"}


def wrong_target(bundle: Bundle) -> None:
    device = next(e["fullUrl"] for e in bundle["entry"] if e["resource"]["resourceType"] == "Device")
    first(bundle, "DiagnosticReport")["result"][0] = {"reference": device}


def missing_code(bundle: Bundle) -> None:
    del first(bundle, "Observation")["code"]


def unknown_element(bundle: Bundle) -> None:
    first(bundle, "CarePlan")["priority"] = "high"


def single_where_list(bundle: Bundle) -> None:
    report = first(bundle, "DiagnosticReport")
    report["category"] = report["category"][0]


def impossible_date(bundle: Bundle) -> None:
    first(bundle, "Observation", having="effectiveDateTime")["effectiveDateTime"] = "2024-02-30"


def time_without_zone(bundle: Bundle) -> None:
    first(bundle, "Observation", having="effectiveDateTime")["effectiveDateTime"] = "2024-02-20T10:00:00"


def number_as_text(bundle: Bundle) -> None:
    first(bundle, "Observation", having="valueQuantity")["valueQuantity"]["value"] = "12,5"


def other_unit(bundle: Bundle) -> None:
    first(bundle, "Observation", having="valueQuantity")["valueQuantity"]["code"] = "cubic mm"


def bad_oid(bundle: Bundle) -> None:
    instance = first(bundle, "ImagingStudy")["series"][0]["instance"][0]
    instance["uid"] = "1.2.840 .10008"


def value_and_reason(bundle: Bundle) -> None:
    first(bundle, "Observation", having="valueQuantity")["dataAbsentReason"] = {"text": "none"}


def no_value(bundle: Bundle) -> None:
    del first(bundle, "Observation", having="valueQuantity")["valueQuantity"]


def over_a_hundred(bundle: Bundle) -> None:
    first(bundle, "RiskAssessment")["prediction"][0]["probabilityDecimal"] = 130


def ordered(bundle: Bundle) -> None:
    first(bundle, "ServiceRequest")["intent"] = "order"


def begun_after_its_end(bundle: Bundle) -> None:
    first(bundle, "ServiceRequest", having="occurrencePeriod")["occurrencePeriod"]["start"] = "2031-01-01"


def period_without_unit(bundle: Bundle) -> None:
    del first(bundle, "ServiceRequest", having="occurrenceTiming")["occurrenceTiming"]["repeat"]["periodUnit"]


def turned_interval(bundle: Bundle) -> None:
    said = first(bundle, "Observation", having="valueQuantity")["valueQuantity"]["extension"][0]["valueRange"]
    said["low"], said["high"] = said["high"], said["low"]


def empty_text(bundle: Bundle) -> None:
    first(bundle, "Observation")["code"]["text"] = ""


def scripted_narrative(bundle: Bundle) -> None:
    report = first(bundle, "DiagnosticReport")
    report["text"]["div"] = report["text"]["div"].replace("<p>", "<script>x</script><p>", 1)


def unclosed_narrative(bundle: Bundle) -> None:
    report = first(bundle, "DiagnosticReport")
    report["text"]["div"] = report["text"]["div"].replace("</p>", "", 1)


def named_twice(bundle: Bundle) -> None:
    bundle["entry"][-1]["fullUrl"] = bundle["entry"][-2]["fullUrl"]


def created_twice(bundle: Bundle) -> None:
    entry = next(e for e in bundle["entry"] if "ifNoneExist" in e["request"])
    del entry["request"]["ifNoneExist"]


def unconfirmed_condition(bundle: Bundle) -> None:
    urn = "urn:uuid:00000000-0000-5000-8000-000000000001"
    concept = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-ver-status"}]}
    concept["coding"][0]["code"] = "provisional"
    resource = {
        "resourceType": "Condition",
        "verificationStatus": concept,
        "clinicalStatus": {
            "coding": [
                {"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active"}
            ]
        },
        "subject": {"display": "somebody"},
    }
    request = {"method": "POST", "url": "Condition", "ifNoneExist": "identifier=x"}
    bundle["entry"].append({"fullUrl": urn, "resource": resource, "request": request})


@dataclass(frozen=True)
class Fault:
    """One fault: who sees it. ``fhir`` and Medplum are npm packages, of R4 alone."""

    plant: Callable[[Bundle], None]
    says: str
    library: bool = False
    fhir: bool = False
    medplum: bool = False

    @property
    def name(self) -> str:
        return self.plant.__name__


FAULTS: Final = (
    Fault(other_status, "'foo' is not in the value set observation-status", fhir=True),
    Fault(report_status, "'finished' is not in the value set diagnostic-report-status", fhir=True),
    Fault(malformed_reference, "is no reference within the bundle", medplum=True),
    Fault(dangling_reference, "is not in the bundle", medplum=True),
    Fault(wrong_target, "leads to Device, not to Observation", medplum=True),
    Fault(missing_code, "code: is missing", library=True, fhir=True, medplum=True),
    Fault(unknown_element, "CarePlan has no such element", library=True, fhir=True, medplum=True),
    Fault(single_where_list, "must be a list", library=True, fhir=True, medplum=True),
    Fault(impossible_date, "is no dateTime", library=True, medplum=True),
    Fault(time_without_zone, "is no dateTime", library=True),
    Fault(number_as_text, "is no decimal", library=True, fhir=True, medplum=True),
    Fault(other_unit, "is none of the UCUM codes"),
    Fault(bad_oid, "is no id", library=True, medplum=True),
    Fault(value_and_reason, "obs-6", medplum=True),
    Fault(no_value, "has no value and does not say why"),
    Fault(over_a_hundred, "ras-2", medplum=True),
    Fault(ordered, "is more than a proposal"),
    Fault(begun_after_its_end, "per-1"),
    Fault(period_without_unit, "tim-2", medplum=True),
    Fault(turned_interval, "rng-2"),
    Fault(empty_text, "is no string", library=True),
    Fault(scripted_narrative, "is no xhtml"),
    Fault(unclosed_narrative, "is no xhtml"),
    Fault(named_twice, "stands there twice", medplum=True),
    Fault(created_twice, "it would be created twice"),
    Fault(unconfirmed_condition, "a condition that no person has confirmed"),
)
"""Every fault, and who sees it, as watched."""
