"""What is written of a reading must say what it says: what holds numbers is read back and compared.

The readers are other code than the writers. A disagreement is a bug of ours: nothing is then left behind.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Final

from hepalith.reading import Reading
from hepalith.reading.document import (
    ActionEntry,
    Choice,
    Document,
    DueEntry,
    FindingEntry,
    FocusEntry,
    Measured,
    MonthsEntry,
    Quantity,
)
from hepalith.report.calendar import list_appointments, read_calendar
from hepalith.report.dicom.seg_read import compare_frames, read_seg
from hepalith.report.dicom.segments import list_segments
from hepalith.report.dicom.sr_code import STATES
from hepalith.report.dicom.sr_content import SrContent, SrFinding, SrGroup, SrNumber
from hepalith.report.dicom.sr_read import read_sr
from hepalith.report.fhir.read import FhirCode, FhirComponent, FhirContent, FhirFinding, FhirNumber, read_fhir
from hepalith.vocabulary import coded, concept

__all__ = ["CHECKS", "MEASURES", "Disagreement", "disagreements"]


Days = tuple[date, date]
"""First and last day."""


@dataclass(frozen=True, slots=True)
class Disagreement:
    """One thing that a file says otherwise than the reading; both in words."""

    file: str
    what: str
    reading: str
    other: str

    def __str__(self) -> str:
        """Return it as one line."""
        return f"{self.file}: {self.what}: the reading says {self.reading}, the file {self.other}"


MEASURES: Final[Mapping[str, Callable[[FocusEntry], Measured | None]]] = MappingProxyType(
    {
        "volume": lambda f: f.volume,
        "diameter": lambda f: f.diameter,
        "background_hu": lambda f: f.background_hu,
        "mean_hu": lambda f: f.mean_hu,
        "peak_hu": lambda f: f.peak_hu,
        "integrated_excess": lambda f: f.integrated_excess,
        "mass": lambda f: f.mass,
        "score_agatston_convention": lambda f: f.score_agatston_convention,
        "capsule_distance": lambda f: f.location.capsule_distance,
        "periportal": lambda f: f.location.periportal,
        "duct_calibre": lambda f: f.duct.calibre,
        "host_diameter": lambda f: f.host.diameter,
        "shadow_index": lambda f: f.shadow.index,
    }
)
"""What is measured of a focus, by the name of its concept; None where it was not looked for."""

JUDGEMENTS: Final[Mapping[str, Callable[[FocusEntry], str | None]]] = MappingProxyType(
    {
        "dominant_morphology": lambda f: f.morphology.label,
        "lobe": lambda f: f.location.lobe,
        "segment": lambda f: f.location.segment,
        "duct_relation": lambda f: f.duct.relation,
        "dilated_ducts": lambda f: f.duct.dilated,
        "bile_around_focus": lambda f: f.duct.bile_around,
        "host_kind": lambda f: f.host.kind,
        "host_position": lambda f: f.host.position,
        "acoustic_shadow": lambda f: f.shadow.grade,
    }
)
"""How a focus is judged, by the id of the term: a choice or a state; None where it was not looked for."""

NO_CONDITION: Final = "none_of_these"
"""What a person may confirm that is no condition."""

ABSENT: Final = frozenset({"unknown", "not_assessable"})
"""States of which FHIR has no value, but why there is none."""

Step = tuple[str, tuple[float, float] | None, Days | None, tuple[tuple[tuple[float, float], Days], ...]]
"""A step of the plan: its code, months and days, and the months and days of its visits."""


def compare(file: str, pairs: Sequence[tuple[str, object, object]]) -> Iterator[Disagreement]:
    """Yield what differs among (what, as the reading says, as the file says)."""
    for what, reading, other in pairs:
        if reading != other:
            yield Disagreement(file, what, repr(reading), repr(other))


def numbers(value: Measured | None) -> tuple[float, str, float | None, float | None] | str | None:
    """Return what formats must agree on of a measured value: number and interval, or that there is none."""
    if value is None:
        return None
    if isinstance(value, Quantity):
        return value.value, value.unit, value.low, value.high
    return "not_assessable"


def fhir_disagreements(reading: Reading, path: Path) -> list[Disagreement]:
    """Return where a FHIR bundle says otherwise than the reading."""
    said, document, file = read_fhir(path), reading.document, path.name
    found = list(
        compare(
            file,
            [
                ("reading's id", document.reading.id, said.reading_id),
                ("status", document.reading.status, said.status),
                ("liver volume", numbers(document.liver.volume), fhir_numbers(said.liver_volume)),
                (
                    "smallest focus",
                    numbers(document.detectability.smallest_focus),
                    fhir_numbers(said.smallest_focus),
                ),
                ("patterns", [(coded(p.id).value, p.probability) for p in document.patterns],
                 [(p.code.value, p.probability) for p in said.patterns]),
                (
                    "differential",
                    [(coded(d.diagnosis).value, d.probability, d.low, d.high) for d in document.differential],
                    [(p.code.value, p.probability, p.low, p.high) for p in said.differential],
                ),
                (
                    "processes",
                    [(coded(p.diagnosis).value, p.probability) for p in document.processes],
                    [(p.code.value, p.probability) for p in said.processes],
                ),
                ("red flags", [coded(a.id).value for a in document.alerts], [a.value for a in said.alerts]),
                ("next tests", [coded(t.test).value for t in document.next_tests],
                 [t.code.value for t in said.next_tests]),
                ("plan", plan_of(document),
                 [(s.code.value, s.after_months, s.due, tuple((v.after_months, v.due) for v in s.visits))
                  for s in said.steps]),
                ("repeats", repeats_of(document), [s.every_months for s in said.steps]),
                ("confirmed diagnoses",
                 [one for one in confirmed_codes(document) if one != coded(NO_CONDITION).value],
                 [one.value for one in said.conditions]),
                ("series", {(i.study_uid, i.series_uid, i.modality) for i in reading.source.images},
                 {(one.study_uid, one.series_uid, one.modality) for one in said.series}),
                ("number of foci", len(document.foci), len(said.foci)),
                ("number of findings", len(document.findings), len(said.findings)),
            ],
        )
    )  # fmt: skip
    for focus, other in zip(document.foci, said.foci, strict=False):
        found += compare(file, fhir_focus_pairs(focus, said, other.tracking_uid))
    for finding, shown in zip(document.findings, said.findings, strict=False):
        found += compare(file, fhir_finding_pairs(finding, shown))
    return found


def plan_of(document: Document) -> list[Step]:
    """Return each step that asks for something: its code, its months and days, and those of its visits.

    A step that is repeated has its days in its visits.
    """
    told: list[Step] = []
    for action in document.plan:
        if action.asks_nothing:
            continue
        visits = tuple((span(v.after), days(v.due)) for v in action.visits if v.due is not None)
        due = None if action.due is None or action.repeat is not None else days(action.due)
        after = None if action.after is None else span(action.after)
        told.append((coded(action.action).value, after, due, visits))
    return told


def span(after: MonthsEntry) -> tuple[float, float]:
    """Return from and to how many months after the examination."""
    return after.from_months, after.to_months


def days(due: DueEntry) -> Days:
    """Return the first and the last day."""
    return due.start, due.end


def repeats_of(document: Document) -> list[tuple[float, float] | None]:
    """Return how often each step that asks for something is repeated, in months."""
    return [None if a.repeat is None else a.repeat.every_months for a in document.plan if not a.asks_nothing]


def confirmed_codes(document: Document) -> list[str]:
    """Return the codes of the diagnoses that a person confirmed."""
    return [] if document.accepted is None else [coded(one).value for one in document.accepted.diagnoses]


def fhir_numbers(part: FhirComponent) -> tuple[float, str, float | None, float | None] | str:
    """Return what a component of a bundle measures, as `numbers` does."""
    if isinstance(part.value, FhirNumber):
        return part.value.value, part.value.unit, part.value.low, part.value.high
    return part.state


def fhir_focus_pairs(
    focus: FocusEntry, said: FhirContent, tracking_uid: str
) -> list[tuple[str, object, object]]:
    """Return what a bundle must say of one focus, and what it says."""
    name = f"focus {focus.id}"
    other = next(one for one in said.foci if one.tracking_uid == tracking_uid)
    pairs: list[tuple[str, object, object]] = [
        (f"{name}, tracking UID", focus.tracking_uid, other.tracking_uid),
        (f"{name}, label", coded(focus.label).value, other.label.value),
    ]
    for measure, read in MEASURES.items():
        value = numbers(read(focus))
        told = {fhir_numbers(part) for part in other.under(concept(measure).value)}
        if value is not None:
            pairs.append((f"{name}, {measure}", True, value in told))
    for term, judge in JUDGEMENTS.items():
        chosen = judge(focus)
        shown = [fhir_code(part) for part in other.under(coded(term).value)]
        wanted = [] if chosen is None else [chosen if chosen in ABSENT else judged_code(term, chosen)]
        pairs.append((f"{name}, {term}", wanted, shown))
    limited = [part.value for part in other.under(concept("volume_limited_by_resolution").value)]
    pairs.append((f"{name}, volume limited by resolution", [focus.volume_limited_by_resolution], limited))
    return pairs


def judged_code(term: str, chosen: str | None) -> str:
    """Return the code of a choice of a term, or of a state; of the form of a focus its own."""
    if chosen is None:
        return STATES["unknown"].coded.value
    if chosen in STATES:
        return STATES[chosen].coded.value
    return coded(chosen).value if term == "dominant_morphology" else coded(term, chosen).value


def fhir_code(part: FhirComponent) -> str:
    """Return the code of a component of a bundle, or the state that stands for it."""
    return part.value.value if isinstance(part.value, FhirCode) else part.state


def fhir_finding_pairs(finding: FindingEntry, shown: FhirFinding) -> list[tuple[str, object, object]]:
    """Return what a bundle must say of one finding, and what it says."""
    name = f"finding {finding.id}"
    value: object = None
    told: object = None
    if isinstance(finding.value, Quantity):
        value = numbers(finding.value)
        told = fhir_numbers(FhirComponent(shown.code, shown.value))
    elif isinstance(finding.value, Choice):
        value = coded(finding.id, finding.value.choice).value
        told = shown.value.value if isinstance(shown.value, FhirCode) else shown.value
    return [
        (f"{name}, code", coded(finding.id).value, shown.code.value),
        (f"{name}, state", finding.state, shown.state),
        (f"{name}, probability", finding.probability, shown.probability),
        (f"{name}, value", value, told),
    ]


def calendar_disagreements(reading: Reading, path: Path) -> list[Disagreement]:
    """Return where a calendar says otherwise than the reading's plan."""
    wanted, shown = list_appointments(reading.document), read_calendar(path)
    return list(compare(path.name, [("visits", wanted, shown)]))


