"""Forms of calcium: what each measures, and how often each is named rightly.

    .venv/bin/python benchmarks/forms.py [--bodies N] [--seed N] [--write]

Each body is a phantom's liver into which every form is laid once, alone, and scanned in a small field of
view with a slice, a kernel and a dose of its own draw. The product searches, measures and names; the
largest piece found counts, as in the evaluation. Without `--write` the forms named rightly are printed, by
form and by slice, and how the probabilities held. With it, what was measured becomes the table
`src/hepalith/calcification/form/forms.toml`. Seeds below 1,000,000 are for development and alone may be
written; tables quote test seeds.
"""

from __future__ import annotations

import argparse
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from unittest import mock

import numpy as np
from numpy.typing import NDArray

import hepalith.calcification.ct as finding
from hepalith.anatomy import Phase
from hepalith.anatomy.find import given_liver
from hepalith.calcification import Focus
from hepalith.calcification.form.form import Form
from hepalith.calcification.form.morphology import LUMP, describe_morphology, measures_of
from hepalith.errors import UsageError
from hepalith.phantom import ORGANS
from hepalith.phantom.body.abdomen import Abdomen, make_abdomen
from hepalith.phantom.contents.morphology import MORPHOLOGIES, make_morphology
from hepalith.phantom.insert import Insert
from hepalith.phantom.scanner.scanner import Scanner
from hepalith.phantom.scene import Scene as PhantomScene
from hepalith.phantom.scene import scan
from hepalith.phantom.study_plan import StudyPlan, draw_plan
from hepalith.settings import Settings
from hepalith.study import Acquisition
from hepalith.vocabulary import Measurement

TEST_SEED = 1_000_000
"""First of the seeds that nothing is tuned on."""

TABLE = Path(__file__).parents[1] / "src/hepalith/calcification/form/forms.toml"

ROOM_MM = 22.0
"""Liver about a form in the field of view: enough for its background and the scan's noise."""

PIXEL_MM = (0.62, 0.9)
"""Least and most size of a pixel."""

MOST_VOXELS = 12_000_000
"""Largest field of view that is scanned."""

LEAST_BLURS = 3.0
"""Smaller bodies show no form and are left out of the table."""

SHARED_BODIES, LEAST_SHARE, OWN_SHARE, CORRELATION_KEPT, FARTHEST = 5.0, 0.2, 0.5, 0.5, 4.0
"""How much a few bodies of a form may say: for how many bodies the spread shared by all forms counts beside
a form's own; the least of it as a share of the shared one; how far, on a logarithmic scale, it is its own;
how much of the correlations is kept, and where a measure is cut off for them."""

ODDS = {LUMP: 3.0, "beaded": 0.3, "tram_track": 0.7}
"""How often a form is met as one body, over the others: most calcium in livers is dots and nodules, and
stones of a chain seldom touch. Our judgement."""


@dataclass(frozen=True, slots=True)
class Row:
    """One form that was laid in and found: its true name, what it was called, and its geometry."""

    true: str
    slice_mm: float
    focus: Focus
    form: Form | None


def lay_forms(seed: int) -> Iterator[tuple[StudyPlan, Abdomen, Insert]]:
    """Yield every form, each alone in one liver and with a protocol of its own."""
    plan = draw_plan(seed, contents="healthy")
    random = np.random.default_rng([seed, 71])
    gain = Scanner(kvp=plan.kvp).iodine_gain
    body = make_abdomen(np.random.default_rng([seed, 0]), plan.variation, gain)
    for number, name in enumerate(MORPHOLOGIES):
        other = draw_plan(seed % TEST_SEED + (number + 1) * 10_007, contents="healthy")
        protocol = replace(
            plan, slice_thickness_mm=other.slice_thickness_mm, slice_spacing_mm=other.slice_spacing_mm,
            kernel=other.kernel, noise_hu=other.noise_hu,
        )  # fmt: skip
        try:
            yield protocol, body, make_morphology(name, body, random)
        except UsageError:  # no room for it in this liver
            continue


