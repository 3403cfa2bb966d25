"""Foci of known truth put into a real CT.

What a focus adds is noise-free and linear: the real scan keeps its own noise, texture and
background, and gains the focus as that scanner would have sampled it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
import scipy.ndimage as ndi
from numpy.typing import NDArray

from hepalith.errors import MaskError
from hepalith.geometry import Box
from hepalith.image import Volume
from hepalith.phantom.deposit import (
    Deposit,
    Rendered,
    displaced,
    make_bead_chain,
    make_rim,
    make_rod,
    make_sphere,
    render,
)
from hepalith.phantom.dicom import SeriesHeader, write_dicom_series
from hepalith.phantom.nifti import write_nifti
from hepalith.phantom.scanner.scanner import KERNEL_BLUR_MM, SliceProfile
from hepalith.phantom.truth import Truth, truth_of, write_truth

__all__ = ["Implanted", "Recipe", "implant", "make_implant", "write_implant"]

ROUND_DIAMETERS_MM = (1.5, 2.0, 3.0, 4.0, 6.0, 9.0)
"""Diameters of spheres and beads, each as likely: from below to well above routine resolution."""

EXCESSES_HU = (60.0, 800.0)
"""Range of density excess, drawn evenly on a logarithmic scale: from faint to dense calcium."""

KINDS = {"sphere": 0.6, "rod": 0.15, "rim": 0.1, "beads": 0.15}
"""How often each kind is drawn."""

NEAR_CAPSULE = 0.15
"""Share of foci whose centre may lie anywhere in the liver; the others keep clear of its surface."""

CLEAR_OF_SURFACE_MM = 5.0
"""How far beneath the liver's surface the edge of the others stays."""

AWAY_MM = 9.0
"""Least distance between the surfaces of two foci, beyond three pixels: room for their surroundings."""

BRIGHT_EXCESS_HU = 150.0
"""A voxel of the real scan this far above the liver's median is bright already; foci keep away from it."""

FACE_ROOM_MM = 60.0
"""How far around the liver the search looks for the image's own faces, which foci keep clear of:
more than the largest chain of beads."""

TRIES = 400
"""Places tried for one focus before it is given up."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What to implant, and the scanner to imitate.

    Parameters
    ----------
    count
        Foci, or chains of beads, to place; fewer if the liver has no room.
    blur_mm
        Standard deviation of the in-plane point spread. Not measured in the image: a measurement
        would share its faults with the reader under test. `KERNEL_BLUR_MM` gives usual values.
    slice_thickness_mm
        Thickness of the slices; ``None``: their spacing.
    diameters_mm, excesses_hu
        Diameters of spheres and beads to draw from; range of density excess.
    kinds
        Kinds to draw from; ``None``: as in `KINDS`.
    """

    count: int = 12
    blur_mm: float = KERNEL_BLUR_MM["soft"]
    slice_thickness_mm: float | None = None
    diameters_mm: tuple[float, ...] = ROUND_DIAMETERS_MM
    excesses_hu: tuple[float, float] = EXCESSES_HU
    kinds: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Implanted:
    """A real CT with implanted foci: `foci` is an int32 label map of the whole image (label = id)."""

    volume: Volume
    foci: NDArray[np.int32]
    truth: Truth


def _draw(recipe: Recipe, group: int, scale_mm: float, random: np.random.Generator) -> tuple[Deposit, ...]:
    """Return one focus, or one chain of beads, about the origin."""
    kinds = recipe.kinds or tuple(KINDS)
    odds = np.array([KINDS[k] for k in kinds])
    kind = str(random.choice(kinds, p=odds / odds.sum()))
    low, high = recipe.excesses_hu
    excess = round(math.exp(random.uniform(math.log(low), math.log(high))), 9)
    diameter = float(random.choice(recipe.diameters_mm))
    origin = (0.0, 0.0, 0.0)
    way = random.standard_normal(3)
    if kind == "sphere":
        return (make_sphere(origin, diameter, excess),)
    if kind == "rod":
        width = float(random.uniform(1.2, 2.5))
        length = width + float(random.uniform(4, 14))
        return (make_rod(origin, (float(way[0]), float(way[1]), float(way[2])), length, width, excess),)
    if kind == "rim":
        return (make_rim(origin, float(random.uniform(12, 24)), float(random.uniform(1.2, 2.5)), excess),)
    diameter = min(diameter, 4.0)
    step = diameter + max(4.0, 3.0 * scale_mm)
    heading = float(random.uniform(0, 2 * math.pi))
    path = []
    for number in range(int(random.integers(3, 6))):
        turned = heading + 0.18 * number
        path.append((step * number * math.cos(turned), step * number * math.sin(turned), 0.4 * number))
    middle = np.mean(path, axis=0)
    return make_bead_chain(
        tuple((p[0] - float(middle[0]), p[1] - float(middle[1]), p[2] - float(middle[2])) for p in path),
        diameter,
        excess,
        group,
    )


