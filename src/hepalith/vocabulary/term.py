"""Controlled terms: what each id means, where that is said, and how people read it."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

__all__ = [
    "Choice",
    "Code",
    "Term",
    "Vocabulary",
    "all_terms",
    "display",
    "inline",
    "list_terms",
    "load_vocabulary",
    "term",
]


class Code(BaseModel):
    """The same concept in a public code system. Given only where the code is certain.

    `meaning` is the scheme's own wording of it, `checked` where code and wording were compared.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    system: Literal["SNOMED CT", "RadLex", "LOINC", "DICOM"]
    value: str = Field(pattern=r"^[A-Za-z0-9-]{1,16}$")
    meaning: str | None = Field(default=None, min_length=1, max_length=64)
    checked: str | None = Field(default=None, min_length=3)


class Choice(BaseModel):
    """One answer of a term whose type is `choice`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")
    en: str = Field(min_length=1)
    zh: str = Field(min_length=1)
    code: Code | None = None


class Term(BaseModel):
    """One controlled term.

    `group` says what kind of thing it names (a focus label, a finding, a diagnosis, …);
    `subject` what a finding is about; `modalities` who can make it; `raises`, for a
    laboratory value, the finding that a value above its upper limit makes, and `lowers` the one that a value
    below its lower limit makes. Laboratories differ in that limit: `usual_upper_limit` (`usual_lower_limit`)
    is the lowest and the highest in use, from the age of `usual_from_years`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(pattern=r"^[a-z][A-Za-z0-9_]*$")
    group: str
    type: Literal["boolean", "quantity", "choice"]
    unit: str | None = None
    choices: tuple[Choice, ...] = ()
    choices_from: str | None = None
    definition: str = Field(min_length=5)
    source: str = Field(min_length=3)
    code: Code | None = None
    en: str = Field(min_length=1)
    zh: str = Field(min_length=1)
    synonyms: tuple[str, ...] = ()
    subject: Literal["focus", "host", "duct", "segment", "liver", "neighbour", "patient"] | None = None
    modalities: tuple[Literal["ct", "us", "person"], ...] = ()
    raises: str | None = None
    lowers: str | None = None
    upper_limit: float | None = None
    usual_upper_limit: tuple[float, float] | None = None
    usual_lower_limit: tuple[float, float] | None = None
    usual_from_years: float = 0.0

    @model_validator(mode="after")
    def _type_and_values_agree(self) -> Term:
        if (self.type == "quantity") != (self.unit is not None):
            raise ValueError(f"{self.id}: a quantity has a unit, and nothing else has one")
        if (self.type == "choice") != bool(self.choices or self.choices_from):
            raise ValueError(f"{self.id}: a choice has choices, and nothing else has them")
        return self

    @property
    def makes(self) -> str | None:
        """The finding that a laboratory value out of its limits makes, if any."""
        return self.raises or self.lowers

    def display(self, language: str = "en") -> str:
        """Return the term as people read it, in ``en`` or ``zh``."""
        return self.zh if language == "zh" else self.en


class Vocabulary:
    """Every controlled term, by id, in the order of the files.

    Parameters
    ----------
    terms
        The terms; ids must differ, and what they refer to must be among them.
    """

    __slots__ = ("_terms",)

    def __init__(self, terms: Iterable[Term]) -> None:
        by_id: dict[str, Term] = {}
        for entry in terms:
            if entry.id in by_id:
                raise ValueError(f"the vocabulary has {entry.id} twice")
            by_id[entry.id] = entry
        for entry in tuple(by_id.values()):
            if entry.makes is not None and entry.makes not in by_id:
                raise ValueError(f"{entry.id} makes {entry.makes}, which is no term")
            if entry.choices_from is not None:
                by_id[entry.id] = entry.model_copy(update={"choices": _choices_of(entry.choices_from, by_id)})
        self._terms: Mapping[str, Term] = MappingProxyType(by_id)

    def __iter__(self) -> Iterator[Term]:
        return iter(self._terms.values())

    def __len__(self) -> int:
        return len(self._terms)

    def __contains__(self, term_id: object) -> bool:
        return term_id in self._terms

    def __getitem__(self, term_id: str) -> Term:
        try:
            return self._terms[term_id]
        except KeyError:
            near = difflib.get_close_matches(term_id, self._terms, n=1, cutoff=0.0)
            raise KeyError(f"the vocabulary has no term {term_id!r}; the nearest is {near[0]!r}") from None

    def of_group(self, *groups: str) -> tuple[Term, ...]:
        """Return the terms of these groups, in the order of the files."""
        return tuple(entry for entry in self if entry.group in groups)

    def display(self, term_id: str, language: str = "en", choice: str | None = None) -> str:
        """Return a term, or one choice of it, as people read it."""
        entry = self[term_id]
        if choice is None:
            return entry.display(language)
        for option in entry.choices:
            if option.id == choice:
                return option.zh if language == "zh" else option.en
        raise KeyError(f"{term_id} has no choice {choice!r}; it has {', '.join(c.id for c in entry.choices)}")


def _choices_of(group: str, terms: Mapping[str, Term]) -> tuple[Choice, ...]:
    members = (entry for entry in terms.values() if entry.group == group)
    choices = tuple(Choice(id=t.id, en=t.en, zh=t.zh, code=t.code) for t in members)
    if not choices:
        raise ValueError(f"no term is of the group {group}")
    return choices


@lru_cache(maxsize=1)
def load_vocabulary() -> Vocabulary:
    """Return the vocabulary, read once from the files beside this module and checked."""
    folder = files("hepalith.vocabulary") / "terms"
    entries: list[Term] = []
    for file in sorted(folder.iterdir(), key=lambda f: f.name):
        if file.name.endswith(".toml"):
            table = tomllib.loads(file.read_text(encoding="utf-8"))
            entries.extend(Term.model_validate(row) for row in table["term"])
    return Vocabulary(entries)


def term(term_id: str) -> Term:
    """Return one term.

    Examples
    --------
    >>> term("lobar_atrophy").zh
    '肝叶或肝段萎缩'
    """
    return load_vocabulary()[term_id]


def display(term_id: str, language: str = "en", choice: str | None = None) -> str:
    """Return a term, or one choice of it, as people read it.

    Examples
    --------
    >>> display("side_of_foci", choice="left")
    'left only'
    """
    return load_vocabulary().display(term_id, language, choice)


PROPER_NAMES = frozenset(
    {"Beckwith", "Brucella", "Caroli", "Doppler", "Echinococcus", "Histoplasma", "Schistosoma", "Thorotrast"}
)
"""First words of terms that keep their capital within a sentence: people and genera."""


def inline(words: str, language: str = "en") -> str:
    """Return a term as it stands within a sentence: a small first letter, but for names.

    Examples
    --------
    >>> inline("Dilated bile ducts"), inline("Caroli disease"), inline("CA 19-9 raised")
    ('dilated bile ducts', 'Caroli disease', 'CA 19-9 raised')
    """
    first = re.split(r"\W", words, maxsplit=1)[0]
    if language != "en" or not words[1:2].islower() or first in PROPER_NAMES:
        return words
    return words[0].lower() + words[1:]


def all_terms() -> tuple[Term, ...]:
    """Return every term, in the order of the files."""
    return tuple(load_vocabulary())


def list_terms() -> list[dict[str, Any]]:
    """Return every term as JSON holds it: what ``hepalith schema vocabulary`` prints."""
    return [entry.model_dump(mode="json", exclude={"choices_from"}) for entry in load_vocabulary()]