def scanner_of(plan: StudyPlan, insert: Insert) -> Scanner:
    """Return a scanner whose field of view holds an insert and the liver about it."""
    random = np.random.default_rng([plan.seed, 72])
    boxes = [d.shape.bounds() for d in insert.deposits] + [h.shape.bounds() for h in insert.hosts if h.shape]
    low = np.min([b[0] for b in boxes], axis=0) - ROOM_MM
    high = np.max([b[1] for b in boxes], axis=0) + ROOM_MM
    pixel = round(float(random.uniform(*PIXEL_MM)), 3)
    centre = (low + high) / 2 + random.uniform(0, pixel, 3)
    return Scanner(
        matrix=2 * math.ceil(float((high - low)[:2].max()) / pixel / 2),
        slices=max(math.ceil(float((high - low)[2]) / plan.slice_spacing_mm), 5),
        pixel_mm=pixel,
        slice_spacing_mm=plan.slice_spacing_mm,
        slice_thickness_mm=plan.slice_thickness_mm,
        low_z_mm=float(low[2] + random.uniform(0, plan.slice_spacing_mm)),
        centre_mm=(float(centre[0]), float(centre[1])),
        noise_hu=plan.noise_hu,
        kvp=plan.kvp,
    ).with_kernel(plan.kernel)


@contextmanager
def kept_forms() -> Iterator[dict[int, Form | None]]:
    """Keep the geometry of every body that the product names, by the identity of its volume."""
    forms: dict[int, Form | None] = {}

    def keep(
        form: Form | None, diameter: Measurement, volume: Measurement
    ) -> tuple[str, Mapping[str, float]]:
        forms[id(volume)] = form
        return describe_morphology(form, diameter, volume)

    with mock.patch.object(finding, "describe_morphology", keep):
        yield forms


def read_form(plan: StudyPlan, body: Abdomen, insert: Insert, seed: int) -> Row | None:
    """Return the largest piece that was found of a form, looked at and named; None if none was found."""
    scanner = scanner_of(plan, insert)
    if scanner.slices * scanner.matrix**2 > MOST_VOXELS:
        return None
    made = scan(PhantomScene((*body.bodies, *insert.bodies), insert.deposits), scanner, seed)
    liver = given_liver(made.volume, made.organs == ORGANS["liver"])
    if not liver.is_in_view:
        return None
    acquisition = Acquisition(slice_thickness_mm=plan.slice_thickness_mm, kernel=plan.kernel, kvp=plan.kvp)
    with kept_forms() as forms:
        foci = finding.find_foci(
            made.volume, liver, Phase(plan.variation.phase, 0.9), acquisition, Settings()
        )
    truth = made.foci[foci.box.slices]
    met = {f.id: np.unique(truth[foci.labels == f.id]) for f in foci.foci}
    own = [f for f in foci.foci if met[f.id].max(initial=0) > 0]
    if not own:
        return None
    focus = max(
        own, key=lambda f: f.integrated_excess.value if isinstance(f.integrated_excess, Measurement) else 0
    )
    names = [insert.deposits[int(n) - 1].morphology for n in met[focus.id] if n]
    return Row(
        "beaded" if len(names) > 1 else names[0], plan.slice_thickness_mm, focus, forms[id(focus.volume)]
    )


def read_bodies(first_seed: int, count: int) -> Iterator[Row]:
    """Yield what was found of every form in so many livers."""
    for seed in range(first_seed, first_seed + count):
        for number, (plan, body, insert) in enumerate(lay_forms(seed)):
            row = read_form(plan, body, insert, 100 * seed + number)
            if row is not None:
                print(seed, row.true, row.focus.morphology, flush=True)
                yield row


def print_table(rows: Sequence[Row]) -> None:
    """Print how often each form was named rightly, and how the probabilities held."""
    slices = ((0.0, 1.5), (1.5, 2.5), (2.5, 9.0))
    print("| form | " + " | ".join(f"{a:g} to {b:g} mm" for a, b in slices) + " | taken for |")
    print("| --- |" + " --- |" * (len(slices) + 1))
    for true in sorted({r.true for r in rows}):
        own = [r for r in rows if r.true == true]
        cells = []
        for low, high in slices:
            inside = [r.focus.morphology == true for r in own if low < r.slice_mm <= high]
            cells.append(f"{sum(inside)} of {len(inside)}")
        wrong = Counter(r.focus.morphology for r in own if r.focus.morphology != true)
        taken = ", ".join(f"{name} {n}" for name, n in wrong.most_common())
        print(f"| {true} | " + " | ".join(cells) + f" | {taken} |")
    right = np.array([r.focus.morphology == r.true for r in rows])
    said = np.array([r.focus.morphology_probabilities[r.focus.morphology] for r in rows])
    print(f"right: {right.sum()} of {right.size}")
    for low, high in ((0.0, 0.5), (0.5, 0.8), (0.8, 0.95), (0.95, 1.01)):
        part = (said >= low) & (said < high)
        if part.any():
            print(f"said {said[part].mean():.2f}: right {right[part].mean():.2f} (n = {part.sum()})")


