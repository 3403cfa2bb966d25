"""The reading folder with its pages: what ``hepalith read`` writes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from hepalith.reading import Reading, Run
from hepalith.reading import write_folder as write_reading_folder
from hepalith.report.formats import write_formats
from hepalith.report.html import write_html
from hepalith.report.patient import write_patient
from hepalith.settings import Formats

__all__ = ["write_folder"]


def write_folder(
    reading: Reading,
    out: Path,
    *,
    overwrite: bool = False,
    run: Callable[[], Run] = Run,
    formats: Formats | None = None,
) -> Path:
    """Write a reading, its report and the patient's page into a folder, which appears whole or not at all.

    Further formats are written from the folder, as it will stand, once the rest of it is complete.

    The reading's own writer does the work; this room only brings the pages, since `report`
    stands above `reading`. See `hepalith.reading.write_folder` for what is refused and raised.
    """
    writers = {"report.html": write_html, "patient.html": write_patient}
    wanted = formats or Formats()
    return write_reading_folder(
        reading,
        out,
        overwrite=overwrite,
        run=run,
        writers=writers,
        afterwards=lambda folder: write_formats(folder, wanted),
    )
