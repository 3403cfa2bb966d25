"""What the source article says, claim by claim (docs/reference/claims.md): signs move what they should."""

import math
from collections.abc import Mapping
from functools import cache
from typing import Any

import pytest

from hepalith.differential import hypothesise, load_knowledge
from hepalith.finding import findings_from_patient
from hepalith.management import load_policy
from hepalith.reading.opinion import Opinion, diagnose
from hepalith.settings import Settings
from hepalith.study.patient_file import make_patient
from hepalith.vocabulary import load_vocabulary

LITTLE = 0.1
"""Weight (log10) below which a sign says little: a factor of 1.26."""

MASS = {"host_kind": "solid"}
DUCT = {"dilated_ducts": True}
CHILD = {"age_years": 3}


def as_file(said: Mapping[str, Any]) -> dict[str, Any]:
    keys = {k: v for k, v in said.items() if k in {"age_years", "sex", "setting", "exam_date"}}
    return {**keys, "findings": {k: v for k, v in said.items() if k not in keys}}


def odds(said: Mapping[str, Any], diagnosis: str) -> float:
    patient = make_patient(as_file(said))
    belief = hypothesise(findings_from_patient(patient), (), patient)
    probability = float(belief.posterior[belief.diagnoses.index(diagnosis)])
    return math.log10(probability / (1 - probability))


def opinion_of(said: Mapping[str, Any], policy: str = "guideline") -> Opinion:
    return diagnose(as_file(said), settings=Settings(policy=policy))


def weight(sign: Mapping[str, Any], diagnosis: str, base: Mapping[str, Any]) -> float:
    return odds({**base, **sign}, diagnosis) - odds(base, diagnosis)


FOR: dict[str, tuple[dict[str, Any], str, dict[str, Any]]] = {
    "S12": ({"liver_trauma": True}, "old_haematoma", {}),
    "S28": ({"calcium_phosphate_disturbed": True}, "ischaemic_metabolic", {}),
    "S29": ({"shock_or_ischaemia": True}, "ischaemic_metabolic", {}),
    "S31": ({"liver_abscess": True}, "abscess_scar", {}),
    "S32": ({"liver_trauma": True}, "old_haematoma", {"host_kind": "none"}),
    "S33": ({"dominant_morphology": "pin"}, "simple_healed", {}),
    "S35": ({"duct_relation": "apart"}, "simple_healed", {}),
    "S41": ({"acoustic_shadow": "clean", "along_duct": True}, "hepatolithiasis", {}),
    "S42": ({"along_duct": True}, "hepatolithiasis", {}),
    "S43": ({"beaded_chain": True}, "hepatolithiasis", {"along_duct": True}),
    "S44": ({"bile_around_focus": True}, "hepatolithiasis", {}),
    "S45": ({"dilated_ducts": True}, "hepatolithiasis", {"bile_around_focus": True}),
    "S58": ({"dominant_morphology": "stellate"}, "fibrolamellar", {**MASS, "age_years": 22}),
    "S63": ({"bulls_eye": True}, "metastasis_crc", {}),
    "S64": ({"dominant_morphology": "granular"}, "metastasis_crc", MASS),
    "S79": ({"chemotherapy": True}, "treated_lesion", MASS),
    "S81": ({"alp_ggt_up": True}, "metastasis_crc", {}),
    "S87": ({"dogs_or_livestock": True}, "ce_inactive_CE4_5", {}),
    "S88": ({"schistosoma_water": True}, "schisto_japonica", {}),
    "S89": ({"host_kind": "infiltrative"}, "alveolar_echinococcosis", {}),
    "S90": ({"dominant_morphology": "rim"}, "ce_inactive_CE4_5", {}),
    "S91": ({"host_kind": "fluid", "acoustic_shadow": "clean"}, "ce_inactive_CE4_5", {}),
    "S92": ({"ill_defined_margin": True}, "alveolar_echinococcosis", {"host_kind": "infiltrative"}),
    "S93": ({"dominant_morphology": "granular"}, "alveolar_echinococcosis", {}),
    "S94": ({"lesion_necrosis": True}, "alveolar_echinococcosis", {"host_kind": "infiltrative"}),
    "S95": ({"enhancement": "none"}, "alveolar_echinococcosis", {"host_kind": "infiltrative"}),
    "S96": ({"microcystic_areas": True}, "alveolar_echinococcosis", {"host_kind": "infiltrative"}),
    "S98": ({"septal_network": True, "along_capsule": True}, "schisto_japonica", {}),
    "S103": ({"bilobar_even": True}, "tb_hepatic", {}),
    "S106": ({"active_lung_tb": True}, "tb_hepatic", {}),
    "S107": ({"liver_abscess": True}, "abscess_scar", {"host_kind": "none"}),
    "S108": ({"dominant_morphology": "rim"}, "abscess_scar", {}),
    "S109": ({"unchanged_two_years": True}, "abscess_scar", {"dominant_morphology": "eggshell"}),
    "S112": ({"recurrent_cholangitis": True}, "hepatolithiasis", {}),
    "S113": ({"alp_ggt_up": True, "fever": True}, "hepatolithiasis", DUCT),
    "S114": ({"lobar_atrophy": True}, "hepatolithiasis", {}),
    "S117": ({"recurrent_cholangitis": True}, "icc", {}),
    "S123": ({"unchanged_two_years": True}, "simple_healed", {}),
    "S125": ({"dilated_ducts": True}, "hepatolithiasis", {}),
    "S130": ({"bile_around_focus": True}, "hepatolithiasis", DUCT),
    "S131": ({"lobar_atrophy": True}, "hepatolithiasis", DUCT),
    "S135": ({"host_kind": "none"}, "simple_healed", {}),
    "S136": ({"change_since_prior": "stable"}, "simple_healed", {}),
}
"""Claim: what is seen, which diagnosis gains by it, and what was known before."""

