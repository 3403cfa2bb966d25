"""Numbers that no patient has: refused, since they are slips of the finger or of the unit."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from importlib.resources import files

from hepalith.study.patient import Patient
from hepalith.vocabulary import Measurement, load_vocabulary

__all__ = ["check_exam", "check_findings", "check_person", "refuse_impossible"]

YOUNGEST_MOTHER, OLDEST_MOTHER = 5.0, 75.0
"""Ages in years outside which nobody has been pregnant by any record. General knowledge, not checked."""

YOUNG_UNTIL = 6.0
"""Age in years from which the setting of children under five is a slip: one year to spare. Our judgement."""

BEFORE_BIRTH = 1.0
"""Years by which a complaint may be older than the patient: seen before birth, say. Our judgement."""

WRITTEN = date(2026, 11, 1)
"""When this bound was written: a clock that says an earlier day is wrong, and is not believed."""

AHEAD = timedelta(days=366)
"""How far after today an examination may be dated: clocks and time zones differ, and an example may be made
up; a year ahead it is a slip, as 2062 for 2026. Our judgement."""


@dataclass(frozen=True, slots=True)
class _Bounds:
    """What a number can be: between `least` and `most`, more than `above`, and a whole one where `whole`."""

    least: float = 0.0
    most: float = float("inf")
    above: float | None = None
    whole: bool = False


@cache
def _bounds() -> Mapping[str, _Bounds]:
    text = files("hepalith.study").joinpath("possible.toml").read_text(encoding="utf-8")
    bounds = {term_id: _Bounds(**row) for term_id, row in tomllib.loads(text).items()}
    if unknown := set(bounds) - {t.id for t in load_vocabulary()}:
        raise ValueError(f"possible.toml speaks of {', '.join(sorted(unknown))}, which are no terms")
    return bounds


def refuse_impossible(term_id: str, numbers: Sequence[float], unit: str, *, where: str = "") -> None:
    """Raise `ValueError` where the first of these numbers, or an end of its interval, cannot be.

    Parameters
    ----------
    numbers
        The value, then the ends of its interval where there are any, in the vocabulary's unit.
    where
        How the message calls the term; its id where nothing is given.
    """
    name, bounds = where or term_id, _bounds().get(term_id, _Bounds())
    unit = "" if unit == "1" else f" {unit}"
    hint = ": is the unit right?" if unit else ""
    for number in numbers:
        if number < bounds.least:
            least = "zero" if bounds.least == 0 else f"{bounds.least:g}{unit}"
            raise ValueError(f"{name} must be {least} or more, not {number:g}")
        if number > bounds.most:
            raise ValueError(f"{name} is at most {bounds.most:g}{unit}, not {number:g}{hint}")
    if bounds.above is not None and numbers[0] <= bounds.above:
        raise ValueError(f"{name} is more than {bounds.above:g}{unit}, not {numbers[0]:g}")
    if bounds.whole and numbers[0] != int(numbers[0]) and len(numbers) == 1:
        raise ValueError(f"{name} is a whole number, not {numbers[0]:g}")


COUNTED = ("intrahepatic_calcification", "multiple_foci", "diffuse_bilobar", "beaded_chain")
"""Findings that zero calcifications leave no room for."""

SAME = 1.001
"""One laboratory value exceeds another from here: the same number in two units may differ by rounding."""


def check_findings(patient: Patient) -> None:
    """Raise `ValueError` where two of the numbers given, or a number and a finding, cannot both be true."""
    count = patient.findings.get("focus_count")
    if isinstance(count, Measurement) and count.value == 0 and not count.high:
        for name in COUNTED:
            if patient.knows(name) is True:
                raise ValueError(f"focus_count = 0 and {name} = true contradict each other; leave one out")
        if isinstance(patient.findings.get("largest_calcium"), Measurement):
            raise ValueError("focus_count = 0 and a largest_calcium contradict each other; leave one out")
    direct, total = (patient.labs.get(name) for name in ("direct_bilirubin", "bilirubin"))
    if direct is None or total is None or direct.unit != total.unit or direct.value <= SAME * total.value:
        return
    raise ValueError(
        f"labs.direct_bilirubin of {direct.value:g} {direct.unit} is a part of labs.bilirubin and cannot "
        f"exceed its {total.value:g} {total.unit}: are the units right?"
    )


def check_person(patient: Patient) -> None:
    """Raise `ValueError` where what is said of the person cannot all be true.

    Who lives as a man and is pregnant, or has an ovary, is written with ``sex = "other"``.
    """
    age, male = patient.age_years, patient.sex == "male"
    if patient.pregnancy and male and patient.subject == "patient":
        raise ValueError("sex = 'male' and pregnancy = true contradict each other; leave one out")
    if male and patient.subject == "patient" and patient.knows("known_primary") == "ovary":
        raise ValueError("sex = 'male' and known_primary = 'ovary' contradict each other; leave one out")
    if male and patient.subject == "patient" and patient.knows("childbirth") is True:
        raise ValueError("sex = 'male' and childbirth = true contradict each other; leave one out")
    if age is None:
        return
    if patient.pregnancy and not YOUNGEST_MOTHER <= age <= OLDEST_MOTHER:
        raise ValueError(f"pregnancy = true at age_years = {age:g} cannot be; leave one out")
    if patient.setting == "child_under_five" and age >= YOUNG_UNTIL:
        raise ValueError(f"setting = 'child_under_five' is not that of age_years = {age:g}; leave it out")
    duration = patient.findings.get("symptom_duration")
    if isinstance(duration, Measurement) and duration.value > 12.0 * (age + BEFORE_BIRTH):
        raise ValueError(f"symptom_duration of {duration.value:g} months is longer than age_years = {age:g}")


def check_exam(exam_date: date | None, today: date) -> None:
    """Raise `ValueError` where an examination is dated far in the future of `today`."""
    latest = max(today, WRITTEN) + AHEAD
    if exam_date is not None and exam_date > latest:
        raise ValueError(f"exam_date = {exam_date.isoformat()} lies in the future")
