"""The codes that DICOM's own templates name, and how a code reads in the report's language.

What the templates leave open (names of quantities, findings, diagnoses, …) comes from the vocabulary. The
codes here were compared with the tables of pydicom 3.0.2, which are made from PS3.16.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

from hepalith.vocabulary.coding import Coded, coded, concept, private
from hepalith.vocabulary.term import load_vocabulary

__all__ = [
    "DCM",
    "LANGUAGE_CODES",
    "MODALITIES",
    "PROCEDURES",
    "RANGES",
    "SEXES",
    "STATES",
    "UNITS",
    "Named",
    "say",
    "term",
    "thing",
    "unit",
]


@dataclass(frozen=True, slots=True)
class Named:
    """A code as it stands in a report: `meaning` is its wording in the report's language, if it has one."""

    coded: Coded
    meaning: str = ""


def dcm(value: str, meaning: str) -> Named:
    """Return a code of DICOM's own scheme (PS3.16, annex D)."""
    return Named(Coded(value, "DCM", meaning))


def sct(value: str, meaning: str) -> Named:
    """Return a code of SNOMED CT that PS3.16 names."""
    return Named(Coded(value, "SCT", meaning))


class DCM:
    """The concepts that the templates fix, by what they are. Template and row stand in PS3.16."""

    REPORT: Final = dcm("126000", "Imaging Measurement Report")
    LANGUAGE: Final = dcm("121049", "Language of Content Item and Descendants")
    PROCEDURE: Final = dcm("121058", "Procedure reported")
    OBSERVER_TYPE: Final = dcm("121005", "Observer Type")
    PERSON: Final = dcm("121006", "Person")
    DEVICE: Final = dcm("121007", "Device")
    PERSON_NAME: Final = dcm("121008", "Person Observer Name")
    PERSON_ORGANIZATION: Final = dcm("121009", "Person Observer's Organization Name")
    DEVICE_UID: Final = dcm("121012", "Device Observer UID")
    DEVICE_NAME: Final = dcm("121013", "Device Observer Name")
    DEVICE_MANUFACTURER: Final = dcm("121014", "Device Observer Manufacturer")
    DEVICE_MODEL: Final = dcm("121015", "Device Observer Model Name")
    DEVICE_SERIAL: Final = dcm("121016", "Device Observer Serial Number")
    SUBJECT_CLASS: Final = dcm("121024", "Subject Class")
    PATIENT: Final = dcm("121025", "Patient")
    SUBJECT_AGE: Final = dcm("121033", "Subject Age")
    SUBJECT_SEX: Final = dcm("121032", "Subject Sex")
    ALGORITHM_NAME: Final = dcm("111001", "Algorithm Name")
    ALGORITHM_PARAMETERS: Final = dcm("111002", "Algorithm Parameters")
    ALGORITHM_VERSION: Final = dcm("111003", "Algorithm Version")
    IMAGE_LIBRARY: Final = dcm("111028", "Image Library")
    IMAGE_LIBRARY_GROUP: Final = dcm("126200", "Image Library Group")
    MODALITY: Final = dcm("121139", "Modality")
    TARGET_REGION: Final = dcm("123014", "Target Region")
    STUDY_DATE: Final = dcm("111060", "Study Date")
    FRAME_OF_REFERENCE: Final = dcm("112227", "Frame of Reference UID")
    ROWS: Final = dcm("110910", "Pixel Data Rows")
    COLUMNS: Final = dcm("110911", "Pixel Data Columns")
    HORIZONTAL_SPACING: Final = dcm("111026", "Horizontal Pixel Spacing")
    VERTICAL_SPACING: Final = dcm("111066", "Vertical Pixel Spacing")
    SLICE_SPACING: Final = dcm("112226", "Spacing between slices")
    SLICE_THICKNESS: Final = dcm("112225", "Slice Thickness")
    PHASE: Final = dcm("109058", "Contrast Phase")
    MEASUREMENTS: Final = dcm("126010", "Imaging Measurements")
    GROUP: Final = dcm("125007", "Measurement Group")
    TRACKING_ID: Final = dcm("112039", "Tracking Identifier")
    TRACKING_UID: Final = dcm("112040", "Tracking Unique Identifier")
    FINDING: Final = dcm("121071", "Finding")
    REFERENCED_SEGMENT: Final = dcm("121191", "Referenced Segment")
    SOURCE_SERIES: Final = dcm("121232", "Source series for segmentation")
    IMAGE_REGION: Final = dcm("111030", "Image Region")
    DERIVATION: Final = dcm("121401", "Derivation")
    EQUIVALENT_NAME: Final = dcm("121050", "Equivalent Meaning of Concept Name")
    REFERENCE_AUTHORITY: Final = dcm("121406", "Reference Authority")
    FOLLOW_UP_DATE: Final = dcm("111054", "Recommended Follow-up Date")
    FOLLOW_UP_INTERVAL: Final = dcm("111055", "Recommended Follow-up Interval")
    COMMENT: Final = dcm("121106", "Comment")
    CONCLUSION: Final = dcm("121077", "Conclusion")
    FINDING_SITE: Final = sct("363698007", "Finding Site")
    TOPOGRAPHICAL_MODIFIER: Final = sct("106233006", "Topographical modifier")
    MEAN: Final = sct("373098007", "Mean")
    MAXIMUM: Final = sct("56851009", "Maximum")
    MINIMUM: Final = sct("255605001", "Minimum")
    UPPER_RANGE: Final = sct("371886008", "+, range of upper measurement uncertainty")
    LOWER_RANGE: Final = sct("371885007", "-, range of lower measurement uncertainty")
    IMAGING: Final = sct("363679005", "Imaging procedure")
    ABDOMEN: Final = sct("818981001", "Abdomen")
    QUALITATIVE: Final = Named(Coded("C0034375", "UMLS", "Qualitative Evaluations"))


