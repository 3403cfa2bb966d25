"""Reading a patient file: TOML or JSON, as people write it, into what the vocabulary says."""

from __future__ import annotations

import difflib
import json
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError

from hepalith.errors import PatientFileError
from hepalith.study.alias import find_named
from hepalith.study.claim import (
    KEYS,
    TABLES,
    home_of,
    list_claims,
    place,
    place_claims,
    said_by,
    terms_of,
    without,
)
from hepalith.study.patient import Patient
from hepalith.study.possible import check_exam, check_findings, check_person
from hepalith.study.stated import is_unknown, normalised
from hepalith.vocabulary import load_vocabulary

__all__ = ["list_patient_schema", "make_patient", "read_patient", "restate"]

MOST_BYTES = 1_000_000
"""Size above which a file is refused unread: the longest useful patient file has a few kilobytes."""

KINDS = {
    **dict.fromkeys(("float_parsing", "float_type", "int_parsing", "int_type"), "a number"),
    **dict.fromkeys(("bool_parsing", "bool_type"), "true or false"),
    **dict.fromkeys(
        ("date_parsing", "date_from_datetime_parsing", "date_from_datetime_inexact", "date_type"),
        "a date as in 2026-05-04",
    ),
    "literal_error": "one of the words that hepalith schema patient lists",
    "string_type": "a word in quotation marks",
}
"""What pydantic's kinds of error ask for, in a patient file's words."""

BOUNDS = {"greater_than_equal": "at least", "less_than_equal": "at most"}
"""What pydantic's kinds of error say of a value out of range, in words."""

MONTHS_A_YEAR = 12.0

FIRST_EXAM, LAST_EXAM = date(1900, 1, 1), date(2199, 12, 31)
"""Dates beyond which an examination's is a slip of the fingers, as 0206 or 2926. Our judgement."""

NEAREST = {
    **dict.fromkeys(("age", "years", "patient_age"), "age_years"),
    **dict.fromkeys(("birth_date", "birthdate", "birthday", "born", "date_of_birth", "dob"), "age_years"),
    **dict.fromkeys(("gender",), "sex"),
    **dict.fromkeys(("ct", "mri", "us", "ultrasound", "imaging", "radiology", "sonography"), "findings"),
    **dict.fromkeys(("country", "origin", "region", "travel", "exposure", "occupation"), "exposures"),
    **dict.fromkeys(("lab", "laboratory", "blood", "serology", "tests"), "labs"),
    **dict.fromkeys(("symptom", "complaints", "presentation", "clinical"), "symptoms"),
    **dict.fromkeys(("medical_history", "past_history", "comorbidities", "surgery"), "history"),
    **dict.fromkeys(("date", "study_date"), "exam_date"),
    **dict.fromkeys(("population",), "setting"),
}
"""What people call a key, where no spelling is near."""

SEXES = {
    "male": ("m", "man", "boy", "男", "男性"),
    "female": ("f", "w", "woman", "girl", "女", "女性"),
    "other": ("o", "其他"),
}
"""What people type for a sex."""

_SCALAR = [{"type": "boolean"}, {"type": "number"}, {"type": "string"}]
_STATE = {
    "anyOf": [
        *_SCALAR,
        {"type": "array", "items": {"type": "string"}, "minItems": 1},
        {"type": "object"},
        {"type": "null"},
    ]
}
_STATES = {
    "anyOf": [
        {"type": "object", "additionalProperties": _STATE},
        {"type": "array", "items": {"type": "string"}},
        {"type": "string"},
        {"type": "null"},
    ],
    "default": {},
}
"""JSON Schema of a table of statements. Which names and values there are, the vocabulary says."""


def _plain_sex(written: object) -> object:
    if not isinstance(written, str):
        return written
    plain = written.strip().casefold()
    return next((sex for sex, words in SEXES.items() if plain in (sex, *words)), written)


def _no_truth_value(written: object) -> object:
    if isinstance(written, bool):
        raise PydanticCustomError("float_type", "true and false are no number")
    return written


_Figure = Annotated[float | None, BeforeValidator(_no_truth_value)]
"""A number. JSON's ``true`` is none, though Python counts it as 1: an infant of one year, say."""
_Sex = Annotated[
    Literal["male", "female", "other"] | None,
    BeforeValidator(_plain_sex),
    WithJsonSchema({"type": ["string", "null"], "examples": list(SEXES)}),
]
_Statements = Annotated[Any, WithJsonSchema(_STATES)]


