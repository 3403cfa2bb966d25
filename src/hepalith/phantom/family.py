"""The family: whole studies drawn by seed, patient and scanner and what is laid into the liver.

A seed says everything. Seeds below `hepalith.phantom.truth.TEST_SEEDS_FROM` are for development; the
rest are the test split, from which figures are quoted and on which nothing is tuned.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from importlib.metadata import version
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from hepalith.errors import UsageError
from hepalith.phantom.body.abdomen import Abdomen, make_abdomen
from hepalith.phantom.cases.catalogue import make_case
from hepalith.phantom.cases.company import COMPANY
from hepalith.phantom.cases.crowd import draw_crowd
from hepalith.phantom.contents.host import HOSTS, make_host
from hepalith.phantom.contents.mimic import MIMICS, make_mimic
from hepalith.phantom.contents.morphology import MORPHOLOGIES, make_morphology
from hepalith.phantom.contents.sphere_set import make_sphere_set
from hepalith.phantom.deposit import Deposit
from hepalith.phantom.insert import EMPTY, Insert, join_inserts, settle_solitary
from hepalith.phantom.scanner.scanner import Scanner
from hepalith.phantom.scene import ORGANS, Scan, Scene, scan
from hepalith.phantom.shape.shape import Bounds
from hepalith.phantom.study_plan import CROWD, StudyPlan
from hepalith.phantom.truth import (
    FocusTruth,
    Truth,
    host_entries,
    pattern_entries,
    truth_of,
)

__all__ = ["PhantomStudy", "make_study"]

ITERATIVE = 0.4
"""Share of studies reconstructed iteratively, in part. Our judgement."""

AIR_AROUND_MM = 22.0
"""Room left around the patient in the field of view."""

BEYOND_LIVER_MM = (12.0, 38.0)
"""Least and most that a scan reaches beyond the liver above and below."""

APART_MM = 6.0
"""Room kept between what is laid into one liver, surface to surface."""

SEGMENTS = ("I", "II", "III", "IV", "V", "VI", "VII", "VIII")
"""Couinaud's segments in the order of their labels, from 1."""

SEGMENT_LABELS = MappingProxyType({name: label for label, name in enumerate(SEGMENTS, start=1)})
"""Label of each segment."""

RESCAN_STEP = 10**9
"""Apart from one another, the seeds of scans of one scene."""

PIXEL_PLAY = 1.015
"""Most that a scan's pixels are larger than needed: a second scan of a scene meets it on another grid."""

SPHERES = (8, 15)
"""Fewest spheres of a set, and one more than the most."""

TRIES = 12
"""Draws of one more piece before a full liver is left as it is."""

CROWDED_TRIES = 3
"""The same in a crowd, which is full soon; what finds no room there is left out."""


Maker = Callable[[str, Abdomen, np.random.Generator], Insert]
"""Makes what a name stands for."""


@dataclass(frozen=True, slots=True, eq=False)
class PhantomStudy:
    """A scanned phantom and its truth."""

    plan: StudyPlan
    abdomen: Abdomen
    scanner: Scanner
    scan: Scan
    truth: Truth


def _scanner_for(plan: StudyPlan, abdomen: Abdomen, noise: int) -> Scanner:
    """Return the scanner whose field of view holds the patient, and the part of the liver that is wanted."""
    random = np.random.default_rng([plan.seed, 6])
    again = np.random.default_rng([plan.seed, 7, noise])
    low, high = abdomen.liver.shape.bounds()[0][2], abdomen.liver.shape.bounds()[1][2]
    tall = high - low
    below, above = (float(random.uniform(*BEYOND_LIVER_MM)) for _ in range(2))
    place, part = float(random.uniform(0.1, 0.5)), float(random.uniform(0.35, 0.5))
    coverage = plan.variation.coverage
    if coverage == "slab":
        low, high = low + place * tall, low + (place + part) * tall
    else:
        low = high - part * tall if coverage == "dome" else low - below
        high = low + below + part * tall if coverage == "low" else high + above
    trunk = abdomen.organs["body"].bounds()
    across = max(trunk[1][0] - trunk[0][0], trunk[1][1] - trunk[0][1]) + AIR_AROUND_MM
    blended = float(random.uniform(0.2, 0.8)) if float(random.uniform()) < ITERATIVE else 0.0
    scanner = Scanner(
        matrix=plan.matrix,
        slices=max(math.ceil((high - low) / plan.slice_spacing_mm), 3),
        pixel_mm=round(across / plan.matrix * float(again.uniform(1.0, PIXEL_PLAY)), 3),
        slice_spacing_mm=plan.slice_spacing_mm,
        slice_thickness_mm=plan.slice_thickness_mm,
        low_z_mm=round(low + float(again.uniform(0, plan.slice_spacing_mm)), 3),
        centre_mm=(round((trunk[0][0] + trunk[1][0]) / 2, 3), round((trunk[0][1] + trunk[1][1]) / 2, 3)),
        noise_hu=plan.noise_hu,
        mas=plan.mas,
        modulation=round(float(random.uniform(0.2, 0.8)), 3),
        iterative=round(blended, 3),
        hardening=round(float(random.uniform(0.2, 0.6)), 3),
        cupping=round(float(random.uniform(0, 0.15)), 3),
        kvp=plan.kvp,
    )
    return scanner.with_kernel(plan.kernel)


