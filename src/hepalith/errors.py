"""Everything hepalith raises on purpose.

The tree, with the exit status that the command line gives for each::

    HepalithError
    ├── UsageError (ValueError)                2  the command line or a setting is wrong
    │   └── MissingExtraError (ImportError)    2  an optional package is not installed
    ├── InputError (ValueError)                3  the input cannot be read
    │   ├── UnreadableFileError (OSError)      3  a file or folder cannot be opened or decoded
    │   ├── NoImageError                       3  nothing in the input is an image we read
    │   ├── UnsupportedModalityError           3  an image, but not one this version reads
    │   ├── MixedStudiesError                  3  more than one patient, or more than one date
    │   ├── GeometryError                      3  positions or spacings that describe no volume
    │   ├── MaskError                          3  a liver mask that does not fit the image
    │   ├── PatientFileError                   3  a patient file that says something we cannot use
    │   ├── PolicyFileError                    3  a management policy of one's own that breaks its schema
    │   ├── ReadingFileError                   3  a reading.json that is not one
    │   └── FetchError (ConnectionError)       3  an archive that cannot be asked or gives nothing
    └── OutputError (OSError)                  5  the output cannot be written
        ├── OutputExistsError (FileExistsError)  5  a non-empty output folder, without --overwrite
        └── DeliveryError (ConnectionError)    5  an archive that cannot be reached or refuses what is sent

A reading that was made but cannot answer the question (no liver in view) raises
nothing: the reading says so and the command ends with status 4.

Every message is one line: what is wrong, with which file, what to do next.
"""

from __future__ import annotations

from typing import ClassVar

__all__ = [
    "DeliveryError",
    "FetchError",
    "GeometryError",
    "HepalithError",
    "InputError",
    "MaskError",
    "MissingExtraError",
    "MixedStudiesError",
    "NoImageError",
    "OutputError",
    "OutputExistsError",
    "PatientFileError",
    "PolicyFileError",
    "ReadingFileError",
    "UnreadableFileError",
    "UnsupportedModalityError",
    "UsageError",
]


class HepalithError(Exception):
    """Anything hepalith raises on purpose. `exit_status` is what the command line ends with."""

    exit_status: ClassVar[int] = 1


class UsageError(HepalithError, ValueError):
    """The command line or a setting is wrong."""

    exit_status = 2


class MissingExtraError(UsageError, ImportError):
    """A feature was asked for whose optional package is not installed."""


class InputError(HepalithError, ValueError):
    """The input cannot be read."""

    exit_status = 3


class UnreadableFileError(InputError, OSError):
    """A file or folder cannot be opened, is truncated, or cannot be decoded."""


class NoImageError(InputError):
    """Nothing in the input is an image that hepalith reads."""


class UnsupportedModalityError(InputError):
    """The input holds images, but of a modality that this version does not read."""


class MixedStudiesError(InputError):
    """The input holds more than one patient or more than one examination."""


class GeometryError(InputError):
    """Positions, spacings or orientations that describe no volume."""


class MaskError(InputError):
    """A mask that is empty, has no geometry, or lies outside the image."""


class PatientFileError(InputError):
    """A patient file with an unknown key or a value that cannot be used."""


class PolicyFileError(InputError):
    """A policy file that breaks its schema: the message names the file, the rule and what is wrong."""


class ReadingFileError(InputError):
    """A file that is not a reading, or not one this version understands."""


class FetchError(InputError, ConnectionError):
    """An archive (PACS) that cannot be reached, refuses to answer, or does not hold what was asked for."""


class OutputError(HepalithError, OSError):
    """The output cannot be written."""

    exit_status = 5


class OutputExistsError(OutputError, FileExistsError):
    """The output folder holds something already and overwriting was not asked for."""


class DeliveryError(OutputError, ConnectionError):
    """An archive (PACS) that cannot be reached, or refuses what is sent to it."""
