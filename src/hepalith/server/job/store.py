"""The jobs of a listener, in an embedded database that outlives it at any moment.

Every change of state is one transaction, written through to the disk before it counts (SQLite, write-ahead
log, ``synchronous=FULL``): what was said to be done is done after a power cut too. Another process may look
and change meanwhile (``hepalith listen --status``, ``--retry``).
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from hepalith.errors import OutputError, UsageError
from hepalith.server.job.job import NEXT, Delivery, Job, State, Step

__all__ = ["JobMovedError", "JobStore"]

SCHEMA_VERSION = 1
"""Version of the tables below, in the file's ``user_version``."""

TABLES = """
CREATE TABLE job (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    study_uid TEXT NOT NULL,
    generation INTEGER NOT NULL,
    state TEXT NOT NULL,
    reason TEXT NOT NULL DEFAULT '',
    instances INTEGER NOT NULL DEFAULT 0,
    attempts INTEGER NOT NULL DEFAULT 0,
    interrupted INTEGER NOT NULL DEFAULT 0,
    tries INTEGER NOT NULL DEFAULT 0,
    not_before REAL NOT NULL DEFAULT 0,
    waiting_since REAL NOT NULL DEFAULT 0,
    created_at REAL NOT NULL,
    changed_at REAL NOT NULL,
    swept_at REAL NOT NULL DEFAULT 0,
    UNIQUE (study_uid, generation)
) STRICT;
CREATE INDEX job_by_state ON job (state, not_before);
CREATE TABLE step (
    job INTEGER NOT NULL REFERENCES job (id),
    at REAL NOT NULL,
    before TEXT NOT NULL,
    after TEXT NOT NULL,
    reason TEXT NOT NULL
) STRICT;
CREATE INDEX step_by_job ON step (job);
CREATE TABLE delivery (
    job INTEGER NOT NULL REFERENCES job (id),
    address TEXT NOT NULL,
    file TEXT NOT NULL,
    study_uid TEXT NOT NULL,
    series_uid TEXT NOT NULL,
    sop_instance_uid TEXT NOT NULL,
    begun INTEGER NOT NULL DEFAULT 0,
    is_sent INTEGER NOT NULL DEFAULT 0,
    reason TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (job, address, file)
) STRICT;
"""
"""Jobs, every step they took, and their deliveries. No table holds a name, number or date of a patient."""

PATIENCE_S = 30.0
"""How long one process waits for another's transaction; ours last milliseconds."""

CHANGEABLE = frozenset(
    {"reason", "instances", "attempts", "interrupted", "tries", "not_before", "waiting_since"}
)
"""Columns that a step may set besides the state."""


class JobMovedError(RuntimeError):
    """A job was no longer in the state from which it was to be moved: somebody else moved it."""


