"""Grades, stages and categories of published definitions, in words: computed, never guessed."""

from __future__ import annotations

import tomllib
from functools import lru_cache
from importlib.resources import files
from typing import Any

from hepalith.management import echinococcosis, incidental, tokyo
from hepalith.management.facts import has_host
from hepalith.management.known import Known
from hepalith.management.plan import Grading

__all__ = ["list_gradings"]

LANGUAGES = ("en", "zh")

SEPARATORS = {"en": ", ", "zh": "、"}


def list_gradings(known: Known) -> tuple[Grading, ...]:
    """Return what published definitions say of this case.

    A cholangitis is graded where its red flag stands, a cyst staged where cystic echinococcosis has a
    share, a lesion of an adult categorised where its size or the patient's risk is known.
    """
    graded = [
        _grade_cholangitis(known) if "alert_cholangitis" in known.alerts else None,
        _stage_cyst(known),
        _categorise(known),
    ]
    return tuple(grading for grading in graded if grading is not None)


def _grade_cholangitis(known: Known) -> Grading:
    found = tokyo.assess_cholangitis(known)
    organs_open = any(name in tokyo.ORGANS for name in found.unknown)
    at_least = found.grade == 2 and organs_open
    key = "grade_open" if found.grade is None else f"grade_{found.grade}" + ("_at_least" if at_least else "")
    text = {}
    for language in LANGUAGES:
        lists = {
            part: _phrase("tokyo", part, language, list=_name(names, language)) if names else ""
            for part, names in (("met", found.met), ("unknown", found.unknown))
        }
        certainty = _phrase("tokyo", "definite" if found.definite else "suspected", language)
        grade = _phrase("tokyo", key, language)
        text[language] = _phrase("tokyo", "line", language, certainty=certainty, grade=grade, **lists)
    value = {None: "open", 1: "I", 2: "II", 3: "III"}[found.grade]
    certain = found.grade is not None and not at_least
    return Grading("tokyo_2018", value, certain, text, tokyo.SOURCE)


def _name(criteria: tuple[str, ...], language: str) -> str:
    words = _words()["tokyo"]["criterion"]
    return SEPARATORS[language].join(str(words[name][language]) for name in criteria)


def _stage_cyst(known: Known) -> Grading | None:
    cyst = echinococcosis.stage_cyst(known)
    if cyst is None:
        return None
    key = "stated" if cyst.stated else "worked_out"
    text = {}
    for language in LANGUAGES:
        stages = _phrase("echinococcosis", "or", language).join(cyst.stages)
        text[language] = _phrase("echinococcosis", key, language, stages=stages)
    certain = cyst.stated and len(cyst.stages) == 1
    return Grading("who_echinococcosis", " or ".join(cyst.stages), certain, text, echinococcosis.SOURCE)


def _categorise(known: Known) -> Grading | None:
    if not incidental.applies(known) or not (has_host(known) or known.has("mass_without_calcium")):
        return None
    category = incidental.categorise_lesion(known)
    if not category.oncology and category.risk == category.size == "unknown":
        return None
    if category.oncology:
        text = {language: _phrase("incidental", "oncology", language) for language in LANGUAGES}
        return Grading("acr_2017", "oncological assessment", True, text, incidental.SOURCE)
    certain = "unknown" not in (category.risk, category.size)
    asks = f"asks_{category.risk}_{category.size}" if certain else "asks_open"
    text = {
        language: _phrase(
            "incidental",
            "line",
            language,
            risk=_phrase("incidental", f"risk_{category.risk}", language),
            size=_phrase("incidental", f"size_{category.size}", language),
            asks=_phrase("incidental", asks, language),
        )
        for language in LANGUAGES
    }
    value = f"{category.risk} risk, {_phrase('incidental', f'size_{category.size}', 'en')}"
    return Grading("acr_2017", value, certain, text, incidental.SOURCE)


def _phrase(room: str, key: str, language: str, **filled: str) -> str:
    return str(_words()[room][key][language]).format(**filled)


@lru_cache(maxsize=1)
def _words() -> dict[str, Any]:
    text = (files("hepalith.management") / "gradings.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)
