"""Opening whatever the user has: folders, files and archives become one study."""

from __future__ import annotations

import warnings
import zipfile
import zlib
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import BinaryIO

import pydicom

from hepalith.errors import NoImageError, UnreadableFileError, UnsupportedModalityError
from hepalith.settings import Settings
from hepalith.study.acquisition import SeriesLeft, Study
from hepalith.study.elements import CannotParseError, looks_like_dicom
from hepalith.study.header import CT_CLASSES, DICOMDIR_CLASS, US_CLASSES, Header, read_header
from hepalith.study.keep import Kept, keep_modality
from hepalith.study.pick import pick_study
from hepalith.study.source import Source, Unreadable, check_archive, open_archive, open_source, walk
from hepalith.study.still_file import StillFile, describe_still_file, is_video
from hepalith.study.volume_file import VolumeFile, describe_volume_file, sniff

__all__ = ["open_study"]

HEAD_BYTES = 32768
"""How much of each file is read to judge it. CT headers are 3 to 20 KiB; longer ones are read on."""

_UNREAD = {
    "MR": "MRI is not read: hepalith reads CT and ultrasound",
    "PT": "PET is not read: give the CT of the examination",
    "IVUS": "ultrasound from within a vessel is not read",
}
_WANTED = "give a CT (DICOM, NIfTI, NRRD, MHA) or ultrasound (DICOM, PNG, JPEG)"
_NO_IMAGE = {
    "SEG": "a segmentation, no image: give it with --liver",
    "RTSTRUCT": "a structure set, no image",
    "SR": "a structured report, no image",
    "PR": "a presentation state, no image",
    "KO": "a key object note, no image",
}


@dataclass(slots=True)
class _Found:
    """What an input holds, gathered while walking it."""

    images: list[Header] = field(default_factory=list)
    others: list[Header] = field(default_factory=list)
    volumes: list[VolumeFile] = field(default_factory=list)
    damaged: list[tuple[str, str]] = field(default_factory=list)
    unreadable: list[tuple[str, str]] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)
    stills: list[StillFile] = field(default_factory=list)
    videos: list[str] = field(default_factory=list)
    roots: set[Path] = field(default_factory=set)
    """Inputs that hold images which say what they are."""
    folders: set[tuple[Path, str]] = field(default_factory=set)
    """Folders that do."""
    captures_are: str = ""
    """The modality that secondary captures are taken for which name none."""


def open_study(inputs: Sequence[Path], settings: Settings) -> Study:
    """Open the one examination that the inputs hold. Only headers are read.

    Files are judged by content, whatever they are called: DICOM with or without preamble,
    NIfTI, NRRD, MetaImage, pictures (PNG, JPEG, GIF, TIFF, BMP, WebP), which are taken for ultrasound, and
    zip archives of those, which are read without unpacking.

    Parameters
    ----------
    inputs
        Files and folders; a DICOMDIR stands for the files it lists.
    settings
        `study_uid` picks where the inputs hold several examinations; `modality` where they hold CT and
        ultrasound, and it is what secondary captures are taken for that do not say; `same_patient` joins
        files that do not say whose they are.

    Raises
    ------
    UnreadableFileError
        An input does not exist, or the only images in it are damaged; an archive is unsafe.
    NoImageError
        Nothing in the inputs is an image.
    UnsupportedModalityError
        There are images, but neither CT nor ultrasound.
    MixedStudiesError
        Two patients, or two dates that are not CT and ultrasound of one patient, without
        `settings.study_uid`; several files that do not say whose they are, without `settings.same_patient`.
    UsageError
        `settings.study_uid` names an examination that is not there.
    """
    found = _Found(captures_are="US" if settings.modality == "US" else "")
    for item in walk([Path(given) for given in inputs]):
        if isinstance(item, Unreadable):
            found.unreadable.append((item.name, item.reason))
        else:
            _look_into(item, found)
    where = ", ".join(str(given) for given in inputs)
    images = [header for header in found.images if header.modality not in _NO_IMAGE]
    stills, left = _meant_stills(found, settings)
    if not images and not found.volumes and not stills:
        _refuse_nothing(found, where)
    kept = Kept(images, found.volumes, stills)
    if settings.modality is not None:
        kept, unasked = keep_modality(kept, settings.modality, where)
        left += unasked
    study = pick_study(kept, found.others, settings, where)
    if not any(not series.unfit for series in study.series):
        _refuse_unfit(study, where)
    return Study(
        uid=study.uid,
        date=study.date,
        identity=study.identity,
        series=study.series,
        dates_removed=study.dates_removed,
        left=study.left + tuple(left) + tuple(_left(found)),
        warnings=study.warnings + tuple(_warnings(found)),
    )


