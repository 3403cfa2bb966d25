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

from hepalith.anatomy import Liver, Phase
from hepalith.anatomy.anatomy import Anatomy, map_anatomy
from hepalith.anatomy.locate import liver_noise, locate_liver
from hepalith.anatomy.phase import estimate_phase
from hepalith.anatomy.phases import PhaseImage, lay_phases
from hepalith.calcification import Foci
from hepalith.calcification.ct import find_foci
from hepalith.calcification.mimic.history import expect_materials
from hepalith.calcification.mimic.judge import NOTHING_EXPECTED
from hepalith.calcification.track.follow import follow
from hepalith.calcification.track.gather import gather_examination
from hepalith.calcification.track.renumber import number_after
from hepalith.calcification.track.track import Followed
from hepalith.differential import diagnose
from hepalith.differential.contradiction import with_disagreements
from hepalith.errors import InputError, UsageError
from hepalith.finding import findings_from_patient
from hepalith.finding.article_picture import compare_with_article
from hepalith.finding.ct import describe
from hepalith.finding.description import Description
from hepalith.finding.together import Joined, join
from hepalith.finding.ultrasound.describe import describe_ultrasound
from hepalith.image import Volume
from hepalith.image.decode import decode
from hepalith.image.decode_ultrasound import decode_examination
from hepalith.image.picture import find_pictures
from hepalith.management import advise
from hepalith.reading import (
    DEFAULT_PSEUDONYM_KEY,
    Conclusion,
    CtRead,
    Examination,
    Reading,
    Run,
    UltrasoundImage,
    UltrasoundRead,
    keep_frames,
)
from hepalith.reading.assemble import assemble
from hepalith.reading.ct_maps import keep_part
from hepalith.report import write_folder
from hepalith.settings import Formats, Settings
from hepalith.study import Acquisition, Identity, Patient, Series, SeriesLeft, Study
from hepalith.study.choice import SeriesChoice, choose_series
from hepalith.study.open import open_study

__all__ = ["Stopwatch", "look", "read"]

PSEUDONYM_KEY_VARIABLE = "HEPALITH_PSEUDONYM_KEY"
"""Environment variable with this installation's secret for `patient.key`."""

SEXES: Mapping[str, Literal["male", "female", "other"]] = {"M": "male", "F": "female", "O": "other"}
"""DICOM's code of the patient's sex (0010,0040), as a patient file says it."""

ULTRASOUND = "US"
"""DICOM's modality of ultrasound."""

