"""Red flags: each has a case that raises it and one that does not; none comes of mere absence of words."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hepalith.differential import diagnose
from hepalith.finding.finding import Finding, Pattern, Subject
from hepalith.management import Plan, advise
from hepalith.management.policy import load_alerts
from hepalith.settings import Settings
from hepalith.study.patient import Lab, Patient
from hepalith.vocabulary import Measurement, State, load_vocabulary

LIVER = Subject("liver")

QUIET: dict[str, Any] = {
    "age_years": 40,
    "history": {"cancer_history": False, "cirrhosis": False, "hepatitis_b": False},
    "symptoms": {"fever": False, "jaundice": False},
    "findings": {"largest_calcium": Measurement(4, "mm"), "dilated_ducts": False, "host_kind": "none"},
}

STONES = {"beaded_chain": True, "dilated_ducts": True, "side_of_foci": "left"}


def advised(seen: tuple[Finding, ...] = (), arranged: tuple[Pattern, ...] = (), **patient: Any) -> Plan:
    known = Patient(**patient)
    differential = diagnose(seen, arranged, known)
    return advise(differential, seen, None, known, Settings(), None, arranged)


def raised(**patient: Any) -> set[str]:
    return {alert.id for alert in advised(**patient).alerts}


@pytest.fixture(autouse=True)
def no_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the next tests, which take longer than all the rest and bear on no alert."""
    monkeypatch.setattr(sys.modules["hepalith.management.advise"], "plan_next_tests", lambda _: ())


