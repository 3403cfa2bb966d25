"""Landmarks of the trunk on the coarse copy: skin, lungs, gas, bone, midline, inner face of the wall."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hepalith.anatomy.coarse import SPACING_MM
from hepalith.geometry import Box

__all__ = ["Body", "find_body", "find_inside"]

BODY_HU = -250
"""Above: tissue (fat is about -100); below: air, lung, the foam of a mattress. Half way between."""
LUNG_HU = -400
"""Below: air or lung. Half way between lung (-800) and muscle (50), so partial volume falls fairly."""
GAS_HU = -930
"""A component whose median lies below is gas in the gut; inflated lung lies at -900 to -700. K."""
BONE_HU = 190
"""Above: bone, or contrast. Above portal liver (120) and veins (180); cortex reaches 300 at 3 mm."""
FAT_HU = -25
"""Below: fat, or more than half fat in a voxel shared with an organ."""
LUNG_VOXELS = 1500
"""Smallest component taken for lung: 40 mL, far below a lung base, above most loops of gut."""
WALL_ANGLES = 180
"""Rays around each slice on which the inner face of the wall is measured: every 2 degrees."""
WALL_EXCESS = 1.25
"""A wall this many times thicker than the low thickness near by holds a part of an organ. Our judgement."""
WALL_PERCENTILE = 25
"""The low thickness: this percentile over 60 mm along z and 22 degrees, both sides of the body."""
WALL_KNOWN_MM = 36.0
"""A muscle run thicker than this, from outside, holds an organ as well: its inner face is not seen."""


@dataclass(frozen=True, slots=True, eq=False)
class Body:
    """Where the trunk's landmarks are; every mask on the coarse grid.

    `wall_depth_mm` is the distance inward
    from the inner face of the chest and abdominal wall, negative within the wall. `midline` is the
    column of the middle of the body in each slice, `half_width` its half width in voxels.
    """

    inside: NDArray[np.bool_]
    lung: NDArray[np.bool_]
    gas: NDArray[np.bool_]
    bone: NDArray[np.bool_]
    wall_depth_mm: NDArray[np.float32]
    midline: NDArray[np.float64]
    half_width: float

    def cropped(self, box: Box) -> Body:
        """Return the landmarks inside `box`, in coarse voxels."""
        masks = [np.ascontiguousarray(a[box.slices]) for a in (self.inside, self.lung, self.gas, self.bone)]
        depth = np.ascontiguousarray(self.wall_depth_mm[box.slices])
        midline = self.midline[box.start[0] : box.stop[0]] - box.start[2]
        return Body(masks[0], masks[1], masks[2], masks[3], depth, midline, self.half_width)


def find_inside(hu: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return the trunk, lungs and gas included; table and arms are cut off where a neck is thin."""
    tissue = hu > BODY_HU
    cross = ndimage.generate_binary_structure(2, 1)[None]
    cut = ndimage.binary_erosion(tissue, cross, iterations=2)
    labels, count = ndimage.label(cut)
    if count == 0:
        return np.zeros(hu.shape, dtype=np.bool_)
    largest = int(np.bincount(labels.ravel())[1:].argmax()) + 1
    body = ndimage.binary_dilation(labels == largest, cross, iterations=3) & tissue
    for k in range(body.shape[0]):
        body[k] = ndimage.binary_fill_holes(body[k])
    return np.asarray(body, dtype=np.bool_)


