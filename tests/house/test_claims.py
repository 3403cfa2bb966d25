"""Every claim of the source article lives somewhere and is shown by a test, or says why it is not used."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


def load_maker() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_claims", ROOT / "docs/reference/make_claims.py")
    assert spec is not None
    assert spec.loader is not None
    maker = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = maker
    spec.loader.exec_module(maker)
    return maker


MAKER = load_maker()


def test_all_146_claims_are_there_in_order() -> None:
    assert [claim.id for claim in MAKER.list_claims()] == [f"S{n}" for n in range(1, 147)]


@pytest.mark.parametrize("claim", MAKER.list_claims(), ids=lambda c: c.id)
def test_a_claim_has_a_place_and_a_test_or_a_reason(claim: object) -> None:
    assert MAKER.find_faults(claim) == []


def test_the_page_of_claims_is_current() -> None:
    assert MAKER.PAGE.read_text(encoding="utf-8") == MAKER.render(), "run docs/reference/make_claims.py"


def test_few_claims_are_left_out_and_each_says_why() -> None:
    unused = [claim for claim in MAKER.list_claims() if not claim.place]
    assert len(unused) <= 8
    assert all(len(claim.note) > 40 for claim in unused)


@pytest.mark.parametrize(
    "pointer",
    [
        "differential/knowledge/no_such.toml#prior",
        "differential/knowledge/hcc.toml#likelihood.no_such",
        "management/alerts.toml#alert_no_such",
        "management/facts.py::NO_SUCH",
    ],
)
def test_a_pointer_that_leads_nowhere_is_a_fault(pointer: str) -> None:
    claim = MAKER.Claim("S0", "", (pointer,), ("tests/house/test_claims.py::load_maker",))
    assert len(MAKER.find_faults(claim)) == 2, "the test that it names is none either"


def test_a_claim_without_place_and_reason_is_a_fault() -> None:
    assert MAKER.find_faults(MAKER.Claim("S0", "says something")) == [
        "S0: it lives nowhere and no reason is given"
    ]