# (alert, what raises it, what is near and does not)
CASES: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("alert_aneurysm", {"findings": {"blood_pool_ring": True}}, {"findings": {"blood_pool_ring": False}}),
    (
        "alert_aneurysm",
        {"findings": {"enhancement": "blood_pool", "dominant_morphology": "eggshell"}},
        {"findings": {"enhancement": "blood_pool", "dominant_morphology": "punctate"}},
    ),
    (
        "alert_aneurysm",
        {"findings": {"doppler_flow_in_focus": True}},
        {"findings": {"dominant_morphology": "eggshell"}},
    ),
    (
        "alert_cholangitis",
        {"findings": STONES, "symptoms": {"fever": True, "jaundice": False}},
        {"findings": STONES, "symptoms": {"fever": False, "jaundice": False}},
    ),
    (
        "alert_cholangitis",
        {"findings": {"duct_relation": "in_lumen"}, "symptoms": {"fever": True}},
        {"findings": {"host_kind": "none"}, "symptoms": {"fever": True}},
    ),
    (
        "alert_cholangitis",
        {"symptoms": {"fever": True, "jaundice": True}},
        {"symptoms": {"fever": False, "jaundice": True}},
    ),
    (
        "alert_cholangitis",  # an old man may have it without fever
        {
            "age_years": 80,
            "findings": {"dilated_ducts": True},
            "labs": {"crp": Lab(90.0, "mg/L", 5.0)},
            "symptoms": {"fever": False},
        },
        {
            "age_years": 50,
            "findings": {"dilated_ducts": True},
            "labs": {"crp": Lab(90.0, "mg/L", 5.0)},
            "symptoms": {"fever": False},
        },
    ),
    (
        "alert_cholangitis",  # no fever, yet all three of Tokyo's signs
        {
            "findings": {"dilated_ducts": True},
            "labs": {"leucocytes": Lab(15.0, "10*3/uL", 10.0), "bilirubin": Lab(3.0, "mg/dL", 1.2)},
        },
        {"findings": {"dilated_ducts": True}, "labs": {"bilirubin": Lab(3.0, "mg/dL", 1.2)}},
    ),
    (
        "alert_ce_complicated",
        {"findings": {"daughter_cysts": True, "host_kind": "fluid"}, "symptoms": {"sudden_pain": True}},
        {"findings": {"daughter_cysts": True, "host_kind": "fluid"}, "symptoms": {"sudden_pain": False}},
    ),
    (
        "alert_ce_complicated",
        {"findings": {"ce_stage": "CE2"}, "symptoms": {"jaundice": True}},
        {"findings": {"host_kind": "none"}, "symptoms": {"jaundice": True}},
    ),
    ("alert_gas", {"findings": {"gas_in_lesion": True}}, {"findings": {"duct_gas": True}}),
    (
        "alert_gas",  # gas in the ducts of somebody ill, whom no operation explains
        {"findings": {"duct_gas": True}, "symptoms": {"abdominal_pain": True}},
        {
            "findings": {"duct_gas": True},
            "symptoms": {"abdominal_pain": True},
            "history": {"biliary_surgery": True},
        },
    ),
    (
        "alert_adrenal",
        {"findings": {"adrenal_calcium": True, "spleen_calcium": True}},
        {"findings": {"spleen_calcium": True}},
    ),
    (
        "alert_adrenal",  # the liver's focus is what is being read, said or not
        {"findings": {"adrenal_calcium": True, "largest_calcium": Measurement(4, "mm")}},
        {"findings": {"adrenal_calcium": True, "intrahepatic_calcification": False}},
    ),
    ("alert_host", {"findings": {"host_kind": "solid"}}, {"findings": {"host_kind": "fluid"}}),
    ("alert_host", {"findings": {"host_kind": "mixed"}}, {"findings": {"host_kind": "fat"}}),
    ("alert_host", {"findings": {"host_kind": "infiltrative"}}, {"findings": {"host_kind": "none"}}),
    (
        "alert_host",
        {"findings": {"within_mass": True}},
        {"findings": {"within_mass": True, "host_kind": "fluid"}},
    ),
    ("alert_host", {"findings": {"bulls_eye": True}}, {"findings": {"bulls_eye": False}}),
    (
        "alert_host",
        {"findings": {"enhancement": "arterial_washout"}},
        {"findings": {"enhancement": "septal", "host_kind": "fluid"}},
    ),
    (
        "alert_host",
        {"findings": {"mural_nodule": True, "host_kind": "fluid"}},
        {"findings": {"host_kind": "fluid"}},
    ),
    ("alert_host", {"findings": {"central_scar": True}}, {"findings": {"central_scar": False}}),
    (
        "alert_host",  # a lesion was measured and nobody said of what kind
        {"findings": {"host_diameter": Measurement(30, "mm")}},
        {"findings": {"host_diameter": Measurement(30, "mm"), "host_kind": "fluid"}},
    ),
    (
        "alert_mass_without_calcium",
        {"findings": {"mass_without_calcium": True}},
        {"findings": {"mass_without_calcium": False}},
    ),
    (
        "alert_mass_without_calcium",
        {"findings": {"intrahepatic_calcification": False, "host_kind": "solid"}},
        {"findings": {"intrahepatic_calcification": False}},
    ),
    *(
        ("alert_exclude_cholangiocarcinoma", {"findings": {name: True}}, {"findings": {name: False}})
        for name in (
            *("duct_stricture", "hilar_stricture", "duct_wall_thickening", "lobar_atrophy"),
            *("vein_occlusion", "portal_thrombosis", "ca19_9_up"),
        )
    ),
    (
        "alert_exclude_cholangiocarcinoma",
        {"labs": {"ca19_9": Lab(300.0, "U/mL", 37.0)}},
        {"labs": {"ca19_9": Lab(12.0, "U/mL", 37.0)}},
    ),
    ("alert_cancer_history", {"history": {"cancer_history": True}}, {"history": {"cancer_history": False}}),
    (
        "alert_cancer_history",
        {"history": {"known_primary": "ovary"}},
        {"history": {"liver_abscess": True}},
    ),
    ("alert_cancer_history", {"history": {"tace": True}}, {"history": {"cholecystectomy": True}}),
    ("alert_cancer_history", {"history": {"men2": True}}, {"history": {"diabetes": True}}),
    ("alert_cancer_history", {"findings": {"suspected_primary": "bowel"}}, {"findings": {"ascites": True}}),
    ("alert_chronic_liver_disease", {"history": {"cirrhosis": True}}, {"history": {"cirrhosis": False}}),
    ("alert_chronic_liver_disease", {"history": {"hepatitis_b": True}}, {"history": {"hepatitis_b": False}}),
    (
        "alert_chronic_liver_disease",
        {"findings": {"nodular_surface": True}},
        {"findings": {"steatosis": True}},
    ),
    ("alert_child", {"age_years": 3}, {"age_years": 5}),
    (
        "alert_child",
        {"age_years": 3, "findings": {"host_kind": "fluid"}},
        {"age_years": 3, "findings": {"host_kind": "none"}},
    ),
    (
        "alert_child",
        {"age_years": 3, "findings": {"host_kind": "none"}, "symptoms": {"palpable_mass": True}},
        {"age_years": 3, "findings": {"host_kind": "none"}, "symptoms": {"palpable_mass": False}},
    ),
    (
        "alert_growing",
        {"findings": {"change_since_prior": "grown"}},
        {"findings": {"change_since_prior": "stable"}},
    ),
    (
        "alert_growing",
        {"findings": {"change_since_prior": "new"}},
        {"findings": {"change_since_prior": "shrunk"}},
    ),
    (
        "alert_jaundice",
        {"symptoms": {"jaundice": True}},
        {"symptoms": {"jaundice": True, "fever": True}},
    ),
    (
        "alert_jaundice",
        {"labs": {"bilirubin": Lab(80.0, "umol/L", 21.0)}},
        {"labs": {"bilirubin": Lab(12.0, "umol/L", 21.0)}},
    ),
    ("alert_vein_occlusion", {"findings": {"vein_occlusion": True}}, {"findings": {"vein_occlusion": False}}),
    ("alert_vein_occlusion", {"findings": {"portal_thrombosis": True}}, {"findings": {"varices": True}}),
    (
        "alert_capsular_retraction",
        {"findings": {"capsular_retraction": True}},
        {"findings": {"subcapsular": True}},
    ),
    (
        "alert_needle_echinococcosis",
        {"exposures": {"fox_or_dog_ae_region": True}},
        {"exposures": {"fox_or_dog_ae_region": False}},
    ),
    (
        "alert_needle_echinococcosis",
        {"findings": {"daughter_cysts": True, "echinococcus_serology": False}},
        {"findings": {"daughter_cysts": False, "host_kind": "none"}},
    ),
    (
        "alert_before_needle",
        {"history": {"transplant_candidate": True}},
        {"history": {"transplant_candidate": False}},
    ),
    ("alert_before_needle", {"findings": {"host_kind": "solid"}}, {"findings": {"host_kind": "none"}}),
]


