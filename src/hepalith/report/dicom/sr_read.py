"""A measurement report read back: its numbers, codes and references, from the file alone.

For the check that every format agrees, and for whoever wants the numbers. It shares tables of codes with the
writer, and nothing else.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Final

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError

from hepalith.errors import ReadingFileError
from hepalith.reading.document import round_number
from hepalith.report.dicom.sr_code import DCM, STATES
from hepalith.report.dicom.sr_content import (
    SrAction,
    SrContent,
    SrDiagnosis,
    SrEvaluation,
    SrFinding,
    SrGroup,
    SrMissing,
    SrNumber,
    SrRegion,
    SrSegment,
)
from hepalith.report.dicom.sr_decode import Elements, Node, content_nodes, items_of, same, text_of
from hepalith.report.dicom.sr_focus import DERIVATIONS, QUANTITIES, SITES
from hepalith.vocabulary.coding import Coded, coded, concept

__all__ = [
    "SrAction",
    "SrContent",
    "SrDiagnosis",
    "SrEvaluation",
    "SrFinding",
    "SrGroup",
    "SrMissing",
    "SrNumber",
    "SrRegion",
    "SrSegment",
    "read_sr",
]

LIVER_QUANTITIES: Final = ("liver_volume", "smallest_focus", "at_excess")
"""What is measured of the liver as a whole."""

EVALUATED: Final = (
    "dominant_morphology",
    "lobe",
    "segment",
    "duct_relation",
    "host_kind",
    "host_position",
    "acoustic_shadow",
    "dilated_ducts",
    "bile_around_focus",
    "subcapsular",
)
"""Terms of which a focus is judged, by id."""

JUDGED_CONCEPTS: Final = ("side_of_duct_dilatation", "volume_limited_by_resolution")
"""Concepts of which a focus is judged."""


def read_sr(path: Path) -> SrContent:
    """Read ``measurements.dcm``.

    Raises
    ------
    ReadingFileError
        If the file is no measurement report, or lacks what ours have.
    """
    try:
        dataset = dcmread(path)
        return content_of(dataset)
    except OSError as error:
        raise ReadingFileError(f"{path} cannot be opened ({error.strerror or error})") from error
    except InvalidDicomError as error:
        raise ReadingFileError(f"{path} is no DICOM file; write it again with --write sr") from error
    except (AttributeError, IndexError, KeyError, ValueError, struct.error) as error:
        raise ReadingFileError(
            f"{path} is no measurement report of hepalith ({error}); write it again with --write sr"
        ) from error


def content_of(dataset: Dataset) -> SrContent:
    """Return the content of a report's dataset."""
    root = Node("", "CONTAINER", None, {}, content_nodes(dataset))
    (measured,) = root.under("CONTAINER", DCM.MEASUREMENTS.coded)
    (said,) = root.under("CONTAINER", DCM.QUALITATIVE.coded)
    (library,) = root.under("CONTAINER", DCM.IMAGE_LIBRARY.coded)
    liver, *foci = groups_of(measured)
    names = (DCM.DEVICE_NAME.coded, DCM.PERSON_NAME.coded)
    return SrContent(
        str(dataset.SOPClassUID),
        str(dataset.SOPInstanceUID),
        str(dataset.SeriesInstanceUID),
        str(dataset.StudyInstanceUID),
        str(dataset.CompletionFlag),
        str(dataset.VerificationFlag),
        str(dataset.PreliminaryFlag),
        tuple(str(one.VerifyingObserverName) for one in dataset.get("VerifyingObserverSequence", ())),
        root.under("CODE", DCM.LANGUAGE.coded)[0].value,
        tuple(
            child.text(0x0040A160 if child.kind == "TEXT" else 0x0040A123)
            for child in root.children
            if any(same(child.name, name) for name in names)
        ),
        tuple(
            text
            for name in (DCM.ALGORITHM_NAME, DCM.ALGORITHM_VERSION, DCM.ALGORITHM_PARAMETERS)
            for text in root.texts(name.coded)
        ),
        tuple(
            text_of(reference(one), 0x00081155) for group in library.children for one in group.under("IMAGE")
        ),
        tuple(evidence_of(dataset)),
        liver,
        tuple(foci),
        tuple(finding_of(one) for one in findings_of(said)),
        diagnoses(said, "differential"),
        diagnoses(said, "pattern"),
        diagnoses(said, "process"),
        actions(said, "next_test"),
        actions(said, "follow_up"),
        actions(said, "alert"),
        tuple(one.value for one in said.under("CODE", DCM.CONCLUSION.coded)),
        said.texts(concept("report_text"))[0],
        said.texts(DCM.COMMENT.coded),
    )


