"""What is known of a sonogram phantom, and its file `truth.json`.

`truth.json` (schema ``hepalith/phantom-us/1``; what is added later has a default, so old files load)::

    {"schema": "hepalith/phantom-us/1",
     "kind": "family" | "implant",
     "seed": int, "split": "development" | "test", "version", "contents",
     "diagnosis": id of the contract that is imitated; "" where none is,
     "frames": number of frames,
     "shape_px": [rows, columns],
     "mm_per_px": the true size of a pixel, also where the file's header withholds it,
     "mm_assumed": true where the size was assumed (foci put into a real still),
     "header": {"mm_per_px": as the header says | null, …},
     "sector": outline on the screen in pixels (as :class:`hepalith.image.beam.Sector`),
     "sonography": settings (as :class:`hepalith.study.sonography.Sonography`),
     "foci": [{"id": label in foci_truth, from 1, "label", "morphology",
               "centre_px": [[x, y] a frame | null where it is out of the plane],
               "bbox_px": [[x0, y0, x1, y1] a frame | null],
               "depth_mm": from the transducer's face along the beam,
               "diameter_mm", "width_mm": longest and shortest caliper of the body itself,
               "contrast_sd": expected brightness above the same place without it, in SD of speckle,
               "visible": whether that is at least 2, of a dot no wider than a speckle 2.3,
               "shadow": {"grade", "borderline", "drop_db", "index", "assessable", "shade_db",
                          "speckle_db"},
               "duct": {"relation", "calibre_mm", "dilated", "fluid_around", "upstream_dilated"} | null,
               "host": id of its host; 0: none, "group", "moves",
               "best_frame": the frame of a loop in whose plane it lies best, to which contrast and shadow
                             belong}],
     "mimics": [the same, "label" what it is],
     "screen": {"parts", "words"}: what stands over and around the picture, names included,
     "hosts", "ducts", "vessels", "patterns", "texture", "motion", "notes", "notice"}
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from types import MappingProxyType
from typing import Any

from hepalith.errors import UnreadableFileError
from hepalith.image.beam import Sector
from hepalith.phantom.document import write_document
from hepalith.phantom.truth import NOTICE, PatternEntry, split_of
from hepalith.study.sonography import Sonography

__all__ = [
    "TISSUES",
    "DuctTruth",
    "HostTruth",
    "ShadowTruth",
    "SonoFocus",
    "SonoTruth",
    "load_sono_truth",
    "write_sono_truth",
]

SCHEMA = "hepalith/phantom-us/1"
"""Name and version of the layout of `truth.json`."""

TISSUES: Mapping[str, int] = MappingProxyType(
    {
        "outside": 0, "wall": 1, "liver": 2, "portal_vein": 3, "hepatic_vein": 4, "bile_duct": 5,
        "gallbladder": 6, "diaphragm": 7, "beyond_diaphragm": 8, "kidney": 9, "bowel": 10, "cyst": 11,
        "mass": 12, "abscess": 13, "fluid": 14, "rib": 15, "ligament": 16, "fat": 17, "lung": 18, "band": 19,
        "spleen": 20, "artery": 21, "vena_cava": 22,
    }
)  # fmt: skip
"""Labels of `tissue_truth.nii.gz`, by the kind of tissue."""


@dataclass(frozen=True, slots=True)
class ShadowTruth:
    """What is missing behind a body, worked out without speckle: with it against without it.

    `drop_db` is the mean loss of displayed level in the zone behind its middle, `shade_db` the same had the
    body no reverberation; `index` the share of the brightness above black that is missing. `borderline`: so
    near the border of two grades that readers may differ. `assessable` is false where too little is shown
    behind it, even without the body, for a shadow to be seen. `speckle_db` is the standard deviation that
    speckle gives the mean level of the zone: nobody knows the loss better from this picture.
    """

    grade: str
    drop_db: float
    shade_db: float
    index: float
    borderline: bool = False
    assessable: bool = True
    speckle_db: float = 0.0


@dataclass(frozen=True, slots=True)
class DuctTruth:
    """Where a focus lies against the bile ducts."""

    relation: str
    calibre_mm: float | None = None
    dilated: bool = False
    fluid_around: bool = False
    upstream_dilated: bool = False


@dataclass(frozen=True, slots=True)
class SonoFocus:
    """What is known of one bright body; the fields are those of `truth.json`."""

    id: int
    label: str
    morphology: str
    centre_px: tuple[tuple[float, float] | None, ...]
    bbox_px: tuple[tuple[float, float, float, float] | None, ...]
    depth_mm: float
    diameter_mm: float
    width_mm: float
    contrast_sd: float
    visible: bool
    shadow: ShadowTruth
    duct: DuctTruth | None = None
    host: int = 0
    group: int = 0
    moves: str = ""
    best_frame: int = 0


@dataclass(frozen=True, slots=True)
class HostTruth:
    """A lesion that may hold foci, a cyst, a mass: `kind` of the contract (solid, fluid, …) and its name."""

    id: int
    kind: str
    name: str
    centre_px: tuple[float, float]
    diameter_mm: float
    features: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SonoTruth:
    """Everything known of one sonogram; the fields are those of `truth.json`."""

    kind: str
    seed: int
    version: str
    contents: str
    diagnosis: str
    frames: int
    shape_px: tuple[int, int]
    mm_per_px: float
    sector: Sector
    sonography: Sonography
    foci: tuple[SonoFocus, ...]
    mimics: tuple[SonoFocus, ...] = ()
    hosts: tuple[HostTruth, ...] = ()
    patterns: tuple[PatternEntry, ...] = ()
    header: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    ducts: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    vessels: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    texture: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    motion: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    screen: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    mm_assumed: bool = False
    notes: tuple[str, ...] = ()

    @property
    def split(self) -> str:
        """``"development"`` or ``"test"``, by the seed."""
        return split_of(self.seed)


TABLES: Mapping[str, type[Any]] = MappingProxyType(
    {"foci": SonoFocus, "mimics": SonoFocus, "hosts": HostTruth, "patterns": PatternEntry}
)
"""The tables of `truth.json`, and the noun that each row is."""

MAPS = ("header", "ducts", "vessels", "texture", "motion", "screen")
"""Fields that are free tables of names and values."""


def write_sono_truth(truth: SonoTruth, path: Path) -> None:
    """Write `truth.json`; the same truth gives the same bytes.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    plain: dict[str, Any] = {f.name: getattr(truth, f.name) for f in fields(truth)}
    for name in TABLES:
        plain[name] = [asdict(entry) for entry in plain[name]]
    for name in MAPS:
        plain[name] = dict(plain[name])
    plain["sector"], plain["sonography"] = asdict(truth.sector), asdict(truth.sonography)
    write_document({"schema": SCHEMA, "split": truth.split, **plain, "notice": NOTICE}, path)


