"""Questions and answers of a search over DICOMweb.

References
----------
DICOM PS3.18, 10.6 (search), annex F (DICOM JSON).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, Final

from hepalith.errors import FetchError
from hepalith.server.remote import FoundStudy, Query

__all__ = [
    "DICOM_JSON",
    "found_study",
    "matches",
    "parse_answer",
    "query_items",
    "values",
    "whole",
    "without_escapes",
]

DICOM_JSON: Final = "application/dicom+json"

ASKED_FOR: Final = ("00080061", "00081030", "00201208")
"""Modalities in Study, Study Description, Number of Study Related Instances: not always sent unasked."""

UNSENDABLE: Final = re.compile(r"[^A-Za-z0-9._~*?-]")
"""What is escaped in the value of a URL's query (RFC 3986, 3.4)."""

LONGEST_NUMBER: Final = 12
"""Digits of an integer string (DICOM PS3.5, 6.2)."""

Entry = Mapping[str, Any]
"""One dataset in DICOM JSON."""


def query_items(query: Query) -> list[tuple[str, str]]:
    """Return a query as the parameters of a URL."""
    asked = (
        ("StudyInstanceUID", query.study_uid),
        ("PatientID", query.patient_id),
        ("PatientName", query.patient_name),
        ("AccessionNumber", query.accession_number),
        ("StudyDate", query.date),
        ("ModalitiesInStudy", query.modality),
        ("StudyDescription", query.description),
    )
    named = [(name, value) for name, value in asked if value]
    return [*named, *(("includefield", tag) for tag in ASKED_FOR)]


def without_escapes(items: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return a query in which the wildcard for one letter stands for each that a URL cannot hold.

    What is found beyond what was meant is left out by `matches`.

    Examples
    --------
    >>> without_escapes([("PatientName", "LI^WEI")])
    [('PatientName', 'LI?WEI')]
    """
    return [(name, UNSENDABLE.sub("?", value)) for name, value in items]


def parse_answer(content: bytes, type_: str, address: str) -> list[Entry]:
    """Return the datasets of an answer; none where it is empty.

    Raises
    ------
    FetchError
        If it is no DICOM JSON.
    """
    if not content.strip():
        return []
    try:
        said = json.loads(content)
    except (ValueError, RecursionError) as error:
        named = type_.partition(";")[0].strip()
        shown = named if named.isascii() and named.isprintable() and named else "something unnamed"
        raise FetchError(
            f"{address} answers with {shown} instead of DICOM JSON; check the path, for example /dicom-web"
        ) from error
    entries = said if isinstance(said, list) else [said]
    if not all(isinstance(entry, dict) for entry in entries):
        raise FetchError(f"{address} answers with JSON that is no DICOM JSON; check the path")
    return entries


def values(entry: Entry, tag: str) -> list[Any]:
    """Return the values of an attribute; none where it is absent or empty."""
    attribute = entry.get(tag) if isinstance(entry, dict) else None
    held = attribute.get("Value") if isinstance(attribute, dict) else None
    return [value for value in held if value is not None] if isinstance(held, list) else []


def first(entry: Entry, tag: str) -> str:
    """Return the first value of an attribute as text; empty where there is none."""
    held = values(entry, tag)
    if not held:
        return ""
    if isinstance(held[0], dict):  # a person's name
        return str(held[0].get("Alphabetic") or next(filter(None, held[0].values()), "")).strip()
    return str(held[0]).strip()


def count(entry: Entry, tag: str) -> int | None:
    """Return a number of instances; None where there is none."""
    return whole(first(entry, tag))


def whole(text: str) -> int | None:
    """Return a text as a number; None where it is none, or longer than any that is meant.

    Examples
    --------
    >>> whole("300"), whole("²"), whole("9" * 5000)
    (300, None, None)
    """
    return int(text) if text.isdecimal() and len(text) <= LONGEST_NUMBER else None


def found_study(entry: Entry) -> FoundStudy:
    """Return one study of a search's answer."""
    return FoundStudy(
        uid=first(entry, "0020000D"),
        patient_id=first(entry, "00100020"),
        patient_name=first(entry, "00100010"),
        date=first(entry, "00080020"),
        modalities=tuple(str(m) for m in values(entry, "00080061")),
        description=first(entry, "00081030"),
        accession_number=first(entry, "00080050"),
        instances=count(entry, "00201208"),
    )


def matches(study: FoundStudy, query: Query) -> bool:
    """Return whether a study is what was asked for.

    An archive may leave out of account what it cannot search by; another patient's study must not come
    in by that. What the answer does not say is taken as matching.
    """
    exact = ((study.uid, query.study_uid), (study.date, "" if "-" in query.date else query.date))
    if any(asked and held and held != asked for held, asked in exact):
        return False
    wild = ((study.patient_id, query.patient_id), (study.accession_number, query.accession_number))
    if any(asked and held and not fnmatchcase(held, asked.strip()) for held, asked in wild):
        return False
    words = ((study.patient_name, query.patient_name), (study.description, query.description))
    if any(asked and held and not reads_as(held, asked) for held, asked in words):
        return False
    if "-" in query.date and study.date:
        start, _, end = query.date.partition("-")
        if study.date < start or (end and study.date > end):
            return False
    return not (query.modality and study.modalities and query.modality not in study.modalities)


def reads_as(held: str, asked: str) -> bool:
    """Return whether words match, capital letters or not; a name in other letters is not ours to judge."""
    if not asked.isascii():
        return True
    return fnmatchcase(held.casefold().rstrip("^ "), asked.casefold().rstrip("^ "))
