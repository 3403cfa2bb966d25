"""No single finding swings the answer absurdly, and no textbook picture hangs on one of its findings."""

from __future__ import annotations

import copy
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hepalith.differential import load_knowledge
from hepalith.differential.belief import hypothesise
from hepalith.study.patient_file import make_patient

PICTURES: list[dict[str, Any]] = tomllib.loads(
    (Path(__file__).parent / "textbook.toml").read_text(encoding="utf-8")
)["picture"]

TEXTBOOK = [p for p in PICTURES if p["kind"] == "textbook"]

MALIGNANT = {e.id for e in load_knowledge().entries if e.malignant}

ADULT_SETTINGS = ["incidental_low_tb", "health_check_east_asia", "oncology", "ce_endemic"]


def ranked(stated: dict[str, Any]) -> list[tuple[str, float]]:
    belief = hypothesise((), (), make_patient(stated))
    order = np.argsort(-belief.posterior, kind="stable").tolist()
    return [(belief.diagnoses[i], float(belief.posterior[i])) for i in order]


def names(stated: dict[str, Any], count: int = 3) -> list[str]:
    return [name for name, _ in ranked(stated)[:count]]


def stated_in(picture: dict[str, Any]) -> dict[str, Any]:
    return copy.deepcopy({k: v for k, v in picture.items() if k not in ("diagnosis", "kind")})


# --- single findings


COMMON = [
    *(("symptoms", s) for s in ("fever", "weight_loss", "abdominal_pain", "right_upper_quadrant_pain")),
    *(("symptoms", s) for s in ("loss_of_appetite", "fatigue", "cough", "nausea_or_vomiting", "diarrhoea")),
    *(("findings", f) for f in ("alp_ggt_up", "alt_ast_up", "inflammation_up", "ca19_9_up", "eosinophilia")),
    *(("findings", f) for f in ("multiple_foci", "steatosis", "gallbladder_stones", "kidney_cysts")),
    *(("history", h) for h in ("diabetes", "alcohol_use", "cholecystectomy", "hepatitis_b")),
]


@pytest.mark.parametrize(("table", "finding"), COMMON)
def test_one_common_finding_does_not_unseat_the_simple_focus(table: str, finding: str) -> None:
    """A focus of which nothing is known but a complaint or a blood value is still most often simple."""
    first, chance = ranked({table: {finding: True}})[0]
    assert first == "simple_healed"
    assert chance > 0.4


@pytest.mark.parametrize(("table", "finding"), COMMON)
def test_one_common_finding_makes_no_rare_disease_likely(table: str, finding: str) -> None:
    for name, chance in ranked({table: {finding: True}})[1:]:
        assert chance < 0.15, name


MASS = [
    (setting, host)
    for setting in ADULT_SETTINGS
    for host in ("solid", "mixed", "infiltrative")
    if (setting, host) != ("ce_endemic", "mixed")
]
"""Where hydatid cysts are one in three, a mixed lesion with calcium is first of all one of them."""


@pytest.mark.parametrize(("setting", "host"), MASS)
def test_a_mass_leaves_a_cancer_among_the_first_three(setting: str, host: str) -> None:
    assert MALIGNANT & set(names({"setting": setting, "findings": {"host_kind": host}}))


MORE: list[dict[str, Any]] = [
    {},
    {"multiple_foci": True},
    {"alp_ggt_up": True},
    {"weight_loss": True},
    {"dominant_morphology": "granular"},
]


@pytest.mark.parametrize("host", ["solid", "mixed", "infiltrative"])
@pytest.mark.parametrize("more", MORE)
@pytest.mark.parametrize("age", [50, 60, 75])
def test_a_mass_of_an_older_adult_leaves_a_cancer_among_the_first_three(
    host: str, more: dict[str, Any], age: int
) -> None:
    assert MALIGNANT & set(names({"age_years": age, "findings": {"host_kind": host, **more}}))


@pytest.mark.parametrize("host", ["solid", "mixed", "infiltrative"])
@pytest.mark.parametrize("more", MORE)
def test_a_mass_of_a_young_adult_is_not_benign_by_youth(host: str, more: dict[str, Any]) -> None:
    found = ranked({"age_years": 30, "findings": {"host_kind": host, **more}})
    assert sum(chance for name, chance in found if name in MALIGNANT) > 0.1


