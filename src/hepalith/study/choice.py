"""Choosing the one CT series to read; all ultrasound of the examination is read.

The rule, in order. A series is *out* if it is no CT volume (another modality, localiser, picture,
values that are no HU, one place scanned again and again). Of the rest, the first difference decides:

1. axial before sagittal or coronal (axial is how CT is measured; the others are made from it);
2. a volume of at least three slices before single images;
3. covers at least half the length of the longest one, so that a few thin slices do not beat the abdomen;
4. of the trunk, or not said, before head, neck, limbs and chest;
5. contiguous before slices with gaps between them (what lies in a gap is never seen);
6. measured or averaged values before projections (MIP, MinIP) and virtual images
   (virtual non-contrast takes calcium away with the iodine);
7. soft-tissue or unnamed kernel before lung and bone kernels (they raise noise and overshoot at edges);
8. non-contrast before unknown before contrast-enhanced, where slices are at most 5 mm: iodine hides calcium;
9. thinner slices: partial volume is the largest error of small calcifications;
10. more slices, then the lower series number, then the UID.

`Settings.series_uids` overrides it. Beside the one that is read, up to `MOST_PHASES` others are taken
along as further contrast phases: axial volumes of the trunk whose description names another phase, or
that the user put side by side. Every series not read is named with the reason.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from hepalith.errors import NoImageError, UsageError
from hepalith.settings import Settings
from hepalith.study.acquisition import Series, SeriesLeft, Study
from hepalith.study.group import slice_normal

__all__ = ["SeriesChoice", "choose_series", "contrast_of", "is_sharp_kernel"]

AXIAL_COSINE = 0.8
"""Smallest cosine between a slice's normal and the body's long axis to be called axial.

cos 37°: the gantry tilts by 30° at most.
"""

FEWEST_SLICES = 3
"""Fewest slices that are a volume: a slice with a neighbour on either side."""

THICKEST_NON_CONTRAST_MM = 5.0
"""A non-contrast series is preferred only up to this slice thickness.

At 5 mm, the common thickness of routine non-contrast abdomen CT, a 3 mm calcification keeps about half its
contrast; beyond, a thin enhanced series shows more (our judgement).
"""

MIN_COVERAGE = 0.5
"""Share of the longest candidate's length below which a series is taken for a part (our judgement)."""

MOST_PHASES = 3
"""Most further phases taken along: of the four that liver protocols know, one is read."""

GAP_RATIO = 1.5
"""Distance between slices over their thickness from which tissue between them was not seen."""

_NON_CONTRAST = re.compile(
    r"\b(non[\s_-]*con\w*|without|w/?o|unenhanced|un-?enh\w*|native?|nativ\w*|plain|nect|ncct|non[\s_-]?enh\w*|"
    r"pre[\s_-]*con\w*|sans|senza|ohne|sin contraste|c-|i-)(?![a-z0-9])|平扫|非增强|未增强",
    re.IGNORECASE,
)
_CONTRAST = re.compile(
    r"\b(art\w*|portal\w*|pv|pvp|ven\w*|delay\w*|late|equil\w*|enhanced|enh|cect|contrast|post|nephro\w*|excret\w*|"
    r"pancreatic|w/|with|iv|angio|cta)(?![a-z0-9])|\bc\+|增强|动脉|门脉|门静脉|静脉期|延迟|平衡期",
    re.IGNORECASE,
)
_PHASE_WORDS = (
    ("arterial", re.compile(r"\b(art\w*|angio|cta)(?![a-z0-9])|动脉", re.IGNORECASE)),
    ("portal", re.compile(r"\b(port\w*|pv|pvp|ven\w*)(?![a-z0-9])|门脉|门静脉|静脉期", re.IGNORECASE)),
    (
        "delayed",
        re.compile(r"\b(delay\w*|late|equil\w*|nephro\w*|excret\w*)(?![a-z0-9])|延迟|平衡期", re.IGNORECASE),
    ),
)
_NO_AGENT = re.compile(
    r"^(no|none|non|nil|0|without|n/?a|oral.*|water|no contrast.*|unenhanced)$", re.IGNORECASE
)
_SHARP_WORDS = re.compile(r"\b(lung|bone|edge|sharp|hrct|ultra)", re.IGNORECASE)
_SIEMENS = re.compile(r"^[A-Z][a-z]?(\d{2})[a-z]?\b")
_TOSHIBA = re.compile(r"^FC(\d{2})")
_ELSEWHERE = re.compile(
    r"\b(head|brain|skull|neck|c-?spine|sinus\w*|face|orbit\w*|temporal|knee|foot|ankle|hand|wrist|elbow|shoulder|"
    r"extremity|leg|arm|hip|cardiac|heart|coronary|chest|thorax|lung)\b|头|颈|胸部|肺",
    re.IGNORECASE,
)
_TRUNK = re.compile(r"abd|liver|hepat|pelvi|trunk|whole|body|腹|肝|盆", re.IGNORECASE)
_PROJECTIONS = ("MIP", "MINIP", "MAXIP", "PROJECTION IMAGE", "VNC", "VIRTUAL", "CURVED", "CPR", "THICK")
_SHARP_SIEMENS = 50
_SHARP_TOSHIBA = ((30, 39), (50, 59), (70, 99))


