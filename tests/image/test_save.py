"""Maps in a NIfTI file lie where the image lies, in the order it was stored in."""

from __future__ import annotations

import gzip
import itertools
import time
import tracemalloc
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK
from numpy.typing import NDArray

from hepalith.errors import OutputError
from hepalith.geometry import Box, Grid, StoredOrder
from hepalith.image.save import save_map

ORDERS = [
    StoredOrder(axes, flipped)
    for axes in itertools.permutations((0, 1, 2))
    for flipped in itertools.product((False, True), repeat=3)
]


def oblique_grid(shape: tuple[int, int, int] = (4, 5, 6)) -> Grid:
    """Return a grid turned a little about every axis, its spacings all different."""
    a, b, c = np.deg2rad((4.0, -7.0, 3.0))
    about_x = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    about_y = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
    about_z = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    turned = about_x @ about_y @ about_z
    affine = np.eye(4)
    affine[:3, 0] = turned[:, 2] * 2.5
    affine[:3, 1] = turned[:, 1] * 0.8
    affine[:3, 2] = turned[:, 0] * 0.7
    affine[:3, 3] = (-31.0, 12.5, -208.0)
    return Grid(shape, affine)


def lps_of_label(path: Path, label: int) -> NDArray[np.float64]:
    """Return where nibabel says that the one voxel with `label` is, in LPS mm."""
    image = nibabel.load(path)
    (at,) = np.argwhere(np.asarray(image.dataobj) == label)
    ras = nibabel.affines.apply_affine(image.affine, at)
    return np.asarray(ras) * (-1, -1, 1)


@pytest.mark.parametrize("order", ORDERS, ids=str)
def test_every_voxel_stays_at_its_place_in_all_stored_orders(order: StoredOrder, tmp_path: Path) -> None:
    grid = oblique_grid()
    labels = np.zeros(grid.shape, dtype=np.int32)
    points = {1: (0, 0, 0), 2: (3, 1, 5), 3: (1, 4, 2)}
    for label, at in points.items():
        labels[at] = label
    path = tmp_path / "m.nii.gz"
    save_map(path, labels, grid, order)
    image = SimpleITK.ReadImage(str(path))
    values = SimpleITK.GetArrayFromImage(image)
    assert values.shape == order.stored_grid(grid).shape
    for label, at in points.items():
        expected = grid.to_lps(at)
        assert np.allclose(lps_of_label(path, label), expected, atol=1e-3)
        (stored_at,) = np.argwhere(values == label)
        itk = image.TransformContinuousIndexToPhysicalPoint([float(v) for v in stored_at[::-1]])
        assert np.allclose(itk, expected, atol=1e-3)


@pytest.mark.parametrize("order", ORDERS[::5], ids=str)
def test_a_part_in_a_box_gives_the_same_bytes_as_the_whole(order: StoredOrder, tmp_path: Path) -> None:
    grid = oblique_grid((7, 8, 9))
    box = Box((2, 1, 3), (5, 7, 8))
    part = np.arange(np.prod(box.shape), dtype=np.int32).reshape(box.shape)
    whole = np.zeros(grid.shape, dtype=np.int32)
    whole[box.slices] = part
    save_map(tmp_path / "part.nii.gz", part, grid, order, box=box)
    save_map(tmp_path / "whole.nii.gz", whole, grid, order)
    assert (tmp_path / "part.nii.gz").read_bytes() == (tmp_path / "whole.nii.gz").read_bytes()


def test_stored_bytes_are_the_source_array_again(tmp_path: Path) -> None:
    stored = np.random.default_rng(3).integers(-1024, 3071, (4, 6, 5)).astype(np.int16)
    order = StoredOrder((2, 0, 1), (True, False, True))
    working = order.to_working(stored)
    grid = order.working_grid(oblique_grid(stored.shape))
    save_map(tmp_path / "hu.nii.gz", working, grid, order)
    raw = gzip.decompress((tmp_path / "hu.nii.gz").read_bytes())
    assert raw[352:] == stored.astype("<i2").tobytes()


