"""Reading reports: absence, doubt, place, number and the words each finding came from."""

import time
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hepalith.finding.text import ReportText, detect_language, read_report
from hepalith.vocabulary import Measurement, State, load_vocabulary


def fields(reading: ReportText) -> dict[str, Any]:
    """What is stated of each finding: true, false, a choice, a number; the segments as a set."""
    stated: dict[str, Any] = {}
    for finding in reading.findings:
        if finding.id == "segment":
            stated.setdefault("segment", set()).add(finding.value)
        elif finding.state in (State.PRESENT, State.ABSENT):
            value: Any = finding.value if finding.value is not None else finding.state is State.PRESENT
            stated[finding.id] = value.value if isinstance(value, Measurement) else value
    return stated


def facts(reading: ReportText) -> dict[str, Any]:
    """The facts of the patient, tables taken apart; of a laboratory value the number."""
    flat: dict[str, Any] = {}
    for key, value in reading.patient.items():
        if isinstance(value, Mapping):
            flat.update({k: v["value"] if key == "labs" else v for k, v in value.items()})
        else:
            flat[key] = value
    return flat


def check(text: str, **expected: Any) -> None:
    """Check what is read; an expected None means that nothing is said of a field."""
    reading = read_report(text)
    stated = fields(reading) | facts(reading)
    assert {name: stated.get(name) for name in expected} == expected, stated


