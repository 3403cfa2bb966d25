"""Elementary functions that give the same bits on every x86-64.

NumPy's own array versions of exp, sin, power and the like are chosen at run time by the width of
the vector unit and differ in the last bit; so do matrix products (BLAS) and, between versions of
the C library, `math`. A phantom must not: its voxels are known by their digest. Everything here
is made of addition, subtraction, multiplication, division and square root, which IEEE 754 fixes
to the last bit, in an order that is written down.

Arrays in float32 are computed in float64 and returned in float32; all else is float64.

Notes
-----
Relative error below 1e-12 in float64 (tested against NumPy's and SciPy's own): far from the
last bit, and far below a HU. Of what else a phantom needs, ``np.sqrt``, ``np.sum`` (pairwise,
in a fixed order), ``np.cumsum``, ``scipy.fft`` and most of ``scipy.ndimage`` are fixed too.
``scipy.ndimage.gaussian_filter`` is not, for it takes its weights from ``np.exp``
(`gaussian_filter` here does not); nor are ``np.dot``, ``@``, ``einsum``, ``np.convolve``,
products of two complex arrays, ``x ** 1.5``, ``Generator.lognormal``, nor quite the far tail of
``Generator.standard_normal``, which rests on the C library's logarithm (`draw_normal` here
does not).

References
----------
.. [1] W. J. Cody, W. Waite, "Software Manual for the Elementary Functions", Prentice-Hall, 1980
       (argument reduction).
.. [2] S. L. Moshier, "Cephes Mathematical Library", https://www.netlib.org/cephes/ (the rational
       approximations of the error function, as in `scipy.special`).
.. [3] G. Marsaglia, "Generating a variable from the tail of the normal distribution",
       Technometrics 6:101-102, 1964. doi:10.1080/00401706.1964.10490150
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import scipy.ndimage as ndi
import scipy.sparse
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "arctan2",
    "contract",
    "cos",
    "dot",
    "draw_normal",
    "erf",
    "exp",
    "gaussian_filter",
    "gaussian_weights",
    "hypot",
    "log",
    "ndtr",
    "norm",
    "power",
    "sin",
]

Array = NDArray[Any]
Double = NDArray[np.float64]

BLOCK = 1 << 14
"""Numbers worked on at a time: 128 kB of float64, so that the steps of a polynomial stay in cache."""

LN2_HIGH = float.fromhex("0x1.62e42feep-1")
"""ln 2 to 32 bits, so that a whole number of them is exact (Cody and Waite)."""

LN2_LOW = float.fromhex("0x1.a39ef35793c76p-33")
"""The rest of ln 2."""

HALF_PI = tuple(float.fromhex(h) for h in ("0x1.921fb544p+0", "0x1.0b4611a6p-34", "0x1.3198a2e037073p-69"))
"""π/2 in three parts, the first two of 33 bits, so that up to 2^20 of them are exact (fdlibm)."""

LARGEST_ANGLE = 1.0e6
"""Largest angle that sine and cosine take, in radians: below 2^20 quarter turns."""

TAIL = 3.6541528853610088
"""Where NumPy's ziggurat ends and its tail begins; beyond it `draw_normal` draws for itself.

