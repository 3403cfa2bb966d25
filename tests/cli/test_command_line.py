"""The command line as a person meets it."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hepalith import __version__
from hepalith.cli import main
from hepalith.cli.failure import guarded
from hepalith.cli.main import COMMANDS


def run_command(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603
        [sys.executable, "-m", "hepalith", *words], capture_output=True, text=True, timeout=120, check=False
    )


def test_version_is_printed() -> None:
    ended = run_command("--version")
    assert (ended.returncode, ended.stdout.strip()) == (0, f"hepalith {__version__}")


def test_help_lists_every_command_and_every_exit_status() -> None:
    ended = run_command("--help")
    assert ended.returncode == 0
    assert all(command.name in ended.stdout for command in COMMANDS)
    assert [f"  {n}  " in ended.stdout for n in range(6)] == [True] * 6


@pytest.mark.parametrize("command", [c.name for c in COMMANDS])
def test_help_of_every_command_names_each_option_with_what_it_does(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([command, "--help"]) == 0
    assert "show this help" in capsys.readouterr().out


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["reed"],
        ["read"],
        ["read", "x", "--out"],
        ["read", "x", "--out", "y", "--no-such-option"],
        ["read", "x", "--out", "y", "--policy", "no_such_policy"],
        ["read", "x", "--out", "y", "--liver-label", "3"],
        ["read", "x", "--out", "y", "--hu-per-mg-ml", "-4"],
        ["read", "x", "--out", "y", "--pixel-mm", "2.5"],
        ["read", "x", "--out", "y", "--pixel-mm", "0.01"],
        ["read", "x", "--out", "y", "--pixel-mm", "nan"],
        ["demo", "--seed", "-1"],
        ["schema", "weather"],
    ],
)
def test_a_wrong_command_line_is_one_line_and_status_2(words: list[str]) -> None:
    ended = run_command(*words)
    assert ended.returncode == 2
    assert len(ended.stderr.splitlines()) == 1
    assert ended.stderr.startswith("hepalith")


def test_an_unknown_option_points_to_the_help_of_its_command() -> None:
    ended = run_command("read", "x", "--out", "y", "--nope")
    assert ended.stderr == "hepalith read: unknown: --nope; see hepalith read --help\n"


def test_schema_of_a_reading_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", "reading"]) == 0
    assert json.loads(capsys.readouterr().out)["type"] == "object"


def test_a_closed_pipe_is_no_error() -> None:
    shell = f"{sys.executable} -m hepalith schema vocabulary | head -c 10 >/dev/null; echo ${{PIPESTATUS[0]}}"
    ended = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, timeout=60, check=False)  # noqa: S603, S607
    assert (ended.stdout.strip(), ended.stderr) == ("0", "")


def test_a_bug_is_one_line_with_the_trace_kept(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(_: object) -> int:
        raise ZeroDivisionError("planted")

    monkeypatch.setattr("hepalith.cli.schema.run", fail)
    assert main(["schema", "reading"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    trace = Path(next(word for word in line.split() if "hepalith-trace-" in word).rstrip(":"))
    said = trace.read_text(encoding="utf-8")
    assert "planted" in said
    assert "look for names" in said.partition("\n")[0]
    assert "without any names" in line
    assert trace.stat().st_mode & 0o077 == 0
    trace.unlink()


@pytest.mark.parametrize("words", [["read", "", "--out", "x"], ["read", "ct", "--out", ""]])
def test_an_empty_path_is_not_taken_for_the_folder_one_stands_in(
    words: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert "the path is empty" in line


@pytest.mark.parametrize("closing", [">&-", "2>&-", ">&- 2>&-", "<&-"])
def test_closed_standard_streams_hinder_nothing(closing: str) -> None:
    command = f'"{sys.executable}" -m hepalith schema patient {closing}'
    ended = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=120, check=False)  # noqa: S603, S607
    assert (ended.returncode, ended.stderr) == (0, "")


def test_a_terminal_without_our_letters_gets_others() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "hepalith", "schema", "vocabulary"],
        capture_output=True,
        timeout=120,
        check=False,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )
    assert (ended.returncode, ended.stderr) == (0, b"")


def test_termination_is_told_in_one_line_and_unwinds(capfd: pytest.CaptureFixture[str]) -> None:
    with guarded() as outcome:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(1)
    assert outcome.status == 130
    assert len(capfd.readouterr().err.splitlines()) == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs the device of a full disk")
def test_a_full_standard_output_is_an_output_that_cannot_be_written() -> None:
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [sys.executable, "-m", "hepalith", "schema", "vocabulary"],
            stdout=full, stderr=subprocess.PIPE, text=True, timeout=120, check=False,
        )  # fmt: skip
    assert ended.returncode == 5
    assert len(ended.stderr.splitlines()) == 1
