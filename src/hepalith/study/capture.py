"""What the header of an ultrasound file says of its screen, its calibration and the scanner's settings.

Only standard attributes are read (DICOM PS3.3, C.8.5.5 US Region Calibration and C.8.5.6 US Image). Whether
compounding or harmonic imaging was on has no attribute of its own in these objects; scanners that say so
write it in Processing Function, Transducer Data or the descriptions, and there the words are looked for.
Nothing said is ``None``, never "off".
"""

from __future__ import annotations

import re
import statistics
from collections.abc import Sequence
from typing import Literal

from hepalith.study.acquisition import Encoding
from hepalith.study.elements import Elements
from hepalith.study.sonography import Capture, Region, Sonography

__all__ = ["CAPTURE_TAGS", "COARSEST_MM", "DENSEST_MM", "read_capture"]

DENSEST_MM = 0.01
"""Smallest size of a pixel that is believed, in mm.

The finest small-parts pictures have 0.03 mm; a tenth of a wavelength at 15 MHz is 0.01 mm (1540 m/s), finer
than any scanner draws (our judgement).
"""

COARSEST_MM = 2.0
"""Largest size of a pixel that is believed, in mm: 200 mm of depth would fill 100 rows (our judgement)."""

SHALLOWEST_MM, DEEPEST_MM = 10.0, 500.0
"""Depths of a field of view that are believed, in mm. Abdominal probes reach 300 mm (our judgement)."""

SLOWEST_MHZ, FASTEST_MHZ = 0.5, 60.0
"""Transmitted frequencies that are believed, in MHz: from transcranial to skin probes (our judgement)."""

SHORTEST_FRAME_MS, LONGEST_FRAME_MS = 0.05, 10_000.0
"""Times between frames that are believed, in ms: ultrafast loops to stepped ones (our judgement)."""

OUTSIDE_PX = 2
"""Columns or rows by which a region may overhang the screen unsaid: writers disagree whether its last pixel
belongs to it."""

CENTIMETRES = 3
"""Value of Physical Units X/Y Direction for length (DICOM PS3.3, C.8.5.5.1.15)."""

_REGIONS, _SPACING = 0x00186011, 0x00280030
_SHARED, _MEASURES = 0x52009229, 0x00289110
"""Shared Functional Groups and, in them, Pixel Measures."""

_TISSUE, _COLOUR_FLOW = 1, 2
"""Region Data Type (DICOM PS3.3, C.8.5.5.1.2)."""

_GEOMETRY, _PROBE, _FOCUS = 0x0018980D, 0x00186031, 0x00185012
_WORDS = (0x00185020, 0x00185021, 0x00185010, 0x0008103E, 0x00181030, 0x00204000)
"""Where scanners write modes: Processing Function, Postprocessing Function, Transducer Data, descriptions,
Image Comments."""

CAPTURE_TAGS = frozenset(
    (
        0x00080008, 0x00082144, 0x00180040, 0x00181063, 0x00181065, 0x00181242, 0x00185050, 0x00280004,
        0x00280006, 0x00280014, 0x00280030, 0x00280034, 0x00281050, 0x00281051, _PROBE, _FOCUS, *_WORDS,
    )
)  # fmt: skip
"""Flat elements that this module reads."""

_COMPOUND = re.compile(r"compound|sono ?ct|cross ?x?beam|sieclear|apli ?pure|\bCRI\b", re.IGNORECASE)
_HARMONIC = re.compile(r"harmonic|\bD?THI\b", re.IGNORECASE)
_OFF_AFTER = re.compile(r"\w*[\s:=]*\boff\b", re.IGNORECASE)
_OFF_BEFORE = re.compile(r"\b(no|non|without)[\s-]+(\w+\s+)?$", re.IGNORECASE)
_CURVED = re.compile(r"curv|convex|_CLA\b", re.IGNORECASE)
_LINEAR = re.compile(r"linear", re.IGNORECASE)
_PHASED = re.compile(r"phased|sector|_PA\b", re.IGNORECASE)


