"""The whole cases of the source article: each holds what its rows say, inside the liver."""

from __future__ import annotations

import numpy as np
import pytest

from hepalith.errors import UsageError
from hepalith.phantom.body.abdomen import Abdomen, make_abdomen
from hepalith.phantom.body.variation import Variation, draw_variation
from hepalith.phantom.cases.case import LEFT, RIGHT, segment_at
from hepalith.phantom.cases.catalogue import CASES, case_variation, make_case
from hepalith.phantom.insert import Insert
from hepalith.vocabulary import term

QUICK = tuple(c for c in CASES if c not in {"schistosomiasis", "hepatoblastoma", "metastasis_osteosarcoma"})
"""Cases made within about two seconds."""


@pytest.fixture(scope="module")
def patient() -> Abdomen:
    """An ordinary adult."""
    return make_abdomen(np.random.default_rng([1, 0]), Variation(phase="portal"))


def lay(name: str, patient: Abdomen, seed: int = 0) -> Insert:
    """Return a case in a patient."""
    return make_case(name, patient, np.random.default_rng([seed, 9]))


def check_is_sound(insert: Insert, patient: Abdomen) -> None:
    """Hold an insert to what every case promises."""
    liver = patient.liver.shape
    for deposit in insert.deposits:
        assert liver.at(deposit.centre_lps_mm) < 0.5
        assert deposit.volume_mm3 > 0
        assert -1 <= deposit.host < len(insert.hosts)
        if deposit.host >= 0:
            host = insert.hosts[deposit.host]
            away = np.subtract(deposit.centre_lps_mm, host.centre_lps_mm)
            assert float(np.sqrt((away**2).sum())) < host.diameter_mm / 2 + 2
    for pattern in insert.patterns:
        assert all(0 <= f < len(insert.deposits) for f in pattern.foci)
        assert pattern.foci
    assert any("follows S" in note for note in insert.notes)


@pytest.mark.parametrize("name", QUICK)
def test_a_case_lies_in_the_liver_and_says_what_it_follows(name: str, patient: Abdomen) -> None:
    insert = lay(name, patient)
    check_is_sound(insert, patient)
    assert term(insert.diagnosis).group == "diagnosis"


@pytest.mark.slow
@pytest.mark.parametrize("name", [c for c in CASES if c not in QUICK])
def test_a_large_case_lies_in_the_liver_and_says_what_it_follows(name: str) -> None:
    random = np.random.default_rng([3, 9])
    patient = make_abdomen(random, draw_variation(random, **case_variation(name, random)))
    check_is_sound(make_case(name, patient, random), patient)


def test_a_healthy_livers_one_focus_is_alone_and_mostly_on_the_right(patient: Abdomen) -> None:
    found = [lay("healthy_one_focus", patient, seed) for seed in range(24)]
    assert all(len(i.deposits) == 1 and not i.hosts and i.deposits[0].duct is None for i in found)
    right = sum(segment_at(patient, i.deposits[0].centre_lps_mm) in RIGHT for i in found)
    assert 12 <= right < 24


def test_stones_lie_in_a_dilated_duct_mostly_of_the_left_liver(patient: Abdomen) -> None:
    found = [lay("stones", patient, seed) for seed in range(6)]
    for insert in found:
        assert len(insert.deposits) >= 2
        for stone in insert.deposits:
            assert stone.duct is not None
            assert stone.duct.relation == "in_lumen"
            assert stone.duct.calibre_mm > 0.65 * stone.diameter_mm + 2
    left = sum(segment_at(patient, i.deposits[0].centre_lps_mm) in LEFT for i in found)
    assert left >= 3


def test_tuberculosis_lies_in_both_lobes_and_measures_eight_to_twelve_mm(patient: Abdomen) -> None:
    foci = [d for seed in range(3) for d in lay("tuberculosis", patient, seed).deposits]
    sizes = np.array([d.diameter_mm for d in foci])
    assert np.mean((sizes > 7) & (sizes < 13)) > 0.65
    left = np.mean([segment_at(patient, d.centre_lps_mm) in LEFT for d in foci])
    assert 0.15 < left < 0.6


def test_large_metastases_hold_calcium_more_often_than_small_ones(patient: Abdomen) -> None:
    held: dict[bool, list[bool]] = {True: [], False: []}
    for seed in range(5):
        for host in lay("metastasis_other", patient, seed).hosts:
            held[host.diameter_mm > 30].append(host.position != "")
    assert np.mean(held[True]) > np.mean(held[False]) + 0.2


def test_a_hydatid_cyst_is_calcified_the_more_the_later_its_stage(patient: Abdomen) -> None:
    share = {
        stage: np.mean([bool(lay(f"hydatid_{stage}", patient, seed).deposits) for seed in range(8)])
        for stage in ("ce1", "ce5")
    }
    assert share["ce5"] == 1.0
    assert share["ce1"] < 0.95
    assert "daughter_cysts" in lay("hydatid_ce2", patient).hosts[0].features
    assert lay("hydatid_ce4", patient).hosts[0].kind == "mixed"


def test_the_same_seed_gives_the_same_case(patient: Abdomen) -> None:
    first, second = lay("tuberculosis", patient, 5), lay("tuberculosis", patient, 5)
    assert [d.centre_lps_mm for d in first.deposits] == [d.centre_lps_mm for d in second.deposits]
    assert first.hosts == second.hosts


def test_patients_suit_their_case() -> None:
    random = np.random.default_rng(0)
    assert case_variation("hepatoblastoma", random)["scale"] < 0.75
    assert 14 <= case_variation("fibrolamellar", random)["age_years"] <= 35
    shrunk = [case_variation("stones", random)["atrophy"] for _ in range(60)]
    assert 10 < sum(bool(a) for a in shrunk) < 50


def test_an_unknown_case_is_refused_with_the_known_ones(patient: Abdomen) -> None:
    with pytest.raises(UsageError, match="healthy_one_focus"):
        lay("gout", patient)
