"""One statement of a patient file: what is written of one term, and what two statements say together."""

from __future__ import annotations

import difflib
import math
import re
import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from hepalith.study.patient import Doubtful, Lab, Value
from hepalith.study.phrase import is_said, meant_choices
from hepalith.study.possible import refuse_impossible
from hepalith.study.unit import conversion
from hepalith.vocabulary import Measurement, NotAssessable, Term, load_vocabulary

__all__ = ["UNKNOWN", "is_unknown", "normalised", "read_lab", "read_value", "together"]

UNKNOWN = frozenset(
    {"unknown", "not_known", "n/a", "na", "?", "", "nd", "not_done", "not_stated", "not_reported", "null"}
    | {"未知", "不详", "未查"}
)
"""Words for unknown: the same as leaving the key out."""

UNJUDGED = frozenset({"not_assessable", "无法评估"})
"""Words for what was looked for and could not be judged."""

STATED_UNJUDGED = "stated as not assessable"
"""Reason of a finding that a person calls not assessable."""

OPEN_END = 2.0
"""A size given only as "more than X" is taken to lie between X and twice X. Our judgement."""

_NUMBER = r"(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?![.\d])"
_POWER = r"[x×*]?\s*10(?:\s*[*^]\s*|[eE]|\s*\()?[369]\)?\s*/.+"

AMOUNT = re.compile(
    rf"(?:(?P<sign><=|>=|[<>≤≥~≈])|about|ca\.?)?\s*(?P<first>{_NUMBER})"
    rf"(?:\s*(?:(?P<power>{_POWER})|"
    rf"(?P<more>(?:\s*(?:mm|cm)?\s*(?:[x×*]|by)\s*{_NUMBER})*)"
    rf"(?:\s*(?:-|–|~|to|至)\s*(?P<last>{_NUMBER}))?\s*(?P<unit>[^\d\s<>.,].*)?))",
    re.IGNORECASE,
)
"""A number with its unit as it is typed: "12 mm", "<1 cm", "3 x 4 mm" (the longest counts), "3-5 mm",
"1,200 ng/mL", "17.4 10*9/L", "6.1 x 10^3/uL"."""

RAISED_DIGITS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789")
"""Digits of a power, as in 10⁹/L."""

CANCER = re.compile(r"_(?:cancer|carcinoma|adenocarcinoma|tumou?r)$")
"""Words for a malignant tumour at the end of the name of its organ."""

TABLE_KEYS = ("value", "unit", "low", "high", "p", "probability")
"""Keys of a finding that is written as a table."""

NEAREST_KEYS = {
    **dict.fromkeys(
        ("ref", "reference", "normal", "uln", "max", "normal_range", "reference_range"), "upper_limit"
    ),
    **dict.fromkeys(("range", "limit", "upper", "upper_normal"), "upper_limit"),
    "units": "unit",
    "result": "value",
}
"""What people call such a key, where no spelling is near."""

LAB_KEYS = ("value", "unit", "upper_limit")
"""Keys of a laboratory value."""


def normalised(name: str) -> str:
    """Return a name without the differences of case, spaces and hyphens."""
    return name.strip().casefold().replace(" ", "_").replace("-", "_")


def is_unknown(written: object) -> bool:
    """Return whether a value only says that nothing is known."""
    return written is None or (isinstance(written, str) and normalised(written) in UNKNOWN)


def read_value(term: Term, written: Any) -> Value:
    """Return what a person says of one term.

    Raises
    ------
    ValueError
        If it cannot be used; the message says what is allowed.
    """
    if isinstance(written, str) and normalised(written) in UNJUDGED:
        return NotAssessable(STATED_UNJUDGED)
    if isinstance(written, Mapping) and not (term.type == "choice" and "value" not in written):
        refuse_keys(written, TABLE_KEYS, term.id)
    if term.type == "boolean":
        return _read_boolean(term, written)
    if term.type == "choice":
        return _read_choice(term, written)
    return _read_quantity(term, written)


def refuse_keys(table: Mapping[str, Any], known: Sequence[str], where: str) -> None:
    """Raise `ValueError` for a key that a table does not have, the nearest one named."""
    for key in table:
        if key not in known:
            near = NEAREST_KEYS.get(normalised(key), "")
            if near not in known:
                (near,) = difflib.get_close_matches(key, known, n=1, cutoff=0.0)
            raise ValueError(f"unknown key {key!r} in {where}; did you mean {near!r}?")


def _chance(table: Mapping[str, Any], where: str) -> float:
    given = [table[key] for key in ("p", "probability") if key in table]
    if not given:
        return 1.0
    if len(given) == 2 or isinstance(given[0], bool) or not isinstance(given[0], int | float):
        raise ValueError(f"{where}: p is one number from 0 to 1")
    if not 0 <= given[0] <= 1:
        raise ValueError(f"{where}: p is a probability from 0 to 1, not {given[0]}")
    return float(given[0])


