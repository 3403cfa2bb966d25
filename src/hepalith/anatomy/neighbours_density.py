"""What each organ measures in this scan, and the voxels that follow from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import edt
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hepalith.anatomy.coarse import SPACING_MM, Coarse, smooth
from hepalith.anatomy.organs import CLASSES, Organs
from hepalith.anatomy.outline.body import BONE_HU, FAT_HU, LUNG_HU
from hepalith.geometry import Box

__all__ = ["Densities", "decide", "find_fluid", "grow_even", "keep_largest", "learn_densities"]

LOWEST_HU, HIGHEST_HU, BIN_HU = -1040, 1520, 10
"""Range and width of the histograms' bins: narrower than the noise at 3 mm."""
SURE, LIKELY = 0.8, 0.5
"""Probability from which a voxel teaches what its organ measures; the second where too few are sure."""
LEAST_TEACHERS = 12
"""Fewest sure voxels at 6 mm (2.6 mL) from which an organ's HU are learnt."""
BLUR_HU = 15.0
"""Gaussian that a histogram is smoothed by: noise at 3 mm exceeds that at 6 mm, and few voxels teach."""
FLOOR = 0.02
"""Share of an organ's HU that may lie anywhere: lesions, calcium, gas."""
TRUST = 0.7
"""Power of the likelihood: neighbouring voxels share noise and partial volume, so that a voxel's HU is
worth less than one independent reading. Our judgement, from trials on development phantoms."""
ROOM = 0.04
"""Probability below which the network rules an organ out."""
BONE_MARGIN_HU = 60.0
"""How far bone stands above the aorta, averaged over 3 mm; less where its blood is not enhanced."""
BONE_ROOM = 0.15
"""Network's probability of bone from which a voxel of bone's HU is bone, not contrast in gut or kidney."""
BONE_RAMP_HU = (70.0, 130.0)
"""Below the first no voxel at 3 mm is bone, from the second on its HU is no argument against it: at the
network's 6 mm ribs are mixed with the muscle between them, which must not be learnt. Marrow below is
filled in where bone surrounds it."""
BILE_RAMP_HU = (32.0, 60.0)
"""Up to the first HU an argument for the gallbladder stands, from the second on a tenth of it: bile has 0
to 25 HU (K), sludge somewhat more. Stones stand out of it and are filled in where bile surrounds them."""
LEAST_OF_BILE = 0.1
DENSE_BILE_HU = 42.0
"""A gallbladder of which half measures more is none: after its removal the network
sees it in liver or gut."""
MARROW_VOXELS = 330
"""Largest hole of bone in a slice that is filled: 30 cm², the body of a vertebra; the chest is larger."""
HOLLOW = ("stomach", "bowel")
"""Organs that hold gas."""
GROW_MM, GROW_SPREADS, GROW_HU = 15.0, 2.5, (5.0, 10.0)
"""A solid organ grows by at most the first, through tissue within so many of its spreads, held within the
third, of its median. On the shared scan the spleen's Dice rose from 0.73 to 0.82; on the development
phantoms it stayed as it was."""
LEAST_INNER = 50
"""Fewest voxels 6 mm within an organ (1.4 mL) from which it may grow."""
FLUID_HU = (-8.0, 28.0)
"""HU of fluid free in the belly at 3 mm: ascites has 0 to 20 (K), the rest is noise."""
FLUID_MIDDLE_HU, FLUID_QUARTILES_HU = 18.0, 8.0
"""A pool's median lies below the first, its quartiles no farther apart than the second: edges between
muscle and fat pass through fluid's HU, but spread over all of them. Blood and pus are denser and are
missed. From the development phantoms, where pools had 3 to 6 HU between quartiles, edges 9 to 20."""
FLUID_VOXELS = 250
"""Smallest pool of fluid, at least two voxels thick: 7 mL. Thinner ones are edges against fat."""
BESIDE_SHARE = 0.05
"""Share of a pool that lies within 6 mm of liver or spleen: fluid behind the lung stays farther off."""
SKIN_SHARE = 0.02
"""Share of a pool that may lie within 9 mm of the skin: glandular breast measures like fluid and does."""


