"""The patient's page: read by a twelve-year-old, without alarm, without false comfort, in both languages."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date
from types import ModuleType

import pytest

from hepalith.differential import diagnose, load_knowledge
from hepalith.finding import findings_from_patient
from hepalith.management import advise
from hepalith.reading import Document
from hepalith.reading.layperson import tell_of_facts, tell_patient, text_of
from hepalith.reading.meaning import CLOSER_LOOK, meaning_key
from hepalith.reading.phrases import load_phrases, phrase
from hepalith.settings import Settings
from hepalith.study.patient import Lab, Patient

TABLES = ("whose", "patient", "meaning", "sure", "sooner", "step", "when", "heading")
"""The tables of sentences that a patient is told."""

MOST_GRADE = 7.0
"""Flesch-Kincaid grade of a reader of about twelve: seven years of school.

A mean of 7.8 over 171 leaflets of a hospital was given as 12 to 13 years (Williamson and Martin, 2010,
DOI 10.1111/j.1742-1241.2010.02408.x).
"""

MOST_WORDS = 30
"""Words of the longest English sentence."""

MOST_CHARACTERS = 60
"""Characters of the longest Chinese sentence, names of examinations included."""

COMMON_SHARE = 0.99
"""Least share of characters of the first level of GB 2312: the 3755 in commonest use."""

ALARM = re.compile(
    r"cancer|tumou?r|malignan|metasta|carcinoma|deadly|fatal|death|die\b|癌|肿瘤|恶性|转移|肉瘤|绝症|致命|死",
    re.IGNORECASE,
)

COMFORT = re.compile(
    r"benign|prognos|harmless|nothing to worry|no need to worry|don't worry|all is well|perfectly"
    r"|you are healthy|safe to ignore|良性|预后|放心|不用担心|不必担心|没事|无害|没有问题|不要紧",
    re.IGNORECASE,
)

CASES: Mapping[str, Patient] = {
    "nothing told": Patient(),
    "simple": Patient(age_years=52, findings={"host_kind": "none", "unchanged_two_years": True}),
    "stones with fever": Patient(
        age_years=48,
        symptoms={"fever": True},
        findings={"duct_relation": "in_lumen", "dilated_ducts": True, "lobar_atrophy": True},
    ),
    "known primary": Patient(
        age_years=61,
        history={"known_primary": "colorectal"},
        findings={"host_kind": "solid", "enhancement": "rim"},
    ),
    "solid host": Patient(age_years=35, findings={"host_kind": "solid", "central_scar": True}),
    "cirrhosis": Patient(
        age_years=66,
        history={"cirrhosis": True},
        labs={"afp": Lab(900, "ng/mL")},
        findings={"host_kind": "solid", "enhancement": "arterial_washout"},
    ),
    "hydatid": Patient(
        age_years=44,
        exposures={"dogs_or_livestock": True},
        findings={"host_kind": "fluid", "daughter_cysts": True, "dominant_morphology": "eggshell"},
    ),
    "alveolar": Patient(
        age_years=58,
        exposures={"fox_or_dog_ae_region": True},
        findings={"host_kind": "infiltrative", "microcystic_areas": True},
    ),
    "haemangioma": Patient(
        age_years=40, findings={"host_kind": "solid", "enhancement": "peripheral_nodular"}
    ),
    "aneurysm": Patient(age_years=70, findings={"blood_pool_ring": True, "enhancement": "blood_pool"}),
    "child": Patient(age_years=1.5, labs={"afp": Lab(42000, "ng/mL")}, findings={"host_kind": "solid"}),
    "tuberculosis": Patient(
        age_years=33,
        symptoms={"fever": True},
        findings={"hilar_stricture": True, "active_lung_tb": True, "lobar_atrophy": True},
    ),
}


def read(factories: ModuleType, patient: Patient, policy: str = "article") -> Document:
    """Return the document of a made-up scan of this patient, reasoned about as the product does."""
    settings = Settings(policy=policy)
    made = factories.make_assessment()
    findings = findings_from_patient(patient)
    differential = diagnose(findings, (), patient)
    plan = advise(differential, findings, made.foci, patient, settings, date(2025, 3, 14))
    assessment = factories.make_assessment(findings=findings, differential=differential, plan=plan)
    document: Document = factories.assemble(factories.make_examined(), assessment, patient, settings).document
    return document


@pytest.fixture(scope="module")
def documents(factories: ModuleType) -> dict[str, Document]:
    """Return every case, under both policies."""
    return {
        f"{name}, {policy}": read(factories, patient, policy)
        for name, patient in CASES.items()
        for policy in ("article", "guideline")
    }


def syllables(word: str) -> int:
    """Return the number of vowel groups of an English word, a silent final e not counted.

    >>> [syllables(w) for w in ("liver", "scan", "bile", "little", "calcium")]
    [2, 1, 1, 2, 3]
    """
    letters = re.sub(r"[^a-z]", "", word.lower())
    groups = re.findall(r"[aeiouy]+", letters)
    count = len(groups) + len(re.findall(r"i[ou]|ia", letters))
    if letters.endswith("e") and not re.search("[^aeiou]le$|ee$", letters) and len(groups) > 1:
        count -= 1
    if re.search(r"[^dt]ed$", letters) and count > 1:
        count -= 1
    return max(1, count)


def sentences_of(text: str) -> list[str]:
    """Return the sentences of English text; a heading and a line each end one."""
    pieces = re.split(r"(?<=[.!?:])\s+|\n+", text)
    return [piece for piece in pieces if re.search("[a-z]", piece)]


def school_grade(text: str) -> float:
    """Return the Flesch-Kincaid grade: years of school that a text asks for."""
    sentences = sentences_of(text)
    words = [w for s in sentences for w in re.findall(r"[A-Za-z][A-Za-z']*", s)]
    return 0.39 * len(words) / len(sentences) + 11.8 * sum(map(syllables, words)) / len(words) - 15.59


def body(document: Document, language: str) -> str:
    """Return what the patient is told, without headings and the notice, which are no running text."""
    told = tell_patient(document, language)
    parts = (told.urgent, *told.seen, *told.meaning, *(s.text for s in told.steps), told.about_steps)
    return "\n".join((*parts, *told.sooner, *told.talk, told.what))


def every_sentence() -> Iterable[tuple[str, str, str]]:
    """Return key, English and Chinese of all sentences that a patient can be told."""
    tables = load_phrases()
    return [
        (f"{table}.{key}", said["en"], said["zh"]) for table in TABLES for key, said in tables[table].items()
    ]


def test_the_page_can_be_read_at_twelve(documents: dict[str, Document]) -> None:
    grades = {name: school_grade(body(document, "en")) for name, document in documents.items()}
    assert max(grades.values()) <= MOST_GRADE, grades


def test_the_measure_of_reading_age_tells_hard_from_easy() -> None:
    easy = "The scan shows a spot. It is small. A doctor will look at it."
    hard = (
        "Multidetector computed tomography demonstrates heterogeneous attenuation with circumferential "
        "calcification, necessitating multidisciplinary hepatobiliary evaluation."
    )
    assert school_grade(easy) < 2
    assert school_grade(hard) > 15


def test_no_sentence_is_long() -> None:
    for key, english, chinese in every_sentence():
        for sentence in sentences_of(english):
            assert len(re.findall(r"[\w'-]+", sentence)) <= MOST_WORDS, (key, sentence)
        for sentence in re.split("[。！？；]", chinese):
            assert len(sentence) <= MOST_CHARACTERS, (key, sentence)


def test_the_chinese_page_uses_common_characters() -> None:
    han = [c for _, _, chinese in every_sentence() for c in chinese if "\u4e00" <= c <= "\u9fff"]
    first_level = [c for c in han if 0xB0 <= c.encode("gb18030")[0] <= 0xD7 and len(c.encode("gb18030")) == 2]
    rare = sorted(set(han) - set(first_level))
    assert len(first_level) / len(han) >= COMMON_SHARE, rare


def test_chinese_sentences_are_short_on_average(documents: dict[str, Document]) -> None:
    for name, document in documents.items():
        pieces = [p for p in re.split("[。！？；，：\n]", body(document, "zh")) if p]
        assert sum(map(len, pieces)) / len(pieces) <= 16, name


def test_no_sentence_alarms_or_comforts_falsely() -> None:
    for key, english, chinese in every_sentence():
        for text in (english, chinese):
            assert not ALARM.search(text), key
            assert not COMFORT.search(text.replace("neither good nor bad news", "")), key


@pytest.mark.parametrize("language", ["en", "zh"])
def test_no_page_alarms_or_comforts_falsely(documents: dict[str, Document], language: str) -> None:
    for name, document in documents.items():
        text = text_of(tell_patient(document, language), language)
        assert not ALARM.findall(text), name
        assert not COMFORT.findall(text), name
        assert not re.search(r"\d ?%|probab|概率", text), name


@pytest.mark.parametrize("language", ["en", "zh"])
def test_no_radiology_text_reassures(documents: dict[str, Document], language: str) -> None:
    allowed = "never called benign|before anything is called benign|不能仅凭钙化判为良性|此之前不得判为良性"
    for name, document in documents.items():
        text = re.sub(allowed, "", getattr(document.summary.radiology, language))
        text = text.replace("harm nobody", "")
        assert not COMFORT.findall(text), name


def test_the_words_that_are_forbidden_would_be_found() -> None:
    for said in ("This is benign.", "预后良好", "Nothing to worry about", "请放心"):
        assert COMFORT.search(said)
    for said in ("It may be a tumour", "可能是肝癌", "a metastasis"):
        assert ALARM.search(said)


def numbers_in(text: str) -> set[str]:
    return set(re.findall(r"\d+(?:\.\d+)?", text))


@pytest.mark.parametrize("language", ["en", "zh"])
def test_no_number_stands_on_the_page_that_the_reading_does_not_hold(
    documents: dict[str, Document], language: str
) -> None:
    for name, document in documents.items():
        held = numbers_in(json.dumps(document.model_dump(mode="json", exclude={"summary"})))
        known = held | {str(round(float(n))) for n in held} | {str(int(n)) for n in held if n.isdigit()}
        known.add(str(len(document.calcifications)))
        weeks = {a.after.to_months for a in document.plan if a.after is not None}
        known |= {str(max(1, round(4.35 * w))) for w in weeks}
        known |= {str(int(a.repeat.until_months / 12)) for a in document.plan if a.repeat is not None}
        told = tell_patient(document, language)
        said = body(document, language) + "\n" + "\n".join(s.when for s in told.steps)
        assert numbers_in(said) <= known, (name, numbers_in(said) - known)


def test_every_diagnosis_has_a_plain_sentence_and_no_malignant_one_a_comforting_one() -> None:
    meanings = load_phrases()["meaning"]
    for entry in load_knowledge().entries:
        assert meaning_key(entry.id) in meanings, entry.id
        if entry.malignant:
            assert meaning_key(entry.id) == CLOSER_LOOK, entry.id


def test_a_malignant_lead_is_neither_named_nor_hidden(documents: dict[str, Document]) -> None:
    for name in ("known primary", "cirrhosis", "child"):
        told = tell_patient(documents[f"{name}, guideline"], "en")
        assert told.meaning[0] == phrase("meaning", CLOSER_LOOK, "en")
        assert "needs a closer look" in " ".join(told.meaning)
        assert told.urgency in ("prompt", "today")


def test_other_causes_are_left_open_whatever_leads(documents: dict[str, Document]) -> None:
    for name, document in documents.items():
        if document.differential:
            assert "closer look" in " ".join(tell_patient(document, "en").meaning), name
            assert "进一步查看" in "".join(tell_patient(document, "zh").meaning), name


def test_a_solid_host_is_told_and_an_unseen_one_left_open(documents: dict[str, Document]) -> None:
    solid = " ".join(tell_patient(documents["solid host, article"], "en").seen)
    open_ = " ".join(tell_patient(documents["nothing told, article"], "en").seen)
    assert "looks different around the spots. This needs a closer look" in solid
    assert "not known for sure" in open_


def test_the_parents_are_spoken_to(documents: dict[str, Document], factories: ModuleType) -> None:
    child = tell_patient(documents["child, article"], "en")
    assert child.whose == "child"
    assert "your child" in child.what
    assert "your child gets" in child.sooner[0]
    fetal = replace(factories.make_plan().actions[0], action="fetal_pathway")
    plan = replace(factories.make_plan(), actions=(fetal,))
    document = factories.make_reading(plan=plan).document
    told = tell_of_facts(document, None, "zh")
    assert told.whose == "fetus"
    assert "产检" in told.talk[0]
    assert "宝宝" in told.what
    assert "产科" in told.sooner[0]


def test_own_warnings_come_with_their_illness(documents: dict[str, Document]) -> None:
    for name, word in (("hydatid", "rash"), ("aneurysm", "fainting")):
        assert word in " ".join(tell_patient(documents[f"{name}, article"], "en").sooner)
    assert len(tell_patient(documents["simple, article"], "en").sooner) == 1


def test_what_leads_only_just_is_said_so(factories: ModuleType) -> None:
    made = factories.make_differential()
    first, second, *_ = made.diagnoses
    flat = replace(
        made,
        diagnoses=(
            replace(first, probability=0.45, low=0.1, high=0.7),
            replace(second, probability=0.42, low=0.1, high=0.7),
            replace(made.diagnoses[2], probability=0.13, low=0.01, high=0.3),
        ),
    )
    said = " ".join(tell_patient(factories.make_reading(differential=flat).document, "en").meaning)
    assert "No single cause stands out" in said
    assert "There are also other causes that need a closer look" in said


def test_a_contradiction_is_told_to_be_gone_through(factories: ModuleType) -> None:
    document = factories.make_reading().document
    clash = [{"findings": ["host_kind", "enhancement"], "reason": "they clash", "reason_zh": "相互矛盾"}]
    told = Document.model_validate({**document.model_dump(mode="json"), "contradictions": clash})
    assert "do not fit together" in " ".join(tell_patient(told, "en").meaning)


def test_two_steps_in_the_same_words_are_said_once(factories: ModuleType) -> None:
    plan = factories.make_plan()
    document = factories.make_reading(plan=replace(plan, actions=plan.actions * 2)).document
    assert len(tell_patient(document, "en").steps) == 1


@pytest.mark.parametrize("language", ["en", "zh"])
def test_facts_without_pictures_are_told_as_facts(factories: ModuleType, language: str) -> None:
    patient = Patient(age_years=50, findings={"multiple_foci": True, "host_kind": "solid"})
    told = tell_of_facts(read(factories, patient), 50, language)
    text = text_of(told, language)
    assert {"en": "did not look at pictures", "zh": "没有看图像"}[language] in text
    assert {"en": "more than one bright spot", "zh": "多处"}[language] in text
    assert {"en": "needs a closer look", "zh": "需要进一步查看"}[language] in text
    denied = Patient(findings={"intrahepatic_calcification": False})
    said = " ".join(tell_of_facts(read(factories, denied), None, language).seen)
    assert {"en": "no calcium", "zh": "没有钙化"}[language] in said


def test_an_unborn_babys_spot_is_explained_without_a_ranking(factories: ModuleType) -> None:
    spot = Patient(subject="fetus", gestation_weeks=22, findings={"intrahepatic_calcification": True})
    told = tell_of_facts(read(factories, spot), None, "en")
    assert told.whose == "fetus"
    assert "If a careful ultrasound finds nothing else" in told.meaning[0]
    mass = Patient(subject="fetus", gestation_weeks=22, findings={"host_kind": "solid"})
    assert "needs a closer look" in tell_of_facts(read(factories, mass), None, "en").meaning[0]
