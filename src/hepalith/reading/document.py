"""The document ``reading.json``: every key of the contract, typed, checked and frozen."""

from __future__ import annotations

import json
from datetime import date, datetime
from typing import Any, Final, Literal

from pydantic import Field

from hepalith.calcification.echo import COUNTED
from hepalith.reading.conclusion import (
    ActionEntry,
    AlertEntry,
    BesideEntry,
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
    RankedDiagnosis,
    RepeatEntry,
    SubjectEntry,
    VisitEntry,
)
from hepalith.reading.part import (
    Choice,
    Entry,
    Lps,
    Measured,
    Number,
    Probability,
    Quantity,
    Term,
    TextEntry,
    Unassessed,
    round_number,
)
from hepalith.reading.sonogram_document import (
    SOME_LIVER,
    ArticlePictureEntry,
    DisagreementEntry,
    KeyPictureEntry,
    LimitEntry,
    ObservationEntry,
    RegionEntry,
    ShadowEntry,
    SonographyEntry,
)

__all__ = [
    "AcceptedEntry",
    "ActionEntry",
    "AgeSex",
    "AlertEntry",
    "BesideEntry",
    "Choice",
    "ContradictionEntry",
    "Document",
    "DuctEntry",
    "DueEntry",
    "EvidenceEntry",
    "FindingEntry",
    "FocusEntry",
    "GradingEntry",
    "HostEntry",
    "ImageEntry",
    "Measured",
    "MonthsEntry",
    "NextTestEntry",
    "ObservationEntry",
    "OutcomeEntry",
    "PatternEntry",
    "ProcessEntry",
    "Quantity",
    "RankedDiagnosis",
    "RepeatEntry",
    "ShadowEntry",
    "SubjectEntry",
    "TextEntry",
    "Unassessed",
    "VisitEntry",
    "reading_schema",
    "round_number",
    "to_json",
]

SCHEMA: Final = "hepalith/reading/1"
"""Name and major version of the document's shape; a reader refuses another major version."""

NOTICE = "research use; not a cleared device; to be confirmed by a physician"
"""The notice that stands in every output."""


class ReadingEntry(Entry):
    """Which reading this is."""

    id: str
    revision: int = Field(default=1, ge=1)
    supersedes: str | None = None
    status: Literal["preliminary", "final", "amended"] = "preliminary"


class InputEntry(Entry):
    """One input: a DICOM series by its UID, or a file by its name; with a digest of its content."""

    uid: str | None = Field(default=None, exclude_if=lambda value: value is None)
    file: str | None = Field(default=None, exclude_if=lambda value: value is None)
    sha256: str


class PolicyEntry(Entry):
    """The management policy that the plan follows."""

    id: str
    version: str
    digest: str = ""
    """SHA-256 of the policy's files and the red flags."""


class Provenance(Entry):
    """How the reading was made; with the same of all of these come the same bytes."""

    version: str
    inputs: tuple[InputEntry, ...]
    settings: dict[str, Any]
    knowledge: str
    setting: str | None = None
    policy: PolicyEntry
    weights: str | None = None


class AgeSex(Entry):
    """The patient, without identity: a keyed hash that groups the readings of one person."""

    key: str | None
    age_years: Number | None
    sex: str | None


class StudyEntry(Entry):
    """The examination."""

    uid: str
    date: date | None
    modalities: tuple[str, ...]
    patient: AgeSex


class PhaseEntry(Entry):
    """Contrast phase."""

    label: Literal["none", "arterial", "portal", "delayed", "unknown"]
    probability: Probability


class ImageEntry(Entry):
    """One image that was read: what it is and how it was made.

    Of ultrasound, `shape` is frames, rows and columns; `spacing_mm` is empty where pixels have no size.
    """

    id: str
    modality: str
    study_uid: str
    series_uid: str
    frame_of_reference_uid: str
    role: Literal["primary", "phase", "other"] = "primary"
    phase: PhaseEntry
    shape: tuple[int, ...]
    spacing_mm: tuple[Number, ...]
    slice_thickness_mm: Number | None = None
    kernel: str | None = None
    kvp: Number | None = None
    contrast_agent: str | None = None
    scanner: str | None = None
    noise_hu: Number | None = None
    regions: tuple[RegionEntry, ...] = ()
    frame_time_ms: Number | None = None
    sonography: SonographyEntry | None = None
    smallest_focus: Measured | None = None
    """Of ultrasound: the smallest focus that this image could have shown."""
    warnings: tuple[str, ...] = ()


