"""What was measured and found, as FHIR's Observations: the liver, each focus, patterns, findings, grades."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from hepalith.reading.document import Choice, FindingEntry, FocusEntry, GradingEntry, Quantity
from hepalith.reading.terms import say
from hepalith.reading.translate import in_language, translate
from hepalith.reading.wording import quantity_text
from hepalith.report.fhir.context import Context, Item
from hepalith.report.fhir.element import (
    BODY_STRUCTURE,
    NOT_LOOKED_FOR,
    NOT_TO_BE_JUDGED,
    TERMINOLOGY,
    Json,
    absent,
    choice_concept,
    compact,
    dicom_uid,
    measured,
    quantity,
    vocabulary_term,
)

__all__ = ["describe_bodies", "observe_all"]

INTERPRETATIONS: Final = {"present": "POS", "absent": "NEG"}
"""HL7's codes of what a finding says (FHIR, CodeSystem v3-ObservationInterpretation): positive, negative."""

MEASURES: Final = (
    "volume",
    "diameter",
    "background_hu",
    "mean_hu",
    "peak_hu",
    "integrated_excess",
    "mass",
    "score_agatston_convention",
)
"""Numbers of a focus whose concept has the name of the document's key."""

AXES: Final = ("centroid_left", "centroid_posterior", "centroid_head")
"""Concepts of the centre's coordinates, in the order of the document (DICOM's L, P, S)."""


def observe_all(context: Context) -> list[Item]:
    """Return every Observation, in the order of the report."""
    document = context.document
    return [
        observe_liver(context),
        observe_smallest(context),
        *(observe_focus(context, focus) for focus in document.foci),
        *observe_patterns(context),
        *(observe_finding(context, n, finding) for n, finding in enumerate(document.findings)),
        *(observe_grading(context, grading) for grading in document.gradings),
    ]


def observe_liver(context: Context) -> Item:
    """Return the volume of the liver in view."""
    volume = context.document.liver.volume
    primary = context.reading.source.primary.image
    return context.observation(
        "liver volume",
        context.concept("liver_volume"),
        **measured(volume, context.language),
        **({} if context.is_r5 else {"bodySite": context.concept("liver")}),
        derivedFrom=context.studies_of((primary,)),
    )


def observe_smallest(context: Context) -> Item:
    """Return the smallest focus that the scan could have shown."""
    entry = context.document.detectability
    component = []
    if entry.at_excess_hu:
        component = [
            {"code": context.concept("at_excess"), "valueQuantity": quantity(entry.at_excess_hu, "[hnsf'U]")}
        ]
    return context.observation(
        "smallest focus",
        context.concept("smallest_focus"),
        **measured(entry.smallest_focus, context.language),
        note=[{"text": translate(entry.why, context.language)}] if entry.why else None,
        derivedFrom=context.studies_of((context.reading.source.primary.image,)),
        component=component,
    )


def describe_bodies(context: Context) -> list[Item]:
    """Return the place of every focus as a BodyStructure."""
    return [describe_body(context, focus) for focus in context.document.foci]


def place_of(context: Context, focus: FocusEntry) -> Json:
    """Return the body site of a focus: its segment, else its lobe, else the liver."""
    where = focus.location
    if where.segment:
        return choice_concept("segment", where.segment, context.language)
    if where.lobe:
        return choice_concept("lobe", where.lobe, context.language)
    return context.concept("liver")


def describe_body(context: Context, focus: FocusEntry) -> Item:
    """Return the place of one focus; it has the tracking UID by which other formats name the focus."""
    place = place_of(context, focus)
    return context.item(
        f"body {focus.id}",
        "BodyStructure",
        identifiers=[dicom_uid(focus.tracking_uid)],
        morphology=vocabulary_term(focus.label, context.language),
        **({"includedStructure": [{"structure": place}]} if context.is_r5 else {"location": place}),
        description=context.word("focus_number", number=focus.id),
        patient=context.subject,
    )


