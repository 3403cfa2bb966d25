"""Readings as bundles meet them: of CT and ultrasound, hidden, accepted, of nobody, without a liver."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from types import ModuleType
from typing import Any

from hepalith.reading import Document, Reading, accept
from hepalith.reading.conclusion import GradingEntry, ProcessEntry, VisitEntry
from hepalith.reading.document import (
    DuctEntry,
    FocusEntry,
    HostEntry,
    ImageEntry,
    LocationEntry,
    ObservationEntry,
    PhaseEntry,
    Quantity,
    ShadowEntry,
    Unassessed,
)
from hepalith.reading.source import SourceImage, SourceInstance, stand_in_source
from hepalith.study import GeneralStudy, Identity

US_IMAGE = "1.2.840.10008.5.1.4.1.1.6.1"

AT = datetime(2025, 3, 15, 9, 30, tzinfo=UTC)


def changed(reading: Reading, **values: Any) -> Reading:
    return replace(reading, document=reading.document.model_copy(update=values))


@cache
def computed(factories: ModuleType) -> Reading:
    """A CT whose plan has dated visits, whose foci have every property, and one finding of every state."""
    reading: Reading = factories.make_reading()
    document = reading.document
    first, *others = document.foci
    full = first.model_copy(
        update={
            "location": LocationEntry(
                lobe="right",
                segment="VIII",
                segment_probability=0.98446,
                capsule_distance=Quantity(value=26.0506, unit="mm", low=24.2589, high=27.8422),
                periportal=Quantity(value=1.5, unit="mm"),
            ),
            "duct": DuctEntry(
                relation="in_lumen",
                calibre=Quantity(value=6.5, unit="mm", low=5.0, high=8.1),
                dilated="present",
                side="upstream",
                bile_around="absent",
            ),
            "host": HostEntry(
                kind="fluid", diameter=Quantity(value=20.2052, unit="mm"), position="peripheral", id=1
            ),
            "moves": 0.25,
        }
    )
    step = document.plan[0]
    assert step.after is not None
    assert step.due is not None
    visits = tuple(VisitEntry(after=step.after, due=step.due) for _ in range(2))
    grade = GradingEntry(
        id="tokyo_2018", value="II", certain=True, text="Grade II.", text_zh="II级。", source="s"
    )
    return changed(
        reading,
        foci=(full, *others),
        processes=(ProcessEntry(diagnosis="hepatolithiasis", probability=0.884259, foci=(1, 2)),),
        plan=(step.model_copy(update={"visits": visits, "stop": step.due.end}),),
        gradings=(grade,),
    )


@cache
def scanned(factories: ModuleType) -> Reading:
    """An ultrasound of one picture."""
    reading: Reading = factories.make_reading()
    document = reading.document
    image = ImageEntry(
        id="us_1",
        modality="US",
        study_uid=document.study.uid,
        series_uid="1.2.3.77",
        frame_of_reference_uid="",
        phase=PhaseEntry(label="unknown", probability=1.0),
        shape=(1, 600, 800),
        spacing_mm=(0.3, 0.3),
    )
    source = replace(reading.source.primary, image="us_1", series_uid="1.2.3.77", modality="US")
    source = replace(source, instances=(SourceInstance(US_IMAGE, "1.2.3.77.1"),), slices=(0,))
    made = changed(
        reading,
        images=(image,),
        foci=(heard(document.foci[0]),),
        patterns=(),
        detectability=document.detectability.model_copy(
            update={"smallest_focus": Unassessed(not_assessable="pixels have no size"), "at_excess_hu": 0.0}
        ),
    )
    return replace(made, source=replace(reading.source, images=(source,)))


def heard(focus: FocusEntry) -> FocusEntry:
    """A focus as ultrasound shows it."""
    nothing = Unassessed(not_assessable="ultrasound has no Hounsfield units")
    names = ("volume", "background_hu", "mean_hu", "peak_hu", "integrated_excess", "mass")
    return focus.model_copy(
        update={
            **dict.fromkeys((*names, "score_agatston_convention"), nothing),
            "modality": "US",
            "centroid_lps_mm": None,
            "location": LocationEntry(lobe=None, capsule_distance=nothing),
            "shadow": ShadowEntry(grade="clean", index=Quantity(value=0.71, unit="1", low=0.5, high=0.9)),
            "observations": tuple(
                ObservationEntry(
                    image="us_1", frame=n, bbox_px=(1, 2, 3, 4), centroid_px=(2, 3), depth_mm=61.0 + n
                )
                for n in range(2)
            ),
        }
    )


@cache
def both(factories: ModuleType) -> Reading:
    """CT and ultrasound of one patient, of two examinations."""
    ct, us = computed(factories), scanned(factories)
    sound = us.document.images[0].model_copy(update={"role": "other", "study_uid": "1.2.3.88"})
    image = replace(us.source.primary, study_uid="1.2.3.88")
    focus = us.document.foci[0].model_copy(update={"id": 9, "tracking_uid": "2.25.9"})
    made = changed(ct, images=(*ct.document.images, sound), foci=(*ct.document.foci, focus))
    return replace(made, source=replace(ct.source, images=(*ct.source.images, image)))


@cache
def hidden(factories: ModuleType) -> Reading:
    """A de-identified reading, as a folder without source.json gives it."""
    reading = computed(factories)
    document = reading.document
    study = document.study.model_copy(
        update={
            "uid": "2.25.4",
            "date": None,
            "patient": document.study.patient.model_copy(update={"key": None}),
        }
    )
    images = tuple(
        i.model_copy(update={"study_uid": "2.25.4", "series_uid": "2.25.5"}) for i in document.images
    )
    plan = tuple(step.model_copy(update={"due": None, "visits": (), "stop": None}) for step in document.plan)
    made = changed(reading, study=study, images=images, plan=plan)
    maps = reading.maps
    return replace(made, source=stand_in_source(made.document, maps.grid, maps.stored_order))


@cache
def nobody(factories: ModuleType) -> Reading:
    """A NIfTI: no patient, no UIDs."""
    reading = computed(factories)
    image: SourceImage = replace(
        reading.source.primary,
        kind="nifti",
        stand_ins=("study", "series", "frame of reference", "instances"),
        general=GeneralStudy(),
    )
    return replace(reading, source=replace(reading.source, identity=Identity(), images=(image,)))


@cache
def accepted(factories: ModuleType) -> Reading:
    """A reading that a person stands for, and a diagnosis that they confirmed."""
    return approve(computed(factories))


def approve(reading: Reading, *diagnoses: str, by: str = "Li^Hua") -> Reading:
    document: Document = accept(
        reading.document,
        by,
        AT,
        organization="A Hospital",
        diagnoses=diagnoses or ("hepatolithiasis",),
    )
    return replace(reading, document=document)


@cache
def amended(factories: ModuleType) -> Reading:
    """One that was accepted twice."""
    return approve(accepted(factories))


@cache
def unanswerable(factories: ModuleType) -> Reading:
    """A scan without a liver: nothing found, nothing concluded."""
    reading: Reading = factories.assemble(
        factories.make_examined(),
        factories.unanswerable_assessment(),
        factories.Patient(),
        factories.Settings(),
    )
    return reading


READINGS: Mapping[str, Callable[[ModuleType], Reading]] = {
    "ct": computed,
    "ultrasound": scanned,
    "both": both,
    "hidden": hidden,
    "nobody": nobody,
    "accepted": accepted,
    "amended": amended,
    "unanswerable": unanswerable,
}
"""Every reading, by its name."""
