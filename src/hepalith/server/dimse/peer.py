"""The other side: how to open an association with it, and how to ask it questions (C-ECHO, C-FIND)."""

from __future__ import annotations

import ssl
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import Final

from pydicom import config
from pydicom.charset import convert_encodings, decode_bytes
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filereader import read_dataset
from pydicom.filewriter import write_dataset

from hepalith.server.dimse import pdu
from hepalith.server.dimse.association import (
    LARGEST,
    Association,
    AssociationLostError,
    Context,
    request_association,
)
from hepalith.server.dimse.command import (
    CANCEL,
    FIND,
    NO_DATA,
    WITH_DATA,
    Command,
    is_pending,
    number,
    status_words,
)
from hepalith.server.remote import Address

__all__ = [
    "EXPLICIT",
    "IMPLICIT",
    "STUDY_ROOT_FIND",
    "STUDY_ROOT_GET",
    "STUDY_ROOT_MOVE",
    "UNCOMPRESSED",
    "Peer",
    "RefusedQueryError",
    "ask",
    "context_for",
    "encode_dataset",
    "identifier",
    "query_request",
]

STUDY_ROOT_FIND: Final = "1.2.840.10008.5.1.4.1.2.2.1"
STUDY_ROOT_MOVE: Final = "1.2.840.10008.5.1.4.1.2.2.2"
STUDY_ROOT_GET: Final = "1.2.840.10008.5.1.4.1.2.2.3"
"""Study Root Query/Retrieve services (PS3.4, C.6.2)."""

IMPLICIT: Final = "1.2.840.10008.1.2"
EXPLICIT: Final = "1.2.840.10008.1.2.1"
UNCOMPRESSED: Final = (EXPLICIT, IMPLICIT)
"""Little-endian encodings without compression (PS3.5, A.1 and A.2), the one that names its types first."""


class RefusedQueryError(RuntimeError):
    """A query that the peer answers with a failure, or does not offer. It never leaves this room."""


@dataclass(frozen=True, slots=True)
class Peer:
    """An application elsewhere, and how we speak to it.

    Parameters
    ----------
    address
        Where it is.
    own_title
        Our application entity title.
    context
        TLS; None: none.
    timeout_s
        Seconds of silence after which it is given up.
    """

    address: Address
    own_title: str
    context: ssl.SSLContext | None
    timeout_s: float

    @contextmanager
    def associate(
        self, proposals: Sequence[tuple[str, Sequence[str]]], provided: Sequence[str] = ()
    ) -> Iterator[Association]:
        """Open an association for services, each in some encodings; release it at the end.

        Parameters
        ----------
        proposals
            Services and encodings; at most 128 (PS3.8, 9.3.2.2: context ids are odd and below 256).
        provided
            Services of which we are the provider, for instances that come on the same association.

        Raises
        ------
        AssociationRefusedError, AssociationLostError
            If it cannot be opened, or ends early.
        """
        request = pdu.Request(
            self.address.title,
            self.own_title,
            tuple(
                pdu.Proposal(2 * n + 1, uid, tuple(encodings)) for n, (uid, encodings) in enumerate(proposals)
            ),
            LARGEST,
            {uid: pdu.Roles(user=False, provider=True) for uid in provided},
        )
        place = (self.address.host, self.address.port)
        association = request_association(place, request, context=self.context, timeout_s=self.timeout_s)
        try:
            yield association
        except AssociationLostError:
            association.close()
            raise
        except BaseException:
            association.abort()
            association.close()
            raise
        association.release()


def context_for(contexts: Mapping[int, Context], abstract: str) -> tuple[int, str] | None:
    """Return an accepted context of a service and its encoding; None where it was refused."""
    return next(((n, c.transfer) for n, c in contexts.items() if c.abstract == abstract), None)


def identifier(values: Mapping[str, str]) -> Dataset:
    """Return the identifier of a query, in UTF-8: keywords and values, empty ones to be returned.

    UTF-8 is said even where all is ASCII: it tells the archive which names we can read. (Not all
    listen: Orthanc drops what its setting ``DefaultEncoding`` does not hold.)
    """
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 192"
    for keyword, value in values.items():
        tag = tag_for_keyword(keyword)
        if tag is None:
            raise KeyError(keyword)
        dataset.add(DataElement(tag, dictionary_VR(tag), value, validation_mode=config.IGNORE))
    return dataset