AGAINST: dict[str, tuple[dict[str, Any], str, dict[str, Any]]] = {
    "S24": ({"fever": True}, "simple_healed", {}),
    "S25": ({"lobar_atrophy": True}, "simple_healed", {}),
    "S37": ({"dilated_ducts": True}, "simple_healed", {}),
    "S126": ({"lobar_atrophy": True, "nodular_surface": True}, "simple_healed", {}),
    "S134": ({"along_duct": True}, "simple_healed", {}),
    "S137": ({"change_since_prior": "grown"}, "simple_healed", {}),
    "S142": ({"change_since_prior": "grown"}, "simple_healed", {"largest_calcium": "4 mm"}),
}
"""The same, of a diagnosis that loses by it."""

RATHER: dict[str, tuple[dict[str, Any], str, str]] = {
    "S9": ({"duct_relation": "in_lumen"}, "hepatolithiasis", "simple_healed"),
    "S132": ({"side_of_foci": "left"}, "hepatolithiasis", "simple_healed"),
    "S5": ({"side_of_foci": "right"}, "simple_healed", "hepatolithiasis"),
    "S65": ({"dominant_morphology": "plaque", **MASS}, "metastasis_crc", "simple_healed"),
    "S66": ({"dominant_morphology": "punctate", **MASS}, "metastasis_crc", "simple_healed"),
    "S52": ({"dominant_morphology": "band", **MASS}, "haemangioma", "simple_healed"),
}
"""Claim: a sign, the diagnosis that it favours, and over which one."""

COMMONER: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "S10": ("simple_healed", "hepatolithiasis", ("incidental_low_tb", "health_check_east_asia")),
    "S22": ("simple_healed", "metastasis_crc", ("incidental_low_tb", "health_check_east_asia")),
    "S50": ("haemangioma", "adenoma", ("incidental_low_tb", "health_check_east_asia")),
    "S53": ("haemangioma", "hcc", ("incidental_low_tb", "health_check_east_asia")),
    "S55": ("hepatoblastoma", "hcc", ("child_under_five",)),
    "S86": ("ce_inactive_CE4_5", "fluke_disease", ("incidental_low_tb",)),
    "S100": ("abscess_scar", "brucelloma", ("incidental_low_tb", "health_check_east_asia")),
}
"""Claim: the diagnosis that is commoner, than which, in which populations."""

CAUSES: dict[str, tuple[str, ...]] = {
    "S11": ("tb_hepatic", "abscess_scar", "brucelloma", "sarcoid"),
    "S13": ("ce_inactive_CE4_5", "alveolar_echinococcosis", "schisto_japonica", "fluke_disease"),
    "S14": ("haemangioma", "hcc", "icc", "metastasis_crc", "metastasis_other"),
    "S15": ("neonatal_calcification", "foregut_cyst"),
    "S54": ("fibrolamellar",),
    "S59": ("metastasis_crc", "metastasis_breast", "metastasis_gastric", "metastasis_other"),
    "S101": ("candida_healed", "brucelloma", "portal_vein_calc", "sarcoid"),
    "S120": ("old_haematoma", "abscess_scar", "simple_healed"),
    "S121": ("schisto_japonica", "ce_inactive_CE4_5", "fluke_disease"),
    "S122": ("tb_hepatic", "candida_healed", "sarcoid"),
}
"""Claim: causes that it names."""

