"""Everything the stages found, put together into one reading."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import PurePath
from typing import Any

from hepalith import __version__
from hepalith.calcification.ultrasound.network import weights_sha256 as foci_weights_sha256
from hepalith.reading import entries, focus_entries
from hepalith.reading.ct_entries import (
    PRIMARY_IMAGE,
    image_entry,
    input_entries,
    liver_entry,
    phase_entries,
)
from hepalith.reading.ct_maps import make_maps
from hepalith.reading.document import (
    AgeSex,
    DetectabilityEntry,
    Document,
    FocusEntry,
    ImageEntry,
    InputEntry,
    LiverEntry,
    PolicyEntry,
    Provenance,
    ReadingEntry,
    SeriesLeftEntry,
    StudyEntry,
    SummaryEntry,
    TextEntry,
)
from hepalith.reading.examination import Conclusion, Examination
from hepalith.reading.identity import (
    DEFAULT_PSEUDONYM_KEY,
    hide_names,
    mask_sha256,
    patient_key,
    pseudonym_uid,
    reading_uuid,
    tracking_uid,
)
from hepalith.reading.origin import source_of
from hepalith.reading.reading import Reading
from hepalith.reading.sonogram_entries import (
    article_entry,
    detectability_of_sonogram,
    disagreement_entry,
    focus_entries_of,
    image_entries_of,
    input_entries_of,
    limit_entries,
    liver_of_sonogram,
)
from hepalith.reading.sonogram_maps import key_picture_entries, key_pictures, sonogram_maps
from hepalith.reading.source import stand_in_source
from hepalith.reading.summarise import with_summary
from hepalith.settings import Settings
from hepalith.study import Study
from hepalith.study.patient import Patient

__all__ = ["assemble"]

OLDEST_AGE_YEARS = 90.0
"""Age above which a de-identified reading says only "90".

Source: HIPAA Safe Harbor, 45 CFR 164.514(b)(2)(i)(C): ages over 89 are aggregated.
"""

REASON_HIDDEN = "left aside; the reason quotes the header and is not given when de-identified"
"""What a de-identified reading says of a series it left."""

SEXES = {"M": "male", "F": "female", "O": "other"}
"""DICOM's code of Patient's Sex (0010,0040) in the words of the patient file."""


@dataclass(frozen=True, slots=True)
class _Side:
    """What one modality adds to the document; `digests` is what the reading's name depends on."""

    modality: str
    inputs: tuple[InputEntry, ...]
    digests: dict[str, Any]
    images: tuple[ImageEntry, ...]
    liver: LiverEntry
    detectability: DetectabilityEntry
    foci: tuple[FocusEntry, ...]
    weights: str | None = None
    image_of_findings: str = PRIMARY_IMAGE


def assemble(
    examination: Examination,
    conclusion: Conclusion,
    patient: Patient,
    settings: Settings,
    *,
    pseudonym_key: bytes = DEFAULT_PSEUDONYM_KEY,
) -> Reading:
    """Put one examination, what was found in it and what was concluded together into a reading.

    Parameters
    ----------
    patient
        Age and sex as the differential used them.
    pseudonym_key
        Key of `patient.key`; see `DEFAULT_PSEUDONYM_KEY`.

    Returns
    -------
    Reading
        The same examination, conclusion, patient, settings and key give an equal document.
    """
    ct, sonography = examination.ct, examination.ultrasound
    pictures = () if sonography is None else key_pictures(sonography)
    if ct is not None:
        maps = replace(make_maps(ct), others=pictures)
    elif sonography is not None:
        maps = sonogram_maps(sonography, pictures)
    else:
        raise ValueError("an examination of neither CT nor ultrasound")
    document = make_document(examination, conclusion, patient, settings, pseudonym_key)
    document = document.model_copy(update={"key_pictures": key_picture_entries(maps, pictures)})
    if settings.deidentify:
        source = stand_in_source(document, maps.grid, maps.stored_order)
    else:
        source = source_of(examination, document, maps.stored_order)
    return Reading(with_summary(document), maps, source)


