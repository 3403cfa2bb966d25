"""`hepalith listen`: studies come in from the hospital, are read, and the results go back."""

from __future__ import annotations

import argparse
import contextlib
import logging
import signal
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from hepalith.cli.failure import show
from hepalith.cli.format_options import formats_named
from hepalith.cli.network_options import title_given, tls_of
from hepalith.cli.options import add_telling_arguments, path_given
from hepalith.errors import UsageError
from hepalith.management import load_policy
from hepalith.report.formats import check_extras
from hepalith.server.connect import connect
from hepalith.server.credentials import read_credentials
from hepalith.server.dimse.incoming import Incoming
from hepalith.server.dimse.receiver import DimseReceiver, Door
from hepalith.server.intake import Readable
from hepalith.server.job.folder import DataFolder
from hepalith.server.job.job import Job, State
from hepalith.server.job.store import JobStore
from hepalith.server.listen import Listener, Plan, retry
from hepalith.server.remote import DICOM_PORT, parse_address
from hepalith.server.retention import Retention
from hepalith.server.worker import Reader, read_command
from hepalith.settings import Formats

__all__ = ["add_arguments", "run"]

WRITTEN = "seg,sr,dicompdf"
"""What is written and sent where nothing is named: what systems show of a reading, each in its own way."""

LONGEST_READING_S = 1800.0
"""Seconds after which a reading is stopped: a hundred times what one of 400 slices takes on two cores
(``benchmarks/speed.py``), so that only one that hangs is stopped."""

LEAVE_S = 10.0
"""Seconds that senders have to finish when the listener is stopped; a slice takes some milliseconds."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options to its parser."""
    parser.add_argument(
        "--data",
        metavar="DIR",
        type=path_given,
        required=True,
        help="folder of everything that is kept: images, readings, jobs; on a disk of this machine",
    )
    add_door_arguments(parser.add_argument_group("receiving"))
    add_reading_arguments(parser.add_argument_group("reading"))
    add_keeping_arguments(parser.add_argument_group("sending and keeping"))
    looking = parser.add_argument_group("looking (beside a listener that runs, or without one)")
    looking.add_argument("--status", action="store_true", help="print the jobs and end (default: off)")
    looking.add_argument(
        "--retry",
        metavar="JOB",
        action="append",
        default=[],
        help="try a failed job again, by its number, or 'all'; may be repeated; then end",
    )


def add_door_arguments(group: argparse._ArgumentGroup) -> None:
    """Add where it listens and whom it lets in."""
    defaults = Door()
    group.add_argument(
        "--host",
        default=defaults.host,
        help="address to listen at; 0.0.0.0 for every network of this machine (default: %(default)s)",
    )
    group.add_argument(
        "--port", metavar="N", type=int, default=DICOM_PORT, help="port (default: %(default)s)"
    )
    group.add_argument(
        "--title",
        type=title_given,
        default=defaults.title,
        help="our application entity title (default: %(default)s)",
    )
    group.add_argument(
        "--allow",
        metavar="TITLE",
        type=title_given,
        action="append",
        default=[],
        help="let in only senders of this title; may be repeated (default: all)",
    )
    for name, what in (
        ("certificate", "our certificate (PEM); with it TLS is spoken to senders"),
        ("key", "its key (PEM), without a password"),
        (
            "authorities",
            "whom to trust (PEM), also of --send; with --tls-certificate senders must show one too",
        ),
    ):
        group.add_argument(f"--tls-{name}", metavar="FILE", type=path_given, help=f"{what} (default: none)")
    group.add_argument(
        "--quiet",
        metavar="S",
        type=float,
        default=10.0,
        help="seconds without a new image after which a study is complete (default: %(default)g)",
    )
    group.add_argument(
        "--once",
        action="store_true",
        help="end when everything that came is done or failed, as soon as something came (default: off)",
    )


def add_reading_arguments(group: argparse._ArgumentGroup) -> None:
    """Add how studies are read."""
    add_telling_arguments(group, "report")
    group.add_argument(
        "--modality", choices=("CT", "US"), help="read this alone; others are kept, not read (default: both)"
    )
    group.add_argument(
        "--write",
        metavar="LIST",
        type=formats_named,
        default=formats_named(WRITTEN),
        help=f"formats to write, as in hepalith read; those that are DICOM are sent (default: {WRITTEN})",
    )
    group.add_argument(
        "--segmentation",
        choices=("binary", "labelmap"),
        default=Formats().segmentation,
        help="kind of DICOM segmentation (default: %(default)s)",
    )
    group.add_argument(
        "--limit",
        metavar="S",
        type=float,
        default=LONGEST_READING_S,
        help="seconds that a reading may take (default: %(default)g)",
    )
    group.add_argument(
        "--deidentify",
        action="store_true",
        help="readings and what is sent name nobody; images that came in do, until they are deleted "
        "(default: off)",
    )