class JobStore:
    """The jobs of one data folder. May be used from several threads.

    Parameters
    ----------
    path
        The database; made where it is absent, readable by its owner alone.
    clock
        Seconds since 1970.

    Raises
    ------
    hepalith.errors.OutputError
        If the file cannot be opened or is no database.
    hepalith.errors.UsageError
        If a later version wrote it.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self.path = path
        self._clock = clock
        self._lock = threading.RLock()
        try:
            path.touch(mode=0o600)
            self._database = sqlite3.connect(
                path, timeout=PATIENCE_S, isolation_level=None, check_same_thread=False
            )
            self._database.row_factory = sqlite3.Row
        except (OSError, sqlite3.Error) as error:
            raise OutputError(f"{path} cannot be opened ({error}); check the folder of --data") from error
        try:
            self._prepare()
        except sqlite3.Error as error:
            self._database.close()
            raise OutputError(
                f"{path} is no database of jobs, or damaged ({error}); move it aside and start again: "
                "the images in the folder are then taken up anew"
            ) from error
        except UsageError:
            self._database.close()
            raise

    def _prepare(self) -> None:
        """Set how the file is written, and make its tables."""
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = FULL")
        self._database.execute("PRAGMA foreign_keys = ON")
        said = self._database.execute("PRAGMA quick_check(1)").fetchone()[0]
        if said != "ok":
            raise sqlite3.DatabaseError("its pages do not hold together")
        with self._transaction():
            version = self._database.execute("PRAGMA user_version").fetchone()[0]
            if version > SCHEMA_VERSION:
                raise UsageError(
                    f"{self.path} was written by a later hepalith (schema {version}, this one knows "
                    f"{SCHEMA_VERSION}); start that one"
                )
            if version == 0:
                for statement in TABLES.split(";"):
                    self._database.execute(statement)
                self._database.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
            for table in ("job", "step", "delivery"):  # another program's file may have our version
                self._database.execute(f"SELECT * FROM {table} LIMIT 0")  # noqa: S608 - our own names

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._database.close()

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        """Do everything within or nothing of it."""
        with self._lock:
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._database.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(sqlite3.Error):  # a full disk may have ended it already
                    self._database.execute("ROLLBACK")
                raise

    def _rows(self, statement: str, *values: object) -> list[sqlite3.Row]:
        """Return what a question gives."""
        with self._lock:
            return self._database.execute(statement, values).fetchall()

    # What there is

    def job(self, number: int) -> Job:
        """Return a job.

        Raises
        ------
        hepalith.errors.UsageError
            If there is none of that number.
        """
        rows = self._rows("SELECT * FROM job WHERE id = ?", number)
        if not rows:
            raise UsageError(f"{self.path.parent} has no job {number}; list them with --status")
        return job_of(rows[0])

    def jobs(self, *states: State) -> tuple[Job, ...]:
        """Return the jobs in some states, or all, oldest first."""
        marks = ",".join("?" * len(states))
        where = f"WHERE state IN ({marks})" if states else ""
        return tuple(job_of(row) for row in self._rows(f"SELECT * FROM job {where} ORDER BY id", *states))  # noqa: S608 - question marks only

    def kept(self) -> tuple[Job, ...]:
        """Return the jobs that ended and of which images and readings are here."""
        rows = self._rows(
            "SELECT * FROM job WHERE state IN (?, ?) AND swept_at = 0 ORDER BY id", State.DONE, State.FAILED
        )
        return tuple(job_of(row) for row in rows)

    def latest(self, study_uid: str) -> Job | None:
        """Return the last generation of a study; None where it never came."""
        rows = self._rows("SELECT * FROM job WHERE study_uid = ? ORDER BY generation DESC LIMIT 1", study_uid)
        return job_of(rows[0]) if rows else None

    def generations(self, study_uid: str) -> tuple[Job, ...]:
        """Return every job of a study."""
        rows = self._rows("SELECT * FROM job WHERE study_uid = ? ORDER BY generation", study_uid)
        return tuple(job_of(row) for row in rows)

    def due(self, *states: State) -> Job | None:
        """Return the job that waits longest in one of some states and may be taken up now.

        One that was changed in the future is not waited for: the clock was set back since.
        """
        marks = ",".join("?" * len(states))
        rows = self._rows(
            f"SELECT * FROM job WHERE state IN ({marks}) AND (not_before <= ? OR changed_at > ?) "  # noqa: S608 - question marks only
            "ORDER BY not_before, id LIMIT 1",
            *states,
            now := self._clock(),
            now,
        )
        return job_of(rows[0]) if rows else None

    def steps(self, job: Job) -> tuple[Step, ...]:
        """Return every step of a job, in order."""
        rows = self._rows("SELECT * FROM step WHERE job = ? ORDER BY rowid", job.id)
        return tuple(
            Step(row["job"], row["at"], State(row["before"]), State(row["after"]), row["reason"])
            for row in rows
        )

    def deliveries(self, job: Job) -> tuple[Delivery, ...]:
        """Return what a job sends, and how far that is."""
        rows = self._rows("SELECT * FROM delivery WHERE job = ? ORDER BY rowid", job.id)
        return tuple(Delivery(**{**dict(row), "is_sent": bool(row["is_sent"])}) for row in rows)

    # What happens

    def number_above(self, number: int) -> None:
        """Give new jobs higher numbers than one: their folders are named by them."""
        with self._transaction():
            self._database.execute(
                "INSERT INTO sqlite_sequence (name, seq) SELECT 'job', 0 "
                "WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = 'job')"
            )
            self._database.execute(
                "UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = 'job'", (number,)
            )

    def receive(self, study_uid: str) -> Job:
        """Return the job that a study's images come into: one that waits for them, or its next generation.

        A job that is complete, but that no reader took yet, is opened again.
        """
        with self._transaction():
            last = self.latest(study_uid)
            if last is not None and last.state is State.RECEIVING:
                return last
            if last is not None and last.state is State.COMPLETE and last.attempts == last.interrupted == 0:
                return self._move(last, State.RECEIVING, {"reason": "another image came"})
            now, generation = self._clock(), 1 if last is None else last.generation + 1
            self._database.execute(
                "INSERT INTO job (study_uid, generation, state, created_at, changed_at) "
                "VALUES (?, ?, ?, ?, ?)",
                (study_uid, generation, State.RECEIVING, now, now),
            )
            made = self.latest(study_uid)
            if made is None:
                raise RuntimeError("a job that was just made is not there")
            return made

    def move(self, job: Job, state: State, **changes: Any) -> Job:
        """Take a job into its next state, and return it as it is then.

        Parameters
        ----------
        changes
            Columns of `CHANGEABLE`. The reason is emptied, and its wait ended, where none is given.

        Raises
        ------
        JobMovedError
            If the job is no longer in the state that `job` says.
        ValueError
            If `NEXT` knows no such step.
        """
        with self._transaction():
            return self._move(job, state, changes)

    def _move(self, job: Job, state: State, changes: dict[str, Any]) -> Job:
        """Take one step within a transaction."""
        if state not in NEXT[job.state]:
            raise ValueError(f"no step leads from {job.state} to {state}")
        if unknown := set(changes) - CHANGEABLE:
            raise ValueError(f"a step does not set {', '.join(sorted(unknown))}")
        now = self._clock()
        values = {"reason": "", "not_before": 0.0, **changes, "state": state, "changed_at": now}
        named = ", ".join(f"{column} = ?" for column in values)
        done = self._database.execute(
            f"UPDATE job SET {named} WHERE id = ? AND state = ?",  # noqa: S608 - our own columns
            (*values.values(), job.id, job.state),
        )
        if done.rowcount != 1:
            raise JobMovedError(f"job {job.id} is no longer {job.state}")
        self._database.execute(
            "INSERT INTO step VALUES (?, ?, ?, ?, ?)", (job.id, now, job.state, state, values["reason"])
        )
        return self.job(job.id)

    def start_sending(self, job: Job, deliveries: Iterable[Delivery]) -> Job:
        """Take a job that was read to sending, with everything that is to be sent.

        What was sent before, when it was tried the first time, stays sent.
        """
        with self._transaction():
            for one in deliveries:
                self._database.execute(
                    "INSERT INTO delivery "
                    "(job, address, file, study_uid, series_uid, sop_instance_uid, begun) "
                    "VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                    (
                        job.id, one.address, one.file, one.study_uid, one.series_uid,
                        one.sop_instance_uid, one.begun,
                    ),
                )  # fmt: skip
            return self._move(job, State.SENDING, {"tries": 0, "waiting_since": 0.0})

    def begin_delivery(self, *deliveries: Delivery) -> None:
        """Note that files are about to be sent: from now on the archive may hold them."""
        self._settle(deliveries, "begun = begun + 1")

    def end_delivery(self, delivery: Delivery, *, is_sent: bool, reason: str = "") -> None:
        """Note what the archive said of a file."""
        self._settle((delivery,), "is_sent = ?, reason = ?", int(is_sent), reason)

    def _settle(self, deliveries: Iterable[Delivery], change: str, *values: object) -> None:
        with self._transaction():
            for one in deliveries:
                self._database.execute(
                    f"UPDATE delivery SET {change} WHERE job = ? AND address = ? AND file = ?",  # noqa: S608 - our own text
                    (*values, one.job, one.address, one.file),
                )

    def mark_swept(self, job: Job) -> None:
        """Note that the images and the reading of a job were deleted."""
        with self._transaction():
            self._database.execute("UPDATE job SET swept_at = ? WHERE id = ?", (self._clock(), job.id))


def job_of(row: sqlite3.Row) -> Job:
    """Return the job of a row."""
    held = {field.name: row[field.name] for field in fields(Job)}
    return Job(**{**held, "state": State(held["state"])})
