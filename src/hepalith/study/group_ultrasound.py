"""Ultrasound files gathered to series, and those without a B-mode picture named with the reason."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from hepalith.study.acquisition import Instance, Series
from hepalith.study.header import ENHANCED_US, Header
from hepalith.study.uid import make_uid

__all__ = ["SMALLEST_PX", "group_ultrasound"]

SMALLEST_PX = 64
"""Fewest rows and columns of a screen: smaller files are icons and thumbnails (our judgement)."""

_MODES = {
    0x0002: "M-mode",
    0x0004: "continuous-wave Doppler",
    0x0008: "pulsed Doppler",
    0x0020: "colour M-mode",
    0x0040: "a 3-D rendering",
    0x0200: "tissue characterisation",
}
"""Bits of the fourth value of Image Type that need no B-mode picture (DICOM PS3.3, C.8.5.6.1.1)."""

_B_MODE_BITS = 0x0001 | 0x0010 | 0x0100
"""Bits of two-dimensional imaging, colour Doppler and colour power: flow is laid over a B-mode picture."""

_KINDS = {"m_mode": "M-mode", "spectral": "Doppler spectra", "trace": "traces"}


def group_ultrasound(headers: Sequence[Header], study_uid: str) -> tuple[Series, ...]:
    """Gather ultrasound headers to series, one instance a file in the order of acquisition.

    Files of one series that hold no B-mode picture are a series of their own, `unfit` with the reason.
    Copies of a file (by SOP instance UID) are dropped.
    """
    grouped: dict[tuple[str, str], list[Header]] = defaultdict(list)
    for header in headers:
        grouped[header.series_uid, why_no_b_mode(header)].append(header)
    series = [_build(uid, reason, members, study_uid) for (uid, reason), members in grouped.items()]
    return tuple(sorted(series, key=lambda s: (s.number is None, s.number or 0, s.uid, s.unfit)))


def _build(uid: str, reason: str, members: list[Header], study_uid: str) -> Series:
    notes = []
    ordered = sorted(members, key=lambda h: (h.frames[0].number or 0, h.sop_instance_uid, h.name))
    kept: dict[str, Header] = {}
    for header in ordered:
        kept.setdefault(header.sop_instance_uid or f"{header.path}/{header.member}", header)
    if len(kept) < len(members):
        notes.append(
            f"{len(members) - len(kept)} files are copies of others with the same SOP instance UID; "
            "one of each was kept"
        )
    first = next(iter(kept.values()))
    if not uid:
        uid = make_uid("series", study_uid, "US", first.series_number, first.description, first.protocol)
        notes.append("The series had no UID; one was made from its description")
    stand_ins = [name for name, given in (
        ("study", first.study_uid), ("series", first.series_uid),
        ("instances", all(header.sop_instance_uid for header in kept.values())),
    ) if not given]  # fmt: skip
    return Series(
        uid=uid,
        modality="US",
        description=first.description or first.protocol,
        number=first.series_number,
        frame_of_reference_uid=first.frame_of_reference_uid,
        acquisition=first.acquisition,
        instances=tuple(_instance(header, uid, n) for n, header in enumerate(kept.values())),
        part=reason,
        study_uid=study_uid,
        general=first.general,
        stand_ins=tuple(stand_ins),
        image_type=first.image_type,
        body_part=first.body_part,
        unfit=reason,
        warnings=tuple(notes),
    )


def _instance(header: Header, series_uid: str, place: int) -> Instance:
    return Instance(
        path=header.path,
        member=header.member,
        sop_class_uid=header.sop_class_uid,
        sop_instance_uid=header.sop_instance_uid or make_uid("instance", series_uid, place),
        number=header.frames[0].number,
        encoding=header.encoding,
        capture=header.capture,
    )


def why_no_b_mode(header: Header) -> str:
    """Return why an ultrasound file cannot hold a B-mode picture that is read, or an empty string."""
    if header.sop_class_uid == ENHANCED_US:
        return "an enhanced ultrasound volume, which is not read: export its planes as ultrasound images"
    encoding = header.encoding
    if encoding is None or min(encoding.rows, encoding.columns) < SMALLEST_PX:
        return "too small to hold an ultrasound picture"
    regions = header.capture.regions if header.capture else ()
    kinds = {region.kind for region in regions}
    if kinds and not kinds & {"b_mode", "colour", "other"}:
        return f"no B-mode picture in it ({', '.join(_KINDS[kind] for kind in sorted(kinds))})"
    if kinds & {"b_mode", "colour"}:
        return ""
    modes = _mode_bits(header.image_type)
    if modes and not modes & _B_MODE_BITS:
        named = [name for bit, name in _MODES.items() if modes & bit]
        return f"no B-mode picture in it ({', '.join(named)})" if named else ""
    return ""


def _mode_bits(image_type: tuple[str, ...]) -> int:
    """Return the modes of the fourth value of Image Type; 0 where it says nothing."""
    try:
        return int(image_type[3], 16) if len(image_type) > 3 else 0
    except ValueError:
        return 0
