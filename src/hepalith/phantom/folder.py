"""The folder of a phantom study: its images, label maps and truth."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hepalith.phantom.dicom import SeriesHeader, write_dicom_series
from hepalith.phantom.nifti import write_nifti
from hepalith.phantom.scanner.scanner import Scanner
from hepalith.phantom.scene import ORGANS, Scan
from hepalith.phantom.truth import Truth, write_truth

__all__ = ["write_study_folder"]

AGENT = "iodinated contrast (simulated)"
"""What the header says of an enhanced scan's contrast agent."""


def write_study_folder(
    out: Path,
    scan: Scan,
    scanner: Scanner,
    truth: Truth,
    maps: dict[str, NDArray[np.uint8]] | None = None,
) -> None:
    """Write a made study.

    Writes ``dicom/`` (the CT series), ``liver.nii.gz``, ``organs.nii.gz`` (labels of
    `hepalith.phantom.ORGANS`), ``foci_truth.nii.gz``, ``mimics_truth.nii.gz``, each of `maps` as
    ``NAME.nii.gz``, and ``truth.json``. The same study and version give the same bytes.

    Parameters
    ----------
    out
        Folder; made if absent.
    scan, scanner, truth
        The study.
    maps
        Further label maps on the image's grid, by name.

    Raises
    ------
    OutputError
        If a file cannot be written.
    """
    enhanced = truth.phase in ("arterial", "portal", "delayed")
    header = SeriesHeader(
        key=f"hepalith {truth.kind} {truth.version} {truth.seed} {truth.voxels_sha256 or ''}",
        patient_id=f"PHANTOM-{truth.seed}",
        description=f"Abdomen {truth.phase if enhanced else 'without contrast'} (simulated)",
        kernel=scanner.kernel,
        kvp=scanner.kvp,
        slice_thickness_mm=scanner.slice_thickness_mm,
        contrast_agent=AGENT if enhanced else "",
    )
    write_dicom_series(scan.volume, out / "dicom", header)
    grid = scan.volume.grid
    write_nifti(out / "liver.nii.gz", (scan.organs == ORGANS["liver"]).astype(np.uint8), grid)
    write_nifti(out / "organs.nii.gz", scan.organs, grid)
    write_nifti(out / "foci_truth.nii.gz", scan.foci.astype(np.uint16), grid)
    write_nifti(out / "mimics_truth.nii.gz", scan.mimics.astype(np.uint16), grid)
    for name, labels in (maps or {}).items():
        write_nifti(out / f"{name}.nii.gz", labels, grid)
    write_truth(truth, out / "truth.json")
