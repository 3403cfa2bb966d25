"""Our own check sees what is planted, in both versions, and agrees with the library on what FHIR is."""

from __future__ import annotations

import json
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any

import pytest
from tests.report.fhir.faults import FAULTS, Fault
from tests.report.fhir.readings import READINGS

from hepalith.report.fhir.bundle import make_bundle
from hepalith.report.fhir.check import Rule, check_bundle, load_rules
from hepalith.report.fhir.primitive import suits

OUR_KINDS = (
    "BodyStructure",
    "Bundle",
    "CarePlan",
    "Condition",
    "DetectedIssue",
    "Device",
    "DiagnosticReport",
    "ImagingStudy",
    "Observation",
    "Organization",
    "Patient",
    "Practitioner",
    "RiskAssessment",
    "ServiceRequest",
)


@cache
def text_of(factories: ModuleType, version: Any) -> str:
    return json.dumps(make_bundle(READINGS["ct"](factories), version))


def bundle_of(factories: ModuleType, version: Any) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(text_of(factories, version))
    return read


@pytest.mark.parametrize("version", ["R4", "R5"])
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_planted_fault_is_seen_and_nothing_else_is_said(
    factories: ModuleType, fault: Fault, version: Any
) -> None:
    bundle = bundle_of(factories, version)
    fault.plant(bundle)
    said = check_bundle(bundle, version)
    assert any(fault.says in line for line in said), said[:5]
    assert len(said) <= 4, said


@pytest.mark.parametrize("version", ["R4", "R5"])
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_what_the_library_sees_of_it_is_known(factories: ModuleType, fault: Fault, version: Any) -> None:
    path = "fhir.resources.bundle" if version == "R5" else "fhir.resources.R4B.bundle"
    library = pytest.importorskip(path, reason="fhir.resources is not installed")
    whole, bundle = bundle_of(factories, version), bundle_of(factories, version)
    fault.plant(bundle)
    bundle["entry"] = [entry for entry in bundle["entry"] if entry not in whole["entry"]]  # what changed
    try:
        library.Bundle.model_validate(bundle)
        seen = False
    except ValueError:
        seen = True
    assert seen is fault.library


def test_what_is_no_bundle_is_said() -> None:
    assert check_bundle({"resourceType": "Patient"}, "R4") == ["it is no Bundle"]
    assert "Bundle.type: is missing" in check_bundle({"resourceType": "Bundle"}, "R4")


def test_r4_is_not_taken_for_r5(factories: ModuleType) -> None:
    assert any("imagingStudy" in line for line in check_bundle(bundle_of(factories, "R4"), "R5"))
    assert any("study" in line for line in check_bundle(bundle_of(factories, "R5"), "R4"))


def field_of(model: Any, name: str) -> Any:
    """Return the library's field of an element."""
    return next(
        (f for key, f in model.model_fields.items() if name in {key, f.alias}),
        None,
    )


@pytest.mark.parametrize("version", ["R4", "R5"])
@pytest.mark.parametrize("kind", OUR_KINDS)
def test_the_rules_are_those_of_the_library(version: str, kind: str) -> None:
    """Names, lists, required elements, targets and value sets, as fhir.resources has them."""
    base = "fhir.resources." if version == "R5" else "fhir.resources.R4B."
    pytest.importorskip(f"{base}{kind.lower()}", reason="fhir.resources is not installed")
    module = import_module(f"{base}{kind.lower()}")
    rules = load_rules(version)
    for name, elements in rules.elements.items():
        if name.split(".")[0] != kind:
            continue
        model = getattr(module, "".join(part[0].upper() + part[1:] for part in name.split(".")))
        for element, rule in elements.items():
            compare(f"{name}.{element}", rule, field_of(model, element), rules.values)


def compare(at: str, rule: Rule, field: Any, values: Any) -> None:
    assert field is not None, f"{at}: the library has no such element"
    said = field.json_schema_extra or {}
    assert ("List" in str(field.annotation)) is rule.is_list, at
    if said.get("element_required") or (said.get("one_of_many_required") and "value" not in at):
        assert rule.least == 1, f"{at} is required"
    allowed = said.get("enum_reference_types")
    if rule.kind == "Reference" and allowed and "Resource" not in allowed:
        assert rule.targets, at
        assert set(rule.targets) <= set(allowed), at
    known = said.get("enum_values")
    if rule.bound and known and "+" not in known:
        assert set(values[rule.bound]) == set(known), at


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("date", "2024-02-29", "2023-02-29"),
        ("date", "2024", "24-01-01"),
        ("dateTime", "2024-01-15T10:00:00+08:00", "2024-01-15T10:00"),
        ("instant", "2024-01-15T10:00:00.5Z", "2024-01-15"),
        ("decimal", 1e-14, "1e-14"),
        ("decimal", 0, True),
        ("positiveInt", 1, 0),
        ("unsignedInt", 0, -1),
        ("unsignedInt", 3, 3.5),
        ("uri", "urn:oid:2.25.1", "urn:oid:2.25.01"),
        ("uri", "urn:uuid:0a0a0a0a-0000-5000-8000-000000000000", "urn:uuid:0A0A"),
        ("uri", "http://loinc.org", "with space"),
        ("id", "1.2.840.10008", "1" * 65),
        ("code", "not-performed", " padded "),
        ("string", "x", ""),
        ("boolean", False, 0),
        ("base64Binary", "JVBERg==", "JVBERg="),
        ("xhtml", '<div xmlns="http://www.w3.org/1999/xhtml">x</div>', "<div>x</div>"),
    ],
)
def test_primitive_types_are_told_apart_from_what_looks_like_them(kind: str, good: Any, bad: Any) -> None:
    assert suits(kind, good)
    assert not suits(kind, bad)
