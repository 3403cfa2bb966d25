"""NIfTI files of phantoms: images and label maps, written in the working order or as the source was."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from numpy.typing import NDArray

from hepalith.errors import OutputError
from hepalith.geometry import Grid, StoredOrder

__all__ = ["write_nifti"]

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
"""NIfTI's world runs to the right, the front and the head's opposite signs of DICOM's."""


def write_nifti(path: Path, array: NDArray[Any], grid: Grid, stored_order: StoredOrder | None = None) -> None:
    """Write an array of the working order as NIfTI, on the axes of the file that it came from.

    `stored_order` names a source's axes from the slowest in the file to the fastest, so NIfTI's axes
    are those read backwards; without it the file's axes run along x, y, z.

    Written apart from `hepalith.image`'s writer on purpose: a fault in one shows against the other.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    if stored_order is None:
        stored_order = StoredOrder()
    stored = stored_order.to_stored(array).T
    affine = LPS_TO_RAS @ stored_order.stored_grid(grid).affine[:, [2, 1, 0, 3]]
    image = nibabel.Nifti1Image(stored, affine, dtype=stored.dtype)  # type: ignore[no-untyped-call]
    image.header.set_xyzt_units("mm")  # type: ignore[no-untyped-call]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        nibabel.save(image, path)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}; choose another --out") from error