def observe_focus(context: Context, focus: FocusEntry) -> Item:
    """Return one focus: what it is taken for, where it lies, and every number about it."""
    body = context.refer(f"body {focus.id}")
    site = (
        {"bodyStructure": body}
        if context.is_r5
        else {
            "bodySite": {
                "extension": [{"url": BODY_STRUCTURE, "valueReference": body}],
                **place_of(context, focus),
            }
        }
    )
    images = tuple(o.image for o in focus.observations) or images_of(context, focus.modality)
    return context.observation(
        f"focus {focus.id}",
        {**context.concept("focus"), "text": context.word("focus_number", number=focus.id)},
        identifiers=[dicom_uid(focus.tracking_uid)],
        valueCodeableConcept=vocabulary_term(focus.label, context.language),
        **site,
        note=[{"text": translate(focus.reason, context.language)}, {"text": tell_numbers(context, focus)}],
        derivedFrom=context.studies_of(images),
        component=list(list_components(context, focus)),
    )


def images_of(context: Context, modality: str) -> tuple[str, ...]:
    """Return the images in which a focus without marks in single pictures was found: CT's."""
    images = context.document.images
    primary = tuple(i.id for i in images if i.modality == modality and i.role == "primary")
    return primary or tuple(i.id for i in images if i.modality == modality)


def tell_numbers(context: Context, focus: FocusEntry) -> str:
    """Return the numbers of a focus with their intervals in words, for systems that skip extensions."""
    parts = [
        f"{context.word(name)} {quantity_text(value, context.language, interval=True)}"
        for name in MEASURES
        if isinstance(value := getattr(focus, name), Quantity)
    ]
    return "; ".join(parts) or context.word("focus_number", number=focus.id)


def list_components(context: Context, focus: FocusEntry) -> Iterator[Json]:
    """Yield every number and every coded property of a focus."""
    yield probability(context, "probability", focus.probability)
    for name in MEASURES:
        yield {"code": context.concept(name), **measured(getattr(focus, name), context.language)}
    yield {
        "code": context.concept("volume_limited_by_resolution"),
        "valueBoolean": focus.volume_limited_by_resolution,
    }
    if focus.centroid_lps_mm is not None:
        for axis, value in zip(AXES, focus.centroid_lps_mm, strict=True):
            yield {"code": context.concept(axis), "valueQuantity": quantity(value, "mm")}
    yield from place_components(context, focus)
    yield from property_components(context, focus)


def probability(context: Context, name: str, value: float) -> Json:
    """Return a component that holds a probability."""
    return {"code": context.concept(name), "valueQuantity": quantity(value, "1")}


def place_components(context: Context, focus: FocusEntry) -> Iterator[Json]:
    """Yield where a focus lies."""
    language, where = context.language, focus.location
    for term, choice in (("lobe", where.lobe), ("segment", where.segment)):
        if choice:
            yield {
                "code": vocabulary_term(term, language),
                "valueCodeableConcept": choice_concept(term, choice, language),
            }
    if where.segment_probability is not None:
        yield probability(context, "segment_probability", where.segment_probability)
    yield {"code": context.concept("capsule_distance"), **measured(where.capsule_distance, language)}
    if where.periportal is not None:
        yield {"code": context.concept("periportal"), **measured(where.periportal, language)}
    for observation in focus.observations:
        if observation.depth_mm is not None:
            yield {"code": context.concept("depth"), "valueQuantity": quantity(observation.depth_mm, "mm")}


def property_components(context: Context, focus: FocusEntry) -> Iterator[Json]:
    """Yield shape, and how a focus stands to ducts, to a lesion around it, and to its shadow."""
    language, duct, host, shadow = context.language, focus.duct, focus.host, focus.shadow
    yield {
        "code": vocabulary_term("dominant_morphology", language),
        "valueCodeableConcept": vocabulary_term(focus.morphology.label, language),
    }
    yield chosen(context, "duct_relation", duct.relation, duct.reason)
    yield {"code": vocabulary_term("dilated_ducts", language), **state_value(context, duct.dilated)}
    yield {"code": vocabulary_term("bile_around_focus", language), **state_value(context, duct.bile_around)}
    yield {"code": context.concept("duct_calibre"), **measured(duct.calibre, language)}
    yield chosen(context, "host_kind", host.kind, host.reason)
    if host.position:
        yield chosen(context, "host_position", host.position, None)
    yield {"code": context.concept("host_diameter"), **measured(host.diameter, language)}
    yield chosen(context, "acoustic_shadow", shadow.grade, shadow.reason)
    yield {"code": context.concept("shadow_index"), **measured(shadow.index, language)}
    if focus.moves is not None:
        yield probability(context, "moves", focus.moves)


