"""What is kept of one sonogram: a line of `results.jsonl`, from which every table is made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from pydantic import ConfigDict, TypeAdapter, with_config

from hepalith.evaluation.lines import load_lines
from hepalith.evaluation.record import Range

__all__ = ["CallRecord", "SonoRecord", "TruthRecord", "load_sono_records"]

SCHEMA = "hepalith/evaluation-us/1"
"""Name and version of the layout of a line."""

LOOSE = ConfigDict(extra="ignore", ser_json_inf_nan="null")
"""Unknown keys of a later version are passed over."""


@with_config(LOOSE)
@dataclass(frozen=True, slots=True)
class TruthRecord:
    """One true focus or mimic, and what became of it.

    Parameters
    ----------
    id, label, morphology, diameter_mm, width_mm, contrast_sd, visible
        As the phantom states them.
    depth_share
        Place along the beam, 0 at the transducer's face to 1 at the far end.
    shadow, borderline, assessable
        Its true grade, whether readers may differ, whether enough is shown behind it.
    duct
        How it lies to a bile duct, ``""`` where the phantom does not say.
    group
        Foci of one row or chain share it.
    moves
        How it moves against the liver in a loop; ``""``: not at all.
    call
        Id of the focus that it was met by, one to one; 0: none.
    joined
        Whether a counted focus that was met by another true one covers it.
    named
        Label of what it was found as; ``""`` where nothing was found.
    in_liver, heard
        Whether its centre lies in what the product took for liver, and for heard, in its first look.
    """

    id: int
    label: str
    morphology: str
    diameter_mm: float
    width_mm: float
    contrast_sd: float
    visible: bool
    depth_share: float
    shadow: str = ""
    borderline: bool = False
    assessable: bool = True
    drop_db: float = 0.0
    speckle_db: float = 0.0
    duct: str = ""
    group: int = 0
    moves: str = ""
    call: int = 0
    joined: bool = False
    named: str = ""
    in_liver: bool | None = None
    heard: bool | None = None


@with_config(LOOSE)
@dataclass(frozen=True, slots=True)
class CallRecord:
    """One focus that the product handed on.

    `truly` is ``"focus"``, ``"piece"`` (a second call on a focus that is met already), the label of the mimic
    that it lies on, or ``"nothing"``; `truth` the id of what it lies on, 0 for nothing. `tissue` is the
    phantom's tissue under its centre, `in_liver` whether the product's liver lies there.
    """

    id: int
    label: str
    counted: bool
    probability: float
    centre_px: tuple[float, float]
    morphology: str
    shadow: str
    truly: str = "nothing"
    truth: int = 0
    tissue: str = ""
    contrast_sd: float = 0.0
    index: Range | None = None
    expected: float | None = None
    diameter: Range | None = None
    duct: str = ""
    probability_real: float = 1.0
    moves: float | None = None
    in_liver: bool | None = None


@with_config(LOOSE)
@dataclass(frozen=True, slots=True)
class SonoRecord:
    """One examination: how it was made, and what the product read in it.

    Parameters
    ----------
    key, seed, split, kind, fingerprint
        Which it is; only lines of one fingerprint are laid together.
    contents, diagnosis
        What the phantom holds and imitates; for an implant the still's name stands in `contents`.
    scale_known
        Whether the product was told the size of a pixel.
    frames
        Of the loop; 1 for a still.
    true, mimics, calls
        What is there, and what was called.
    liver_share
        Share of the true liver that the product took for liver; ``None`` where nobody knows.
    differential
        Probability of each diagnosis that the product names.
    """

    key: str
    seed: int
    split: str
    kind: str
    fingerprint: str
    contents: str
    diagnosis: str = ""
    scale_known: bool = True
    transducer: str = "unknown"
    frames: int = 1
    true: tuple[TruthRecord, ...] = ()
    mimics: tuple[TruthRecord, ...] = ()
    calls: tuple[CallRecord, ...] = ()
    liver_share: float | None = None
    differential: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    seconds: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    failure: str = ""
    schema: str = SCHEMA

    @property
    def false(self) -> tuple[CallRecord, ...]:
        """Counted calls that meet no true focus."""
        return tuple(c for c in self.calls if c.counted and c.truly != "focus")


_ADAPTER: TypeAdapter[SonoRecord] = TypeAdapter(SonoRecord)


def load_sono_records(path: Path) -> tuple[SonoRecord, ...]:
    """Return the records of a results file; none where there is no file yet (`load_lines`)."""
    return load_lines(path, _ADAPTER, SCHEMA)
