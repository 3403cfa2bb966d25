"""Lines of results, one a study: each is on the disk as soon as it is finished, and no half line stays."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context, parent_process
from pathlib import Path

from hepalith.errors import OutputError

__all__ = ["RESULTS", "drop_torn_line", "end_with_parent", "write_lines"]

RESULTS = "results.jsonl"
"""The file of lines in the output folder."""

ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS")
"""Set to 1 in workers: studies run side by side, so threads within one only get in each other's way."""

WATCH_S = 2.0
"""Seconds between a worker's looks at whether its parent still lives."""


def write_lines(
    path: Path,
    line_of: Callable[[int], str],
    seeds: Sequence[int],
    jobs: int,
    progress: Callable[[str], None] | None = None,
) -> None:
    """Append the line of every seed to a file, each as it is finished.

    Parameters
    ----------
    path
        The file; its folder is made. A half line at its end, of a run that was killed, is cut off first.
    line_of
        Returns the line of a seed; it runs in a worker, so that it must be picklable.
    seeds
        What is left to do.
    jobs
        How many at a time.
    progress
        Called with a few words after each.

    Raises
    ------
    OutputError
        If the folder or file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        drop_torn_line(path)
        with path.open("a", encoding="utf-8") as file:
            for number, line in enumerate(_lines(line_of, seeds, jobs), start=1):
                file.write(line + "\n")
                file.flush()
                os.fsync(file.fileno())
                if progress is not None:
                    progress(f"{number} of {len(seeds)} studies")
    except OSError as error:
        raise OutputError(f"{path}: {error.strerror}; choose another --out") from error


def drop_torn_line(path: Path) -> None:
    """Cut a last line without an end: a run was killed while it wrote."""
    if not path.exists():
        return
    held = path.read_bytes()
    if held and not held.endswith(b"\n"):
        with path.open("r+b") as file:
            file.truncate(held.rfind(b"\n") + 1)


def _lines(line_of: Callable[[int], str], seeds: Sequence[int], jobs: int) -> Iterator[str]:
    """Yield the line of each seed as it is finished."""
    if jobs <= 1 or len(seeds) <= 1:
        for seed in seeds:
            yield line_of(seed)
        return
    for name in ONE_THREAD:
        os.environ.setdefault(name, "1")
    with ProcessPoolExecutor(jobs, get_context("spawn"), initializer=end_with_parent) as pool:
        pending = [pool.submit(line_of, seed) for seed in seeds]
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
