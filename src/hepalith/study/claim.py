"""What a patient file claims: each name spelled out in the vocabulary, each claim in its table."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from hepalith.study.alias import Alias, find_named, list_aliases
from hepalith.study.patient import Doubtful, Lab, Patient, Value
from hepalith.study.phrase import is_said, sides_of, split_list
from hepalith.study.stated import AMOUNT, is_unknown, normalised, read_lab, read_value, together
from hepalith.vocabulary import Term, load_vocabulary

__all__ = [
    "TABLES",
    "home_of",
    "list_claims",
    "merge_patients",
    "place",
    "place_claims",
    "said_by",
    "terms_of",
    "without",
]

TABLES = {
    "findings": ("finding", "pattern", "laboratory_finding", "symptom"),
    "symptoms": ("symptom",),
    "exposures": ("exposure",),
    "history": ("history",),
    "labs": ("laboratory", "laboratory_finding"),
}
"""Tables of the file, and the groups of terms that are looked for there first."""

KEYS = (
    "age_years",
    "age_months",
    "sex",
    "subject",
    "gestation_weeks",
    "setting",
    "pregnancy",
    "exam_date",
)
"""Keys of the file that are no tables."""

EXAMINATIONS = frozenset(
    {
        "ultrasound",
        "us",
        "sonography",
        "ct",
        "mri",
        "mr",
        "mrcp",
        "pet",
        "pet_ct",
        "x_ray",
        "imaging",
        "radiology",
    }
    | {"contrast_ct", "ceus", "liver", "lesion", "focus", "calcification", "exam", "examination", "clinical"}
    | {"blood", "serology", "markers", "tumour_markers", "tumor_markers", "past", "medical", "surgical"}
)
"""Names of tables within a table, which only say where its statements come from."""

PLACES = frozenset({"location", "site", "segment", "segments", "lobe", "place", "部位"})
"""Names for where in the liver the foci lie: of it, the side counts."""

LISTS = frozenset(
    {"surgery", "operations", "previous_surgery", "past_surgery", "procedures", "medication", "medications"}
    | {"treatment", "treatments", "drugs", "comorbidities", "conditions", "diseases", "past_medical_history"}
    | {
        "country",
        "origin",
        "region",
        "residence",
        "lives_in",
        "born_in",
        "nationality",
        "birthplace",
        "travel_to",
    }
    | {"occupation", "job", "profession", "pets", "animals", "diet", "complaints", "presenting_complaint"}
)
"""Names of lists: what they hold is stated, each by its own name."""

COUNTED = {
    **dict.fromkeys(("single", "solitary", "one", "单发", "单个"), False),
    **dict.fromkeys(("multiple", "several", "many", "few", "numerous", "innumerable", "多发", "多个"), True),
}
"""Words for how many foci there are."""

ENHANCES = frozenset(
    {"heterogeneous", "homogeneous", "inhomogeneous", "avid", "intense", "weak", "mild", "moderate", "strong"}
    | {"enhancing", "enhances", "yes", "present", "heterogeneous_enhancement", "mild_enhancement"}
)
"""Words for enhancement whose pattern is not told."""

RAISED = frozenset(
    {"raised", "elevated", "high", "increased", "up", "positive", "abnormal", "yes", "升高", "增高", "阳性"}
)
"""Words for a laboratory value above its upper limit."""

LOW = frozenset({"low", "lowered", "decreased", "reduced", "down", "降低", "减低", "减少"})
"""Words for a laboratory value below its lower limit."""

NORMAL = frozenset(
    {"normal", "not_raised", "not_elevated", "within_limits", "within_normal_limits", "wnl", "negative", "no"}
    | {"normal_range", "unremarkable", "正常", "阴性"}
)
"""Words for a laboratory value within its limits."""

STRENGTHS = re.compile(r"^(?:very|slightly|mildly|moderately|markedly|strongly|明显|轻度)_?")
"""Words before a judgement that say how far, which is not counted."""


def home_of(meant: Term | Alias) -> str:
    """Return the table that a term is looked for in first."""
    group = "finding" if isinstance(meant, Alias) else meant.group
    return next(
        table for table in ("symptoms", "exposures", "history", "labs", "findings") if group in TABLES[table]
    )


Claim = tuple[Term, Value | Lab]
"""One statement: a term, and what is said of it."""


def list_claims(tables: Mapping[str, Any]) -> Iterator[Claim]:
    """Give every statement of the tables, aliases spelled out."""
    for table, rows in tables.items():
        if is_unknown(rows):
            continue
        typed = isinstance(rows, str) and any(c.isalpha() for c in rows)
        entries = split_list(rows) if typed else rows
        listed = isinstance(entries, Sequence) and not isinstance(entries, str)
        named = dict.fromkeys(map(str, entries), True) if listed else entries
        if not isinstance(named, Mapping):
            raise ValueError(f"{table} is a table, as in {table} = {{ name = true }}, not {rows!r}")
        for name, written in named.items():
            if isinstance(written, Mapping) and normalised(str(name)) in EXAMINATIONS:
                yield from list_claims({table: written})
            else:
                yield from _claims(str(name), written, table)


def _claims(name: str, written: Any, table: str) -> Iterator[Claim]:
    """Give what one key says."""
    held = _held(normalised(name), written, table)
    if held is not None:
        yield from held
        return
    meant = _meaning(name, table)
    if is_unknown(written):
        return
    if isinstance(written, str) and (said := _spelled_out(meant, written)) is not None:
        yield from _claims_of(said, table)
        return
    if isinstance(meant, Term) and meant.type == "choice" and isinstance(written, bool):
        meant = _alias_of(name, meant) or meant
    if isinstance(meant, Alias):
        yield from _claims_of_alias(meant, written, table)
    elif meant.group == "laboratory":
        yield _lab_claim(meant, written)
    elif meant.id == "known_primary":
        yield meant, _named_primary(meant, written)
    else:
        yield meant, read_value(meant, written)


def _held(plain: str, written: Any, table: str) -> Iterator[Claim] | None:
    """Give what a place in the liver or a list of names says; ``None`` where the key is neither."""
    if plain not in PLACES | LISTS:
        return None
    if is_unknown(written):
        return iter(())
    if plain in PLACES and isinstance(written, str):
        side = sides_of(written)
        return iter(()) if side is None else _claims_of({"side_of_foci": side}, table)
    if plain in LISTS and isinstance(written, str | list | tuple):
        parts = split_list(written) if isinstance(written, str) else map(str, written)
        return _claims_of(dict.fromkeys(parts, True), table)
    return None


def _spelled_out(meant: Term | Alias, written: str) -> dict[str, Any] | None:
    """Return what a phrase says of a key that it does not answer by yes or no; ``None`` where it does."""
    name = meant.name if isinstance(meant, Alias) else meant.id
    if is_said(name, written) is not None:
        return None
    is_size = AMOUNT.fullmatch(written.strip()) is not None
    said: dict[str, Any] | None = None
    if isinstance(meant, Alias) and "host_kind" in meant.when_true and is_size:
        said = {**meant.when_true, "host_diameter": written}
    elif name == "pain":
        right = any(word in normalised(written) for word in ("right", "ruq", "右"))
        said = {"right_upper_quadrant_pain" if right else "abdominal_pain": True}
    elif name == "host_kind" and is_size:
        said = {**list_aliases()["mass"].when_true, "host_diameter": written}
    elif name in ("calcification", "intrahepatic_calcification"):
        about = "largest_calcium" if is_size else "dominant_morphology"
        said = {"intrahepatic_calcification": True, about: written}
    elif name == "cancer_history" and any(c.isalpha() for c in written):
        said = {"known_primary": written, "cancer_history": True}
    elif name == "enhancement" and normalised(written) in ENHANCES:
        said = list_aliases()["enhancement"].when_true
    elif name == "focus_count" and normalised(written) in COUNTED:
        said = {"multiple_foci": COUNTED[normalised(written)]}
    return said


def _claims_of(said: Mapping[str, Any], table: str) -> Iterator[Claim]:
    for name, written in said.items():
        yield from _claims(name, written, table)


def _alias_of(name: str, meant: Term) -> Alias | None:
    """Return what true and false mean for a term with choices, as `name` calls it."""
    aliases = list_aliases()
    return aliases.get(normalised(name), aliases.get(meant.id))


def _meaning(name: str, table: str) -> Term | Alias:
    try:
        return find_named(name, TABLES[table])
    except KeyError as error:
        if name in KEYS:
            raise ValueError(
                f"{table}.{name}: {name!r} belongs at the top of the file, above the first [table]"
            ) from None
        kind = {"labs": "laboratory value", "history": "history"}.get(table, table.removesuffix("s"))
        hint = f"did you mean {error.args[0]!r}?" if error.args else "hepalith schema vocabulary lists them"
        raise ValueError(f"unknown {kind} {name!r}; {hint}") from None


def _claims_of_alias(alias: Alias, written: Any, table: str) -> Iterator[Claim]:
    stand_in = Term(
        id=alias.name, group="finding", type="boolean", definition="an alias", source=alias.source,
        en=alias.name, zh=alias.name,
    )  # fmt: skip
    value = read_value(stand_in, written)
    if isinstance(value, Doubtful):
        for term_id, said in alias.when_true.items():
            if is_unknown(said) or _is_amount(said):
                raise ValueError(f"{alias.name} takes true or false and no probability")
            yield from _claims(term_id, {"value": said, "p": value.probability}, table)
        return
    for term_id, said in alias.says(present=value is True).items():
        yield from _claims(term_id, said, table)


def _is_amount(said: object) -> bool:
    return isinstance(said, str) and any(character.isdigit() for character in said)


def _lab_claim(term: Term, written: Any) -> Claim:
    """Return a laboratory value, or the finding that "raised", "low" and "normal" make.

    A share of the white cells, in per cent, is a value of its own.
    """
    vocabulary = load_vocabulary()
    word = STRENGTHS.sub("", normalised(written)) if isinstance(written, str) else ""
    if isinstance(written, bool):
        word = "raised" if written else "normal"
    if term.makes is not None and word in RAISED | NORMAL | LOW:
        return vocabulary[term.makes], word in (RAISED if term.raises else LOW)
    unit = written.get("unit") if isinstance(written, Mapping) else written
    if isinstance(unit, str) and unit.rstrip().endswith("%") and f"{term.id}_share" in vocabulary:
        term = vocabulary[f"{term.id}_share"]
    return term, read_lab(term, written)


def _named_primary(term: Term, written: Any) -> str:
    value = read_value(term, written)
    if isinstance(value, str):
        return value
    raise ValueError(f"{term.id} takes one of: {', '.join(c.id for c in term.choices)}")


def place_claims(patient: Patient, claims: Iterator[Claim]) -> Patient:
    """Return a patient with these statements, each in the table where it belongs."""
    said: dict[str, Value] = {}
    labs: dict[str, Lab] = {}
    for term, value in claims:
        if isinstance(value, Lab):
            if labs.setdefault(term.id, value) != value:
                raise ValueError(f"labs.{term.id} is given twice, and differently")
        else:
            said[term.id] = together(term, said[term.id], value) if term.id in said else value
    return place(patient, said, labs)


def place(patient: Patient, said: Mapping[str, Value], labs: Mapping[str, Lab]) -> Patient:
    """Return a patient with these statements, each in the table where the vocabulary has it."""
    tables: dict[str, dict[str, Any]] = {name: {} for name in TABLES}
    for term_id, value in said.items():
        home = home_of(load_vocabulary()[term_id])
        certain = isinstance(value, bool) or (isinstance(value, str) and home == "history")
        tables[home if certain and home != "labs" else "findings"][term_id] = value
    return replace(
        patient,
        exposures={**patient.exposures, **tables["exposures"]},
        history={**patient.history, **tables["history"]},
        symptoms={**patient.symptoms, **tables["symptoms"]},
        findings={**patient.findings, **tables["findings"]},
        labs={**patient.labs, **labs},
    )


def without(patient: Patient, ids: frozenset[str]) -> Patient:
    """Return a patient of whom nothing is known in these terms, nor in what makes them."""
    vocabulary = load_vocabulary()
    kept: dict[str, Any] = {
        name: {i: v for i, v in getattr(patient, name).items() if i not in ids}
        for name in ("exposures", "history", "symptoms", "findings")
    }
    labs = {i: v for i, v in patient.labs.items() if i not in ids and vocabulary[i].makes not in ids}
    return replace(patient, labs=labs, **kept)


def merge_patients(first: Patient, second: Patient) -> Patient:
    """Return what two sources say of one patient; where both speak, the first is believed."""
    known = frozenset((*first.exposures, *first.history, *first.symptoms, *first.findings, *first.labs))
    rest = without(second, known)
    alone = first.subject == "fetus" or second.subject != "fetus"
    base = first if alone else replace(first, subject="fetus", gestation_weeks=second.gestation_weeks)
    scalars = ("age_years", "sex", "setting", "pregnancy", "exam_date")
    filled: dict[str, Any] = {n: getattr(second, n) for n in scalars if getattr(first, n) is None}
    joined: dict[str, Any] = {n: {**getattr(rest, n), **getattr(first, n)} for n in TABLES}
    return replace(base, **filled, **joined)


def said_by(patient: Patient) -> dict[str, Value]:
    """Return every statement of a patient's tables but the laboratory values."""
    return {**patient.exposures, **patient.history, **patient.symptoms, **patient.findings}


def terms_of(name: str) -> Iterator[str]:
    """Give the terms that a name speaks of."""
    meant = _meaning(name, "findings")
    if isinstance(meant, Term):
        yield meant.id
        if meant.makes is not None:
            yield meant.makes
    alias = meant if isinstance(meant, Alias) else list_aliases().get(meant.id)
    if alias is not None:
        yield from (*alias.when_true, *alias.when_false)
