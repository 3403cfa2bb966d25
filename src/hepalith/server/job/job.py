"""A job: one study that came in, on its way to being read and its results sent back.

Images that come after a study was read make another job of the same study, its next *generation*, which
reads all of them. A job names nobody: it holds UIDs, times and reasons.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

__all__ = ["ENDED", "NEXT", "Delivery", "Job", "Persistence", "State", "Step"]


class State(StrEnum):
    """Where a job stands."""

    RECEIVING = "receiving"
    """Its images are coming in."""
    COMPLETE = "complete"
    """All are there; it waits for a reader."""
    READING = "reading"
    """A reader is at it."""
    READ = "read"
    """Its reading folder is whole."""
    SENDING = "sending"
    """Its results are on their way to the archives."""
    DONE = "done"
    """Everything was done that was to be done; the reason says where that was nothing."""
    FAILED = "failed"
    """Given up, with the reason; everything that came in is kept."""


ENDED: Final = frozenset({State.DONE, State.FAILED})
"""States in which nothing more happens by itself."""

NEXT: Final[Mapping[State, frozenset[State]]] = MappingProxyType(
    {
        State.RECEIVING: frozenset({State.COMPLETE, State.DONE, State.FAILED}),
        State.COMPLETE: frozenset({State.RECEIVING, State.READING, State.FAILED}),
        State.READING: frozenset({State.COMPLETE, State.READ, State.FAILED}),
        State.READ: frozenset({State.SENDING, State.DONE, State.FAILED}),
        State.SENDING: frozenset({State.SENDING, State.DONE, State.FAILED}),
        State.DONE: frozenset(),
        State.FAILED: frozenset({State.COMPLETE, State.READ}),
    }
)
"""Which state may follow which.

Back go a complete study that gets another image before a reader took it (to receiving), a reading that was
cut short (to complete), and what a person tries again (from failed).
"""


@dataclass(frozen=True, slots=True)
class Job:
    """One study and one generation of its images.

    Parameters
    ----------
    generation
        1 for the images that came first, and one more for each later batch.
    instances
        Images that are read; 0 while they come in.
    attempts
        Readers that were started for it and ended badly by themselves; while it is sent, refusals.
    interrupted
        Readers that were lost because the listener was killed.
    tries
        Times in a row that the disk was full or an archive away.
    not_before
        Seconds since 1970 before which it is not tried again.
    waiting_since
        When the present trouble (a full disk, an archive that is away) began; 0: there is none.
    swept_at
        When its images and its reading were deleted; 0: they are there.
    """

    id: int
    study_uid: str
    generation: int
    state: State
    reason: str
    instances: int
    attempts: int
    interrupted: int
    tries: int
    not_before: float
    waiting_since: float
    created_at: float
    changed_at: float
    swept_at: float


@dataclass(frozen=True, slots=True)
class Step:
    """One transition of a job, kept for good."""

    job: int
    at: float
    before: State
    after: State
    reason: str


@dataclass(frozen=True, slots=True)
class Delivery:
    """One file of a job's results and one archive that it goes to.

    `begun` counts how often its sending was begun: where it is not 0, the archive may hold the file
    although nothing was heard of it.
    """

    job: int
    address: str
    file: str
    study_uid: str
    series_uid: str
    sop_instance_uid: str
    begun: int
    is_sent: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Persistence:
    """How often, and for how long, something is tried again.

    Parameters
    ----------
    attempts
        Readers that may end badly before a job fails: a study that kills its reader three times will do so
        a fourth time (our judgement).
    interruptions
        Readings that may be lost to the listener's own end before a job fails: a study that takes the whole
        machine down would else do so for ever. Ten, as machines are also restarted for other reasons.
    first_s, longest_s
        Pause after the first failure, doubled after each further one up to the longest.
    patience_s
        How long a full disk or an absent archive is borne: a week, so that a long weekend loses nothing.
    refusals
        Times that an archive that answers may refuse a file before the job fails.
    """

    attempts: int = 3
    interruptions: int = 10
    first_s: float = 5.0
    longest_s: float = 600.0
    patience_s: float = 7 * 86_400.0
    refusals: int = 5

    def pause(self, failures: int) -> float:
        """Return the seconds to wait after so many failures in a row.

        Examples
        --------
        >>> [Persistence().pause(n) for n in (1, 2, 3, 20)]
        [5.0, 10.0, 20.0, 600.0]
        """
        return min(self.longest_s, self.first_s * 2.0 ** min(max(0, failures - 1), 32))
