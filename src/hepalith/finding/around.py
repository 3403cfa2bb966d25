"""What lies around the liver and speaks for a cause: calcium in other organs, ascites, spleen, nodes.

Each finding is judged on the organ it belongs to. Where that organ is not in view, or the scan hides what is
asked (excreted contrast in a kidney, dense content of the gut), the finding is not assessable, with the
reason; what was seen in a part of an organ counts, what was not seen there does not.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hepalith.anatomy.coarse import SPACING_MM
from hepalith.anatomy.liver import Liver, Phase
from hepalith.anatomy.neighbours import Neighbours
from hepalith.finding.around_calcium import Bright, Ground, blood_hu, find_bright, look_at
from hepalith.finding.finding import Finding, Subject
from hepalith.image.volume import Volume
from hepalith.vocabulary import Measurement, State

__all__ = ["describe_around"]

CLOSE_VOXELS = 2
"""An organ's coarse outline is closed by this much (6 mm), so that dense foci on its edge belong to it."""
RIND_VOXELS = 1
"""... and then taken in by this much (3 mm): its rim is shared with ribs and gut."""
MISSED = 0.04
"""Chance that an organ in view holds calcium that was not found. Our judgement."""
SURE_DEVIATIONS = 15.0
"""Spreads above the organ from which a body is calcium as surely as it gets; fewer count for less."""
EXCRETED_MM3 = 200.0
"""A dense body in a kidney larger than this may be excreted contrast once blood is enhanced: stones of 7 mm
are seldom, a filled pelvis holds more. Our judgement."""
GRANULOMA_HU = 200.0
"""A nodule of the lung above is calcified: the usual limit of CT densitometry (K)."""
LUNG_TISSUE_HU = -300.0
"""What is joined to a nodule of the lung above this belongs to it: half way from lung to tissue."""
MOST_ELONGATED = 1.6
"""Longest granuloma, in diameters of a sphere of its volume: a segment of a vessel has 2 and more, a sphere
0.9, or 1.4 in slices as thick as itself."""
LUNG_CLOSE_VOXELS = 3
"""The lung's outline is closed by this much (9 mm), so that nodules within lie inside it."""
WHOLE_LUNG_ML = 2500.0
"""Volume of lung from which absent granulomas say something of the lungs: 4 to 6 L in inspiration (K)."""
ADRENAL_ABOVE_MM, ADRENAL_BELOW_MM = 24.0, 15.0
"""How far above and below the top of the kidney its adrenal is looked for."""
ADRENAL_MEDIAL_MM, ADRENAL_FRONT_MM, ADRENAL_BACK_MM = 42.0, 32.0, 4.0
"""How far toward the middle, in front of and behind the kidney's upper pole. Our judgement."""
ADRENAL_HU = 150.0
"""Calcium in an adrenal exceeds this; the gland itself has at most 90 HU enhanced (K)."""
GLAND_HU = 30.0
"""An adrenal without contrast, from which calcium's height is counted (K)."""
LEAST_NOISE_HU = 8.0
"""Noise below which it is never taken to lie in blocks of 1.5 mm."""
ADRENAL_ELONGATED = 2.5
"""Longest calcium of an adrenal, as `MOST_ELONGATED`; the wall of a vessel or the crus is longer."""
ADRENAL_MM3 = 20.0
"""Smallest calcium called the adrenal's: less may be plaque of a small artery beside it."""
ADRENAL_SURE = 0.75
"""Highest probability: the splenic artery runs close by on the left, and the gland itself is not seen."""
DENSE_GUT_HU, DENSE_GUT_SHARE = 130.0, 0.01
"""Gut of which more than this share exceeds this is filled with contrast: its wall cannot be judged."""
GUT_ML = 200.0
"""Least gut in view before a wall without calcium is called so. Our judgement."""
WALL_MM, WALL_LENGTH_MM = 6.0, 20.0
"""Calcium of the wall lies within the first of the gut's edge and is in all at least as long as the second.
Our judgement."""
WALL_HU, WALL_ELONGATED = 300.0, 1.7
"""... exceeds the first, which dense stool hardly does, and runs along the wall (as `MOST_ELONGATED`)."""
GUT_WALL_HU = 40.0
"""The wall without contrast, from which calcium's height is counted (K)."""
WALL_SURE = 0.7
"""Highest probability of calcium in the gut's wall: tablets and dense stool lie against it too."""
SPLEEN_ML = 314.5
"""Largest of 140 normal spleens on CT, mean 214.6 mL, independent of age, sex and habitus (P. Prassopoulos
et al., Eur Radiol 7:246-248, 1997)."""
SPLEEN_ERROR = 0.10
"""Relative standard error of the spleen's volume at 3 mm, from the development phantoms."""
ASCITES_ML, ASCITES_SPREAD_ML = 15.0, 6.0
"""Volume of pools at which ascites is as likely as not, and how fast certainty grows. Our judgement."""
ASCITES_MISSED = 0.1
"""Chance of ascites where no pool was found: layers below 8 mm or denser than 18 HU are missed."""

