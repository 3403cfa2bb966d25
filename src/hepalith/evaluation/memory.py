"""The most memory a stretch of work takes, as Linux counts it."""

from __future__ import annotations

import contextlib
import ctypes
import re
from collections.abc import Callable, Iterator
from pathlib import Path

__all__ = ["watch_memory"]

STATUS, RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")
"""Where Linux tells the memory of this process, and where its peak is set back (write ``5``)."""


def _read_kb(name: str) -> int | None:
    found = re.search(rf"^{name}:\s+(\d+) kB", STATUS.read_text(encoding="ascii"), re.MULTILINE)
    return int(found.group(1)) if found else None


@contextlib.contextmanager
def watch_memory() -> Iterator[Callable[[], float | None]]:
    """Give a function that returns the peak since the start, above what was held then, in MB.

    ``None`` where the system does not tell.
    """
    try:
        ctypes.CDLL(None).malloc_trim(0)  # what was freed but is still held would hide what is taken now
        RESET.write_text("5", encoding="ascii")
        before = _read_kb("VmRSS")
    except (OSError, AttributeError):
        before = None

    def peak() -> float | None:
        after = _read_kb("VmHWM") if before is not None else None
        return None if after is None or before is None else (after - before) / 1024

    yield peak
