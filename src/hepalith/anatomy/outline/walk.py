"""The random walk: who of liver and neighbours a voxel belongs to, given seeds and a leaning."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import cg

__all__ = ["walk"]

WALK_TOLERANCE = 2e-3
"""Relative residual at which the solver stops: probabilities are then good to about 0.01."""
WALK_STEPS = 150
"""Most solver steps; 40 to 90 are usual."""


def walk(
    hu: NDArray[np.float32],
    seeds: NDArray[np.int8],
    leaning: NDArray[np.float32],
    blocked: NDArray[np.bool_],
    *,
    edge_hu: float,
    trust: float,
) -> NDArray[np.float32]:
    """Return each voxel's probability of being liver.

    A walker that starts at a voxel steps to its six neighbours, seldom across an edge of HU
    (weight exp(-(dHU / edge_hu)^2)), and at every step is caught, with a rate `trust`, by the
    prior `leaning`. The probability that it ends in liver solves a sparse linear system.

    Parameters
    ----------
    hu
        float32, shape (slice, row, column).
    seeds
        1 sure liver, -1 sure not, 0 to be decided.
    leaning
        Prior probability of liver, 0 to 1.
    edge_hu, trust
        Scale of an HU edge; weight of the prior against the neighbours.
    blocked
        Voxels that no walker enters: they neither give nor take.

    References
    ----------
    Grady L. Multilabel random walker image segmentation using prior models. CVPR 2005.
    doi:10.1109/CVPR.2005.239
    """
    free = seeds == 0
    number = np.full(hu.shape, -1, dtype=np.int32)
    count = int(free.sum())
    result = np.where(seeds > 0, 1.0, 0.0).astype(np.float32)
    if count == 0:
        return result
    number[free] = np.arange(count, dtype=np.int32)
    diagonal = np.full(count, trust, dtype=np.float64)
    right = trust * leaning[free].astype(np.float64)
    rows, cols, data = [], [], []
    for axis in range(3):
        near = tuple(slice(None, -1) if a == axis else slice(None) for a in range(3))
        far = tuple(slice(1, None) if a == axis else slice(None) for a in range(3))
        weight = np.exp(-(((hu[near] - hu[far]) / edge_hu) ** 2)) + 1e-4
        weight *= ~(blocked[near] | blocked[far])
        a, b = number[near], number[far]
        both = (a >= 0) & (b >= 0)
        w = weight[both].astype(np.float64)
        rows += [a[both], b[both]]
        cols += [b[both], a[both]]
        data += [-w, -w]
        diagonal += np.bincount(a[both], w, count) + np.bincount(b[both], w, count)
        for mine, other in ((a, far), (b, near)):
            fixed = (mine >= 0) & (seeds[other] != 0)
            w = weight[fixed].astype(np.float64)
            diagonal += np.bincount(mine[fixed], w, count)
            right += np.bincount(mine[fixed], w * (seeds[other][fixed] > 0), count)
    index = np.arange(count, dtype=np.int32)
    matrix = sparse.csr_matrix(
        (
            np.concatenate([*data, diagonal]).astype(np.float32),
            (np.concatenate([*rows, index]), np.concatenate([*cols, index])),
        ),
        shape=(count, count),
    )
    inverse = sparse.diags((1 / diagonal).astype(np.float32))
    start = leaning[free].astype(np.float32)
    solution, _ = cg(
        matrix, right.astype(np.float32), x0=start, rtol=WALK_TOLERANCE, maxiter=WALK_STEPS, M=inverse
    )
    result[free] = np.clip(solution, 0, 1)
    return result
