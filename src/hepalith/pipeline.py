"""The reading, stage by stage: the only module that knows every room."""

from __future__ import annotations

import contextlib
import os
import platform
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hepalith.anatomy import Liver, Phase
from hepalith.anatomy.anatomy import Anatomy, map_anatomy
from hepalith.anatomy.find import find_liver, given_liver, with_organs
from hepalith.anatomy.phase import estimate_phase
from hepalith.anatomy.phases import PhaseImage, lay_phase
from hepalith.calcification import Foci
from hepalith.calcification.ct import find_foci
from hepalith.calcification.history import expect_materials
from hepalith.calcification.judge import NOTHING_EXPECTED
from hepalith.differential import diagnose
from hepalith.errors import InputError, MaskError, UnreadableFileError, UnsupportedModalityError
from hepalith.finding import findings_from_patient
from hepalith.finding.ct import describe
from hepalith.finding.description import Description
from hepalith.image import AIR_HU, Volume
from hepalith.image.decode import decode
from hepalith.image.mask import lay_masks
from hepalith.image.noise import estimate_noise
from hepalith.management import advise
from hepalith.reading import DEFAULT_PSEUDONYM_KEY, Assessment, Examined, Reading, Run
from hepalith.reading.assemble import assemble
from hepalith.report import write_folder
from hepalith.settings import Settings
from hepalith.study import Acquisition, Identity, Patient, SeriesLeft, Study
from hepalith.study.choice import SeriesChoice, choose_series
from hepalith.study.open import open_study

__all__ = ["Stopwatch", "look", "read"]

PSEUDONYM_KEY_VARIABLE = "HEPALITH_PSEUDONYM_KEY"
"""Environment variable with this installation's secret for `patient.key`."""

FEWEST_MASK_VOXELS = 27
"""Fewest voxels of a given mask: fewer are a slip, and no noise can be measured in them (our judgement)."""

LOWEST_ORGAN_HU = -300.0
"""Median HU below which a given mask lies on lung or air: the fattest liver is above -50 (our judgement)."""

HIGHEST_ORGAN_HU = 700.0
"""Median HU above which an organ is doubted, where nothing lies below water: a lost intercept adds 1,024.

The most enhanced vessels (aorta, 80 kVp) reach some 600 (our judgement).
"""


SEXES: Mapping[str, Literal["male", "female", "other"]] = {"M": "male", "F": "female", "O": "other"}
"""DICOM's code of the patient's sex (0010,0040), as a patient file says it."""


