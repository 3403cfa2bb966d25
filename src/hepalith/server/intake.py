"""Images come in, one by one and from several senders; studies that are complete go out.

A study is complete when no image of it came for a while and no association that brought one of its images
is open. What a sender says of their number is not believed: it counts what the archive has, or will have.
"""

from __future__ import annotations

import filecmp
import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pydicom import dcmread
from pydicom.errors import InvalidDicomError

from hepalith.server.job.folder import DataFolder
from hepalith.server.job.job import Job, State
from hepalith.server.job.store import JobStore
from hepalith.study.header import CT_CLASSES, SECONDARY_CAPTURE, US_CLASSES

__all__ = ["Intake", "Readable"]

log = logging.getLogger(__name__)

MODALITIES: Final = ("CT", "US")
"""What hepalith reads."""


MEDIA_STORAGE_SOP_CLASS: Final = b"\x02\x00\x02\x00UI"
"""Begins the SOP class in the file meta information, which is always little endian (DICOM PS3.10, 7.1)."""

HEAD: Final = 512
"""Bytes of a file that hold its SOP class: 132 before the first element, two short ones, and the UID."""

OURS: Final = "hepalith"
"""Manufacturer of what hepalith made; `hepalith.report.dicom.context.MAKER`, without its libraries, which a
receiver does without."""


@dataclass(frozen=True, slots=True)
class Readable:
    """Which objects are images to be read.

    Parameters
    ----------
    modality
        Read that alone; None: both. With ``"US"`` secondary captures are taken for ultrasound, as
        `hepalith read` does, except those that hepalith made itself.
    """

    modality: str | None = None

    def accepts(self, path: Path) -> bool:
        """Return whether an object is read. Results, ours above all, never are: reading those made more."""
        sop_class_uid = sop_class_of(path)
        if sop_class_uid in CT_CLASSES:
            return self.modality != "US"
        if sop_class_uid in US_CLASSES:
            return self.modality != "CT"
        if self.modality == "US" and sop_class_uid.startswith(SECONDARY_CAPTURE):
            return not is_ours(path)
        return False

    @property
    def wanted(self) -> str:
        """What is read, in words."""
        return self.modality or " or ".join(MODALITIES)


@dataclass(slots=True)
class Activity:
    """What is going on with a study that is coming in."""

    last: float
    open: set[Hashable] = field(default_factory=set)
    is_recorded: bool = False


