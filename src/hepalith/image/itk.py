"""SimpleITK, loaded when first used: readings that lay no phases and read no NRRD are spared its start."""

from __future__ import annotations

from importlib import import_module
from typing import Any

__all__ = ["sitk"]


class _Later:
    """A library that is imported when something of it is asked for."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> Any:
        return getattr(import_module(self._name), name)


sitk: Any = _Later("SimpleITK")
"""Its functions carry no types."""