@pytest.mark.parametrize(("alert", "signs", "near"), CASES, ids=[f"{c[0]}-{i}" for i, c in enumerate(CASES)])
def test_a_red_flag_is_raised_by_its_sign_and_not_by_what_is_near_it(
    alert: str, signs: dict[str, Any], near: dict[str, Any]
) -> None:
    assert alert in raised(**signs)
    assert alert not in raised(**near)


def test_every_red_flag_has_a_case_here() -> None:
    assert {case[0] for case in CASES} == {alert.id for alert in load_alerts()}


def test_nothing_known_raises_nothing() -> None:
    assert raised() == set()
    assert raised(**QUIET) == set()
    denied = {
        term.id: False
        for term in load_vocabulary().of_group("finding", "symptom", "pattern", "laboratory_finding")
        if term.type == "boolean" and term.id != "intrahepatic_calcification"
    }
    assert raised(age_years=40, findings=denied) == set(), "absence is no sign"


@pytest.mark.parametrize("name", ["fever", "jaundice", "host_kind", "duct_stricture", "gas_in_lesion"])
def test_what_could_not_be_judged_raises_nothing(name: str) -> None:
    open_ = Finding(name, LIVER, State.NOT_ASSESSABLE, reason="a reason")
    assert not advised((open_,)).alerts


