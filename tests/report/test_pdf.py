"""The PDF says what the page says, in either language, its one font embedded, the same every time."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from dataclasses import replace
from datetime import UTC, date, datetime
from importlib.resources import files
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from tests.end_to_end.made_sonograms import phantom, save_dicom
from tests.report.test_html import check

from hepalith.cli import main
from hepalith.errors import MissingExtraError, OutputError
from hepalith.reading import Reading, accept, load_reading
from hepalith.report import pdf_typst, render_html
from hepalith.report.patient import render_patient
from hepalith.report.pdf import PAPERS, patient_pdf_bytes, report_pdf_bytes, write_pdf
from hepalith.report.pdf_typst import FONT, SUPERSCRIPTS, known_letters, literal, replace_unknown, require_pdf
from hepalith.settings import Formats, Settings
from hepalith.study.patient import Patient

pytest.importorskip("typst", reason="PDF needs the extra: pip install 'hepalith[pdf]'")
pytest.importorskip("pylopdf_fonts_zh_cn", reason="PDF needs the extra: pip install 'hepalith[pdf]'")

LANGUAGES = ("en", "zh")
A4, LETTER = "595.276 x 841.89", "612 x 792"
"""Sizes of paper in points, as pdfinfo prints them."""


def tool(name: str) -> str:
    """Return the path of one of poppler's tools; skip where it is absent."""
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"no {name} here: install poppler-utils")
    return path


def ask(name: str, made: bytes, *words: str) -> str:
    """Return what one of poppler's tools prints of a PDF."""
    command = [tool(name), *words, "-", *(["-"] if name == "pdftotext" else [])]
    done = subprocess.run(command, input=made, capture_output=True, check=True, timeout=60)  # noqa: S603
    return done.stdout.decode()


def squeezed(text: str) -> str:
    """Return a text without its spaces: where lines end is no part of what is said."""
    return re.sub(r"[\s\u200b\ufeff]+", "", text)


def parts(page: str) -> list[str]:
    """Return the texts of an HTML page that are printed: no style, no drawing, nothing for the screen."""
    printed = re.sub(
        r"<(style|svg|title)\b.*?</\1>|<section class=\"screen\">.*?</section>", "", page, flags=re.S
    )
    return [text for raw in check(printed).text if (text := squeezed(raw))]


def pdf_text(made: bytes) -> str:
    """Return the text of a PDF in the order in which it was set, without what stands on every page."""
    pages = ask("pdftotext", made, "-raw").split("\f")[:-1]
    kept = []
    for number, page in enumerate(pages, start=1):
        lines = page.rstrip().split("\n")
        assert lines[-1].endswith(f" {number} / {len(pages)}")
        kept += lines[1 if number > 1 else 0 : -1]
    return squeezed("".join(kept))


@pytest.fixture(scope="module")
def ultrasound(tmp_path_factory: pytest.TempPathFactory) -> Reading:
    folder = tmp_path_factory.mktemp("us")
    source = save_dicom(phantom(), folder / "us.dcm")
    assert main(["read", str(source), "--out", str(folder / "out")]) == 0
    return load_reading(folder / "out")


@pytest.fixture(scope="module")
def made(factories: ModuleType) -> dict[str, bytes]:
    return {lang: report_pdf_bytes(factories.make_reading(), Formats(language=lang)) for lang in LANGUAGES}


def unanswerable(factories: ModuleType) -> Reading:
    reading: Reading = factories.assemble(
        factories.make_examined(), factories.unanswerable_assessment(), Patient(), Settings()
    )
    return reading


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_report_says_everything_that_the_page_says(
    factories: ModuleType, made: dict[str, bytes], language: str
) -> None:
    said = pdf_text(made[language])
    missing = [
        part for part in parts(render_html(factories.make_reading(), language=language)) if part not in said
    ]
    assert missing == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_report_of_ultrasound_says_everything_that_its_page_says(
    ultrasound: Reading, language: str
) -> None:
    said = pdf_text(report_pdf_bytes(ultrasound, Formats(language=language)))
    missing = [part for part in parts(render_html(ultrasound, language=language)) if part not in said]
    assert missing == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_scan_that_cannot_answer_says_so_on_paper_too(factories: ModuleType, language: str) -> None:
    reading = unanswerable(factories)
    said = pdf_text(report_pdf_bytes(reading, Formats(language=language)))
    assert [part for part in parts(render_html(reading, language=language)) if part not in said] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_patients_sheet_says_what_the_patients_page_says(factories: ModuleType, language: str) -> None:
    reading = factories.make_reading()
    said = pdf_text(patient_pdf_bytes(reading, Formats(language=language)))
    assert [part for part in parts(render_patient(reading, language=language)) if part not in said] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_one_font_is_embedded_and_cut_to_what_is_used(
    factories: ModuleType, made: dict[str, bytes], language: str
) -> None:
    for one in (made[language], patient_pdf_bytes(factories.make_reading(), Formats(language=language))):
        fonts = ask("pdffonts", one).splitlines()[2:]
        assert len(fonts) == 1
        assert re.match(r"[A-Z]{6}\+NotoSansSC-Regular", fonts[0])
        assert re.search(r"\byes yes yes\b", fonts[0]), "embedded, a subset, with its letters known"


