"""Coarse parallel projections of whole slices, and back: what noise and beam hardening need.

Both vary slowly, so that a lattice of millimetres and a hundred angles do. The projector is a
sparse matrix whose products are plain loops: the same bits on every machine.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import scipy.fft
import scipy.sparse
from numpy.typing import NDArray

__all__ = ["FIELD", "Projector", "ramp"]

Array = NDArray[np.float32]
Double = NDArray[np.float64]


def ramp(count: int, step_mm: float) -> Double:
    """Return the ramp filter's response for `count` samples, of the band-limited kernel.

    Sampled in space and transformed, so that the mean of a projection is kept (Kak and Slaney, eq. 61).

    References
    ----------
    .. [1] A. C. Kak, M. Slaney, "Principles of Computerized Tomographic Imaging", SIAM, 2001, chapter 3.
           doi:10.1137/1.9780898719277
    """
    steps = np.concatenate([np.arange(count // 2 + 1), np.arange(count // 2 - count + 1, 0)])
    odd = steps % 2 == 1
    kernel = np.zeros(count)
    kernel[0] = 0.25
    kernel[odd] = -1 / (math.pi * steps[odd]) ** 2
    return np.asarray(scipy.fft.rfft(kernel).real / step_mm)


@dataclass(frozen=True, slots=True)
class Projector:
    """A square lattice seen from angles evenly over half a turn, each ray as wide as a pixel.

    Parameters
    ----------
    size
        Pixels along a side.
    pixel_mm
        Their spacing.
    angles
        Number of angles.
    """

    size: int
    pixel_mm: float
    angles: int

    @property
    def rays(self) -> int:
        """Rays at one angle: enough for the diagonal."""
        return math.ceil(self.size * 1.4143) + 3

    @property
    def axis_mm(self) -> Double:
        """Places of pixels along a side, about 0."""
        return np.asarray((np.arange(self.size) - (self.size - 1) / 2) * self.pixel_mm)

    @property
    def ray_mm(self) -> Double:
        """Distances of rays from the middle."""
        return np.asarray((np.arange(self.rays) - (self.rays - 1) / 2) * self.pixel_mm)

    @property
    def directions(self) -> Double:
        """Cosine and sine of each angle, (angles, 2): the way along which rays are counted."""
        turns = [math.pi * (n + 0.5) / self.angles for n in range(self.angles)]
        return np.array([(round(math.cos(t), 12), round(math.sin(t), 12)) for t in turns])

    def project(self, images: Array) -> Array:
        """Return line integrals, (angles, rays, image), of images (row, column, image), in mm times HU."""
        flat = images.reshape(self.size * self.size, -1)
        found = _matrix(self).dot(flat)  # sparse: plain loops, no BLAS
        return np.asarray(found, dtype=np.float32).reshape(self.angles, self.rays, -1)

    def spread(self, rays: Array) -> Array:
        """Return the mean over angles of the rays through each pixel, (row, column, image)."""
        flat = rays.reshape(self.angles * self.rays, -1)
        found = _transposed(self).dot(flat)
        made = np.asarray(found, dtype=np.float32) / np.float32(self.angles * self.pixel_mm)
        return made.reshape(self.size, self.size, -1)

    def reconstruct(self, rays: Array) -> Array:
        """Return filtered back-projections, (row, column, image)."""
        count = scipy.fft.next_fast_len(2 * self.rays, real=True)
        spectrum = scipy.fft.rfft(rays, count, axis=1)
        response = ramp(count, self.pixel_mm).astype(np.float32)[None, :, None]
        spectrum.real *= response
        spectrum.imag *= response
        filtered = scipy.fft.irfft(spectrum, count, axis=1)[:, : self.rays]
        return self.spread(np.ascontiguousarray(filtered, dtype=np.float32)) * np.float32(math.pi)


@lru_cache(maxsize=4)
def _matrix(projector: Projector) -> Any:
    """Return the projector as a sparse matrix: each pixel shared between the two rays about it."""
    axis = projector.axis_mm
    pixels = np.arange(projector.size**2, dtype=np.int32)
    rows, weights = [], []
    for number, (cosine, sine) in enumerate(projector.directions):
        place = (axis[None, :] * cosine + axis[:, None] * sine) / projector.pixel_mm
        place += (projector.rays - 1) / 2
        lower = np.floor(place)
        share = (place - lower).ravel()
        first = (lower.ravel() + number * projector.rays).astype(np.int32)
        rows += [first, first + 1]
        weights += [1 - share, share]
    columns = np.tile(pixels, 2 * projector.angles)
    values = (np.concatenate(weights) * projector.pixel_mm).astype(np.float32)
    shape = (projector.angles * projector.rays, projector.size**2)
    made = scipy.sparse.csr_array((values, (np.concatenate(rows), columns)), shape=shape)
    made.sum_duplicates()
    return made


@lru_cache(maxsize=4)
def _transposed(projector: Projector) -> Any:
    return _matrix(projector).T.tocsr()


FIELD = Projector(128, 4.5, 96)
"""The lattice that stands for the whole patient: 576 mm wide, arms and couch included."""
