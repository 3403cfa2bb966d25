"""The reading as a DICOM measurement report: a structured report after TID 1500.

It is an Enhanced SR, the smallest class that holds it: no item refers to another one by its place, as in a
Comprehensive SR, and none is a place in space, as in a Comprehensive 3D SR. What lies in space is in the
segmentation; what is to be shown is outlined on an image.

Notes
-----
Completion and verification follow PS3.3, C.17.2. A reading holds all that it will when the machine is done,
so it is COMPLETE; that no person stands for it yet is said by UNVERIFIED and by the preliminary flag. A
reading that could not answer its question is PARTIAL and says why. Once a person accepted the reading, it is
VERIFIED, with that person as verifying observer; what is not complete cannot be verified.

References
----------
DICOM PS3.3, A.35.2 (Enhanced SR), C.17 (SR modules); PS3.16, TID 1500 and the templates it includes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from pydicom.dataset import Dataset
from pydicom.tag import Tag
from pydicom.uid import EnhancedSRStorage

from hepalith.reading import Reading
from hepalith.reading.document import AcceptedEntry
from hepalith.reading.translate import translate
from hepalith.report.dicom.context import (
    code_item,
    derived_uid,
    file_under,
    name_scheme,
    reference_source,
    save_object,
    stamp,
)
from hepalith.report.dicom.sr_code import DCM, say
from hepalith.report.dicom.sr_conclusion import conclusions, liver_groups
from hepalith.report.dicom.sr_context import (
    Draft,
    algorithm,
    draft_of,
    image_library,
    observation_context,
)
from hepalith.report.dicom.sr_focus import focus_groups
from hepalith.report.dicom.sr_item import CONTAINS, Item, container, content_sequence, shorten
from hepalith.report.dicom.sr_outline import liver_outline, outlines
from hepalith.settings import Formats

__all__ = ["SR_SERIES_NUMBER", "make_sr", "write_sr"]

FILE = "measurements.dcm"

ROLES: Final[Mapping[str, str]] = MappingProxyType(
    {"binary": "measurement report", "labelmap": "measurement report on a labelmap"}
)
"""Names the object among those of a reading, for its UIDs, by the kind of segmentation that it refers to: the
two are different objects."""

SR_SERIES_NUMBER: Final = 9002
"""Series number: after the segmentation's. Our judgement."""


def write_sr(reading: Reading, folder: Path, formats: Formats) -> None:
    """Write ``measurements.dcm``.

    Raises
    ------
    hepalith.errors.OutputError
        If the file cannot be written.
    """
    header, content = make_sr(reading, language=formats.language, segmentation=formats.segmentation)
    save_object(header, folder / FILE, rest=[content])


def make_sr(reading: Reading, *, language: str = "en", segmentation: str = "binary") -> tuple[Dataset, bytes]:
    """Return a report's header, and its encoded content, which follows it in the file."""
    draft = draft_of(reading, language, segmentation)
    header = describe(draft)
    content = content_sequence(content_items(draft))
    last = max(element.tag for element in header)
    if last >= Tag("ContentSequence"):
        raise AssertionError(f"{last} does not stand before the content")
    return header, content


def content_items(draft: Draft) -> list[Item]:
    """Return the items of the report, in the order in which they are read."""
    drawn = outlines(draft.reading)
    groups = liver_groups(draft, liver_outline(draft.reading))
    for focus in draft.reading.document.foci:
        groups += focus_groups(draft, focus, drawn.get(focus.id))
    return [
        *observation_context(draft),
        *algorithm(draft, whole=True),
        image_library(draft),
        container(CONTAINS, DCM.MEASUREMENTS, groups),
        conclusions(draft),
    ]


def describe(draft: Draft) -> Dataset:
    """Return everything but the content: patient, study, series, state of the document, evidence."""
    reading, language = draft.reading, draft.language
    header = Dataset()
    file_under(reading, header)
    header.SOPClassUID = EnhancedSRStorage
    header.Modality = "SR"
    stamp(
        reading,
        header,
        ROLES[draft.segmentation],
        series_number=SR_SERIES_NUMBER,
        description="hepalith: measurements and findings",
    )
    header.ReferencedPerformedProcedureStepSequence = []
    header.PerformedProcedureCodeSequence = []
    name_scheme(header)
    say_state(reading, header, language)
    refer_to_predecessor(draft, header)
    current, other = evidence(draft)
    if current:
        header.CurrentRequestedProcedureEvidenceSequence = current
    if other:
        header.PertinentOtherEvidenceSequence = other
    header.ValueType = "CONTAINER"
    header.ConceptNameCodeSequence = [code_item(DCM.REPORT.coded)]
    header.ContinuityOfContent = "SEPARATE"
    template = Dataset()
    template.MappingResource = "DCMR"
    template.TemplateIdentifier = "1500"
    header.ContentTemplateSequence = [template]
    return header


