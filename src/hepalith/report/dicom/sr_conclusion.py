"""What a report says of the liver and the patient as a whole: liver, findings, differential, tests and plan.

PS3.16 gives them two places in TID 1500: a measurement group for the liver, and the container of qualitative
evaluations (rows 12 to 14), whose codes and texts may be of any concept.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Final

from hepalith.reading.document import (
    ActionEntry,
    Choice,
    DueEntry,
    FindingEntry,
    MonthsEntry,
    Quantity,
    RankedDiagnosis,
    Unassessed,
)
from hepalith.reading.translate import in_language, translate
from hepalith.report.dicom.sr_code import DCM, MODALITIES, STATES, Named, say, unit
from hepalith.report.dicom.sr_context import Draft, algorithm
from hepalith.report.dicom.sr_focus import tracked
from hepalith.report.dicom.sr_item import (
    CONTAINS,
    MODIFIER,
    PROPERTY,
    Item,
    code,
    container,
    date,
    image,
    number,
    region,
    text,
    uid,
)
from hepalith.report.dicom.sr_measure import comment, measure, quantify, weigh
from hepalith.report.dicom.sr_outline import Outline
from hepalith.report.words import word
from hepalith.study.uid import ALL_UIDS

__all__ = ["conclusions", "liver_groups"]

SOURCES: Final = {"ct": MODALITIES["CT"], "us": MODALITIES["US"]}
"""Which modality told a finding."""

UID_NAMES: Final = dict(zip(ALL_UIDS, ("study", "series", "frame_of_reference", "instances"), strict=True))
"""Keys of the words for what stand-in UIDs are of."""


def liver_groups(draft: Draft, outline: Outline | None) -> list[Item]:
    """Return the measurement groups of the liver: its volume, and the smallest focus that could be seen.

    The first refers to the liver's segment where that was measured: an ultrasound plane has no volume. The
    second, with the same tracking UID, shows its outline on the image with most of it: a viewer that finds a
    measurement without an outline may show no report at all (OHIF 3.13 does not).
    """
    document = draft.reading.document
    segment = draft.segment("liver") if isinstance(document.liver.volume, Quantity) else None
    volume = measure(draft, draft.thing("liver_volume"), document.liver.volume)
    seen = document.detectability
    smallest = [measure(draft, draft.thing("smallest_focus"), seen.smallest_focus)]
    if document.has_ct:
        excess = Quantity(value=seen.at_excess_hu, unit="[hnsf'U]")
        smallest.append(measure(draft, draft.thing("at_excess"), excess))
    smallest.append(comment(CONTAINS, translate(seen.why, draft.language)))
    drawn = [] if outline is None else [region(DCM.IMAGE_REGION, outline.points, outline.image)]
    if segment is None:
        items = [*liver_named(draft), *drawn, volume, *smallest]
        return [container(CONTAINS, DCM.GROUP, items, template="1410" if drawn else "1501")]
    series = uid(CONTAINS, DCM.SOURCE_SERIES, draft.reading.source.primary.series_uid)
    where = [image(CONTAINS, DCM.REFERENCED_SEGMENT, segment), series]
    if not drawn:
        items = [*liver_named(draft), *where, volume, *smallest]
        return [container(CONTAINS, DCM.GROUP, items, template="1411")]
    return [
        container(CONTAINS, DCM.GROUP, [*liver_named(draft), *where, volume], template="1411"),
        container(CONTAINS, DCM.GROUP, [*liver_named(draft), *drawn, *smallest], template="1410"),
    ]


def liver_named(draft: Draft) -> list[Item]:
    """Return how a group of the liver begins: which it is, what it is of, by which algorithm."""
    liver = draft.thing("liver")
    return [
        *tracked(draft, "liver"),
        code(CONTAINS, DCM.FINDING, liver),
        *algorithm(draft),
        code(MODIFIER, DCM.FINDING_SITE, liver),
    ]


def conclusions(draft: Draft) -> Item:
    """Return the container of everything that is said in words and codes."""
    document, language = draft.reading.document, draft.language
    summary = document.summary.radiology
    said = (
        [say("unanswered", language, why=translate(document.why_not, language))] if document.why_not else []
    )
    said += [word("notice", language), *provenance(draft)]
    said += [in_language(limit.text, limit.text_zh, language) for limit in document.limits]
    said += [in_language(clash.text, clash.text_zh, language) for clash in document.disagreements]
    items = [text(CONTAINS, draft.thing("report_text"), summary.zh if language == "zh" else summary.en)]
    items += [comment(CONTAINS, one) for one in said]
    items += [
        text(CONTAINS, draft.thing("grading"), in_language(one.text, one.text_zh, language))
        for one in document.gradings
    ]
    if document.accepted is not None:
        items += [code(CONTAINS, DCM.CONCLUSION, draft.term(one)) for one in document.accepted.diagnoses]
    items += [alert(draft, one.id, in_language(one.text, one.text_zh, language)) for one in document.alerts]
    items += [finding(draft, one) for one in document.findings]
    items += [
        coded_as(draft, "pattern", one.id, one.probability, (f"focus {n}" for n in one.foci))
        for one in document.patterns
    ]
    items += [diagnosis(draft, one) for one in document.differential]
    items += [
        coded_as(draft, "process", one.diagnosis, one.probability, (f"focus {n}" for n in one.foci))
        for one in document.processes
    ]
    items += [
        code(
            CONTAINS,
            draft.thing("next_test"),
            draft.term(one.test),
            [comment(PROPERTY, in_language(one.why, one.why_zh, language))],
        )
        for one in document.next_tests
    ]
    items += [action(draft, one) for one in document.plan]
    return container(CONTAINS, DCM.QUALITATIVE, items)


def provenance(draft: Draft) -> list[str]:
    """Return what a reader must know of the source's identity: what was made up or removed."""
    source, language = draft.reading.source, draft.language
    if source.is_hidden:
        return [say("hidden", language)]
    said = []
    if source.stand_ins:
        names = [say(UID_NAMES[one], language) for one in source.stand_ins]
        said.append(say("stand_ins", language, what=("、" if language == "zh" else ", ").join(names)))
    if source.dates_removed:
        said.append(say("dates_removed", language))
    return said


