"""An association: two applications that have agreed on services and encodings, and exchange messages.

The upper layer of DICOM (PS3.8) over a blocking socket. It is our own because the library at hand polls its
queues every millisecond and copies each byte several times: it takes three times the processor's time that a
receiver beside a reader may have (`benchmarks/transfer.py`), its senders wait out the peer's delayed
acknowledgements, and now and then its loop takes the answer that a sender waits for (pydicom/pynetdicom 875).

References
----------
DICOM PS3.8, section 9.3 (protocol data units) and annex E (message fragments); PS3.7, section 6.3 (commands).
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, TypeAlias

from hepalith.server.dimse import pdu
from hepalith.server.dimse.command import NO_DATA, Command, decode_command, encode_command, number

__all__ = [
    "LARGEST",
    "Association",
    "AssociationLostError",
    "AssociationRefusedError",
    "Context",
    "Message",
    "Sink",
    "answer_request",
    "request_association",
]

LARGEST: Final = 1 << 17
"""Longest P-DATA that we announce and send: what dcmtk takes at most (its ASC_MAXIMUMPDUSIZE, 131072)."""

SHORTEST: Final = 1 << 10
"""Shortest P-DATA that we send, whatever a peer announces: the standard's least is 4 kB (PS3.8, D.1.1), and a
handful of bytes would make one instance a million messages."""

LONGEST_READ: Final = 1 << 20
"""Longest protocol data unit that is read at all. A peer that exceeds what we announced is forgiven up to
here; a request with 128 contexts of 40 encodings has about 200 kB."""

LONGEST_COMMAND: Final = 1 << 16
"""Longest command set read; commands have some 200 bytes."""

LONGEST_IDENTIFIER: Final = 1 << 24
"""Longest data set that is kept in memory (identifiers of queries: a few hundred bytes)."""

SENT_AT_ONCE: Final = 1 << 19
"""Bytes joined before they are handed to the socket: one CT slice of 512 x 512."""


class AssociationLostError(ConnectionError):
    """The association ended before its release: aborted, cut, silent too long, or not understood."""


class AssociationRefusedError(ConnectionError):
    """The peer cannot be reached, or refuses an association. It never leaves this room."""


class Sink(Protocol):
    """What takes a data set in pieces; a piece is valid only during the call."""

    def write(self, piece: memoryview, /) -> object:
        """Take the next bytes."""
        ...


@dataclass(frozen=True, slots=True)
class Context:
    """An accepted presentation context: which service, in which encoding."""

    abstract: str
    transfer: str


@dataclass(frozen=True, slots=True)
class Message:
    """A DIMSE message received. `data` is its data set, or empty where a sink took it."""

    context_id: int
    command: Command
    data: bytes = b""
    sink: Sink | None = None


Opener: TypeAlias = Callable[[Context, Command], Sink | None]
"""What names the sink of a message's data set once its command is known; None: keep it in memory."""


class _Buffer:
    """A data set kept in memory."""

    def __init__(self) -> None:
        self.content = bytearray()

    def write(self, piece: memoryview) -> None:
        """Take the next bytes."""
        if len(self.content) + len(piece) > LONGEST_IDENTIFIER:
            raise AssociationLostError("it sent an identifier of more than 16 MB")
        self.content += piece


