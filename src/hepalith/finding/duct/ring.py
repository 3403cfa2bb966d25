"""The surroundings of a focus: how much of what lies just about it is bile."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import edt
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hepalith.anatomy.ducts.ducts import Ducts
from hepalith.anatomy.liver import Liver
from hepalith.calcification.focus import Foci
from hepalith.geometry import Box
from hepalith.image.volume import Volume

__all__ = ["Ring", "Surroundings"]

RINGS_MM = ((1.5, 2.5), (2.5, 3.5))
"""Distances from the focus within which bile is looked for. Nearer, the focus itself is blurred into the
ring; farther, the wall of most ducts is reached. The darker of the two counts."""

FAR_MM = (6.0, 10.0)
"""Distances at which the surroundings are taken for what the focus lies in."""

HOST_MM = (5.0, 8.0)
"""Distances at which a lesion around the focus is still as dark, and a duct, but for its two ends, is not."""

SHELL_MM = (1.0, 3.0)
"""Distances within which a duct that is seen counts as lying about the focus."""

RIM_MM = 2.5
"""Depth beneath the capsule that is left out."""

LEAST_VOXELS = 6
"""Fewest voxels of a ring that are averaged."""

LEAST_FAR_VOXELS = 30
"""Fewest voxels from which the surroundings are taken; else the liver's own density stands for them."""

VOXELS_PER_DRAW = 6.0
"""Voxels that share one independent draw of noise, roughly: reconstruction correlates neighbours in plane."""

LEAST_CONTRAST_HU = 8.0
"""Parenchyma less bile below which nothing can be said."""

MOST_VOXELS = 60_000
"""Voxels about a focus that are looked at; larger foci are sampled more coarsely."""


@dataclass(frozen=True, slots=True)
class Ring:
    """What lies just about a focus.

    Parameters
    ----------
    bile
        Darkening of the ring over that of pure bile: 0 parenchyma, 1 bile; None where none could be measured.
    noise
        Its standard deviation by noise.
    host
        Darkening a few millimetres farther: near that of the ring within a mass or a cyst.
    sidedness
        0 where the darkness surrounds the focus or lies on opposite sides, towards 0.5 where it lies on one.
    duct, share
        Id of the duct that lies most about the focus, and the share of the shell that it fills; 0, 0.
    reach_mm
        How far from the focus the bile reaches.
    """

    bile: float | None
    noise: float
    host: float
    sidedness: float
    duct: int
    share: float
    reach_mm: float


