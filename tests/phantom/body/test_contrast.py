from __future__ import annotations

import numpy as np
import pytest

from hepalith.phantom.body.contrast import FAT_FRACTION_HU, PLAIN, make_tissues
from hepalith.phantom.body.variation import PHASES, Variation


def test_without_contrast_a_plain_patient_has_the_middle_of_every_range_within_its_spread():
    for seed in range(5):
        tissues = make_tissues(Variation(), np.random.default_rng(seed))
        for name, (middle, half) in PLAIN.items():
            assert abs(tissues[name] - middle) <= half + 1e-3, name


def test_fat_darkens_the_liver_alone():
    plain, fatty = make_tissues(Variation()), make_tissues(Variation(steatosis=0.25))
    assert plain["liver"] - fatty["liver"] == pytest.approx(0.25 * FAT_FRACTION_HU, abs=0.01)
    assert {n for n in plain if plain[n] != fatty[n]} == {"liver"}


def test_iron_or_amiodarone_brightens_the_liver():
    assert make_tissues(Variation(liver_shift_hu=30.0))["liver"] > 80


@pytest.mark.parametrize("seed", range(4))
def test_phases_follow_the_blood(seed: int):
    by_phase = {p: make_tissues(Variation(phase=p), np.random.default_rng(seed)) for p in PHASES}
    arterial, portal, delayed = (by_phase[p] for p in PHASES[1:])
    assert arterial["aorta"] > portal["aorta"] > delayed["aorta"] > by_phase["none"]["aorta"]
    assert portal["liver"] > delayed["liver"] > arterial["liver"] > by_phase["none"]["liver"]
    assert portal["portal_vein"] > portal["liver"] > portal["low_cava"] - 20
    assert arterial["low_cava"] < arterial["vena_cava"] < arterial["aorta"]
    assert arterial["renal_cortex"] > arterial["renal_medulla"] + 60
    assert arterial.spleen_mottle_hu > 5 > portal.spleen_mottle_hu
    assert delayed["renal_pelvis"] > 150


def test_a_lower_tube_voltage_brightens_contrast_and_bone_but_hardly_plain_tissue():
    usual = make_tissues(Variation(phase="portal"), np.random.default_rng(1))
    low = make_tissues(Variation(phase="portal"), np.random.default_rng(1), iodine_gain=1.6)
    assert low["aorta"] > usual["aorta"] + 40
    assert low["muscle"] == pytest.approx(usual["muscle"], abs=12)
    assert low["fat"] < usual["fat"]
    assert low["cortical_bone"] > 1.2 * usual["cortical_bone"]
