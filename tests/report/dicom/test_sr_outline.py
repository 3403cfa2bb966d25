"""An outline goes along the pixels of the focus, on an image that exists."""

from __future__ import annotations

from dataclasses import replace
from types import ModuleType

import numpy as np
import pytest
from numpy.typing import NDArray

from hepalith.geometry import StoredOrder
from hepalith.reading import Reading
from hepalith.reading.source import SourceInstance
from hepalith.report.dicom.sr_outline import outlines, trace

CT = "1.2.840.10008.5.1.4.1.1.2"


def area(points: list[tuple[float, float]]) -> float:
    x, y = np.asarray(points).T
    return float(abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1))) / 2)


def disc(radius: int) -> NDArray[np.bool_]:
    rows, columns = np.indices((2 * radius + 3,) * 2) - radius - 1
    inside: NDArray[np.bool_] = rows**2 + columns**2 <= radius**2
    return inside


@pytest.mark.parametrize("radius", [0, 1, 4, 11])
def test_a_disc_is_enclosed_to_the_pixel(radius: int) -> None:
    mask = disc(radius)
    assert area(trace(mask)) == mask.sum()


def test_a_ring_is_outlined_on_its_outer_side() -> None:
    ring = disc(6) & ~np.pad(disc(3), 3)
    assert area(trace(ring)) == disc(6).sum()


def test_of_two_pieces_the_larger_is_outlined() -> None:
    mask = np.zeros((6, 12), dtype=bool)
    mask[1:5, 1:5] = True
    mask[2, 8:10] = True
    assert sorted(trace(mask)) == [(1.0, 1.0), (1.0, 5.0), (5.0, 1.0), (5.0, 5.0)]


def test_pixels_that_touch_at_a_corner_end_in_a_closed_outline() -> None:
    assert area(trace(np.eye(3, dtype=bool))) in {1.0, 3.0}


@pytest.fixture
def stored(factories: ModuleType) -> Reading:
    """A reading each slice of which is a file, stored in an order of its own."""
    return store(factories.make_reading(), StoredOrder())


def store(reading: Reading, order: StoredOrder) -> Reading:
    maps = replace(reading.maps, stored_order=order)
    count = order.stored_grid(maps.grid).shape[0]
    image = replace(
        reading.source.primary,
        instances=tuple(SourceInstance(CT, f"1.2.3.{n}") for n in range(count)),
        slices=tuple(range(count)),
        aligned=True,
    )
    return replace(reading, maps=maps, source=replace(reading.source, images=(image,)))


@pytest.mark.parametrize(
    "order",
    [StoredOrder(), StoredOrder(flipped=(True, False, True)), StoredOrder((1, 2, 0), (False, True, True))],
)
def test_an_outline_encloses_the_focus_in_the_order_of_the_files(
    factories: ModuleType, order: StoredOrder
) -> None:
    reading = store(factories.make_reading(), order)
    full = np.zeros(reading.maps.grid.shape, dtype=int)
    full[reading.maps.box.slices] = reading.maps.foci
    files = order.to_stored(full)
    found = outlines(reading)
    assert sorted(found) == [1, 2, 3, 4]
    for label, outline in found.items():
        shown = files[int(outline.image.sop_instance_uid.rsplit(".", 1)[1])] == label
        assert shown.sum() == (files == label).sum(axis=(1, 2)).max()
        rows, columns = np.nonzero(shown)
        points = np.asarray(outline.points)
        assert points.min(axis=0).tolist() == [columns.min(), rows.min()]
        assert points.max(axis=0).tolist() == [columns.max() + 1, rows.max() + 1]


def test_an_interpolated_slice_shows_no_outline(stored: Reading) -> None:
    best = int(outlines(stored)[1].image.sop_instance_uid.rsplit(".", 1)[1])
    image = stored.source.primary
    slices = tuple(None if n == best else n for n in image.slices)
    images = (replace(image, slices=slices),)
    moved = outlines(replace(stored, source=replace(stored.source, images=images)))
    assert moved[1].image.sop_instance_uid != f"1.2.3.{best}"


def test_pixels_that_are_not_the_files_show_no_outline(stored: Reading) -> None:
    images = (replace(stored.source.primary, aligned=False),)
    assert outlines(replace(stored, source=replace(stored.source, images=images))) == {}


def test_an_outline_follows_the_pixels_of_a_sheared_slice(stored: Reading) -> None:
    image = stored.source.primary
    shifts = tuple((0.25 * n, 3.0) for n in range(len(image.instances)))
    source = replace(stored.source, images=(replace(image, aligned=False, shifts=shifts),))
    upright, sheared = outlines(stored)[1], outlines(replace(stored, source=source))[1]
    assert sheared.image == upright.image
    down = 0.25 * int(upright.image.sop_instance_uid.rsplit(".", 1)[1])
    assert sheared.points == tuple((x - 3.0, y - down) for x, y in upright.points)


def test_a_frame_of_a_multi_frame_file_is_counted_from_one(stored: Reading) -> None:
    image = stored.source.primary
    files = tuple(SourceInstance(CT, "1.2.3", n, len(image.instances)) for n in range(len(image.instances)))
    best = int(outlines(stored)[1].image.sop_instance_uid.rsplit(".", 1)[1])
    shown = outlines(
        replace(stored, source=replace(stored.source, images=(replace(image, instances=files),)))
    )
    assert shown[1].image.frame == best + 1
