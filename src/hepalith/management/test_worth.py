"""What one test is worth for one patient: information, loss saved, and what it does to the patient."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

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
from hepalith.management.catalogue import Catalogue, Caution, Changes, Find, TestRule, list_members
from hepalith.management.test_reason import Told

__all__ = ["Judged", "judge_test"]

LEAST_BITS = 0.01
"""A test that tells less than this of the diagnosis, and nothing that would change the step, is not listed.
Our judgement."""

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
class Judged:
    """One test, judged for one patient.

    `bits` is what it tells of the diagnosis; `worth` the loss it is expected to save, with what knowing is
    worth; `harm` what it does to the patient, in the same unit; `ratio` what it is ranked by. `today` and
    `must` say that it is done whatever it tells.
    """

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
        """Worth less harm."""
        return self.worth - self.harm

    @property
    def is_without_contrast(self) -> bool:
        """Whether it is done without the contrast medium."""
        return any(c.without for c in self.cautions)

    @property
    def is_late(self) -> bool:
        """Whether it comes after all tests without such a burden."""
        return any(c.after_others for c in self.cautions)

    @property
    def is_worth_doing(self) -> bool:
        """Whether it is listed: asked for, or telling something at less harm than it is worth."""
        asked_for = self.today or self.must or self.rule.first
        tells = self.bits >= LEAST_BITS or bool(self.told.changed)
        return asked_for or (tells and self.utility > 0)


def judge_test(rule: TestRule, case: Case, outlook: Outlook, catalogue: Catalogue) -> Judged:
    """Return what a test is worth for the patient of a case."""
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
    return Judged(
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
