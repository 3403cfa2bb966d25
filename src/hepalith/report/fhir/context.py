"""What every resource of a bundle says alike: of whom, of when, how sure, and how the others are named.

The names (``urn:uuid``) follow from what was read and how, and so stay over the revisions of a reading: sent
to a server, a later revision takes the place of the earlier one.
"""

from __future__ import annotations

import json
import tomllib
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal
from urllib.parse import quote

from hepalith.reading import Document, Reading
from hepalith.report.fhir.element import (
    LANGUAGE_TAGS,
    MISSING,
    NAMESPACE,
    TERMINOLOGY,
    Json,
    compact,
    concept_term,
    uuid_identifier,
)

__all__ = ["Context", "Item", "context_of", "fhir_word"]


@dataclass(frozen=True, slots=True)
class Item:
    """One resource of a bundle, its name within it, and how a server is to take it in.

    `only_if_new` is a search: a server that finds one by it keeps its own. Without it, the resource is ours:
    it is created, or takes the place of the one with the same identifier.
    """

    urn: str
    resource: Json
    only_if_new: str = ""

    @property
    def reference(self) -> Json:
        """The reference by which others of the bundle name it."""
        return {"reference": self.urn}

    def entry(self) -> Json:
        """Return the entry of a transaction (FHIR R4 and R5, RESTful API, transaction)."""
        kind = self.resource["resourceType"]
        if self.only_if_new:
            request = {"method": "POST", "url": kind, "ifNoneExist": self.only_if_new}
        else:
            named = quote(f"{uuid_identifier(self.urn)['system']}|{self.urn}", safe=":")
            request = {"method": "PUT", "url": f"{kind}?identifier={named}"}
        return {"fullUrl": self.urn, "resource": self.resource, "request": request}


@dataclass(frozen=True, slots=True)
class Context:
    """One bundle in the making.

    Parameters
    ----------
    version
        ``"R4"`` or ``"R5"``.
    line
        What all revisions of one reading share.
    knows_patient
        Whether the source names anybody.
    """

    reading: Reading
    version: Literal["R4", "R5"]
    language: str
    line: str
    knows_patient: bool

    @property
    def document(self) -> Document:
        """What ``reading.json`` says."""
        return self.reading.document

    @property
    def is_r5(self) -> bool:
        """Whether R5 is written."""
        return self.version == "R5"

    @property
    def status(self) -> str:
        """The status of what was measured and concluded: that of the reading."""
        return self.document.reading.status

    @property
    def examined(self) -> str | None:
        """The date of the examination; None where it is not known."""
        day = self.document.study.date
        return day.isoformat() if day else None

    @property
    def accepted_at(self) -> str | None:
        """When a person accepted the reading, as an instant."""
        accepted = self.document.accepted
        return accepted.at.isoformat() if accepted else None

    @property
    def subject(self) -> Json:
        """The patient; where nobody may or can be named, why."""
        if self.knows_patient:
            return {"reference": self.urn("patient")}
        hidden = self.reading.source.is_hidden
        return {
            "extension": [{"url": MISSING, "valueCode": "masked" if hidden else "unknown"}],
            "display": self.word("masked" if hidden else "nobody"),
        }

    def urn(self, role: str) -> str:
        """Return the name of the resource that plays a role in the bundle."""
        return f"urn:uuid:{uuid.uuid5(NAMESPACE, f'{self.line} {role}')}"

    def refer(self, role: str) -> Json:
        """Return a reference to the resource that plays a role in the bundle."""
        return {"reference": self.urn(role)}

    def word(self, key: str, **values: object) -> str:
        """Return words in the bundle's language."""
        return fhir_word(key, self.language, **values)

    def concept(self, name: str) -> Json:
        """Return a concept that is no term of the vocabulary, in the bundle's language."""
        return concept_term(name, self.word(name))

    def item(self, role: str, kind: str, **elements: Any) -> Item:
        """Return a resource of ours: its name and language, and the elements that are not empty."""
        urn = self.urn(role)
        head = {"language": LANGUAGE_TAGS[self.language]}
        if text := elements.pop("text", None):
            head["text"] = text
        body = compact(identifier=[uuid_identifier(urn), *elements.pop("identifiers", ())], **elements)
        return Item(urn, {"resourceType": kind, **head, **body})

    def observation(self, role: str, code: Json, **elements: Any) -> Item:
        """Return an Observation made from images."""
        return self.item(
            role,
            "Observation",
            status=self.status,
            category=[{"coding": [{"system": f"{TERMINOLOGY}/observation-category", "code": "imaging"}]}],
            code=code,
            subject=self.subject,
            effectiveDateTime=self.examined,
            device=self.refer("device"),
            **elements,
        )

    def studies_of(self, images: tuple[str, ...]) -> list[Json]:
        """Return references to the examinations that some images belong to."""
        uids = dict.fromkeys(i.study_uid for i in self.reading.source.images if i.image in images)
        return [self.refer(f"study {uid}") for uid in uids]


def context_of(reading: Reading, version: Literal["R4", "R5"], language: str) -> Context:
    """Return what all resources of a reading's bundle share."""
    made = reading.document.provenance
    line = json.dumps(
        [made.version, [entry.model_dump() for entry in made.inputs], made.settings],
        sort_keys=True,
        ensure_ascii=False,
    )
    source = reading.source
    who = source.identity
    named = bool(who.patient_id.strip() or who.patient_name.strip("^= ")) and not source.is_hidden
    return Context(reading, version, language, line, named)


@cache
def load_words() -> Mapping[str, Mapping[str, str]]:
    """Return the words of the bundle, by key and language."""
    text = files("hepalith.report.fhir").joinpath("words.toml").read_text(encoding="utf-8")
    words: dict[str, dict[str, str]] = tomllib.loads(text)
    return words


def fhir_word(key: str, language: str, **values: object) -> str:
    """Return one word or sentence of the bundle, its blanks filled.

    Examples
    --------
    >>> fhir_word("focus_number", "zh", number=3)
    '肝内病灶3'
    """
    return load_words()[key][language].format(**values)
