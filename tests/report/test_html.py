"""The page stands alone, says what the reading says in both languages, and shows no identity."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from hepalith.errors import OutputError
from hepalith.finding import Finding, Subject
from hepalith.reading import load_reading
from hepalith.report import render_html, write_folder, write_html
from hepalith.report.words import load_words
from hepalith.settings import Settings
from hepalith.study import Acquisition
from hepalith.study.patient import Patient
from hepalith.vocabulary import State

VOID = {"meta", "img", "br", "link", "input", "hr"}


class Checker(HTMLParser):
    """Counts tags, and holds what must not be there."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def check(page: str) -> Checker:
    checker = Checker()
    checker.feed(page)
    checker.close()
    assert checker.open == [], "every tag is closed"
    return checker


def plain(page: str) -> str:
    return " ".join(" ".join(check(page).text).split())


@pytest.fixture(scope="module")
def english(factories: ModuleType) -> str:
    return render_html(factories.make_reading(), language="en")


@pytest.fixture(scope="module")
def chinese(factories: ModuleType) -> str:
    return render_html(factories.make_reading(), language="zh")


def test_settings_are_those_that_somebody_chose(english: str) -> None:
    text = plain(english)
    assert "language en; policy " in text
    assert not any(word in text for word in ("hu_per_mg_ml", "False", "[]"))


def unanswerable(factories: ModuleType, language: str = "en") -> str:
    reading = factories.assemble(
        factories.make_examined(), factories.unanswerable_assessment(), Patient(), Settings()
    )
    return render_html(reading, language=language)


def test_the_page_fetches_nothing_and_runs_nothing(english: str) -> None:
    checker = check(english)
    assert not {"script", "link", "iframe", "object", "embed", "form"} & {tag for tag, _ in checker.tags}
    assert "http" not in english
    assert "@import" not in english
    assert "url(" not in english
    for _, attributes in checker.tags:
        assert not any(name.startswith("on") for name in attributes)
        if "src" in attributes:
            assert (attributes["src"] or "").startswith("data:image/jpeg;base64,")


def test_every_picture_has_an_alternative_text(english: str) -> None:
    pictures = [attributes for tag, attributes in check(english).tags if tag == "img"]
    assert len(pictures) == 3 + 4 * 4, "an overview of three, and four of each focus"
    assert all(picture["alt"] for picture in pictures)
    assert len({picture["alt"] for picture in pictures}) == len(pictures)


def test_table_heads_say_what_they_head(english: str) -> None:
    assert all("scope" in attributes for tag, attributes in check(english).tags if tag == "th")


def test_the_notice_stands_at_top_and_bottom(english: str, chinese: str) -> None:
    said = "Research use; not a cleared device; to be confirmed by a physician."
    text = plain(english)
    assert text.count(said) >= 2
    assert text.index(said) < text.index("Impression")
    assert text.rindex(said) > text.index("How this reading was made")
    assert plain(chinese).endswith("仅供研究使用，未经医疗器械审批，须由医师确认。")


def test_impression_stands_before_images_and_alerts_before_the_ranking(english: str) -> None:
    text = plain(english)
    order = [
        "Alert",
        "3 calcified foci in the liver, the largest 16 mm.",
        "Key images",
        "Calcified foci",
        "Plan",
    ]
    assert [text.index(said) for said in order] == sorted(text.index(said) for said in order)


def test_foci_mimics_and_their_measures_are_listed(english: str) -> None:
    text = plain(english)
    for said in (
        "16 (15.2–16.8)",
        "58 / 820 / 820",
        "31 mm below the capsule",
        "limited by resolution",
        "not validated in the liver",
        "no calibration given (--hu-per-mg-ml)",
        "Clip or coil",
        "denser than any calcium (3071 HU) with streaks",
        "2.1 mm (1.8–2.6): noise 12 HU, blur 1.6 mm in plane, slices of 2.5 mm",
    ):
        assert said in text


def test_the_differential_shows_reasons_with_source_and_grade(english: str) -> None:
    text = plain(english)
    assert "×2.6" in text
    assert "÷1.3" in text
    assert "Patnaik 2015, grade C" in text
    assert "first in 61 % of draws" in text
    assert 'aria-label="61 % (24–80 %)"' in english


def test_plan_dates_and_policy_are_shown(english: str) -> None:
    text = plain(english)
    assert "2025-06-14 to 2025-09-14" in text
    assert "By the policy guideline, version 2026.1." in text


def test_not_judged_and_not_looked_for_stay_apart(english: str) -> None:
    text = plain(english)
    judged, looked = text.index("Looked for, could not be judged"), text.index("Not looked for")
    assert (
        judged < text.index("enhancement cannot be seen") < looked < text.index("dilated bile ducts", looked)
    )


