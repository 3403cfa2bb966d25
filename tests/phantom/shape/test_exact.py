from __future__ import annotations

import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest
import scipy.ndimage as ndi
import scipy.special
import scipy.stats

from hepalith.phantom.shape import exact

RANDOM = np.random.default_rng(1)
WIDE = np.concatenate(
    [RANDOM.uniform(-30, 30, 20_000), RANDOM.standard_normal(20_000), [0.0, 1.0, -1.0, 5e-9]]
)
POSITIVE = np.concatenate([np.abs(WIDE) + 1e-12, np.logspace(-200, 200, 4001), 1 + np.logspace(-14, -1, 200)])


def relative(found: np.ndarray, wanted: np.ndarray) -> float:
    return float((np.abs(found - wanted) / np.maximum(np.abs(wanted), 1e-300)).max())


@pytest.mark.parametrize(
    ("function", "reference", "at"),
    [
        (exact.exp, np.exp, np.concatenate([WIDE, np.linspace(-700, 700, 5001)])),
        (exact.log, np.log, POSITIVE),
        (exact.sin, np.sin, np.concatenate([WIDE, np.linspace(-9e5, 9e5, 4001)])),
        (exact.cos, np.cos, np.concatenate([WIDE, np.linspace(-9e5, 9e5, 4001)])),
        (exact.erf, scipy.special.erf, WIDE),
        (exact.ndtr, scipy.special.ndtr, WIDE),
    ],
)
def test_functions_are_right_to_a_part_in_a_million_million(function, reference, at) -> None:  # type: ignore[no-untyped-def]
    assert relative(function(at), reference(at)) < 1e-12


def test_powers_and_angles_are_right() -> None:
    base = POSITIVE[(POSITIVE > 1e-20) & (POSITIVE < 1e20)]
    for exponent in (0.5, 2.5, -1.0 / 3.0):
        assert relative(exact.power(base, exponent), base**exponent) < 1e-12
    assert exact.power(0.0, 2.2) == 0
    turned = RANDOM.permutation(WIDE)
    assert relative(exact.arctan2(WIDE, turned), np.arctan2(WIDE, turned)) < 1e-12
    assert relative(exact.hypot(WIDE, turned), np.hypot(WIDE, turned)) < 1e-12


def test_ends_of_the_range_are_as_usual() -> None:
    assert exact.exp(np.array([-1000.0, 1000.0])).tolist() == [0.0, np.inf]
    assert exact.log(np.array([0.0, np.inf])).tolist() == [-np.inf, np.inf]
    assert exact.arctan2(0.0, 0.0) == 0
    with pytest.raises(ValueError, match="angles"):
        exact.sin(np.array([2e6]))


def test_single_precision_stays_single_and_shapes_stay() -> None:
    x = WIDE.astype(np.float32).reshape(2, -1)
    found = exact.cos(x)
    assert found.dtype == np.float32
    assert found.shape == x.shape
    assert np.abs(found - np.cos(x.astype(np.float64))).max() < 1e-7


def test_products_and_lengths_agree_with_linear_algebra() -> None:
    a, b = RANDOM.standard_normal((2, 50, 3))
    assert exact.dot(a, b) == pytest.approx(np.einsum("ij,ij->i", a, b))
    assert exact.norm(a) == pytest.approx(np.linalg.norm(a, axis=1))
    values, weights = RANDOM.standard_normal((4, 9, 5)), RANDOM.standard_normal((6, 9))
    weights[weights < 0.3] = 0
    wanted = np.moveaxis(np.tensordot(weights, values, (1, 1)), 0, 1)
    assert exact.contract(weights, values, 1) == pytest.approx(wanted)


def test_smoothing_agrees_with_the_usual_gaussian() -> None:
    image = RANDOM.standard_normal((20, 30))
    wanted = ndi.gaussian_filter(image, (1.5, 0.0), mode="wrap")
    assert exact.gaussian_filter(image, (1.5, 0.0), mode="wrap") == pytest.approx(wanted)


def test_normal_deviates_are_normal_to_the_tail() -> None:
    drawn = exact.draw_normal(np.random.default_rng(2), 4_000_000)
    assert scipy.stats.kstest(drawn[:200_000], "norm").pvalue > 0.001
    for level in (3.0, 3.66, 4.0, 4.5):
        wanted = 2 * scipy.special.ndtr(-level) * drawn.size
        assert abs((np.abs(drawn) > level).sum() - wanted) < 5 * np.sqrt(wanted)


DIGEST = """
import hashlib, numpy as np
from hepalith.phantom.shape import exact
r = np.random.default_rng(7)
x, y = r.uniform(-20, 20, (2, 60_000))
made = [exact.exp(x), exact.log(x * x), exact.sin(x), exact.cos(x), exact.arctan2(y, x), exact.erf(x / 5),
        exact.ndtr(x / 3), exact.power(x * x, 0.37), exact.hypot(x, y), exact.norm(x.reshape(-1, 3)),
        exact.contract(x[:600].reshape(20, 30), y[:3000].reshape(10, 30, 10), 1),
        exact.gaussian_filter(x[:6000].reshape(10, 20, 30), 1.3), exact.draw_normal(r, 200_000),
        exact.sin(x.astype(np.float32)), x.sum(), x.std()]
print(hashlib.sha256(b"".join(np.ascontiguousarray(m).tobytes() for m in made)).hexdigest())
"""


def test_bits_are_the_same_without_wide_vector_units(narrow_environment: dict[str, str]) -> None:
    here, narrow = (
        subprocess.run(  # noqa: S603 - our own interpreter
            [sys.executable, "-c", DIGEST], env=env, capture_output=True, text=True, check=True
        ).stdout
        for env in (dict(os.environ), narrow_environment)
    )
    assert len(here.strip()) == len(hashlib.sha256().hexdigest())
    assert here == narrow