class _PatientFile(BaseModel):
    """The patient file as it is written: TOML or JSON. What is left out is unknown."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    age_years: _Figure = Field(default=None, ge=0, le=125, description="age in years")
    age_months: _Figure = Field(
        default=None, ge=0, le=1500, description="age in months, instead of age_years"
    )
    sex: _Sex = Field(default=None, description="male, female or other")
    subject: Literal["patient", "fetus"] = Field(default="patient", description="of whom the findings are")
    gestation_weeks: _Figure = Field(
        default=None, ge=4, le=45, description="weeks of gestation; of a fetus only"
    )
    setting: str | None = Field(default=None, description="which population is read: an id of that group")
    exposures: _Statements = Field(default_factory=dict, description="by id of the vocabulary")
    history: _Statements = Field(
        default_factory=dict, description="by id of the vocabulary; known_primary is a choice"
    )
    symptoms: _Statements = Field(default_factory=dict, description="by id of the vocabulary")
    labs: _Statements = Field(
        default_factory=dict, description="by id of the vocabulary: value, unit, upper_limit"
    )
    pregnancy: bool | None = Field(default=None, description="whether pregnant")
    exam_date: date | None = Field(
        default=None, ge=FIRST_EXAM, le=LAST_EXAM, description="the date from which a plan counts"
    )
    findings: _Statements = Field(
        default_factory=dict, description="by id of the vocabulary: true, false, a choice, a size, a doubt"
    )

    @model_validator(mode="after")
    def _one_age_and_one_subject(self) -> _PatientFile:
        if self.age_years is not None and self.age_months is not None:
            raise ValueError("give age_years or age_months, not both")
        if (self.subject == "fetus") != (self.gestation_weeks is not None):
            raise ValueError("gestation_weeks belongs to subject = 'fetus', and a fetus needs it")
        if self.subject == "fetus" and (self.age_years is not None or self.age_months is not None):
            raise ValueError("a fetus has gestation_weeks and no age_years")
        return self


def list_patient_schema() -> dict[str, Any]:
    """Return the JSON Schema of a patient file: what ``hepalith schema patient`` prints."""
    schema = _PatientFile.model_json_schema()
    schema["title"] = "hepalith patient file"
    for name in KEYS:
        told = schema["properties"][name]
        about = {key: told.pop(key) for key in ("title", "description", "default") if key in told}
        schema["properties"][name] = {**about, "anyOf": [told, {"const": "unknown"}]}
    return schema


def read_patient(path: Path | str) -> Patient:
    """Read a patient file (TOML or JSON).

    Raises
    ------
    PatientFileError
        If it cannot be opened or parsed, holds an unknown key (the nearest known one is named), a value
        out of range, or two statements that contradict each other. The message is one line.
    """
    return make_patient(_load_table(Path(path)), str(path))


def make_patient(table: Mapping[str, Any], where: str = "patient") -> Patient:
    """Return the patient that a table with the keys of a patient file describes.

    Parameters
    ----------
    table
        As a patient file holds it.
    where
        Begins every message: the file's name.

    Raises
    ------
    PatientFileError
        As for `read_patient`.

    Examples
    --------
    >>> make_patient({"age_months": 8, "findings": {"eggshell": True}}).findings
    {'dominant_morphology': 'eggshell'}
    """
    _refuse_unknown(table, where)
    try:
        written = _PatientFile.model_validate(
            {k: v for k, v in table.items() if not (k in KEYS and is_unknown(v))}
        )
    except ValidationError as error:
        raise PatientFileError(f"{where}: {_in_one_line(error)}") from None
    age = written.age_years
    if written.age_months is not None:
        age = written.age_months / MONTHS_A_YEAR
    try:
        patient = Patient(
            age_years=age,
            sex=written.sex,
            subject=written.subject,
            gestation_weeks=written.gestation_weeks,
            setting=_setting(written.setting),
            pregnancy=written.pregnancy,
            exam_date=written.exam_date,
        )
        patient = place_claims(patient, list_claims({name: getattr(written, name) for name in TABLES}))
        check_exam(patient.exam_date, datetime.now(UTC).date())
        check_person(patient)
        check_findings(patient)
    except ValueError as error:
        raise PatientFileError(f"{where}: {error}") from None
    return patient


def _in_one_line(error: ValidationError) -> str:
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"][:2]) or "the file as a whole"
    given = first["input"]
    shown = given.isoformat() if isinstance(given, date) else repr(given)
    if key == "age_years" and isinstance(given, str) and "month" in given:
        return "age_years is a number of years; for an infant write age_months = 8, say"
    if key == "sex":
        return f"sex is male, female or other, not {given!r}"
    if first["type"] in KINDS:
        return f"{key} is {KINDS[first['type']]}, not {shown}"
    if first["type"] in BOUNDS:
        (bound,) = first["ctx"].values()
        limit = f"{bound:g}" if isinstance(bound, float) else str(bound)
        return f"{key} is {BOUNDS[first['type']]} {limit}, not {shown}"
    return f"{key}: {first['msg'].removeprefix('Value error, ')}"


def _setting(name: str | None) -> str | None:
    if name is None:
        return None
    terms = load_vocabulary().of_group("setting")
    for term in terms:
        if normalised(name) in (normalised(n) for n in (term.id, term.en, term.zh, *term.synonyms)):
            return term.id
    (near,) = difflib.get_close_matches(normalised(name), [t.id for t in terms], n=1, cutoff=0.0)
    raise ValueError(
        f"unknown setting {name!r}; did you mean {near!r}? There are: {', '.join(t.id for t in terms)}"
    )


def _load_table(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > MOST_BYTES:
            raise PatientFileError(
                f"{path}: a patient file has less than {MOST_BYTES // 1000} kB, this has more"
            )
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise PatientFileError(f"{path}: the patient file cannot be read: {reason}") from None
    try:
        as_json = path.suffix.lower() == ".json" or text.lstrip().startswith("{")
        table = json.loads(text, object_pairs_hook=_each_key_once) if as_json else tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # numbers of thousands of digits among them
        what = " ".join(str(error).split())
        raise PatientFileError(f"{path}: neither TOML nor JSON as its name says: {what}") from None
    if not isinstance(table, dict):
        raise PatientFileError(f"{path}: a patient file is a table of keys, not a {type(table).__name__}")
    return table


def _each_key_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return a JSON object's keys and values; TOML refuses a key said twice by itself."""
    table = dict(pairs)
    if len(table) < len(pairs):
        names = [key for key, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice!r} stands twice in one table")
    return table