class Association:
    """One side of an association, either one. Used by one thread; `shut` may be called from another.

    Parameters
    ----------
    connection
        The connected socket; closed by `close`.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self.contexts: Mapping[int, Context] = {}
        self._largest = LARGEST
        self._store = memoryview(bytearray(LARGEST))
        self._last_message = 0

    def agree(self, contexts: Mapping[int, Context], largest: int) -> Association:
        """Take note of what was agreed on, and return the association."""
        self.contexts = contexts
        self._largest = max(min(largest or LARGEST, LARGEST), SHORTEST)
        return self

    def next_message_id(self) -> int:
        """Return a number for the next request."""
        self._last_message = self._last_message % 0xFFFF + 1
        return self._last_message

    def read_pdu(self) -> tuple[int, memoryview]:
        """Return the type and content of the next protocol data unit; valid until the next is read."""
        kind, _, length = struct.unpack(">BBI", self._read(6))
        if kind not in range(pdu.REQUEST, pdu.ABORT + 1) or length > LONGEST_READ:
            self.abort(provider_reason=1)
            raise AssociationLostError("it sent bytes that are not DICOM")
        if length > len(self._store):
            self._store = memoryview(bytearray(length))
        return kind, self._read(length)

    def _read(self, size: int) -> memoryview:
        """Return the next bytes, exactly as many as asked."""
        view, got = self._store[:size], 0
        try:
            while got < size:
                taken = self._socket.recv_into(view[got:])
                if not taken:
                    raise AssociationLostError("it closed the connection")
                got += taken
        except TimeoutError as error:
            self.abort()
            raise AssociationLostError("it was silent for too long") from error
        except (OSError, ValueError) as error:
            if isinstance(error, AssociationLostError):
                raise
            raise AssociationLostError("the connection broke") from error
        return view

    def send(self, content: bytes | bytearray) -> None:
        """Send bytes."""
        try:
            self._socket.sendall(content)
        except TimeoutError as error:
            raise AssociationLostError("it took nothing for too long") from error
        except OSError as error:
            raise AssociationLostError("the connection broke") from error

    def receive(self, open_sink: Opener | None = None) -> Message | None:
        """Return the next message; None once the peer has asked for the release and got it.

        Raises
        ------
        AssociationLostError
            If the peer aborts, or the connection is gone.
        """
        command_bytes = bytearray()
        command: Command | None = None
        sink: Sink | None = None
        command_context = 0
        buffer = _Buffer()
        while (content := self._read_data()) is not None:
            for context_id, control, piece in self._fragments(content):
                if control & 1:
                    if command is not None:
                        raise self._refuse("it sent a command where the data of the last one were due")
                    command_bytes += piece
                    if len(command_bytes) > LONGEST_COMMAND:
                        raise self._refuse("it sent a command of more than 64 kB")
                    if not control & 2:
                        continue
                    command, command_context = self._decode(command_bytes), context_id
                    if number(command, "CommandDataSetType") == NO_DATA:
                        return Message(context_id, command)
                    opened = open_sink(self.contexts[context_id], command) if open_sink else None
                    sink = opened or buffer
                elif sink is None or command is None or context_id != command_context:
                    raise self._refuse("it sent data without a command")
                else:
                    sink.write(piece)
                    if control & 2:
                        taken = None if sink is buffer else sink
                        return Message(context_id, command, bytes(buffer.content), taken)
        return None

    def _read_data(self) -> memoryview | None:
        """Return the content of the next P-DATA; None once the peer has asked for the release and got it."""
        kind, content = self.read_pdu()
        if kind == pdu.RELEASE:
            self.send(pdu.release_pdu(answer=True))
            return None
        if kind == pdu.ABORT:
            raise AssociationLostError("it aborted the association")
        if kind != pdu.DATA:
            self.abort(provider_reason=2)
            raise AssociationLostError("it sent what does not belong here")
        return content

    def _fragments(self, content: memoryview) -> Iterator[tuple[int, int, memoryview]]:
        """Yield the fragments of a P-DATA: context, control bits, bytes (PS3.8, annex E)."""
        at = 0
        while at < len(content):
            if at + 6 > len(content):
                raise self._refuse("it sent a fragment that is cut short")
            length, context_id, control = struct.unpack_from(">IBB", content, at)
            end = at + 4 + length
            if length < 2 or end > len(content) or context_id not in self.contexts:
                raise self._refuse("it sent a fragment that fits no agreed context")
            yield context_id, control, content[at + 6 : end]
            at = end

    def _decode(self, content: bytearray) -> Command:
        """Return a command; abort where it is none."""
        try:
            return decode_command(content)
        except ValueError as error:
            raise self._refuse("it sent a command that is none") from error

    def _refuse(self, reason: str) -> AssociationLostError:
        """Abort, and return the error to raise."""
        self.abort(provider_reason=6)
        return AssociationLostError(reason)

    def send_message(self, context_id: int, command: Command, data: bytes | memoryview = b"") -> None:
        """Send a message: its command, and its data set where there is one (may be a mapped file)."""
        piece = self._largest - 6
        encoded = encode_command(command)
        waiting = bytearray()
        for content, kind in ((memoryview(encoded), 1), (memoryview(data), 0)):
            for at in range(0, len(content), piece):
                part = content[at : at + piece]
                control = kind | (2 if at + piece >= len(content) else 0)
                size = len(part)
                waiting += struct.pack(">BBIIBB", pdu.DATA, 0, size + 6, size + 2, context_id, control)
                waiting += part
                if len(waiting) >= SENT_AT_ONCE:
                    self.send(waiting)
                    waiting = bytearray()
        if waiting:
            self.send(waiting)
        self.hurry()

    def hurry(self) -> None:
        """Acknowledge the peer's bytes at once.

        Peers that hold back the second half of an answer until the first is acknowledged (Nagle's algorithm;
        dcmtk) would otherwise cost 40 ms an instance.
        """
        if hasattr(socket, "TCP_QUICKACK"):
            with contextlib.suppress(OSError):
                self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)

    def release(self) -> None:
        """End the association in good order, and close the connection."""
        with contextlib.suppress(AssociationLostError):
            self.send(pdu.release_pdu(answer=False))
            kind = pdu.DATA
            while kind == pdu.DATA:
                kind, _ = self.read_pdu()
                if kind == pdu.RELEASE:
                    self.send(pdu.release_pdu(answer=True))
        self.close()

    def abort(self, *, provider_reason: int | None = None) -> None:
        """Tell the peer that it is over; as the user, or as the provider with a reason (PS3.8, 9.3.8)."""
        with contextlib.suppress(AssociationLostError):
            self.send(pdu.abort_pdu(0, 0) if provider_reason is None else pdu.abort_pdu(2, provider_reason))
        self.shut()

    def shut(self) -> None:
        """End the connection, from any thread; whoever reads it is woken."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the connection."""
        with contextlib.suppress(OSError):
            self._socket.close()


