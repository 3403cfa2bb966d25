"""The folder of a sonogram phantom: its image, label maps and truth."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from hepalith.errors import OutputError
from hepalith.geometry import Grid
from hepalith.phantom.nifti import write_nifti
from hepalith.phantom.ultrasound.dicom import ENCODINGS, SonoHeader, write_sono_dicom
from hepalith.phantom.ultrasound.entry import SonoPhantom
from hepalith.phantom.ultrasound.truth import write_sono_truth

__all__ = ["write_sono_folder"]


def write_sono_folder(made: SonoPhantom, out: Path, *, png: bool = False, dicom: bool = True) -> None:
    """Write a made sonogram; the same phantom and version give the same bytes.

    Writes ``dicom/US0001.dcm`` (encoding drawn from the seed) or, with `png`, ``image.png`` (of a loop one
    PNG a frame in ``frames/``), ``foci_truth.nii.gz`` and ``tissue_truth.nii.gz`` on the screen's grid (one
    slice; of a loop its first frame), and ``truth.json``.

    Raises
    ------
    OutputError
        If a file cannot be written.
    """
    truth, cine = made.truth, made.cine
    try:
        out.mkdir(parents=True, exist_ok=True)
        if png and cine.grey.shape[0] == 1:
            Image.fromarray(cine.grey[0]).save(out / "image.png")
        elif png:
            (out / "frames").mkdir(exist_ok=True)
            for number, frame in enumerate(cine.grey):
                Image.fromarray(frame).save(out / "frames" / f"{number:04d}.png")
    except OSError as error:
        raise OutputError(f"cannot write to {out}: {error.strerror}; choose another --out") from error
    if dicom and not png:
        rng = np.random.default_rng([0x07, truth.seed])
        header = SonoHeader(
            key=f"hepalith us {truth.kind} {truth.version} {truth.seed} {truth.contents} {truth.frames}",
            encoding=str(rng.choice(ENCODINGS, p=(0.4, 0.15, 0.2, 0.25))),
            patient_id=f"PHANTOM-{truth.seed}",
        )
        write_sono_dicom(cine, out / "dicom" / "US0001.dcm", header)
    mm = truth.mm_per_px
    affine = np.array([[0, 0, mm, 0], [0, mm, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1]], dtype=np.float64)
    grid = Grid((1, *cine.shape_px), affine)
    write_nifti(out / "foci_truth.nii.gz", made.labels[None].astype(np.uint8), grid)
    write_nifti(out / "tissue_truth.nii.gz", made.tissue[None], grid)
    if png or not dicom:
        truth = replace(truth, header={"mm_per_px": None, "settings": False})
    write_sono_truth(truth, out / "truth.json")
