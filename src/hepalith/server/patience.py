"""How long an archive is waited for."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["Patience"]


@dataclass(frozen=True, slots=True)
class Patience:
    """How long an archive is waited for, and how often it is asked again."""

    connect_s: float = 10.0
    answer_s: float = 120.0
    """Between two bytes of an answer: an archive may fetch a study from tape first."""
    attempts: int = 4
    first_wait_s: float = 0.5
    """Doubled with every attempt."""
    longest_wait_s: float = 20.0
    sleep: Callable[[float], None] = time.sleep

    def wait(self, attempt: int, asked: str = "") -> None:
        """Wait before the next attempt, as long as the archive asked for if that is not too long."""
        seconds = self.first_wait_s * 2**attempt
        if asked.strip().isdecimal():
            seconds = max(seconds, float(asked))
        self.sleep(min(seconds, self.longest_wait_s))
