"""A set is read, study by study; what is finished is never lost and never read twice."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from importlib.metadata import version
from multiprocessing import get_context, parent_process
from pathlib import Path

from hepalith.errors import OutputError
from hepalith.evaluation.examine import examine
from hepalith.evaluation.record import StudyRecord, load_records, to_line
from hepalith.evaluation.study_set import Plan, draw, plan_of, seeds_of

__all__ = [
    "Order",
    "digest_of",
    "drop_torn_line",
    "end_with_parent",
    "fingerprint_of",
    "records_of",
    "run_order",
]

RESULTS = "results.jsonl"
"""The file of lines in the output folder."""

ROOMS = ("geometry", "image", "anatomy", "calcification", "phantom", "vocabulary")
"""Rooms whose code decides what a study looks like and what is found in it."""

OWN = (
    "baseline",
    "examine",
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

ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS")
"""Set to 1 in workers: studies run side by side, so threads within one only get in each other's way."""


WATCH_S = 2.0
"""Seconds between a worker's looks at whether its parent still lives."""


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
    """

    set_name: str
    split: str = "development"
    count: int | None = None
    first: int = 0
    jobs: int = 1

    @property
    def plan(self) -> Plan:
        """The set."""
        return plan_of(self.set_name)

    @property
    def seeds(self) -> range:
        """Seeds of the studies."""
        return seeds_of(self.split, self.first, self.plan.count if self.count is None else self.count)


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
    try:
        out.mkdir(parents=True, exist_ok=True)
        drop_torn_line(path)
        with path.open("a", encoding="utf-8") as file:
            for number, line in enumerate(_lines(order, left, fingerprint), start=1):
                file.write(line + "\n")
                file.flush()
                os.fsync(file.fileno())
                if progress is not None:
                    progress(f"{number} of {len(left)} studies")
    except OSError as error:
        raise OutputError(f"{path}: {error.strerror}; choose another --out") from error
    return tuple(records_of(order, out, fingerprint).values())


def drop_torn_line(path: Path) -> None:
    """Cut a last line without an end: a run was killed while it wrote."""
    if not path.exists():
        return
    held = path.read_bytes()
    if held and not held.endswith(b"\n"):
        with path.open("r+b") as file:
            file.truncate(held.rfind(b"\n") + 1)


def _lines(order: Order, seeds: list[int], fingerprint: str) -> Iterator[str]:
    """Yield the line of each study as it finishes."""
    if order.jobs <= 1 or len(seeds) <= 1:
        for seed in seeds:
            yield _line(order.set_name, seed, fingerprint)
        return
    for name in ONE_THREAD:
        os.environ.setdefault(name, "1")
    with ProcessPoolExecutor(order.jobs, get_context("spawn"), initializer=end_with_parent) as pool:
        pending = [pool.submit(_line, order.set_name, seed, fingerprint) for seed in seeds]
        try:
            for future in as_completed(pending):
                yield future.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def end_with_parent() -> None:
    """Let a worker end soon after the process that started it, however that ended."""

    def watch() -> None:
        parent = parent_process()
        while parent is not None and parent.is_alive():
            time.sleep(WATCH_S)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _line(set_name: str, seed: int, fingerprint: str) -> str:
    """Return the line of one study; runs in a worker."""
    plan = plan_of(set_name)
    return to_line(examine(draw(plan.kind_of(seed), seed), plan.arms_of(seed), fingerprint))
