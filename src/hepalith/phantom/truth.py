"""What is known of a phantom: its foci, mimics, hosts and liver, and their file `truth.json`.

`truth.json` (schema ``hepalith/phantom/1``; what was added later has a default, so old files load)::

    {"schema": "hepalith/phantom/1",
     "kind": "demo" | "implant" | "family",
     "seed": int,
     "split": "development" | "test": nothing may be tuned on the second,
     "version": version of hepalith that made it,
     "contents": what was laid in ("spheres", "mimics", "case:hydatid_ce4", …),
     "diagnosis": id of the contract, or "" where none is imitated,
     "scanner": {"blur_mm", "slice_thickness_mm", "slice_edge_mm", "noise_hu" (null: the real scan's), ...},
     "phase": "none" | "arterial" | "portal" | "delayed" | "unknown",
     "variation": {what was drawn of the patient and the examination},
     "liver_volume_ml": of what is in the image, number | null,
     "organ_volumes_ml", "segment_volumes_ml": {name: mL in the image},
     "voxels_sha256": of the image's HU, int16 little endian in the working order | null,
     "foci": [{"id": label in foci_truth.nii.gz, from 1,
               "kind": "sphere" | "rod" | "rim" | "bead" | …, "group": beads of one chain share it; 0: alone,
               "label", "morphology": words of the contract,
               "centre_lps_mm": [x, y, z],
               "diameter_mm": longest caliper, "width_mm": smallest extent (a rim's wall),
               "excess_hu": mean density above the surroundings before blur, at this kVp,
               "volume_mm3": true volume, "integrated_excess_hu_mm3": volume times excess,
               "sampled_excess_hu_mm3": what the voxels hold after blur, before noise and rounding,
               "peak_excess_hu": highest voxel's excess after blur,
               "density_mg_ml", "mass_mg": hydroxyapatite | null,
               "depth_mm": of its centre beneath the liver's surface | null,
               "segment": Couinaud, "I" to "VIII" | "", "host": id of its host; 0: none,
               "duct": {"relation", "calibre_mm", "side"} | null}],
     "mimics": [same, "label" what it is (clip_or_coil, bone_or_cartilage)],
     "hosts": [{"id", "kind", "name", "centre_lps_mm", "diameter_mm", "position", "enhancement", "wall_mm",
                "features"}],
     "patterns": [{"id", "foci": [ids]}],
     "notes": [sentences],
     "notice": ...}
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from types import MappingProxyType
from typing import Any

from hepalith.errors import UnreadableFileError
from hepalith.geometry import Grid
from hepalith.phantom.deposit import Deposit, DuctTruth, Rendered
from hepalith.phantom.document import write_document
from hepalith.phantom.insert import HostTruth, PatternTruth
from hepalith.phantom.shape.shape import Point

__all__ = [
    "TEST_SEEDS_FROM",
    "FocusTruth",
    "HostEntry",
    "PatternEntry",
    "Truth",
    "host_entries",
    "load_truth",
    "pattern_entries",
    "split_of",
    "truth_of",
    "write_truth",
]

SCHEMA = "hepalith/phantom/1"
"""Name and version of the layout of `truth.json`."""

NOTICE = "simulated; not a patient"
"""Stands in every truth file."""

TEST_SEEDS_FROM = 1_000_000
"""Seeds from here on belong to the test split: figures are quoted from it and nothing is tuned on it."""


def split_of(seed: int) -> str:
    """Return the split that a seed belongs to.

    Examples
    --------
    >>> split_of(7), split_of(1_000_007)
    ('development', 'test')
    """
    return "test" if seed >= TEST_SEEDS_FROM else "development"


@dataclass(frozen=True, slots=True)
class FocusTruth:
    """What is known of one focus; the fields are those of `truth.json`."""

    id: int
    kind: str
    group: int
    centre_lps_mm: Point
    diameter_mm: float
    width_mm: float
    excess_hu: float
    volume_mm3: float
    integrated_excess_hu_mm3: float
    sampled_excess_hu_mm3: float
    peak_excess_hu: float
    label: str = "calcification"
    morphology: str = ""
    density_mg_ml: float | None = None
    mass_mg: float | None = None
    depth_mm: float | None = None
    segment: str = ""
    host: int = 0
    duct: DuctTruth | None = None


@dataclass(frozen=True, slots=True)
class HostEntry:
    """What is known of one lesion that may hold calcium: the fields of `HostTruth`, with an id from 1."""

    id: int
    kind: str
    name: str
    centre_lps_mm: Point
    diameter_mm: float
    position: str = ""
    enhancement: str = "none"
    wall_mm: float = 0.0
    features: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PatternEntry:
    """An arrangement of foci, by their ids."""

    id: str
    foci: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Truth:
    """Everything known of one phantom study; the fields are those of `truth.json`."""

    kind: str
    seed: int
    version: str
    foci: tuple[FocusTruth, ...]
    mimics: tuple[FocusTruth, ...] = ()
    scanner: Mapping[str, float | str | None] = field(default_factory=lambda: MappingProxyType({}))
    phase: str = "unknown"
    liver_volume_ml: float | None = None
    contents: str = ""
    diagnosis: str = ""
    variation: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    organ_volumes_ml: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    segment_volumes_ml: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    voxels_sha256: str | None = None
    hosts: tuple[HostEntry, ...] = ()
    patterns: tuple[PatternEntry, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def split(self) -> str:
        """``"development"`` or ``"test"``, by the seed."""
        return split_of(self.seed)


def truth_of(
    deposits: Sequence[Deposit], rendered: Sequence[Rendered], excesses_hu: Sequence[float], grid: Grid
) -> tuple[FocusTruth, ...]:
    """Return the truth of deposits as they were sampled on `grid`, ids from 1.

    Parameters
    ----------
    deposits, rendered
        The deposits and what the scanner made of each, in the same order.
    excesses_hu
        HU of each above its surroundings at the scanner's tube voltage.
    grid
        Of the image.
    """
    truths = []
    rows = zip(deposits, rendered, excesses_hu, strict=True)
    for number, (deposit, seen, excess) in enumerate(rows, start=1):
        share = float(seen.share.sum(dtype="float64"))
        peak = float(seen.share.max()) if seen.share.size else 0.0
        truths.append(
            FocusTruth(
                id=number,
                kind=deposit.kind,
                group=deposit.group,
                centre_lps_mm=deposit.centre_lps_mm,
                diameter_mm=deposit.diameter_mm,
                width_mm=deposit.width_mm,
                excess_hu=excess,
                volume_mm3=deposit.volume_mm3,
                integrated_excess_hu_mm3=deposit.volume_mm3 * excess,
                sampled_excess_hu_mm3=share * grid.voxel_mm3 * excess,
                peak_excess_hu=peak * excess,
                label=deposit.label,
                morphology=deposit.morphology,
                density_mg_ml=deposit.density_mg_ml,
                mass_mg=deposit.mass_mg,
                host=deposit.host + 1,
                duct=deposit.duct,
            )
        )
    return tuple(truths)


def host_entries(hosts: Sequence[HostTruth]) -> tuple[HostEntry, ...]:
    """Return hosts as they stand in `truth.json`, ids from 1."""
    names = [f.name for f in fields(HostEntry) if f.name != "id"]
    return tuple(
        HostEntry(number, **{name: getattr(host, name) for name in names})
        for number, host in enumerate(hosts, start=1)
    )


def pattern_entries(patterns: Sequence[PatternTruth]) -> tuple[PatternEntry, ...]:
    """Return patterns as they stand in `truth.json`: by the ids of foci, which count from 1."""
    return tuple(PatternEntry(p.id, tuple(f + 1 for f in p.foci)) for p in patterns)


def write_truth(truth: Truth, path: Path) -> None:
    """Write `truth.json`; the same truth gives the same bytes.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    plain = {f.name: getattr(truth, f.name) for f in fields(truth)}
    for name in TABLES:
        plain[name] = [asdict(entry) for entry in plain[name]]
    for name in ("scanner", "variation", "organ_volumes_ml", "segment_volumes_ml"):
        plain[name] = dict(plain[name])
    write_document({"schema": SCHEMA, "split": truth.split, **plain, "notice": NOTICE}, path)


