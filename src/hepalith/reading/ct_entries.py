"""What was read of CT, as the document says it: image, phases, liver, inputs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import PurePath

from hepalith.anatomy import Liver
from hepalith.reading import focus_entries
from hepalith.reading.document import (
    ImageEntry,
    InputEntry,
    LiverEntry,
    LiverQuality,
    PhaseEntry,
    Unassessed,
)
from hepalith.reading.examination import CtRead
from hepalith.study import InputFile

__all__ = ["PRIMARY_IMAGE", "image_entry", "input_entries", "liver_entry", "phase_entries"]

PRIMARY_IMAGE = "ct_1"
"""Id of the image that was read, within the document."""


def input_entries(
    ct: CtRead, inputs: Sequence[InputFile], named: Callable[[str], str], *, hidden: bool
) -> tuple[InputEntry, ...]:
    """Return the inputs by digest: a DICOM series by its UID, other files by their name.

    Names of folders are left out, since they often name the patient; a de-identified
    reading leaves out the files' names too.
    """
    if ct.series.uid and ct.series.kind == "dicom":
        return (InputEntry(uid=named(ct.series.uid), sha256=ct.sha256),)
    files = tuple(
        InputEntry(file=f"input_{number}" if hidden else PurePath(file.name).name, sha256=file.sha256)
        for number, file in enumerate(inputs, start=1)
    )
    return files or (InputEntry(file="input_1", sha256=ct.sha256),)


def image_entry(ct: CtRead, study_uid: str, named: Callable[[str], str]) -> ImageEntry:
    """Return what the reading says of the CT that was measured."""
    series, made = ct.series, ct.series.acquisition
    return ImageEntry(
        id=PRIMARY_IMAGE,
        modality=series.modality,
        study_uid=named(study_uid),
        series_uid=named(series.uid),
        frame_of_reference_uid=named(series.frame_of_reference_uid),
        phase=PhaseEntry(label=ct.phase.label, probability=ct.phase.probability),
        shape=tuple(int(n) for n in ct.grid.shape),
        spacing_mm=ct.grid.spacing_mm,
        slice_thickness_mm=made.slice_thickness_mm,
        kernel=made.kernel or None,
        kvp=made.kvp,
        contrast_agent=made.contrast_agent or None,
        scanner=made.scanner or None,
        noise_hu=ct.noise_hu,
        warnings=ct.kept.warnings,
    )


def phase_entries(ct: CtRead, study_uid: str, named: Callable[[str], str]) -> tuple[ImageEntry, ...]:
    """Return what the reading says of the further phases that were read beside the image."""
    shown = []
    for number, phase in enumerate(ct.phases, start=2):
        series, made = phase.series, phase.series.acquisition
        said = (
            f"laid over the primary image: edges agree {phase.agreement:.2f}, moved {phase.shift_mm:.0f} mm"
        )
        shown.append(
            ImageEntry(
                id=f"ct_{number}",
                modality=series.modality,
                role="phase",
                study_uid=named(study_uid),
                series_uid=named(series.uid),
                frame_of_reference_uid=named(series.frame_of_reference_uid),
                phase=PhaseEntry(label=phase.phase.label, probability=phase.phase.probability),
                shape=phase.shape,
                spacing_mm=phase.spacing_mm,
                slice_thickness_mm=made.slice_thickness_mm,
                kernel=made.kernel or None,
                kvp=made.kvp,
                contrast_agent=made.contrast_agent or None,
                scanner=made.scanner or None,
                warnings=(said,),
            )
        )
    return tuple(shown)


def liver_entry(liver: Liver) -> LiverEntry:
    """Return what the reading says of the liver."""
    reasons = liver.quality_reasons
    if not liver.is_in_view:
        return LiverEntry(
            source=liver.source,
            volume=Unassessed(not_assessable="no liver in view"),
            in_view=0.0,
            quality=LiverQuality(score=liver.quality, reasons=reasons or ("no liver is in view",)),
        )
    return LiverEntry(
        source=liver.source,
        volume=focus_entries.measured(liver.volume),
        in_view=liver.in_view,
        quality=LiverQuality(score=liver.quality, reasons=reasons),
    )
