"""Everything the stages found, put together into one reading."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import PurePath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hepalith import __version__
from hepalith.anatomy import Liver, Phase
from hepalith.anatomy.anatomy import Anatomy
from hepalith.anatomy.phases import PhaseImage
from hepalith.calcification import Foci
from hepalith.differential import Differential
from hepalith.finding import Finding
from hepalith.finding.description import Description
from hepalith.geometry import Box
from hepalith.image import Volume
from hepalith.management import Plan
from hepalith.reading import entries, focus_entries
from hepalith.reading.document import (
    AgeSex,
    Document,
    ImageEntry,
    InputEntry,
    LiverEntry,
    LiverQuality,
    PhaseEntry,
    PolicyEntry,
    Provenance,
    ReadingEntry,
    SeriesLeftEntry,
    StudyEntry,
    SummaryEntry,
    TextEntry,
    Unassessed,
)
from hepalith.reading.identity import (
    DEFAULT_PSEUDONYM_KEY,
    mask_sha256,
    patient_key,
    pseudonym_uid,
    reading_uuid,
    tracking_uid,
)
from hepalith.reading.layperson import summarise_for_patient
from hepalith.reading.reading import Maps, Reading, Source
from hepalith.reading.summary import summarise_for_radiology
from hepalith.settings import Settings
from hepalith.study import Series, SeriesLeft, Study
from hepalith.study.patient import Patient

__all__ = ["Assessment", "Examined", "assemble"]

BOX_MARGIN_MM = 12.0
"""Margin around liver and foci of the crop that a reading keeps.

Enough to see what a focus at the capsule touches (rib, gut, gallbladder) in the key images;
each further centimetre would add about a quarter to the largest file of the folder. Our judgement.
"""

MOST_IN_A_BYTE = 255
"""Foci up to which the label map takes one byte a voxel: a fourth of the memory for all but rare livers."""

PRIMARY_IMAGE = "ct_1"
"""Id of the image that was read, within the document."""


OLDEST_AGE_YEARS = 90.0
"""Age above which a de-identified reading says only "90".

