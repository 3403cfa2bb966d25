"""What the report's page says, line by line, drawn from the document alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from hepalith.reading.company import company_texts, place_text
from hepalith.reading.document import (
    ActionEntry,
    Document,
    EvidenceEntry,
    FocusEntry,
    Measured,
    Quantity,
    RankedDiagnosis,
)
from hepalith.reading.phrases import phrase
from hepalith.reading.reasoning import CLEAR_LEAD
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
    due_text,
    format_in_unit,
    format_number,
    interval_text,
    months_text,
    percent_text,
    quantity_text,
    rank_word,
    repeat_text,
)
from hepalith.report.words import word

__all__ = ["Bar", "Cell", "Evidence", "FocusRow", "Headline", "Limits", "StepRow"]

MAX_ROWS = 100
"""Foci listed in a table: more are no longer read, and ``reading.json`` has them all. Our judgement."""

LEAST_SHOWN = 0.02
"""Explanations below two percent are named in one line, without their evidence. Our judgement."""

MAX_EXPLAINED = 6
"""Explanations shown with their evidence at most. Our judgement: the page must stay readable."""

MAX_REASONS = 6
"""Reasons shown for, and as many against; the weightiest. Our judgement."""

MAX_NAMED = 12
"""Explanations named in the line of the rest. Our judgement."""

MAX_HEADLINE_DIAGNOSES = 3
"""Explanations in the impression. Our judgement."""

LEAST_WEIGHT = 0.04
"""Evidence below this log10 weight (a factor of 1.1) is left out of the list of reasons. Our judgement."""


@dataclass(frozen=True, slots=True)
class Headline:
    """The impression: what was found, what it may be, what comes next."""

    sentences: tuple[str, ...]
    ranked: tuple[str, ...]
    mixed: str | None
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
class Evidence:
    """One reason for or against an explanation: the finding, its factor, and where that number is from."""

    finding: str
    factor: str
    source: str


@dataclass(frozen=True, slots=True)
class Bar:
    """One explanation of the differential, with its bar in percent."""

    name: str
    word: str
    probability: str
    percent: float
    low: float
    high: float
    interval: str
    stability: str
    supporting: tuple[Evidence, ...]
    against: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class StepRow:
    """One step of the plan, as text."""

    name: str
    text: str
    when: tuple[str, ...]
    strength: str
    source: str


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
    foci = document.calcifications
    sentences = []
    if document.why_not is not None:
        reason = translate(document.why_not, language)
        stop = {"en": ".", "zh": "。"}[language] if reason[-1:].isalnum() else ""
        sentences += [word("headline_unanswerable", language), reason[:1].upper() + reason[1:] + stop]
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
    if document.is_answerable and document.liver.in_view < WHOLE_LIVER:
        share = percent_text(document.liver.in_view, language)
        sentences.append(word("headline_part", language, percent=share))
    if document.mimics:
        key = "headline_mimic" if len(document.mimics) == 1 else "headline_mimics"
        sentences.append(word(key, language, count=len(document.mimics)))
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
    return Headline(tuple(sentences), ranked, mixed, first_step(document, language))


def first_step(document: Document, language: str) -> tuple[str, str] | None:
    """Return the first step of the plan with its dates, and its text."""
    if not document.plan:
        return None
    row = step_row(document.plan[0], language)
    when = {"en": " ({})", "zh": "（{}）"}[language].format(row.when[0]) if row.when else ""
    return word("first_step", language, name=row.name, when=when), row.text


def bars(document: Document, language: str) -> tuple[Bar, ...]:
    """Return the explanations that are shown with their evidence."""
    shown = [d for d in document.differential if d.probability >= LEAST_SHOWN][:MAX_EXPLAINED]
    return tuple(bar(d, shown[0].probability, language) for d in shown)


def bar(diagnosis: RankedDiagnosis, first: float, language: str) -> Bar:
    """Return one explanation of a ranking whose first one has the probability `first`."""
    low, high = round(100 * diagnosis.low), round(100 * diagnosis.high)
    return Bar(
        name=say(diagnosis.diagnosis, language),
        word=rank_word(diagnosis.probability, first, language),
        probability=percent_text(diagnosis.probability, language),
        percent=round(100 * diagnosis.probability, 1),
        low=round(100 * diagnosis.low, 1),
        high=round(100 * diagnosis.high, 1),
        interval=f"{low}–{high}" + {"en": " %", "zh": "%"}[language],
        stability=word("stability", language, share=percent_text(diagnosis.first_in, language)),
        supporting=evidence(diagnosis.supporting, language),
        against=evidence(diagnosis.against, language),
    )


def evidence(entries: tuple[EvidenceEntry, ...], language: str) -> tuple[Evidence, ...]:
    """Return the reasons, the weightiest first; the weightless are left out."""
    weighty = sorted(
        (e for e in entries if abs(e.weight) >= LEAST_WEIGHT), key=lambda e: (-abs(e.weight), e.finding)
    )
    return tuple(
        Evidence(
            say_inline(e.finding, language),
            f"{'×' if e.weight > 0 else '÷'}{format_factor(abs(e.weight))}",
            translate(e.source, language),
        )
        for e in weighty[:MAX_REASONS]
    )


def format_factor(weight: float) -> str:
    """Return 10 to the power of a weight, with two significant digits.

    Examples
    --------
    >>> format_factor(0.42), format_factor(2.0)
    ('2.6', '100')
    """
    return format_number(float(f"{10**weight:.2g}"))


def rest_text(document: Document, language: str) -> str | None:
    """Return the explanations that are not shown with their evidence, in one sentence."""
    rest = document.differential[len(bars(document, language)) :]
    if not rest:
        return None
    said = [say_inline(d.diagnosis, language) for d in rest[:MAX_NAMED]]
    if len(rest) > MAX_NAMED:
        said.append(word("and_more", language, count=len(rest) - MAX_NAMED))
    names = {"en": ", ", "zh": "、"}[language].join(said)
    together = percent_text(sum(d.probability for d in rest), language)
    return word("diagnoses_rest", language, count=len(rest), probability=together, list=names)


def step_row(action: ActionEntry, language: str) -> StepRow:
    """Return one step of the plan."""
    when = []
    if action.due is not None:
        when.append(due_text(action.due, language))
    if action.after is not None:
        when.append(months_text(action.after, language))
    if action.repeat is not None:
        when.append(repeat_text(action.repeat, language))
    return StepRow(
        say(action.action, language),
        action.text_zh if language == "zh" else action.text,
        tuple(when),
        translate(action.strength, language),
        translate(action.source, language),
    )


def list_limits(document: Document, language: str) -> Limits:
    """Return what this reading does not say, in three lists."""
    unknown = [f for f in document.findings if f.state == "unknown"]
    told = [say_inline(f.id, language) for f in unknown if f.source in ("person", "text")]
    return Limits(
        tuple(group_reasons(document.findings, language)),
        tuple(not_looked_for(document, language)),
        tuple(dict.fromkeys(told)),
    )
