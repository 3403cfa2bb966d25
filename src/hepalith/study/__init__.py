"""Studies: what was acquired and of whom."""

from hepalith.study.acquisition import (
    Acquisition,
    Identity,
    InputFile,
    Instance,
    Series,
    SeriesLeft,
    Study,
)

__all__ = ["Acquisition", "Identity", "InputFile", "Instance", "Series", "SeriesLeft", "Study"]
