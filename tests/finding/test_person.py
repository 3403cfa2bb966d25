"""What a person states becomes findings, laboratory values by their own limits."""

import pytest

from hepalith.finding import findings_from_patient
from hepalith.finding.finding import Finding
from hepalith.study.patient import Lab, Patient
from hepalith.vocabulary import Measurement, State, load_vocabulary


def one(patient: Patient, name: str) -> Finding:
    (found,) = [f for f in findings_from_patient(patient) if f.id == name]
    return found


def test_nothing_known_states_nothing() -> None:
    assert findings_from_patient(Patient()) == ()


def test_statements_keep_their_state_value_and_source() -> None:
    patient = Patient(
        symptoms={"fever": True, "jaundice": False},
        findings={"host_kind": "solid", "largest_calcium": Measurement(9, "mm"), "dilated_ducts": False},
    )
    assert {f.source for f in findings_from_patient(patient)} == {"person"}
    assert one(patient, "fever").state is State.PRESENT
    assert one(patient, "jaundice").state is State.ABSENT
    assert one(patient, "host_kind").value == "solid"
    assert one(patient, "host_kind").subject.kind == "host"
    assert one(patient, "largest_calcium").value == Measurement(9, "mm")
    assert one(patient, "dilated_ducts").state is State.ABSENT


def test_one_raised_value_is_enough() -> None:
    labs = {"alp": Lab(90, "U/L", 120), "ggt": Lab(300, "U/L", 60)}
    assert one(Patient(labs=labs), "alp_ggt_up").state is State.PRESENT


def test_a_value_within_its_limit_is_absent() -> None:
    assert one(Patient(labs={"alp": Lab(90, "U/L", 120)}), "alp_ggt_up").state is State.ABSENT


@pytest.mark.parametrize(
    ("term", "value", "unit", "age", "state"),
    [
        ("cea", 90, "ng/mL", None, State.PRESENT),  # above every laboratory's limit
        ("cea", 2, "ng/mL", None, State.ABSENT),  # below every laboratory's
        ("cea", 6, "ng/mL", None, State.NOT_ASSESSABLE),  # raised in one, normal in another
        ("cea", 90, "arb", None, State.NOT_ASSESSABLE),
        ("bilirubin", 3.0, "mg/dL", 0.25, State.PRESENT),
        ("bilirubin", 3.0, "mg/dL", 0.01, State.NOT_ASSESSABLE),  # the newborn's jaundice
        ("alp", 400, "U/L", 40, State.PRESENT),
        ("alp", 400, "U/L", 12, State.NOT_ASSESSABLE),  # growing bones
    ],
)
def test_a_value_without_its_limit_is_judged_only_where_all_laboratories_agree(
    term: str, value: float, unit: str, age: float | None, state: State
) -> None:
    raised = load_vocabulary()[term].raises
    assert raised is not None
    found = one(Patient(age_years=age, labs={term: Lab(value, unit)}), raised)
    assert found.state is state
    if state is State.NOT_ASSESSABLE:
        assert "limit" in (found.reason or "")


def test_usual_limits_are_ranges_of_what_raises_a_finding() -> None:
    for entry in load_vocabulary().of_group("laboratory"):
        if entry.usual_upper_limit is not None:
            assert entry.raises is not None
            assert 0 < entry.usual_upper_limit[0] < entry.usual_upper_limit[1], entry.id


def test_afp_has_a_limit_of_its_own_in_its_own_unit() -> None:
    assert one(Patient(labs={"afp": Lab(21, "ng/mL")}), "afp_up").state is State.PRESENT
    assert one(Patient(labs={"afp": Lab(21, "kU/L")}), "afp_up").state is State.NOT_ASSESSABLE


@pytest.mark.parametrize(("age", "state"), [(0.2, State.NOT_ASSESSABLE), (0.6, State.PRESENT)])
def test_afp_is_not_judged_in_a_young_infant(age: float, state: State) -> None:
    patient = Patient(age_years=age, labs={"afp": Lab(9000, "ng/mL", 20)})
    assert one(patient, "afp_up").state is state


@pytest.mark.parametrize(
    ("lab", "state"),
    [
        (Lab(24, "g/L"), State.PRESENT),
        (Lab(2.4, "g/dL"), State.PRESENT),
        (Lab(40, "g/L"), State.ABSENT),
        (Lab(300, "umol/L"), State.NOT_ASSESSABLE),
    ],
)
def test_low_albumin_is_read_in_its_unit(lab: Lab, state: State) -> None:
    assert one(Patient(labs={"albumin": lab}), "albumin_low").state is state
