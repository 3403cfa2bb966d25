"""What the report's page says of the differential, the tests and the plan, drawn from the document alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from hepalith.reading.conclusion import (
    ActionEntry,
    EvidenceEntry,
    FindingEntry,
    NextTestEntry,
    RankedDiagnosis,
)
from hepalith.reading.document import AgeSex, Document
from hepalith.reading.phrases import phrase
from hepalith.reading.planning import when_texts
from hepalith.reading.punctuation import CLAUSE, ENUMERATION
from hepalith.reading.reasoning import (
    contradiction_texts,
    evidence_text,
    grade_of,
    grades_text,
    is_malignant,
    malignant_text,
    process_text,
    source_text,
    stated_findings,
)
from hepalith.reading.terms import say, say_inline
from hepalith.reading.translate import in_language, translate
from hepalith.reading.wording import (
    due_text,
    explain_weight,
    format_bits,
    format_number,
    percent_text,
    range_text,
    rank_word,
)
from hepalith.report.words import word

__all__ = [
    "LEAST_SHOWN",
    "Bar",
    "Beside",
    "Evidence",
    "Ranking",
    "StepRow",
    "Worthwhile",
    "beside",
    "ranking",
    "step_row",
    "worth_doing",
]

LEAST_SHOWN = 0.02
"""Explanations below two percent are named in one line, without their evidence. Our judgement."""

MAX_EXPLAINED = 6
"""Explanations shown with their evidence at most. Our judgement: the page must stay readable."""

MAX_REASONS = 6
"""Reasons shown for, and as many against; the weightiest. Our judgement."""

MAX_NAMED = 12
"""Explanations named in the line of the rest. Our judgement."""

LEAST_WEIGHT = 0.04
"""Evidence below this log10 weight (a factor of 1.1) is left out of the list of reasons. Our judgement."""

MAX_TOLD = 6
"""Findings named that a test would tell; the rest are counted. Our judgement."""

MAX_TESTS = 6
"""Tests shown with what they would tell; the rest are named. Our judgement: a page must stay readable."""

LEAST_UTILITY = 1e-6
"""Expected utility, in the units of the losses, below which it prints as nought."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """One reason for or against an explanation: the finding, its factor and strength, its number's origin."""

    finding: str
    factor: str
    strength: str
    grade: str
    source: str


@dataclass(frozen=True, slots=True)
class Bar:
    """One explanation of the differential, with its bar in percent."""

    name: str
    malignant: bool
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
class Ranking:
    """The differential: explanations with their reasons, the rest in a sentence, and what is to be added."""

    bars: tuple[Bar, ...]
    rest: str | None
    notes: tuple[str, ...]
    contradictions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StepRow:
    """One step of the plan, as text."""

    name: str
    text: str
    when: tuple[str, ...]
    visits: tuple[str, ...]
    strength: str
    source: str


@dataclass(frozen=True, slots=True)
class Beside:
    """What another policy asks for instead."""

    policy: str
    steps: tuple[StepRow, ...]


@dataclass(frozen=True, slots=True)
class Worthwhile:
    """One test worth doing, as text; without a gain where none was computed."""

    name: str
    why: str
    finds: str
    gain: str
    utility: str
    harm: str


def ranking(document: Document, language: str) -> Ranking:
    """Return the differential as the page shows it."""
    ranked = document.differential
    shown = [d for d in ranked if d.probability >= LEAST_SHOWN][:MAX_EXPLAINED]
    known, person = stated_findings(document.findings), document.study.patient
    notes: list[str] = []
    if ranked:
        notes = [
            malignant_text(ranked, language),
            process_text(document.processes, ranked, language),
            grades_text(ranked[0], language),
        ]
    return Ranking(
        tuple(bar(d, shown[0].probability, known, person, language) for d in shown),
        rest_text(ranked[len(shown) :], language),
        tuple(note for note in notes if note),
        tuple(contradiction_texts(document.clashes, language)),
    )


