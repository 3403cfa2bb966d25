"""Every code that leaves the house: formed as its scheme forms it, and in DICOM's tables where it says so."""

from __future__ import annotations

import ast
import importlib.util
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from pydicom.sr._cid_dict import cid_concepts
from pydicom.sr._concepts_dict import concepts as dicom_concepts

import hepalith
from hepalith.report.dicom.sr_code import STATES
from hepalith.vocabulary import Code, load_vocabulary
from hepalith.vocabulary.coding import (
    DESIGNATORS,
    PRIVATE_SCHEME_UID,
    SCHEME_URIS,
    Coded,
    coded,
    concept,
    list_concepts,
    read_concepts,
)

PACKAGE = Path(hepalith.__file__).parent

MAKER = Path(__file__).resolve().parents[2] / "docs/reference/make_conformance.py"
"""The script that writes ``docs/conformance.md``."""

LONGEST_MEANING = 64
"""Characters of a Code Meaning (DICOM PS3.5, 6.2: LO)."""

LONGEST_VALUE = 16
"""Characters of a Code Value (DICOM PS3.5, 6.2: SH)."""

MULTIPLY = [
    [(i + j) % 5 if j < 5 else (i + j) % 5 + 5 for j in range(10)]
    if i < 5
    else [(i - j) % 5 + 5 if j < 5 else (i - j) % 5 for j in range(10)]
    for i in range(10)
]
"""The dihedral group of ten, as Verhoeff's check digit multiplies."""

PERMUTE = [list(range(10)), [1, 5, 7, 6, 2, 8, 3, 0, 9, 4]]
for _ in range(6):
    PERMUTE.append([PERMUTE[-1][digit] for digit in PERMUTE[1]])


def is_snomed(value: str) -> bool:
    """Return whether Verhoeff's check digit of a SNOMED CT identifier is right."""
    check = 0
    for place, digit in enumerate(reversed(value)):
        check = MULTIPLY[check][PERMUTE[place % 8][int(digit)]]
    return check == 0 and re.fullmatch(r"[1-9]\d{5,17}", value) is not None


def is_loinc(value: str) -> bool:
    """Return whether the modulus 10 check digit of a LOINC code is right."""
    match = re.fullmatch(r"(\d{3,7})-(\d)", value)
    if match is None:
        return False
    total = 0
    for place, digit in enumerate(reversed(match[1])):
        doubled = int(digit) * (2 if place % 2 == 0 else 1)
        total += doubled - 9 if doubled > 9 else doubled
    return -total % 10 == int(match[2])


FORMS: dict[str, Callable[[str], object]] = {
    "SNOMED CT": is_snomed,
    "LOINC": is_loinc,
    "RadLex": re.compile(r"RID\d{1,6}").fullmatch,
    "DICOM": re.compile(r"\d{6}|[A-Z]{1,8}").fullmatch,
}


def list_codes() -> Iterator[tuple[str, Code]]:
    """Yield every public code with the name of what has it."""
    for entry in load_vocabulary():
        if entry.code is not None:
            yield entry.id, entry.code
        for choice in entry.choices:
            if choice.code is not None:
                yield f"{entry.id}={choice.id}", choice.code
    for name, (_, code) in read_concepts().items():
        if code is not None:
            yield f"concept {name}", code


def list_all() -> Iterator[tuple[str, Coded]]:
    """Yield what every term, every own choice of a term and every concept is called outside."""
    for entry in load_vocabulary():
        yield entry.id, coded(entry.id)
        if not entry.choices_from:
            for choice in entry.choices:
                yield f"{entry.id}={choice.id}", coded(entry.id, choice.id)
    for name, code in list_concepts().items():
        yield f"concept {name}", code


def names_in_dicom(scheme: str, value: str) -> dict[str, set[int]]:
    """Return the wordings of a code in PS3.16, in small letters, with the context groups that list it."""
    found: dict[str, set[int]] = {}
    tables: Any = dicom_concepts
    for keyword, codes in tables[scheme].items():
        if value in codes:
            meaning, groups = codes[value]
            listed = {cid for cid in groups if keyword in cid_concepts[cid].get(scheme, ())}
            found.setdefault(plain(meaning), set()).update(listed)
    return found


def plain(meaning: str) -> str:
    """Return a wording without case, SNOMED CT's tag of what it is, and DICOM's "Report" of a procedure."""
    return re.sub(r" \([a-z ]+\)$| report$", "", meaning.casefold())


