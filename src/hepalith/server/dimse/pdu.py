"""The protocol data units of DICOM's upper layer that open and close an association, as bytes.

What P-DATA carries is read and sent by `hepalith.server.dimse.association`, without copies.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

__all__ = [
    "ABORT",
    "ACCEPT",
    "DATA",
    "REJECT",
    "RELEASE",
    "RELEASED",
    "REQUEST",
    "Acceptance",
    "Answer",
    "MalformedPduError",
    "Proposal",
    "Rejection",
    "Request",
    "Roles",
    "abort_pdu",
    "decode_acceptance",
    "decode_rejection",
    "decode_request",
    "encode_acceptance",
    "encode_rejection",
    "encode_request",
    "release_pdu",
]

REQUEST, ACCEPT, REJECT, DATA, RELEASE, RELEASED, ABORT = range(1, 8)
"""Types of protocol data units (DICOM PS3.8, 9.3)."""

_APPLICATION, _PROPOSED, _ANSWERED, _ABSTRACT, _TRANSFER, _USER = 0x10, 0x20, 0x21, 0x30, 0x40, 0x50
_LARGEST, _IMPLEMENTATION, _ROLES, _VERSION = 0x51, 0x52, 0x54, 0x55
"""Types of items (PS3.8, 9.3.2 and 9.3.3; PS3.7, D.3.3)."""

APPLICATION_CONTEXT = "1.2.840.10008.3.1.1.1"
"""The one application context of DICOM (PS3.7, A.2.1)."""

IMPLEMENTATION_UID = "2.25.94063884168779729108938894989042312236"
"""Who wrote the file or speaks: a UID of the UUID kind (PS3.5, B.2), made once for hepalith and kept."""

IMPLEMENTATION_NAME = "HEPALITH"
"""The implementation's name, at most 16 characters (PS3.7, D.3.3.2)."""


class MalformedPduError(ValueError):
    """Bytes that are no protocol data unit of the upper layer. It never leaves this room."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """One presentation context that the requestor proposes: a service and the encodings it can use."""

    context_id: int
    abstract: str
    transfers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Roles:
    """Whether the requestor is user and provider of a service; by default it is the user."""

    user: bool
    provider: bool


@dataclass(frozen=True, slots=True)
class Request:
    """What an A-ASSOCIATE-RQ says. `largest` is the longest P-DATA its sender takes; 0: any."""

    called: str
    calling: str
    proposals: tuple[Proposal, ...]
    largest: int
    roles: Mapping[str, Roles] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one proposal: 0 accepted, 3 no such service, 4 no such encoding (PS3.8, 9.3.3.2)."""

    context_id: int
    result: int
    transfer: str


@dataclass(frozen=True, slots=True)
class Acceptance:
    """What an A-ASSOCIATE-AC says."""

    answers: tuple[Answer, ...]
    largest: int
    roles: Mapping[str, Roles] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rejection:
    """What an A-ASSOCIATE-RJ says, in the numbers of PS3.8, 9.3.4."""

    result: int
    source: int
    reason: int


def _item(kind: int, content: bytes) -> bytes:
    """Return one item: its type, a reserved byte, its length, its content."""
    return struct.pack(">BBH", kind, 0, len(content)) + content


def _pdu(kind: int, content: bytes) -> bytes:
    """Return one protocol data unit."""
    return struct.pack(">BBI", kind, 0, len(content)) + content