`ziggurat_nor_r` in numpy/random/src/distributions/ziggurat_constants.h.
"""

EXP_TERMS = tuple(1 / math.factorial(n) for n in range(13, -1, -1))
SIN_TERMS = tuple((-1) ** n / math.factorial(2 * n + 1) for n in range(9, -1, -1))
COS_TERMS = tuple((-1) ** n / math.factorial(2 * n) for n in range(9, -1, -1))
ATAN_TERMS = tuple((-1) ** n / (2 * n + 1) for n in range(20, -1, -1))
LOG_TERMS = tuple(2 / (2 * n + 1) for n in range(11, -1, -1))
"""Taylor coefficients, highest power first; each is cut off where the reduced argument makes the
next below 1e-16."""

ERF_TOP = (9.60497373987051638749, 90.0260197203842689217, 2232.00534594684319226, 7003.32514112805075473,
           55592.3013010394962768)  # fmt: skip
ERF_FOOT = (1.0, 33.5617141647503099647, 521.357949780152679795, 4594.32382970980127987,
            22629.0000613890934246, 49267.3942608635921086)  # fmt: skip
ERFC_TOP = (2.46196981473530512524e-10, 0.564189564831068821977, 7.46321056442269912687,
            48.6371970985681366614, 196.520832956077098242, 526.445194995477358631, 934.528527171957607540,
            1027.55188689515710272, 557.535335369399327526)  # fmt: skip
ERFC_FOOT = (1.0, 13.2281951154744992508, 86.7072140885989742329, 354.937778887819891062,
             975.708501743205489753, 1823.90916687909736289, 2246.33760818710981792, 1656.66309194161350182,
             557.535340817727675546)  # fmt: skip
ERFC_FAR_TOP = (0.564189583547755073984, 1.27536670759978104416, 5.01905042251180477414,
                6.16021097993053585195, 7.40974269950448939160, 2.97886665372100240670)  # fmt: skip
ERFC_FAR_FOOT = (1.0, 2.26052863220117276590, 9.39603524938001434673, 12.0489539808096656605,
                 17.0814450747565897222, 9.60896809063285878198, 3.36907645100081516050)  # fmt: skip
"""Rational approximations of erf on [0, 1], and of erfc(x)·exp(x²) on [1, 8] and beyond (Cephes)."""


def _polynomial(x: Double, terms: Sequence[float]) -> Double:
    """Return the polynomial with `terms`, highest power first, by Horner's rule."""
    found = np.full_like(x, terms[0])
    for term in terms[1:]:
        found *= x
        found += term
    return found


def _each(function: Callable[..., Double], *values: ArrayLike) -> Array:
    """Return `function` of broadcast `values`, block by block, in the precision they came in."""
    arrays = np.broadcast_arrays(*(np.asarray(v) for v in values))
    kind = np.float32 if all(a.dtype == np.float32 for a in arrays) else np.float64
    flat = [np.ascontiguousarray(a).reshape(-1) for a in arrays]
    found = np.empty(flat[0].size, dtype=kind)
    for start in range(0, found.size, BLOCK):
        part = slice(start, start + BLOCK)
        found[part] = function(*(a[part].astype(np.float64) for a in flat))
    return found.reshape(arrays[0].shape)


def _exp(x: Double) -> Double:
    within = np.minimum(np.maximum(x, -745.0), 709.0)
    turns = np.rint(within * (1 / math.log(2)))
    rest = (within - turns * LN2_HIGH) - turns * LN2_LOW
    first = np.floor(turns / 2)  # two steps, so that neither leaves the normal range
    scale = (first.astype(np.int64) + 1023 << 52).view(np.float64)
    second = ((turns - first).astype(np.int64) + 1023 << 52).view(np.float64)
    found = _polynomial(rest, EXP_TERMS) * scale * second
    found[x < -745.0] = 0.0
    found[x > 709.0] = np.inf
    found[np.isnan(x)] = np.nan
    return found


def exp(x: ArrayLike) -> Array:
    """Return e to the power `x`; infinite above 709.

    Examples
    --------
    >>> round(float(exp(1.0)), 12)
    2.718281828459
    """
    return _each(_exp, x)


def _log(x: Double) -> Double:
    bits = x.view(np.int64)
    power = (bits >> 52) - 1023
    share = ((bits & 0x000FFFFFFFFFFFFF) | 0x3FF0000000000000).view(np.float64)
    large = share > math.sqrt(2)
    share = np.where(large, share * 0.5, share)
    count = (power + large).astype(np.float64)
    slope = (share - 1) / (share + 1)
    found = count * LN2_HIGH + (slope * _polynomial(slope * slope, LOG_TERMS) + count * LN2_LOW)
    found[x == 0] = -np.inf
    found[x == np.inf] = np.inf
    found[(x < 0) | np.isnan(x)] = np.nan
    return found


def log(x: ArrayLike) -> Array:
    """Return the natural logarithm; of normal numbers, below them it loses precision."""
    return _each(_log, x)