REPORTS: list[tuple[str, dict[str, Any]]] = [
    (
        "Liver normal in size and echotexture. There is a 5 mm echogenic focus with posterior acoustic shadowing in "
        "segment VI of the right hepatic lobe, consistent with a calcified granuloma. No intrahepatic biliary "
        "dilatation. Gallbladder contains two stones, the largest 12 mm. Spleen is normal in size. No ascites.",
        {
            "intrahepatic_calcification": True, "largest_calcium": 5, "acoustic_shadow": "clean", "segment": {"VI"},
            "side_of_foci": "right", "dilated_ducts": False, "gallbladder_stones": True, "splenomegaly": False,
            "ascites": False, "focus_count": None,
        },
    ),
    (
        "肝脏大小形态正常，肝右后叶上段见一大小约5mm×4mm的强回声光斑，后方伴声影。肝内外胆管未见扩张。胆囊大小正常，壁光滑，"
        "内见多个强回声团，后伴声影，较大者约12mm。脾不大，回声均匀。腹腔未见积液。",
        {
            "intrahepatic_calcification": True, "largest_calcium": 5, "acoustic_shadow": "clean", "segment": {"VII"},
            "side_of_foci": "right", "dilated_ducts": False, "focus_count": 1, "splenomegaly": False, "ascites": False,
        },
    ),
    (
        "A 62-year-old man with a history of sigmoid colon cancer treated with chemotherapy. CEA 45 ng/mL (normal < 5), "
        "CA19-9 120 U/ml (0-37), AFP normal. CT: a 4.5 x 3.8 cm hypodense mass in the left lobe with coarse central "
        "calcification. Rim enhancement on the portal phase. Family history of breast cancer.",
        {
            "age_years": 62, "sex": "male", "known_primary": "colorectal", "cancer_history": True, "chemotherapy": True,
            "cea": 45, "ca19_9": 120, "afp_up": False, "host_diameter": 45, "host_kind": "solid", "largest_calcium": None,
            "dominant_morphology": "coarse", "host_position": "central", "enhancement": "rim", "side_of_foci": "left",
        },
    ),
    (
        "患者，男，54岁，牧民。无发热、黄疸，体重无明显变化。CT平扫：肝右叶见一囊性病灶，大小约8.2×7.5cm，囊壁见弧形钙化，"
        "内见子囊。增强后囊壁及分隔强化，囊液未见强化。包虫抗体阳性。否认乙肝、结核病史。",
        {
            "age_years": 54, "sex": "male", "dogs_or_livestock": True, "fever": False, "jaundice": False,
            "weight_loss": False, "host_kind": "fluid", "host_diameter": 82, "daughter_cysts": True,
            "ring_calcification": True, "enhancement": "septal", "echinococcus_serology": True, "hepatitis_b": False,
            "tuberculosis": False, "side_of_foci": "right",
        },
    ),
    (
        "US ABDOMEN. Liver: 14.5 cm span. 3 x 4 mm calcification in S6. No shadow. IHBDs not dilated. CBD 4 mm. "
        "GB: surgically absent. Spleen 10 cm. No free fluid.",
        {
            "largest_calcium": 4, "segment": {"VI"}, "acoustic_shadow": "none", "dilated_ducts": False,
            "cholecystectomy": True, "ascites": False,
        },
    ),
    (
        "A 71-year-old woman presented with recurrent fever and right upper quadrant pain. Ultrasound showed several "
        "echogenic foci with strong acoustic shadowing in the left lateral segment, arranged along the bile ducts like "
        "a string of beads, with upstream ductal dilatation and atrophy of the left lobe. ALP 310 U/L (normal 40-120), "
        "WBC 14.2 x10^9/L. She had undergone cholecystectomy and ERCP with sphincterotomy 5 years ago.",
        {
            "fever": True, "right_upper_quadrant_pain": True, "multiple_foci": True, "side_of_foci": "left",
            "segment": {"II", "III"}, "beaded_chain": True, "along_duct": True, "dilated_ducts": True,
            "lobar_atrophy": True, "alp": 310, "leucocytes": 14.2, "cholecystectomy": True, "biliary_surgery": True,
            "alp_ggt_up": None,
        },
    ),
    (
        "男，58岁。乙肝肝硬化病史10年。AFP 400 ng/mL。增强CT：肝右叶见一巨大肿块，约9.5cm×8.0cm，内见斑点状钙化，动脉期明显"
        "强化，门脉期快速廓清，呈“快进快出”。门静脉右支癌栓形成。肝表面凹凸不平，脾大，少量腹水。",
        {
            "hepatitis_b": True, "cirrhosis": True, "afp": 400, "host_kind": "solid", "host_diameter": 95,
            "dominant_morphology": "punctate", "enhancement": "arterial_washout", "portal_thrombosis": True,
            "nodular_surface": True, "splenomegaly": True, "ascites": True, "hepatomegaly": None,
        },
    ),
    (
        "肝内胆管走行区见串珠样排列强回声，后伴声影，左肝管起始部狭窄，左肝内胆管扩张，左外叶萎缩。患者反复发热、右上腹痛3年，"
        "曾行胆囊切除术及胆总管切开取石术。ALP 230U/L↑，总胆红素 45.6umol/L。",
        {
            "beaded_chain": True, "acoustic_shadow": "clean", "duct_stricture": True, "dilated_ducts": True,
            "lobar_atrophy": True, "fever": True, "right_upper_quadrant_pain": True, "cholecystectomy": True,
            "biliary_surgery": True, "alp": 230, "alp_ggt_up": True, "bilirubin": 45.6,
        },
    ),
    (
        "Infiltrative ill-defined mass of the right lobe with extensive granular calcification and multiple small cystic "
        "spaces; no enhancement after contrast. Occlusion of the right portal vein. Lives in an area endemic for "
        "alveolar echinococcosis, hunts foxes.",
        {
            "host_kind": "infiltrative", "dominant_morphology": "granular", "microcystic_areas": True,
            "enhancement": "none", "vein_occlusion": True, "fox_or_dog_ae_region": True, "multiple_foci": None,
            "diffuse_bilobar": None, "ill_defined_margin": True,
        },
    ),
    (
        "EXAMINATION: CT ABDOMEN WITH AND WITHOUT IV CONTRAST\nINDICATION: Abnormal LFTs, rule out mass.\nFINDINGS:\n"
        "LIVER: There is a 7.8 x 6.5 x 6.1 cm lobulated low-attenuation mass in segments VII and VIII with irregular "
        "central calcification. It demonstrates heterogeneous arterial enhancement that washes out on the delayed phase."
        "\nBILIARY: No intrahepatic or extrahepatic ductal dilatation.\nSPLEEN: Normal in size, with several calcified "
        "granulomas.\nLYMPH NODES: Shotty, not enlarged.",
        {
            "host_diameter": 78, "segment": {"VII", "VIII"}, "host_position": "central", "host_attenuation": "low",
            "enhancement": "arterial_washout", "dilated_ducts": False, "splenomegaly": False, "spleen_calcium": True,
            "enlarged_nodes": False, "multiple_foci": None,
        },
    ),
    (
        "CT平扫：肝脏：肝右叶后下段（S6）见一类圆形稍低密度肿块，大小约5.6cm×4.9cm，边界不清，中央见星芒状钙化及低密度瘢痕；"
        "动脉期明显不均匀强化，中央瘢痕延迟强化。\n淋巴结：肝门区见肿大淋巴结，大者短径约18mm。\n其他：无腹水。门静脉未见充盈缺损。",
        {
            "segment": {"VI"}, "host_diameter": 56, "ill_defined_margin": True, "dominant_morphology": "stellate",
            "host_position": "central", "enhancement": "arterial", "central_scar": True, "enlarged_nodes": True,
            "vein_occlusion": False, "ascites": False,
        },
    ),
    (
        "Okay so in the liver I see a calcification in segment six it measures four by three millimeters there's no "
        "shadow behind it. I compared with the study from 2018 and nothing has changed. Today is May 2023.",
        {
            "segment": {"VI"}, "largest_calcium": 4, "acoustic_shadow": "none", "change_since_prior": "stable",
            "unchanged_two_years": True,
        },
    ),
    (
        "肝 右 叶 见 钙 化 灶 ，大 小 约 ７ ｍｍ ，后 方 伴 彗 星 尾 征 。",
        {"intrahepatic_calcification": True, "side_of_foci": "right", "largest_calcium": 7, "acoustic_shadow": "comet_tail"},
    ),
    (
        "肝內膽管結石，左外葉見強回聲光團，大小約12mm，後伴聲影，遠端膽管擴張。",
        {"duct_relation": "in_lumen", "largest_calcium": 12, "acoustic_shadow": "clean", "dilated_ducts": True},
    ),
    (
        "孕25周，胎儿肝内见强回声光点，大小约3mm，后方不伴声影。",
        {"subject": "fetus", "gestation_weeks": 25, "largest_calcium": 3, "acoustic_shadow": "none"},
    ),
    (
        "Infant, 5-month-old girl. Palpable abdominal mass. US: 9 cm solid mass in the right lobe with coarse "
        "calcifications. AFP 250,000 ng/mL. Born at 27 weeks, umbilical vein catheter.",
        {
            "age_years": 0.417, "sex": "female", "palpable_mass": True, "host_diameter": 90, "afp": 250000,
            "umbilical_catheter": True, "hepatoblastoma_syndrome": True, "subject": None,
        },
    ),
    (
        "CT示肝S8钙化灶, 5 mm, no shadow on ultrasound. Patient has hepatitis B. 脾内未见钙化。",
        {"segment": {"VIII"}, "largest_calcium": 5, "hepatitis_b": True, "spleen_calcium": False},
    ),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), REPORTS)
