"""How the set of company is counted: mimics by name, calcium taken for them, studies by their kind."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.evaluation.made_records import body, study, true

from hepalith.evaluation.company import calcium_called_mimic, mimic_rows, studies_right, tell_company
from hepalith.evaluation.record import StudyRecord, TrueRecord
from hepalith.evaluation.run import Order
from hepalith.evaluation.study_set import plan_of
from hepalith.phantom.body.abdomen import make_abdomen
from hepalith.phantom.body.variation import Variation
from hepalith.phantom.cases.company import COMPANY, make_ducted
from hepalith.phantom.contents.site import depth_at


def mimic(number: int, label: str, named: str, depth_mm: float) -> TrueRecord:
    """Return a mimic that was named so; ``""`` where nothing was found on it."""
    plain = true(number, found=False)
    return replace(plain, kind=label, label=label, named=named, depth_mm=depth_mm, cluster=-1)


def one_study() -> StudyRecord:
    """Return a study of a stent in three pieces, a rib outside, and calcium of which one is called a clip."""
    foci = (true(1), replace(true(2, found=False), named="clip_or_coil"), true(3, found=False))
    on_stent = (
        replace(body(2, None), label="stent_or_catheter", truly="stent_or_catheter"),
        replace(body(3, None), label="calcification", truly="stent_or_catheter"),
    )
    pieces = (
        mimic(1, "stent_or_catheter", "stent_or_catheter", 5.0),
        mimic(2, "stent_or_catheter", "", 5.0),
        mimic(3, "stent_or_catheter", "", -9.0),
        mimic(4, "bone_or_cartilage", "", -3.0),
    )
    record = study(5, foci, (body(1, foci[0]), *on_stent))
    reading = replace(record.readings[0], mimics=pieces)
    return replace(record, kind="mimic_stent", phase="portal", readings=(reading,))


def test_a_mimic_outside_the_liver_that_raises_no_call_is_no_miss_and_no_calcification() -> None:
    bone = mimic_rows([one_study()], lambda m: m.label)[0]
    assert bone[:4] == ["bone_or_cartilage", "1", "1", "0"]
    assert bone[4] == "none"  # nothing was found on it, so nothing was named
    assert bone[5].startswith("1/1")
    assert bone[6] == "none"


def test_a_piece_in_the_liver_that_is_not_found_is_missed_and_a_fragment_called_calcium_counts() -> None:
    stent = mimic_rows([one_study()], lambda m: m.label)[1]
    assert stent[:4] == ["stent_or_catheter", "1", "3", "1"]
    assert stent[4].startswith("1/1")
    assert stent[5].startswith("3/3")
    assert stent[6].startswith("1/2")
    assert stent[7] == "1.00"
    assert studies_right([one_study()]) == [
        ["stent_or_catheter", "0/1 = 0.00 (0.00 to 0.79)", "0/1 = 0.00 (0.00 to 0.79)"]
    ]


def test_calcium_that_bears_the_name_of_a_mimic_is_counted_among_what_was_seen() -> None:
    assert str(calcium_called_mimic([one_study()])).startswith("1/2")


def test_the_page_tells_of_every_part_and_of_an_empty_set_of_kinds() -> None:
    page = tell_company([one_study()])
    assert "seeds 5 to 5" in page
    assert "| beside mimics | 3 | 2 | 1/2" in page


def test_an_order_of_some_kinds_holds_their_seeds_alone() -> None:
    order = Order("company", count=2 * len(COMPANY), first=90, kinds=("mimic_stent", "duct_apart"))
    plan = plan_of("company")
    assert [plan.kind_of(s) for s in order.seeds] == ["mimic_stent", "duct_apart"] * 2


@pytest.mark.parametrize("relation", ["along_portal_triad", "apart"])
def test_a_focus_lies_to_the_portal_branches_as_its_truth_says(relation: str) -> None:
    abdomen = make_abdomen(np.random.default_rng(3), Variation())
    name = "duct_along_triad" if relation == "along_portal_triad" else "duct_apart"
    made = make_ducted(name, abdomen, np.random.default_rng(4))
    tubes = [b.tube() for b in abdomen.liver.portal.branches if max(b.radii_mm) >= 1.0]
    for focus in made.deposits:
        assert focus.duct is not None
        assert focus.duct.relation == relation
        away = min(-depth_at(t, focus.centre_lps_mm) for t in tubes)
        assert away < 3.2 if relation == "along_portal_triad" else away > 9.0
