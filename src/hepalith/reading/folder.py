"""The reading folder: written whole or not at all, and read back."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import uuid
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from hepalith.errors import HepalithError, OutputError, OutputExistsError
from hepalith.geometry import Grid
from hepalith.image.save import save_map
from hepalith.reading.document import SCHEMA, to_json
from hepalith.reading.reading import Maps, Reading, Run
from hepalith.reading.sonogram_maps import OTHER_FOCI, OTHER_PICTURES, stacked
from hepalith.reading.source import source_json

__all__ = ["FOLDER_FILES", "Writer", "private_folder", "refuse_occupied", "write_folder"]

Writer = Callable[[Reading, Path], None]
"""Writes one file of a reading: the report, a PDF, a DICOM object. Rooms above `reading` bring theirs."""

FOLDER_FILES = frozenset(
    {
        "reading.json",
        "report.html",
        "report.pdf",
        "patient.html",
        "patient.pdf",
        "liver.nii.gz",
        "segments.nii.gz",
        "foci.nii.gz",
        "hosts.nii.gz",
        "ducts.nii.gz",
        "liver_box.nii.gz",
        OTHER_PICTURES,
        OTHER_FOCI,
        "segmentation.dcm",
        "measurements.dcm",
        "bundle.fhir.json",
        "follow_up.ics",
        "report_pdf.dcm",
        "key_images.dcm",
        "source.json",
        "run.json",
    }
)
"""Every file that a reading folder may hold. Overwriting removes nothing else."""

PRIVATE_MODE = 0o600
"""Permissions of ``source.json``, which names the patient: only its owner reads it."""


def write_folder(
    reading: Reading,
    out: Path,
    *,
    overwrite: bool = False,
    writers: Mapping[str, Writer] | None = None,
    run: Callable[[], Run] = Run,
    afterwards: Callable[[Path], None] | None = None,
) -> Path:
    """Write a reading into its folder, which appears whole or not at all.

    Everything is written into a hidden folder beside `out` (inside it, where `out` is a mount
    or its parent cannot be written) and moved into place when the last file is complete.

    Parameters
    ----------
    out
        The folder. It may be absent or empty; else `overwrite` must be true and all that it holds
        must be a reading's.
    writers
        By file name, one of `FOLDER_FILES`: further files, written from the reading.
    run
        Gives what ``run.json`` says, the only file that differs between two runs. Called when all
        but it is written, so that it can say how long the writing took.
    afterwards
        Called with the folder before it is put into place, when all but ``run.json`` stands: writes what
        is made from the folder itself.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    OutputExistsError
        If `out` holds something and may not be overwritten.
    OutputError
        If the disk is full, or the place cannot be written.
    """
    refuse_occupied(out, overwrite=overwrite)
    target = out.resolve()
    unknown = set(writers or ()) - FOLDER_FILES
    if unknown:
        raise ValueError(f"no file of a reading folder: {', '.join(sorted(unknown))}")
    with one_line_errors(out):
        target.parent.mkdir(parents=True, exist_ok=True)
        inside = must_stage_inside(target)
        staging = (target if inside else target.parent) / f".{target.name}.{uuid.uuid4().hex[:8]}"
        staging.mkdir()
        try:
            write_files(reading, staging, writers or {})
            if afterwards is not None:
                afterwards(staging)
            (staging / "run.json").write_text(json_text(asdict(run())), encoding="utf-8")
            if inside:
                move_files(staging, target)
            else:
                swap_folders(staging, target)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
    return out


@contextlib.contextmanager
def private_folder(out: Path) -> Iterator[Path]:
    """Give a hidden folder inside the folder `out`, from which finished files can be moved into it.

    It is gone at the end, whatever happened.

    Raises
    ------
    OutputError
        If `out` cannot be written.
    """
    with one_line_errors(out):
        staging = out / f".{uuid.uuid4().hex[:8]}"
        staging.mkdir(mode=0o700)
        try:
            yield staging
        finally:
            shutil.rmtree(staging, ignore_errors=True)


def list_held(out: Path) -> list[str]:
    """Return the names of what lies in the folder `out`; nothing where there is no such folder.

    Raises
    ------
    OutputError
        If `out` is a file, or cannot be looked into.
    """
    with one_line_errors(out):
        if not out.exists():
            return []
        if not out.is_dir():
            raise OutputError(f"{out} is a file; name a folder with --out")
        return sorted(entry.name for entry in out.iterdir())


def refuse_occupied(out: Path, *, overwrite: bool) -> None:
    """Refuse a folder that must not be written to; called before the work as well as after it.

    Raises
    ------
    OutputExistsError
        If `out` is a non-empty folder and `overwrite` is false, or it holds what is no reading's.
    OutputError
        If `out` is a file.
    """
    held = list_held(out)
    if not held:
        return
    if not overwrite:
        raise OutputExistsError(f"{out} is not empty; choose another --out, or add --overwrite")
    foreign = [name for name in held if name not in FOLDER_FILES]
    if foreign or not is_reading(out / "reading.json"):
        what = f"holds {foreign[0]}, which is no file of a reading" if foreign else "holds no reading"
        raise OutputExistsError(
            f"{out} {what}; it is left as it is: move that away, or choose another folder"
        )


def is_reading(path: Path) -> bool:
    """Return whether a file begins as a ``reading.json`` of any version does."""
    try:
        with path.open(encoding="utf-8") as file:
            return SCHEMA.rpartition("/")[0] in file.read(200)
    except (OSError, UnicodeDecodeError):
        return False


def must_stage_inside(target: Path) -> bool:
    """Return whether `target` cannot be replaced as a whole: a mount, or a parent that is read-only."""
    if not target.exists():
        return False
    return target.is_mount() or not os.access(target.parent, os.W_OK | os.X_OK)


def write_files(reading: Reading, folder: Path, writers: Mapping[str, Writer]) -> None:
    """Write every file of the reading but ``run.json`` into `folder`."""
    with ThreadPoolExecutor(1) as beside:  # the HU take longest to squeeze: the pages are made meanwhile
        written = beside.submit(write_crop, reading.maps, folder)
        write_maps(reading.maps, folder)
        for name in sorted(writers):
            writers[name](reading, folder / name)
        if not reading.source.is_hidden:
            write_private(folder / "source.json", source_json(reading.source))
        (folder / "reading.json").write_text(to_json(reading.document), encoding="utf-8")
        written.result()


def write_crop(maps: Maps, folder: Path) -> None:
    """Write the HU that a reading keeps; nothing where no liver is in view."""
    if not maps.box.is_empty:
        crop = maps.volume
        save_map(folder / "liver_box.nii.gz", crop.hu, crop.grid, crop.stored_order)


def write_maps(maps: Maps, folder: Path) -> None:
    """Write every map of labels, and the ultrasound pictures kept beside a CT."""
    save_map(folder / "liver.nii.gz", maps.liver, maps.grid, maps.stored_order, box=maps.box)
    save_map(folder / "foci.nii.gz", maps.foci, maps.grid, maps.stored_order, box=maps.box)
    for name in ("segments", "ducts", "hosts"):
        labels = getattr(maps, name)
        if labels is not None:
            save_map(folder / f"{name}.nii.gz", labels, maps.grid, maps.stored_order, box=maps.box)
    if maps.others:
        grey, foci = stacked(maps)
        plain = Grid((grey.shape[0], grey.shape[1], grey.shape[2]), np.eye(4)[[2, 1, 0, 3]])
        save_map(folder / OTHER_PICTURES, grey, plain)
        save_map(folder / OTHER_FOCI, foci, plain)


def json_text(value: Any) -> str:
    """Return `value` as indented JSON with a newline at its end."""
    return json.dumps(value, ensure_ascii=False, indent=1, allow_nan=False, default=str) + "\n"


def write_private(path: Path, text: str) -> None:
    """Write a file that nobody but its owner can read, at no moment."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_MODE)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)


