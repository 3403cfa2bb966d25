"""A set of sonograms is read, one by one; what is finished is never lost and never read twice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path

from hepalith.evaluation.lines import RESULTS, to_line, write_lines
from hepalith.evaluation.run import digest_of
from hepalith.evaluation.study_set import seeds_of
from hepalith.evaluation.ultrasound.examine import examine_sonogram
from hepalith.evaluation.ultrasound.pictures import sono_plan_of
from hepalith.evaluation.ultrasound.record import SonoRecord, load_sono_records

__all__ = ["SonoOrder", "run_sono_order", "sono_fingerprint_of"]

ROOMS = (
    "geometry",
    "image",
    "anatomy",
    "calcification",
    "finding",
    "differential",
    "phantom",
    "vocabulary",
)
"""Rooms whose code decides what a sonogram looks like and what is read in it."""

OWN = ("ultrasound/examine", "ultrasound/record", "ultrasound/scoring", "ultrasound/pictures")
"""Modules of this room that decide what stands in a line. Tables may change without a new run."""


@dataclass(frozen=True, slots=True)
class SonoOrder:
    """What is to be run.

    Parameters
    ----------
    set_name
        One of `SONO_SETS`.
    split
        ``"development"`` or ``"test"``.
    count
        How many sonograms; ``None``: as many as the set is made for.
    first
        The first of the split, counted from 0.
    jobs
        Processes side by side.
    chosen
        Seeds in their place, one by one.
    """

    set_name: str
    split: str = "development"
    count: int | None = None
    first: int = 0
    jobs: int = 1
    chosen: tuple[int, ...] = ()

    @property
    def seeds(self) -> Sequence[int]:
        """Seeds of the sonograms."""
        if self.chosen:
            return self.chosen
        usual = sono_plan_of(self.set_name).count
        return seeds_of(self.split, self.first, usual if self.count is None else self.count)


def sono_fingerprint_of(order: SonoOrder) -> str:
    """Return the name of everything but the seed that decides a line."""
    return f"{version('hepalith')}/us-{order.set_name}/{digest_of(ROOMS, OWN)}"


def run_sono_order(
    order: SonoOrder, out: Path, progress: Callable[[str], None] | None = None
) -> tuple[SonoRecord, ...]:
    """Read every sonogram of an order that is not finished, and return the records of all, by seed.

    Each line is appended to ``results.jsonl`` in `out` and brought to the disk as it is finished, so that a
    run that is stopped loses only what is in hand; the same order then goes on.

    Parameters
    ----------
    order
        What to run.
    out
        Folder; made if absent.
    progress
        Called with a few words after each sonogram.

    Raises
    ------
    OutputError
        If the folder or file cannot be written.
    """
    fingerprint, path = sono_fingerprint_of(order), out / RESULTS
    done = _finished(order, path, fingerprint)
    left = [seed for seed in order.seeds if seed not in done]
    write_lines(path, partial(_line, order.set_name, fingerprint=fingerprint), left, order.jobs, progress)
    held = _finished(order, path, fingerprint)
    return tuple(held[seed] for seed in order.seeds if seed in held)


def _finished(order: SonoOrder, path: Path, fingerprint: str) -> dict[int, SonoRecord]:
    """Return the finished records of an order, by seed; none of other code."""
    return {
        record.seed: record
        for record in load_sono_records(path)
        if record.fingerprint == fingerprint and record.kind == order.set_name
    }


def _line(set_name: str, seed: int, fingerprint: str) -> str:
    """Return the line of one sonogram; runs in a worker."""
    phantom, contents = sono_plan_of(set_name).make(seed)
    key = f"{set_name}-{seed}"
    return to_line(
        examine_sonogram(phantom, key=key, kind=set_name, fingerprint=fingerprint, contents=contents)
    )