def power(base: ArrayLike, exponent: ArrayLike) -> Array:
    """Return a non-negative `base` to a real power, ``exp(exponent · log(base))``.

    Examples
    --------
    >>> round(float(power(2.0, 0.5)), 12)
    1.414213562373
    """

    def raised(b: Double, p: Double) -> Double:
        found = _exp(p * _log(np.where(b > 0, b, 1.0)))
        found[(b == 0) & (p > 0)] = 0.0
        found[(b < 0) | ((b == 0) & (p < 0))] = np.nan
        return found

    return _each(raised, base, exponent)


def _sine(x: Double, quarter: int) -> Double:
    """Return the sine of `x` plus `quarter` quarter turns."""
    if x.size and not float(np.abs(x).max()) <= LARGEST_ANGLE:
        raise ValueError(f"angles must lie within ±{LARGEST_ANGLE:g} rad")
    turns = np.rint(x * (2 / math.pi))
    rest = x
    for part in HALF_PI:
        rest = rest - turns * part
    square = rest * rest
    place = turns.astype(np.int64) + quarter
    found = np.where(place & 1, _polynomial(square, COS_TERMS), rest * _polynomial(square, SIN_TERMS))
    return np.asarray(np.where(place & 2, -found, found))


def sin(x: ArrayLike) -> Array:
    """Return the sine of angles in radians, up to a million.

    Examples
    --------
    >>> round(float(sin(0.5235987755982988)), 12)
    0.5
    """
    return _each(lambda v: _sine(v, 0), x)


def cos(x: ArrayLike) -> Array:
    """Return the cosine of angles in radians, up to a million."""
    return _each(lambda v: _sine(v, 1), x)


def _arctan2(y: Double, x: Double) -> Double:
    across, along = np.abs(y), np.abs(x)
    larger, smaller = np.maximum(across, along), np.minimum(across, along)
    ratio = smaller / np.where(larger > 0, larger, 1.0)
    steep = ratio > math.sqrt(2) - 1
    small = np.where(steep, (ratio - 1) / (ratio + 1), ratio)
    angle = small * _polynomial(small * small, ATAN_TERMS)
    angle = np.where(steep, angle + math.pi / 4, angle)
    angle = np.where(across > along, math.pi / 2 - angle, angle)
    angle = np.where(x < 0, math.pi - angle, angle)
    return np.asarray(np.where(y < 0, -angle, angle))


def arctan2(y: ArrayLike, x: ArrayLike) -> Array:
    """Return the angle of the point (x, y) in radians, from -π to π; 0 at the origin.

    Examples
    --------
    >>> round(float(arctan2(1.0, -1.0)), 12)
    2.356194490192
    """
    return _each(_arctan2, y, x)


def _erfc_positive(x: Double) -> Double:
    """Return erfc for `x` of 1 and more."""
    capped = np.minimum(x, 40.0)
    near = _polynomial(capped, ERFC_TOP) / _polynomial(capped, ERFC_FOOT)
    far = _polynomial(capped, ERFC_FAR_TOP) / _polynomial(capped, ERFC_FAR_FOOT)
    return np.asarray(_exp(-x * x) * np.where(x < 8, near, far))


def _erf_small(x: Double) -> Double:
    """Return erf for `x` within ±1."""
    square = np.minimum(x * x, 1.0)
    return np.asarray(x * _polynomial(square, ERF_TOP) / _polynomial(square, ERF_FOOT))


def _erf(x: Double) -> Double:
    size = np.abs(x)
    far = 1 - _erfc_positive(np.maximum(size, 1.0))
    return np.asarray(np.where(size < 1, _erf_small(x), np.where(x < 0, -far, far)))


def erf(x: ArrayLike) -> Array:
    """Return the error function."""
    return _each(_erf, x)


def _ndtr(x: Double) -> Double:
    scaled = x * math.sqrt(0.5)
    size = np.abs(scaled)
    tail = 0.5 * _erfc_positive(np.maximum(size, 1.0))
    outer = np.where(x < 0, tail, 1 - tail)
    return np.asarray(np.where(size < 1, 0.5 + 0.5 * _erf_small(scaled), outer))


