"""How what is known of a phantom is written: JSON whose bytes depend on the truth alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hepalith.errors import OutputError

__all__ = ["write_document"]


def write_document(document: Mapping[str, Any], path: Path) -> None:
    """Write a truth's document; floats have six significant digits.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    try:
        path.write_text(json.dumps(_rounded(document), indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}; choose another --out") from error


def _rounded(value: Any) -> Any:
    """Return `value` with every float cut to six significant digits."""
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, Mapping):
        return {k: _rounded(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(v) for v in value]
    return value
