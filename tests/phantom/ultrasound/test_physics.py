"""The forward model of the sonogram: what physics says of shadow, enhancement, focus and speckle."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from hepalith.phantom.ultrasound.paint import paint
from hepalith.phantom.ultrasound.probe import Probe, beam_space
from hepalith.phantom.ultrasound.render import Echoed, echoes, make_speckle
from hepalith.phantom.ultrasound.scene import Body, Reflector, SonoScene, Tissue
from hepalith.phantom.ultrasound.shadow import grade_of, shadow_of, zone_of
from hepalith.phantom.ultrasound.shape import Below, Ellipse, Ring, Tube
from hepalith.phantom.ultrasound.truth import ShadowTruth

PROBE = Probe(
    frequency_mhz=3.5,
    depth_mm=150.0,
    focus_mm=(70.0,),
    dynamic_range_db=70.0,
    noise_db=-60.0,
    clutter_db=-60.0,
)
"""A curved abdominal probe focused at 70 mm, in a quiet scanner."""


def stone(size_mm: float, depth_mm: float = 70.0) -> Body:
    """Return a dense round calcification on the middle line."""
    shape = Ellipse(0.0, depth_mm, size_mm / 2, size_mm / 2)
    return Body(
        1, "calcification", "nodular", shape, size_mm, size_mm,
        surface_db=4.0, inside_db_per_cm_mhz=14.0, thickness_mm=size_mm,
    )  # fmt: skip


def heard(scene: SonoScene, probe: Probe = PROBE, seed: int = 1) -> tuple[Echoed, ShadowTruth | None]:
    """Return a scene's echoes, and the shadow of its body where it has one."""
    space = beam_space(probe)
    painted = paint(scene, space)
    rng = np.random.default_rng(seed)
    echoed = echoes(painted, space, make_speckle(space, rng), rng)
    shadow = shadow_of(painted.casts[0], echoed, space) if painted.casts else None
    return echoed, shadow


def shadow_behind(size_mm: float, depth_mm: float = 70.0, probe: Probe = PROBE) -> ShadowTruth:
    """Return the shadow of a dense stone in plain liver."""
    _, shadow = heard(SonoScene((), bodies=(stone(size_mm, depth_mm),)), probe)
    assert shadow is not None
    return shadow


def test_shadow_follows_the_size_as_a_beam_line_model_says() -> None:
    """4 mm shadows fully, 1.2 mm faintly, 0.8 mm not at all (3.5 MHz, at a focus of 50 mm)."""
    focused = replace(PROBE, focus_mm=(50.0,))
    assert shadow_behind(4.0, 50.0, focused).grade == "clean"
    assert shadow_behind(1.2, 50.0, focused).grade == "faint"
    assert shadow_behind(0.8, 50.0, focused).grade == "none"


def test_shadow_deepens_with_every_step_of_size() -> None:
    drops = [shadow_behind(size).drop_db for size in (0.8, 1.2, 2.0, 3.0, 4.0, 6.0)]
    assert all(a < b for a, b in pairwise(drops)), drops


@pytest.mark.parametrize("depth_mm", [90.0, 120.0])
def test_shadow_is_fainter_deeper_than_the_focus(depth_mm: float) -> None:
    assert shadow_behind(2.0, depth_mm).drop_db < shadow_behind(2.0, 70.0).drop_db - 1.5


def test_higher_frequency_deepens_the_shadow_of_a_small_stone() -> None:
    low, high = replace(PROBE, frequency_mhz=2.5), replace(PROBE, frequency_mhz=6.0)
    assert shadow_behind(2.0, probe=low).drop_db < shadow_behind(2.0, probe=high).drop_db - 1.0


def test_compounding_thins_the_shadow_far_behind() -> None:
    plain, compound = PROBE, replace(PROBE, looks=5)
    space = beam_space(plain)
    rows = np.s_[round(115 / plain.step_mm) : round(130 / plain.step_mm)]
    scene = SonoScene((), bodies=(stone(4.0),))
    middle = space.shape[1] // 2
    left = [
        float(paint(scene, beam_space(probe)).casts[0].kept[rows, middle - 1 : middle + 2].mean())
        for probe in (plain, compound)
    ]
    assert left[0] < left[1] - 0.15, left


