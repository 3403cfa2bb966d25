"""What is absent is said as people say it, whatever part of speech its name is."""

from __future__ import annotations

import re

import pytest

from hepalith.reading.negation import load_negations, say_absent
from hepalith.vocabulary import load_vocabulary

GROUPS = ("finding", "pattern", "symptom", "exposure", "history", "laboratory_finding")

CLUMSY = re.compile(
    r"^no (?:takes|moves|unchanged|bright|at|along|within|even|solitary|scattered|clustered|diffuse|miliary"
    r"|more|not|no|dense|blurred|solidified)\b|无无|无位于|无沿|无随"
)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_no_absence_is_clumsy(language: str) -> None:
    said = {
        t.id: say_absent(t.id, language) for t in load_vocabulary().of_group(*GROUPS) if t.type == "boolean"
    }
    assert {name: text for name, text in said.items() if CLUMSY.search(text)} == {}


def test_a_clumsy_absence_would_be_found() -> None:
    assert CLUMSY.search("no takes up FDG")
    assert CLUMSY.search("无无钙化肿块")


def test_every_negation_is_of_a_term_and_in_both_languages() -> None:
    tables = load_negations()
    known = {t.id for t in load_vocabulary()}
    assert set(tables["absent"]) <= known
    for name, said in {**tables["absent"], **tables["ending"]}.items():
        assert set(said) == {"en", "zh"}, name


@pytest.mark.parametrize(
    ("term", "english", "chinese"),
    [
        ("dilated_ducts", "no dilated bile ducts upstream", "无肝内胆管扩张"),
        ("ca19_9_up", "CA 19-9 not raised", "CA19-9未升高"),
        ("echinococcus_serology", "Echinococcus serology negative", "包虫血清学阴性"),
        ("multiple_foci", "a single calcification", "单发钙化"),
        ("of_a_later_version", "no of a later version", "无of a later version"),
    ],
)
def test_absence_in_words(term: str, english: str, chinese: str) -> None:
    assert say_absent(term, "en") == english
    assert say_absent(term, "zh") == chinese