def chosen(context: Context, term: str, choice: str, reason: str | None) -> Json:
    """Return a component that holds one choice of a term, or that it could not be judged."""
    code = vocabulary_term(term, context.language)
    if choice == "not_assessable":
        return {"code": code, **state_value(context, choice, reason)}
    return {"code": code, "valueCodeableConcept": choice_concept(term, choice, context.language)}


def state_value(context: Context, state: str, reason: str | None = None) -> Json:
    """Return a state as a value or as the reason of its absence: the four stay apart.

    Present and absent are values. Not looked for and not to be judged are none, and have different codes.
    """
    if state in INTERPRETATIONS:
        return {"valueCodeableConcept": context.concept(state)}
    said = translate(reason, context.language) if reason else ""
    if state == "unknown":
        return {"dataAbsentReason": absent(NOT_LOOKED_FOR, said or context.word("not_looked_for"))}
    return {"dataAbsentReason": absent(NOT_TO_BE_JUDGED, said)}


def observe_patterns(context: Context) -> Iterator[Item]:
    """Yield how foci are arranged, each with the foci it speaks of."""
    for number, entry in enumerate(context.document.patterns):
        yield context.observation(
            f"pattern {number} {entry.id}",
            context.concept("pattern"),
            valueCodeableConcept=vocabulary_term(entry.id, context.language),
            derivedFrom=[context.refer(f"focus {number}") for number in entry.foci],
            component=[probability(context, "probability", entry.probability)],
        )


def observe_finding(context: Context, number: int, finding: FindingEntry) -> Item:
    """Return one finding: its value or its state, how probable it is, and what it is about.

    A finding may be absent and have a number (a spleen that is not enlarged has a volume): the state is the
    interpretation, and the number the value.
    """
    language = context.language
    known = INTERPRETATIONS.get(finding.state)
    value = finding_value(context, finding)
    component = []
    if finding.probability is not None:
        component.append(probability(context, "probability", finding.probability))
    for choice, share in finding.alternatives.items():
        code = choice_concept(finding.id, choice, language)
        component.append({"code": code, "valueQuantity": quantity(share, "1")})
    notes = [finding.words, translate(finding.reason, language) if finding.reason and known else None]
    return context.observation(
        f"finding {number} {finding.id}",
        vocabulary_term(finding.id, language),
        focus=subject_of(context, finding),
        **value,
        interpretation=interpret(known) if known else None,
        note=[{"text": text} for text in notes if text],
        method={"text": context.word(f"source_{finding.source}")},
        derivedFrom=context.studies_of(finding.images),
        component=component,
    )


def interpret(code: str) -> list[Json]:
    """Return the interpretation of a finding."""
    return [{"coding": [{"system": f"{TERMINOLOGY}/v3-ObservationInterpretation", "code": code}]}]


def finding_value(context: Context, finding: FindingEntry) -> Json:
    """Return the value of a finding, or why it has none."""
    if finding.state not in INTERPRETATIONS:
        return state_value(context, finding.state, finding.reason)
    if isinstance(finding.value, Choice):
        return {"valueCodeableConcept": choice_concept(finding.id, finding.value.choice, context.language)}
    if isinstance(finding.value, Quantity):
        return measured(finding.value, context.language)
    return state_value(context, finding.state)


def subject_of(context: Context, finding: FindingEntry) -> list[Json]:
    """Return what a finding is about: the place of the focus, or in words what has no resource."""
    kind, ref = finding.subject.kind, finding.subject.ref
    if kind == "focus" and any(str(focus.id) == ref for focus in context.document.foci):
        return [{**context.refer(f"body {ref}"), "display": context.word("focus_number", number=ref)}]
    return [{"display": f"{context.word(f'about_{kind}')} {ref}".strip()}]


def observe_grading(context: Context, grading: GradingEntry) -> Item:
    """Return a grade, stage or category that a published definition gives."""
    text = in_language(grading.text, grading.text_zh, context.language)
    return context.observation(
        f"grading {grading.id}",
        {**context.concept("grading"), "text": say(grading.id, context.language)},
        valueCodeableConcept=compact(text=grading.value),
        note=[{"text": text}, {"text": translate(grading.source, context.language)}],
    )
