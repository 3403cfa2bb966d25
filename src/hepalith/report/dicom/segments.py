"""What a reading's DICOM segmentation holds: its segments, their order and numbers, codes and tracking ids.

The measurement report refers to the same segments by the same numbers, so both ask here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray
from pydicom.uid import SegmentationStorage
from scipy.ndimage import find_objects

from hepalith.geometry import Box
from hepalith.reading import Maps, Reading
from hepalith.study.uid import make_uid
from hepalith.vocabulary.coding import Coded, coded, concept
from hepalith.vocabulary.term import load_vocabulary

__all__ = [
    "SEG_ROLES",
    "SEG_SOP_CLASS",
    "Segment",
    "Tracking",
    "list_segments",
    "segment_mask",
    "segment_numbers",
    "track",
]

SEG_SOP_CLASS: Final[Mapping[str, str]] = MappingProxyType(
    {"binary": str(SegmentationStorage), "labelmap": "1.2.840.10008.5.1.4.1.1.66.7"}
)
"""SOP class of ``segmentation.dcm`` by `Formats.segmentation` (DICOM PS3.4, B.5). Label Map Segmentation
Storage (2024) is newer than pydicom's table."""

SEG_ROLES: Final[Mapping[str, str]] = MappingProxyType(
    {"binary": "segmentation", "labelmap": "segmentation labelmap"}
)
"""Role of ``segmentation.dcm`` (`hepalith.report.dicom.context.derived_uid`) by `Formats.segmentation`.

The two are different objects and have different UIDs. The series has the role and ``" series"``."""

NUMERALS: Final = ("I", "II", "III", "IV", "V", "VI", "VII", "VIII")
"""Couinaud's segments; the map's label is the place in this row, from 1."""

Layer = Literal["liver", "segments", "foci", "hosts", "ducts"]
"""Which map a segment is drawn in."""

KEYS: Final[Mapping[Layer, str]] = MappingProxyType(
    {"liver": "liver", "segments": "segment", "foci": "focus", "hosts": "host", "ducts": "duct"}
)
"""How a segment's key begins, by its map, in the order of segment numbers."""

CATEGORIES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "clip_or_coil": "physical_object",
        "stent_or_catheter": "physical_object",
        "lipiodol": "substance",
        "glue": "substance",
        "iodine_in_vessel": "substance",
        "iodine_in_duct": "substance",
        "bowel_content": "body_substance",
        "gas": "body_substance",
        "bone_or_cartilage": "anatomical_structure",
        "ligament_or_fissure": "anatomical_structure",
        "diaphragm": "anatomical_structure",
        "noise_or_streak": "relational_concept",
        "reverberation": "relational_concept",
    }
)
"""Category of what a focus is made of, by its label; of every other label a morphologically abnormal
structure. Ours, among the categories of DICOM PS3.16, CID 7150."""

LIVER_COLOUR = (221, 130, 101)
"""sRGB of the liver: the brown that 3D Slicer gives it, so that it looks the same there."""

SEGMENT_COLOURS = (
    (136, 204, 238),
    (68, 170, 153),
    (17, 119, 51),
    (51, 34, 136),
    (221, 204, 119),
    (153, 153, 51),
    (204, 102, 119),
    (136, 34, 85),
)
"""sRGB of the segments I to VIII: Paul Tol's muted scheme, told apart with colour-blind eyes too."""

CALCIUM_COLOUR = (255, 221, 0)
"""sRGB of a focus that counts: yellow, found at once on grey. Our judgement."""

MIMIC_COLOUR = (0, 191, 255)
"""sRGB of a focus that is something else or undecided, as far from yellow as a blue can be."""

HOST_COLOUR = (200, 80, 220)
"""sRGB of a lesion that holds a focus."""

DUCT_COLOUR = (60, 180, 75)
"""sRGB of a dilated bile duct: green, as bile ducts are drawn."""