class Surroundings:
    """Measures the rings about foci of one image; the maps are laid out once."""

    def __init__(self, volume: Volume, liver: Liver, foci: Foci, ducts: Ducts) -> None:
        self._volume, self._liver, self._foci, self._ducts = volume, liver, foci, ducts
        self._parenchyma = ducts.parenchyma_hu
        self._contrast = ducts.parenchyma_hu - ducts.bile_hu
        self._places = ndimage.find_objects(foci.labels) if foci.labels.size else []

    def ring_of(self, focus_id: int) -> Ring | None:
        """Return the ring about a focus; None where it has no voxels or lies outside the image."""
        if not 0 < focus_id <= len(self._places) or self._places[focus_id - 1] is None:
            return None
        box = self._box_about(self._places[focus_id - 1])
        step = max(1, int(np.ceil((np.prod(box.shape) / MOST_VOXELS) ** 0.5)))
        thin = (slice(None), slice(None, None, step), slice(None, None, step))
        k_mm, j_mm, i_mm = self._volume.spacing_mm
        spacing = (k_mm, j_mm * step, i_mm * step)
        labels = _view(self._foci.labels, self._foci.box, box)[thin]
        ducts = _view(self._ducts.labels, self._ducts.box, box)[thin]
        deep = _depth_in(self._liver, box)[thin] > RIM_MM
        hu = self._volume.hu[box.slices][thin].astype(np.float32)
        away = edt.edt(np.ascontiguousarray(labels != focus_id), anisotropy=spacing)
        others = ndimage.binary_dilation((labels > 0) & (labels != focus_id), iterations=1)
        return self._measure(hu, away, ducts, deep & ~others, spacing)

    def _box_about(self, place: tuple[slice, ...]) -> Box:
        """Return the box about a focus in the image."""
        start = [s.start + a for s, a in zip(place, self._foci.box.start, strict=True)]
        stop = [s.stop + a for s, a in zip(place, self._foci.box.start, strict=True)]
        box = Box((start[0], start[1], start[2]), (stop[0], stop[1], stop[2]))
        margin = [int(np.ceil(FAR_MM[1] / s)) for s in self._volume.spacing_mm]
        return box.grown(margin, self._volume.hu.shape)

    def _measure(
        self,
        hu: NDArray[np.float32],
        away: NDArray[np.float32],
        ducts: NDArray[np.integer[Any]],
        trusted: NDArray[np.bool_],
        spacing: tuple[float, float, float],
    ) -> Ring:
        """Return the ring, from arrays about the focus."""
        far = trusted & (away > FAR_MM[0]) & (away < FAR_MM[1]) & (ducts == 0)
        ground, sd = self._parenchyma, 15.0
        if int(far.sum()) >= LEAST_FAR_VOXELS:
            ground = float(np.median(hu[far]))
            sd = 1.4826 * float(np.median(np.abs(hu[far] - ground)))
        contrast = max(self._contrast + ground - self._parenchyma, LEAST_CONTRAST_HU)
        share = (ground - hu) / contrast
        found: list[tuple[float, float, NDArray[np.bool_]]] = []
        for low, high in RINGS_MM:
            ring = trusted & (away >= low) & (away < high)
            count = int(ring.sum())
            if count >= LEAST_VOXELS:
                noise = sd / contrast * float(np.sqrt(VOXELS_PER_DRAW / count))
                found.append((float(share[ring].mean()), noise, ring))
        shell = (away >= SHELL_MM[0]) & (away < SHELL_MM[1])
        near = np.bincount(ducts[shell]) if shell.any() else np.zeros(1, dtype=np.int64)
        near[0] = 0
        duct = int(near.argmax())
        filled = float(near[duct]) / max(int(shell.sum()), 1) if duct else 0.0
        if not found:
            return Ring(None, 1.0, 0.0, 0.0, duct, filled, 0.0)
        bile, noise, ring = max(found, key=lambda f: f[0])
        outer = trusted & (away >= HOST_MM[0]) & (away < HOST_MM[1])
        host = float(share[outer].mean()) if int(outer.sum()) >= LEAST_VOXELS else 0.0
        reach = 0.5 * sum(RINGS_MM[1]) if found[-1][0] > 0.5 * bile else 0.5 * sum(RINGS_MM[0])
        return Ring(bile, noise, host, _sidedness(share, ring, away, spacing), duct, filled, reach)


def _sidedness(
    share: NDArray[np.float32],
    ring: NDArray[np.bool_],
    away: NDArray[np.float32],
    spacing: tuple[float, float, float],
) -> float:
    """Return how far the darkness of a ring lies on one side: the length of its mean direction."""
    middle = np.argwhere(away == 0).mean(axis=0) if (away == 0).any() else np.zeros(3)
    places = np.argwhere(ring)
    rays = (places - middle) * np.asarray(spacing)
    rays /= np.maximum(np.linalg.norm(rays, axis=1, keepdims=True), 1e-6)
    weight = np.clip(share[ring], 0.0, 1.2).astype(np.float64)
    even = rays.mean(axis=0)  # a ring that the liver's edge cuts is one-sided by itself
    return float(np.linalg.norm((rays * weight[:, None]).sum(axis=0) / max(weight.sum(), 1e-6) - even))


def _view(part: NDArray[Any], held: Box, box: Box) -> NDArray[Any]:
    """Return what a map that lies in box `held` says in another box; 0 beyond it."""
    shown = np.zeros(box.shape, dtype=part.dtype)
    low = [max(a, b) for a, b in zip(held.start, box.start, strict=True)]
    high = [min(a, b) for a, b in zip(held.stop, box.stop, strict=True)]
    if all(a < b for a, b in zip(low, high, strict=True)):
        to = tuple(slice(a - s, b - s) for a, b, s in zip(low, high, box.start, strict=True))
        of = tuple(slice(a - s, b - s) for a, b, s in zip(low, high, held.start, strict=True))
        shown[to] = part[of]
    return shown


def _depth_in(liver: Liver, box: Box) -> NDArray[np.float32]:
    """Return the depth beneath the capsule in a box of the image, in mm; 0 beyond the liver's box."""
    low = [max(a, b) for a, b in zip(liver.box.start, box.start, strict=True)]
    high = [max(a, min(b, c)) for a, b, c in zip(low, liver.box.stop, box.stop, strict=True)]
    both = Box((low[0], low[1], low[2]), (high[0], high[1], high[2]))
    held = [slice(a - s, b - s) for a, b, s in zip(low, high, liver.box.start, strict=True)]
    return np.asarray(_view(liver.depth_mm.within(held), both, box), dtype=np.float32)