def seg_disagreements(reading: Reading, path: Path) -> list[Disagreement]:
    """Return where a segmentation says otherwise than the reading's maps, voxel by voxel."""
    said, file = read_seg(path), path.name
    wanted = [(s.number, s.label, s.kind.value, s.tracking.uid) for s in list_segments(reading)]
    shown = [(s.number, s.label, s.kind, s.tracking_uid) for s in said.segments]
    found = list(
        compare(
            file,
            [("study", reading.source.primary.study_uid, said.study_uid), ("segments", wanted, shown)],
        )
    )
    return found + [Disagreement(file, *one) for one in compare_frames(reading, said)]


def sr_disagreements(reading: Reading, path: Path) -> list[Disagreement]:
    """Return where a measurement report says otherwise than the reading."""
    said, document, file = read_sr(path), reading.document, path.name
    accepted = document.accepted
    is_verified = accepted is not None and document.is_answerable
    found = list(
        compare(
            file,
            [
                ("study", reading.source.primary.study_uid, said.study_uid),
                ("verification", "VERIFIED" if is_verified else "UNVERIFIED", said.verification),
                ("status", document.reading.status == "preliminary", said.preliminary == "PRELIMINARY"),
                ("confirmed diagnoses", confirmed_codes(document), [one.value for one in said.confirmed]),
                ("images", {i.sop_instance_uid for one in reading.source.images for i in one.instances},
                 set(said.images)),
                ("liver volume", numbers(document.liver.volume), sr_numbers(said.liver, "liver_volume")),
                ("smallest focus", numbers(document.detectability.smallest_focus),
                 sr_numbers(said.liver, "smallest_focus")),
                ("patterns", [(coded(p.id).value, p.probability, named(p.foci)) for p in document.patterns],
                 [(p.name.value, p.probability.value, p.foci) for p in said.patterns]),
                (
                    "differential",
                    [(coded(d.diagnosis).value, d.probability, d.low, d.high) for d in document.differential],
                    [(d.name.value, d.probability.value, d.probability.low, d.probability.high)
                     for d in said.differential],
                ),
                ("processes",
                 [(coded(p.diagnosis).value, p.probability, named(p.foci)) for p in document.processes],
                 [(p.name.value, p.probability.value, p.foci) for p in said.processes]),
                ("red flags", [coded(a.id).value for a in document.alerts],
                 [a.name.value for a in said.alerts]),
                ("next tests", [coded(t.test).value for t in document.next_tests],
                 [t.name.value for t in said.next_tests]),
                ("plan", [sr_step(a) for a in document.plan],
                 [(a.name.value, a.months, a.days) for a in said.plan]),
                ("foci", [f.tracking_uid for f in document.foci], [g.tracking_uid for g in said.foci]),
                ("number of findings", len(document.findings), len(said.findings)),
            ],
        )
    )  # fmt: skip
    for finding, shown in zip(document.findings, said.findings, strict=False):
        found += compare(file, sr_finding_pairs(finding, shown))
    for focus, group in zip(document.foci, said.foci, strict=False):
        found += compare(file, sr_focus_pairs(focus, group))
    return found + list(compare(file, reference_pairs(reading, said, path.with_name("segmentation.dcm"))))


