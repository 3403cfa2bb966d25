"""What an input holds that is read, by modality; and files that do not say whose they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hepalith.errors import MixedStudiesError, NoImageError, UsageError
from hepalith.settings import Settings
from hepalith.study.acquisition import Identity, Series, SeriesLeft, Study
from hepalith.study.header import Header
from hepalith.study.still_file import StillFile
from hepalith.study.uid import make_uid
from hepalith.study.volume_file import VolumeFile

__all__ = ["MAX_LISTED", "Kept", "keep_modality", "pick_nameless"]

MAX_LISTED = 8
"""Most examinations named in one error line; the rest are counted."""


@dataclass(frozen=True, slots=True)
class Kept:
    """The images of an input: DICOM files, volumes in one file, pictures."""

    images: Sequence[Header] = ()
    volumes: Sequence[VolumeFile] = ()
    stills: Sequence[StillFile] = ()


def keep_modality(kept: Kept, modality: str, where: str) -> tuple[Kept, list[SeriesLeft]]:
    """Return what is of the modality that the user asked for, and the rest as left.

    Volumes in one file are CT, pictures are ultrasound.

    Raises
    ------
    NoImageError
        If nothing is of that modality.
    """
    reason = f"--modality {modality} asked for another"
    ultrasound = modality == "US"
    images = [header for header in kept.images if (header.modality == "US") == ultrasound]
    volumes, stills = ([], kept.stills) if ultrasound else (kept.volumes, [])
    left = [
        SeriesLeft(uid, f"{kind}: {reason}")
        for uid, kind in dict.fromkeys(
            (header.series_uid, header.description or header.modality)
            for header in kept.images
            if header not in images
        )
    ]
    dropped = kept.volumes if ultrasound else kept.stills
    left += [SeriesLeft(file.uid, f"{file.source.name}: {reason}") for file in dropped]
    if not images and not volumes and not stills:
        named = {"CT": "CT", "US": "ultrasound"}.get(modality, modality)
        raise NoImageError(
            f"{where}: no {named} in it, as --modality {modality} asks for; leave the option out"
        )
    return Kept(images, volumes, stills), left


def pick_nameless(kept: Kept, settings: Settings, where: str) -> Study:
    """Return the study of files that do not say whose they are: of one, or of several where the user says so.

    Label maps that lie beside a volume in a folder are left.

    Raises
    ------
    MixedStudiesError, UsageError, NoImageError
        See `open_study`.
    """
    files: list[VolumeFile | StillFile] = [*kept.volumes, *kept.stills]
    by_uid = {file.uid: file for file in files}
    wanted: list[VolumeFile | StillFile]
    if settings.study_uid is not None:
        if settings.study_uid not in by_uid:
            raise UsageError(f"{where}: no study {settings.study_uid} in it; there are: {_named(files)}")
        wanted = [by_uid[settings.study_uid]]
    else:
        wanted = [*_wanted_volumes(kept), *kept.stills]
    if not wanted:
        raise NoImageError(f"{where}: no image in it; give a CT or ultrasound")
    if len({file.uid for file in wanted}) > 1 and not settings.same_patient:
        kind = "files" if kept.volumes and kept.stills else ("pictures" if kept.stills else "volumes")
        raise MixedStudiesError(
            f"{where}: {len(wanted)} {kind} that do not say whose they are ({_named(wanted)}); "
            "give one, add --same-patient if they are of one patient and examination, "
            "or pick with --study UID"
        )
    left = tuple(
        SeriesLeft(file.uid, f"{file.source.name}: not the {_kind(wanted[0])} that was read")
        for file in files
        if file.uid not in {chosen.uid for chosen in wanted}
    )
    return _join({file.uid: file for file in wanted}, left)


def _wanted_volumes(kept: Kept) -> list[VolumeFile]:
    asked = [volume for volume in kept.volumes if volume.source.asked]
    if asked or kept.stills:
        return asked or [volume for volume in kept.volumes if not volume.label_like]
    return [volume for volume in kept.volumes if not volume.label_like] or list(kept.volumes)[:1]


def _kind(file: VolumeFile | StillFile) -> str:
    return "volume" if isinstance(file, VolumeFile) else "picture"


def _named(files: Sequence[VolumeFile | StillFile]) -> str:
    listed = "; ".join(f"{file.source.name}, --study {file.uid}" for file in files[:MAX_LISTED])
    return listed + (f"; and {len(files) - MAX_LISTED} more" if len(files) > MAX_LISTED else "")


def _join(files: dict[str, VolumeFile | StillFile], left: tuple[SeriesLeft, ...]) -> Study:
    """Return the study of files of one examination; the names of volumes describe them."""
    alone = len(files) == 1
    uid = next(iter(files)) if alone else make_uid("study", *sorted(files))
    series: list[Series] = []
    for file in files.values():
        described = isinstance(file, VolumeFile) and not alone
        name = file.source.name.partition(".")[0] if described else ""
        series.append(file.as_series(uid, name) if isinstance(file, VolumeFile) else file.as_series(uid))
    return Study(uid, None, Identity(), tuple(series), left=left)