def _items(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the items of a content."""
    at = 0
    while at < len(content):
        if at + 4 > len(content):
            raise MalformedPduError("an item ends within its header")
        kind, _, length = struct.unpack_from(">BBH", content, at)
        at += 4
        if at + length > len(content):
            raise MalformedPduError("an item is longer than what holds it")
        yield kind, content[at : at + length]
        at += length


def _text(content: bytes) -> str:
    """Return a UID or a title without its padding. What is not ASCII becomes ``?``."""
    return content.decode("ascii", "replace").replace("\ufffd", "?").strip(" \0")


def _title(title: str) -> bytes:
    """Return an application entity title, padded to its sixteen bytes."""
    return title.encode("ascii", "replace")[:16].ljust(16)


def _user_information(largest: int, roles: Mapping[str, Roles]) -> bytes:
    """Return the item that says what this side can take and who it is."""
    content = _item(_LARGEST, struct.pack(">I", largest))
    content += _item(_IMPLEMENTATION, IMPLEMENTATION_UID.encode())
    for uid, role in roles.items():
        named = uid.encode()
        content += _item(_ROLES, struct.pack(">H", len(named)) + named + bytes([role.user, role.provider]))
    content += _item(_VERSION, IMPLEMENTATION_NAME.encode())
    return _item(_USER, content)


def _read_user_information(content: bytes) -> tuple[int, dict[str, Roles]]:
    """Return the longest P-DATA and the roles."""
    largest, roles = 0, {}
    for kind, inner in _items(content):
        if kind == _LARGEST and len(inner) == 4:
            (largest,) = struct.unpack(">I", inner)
        elif kind == _ROLES and len(inner) >= 4:
            (length,) = struct.unpack_from(">H", inner)
            if len(inner) >= length + 4:
                roles[_text(inner[2 : 2 + length])] = Roles(bool(inner[2 + length]), bool(inner[3 + length]))
    return largest, roles


def _open(called: str, calling: str) -> bytes:
    """Return what requests and acceptances begin with: the protocol's version and both titles."""
    return struct.pack(">HH", 1, 0) + _title(called) + _title(calling) + bytes(32)


def encode_request(request: Request) -> bytes:
    """Return an A-ASSOCIATE-RQ (PS3.8, 9.3.2)."""
    content = _open(request.called, request.calling)
    content += _item(_APPLICATION, APPLICATION_CONTEXT.encode())
    for proposal in request.proposals:
        inner = bytes([proposal.context_id, 0, 0, 0]) + _item(_ABSTRACT, proposal.abstract.encode())
        inner += b"".join(_item(_TRANSFER, uid.encode()) for uid in proposal.transfers)
        content += _item(_PROPOSED, inner)
    return _pdu(REQUEST, content + _user_information(request.largest, request.roles))


def decode_request(content: bytes) -> Request:
    """Return what an A-ASSOCIATE-RQ says, from the bytes after its length.

    Raises
    ------
    MalformedPduError
        If it is cut short, or proposes nothing.
    """
    if len(content) < 68:
        raise MalformedPduError("a request for an association is cut short")
    proposals, largest = [], 0
    roles: dict[str, Roles] = {}
    for kind, inner in _items(content[68:]):
        if kind == _PROPOSED and len(inner) >= 4:
            parts = [(k, _text(v)) for k, v in _items(inner[4:])]
            abstract = next((v for k, v in parts if k == _ABSTRACT), "")
            transfers = tuple(v for k, v in parts if k == _TRANSFER)
            proposals.append(Proposal(inner[0], abstract, transfers))
        elif kind == _USER:
            largest, roles = _read_user_information(inner)
    if not proposals:
        raise MalformedPduError("a request for an association proposes nothing")
    return Request(_text(content[4:20]), _text(content[20:36]), tuple(proposals), largest, roles)


def encode_acceptance(request: Request, acceptance: Acceptance) -> bytes:
    """Return the A-ASSOCIATE-AC that answers a request (PS3.8, 9.3.3)."""
    content = _open(request.called, request.calling)
    content += _item(_APPLICATION, APPLICATION_CONTEXT.encode())
    for answer in acceptance.answers:
        inner = bytes([answer.context_id, 0, answer.result, 0]) + _item(_TRANSFER, answer.transfer.encode())
        content += _item(_ANSWERED, inner)
    return _pdu(ACCEPT, content + _user_information(acceptance.largest, acceptance.roles))


def decode_acceptance(content: bytes) -> Acceptance:
    """Return what an A-ASSOCIATE-AC says, from the bytes after its length.

    Raises
    ------
    MalformedPduError
        If it is cut short.
    """
    if len(content) < 68:
        raise MalformedPduError("the answer to a request for an association is cut short")
    answers, largest = [], 0
    roles: dict[str, Roles] = {}
    for kind, inner in _items(content[68:]):
        if kind == _ANSWERED and len(inner) >= 4:
            transfer = next((_text(v) for k, v in _items(inner[4:]) if k == _TRANSFER), "")
            answers.append(Answer(inner[0], inner[2], transfer))
        elif kind == _USER:
            largest, roles = _read_user_information(inner)
    return Acceptance(tuple(answers), largest, roles)


def encode_rejection(rejection: Rejection) -> bytes:
    """Return an A-ASSOCIATE-RJ (PS3.8, 9.3.4)."""
    return _pdu(REJECT, bytes([0, rejection.result, rejection.source, rejection.reason]))


def decode_rejection(content: bytes) -> Rejection:
    """Return what an A-ASSOCIATE-RJ says, from the bytes after its length."""
    if len(content) < 4:
        raise MalformedPduError("a rejection is cut short")
    return Rejection(content[1], content[2], content[3])


def abort_pdu(source: int, reason: int) -> bytes:
    """Return an A-ABORT; `source` 0 is the user, 2 the provider (PS3.8, 9.3.8)."""
    return _pdu(ABORT, bytes([0, 0, source, reason]))


def release_pdu(*, answer: bool) -> bytes:
    """Return an A-RELEASE-RQ, or the RP that answers one (PS3.8, 9.3.6 and 9.3.7)."""
    return _pdu(RELEASED if answer else RELEASE, bytes(4))
