"""Headers gathered to series, and series that hold several volumes taken apart."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from hepalith.study.acquisition import Acquisition, Encoding, Instance, Plane, Series
from hepalith.study.header import SECONDARY_CAPTURE, Frame, Header
from hepalith.study.uid import make_uid

__all__ = ["UNSTATED", "group_series", "series_key", "slice_normal"]

UNSTATED = "The header does not say how values become HU; they were taken as HU"
"""Warning of a series without slope and intercept."""

SAME_PLACE_MM = 0.01
"""Slices closer than this along their normal lie at one place.

Positions are written with two or more decimals; the thinnest CT slices are 0.2 mm apart.
"""

SPLIT_GAP_MM = 20.0
"""A gap in a stack wider than this, and than `SPLIT_GAP_RATIO` regular ones, parts two volumes.

Interpolating across it would invent anatomy: no scanner leaves 20 mm by accident (our judgement).
"""

SPLIT_GAP_RATIO = 3.5
"""See `SPLIT_GAP_MM`: two missing slices are still filled, as gaps of three, and said."""

NOT_HU_WORDS = frozenset(
    (
        "IODINE", "OVERLAY", "Z_EFF", "Z_EFFECTIVE", "EFFECTIVE_Z", "RHO", "ELECTRON_DENSITY", "CSA REPORT",
        "DOSE", "DOSE_INFO", "SCREEN SAVE", "PERFUSION", "VRT", "RENDERED", "MATERIAL", "FUSED",
        "MATERIAL_SPECIFIC", "MATERIAL_FRACTION", "VOLUME_RENDERED",
    )
)  # fmt: skip
"""Values of Image Type whose pixels are no attenuation in HU (DICOM PS3.3, C.8.2.1 and C.8.15.2; vendors)."""


@dataclass(frozen=True, slots=True)
class Slice:
    """One frame with the header of its file."""

    header: Header
    frame: Frame

    @property
    def number(self) -> int:
        """Instance number, frames of one file in their order."""
        return self.frame.number if self.frame.number is not None else self.frame.index


def slice_normal(plane: Plane) -> np.ndarray | None:
    """Return the unit normal of a slice in LPS, ``None`` where its orientation is missing or is none."""
    if plane.orientation is None:
        return None
    row, column = np.array(plane.orientation[:3]), np.array(plane.orientation[3:])
    lengths = np.linalg.norm(row), np.linalg.norm(column)
    if min(lengths) < 0.5 or abs(row @ column) > 0.1 * lengths[0] * lengths[1]:
        return None
    normal = np.cross(row, column)
    return np.asarray(normal / np.linalg.norm(normal))


def series_key(header: Header, study_uid: str) -> tuple[str, bool]:
    """Return the UID of the header's series, and whether it had to be made from what it describes."""
    if header.series_uid:
        return header.series_uid, False
    encoding = header.encoding
    size = (encoding.rows, encoding.columns) if encoding else None
    frame = header.frames[0] if header.frames else None
    spacing = frame.plane.spacing_mm if frame else None
    return make_uid(
        "series", study_uid, header.modality, header.series_number, header.description, header.protocol,
        header.image_type, size, spacing, header.acquisition.slice_thickness_mm, header.acquisition.kernel,
    ), True  # fmt: skip


def group_series(headers: Sequence[Header], study_uid: str) -> tuple[Series, ...]:
    """Gather the image headers of one study to series; one that holds several volumes is parted.

    Series come in the order of their number, then UID; parts with the most slices first.
    """
    grouped: dict[str, list[Header]] = defaultdict(list)
    made: set[str] = set()
    for header in headers:
        uid, was_made = series_key(header, study_uid)
        grouped[uid].append(header)
        if was_made:
            made.add(uid)
    series: list[Series] = []
    for uid, members in grouped.items():
        warnings = ["The series had no UID; one was made from its description"] if uid in made else []
        kept = _without_copies(members, warnings)
        slices = [Slice(header, frame) for header in kept for frame in header.frames]
        parts = _split(slices)
        parts.sort(key=lambda item: (-len(item[1]), item[0]))
        series.extend(
            _build(uid, study_uid, part if len(parts) > 1 else "", chosen, warnings) for part, chosen in parts
        )
    return tuple(sorted(series, key=lambda s: (s.number is None, s.number or 0, s.uid)))


def _without_copies(headers: Sequence[Header], warnings: list[str]) -> list[Header]:
    """Drop files that are copies of another by SOP instance UID and place."""
    kept: dict[Hashable, Header] = {}
    copies = 0
    for header in headers:
        frame = header.frames[0]
        key: Hashable = (
            header.sop_instance_uid,
            frame.number,
            frame.plane.position,
            header.acquisition_number,
        )
        if not header.sop_instance_uid:
            key = (header.path, header.member)
        if key in kept:
            copies += 1
            continue
        kept[key] = header
    if copies:
        warnings.append(
            f"{copies} files are copies of others with the same SOP instance UID; one of each was kept"
        )
    return list(kept.values())