LIKELIER: dict[str, tuple[str, str, str | None, str, str]] = {
    "S2": ("simple_healed", "age", None, "40to65", "gt65"),
    "S4": ("simple_healed", "extent", None, "single", "several"),
    "S6": ("simple_healed", "side", "single", "right", "left"),
    "S23": ("simple_healed", "extent", None, "single", "diffuse"),
    "S36": ("simple_healed", "shadow", "lt3", "weak", "strong"),
    "S51": ("haemangioma", "form", None, "septal", "ring"),
    "S56": ("fibrolamellar", "age", None, "15to25", "40to65"),
    "S57": ("hepatoblastoma", "age", None, "1to5", "5to15"),
    "S60": ("metastasis_crc", "host_size", "solid", "20to50", "lt20"),
    "S61": ("metastasis_crc", "host_size", "solid", "50to100", "lt20"),
    "S104": ("tb_hepatic", "calcium_size", None, "8to30", "gt30"),
    "S105": ("tb_hepatic", "calcium_size", None, "8to30", "gt30"),
}
"""Claim: a diagnosis, a feature, the parent's value, and which value is likelier than which."""


@cache
def number(diagnosis: str, feature: str, parent: str | None, value: str) -> float:
    knowledge = load_knowledge()
    entry = next(e for e in knowledge.entries if e.id == diagnosis)
    found = knowledge.distribution(entry, None, knowledge.features[feature], parent or "any")
    rest = 1.0 - sum(n.value for n in found.values())
    return found[value].value if value in found else rest


@pytest.mark.parametrize("claim", FOR)
def test_a_sign_speaks_for_its_disease(claim: str) -> None:
    assert weight(*FOR[claim]) > 0


@pytest.mark.parametrize("claim", AGAINST)
def test_a_sign_speaks_against_a_disease(claim: str) -> None:
    assert weight(*AGAINST[claim]) < 0


@pytest.mark.parametrize("claim", RATHER)
def test_of_two_diseases_a_sign_favours_one(claim: str) -> None:
    sign, favoured, other = RATHER[claim]
    assert weight(sign, favoured, {}) > weight(sign, other, {})


@pytest.mark.parametrize("claim", COMMONER)
def test_one_disease_is_commoner_than_another(claim: str) -> None:
    more, less, settings = COMMONER[claim]
    priors = {e.id: e.prior for e in load_knowledge().entries}
    assert all(priors[more][s].value > priors[less][s].value for s in settings)


def test_stones_are_commoner_where_they_are_endemic() -> None:
    prior = next(e.prior for e in load_knowledge().entries if e.id == "hepatolithiasis")
    assert prior["health_check_east_asia"].value > 5 * prior["incidental_low_tb"].value


@pytest.mark.parametrize("claim", CAUSES)
def test_a_cause_that_is_named_is_among_the_diagnoses(claim: str) -> None:
    priors = {e.id: e.prior for e in load_knowledge().entries}
    for cause in CAUSES[claim]:
        assert all(n.value > 0 for n in priors[cause].values())
        assert load_vocabulary()[cause].zh


@pytest.mark.parametrize("claim", LIKELIER)
def test_a_value_is_likelier_than_another(claim: str) -> None:
    diagnosis, feature, parent, more, less = LIKELIER[claim]
    assert number(diagnosis, feature, parent, more) > number(diagnosis, feature, parent, less)


def test_sex_says_little_of_a_simple_focus() -> None:
    for sex in ("male", "female"):
        assert abs(weight({"sex": sex}, "simple_healed", {})) < LITTLE


def test_calcium_of_a_deposit_may_lie_anywhere_in_it() -> None:
    places = [
        number("metastasis_crc", "position", "solid", v) for v in ("central", "peripheral", "throughout")
    ]
    assert min(places) >= 0.1


def test_no_form_is_the_rule_in_a_deposit() -> None:
    forms = load_knowledge().features["form"].values
    assert max(number("metastasis_crc", "form", None, v) for v in forms) < 0.75


def test_schistosomiasis_may_show_much_or_little() -> None:
    extents = ("single", "several", "diffuse")
    shares = [number("schisto_japonica", "extent", None, value) for value in extents]
    assert shares == sorted(shares)
    assert min(shares) >= 0.03


def test_a_stone_in_a_wide_duct_is_the_surest_sign_of_stones() -> None:
    said = {"duct_relation": "in_lumen", "dilated_ducts": True, "acoustic_shadow": "clean", "multiple": True}
    first = opinion_of(said).differential.diagnoses[0]
    assert first.diagnosis == "hepatolithiasis"
    assert first.supporting[0].finding == "duct_relation"


