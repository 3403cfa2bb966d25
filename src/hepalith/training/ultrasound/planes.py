"""Planes for training, simulated once and kept on the disk."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hepalith.training.ultrasound.scene import SHAPE, make_plane

__all__ = ["Planes", "load_planes", "simulate_planes"]

FILES = ("levels.npy", "labels.npy", "ranges.npy")


@dataclass(frozen=True, slots=True, eq=False)
class Planes:
    """Planes by number: `levels` float16 dB and `labels` uint8 (plane, sample, line), `ranges` dB (plane)."""

    levels: NDArray[np.float16]
    labels: NDArray[np.uint8]
    ranges: NDArray[np.float32]


def simulate_planes(out: Path, count: int, first: int) -> None:
    """Simulate planes of `count` seeds from `first` into a folder: 0.1 s and 150 kB each."""
    out.mkdir(parents=True, exist_ok=True)
    kinds = (np.float16, np.uint8, np.float32)
    shapes = ((count, *SHAPE), (count, *SHAPE), (count,))
    levels, labels, ranges = (
        np.lib.format.open_memmap(out / name, mode="w+", dtype=kind, shape=shape)
        for name, kind, shape in zip(FILES, kinds, shapes, strict=True)
    )
    for n in range(count):
        plane = make_plane(first + n)
        levels[n], labels[n], ranges[n] = plane.level_db, plane.labels, plane.dynamic_range_db
    for array in (levels, labels, ranges):
        array.flush()


def load_planes(folder: Path) -> Planes:
    """Return the planes of a folder; they stay on the disk."""
    return Planes(*(np.load(folder / name, mmap_mode="r") for name in FILES))