def swap_folders(staging: Path, target: Path) -> None:
    """Put `staging` in the place of `target`; the old folder goes only when the new one stands."""
    if not target.exists():
        staging.rename(target)
        return
    old = staging.with_name(f"{staging.name}.old")
    target.rename(old)
    try:
        staging.rename(target)
    except OSError:
        old.rename(target)
        raise
    shutil.rmtree(old, ignore_errors=True)


def move_files(staging: Path, target: Path) -> None:
    """Move the files of `staging` up into `target`, the reading last, and drop files of an older one."""
    names = sorted(path.name for path in staging.iterdir())
    names.sort(key=lambda name: name == "reading.json")
    (target / "reading.json").unlink(missing_ok=True)
    for name in names:
        (staging / name).replace(target / name)
    for stale in FOLDER_FILES - set(names):
        (target / stale).unlink(missing_ok=True)


@contextlib.contextmanager
def one_line_errors(out: Path) -> Iterator[None]:
    """Turn what the operating system says about writing into one line with what to do next."""
    try:
        yield
    except OutputError as error:
        cause = error.__cause__
        if isinstance(cause, OSError) and cause.errno == errno.ENOSPC:
            raise OutputError(
                f"{out} cannot be written: {error}; free some space or choose another folder"
            ) from cause
        raise
    except HepalithError:
        raise  # some are an OSError too, and say in their own words what is wrong
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        advice = (
            "free some space or"
            if error.errno in (errno.ENOSPC, errno.EDQUOT)
            else "check the permissions or"
        )
        raise OutputError(f"{out} cannot be written ({reason}); {advice} choose another folder") from error
