"""What the report's page says, line by line, drawn from the document alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from hepalith.reading.company import company_texts, place_text
from hepalith.reading.document import (
    Document,
    FocusEntry,
    Measured,
    Quantity,
)
from hepalith.reading.phrases import phrase
from hepalith.reading.punctuation import PAUSE
from hepalith.reading.reasoning import CLEAR_LEAD, malignant_text, process_text
from hepalith.reading.summary import (
    AT_CAPSULE_MM,
    WHOLE_LIVER,
    differing_foci,
    group_reasons,
    not_looked_for,
)
from hepalith.reading.terms import say, say_inline
from hepalith.reading.translate import translate
from hepalith.reading.wording import (
    format_in_unit,
    interval_text,
    percent_text,
    quantity_text,
    rank_word,
)
from hepalith.report.reasoned import LEAST_SHOWN, step_row
from hepalith.report.words import word

__all__ = ["Cell", "FocusRow", "Headline", "Limits"]

MAX_ROWS = 100
"""Foci listed in a table: more are no longer read, and ``reading.json`` has them all. Our judgement."""

SHADOWS = frozenset({"faint", "clean", "dirty"})
"""Grades of a shadow that is there."""

MAX_HEADLINE_DIAGNOSES = 3
"""Explanations in the impression. Our judgement."""


@dataclass(frozen=True, slots=True)
class Headline:
    """The impression: what was found, what it may be, what comes next."""

    sentences: tuple[str, ...]
    ranked: tuple[str, ...]
    mixed: str | None
    beside: str
    malignant: str
    step: tuple[str, str] | None


@dataclass(frozen=True, slots=True)
class Cell:
    """A measured number in a table, without its unit; its 95 % interval, empty where none is claimed."""

    value: str
    interval: str


@dataclass(frozen=True, slots=True)
class FocusRow:
    """One row of a table of foci, as text."""

    id: int
    label: str
    probability: str
    place: str
    depth: str
    shape: str
    diameter: Cell
    volume: Cell
    limited: bool
    hu: str
    peak: str
    excess: Cell
    mass: Cell
    score: str
    reason: str
    company: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Limits:
    """What could not be judged, what was not looked for, and what nobody told: kept apart."""

    not_judged: tuple[str, ...]
    not_looked: tuple[str, ...]
    not_told: tuple[str, ...]


def number(measured: Measured, language: str) -> str:
    """Return a measured number without its unit, for a table whose head names the unit."""
    if not isinstance(measured, Quantity):
        return word("no_value", language)
    return format_in_unit(measured.value, measured.unit)


def cell(measured: Measured, language: str) -> Cell:
    """Return a measured number and its interval."""
    ends = interval_text(measured) if isinstance(measured, Quantity) else None
    return Cell(number(measured, language), ends or "")


def focus_row(focus: FocusEntry, language: str) -> FocusRow:
    """Return one row of a table of foci."""
    return FocusRow(
        id=focus.id,
        label=say(focus.label, language),
        probability=percent_text(focus.probability, language),
        place=place_text(focus, language),
        depth=depth_text(focus.location.capsule_distance, language),
        shape=say_inline(focus.morphology.label, language),
        diameter=cell(focus.diameter, language),
        volume=cell(focus.volume, language),
        limited=focus.volume_limited_by_resolution,
        hu=" / ".join(number(m, language) for m in (focus.background_hu, focus.mean_hu, focus.peak_hu)),
        peak=number(focus.peak_hu, language),
        excess=cell(focus.integrated_excess, language),
        mass=cell(focus.mass, language),
        score=number(focus.score_agatston_convention, language),
        reason=translate(focus.reason, language),
        company=company_texts(focus, language),
    )


def depth_text(distance: Measured, language: str) -> str:
    """Return how deep a focus lies, empty where that is not known."""
    if not isinstance(distance, Quantity):
        return ""
    if distance.value < AT_CAPSULE_MM:
        return word("at_capsule", language)
    return word("below_capsule", language, distance=format_in_unit(distance.value, distance.unit))


def mass_reasons(foci: Iterable[FocusEntry], language: str) -> tuple[str, ...]:
    """Return why masses are missing, each reason once."""
    reasons = [translate(f.mass.not_assessable, language) for f in foci if not isinstance(f.mass, Quantity)]
    return tuple(dict.fromkeys(reasons))


def headline(document: Document, language: str) -> Headline:
    """Return the impression."""
    foci = [focus for focus in document.calcifications if focus.modality == "CT"]
    mimics = [focus for focus in document.mimics if focus.modality == "CT"]
    sentences = []
    if document.why_not is not None:
        reason = translate(document.why_not, language)
        stop = {"en": ".", "zh": "。"}[language] if reason[-1:].isalnum() else ""
        lead = "headline_unanswerable" if document.has_ct else "us_headline_unanswerable"
        sentences += [word(lead, language), reason[:1].upper() + reason[1:] + stop]
    elif not document.has_ct:
        pass
    elif not foci:
        whole = document.liver.in_view >= WHOLE_LIVER
        sentences.append(word("headline_none" if whole else "headline_none_part", language))
        smallest = document.detectability.smallest_focus
        if isinstance(smallest, Quantity):
            sentences.append(word("headline_none_detail", language, size=quantity_text(smallest, language)))
    else:
        sizes = [f.diameter for f in foci if isinstance(f.diameter, Quantity)]
        largest = max(sizes, key=lambda q: q.value) if sizes else foci[0].diameter
        key = "headline_one" if len(foci) == 1 else "headline_many"
        sentences.append(word(key, language, count=len(foci), size=quantity_text(largest, language)))
    if document.is_answerable and document.has_ct and document.liver.in_view < WHOLE_LIVER:
        share = percent_text(document.liver.in_view, language)
        sentences.append(word("headline_part", language, percent=share))
    if mimics:
        key = "headline_mimic" if len(mimics) == 1 else "headline_mimics"
        sentences.append(word(key, language, count=len(mimics)))
    if document.has_ultrasound and document.is_answerable:
        sentences += headline_of_ultrasound(document, language)
    ranked = tuple(
        word(
            "ranked",
            language,
            display=say(d.diagnosis, language),
            word=rank_word(d.probability, document.differential[0].probability, language),
            probability=percent_text(d.probability, language),
        )
        for d in document.differential[:MAX_HEADLINE_DIAGNOSES]
        if d.probability >= LEAST_SHOWN
    )
    if document.differential and document.differential[0].probability < CLEAR_LEAD:
        sentences.append(word("no_clear_lead", language))
    differing = differing_foci(document, language)
    mixed = phrase("radiology", "mixed", language, list=differing) if ranked and differing else None
    return Headline(
        tuple(sentences),
        ranked,
        mixed,
        process_text(document.processes, document.differential, language),
        malignant_text(document.differential, language),
        first_step(document, language),
    )


def headline_of_ultrasound(document: Document, language: str) -> list[str]:
    """Return what ultrasound showed, in one or two sentences."""
    foci = [focus for focus in document.counted if focus.modality == "US"]
    mimics = [focus for focus in document.mimics if focus.modality == "US"]
    if foci:
        sizes = [f.diameter for f in foci if isinstance(f.diameter, Quantity)]
        said = [word("us_headline_unsized", language)]
        if sizes:
            size = quantity_text(max(sizes, key=lambda q: q.value), language)
            key = "us_headline_size" if len(foci) == 1 else "us_headline_largest"
            said = [word(key, language, size=size)]
        shaded = sum(f.shadow.grade in SHADOWS for f in foci)
        if len(foci) > 1 and shaded:
            said.append(word("us_headline_shadow", language, count=shaded))
        elif len(foci) == 1:
            said.append(word(f"us_shadow_{foci[0].shadow.grade}", language))
        key = "us_headline_one" if len(foci) == 1 else "us_headline_many"
        sentences = [word(key, language, count=len(foci), what=PAUSE[language].join(said))]
    else:
        sentences = [word("us_headline_none", language)]
    if mimics:
        key = "us_headline_mimic" if len(mimics) == 1 else "us_headline_mimics"
        sentences.append(word(key, language, count=len(mimics)))
    return sentences


def first_step(document: Document, language: str) -> tuple[str, str] | None:
    """Return the first step of the plan with its dates, and its text."""
    if not document.plan:
        return None
    row = step_row(document.plan[0], language)
    when = {"en": " ({})", "zh": "（{}）"}[language].format(row.when[0]) if row.when else ""
    return word("first_step", language, name=row.name, when=when), row.text


def list_limits(document: Document, language: str) -> Limits:
    """Return what this reading does not say, in three lists."""
    unknown = [f for f in document.findings if f.state == "unknown"]
    told = [say_inline(f.id, language) for f in unknown if f.source in ("person", "text")]
    return Limits(
        tuple(group_reasons(document.findings, language)),
        tuple(not_looked_for(document, language)),
        tuple(dict.fromkeys(told)),
    )
