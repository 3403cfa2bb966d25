"""The listener: what comes in is read, once, and what was read is sent, once, whatever happens in between.

Three things go on side by side: studies that are complete become jobs, one reader works, and results are
sent. All that each does is written down in the `JobStore` before it counts, and can be done again after a
cut at any moment.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from hepalith.errors import HepalithError, OutputError, OutputExistsError, UsageError
from hepalith.server.deliver import Connect, Sent, deliver, plan_deliveries
from hepalith.server.dimse.receiver import Callbacks
from hepalith.server.intake import Intake, Readable
from hepalith.server.job.folder import DataFolder, JobFolder
from hepalith.server.job.job import ENDED, Job, Persistence, State
from hepalith.server.job.store import JobMovedError, JobStore
from hepalith.server.remote import Address
from hepalith.server.retention import Retention, sweep
from hepalith.server.worker import Ending, Reader, Reading, try_lock

__all__ = ["Listener", "Plan", "retry"]

log = logging.getLogger(__name__)

TICK_S: Final = 0.5
"""How often each part looks whether there is something to do; a look costs a fifth of a millisecond."""

TROUBLE_S: Final = 2.0
"""Pause after the store could not be written: a full disk does not get empty sooner by asking more often."""

SWEEP_EVERY_S: Final = 600.0
"""How often is looked for what was kept long enough; retention counts in days."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a listener does with what comes in.

    Parameters
    ----------
    data
        Folder of everything that it keeps.
    quiet_s
        Seconds without a new image after which a study is complete.
    addresses
        Archives that results are sent to.
    """

    data: Path
    reader: Reader
    readable: Readable = field(default_factory=Readable)
    quiet_s: float = 10.0
    addresses: tuple[Address, ...] = ()
    retention: Retention = field(default_factory=Retention)
    persistence: Persistence = field(default_factory=Persistence)
    tick_s: float = TICK_S


class Listener:
    """Takes studies from a receiver, has them read, and sends the results. A context manager.

    Parameters
    ----------
    connect
        Makes the archive of an address.

    Raises
    ------
    hepalith.errors.UsageError
        If another listener works in the same folder.
    hepalith.errors.OutputError
        If the folder or its store cannot be used, or holds what is not a listener's.
    """

    def __init__(self, plan: Plan, connect: Connect) -> None:
        self.plan = plan
        self.data = DataFolder(plan.data)
        self._stop = threading.Event()
        self._remotes = tuple(connect(address) for address in plan.addresses)
        self._threads: list[threading.Thread] = []
        try:
            foreign = self.data.foreign()
            if foreign:
                raise OutputExistsError(
                    f"{plan.data} holds {foreign}, which is not a listener's; choose another --data"
                )
            self.data.make()
            self._lock = os.open(self.data.lock, os.O_RDWR | os.O_CREAT, 0o600)
        except HepalithError:
            raise  # one is an OSError too
        except OSError as error:
            raise OutputError(
                f"{plan.data} cannot be written ({error.strerror}); choose another --data"
            ) from error
        if not try_lock(self._lock):
            os.close(self._lock)
            raise UsageError(f"another hepalith listens in {plan.data}; stop it, or give another --data")
        try:
            self.store = JobStore(self.data.store)
            self.store.number_above(max(self.data.job_folders(), default=0))
        except HepalithError:
            os.close(self._lock)
            raise
        self.intake = Intake(self.store, self.data, plan.readable, quiet_s=plan.quiet_s)

    def __enter__(self) -> Self:
        """Take up what was left, and begin to read and send."""
        self._take_up()
        for name, work in (("reader", self._read_next), ("sender", self._send_next)):
            thread = threading.Thread(target=self._repeat, args=(work,), name=f"hepalith-{name}")
            thread.start()
            self._threads.append(thread)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop: the reader is ended and its job goes back; what is being sent is finished."""
        self.stop()
        for thread in self._threads:
            thread.join()
        self.store.close()
        os.close(self._lock)

    @property
    def callbacks(self) -> Callbacks:
        """What a receiver is to call. It serves each association in a thread of its own, which names it."""
        return Callbacks(
            landed=lambda study, series, instance, path, size: self.intake.landed(  # noqa: ARG005
                path, threading.get_ident()
            ),
            association_ended=lambda title, studies, aborted: self.intake.association_ended(  # noqa: ARG005
                threading.get_ident()
            ),
        )

    # What goes on

    def stop(self) -> None:
        """Ask everything to end."""
        self._stop.set()

    def run(self, *, once: bool = False) -> None:
        """Look after what comes in until `stop`; with `once` until all that came is done or failed."""
        swept_at = -SWEEP_EVERY_S
        while not self._stop.is_set():
            with self._trouble_told():
                self.intake.settle()
                if time.monotonic() - swept_at >= SWEEP_EVERY_S:
                    sweep(self.store, self.data, self.intake, self.plan.retention)
                    swept_at = time.monotonic()
                if once and self.is_all_done:
                    return
            self._stop.wait(self.plan.tick_s)

    @property
    def is_all_done(self) -> bool:
        """Whether something came, and everything that came is done or failed."""
        jobs = self.store.jobs()
        return bool(jobs) and self.intake.is_idle and all(job.state in ENDED for job in jobs)

    def _repeat(self, work: Callable[[], bool]) -> None:
        """Do a kind of work for as long as there is any, then look again from time to time."""
        while not self._stop.is_set():
            did = False
            with self._trouble_told():
                did = work()
            if not did:
                self._stop.wait(self.plan.tick_s)

    @contextlib.contextmanager
    def _trouble_told(self) -> Iterator[None]:
        """Go on after the disk was full or the store locked: nothing was changed, and it is tried again."""
        try:
            yield
        except JobMovedError:
            pass  # somebody else moved it, which is as well
        except (sqlite3.Error, OSError) as error:
            log.warning("the folder of --data cannot be written now (%s); trying again", error)
            self._stop.wait(TROUBLE_S)

    def _take_up(self) -> None:
        """Find out where everything stood when the last listener ended."""
        for job in self.store.jobs(State.READING):
            lost = job.interrupted + 1
            if lost >= self.plan.persistence.interruptions:
                reason = f"the listener was ended {lost} times while it was read"
                self._move(job, State.FAILED, reason=reason, interrupted=lost)
            else:
                self._move(job, State.COMPLETE, reason="the listener was ended", interrupted=lost)
        self.intake.take_up()

    def _move(self, job: Job, state: State, **changes: Any) -> Job:
        """Take a job into its next state, and say so."""
        moved = self.store.move(job, state, **changes)
        level = logging.WARNING if state is State.FAILED else logging.INFO
        why = f": {moved.reason}" if moved.reason else ""
        log.log(level, "job %d: %s%s", job.id, moved.state, why)
        return moved

    # Reading

    def _read_next(self) -> bool:
        """Read the study that waits longest; return whether there was one."""
        job = self.store.due(State.COMPLETE)
        if job is None:
            return False
        folder = self.data.folder_of(job)
        if folder.count_input() != job.instances:  # a power cut took the links
            self.intake.reopen(job)
            return True
        job = self._move(job, State.READING)
        came = self._read(folder)
        while True:  # nobody else takes up a job that is being read
            try:
                self._after_reading(job, came)
            except sqlite3.Error as error:
                log.warning(
                    "job %d: %s, but that cannot be recorded now (%s)", job.id, came.ending.value, error
                )
                if self._stop.wait(TROUBLE_S):
                    return True
            else:
                return True

    def _read(self, folder: JobFolder) -> Reading:
        """Have a study read."""
        try:
            came = self.plan.reader.read(folder, self._stop)
            if came.ending is Ending.READ:
                folder.flush_reading()
        except OSError as error:
            reason = f"{folder.path.name}: {error.strerror or 'it cannot be written'}"
            return Reading(Ending.NO_ROOM, reason)
        except Exception as error:  # its text might hold a name
            return Reading(Ending.DIED, f"a bug of ours ({type(error).__name__}) in the listener")
        return came

    def _after_reading(self, job: Job, came: Reading) -> None:
        """Take a job where its reader leaves it."""
        again = self.plan.persistence
        if came.ending is Ending.READ:
            self._move(job, State.READ, reason=came.reason, attempts=0, tries=0, waiting_since=0.0)
        elif came.ending is Ending.STOPPED:
            self._move(job, State.COMPLETE, reason="the listener was stopped")
        elif came.ending is Ending.REFUSED:
            self._move(job, State.FAILED, reason=came.reason)
        elif came.ending is Ending.NO_ROOM:
            self._wait(job, State.COMPLETE, came.reason)
        elif job.attempts + 1 >= again.attempts:
            reason = f"{came.reason}; {job.attempts + 1} attempts"
            self._move(job, State.FAILED, reason=reason, attempts=job.attempts + 1)
        else:
            after = time.time() + again.pause(job.attempts + 1)
            self._move(job, State.COMPLETE, reason=came.reason, attempts=job.attempts + 1, not_before=after)

    def _wait(self, job: Job, state: State, reason: str) -> None:
        """Try a job again later, as what is in its way goes away by itself; not for ever."""
        again, now = self.plan.persistence, time.time()
        since = job.waiting_since or now
        if now - since > again.patience_s:
            self._move(job, State.FAILED, reason=f"{reason}; given up after {(now - since) / 3600:.0f} h")
            return
        after = now + again.pause(job.tries + 1)
        self._move(job, state, reason=reason, tries=job.tries + 1, waiting_since=since, not_before=after)

    # Sending

    def _send_next(self) -> bool:
        """Send what waits longest; return whether there was something."""
        job = self.store.due(State.READ, State.SENDING)
        if job is None:
            return False
        folder = self.data.folder_of(job)
        if not folder.is_read:
            self._move(job, State.FAILED, reason="its reading is gone from the folder of --data")
            return True
        try:
            if job.state is State.READ:
                job = self._start_sending(job, folder)
            if job.state is State.SENDING:
                self._after_sending(job, deliver(job, folder, self.store, self._remotes, self._stop))
        except (JobMovedError, sqlite3.Error, OSError):
            raise
        except Exception as error:  # its text might hold a name
            self._move(job, State.FAILED, reason=f"a bug of ours ({type(error).__name__}) while it was sent")
        return True

    def _said_by_reader(self, job: Job) -> str:
        """Return why a reading answers nothing; empty where it does."""
        read = (step.reason for step in self.store.steps(job) if step.before is State.READING)
        return list(read)[-1]

    def _start_sending(self, job: Job, folder: JobFolder) -> Job:
        """Note what is to be sent; a job that has nothing to send, or nowhere, is done."""
        planned = plan_deliveries(job, folder, self.plan.addresses, may_be_there=job.generation > 1)
        if not planned:
            return self._move(job, State.DONE, reason=job.reason)
        job = self.store.start_sending(job, planned)
        log.info("job %d: %s, %d files", job.id, job.state, len(planned))
        return job

    def _after_sending(self, job: Job, sent: Sent) -> None:
        """Take a job where its sender leaves it."""
        if not sent.reason:
            self._move(job, State.DONE, reason=self._said_by_reader(job), tries=0, waiting_since=0.0)
        elif self._stop.is_set():
            pass  # it stays where it is, and the next listener takes it up
        elif sent.is_away:
            self._wait(job, State.SENDING, sent.reason)
        elif job.attempts + 1 >= self.plan.persistence.refusals:
            self._move(job, State.FAILED, reason=sent.reason, attempts=job.attempts + 1)
        else:
            after = time.time() + self.plan.persistence.pause(job.attempts + 1)
            self._move(job, State.SENDING, reason=sent.reason, attempts=job.attempts + 1, not_before=after)


def retry(store: JobStore, data: DataFolder, job: Job) -> Job:
    """Try a failed job again from where it failed: sent again where it was read, else read again.

    Raises
    ------
    hepalith.errors.UsageError
        If it did not fail, or what it needs was deleted.
    """
    if job.state is not State.FAILED:
        raise UsageError(f"job {job.id} is {job.state}; only a failed one is tried again")
    folder = data.folder_of(job)
    if folder.is_read:
        state = State.READ
    elif folder.count_input():
        state = State.COMPLETE
    else:
        raise UsageError(f"the images of job {job.id} were deleted; send the study again")
    return store.move(job, state, reason="tried again", attempts=0, interrupted=0, tries=0, waiting_since=0.0)
