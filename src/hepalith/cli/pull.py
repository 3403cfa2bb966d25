"""`hepalith pull`: studies out of an archive into a folder that `hepalith read` takes."""

from __future__ import annotations

import argparse
import re
import time
import unicodedata
from collections.abc import Sequence
from datetime import datetime
from itertools import islice
from pathlib import Path

from hepalith.cli.failure import show
from hepalith.cli.network_options import add_address_argument, add_network_arguments, counted, remote_of
from hepalith.cli.options import path_given
from hepalith.cli.progress import progress_on_terminal
from hepalith.cli.staging import staged_folder
from hepalith.errors import FetchError, OutputExistsError, UsageError
from hepalith.reading.folder import list_held
from hepalith.server.remote import FoundStudy, Query, Remote

__all__ = ["add_arguments", "run"]

UID = re.compile(r"[0-9][0-9.]{0,63}")
"""What a person may give as a UID (DICOM PS3.5, 9.1); archives hold some that break finer rules."""

MOST_LISTED = 100
"""Studies that --list prints where no other number is given: some screens full."""

MOST_NAMED = 10
"""Studies named in one line of refusal: more would not be read."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options to its parser."""
    add_address_argument(parser)
    parser.add_argument(
        "--out",
        metavar="DIR",
        type=path_given,
        help="folder to write, one folder of DICOM files for each study; it appears whole or not at all; "
        "required without --list",
    )
    parser.add_argument(
        "--list",
        action="store_true",
        help="print the studies that match, with patient's name and id, and fetch nothing (default: off)",
    )
    parser.add_argument(
        "--limit",
        metavar="N",
        type=int,
        default=MOST_LISTED,
        help="most studies that --list prints (default: %(default)s)",
    )
    chosen = parser.add_argument_group("which study")
    chosen.add_argument(
        "--study",
        metavar="UID",
        action="append",
        default=[],
        help="Study Instance UID; may be repeated (default: the one study that the other options find)",
    )
    chosen.add_argument(
        "--series",
        metavar="UID",
        action="append",
        default=[],
        help="only this series of one --study; may be repeated (default: all of them)",
    )
    chosen.add_argument("--patient-id", metavar="ID", default="", help="the patient's id (default: any)")
    chosen.add_argument("--accession", metavar="N", default="", help="accession number (default: any)")
    chosen.add_argument(
        "--date",
        metavar="YYYYMMDD[-YYYYMMDD]",
        type=dates_given,
        help="day of the study, or the first and last day (default: any)",
    )
    chosen.add_argument(
        "--modality", choices=("CT", "US"), default="", help="studies that hold this modality (default: any)"
    )
    parser.add_argument(
        "--incomplete",
        action="store_true",
        help="keep a study of which the archive could not give every instance (default: off, and it is not)",
    )
    reached = parser.add_argument_group("how the archive is reached")
    add_network_arguments(reached)
    reached.add_argument(
        "--port",
        metavar="N",
        type=int,
        help="port at which we take what the archive sends for C-MOVE, dicom:// only; the archive must know "
        "our title and this port (default: none, and C-GET is used)",
    )


def dates_given(text: str) -> str:
    """Return a day or two days with a hyphen between; argparse says what is wrong with them."""
    days = text.split("-")
    try:
        parsed = [datetime.strptime(day, "%Y%m%d") for day in days]  # noqa: DTZ007
    except ValueError:
        parsed = []
    if not parsed or len(days) > 2 or any(len(day) != 8 for day in days) or parsed != sorted(parsed):
        raise argparse.ArgumentTypeError(f"{text!r} is no day as 20240131, nor two as 20240101-20240131")
    return text


def run(arguments: argparse.Namespace) -> int:
    """List, or fetch and tell what came."""
    query = Query(
        patient_id=arguments.patient_id,
        accession_number=arguments.accession,
        date=arguments.date or "",
        modality=arguments.modality,
    )
    check(arguments, query)
    remote = remote_of(arguments, **({} if arguments.port is None else {"move_port": arguments.port}))
    if arguments.list:
        return list_studies(remote, arguments, query)
    if list_held(arguments.out):
        raise OutputExistsError(f"{arguments.out} is not empty; choose another --out")
    with progress_on_terminal() as progress:
        progress("asking")
        studies = arguments.study or [find_one(remote, query)]
        start = time.monotonic()
        with staged_folder(arguments.out) as staging:
            for study in studies:
                progress(f"fetching {study}")
                fetch(remote, study, staging, arguments)
            files = [file for file in staging.rglob("*.dcm") if file.is_file()]
            size = sum(file.stat().st_size for file in files)
    seconds = time.monotonic() - start
    fetched = f"{counted(len(files), 'file')} of {counted(len(studies), 'study', 'studies')}"
    show(
        f"{fetched}, {size / 1e6:.1f} MB in {seconds:.1f} s\n"
        f"read them: hepalith read {arguments.out} --out READING"
    )
    return 0


