"""One phantom, made and read once for all tests here."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from hepalith.cli import main
from hepalith.phantom import make_demo_study


@dataclass(frozen=True)
class Ended:
    """How a command ended, as a person sees it."""

    status: int
    out: str
    err: str

    @property
    def line(self) -> str:
        """The one line of stderr; anything else fails."""
        (line,) = self.err.splitlines()
        return line


@pytest.fixture
def hepalith(capfd: pytest.CaptureFixture[str]) -> Any:
    def run(*words: object) -> Ended:
        capfd.readouterr()
        status = main([str(w) for w in words])
        shown = capfd.readouterr()
        return Ended(status, shown.out, shown.err)

    return run


@dataclass(frozen=True)
class ReadPhantom:
    """A phantom study, its truth, and its reading."""

    study: Path
    truth: dict[str, Any]
    folder: Path
    document: dict[str, Any]


@pytest.fixture(scope="session")
def phantom_study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("phantom")
    make_demo_study(folder, seed=1)
    return folder


@pytest.fixture(scope="session")
def read_phantom(phantom_study: Path, tmp_path_factory: pytest.TempPathFactory) -> ReadPhantom:
    folder = tmp_path_factory.mktemp("reading") / "out"
    assert main(["read", str(phantom_study / "dicom"), "--out", str(folder)]) == 0
    truth = json.loads((phantom_study / "truth.json").read_text(encoding="utf-8"))
    return ReadPhantom(phantom_study, truth, folder, load_document(folder))


def load_document(folder: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((folder / "reading.json").read_text(encoding="utf-8"))
    return document