@dataclass(frozen=True, slots=True)
class Tracking:
    """What names a segment or a measurement group across objects and readings."""

    id: str
    uid: str


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment: its key, number and map, what it is, and where it lies.

    Parameters
    ----------
    key
        ``"liver"``, ``"segment:VIII"``, ``"focus:3"``, ``"host:2"``, ``"duct:1"``.
    value
        Its label in the map `layer`.
    place
        Its box within the crop of the maps.
    category, kind
        Segmented property category and type.
    colour
        sRGB, 0 to 255.
    """

    key: str
    number: int
    layer: Layer
    value: int
    place: Box
    label: str
    category: Coded
    kind: Coded
    tracking: Tracking
    colour: tuple[int, int, int]


def segment_numbers(reading: Reading) -> Mapping[str, int]:
    """Return the segment number of everything that ``segmentation.dcm`` shows, by key.

    Keys are ``"liver"``, ``"segment:VIII"``, ``"focus:3"``, ``"host:2"``, ``"duct:1"``, in this order.
    What has no voxel in the maps has no number; of a reading whose maps are empty there is none, and then no
    ``segmentation.dcm`` either. The numbers are the same for both kinds of segmentation.
    """
    return MappingProxyType({key: n for n, (key, _, _, _) in enumerate(list_places(reading), start=1)})


def list_segments(reading: Reading) -> tuple[Segment, ...]:
    """Return the segments in the order of their numbers."""
    return tuple(
        describe(reading, number, found) for number, found in enumerate(list_places(reading), start=1)
    )


def segment_mask(maps: Maps, segment: Segment) -> NDArray[np.bool_]:
    """Return a segment's voxels within its place, in the working order."""
    mask: NDArray[np.bool_] = layer_of(maps, segment.layer)[segment.place.slices] == segment.value
    return mask


def track(reading: Reading, key: str) -> Tracking:
    """Return tracking id and UID of a segment: of a focus those that the document gives it.

    A later revision of the reading keeps them.
    """
    kind, _, number = key.partition(":")
    if kind == "focus":
        uid = next(f.tracking_uid for f in reading.document.foci if f.id == int(number))
        return Tracking(f"focus {number}", uid)
    return Tracking(f"{kind} {number}".strip(), make_uid("tracking", reading.source.primary.series_uid, key))


def list_places(reading: Reading) -> Iterator[tuple[str, Layer, int, Box]]:
    """Yield key, map, label and place within the crop of everything that has a voxel."""
    known = {"segments": set(range(1, len(NUMERALS) + 1)), "foci": {f.id for f in reading.document.foci}}
    for layer, prefix in KEYS.items():
        for value, place in find_boxes(layer_of(reading.maps, layer), is_one=layer == "liver"):
            if value in known.get(layer, {value}):
                name = NUMERALS[value - 1] if layer == "segments" else str(value)
                yield prefix if layer == "liver" else f"{prefix}:{name}", layer, value, place


def find_boxes(labels: NDArray[Any], *, is_one: bool) -> Iterator[tuple[int, Box]]:
    """Yield each label of a map and its box; with `is_one` the map is a mask, which is looked at faster."""
    if not labels.any():
        return
    if is_one:
        yield 1, Box.around(labels.view(np.bool_))
        return
    for value, found in enumerate(find_objects(labels), start=1):
        if found is not None:
            k, j, i = found
            yield value, Box((k.start, j.start, i.start), (k.stop, j.stop, i.stop))


def layer_of(maps: Maps, layer: Layer) -> NDArray[Any]:
    """Return a map as whole numbers; an empty one where it was not looked for."""
    if layer == "liver":
        return maps.liver.view(np.uint8)
    labels = {"segments": maps.segments, "foci": maps.foci, "hosts": maps.hosts, "ducts": maps.ducts}[layer]
    return np.zeros((0, 0, 0), dtype=np.uint8) if labels is None else labels


def describe(reading: Reading, number: int, found: tuple[str, Layer, int, Box]) -> Segment:
    """Return what a segment is, and how it is shown."""
    key, layer, value, place = found
    category, kind, label, colour = "anatomical_structure", concept("liver"), "Liver", LIVER_COLOUR
    if layer == "segments":
        kind = coded("segment", NUMERALS[value - 1])
        label, colour = f"Liver segment {NUMERALS[value - 1]}", SEGMENT_COLOURS[value - 1]
    elif layer == "ducts":
        category, kind = "abnormal_structure", concept("dilated_duct")
        label, colour = f"Dilated bile duct {value}", DUCT_COLOUR
    elif layer == "hosts":
        category, kind = "abnormal_structure", concept("host")
        label, colour = f"Lesion {value}", HOST_COLOUR
    elif layer == "foci":
        focus = next(f for f in reading.document.foci if f.id == value)
        category, kind = CATEGORIES.get(focus.label, "abnormal_structure"), coded(focus.label)
        label = f"Focus {value}: {load_vocabulary()[focus.label].en}"
        colour = CALCIUM_COLOUR if focus.is_counted else MIMIC_COLOUR
    return Segment(
        key, number, layer, value, place, label, concept(category), kind, track(reading, key), colour
    )