@dataclass(frozen=True, slots=True)
class SeriesChoice:
    """The series to read (the study's warnings among its own), and every other with the reason why not.

    `phases` are read beside it: further contrast phases of the same examination. `ultrasound` is all
    ultrasound of it; where there is no CT, its first series is the primary one.
    """

    primary: Series
    left: tuple[SeriesLeft, ...]
    phases: tuple[Series, ...] = ()
    ultrasound: tuple[Series, ...] = ()


def contrast_of(series: Series) -> str:
    """Return ``"none"``, ``"contrast"`` or ``"unknown"``: what the header says of intravenous contrast.

    The description outweighs Contrast/Bolus Agent, which scanners leave filled in after the
    first enhanced phase. The image itself is not looked at.
    """
    if _NON_CONTRAST.search(series.description):
        return "none"
    if _CONTRAST.search(series.description):
        return "contrast"
    agent = series.acquisition.contrast_agent
    if not agent:
        return "unknown"
    return "none" if _NO_AGENT.match(agent) else "contrast"


def phase_word(series: Series) -> str:
    """Return the contrast phase that a description names: ``"none"``, ``"arterial"``, …, else ``""``.

    Examples
    --------
    >>> [phase_word(Series("1", "CT", d)) for d in ("Abd w/o", "ART 1.0", "Portal venous", "Liver 2.0")]
    ['none', 'arterial', 'portal', '']
    """
    if _NON_CONTRAST.search(series.description):
        return "none"
    named = [word for word, pattern in _PHASE_WORDS if pattern.search(series.description)]
    return "portal" if named == ["arterial", "portal"] else next(iter(named), "")


def is_sharp_kernel(kernel: str) -> bool:
    """Return whether a reconstruction kernel is one for lung or bone.

    Examples
    --------
    >>> [is_sharp_kernel(k) for k in ("B30f", "B70s", "Br40d", "LUNG", "STANDARD", "FC12", "FC51", "YC", "")]
    [False, True, False, True, False, False, True, True, False]
    """
    if _SHARP_WORDS.search(kernel):
        return True
    siemens, toshiba = _SIEMENS.match(kernel), _TOSHIBA.match(kernel)
    if toshiba:
        return any(low <= int(toshiba[1]) <= high for low, high in _SHARP_TOSHIBA)
    if siemens:
        return int(siemens[1]) >= _SHARP_SIEMENS
    return kernel.upper() in ("L", "YB", "YC", "YD", "D", "E")  # Philips


def choose_series(study: Study, settings: Settings) -> SeriesChoice:
    """Choose the series to read by the rule of this module.

    Raises
    ------
    UsageError
        If `settings.series_uids` names none that is there.
    NoImageError
        If none can be read.
    """
    fit = [series for series in study.series if not series.unfit]
    asked = _asked(study, settings)
    if asked is not None:
        fit = [series for series in asked if not series.unfit]
        if not fit:
            reasons = "; ".join(dict.fromkeys(series.unfit for series in asked))
            raise UsageError(
                f"--series {asked[0].uid}: it cannot be read ({reasons}); choose another: {_listed(study)}"
            )
    if not fit:
        raise NoImageError(f"study {study.uid}: neither a CT volume nor ultrasound that can be read in it")
    ultrasound = tuple(series for series in fit if series.modality == "US")
    volumes = [series for series in fit if series.modality != "US"]
    longest = max((_length_mm(series) for series in volumes), default=0.0)
    ranked = sorted(volumes, key=lambda series: (_rank(series, longest), series.uid, series.part))
    primary = ranked[0] if ranked else ultrasound[0]
    phases = _further_phases(ranked, longest) if ranked else ()
    taken = (primary, *phases, *ultrasound)
    rest = [series for series in study.series if not any(series is one for one in taken)]
    left = [_leave(series, primary, longest, asked) for series in rest]
    told = replace(primary, warnings=study.warnings + primary.warnings)
    if not ranked:
        ultrasound = (told, *ultrasound[1:])
    return SeriesChoice(told, study.left + tuple(left), phases, ultrasound)


