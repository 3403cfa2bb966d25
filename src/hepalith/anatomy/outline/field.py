"""Local HU: what an organ measures here, averaged over the part of it that is already known."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

__all__ = ["average_within", "diffuse_within", "keep_touching"]

HALVE_FROM = 4.0
"""From this many voxels on, averages are taken on every second voxel: the result is as smooth, at an
eighth of the work."""
LEAST_WEIGHT = 1e-4
"""Share of the kernel that must lie on known voxels; an average resting on less is 0."""


def average_within(
    values: NDArray[np.float32], mask: NDArray[np.bool_], sigma: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the Gaussian average of `values` over `mask` around each voxel, and the weight it rests on."""
    known = mask.astype(np.float32)
    total = np.where(mask, values, 0).astype(np.float32)
    if sigma < HALVE_FROM or min(values.shape[1:]) < 2:
        return _average(total, known, (sigma,) * 3)
    step = 2 if values.shape[0] > 1 else 1
    small = [_halve(a, step) for a in (total, known)]
    mean, weight = _average(small[0], small[1], (sigma / step, sigma / 2, sigma / 2))
    return _double(mean, step, values.shape), _double(weight, step, values.shape)


def _average(
    total: NDArray[np.float32], known: NDArray[np.float32], sigma: tuple[float, float, float]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    weight = ndimage.gaussian_filter(known, sigma, mode="constant", truncate=3.0)
    total = ndimage.gaussian_filter(total, sigma, mode="constant", truncate=3.0)
    mean = np.where(weight > LEAST_WEIGHT, total / np.maximum(weight, LEAST_WEIGHT), 0).astype(np.float32)
    return mean, weight


def _halve(field: NDArray[np.float32], step: int) -> NDArray[np.float32]:
    """Return means over blocks of `step` x 2 x 2 voxels; an odd end is repeated."""
    ends = [(0, -field.shape[0] % step), (0, field.shape[1] % 2), (0, field.shape[2] % 2)]
    field = np.pad(field, ends, mode="edge")
    rows = [field[a::step, b::2] for a in range(step) for b in (0, 1)]
    pairs = [row[..., 0::2] + row[..., 1::2] for row in rows]
    return np.asarray(sum(pairs[1:], start=pairs[0]) / np.float32(4 * step), dtype=np.float32)


def _double(field: NDArray[np.float32], step: int, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Return `field` with every voxel repeated, cut to `shape`."""
    whole = field.repeat(step, 0).repeat(2, 1).repeat(2, 2)
    return whole[: shape[0], : shape[1], : shape[2]]


def keep_touching(
    mask: NDArray[np.bool_], seed: NDArray[np.bool_], *, every: bool = False
) -> NDArray[np.bool_]:
    """Return the component of `mask` that shares most voxels with `seed`; `seed` where none does.

    With `every`, all components that share any: a slab may show both ends of an organ and not its middle.
    """
    labels, count = ndimage.label(mask)
    shared = np.bincount(labels[seed & mask], minlength=count + 1)
    shared[0] = 0
    if not shared.any():
        return seed
    if every:
        return np.asarray((shared > 0)[labels], dtype=np.bool_)
    return np.asarray(labels == shared.argmax(), dtype=np.bool_)


def diffuse_within(
    values: NDArray[np.float32], mask: NDArray[np.bool_], edge_hu: float, steps: int
) -> NDArray[np.float32]:
    """Return `values` evened out within `mask`, without mixing across edges of more than `edge_hu`.

    Explicit steps of dv/dt = div(g(|grad v|) grad v) with g = exp(-(|grad v| / edge)^2); after n
    steps the blur in even tissue is sqrt(2 n / 7) voxels.

    References
    ----------
    Perona P, Malik J. Scale-space and edge detection using anisotropic diffusion. IEEE PAMI 1990.
    doi:10.1109/34.56205
    """
    out = values.copy()
    open_faces = []
    for axis in range(3):
        near = tuple(slice(None, -1) if a == axis else slice(None) for a in range(3))
        far = tuple(slice(1, None) if a == axis else slice(None) for a in range(3))
        open_faces.append((near, far, (mask[near] & mask[far]).astype(np.float32) / 7))
    scale = np.float32(1 / edge_hu)
    for _ in range(steps):
        change = np.zeros_like(out)
        for near, far, face in open_faces:
            step = out[far] - out[near]
            step *= np.exp(-np.square(step * scale)) * face
            change[near] += step
            change[far] -= step
        out += change
    return out