def test_an_image_that_half_shows_a_flag_raises_it() -> None:
    half = Finding("duct_stricture", LIVER, State.ABSENT, probability=0.3)
    assert "alert_exclude_cholangiocarcinoma" in {a.id for a in advised((half,)).alerts}


def test_without_calcium_a_sign_must_be_present_not_merely_possible() -> None:
    none = {"intrahepatic_calcification": False}
    for chance, flagged in ((0.3, False), (0.6, True)):
        sign = Finding("duct_stricture", LIVER, State.PRESENT, chance)
        assert bool(advised((sign,), findings=none).alerts) is flagged


@pytest.mark.parametrize(
    ("fluid", "mixed", "solid", "flagged"),
    [
        (0.40, 0.12, 0.20, True),  # the likeliest word is fluid, and a third speaks for tissue
        (0.55, 0.20, 0.15, True),
        (0.76, 0.22, 0.01, False),  # a clear cyst on an unenhanced scan
        (0.10, 0.12, 0.12, True),
    ],
)
def test_kinds_of_a_lesion_are_added_up_not_judged_by_the_likeliest_word(
    fluid: float, mixed: float, solid: float, flagged: bool
) -> None:
    shares = (("fluid", fluid), ("mixed", mixed), ("none", 1 - fluid - mixed - solid), ("solid", solid))
    likeliest = Finding("host_kind", LIVER, State.PRESENT, fluid, "fluid", alternatives=shares)
    assert ("alert_host" in {a.id for a in advised((likeliest,)).alerts}) is flagged


def test_a_pattern_of_the_foci_speaks_as_a_finding_does() -> None:
    target = Pattern("bulls_eye", 0.7, (1,))
    assert "alert_host" in {a.id for a in advised(arranged=(target,)).alerts}


def test_flags_stand_where_the_calcium_is_not_the_point() -> None:
    none = {"intrahepatic_calcification": False}
    for name, alert in (
        ("duct_stricture", "alert_exclude_cholangiocarcinoma"),
        ("vein_occlusion", "alert_vein_occlusion"),
        ("mass_without_calcium", "alert_mass_without_calcium"),
        ("capsular_retraction", "alert_capsular_retraction"),
        ("gas_in_lesion", "alert_gas"),
        ("daughter_cysts", "alert_needle_echinococcosis"),
    ):
        made = advised(findings={**none, name: True})
        assert alert in {a.id for a in made.alerts}, alert
        assert "nothing_to_follow" not in {a.action for a in made.actions}, alert
    assert raised(findings=none, exposures={"dogs_or_livestock": True}) == set(), "no focus, no needle"


def test_a_fetus_raises_only_what_concerns_it() -> None:
    made = advised(
        subject="fetus", gestation_weeks=22.0, findings={"host_kind": "solid"}, history={"cirrhosis": True}
    )
    assert {a.id for a in made.alerts} == {"alert_host"}
    assert {a.action for a in made.actions} == {"fetal_pathway", "fetal_mass_pathway"}


def test_every_flag_that_asks_for_a_look_has_a_step_in_time() -> None:
    """What is to be looked at today has a step today; what is prompt, one within a month."""
    limit = {"today": 0.0, "prompt": 1.0}
    for alert, signs, _ in CASES:
        made = advised(**signs)
        urgency = next(a.urgency for a in made.alerts if a.id == alert)
        if urgency == "routine":
            continue
        soonest = [a.after_months[1] for a in made.actions if a.after_months is not None]
        assert soonest, alert
        assert min(soonest) <= limit[urgency], (alert, [a.rule for a in made.actions])


def test_today_comes_before_the_rest() -> None:
    order = [alert.urgency for alert in load_alerts()]
    assert order == sorted(order, key=["today", "prompt", "routine"].index)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from([c for c in CASES if c[0] != "alert_jaundice"]), st.sampled_from(CASES))
