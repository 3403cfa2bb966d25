"""The tables of the set of company: mimics named, calcium not taken for them, hosts, ducts.

How mimics are counted. A mimic may be rightly handled in two ways: a body is found on it and bears its
name; or nothing is found on it, or something that bears another mimic's name, and no calcification of the
liver is reported. Bone outside the liver, contrast in the bowel, gas are mostly of the second kind. So each
row has two shares: named rightly, of the pieces on which a body was found; and not called calcification, of
all pieces. A body called calcification that lies on a mimic counts against it even where a larger body on the
same piece is named rightly. A piece whose centre lies in the liver and on which nothing was found is missed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hepalith.evaluation.calibration import (
    duct_reliability,
    focus_reliability,
    host_reliability,
    label_reliability,
)
from hepalith.evaluation.confusion import confusion_of, duct_confusion, found_pairs, mimic_confusion
from hepalith.evaluation.proportion import Proportion, wilson
from hepalith.evaluation.quality import dilated_lines, has_dilated, host_lines, reliability_lines
from hepalith.evaluation.record import ReadingRecord, StudyRecord, TrueRecord
from hepalith.evaluation.scoring import NOTHING
from hepalith.evaluation.tables import confusion_table, table

__all__ = ["calcium_called_mimic", "mimic_rows", "tell_company"]

CALCIFICATION = "calcification"

WELL_INSIDE_MM = 0.0
"""Depth of a mimic's centre beneath the true liver's surface from which it should be found."""

Read = tuple[StudyRecord, ReadingRecord]


def _read(records: Sequence[StudyRecord]) -> list[Read]:
    return [(record, r) for record in records if (r := record.of("foci")) and not r.failure]


def _inside(mimic: TrueRecord) -> bool:
    return mimic.depth_mm is not None and mimic.depth_mm > WELL_INSIDE_MM and mimic.excess_hu > 0


def mimic_rows(records: Sequence[StudyRecord], name_of: Callable[[TrueRecord], str]) -> list[list[str]]:
    """Return a row for each name that `name_of` gives to a mimic: what became of those pieces.

    The columns: studies, pieces, found, named rightly of those, not called calcification of all, missed in
    the liver, and bodies falsely called calcification on them a study.
    """
    groups: dict[str, list[tuple[StudyRecord, ReadingRecord, TrueRecord]]] = {}
    for record, reading in _read(records):
        for mimic in reading.mimics:
            groups.setdefault(name_of(mimic), []).append((record, reading, mimic))
    rows = []
    for name, pieces in sorted(groups.items()):
        studies = {record.key: reading for record, reading, _ in pieces}
        mimics = [mimic for _, _, mimic in pieces]
        seen = [m for m in mimics if m.named]
        inside = [m for m in mimics if _inside(m)]
        labels = {m.label for m in mimics}
        false = sum(f.label == CALCIFICATION and f.truly in labels for r in studies.values() for f in r.found)
        rows.append(
            [
                name,
                str(len(studies)),
                str(len(mimics)),
                str(len(seen)),
                str(wilson(sum(m.named == m.label for m in seen), len(seen))),
                str(wilson(sum(m.named != CALCIFICATION for m in mimics), len(mimics))),
                str(wilson(sum(not m.named for m in inside), len(inside))),
                f"{false / len(studies):.2f}",
            ]
        )
    return rows


MIMIC_HEAD = (
    "mimic", "studies", "pieces", "found", "named rightly of found", "not called calcification of all",
    "in the liver, not found", "false calcifications on them a study",
)  # fmt: skip


def studies_right(records: Sequence[StudyRecord]) -> list[list[str]]:
    """Return for each mimic in how many studies all bodies on it bear its name, and none is calcium."""
    groups: dict[str, list[tuple[bool, bool]]] = {}
    for _, reading in _read(records):
        for label in {m.label for m in reading.mimics}:
            on = [f.label for f in reading.found if f.truly == label]
            if on:
                right = all(name == label for name in on), CALCIFICATION not in on
                groups.setdefault(label, []).append(right)
    return [
        [
            label,
            str(wilson(sum(a for a, _ in told), len(told))),
            str(wilson(sum(b for _, b in told), len(told))),
        ]
        for label, told in sorted(groups.items())
    ]


def calcium_called_mimic(records: Sequence[StudyRecord]) -> Proportion:
    """Return how many true calcifications that were seen bear a mimic's name; walls named so are right."""
    seen = [t for _, reading in _read(records) for t in reading.true if t.named]
    return wilson(sum(_is_taken(t) for t in seen), len(seen))


def _is_taken(true: TrueRecord) -> bool:
    return true.named not in (CALCIFICATION, true.label)


