"""What a history leads one to expect changes what a bright thing is called, and nothing else does."""

from __future__ import annotations

from tests.calcification.mimic.test_judge import CALCIUM

from hepalith.calcification.mimic.history import EXPECTED, expect_materials
from hepalith.calcification.mimic.judge import LABELS, judge
from hepalith.study.patient import Patient
from hepalith.vocabulary import load_vocabulary


def test_every_entry_and_label_is_a_known_one() -> None:
    history = {term.id for term in load_vocabulary().of_group("history")}
    assert set(EXPECTED) <= history
    assert {label for materials in EXPECTED.values() for label in materials} <= set(LABELS)


def test_after_chemoembolisation_lipiodol_gains_on_calcium() -> None:
    expected = expect_materials(Patient(history={"tace": True}))
    before, after = judge(CALCIUM).probabilities, judge(CALCIUM, expected).probabilities
    assert after["lipiodol"] / after["calcification"] > 20 * before["lipiodol"] / before["calcification"]


def test_without_a_gallbladder_there_is_no_gallstone() -> None:
    expected = expect_materials(Patient(history={"cholecystectomy": True}))
    assert expected["gallstone"] < 0 < expected["clip_or_coil"]


def test_a_procedure_that_is_denied_counts_only_when_all_that_leave_the_material_are() -> None:
    assert expect_materials(Patient(history={"tace": False})) == {"lipiodol": -2.0}
    denied = expect_materials(Patient(history=dict.fromkeys(EXPECTED, False)))
    assert set(denied) == {"lipiodol", "clip_or_coil", "stent_or_catheter", "glue"}


def test_what_is_unknown_says_nothing() -> None:
    assert judge(CALCIUM, expect_materials(Patient())) == judge(CALCIUM)