def _moved(deposit: Deposit, by: NDArray[np.float64]) -> Deposit:
    return replace(deposit, shape=displaced(deposit.shape, (float(by[0]), float(by[1]), float(by[2]))))


def _bounding_radius(deposits: tuple[Deposit, ...]) -> float:
    return max(math.hypot(*d.centre_lps_mm) + d.diameter_mm / 2 for d in deposits)


def _allowed(volume: Volume, mask: NDArray[np.bool_]) -> tuple[NDArray[np.float32], float]:
    """Return the distance of each voxel from the liver's surface and from what is bright, and a median."""
    spacing = volume.spacing_mm
    depth = ndi.distance_transform_edt(mask, sampling=spacing).astype(np.float32)
    median = float(np.median(volume.hu[mask]))
    bright = mask & (ndi.uniform_filter(volume.hu.astype(np.float32), 3) > median + BRIGHT_EXCESS_HU)
    if bright.any():
        apart = ndi.distance_transform_edt(~bright, sampling=spacing).astype(np.float32)
        depth = np.where(apart > 12.0, depth, np.float32(0))
    return depth, median


def _place(
    volume: Volume, mask: NDArray[np.bool_], recipe: Recipe, random: np.random.Generator
) -> tuple[Deposit, ...]:
    """Return deposits at sub-voxel places in the liver, away from each other."""
    grid = volume.grid
    depth, _ = _allowed(volume, mask)
    inside = np.argwhere(depth > 0)
    if inside.shape[0] == 0:
        raise MaskError(
            "the liver mask leaves no room for foci; give a mask of a liver without large dense bodies"
        )
    pixel = max(grid.spacing_mm[1:])
    thickness = recipe.slice_thickness_mm or grid.spacing_mm[0]
    reach = max(SliceProfile.of(thickness, grid.spacing_mm[0]).reach_mm, 4 * recipe.blur_mm)
    taken: list[tuple[NDArray[np.float64], float]] = []
    placed: list[Deposit] = []
    for group in range(1, recipe.count + 1):
        drawn = _draw(recipe, group, pixel, random)
        radius = _bounding_radius(drawn)
        clear = 0.0 if random.random() < NEAR_CAPSULE else CLEAR_OF_SURFACE_MM
        for _ in range(TRIES):
            voxel = inside[int(random.integers(inside.shape[0]))]
            need = clear + (radius if clear or len(drawn) > 1 else min(radius, 3.0))
            faces = (np.minimum(voxel, np.array(depth.shape) - 1 - voxel) - 1) * grid.spacing_mm
            if float(depth[tuple(voxel)]) < need or float(faces.min()) < radius + reach:
                continue
            centre = grid.to_lps(voxel + random.uniform(-0.5, 0.5, 3))
            room = AWAY_MM + 3 * pixel
            if any(math.dist(centre, c) < radius + r + room for c, r in taken):
                continue
            taken.append((centre, radius))
            placed += [_moved(d, centre) for d in drawn]
            break
    return tuple(placed)