def _boxes(insert: Insert) -> list[Bounds]:
    """Return what room each body and deposit of an insert takes."""
    solids = [d.shape.bounds() for d in (*insert.deposits, *insert.mimics)]
    return solids + [h.shape.bounds() for h in insert.hosts if h.shape is not None]


def _meet(a: Bounds, b: Bounds) -> bool:
    """Tell whether two boxes are less than `APART_MM` apart."""
    return all(a[0][k] - APART_MM < b[1][k] and b[0][k] - APART_MM < a[1][k] for k in range(3))


def _lay_apart(draws: list[Callable[[], Insert]], tries: int = TRIES) -> Insert:
    """Return what the draws make, each drawn anew while it meets an earlier one."""
    whole, taken = EMPTY, list[Bounds]()
    for draw in draws:
        for _ in range(tries):
            try:
                new = draw()
            except UsageError:  # no room for it in this liver
                continue
            boxes = _boxes(new)
            if not any(_meet(a, b) for a in boxes for b in taken):
                whole, taken = join_inserts(whole, new), taken + boxes
                break
    return whole


def _lay(plan: StudyPlan, abdomen: Abdomen, random: np.random.Generator) -> Insert:
    """Return what is laid into the liver."""
    kind, _, name = plan.contents.partition(":")

    def some(names: tuple[str, ...], low: int, high: int) -> list[str]:
        order = random.permutation(len(names))[: int(random.integers(low, high + 1))]
        return [names[int(k)] for k in order]

    if kind == "spheres":
        return make_sphere_set(abdomen, random, int(random.integers(*SPHERES)))
    wanted = {
        "morphologies": [("morphology", n) for n in some(MORPHOLOGIES, 2, 4)],
        "mimics": [("mimic", n) for n in some(MIMICS, 2, 4)] + [("morphology", "nodular")],
        "hosts": [("host", n) for n in some(HOSTS, 1, 2)],
        "healthy": [],
        CROWD: [],
    }.get(kind, [(kind, name)])
    makers: Mapping[str, Maker] = {
        "morphology": make_morphology, "mimic": make_mimic, "host": make_host, "case": make_case
    }  # fmt: skip
    parts = COMPANY[name] if kind == "company" else tuple((makers[k], n) for k, n in wanted)
    if kind == CROWD:
        parts = draw_crowd(random, enhanced=plan.variation.phase != "none")
    tries = CROWDED_TRIES if kind == CROWD else TRIES
    laid = _lay_apart([partial(make, n, abdomen, random) for make, n in parts], tries)
    if parts and laid is EMPTY:
        return Insert(notes=(f"This liver had no room for {plan.contents}: nothing was laid in.",))
    return laid


def _in_view(insert: Insert, scanner: Scanner) -> Insert:
    """Return an insert without the deposits and mimics that no slice of the scan meets."""
    low = scanner.low_z_mm - scanner.slice_thickness_mm / 2
    high = scanner.low_z_mm + scanner.slice_spacing_mm * (scanner.slices - 1) + scanner.slice_thickness_mm / 2

    def met(deposit: Deposit) -> bool:
        bounds = deposit.shape.bounds()
        return bounds[1][2] > low and bounds[0][2] < high

    seen = [k for k, d in enumerate(insert.deposits) if met(d)]
    patterns = tuple(
        replace(p, foci=tuple(seen.index(f) for f in p.foci if f in seen)) for p in insert.patterns
    )
    kept = replace(
        insert,
        deposits=tuple(insert.deposits[k] for k in seen),
        mimics=tuple(d for d in insert.mimics if met(d)),
        patterns=tuple(p for p in patterns if p.foci),
    )
    return settle_solitary(kept)


