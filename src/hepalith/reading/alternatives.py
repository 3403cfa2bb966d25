"""Several choices of one finding, in words: those that are left, or the one that is doubted."""

from __future__ import annotations

from hepalith.reading.conclusion import FindingEntry
from hepalith.reading.phrases import phrase
from hepalith.reading.punctuation import ENUMERATION
from hepalith.reading.terms import say_choice
from hepalith.reading.wording import percent_text
from hepalith.vocabulary import inline, load_vocabulary

__all__ = ["alternatives_text"]

MOST_ALTERNATIVES = 4
"""Choices that are named one by one; of more it is said which are not among them. Our judgement."""


def alternatives_text(finding: FindingEntry, language: str) -> str:
    """Say several choices: those that are left, or the one that is doubted with its probability."""
    shares = finding.alternatives
    told = [choice for choice, p in shares.items() if p == max(shares.values())]
    names = [inline(say_choice(finding.id, choice, language), language) for choice in told]
    if len(told) == len(shares) and len(told) > MOST_ALTERNATIVES:
        known = load_vocabulary()[finding.id].choices
        left_out = [c.id for c in known if c.id not in shares]
        names = [inline(say_choice(finding.id, c, language), language) for c in left_out]
        return phrase("evidence", "none_of", language, list=ENUMERATION[language].join(names))
    said = {"en": " or ", "zh": "或"}[language].join(names)
    if len(told) == len(shares):
        return said
    probability = percent_text(max(shares.values()), language)
    return phrase("evidence", "chance", language, name=said, probability=probability)
