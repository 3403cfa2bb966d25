"""What beam hardening leaves in the image: dark bands between bones, and cupping.

The scanner corrects its readings as if all were water. A ray through mineral then reads too little,
the more so the more it has passed; reconstructed, the shortfall darkens what lies between dense
bones. The whole is worked out for rays through a coarse lattice of the patient and laid over the
image: it changes slowly, but close to a bone's own edge, where it is coarse.

References
----------
.. [1] P. M. Joseph, R. D. Spital, "A method for correcting bone induced artifacts in computed tomography
       scanners", Journal of Computer Assisted Tomography 2:100-108, 1978.
       doi:10.1097/00004728-197801000-00017
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hepalith.phantom.scanner.projector import FIELD, Projector
from hepalith.phantom.scanner.scanner import Scanner

__all__ = ["find_hardening", "water_and_mineral"]

SOFT_HU = 100.0
"""Above this what raises HU counts as mineral (or iodine): denser than any unenhanced soft tissue."""

CUPPING_PER_MM = 1.3e-4
"""Share by which water reads short, for each mm beyond the 250 mm that the scale is set for.

Fits the error of uncorrected water in ``benchmarks/spectra.py`` within 2 mm from 100 to 400 mm.
"""

REFERENCE_MM = 250.0
"""Length of water for which HU are defined (`hepalith.phantom.scanner.spectrum`)."""

Array = NDArray[np.float32]


def water_and_mineral(hu: Array) -> tuple[Array, Array]:
    """Return what of HU counts as water (1 in water) and what as mineral's excess (HU/1000)."""
    mineral = np.maximum(hu - np.float32(SOFT_HU), np.float32(0)) / np.float32(1000)
    water = np.minimum(hu, np.float32(SOFT_HU)) / np.float32(1000) + np.float32(1)
    return np.asarray(water, dtype=np.float32), np.asarray(mineral, dtype=np.float32)


def find_hardening(scanner: Scanner, water: Array, mineral: Array, projector: Projector = FIELD) -> Array:
    """Return what hardening adds to the image, HU, (row, column, level), from line integrals in mm."""
    w, b = water / np.float32(100), mineral / np.float32(100)
    a0, a1, a2, a3, a4 = (np.float32(a) for a in scanner.beam.bone_error)
    short = b * (a0 + a1 * w + a2 * b + a3 * w * b + a4 * w * w)
    error = np.float32(scanner.hardening) * np.where(b > 0, short, np.float32(0))
    if scanner.cupping:
        cup = water * (np.float32(REFERENCE_MM) - water) * np.float32(CUPPING_PER_MM)
        error = error + np.float32(scanner.cupping) * cup
    return projector.reconstruct(error) * np.float32(1000)
