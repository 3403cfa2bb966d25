"""What is said of a focus's company is counted against the truth, and what is not said is not right."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

import pytest
from tests.evaluation.made_records import body, study, true

from hepalith.evaluation.calibration import duct_reliability, host_reliability, segment_reliability
from hepalith.evaluation.confusion import (
    duct_confusion,
    host_confusion,
    mimic_confusion,
    named_rightly,
    pattern_rows,
    segment_confusion,
)
from hepalith.evaluation.record import HostRecord, StudyRecord
from hepalith.evaluation.summary import summarise


def one_study(**changes: object) -> StudyRecord:
    """Return a study of two found foci: one placed rightly in its duct and host, one not judged."""
    first = replace(true(1), duct="in_lumen", duct_calibre_mm=5.0, host_kind="none")
    second = replace(true(2), duct="apart", host_kind="fluid", segment="VII")
    found = (
        replace(
            body(1, first), segment="V", segment_probability=0.9, duct="in_lumen", duct_probability=0.8,
            duct_dilated="present", host="none", host_probability=0.7,
        ),
        replace(
            body(2, second), segment="VIII", segment_probability=0.6,
            duct="not_assessable", host="not_assessable",
        ),
    )  # fmt: skip
    record = study(1_000_000, (first, second), found)
    reading = replace(record.readings[0], **changes)  # type: ignore[arg-type]
    return replace(record, phase="portal", readings=(reading,))


def test_segments_ducts_and_hosts_are_counted_by_what_was_called() -> None:
    records = [one_study()]
    assert segment_confusion(records).counts == {("V", "V"): 1, ("VII", "VIII"): 1}
    assert duct_confusion(records).counts == {("in_lumen", "in_lumen"): 1, ("apart", "not_assessable"): 1}
    assert host_confusion(records, enhanced=True).counts == {
        ("none", "none"): 1,
        ("fluid", "not_assessable"): 1,
    }
    assert host_confusion(records, enhanced=False).counts == {}


def test_probabilities_are_held_against_what_came_true_where_something_was_said() -> None:
    records = [one_study()]
    assert segment_reliability(records).count == 2
    assert duct_reliability(records).count == 1
    assert host_reliability(records).count == 1


def test_a_mimic_on_which_nothing_was_found_misleads_nobody_but_is_not_named() -> None:
    mimics = (
        replace(true(3, found=False), label="clip_or_coil", named="clip_or_coil"),
        replace(true(4, found=False), label="gallstone", named=""),
        replace(true(5, found=True), label="lipiodol", named="calcification"),
    )
    records = [one_study(mimics=mimics)]
    right, harmless = named_rightly(records)
    assert (right.count, right.total) == (1, 2)
    assert (harmless.count, harmless.total) == (2, 3)
    assert mimic_confusion(records).counts[("gallstone", "not found")] == 1
    assert mimic_confusion(records).counts[("calcification", "calcification")] == 2


def test_patterns_are_counted_by_study_both_ways() -> None:
    there = one_study(
        true_patterns=("solitary",), patterns=MappingProxyType({"solitary": 0.9, "miliary": 0.2})
    )
    wrong = one_study(true_patterns=("scattered",), patterns=MappingProxyType({"solitary": 0.8}))
    unsaid = one_study(true_patterns=(), patterns=MappingProxyType({"solitary": 0.8}))
    rows = {row[0]: row[1:] for row in pattern_rows([there, wrong, unsaid])}
    assert rows["solitary"][0].startswith("1/1")
    assert rows["solitary"][1].startswith("1/2")


def test_the_page_shows_what_keeps_a_focus_company() -> None:
    lesion = HostRecord("cyst_simple", "fluid", 30.0, "none", holds=True, called="fluid")
    page = summarise([one_study(hosts=(lesion,), false_hosts=1)])
    for word in (
        "### Ducts",
        "### Hosts",
        "cyst_simple",
        "the segment is right",
        "Mimics not called calcification",
    ):
        assert word in page
    assert "called where no lesion was put in: 1 in 1 studies" in page


@pytest.mark.parametrize("phase", ["none", "portal"])
def test_a_host_on_an_unenhanced_scan_is_counted_apart(phase: str) -> None:
    record = replace(one_study(), phase=phase)
    assert bool(host_confusion([record], enhanced=True).counts) == (phase == "portal")
