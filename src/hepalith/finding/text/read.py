"""Read the free text of a report, in English or Chinese, into findings and facts of the patient."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from hepalith.finding.finding import Finding, Subject
from hepalith.finding.text.account import Account
from hepalith.finding.text.change import find_exam_date
from hepalith.finding.text.compose import Composed, compose
from hepalith.finding.text.focus import follow
from hepalith.finding.text.lexicon import load_tree
from hepalith.finding.text.mention import Sentence, find_sizes, list_sentences, mention_all
from hepalith.finding.text.patient import read_age, read_pressure, take_person
from hepalith.finding.text.person import Person
from hepalith.finding.text.place import Topic, place_mentions
from hepalith.finding.text.scope import judge_scope
from hepalith.finding.text.token import normalise, tokenise
from hepalith.finding.text.unread import list_unread
from hepalith.vocabulary import State, load_vocabulary

__all__ = ["ReportText", "Span", "detect_language", "read_report"]

Language = Literal["en", "zh", "mixed"]


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of the report: `words` are ``text[start:end]``; `about` is what they say, where known."""

    start: int
    end: int
    words: str
    about: str = ""


@dataclass(frozen=True, slots=True)
class ReportText:
    """What was read from a report.

    Parameters
    ----------
    language
        ``en``, ``zh`` or ``mixed``.
    findings
        In the order of the vocabulary; each has `words`, what it came from, and source ``text``.
    patient
        Keys of a patient file: ``age_years``, ``sex``, ``history``, ``exposures``, ``symptoms``, ``labs``.
    spans
        The words each finding or fact came from, in the order of the text.
    not_understood
        Clauses with medical content from which nothing was read.
    """

    language: Language
    findings: tuple[Finding, ...]
    patient: Mapping[str, Any]
    spans: tuple[Span, ...]
    not_understood: tuple[Span, ...]


_CJK = re.compile("[\u3400-\u9fff]")
_LATIN_WORD = re.compile(r"[A-Za-z]{4,}")
LENGTH_OF_A_DAY = 8
"""Fewest characters of a date that names a day (2024-3-5): a month or a year alone dates no plan."""

FEW_WORDS = 3
"""Fewest English words of four letters and more that make a Chinese report a mixed one: below it they are
abbreviations and names that the Chinese lexicon holds itself."""


def detect_language(text: str) -> Language:
    """Return the language of a report.

    Examples
    --------
    >>> detect_language("肝内钙化灶 CT"), detect_language("Liver calcification")
    ('zh', 'en')
    """
    if _CJK.search(text) is None:
        return "en"
    return "mixed" if any(n == FEW_WORDS for n, _ in enumerate(_LATIN_WORD.finditer(text), 1)) else "zh"


def read_report(text: str, language: str | None = None) -> ReportText:
    """Read a report into findings and facts of the patient.

    Parameters
    ----------
    text
        An ultrasound or CT report or a clinical narrative, in English, Chinese or both.
    language
        ``en`` or ``zh`` where known; else it is told from the letters.

    Returns
    -------
    ReportText
        What was read, from which words, and what was not understood. Any text is read; where there is
        nothing in it, nothing is found.

    Notes
    -----
    Phrases are found by one walk over the words through a tree of the lexicon; absence, doubt and place
    are then judged clause by clause. The time grows with the length of the text and with nothing else.
    """
    told: Language = language if language in ("en", "zh") else detect_language(text)  # type: ignore[assignment]
    tree = load_tree({"en": "en", "zh": "zh", "mixed": "en zh"}[told])
    normal = normalise(text)
    tokens = tokenise(normal)
    sentences = list_sentences(tokens)
    account, person, topic = Account(), Person(), Topic()
    read_age(normal, person)
    read_pressure(normal, person)
    if (exam := find_exam_date(normal)) is not None:
        day, begin, end = exam
        if end - begin >= LENGTH_OF_A_DAY:
            person.note("", "exam_date", day.isoformat(), begin, end)
    section = ""
    for sentence in sentences:
        mention_all(tokens, tree, sentence)
        find_sizes(normal, tokens, sentence)
        sentence.heading = section = _section(tokens.words, sentence, section)
        judge_scope(tokens, sentence)
        place_mentions(tokens, sentence, topic)
        section = _next_section(sentence, section)
        if sentence.heading != "technique":
            _mute(sentence)
            take_person(person, tokens, sentence, normal)
            follow(account, tokens, sentence)
    composed = compose(account, person, tokens, sentences, normal)
    composed = _settle(person, tokens.starts, tokens.ends, composed)
    spans = _spans(text, tokens.starts, tokens.ends, composed, person)
    findings = tuple(_finding(text, tokens.starts, tokens.ends, said) for said in composed)
    return ReportText(
        told,
        findings,
        _patient(person),
        spans,
        tuple(
            Span(a, b, text[a:b])
            for a, b in list_unread(tokens, sentences, [(s.start, s.end) for s in spans])
        ),
    )