def _look_into(source: Source, found: _Found) -> None:
    """Sort one file, or every member of one archive, to what was found."""
    try:
        with source.path.open("rb") as file:
            kind = _sort(source, file, found)
    except OSError as error:
        reason = (error.strerror or "cannot be opened").lower()
        if source.asked:
            raise UnreadableFileError(f"{source.path}: {reason}; check its permissions") from error
        found.unreadable.append((source.name, reason))
        return
    if kind == "zip":
        _look_into_archive(source, found)
    elif kind == "dicomdir":
        for listed in _listed_in_dicomdir(source):
            _look_into(listed, found)


def _look_into_archive(source: Source, found: _Found) -> None:
    with ExitStack() as stack:
        try:
            archive = stack.enter_context(open_archive(source.path))
            members = check_archive(archive, source.path)
        except UnreadableFileError as error:
            if source.asked:
                raise
            found.damaged.append((source.name, str(error)))
            return
        for member in members:
            inner = Source(source.path, member.filename, given=source.root)
            try:
                with open_source(inner, archive) as file:
                    _sort(inner, file, found)
            except (
                OSError,
                zipfile.BadZipFile,
                NotImplementedError,
                RuntimeError,
                EOFError,
                ValueError,
                zlib.error,
            ) as error:
                where = f"{inner.name}: damaged inside {source.path.name}"
                raise UnreadableFileError(f"{where}; make the archive again") from error


def _sort(source: Source, file: BinaryIO, found: _Found) -> str:
    """Sort one file by its first bytes; return its kind."""
    head = file.read(HEAD_BYTES)
    kind = sniff(head)
    if kind == "zip" and source.member is None:
        return kind if source.asked or source.path.suffix.lower() == ".zip" else _stranger(source, found)
    if kind in ("nifti", "nrrd", "mha"):
        found.volumes.append(describe_volume_file(source, kind, head, file))
        if not found.volumes[-1].label_like:
            _mark(source, found)
    elif kind == "still":
        found.stills.append(describe_still_file(source, head, file))
    elif kind == "dicom" or (not kind and looks_like_dicom(head)):
        return _sort_dicom(source, head, file, found, certain=kind == "dicom")
    else:
        if is_video(head):
            found.videos.append(source.name)
        return _stranger(source, found)
    return kind


def _mark(source: Source, found: _Found) -> None:
    found.roots.add(source.root)
    found.folders.add(source.folder)


def _meant_stills(found: _Found, settings: Settings) -> tuple[list[StillFile], list[SeriesLeft]]:
    """Return the pictures that are meant as ultrasound, and the others as left.

    Beside a CT or DICOM ultrasound lie previews, icons and screenshots of viewers. A picture there is meant
    where it is given by name or in an input of its own, or where the user says that all is of one patient and
    its folder holds nothing but pictures.
    """
    meant, left = [], []
    for still in found.stills:
        source = still.source
        apart = source.asked or source.root not in found.roots
        if apart or (settings.same_patient and source.folder not in found.folders):
            meant.append(still)
        else:
            left.append(
                SeriesLeft(
                    still.uid,
                    f"{source.name}: a picture beside images that say what they are; "
                    "if it is ultrasound of this patient, give it by name with --same-patient",
                )
            )
    return list({still.uid: still for still in reversed(meant)}.values())[::-1], left


def _stranger(source: Source, found: _Found) -> str:
    found.strangers.append(source.name)
    return ""


