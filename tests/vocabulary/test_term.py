"""The vocabulary is whole: every id of the contract, two languages, and no code that is not one."""

import re

import pytest
from pydantic import ValidationError

from hepalith.vocabulary import Term, Vocabulary, all_terms, display, list_terms, load_vocabulary, term

CONTRACT = {
    "label": """calcification clip_or_coil stent_or_catheter lipiodol glue iodine_in_vessel iodine_in_duct
        vessel_wall_calcification bone_or_cartilage bowel_content gallstone gas noise_or_streak undetermined
        echogenic_focus ligament_or_fissure diaphragm reverberation""",
    "morphology": """punctate nodular coarse linear branching beaded rim eggshell curvilinear_septal stellate
        granular plaque tram_track amorphous pin equal_sign band lump""",
    "pattern": """solitary scattered clustered along_duct along_portal_triad along_capsule septal_network
        miliary bilobar_even within_mass bulls_eye""",
    "diagnosis": """simple_healed hepatolithiasis haemangioma hcc fibrolamellar hepatoblastoma icc
        metastasis_crc metastasis_mtc metastasis_ovary ce_inactive_CE4_5 ce_active_CE1_3
        alveolar_echinococcosis schisto_japonica tb_hepatic brucelloma abscess_scar pcp_extrapulm
        portal_vein_calc ischaemic_metabolic pneumobilia_mimic mcn ehe pseudolipoma
        surgical_material_lipiodol none_of_these perihilar_cca tb_biliary hepatic_artery_wall
        hepatic_artery_aneurysm metastasis_net metastasis_breast metastasis_gastric
        metastasis_neuroblastoma infantile_haemangioma treated_lesion caroli adenoma fnh""",
}


@pytest.mark.parametrize("group", CONTRACT)
def test_every_id_of_the_contract_is_a_term(group: str) -> None:
    assert set(CONTRACT[group].split()) <= {t.id for t in load_vocabulary().of_group(group)}


def test_every_term_reads_in_chinese() -> None:
    han = re.compile(r"[\u4e00-\u9fff]")
    spoken = [t for t in all_terms() if not han.search(t.zh)]
    assert [t.id for t in spoken] == []


def test_ids_are_unique_and_none_is_lost_between_files_and_list() -> None:
    ids = [entry["id"] for entry in list_terms()]
    assert len(ids) == len(set(ids)) == len(load_vocabulary())


def test_a_listed_term_says_all_that_the_contract_promises() -> None:
    for entry in list_terms():
        assert {"id", "type", "unit", "choices", "definition", "code", "en", "zh", "synonyms"} <= set(entry)


def test_codes_have_the_form_of_their_system() -> None:
    for entry in all_terms():
        if entry.code and entry.code.system == "LOINC":
            assert re.fullmatch(r"\d{3,5}-\d", entry.code.value)
        elif entry.code:
            assert re.fullmatch(r"\d{6,9}", entry.code.value)


def test_loinc_codes_carry_their_check_digit() -> None:
    def luhn(digits: str) -> int:
        total = 0
        for place, digit in enumerate(reversed(digits)):
            value = int(digit) * (2 if place % 2 == 0 else 1)
            total += value - 9 if value > 9 else value
        return -total % 10

    codes = [t.code.value for t in all_terms() if t.code and t.code.system == "LOINC"]
    assert codes
    assert all(luhn(code.split("-")[0]) == int(code.split("-")[1]) for code in codes)


def test_snomed_codes_carry_their_check_digit() -> None:
    multiply = [
        [(i + j) % 5 if j < 5 else (i - j) % 5 + 5 for j in range(10)]
        if i < 5
        else [(i - j) % 5 + 5 if j < 5 else (i - j) % 5 for j in range(10)]
        for i in range(10)
    ]
    for i in range(5):
        for j in range(5, 10):
            multiply[i][j] = (i + j - 5) % 5 + 5
    permute = [list(range(10)), [1, 5, 7, 6, 2, 8, 3, 0, 9, 4]]
    for _ in range(6):
        permute.append([permute[-1][d] for d in permute[1]])
    codes = [t.code.value for t in all_terms() if t.code and t.code.system == "SNOMED CT"]
    assert codes
    for code in codes:
        check = 0
        for place, digit in enumerate(reversed(code)):
            check = multiply[check][permute[place % 8][int(digit)]]
        assert check == 0, code


def test_an_unknown_term_names_the_nearest() -> None:
    with pytest.raises(KeyError, match="lobar_atrophy"):
        term("lobar_atropy")


def test_a_choice_is_displayed_in_both_languages() -> None:
    assert display("host_kind", choice="solid") == "solid"
    assert display("host_kind", "zh", choice="solid") == "实性"
    with pytest.raises(KeyError, match="infiltrative"):
        display("host_kind", choice="hard")


def test_a_quantity_without_a_unit_is_refused() -> None:
    row = {"id": "x", "group": "finding", "definition": "a test", "source": "test", "en": "x", "zh": "试"}
    with pytest.raises(ValidationError, match="unit"):
        Term.model_validate({**row, "type": "quantity"})
    with pytest.raises(ValidationError, match="choices"):
        Term.model_validate({**row, "type": "choice"})


def test_the_same_id_twice_is_refused() -> None:
    entry = term("calcification")
    with pytest.raises(ValueError, match="twice"):
        Vocabulary([entry, entry])