Source: HIPAA Safe Harbor, 45 CFR 164.514(b)(2)(i)(C): ages over 89 are aggregated.
"""

REASON_HIDDEN = "left aside; the reason quotes the header and is not given when de-identified"
"""What a de-identified reading says of a series it left."""

SEXES = {"M": "male", "F": "female", "O": "other"}
"""DICOM's code of Patient's Sex (0010,0040) in the words of the patient file."""


@dataclass(frozen=True, slots=True, eq=False)
class Examined:
    """What was read: one series of one study, decoded.

    Parameters
    ----------
    study, series
        The examination, and the series that was read, its instances in the order decoded.
    left
        The series left aside, and why.
    volume
        The decoded image.
    sha256
        Digest of the decoded voxels and their geometry.
    phases
        Further phases of the examination, read beside it.
    """

    study: Study
    series: Series
    left: tuple[SeriesLeft, ...]
    volume: Volume
    sha256: str
    phases: tuple[PhaseImage, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Assessment:
    """What the stages made of it, in the order they ran; `findings` are the image's and the person's."""

    liver: Liver
    phase: Phase
    foci: Foci
    findings: tuple[Finding, ...]
    seen: Description
    differential: Differential
    plan: Plan
    anatomy: Anatomy | None = None
    noise_hu: float | None = None


def assemble(
    examined: Examined,
    assessment: Assessment,
    patient: Patient,
    settings: Settings,
    *,
    pseudonym_key: bytes = DEFAULT_PSEUDONYM_KEY,
) -> Reading:
    """Put one examination and what was found in it together into a reading.

    Parameters
    ----------
    patient
        Age and sex as the differential used them.
    pseudonym_key
        Key of `patient.key`; see `DEFAULT_PSEUDONYM_KEY`.

    Returns
    -------
    Reading
        The same examined study, assessment, patient, settings and key give an equal document.
    """
    maps = make_maps(examined.volume, assessment)
    document = make_document(examined, assessment, patient, settings, pseudonym_key)
    source = Source(examined.study, examined.series, examined.volume.grid, examined.sha256)
    return Reading(document, maps, None if settings.deidentify else source)


def make_maps(volume: Volume, assessment: Assessment) -> Maps:
    """Crop the image to liver and foci with a margin, and lay every map onto that crop."""
    liver, foci = assessment.liver, assessment.foci
    boxes = [box for box in (liver.box, foci.box) if not box.is_empty]
    if not liver.is_in_view or not boxes:
        nothing = Box((0, 0, 0), (0, 0, 0))
        empty = np.zeros((0, 0, 0), dtype=np.int16)
        return Maps(
            volume.grid, volume.stored_order, nothing, empty, empty.astype(np.bool_), empty.astype(np.int32)
        )
    margin = [math.ceil(BOX_MARGIN_MM / spacing) for spacing in volume.spacing_mm]
    box = union(boxes).grown(margin, volume.hu.shape)
    crop = volume.cropped(box)
    anatomy, hosts = assessment.anatomy, assessment.seen.hosts
    return Maps(
        volume.grid,
        volume.stored_order,
        box,
        np.ascontiguousarray(crop.hu),
        laid(liver.mask, liver.box, box),
        laid(narrowed(foci.labels), foci.box, box),
        segments=None if anatomy is None else laid(anatomy.segments.labels, anatomy.segments.box, box),
        ducts=None if anatomy is None else laid(narrowed(anatomy.ducts.labels), anatomy.ducts.box, box),
        hosts=None if hosts is None else laid(hosts.labels, hosts.box, box),
    )


def narrowed(labels: NDArray[Any]) -> NDArray[Any]:
    """Return a label map in one byte a voxel where its labels fit: a fourth of the memory."""
    most = int(labels.max(initial=0))
    return labels.astype(np.uint8 if most <= MOST_IN_A_BYTE else np.int32, copy=False)


def laid(part: NDArray[Any], of: Box, onto: Box) -> NDArray[Any]:
    """Return an array of the box `onto`, zero but for what lies in it of `part`, in the box `of`."""
    whole = np.zeros(onto.shape, dtype=part.dtype)
    start = [max(a, b) for a, b in zip(of.start, onto.start, strict=True)]
    stop = [min(a, b) for a, b in zip(of.stop, onto.stop, strict=True)]
    if all(a < b for a, b in zip(start, stop, strict=True)):
        both = Box((start[0], start[1], start[2]), (stop[0], stop[1], stop[2]))
        whole[within(both, onto).slices] = part[within(both, of).slices]
    return whole


def union(boxes: Sequence[Box]) -> Box:
    """Return the smallest box that holds all `boxes`."""
    start = np.min([box.start for box in boxes], axis=0)
    stop = np.max([box.stop for box in boxes], axis=0)
    return Box((int(start[0]), int(start[1]), int(start[2])), (int(stop[0]), int(stop[1]), int(stop[2])))


def within(inner: Box, outer: Box) -> Box:
    """Return `inner` as a box of the crop `outer`."""
    start = [a - o for a, o in zip(inner.start, outer.start, strict=True)]
    stop = [b - o for b, o in zip(inner.stop, outer.start, strict=True)]
    return Box((start[0], start[1], start[2]), (stop[0], stop[1], stop[2]))


def make_document(
    examined: Examined, assessment: Assessment, patient: Patient, settings: Settings, key: bytes
) -> Document:
    """Return the document: every key of the contract, the summaries written from the rest."""
    study = examined.study
    hidden = settings.deidentify
    plan = assessment.plan.without_dates() if hidden else assessment.plan
    tracking = {f.id: tracking_uid(examined.sha256, f.place_lps_mm) for f in assessment.foci.foci}
    inputs = input_entries(examined, hidden=hidden, key=key)
    said = settings_entry(settings) | {"policy": plan.policy}  # a hospital's file is a path of some machine
    identified: dict[str, Any] = {
        "image": examined.sha256,
        "policy": plan.policy_digest,
        "liver": mask_sha256(assessment.liver.mask, assessment.liver.box.start),
        "patient": json.dumps(asdict(patient), sort_keys=True, default=str),
        "findings": [repr(f) for f in assessment.findings if f.source != "ct"],
    }
    document = Document(
        reading=ReadingEntry(id=reading_uuid(identified, said, __version__)),
        provenance=Provenance(
            version=__version__,
            inputs=inputs,
            settings=said,
            knowledge=assessment.differential.knowledge_digest,
            setting=assessment.differential.setting or None,
            policy=PolicyEntry(id=plan.policy, version=plan.policy_version, digest=plan.policy_digest),
            weights=assessment.liver.weights_sha256,
        ),
        study=StudyEntry(
            uid=pseudonym_uid(study.uid, key) if hidden else study.uid,
            date=None if hidden or study.dates_removed else study.date,
            modalities=(examined.series.modality,),
            patient=patient_entry(examined, patient, key, hidden=hidden),
        ),
        images=(
            image_entry(examined, assessment, hidden=hidden, key=key),
            *phase_entries(examined, hidden=hidden, key=key),
        ),
        series_left=series_left_entries(examined, hidden=hidden, key=key),
        liver=liver_entry(assessment.liver),
        detectability=focus_entries.detectability_entry(assessment.foci.detectability),
        foci=tuple(
            focus_entries.focus_entry(f, tracking[f.id], assessment.seen) for f in assessment.foci.foci
        ),
        patterns=tuple(entries.pattern_entry(p) for p in assessment.seen.patterns),
        findings=tuple(entries.finding_entry(f, PRIMARY_IMAGE) for f in assessment.findings),
        differential=entries.differential_entries(assessment.differential),
        processes=tuple(entries.process_entry(p) for p in assessment.differential.processes),
        contradictions=tuple(entries.contradiction_entry(c) for c in assessment.differential.contradictions),
        alerts=tuple(entries.alert_entry(a) for a in plan.alerts),
        next_tests=tuple(entries.next_test_entry(t) for t in plan.next_tests),
        plan=tuple(entries.action_entry(a) for a in plan.actions),
        plan_beside=entries.beside_entry(plan),
        gradings=tuple(entries.grading_entry(g) for g in plan.gradings),
        summary=SummaryEntry(radiology=TextEntry(en="", zh=""), patient=TextEntry(en="", zh="")),
    )
    summary = SummaryEntry(
        radiology=TextEntry(
            en=summarise_for_radiology(document, "en"), zh=summarise_for_radiology(document, "zh")
        ),
        patient=TextEntry(en=summarise_for_patient(document, "en"), zh=summarise_for_patient(document, "zh")),
    )
    return document.model_copy(update={"summary": summary})


def patient_entry(examined: Examined, patient: Patient, key: bytes, *, hidden: bool) -> AgeSex:
    """Return what the reading says of the patient: the patient file first, else the header.

    A de-identified reading under the public key has no patient key: anyone could undo it.
    """
    identity = examined.study.identity
    age = patient.age_years if patient.age_years is not None else identity.age_years
    if hidden and age is not None:
        age = min(age, OLDEST_AGE_YEARS)
    return AgeSex(
        key=None if hidden and key == DEFAULT_PSEUDONYM_KEY else patient_key(identity, key),
        age_years=age,
        sex=patient.sex or SEXES.get(identity.sex),
    )


def input_entries(examined: Examined, *, hidden: bool, key: bytes) -> tuple[InputEntry, ...]:
    """Return the inputs by digest: a DICOM series by its UID, other files by their name.

    Names of folders are left out, since they often name the patient; a de-identified
    reading leaves out the files' names too.
    """
    uid = examined.series.uid
    if uid and examined.series.kind == "dicom":
        return (InputEntry(uid=pseudonym_uid(uid, key) if hidden else uid, sha256=examined.sha256),)
    files = tuple(
        InputEntry(file=f"input_{number}" if hidden else PurePath(file.name).name, sha256=file.sha256)
        for number, file in enumerate(examined.study.inputs, start=1)
    )
    return files or (InputEntry(file="input_1", sha256=examined.sha256),)


def series_left_entries(examined: Examined, *, hidden: bool, key: bytes) -> tuple[SeriesLeftEntry, ...]:
    """Return the series left aside; de-identified, without reasons: they quote headers and file names."""
    left = dict.fromkeys((*examined.left, *examined.study.left))
    if not hidden:
        return tuple(SeriesLeftEntry(uid=s.uid, reason=s.reason) for s in left)
    return tuple(SeriesLeftEntry(uid=pseudonym_uid(s.uid, key), reason=REASON_HIDDEN) for s in left)


def settings_entry(settings: Settings) -> dict[str, Any]:
    """Return the settings as they stand in the provenance: no path of any machine."""
    return {
        "liver_masks": len(settings.liver_masks),
        "liver_labels": [mask.label for mask in settings.liver_masks],
        "segmenter": settings.segmenter,
        "policy": settings.policy,
        "language": settings.language,
        "modality": settings.modality,
        "study_picked": settings.study_uid is not None,
        "series_picked": len(settings.series_uids),
        "same_patient": settings.same_patient,
        "hu_per_mg_ml": settings.hu_per_mg_ml,
        "deidentify": settings.deidentify,
    }


def image_entry(examined: Examined, assessment: Assessment, *, hidden: bool, key: bytes) -> ImageEntry:
    """Return what the reading says of the image."""
    series, made = examined.series, examined.series.acquisition

    def named(uid: str) -> str:
        return pseudonym_uid(uid, key) if hidden else uid

    return ImageEntry(
        id=PRIMARY_IMAGE,
        modality=series.modality,
        study_uid=named(examined.study.uid),
        series_uid=named(series.uid),
        frame_of_reference_uid=named(series.frame_of_reference_uid),
        phase=PhaseEntry(label=assessment.phase.label, probability=assessment.phase.probability),
        shape=tuple(int(n) for n in examined.volume.hu.shape),
        spacing_mm=examined.volume.spacing_mm,
        slice_thickness_mm=made.slice_thickness_mm,
        kernel=made.kernel or None,
        kvp=made.kvp,
        contrast_agent=made.contrast_agent or None,
        scanner=made.scanner or None,
        noise_hu=assessment.noise_hu,
        warnings=examined.volume.warnings,
    )


def phase_entries(examined: Examined, *, hidden: bool, key: bytes) -> tuple[ImageEntry, ...]:
    """Return what the reading says of the further phases that were read beside the image."""

    def named(uid: str) -> str:
        return pseudonym_uid(uid, key) if hidden else uid

    shown = []
    for number, phase in enumerate(examined.phases, start=2):
        series, made = phase.series, phase.series.acquisition
        said = (
            f"laid over the primary image: edges agree {phase.agreement:.2f}, moved {phase.shift_mm:.0f} mm"
        )
        shown.append(
            ImageEntry(
                id=f"ct_{number}",
                modality=series.modality,
                role="phase",
                study_uid=named(examined.study.uid),
                series_uid=named(series.uid),
                frame_of_reference_uid=named(series.frame_of_reference_uid),
                phase=PhaseEntry(label=phase.phase.label, probability=phase.phase.probability),
                shape=phase.shape,
                spacing_mm=phase.spacing_mm,
                slice_thickness_mm=made.slice_thickness_mm,
                kernel=made.kernel or None,
                kvp=made.kvp,
                contrast_agent=made.contrast_agent or None,
                scanner=made.scanner or None,
                warnings=(said,),
            )
        )
    return tuple(shown)


def liver_entry(liver: Liver) -> LiverEntry:
    """Return what the reading says of the liver."""
    reasons = liver.quality_reasons
    if not liver.is_in_view:
        return LiverEntry(
            source=liver.source,
            volume=Unassessed(not_assessable="no liver in view"),
            in_view=0.0,
            quality=LiverQuality(score=liver.quality, reasons=reasons or ("no liver is in view",)),
        )
    return LiverEntry(
        source=liver.source,
        volume=focus_entries.measured(liver.volume),
        in_view=liver.in_view,
        quality=LiverQuality(score=liver.quality, reasons=reasons),
    )
