"""The sentences of the summaries: data in ``phrases.toml``, looked up here."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any

__all__ = ["phrase"]


@cache
def load_phrases() -> dict[str, Any]:
    """Return all sentences, by table and key."""
    return tomllib.loads(files("hepalith.reading").joinpath("phrases.toml").read_text(encoding="utf-8"))


def phrase(table: str, key: str, language: str, **values: object) -> str:
    """Return one sentence of a table, its blanks filled.

    Examples
    --------
    >>> phrase("radiology", "volume", "en", volume="1450 mL")
    'Liver volume in view 1450 mL.'
    """
    text: str = load_phrases()[table][key][language]
    return text.format(**values)
