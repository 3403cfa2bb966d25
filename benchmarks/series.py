"""Make the series that speed is measured on: 512 x 512 x 400, uncompressed, with its liver mask.

Run: ``python benchmarks/series.py FOLDER [SLICES]``. Writes ``FOLDER/dicom`` and ``FOLDER/liver.nii.gz``.
The demo phantom, without noise, is interpolated to the larger matrix and given noise slice by slice:
a body with a liver, foci and mimics, as large as the largest routine CT, in seconds.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import scipy.ndimage as ndi
from numpy.typing import NDArray

from hepalith.geometry import Grid
from hepalith.image import Volume
from hepalith.phantom import ORGANS, Scanner, SeriesHeader, make_demo, write_dicom_series, write_nifti
from hepalith.phantom.scanner.noise import make_noise

MATRIX, SLICES = 512, 400
"""Size of the series: 200 MiB of int16."""

NOISE_HU = 14.0
"""Noise of thin slices after a soft kernel."""

NOISE_SLICES = 24
"""Slices of noise made; the others are shifted copies."""


def enlarge(volume: Volume, slices: int) -> Volume:
    """Return the volume interpolated to the larger matrix and given noise."""
    zoom = MATRIX / volume.hu.shape[1]
    wide = np.stack([ndi.zoom(s.astype(np.float32), zoom, order=1) for s in volume.hu])
    scanner = replace(Scanner(), matrix=MATRIX, slices=NOISE_SLICES, pixel_mm=volume.spacing_mm[1] / zoom)
    noise = make_noise(scanner, np.random.default_rng(0)) * np.float32(NOISE_HU)
    random = np.random.default_rng(1)
    hu = np.empty((slices, MATRIX, MATRIX), dtype=np.int16)
    for k, at in enumerate(np.linspace(0, volume.hu.shape[0] - 1, slices)):
        below = min(int(at), volume.hu.shape[0] - 2)
        share = np.float32(at - below)
        blend = (1 - share) * wide[below] + share * wide[below + 1]
        shift = random.integers(0, MATRIX, 2)
        blend += np.roll(noise[k % NOISE_SLICES], shift, axis=(0, 1))
        hu[k] = np.clip(np.rint(blend), -1024, 3071)
    return Volume(hu, enlarged_grid(volume.grid, slices))


def enlarged_grid(grid: Grid, slices: int) -> Grid:
    """Return the grid that covers the same body with more voxels."""
    affine = grid.affine.copy()
    affine[:3, 0] *= (grid.shape[0] - 1) / (slices - 1)
    affine[:3, 1:3] *= (grid.shape[1] - 1) / (MATRIX - 1)
    return Grid((slices, MATRIX, MATRIX), affine)


def enlarge_mask(mask: NDArray[np.bool_], slices: int) -> NDArray[np.uint8]:
    """Return the mask on the larger grid, by the nearest voxel."""
    picks = [
        np.rint(np.linspace(0, n - 1, m)).astype(int)
        for n, m in zip(mask.shape, (slices, MATRIX, MATRIX), strict=True)
    ]
    return np.asarray(mask[np.ix_(*picks)], dtype=np.uint8)


def make_series(folder: Path, slices: int = SLICES) -> None:
    """Write the series and its liver mask."""
    study = make_demo(1, Scanner(noise_hu=0.0))
    volume = enlarge(study.scan.volume, slices)
    mask = enlarge_mask(study.scan.organs == ORGANS["liver"], slices)
    header = SeriesHeader(key=f"hepalith speed {slices}", slice_thickness_mm=volume.spacing_mm[0])
    write_dicom_series(volume, folder / "dicom", header)
    write_nifti(folder / "liver.nii.gz", mask, volume.grid)


if __name__ == "__main__":
    make_series(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else SLICES)