NOTHING_SEEN = Description((), ())
"""What an examination without an image shows."""


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
    formats: Formats | None = None,
    overwrite: bool = False,
    progress: Callable[[str], None] | None = None,
) -> Reading:
    """Read one examination for calcification in the liver.

    Parameters
    ----------
    inputs
        CT as DICOM folders, files or zips, NIfTI, NRRD or MHA; ultrasound as DICOM, PNG or JPEG; several are
        one examination, or CT and ultrasound of one patient.
    out
        Folder to write the reading to; it appears whole or not at all. None: nothing is written.
    settings, patient
        What the user chose, and what is known of the patient; defaults where not given.
    formats
        What is written besides the reading and its pages: DICOM, FHIR, PDF, calendar.
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
            write_folder(reading, Path(out), overwrite=overwrite, run=clock.run, formats=formats)
    return reading


def read_study(paths: Sequence[Path], settings: Settings, patient: Patient, clock: Stopwatch) -> Reading:
    """Read one examination, stage by stage; see `read`."""
    with clock.stage("open"):
        study = open_study(paths, settings)
        choice = choose_series(study, settings)
    told = told_by_header(patient, study.identity)
    ct, left = read_ct(choice, patient, settings, clock)
    sonography, lost = read_ultrasound(choice, settings, clock, ct)
    with clock.stage("reasoning"):
        joined, stated = bring_together(ct, sonography), findings_from_patient(told)
        findings = (*joined.findings, *stated)
        differential = with_disagreements(diagnose(findings, joined.patterns, told), joined.disagreements)
        foci = None if ct is None else ct.foci
        plan = advise(differential, findings, foci, told, settings, exam_date(study), joined.patterns)
    with clock.stage("reading"):
        return assemble(
            Examination(study, (*left, *lost), ct, sonography),
            Conclusion(
                (*joined.all_findings, *stated),
                joined.all_patterns,
                differential,
                plan,
                joined.disagreements,
            ),
            patient,
            settings,
            pseudonym_key=pseudonym_key(),
        )


def read_ct(
    choice: SeriesChoice, patient: Patient, settings: Settings, clock: Stopwatch
) -> tuple[CtRead | None, tuple[SeriesLeft, ...]]:
    """Return what the chosen CT shows, None where ultrasound alone was given; and what was left aside."""
    if choice.primary.modality == ULTRASOUND:
        if settings.liver_masks:
            raise UsageError("--liver is for CT, and ultrasound alone was given; leave it out")
        return None, choice.left
    with clock.stage("decode"):
        decoded = decode(choice.primary)
        volume, acquisition = decoded.volume, decoded.series.acquisition
    with clock.stage("liver"):
        volume, liver = locate_liver(volume, settings)
        phase = estimate_phase(volume, liver, acquisition)
        noise_hu = liver_noise(volume, liver)
    with clock.stage("phases"):
        phases, left = lay_phases(choice, volume, liver)
    expected = expect_materials(patient)
    anatomy, foci, seen = look(
        volume, liver, phase, acquisition, settings, clock=clock, others=phases, expected=expected
    )
    kept, box = keep_part(volume, liver, foci)  # from here on the image's own memory is free for the maps
    if anatomy is not None:  # which names the image that its vessels were looked for in
        anatomy = replace(anatomy, shown=kept)
    series, sha256 = decoded.series, decoded.sha256
    read = CtRead(series, kept, box, volume.grid, sha256, phases, liver, phase, foci, seen, anatomy, noise_hu)
    return read, left


def read_ultrasound(
    choice: SeriesChoice, settings: Settings, clock: Stopwatch, ct: CtRead | None = None
) -> tuple[UltrasoundRead | None, tuple[SeriesLeft, ...]]:
    """Return what the ultrasound shows, None where there is none; and the files that cannot be decoded.

    One file after the other, and of each only the frames that show something are kept: an examination of many
    loops does not fit in memory.

    Raises
    ------
    hepalith.errors.InputError
        If nothing else can be read: what is wrong with the first file.
    """
    images, followed, lost = list[UltrasoundImage](), list[Followed](), list[SeriesLeft]()
    for one in list_files(choice):
        try:
            with clock.stage("decode ultrasound"):
                ((cine,), _) = decode_examination((one,), settings)
        except InputError as error:
            lost.append(SeriesLeft(one.uid, str(error)))
            if ct is None and len(lost) == len(list_files(choice)):
                raise
            continue
        name = f"us_{len(images) + 1}"
        with clock.stage("pictures"):
            pictures = find_pictures(cine)
        with clock.stage("echoes"):
            seen_in_it = [follow(picture, name) for picture in pictures]
        image, slim = keep_frames(name, one, cine, pictures, seen_in_it)
        images.append(image)
        followed += slim
    if not images:
        return None, tuple(lost)
    with clock.stage("findings on ultrasound"):
        sighted = number_after(gather_examination(followed), 0 if ct is None else len(ct.foci.foci))
        seen = describe_ultrasound(sighted.looks, sighted.foci, sighted.motion)
        article = compare_with_article(seen, sighted.foci)
    return UltrasoundRead(tuple(images), sighted, seen, article), tuple(lost)


def list_files(choice: SeriesChoice) -> tuple[Series, ...]:
    """Return every ultrasound file as a series of one instance, in order."""
    return tuple(replace(s, instances=(file,)) for s in choice.ultrasound for file in s.instances)


def bring_together(ct: CtRead | None, sonography: UltrasoundRead | None) -> Joined:
    """Return the findings and patterns of CT, of ultrasound, or of both, and where they disagree."""
    if ct is not None and sonography is not None:
        return join(ct.seen, sonography.seen)
    seen = ct.seen if ct is not None else sonography.seen if sonography is not None else NOTHING_SEEN
    return Joined(seen.findings, seen.patterns, (), seen.findings, seen.patterns)


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


def exam_date(study: Study) -> date | None:
    """Return the day a plan may count from: the study's, unless its header says dates were changed."""
    return None if study.dates_removed else study.date


def pseudonym_key() -> bytes:
    """Return this installation's key for patient pseudonyms, or the public default."""
    named = os.environ.get(PSEUDONYM_KEY_VARIABLE, "")
    return named.encode() if named else DEFAULT_PSEUDONYM_KEY
