"""Units of a patient file: how they are spelled, and how they convert into the vocabulary's."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib.resources import files
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["Conversion", "conversion", "known_unit", "list_conversions"]


ALIKE = str.maketrans({"µ": "u", "μ": "u", "×": "x", "³": "3", "⁶": "6", "⁹": "9"})
"""Letters that look alike, and digits that are raised."""

POWER = re.compile(r"^[x*]?10[*^e(]?([369])\)?/")
"""A power of ten before "per volume", however it is typed: x10^9/L, 10e9/L, 10(9)/L."""


class Conversion(BaseModel):
    """A factor between two units: of every quantity, or of the one that `of` names."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    of: str | None = None
    start: str = Field(alias="from")
    to: str
    factor: float = Field(gt=0)
    source: str = Field(min_length=2)


@cache
def _load() -> tuple[dict[str, str], tuple[Conversion, ...]]:
    text = files("hepalith.study").joinpath("units.toml").read_text(encoding="utf-8")
    table: dict[str, Any] = tomllib.loads(text)
    return table["spelling"], tuple(Conversion.model_validate(row) for row in table["convert"])


def list_conversions() -> tuple[Conversion, ...]:
    """Return every conversion there is."""
    return _load()[1]


def known_unit(written: str) -> str | None:
    """Return the UCUM unit that a spelling means; ``None`` where it is not known.

    Examples
    --------
    >>> known_unit("µmol/L"), known_unit("× 10⁹/L"), known_unit("furlong")
    ('umol/L', '10*3/uL', None)
    """
    plain = re.sub(r"\s+", "", written).translate(ALIKE).lower()
    return _load()[0].get(POWER.sub(r"10*\1/", plain))


def conversion(quantity: str, unit: str, wanted: str) -> float | None:
    """Return the factor from a unit as it was written into the wanted one.

    Parameters
    ----------
    quantity
        Id of the term; the molar mass differs from substance to substance.
    unit, wanted
        The unit as written, and the UCUM unit of the vocabulary.

    Returns
    -------
    float or None
        ``None`` where no safe conversion is known.

    Examples
    --------
    >>> conversion("largest_calcium", "cm", "mm"), conversion("bilirubin", "µmol/L", "mg/dL")
    (10.0, 0.058467)
    >>> conversion("cea", "mmol/L", "ng/mL") is None
    True
    """
    if unit == wanted:
        return 1.0
    start = known_unit(unit)
    if start is None:
        return None
    if start == wanted:
        return 1.0
    rows = [row for row in _load()[1] if row.start == start and row.to == wanted]
    own = [row.factor for row in rows if row.of == quantity]
    general = [row.factor for row in rows if row.of is None]
    return next(iter((*own, *general)), None)
