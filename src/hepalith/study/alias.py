"""Names that people type for findings: data in ``aliases.toml``, looked up here."""

from __future__ import annotations

import difflib
import tomllib
from functools import cache
from importlib.resources import files
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from hepalith.study.stated import normalised
from hepalith.vocabulary import Term, load_vocabulary

__all__ = ["STATED_GROUPS", "Alias", "find_named", "list_aliases"]

STATED_GROUPS = (
    "finding",
    "pattern",
    "laboratory_finding",
    "symptom",
    "exposure",
    "history",
    "laboratory",
)
"""Groups of the vocabulary whose terms a patient file may state."""

NEAR_ENOUGH = 0.6
"""Likeness from which a name is proposed, a table's own before all others: the default of `difflib`."""


ALIAS_FILES = ("aliases.toml", "regions.toml")


class Alias(BaseModel):
    """One such name, and what it says where it is true and where it is false, as a patient file says it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    also: tuple[str, ...] = ()
    """Other names for the same."""
    when_true: dict[str, Any]
    when_false: dict[str, Any]
    source: str = Field(min_length=3)

    def says(self, *, present: bool) -> dict[str, Any]:
        """Return the statements that the name stands for."""
        return self.when_true if present else self.when_false


@cache
def list_aliases() -> dict[str, Alias]:
    """Return the aliases by name: those of the file, and one for every morphology."""
    texts = [files("hepalith.study").joinpath(name).read_text(encoding="utf-8") for name in ALIAS_FILES]
    rows = [Alias.model_validate(row) for text in texts for row in tomllib.loads(text)["alias"]]
    aliases = {name: row for row in rows for name in (row.name, *row.also)}
    if len(aliases) != sum(1 + len(row.also) for row in rows):
        raise ValueError(f"{' or '.join(ALIAS_FILES)} has a name twice")
    forms = [term.id for term in load_vocabulary().of_group("morphology")]
    for form in forms:
        others = [other for other in forms if other != form]
        aliases.setdefault(
            form,
            Alias(
                name=form,
                when_true={"dominant_morphology": form},
                when_false={"dominant_morphology": others},
                source="morphology of a focus",
            ),
        )
    return aliases


@cache
def _names() -> dict[str, tuple[str, ...]]:
    """Return the terms that each normalised display or synonym may mean."""
    named: dict[str, list[str]] = {}
    for term in load_vocabulary().of_group(*STATED_GROUPS):
        for name in dict.fromkeys(normalised(n) for n in (term.en, term.zh, *term.synonyms)):
            named.setdefault(name, []).append(term.id)
    return {name: tuple(ids) for name, ids in named.items()}


@cache
def _forms() -> dict[str, str]:
    """Return morphologies and labels that are aliases, by their normalised displays and synonyms."""
    return {
        normalised(name): term.id
        for term in load_vocabulary().of_group("label", "morphology")
        if term.id in list_aliases()
        for name in (term.en, term.zh, *term.synonyms)
    }


@cache
def _proposed() -> tuple[str, ...]:
    """Return the aliases that may be proposed for a name: no countries."""
    text = files("hepalith.study").joinpath(ALIAS_FILES[1]).read_text(encoding="utf-8")
    places = {n for row in tomllib.loads(text)["alias"] for n in (row["name"], *row.get("also", ()))}
    return tuple(name for name in list_aliases() if name not in places)


def find_named(name: str, groups: tuple[str, ...]) -> Term | Alias:
    """Return what a name means: a term by its id, an alias, a term by its display or a synonym.

    Parameters
    ----------
    groups
        Groups of the table that the name stands in; they come first where a name means several things.

    Raises
    ------
    KeyError
        If nothing is called so; its only argument is the nearest name, where one is near at all.
    """
    vocabulary, wanted = load_vocabulary(), normalised(name)
    stated = {normalised(t.id): t for t in vocabulary.of_group(*STATED_GROUPS)}
    if wanted in stated:
        return stated[wanted]
    meant = [vocabulary[i] for i in _names().get(wanted, ())]
    own = [t for t in meant if t.group in groups]
    if own:
        return own[0]
    if wanted in list_aliases():
        return list_aliases()[wanted]
    if meant:
        return meant[0]
    if wanted in _forms():
        return list_aliases()[_forms()[wanted]]
    cutoff = 0.0 if "laboratory" in groups else NEAR_ENOUGH
    near = difflib.get_close_matches(
        wanted, [t.id for t in vocabulary.of_group(*groups)], n=1, cutoff=cutoff
    ) or difflib.get_close_matches(
        wanted, [*(t.id for t in stated.values()), *_proposed()], n=1, cutoff=NEAR_ENOUGH
    )
    raise KeyError(*near)
