"""What a measurement report says, as nouns: numbers with units and intervals, codes, references."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hepalith.vocabulary.coding import Coded

__all__ = [
    "SrAction",
    "SrContent",
    "SrDiagnosis",
    "SrEvaluation",
    "SrFinding",
    "SrGroup",
    "SrMissing",
    "SrNumber",
    "SrRegion",
    "SrSegment",
]


@dataclass(frozen=True, slots=True)
class SrNumber:
    """A number with its unit (UCUM) and the ends of its interval, if it has one."""

    value: float
    unit: str
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class SrMissing:
    """A quantity without a value: ``"not_assessable"`` or ``"unknown"``, and why."""

    state: str
    reason: str


@dataclass(frozen=True, slots=True)
class SrEvaluation:
    """A coded judgement; `state` where its value is a state (present, absent, unknown, not_assessable)."""

    name: Coded
    value: Coded
    state: str | None
    probability: float | None
    reason: str


@dataclass(frozen=True, slots=True)
class SrSegment:
    """The segment of a segmentation that a group measures."""

    sop_class_uid: str
    sop_instance_uid: str
    number: int
    source_series_uid: str


@dataclass(frozen=True, slots=True)
class SrRegion:
    """An outline in an image: (column, row); `frame` counts from 1, None in single-frame images."""

    sop_class_uid: str
    sop_instance_uid: str
    frame: int | None
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class SrGroup:
    """Everything that the measurement groups of one tracking UID say.

    `numbers` has each quantity by its name in the vocabulary's concepts, `evaluations` each judgement by the
    id of its term or concept.
    """

    tracking_id: str
    tracking_uid: str
    templates: tuple[str, ...]
    finding: Coded
    probability: float | None
    site: Coded | None
    site_modifier: Coded | None
    numbers: Mapping[str, SrNumber | SrMissing]
    evaluations: Mapping[str, SrEvaluation]
    segment: SrSegment | None
    regions: tuple[SrRegion, ...]
    comments: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SrFinding:
    """A finding of the reading as a whole."""

    name: Coded
    state: str
    probability: float | None
    value: SrNumber | Coded | None
    subject: str
    modality: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SrDiagnosis:
    """An entry of the differential, or a pattern or process with the foci that make it."""

    name: Coded
    probability: SrNumber
    foci: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SrAction:
    """A step of the plan, a test or an alert: what, in words, and between which months and days."""

    name: Coded
    text: str
    months: tuple[tuple[float, float], ...] = ()
    days: tuple[tuple[str, str], ...] = ()
    source: str = ""


@dataclass(frozen=True, slots=True)
class SrContent:
    """A measurement report, read back."""

    sop_class_uid: str
    sop_instance_uid: str
    series_uid: str
    study_uid: str
    completion: str
    verification: str
    preliminary: str
    verified_by: tuple[str, ...]
    language: Coded
    observers: tuple[str, ...]
    algorithm: tuple[str, ...]
    images: tuple[str, ...]
    evidence: tuple[str, ...]
    liver: SrGroup
    foci: tuple[SrGroup, ...]
    findings: tuple[SrFinding, ...]
    differential: tuple[SrDiagnosis, ...]
    patterns: tuple[SrDiagnosis, ...]
    processes: tuple[SrDiagnosis, ...]
    next_tests: tuple[SrAction, ...]
    plan: tuple[SrAction, ...]
    alerts: tuple[SrAction, ...]
    confirmed: tuple[Coded, ...]
    report: str
    comments: tuple[str, ...]