@pytest.mark.parametrize("form", ["pin", "punctate", "band", "beaded", "lump", "nodular"])
def test_no_form_excludes_a_stone(form: str) -> None:
    said = {"along_duct": True, "dilated_ducts": True, "dominant_morphology": form}
    assert opinion_of(said).differential.diagnoses[0].diagnosis == "hepatolithiasis"


@pytest.mark.parametrize("sign", ["side_of_foci", "multiple_foci", "dominant_morphology", "largest_calcium"])
def test_place_number_form_and_size_all_count(sign: str) -> None:
    stated = {
        "side_of_foci": "left",
        "multiple_foci": True,
        "dominant_morphology": "eggshell",
        "largest_calcium": "40 mm",
    }
    assert abs(weight({sign: stated[sign]}, "simple_healed", {})) > 0.01


def test_fibrolamellar_cancer_is_likelier_than_the_usual_one_in_a_young_healthy_liver() -> None:
    said = {**MASS, "age_years": 22, "cirrhosis": False, "hepatitis_b": False, "central_scar": True}
    assert odds(said, "fibrolamellar") > odds(said, "hcc")


PRIMARIES = {
    "S68": "colon",
    "S69": "breast",
    "S70": "stomach",
    "S71": "thyroid",
    "S72": "ovary",
    "S73": "lung",
    "S74": "leiomyosarcoma",
    "S75": "neuroendocrine",
    "S76": "osteosarcoma",
    "S77": "melanoma",
}
"""Claim: the primary that is looked for, in the article's order."""


@pytest.mark.parametrize("claim", PRIMARIES)
def test_the_primary_is_searched_in_the_articles_order(claim: str) -> None:
    (rule,) = [r for r in load_policy("guideline").rules if r.id == "metastasis"]
    text = rule.en.lower()
    names = list(PRIMARIES.values())
    at = names.index(PRIMARIES[claim])
    places = [text.index(name) for name in names[: at + 1]]
    assert places == sorted(places)


STEPS: dict[str, tuple[dict[str, Any], str, str]] = {
    "S20": ({"age_years": 60, "cancer_history": True}, "article", "article_ct_undecided"),
    "S21": ({"age_years": 60, "cancer_history": True}, "article", "article_ct_metastasis"),
    "S39": ({"age_years": 40, "largest_calcium": "4 mm", "host_kind": "none"}, "article", "article_simple"),
    "S40": ({"age_years": 40, "largest_calcium": "4 mm", "host_kind": "none"}, "article", "article_simple"),
    "S118": ({"duct_relation": "in_lumen", "dilated_ducts": True}, "article", "article_stones"),
    "S119": (
        {"duct_relation": "in_lumen", "dilated_ducts": True, "jaundice": True, "fever": False},
        "article",
        "article_stones_ill",
    ),
    "S146": (
        {"duct_relation": "in_lumen", "dilated_ducts": True, "jaundice": True, "fever": False},
        "article",
        "article_stones_ill",
    ),
}
"""Claim: a case, the policy, and the clause that holds in it."""


@pytest.mark.parametrize("claim", STEPS)
def test_the_clause_holds_in_its_case(claim: str) -> None:
    said, policy, rule = STEPS[claim]
    assert rule in {a.rule for a in opinion_of(said, policy).plan.actions}


SAYINGS = {
    "S17": ("guideline", "fetus", "0.057 %"),
    "S18": ("article", "article_ct_undecided", "Ultrasound is first"),
    "S19": ("article", "article_ct_undecided", "shows calcium best"),
}
"""Claim: a policy, its clause, and the words in it."""


@pytest.mark.parametrize("claim", SAYINGS)
def test_the_clause_says_so(claim: str) -> None:
    policy, name, words = SAYINGS[claim]
    (rule,) = [r for r in load_policy(policy).rules if r.id == name]
    assert words in rule.en


def test_the_article_is_followed_for_two_to_three_years_every_three_to_six_months() -> None:
    (rule,) = [r for r in load_policy("article").rules if r.id == "article_simple"]
    assert rule.repeat is not None
    assert rule.repeat.every_months == (3, 6)
    assert (rule.repeat.may_stop_from_months, rule.repeat.until_months) == (24, 36)


def test_stones_are_those_above_the_confluence_and_dilatation_is_upstream() -> None:
    assert "upstream" in load_vocabulary()["dilated_ducts"].definition
    assert "intrahepatic" in load_vocabulary()["hepatolithiasis"].en.lower()


def test_the_turtle_back_is_a_pattern_with_its_names() -> None:
    assert {"turtle-back", "map liver"} <= set(load_vocabulary()["septal_network"].synonyms)
