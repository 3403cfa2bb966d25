"""Where a listener keeps everything: images that came in, and for each job what was read of them.

::

    DIR/jobs.sqlite                    the jobs
    DIR/incoming/STUDY/INSTANCE.dcm    images as they came in
    DIR/jobs/000001/input/             its images: links to those that came in when it was complete
    DIR/jobs/000001/reading/           its reading folder
    DIR/jobs/000001/reader.txt         what the reader complained of
    DIR/jobs/000001/hepalith-trace-*   where it ended by a bug of ours, the trace of it
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from hepalith.server.job.job import Job

__all__ = ["DataFolder", "JobFolder", "flush_folder"]


TRACES = "hepalith-trace-*.txt"
"""Names of the traces that `hepalith.cli.failure` leaves in a temporary folder."""


@dataclass(frozen=True, slots=True)
class JobFolder:
    """The folder of one job."""

    path: Path

    @property
    def input(self) -> Path:
        """The images that are read: one generation's, unchanged whatever comes in later."""
        return self.path / "input"

    @property
    def reading(self) -> Path:
        """The reading folder; it appears whole."""
        return self.path / "reading"

    @property
    def lock(self) -> Path:
        """Held by a reader for as long as it lives, also where the listener that started it does not."""
        return self.path / "reader.lock"

    @property
    def complaint(self) -> Path:
        """What the reader wrote to stderr."""
        return self.path / "reader.txt"

    @property
    def scratch(self) -> Path:
        """Temporary files of the reader."""
        return self.path / "scratch"

    @property
    def is_read(self) -> bool:
        """Whether the reading is there."""
        return (self.reading / "reading.json").is_file()

    def seal(self, images: Iterable[Path]) -> int:
        """Link the images that are to be read into the folder; return how many.

        The links are made in a folder of another name first: `input` is there whole or not at all.
        """
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        made = self.path / "input.part"
        shutil.rmtree(made, ignore_errors=True)
        shutil.rmtree(self.input, ignore_errors=True)
        made.mkdir()
        count = 0
        for image in images:
            link_or_copy(image, made / image.name)
            count += 1
        flush_folder(made)
        made.rename(self.input)
        flush_folder(self.path)
        flush_folder(self.path.parent)
        return count

    def count_input(self) -> int:
        """Return how many images are sealed."""
        try:
            return sum(1 for _ in self.input.iterdir())
        except FileNotFoundError:
            return 0

    def clear_leftovers(self) -> None:
        """Delete what a reader left behind; its reading and the traces of bugs, where there are any, stay."""
        for trace in self.scratch.glob(TRACES):
            trace.replace(self.path / trace.name)
        shutil.rmtree(self.scratch, ignore_errors=True)
        for part in self.path.glob(f".{self.reading.name}.*"):
            shutil.rmtree(part, ignore_errors=True)

    def flush_reading(self) -> None:
        """Write the reading through to the disk, so that a power cut leaves none of it empty."""
        for file in self.reading.iterdir():
            flush_file(file)
        flush_folder(self.reading)
        flush_folder(self.path)


@dataclass(frozen=True, slots=True)
class DataFolder:
    """The folder of ``--data``."""

    path: Path

    @property
    def store(self) -> Path:
        """The database of jobs."""
        return self.path / "jobs.sqlite"

    @property
    def lock(self) -> Path:
        """Held by the listener that works here."""
        return self.path / "listener.lock"

    @property
    def incoming(self) -> Path:
        """Where images are received."""
        return self.path / "incoming"

    def folder_of(self, job: Job) -> JobFolder:
        """Return the folder of a job."""
        return JobFolder(self.path / "jobs" / f"{job.id:06d}")

    def foreign(self) -> str:
        """Return the name of something here that is not a listener's; nothing where one worked before.

        Hidden names are let be: the folder may be the home of the user that the listener runs as. So is a
        store that was moved aside because it was damaged.
        """
        if self.store.exists() or not self.path.is_dir():
            return ""
        ours = {self.lock.name, self.incoming.name, "jobs", "lost+found"}
        held = sorted(one.name for one in self.path.iterdir() if not one.name.startswith("."))
        return next((n for n in held if n not in ours and not n.startswith(self.store.name)), "")

    def job_folders(self) -> dict[int, Path]:
        """Return the folders of jobs that are here, by number; also of jobs that a lost store knew."""
        try:
            return {int(one.name): one for one in (self.path / "jobs").iterdir() if one.name.isdecimal()}
        except FileNotFoundError:
            return {}

    def make(self) -> None:
        """Make the folders, which only their owner may enter: they hold images of patients."""
        for folder in (self.path, self.incoming, self.path / "jobs"):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def study_folder(self, study_uid: str) -> Path:
        """Return where the images of a study are received."""
        return self.incoming / study_uid

    def studies(self) -> list[str]:
        """Return the studies of which images are here."""
        folders = (one for one in self.incoming.iterdir() if one.is_dir())
        return sorted(one.name for one in folders if not one.name.startswith("."))

    def images(self, study_uid: str) -> list[Path]:
        """Return the images of a study that are here, by name."""
        try:
            return sorted(self.study_folder(study_uid).glob("*.dcm"))
        except FileNotFoundError:
            return []


def link_or_copy(image: Path, to: Path) -> None:
    """Give a file a second name; a copy where the file system has no links."""
    try:
        to.hardlink_to(image)
    except FileExistsError:
        raise
    except OSError:
        shutil.copyfile(image, to)
        flush_file(to)


def flush_file(file: Path) -> None:
    """Write a file through to the disk."""
    descriptor = os.open(file, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def flush_folder(folder: Path) -> None:
    """Write the names in a folder through to the disk."""
    with contextlib.suppress(OSError):  # some file systems cannot, and need not
        flush_file(folder)
