"""Read reports that others wrote, and tell how well and how fast, beside a report parser from PyPI.

    .venv/bin/python benchmarks/text.py [--language en|zh] [--fields] [--half dev|test]

The reports of `tests/finding/reports` and what they state were written before the reader, by somebody who had
not seen it; the README there says how a reading is scored. Totals by field are printed, no text. While the
reader was made its totals were watched on the `dev` half; the `test` half was first run when it stood.

The peer is medspaCy's ConText (negation, doubt, family; by rules) with a target for every English phrase of
our own lexicon that names a finding: the same words are known to both, and what differs is the reading of
scope, organs, quantities and what several words say together. It runs where it is installed (`pip install
medspacy`); `HEPALITH_PEER_PYTHON` names another interpreter that has it.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import time
import tomllib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from hepalith.finding.text.lexicon import Tag, expand, load_concepts
from hepalith.finding.text.read import ReportText, read_report
from hepalith.vocabulary import Measurement, State, load_vocabulary

REPORTS = Path(__file__).resolve().parents[1] / "tests" / "finding" / "reports"

ROUNDS = 7
"""Rounds of reading all reports, warm; the fastest counts, as others load the machine."""

RESAMPLES = 2000
"""Resamples of reports for an interval."""

SURE, OPEN_LOW, OPEN_HIGH = 0.5, 0.02, 0.98
"""A field is present from the first on; a hedged one has a probability between the other two."""

UNCOUNTED = ("setting", "strong_echo")
"""Fields that a reader may give or leave out in every report that does not state them: the setting, and the
strong echo that came into the vocabulary when the first two sets were written."""

GOAL_F1, GOAL_MS = 0.90, 5.0


@dataclass(frozen=True, slots=True)
class Given:
    """One field that a reader gives: a state or a value, and how sure."""

    value: Any
    probability: float | None = 1.0
    is_open: bool = False


@dataclass(slots=True)
class Score:
    """Right, missed and false fields."""

    right: Counter[str] = field(default_factory=Counter)
    missed: Counter[str] = field(default_factory=Counter)
    false: Counter[str] = field(default_factory=Counter)

    def add(self, other: Score) -> None:
        """Add the counts of another."""
        self.right += other.right
        self.missed += other.missed
        self.false += other.false

    def figures(self, names: Iterable[str] | None = None) -> tuple[float, float, float]:
        """Return precision, recall and F1 over some fields, or all."""
        wanted = set(self.right) | set(self.missed) | set(self.false) if names is None else set(names)
        right, missed, false = (sum(c[n] for n in wanted) for c in (self.right, self.missed, self.false))
        precision = right / (right + false) if right + false else 0.0
        recall = right / (right + missed) if right + missed else 0.0
        return precision, recall, 2 * right / (2 * right + missed + false) if right else 0.0


def load_reports(language: str) -> list[dict[str, Any]]:
    """Return the reports of a language, with their gold."""
    table = tomllib.loads((REPORTS / f"{language}.toml").read_text(encoding="utf-8"))
    reports: list[dict[str, Any]] = table["report"]
    return reports


def half_of(report: Mapping[str, Any]) -> str:
    """Return ``dev`` or ``test``, by a hash of the id: the reader's totals are watched on the first alone."""
    return "dev" if hashlib.sha256(report["id"].encode()).digest()[0] % 2 else "test"