class Intake:
    """Knows which studies are coming in, and makes jobs of those that are complete.

    Parameters
    ----------
    quiet_s
        Seconds without a new image after which a study is complete.
    clock
        Seconds that only go forward.
    """

    def __init__(
        self,
        store: JobStore,
        data: DataFolder,
        readable: Readable,
        *,
        quiet_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store, self._data, self._readable = store, data, readable
        self._quiet_s, self._clock = quiet_s, clock
        self._lock = threading.RLock()
        self._active: dict[str, Activity] = {}

    @property
    def is_idle(self) -> bool:
        """Whether nothing is coming in."""
        with self._lock:
            return not self._active

    def landed(self, image: Path, association: Hashable | None = None) -> None:
        """Take note of an image. Never raises: the image is on the disk, and is found there again.

        The first image of a study makes its job; those that follow cost nothing but the time of arrival.
        One that its last job has read already is a sender's repetition, and changes nothing.

        Parameters
        ----------
        image
            Where it lies whole.
        association
            The conversation that brought it; None where that is not known.
        """
        study_uid = image.parent.name
        with self._lock:
            active = self._active.get(study_uid)
            if active is None:
                if not self._is_news(study_uid, image):
                    return
                active = self._active[study_uid] = Activity(self._clock())
            active.last = self._clock()
            if association is not None:
                active.open.add(association)
            self._record(study_uid, active)

    def association_ended(self, association: Hashable) -> None:
        """Take note that a sender is done, or was cut off."""
        with self._lock:
            for active in self._active.values():
                if association in active.open:
                    active.open.remove(association)
                    active.last = self._clock()

    def _is_news(self, study_uid: str, image: Path) -> bool:
        """Return whether an image says that there is something to do."""
        try:
            last = self._store.latest(study_uid)
            if last is None or last.state is State.RECEIVING:
                return True
            sealed = self._data.folder_of(last).input / image.name
            if sealed.exists() and (last.state is not State.FAILED or is_same(sealed, image)):
                return False  # what of a failed study came again with other bytes may have been mended
            return self._is_image(image)
        except (OSError, sqlite3.Error):
            log.warning("study %s: the store cannot be asked now", study_uid)
            return True

    def _record(self, study_uid: str, active: Activity) -> None:
        """Have a job for a study, once; where the store cannot be written now, later."""
        if active.is_recorded:
            return
        try:
            job = self._store.receive(study_uid)
        except sqlite3.Error as error:
            log.warning("study %s: cannot be recorded yet (%s)", study_uid, error)
            return
        active.is_recorded = True
        log.info("job %d: %s, generation %d of study %s", job.id, job.state, job.generation, study_uid)

    def settle(self) -> list[Job]:
        """Make jobs of the studies that became complete, and return them."""
        settled = []
        with self._lock:
            for study_uid, active in list(self._active.items()):
                self._record(study_uid, active)
                if not active.is_recorded or active.open or self._clock() - active.last < self._quiet_s:
                    continue
                settled.append(self._complete(self._store.receive(study_uid)))
                del self._active[study_uid]
        return settled

    def _complete(self, job: Job) -> Job:
        """Seal what came in; a study without anything to read is done."""
        came = self._data.images(job.study_uid)
        images = [path for path in came if self._is_image(path)]
        if not came:
            return self._store.move(job, State.FAILED, reason="its files are gone from the incoming folder")
        if not images:
            why = f"nothing to read: none of its {len(came)} objects is {self._readable.wanted}"
            log.info("job %d: done, %s", job.id, why)
            return self._store.move(job, State.DONE, reason=why)
        count = self._data.folder_of(job).seal(images)
        log.info("job %d: complete, %d images", job.id, count)
        return self._store.move(job, State.COMPLETE, instances=count)

    def _is_image(self, path: Path) -> bool:
        """Return whether a file that came in is an image to be read."""
        return self._readable.accepts(path)

    def reopen(self, job: Job) -> None:
        """Let a complete job wait for its images once more: what was sealed of them is not all there."""
        with self._lock:
            self._store.move(job, State.RECEIVING, reason="its images were not all there")
            self._active.setdefault(job.study_uid, Activity(self._clock())).is_recorded = True

    def take_up(self) -> int:
        """Find what came in but was not recorded when the listener ended; return how many studies.

        Their time of quiet begins anew, as their senders may be at it still.
        """
        found = 0
        with self._lock:
            waiting = {job.study_uid for job in self._store.jobs(State.RECEIVING)}
            for study_uid in sorted(waiting | set(self._data.studies())):
                if study_uid in waiting or self._has_news(study_uid):
                    self._active[study_uid] = active = Activity(self._clock())
                    self._record(study_uid, active)
                    found += 1
        return found

    def _has_news(self, study_uid: str) -> bool:
        """Return whether images lie in a study's folder that its last job does not have."""
        last = self._store.latest(study_uid)
        came = self._data.images(study_uid)
        if last is None:
            return bool(came)
        folder = self._data.folder_of(last)
        fresh = [path for path in came if not (folder.input / path.name).exists()]
        return any(self._is_image(path) for path in fresh)

    def drop(self, job: Job) -> None:
        """Delete the images that a job has read; those that came later stay."""
        folder = self._data.folder_of(job)
        with self._lock:
            if job.study_uid in self._active:
                return
            later = [other for other in self._store.generations(job.study_uid) if not other.swept_at]
            if all(other.id == job.id for other in later):
                for path in self._data.images(job.study_uid):
                    if (folder.input / path.name).exists() or not self._is_image(path):
                        path.unlink(missing_ok=True)
                try:
                    self._data.study_folder(job.study_uid).rmdir()
                except OSError:  # something came meanwhile, or lies there that is not ours
                    log.debug("the folder of study %s is kept", job.study_uid)


def is_same(one: Path, other: Path) -> bool:
    """Return whether two files hold the same bytes."""
    return one.samefile(other) or filecmp.cmp(one, other, shallow=False)


def sop_class_of(path: Path) -> str:
    """Return the SOP class of a file; empty where it says none.

    It stands in the first bytes of what a receiver writes, where it is found in a hundredth of the time
    that a whole header takes.
    """
    try:
        with path.open("rb") as file:
            head = file.read(HEAD)
        at = head.index(MEDIA_STORAGE_SOP_CLASS) + len(MEDIA_STORAGE_SOP_CLASS)
        return (
            head[at + 2 : at + 2 + int.from_bytes(head[at : at + 2], "little")].decode("ascii").rstrip("\0 ")
        )
    except (OSError, ValueError):
        return ""


def is_ours(path: Path) -> bool:
    """Return whether hepalith made an object."""
    try:
        header = dcmread(path, stop_before_pixels=True, specific_tags=["Manufacturer"])
    except (InvalidDicomError, OSError, ValueError):
        return False
    return str(header.get("Manufacturer", "")) == OURS
