"""The neighbours of the liver: which organ lies where, at 3 mm, over the whole trunk.

The network says roughly where each organ is (on 6 mm); what each organ measures in this scan is learnt
from the voxels it is sure of; both together decide every voxel at 3 mm. Bone, lung and gas show by
their HU wherever they are; fluid free in the belly is what measures as fluid and belongs to no organ.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hepalith.anatomy.coarse import SPACING_MM, Coarse
from hepalith.anatomy.coarsen import coarsen
from hepalith.anatomy.find import LEAST_HEIGHT_MM
from hepalith.anatomy.liver import Liver
from hepalith.anatomy.neighbours_density import (
    Densities,
    decide,
    find_fluid,
    grow_even,
    keep_largest,
    learn_densities,
)
from hepalith.anatomy.network import find_organs, find_trunk
from hepalith.anatomy.organs import Organs
from hepalith.anatomy.outline.body import FAT_HU, LUNG_HU, find_midline
from hepalith.geometry import Box, Grid
from hepalith.image.volume import Volume

__all__ = ["NAMES", "Neighbours", "find_neighbours"]

NAMES = (
    "outside",
    "liver",
    "gallbladder",
    "spleen",
    "kidney_right",
    "stomach",
    "bowel",
    "pancreas",
    "aorta",
    "vena_cava",
    "heart",
    "lung",
    "bone",
    "kidney_left",
    "soft_tissue",
    "fat",
    "gas",
    "fluid",
)
"""What is told apart, by label. The first thirteen are the network's classes, its one kidney the right one;
costal cartilage counts as bone, duodenum and colon as bowel. Soft tissue and fat are what belongs to none:
muscle, vessels, adrenals; fat of the wall and between the organs. Gas and fluid lie in no organ known."""
LABEL = MappingProxyType({name: label for label, name in enumerate(NAMES)})
"""Label of each name."""
LEAST_ML = MappingProxyType(
    {
        "liver": 20.0,
        "gallbladder": 2.0,
        "spleen": 15.0,
        "kidney_right": 15.0,
        "kidney_left": 15.0,
        "stomach": 8.0,
        "bowel": 8.0,
        "pancreas": 5.0,
        "aorta": 4.0,
        "vena_cava": 4.0,
        "heart": 10.0,
        "lung": 20.0,
        "bone": 5.0,
    }
)
"""Least volume, in mL, of an organ that counts as seen; about a tenth of what a small adult's holds. What
is smaller may be another's voxels misnamed. Our judgement, from the development phantoms."""
NOT_ASKED = "the scan is too low for the organs around the liver to be told apart"
SINGLE = ("gallbladder", "spleen", "kidney_right", "kidney_left", "aorta", "vena_cava", "heart", "pancreas")
"""Organs in one piece: pieces apart from the largest are dropped."""
SOLID, GIVING = ("spleen", "kidney_right", "kidney_left"), ("soft_tissue", "bowel", "stomach", "pancreas")
"""Even organs that grow to their border, and from what."""
KNOWN_BELOW_MM = 150.0
"""How far below the liver the network's training scans went at least."""
UNKNOWN_BELOW = (
    "gallbladder",
    "spleen",
    "stomach",
    "bowel",
    "pancreas",
    "heart",
    "lung",
    "vena_cava",
    "aorta",
)
"""What is not named below that: gut and vessels go on there, but were not learnt."""
TAKEN_IN = ("gallbladder", "vena_cava")
"""Organs against which the liver's outline does not prevail."""
CUT_SHARE = 0.02
"""Share of an organ's voxels that must lie on the scan's first or last slice for it to be called cut;
a spleen in view ends with less. Our judgement."""


