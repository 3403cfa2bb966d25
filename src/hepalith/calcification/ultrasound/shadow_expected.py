"""Whether a calcified body of some size would throw a shadow that can be seen, with these settings."""

from __future__ import annotations

from hepalith.study.sonography import Sonography

__all__ = ["expect_shadow"]

HALF_MM, HALF_AT_MHZ = 0.93, 5.0
"""In vitro, size at which half of the stones throw a shadow, and at which frequency: three of five stones of
1 mm did at 5 MHz and nearly all of 2 mm and more (R14; grade A in vitro)."""

FREQUENCY_POWER = 0.6
"""How that size falls with frequency. No stone of 1 mm threw a clear shadow at 2.4 MHz where 2 mm and more
nearly all did (R14; A in vitro): between a beam as wide as the wavelength (1) and one that does not change
(0)."""

IN_PATIENTS = 2.6
"""By how much that size is larger in patients than in water: below 3 mm a faint or absent shadow is the rule
and below 5 mm there may be none (R72, R73; B). At 3.5 MHz one half is then reached at 3 mm. Our judgement
(C)."""

STEEPNESS = 4.0
"""Log odds gained when the size is 2.7 times as large: 0.17 at 2 mm and 0.88 at 5 mm at 3.5 MHz. Our
judgement (C) between the in-vitro jump from 1 to 2 mm (R14) and the clinical range of 3 to 5 mm (R72,
R73)."""

BEYOND_FOCUS = 1.5
"""Times the size deeper than every focus: stones of 4 to 6 mm threw but a faint shadow there (R14; A in
vitro)."""

FOCUS_MARGIN = 1.25
"""A body is beyond the focus when it lies this many times as deep. Our judgement (C)."""

COMPOUNDED, MAYBE_COMPOUNDED = 1.3, 1.15
"""Times the size with spatial compounding, which thins a shadow out, and where the header is silent on it.
That it does is known (evidence review, grade K); the factors are our judgement (C)."""

HARMONIC = 0.9
"""Times the size with tissue harmonics, which sharpen a shadow (K); the factor is our judgement (C)."""


def expect_shadow(size_mm: float | None, depth_mm: float | None, sonography: Sonography) -> float | None:
    r"""Return the probability that a calcified body of this size would throw a shadow that can be seen.

    .. math:: p = 1 / (1 + (d_{50} / d)^{4}), \quad d_{50} = 0.93 \cdot 2.6 \cdot (5 / f)^{0.6} \cdot \ldots

    Parameters
    ----------
    size_mm, depth_mm
        The body's longest diameter and its depth; ``None``: unknown.
    sonography
        The scanner's settings.

    Returns
    -------
    float or None
        ``None`` where size or frequency is unknown: nothing can be expected then, and an absent shadow says
        nothing.

    Examples
    --------
    >>> round(expect_shadow(1.0, 60.0, Sonography(frequency_mhz=3.5)), 2)
    0.01
    >>> round(expect_shadow(8.0, 60.0, Sonography(frequency_mhz=3.5)), 2)
    0.97
    """
    if size_mm is None or sonography.frequency_mhz is None or size_mm <= 0 or sonography.frequency_mhz <= 0:
        return None
    half = HALF_MM * IN_PATIENTS * (HALF_AT_MHZ / sonography.frequency_mhz) ** FREQUENCY_POWER
    if depth_mm is not None and sonography.focus_mm and depth_mm > FOCUS_MARGIN * max(sonography.focus_mm):
        half *= BEYOND_FOCUS
    half *= {True: COMPOUNDED, None: MAYBE_COMPOUNDED, False: 1.0}[sonography.compounding]
    if sonography.harmonics:
        half *= HARMONIC
    return float(1.0 / (1.0 + (half / size_mm) ** STEEPNESS))
