"""Every source of the knowledge base is said in Chinese, but for names, titles and numbers."""

from __future__ import annotations

import re
from typing import Any

import pytest

from hepalith.differential import load_knowledge
from hepalith.differential.entry import Number
from hepalith.reading.translate import translate


def citations() -> list[str]:
    knowledge = load_knowledge()
    tables: list[Any] = [f.background for f in knowledge.features.values()]
    for entry in knowledge.entries:
        tables += [entry.prior, entry.likelihood, *(v.likelihood for v in entry.variant)]
        tables += [{"share": v.share} for v in entry.variant]
    return sorted({n.citation for table in tables for n in _numbers(table)})


def _numbers(table: Any) -> list[Number]:
    if isinstance(table, Number):
        return [table]
    if "value" in table:
        return [Number.model_validate(table)]
    return [n for cell in table.values() for n in _numbers(cell)]


NAMES = re.compile(
    r"\([^)]*\)|（[^）]*）|J Korean Soc Med Ultrasound|J Clin Gastroenterol|Ann Acad Med Singapore"
    r"|Chin J Cancer Res|Insights Imaging|Am J Trop Med Hyg"
)
"""What stays as it is: what stands in brackets, and titles of journals."""


@pytest.mark.parametrize("citation", citations())
def test_a_source_is_said_in_chinese(citation: str) -> None:
    said = NAMES.sub("", translate(citation, "zh"))
    assert not re.search(r"[a-z]{3,}\s+[a-z]{2,}", said), said
