"""Short phrases that people type where a patient file has one word: what they say, if it is plain."""

from __future__ import annotations

import re
from collections.abc import Sequence

__all__ = ["is_said", "meant_choices", "sides_of", "split_list"]

YES = frozenset(
    {
        "abnormal",
        "deranged",
        "true",
        "yes",
        "y",
        "present",
        "positive",
        "seen",
        "known",
        "confirmed",
        "raised",
        "elevated",
        "high",
    }
    | {
        "mild",
        "slight",
        "moderate",
        "severe",
        "marked",
        "massive",
        "minimal",
        "small",
        "large",
        "history",
        "+",
    }
    | {"是", "有", "阳性", "轻度", "中度", "重度"}
)
"""Words for true, as people type them; how far it goes is not counted."""

NO = frozenset(
    {"false", "no", "n", "absent", "negative", "denied", "denies", "none", "nil", "normal", "not", "never"}
    | {"without", "-", "否", "无", "阴性", "没有", "正常", "未见"}
)
"""Words for false."""

OPEN = re.compile(
    r"\b(?:possible|possibly|probabl[ey]|suspected|suspicious|likely|unlikely|maybe|cannot|may)\b|\?"
)
"""Words of doubt: how sure somebody is, a number says."""

HOW_MUCH = re.compile(
    r"(?:since|for|in|about|of|from|~|≈|\d|\s|kg|lbs?|%|years?|yrs?|months?|mo|weeks?|days?|ago|before|\.|,|年|月|天|前)+"
)
"""A year, a span of time or a weight lost: it tells when or how much, and so that it is so."""

CELSIUS = re.compile(r"(?P<n>\d{2}(?:\.\d)?)\s*(?:°|deg(?:rees)?)?\s*(?:c|cel|celsius|℃)")
FEVER_FROM_CELSIUS = 37.9
"""As the vocabulary's upper limit of the body temperature."""

SEGMENT = re.compile(r"\b(?:s|seg(?:ment)?s?\.?)?\s*(?P<n>viii|vii|vi|v|iv|iii|ii|i|[1-8])(?P<part>[ab])?\b")
LEFT_SEGMENTS = frozenset({"ii", "iii", "iv", "2", "3", "4"})
CAUDATE = frozenset({"i", "1"})
"""The caudate lobe is neither right nor left."""

IDLE = frozenset(
    {
        "enhancement",
        "enhancing",
        "mass",
        "masses",
        "lesion",
        "lesions",
        "nodule",
        "shadow",
        "shadowing",
        "signal",
    }
    | {"acoustic", "calcification", "calcifications", "lobe", "liver", "hepatic", "type", "pattern", "shaped"}
    | {"intensity", "density", "attenuation", "like", "the", "a", "an", "of", "stage", "echo", "echogenicity"}
    | {
        "markedly",
        "strongly",
        "mildly",
        "slightly",
        "tumour",
        "tumor",
        "cancer",
        "carcinoma",
        "adenocarcinoma",
    }
    | {"years", "year", "months", "ago", "old", "since", "age", "after", "before", "right", "left", "early"}
    | {
        "primary",
        "metastatic",
        "advanced",
        "known",
        "prior",
        "operated",
        "postoperative",
        "status",
        "post",
        "history",
        "previous",
        "treated",
        "resected",
        "with",
        "and",
        "in",
        "on",
        "phase",
    }
)
"""Words that a choice may be typed with, and that do not tell one choice from another."""


def is_said(term_id: str, written: str) -> bool | None:
    """Return whether a phrase says yes or no; ``None`` where it says neither, or doubts.

    Examples
    --------
    >>> is_said("cholecystectomy", "2019"), is_said("weight_loss", "10 kg"), is_said("fever", "36.8 C")
    (True, True, False)
    >>> is_said("portal_thrombosis", "yes (left branch)"), is_said("ascites", "possible")
    (True, None)
    """
    plain = written.strip().casefold()
    if term_id == "fever" and (degrees := CELSIUS.fullmatch(plain)) is not None:
        return float(degrees["n"]) > FEVER_FROM_CELSIUS
    if OPEN.search(plain):
        return None
    first = re.split(r"[\s,;:(/_]", plain, maxsplit=1)[0] if plain not in ("+", "-") else plain
    if first in NO:
        return False
    if first in YES:
        return True
    dated = HOW_MUCH.fullmatch(plain) is not None and re.search(r"\d{4}|[a-z%年月天]", plain) is not None
    return True if dated and re.search(r"\d", plain) else None


def meant_choices(written: str, names: dict[str, str]) -> list[str]:
    """Return the choices whose names stand in a phrase; what else stands there must be idle.

    Parameters
    ----------
    names
        Normalised name to choice.

    Examples
    --------
    >>> meant_choices("solid mass", {"solid": "solid"}), meant_choices("hard and solid", {"solid": "solid"})
    (['solid'], [])
    """
    left = " " + re.sub(r"[\s_\-,;/()]+", " ", written.casefold()).strip() + " "
    found: list[str] = []
    for name in sorted(names, key=lambda n: (-len(n), n)):
        phrase = f" {name.replace('_', ' ').replace('-', ' ')} "
        if phrase in left:
            left = left.replace(phrase, " ")
            found.append(names[name])
    rest = [word for word in left.split() if word not in IDLE and not word.isdigit()]
    return list(dict.fromkeys(found)) if found and not rest else []


def sides_of(written: str) -> str | None:
    """Return the lobe of a place in the liver: ``right``, ``left`` or ``both``; ``None`` where unclear.

    Examples
    --------
    >>> sides_of("segment VI"), sides_of("left lateral segment"), sides_of("S2 and S8"), sides_of("hilum")
    ('right', 'left', 'both', None)
    """
    plain = written.casefold()
    sides = {side for side in ("right", "left") if re.search(rf"\b{side}", plain)}
    sides |= {"right"} if "右" in plain else set()
    sides |= {"left"} if "左" in plain else set()
    if re.search(r"\b(?:both|bilobar|bilateral|diffuse|throughout|whole)\b|两叶|弥漫", plain):
        return "both"
    if not sides:
        numbers = {m["n"] for m in SEGMENT.finditer(plain)} - CAUDATE
        sides = {"left" if n in LEFT_SEGMENTS else "right" for n in numbers}
    return "both" if len(sides) == 2 else next(iter(sides), None)


def split_list(written: str) -> Sequence[str]:
    """Return the entries of a list that is typed as one text: "fever, jaundice"."""
    return [part.strip() for part in re.split(r"[,;、，；]|\band\b", written) if part.strip()]
