"""What an image shows: findings, patterns, and what keeps each focus company."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from hepalith.finding.duct.duct import DuctRelation
from hepalith.finding.finding import Finding, Pattern
from hepalith.finding.host.host import Hosts
from hepalith.finding.place import Place

__all__ = ["Description", "Limit"]


@dataclass(frozen=True, slots=True)
class Limit:
    """One thing that an examination could not tell, and what would: a sentence in each language."""

    id: str
    en: str
    zh: str


@dataclass(frozen=True, slots=True, eq=False)
class Description:
    """Every finding of the vocabulary that the image can show, with its state, and the foci's patterns.

    Parameters
    ----------
    findings, patterns
        In a fixed order.
    places, ducts
        Where each focus lies, and how it lies to the bile ducts, by its id; empty where not looked for.
    hosts
        The lesions around foci; None where not looked for. On ultrasound only `Hosts.of_focus` is filled.
    limits
        What this examination could not tell, of what matters for the answer.
    """

    findings: tuple[Finding, ...]
    patterns: tuple[Pattern, ...]
    places: Mapping[int, Place] = field(default_factory=lambda: MappingProxyType({}))
    ducts: Mapping[int, DuctRelation] = field(default_factory=lambda: MappingProxyType({}))
    hosts: Hosts | None = None
    limits: tuple[Limit, ...] = ()
