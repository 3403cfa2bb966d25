"""What is taken for what: forms of foci, mimics, lobes, phases."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from hepalith.evaluation.proportion import Proportion, wilson
from hepalith.evaluation.record import FoundRecord, StudyRecord, TrueRecord

__all__ = ["Confusion", "confusion_of", "duct_confusion", "found_pairs", "host_confusion", "lobe_confusion",
           "mimic_confusion", "morphology_confusion", "morphology_pairs", "named_rightly", "pattern_rows",
           "phase_confusion", "segment_confusion"]  # fmt: skip

LOBE_OF_SEGMENT = {"I": "caudate", "II": "left", "III": "left", "IV": "left",
                   "V": "right", "VI": "right", "VII": "right", "VIII": "right"}  # fmt: skip
"""The functional lobe of each Couinaud segment."""

MISSED = "not found"

CALLED_FROM = 0.5
"""Probability from which a pattern counts as called."""


@dataclass(frozen=True, slots=True)
class Confusion:
    """How often what was true (rows) was called what (columns), and how often rightly."""

    rows: tuple[str, ...]
    columns: tuple[str, ...]
    counts: dict[tuple[str, str], int]
    right: Proportion

    def row_right(self, row: str) -> Proportion:
        """Return how many of a row are called rightly."""
        return wilson(self.counts.get((row, row), 0), sum(self.counts.get((row, c), 0) for c in self.columns))


def confusion_of(pairs: Iterable[tuple[str, str]]) -> Confusion:
    """Return the confusion of pairs of true and called.

    Examples
    --------
    >>> confusion_of([("rim", "rim"), ("rim", "linear")]).right.count
    1
    """
    counts = Counter(pairs)
    rows = sorted({t for t, _ in counts})
    called = {c for _, c in counts}
    columns = [r for r in rows if r in called] + sorted(called - set(rows))
    right = sum(n for (t, c), n in counts.items() if t == c)
    return Confusion(tuple(rows), tuple(columns), dict(counts), wilson(right, sum(counts.values())))


def found_pairs(records: Sequence[StudyRecord]) -> tuple[tuple[TrueRecord, FoundRecord], ...]:
    """Return the true foci that were found, each with its body; the largest where in pieces.

    Beads of one chain that the scan shows as one body are beaded; apart, each is what it is by itself.
    """
    pairs = []
    for record in records:
        reading = record.of("foci")
        if reading is None:
            continue
        bodies = [f for f in reading.found if f.label == "calcification"]
        for true in reading.true:
            own = [f for f in bodies if true.id in f.truths]
            if own:
                size = {f.id: f.integrated_excess.value if f.integrated_excess else 0.0 for f in own}
                body = max(own, key=lambda f, size=size: size[f.id])  # type: ignore[misc]
                pairs.append((_as_seen(true, body, reading.true), body))
    return tuple(pairs)


def _as_seen(true: TrueRecord, body: FoundRecord, every: Sequence[TrueRecord]) -> TrueRecord:
    """Return a true focus with the form that its body has where beads of one chain run into each other."""
    joined = [
        t for t in every if true.morphology and true.group and t.group == true.group and t.id in body.truths
    ]
    return replace(true, morphology="beaded") if len(joined) > 1 else true


def morphology_pairs(records: Sequence[StudyRecord]) -> tuple[tuple[TrueRecord, FoundRecord], ...]:
    """Return the true foci of known form that were found, each with its body."""
    return tuple((true, found) for true, found in found_pairs(records) if true.morphology)


def morphology_confusion(records: Sequence[StudyRecord]) -> Confusion:
    """Return forms true and called, of the foci that were found."""
    return confusion_of((t.morphology, f.morphology) for t, f in morphology_pairs(records))


def mimic_confusion(records: Sequence[StudyRecord]) -> Confusion:
    """Return what mimics were called, and true calcifications; where nothing was found, that stands there."""
    pairs = [(m.label, m.named or MISSED) for record in records if (r := record.of("foci")) for m in r.mimics]
    pairs += [("calcification", t.named) for t in _true_foci(records) if t.named]
    return confusion_of(pairs)


def named_rightly(records: Sequence[StudyRecord]) -> tuple[Proportion, Proportion]:
    """Return how many mimics are named rightly where something was found, and how many no calcification.

    A mimic on which nothing was found misleads nobody: it counts in the second, not in the first.
    """
    mimics = [m for record in records if (r := record.of("foci")) for m in r.mimics]
    seen = [m for m in mimics if m.named]
    right = sum(m.named == m.label for m in seen)
    return wilson(right, len(seen)), wilson(sum(m.named != "calcification" for m in mimics), len(mimics))


def _true_foci(records: Sequence[StudyRecord]) -> tuple[TrueRecord, ...]:
    """Return every true focus of the studies that were read."""
    return tuple(t for record in records if (r := record.of("foci")) for t in r.true)


def lobe_confusion(records: Sequence[StudyRecord]) -> Confusion:
    """Return lobes true and called, of the foci that were found and whose segment the phantom knows."""
    return confusion_of(
        (LOBE_OF_SEGMENT[t.segment], f.lobe or "not assessed")
        for t, f in found_pairs(records)
        if t.segment in LOBE_OF_SEGMENT
    )


def segment_confusion(records: Sequence[StudyRecord]) -> Confusion:
    """Return segments true and called, of the foci that were found."""
    return confusion_of(
        (t.segment, f.segment or "not assessed") for t, f in found_pairs(records) if t.segment
    )


def duct_confusion(records: Sequence[StudyRecord]) -> Confusion:
    """Return relations to the ducts true and called, of found foci whose relation the phantom states."""
    return confusion_of((t.duct, f.duct or "not assessed") for t, f in found_pairs(records) if t.duct)


def host_confusion(records: Sequence[StudyRecord], *, enhanced: bool) -> Confusion:
    """Return kinds of host true and called, of found foci, in enhanced scans or in the others."""
    chosen = [r for r in records if (r.phase != "none") == enhanced]
    return confusion_of(
        (t.host_kind, f.host or "not assessed") for t, f in found_pairs(chosen) if t.host_kind
    )


def pattern_rows(records: Sequence[StudyRecord]) -> list[list[str]]:
    """Return for each pattern in how many studies it was called where it is, and is where it was called.

    Only studies whose phantom states a pattern count: of the others nobody knows.
    """
    readings = [r for record in records if (r := record.of("foci")) and r.true_patterns]
    rows = []
    for name in sorted({p for r in readings for p in (*r.true_patterns, *r.patterns)}):
        true = [r for r in readings if name in r.true_patterns]
        called = [r for r in readings if r.patterns.get(name, 0.0) >= CALLED_FROM]
        both = sum(name in r.true_patterns for r in called)
        rows.append([name, str(wilson(both, len(true))), str(wilson(both, len(called)))])
    return rows


def phase_confusion(records: Sequence[StudyRecord]) -> Confusion:
    """Return contrast phases true and called."""
    return confusion_of(
        (record.phase, r.phase or "no reading")
        for record in records
        if (r := record.of("foci")) and record.phase != "unknown"
    )
