"""The page shows what was reasoned: strength, grade, all that is malignant, what a test tells."""

from __future__ import annotations

import html
import re
from dataclasses import replace
from datetime import date
from types import ModuleType

import pytest

from hepalith.differential import Contradiction
from hepalith.management import NextTest, Repeat, Visit
from hepalith.reading import Document, Reading
from hepalith.reading.reasoning import is_malignant
from hepalith.reading.wording import percent_text
from hepalith.report import render_html
from hepalith.report.reasoned import MAX_TESTS, format_factor, ranking, step_row, worth_doing

FORBIDDEN = re.compile(r"good prognosis|harmless|预后良好|预后好|无害|(?<!判为)良性病变", re.IGNORECASE)


def plain(page: str) -> str:
    """Return the text of a page, spaces as they show."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page[page.index("<body>") :])).split())


@pytest.fixture(scope="module")
def reading(factories: ModuleType) -> Reading:
    """A reading with everything that the page can show of the reasoning."""
    made = factories.make_plan()
    action = replace(
        made.actions[0],
        grade="C",
        visits=(
            Visit((3.0, 6.0), (date(2025, 6, 14), date(2025, 9, 14))),
            Visit((9.0, 12.0), (date(2025, 12, 14), date(2026, 3, 14))),
        ),
        stop=date(2028, 3, 14),
        may_stop=date(2027, 3, 14),
    )
    check = replace(action, action="one_check", repeat=None, visits=(), stop=None, may_stop=None)
    names = ("fetch_prior_images", "ultrasound", "liver_function_tests", "mrcp", "unenhanced_ct")
    many = tuple(
        NextTest(
            name,
            {"en": f"Reason {n} for it.", "zh": f"理由{n}。"},
            expected_gain_bits=0.5 / (n + 1),
            expected_utility=0.02,
            harm={"en": "none", "zh": "无"},
            finds=("dilated_ducts", "acoustic_shadow"),
        )
        for n, name in enumerate((*names, "chest_ct", "follow_up_imaging"))
    )
    plan = replace(
        made, policy="article", actions=(action,), next_tests=many, beside=(check,), beside_policy="guideline"
    )
    clash = Contradiction(
        ("enhancement", "host_kind"),
        {
            "en": "nothing can enhance where there is no lesion; neither counts",
            "zh": "无病灶则无强化，均不计",
        },
    )
    differential = replace(factories.make_differential(), contradictions=(clash,))
    made_reading: Reading = factories.make_reading(plan=plan, differential=differential)
    return made_reading


@pytest.fixture(scope="module")
def document(reading: Reading) -> Document:
    """What the reading says."""
    return reading.document


def test_reasons_carry_factor_strength_and_source(reading: Reading) -> None:
    text = plain(render_html(reading, language="en"))
    assert "×2.6 size of the largest calcification: 5.2 mm speaks a little for Patnaik 2015, grade C" in text
    assert "÷1.3" in text
    assert "speaks a little against" in text


def test_what_is_malignant_is_marked_and_summed(reading: Reading) -> None:
    page = render_html(reading, language="en")
    assert page.count('<span class="tag">malignant</span>') == 1
    assert "Malignant explanations together: 9 %" in plain(page)
    assert "恶性诊断合计：9%" in plain(render_html(reading, language="zh"))


def test_every_percentage_of_the_differential_was_inferred(reading: Reading, document: Document) -> None:
    text = plain(render_html(reading, language="en"))
    shown = text[text.index("What it may be") : text.index("The starting probabilities")]
    ranked = document.differential
    inferred = [p for d in ranked for p in (d.probability, d.low, d.high, d.first_in)]
    inferred.append(sum(d.probability for d in ranked if is_malignant(d.diagnosis)))
    inferred.append(sum(d.probability for d in ranked[len(ranking(document, "en").bars) :]))
    known = {percent_text(p, "en").removesuffix(" %") for p in inferred}
    ends = set(re.findall(r"([<>]?\d+)(?:–\d+)? %", shown)) | set(re.findall(r"–([<>]?\d+) %", shown))
    assert ends
    assert ends <= known, ends - known


def test_a_contradiction_is_shown_before_the_ranking(reading: Reading) -> None:
    for language, words in (("en", "nothing can enhance"), ("zh", "无病灶则无强化")):
        text = plain(render_html(reading, language=language))
        assert words in text
        head = {"en": "What it may be", "zh": "鉴别诊断"}[language]
        assert text.index(head) < text.index(words) < text.index({"en": "For ", "zh": "支持"}[language])


def test_follow_ups_have_dates_a_stop_and_what_the_guideline_asks_beside(reading: Reading) -> None:
    text = plain(render_html(reading, language="en"))
    assert "2025-12-14 to 2026-03-14" in text
    assert "may stop from 2027-03-14 where nothing has changed" in text
    assert "stop on 2028-03-14 unless something has changed" in text
    assert "grade C: judgement, not measured" in text
    assert "The policy “guideline” asks instead: " in text
    assert text.index("asks instead") < text.index("One check, then stop")


def test_a_step_without_grade_or_visits_says_neither(factories: ModuleType) -> None:
    row = step_row(factories.make_reading().document.plan[0], "en")
    assert row.visits == ()
    assert row.strength == "expert opinion"
    assert not any("stop" in when for when in row.when)


def test_tests_say_gain_value_burden_and_what_they_tell(document: Document, reading: Reading) -> None:
    shown, rest = worth_doing(document, "en")
    assert len(shown) == MAX_TESTS
    assert rest is not None
    assert shown[0].gain == "0.5 bits"
    assert shown[0].finds == "dilated bile ducts upstream, acoustic shadow"
    text = plain(render_html(reading, language="en"))
    assert "Would tell: dilated bile ducts upstream, acoustic shadow." in text
    assert "value 0.02" in text
    assert rest in text


def test_the_chinese_page_says_the_same_numbers(document: Document) -> None:
    english, chinese = ranking(document, "en"), ranking(document, "zh")
    for one, other in zip(english.bars, chinese.bars, strict=True):
        assert one.probability.replace(" ", "") == other.probability.replace(" ", "")
        assert [e.factor for e in one.supporting] == [e.factor for e in other.supporting]
        assert other.supporting[0].strength == "略支持"


@pytest.mark.parametrize("language", ["en", "zh"])
def test_no_page_reassures(reading: Reading, language: str) -> None:
    assert not FORBIDDEN.findall(plain(render_html(reading, language=language)))


def test_an_empty_differential_has_no_notes(factories: ModuleType) -> None:
    document = factories.make_reading(
        differential=replace(factories.make_differential(), diagnoses=())
    ).document
    shown = ranking(document, "en")
    assert shown.bars == ()
    assert shown.notes == ()
    assert shown.rest is None


def test_a_repeat_without_dates_still_says_how_often(factories: ModuleType) -> None:
    made = factories.make_plan()
    action = replace(made.actions[0], due=None, repeat=Repeat((6, 12), 60))
    document = factories.make_reading(plan=replace(made, actions=(action,))).document
    assert "every 6–12 months until 60 months after the examination" in step_row(document.plan[0], "en").when


def test_factors_have_two_digits() -> None:
    assert format_factor(0.8) == "6.3"
