"""What one CT shows: findings, patterns, and what keeps each focus company."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from hepalith.finding.duct import DuctRelation
from hepalith.finding.finding import Finding, Pattern
from hepalith.finding.host import Hosts
from hepalith.finding.place import Place

__all__ = ["Description"]


@dataclass(frozen=True, slots=True, eq=False)
class Description:
    """Every CT finding of the vocabulary, with its state, and the patterns that the foci make.

    Parameters
    ----------
    findings, patterns
        In a fixed order.
    places, ducts
        Where each focus lies, and how it lies to the bile ducts, by its id; empty where not looked for.
    hosts
        The lesions around foci; None where not looked for.
    """

    findings: tuple[Finding, ...]
    patterns: tuple[Pattern, ...]
    places: Mapping[int, Place] = field(default_factory=lambda: MappingProxyType({}))
    ducts: Mapping[int, DuctRelation] = field(default_factory=lambda: MappingProxyType({}))
    hosts: Hosts | None = None
