"""Fetching a study from an archive over DIMSE: C-GET, and C-MOVE where that is refused.

A study is fetched series by series. What the archive says it holds is asked first, so that what did not come
is known, and only the services that its instances need are proposed.
"""

from __future__ import annotations

import errno
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from hepalith.errors import FetchError, OutputError
from hepalith.server.dimse.association import (
    Association,
    AssociationLostError,
    AssociationRefusedError,
    Context,
)
from hepalith.server.dimse.command import (
    GET,
    MOVE,
    NO_DATA,
    RESPONSE,
    STORE,
    Command,
    is_pending,
    number,
    status_words,
    text,
)
from hepalith.server.dimse.incoming import Arrival, Incoming, InstanceError
from hepalith.server.dimse.peer import (
    STUDY_ROOT_FIND,
    STUDY_ROOT_GET,
    STUDY_ROOT_MOVE,
    UNCOMPRESSED,
    Peer,
    RefusedQueryError,
    ask,
    context_for,
    encode_dataset,
    identifier,
    query_request,
)
from hepalith.server.dimse.receiver import Callbacks, DimseReceiver, Door
from hepalith.server.remote import Fetched

__all__ = ["fetch_study"]

_LOG = logging.getLogger(__name__)

_IMAGE: Final = "1.2.840.10008.5.1.4.1.1"
COMMON_CLASSES: Final = tuple(
    f"{_IMAGE}.{n}" for n in ("2", "2.1", "3.1", "4", "4.1", "6.1", "6.2", "7", "11.1", "66.4", "88.22",
                              "88.33", "104.1")
)  # fmt: skip
"""Storage classes proposed where an archive does not say which its instances are: CT, ultrasound, MR,
secondary capture, presentation states, SEG, SR and PDF (PS3.4, B.5)."""

COMPRESSED: Final = (
    *(f"1.2.840.10008.1.2.4.{n}" for n in (50, 51, 57, 70, 80, 81, 90, 91, 201, 202, 203, 110, 111, 112)),
    "1.2.840.10008.1.2.5",
    "1.2.840.10008.1.2.1.99",
)
"""Encodings that files may have: JPEG, JPEG-LS, JPEG 2000, HTJ2K, JPEG XL, RLE, deflated (PS3.6, annex A)."""

MOST_PROPOSALS: Final = 127
"""Contexts left for storage beside the retrieval's own (PS3.8, 9.3.2.2)."""

MOVE_S: Final = 600.0
"""Seconds that an archive may be silent while it sends by C-MOVE; some say nothing until they are done."""


@dataclass(slots=True)
class _Haul:
    """What came, and why something did not."""

    study_uid: str
    paths: dict[str, Path] = field(default_factory=dict)
    series: set[str] = field(default_factory=set)
    failed: dict[str, int] = field(default_factory=dict)
    reasons: list[str] = field(default_factory=list)
    full: OSError | None = None

    def take(self, arrival: Arrival) -> int:
        """Land an instance; return the status to answer with."""
        try:
            landed = arrival.finish()
        except InstanceError as error:
            self.reasons.append(f"an instance was refused: {error}")
            return 0xA900
        except OSError as error:
            self.full = error
            return 0xA700 if error.errno == errno.ENOSPC else 0x0110
        if landed.study_uid != self.study_uid:
            landed.path.unlink(missing_ok=True)
            return 0xA900
        self.note(landed.series_uid, landed.sop_instance_uid, landed.path)
        return 0

    def note(self, series_uid: str, sop_instance_uid: str, path: Path) -> None:
        """Take note of an instance that lies on disk."""
        self.series.add(series_uid)
        self.paths[sop_instance_uid] = path

    def end(self, series_uid: str, way: str, answer: Command) -> None:
        """Take note of the last response to the retrieval of a series."""
        self.failed[series_uid] = number(answer, "NumberOfFailedSuboperations")
        if number(answer, "Status"):
            self.reasons.append(f"{way}: {status_words(answer)}")


@dataclass(frozen=True, slots=True)
class _Series:
    """A series to fetch. `instances`: the archive's list, class by UID; None where it gives none."""

    uid: str
    instances: dict[str, str] | None

    def missing(self, haul: _Haul) -> int:
        """Return how many instances have not come; where unknown, as many as were told, or 1 for none."""
        if self.instances is None:
            return max(haul.failed.get(self.uid, 0), int(self.uid not in haul.series))
        return sum(uid not in haul.paths for uid in self.instances)


