"""What FHIR asks of several elements together, and what this product promises of its bundles."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

__all__ = ["broken_invariants"]

DECIDED: Final = ("final", "amended")
"""Statuses of a report that a person has accepted."""

PROPOSED: Final = ("CarePlan", "ServiceRequest")
"""Resources that must stay proposals and drafts."""


def broken_invariants(bundle: Mapping[str, Any], version: str) -> Iterator[str]:
    """Yield what is broken, with the path to it."""
    resources = [
        (f"Bundle.entry[{n}].resource", entry["resource"])
        for n, entry in enumerate(bundle.get("entry", ()))
        if isinstance(entry, dict) and isinstance(entry.get("resource"), dict)
    ]
    statuses = [r.get("status") for _, r in resources if r.get("resourceType") == "DiagnosticReport"]
    if len(statuses) != 1:
        yield f"Bundle: has {len(statuses)} reports, not one"
    for at, resource in resources:
        kind = resource.get("resourceType")
        if kind == "Observation":
            yield from of_observation(at, resource, version)
        elif kind == "RiskAssessment":
            yield from of_risk(at, resource)
        elif kind == "Condition" and not (
            set(statuses) <= set(DECIDED) and codes_of(resource.get("verificationStatus")) == ["confirmed"]
        ):
            yield f"{at}: a condition that no person has confirmed"
        elif kind in PROPOSED and (resource.get("intent"), resource.get("status")) != ("proposal", "draft"):
            yield f"{at}: is more than a proposal"
        yield from of_values(at, resource)


def codes_of(concept: object) -> list[str]:
    """Return the codes of a CodeableConcept."""
    codings = concept.get("coding", ()) if isinstance(concept, dict) else ()
    return [str(coding.get("code")) for coding in codings if isinstance(coding, dict)]


def values_of(element: Mapping[str, Any]) -> list[str]:
    """Return the names of the elements that hold a value."""
    return [name for name in element if name.startswith("value")]


def of_observation(at: str, resource: Mapping[str, Any], version: str) -> Iterator[str]:
    """Yield what breaks obs-6 and obs-7, in R5 also obs-8, and values that are neither there nor absent.

    Two of these are ours: every finding has a value or says why not, and has one value alone.
    """
    own = set(codes_of(resource.get("code")))
    components = [c for c in resource.get("component", ()) if isinstance(c, dict)]
    for place, part in [(at, resource), *((f"{at}.component[{n}]", c) for n, c in enumerate(components))]:
        held = values_of(part)
        if len(held) > 1:
            yield f"{place}: has more than one value"
        if held and "dataAbsentReason" in part:
            yield f"{place}: has a value and a reason for having none (obs-6)"
        if not held and "dataAbsentReason" not in part:
            yield f"{place}: has no value and does not say why"
    for n, part in enumerate(components):
        if own & set(codes_of(part.get("code"))) and values_of(resource):
            yield f"{at}.component[{n}]: has the code of the observation itself (obs-7)"
    if version == "R5" and "bodyStructure" in resource and "bodySite" in resource:
        yield f"{at}: has a body site and a body structure (obs-8)"


def of_risk(at: str, resource: Mapping[str, Any]) -> Iterator[str]:
    """Yield probabilities that are no percentages (ras-2)."""
    predictions = [p for p in resource.get("prediction", ()) if isinstance(p, dict)]
    shares = [p["probabilityDecimal"] for p in predictions if "probabilityDecimal" in p]
    for n, share in enumerate(shares):
        if not isinstance(share, int | float) or not 0 <= share <= 100:
            yield f"{at}.prediction[{n}]: {share!r} is no percentage (ras-2)"


def of_values(at: str, value: object) -> Iterator[str]:
    """Yield quantities, ranges, periods and timings whose parts do not fit, anywhere within."""
    if isinstance(value, list):
        for n, one in enumerate(value):
            yield from of_values(f"{at}[{n}]", one)
    if not isinstance(value, dict):
        return
    low, high = (number_of(value.get(end)) for end in ("low", "high"))
    if low is not None and high is not None and low > high:
        yield f"{at}: its low end lies above its high end (rng-2)"
    if str(value.get("start", "")) > str(value.get("end", "9")):
        yield f"{at}: begins after its end (per-1)"
    if ("period" in value or "periodMax" in value) and "frequency" in value:
        if "periodUnit" not in value or "period" not in value:
            yield f"{at}: a period without its unit, or a longest without it (tim-2, tim-6)"
        elif value.get("periodMax", value["period"]) < value["period"]:
            yield f"{at}: the longest period is shorter than the period"
    for name, one in value.items():
        yield from of_values(f"{at}.{name}", one)


def number_of(quantity: object) -> float | None:
    """Return the number of a Quantity."""
    held = quantity.get("value") if isinstance(quantity, dict) else None
    return float(held) if isinstance(held, int | float) else None
