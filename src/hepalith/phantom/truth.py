"""What is known of a phantom: its foci and mimics, and their file `truth.json`.

`truth.json` (schema ``hepalith/phantom/1``)::

    {"schema": "hepalith/phantom/1",
     "kind": "demo" | "implant",
     "seed": int,
     "version": version of hepalith that made it,
     "scanner": {"blur_mm", "slice_thickness_mm", "slice_edge_mm", "noise_hu" (null: the real scan's), ...},
     "phase": "none" | "arterial" | "portal" | "delayed" | "unknown",
     "liver_volume_ml": number | null,
     "foci": [{"id": label in foci_truth.nii.gz, from 1,
               "kind": "sphere" | "rod" | "rim" | "bead" | …, "group": beads of one chain share it; 0: alone,
               "centre_lps_mm": [x, y, z],
               "diameter_mm": longest caliper, "width_mm": smallest extent (a rim's wall),
               "excess_hu": density above the surroundings before blur,
               "volume_mm3": true volume, "integrated_excess_hu_mm3": volume times excess,
               "sampled_excess_hu_mm3": what the voxels hold after blur, before noise and rounding,
               "peak_excess_hu": highest voxel's excess after blur}],
     "mimics": [same, "kind" what it is (clip_or_coil, bone_or_cartilage)],
     "notice": ...}
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from hepalith.errors import OutputError, UnreadableFileError
from hepalith.geometry import Grid
from hepalith.phantom.deposit import Deposit, Rendered
from hepalith.phantom.shape import Point

__all__ = ["FocusTruth", "Truth", "load_truth", "truth_of", "write_truth"]

SCHEMA = "hepalith/phantom/1"
"""Name and version of the layout of `truth.json`."""

NOTICE = "simulated; not a patient"
"""Stands in every truth file."""


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


def truth_of(deposits: Sequence[Deposit], rendered: Sequence[Rendered], grid: Grid) -> tuple[FocusTruth, ...]:
    """Return the truth of deposits as they were sampled on `grid`, ids from 1."""
    truths = []
    for number, (deposit, seen) in enumerate(zip(deposits, rendered, strict=True), start=1):
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
                excess_hu=deposit.excess_hu,
                volume_mm3=deposit.volume_mm3,
                integrated_excess_hu_mm3=deposit.integrated_excess,
                sampled_excess_hu_mm3=share * grid.voxel_mm3 * deposit.excess_hu,
                peak_excess_hu=peak * deposit.excess_hu,
            )
        )
    return tuple(truths)


def _rounded(value: Any) -> Any:
    """Return `value` with every float cut to six significant digits."""
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, Mapping):
        return {k: _rounded(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(v) for v in value]
    return value


def write_truth(truth: Truth, path: Path) -> None:
    """Write `truth.json`; floats carry six significant digits.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    document = {
        "schema": SCHEMA,
        "kind": truth.kind,
        "seed": truth.seed,
        "version": truth.version,
        "scanner": dict(truth.scanner),
        "phase": truth.phase,
        "liver_volume_ml": truth.liver_volume_ml,
        "foci": [asdict(f) for f in truth.foci],
        "mimics": [asdict(f) for f in truth.mimics],
        "notice": NOTICE,
    }
    try:
        path.write_text(json.dumps(_rounded(document), indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}; choose another --out") from error


def _focus(entry: Mapping[str, Any]) -> FocusTruth:
    x, y, z = (float(v) for v in entry["centre_lps_mm"])
    rest = {name: entry[name] for name in FocusTruth.__slots__ if name != "centre_lps_mm"}
    return FocusTruth(centre_lps_mm=(x, y, z), **rest)


def load_truth(path: Path) -> Truth:
    """Read a `truth.json`.

    Raises
    ------
    UnreadableFileError
        If the file cannot be read or is no truth file of this version.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if document["schema"] != SCHEMA:
            raise UnreadableFileError(
                f"{path.name} has schema {document['schema']}, not {SCHEMA}; make it again"
            )
        return Truth(
            kind=document["kind"],
            seed=document["seed"],
            version=document["version"],
            foci=tuple(_focus(e) for e in document["foci"]),
            mimics=tuple(_focus(e) for e in document["mimics"]),
            scanner=MappingProxyType(dict(document["scanner"])),
            phase=document["phase"],
            liver_volume_ml=document["liver_volume_ml"],
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        if isinstance(error, UnreadableFileError):
            raise
        raise UnreadableFileError(
            f"{path.name} is not a phantom's truth file ({error}); make it again"
        ) from error