def bar(
    diagnosis: RankedDiagnosis, first: float, known: Mapping[str, FindingEntry], person: AgeSex, language: str
) -> Bar:
    """Return one explanation of a ranking whose first one has the probability `first`."""
    return Bar(
        name=say(diagnosis.diagnosis, language),
        malignant=is_malignant(diagnosis.diagnosis),
        word=rank_word(diagnosis.probability, first, language),
        probability=percent_text(diagnosis.probability, language),
        percent=round(100 * diagnosis.probability, 1),
        low=round(100 * diagnosis.low, 1),
        high=round(100 * diagnosis.high, 1),
        interval=range_text(diagnosis.low, diagnosis.high, language),
        stability=word("stability", language, share=percent_text(diagnosis.first_in, language)),
        supporting=evidence(diagnosis.supporting, known, person, language),
        against=evidence(diagnosis.against, known, person, language),
    )


def evidence(
    entries: Iterable[EvidenceEntry], known: Mapping[str, FindingEntry], person: AgeSex, language: str
) -> tuple[Evidence, ...]:
    """Return the reasons, the weightiest first; the weightless are left out."""
    weighty = sorted(
        (e for e in entries if abs(e.weight) >= LEAST_WEIGHT), key=lambda e: (-abs(e.weight), e.finding)
    )
    return tuple(
        Evidence(
            evidence_text(e.finding, known, language, person),
            f"{'×' if e.weight > 0 else '÷'}{format_factor(abs(e.weight))}",
            explain_weight(e.weight, language),
            phrase("grade", grade, language) if (grade := grade_of(e.source)) else "",
            source_text(e.source, language),
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


def rest_text(rest: tuple[RankedDiagnosis, ...], language: str) -> str | None:
    """Return the explanations that are not shown with their evidence, in one sentence."""
    if not rest:
        return None
    names = named([d.diagnosis for d in rest], MAX_NAMED, language)
    together = percent_text(sum(d.probability for d in rest), language)
    return word("diagnoses_rest", language, count=len(rest), probability=together, list=names)


def named(terms: Sequence[str], most: int, language: str) -> str:
    """Return the first terms of a list by name, and how many more there are; some names hold commas."""
    said = [say_inline(term, language) for term in terms[:most]]
    if len(terms) > most:
        said.append(word("and_more", language, count=len(terms) - most))
    return (CLAUSE if any("," in name for name in said) else ENUMERATION)[language].join(said)


def step_row(action: ActionEntry, language: str) -> StepRow:
    """Return one step of the plan."""
    dated = [visit.due for visit in action.visits if visit.due is not None]
    strength = translate(action.strength, language)
    grade = phrase("grade", action.grade, language) if action.grade in {"A", "B", "C", "K"} else ""
    return StepRow(
        say(action.action, language),
        in_language(action.text, action.text_zh, language),
        tuple(when_texts(action, language)),
        tuple(due_text(due, language) for due in dated) if len(dated) > 1 else (),
        CLAUSE[language].join(text for text in (strength, grade) if text),
        translate(action.source.removesuffix(f" ({action.grade})") if grade else action.source, language),
    )


def worth_doing(document: Document, language: str) -> tuple[tuple[Worthwhile, ...], str | None]:
    """Return the first tests worth doing, and the rest by name."""
    shown, rest = document.next_tests[:MAX_TESTS], document.next_tests[MAX_TESTS:]
    names = named([t.test for t in rest], len(rest), language)
    more = word("tests_rest", language, list=names) if rest else None
    return tuple(worthwhile(test, language) for test in shown), more


def beside(document: Document, language: str) -> Beside | None:
    """Return what the policy beside the chosen one asks for; ``None`` where the two agree."""
    other = document.plan_beside
    if other is None or not other.plan:
        return None
    return Beside(other.policy, tuple(step_row(action, language) for action in other.plan))


def worthwhile(test: NextTestEntry, language: str) -> Worthwhile:
    """Return one test worth doing."""
    gain, utility = test.expected_gain_bits, test.expected_utility
    if utility is not None and abs(utility) < LEAST_UTILITY:
        utility = 0.0
    return Worthwhile(
        name=say(test.test, language),
        why=in_language(test.why, test.why_zh, language),
        finds=named(test.finds, MAX_TOLD, language),
        gain=word("not_computed", language)
        if gain is None
        else word("bits", language, value=format_bits(gain)),
        utility="" if utility is None else format_number(utility, 2),
        harm=in_language(test.harm, test.harm_zh, language),
    )
