"""The public code of every term and every measured quantity; a private one only where there is none."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from types import MappingProxyType
from typing import Final

from hepalith.vocabulary.term import Code, load_vocabulary

__all__ = [
    "PRIVATE_SCHEME",
    "PRIVATE_SCHEME_UID",
    "SCHEME_URIS",
    "Coded",
    "coded",
    "concept",
    "list_concepts",
]

PRIVATE_SCHEME: Final = "99HEPALITH"
"""Coding scheme designator of our own codes (DICOM PS3.16, 8.2: private ones begin with 99)."""

PRIVATE_SCHEME_UID: Final = "2.25.121106035642744699871730361067452898423"
"""UID of the same scheme: the product's namespace of readings as a UID (DICOM PS3.5, B.2)."""

SCHEME_URIS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "SCT": "http://snomed.info/sct",
        "RADLEX": "http://www.radlex.org",
        "DCM": "http://dicom.nema.org/resources/ontology/DCM",
        "LN": "http://loinc.org",
        "UCUM": "http://unitsofmeasure.org",
        PRIVATE_SCHEME: f"urn:oid:{PRIVATE_SCHEME_UID}",
    }
)
"""The schemes as FHIR names them, by DICOM's designator (DICOM PS3.16, table 8-1)."""

DESIGNATORS: Final[Mapping[str, str]] = MappingProxyType(
    {"SNOMED CT": "SCT", "RadLex": "RADLEX", "LOINC": "LN", "DICOM": "DCM"}
)
"""DICOM's designator of each system that the vocabulary names (DICOM PS3.16, table 8-1)."""

PRIVATE_DIGITS = 8
"""Hexadecimal digits of a private code: with its letter it fits the 16 characters of DICOM's Code Value."""


@dataclass(frozen=True, slots=True)
class Coded:
    """One concept as DICOM and FHIR say it: value, scheme designator and the scheme's own wording."""

    value: str
    scheme: str
    meaning: str

    @property
    def is_private(self) -> bool:
        """Whether no public scheme that was looked at has the concept."""
        return self.scheme == PRIVATE_SCHEME

    @property
    def system(self) -> str:
        """The scheme as FHIR names it."""
        return SCHEME_URIS[self.scheme]


def private(name: str, meaning: str) -> Coded:
    """Return our own code of a name: the same name keeps its code for ever."""
    digest = hashlib.sha256(name.encode()).hexdigest()[:PRIVATE_DIGITS].upper()
    return Coded(f"H{digest}", PRIVATE_SCHEME, meaning)


def public(code: Code, words: str) -> Coded:
    """Return a public code with the scheme's own wording; with ours, `words`, where that is not kept."""
    return Coded(code.value, DESIGNATORS[code.system], code.meaning or words)


@lru_cache(maxsize=1)
def read_concepts() -> Mapping[str, tuple[str, Code | None]]:
    """Return the rows of ``concepts.toml``: our words and the public code of each, by id."""
    table = tomllib.loads((files("hepalith.vocabulary") / "concepts.toml").read_text(encoding="utf-8"))
    found: dict[str, tuple[str, Code | None]] = {}
    for row in table["concept"]:
        if row["id"] in found:
            raise ValueError(f"concepts.toml has {row['id']} twice")
        code = row.get("code")
        found[row["id"]] = (row["en"], None if code is None else Code.model_validate(code))
    return MappingProxyType(found)


@lru_cache(maxsize=1)
def list_concepts() -> Mapping[str, Coded]:
    """Return the concepts that are no terms of the vocabulary (quantities, roles), by id."""
    return MappingProxyType(
        {
            name: private(f"concept {name}", words) if code is None else public(code, words)
            for name, (words, code) in read_concepts().items()
        }
    )


def concept(name: str) -> Coded:
    """Return the code of a concept that is no term: ``"volume"``, ``"mean_hu"``, ``"probability"``, ….

    Raises
    ------
    KeyError
        If ``concepts.toml`` has no such concept.
    """
    return list_concepts()[name]


def coded(term_id: str, choice: str | None = None) -> Coded:
    """Return the code of a term of the vocabulary, or of one choice of it.

    A choice that is a term itself (a morphology, say) has the code of that term.

    Examples
    --------
    >>> coded("jaundice").scheme, coded("jaundice").system
    ('SCT', 'http://snomed.info/sct')
    >>> coded("dominant_morphology", "rim") == coded("rim")
    True
    """
    entry = load_vocabulary()[term_id]
    if choice is None:
        return private(term_id, entry.en) if entry.code is None else public(entry.code, entry.en)
    option = next((c for c in entry.choices if c.id == choice), None)
    if option is None:
        raise KeyError(f"{term_id} has no choice {choice!r}")
    if option.code is not None:
        return public(option.code, option.en)
    return private(option.id if entry.choices_from else f"{term_id}={option.id}", option.en)
