"""Findings that a person states in the patient file, laboratory values included."""

from __future__ import annotations

import math
from collections.abc import Mapping

from hepalith.finding.finding import Finding, Subject
from hepalith.study.patient import Doubtful, Lab, Patient, Value
from hepalith.vocabulary import Measurement, NotAssessable, State, Term, load_vocabulary

__all__ = ["findings_from_patient"]

AFP_ADULT_FROM_YEARS = 0.5
"""Healthy infants have alpha-fetoprotein up to 50,000 ng/mL at birth and reach the adult level at about six
months (tertiary source, clinicalgate); until then a raised value is not assessable."""

LOW_ALBUMIN_G_L = 25.0
"""Albumin at or below which 30-day death in purulent cholangitis rose (OR 17.3, n = 120, DOI
10.1002/jhbp.9, grade A)."""

VIRUSES = {"hbv_dna": "hepatitis_b", "hcv_rna": "hepatitis_c"}
"""Viruses in the blood and the infection that they prove. None in the blood proves nothing: treatment."""

LEAST_VIRUS_U_ML = 50.0
"""Above this the virus is there: limits of detection in use are lower. General knowledge, not checked."""

SOURCE = "person"


def findings_from_patient(patient: Patient) -> tuple[Finding, ...]:
    """Return every finding that the patient file states, in the order of the vocabulary.

    Symptoms, exposures and history are findings about the patient; a laboratory value makes the
    finding that its term names, judged by its own upper limit.
    """
    stated: dict[str, Finding] = _findings_of_labs(patient)
    for table in (patient.history, patient.exposures, patient.symptoms, patient.findings):
        for term_id, value in table.items():
            stated[term_id] = _stated(term_id, value)
    return tuple(stated[term.id] for term in load_vocabulary() if term.id in stated)


def _stated(term_id: str, value: Value) -> Finding:
    subject = Subject(load_vocabulary()[term_id].subject or "patient")
    if isinstance(value, NotAssessable):
        return Finding(term_id, subject, State.NOT_ASSESSABLE, source=SOURCE, reason=value.reason)
    if isinstance(value, Doubtful):
        chosen = max(value.choices, key=lambda c: c[1])[0] if value.choices else None
        return Finding(
            term_id,
            subject,
            State.PRESENT,
            value.probability,
            chosen,
            SOURCE,
            alternatives=value.choices,
        )
    if isinstance(value, bool):
        state = State.PRESENT if value else State.ABSENT
        return Finding(term_id, subject, state, probability=float(value), source=SOURCE)
    return Finding(term_id, subject, State.PRESENT, probability=1.0, value=value, source=SOURCE)


def _findings_of_labs(patient: Patient) -> dict[str, Finding]:
    """Return what the laboratory values say: present if any that bears on it is out of its limits."""
    found: dict[str, Finding] = {}
    for term_id, lab in patient.labs.items():
        made = load_vocabulary()[term_id].makes
        if made is not None:
            finding = _judge(term_id, made, lab, patient)
            if made not in found or _outranks(finding, found[made]):
                found[made] = finding
    if (low := _low_albumin(patient.labs)) is not None:
        found[low.id] = low
    for term_id, infection in VIRUSES.items():
        load = patient.labs.get(term_id)
        if load and load.unit == load_vocabulary()[term_id].unit and load.value > LEAST_VIRUS_U_ML:
            found[infection] = Finding(
                infection, Subject("patient"), State.PRESENT, probability=1.0, source=SOURCE
            )
    return found


def _outranks(new: Finding, old: Finding) -> bool:
    order = (State.NOT_ASSESSABLE, State.ABSENT, State.PRESENT)
    return order.index(new.state) > order.index(old.state)


def _judge(term_id: str, raised: str, lab: Lab, patient: Patient) -> Finding:
    term = load_vocabulary()[term_id]
    subject = Subject("patient")
    if term_id == "afp" and (patient.age_years is not None and patient.age_years < AFP_ADULT_FROM_YEARS):
        reason = "alpha-fetoprotein is high in every healthy infant under six months"
        return Finding(raised, subject, State.NOT_ASSESSABLE, source=SOURCE, reason=reason)
    if term.lowers is not None:
        return _judge_low(term, lab, patient)
    limit = _limit(term, lab, patient)
    if limit is None:
        reason = f"{term.en} is given without its upper limit"
        return Finding(raised, subject, State.NOT_ASSESSABLE, source=SOURCE, reason=reason)
    state = State.PRESENT if lab.value > limit else State.ABSENT
    value = Measurement(lab.value, lab.unit)
    return Finding(raised, subject, state, float(state is State.PRESENT), value, source=SOURCE)


def _judge_low(term: Term, lab: Lab, patient: Patient) -> Finding:
    """Return the finding of a value that is judged by its lower limit; laboratories differ in it."""
    made, subject = str(term.lowers), Subject("patient")
    lowest, highest = term.usual_lower_limit or (0.0, math.inf)
    young = patient.age_years is not None and patient.age_years < term.usual_from_years
    if lab.unit != term.unit or young or lowest <= lab.value < highest:
        reason = f"{term.en} is given without its lower limit"
        return Finding(made, subject, State.NOT_ASSESSABLE, source=SOURCE, reason=reason)
    low = lab.value < lowest
    state = State.PRESENT if low else State.ABSENT
    return Finding(made, subject, state, float(low), Measurement(lab.value, lab.unit), source=SOURCE)


def _limit(term: Term, lab: Lab, patient: Patient) -> float | None:
    """Return what a value is judged by: its own upper limit, else one that every laboratory would agree with.

    ``None`` where laboratories differ about such a value, and for the young, whose limits are others.
    """
    if lab.upper_limit is not None or lab.unit != term.unit:
        return lab.upper_limit
    if term.upper_limit is not None or term.usual_upper_limit is None:
        return term.upper_limit
    if patient.age_years is not None and patient.age_years < term.usual_from_years:
        return None
    lowest, highest = term.usual_upper_limit
    return highest if lab.value > highest else lowest if lab.value <= lowest else None


def _low_albumin(labs: Mapping[str, Lab]) -> Finding | None:
    albumin = labs.get("albumin")
    if albumin is None:
        return None
    grams = {"g/L": albumin.value, "g/dL": 10.0 * albumin.value}.get(albumin.unit)
    subject = Subject("patient")
    if grams is None:
        reason = f"albumin is in {albumin.unit}; give it in g/L"
        return Finding("albumin_low", subject, State.NOT_ASSESSABLE, source=SOURCE, reason=reason)
    state = State.PRESENT if grams <= LOW_ALBUMIN_G_L else State.ABSENT
    return Finding(
        "albumin_low", subject, state, float(state is State.PRESENT), Measurement(grams, "g/L"), source=SOURCE
    )