def make_document(
    examination: Examination, conclusion: Conclusion, patient: Patient, settings: Settings, key: bytes
) -> Document:
    """Return the document without its summaries: every key of the contract."""
    study, hidden = examination.study, settings.deidentify
    plan = conclusion.plan.without_dates() if hidden else conclusion.plan
    sides = list_sides(examination, key, hidden=hidden)
    first = sides[0]
    said = settings_entry(settings) | {"policy": plan.policy}  # a hospital's file is a path of some machine
    identified: dict[str, Any] = {
        "policy": plan.policy_digest,
        "patient": json.dumps(asdict(patient), sort_keys=True, default=str),
        "findings": [repr(f) for f in conclusion.findings if f.source not in ("ct", "us")],
    }
    for side in sides:
        identified |= side.digests
    images = {"ct" if side.modality != "US" else "us": side.image_of_findings for side in sides}
    sonography = examination.ultrasound
    return Document(
        reading=ReadingEntry(id=reading_uuid(identified, said, __version__)),
        provenance=Provenance(
            version=__version__,
            inputs=tuple(entry for side in sides for entry in side.inputs),
            settings=said,
            knowledge=conclusion.differential.knowledge_digest,
            setting=conclusion.differential.setting or None,
            policy=PolicyEntry(id=plan.policy, version=plan.policy_version, digest=plan.policy_digest),
            weights=first.weights,
        ),
        study=StudyEntry(
            uid=pseudonym_uid(study.uid, key) if hidden else study.uid,
            date=None if hidden or study.dates_removed else study.date,
            modalities=tuple(side.modality for side in sides),
            patient=patient_entry(study, patient, key, hidden=hidden),
        ),
        images=tuple(
            without_names(image, examination) if hidden else image for side in sides for image in side.images
        ),
        series_left=series_left_entries(examination, hidden=hidden, key=key),
        liver=first.liver,
        detectability=first.detectability,
        foci=tuple(focus for side in sides for focus in side.foci),
        patterns=tuple(entries.pattern_entry(p) for p in conclusion.patterns),
        findings=tuple(entries.finding_entry(f, images.get(f.source)) for f in conclusion.findings),
        differential=entries.differential_entries(conclusion.differential),
        processes=tuple(entries.process_entry(p) for p in conclusion.differential.processes),
        contradictions=tuple(entries.contradiction_entry(c) for c in conclusion.differential.contradictions),
        alerts=tuple(entries.alert_entry(a) for a in plan.alerts),
        next_tests=tuple(entries.next_test_entry(t) for t in plan.next_tests),
        plan=tuple(entries.action_entry(a) for a in plan.actions),
        plan_beside=entries.beside_entry(plan),
        gradings=tuple(entries.grading_entry(g) for g in plan.gradings),
        article_pictures=() if sonography is None else tuple(article_entry(p) for p in sonography.article),
        disagreements=tuple(disagreement_entry(d) for d in conclusion.disagreements),
        limits=() if sonography is None else limit_entries(sonography.seen),
        summary=SummaryEntry(radiology=TextEntry(en="", zh=""), patient=TextEntry(en="", zh="")),
    )


def without_names(image: ImageEntry, examination: Examination) -> ImageEntry:
    """Return an image whose warnings quote neither a UID nor the name of a file."""
    names = [PurePath(file.name).name for file in examination.study.inputs]
    if examination.ultrasound is not None:
        names += [read.cine.name for read in examination.ultrasound.images]
    return image.model_copy(update={"warnings": tuple(hide_names(w, names) for w in image.warnings)})


def list_sides(examination: Examination, key: bytes, *, hidden: bool) -> list[_Side]:
    """Return what each modality adds, the one that the maps lie on first."""
    study, sides = examination.study, []

    def named(uid: str) -> str:
        return pseudonym_uid(uid, key) if hidden else uid

    ct, sonography = examination.ct, examination.ultrasound
    if ct is not None:
        tracking = {f.id: tracking_uid(ct.sha256, f.place_lps_mm) for f in ct.foci.foci}
        files = study.inputs if sonography is None else ()
        sides.append(
            _Side(
                ct.series.modality,
                input_entries(ct, files, named, hidden=hidden),
                {"image": ct.sha256, "liver": mask_sha256(ct.liver.mask, ct.liver.box.start)},
                (image_entry(ct, study.uid, named), *phase_entries(ct, study.uid, named)),
                liver_entry(ct.liver),
                focus_entries.detectability_entry(ct.foci.detectability),
                tuple(focus_entries.focus_entry(f, tracking[f.id], ct.seen) for f in ct.foci.foci),
                ct.liver.weights_sha256,
            )
        )
    if sonography is not None:
        sides.append(
            _Side(
                "US",
                input_entries_of(sonography, named, hidden=hidden),
                {"ultrasound": [image.cine.sha256 for image in sonography.images]},
                image_entries_of(sonography, named, study_uid=study.uid, primary=ct is None),
                liver_of_sonogram(sonography),
                detectability_of_sonogram(sonography.sighted.foci),
                focus_entries_of(sonography),
                foci_weights_sha256(),
                image_of_findings=sonography.primary.id,
            )
        )
    return sides


def patient_entry(study: Study, patient: Patient, key: bytes, *, hidden: bool) -> AgeSex:
    """Return what the reading says of the patient: the patient file first, else the header.

    A de-identified reading under the public key has no patient key: anyone could undo it.
    """
    identity = study.identity
    age = patient.age_years if patient.age_years is not None else identity.age_years
    if hidden and age is not None:
        age = min(age, OLDEST_AGE_YEARS)
    return AgeSex(
        key=None if hidden and key == DEFAULT_PSEUDONYM_KEY else patient_key(identity, key),
        age_years=age,
        sex=patient.sex or SEXES.get(identity.sex),
    )


def series_left_entries(examination: Examination, *, hidden: bool, key: bytes) -> tuple[SeriesLeftEntry, ...]:
    """Return the series left aside; de-identified, without reasons: they quote headers and file names."""
    left = dict.fromkeys((*examination.left, *examination.study.left))
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
        "pixel_mm": settings.pixel_mm,
        "hu_per_mg_ml": settings.hu_per_mg_ml,
        "deidentify": settings.deidentify,
    }
