"""The stated smallest focus reckons with the vessels beside which it would be lost."""

from typing import Any, cast

import numpy as np

from hepalith.calcification.detectability import BESIDE_MM, _vessels_beside
from hepalith.calcification.evidence import Evidence
from hepalith.calcification.output import Output


def evidence_of(values: np.ndarray[Any, np.dtype[np.int16]]) -> Evidence:
    scale = np.ones((40, 40, 40), np.float32)
    nothing = cast("Any", None)
    outputs = (Output(values, (1, 1, 1), 0.01),)
    return Evidence((40, 40, 40), outputs, nothing, 1, scale, 5.0, nothing, (1, 1, 1))


def test_what_goes_on_reaches_beside_itself_and_what_ends_does_not() -> None:
    values = np.zeros((40, 40, 40), np.int16)
    values[:, 10, 10] = 1200  # a vessel of 12 deviations, along the whole crop
    values[18:21, 29:32, 29:32] = 3000  # a focus of 30, that ends all about
    near = _vessels_beside(evidence_of(values), (1.0, 1.0, 1.0))
    reach = round(BESIDE_MM)
    assert near[20, 10, 10] == near[20, 10 + reach, 10] == np.float32(12.0)
    assert near[20, 10 + reach + 1, 10] == 0.0
    assert not near[:, 25:, 25:].any()


def test_vessels_fainter_than_noise_are_none() -> None:
    values = np.zeros((40, 40, 40), np.int16)
    values[:, 10, 10] = 250
    assert not _vessels_beside(evidence_of(values), (1.0, 1.0, 1.0)).any()
