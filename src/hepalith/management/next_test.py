"""Which test to do next: those worth most for what they do to the patient, in order, and why."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hepalith.differential.belief import hypothesise
from hepalith.differential.expectation import Inquiry, Outlook, information_bits
from hepalith.management.case import Case
from hepalith.management.catalogue import TestRule, load_catalogue
from hepalith.management.plan import NextTest
from hepalith.management.test_reason import Reasons, explain
from hepalith.management.test_worth import Judged, judge_test

__all__ = ["plan_next_tests"]

MOST_LISTED = 6
"""Tests that are listed for what they tell; those that must be done come on top. Our judgement: a longer list
is not read."""

MOST_INSTEAD = 2
"""Tests that are listed as what may be done instead of one above. Our judgement."""

NEW_SHARE = 0.35
"""A test that tells less than this share of its information beyond those above it is not listed for itself.
Our judgement."""

MUCH_OF = 0.5
"""It is listed as what may be done instead of one above if it tells this share of what that one would.
Our judgement."""

AS_GOOD = 0.8
"""A finding told this well by a test above, in bits, is told as well. Our judgement."""


def plan_next_tests(case: Case) -> tuple[NextTest, ...]:
    r"""Return the tests worth doing next, the best first.

    Parameters
    ----------
    case
        Findings, patterns, patient, differential, and the red flags that stand (a needle asks for them).

    Returns
    -------
    tuple of NextTest
        None for a definite simple focus, and where there is nothing to explain. A fetus has its own list.

    Notes
    -----
    Each is judged as the very next one, by itself. What it would tell is exact under the model
    (`hepalith.differential.expectation`). Its worth is the loss that it is expected to save under the table
    in ``losses.toml``, and a little for every bit; its harm is what its burdens weigh in the same unit, more
    in pregnancy, in a child and with failing kidneys. The order is by

    .. math:: \frac{\text{worth} - \text{harm}}{\text{harm} + \text{effort}}

    after what cannot wait for tomorrow (least harm first), and after the old images, which cost nothing.
    With equal ratios the order of the file decides. A test that would tell little beyond those above it
    stands behind the one that it may be done instead of.

    References
    ----------
    Howard, Information value theory, IEEE Trans Syst Sci Cybern 1966;2:22. Lindley, On a measure of the
    information provided by an experiment, Ann Math Stat 1956;27:986.
    """
    catalogue = load_catalogue()
    if case.patient.subject == "fetus":
        return tuple(_list_unjudged(rule) for rule in catalogue.tests if rule.subject == "fetus")
    if not case.differential.diagnoses:
        return ()
    belief = hypothesise(case.findings, case.patterns, case.patient)
    if not belief.diagnoses:
        return ()
    outlook = Outlook.of(belief, case.differential)
    definite = case.is_fact("definite_simple")
    rules = [rule for rule in catalogue.tests if rule.subject == "patient" and _is_open(rule, case)]
    judged = [judge_test(rule, case, outlook, catalogue) for rule in rules]
    ranked = [j for _, j in sorted(enumerate(judged), key=_rank)]
    listed = [j for j in ranked if j.today or (j.is_worth_doing and not definite)]
    reasons = Reasons(outlook, catalogue, tuple(e.id for e in outlook.model.knowledge.entries))
    return tuple(_list(j, reasons, instead_of) for j, instead_of in _part(listed, outlook))


def _is_open(rule: TestRule, case: Case) -> bool:
    age = case.patient.age_years
    if age is not None and age < rule.from_age_years:
        return False
    return (rule.when is None or case.holds(rule.when)) and not (rule.never and case.holds(rule.never))


def _rank(item: tuple[int, Judged]) -> tuple[bool, bool, bool, float, int]:
    place, judged = item
    order = judged.harm if judged.today else -judged.ratio
    return (not judged.today, not judged.rule.first, judged.is_late, order, place)


def _part(ranked: Sequence[Judged], outlook: Outlook) -> list[tuple[Judged, str]]:
    """Return the tests to list; one that tells what another tells stands behind that one, with its name."""
    asked_for: list[tuple[Judged, str]] = []
    told: list[tuple[Judged, str]] = []
    instead: list[tuple[Judged, str]] = []
    covered: dict[str, tuple[float, str]] = {}
    tells = {judged.rule.id: judged.bits for judged in ranked}
    for judged in ranked:
        bits = {
            q: judged.rule.answers * information_bits(outlook.foresee_one(q)) for q in judged.told.inquiries
        }
        fresh = [q for q in bits if covered.get(q.feature, (0.0, ""))[0] < AS_GOOD * bits[q]]
        if judged.today or judged.must or judged.rule.first:
            asked_for.append((judged, ""))
        elif _adds(judged, fresh, outlook):
            told.append((judged, ""))
        else:
            most = max((q for q in bits if q not in fresh), key=lambda q: bits[q])
            other = covered[most.feature][1]
            if judged.bits >= MUCH_OF * tells[other]:
                instead.append((judged, other))
            continue
        for question in fresh:
            best = (bits[question], judged.rule.id)
            covered[question.feature] = max(best, covered.get(question.feature, best))
    return [*asked_for, *_insert(told[:MOST_LISTED], instead, {j.rule.id for j, _ in asked_for})]


def _insert(
    told: Sequence[tuple[Judged, str]], instead: Sequence[tuple[Judged, str]], asked_for: set[str]
) -> list[tuple[Judged, str]]:
    """Return the tests, each with those behind it that may replace it; what comes late stays last."""
    listed = {j.rule.id for j, _ in told}
    kept = [pair for pair in instead if pair[1] in listed | asked_for][:MOST_INSTEAD]
    late = [pair for pair in kept if pair[0].is_late]
    near = [pair for pair in kept if not pair[0].is_late]
    ordered = [pair for pair in near if pair[1] in asked_for]
    for judged, of in told:
        ordered += [(judged, of), *(pair for pair in near if pair[1] == judged.rule.id)]
    return ordered + late


def _adds(judged: Judged, fresh: Sequence[Inquiry], outlook: Outlook) -> bool:
    """Return whether a test tells enough that the tests above it would not."""
    if len(fresh) == len(judged.told.inquiries):
        return True
    changing = {c.id for c, _ in judged.told.changed}
    if any(q.finding in changing for q in fresh):
        return True
    new = judged.rule.answers * information_bits(outlook.foresee(fresh, judged.told.result))
    return new >= NEW_SHARE * judged.bits


def _list(judged: Judged, reasons: Reasons, instead_of: str) -> NextTest:
    rule = judged.rule
    why, separates, outcomes = explain(rule, judged.told, reasons, instead_of)
    bare = rule.harm_without if judged.is_without_contrast else None
    harm = (bare or rule.harm).model_dump()
    for caution in judged.cautions:
        harm = {"en": f"{harm['en']}. {caution.en}", "zh": f"{harm['zh']}。{caution.zh}"}
    return NextTest(
        test=rule.id,
        why=why,
        expected_gain_bits=judged.bits,
        expected_utility=judged.utility,
        harm=harm,
        finds=_open_findings(judged, reasons.outlook),
        separates=separates,
        outcomes=outcomes,
        source=rule.source,
        instead_of=instead_of,
    )


def _open_findings(judged: Judged, outlook: Outlook) -> tuple[str, ...]:
    """Return what the test would tell that is not known yet, the most telling first."""
    told = {i.finding: information_bits(outlook.foresee_one(i)) for i in judged.told.inquiries}
    known = {f for f, said in outlook.support.items() if np.count_nonzero(said) == 1}
    feature = {i.finding: i.feature for i in judged.told.inquiries}
    told_of = [f.id for f in judged.rule.finds if not (judged.is_without_contrast and f.contrast)]
    found = [f for f in told_of if feature.get(f) not in known]
    return tuple(sorted(found, key=lambda f: -told.get(f, 0.0)))


def _list_unjudged(rule: TestRule) -> NextTest:
    return NextTest(rule.id, rule.why.model_dump(), harm=rule.harm.model_dump(), source=rule.source)
