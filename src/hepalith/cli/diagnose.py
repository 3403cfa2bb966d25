"""`hepalith diagnose`: what it may be and what to do, from a patient file or a report's text."""

from __future__ import annotations

import argparse
import codecs
import hashlib
import json
import os
import shutil
import sys
import unicodedata
import uuid
from dataclasses import asdict
from pathlib import Path
from typing import Any

from hepalith.cli.failure import say, show
from hepalith.cli.options import add_telling_arguments, path_given
from hepalith.errors import (
    InputError,
    OutputError,
    OutputExistsError,
    PatientFileError,
    UnreadableFileError,
    UsageError,
)
from hepalith.management import load_policy
from hepalith.reading.document import InputEntry
from hepalith.reading.opinion import TABLE_WIDTH, Opinion, WhatIf, diagnose
from hepalith.settings import Settings
from hepalith.study.patient import Patient
from hepalith.study.patient_file import read_patient

__all__ = ["add_arguments", "run"]

MOST_TEXT_BYTES = 100_000
"""Size above which a report is refused unread: the longest has some ten kilobytes."""

NOT_ANSWERABLE = 4
"""Exit status where the text was read and holds nothing to diagnose."""

WIDEST = 120
"""Columns beyond which lines are no longer easy to read. Our judgement."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options to its parser."""
    parser.add_argument(
        "file",
        metavar="FILE",
        nargs="?",
        type=path_given,
        help="patient file (TOML or JSON) with a findings table; see hepalith schema patient",
    )
    parser.add_argument(
        "--text",
        metavar="FILE",
        type=path_given,
        help="report in English or Chinese whose findings are read; where FILE says otherwise, FILE is "
        "believed (default: none)",
    )
    parser.add_argument(
        "--explain",
        action="store_true",
        help="also say why: evidence for and against with weights (log10 of the likelihood ratio), and "
        "which unknown findings would matter (default: off)",
    )
    parser.add_argument(
        "--what-if",
        metavar="FINDING=STATE",
        action="append",
        default=[],
        type=change_given,
        help="show beside it what would be believed if this were so, as in dilated_ducts=true, "
        "host_kind=solid, 'largest_calcium=12 mm', fever=unknown; may be repeated",
    )
    parser.add_argument(
        "--json",
        action="store_true",
        help="print the parts of reading.json that apply instead of a table (default: off)",
    )
    add_telling_arguments(parser, "table")
    parser.add_argument(
        "--out",
        metavar="FILE",
        type=path_given,
        help="write it to this file instead of standard output; it appears whole or not at all "
        "(default: standard output)",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace the file of --out (default: off)")


def change_given(text: str) -> tuple[str, Any]:
    """Return a finding and its state from ``FINDING=STATE``."""
    name, equals, state = text.partition("=")
    if not equals or not name.strip() or not state.strip():
        raise argparse.ArgumentTypeError(f"{text!r} is not FINDING=STATE, as in dilated_ducts=true")
    return name.strip(), value_given(state.strip())


def value_given(written: str) -> Any:
    """Return a state as a patient file would hold it: a number, a table or a list as JSON, else the word."""
    try:
        return json.loads(written)
    except ValueError:
        return {"true": True, "false": False}.get(written.lower(), written)


def run(arguments: argparse.Namespace) -> int:
    """Diagnose, and print the table or the JSON."""
    refuse_contradictions(arguments)
    load_policy(arguments.policy)
    settings = Settings(policy=arguments.policy, language=arguments.language)
    opinion = form(arguments.file, arguments.text, settings)
    nothing = arguments.file is None and opinion.report is not None and not opinion.report.findings
    if arguments.json or not nothing:
        changed = imagine(opinion, arguments.what_if)
        form_text = as_json if arguments.json else as_table
        write(form_text(opinion, changed, arguments), arguments)
    if nothing:
        say(f"hepalith: {arguments.text}: nothing in it was understood as a finding of the liver")
    return NOT_ANSWERABLE if nothing else 0


def refuse_contradictions(arguments: argparse.Namespace) -> None:
    """Raise `UsageError` where options do not fit each other."""
    if arguments.file is None and arguments.text is None:
        raise UsageError("diagnose needs a patient FILE, or a report with --text FILE")
    given = [path.resolve() for path in (arguments.file, arguments.text) if path is not None]
    if arguments.out is not None and arguments.out.resolve() in given:
        raise UsageError(f"--out {arguments.out} is what is read; choose another --out")


def imagine(opinion: Opinion, changes: list[tuple[str, Any]]) -> WhatIf | None:
    """Return the opinion with the changes beside it; None where there are none.

    Raises
    ------
    UsageError
        If a change cannot be used: it stands on the command line.
    """
    try:
        return opinion.what_if(dict(changes)) if changes else None
    except PatientFileError as error:
        raise UsageError(f"--{str(error).replace(' ', '-', 1)}") from None


def write(text: str, arguments: argparse.Namespace) -> None:
    """Write the result to where it was asked for."""
    if arguments.out is None:
        show(text)
    else:
        write_whole(arguments.out, text + "\n", overwrite=arguments.overwrite)


def form(file: Path | None, report: Path | None, settings: Settings) -> Opinion:
    """Return the opinion on a patient file, a report, or both.

    Raises
    ------
    InputError
        If one of them cannot be read, or a patient file says nothing at all.
    """
    patient = Patient() if file is None else read_patient(file)
    if file is not None and report is None and patient == Patient():
        raise InputError(f"{file}: it says nothing of a patient; see hepalith schema patient for its keys")
    text = None if report is None else read_text(report)
    inputs = tuple(digest(path) for path in (file, report) if path is not None)
    return diagnose(patient, settings=settings, report=text, inputs=inputs)


def read_text(path: Path) -> str:
    """Return a report's text: UTF-8, UTF-16 with its mark, or GB 18030 as Chinese systems export it.

    Raises
    ------
    UnreadableFileError
        If it cannot be opened, is empty, huge or no text.
    """
    try:
        huge = path.stat().st_size > MOST_TEXT_BYTES
        content = b"" if huge else path.read_bytes()
    except OSError as error:
        raise UnreadableFileError(f"{path}: the report cannot be read: {error.strerror or error}") from None
    if huge:
        most = f"{MOST_TEXT_BYTES // 1000} kB"
        raise UnreadableFileError(f"{path}: a report has less than {most}, this has more")
    utf_16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    for encoding in ("utf-16",) if utf_16 else ("utf-8-sig", "gb18030"):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if is_text(text):
            if not text.strip():
                raise UnreadableFileError(f"{path}: the report is empty")
            return text
    raise UnreadableFileError(f"{path}: it is no text; give the report as plain text in UTF-8")


def is_text(text: str) -> bool:
    """Return whether decoded bytes are text: no control characters but those of lines and tabs."""
    return not any(unicodedata.category(c) in {"Cc", "Co", "Cn"} and c not in "\n\r\t\f\v" for c in text)


def digest(path: Path) -> InputEntry:
    """Return a file's name and the digest of its content."""
    return InputEntry(file=path.name, sha256=hashlib.sha256(path.read_bytes()).hexdigest())


def as_json(opinion: Opinion, changed: WhatIf | None, arguments: argparse.Namespace) -> str:
    """Return what JSON says: the opinion; if asked, which unknowns would matter and what would change."""
    held = opinion.to_dict()
    if arguments.explain:
        held["would_matter"] = [asdict(unknown) for unknown in opinion.unknown_that_matters()]
    if changed is not None:
        held["what_if"] = {"changes": dict(changed.changes), "then": changed.after.to_dict()}
    return json.dumps(held, ensure_ascii=False, indent=1, allow_nan=False)


def as_table(opinion: Opinion, changed: WhatIf | None, arguments: argparse.Namespace) -> str:
    """Return the tables: of the opinion, of its reasons and of what would change, where asked for."""
    on_terminal = sys.stdout.isatty() and arguments.out is None
    width = min(shutil.get_terminal_size((TABLE_WIDTH, 24)).columns, WIDEST) if on_terminal else TABLE_WIDTH
    colour = on_terminal and not os.environ.get("NO_COLOR")
    parts = [opinion.table(width=width, colour=colour)]
    if arguments.explain:
        parts.insert(0, opinion.explain(width=width, colour=colour))
    if changed is not None:
        parts.insert(0, changed.table(width=width, colour=colour))
    return "\n\n".join(reversed(parts))


def write_whole(path: Path, text: str, *, overwrite: bool) -> None:
    """Write a file so that it appears whole or not at all.

    Raises
    ------
    OutputError
        If it is there already and `overwrite` is false, or cannot be written.
    """
    if path.exists() and not overwrite:
        raise OutputExistsError(f"{path} is there already; choose another --out, or add --overwrite")
    staging = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
    try:
        staging.write_text(text, encoding="utf-8")
        staging.replace(path)
    except OSError as error:
        staging.unlink(missing_ok=True)
        reason = (error.strerror or str(error)).lower()
        raise OutputError(f"{path} cannot be written ({reason}); choose another --out") from error