class SeriesLeftEntry(Entry):
    """A series that was not read, and why."""

    uid: str
    reason: str


class LiverQuality(Entry):
    """How far the liver's outline can be trusted, and what lowers it."""

    score: Probability
    reasons: tuple[str, ...] = ()


class LiverEntry(Entry):
    """The liver."""

    source: Literal["builtin", "given", "totalsegmentator"]
    volume: Measured
    in_view: Probability
    quality: LiverQuality


class DetectabilityEntry(Entry):
    """The smallest focus that this scan could have shown.

    `at_excess_hu` is 0 where ultrasound alone was read: it has no Hounsfield units.
    """

    smallest_focus: Measured
    at_excess_hu: Number
    why: str


class LocationEntry(Entry):
    """Where in the liver a focus lies; null where that was not assessed."""

    lobe: Literal["left", "right", "caudate"] | None
    segment: Literal["I", "II", "III", "IV", "V", "VI", "VII", "VIII"] | None = None
    segment_probability: Probability | None = None
    capsule_distance: Measured
    lobe_probability: Probability | None = None
    segment_probabilities: dict[str, Probability] = Field(default_factory=dict)
    subcapsular_probability: Probability | None = None
    periportal: Measured | None = None
    """Distance from the wall of the nearest portal branch, in mm; null: not looked for."""


class MorphologyEntry(Entry):
    """Shape, in the controlled vocabulary."""

    label: Term
    probabilities: dict[str, Probability]


class DuctEntry(Entry):
    """Relation to the bile ducts."""

    relation: Literal["in_lumen", "in_wall", "along_portal_triad", "apart", "not_assessable"]
    calibre: Measured
    dilated: Literal["present", "absent", "unknown", "not_assessable"]
    side: Literal["upstream", "downstream", "both", "none"] | None
    bile_around: Literal["present", "absent", "unknown", "not_assessable"] = "unknown"
    probabilities: dict[str, Probability] = Field(default_factory=dict)
    reason: str | None = None


class HostEntry(Entry):
    """The lesion that holds the calcification, if any."""

    kind: Literal["none", "solid", "fluid", "fat", "mixed", "infiltrative", "not_assessable"]
    diameter: Measured
    position: Literal["central", "peripheral", "throughout"] | None
    id: int | None = None
    probabilities: dict[str, Probability] = Field(default_factory=dict)
    reason: str | None = None


class FocusEntry(Entry):
    """One connected bright body: what it is, how large, where."""

    id: int = Field(ge=1)
    tracking_uid: str
    label: Term
    probability: Probability
    reason: str
    centroid_lps_mm: Lps | None
    volume: Measured
    volume_limited_by_resolution: bool
    diameter: Measured
    background_hu: Measured
    mean_hu: Measured
    peak_hu: Measured
    integrated_excess: Measured
    mass: Measured
    score_agatston_convention: Measured
    location: LocationEntry
    morphology: MorphologyEntry
    duct: DuctEntry
    host: HostEntry
    shadow: ShadowEntry
    observations: tuple[ObservationEntry, ...] = ()
    modality: Literal["CT", "US"] = "CT"
    moves: Probability | None = None
    """Of ultrasound: the probability that it moves against the liver; null: a still, or not to be judged."""

    @property
    def is_counted(self) -> bool:
        """Whether it is a bright focus in the liver: calcium, or on ultrasound not yet named."""
        return self.label in COUNTED


class CorrectionEntry(Entry):
    """What a person changed; the machine's value is kept."""

    path: str
    before: Any = Field(alias="from")
    after: Any = Field(alias="to")
    by: str
    at: str
    reason: str