def calls(path: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield the calls in a module that are given text: the function's name and the texts."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            texts = [a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
            if texts:
                yield node.func.id, texts


def test_check_digits_catch_a_changed_digit() -> None:
    assert is_snomed("10200004")
    assert not is_snomed("10200005")
    assert not is_snomed("12000004")
    assert is_loinc("1834-1")
    assert not is_loinc("1843-1")


@pytest.mark.parametrize("system", FORMS)
def test_codes_are_formed_as_their_scheme_forms_them(system: str) -> None:
    values = {name: code.value for name, code in list_codes() if code.system == system}
    assert values
    assert [name for name, value in values.items() if not FORMS[system](value)] == []


def test_every_public_code_says_its_schemes_wording_and_where_it_was_checked() -> None:
    assert [name for name, code in list_codes() if not (code.meaning and code.checked)] == []


def test_what_was_checked_in_dicoms_standard_stands_there_in_those_words() -> None:
    wrong = []
    cited = [(name, code) for name, code in list_codes() if (code.checked or "").startswith("PS3.16")]
    for name, code in cited:
        there = names_in_dicom(DESIGNATORS[code.system], code.value)
        groups = there.get(plain(code.meaning or ""))
        cid = re.search(r"CID (\d+)", code.checked or "")
        if groups is None or (cid is not None and int(cid[1]) not in groups):
            wrong.append((name, code.value, code.checked, there))
    assert len(cited) > 50
    assert wrong == []


def test_codes_written_into_a_writer_by_hand_stand_in_dicoms_standard() -> None:
    wrong, seen = [], 0
    for path in sorted((PACKAGE / "report").rglob("*.py")):
        for function, texts in calls(path):
            if function == "Coded" and len(texts) == 3 and texts[1] in {"DCM", "SCT"}:
                value, scheme, meaning = texts
            elif function in {"dcm", "sct"} and len(texts) == 2:
                (value, meaning), scheme = texts, {"dcm": "DCM", "sct": "SCT"}[function]
            else:
                continue
            seen += 1
            if plain(meaning) not in names_in_dicom(scheme, value):
                wrong.append((path.name, value, meaning))
    assert seen > 0
    assert wrong == []


def test_codes_and_their_wording_fit_dicom() -> None:
    long = [
        (name, code.meaning)
        for name, code in list_all()
        if len(code.value) > LONGEST_VALUE or not 0 < len(code.meaning) <= LONGEST_MEANING
    ]
    assert long == []


def test_no_two_private_codes_are_the_same() -> None:
    private = [code.value for _, code in list_all() if code.is_private]
    assert len(private) > 300
    assert len(private) == len(set(private))


def test_every_concept_and_term_that_a_module_names_exists() -> None:
    names = set(list_concepts())
    expected = {"concept": names, "thing": names, "coded": {entry.id for entry in load_vocabulary()}}
    missing = []
    for path in sorted(
        [*PACKAGE.glob("report/**/*.py"), *PACKAGE.glob("server/**/*.py"), *PACKAGE.glob("reading/*.py")]
    ):
        for function, texts in calls(path):
            expected = {"concept": list_concepts(), "thing": list_concepts(), "coded": load_vocabulary()}.get(
                function
            )
            if expected is not None and texts[0] not in expected:
                missing.append(f"{path.name}: {function}({texts[0]!r})")
    assert missing == []


def test_a_code_is_said_in_its_schemes_words() -> None:
    assert coded("hcc") == Coded("109841003", "SCT", "Liver cell carcinoma")
    assert coded("state", "not_assessable") == Coded("373068000", "SCT", "Undetermined")
    assert concept("diameter") == Coded("103339001", "SCT", "Long axis")


def test_the_report_says_states_as_the_vocabulary_codes_them() -> None:
    assert {state: named.coded for state, named in STATES.items()} == {
        choice.id: coded("state", choice.id) for choice in load_vocabulary()["state"].choices
    }


def test_a_private_code_keeps_its_value() -> None:
    assert coded("simple_healed") == Coded("H6F3BE5D0", "99HEPALITH", "Simple or healed calcification")
    assert coded("simple_healed").system == f"urn:oid:{PRIVATE_SCHEME_UID}"


def test_a_choice_that_is_a_term_has_the_terms_code() -> None:
    assert coded("dominant_morphology", "eggshell") == coded("eggshell")
    assert coded("dominant_morphology", "rim") == coded("rim")
    assert coded("side_of_foci", "left") != coded("lobe", "left")


def test_an_unknown_choice_is_refused() -> None:
    with pytest.raises(KeyError, match="no choice 'hard'"):
        coded("host_kind", "hard")


def test_every_system_has_a_designator_and_a_uri() -> None:
    assert {code.system for _, code in list_codes()} <= set(DESIGNATORS)
    assert set(DESIGNATORS.values()) <= set(SCHEME_URIS)


@pytest.fixture(scope="module")
def maker() -> ModuleType:
    """Return the script that writes the conformance statement."""
    spec = importlib.util.spec_from_file_location("make_conformance", MAKER)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_conformance_statement_is_current(maker: ModuleType) -> None:
    assert maker.PAGE.read_text(encoding="utf-8") == maker.render(), (
        "run python docs/reference/make_conformance.py"
    )


def test_the_conformance_statement_lists_every_private_code(maker: ModuleType) -> None:
    page = maker.PAGE.read_text(encoding="utf-8")
    assert [name for name, code in list_all() if code.is_private and f"| `{code.value}` |" not in page] == []


def test_a_reason_for_what_is_not_private_is_a_fault(
    maker: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert maker.find_faults() == []
    reasons = {"one": {"jaundice": "none"}, "group": {"choice": "its question"}}
    monkeypatch.setattr(maker, "load_reasons", lambda: reasons)
    faults = maker.find_faults()
    assert "jaundice has a reason but no private code" in faults
    assert "simple_healed has no reason" in faults
