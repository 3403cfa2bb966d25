from __future__ import annotations

from pathlib import Path

import pytest
from tests.evaluation.made_records import body, study, true

from hepalith.errors import UnreadableFileError
from hepalith.evaluation.lines import to_line
from hepalith.evaluation.record import load_records


def test_a_line_read_back_is_the_same_line(tmp_path: Path) -> None:
    focus = true(1)
    line = to_line(study(7, (focus,), (body(1, focus),)))
    path = tmp_path / "results.jsonl"
    path.write_text(line + "\n", encoding="utf-8")
    (record,) = load_records(path)
    assert to_line(record) == line
    assert record.of("foci") is not None
    assert record.of("clean") is None


def test_a_line_cut_short_by_a_killed_run_is_passed_over(tmp_path: Path) -> None:
    line = to_line(study(7, (), ()))
    path = tmp_path / "results.jsonl"
    path.write_text(f"{line}\n{line[:80]}", encoding="utf-8")
    assert len(load_records(path)) == 1


def test_a_broken_line_in_the_middle_is_refused(tmp_path: Path) -> None:
    line = to_line(study(7, (), ()))
    path = tmp_path / "results.jsonl"
    path.write_text(f"{line[:80]}\n{line}\n", encoding="utf-8")
    with pytest.raises(UnreadableFileError, match="line 1"):
        load_records(path)
