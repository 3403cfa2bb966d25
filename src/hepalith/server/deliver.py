"""Results go back to the archives: each file once to each.

That a file is about to be sent is written down first. After a cut in between nobody can say whether the
archive took it: then the archive is asked, and the file is sent again only where it does not have it. Its
UID follows from the reading, so that even an archive that does not answer such questions holds it once.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Final

from pydicom import dcmread

from hepalith.errors import HepalithError
from hepalith.server.job.folder import JobFolder
from hepalith.server.job.job import Delivery, Job
from hepalith.server.job.store import JobStore
from hepalith.server.remote import Address, Remote

__all__ = ["Connect", "Sent", "deliver", "plan_deliveries"]

log = logging.getLogger(__name__)

FIRST: Final = "segmentation.dcm"
"""Sent before the others: the measurement report refers to it."""

Connect = Callable[[Address], Remote]
"""Makes the archive of an address."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What came of sending.

    Parameters
    ----------
    is_away
        Whether an archive could not be reached: it is tried again for long.
    reason
        Why not everything is sent; empty where it is.
    """

    reason: str = ""
    is_away: bool = False


def plan_deliveries(
    job: Job, folder: JobFolder, addresses: Sequence[Address], *, may_be_there: bool
) -> tuple[Delivery, ...]:
    """Return what of a reading goes where: each DICOM file to each archive.

    Parameters
    ----------
    may_be_there
        Whether an earlier job of the study was read: with the same images it made the same objects, and
        the archive is asked for them before they are sent.
    """
    planned = []
    for path in sorted(folder.reading.glob("*.dcm"), key=lambda path: (path.name != FIRST, path.name)):
        header = dcmread(path, stop_before_pixels=True)
        planned += [
            Delivery(
                job.id,
                str(address),
                path.name,
                str(header.StudyInstanceUID),
                str(header.SeriesInstanceUID),
                str(header.SOPInstanceUID),
                int(may_be_there),
                is_sent=False,
                reason="",
            )
            for address in addresses
        ]
    return tuple(planned)


def deliver(
    job: Job, folder: JobFolder, store: JobStore, remotes: Sequence[Remote], stop: threading.Event
) -> Sent:
    """Send what of a job is not sent yet; archive by archive, as one may be away and another not."""
    by_address = {str(remote.address): remote for remote in remotes}
    waiting = sorted((d for d in store.deliveries(job) if not d.is_sent), key=lambda d: d.address)
    reasons: list[str] = []
    is_away = False
    for address, files in groupby(waiting, key=lambda d: d.address):
        if stop.is_set():
            return Sent("stopped", is_away=True)
        remote = by_address.get(address)
        if remote is None:
            reasons.append(f"{address} is no longer given with --send")
            continue
        try:
            reasons += send_to(remote, list(files), folder.reading, store)
        except (HepalithError, OSError) as error:
            reasons.append(" ".join(str(error).split()))
            is_away = True
    return Sent("; ".join(reasons), is_away)


def send_to(remote: Remote, files: Sequence[Delivery], reading: Path, store: JobStore) -> list[str]:
    """Send files to one archive; return why some were refused."""
    missing = []
    for one in files:
        if one.begun and remote.holds(one.study_uid, one.series_uid, one.sop_instance_uid):
            log.info("job %d: %s holds %s already", one.job, remote.address, one.file)
            store.end_delivery(one, is_sent=True, reason="it was there")
        else:
            missing.append(one)
    if not missing:
        return []
    store.begin_delivery(*missing)
    answers = remote.store([reading / one.file for one in missing])
    refused = []
    for one, answer in zip(missing, answers, strict=True):
        store.end_delivery(one, is_sent=answer.accepted, reason=answer.reason)
        if answer.accepted:
            log.info("job %d: %s took %s", one.job, remote.address, one.file)
        else:
            refused.append(f"{remote.address} refused {one.file}: {answer.reason}")
    return refused