def say_state(reading: Reading, header: Dataset, language: str) -> None:
    """Say whether the report is complete, preliminary and verified; see the module's notes."""
    document = reading.document
    header.CompletionFlag = "COMPLETE" if document.is_answerable else "PARTIAL"
    if document.why_not is not None:
        why = say("unanswered", language, why=translate(document.why_not, language))
        header.CompletionFlagDescription = shorten(why)
    accepted = document.accepted
    header.PreliminaryFlag = "PRELIMINARY" if document.reading.status == "preliminary" else "FINAL"
    is_verified = accepted is not None and document.is_answerable
    header.VerificationFlag = "VERIFIED" if is_verified else "UNVERIFIED"
    if is_verified and accepted is not None:
        header.VerifyingObserverSequence = [verifying_observer(accepted, language)]


def verifying_observer(accepted: AcceptedEntry, language: str) -> Dataset:
    """Return the person who stands for the reading (PS3.3, table C.17-2)."""
    person = Dataset()
    person.VerifyingOrganization = accepted.organization or say("no_organization", language)
    person.VerificationDateTime = f"{accepted.at:%Y%m%d%H%M%S}{accepted.at:%z}"
    person.VerifyingObserverName = accepted.by
    person.VerifyingObserverIdentificationCodeSequence = []
    return person


def refer_to_predecessor(draft: Draft, header: Dataset) -> None:
    """Refer to the report of the revision that this one supersedes, whose content it includes.

    Its UIDs follow from that revision as those of any do; an archive that never got it ignores them.
    """
    reading, role = draft.reading, ROLES[draft.segmentation]
    entry = reading.document.reading
    if entry.supersedes is None:
        return
    before = entry.model_copy(update={"id": entry.supersedes, "revision": entry.revision - 1})
    earlier = Reading(reading.document.model_copy(update={"reading": before}), reading.maps, reading.source)
    report = Dataset()
    report.ReferencedSOPClassUID = EnhancedSRStorage
    report.ReferencedSOPInstanceUID = derived_uid(earlier, role)
    header.PredecessorDocumentsSequence = [
        under_study(
            reading.source.primary.study_uid, [in_series(derived_uid(earlier, f"{role} series"), [report])]
        )
    ]


def evidence(draft: Draft) -> tuple[list[Dataset], list[Dataset]]:
    """Return what the content refers to, by study and series: of the report's study, and of others."""
    source = draft.reading.source
    studies: dict[str, list[Dataset]] = {}
    for image in source.images:
        listed = reference_source(image)
        files = list(listed.ReferencedInstanceSequence)
        studies.setdefault(image.study_uid, []).append(in_series(image.series_uid, files))
    if draft.segments:
        segmentation = Dataset()
        segmentation.ReferencedSOPClassUID = draft.seg_sop_class
        segmentation.ReferencedSOPInstanceUID = draft.seg_uid
        studies[source.primary.study_uid].append(in_series(draft.seg_series_uid, [segmentation]))
    own = source.primary.study_uid
    return (
        [under_study(uid, series) for uid, series in studies.items() if uid == own],
        [under_study(uid, series) for uid, series in studies.items() if uid != own],
    )


def in_series(uid: str, files: Iterable[Dataset]) -> Dataset:
    """Return objects of one series as an item of Referenced Series."""
    series = Dataset()
    series.SeriesInstanceUID = uid
    series.ReferencedSOPSequence = list(files)
    return series


def under_study(uid: str, series: Iterable[Dataset]) -> Dataset:
    """Return series of one study as an item of an evidence sequence."""
    study = Dataset()
    study.StudyInstanceUID = uid
    study.ReferencedSeriesSequence = list(series)
    return study
