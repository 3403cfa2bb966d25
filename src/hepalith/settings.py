"""One frozen `Settings`, made at the doors and passed in."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["COARSEST_PIXEL_MM", "FINEST_PIXEL_MM", "Formats", "MaskSource", "Settings"]

FINEST_PIXEL_MM, COARSEST_PIXEL_MM = 0.02, 2.0
"""Sizes of a pixel that a user may state, in mm.

A screen of 600 rows shows 12 mm at the one and 1200 mm at the other; pictures of the liver are 0.15 to 0.5
(our judgement; DICOM headers of ultrasound looked at had 0.06 to 0.5).
"""


@dataclass(frozen=True, slots=True)
class MaskSource:
    """A mask file that the user gave, and which label of it to take (``None``: every non-zero one)."""

    path: Path
    label: int | None = None


@dataclass(frozen=True, slots=True)
class Formats:
    """Which formats are written from a reading folder, and how. None of it changes the reading.

    Parameters
    ----------
    names
        Of `hepalith.report.formats.FORMATS`: ``"pdf"``, ``"seg"``, ``"sr"``, ``"fhir"``, ``"calendar"``, ….
    fhir_version
        ``"R4"`` (4.0.1) or ``"R5"``.
    segmentation
        ``"binary"`` or ``"labelmap"``: the SOP class of the DICOM segmentation.
    language
        Language of what can be in one only (SR, calendar, FHIR texts): ``"en"`` or ``"zh"``.
    """

    names: tuple[str, ...] = ()
    fhir_version: str = "R4"
    segmentation: str = "binary"
    language: str = "en"


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything a user may choose about one reading. The defaults are the product's.

    Parameters
    ----------
    liver_masks
        Masks to use as the liver; their union. Empty: the liver is found.
    segmenter
        ``"builtin"`` or ``"totalsegmentator"`` (an extra).
    policy
        Management policy: the id of one in ``management/guidelines``, or the path of a file of one's own.
    language
        ``"en"`` or ``"zh"``: the language of the report.
    modality
        ``"CT"`` or ``"US"``: read that alone where files of both are given; ``"US"`` also takes secondary
        captures that name no modality for ultrasound.
    study_uid, series_uids
        Picks where the input holds several.
    same_patient
        Files without identity (NIfTI, NRRD, MHA, PNG, JPEG) are of one patient and one examination, and of
        the patient of the others that were given: the user says so.
    pixel_mm
        Size of a pixel in millimetres, for ultrasound whose header holds no calibration (0.02 to 2).
    hu_per_mg_ml
        Calibration: rise in HU for 1 mg/mL of calcium hydroxyapatite on this scanner and
        protocol. Without it no mass in mg is given.
    deidentify
        Leave identity out of every output; `source.json` is then not written.
    """

    liver_masks: tuple[MaskSource, ...] = ()
    segmenter: str = "builtin"
    policy: str = "article"
    language: str = "en"
    modality: str | None = None
    study_uid: str | None = None
    series_uids: tuple[str, ...] = field(default=())
    same_patient: bool = False
    pixel_mm: float | None = None
    hu_per_mg_ml: float | None = None
    deidentify: bool = False
