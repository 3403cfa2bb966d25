"""What a differential means in everyday words: the family that it speaks for, and how sure that is."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Protocol

from hepalith.differential import load_knowledge
from hepalith.reading.conclusion import ContradictionEntry, ProcessEntry, RankedDiagnosis
from hepalith.reading.reasoning import LEAST_SECOND_PROCESS, beside_first, is_malignant

__all__ = ["CLOSER_LOOK", "Explained", "meaning_key", "meant", "possible_meanings"]

LIKELY = 0.8
"""Share of one meaning from which it is said to fit best without a "but". Our judgement."""

UNSURE = 0.5
"""Share below which all other meanings together outweigh the first: nothing stands out."""

CLOSER_LOOK_FROM = 0.10
"""Share of all malignant explanations from which the other causes are said to need a closer look.

Below it they are still said to be possible. Our judgement: no patient's page hides them.
"""

CLOSER_LOOK = "closer_look"
"""The meaning of whatever is malignant: never a verdict, never a comfort."""


class Explained(Protocol):
    """What a meaning is drawn from: the document of a reading, or an opinion without images."""

    @property
    def differential(self) -> tuple[RankedDiagnosis, ...]:
        """The ranking."""
        ...

    @property
    def processes(self) -> tuple[ProcessEntry, ...]:
        """The marginals."""
        ...

    @property
    def contradictions(self) -> tuple[ContradictionEntry, ...]:
        """What clashes."""
        ...


@cache
def load_meanings() -> dict[str, str]:
    """Return which plain sentence says a diagnosis, by diagnosis."""
    text = files("hepalith.reading").joinpath("meaning.toml").read_text(encoding="utf-8")
    tables: dict[str, Any] = tomllib.loads(text)
    own: Mapping[str, str] = tables["diagnosis"]
    return {e.id: own.get(e.id, tables["family"][e.family]) for e in load_knowledge().entries}


def meaning_key(diagnosis: str) -> str:
    """Return which plain sentence says a diagnosis; one of a later version is not clear to this one.

    Examples
    --------
    >>> meaning_key("simple_healed"), meaning_key("hcc"), meaning_key("of_a_later_version")
    ('healed', 'closer_look', 'unclear')
    """
    return load_meanings().get(diagnosis, "unclear")


def leading_meaning(explained: Explained) -> tuple[str, float] | None:
    """Return the meaning that most of the probability stands behind, and its share."""
    shares: dict[str, float] = {}
    for diagnosis in explained.differential:
        key = meaning_key(diagnosis.diagnosis)
        shares[key] = shares.get(key, 0.0) + diagnosis.probability
    return max(shares.items(), key=lambda item: item[1]) if shares else None


def meant(explained: Explained, *, suspect_host: bool) -> list[tuple[str, str]]:
    """Say what it most likely means and how sure that is, as keys of the tables of sentences.

    Parameters
    ----------
    suspect_host
        Whether a solid, mixed or infiltrating lesion surrounds the calcium: then no comfort is given.
    """
    leading = leading_meaning(explained)
    if leading is None:
        return [("meaning", "open")]
    key, share = leading
    keys = [("meaning", key)]
    if key not in (CLOSER_LOOK, "unclear"):
        sure = "likely" if share >= LIKELY else "unsure" if share >= UNSURE else "flat"
        keys.append(("sure", sure))
    if _may_be_several(explained):
        keys.append(("sure", "several"))
    if key != CLOSER_LOOK:
        together = sum(d.probability for d in explained.differential if is_malignant(d.diagnosis))
        closer = together >= CLOSER_LOOK_FROM or suspect_host
        keys.append(("sure", "closer" if closer else "open"))
    if explained.contradictions:
        keys.append(("sure", "clash"))
    return keys


def possible_meanings(explained: Explained) -> frozenset[str]:
    """Return the meanings that are likely enough to have a warning of their own."""
    ranked = explained.differential
    return frozenset(meaning_key(d.diagnosis) for d in ranked if d.probability >= LEAST_SECOND_PROCESS)


def _may_be_several(explained: Explained) -> bool:
    """Return whether a second process of another meaning is likely enough to be said."""
    first = meaning_key(explained.differential[0].diagnosis)
    beside = beside_first(explained.processes, explained.differential)
    return any(meaning_key(p.diagnosis) != first for p in beside)