def test_more_signs_never_silence_a_flag(
    case: tuple[str, dict[str, Any], dict[str, Any]], other: tuple[str, dict[str, Any], dict[str, Any]]
) -> None:
    """A second illness leaves the first one's flag standing, unless it says the opposite of it."""
    alert, signs, _ = case
    added = {**other[1], **signs}
    for table in ("findings", "history", "symptoms", "labs", "exposures"):
        both = {**other[1].get(table, {}), **signs.get(table, {})}
        if both:
            added[table] = both
    if "host_kind" in added.get("findings", {}) and "host_kind" not in signs.get("findings", {}):
        del added["findings"]["host_kind"]
    if added.get("findings", {}).get("intrahepatic_calcification") is False and "intrahepatic" not in str(
        signs
    ):
        del added["findings"]["intrahepatic_calcification"]
    assert alert in raised(**added) or alert.startswith("alert_needle")


def worded(alert: str, seen: tuple[Finding, ...]) -> str:
    return {a.id: a.text["en"] for a in advised(seen, age_years=50).alerts}[alert]


@pytest.mark.parametrize(
    ("alert", "sign"),
    [
        ("alert_host", "host_kind"),
        ("alert_gas", "gas_in_lesion"),
        ("alert_mass_without_calcium", "mass_without_calcium"),
        ("alert_growing", "change_since_prior"),
        ("alert_vein_occlusion", "vein_occlusion"),
        ("alert_capsular_retraction", "capsular_retraction"),
        ("alert_chronic_liver_disease", "nodular_surface"),
    ],
)
def test_what_is_only_possible_is_not_stated_as_a_fact(alert: str, sign: str) -> None:
    value = {"host_kind": "solid", "change_since_prior": "grown"}.get(sign)
    possible = worded(alert, (Finding(sign, LIVER, State.PRESENT, 0.3, value),))
    assert " may " in f" {possible} " or "possible" in possible
    if sign != "nodular_surface":  # an uneven surface is not cirrhosis yet
        assert worded(alert, (Finding(sign, LIVER, State.PRESENT, 0.9, value),)) != possible


def test_a_lesion_whose_kind_nobody_told_is_not_called_solid() -> None:
    size = Finding("host_diameter", LIVER, State.PRESENT, value=Measurement(40, "mm"))
    assert "may be solid" in worded("alert_host", (size,))


def test_flow_in_the_calcium_is_not_told_as_a_ring_that_enhances() -> None:
    flow = Finding("doppler_flow_in_focus", LIVER, State.PRESENT, 1.0)
    assert "may lie in the wall of an artery" in worded("alert_aneurysm", (flow,))


def test_what_a_report_cannot_exclude_raises_its_flag() -> None:
    for chance, flagged in ((0.3, True), (0.1, False)):
        open_ = Finding("portal_thrombosis", LIVER, State.UNKNOWN, chance, source="text")
        assert ("alert_vein_occlusion" in {a.id for a in advised((open_,)).alerts}) is flagged


@pytest.mark.parametrize("marker", ["calcitonin_up", "cea_up", "chromogranin_up", "ca125_up", "afp_up"])
def test_a_raised_marker_is_a_sign_of_cancer_elsewhere(marker: str) -> None:
    seen = {"intrahepatic_calcification": True, marker: True}
    assert "alert_cancer_history" in raised(age_years=50, findings=seen)


def test_fetoprotein_of_an_infant_or_of_pregnancy_is_none() -> None:
    seen = {"intrahepatic_calcification": True, "afp_up": True}
    assert "alert_cancer_history" not in raised(age_years=0.2, findings=seen)
    assert "alert_cancer_history" not in raised(age_years=30, sex="female", pregnancy=True, findings=seen)


def test_a_plainly_solid_lesion_forbids_the_needle_only_where_echinococcosis_is_likely() -> None:
    solid = {"intrahepatic_calcification": True, "host_kind": "solid", "enhancement": "none"}
    liver = {**solid, "hepatomegaly": True, "nodular_surface": True, "multiple_foci": True}
    assert "alert_needle_echinococcosis" not in raised(age_years=50, findings=liver)
    exposed = {"findings": liver, "exposures": {"ce_region": True}}
    assert "alert_needle_echinococcosis" in raised(age_years=50, **exposed)
