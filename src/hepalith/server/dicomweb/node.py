"""An archive that is reached over DICOMweb.

References
----------
DICOM PS3.18, 10.4 (retrieve), 10.5 (store), 10.6 (search).
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from hepalith.errors import FetchError
from hepalith.server.dicomweb.find import (
    DICOM_JSON,
    Entry,
    count,
    first,
    found_study,
    matches,
    parse_answer,
    query_items,
    without_escapes,
)
from hepalith.server.dicomweb.http import BrokenStreamError, Http, refusal
from hepalith.server.dicomweb.multipart import DICOM_PARTS, boundary_of, read_parts
from hepalith.server.dicomweb.store import name_file, send_files
from hepalith.server.dimse.incoming import LARGEST_BYTES
from hepalith.server.patience import Patience
from hepalith.server.remote import Address, Credentials, Fetched, FoundStudy, Query, Stored, Tls

__all__ = ["DicomwebRemote"]

PAGE = 200
"""Entries asked for at a time; archives may give fewer."""

UID: Final = re.compile(r"[0-9][0-9.]{0,63}")
"""What a UID is made of (DICOM PS3.5, 9.1): nothing else becomes part of a path."""

AS_STORED: Final = f"{DICOM_PARTS}; transfer-syntax=*"
"""Whatever compression an archive keeps: none is undone or done for us (DICOM PS3.18, 8.7.3.5.2)."""


class DicomwebRemote:
    """An archive at the root of DICOMweb services.

    Parameters
    ----------
    address, tls, credentials
        Where it is, whom to trust there, who asks.
    patience
        How long it is waited for.
    """

    def __init__(
        self,
        address: Address,
        tls: Tls | None = None,
        credentials: Credentials | None = None,
        patience: Patience | None = None,
    ) -> None:
        self._http = Http(address, tls or Tls(), credentials or Credentials(), patience)

    @property
    def address(self) -> Address:
        """Where it is."""
        return self._http.address

    def echo(self) -> None:
        """Make sure that it answers: search for one study, whichever."""
        self._search("/studies", [("limit", "1")], "search")

    def find(self, query: Query) -> Iterator[FoundStudy]:
        """Yield the studies that match, each once, page by page."""
        yielded = 0
        for entry in self._entries(query):
            study = found_study(entry)
            if not UID.fullmatch(study.uid) or not matches(study, query):
                continue  # what has no UID cannot be asked for
            yield study
            yielded += 1
            if yielded == query.limit:
                return

    def _entries(self, query: Query) -> Iterator[Entry]:
        """Yield what a search answers; where it is nothing, what it answers without escapes in its URL.

        Orthanc's plug-in 1.7 does not undo them, and finds nothing under a name with a space or a ``^``.
        """
        asked = query_items(query)
        was_answered = False
        for entry in self._pages("/studies", asked, "0020000D"):
            was_answered = True
            yield entry
        plain = without_escapes(asked)
        if not was_answered and plain != asked:
            yield from self._pages("/studies", plain, "0020000D")

    def fetch(self, study_uid: str, into: Path, series_uids: Sequence[str] = ()) -> Fetched:
        """Write the instances of a study (or of some of its series) into a folder, one file each.

        Every series is one stream that goes to disk as it comes. A stream that breaks off is asked for
        again; what had come whole stays.
        """
        series = self._list_series(study_uid, series_uids)
        files: dict[str, Path] = {}
        failed, why = 0, ""
        for uid, instances in series.items():
            came = self._fetch_series(study_uid, uid, into)
            files |= came
            if instances is not None and len(came) < instances:
                failed += instances - len(came)
                why = f"it lists {instances} instances of series {uid} and gave {len(came)}"
        if not files:
            raise FetchError(f"{self.address} gave nothing of study {study_uid}; ask whether it is offline")
        return Fetched(tuple(files.values()), failed, why)

    def store(self, files: Sequence[Path]) -> tuple[Stored, ...]:
        """Send DICOM files; one answer each, in order."""
        return send_files(self._http, files, self._holds_quietly)

    def holds(self, study_uid: str, series_uid: str, sop_instance_uid: str) -> bool | None:
        """Return whether it has an instance; None where it cannot be searched for one."""
        check_uids(study_uid, series_uid, sop_instance_uid)
        path = f"/studies/{study_uid}/series/{series_uid}/instances"
        answer = self._http.get(path, DICOM_JSON, [("SOPInstanceUID", sop_instance_uid)])
        if answer.status in (204, 404):
            return False
        if answer.status != 200:
            if answer.status in (401, 403):
                raise FetchError(refusal(self._http, answer, "search"))
            return None
        entries = parse_answer(answer.content, answer.type, str(self.address))
        return any(first(entry, "00080018") == sop_instance_uid for entry in entries)

    def _holds_quietly(self, study_uid: str, series_uid: str, sop_instance_uid: str) -> bool | None:
        """Return whether it has an instance; None also where it cannot be asked."""
        with contextlib.suppress(FetchError):
            return self.holds(study_uid, series_uid, sop_instance_uid)
        return None

    def _list_series(self, study_uid: str, wanted: Sequence[str]) -> dict[str, int | None]:
        """Return the series of a study, each with how many instances it has.

        Raises
        ------
        FetchError
            If the archive does not hold the study, or one of the series that are wanted.
        """
        check_uids(study_uid, *wanted)
        query = [("includefield", "00201209")]
        entries = self._pages(f"/studies/{study_uid}/series", query, "0020000E")
        held = {first(entry, "0020000E"): count(entry, "00201209") for entry in entries}
        if not held:
            raise FetchError(f"{self.address} holds no study {study_uid}; look with --list")
        missing = [uid for uid in wanted if uid not in held]
        if missing:
            raise FetchError(f"{self.address} holds no series {missing[0]} in study {study_uid}")
        return {uid: number for uid, number in sorted(held.items()) if not wanted or uid in wanted}

    def _fetch_series(self, study_uid: str, series_uid: str, into: Path) -> dict[str, Path]:
        """Write one series; return its files by instance."""
        check_uids(study_uid, series_uid)
        came: dict[str, Path] = {}
        patience = self._http.patience
        for attempt in range(patience.attempts):
            try:
                self._stream_series(f"/studies/{study_uid}/series/{series_uid}", study_uid, into, came)
            except BrokenStreamError as error:
                if attempt == patience.attempts - 1:
                    raise FetchError(f"{self.address}: series {series_uid}: {error}") from error
                patience.wait(attempt)
                continue
            return came
        raise AssertionError("the last attempt returns or raises")

    def _stream_series(self, path: str, study_uid: str, into: Path, came: dict[str, Path]) -> None:
        """Write the parts of one answer as they come, and add them to `came`."""
        for accept in (AS_STORED, DICOM_PARTS):
            with self._http.stream(path, accept) as response:
                if response.status == 406 and accept == AS_STORED:
                    continue  # older archives do not know "as stored"
                if response.status in (204, 404, 410):
                    return
                if response.status not in (200, 206):
                    raise FetchError(refusal(self._http, response, f"give study {study_uid}"))
                try:
                    boundary = boundary_of(response.headers.get("Content-Type", ""))
                    for part in read_parts(self._http.blocks(response), boundary):
                        self._write_part(part, study_uid, into, came)
                except BrokenStreamError:
                    raise
                except FetchError as error:
                    known = str(self.address)
                    line = str(error)
                    raise FetchError(line if line.startswith(known) else f"{known} {line}") from error
                return

    def _write_part(self, part: Iterator[bytes], study_uid: str, into: Path, came: dict[str, Path]) -> None:
        """Write one instance beside its place, and name it when it is whole and of this study."""
        arriving = into / ".arriving"
        try:
            size = 0
            with arriving.open("wb") as file:  # buffered: a short write is an error, or written on
                for block in part:
                    size += len(block)
                    if size > LARGEST_BYTES:
                        raise FetchError(f"gives an instance of more than {LARGEST_BYTES} bytes")
                    file.write(block)
            named = name_file(arriving)
            check_uids(named.sop_instance_uid)
            if named.study_uid != study_uid:
                raise FetchError(f"gave an instance of another study than {study_uid}; tell who runs it")
            place = into / f"{named.sop_instance_uid}.dcm"
            arriving.replace(place)
            came[named.sop_instance_uid] = place
        finally:
            arriving.unlink(missing_ok=True)

    def _pages(self, path: str, query: Sequence[tuple[str, str]], key: str) -> Iterator[Entry]:
        """Yield the entries of a search, page by page, each once.

        An archive may give fewer than it was asked for, or take no notice of pages: the search ends where
        a page brings nothing new.

        Raises
        ------
        FetchError
            If it gives full pages that are all the same: some studies could never be seen.
        """
        seen: set[str] = set()
        offset = 0
        while True:
            page = [*query, ("limit", str(PAGE)), ("offset", str(offset))]
            entries = self._search(path, page, "search")
            fresh = [entry for entry in entries if first(entry, key) not in seen]
            if not fresh:
                if len(entries) == PAGE:
                    raise FetchError(f"{self.address} gives one page of {PAGE} and no other; ask for less")
                return
            seen |= {first(entry, key) for entry in fresh}
            yield from fresh
            offset += len(entries)

    def _search(self, path: str, query: Sequence[tuple[str, str]], wanted: str) -> list[Entry]:
        """Return one page of a search."""
        answer = self._http.get(path, DICOM_JSON, query)
        if answer.status == 204:
            return []
        if answer.status not in (200, 206):
            if answer.status == 404 and path != "/studies":
                return []
            raise FetchError(refusal(self._http, answer, wanted))
        return parse_answer(answer.content, answer.type, str(self.address))


def check_uids(*uids: str) -> None:
    """Refuse what is no UID before it becomes part of a URL or a path.

    Raises
    ------
    FetchError
        Naming it.
    """
    for uid in uids:
        if not UID.fullmatch(uid):
            raise FetchError(f"{uid[:70]!r} is no UID: digits and dots, 64 at most")
