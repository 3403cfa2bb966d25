"""Which foci a finding is about, and so which findings must have the same cause."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hepalith.differential.statement import Statement
from hepalith.finding.finding import Finding, Pattern
from hepalith.vocabulary import State, load_vocabulary

__all__ = ["ONLY", "group_units", "list_foci", "spread_foci"]

ONLY = "solitary"
"""The pattern of a single focus: whatever is at work, it is that focus."""

CHAIN = ("along_duct", "along_portal_triad")
"""Patterns whose foci make a `beaded_chain`, the surer first."""

LOOSE = ("solitary", "scattered", "clustered", "bilobar_even", "miliary")
"""Patterns that say where foci lie and nothing of what they have in common: they may differ in cause."""

FORMED = 0.5
"""Probability from which a pattern holds its foci together."""


def list_foci(findings: Sequence[Finding], patterns: Sequence[Pattern]) -> dict[str, frozenset[int]]:
    """Return, by finding or pattern, the foci that it is about, and under `ONLY` the single focus.

    What all foci share (their number, their spread) names none: it tells no focus from another.
    """
    only = next((p.foci for p in patterns if p.id == ONLY), ())
    every = frozenset().union(*(p.foci for p in patterns))
    about = {p.id: frozenset(p.foci) for p in patterns if frozenset(p.foci) != every}
    for chain in CHAIN:
        if chain in about and "beaded_chain" not in about:
            about["beaded_chain"] = about[chain]
    for finding in findings:
        if finding.state not in (State.PRESENT, State.ABSENT):
            continue
        foci = frozenset(finding.foci)
        if finding.subject.kind == "focus" and finding.subject.ref.isdecimal():
            foci |= {int(finding.subject.ref)}
        if foci:
            about[finding.id] = about.get(finding.id, frozenset()) | foci
    return {**about, ONLY: frozenset(only)}


def group_units(
    units: Mapping[str, Sequence[Statement]],
    shows: Mapping[str, bool],
    about: Mapping[str, frozenset[int]],
    patterns: Sequence[Pattern],
) -> dict[str, str]:
    """Return the group of each unit: units of one group are about the same foci, and have one cause.

    Foci hang together in a pattern with a structure (a chain, a mass). What names no focus is about the
    leading lesion; but where both a lesion is seen and calcium in a duct, these are two.

    Parameters
    ----------
    units
        What was said, by unit; only units that are one process's own.
    shows
        Whether a unit says that there is something (a host, calcium in a duct). What says that there is
        nothing is said of all foci.
    about
        Foci by finding.
    """
    named = {
        root: frozenset().union(*(about.get(s.finding, ()) for s in unit)) if shows[root] else frozenset()
        for root, unit in units.items()
    }
    clumps = [set(p.foci) for p in patterns if p.id not in LOOSE and p.probability >= FORMED]
    joined = _join([*clumps, *(set(foci) for foci in named.values() if foci)])
    groups = {
        root: str(min(next(clump for clump in joined if clump & foci)))
        for root, foci in named.items()
        if foci
    }
    kinds = {root: _kind(unit) for root, unit in units.items()}
    seen = {kinds[root] for root in units if shows[root] and root not in groups}
    apart = seen == {"duct", "lesion"}
    for root in units:
        if root not in groups:
            kind = kinds[root] if apart else "lesion"
            same = sorted({groups[r] for r, foci in named.items() if foci and kinds[r] == kind})
            groups[root] = same[0] if same else kind
    return groups


def spread_foci(foci: frozenset[int], patterns: Sequence[Pattern]) -> frozenset[int]:
    """Return these foci with all that hang together with them in a pattern that has a structure."""
    clumps = [frozenset(p.foci) for p in patterns if p.id not in LOOSE and p.probability >= FORMED]
    return foci.union(*(clump for clump in clumps if clump & foci))


def _kind(unit: Sequence[Statement]) -> str:
    """Return whether a unit is about a duct or about the lesion that a focus is, or lies in."""
    vocabulary = load_vocabulary()
    subjects = {vocabulary[s.finding].subject for s in unit if s.finding in vocabulary}
    return "duct" if subjects and subjects <= {"duct", None} else "lesion"


def _join(clumps: Sequence[set[int]]) -> list[set[int]]:
    joined: list[set[int]] = []
    for clump in clumps:
        touching = [j for j in joined if j & clump]
        joined = [j for j in joined if not j & clump]
        joined.append(clump.union(*touching))
    return joined