NODES_REASON = "nodes cannot yet be told from vessels and unfilled bowel"
LUNG_TB_REASON = "cavities and tree-in-bud need a CT of the whole chest"


@dataclass(frozen=True, slots=True)
class _Scene:
    """What the findings are read from."""

    volume: Volume
    liver: Liver
    neighbours: Neighbours
    phase: Phase
    blood: float

    def ground(self, region: NDArray[np.bool_]) -> Ground | None:
        return look_at(self.volume, self.neighbours, region)

    def organ(self, name: str, close: int = CLOSE_VOXELS) -> NDArray[np.bool_]:
        """Return an organ, closed, less its rim."""
        mask = self.neighbours.mask(name)
        mask = np.pad(mask, close)  # closing near the edge of the array would erode from it
        mask = ndimage.binary_closing(mask, iterations=close)[(slice(close, -close),) * 3]
        return np.asarray(ndimage.binary_erosion(mask, iterations=RIND_VOXELS, border_value=1))


def describe_around(
    volume: Volume, liver: Liver, neighbours: Neighbours, phase: Phase
) -> tuple[Finding, ...]:
    """Return the findings around the liver.

    Parameters
    ----------
    volume, liver, phase
        The CT, its liver and contrast phase.
    neighbours
        Which organ lies where.

    Notes
    -----
    Calcium is looked for on blocks of about 1.5 mm within each organ alone (`find_bright`): it must
    stand above the organ's own spread and above blood, and lie wholly within the organ. Granulomas
    are looked for in the lung that is in view, calcium of the adrenals where they lie at the upper
    poles of the kidneys. Plaque of the aorta is outside every organ asked.
    """
    scene = _Scene(volume, liver, neighbours, phase, blood_hu(neighbours, phase))
    return (
        _spleen_calcium(scene),
        _lung_granuloma(scene),
        _unable("active_lung_tb", LUNG_TB_REASON),
        _colon_wall(scene),
        _kidney_calcium(scene),
        _adrenal_calcium(scene),
        _ascites(scene),
        _splenomegaly(scene),
        _unable("enlarged_nodes", NODES_REASON),
    )


def _unable(term_id: str, reason: str, ref: str = "") -> Finding:
    return Finding(term_id, Subject("neighbour", ref), State.NOT_ASSESSABLE, reason=reason)


def _judged(term_id: str, probability: float, ref: str = "", value: Measurement | None = None) -> Finding:
    state = State.PRESENT if probability >= 0.5 else State.ABSENT
    return Finding(term_id, Subject("neighbour", ref), state, probability, value)


def _calcium(bodies: tuple[Bright, ...]) -> float:
    """Return the probability that any of some bright bodies is calcium."""
    none = 1.0
    for body in bodies:
        none *= 1 - 0.98 * min(1.0, body.deviations / SURE_DEVIATIONS)
    return max(0.5, 1 - none)


def _spleen_calcium(scene: _Scene) -> Finding:
    name = "spleen_calcium"
    missing = scene.neighbours.why_not("spleen")
    ground = None if missing else scene.ground(scene.organ("spleen"))
    if ground is None:
        return _unable(name, missing or "too little of the spleen is in view", "spleen")
    bodies = find_bright(scene.volume, ground, scene.blood, rim=True)
    if bodies:
        return _judged(name, _calcium(bodies), "spleen")
    if scene.neighbours.is_cut("spleen"):
        return _unable(name, "none was found in the part of the spleen that is in view", "spleen")
    return _judged(name, MISSED, "spleen")