def test_the_same_map_gives_the_same_bytes_whatever_the_name_and_time(tmp_path: Path) -> None:
    mask = np.ones((4, 5, 6), dtype=bool)
    save_map(tmp_path / "a.nii.gz", mask, oblique_grid())
    save_map(tmp_path / "b.nii.gz", mask, oblique_grid())
    first = (tmp_path / "a.nii.gz").read_bytes()
    assert first == (tmp_path / "b.nii.gz").read_bytes()
    assert first[3] == 0, "no name in the gzip header"
    assert first[4:8] == b"\0\0\0\0", "no time in the gzip header"


@pytest.mark.parametrize(
    ("values", "dtype", "saved"),
    [
        ((0, 1), np.bool_, np.uint8),
        ((0, 255), np.int32, np.uint8),
        ((0, 256), np.int32, np.int16),
        ((0, 40_000), np.int32, np.uint16),
        ((-5, 70_000), np.int64, np.int32),
        ((0, 100), np.int16, np.int16),
    ],
)
def test_the_narrowest_type_is_taken(
    values: tuple[int, int], dtype: type, saved: type, tmp_path: Path
) -> None:
    array = np.zeros((4, 5, 6), dtype=dtype)
    array[0, 0, 0], array[1, 2, 3] = values
    save_map(tmp_path / "m.nii.gz", array, oblique_grid())
    image = nibabel.load(tmp_path / "m.nii.gz")
    assert image.get_data_dtype() == np.dtype(saved)
    assert set(np.unique(np.asarray(image.dataobj))) == {0, *(int(v) for v in values)}


def test_sform_and_qform_are_set_and_agree(tmp_path: Path) -> None:
    save_map(tmp_path / "m.nii.gz", np.ones((4, 5, 6), dtype=bool), oblique_grid())
    header = nibabel.load(tmp_path / "m.nii.gz").header
    assert int(header["sform_code"]) == int(header["qform_code"]) == 1
    assert np.allclose(header.get_sform(), header.get_qform(), atol=1e-3)
    assert header.get_xyzt_units()[0] == "mm"


def test_floats_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="integers"):
        save_map(tmp_path / "m.nii.gz", np.ones((4, 5, 6)), oblique_grid())


def test_a_part_that_does_not_fit_its_box_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="does not fit"):
        save_map(
            tmp_path / "m.nii.gz",
            np.ones((2, 2, 2), dtype=bool),
            oblique_grid(),
            box=Box((0, 0, 0), (3, 2, 2)),
        )


def test_an_empty_box_gives_a_map_of_zeros(tmp_path: Path) -> None:
    nothing = Box((0, 0, 0), (0, 0, 0))
    save_map(tmp_path / "m.nii.gz", np.zeros((0, 0, 0), dtype=bool), oblique_grid(), box=nothing)
    image = nibabel.load(tmp_path / "m.nii.gz")
    assert image.shape == (6, 5, 4)
    assert not np.asarray(image.dataobj).any()


def test_a_folder_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"^m\.nii\.gz cannot be written"):
        save_map(tmp_path / "none" / "m.nii.gz", np.ones((4, 5, 6), dtype=bool), oblique_grid())


def test_a_full_size_map_is_quick_and_needs_little_memory(tmp_path: Path) -> None:
    grid = oblique_grid((400, 512, 512))
    box = Box((100, 120, 80), (300, 360, 340))
    part = np.ones(box.shape, dtype=np.uint8)
    tracemalloc.start()
    began = time.perf_counter()
    save_map(tmp_path / "liver.nii.gz", part, grid, box=box)
    seconds = time.perf_counter() - began
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert seconds < 0.4
    assert peak < 20e6, "far below the 105 MB of the whole map"