@dataclass(frozen=True, slots=True, eq=False)
class Densities:
    """Likelihood of HU in each class, as tables by bin; and the level above which all is bone.

    `table` has shape (class, bin), each row the density relative to an even spread.
    """

    table: NDArray[np.float32]
    bone_hu: float

    GAS: ClassVar[int] = 255
    """Label of gas in no organ known, as `decide` returns it."""

    @classmethod
    def of(cls, table: NDArray[np.float32] | None) -> Densities:
        """Return densities with the usual level of bone."""
        if table is None:
            table = np.ones((len(CLASSES), (HIGHEST_HU - LOWEST_HU) // BIN_HU), dtype=np.float32)
        return cls(table, BONE_HU)


def _bins(hu: NDArray[np.float32]) -> NDArray[np.int16]:
    """Return the bin of every HU."""
    last = (HIGHEST_HU - LOWEST_HU) // BIN_HU - 1
    bins: NDArray[np.int16] = np.clip((hu - LOWEST_HU) * np.float32(1 / BIN_HU), 0, last).astype(np.int16)
    return bins


def learn_densities(organs: Organs) -> Densities:
    """Return what each class measures, from the voxels where the network is sure of it."""
    bins = _bins(organs.coarse.hu)
    count = (HIGHEST_HU - LOWEST_HU) // BIN_HU
    table = np.ones((len(CLASSES), count), dtype=np.float32)
    bone_hu = float(BONE_HU)
    for label, name in enumerate(CLASSES):
        probability = organs.probability[label]
        sure = probability > SURE
        if np.count_nonzero(sure) < LEAST_TEACHERS:
            sure = probability > LIKELY
        values = bins[sure]
        if values.size < LEAST_TEACHERS:
            continue
        share = np.bincount(values, minlength=count).astype(np.float64)
        share = ndimage.gaussian_filter1d(share, BLUR_HU / BIN_HU, mode="nearest")
        share = (1 - FLOOR) * share / share.sum() + FLOOR / count
        table[label] = (share * count) ** TRUST
        if name == "aorta":
            bone_hu = max(BONE_HU, float(np.median(organs.coarse.hu[sure])) + BONE_MARGIN_HU)
    return Densities(table, bone_hu)


def decide(coarse: Coarse, organs: Organs | None, densities: Densities) -> NDArray[np.uint8]:
    """Return the class of every voxel; `Densities.GAS` for gas in no organ known."""
    hu = coarse.hu
    best = np.zeros(hu.shape, dtype=np.uint8)
    bone = CLASSES.index("bone")
    if organs is None:
        best[hu > densities.bone_hu] = bone
        best[hu < LUNG_HU] = CLASSES.index("lung")
        return best
    bins = _bins(hu)
    worth = organs.on(coarse, "background") * densities.table[0][bins]
    for label, name in enumerate(CLASSES[1:], start=1):
        part = _room(organs, label, coarse)
        if part is None:
            continue
        here = Coarse(hu[part], tuple(_first(coarse, part)), coarse.step)  # type: ignore[arg-type]
        probability = organs.on(here, name)
        own = probability * densities.table[label][bins[part]]
        if name == "bone":
            own *= np.interp(here.hu, BONE_RAMP_HU, (0.0, 1.0)).astype(np.float32)
            own[(here.hu > densities.bone_hu) & (probability > BONE_ROOM)] = np.inf
        elif name == "gallbladder":
            own *= np.interp(here.hu, BILE_RAMP_HU, (1.0, LEAST_OF_BILE)).astype(np.float32)
        elif name == "lung":
            own[here.hu > LUNG_HU + 150] = 0
        wins = own > worth[part]
        worth[part][wins] = own[wins]
        best[part][wins] = label
    bladder = best == CLASSES.index("gallbladder")
    if bladder.any() and float(np.median(hu[bladder])) > DENSE_BILE_HU:
        best[bladder] = 0
    _fill_marrow(best, hu)
    _name_gas(best, hu, organs, coarse)
    return best


def _fill_marrow(best: NDArray[np.uint8], hu: NDArray[np.float32]) -> None:
    """Give to bone what its cortex encloses in a slice: marrow measures like tissue or enhanced blood."""
    bone = best == CLASSES.index("bone")
    cross = ndimage.generate_binary_structure(3, 1) & np.array([False, True, False])[:, None, None]
    closed = ndimage.binary_closing(bone, cross, iterations=2)
    holes, count = ndimage.label(~closed, cross)
    small = np.bincount(holes.ravel(), minlength=count + 1) <= MARROW_VOXELS
    small[0] = True
    best[small[holes] & ~bone & (hu > FAT_HU)] = CLASSES.index("bone")


def _room(organs: Organs, label: int, coarse: Coarse) -> tuple[slice, slice, slice] | None:
    """Return the part of a coarse copy in which the network holds a class possible."""
    slices = []
    possible = organs.probability[label] > ROOM
    for axis in range(3):
        (hits,) = np.nonzero(possible.any(axis=tuple(a for a in range(3) if a != axis)))
        if hits.size == 0:
            return None
        ends = organs.coarse.first[axis] + np.array([hits[0] - 1, hits[-1] + 1]) * organs.coarse.step[axis]
        low, high = (ends - coarse.first[axis]) / coarse.step[axis]
        start = int(np.clip(np.floor(low), 0, coarse.hu.shape[axis]))
        stop = int(np.clip(np.ceil(high) + 1, 0, coarse.hu.shape[axis]))
        if stop <= start:
            return None
        slices.append(slice(start, stop))
    return slices[0], slices[1], slices[2]


def _first(coarse: Coarse, part: tuple[slice, slice, slice]) -> list[float]:
    return [f + s.start * step for f, s, step in zip(coarse.first, part, coarse.step, strict=True)]


def _name_gas(best: NDArray[np.uint8], hu: NDArray[np.float32], organs: Organs, coarse: Coarse) -> None:
    """Give gas that no organ claimed to lung, stomach or bowel, whichever touches the pocket most."""
    gas = (hu < LUNG_HU) & ~np.isin(best, [CLASSES.index(n) for n in ("lung", *HOLLOW)])
    if not gas.any():
        return
    pockets, count = ndimage.label(gas)
    names = ("background", "lung", *HOLLOW)
    sums = []
    for name in names:
        field = organs.of(name)
        at = [
            np.clip(
                np.rint(
                    (coarse.first[a] + w * coarse.step[a] - organs.coarse.first[a]) / organs.coarse.step[a]
                ).astype(np.intp),
                0,
                field.shape[a] - 1,
            )
            for a, w in enumerate(np.nonzero(gas))
        ]
        sums.append(np.bincount(pockets[gas], weights=field[tuple(at)], minlength=count + 1))
    likely = np.argmax(sums, axis=0)
    classes = np.array([Densities.GAS, *(CLASSES.index(n) for n in names[1:])], dtype=np.uint8)
    best[gas] = classes[likely[pockets[gas]]]


def keep_largest(labels: NDArray[np.uint8], label: int, hu: NDArray[np.float32], soft: int, fat: int) -> None:
    """Keep the largest piece of an organ, what it encloses filled in: the rest is soft tissue or fat."""
    found = ndimage.find_objects((labels == label).astype(np.uint8))
    if not found:
        return
    here, values = labels[found[0]], hu[found[0]]
    pieces, count = ndimage.label(here == label)
    if count > 1:
        sizes = np.bincount(pieces.ravel())
        sizes[0] = 0
        lost = (pieces > 0) & (pieces != sizes.argmax())
        here[lost] = np.where(values[lost] < FAT_HU, fat, soft)
    here[ndimage.binary_fill_holes(here == label) & (values > FAT_HU)] = label


def grow_even(
    labels: NDArray[np.uint8], label: int, hu: NDArray[np.float32], others: tuple[int, ...]
) -> None:
    """Let a solid organ take what measures as it does, lies beside it and is thick.

    Only from soft tissue and gut: in real scans the network often stops short of the border.
    """
    own = labels == label
    box = Box.around(own)
    if box.is_empty:
        return
    part = box.grown((round(GROW_MM / SPACING_MM) + 2,) * 3, labels.shape).slices
    own, quiet = own[part], smooth(hu[part], 1.0)
    inner = ndimage.binary_erosion(own, iterations=2)
    if np.count_nonzero(inner) < LEAST_INNER:
        return
    middle = float(np.median(quiet[inner]))
    spread = 1.48 * float(np.median(np.abs(quiet[inner] - middle)))
    even = np.abs(quiet - middle) < np.clip(GROW_SPREADS * spread, *GROW_HU)
    near = edt.edt(~own, anisotropy=(SPACING_MM,) * 3) < GROW_MM
    room = own | (even & near & np.isin(labels[part], others))
    thick = own | ndimage.binary_opening(room, iterations=2)
    pieces, _ = ndimage.label(thick)
    kept = np.unique(pieces[own])
    labels[part][np.isin(pieces, kept)] = label


def find_fluid(
    hu: NDArray[np.float32], labels: NDArray[np.uint8], label: Mapping[str, int]
) -> NDArray[np.bool_]:
    """Return pools of fluid that lie in no organ, reach the liver or the spleen and not the skin."""
    pool = (labels == label["soft_tissue"]) & (hu > FLUID_HU[0]) & (hu < FLUID_HU[1])
    thick = ndimage.binary_opening(pool, np.ones((2, 2, 2), dtype=np.bool_))
    pieces, count = ndimage.label(thick)
    if count == 0:
        return np.zeros_like(pool)
    beside = ndimage.binary_dilation(np.isin(labels, [label["liver"], label["spleen"]]), iterations=2)
    skin = ndimage.binary_dilation(labels == label["outside"], iterations=3)
    sizes = np.bincount(pieces.ravel(), minlength=count + 1)
    touches = np.bincount(pieces[beside], minlength=count + 1) > BESIDE_SHARE * sizes
    shallow = np.bincount(pieces[skin], minlength=count + 1) > SKIN_SHARE * sizes
    keep = (sizes >= FLUID_VOXELS) & touches & ~shallow
    keep[0] = False
    for piece in np.flatnonzero(keep):
        low, middle, high = np.percentile(hu[pieces == piece], (25, 50, 75))
        keep[piece] = middle < FLUID_MIDDLE_HU and high - low < FLUID_QUARTILES_HU
    return np.asarray(ndimage.binary_dilation(keep[pieces]) & pool)
