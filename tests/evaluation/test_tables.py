from __future__ import annotations

from pathlib import Path

import pytest
from tests.evaluation.made_records import body, study, true

from hepalith.evaluation.bootstrap import estimate_mean, estimate_rate, estimate_share
from hepalith.evaluation.calibration import reliability_of
from hepalith.evaluation.confusion import lobe_confusion, morphology_confusion
from hepalith.evaluation.detection import (
    above_statement,
    cases_of,
    claim_found,
    curve_of,
    false_calls,
    sensitivity,
    snr_ratios,
    stated_plainly,
)
from hepalith.evaluation.measurement import baseline_pairs, cell_of, pairs_of, repeatability
from hepalith.evaluation.plots import PLOTS, draw_plots
from hepalith.evaluation.record import StudyRecord
from hepalith.evaluation.summary import summarise


def some_studies() -> list[StudyRecord]:
    """Ten studies: a large focus found, a small one missed, and in one of them a false call."""
    made = []
    for seed in range(10):
        large, small = true(1, 6.0, 400.0), true(2, 1.5, 120.0, found=False)
        found = [body(1, large, factor=1.0 + 0.01 * (seed - 5))]
        if seed == 0:
            found.append(body(2, None, probability=0.6))
        again = study(seed, (large,), (body(1, large, factor=1.02),), purpose="rescan").readings[0]
        claimed = study(seed, (large, small), (body(1, large),), purpose="claim").readings[0]
        made.append(study(seed, (large, small), tuple(found), slice_mm=1.0 + seed % 2, more=(again, claimed)))
    return made


def test_what_is_found_and_what_is_false_is_counted() -> None:
    records = some_studies()
    cases = cases_of(records)
    assert sensitivity(cases).value == pytest.approx(0.5)
    assert sensitivity(c for c in cases if stated_plainly(c)).value == pytest.approx(1.0)
    assert sensitivity(c for c in cases if above_statement(c)).count == 10
    assert false_calls(records).value == pytest.approx(0.1)
    assert claim_found(records).value == pytest.approx(0.5)
    assert snr_ratios(records) == pytest.approx([1.25] * 10)


def test_the_curve_rises_to_every_call() -> None:
    records = some_studies()
    curve = curve_of(records, cases_of(records))
    assert curve.found[0] == 0.0
    assert curve.found[-1] == pytest.approx(0.5)
    assert curve.false[-1] == pytest.approx(0.1)
    assert list(curve.false) == sorted(curve.false)


def test_a_reading_that_failed_misses_everything() -> None:
    records = some_studies()
    failed = records[0].readings[0].__class__("foci", "found", true=records[0].readings[0].true, failure="no")
    stated = [*records[1:], records[0].__class__(**{**_fields(records[0]), "readings": (failed,)})]
    blind = [c for c in cases_of(stated) if c.reading.failure]
    assert len(blind) == 2
    assert all(c.score == 0 for c in blind)


def _fields(record: StudyRecord) -> dict[str, object]:
    return {name: getattr(record, name) for name in StudyRecord.__slots__}


def test_errors_are_relative_and_intervals_are_counted() -> None:
    cell = cell_of(pairs_of(some_studies(), "integrated excess"))
    assert cell.count == 10
    assert cell.bias.value == pytest.approx(-0.005)
    assert cell.spread.value == pytest.approx(0.0303, rel=0.01)
    assert cell.bound == pytest.approx(0.03)
    assert cell.coverage.value == pytest.approx(1.0)
    script = cell_of(baseline_pairs(some_studies(), "volume", "130 HU"))
    assert script.bias.value == pytest.approx(1.0)


def test_two_scans_tell_the_spread_within_a_focus() -> None:
    repeat = repeatability(some_studies(), "integrated excess", lambda _: True)
    assert repeat.foci == 10
    assert 0.01 < repeat.spread.value < 0.04
    assert repeat.limit == pytest.approx(2.77 * repeat.spread.value, rel=0.01)


def test_an_interval_is_wide_where_little_was_seen() -> None:
    assert estimate_share([5, 5], [5, 5]).low < 0.75  # ten of ten
    assert estimate_rate([0] * 10).high > 0.3
    few = estimate_mean([0.1, 0.2, 0.3], [0, 0, 0])
    assert few.low < 0.1
    assert few.is_few


def test_the_bootstrap_knows_that_foci_of_one_study_go_together() -> None:
    alike = estimate_share([20, 0] * 5, [20] * 10)  # all or none of a study
    apart = estimate_share([10] * 10, [20] * 10)
    assert alike.high - alike.low > 2 * (apart.high - apart.low)


def test_a_probability_that_says_too_much_is_told() -> None:
    held = reliability_of([0.95] * 100, [True] * 60 + [False] * 40)
    assert held.error == pytest.approx(0.35)
    assert held.brier > held.rate * (1 - held.rate)


def test_places_and_forms_are_compared() -> None:
    assert lobe_confusion(some_studies()).right.value == pytest.approx(1.0)
    assert morphology_confusion(some_studies()).counts == {("nodular", "nodular"): 10}


def test_the_page_names_split_counts_and_few_cells() -> None:
    page = summarise(some_studies())
    assert "Split: test; 10 studies" in page
    assert "†" in page
    assert "n = 20" in page
    assert "nan" not in page


def test_development_figures_say_that_they_are_not_to_be_quoted() -> None:
    record = some_studies()[0]
    page = summarise([record.__class__(**{**_fields(record), "split": "development"})])
    assert "Not to be quoted" in page


def test_every_plot_is_drawn(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    paths = draw_plots(some_studies(), tmp_path)
    assert {p.stem for p in paths} == set(PLOTS)
    assert all(p.stat().st_size > 5000 for p in paths)