def implant(
    volume: Volume, deposits: tuple[Deposit, ...], blur_mm: float, slice_thickness_mm: float, seed: int
) -> tuple[Volume, NDArray[np.int32], tuple[Rendered, ...]]:
    """Add deposits to a volume as its scanner would have sampled them.

    The sum is rounded up or down at random in proportion (seeded), so that the faint skirts of a
    focus are not lost to rounding.

    Parameters
    ----------
    volume
        The real CT.
    deposits
        What to add, LPS mm.
    blur_mm
        Standard deviation of the in-plane point spread.
    slice_thickness_mm
        Nominal thickness of the slices.
    seed
        Of the rounding.

    Returns
    -------
    volume, labels, rendered
        The new volume, an int32 label map of its whole shape, and each deposit as sampled.
    """
    random = np.random.default_rng([seed, 2])
    profile = SliceProfile.of(slice_thickness_mm, volume.spacing_mm[0])
    hu = volume.hu.copy()
    labels = np.zeros(hu.shape, dtype=np.int32)
    rendered = []
    top = max(3071, int(hu.max()))
    for number, deposit in enumerate(deposits, start=1):
        seen = render(deposit.shape, volume.grid, blur_mm, profile)
        rendered.append(seen)
        if seen.box.is_empty:
            continue
        part = hu[seen.box.slices]
        raised = part + deposit.excess_hu * seen.share
        part[...] = np.clip(np.floor(raised + random.random(part.shape)), -32768, top).astype(np.int16)
        labels[seen.box.slices][seen.label] = number
    return replace(volume, hu=hu), labels, tuple(rendered)


def make_implant(
    volume: Volume,
    mask: NDArray[np.bool_],
    seed: int,
    recipe: Recipe | None = None,
    *,
    phase: str = "unknown",
) -> Implanted:
    """Put foci of known place, size and density into a real CT's liver.

    Parameters
    ----------
    volume
        The real CT, in the working order.
    mask
        Its liver, same shape.
    seed
        Decides kinds, sizes, densities and places.
    recipe
        What to implant and the scanner to imitate.
    phase
        Contrast phase, if known; only noted in the truth.

    Returns
    -------
    Implanted
        The new volume, the label map and the truth.

    Raises
    ------
    MaskError
        If the mask is empty, of another shape, or leaves no room.
    """
    recipe = recipe or Recipe()
    if mask.shape != volume.hu.shape:
        raise MaskError(
            f"the liver mask is {mask.shape} voxels, the image {volume.hu.shape}; give a mask of this image"
        )
    if not mask.any():
        raise MaskError("the liver mask is empty; give a mask that marks the liver")
    random = np.random.default_rng([seed, 3])
    room = [math.ceil(FACE_ROOM_MM / s) for s in volume.spacing_mm]
    box = Box.around(mask).grown(room, mask.shape)
    deposits = _place(volume.cropped(box), mask[box.slices], recipe, random)
    thickness = recipe.slice_thickness_mm or volume.spacing_mm[0]
    made, labels, rendered = implant(volume, deposits, recipe.blur_mm, thickness, seed)
    profile = SliceProfile.of(thickness, volume.spacing_mm[0])
    truth = Truth(
        kind="implant",
        seed=seed,
        version=version("hepalith"),
        foci=truth_of(deposits, rendered, [d.excess_hu for d in deposits], volume.grid),
        scanner={
            "blur_mm": recipe.blur_mm,
            "slice_thickness_mm": profile.width_mm,
            "slice_edge_mm": profile.edge_mm,
            "noise_hu": None,
        },
        phase=phase,
        liver_volume_ml=float(mask.sum()) * volume.grid.voxel_mm3 / 1000,
    )
    return Implanted(made, labels, truth)


def write_implant(made: Implanted, out: Path, *, dicom: bool = False) -> None:
    """Write ``ct.nii.gz``, ``foci_truth.nii.gz`` and ``truth.json``; with `dicom`, ``dicom/`` too.

    The NIfTI files keep the order of axes of the source. The DICOM series carries a phantom's
    header, not the patient's.

    Raises
    ------
    OutputError
        If a file cannot be written.
    """
    volume = made.volume
    order = volume.stored_order
    write_nifti(out / "ct.nii.gz", volume.hu, volume.grid, order)
    write_nifti(out / "foci_truth.nii.gz", made.foci.astype(np.uint16), volume.grid, order)
    write_truth(made.truth, out / "truth.json")
    if dicom:
        header = SeriesHeader(
            key=f"hepalith implant {made.truth.version} {made.truth.seed}",
            patient_name="PHANTOM^IMPLANT",
            patient_id=f"IMPLANT-{made.truth.seed}",
            description="CT with implanted foci (simulated)",
            slice_thickness_mm=float(str(made.truth.scanner["slice_thickness_mm"])),
        )
        write_dicom_series(volume, out / "dicom", header)
