"""Why a test is worth doing, in words: what it separates, and what each outcome would mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hepalith.differential.expectation import Inquiry, Outlook, information_bits, told_of_each
from hepalith.management.catalogue import Catalogue, Changes, TestRule, list_members
from hepalith.management.plan import TestOutcome
from hepalith.vocabulary import inline, load_vocabulary

__all__ = ["Reasons", "Told", "explain"]

LANGUAGES = ("en", "zh")

NOTHING_OF_IT = {"en": "none", "zh": "无"}
"""Word for a value that is no choice of the finding: nothing of the kind was seen."""

MOST_SEPARATED = 3
"""Diagnoses that a test is said to separate."""

LEAST_SHARE = 0.08
"""A diagnosis that less of the information is about than this is not named. Our judgement."""

LEAST_BELIEVED = 0.01
"""Nor one that is less probable than this, unless hardly any other is more. Our judgement."""

LEADS_FROM = 0.3
"""Probability from which the leading diagnosis is what the others are told from. Our judgement."""

MOST_OUTCOMES_SAID = 3
"""Outcomes of a finding with many values that are put into words: the most telling ones."""

LEAST_MOVE = 0.005
"""An outcome that moves no diagnosis by half a percentage point is not put into words. Our judgement."""

STILL_OPEN_FROM = 0.01
"""A grave diagnosis that is still this probable after a negative result is named with it. Our judgement."""

LOOKED_FOR_SHARE = 0.25
"""A test that tells so much of its information about a disease is taken to look for it. Our judgement."""

GRAVE = frozenset({"oncology", "no_needle", "urgent"})
"""Groups of diagnoses that a negative result must not be taken to exclude."""

UNNAMED = "none_of_these"

NO_BREAK = "\u00a0"
"""Space at which no line is broken: a number stays with its sign."""


@dataclass(frozen=True, slots=True)
class Reasons:
    """What every reason is drawn from. `names` are the diagnoses, in the order of the knowledge."""

    outlook: Outlook
    catalogue: Catalogue
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Told:
    """What a test would tell.

    `joint` is P(outcome, diagnosis); `result` P(what is named | form of a diagnosis), where it names any.
    `changed` are findings that would change what is done, with P(found | the disease). `asked_for` says that
    the test is done whatever it tells.
    """

    joint: NDArray[np.float64]
    inquiries: tuple[Inquiry, ...]
    result: NDArray[np.float64] | None
    changed: tuple[tuple[Changes, float], ...] = ()
    asked_for: bool = False


def explain(
    rule: TestRule, told: Told, reasons: Reasons, instead_of: str = ""
) -> tuple[dict[str, str], tuple[str, ...], tuple[TestOutcome, ...]]:
    """Return the reason by language, the diagnoses separated, and what the outcomes would mean.

    `instead_of` names the test that it may replace.
    """
    separates = _separated(told.joint, reasons)
    said, negative = _outcomes(rule, told, reasons) if separates else ((), None)
    outcomes = tuple(outcome for outcome, _ in said)
    parts = {language: [getattr(rule.why, language)] for language in LANGUAGES}
    for language in LANGUAGES:
        if instead_of:
            test = inline(load_vocabulary().display(instead_of, language), language)
            parts[language].append(_say(reasons, "instead", language, test=test))
        if told.asked_for:
            because = getattr(rule.asked, language) if rule.asked else _say(reasons, "safety", language)
            parts[language].append(because)
        if separates:
            named = _join([_name(d, language) for d in separates], language)
            parts[language].append(_say(reasons, "separates", language, diagnoses=named))
        if outcomes:
            parts[language].append(_sentence([clause[language] for _, clause in said], language))
        if negative is not None:
            parts[language].append(_still_open(negative, told.joint, reasons, language))
        parts[language] += _changes(told, reasons, language)
    why = {"en": " ".join(p for p in parts["en"] if p), "zh": "".join(parts["zh"])}
    return why, separates, outcomes


def _separated(joint: NDArray[np.float64], reasons: Reasons) -> tuple[str, ...]:
    """Return the diagnoses that most of the information is about, at least two where there is any.

    One that leads clearly is the first of them: what the others are told from.
    """
    told, now = told_of_each(joint), joint.sum(axis=0)
    total = float(told.sum())
    if total <= 0:
        return ()
    order = [d for d in np.argsort(-told, kind="stable").tolist() if reasons.names[d] != UNNAMED]
    likely = [d for d in order if now[d] >= LEAST_BELIEVED] if sum(now >= LEAST_BELIEVED) > 2 else order
    chosen = [d for i, d in enumerate(likely[:MOST_SEPARATED]) if i < 2 or told[d] >= LEAST_SHARE * total]
    leading = int(now.argmax())
    if now[leading] >= LEADS_FROM and reasons.names[leading] != UNNAMED:
        chosen = [leading, *(d for d in chosen if d != leading)][:MOST_SEPARATED]
    return tuple(reasons.names[d] for d in chosen)


def _outcomes(
    rule: TestRule, told: Told, reasons: Reasons
) -> tuple[tuple[tuple[TestOutcome, dict[str, str]], ...], NDArray[np.float64] | None]:
    """Return what the outcomes of the most telling part mean, and the posterior after a negative one.

    Beside each outcome stands the clause of it that is read after the first.
    """
    parts: list[tuple[float, NDArray[np.float64], Inquiry | None]] = []
    if told.result is not None:
        joint = reasons.outlook.foresee((), told.result)
        parts.append((information_bits(joint), joint, None))
    for inquiry in told.inquiries:
        if inquiry.feature not in reasons.outlook.ignored:
            joint = reasons.outlook.foresee_one(inquiry)
            parts.append((information_bits(joint), joint, inquiry))
    bits, joint, best = max(parts, key=lambda p: p[0], default=(0.0, np.zeros((0, 0)), None))
    if bits <= 0:
        return (), None
    texts = _name_results(rule) if best is None else _name_values(best, reasons)
    said = [_mean(joint, o, texts[o], reasons) for o in _most_telling(joint)]
    meant = tuple(m for m in said if m is not None)
    clauses = tuple((o, o.text if i == 0 else short) for i, (o, short) in enumerate(meant))
    negative = _negative_of(joint, best)
    return clauses, None if negative is None else joint[negative] / joint[negative].sum()


def _most_telling(joint: NDArray[np.float64]) -> list[int]:
    """Return the rows that hold most of the information, in the order of the finding's values."""
    chance = joint.sum(axis=1, keepdims=True)
    apart = chance * joint.sum(axis=0, keepdims=True)
    ratio = np.divide(joint, apart, out=np.ones_like(joint), where=(joint > 0) & (apart > 0))
    told = (joint * np.log2(ratio)).sum(axis=1)
    order = np.argsort(-told, kind="stable")[:MOST_OUTCOMES_SAID].tolist()
    return sorted(o for o in order if chance[o, 0] > 0)


