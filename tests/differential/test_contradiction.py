"""Findings that cannot both be true are named, and it is said which of them counts."""

from __future__ import annotations

import pytest

from hepalith.differential import Differential, diagnose
from hepalith.differential.contradiction import load_clash_rules
from hepalith.finding.finding import Finding, Pattern, Subject
from hepalith.study.patient import Patient
from hepalith.vocabulary import Measurement, State

DUCT = Subject("duct")


def told(**found: bool | str | Measurement) -> Differential:
    return diagnose((), (), Patient(findings=found))


CLASHES: list[tuple[dict[str, bool | str | Measurement], tuple[str, ...]]] = [
    ({"multiple_foci": True, "solitary": True}, ("multiple_foci", "solitary")),
    ({"focus_count": Measurement(1, "1"), "multiple_foci": True}, ("focus_count", "multiple_foci")),
    ({"host_kind": "none", "host_position": "central"}, ("host_kind", "host_position")),
    ({"host_kind": "none", "central_scar": True}, ("central_scar", "host_kind")),
    ({"host_kind": "none", "enhancement": "rim"}, ("enhancement", "host_kind")),
    ({"diffuse_bilobar": True, "side_of_foci": "left"}, ("diffuse_bilobar", "side_of_foci")),
    (
        {"unchanged_two_years": True, "change_since_prior": "grown"},
        ("change_since_prior", "unchanged_two_years"),
    ),
    (
        {"largest_calcium": Measurement(40, "mm"), "host_diameter": Measurement(20, "mm")},
        ("host_diameter", "largest_calcium"),
    ),
]


@pytest.mark.parametrize(("found", "names"), CLASHES)
def test_what_cannot_both_be_true_is_reported_and_neither_counts(
    found: dict[str, bool | str | Measurement], names: tuple[str, ...]
) -> None:
    clash = next(c for c in told(**found).contradictions if c.findings == names)
    assert clash.dropped == names
    assert clash.reason["en"].endswith("neither counts")
    assert clash.reason["zh"].endswith("两者均不计入")
    rest = {name: value for name, value in found.items() if name not in names}
    assert told(**found).diagnoses == told(**rest).diagnoses


AGREED: list[dict[str, bool | str | Measurement]] = [
    {"multiple_foci": True, "focus_count": Measurement(3, "1"), "side_of_foci": "both"},
    {"host_kind": "solid", "host_position": "central", "enhancement": "rim", "central_scar": True},
    {"host_kind": "none", "enhancement": "none"},
    {"unchanged_two_years": True, "change_since_prior": "stable"},
    {"largest_calcium": Measurement(82, "mm"), "host_diameter": Measurement(80, "mm")},
    {"dilated_ducts": True, "duct_stricture": True, "hilar_stricture": True, "duct_relation": "in_lumen"},
    {"fever": False, "asymptomatic": True},
]


@pytest.mark.parametrize("found", AGREED)
def test_what_can_be_true_together_is_no_contradiction(
    found: dict[str, bool | str | Measurement],
) -> None:
    assert told(**found).contradictions == ()


def test_where_a_person_and_an_image_disagree_the_person_counts() -> None:
    image = Finding("dilated_ducts", DUCT, State.PRESENT, 0.97)
    person = Patient(findings={"dilated_ducts": False})
    (clash,) = diagnose([image], (), person).contradictions
    assert clash.findings == ("dilated_ducts",)
    assert clash.reason["en"].endswith("the patient file counts")
    assert clash.reason["zh"].endswith("以患者资料为准")
    assert diagnose([image], (), person).diagnoses == diagnose((), (), person).diagnoses


def test_where_a_reports_text_and_an_image_disagree_the_text_counts() -> None:
    image = Finding("dilated_ducts", DUCT, State.PRESENT, 0.97)
    text = Finding("dilated_ducts", DUCT, State.ABSENT, 0.0, source="text")
    found = diagnose([image, text], (), Patient())
    assert found.contradictions[0].reason["en"].endswith("the report counts")
    assert found.diagnoses == diagnose([text], (), Patient()).diagnoses


def test_a_person_who_names_no_duct_may_mean_the_one_the_image_shows() -> None:
    image = Finding("dilated_ducts", Subject("duct", "1"), State.PRESENT, 0.97)
    found = diagnose([image], (), Patient(findings={"dilated_ducts": False}))
    assert found.contradictions[0].reason["en"].endswith("the patient file counts")


def test_two_images_that_disagree_leave_it_open() -> None:
    found = diagnose(
        [
            Finding("dilated_ducts", DUCT, State.PRESENT, 0.97, source="ct"),
            Finding("dilated_ducts", DUCT, State.ABSENT, 0.02, source="us"),
        ],
        (),
        Patient(),
    )
    assert "disagree" in found.contradictions[0].reason["en"]
    assert found.diagnoses == diagnose((), (), Patient()).diagnoses


def test_half_a_doubt_is_no_contradiction() -> None:
    unsure = [
        Finding("dilated_ducts", DUCT, State.PRESENT, 0.6),
        Finding("dilated_ducts", DUCT, State.ABSENT, 0.3),
    ]
    assert diagnose(unsure, (), Patient()).contradictions == ()


def test_two_foci_may_lie_in_different_places() -> None:
    places = [
        Finding("duct_relation", Subject("duct", ref), State.PRESENT, 0.95, value)
        for ref, value in (("1", "in_lumen"), ("2", "apart"))
    ]
    assert diagnose(places, (), Patient()).contradictions == ()


def test_a_definite_symptom_counts_before_having_none() -> None:
    found = told(asymptomatic=True, fever=True)
    assert found.contradictions[0].dropped == ("asymptomatic",)
    assert {e.finding for e in (*found.diagnoses[0].supporting, *found.diagnoses[0].opposing)} == {"fever"}


def test_calcification_that_is_denied_and_described_is_said_to_be_both() -> None:
    found = told(intrahepatic_calcification=False, largest_calcium=Measurement(4, "mm"))
    assert found.diagnoses == ()
    assert found.contradictions[0].findings == ("intrahepatic_calcification", "largest_calcium")


def test_an_arrangement_can_clash_with_what_a_person_says() -> None:
    alone = Pattern("solitary", 0.97, (1,))
    found = diagnose((), (alone,), Patient(findings={"multiple_foci": True}))
    assert found.contradictions[0].dropped == ("solitary",)
    assert found.diagnoses == diagnose((), (), Patient(findings={"multiple_foci": True})).diagnoses


def test_the_order_of_what_clashes_does_not_matter() -> None:
    both = [
        Finding("dilated_ducts", DUCT, State.PRESENT, 0.97, source="ct"),
        Finding("dilated_ducts", DUCT, State.ABSENT, 0.0, source="text"),
    ]
    assert diagnose(both, (), Patient()) == diagnose(both[::-1], (), Patient())


def test_every_rule_has_both_languages() -> None:
    for rule in load_clash_rules().rule:
        assert rule.en.isascii()
        assert any("一" <= c <= "鿿" for c in rule.zh)
