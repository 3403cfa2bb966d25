"""The sentences of the summaries: data in files beside this one, looked up here."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any

__all__ = ["load_phrases", "phrase", "steps_of"]

FILES = ("phrases.toml", "sonogram.toml", "wording.toml", "reasoning.toml", "layperson.toml", "opinion.toml")
"""What an image shows, numbers and dates, what was reasoned, the patient's page, and an opinion."""


@cache
def load_phrases() -> dict[str, Any]:
    """Return all sentences, by table and key."""
    tables: dict[str, Any] = {}
    for name in FILES:
        text = files("hepalith.reading").joinpath(name).read_text(encoding="utf-8")
        for table, sentences in tomllib.loads(text).items():
            tables[table] = {**tables.get(table, {}), **sentences}
    return tables


def phrase(table: str, key: str, language: str, **values: object) -> str:
    """Return one sentence of a table, its blanks filled.

    Examples
    --------
    >>> phrase("radiology", "volume", "en", volume="1450 mL")
    'Liver volume in view 1450 mL.'
    """
    text: str = load_phrases()[table][key][language]
    return text.format(**values)


@cache
def steps_of(table: str, prefix: str = "") -> tuple[tuple[float, str], ...]:
    """Return the steps of a table of words for numbers: from which number which key, the highest first.

    Examples
    --------
    >>> steps_of("certainty")[0]
    (0.9, 'very_likely')
    """
    words = load_phrases()[table]
    named = [(float(w["least"]), key) for key, w in words.items() if "least" in w and key.startswith(prefix)]
    return tuple(sorted(named, reverse=True))