def _negative_of(joint: NDArray[np.float64], inquiry: Inquiry | None) -> int | None:
    negative = {"absent", "none", "apart"}
    if inquiry is None:
        return len(joint) - 1
    return next((o for o, value in enumerate(inquiry.outcomes) if value in negative), None)


def _mean(
    joint: NDArray[np.float64], outcome: int, texts: tuple[str, dict[str, dict[str, str]]], reasons: Reasons
) -> tuple[TestOutcome, dict[str, str]] | None:
    """Return what an outcome means (the diagnosis whose probability it raises most), and its short clause."""
    now, then = joint.sum(axis=0), joint[outcome] / joint[outcome].sum()
    moved = np.where([name == UNNAMED for name in reasons.names], -np.inf, then - now)
    best = int(moved.argmax())
    if moved[best] < LEAST_MOVE or _percent(now[best], "en") == _percent(then[best], "en"):
        return None
    phrase, words = texts
    short = phrase + "_next" if phrase + "_next" in reasons.catalogue.phrases else phrase
    text, clause = (
        {
            language: _say(
                reasons,
                said,
                language,
                diagnosis=_name(reasons.names[best], language),
                before=_percent(float(now[best]), language),
                after=_percent(float(then[best]), language),
                **words[language],
            )
            for language in LANGUAGES
        }
        for said in (phrase, short)
    )
    chance = float(joint[outcome].sum())
    return TestOutcome(text, chance, reasons.names[best], float(now[best]), float(then[best])), clause


def _name_values(inquiry: Inquiry, reasons: Reasons) -> list[tuple[str, dict[str, dict[str, str]]]]:
    """Return the phrase for each value of a finding, and the words that go into it by language."""
    vocabulary = load_vocabulary()
    term = vocabulary[inquiry.finding]
    finding = {language: term.display(language) for language in LANGUAGES}
    if inquiry.outcomes == ("present", "absent") and term.type == "boolean":
        return [(phrase, {la: {"finding": finding[la]} for la in LANGUAGES}) for phrase in ("yes", "no")]
    features = reasons.outlook.model.knowledge.features
    reader = next(r for r in features[inquiry.feature].findings if r.id == inquiry.finding)
    texts: list[tuple[str, dict[str, dict[str, str]]]] = []
    for value in inquiry.outcomes:
        choice = next((c for c, meant in reader.choices.items() if tuple(meant) == (value,)), None)
        choice = choice or next((c for c, meant in reader.choices.items() if value in meant), None)
        words = {
            language: {
                "finding": finding[language],
                "choice": inline(vocabulary.display(inquiry.finding, language, choice), language)
                if choice
                else NOTHING_OF_IT[language]
                if value == "none"
                else _bin(value),
            }
            for language in LANGUAGES
        }
        texts.append(("choice", words))
    return texts


