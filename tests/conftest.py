"""Fixtures that every test may use."""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from types import ModuleType

import pytest


def find_shared_data() -> Path | None:
    """Return the folder of shared scans, or None where this machine has none."""
    named = os.environ.get("HEPALITH_TEST_DATA")
    folder = Path(named) if named else Path(__file__).resolve().parents[1].parent / "shared" / "data"
    return folder if (folder / "totalseg").is_dir() else None


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Return the folder of shared real scans; skip where it is absent."""
    folder = find_shared_data()
    if folder is None:
        pytest.skip("no shared scans here: set HEPALITH_TEST_DATA to their folder")
    return folder


@pytest.fixture(scope="session")
def factories() -> ModuleType:
    """Return the functions that make nouns of a made-up examination; loaded only where they are asked for."""
    return importlib.import_module("tests.reading.factories")