def named(foci: Sequence[int]) -> tuple[str, ...]:
    """Return the tracking identifiers of foci."""
    return tuple(f"focus {number}" for number in foci)


def sr_step(action: ActionEntry) -> tuple[str, tuple[tuple[float, float], ...], tuple[tuple[str, str], ...]]:
    """Return a step of the plan as a report has it: its code, and months and days of each visit in turn."""
    visits: list[tuple[MonthsEntry | None, DueEntry | None]] = [(v.after, v.due) for v in action.visits]
    visits = visits or [(action.after, action.due)]
    return (
        coded(action.action).value,
        tuple(span(after) for after, _ in visits if after is not None),
        tuple((f"{due.start:%Y%m%d}", f"{due.end:%Y%m%d}") for _, due in visits if due is not None),
    )


def sr_finding_pairs(finding: FindingEntry, shown: SrFinding) -> list[tuple[str, object, object]]:
    """Return what a report must say of one finding, and what it says."""
    name, subject = f"finding {finding.id}", finding.subject
    told: object = shown.value
    value: object = None
    if isinstance(shown.value, SrNumber):
        told = (shown.value.value, shown.value.unit, shown.value.low, shown.value.high)
    elif shown.value is not None:
        told = shown.value.value
    if isinstance(finding.value, Quantity):
        value = numbers(finding.value)
    elif isinstance(finding.value, Choice):
        value = coded(finding.id, finding.value.choice).value
    return [
        (f"{name}, code", coded(finding.id).value, shown.name.value),
        (f"{name}, state", finding.state, shown.state),
        (f"{name}, probability", finding.probability, shown.probability),
        (f"{name}, value", value, told),
        (f"{name}, subject", f"{subject.kind} {subject.ref}" if subject.ref else "", shown.subject),
    ]