def _split(slices: list[Slice]) -> list[tuple[str, list[Slice]]]:
    """Part the slices of one series into volumes, each with the words that set it apart."""
    by_kind: dict[tuple[Hashable, ...], list[Slice]] = defaultdict(list)
    for item in slices:
        by_kind[_kind(item)].append(item)
    parts: list[tuple[str, list[Slice]]] = []
    for kind, members in by_kind.items():
        prefix = f"{kind[1]}x{kind[2]} {kind[0] or ''}".strip() if len(by_kind) > 1 else ""
        for name, part in _split_repeats(members):
            pieces = _split_gaps(part)
            for n, piece in enumerate(pieces, start=1):
                block = f"block {n}" if len(pieces) > 1 else ""
                parts.append((", ".join(w for w in (prefix, name, block) if w), piece))
    return parts


def _kind(item: Slice) -> tuple[Hashable, ...]:
    header, frame = item.header, item.frame
    encoding, plane = header.encoding, frame.plane
    image_type = frame.image_type or header.image_type
    orientation = None if plane.orientation is None else tuple(round(v, 2) + 0.0 for v in plane.orientation)
    spacing = None if plane.spacing_mm is None else tuple(round(v, 3) for v in plane.spacing_mm)
    return (
        image_type[2] if len(image_type) > 2 else "",
        encoding.columns if encoding else 0,
        encoding.rows if encoding else 0,
        orientation,
        spacing,
        encoding.samples if encoding else 1,
        header.sop_class_uid,
    )


def _place(item: Slice) -> float | None:
    plane = item.frame.plane
    normal = slice_normal(plane)
    if plane.position is None or normal is None:
        return None
    return round(float(normal @ np.array(plane.position)) / SAME_PLACE_MM)


def _repeats(slices: Sequence[Slice]) -> int:
    counts = Counter(place for place in map(_place, slices) if place is not None)
    return max(counts.values(), default=1)


_MARKS: tuple[tuple[str, Callable[[Slice], Hashable]], ...] = (
    ("phase", lambda item: item.frame.temporal),
    ("stack", lambda item: item.frame.stack or None),
    ("acquisition", lambda item: item.header.acquisition_number),
    ("kernel", lambda item: item.header.acquisition.kernel or None),
    ("description", lambda item: item.header.description or None),
    ("image type", lambda item: "/".join(item.frame.image_type or item.header.image_type) or None),
)
"""What tells two volumes at the same places apart, tried in this order."""


def _split_repeats(slices: list[Slice]) -> list[tuple[str, list[Slice]]]:
    """Part slices that lie at the same places by what tells them apart."""
    if _repeats(slices) < 2:
        return [("", slices)]
    for name, mark in _MARKS:
        parts: dict[Hashable, list[Slice]] = defaultdict(list)
        for item in slices:
            parts[mark(item)].append(item)
        if len(parts) > 1 and max(_repeats(part) for part in parts.values()) < _repeats(slices):
            ordered = sorted(parts.items(), key=lambda entry: str(entry[0]))
            return [
                (f"{name} {value}" + (f", {more}" if more else ""), rest)
                for value, part in ordered
                for more, rest in _split_repeats(part)
            ]
    return _split_by_turn(slices)


def _split_by_turn(slices: list[Slice]) -> list[tuple[str, list[Slice]]]:
    """Part slices where every place is filled the same number of times, by order of number.

    A few repeated places are left together: decoding keeps one of each and says so.
    """
    at: dict[float | None, list[Slice]] = defaultdict(list)
    for item in sorted(
        slices, key=lambda item: (item.number, item.header.sop_instance_uid, item.header.name)
    ):
        at[_place(item)].append(item)
    times = {len(items) for items in at.values()}
    if len(times) != 1 or len(at) < 2:
        return [("", slices)]
    (count,) = times
    return [(f"repeat {n + 1}", [items[n] for items in at.values()]) for n in range(count)]


def _split_gaps(slices: list[Slice]) -> list[list[Slice]]:
    """Part a stack where a gap is too wide to be interpolated."""
    places = [_place(item) for item in slices]
    if len(slices) < 4 or any(place is None for place in places):
        return [slices]
    known = np.array(places, dtype=np.float64)
    order = np.argsort(known, kind="stable")
    gaps = np.diff(known[order]) * SAME_PLACE_MM
    regular = float(np.median(gaps))
    cuts = np.flatnonzero((gaps > SPLIT_GAP_MM) & (gaps > SPLIT_GAP_RATIO * regular)) + 1
    return [[slices[n] for n in piece] for piece in np.split(order, cuts)]