def alert(draft: Draft, name: str, words: str) -> Item:
    """Return a rule that fired."""
    return code(CONTAINS, draft.thing("alert"), draft.term(name), [comment(PROPERTY, words)])


def finding(draft: Draft, entry: FindingEntry) -> Item:
    """Return a finding: its state as the coded value; value, subject, reason and source as properties."""
    name = draft.term(entry.id)
    children = weigh(draft, entry.probability)
    if isinstance(entry.value, Quantity):
        children.append(quantify(PROPERTY, name, entry.value))
    elif isinstance(entry.value, Choice):
        children.append(code(PROPERTY, name, draft.term(entry.id, entry.value.choice)))
    elif isinstance(entry.value, Unassessed):
        children.append(comment(PROPERTY, translate(entry.value.not_assessable, draft.language)))
    if entry.subject.ref:
        children.append(text(PROPERTY, DCM.TRACKING_ID, f"{entry.subject.kind} {entry.subject.ref}"))
    if entry.source in SOURCES:
        children.append(code(PROPERTY, DCM.MODALITY, SOURCES[entry.source]))
    if entry.reason:
        children.append(comment(PROPERTY, translate(entry.reason, draft.language)))
    return code(CONTAINS, name, STATES[entry.state], children)


def diagnosis(draft: Draft, entry: RankedDiagnosis) -> Item:
    """Return an entry of the differential, with its probability and the range of that."""
    likely = Quantity(value=entry.probability, unit="1", low=entry.low, high=entry.high)
    probability = quantify(PROPERTY, draft.thing("probability"), likely)
    return code(CONTAINS, draft.thing("differential"), draft.term(entry.diagnosis), [probability])


def coded_as(draft: Draft, role: str, name: str, probability: float, of: Iterable[str]) -> Item:
    """Return a pattern or process, with its probability and the foci that make it."""
    children = weigh(draft, probability)
    children += [text(PROPERTY, DCM.TRACKING_ID, one) for one in of]
    return code(CONTAINS, draft.thing(role), draft.term(name), children)


def action(draft: Draft, entry: ActionEntry) -> Item:
    """Return a step of the plan: when it is due, in words, and whose advice it is."""
    visits: list[tuple[MonthsEntry | None, DueEntry | None]] = [(one.after, one.due) for one in entry.visits]
    children: list[Item] = []
    for after, due in visits or [(entry.after, entry.due)]:
        children += [*interval(after), *dates(due)]
    children.append(comment(PROPERTY, in_language(entry.text, entry.text_zh, draft.language)))
    children.append(text(PROPERTY, DCM.REFERENCE_AUTHORITY, f"{entry.strength}: {entry.source}"))
    return code(CONTAINS, draft.thing("follow_up"), draft.term(entry.action), children)


def interval(after: MonthsEntry | None) -> list[Item]:
    """Return from and to how many months after the examination a step is due."""
    if after is None:
        return []
    ends = ((after.from_months, DCM.MINIMUM), (after.to_months, DCM.MAXIMUM))
    return [
        number(PROPERTY, DCM.FOLLOW_UP_INTERVAL, value, unit("mo"), [end_of(which)]) for value, which in ends
    ]


def dates(due: DueEntry | None) -> list[Item]:
    """Return the first and the last day on which a step is due."""
    if due is None:
        return []
    ends: tuple[tuple[dt.date, Named], ...] = ((due.start, DCM.MINIMUM), (due.end, DCM.MAXIMUM))
    return [date(PROPERTY, DCM.FOLLOW_UP_DATE, f"{day:%Y%m%d}", [end_of(which)]) for day, which in ends]


def end_of(which: Named) -> Item:
    """Return which end of an interval a number or date is."""
    return code(MODIFIER, DCM.DERIVATION, which)
