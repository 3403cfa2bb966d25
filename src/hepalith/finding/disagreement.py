"""A disagreement: what CT and ultrasound of one patient say differently of one finding."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["Disagreement"]


@dataclass(frozen=True, slots=True)
class Disagreement:
    """What CT and ultrasound say differently of one finding.

    `ct` and `us` say it in a few words of each language; `heard` is the one that counts, empty where neither
    does; `en` and `zh` the whole sentence, with what would settle it.
    """

    finding: str
    ct: Mapping[str, str]
    us: Mapping[str, str]
    heard: str
    en: str
    zh: str
