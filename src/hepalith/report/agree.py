"""Every format must say what the reading says: each is read back and compared, number and code.

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
from hepalith.reading.document import Choice, Document, FindingEntry, FocusEntry, Measured, Quantity
from hepalith.report.calendar import list_appointments, read_calendar
from hepalith.report.dicom_seg_read import compare_frames, read_seg
from hepalith.report.dicom_segments import list_segments
from hepalith.report.dicom_sr_content import SrGroup, SrNumber
from hepalith.report.dicom_sr_read import read_sr
from hepalith.report.fhir_read import FhirCode, FhirComponent, FhirContent, FhirFinding, FhirNumber, read_fhir
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
                 [(s.code.value, s.due, tuple(v.due for v in s.visits)) for s in said.steps]),
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


def plan_of(document: Document) -> list[tuple[str, Days | None, tuple[Days, ...]]]:
    """Return each step that asks for something: its code, its days, and those of its visits.

    A step that is repeated has its days in its visits.
    """
    told = []
    for action in document.plan:
        if action.asks_nothing:
            continue
        visits = tuple((v.due.start, v.due.end) for v in action.visits if v.due is not None)
        due = None if action.due is None or action.repeat is not None else (action.due.start, action.due.end)
        told.append((coded(action.action).value, due, visits))
    return told


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
    codes = {part.value.value for part in other.components if isinstance(part.value, FhirCode)}
    for what, code in focus_codes(focus).items():
        pairs.append((f"{name}, {what}", True, code in codes))
    return pairs


def focus_codes(focus: FocusEntry) -> dict[str, str]:
    """Return the codes that every format must give of a focus, by what they say."""
    said = {"form": coded(focus.morphology.label).value}
    if focus.location.lobe is not None:
        said["lobe"] = coded("lobe", focus.location.lobe).value
    if focus.location.segment is not None:
        said["segment"] = coded("segment", focus.location.segment).value
    return said


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
    accepted = document.accepted is not None
    found = list(
        compare(
            file,
            [
                ("study", reading.source.primary.study_uid, said.study_uid),
                ("verification", "VERIFIED" if accepted else "UNVERIFIED", said.verification),
                ("liver volume", numbers(document.liver.volume), sr_numbers(said.liver, "liver_volume")),
                ("smallest focus", numbers(document.detectability.smallest_focus),
                 sr_numbers(said.liver, "smallest_focus")),
                ("patterns", [(coded(p.id).value, p.probability) for p in document.patterns],
                 [(p.name.value, p.probability.value) for p in said.patterns]),
                (
                    "differential",
                    [(coded(d.diagnosis).value, d.probability, d.low, d.high) for d in document.differential],
                    [(d.name.value, d.probability.value, d.probability.low, d.probability.high)
                     for d in said.differential],
                ),
                ("processes", [(coded(p.diagnosis).value, p.probability) for p in document.processes],
                 [(p.name.value, p.probability.value) for p in said.processes]),
                ("red flags", [coded(a.id).value for a in document.alerts],
                 [a.name.value for a in said.alerts]),
                ("next tests", [coded(t.test).value for t in document.next_tests],
                 [t.name.value for t in said.next_tests]),
                ("plan", [coded(a.action).value for a in document.plan], [a.name.value for a in said.plan]),
                ("foci", [f.tracking_uid for f in document.foci], [g.tracking_uid for g in said.foci]),
                (
                    "findings",
                    [(coded(f.id).value, f.state, f.probability) for f in document.findings],
                    [(f.name.value, f.state, f.probability) for f in said.findings],
                ),
            ],
        )
    )  # fmt: skip
    for focus, group in zip(document.foci, said.foci, strict=False):
        found += compare(file, sr_focus_pairs(focus, group))
    return found


def sr_numbers(group: SrGroup, name: str) -> tuple[float, str, float | None, float | None] | str | None:
    """Return what a group of a report measures, as `numbers` does."""
    value = group.numbers.get(name)
    if isinstance(value, SrNumber):
        return value.value, value.unit, value.low, value.high
    return None if value is None else value.state


def sr_focus_pairs(focus: FocusEntry, group: SrGroup) -> list[tuple[str, object, object]]:
    """Return what a report must say of one focus, and what it says."""
    name = f"focus {focus.id}"
    codes = {one.value.value for one in group.evaluations.values()}
    codes |= {site.value for site in (group.site, group.site_modifier) if site is not None}
    pairs: list[tuple[str, object, object]] = [
        (f"{name}, label", coded(focus.label).value, group.finding.value),
        (f"{name}, probability", focus.probability, group.probability),
    ]
    for measure, read in MEASURES.items():
        value = numbers(read(focus))
        if value is not None:
            pairs.append((f"{name}, {measure}", value, sr_numbers(group, measure)))
    for what, code in focus_codes(focus).items():
        pairs.append((f"{name}, {what}", True, code in codes))
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
