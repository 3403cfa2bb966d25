"""Lines of results, one a study: each is on the disk as soon as it is finished, and no half line stays."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context, parent_process
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from hepalith.errors import OutputError, UnreadableFileError

__all__ = ["RESULTS", "drop_torn_line", "end_with_parent", "load_lines", "to_line", "write_lines"]

Record = TypeVar("Record")

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


def to_line(record: object) -> str:
    """Return a record (a dataclass) as one line of JSON, floats with six significant digits, no NaN."""
    return json.dumps(_plain(record), allow_nan=False, separators=(",", ":"))


def _plain(value: Any) -> Any:
    """Return dataclasses and mapping proxies as dicts, floats cut, all the way down."""
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if hasattr(value, "__dataclass_fields__"):
        return {name: _plain(getattr(value, name)) for name in value.__dataclass_fields__}
    if isinstance(value, Mapping):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    return value


def load_lines(path: Path, adapter: TypeAdapter[Record], schema: str) -> tuple[Record, ...]:
    """Return the records of a file of lines; none where there is no file yet.

    A last line that was cut short (a killed run) is passed over.

    Parameters
    ----------
    path
        The file.
    adapter
        Of the kind of record.
    schema
        Its name, for the words of an error.

    Raises
    ------
    UnreadableFileError
        If the file cannot be read, or another line is no such record.
    """
    if not path.exists():
        return ()
    try:
        lines = [line for line in path.read_text(encoding="utf-8").splitlines(keepends=True) if line.strip()]
    except OSError as error:
        raise UnreadableFileError(f"{path}: {error.strerror}") from error
    records = []
    for number, line in enumerate(lines, start=1):
        try:
            records.append(adapter.validate_json(line))
        except ValidationError as error:
            if number == len(lines) and not line.endswith("\n"):
                break
            what = error.errors()[0]["msg"]
            raise UnreadableFileError(
                f"{path.name} line {number} is no record of {schema} ({what}); move the file away"
            ) from error
    return tuple(records)


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
