"""The contrast phase follows aorta and liver."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.anatomy.made_body import make_trunk

from hepalith.anatomy.coarse import Coarse
from hepalith.anatomy.find import given_liver
from hepalith.anatomy.organs import CLASSES, Organs
from hepalith.anatomy.phase import estimate_phase, measure_aorta, measure_flank, measure_liver
from hepalith.study.acquisition import Acquisition

PHASES = {"none": (55, 43), "arterial": (78, 320), "portal": (115, 160), "delayed": (92, 108)}


@pytest.mark.parametrize("label", PHASES)
def test_each_phase_is_told(label):
    liver_hu, aorta_hu = PHASES[label]
    trunk = make_trunk(liver_hu=liver_hu, aorta_hu=aorta_hu)
    liver = given_liver(trunk.volume, trunk.liver)
    assert measure_aorta(trunk.volume, liver) == pytest.approx(aorta_hu, abs=12)
    assert measure_liver(trunk.volume, liver) == pytest.approx(liver_hu, abs=3)
    phase = estimate_phase(trunk.volume, liver, Acquisition())
    assert phase.label == label
    assert 0.5 <= phase.probability <= 1


@pytest.mark.parametrize("kidney_hu", [32, 150])
def test_the_kidneys_tell_whether_contrast_was_given_where_the_aorta_is_in_between(kidney_hu):
    trunk = make_trunk(liver_hu=68, aorta_hu=72, kidney_hu=kidney_hu)
    liver = given_liver(trunk.volume, trunk.liver)
    # Without contrast the spleen, 48 HU, is the brighter of the two; slabs beside a kidney's
    # poles or the ends of its disc lower what is read by fat.
    read = measure_flank(trunk.volume, liver)
    assert read > 100 if kidney_hu > 100 else read == pytest.approx(48, abs=15)
    phase = estimate_phase(trunk.volume, liver, Acquisition())
    assert (phase.label == "none") == (kidney_hu < 100)


def test_an_aorta_of_the_network_that_reaches_into_the_vertebra_is_no_marrow():
    trunk = make_trunk(aorta_hu=45)
    liver = given_liver(trunk.volume, trunk.liver)
    coarse = Coarse(np.zeros(trunk.volume.hu.shape, np.float32), (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    probability = np.zeros((len(CLASSES), *trunk.volume.hu.shape), np.float32)
    columns, rows = slice(80, 100), slice(70, 100)  # aorta at (94, 78), vertebra at (85, 95)
    probability[CLASSES.index("aorta"), :, rows, columns] = 0.9
    wide = replace(liver, organs=Organs(coarse, probability))
    assert measure_aorta(trunk.volume, wide) == pytest.approx(45, abs=12)


def test_what_fits_no_phase_is_unknown():
    trunk = make_trunk(liver_hu=200, aorta_hu=45)
    phase = estimate_phase(trunk.volume, given_liver(trunk.volume, trunk.liver), Acquisition())
    assert phase.label == "unknown"


def test_a_contrast_agent_in_the_header_speaks_against_an_unenhanced_scan():
    trunk = make_trunk(liver_hu=66, aorta_hu=60)
    liver = given_liver(trunk.volume, trunk.liver)
    bare = estimate_phase(trunk.volume, liver, Acquisition())
    told = estimate_phase(trunk.volume, liver, Acquisition(contrast_agent="IOHEXOL"))
    assert bare.label == "none"
    assert told.label != "none" or told.probability < bare.probability


def test_no_liver_has_no_phase():
    trunk = make_trunk()
    nothing = given_liver(trunk.volume, np.zeros_like(trunk.liver))
    assert estimate_phase(trunk.volume, nothing, Acquisition()).label == "unknown"
