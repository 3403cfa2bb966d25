from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

from hepalith.calcification.echo import Observation, Shadow
from hepalith.calcification.focus import Focus
from hepalith.errors import UnreadableFileError
from hepalith.evaluation.lines import to_line
from hepalith.evaluation.record import Range
from hepalith.evaluation.ultrasound.measure import (
    cases_of,
    duct_pairs,
    false_calls,
    found_share,
    mimic_names,
    operating_points,
    shadow_pairs,
    size_errors,
    stone_area,
    stone_scores,
)
from hepalith.evaluation.ultrasound.record import (
    CallRecord,
    SonoRecord,
    TruthRecord,
    load_sono_records,
)
from hepalith.evaluation.ultrasound.scoring import score_sonogram
from hepalith.evaluation.ultrasound.summary import summarise_sonograms
from hepalith.phantom.ultrasound.truth import ShadowTruth, SonoFocus
from hepalith.vocabulary import NotAssessable

NONE = NotAssessable("not in this test")


def call(
    number: int, x: float, y: float, label: str = "calcification", *, half: float = 4, frame: int = 0
) -> Focus:
    """Return a found focus."""
    seen = Observation("us_1", frame, 0, (x - half, y - half, x + half, y + half), (x, y))
    return Focus(
        id=number, label=label, probability=0.8, reason="", centroid_lps_mm=None, volume=NONE,
        volume_limited_by_resolution=False, diameter=NONE, background_hu=NONE, mean_hu=NONE, peak_hu=NONE,
        integrated_excess=NONE, mass=NONE, score_agatston_convention=NONE, morphology="nodular",
        shadow=Shadow("clean", NONE), observations=(seen,),
    )  # fmt: skip


def body(number: int, x: float, y: float, half: float = 4, label: str = "calcification") -> SonoFocus:
    """Return a true body in one frame."""
    shadow = ShadowTruth("clean", 12.0, 12.0, 0.7)
    box = (x - half, y - half, x + half, y + half)
    return SonoFocus(number, label, "nodular", ((x, y),), (box,), 60.0, 4.0, 4.0, 6.0, True, shadow)


def true(number: int, call_id: int = 0, **changes: object) -> TruthRecord:
    """Return a true focus as it is kept."""
    plain = TruthRecord(
        id=number, label="calcification", morphology="nodular", diameter_mm=5.0, width_mm=4.0,
        contrast_sd=6.0, visible=True, depth_share=0.5, shadow="clean", duct="apart", call=call_id,
        named="calcification" if call_id else "",
    )  # fmt: skip
    return replace(plain, **changes)  # type: ignore[arg-type]


def called(number: int, truth: int = 0, **changes: object) -> CallRecord:
    """Return a call as it is kept."""
    plain = CallRecord(
        id=number, label="calcification", counted=True, probability=0.8, centre_px=(0.0, 0.0),
        morphology="nodular", shadow="clean", duct="apart",
        truly="focus" if truth else "nothing", truth=truth,
        diameter=Range(5.5, 4.5, 6.5),
    )  # fmt: skip
    return replace(plain, **changes)  # type: ignore[arg-type]


def record(
    seed: int, trues: tuple[TruthRecord, ...], calls: tuple[CallRecord, ...], **more: object
) -> SonoRecord:
    """Return a sonogram's line."""
    key = f"phantoms-{seed}"
    plain = SonoRecord(key, seed, "development", "phantoms", "f", "x", true=trues, calls=calls)
    return replace(plain, **more)  # type: ignore[arg-type]


def test_counted_calls_meet_foci_one_to_one_and_the_nearest_wins() -> None:
    foci = [body(1, 50, 50), body(2, 80, 50)]
    calls = [call(1, 53, 50), call(2, 50, 51), call(3, 300, 300)]
    scored = score_sonogram(calls, foci, (), 0.5)
    assert scored.met == (1, -1)
    assert scored.focus_of == (0, 0, -1)


def test_a_call_far_from_everything_lies_on_nothing() -> None:
    scored = score_sonogram([call(1, 50, 62)], [body(1, 50, 50)], (), 0.5)
    assert scored.met == (-1,)
    reach = score_sonogram([call(1, 50, 59)], [body(1, 50, 50)], (), 0.5)
    assert reach.met == (0,)


def test_a_mimic_called_by_its_name_is_not_counted_and_one_called_calcium_is_false() -> None:
    mimics = [body(5, 100, 100, label="gas")]
    scored = score_sonogram([call(1, 100, 100, "gas"), call(2, 101, 100)], [], mimics, 0.5)
    assert scored.mimic_of == (0, 0)
    assert scored.met == ()


