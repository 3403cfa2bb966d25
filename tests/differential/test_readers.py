"""Which findings are weighed and which only told; what follows from what; names that mean one thing."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

from hepalith.differential import load_knowledge
from hepalith.vocabulary import load_vocabulary

PAGE = Path(__file__).resolve().parents[2] / "docs" / "explanation" / "the-differential.md"

TOLD_ONLY = {
    "intrahepatic_calcification",  # whether there is anything to explain
    "mass_without_calcium",  # an alert of its own
    "liver_in_view",
    "outline_trust",
    "steatosis",
    "small_liver",
    "strong_echo",  # that there is something to explain on ultrasound, its substance unknown
    "bright_liver",  # fat on ultrasound: as steatosis
    "coarse_echotexture",  # of one plane, and no more than a hint of cirrhosis
    "twinkling",  # measured in kidney stones only
    "transplant_candidate",
    "albumin_low",  # how ill, not with what
    "hypotension",
    "confusion",
    "ldh_up",
    "fatigue",
    "nausea_or_vomiting",
    # what letters state beside, understood and shown
    *("appendectomy", "autoantibodies", "autoimmune_disease", "autoimmune_liver_disease", "back_pain"),
    *("blood_transfusion", "cat_scratch", "chest_pain", "childbirth", "constipation", "drug_use", "dyspnoea"),
    *("family_cancer", "haematuria", "headache", "heart_disease", "hyperlipidaemia", "hypertension"),
    *("inflammatory_bowel_disease", "joint_or_bone_pain", "leg_oedema", "lung_disease", "malaria"),
    *("neck_mass", "obesity", "other_surgery", "outdoor_work", "raw_meat", "skin_rash", "smoking"),
    *("splenectomy", "thyroid_disease", "travel", "typhoid_or_melioidosis"),
}
"""Findings that tell no diagnosis from another, or decide what is done and not what it is."""

TABLES = {
    "findings": ("finding", "pattern", "laboratory_finding", "symptom"),
    "exposures": ("exposure",),
    "history": ("history",),
    "labs": ("laboratory",),
}
"""Tables of a patient file and the groups of the vocabulary that they may name."""


def test_every_other_finding_is_weighed() -> None:
    weighed = {reader.id for feature in load_knowledge().features.values() for reader in feature.findings}
    groups = ("finding", "pattern", "laboratory_finding", "symptom", "exposure", "history")
    assert {t.id for t in load_vocabulary().of_group(*groups)} - weighed == TOLD_ONLY


def test_the_page_says_what_follows_from_what() -> None:
    follows = defaultdict(list)
    for feature in load_knowledge().features.values():
        if feature.given:
            follows[feature.given].append(feature.id)
    rows = re.findall(
        r"^\| `(\w+)` \| ((?:`\w+`(?:, )?)+) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE
    )
    assert {name: re.findall(r"\w+", dependants) for name, dependants in rows} == {
        name: sorted(dependants) for name, dependants in follows.items()
    }


def test_what_follows_from_something_follows_from_nothing_else() -> None:
    features = load_knowledge().features
    for feature in features.values():
        assert feature.given is None or features[feature.given].given is None


def test_a_name_means_one_term_within_a_table_of_the_patient_file() -> None:
    for groups in TABLES.values():
        meant = defaultdict(set)
        for term in load_vocabulary().of_group(*groups):
            for name in (term.id, term.en, term.zh, *term.synonyms):
                meant[re.sub(r"[ -]", "_", name.strip().casefold())].add(term.id)
        assert {name: ids for name, ids in meant.items() if len(ids) > 1} == {}


def test_every_finding_of_a_report_has_names_in_both_languages() -> None:
    han = re.compile(r"[\u4e00-\u9fff]")
    for term in load_vocabulary().of_group("finding", "laboratory_finding", "symptom"):
        assert han.search(term.zh), term.id
        assert not han.search(term.en), term.id
