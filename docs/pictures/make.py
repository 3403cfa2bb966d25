"""Make the pictures of the documentation: two reports, as headless Chromium shows them.

Run ``python docs/pictures/make.py`` after ``make demo``. Needs Chromium and nothing else. The second report
is of an ultrasound phantom, made and read here.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

HERE = Path(__file__).resolve().parent
REPORT = HERE.parents[1] / "demo" / "reading" / "report.html"
HEPALITH = Path(sys.executable).with_name("hepalith")
SONOGRAM = ("--modality", "US", "--contents", "case:hepatolithiasis", "--seed", "7")
SIZE, ULTRASOUND_SIZE = (1100, 1500), (1100, 1560)


def main() -> int:
    """Write ``report.png`` and ``report_ultrasound.png`` beside this file."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        sys.stderr.write("no Chromium here: install it to make the pictures\n")
        return 2
    if not REPORT.exists():
        sys.stderr.write(f"{REPORT} is not there: run make demo first\n")
        return 3
    with tempfile.TemporaryDirectory() as scratch:
        made, read = Path(scratch) / "phantom", Path(scratch) / "reading"
        for words in (("phantom", *SONOGRAM, "--out", made), ("read", made / "dicom", "--out", read)):
            subprocess.run([HEPALITH, *words], check=True, capture_output=True)  # noqa: S603
        picture(browser, REPORT, HERE / "report.png", SIZE, Path(scratch))
        picture(browser, read / "report.html", HERE / "report_ultrasound.png", ULTRASOUND_SIZE, Path(scratch))
    return 0


def picture(browser: str, page: Path, out: Path, size: tuple[int, int], scratch: Path) -> None:
    """Write a page as the browser shows it."""
    shot = scratch / "page.png"
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
    command += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
    command += [f"--user-data-dir={scratch}/profile", f"--window-size={size[0]},{size[1]}"]
    command += [f"--screenshot={shot}", page.as_uri()]
    subprocess.run(command, check=True, capture_output=True, timeout=120)  # noqa: S603
    Image.open(shot).convert("RGB").quantize(256).save(out, optimize=True)


if __name__ == "__main__":
    raise SystemExit(main())
