"""How well reports of somebody else are read; and that the lexicon covers the vocabulary."""

import re
from pathlib import Path

import pytest
from benchmarks.text import Given, Score, given_of, gold_of, is_right, load_reports, score

from hepalith.finding.text.lexicon import Tag, expand, load_concepts
from hepalith.finding.text.place import load_joins, load_normals
from hepalith.finding.text.read import read_report
from hepalith.vocabulary import load_vocabulary

FLOOR = {"en": 0.92, "zh": 0.93, "later_en": 0.93, "later_zh": 0.93, "fresh_en": 0.89, "fresh_zh": 0.91}
"""F1 that is not fallen below: what was measured, rounded down to leave a report or two."""


def _value(text: str, name: str) -> object:
    given = given_of(read_report(text)).get(name)
    return None if given is None or given.is_open else given.value


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("Liver calcification. There is no jaundice, fever or weight loss.", "fever", False),
        ("No acoustic shadow deep to the 7 mm right hepatic echogenic lesion.", "side_of_foci", "right"),
        ("Calcification in the liver. No EtOH, never smoker.", "smoking", False),
        ("强回声，随体位移动，考虑胆管积气。肝内未见钙化。", "intrahepatic_calcification", False),
        ("Hyperechoic lesion in segment V with acoustic shadow, 14 mm.", "host_kind", None),
        ("Hyperechoic lesion in segment V, 14 mm, hemangioma.", "acoustic_shadow", None),
        ("Calcified focus in segment VI measures 12 mm, previously 8 mm.", "change_since_prior", "grown"),
        ("Calcified focus in segment VI measures 9 mm, previously 8 mm.", "change_since_prior", "stable"),
        ("A new calcification in segment IV, not present on the prior CT.", "change_since_prior", "new"),
        ("A 12 mm calcified focus in segment IVb/VIII.", "multiple_foci", None),
        ("CT ABDOMEN: 5 mm calcification in segment IV.", "intrahepatic_calcification", True),
        ("Portal vein: 11 mm\nCalcification 1 (seg 6): 9 mm", "vessel_wall_calcium", None),
        (
            "Liver calcification 5 mm. Spleen enlarged 15.5 cm.",
            "largest_calcium",
            {"value": 5.0, "unit": "mm"},
        ),
        ("Hepatic calcification. His mother died of breast cancer.", "known_primary", None),
        ("Fetal liver calcification at 21+3 weeks.", "gestation_weeks", 21.43),
        ("肝内钙化。否认肝炎病史。", "hepatitis_b", False),
        ("肝内钙化。既往肝炎病史。", "hepatitis_b", None),
        ("Liver calcification. Blood cultures: negative.", "positive_blood_culture", False),
        ("Liver calcification. ALP/GGT 320/210 U/L", "labs.alp", {"value": 320.0, "unit": "U/L"}),
        ("Liver calcification. Plt 8.2 x10^4/uL", "labs.platelets", {"value": 82.0, "unit": "10*3/uL"}),
        ("Exam date: 2024-03-05. Liver calcification.", "exam_date", "2024-03-05"),
        ("肝脏大小正常，肝内光点分布均匀，胆管无扩张。", "intrahepatic_calcification", None),
        ("肝左叶厚径5.2cm，右叶斜径12.1cm，右叶内可探及一强光团。", "side_of_foci", "right"),
        ("肝左叶肿块，内见点状钙化，肝门淋巴结增大，短径1.3cm。", "largest_calcium", None),
        ("Liver calcification 4 mm. GB distended; no calculus.", "gallbladder_stones", False),
        ("Report date: 2024. Liver calcification.", "exam_date", None),
        ("Hyperechoic focus in segment VII without posterior shadow.", "strong_echo", True),
        ("Hyperechoic focus in segment VII without posterior shadow.", "intrahepatic_calcification", None),
        ("Hyperechoic focus seg 7 without posterior shadow - ?haemangioma.", "acoustic_shadow", "none"),
        ("Hyperechoic focus with posterior shadow in segment VII.", "strong_echo", None),
        ("Hyperechoic focus with posterior shadow in segment VII.", "intrahepatic_calcification", True),
        ("Echogenic focus without shadow, a calcification on CT.", "intrahepatic_calcification", True),
        (
            "Liver calcification. Plasma calcitonin level was over 1000 ng/l (normal < 50 ng/l).",
            "labs.calcitonin",
            {"value": 1000.0, "unit": "ng/L", "upper_limit": 50.0},
        ),
        ("Liver calcification. Calcitonin over 1000 ng/l (normal < 50 ng/l).", "calcitonin_up", None),
        (
            "Liver calcification. CA 19-9 levels were greater than 1000 U/mL.",
            "labs.ca19_9",
            {"value": 1000.0, "unit": "U/mL"},
        ),
        ("Liver calcification. AFP within normal range.", "afp_up", False),
        ("Calcified liver mass. There is no arterial enhancement or venous washout.", "washout", False),
        ("Calcified liver mass. There is no arterial enhancement.", "enhancement", None),
        ("Liver mass with calcification, hyperintensity on T1-weighted images.", "t1_bright", True),
        ("Liver calcification. Pain in the right upper quadrant.", "right_upper_quadrant_pain", True),
        ("Liver calcification. Adenocarcinoma of the ovary in 2019.", "known_primary", "ovary"),
        ("肝右叶见强回声斑，后方无声影。", "strong_echo", True),
        ("肝右叶见强回声斑，后方无声影。", "intrahepatic_calcification", None),
        ("肝右叶钙化灶，后方无声影。", "intrahepatic_calcification", True),
        ("Liver calcification. HBsAg neg.", "hepatitis_b", False),
        ("Liver mass with calcification. Arterial hyperenhancement, no washout.", "washout", False),
        ("Left ducts dilated to 8 mm with echogenic stones.", "largest_calcium", None),
        ("Coarse calcfication in segment VI.", "intrahepatic_calcification", True),
        ("肝钙化灶0。8cm，腹膜后未见肿大淋巴结。", "enlarged_nodes", False),
        ("肝钙化灶0。8cm。", "largest_calcium", {"value": 8.0, "unit": "mm"}),
    ],
)
def test_traps_of_real_reports_are_read(text: str, name: str, value: object) -> None:
    assert _value(text, name) == value


