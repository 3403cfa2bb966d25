"""Which test to do next: what each would tell, what that is worth, what it does to the patient, and why."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from hepalith.differential.belief import hypothesise
from hepalith.differential.entry import load_knowledge
from hepalith.differential.expectation import (
    Inquiry,
    Outlook,
    information_bits,
    loss_saved,
    make_inquiry,
    make_result,
)
from hepalith.management.case import Case
from hepalith.management.catalogue import (
    Catalogue,
    Caution,
    Changes,
    Find,
    TestRule,
    list_members,
    load_catalogue,
)
from hepalith.management.plan import NextTest
from hepalith.management.test_reason import Reasons, Told, explain

__all__ = ["plan_next_tests"]

LEAST_BITS = 0.01
"""A test that tells less than this of the diagnosis, and nothing that would change the step, is not listed.
Our judgement."""

MOST_LISTED = 6
"""Tests that are listed for what they tell; those that must be done come on top. Our judgement: a longer list
is not read."""

LEAST_CHANGE = 0.05
"""A finding that would change what is done is said to, where it is expected in so many of those who have the
disease, and not in so many. Our judgement."""

LIKELY_ENOUGH = 0.2
"""And if the disease is this probable: nobody is told what would be done about a cancer that is not likely.
Our judgement."""

CHILD_BELOW_YEARS = 15.0
"""Age below which radiation and a needle weigh more. Our judgement; the end of the age bands of a child."""

SEDATED_BELOW_YEARS = 6.0
"""Age below which MRI mostly needs sedation. Our judgement."""


@dataclass(frozen=True, slots=True, eq=False)
class _Judged:
    """One test, judged."""

    rule: TestRule
    told: Told
    bits: float
    worth: float
    harm: float
    ratio: float
    cautions: tuple[Caution, ...]
    today: bool
    must: bool

    @property
    def utility(self) -> float:
        return self.worth - self.harm

    @property
    def is_listed(self) -> bool:
        asked_for = self.today or self.must or self.rule.first
        tells = self.bits >= LEAST_BITS or bool(self.told.changed)
        return asked_for or (tells and self.utility > 0)

    def rank(self, place: int) -> tuple[bool, bool, bool, float, int]:
        late = any(c.after_others for c in self.cautions)
        return (not self.today, not self.rule.first, late, -self.ratio, place)


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

    after what cannot wait for tomorrow, and after the old images, which cost nothing. With equal ratios the
    order of the file decides.

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
    judged = [_judge(rule, case, outlook, catalogue) for rule in rules]
    ranked = [j for _, j in sorted(enumerate(judged), key=lambda item: item[1].rank(item[0]))]
    listed = [j for j in ranked if j.today or (j.is_listed and not definite)]
    for_information = [j for j in listed if not (j.today or j.must or j.rule.first)][MOST_LISTED:]
    reasons = Reasons(outlook, catalogue, tuple(e.id for e in outlook.model.knowledge.entries))
    return tuple(_list(j, reasons) for j in listed if j not in for_information)


def _is_open(rule: TestRule, case: Case) -> bool:
    return (rule.when is None or case.holds(rule.when)) and not (rule.never and case.holds(rule.never))


def _judge(rule: TestRule, case: Case, outlook: Outlook, catalogue: Catalogue) -> _Judged:
    cautions = tuple(c for c in catalogue.cautions if _concerns(c, rule, case))
    bare = any(c.without for c in cautions)
    inquiries = _inquire(tuple(f for f in rule.finds if not (bare and f.contrast)))
    result = _result(rule, outlook)
    joint = outlook.foresee(inquiries, result)
    bits = rule.answers * information_bits(joint)
    weights = catalogue.weights
    by_finding = {i.finding: i for i in inquiries}
    changes = [(c, by_finding[c.id]) for c in rule.changes if c.id in by_finding]
    changed = [(c, *_change(c, inquiry, outlook)) for c, inquiry in changes]
    worth = rule.answers * loss_saved(joint, catalogue.losses) + weights.bit.value * bits
    worth += rule.answers * sum(saved for _, saved, _, _ in changed)
    said = tuple((c, p) for c, _, p, share in changed if _is_open_question(p) and share >= LIKELY_ENOUGH)
    harm = _harm(rule, cautions, case, outlook, catalogue)
    today = rule.today is not None and case.holds(rule.today)
    must = rule.must is not None and case.holds(rule.must)
    return _Judged(
        rule=rule,
        told=Told(joint, inquiries, result, said, today or must),
        bits=bits,
        worth=worth,
        harm=harm,
        ratio=(worth - harm) / (harm + weights.effort.value),
        cautions=cautions,
        today=today,
        must=must,
    )


@lru_cache(maxsize=256)
def _inquire(finds: tuple[Find, ...]) -> tuple[Inquiry, ...]:
    """Return what a test asks: of what it finds, whatever the knowledge has numbers for."""
    features = load_knowledge().features
    made = (
        make_inquiry(f.id, features, right=f.right, specificity=f.specificity, missed_as=f.missed_as)
        for f in finds
    )
    return tuple(inquiry for inquiry in made if inquiry is not None)


def _result(rule: TestRule, outlook: Outlook) -> NDArray[np.float64] | None:
    """Return P(what is named | atom), where the test names diseases outright."""
    if not rule.names:
        return None
    rows: list[dict[str, float]] = []
    wrongly: list[float] = []
    for names in rule.names:
        members = list_members(names.of)
        groups = [(m,) for m in members] if names.each else [members]
        rows += [dict.fromkeys(group, names.chance) for group in groups]
        wrongly += [names.wrongly] * len(groups)
    return make_result(rows, wrongly, outlook.model)


def _change(changes: Changes, inquiry: Inquiry, outlook: Outlook) -> tuple[float, float, float]:
    """Return the loss saved by a finding that changes the step, P(it is there | disease) and P(disease).

    Whoever does not know acts as is better on average, as if it were there or as if it were not.
    """
    members = list_members(changes.of)
    such = np.array([entry.id in members for entry in outlook.model.knowledge.entries])
    share = float(outlook.probabilities[such].sum())
    if inquiry.feature in outlook.ignored or share <= 0:
        return 0.0, 0.0, share
    feature = load_knowledge().features[inquiry.feature]
    values = Inquiry(changes.id, feature.id, feature.values, np.eye(len(feature.values)))
    believed = outlook.foresee_one(values)[:, such].sum(axis=1)
    meant = inquiry.channel[0] > inquiry.channel[1]
    losses = np.stack([np.where(meant, changes.missed, 0.0), np.where(meant, 0.0, changes.needless)])
    return loss_saved(inquiry.channel * believed, losses), float(believed[meant].sum()) / share, share


def _is_open_question(chance: float) -> bool:
    return LEAST_CHANGE <= chance <= 1.0 - LEAST_CHANGE


def _concerns(caution: Caution, rule: TestRule, case: Case) -> bool:
    burden, age = rule.burden, case.patient.age_years
    bears = {
        "ionising": burden.radiation_msv is not None,
        "iodinated": burden.contrast == "iodinated",
        "gadolinium": burden.contrast == "gadolinium",
        "microbubbles": burden.contrast == "microbubbles",
        "needle": burden.needle,
        "sedation": _is_sedated(rule, age),
    }[caution.of]
    is_such = {
        "pregnant": case.patient.pregnancy is True,
        "kidneys": case.has("dialysis") or case.has("creatinine_up"),
        "child": age is not None and age < CHILD_BELOW_YEARS,
    }[caution.who]
    return bears and is_such


def _is_sedated(rule: TestRule, age_years: float | None) -> bool:
    small = age_years is not None and age_years < SEDATED_BELOW_YEARS
    return rule.burden.sedation or (rule.burden.sedated_child and small)


def _harm(
    rule: TestRule, cautions: Sequence[Caution], case: Case, outlook: Outlook, catalogue: Catalogue
) -> float:
    """Return what the test does to this patient, in units of loss."""
    burden, weights = rule.burden, catalogue.weights
    times: dict[str, float] = defaultdict(lambda: 1.0)
    for caution in cautions:
        times[caution.of] *= caution.times
    radiation = burden.radiation_msv.value if burden.radiation_msv else 0.0
    complication = burden.complication.value if burden.complication else 0.0
    needle = times["needle"] if burden.needle else 1.0
    sedated = _is_sedated(rule, case.patient.age_years)
    contrast = None if any(c.without for c in cautions) else burden.contrast
    return (
        radiation * weights.radiation_msv.value * times["ionising"]
        + complication * weights.complication.value * needle
        + burden.needle * weights.needle.value * needle
        + sedated * weights.sedation.value * times["sedation"]
        + (times[contrast] * weights.contrast.value if contrast else 0.0)
        + burden.cost * weights.cost.value
        + burden.delay_months * float(catalogue.delay @ outlook.probabilities)
    )


def _list(judged: _Judged, reasons: Reasons) -> NextTest:
    rule = judged.rule
    why, separates, outcomes = explain(rule, judged.told, reasons)
    harm = rule.harm.model_dump()
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
    )


def _open_findings(judged: _Judged, outlook: Outlook) -> tuple[str, ...]:
    """Return what the test would tell that is not known yet, the most telling first."""
    told = {i.finding: information_bits(outlook.foresee_one(i)) for i in judged.told.inquiries}
    known = {f for f, said in outlook.support.items() if np.count_nonzero(said) == 1}
    bare = any(c.without for c in judged.cautions)
    feature = {i.finding: i.feature for i in judged.told.inquiries}
    told_of = [f.id for f in judged.rule.finds if not (bare and f.contrast)]
    found = [f for f in told_of if feature.get(f) not in known]
    return tuple(sorted(found, key=lambda f: -told.get(f, 0.0)))


def _list_unjudged(rule: TestRule) -> NextTest:
    return NextTest(rule.id, rule.why.model_dump(), harm=rule.harm.model_dump(), source=rule.source)
