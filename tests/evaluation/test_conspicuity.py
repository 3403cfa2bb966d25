"""A lesion can be seen by its contrast over the noise at its size, where calcium does not hide it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.evaluation.made_records import study, true

from hepalith.evaluation.conspicuity import SEEN_RATIO, contrast_to_noise
from hepalith.evaluation.examination import Examination
from hepalith.evaluation.quality import can_be_seen, host_lines
from hepalith.evaluation.record import HostRecord
from hepalith.geometry import Grid
from hepalith.image import Volume
from hepalith.phantom.truth import HostEntry
from hepalith.study import Acquisition

SHAPE = (48, 56, 56)
CENTRE = (24, 28, 28)


def away_mm() -> NDArray[np.float64]:
    """Return the distance of every voxel from the lesion's centre."""
    places = np.indices(SHAPE) - np.asarray(CENTRE)[:, None, None, None]
    return np.asarray(2.0 * np.sqrt((places**2).sum(axis=0)))


def examine(
    contrast_hu: float, *, diameter_mm: float = 24.0, noise_hu: float = 12.0, calcium_mm: float = 0.0
) -> tuple[HostEntry, Examination]:
    """Return a lesion and a scan that shows it with so much contrast, calcium in its middle."""
    random = np.random.default_rng(7)
    liver = np.zeros(SHAPE, np.bool_)
    liver[4:-4, 4:-4, 4:-4] = True
    hu = np.where(liver, 100.0, -90.0) + random.normal(0, noise_hu, SHAPE)
    hu[away_mm() < diameter_mm / 2] += contrast_hu
    foci = (away_mm() < calcium_mm).astype(np.int32)
    hu[foci > 0] = 600.0
    affine = np.diag([2.0, 2.0, 2.0, 1.0])[[2, 1, 0, 3]]
    grid = Grid(SHAPE, affine)
    x, y, z = (float(v) for v in grid.to_lps(np.asarray(CENTRE, dtype=float)))
    host = HostEntry(1, "solid", "mass_none", (x, y, z), diameter_mm)
    return host, Examination(
        Volume(hu.astype(np.int16), grid), Acquisition(), liver, (), foci, (), np.zeros(SHAPE, np.int32),
        hosts=(host,),
    )  # fmt: skip


def test_a_lesion_of_the_livers_own_density_cannot_be_seen_and_one_of_fluid_can() -> None:
    faint, plain = (contrast_to_noise(*examine(hu)) for hu in (0.0, -90.0))
    assert faint is not None
    assert plain is not None
    assert faint < SEEN_RATIO < plain


def test_the_ratio_grows_with_size_and_falls_with_noise() -> None:
    usual = contrast_to_noise(*examine(-10.0))
    small = contrast_to_noise(*examine(-10.0, diameter_mm=12.0))
    noisy = contrast_to_noise(*examine(-10.0, noise_hu=30.0))
    assert usual is not None
    assert small is not None
    assert noisy is not None
    assert small < usual
    assert noisy < usual


def test_a_lesion_that_its_calcium_hides_cannot_be_seen() -> None:
    assert contrast_to_noise(*examine(-90.0, diameter_mm=10.0, calcium_mm=4.0)) == 0.0


@pytest.mark.parametrize(("ratio", "seen"), [(None, True), (SEEN_RATIO, True), (SEEN_RATIO - 0.1, False)])
def test_what_nobody_knows_counts_as_what_can_be_seen(ratio: float | None, seen: bool) -> None:
    host = HostRecord("mass_none", "solid", 20.0, "none", holds=True, contrast_to_noise=ratio)
    assert can_be_seen(host) is seen


def test_lesions_that_cannot_be_seen_are_left_out_of_the_share_of_those_that_can() -> None:
    hosts = tuple(
        HostRecord("mass_none", "solid", 20.0, "none", holds=True, called=called, contrast_to_noise=ratio)
        for called, ratio in (("solid", 20.0), ("", 1.0))
    )
    record = study(1, (true(1),), ())
    whole = replace(record, readings=(replace(record.readings[0], hosts=hosts),))
    (row,) = [line for line in host_lines([whole]) if line.startswith("| mass_none")]
    assert "1/2" in row
    assert "1/1" in row