_REJECTIONS: Mapping[tuple[int, int], str] = {
    (1, 3): "it does not know our title; add it, with host and port, to its list of modalities",
    (1, 7): "no application there has that title; check the title in the address",
    (3, 1): "it is congested; try again later",
    (3, 2): "it has as many associations as it takes; try again later",
}
"""What a rejection means, by source and reason (PS3.8, 9.3.4), and what to do."""


def request_association(
    place: tuple[str, int], request: pdu.Request, *, context: ssl.SSLContext | None = None, timeout_s: float
) -> Association:
    """Return a new association.

    Raises
    ------
    AssociationRefusedError
        If nobody answers, TLS fails, or the peer rejects it; its text says what to do.
    """
    try:
        connection = socket.create_connection(place, timeout=timeout_s)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if context is not None:
            connection = context.wrap_socket(connection, server_hostname=place[0])
    except ssl.SSLCertVerificationError as error:
        raise AssociationRefusedError(
            f"its certificate is not trusted ({error.verify_message}); name the authority that signed it"
        ) from error
    except ssl.SSLError as error:
        raise AssociationRefusedError(
            "TLS failed; check that this port speaks TLS and which certificates it wants"
        ) from error
    except TimeoutError as error:
        raise AssociationRefusedError("nobody answers there; check host, port and firewall") from error
    except OSError as error:
        said = (error.strerror or "no such host").lower()
        raise AssociationRefusedError(f"{said}; check host and port, and that it runs") from error
    association = Association(connection)
    try:
        association.send(pdu.encode_request(request))
        association.hurry()
        kind, content = association.read_pdu()
        if kind == pdu.ACCEPT:
            agreed = pdu.decode_acceptance(bytes(content))
            named = {p.context_id: p.abstract for p in request.proposals}
            contexts = {
                a.context_id: Context(named[a.context_id], a.transfer)
                for a in agreed.answers
                if a.result == 0 and a.context_id in named
            }
            return association.agree(contexts, agreed.largest)
        if kind == pdu.REJECT:
            rejection = pdu.decode_rejection(bytes(content))
            reason = _REJECTIONS.get((rejection.source, rejection.reason))
            raise AssociationRefusedError(reason or "it rejects the association without a reason")
        raise AssociationRefusedError("it does not answer as DICOM does; check the port")
    except AssociationLostError as error:
        association.close()
        raise AssociationRefusedError(
            f"{error}; check that the port speaks DICOM, with or without TLS"
        ) from error
    except pdu.MalformedPduError as error:
        association.close()
        raise AssociationRefusedError(f"{error}; check that the port speaks DICOM") from error
    except AssociationRefusedError:
        association.close()
        raise


def answer_request(
    request: pdu.Request, choose: Callable[[pdu.Proposal], str | None]
) -> tuple[pdu.Acceptance, dict[int, Context]]:
    """Return the acceptance of a request, and what it makes of the contexts.

    Parameters
    ----------
    request
        What the peer proposes.
    choose
        The encoding to use for a proposal; empty where none suits, None where the service is not offered.
    """
    answers: list[pdu.Answer] = []
    contexts: dict[int, Context] = {}
    for proposal in request.proposals:
        chosen = choose(proposal)
        if chosen:
            contexts[proposal.context_id] = Context(proposal.abstract, chosen)
            answers.append(pdu.Answer(proposal.context_id, 0, chosen))
        else:
            answers.append(
                pdu.Answer(proposal.context_id, 3 if chosen is None else 4, _first(proposal.transfers))
            )
    return pdu.Acceptance(tuple(answers), LARGEST), contexts


def _first(transfers: Sequence[str]) -> str:
    """Return the first encoding proposed; its value has no meaning in a refusal (PS3.8, 9.3.3.2.1)."""
    return transfers[0] if transfers else "1.2.840.10008.1.2"
