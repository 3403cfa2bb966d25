"""What is taken for what: forms of foci, mimics, lobes, phases."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from hepalith.evaluation.proportion import Proportion, wilson
from hepalith.evaluation.record import FoundRecord, StudyRecord, TrueRecord

__all__ = ["Confusion", "confusion_of", "lobe_confusion", "mimic_confusion", "morphology_confusion",
           "morphology_pairs", "phase_confusion"]  # fmt: skip

LOBE_OF_SEGMENT = {"I": "caudate", "II": "left", "III": "left", "IV": "left",
                   "V": "right", "VI": "right", "VII": "right", "VIII": "right"}  # fmt: skip
"""The functional lobe of each Couinaud segment."""

MISSED = "not found"


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


def morphology_pairs(records: Sequence[StudyRecord]) -> tuple[tuple[TrueRecord, FoundRecord], ...]:
    """Return true foci of known form, each with the body it was found as; the largest where in pieces.

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
            if true.morphology and own:
                size = {f.id: f.integrated_excess.value if f.integrated_excess else 0.0 for f in own}
                body = max(own, key=lambda f, size=size: size[f.id])  # type: ignore[misc]
                pairs.append((_as_seen(true, body, reading.true), body))
    return tuple(pairs)


def _as_seen(true: TrueRecord, body: FoundRecord, every: Sequence[TrueRecord]) -> TrueRecord:
    """Return a true focus with the form that its body has where beads of one chain run into each other."""
    joined = [t for t in every if true.group and t.group == true.group and t.id in body.truths]
    return replace(true, morphology="beaded") if len(joined) > 1 else true


def morphology_confusion(records: Sequence[StudyRecord]) -> Confusion:
    """Return forms true and called, of the foci that were found."""
    return confusion_of((t.morphology, f.morphology) for t, f in morphology_pairs(records))


def mimic_confusion(records: Sequence[StudyRecord]) -> Confusion:
    """Return what mimics were called; one that nothing was found on is right too, and stands as not found."""
    pairs = [(m.label, m.named or MISSED) for record in records if (r := record.of("foci")) for m in r.mimics]
    return confusion_of(pairs)


def lobe_confusion(records: Sequence[StudyRecord]) -> Confusion:
    """Return lobes true and called, of the foci that were found and whose segment the phantom knows."""
    pairs = []
    for record in records:
        reading = record.of("foci")
        for body in reading.found if reading is not None else ():
            if body.label != "calcification" or not body.truths or reading is None:
                continue
            true = next(t for t in reading.true if t.id == body.truths[0])
            if true.segment in LOBE_OF_SEGMENT:
                pairs.append((LOBE_OF_SEGMENT[true.segment], body.lobe or "not assessed"))
    return confusion_of(pairs)


def phase_confusion(records: Sequence[StudyRecord]) -> Confusion:
    """Return contrast phases true and called."""
    return confusion_of(
        (record.phase, r.phase or "no reading")
        for record in records
        if (r := record.of("foci")) and record.phase != "unknown"
    )
