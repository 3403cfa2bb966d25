"""Each noun of the rooms below, as the document says it."""

from __future__ import annotations

from hepalith.calcification import Detectability, Focus
from hepalith.differential import Diagnosis, Differential, Evidence, Process
from hepalith.finding import Finding, Pattern
from hepalith.finding.description import Description
from hepalith.finding.duct import DuctRelation
from hepalith.finding.host import HostRelation
from hepalith.finding.place import Place
from hepalith.management import Action, Alert, NextTest
from hepalith.reading.document import (
    ActionEntry,
    AlertEntry,
    Choice,
    DetectabilityEntry,
    DuctEntry,
    DueEntry,
    EvidenceEntry,
    FindingEntry,
    FocusEntry,
    HostEntry,
    LocationEntry,
    Measured,
    MonthsEntry,
    MorphologyEntry,
    NextTestEntry,
    PatternEntry,
    ProcessEntry,
    Quantity,
    RankedDiagnosis,
    RepeatEntry,
    ShadowEntry,
    SubjectEntry,
    Unassessed,
    round_number,
)
from hepalith.reading.terms import code_of, say
from hepalith.vocabulary import Assessed, Measurement, NotAssessable

DUCTS_NOT_READ = "bile ducts were not looked for about it"
"""Why nothing is said of the ducts beside a focus."""

HOSTS_NOT_READ = "a lesion is looked for around calcifications only"
"""Why nothing is said of a host."""

NO_SHADOW_ON_CT = "CT shows no acoustic shadow"
"""Why there is no shadow to grade."""

NO_LOBES = "the lobes or the capsule were not found"
"""Why the distance from the capsule is not given."""


def measured(value: Assessed) -> Measured:
    """Return a measurement, or why there is none."""
    if isinstance(value, NotAssessable):
        return Unassessed(not_assessable=value.reason)
    return Quantity(value=value.value, unit=value.unit, low=value.low, high=value.high)


def detectability_entry(detectability: Detectability) -> DetectabilityEntry:
    """Return the smallest focus that could have been shown."""
    return DetectabilityEntry(
        smallest_focus=measured(detectability.smallest_focus),
        at_excess_hu=detectability.at_excess_hu,
        why=detectability.why,
    )


def focus_entry(focus: Focus, tracking_uid: str, seen: Description) -> FocusEntry:
    """Return one focus, with what keeps it company."""
    return FocusEntry(
        id=focus.id,
        tracking_uid=tracking_uid,
        label=focus.label,
        probability=focus.probability,
        reason=focus.reason,
        centroid_lps_mm=focus.centroid_lps_mm,
        volume=measured(focus.volume),
        volume_limited_by_resolution=focus.volume_limited_by_resolution,
        diameter=measured(focus.diameter),
        background_hu=measured(focus.background_hu),
        mean_hu=measured(focus.mean_hu),
        peak_hu=measured(focus.peak_hu),
        integrated_excess=measured(focus.integrated_excess),
        mass=measured(focus.mass),
        score_agatston_convention=measured(focus.score_agatston_convention),
        location=location_entry(focus, seen.places.get(focus.id)),
        morphology=MorphologyEntry(
            label=focus.morphology, probabilities=dict(sorted(focus.morphology_probabilities.items()))
        ),
        duct=duct_entry(seen.ducts.get(focus.id)),
        host=host_entry(None if seen.hosts is None else seen.hosts.of_focus.get(focus.id)),
        shadow=ShadowEntry(grade="not_assessable", index=Unassessed(not_assessable=NO_SHADOW_ON_CT)),
    )


def location_entry(focus: Focus, place: Place | None) -> LocationEntry:
    """Return where a focus lies; without a `place`, what the outline alone says."""
    capsule = focus.capsule_distance if place is None else place.capsule_distance
    depth = Unassessed(not_assessable=NO_LOBES) if capsule is None else measured(capsule)
    if place is None:
        return LocationEntry(lobe=focus.lobe, capsule_distance=depth)
    return LocationEntry(
        lobe=place.lobe,
        segment=place.segment,
        segment_probability=None if place.segment is None else place.segment_probability,
        capsule_distance=depth,
        lobe_probability=None if place.lobe is None else place.lobe_probability,
        segment_probabilities=dict(sorted(place.segment_probabilities.items())),
        subcapsular_probability=place.subcapsular_probability,
        periportal=measured(place.periportal),
    )


def duct_entry(relation: DuctRelation | None) -> DuctEntry:
    """Return how a focus lies to the bile ducts."""
    if relation is None:
        unread = Unassessed(not_assessable=DUCTS_NOT_READ)
        return DuctEntry(relation="not_assessable", calibre=unread, dilated="unknown", side=None)
    known = relation.dilated.value in ("present", "absent")
    return DuctEntry(
        relation=relation.relation,
        probabilities=dict(sorted(relation.probabilities.items())),
        calibre=measured(relation.calibre),
        dilated=relation.dilated.value,
        side=relation.side if known else None,
        bile_around=relation.bile_around.value,
        reason=relation.reason or None,
    )


def host_entry(relation: HostRelation | None) -> HostEntry:
    """Return what lies around a focus."""
    if relation is None:
        unread = Unassessed(not_assessable=HOSTS_NOT_READ)
        return HostEntry(kind="not_assessable", diameter=unread, position=None)
    return HostEntry(
        kind=relation.kind,
        id=relation.host or None,
        probabilities=dict(sorted(relation.probabilities.items())),
        diameter=measured(relation.diameter),
        position=relation.position or None,
        reason=relation.reason or None,
    )


def pattern_entry(pattern: Pattern) -> PatternEntry:
    """Return one arrangement of foci."""
    return PatternEntry(id=pattern.id, probability=pattern.probability, foci=pattern.foci)


def finding_entry(finding: Finding, image: str) -> FindingEntry:
    """Return one finding; what was seen on CT refers to the image that was read."""
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
        images=finding.images or ((image,) if finding.source == "ct" and looked else ()),
        words=finding.words,
        reason=finding.reason,
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
    )


def action_entry(action: Action) -> ActionEntry:
    """Return one step of the plan."""
    after, due, repeat = action.after_months, action.due, action.repeat
    return ActionEntry(
        action=action.action,
        text=action.text["en"],
        text_zh=action.text.get("zh", action.text["en"]),
        after=None if after is None else MonthsEntry(from_months=after[0], to_months=after[1]),
        due=None if due is None else DueEntry(start=due[0], end=due[1]),
        repeat=None
        if repeat is None
        else RepeatEntry(every_months=repeat.every_months, until_months=repeat.until_months),
        strength=action.strength,
        source=action.source,
    )
