"""What the document says of ultrasound alone: how a picture was made, where a focus stands, its shadow."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from hepalith.reading.part import Entry, Measured, Number, Probability, Term

__all__ = [
    "SOME_LIVER",
    "ArticlePictureEntry",
    "ArticlePointEntry",
    "DisagreementEntry",
    "KeyPictureEntry",
    "LimitEntry",
    "ObservationEntry",
    "RegionEntry",
    "SectorEntry",
    "ShadowEntry",
    "SonographyEntry",
]


SOME_LIVER = 0.02
"""Share of a picture that must look like liver before it is said to show any: less is a patch of any tissue,
and no focus can be told to lie in the liver. Our judgement."""


class SectorEntry(Entry):
    """Outline of a picture in pixels (x to the right, y down): two arcs about an apex, or a rectangle.

    Angles are in radians from straight down, rising to the right; `near_px` and `far_px` are the radii of the
    arcs, of a rectangle its first and last row.
    """

    shape: Literal["fan", "rectangle"]
    apex_px: tuple[Number, Number] | None = None
    near_px: Number = 0.0
    far_px: Number = 0.0
    from_angle: Number = 0.0
    to_angle: Number = 0.0
    confidence: Probability = 1.0


class RegionEntry(Entry):
    """One area of the screen: a picture that was read, or what the header says lies there.

    `box_px` is (first column, first row, last column, last row), both ends within. A picture that was read
    has an `index` (the `region` of an observation) and a `sector`.
    """

    kind: str
    box_px: tuple[Number, Number, Number, Number]
    index: int | None = None
    mm_per_px: tuple[Number, Number] | None = None
    sector: SectorEntry | None = None
    view: Literal["plain", "dual", "zoomed"] | None = None
    liver_share: Probability | None = None
    """Share of the picture that is believed to be liver; null: it was not looked at."""


class SonographyEntry(Entry):
    """Settings of the scanner on which a shadow depends; null where the header does not say."""

    frequency_mhz: Number | None = None
    depth_mm: Number | None = None
    focus_mm: tuple[Number, ...] | None = None
    compounding: bool | None = None
    harmonics: bool | None = None
    transducer: Literal["curved", "linear", "phased", "unknown"] = "unknown"


class ShadowEntry(Entry):
    """Acoustic shadow (ultrasound).

    `index` is the share of the neighbours' brightness that is missing behind the focus (0: none, 1: black).
    `expected` is the probability that a calcified body of this size, at this depth and these settings, would
    throw a shadow that can be seen; null where size or settings are unknown.
    """

    grade: Literal["none", "faint", "clean", "dirty", "comet_tail", "not_assessable"]
    index: Measured
    probabilities: dict[str, Probability] = Field(default_factory=dict)
    expected: Probability | None = None
    reason: str | None = None


class ObservationEntry(Entry):
    """Where a focus stands in a picture (ultrasound); pixels of the stored image, x before y."""

    image: str
    frame: int | None = None
    region: int | None = None
    bbox_px: tuple[Number, Number, Number, Number]
    centroid_px: tuple[Number, Number]
    depth_mm: Number | None = None


class KeyPictureEntry(Entry):
    """One picture that the folder keeps, its identity hidden: a file, and the plane of it."""

    image: str
    frame: int
    file: str
    plane: int = 0


class ArticlePointEntry(Entry):
    """One point of a picture of the article, and whether this examination shows it."""

    id: Term
    claims: tuple[str, ...] = ()
    text: str
    text_zh: str
    state: Literal["present", "absent", "unknown", "not_assessable"]
    probability: Probability | None = None
    reason: str = ""
    reason_zh: str = ""


class ArticlePictureEntry(Entry):
    """One of the article's two ultrasound pictures, point by point; `fit` is null where none is judged."""

    id: Term
    diagnosis: Term
    title: str
    title_zh: str
    points: tuple[ArticlePointEntry, ...]
    fit: Probability | None = None


class DisagreementEntry(Entry):
    """What CT and ultrasound of one patient say differently; `heard` is whose word counts."""

    finding: Term
    ct: str
    ct_zh: str
    us: str
    us_zh: str
    heard: Literal["ct", "us"] | None
    text: str
    text_zh: str


class LimitEntry(Entry):
    """What this kind of examination cannot tell, and what would."""

    id: Term
    text: str
    text_zh: str
