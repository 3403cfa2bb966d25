"""The part of the page on the liver, on what is taken for what, on probabilities, time and memory."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import numpy as np
from scipy import stats

from hepalith.evaluation.anchors import anchors_on
from hepalith.evaluation.calibration import (
    GOOD_DICE,
    Reliability,
    duct_reliability,
    focus_reliability,
    host_reliability,
    label_reliability,
    morphology_reliability,
    phase_reliability,
    quality_reliability,
    segment_reliability,
)
from hepalith.evaluation.confusion import (
    duct_confusion,
    found_pairs,
    host_confusion,
    lobe_confusion,
    mimic_confusion,
    morphology_confusion,
    named_rightly,
    pattern_rows,
    phase_confusion,
    segment_confusion,
)
from hepalith.evaluation.conspicuity import SEEN_RATIO
from hepalith.evaluation.proportion import Proportion, wilson
from hepalith.evaluation.record import HostRecord, LiverRecord, ReadingRecord, StudyRecord
from hepalith.evaluation.tables import confusion_table, percent, table

__all__ = ["assessments", "dilated_lines", "has_dilated", "host_lines", "reliability_lines"]


def assessments(records: Sequence[StudyRecord]) -> list[str]:
    """Return the tables of everything that is neither found nor measured."""
    lines = ["### Liver", "", *_liver(records), "", *_anchors("liver")]
    lines += ["", "### Place", "", *confusion_table(lobe_confusion(records), "lobe")]
    lines += ["", *confusion_table(segment_confusion(records), "segment"), "", *_anchors("place")]
    lines += ["", "### Form", "", *confusion_table(morphology_confusion(records), "form")]
    lines += ["", "Patterns over the liver, by study:", ""]
    lines += table(["pattern", "called where it is", "there where it is called"], pattern_rows(records))
    lines += ["", "### Mimics", "", *confusion_table(mimic_confusion(records), "mimic")]
    right, harmless = named_rightly(records)
    lines += ["", f"Mimics on which something was found, named rightly: {right}."]
    lines += [f"Mimics not called calcification: {harmless}."]
    lines += ["", "### Ducts", "", *confusion_table(duct_confusion(records), "relation")]
    lines += ["", *dilated_lines(records), "", "### Hosts", "", *host_lines(records)]
    lines += ["", "### Contrast phase", "", *confusion_table(phase_confusion(records), "phase")]
    lines += ["", "### Probabilities", "", *_probabilities(records)]
    lines += ["", _noise(records)]
    return [*lines, "", "### Time and memory", "", *_cost(records), "", *_anchors("cost")]


SEEN_DUCT_MM = 3.0
"""Calibre above which a dilated duct is to be found."""


def has_dilated(reading: ReadingRecord) -> bool:
    """Return whether a study truly has dilated ducts, with or without stones."""
    wide = any(t.duct_calibre_mm > SEEN_DUCT_MM for t in reading.true)
    return wide or bool(reading.true_dilated_ducts)


def dilated_lines(records: Sequence[StudyRecord]) -> list[str]:
    """Return how often dilated ducts are found, by focus and by study."""
    wide = [f.duct_dilated for t, f in found_pairs(records) if t.duct_calibre_mm > SEEN_DUCT_MM]
    studies = [r for record in records if (r := record.of("foci")) and not r.failure]
    with_wide = [has_dilated(r) for r in studies]
    called = [r.findings.get("dilated_ducts") == "present" for r in studies]
    hit = sum(c for c, w in zip(called, with_wide, strict=True) if w)
    false = sum(c for c, w in zip(called, with_wide, strict=True) if not w)
    plain = len(studies) - sum(with_wide)
    rows = [
        [f"found foci in ducts wider than {SEEN_DUCT_MM:g} mm: said to be dilated",
         str(wilson(wide.count("present"), len(wide)))],
        ["studies with such a duct: dilated ducts called", str(wilson(hit, sum(with_wide)))],
        ["studies without one: dilated ducts called", str(wilson(false, plain))],
    ]  # fmt: skip
    return table(["ducts", "share"], rows)


VISIBLE = (
    f"A lesion can be seen where its contrast is at least {SEEN_RATIO:g} times the noise at its size (Rose's "
    "criterion): the mean HU of its middle, or of the layer about it, less that of the liver near by, over "
    "the standard deviation of the means of as large balls all over the rest of the true liver; what calcium "
    "and its blur hide does not count."
)
"""What the page means by it."""


def can_be_seen(host: HostRecord) -> bool:
    """Return whether a lesion stands out from the liver at its size; taken for granted where nobody knows."""
    return host.contrast_to_noise is None or host.contrast_to_noise >= SEEN_RATIO


def _there_of_visible(records: Sequence[StudyRecord]) -> Proportion:
    """Return how often a host is rightly said to be there or not on enhanced scans, for what can be seen."""
    right = count = 0
    for record in records:
        reading = record.of("foci")
        if reading is None or record.phase == "none":
            continue
        unseen = {n for h in reading.hosts if not can_be_seen(h) for n in h.foci}
        for true, body in found_pairs([record]):
            if true.host_kind and body.host not in ("", "not_assessable") and true.id not in unseen:
                right += (true.host_kind != "none") == (body.host != "none")
                count += 1
    return wilson(right, count)


def host_lines(records: Sequence[StudyRecord]) -> list[str]:
    """Return what was said of the lesions around foci, and of lesions themselves."""
    lines = [
        "Around found foci, enhanced scans:",
        "",
        *confusion_table(host_confusion(records, enhanced=True), "host"),
    ]
    told = [(t.host_kind, f.host) for t, f in found_pairs([r for r in records if r.phase != "none"])
            if t.host_kind and f.host not in ("", "not_assessable")]  # fmt: skip
    there = wilson(sum((t != "none") == (f != "none") for t, f in told), len(told))
    kinds = [(t, f) for t, f in told if t != "none" and f != "none"]
    kind = wilson(sum(t == f for t, f in kinds), len(kinds))
    lines += [
        "",
        f"Where assessed: present or not right {there}; its kind, where one was seen, right {kind}.",
        f"The same without foci of lesions that cannot be seen: {_there_of_visible(records)}.",
    ]
    lines += ["", "Unenhanced scans:", "", *confusion_table(host_confusion(records, enhanced=False), "host")]
    studies = [r for record in records if (r := record.of("foci")) and not r.failure]
    rows = []
    for name in sorted({h.name for r in studies for h in r.hosts}):
        own = [h for r in studies for h in r.hosts if h.name == name]
        seen = [h for h in own if h.called]
        right = sum(h.called == h.kind for h in seen)
        visible = [h for h in own if can_be_seen(h)]
        shown = wilson(sum(bool(h.called) for h in visible), len(visible))
        rows.append([name, str(wilson(len(seen), len(own))), str(shown), str(wilson(right, len(seen)))])
    head = ["lesion put in", "seen", "seen of those that can be seen", "kind right where seen"]
    lines += ["", *table(head, rows), "", VISIBLE]
    false = sum(r.false_hosts for r in studies)
    return [
        *lines,
        "",
        f"Hosts and masses called where no lesion was put in: {false} in {len(studies)} studies.",
    ]


FEWEST = 5
"""Fewer livers make no rank correlation."""

GROUPS: Mapping[str, Callable[[StudyRecord], str]] = MappingProxyType(
    {
        "slices": lambda r: f"{float(r.scanner['slice_mm']):g} mm",
        "phase": lambda r: r.phase,
        "coverage": lambda r: str(r.body.get("coverage", "")),
        "resection": lambda r: str(r.body.get("resection", "")),
        "atrophy": lambda r: str(r.body.get("atrophy", "")),
        "steatosis": lambda r: "" if "steatosis" not in r.body else _fat(float(r.body["steatosis"])),
    }
)
"""What livers are told apart by; ``""`` is not told."""


def _fat(share: float) -> str:
    """Return the class of a fat fraction."""
    return "none" if share < 0.05 else "to 20 %" if share < 0.2 else "above 20 %"


def livers_of(records: Sequence[StudyRecord]) -> list[tuple[StudyRecord, LiverRecord]]:
    """Return the outline of each study: of the reading with foci, else of the clean one."""
    held = []
    for record in records:
        reading = record.of("foci") or record.of("clean")
        if reading is not None and reading.liver is not None:
            held.append((record, reading.liver))
    return held


def _liver(records: Sequence[StudyRecord]) -> list[str]:
    """Return Dice, distances, volumes, and whether foci move the outline."""
    held = livers_of(records)
    rows = [_liver_row("all", [v for _, v in held])]
    for name, value_of in GROUPS.items():
        values = sorted({v for r, _ in held if (v := value_of(r))})
        if len(values) > 1:
            rows += [_liver_row(f"{name} {v}", [w for r, w in held if value_of(r) == v]) for v in values]
    head = [
        "studies",
        "n",
        "Dice, mean",
        "least",
        "below 0.90",
        "surface, mm",
        "95 % of surface, mm",
        "log volume ratio, mean ± SD",
        "true volume in the interval",
        "Dice with the same scan without foci",
    ]
    return table(head, rows)


def _liver_row(name: str, livers: Sequence[LiverRecord]) -> list[str]:
    scores = [v.dice for v in livers]
    ratio = [math.log(v.found_ml.value / v.true_ml) for v in livers if v.found_ml.value > 0 and v.true_ml > 0]
    near = [v.surface_mm for v in livers if v.surface_mm is not None]
    far = [v.surface_95_mm for v in livers if v.surface_95_mm is not None]
    inside = [
        v.found_ml.low <= v.true_ml <= v.found_ml.high
        for v in livers
        if v.found_ml.low is not None and v.found_ml.high is not None
    ]
    moved = [v.moved_dice for v in livers if v.moved_dice is not None]
    return [
        name, str(len(livers)), _mean(scores, ".3f"), f"{min(scores):.3f}" if scores else "–",
        str(sum(s < 0.9 for s in scores)), _mean(near, ".1f"), _mean(far, ".1f"),
        f"{np.mean(ratio):+.3f} ± {np.std(ratio):.3f}" if ratio else "–",
        percent(float(np.mean(inside))) if inside else "–",
        f"{np.mean(moved):.4f}, least {min(moved):.4f}" if moved else "–",
    ]  # fmt: skip


def _mean(values: Sequence[float], form: str) -> str:
    return f"{np.mean(values):{form}}" if len(values) else "–"


def _probabilities(records: Sequence[StudyRecord]) -> list[str]:
    """Return how every printed probability held."""
    held = livers_of(records)
    rank = _rank([v.quality for _, v in held], [v.dice for _, v in held])
    lines = reliability_lines(
        {
            "a body called calcification is one": focus_reliability(records),
            "another label is right": label_reliability(records),
            "the form is right": morphology_reliability(records),
            "the segment is right": segment_reliability(records),
            "the relation to the duct is right": duct_reliability(records),
            "the host, or none, is right": host_reliability(records),
            "the contrast phase is right": phase_reliability(records),
            f"the liver's quality, as the chance of a Dice ≥ {GOOD_DICE}": quality_reliability(records),
        }
    )
    told = f"Rank correlation of the liver's quality with Dice: {rank:.2f} (n = {len(held)})."
    return [*lines, "", told if math.isfinite(rank) else "Too few livers for a rank correlation."]


def reliability_lines(held: Mapping[str, Reliability]) -> list[str]:
    """Return a table of how probabilities held, each by what it is the probability of."""
    head = [
        "probability that",
        "n",
        "came true",
        "mean said",
        "calibration error",
        "Brier",
        "Brier of always saying the rate",
    ]
    return table(head, [_reliability_row(name, one) for name, one in held.items()])


def _rank(one: Sequence[float], other: Sequence[float]) -> float:
    """Return the rank correlation; not a number of few or of values all alike."""
    if len(one) < FEWEST or len(set(one)) < 2 or len(set(other)) < 2:
        return math.nan
    return float(stats.spearmanr(one, other).statistic)


def _reliability_row(name: str, held: Reliability) -> list[str]:
    if not held.count:
        return [name, "0", "–", "–", "–", "–", "–"]
    said = sum(b.mean * b.true.total for b in held.bins) / held.count
    plain = held.rate * (1 - held.rate)
    mark = " †" if held.count < 20 else ""
    return [
        name,
        f"{held.count}{mark}",
        percent(held.rate),
        percent(said),
        f"{held.error:.3f}",
        f"{held.brier:.3f}",
        f"{plain:.3f}",
    ]


def _cost(records: Sequence[StudyRecord]) -> list[str]:
    """Return seconds and memory of a reading, on the machine that ran it and with what else ran there."""
    readings = [x for r in records for x in r.readings if x.seconds and x.liver_source == "found"]
    rows = [
        _cost_row(stage, [x.seconds[stage] for x in readings if stage in x.seconds])
        for stage in sorted({s for x in readings for s in x.seconds})
    ]
    rows.append(_cost_row("both", [sum(x.seconds.values()) for x in readings]))
    took = [x.processor_s for x in readings if x.processor_s is not None]
    rows.append(_cost_row("both, seconds of processor", took))
    peaks = [x.peak_mb for x in readings if x.peak_mb is not None]
    memory = (
        f"Memory of these stages above the volume: median {np.median(peaks):.0f} MB, "
        f"most {max(peaks):.0f} MB."
        if peaks
        else ""
    )
    slow = [_total(x) for x in readings]
    tail = f"Longest reading: {max(slow):.1f} s." if slow else ""
    return [*table(["stage", "readings", "median s", "90 % below, s"], rows), "", f"{memory} {tail}".strip()]


def _noise(records: Sequence[StudyRecord]) -> str:
    """Return how well the product knows the noise that its statements rest on."""
    ratios = [
        x.noise_hu / x.true_noise_hu for r in records for x in r.readings if x.noise_hu and x.true_noise_hu
    ]
    if not ratios:
        return "The true noise is not known in this set."
    low, high = np.quantile(ratios, (0.05, 0.95))
    return (
        f"Noise in the liver as measured over the true one: median {np.median(ratios):.2f}, 5 to 95 % "
        f"{low:.2f} to {high:.2f} (n = {len(ratios)})."
    )


def _total(reading: ReadingRecord) -> float:
    return sum(reading.seconds.values())


def _cost_row(name: str, seconds: Sequence[float]) -> list[str]:
    if not seconds:
        return [name, "0", "–", "–"]
    return [name, str(len(seconds)), f"{np.median(seconds):.1f}", f"{np.quantile(seconds, 0.9):.1f}"]


def _anchors(topic: str) -> list[str]:
    rows = [[a.what, a.figure, a.grade] for a in anchors_on(topic)]
    return ["Published:", "", *table(["what", "figure", "grade"], rows)]