def ndtr(x: ArrayLike) -> Array:
    """Return the area under the standard normal density below `x`.

    Examples
    --------
    >>> round(float(ndtr(1.959963984540054)), 12)
    0.975
    """
    return _each(_ndtr, x)


def hypot(x: Array, y: Array) -> Array:
    """Return the length of (x, y); for lengths whose squares neither overflow nor vanish."""
    return np.asarray(np.sqrt(x * x + y * y))


def dot(a: ArrayLike, b: ArrayLike) -> Array:
    """Return the sum of products along the last axis, added from the first to the last.

    Examples
    --------
    >>> dot([[1.0, 2.0], [3.0, 4.0]], [5.0, 6.0])
    array([17., 39.])
    """
    first, second = np.broadcast_arrays(np.asarray(a), np.asarray(b))
    found = first[..., 0] * second[..., 0]
    for place in range(1, first.shape[-1]):
        found = found + first[..., place] * second[..., place]
    return np.asarray(found)


def norm(vectors: ArrayLike) -> Array:
    """Return the length of vectors along the last axis.

    Examples
    --------
    >>> float(norm([3.0, 4.0, 12.0]))
    13.0
    """
    return np.asarray(np.sqrt(dot(vectors, vectors)))


def contract(weights: Array, values: Array, axis: int) -> Array:
    """Return sums of `values` along an axis, weighed by the rows of `weights`; the axis takes its rows.

    What ``np.moveaxis(np.tensordot(weights, values, (1, axis)), 0, axis)`` gives, without BLAS: by
    SciPy's sparse product, plain loops in the order of the axis. Zero weights cost nothing.

    Parameters
    ----------
    weights
        (rows, size of the axis).
    values
        Any shape.
    axis
        Axis of `values` to sum along.
    """
    turned = np.ascontiguousarray(np.moveaxis(values, axis, 0))
    table = scipy.sparse.csr_array(np.asarray(weights, dtype=turned.dtype))
    found = table @ turned.reshape(turned.shape[0], -1)
    return np.moveaxis(np.asarray(found).reshape(-1, *turned.shape[1:]), 0, axis)


def gaussian_weights(deviation: float, reach: float = 4.0) -> Double:
    """Return the weights of a sampled Gaussian, summing to 1, out to `reach` standard deviations."""
    half = max(1, int(reach * deviation + 0.5))
    steps = np.arange(-half, half + 1, dtype=np.float64)
    weights = exp(-0.5 * np.square(steps / max(deviation, 1e-6)))
    return np.asarray(weights / weights.sum())


def gaussian_filter(
    image: Array, deviations: float | Sequence[float], *, mode: str = "reflect", reach: float = 4.0
) -> Array:
    """Return the image smoothed by a Gaussian, one standard deviation in samples for each axis."""
    each = (deviations,) * image.ndim if isinstance(deviations, int | float) else tuple(deviations)
    for axis, deviation in enumerate(each):
        if deviation > 0:
            image = ndi.correlate1d(image, gaussian_weights(deviation, reach), axis, mode=mode)
    return image


def draw_normal(random: np.random.Generator, shape: int | tuple[int, ...]) -> NDArray[np.float32]:
    """Return normal deviates in float32, the same on every machine.

    NumPy's ziggurat, whose middle is exact, with everything beyond `TAIL` drawn anew by Marsaglia's
    method with the logarithm of this module.
    """
    drawn = random.standard_normal(shape, dtype=np.float32)
    flat = drawn.reshape(-1)
    far = np.flatnonzero(np.abs(flat) >= np.float32(TAIL))
    waiting = far
    while waiting.size:
        first, second = random.random((2, waiting.size))
        reach = np.sqrt(TAIL * TAIL - 2 * log(1 - first))
        taken = second * reach < TAIL
        kept = waiting[taken]
        flat[kept] = np.where(flat[kept] < 0, -reach[taken], reach[taken])
        waiting = waiting[~taken]
    return drawn
