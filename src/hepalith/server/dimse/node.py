"""An archive that speaks DIMSE, as a `hepalith.server.remote.Remote`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import Final, TypeVar

from hepalith.errors import DeliveryError, FetchError
from hepalith.server.dimse.association import AssociationLostError, AssociationRefusedError
from hepalith.server.dimse.command import ECHO, NO_DATA, number, status_words
from hepalith.server.dimse.fetch import fetch_study
from hepalith.server.dimse.peer import (
    STUDY_ROOT_FIND,
    UNCOMPRESSED,
    Peer,
    RefusedQueryError,
    ask,
    context_for,
)
from hepalith.server.dimse.receiver import VERIFICATION, Door
from hepalith.server.dimse.send import send_files
from hepalith.server.remote import Address, Fetched, FoundStudy, Query, Stored, Tls
from hepalith.server.tls import client_context

__all__ = ["DimseRemote"]

SILENCE_S: Final = 60.0
"""Seconds of silence after which an archive is given up; a slow one takes half a minute to answer a query."""

_Answer = TypeVar("_Answer")


class DimseRemote:
    """An archive asked and sent to over DIMSE.

    Parameters
    ----------
    address
        Where it is.
    tls
        Whom to trust and who we are; used where the address says that TLS is spoken.
    own_title
        Our application entity title, as the archive knows it.
    move_port
        Port that the archive knows for our title, to wait at for what it sends by C-MOVE. None: only
        C-GET is used.
    move_host
        The address to wait at; empty: this machine alone for an archive on this machine, else all.
    timeout_s
        Seconds of silence after which it is given up.
    """

    def __init__(
        self,
        address: Address,
        tls: Tls | None = None,
        own_title: str = "HEPALITH",
        *,
        move_port: int | None = None,
        move_host: str = "",
        timeout_s: float = SILENCE_S,
    ) -> None:
        context = client_context(tls) if address.encrypted else None
        self._peer = Peer(address, own_title, context, timeout_s)
        self._door: Door | None = None
        if move_port is not None:
            shown = tls if address.encrypted and tls and tls.certificate else None
            self._door = Door(move_host or _beside(address.host), move_port, own_title, tls=shown)

    @property
    def address(self) -> Address:
        """Where it is."""
        return self._peer.address

    def echo(self) -> None:
        """Make sure that it answers (C-ECHO).

        Raises
        ------
        FetchError
            If it does not.
        """
        self._asking(self._echo)

    def find(self, query: Query) -> Iterator[FoundStudy]:
        """Yield the studies that match (C-FIND, study root).

        Raises
        ------
        FetchError
            If it cannot be asked.
        """
        return iter(self._asking(lambda: self._find(query)))

    def fetch(self, study_uid: str, into: Path, series_uids: Sequence[str] = ()) -> Fetched:
        """Write the instances of a study into a folder (C-GET, or C-MOVE), one file each.

        A file appears under its name only when it is complete; it is not forced to the disk, since what is
        lost with the machine can be fetched again.

        Raises
        ------
        FetchError
            If nothing came.
        OutputError
            If the folder cannot hold what came.
        """
        return self._asking(lambda: fetch_study(self._peer, study_uid, into, series_uids, self._door))

    def store(self, files: Sequence[Path]) -> tuple[Stored, ...]:
        """Send DICOM files (C-STORE); one answer each, in order.

        Raises
        ------
        DeliveryError
            If nothing could be sent at all.
        """
        try:
            return send_files(self._peer, files)
        except AssociationRefusedError as error:
            raise DeliveryError(f"cannot send to {self.address}: {error}") from error

    def holds(self, study_uid: str, series_uid: str, sop_instance_uid: str) -> bool | None:
        """Return whether it has an instance (C-FIND, image level); None where it does not say.

        Raises
        ------
        FetchError
            If it cannot be reached.
        """
        values = {
            "QueryRetrieveLevel": "IMAGE",
            "StudyInstanceUID": study_uid,
            "SeriesInstanceUID": series_uid,
            "SOPInstanceUID": sop_instance_uid,
        }

        def look() -> bool | None:
            with self._peer.associate([(STUDY_ROOT_FIND, UNCOMPRESSED)]) as association:
                try:
                    found = ask(association, values)
                except RefusedQueryError:
                    return None
            return any(answer.get("SOPInstanceUID") == sop_instance_uid for answer in found)

        return self._asking(look)

    def _asking(self, action: Callable[[], _Answer]) -> _Answer:
        """Return what an action returns; what goes wrong is told in one line."""
        try:
            return action()
        except (AssociationRefusedError, RefusedQueryError) as error:
            raise FetchError(f"{self.address}: {error}") from error
        except AssociationLostError as error:
            raise FetchError(f"{self.address}: {error}; try again") from error

    def _echo(self) -> None:
        """Send a C-ECHO."""
        with self._peer.associate([(VERIFICATION, UNCOMPRESSED)]) as association:
            agreed = context_for(association.contexts, VERIFICATION)
            if agreed is None:
                raise RefusedQueryError("it does not offer verification (C-ECHO)")
            request: dict[str, int | str] = {
                "AffectedSOPClassUID": VERIFICATION,
                "CommandField": ECHO,
                "MessageID": association.next_message_id(),
                "CommandDataSetType": NO_DATA,
            }
            association.send_message(agreed[0], request)
            message = association.receive()
            if message is None or number(message.command, "Status"):
                said = status_words(message.command) if message else "a release"
                raise RefusedQueryError(f"it answered C-ECHO with {said}")

    def _find(self, query: Query) -> list[FoundStudy]:
        """Return the studies that match."""
        values = {
            "QueryRetrieveLevel": "STUDY",
            "StudyInstanceUID": query.study_uid,
            "PatientID": query.patient_id,
            "PatientName": query.patient_name,
            "StudyDate": query.date,
            "ModalitiesInStudy": query.modality,
            "StudyDescription": query.description,
            "AccessionNumber": query.accession_number,
            "NumberOfStudyRelatedInstances": "",
        }
        with self._peer.associate([(STUDY_ROOT_FIND, UNCOMPRESSED)]) as association:
            # Where archives ignore the modality, the limit may only be counted after our own look at it.
            answers = ask(association, values, 0 if query.modality else query.limit)
        found = [_study(answer) for answer in answers if answer.get("StudyInstanceUID")]
        if query.modality:
            found = [f for f in found if not f.modalities or query.modality in f.modalities]
        return found[: query.limit or None]


def _study(answer: dict[str, str]) -> FoundStudy:
    """Return an answer as a study."""
    count = answer.get("NumberOfStudyRelatedInstances", "")
    return FoundStudy(
        uid=answer["StudyInstanceUID"],
        patient_id=answer.get("PatientID", ""),
        patient_name=answer.get("PatientName", ""),
        date=answer.get("StudyDate", ""),
        modalities=tuple(m.strip() for m in answer.get("ModalitiesInStudy", "").split("\\") if m.strip()),
        description=answer.get("StudyDescription", ""),
        accession_number=answer.get("AccessionNumber", ""),
        instances=int(count) if count.isdecimal() else None,
    )


def _beside(host: str) -> str:
    """Return the address to wait at for an archive on a host."""
    try:
        is_here = ip_address(host).is_loopback
    except ValueError:
        is_here = host == "localhost"
    return "127.0.0.1" if is_here else "0.0.0.0"  # noqa: S104 - an archive elsewhere must reach us