def test_every_letter_that_the_product_writes_is_in_the_font() -> None:
    lacking: dict[str, set[str]] = {}
    known = known_letters() | SUPERSCRIPTS
    for room in ("report", "reading", "vocabulary", "finding", "differential", "management"):
        for path in Path(str(files(f"hepalith.{room}"))).rglob("*.toml"):
            text = path.read_text(encoding="utf-8")
            tomllib.loads(text)
            unknown = {c for c in text if not c.isspace() and ord(c) not in known}
            if unknown:
                lacking[path.name] = unknown
    assert lacking == {}


def test_the_letters_of_the_font_are_those_that_another_reader_finds() -> None:
    fonts = pytest.importorskip("fontTools.ttLib")
    assert known_letters() == set(fonts.TTFont(pdf_typst.font_path()).getBestCmap())


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_same_reading_gives_the_same_bytes(
    factories: ModuleType, made: dict[str, bytes], language: str
) -> None:
    again = report_pdf_bytes(factories.make_reading(), Formats(language=language))
    assert again == made[language]
    assert made["en"] != made["zh"]


@pytest.mark.parametrize(("language", "tag"), [("en", b"en"), ("zh", b"zh-CN")])
def test_archive_and_voice_are_served_and_the_language_is_named(
    made: dict[str, bytes], language: str, tag: bytes
) -> None:
    one = made[language]
    assert re.search(rb"<pdfaid:part>2</pdfaid:part>\s*<pdfaid:conformance>A<", one)
    assert b"<pdfuaid:part>1</pdfuaid:part>" in one
    assert b"/Lang(" + tag + b")" in one.replace(b" ", b"")
    assert "Tagged:          yes" in ask("pdfinfo", one)


def test_its_date_is_that_of_the_examination_and_of_none_where_there_is_none(factories: ModuleType) -> None:
    reading = factories.make_reading()
    day: date = reading.document.study.date
    assert f"D:{day:%Y%m%d}".encode() in report_pdf_bytes(reading, Formats())
    study = reading.document.study.model_copy(update={"date": None})
    undated = replace(reading, document=reading.document.model_copy(update={"study": study}))
    assert b"D:19700101" in report_pdf_bytes(undated, Formats())


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_identity_stands_in_text_or_metadata(
    factories: ModuleType, made: dict[str, bytes], language: str
) -> None:
    patient = patient_pdf_bytes(factories.make_reading(), Formats(language=language))
    for one in (made[language], patient):
        told = ask("pdftotext", one) + ask("pdfinfo", one) + ask("pdfinfo", one, "-meta")
        assert "hepalith" in told
        assert not any(secret in told for secret in ("MRN-4711", "Doe", "Jane", "19610203"))


def test_the_notice_stands_on_every_page(made: dict[str, bytes]) -> None:
    pages = ask("pdftotext", made["en"]).split("\f")[:-1]
    assert len(pages) > 1
    assert all("Research use; not a cleared device" in page for page in pages)


def test_who_accepted_the_reading_is_named(factories: ModuleType) -> None:
    reading = factories.make_reading()
    document = accept(
        reading.document,
        "Rivera^Ana",
        datetime(2025, 5, 1, 9, 30, tzinfo=UTC),
        organization="General Hospital",
    )
    said = ask("pdftotext", report_pdf_bytes(replace(reading, document=document), Formats()))
    assert "Rivera^Ana, General Hospital, 2025-05-01" in said
    assert "Preliminary" not in said


