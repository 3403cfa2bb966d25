"""Dispatch: the parser, the commands, and what a person sees when something goes wrong."""

from __future__ import annotations

import argparse
import contextlib
import gc
import importlib
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NoReturn

from hepalith import __version__
from hepalith.cli.failure import guarded

__all__ = ["main"]


@dataclass(frozen=True, slots=True)
class Command:
    """A subcommand: its module under `hepalith.cli`, loaded only when it is asked for."""

    name: str
    summary: str
    is_brief: bool = False
    """Done within a second, in little memory."""

    @property
    def module(self) -> str:
        """The module that holds ``add_arguments(parser)`` and ``run(arguments)``."""
        return f"hepalith.cli.{self.name}"


COMMANDS = (
    Command("read", "read one examination and write the reading folder"),
    Command("write", "write DICOM, FHIR, PDF or a calendar from a reading made before"),
    Command("accept", "accept a reading as a physician: its documents become final", is_brief=True),
    Command(
        "diagnose", "say what it may be and what to do, from a patient file or a report alone", is_brief=True
    ),
    Command("demo", "make a phantom CT, read it, say where the report is"),
    Command("phantom", "make studies with known answers, or put foci into a real CT"),
    Command("evaluate", "measure the product on studies with known answers"),
    Command("pull", "fetch studies from an archive (PACS), or list those that match"),
    Command("send", "send what was written of a reading, or DICOM files, to an archive (PACS)"),
    Command("listen", "receive studies, read each, and send the results back"),
    Command("schema", "print a JSON Schema, or every id of the vocabulary"),
)
"""In the order that help lists them."""

DESCRIPTION = (
    "The open reader of intrahepatic calcification. "
    "Research use; not a cleared device; to be confirmed by a physician."
)

EPILOGUE = """\
exit status:
  0  done
  1  a bug of ours: one line, and where the trace was saved
  2  the command line is wrong, or an extra is not installed
  3  the input cannot be read
  4  read, but the question cannot be answered; the reading says why
  5  the output cannot be written
"""


class OneLineParser(argparse.ArgumentParser):
    """A parser whose complaint is one line that says where the help is."""

    def error(self, message: str) -> NoReturn:
        """End with status 2 and one line on stderr."""
        self.exit(2, f"{self.prog}: {' '.join(message.split())}; see {self.prog} --help\n")


def build_parser(only: str | None = None) -> OneLineParser:
    """Return the parser; only the named command's options are filled in, the rest are listed."""
    parser = OneLineParser(
        prog="hepalith",
        description=DESCRIPTION,
        epilog=EPILOGUE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"hepalith {__version__}")
    commands = parser.add_subparsers(
        dest="command", metavar="COMMAND", required=True, parser_class=OneLineParser
    )
    for command in COMMANDS:
        sub = commands.add_parser(
            command.name,
            help=command.summary,
            description=f"{command.summary[0].upper()}{command.summary[1:]}.",
            epilog=EPILOGUE,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        if command.name == only:
            importlib.import_module(command.module).add_arguments(sub)
    return parser


@contextlib.contextmanager
def uncollected() -> Iterator[None]:
    """Look for no garbage meanwhile: a command that ends at once leaves none that matters.

    Loading modules and tables makes many objects and no garbage; looking through them again and again
    took a fifteenth of the time of `hepalith diagnose`.
    """
    was_collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()  # what was loaded stays loaded: it is not looked through at the end either
        if was_collecting:
            gc.enable()


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return its exit status.

    Parameters
    ----------
    argv
        Arguments without the program's name; those of the process by default.
    """
    argv = list(sys.argv[1:] if argv is None else argv)
    named = next((a for a in argv if not a.startswith("-")), None)
    brief = any(command.name == named and command.is_brief for command in COMMANDS)
    with guarded() as outcome, uncollected() if brief else contextlib.nullcontext():
        with uncollected():
            arguments, unknown = build_parser(only=named).parse_known_args(argv)
            if unknown:  # said by the command, whose help lists what it knows
                OneLineParser(prog=f"hepalith {arguments.command}").error(f"unknown: {' '.join(unknown)}")
            run = importlib.import_module(f"hepalith.cli.{arguments.command}").run
        outcome.status = run(arguments)
    return outcome.status