def test_a_report_is_read_as_a_reader_would(text: str, expected: dict[str, Any]) -> None:
    check(text, **expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("No intrahepatic calcification, ductal dilatation or ascites is seen.", (False, False, False)),
        ("肝内未见钙化灶，肝内胆管未见扩张，腹腔无积液。", (False, False, False)),
        ("Calcification in the liver but no ductal dilatation or ascites.", (True, False, False)),
        ("No ascites. Ducts are dilated. A calcified granuloma in the liver.", (True, True, False)),
        ("肝内钙化灶，肝内胆管扩张，未见腹水。", (True, True, False)),
        ("No abnormality other than a calcified focus in the liver; neither ascites nor duct dilatation.", (True, False, False)),
        ("Not only hepatic calcification but also ascites; bile ducts were not dilated.", (True, False, True)),
        ("除肝右叶钙化灶外，未见异常；无胆管扩张及腹水。", (True, False, False)),
    ],
)  # fmt: skip
def test_absence_reaches_as_far_as_its_words(text: str, expected: tuple[bool, bool, bool]) -> None:
    stated = fields(read_report(text))
    assert (
        tuple(stated.get(n) for n in ("intrahepatic_calcification", "dilated_ducts", "ascites")) == expected
    )


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("Hepatic calcification.", 0.99, 1.0),
        ("Likely hepatic calcification.", 0.7, 0.9),
        ("考虑肝内钙化灶。", 0.7, 0.9),
        ("Possible hepatic calcification.", 0.5, 0.7),
        ("肝内钙化灶可能。", 0.5, 0.7),
        ("肝内钙化灶？", 0.5, 0.7),
        ("? hepatic calcification.", 0.5, 0.7),
        ("Hepatic calcification cannot be excluded.", 0.2, 0.4),
        ("肝内钙化灶不除外。", 0.2, 0.4),
        ("肝内钙化待排。", 0.2, 0.4),
        ("Hepatic calcification is unlikely.", 0.05, 0.2),
        ("No hepatic calcification.", 0.0, 0.0),
    ],
)
def test_doubt_becomes_a_probability(text: str, low: float, high: float) -> None:
    (finding,) = [f for f in read_report(text).findings if f.id == "intrahepatic_calcification"]
    assert finding.probability is not None
    assert low <= finding.probability <= high
    assert (finding.state is State.PRESENT) == (finding.probability >= 0.5)