# --- history decides


PRIMARIES = {
    "colorectal": "metastasis_crc",
    "breast": "metastasis_breast",
    "stomach": "metastasis_gastric",
    "thyroid_medullary": "metastasis_mtc",
    "ovary": "metastasis_ovary",
    "neuroendocrine": "metastasis_net",
    "osteosarcoma": "metastasis_osteosarcoma",
    "lung": "metastasis_other",
    "melanoma": "metastasis_other",
    "pancreas": "metastasis_other",
}


@pytest.mark.parametrize("primary", PRIMARIES)
@pytest.mark.parametrize("host", ["solid", "mixed"])
@pytest.mark.parametrize("sex", [None, "female"])
def test_a_known_primary_and_a_mass_are_a_metastasis(primary: str, host: str, sex: str | None) -> None:
    stated: dict[str, Any] = {"history": {"known_primary": primary}, "findings": {"host_kind": host}}
    if sex:
        stated["sex"] = sex
    assert names(stated, 1) == [PRIMARIES[primary]]


@pytest.mark.parametrize("primary", PRIMARIES)
def test_a_known_primary_alone_keeps_its_metastasis_among_three(primary: str) -> None:
    assert PRIMARIES[primary] in names({"history": {"known_primary": primary}})


@pytest.mark.parametrize("liver", ["cirrhosis", "hepatitis_b", "hepatitis_c"])
@pytest.mark.parametrize(
    "sign", [{"arterial_hyperenhancement": True}, {"enhancement": "arterial_washout"}, {"washout": True}]
)
def test_a_diseased_liver_and_an_arterial_mass_are_a_hepatocellular_carcinoma(
    liver: str, sign: dict[str, Any]
) -> None:
    assert names({"history": {liver: True}, "findings": {"host_kind": "solid", **sign}}, 1) == ["hcc"]


@pytest.mark.parametrize("age", [0.8, 1.5, 3, 4.5])
def test_a_young_child_with_a_mass_and_alpha_fetoprotein_has_a_hepatoblastoma(age: float) -> None:
    assert names({"age_years": age, "findings": {"host_kind": "solid", "afp_up": True}}, 1) == [
        "hepatoblastoma"
    ]


# --- textbook pictures bend and do not break


def lessened(picture: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the picture without one of the things it states."""
    for table in ("history", "exposures", "symptoms", "labs", "findings"):
        for name in picture.get(table, {}):
            less = stated_in(picture)
            del less[table][name]
            yield less
    for name in ("age_years", "sex"):
        less = stated_in(picture)
        if less.pop(name, None) is not None:
            yield less


@pytest.mark.parametrize("picture", [pytest.param(p, id=p["diagnosis"]) for p in TEXTBOOK])
def test_a_textbook_picture_hangs_on_no_single_finding(picture: dict[str, Any]) -> None:
    for less in lessened(picture):
        assert picture["diagnosis"] in names(less)


ODD = {
    "history": {"diabetes": True},
    "symptoms": {"fatigue": True, "nausea_or_vomiting": True},
    "findings": {"steatosis": True, "gallbladder_stones": True, "alt_ast_up": True},
}
"""Things that reports say of many patients, whatever they have."""


@pytest.mark.parametrize("picture", [pytest.param(p, id=p["diagnosis"]) for p in TEXTBOOK])
def test_details_that_many_people_have_do_not_hide_a_textbook_picture(picture: dict[str, Any]) -> None:
    stated = stated_in(picture)
    for table, more in ODD.items():
        stated[table] = {**more, **stated.get(table, {})}
    assert picture["diagnosis"] in names(stated)


@pytest.mark.parametrize(
    "picture", [pytest.param(p, id=p["diagnosis"]) for p in TEXTBOOK if p["diagnosis"] in MALIGNANT]
)
def test_a_textbook_cancer_is_never_lost_for_want_of_age_and_complaints(picture: dict[str, Any]) -> None:
    stated = stated_in(picture)
    for left_out in ("age_years", "sex", "symptoms"):
        stated.pop(left_out, None)
    assert MALIGNANT & set(names(stated))
