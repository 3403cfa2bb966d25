"""The receiver: other systems send instances to it over DIMSE, and it lands them on disk.

It offers verification (C-ECHO) and storage (C-STORE) of every storage class in every encoding, and does not
look at images. An instance is answered with success only once it lies under its name.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import socket
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeAlias

from hepalith.errors import OutputError
from hepalith.server.dimse import pdu
from hepalith.server.dimse.association import (
    Association,
    AssociationLostError,
    Context,
    Message,
    Sink,
    answer_request,
)
from hepalith.server.dimse.command import CANCEL, ECHO, NO_DATA, RESPONSE, STORE, Command, number, text
from hepalith.server.dimse.incoming import Arrival, Incoming, InstanceError
from hepalith.server.remote import DICOM_PORT, Tls
from hepalith.server.tls import server_context

__all__ = ["Callbacks", "DimseReceiver", "Door"]

_LOG = logging.getLogger(__name__)

VERIFICATION: Final = "1.2.840.10008.1.1"
"""The Verification SOP Class (PS3.4, A.4)."""

_STORAGE_ROOTS: Final = ("1.2.840.10008.5.1.4.1.1.", "1.2.840.10008.5.1.4.34.")
"""What the UIDs of standard classes of patients' instances begin with (PS3.4, B.5); private classes have
roots of their own."""

_TRANSFER_ROOT: Final = "1.2.840.10008.1.2"
_BIG_ENDIAN: Final = "1.2.840.10008.1.2.2"
_REFERENCED: Final = frozenset(f"1.2.840.10008.1.2.4.{n}" for n in (94, 95, 204, 205))
"""Standard encodings begin with the root (PS3.6, annex A); the referenced ones (JPIP) bring no pixels."""

REQUEST_S: Final = 30.0
"""Seconds that a connection may take to ask for an association (the ARTIM timer; PS3.8, 9.1.5, sets none)."""

SUCCESS, OUT_OF_RESOURCES, MISMATCH, PROCESSING_FAILURE, NO_OPERATION = 0, 0xA700, 0xA900, 0x0110, 0x0211
"""Answers (PS3.4, B.2.3; PS3.7, annex C)."""

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.ENOMEM, errno.EMFILE, errno.ENFILE})
"""Errors of the system that mean that there is no room; the sender is told to try again later."""

LandedCallback: TypeAlias = Callable[[str, str, str, Path, int], object]
EndedCallback: TypeAlias = Callable[[str, frozenset[str], bool], object]
ReplacedCallback: TypeAlias = Callable[[str, str], object]


@dataclass(frozen=True, slots=True)
class Door:
    """Where a receiver listens, and whom it lets in.

    Parameters
    ----------
    host, port
        The address to listen at; port 0 takes a free one.
    title
        Our application entity title.
    allowed
        Calling titles that are let in; empty: all.
    is_strict
        Whether a caller must name our title rightly; else any will do, as most archives hold it.
    tls
        Our certificate and key, and, with authorities, whose clients are let in; None: no TLS.
    most_associations
        How many at once; more are told to try again later. As many connections may wait that asked for
        none yet: then the one that waits longest makes room, so that silent ones keep nobody out.
    idle_s
        Seconds of silence after which an association is ended.
    """

    host: str = "127.0.0.1"
    port: int = DICOM_PORT
    title: str = "HEPALITH"
    allowed: frozenset[str] = field(default=frozenset())
    is_strict: bool = False
    tls: Tls | None = None
    most_associations: int = 100
    idle_s: float = 120.0


@dataclass(frozen=True, slots=True)
class Callbacks:
    """Who is told. All are called from the associations' threads, several at a time.

    Parameters
    ----------
    landed
        ``(study_uid, series_uid, sop_instance_uid, path, size)``, before the sender is answered, and also
        when the same bytes lay there already: a death between landing and telling must not lose an instance.
        If it raises, the sender is told that processing failed, and will send again.
    replaced
        ``(study_uid, sop_instance_uid)``, before `landed`, where other bytes lay there.
    association_ended
        ``(calling_title, study_uids, aborted)``, after every association that was accepted.
    """

    landed: LandedCallback | None = None
    replaced: ReplacedCallback | None = None
    association_ended: EndedCallback | None = None


class DimseReceiver:
    """A receiver of instances.

    Parameters
    ----------
    incoming
        Where they land.
    door
        Where it listens.
    callbacks
        Who is told.
    """

    def __init__(
        self, incoming: Incoming, door: Door | None = None, callbacks: Callbacks | None = None
    ) -> None:
        self.incoming = incoming
        self.door = door or Door()
        self._callbacks = callbacks or Callbacks()
        self._tls = server_context(self.door.tls) if self.door.tls else None
        self._listener: socket.socket | None = None
        self._running: dict[threading.Thread, socket.socket] = {}
        self._asking: dict[threading.Thread, None] = {}
        self._admitted: set[threading.Thread] = set()
        self._lock = threading.Lock()
        self._accepting: threading.Thread | None = None

    def __enter__(self) -> DimseReceiver:
        """Start it."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop it."""
        self.stop()

    @property
    def port(self) -> int:
        """The port it listens at."""
        return int(self._listener.getsockname()[1]) if self._listener else self.door.port

    def start(self) -> None:
        """Begin to listen.

        Raises
        ------
        OutputError
            If the address cannot be listened at.
        """
        try:
            self._listener = socket.create_server((self.door.host, self.door.port), backlog=128)
        except OSError as error:
            advice = "check host and port"
            if error.errno == errno.EADDRINUSE:
                advice = "choose another port, or stop the program that has it"
            reason = (error.strerror or "no such host").partition(" (while")[0].lower()
            raise OutputError(
                f"cannot listen at {self.door.host}:{self.door.port} ({reason}); {advice}"
            ) from error
        self._accepting = threading.Thread(
            target=self._accept, args=(self._listener,), name="hepalith-receiver", daemon=True
        )
        self._accepting.start()

    def stop(self, *, wait_s: float = 0.0) -> None:
        """Stop listening; wait for running associations as long as given, then end them."""
        if self._listener is None or self._accepting is None:
            return
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._accepting.join()
        self._listener.close()
        self._listener = None
        until = time.monotonic() + wait_s
        for thread in self._threads():
            thread.join(max(0.0, until - time.monotonic()))
        with self._lock:
            for running in self._running:
                self._end_connection(running)
        for thread in self._threads():
            thread.join()
        self.incoming.close()

    def _threads(self) -> list[threading.Thread]:
        """Return the threads of the associations that run."""
        with self._lock:
            return list(self._running)

    def _accept(self, listener: socket.socket) -> None:
        """Take connections until the listener is closed."""
        while True:
            try:
                connection, (host, *_) = listener.accept()
            except OSError as error:
                if error.errno in _FULL:  # no descriptors left: running associations give theirs back
                    time.sleep(0.1)
                    continue
                return
            thread = threading.Thread(target=self._serve, args=(connection, str(host)), daemon=True)
            with self._lock:
                is_flooded = len(self._running) >= 4 * self.door.most_associations
                if len(self._asking) >= self.door.most_associations:
                    self._end_connection(next(iter(self._asking)))
                if not is_flooded:
                    self._running[thread] = connection
                    self._asking[thread] = None
            if is_flooded:
                connection.close()
            else:
                thread.start()

    def _end_connection(self, thread: threading.Thread) -> None:
        """Wake a thread by the end of its connection. Called with the lock held."""
        self._asking.pop(thread, None)
        with contextlib.suppress(OSError):
            self._running[thread].shutdown(socket.SHUT_RDWR)

    def _serve(self, connection: socket.socket, host: str) -> None:
        """Serve one connection; whatever happens in it, the receiver lives on."""
        try:
            connection.settimeout(REQUEST_S)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls is not None:
                connection = self._secure(connection, self._tls)
            served = _Served(self, connection, host)
            served.run()
        except AssociationLostError as error:
            _LOG.info("a connection from %s ended: %s", host, error)
        except ssl.SSLError as error:
            _LOG.warning("TLS with %s failed: %s", host, error.reason)
        except OSError as error:
            _LOG.info("a connection from %s broke: %s", host, error.strerror)
        except Exception as error:  # a mistake of ours must not end the receiver; its text might hold a name
            _LOG.error("serving %s failed: %s", host, type(error).__name__)
        finally:
            with self._lock:
                connection = self._running.pop(threading.current_thread(), connection)  # it may speak TLS
                self._asking.pop(threading.current_thread(), None)
                self._admitted.discard(threading.current_thread())
            with contextlib.suppress(OSError):
                connection.close()

    def _secure(self, connection: socket.socket, context: ssl.SSLContext) -> socket.socket:
        """Return a connection that speaks TLS, known to `stop`."""
        with self._lock:
            secured = context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
            self._running[threading.current_thread()] = secured
        secured.do_handshake()
        return secured

    def admit(self) -> bool:
        """Count the connection of this thread among the associations; return whether there was room."""
        with self._lock:
            if len(self._admitted) >= self.door.most_associations:
                return False
            self._asking.pop(threading.current_thread(), None)
            self._admitted.add(threading.current_thread())
            return True

    def tell_ended(self, calling: str, study_uids: frozenset[str], *, aborted: bool) -> None:
        """Tell of the end of an association."""
        if self._callbacks.association_ended is not None:
            self._callbacks.association_ended(calling, study_uids, aborted)

    def land(self, arrival: Arrival) -> tuple[int, str, str]:
        """Land an instance, and tell of it; return status, comment and study."""
        try:
            landed = arrival.finish()
        except InstanceError as error:
            _LOG.warning("an instance was refused: %s", error)
            return MISMATCH, str(error), ""
        except OSError as error:
            is_full = error.errno in _FULL
            _LOG.error("an instance could not be written: %s", error.strerror)
            return OUT_OF_RESOURCES if is_full else PROCESSING_FAILURE, "it could not be written", ""
        told = self._callbacks
        try:
            if landed.change == "replaced" and told.replaced is not None:
                told.replaced(landed.study_uid, landed.sop_instance_uid)
            if told.landed is not None:
                told.landed(
                    landed.study_uid, landed.series_uid, landed.sop_instance_uid, landed.path, landed.size
                )
        except Exception as error:  # whoever listens is not ours; the sender must then send again
            _LOG.error("instance %s was not taken note of: %s", landed.path.stem, type(error).__name__)
            return PROCESSING_FAILURE, "it was not taken note of", landed.study_uid
        return SUCCESS, "", landed.study_uid


