"""What was reasoned, in words: the ranking and its reasons, what clashes, what stands beside."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Protocol

from hepalith.differential import load_knowledge
from hepalith.reading.alternatives import alternatives_text
from hepalith.reading.conclusion import (
    ContradictionEntry,
    EvidenceEntry,
    FindingEntry,
    ProcessEntry,
    RankedDiagnosis,
)
from hepalith.reading.negation import say_absent
from hepalith.reading.part import Choice, Quantity
from hepalith.reading.phrases import phrase
from hepalith.reading.punctuation import CLAUSE, ENUMERATION
from hepalith.reading.terms import say, say_choice, say_inline
from hepalith.reading.translate import in_language, translate
from hepalith.reading.wording import (
    explain_weight,
    format_number,
    percent_text,
    quantity_text,
    range_text,
    rank_word,
    weight_key,
)
from hepalith.vocabulary import inline

__all__ = [
    "CLEAR_LEAD",
    "Reasoned",
    "age_text",
    "beside_first",
    "contradiction_texts",
    "evidence_text",
    "grade_of",
    "grades_text",
    "impression_of",
    "is_malignant",
    "listed",
    "malignant_text",
    "process_text",
    "source_text",
    "stated_findings",
]

MAX_DIAGNOSES_IN_WORDS = 4
"""Explanations named in the impression. Our judgement: an impression is read in one glance."""

LEAST_PROBABILITY_IN_WORDS = 0.05
"""Explanations below this are named only when no other is left. Our judgement."""

CLEAR_LEAD = 0.5
"""Probability below which the text says that no explanation stands out: all others together outweigh it."""

MAX_EXPLAINED_IN_WORDS = 2
"""Explanations whose reasons are said in the impression. Our judgement; the page has them all."""

LEAST_WEIGHT_IN_WORDS = 0.15
"""Evidence below this log10 weight (a factor of 1.4) is not said in the impression. Our judgement."""

MAX_REASONS_IN_WORDS = 4
"""Reasons said for one explanation, the weightiest first. Our judgement."""

LEAST_SECOND_PROCESS = 0.10
"""Probability of standing beside another from which a second process is named. Our judgement."""

MONTHS_BELOW_YEARS = 2.0
"""Age below which an age is said in months."""

SAYS_NO_MORE_THAN_ITS_GRADE = frozenset(
    {
        "expert judgement, not measured (grade C)",
        "judgement (grade C)",
        "textbook picture, general knowledge, not checked (grade K)",
    }
)
"""Sources printed by their grade alone: the note below the ranking spells the grades out, once."""

GRADE = re.compile(r"\bgrade ([ABCK])\b")
"""How a source says the grade of its number."""


class Person(Protocol):
    """Of whom it is: as far as the inference uses it."""

    @property
    def age_years(self) -> float | None:
        """Age in years."""
        ...

    @property
    def sex(self) -> str | None:
        """Sex, an id of the vocabulary."""
        ...


class Examination(Protocol):
    """When it was, and of whom."""

    @property
    def patient(self) -> Person:
        """Of whom."""
        ...


class Reasoned(Protocol):
    """What the words are drawn from: the document of a reading, or an opinion without images."""

    @property
    def study(self) -> Examination:
        """The examination."""
        ...

    @property
    def findings(self) -> tuple[FindingEntry, ...]:
        """What is known."""
        ...

    @property
    def differential(self) -> tuple[RankedDiagnosis, ...]:
        """The ranking."""
        ...

    @property
    def processes(self) -> tuple[ProcessEntry, ...]:
        """The marginals."""
        ...


@cache
def malignant_ids() -> frozenset[str]:
    """Return the diagnoses that the knowledge base calls malignant."""
    return frozenset(entry.id for entry in load_knowledge().entries if entry.malignant)


def is_malignant(diagnosis: str) -> bool:
    """Return whether the knowledge base calls a diagnosis malignant."""
    return diagnosis in malignant_ids()


def impression_of(reasoned: Reasoned, language: str) -> list[str]:
    """Say what it may be: the first explanations with their reasons, and all malignant ones together."""
    ranked = reasoned.differential
    if not ranked:
        return []
    first = ranked[0].probability
    named = [d for d in ranked if d.probability >= LEAST_PROBABILITY_IN_WORDS][:MAX_DIAGNOSES_IN_WORDS]
    named = named or list(ranked[:1])
    known = stated_findings(reasoned.findings)
    lines = [] if first >= CLEAR_LEAD else [phrase("reasoning", "no_clear_lead", language)]
    person = reasoned.study.patient
    for number, diagnosis in enumerate(named, start=1):
        lines.append(f"{number}. {diagnosis_text(diagnosis, first, language)}")
        reasons = reasons_text(diagnosis, known, person, language) if number <= MAX_EXPLAINED_IN_WORDS else ""
        lines += [f"   {reasons}"] if reasons else []
    rest = [d.probability for d in ranked[len(named) :]]
    if rest:
        largest = max(rest)
        least = max(
            LEAST_PROBABILITY_IN_WORDS, named[-1].probability if largest >= LEAST_PROBABILITY_IN_WORDS else 0
        )
        lines.append(phrase("reasoning", "others", language, least=percent_text(least, language)))
    together = malignant_text(ranked, language)
    graded = grades_text(ranked[0], language)
    at_work = process_text(reasoned.processes, ranked, language)
    return [*lines, *(text for text in (together, graded, at_work) if text)]


def diagnosis_text(diagnosis: RankedDiagnosis, first: float, language: str) -> str:
    """Say one explanation of a ranking whose first one has the probability `first`."""
    return phrase(
        "reasoning",
        "diagnosis",
        language,
        display=say(diagnosis.diagnosis, language),
        word=rank_word(diagnosis.probability, first, language),
        probability=percent_text(diagnosis.probability, language),
        interval=range_text(diagnosis.low, diagnosis.high, language),
        share=percent_text(diagnosis.first_in, language),
    )


def stated_findings(findings: Sequence[FindingEntry]) -> dict[str, FindingEntry]:
    """Return what is known of each finding: a person's word before the machine's, as in the inference."""
    known: dict[str, FindingEntry] = {}
    for finding in findings:
        if finding.state in ("present", "absent") and (finding.id not in known or finding.source == "person"):
            known[finding.id] = finding
    return known


def evidence_text(
    evidence: str, known: Mapping[str, FindingEntry], language: str, person: Person | None = None
) -> str:
    """Say a finding as it counted: absent, with its choice, or with its size; age and sex as they are."""
    said = _person_text(evidence, person, language) if person is not None else ""
    if said:
        return said
    name = say_inline(evidence, language)
    finding = known.get(evidence)
    if finding is None:
        return name
    if finding.state == "absent":
        return say_absent(evidence, language)
    if isinstance(finding.value, Choice):
        several = len(finding.alternatives) > 1
        chosen = say_choice(evidence, finding.value.choice, language)
        value = alternatives_text(finding, language) if several else inline(chosen, language)
        return phrase("evidence", "value", language, name=name, value=value)
    if isinstance(finding.value, Quantity):
        return phrase("evidence", "value", language, name=name, value=quantity_text(finding.value, language))
    return name


def _person_text(evidence: str, person: Person, language: str) -> str:
    """Say age or sex as they are; empty where it is neither, or not known."""
    if evidence == "age_years" and person.age_years is not None:
        return age_text(person.age_years, language)
    if evidence == "sex" and person.sex is not None:
        value = inline(say_choice("sex", person.sex, language), language)
        return phrase("evidence", "value", language, name=say_inline("sex", language), value=value)
    return ""


def age_text(age_years: float, language: str) -> str:
    """Say an age: that of an infant in months.

    Examples
    --------
    >>> age_text(62, "en"), age_text(0.5, "zh")
    ('age 62 years', '年龄6个月')
    """
    months = age_years < MONTHS_BELOW_YEARS
    value = format_number(12 * age_years if months else age_years, 2)
    return phrase("evidence", "months" if months else "age", language, value=value)


def reasons_text(
    diagnosis: RankedDiagnosis, known: Mapping[str, FindingEntry], person: Person, language: str
) -> str:
    """Say the weightiest reasons for and against one explanation, those of equal strength together."""
    groups: dict[str, list[EvidenceEntry]] = {}
    weighty = [
        e for e in (*diagnosis.supporting, *diagnosis.against) if abs(e.weight) >= LEAST_WEIGHT_IN_WORDS
    ]
    weighty.sort(key=lambda e: (-abs(e.weight), e.finding))
    for evidence in weighty[:MAX_REASONS_IN_WORDS]:
        groups.setdefault(weight_key(evidence.weight), []).append(evidence)
    said = []
    for entries in groups.values():
        names = listed([evidence_text(e.finding, known, language, person) for e in entries], language)
        weight = explain_weight(entries[0].weight, language)
        said.append(phrase("reasoning", "weighed", language, weight=weight, list=names))
    if not said:
        return ""
    text = CLAUSE[language].join(said)
    return phrase("reasoning", "reasons", language, list=text[:1].upper() + text[1:])


def listed(items: Sequence[str], language: str) -> str:
    """Return items as a list within a sentence."""
    return ENUMERATION[language].join(items)


def malignant_text(ranked: Sequence[RankedDiagnosis], language: str) -> str:
    """Say what all malignant explanations amount to, and the first of them: small is still open."""
    malignant = [d for d in ranked if is_malignant(d.diagnosis)]
    if not malignant:
        return ""
    together = sum(d.probability for d in malignant)
    return phrase(
        "reasoning",
        "malignant",
        language,
        together=percent_text(min(together, 1.0), language),
        first=say_inline(malignant[0].diagnosis, language),
        probability=percent_text(malignant[0].probability, language),
    )


def grade_of(source: str) -> str | None:
    """Return the grade that a source states for its number.

    Examples
    --------
    >>> grade_of("Kusano 2001 (grade A, n = 122)"), grade_of("a policy")
    ('A', None)
    """
    found = GRADE.search(source)
    return found.group(1) if found else None


def source_text(source: str, language: str) -> str:
    """Return where a number comes from; where that says no more than its grade, the grade alone.

    Examples
    --------
    >>> source_text("expert judgement, not measured (grade C)", "zh")
    'C级'
    >>> source_text("Mahajan 2017 (grade A, n = 120)", "zh")
    'Mahajan 2017（A级，n = 120）'
    """
    if source in SAYS_NO_MORE_THAN_ITS_GRADE:
        return phrase("reasoning", "grade_alone", language, grade=grade_of(source))
    return translate(source, language)


def grades_text(diagnosis: RankedDiagnosis, language: str) -> str:
    """Say what the numbers behind one explanation rest on: how many were measured, how many are judgement."""
    counts = Counter(grade_of(e.source) for e in (*diagnosis.supporting, *diagnosis.against))
    said = [
        phrase("reasoning", "graded", language, count=counts[grade], grade=phrase("grade", grade, language))
        for grade in "ABCK"
        if counts[grade]
    ]
    joined = CLAUSE[language].join(said)
    return phrase("reasoning", "grades", language, list=joined) if said else ""


def beside_first(
    processes: Sequence[ProcessEntry], ranked: Sequence[RankedDiagnosis]
) -> tuple[ProcessEntry, ...]:
    """Return the processes that may be at work beside whatever leads, the most probable first.

    A process's marginal holds the hypotheses that it leads, which the ranking already says, and
    those in which it stands beside another: only the latter make it a second one.
    """
    leads = {d.diagnosis: d.probability for d in ranked}
    beside = [p for p in processes if p.probability - leads.get(p.diagnosis, 0.0) >= LEAST_SECOND_PROCESS]
    return tuple(sorted(beside, key=lambda p: (-p.probability, p.diagnosis)))


def process_text(processes: Sequence[ProcessEntry], ranked: Sequence[RankedDiagnosis], language: str) -> str:
    """Say which processes may be at work beside the leading explanation; empty where none is."""
    leading = ranked[0].diagnosis if ranked else ""
    said = [
        phrase(
            "reasoning",
            "process_foci" if p.foci else "process",
            language,
            name=say_inline(p.diagnosis, language),
            probability=percent_text(p.probability, language),
            **({"foci": listed([f"#{focus}" for focus in p.foci], language)} if p.foci else {}),
        )
        for p in beside_first(processes, ranked)
        if p.diagnosis != leading
    ]
    return phrase("reasoning", "processes", language, list=listed(said, language)) if said else ""


def contradiction_texts(contradictions: Sequence[ContradictionEntry], language: str) -> list[str]:
    """Say which findings cannot all be true, why, and what was done about it."""
    return [
        phrase(
            "reasoning",
            "contradiction",
            language,
            list=listed([say_inline(finding, language) for finding in clash.findings], language),
            reason=in_language(clash.reason, clash.reason_zh, language),
        )
        for clash in contradictions
    ]