def _with_place(truths: tuple[FocusTruth, ...], abdomen: Abdomen) -> tuple[FocusTruth, ...]:
    """Return truths with the segment and the depth of each centre."""
    placed = []
    for truth in truths:
        x, y, z = (np.full((1, 1, 1), v, dtype=np.float32) for v in truth.centre_lps_mm)
        depth = -float(abdomen.liver.shape.distance(x, y, z).ravel()[0])
        segment = SEGMENTS[int(abdomen.liver.segment_at(x, y, z).ravel()[0]) - 1] if depth > 0 else ""
        placed.append(replace(truth, depth_mm=depth, segment=segment))
    return tuple(placed)


def _millilitres(labels: NDArray[np.uint8], names: Mapping[str, int], voxel_mm3: float) -> dict[str, float]:
    """Return the volume of each label that is in the image, in mL."""
    counts = np.bincount(labels.ravel(), minlength=256)
    return {n: float(counts[v]) * voxel_mm3 / 1000 for n, v in names.items() if counts[v]}


def _protocol(scanner: Scanner, noise_hu: float) -> dict[str, float | str | None]:
    """Return what the truth says of the scanner."""
    return {
        "blur_mm": scanner.blur_mm,
        "slice_thickness_mm": scanner.profile.width_mm,
        "slice_spacing_mm": scanner.slice_spacing_mm,
        "slice_edge_mm": scanner.profile.edge_mm,
        "noise_hu": noise_hu,
        "mas": scanner.mas,
        "iterative": scanner.iterative,
        "hu_per_mg_ml": scanner.hu_per_mg_ml,
        "pixel_mm": scanner.pixel_mm,
        "kernel": scanner.kernel,
        "kvp": scanner.kvp,
    }


def make_study(plan: StudyPlan, *, noise: int = 0) -> PhantomStudy:
    """Make the study that a plan describes, in memory.

    The same plan and version give the same voxels and truth on any x86-64 machine.

    Parameters
    ----------
    plan
        What to make.
    noise
        Another number scans the same scene again: new noise, and the grid elsewhere below a voxel.

    Returns
    -------
    PhantomStudy
        The scan with its label maps, and the truth.
    """
    gain = Scanner(kvp=plan.kvp).iodine_gain
    abdomen = make_abdomen(np.random.default_rng([plan.seed, 0]), plan.variation, gain)
    scanner = _scanner_for(plan, abdomen, noise)
    insert = _in_view(_lay(plan, abdomen, np.random.default_rng([plan.seed, 4])), scanner)
    scene = Scene(
        (*abdomen.bodies, *insert.bodies), insert.deposits, insert.mimics, insert.streaks,
        abdomen.liver.segment_at,
    )  # fmt: skip
    made = scan(scene, scanner, plan.seed if not noise else plan.seed + noise * RESCAN_STEP)
    grid = made.volume.grid
    organs = _millilitres(made.organs, ORGANS, grid.voxel_mm3)
    segments = {} if made.segments is None else _millilitres(made.segments, SEGMENT_LABELS, grid.voxel_mm3)
    mimics = truth_of(insert.mimics, made.rendered_mimics, made.mimic_excesses_hu, grid)
    truth = Truth(
        kind="family",
        seed=plan.seed,
        version=version("hepalith"),
        foci=_with_place(truth_of(insert.deposits, made.rendered, made.excesses_hu, grid), abdomen),
        mimics=_with_place(mimics, abdomen),
        scanner=_protocol(scanner, made.noise_hu),
        phase=plan.variation.phase,
        liver_volume_ml=organs.get("liver", 0.0),
        contents=plan.contents,
        diagnosis=insert.diagnosis,
        variation=asdict(plan.variation),
        organ_volumes_ml=organs,
        segment_volumes_ml=segments,
        voxels_sha256=hashlib.sha256(made.volume.hu.astype("<i2").tobytes()).hexdigest(),
        hosts=host_entries(insert.hosts),
        patterns=pattern_entries(insert.patterns),
        notes=insert.notes,
    )
    return PhantomStudy(plan, abdomen, scanner, made, truth)