@pytest.mark.parametrize(
    "text",
    [
        "If calcification of the liver is found, CT should be done.",
        "Recommend CT to exclude hepatic metastasis.",
        "建议CT检查以除外肝内钙化灶。",
        "Indication: rule out hepatic calcification.",
        "TECHNIQUE: Calcification of the liver was looked for on unenhanced slices.",
    ],
)
def test_what_is_wished_or_asked_is_not_stated(text: str) -> None:
    assert fields(read_report(text)) == {}


@pytest.mark.parametrize(
    "text",
    [
        "Gallbladder: calcified wall, stones. Right kidney: 5 mm calculus. Aorta: calcified plaques. Liver: unremarkable.",
        "Calcified granuloma in the spleen.",
        "脾脏见多发钙化灶。",
        "左肾见强回声，伴声影。前列腺钙化。",
        "胆囊内见强回声团，后伴声影。",
        "Coarse calcification of the right adrenal gland; vascular calcification of the aorta.",
    ],
)
def test_calcium_of_another_organ_is_not_in_the_liver(text: str) -> None:
    assert "intrahepatic_calcification" not in fields(read_report(text))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Calcified granulomas in the liver and spleen.", {"intrahepatic_calcification", "spleen_calcium"}),
        ("The liver demonstrates calcified granulomas as does the spleen.", {"intrahepatic_calcification", "spleen_calcium"}),
        ("肝脾内见多发钙化灶。", {"intrahepatic_calcification", "spleen_calcium"}),
        ("Calcified mediastinal lymph nodes.", {"lung_granuloma"}),
        ("右肺上叶钙化结节。", {"lung_granuloma"}),
        ("Calcification in the wall of the main portal vein.", {"vessel_wall_calcium"}),
        ("结肠壁钙化。", {"colon_wall_calcium"}),
        ("肾上腺钙化，肾皮质钙化。", {"adrenal_calcium", "kidney_calcium"}),
    ],
)  # fmt: skip
def test_the_organ_names_the_finding(text: str, found: set[str]) -> None:
    assert found <= {name for name, value in fields(read_report(text)).items() if value is True}


