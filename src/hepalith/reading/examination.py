"""One examination as the stages leave it: what was read of CT, of ultrasound, and what was concluded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from hepalith.anatomy import Liver, Phase
from hepalith.anatomy.anatomy import Anatomy
from hepalith.anatomy.phases import PhaseImage
from hepalith.calcification import Foci
from hepalith.calcification.track.track import ExaminationLooks, Followed
from hepalith.differential import Differential
from hepalith.finding import Finding, Pattern
from hepalith.finding.article_picture import ArticlePicture
from hepalith.finding.description import Description
from hepalith.finding.together import Disagreement
from hepalith.geometry import Box, Grid
from hepalith.image import Volume
from hepalith.image.cine import Cine
from hepalith.image.picture import Picture
from hepalith.management import Plan
from hepalith.study import Series, SeriesLeft, Study

__all__ = ["Conclusion", "CtRead", "Examination", "UltrasoundImage", "UltrasoundRead", "keep_frames"]


@dataclass(frozen=True, slots=True, eq=False)
class CtRead:
    """What was read of CT, in the order the stages ran.

    Parameters
    ----------
    series
        The series that was read, its instances in the order decoded.
    kept, box
        What is kept of the decoded image: the liver and all foci with a margin, and where that lies in it.
    grid
        Of the whole image.
    sha256
        Digest of its voxels and geometry.
    phases
        Further phases of the examination, read beside it.
    noise_hu
        In the liver; None without one.
    """

    series: Series
    kept: Volume
    box: Box
    grid: Grid
    sha256: str
    phases: tuple[PhaseImage, ...]
    liver: Liver
    phase: Phase
    foci: Foci
    seen: Description
    anatomy: Anatomy | None = None
    noise_hu: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class UltrasoundImage:
    """One file of ultrasound that was read.

    Parameters
    ----------
    id
        ``us_1``, ``us_2``, …
    series
        Its series, with this file alone.
    cine
        The file without its frames.
    frames
        How many it has.
    pictures
        The B-mode pictures found in it; empty where there is none.
    kept
        uint8 (row, column) grey levels of the frames that were looked at closely, by number.
    """

    id: str
    series: Series
    cine: Cine
    frames: int
    pictures: tuple[Picture, ...] = ()
    kept: Mapping[int, NDArray[np.uint8]] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def shape(self) -> tuple[int, int, int]:
        """Frames, rows and columns."""
        return (self.frames, *self.cine.shape_px)

    def frame(self, number: int) -> Cine:
        """Return one frame that was kept, as a still."""
        return replace(self.cine, grey=self.kept[number][None])


def keep_frames(
    name: str, series: Series, cine: Cine, pictures: Sequence[Picture], followed: Sequence[Followed]
) -> tuple[UltrasoundImage, list[Followed]]:
    """Let go of all frames but those that a look shows, and of what only reading them takes.

    Returns
    -------
    tuple
        The image, and what was followed in it, whose pictures hold no frame any more.
    """
    frames = sorted({look.frame for one in followed for look in one.looks})
    kept = MappingProxyType({frame: cine.grey[frame].copy() for frame in frames})
    bare = replace(cine, grey=cine.grey[:0].copy())
    slim = {id(picture): replace(picture, cine=bare, to_beams=()) for picture in pictures}
    image = UltrasoundImage(name, series, bare, cine.grey.shape[0], tuple(slim.values()), kept)
    return image, [
        replace(one, looks=tuple(replace(look, picture=slim[id(look.picture)]) for look in one.looks))
        for one in followed
    ]


@dataclass(frozen=True, slots=True, eq=False)
class UltrasoundRead:
    """What was read of ultrasound.

    Parameters
    ----------
    images
        Every file, in the order given.
    sighted
        The pictures at their best frames and the foci over all of them; ids as in the document.
    seen
        What they look like together.
    article
        The article's two pictures, point by point.
    """

    images: tuple[UltrasoundImage, ...]
    sighted: ExaminationLooks
    seen: Description
    article: tuple[ArticlePicture, ...] = ()

    @property
    def primary(self) -> UltrasoundImage:
        """The image that shows most: its grid is that of the maps; the first where none shows anything."""
        looks = self.sighted.looks
        shown = looks[0].image if looks else self.images[0].id
        return next(image for image in self.images if image.id == shown)


@dataclass(frozen=True, slots=True, eq=False)
class Examination:
    """What was examined: the study, what was read of it, and the series left aside."""

    study: Study
    left: tuple[SeriesLeft, ...]
    ct: CtRead | None = None
    ultrasound: UltrasoundRead | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Conclusion:
    """What was made of it; `findings` are the images' and the person's."""

    findings: tuple[Finding, ...]
    patterns: tuple[Pattern, ...]
    differential: Differential
    plan: Plan
    disagreements: tuple[Disagreement, ...] = ()
