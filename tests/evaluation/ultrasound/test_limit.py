"""The physical limit of grading shadows: known where the answer is known on paper."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hepalith.evaluation.ultrasound.limit import shadow_limit
from hepalith.evaluation.ultrasound.record import CallRecord, SonoRecord, TruthRecord


def record(
    drop_db: float, speckle_db: float, *, grade: str = "faint", borderline: bool = False
) -> SonoRecord:
    true = TruthRecord(
        1, "calcification", "nodular", 4.0, 4.0, 6.0, visible=True, depth_share=0.5, shadow=grade,
        borderline=borderline, drop_db=drop_db, speckle_db=speckle_db, call=1,
    )  # fmt: skip
    call = CallRecord(1, "calcification", counted=True, probability=0.9, centre_px=(0, 0), morphology="pin",
                      shadow="faint", truly="focus", truth=1)  # fmt: skip
    return SonoRecord("k", 1, "development", "phantoms", "f", "c", true=(true,), calls=(call,))


def test_a_loss_on_the_border_is_graded_rightly_half_of_the_time() -> None:
    assert shadow_limit([record(2.5, 0.5)])[0] == pytest.approx(0.5, abs=1e-6)


def test_a_loss_one_deviation_from_the_border_is_graded_rightly_in_five_of_six() -> None:
    assert shadow_limit([record(10.0, 1.0, grade="clean")])[0] == pytest.approx(0.8413, abs=1e-3)


def test_who_knows_less_grades_fewer_rightly() -> None:
    one = [record(7.5, 1.0)]
    assert shadow_limit(one, told=False)[0] < shadow_limit(one)[0] < 1.0


def test_what_cannot_be_assessed_or_has_no_known_speckle_is_left_out() -> None:
    one = record(7.5, 1.0)
    hidden = replace(one, true=(replace(one.true[0], assessable=False),))
    assert shadow_limit([one, hidden, record(7.5, 0.0), record(7.5, 1.0, grade="dirty")])[1] == 1
    assert shadow_limit([record(7.5, 1.0, borderline=True)], borderline=False)[1] == 0
