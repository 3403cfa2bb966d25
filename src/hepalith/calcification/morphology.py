"""The form of a focus: which word of the vocabulary, with a probability for each."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType

from hepalith.calcification.appearance import Shape

__all__ = ["describe_morphology"]

PUNCTATE_MM = 3.0
"""Diameter below which a focus is a point for the reader. Our judgement."""

COARSE_MM = 10.0
"""Diameter from which a compact focus is coarse rather than nodular. Our judgement."""

SEEN_BLURS = 2.0
"""Diameter in widths of the blur at which a shape is half believed."""


def describe_morphology(shape: Shape, diameter_mm: float) -> tuple[str, Mapping[str, float]]:
    """Return the form of a body and the probability of every form considered.

    A form is scored by soft steps on its geometry; a body near the blur shows no form, so its score
    falls to that of its size alone (punctate or nodular).

    Parameters
    ----------
    shape
        Its geometry.
    diameter_mm
        Its longest diameter.

    Examples
    --------
    >>> point = Shape((0.5, 0.5, 0.5), 1.0, 1.0, 0.0, 0, 1.0, 0.9, 0.1)
    >>> describe_morphology(point, 1.2)[0]
    'punctate'
    """
    seen = _step(shape.blurs, SEEN_BLURS, 0.5)
    small = 1.0 - _step(diameter_mm, PUNCTATE_MM, 0.6)
    large = _step(diameter_mm, COARSE_MM, 1.5)
    long = _step(shape.elongation, 2.2, 0.25)
    flat = _step(shape.flatness, 2.2, 0.25)
    hollow = _step(shape.hollow, 0.15, 0.04)
    arms = _step(float(shape.branches), 0.5, 0.25)
    sparse = 1.0 - _step(shape.fill, 0.55, 0.08)
    uneven = _step(shape.variation, 0.6, 0.08)
    compact = (1 - long) * (1 - hollow) * (1 - 0.8 * sparse)
    formed = {
        "rim": seen * hollow * (0.65 - 0.3 * large),
        "eggshell": seen * hollow * (0.35 + 0.3 * large),
        "linear": seen * long * (1 - hollow) * (1 - arms) * (1 - 0.5 * sparse),
        "branching": seen * arms * (1 - hollow) * (0.3 + 0.7 * sparse) * (1 - 0.5 * small),
        "tram_track": seen * long * hollow * 0.3,
        "curvilinear_septal": seen * sparse * flat * (1 - hollow) * 0.5,
        "plaque": seen * flat * (1 - long) * (1 - hollow) * (1 - sparse),
        "stellate": seen * arms * compact * 0.3 * large,
        "granular": seen * uneven * sparse * large * 0.4,
        "amorphous": seen * sparse * (1 - hollow) * (1 - arms) * (1 - long) * 0.6,
    }
    blob = compact * (1 - flat * seen) + (1 - seen)
    plain = {
        "punctate": small * blob,
        "nodular": (1 - small) * (1 - large) * blob,
        "coarse": (1 - small) * large * blob,
    }
    score = {name: max(value, 1e-4) for name, value in {**plain, **formed}.items()}
    total = sum(score.values())
    probabilities = {name: value / total for name, value in sorted(score.items(), key=lambda item: -item[1])}
    return next(iter(probabilities)), MappingProxyType(probabilities)


def _step(value: float, middle: float, width: float) -> float:
    """Return a soft step from 0 to 1 about `middle`."""
    return 1.0 / (1.0 + math.exp(-max(-40.0, min(40.0, (value - middle) / width))))
