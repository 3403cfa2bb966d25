"""The liver as a whole: fat and density of its tissue, its size, its surface."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
from scipy import ndimage

from hepalith.anatomy.liver import Liver, Phase
from hepalith.anatomy.neighbours import Neighbours
from hepalith.finding.finding import Finding, Subject
from hepalith.finding.pattern.pattern import share_below
from hepalith.image.volume import Volume
from hepalith.vocabulary import Measurement, State

__all__ = ["describe_parenchyma"]

STEATOSIS_BELOW_HU = 40.0
"""Unenhanced liver below which fat is called: 173 of 175 such livers were fatty on ultrasound (DOI
10.17946/JRST.2017.40.2.07, n = 720, grade A)."""
STEATOSIS_BELOW_SPLEEN_HU = 10.0
"""... or so far below the spleen, whose HU shift with the scanner as the liver's do (grade K)."""
DENSE_ABOVE_HU = 75.0
"""Unenhanced liver above which the tissue is called dense; 40 to 70 HU is normal (grade K, our
judgement for the margin)."""
SCANNER_SD_HU = 4.0
"""Spread of the liver's mean HU between scanners and energies: the error that a median over many voxels
leaves. Our judgement."""
SPLEEN_SD_HU = 4.0
"""Spread of healthy spleens (48 HU unenhanced) and of their measurement, the scanner's share left out."""
PLAIN_SPLEEN_HU = (35.0, 62.0)
"""HU of a spleen without contrast or iron; one beyond them says nothing of the liver (grade K)."""
LEAST_PARENCHYMA_VOXELS = 1_000
"""Fewest liver voxels from which the liver's HU is trusted: with noise near 15 HU the standard error of
the median is then below 0.6 HU."""
LARGE_LIVER_ML, SMALL_LIVER_ML = 2000.0, 1000.0
"""Adult liver volumes above and below which size is called unusual, body size unknown. Our judgement."""
LEAST_IN_VIEW = 0.95
"""Share of the liver that must be in view before its size is judged. Our judgement."""

LIVER = Subject("liver")


def describe_parenchyma(
    volume: Volume, liver: Liver, phase: Phase, neighbours: Neighbours | None = None
) -> tuple[Finding, ...]:
    """Return what is said of the liver as a whole.

    Parameters
    ----------
    volume, liver, phase
        The CT, its liver in view, and contrast phase.
    neighbours
        Which organ lies where, for the spleen beside which fat shows; None where not looked for.
    """
    middle = _middle_hu(volume, liver, phase)
    return (
        _steatosis(middle, neighbours),
        _dense(middle),
        _size(liver, "hepatomegaly"),
        _size(liver, "small_liver"),
    )


def _judged(term_id: str, probability: float, value: Measurement | None = None) -> Finding:
    state = State.PRESENT if probability >= 0.5 else State.ABSENT
    return Finding(term_id, LIVER, state, probability, value)


def _unable(term_id: str, reason: str) -> Finding:
    return Finding(term_id, LIVER, State.NOT_ASSESSABLE, reason=reason)


def _middle_hu(volume: Volume, liver: Liver, phase: Phase) -> Measurement | str:
    """Return the liver's median HU, or why it says nothing of fat or density."""
    if phase.label != "none":
        return "only an unenhanced scan shows the density of liver tissue"
    hu = volume.hu[liver.box.slices][liver.mask]
    if hu.size < LEAST_PARENCHYMA_VOXELS:
        return "too little liver is in view"
    middle = float(np.median(hu))
    return Measurement(middle, "[hnsf'U]", middle - 1.96 * SCANNER_SD_HU, middle + 1.96 * SCANNER_SD_HU)


def _spleen_hu(neighbours: Neighbours | None) -> float | None:
    """Return the spleen's median HU at 3 mm; None where it is not seen, or is not as a spleen is."""
    if neighbours is None or not neighbours.in_view("spleen"):
        return None
    inner = ndimage.binary_erosion(neighbours.mask("spleen"), iterations=2)
    if not inner.any():
        return None
    middle = float(np.median(neighbours.coarse.hu[inner]))
    return middle if PLAIN_SPLEEN_HU[0] < middle < PLAIN_SPLEEN_HU[1] else None


def _steatosis(middle: Measurement | str, neighbours: Neighbours | None) -> Finding:
    """Return whether the liver holds fat: by its own HU, and by how far it lies below the spleen.

    The two are averaged in logits: what shifts the scanner's HU shifts the first only.
    """
    if isinstance(middle, str):
        return _unable("steatosis", middle)
    probability = NormalDist(middle.value, SCANNER_SD_HU).cdf(STEATOSIS_BELOW_HU)
    spleen = _spleen_hu(neighbours)
    if spleen is not None:
        beside = NormalDist(middle.value - spleen, SPLEEN_SD_HU).cdf(-STEATOSIS_BELOW_SPLEEN_HU)
        probability = _between(probability, beside)
    return _judged("steatosis", probability, middle)


def _between(one: float, other: float) -> float:
    """Return the probability half way between two, in logits."""
    logits = [float(np.log(p / (1 - p))) for p in np.clip((one, other), 1e-4, 1 - 1e-4)]
    return float(1 / (1 + np.exp(-sum(logits) / 2)))


def _dense(middle: Measurement | str) -> Finding:
    if isinstance(middle, str):
        return _unable("dense_parenchyma", middle)
    probability = 1 - NormalDist(middle.value, SCANNER_SD_HU).cdf(DENSE_ABOVE_HU)
    return _judged("dense_parenchyma", probability, middle)


def _size(liver: Liver, term_id: str) -> Finding:
    """Return whether the liver is larger or smaller than an adult's usually is."""
    if liver.in_view < LEAST_IN_VIEW:
        return _unable(term_id, "not all of the liver is in view")
    if term_id == "hepatomegaly":
        return _judged(term_id, 1 - share_below(liver.volume, LARGE_LIVER_ML), liver.volume)
    return _judged(term_id, share_below(liver.volume, SMALL_LIVER_ML), liver.volume)