@pytest.mark.parametrize(
    ("text", "value", "low", "high"),
    [
        ("Calcification 5 mm in the liver.", 5, None, None),
        ("肝右叶钙化灶，大小约1.2×0.8cm。", 12, 9.36, 15),
        ("Hepatic calcification of 0.8 x 0.5 x 0.4 cm.", 8, None, None),
        ("Hepatic calcifications ranging from 4-6 mm.", 5, 4, 6),
        ("肝内钙化灶4～6mm。", 5, 4, 6),
        ("Calcifications of 4 and 7 mm in the liver.", 7, None, None),
        ("Hepatic calcification, about 5 mm.", 5, 3.9, 6.25),
        ("The hepatic calcification grew from 9 mm to 15 mm.", 15, None, None),
        ("肝右叶钙化灶由8mm增大至16mm。", 16, None, None),
        ("Hepatic calcification of 9 mm (previously 7 mm).", 9, None, None),
    ],
)
def test_sizes_are_read_with_their_range(
    text: str, value: float, low: float | None, high: float | None
) -> None:
    (finding,) = [f for f in read_report(text).findings if f.id == "largest_calcium"]
    assert finding.value == Measurement(value, "mm", low, high)


@pytest.mark.parametrize(
    ("text", "segments", "side"),
    [
        ("calcification in segment VI", {"VI"}, "right"),
        ("calcification, segments 2 and 3", {"II", "III"}, "left"),
        ("calcifications in segments V-VIII", {"V", "VI", "VII", "VIII"}, "right"),
        ("calcification in S5/6, 4 mm", {"V", "VI"}, "right"),
        ("calcification seg. IVa, 3 mm", {"IV"}, "left"),
        ("calcification in the caudate lobe", {"I"}, None),
        ("肝右后叶上段钙化灶", {"VII"}, "right"),
        ("肝左外叶钙化灶", {"II", "III"}, "left"),
        ("肝Ⅷ段钙化灶", {"VIII"}, "right"),
        ("肝S4钙化灶，大小6mm", {"IV"}, "left"),
        ("calcifications in both lobes of the liver", None, "both"),
        ("肝左右叶多发钙化灶", None, "both"),
        ("calcification in the right lobe; a cyst in segment II", None, "right"),
    ],
)
def test_places_are_read(text: str, segments: set[str] | None, side: str | None) -> None:
    stated = fields(read_report(text))
    assert (stated.get("segment"), stated.get("side_of_foci")) == (segments, side)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hepatic calcification, unchanged since 2018. Exam date 2021-05-02.", ("stable", True)),
        ("肝右叶钙化灶，较2019-03前片无明显变化。检查日期：2022年6月1日。", ("stable", True)),
        ("Hepatic calcification, unchanged since January 2021. Exam date: 2021-09-02.", ("stable", None)),
        ("肝右叶钙化灶，每年复查，3年无变化。", ("stable", True)),
        ("The calcified hepatic nodule has doubled in size since the prior CT.", ("grown", None)),
        ("肝右叶钙化灶较前增大。", ("grown", None)),
        ("The hepatic calcification is new since the prior study.", ("new", None)),
        ("The hepatic calcification is no longer seen.", ("gone", None)),
        ("肝右叶钙化灶。体重无变化。", (None, None)),
    ],
)
def test_change_is_read_and_two_years_are_counted(
    text: str, expected: tuple[str | None, bool | None]
) -> None:
    stated = fields(read_report(text))
    assert (stated.get("change_since_prior"), stated.get("unchanged_two_years")) == expected


