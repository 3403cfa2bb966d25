"""The liver on the 2 mm copy: what of it is liver, and what of its bright parts are vessels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hepalith.anatomy.find import given_liver
from hepalith.anatomy.lesion.field import LesionField, clear_of, lay_lesion_field
from hepalith.anatomy.lesion.outline import narrow_vessels, outline_regions
from hepalith.geometry import Box, Grid
from hepalith.image.volume import Volume

SHAPE = (40, 40, 40)
BALL = (20.0, 20.0, 8.0)
"""Centre of the ball in voxels of 2 mm: it bulges out of the liver."""


def distance(centre: tuple[float, float, float]) -> NDArray[np.float64]:
    """Return the distance in mm of every voxel from a voxel."""
    places = np.indices(SHAPE) - np.asarray(centre)[:, None, None, None]
    return np.asarray(2.0 * np.sqrt((places**2).sum(axis=0)))


def lay(
    hu: NDArray[np.float64],
    mask: NDArray[np.bool_],
    vessel: NDArray[np.bool_] | None = None,
    calcium: NDArray[np.bool_] | None = None,
) -> LesionField:
    """Return the copy of an image of 2 mm voxels with its liver."""
    random = np.random.default_rng(5)
    affine = np.diag([2.0, 2.0, 2.0, 1.0])[[2, 1, 0, 3]]
    volume = Volume((hu + random.normal(0, 4, SHAPE)).astype(np.int16), Grid(SHAPE, affine))
    vessels = None if vessel is None else (vessel.astype(np.uint8), Box((0, 0, 0), SHAPE))
    dense = None if calcium is None else (np.argwhere(calcium), (3.0, 3.0, 3.0))
    field = lay_lesion_field(volume, given_liver(volume, mask), dense=dense, vessels=vessels)
    assert field is not None
    return field


def liver(hu: float = 100.0) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return a block of parenchyma in fat, and its mask."""
    mask = np.zeros(SHAPE, np.bool_)
    mask[3:-3, 3:-3, 3:-3] = True
    return np.where(mask, hu, -95.0), mask


def test_a_cyst_that_the_outline_leaves_out_in_speckles_is_one_region_of_the_liver() -> None:
    image, mask = liver()
    cyst = (distance(BALL) < 14) & mask
    image[cyst] = 5.0
    speckled = mask & ~(cyst & (np.random.default_rng(2).random(SHAPE) < 0.6))
    largest = outline_regions(lay(image, speckled))[0]
    assert largest.body.sum() > 0.75 * cyst.sum()


def test_a_wide_fossa_filled_with_fluid_is_no_part_of_the_liver() -> None:
    image, mask = liver()
    fossa = distance((20.0, 20.0, 2.0)) < 24
    image[fossa] = 8.0
    field = lay(image, mask & ~fossa)
    assert not any(r.body.sum() > 200 for r in outline_regions(field))


def test_pieces_of_vessel_told_within_a_bright_lesion_leave_it_whole() -> None:
    image, mask = liver(10.0)
    lesion = distance((20.0, 20.0, 20.0)) < 14
    image[lesion] = 48.0
    pieces = lesion & (np.indices(SHAPE)[2] % 4 < 2)
    field = lay(image, mask, pieces)
    assert not narrow_vessels(field)[distance((20.0, 20.0, 20.0)) < 10].any()
    assert outline_regions(field)[0].body.sum() > 0.6 * lesion.sum()


def test_a_narrow_bright_vessel_is_a_tube() -> None:
    image, mask = liver()
    k, j, _ = np.indices(SHAPE)
    vessel = (np.hypot(k - 20, j - 20) < 2.2) & mask
    image[vessel] = 180.0
    assert narrow_vessels(lay(image, mask, vessel))[vessel].mean() > 0.9


def test_calcium_in_the_middle_of_a_bright_lesion_leaves_it_no_tube() -> None:
    image, mask = liver()
    lesion, calcium = distance((20.0, 20.0, 20.0)) < 10.5, distance((20.0, 20.0, 20.0)) < 2.5
    image[lesion] = 150.0
    image[calcium] = 600.0
    field = lay(image, mask, lesion & ~calcium, calcium)
    assert not narrow_vessels(field)[distance((20.0, 20.0, 20.0)) < 9].any()


def test_calcium_beside_a_vessel_leaves_the_vessel_a_tube() -> None:
    image, mask = liver()
    k, j, _ = np.indices(SHAPE)
    vessel = (np.hypot(k - 20, j - 20) < 2.2) & mask
    calcium = distance((20.0, 24.0, 20.0)) < 4
    image[vessel] = 180.0
    image[calcium] = 600.0
    assert narrow_vessels(lay(image, mask, vessel, calcium))[vessel].mean() > 0.7


def test_the_edge_of_a_lesion_is_not_measured_where_a_pit_of_the_outline_was_filled() -> None:
    image, mask = liver()
    cyst = (distance(BALL) < 14) & mask
    image[cyst] = 5.0
    speckled = mask & ~(cyst & (np.random.default_rng(2).random(SHAPE) < 0.6))
    field, whole = lay(image, speckled), lay(image, mask)
    deep = distance(BALL) < 8
    assert field.inside[deep].all()
    assert field.sure[deep].mean() < 0.1 < whole.sure[deep].mean()


def test_a_small_dark_lesion_between_bright_vessels_is_seen_once_they_are_left_out() -> None:
    image, mask = liver()
    k, j, _ = np.indices(SHAPE)
    lesion = distance((20.0, 20.0, 20.0)) < 6.5
    image[lesion] = 70.0
    vessel = np.zeros(SHAPE, np.bool_)
    for row in (14, 26):
        vessel |= (np.hypot(k - 20, j - row) < 2.2) & mask
    image[vessel] = 180.0
    field = lay(image, mask, vessel)
    clear = clear_of(field, narrow_vessels(field))
    middle = (20, 20, 20)
    assert clear.broad[middle] < 1.2 * field.broad[middle] < 0
    assert clear.broad_sd <= field.broad_sd


def test_a_field_without_vessels_is_left_as_it_is() -> None:
    field = lay(*liver())
    assert clear_of(field, np.zeros(SHAPE, np.bool_)) is field


def test_a_bright_mass_is_cut_from_the_wide_vessels_that_run_into_it() -> None:
    image, mask = liver(20.0)
    k, j, i = np.indices(SHAPE)
    away = distance((20.0, 20.0, 26.0))
    mass = away < 15
    image[mass | ((np.hypot(k - 20, j - 20) < 4.2) & (i < 20) & mask)] = 60.0
    largest = outline_regions(lay(image, mask))[0]
    assert (largest.body & mass[largest.slices]).sum() > 0.7 * mass.sum()
    assert (largest.body & (away[largest.slices] > 20)).sum() < 0.01 * largest.body.sum()
