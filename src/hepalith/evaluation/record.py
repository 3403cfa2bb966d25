"""What is kept of one study: a line of `results.jsonl`, from which every table and plot is made.

A line holds all that the tables need and nothing else, so that a run can be stopped and taken up again,
lines of several machines laid together, and a table put differently without reading a study again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from pydantic import ConfigDict, TypeAdapter, with_config

from hepalith.evaluation.lines import load_lines

__all__ = [
    "BaselineRecord",
    "FalseRecord",
    "FoundRecord",
    "HostRecord",
    "LiverRecord",
    "PartRecord",
    "Range",
    "ReadingRecord",
    "StudyRecord",
    "TrueRecord",
    "load_records",
]

SCHEMA = "hepalith/evaluation/1"
"""Name and version of the layout of a line."""

LOOSE = ConfigDict(extra="ignore", ser_json_inf_nan="null")
"""Unknown keys of a later version are passed over."""


@with_config(LOOSE)
@dataclass(frozen=True, slots=True)
class Range:
    """A measured value with its stated 95 % interval."""

    value: float
    low: float | None = None
    high: float | None = None


@with_config(LOOSE)
@dataclass(frozen=True, slots=True)
class TrueRecord:
    """One true focus or mimic, how hard it is, and what became of it.

    Parameters
    ----------
    id
        Label in the true map.
    kind, label, morphology, segment, host
        What it is, in the phantom's words; ``""`` where the phantom does not say.
    group
        Beads of one chain share it; 0 where it stands alone.
    diameter_mm, width_mm, excess_hu, volume_mm3, integrated_excess
        True size and contrast in this scan, HU and mm³.
    ideal_snr
        Matched-filter signal-to-noise ratio d' of an ideal observer who knows place and shape.
    bound_excess, bound_volume
        Cramér–Rao bounds as relative standard deviations, contrast, size and place unknown, of the
        integrated excess and of the volume; for spheres. (With size and place known the bound of the
        excess is one over `ideal_snr`; that of the diameter is a third of the volume's.)
    found
        Whether it belongs to a body that was called calcification.
    named
        Label of the body it was found as, ``""`` where nothing was found.
    cluster
        Place of its cluster in `ReadingRecord.clusters`; -1 for a mimic.
    duct, duct_calibre_mm
        How it lies to a bile duct, and how wide that is; ``""`` where the phantom does not say.
    host_kind
        Kind of its host, ``"none"`` without one; ``""`` where nobody knows.
    depth_mm
        How deep its centre lies beneath the true liver's surface, below 0 outside; ``None``: not known.
    """

    id: int
    kind: str
    label: str
    diameter_mm: float
    width_mm: float
    excess_hu: float
    volume_mm3: float
    integrated_excess: float
    group: int = 0
    morphology: str = ""
    segment: str = ""
    host: str = ""
    mass_mg: float | None = None
    ideal_snr: float | None = None
    bound_excess: float | None = None
    bound_volume: float | None = None
    found: bool = False
    named: str = ""
    cluster: int = -1
    duct: str = ""
    duct_calibre_mm: float = 0.0
    host_kind: str = ""
    depth_mm: float | None = None


@with_config(LOOSE)
@dataclass(frozen=True, slots=True)
class FoundRecord:
    """One body that the product handed on, and what truly lies there.

    `truly` is ``"calcification"``, the name of a mimic, ``"cut"`` (a focus at the image's end, which does
    not count), or ``"nothing"``; `organ` is the organ that
    most of its voxels lie in by the phantom's own map. `truths` are the true foci of its cluster.
    """

    id: int
    label: str
    probability: float
    truly: str
    organ: str
    truths: tuple[int, ...] = ()
    alone: bool = True
    """Whether it is the only found body of its cluster: sums are then comparable."""
    integrated_excess: Range | None = None
    volume: Range | None = None
    volume_limited: bool = False
    diameter: Range | None = None
    mass_mg: Range | None = None
    morphology: str = ""
    morphology_probabilities: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    lobe: str = ""
    centre_lps_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)
    segment: str = ""
    segment_probability: float = 0.0
    duct: str = ""
    duct_probability: float = 0.0
    duct_dilated: str = ""
    host: str = ""
    host_probability: float = 0.0
    host_probabilities: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))


@with_config(LOOSE)
@dataclass(frozen=True, slots=True)
class HostRecord:
    """A lesion that was put in, and what was seen of it.

    `called` is the kind of the host or mass that lies there, ``""`` where none was called; `holds` tells
    whether it holds calcium; `contrast_to_noise` how far it stands out at its size, None where nobody knows;
    `foci` are the true foci in it.
    """

    name: str
    kind: str
    diameter_mm: float
    enhancement: str
    holds: bool
    called: str = ""
    called_diameter: Range | None = None
    called_enhancement: str = ""
    contrast_to_noise: float | None = None
    foci: tuple[int, ...] = ()


@with_config(LOOSE)
@dataclass(frozen=True, slots=True)
class LiverRecord:
    """How well the liver was outlined; distances in mm, volumes in mL."""

    dice: float
    surface_mm: float | None
    surface_95_mm: float | None
    true_ml: float
    found_ml: Range
    quality: float
    in_view: float
    moved_dice: float | None = None
    """Dice with the outline found in the same scan without the foci; None where that was not read."""


@with_config(LOOSE)
@dataclass(frozen=True, slots=True)
class FalseRecord:
    """A false call of the baseline: what truly lies there, and its size in voxels."""

    truly: str
    organ: str
    voxels: int


@with_config(LOOSE)
@dataclass(frozen=True, slots=True)
class PartRecord:
    """A component that stands for one cluster alone: ids of its true foci, and its measures.

    Volume in mm³; mean HU times volume, what a mass score is proportional to; excess over the liver's
    median times volume.
    """

    truths: tuple[int, ...]
    volume_mm3: float
    mass_hu_mm3: float
    excess_hu_mm3: float


@with_config(LOOSE)
@dataclass(frozen=True, slots=True)
class BaselineRecord:
    """What a threshold script made of the same volume.

    Parameters
    ----------
    name
        The threshold rule.
    found
        Ids of the true foci that belong to a component.
    false
        Components that belong to no true focus.
    measured
        The components that stand for a cluster alone.
    """

    name: str
    found: tuple[int, ...]
    false: tuple[FalseRecord, ...]
    measured: tuple[PartRecord, ...] = ()
    false_count: int = 0
    """How many false components there are; `false` holds the first of them."""


@with_config(LOOSE)
@dataclass(frozen=True, slots=True)
class ReadingRecord:
    """One volume of a study, as the product read it.

    Parameters
    ----------
    purpose
        ``"foci"`` the study itself; ``"clean"`` the same scan without anything put in; ``"claim"`` with
        spheres of the smallest size that the clean scan's reading claims to show; ``"rescan"`` the same
        body again, with other noise and a shifted grid.
    liver_source
        ``"found"`` by the product, or ``"given"``: the true one, to tell errors apart.
    """

    purpose: str
    liver_source: str
    true: tuple[TrueRecord, ...] = ()
    mimics: tuple[TrueRecord, ...] = ()
    found: tuple[FoundRecord, ...] = ()
    clusters: tuple[tuple[int, ...], ...] = ()
    """Ids of the true foci that the product's bodies, or the phantom's own touching parts, join."""
    liver: LiverRecord | None = None
    phase: str = ""
    phase_probability: float = 0.0
    noise_hu: float | None = None
    """As the product measured it; the truth is next."""
    true_noise_hu: float | None = None
    smallest_focus_mm: float | None = None
    """The statement: diameter of the sphere at 250 HU that would be found nine times in ten."""
    smallest_focus_snr: float | None = None
    """The ideal observer's d' for that sphere."""
    ideal_focus_mm: float | None = None
    """What an ideal observer finds nine times in ten, at as many false calls as the goal allows."""
    ideal_focus_snr: float | None = None
    """The d' that this takes."""
    linear_focus_mm: float | None = None
    """What the best linear observer finds nine times in ten in this very liver, vessels and all."""
    linear_focus_snr: float | None = None
    """The ideal observer's d' for that sphere, to be compared with that of the statement."""
    baselines: tuple[BaselineRecord, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    processor_s: float | None = None
    """Seconds of processor that these stages took: unlike `seconds`, what else ran does not count."""
    peak_mb: float | None = None
    hosts: tuple[HostRecord, ...] = ()
    true_dilated_ducts: bool | None = None
    """Whether the ducts of a part of the liver are truly dilated; ``None``: nobody knows."""
    false_hosts: int = 0
    """Hosts and masses called where no lesion is."""
    true_patterns: tuple[str, ...] = ()
    patterns: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    findings: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """State of every finding of the image."""
    failure: str = ""
    """Why there is no reading: the product's own words, or those of a bug."""


@with_config(LOOSE)
@dataclass(frozen=True, slots=True)
class StudyRecord:
    """One study: how it was made, and its readings.

    `fingerprint` names the version, the settings and the code that made it: only lines of one
    fingerprint are laid together. `scanner` holds what is true of the scan (mm, HU), `body` what
    varies in the anatomy.
    """

    key: str
    seed: int
    split: str
    kind: str
    fingerprint: str
    phase: str
    scanner: Mapping[str, float | str]
    readings: tuple[ReadingRecord, ...]
    body: Mapping[str, float | str] = field(default_factory=lambda: MappingProxyType({}))
    seconds: float = 0.0
    schema: str = SCHEMA

    def of(self, purpose: str, liver_source: str = "found") -> ReadingRecord | None:
        """Return the reading made for a purpose, or None."""
        for reading in self.readings:
            if (reading.purpose, reading.liver_source) == (purpose, liver_source):
                return reading
        return None


_ADAPTER: TypeAdapter[StudyRecord] = TypeAdapter(StudyRecord)


def load_records(path: Path) -> tuple[StudyRecord, ...]:
    """Return the records of a results file; none where there is no file yet (`load_lines`)."""
    return load_lines(path, _ADAPTER, SCHEMA)