def test_how_it_was_made_is_shown(english: str) -> None:
    text = plain(english)
    assert "cd" * 32 in text
    assert "sha256:0123456789abcdef" in text
    assert "policy guideline" in text
    assert "thicker slices (5 mm)" in text
    assert "filled by their neighbours" in text


def test_no_identity_stands_in_the_page(english: str, chinese: str) -> None:
    for page in (english, chinese):
        for secret in ("MRN-4711", "Doe", "Jane", "19610203"):
            assert secret not in page


def test_the_chinese_page_is_chinese(chinese: str) -> None:
    text = plain(chinese)
    assert '<html lang="zh-Hans">' in chinese
    for said in (
        "诊断意见",
        "关键图像",
        "鉴别诊断",
        "单纯性",
        "肝右叶",
        "2025-06-14至2025-09-14",
        "须排除转移",
    ):
        assert said in text
    for key, words in load_words().items():
        if len(words["en"]) > 25 and "{" not in words["en"]:
            assert words["en"] not in text, key


def test_every_word_is_in_both_languages_with_the_same_blanks() -> None:
    blank = re.compile(r"\{(\w+)\}")
    for key, said in load_words().items():
        assert set(said) == {"en", "zh"}, key
        assert set(blank.findall(said["en"])) == set(blank.findall(said["zh"])), key


def test_text_from_headers_is_escaped(factories: ModuleType) -> None:
    evil = '<script>alert("x")</script><img src=x onerror=y>'
    series = replace(factories.make_series(), uid=evil, acquisition=Acquisition(kernel=evil, scanner=evil))
    volume = replace(factories.make_volume(), warnings=(evil,))
    finding = Finding("enhancing_mass", Subject("liver"), State.NOT_ASSESSABLE, reason=evil)
    reading = factories.assemble(
        factories.make_examined(series=series, volume=volume),
        factories.make_assessment(findings=(finding,)),
        Patient(),
        Settings(),
    )
    page = render_html(reading)
    assert "<script" not in page
    assert "<img src=x" not in page
    assert page.count("&lt;script&gt;") >= 4
    check(page)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_scan_without_liver_gets_a_sober_page(factories: ModuleType, language: str) -> None:
    page = unanswerable(factories, language)
    text = plain(page)
    assert "<img" not in page
    assert "the scan ends above the diaphragm" in text
    assert {"en": "This scan cannot answer", "zh": "无法判断肝内有无钙化"}[language] in text
    assert {"en": "Repeat with the liver in view", "zh": "重新扫描"}[language] in text
    assert {"en": "No calcification was found", "zh": "未检出"}[language] not in text


def test_a_clean_liver_says_what_could_be_missed(factories: ModuleType) -> None:
    foci = replace(factories.make_foci(), foci=(), labels=np.zeros_like(factories.make_foci().labels))
    text = plain(render_html(factories.make_reading(foci=foci)))
    assert "No calcification was found in the liver. Foci smaller than 2.1 mm cannot be excluded" in text


def test_hundreds_of_foci_are_cut_and_the_page_says_so(factories: ModuleType) -> None:
    foci = factories.make_foci()
    many = tuple(replace(foci.foci[0], id=n) for n in range(1, 401))
    rng = np.random.default_rng(5)
    labels = np.zeros_like(foci.labels)
    places = rng.choice(labels.size, size=400, replace=False)
    labels.reshape(-1)[places] = np.arange(1, 401)
    reading = factories.make_reading(foci=replace(foci, foci=many, labels=labels))
    began = time.perf_counter()
    page = render_html(reading)
    seconds = time.perf_counter() - began
    text = plain(page)
    assert "10 of 400 foci are shown" in text
    assert "100 of 400 are listed" in text
    assert len(page) < 3e6
    assert seconds < 5


def test_a_usual_page_is_quick_and_small(factories: ModuleType, english: str) -> None:
    reading = factories.make_reading()
    began = time.perf_counter()
    render_html(reading)
    assert time.perf_counter() - began < 0.5
    assert len(english) < 1e6


def test_the_page_is_the_same_from_memory_and_from_the_folder(factories: ModuleType, tmp_path: Path) -> None:
    reading = factories.make_reading()
    out = write_folder(reading, tmp_path / "out")
    assert (out / "report.html").read_text(encoding="utf-8") == render_html(load_reading(out))


def test_the_language_is_the_settings(factories: ModuleType) -> None:
    assert '<html lang="zh-Hans">' in render_html(factories.make_reading(Settings(language="zh")))


def test_a_page_that_cannot_be_written_is_one_line(factories: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"^report\.html cannot be written"):
        write_html(factories.make_reading(), tmp_path / "none" / "report.html")