@dataclass(frozen=True, slots=True, eq=False)
class Neighbours:
    """Which organ lies where.

    Parameters
    ----------
    coarse
        The copy of the scan at 3 mm, over the trunk's box.
    labels
        uint8, shape of `coarse.hu`, index into `NAMES`.
    grid
        The grid of the scan.
    asked
        Whether the network was asked; without it only bone, lung, gas, fat and the liver are named.
    volume_ml
        Of every organ, by name.
    cut
        Names of organs that the first or last slice, or the field of view, cuts.
    """

    coarse: Coarse
    labels: NDArray[np.uint8]
    grid: Grid
    asked: bool
    volume_ml: MappingProxyType[str, float]
    cut: frozenset[str]

    def labels_at(self, points_lps_mm: ArrayLike) -> NDArray[np.uint8]:
        """Return the label at points in LPS mm, shape (..., 3); 0 beyond the trunk."""
        index = self.grid.to_index(points_lps_mm)
        at = np.rint((index - self.coarse.first) / self.coarse.step).astype(np.intp)
        shape = np.array(self.labels.shape)
        inside = ((at >= 0) & (at < shape)).all(axis=-1)
        at = np.clip(at, 0, shape - 1)
        found = self.labels[at[..., 0], at[..., 1], at[..., 2]]
        return np.where(inside, found, 0).astype(np.uint8)

    def at(self, points_lps_mm: ArrayLike) -> tuple[str, ...]:
        """Return the organ at each of some points in LPS mm, shape (n, 3)."""
        return tuple(NAMES[n] for n in np.atleast_1d(self.labels_at(points_lps_mm)).ravel())

    def share(self, name: str, points_lps_mm: ArrayLike) -> float:
        """Return the share of some points in LPS mm that lie in one organ; 0 of no points."""
        labels = np.atleast_1d(self.labels_at(points_lps_mm))
        return float(np.mean(np.isin(labels, _labels_of(name)))) if labels.size else 0.0

    def mask(self, *names: str) -> NDArray[np.bool_]:
        """Return where some organs lie, on the coarse copy; ``"kidney"`` is both of them."""
        wanted = [label for name in names for label in _labels_of(name)]
        return np.asarray(np.isin(self.labels, wanted), dtype=np.bool_)

    def label_map_in(self, box: Box) -> NDArray[np.uint8]:
        """Return the labels on the scan's own voxels inside `box`: those of the nearest coarse voxel."""
        out = self.labels
        inside = []
        for axis in range(3):
            at = (np.arange(box.start[axis], box.stop[axis]) - self.coarse.first[axis]) / self.coarse.step[
                axis
            ]
            near = np.rint(at).astype(np.intp)
            inside.append((near >= 0) & (near < self.labels.shape[axis]))
            out = out.take(np.clip(near, 0, self.labels.shape[axis] - 1), axis)
        for axis, within in enumerate(inside):
            if not within.all():
                view = [1, 1, 1]
                view[axis] = -1
                out = out * within.reshape(view)
        return np.ascontiguousarray(out, dtype=np.uint8)

    def box_of(self, *names: str, margin_mm: float = 0.0) -> Box:
        """Return the box of the scan's voxels about some organs; empty where none is seen."""
        box = Box.around(self.mask(*names))
        if box.is_empty:
            return box
        margin = [int(np.ceil(margin_mm / s)) for s in self.grid.spacing_mm]
        return self.coarse.box_of(box, self.grid.shape).grown(margin, self.grid.shape)

    def in_view(self, name: str) -> bool:
        """Return whether an organ is seen, whole or in part."""
        return not self.why_not(name)

    def why_not(self, name: str) -> str:
        """Return why an organ cannot be judged, ``""`` where it can."""
        if name == "kidney":
            return (
                ""
                if self.in_view("kidney_right") or self.in_view("kidney_left")
                else self.why_not("kidney_right").replace("right kidney", "kidneys")
            )
        said = {"kidney_right": "right kidney", "kidney_left": "left kidney", "vena_cava": "vena cava"}
        if not self.asked and name not in ("liver", "lung", "bone"):
            return NOT_ASKED
        if self.volume_ml.get(name, 0.0) < LEAST_ML.get(name, 0.0):
            return f"the {said.get(name, name)} is not in view, or could not be told from its neighbours"
        return ""

    def is_cut(self, name: str) -> bool:
        """Return whether the scan cuts an organ, so that its size cannot be judged."""
        return name in self.cut


def _labels_of(name: str) -> list[int]:
    return [LABEL["kidney_right"], LABEL["kidney_left"]] if name == "kidney" else [LABEL[name]]


def find_neighbours(volume: Volume, liver: Liver) -> Neighbours:
    """Return which organ lies where around the liver.

    Parameters
    ----------
    volume
        The CT.
    liver
        Its liver; what the network saw (`Liver.organs`) is used where it was asked, and it is asked
        here where it was not (a liver that was given) and the scan is tall enough.

    Notes
    -----
    One pass at 3 mm. For every voxel the organ with the largest p · L is taken, p the network's
    probability, interpolated from 6 mm, L the likelihood of the voxel's HU in that organ, from the
    voxels where the network is sure (`learn_densities`). The liver is the one handed in.
    """
    organs = liver.organs
    if organs is None and volume.hu.shape[0] * volume.spacing_mm[0] >= LEAST_HEIGHT_MM:
        organs = find_organs(volume)
    rough = organs.coarse if organs is not None else coarsen(volume, 2 * SPACING_MM)
    trunk = find_trunk(rough.hu)
    near = Box.around(trunk)
    if near.is_empty:
        return _assemble(volume, rough, np.zeros(rough.hu.shape, dtype=np.uint8), asked=organs is not None)
    box = rough.box_of(near, volume.hu.shape)
    part = coarsen(volume.cropped(box))
    start = [f + a for f, a in zip(part.first, box.start, strict=True)]
    coarse = Coarse(part.hu, (start[0], start[1], start[2]), part.step)
    inside = _nearest(trunk, rough, coarse)
    labels = _label(coarse, inside, organs)
    _forget_below(labels, coarse, liver)
    _lay_liver(labels, coarse, liver)
    if organs is not None:
        _split_kidneys(labels, inside)
        for name in SINGLE:
            keep_largest(labels, LABEL[name], coarse.hu, LABEL["soft_tissue"], LABEL["fat"])
        for name in SOLID:
            grow_even(labels, LABEL[name], coarse.hu, tuple(LABEL[other] for other in GIVING))
        labels[find_fluid(coarse.hu, labels, LABEL)] = LABEL["fluid"]
    return _assemble(volume, coarse, labels, asked=organs is not None)


