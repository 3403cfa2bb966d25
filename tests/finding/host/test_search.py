"""Hosts in small livers made of numbers: parenchyma, noise, a ball of another HU, calcium in it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from hepalith.anatomy.find import given_liver
from hepalith.anatomy.lesion.lesion import Lesion
from hepalith.anatomy.lesion.outline import Region
from hepalith.anatomy.liver import Phase
from hepalith.calcification.focus import Detectability, Foci, Focus
from hepalith.finding.host.findings import describe_hosts
from hepalith.finding.host.host import Hosts
from hepalith.finding.host.kind import Blood, enhancement_of, kinds_of
from hepalith.finding.host.lesion import Seen, is_mass
from hepalith.finding.host.search import find_hosts
from hepalith.geometry import Box, Grid
from hepalith.image.volume import Volume
from hepalith.vocabulary import Measurement, NotAssessable, State

SHAPE, SPACING = (40, 84, 84), (2.0, 1.0, 1.0)
CENTRE = (40.0, 42.0, 42.0)
PORTAL, PLAIN = Phase("portal", 0.95), Phase("none", 0.99)


def distance(centre: tuple[float, float, float] = CENTRE) -> NDArray[np.float64]:
    """Return the distance in mm of every voxel from a place, given in mm along (slice, row, column)."""
    axes = [np.arange(n) * s - c for n, s, c in zip(SHAPE, SPACING, centre, strict=True)]
    k, j, i = np.meshgrid(*axes, indexing="ij")
    return np.asarray(np.sqrt(k**2 + j**2 + i**2))


@dataclass
class Made:
    """What was made, and what is found in it."""

    hosts: Hosts
    foci: Foci
    phase: Phase


def make(
    hu: NDArray[np.float64],
    calcium: NDArray[np.bool_] | None,
    phase: Phase,
    noise_hu: float = 10.0,
    form: str = "nodular",
) -> Made:
    """Return the hosts of an image with one focus of calcium of some form."""
    random = np.random.default_rng(3)
    values = hu + random.normal(0, noise_hu, SHAPE)
    if calcium is not None:
        values[calcium] = 500
    mask = np.zeros(SHAPE, np.bool_)
    mask[2:-2, 6:-6, 6:-6] = True
    values[~mask] = -90
    affine = np.zeros((4, 4))
    affine[2, 0], affine[1, 1], affine[0, 2], affine[3, 3] = (*SPACING, 1)
    volume = Volume(values.astype(np.int16), Grid(SHAPE, affine))
    box = Box((0, 0, 0), SHAPE)
    labels = np.zeros(SHAPE, np.int32)
    if calcium is not None:
        labels[calcium] = 1
    plain = Measurement(1.0, "mm")
    focus = Focus(
        1, "calcification", 0.95, "", (0.0, 0.0, 0.0), plain, False, plain, plain, plain, plain, plain,
        plain, plain, form, morphology_probabilities={form: 1.0},
    )  # fmt: skip
    detectability = Detectability(NotAssessable("not asked"), 250.0, "")
    foci = Foci((focus,) if calcium is not None else (), box, labels, detectability)
    liver = given_liver(volume, mask)
    return Made(find_hosts(volume, liver, foci, phase=phase), foci, phase)


def parenchyma(hu: float = 105.0) -> NDArray[np.float64]:
    """Return a liver without a lesion."""
    return np.full(SHAPE, hu)


def with_ball(hu: float, diameter_mm: float = 30.0) -> NDArray[np.float64]:
    """Return a portal venous liver with a ball of another HU."""
    image = parenchyma()
    image[distance() < diameter_mm / 2] = hu
    return image


@pytest.mark.parametrize(("hu", "kind"), [(62.0, "solid"), (6.0, "fluid"), (-60.0, "fat")])
def test_a_lesion_around_the_calcium_is_its_host_and_says_what_it_is(hu: float, kind: str) -> None:
    made = make(with_ball(hu), distance() < 3, PORTAL)
    relation = made.hosts.of_focus[1]
    assert relation.kind == kind
    assert relation.probability > 0.5
    assert relation.position == "central"
    assert made.hosts.hosts[0].foci == (1,)


def test_the_size_of_the_host_is_not_that_of_its_calcium() -> None:
    diameter = make(with_ball(62.0), distance() < 3, PORTAL).hosts.hosts[0].diameter
    assert diameter.low is not None
    assert diameter.high is not None
    assert diameter.low <= 30.0 <= diameter.high


def test_plain_calcium_in_an_enhanced_liver_has_no_host() -> None:
    made = make(parenchyma(), distance() < 4, PORTAL)
    relation = made.hosts.of_focus[1]
    assert relation.kind == "none"
    assert relation.probability > 0.9
    assert "would have been seen" in relation.reason
    assert not made.hosts.hosts


def test_a_large_cyst_that_the_outline_cuts_straight_is_the_host_of_the_calcium_in_its_wall() -> None:
    image = parenchyma()
    image[distance((40.0, 10.0, 10.0)) < 43] = 6.0
    relation = make(image, distance((40.0, 38.0, 38.0)) < 3, PORTAL).hosts.of_focus[1]
    assert relation.kind == "fluid"


def test_a_sheet_of_fluid_at_the_edge_of_the_liver_is_no_host() -> None:
    image = parenchyma()
    image[:, :14, :] = 6.0
    assert make(image, distance((40.0, 17.0, 42.0)) < 3, PORTAL).hosts.of_focus[1].kind != "fluid"


def test_without_contrast_agent_no_host_is_never_said() -> None:
    made = make(parenchyma(58.0), distance() < 4, PLAIN)
    assert made.hosts.of_focus[1].kind == "not_assessable"
    assert "unenhanced" in made.hosts.of_focus[1].reason


def test_a_cyst_is_seen_without_contrast_agent() -> None:
    image = parenchyma(58.0)
    image[distance() < 15] = 5
    assert make(image, distance() < 3, PLAIN).hosts.of_focus[1].kind == "fluid"


def test_where_noise_is_coarse_no_host_is_not_said() -> None:
    coarse = ndimage.gaussian_filter(np.random.default_rng(5).normal(0, 1, SHAPE), 3)
    grainy = parenchyma() + 40.0 * coarse / coarse.std()
    relation = make(grainy, distance() < 4, PORTAL).hosts.of_focus[1]
    assert relation.kind == "not_assessable"
    assert "HU" in relation.reason


def test_where_the_tissue_about_calcium_differs_but_shows_no_lesion_none_is_not_said() -> None:
    image = parenchyma()
    away = np.abs(np.arange(SHAPE[1]) - 42.0)
    image[:, away < 4, :] = 70.0  # a dark sheet through the calcium: no lesion, and no even liver
    relation = make(image, distance() < 3, PORTAL).hosts.of_focus[1]
    assert relation.kind == "not_assessable"
    assert "differs" in relation.reason


def test_calcium_beside_a_lesion_but_not_at_it_has_no_host() -> None:
    away = distance((40.0, 42.0, 70.0)) < 3
    made = make(with_ball(62.0, 24.0), away, PORTAL)
    assert made.hosts.of_focus[1].kind == "none"
    assert len(made.hosts.masses) == 1


def test_calcium_in_the_wall_of_a_cyst_lies_at_its_periphery() -> None:
    shell = (np.abs(distance() - 15) < 1.0) & (np.indices(SHAPE)[1] > 40)
    made = make(with_ball(6.0), shell, PORTAL)
    assert made.hosts.of_focus[1].kind == "fluid"
    assert made.hosts.of_focus[1].position == "peripheral"


def test_a_mass_without_calcium_is_reported_as_seen() -> None:
    made = make(with_ball(62.0), None, PORTAL)
    assert len(made.hosts.masses) == 1
    found = {f.id: f for f in describe_hosts(made.hosts, made.foci, made.phase)}
    assert found["mass_without_calcium"].state is State.PRESENT
    assert found["host_kind"].state is State.NOT_ASSESSABLE


def test_a_healthy_liver_has_no_mass() -> None:
    made = make(parenchyma(), None, PORTAL)
    assert not made.hosts.masses


def test_a_vessel_is_no_mass() -> None:
    image = parenchyma()
    axes = [np.arange(n) * s for n, s in zip(SHAPE, SPACING, strict=True)]
    k, j = np.meshgrid(axes[0], axes[1], indexing="ij")
    image[np.hypot(k - 40, j - 42) < 5] = 150
    assert not make(image, None, PORTAL).hosts.masses


def test_the_label_map_of_hosts_lies_where_the_host_is() -> None:
    hosts = make(with_ball(62.0), distance() < 3, PORTAL).hosts
    truth = (distance() < 15)[hosts.box.slices]
    both = int(((hosts.labels == 1) & truth).sum())
    assert 2 * both / (int((hosts.labels == 1).sum()) + int(truth.sum())) > 0.85


def test_findings_speak_of_the_leading_host() -> None:
    made = make(with_ball(62.0), distance() < 3, PORTAL)
    found = {f.id: f for f in describe_hosts(made.hosts, made.foci, made.phase)}
    assert found["host_kind"].value == "solid"
    assert found["host_kind"].subject.ref == "1"
    assert found["host_position"].value == "central"
    assert found["enhancement"].value == "none"
    assert found["fat_attenuation"].state is State.ABSENT
    assert found["mass_without_calcium"].state is State.ABSENT


def test_a_ring_of_calcium_with_blood_in_it_is_an_aneurysm_until_shown_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("hepalith.finding.host.scene.measure_aorta", lambda *_: 160.0)
    shell = (np.abs(distance() - 15) < 1.0) & (np.indices(SHAPE)[1] > 40)
    full = make(with_ball(160.0), shell, PORTAL).hosts.hosts[0]
    empty = make(with_ball(6.0), shell, PORTAL).hosts.hosts[0]
    assert full.features["blood_pool_ring"] > 0.5 > empty.features["blood_pool_ring"]


def blurred_ball(hu: float, edge_mm: float, diameter_mm: float = 44.0) -> NDArray[np.float64]:
    """Return a portal venous liver with a ball whose edge fades over a distance."""
    share = np.clip((diameter_mm / 2 - distance()) / edge_mm + 0.5, 0.0, 1.0)
    return np.asarray(parenchyma() + share * (hu - 105.0))


@pytest.mark.parametrize("thick", [1, 3])
def test_an_edge_is_blurred_beyond_what_the_scan_itself_blurs(thick: int) -> None:
    """Slices of 6 mm blur the poles of a sharp ball, not its edge within the slice."""
    found = {}
    for edge_mm in (1.0, 10.0):
        image = ndimage.uniform_filter1d(blurred_ball(55.0, edge_mm), thick, axis=0)
        found[edge_mm] = make(image, distance() < 3, PORTAL).hosts.of_focus[1]
    assert found[1.0].kind == "solid"
    assert found[10.0].kind == "infiltrative"


def test_where_the_edge_is_hardly_seen_it_is_not_called_blurred() -> None:
    noisy = make(blurred_ball(90.0, 1.0), distance() < 3, PORTAL, noise_hu=45.0).hosts
    assert all(h.probabilities["infiltrative"] < 0.5 for h in (*noisy.hosts, *noisy.masses))


def test_a_small_cyst_within_a_shell_of_calcium_is_fluid() -> None:
    image = parenchyma()
    image[distance() < 10] = 8.0
    shell = (distance() >= 9) & (distance() < 10.5)
    made = make(image, shell, PORTAL, form="eggshell")
    relation = made.hosts.of_focus[1]
    assert relation.kind == "fluid"
    assert made.hosts.hosts[0].mean_hu < 25


def test_a_shell_too_small_to_see_into_is_not_assessable() -> None:
    image = parenchyma()
    shell = (distance() >= 3) & (distance() < 5)
    image[distance() < 4] = 8.0
    relation = make(image, shell, PORTAL, form="eggshell").hosts.of_focus[1]
    assert relation.kind == "not_assessable"


def test_bright_nodules_at_the_edge_of_a_dark_lesion_make_it_a_haemangioma(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("hepalith.finding.host.scene.measure_aorta", lambda *_: 150.0)
    image = with_ball(38.0, 44.0)
    for k, j, i in ((40, 60, 42), (40, 26, 36), (54, 42, 56), (26, 42, 28)):
        image[(distance((k, j, i)) < 8) & (distance() < 22)] = 150.0
    mass = make(image, None, PORTAL).hosts.masses[0]
    assert mass.kind == "solid"
    assert mass.enhancement == "peripheral_nodular"


def dark_with_bright_parts() -> Lesion:
    """Return a dark lesion of 30 mm in the portal phase, a fifth of which is as bright as blood."""
    body = np.ones((2, 2, 2), np.bool_)
    return Lesion(
        Region((0, 0, 0), body, body), (0.0, 0.0, 0.0), diameter_mm=30.0, volume_ml=14.0, core_hu=30.0,
        contrast_hu=-75.0, contrast_error_hu=2.0, rim_hu=5.0, edge_mm=0.5, edge_error_mm=0.3, texture_hu=0.0,
        fat_share=0.0, gas_share=0.0, fluid_share=0.3, bright_share=0.2, bright_hu=150.0, pools=0,
        pool_share=0.0, central_hu=0.0, roundness=0.9, compactness=0.9, seen_ml=12.0, edge_share=0.0,
    )  # fmt: skip


def test_bright_parts_are_nodules_unless_the_wall_is_calcified() -> None:
    lesion, blood = dark_with_bright_parts(), Blood(150.0, 150.0)
    free, walled = (kinds_of(lesion, PORTAL, w) for w in (0.0, 0.95))
    assert max(free, key=lambda k: free[k]) == "solid"
    assert max(walled, key=lambda k: walled[k]) == "fluid"
    free, walled = (enhancement_of(lesion, PORTAL, blood, 105.0, w) for w in (0.0, 0.95))
    assert max(free, key=lambda e: free[e]) == "peripheral_nodular"
    assert max(walled, key=lambda e: walled[e]) == "none"


@pytest.mark.parametrize(("hu", "lesion"), [(80.0, True), (160.0, False)])
def test_what_is_brighter_than_blood_could_make_it_is_no_lesion(hu: float, lesion: bool) -> None:
    image = parenchyma(58.0)
    image[distance() < 15] = hu
    made = make(image, distance() < 3, PLAIN)
    assert (made.hosts.of_focus[1].kind != "not_assessable") is lesion
    assert bool(made.hosts.hosts or made.hosts.masses) is lesion


@pytest.mark.parametrize(("compactness", "mass"), [(0.9, True), (0.7, False)])
def test_what_is_not_compact_and_holds_no_calcium_is_no_mass(compactness: float, mass: bool) -> None:
    lesion = replace(dark_with_bright_parts(), compactness=compactness)
    assert is_mass(Seen(lesion, 0.99)) is mass


def shell(radius_mm: float, wall_mm: float = 1.5) -> NDArray[np.bool_]:
    """Return a shell of calcium about the middle."""
    return np.asarray((distance() <= radius_mm) & (distance() >= radius_mm - wall_mm))


def bloomed(radius_mm: float) -> NDArray[np.float64]:
    """Return parenchyma about a shell, brightened by the shell's blur."""
    blur = ndimage.gaussian_filter(shell(radius_mm).astype(float), [3.0 / s for s in SPACING])
    return parenchyma(55.0) + 400 * blur


def test_the_blur_within_a_shell_of_calcium_is_no_lesion() -> None:
    made = make(bloomed(9.0), shell(9.0), PLAIN, noise_hu=5.0, form="eggshell")
    assert made.hosts.hosts == ()


def test_fluid_within_a_shell_of_calcium_is_a_lesion() -> None:
    hu = np.where(distance() < 11, 10.0, parenchyma(55.0))
    made = make(hu, shell(12.0), PLAIN, noise_hu=5.0, form="eggshell")
    assert [host.kind for host in made.hosts.hosts] == ["fluid"]


def test_blood_within_a_shell_of_calcium_is_a_lesion() -> None:
    hu = np.where(distance() < 15, 190.0, parenchyma(105.0))
    made = make(hu, shell(16.0), PORTAL, noise_hu=5.0, form="eggshell")
    assert len(made.hosts.hosts) == 1