def encode_dataset(dataset: Dataset, transfer: str) -> bytes:
    """Return a data set in an uncompressed little-endian encoding."""
    stream = DicomBytesIO()
    stream.is_little_endian, stream.is_implicit_VR = True, transfer == IMPLICIT
    write_dataset(stream, dataset)
    return stream.getvalue()


def query_request(kind: int, service: str, message_id: int) -> dict[str, int | str]:
    """Return the command that asks for something by an identifier (PS3.7, 9.1)."""
    return {
        "AffectedSOPClassUID": service,
        "CommandField": kind,
        "MessageID": message_id,
        "Priority": 0,
        "CommandDataSetType": WITH_DATA,
    }


def ask(association: Association, values: Mapping[str, str], limit: int = 0) -> list[dict[str, str]]:
    """Return what matches, each as text by keyword; several values stay joined by a backslash.

    An archive that fails is asked once more without a character set, where the values need none.

    Raises
    ------
    RefusedQueryError
        If the peer does not offer queries, or fails.
    AssociationLostError
        If it goes away.
    """
    agreed = context_for(association.contexts, STUDY_ROOT_FIND)
    if agreed is None:
        raise RefusedQueryError("it does not offer queries (C-FIND, study root)")
    wanted = identifier(values)
    try:
        return _ask(association, agreed, wanted, limit)
    except RefusedQueryError:
        if not all(value.isascii() for value in values.values()):
            raise
    del wanted.SpecificCharacterSet
    return _ask(association, agreed, wanted, limit)


def _ask(
    association: Association, agreed: tuple[int, str], wanted: Dataset, limit: int
) -> list[dict[str, str]]:
    """Ask one query in one context, and return the answers."""
    context_id, transfer = agreed
    message_id = association.next_message_id()
    association.send_message(
        context_id, query_request(FIND, STUDY_ROOT_FIND, message_id), encode_dataset(wanted, transfer)
    )
    found: list[dict[str, str]] = []
    is_cancelled = False
    while True:
        message = association.receive()
        if message is None:
            raise AssociationLostError("it released the association without an answer")
        if not is_pending(number(message.command, "Status")):
            break
        if not limit or len(found) < limit:
            found.append(_texts(message.data, transfer))
        if limit and len(found) >= limit and not is_cancelled:
            is_cancelled = True
            association.send_message(context_id, _cancel(message_id))
    status = number(message.command, "Status")
    if status and not is_cancelled:
        raise RefusedQueryError(f"it answered the query with {status_words(message.command)}")
    return found


def _cancel(message_id: int) -> Command:
    """Return the command that ends a query early (PS3.7, 9.3.2.3)."""
    return {"CommandField": CANCEL, "MessageIDBeingRespondedTo": message_id, "CommandDataSetType": NO_DATA}


def _texts(content: bytes, transfer: str) -> dict[str, str]:
    """Return the elements of an answer as text, in whichever character sets it says; lenient on purpose."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            dataset = read_dataset(BytesIO(content), transfer == IMPLICIT, True)
            named = _raw(dataset, "SpecificCharacterSet").decode("ascii", "replace").split("\\")
            encodings = convert_encodings([n.strip(" \0") for n in named])
            return {
                keyword: decode_bytes(_raw(dataset, keyword), encodings, set(b"^=")).strip(" \0")
                for keyword in _READ
                if keyword in dataset
            }
        except Exception as error:  # pydicom raises a dozen kinds on broken bytes
            raise RefusedQueryError("it answered the query with what is no data set") from error


_READ: Final = (
    "StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID", "PatientID", "PatientName",
    "StudyDate", "ModalitiesInStudy", "StudyDescription", "AccessionNumber", "NumberOfStudyRelatedInstances",
)  # fmt: skip
"""Elements of answers that are read."""


def _raw(dataset: Dataset, keyword: str) -> bytes:
    """Return the bytes of an element; none where it is missing."""
    tag = tag_for_keyword(keyword)
    if tag is None or tag not in dataset:
        return b""
    value = dataset.get_item(tag).value
    return value if isinstance(value, bytes) else b""