def _further_phases(ranked: Sequence[Series], longest: float) -> tuple[Series, ...]:
    """Return the series that show the liver in another phase than the first of `ranked`, the best of each.

    A description that names no phase tells nothing apart, but where it is another file or another
    volume of the same series: those were put side by side on purpose.
    """
    primary, taken = ranked[0], list[Series]()
    seen = {phase_word(primary)} - {""}
    for series in ranked[1:]:
        fit = _rank(series, longest)[:7] == (False,) * 7
        word = phase_word(series)
        beside = series.kind != "dicom" or (series.uid == primary.uid and series.part != primary.part)
        if fit and (word not in seen if word else beside) and len(taken) < MOST_PHASES:
            taken.append(series)
            seen |= {word} - {""}
    return tuple(taken)


def _asked(study: Study, settings: Settings) -> list[Series] | None:
    if not settings.series_uids:
        return None
    there = {series.uid for series in study.series}
    missing = [uid for uid in settings.series_uids if uid not in there]
    if missing:
        raise UsageError(f"--series {missing[0]}: not in the input; there are: {_listed(study)}")
    return [series for series in study.series if series.uid in settings.series_uids]


def _listed(study: Study) -> str:
    uids = dict.fromkeys(
        f"{s.uid} ({s.description or s.modality}, {len(s.instances)} images)" for s in study.series
    )
    return "; ".join(uids)


def _leave(series: Series, primary: Series, longest: float, asked: Sequence[Series] | None) -> SeriesLeft:
    part = series.part if series.part != series.unfit else ""
    name = f"{series.description or 'no description'}{f' ({part})' if part else ''}"
    if series.unfit:
        return SeriesLeft(series.uid, f"{name}: {series.unfit}")
    if asked is not None and series not in asked:
        return SeriesLeft(series.uid, f"{name}: --series asked for another")
    return SeriesLeft(series.uid, f"{name}: {_why_not(series, primary, longest)}")


def _why_not(series: Series, primary: Series, longest: float) -> str:
    """Return the first difference in words."""
    ours, theirs = _rank(series, longest), _rank(primary, longest)
    words = (
        "not axial",
        f"only {len(series.instances)} images",
        f"covers {_length_mm(series):.0f} mm of {longest:.0f}",
        "of another part of the body",
        "gaps between its slices",
        "a projection or virtual image",
        f"sharp kernel ({series.acquisition.kernel})",
        "contrast-enhanced or unknown; non-contrast is preferred for calcium",
        f"thicker slices ({_thickness_mm(series) or 0:g} mm against {_thickness_mm(primary) or 0:g} mm)",
        f"fewer slices ({len(series.instances)} against {len(primary.instances)})",
    )
    for mine, best, reason in zip(ours, theirs, words, strict=False):
        if mine != best:
            return reason
    return "equal to the one read, which comes first by number"


def _rank(series: Series, longest: float) -> tuple[Any, ...]:
    thickness = _thickness_mm(series)
    gap = _gap_mm(series)
    contrast = {"none": 0, "unknown": 1, "contrast": 2}[contrast_of(series)]
    if thickness is not None and thickness > THICKEST_NON_CONTRAST_MM:
        contrast = 2
    region = f"{series.body_part} {series.description}"
    return (
        not _is_axial(series),
        series.kind == "dicom" and len(series.instances) < FEWEST_SLICES,
        _length_mm(series) < MIN_COVERAGE * longest,
        bool(_ELSEWHERE.search(region)) and not _TRUNK.search(region),
        gap is not None and thickness is not None and gap > GAP_RATIO * thickness,
        _is_projection(series),
        is_sharp_kernel(series.acquisition.kernel),
        contrast,
        round(thickness, 1) if thickness is not None else 99.0,
        -len(series.instances),
        series.number if series.number is not None else 10**9,
    )


def _is_projection(series: Series) -> bool:
    words = {*series.image_type, *re.split(r"[^A-Z]+", series.description.upper())}
    return any(word in words for word in _PROJECTIONS)


def _is_axial(series: Series) -> bool:
    plane = series.instances[0].plane if series.instances else None
    normal = None if plane is None else slice_normal(plane)
    return normal is None or abs(float(normal[2])) >= AXIAL_COSINE


def _places(series: Series) -> np.ndarray:
    """Return the places of the slices along their normal, in mm, sorted, each once."""
    planes = [i.plane for i in series.instances if i.plane and i.plane.position]
    normal = slice_normal(planes[0]) if planes else None
    if normal is None:
        return np.zeros(0)
    return np.unique(np.round(np.array([p.position for p in planes]) @ normal, 2))


def _gap_mm(series: Series) -> float | None:
    places = _places(series)
    return float(np.median(np.diff(places))) if places.size > 1 else None


def _length_mm(series: Series) -> float:
    places = _places(series)
    return float(places[-1] - places[0]) if places.size else 0.0


def _thickness_mm(series: Series) -> float | None:
    if series.acquisition.slice_thickness_mm is not None:
        return series.acquisition.slice_thickness_mm
    return _gap_mm(series)
