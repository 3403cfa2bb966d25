"""Patterns follow from where foci lie, and from what lies about them."""

import math
from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pytest

from hepalith.anatomy.depth import Depth
from hepalith.anatomy.liver import Liver
from hepalith.anatomy.vessels.vessels import VesselBranch, Vessels
from hepalith.calcification.focus import Detectability, Foci, Focus
from hepalith.finding.duct.duct import DuctRelation
from hepalith.finding.finding import Pattern
from hepalith.finding.host.host import Host, Hosts
from hepalith.finding.pattern.pattern import find_patterns
from hepalith.geometry import Box
from hepalith.vocabulary import Measurement, NotAssessable

SHAPE = (40, 60, 80)
"""Of a liver in voxels of 2 mm, whose left lobe lies beyond x = 100 mm."""


def liver() -> Liver:
    lobes = np.ones(SHAPE, dtype=np.uint8)
    lobes[:, :, 50:] = 2
    depth = np.full(SHAPE, 20, dtype=np.float32)
    depth[:, :4] = (2.0 * np.arange(1, 5))[None, :, None]
    return Liver(
        box=Box((0, 0, 0), SHAPE),
        mask=np.ones(SHAPE, dtype=np.bool_),
        lobes=lobes,
        depth_mm=Depth.of(depth),
        source="given",
        volume=Measurement(1500, "mL", 1450, 1550),
        in_view=1.0,
        quality=0.9,
    )


def focus(number: int, at: tuple[float, float, float], size_mm: float = 4.0, **changed: object) -> Focus:
    plain = Focus(
        id=number,
        label="calcification",
        probability=0.98,
        reason="dense",
        centroid_lps_mm=at,
        volume=Measurement(math.pi / 6 * size_mm**3, "mm3"),
        volume_limited_by_resolution=False,
        diameter=Measurement(size_mm, "mm", 0.9 * size_mm, 1.1 * size_mm),
        background_hu=Measurement(55, "[hnsf'U]"),
        mean_hu=Measurement(300, "[hnsf'U]"),
        peak_hu=Measurement(500, "[hnsf'U]"),
        integrated_excess=Measurement(15000, "[hnsf'U].mm3"),
        mass=NotAssessable("no calibration"),
        score_agatston_convention=NotAssessable("too small"),
        morphology="nodular",
        morphology_probabilities={"nodular": 0.8, "punctate": 0.2},
        lobe="left" if at[0] > 100 else "right",
        capsule_distance=Measurement(20, "mm", 19, 21),
    )
    return replace(plain, **changed)  # type: ignore[arg-type]


def foci(*several: Focus, labels: np.ndarray | None = None) -> Foci:  # type: ignore[type-arg]
    seen = Detectability(Measurement(2, "mm"), 250, "noise of 12 HU")
    drawn = np.zeros(SHAPE, dtype=np.int32) if labels is None else labels
    return Foci(tuple(several), Box((0, 0, 0), SHAPE), drawn, seen)


def beads(count: int = 5) -> list[Focus]:
    return [focus(i + 1, (40.0 + 8 * i, 60.0 + i * i, 40.0)) for i in range(count)]


def host(ids: tuple[int, ...], kind: str = "solid", position: str = "throughout") -> Hosts:
    lesion = Host(
        1, kind, MappingProxyType({kind: 0.9}), 0.9, Measurement(40, "mm"), position, ids, "", {}, {},
        (60.0, 60.0, 40.0), 40.0,
    )  # fmt: skip
    return Hosts((lesion,), {}, (), Box((0, 0, 0), SHAPE), np.zeros(SHAPE, np.uint8))


def named(patterns: tuple[Pattern, ...]) -> set[str]:
    return {p.id for p in patterns}


def test_one_focus_is_solitary() -> None:
    assert named(find_patterns(foci(focus(1, (50, 60, 40))), liver())) == {"solitary"}


def test_pieces_of_one_rim_are_one_solitary_thing_and_pieces_apart_are_not() -> None:
    rim = {"morphology": "rim", "morphology_probabilities": {"rim": 0.9}}
    near = foci(focus(1, (50, 60, 40), 14.0, **rim), focus(2, (60, 60, 40), 8.0, **rim))
    far = foci(focus(1, (50, 60, 40), 14.0, **rim), focus(2, (90, 60, 40), 8.0, **rim))
    assert named(find_patterns(near, liver())) == {"solitary"}
    assert "solitary" not in named(find_patterns(far, liver()))


def test_beads_on_a_curve_are_along_a_triad_and_in_bile_along_a_duct() -> None:
    chain = foci(*beads())
    assert "along_portal_triad" in named(find_patterns(chain, liver()))
    relations = {i: DuctRelation("in_lumen", {"in_lumen": 0.9, "apart": 0.1}) for i in range(1, 6)}
    (found,) = find_patterns(chain, liver(), relations=relations)
    assert (found.id, found.foci) == ("along_duct", (1, 2, 3, 4, 5))
    assert found.probability == pytest.approx(0.9)


