"""Greatest and least of windows are those of the filters that ask pixel by pixel."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import pytest
from scipy import ndimage

from hepalith.image.running import running_max, running_min


@pytest.mark.parametrize("shape", [(1, 9), (5, 7), (30, 41)])
@pytest.mark.parametrize("size", [1, 3, 5, 7, 9, 13, 31])
@pytest.mark.parametrize("axis", [0, 1])
def test_windows_are_those_of_the_slow_filter(shape: tuple[int, int], size: int, axis: int) -> None:
    grey = np.random.default_rng(size).integers(0, 256, shape, dtype=np.uint8)
    most = ndimage.maximum_filter1d(grey, size, axis=axis, mode="nearest")
    least = ndimage.minimum_filter1d(grey, size, axis=axis, mode="nearest")
    assert np.array_equal(running_max(grey, size, axis), most)
    assert np.array_equal(running_min(grey, size, axis), least)


def test_input_is_left_as_it_was() -> None:
    grey = np.arange(12, dtype=np.uint8).reshape(3, 4)
    kept = grey.copy()
    running_max(grey, 1, 0)[:] = 0
    running_min(grey, 3, 1)[:] = 0
    assert np.array_equal(grey, kept)


def test_doubling_is_faster_than_asking_every_pixel() -> None:
    grey = np.random.default_rng(0).integers(0, 256, (600, 800), dtype=np.uint8)

    def best(work: Callable[[], object]) -> float:
        taken = []
        for _ in range(5):
            start = time.process_time()
            work()
            taken.append(time.process_time() - start)
        return min(taken)

    doubled = best(lambda: running_max(grey, 9, 0))
    asked = best(lambda: ndimage.maximum_filter1d(grey, 9, axis=0, mode="nearest"))
    assert doubled < asked / 2, "a ninth of the time was measured"
