"""The words of the report's page: data in files beside this one, looked up here."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files

__all__ = ["LANGUAGES", "load_words", "word"]

LANGUAGES = ("en", "zh")
"""Languages of the report."""

FILES = ("words.toml", "sonogram_words.toml")
"""Words of the page as a whole, and of ultrasound."""


@cache
def load_words() -> dict[str, dict[str, str]]:
    """Return every word and sentence of the page, by key and language."""
    words: dict[str, dict[str, str]] = {}
    for name in FILES:
        words |= tomllib.loads(files("hepalith.report").joinpath(name).read_text(encoding="utf-8"))
    return words


def word(key: str, language: str, **values: object) -> str:
    """Return one word or sentence of the page, its blanks filled.

    Examples
    --------
    >>> word("years", "zh", age=64)
    '64岁'
    """
    return load_words()[key][language].format(**values)