class Stopwatch:
    """Names the stages of one run, and how many seconds each took."""

    def __init__(self, progress: Callable[[str], None] | None = None) -> None:
        self.seconds: dict[str, float] = {}
        self.started_at = datetime.now(UTC)
        self._progress = progress
        self._open: dict[str, float] = {}

    @contextlib.contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time one stage; a stage entered twice is summed."""
        if self._progress is not None:
            self._progress(name)
        self._open[name] = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self._elapsed(name)
            del self._open[name]

    def _elapsed(self, name: str) -> float:
        """Return the seconds of a stage under way, with those of its earlier turns."""
        return self.seconds.get(name, 0.0) + time.perf_counter() - self._open[name]

    def run(self) -> Run:
        """Return what ``run.json`` says of this run so far; a stage under way counts up to now."""
        return Run(
            started_at=self.started_at.isoformat(timespec="seconds"),
            finished_at=datetime.now(UTC).isoformat(timespec="seconds"),
            host=platform.node(),
            seconds={**self.seconds, **{name: self._elapsed(name) for name in self._open}},
        )


def read(
    inputs: Sequence[Path | str] | Path | str,
    *,
    out: Path | str | None = None,
    settings: Settings | None = None,
    patient: Patient | None = None,
    overwrite: bool = False,
    progress: Callable[[str], None] | None = None,
) -> Reading:
    """Read one examination for calcification in the liver.

    Parameters
    ----------
    inputs
        CT as DICOM folders, files or zips, NIfTI, NRRD or MHA; several are one examination.
    out
        Folder to write the reading to; it appears whole or not at all. None: nothing is written.
    settings, patient
        What the user chose, and what is known of the patient; defaults where not given.
    overwrite
        Replace an earlier reading in `out`.
    progress
        Called with the name of each stage as it begins.

    Returns
    -------
    Reading
        Also where the question cannot be answered; see `Reading.is_answerable`.

    Raises
    ------
    hepalith.errors.InputError
        If the input cannot be read.
    hepalith.errors.OutputError
        If `out` cannot be written.

    Notes
    -----
    The same reading as ``hepalith read`` makes: the command calls this function.
    """
    settings = settings or Settings()
    patient = patient or Patient()
    paths = [Path(p) for p in ([inputs] if isinstance(inputs, str | Path) else inputs)]
    clock = Stopwatch(progress)
    reading = read_study(paths, settings, patient, clock)
    if out is not None:  # by now the volume is gone: a reading keeps its crop only
        with clock.stage("report"):
            write_folder(reading, Path(out), overwrite=overwrite, run=clock.run)
    return reading


def read_study(paths: Sequence[Path], settings: Settings, patient: Patient, clock: Stopwatch) -> Reading:
    """Read one examination, stage by stage; see `read`."""
    with clock.stage("open"):
        study = open_study(paths, settings)
        choice = choose_series(study, settings)
    with clock.stage("decode"):
        decoded = decode(choice.primary)
        volume, acquisition = decoded.volume, decoded.series.acquisition
    with clock.stage("liver"):
        volume, liver = locate_liver(volume, settings)
        phase = estimate_phase(volume, liver, acquisition)
        noise_hu = liver_noise(volume, liver)
    with clock.stage("phases"):
        phases, left = lay_phases(choice, volume, liver)
    anatomy, foci, seen = look(
        volume,
        liver,
        phase,
        acquisition,
        settings,
        clock=clock,
        others=phases,
        expected=expect_materials(patient),
    )
    with clock.stage("reasoning"):
        told = told_by_header(patient, study.identity)
        findings = (*seen.findings, *findings_from_patient(told))
        differential = diagnose(findings, seen.patterns, told)
        plan = advise(differential, findings, foci, told, settings, exam_date(study), seen.patterns)
    with clock.stage("reading"):
        return assemble(
            Examined(study, decoded.series, left, volume, decoded.sha256, phases),
            Assessment(liver, phase, foci, findings, seen, differential, plan, anatomy, noise_hu),
            patient,
            settings,
            pseudonym_key=pseudonym_key(),
        )


def told_by_header(patient: Patient, identity: Identity) -> Patient:
    """Return the patient with age and sex from the header, where the patient file does not say.

    A child is a child though nobody wrote a patient file. A fetus has no age; the header's is the mother's.
    """
    if patient.subject == "fetus":
        return patient
    age = patient.age_years if patient.age_years is not None else identity.age_years
    return replace(patient, age_years=age, sex=patient.sex or SEXES.get(identity.sex))


def look(
    volume: Volume,
    liver: Liver,
    phase: Phase,
    acquisition: Acquisition,
    settings: Settings,
    *,
    clock: Stopwatch,
    others: tuple[PhaseImage, ...] = (),
    expected: Mapping[str, float] = NOTHING_EXPECTED,
) -> tuple[Anatomy | None, Foci, Description]:
    """Return what lies in and about a liver, its foci, and what they look like together."""
    with clock.stage("anatomy"):
        anatomy = map_anatomy(volume, liver, phase, others)
    with clock.stage("calcification"):
        names = () if anatomy is None else ("neighbours", "vessels", "ducts", "others")
        known = {name: getattr(anatomy, name) for name in names}
        foci = find_foci(volume, liver, phase, acquisition, settings, expected=expected, **known)
    with clock.stage("findings"):
        return anatomy, foci, describe(volume, liver, foci, phase, anatomy)


def lay_phases(
    choice: SeriesChoice, volume: Volume, liver: Liver
) -> tuple[tuple[PhaseImage, ...], tuple[SeriesLeft, ...]]:
    """Lay the further phases of an examination onto the image that is read.

    Returns
    -------
    tuple
        The phases, and every series left aside: those of the choice, and the phases that cannot be decoded
        or do not overlap with the liver. A phase more is a help, and no reason to refuse the reading.
    """
    laid, left = list[PhaseImage](), list(choice.left)
    for series in choice.phases if liver.is_in_view else ():
        name = series.description or "no description"
        try:
            other = decode(series)
        except InputError as error:
            left.append(SeriesLeft(series.uid, f"{name}: as a further phase it cannot be read ({error})"))
            continue
        found = lay_phase(volume, liver, other.volume, other.series)
        if found is None:
            left.append(SeriesLeft(series.uid, f"{name}: it does not overlap with the liver that is read"))
        else:
            laid.append(found)
    if not liver.is_in_view:
        left += [
            SeriesLeft(s.uid, f"{s.description or 'no description'}: no liver is in view")
            for s in choice.phases
        ]
    return tuple(laid), tuple(left)


def locate_liver(volume: Volume, settings: Settings) -> tuple[Volume, Liver]:
    """Return the liver, the masks the user gave or the one that is found, and the volume.

    The volume's warnings then say what is doubtful about the masks.

    Raises
    ------
    UnreadableFileError
        If the image has no numbers (NaN) inside the liver.
    MaskError
        If the masks cannot be those of an organ in this image.
    UnsupportedModalityError
        If the values inside them can be no Hounsfield units.
    """
    if settings.liver_masks:
        laid = lay_masks(settings.liver_masks, volume)
        names = ", ".join(source.path.name for source in settings.liver_masks)
        refuse_no_organ(volume, laid.mask, names)
        volume = replace(volume, warnings=volume.warnings + laid.warnings)
        liver = with_organs(volume, given_liver(volume, laid.mask))
    else:
        liver = find_liver(volume, settings)
    if liver.is_in_view and volume.invalid is not None:
        missing = int(np.count_nonzero(volume.invalid[liver.box.slices] & liver.mask))
        if missing:
            raise UnreadableFileError(
                f"{missing} voxels inside the liver hold no number (NaN): export the image again without them"
            )
    return volume, liver


def refuse_no_organ(volume: Volume, mask: NDArray[np.bool_], names: str) -> None:
    """Refuse a given mask in which nothing can be judged: a few voxels, air, or values that are no HU.

    Raises
    ------
    MaskError, UnsupportedModalityError
        See `locate_liver`.
    """
    if volume.invalid is not None and volume.invalid[mask].any():
        return  # said by `locate_liver` as what it is
    inside = volume.hu[mask]
    if inside.size < FEWEST_MASK_VOXELS:
        raise MaskError(
            f"{names}: only {inside.size} voxels of the mask lie in the image; give the whole liver"
        )
    median = float(np.median(inside))
    if median < LOWEST_ORGAN_HU:
        raise MaskError(
            f"{names}: it lies on air or lung (median {median:.0f} HU); give the mask of this examination"
        )
    if median > HIGHEST_ORGAN_HU and not ((volume.hu > AIR_HU) & (volume.hu < 0)).any():
        raise UnsupportedModalityError(
            f"no value lies below 0 and the liver has {median:.0f}: these are not Hounsfield units "
            "(rescale intercept lost?); export the CT again"
        )


def liver_noise(volume: Volume, liver: Liver) -> float | None:
    """Return the noise in the liver, in HU; None where there is none in view."""
    if not liver.is_in_view:
        return None
    return estimate_noise(volume.hu[liver.box.slices], liver.mask, volume.spacing_mm).sd_hu


def exam_date(study: Study) -> date | None:
    """Return the day a plan may count from: the study's, unless its header says dates were changed."""
    return None if study.dates_removed else study.date


def pseudonym_key() -> bytes:
    """Return this installation's key for patient pseudonyms, or the public default."""
    named = os.environ.get(PSEUDONYM_KEY_VARIABLE, "")
    return named.encode() if named else DEFAULT_PSEUDONYM_KEY
