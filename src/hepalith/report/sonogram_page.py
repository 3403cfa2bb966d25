"""What the report's page says and shows of ultrasound, drawn from the reading alone."""

from __future__ import annotations

from dataclasses import dataclass

from hepalith.reading import Reading
from hepalith.reading.company import company_texts
from hepalith.reading.document import Document, FocusEntry, Measured, Quantity
from hepalith.reading.sonogram_document import ArticlePictureEntry
from hepalith.reading.sonogram_summary import depth_mm, examination_sentences, moves_text, sonograms
from hepalith.reading.terms import say, say_inline
from hepalith.reading.translate import in_language, translate
from hepalith.reading.wording import format_number, percent_text, quantity_text
from hepalith.report.page import MAX_ROWS, Cell, cell
from hepalith.report.sonogram_figure import (
    FocusSonogram,
    Sonogram,
    kept_pictures,
    show_focus,
    show_pictures,
)
from hepalith.report.words import word

__all__ = ["SonogramPage", "sonogram_page"]

MAX_FOCI_SHOWN = 10
"""Foci shown close by: about 40 kB each. As for CT."""

SURE = 0.9
"""Probability from which a mimic needs no second look close by. Our judgement."""

MAX_MIMICS_SHOWN = 3
"""Mimics shown close by, the least certain first: those a reader would want to check. Our judgement."""


@dataclass(frozen=True, slots=True)
class EchoRow:
    """One row of a table of bright foci, as text."""

    id: int
    label: str
    probability: str
    shape: str
    diameter: Cell
    depth: str
    shadow: str
    why_not: str
    index: str
    expected: str
    around: tuple[str, ...]
    reason: str
    counted: bool


@dataclass(frozen=True, slots=True)
class PointRow:
    """One point of a picture of the article: what it asks, its state in words, and why."""

    text: str
    state: str
    state_text: str
    probability: str
    reason: str


@dataclass(frozen=True, slots=True)
class ArticleTable:
    """One of the article's two pictures, point by point; `fit` in percent, empty where nothing was judged."""

    title: str
    fit: str
    points: tuple[PointRow, ...]


@dataclass(frozen=True, slots=True)
class ClashRow:
    """One thing that CT and ultrasound say differently."""

    name: str
    ct: str
    us: str
    text: str


@dataclass(frozen=True, slots=True)
class SonogramPage:
    """Everything of ultrasound on the page."""

    facts: tuple[str, ...]
    pictures: tuple[Sonogram, ...]
    foci: tuple[FocusSonogram, ...]
    rows: tuple[EchoRow, ...]
    mimics: tuple[EchoRow, ...]
    article: tuple[ArticleTable, ...]
    clashes: tuple[ClashRow, ...]
    limits: tuple[str, ...]
    smallest: str
    warnings: tuple[tuple[str, str], ...]
    scanner: str


def sonogram_page(reading: Reading, language: str) -> SonogramPage:
    """Return what the page says and shows of ultrasound."""
    document = reading.document
    images = sonograms(document)
    kept = kept_pictures(reading)
    counted = [focus for focus in document.counted if focus.modality == "US"]
    mimics = [focus for focus in document.mimics if focus.modality == "US"]
    unsure = sorted(
        (focus for focus in mimics if focus.probability < SURE),
        key=lambda focus: (focus.probability, focus.id),
    )
    shown = (*counted[:MAX_FOCI_SHOWN], *unsure[:MAX_MIMICS_SHOWN])
    close = (show_focus(focus, kept) for focus in shown)
    smallest = next((image.smallest_focus for image in images if image.smallest_focus is not None), None)
    return SonogramPage(
        tuple(examination_sentences(document, language, dated=False)),
        show_pictures(kept, document),
        tuple(found for found in close if found is not None),
        tuple(echo_row(focus, language) for focus in counted[:MAX_ROWS]),
        tuple(echo_row(focus, language) for focus in mimics[:MAX_ROWS]),
        tuple(article_table(picture, language) for picture in document.article_pictures),
        clash_rows(document, language),
        tuple(in_language(limit.text, limit.text_zh, language) for limit in document.limits),
        "" if not isinstance(smallest, Quantity) else quantity_text(smallest, language, interval=True),
        tuple((image.id, translate(text, language)) for image in images for text in image.warnings),
        next((image.scanner for image in images if image.scanner), ""),
    )


def echo_row(focus: FocusEntry, language: str) -> EchoRow:
    """Return one row of a table of bright foci."""
    deep, shadow = depth_mm(focus), focus.shadow
    expected = "" if shadow.expected is None else percent_text(shadow.expected, language)
    moves = moves_text(focus, language)
    return EchoRow(
        id=focus.id,
        label=say(focus.label, language),
        probability=percent_text(focus.probability, language),
        shape=say_inline(focus.morphology.label, language),
        diameter=cell(focus.diameter, language),
        depth="" if deep is None else format_number(round(deep)),
        shadow=word(f"us_shadow_{shadow.grade}", language),
        why_not=""
        if isinstance(shadow.index, Quantity)
        else translate(shadow.index.not_assessable, language),
        index=share(shadow.index, language),
        expected=expected or word("us_not_known", language),
        around=(*company_texts(focus, language), *((moves,) if moves else ())),
        reason=translate(focus.reason, language),
        counted=focus.is_counted,
    )


def share(index: Measured, language: str) -> str:
    """Return the share of brightness that is missing behind a focus, in percent; a bright tail is none."""
    if not isinstance(index, Quantity):
        return word("no_value", language)
    return percent_text(min(max(index.value, 0.0), 1.0), language)


def article_table(picture: ArticlePictureEntry, language: str) -> ArticleTable:
    """Return one of the article's pictures as a table of its points."""
    return ArticleTable(
        in_language(picture.title, picture.title_zh, language),
        "" if picture.fit is None else percent_text(picture.fit, language),
        tuple(
            PointRow(
                in_language(point.text, point.text_zh, language),
                point.state,
                word(f"us_state_{point.state}", language),
                "" if point.probability is None else percent_text(point.probability, language),
                in_language(point.reason, point.reason_zh, language),
            )
            for point in picture.points
        ),
    )


def clash_rows(document: Document, language: str) -> tuple[ClashRow, ...]:
    """Return what CT and ultrasound of the patient say differently."""
    return tuple(
        ClashRow(
            say(clash.finding, language),
            in_language(clash.ct, clash.ct_zh, language),
            in_language(clash.us, clash.us_zh, language),
            in_language(clash.text, clash.text_zh, language),
        )
        for clash in document.disagreements
    )
