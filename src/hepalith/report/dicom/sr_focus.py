"""The measurement groups of a focus: what it measures, what it is taken for, and where it stands.

A CT focus has a volumetric group that refers to its segment (PS3.16, TID 1411), and a planar one (TID 1410)
with the same tracking UID: its outline on the slice with most of it, and where its centre is. Viewers draw
the outline and put the numbers of both beside it. An ultrasound focus has a planar group for each picture
that shows it. A focus without either has a plain group (TID 1501).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from hepalith.reading.document import FocusEntry, Measured, ObservationEntry, Quantity
from hepalith.reading.translate import translate
from hepalith.report.dicom.segments import track
from hepalith.report.dicom.sr_code import DCM, STATES, Named
from hepalith.report.dicom.sr_context import Draft, algorithm
from hepalith.report.dicom.sr_item import (
    CONTAINS,
    CONTEXT,
    MODIFIER,
    Item,
    Reference,
    code,
    container,
    image,
    region,
    text,
    uid,
)
from hepalith.report.dicom.sr_measure import JUDGED, comment, evaluate, measure, weigh
from hepalith.report.dicom.sr_outline import Outline

__all__ = ["DERIVATIONS", "QUANTITIES", "SITES", "focus_groups", "tracked"]

QUANTITIES: Final = (
    "integrated_excess",
    "volume",
    "diameter",
    "mean_hu",
    "peak_hu",
    "background_hu",
    "mass",
    "score_agatston_convention",
    "capsule_distance",
    "periportal",
    "duct_calibre",
    "host_diameter",
    "shadow_index",
    "depth",
    "centroid_left",
    "centroid_posterior",
    "centroid_head",
    "shadow_expected",
    "moves",
)
"""What is measured of a focus, by the names of ``vocabulary/concepts.toml``, in this order."""

CENTRE: Final[tuple[str, ...]] = ("centroid_left", "centroid_posterior", "centroid_head")
"""Where a focus lies. It stands with the outline, if there is one, so that no group is without a measurement:
dcmtk holds a group of TID 1411 without one for invalid, and others may one of TID 1410."""

DERIVATIONS: Final[Mapping[str, Named]] = {"mean_hu": DCM.MEAN, "peak_hu": DCM.MAXIMUM}
"""How a quantity was derived from the voxels (PS3.16, CID 3488)."""

SITES: Final = {"duct_calibre": "dilated_duct", "host_diameter": "host", "background_hu": "liver"}
"""What a quantity is of, where it is not of the focus itself, as a concept."""

SIDES: Final = {
    "upstream": "upstream",
    "downstream": "downstream",
    "both": "both_sides",
    "none": "neither_side",
}
"""Concepts of the side of a focus on which a duct is dilated."""


def focus_groups(draft: Draft, focus: FocusEntry, outline: Outline | None) -> list[Item]:
    """Return the measurement groups of a focus, the one with most of its measurements first."""
    values = quantities(focus)
    segment = draft.segment(f"focus:{focus.id}")
    if focus.modality == "US" and focus.observations:
        first, *others = focus.observations
        groups = [described(draft, focus, "1410", values, [picture_region(draft, first)])]
        for one in others:
            shown = [picture_region(draft, one), *measurements(draft, {"depth": depth_of(one)})]
            groups.append(outlined(draft, focus, shown))
        return groups
    if segment is None or focus.modality == "US":
        return [described(draft, focus, "1501", values, [])]
    series = uid(CONTAINS, DCM.SOURCE_SERIES, draft.reading.source.primary.series_uid)
    where = [image(CONTAINS, DCM.REFERENCED_SEGMENT, segment), series]
    if outline is None:
        return [described(draft, focus, "1411", values, where)]
    centre = {name: values.pop(name) for name in CENTRE if name in values}
    drawn = region(DCM.IMAGE_REGION, outline.points, outline.image)
    return [
        described(draft, focus, "1411", values, where),
        outlined(draft, focus, [drawn, *measurements(draft, centre)]),
    ]


def outlined(draft: Draft, focus: FocusEntry, shown: list[Item]) -> Item:
    """Return a further group of a focus: an image that shows it, and what is measured there."""
    return container(CONTAINS, DCM.GROUP, [*named(draft, focus), *shown], template="1410")


def picture_region(draft: Draft, seen: ObservationEntry) -> Item:
    """Return the box about a focus in a picture. `bbox_px` counts pixels, both ends within."""
    file = draft.reading.source.image(seen.image).instances[0]
    left, top, right, bottom = seen.bbox_px
    points = [(left, top), (right + 1, top), (right + 1, bottom + 1), (left, bottom + 1)]
    frame = (seen.frame or 0) + 1 if file.frames > 1 else None
    return region(DCM.IMAGE_REGION, points, Reference(file.sop_class_uid, file.sop_instance_uid, frame))


def tracked(draft: Draft, key: str) -> list[Item]:
    """Return what names a group across reports: the same as in the segmentation."""
    names = track(draft.reading, key)
    return [text(CONTEXT, DCM.TRACKING_ID, names.id), uid(CONTEXT, DCM.TRACKING_UID, names.uid)]


def named(draft: Draft, focus: FocusEntry) -> list[Item]:
    """Return how a group begins: which focus it is of, and what that is."""
    found = code(CONTAINS, DCM.FINDING, draft.term(focus.label), weigh(draft, focus.probability))
    return [*tracked(draft, f"focus:{focus.id}"), found]


def described(
    draft: Draft,
    focus: FocusEntry,
    template: str,
    values: Mapping[str, Measured | None],
    where: list[Item],
) -> Item:
    """Return the group with all that is said of a focus; `where` is its segment or region."""
    items = [*named(draft, focus), *algorithm(draft), site(draft, focus), *where]
    items += measurements(draft, values)
    items += evaluations(draft, focus)
    items.append(comment(CONTAINS, translate(focus.reason, draft.language)))
    return container(CONTAINS, DCM.GROUP, items, template=template)


def site(draft: Draft, focus: FocusEntry) -> Item:
    """Return where a focus lies: the liver, and of it the segment or, where that is not known, the lobe."""
    place = focus.location
    within: list[Item] = []
    if place.segment is not None:
        within = [code(MODIFIER, DCM.TOPOGRAPHICAL_MODIFIER, draft.term("segment", place.segment))]
    elif place.lobe is not None:
        within = [code(MODIFIER, DCM.TOPOGRAPHICAL_MODIFIER, draft.term("lobe", place.lobe))]
    return code(MODIFIER, DCM.FINDING_SITE, draft.thing("liver"), within)


def measurements(draft: Draft, values: Mapping[str, Measured | None]) -> list[Item]:
    """Return quantities in their order; what has no value says so."""
    return [
        measure(draft, draft.thing(name), values[name], modifiers(draft, name))
        for name in QUANTITIES
        if name in values
    ]


def modifiers(draft: Draft, name: str) -> list[Item]:
    """Return what tells a quantity from others of the same name: how it was derived, what it is of."""
    items = []
    if name in DERIVATIONS:
        items.append(code(MODIFIER, DCM.DERIVATION, DERIVATIONS[name]))
    if name in SITES:
        items.append(code(MODIFIER, DCM.FINDING_SITE, draft.thing(SITES[name])))
    return items


def quantities(focus: FocusEntry) -> dict[str, Measured | None]:
    """Return the quantities of a focus by name; None was not looked for."""
    values: dict[str, Measured | None] = {
        "integrated_excess": focus.integrated_excess,
        "volume": focus.volume,
        "diameter": focus.diameter,
        "mean_hu": focus.mean_hu,
        "peak_hu": focus.peak_hu,
        "background_hu": focus.background_hu,
        "mass": focus.mass,
        "score_agatston_convention": focus.score_agatston_convention,
        "capsule_distance": focus.location.capsule_distance,
        "periportal": focus.location.periportal,
        "duct_calibre": focus.duct.calibre,
        "host_diameter": focus.host.diameter,
        "shadow_index": focus.shadow.index,
    }
    if focus.centroid_lps_mm is not None:
        for axis, value in zip(("left", "posterior", "head"), focus.centroid_lps_mm, strict=True):
            values[f"centroid_{axis}"] = Quantity(value=value, unit="mm")
    if focus.modality == "US":
        values["depth"] = depth_of(focus.observations[0]) if focus.observations else None
        for name, likely in (("shadow_expected", focus.shadow.expected), ("moves", focus.moves)):
            values[name] = None if likely is None else Quantity(value=likely, unit="1")
    return values


def depth_of(seen: ObservationEntry) -> Quantity | None:
    """Return how deep a focus lies in a picture; None where its pixels have no size."""
    return None if seen.depth_mm is None else Quantity(value=seen.depth_mm, unit="mm")


def evaluations(draft: Draft, focus: FocusEntry) -> list[Item]:
    """Return what is said of a focus in codes, each with its probability."""
    place, duct, host, shadow = focus.location, focus.duct, focus.host, focus.shadow
    shape = focus.morphology
    subcapsular = place.subcapsular_probability
    bounded = "present" if focus.volume_limited_by_resolution else "absent"
    chosen = [
        ("dominant_morphology", shape.label, shape.probabilities.get(shape.label), None),
        ("lobe", place.lobe, place.lobe_probability, None),
        ("segment", place.segment, place.segment_probability, None),
        ("duct_relation", duct.relation, duct.probabilities.get(duct.relation), duct.reason),
        ("host_kind", host.kind, host.probabilities.get(host.kind), host.reason),
        ("host_position", host.position, None, None),
        ("acoustic_shadow", shadow.grade, shadow.probabilities.get(shadow.grade), shadow.reason),
    ]
    items = [
        evaluate(draft, draft.term(name), chosen_value(draft, name, value), likely, reason)
        for name, value, likely, reason in chosen
    ]
    items += [
        evaluate(draft, draft.term("dilated_ducts"), STATES[duct.dilated]),
        evaluate(draft, draft.term("bile_around_focus"), STATES[duct.bile_around]),
        evaluate(draft, draft.thing("side_of_duct_dilatation"), side_of(draft, focus)),
        evaluate(draft, draft.thing("volume_limited_by_resolution"), STATES[bounded]),
        evaluate(draft, draft.term("subcapsular"), judged(subcapsular), subcapsular),
    ]
    return items


def chosen_value(draft: Draft, term_id: str, value: str | None) -> Named:
    """Return the code of a choice; of what was not looked for or could not be judged, that."""
    if value is None:
        return STATES["unknown"]
    return STATES[value] if value in STATES else draft.term(term_id, value)


def side_of(draft: Draft, focus: FocusEntry) -> Named:
    """Return on which side of a focus its duct is dilated."""
    side = focus.duct.side
    return STATES["unknown"] if side is None else draft.thing(SIDES[side])


def judged(probability: float | None) -> Named:
    """Return the state that a probability stands for."""
    if probability is None:
        return STATES["unknown"]
    return STATES["present" if probability >= JUDGED else "absent"]