def reference_pairs(
    reading: Reading, said: SrContent, segmentation: Path
) -> list[tuple[str, object, object]]:
    """Return what a report must refer to, and what it does: the segmentation beside it, and source files."""
    files = {i.sop_instance_uid for image in reading.source.images for i in image.instances}
    beside = read_seg(segmentation, frames=False) if segmentation.exists() else None
    pairs: list[tuple[str, object, object]] = []
    for group in (said.liver, *said.foci):
        strange = {one.sop_instance_uid for one in group.regions} - files
        pairs.append((f"{group.tracking_id}, images shown", set(), strange))
        if group.segment is None:
            continue
        to = group.segment
        shown = (to.sop_class_uid, to.sop_instance_uid, to.source_series_uid, group.tracking_uid)
        wanted: object = "no segmentation beside it"
        if beside is not None:
            tracked = {one.number: one.tracking_uid for one in beside.segments}.get(to.number)
            wanted = (
                str(beside.dataset.SOPClassUID),
                beside.sop_instance_uid,
                reading.source.primary.series_uid,
                tracked,
            )
        pairs.append((f"{group.tracking_id}, segment {to.number}", wanted, shown))
    return pairs


def sr_numbers(group: SrGroup, name: str) -> tuple[float, str, float | None, float | None] | str | None:
    """Return what a group of a report measures, as `numbers` does."""
    value = group.numbers.get(name)
    if isinstance(value, SrNumber):
        return value.value, value.unit, value.low, value.high
    return None if value is None else value.state


