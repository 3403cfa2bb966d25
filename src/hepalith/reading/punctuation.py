"""The signs that stand between words, in English and Chinese."""

from __future__ import annotations

__all__ = ["CLAUSE", "ENUMERATION", "LEAD", "PAUSE"]

PAUSE = {"en": ", ", "zh": "，"}
"""Between parts of a sentence."""

ENUMERATION = {"en": ", ", "zh": "、"}
"""Between the items of a list within a sentence: Chinese has a sign of its own (GB/T 15834)."""

CLAUSE = {"en": "; ", "zh": "；"}
"""Between clauses, and between items that hold commas."""

LEAD = {"en": ": ", "zh": "："}
"""Before what is announced."""