def add_keeping_arguments(group: argparse._ArgumentGroup) -> None:
    """Add where results go and how long everything is kept."""
    defaults = Retention()
    group.add_argument(
        "--send",
        metavar="ADDRESS",
        action="append",
        default=[],
        help="archive to send results to: dicom://TITLE@host:port, dicoms://…, or http(s)://host/dicom-web; "
        "who asks over http is in HEPALITH_USER and HEPALITH_PASSWORD, or HEPALITH_TOKEN; may be repeated "
        "(default: nowhere)",
    )
    group.add_argument(
        "--keep",
        metavar="DAYS",
        type=float,
        default=defaults.days,
        help="days after which images and readings of done studies are deleted (default: %(default)g)",
    )
    group.add_argument(
        "--keep-failed",
        metavar="DAYS",
        type=float,
        default=defaults.failed_days,
        help="the same of failed ones (default: %(default)g)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Listen until stopped; or look at the jobs."""
    if arguments.status or arguments.retry:
        return look(arguments)
    plan, door, tls = plan_of(arguments), door_of(arguments), tls_of(arguments)
    reach = partial(connect, tls=tls, credentials=read_credentials(), own_title=door.title)
    with logged(), Listener(plan, reach) as listener, stopped_by_signals(listener):
        receiver = DimseReceiver(Incoming(listener.data.incoming), door, listener.callbacks)
        receiver.start()
        try:
            show(f"listening as {door.title} at {door.host}:{receiver.port}")
            listener.run(once=arguments.once)
        finally:
            listener.stop()
            receiver.stop(wait_s=LEAVE_S)
    return 0


def look(arguments: argparse.Namespace) -> int:
    """Try jobs again, or print them all."""
    data = DataFolder(arguments.data)
    if not data.store.is_file():
        raise UsageError(f"{arguments.data} holds no jobs; give the --data of a listener")
    with JobStore(data.store) as store:
        jobs = asked_for(store, arguments.retry)
        if arguments.retry and not jobs:
            show("no job has failed")
        for job in jobs:
            moved = retry(store, data, job)
            show(f"job {moved.id}: {moved.state}")
        if arguments.status:
            show(table(store.jobs()))
    return 0


def asked_for(store: JobStore, named: list[str]) -> list[Job]:
    """Return the jobs that a person named by number, or every failed one."""
    if "all" in named:
        return list(store.jobs(State.FAILED))
    wrong = [name for name in named if not name.isdecimal()]
    if wrong:
        raise UsageError(f"--retry {wrong[0]!r} is no job; give its number from --status, or all")
    return [store.job(int(name)) for name in named]


def table(jobs: tuple[Job, ...]) -> str:
    """Return the jobs as a table."""
    if not jobs:
        return "no jobs yet"
    rows = [("job", "state", "since (UTC)", "images", "tries", "study", "reason")]
    for job in jobs:
        since = datetime.fromtimestamp(job.changed_at, UTC).strftime("%Y-%m-%d %H:%M:%S")
        study = job.study_uid if job.generation == 1 else f"{job.study_uid} ({job.generation})"
        tries = job.attempts + job.interrupted + job.tries
        reason = f"{job.reason} (deleted)".strip() if job.swept_at else job.reason
        rows.append((str(job.id), job.state.value, since, str(job.instances), str(tries), study, reason))
    widths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]) - 1)]
    return "\n".join(
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1]]).rstrip()
        for row in rows
    )


def plan_of(arguments: argparse.Namespace) -> Plan:
    """Return what the arguments ask for."""
    for name, least in (("quiet", 0), ("keep", 0), ("keep_failed", 0), ("limit", 1)):
        value = getattr(arguments, name)
        if not least <= value < float("inf"):
            option = name.replace("_", "-")
            raise UsageError(f"--{option} {value:g} cannot be: give a number of at least {least}")
    load_policy(arguments.policy)
    check_extras(Formats(arguments.write))
    return Plan(
        data=arguments.data.resolve(),
        reader=Reader(read_command(read_options(arguments)), limit_s=arguments.limit),
        readable=Readable(arguments.modality),
        quiet_s=arguments.quiet,
        addresses=tuple(parse_address(text) for text in arguments.send),
        retention=Retention(arguments.keep, arguments.keep_failed),
    )


def read_options(arguments: argparse.Namespace) -> tuple[str, ...]:
    """Return the options of `hepalith read` for every study."""
    policy = arguments.policy
    if Path(policy).is_file():
        policy = str(Path(policy).resolve())
    options = ["--write", ",".join(arguments.write), "--segmentation", arguments.segmentation]
    options += ["--policy", policy, "--language", arguments.language]
    if arguments.modality is not None:
        options += ["--modality", arguments.modality]
    if arguments.deidentify:
        options.append("--deidentify")
    return tuple(options)


def door_of(arguments: argparse.Namespace) -> Door:
    """Return where the arguments let senders in."""
    if not 0 <= arguments.port < 65536:
        raise UsageError(f"--port {arguments.port} cannot be; give one up to 65535")
    is_alone = arguments.tls_authorities is not None and arguments.tls_certificate is None
    if is_alone and not any(parse_address(text).encrypted for text in arguments.send):
        raise UsageError(
            "--tls-authorities FILE alone checks no sender, since none speaks TLS to us; "
            "give --tls-certificate FILE as well"
        )
    return Door(
        host=arguments.host,
        port=arguments.port,
        title=arguments.title,
        allowed=frozenset(arguments.allow),
        tls=tls_of(arguments) if arguments.tls_certificate is not None else None,
    )


@contextlib.contextmanager
def logged() -> Iterator[None]:
    """Write what our own modules log to standard output, in UTC; libraries' logs may hold names."""
    handler = logging.StreamHandler(sys.stdout)
    form = logging.Formatter("%(asctime)sZ %(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%S")
    form.converter = time.gmtime
    handler.setFormatter(form)
    ours = logging.getLogger("hepalith")
    level, ours.propagate = ours.level, False
    ours.setLevel(logging.INFO)
    ours.addHandler(handler)
    try:
        yield
    finally:
        ours.removeHandler(handler)
        ours.setLevel(level)
        ours.propagate = True


@contextlib.contextmanager
def stopped_by_signals(listener: Listener) -> Iterator[None]:
    """Let SIGTERM and Ctrl-C end the listener in good order."""
    before = {
        number: signal.signal(number, lambda *_: listener.stop())
        for number in (signal.SIGTERM, signal.SIGINT)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
