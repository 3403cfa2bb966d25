"""A finding: one statement about one subject, whoever made it."""

from __future__ import annotations

from dataclasses import dataclass

from hepalith.vocabulary import Measurement, State

__all__ = ["Finding", "Pattern", "Subject"]


@dataclass(frozen=True, slots=True)
class Subject:
    """What a finding is about.

    `kind` is ``focus``, ``host``, ``duct``, ``segment``, ``liver``, ``neighbour`` or ``patient``;
    `ref` names which one (a focus id as text, a segment, an organ), empty where there is one only.
    """

    kind: str
    ref: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """One statement in the controlled vocabulary.

    `id` is a term of the vocabulary; `probability` that it is present, given the image or the
    words; `source` is ``ct``, ``us``, ``text`` or ``person``. A state of not assessable has a `reason`.
    Where the value is a choice, `alternatives` may hold the probability of every choice. `foci` are
    the foci that it is about, where its subject is no focus (the foci in a host).
    """

    id: str
    subject: Subject
    state: State
    probability: float | None = None
    value: Measurement | str | None = None
    source: str = "ct"
    images: tuple[str, ...] = ()
    words: str | None = None
    reason: str | None = None
    alternatives: tuple[tuple[str, float], ...] = ()
    foci: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Pattern:
    """An arrangement of several foci, in the controlled vocabulary."""

    id: str
    probability: float
    foci: tuple[int, ...]
