"""Make the picture of the reports on paper: first pages of the demo, and the patient's page.

Run ``python docs/pictures/paper.py`` after ``make demo``. Needs poppler's ``pdftoppm`` and the extra ``pdf``.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

from hepalith.reading import load_reading
from hepalith.report.pdf import patient_pdf_bytes, report_pdf_bytes
from hepalith.settings import Formats

HERE = Path(__file__).resolve().parent
READING = HERE.parents[1] / "demo" / "reading"
DPI, GAP, COLOURS = 66, 12, 256


def main() -> int:
    """Write ``paper.png`` beside this file."""
    tool = shutil.which("pdftoppm")
    if tool is None:
        sys.stderr.write("no pdftoppm here: install poppler-utils to make the picture\n")
        return 2
    source = Path(sys.argv[1]) if len(sys.argv) > 1 else READING
    if not source.exists():
        sys.stderr.write(f"{source} is not there: run make demo first\n")
        return 3
    reading = load_reading(source)
    pages = []
    for language, make in (("en", report_pdf_bytes), ("zh", report_pdf_bytes), ("en", patient_pdf_bytes)):
        with tempfile.TemporaryDirectory() as scratch:
            path = Path(scratch) / "page"
            command = [tool, "-r", str(DPI), "-f", "1", "-l", "1", "-png", "-singlefile", "-", str(path)]
            made = make(reading, Formats(language=language))
            subprocess.run(command, input=made, check=True, timeout=60)  # noqa: S603
            pages.append(Image.open(path.with_suffix(".png")).convert("RGB"))
    width, height = pages[0].size
    sheet = Image.new("RGB", (len(pages) * (width + GAP) + GAP, height + 2 * GAP), (128, 134, 140))
    for number, page in enumerate(pages):
        sheet.paste(page, (GAP + number * (width + GAP), GAP))
    sheet.quantize(COLOURS).save(HERE / "paper.png", optimize=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
