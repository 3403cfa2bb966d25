"""One frozen `Settings`, made at the doors and passed in."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["MaskSource", "Settings"]


@dataclass(frozen=True, slots=True)
class MaskSource:
    """A mask file that the user gave, and which label of it to take (``None``: every non-zero one)."""

    path: Path
    label: int | None = None


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
        ``"CT"`` or ``"US"`` where files of both, or files that do not say, are given.
    study_uid, series_uids
        Picks where the input holds several.
    same_patient
        Files without identity (NIfTI, NRRD, MHA) are phases of one examination: the user says so.
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
    hu_per_mg_ml: float | None = None
    deidentify: bool = False
