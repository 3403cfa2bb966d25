"""What is asked: the population, its priors, and every word that was heard, unit by unit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hepalith.differential.contradiction import Clash, clash_of_rules, clash_of_sources, clash_of_words
from hepalith.differential.differential import Contradiction
from hepalith.differential.entry import PopulationSetting
from hepalith.differential.model import Model, load_model
from hepalith.differential.statement import Statement, combine, known_features, list_statements, strongest
from hepalith.differential.subject import group_units, list_foci
from hepalith.differential.together import NOTHING_THERE, load_together
from hepalith.finding.finding import Finding, Pattern, Subject
from hepalith.finding.person import findings_from_patient
from hepalith.study.patient import Patient
from hepalith.vocabulary import State, load_vocabulary

__all__ = [
    "CHILD_BELOW_YEARS",
    "Question",
    "ask",
    "choose_setting",
    "group_own",
    "in_bands",
    "say",
    "say_groups",
]

CHILD_BELOW_YEARS = 5.0
"""Below this age the child's priors are used: nine in ten hepatoblastomas come before it (the article,
S57; grade K)."""


NOT_COUNTED = ("metal_density",)
"""Findings that an image gives of what is named and not counted as calcification (a clip, a stent): they say
nothing of what the calcification is. Where a person states one, the calcification is meant."""

CALCIUM = "intrahepatic_calcification"

WITHOUT_CALCIUM = ("mass_without_calcium", "dense_parenchyma", "within_mass", "bulls_eye")
"""What there is to explain without calcium, beside what is said of a lesion or of ducts."""

BULLS_EYE, MOSTLY = "bulls_eye", 0.5
"""The pattern of a bright middle in a dark rim, and the probability from which it is taken to be there."""

DARKER = ("anechoic", "hypoechoic", "isoechoic")
"""Echoes of a lesion that is not the bright thing itself."""

FROM_IMAGES = ("ct", "us")
"""Sources of findings that were read from an image."""


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """One reading as the inference sees it.

    `heard` are all findings, those of the patient file included; `statements` what they say of
    features, sorted; `units` the same by the root of the unit that the feature belongs to.
    """

    model: Model
    setting: str
    population: PopulationSetting
    patient: Patient
    heard: tuple[Finding, ...]
    patterns: tuple[Pattern, ...]
    statements: tuple[Statement, ...]
    units: Mapping[str, tuple[Statement, ...]]
    about: Mapping[str, frozenset[int]]
    """The foci that a finding is about, where it is about some and not others."""
    groups: Mapping[str, str]
    """The group of each unit that is one process's own: what is about the same foci."""
    contradictions: tuple[Contradiction, ...]

    def own_groups(self) -> list[dict[str, dict[str, NDArray[np.float64]]]]:
        """Return what was said of units that are one process's own: by group, by unit, by feature."""
        return say_groups(self.model, self.units, self.groups)

    @property
    def is_bare(self) -> bool:
        """Whether a lesion or a duct is to be explained in a liver that is said to hold no calcium.

        Only where a person or a report says so: what an image shows without calcium is not this product's to
        explain.
        """
        spoken = [f for f in self.heard if f.source not in FROM_IMAGES]
        calcium = {f.state for f in self.heard if f.id == CALCIUM}
        denied = calcium == {State.ABSENT} and any(f.id == CALCIUM for f in spoken)
        return denied and any(_shows_otherwise(f) for f in spoken)

    @property
    def is_echo(self) -> bool:
        """Whether a bright echo on ultrasound is all that is known of the calcium: it may hold none.

        A person, a report or a CT that says calcium settles it; ultrasound alone cannot. A darker lesion
        about the echo (a bull's eye) says more, too: the echo is then no bright lesion by itself.
        """
        echo = any(f.id == "strong_echo" and f.state is State.PRESENT for f in self.heard)
        return (
            echo
            and not any(f.id == CALCIUM and f.source != "us" and f.state is State.PRESENT for f in self.heard)
            and not any(_is_darker_about(f) for f in self.heard)
            and not any(p.id == BULLS_EYE and p.probability >= MOSTLY for p in self.patterns)
        )

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to explain: no calcification, or a fetus, whose pathway is its own.

        A strong echo on ultrasound whose substance nobody could name is something to explain (gas may be it),
        unless calcium was looked for by a better test and is not there; so is a lesion that somebody states.
        """
        states = {f.state for f in self.heard if f.id == CALCIUM}
        echo = any(f.id == "strong_echo" and f.state is State.PRESENT for f in self.heard)
        something = not states or State.PRESENT in states or states == {State.UNKNOWN}
        something = something or (echo and State.ABSENT not in states) or self.is_bare
        return self.patient.subject == "fetus" or not something


def _is_darker_about(finding: Finding) -> bool:
    """Return whether a finding states a lesion about an echo that is not as bright."""
    if finding.state is not State.PRESENT:
        return False
    return finding.id == BULLS_EYE or (finding.id == "host_echogenicity" and finding.value in DARKER)


def _shows_otherwise(finding: Finding) -> bool:
    """Return whether a finding states a lesion, or a changed duct, whatever calcium there is."""
    term = load_vocabulary()[finding.id]
    about = term.subject in ("host", "duct") or term.id in WITHOUT_CALCIUM
    return about and finding.state is State.PRESENT and finding.value != "none"


def ask(findings: Sequence[Finding], patterns: Sequence[Pattern], patient: Patient) -> Question:
    """Return the question that findings, patterns and patient put."""
    model = load_model()
    setting = choose_setting(patient)
    population = model.knowledge.settings[setting]
    stated = findings_from_patient(patient)
    heard = (*findings, *(f for f in stated if f not in findings))
    counted = [f for f in heard if not (f.id in NOT_COUNTED and f.source in FROM_IMAGES)]
    counted += [Finding(p.id, Subject("liver"), State.PRESENT, p.probability) for p in patterns]
    clashes = list(clash_of_sources(counted))
    counted = _without(counted, clashes)
    by_id = strongest(counted, ())
    words = list_statements(counted, (), patient, model.knowledge, population)
    clashes += [*clash_of_rules(by_id), *clash_of_words(words, by_id)]
    counted = _without(counted, clashes)
    statements = list_statements(counted, (), patient, model.knowledge, population) if clashes else words
    units: dict[str, tuple[Statement, ...]] = {}
    for statement in statements:
        root = model.root_of(statement.feature)
        units[root] = (*units.get(root, ()), statement)
    about = list_foci(heard, patterns)
    return Question(
        model=model,
        setting=setting,
        population=population,
        patient=patient,
        heard=heard,
        patterns=tuple(patterns),
        statements=tuple(statements),
        units=units,
        about=about,
        groups=group_own(model, units, about, patterns),
        contradictions=tuple(
            sorted(
                {c.contradiction.findings: c.contradiction for c in clashes}.values(),
                key=lambda c: c.findings,
            )
        ),
    )


def _without(findings: Sequence[Finding], clashes: Sequence[Clash]) -> list[Finding]:
    silenced = [f for clash in clashes for f in clash.silenced]
    return [f for f in findings if f not in silenced]


def group_own(
    model: Model,
    units: Mapping[str, Sequence[Statement]],
    about: Mapping[str, frozenset[int]],
    patterns: Sequence[Pattern],
) -> dict[str, str]:
    """Return the group of each unit that one process has for its own."""
    together = load_together()
    own = {r: u for r, u in units.items() if together.rule(model.tables[r].feature) == "own"}
    shows = {root: _shows(model, root, unit) for root, unit in own.items()}
    return group_units(own, shows, about, patterns)


def _shows(model: Model, root: str, unit: Sequence[Statement]) -> bool:
    """Return whether something is said to be there; a unit without a word for nothing always shows."""
    values = model.tables[root].feature.values
    likelihood = say(model, unit).get(root)
    return likelihood is None or values[int(likelihood.argmax())] not in NOTHING_THERE


def choose_setting(patient: Patient) -> str:
    """Return which population's priors are used.

    What the patient file says comes first; then a child below five; then a known cancer (of the liver or bile
    ducts none: that is history, counted as such); else an
    incidental finding where tuberculosis is rare.
    """
    if patient.setting is not None:
        return patient.setting
    if patient.age_years is not None and patient.age_years < CHILD_BELOW_YEARS:
        return "child_under_five"
    primary = patient.knows("known_primary")
    if primary in load_model().knowledge.primaries or (
        primary is None and patient.knows("cancer_history") is True
    ):
        return "oncology"
    return load_model().knowledge.default_setting


def say(model: Model, unit: Sequence[Statement]) -> dict[str, NDArray[np.float64]]:
    """Return what a unit's findings say together, feature by feature."""
    return {
        feature: combine(together, len(model.tables[feature].feature.values))
        for feature, together in known_features(unit).items()
    }


def say_groups(
    model: Model, units: Mapping[str, Sequence[Statement]], groups: Mapping[str, str]
) -> list[dict[str, dict[str, NDArray[np.float64]]]]:
    """Return what was said, by group and unit, in the order of the alphabet."""
    names = sorted(set(groups.values()))
    return [{r: say(model, units[r]) for r in sorted(groups) if groups[r] == name} for name in names]


def in_bands(model: Model, age_bands: Sequence[str]) -> Mapping[str, NDArray[np.float64]]:
    """Return the likelihood of the ages that a setting is about."""
    ages = model.tables["age"].feature.values
    return {"age": np.array([float(band in age_bands) for band in ages])}