def read_capture(elements: Elements, encoding: Encoding) -> Capture:
    """Read what an ultrasound header says beyond the common modules.

    Nothing here raises: what cannot be understood is left out, with a warning where a size hangs on it.
    """
    notes: list[str] = []
    read = [_read_region(item, encoding, notes) for item in _items(elements)]
    regions = tuple(region for region in read if region is not None)
    mm_per_px = _calibration(regions, notes) or _pixel_spacing(elements, notes)
    return Capture(
        sonography=_read_sonography(elements, regions),
        regions=regions,
        mm_per_px=mm_per_px,
        aspect=_aspect(elements),
        photometric=elements.text(0x00280004).upper(),
        planar=elements.integer(0x00280006) == 1,
        window=_window(elements),
        announced_bytes=None if encoding.offset is None else elements.pixel_length,
        warnings=tuple(dict.fromkeys(notes)),
    )


def _items(elements: Elements) -> list[Elements]:
    try:
        return elements.items(_REGIONS)
    except Exception:
        return []


def _read_region(item: Elements, encoding: Encoding, notes: list[str]) -> Region | None:
    box = _read_box(item, encoding, notes)
    if box is None:
        return None
    spatial, data = item.integer(0x00186012), item.integer(0x00186014)
    kind = _kind(spatial, data)
    kilohertz = item.integer(0x00186030)
    return Region(
        kind=kind,
        box_px=box,
        mm_per_px=_deltas(item, notes) if kind in ("b_mode", "colour") else None,
        frequency_mhz=_within((kilohertz or 0) / 1000, SLOWEST_MHZ, FASTEST_MHZ),
    )


def _kind(
    spatial: int | None, data: int | None
) -> Literal["b_mode", "colour", "m_mode", "spectral", "trace", "other"]:
    if spatial == 1 and data == _TISSUE:
        return "b_mode"
    if spatial == 1 and data == _COLOUR_FLOW:
        return "colour"
    if spatial == 2:
        return "m_mode"
    if spatial == 3:
        return "spectral"
    return "trace" if spatial == 4 else "other"


def _read_box(item: Elements, encoding: Encoding, notes: list[str]) -> tuple[int, int, int, int] | None:
    """Return the region's box on the screen, both ends within, or ``None`` where it has none."""
    corners = [item.integer(tag, signed=False) for tag in (0x00186018, 0x0018601A, 0x0018601C, 0x0018601E)]
    x0, y0, x1, y1 = (-1 if c is None else c for c in corners)
    if min(x0, y0, x1, y1) < 0:
        notes.append("A region of the screen without its place was passed over")
        return None
    right, bottom = encoding.columns - 1, encoding.rows - 1
    if x1 <= x0 or y1 <= y0:
        if _kind(item.integer(0x00186012), item.integer(0x00186014)) in ("b_mode", "colour"):
            notes.append("A region of the screen without width or height was passed over")
        return None
    if x0 > right or y0 > bottom:
        notes.append("A region that lies outside of the picture was passed over")
        return None
    if x1 > right + OUTSIDE_PX or y1 > bottom + OUTSIDE_PX:
        notes.append("A region reaches beyond the picture and was cut to it")
    return x0, y0, min(x1, right), min(y1, bottom)


def _deltas(item: Elements, notes: list[str]) -> tuple[float, float] | None:
    """Return the height and width of a pixel in mm, from centimetres per pixel."""
    if item.integer(0x00186024) != CENTIMETRES or item.integer(0x00186026) != CENTIMETRES:
        notes.append("A two-dimensional region is not calibrated in centimetres: no size follows from it")
        return None
    across, down = item.real(0x0018602C), item.real(0x0018602E)
    if across is None or down is None or across == 0 or down == 0:
        notes.append("The calibration of a region is zero or missing: no size follows from it")
        return None
    if across < 0 or down < 0:
        notes.append("The calibration of a region is negative; its size was taken without the sign")
    height, width = abs(down) * 10, abs(across) * 10
    if not (DENSEST_MM <= height <= COARSEST_MM and DENSEST_MM <= width <= COARSEST_MM):
        notes.append(
            f"The calibration of a region ({height:.3g} x {width:.3g} mm a pixel) cannot be: no "
            "size follows from it"
        )
        return None
    return height, width


def _calibration(regions: Sequence[Region], notes: list[str]) -> tuple[float, float] | None:
    """Return the calibration of the largest B-mode region, else of the largest colour region."""
    for kind in ("b_mode", "colour"):
        known = [r for r in regions if r.kind == kind and r.mm_per_px is not None]
        if not known:
            continue
        largest = max(known, key=_area)
        sizes = {tuple(round(value, 3) for value in r.mm_per_px or ()) for r in known}
        if len(sizes) > 1:
            notes.append(
                f"{len(known)} regions have different calibrations; the largest one's stands for the picture"
            )
        return largest.mm_per_px
    return None


