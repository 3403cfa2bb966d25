"""Where a focus lies: the likeliest segment and its probability, lobe, depth, portal branch."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.finding.test_ct import SHAPE, foci, focus, liver, volume

from hepalith.anatomy.segments import Segments
from hepalith.anatomy.vessels.kind import VesselBranch
from hepalith.anatomy.vessels.vessels import Vessels, no_vessels
from hepalith.calcification.focus import BESIDE_REASON
from hepalith.finding.place import find_places
from hepalith.geometry import Box, Grid
from hepalith.vocabulary import Measurement, NotAssessable


def segments(**shares: float) -> Segments:
    names = ("I", "II", "III", "IV", "V", "VI", "VII", "VIII")
    chance = np.array([shares.get(n, 0.0) for n in names], dtype=np.float32)
    table = np.broadcast_to(chance[:, None, None, None], (8, 2, 2, 2)).copy()
    affine = np.diag([100.0, 100.0, 100.0, 1.0])[[2, 1, 0, 3]]
    box = Box((0, 0, 0), SHAPE)
    return Segments(box, np.zeros(SHAPE, np.uint8), table, Grid((2, 2, 2), affine), assessable=True)


def portal_vein() -> Vessels:
    path = np.array([[30.0, 60, 40], [40.0, 60, 40]])
    branch = VesselBranch(path, np.array([3.0, 3.0]), "portal")
    return replace(no_vessels(volume(), liver(), ""), seen=True, branches=(branch,))


def test_the_likeliest_segment_and_its_lobe_are_told_with_their_probabilities():
    place = find_places(foci(focus(1)), liver(), segments(V=0.4, VIII=0.35, IV=0.25), portal_vein())[1]
    assert (place.segment, place.segment_probability) == ("V", pytest.approx(0.4))
    assert (place.lobe, place.lobe_probability) == ("right", pytest.approx(0.75))
    assert sum(place.segment_probabilities.values()) == pytest.approx(1.0)


def test_what_lies_beside_the_liver_is_in_no_segment():
    beside = replace(focus(1), beside_liver=True, lobe=None, capsule_distance=NotAssessable(BESIDE_REASON))
    place = find_places(foci(beside), liver(), segments(V=1.0), portal_vein())[1]
    assert (place.segment, place.lobe, place.reason) == (None, None, BESIDE_REASON)
    assert place.subcapsular_probability is None


def test_the_lobe_sums_segments_of_which_none_leads():
    place = find_places(foci(focus(1)), liver(), segments(V=0.36, II=0.34, III=0.30), portal_vein())[1]
    assert place.segment == "V"
    assert place.lobe == "left"


def test_the_distance_from_a_portal_branch_is_measured_from_its_wall():
    place = find_places(foci(focus(1, (50, 60, 40))), liver(), segments(V=1.0), portal_vein())[1]
    assert isinstance(place.periportal, Measurement)
    assert place.periportal.value == pytest.approx(7.0)
    inside = find_places(foci(focus(1, (41, 60, 40))), liver(), segments(V=1.0), portal_vein())[1]
    assert isinstance(inside.periportal, Measurement)
    assert inside.periportal.value == 0.0


def test_without_portal_branches_the_distance_is_not_assessable():
    unseen = no_vessels(volume(), liver(), "blood and liver measure alike")
    place = find_places(foci(focus(1)), liver(), segments(V=1.0), unseen)[1]
    assert place.periportal == NotAssessable("blood and liver measure alike")


def test_without_segments_the_outlines_lobe_stands_and_the_reason_is_kept():
    none = replace(segments(), assessable=False, reason="too little of the liver is in view to divide it")
    place = find_places(foci(focus(1, lobe="left")), liver(), none, portal_vein())[1]
    assert (place.lobe, place.segment) == ("left", None)
    assert "too little" in place.reason


def test_a_focus_at_the_capsule_is_likely_subcapsular():
    near = focus(1, capsule_distance=Measurement(1.0, "mm", 0.0, 2.0))
    far = focus(2, capsule_distance=Measurement(20.0, "mm", 19.0, 21.0))
    places = find_places(foci(near, far), liver(), segments(V=1.0), portal_vein())
    assert places[1].subcapsular_probability == pytest.approx(1.0, abs=0.01)
    assert places[2].subcapsular_probability == pytest.approx(0.0, abs=0.01)