def _label(coarse: Coarse, inside: NDArray[np.bool_], organs: Organs | None) -> NDArray[np.uint8]:
    """Return the labels, before the liver is laid in and the kidneys are told apart."""
    densities = Densities.of(None) if organs is None else learn_densities(organs)
    best = decide(coarse, organs, densities)
    labels = np.where(best > 0, best, np.where(coarse.hu < FAT_HU, LABEL["fat"], LABEL["soft_tissue"]))
    labels = labels.astype(np.uint8)
    labels[best == Densities.GAS] = LABEL["gas"]
    labels[~inside & np.isin(best, (0, Densities.GAS))] = LABEL["outside"]
    return labels


def _nearest(mask: NDArray[np.bool_], of: Coarse, on: Coarse) -> NDArray[np.bool_]:
    """Return a mask of one coarse copy on another."""
    out = mask
    for axis in range(3):
        at = on.first[axis] + np.arange(on.hu.shape[axis]) * on.step[axis]
        near = np.rint((at - of.first[axis]) / of.step[axis]).astype(np.intp)
        out = out.take(np.clip(near, 0, mask.shape[axis] - 1), axis)
    return out


def _lay_liver(labels: NDArray[np.uint8], coarse: Coarse, liver: Liver) -> None:
    """Put the liver in as it was found; what the network alone calls liver is soft tissue.

    Gallbladder and vena cava stay where network and HU agree on them: an outline often takes them in.
    """
    labels[labels == LABEL["liver"]] = LABEL["soft_tissue"]
    if not liver.is_in_view:
        return
    places, sources = [], []
    for axis in range(3):
        at = np.rint(coarse.first[axis] + np.arange(labels.shape[axis]) * coarse.step[axis]).astype(np.intp)
        at -= liver.box.start[axis]
        (held,) = np.nonzero((at >= 0) & (at < liver.mask.shape[axis]))
        places.append(held)
        sources.append(at[held])
    mask = liver.mask[np.ix_(*sources)]
    part = labels[np.ix_(*places)]
    part[mask & ~np.isin(part, [LABEL[name] for name in TAKEN_IN])] = LABEL["liver"]
    labels[np.ix_(*places)] = part


def _forget_below(labels: NDArray[np.uint8], coarse: Coarse, liver: Liver) -> None:
    """Name no organ far below the liver: the network was never shown a pelvis and sees gut in it."""
    if not liver.is_in_view:
        return
    millimetres = SPACING_MM / coarse.step[0]  # of one slice of the scan
    lowest = liver.box.start[0] - KNOWN_BELOW_MM / millimetres
    last = int(np.clip((lowest - coarse.first[0]) / coarse.step[0], 0, labels.shape[0]))
    below, hu = labels[:last], coarse.hu[:last]
    unknown = np.isin(below, [LABEL[name] for name in UNKNOWN_BELOW])
    below[unknown] = np.where(
        hu[unknown] < LUNG_HU,
        LABEL["gas"],
        np.where(hu[unknown] < FAT_HU, LABEL["fat"], LABEL["soft_tissue"]),
    )


def _split_kidneys(labels: NDArray[np.uint8], inside: NDArray[np.bool_]) -> None:
    """Tell the left kidney from the right by the body's middle."""
    middle, _ = find_midline(inside)
    left = np.arange(labels.shape[2])[None, :] > middle[:, None]
    labels[(labels == LABEL["kidney_right"]) & left[:, None, :]] = LABEL["kidney_left"]


def _assemble(volume: Volume, coarse: Coarse, labels: NDArray[np.uint8], *, asked: bool) -> Neighbours:
    """Return the noun, with every organ's volume and whether it is cut."""
    voxel_ml = float(np.prod(coarse.step)) * volume.grid.voxel_mm3 / 1000
    counts = np.bincount(labels.ravel(), minlength=len(NAMES))
    ends = np.bincount(labels[0].ravel(), minlength=len(NAMES)) + np.bincount(
        labels[-1].ravel(), minlength=len(NAMES)
    )
    held = {name: float(n) * voxel_ml for name, n in zip(NAMES, counts, strict=True) if n}
    cut = frozenset(
        name for name, n, end in zip(NAMES, counts, ends, strict=True) if end > CUT_SHARE * max(1, int(n))
    )
    return Neighbours(coarse, labels, volume.grid, asked, MappingProxyType(held), cut)
