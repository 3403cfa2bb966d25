from __future__ import annotations

import math

import numpy as np
import pytest

from hepalith.errors import UsageError
from hepalith.phantom.body.abdomen import Abdomen, make_abdomen
from hepalith.phantom.body.variation import Variation
from hepalith.phantom.contents.host import DIAMETER_MM as HOST_MM
from hepalith.phantom.contents.host import HOSTS, make_host
from hepalith.phantom.contents.mimic import MIMICS, make_mimic
from hepalith.phantom.contents.morphology import EXCESS_HU, MORPHOLOGIES, make_morphology
from hepalith.phantom.contents.site import depth_at, depths
from hepalith.phantom.contents.sphere_set import APART_MM, make_sphere_set
from hepalith.phantom.deposit import CALCIUM_HU_PER_MG_ML, name_by_size
from hepalith.phantom.insert import Insert, join_inserts
from hepalith.phantom.scanner.scanner import Scanner
from hepalith.phantom.shape.solid import Measured
from hepalith.vocabulary.term import all_terms

LABELS = {t.id for t in all_terms() if t.group == "label"}


@pytest.fixture(scope="module")
def abdomens() -> dict[str, Abdomen]:
    return {
        phase: make_abdomen(np.random.default_rng(4), Variation(phase=phase))
        for phase in ("none", "arterial")
    }


@pytest.fixture(scope="module")
def made(abdomens: dict[str, Abdomen]) -> dict[str, Insert]:
    return {
        name: make_morphology(name, abdomens["none"], np.random.default_rng(6))
        for name in MORPHOLOGIES
        if name != "curvilinear_septal"
    }


def test_every_morphology_that_ct_shows_can_be_made() -> None:
    only_ultrasound = {"pin", "equal_sign", "band", "lump"}
    assert set(MORPHOLOGIES) == {t.id for t in all_terms() if t.group == "morphology"} - only_ultrasound


def test_every_focus_lies_in_the_liver(made: dict[str, Insert], abdomens: dict[str, Abdomen]) -> None:
    liver = abdomens["none"].liver.shape
    for name, insert in made.items():
        for deposit in insert.deposits:
            low, high = deposit.shape.bounds()
            assert depth_at(liver, deposit.centre_lps_mm) > 0, name
            corners = np.array([low, high])
            assert np.ptp(corners, axis=0).max() < 80, name


def test_foci_say_what_they_are(made: dict[str, Insert]) -> None:
    for name, insert in made.items():
        assert insert.deposits
        for deposit in insert.deposits:
            assert deposit.kind == name
            assert deposit.morphology == name_by_size(name, deposit.diameter_mm)
            wanted = "vessel_wall_calcification" if name == "tram_track" else "calcification"
            assert deposit.label == wanted


def test_mass_is_volume_times_density(made: dict[str, Insert]) -> None:
    for insert in made.values():
        for deposit in insert.deposits:
            density = deposit.excess_hu / CALCIUM_HU_PER_MG_ML
            assert deposit.mass_mg == pytest.approx(deposit.volume_mm3 * density / 1000, rel=1e-3)


def test_calcium_weighs_what_the_scanner_says_at_120_kvp() -> None:
    assert Scanner(kvp=120.0).hu_per_mg_ml == pytest.approx(CALCIUM_HU_PER_MG_ML, rel=0.005)


def test_excess_and_size_are_those_asked_for(abdomens: dict[str, Abdomen]) -> None:
    for name in ("punctate", "nodular", "eggshell"):
        insert = make_morphology(
            name, abdomens["none"], np.random.default_rng(1), diameter_mm=12.0, excess_hu=333.0
        )
        (deposit,) = insert.deposits
        assert deposit.excess_hu == 333.0
        assert deposit.diameter_mm == pytest.approx(12.0, rel=0.01)


def test_excess_is_drawn_within_its_range(made: dict[str, Insert]) -> None:
    for name, insert in made.items():
        low, high = EXCESS_HU[name]
        assert all(low <= d.excess_hu <= high for d in insert.deposits), name


def test_a_measured_volume_is_promised_to_two_in_a_thousand(made: dict[str, Insert]) -> None:
    for insert in made.values():
        for deposit in insert.deposits:
            if isinstance(deposit.shape, Measured):
                assert deposit.shape.volume_error <= 2e-3


def test_the_same_seed_gives_the_same_calcium_and_another_seed_another(abdomens: dict[str, Abdomen]) -> None:
    for name in ("nodular", "granular", "beaded", "plaque"):
        one, two, other = (
            make_morphology(name, abdomens["none"], np.random.default_rng(seed)).deposits
            for seed in (3, 3, 4)
        )
        assert one == two
        assert one[0].centre_lps_mm != other[0].centre_lps_mm