@pytest.mark.parametrize(
    ("text", "lab"),
    [
        ("AFP 400 ng/mL", ("afp", 400, "ng/mL", None)),
        ("AFP＞121,000 ng/ml", ("afp", 121000, "ng/mL", None)),
        ("CA19-9 120 U/ml (0-37)", ("ca19_9", 120, "U/mL", 37)),
        ("CEA升高（56ng/ml，参考值0-5）", ("cea", 56, "ng/mL", 5)),
        ("ALP 300 (upper limit 120)", ("alp", 300, "U/L", 120)),
        ("总胆红素 45.6μmol/L", ("bilirubin", 45.6, "umol/L", None)),
        ("WBC 15.6×10^9/L", ("leucocytes", 15.6, "10*3/uL", None)),
        ("calcitonin of 2,300 pg/mL", ("calcitonin", 2300, "pg/mL", None)),
        ("The CA 125 was elevated at 310 U/mL", ("ca125", 310, "U/mL", None)),
    ],
)
def test_laboratory_values_have_unit_and_limit(text: str, lab: tuple[str, float, str, float | None]) -> None:
    name, value, unit, limit = lab
    found = read_report(text).patient["labs"][name]
    assert (found["value"], found["unit"], found.get("upper_limit")) == (value, unit, limit)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("AFP, CEA and CA 19-9 were normal.", {"afp_up": False, "cea_up": False, "ca19_9_up": False}),
        ("AFP、CEA、CA199均正常。", {"afp_up": False, "cea_up": False, "ca19_9_up": False}),
        ("AFP was not elevated; ALP was raised.", {"afp_up": False, "alp_ggt_up": True}),
        ("Quantiferon positive. Echinococcus serology negative.", {"tb_test_positive": True, "echinococcus_serology": False}),
        ("肝功能正常，AFP升高。", {"alp_ggt_up": False, "bilirubin_up": False, "afp_up": True}),
    ],
)  # fmt: skip
def test_laboratory_names_are_judged_by_words(text: str, expected: dict[str, bool]) -> None:
    stated = fields(read_report(text))
    assert {name: stated.get(name) for name in expected} == expected


@pytest.mark.parametrize(
    ("text", "age", "sex"),
    [
        ("A 54-year-old man", 54, "male"),
        ("47 yo F", 47, "female"),
        ("66M with calcification", 66, "male"),
        ("FEMALE 38Y", 38, "female"),
        ("男，54岁", 54, "male"),
        ("患儿，女，8个月", 0.667, "female"),
        ("患儿3岁2个月，男", 3.167, "male"),
        ("3-month-old boy", 0.25, "male"),
        ("Age: 61. Sex: female", 61, "female"),
    ],
)
def test_age_and_sex_are_read(text: str, age: float, sex: str) -> None:
    patient = read_report(text).patient
    assert (patient["age_years"], patient["sex"]) == (age, sex)


@pytest.mark.parametrize(
    ("text", "key", "value"),
    [
        ("Mother had breast cancer.", "known_primary", None),
        ("Her father died of colon cancer.", "cancer_history", None),
        ("母亲有结肠癌病史。", "known_primary", None),
        ("No personal history of malignancy.", "cancer_history", False),
        ("No history of cancer.", "cancer_history", False),
        ("Known medullary thyroid carcinoma.", "known_primary", "thyroid_medullary"),
        ("乳腺癌术后3年", "known_primary", "breast"),
        ("Suspected hepatocellular carcinoma.", "known_primary", None),
        ("s/p TACE x2 for HCC", "known_primary", "liver"),
        ("HBsAg negative.", "hepatitis_b", False),
        ("否认乙肝病史。", "hepatitis_b", False),
        ("Liver abscess drained in 2001.", "liver_abscess", True),
        ("无疫水接触史", "schistosoma_water", False),
        ("Former shepherd.", "dogs_or_livestock", True),
        ("胆囊切除术后", "cholecystectomy", True),
        ("长期血液透析", "dialysis", True),
    ],
)
def test_history_is_of_the_patient_and_known(text: str, key: str, value: Any) -> None:
    assert facts(read_report(text)).get(key) == value


def test_every_finding_names_the_words_it_came_from() -> None:
    for text, _ in REPORTS:
        reading = read_report(text)
        for finding in reading.findings:
            assert finding.source == "text"
            assert finding.words
        for span in (*reading.spans, *reading.not_understood):
            assert text[span.start : span.end] == span.words
        assert [s.start for s in reading.spans] == sorted(s.start for s in reading.spans)


def test_findings_come_in_the_order_of_the_vocabulary_and_are_its_terms() -> None:
    order = {term.id: place for place, term in enumerate(load_vocabulary())}
    for text, _ in REPORTS:
        ids = [f.id for f in read_report(text).findings if f.id != "segment"]
        assert [order[i] for i in ids] == sorted(order[i] for i in ids)
        assert len(ids) == len(set(ids))