def _sort_dicom(source: Source, head: bytes, file: BinaryIO, found: _Found, *, certain: bool) -> str:
    try:
        header = read_header(head, source.path, source.member, file, captures_are=found.captures_are)
    except CannotParseError as error:
        if certain:
            found.damaged.append(
                (source.name, f"its header is damaged or cut short ({error})".replace("\n", " "))
            )
            return "dicom"
        return _stranger(source, found)
    if header.sop_class_uid == DICOMDIR_CLASS:
        return "dicomdir" if source.asked else "dicom"
    if not certain and not (header.sop_class_uid or header.modality):
        return _stranger(source, found)
    complete = header.encoding is not None and header.frames and header.has_pixels
    if complete and header.modality not in _NO_IMAGE:
        found.images.append(header)
        _mark(source, found)
    elif header.sop_class_uid in US_CLASSES:
        what = "it holds no pixels: it is cut short, or keeps them in the maker's own format"
        found.damaged.append((source.name, what))
    elif header.sop_class_uid in CT_CLASSES or not header.sop_class_uid:
        found.damaged.append((source.name, "it is cut short: its header ends before the pixels"))
    else:
        found.others.append(header)
    return "dicom"


def _listed_in_dicomdir(source: Source) -> list[Source]:
    """Return the files that a DICOMDIR lists, those that exist inside its folder."""
    folder = source.path.resolve().parent
    listed = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # file ids with dots and small letters are common
        try:
            records = list(pydicom.dcmread(source.path).get("DirectoryRecordSequence") or [])
            names = [record.get("ReferencedFileID") for record in records]
        except (OSError, EOFError, ValueError, KeyError, AttributeError, TypeError) as error:
            raise UnreadableFileError(
                f"{source.name}: a damaged DICOMDIR; give its folder instead"
            ) from error
    for name in names:
        parts = [name] if isinstance(name, str) else [str(part) for part in name or []]
        path = folder.joinpath(*parts).resolve() if parts else folder
        if parts and path.is_relative_to(folder) and path.is_file():
            listed.append(Source(path))
    return listed


def _refuse_nothing(found: _Found, where: str) -> None:
    """Say why the input holds nothing to read."""
    if found.damaged:
        name, reason = found.damaged[0]
        raise UnreadableFileError(f"{name}: {reason}; copy it again from its source")
    kinds = sorted({header.modality for header in found.others})
    if kinds:
        what = "; ".join(_NO_IMAGE.get(kind, f"{kind or 'DICOM'} without pixels") for kind in kinds)
        raise NoImageError(f"{where}: no image in it ({what}); give the CT or the ultrasound itself")
    if found.unreadable:
        name, reason = found.unreadable[0]
        raise UnreadableFileError(f"{name}: {reason}; nothing else in {where} is an image")
    if found.videos:
        raise UnsupportedModalityError(
            f"{found.videos[0]}: a video file, which is not read; export the loop as DICOM, or frames as PNG"
        )
    count = len(found.strangers)
    if count == 1:
        raise NoImageError(
            f"{where}: {PurePosixPath(found.strangers[0]).name} is not an image that hepalith "
            f"reads; {_WANTED}"
        )
    what = "it is empty" if count == 0 else f"none of its {count} files is an image"
    raise NoImageError(f"{where}: {what}; {_WANTED}")


def _refuse_unfit(study: Study, where: str) -> None:
    """Say why no series can be read."""
    modalities = sorted({series.modality for series in study.series})
    if not {"CT", "US"} & set(modalities):
        known = [_UNREAD[m] for m in modalities if m in _UNREAD]
        named = ", ".join(modalities) or "unknown"
        what = "; ".join(known) or f"{named} images are not read: hepalith reads CT and ultrasound"
        raise UnsupportedModalityError(f"{where}: {what}; {_WANTED}")
    ours = [series for series in study.series if series.modality in ("CT", "US")]
    reasons = "; ".join(dict.fromkeys(series.unfit for series in ours))
    if "CT" in modalities:
        raise NoImageError(f"{where}: no CT volume in it ({reasons}); give an axial CT series")
    raise NoImageError(f"{where}: no ultrasound that can be read ({reasons}); give B-mode pictures or loops")


def _left(found: _Found) -> list[SeriesLeft]:
    left = [SeriesLeft("", f"{name}: {reason}") for name, reason in found.damaged + found.unreadable]
    if found.strangers:
        left.append(
            SeriesLeft("", f"{len(found.strangers)} files are no images (first: {found.strangers[0]})")
        )
    return left


def _warnings(found: _Found) -> list[str]:
    if not found.damaged and not found.unreadable:
        return []
    names = [name for name, _ in found.damaged + found.unreadable]
    return [f"{len(names)} files could not be read and are missing from the reading (first: {names[0]})"]
