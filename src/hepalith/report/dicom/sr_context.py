"""What a measurement report says before it measures: language, observers, subject, algorithm and images.

References
----------
DICOM PS3.16, TID 1001 to 1007 (observation context), 1204 (language), 1600 to 1605 (image library), 4019
(algorithm identification).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from pydicom.uid import UID

from hepalith import __version__
from hepalith.reading import Reading, SourceImage
from hepalith.reading.document import ImageEntry
from hepalith.report.dicom.context import MAKER, derived_uid
from hepalith.report.dicom.segments import SEG_ROLES, SEG_SOP_CLASS, segment_numbers
from hepalith.report.dicom.sr_code import (
    DCM,
    LANGUAGE_CODES,
    MODALITIES,
    PROCEDURES,
    SEXES,
    Named,
    say,
    term,
    thing,
    unit,
)
from hepalith.report.dicom.sr_item import (
    ACQUISITION,
    CONTAINS,
    CONTEXT,
    MODIFIER,
    PROPERTY,
    Item,
    Reference,
    code,
    container,
    date,
    image,
    number,
    person,
    text,
    uid,
)
from hepalith.study.uid import make_uid

__all__ = ["Draft", "algorithm", "draft_of", "image_library", "observation_context"]


@dataclass(frozen=True, slots=True)
class Draft:
    """What every part of a report needs: the reading, the report's language, and the segmentation beside it.

    `segmentation` is ``"binary"`` or ``"labelmap"``; `segments` has the segment number of everything that it
    shows, by its key.
    """

    reading: Reading
    language: str
    segmentation: str
    segments: Mapping[str, int] = field(default_factory=dict)

    @property
    def seg_sop_class(self) -> str:
        """SOP class of the segmentation."""
        return SEG_SOP_CLASS[self.segmentation]

    @property
    def seg_uid(self) -> UID:
        """SOP instance UID of the segmentation."""
        return derived_uid(self.reading, SEG_ROLES[self.segmentation])

    @property
    def seg_series_uid(self) -> UID:
        """Series instance UID of the segmentation."""
        return derived_uid(self.reading, f"{SEG_ROLES[self.segmentation]} series")

    def segment(self, key: str) -> Reference | None:
        """Return the reference to a segment; None where the segmentation does not show it."""
        if key not in self.segments:
            return None
        return Reference(self.seg_sop_class, self.seg_uid, segment=self.segments[key])

    def thing(self, name: str) -> Named:
        """Return the code of a concept in the report's language."""
        return thing(name, self.language)

    def term(self, term_id: str, choice: str | None = None) -> Named:
        """Return the code of a term or choice in the report's language."""
        return term(term_id, self.language, choice)


def draft_of(reading: Reading, language: str, segmentation: str) -> Draft:
    """Return the draft of a report on a reading; `segmentation` is ``"binary"`` or ``"labelmap"``."""
    return Draft(reading, language, segmentation, segment_numbers(reading))


def observation_context(draft: Draft) -> list[Item]:
    """Return language, observers, procedure and subject: the first items of the report."""
    document = draft.reading.document
    items = [code(MODIFIER, DCM.LANGUAGE, LANGUAGE_CODES[draft.language])]
    items += [
        code(CONTEXT, DCM.OBSERVER_TYPE, DCM.DEVICE),
        uid(CONTEXT, DCM.DEVICE_UID, make_uid("device", MAKER, __version__)),
        text(CONTEXT, DCM.DEVICE_NAME, MAKER),
        text(CONTEXT, DCM.DEVICE_MANUFACTURER, MAKER),
        text(CONTEXT, DCM.DEVICE_MODEL, MAKER),
        text(CONTEXT, DCM.DEVICE_SERIAL, __version__),
    ]
    if document.accepted is not None:
        items += [
            code(CONTEXT, DCM.OBSERVER_TYPE, DCM.PERSON),
            person(CONTEXT, DCM.PERSON_NAME, document.accepted.by),
        ]
        if document.accepted.organization:
            items.append(text(CONTEXT, DCM.PERSON_ORGANIZATION, document.accepted.organization))
    items.append(code(CONTEXT, DCM.SUBJECT_CLASS, DCM.PATIENT))
    who = document.study.patient
    if who.sex in SEXES:
        items.append(code(CONTEXT, DCM.SUBJECT_SEX, SEXES[who.sex]))
    if who.age_years is not None:
        items.append(number(CONTEXT, DCM.SUBJECT_AGE, who.age_years, unit("a")))
    modalities = {one.modality: None for one in draft.reading.source.images}
    items += [code(MODIFIER, DCM.PROCEDURE, PROCEDURES.get(one, DCM.IMAGING)) for one in modalities]
    return items


