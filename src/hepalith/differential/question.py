"""What is asked: the population, its priors, and every word that was heard, unit by unit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hepalith.differential.entry import PopulationSetting
from hepalith.differential.model import Model, load_model
from hepalith.differential.statement import Statement, combine, known_features, list_statements
from hepalith.finding.finding import Finding, Pattern
from hepalith.finding.person import findings_from_patient
from hepalith.study.patient import Patient
from hepalith.vocabulary import State

__all__ = ["CHILD_BELOW_YEARS", "Question", "ask", "choose_setting", "in_bands", "say"]

CHILD_BELOW_YEARS = 5.0
"""Below this age the child's priors are used: nine in ten hepatoblastomas come before it (the article,
S57; grade K)."""


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

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to explain: no calcification, or a fetus, whose pathway is its own."""
        states = {f.state for f in self.heard if f.id == "intrahepatic_calcification"}
        something = not states or State.PRESENT in states or states == {State.UNKNOWN}
        return self.patient.subject == "fetus" or not something


def ask(findings: Sequence[Finding], patterns: Sequence[Pattern], patient: Patient) -> Question:
    """Return the question that findings, patterns and patient put."""
    model = load_model()
    setting = choose_setting(patient)
    population = model.knowledge.settings[setting]
    stated = findings_from_patient(patient)
    heard = (*findings, *(f for f in stated if f not in findings))
    statements = list_statements(heard, patterns, patient, model.knowledge, population)
    units: dict[str, tuple[Statement, ...]] = {}
    for statement in statements:
        root = model.root_of(statement.feature)
        units[root] = (*units.get(root, ()), statement)
    return Question(model, setting, population, patient, heard, tuple(patterns), tuple(statements), units)


def choose_setting(patient: Patient) -> str:
    """Return which population's priors are used.

    What the patient file says comes first; then a child below five; then a known cancer; else an
    incidental finding where tuberculosis is rare.
    """
    if patient.setting is not None:
        return patient.setting
    if patient.age_years is not None and patient.age_years < CHILD_BELOW_YEARS:
        return "child_under_five"
    if patient.knows("cancer_history") is True or patient.knows("known_primary") is not None:
        return "oncology"
    return load_model().knowledge.default_setting


def say(model: Model, unit: Sequence[Statement]) -> dict[str, NDArray[np.float64]]:
    """Return what a unit's findings say together, feature by feature."""
    return {
        feature: combine(together, len(model.tables[feature].feature.values))
        for feature, together in known_features(unit).items()
    }


def in_bands(model: Model, age_bands: Sequence[str]) -> Mapping[str, NDArray[np.float64]]:
    """Return the likelihood of the ages that a setting is about."""
    ages = model.tables["age"].feature.values
    return {"age": np.array([float(band in age_bands) for band in ages])}
