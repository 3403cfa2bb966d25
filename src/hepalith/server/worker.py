"""A reader: another process that reads one study, so that whatever happens to it happens to it alone.

It gives way to everything else on the machine, is the first to go where memory runs out, ends at a time
limit, and holds a lock for as long as it lives. A listener that was killed and started again finds by the
lock that a reader is still at work, and waits for it instead of reading a second time.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final

from pydicom import dcmread
from pydicom.errors import InvalidDicomError

from hepalith.server.job.folder import JobFolder

__all__ = ["Ending", "Reader", "Reading", "hide_identity", "read_command"]

log = logging.getLogger(__name__)

NICENESS: Final = 10
"""How far a reader gives way: half of what there is, so that receiving and sending never wait for it."""

FIRST_TO_GO: Final = 800
"""Added to the reader's badness where memory runs out (of 1000): the kernel ends it, not the receiver."""

LOOK_S: Final = 0.1
"""How often a reader is looked after."""

GRACE_S: Final = 5.0
"""Seconds that a reader has to tidy up when it is stopped; a reading hears SIGTERM within one."""

LONGEST_REASON: Final = 500
"""Characters of a reason that are kept."""

IDENTIFYING: Final = (
    "PatientName", "PatientID", "OtherPatientNames", "PatientBirthName", "PatientMotherBirthName",
    "PatientBirthDate", "AccessionNumber", "ReferringPhysicianName",
)  # fmt: skip
"""What of a header must not stand in a log."""


class Ending(Enum):
    """How a reader ended."""

    READ = "read"
    """The reading is there."""
    REFUSED = "refused"
    """The study cannot be read, now or later."""
    NO_ROOM = "no room"
    """The reading could not be written; later it may."""
    DIED = "died"
    """A bug, a signal, the time limit: another attempt may go better."""
    STOPPED = "stopped"
    """We stopped it."""


STATUSES: Final = {0: Ending.READ, 4: Ending.READ, 2: Ending.REFUSED, 3: Ending.REFUSED, 5: Ending.NO_ROOM}
"""What the exit statuses of `hepalith read` say; 4 is a reading that says why it answers nothing."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What came of a reader."""

    ending: Ending
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Reader:
    """How studies are read.

    Parameters
    ----------
    command
        What is run; ``{input}`` and ``{out}`` stand for the two folders.
    limit_s
        Seconds that a reading may take.
    """

    command: tuple[str, ...]
    limit_s: float
    niceness: int = NICENESS

    def read(self, folder: JobFolder, stop: threading.Event) -> Reading:
        """Read the images of a job into its reading folder; where that is there already, nothing is done."""
        with self._only_reader(folder, stop) as lock:
            if lock is None:
                return Reading(Ending.STOPPED)
            if folder.is_read and is_of_this_boot(lock):
                return Reading(Ending.READ)
            folder.clear_leftovers()
            shutil.rmtree(folder.reading, ignore_errors=True)
            folder.scratch.mkdir(mode=0o700)
            try:
                return self._run(folder, lock, stop)
            finally:
                folder.clear_leftovers()

    @contextlib.contextmanager
    def _only_reader(self, folder: JobFolder, stop: threading.Event) -> Iterator[int | None]:
        """Hold the lock of a job's reader; wait for one that is at work still. None where we are to stop."""
        descriptor = os.open(folder.lock, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            until = time.monotonic() + self.limit_s
            while not try_lock(descriptor):
                if time.monotonic() > until:
                    kill_left_over(descriptor)
                if stop.wait(LOOK_S):
                    yield None
                    return
            yield descriptor
        finally:
            os.close(descriptor)

    def _run(self, folder: JobFolder, lock: int, stop: threading.Event) -> Reading:
        """Run the command until it ends, is too slow, or is stopped."""
        command = [
            part.replace("{input}", str(folder.input)).replace("{out}", str(folder.reading))
            for part in self.command
        ]
        note_reader(lock, 0)  # whatever ends us before its number is known, its reading is of this boot
        with folder.complaint.open("wb") as complaint:
            folder.complaint.chmod(0o600)
            process = subprocess.Popen(  # noqa: S603 - our own command
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=complaint,
                env={**os.environ, "TMPDIR": str(folder.scratch)},
                pass_fds=(lock,),
                start_new_session=True,
            )
        note_reader(lock, process.pid)
        step_back(process.pid, self.niceness)
        ending = wait_for(process, time.monotonic() + self.limit_s, stop)
        if ending is Ending.STOPPED:
            return Reading(ending)
        status = process.returncode
        if folder.is_read:  # whole, whatever happened to the process afterwards
            return Reading(Ending.READ, self._complaint(folder) if status == 4 else "")
        if ending is not None:
            return Reading(ending, f"the reading took longer than {self.limit_s:g} s and was stopped")
        if status < 0:
            how = signal.Signals(-status).name
            hint = " (out of memory?)" if -status == signal.SIGKILL else ""
            return Reading(Ending.DIED, f"the reader was ended by {how}{hint}")
        said = self._complaint(folder) or f"the reader ended with status {status} and said nothing"
        return Reading(STATUSES.get(status, Ending.DIED) if status else Ending.DIED, said)

    @staticmethod
    def _complaint(folder: JobFolder) -> str:
        """Return the last line that the reader wrote, without anything that names the patient."""
        lines = folder.complaint.read_text(encoding="utf-8", errors="replace").split("\n")
        said = next((line.strip() for line in reversed(lines) if line.strip()), "")
        said = said.removeprefix("hepalith: ").replace(str(folder.scratch), folder.path.name)
        said = said.replace(str(folder.path), folder.path.name)
        return hide_identity(said, folder.input)[:LONGEST_REASON]


def read_command(options: Sequence[str]) -> tuple[str, ...]:
    """Return the command that reads a study with some options of `hepalith read`."""
    return (sys.executable, "-m", "hepalith", "read", "{input}", "--out", "{out}", *options)


def wait_for(process: subprocess.Popen[bytes], until: float, stop: threading.Event) -> Ending | None:
    """Wait until a process ends; end it where it is too slow (`DIED`) or we are to stop (`STOPPED`)."""
    while True:
        try:
            process.wait(LOOK_S)
        except subprocess.TimeoutExpired:
            pass
        else:
            return None
        if stop.is_set():
            end(process)
            return Ending.STOPPED
        if time.monotonic() > until:
            end(process)
            return Ending.DIED


def end(process: subprocess.Popen[bytes]) -> None:
    """End a process and all that it started: kindly, then not."""
    for how in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, how)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(GRACE_S)
            return
    process.wait()


