"""A closed shell is no tube; a wall about blood stays an aneurysm."""

from __future__ import annotations

import dataclasses

import pytest
from tests.calcification.mimic.bodies import CALCIUM, COMPACT

from hepalith.calcification.form.form import Form
from hepalith.calcification.mimic.appearance import Appearance, Words
from hepalith.calcification.mimic.arbiter import arbitrate
from hepalith.calcification.mimic.company import ALONE
from hepalith.calcification.mimic.judge import judge
from hepalith.calcification.mimic.vessel_wall import judge_vessel_wall

NO_FORM: dict[str, float] = {field.name: 0 for field in dataclasses.fields(Form)}
HOLLOW = dataclasses.replace(
    COMPACT, lengths_mm=(5.3, 5.1, 5.0), elongation=1.04, fill=0.3, hollow=0.4, blurs=9.0
)
AT_HILUM = dataclasses.replace(ALONE, depth_mm=1.0, at_hilum=1.0)


def shell(residual: float, **change: object) -> Appearance:
    """Return a hollow body 18 mm across that leaves a sphere by a share of its radius."""
    form = Form(**{**NO_FORM, "shell_residual": residual, "shell_cover": 0.8, "shell_empty": 1.0})  # type: ignore[arg-type]
    words = Words("tram_track", {"tram_track": 0.5, "rim": 0.5}, form)
    made: dict[str, object] = {
        "shape": HOLLOW,
        "words": words,
        "peak_hu": 290.0,
        "peak_excess_hu": 220.0,
        **change,
    }
    return dataclasses.replace(CALCIUM, **made)  # type: ignore[arg-type]


def test_a_closed_shell_is_no_tube_and_an_open_one_may_be() -> None:
    assert judge_vessel_wall(shell(0.08)) == []
    assert judge(shell(0.08)).label == "calcification"
    (vote,) = judge_vessel_wall(shell(0.30))
    assert "wall of a tube" in vote.reason


def test_a_long_wall_is_a_tube_however_well_a_sphere_fits() -> None:
    drawn = dataclasses.replace(HOLLOW, elongation=1.7)
    assert judge_vessel_wall(shell(0.08, shape=drawn))


@pytest.mark.parametrize(("inside", "weight"), [(0.2, 6.0), (0.7, 3.5)])
def test_at_the_hilum_a_shell_in_the_liver_is_less_a_vessels_than_one_beside_it(
    inside: float, weight: float
) -> None:
    (vote,) = judge_vessel_wall(shell(0.08, company=AT_HILUM, inside_share=inside, liver_about=0.6))
    assert (vote.weight > 5.0) == (weight > 5.0)
    assert vote.label == "vessel_wall_calcification"


def test_a_shell_about_blood_is_an_aneurysm_though_closed() -> None:
    about_blood = dataclasses.replace(ALONE, held_hu=290.0)
    seen = shell(
        0.08, company=about_blood, enhanced=0.98, blood_hu=300.0, peak_hu=600.0, peak_excess_hu=530.0
    )
    assert any("about blood" in vote.reason for vote in judge_vessel_wall(seen))


def test_the_arbiter_does_not_make_a_tube_of_a_closed_shell() -> None:
    said = arbitrate(shell(0.08)).probabilities
    assert said["vessel_wall_calcification"] < 0.2 < said["calcification"]
