"""Folders of made studies: written beside their place, and moved there when they are whole."""

from __future__ import annotations

import contextlib
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

from hepalith.errors import OutputExistsError
from hepalith.reading.folder import list_held, one_line_errors, swap_folders

__all__ = ["refuse_foreign", "staged_folder"]


def refuse_foreign(out: Path, *, overwrite: bool, mark: str) -> None:
    """Refuse a folder that must not be replaced: one in use, or one that we did not make.

    Parameters
    ----------
    mark
        A file, relative to `out`, that shows that an earlier run made the folder.

    Raises
    ------
    OutputExistsError
        If `out` holds something and `overwrite` is false, or lacks `mark`.
    OutputError
        If `out` is a file.
    """
    if not list_held(out):
        return
    if not overwrite:
        raise OutputExistsError(f"{out} is not empty; choose another --out, or add --overwrite")
    if not (out / mark).is_file():
        raise OutputExistsError(
            f"{out} was not made by this command; it is left as it is, choose another --out"
        )


@contextlib.contextmanager
def staged_folder(out: Path) -> Iterator[Path]:
    """Give a hidden folder beside `out` to write into; it takes the place of `out` if all goes well."""
    with one_line_errors(out):
        target = out.resolve()
        target.parent.mkdir(parents=True, exist_ok=True)
        staging = target.parent / f".{target.name}.{uuid.uuid4().hex[:8]}"
        staging.mkdir()
        try:
            yield staging
            swap_folders(staging, target)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