def fetch_study(
    peer: Peer, study_uid: str, into: Path, series_uids: Sequence[str], door: Door | None
) -> Fetched:
    """Fetch a study, or some of its series, into a folder.

    Parameters
    ----------
    peer
        The archive.
    study_uid, into, series_uids
        As `hepalith.server.remote.Remote.fetch`.
    door
        Where to wait for what it sends by C-MOVE; None: only C-GET is tried.

    Raises
    ------
    FetchError
        If nothing came.
    OutputError
        If the folder cannot hold what came.
    AssociationRefusedError, AssociationLostError, RefusedQueryError
        If the archive cannot be asked.
    """
    incoming = Incoming(into, by_study=False, durable=False)
    haul = _Haul(study_uid)
    try:
        wanted = _list_series(peer, study_uid, series_uids)
        for series in wanted:
            _get(peer, series, incoming, haul)
        left = [series for series in wanted if series.missing(haul)]
        if left and door is not None and haul.full is None:
            _move(peer, left, incoming, haul, door)
    finally:
        incoming.close()
    if haul.full is not None:
        raise OutputError(
            f"{into} cannot hold the study ({(haul.full.strerror or 'no room').lower()}); "
            "make room and fetch again"
        )
    failed = sum(series.missing(haul) for series in wanted)
    reason = "; ".join(dict.fromkeys(haul.reasons)) if failed else ""
    if not haul.paths:
        advice = "" if door else "; where it sends by C-MOVE only, name a port that it can send to (--port N)"
        raise FetchError(
            f"{peer.address} gave nothing of study {study_uid} ({reason or 'no reason'}){advice}"
        )
    return Fetched(tuple(sorted(haul.paths.values())), failed, reason)


def _list_series(peer: Peer, study_uid: str, series_uids: Sequence[str]) -> list[_Series]:
    """Return the series to fetch, and what the archive says they hold."""
    with peer.associate([(STUDY_ROOT_FIND, UNCOMPRESSED)]) as association:
        if not series_uids:
            values = {"QueryRetrieveLevel": "SERIES", "StudyInstanceUID": study_uid, "SeriesInstanceUID": ""}
            found = ask(association, values)
            series_uids = [answer.get("SeriesInstanceUID", "") for answer in found]
        listed = [_Series(uid, _list_instances(association, study_uid, uid)) for uid in series_uids if uid]
    if not listed:
        raise FetchError(f"{peer.address} holds no study {study_uid}; look with --list")
    return sorted(listed, key=lambda series: series.uid)


def _list_instances(association: Association, study_uid: str, series_uid: str) -> dict[str, str] | None:
    """Return the instances of a series and their classes; None where the archive does not say."""
    values = {
        "QueryRetrieveLevel": "IMAGE",
        "StudyInstanceUID": study_uid,
        "SeriesInstanceUID": series_uid,
        "SOPInstanceUID": "",
        "SOPClassUID": "",
    }
    try:
        found = ask(association, values)
    except RefusedQueryError as error:
        _LOG.info("the archive does not list instances: %s", error)
        return None
    return {a["SOPInstanceUID"]: a.get("SOPClassUID", "") for a in found if a.get("SOPInstanceUID")} or None


