"""The patient's page: one calm, self-contained page of everyday words."""

from __future__ import annotations

import tomllib
from functools import cache, partial
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from hepalith.errors import OutputError
from hepalith.reading import Reading
from hepalith.reading.layperson import day_text, tell_patient
from hepalith.reading.phrases import phrase
from hepalith.report.words import LANGUAGES

__all__ = ["patient_content", "render_patient", "write_patient"]


def write_patient(reading: Reading, path: Path, *, language: str | None = None) -> None:
    """Write the patient's page, in `language` or the one that the reading's settings name.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    text = render_patient(reading, language=language)
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{path.name} cannot be written ({error.strerror or error})") from error


def render_patient(reading: Reading, *, language: str | None = None) -> str:
    """Return the patient's page as text.

    What was found, what it most likely means, what happens next and when to come sooner, drawn
    from ``reading.json`` alone. It gives no verdict and no probability, promises nothing, and
    says nothing of who the patient is.
    """
    return load_template().render(patient_content(reading, language=language))


def patient_content(reading: Reading, *, language: str | None = None) -> dict[str, Any]:
    """Return everything that the patient's page says, by the names that its templates use."""
    document = reading.document
    chosen = language or str(document.provenance.settings.get("language", "en"))
    chosen = chosen if chosen in LANGUAGES else "en"
    return {
        "d": document,
        "language": chosen,
        "said": partial(said, chosen),
        "title": "title"
        if not document.has_ultrasound
        else "title_both"
        if document.has_ct
        else "title_ultrasound",
        "heading": partial(phrase, "heading", language=chosen),
        "notice": phrase("patient", "notice", chosen),
        "told": tell_patient(document, chosen),
        "day": partial(day_text, language=chosen),
    }


def said(language: str, key: str, **values: object) -> str:
    """Return one line of the page's frame, its blanks filled."""
    return load_words()[key][language].format(**values)


@cache
def load_words() -> dict[str, dict[str, str]]:
    """Return the words of the page's frame, by key and language."""
    words: dict[str, dict[str, str]] = tomllib.loads(
        files("hepalith.report").joinpath("patient.toml").read_text(encoding="utf-8")
    )
    return words


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
    return environment.get_template("patient.html.j2")
