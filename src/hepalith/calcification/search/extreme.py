r"""How high noise reaches somewhere in a liver: extreme values of a correlated Gaussian field.

A million voxels are looked at, and neighbours are alike. The expected number of separate places at which a
smooth Gaussian field of unit variance exceeds a level :math:`u` is, in a volume of :math:`V` voxels,

.. math:: V\,\frac{\sqrt{\lambda_1\lambda_2\lambda_3}}{(2\pi)^2}\,(u^2 - 1)\,e^{-u^2/2}

with :math:`\lambda` the variance of its slope along each axis; and never more than the :math:`V` separate
voxels would give, :math:`V\,Q(u)`. The smaller of the two bounds holds on any grid, coarse or fine.

References
----------
.. [1] R. J. Adler, "The Geometry of Random Fields", Wiley, 1981, ch. 5.
.. [2] K. J. Worsley et al., "A unified statistical approach for determining significant signals in images of
       cerebral activation", Human Brain Mapping 4:58-73, 1996.
       doi:10.1002/(SICI)1097-0193(1996)4:1<58::AID-HBM4>3.0.CO;2-O
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy import special

__all__ = ["expected_maxima", "level_for"]

LOWEST, HIGHEST = 2.0, 12.0
"""Range of levels that are looked at: the formula counts maxima from about 2 deviations up."""

NODES = 15
"""Nodes of the Gauss-Hermite sum over a scatter of deviations."""

STEPS = 40
"""Halvings of that range."""


def expected_maxima(level: float, voxels: int, neighbours: Sequence[float]) -> float:
    """Return the expected number of places where a unit Gaussian field exceeds a level.

    Parameters
    ----------
    level
        In deviations.
    voxels
        Voxels looked at.
    neighbours
        Correlation of neighbouring voxels along each axis.

    Examples
    --------
    Without correlation every voxel counts; with much of it, hardly any.

    >>> round(expected_maxima(4.0, 100_000, (0.0, 0.0, 0.0)), 2)
    3.17
    >>> round(expected_maxima(4.0, 100_000, (0.9, 0.9, 0.9)), 2)
    1.14
    """
    slopes = math.prod(2 * (1 - min(r, 1.0)) for r in neighbours)
    smooth = math.sqrt(slopes) / (2 * math.pi) ** 2 * (level**2 - 1) * math.exp(-(level**2) / 2)
    return voxels * min(smooth, float(special.ndtr(-level)))


def level_for(
    false_calls: float, voxels: Sequence[int], fields: Sequence[Sequence[float]], scatter: float = 0.0
) -> float:
    """Return the level that several fields together exceed at an expected number of places.

    The fields are counted as if each exceeded it at other places than the rest: the safe side.

    Parameters
    ----------
    false_calls
        Expected number.
    voxels
        Of each, how many are looked at.
    fields
        Of each, the correlation of neighbouring voxels along each axis.
    scatter
        By how much the deviation of the noise differs from place to place: standard deviation of its
        logarithm. Such a mixture has a heavier tail than any of its parts.

    Examples
    --------
    >>> round(level_for(0.1, [10**6], [(0.5, 0.7, 0.7)]), 1)
    5.2
    >>> round(level_for(0.1, [10**6], [(0.5, 0.7, 0.7)], 0.1), 1)
    5.8
    """
    nodes, weights = np.polynomial.hermite_e.hermegauss(NODES)
    parts = [(math.exp(scatter * float(z)), float(w)) for z, w in zip(nodes, weights, strict=True)]
    whole = sum(w for _, w in parts)
    low, high = LOWEST, HIGHEST
    for _ in range(STEPS):
        middle = 0.5 * (low + high)
        count = sum(
            w / whole * expected_maxima(middle / scale, count_of, neighbours)
            for neighbours, count_of in zip(fields, voxels, strict=True)
            for scale, w in parts
        )
        low, high = (middle, high) if count > false_calls else (low, middle)
    return high
