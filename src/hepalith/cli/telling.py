"""What a command says when it has read something."""

from __future__ import annotations

from pathlib import Path

from hepalith.cli.failure import say, show
from hepalith.reading import Reading

__all__ = ["NOT_ANSWERABLE", "tell"]

NOT_ANSWERABLE = 4
"""Exit status of a reading that was made and written, but answers nothing."""


def tell(reading: Reading, folder: Path, language: str) -> int:
    """Print the short text and where the report is; return the exit status."""
    report = folder / "report.html"
    if not reading.is_answerable:
        say(f"hepalith: {reading.why_not}; the reading is in {report}")
        return NOT_ANSWERABLE
    summary = reading.document.summary.radiology
    show(summary.zh if language == "zh" else summary.en)
    show(f"\nreport: {report}")
    return 0
