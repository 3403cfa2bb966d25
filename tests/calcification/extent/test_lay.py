"""Where the foci of a scan show more blur than its header and skin tell, they are measured with that."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import ndimage
from tests.calcification.made_liver import ball, read, scan, value, volume_mm3

from hepalith.image import Volume

PLACES = ((-10.0, -11.0, -11.0), (-9.0, 11.0, 10.0), (10.0, -10.0, 11.0), (9.0, 11.0, -11.0))
RADII = (2.0, 2.5, 3.0, 4.0)


def spheres(z: np.ndarray, y: np.ndarray, x: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
    """Return four spheres."""
    parts = (ball(r)(z - k, y - j, x - i) for r, (k, j, i) in zip(RADII, PLACES, strict=True))
    return np.asarray(np.logical_or.reduce(list(parts)))


def blurred(more_mm: float) -> Volume:
    """Return a scan of the spheres, its image blurred further in plane by a width at half maximum."""
    seen = scan(spheres, 700.0, slice_mm=3.0, noise_hu=4.0, size_mm=48.0)
    sigma = [0.0, *(more_mm / 2.3548 / s for s in seen.spacing_mm[1:])]
    smooth = ndimage.gaussian_filter(seen.hu.astype(np.float64), sigma)
    noise = np.random.default_rng(4).normal(0, 6, smooth.shape)
    return replace(seen, hu=np.rint(smooth + noise).astype(np.int16))


def test_spheres_blurred_beyond_the_usual_kernel_keep_their_excess() -> None:
    foci = sorted(read(blurred(2.6)).calcifications, key=lambda f: value(f.integrated_excess))
    ratios = [
        value(f.integrated_excess) / (700 * volume_mm3(ball(r))) for f, r in zip(foci, RADII, strict=True)
    ]
    assert np.mean(ratios) > 0.975
    assert min(ratios) > 0.95
    assert max(ratios) < 1.05
