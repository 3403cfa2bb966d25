"""Colours as DICOM recommends them to viewers: CIELab under the white of the profile connection space."""

from __future__ import annotations

import numpy as np

__all__ = ["cielab"]

XYZ_FROM_SRGB = np.array(
    [
        [0.4360747, 0.3850649, 0.1430804],
        [0.2225045, 0.7168786, 0.0606169],
        [0.0139322, 0.0971045, 0.7141733],
    ]
)
"""Linear sRGB to XYZ under D50 (IEC 61966-2-1, adapted as Bradford does; its rows sum to `WHITE`)."""

WHITE = XYZ_FROM_SRGB.sum(axis=1)
"""D50, the white of the profile connection space (DICOM PS3.3, C.10.7.1.1)."""

LINEAR_BELOW = 216 / 24389
"""Share of white below which CIELab is linear (CIE 15)."""

SLOPE = 24389 / 27
"""Slope of that line (CIE 15)."""


def cielab(rgb: tuple[int, int, int]) -> tuple[int, int, int]:
    """Return an sRGB colour as the three numbers of Recommended Display CIELab Value.

    L* of 0 to 100 and a*, b* of -128 to 127 are each laid onto 0 to 65535.

    References
    ----------
    DICOM PS3.3, C.10.7.1.1 (encoding of CIELab values).

    Examples
    --------
    >>> cielab((255, 255, 255)), cielab((0, 0, 0))
    ((65535, 32896, 32896), (0, 32896, 32896))
    """
    share = np.asarray(rgb, dtype=np.float64) / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    relative = XYZ_FROM_SRGB @ linear / WHITE
    f = np.where(relative > LINEAR_BELOW, np.cbrt(relative), (SLOPE * relative + 16) / 116)
    lightness, a, b = 116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])
    light, red, yellow = (
        round(min(max(float(part), 0.0), 1.0) * 65535)
        for part in (lightness / 100, (a + 128) / 255, (b + 128) / 255)
    )
    return light, red, yellow
