"""Studies: what was acquired and of whom."""

from hepalith.study.acquisition import (
    Acquisition,
    Encoding,
    Identity,
    InputFile,
    Instance,
    Plane,
    Series,
    SeriesLeft,
    Study,
)
from hepalith.study.choice import SeriesChoice, choose_series, contrast_of, is_sharp_kernel
from hepalith.study.group import slice_normal
from hepalith.study.open import open_study
from hepalith.study.patient import Patient, read_patient
from hepalith.study.source import open_archive, read_whole
from hepalith.study.volume_file import sniff

__all__ = [
    "Acquisition",
    "Encoding",
    "Identity",
    "InputFile",
    "Instance",
    "Patient",
    "Plane",
    "Series",
    "SeriesChoice",
    "SeriesLeft",
    "Study",
    "choose_series",
    "contrast_of",
    "is_sharp_kernel",
    "open_archive",
    "open_study",
    "read_patient",
    "read_whole",
    "slice_normal",
    "sniff",
]