def _build(uid: str, study_uid: str, part: str, slices: list[Slice], warnings: Sequence[str]) -> Series:
    """Make the noun of one volume."""
    first = min(slices, key=lambda item: (item.number, item.header.sop_instance_uid)).header
    notes = list(warnings)
    frame_of_reference = first.frame_of_reference_uid
    if not frame_of_reference:
        frame_of_reference = make_uid("frame of reference", study_uid, uid)
        notes.append("The series had no frame of reference UID; one was made")
    stand_ins = [
        name
        for name, given in (
            ("study", first.study_uid),
            ("series", first.series_uid),
            ("frame of reference", first.frame_of_reference_uid),
            ("instances", all(item.header.sop_instance_uid for item in slices)),
        )
        if not given
    ]
    instances = [_instance(item) for item in slices]
    nameless = sum(not instance.sop_instance_uid for instance in instances)
    if nameless:
        notes.append(
            f"{nameless} images had no SOP instance UID; they were made from the series and their place"
        )
        instances = _named(instances, uid)
    if not first.rescaled:
        notes.append(UNSTATED)
    unclear = sum(item.header.rescale_unclear for item in slices)
    if unclear:
        notes.append(
            f"The rescale of {unclear} images is no number; a slope of 1 or an intercept of 0 was taken: "
            "their values are in doubt"
        )
    frame_type = slices[0].frame.image_type
    series = Series(
        uid=uid,
        modality=first.modality,
        description=first.description or first.protocol,
        number=first.series_number,
        frame_of_reference_uid=frame_of_reference,
        acquisition=_acquisition(first, slices),
        instances=tuple(instances),
        part=part,
        study_uid=study_uid,
        general=first.general,
        stand_ins=tuple(stand_ins),
        image_type=frame_type or first.image_type,
        body_part=first.body_part,
        warnings=tuple(notes),
    )
    return replace(series, unfit=_why_unfit(series, first))


def _acquisition(first: Header, slices: Sequence[Slice]) -> Acquisition:
    thickness = first.acquisition.slice_thickness_mm or slices[0].frame.plane.thickness_mm
    return replace(first.acquisition, slice_thickness_mm=thickness)


def _instance(item: Slice) -> Instance:
    header, frame = item.header, item.frame
    encoding: Encoding | None = header.encoding
    if encoding is not None and (encoding.slope, encoding.intercept) != (frame.slope, frame.intercept):
        encoding = replace(encoding, slope=frame.slope, intercept=frame.intercept)
    return Instance(
        path=header.path,
        member=header.member,
        sop_class_uid=header.sop_class_uid,
        sop_instance_uid=header.sop_instance_uid,
        frame=frame.index,
        number=frame.number,
        plane=frame.plane,
        encoding=encoding,
    )


def _named(instances: Sequence[Instance], series_uid: str) -> list[Instance]:
    """Give every nameless instance a UID made of what it says, whatever its file is called."""
    seen: Counter[tuple[object, ...]] = Counter()
    named = []
    for instance in sorted(instances, key=lambda i: (i.number or 0, i.name, i.frame)):
        if not instance.sop_instance_uid:
            position = instance.plane.position if instance.plane else None
            key = (series_uid, instance.number, position)
            uid = make_uid("instance", *key, seen[key])
            seen[key] += 1
            instance = replace(instance, sop_instance_uid=uid)  # noqa: PLW2901
        named.append(instance)
    return named


def _why_unfit(series: Series, first: Header) -> str:  # noqa: PLR0911  (a list of reasons, first come)
    """Return why the series cannot be read as a CT volume, or an empty string."""
    words = {*series.image_type, *first.image_type}
    text = series.description.lower()
    if series.modality != "CT":
        return f"its modality is {series.modality or 'not given'}, not CT"
    if "LOCALIZER" in words or any(
        w in text for w in ("topogram", "scout", "surview", "localizer", "localiser")
    ):
        return "a localiser"
    encoding = first.encoding
    if encoding is None or encoding.samples != 1 or encoding.bits_allocated < 16:
        return "a picture (colour or 8 bits), not CT values"
    odd = sorted(words & NOT_HU_WORDS)
    if odd:
        return f"derived values that are no HU ({odd[0].lower()})"
    placed = any(i.plane and i.plane.position for i in series.instances)
    if first.sop_class_uid.startswith(SECONDARY_CAPTURE) and not placed:
        return "a secondary capture without positions"
    places = {i.plane.position for i in series.instances if i.plane and i.plane.position}
    if len(series.instances) > 1 and placed and len(places) == 1:
        return "one place scanned repeatedly (bolus tracking or perfusion)"
    return ""