def test_a_clause_whose_qualities_came_to_nothing_is_told_as_not_understood() -> None:
    said = "Hepatic perfusion anomaly along the falciform ligament with geographic enhancement pattern"
    reading = read_report(f"Calcification in segment VI, 5 mm. {said}.")
    assert [span.words for span in reading.not_understood] == [said]


UNSAID = frozenset(
    {
        *("liver_in_view", "outline_trust", "symptom_duration", "hypotension", "liver_density"),
        *("eosinophils_share", "neutrophils_share", "lymphocytes_share"),
    }
)
"""Terms that no report states in words this reader knows, or that are measured on the image; shares of the
white cells are told from their counts by the unit."""


@pytest.mark.parametrize("language", list(FLOOR))
def test_reports_of_others_are_read(language: str) -> None:
    total = Score()
    for report in load_reports(language):
        total.add(score(report, given_of(read_report(report["text"]))))
    assert total.figures()[2] >= FLOOR[language]


def test_the_score_counts_a_miss_a_false_alarm_and_forgives_what_is_optional() -> None:
    report = {
        "id": "x",
        "findings": {
            "ascites": False,
            "dilated_ducts": True,
            "duct_stricture": True,
            "segment": ["VI", "VII"],
        },
        "patient": {"age_years": 54, "labs": {"afp": {"value": 400, "unit": "ng/mL"}}},
        "hedged": ["duct_stricture"],
        "optional": ["solitary"],
    }
    given = {
        "ascites": Given(False, 0.0),
        "dilated_ducts": Given(False, 0.0),
        "duct_stricture": Given(False, 0.3, is_open=True),
        "segment": Given({"VI", "VII"}),
        "age_years": Given(54.0),
        "labs.afp": Given({"value": 402.0, "unit": "ng/ml"}),
        "solitary": Given(True),
        "splenomegaly": Given(True),
    }
    made = score(report, given)
    assert sorted(made.right) == ["age_years", "ascites", "duct_stricture", "labs.afp", "segment"]
    assert dict(made.missed) == {"dilated_ducts": 1}
    assert dict(made.false) == {"dilated_ducts": 1, "splenomegaly": 1}
    assert set(gold_of(report)) == {
        "ascites",
        "dilated_ducts",
        "duct_stricture",
        "segment",
        "age_years",
        "labs.afp",
    }