class AcceptedEntry(Entry):
    """The person who stands for the reading from this revision on; `diagnoses` are those confirmed."""

    by: str = Field(min_length=1)
    """Name or pseudonym, as it is to stand in the hospital's documents: DICOM's ``Family^Given`` or free."""
    organization: str = ""
    at: datetime
    diagnoses: tuple[Term, ...] = ()


class SummaryEntry(Entry):
    """The reading in words: for the radiologist, and for the patient."""

    radiology: TextEntry
    patient: TextEntry


class Document(Entry):
    """The whole of ``reading.json``."""

    schema_: Literal["hepalith/reading/1"] = Field(default=SCHEMA, alias="schema")
    reading: ReadingEntry
    provenance: Provenance
    study: StudyEntry
    images: tuple[ImageEntry, ...]
    series_left: tuple[SeriesLeftEntry, ...]
    liver: LiverEntry
    detectability: DetectabilityEntry
    foci: tuple[FocusEntry, ...]
    patterns: tuple[PatternEntry, ...]
    findings: tuple[FindingEntry, ...]
    differential: tuple[RankedDiagnosis, ...]
    processes: tuple[ProcessEntry, ...]
    contradictions: tuple[ContradictionEntry, ...] = ()
    alerts: tuple[AlertEntry, ...]
    next_tests: tuple[NextTestEntry, ...]
    plan: tuple[ActionEntry, ...]
    plan_beside: BesideEntry | None = None
    gradings: tuple[GradingEntry, ...] = ()
    article_pictures: tuple[ArticlePictureEntry, ...] = ()
    disagreements: tuple[DisagreementEntry, ...] = ()
    limits: tuple[LimitEntry, ...] = ()
    key_pictures: tuple[KeyPictureEntry, ...] = ()
    comparison: dict[str, Any] | None = None
    corrections: tuple[CorrectionEntry, ...] = ()
    accepted: AcceptedEntry | None = None
    """Null: no person has accepted this revision."""
    summary: SummaryEntry
    notice: str = NOTICE

    @property
    def why_not(self) -> str | None:
        """Why the question cannot be answered; ``None`` where it can.

        Where CT shows no liver, ultrasound of the same patient may: then it answers.
        """
        if self.liver.in_view > 0 or self.shows_liver_on_ultrasound:
            return None
        return "; ".join(self.liver.quality.reasons) or "no liver is in view"

    @property
    def shows_liver_on_ultrasound(self) -> bool:
        """Whether any ultrasound picture shows more liver than a patch of tissue that looks like it."""
        return any((r.liver_share or 0.0) >= SOME_LIVER for image in self.images for r in image.regions)

    @property
    def is_answerable(self) -> bool:
        """Whether the scan could answer if there is calcification in the liver."""
        return self.why_not is None

    @property
    def calcifications(self) -> tuple[FocusEntry, ...]:
        """The foci that are calcium in the liver, and no mimic."""
        return tuple(focus for focus in self.foci if focus.label == "calcification")

    @property
    def counted(self) -> tuple[FocusEntry, ...]:
        """The bright foci in the liver: calcium, and on ultrasound what is bright and not yet named."""
        return tuple(focus for focus in self.foci if focus.is_counted)

    @property
    def mimics(self) -> tuple[FocusEntry, ...]:
        """The foci that are named as something else, or not decided."""
        return tuple(focus for focus in self.foci if not focus.is_counted)

    @property
    def clashes(self) -> tuple[ContradictionEntry, ...]:
        """The contradictions that are not the disagreements of CT and ultrasound told once more."""
        told = {clash.text for clash in self.disagreements}
        return tuple(clash for clash in self.contradictions if clash.reason not in told)

    @property
    def has_ct(self) -> bool:
        """Whether CT was read."""
        return any(image.modality != "US" for image in self.images)

    @property
    def has_ultrasound(self) -> bool:
        """Whether ultrasound was read."""
        return any(image.modality == "US" for image in self.images)


def to_json(document: Document) -> str:
    """Return the text of ``reading.json``: keys in the contract's order, a newline at the end."""
    return json.dumps(document.model_dump(mode="json"), ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def reading_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of ``reading.json``."""
    schema = Document.model_json_schema(by_alias=True, mode="serialization")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$comment": "Generated by `hepalith schema reading`; do not edit.",
        **schema,
    }
