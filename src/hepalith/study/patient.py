"""The patient as the reader of the file knows them: what no image says."""

from __future__ import annotations

import difflib
import json
import math
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from hepalith.errors import PatientFileError
from hepalith.vocabulary import Measurement, Term, load_vocabulary

__all__ = ["Lab", "Patient", "list_patient_schema", "read_patient"]

FINDING_GROUPS = ("finding", "pattern", "laboratory_finding", "symptom")
"""Groups of the vocabulary that a patient file's `findings` table may state."""


@dataclass(frozen=True, slots=True)
class Lab:
    """A laboratory value, in the laboratory's own unit, with its own upper limit where given."""

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
        By vocabulary id: true, false, one of the term's choices, or a measurement.

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
    findings: Mapping[str, bool | str | Measurement] = field(default_factory=dict)

    def knows(self, term_id: str) -> bool | str | None:
        """Return what is known of an exposure, a symptom or an entry of the history; ``None``: unknown."""
        for table in (self.history, self.symptoms, self.exposures):
            if term_id in table:
                return table[term_id]
        stated = self.findings.get(term_id)
        return stated if isinstance(stated, bool | str) else None


class _LabEntry(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    value: float = Field(ge=0)
    unit: str = Field(min_length=1)
    upper_limit: float | None = Field(default=None, gt=0)


class _Quantity(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    value: float | str
    unit: str | None = None
    low: float | None = None
    high: float | None = None


class _PatientFile(BaseModel):
    """The patient file as it is written: TOML or JSON."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    age_years: float | None = Field(default=None, ge=0, le=125)
    sex: Literal["male", "female", "other"] | None = None
    subject: Literal["patient", "fetus"] = "patient"
    gestation_weeks: float | None = Field(default=None, ge=4, le=45)
    setting: str | None = None
    exposures: list[str] | dict[str, bool] = Field(default_factory=dict)
    history: list[str] | dict[str, bool | str] = Field(default_factory=dict)
    symptoms: list[str] | dict[str, bool] = Field(default_factory=dict)
    labs: dict[str, _LabEntry] = Field(default_factory=dict)
    pregnancy: bool | None = None
    exam_date: date | None = None
    findings: dict[str, bool | _Quantity | str | float] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _fetus_and_weeks_agree(self) -> _PatientFile:
        if (self.subject == "fetus") != (self.gestation_weeks is not None):
            raise ValueError("gestation_weeks belongs to subject = 'fetus', and a fetus needs it")
        if self.subject == "fetus" and self.age_years:
            raise ValueError("a fetus has gestation_weeks and no age_years")
        return self


def list_patient_schema() -> dict[str, Any]:
    """Return the JSON Schema of a patient file: what ``hepalith schema patient`` prints."""
    schema = _PatientFile.model_json_schema()
    schema["title"] = "hepalith patient file"
    return schema


def read_patient(path: Path) -> Patient:
    """Read a patient file (TOML or JSON).

    Raises
    ------
    PatientFileError
        If it cannot be opened or parsed, holds an unknown key (the nearest known one is named),
        or a value out of range. The message is one line.
    """
    table = _load_table(path)
    _refuse_unknown(table, _PatientFile.model_fields, path, "key")
    labs = table.get("labs")
    for name, entry in labs.items() if isinstance(labs, dict) else ():
        if isinstance(entry, dict):
            _refuse_unknown(entry, _LabEntry.model_fields, path, f"key in labs.{name}")
    try:
        written = _PatientFile.model_validate(table)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"][:2]) or "the file as a whole"
        raise PatientFileError(f"{path}: {where}: {first['msg'].removeprefix('Value error, ')}") from None
    return Patient(
        age_years=written.age_years,
        sex=written.sex,
        subject=written.subject,
        gestation_weeks=written.gestation_weeks,
        setting=_known(written.setting, ("setting",), path).id if written.setting is not None else None,
        exposures=_read_states(written.exposures, "exposure", path),
        history=_read_history(written.history, path),
        symptoms=_read_states(written.symptoms, "symptom", path),
        labs={
            _known(name, ("laboratory",), path).id: Lab(lab.value, lab.unit, lab.upper_limit)
            for name, lab in written.labs.items()
        },
        pregnancy=written.pregnancy,
        exam_date=written.exam_date,
        findings={
            (found := _known(name, FINDING_GROUPS, path)).id: _read_finding(found, value, path)
            for name, value in written.findings.items()
        },
    )


def _load_table(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise PatientFileError(f"{path}: the patient file cannot be read: {reason}") from None
    try:
        as_json = path.suffix.lower() == ".json" or text.lstrip().startswith("{")
        table = json.loads(text) if as_json else tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # numbers of thousands of digits among them
        what = " ".join(str(error).split())
        raise PatientFileError(f"{path}: neither TOML nor JSON as its name says: {what}") from None
    if not isinstance(table, dict):
        raise PatientFileError(f"{path}: a patient file is a table of keys, not a {type(table).__name__}")
    return table


def _refuse_unknown(table: Mapping[str, Any], known: Iterable[str], path: Path, kind: str) -> None:
    names = list(known)
    for key in table:
        if key not in names:
            (near,) = difflib.get_close_matches(key, names, n=1, cutoff=0.0)
            raise PatientFileError(f"{path}: unknown {kind} {key!r}; did you mean {near!r}?")


def _normalised(name: str) -> str:
    return name.strip().casefold().replace(" ", "_").replace("-", "_")


def _known(name: str, groups: tuple[str, ...], path: Path) -> Term:
    """Return the term that `name` is the id, the display or a synonym of, within `groups`."""
    terms = load_vocabulary().of_group(*groups)
    wanted = _normalised(name)
    for entry in terms:
        if wanted == _normalised(entry.id):
            return entry
    for entry in terms:
        if wanted in (_normalised(n) for n in (entry.en, entry.zh, *entry.synonyms)):
            return entry
    (near,) = difflib.get_close_matches(wanted, [t.id for t in terms], n=1, cutoff=0.0)
    kind = groups[0].replace("_", " ")
    raise PatientFileError(f"{path}: unknown {kind} {name!r}; did you mean {near!r}?")


def _read_states(written: list[str] | dict[str, bool], group: str, path: Path) -> dict[str, bool]:
    states = dict.fromkeys(written, True) if isinstance(written, list) else written
    return {_known(name, (group,), path).id: state for name, state in states.items()}


def _read_history(written: list[str] | dict[str, bool | str], path: Path) -> dict[str, bool | str]:
    states: Mapping[str, bool | str] = dict.fromkeys(written, True) if isinstance(written, list) else written
    history: dict[str, bool | str] = {}
    for name, state in states.items():
        entry = _known(name, ("history",), path)
        if entry.type == "choice" and isinstance(state, str):
            history[entry.id] = _read_choice(entry, state, path)
        elif entry.type == "choice":
            options = ", ".join(c.id for c in entry.choices)
            raise PatientFileError(f"{path}: history.{entry.id} takes one of: {options}")
        elif isinstance(state, bool):
            history[entry.id] = state
        else:
            raise PatientFileError(f"{path}: history.{entry.id} is true or false, not {state!r}")
    return history


def _read_choice(entry: Term, value: str, path: Path) -> str:
    wanted = _normalised(value)
    for option in entry.choices:
        if wanted in (_normalised(option.id), _normalised(option.en), _normalised(option.zh)):
            return option.id
    options = [c.id for c in entry.choices]
    (near,) = difflib.get_close_matches(wanted, options, n=1, cutoff=0.0)
    raise PatientFileError(f"{path}: {entry.id} has no choice {value!r}; did you mean {near!r}?")


def _read_finding(
    entry: Term, written: bool | _Quantity | str | float, path: Path
) -> bool | str | Measurement:
    value = written.value if isinstance(written, _Quantity) else written
    if entry.type == "boolean":
        if isinstance(value, bool):
            return value
        raise PatientFileError(f"{path}: findings.{entry.id} is true or false, not {value!r}")
    if entry.type == "choice":
        if isinstance(value, str):
            return _read_choice(entry, value, path)
        options = ", ".join(c.id for c in entry.choices)
        raise PatientFileError(f"{path}: findings.{entry.id} takes one of: {options}")
    unit = written.unit if isinstance(written, _Quantity) else None
    if isinstance(value, bool | str) or (unit or "1") != entry.unit:
        example = f"{{ value = 4, unit = '{entry.unit}' }}"
        raise PatientFileError(f"{path}: findings.{entry.id} is a number with its unit, as in {example}")
    if not math.isfinite(value) or value < 0:
        raise PatientFileError(f"{path}: findings.{entry.id} must be zero or more, not {value}")
    low = written.low if isinstance(written, _Quantity) else None
    high = written.high if isinstance(written, _Quantity) else None
    try:
        return Measurement(float(value), entry.unit, low, high)
    except ValueError as error:
        raise PatientFileError(f"{path}: findings.{entry.id}: {error}") from None
