from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hepalith.phantom.deposit import make_rod, make_sphere
from hepalith.phantom.scanner.lattice import Lattice, Outline
from hepalith.phantom.scanner.scanner import Scanner
from hepalith.phantom.scene import ORGANS, Body, Scene, Streak, scan
from hepalith.phantom.shape.shape import Capsule, Cut, Ellipsoid, HalfSpace, Joined, Oval, Shape, Tube

SMALL = Scanner(
    matrix=128, slices=9, pixel_mm=1.5, slice_spacing_mm=3.0, slice_thickness_mm=3.0, low_z_mm=-12.0,
    noise_hu=1e-6, hardening=0.0, extended=True,
)  # fmt: skip
TRUNK = Body(Oval((0, 0), (85, 70)), 40.0, "body")
PATH = ((-40.0, -20.0, -30.0), (0.0, 10.0, 0.0), (30.0, 0.0, 25.0))


@pytest.mark.parametrize(
    "shape",
    [
        Ellipsoid((5, -3, 2), (52, 30, 18), yaw=20, roll=-30),
        Tube(PATH, (4.0, 3.0, 0.8)),
        Capsule((0.3, 0.2, 0.1), (0.3, 0.2, 0.1), 1.1),
        Cut(
            Joined((Ellipsoid((-20, 0, 0), (40, 45, 60)), Ellipsoid((30, -10, 5), (38, 20, 24))), 14),
            (HalfSpace((0, 0, -8), (0.3, 0.1, -1.0)), Ellipsoid((0, 20, 0), (15, 12, 40))),
            6,
        ),
    ],
)
def test_painting_in_blocks_is_painting_point_by_point(shape: Shape) -> None:
    z, y, x = (np.linspace(-h, h, n, dtype=np.float32) for h, n in ((32, 71), (60, 121), (64, 129)))
    lattice = Lattice(z, y, x, 1.0)
    lattice.paint(Outline.of([shape]), 200.0, 7)
    away = np.broadcast_to(
        shape.distance(x[None, None, :], y[None, :, None], z[:, None, None]), (z.size, y.size, x.size)
    )
    cover = np.clip(0.5 - away, 0, 1)
    assert np.abs(lattice.hu - (-1000 + cover * 1200)).max() < 0.08 * 1200
    assert np.abs(lattice.hu - (-1000 + cover * 1200)).mean() < 0.0005 * 1200
    assert ((lattice.labels == 7) != (cover >= 0.5)).mean() < 1e-3


def test_tubes_alike_in_a_row_are_painted_as_their_union() -> None:
    whole = Tube(PATH, (4.0, 3.0, 2.0))
    halves = [Body(Tube(PATH[:2], (4.0, 3.0)), 120.0), Body(Tube(PATH[1:], (3.0, 2.0)), 120.0)]
    one, two = (scan(Scene((TRUNK, *b)), SMALL, 1).volume.hu for b in ((Body(whole, 120.0),), halves))
    assert np.array_equal(one, two)


def test_a_body_has_its_hu_and_its_label_and_segments_lie_in_the_liver() -> None:
    liver = Body(Ellipsoid((-10, 0, 0), (40, 30, 40)), 60.0, "liver")
    scene = Scene((TRUNK, liver), segment_at=lambda x, y, z: np.where(x < -10, 7, 3).astype(np.uint8))  # noqa: ARG005
    made = scan(scene, SMALL, 1)
    middle = made.volume.hu[4]
    assert middle[64, 57] == 60
    assert middle[64, 105] == 40
    inside = made.organs == ORGANS["liver"]
    assert made.segments is not None
    assert set(np.unique(made.segments[inside])) == {3, 7}
    assert not made.segments[~inside].any()
    assert inside.sum() * made.volume.grid.voxel_mm3 == pytest.approx(
        _volume_in_view(liver.shape, made.volume.grid.voxel_mm3), rel=0.02
    )


def _volume_in_view(shape: Shape, _: float) -> float:
    x, y, z = (np.arange(-60, 60, 0.5, dtype=np.float32) for _ in range(3))
    z = z[np.abs(z) < 13.5]
    away = shape.distance(x[None, None, :], y[None, :, None], z[:, None, None])
    return float((away < 0).sum() * 0.125)


