"""Covariance of what varies in an image without being looked for: noise and fine structure, by lag.

A linear filter that looks for something small has to know how the rest of the image varies, at every
distance and along every axis. That is measured in the image itself, never assumed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft

__all__ = ["BLOCK_MM", "Covariance", "choose_blocks", "measure_covariance", "place_at_origin"]

BLOCK_MM = 34.0
"""Side of the blocks that are correlated: several times the largest lag. Our judgement."""

MOST_BLOCKS = 24
"""Most blocks looked at: a million voxels, which know a correlation to better than 0.01."""

LEAST_SHARE = 0.35
"""Least share of usable voxels in a block."""

LEAST_VOXELS = 2_000
"""Fewest usable voxels whose correlation is trusted."""

PAIRS_SHARE = 0.02
"""Lags at which fewer than this share of the most pairs remain are taken as uncorrelated."""

POWER_FLOOR = 0.02
"""Least power at any frequency, as a share of the mean: rounding to integers, and what so short a record
cannot tell from nothing. A filter must not lean on frequencies that seem to hold no noise."""


@dataclass(frozen=True, slots=True, eq=False)
class Covariance:
    """Covariance of two voxels by their lag.

    Parameters
    ----------
    by_lag
        float64, HU², shape ``2 * lags + 1`` (slice, row, column), even under reflection.
    """

    by_lag: NDArray[np.float64]

    @property
    def lags(self) -> tuple[int, int, int]:
        """Largest lag along each axis, in voxels."""
        k, j, i = (n // 2 for n in self.by_lag.shape)
        return (k, j, i)

    @property
    def variance(self) -> float:
        """Variance of one voxel, HU²."""
        return float(self.by_lag[self.lags])

    def power(self, shape: tuple[int, ...]) -> NDArray[np.float64]:
        """Return the power spectrum on a periodic grid, HU² per voxel, never below its floor."""
        spectrum = np.real(fft.fftn(place_at_origin(self.by_lag, shape)))
        return np.asarray(np.maximum(spectrum, POWER_FLOOR * self.variance))


def measure_covariance(
    parts: Iterable[tuple[NDArray[np.float32], NDArray[np.bool_]]], lags: tuple[int, int, int]
) -> Covariance | None:
    r"""Return the covariance of the usable voxels of some blocks; None where they are too few.

    .. math:: C(l) = \sum_x m(x)\,r(x)\;m(x+l)\,r(x+l) \Big/ \sum_x m(x)\,m(x+l)

    with the mask :math:`m`, brought to zero toward the largest lag so that its spectrum is smooth and (but
    for sampling error) positive.

    Parameters
    ----------
    parts
        Blocks of one shape: HU less the local level with outliers cut off, and the voxels that count.
    lags
        Largest lag along each axis.
    """
    power = pairs = np.zeros(0)
    shape: list[int] = []
    voxels = 0
    for residual, usable in parts:
        if not shape:
            shape = [fft.next_fast_len(n + g + 1, real=True) for n, g in zip(usable.shape, lags, strict=True)]
            power = np.zeros([*shape[:2], shape[2] // 2 + 1])
            pairs = np.zeros_like(power)
        mask = usable.astype(np.float32)
        power += np.abs(fft.rfftn(residual * mask, shape)) ** 2
        pairs += np.abs(fft.rfftn(mask, shape)) ** 2
        voxels += int(usable.sum())
    if voxels < LEAST_VOXELS:
        return None
    index = np.ix_(*(np.arange(-lag, lag + 1) for lag in lags))
    total, count = (fft.irfftn(array, shape)[index] for array in (power, pairs))
    covariance = np.where(count > PAIRS_SHARE * count.max(), total / np.maximum(count, 1.0), 0.0)
    for axis, lag in enumerate(lags):
        taper = np.cos(0.5 * np.pi * np.arange(-lag, lag + 1) / (lag + 1)) ** 2
        covariance *= taper.reshape([-1 if n == axis else 1 for n in range(3)])
    return Covariance(0.5 * (covariance + covariance[::-1, ::-1, ::-1]))


def place_at_origin(kernel: NDArray[np.floating], shape: tuple[int, ...]) -> NDArray[np.floating]:
    """Return a kernel of odd shape on a periodic grid, its centre at the origin."""
    grid = np.zeros(shape, kernel.dtype)
    grid[np.ix_(*(np.arange(n) - n // 2 for n in kernel.shape))] = kernel
    return grid


def choose_blocks(share: NDArray[np.floating], block: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Return where the blocks start that are fullest of usable voxels, fullest first.

    Parameters
    ----------
    share
        Share of usable voxels in each cell of a grid.
    block
        Shape of the blocks, in cells.
    """
    found: list[tuple[float, tuple[int, ...]]] = []
    for place in np.ndindex(*(max(1, n // b) for n, b in zip(share.shape, block, strict=True))):
        start = tuple(p * b for p, b in zip(place, block, strict=True))
        part = share[tuple(slice(a, a + b) for a, b in zip(start, block, strict=True))]
        found.append((float(part.mean()), start))
    found.sort(key=lambda item: -item[0])
    full = [start for filled, start in found if filled >= LEAST_SHARE]
    return full[:MOST_BLOCKS] or [found[0][1]]