def _kidney_calcium(scene: _Scene) -> Finding:
    name = "kidney_calcium"
    missing = scene.neighbours.why_not("kidney")
    ground = None if missing else scene.ground(scene.organ("kidney"))
    if ground is None:
        return _unable(name, missing or "too little of the kidneys is in view", "kidneys")
    bodies = find_bright(scene.volume, ground, scene.blood, rim=True)
    if bodies and scene.phase.label not in ("none", "arterial"):
        large = any(body.volume_mm3 > EXCRETED_MM3 for body in bodies)
        if large or scene.phase.label != "portal":
            return _unable(
                name, "what is dense in the kidneys may be contrast that they have excreted", "kidneys"
            )
    if bodies:
        return _judged(name, _calcium(bodies), "kidneys")
    sides = [s for s in ("kidney_right", "kidney_left") if scene.neighbours.in_view(s)]
    if any(scene.neighbours.is_cut(s) for s in sides):
        return _unable(name, "none was found in the part of the kidneys that is in view", "kidneys")
    return _judged(name, MISSED, "kidneys")


def _lung_granuloma(scene: _Scene) -> Finding:
    name = "lung_granuloma"
    missing = scene.neighbours.why_not("lung")
    if missing:
        return _unable(name, missing, "lung")
    ground = scene.ground(scene.organ("lung", LUNG_CLOSE_VOXELS))
    if ground is not None:
        heart = scene.neighbours.coarse.hu[scene.neighbours.mask("heart")]
        blood = max(scene.blood, float(np.percentile(heart, 98)) if heart.size else 0.0)
        found = find_bright(scene.volume, ground, blood, least_hu=GRANULOMA_HU, isolated_hu=LUNG_TISSUE_HU)
        bodies = tuple(body for body in found if body.elongation < MOST_ELONGATED)
        if bodies:
            return _judged(name, _calcium(bodies), "lung")
    if scene.neighbours.volume_ml["lung"] < WHOLE_LUNG_ML:
        return _unable(name, "none was found in the bases of the lungs, and the rest was not seen", "lung")
    return _judged(name, MISSED, "lung")


def _colon_wall(scene: _Scene) -> Finding:
    name = "colon_wall_calcium"
    missing = scene.neighbours.why_not("bowel")
    mask = scene.neighbours.mask("bowel")
    ground = None if missing else scene.ground(ndimage.binary_dilation(mask))
    if ground is None:
        return _unable(name, missing or "no bowel is in view", "bowel")
    content = scene.neighbours.coarse.hu[ndimage.binary_erosion(mask)]
    if np.count_nonzero(content > DENSE_GUT_HU) > DENSE_GUT_SHARE * content.size:
        return _unable(name, "dense content of the bowel hides its wall", "bowel")
    ground = replace(ground, middle=GUT_WALL_HU, spread=_noise(ground))
    bodies = find_bright(scene.volume, ground, scene.blood, least_hu=WALL_HU)
    inner = ndimage.binary_erosion(mask, iterations=round(WALL_MM / SPACING_MM))
    at_wall = [
        body
        for body in bodies
        if body.elongation > WALL_ELONGATED and not _lies_in(scene.neighbours, inner, body)
    ]
    if sum(b.length_mm for b in at_wall) >= WALL_LENGTH_MM:
        return _judged(name, WALL_SURE * _calcium(tuple(at_wall)), "bowel")
    if bodies:
        return _unable(name, "what is dense in the bowel may be its content", "bowel")
    if scene.neighbours.volume_ml["bowel"] < GUT_ML or scene.neighbours.is_cut("bowel"):
        return _unable(name, "none was found in the part of the bowel that is in view", "bowel")
    return _judged(name, MISSED, "bowel")


