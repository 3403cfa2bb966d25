"""Streaks beside metal, and noise."""

from __future__ import annotations

from hepalith.calcification.mimic.appearance import Appearance
from hepalith.calcification.mimic.vote import Vote

__all__ = ["judge_streak"]

STREAK_MM = (3.0, 60.0)
"""Distance from metal in the same slice within which its streaks are bright enough to mislead."""

STREAK_HU = 300.0
"""Excess that streaks seldom reach beyond the metal's own neighbourhood. Our judgement."""

FEW_VOXELS, LITTLE_ABOVE = 2, 6.5
"""One or two voxels, little above the noise: what chance makes now and then."""


def judge_streak(seen: Appearance) -> list[Vote]:
    """Return the evidence for streaks and noise."""
    votes = []
    streaky = seen.dark_about > 3.5 or seen.shape.elongation > 2.5 or seen.voxels <= 12
    if seen.metal_slices and STREAK_MM[0] < seen.metal_mm < STREAK_MM[1] and streaky:
        weight = (
            4.5 if seen.peak_excess_hu < 0.5 * STREAK_HU else 2.5 if seen.peak_excess_hu < STREAK_HU else 0.5
        )
        votes.append(Vote("noise_or_streak", weight, f"metal lies in its slice {seen.metal_mm:.0f} mm away"))
    if seen.dark_about > 5 and seen.peak_excess_hu < 6 * seen.dark_about:
        votes.append(Vote("noise_or_streak", 1.5, "dark streaks run beside it"))
    if seen.deviations < LITTLE_ABOVE and seen.voxels <= FEW_VOXELS:
        votes.append(Vote("noise_or_streak", 1.0, "one or two voxels little above the noise"))
    return votes
