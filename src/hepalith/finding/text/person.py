"""Facts of the patient that a report states, as they are gathered."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hepalith.finding.text.mention import Mention

__all__ = ["Fact", "Person"]


@dataclass(frozen=True, slots=True)
class Fact:
    """One entry of the patient file, and the places of the report that say it."""

    table: str
    key: str
    value: Any
    start: int
    end: int


@dataclass(slots=True)
class Person:
    """What is known of the patient so far."""

    facts: dict[tuple[str, str], Fact] = field(default_factory=dict)
    findings: list[tuple[str, float, Mention]] = field(default_factory=list)

    def note(self, table: str, key: str, value: Any, start: int, end: int) -> None:
        """Note a fact. What is present outweighs what is denied; else the first word stands."""
        known = self.facts.get((table, key))
        if (
            known is None
            or (known.value is False and value is not False)
            or (known.value == "other" != value)
        ):
            self.facts[table, key] = Fact(table, key, value, start, end)