@pytest.mark.parametrize("paper", PAPERS)
def test_nothing_is_printed_in_the_margins(factories: ModuleType, paper: str) -> None:
    many = factories.make_reading()
    foci = many.document.foci
    more = tuple(foci[n % len(foci)].model_copy(update={"id": n + 1}) for n in range(45))
    many = replace(many, document=many.document.model_copy(update={"foci": more}))
    one = report_pdf_bytes(many, Formats(language="en"), paper=paper)
    assert {"a4": A4, "us-letter": LETTER}[paper] in ask("pdfinfo", one)
    for page in re.split(r"<page ", ask("pdftotext", one, "-bbox"))[1:]:
        width, height = (float(v) for v in re.findall(r'(?:width|height)="([\d.]+)"', page)[:2])
        for box in re.findall(r'xMin="([-\d.]+)" yMin="([-\d.]+)" xMax="([-\d.]+)" yMax="([-\d.]+)"', page):
            x0, y0, x1, y1 = map(float, box)
            assert x0 > 40, "15 mm is 42.5 points"
            assert x1 < width - 40
            assert y0 > 15
            assert y1 < height - 15


def test_a_text_of_a_header_is_no_markup_and_spoils_nothing(factories: ModuleType) -> None:
    evil = '#panic() *b* \\ "q" ]] }} 🫀 \ue000 \x07 العربية ' + 200 * "x"
    reading = factories.make_reading()
    image = reading.document.images[0].model_copy(update={"scanner": evil, "warnings": (evil,)})
    document = reading.document.model_copy(update={"images": (image,)})
    said = ask("pdftotext", report_pdf_bytes(replace(reading, document=document), Formats()))
    assert '#panic() *b* \\ "q" ]] }} □' in " ".join(said.split())
    assert squeezed(said).count(200 * "x") == 2


def test_a_letter_that_the_font_has_not_becomes_a_box() -> None:
    assert replace_unknown("肝 10 mm³ – ×÷→\n🫀") == "肝 10 mm³ – ×÷→\n□"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("a\nb\tc\x00d", '"a\\nb c d"'),
        ("97 % of 12 mm, 3 mmHg", '"97\u00a0% of 12\u00a0mm, 3 mmHg"'),
        (True, "true"),
        (date(2025, 3, 14), "datetime(year: 2025, month: 3, day: 14)"),
        (("a", 2.5, None), '("a", 2.5, none)'),
        ((), "()"),
    ],
)
def test_values_become_literals_of_typst(value: object, said: str) -> None:
    assert literal(value) == said


def test_what_has_no_literal_is_refused_rather_than_printed() -> None:
    with pytest.raises(TypeError, match="object has no literal"):
        literal(object())


def test_the_folder_holds_both_and_a_missing_one_is_named(factories: ModuleType, tmp_path: Path) -> None:
    write_pdf(factories.make_reading(), tmp_path, Formats(language="zh"))
    assert {path.name for path in tmp_path.iterdir()} == {"report.pdf", "patient.pdf"}
    assert all(path.read_bytes().startswith(b"%PDF-1.7") for path in tmp_path.iterdir())
    with pytest.raises(OutputError, match=r"^report\.pdf cannot be written"):
        write_pdf(factories.make_reading(), tmp_path / "absent", Formats())


@pytest.mark.parametrize("absent", ["typst", "pylopdf_fonts_zh_cn"])
def test_without_the_extra_one_line_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, absent: str
) -> None:
    real = pdf_typst.import_extra

    def without(module: str, feature: str, extra: str) -> Any:
        return real("hepalith.absent" if module == absent else module, feature, extra)

    monkeypatch.setattr(pdf_typst, "import_extra", without)
    pdf_typst.load_fonts.cache_clear()
    with pytest.raises(
        MissingExtraError, match=r"^writing PDF needs an extra: pip install 'hepalith\[pdf\]'$"
    ):
        require_pdf()
    monkeypatch.undo()
    require_pdf()


def test_a_font_that_went_is_missed_rather_than_replaced(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(pdf_typst, "font_path", lambda: tmp_path / "other.otf")
    pdf_typst.load_fonts.cache_clear()
    with pytest.raises(MissingExtraError, match=FONT):
        require_pdf()
    monkeypatch.undo()
    pdf_typst.load_fonts.cache_clear()
    require_pdf()


def test_powers_of_ten_are_set_though_the_font_lacks_some(factories: ModuleType) -> None:
    reading = factories.make_reading()
    image = reading.document.images[0].model_copy(update={"scanner": "12 × 10⁹/L, 10⁻³"})
    one = report_pdf_bytes(
        replace(reading, document=reading.document.model_copy(update={"images": (image,)})), Formats()
    )
    assert "10⁹/L" in ask("pdftotext", one)
    assert all(re.search(r"\byes yes yes\b", line) for line in ask("pdffonts", one).splitlines()[2:])