def _proposals(classes: Iterable[str]) -> list[tuple[str, tuple[str, ...]]]:
    """Return the contexts that instances may come in.

    Each compressed encoding has a context of its own where there is room, since an archive that does not
    recompress can then choose the one that the file has; else they share one.
    """
    named = sorted(set(classes))
    apart = len(named) * (1 + len(COMPRESSED)) <= MOST_PROPOSALS
    found: list[tuple[str, tuple[str, ...]]] = []
    for uid in named[: MOST_PROPOSALS // 2]:
        found.append((uid, UNCOMPRESSED))
        found += [(uid, (t,)) for t in COMPRESSED] if apart else [(uid, COMPRESSED)]
    return found


def _retrieval(series: _Series, study_uid: str) -> dict[str, str]:
    """Return the identifier's values of a series to retrieve."""
    return {
        "QueryRetrieveLevel": "SERIES",
        "StudyInstanceUID": study_uid,
        "SeriesInstanceUID": series.uid,
    }


def _get(peer: Peer, series: _Series, incoming: Incoming, haul: _Haul) -> None:
    """Fetch one series by C-GET; what goes wrong is noted."""
    classes = {uid for uid in (series.instances or {}).values() if uid} or set(COMMON_CLASSES)
    proposals = [(STUDY_ROOT_GET, UNCOMPRESSED), *_proposals(classes)]
    try:
        with peer.associate(proposals, provided=sorted({uid for uid, _ in proposals[1:]})) as association:
            agreed = context_for(association.contexts, STUDY_ROOT_GET)
            if agreed is None:
                haul.reasons.append("it does not offer C-GET")
                return
            context_id, transfer = agreed
            association.send_message(
                context_id,
                query_request(GET, STUDY_ROOT_GET, association.next_message_id()),
                encode_dataset(identifier(_retrieval(series, haul.study_uid)), transfer),
            )
            _take_all(association, series.uid, incoming, haul)
    except (AssociationLostError, AssociationRefusedError) as error:
        haul.reasons.append(f"C-GET: {error}")


def _take_all(association: Association, series_uid: str, incoming: Incoming, haul: _Haul) -> None:
    """Take the instances that come on the association of a C-GET, until its last response."""
    arrivals: list[Arrival] = []

    def open_sink(context: Context, command: Command) -> Arrival | None:
        if number(command, "CommandField") != STORE:
            return None
        arrivals.append(
            incoming.begin(
                text(command, "AffectedSOPClassUID"),
                text(command, "AffectedSOPInstanceUID"),
                context.transfer,
            )
        )
        return arrivals[-1]

    try:
        while (message := association.receive(open_sink)) is not None:
            command = message.command
            if number(command, "CommandField") == STORE:
                status = haul.take(arrivals[-1]) if arrivals else 0xA900
                arrivals.clear()
                association.send_message(message.context_id, _stored(command, status))
            elif not is_pending(number(command, "Status")):
                haul.end(series_uid, "C-GET", command)
                return
    finally:
        for arrival in arrivals:
            arrival.discard()


def _stored(command: Command, status: int) -> Command:
    """Return the answer to a C-STORE."""
    return {
        "AffectedSOPClassUID": text(command, "AffectedSOPClassUID"),
        "CommandField": STORE | RESPONSE,
        "MessageIDBeingRespondedTo": number(command, "MessageID"),
        "CommandDataSetType": NO_DATA,
        "Status": status,
        "AffectedSOPInstanceUID": text(command, "AffectedSOPInstanceUID"),
    }


def _move(peer: Peer, wanted: Sequence[_Series], incoming: Incoming, haul: _Haul, door: Door) -> None:
    """Have series sent to a receiver of ours by C-MOVE; what goes wrong is noted."""

    def landed(study_uid: str, series_uid: str, sop_instance_uid: str, path: Path, _size: int) -> None:
        if study_uid != haul.study_uid:
            path.unlink(missing_ok=True)
            raise InstanceError("it is of another study")
        haul.note(series_uid, sop_instance_uid, path)

    patient = Peer(peer.address, peer.own_title, peer.context, MOVE_S)
    try:
        with (
            DimseReceiver(incoming, door, Callbacks(landed=landed)),
            patient.associate([(STUDY_ROOT_MOVE, UNCOMPRESSED)]) as association,
        ):
            agreed = context_for(association.contexts, STUDY_ROOT_MOVE)
            if agreed is None:
                haul.reasons.append("it does not offer C-MOVE")
                return
            context_id, transfer = agreed
            for series in wanted:
                request = query_request(MOVE, STUDY_ROOT_MOVE, association.next_message_id())
                request["MoveDestination"] = door.title
                values = _retrieval(series, haul.study_uid)
                association.send_message(context_id, request, encode_dataset(identifier(values), transfer))
                while (message := association.receive()) is not None:
                    if not is_pending(number(message.command, "Status")):
                        break
                if message is not None:
                    haul.end(series.uid, "C-MOVE", message.command)
    except (AssociationLostError, AssociationRefusedError, OutputError) as error:
        haul.reasons.append(f"C-MOVE: {error}")
