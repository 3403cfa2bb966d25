"""Sentences of the stages are said in Chinese where they are known, and never garbled where not."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import pytest

from hepalith.reading.translate import load_sentences, translate


def test_english_is_left_alone() -> None:
    assert translate("no liver is in view", "en") == "no liver is in view"


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        ("no liver is in view", "图像中未见肝脏"),
        (
            "noise 11 HU, in-plane blur 1.3 mm, slices 2.5 mm every 2.5 mm: "
            "a small focus must stand 89 HU above the liver",
            "噪声11 HU，层内模糊1.3 mm，层厚2.5 mm，层间距2.5 mm，小病灶须高于肝实质89 HU",
        ),
        (
            "continues into a large dense body outside the liver; "
            "lies 0 mm from bone at the edge of the liver; but at the edge of the liver, in fluid",
            "与肝外大块高密度结构相连；位于肝缘，距骨0 mm；但位于肝缘液体内",
        ),
        ("Abdomen 5.0: sharp kernel (B70s)", "Abdomen 5.0：锐利重建核（B70s）"),
        ("no liver is in view; but something new", "图像中未见肝脏；but something new"),
        ("braces {0} and {name} stay", "braces {0} and {name} stay"),
    ],
)
def test_sentences_are_translated_clause_by_clause(english: str, chinese: str) -> None:
    assert translate(english, "zh") == chinese


def test_blanks_are_carried_over_and_never_invented() -> None:
    blank = re.compile(r"\{(\w+)\}")
    _, patterns = load_sentences()
    assert patterns
    for pattern, chinese in patterns:
        assert set(blank.findall(chinese)) <= set(pattern.groupindex)


GIVES_A_REASON = re.compile(r"NotAssessable|_unable|_unjudged|no_liver|_not_assessed")
"""Calls whose sentences say why something could not be judged; people read them."""


def reasons_given() -> Iterator[str]:
    """Give every plain sentence that the rooms of the image hand to such a call."""
    for room in ("anatomy", "calcification", "finding"):
        for module in sorted(Path(str(files("hepalith"))).joinpath(room).rglob("*.py")):
            for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and GIVES_A_REASON.fullmatch(ast.unparse(node.func)):
                    said = [c.value for a in node.args for c in ast.walk(a) if isinstance(c, ast.Constant)]
                    filled = {c for a in node.args for c in ast.walk(a) if isinstance(c, ast.JoinedStr)}
                    yield from (s for s in said if isinstance(s, str) and " " in s and not filled)


def test_every_reason_why_something_could_not_be_judged_has_its_chinese() -> None:
    reasons = sorted(set(reasons_given()))
    assert len(reasons) > 20
    assert [reason for reason in reasons if translate(reason, "zh") == reason] == []


def test_a_reason_within_a_reason_is_translated_too() -> None:
    said = (
        "normal ducts are not seen on this scan, nor the portal branches beside them (no dark tube is seen)"
    )
    chinese = translate(said, "zh")
    assert "未见低密度管状结构" in chinese
    assert "tube" not in chinese
