"""Situations in which a red flag must be raised, and ordinary ones in which it must not."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from hepalith.reading.opinion import diagnose
from hepalith.study.patient_file import make_patient

REMINDER = "alert_before_needle"
"""Reminds, and flags nothing."""

C: dict[str, Any] = {"intrahepatic_calcification": True}
MUST: list[tuple[str, dict[str, Any]]] = [
    ("alert_aneurysm", {"findings": {**C, "ring_calcification": True, "enhancement": "blood_pool"}}),
    (
        "alert_aneurysm",
        {
            "history": {"pancreatitis_or_vasculitis": True},
            "symptoms": {"gi_bleeding": True, "jaundice": True, "abdominal_pain": True},
            "findings": {"ring_calcification": True, "host_diameter": "30 mm", "host_attenuation": "water"},
        },
    ),
    (
        "alert_aneurysm",
        {"findings": {"dominant_morphology": "curvilinear_septal", "doppler_flow_in_focus": True}},
    ),
    (
        "alert_aneurysm",
        {"findings": {"host_kind": "fluid", "ring_calcification": True, "doppler_flow_in_focus": {"p": 0.4}}},
    ),
    ("alert_chronic_liver_disease", {"labs": {"hcv_rna": "120000 IU/mL"}, "findings": {**C}}),
    ("alert_chronic_liver_disease", {"labs": {"hbv_dna": "2,300 IU/mL"}, "findings": {**C}}),
    ("alert_cholangitis", {"symptoms": {"fever": True}, "findings": {"duct_relation": "in_lumen"}}),
    ("alert_cholangitis", {"labs": {"temperature": "38.6 C"}, "findings": {"common_duct_stones": True, **C}}),
    (
        "alert_cholangitis",
        {
            "age_years": 82,
            "symptoms": {"confusion": True},
            "labs": {"bilirubin": "4 mg/dL", "leucocytes": "16 10*9/L"},
            "findings": {**C, "dilated_ducts": True},
        },
    ),
    (
        "alert_cholangitis",
        {
            "symptoms": {"fever": True, "jaundice": True},
            "findings": {**C, "duct_stricture": True, "dilated_ducts": True},
        },
    ),
    (
        "alert_cholangitis",
        {"symptoms": {"fever": True}, "history": {"recurrent_cholangitis": True}, "findings": {**C}},
    ),
    (
        "alert_cholangitis",
        {
            "symptoms": {"fever": True},
            "history": {"biliary_surgery": True},
            "labs": {"alp": "450 U/L", "bilirubin": "3 mg/dL"},
            "findings": {**C, "dilated_ducts": True},
        },
    ),
    ("alert_cholangitis", {"symptoms": {"fever": True}, "findings": {"saccular_ducts": True}}),
    (
        "alert_cholangitis",
        {
            "history": {"recurrent_cholangitis": True},
            "findings": {**C, "duct_relation": "in_lumen", "dilated_ducts": True},
        },
    ),
    (
        "alert_ce_complicated",
        {
            "exposures": {"dogs_or_livestock": True},
            "symptoms": {"sudden_pain": True},
            "findings": {"host_kind": "fluid", "ring_calcification": True},
        },
    ),
    (
        "alert_ce_complicated",
        {"symptoms": {"allergic_reaction": True}, "findings": {"host_kind": "fluid", "daughter_cysts": True}},
    ),
    ("alert_ce_complicated", {"symptoms": {"fever": True}, "findings": {"ce_stage": "CE3a"}}),
    (
        "alert_ce_complicated",
        {"symptoms": {"hypotension": True}, "findings": {"host_kind": "fluid", "detached_membrane": True}},
    ),
    ("alert_ce_complicated", {"labs": {"bilirubin": "6 mg/dL"}, "findings": {"ce_stage": "CE2"}}),
    ("alert_gas", {"findings": {**C, "gas_in_lesion": True}}),
    ("alert_gas", {"symptoms": {"fever": True}, "findings": {**C, "duct_gas": True}}),
    ("alert_adrenal", {"findings": {**C, "adrenal_calcium": True, "spleen_calcium": True}}),
    ("alert_host", {"findings": {**C, "host_kind": "solid"}}),
    ("alert_host", {"findings": {**C, "arterial_hyperenhancement": True}}),
    ("alert_host", {"findings": {**C, "mass": "4 cm"}}),
    ("alert_host", {"findings": {**C, "host_kind": "fluid", "mural_nodule": True}}),
    ("alert_host", {"findings": {**C, "satellite_lesions": True}}),
    (
        "alert_exclude_cholangiocarcinoma",
        {"findings": {**C, "lobar_atrophy": True, "duct_relation": "in_lumen"}},
    ),
    ("alert_exclude_cholangiocarcinoma", {"labs": {"ca19_9": "220 U/mL"}, "findings": {**C}}),
    (
        "alert_exclude_cholangiocarcinoma",
        {"history": {"primary_sclerosing_cholangitis": True}, "findings": {**C}},
    ),
    ("alert_exclude_cholangiocarcinoma", {"findings": {**C, "duct_wall_thickening": True}}),
    ("alert_cancer_history", {"history": {"cancer": "colon"}, "findings": {**C}}),
    ("alert_cancer_history", {"labs": {"cea": "40 ng/mL"}, "findings": {**C}}),
    ("alert_cancer_history", {"history": {"men2": True}, "findings": {**C}}),
    ("alert_cancer_history", {"findings": {**C, "suspected_primary": "ovary"}}),
    ("alert_cancer_history", {"findings": {**C, "lung_nodules": True}}),
    ("alert_cancer_history", {"labs": {"hiaa": "80 mg/24h"}, "findings": {**C}}),
    ("alert_cancer_history", {"labs": {"pivka_ii": "2000 mAU/mL"}, "findings": {**C}}),
    ("alert_cancer_history", {"labs": {"CA15-3": "120 U/mL"}, "findings": {**C}}),
    (
        "alert_cancer_history",
        {"history": {"liver_surgery": True, "known_primary": "colorectal"}, "findings": {**C}},
    ),
    ("alert_chronic_liver_disease", {"history": {"hepatitis_b": True}, "findings": {**C}}),
    ("alert_chronic_liver_disease", {"findings": {**C, "nodular_surface": True}}),
    ("alert_chronic_liver_disease", {"findings": {**C, "varices": True, "splenomegaly": True}}),
    ("alert_chronic_liver_disease", {"history": {"portal_hypertension": True}, "findings": {**C}}),
    ("alert_child", {"age_months": 20, "findings": {**C}}),
    ("alert_child", {"age_years": 4, "findings": {**C, "palpable_mass": True}}),
    (
        "alert_exclude_cholangiocarcinoma",
        {
            "age_years": 68,
            "symptoms": {"jaundice": True, "weight_loss": True},
            "findings": {"dilated_ducts": True, "host_kind": "infiltrative", **C},
        },
    ),
    ("alert_jaundice", {"symptoms": {"jaundice": True}, "findings": {**C}}),
    ("alert_jaundice", {"labs": {"bilirubin": "88 umol/L"}, "findings": {**C}}),
    ("alert_jaundice", {"symptoms": {"dark_urine": True}, "findings": {**C}}),
    ("alert_growing", {"findings": {**C, "growing": True}}),
    ("alert_growing", {"findings": {**C, "change_since_prior": "new"}}),
    ("alert_vein_occlusion", {"findings": {**C, "portal_thrombosis": True}}),
    ("alert_capsular_retraction", {"findings": {**C, "capsular_retraction": True}}),
    ("alert_needle_echinococcosis", {"exposures": {"dogs_or_livestock": True}, "findings": {**C}}),
    (
        "alert_needle_echinococcosis",
        {"exposures": {"country": "Turkey"}, "findings": {**C, "host_kind": "fluid"}},
    ),
    (
        "alert_needle_echinococcosis",
        {
            "labs": {"echinococcus_serology": False},
            "findings": {**C, "host_kind": "fluid", "ring_calcification": True},
        },
    ),
    (
        "alert_needle_echinococcosis",
        {
            "findings": {
                **C,
                "host_kind": "infiltrative",
                "dominant_morphology": "granular",
                "enhancement": "none",
                "microcystic_areas": True,
            }
        },
    ),
    (
        "alert_mass_without_calcium",
        {"findings": {"intrahepatic_calcification": False, "host_kind": "solid", "host_diameter": "40 mm"}},
    ),
    ("alert_mass_without_calcium", {"findings": {**C, "mass_without_calcium": True}}),
    (
        "alert_cancer_history",
        {
            "history": {"known_primary": "lung"},
            "findings": {"intrahepatic_calcification": False, "host_kind": "solid"},
        },
    ),
]
Q: dict[str, Any] = {
    "age_years": 44,
    "history": {"cancer_history": False, "cirrhosis": False, "hepatitis_b": False},
    "symptoms": {"fever": False, "jaundice": False},
}


def w(**findings: Any) -> dict[str, Any]:
    return {**Q, "findings": {**C, "host_kind": "none", "dilated_ducts": False, **findings}}


NOT: list[tuple[str, dict[str, Any]]] = [
    ("alert_host", {"findings": {**C, "ce_stage": "CE4", "host_diameter": "62 mm"}}),
    ("*", w(largest_calcium="4 mm")),
    ("*", w(focus_count=2, side_of_foci="right")),
    ("*", w(acoustic_shadow="clean", largest_calcium="8 mm", spleen_calcium=True)),
    (
        "*",
        {
            **w(largest_calcium="4 mm"),
            "labs": {
                "afp": "3 ng/mL",
                "cea": "2 ng/mL",
                "ca19_9": "12 U/mL",
                "alp": "70 U/L",
                "bilirubin": "0.6 mg/dL",
            },
        },
    ),
    ("*", {**w(unchanged_two_years=True)}),
    ("*", {**w(lung_granuloma=True)}),
    ("*", w(gallbladder_stones=True)),
    ("*", w(subcapsular=True)),
    ("*", w(steatosis=True)),
    ("*", w(liver_cysts=True)),
    ("*", w(kidney_cysts=True)),
    (
        "*",
        {
            **Q,
            "history": {**Q["history"], "cholecystectomy": True},
            "findings": {**C, "host_kind": "none", "duct_gas": False},
        },
    ),
    (
        "*",
        {
            **Q,
            "history": {**Q["history"], "hypertension": True, "diabetes": True},
            "findings": {**C, "host_kind": "none"},
        },
    ),
    (
        "*",
        {
            **Q,
            "history": {**Q["history"], "dialysis": True},
            "findings": {
                **C,
                "vessel_wall_calcium": True,
                "dominant_morphology": "tram_track",
                "host_kind": "none",
            },
        },
    ),
    (
        "*",
        {
            **Q,
            "exposures": {"tuberculosis_contact": True},
            "findings": {**C, "host_kind": "none", "largest_calcium": "3 mm"},
        },
    ),
    ("*", {**Q, "exposures": {"raw_freshwater_fish": True}, "findings": {**C, "host_kind": "none"}}),
    (
        "alert_cholangitis",
        {
            "symptoms": {"fever": True},
            "findings": {**C, "dilated_ducts": False, "host_kind": "none", "largest_calcium": "3 mm"},
        },
    ),
    (
        "alert_cholangitis",
        {
            "history": {"recurrent_cholangitis": True},
            "findings": {"duct_relation": "in_lumen", "dilated_ducts": True},
            "symptoms": {"fever": False, "jaundice": False},
        },
    ),
    (
        "alert_cholangitis",
        {
            "findings": {"duct_relation": "in_lumen", "dilated_ducts": True},
            "symptoms": {"fever": False},
            "labs": {"bilirubin": "0.6 mg/dL", "crp": "2 mg/L"},
        },
    ),
    ("alert_gas", {"history": {"biliary_surgery": True}, "findings": {**C, "duct_gas": True}}),
    ("alert_jaundice", {"labs": {"bilirubin": "0.9 mg/dL"}, "findings": {**C}}),
    ("alert_child", {"age_years": 6, "findings": {**C}}),
    ("alert_growing", {"findings": {**C, "change_since_prior": "stable"}}),
    ("alert_growing", {"findings": {**C, "change_since_prior": "shrunk"}}),
    (
        "alert_host",
        {"findings": {**C, "host_kind": "fluid", "enhancement": "none", "host_attenuation": "water"}},
    ),
    ("alert_host", {"findings": {**C, "host_kind": "fat"}}),
    (
        "alert_aneurysm",
        {"findings": {**C, "ring_calcification": True, "host_kind": "fluid", "enhancement": "none"}},
    ),
    ("alert_aneurysm", {"findings": {"dominant_morphology": "tram_track", "vessel_wall_calcium": True}}),
    (
        "alert_ce_complicated",
        {"symptoms": {"fever": True}, "findings": {**C, "host_kind": "solid", "enhancement": "rim"}},
    ),
    (
        "alert_ce_complicated",
        {"symptoms": {"jaundice": True}, "findings": {"hilar_stricture": True, "dilated_ducts": True}},
    ),
    ("alert_adrenal", {"findings": {**C, "spleen_calcium": True, "adrenal_calcium": False}}),
    ("alert_needle_echinococcosis", w(largest_calcium="3 mm")),
    (
        "alert_needle_echinococcosis",
        {
            "findings": {**C, "host_kind": "solid", "enhancement": "arterial_washout"},
            "history": {"cirrhosis": True},
        },
    ),
    (
        "alert_exclude_cholangiocarcinoma",
        {"labs": {"ca19_9": "20 U/mL"}, "findings": {**C, "dilated_ducts": False, "duct_stricture": False}},
    ),
    (
        "alert_cancer_history",
        {"history": {"family_cancer": True, "cancer_history": False}, "findings": {**C}},
    ),
    (
        "alert_cancer_history",
        {"labs": {"cea": "4 ng/mL", "ca125": "20 U/mL", "afp": "6 ng/mL"}, "findings": {**C}},
    ),
    (
        "alert_chronic_liver_disease",
        {"history": {"hepatitis_b": False, "alcohol_use": True}, "findings": {**C}},
    ),
    ("alert_vein_occlusion", {"findings": {**C, "portal_thrombosis": False}}),
]


@pytest.fixture(autouse=True)
def no_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the next tests, which take longer than all the rest and bear on no alert."""
    monkeypatch.setattr(sys.modules["hepalith.management.advise"], "plan_next_tests", lambda _: ())


def raised(table: dict[str, Any]) -> set[str]:
    return {a.id for a in diagnose(make_patient(table)).plan.alerts} - {REMINDER}


@pytest.mark.parametrize(
    ("alert", "table"), [pytest.param(a, t, id=f"{n:02d}_{a}") for n, (a, t) in enumerate(MUST)]
)
def test_the_alert_is_raised(alert: str, table: dict[str, Any]) -> None:
    assert alert in raised(table)


@pytest.mark.parametrize(
    ("alert", "table"), [pytest.param(a, t, id=f"{n:02d}_{a}") for n, (a, t) in enumerate(NOT)]
)
def test_the_alert_is_not_raised(alert: str, table: dict[str, Any]) -> None:
    if alert == "*":
        assert raised(table) == set()
    else:
        assert alert not in raised(table)