def number_of(node: Node) -> SrNumber:
    """Return the number of an item, with the ends of its interval."""
    (measured,) = node.items(0x0040A300)
    (unit,) = items_of(measured, 0x004008EA)
    value = float(text_of(measured, 0x0040A30A))
    ends: dict[str, float] = {}
    for key, name, sign in (("low", DCM.LOWER_RANGE, -1.0), ("high", DCM.UPPER_RANGE, 1.0)):
        for child in node.under("NUM", name.coded):
            ends[key] = round_number(value + sign * number_of(child).value)
    return SrNumber(value, text_of(unit, 0x00080100), ends.get("low"), ends.get("high"))


def state_of(value: Coded) -> str | None:
    """Return the state that a code stands for, if it does."""
    return next((state for state, named in STATES.items() if same(value, named.coded)), None)


def reference(node: Node) -> Elements:
    """Return the object that an image item refers to."""
    (found,) = node.items(0x00081199)
    return found


@cache
def quantity_names() -> Mapping[tuple[str, ...], str]:
    """Return the name of each quantity by its code and what tells it from others of that code."""
    found = {}
    for name in (*QUANTITIES, *LIVER_QUANTITIES):
        key = [concept(name).scheme, concept(name).value]
        key.append(DERIVATIONS[name].coded.value if name in DERIVATIONS else "")
        key.append(concept(SITES[name]).value if name in SITES else "")
        found[tuple(key)] = name
    return MappingProxyType(found)


@cache
def evaluation_names() -> Mapping[tuple[str, str], str]:
    """Return the id of each term or concept of which a focus is judged, by its code."""
    known = {name: coded(name) for name in EVALUATED} | {name: concept(name) for name in JUDGED_CONCEPTS}
    return MappingProxyType({(code.scheme, code.value): name for name, code in known.items()})


def quantity_key(node: Node) -> tuple[str, ...]:
    """Return what tells one quantity from another."""
    assert node.name is not None  # noqa: S101 - every number has a name
    derived = node.under("CODE", DCM.DERIVATION.coded)
    sites = node.under("CODE", DCM.FINDING_SITE.coded)
    return (
        node.name.scheme,
        node.name.value,
        derived[0].value.value if derived else "",
        sites[0].value.value if sites else "",
    )


def groups_of(measured: Node) -> list[SrGroup]:
    """Return the measurement groups, those of one tracking UID as one, in the order in which they begin."""
    found: dict[str, list[Node]] = {}
    for group in measured.under("CONTAINER", DCM.GROUP.coded):
        (tracking,) = group.under("UIDREF", DCM.TRACKING_UID.coded)
        found.setdefault(tracking.text(0x0040A124), []).append(group)
    return [group_of(uid, parts) for uid, parts in found.items()]


def group_of(uid: str, parts: list[Node]) -> SrGroup:
    """Return what the groups of one tracking UID say; the first says most."""
    first = parts[0]
    (found,) = first.under("CODE", DCM.FINDING.coded)
    sites = first.under("CODE", DCM.FINDING_SITE.coded)
    within = sites[0].under("CODE", DCM.TOPOGRAPHICAL_MODIFIER.coded) if sites else []
    numbers: dict[str, SrNumber | SrMissing] = {}
    evaluations: dict[str, SrEvaluation] = {}
    for node in (node for part in parts for node in part.children if node.relation == "CONTAINS"):
        name = node.name
        if node.kind not in {"NUM", "CODE"} or name is None or same(name, DCM.FINDING.coded):
            continue
        quantity = quantity_names().get(quantity_key(node))
        if node.kind == "NUM":
            numbers.setdefault(quantity_names()[quantity_key(node)], number_of(node))
        elif quantity is not None:
            numbers.setdefault(quantity, SrMissing(state_of(node.value) or "", reason_of(node)))
        else:
            evaluations[evaluation_names()[name.scheme, name.value]] = evaluation_of(node)
    return SrGroup(
        first.texts(DCM.TRACKING_ID.coded)[0],
        uid,
        tuple(text_of(one.items(0x0040A504)[0], 0x0040DB00) for one in parts),
        found.value,
        probability_of(found),
        sites[0].value if sites else None,
        within[0].value if within else None,
        MappingProxyType(numbers),
        MappingProxyType(evaluations),
        segment_of(first),
        tuple(region_of(one) for part in parts for one in part.under("SCOORD")),
        first.texts(DCM.COMMENT.coded),
    )


