"""The condition of a rule, as it is written in a file, and the check that it names only what exists."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from functools import lru_cache

from pydantic import BaseModel, ConfigDict, Field

from hepalith.differential.entry import load_knowledge
from hepalith.management.facts import FACTS
from hepalith.vocabulary import load_vocabulary

__all__ = ["Condition", "Share", "check_condition"]


class Share(BaseModel):
    """A sum of probabilities over diagnoses (or families of them) of at least so much."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    of: tuple[str, ...]
    at_least: float = Field(gt=0, le=1)


class Condition(BaseModel):
    """When a rule applies. Every part that is given must hold.

    Parameters
    ----------
    present, not_present
        Any of these findings is present; none of them is.
    stated, not_stated
        Anything at all is known of one of these; of none of them.
    choice
        The finding has one of the values.
    at_least, below
        The finding was measured, and lies at or above the number (below it), in the term's unit.
    leading
        One of these diagnoses is first.
    share, share_malignant
        Probability of these diagnoses (of all malignant ones) together.
    fact, not_fact
        One of `hepalith.management.facts.FACTS` holds; does not.
    alert, not_alert
        This red flag stands; none of these does. A red flag itself may not ask for one.
    all_of, any_of
        Nested conditions.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    present: tuple[str, ...] = ()
    not_present: tuple[str, ...] = ()
    stated: tuple[str, ...] = ()
    not_stated: tuple[str, ...] = ()
    choice: Mapping[str, tuple[str, ...]] = Field(default_factory=dict)
    at_least: Mapping[str, float] = Field(default_factory=dict)
    below: Mapping[str, float] = Field(default_factory=dict)
    leading: tuple[str, ...] = ()
    share: Share | None = None
    share_malignant: float | None = None
    fact: str | None = None
    not_fact: str | None = None
    alert: str | None = None
    not_alert: tuple[str, ...] = ()
    all_of: tuple[Condition, ...] = ()
    any_of: tuple[Condition, ...] = ()

    def flat(self) -> tuple[Condition, ...]:
        """Return this condition and every one nested in it."""
        return (self, *(c for part in (*self.all_of, *self.any_of) for c in part.flat()))

    def names(self) -> set[str]:
        """Return every id of the vocabulary that this condition names."""
        return {name for groups in self._named().values() for name in groups}

    def _named(self) -> dict[str, set[str]]:
        """Return the ids named, by the kind of term that each must be."""
        named: dict[str, set[str]] = {"finding": set(), "diagnosis": set(), "alert": set()}
        for part in self.flat():
            named["finding"] |= {*part.present, *part.not_present, *part.stated, *part.not_stated}
            named["finding"] |= {*part.choice, *part.at_least, *part.below}
            named["diagnosis"] |= set(part.leading)
            named["alert"] |= {*part.not_alert, *((part.alert,) if part.alert else ())}
        return named

    def says_something(self) -> bool:
        """Return whether anything is asked: a rule that always applies is a slip."""
        return self != Condition()


KINDS = {
    "finding": ("finding", "laboratory_finding", "symptom", "exposure", "history", "pattern"),
    "diagnosis": ("diagnosis",),
    "alert": ("alert",),
}
"""Groups of the vocabulary in which a condition's ids are looked for."""


def check_condition(where: str, when: Condition) -> None:
    """Raise `ValueError`, in one line, where a condition names what does not exist."""
    if not when.says_something():
        raise ValueError(f"{where} has an empty condition: it would apply to everyone")
    for kind, names in when._named().items():
        known = _ids_of(kind)
        for name in sorted(names):
            if name not in known:
                raise ValueError(f"{where} names {name!r}, which is no {kind}{nearest(name, known)}")
    for part in when.flat():
        for fact in (part.fact, part.not_fact):
            if fact is not None and fact not in FACTS:
                raise ValueError(f"{where} names {fact!r}, which is no fact{nearest(fact, FACTS)}")
        for name in part.share.of if part.share else ():
            if name not in _sharers():
                hint = nearest(name, _sharers())
                raise ValueError(f"{where} names {name!r}, neither a diagnosis nor a family{hint}")
        _check_values(where, part)


@lru_cache(maxsize=len(KINDS))
def _ids_of(kind: str) -> frozenset[str]:
    """Return the ids of one kind of term."""
    return frozenset(term.id for term in load_vocabulary().of_group(*KINDS[kind]))


@lru_cache(maxsize=1)
def _sharers() -> frozenset[str]:
    """Return what a share may be asked of: diagnoses and their families."""
    return frozenset(name for entry in load_knowledge().entries for name in (entry.id, entry.family))


def _check_values(where: str, part: Condition) -> None:
    """Raise `ValueError` where a choice has no such value, or a number is asked of what has none."""
    for name, values in part.choice.items():
        options = [choice.id for choice in load_vocabulary()[name].choices]
        for value in values:
            if value not in options:
                raise ValueError(f"{where} asks whether {name} is {value!r}{nearest(value, options)}")
    for name in (*part.at_least, *part.below):
        if load_vocabulary()[name].type != "quantity":
            raise ValueError(f"{where} compares {name!r} with a number, and it has none")


def nearest(name: str, known: Iterable[str]) -> str:
    """Return ``; did you mean 'x'?`` where something near is known, else nothing."""
    near = difflib.get_close_matches(name, sorted(known), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""
