"""A set is read, study by study; what is finished is never lost and never read twice."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path

from hepalith.evaluation.examine import examine
from hepalith.evaluation.lines import RESULTS, to_line, write_lines
from hepalith.evaluation.record import StudyRecord, load_records
from hepalith.evaluation.study_set import Plan, draw, plan_of, seeds_of

__all__ = [
    "Order",
    "digest_of",
    "fingerprint_of",
    "records_of",
    "run_order",
]

ROOMS = ("geometry", "image", "anatomy", "calcification", "finding", "phantom", "vocabulary")
"""Rooms whose code decides what a study looks like and what is found in it."""

OWN = (
    "accompany",
    "baseline",
    "examine",
    "hotelling",
    "matching",
    "observer",
    "overlap",
    "record",
    "scoring",
    "sight",
    "study_set",
    "phantom_study",
    "real_study",
    "examination",
)
"""Modules of this room that decide what stands in a line. Tables and plots may change without a new run."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be run.

    Parameters
    ----------
    set_name
        One of `SETS`.
    split
        ``"development"`` or ``"test"``.
    count
        How many studies; ``None``: as many as the set is made for.
    first
        The first study of the split, counted from 0.
    jobs
        Processes side by side.
    kinds
        Only studies of these kinds; all if empty.
    """

    set_name: str
    split: str = "development"
    count: int | None = None
    first: int = 0
    jobs: int = 1
    kinds: tuple[str, ...] = ()

    @property
    def plan(self) -> Plan:
        """The set."""
        return plan_of(self.set_name)

    @property
    def seeds(self) -> tuple[int, ...]:
        """Seeds of the studies."""
        drawn = seeds_of(self.split, self.first, self.plan.count if self.count is None else self.count)
        return tuple(s for s in drawn if not self.kinds or self.plan.kind_of(s) in self.kinds)


def fingerprint_of(order: Order) -> str:
    """Return the name of everything but the seed that decides a line: version, set, and the code's digest."""
    return f"{version('hepalith')}/{order.set_name}/{digest_of(ROOMS, OWN)}"


def digest_of(rooms: Sequence[str], own: Sequence[str]) -> str:
    """Return the digest of the code of rooms, and of modules of this one."""
    package = Path(__file__).resolve().parents[1]
    files = sorted(
        path
        for room in rooms
        for path in (package / room).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    )
    files += [package / "evaluation" / f"{name}.py" for name in own]
    digest = hashlib.sha256()
    for path in files:
        digest.update(path.relative_to(package).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def records_of(order: Order, out: Path, fingerprint: str) -> dict[str, StudyRecord]:
    """Return the finished records of an order, by key; none of other code or settings."""
    kept = {record.key: record for record in load_records(out / RESULTS) if record.fingerprint == fingerprint}
    wanted = [key_of(order.plan, seed) for seed in order.seeds]
    return {key: kept[key] for key in wanted if key in kept}


def key_of(plan: Plan, seed: int) -> str:
    """Return the key of a study of a set."""
    return f"{plan.kind_of(seed)}-{seed}"


def run_order(
    order: Order, out: Path, progress: Callable[[str], None] | None = None
) -> tuple[StudyRecord, ...]:
    """Read every study of an order that is not finished, and return the records of all, by seed.

    Each study's line is appended to ``results.jsonl`` in `out` and brought to the disk as it finishes, so
    that a run that is stopped loses only the studies in hand; the same order then goes on.

    Parameters
    ----------
    order
        What to run.
    out
        Folder; made if absent.
    progress
        Called with a few words after each study.

    Raises
    ------
    OutputError
        If the folder or file cannot be written.
    """
    fingerprint = fingerprint_of(order)
    done = records_of(order, out, fingerprint)
    left = [seed for seed in order.seeds if key_of(order.plan, seed) not in done]
    path = out / RESULTS
    write_lines(path, partial(_line, order.set_name, fingerprint=fingerprint), left, order.jobs, progress)
    return tuple(records_of(order, out, fingerprint).values())


def _line(set_name: str, seed: int, fingerprint: str) -> str:
    """Return the line of one study; runs in a worker."""
    plan = plan_of(set_name)
    return to_line(examine(draw(plan.kind_of(seed), seed), plan.arms_of(seed), fingerprint))
