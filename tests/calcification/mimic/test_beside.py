"""Dense bodies beside the liver: those of the hilum are looked at, on the skin or far off they are not."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from hepalith.anatomy.neighbours import Neighbours
from hepalith.calcification.mimic.beside import AIR_HU, REACH_MM, Outside, find_beside
from hepalith.geometry import Box

SHAPE = (16, 60, 90)
SPACING = (2.0, 1.0, 1.0)
LIVER_END = 30
"""The liver fills the columns before this one."""


class NoGallbladder(Neighbours):
    """Neighbours that were looked for, and no gallbladder among them."""

    def box_of(self, name: str) -> Box:
        del name
        return Box((0, 0, 0), (0, 0, 0))


def found(hu: NDArray[np.int16]) -> int:
    """Return how many bodies are found beside a liver."""
    liver = np.zeros(SHAPE, np.bool_)
    liver[:, :, :LIVER_END] = True
    neighbours = object.__new__(NoGallbladder)
    outside = Outside(Box((0, 0, 0), SHAPE), liver, 60.0, 8.0, np.zeros((0, 3)), None, neighbours)
    return len(find_beside(hu, SPACING, np.zeros(SHAPE, np.int32), outside))


def soft_tissue(column: int, hu: int = 1500) -> NDArray[np.int16]:
    """Return soft tissue with a dense body of 4 mm at a column."""
    image = np.full(SHAPE, 50, np.int16)
    image[7:9, 28:32, column : column + 4] = hu
    return image


@pytest.mark.parametrize(("mm_off", "count"), [(8, 1), (REACH_MM - 4, 1), (REACH_MM + 6, 0)])
def test_what_lies_too_far_from_the_liver_is_not_of_its_hilum(mm_off: float, count: int) -> None:
    assert found(soft_tissue(LIVER_END + int(mm_off))) == count


@pytest.mark.parametrize(("air", "count"), [(True, 0), (False, 1)])
def test_an_electrode_on_the_skin_is_no_clip_of_the_hilum(air: bool, count: int) -> None:
    image = soft_tissue(LIVER_END + 12)
    if air:
        image[:, :, LIVER_END + 16 :] = 3 * AIR_HU
    assert found(image) == count