def _refuse_unknown(table: Mapping[str, Any], where: str) -> None:
    names = list(_PatientFile.model_fields)
    for key in table:
        if key in names:
            continue
        near = difflib.get_close_matches(str(key), names, n=1, cutoff=0.75)
        try:
            home = home_of(find_named(str(key), ()))
        except KeyError:
            home = None
        if home is not None and not near:
            raise PatientFileError(f"{where}: unknown key {key!r}; it belongs in the table {home!r}")
        meant, others = NEAREST.get(normalised(str(key))), ""
        if meant is None:
            (meant,) = difflib.get_close_matches(normalised(str(key)), names, n=1, cutoff=0.0)
            if not difflib.get_close_matches(normalised(str(key)), [meant], n=1):  # nothing is near
                others = f" There are: {', '.join(names)}"
        raise PatientFileError(f"{where}: unknown key {key!r}; did you mean {meant!r}?{others}")


def restate(patient: Patient, changes: Mapping[str, Any]) -> tuple[Patient, frozenset[str]]:
    """Return a patient with some statements changed, and the terms that were touched.

    Parameters
    ----------
    changes
        By any name that a patient file's tables know, or one of its keys (``age_years``): the new value;
        ``"unknown"`` takes the statement back.

    Raises
    ------
    PatientFileError
        As for `read_patient`.
    """
    where = "what if"
    keys = {n: v for n, v in changes.items() if n in _PatientFile.model_fields and n not in TABLES}
    rest = {n: v for n, v in changes.items() if n not in keys}
    claims = make_patient({"findings": rest}, where)
    known = make_patient({k: v for k, v in keys.items() if not is_unknown(v)}, where)
    raised = {load_vocabulary()[i].makes or i for i in claims.labs}
    taken_back = {i for name, written in rest.items() if is_unknown(written) for i in terms_of(name)}
    touched = frozenset((*said_by(claims), *claims.labs, *raised, *taken_back))
    cleared = without(patient, touched)
    changed = replace(cleared, **_changed_keys(keys, known))
    return place(changed, said_by(claims), claims.labs), touched


def _changed_keys(keys: Mapping[str, Any], known: Patient) -> dict[str, Any]:
    """Return the fields of a patient that these keys of a file set."""
    fields = {"age_years" if k == "age_months" else k for k in keys}
    if "subject" in fields:
        fields.add("gestation_weeks")
    return {name: getattr(known, name) for name in fields}
