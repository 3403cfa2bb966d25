"""A volume to be read, and everything that is true of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from hepalith.evaluation.observer import NoisePower, Render
from hepalith.image import Volume
from hepalith.phantom import FocusTruth
from hepalith.phantom.truth import HostEntry, PatternEntry
from hepalith.study import Acquisition

__all__ = ["DrawnStudy", "Examination"]


@dataclass(frozen=True, slots=True, eq=False)
class Examination:
    """One scan with its answers.

    Parameters
    ----------
    volume, acquisition
        What the product is given.
    liver
        bool, the volume's shape: the true liver.
    truths, mimics
        What was put in: calcifications, and what only looks like them.
    foci_map, mimics_map
        int32 label maps of them, the volume's shape; label = `FocusTruth.id`.
    signals
        For each of `truths`, in order: what it adds to the image, HU, noise-free, in its own box;
        empty where that is not known.
    cut
        Foci that lie only in part in the image: neither to be found nor false where they are.
    liver_known
        Whether `liver` is the truth, and not where foci were put for want of it.
    organs
        uint8 label map of every organ; ``None`` where nobody knows (a real scan).
    hosts, patterns
        Lesions that were put in, and arrangements of the foci; ``None`` where nobody knows.
    """

    volume: Volume
    acquisition: Acquisition
    liver: NDArray[np.bool_]
    truths: tuple[FocusTruth, ...]
    foci_map: NDArray[np.int32]
    mimics: tuple[FocusTruth, ...]
    mimics_map: NDArray[np.int32]
    cut: tuple[FocusTruth, ...] = ()
    signals: tuple[NDArray[np.float32], ...] = ()
    organs: NDArray[np.uint8] | None = None
    liver_known: bool = True
    hosts: tuple[HostEntry, ...] | None = None
    patterns: tuple[PatternEntry, ...] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class DrawnStudy:
    """A study of a set: how it was drawn, and the examinations that can be made of it.

    Parameters
    ----------
    key
        Name within the set.
    seed, split, kind
        What drew it; ``"development"`` or ``"test"``; the kind of set.
    phase
        True contrast phase; ``"unknown"`` for a real scan.
    scanner, body
        What is true of the scan (mm, HU) and of the anatomy.
    make
        Makes the examination itself; where the clean one was made already it is handed over, so that
        it need not be scanned again.
    make_again
        The same body again: other noise, shifted grid. ``None`` where it is not to be scanned again.
    make_clean
        The same scan with nothing put in; ``None`` where it is not to be had.
    add_spheres
        Puts spheres of one diameter (mm) and contrast (HU) into the clean scan.
    render, noise
        The scanner as the ideal observer knows it; ``None`` where its noise is not known.
    noise_hu
        True noise in the liver.
    hu_per_mg_ml
        The scanner's true calibration; ``None`` where no mass is asked for.
    """

    key: str
    seed: int
    split: str
    kind: str
    phase: str
    scanner: Mapping[str, float | str]
    make: Callable[[Examination | None], Examination]
    make_again: Callable[[], Examination] | None = None
    make_clean: Callable[[], Examination] | None = None
    add_spheres: Callable[[Examination, float, float], Examination] | None = None
    render: Render | None = None
    noise: Callable[[], NoisePower] | None = None
    hu_per_mg_ml: float | None = None
    body: Mapping[str, float | str] = field(default_factory=lambda: MappingProxyType({}))
