"""The report as one self-contained HTML page: no script, nothing fetched, ready to print."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from hepalith.errors import OutputError
from hepalith.reading import Reading
from hepalith.reading.company import around_texts
from hepalith.reading.document import Document, FocusEntry, Quantity
from hepalith.reading.phrases import phrase
from hepalith.reading.summary import nothing_text
from hepalith.reading.terms import say, say_inline
from hepalith.reading.translate import in_language, translate
from hepalith.reading.wording import format_number, percent_text, quantity_text
from hepalith.report import page, reasoned
from hepalith.report.figure import FIELD_MM, Picture, find_places, focus_pictures, overview_pictures
from hepalith.report.sonogram_page import sonogram_page
from hepalith.report.words import LANGUAGES, word

__all__ = ["page_content", "render_html", "write_html"]

MAX_FIGURES = 10
"""Foci with key images: about 50 kB each. The tables and the overview have the others. Our judgement."""

MAX_MIMIC_FIGURES = 4
"""Mimics with key images, the least certain first: those a reader would want to check. Our judgement."""

MAX_NUMBERED = 30
"""Foci numbered in the overview; more numbers would hide the liver. Our judgement."""


@dataclass(frozen=True, slots=True)
class FocusFigure:
    """The key images of one focus."""

    focus: FocusEntry
    label: str
    pictures: tuple[Picture, ...]


def write_html(reading: Reading, path: Path, *, language: str | None = None) -> None:
    """Write the report's page.

    Parameters
    ----------
    language
        ``en`` or ``zh``; without it, the one that the reading's settings name.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    text = render_html(reading, language=language)
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{path.name} cannot be written ({error.strerror or error})") from error


def render_html(reading: Reading, *, language: str | None = None) -> str:
    """Return the report's page as text.

    Everything it says is drawn from ``reading.json`` and the maps; the same reading gives the
    same page. Every text is escaped. It says nothing of who the patient is.
    """
    return load_template().render(page_content(reading, language=language))


def page_content(reading: Reading, *, language: str | None = None) -> dict[str, Any]:
    """Return everything that the report says and shows, by the names that its templates use.

    The page and the PDF are two settings of the same content.
    """
    document = reading.document
    chosen = language or str(document.provenance.settings.get("language", "en"))
    chosen = chosen if chosen in LANGUAGES else "en"
    calcified = tuple(focus for focus in document.calcifications if focus.modality == "CT")
    mimics = tuple(focus for focus in document.mimics if focus.modality == "CT")
    unsure = sorted(mimics, key=lambda focus: (focus.probability, focus.id))
    ordered = (*calcified, *unsure)
    shown = (*calcified[:MAX_FIGURES], *unsure[:MAX_MIMIC_FIGURES])[:MAX_FIGURES]
    places = {
        f.id: (f.centroid_lps_mm, ring_mm(f)) for f in ordered[:MAX_NUMBERED] if f.centroid_lps_mm is not None
    }
    boxes = find_places(reading.maps) if document.has_ct else {}
    sonography = sonogram_page(reading, chosen) if document.has_ultrasound else None
    figures = tuple(
        FocusFigure(
            focus, say_inline(focus.label, chosen), focus_pictures(reading.maps, focus.id, boxes[focus.id])
        )
        for focus in shown
        if focus.id in boxes
    )
    tests, tests_rest = reasoned.worth_doing(document, chosen)
    return {
        "d": document,
        "language": chosen,
        "w": partial(word, language=chosen),
        "say": partial(say, language=chosen),
        "say_inline": partial(say_inline, language=chosen),
        "phrase": partial(phrase, language=chosen),
        "translate": partial(translate, language=chosen),
        "in_language": partial(in_language, language=chosen),
        "percent": partial(percent_text, language=chosen),
        "quantity": partial(quantity_text, language=chosen),
        "is_measured": is_measured,
        "format_number": format_number,
        "headline": page.headline(document, chosen),
        "overview": overview_pictures(reading.maps, places) if document.has_ct else (),
        "s": sonography,
        "warnings": list_warnings(document, chosen),
        "figures": figures,
        "field_mm": format_number(FIELD_MM),
        "total": len(ordered),
        "rows": tuple(page.focus_row(f, chosen) for f in calcified[: page.MAX_ROWS]),
        "rows_all": len(calcified),
        "mimic_rows": tuple(page.focus_row(f, chosen) for f in mimics[: page.MAX_ROWS]),
        "mimics_all": len(mimics),
        "any_mass": any(is_measured(focus.mass) for focus in calcified),
        "mass_reasons": page.mass_reasons(calcified, chosen),
        "ranking": reasoned.ranking(document, chosen),
        "steps": tuple(reasoned.step_row(a, chosen) for a in document.plan),
        "beside": reasoned.beside(document, chosen),
        "tests": tests,
        "tests_rest": tests_rest,
        "around": around_texts(document, chosen),
        "limits": page.list_limits(document, chosen),
        "nothing": nothing_text(document, chosen),
        "text": document.summary.radiology.zh if chosen == "zh" else document.summary.radiology.en,
        "settings": list_settings(document),
    }


def list_settings(document: Document) -> str:
    """Return what the user chose; what was left as it is, is left out (``reading.json`` holds all)."""
    chosen = {k: v for k, v in sorted(document.provenance.settings.items()) if v not in (None, False, 0, [])}
    return "; ".join(name if value is True else f"{name} {value}" for name, value in chosen.items())


def list_warnings(document: Document, language: str) -> tuple[str, ...]:
    """Return what is doubtful about the images; of several of ultrasound, with the image's name."""
    several = sum(image.modality == "US" for image in document.images) > 1
    said = []
    for image in document.images:
        if image.role == "phase":
            continue
        lead = f"{image.id}: " if several and image.modality == "US" else ""
        said += [lead + translate(text, language) for text in image.warnings]
    return tuple(said)


def ring_mm(focus: FocusEntry) -> float:
    """Return the diameter of the ring around a focus; a mimic gets a small one, which hides no focus."""
    if focus.label != "calcification" or not isinstance(focus.diameter, Quantity):
        return 0.0
    return focus.diameter.value


def is_measured(value: Any) -> bool:
    """Return whether a measured number has a value."""
    return isinstance(value, Quantity)


@cache
def load_template() -> Template:
    """Return the page's template; what it names must exist."""
    environment = Environment(
        loader=PackageLoader("hepalith.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html.j2")