def test_stones_in_bile_need_no_smooth_curve() -> None:
    zigzag = foci(*(focus(i + 1, (50.0 + 6 * i, 60.0 + 9 * (i % 2), 40.0)) for i in range(4)))
    relations = {i: DuctRelation("in_lumen", {"in_lumen": 0.8}) for i in range(1, 5)}
    assert "along_duct" in named(find_patterns(zigzag, liver(), relations=relations))
    assert "along_portal_triad" not in named(find_patterns(zigzag, liver()))


def test_portal_branches_beside_a_chain_make_it_likelier() -> None:
    path = np.array([[40.0 + i, 60.0 + (i / 8) ** 2, 43.0] for i in range(0, 40, 2)])
    away = path + np.array([0, 0, 25.0])

    def chance(line: np.ndarray) -> float:  # type: ignore[type-arg]
        branch = VesselBranch(line, np.full(len(line), 2.0), "portal")
        vessels = Vessels(
            Box((0, 0, 0), SHAPE), np.zeros(SHAPE, np.uint8), 150.0, seen=True, reason="", branches=(branch,)
        )
        found = find_patterns(foci(*beads(4)), liver(), vessels=vessels)
        return max((p.probability for p in found if p.id == "along_portal_triad"), default=0.0)

    assert chance(path) > 0.9
    assert chance(away) < 0.7


def test_foci_of_one_mass_are_within_it_and_neither_clustered_nor_a_chain() -> None:
    patterns = find_patterns(foci(*beads()), liver(), hosts=host((1, 2, 3, 4, 5)))
    assert named(patterns) == {"within_mass"}
    assert patterns[0].foci == (1, 2, 3, 4, 5)


@pytest.mark.parametrize("content", ["fluid", "mixed"])
def test_calcium_on_the_wall_of_a_cyst_is_not_within_a_mass(content: str) -> None:
    patterns = find_patterns(foci(focus(1, (50, 60, 40))), liver(), hosts=host((1,), content, "peripheral"))
    assert named(patterns) == {"solitary"}


def test_a_shell_about_solid_content_is_not_within_a_mass_and_a_nodule_at_its_edge_is() -> None:
    rim = focus(1, (50, 60, 40), 30.0, morphology="rim", morphology_probabilities={"rim": 0.9})
    around = host((1,), "solid", "peripheral")
    assert "within_mass" not in named(find_patterns(foci(rim), liver(), hosts=around))
    assert "within_mass" in named(find_patterns(foci(focus(1, (50, 60, 40))), liver(), hosts=around))


def test_a_bright_centre_in_a_solid_mass_is_a_bulls_eye() -> None:
    one = foci(focus(1, (50, 60, 40)))
    assert "bulls_eye" in named(find_patterns(one, liver(), hosts=host((1,), "solid", "central")))
    assert "bulls_eye" not in named(find_patterns(one, liver(), hosts=host((1,), "solid", "peripheral")))
    held = host((1,), "solid", "central")
    bright = replace(held, hosts=(replace(held.hosts[0], enhancement="arterial"),))
    assert "bulls_eye" not in named(find_patterns(one, liver(), hosts=bright))


def test_septa_are_a_network_unless_they_belong_to_a_mass() -> None:
    septal = {"morphology": "curvilinear_septal", "morphology_probabilities": {"curvilinear_septal": 0.9}}
    septa = foci(focus(1, (50, 60, 40), 60.0, **septal))
    assert "septal_network" in named(find_patterns(septa, liver()))
    assert "solitary" not in named(find_patterns(septa, liver()))
    assert "septal_network" not in named(find_patterns(septa, liver(), hosts=host((1,))))


def test_a_plate_on_the_surface_runs_along_the_capsule_and_one_that_dives_does_not() -> None:
    along, down = np.zeros(SHAPE, np.int32), np.zeros(SHAPE, np.int32)
    along[18:22, 0:2, 20:27] = 1
    down[18:22, 0:7, 20:22] = 1
    plate = focus(1, (46.0, 2.0, 40.0), 14.0)
    assert "along_capsule" in named(find_patterns(foci(plate, labels=along), liver()))
    assert "along_capsule" not in named(find_patterns(foci(plate, labels=down), liver()))


def test_many_dots_all_over_are_miliary_and_even_and_not_called_scattered() -> None:
    random = np.random.default_rng(2)
    dots = [focus(i + 1, tuple(random.uniform((0, 0, 0), (160, 120, 80))), 2.5) for i in range(30)]
    assert named(find_patterns(foci(*dots), liver())) == {"miliary", "bilobar_even"}


def test_larger_foci_all_over_are_scattered_not_miliary() -> None:
    random = np.random.default_rng(4)
    nodules = [focus(i + 1, tuple(random.uniform((0, 0, 0), (160, 120, 80))), 10.0) for i in range(12)]
    found = named(find_patterns(foci(*nodules), liver()))
    assert "miliary" not in found
    assert "scattered" in found


def test_two_foci_are_never_called_clustered() -> None:
    assert "clustered" not in named(
        find_patterns(foci(focus(1, (50, 60, 40)), focus(2, (58, 60, 40))), liver())
    )
