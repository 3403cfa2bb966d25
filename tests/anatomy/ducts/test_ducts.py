"""Bile ducts: dark tubes, their calibre, and what is none of them."""

from __future__ import annotations

import numpy as np
import pytest
from tests.anatomy.made_ducts import SHAPE, Tube, make_scan

from hepalith.anatomy.depth import Depth
from hepalith.anatomy.ducts.bile import map_bile
from hepalith.anatomy.ducts.ducts import Ducts, find_ducts
from hepalith.anatomy.find import given_liver
from hepalith.anatomy.liver import Phase
from hepalith.anatomy.vessels.vessels import VesselBranch, Vessels
from hepalith.geometry import Box, Grid
from hepalith.image.volume import Volume
from hepalith.vocabulary import Measurement, NotAssessable, State

PORTAL = Phase("portal", 0.95)
PLAIN = Phase("none", 0.95)
RUN = ((32.0, 48.0, 28.0), (30.0, 44.0, 55.0), (34.0, 40.0, 84.0))
SIDE = ((30.0, 44.0, 55.0), (20.0, 64.0, 66.0))


def found(tubes: list[Tube], phase: Phase = PORTAL, **kept: float) -> Ducts:
    volume, liver = make_scan(tubes, **kept)
    return find_ducts(volume, liver, None, phase)


@pytest.mark.parametrize("diameter", [4.0, 6.0, 9.0])
def test_a_dilated_duct_is_found_with_its_calibre(diameter: float) -> None:
    ducts = found([(RUN, diameter, 8.0), (SIDE, 0.7 * diameter, 8.0)])
    assert len(ducts.dilated) == 1
    duct = ducts.dilated[0]
    assert duct.calibre.low is not None
    assert duct.calibre.high is not None
    assert duct.calibre.low <= diameter <= duct.calibre.high
    assert duct.calibre.value == pytest.approx(diameter, rel=0.2)
    assert duct.length_mm == pytest.approx(57.0, abs=12.0)
    assert len(duct.branches_lps_mm) == len(duct.branch_calibres_mm) >= 1
    assert ducts.labels[tuple(np.array((31, 46, 42)) - ducts.box.start)] == duct.id


def test_an_even_liver_has_no_ducts_and_says_what_would_have_been_seen() -> None:
    ducts = found([])
    assert not ducts.seen
    assert not ducts.labels.any()
    assert isinstance(ducts.smallest, Measurement)
    assert ducts.smallest.value < 3.0


def test_unenhanced_veins_are_no_ducts() -> None:
    tubes: list[Tube] = [(RUN, 7.0, 40.0), (SIDE, 5.0, 40.0)]
    assert not found(tubes, PLAIN, liver_hu=60.0).seen
    dark: list[Tube] = [(RUN, 7.0, 6.0), (SIDE, 5.0, 6.0)]
    assert found(dark, PLAIN, liver_hu=60.0).seen


def test_a_round_cyst_is_no_duct() -> None:
    assert not found([(((32.0, 48.0, 50.0), (32.0, 48.0, 51.0)), 16.0, 8.0)]).seen


def test_a_fissure_of_fat_is_no_duct() -> None:
    volume, liver = make_scan([])
    hu = volume.hu.copy()
    hu[15:50, 10:40, 54:57] = -100
    ducts = find_ducts(type(volume)(hu, volume.grid), liver, None, PORTAL)
    assert not ducts.seen


def test_in_a_fatty_liver_nothing_is_said_of_ducts() -> None:
    ducts = found([(RUN, 6.0, 8.0)], PLAIN, liver_hu=14.0)
    assert not ducts.seen
    assert isinstance(ducts.smallest, NotAssessable)
    assert "fatty" in ducts.reason


def test_stones_do_not_part_a_duct() -> None:
    tubes: list[Tube] = [(RUN, 8.0, 8.0)]
    tubes += [(((31.0, 45.0, x), (31.0, 45.0, x + 1.0)), 4.0, 600.0) for x in (40.0, 50.0)]
    ducts = found(tubes)
    assert len(ducts.dilated) == 1
    assert ducts.dilated[0].length_mm > 45.0


def test_a_duct_is_compared_with_the_portal_branch_beside_it() -> None:
    volume, liver = make_scan([(RUN, 5.0, 8.0), (SIDE, 4.0, 8.0)])
    path = volume.grid.to_lps(np.array(RUN) + np.array((0.0, 8.0, 0.0)))
    branch = VesselBranch(path, np.full(len(path), 4.0), "portal")
    box = Box((0, 0, 0), SHAPE)
    vessels = Vessels(box, np.zeros(SHAPE, np.uint8), 160.0, seen=True, reason="", branches=(branch,))
    duct = find_ducts(volume, liver, vessels, PORTAL).ducts[0]
    assert duct.portal_share == pytest.approx(5.0 / 8.0, abs=0.15)
    assert duct.dilated is State.PRESENT


