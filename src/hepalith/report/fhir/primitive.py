"""FHIR's primitive types: how each is written in JSON."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import Final
from xml.etree import ElementTree as ET

__all__ = ["is_primitive", "suits"]

DAY = r"(?:[1-9]\d{3}|0\d{3})-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])"
CLOCK = r"(?:[01]\d|2[0-3]):[0-5]\d:(?:[0-5]\d|60)(?:\.\d+)?"
ZONE = r"(?:Z|[+-](?:0\d|1[0-3]):[0-5]\d|[+-]14:00)"

SYNTAX: Final[Mapping[str, re.Pattern[str]]] = {
    "base64Binary": re.compile(r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?"),
    "code": re.compile(r"[^\s]+(?: [^\s]+)*"),
    "date": re.compile(rf"\d{{4}}(?:-(?:0[1-9]|1[0-2]))?|{DAY}"),
    "dateTime": re.compile(rf"\d{{4}}(?:-(?:0[1-9]|1[0-2]))?|{DAY}(?:T{CLOCK}{ZONE})?"),
    "id": re.compile(r"[A-Za-z0-9\-.]{1,64}"),
    "instant": re.compile(rf"{DAY}T{CLOCK}{ZONE}"),
    "markdown": re.compile(r"[\s\S]*\S[\s\S]*"),
    "string": re.compile(r"[^\x00-\x08\x0b\x0c\x0e-\x1f]*\S[^\x00-\x08\x0b\x0c\x0e-\x1f]*"),
    "uri": re.compile(r"[A-Za-z][A-Za-z0-9+.-]*[:?/\w][^\s]*"),
}
"""How the types that are strings are written (FHIR R4 and R5, Data Types, primitive types)."""

OID: Final = re.compile(r"urn:oid:[0-2](?:\.(?:0|[1-9]\d*))+")
"""An OID as a URI (FHIR, data type oid)."""

UUID: Final = re.compile(r"urn:uuid:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")

NUMBERS: Final = ("decimal", "positiveInt", "unsignedInt")

XHTML: Final = "{http://www.w3.org/1999/xhtml}"
"""Namespace of narratives, as the parser of XML writes it."""

SAFE_ELEMENTS: Final = frozenset(
    {"div", "p", "b", "i", "ul", "ol", "li", "table", "tr", "td", "th", "br", "span"}
)
"""Elements that a narrative of ours may hold; FHIR forbids scripts, forms and what loads (Narrative)."""


def is_primitive(kind: str) -> bool:
    """Return whether a type is a primitive one."""
    return kind in SYNTAX or kind in NUMBERS or kind in {"boolean", "xhtml"}


def suits(kind: str, held: object) -> bool:
    """Return whether a value is written as its primitive type asks.

    Examples
    --------
    >>> suits("date", "2023-02-29"), suits("instant", "2024-01-16T09:30:00Z"), suits("instant", "2024-01-16")
    (False, True, False)
    >>> suits("uri", "urn:oid:1.02.3"), suits("decimal", "1.5"), suits("id", "a b")
    (False, False, False)
    """
    if kind == "boolean":
        return isinstance(held, bool)
    if kind in NUMBERS:
        return is_number(kind, held)
    if not isinstance(held, str):
        return False
    if kind == "xhtml":
        return is_narrative(held)
    return SYNTAX[kind].fullmatch(held) is not None and FURTHER.get(kind, is_anything)(held)


def is_number(kind: str, held: object) -> bool:
    """Return whether a value is a number of a type; JSON's true and false are none."""
    if isinstance(held, bool) or not isinstance(held, int | float):
        return False
    return kind == "decimal" or (isinstance(held, int) and held >= (kind == "positiveInt"))


def is_anything(text: str) -> bool:
    """Return yes: of most types the syntax says all."""
    return bool(text)


def is_uri(text: str) -> bool:
    """Return whether the names that a URI is made of are well written."""
    for prefix, pattern in (("urn:oid:", OID), ("urn:uuid:", UUID)):
        if text.startswith(prefix):
            return pattern.fullmatch(text) is not None
    return True


def is_day(text: str) -> bool:
    """Return whether a date is one of the calendar; a year or a month is."""
    if len(text) < 10:
        return True
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def is_narrative(text: str) -> bool:
    """Return whether a narrative is well-formed XHTML of harmless elements, and says something."""
    try:
        root = ET.fromstring(text)  # noqa: S314 - our own text; entities are refused below
    except ET.ParseError:
        return False
    names = {str(element.tag).removeprefix(XHTML) for element in root.iter()}
    whole = "".join(root.itertext()).strip()
    return root.tag == f"{XHTML}div" and names <= SAFE_ELEMENTS and bool(whole) and "<!" not in text


FURTHER: Final[Mapping[str, Callable[[str], bool]]] = {
    "date": is_day,
    "dateTime": lambda text: is_day(text[:10]),
    "instant": lambda text: is_day(text[:10]),
    "uri": is_uri,
}
"""What is asked of some types beyond their syntax."""