def _read_boolean(term: Term, written: Any) -> Value:
    chance = 1.0
    if isinstance(written, Mapping):
        chance = _chance(written, term.id)
        written = written.get("value", True)
    if isinstance(written, str) and (said := is_said(term.id, written)) is not None:
        written = said
    if isinstance(written, int) and written in (0, 1):
        written = bool(written)
    if not isinstance(written, bool):
        raise ValueError(f"{term.id} is true or false (doubtful: {{ p = 0.7 }}), not {written!r}")
    chance = chance if written else 1.0 - chance
    return chance == 1.0 if chance in (0.0, 1.0) else Doubtful(chance)


def _read_choice(term: Term, written: Any) -> Value:
    options = [c.id for c in term.choices]
    if isinstance(written, str):
        return _choice_id(term, written)
    if isinstance(written, Sequence) and written and all(isinstance(v, str) for v in written):
        named = list(dict.fromkeys(_choice_id(term, v) for v in written))
        return _spread(dict.fromkeys(named, 1.0))
    if isinstance(written, Mapping) and "value" in written:
        certain, chance = _read_choice(term, written["value"]), _chance(written, term.id)
        shares = dict(certain.choices) if isinstance(certain, Doubtful) else {str(certain): 1.0}
        rest = [name for name in options if name not in shares]
        told = {name: chance * share for name, share in shares.items()}
        return _spread({**told, **{name: (1.0 - chance) / len(rest) for name in rest}})
    if isinstance(written, Mapping) and written:
        shares = {_choice_id(term, name): _chance({"p": p}, term.id) for name, p in written.items()}
        if sum(shares.values()) > 0:
            return _spread(shares)
    raise ValueError(f"{term.id} takes one of: {', '.join(options)}; not {written!r}")


def _spread(weights: Mapping[str, float]) -> str | Doubtful:
    """Return choices with the probabilities that the weights stand for; one that is certain, as itself."""
    whole = sum(weights.values())
    kept = tuple((name, weight / whole) for name, weight in weights.items() if weight > 0)
    return kept[0][0] if len(kept) == 1 else Doubtful(max(p for _, p in kept), kept)


def _choice_id(term: Term, value: str) -> str:
    """Return the choice that a word names: by its id, its display, a synonym, or as people type it."""
    wanted = normalised(value)
    bare = CANCER.sub("", wanted)
    for option in term.choices:
        if {wanted, bare} & {normalised(name) for name in (option.id, option.en, option.zh)}:
            return option.id
    typed = _typed_choices().get(term.id, {})
    for name in (wanted, bare):
        if name in typed:
            return typed[name]
    vocabulary = load_vocabulary()
    for option in term.choices:
        if option.id in vocabulary and wanted in map(normalised, vocabulary[option.id].synonyms):
            return option.id
    options = [c.id for c in term.choices]
    meant = meant_choices(value, {**typed, **{normalised(c.id): c.id for c in term.choices}})
    if len(meant) == 1:
        return meant[0]
    (near,) = difflib.get_close_matches(wanted, options, n=1, cutoff=0.0)
    raise ValueError(
        f"{term.id} has no choice {value!r}; did you mean {near!r}? It takes: {', '.join(options)}"
    )


@cache
def _typed_choices() -> dict[str, dict[str, str]]:
    text = files("hepalith.study").joinpath("choices.toml").read_text(encoding="utf-8")
    typed: dict[str, dict[str, str]] = tomllib.loads(text)
    for term_id, names in typed.items():
        unknown = set(names.values()) - {c.id for c in load_vocabulary()[term_id].choices}
        if unknown:
            raise ValueError(f"choices.toml: {term_id} has no choice {', '.join(sorted(unknown))}")
    return typed


def _read_quantity(term: Term, written: Any) -> Measurement:
    example = f"{{ value = 4, unit = '{term.unit}' }}"
    wrong = f"{term.id} is a number with its unit, as in {example}"
    value: Any
    low: Any
    high: Any
    unit: Any
    if isinstance(written, str):
        value, unit, low, high = read_amount(written, wrong)
    elif isinstance(written, Mapping):
        _chance(written, term.id)
        value, unit = written.get("value"), written.get("unit", "1")
        low, high = written.get("low"), written.get("high")
        if isinstance(value, str):
            value, own, low, high = read_amount(value, wrong)
            unit = own if own != "1" else unit
    else:
        value, unit, low, high = written, "1", None, None
    numbers = [n for n in (value, low, high) if n is not None]
    if not numbers or any(isinstance(n, bool) or not isinstance(n, int | float) for n in numbers):
        raise ValueError(f"{wrong}, not {written!r}")
    if not isinstance(unit, str) or (factor := conversion(term.id, unit, str(term.unit))) is None:
        raise ValueError(wrong)
    if any(not math.isfinite(n) for n in numbers):
        raise ValueError(f"{term.id} must be zero or more, not {value}")
    refuse_impossible(term.id, [factor * n for n in numbers], str(term.unit))
    low, high = (None if n is None else factor * n for n in (low, high))
    try:
        return Measurement(float(factor * value), str(term.unit), low, high)
    except ValueError as error:
        raise ValueError(f"{term.id}: {error}") from None