def test_beads_are_apart_in_fluid_wider_than_they_are(made: dict[str, Insert]) -> None:
    insert = made["beaded"]
    assert insert.bodies
    beads = insert.deposits
    for first in beads:
        assert first.duct is not None
        assert first.duct.relation == "in_lumen"
        assert first.duct.calibre_mm > first.diameter_mm + 1.5
        for second in beads:
            if first is not second:
                apart = math.dist(first.centre_lps_mm, second.centre_lps_mm)
                assert apart > (first.diameter_mm + second.diameter_mm) / 2 + 0.5


def test_septa_reach_the_capsule(abdomens: dict[str, Abdomen]) -> None:
    abdomen = abdomens["none"]
    (network,) = make_morphology(
        "curvilinear_septal", abdomen, np.random.default_rng(2), diameter_mm=30.0
    ).deposits
    low, high = (np.array(c) for c in network.shape.bounds())
    points = low + (high - low) * np.random.default_rng(0).random((40_000, 3))
    calcium = depths(network.shape, points) > 0
    assert 0.02 < calcium.mean() < 0.5
    assert float(depths(abdomen.liver.shape, points[calcium]).min()) < 1.5


def test_an_unknown_name_is_refused_with_the_known_ones(abdomens: dict[str, Abdomen]) -> None:
    for make in (make_morphology, make_host, make_mimic):
        with pytest.raises(UsageError, match="choose one of"):
            make("marble", abdomens["none"], np.random.default_rng(0))


@pytest.mark.parametrize("kind", HOSTS)
def test_every_host_is_made_and_told(kind: str, abdomens: dict[str, Abdomen]) -> None:
    insert = make_host(kind, abdomens["none"], np.random.default_rng(2))
    (host,) = insert.hosts
    assert host.name == kind
    assert insert.bodies
    assert not insert.deposits
    if kind != "dilated_ducts":
        low, high = HOST_MM[kind]
        assert low <= host.diameter_mm <= high
        assert depth_at(abdomens["none"].liver.shape, host.centre_lps_mm) > 0


def test_a_mass_that_washes_out_is_bright_early_and_dark_plain(abdomens: dict[str, Abdomen]) -> None:
    plain, early = (
        make_host("mass_washout", abdomens[p], np.random.default_rng(2)).bodies[-1].hu
        - abdomens[p].tissues["liver"]
        for p in ("none", "arterial")
    )
    assert early > plain + 30


@pytest.mark.parametrize("name", MIMICS)
def test_every_mimic_is_labelled_as_what_it_is(name: str, abdomens: dict[str, Abdomen]) -> None:
    abdomen = abdomens["arterial"]
    insert = make_mimic(name, abdomen, np.random.default_rng(2))
    assert insert.mimics
    assert not insert.deposits
    for mimic in insert.mimics:
        assert mimic.label in LABELS
        assert mimic.label != "calcification"
        assert depth_at(abdomen.liver.shape, mimic.centre_lps_mm) > -60


def test_stones_lie_in_the_gallbladder(abdomens: dict[str, Abdomen]) -> None:
    abdomen = abdomens["none"]
    bladder = abdomen.liver.gallbladder
    assert bladder is not None
    for stone in make_mimic("gallstone", abdomen, np.random.default_rng(7)).mimics:
        assert depth_at(bladder, stone.centre_lps_mm) > stone.diameter_mm / 2


def test_spheres_of_a_set_are_apart_and_in_the_liver(abdomens: dict[str, Abdomen]) -> None:
    abdomen = abdomens["none"]
    spheres = make_sphere_set(abdomen, np.random.default_rng(1), 30).deposits
    assert len(spheres) > 15
    for number, one in enumerate(spheres):
        assert depth_at(abdomen.liver.shape, one.centre_lps_mm) > one.diameter_mm / 2
        for two in spheres[:number]:
            apart = math.dist(one.centre_lps_mm, two.centre_lps_mm)
            assert apart >= APART_MM + (one.diameter_mm + two.diameter_mm) / 2


def test_joined_inserts_count_on_hosts_groups_and_patterns(made: dict[str, Insert]) -> None:
    joined = join_inserts(made["rim"], made["beaded"], made["eggshell"], made["beaded"])
    rim, shell = joined.deposits[0], joined.deposits[1 + len(made["beaded"].deposits)]
    assert (rim.host, shell.host) == (0, 1)
    assert joined.hosts[shell.host].name == "cyst_walled"
    assert {d.group for d in joined.deposits} == {0, 1, 2}
    for pattern in joined.patterns:
        if pattern.id == "along_duct":
            assert len({joined.deposits[f].group for f in pattern.foci}) == 1
            assert all(joined.deposits[f].kind == "beaded" for f in pattern.foci)