def test_two_foci_under_one_call_are_one_met_and_one_joined() -> None:
    foci = [body(1, 50, 50), body(2, 60, 50)]
    scored = score_sonogram([call(1, 55, 50, half=12)], foci, (), 0.5)
    assert sorted(scored.met) == [-1, 0]
    assert sorted(scored.joined) == [False, True]


def test_a_focus_out_of_the_plane_in_a_frame_is_not_met_there() -> None:
    gone = replace(body(1, 50, 50), centre_px=((50.0, 50.0), None), bbox_px=((46.0, 46.0, 54.0, 54.0), None))
    assert score_sonogram([call(1, 50, 50, frame=1)], [gone], (), 0.5).met == (-1,)
    assert score_sonogram([call(1, 50, 50, frame=0)], [gone], (), 0.5).met == (0,)


def test_figures_are_what_was_counted() -> None:
    records = [
        record(0, (true(1, 1), true(2)), (called(1, 1), called(2))),
        record(1, (true(1, 1, shadow="none", duct="in_lumen"),), (called(1, 1, duct="in_wall"),)),
        record(2, (), (called(1, probability=0.4, truly="gas"),)),
    ]
    assert found_share(cases_of(records)).value == pytest.approx(2 / 3)
    assert false_calls(records).value == pytest.approx(2 / 3)
    assert [round(p[2].value, 2) for p in operating_points(records, (0.0, 0.5))] == [0.67, 0.33]
    assert shadow_pairs(records) == (("clean", "clean"), ("none", "clean"))
    assert duct_pairs(records) == (("apart", "apart"), ("in a duct", "in a duct"))
    errors, held = size_errors(records)
    assert errors == (0.5, 0.5)
    assert (held.count, held.total) == (2, 2)


def test_foci_too_faint_to_be_seen_do_not_count_against_it() -> None:
    records = [record(0, (true(1, 1), true(2, visible=False)), (called(1, 1),))]
    assert found_share(cases_of(records)).value == 1.0
    assert found_share(cases_of(records, hidden=True)).value == 0.5


def test_a_mimic_that_nobody_saw_is_not_found() -> None:
    gas = true(3, label="gas", named="gas")
    unseen = true(4, label="gas")
    confusion = mimic_names([record(0, (), (), mimics=(gas, unseen))])
    assert confusion.counts == {("gas", "gas"): 1, ("gas", "not found"): 1}


def test_stone_against_simple_is_judged_by_their_own_odds() -> None:
    def one(seed: int, diagnosis: str, stone: float, simple: float) -> SonoRecord:
        belief = {"hepatolithiasis": stone, "simple_healed": simple, "haemangioma": 1 - stone - simple}
        return record(seed, (), (), diagnosis=diagnosis, differential=belief)

    records = [
        one(0, "hepatolithiasis", 0.2, 0.01),
        one(1, "simple_healed", 0.3, 0.6),
        one(2, "simple_healed", 0.01, 0.9),
        one(3, "hepatolithiasis", 0.8, 0.1),
        one(4, "cholangiocarcinoma", 0.8, 0.1),
    ]
    assert len(stone_scores(records)) == 4
    assert stone_area(stone_scores(records)).value == 1.0
    assert math.isnan(stone_area(stone_scores(records[4:])).value)
    assert stone_scores([record(0, (), (), diagnosis="simple_healed")]) == ((False, 0.5),)


def test_a_line_comes_back_as_it_was(tmp_path: Path) -> None:
    kept = record(7, (true(1, 1),), (called(1, 1, index=Range(0.5, 0.4, 0.6)),), seconds={"picture": 0.25})
    path = tmp_path / "results.jsonl"
    path.write_text(to_line(kept) + "\n" + to_line(kept)[:-20], encoding="utf-8")
    (again,) = load_sono_records(path)
    assert again == kept
    path.write_text("{}\n" + to_line(kept) + "\n", encoding="utf-8")
    with pytest.raises(UnreadableFileError, match="line 1"):
        load_sono_records(path)


def test_the_page_tells_the_goals_and_that_it_is_not_to_be_quoted() -> None:
    records = [record(s, (true(1, 1), true(2)), (called(1, 1), called(2))) for s in range(3)]
    page = summarise_sonograms(records)
    assert "| foci found, of those that can be seen | ≥ 90 % | 50 %" in page
    assert "Not to be quoted" in page
    assert "Not to be quoted" not in summarise_sonograms([replace(r, split="test") for r in records])
    assert summarise_sonograms([]) == "No sonogram has been read."