def check(arguments: argparse.Namespace, query: Query) -> None:
    """Refuse what cannot be meant.

    Raises
    ------
    UsageError
        Saying which options.
    """
    if arguments.list:
        if arguments.out is not None or arguments.series:
            raise UsageError("--list prints and fetches nothing; leave out --out and --series, or --list")
        if arguments.limit < 1:
            raise UsageError(f"--limit {arguments.limit} lists nothing; give 1 or more")
    elif arguments.out is None:
        raise UsageError("--out DIR is needed to fetch into; add it, or look with --list")
    elif not arguments.study and query == Query():
        raise UsageError(
            "say which study: --study UID, --patient-id, --accession or --date; look with --list"
        )
    if arguments.study and query != Query():
        raise UsageError("--study UID names the study; leave out what would search for it")
    for option, uids in (("--study", arguments.study), ("--series", arguments.series)):
        wrong = [uid for uid in uids if not UID.fullmatch(uid)]
        if wrong:
            raise UsageError(
                f"{option} {wrong[0][:70]!r} is no UID: digits and dots, 64 at most; look with --list"
            )
    if arguments.series and len(arguments.study) != 1:
        raise UsageError("--series UID needs the one --study UID that it belongs to")
    if arguments.port is not None and not 0 < arguments.port < 65536:
        raise UsageError(f"--port {arguments.port} is no port; give 1 to 65535")


def find_one(remote: Remote, query: Query) -> str:
    """Return the one study that matches.

    Raises
    ------
    FetchError
        If none does.
    UsageError
        If several do; they are listed by their UIDs, which name nobody.
    """
    found = [study.uid for study in islice(remote.find(query), MOST_NAMED + 1)]
    if not found:
        raise FetchError(f"{remote.address} holds no study that matches; look with --list")
    if len(found) > 1:
        more = " and more" if len(found) > MOST_NAMED else ""
        raise UsageError(
            f"several studies match: {', '.join(found[:MOST_NAMED])}{more}; choose with --study UID"
        )
    return found[0]


def fetch(remote: Remote, study: str, staging: Path, arguments: argparse.Namespace) -> None:
    """Write one study into a folder of its own.

    Raises
    ------
    FetchError
        If the archive gives nothing, or not all of it and that is not enough.
    """
    if not study.replace(".", "").isdigit():
        raise UsageError(f"--study {study!r} is no UID: digits and dots; look with --list")
    into = staging / study
    into.mkdir(exist_ok=True)
    fetched = remote.fetch(study, into, arguments.series)
    if fetched.failed and not arguments.incomplete:
        raise FetchError(
            f"{remote.address} could not give {counted(fetched.failed, 'instance')} of study {study} "
            f"({fetched.reason}); nothing was kept: try again, or keep what comes with --incomplete"
        )
    if fetched.failed:
        verb = "is" if fetched.failed == 1 else "are"
        show(f"{counted(fetched.failed, 'instance')} of study {study} {verb} missing ({fetched.reason})")


def list_studies(remote: Remote, arguments: argparse.Namespace, query: Query) -> int:
    """Print the studies that match as a table."""
    with progress_on_terminal() as progress:
        progress("asking")
        if arguments.study:
            found = [one for uid in arguments.study for one in remote.find(Query(study_uid=uid))]
        else:
            found = list(islice(remote.find(query), arguments.limit + 1))
    if not found:
        show("no study matches")
        return 0
    listed = sorted(found[: arguments.limit], key=lambda one: (one.date, one.uid))
    show(table([HEADINGS, *map(row, listed)]))
    if len(found) > arguments.limit:
        show(f"more match than these {arguments.limit}: narrow the query, or raise --limit")
    return 0


HEADINGS = ("study", "date", "holds", "files", "patient id", "patient", "accession", "description")


def row(study: FoundStudy) -> tuple[str, ...]:
    """Return one study as cells; what an archive says may not steer the terminal."""
    cells = (
        study.uid,
        study.date,
        "/".join(study.modalities),
        "" if study.instances is None else str(study.instances),
        study.patient_id,
        study.patient_name,
        study.accession_number,
        study.description,
    )
    return tuple("".join(c if c.isprintable() else " " for c in cell).strip() or "-" for cell in cells)


def table(rows: Sequence[Sequence[str]]) -> str:
    """Return rows as columns that stand one beneath the other; Chinese letters are two wide."""
    widths = [max(map(width, column)) for column in zip(*rows, strict=True)]
    lines = (
        "  ".join(cell + " " * (wide - width(cell)) for cell, wide in zip(cells, widths, strict=True))
        for cells in rows
    )
    return "\n".join(line.rstrip() for line in lines)


def width(text: str) -> int:
    """Return how many columns of a terminal a text takes.

    Examples
    --------
    >>> width("CT"), width("肝")
    (2, 2)
    """
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text
    )
