"""The knowledge as it was when last compiled: read in milliseconds, and only if it is current.

Parsing and checking the files takes a third of a second. So they are shipped parsed, and as arrays, in one
file of numbers and JSON. It counts only if the digest of the files that it was made from is theirs now;
otherwise, or where it is missing or broken, the files themselves are read.

Notes
-----
``python -m hepalith.differential.compile`` makes it anew; a test fails while it is not current.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["COMPILED_NAME", "Compiled", "Sources", "load_compiled", "read_sources"]

COMPILED_NAME = "compiled.npz"
"""The file beside this module. No pickle: numbers, and JSON as bytes."""


@dataclass(frozen=True, slots=True)
class Sources:
    """The files of the knowledge, features and settings first, and the digest of all of them."""

    contents: tuple[bytes, ...]
    digest: str

    def parse(self) -> list[dict[str, Any]]:
        """Return the table of each file."""
        return [tomllib.loads(content.decode("utf-8")) for content in self.contents]


@dataclass(frozen=True, slots=True, eq=False)
class Compiled:
    """What `Sources.parse` gives, and arrays and citations made from it (see `table.unpack_tables`)."""

    knowledge: list[dict[str, Any]]
    citations: tuple[str, ...]
    arrays: Mapping[str, NDArray[Any]]


@lru_cache(maxsize=1)
def read_sources() -> Sources:
    """Return the files of the knowledge as they are.

    What two processes are together, and what cannot both be true, count for the digest too.
    """
    room = files("hepalith.differential")
    paths = [room / "features.toml", room / "settings.toml"]
    paths += sorted(
        (f for f in (room / "knowledge").iterdir() if f.name.endswith(".toml")), key=lambda f: f.name
    )
    digest = hashlib.sha256()
    contents = []
    for path in paths:
        contents.append(path.read_bytes())
        digest.update(path.name.encode() + b"\0" + contents[-1] + b"\0")
    for name in ("together.toml", "contradictions.toml"):
        digest.update(name.encode() + b"\0" + (room / name).read_bytes() + b"\0")
    return Sources(tuple(contents), digest.hexdigest())


@lru_cache(maxsize=1)
def load_compiled(digest: str) -> Compiled | None:
    """Return what was compiled from the files of this digest; ``None`` where nothing was."""
    path = files("hepalith.differential") / COMPILED_NAME
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        told = json.loads(arrays.pop("json").tobytes())
        if told["digest"] != digest:
            return None
        return Compiled(told["knowledge"], tuple(told["citations"]), arrays)
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile):
        return None