@pytest.mark.parametrize("kernel", ["soft", "standard", "lung"])
def test_a_deposit_keeps_its_integral_whatever_the_kernel(kernel: str) -> None:
    focus = make_sphere((3.3, -8.1, 1.2), 5.0, 400.0)
    scanner = SMALL.with_kernel(kernel)
    plain, with_focus = (scan(Scene((TRUNK,), d), scanner, 1).volume.hu for d in ((), (focus,)))
    added = (with_focus.astype(np.float64) - plain).sum() * scanner.grid.voxel_mm3
    assert added == pytest.approx(focus.integrated_excess, rel=0.02)


def test_the_lung_kernel_overshoots_at_an_edge_and_the_smooth_one_does_not() -> None:
    scene = Scene((TRUNK, Body(Tube(((0, 0, -90), (0, 0, 90)), (20, 20)), 1000.0, "bone")))
    fine = replace(SMALL, pixel_mm=0.5, matrix=160)
    tops = {k: int(scan(scene, fine.with_kernel(k), 1).volume.hu.max()) for k in ("smooth", "lung")}
    assert tops["smooth"] <= 1001
    assert 1030 < tops["lung"] < 1150


def test_calcium_weighs_more_at_a_lower_voltage() -> None:
    focus = make_sphere((0, 0, 0), 12.0, 300.0)
    made = {kvp: scan(Scene((TRUNK,), (focus,)), replace(SMALL, kvp=kvp), 1) for kvp in (80.0, 120.0)}
    excess = {kvp: float(m.volume.hu[4, 63:65, 63:65].mean()) - 40 for kvp, m in made.items()}
    assert excess[80.0] / excess[120.0] == pytest.approx(1.391, rel=0.02)
    assert made[80.0].excesses_hu == pytest.approx((300 * 1.391,), rel=1e-3)


def test_a_level_surface_is_averaged_within_the_slice_that_it_crosses() -> None:
    scene = Scene((TRUNK, Body(HalfSpace((0, 0, 0.7), (0.0, 0.0, 1.0)), 100.0)))
    protocols = [
        replace(SMALL, slices=n, slice_spacing_mm=s, slice_thickness_mm=s) for n, s in ((25, 1.0), (6, 5.0))
    ]
    thin, thick = (scan(scene, p, 1).volume.hu[:, 64, 64] for p in protocols)
    assert np.sum((thin > 40) & (thin < 100)) <= 2
    below = protocols[1].profile.cumulative(0.7 - np.arange(-12.0, 18.0, 5.0))
    assert thick == pytest.approx(40 + 60 * below, abs=1.5)


def test_hu_are_clipped_to_twelve_bits_unless_extended() -> None:
    clip = replace(make_rod((0, 0, 0), (0, 0, 1), 60.0, 6.0, 11_000.0), label="clip_or_coil")
    scene = Scene((TRUNK,), (), (clip,))
    assert scan(scene, replace(SMALL, extended=False), 1).volume.hu.max() == 3071
    assert scan(scene, SMALL, 1).volume.hu.max() > 5000


def test_metal_throws_streaks_and_a_drawn_streak_gives_way_to_them() -> None:
    clip = replace(make_rod((0, 0, 0), (1, 0.2, 0), 14.0, 2.5, 11_000.0), label="clip_or_coil")
    scene = Scene((TRUNK,), (), (clip,))
    quiet = scan(scene, replace(SMALL, metal_streaks=False), 1).volume.hu.astype(np.float64)
    loud = scan(scene, SMALL, 1).volume.hu
    drawn = scan(replace(scene, streaks=(Streak((0, 0, 0), 9.0, 40.0),)), SMALL, 1).volume.hu
    assert np.array_equal(loud, drawn)
    y, x = np.mgrid[:128, :128]
    away = np.hypot(y - 63.5, x - 63.5) * 1.5
    ring = (away > 10) & (away < 40)
    added = (loud - quiet)[4]
    assert added[ring].std() > 3
    along = ring & (np.abs(y - 63.5) < 0.35 * np.abs(x - 63.5))
    assert added[along].mean() < -3  # the long way through the metal reads short
    assert np.abs((loud - quiet)[0]).max() < 3


def test_drawn_streaks_stand_where_no_metal_is() -> None:
    streak = Streak((0, 0, 0), 6.0, 40.0)
    made = scan(Scene((TRUNK,), streaks=(streak,)), SMALL, 1).volume.hu.astype(np.float64) - 40
    assert np.abs(made[4, 50:78, 50:78]).max() > 10
    assert np.abs(made[0, 50:78, 50:78]).max() <= 1


def test_an_unknown_organ_is_refused() -> None:
    with pytest.raises(KeyError):
        scan(Scene((Body(Oval((0, 0), (50, 50)), 0.0, "lever"),)), SMALL, 1)
