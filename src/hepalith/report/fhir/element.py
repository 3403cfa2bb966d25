"""FHIR's data types as plain JSON: codings, quantities, identifiers, references to what stands elsewhere."""

from __future__ import annotations

import html
import re
import uuid
from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Final

from hepalith.reading.document import Choice, Measured, Quantity
from hepalith.reading.terms import say, say_choice
from hepalith.reading.translate import translate
from hepalith.reading.wording import plain_unit
from hepalith.vocabulary import Coded, coded, concept

__all__ = [
    "AFTER_EXAMINATION",
    "BODY_STRUCTURE",
    "DICOM_UID",
    "INTERVAL",
    "LANGUAGE_TAGS",
    "LOINC",
    "MISSING",
    "NAMESPACE",
    "NOT_LOOKED_FOR",
    "NOT_TO_BE_JUDGED",
    "TERMINOLOGY",
    "UNIFORM_RESOURCE",
    "Json",
    "absent",
    "choice_concept",
    "codeable",
    "coding",
    "compact",
    "concept_term",
    "dicom_uid",
    "interval",
    "measured",
    "months",
    "narrative",
    "number",
    "percent",
    "prune",
    "quantity",
    "uuid_identifier",
    "vocabulary_term",
]

Json = dict[str, Any]

NAMESPACE: Final = uuid.UUID("23eb7e08-50b2-4462-a140-d1ee2ee697d2")
"""UUID namespace of the resources made from readings: a random number drawn once."""

LOINC: Final = "http://loinc.org"
UCUM: Final = "http://unitsofmeasure.org"
TERMINOLOGY: Final = "http://terminology.hl7.org/CodeSystem"
"""Where the code systems of HL7 itself are named."""

UNIFORM_RESOURCE: Final = "urn:ietf:rfc:3986"
"""System of identifiers that are URIs themselves (FHIR, Identifier.system)."""

DICOM_UID: Final = "urn:dicom:uid"
"""System of identifiers that are DICOM UIDs (FHIR R4 and R5, ImagingStudy, notes)."""

INTERVAL: Final = "urn:uuid:fcd97f4a-7837-5608-a625-ffc64fdbe028"
"""Our extension of a Quantity or a prediction: its 95 % interval, as a Range. FHIR has none of its own."""

AFTER_EXAMINATION: Final = "urn:uuid:415e251e-8b09-5f61-80be-dc07b53d9c4b"
"""Our extension of a Timing: months after the examination within which a step is due, as a Range."""

BODY_STRUCTURE: Final = "http://hl7.org/fhir/StructureDefinition/bodySite"
"""HL7's extension of R4 that names the BodyStructure of a body site."""

MISSING: Final = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
"""HL7's extension that says why an element has no value."""

NOT_LOOKED_FOR: Final = "not-performed"
NOT_TO_BE_JUDGED: Final = "asked-unknown"
"""Codes of data-absent-reason: not looked for; looked for, and it could not be judged.

Of the code system's definitions, "the observation procedure was not performed" and "the source was asked but
does not know the value" come nearest (FHIR, CodeSystem data-absent-reason)."""

CONTROLS: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
"""Characters that no string of FHIR may hold (FHIR, data type string)."""

LANGUAGE_TAGS: Final = {"en": "en", "zh": "zh-CN"}
"""BCP 47 tags by the product's languages, of those in FHIR's list of common languages."""


def compact(**elements: Any) -> Json:
    """Return elements without those that are empty: FHIR allows no empty value. A trailing ``_`` is dropped.

    Examples
    --------
    >>> compact(status="final", note=[], code=None, valueInteger=0, class_="x")
    {'status': 'final', 'valueInteger': 0, 'class': 'x'}
    """
    kept = {name: value for name, value in elements.items() if value is not None}
    return {
        name.rstrip("_"): value
        for name, value in kept.items()
        if not (isinstance(value, str | list | dict | tuple) and not value)
    }


def number(value: float) -> int | float:
    """Return a number as FHIR's decimal: whole ones without a point, which would claim a digit more.

    Examples
    --------
    >>> number(1281840.0), number(0.25), number(-0.0)
    (1281840, 0.25, 0)
    """
    return int(value) if float(value).is_integer() else value


def percent(probability: float) -> int | float:
    """Return a probability in percent with all of its digits, and none that binary fractions add.

    Examples
    --------
    >>> percent(0.0877331), percent(1.0)
    (8.77331, 100)
    """
    return number(float(Decimal(repr(float(probability))) * 100))


