"""What shines and is no focus of the liver is named, with its reason."""

from __future__ import annotations

import math

import pytest
from tests.calcification.ultrasound.made_sonogram import Made

from hepalith.anatomy.ultrasound.sonogram import BrightLine, DarkBody
from hepalith.calcification.echo import COUNTED, Echo
from hepalith.calcification.ultrasound.find import find_echoes, see_bodies
from hepalith.calcification.ultrasound.judge import judge_echo
from hepalith.calcification.ultrasound.mimic import MIMICS, PRIORS
from hepalith.calcification.ultrasound.scale import find_scales
from hepalith.vocabulary import all_terms


def called(made: Made, sample: int, line: int) -> Echo | None:
    """Return the echo whose box holds a place, or none."""
    for echo in find_echoes(*made.look()).echoes:
        x0, y0, x1, y1 = echo.observation.bbox_px
        if x0 - 2 <= line <= x1 + 2 and y0 - 2 <= sample <= y1 + 2:
            return echo
    return None


def with_line(made: Made, kind: str, rows: slice) -> Made:
    made.line[rows] = 1
    made.lines = [BrightLine(1, kind, {kind: 1.0}, 220.0, 8.0)]
    return made


def stone_in(kind: str) -> Made:
    """Return a shadowing body in a dark body of some kind."""
    made = Made(5)
    made.dark[170:214, 70:150] = 1
    made.bodies = [DarkBody(1, kind, {kind: 1.0}, (192, 110), 3000.0, 40.0, 80.0, 1.0, 0.0, 1.0)]
    made.dark[186:214, 96:124] = 0
    return made.put(200, 110, 24, 26, 26).shade(206, 110, 26, 20)


def test_the_diaphragm_is_no_focus_and_is_named_by_its_line() -> None:
    made = with_line(Made(3).put(300, 110, 10, 400, 24), "diaphragm", slice(294, 307))
    echo = called(made, 300, 110)
    assert echo is None or echo.label == "diaphragm"
    assert echo is None or "diaphragm" in echo.reason


def test_a_stone_in_the_gallbladder_is_a_gallstone_and_in_the_liver_calcification() -> None:
    inside, apart = called(stone_in("gallbladder"), 200, 110), called(stone_in("unknown"), 200, 110)
    assert inside is not None
    assert inside.label == "gallstone"
    assert apart is not None
    assert apart.label in COUNTED


def test_a_fissure_known_as_one_is_no_focus() -> None:
    made = with_line(Made(3).put(120, 110, 6, 60, 20), "ligament_or_fissure", slice(116, 125))
    echo = called(made, 120, 110)
    assert echo is None or echo.label not in COUNTED


@pytest.mark.parametrize("seed", range(3))
def test_the_wall_of_a_tube_without_a_shadow_is_no_focus(seed: int) -> None:
    made = Made(seed).put(200, 110, 4, 60, 16)
    made.dark[204:222, 60:160] = 1
    made.bodies = [DarkBody(1, "vessel", {"vessel": 1.0}, (213, 110), 1800.0, 18.0, 100.0, 2.0, 0.0, 1.0)]
    echo = called(made, 200, 110)
    assert echo is None or echo.label not in COUNTED


def test_every_name_is_in_the_vocabulary_and_every_judge_says_why() -> None:
    known = {term.id for term in all_terms()}
    assert known >= set(PRIORS) | set(COUNTED)
    levels, picture, sonogram = stone_in("gallbladder").look()
    for sight in see_bodies(levels, picture, sonogram, find_scales(levels, picture, sonogram)):
        for ask in MIMICS:
            for vote in ask(sight):
                assert vote.label in PRIORS
                assert vote.reason
                assert math.isfinite(vote.weight)


def test_probabilities_of_labels_add_up() -> None:
    levels, picture, sonogram = stone_in("unknown").look()
    seen = see_bodies(levels, picture, sonogram, find_scales(levels, picture, sonogram))
    verdicts = [v for v in map(judge_echo, seen) if v is not None]
    assert verdicts
    for verdict in verdicts:
        assert sum(verdict.probabilities.values()) == pytest.approx(1.0)
        assert verdict.reason
