"""How fast every next test is judged, and whether the tests it puts first settle simulated patients sooner.

Simulated patients: an opening picture as reports give it; the true cause drawn from what is believed of it;
each test's findings drawn under that cause, with the test's own errors, and stated as a reader would. After
each test everything is inferred anew. Three orders are compared in the same patients: ours, most information
first whatever it does to the patient, and chance. Tests that name a disease outright are left out.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, replace

import numpy as np

from hepalith.differential import Diagnosis, Differential, load_knowledge
from hepalith.differential.belief import hypothesise
from hepalith.differential.expectation import Inquiry, Outlook, information_bits, make_inquiry
from hepalith.finding.person import findings_from_patient
from hepalith.management.case import Case
from hepalith.management.catalogue import TestRule, load_catalogue
from hepalith.management.next_test import plan_next_tests
from hepalith.study.patient import Patient
from hepalith.vocabulary import Measurement

OPENINGS = {
    "a small focus": Patient(age_years=50, findings={"largest_calcium": Measurement(5, "mm")}),
    "calcium along ducts": Patient(age_years=55, findings={"dilated_ducts": True, "multiple_foci": True}),
    "calcium in a solid lesion": Patient(age_years=60, findings={"host_kind": "solid"}),
    "a large ring": Patient(
        age_years=45, findings={"dominant_morphology": "eggshell", "largest_calcium": Measurement(50, "mm")}
    ),
    "many foci, cancer known": Patient(age_years=60, setting="oncology", findings={"multiple_foci": True}),
}
"""What is known when the question is put."""

PATIENTS_EACH = 40
STEPS = 4
SEED = 20_261_123


@dataclass(frozen=True)
class State:
    """One simulated patient on the way: what is stated, the true cause, and the harm done so far."""

    patient: Patient
    truth: str
    harm: float = 0.0
    done: frozenset[str] = frozenset()


def case_of(patient: Patient) -> Case:
    """Return the case of a patient file, its differential without draws."""
    heard = findings_from_patient(patient)
    belief = hypothesise(heard, (), patient)
    chances = zip(belief.diagnoses, belief.posterior.tolist(), strict=True)
    ranked = sorted((Diagnosis(d, p, p, p, p) for d, p in chances), key=lambda d: -d.probability)
    return Case(Differential(tuple(ranked)), heard, None, patient)


def outlook_of(case: Case) -> Outlook:
    """Return what is believed of a case, ready to be asked."""
    return Outlook.of(hypothesise(case.findings, case.patterns, case.patient), case.differential)


def inquiries_of(rule: TestRule) -> list[Inquiry]:
    """Return what a test asks."""
    made = [
        make_inquiry(
            f.id, load_knowledge().features, right=f.right, specificity=f.specificity, missed_as=f.missed_as
        )
        for f in rule.finds
    ]
    return [m for m in made if m is not None]


def stated_as(inquiry: Inquiry, outcome: str) -> bool | str | None:
    """Return how a report states an outcome; ``None`` where no statement says just this."""
    feature = load_knowledge().features[inquiry.feature]
    reader = next(r for r in feature.findings if r.id == inquiry.finding)
    if reader.kind in ("boolean", "any"):
        return outcome == "present"
    return next((c for c, meant in reader.choices.items() if tuple(meant) == (outcome,)), None)


def do_test(state: State, rule: TestRule, rng: np.random.Generator) -> State:
    """Return the patient after a test: its findings drawn under the true cause, one after the other."""
    findings = dict(state.patient.findings)
    outlook = outlook_of(case_of(state.patient))
    place = [e.id for e in load_knowledge().entries].index(state.truth)
    weights = np.where(outlook.model.diagnosis_of == place, outlook.weights, 0.0)
    outlook = replace(outlook, weights=weights / weights.sum(), alone={})
    if rng.random() < rule.answers:
        for inquiry in inquiries_of(rule):
            if inquiry.finding in findings or inquiry.feature in outlook.ignored:
                continue
            chances = outlook.foresee_one(inquiry).sum(axis=1)
            outcome = int(rng.choice(len(chances), p=chances / chances.sum()))
            said = stated_as(inquiry, inquiry.outcomes[outcome])
            if said is not None:
                findings[inquiry.finding] = said
                outlook = outlook.learn(inquiry, outcome)
    return replace(state, patient=replace(state.patient, findings=findings), done=state.done | {rule.id})


def choose(order: str, state: State, rng: np.random.Generator) -> tuple[TestRule, float] | None:
    """Return the test that an order does next, and what it does to the patient."""
    rules = {t.id: t for t in load_catalogue().tests if t.finds and not t.names and t.subject == "patient"}
    case = case_of(state.patient)
    if order == "ours":
        listed = [t.test for t in plan_next_tests(case) if t.test in rules and t.test not in state.done]
        chosen = next(iter(listed), None)
    else:
        open_rules = [
            r for r in rules.values() if r.id not in state.done and (not r.when or case.holds(r.when))
        ]
        if order == "most bits":
            outlook = outlook_of(case)
            bits = [r.answers * information_bits(outlook.foresee(inquiries_of(r))) for r in open_rules]
            chosen = open_rules[int(np.argmax(bits))].id if open_rules else None
        else:
            chosen = open_rules[rng.integers(len(open_rules))].id if open_rules else None
    return None if chosen is None else (rules[chosen], harm_of(rules[chosen]))


def harm_of(rule: TestRule) -> float:
    """Return the harm of a test to a grown patient, in hundredths of a death."""
    weights, burden = load_catalogue().weights, rule.burden
    radiation = burden.radiation_msv.value if burden.radiation_msv else 0.0
    contrast = weights.contrast.value if burden.contrast else 0.0
    return radiation * weights.radiation_msv.value + burden.cost * weights.cost.value + contrast


def loss_of(state: State) -> float:
    """Return what the step that looks best now loses, given the true cause."""
    catalogue, ids = load_catalogue(), [e.id for e in load_knowledge().entries]
    believed = hypothesise((), (), state.patient).posterior
    action = int((catalogue.losses @ believed).argmin())
    return float(catalogue.losses[action, ids.index(state.truth)])


def follow(order: str, opening: Patient) -> list[tuple[bool, float, float]]:
    """Return, after each number of tests and over the patients: first is true, loss, harm."""
    rows: list[tuple[bool, float, float]] = []
    for number in range(PATIENTS_EACH):
        rng = np.random.default_rng([SEED, number])
        belief = hypothesise((), (), opening)
        truth = belief.diagnoses[rng.choice(len(belief.posterior), p=belief.posterior)]
        state = State(opening, truth)
        for step in range(STEPS + 1):
            first = case_of(state.patient).differential.diagnoses[0].diagnosis
            rows.append((first == truth, loss_of(state), state.harm))
            chosen = choose(order, state, rng) if step < STEPS else None
            if chosen is not None:
                state = replace(do_test(state, chosen[0], rng), harm=state.harm + chosen[1])
    return rows


def time_all() -> tuple[float, float]:
    """Return the median and the longest time of all tests, in ms of processor time, over the openings."""
    spent = []
    for patient in OPENINGS.values():
        case = case_of(patient)
        plan_next_tests(case)
        for _ in range(5):
            start = time.process_time()
            plan_next_tests(case)
            spent.append(1e3 * (time.process_time() - start))
    return float(np.median(spent)), max(spent)


def compare_with_pairs() -> tuple[int, float, float]:
    """Return how many findings were compared, and how far (95 %, most) their bits are from those with pairs.

    A test is foreseen from the process that leads; the belief itself knows of two processes at once.
    """
    apart = []
    for patient in OPENINGS.values():
        case = case_of(patient)
        belief, outlook = hypothesise((), (), patient), outlook_of(case)
        unknown = entropy(belief.posterior)
        for finding in spoken_once():
            inquiry = make_inquiry(finding, load_knowledge().features)
            if inquiry is not None and inquiry.feature not in {*outlook.support, *outlook.ignored}:
                _, chances, after = belief.expect(finding)
                exact = unknown - sum(c * entropy(p) for c, p in zip(chances, after, strict=True))
                apart.append(abs(information_bits(outlook.foresee_one(inquiry)) - exact))
    return len(apart), float(np.percentile(apart, 95)), max(apart)


def spoken_once() -> list[str]:
    """Return the findings that are there or not and speak of one feature."""
    readers = [r for f in load_knowledge().features.values() for r in f.findings]
    names = [r.id for r in readers]
    return [r.id for r in readers if r.kind == "boolean" and not r.one_sided and names.count(r.id) == 1]


def entropy(p: np.ndarray) -> float:
    """Return the entropy of probabilities, in bits."""
    return -float((p * np.log2(np.where(p > 0, p, 1.0))).sum())


def main() -> None:
    """Print the timings and the comparison as Markdown."""
    median, longest = time_all()
    count = sum(t.subject == "patient" for t in load_catalogue().tests)
    print(
        f"All {count} tests judged and explained: median {median:.0f} ms, longest {longest:.0f} ms"
        " of processor time."
    )
    compared, most, largest = compare_with_pairs()
    print(
        f"\nForeseen from the leading process alone: the bits of {compared} findings differ from those with"
        f" pairs of processes by less than {most:.3f} in 95 %, by {largest:.2f} at most."
    )
    print(
        f"\n{PATIENTS_EACH} simulated patients for each of {len(OPENINGS)} openings, seed {SEED}; loss and"
        " harm in hundredths of an avoidable death, by the table of `losses.toml`.\n"
    )
    print("| order | tests done | true cause first | loss of the best step | harm done | together |")
    print("| --- | --- | --- | --- | --- | --- |")
    for order in ("ours", "most bits", "chance"):
        rows = np.array([follow(order, p) for p in OPENINGS.values()], dtype=float)
        by_step = rows.reshape(len(OPENINGS), PATIENTS_EACH, STEPS + 1, 3).mean(axis=(0, 1))
        for step, (right, loss, harm) in enumerate(by_step.tolist()):
            told = f"| {order} | {step} | {right:.0%} | {loss:.2f} | {harm:.2f} | {loss + harm:.2f} |"
            print(told.replace("%", " %"))
        print(order, file=sys.stderr)


if __name__ == "__main__":
    main()
