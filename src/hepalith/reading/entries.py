"""What was reasoned, as the document says it: findings, differential, alerts, tests and plan."""

from __future__ import annotations

from datetime import date

from hepalith.differential import Contradiction, Diagnosis, Differential, Evidence, Process
from hepalith.finding import Finding, Pattern
from hepalith.management import Action, Alert, Grading, NextTest, Plan, Visit
from hepalith.management.plan import TestOutcome
from hepalith.reading.document import (
    ActionEntry,
    AlertEntry,
    BesideEntry,
    Choice,
    ContradictionEntry,
    DueEntry,
    EvidenceEntry,
    FindingEntry,
    GradingEntry,
    MonthsEntry,
    NextTestEntry,
    OutcomeEntry,
    PatternEntry,
    ProcessEntry,
    Quantity,
    RankedDiagnosis,
    RepeatEntry,
    SubjectEntry,
    VisitEntry,
    round_number,
)
from hepalith.reading.terms import code_of, say
from hepalith.vocabulary import Measurement


def pattern_entry(pattern: Pattern) -> PatternEntry:
    """Return one arrangement of foci."""
    return PatternEntry(id=pattern.id, probability=pattern.probability, foci=pattern.foci)


def finding_entry(finding: Finding, image: str | None) -> FindingEntry:
    """Return one finding; what was seen on CT refers to the image that was read, where one was."""
    value: Quantity | Choice | None = None
    if isinstance(finding.value, Measurement):
        value = Quantity(
            value=finding.value.value,
            unit=finding.value.unit,
            low=finding.value.low,
            high=finding.value.high,
        )
    elif finding.value is not None:
        value = Choice(choice=finding.value)
    looked = finding.state.value != "unknown"
    return FindingEntry(
        id=finding.id,
        code=code_of(finding.id),
        display=say(finding.id, "en"),
        subject=SubjectEntry(kind=finding.subject.kind, ref=finding.subject.ref),
        state=finding.state.value,
        probability=finding.probability,
        value=value,
        source=finding.source,
        images=finding.images or ((image,) if image and finding.source in ("ct", "us") and looked else ()),
        words=finding.words,
        reason=finding.reason,
        alternatives=dict(finding.alternatives) if finding.source in ("person", "text") else {},
    )


def differential_entries(differential: Differential) -> tuple[RankedDiagnosis, ...]:
    """Return the ranking, the most probable first; the rounded probabilities still sum to 1.

    Rounding to six digits can leave the sum a few millionths off. The largest entry, in which
    it weighs least, takes up the rest.
    """
    ranked = sorted(differential.diagnoses, key=lambda d: (-d.probability, d.diagnosis))
    probabilities = [round_number(d.probability) for d in ranked]
    if ranked:
        probabilities[0] = round_number(1.0 - sum(probabilities[1:]))
    return tuple(
        ranked_diagnosis(diagnosis, probability)
        for diagnosis, probability in zip(ranked, probabilities, strict=True)
    )


def ranked_diagnosis(diagnosis: Diagnosis, probability: float) -> RankedDiagnosis:
    """Return one entry of the ranking."""
    return RankedDiagnosis(
        diagnosis=diagnosis.diagnosis,
        display=say(diagnosis.diagnosis, "en"),
        probability=probability,
        low=min(diagnosis.low, probability),
        high=max(diagnosis.high, probability),
        first_in=diagnosis.first_in,
        prior=diagnosis.prior,
        supporting=tuple(evidence_entry(e) for e in diagnosis.supporting),
        against=tuple(evidence_entry(e) for e in diagnosis.opposing),
    )


def evidence_entry(evidence: Evidence) -> EvidenceEntry:
    """Return the weight of one finding."""
    return EvidenceEntry(finding=evidence.finding, weight=evidence.weight, source=evidence.source)


def process_entry(process: Process) -> ProcessEntry:
    """Return one marginal."""
    return ProcessEntry(diagnosis=process.diagnosis, probability=process.probability, foci=process.foci)


def alert_entry(alert: Alert) -> AlertEntry:
    """Return one hard rule that fired."""
    return AlertEntry(
        id=alert.id,
        urgency=alert.urgency,
        text=alert.text["en"],
        text_zh=alert.text.get("zh", alert.text["en"]),
        source=alert.source,
    )


def next_test_entry(test: NextTest) -> NextTestEntry:
    """Return one test worth doing."""
    return NextTestEntry(
        test=test.test,
        expected_gain_bits=test.expected_gain_bits,
        expected_utility=test.expected_utility,
        harm=test.harm.get("en", ""),
        harm_zh=test.harm.get("zh", ""),
        why=test.why["en"],
        why_zh=test.why.get("zh", test.why["en"]),
        finds=test.finds,
        separates=test.separates,
        outcomes=tuple(outcome_entry(o) for o in test.outcomes),
        source=test.source,
        instead_of=test.instead_of,
    )


def outcome_entry(outcome: TestOutcome) -> OutcomeEntry:
    """Return what one outcome of a test would mean."""
    return OutcomeEntry(
        text=outcome.text["en"],
        text_zh=outcome.text.get("zh", outcome.text["en"]),
        probability=outcome.probability,
        diagnosis=outcome.diagnosis,
        before=outcome.before,
        after=outcome.after,
    )


def contradiction_entry(contradiction: Contradiction) -> ContradictionEntry:
    """Return findings that cannot all be true."""
    return ContradictionEntry(
        findings=contradiction.findings,
        reason=contradiction.reason["en"],
        reason_zh=contradiction.reason.get("zh", ""),
        dropped=contradiction.dropped,
    )


def grading_entry(grading: Grading) -> GradingEntry:
    """Return a grade, stage or category of a published definition."""
    return GradingEntry(
        id=grading.id,
        value=grading.value,
        certain=grading.certain,
        text=grading.text["en"],
        text_zh=grading.text.get("zh", grading.text["en"]),
        source=grading.source,
    )


def beside_entry(plan: Plan) -> BesideEntry | None:
    """Return what another policy asks for where it differs; ``None`` where it does not."""
    if not plan.beside:
        return None
    return BesideEntry(policy=plan.beside_policy, plan=tuple(action_entry(a) for a in plan.beside))


def action_entry(action: Action) -> ActionEntry:
    """Return one step of the plan."""
    repeat = action.repeat
    return ActionEntry(
        action=action.action,
        text=action.text["en"],
        text_zh=action.text.get("zh", action.text["en"]),
        after=months_entry(action.after_months),
        due=due_entry(action.due),
        repeat=None
        if repeat is None
        else RepeatEntry(
            every_months=repeat.every_months,
            until_months=repeat.until_months,
            may_stop_from_months=repeat.may_stop_from_months,
        ),
        strength=action.strength,
        source=action.source,
        rule=action.rule,
        grade=action.grade,
        visits=tuple(visit_entry(v) for v in action.visits),
        stop=action.stop,
        may_stop=action.may_stop,
    )


def visit_entry(visit: Visit) -> VisitEntry:
    """Return one of several follow-ups."""
    start, end = visit.after_months
    return VisitEntry(after=MonthsEntry(from_months=start, to_months=end), due=due_entry(visit.due))


def months_entry(after: tuple[float, float] | None) -> MonthsEntry | None:
    """Return an interval in months after the examination."""
    return None if after is None else MonthsEntry(from_months=after[0], to_months=after[1])


def due_entry(due: tuple[date, date] | None) -> DueEntry | None:
    """Return the dates between which a step is due."""
    return None if due is None else DueEntry(start=due[0], end=due[1])
