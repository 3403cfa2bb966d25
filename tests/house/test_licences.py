"""What we ship with: every run-time library's licence, from its own metadata."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def locked_packages(name: str) -> list[str]:
    lock = (ROOT / "requirements" / name).read_text(encoding="utf-8")
    return re.findall(r"^([A-Za-z0-9_.-]+)==", lock, flags=re.MULTILINE)


@pytest.fixture(scope="module")
def licences() -> dict[str, str]:
    command = [sys.executable, "-m", "piplicenses", "--format=json", "--from=all", "--packages"]
    command += locked_packages("run.lock")
    listed = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
    return {
        row["Name"]: " ".join(str(v) for k, v in row.items() if k.startswith("License"))
        for row in json.loads(listed.stdout)
    }


def test_every_locked_package_has_a_known_licence(licences: dict[str, str]) -> None:
    assert len(licences) >= 20
    unknown = [name for name, text in licences.items() if set(text.lower().split()) <= {"unknown"}]
    assert not unknown


def test_no_run_time_package_is_gpl(licences: dict[str, str]) -> None:
    gpl = re.compile(r"(?<!L)(?<!Lesser )\bA?GPL|(?<!Lesser )General Public License", re.IGNORECASE)
    lesser = re.compile(r"LGPL|Lesser General Public", re.IGNORECASE)
    assert not [name for name, text in licences.items() if gpl.search(text) and not lesser.search(text)]


def test_every_lgpl_package_is_named_in_the_notice(licences: dict[str, str]) -> None:
    lesser = [name for name, text in licences.items() if re.search(r"LGPL|Lesser", text, re.IGNORECASE)]
    notice = (ROOT / "NOTICE").read_text(encoding="utf-8")
    assert lesser
    assert not [name for name in lesser if name not in notice]


@pytest.mark.parametrize("lock", ["run.lock", "dev.lock"])
def test_locks_hold_hashes_and_no_address(lock: str) -> None:
    text = (ROOT / "requirements" / lock).read_text(encoding="utf-8")
    assert "://" not in text
    assert "index-url" not in text
    assert "find-links" not in text
    assert text.count("==") * 1 <= text.count("--hash=sha256:")
