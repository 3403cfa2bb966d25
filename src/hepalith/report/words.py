"""The words of the report's page: data in ``words.toml``, looked up here."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files

__all__ = ["LANGUAGES", "load_words", "word"]

LANGUAGES = ("en", "zh")
"""Languages of the report."""


@cache
def load_words() -> dict[str, dict[str, str]]:
    """Return every word and sentence of the page, by key and language."""
    text = files("hepalith.report").joinpath("words.toml").read_text(encoding="utf-8")
    words: dict[str, dict[str, str]] = tomllib.loads(text)
    return words


def word(key: str, language: str, **values: object) -> str:
    """Return one word or sentence of the page, its blanks filled.

    Examples
    --------
    >>> word("years", "zh", age=64)
    '64岁'
    """
    return load_words()[key][language].format(**values)
