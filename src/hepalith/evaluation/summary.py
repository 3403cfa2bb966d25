"""The page of results: every table, made from the lines alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from hepalith.evaluation.anchors import anchors_on
from hepalith.evaluation.baseline import BASELINES
from hepalith.evaluation.detection import (
    DENSITIES,
    SIZES,
    Case,
    above_statement,
    baseline_false,
    baseline_found,
    cases_of,
    claim_found,
    false_by_kind,
    false_calls,
    ideal_sensitivity,
    linear_ratios,
    median_of,
    sensitivity,
    snr_ratios,
    stated_plainly,
)
from hepalith.evaluation.observer import FALSE_GOAL
from hepalith.evaluation.quality import assessments
from hepalith.evaluation.record import StudyRecord
from hepalith.evaluation.sizes import measurements
from hepalith.evaluation.tables import class_name, share, table

__all__ = ["summarise"]

PHASES = ("none", "arterial", "portal", "delayed")


def summarise(records: Sequence[StudyRecord]) -> str:
    """Return the page of results for studies of one set and split."""
    if not records:
        return "No study has been read."
    held = sorted(records, key=lambda r: (r.seed, r.key))
    parts = [_head(held), detection(held), measurements(held), assessments(held)]
    return "\n\n".join("\n".join(part) for part in parts) + "\n"


def slices_of(records: Sequence[StudyRecord]) -> list[float]:
    """Return the slice thicknesses in a set, in mm."""
    return sorted({float(r.scanner["slice_mm"]) for r in records})


def _head(records: Sequence[StudyRecord]) -> list[str]:
    """Return what was read."""
    splits = sorted({r.split for r in records})
    kinds: dict[str, int] = {}
    for record in records:
        kinds[record.kind] = kinds.get(record.kind, 0) + 1
    told = ", ".join(f"{n} {kind}" for kind, n in sorted(kinds.items()))
    seeds = [r.seed for r in records]
    failed = [(r.key, x.purpose, x.failure) for r in records for x in r.readings if x.failure]
    warning = (
        "" if splits == ["test"] else " **Not to be quoted: figures for others come from the test split.**"
    )
    return [
        f"Split: {', '.join(splits)}; {len(records)} studies ({told}), seeds {min(seeds)} to {max(seeds)}; "
        f"code {records[0].fingerprint}.{warning}",
        "The product found the liver, the phase and the foci by itself. A cell gives its figure, its 95 % "
        "interval (bootstrap over studies, or that of independent foci where it is wider) and its n; † marks "
        "fewer than 20.",
        f"Readings that failed: {len(failed)} of {sum(len(r.readings) for r in records)}"
        + "".join(f"; {key} ({purpose}): {why}" for key, purpose, why in failed[:5])
        + ".",
    ]


def detection(records: Sequence[StudyRecord]) -> list[str]:
    """Return the tables of what is found."""
    cases = cases_of(records)
    lines = [
        "### Detection",
        "",
        *_goals(records, cases),
        "",
        "All foci, found or not, by size and slice:",
        "",
    ]
    slices = slices_of(records)

    def row_of(name: str, keep: Callable[[Case], bool]) -> list[str]:
        row = [c for c in cases if keep(c)]
        cells = [share(sensitivity(c for c in row if c.record.scanner["slice_mm"] == s)) for s in slices]
        return [name, *cells, share(sensitivity(row)), share(ideal_sensitivity(row))]

    head = [
        "diameter",
        *(f"{s:g} mm slices" for s in slices),
        "all",
        f"ideal observer at {FALSE_GOAL} false calls",
    ]
    rows = [
        row_of(class_name(*c, "mm"), lambda case, c=c: c[0] <= case.true.diameter_mm < c[1])  # type: ignore[misc]
        for c in SIZES
    ]
    lines += table(head, rows)
    head[0] = "contrast"
    rows = [
        row_of(class_name(*c, "HU"), lambda case, c=c: c[0] <= case.true.excess_hu < c[1])  # type: ignore[misc]
        for c in DENSITIES
    ]
    lines += ["", *table(head, rows), "", *_by_phase(records, cases), "", *_by_form(cases)]
    lines += ["", *_statement(records), "", *_false(records), "", *_scripts(records, cases)]
    given = cases_of(records, "foci", "given")
    if given:
        keys = {c.record.key for c in given}
        own = [c for c in cases if c.record.key in keys]
        lines += [
            "",
            f"With the true liver given {share(sensitivity(given))} are found, where the product finds the "
            f"liver {share(sensitivity(own))}: the difference is the outline's.",
        ]
    return [*lines, "", *_anchors("detection")]


def _goals(records: Sequence[StudyRecord], cases: Sequence[Case]) -> list[str]:
    """Return the table that the goals are judged by."""
    rows = []
    for s in (*slices_of(records), None):
        own = [r for r in records if s is None or r.scanner["slice_mm"] == s]
        mine = [c for c in cases if s is None or c.record.scanner["slice_mm"] == s]
        small = [c for c in mine if 2 <= c.true.diameter_mm < 5]
        large = [c for c in mine if c.true.diameter_mm >= 5]
        calls = false_calls(own)
        rows.append(
            [
                "all" if s is None else f"{s:g} mm",
                share(sensitivity(c for c in small if above_statement(c))),
                share(sensitivity(c for c in small if stated_plainly(c))),
                share(sensitivity(c for c in large if above_statement(c))),
                share(sensitivity(c for c in large if stated_plainly(c))),
                calls.told(),
                false_calls(own, "clean").told(),
            ]
        )
    head = [
        "slices",
        "2–5 mm, as easy as stated",
        "2–5 mm, size and 250 HU as stated",
        "≥ 5 mm, as easy as stated",
        "≥ 5 mm, size and 250 HU as stated",
        "false calls a scan",
        "in livers without foci",
    ]
    return [
        f"Goals: ≥ 90 % of 2–5 mm, ≥ 95 % above, at ≤ {FALSE_GOAL} false calls a scan, for foci above the "
        "stated smallest: by the ideal observer's signal-to-noise ratio (as easy as stated), and by the "
        "plain words (no smaller, and no fainter than 250 HU).",
        "",
        *table(head, rows),
    ]


def _by_phase(records: Sequence[StudyRecord], cases: Sequence[Case]) -> list[str]:
    """Return what is found by phase."""
    rows = []
    for phase in PHASES:
        own = [r for r in records if r.phase == phase]
        mine = [c for c in cases if c.record.phase == phase]
        if own:
            stated = [c for c in mine if above_statement(c)]
            calls = false_calls(own)
            rows.append([phase, share(sensitivity(mine)), share(sensitivity(stated)), calls.told()])
    return table(["phase", "all foci", "as easy as stated", "false calls a scan"], rows)


def _by_form(cases: Sequence[Case]) -> list[str]:
    """Return what is found by form and kind of set."""
    forms = sorted({c.true.morphology or c.true.kind for c in cases})
    rows = []
    for form in forms:
        mine = [c for c in cases if (c.true.morphology or c.true.kind) == form]
        stated = [c for c in mine if above_statement(c)]
        rows.append([form, share(sensitivity(mine)), share(sensitivity(stated))])
    return table(["form", "all foci", "as easy as stated"], rows)


def _statement(records: Sequence[StudyRecord]) -> list[str]:
    """Return the test of the stated smallest focus."""
    rows = []
    for s in (*slices_of(records), None):
        for phase in (*PHASES, None) if s is None else (None,):
            own = [
                r
                for r in records
                if (s is None or r.scanner["slice_mm"] == s) and (phase is None or r.phase == phase)
            ]
            readings = [
                x for r in own for x in r.readings if x.purpose == "foci" and x.liver_source == "found"
            ]
            stated = [x.smallest_focus_mm for x in readings if x.smallest_focus_mm is not None]
            ideal = [x.ideal_focus_mm for x in readings if x.ideal_focus_mm is not None]
            if not readings:
                continue
            linear = [x.linear_focus_mm for x in readings if x.linear_focus_mm is not None]
            name = f"{s:g} mm slices" if s is not None else (phase or "all")
            rows.append(
                [
                    name,
                    share(claim_found(own)),
                    f"{median_of(stated):.1f} mm ({len(stated)} of {len(readings)})",
                    f"{median_of(ideal):.1f} mm",
                    _middle(snr_ratios(own)),
                    f"{median_of(linear):.1f} mm ({len(linear)})" if linear else "–",
                    _middle(linear_ratios(own)),
                ]
            )
    head = [
        "",
        "spheres of the stated size at 250 HU found",
        "stated smallest, median (readings that state one)",
        "ideal observer's",
        "d' over the ideal observer's, median (10 to 90 %)",
        "best linear observer's, in livers scanned without foci",
        "d' over that",
    ]
    return [
        "The stated smallest focus, tested (goal: 85 to 95 % found, d' at most 1.5 times). The ideal "
        "observer knows noise and blur alone; the best linear one knows the statistics of this very liver's "
        "vessels too and asks what outshines them. It is the limit of a filter, not of a reader who follows "
        "a vessel.",
        "",
        *table(head, rows),
    ]


def _middle(ratios: Sequence[float]) -> str:
    """Return the median of some ratios, with the middle 80 %."""
    if not ratios:
        return "–"
    low, high = np.quantile(ratios, (0.1, 0.9))
    return f"{median_of(ratios):.2f} ({low:.2f} to {high:.2f})"


def _false(records: Sequence[StudyRecord]) -> list[str]:
    """Return what false calls lie on."""
    rows = [
        [what, str(n), str(false_by_kind(records, "clean").get(what, 0))]
        for what, n in false_by_kind(records).most_common()
    ]
    return [
        "What false calls lie on:",
        "",
        *table(["what truly lies there", "calls", "in livers without foci"], rows),
    ]


def _scripts(records: Sequence[StudyRecord], cases: Sequence[Case]) -> list[str]:
    """Return the threshold scripts beside the product, on the same scans."""
    stated = [c for c in cases if above_statement(c)]
    rows = [
        [
            "hepalith, liver found by itself",
            share(sensitivity(cases)),
            share(sensitivity(stated)),
            false_calls(records).told(),
        ]
    ]
    rows += [
        [
            f"threshold {rule.name}, true liver given",
            share(baseline_found(cases, rule.name)),
            share(baseline_found(stated, rule.name)),
            baseline_false(records, rule.name).told(".1f"),
        ]
        for rule in BASELINES
    ]
    return table(["on the same scans", "all foci found", "as easy as stated", "false calls a scan"], rows)


def _anchors(topic: str) -> list[str]:
    """Return the published figures on a topic."""
    rows = [[a.what, a.figure, a.grade] for a in anchors_on(topic)]
    return [
        "Published, on patients or phantoms of others; not measured here:",
        "",
        *table(["what", "figure", "grade"], rows),
    ]