class _Nowhere:
    """Takes data sets that are of no use here: the identifiers of queries, which are not answered."""

    def write(self, piece: memoryview) -> None:
        """Take the next bytes, and keep none."""


class _Served:
    """One association as its receiver serves it."""

    def __init__(self, receiver: DimseReceiver, connection: socket.socket, host: str) -> None:
        self._receiver = receiver
        self._connection = connection
        self._host = host
        self._arrival: Arrival | None = None
        self._study_uids: set[str] = set()

    def run(self) -> None:
        """Serve it to its end."""
        association = Association(self._connection)
        request = self._open(association)
        if request is None:
            return
        self._connection.settimeout(self._receiver.door.idle_s)
        count, aborted = 0, True
        try:
            while (message := association.receive(self._open_sink)) is not None:
                self._answer(association, message)
                count += 1
            aborted = False
        except AssociationLostError as error:
            _LOG.warning("the association of %r at %s was lost: %s", request.calling, self._host, error)
        finally:
            if self._arrival is not None:
                self._arrival.discard()
            _LOG.info("%r at %s: %d messages", request.calling, self._host, count)
            self._receiver.tell_ended(request.calling, frozenset(self._study_uids), aborted=aborted)

    def _open(self, association: Association) -> pdu.Request | None:
        """Agree on an association; None where it was rejected."""
        kind, content = association.read_pdu()
        try:
            if kind != pdu.REQUEST:
                raise pdu.MalformedPduError("it did not ask for an association")
            request = pdu.decode_request(bytes(content))
        except pdu.MalformedPduError as error:
            association.abort(provider_reason=2)
            raise AssociationLostError(str(error)) from error
        rejection = self._reject(request)
        if rejection is not None:
            _LOG.warning("%r at %s was rejected", request.calling, self._host)
            association.send(pdu.encode_rejection(rejection))
            return None
        acceptance, contexts = answer_request(request, choose_transfer)
        association.agree(contexts, request.largest)
        association.send(pdu.encode_acceptance(request, acceptance))
        return request

    def _reject(self, request: pdu.Request) -> pdu.Rejection | None:
        """Return why a request is rejected; None where it is not (numbers of PS3.8, 9.3.4)."""
        door = self._receiver.door
        if not self._receiver.admit():
            return pdu.Rejection(2, 3, 2)
        if door.allowed and request.calling not in door.allowed:
            return pdu.Rejection(1, 1, 3)
        if door.is_strict and request.called != door.title:
            return pdu.Rejection(1, 1, 7)
        return None

    def _open_sink(self, context: Context, command: Command) -> Sink:
        """Return where the data set of a message goes."""
        if number(command, "CommandField") != STORE:
            return _Nowhere()
        self._arrival = self._receiver.incoming.begin(
            text(command, "AffectedSOPClassUID"), text(command, "AffectedSOPInstanceUID"), context.transfer
        )
        return self._arrival

    def _answer(self, association: Association, message: Message) -> None:
        """Answer a message."""
        command = message.command
        asked = number(command, "CommandField")
        if asked == CANCEL or asked & RESPONSE:
            return
        status, comment = NO_OPERATION, ""
        if asked == ECHO:
            status = SUCCESS
        elif asked == STORE and self._arrival is None:
            status, comment = MISMATCH, "it has no data set"
        elif asked == STORE and self._arrival is not None:
            arrival, self._arrival = self._arrival, None
            status, comment, study_uid = self._receiver.land(arrival)
            if study_uid:
                self._study_uids.add(study_uid)
        answer: dict[str, int | str] = {
            "CommandField": asked | RESPONSE,
            "MessageIDBeingRespondedTo": number(command, "MessageID"),
            "CommandDataSetType": NO_DATA,
            "Status": status,
        }
        for keyword in ("AffectedSOPClassUID", "AffectedSOPInstanceUID"):
            if text(command, keyword):
                answer[keyword] = text(command, keyword)
        if comment:
            answer["ErrorComment"] = comment[:64]
        association.send_message(message.context_id, answer)


def choose_transfer(proposal: pdu.Proposal) -> str | None:
    """Return the encoding to take instances of a proposal in: the first that we know, Big Endian last.

    Empty where there is none; None where what is proposed is no storage.
    """
    is_private = not proposal.abstract.startswith("1.2.840.10008.")
    if (
        proposal.abstract != VERIFICATION
        and not is_private
        and not proposal.abstract.startswith(_STORAGE_ROOTS)
    ):
        return None
    known = [t for t in proposal.transfers if t.startswith(_TRANSFER_ROOT) and t not in _REFERENCED]
    return min(known, key=lambda t: t == _BIG_ENDIAN, default="")
