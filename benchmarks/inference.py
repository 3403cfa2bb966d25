"""Time and agreement of the inference, beside two libraries of Bayesian networks.

Run: ``python benchmarks/inference.py [READINGS]`` (default 24). Readings are the textbook pictures of the
tests, in their order. In one run, on one core:

1. one posterior of the hypotheses of one process, by us and by pgmpy and pyAgrum where they are installed,
   from the same tables and the same (virtual) evidence, and the largest difference;
2. one posterior over all hypotheses of one or two processes, which neither library is given;
3. a whole request: 4,096 draws, intervals, weights and citations;
4. a cold start: a new interpreter to the first answer, with the knowledge compiled and from its files.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import importlib
import platform
import resource
import statistics
import subprocess
import sys
import time
import tomllib
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hepalith.differential import diagnose, hypothesise
from hepalith.differential.model import DRAWS, Model, load_model
from hepalith.differential.question import Question, ask, say
from hepalith.study.patient import Patient
from hepalith.study.patient_file import make_patient

ROOT = Path(__file__).resolve().parents[1]

GOAL_REQUEST_MS, GOAL_COLD_S = 50.0, 1.0
"""Goals: a request with all its draws on one core, and the first answer of a new interpreter."""

ROUNDS = 5
"""Times that each reading is answered; the fastest counts, as the machine is shared."""

COLD_STARTS = 5

CAUSE = "cause"
"""The root of the network: every form of every diagnosis."""

Said = dict[str, NDArray[np.float64]]


def readings(count: int) -> list[Patient]:
    """Return the first textbook pictures of the tests, as patients."""
    file = ROOT / "tests/differential/textbook.toml"
    pictures = tomllib.loads(file.read_text(encoding="utf-8"))["picture"][:count]
    return [make_patient({k: v for k, v in p.items() if k not in ("diagnosis", "kind")}) for p in pictures]


def said_of(question: Question) -> Said:
    """Return what was said, by feature."""
    return {f: v for unit in question.units.values() for f, v in say(question.model, unit).items()}


def one_process(model: Model, setting: str, said: Said) -> NDArray[np.float64]:
    """Return the posterior of the forms of one process, by us."""
    log = np.log(model.priors(setting)[model.diagnosis_of]) + np.log(model.share)
    for root in {model.root_of(feature) for feature in said}:
        unit = {f: v for f, v in said.items() if model.root_of(f) == root}
        log = log + np.log(np.maximum(model.likelihood(root, unit), np.finfo(float).tiny))
    joint = np.exp(log - log.max())
    return np.asarray(joint / joint.sum())


def tables_of(model: Model, said: Said) -> dict[str, tuple[str | None, NDArray[np.float64]]]:
    """Return, by feature that is needed, its parent and P(value | form, parent's value)."""
    needed = {*said, *(model.root_of(f) for f in said)}
    return {
        name: (t.feature.given, np.moveaxis(t.points[t.row_of], -1, 0))
        for name, t in model.tables.items()
        if name in needed
    }


def with_pgmpy(model: Model, setting: str, said: Said) -> Callable[[], NDArray[np.float64]]:
    """Return pgmpy's query, its network built."""
    net_of = importlib.import_module("pgmpy.models").DiscreteBayesianNetwork
    cpd = importlib.import_module("pgmpy.factors.discrete").TabularCPD
    engine_of = importlib.import_module("pgmpy.inference").VariableElimination
    tables = tables_of(model, said)
    net = net_of([(parent, n) for n, (g, _) in tables.items() for parent in (CAUSE, g) if parent])
    prior = model.priors(setting)[model.diagnosis_of] * model.share
    net.add_cpds(cpd(CAUSE, len(prior), prior[:, None].tolist()))
    for name, (given, points) in tables.items():
        columns = points.reshape(len(points), -1).tolist()
        evidence = [CAUSE, given] if given else [CAUSE]
        sizes = [len(prior), points.shape[2]] if given else [len(prior)]
        net.add_cpds(cpd(name, len(points), columns, evidence, sizes))
    engine = engine_of(net)
    virtual = [cpd(f, len(v), (v / v.max())[:, None].tolist()) for f, v in said.items()]

    def ask_it() -> NDArray[np.float64]:
        found = engine.query([CAUSE], virtual_evidence=virtual, show_progress=False)
        return np.asarray(found.values)

    return ask_it


def with_pyagrum(model: Model, setting: str, said: Said) -> Callable[[], NDArray[np.float64]]:
    """Return pyAgrum's query, its network built."""
    gum = importlib.import_module("pyagrum")
    net = gum.BayesNet()
    prior = model.priors(setting)[model.diagnosis_of] * model.share
    net.add(gum.RangeVariable(CAUSE, "", 0, len(prior) - 1))
    net.cpt(CAUSE).fillWith(prior.tolist())
    tables = tables_of(model, said)
    for name, (_, points) in tables.items():
        net.add(gum.RangeVariable(name, "", 0, len(points) - 1))
    for name, (given, points) in tables.items():
        net.addArc(CAUSE, name)
        if given:
            net.addArc(given, name)
        cpt = net.cpt(name)
        for place in np.ndindex(points.shape[1:]):
            where = {CAUSE: int(place[0]), **({given: int(place[1])} if given else {})}
            cpt[where] = points[(slice(None), *place)].tolist()
    engine = gum.LazyPropagation(net)
    engine.setTargets({CAUSE})

    def ask_it() -> NDArray[np.float64]:
        engine.eraseAllEvidence()
        for feature, likelihood in said.items():
            engine.addEvidence(feature, (likelihood / likelihood.max()).tolist())
        engine.makeInference()
        return np.asarray(engine.posterior(CAUSE).toarray())

    return ask_it


def quickest_ms(answer: Callable[[], Any]) -> float:
    """Return the fewest milliseconds of several rounds."""
    took = []
    for _ in range(ROUNDS):
        start = time.process_time()
        answer()
        took.append(time.process_time() - start)
    return 1000.0 * min(took)


def spread(took: Sequence[float], unit: str = "ms") -> str:
    """Return median and most."""
    return f"{statistics.median(took):.2f} {unit} (most {max(took):.2f})"


def compare(model: Model, questions: Sequence[Question]) -> list[str]:
    """Return rows of one posterior by each, and the largest difference to ours."""
    cases = [(q.setting, said_of(q)) for q in questions]
    ours = [quickest_ms(lambda c=case: one_process(model, *c)) for case in cases]  # type: ignore[misc]
    rows = [f"| ours, one process | {spread(ours)} | 1 | – |"]
    for name, build in (("pyAgrum", with_pyagrum), ("pgmpy", with_pgmpy)):
        try:
            asked = [build(model, *case) for case in cases]
        except ModuleNotFoundError:
            rows.append(f"| {name} | not installed | – | – |")
            continue
        off = max(
            float(np.abs(answer() - one_process(model, *case)).max())
            for answer, case in zip(asked, cases, strict=True)
        )
        took = [quickest_ms(answer) for answer in asked]
        ratio = statistics.median(took) / statistics.median(ours)
        version = importlib.import_module("importlib.metadata").version(name.lower())
        rows.append(f"| {name} {version} | {spread(took)} | {ratio:.0f} | {off:.0e} |")
    return rows


COLD = """
from hepalith.differential import {prepared}diagnose
from hepalith.study.patient import Patient
found = {{"dilated_ducts": True, "beaded_chain": True, "multiple_foci": True, "fever": True}}
diagnose((), (), Patient(age_years=52, findings=found))
"""

FROM_FILES = "compiled\ncompiled.COMPILED_NAME = 'none'\nfrom hepalith.differential import "


def cold_s(code: str) -> float:
    """Return the fewest seconds of processor time of a new interpreter that runs a piece of code."""
    took = []
    for _ in range(COLD_STARTS):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-c", code], check=True)  # noqa: S603 - our own line
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        took.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(took)


def main(count: int) -> None:
    """Print the tables."""
    warnings.simplefilter("ignore")
    patients = readings(count)
    model = load_model()
    questions = [ask((), (), patient) for patient in patients]
    diagnose((), (), patients[0])
    made: list[float] = []
    for patient in patients:
        start = time.process_time()
        diagnose((), (), patient)
        made.append(1000.0 * (time.process_time() - start))
    every = [quickest_ms(lambda p=p: hypothesise((), (), p)) for p in patients]  # type: ignore[misc]
    whole = [quickest_ms(lambda p=p: diagnose((), (), p)) for p in patients]  # type: ignore[misc]
    outcomes = quickest_ms(lambda: every_outcome(patients[0]))
    bare, cold, slow = (
        cold_s(c) for c in ("pass", COLD.format(prepared=""), COLD.format(prepared=FROM_FILES))
    )
    said = [len(said_of(q)) for q in questions]
    hypotheses = len(hypothesise((), (), patients[0]).log_joint)
    print(
        f"{len(patients)} textbook readings of {min(said)} to {max(said)} features; {len(model.share)} forms "
        f"of {len(model.knowledge.entries)} entries, {hypotheses} hypotheses of one or two processes. One "
        f"core, {platform.machine()}, Python {platform.python_version()}, numpy {np.__version__}; times are "
        f"the processor's, as the machine is shared (load {os.getloadavg()[0]:.1f}). The fastest of "
        f"{ROUNDS} rounds of each reading; median of them.\n"
    )
    print("| one posterior of one process | time | × ours | largest difference |\n| --- | --- | --- | --- |")
    print("\n".join(compare(model, questions)))
    print("\n| what | time |\n| --- | --- |")
    print(f"| posterior over all hypotheses of one or two processes | {spread(every)} |")
    print(f"| what each outcome of every finding would change | {outcomes:.0f} ms |")
    print(f"| whole request, {DRAWS} draws: intervals, weights, citations | {spread(whole)} |")
    print(f"| the same when a number is drawn for the first time | {spread(made)} |")
    print(f"| an interpreter that does nothing | {bare:.2f} s |")
    print(f"| a new interpreter to the first answer | {cold:.2f} s |")
    print(f"| the same without compiled knowledge | {slow:.2f} s |")
    median = statistics.median(whole)
    enough, soon = (("met" if ok else "not met") for ok in (median <= GOAL_REQUEST_MS, cold <= GOAL_COLD_S))
    print(f"\nGoal of {GOAL_REQUEST_MS:g} ms a request: {enough} ({median:.0f}).", end=" ")
    print(f"Goal of {GOAL_COLD_S:g} s cold: {soon} ({cold:.2f}).")


def every_outcome(patient: Patient) -> None:
    """Ask what each outcome of every finding that is read would change."""
    belief = hypothesise((), (), patient).narrow()
    for feature in belief.question.model.knowledge.features.values():
        for reader in feature.findings:
            belief.expect(reader.id)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 24)
