"""What docs/explanation/the-differential.md says is what the code and the files say."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from hepalith.differential import load_knowledge

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/explanation/the-differential.md").read_text(encoding="utf-8")


EXAMPLES = re.findall(r"```python\n(.*?)```\n\n```text\n(.*?)```", PAGE, re.DOTALL)


def test_every_example_on_the_page_is_run() -> None:
    assert len(EXAMPLES) == PAGE.count("```python") == 2


@pytest.mark.parametrize(("example", "printed"), EXAMPLES)
def test_an_example_gives_the_numbers_on_the_page(example: str, printed: str) -> None:
    ran = subprocess.run(  # noqa: S603 - the page's own example
        [sys.executable, "-c", example], capture_output=True, text=True, check=True
    )
    assert ran.stdout == printed


def test_the_page_counts_entries_and_grades_right() -> None:
    room = ROOT / "src/hepalith/differential"
    grades = Counter(
        grade
        for path in room.glob("**/*.toml")
        for grade in re.findall(r'grade = "(\w)"', path.read_text(encoding="utf-8"))
    )
    for grade in "ABCK":
        row = re.search(rf"^\| {grade} \|.*\| (\d+) \|$", PAGE, re.MULTILINE)
        assert row
        assert int(row[1]) == grades[grade]
    assert f"{len(load_knowledge().entries)} with `none_of_these`" in PAGE
