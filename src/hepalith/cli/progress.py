"""Progress: the stage under way, on a terminal only."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator

__all__ = ["progress_on_terminal"]

CLEAR_LINE = "\r\x1b[K"


@contextlib.contextmanager
def progress_on_terminal() -> Iterator[Callable[[str], None]]:
    """Give a function that shows the stage under way; it is silent where stderr is no terminal."""
    terminal = sys.stderr.isatty()

    def show(stage: str) -> None:
        if terminal:
            sys.stderr.write(f"{CLEAR_LINE}{stage} …")
            sys.stderr.flush()

    try:
        yield show
    finally:
        if terminal:
            sys.stderr.write(CLEAR_LINE)
            sys.stderr.flush()
