"""Studies: what was acquired and of whom. Opening and choosing are in `open` and `choice`."""

from hepalith.study.acquisition import (
    Acquisition,
    Encoding,
    GeneralStudy,
    Identity,
    InputFile,
    Instance,
    Plane,
    Series,
    SeriesLeft,
    Study,
)
from hepalith.study.patient import Patient
from hepalith.study.patient_file import read_patient

__all__ = [
    "Acquisition",
    "Encoding",
    "GeneralStudy",
    "Identity",
    "InputFile",
    "Instance",
    "Patient",
    "Plane",
    "Series",
    "SeriesLeft",
    "Study",
    "read_patient",
]
