"""How foci lie to bile ducts, and the findings that follow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from tests.anatomy.made_ducts import SHAPE, Tube, distance_from, make_scan

from hepalith.anatomy.ducts.ducts import Ducts, find_ducts
from hepalith.anatomy.liver import Liver, Phase
from hepalith.anatomy.vessels.vessels import VesselBranch, Vessels
from hepalith.calcification.focus import Detectability, Foci, Focus
from hepalith.finding.duct.duct import DuctRelation, relate_to_ducts
from hepalith.finding.duct.findings import describe_ducts
from hepalith.finding.finding import Finding
from hepalith.geometry import Box
from hepalith.image.volume import Volume
from hepalith.vocabulary import Measurement, NotAssessable, State, load_vocabulary

PORTAL = Phase("portal", 0.95)
PLAIN = Phase("none", 0.95)
RUN = ((32.0, 48.0, 28.0), (32.0, 48.0, 84.0))
Place = tuple[float, float, float]


def stone(place: Place, diameter: float = 4.0, hu: float = 500.0) -> Tube:
    k, j, i = place
    return ((place, (k, j, i + 0.01)), diameter, hu)


def foci_at(volume: Volume, places: Sequence[Place], diameter: float = 4.0) -> Foci:
    labels = np.zeros(SHAPE, dtype=np.int32)
    found = []
    hu = Measurement(500.0, "[hnsf'U]")
    for number, place in enumerate(places, start=1):
        k, j, i = place
        labels[distance_from((place, (k, j, i + 0.01))) <= diameter / 2] = number
        x, y, z = (float(v) for v in volume.grid.to_lps(place))
        size = Measurement(diameter, "mm", diameter - 0.5, diameter + 0.5)
        none = NotAssessable("not measured here")
        found.append(
            Focus(
                number,
                "calcification",
                0.95,
                "",
                (x, y, z),
                none,
                False,
                size,
                hu,
                hu,
                hu,
                none,
                none,
                none,
                "nodular",
            )
        )
    nothing = Detectability(NotAssessable("made"), 250.0, "made")
    return Foci(tuple(found), Box((0, 0, 0), SHAPE), labels, nothing)


def related(
    tubes: Sequence[Tube],
    places: Sequence[Place],
    phase: Phase = PORTAL,
    vessels: Vessels | None = None,
    **kept: float,
) -> tuple[dict[int, DuctRelation], Ducts, Liver]:
    volume, liver = make_scan([*tubes, *(stone(p) for p in places)], **kept)
    ducts = find_ducts(volume, liver, vessels, phase)
    foci = foci_at(volume, places)
    return dict(relate_to_ducts(volume, liver, foci, ducts, vessels, phase)), ducts, liver


def portal_along(path: Sequence[Place]) -> Vessels:
    volume, _ = make_scan([])
    middle = volume.grid.to_lps(np.linspace(path[0], path[-1], 40))
    branch = VesselBranch(middle, np.full(len(middle), 4.0), "portal")
    labels = np.zeros(SHAPE, np.uint8)
    return Vessels(Box((0, 0, 0), SHAPE), labels, 170.0, seen=True, reason="", branches=(branch,))


def test_a_stone_in_a_dilated_duct_lies_in_its_lumen() -> None:
    found, ducts, _ = related([(RUN, 8.0, 8.0)], [(32.0, 48.0, 45.0)])
    relation = found[1]
    assert relation.relation == "in_lumen"
    assert relation.duct == ducts.dilated[0].id
    assert relation.dilated is State.PRESENT
    assert relation.bile_around is State.PRESENT
    assert isinstance(relation.calibre, Measurement)
    assert relation.calibre.value == pytest.approx(8.0, rel=0.3)


def test_a_focus_at_one_side_of_a_duct_lies_in_its_wall() -> None:
    found, _, _ = related([(RUN, 9.0, 8.0)], [(32.0, 42.5, 55.0)])
    assert found[1].relation == "in_wall"


def test_a_plate_in_the_wall_has_bile_on_its_inner_side_alone() -> None:
    found, _, _ = related([(RUN, 9.0, 8.0)], [(32.0, 41.5, 55.0)])
    assert found[1].bile_around is State.ABSENT
    assert found[1].relation == "in_wall"


def test_a_stone_at_the_end_of_a_dilated_duct_needs_less_bile_about_it() -> None:
    stub, liver = make_scan([(((32.0, 48.0, 28.0), (32.0, 48.0, 66.0)), 8.0, 8.0)])
    ducts = find_ducts(stub, liver, None, PORTAL)
    ends = stub.grid.to_index(ducts.dilated[0].path_lps_mm)[[0, -1]]
    k, j, i = (float(x) for x in ends[ends[:, 2].argmax()] + (0, 0, 8))
    volume, _ = make_scan([(((k, j, i - 1), (k, j, i + 1)), 9.0, 45.0), stone((k, j, i))])
    foci = foci_at(volume, [(k, j, i)])
    nothing = find_ducts(make_scan([])[0], liver, None, PORTAL)
    assert relate_to_ducts(volume, liver, foci, nothing, None, PORTAL)[1].relation != "in_lumen"
    assert relate_to_ducts(volume, liver, foci, ducts, None, PORTAL)[1].relation == "in_lumen"


def test_far_from_every_branch_that_is_seen_a_triad_is_not_excluded() -> None:
    found, _, _ = related([(RUN, 8.0, 170.0)], [(32.0, 76.0, 50.0)], vessels=portal_along(RUN))
    assert found[1].probabilities["along_portal_triad"] > 0.1


def test_a_row_of_stones_with_bile_about_them_lies_in_a_duct_that_is_not_seen() -> None:
    places = [(32.0, 48.0, 40.0), (32.0, 48.0, 49.0), (32.0, 48.0, 58.0)]
    halos: list[Tube] = [(((32.0, 48.0, i - 1), (32.0, 48.0, i + 1)), 8.5, 8.0) for _, _, i in places]
    found, ducts, _ = related(halos, places, PLAIN, liver_hu=24.0, noise_hu=14.0)
    assert not ducts.seen
    assert [r.relation for r in found.values()] == ["in_lumen"] * 3
    assert all(r.dilated is State.PRESENT for r in found.values())


def test_a_dark_rim_of_a_lone_focus_is_no_duct() -> None:
    halo: list[Tube] = [(((32.0, 48.0, 50.0), (32.0, 48.0, 50.1)), 12.0, 70.0)]
    found, _, _ = related(halo, [(32.0, 48.0, 50.0)])
    assert found[1].relation not in ("in_lumen", "in_wall")
    assert found[1].bile_around is State.ABSENT


def test_what_is_dark_about_foci_in_a_cyst_is_no_bile_of_a_duct() -> None:
    places = [(32.0, 48.0, 40.0), (32.0, 48.0, 49.0), (32.0, 48.0, 58.0)]
    halos: list[Tube] = [(((32.0, 48.0, i - 1), (32.0, 48.0, i + 1)), 8.5, 8.0) for _, _, i in places]
    volume, liver = make_scan([*halos, *(stone(p) for p in places)], liver_hu=24.0, noise_hu=14.0)
    ducts, foci = find_ducts(volume, liver, None, PLAIN), foci_at(volume, places)
    held = relate_to_ducts(volume, liver, foci, ducts, None, PLAIN, in_lesion=dict.fromkeys((1, 2, 3), 0.9))
    assert not ducts.seen
    assert all(r.relation not in ("in_lumen", "in_wall") for r in held.values())
    assert all(r.dilated is not State.PRESENT for r in held.values())


def test_fluid_about_a_lone_focus_with_no_duct_beyond_is_a_cyst_as_likely_as_a_duct() -> None:
    cyst: list[Tube] = [(((32.0, 48.0, 49.0), (32.0, 48.0, 51.0)), 14.0, 5.0)]
    found, ducts, _ = related(cyst, [(32.0, 48.0, 50.0)])
    assert not ducts.seen
    assert found[1].relation not in ("in_lumen", "in_wall")
    assert found[1].bile_around is State.ABSENT


def test_beside_a_portal_branch_it_lies_along_the_triad_and_far_from_it_apart() -> None:
    vessels = portal_along(RUN)
    found, _, _ = related([(RUN, 8.0, 170.0)], [(32.0, 55.0, 50.0), (32.0, 76.0, 50.0)], vessels=vessels)
    assert found[1].relation == "along_portal_triad"
    assert found[2].relation == "apart"
    for relation in found.values():
        assert sum(relation.probabilities.values()) == pytest.approx(1.0)


def test_unenhanced_and_without_dilated_ducts_the_relation_is_not_assessable() -> None:
    found, _, _ = related([], [(32.0, 48.0, 50.0)], PLAIN, liver_hu=60.0)
    assert found[1].relation == "not_assessable"
    assert "portal" in found[1].reason


def test_what_is_no_calcium_is_not_related() -> None:
    volume, liver = make_scan([stone((32.0, 48.0, 50.0))])
    foci = foci_at(volume, [(32.0, 48.0, 50.0)])
    foci = replace(foci, foci=tuple(replace(f, label="clip_or_coil") for f in foci.foci))
    ducts = find_ducts(volume, liver, None, PORTAL)
    assert relate_to_ducts(volume, liver, foci, ducts, None, PORTAL)[1].relation == "not_assessable"


def test_dilatation_beyond_stones_is_upstream_of_all_of_them() -> None:
    found, ducts, _ = related([(RUN, 8.0, 8.0)], [(32.0, 48.0, 32.0), (32.0, 48.0, 42.0)])
    inner_first = ducts.ducts[0].path_lps_mm[0][0] < ducts.ducts[0].path_lps_mm[-1][0]
    assert {r.side for r in found.values()} == ({"upstream"} if inner_first else {"downstream"})


def read(found: dict[int, DuctRelation], ducts: Ducts, phase: Phase = PORTAL) -> dict[str, Finding]:
    return {f.id: f for f in describe_ducts(ducts, found, phase)}


def test_findings_of_a_dilated_duct_with_a_stone() -> None:
    found, ducts, _ = related([(RUN, 8.0, 8.0)], [(32.0, 48.0, 45.0)])
    findings = read(found, ducts)
    assert findings["dilated_ducts"].state is State.PRESENT
    assert findings["duct_relation"].value == "in_lumen"
    assert findings["bile_around_focus"].state is State.PRESENT
    assert findings["duct_stricture"].state is State.PRESENT
    assert findings["duct_gas"].state is State.ABSENT
    assert findings["lobar_atrophy"].state is State.UNKNOWN
    terms = load_vocabulary()
    for finding in findings.values():
        assert terms[finding.id].group == "finding"
        assert finding.reason if finding.state is State.NOT_ASSESSABLE else True


def test_findings_of_a_healthy_liver() -> None:
    found, ducts, _ = related([], [])
    findings = read(found, ducts)
    assert findings["dilated_ducts"].state is State.ABSENT
    assert findings["duct_relation"].state is State.NOT_ASSESSABLE
    assert findings["duct_wall_thickening"].state is State.NOT_ASSESSABLE


def test_in_a_fatty_liver_dilatation_is_not_assessable() -> None:
    found, ducts, _ = related([], [], PLAIN, liver_hu=12.0)
    findings = read(found, ducts, PLAIN)
    assert findings["dilated_ducts"].state is State.NOT_ASSESSABLE
    assert findings["duct_stricture"].state is State.NOT_ASSESSABLE


def test_an_enhanced_wall_is_thickened() -> None:
    walled: list[Tube] = [(RUN, 12.0, 150.0), (RUN, 6.0, 8.0)]
    found, ducts, _ = related(walled, [])
    assert read(found, ducts)["duct_wall_thickening"].state is State.PRESENT
    found, ducts, _ = related([(RUN, 6.0, 8.0)], [])
    assert read(found, ducts)["duct_wall_thickening"].state is State.ABSENT
