"""The factory of nouns, shared with the tests of the reading."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest


def load_factories() -> ModuleType:
    """Return `factories.py` as a module; tests are no package, so it is loaded by its path."""
    name = "hepalith_reading_factories"
    if name not in sys.modules:
        path = Path(__file__).resolve().parents[1] / "reading" / "factories.py"
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
    return sys.modules[name]


@pytest.fixture(scope="session")
def factories() -> ModuleType:
    """Return the functions that make nouns of a made-up examination."""
    return load_factories()