def test_tissue_behind_a_cyst_is_brighter_than_beside_it() -> None:
    cyst = Tissue("cyst", Ellipse(0.0, 60.0, 12.0, 12.0), -40.0, 0.0)
    echoed, _ = heard(SonoScene((cyst,)))
    rows = np.s_[round(80 / PROBE.step_mm) : round(95 / PROBE.step_mm)]
    behind = 10 * np.log10(echoed.power[rows, 155:165].mean())
    beside = 10 * np.log10(echoed.power[rows, 20:60].mean())
    # 24 mm of fluid spare the sound 2 · 3.5 MHz · 0.5 dB/cm/MHz · 2.4 cm = 8.4 dB.
    assert behind - beside == pytest.approx(8.4, abs=0.5)


def test_fatty_liver_fades_with_depth() -> None:
    echoed, _ = heard(SonoScene((), attenuation=0.7))
    near, far = (10 * np.log10(echoed.power[round(z / PROBE.step_mm)].mean()) for z in (40.0, 90.0))
    assert near - far == pytest.approx(2 * 3.5 * 0.2 * 5.0, abs=0.4)


def test_speckle_is_rayleigh_before_compression() -> None:
    """Mean over standard deviation of the envelope is 1.91 (the square root of π/(4-π))."""
    echoed, _ = heard(SonoScene(()))
    envelope = 10 ** (echoed.level_db / 20)
    block = envelope[200:600, 40:280]
    assert float(block.mean() / block.std()) == pytest.approx(1.913, abs=0.05)


def test_log_compressed_speckle_has_its_known_spread() -> None:
    echoed, _ = heard(SonoScene(()))
    assert float(echoed.level_db[200:600, 40:280].std()) == pytest.approx(5.57, abs=0.25)


def test_compounding_smooths_speckle() -> None:
    plain, _ = heard(SonoScene(()))
    compound, _ = heard(SonoScene(()), replace(PROBE, looks=5))
    assert compound.level_db[200:600, 40:280].std() < 0.75 * plain.level_db[200:600, 40:280].std()


def half_width_lines(level_db: np.ndarray, across_mm: float) -> float:
    """Return the lag, mm, at which the autocorrelation across the beams falls to a half."""
    rest = level_db - level_db.mean(axis=1, keepdims=True)
    whole, last = float((rest**2).mean()), 1.0
    for lag in range(1, 40):
        now = float((rest[:, lag:] * rest[:, :-lag]).mean()) / whole
        if now < 0.5:
            return (lag - 1 + (last - 0.5) / (last - now)) * across_mm
        last = now
    raise AssertionError("speckle wider than 40 lines")


def test_speckle_is_narrowest_at_the_focus_and_wider_beyond() -> None:
    probe = replace(PROBE, focus_mm=(50.0,))
    space = beam_space(probe)
    echoed, _ = heard(SonoScene(()), probe)
    widths = {}
    for z in (50, 90, 130):
        rows = np.s_[round((z - 6) / probe.step_mm) : round((z + 6) / probe.step_mm)]
        across = float(space.across[round(z / probe.step_mm), 0])
        widths[z] = half_width_lines(echoed.level_db[rows, 10:-10], across)
    assert widths[50] < widths[90] < widths[130]


def test_a_body_out_of_the_plane_neither_shines_nor_shadows() -> None:
    body = replace(stone(4.0), offset_mm=12.0)
    _, shadow = heard(SonoScene((), bodies=(body,)))
    assert shadow is not None
    assert shadow.grade == "none"
    assert abs(shadow.drop_db) < 0.2