def algorithm(draft: Draft, *, whole: bool = False) -> list[Item]:
    """Return what measured: name and version; with `whole` all that the same results follow from."""
    provenance = draft.reading.document.provenance
    items = [
        text(MODIFIER, DCM.ALGORITHM_NAME, MAKER),
        text(MODIFIER, DCM.ALGORITHM_VERSION, provenance.version),
    ]
    if whole:
        policy = provenance.policy
        said = [
            f"policy: {policy.id} {policy.version} {policy.digest}".rstrip(),
            f"knowledge: {provenance.knowledge}",
            f"weights: {provenance.weights or 'none'}",
            f"setting: {provenance.setting or 'none'}",
            f"settings: {json.dumps(provenance.settings, sort_keys=True)}",
        ]
        items += [text(MODIFIER, DCM.ALGORITHM_PARAMETERS, one) for one in said]
    items.append(text(MODIFIER, DCM.ALGORITHM_PARAMETERS, say("intervals", draft.language)))
    return items


def image_library(draft: Draft) -> Item:
    """Return every image that was read, a group for each series, the one that the maps lie on first."""
    entries = {entry.id: entry for entry in draft.reading.document.images}
    groups = [library_group(draft, one, entries[one.image]) for one in draft.reading.source.images]
    return container(CONTAINS, DCM.IMAGE_LIBRARY, groups, template="1600")


def library_group(draft: Draft, source: SourceImage, entry: ImageEntry) -> Item:
    """Return one series: how its images are alike, and the images."""
    items: list[Item] = []
    if source.modality in MODALITIES:
        items.append(code(ACQUISITION, DCM.MODALITY, MODALITIES[source.modality]))
    items.append(code(ACQUISITION, DCM.TARGET_REGION, DCM.ABDOMEN))
    if source.general.date:
        items.append(date(ACQUISITION, DCM.STUDY_DATE, source.general.date))
    if source.frame_of_reference_uid:
        items.append(uid(ACQUISITION, DCM.FRAME_OF_REFERENCE, source.frame_of_reference_uid))
    if source.aligned:
        items += geometry(draft, source, entry)
    if source.modality != "US":
        phase = draft.term("phase", entry.phase.label)
        likely = number(PROPERTY, draft.thing("probability"), entry.phase.probability, unit("1"))
        items.append(code(ACQUISITION, DCM.PHASE, phase, [likely]))
    files = {one.sop_instance_uid: one.sop_class_uid for one in source.instances}
    items += [image(CONTAINS, None, Reference(kind, name)) for name, kind in files.items()]
    return container(CONTAINS, DCM.IMAGE_LIBRARY_GROUP, items)


def geometry(draft: Draft, source: SourceImage, entry: ImageEntry) -> list[Item]:
    """Return matrix and spacing of the images of a series, as they are stored."""
    shape, spacing = list(entry.shape), list(entry.spacing_mm)
    if source is draft.reading.source.primary and source.modality != "US":
        grid = draft.reading.maps.stored_order.stored_grid(draft.reading.maps.grid)
        shape, spacing = list(grid.shape), list(grid.spacing_mm)
    said = [(DCM.ROWS, shape[-2], "{pixels}"), (DCM.COLUMNS, shape[-1], "{pixels}")]
    items = [number(ACQUISITION, name, value, unit(ucum)) for name, value, ucum in said]
    if len(spacing) >= 2:
        items.append(number(ACQUISITION, DCM.HORIZONTAL_SPACING, spacing[-1], unit("mm")))
        items.append(number(ACQUISITION, DCM.VERTICAL_SPACING, spacing[-2], unit("mm")))
    if len(spacing) == 3:
        items.append(number(ACQUISITION, DCM.SLICE_SPACING, spacing[0], unit("mm")))
    if entry.slice_thickness_mm is not None:
        items.append(number(ACQUISITION, DCM.SLICE_THICKNESS, entry.slice_thickness_mm, unit("mm")))
    return items
