"""What is done is not kept for ever: images and readings go after some days, failed ones later.

The job itself stays, with its UIDs, times and reasons: a study that comes again is then known.
"""

from __future__ import annotations

import logging
import shutil
import time
from dataclasses import dataclass
from typing import Final

from hepalith.server.intake import Intake
from hepalith.server.job.folder import DataFolder
from hepalith.server.job.job import Job, State
from hepalith.server.job.store import JobStore

__all__ = ["Retention", "sweep"]

log = logging.getLogger(__name__)

DAY_S: Final = 86_400.0
"""Seconds of a day."""


@dataclass(frozen=True, slots=True)
class Retention:
    """How long images and readings are kept after the end of their job.

    Parameters
    ----------
    days
        After it is done: a week, so that what was sent can still be looked at beside what came.
    failed_days
        After it failed: a month, so that somebody has the time to look why.
    """

    days: float = 7.0
    failed_days: float = 30.0

    def is_over(self, job: Job, now: float) -> bool:
        """Return whether a job's images and reading may go."""
        if job.swept_at:
            return False
        days = {State.DONE: self.days, State.FAILED: self.failed_days}.get(job.state)
        return days is not None and now - job.changed_at >= days * DAY_S


def sweep(
    store: JobStore, data: DataFolder, intake: Intake, retention: Retention, now: float | None = None
) -> int:
    """Delete what was kept long enough; return of how many jobs.

    Images go first and the note that they are gone last: a sweep that is cut short is done again.
    """
    moment = time.time() if now is None else now
    gone = 0
    for job in store.kept():
        if retention.is_over(job, moment):
            intake.drop(job)
            shutil.rmtree(data.folder_of(job).path, ignore_errors=True)
            store.mark_swept(job)
            log.info("job %d: images and reading deleted, %s for long enough", job.id, job.state)
            gone += 1
    sweep_strays(store, data, intake, retention, moment)
    return gone


def sweep_strays(
    store: JobStore, data: DataFolder, intake: Intake, retention: Retention, moment: float
) -> None:
    """Delete what no job is ended for: folders of a store that was lost, what came after a study was deleted.

    What came late is our own results, for one, where an archive sends all it has; late images make a job.
    """
    known = {job.id for job in store.jobs()}
    for number, folder in data.job_folders().items():
        if number not in known and moment - folder.stat().st_mtime >= retention.failed_days * DAY_S:
            shutil.rmtree(folder, ignore_errors=True)
            log.info("the folder of job %d, which no store knows, was deleted", number)
    for study_uid in data.studies():
        last = store.latest(study_uid)
        came = (path.stat().st_mtime for path in data.images(study_uid))
        if last is not None and last.swept_at and moment - max(came, default=0.0) >= retention.days * DAY_S:
            intake.drop(last)
