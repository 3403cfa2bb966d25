"""The tests there are: what each would tell, what it costs the patient, and what a wrong step would lose."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from hepalith.differential.entry import load_knowledge
from hepalith.differential.expectation import make_inquiry
from hepalith.management.case import Condition, check_condition
from hepalith.vocabulary import load_vocabulary

__all__ = [
    "Burden",
    "Catalogue",
    "Caution",
    "Changes",
    "Find",
    "Names",
    "TestRule",
    "Text",
    "list_members",
    "load_catalogue",
]

MALIGNANT = "malignant"
"""Stands for every malignant diagnosis where diagnoses are listed."""

OTHER = "other"
"""Group of a diagnosis that is not listed and is not malignant."""


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Text(_Strict):
    """A sentence by language."""

    en: str = Field(min_length=1)
    zh: str = Field(min_length=1)


class Sourced(_Strict):
    """Whatever has a number: where it comes from, and its grade.

    A measured, B agreed by several sources, C judgement, K general knowledge not checked. A number
    without a source says of itself that it is our judgement.
    """

    grade: Literal["A", "B", "C", "K"] = "C"
    source: str = Field(default="judgement", min_length=3)
    n: int | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _a_grade_needs_its_source(self) -> Self:
        if self.grade != "C" and self.source == "judgement":
            raise ValueError(f"grade {self.grade} without a source")
        return self


class Amount(Sourced):
    """A number with its source."""

    value: float = Field(ge=0)


class Find(Sourced):
    """A finding that the test would tell, and how well it tells it.

    `right` is the sensitivity where the finding is there or not, and the share of right answers where
    it has several values; `missed_as` is the value that a miss is taken for. Where the knowledge base
    already counts what the test misses (a serology's sensitivity), both numbers are 1.
    """

    id: str
    right: float = Field(gt=0.5, le=1)
    specificity: float = Field(default=1.0, gt=0.5, le=1)
    missed_as: str | None = None
    contrast: bool = False
    """Whether only the contrast medium shows it."""


class Names(Sourced):
    """Diseases that the test names outright, and how often.

    With `each` every disease by its own name (tissue); without, all of them as one (a primary is
    found). `chance` is P(named | it is this), `wrongly` P(named | it is not).
    """

    of: tuple[str, ...] = Field(min_length=1)
    chance: float = Field(gt=0, le=1)
    wrongly: float = Field(default=0.0, ge=0, lt=0.5)
    each: bool = False
    found: Text


class Changes(Sourced):
    """A finding that changes what is done though the disease stays the same (a stricture above stones).

    In these diseases, `missed` is lost where it is there and nobody knows, and `needless` where it is not
    and one acts as if it were; in the unit of ``losses.toml``.
    """

    id: str
    of: tuple[str, ...] = Field(min_length=1)
    missed: float = Field(gt=0, le=20)
    needless: float = Field(gt=0, le=20)


class Burden(_Strict):
    """What the test does to the patient, before anything is found. What is left out is nought."""

    radiation_msv: Amount | None = None
    complication: Amount | None = None
    """P(complication that needs treatment)."""
    needle: bool = False
    sedation: bool = False
    contrast: Literal["iodinated", "gadolinium", "microbubbles"] | None = None
    sedated_child: bool = False
    """Whether a small child is sedated for it."""
    cost: int = Field(ge=0, le=4)
    """0 nothing, 1 a blood sample or ultrasound, 2 CT, 3 MRI or endoscopy, 4 more than that."""
    delay_months: float = Field(default=0.0, ge=0)


class TestRule(_Strict):
    """One test that may settle the question."""

    __test__ = False

    id: str
    subject: Literal["patient", "fetus"] = "patient"
    from_age_years: float = Field(default=0.0, ge=0)
    """Not done below this age: it could not be read."""
    first: bool = False
    """Comes before all others whenever it is listed: it costs nothing."""
    when: Condition | None = None
    """Considered only while this holds."""
    never: Condition | None = None
    """Not listed while this holds, whatever it would tell."""
    must: Condition | None = None
    """Listed while this holds, whatever it would tell."""
    today: Condition | None = None
    """As `must`, and before all others."""
    asked: Text | None = None
    """Why it is done whatever it tells, where `must` or `today` holds."""
    answers: float = Field(default=1.0, gt=0, le=1)
    """Chance that there is an answer at all (that old images exist)."""
    finds: tuple[Find, ...] = ()
    names: tuple[Names, ...] = ()
    changes: tuple[Changes, ...] = ()
    burden: Burden
    why: Text
    harm: Text
    harm_without: Text | None = None
    """The same, where it is done without contrast medium."""
    source: str = Field(min_length=3)

    @model_validator(mode="after")
    def _each_finding_once(self) -> TestRule:
        found = {f.id for f in self.finds}
        if len(found) != len(self.finds):
            raise ValueError(f"{self.id} tells a finding twice")
        if not {c.id for c in self.changes} <= found:
            raise ValueError(f"{self.id}: what changes the step is among what it finds")
        return self


class Caution(Sourced):
    """What more to weigh in a patient of this kind before tests with such a burden."""

    who: Literal["pregnant", "kidneys", "child"]
    of: Literal["ionising", "iodinated", "gadolinium", "microbubbles", "needle", "sedation"]
    times: float = Field(ge=1)
    """How many times more this burden weighs."""
    after_others: bool = False
    """Whether such tests come after all that have no such burden."""
    without: bool = False
    """Whether it is done without the contrast medium: what only that shows is then not told."""
    en: str
    zh: str


class Weights(_Strict):
    """What a burden weighs, in units of loss."""

    radiation_msv: Amount
    complication: Amount
    needle: Amount
    sedation: Amount
    contrast: Amount
    cost: Amount
    effort: Amount
    bit: Amount


@dataclass(frozen=True, slots=True, eq=False)
class Catalogue:
    """Tests, cautions and losses, checked against the vocabulary and the knowledge.

    `losses` has shape (actions, diagnoses): the loss of an action where that diagnosis is true;
    `delay` has shape (diagnoses,): the loss of a month's wait.
    """

    tests: tuple[TestRule, ...]
    cautions: tuple[Caution, ...]
    weights: Weights
    actions: tuple[str, ...]
    groups: Mapping[str, str]
    losses: NDArray[np.float64]
    delay: NDArray[np.float64]
    phrases: Mapping[str, Text]


@lru_cache(maxsize=256)
def list_members(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the diagnoses that ids, families or `malignant` stand for, in the knowledge's order."""
    return tuple(
        entry.id
        for entry in load_knowledge().entries
        if entry.id in names or entry.family in names or (entry.malignant and MALIGNANT in names)
    )


@lru_cache(maxsize=1)
def load_catalogue() -> Catalogue:
    """Return the tests and the losses, read once from the files beside this module and checked.

    Raises
    ------
    ValueError
        If a file breaks the schema or names what does not exist.
    """
    table, losses = _read("tests.toml"), _read("losses.toml")
    tests = tuple(TestRule.model_validate(row) for row in table["test"])
    _check(tests)
    actions, groups, matrix, delay = _losses(losses)
    return Catalogue(
        tests=tests,
        cautions=tuple(Caution.model_validate(row) for row in table["caution"]),
        weights=Weights.model_validate(losses["weights"]),
        actions=actions,
        groups=groups,
        losses=matrix,
        delay=delay,
        phrases={name: Text.model_validate(text) for name, text in table["phrases"].items()},
    )


def _losses(
    table: Mapping[str, Any],
) -> tuple[tuple[str, ...], Mapping[str, str], NDArray[np.float64], NDArray[np.float64]]:
    """Return the actions, each diagnosis's group, the losses by diagnosis and those of a month's wait."""
    group_of = {diagnosis: g["id"] for g in table["group"] for diagnosis in g["of"]}
    known = {entry.id: entry for entry in load_knowledge().entries}
    if unknown := sorted(set(group_of) - set(known)):
        raise ValueError(f"losses.toml groups {', '.join(unknown)}, which the knowledge does not have")
    if len(group_of) != sum(len(g["of"]) for g in table["group"]):
        raise ValueError("losses.toml puts a diagnosis into two groups")
    groups = {i: group_of.get(i, "oncology" if e.malignant else OTHER) for i, e in known.items()}
    actions = tuple(row["id"] for row in table["action"])
    matrix = np.array([[float(row["loss"][groups[i]]) for i in known] for row in table["action"]])
    wait = {g["id"]: float(g["month_of_delay"]) for g in table["group"]}
    return actions, groups, matrix, np.array([wait[groups[i]] for i in known])


def _check(tests: tuple[TestRule, ...]) -> None:
    vocabulary, knowledge = load_vocabulary(), load_knowledge()
    diagnoses = {e.id for e in knowledge.entries} | {e.family for e in knowledge.entries} | {MALIGNANT}
    for test in tests:
        if test.id not in vocabulary or vocabulary[test.id].group != "test":
            raise ValueError(f"{test.id} is no test of the vocabulary")
        for condition in (test.when, test.never, test.must, test.today):
            if condition is not None:
                check_condition(test.id, condition)
        if unknown := sorted(f.id for f in test.finds if f.id not in vocabulary):
            raise ValueError(f"{test.id} tells {', '.join(unknown)}, which the vocabulary does not have")
        for find in test.finds:
            inquiry = make_inquiry(find.id, knowledge.features, missed_as=find.missed_as)
            if (
                inquiry
                and vocabulary[find.id].type != "boolean"
                and find.specificity < 1
                and not find.missed_as
            ):
                raise ValueError(
                    f"{test.id}: {find.id} has values, and says of none what a miss is taken for"
                )
        if unknown := sorted(_meant(test) - diagnoses):
            raise ValueError(f"{test.id} names {', '.join(unknown)}, neither a diagnosis nor a family")


def _meant(test: TestRule) -> set[str]:
    """Return the diagnoses, families or `malignant` that a test speaks of."""
    return {d for names in test.names for d in names.of} | {d for c in test.changes for d in c.of}


def _read(name: str) -> dict[str, Any]:
    return tomllib.loads((files("hepalith.management") / name).read_text(encoding="utf-8"))