def _tuples(value: Any) -> Any:
    return tuple(_tuples(v) for v in value) if isinstance(value, list) else value


def _row(kind: type[Any], row: Mapping[str, Any]) -> Any:
    """Return one row as the noun it holds; keys that this version does not know are left out."""
    known = {f.name: _tuples(row[f.name]) for f in fields(kind) if f.name in row}
    if "shadow" in known:
        known["shadow"] = _row(ShadowTruth, row["shadow"])
    if known.get("duct") is not None:
        known["duct"] = _row(DuctTruth, row["duct"])
    return kind(**known)


def _rows(kind: type[Any], rows: Sequence[Mapping[str, Any]]) -> tuple[Any, ...]:
    return tuple(_row(kind, row) for row in rows)


def load_sono_truth(path: Path) -> SonoTruth:
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
        rest = {f.name: _tuples(document[f.name]) for f in fields(SonoTruth) if f.name in document}
        for name, kind in TABLES.items():
            rest[name] = _rows(kind, document.get(name, ()))
        for name in MAPS:
            rest[name] = dict(document.get(name, {}))
        rest["sector"] = _row(Sector, document["sector"])
        rest["sonography"] = _row(Sonography, document["sonography"])
        return SonoTruth(**rest)
    except (OSError, ValueError, KeyError, TypeError) as error:
        if isinstance(error, UnreadableFileError):
            raise
        raise UnreadableFileError(
            f"{path.name} is not a sonogram phantom's truth file ({error}); make it again"
        ) from error
