"""Sending files to an archive over DIMSE (C-STORE): one answer a file, whatever happens in between."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydicom import dcmread
from pydicom.filereader import read_dataset
from pydicom.uid import UID, ExplicitVRBigEndian

from hepalith.server.dimse.association import (
    Association,
    AssociationLostError,
    AssociationRefusedError,
    Context,
)
from hepalith.server.dimse.command import STORE, is_warning, number, status_words
from hepalith.server.dimse.peer import UNCOMPRESSED, Peer, encode_dataset, query_request
from hepalith.server.remote import Stored

__all__ = ["send_files"]

MOST_CONTEXTS: Final = 128
"""Presentation contexts of one association (PS3.8, 9.3.2.2: ids are odd and below 256)."""

Proposal = tuple[str, tuple[str, ...]]


class _UnsendableError(ValueError):
    """A file that cannot be sent; its text says why."""


@dataclass(frozen=True, slots=True)
class _Parcel:
    """A file to be sent: what it is, and where its data set begins."""

    file: Path
    sop_class_uid: str
    sop_instance_uid: str
    transfer: str
    offset: int

    def proposals(self) -> list[Proposal]:
        """Return the contexts that it needs: its own encoding, and uncompressed where that is another."""
        own: list[Proposal] = [(self.sop_class_uid, (self.transfer,))]
        if self.transfer == ExplicitVRBigEndian:
            return own
        return [*own, (self.sop_class_uid, tuple(t for t in UNCOMPRESSED if t != self.transfer))]


def send_files(peer: Peer, files: Sequence[Path]) -> tuple[Stored, ...]:
    """Send files, in order; return one answer each.

    Raises
    ------
    AssociationRefusedError
        If no association can be opened, and so nothing was sent at all.
    """
    answers: dict[int, Stored] = {}
    parcels: dict[int, _Parcel] = {}
    for index, file in enumerate(files):
        try:
            parcels[index] = _wrap(file)
        except _UnsendableError as error:
            answers[index] = Stored(file, "", False, str(error))
    for batch in _batches(parcels):
        answers |= _send_batch(peer, batch, is_first=not any(a.sop_instance_uid for a in answers.values()))
    return tuple(answers[index] for index in range(len(files)))


def _wrap(file: Path) -> _Parcel:
    """Return a file as a parcel."""
    try:
        with file.open("rb") as opened:
            if opened.read(132)[128:] != b"DICM":
                raise _UnsendableError("it is no DICOM file")
            meta = read_dataset(opened, False, True, stop_when=lambda tag, _vr, _length: tag.group != 2)
            offset = opened.tell()
        return _Parcel(
            file,
            str(meta.MediaStorageSOPClassUID),
            str(meta.MediaStorageSOPInstanceUID),
            str(meta.TransferSyntaxUID),
            offset,
        )
    except OSError as error:
        raise _UnsendableError(f"it cannot be read: {error.strerror}") from error
    except _UnsendableError:
        raise
    except Exception as error:  # pydicom raises a dozen kinds on broken bytes
        raise _UnsendableError("its header cannot be read") from error


def _batches(parcels: Mapping[int, _Parcel]) -> Iterator[dict[int, _Parcel]]:
    """Yield the parcels in groups whose contexts fit one association."""
    batch: dict[int, _Parcel] = {}
    needed: set[Proposal] = set()
    for index, parcel in parcels.items():
        more = needed | set(parcel.proposals())
        if len(more) > MOST_CONTEXTS:
            yield batch
            batch, more = {}, set(parcel.proposals())
        batch[index], needed = parcel, more
    if batch:
        yield batch


def _send_batch(peer: Peer, batch: dict[int, _Parcel], *, is_first: bool) -> dict[int, Stored]:
    """Send a batch; where the association is lost, open another once for each file that it was lost with."""
    answers: dict[int, Stored] = {}
    waiting = dict(batch)
    while waiting:
        proposals = list(dict.fromkeys(p for parcel in waiting.values() for p in parcel.proposals()))
        try:
            with peer.associate(proposals) as association:
                for index, parcel in list(waiting.items()):
                    answers[index] = _send_one(association, parcel)
                    del waiting[index]
        except AssociationLostError as error:
            if not waiting:
                break
            index = next(iter(waiting))
            lost = waiting.pop(index)
            answers[index] = Stored(lost.file, lost.sop_instance_uid, False, f"{error}; send it again")
        except AssociationRefusedError as error:
            if is_first and not answers:
                raise
            answers |= {i: Stored(p.file, p.sop_instance_uid, False, str(error)) for i, p in waiting.items()}
            break
    return answers


def _send_one(association: Association, parcel: _Parcel) -> Stored:
    """Send one file on an open association."""
    try:
        context_id, content = _encode(association.contexts, parcel)
    except _UnsendableError as error:
        return Stored(parcel.file, parcel.sop_instance_uid, False, str(error))
    request = query_request(STORE, parcel.sop_class_uid, association.next_message_id())
    request["AffectedSOPInstanceUID"] = parcel.sop_instance_uid
    association.send_message(context_id, request, content)
    message = association.receive()
    if message is None:
        raise AssociationLostError("it released the association without an answer")
    status = number(message.command, "Status")
    is_taken = status == 0 or is_warning(status)
    reason = status_words(message.command) if status else ""
    return Stored(parcel.file, parcel.sop_instance_uid, is_taken, reason)


def _encode(contexts: Mapping[int, Context], parcel: _Parcel) -> tuple[int, bytes | memoryview]:
    """Return the context to send a file in, and its data set in that context's encoding."""
    offered = {c.transfer: n for n, c in contexts.items() if c.abstract == parcel.sop_class_uid}
    if not offered:
        raise _UnsendableError(f"it does not take instances of {UID(parcel.sop_class_uid).name}")
    if parcel.transfer in offered:
        try:
            return offered[parcel.transfer], memoryview(parcel.file.read_bytes())[parcel.offset :]
        except OSError as error:
            raise _UnsendableError(f"it cannot be read: {error.strerror}") from error
    transfer = next(t for t in (*UNCOMPRESSED, *offered) if t in offered)
    try:
        dataset = dcmread(parcel.file)
        if UID(parcel.transfer).is_compressed and "PixelData" in dataset:
            dataset.decompress(generate_instance_uid=False)
        return offered[transfer], encode_dataset(dataset, transfer)
    except Exception as error:  # pydicom and its decoders raise many kinds
        raise _UnsendableError(
            f"it takes no {UID(parcel.transfer).name}, and the file cannot be made uncompressed "
            f"({type(error).__name__})"
        ) from error