def measure_table(rows: Sequence[Row]) -> str:
    """Return the table of forms that the rows make."""
    groups: dict[str, list[list[float]]] = {}
    for row in rows:
        if row.form is not None and row.form.blurs >= LEAST_BLURS:
            name = LUMP if row.true in ("punctate", "nodular") else row.true
            groups.setdefault(name, []).append(list(measures_of(row.form).values()))
    measured = {name: np.array(values) for name, values in sorted(groups.items())}
    shared = np.sqrt(np.mean([v.var(axis=0) for v in measured.values() if len(v) > 3], axis=0))
    means, spreads, rest = {}, {}, []
    for name, values in measured.items():
        count = len(values)
        mean = np.median(values, axis=0)
        own = ((1.4826 * np.median(np.abs(values - mean), axis=0)) ** 2 + values.var(axis=0)) / 2
        variance = (count * own + SHARED_BODIES * shared**2) / (count + SHARED_BODIES)
        variance += (LEAST_SHARE * shared) ** 2 + shared**2 / (count + 1)
        spread = variance ** (OWN_SHARE / 2) * shared ** (1 - OWN_SHARE)
        means[name], spreads[name] = mean, spread
        rest.append(np.clip((values - mean) / spread, -FARTHEST, FARTHEST) / math.sqrt(count))
    stacked = np.concatenate(rest)
    correlation = stacked.T @ stacked / len(measured)
    correlation = CORRELATION_KEPT * (
        correlation + np.diag(np.diag(correlation)) * (1 / CORRELATION_KEPT - 1)
    )
    first = next(row.form for row in rows if row.form is not None)
    return _written(
        tuple(measures_of(first)), correlation, means, spreads, {n: len(v) for n, v in measured.items()}
    )


def _written(
    names: Sequence[str],
    correlation: NDArray[np.float64],
    means: Mapping[str, NDArray[np.float64]],
    spreads: Mapping[str, NDArray[np.float64]],
    counts: Mapping[str, int],
) -> str:
    def numbers(values: NDArray[np.float64]) -> str:
        return "[" + ", ".join(f"{v:.3f}" for v in values) + "]"

    lines = [
        "# What each form of calcium usually measures: mean and spread of every measure of",
        "# `hepalith.calcification.form.morphology.measures_of`, and how they go together within a form.",
        '# Made as benchmarks/forms.py makes it. "lump" is compact and rounded: a dot or a nodule, by size.',
        "# Odds say how often a form is met as one body, over the others: our judgement.",
        "",
        'source = "phantoms of this package, development seeds; grade: simulated"',
        "measures = [" + ", ".join(f'"{n}"' for n in names) + "]",
        "correlation = [",
        *(f"    {numbers(row)}," for row in correlation),
        "]",
    ]
    for name in means:
        lines += [
            "",
            "[[form]]",
            f'id = "{name}"',
            f"bodies = {counts[name]}",
            f"odds = {ODDS.get(name, 1.0)}",
        ]
        lines += [f"mean = {numbers(means[name])}", f"spread = {numbers(spreads[name])}"]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Read the bodies and print or write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--bodies", type=int, default=4, help="livers, each with every form")
    parser.add_argument("--seed", type=int, default=TEST_SEED + 5000, help="of the first liver")
    parser.add_argument("--write", action="store_true", help="make the table of forms anew")
    given = parser.parse_args()
    if given.write and given.seed + given.bodies > TEST_SEED:
        parser.error("nothing is tuned on test seeds: give a --seed below 1,000,000")
    rows = list(read_bodies(given.seed, given.bodies))
    print_table(rows)
    if given.write:
        TABLE.write_text(measure_table(rows), encoding="utf-8")


if __name__ == "__main__":
    main()