LANGUAGE_CODES: Final = {
    "en": Named(Coded("en", "RFC5646", "English")),
    "zh": Named(Coded("zh-Hans", "RFC5646", "Chinese (Simplified)")),
}
"""Languages of the report (PS3.16, CID 5000: tags of RFC 5646)."""

MODALITIES: Final = {"CT": dcm("CT", "Computed Tomography"), "US": dcm("US", "Ultrasound")}
"""Modalities (PS3.16, CID 29)."""

PROCEDURES: Final = {
    "CT": Named(Coded("25045-6", "LN", "CT unspecified body region")),
    "US": sct("16310003", "Diagnostic ultrasonography"),
}
"""Procedures reported: of CT from PS3.16, CID 100, which has none of ultrasound; that is from CID 6028."""

SEXES: Final = {"female": dcm("F", "Female"), "male": dcm("M", "Male")}
"""Sexes (PS3.16, CID 7455). Another is told by the header alone."""

UNITS: Final = {
    "1": "no units",
    "a": "year",
    "mo": "month",
    "mm": "millimeter",
    "mm3": "cubic millimeter",
    "mL": "milliliter",
    "mg": "milligram",
    "%": "percent",
    "[hnsf'U]": "Hounsfield unit",
    "[hnsf'U].mm3": "Hounsfield unit times cubic millimeter",
    "{pixels}": "pixels",
}
"""How units of UCUM read. Those that are not here read as they are written."""

STATES: Final = {
    "present": sct("52101004", "Present"),
    "absent": sct("272519000", "Absent"),
    "unknown": sct("261665006", "Unknown"),
    "not_assessable": sct("373068000", "Undetermined"),
}
"""States of a finding: PS3.16, CID 240, and for what was not looked for CID 6096."""

RANGES: Final = (("low", DCM.LOWER_RANGE, -1.0), ("high", DCM.UPPER_RANGE, 1.0))
"""Both ends of an interval: which of a quantity, how it is named (PS3.16, CID 225), and its sign."""


def unit(ucum: str) -> Coded:
    """Return the code of a unit."""
    return Coded(ucum, "UCUM", UNITS.get(ucum, ucum))


@cache
def load_words() -> dict[str, dict[str, str]]:
    """Return the report's own words and Chinese names of concepts, by key and language."""
    table: dict[str, dict[str, str]] = tomllib.loads(
        files("hepalith.report.dicom").joinpath("sr_words.toml").read_text(encoding="utf-8")
    )
    return table


def say(key: str, language: str, **values: object) -> str:
    """Return one of the report's sentences."""
    return load_words()[key][language].format(**values)


@cache
def term(term_id: str, language: str, choice: str | None = None) -> Named:
    """Return the code of a term of the vocabulary or of one choice of it, worded in a language.

    A term that a policy of one's own or a later version brought has the code that it would have here.
    """
    if term_id not in load_vocabulary():
        return Named(private(term_id, term_id.replace("_", " ")))
    meaning = load_vocabulary().display(term_id, "zh", choice) if language == "zh" else ""
    return Named(coded(term_id, choice), meaning)


@cache
def thing(name: str, language: str) -> Named:
    """Return the code of a concept that is no term, worded in a language."""
    return Named(concept(name), load_words().get(name, {}).get("zh", "") if language == "zh" else "")