def test_gas_in_central_tubes_is_biliary() -> None:
    deep = ((32.0, 48.0, 45.0), (32.0, 46.0, 75.0))
    ducts = found([(deep, 3.0, -900.0)])
    assert ducts.gas.volume_mm3 == pytest.approx(212.0, rel=0.5)
    assert ducts.gas.biliary > 0.5
    assert not found([]).gas.volume_mm3


def test_a_ball_of_gas_is_no_tube() -> None:
    assert not found([(((32.0, 48.0, 50.0), (32.0, 48.0, 51.0)), 14.0, -900.0)]).gas.volume_mm3


def test_gas_that_the_outline_leaves_out_is_found() -> None:
    volume, liver = make_scan([(RUN, 5.0, -900.0)])
    hole = volume.hu[liver.box.slices] > -300
    without = type(liver)(
        liver.box,
        liver.mask & hole,
        liver.lobes,
        Depth.of(liver.depth_mm.samples * hole),
        "given",
        liver.volume,
        1.0,
        1.0,
    )
    assert find_ducts(volume, without, None, PORTAL).gas.volume_mm3 > 400.0


def slit(half_height_mm: float, half_width_mm: float = 2.2) -> list[Tube]:
    """Return a lens of fluid in a plane, as a fissure of a ligament holds it, drawn as tubes side by side."""
    heights = np.arange(-half_height_mm, half_height_mm + 0.5, 1.0)
    widths = 2 * half_width_mm * np.sqrt(np.maximum(1 - (heights / (half_height_mm + 0.5)) ** 2, 0.05))
    return [
        (tuple((k + h, j, i) for k, j, i in STRAIGHT), float(w), 12.0)
        for h, w in zip(heights, widths, strict=True)
    ]


STRAIGHT = ((32.0, 48.0, 34.0), (32.0, 47.0, 55.0), (32.0, 48.0, 76.0))


def beside(gap_mm: float, volume: Volume) -> Vessels:
    """Return portal branches that run along `STRAIGHT`, their wall so far from the wall of a duct of 5 mm."""
    shift = np.array((0.0, 2.5 + gap_mm + 4.0, 0.0))
    path = volume.grid.to_lps(np.linspace(STRAIGHT[0], STRAIGHT[-1], 40) + shift)
    branch = VesselBranch(path, np.full(len(path), 4.0), "portal")
    box = Box((0, 0, 0), SHAPE)
    return Vessels(box, np.zeros(SHAPE, np.uint8), 160.0, seen=True, reason="", branches=(branch,))


def test_a_lone_tube_is_a_duct_only_where_a_portal_branch_runs_beside_it() -> None:
    volume, liver = make_scan([(STRAIGHT, 5.0, 8.0)])
    near = find_ducts(volume, liver, beside(1.0, volume), PORTAL)
    far = find_ducts(volume, liver, beside(12.0, volume), PORTAL)
    assert near.dilated
    assert not far.dilated


@pytest.mark.parametrize("half_height_mm", [6.0, 8.0])
def test_fluid_in_the_fissure_of_a_ligament_is_no_duct(half_height_mm: float) -> None:
    volume, liver = make_scan(slit(half_height_mm))
    assert not find_ducts(volume, liver, beside(10.0, volume), PORTAL).dilated
    assert not find_ducts(volume, liver, None, PORTAL).dilated


def test_a_tube_in_thick_slices_is_no_sheet() -> None:
    volume, liver = make_scan([(RUN, 5.0, 8.0), (SIDE, 3.6, 8.0)])
    thick = 5
    count = SHAPE[0] // thick
    hu = volume.hu[: count * thick].reshape(count, thick, *SHAPE[1:]).mean(axis=1)
    affine = volume.grid.affine.copy()
    affine[:3, 3] += affine[:3, 0] * (thick - 1) / 2
    affine[:3, 0] *= thick
    shown = Volume(np.rint(hu).astype(np.int16), Grid(hu.shape, affine))
    mask = np.zeros(SHAPE, dtype=bool)
    mask[liver.box.slices] = liver.mask
    ducts = find_ducts(shown, given_liver(shown, mask[thick // 2 :: thick][:count]), None, PORTAL)
    assert ducts.dilated


def test_noise_of_a_sharp_kernel_is_no_stone_in_a_duct() -> None:
    noisy, liver = make_scan([(RUN, 6.0, 8.0)], noise_hu=70.0)
    assert not map_bile(noisy, liver).stones.any()
    stone: Tube = (((31.0, 45.0, 50.0), (31.0, 45.0, 51.0)), 4.0, 600.0)
    quiet, liver = make_scan([(RUN, 8.0, 8.0), stone])
    assert map_bile(quiet, liver).stones.any()
