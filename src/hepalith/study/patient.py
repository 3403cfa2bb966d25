"""The patient as the reader of the file knows them: what no image says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from hepalith.vocabulary import Measurement, NotAssessable

__all__ = ["Doubtful", "Lab", "Patient", "Value"]


@dataclass(frozen=True, slots=True)
class Doubtful:
    """A statement that is not certain.

    Parameters
    ----------
    probability
        That it is present; of a choice, the probability of the likeliest.
    choices
        Of a choice: those that are left, with the probability of each.
    """

    probability: float
    choices: tuple[tuple[str, float], ...] = ()


Value = bool | str | Measurement | NotAssessable | Doubtful
"""What a person may say of a term: true, false, a choice, a measurement, not to be judged, or doubtful."""


@dataclass(frozen=True, slots=True)
class Lab:
    """A laboratory value with its unit, and the laboratory's own upper limit where given."""

    value: float
    unit: str
    upper_limit: float | None = None


@dataclass(frozen=True, slots=True)
class Patient:
    """Who is read. Everything defaults to unknown.

    Parameters
    ----------
    subject
        ``"patient"``, or ``"fetus"`` with `gestation_weeks`.
    setting
        Which population is being read: a term of the group `setting`, or ``None``.
    exposures, history, symptoms
        By vocabulary id: true where present, false where denied; absent means unknown.
        `history` may hold a choice (``known_primary = "colorectal"``).
    labs
        By vocabulary id.
    exam_date
        Date of the examination; dates in the plan count from it.
    findings
        By vocabulary id: true, false, one of the term's choices, a measurement, or a doubtful statement.

    Examples
    --------
    >>> Patient().age_years is None
    True
    """

    age_years: float | None = None
    sex: Literal["male", "female", "other"] | None = None
    subject: Literal["patient", "fetus"] = "patient"
    gestation_weeks: float | None = None
    setting: str | None = None
    exposures: Mapping[str, bool] = field(default_factory=dict)
    history: Mapping[str, bool | str] = field(default_factory=dict)
    symptoms: Mapping[str, bool] = field(default_factory=dict)
    labs: Mapping[str, Lab] = field(default_factory=dict)
    pregnancy: bool | None = None
    exam_date: date | None = None
    findings: Mapping[str, Value] = field(default_factory=dict)

    def knows(self, term_id: str) -> bool | str | None:
        """Return what is known of an exposure, a symptom or an entry of the history; ``None``: unknown."""
        for table in (self.history, self.symptoms, self.exposures):
            if term_id in table:
                return table[term_id]
        stated = self.findings.get(term_id)
        return stated if isinstance(stated, bool | str) else None