def gold_of(report: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that a report states."""
    gold: dict[str, Any] = dict(report.get("findings", {}))
    for key, value in report.get("patient", {}).items():
        if key in ("history", "symptoms", "exposures"):
            gold.update(value)
        elif key == "labs":
            gold.update({f"labs.{name}": lab for name, lab in value.items()})
        else:
            gold[key] = value
    return gold


def given_of(reading: ReportText) -> dict[str, Given]:
    """Return the fields that our reader gives."""
    given: dict[str, Given] = {}
    segments: set[str] = set()
    for finding in reading.findings:
        if finding.id == "segment":
            segments.add(str(finding.value))
            continue
        is_open = finding.state not in (State.PRESENT, State.ABSENT)
        value: Any = finding.value if finding.value is not None else finding.state is State.PRESENT
        if isinstance(value, Measurement):
            value = {"value": value.value, "unit": value.unit}
        given[finding.id] = Given(value, finding.probability, is_open)
    if segments:
        given["segment"] = Given(segments)
    for key, value in reading.patient.items():
        if key in ("history", "symptoms", "exposures"):
            given.update({name: Given(state, float(state is not False)) for name, state in value.items()})
        elif key == "labs":
            given.update({f"labs.{name}": Given(lab) for name, lab in value.items()})
        else:
            given[key] = Given(value)
    return given


def is_right(name: str, gold: Any, given: Given, *, hedged: bool) -> bool:
    """Say whether a field is given as the gold has it; see the README of the reports."""
    if hedged:
        return given.probability is not None and OPEN_LOW < given.probability < OPEN_HIGH
    value = given.value
    if given.is_open or isinstance(gold, bool) != isinstance(value, bool):
        return False
    if name == "segment":
        return isinstance(value, set) and value == ({gold} if isinstance(gold, str) else set(gold))
    share = LAB_SHARE if name.startswith("labs.") else SIZE_SHARE
    return any(_is_same(one, value, share) for one in (gold if isinstance(gold, list) else [gold]))


SIZE_SHARE, LAB_SHARE, AGE_YEARS = 0.02, 0.01, 0.1
"""How near a size, a laboratory value and an age must be: see the README of the reports."""


def _is_same(gold: Any, value: Any, share: float) -> bool:
    if isinstance(gold, dict):
        return isinstance(value, dict) and _same_quantity(gold, value, share)
    if isinstance(gold, int | float) and not isinstance(gold, bool):
        return isinstance(value, int | float) and abs(float(value) - float(gold)) <= AGE_YEARS
    return bool(value == gold)


def _same_quantity(gold: Mapping[str, Any], value: Mapping[str, Any], share: float) -> bool:
    units = gold["unit"] if isinstance(gold["unit"], list) else [gold["unit"]]
    if _folded(value["unit"]) not in {_folded(u) for u in units}:
        return False
    number = float(value["value"])
    if "low" in gold and float(gold["low"]) - 1e-9 <= number <= float(gold["high"]) + 1e-9:
        return True
    return "value" in gold and abs(number - float(gold["value"])) <= share * abs(float(gold["value"])) + 1e-9


def _folded(unit: str) -> str:
    return unit.casefold().replace("µ", "u").replace("μ", "u").replace(" ", "")


def score(report: Mapping[str, Any], given: Mapping[str, Given]) -> Score:
    """Return what is right, missed and false in one reading."""
    gold, result = gold_of(report), Score()
    hedged, optional = set(report.get("hedged", ())), {*report.get("optional", ()), *UNCOUNTED}
    for name, value in gold.items():
        one = given.get(name)
        if one is not None and is_right(name, value, one, hedged=name in hedged):
            result.right[name] += 1
            continue
        result.missed[name] += 1
        if one is not None and not one.is_open:
            result.false[name] += 1
    for name, one in given.items():
        if name not in gold and name not in optional and not one.is_open:
            result.false[name] += 1
    return result


def interval(scores: Sequence[Score]) -> tuple[float, float]:
    """Return the 95 % interval of F1 over reports, by resampling them."""
    rows = np.array([[s.right.total(), s.missed.total(), s.false.total()] for s in scores], dtype=float)
    rng = np.random.default_rng(20261123)
    drawn = rows[rng.integers(0, len(rows), (RESAMPLES, len(rows)))].sum(axis=1)
    f1 = 2 * drawn[:, 0] / np.maximum(2 * drawn[:, 0] + drawn[:, 1] + drawn[:, 2], 1)
    low, high = np.percentile(f1, (2.5, 97.5))
    return float(low), float(high)


def time_reader(reports: Sequence[Mapping[str, Any]], read: Callable[[str], Any]) -> list[float]:
    """Return milliseconds a report, each the least of several rounds, warm."""
    for report in reports:
        read(report["text"])
    best = [float("inf")] * len(reports)
    for _ in range(ROUNDS):
        for place, report in enumerate(reports):
            began = time.perf_counter()
            read(report["text"])
            best[place] = min(best[place], (time.perf_counter() - began) * 1e3)
    return best


def group_of(name: str) -> str:
    """Return the group of a field for the table."""
    if name.startswith("labs."):
        return "laboratory values"
    vocabulary = load_vocabulary()
    if name == "segment" or name not in vocabulary or vocabulary[name].group == "place":
        return "segment" if name == "segment" else "age, sex and the like"
    group = vocabulary[name].group
    return {
        "finding": "findings of liver and calcium", "pattern": "patterns",
        "laboratory_finding": "laboratory findings",
        "history": "history", "symptom": "symptoms", "exposure": "exposures",
    }.get(group, group)  # fmt: skip


# The peer. Its targets are our English phrases; it runs in this interpreter or in another that has it.

PEER_VARIABLE = "HEPALITH_PEER_PYTHON"
PEER_KINDS = ("finding", "history", "symptom", "exposure", "lab_finding")


def peer_targets() -> list[tuple[str, str]]:
    """Return the phrases the peer looks for, each with the field it means."""
    targets: dict[str, str] = {}
    for concept in load_concepts():
        tags = [Tag.parse(t) for t in concept.tags]
        named = [t for t in tags if t.kind in PEER_KINDS and t.value != "false"]
        if named:
            label = named[0].name + (f"={named[0].value}" if named[0].value else "")
        elif any(t.kind == "thing" and t.name == "calcium" for t in tags):
            label = "intrahepatic_calcification"
        else:
            continue
        for phrase in concept.en.split(";"):
            for written in expand(phrase.strip()):
                targets.setdefault(" ".join(written.split()), label)
    return [(phrase, label) for phrase, label in targets.items() if phrase]


PEER = """
import json, sys, time
import medspacy
from medspacy.ner import TargetRule
job = json.load(sys.stdin)
nlp = medspacy.load(medspacy_enable=["medspacy_pyrush", "medspacy_target_matcher", "medspacy_context"])
nlp.get_pipe("medspacy_target_matcher").add([TargetRule(p, l) for p, l in job["targets"]])
def read(text):
    out = {}
    for e in nlp(text).ents:
        x = e._
        p = 0.0 if x.is_negated else (0.6 if x.is_uncertain else 1.0)
        if x.is_family or x.is_hypothetical:
            continue
        out[e.label_] = max(p, out.get(e.label_, 0.0))
    return out
given = [read(t) for t in job["texts"]]
best = [1e9] * len(given)
for _ in range(job["rounds"]):
    for i, t in enumerate(job["texts"]):
        s = time.perf_counter(); read(t); best[i] = min(best[i], (time.perf_counter() - s) * 1e3)
json.dump({"given": given, "ms": best}, sys.stdout)
"""


def run_peer(reports: Sequence[Mapping[str, Any]]) -> tuple[list[dict[str, Given]], list[float]] | str:
    """Return what the peer gives for every report and its milliseconds, or why it did not run."""
    python = os.environ.get(PEER_VARIABLE, sys.executable)
    job = json.dumps({"targets": peer_targets(), "texts": [r["text"] for r in reports], "rounds": 3})
    done = subprocess.run([python, "-c", PEER], input=job, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        return (done.stderr.strip().splitlines() or ["it failed"])[-1]
    answer = json.loads(done.stdout.splitlines()[-1])
    readings: list[dict[str, Given]] = []
    for one in answer["given"]:
        given: dict[str, Given] = {}
        for label, probability in one.items():
            name, _, value = label.partition("=")
            if value and probability >= SURE:
                given[name] = Given(value, probability)
            elif not value:
                given[name] = Given(probability >= SURE, probability)
        readings.append(given)
    return readings, list(answer["ms"])


def table(languages: Sequence[str], half: str | None, *, fields: bool) -> str:
    """Return the report as Markdown."""
    lines = ["| reader | language | reports | fields | precision | recall | F1 | 95 % | ms (median, most) |"]
    lines.append("| --- |" + " --- |" * 8)
    total, everyone = Score(), list[Score]()
    groups: dict[str, dict[str, Score]] = defaultdict(dict)
    for language in languages:
        reports = [r for r in load_reports(language) if half in (None, half_of(r))]
        scores = [score(r, given_of(read_report(r["text"]))) for r in reports]
        everyone += scores
        mine = Score()
        for one in scores:
            mine.add(one)
        total.add(mine)
        groups[language]["all"] = mine
        ms = time_reader(reports, read_report)
        lines.append(row("hepalith", language, scores, mine, ms))
        if language == "en":
            lines.append(peer_row(reports, scores))
    if len(languages) > 1:
        lines.append(row("hepalith", "both", everyone, total, None))
    lines += ["", "| group | " + " | ".join(f"{g}: precision, recall, F1" for g in groups) + " |"]
    lines.append("| --- |" + " --- |" * len(groups))
    names = {g: s["all"] for g, s in groups.items()}
    known = sorted({n for s in names.values() for c in (s.right, s.missed, s.false) for n in c}, key=group_of)
    for group in dict.fromkeys(group_of(n) for n in known):
        cells = []
        for one in names.values():
            p, r, f = one.figures(n for n in known if group_of(n) == group)
            cells.append(f"{p:.2f}, {r:.2f}, {f:.2f}")
        lines.append(f"| {group} | " + " | ".join(cells) + " |")
    if fields:
        lines += ["", *field_lines(names)]
    f1 = total.figures()[2]
    lines += ["", f"Goal of F1 {GOAL_F1:.2f}: {'met' if f1 >= GOAL_F1 else 'not met'} ({f1:.3f})."]
    return "\n".join(lines)


def row(reader: str, language: str, scores: Sequence[Score], total: Score, ms: Sequence[float] | None) -> str:
    """Return one row of the table."""
    precision, recall, f1 = total.figures()
    low, high = interval(scores)
    count = total.right.total() + total.missed.total()
    speed = f"{np.median(ms):.2f}, {max(ms):.2f}" if ms else ""
    return (
        f"| {reader} | {language} | {len(scores)} | {count} | {precision:.3f} | {recall:.3f} | {f1:.3f} "
        f"| {low:.3f} to {high:.3f} | {speed} |"
    )


def peer_row(reports: Sequence[Mapping[str, Any]], ours: Sequence[Score]) -> str:
    """Return the peer's row, over the fields that it can give: those named by phrases."""
    ran = run_peer(reports)
    if isinstance(ran, str):
        return f"| medspaCy ConText | en | not run: {ran} |" + "  |" * 6
    readings, ms = ran
    scores = [score(r, g) for r, g in zip(reports, readings, strict=True)]
    total = Score()
    for one in scores:
        total.add(one)
    can = {label.partition("=")[0] for _, label in peer_targets()}
    mine = Score()
    for one in ours:
        mine.add(one)
    theirs, own = total.figures(can), mine.figures(can)
    return "\n".join(
        [
            row("medspaCy ConText", "en", scores, total, ms),
            f"| medspaCy, what it can give | en | {len(ms)} |  | {' | '.join(map(_three, theirs))} |  |  |",
            f"| hepalith, the same fields | en | {len(reports)} |  | {' | '.join(map(_three, own))} |  |  |",
        ]
    )


def _three(share: float) -> str:
    return f"{share:.3f}"


def field_lines(names: Mapping[str, Score]) -> list[str]:
    """Return right, missed and false of every field, the worst first."""
    lines = []
    for language, one in names.items():
        wrong = one.missed + one.false
        for name, _ in wrong.most_common():
            counts = f"{one.right[name]} right, {one.missed[name]} missed, {one.false[name]} false"
            lines.append(f"{language} {name}: {counts}")
    return lines


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--language", choices=("en", "zh"))
    parser.add_argument("--half", choices=("dev", "test"))
    parser.add_argument("--fields", action="store_true")
    asked = parser.parse_args()
    print(table((asked.language,) if asked.language else ("en", "zh"), asked.half, fields=asked.fields))


if __name__ == "__main__":
    main()
