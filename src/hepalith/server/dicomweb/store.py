"""Sending files over DICOMweb: in batches, and believing an archive only where it names what it stored.

References
----------
DICOM PS3.18, 10.5 (store), PS3.3, C.12 and PS3.4, B.2.3 (reasons of failure).
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError
from pydicom.filereader import read_partial
from pydicom.tag import BaseTag

from hepalith.errors import DeliveryError, FetchError
from hepalith.server.dicomweb.find import DICOM_JSON, Entry, first, parse_answer, values, whole
from hepalith.server.dicomweb.http import Answer, Http, refusal
from hepalith.server.dicomweb.multipart import FileBody
from hepalith.server.remote import Stored

__all__ = ["Named", "name_file", "send_files"]

BATCH_BYTES = 1 << 26
"""Bytes sent in one message, unless one file is larger: many archives hold one in memory. Our judgement."""

BATCH_FILES = 200
"""Files sent in one message; an answer names each. Our judgement."""

REASONS = {
    0x0110: "it could not process it",
    0x0122: "it does not take this kind of object",
    0x0124: "we are not allowed to",
    0x0117: "its UID is none",
    0xA700: "it has no room left",
    0xA900: "it does not fit its kind of object",
    0xC000: "it does not understand it",
    0xC122: "it does not take this compression",
}
"""Failure Reason (0008,1197) in words (DICOM PS3.18, table 10.5.3-3; PS3.4, table B.2-1)."""

INSTANCE_UID = BaseTag(0x00080018)
STUDY_UID = BaseTag(0x0020000D)
SERIES_UID = BaseTag(0x0020000E)


@dataclass(frozen=True, slots=True)
class Named:
    """A DICOM file and which instance it holds."""

    path: Path
    study_uid: str
    series_uid: str
    sop_instance_uid: str
    size: int


def name_file(path: Path) -> Named:
    """Return which instance a DICOM file holds.

    Raises
    ------
    FetchError
        If it is no DICOM file.
    """
    try:
        with path.open("rb") as file:
            head = read_partial(
                file,
                stop_when=lambda tag, _vr, _length: tag > SERIES_UID,
                specific_tags=[INSTANCE_UID, STUDY_UID, SERIES_UID],
            )
        study, series, instance = (stored_uid(head, tag) for tag in (STUDY_UID, SERIES_UID, INSTANCE_UID))
        size = path.stat().st_size
    except (InvalidDicomError, ValueError, EOFError, KeyError, NotImplementedError) as error:
        raise FetchError(f"{path.name} is no complete DICOM file") from error
    if not (study and instance):
        raise FetchError(f"{path.name} is no complete DICOM file")
    return Named(path, study, series, instance, size)


def stored_uid(head: Dataset, tag: BaseTag) -> str:
    """Return a UID as it stands in the file, right or wrong; empty where there is none."""
    if tag not in head:
        return ""
    value = head.get_item(tag).value
    text = value.decode("ascii", "replace") if isinstance(value, bytes) else str(value or "")
    return text.strip("\0 ")


def send_files(
    http: Http, files: Sequence[Path], holds: Callable[[str, str, str], bool | None]
) -> tuple[Stored, ...]:
    """Send files; one answer each, in order.

    Sent twice, an instance is still held once, so a message that broke off is sent again.

    Parameters
    ----------
    holds
        Asks the archive for an instance (study, series, instance), where its answer does not name it.

    Raises
    ------
    DeliveryError
        If nothing could be sent at all.
    """
    said: dict[Path, Stored] = {}
    good: list[Named] = []
    for path in files:
        try:
            good.append(name_file(path))
        except (FetchError, OSError):
            said[path] = Stored(path, "", accepted=False, reason="is no DICOM file that can be read")
    sender = Sender(http, holds)
    for batch in batches(good):
        said |= {answer.file: answer for answer in sender.send(batch)}
    return tuple(said[path] for path in files)


def batches(files: Sequence[Named]) -> Iterator[list[Named]]:
    """Yield files together, as many as one message may hold."""
    batch: list[Named] = []
    size = 0
    for file in files:
        if batch and (size + file.size > BATCH_BYTES or len(batch) >= BATCH_FILES):
            yield batch
            batch, size = [], 0
        batch.append(file)
        size += file.size
    if batch:
        yield batch


class Sender:
    """Sends batches; halves one that is refused as a whole, to find what is refused in it."""

    def __init__(self, http: Http, holds: Callable[[str, str, str], bool | None]) -> None:
        self._http = http
        self._holds = holds
        self._was_answered = False

    def send(self, batch: Sequence[Named]) -> Iterator[Stored]:
        """Yield what the archive says of each file."""
        body = FileBody([file.path for file in batch], f"hepalith-{uuid.uuid4().hex}")
        try:
            answer = self._http.post("/studies", body, body.content_type, DICOM_JSON)
        except FetchError as error:
            if not self._was_answered:
                raise DeliveryError(str(error)) from error
            yield from (refused(file, str(error)) for file in batch)
            return
        if answer.status in (401, 403, 404, 405, 501):
            line = refusal(self._http, answer, "store")
            if not self._was_answered:
                raise DeliveryError(line)
            yield from (refused(file, line) for file in batch)
            return
        self._was_answered = True
        if answer.status in (200, 202, 409):
            yield from self._judge(batch, answer)
        elif len(batch) > 1 and answer.status < 502:
            middle = len(batch) // 2
            yield from self.send(batch[:middle])
            yield from self.send(batch[middle:])
        else:
            too_large = "it is too large for it (413)" if answer.status == 413 else f"HTTP {answer.status}"
            yield from (refused(file, too_large) for file in batch)

    def _judge(self, batch: Sequence[Named], answer: Answer) -> Iterator[Stored]:
        """Yield what an answer says of each file of a batch."""
        try:
            entries = parse_answer(answer.content, answer.type, str(self._http.address))
        except FetchError:
            entries = []
        stored, failed = references(entries)
        for file in batch:
            uid = file.sop_instance_uid
            if uid in failed:
                yield refused(file, failed[uid])
            elif uid in stored or self._holds(file.study_uid, file.series_uid, uid):
                yield Stored(file.path, uid, accepted=True)
            else:
                yield refused(file, f"it answered {answer.status}, and does not say that it has it")


def references(entries: Sequence[Entry]) -> tuple[set[str], dict[str, str]]:
    """Return the instances that an answer names as stored, and those that failed with their reason.

    A Failed SOP Sequence may be there and empty: Orthanc always sends one.
    """
    stored: set[str] = set()
    failed: dict[str, str] = {}
    for entry in entries:
        stored |= {first(item, "00081155") for item in values(entry, "00081199")}
        for item in values(entry, "00081198"):
            failed[first(item, "00081155")] = reason(whole(first(item, "00081197")) or 0)
    return stored, failed


def reason(code: int) -> str:
    """Return why an instance was not stored, in words.

    Examples
    --------
    >>> reason(0xA701)
    'it has no room left (A701)'
    """
    general = code & 0xFF00 if code >> 12 in (0xA, 0xC) else code
    said = REASONS.get(code) or REASONS.get(general) or REASONS.get(code & 0xF000, "it does not say why")
    return f"{said} ({code:04X})" if code else said


def refused(file: Named, why: str) -> Stored:
    """Return the answer for a file that was not taken."""
    return Stored(file.path, file.sop_instance_uid, accepted=False, reason=why)
