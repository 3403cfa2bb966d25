"""How far the outline can be trusted, and why no further."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hepalith.anatomy.coarse import SPACING_MM
from hepalith.anatomy.outline.body import Body
from hepalith.anatomy.outline.outline import Outline

__all__ = ["Quality", "chance_of_good", "judge_outline", "volume_error"]

OPEN_WORTH, UNSURE_WORTH, MASS_WORTH, NOISE_WORTH, SIZE_WORTH = 1.1, 0.7, 0.35, 0.012, 0.3
"""What each weakness takes from the score, per unit. Set on the variants of the shared scan so that the
score's order follows that of Dice; see benchmarks/liver.py for how well it does."""
BURIED_WORTH, BURIED_USUAL = 1.2, 0.55
"""What surface on other organs takes, beyond the share that a whole liver has (up to 0.57 on the shared
scans, now that gut, vessels and heart beside it are left out): an outline buried in tissue is often a mass,
and the liver is around it."""
DISAGREE_WORTH, AGREE_USUAL = 1.6, 0.92
"""What is taken for each unit by which the Dice of outline and network falls short of what is usual. Each
fails in its own way: where they differ, one of them is wrong. Our judgement."""
TISSUE_HU = -15
"""Above: tissue or fluid, not fat."""
NOISE_FREE_HU = 4.0
"""Spread of HU in the core from which noise counts."""
LARGE_ML, SMALL_ML = 2600.0, 500.0
"""Whole adult livers are seldom larger or smaller. K."""
CALM = 0.08
"""A weakness that takes less than this from the score is not worth a sentence."""
LEAST_SCORE = 0.05
"""The score of an outline that is there at all."""
EVEN_WEAKNESS, WEAKNESS_SPREAD = 0.28, 0.05
"""Weakness at which a Dice of 0.9 is as likely as not, and the scale of the logistic curve about it.
By eye on variants of the shared scan and phantoms of the development split, 36 in all, of which three were
below 0.9 (said: 0.27, 0.39, 0.63): more than the order is not known from so few."""
WEAKNESS_ERROR = 0.45
"""What each unit of weakness adds to the relative error of the volume. Our judgement: on phantoms and on the
variants of the shared scan the interval then holds the true volume in 95 % and more."""
LEAST_ERROR = 0.06
"""Relative 95 % error of the volume of the best outlines: what two readers differ by. Our judgement."""


class Quality(NamedTuple):
    """Score 0 to 1, what lowers it, and how much was taken by all of that together.

    The score is the chance that the outline is a good one, of a Dice of 0.9 at least.
    """

    score: float
    reasons: tuple[str, ...]
    weakness: float = 0.0


def judge_outline(
    hu: NDArray[np.float32],
    outline: Outline,
    body: Body,
    millilitres: float,
    prior: NDArray[np.float32] | None = None,
    *,
    cut: bool,
) -> Quality:
    """Return how far the outline can be trusted.

    Five weaknesses count: surface without an edge to lean on, voxels that the random walk left
    undecided, volume taken in as masses, noise, disagreement with the network (`prior`, where it was
    asked); and a size that no whole liver has.
    """
    mask = outline.mask
    shell = ndimage.binary_dilation(mask) & ~mask
    total = max(1, int(shell.sum()))
    beyond = body.inside & (body.wall_depth_mm > SPACING_MM) & ~body.lung & ~body.gas
    alike = np.abs(hu - outline.local_hu) < max(2.5 * outline.spread_hu, 10.0)
    quiet_alike = ndimage.uniform_filter(alike.astype(np.float32), 3) > 0.5
    open_share = int((shell & beyond & quiet_alike).sum()) / total
    buried = int((shell & beyond & (hu > TISSUE_HU)).sum()) / total
    unsure = int(((outline.probability > 0.25) & (outline.probability < 0.75) & beyond).sum()) / max(
        1, int(mask.sum())
    )
    mass = outline.mass_share
    noise = max(0.0, outline.core_spread_hu - NOISE_FREE_HU)
    agreement = AGREE_USUAL if prior is None else _dice(mask, prior > 0.5)
    odd_size = not cut and not SMALL_ML <= millilitres <= LARGE_ML
    takes = {
        f"{open_share:.0%} of the surface borders on tissue of the same density": OPEN_WORTH * open_share,
        "parts could be liver or neighbour": UNSURE_WORTH * unsure,
        f"{mass:.0%} of the volume is of another density and was taken for masses": MASS_WORTH * mass,
        f"{buried:.0%} of the surface borders on other organs, more than a liver's": BURIED_WORTH
        * max(0.0, buried - BURIED_USUAL),
        f"densities and the network agree on {agreement:.0%} only": DISAGREE_WORTH
        * max(0.0, AGREE_USUAL - agreement),
        "the scan is noisy or the liver uneven": NOISE_WORTH * noise,
        f"a volume of {millilitres:.0f} mL is unusual": SIZE_WORTH * odd_size,
    }
    weakness = float(sum(takes.values()))
    score = max(LEAST_SCORE, chance_of_good(weakness))
    reasons = [reason for reason, take in sorted(takes.items(), key=lambda item: -item[1]) if take > CALM]
    if cut:
        reasons.append("the scan cuts the liver")
    return Quality(score, tuple(reasons), weakness)


def _dice(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    """Return the overlap of two masks, twice what they share over their sum."""
    return 2 * int((one & other).sum()) / max(1, int(one.sum()) + int(other.sum()))


def chance_of_good(weakness: float) -> float:
    """Return the chance of a Dice of 0.9 at least for an outline of that weakness.

    Examples
    --------
    >>> chance_of_good(EVEN_WEAKNESS)
    0.5
    """
    return float(1 / (1 + np.exp((weakness - EVEN_WEAKNESS) / WEAKNESS_SPREAD)))


def volume_error(weakness: float) -> float:
    """Return the relative half width of the 95 % interval of a volume whose outline has that weakness."""
    return LEAST_ERROR + WEAKNESS_ERROR * min(weakness, 1 - LEAST_SCORE)
