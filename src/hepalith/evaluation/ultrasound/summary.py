"""The page of results of ultrasound: every table, made from the lines alone."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np

from hepalith.evaluation.confusion import confusion_of
from hepalith.evaluation.proportion import wilson
from hepalith.evaluation.tables import class_name, confusion_table, share, table
from hepalith.evaluation.ultrasound.limit import shadow_limit
from hepalith.evaluation.ultrasound.measure import (
    SonoCase,
    cases_of,
    duct_pairs,
    false_calls,
    false_kinds,
    found_share,
    mimic_names,
    morphology_names,
    operating_points,
    shadow_pairs,
    size_errors,
    stone_area,
    stone_scores,
)
from hepalith.evaluation.ultrasound.record import SonoRecord

__all__ = ["goals", "summarise_sonograms"]

SIZES = ((0.0, 3.0), (3.0, 5.0), (5.0, 8.0), (8.0, math.inf))
"""Classes of the longest caliper, mm: below 3 mm no shadow is expected."""

CONTRASTS = ((0.0, 2.0), (2.0, 3.0), (3.0, 5.0), (5.0, 8.0), (8.0, math.inf))
"""Classes of brightness above the surroundings, in standard deviations of speckle."""

MOST_KINDS = 24
"""Contents are named one by one up to this many."""


def summarise_sonograms(records: Sequence[SonoRecord]) -> str:
    """Return the page of results for sonograms of one set and split."""
    if not records:
        return "No sonogram has been read."
    held = sorted(records, key=lambda r: (r.seed, r.key))
    makers = (_head, goals, detection, false_tables, naming, _sizes, _time)
    return "\n\n".join("\n".join(part) for make in makers if (part := make(held))) + "\n"


def _head(records: Sequence[SonoRecord]) -> list[str]:
    """Return what was read."""
    splits = sorted({r.split for r in records})
    kinds = Counter(r.contents for r in records)
    many = len(kinds) > MOST_KINDS
    told = "stills in turn" if many else ", ".join(f"{n} {kind}" for kind, n in sorted(kinds.items()))
    failed = [r for r in records if r.failure]
    warning = " **Not to be quoted: figures for others come from the test split.**"
    quoted = "" if splits == ["test"] else warning
    seeds = [r.seed for r in records]
    return [
        f"Split: {', '.join(splits)}; {len(records)} sonograms ({told}), seeds {min(seeds)} to {max(seeds)}"
        f"; code {records[0].fingerprint}.{quoted}",
        "The picture, its beams, the liver and the bodies were found by the product. A cell gives its "
        "figure, its 95 % interval (bootstrap over sonograms, or that of independent foci where it is wider) "
        "and its n; † marks fewer than 20.",
        f"Readings that failed: {len(failed)} of {len(records)}"
        + "".join(f"; {r.key}: {r.failure}" for r in failed[:5])
        + ".",
    ]


def goals(records: Sequence[SonoRecord]) -> list[str]:
    """Return the table that the goals are judged by."""
    visible, every = cases_of(records), cases_of(records, hidden=True)
    clear = shadow_pairs(records, borderline=False)
    shadows, ducts = shadow_pairs(records), duct_pairs(records)
    said = [p for p in ducts if p[1] != "not assessable"]
    area = stone_area(stone_scores(records))
    empty = [r for r in records if not r.true]
    rows = [
        ["foci found, of those that can be seen", "≥ 90 %", share(found_share(visible))],
        ["the same, of all", "", share(found_share(every))],
        [
            "the same, or run into a neighbour that is found",
            "",
            share(found_share(visible, lambda c: c.found or c.true.joined)),
        ],
        ["false calls a picture", "≤ 0.5", false_calls(records).told()],
        ["false calls a picture that holds no focus", "≤ 0.5", false_calls(empty).told()],
        ["shadow graded rightly", "≥ 85 %", _right(shadows)],
        ["the same, without those between two grades", "", _right(clear)],
        *_limits(records),
        ["in a duct or apart told rightly", "≥ 90 %", _right(ducts)],
        ["the same, where it is told", "", _right(said)],
        ["stone against simple calcification, area under the curve", "≥ 0.95", area.told()],
    ]
    return ["### Goals", "", *table(["figure", "goal", "measured"], rows)]


def _limits(records: Sequence[SonoRecord]) -> list[list[str]]:
    """Return how many shadows could be graded rightly at all, of phantoms, whose speckle is known."""
    if any(r.kind == "implants" for r in records):
        return []
    rows = []
    for name, told in (
        ("physical limit: speckle alone is not known", True),
        ("physical limit: nor is the display's range, and the tissue is told by as much beside", False),
    ):
        (all_, count), (clear, own) = (
            shadow_limit(records, borderline=borderline, told=told) for borderline in (True, False)
        )
        if count and own:
            rows.append(
                [name, "", f"{all_:.2f} (n = {count}); without those between two: {clear:.2f} ({own})"]
            )
    return rows


def _right(pairs: Sequence[tuple[str, str]]) -> str:
    """Return the share of pairs that agree."""
    return str(wilson(sum(t == c for t, c in pairs), len(pairs)))


def detection(records: Sequence[SonoRecord]) -> list[str]:
    """Return what is found, by size, contrast, shadow, form and depth, and over the least probability."""
    cases = cases_of(records, hidden=True)
    if not cases:
        return []
    lines = ["### Detection", ""]
    lines += _by(cases, "diameter", [(class_name(*c, "mm"), _within("diameter_mm", c)) for c in SIZES])
    lines += _by(cases, "contrast", [(class_name(*c, "SD"), _within("contrast_sd", c)) for c in CONTRASTS])
    for name, attribute in (("shadow", "shadow"), ("form", "morphology"), ("relation to ducts", "duct")):
        values = sorted({getattr(c.true, attribute) for c in cases})
        lines += _by(cases, name, [(v or "–", _equal(attribute, v)) for v in values])
    thirds = ((0.0, 1 / 3), (1 / 3, 2 / 3), (2 / 3, 9.0))
    names = ("near third", "middle third", "far third")
    lines += _by(cases, "depth", [(n, _within("depth_share", c)) for n, c in zip(names, thirds, strict=True)])
    rows = [[f"{p:.1f}", share(found), false.told()] for p, found, false in operating_points(records)]
    return [
        *lines,
        "By the least probability of a call:",
        "",
        *table(["from", "found", "false a picture"], rows),
    ]


def _by(
    cases: Sequence[SonoCase], name: str, classes: Sequence[tuple[str, Callable[[SonoCase], bool]]]
) -> list[str]:
    """Return a table of what is found in classes."""
    rows = []
    for told, keep in classes:
        own = [c for c in cases if keep(c)]
        if own:
            rows.append([told, share(found_share(own)), share(found_share(c for c in own if c.true.visible))])
    return [*table([name, "found of all", "of those that can be seen"], rows), ""]


def _within(attribute: str, ends: tuple[float, float]) -> Callable[[SonoCase], bool]:
    return lambda case: ends[0] <= getattr(case.true, attribute) < ends[1]


def _equal(attribute: str, value: str) -> Callable[[SonoCase], bool]:
    return lambda case: bool(getattr(case.true, attribute) == value)


def false_tables(records: Sequence[SonoRecord]) -> list[str]:
    """Return what false calls lie on."""
    rows = [[truly, tissue or "–", str(n)] for truly, tissue, n in false_kinds(records)]
    lines = ["### False calls", ""]
    if not rows:
        return [*lines, "None."]
    calls = [c for r in records for c in r.false]
    own = Counter(c.label for c in calls)
    told = ", ".join(f"{n} {label}" for label, n in sorted(own.items()))
    return [*lines, *table(["what lies there", "tissue", "calls"], rows), "", f"Called as: {told}."]


def naming(records: Sequence[SonoRecord]) -> list[str]:
    """Return the confusions: shadow, duct, form, mimics."""
    parts = [
        ("Shadow", "shadow", confusion_of(shadow_pairs(records))),
        ("Ducts", "relation", confusion_of(duct_pairs(records))),
        ("Form", "form", morphology_names(records)),
        ("Names", "body", mimic_names(records)),
    ]
    lines: list[str] = []
    for title, what, confusion in parts:
        if confusion.rows:
            lines += [f"### {title}", "", *confusion_table(confusion, what), ""]
    return lines[:-1]


def _sizes(records: Sequence[SonoRecord]) -> list[str]:
    """Return how well the longest caliper is measured, where pixels have a size."""
    rows = []
    for low, high in SIZES:
        errors, held = size_errors(records, low, high)
        if errors:
            cells = (np.median(errors), np.mean(errors), np.std(errors))
            told = [f"{v:+.1f}" if n < 2 else f"{v:.1f}" for n, v in enumerate(cells)]
            rows.append([class_name(low, high, "mm"), str(len(errors)), *told, str(held)])
    if not rows:
        return []
    head = ["true diameter", "n", "median error, mm", "mean, mm", "SD, mm", "95 % intervals that hold it"]
    return ["### Size", "", *table(head, rows)]


def _time(records: Sequence[SonoRecord]) -> list[str]:
    """Return the median seconds of each stage."""
    stages = sorted({name for r in records for name in r.seconds})
    rows = [
        [name, f"{np.median([r.seconds[name] for r in records if name in r.seconds]):.2f}"] for name in stages
    ]
    return ["### Time", "", *table(["stage", "median s"], rows)]
