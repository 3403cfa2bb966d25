"""What is known of a scan's blur before and after its foci were looked at."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hepalith.calcification.extent.aperture import Scene
from hepalith.image.noise import Blur

__all__ = [
    "BLUR",
    "BOOST",
    "COUNT",
    "EDGE",
    "EXCESS",
    "FIRST_BLUR",
    "FROM_FOCI",
    "HALO",
    "LEVEL",
    "SIZE",
    "BlurBelief",
    "first_blur_sd",
    "wider_blur",
]

FIRST_BLUR = (0.0, 0.2)
"""What is believed of the log of the in-plane blur over its estimate before any focus was looked at, where no
edge in the image tells it: mean and standard deviation. Kernels differ as much."""

EDGE_BLUR = (0.05, 0.1)
"""The same where the skin's edge tells it: the sharper quarter of its crossings errs to the sharp side."""

FROM_FOCI = "foci"
"""Source of a blur that the foci of the scan themselves have told."""

FOCI_BLUR = (0.0, 0.1)
"""What is believed of the same where they have."""

WIDER_FROM, WIDER_MOST = 0.15, 0.5
"""Log of the blur over its estimate from which the foci, one standard deviation taken off, are believed to be
blurred more, and most of it that is believed. A kernel is within a sixth of what the skin's edge shows; an
image that was resampled is not. Our judgement."""

FIRST_EDGE = (0.3, 0.2)
"""The same of the slice profile's soft edge, as a share of the slice: between the box of a sequential scan
(0) and what spiral scans show (0.5 and more). Our judgement."""

KERNEL_NAMES = {
    "lung": ("lung", "bone", "edge", "b60", "b70", "b80", "br6", "bl6", "hr6", "hr7", "fc5", "fc8", "yc"),
    "sharp": ("detail", "sharp", "b45", "b46", "b50", "br5", "bv5", "fc3", "d"),
    "smooth": ("b08", "b10", "b20", "br2", "br30", "fc01", "smooth", "a"),
}
"""Starts of the names of kernels by class: GE (words), Siemens (B, Br, Bl, Hr), Canon (FC), Philips."""

KERNEL_BOOST = {
    "smooth": (0.03, 0.05),
    "body": (0.1, 0.06),
    "unknown": (0.04, 0.06),
    "sharp": (0.2, 0.12),
    "lung": (0.35, 0.25),
}
"""How far kernels of each class raise edges, mean and standard deviation: a Gaussian describes smooth ones;
sharp ones overshoot edges by up to a tenth. Our judgement, after makers' data sheets."""

COUNT = 10
"""Unknowns: excess, squared diameter, place (3), log of the blur, the profile's edge, the kernel's boost, the
medium about the body, background."""

EXCESS, SIZE, BLUR, EDGE, BOOST, HALO, LEVEL = 0, 1, 5, 6, 7, 8, 9
"""Their places in the vector; the place of the focus stands between size and blur."""


@dataclass(frozen=True, slots=True)
class BlurBelief:
    """What blur, edge and boost are taken to be: normal distributions, each a mean and a standard deviation.

    `blur` is the log of the in-plane blur over its estimate, `edge` the slice profile's soft edge, `boost`
    how far the kernel raises edges.
    """

    blur: tuple[float, float] = FIRST_BLUR
    edge: tuple[float, float] = FIRST_EDGE
    boost: tuple[float, float] = KERNEL_BOOST["unknown"]

    @classmethod
    def of(cls, scene: Scene) -> BlurBelief:
        """Return what a scan's header and its skin say."""
        return cls(_first_blur(scene.blur), FIRST_EDGE, KERNEL_BOOST[_kernel_class(scene.kernel)])

    def prior(self, halo_sd: float, level_sd: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return mean and precision of every unknown."""
        mean, precision = np.zeros(COUNT), np.zeros(COUNT)
        for place, (middle, sd) in zip((BLUR, EDGE, BOOST), (self.blur, self.edge, self.boost), strict=True):
            mean[place], precision[place] = middle, sd**-2
        precision[HALO], precision[LEVEL] = halo_sd**-2, level_sd**-2
        return mean, precision


def first_blur_sd(blur: Blur) -> float:
    """Return the standard deviation of the log of the in-plane blur, before any focus was looked at."""
    return _first_blur(blur)[1]


def _first_blur(blur: Blur) -> tuple[float, float]:
    if blur.source == FROM_FOCI:
        return FOCI_BLUR
    return EDGE_BLUR if blur.source == "skin edge" else FIRST_BLUR


def wider_blur(belief: BlurBelief) -> float:
    """Return by what factor the foci of a scan show its blur to be wider than its estimate; 1 where not.

    Examples
    --------
    >>> wider_blur(BlurBelief(blur=(0.1, 0.05)))
    1.0
    >>> round(wider_blur(BlurBelief(blur=(0.3, 0.05))), 2)
    1.35
    """
    middle, sd = belief.blur
    return math.exp(min(middle, WIDER_MOST)) if middle - sd > WIDER_FROM else 1.0


def _kernel_class(kernel: str) -> str:
    """Return the class of a kernel from its name.

    Examples
    --------
    >>> [_kernel_class(name) for name in ("LUNG", "B30f", "Br40d", "DETAIL", "B10f", "")]
    ['lung', 'body', 'body', 'sharp', 'smooth', 'unknown']
    """
    name = kernel.strip().lower()
    for kind, starts in KERNEL_NAMES.items():
        if name.startswith(starts):
            return kind
    return "body" if name else "unknown"