def _calcium_rows(records: Sequence[StudyRecord]) -> list[list[str]]:
    groups: dict[str, list[TrueRecord]] = {}
    for record, reading in _read(records):
        for true in reading.true:
            own = true.duct or true.host_kind not in ("", "none") or not record.kind.startswith("mimic")
            groups.setdefault(record.kind if own else "beside mimics", []).append(true)
    rows = []
    for name, foci in sorted(groups.items()):
        seen = [t for t in foci if t.named]
        taken = [t.named for t in seen if _is_taken(t)]
        names = ", ".join(f"{taken.count(n)} {n}" for n in sorted(set(taken)))
        rows.append([name, str(len(foci)), str(len(seen)), str(wilson(len(taken), len(seen))), names or "–"])
    return rows


def _hosts_by_kind(records: Sequence[StudyRecord]) -> list[list[str]]:
    """Return for each lesion what was said around the calcium in it."""
    rows = []
    for name in sorted({r.kind for r in records if r.kind.startswith("host_")}):
        for scan in ("enhanced", "plain"):
            own = [r for r in records if r.kind == name and (r.phase == "none") is (scan == "plain")]
            said = [(t.host_kind, f.host) for t, f in found_pairs(own) if t.host_kind not in ("", "none")]
            told = [p for p in said if p[1] not in ("", "not_assessable")]
            there = wilson(sum(f != "none" for _, f in told), len(told))
            kinds = [p for p in told if p[1] != "none"]
            right = wilson(sum(t == f for t, f in kinds), len(kinds))
            rows.append([name, scan, str(len(said)), str(len(told)), str(there), str(right)])
    return rows


def _dilated_by_kind(records: Sequence[StudyRecord]) -> list[list[str]]:
    """Return for each kind of study in how many dilated ducts were called."""
    rows = []
    for dilated in (True, False):
        chosen = [(record, r) for record, r in _read(records) if has_dilated(r) is dilated]
        for name in sorted({record.kind for record, _ in chosen}):
            called = [
                r.findings.get("dilated_ducts") == "present" for record, r in chosen if record.kind == name
            ]
            if dilated or any(called):
                what = "dilated" if dilated else "not dilated"
                rows.append([name, what, str(wilson(sum(called), len(called)))])
    return rows


def tell_company(records: Sequence[StudyRecord]) -> str:
    """Return the section on a set of company."""
    read = _read(records)
    failed = [r.key for r in records if (f := r.of("foci")) and f.failure]
    nothing = sum(f.label == CALCIFICATION and f.truly == NOTHING for _, r in read for f in r.found)
    lines = [
        f"Split: {', '.join(sorted({r.split for r in records}))}; {len(records)} studies of "
        f"{len({r.kind for r in records})} kinds, seeds {min(r.seed for r in records)} to "
        f"{max(r.seed for r in records)}; code {', '.join(sorted({r.fingerprint for r in records}))}. "
        f"Not read: {', '.join(failed) or 'none'}. Shares with 95 % Wilson intervals; pieces of one study "
        "are counted each, though they are not independent.",
        "",
        "Named rightly counts the pieces on which a body was found. Outside the liver (bone, bowel) "
        "a mimic is handled rightly when nothing on it is called calcification; that counts all pieces.",
        "",
        *table(MIMIC_HEAD, mimic_rows(records, lambda m: m.label)),
        "",
        *table(MIMIC_HEAD, mimic_rows(records, lambda m: m.kind)),
        "",
        "By study: every body found on the mimic bears its name; none of them is called calcification.",
        "",
        *table(["mimic", "all named rightly", "none called calcification"], studies_right(records)),
        "",
        *confusion_table(mimic_confusion(records), "mimic"),
        "",
        *confusion_table(
            confusion_of((m.label, m.named) for _, r in read for m in r.mimics if m.named),
            "mimic, where found",
        ),
        "",
        f"Calcium that was seen and called a mimic: {calcium_called_mimic(records)}. Calcifications called "
        f"where nothing was put in: {nothing} in {len(read)} studies.",
        "",
        *table(["calcium of", "foci", "seen", "called a mimic", "which"], _calcium_rows(records)),
        "",
        "Ducts:",
        "",
        *confusion_table(duct_confusion(records), "relation"),
        "",
        *dilated_lines(records),
        "",
        *table(["study", "ducts", "dilated ducts called"], _dilated_by_kind(records)),
        "",
        "Hosts of the calcium in them:",
        "",
        *table(
            ["lesion", "scan", "foci found", "assessed", "host seen, of assessed", "kind right, of seen"],
            _hosts_by_kind(records),
        ),
        "",
        *host_lines(records),
        "",
        "Probabilities:",
        "",
        *reliability_lines(
            {
                "a body called calcification is one": focus_reliability(records),
                "another label is right": label_reliability(records),
                "the relation to the duct is right": duct_reliability(records),
                "the host, or none, is right": host_reliability(records),
            }
        ),
    ]
    return "\n".join(lines)