def _lies_in(neighbours: Neighbours, region: NDArray[np.bool_], body: Bright) -> bool:
    """Return whether the middle of a body lies in a region of the coarse copy."""
    index = neighbours.grid.to_index(body.centre_lps_mm)
    at = np.rint((index - neighbours.coarse.first) / neighbours.coarse.step).astype(int)
    k, j, i = np.clip(at, 0, np.array(region.shape) - 1)
    return bool(region[k, j, i])


def _adrenal_calcium(scene: _Scene) -> Finding:
    name = "adrenal_calcium"
    looked, found = 0, []
    for side, medial in (("kidney_right", 1), ("kidney_left", -1)):
        region = _adrenal_room(scene.neighbours, side, medial)
        ground = None if region is None else scene.ground(region)
        if ground is None:
            continue
        looked += 1
        plain = replace(ground, middle=GLAND_HU, spread=_noise(ground))
        bodies = find_bright(scene.volume, plain, scene.blood, least_hu=ADRENAL_HU)
        found += [b for b in bodies if b.volume_mm3 >= ADRENAL_MM3 and b.elongation < ADRENAL_ELONGATED]
    if found:
        return _judged(name, ADRENAL_SURE * _calcium(tuple(found)), "adrenals")
    if looked < 2:
        missing = "the upper pole of both kidneys must be in view to find the adrenals"
        return _unable(name, missing, "adrenals")
    return _judged(name, MISSED, "adrenals")


def _noise(ground: Ground) -> float:
    """Return the noise of blocks, from the differences between neighbours in a row."""
    step = np.abs(np.diff(ground.hu, axis=2))
    return max(LEAST_NOISE_HU, 1.05 * float(np.median(step)) if step.size else 0.0)


def _adrenal_room(neighbours: Neighbours, side: str, medial: int) -> NDArray[np.bool_] | None:
    """Return where the adrenal of a kidney can lie, on the coarse copy; None where its upper pole is cut.

    `medial` is the direction of the body's middle along the columns, which run to the patient's left.
    """
    if not neighbours.in_view(side):
        return None
    at = np.argwhere(neighbours.mask(side))
    shape = neighbours.labels.shape
    top = int(at[:, 0].max())
    above = round(ADRENAL_ABOVE_MM / SPACING_MM)
    if top + above >= shape[0]:
        return None
    pole = at[at[:, 0] > top - 4].mean(axis=0)
    columns = sorted((pole[2], pole[2] + medial * ADRENAL_MEDIAL_MM / SPACING_MM))
    room = np.zeros(shape, dtype=np.bool_)
    room[
        max(0, top - round(ADRENAL_BELOW_MM / SPACING_MM)) : top + above,
        max(0, round(pole[1] - ADRENAL_FRONT_MM / SPACING_MM)) : round(
            pole[1] + ADRENAL_BACK_MM / SPACING_MM
        ),
        max(0, round(columns[0])) : round(columns[1]),
    ] = True
    other = ~neighbours.mask("soft_tissue", "fat")
    return np.asarray(room & ~ndimage.binary_dilation(other & room), dtype=np.bool_)


def _ascites(scene: _Scene) -> Finding:
    name = "ascites"
    if not scene.neighbours.asked:
        return _unable(name, scene.neighbours.why_not("spleen"), "abdomen")
    held = scene.neighbours.volume_ml.get("fluid", 0.0)
    if held <= 0:
        return _judged(name, ASCITES_MISSED, "abdomen")
    probability = NormalDist(ASCITES_ML, ASCITES_SPREAD_ML).cdf(held)
    probability = max(ASCITES_MISSED, min(0.97, probability))
    return _judged(name, probability, "abdomen", Measurement(held, "mL"))


def _splenomegaly(scene: _Scene) -> Finding:
    name = "splenomegaly"
    missing = scene.neighbours.why_not("spleen")
    if missing:
        return _unable(name, missing, "spleen")
    held = scene.neighbours.volume_ml["spleen"]
    error = SPLEEN_ERROR * held
    value = Measurement(held, "mL", max(0.0, held - 1.96 * error), held + 1.96 * error)
    probability = 1 - NormalDist(held, error).cdf(SPLEEN_ML)
    if probability < 0.5 and scene.neighbours.is_cut("spleen"):
        return _unable(name, "not all of the spleen is in view", "spleen")
    return _judged(name, probability, "spleen", value)
