"""What every part of ``reading.json`` is made of: numbers, probabilities, measured values, texts."""

from __future__ import annotations

import math
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

__all__ = [
    "Choice",
    "Entry",
    "Lps",
    "Measured",
    "Number",
    "Probability",
    "Quantity",
    "Term",
    "TextEntry",
    "Unassessed",
    "round_number",
]

SIGNIFICANT_DIGITS = 6
"""Digits of every float in a reading: beyond any measurement's precision, and stable across machines."""


def round_number(value: float) -> float:
    """Return `value` with six significant digits, and zero without a sign.

    Examples
    --------
    >>> round_number(1234.56789), round_number(-0.0)
    (1234.57, 0.0)
    """
    if not math.isfinite(value):
        raise ValueError("a number in a reading must be finite")
    return float(f"{value:.{SIGNIFICANT_DIGITS}g}") + 0.0


ROUNDING = 1e-9
"""By how much a sum of probabilities may pass 0 or 1 from rounding alone; beyond it, it is refused."""


def forgive_rounding(value: Any) -> Any:
    """Return a probability that rounding took past 0 or 1 as 0 or 1, and any other value as it is.

    Examples
    --------
    >>> forgive_rounding(1.0000000000000002), forgive_rounding(1.01)
    (1.0, 1.01)
    """
    if not isinstance(value, float):
        return value
    nearest = min(max(value, 0.0), 1.0)
    return nearest if abs(value - nearest) <= ROUNDING else value


Number = Annotated[float, AfterValidator(round_number)]
Probability = Annotated[
    float, Field(ge=0, le=1), BeforeValidator(forgive_rounding), AfterValidator(round_number)
]
Term = Annotated[str, Field(pattern=r"^[a-z][A-Za-z0-9_]*$")]
Lps = tuple[Number, Number, Number]


class Entry(BaseModel):
    """What all parts of the document share: frozen, unknown keys ignored, contract's names in JSON."""

    model_config = ConfigDict(
        frozen=True,
        extra="ignore",
        populate_by_name=True,
        serialize_by_alias=True,
        allow_inf_nan=False,
        defer_build=True,
    )


class Quantity(Entry):
    """A measured number with its UCUM unit and 95 % interval (null: none is claimed)."""

    value: Number
    unit: str
    low: Number | None = None
    high: Number | None = None


class Unassessed(Entry):
    """Looked for and could not be judged; the reason."""

    not_assessable: str


class Choice(Entry):
    """A finding's value where it is a choice: an id of the vocabulary."""

    choice: str


Measured = Quantity | Unassessed


class TextEntry(Entry):
    """A text in both languages."""

    en: str
    zh: str