def sr_focus_pairs(focus: FocusEntry, group: SrGroup) -> list[tuple[str, object, object]]:
    """Return what a report must say of one focus, and what it says."""
    name = f"focus {focus.id}"
    pairs: list[tuple[str, object, object]] = [
        (f"{name}, label", coded(focus.label).value, group.finding.value),
        (f"{name}, probability", focus.probability, group.probability),
    ]
    for measure, read in MEASURES.items():
        value = numbers(read(focus))
        if value is not None:
            pairs.append((f"{name}, {measure}", value, sr_numbers(group, measure)))
    for term, judge in JUDGEMENTS.items():
        wanted = judged_code(term, judge(focus))
        shown = group.evaluations[term].value.value if term in group.evaluations else None
        pairs.append((f"{name}, {term}", wanted, shown))
    bounded = "present" if focus.volume_limited_by_resolution else "absent"
    limited = group.evaluations.get("volume_limited_by_resolution")
    pairs.append((f"{name}, volume limited by resolution", bounded, limited and limited.state))
    place = focus.location.segment or focus.location.lobe
    term = "segment" if focus.location.segment else "lobe"
    within = group.site_modifier and group.site_modifier.value
    pairs.append((f"{name}, site", None if place is None else coded(term, place).value, within))
    return pairs


CHECKS: Final[Mapping[str, Callable[[Reading, Path], list[Disagreement]]]] = MappingProxyType(
    {
        "segmentation.dcm": seg_disagreements,
        "measurements.dcm": sr_disagreements,
        "bundle.fhir.json": fhir_disagreements,
        "follow_up.ics": calendar_disagreements,
    }
)
"""How each file is checked that can be read back."""


def disagreements(reading: Reading, folder: Path) -> list[Disagreement]:
    """Return where the files of a folder say otherwise than the reading; what is not there says nothing.

    Pages (HTML, PDF) are not among them: they are words, and their tests read them.
    """
    return [
        one
        for name, check in CHECKS.items()
        if (folder / name).exists()
        for one in check(reading, folder / name)
    ]
