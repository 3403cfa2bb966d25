"""The compiled knowledge is what the files say, and counts only as long as they say it."""

from __future__ import annotations

import io
import json
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from hepalith.differential import compiled, diagnose
from hepalith.differential.compile import compile_knowledge
from hepalith.differential.compiled import COMPILED_NAME, load_compiled, read_sources
from hepalith.differential.entry import check_knowledge, load_knowledge, make_knowledge
from hepalith.differential.model import load_model, make_tables
from hepalith.study.patient import Patient

SHIPPED = Path(compiled.__file__).parent / COMPILED_NAME


def test_the_shipped_file_is_current() -> None:
    """If this fails: ``python -m hepalith.differential.compile``."""
    assert load_compiled(read_sources().digest) is not None
    made, shipped = np.load(io.BytesIO(compile_knowledge())), np.load(SHIPPED)
    assert made.files == shipped.files
    for name in made.files:
        assert np.array_equal(made[name], shipped[name]), name


def test_what_is_compiled_is_what_the_files_say() -> None:
    sources = read_sources()
    fresh = make_knowledge(sources.parse(), sources.digest)
    check_knowledge(fresh)
    assert fresh == load_knowledge()
    tables, citations = make_tables(fresh)
    model = load_model()
    assert citations == model.citations
    assert list(tables) == list(model.tables)
    for name, table in tables.items():
        for part in ("points", "row_of", "cited", "low_z", "high_z", "background"):
            assert np.array_equal(getattr(table, part), getattr(model.tables[name], part)), (name, part)


def test_another_digest_is_not_served() -> None:
    assert load_compiled("0" * 64) is None
    load_compiled.cache_clear()


@pytest.mark.parametrize("content", [None, b"", b"no archive", b"PK\x03\x04 broken"])
def test_where_it_is_missing_or_broken_the_files_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None
) -> None:
    if content is not None:
        (tmp_path / COMPILED_NAME).write_bytes(content)
    monkeypatch.setattr(compiled, "files", lambda _: tmp_path)
    load_compiled.cache_clear()
    assert load_compiled(read_sources().digest) is None
    load_compiled.cache_clear()


def test_nothing_in_it_can_run() -> None:
    with np.load(SHIPPED, allow_pickle=False) as stored:
        assert all(stored[name].dtype.kind in "iuf" for name in stored.files)
        assert set(json.loads(stored["json"].tobytes())) == {"digest", "knowledge", "citations"}


COLD = """
from hepalith.differential import diagnose
from hepalith.study.patient import Patient
found = {"dilated_ducts": True, "beaded_chain": True, "multiple_foci": True, "fever": True}
assert diagnose((), (), Patient(age_years=52, findings=found)).diagnoses
"""


def test_a_first_answer_takes_well_under_a_second() -> None:
    """Processor time of a new interpreter, its own start included; half a second on an idle machine."""
    assert min(_processor_seconds() for _ in range(3)) < 1.0


def _processor_seconds() -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", COLD], check=True)  # noqa: S603 - our own line
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_the_answer_names_the_knowledge_it_rests_on() -> None:
    assert diagnose((), (), Patient()).knowledge_digest == read_sources().digest
