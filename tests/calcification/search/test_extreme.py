"""The level that noise exceeds a given number of times."""

import numpy as np
import pytest
from scipy import ndimage

from hepalith.calcification.search.extreme import expected_maxima, level_for


@pytest.mark.parametrize("sigma", [0.0, 1.2])
def test_maxima_of_simulated_noise_are_as_many_as_expected(sigma: float) -> None:
    rng = np.random.default_rng(3)
    seen, told = 0, 0.0
    for _ in range(6):
        field = rng.standard_normal((64, 64, 64))
        field = ndimage.gaussian_filter(field, sigma, mode="wrap") if sigma else field
        field /= field.std()
        neighbours = [float((field * np.roll(field, 1, axis=axis)).mean()) for axis in range(3)]
        top = (field == ndimage.maximum_filter(field, 3, mode="wrap")) & (field > 3.6)
        seen += int(top.sum())
        told += expected_maxima(3.6, field.size, neighbours)
    assert seen <= told * 1.25 + 3  # a bound from above, and not an idle one
    assert seen >= told / 2.5 - 3


def test_the_level_rises_with_the_search_and_with_scatter() -> None:
    field = [(0.5, 0.7, 0.7)]
    assert level_for(0.1, [10**6], field) > level_for(0.1, [10**5], field) > level_for(1.0, [10**5], field)
    assert level_for(0.1, [10**5], field, 0.1) > level_for(0.1, [10**5], field) + 0.3
