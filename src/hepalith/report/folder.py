"""The reading folder with its pages: what ``hepalith read`` writes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from hepalith.reading import Reading, Run
from hepalith.reading import write_folder as write_reading_folder
from hepalith.report.html import write_html
from hepalith.report.patient import write_patient

__all__ = ["write_folder"]


def write_folder(
    reading: Reading, out: Path, *, overwrite: bool = False, run: Callable[[], Run] = Run
) -> Path:
    """Write a reading, its report and the patient's page into a folder, which appears whole or not at all.

    The reading's own writer does the work; this room only brings the pages, since `report`
    stands above `reading`. See `hepalith.reading.write_folder` for what is refused and raised.
    """
    writers = {"report.html": write_html, "patient.html": write_patient}
    return write_reading_folder(reading, out, overwrite=overwrite, run=run, writers=writers)