def prune(value: Any) -> Any:
    r"""Return JSON without what FHIR forbids: empty strings, lists and objects, and control characters.

    Examples
    --------
    >>> prune({"note": [{"text": " "}], "code": {"text": "x\x00y", "coding": []}, "n": 0, "is": False})
    {'code': {'text': 'xy'}, 'n': 0, 'is': False}
    """
    if isinstance(value, dict):
        return {name: kept for name, one in value.items() if (kept := prune(one)) is not None} or None
    if isinstance(value, list):
        return [kept for one in value if (kept := prune(one)) is not None] or None
    if isinstance(value, str):
        clean = value if value.isprintable() else CONTROLS.sub("", value)
        return clean if clean.strip() else None
    return value


def coding(code: Coded) -> Json:
    """Return a code with the scheme's own wording."""
    return {"system": code.system, "code": code.value, "display": code.meaning}


def codeable(text: str, *codes: Coded | None, more: Iterable[Json] = ()) -> Json:
    """Return a CodeableConcept: our words, and the codes that mean them."""
    return compact(coding=[*(coding(code) for code in codes if code is not None), *more], text=text)


def vocabulary_term(term: str, language: str) -> Json:
    """Return a term of the vocabulary; one that this version does not know has its words alone."""
    try:
        code = coded(term)
    except KeyError:
        code = None
    return codeable(say(term, language), code)


def choice_concept(term: str, choice: str, language: str) -> Json:
    """Return one choice of a term."""
    try:
        code = coded(term, choice)
    except (KeyError, StopIteration):
        code = None
    return codeable(say_choice(term, choice, language), code)


def concept_term(name: str, text: str) -> Json:
    """Return a concept that is no term, in the words given."""
    return codeable(text, concept(name))


def quantity(value: float, unit: str) -> Json:
    """Return a Quantity with its UCUM code and the unit as it is printed."""
    return compact(value=number(value), unit=plain_unit(unit) or None, system=UCUM, code=unit)


def interval(low: float, high: float, unit: str) -> Json:
    """Return the extension that holds a 95 % interval."""
    return {"url": INTERVAL, "valueRange": {"low": quantity(low, unit), "high": quantity(high, unit)}}


def months(url: str, low: float, high: float) -> Json:
    """Return an extension that holds a span of months."""
    return {"url": url, "valueRange": {"low": quantity(low, "mo"), "high": quantity(high, "mo")}}


def absent(code: str, reason: str) -> Json:
    """Return why a value is absent: HL7's code and our reason in words."""
    return compact(coding=[{"system": f"{TERMINOLOGY}/data-absent-reason", "code": code}], text=reason)


def measured(value: Measured | Choice, language: str) -> Json:
    """Return the value of a measured number, as elements of an Observation or a component of one."""
    if isinstance(value, Quantity):
        said = quantity(value.value, value.unit)
        if value.low is not None and value.high is not None:
            said = {"extension": [interval(value.low, value.high, value.unit)], **said}
        return {"valueQuantity": said}
    if isinstance(value, Choice):
        return {"valueString": value.choice}
    return {"dataAbsentReason": absent(NOT_TO_BE_JUDGED, translate(value.not_assessable, language))}


def uuid_identifier(urn: str) -> Json:
    """Return the identifier of a resource that we name."""
    return {"system": UNIFORM_RESOURCE, "value": urn}


def dicom_uid(uid: str) -> Json:
    """Return a DICOM UID as an identifier."""
    return {"system": DICOM_UID, "value": f"urn:oid:{uid}"}


def narrative(parts: Iterable[tuple[str, str]], language: str) -> Json:
    """Return the text of a resource for people: element names of XHTML and what stands in them, escaped.

    Examples
    --------
    >>> narrative([("p", "<b> & co")], "en")["div"]
    '<div xmlns="http://www.w3.org/1999/xhtml" lang="en" xml:lang="en"><p>&lt;b&gt; &amp; co</p></div>'
    """
    tag = LANGUAGE_TAGS[language]
    inner = "".join(f"<{name}>{html.escape(text)}</{name}>" for name, text in parts)
    return {
        "status": "generated",
        "div": f'<div xmlns="http://www.w3.org/1999/xhtml" lang="{tag}" xml:lang="{tag}">{inner}</div>',
    }