def read_amount(written: str, wrong: str) -> tuple[float, str, float | None, float | None]:
    """Return value, unit and interval of a number as it is typed.

    Examples
    --------
    >>> read_amount("<1 cm", ""), read_amount("3 x 4 mm", ""), read_amount("3-5mm", "")
    ((0.5, 'cm', 0.0, 1.0), (4.0, 'mm', None, None), (4.0, 'mm', 3.0, 5.0))
    >>> read_amount("17,400 /uL", ""), read_amount("6.1 × 10⁹/L", "")
    ((17400.0, '/uL', None, None), (6.1, '× 109/L', None, None))
    """
    found = AMOUNT.fullmatch(written.strip().translate(RAISED_DIGITS))
    if found is None:
        raise ValueError(f"{wrong}, not {written!r}")
    unit = (found["unit"] or found["power"] or "1").strip()
    value = max(_number(n) for n in re.findall(_NUMBER, found["first"] + " " + (found["more"] or "")))
    if found["sign"] in ("<", "<=", "≤"):
        return value / 2, unit, 0.0, value
    if found["sign"] in (">", ">=", "≥"):
        return value * (1 + OPEN_END) / 2, unit, value, value * OPEN_END
    if found["last"] is not None:
        last = _number(found["last"])
        return (value + last) / 2, unit, min(value, last), max(value, last)
    return value, unit, None, None


def _number(written: str) -> float:
    return float(written.replace(",", ""))


def read_lab(term: Term, written: Any) -> Lab:
    """Return a laboratory value in the vocabulary's unit; in its own, where its upper limit is given too.

    Raises
    ------
    ValueError
        If it lacks its unit, or the unit is none that is known for it.
    """
    here = f"labs.{term.id}"
    wrong = f"{here} is a value with its unit, as in {{ value = 30, unit = '{term.unit}' }}"
    if isinstance(written, str):
        written = _limited(*read_amount(written, wrong), written)
    if not isinstance(written, Mapping):
        raise ValueError(f"{wrong}, not {written!r}")
    refuse_keys(written, LAB_KEYS, here)
    value: Any = written.get("value")
    limit: Any = written.get("upper_limit")
    unit = written.get("unit")
    if isinstance(value, str):
        amount = _limited(*read_amount(value, wrong), value)
        value, unit = amount["value"], amount["unit"] if amount["unit"] != "1" else unit
    if isinstance(limit, str):
        limit = read_amount(limit, wrong)[0]
    if not _is_amount(value) or value < 0:
        raise ValueError(f"{here}: value is a number of zero or more, not {value!r}")
    if limit is not None and not (_is_amount(limit) and limit > 0):
        raise ValueError(f"{here}: upper_limit is a number above zero, not {limit!r}")
    if not isinstance(unit, str) or not unit:
        raise ValueError(f"{here}: the unit is missing; {wrong}")
    factor = conversion(term.id, unit, str(term.unit))
    if factor is None and limit is None:
        raise ValueError(f"{here}: {unit!r} is not converted; give it in {term.unit}, or add upper_limit")
    if factor is None:
        return Lab(float(value), unit, float(limit))
    refuse_impossible(term.id, [factor * value], str(term.unit), where=here)
    return Lab(round(factor * value, 9), str(term.unit), None if limit is None else round(factor * limit, 9))


def _limited(
    middle: float, unit: str, least: float | None, most: float | None, written: str
) -> dict[str, Any]:
    """Return a laboratory value that was typed: of "<5" and "3-5" the upper end, of ">1000" the lower."""
    if least is not None and written.lstrip()[:1] in (">", "≥"):
        return {"value": least, "unit": unit}
    return {"value": middle if most is None else most, "unit": unit}


def _is_amount(value: object) -> bool:
    """Return whether a value is a finite number, and not true or false."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def together(term: Term, one: Value, other: Value) -> Value:
    """Return what two statements about one term say together.

    Raises
    ------
    ValueError
        If they contradict each other.
    """
    if one == other:
        return one
    if term.type == "choice":
        shares = [dict(s.choices) if isinstance(s, Doubtful) else {str(s): 1.0} for s in (one, other)]
        both = {name: p * shares[1].get(name, 0.0) for name, p in shares[0].items()}
        if sum(both.values()) > 0 and not isinstance(one, NotAssessable):
            return _spread(both)
    if isinstance(one, Measurement) and isinstance(other, Measurement):
        for inner, outer in ((one, other), (other, one)):
            if outer.low is not None and outer.high is not None and outer.low <= inner.value <= outer.high:
                return inner
    raise ValueError(f"{term.id} is stated twice, and differently: {_shown(one)} and {_shown(other)}")


def _shown(value: Value) -> str:
    """Return a statement as a line quotes it."""
    if isinstance(value, Doubtful):
        return " or ".join(name for name, _ in value.choices) or f"p = {value.probability:g}"
    if isinstance(value, Measurement):
        return f"{value.value:g} {value.unit}".removesuffix(" 1")
    return str(value).lower() if isinstance(value, bool) else str(value)