def _bin(value: str) -> str:
    """Return a bin's label as people read it: ``lt3`` is below 3 mm, ``3to8`` is 3 to 8 mm."""
    for mark, sign in (("lt", "< "), ("gt", "> ")):
        if value.startswith(mark):
            return f"{sign}{value.removeprefix(mark)} mm"
    return value.replace("to", "–") + " mm"


def _name_results(rule: TestRule) -> list[tuple[str, dict[str, dict[str, str]]]]:
    texts: list[tuple[str, dict[str, dict[str, str]]]] = []
    for names in rule.names:
        count = len(list_members(names.of)) if names.each else 1
        words = {language: {"found": getattr(names.found, language)} for language in LANGUAGES}
        texts += [("named", words)] * count
    return [*texts, ("unnamed", {language: {} for language in LANGUAGES})]


def _still_open(
    negative: NDArray[np.float64], joint: NDArray[np.float64], reasons: Reasons, language: str
) -> str:
    """Return the grave diagnosis that a negative result makes less probable and leaves open; else nothing."""
    told, now, groups = told_of_each(joint), joint.sum(axis=0), reasons.catalogue.groups
    grave = [
        d
        for d, name in enumerate(reasons.names)
        if groups[name] in GRAVE
        and STILL_OPEN_FROM <= negative[d] < now[d]
        and told[d] >= LOOKED_FOR_SHARE * told.sum()
    ]
    if not grave:
        return ""
    most = max(grave, key=lambda d: (negative[d], reasons.names[d]))
    return _say(
        reasons,
        "stays_open",
        language,
        diagnosis=_name(reasons.names[most], language),
        after=_percent(float(negative[most]), language),
    )


def _changes(told: Told, reasons: Reasons, language: str) -> list[str]:
    """Return which findings would change what is done, by the likeliest disease that they do so in."""
    believed = dict(zip(reasons.names, reasons.outlook.probabilities.tolist(), strict=True))
    found: dict[str, list[str]] = {}
    for changes, chance in told.changed:
        likeliest = max(list_members(changes.of), key=lambda member: believed[member])
        named = inline(load_vocabulary().display(changes.id, language), language)
        words = _say(reasons, "change", language, finding=named, chance=_percent(chance, language))
        found.setdefault(likeliest, []).append(words)
    sentences = []
    for diagnosis, findings in found.items():
        either = ("或" if language == "zh" else " or ").join(findings)
        text = _say(reasons, "changes", language, findings=either, diagnosis=_name(diagnosis, language))
        sentences.append(text[0].upper() + text[1:])
    return sentences


def _say(reasons: Reasons, phrase: str, language: str, **words: str) -> str:
    text = reasons.catalogue.phrases[phrase]
    template: str = text.zh if language == "zh" else text.en
    return template.format(**words)


def _sentence(clauses: Sequence[str], language: str) -> str:
    if language == "zh":
        return "；".join(clauses) + "。"
    joined = "; ".join(clauses) + "."
    return joined[0].upper() + joined[1:]


def _name(diagnosis: str, language: str) -> str:
    return inline(load_vocabulary().display(diagnosis, language), language)


def _join(names: Sequence[str], language: str) -> str:
    comma, last = ("、", "与") if language == "zh" else (", ", " and ")
    if language == "en" and any("," in name for name in names):
        comma, last = "; ", "; and "
    return names[0] if len(names) == 1 else comma.join(names[:-1]) + last + names[-1]


def _percent(probability: float, language: str) -> str:
    r"""Return a probability as people read it; what is possible is never said to be nothing.

    Examples
    --------
    >>> _percent(0.004, "en"), _percent(0.237, "en"), _percent(0.237, "zh"), _percent(0.9999, "en")
    ('<\xa01\xa0%', '24\xa0%', '24%', '>\xa099\xa0%')
    """
    space = "" if language == "zh" else NO_BREAK
    if probability < 0.01:
        return f"<{space}1{space}%"
    if probability > 0.99:
        return f">{space}99{space}%"
    return f"{round(100 * probability)}{space}%"