def segment_of(group: Node) -> SrSegment | None:
    """Return the segment that a group refers to."""
    for node in group.under("IMAGE", DCM.REFERENCED_SEGMENT.coded):
        to = reference(node)
        (series,) = group.under("UIDREF", DCM.SOURCE_SERIES.coded)
        number = to[0x0062000B]
        return SrSegment(
            text_of(to, 0x00081150),
            text_of(to, 0x00081155),
            int.from_bytes(number if isinstance(number, bytes) else b"", "little"),
            series.text(0x0040A124),
        )
    return None


def region_of(node: Node) -> SrRegion:
    """Return an outline."""
    (shown,) = node.under("IMAGE")
    to = reference(shown)
    frame = text_of(to, 0x00081160)
    graphic = node.elements[0x00700022]
    values = [value for (value,) in struct.iter_unpack("<f", graphic if isinstance(graphic, bytes) else b"")]
    return SrRegion(
        text_of(to, 0x00081150),
        text_of(to, 0x00081155),
        int(frame) if frame else None,
        tuple(zip(values[::2], values[1::2], strict=True)),
    )


def probability_of(node: Node) -> float | None:
    """Return the probability of an item."""
    found = node.under("NUM", concept("probability"))
    return number_of(found[0]).value if found else None


def reason_of(node: Node) -> str:
    """Return the comments of an item as one text."""
    return "; ".join(node.texts(DCM.COMMENT.coded))


def evaluation_of(node: Node) -> SrEvaluation:
    """Return a coded judgement."""
    assert node.name is not None  # noqa: S101 - every code has a name
    return SrEvaluation(node.name, node.value, state_of(node.value), probability_of(node), reason_of(node))


def findings_of(said: Node) -> list[Node]:
    """Return the coded items that are findings: their value is a state."""
    return [node for node in said.under("CODE") if state_of(node.value) is not None]


def finding_of(node: Node) -> SrFinding:
    """Return a finding."""
    assert node.name is not None  # noqa: S101 - every code has a name
    value: SrNumber | Coded | None = None
    for child in node.under("NUM", node.name):
        value = number_of(child)
    for child in node.under("CODE", node.name):
        value = child.value
    modality = node.under("CODE", DCM.MODALITY.coded)
    return SrFinding(
        node.name,
        state_of(node.value) or "",
        probability_of(node),
        value,
        "".join(node.texts(DCM.TRACKING_ID.coded)),
        modality[0].value.value if modality else "",
        node.texts(DCM.COMMENT.coded),
    )


def diagnoses(said: Node, role: str) -> tuple[SrDiagnosis, ...]:
    """Return the coded items of a role that have a probability."""
    return tuple(
        SrDiagnosis(
            node.value,
            number_of(node.under("NUM", concept("probability"))[0]),
            node.texts(DCM.TRACKING_ID.coded),
        )
        for node in said.under("CODE", concept(role))
    )


def actions(said: Node, role: str) -> tuple[SrAction, ...]:
    """Return the coded items of a role that tell what to do."""
    return tuple(action_of(node) for node in said.under("CODE", concept(role)))


def action_of(node: Node) -> SrAction:
    """Return a step, with the months and days between which it is due: first and last in turn."""
    months = [number_of(one).value for one in node.under("NUM", DCM.FOLLOW_UP_INTERVAL.coded)]
    days = [one.text(0x0040A121) for one in node.under("DATE", DCM.FOLLOW_UP_DATE.coded)]
    return SrAction(
        node.value,
        reason_of(node),
        tuple(zip(months[::2], months[1::2], strict=True)),
        tuple(zip(days[::2], days[1::2], strict=True)),
        "".join(node.texts(DCM.REFERENCE_AUTHORITY.coded)),
    )


def evidence_of(dataset: Dataset) -> Iterable[str]:
    """Yield the UIDs of everything that the report refers to as evidence."""
    for keyword in ("CurrentRequestedProcedureEvidenceSequence", "PertinentOtherEvidenceSequence"):
        for study in dataset.get(keyword, ()):
            for series in study.ReferencedSeriesSequence:
                for one in series.ReferencedSOPSequence:
                    yield str(one.ReferencedSOPInstanceUID)
