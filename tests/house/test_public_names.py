"""A public name that is loaded when first used is no module's name: whichever is imported first would win."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest


@pytest.mark.parametrize("room", ["hepalith", "hepalith.reading", "hepalith.report"])
def test_no_lazy_name_is_that_of_a_module_beside_it(room: str) -> None:
    package = import_module(room)
    assert package.__file__ is not None
    folder = Path(package.__file__).parent
    beside = {path.stem for path in folder.glob("*.py")} | {path.name for path in folder.iterdir()}
    assert package._HOMES
    assert not set(package._HOMES) & beside
