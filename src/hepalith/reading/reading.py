"""A reading: the document and the maps behind it, held together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hepalith.geometry import Box, Grid, StoredOrder
from hepalith.image import Volume
from hepalith.reading.document import Document
from hepalith.reading.source import Source

__all__ = ["KeyPicture", "Maps", "Reading", "Run"]


@dataclass(frozen=True, slots=True, eq=False)
class KeyPicture:
    """One ultrasound frame that a reading keeps, its identity hidden.

    Parameters
    ----------
    image, frame
        Id of the image in the document, and the frame within it.
    grey
        uint8, shape (row, column): brightness as displayed; 0 where identity may stand.
    foci
        Integers, shape (row, column): label = focus id.
    liver
        bool, shape (row, column): what is believed to be liver.
    """

    image: str
    frame: int
    grey: NDArray[np.uint8]
    foci: NDArray[np.integer[Any]]
    liver: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Maps:
    """What the liver's surroundings look like, and what was marked there.

    Parameters
    ----------
    grid
        The whole image's grid, in the working order.
    stored_order
        How the image was stored; the files are written in that order.
    box
        The liver and all foci with a margin, in the image; empty when no liver is in view.
    hu
        int16, shape of `box`: HU; of ultrasound alone the grey levels (0 to 255) of the key picture, its
        identity hidden.
    liver
        bool, shape of `box`: the liver.
    foci
        Integers, shape of `box`: label = focus id.
    segments, ducts, hosts
        The same for Couinaud's segments (1 to 8), ducts and hosts, label = id; None where not looked for.
    others
        Ultrasound pictures kept beside it.
    """

    grid: Grid
    stored_order: StoredOrder
    box: Box
    hu: NDArray[np.int16]
    liver: NDArray[np.bool_]
    foci: NDArray[np.integer[Any]]
    segments: NDArray[np.integer[Any]] | None = None
    ducts: NDArray[np.integer[Any]] | None = None
    hosts: NDArray[np.integer[Any]] | None = None
    others: tuple[KeyPicture, ...] = ()

    @property
    def volume(self) -> Volume:
        """The crop in HU, with its own grid."""
        return Volume(self.hu, self.grid.cropped(self.box), self.stored_order)


@dataclass(frozen=True, slots=True)
class Run:
    """What differs between two runs of the same reading: when, where, how long. Only in ``run.json``."""

    started_at: str = ""
    """ISO 8601, with the offset from UTC."""
    finished_at: str = ""
    host: str = ""
    seconds: Mapping[str, float] = field(default_factory=dict)
    """By stage."""
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """One examination, read.

    Parameters
    ----------
    document
        What ``reading.json`` says.
    maps
        The label maps and the crop in HU.
    source
        Identity and files of the source; of a de-identified reading one that names nobody.
    """

    document: Document
    maps: Maps
    source: Source

    @property
    def is_answerable(self) -> bool:
        """Whether the scan could answer if there is calcification in the liver."""
        return self.document.is_answerable

    @property
    def why_not(self) -> str | None:
        """Why the question cannot be answered; ``None`` where it can."""
        return self.document.why_not