def _entry(kind: type[Any], entry: Mapping[str, Any]) -> Any:
    """Return one row of the file as the noun it holds; keys that this version does not know are left out."""
    known = {f.name: entry[f.name] for f in fields(kind) if f.name in entry}
    if "centre_lps_mm" in known:
        x, y, z = (float(v) for v in known["centre_lps_mm"])
        known["centre_lps_mm"] = (x, y, z)
    if known.get("duct") is not None:
        known["duct"] = DuctTruth(**known["duct"])
    return kind(**{k: tuple(v) if isinstance(v, list) else v for k, v in known.items()})


TABLES: Mapping[str, type[Any]] = MappingProxyType(
    {"foci": FocusTruth, "mimics": FocusTruth, "hosts": HostEntry, "patterns": PatternEntry}
)
"""The tables of `truth.json`, and the noun that each row is."""


def load_truth(path: Path) -> Truth:
    """Read `truth.json`.

    Raises
    ------
    UnreadableFileError
        If it is not a truth file of this schema.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if document["schema"] != SCHEMA:
            raise UnreadableFileError(
                f"{path.name} has schema {document['schema']!r}, not {SCHEMA!r}; make it again"
            )
        rest = {f.name: document[f.name] for f in fields(Truth) if f.name in document}
        rest["foci"] = document["foci"]
        for name, kind in TABLES.items():
            rest[name] = tuple(_entry(kind, row) for row in rest.get(name, ()))
        rest["notes"] = tuple(document.get("notes", ()))
        return Truth(**rest)
    except (OSError, ValueError, KeyError, TypeError) as error:
        if isinstance(error, UnreadableFileError):
            raise
        raise UnreadableFileError(
            f"{path.name} is not a phantom's truth file ({error}); make it again"
        ) from error
