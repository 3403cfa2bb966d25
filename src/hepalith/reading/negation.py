"""The absence of a finding in words: "no stricture of a bile duct", but "CEA not raised"."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any

from hepalith.reading.phrases import phrase
from hepalith.reading.terms import say_inline

__all__ = ["say_absent"]


@cache
def load_negations() -> dict[str, Any]:
    """Return the endings and the whole names that have a negation of their own."""
    text = files("hepalith.reading").joinpath("negation.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def say_absent(term: str, language: str) -> str:
    """Return how the absence of a finding is said within a sentence.

    Examples
    --------
    >>> say_absent("duct_stricture", "en"), say_absent("cea_up", "en"), say_absent("within_mass", "zh")
    ('no stricture of a bile duct', 'CEA not raised', '不在肿块内')
    """
    negations = load_negations()
    if term in negations["absent"]:
        whole: str = negations["absent"][term][language]
        return whole
    name = say_inline(term, language)
    for ending in negations["ending"].values():
        said, denied = ending[language]
        if name.endswith(said):
            return name.removesuffix(said) + str(denied)
    return phrase("evidence", "absent", language, name=name)