def test_a_size_is_right_within_two_in_a_hundred_and_in_its_unit() -> None:
    gold = {"value": 50, "unit": "mm"}
    assert is_right("host_diameter", gold, Given({"value": 51, "unit": "mm"}), hedged=False)
    assert not is_right("host_diameter", gold, Given({"value": 53, "unit": "mm"}), hedged=False)
    assert not is_right("host_diameter", gold, Given({"value": 50, "unit": "cm"}), hedged=False)


def _names() -> set[str]:
    names = {Tag.parse(t).name for c in load_concepts() for t in c.tags}
    names |= {name for found in load_joins().values() for name in found}
    names |= {name for absent in load_normals().values() for name in absent}
    vocabulary = load_vocabulary()
    return names | {str(vocabulary[n].raises) for n in names if n in vocabulary and vocabulary[n].raises}


MADE = frozenset(
    (
        "focus_count", "multiple_foci", "diffuse_bilobar", "side_of_foci", "largest_calcium",
        "dominant_morphology", "host_kind", "host_diameter", "host_position", "host_attenuation",
        "host_echogenicity", "mass_without_calcium",
        "change_since_prior", "unchanged_two_years", "within_mass", "intrahepatic_calcification",
        "strong_echo",
    )
)  # fmt: skip
"""Findings that are put together from several words and named by no phrase."""


def test_every_term_a_report_can_state_has_words() -> None:
    groups = ("finding", "pattern", "laboratory_finding", "symptom", "exposure", "history", "laboratory")
    known = _names() | MADE | UNSAID
    terms = [t for t in load_vocabulary().of_group(*groups) if t.id not in known]
    for term in terms:  # new terms of the vocabulary: found by their own names
        assert term.type == "boolean", term.id
        reading = read_report(f"Hepatic calcification and a cystic lesion of the liver. {term.en}.")
        tables = [reading.patient.get(name, {}) for name in ("history", "symptoms", "exposures")]
        assert any(term.id in table for table in tables) or term.id in {f.id for f in reading.findings}, (
            term.id
        )


def test_every_tag_of_a_finding_is_a_term_and_every_value_one_of_its_choices() -> None:
    vocabulary = load_vocabulary()
    for concept in load_concepts():
        for tag in map(Tag.parse, concept.tags):
            if tag.kind in (
                "finding",
                "history",
                "exposure",
                "symptom",
                "lab",
                "lab_finding",
                "serology",
                "lab_name",
            ):
                term = vocabulary[tag.name]
                if tag.value not in (None, "false", "denied"):
                    assert tag.value in {c.id for c in term.choices}, (tag.name, tag.value)
            elif tag.kind == "shape":
                assert tag.name in {c.id for c in vocabulary["dominant_morphology"].choices}


def test_every_phrase_is_written_in_its_language_and_can_be_expanded() -> None:
    for concept in load_concepts():
        for phrase in concept.en.split(";"):
            assert not any("\u3400" <= character <= "\u9fff" for character in phrase), phrase
            assert all("[" not in written for written in expand(phrase)), phrase
            assert phrase.count("(") == phrase.count(")"), phrase


def test_the_page_on_reading_shows_what_the_reader_prints(capsys: pytest.CaptureFixture[str]) -> None:
    page = Path(__file__).parents[3] / "docs" / "explanation" / "reading-a-report.md"
    text = page.read_text(encoding="utf-8")
    (code,), (printed,) = (
        re.findall(rf"```{name}\n(.*?)```", text, re.DOTALL) for name in ("python", "text")
    )
    exec(code, {})  # noqa: S102 - our own page
    assert capsys.readouterr().out == printed
