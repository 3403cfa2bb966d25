"""What a person sees when something goes wrong: one line, and the exit status of the contract."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import signal
import sys
import tempfile
import traceback
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TextIO

from hepalith.errors import HepalithError, OutputError

__all__ = ["Outcome", "guarded", "say", "show"]

INTERRUPTED = 130
"""Exit status after Ctrl-C: 128 + SIGINT, as shells expect."""

OUR_BUG = 1

LOOK_FIRST = "What failed may quote a header: look for names and numbers of patients before you send this on."
"""First line of a trace: what Python and its libraries say of a value cannot be told from the value."""


@dataclass(slots=True)
class Outcome:
    """How a command ended."""

    status: int = 0


def say(line: str) -> None:
    """Write one line to the person's stderr, whatever the libraries do with theirs."""
    stream = _person if _person is not None else sys.stderr
    with contextlib.suppress(OSError, ValueError):
        stream.write(" ".join(line.split()) + "\n")
        stream.flush()


def show(text: str) -> None:
    """Write a text to standard output.

    Raises
    ------
    OutputError
        If it cannot take it, as a full disk cannot.
    """
    try:
        print(text, flush=True)
    except BrokenPipeError:
        raise
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is buffered goes nowhere
        raise OutputError(f"standard output cannot be written: {error.strerror}; free some space") from error


@contextlib.contextmanager
def guarded() -> Iterator[Outcome]:
    """Run a command so that stderr holds one line at most, and no traceback.

    Image libraries written in C++ print their own warnings straight to file descriptor 2.
    Those go to a scratch file meanwhile; after a bug they are saved beside the trace.
    """
    outcome = Outcome()
    _open_standard_streams()
    with _terminated_as_interrupted(), _chatter_set_aside() as chatter:
        try:
            yield outcome
        except SystemExit as end:
            outcome.status = end.code if isinstance(end.code, int) else OUR_BUG
        except KeyboardInterrupt:
            say("hepalith: stopped; nothing was written")
            outcome.status = INTERRUPTED
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            outcome.status = 0
        except HepalithError as error:
            say(f"hepalith: {error}")
            outcome.status = error.exit_status
        except Exception:
            trace = _save_trace(chatter)
            say(
                f"hepalith: this is a bug of ours; please send us the trace, without any names in it: {trace}"
            )
            outcome.status = OUR_BUG
        try:
            sys.stdout.flush()
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        except OSError as error:
            say(f"hepalith: cannot write to standard output: {error.strerror}")
            outcome.status = OutputError.exit_status


def _open_standard_streams() -> None:
    """Make standard streams that can be written to: none may be closed, or lack a letter we print.

    A closed descriptor would be given to the next file opened, and what libraries print would
    land in it.
    """
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            nowhere = os.open(os.devnull, os.O_RDWR)
            if nowhere != number:
                os.dup2(nowhere, number)
                os.close(nowhere)
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


@contextlib.contextmanager
def _terminated_as_interrupted() -> Iterator[None]:
    """Let SIGTERM end a command as Ctrl-C does, so that nothing half written stays behind."""

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    try:
        before = signal.signal(signal.SIGTERM, stop)
    except ValueError:  # not in the main thread
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


_person: TextIO | None = None
"""The terminal or file that stderr was when the command began."""


@contextlib.contextmanager
def _chatter_set_aside() -> Iterator[TextIO]:
    """Send file descriptor 2, Python's warnings and its logs to a scratch file for a while."""
    global _person  # noqa: PLW0603
    logging.getLogger().addHandler(logging.NullHandler())
    sys.stderr.flush()
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as chatter:
        try:
            kept = os.dup(2)
        except OSError:  # started with stderr closed
            yield chatter
            return
        before = sys.stderr
        captured = not _is_descriptor(before, 2)
        with os.fdopen(kept, "w", encoding="utf-8", errors="replace") as person:
            _person = before if captured else person
            os.dup2(chatter.fileno(), 2)
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    if not captured:
                        with contextlib.redirect_stderr(person):
                            yield chatter
                    else:
                        yield chatter
            finally:
                person.flush()
                os.dup2(person.fileno(), 2)
                _person = None


def _is_descriptor(stream: TextIO, number: int) -> bool:
    """Return whether a stream writes to that file descriptor (a test's capture does not)."""
    try:
        return stream.fileno() == number
    except (OSError, ValueError, AttributeError):
        return False


def _save_trace(chatter: TextIO) -> str:
    """Write the trace of the exception being handled to a file; return its path."""
    with tempfile.NamedTemporaryFile(
        "w", prefix="hepalith-trace-", suffix=".txt", delete=False, encoding="utf-8"
    ) as file:
        file.write(f"{LOOK_FIRST}\n\n{traceback.format_exc()}")
        with contextlib.suppress(OSError, ValueError):
            chatter.seek(0)
            file.write("\nwhat the libraries printed:\n" + chatter.read())
        return file.name
