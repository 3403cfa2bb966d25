"""What lies close about a body, all along it: bile about a stone, blood about glue, liver about calcium."""

from __future__ import annotations

from dataclasses import dataclass

import edt
import numpy as np
from scipy import ndimage

from hepalith.calcification.extent.aperture import Aperture, Scene

__all__ = ["NO_RIND", "Rind", "rind_of"]

CLEAR_BLURS = 0.85
"""How far off, in widths of the blur, a body's own blurred edge has fallen to a fiftieth: two standard
deviations of the blur."""

RIND_MM = 3.0
"""Thickness of the rind: bile about a stone and the blood of a vein about its cast are 1 to 4 mm wide."""

SMOOTHING_MM = 1.0
"""Standard deviation of the blur that takes the noise off single voxels; the body is left out of it."""

FEWEST = 12
"""Fewest voxels of a rind that are told of."""


@dataclass(frozen=True, slots=True)
class Rind:
    """HU of what lies close about a body in its slices, less those of the liver at large.

    Parameters
    ----------
    low_hu, middle_hu, high_hu
        Of its darkest tenth, its middle and its brightest tenth.
    """

    low_hu: float = 0.0
    middle_hu: float = 0.0
    high_hu: float = 0.0


NO_RIND = Rind()
"""About a body of which nothing is known."""


def rind_of(aperture: Aperture, scene: Scene) -> Rind:
    """Return what lies close about a body.

    Parameters
    ----------
    aperture, scene
        The body, and the crop it lies in.

    Notes
    -----
    Only distances within a slice count: above and below, thick slices mix the body itself in.
    """
    fwhm = scene.blur.in_plane_fwhm_mm
    clear = CLEAR_BLURS * fwhm
    away = edt.edt(~aperture.extent, anisotropy=(1e4, *scene.spacing_mm[1:]), black_border=False)
    free = (away > clear) & (away < 1e4)
    about = free & (away <= clear + RIND_MM)
    if int(about.sum()) < FEWEST:
        return NO_RIND
    hu = scene.hu[aperture.box.slices].astype(np.float32) - np.float32(scene.surroundings.liver_hu)
    sigma = (0.0, *(SMOOTHING_MM / s for s in scene.spacing_mm[1:]))
    share = ndimage.gaussian_filter(free.astype(np.float32), sigma)
    smooth = ndimage.gaussian_filter(np.where(free, hu, np.float32(0)), sigma)[about] / share[about]
    low, middle, high = (float(v) for v in np.quantile(smooth, (0.1, 0.5, 0.9)))
    return Rind(low, middle, high)
