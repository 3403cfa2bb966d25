"""Compile the knowledge: ``python -m hepalith.differential.compile``, after its files have changed."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np

from hepalith.differential.compiled import COMPILED_NAME, read_sources
from hepalith.differential.entry import check_knowledge, make_knowledge
from hepalith.differential.model import make_tables
from hepalith.differential.table import pack_tables

__all__ = ["compile_knowledge"]


def compile_knowledge() -> bytes:
    """Return the file that `load_compiled` reads, made from the files as they are.

    Raises
    ------
    ValueError
        If a file breaks the schema or contradicts another.
    """
    sources = read_sources()
    parsed = sources.parse()
    knowledge = make_knowledge(parsed, sources.digest)
    check_knowledge(knowledge)
    tables, citations = make_tables(knowledge)
    told = {"digest": sources.digest, "knowledge": parsed, "citations": citations}
    written = json.dumps(told, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    file = io.BytesIO()
    arrays = {"json": np.frombuffer(written.encode("utf-8"), dtype=np.uint8), **pack_tables(tables)}
    np.savez_compressed(file, allow_pickle=False, **arrays)
    return file.getvalue()


if __name__ == "__main__":
    (Path(__file__).parent / COMPILED_NAME).write_bytes(compile_knowledge())
