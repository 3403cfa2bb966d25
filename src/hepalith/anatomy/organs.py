"""What the network saw of every organ, as later stages use it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hepalith.anatomy.coarse import Coarse

__all__ = ["CLASSES", "Organs"]

CLASSES = (
    "background",
    "liver",
    "gallbladder",
    "spleen",
    "kidney",
    "stomach",
    "bowel",
    "pancreas",
    "aorta",
    "vena_cava",
    "heart",
    "lung",
    "bone",
)
"""What the network tells apart, by label."""


@dataclass(frozen=True, slots=True, eq=False)
class Organs:
    """Probability of every class.

    Parameters
    ----------
    coarse
        The copy of the scan at 6 mm on which the network looked.
    probability
        float32, shape (class, slice, row, column) on that copy, summing to 1 over `CLASSES`.
    """

    coarse: Coarse
    probability: NDArray[np.float32]

    def of(self, name: str) -> NDArray[np.float32]:
        """Return the probability of one class."""
        found: NDArray[np.float32] = self.probability[CLASSES.index(name)]
        return found

    def on(self, other: Coarse, *names: str) -> NDArray[np.float32]:
        """Return the probability of any of some classes, interpolated on another copy of the same scan."""
        field: NDArray[np.float32] = np.asarray(sum(self.of(name) for name in names), dtype=np.float32)
        for axis in range(3):
            at = other.first[axis] + np.arange(other.hu.shape[axis]) * other.step[axis]
            at = np.clip((at - self.coarse.first[axis]) / self.coarse.step[axis], 0, field.shape[axis] - 1)
            low = np.floor(at).astype(np.intp)
            high = np.minimum(low + 1, field.shape[axis] - 1)
            view = [1, 1, 1]
            view[axis] = -1
            weight = (at - low).astype(np.float32).reshape(view)
            field = field.take(low, axis) * (1 - weight) + field.take(high, axis) * weight
        return field