def step_back(pid: int, niceness: int) -> None:
    """Let a process give way to others, in time and in memory."""
    with contextlib.suppress(OSError):  # it may have ended already
        os.setpriority(os.PRIO_PROCESS, pid, niceness)
    with contextlib.suppress(OSError):  # other systems have no such file
        Path(f"/proc/{pid}/oom_score_adj").write_text(str(FIRST_TO_GO), encoding="ascii")


def try_lock(descriptor: int) -> bool:
    """Take the lock of an open file if nobody holds it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def started_at(pid: int) -> int:
    """Return when a process started, in ticks since the machine did; 0 where that is not known.

    With it a number that was given to another process later is told from the one that we meant.
    """
    try:
        said = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        return int(said.rpartition(")")[2].split()[19])  # field 22 of proc_pid_stat(5)
    except (OSError, ValueError, IndexError):
        return 0


def boot() -> str:
    """Return what tells this run of the machine from another; ``?`` where it does not say."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return "?"


def note_reader(lock: int, pid: int) -> None:
    """Write into the lock which process holds it (0: not known yet), and in which run of the machine."""
    began = started_at(pid) if pid else 0
    os.pwrite(lock, f"{pid:>20} {began:>20} {boot()}\n".encode(), 0)


def is_of_this_boot(lock: int) -> bool:
    """Return whether the last reader worked since the machine started.

    What an earlier one left may be hollow: names survive a power cut that contents do not.
    """
    return os.pread(lock, 128, 0).split()[2:] == [boot().encode()]


def kill_left_over(lock: int) -> None:
    """End a reader that an earlier listener left and that outlived its time."""
    said = os.pread(lock, 128, 0).split()
    if len(said) != 3:
        return
    pid, began = int(said[0]), int(said[1])
    if began and started_at(pid) == began:
        log.warning("the reader %d, left over from before, is too slow and is ended", pid)
        with contextlib.suppress(OSError):
            os.killpg(pid, signal.SIGKILL)


def hide_identity(text: str, images: Path) -> str:
    """Return a sentence without anything that the headers of some images say of the patient.

    An error of a library may quote a header; what is kept as a reason must not.
    """
    said: set[str] = set()
    for image in list(images.glob("*.dcm"))[:3]:  # all are of one patient
        try:
            header = dcmread(image, stop_before_pixels=True, specific_tags=list(IDENTIFYING), force=True)
        except (InvalidDicomError, OSError, ValueError):
            continue
        for keyword in IDENTIFYING:
            value = str(header.get(keyword, "") or "")
            said |= {value, *value.replace("^", " ").replace("=", " ").split()}
    telling = (word for word in said if len(word) > 2 or (word and not word.isascii()))
    for word in sorted(telling, key=len, reverse=True):  # a Chinese name has a letter or two
        text = re.sub(re.escape(word), "(hidden)", text, flags=re.IGNORECASE)
    return text
