"""Edges of gas: sharp kernels overshoot beside gas in ducts and portal branches."""

from __future__ import annotations

from hepalith.calcification.mimic.appearance import Appearance
from hepalith.calcification.mimic.vote import Vote

__all__ = ["judge_gas"]

BESIDE_MM = 3.0
"""Distance from gas within which its edge can overshoot."""

OVERSHOOT_HU = 110.0
"""Largest overshoot: a tenth of the step from gas to liver, as the sharpest kernels make it."""


def judge_gas(seen: Appearance) -> list[Vote]:
    """Return the evidence for the edge of gas in the liver."""
    company = seen.company
    deep = seen.liver_about > 0.6 and company.organ("lung", "bowel", "stomach") < 0.3
    if company.gas_mm > BESIDE_MM or not deep or seen.peak_excess_hu > OVERSHOOT_HU:
        return []
    return [Vote("gas", 8.0, f"the edge of gas {company.gas_mm:.0f} mm away")]
