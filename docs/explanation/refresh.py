"""Write anew what the examples of a page print, and how many numbers have which grade.

Run: ``python docs/explanation/refresh.py [PAGE ...]`` (default: the-differential.md) after the knowledge has
changed. A test compares; the prose around the examples is for a person to reread.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

HERE = Path(__file__).resolve().parent
KNOWLEDGE = HERE.parents[1] / "src/hepalith/differential"


def count_grades() -> Counter[str]:
    """Return how many numbers of the knowledge have which grade."""
    return Counter(
        grade
        for path in KNOWLEDGE.glob("**/*.toml")
        for grade in re.findall(r'grade = "(\w)"', path.read_text(encoding="utf-8"))
    )


def run_example(block: re.Match[str]) -> str:
    """Return an example with what it prints now."""
    ran = subprocess.run(  # noqa: S603 - the page's own example
        [sys.executable, "-c", block[1]], capture_output=True, text=True, check=True
    )
    return f"```python\n{block[1]}```\n\n```text\n{ran.stdout}```"


def refresh(page: Path) -> None:
    """Rewrite one page."""
    text = page.read_text(encoding="utf-8")
    for grade, count in count_grades().items():
        text = re.sub(rf"(?m)^(\| {grade} \|.*\| )\d+( \|)$", rf"\g<1>{count}\g<2>", text)
    text = re.sub(r"```python\n(.*?)```\n\n```text\n(.*?)```", run_example, text, flags=re.DOTALL)
    page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    for name in sys.argv[1:] or ["the-differential.md"]:
        refresh(HERE / name)