def _area(region: Region) -> int:
    x0, y0, x1, y1 = region.box_px
    return (x1 - x0) * (y1 - y0)


def _pixel_spacing(elements: Elements, notes: list[str]) -> tuple[float, float] | None:
    """Return Pixel Spacing, which some writers fill instead of regions; frames of a capture share it."""
    if not elements.text(_SPACING):
        elements = _first(_first(elements, _SHARED), _MEASURES)
    if not elements.text(_SPACING):
        return None
    spacing = elements.numbers(_SPACING, 2)
    if spacing is None or not all(DENSEST_MM <= value <= COARSEST_MM for value in spacing):
        notes.append("Pixel Spacing cannot be: no size follows from it")
        return None
    notes.append("The size of a pixel is that of Pixel Spacing: no region is calibrated")
    return spacing[0], spacing[1]


def _first(elements: Elements, tag: int) -> Elements:
    """Return the first item of a sequence, or nothing where it is absent or damaged."""
    try:
        return elements.first(tag)
    except Exception:
        return Elements({}, little=elements.little)


def _aspect(elements: Elements) -> float:
    """Return the height of a pixel over its width (Pixel Aspect Ratio: vertical, then horizontal)."""
    ratio = elements.numbers(0x00280034, 2)
    if ratio is None or min(ratio) <= 0:
        return 1.0
    aspect = ratio[0] / ratio[1]
    return aspect if 0.2 <= aspect <= 5 else 1.0


def _window(elements: Elements) -> tuple[float, float] | None:
    centre, width = elements.number(0x00281050), elements.number(0x00281051)
    return None if centre is None or width is None or width < 1 else (centre, width)


def _read_sonography(elements: Elements, regions: Sequence[Region]) -> Sonography:
    words = " ".join(elements.text(tag) for tag in _WORDS)
    foci = elements.reals(_FOCUS)
    depth = elements.number(0x00185050)
    known = [r.frequency_mhz for r in regions if r.kind == "b_mode"] + [r.frequency_mhz for r in regions]
    return Sonography(
        frequency_mhz=next((f for f in known if f is not None), None),
        depth_mm=_within(depth or 0.0, SHALLOWEST_MM, DEEPEST_MM),
        focus_mm=tuple(f for f in foci if 0 < f <= DEEPEST_MM) or None,
        compounding=_switched(_COMPOUND, words),
        harmonics=_switched(_HARMONIC, words),
        transducer=_transducer(elements),
        frame_time_ms=_frame_time(elements),
        scanner=" ".join(part for part in (elements.text(0x00080070), elements.text(0x00081090)) if part),
    )


def _switched(mode: re.Pattern[str], words: str) -> bool | None:
    """Return whether a mode is named as on or as off; ``None`` where it is not named."""
    found = mode.search(words)
    if found is None:
        return None
    return not (_OFF_AFTER.match(words, found.end()) or _OFF_BEFORE.search(words[: found.start()]))


def _transducer(elements: Elements) -> Literal["curved", "linear", "phased", "unknown"]:
    """Return the probe's shape from Transducer Type, its geometry code or its description."""
    try:
        coded = elements.first(_GEOMETRY).text(0x00080104)
    except Exception:
        coded = ""
    for words in (elements.text(_PROBE).replace("_", " _"), coded, elements.text(0x00185010)):
        if _CURVED.search(words):
            return "curved"
        if _PHASED.search(words):
            return "phased"
        if _LINEAR.search(words):
            return "linear"
    return "unknown"


def _frame_time(elements: Elements) -> float | None:
    """Return the time between frames in ms, from the first attribute that says it."""
    vector = [t for t in elements.reals(0x00181065)[1:] if t > 0]
    rates = [elements.number(tag) for tag in (0x00180040, 0x00082144)]
    candidates = [
        elements.number(0x00181063),
        statistics.median(vector) if vector else None,
        elements.number(0x00181242),
        *(1000 / rate if rate is not None and rate > 0 else None for rate in rates),
    ]
    for value in candidates:
        if value is not None and SHORTEST_FRAME_MS <= value <= LONGEST_FRAME_MS:
            return value
    return None


def _within(value: float, low: float, high: float) -> float | None:
    return value if low <= value <= high else None