def _mute(sentence: Sentence) -> None:
    """Take what a section asks, advises or compares with for no statement, but for facts of the patient."""
    if sentence.heading in _INLINE:
        for mention in sentence.mentions:
            if not any(mention.has(kind) for kind in _FACTS):
                mention.probability = None


_FACTS = ("history", "sex", "symptom", "exposure", "lab", "lab_name", "serology")
"""What is known of the patient whatever the section says it for."""

_INLINE = frozenset(("technique", "indication", "comparison", "recommendation"))
"""Sections that end with the sentence behind their heading: reports seldom mark where they end."""


def _section(words: Sequence[str], sentence: Sentence, section: str) -> str:
    """Return the section a sentence belongs to: its own heading, else the one before."""
    for mention in sentence.mentions[:1]:
        heads = mention.names("head")
        end = mention.last
        if heads and mention.first <= sentence.first + 1 and (end >= sentence.last or words[end] == ":"):
            return heads[0]
    return section


def _next_section(sentence: Sentence, section: str) -> str:
    """Return the section that the next sentence is in, if it has no heading of its own."""
    if section not in _INLINE:
        return section
    is_bare = len(sentence.parts) == 1 and bool(sentence.mentions) and sentence.mentions[0].has("head")
    return section if is_bare else ""


_TABLES = {"history": "history", "symptom": "symptoms", "exposure": "exposures"}


def _settle(
    person: Person, starts: Sequence[int], ends: Sequence[int], composed: Sequence[Composed]
) -> tuple[Composed, ...]:
    """Move what is known of the patient from the findings to the patient's facts."""
    vocabulary = load_vocabulary()
    kept: list[Composed] = []
    for said in composed:
        table = _TABLES.get(vocabulary[said.id].group)
        if table is None:
            kept.append(said)
        elif said.state in (State.PRESENT, State.ABSENT):
            (first, last), *_ = said.places
            person.note(table, said.id, said.state is State.PRESENT, starts[first], ends[last - 1])
    return tuple(kept)


def _finding(text: str, starts: Sequence[int], ends: Sequence[int], said: Composed) -> Finding:
    words = " … ".join(" ".join(text[starts[a] : ends[b - 1]].split()) for a, b in said.places)
    return Finding(
        said.id, Subject(said.subject), said.state, said.probability, said.value, source="text",
        words=words, reason=said.reason,
    )  # fmt: skip


def _patient(person: Person) -> dict[str, Any]:
    patient: dict[str, Any] = {}
    for fact in person.facts.values():
        if fact.table:
            patient.setdefault(fact.table, {})[fact.key] = fact.value
        else:
            patient[fact.key] = fact.value
    return patient


def _spans(
    text: str, starts: Sequence[int], ends: Sequence[int], composed: Sequence[Composed], person: Person
) -> tuple[Span, ...]:
    found = {(starts[a], ends[b - 1], said.id) for said in composed for a, b in said.places}
    found |= {(f.start, f.end, ".".join(p for p in (f.table, f.key) if p)) for f in person.facts.values()}
    return tuple(Span(a, b, text[a:b], about) for a, b, about in sorted(found))