def test_what_was_not_understood_is_listed_and_boilerplate_is_not() -> None:
    text = "Hepatic calcification 5 mm. A wobbly gravitational widget overlies hepatic parenchyma. Please correlate clinically."
    assert [s.words for s in read_report(text).not_understood] == [
        "A wobbly gravitational widget overlies hepatic parenchyma"
    ]
    text = "肝内钙化灶。肝右叶见奇异螺旋褶皱现象。请结合临床。"
    assert [s.words for s in read_report(text).not_understood] == ["肝右叶见奇异螺旋褶皱现象"]
    assert (
        read_report(
            "Liver is normal in size and shape with homogeneous echotexture. 肝脏大小形态正常，实质回声均匀。"
        ).not_understood
        == ()
    )


def test_what_could_not_be_judged_is_not_absent() -> None:
    (ducts,) = [
        f
        for f in read_report("Bile duct dilatation could not be assessed.").findings
        if f.id == "dilated_ducts"
    ]
    assert ducts.state is State.NOT_ASSESSABLE
    assert ducts.reason


@pytest.mark.parametrize(
    ("text", "language"),
    [("Liver calcification", "en"), ("肝内钙化灶 CT", "zh"), ("", "en"), ("肝内钙化灶, segment VI, unchanged since prior", "mixed")],
)  # fmt: skip
def test_the_language_is_told_from_the_letters(text: str, language: str) -> None:
    assert detect_language(text) == language


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "\n\n\n", "\x00\x01\xff\xfe", "????!!!!", "。，；", "((((((", "5" * 5000, "mm cm mm", "1.1.1.1.1", "no " * 3000,
        "肝" * 5000, "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 🩻", "\ud800", "AFP " * 2000, "5 x " * 3000, "12-" * 3000, "segment " * 2000,
    ],
)  # fmt: skip
def test_any_text_is_read(text: str) -> None:
    reading = read_report(text)
    assert reading == read_report(text)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.sampled_from([
            "no", "calcification", "5 mm", "liver", "segment", "VI", ",", ".", "未见", "钙化", "肝右叶", "，", "。", "AFP", "400",
            "ng/mL", "(", ")", "?", "-", "and", "or", "the", "cyst", "with", "胆管", "扩张", "可能", "previously", "2019", "\n", "×",
            "mass", "in", "spleen", "history of", "cancer", "男", "54", "岁", ":", ";", "~", "12x", "S", "段", "1", "Ⅶ",
        ]),
        max_size=40,
    ),
    st.text(max_size=20),
)  # fmt: skip
def test_any_mixture_of_words_is_read_and_every_span_is_of_the_text(words: list[str], noise: str) -> None:
    text = " ".join(words) + noise
    reading = read_report(text)
    for span in (*reading.spans, *reading.not_understood):
        assert text[span.start : span.end] == span.words
    for finding in reading.findings:
        assert finding.probability is None or 0.0 <= finding.probability <= 1.0


def test_time_grows_with_the_length_of_the_text_alone() -> None:
    report = REPORTS[0][0] + "\n" + REPORTS[1][0] + "\n"

    def seconds(times: int) -> float:
        began = time.perf_counter()
        read_report(report * times)
        return time.perf_counter() - began

    seconds(20)
    short = min(seconds(20) for _ in range(3))
    long = min(seconds(160) for _ in range(2))
    assert long < 8 * 4 * short


@pytest.mark.slow
@pytest.mark.parametrize("piece", ["no evidence of ", "肝", "AFP ", "12-", "2019.", "\n", "肝钙化灶5mm，"])
def test_a_megabyte_is_read_in_seconds(piece: str) -> None:
    began = time.perf_counter()
    read_report(piece * (1_000_000 // len(piece.encode())))
    assert time.perf_counter() - began < 60


def test_a_typical_report_takes_less_than_five_milliseconds_warm() -> None:
    text = REPORTS[5][0] + " " + REPORTS[9][0]
    read_report(text)

    def milliseconds() -> float:
        began = time.perf_counter()
        read_report(text)
        return (time.perf_counter() - began) * 1e3

    assert min(milliseconds() for _ in range(20)) < 5.0
