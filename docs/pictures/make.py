"""Make the pictures of the documentation: the demo's report, as headless Chromium shows it.

Run ``python docs/pictures/make.py`` after ``make demo``. Needs Chromium and nothing else.
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
WIDTH, HEIGHT = 1100, 1500


def main() -> int:
    """Write ``report.png`` beside this file."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        sys.stderr.write("no Chromium here: install it to make the pictures\n")
        return 2
    if not REPORT.exists():
        sys.stderr.write(f"{REPORT} is not there: run make demo first\n")
        return 3
    with tempfile.TemporaryDirectory() as scratch:
        shot = Path(scratch) / "report.png"
        command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
        command += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
        command += [f"--user-data-dir={scratch}/profile", f"--window-size={WIDTH},{HEIGHT}"]
        command += [f"--screenshot={shot}", REPORT.as_uri()]
        subprocess.run(command, check=True, capture_output=True, timeout=120)  # noqa: S603
        picture = Image.open(shot).convert("RGB").quantize(256)
        picture.save(HERE / "report.png", optimize=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
