"""The patient's page is plain, calm and whole in both languages, and promises nothing."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from pathlib import Path
from types import ModuleType

import pytest

from hepalith.errors import OutputError
from hepalith.management import Action, Plan, Repeat
from hepalith.reading import load_reading
from hepalith.reading.phrases import load_phrases
from hepalith.report import render_patient, write_folder, write_patient
from hepalith.report.patient import load_words
from hepalith.settings import Settings
from hepalith.study.patient import Patient
from hepalith.vocabulary import load_vocabulary

FRIGHTENING_OR_PROMISING = re.compile(
    r"\d ?%|cancer|tumou?r|metasta|malignan|prognos|harmless|benign|healthy liver|probability|"
    r"癌|肿瘤|转移|恶性|预后|良性|概率",
    re.IGNORECASE,
)


def text_of(page: str) -> str:
    body = page[page.index("<body>") :]
    return " ".join(re.sub(r"<[^>]+>", " ", body).split())


def acting(factories: ModuleType, *, urgency: str | None = None, **changes: object) -> object:
    made = factories.make_plan()
    alerts = tuple(replace(a, urgency=urgency) for a in made.alerts) if urgency else ()
    action = replace(made.actions[0], **changes)
    return factories.make_reading(plan=replace(made, actions=(action,), alerts=alerts))


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_page_gives_no_verdict_no_probability_and_no_promise(
    factories: ModuleType, language: str
) -> None:
    every = [
        Action(t.id, {"en": "a clinical text", "zh": "临床文字"}, (0, 1), None, None, "judgement", "ours")
        for t in load_vocabulary().of_group("action")
    ]
    page = render_patient(
        factories.make_reading(plan=Plan("guideline", "1", tuple(every))), language=language
    )
    text = text_of(page)
    assert FRIGHTENING_OR_PROMISING.findall(text) == []
    assert "a clinical text" not in text
    assert "临床文字" not in text


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_action_of_the_vocabulary_has_everyday_words(language: str) -> None:
    said = load_phrases()["step"]
    assert {t.id for t in load_vocabulary().of_group("action")} == set(said)
    assert all(words[language] for words in said.values())


def test_both_languages_fill_the_same_blanks() -> None:
    blank = re.compile(r"\{(\w+)\}")
    for key, words in load_words().items():
        assert set(words) == {"en", "zh"}, key
        assert set(blank.findall(words["en"])) == set(blank.findall(words["zh"])), key


def test_the_page_fetches_nothing_and_runs_nothing(factories: ModuleType) -> None:
    page = render_patient(factories.make_reading())
    assert not re.search(r"<(?:script|link|img|iframe|form)|https?:|url\(|@import", page)


def test_dates_are_given_and_repeats_said(factories: ModuleType) -> None:
    text = text_of(render_patient(factories.make_reading()))
    assert "Between 14 June 2025 and 14 September 2025, then every 3–6 months, until about 3 years" in text
    assert "Checks by ultrasound" in text


@pytest.mark.parametrize(
    ("after", "due", "said"),
    [
        ((0.0, 0.0), (date(2025, 3, 14),) * 2, "Now, without waiting for a visit"),
        ((0.0, 0.5), (date(2025, 3, 14), date(2025, 3, 29)), "By 29 March 2025"),
        ((12.0, 12.0), (date(2026, 3, 14),) * 2, "About 14 March 2026"),
        ((0.0, 0.5), None, "Within about 2 weeks of the scan"),
        ((6.0, 12.0), None, "About 6–12 months after the scan"),
    ],
)
def test_when_is_said_as_people_say_it(
    factories: ModuleType, after: tuple[float, float], due: tuple[date, date] | None, said: str
) -> None:
    text = text_of(render_patient(acting(factories, after_months=after, due=due, repeat=None)))  # type: ignore[arg-type]
    assert f"{said} Checks by ultrasound" in text


def test_only_what_is_for_today_sends_anyone_today(factories: ModuleType) -> None:
    pages = {
        u: text_of(render_patient(acting(factories, urgency=u)))  # type: ignore[arg-type]
        for u in ("today", "prompt", "routine")
    }
    assert "Please act today" in pages["today"]
    assert "emergency department" in pages["today"]
    for urgency in ("prompt", "routine"):
        assert "today" not in pages[urgency]
        assert "emergency" not in pages[urgency]
    assert "role=" not in render_patient(acting(factories))  # type: ignore[arg-type]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_scan_that_cannot_answer_is_neither_good_nor_bad_news(factories: ModuleType, language: str) -> None:
    reading = factories.assemble(
        factories.make_examined(), factories.unanswerable_assessment(), Patient(), Settings()
    )
    text = text_of(render_patient(reading, language=language))
    assert {"en": "neither good nor bad news", "zh": "既不是好消息，也不是坏消息"}[language] in text
    assert {"en": "did not see calcium", "zh": "没有看到钙化"}[language] not in text
    assert {"en": "Another scan", "zh": "再做一次"}[language] in text


def test_a_liver_partly_seen_is_not_said_to_be_free(factories: ModuleType) -> None:
    foci = replace(factories.make_foci(), foci=())
    liver = replace(factories.make_liver(), in_view=0.2)
    text = text_of(render_patient(factories.make_reading(foci=foci, liver=liver)))
    assert "It can say nothing about the rest" in text
    assert "did not see calcium in the liver." not in text


def test_nobodys_name_stands_on_it_and_the_notice_does_twice(factories: ModuleType) -> None:
    text = text_of(render_patient(factories.make_reading()))
    assert text.count("to be confirmed by a physician") == 2
    assert not re.search("MRN-4711|Doe|Jane|19610203", text)


def test_it_is_written_beside_the_report_in_the_language_of_the_settings(
    factories: ModuleType, tmp_path: Path
) -> None:
    out = write_folder(factories.make_reading(Settings(language="zh")), tmp_path / "out")
    page = (out / "patient.html").read_text(encoding="utf-8")
    assert '<html lang="zh-Hans">' in page
    assert page == render_patient(load_reading(out))


def test_a_repeat_is_not_lost_where_the_step_has_no_date(factories: ModuleType) -> None:
    reading = acting(factories, after_months=(6.0, 12.0), due=None, repeat=Repeat((6, 12), 60))
    text = text_of(render_patient(reading, language="zh"))  # type: ignore[arg-type]
    assert "检查后约6–12个月，此后每6–12个月一次，至检查后约5年" in text


def test_a_page_that_cannot_be_written_is_one_line(factories: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"^patient\.html cannot be written"):
        write_patient(factories.make_reading(), tmp_path / "none" / "patient.html")