def split_air(
    hu: NDArray[np.float32], inside: NDArray[np.bool_]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return lung and gas: the air inside the body told apart by size and density."""
    air = (hu < LUNG_HU) & inside
    labels, count = ndimage.label(air)
    lung = np.zeros_like(air)
    if count:
        sizes = np.bincount(labels.ravel(), minlength=count + 1)
        for label in np.nonzero(sizes >= LUNG_VOXELS)[0]:
            if label == 0:
                continue
            part = labels == label
            if float(np.median(hu[part])) > GAS_HU:
                lung |= part
    return lung, air & ~lung


def find_midline(inside: NDArray[np.bool_]) -> tuple[NDArray[np.float64], float]:
    """Return the body's middle column in each slice, smoothed along z, and its half width in voxels."""
    columns = np.arange(inside.shape[2])
    middle = np.full(inside.shape[0], np.nan)
    widths = []
    for k in range(inside.shape[0]):
        hits = columns[inside[k].any(axis=0)]
        if hits.size:
            middle[k] = (hits[0] + hits[-1]) / 2
            widths.append(hits[-1] - hits[0] + 1)
    if not widths:
        return np.zeros(inside.shape[0]), 0.0
    middle[np.isnan(middle)] = float(np.nanmedian(middle))
    return ndimage.uniform_filter1d(middle, 9, mode="nearest"), float(np.median(widths)) / 2


def find_wall(
    hu: NDArray[np.float32],
    inside: NDArray[np.bool_],
    lung: NDArray[np.bool_],
    bone: NDArray[np.bool_],
    midline: NDArray[np.float64],
) -> NDArray[np.float32]:
    """Return how deep each voxel lies inside the inner face of the wall, in mm (negative: in the wall).

    On rays from the middle of every slice the inner face is read where it shows: at ribs, where
    lung or fat lies behind the muscle. Elsewhere (an organ touches the wall) its thickness is
    taken from rays and slices nearby, and from the other side of the body.
    """
    slices, rows, columns = hu.shape
    theta = np.arange(WALL_ANGLES) * (2 * np.pi / WALL_ANGLES)
    reach = int(np.hypot(rows, columns) / 2) + 1
    radius = np.arange(reach)
    centre_row = np.zeros(slices)
    for k in range(slices):
        hits = np.nonzero(inside[k].any(axis=1))[0]
        centre_row[k] = (hits[0] + hits[-1]) / 2 if hits.size else rows / 2
    centre_row = ndimage.uniform_filter1d(centre_row, 9, mode="nearest")
    row = np.rint(centre_row[:, None, None] + np.sin(theta)[None, :, None] * radius).astype(np.intp)
    column = np.rint(midline[:, None, None] + np.cos(theta)[None, :, None] * radius).astype(np.intp)
    valid = (row >= 0) & (row < rows) & (column >= 0) & (column < columns)
    row, column = row.clip(0, rows - 1), column.clip(0, columns - 1)
    plane = np.arange(slices)[:, None, None]
    in_body = inside[plane, row, column] & valid
    values = hu[plane, row, column]
    in_lung = lung[plane, row, column] & in_body
    in_bone = bone[plane, row, column] & in_body

    skin = reach - 1 - in_body[:, :, ::-1].argmax(axis=2)  # last sample of the body on each ray
    muscle = (values > FAT_HU) & in_body & (radius < (skin - 2)[:, :, None])
    # outermost run of at least two samples of muscle or bone
    start = muscle & np.roll(muscle, 1, axis=2)
    outer = reach - 1 - start[:, :, ::-1].argmax(axis=2)
    outer = np.where(start.any(axis=2), outer, skin)

    # innermost sample of the outermost bone, where bone lies in the outer half of the ray
    peripheral = in_bone & (radius > 0.5 * skin[:, :, None])
    has_bone = peripheral.any(axis=2)
    outermost_bone = reach - 1 - peripheral[:, :, ::-1].argmax(axis=2)
    inner_bone = outermost_bone.copy()
    for _ in range(6):
        step = np.take_along_axis(peripheral, np.maximum(inner_bone - 1, 0)[:, :, None], 2)[:, :, 0]
        inner_bone = np.where(has_bone & step, inner_bone - 1, inner_bone)
    # lung's outermost sample
    has_lung = in_lung.any(axis=2)
    outer_lung = reach - 1 - in_lung[:, :, ::-1].argmax(axis=2)
    # fat or gas behind the outermost muscle run
    behind = ~muscle & (radius < outer[:, :, None])
    inner_fat = reach - 1 - behind[:, :, ::-1].argmax(axis=2)
    has_fat = behind.any(axis=2)

    face = np.full(outer.shape, np.nan)
    thin = has_fat & ((outer - inner_fat) * SPACING_MM < WALL_KNOWN_MM)
    face[thin] = inner_fat[thin] + 0.5
    bony = has_bone & ~(has_lung & (outer_lung > outermost_bone))
    face[bony] = inner_bone[bony] - 1.0
    lungs_first = has_lung & (outer_lung >= np.where(np.isnan(face), -1, face) - 3)
    face[lungs_first] = outer_lung[lungs_first] + 0.5
    thickness = skin - face
    known = np.isfinite(thickness)
    known &= ~(thin & ~bony & ~lungs_first & (thickness > WALL_EXCESS * _least(thickness) + 1))

    filled = _fill(np.where(known, thickness, 0.0), known)
    face = skin - filled
    return _to_voxels(face, centre_row, midline, hu.shape)


def _to_voxels(
    face: NDArray[np.float64],
    centre_row: NDArray[np.float64],
    midline: NDArray[np.float64],
    shape: tuple[int, ...],
) -> NDArray[np.float32]:
    """Return the depth inside `face`, given in voxels on rays (slice, angle), at every voxel in mm."""
    kk, jj, ii = np.indices(shape, dtype=np.float32)
    dy = jj - centre_row[:, None, None].astype(np.float32)
    dx = ii - midline[:, None, None].astype(np.float32)
    angle = np.mod(np.arctan2(dy, dx) / (2 * np.pi) * WALL_ANGLES, WALL_ANGLES)
    at = np.stack([kk.ravel(), angle.ravel()])
    padded = np.concatenate([face, face[:, :1]], axis=1)
    inner = ndimage.map_coordinates(padded, at, order=1, mode="nearest").reshape(shape)
    depth: NDArray[np.float32] = ((inner - np.hypot(dy, dx)) * SPACING_MM).astype(np.float32)
    return depth


def _least(thickness: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a low thickness of the wall nearby, on either side: an organ behind it only adds."""
    count = thickness.shape[1]
    mirror = np.mod(count // 2 - np.arange(count), count)
    lower = np.fmin(thickness, thickness[:, mirror])
    lower = np.pad(np.where(np.isnan(lower), 1e3, lower), ((0, 0), (5, 5)), mode="wrap")
    low: NDArray[np.float64] = ndimage.percentile_filter(
        lower, WALL_PERCENTILE, size=(21, 11), mode="nearest"
    )
    return low[:, 5:-5]


def _fill(values: NDArray[np.float64], known: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return `values` (slice, angle) with unknown places taken from known ones nearby.

    The wall of the other side, mirrored (angle pi - theta), counts a tenth.
    """
    count = values.shape[1]
    mirror = np.mod(count // 2 - np.arange(count), count)
    weight = known.astype(np.float64) + 0.1 * known[:, mirror]
    total = np.where(known, values, 0.0) + 0.1 * np.where(known[:, mirror], values[:, mirror], 0.0)
    out = np.zeros_like(values)
    trust = np.zeros_like(values)
    for scale in (1.5, 3.0, 6.0, 12.0):
        blurred = [
            ndimage.gaussian_filter(a, (scale, scale), mode=("nearest", "wrap")) for a in (total, weight)
        ]
        share = np.minimum(blurred[1], 0.5) * (1 - trust)
        share = np.where(blurred[1] > 0.02, share, 0.0)
        out += share * blurred[0] / np.maximum(blurred[1], 1e-6)
        trust += share
    rest = np.median(values[known]) if known.any() else 0.0
    return out + (1 - trust) * rest


def find_body(hu: NDArray[np.float32]) -> Body:
    """Return the landmarks of the trunk in a coarse copy."""
    inside = find_inside(hu)
    lung, gas = split_air(hu, inside)
    bone = (hu > BONE_HU) & inside
    midline, half_width = find_midline(inside)
    depth = find_wall(hu, inside, lung, bone, midline)
    return Body(inside, lung, gas, bone, depth, midline, half_width)