def test_gas_fills_its_own_shadow() -> None:
    gas = replace(stone(8.0), surface_db=20.0, haze_db=-4.0, haze_fall_db_mm=0.05)
    _, shadow = heard(SonoScene((), bodies=(gas,)))
    assert shadow is not None
    assert shadow.grade == "dirty"
    assert shadow.shade_db > shadow.drop_db + 4


def test_a_train_of_echoes_is_a_comet_tail() -> None:
    bubble = replace(stone(3.0), surface_db=10.0, tail_db=18.0, tail_fall_db_mm=0.5)
    _, shadow = heard(SonoScene((), bodies=(bubble,)))
    assert shadow is not None
    assert shadow.grade == "comet_tail"


def test_a_shadow_where_nothing_is_shown_is_not_assessable() -> None:
    """Behind the stone lies a void: black with it and black without it."""
    void = Tissue("cyst", Below((-300.0, 300.0), (75.0, 75.0)), -70.0, 0.5)
    _, shadow = heard(SonoScene((void,), bodies=(stone(4.0),)))
    assert shadow is not None
    assert not shadow.assessable


def test_grades_rise_with_the_loss_and_borders_are_said() -> None:
    order = [grade_of(drop, drop)[0] for drop in (0.0, 2.0, 4.0, 8.0, 12.0)]
    assert order == ["none", "none", "faint", "faint", "clean"]
    assert grade_of(2.4, 2.4)[1]
    assert grade_of(9.1, 9.1)[1]
    assert not grade_of(5.5, 5.5)[1]


def test_the_mean_of_a_zone_scatters_as_its_speckle_says() -> None:
    """Twenty-four drawings of plain liver: the level behind where a stone would lie."""
    space = beam_space(PROBE)
    plain, held = paint(SonoScene(()), space), paint(SonoScene((), bodies=(stone(8.0),)), space)
    zone = zone_of(held.casts[0], space)
    assert zone is not None
    means = []
    for seed in range(24):
        rng = np.random.default_rng(seed)
        means.append(float(echoes(plain, space, make_speckle(space, rng), rng).level_db[zone].mean()))
    assert float(np.std(means, ddof=1)) == pytest.approx(shadow_behind(8.0).speckle_db, rel=0.35)


def test_a_shadow_within_a_shadow_is_borderline() -> None:
    """The deeper of two stones in one line lies in the dark of the other."""
    space = beam_space(PROBE)
    upper, lower = stone(5.0, 60.0), replace(stone(3.0, 72.0), id=2)
    scene = SonoScene((), bodies=(upper, lower))
    painted = paint(scene, space)
    rng = np.random.default_rng(1)
    echoed = echoes(painted, space, make_speckle(space, rng), rng)
    alone = shadow_behind(3.0, 72.0)
    judged = shadow_of(painted.casts[1], echoed, space, painted.casts)
    assert not alone.borderline
    assert judged.borderline


def test_a_wall_is_as_bright_in_its_middle_as_beside_it() -> None:
    wall = Reflector("capsule", Ring(Below((-300.0, 300.0), (70.0, 70.0)), 2.0), 20.0, soft_mm=0.2)
    smooth = paint(SonoScene((), reflectors=(wall,)), beam_space(PROBE)).smooth
    middle = smooth[round(69.4 / PROBE.step_mm) : round(70.6 / PROBE.step_mm), 160]
    assert float(middle.min()) > 0.9 * float(middle.max()) > 8.0


def test_a_wall_along_the_beam_is_hardly_seen() -> None:
    along = Reflector("wall", Tube(((0.0, 50.0), (0.0, 90.0)), (0.6, 0.6)), 20.0, 6.0, 0.1)
    across = Reflector("wall", Tube(((-20.0, 70.0), (20.0, 70.0)), (0.6, 0.6)), 20.0, 6.0, 0.1)
    space = beam_space(PROBE)
    sample = round(70.0 / PROBE.step_mm)
    seen = [
        float(paint(SonoScene((), reflectors=(line,)), space).smooth[sample - 2 : sample + 3, 159:161].max())
        for line in (along, across)
    ]
    assert seen[0] < 0.3 * seen[1]
