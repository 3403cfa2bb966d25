"""Studies of the phantom family, made in memory as the sets want them."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from hepalith.evaluation.examination import DrawnStudy, Examination
from hepalith.evaluation.observer import NoisePower
from hepalith.evaluation.sight import (
    noise_in_liver,
    noise_of_scanner,
    power_of,
    render_with,
    sphere_renderer,
)
from hepalith.phantom import ORGANS, Deposit, FocusTruth, Scanner
from hepalith.phantom.cases.company import COMPANY
from hepalith.phantom.contents.sphere_set import make_sphere_set
from hepalith.phantom.deposit import CALCIUM_HU_PER_MG_ML
from hepalith.phantom.family import PhantomStudy, make_study
from hepalith.phantom.study_plan import StudyPlan, draw_plan
from hepalith.phantom.truth import split_of, truth_of
from hepalith.study import Acquisition

__all__ = ["draw_company", "draw_family", "draw_small", "draw_spheres"]

SPHERES = 16
"""Spheres in one liver, if it has room: a study then yields many answers, and they keep apart."""

SPHERE_MM = (1.5, 12.0)
"""Range of their diameters, drawn evenly on a logarithmic scale."""

SPHERE_EXCESS_HU = (100.0, 1000.0)
"""Range of their contrast at 120 kVp, drawn likewise: faint to dense calcium."""

OUT_OF_VIEW = 3
"""So many times the spheres are drawn where the scan holds part of the liver; those in view are taken."""

SMALL_SLICES_MM = ((5.0, 5.0), (2.5, 2.5), (3.0, 3.0), (2.0, 2.0))
"""Slices of the small set, in turn."""

SMALL_MATRIX = 320
"""Its matrix."""

COMPANY_SLICES_MM = ((5.0, 5.0), (3.0, 3.0))
"""Slices of the set of company, by turns: what liver protocols use most."""

ENHANCED_ONLY = "mimic_iodine_in_vessel"
"""What there is only after contrast medium: its scans without are read in the portal phase instead."""

COMPANY_MATRIX = 400
"""Its matrix: pixels near 1 mm, made and read in 15 seconds of processor."""

CLAIM_SPHERES = 12
"""Spheres of the stated smallest size put into one liver."""

WHOLE = 0.97
"""Share of a focus that must lie in the image for it to count as a true one."""

LOWEST_HU, HIGHEST_HU = -1024, 3071
"""Range of the phantom's HU, as its scanner clips them."""

SEGMENTS = ("I", "II", "III", "IV", "V", "VI", "VII", "VIII")
"""Couinaud's segments in the order of their labels, from 1."""

AGENT = "iodinated contrast (simulated)"
"""What the header of an enhanced scan says, as in a phantom's DICOM series."""

BODY_FIELDS = ("age_years", "sex", "coverage", "atrophy", "resection", "steatosis", "oral_contrast")
"""What is kept of the anatomy."""


class _Made:
    """A plan's scan without foci, made when it is first asked for, and held."""

    def __init__(self, plan: StudyPlan) -> None:
        self.plan = plan

    @functools.cached_property
    def study(self) -> PhantomStudy:
        """The scan."""
        return make_study(self.plan)

    def render(
        self, diameter_mm: float, centre_mm: tuple[float, float, float], largest_mm: float
    ) -> NDArray[np.float32]:
        """Draw a sphere as its scanner shows it; see `Render`."""
        return sphere_renderer(self.study.scanner)(diameter_mm, centre_mm, largest_mm)

    @functools.cached_property
    def noise(self) -> NoisePower:
        """Its noise, as strong as in its liver."""
        study = self.study
        unit = noise_of_scanner(study.scanner)
        volume = study.scan.volume
        liver = study.scan.organs == ORGANS["liver"]
        return power_of(study.scanner, unit, noise_in_liver(volume.hu, liver, volume.spacing_mm, unit))


def draw_spheres(seed: int) -> DrawnStudy:
    """Return a body with spheres of all sizes and densities in its liver."""
    return _with_spheres(draw_plan(seed, contents="healthy"), "spheres")


def draw_small(seed: int) -> DrawnStudy:
    """Return the same on a coarse matrix, of a whole lean liver: made and read in seconds."""
    slices = SMALL_SLICES_MM[seed % len(SMALL_SLICES_MM)]
    plan = draw_plan(
        seed, contents="healthy", slices_mm=slices, matrix=SMALL_MATRIX, coverage="whole", steatosis=0.0
    )
    return _with_spheres(plan, "small")


def _with_spheres(plan: StudyPlan, kind: str) -> DrawnStudy:
    """Return a plan's body with spheres in its liver."""
    seed, held = plan.seed, _Made(plan)

    def spheres_of(
        draw_seed: int, count: int, sizes: tuple[float, float], excesses: tuple[float, float]
    ) -> tuple[Deposit, ...]:
        random = np.random.default_rng([seed, 43, draw_seed])
        many = count if plan.variation.coverage == "whole" else OUT_OF_VIEW * count
        return make_sphere_set(held.study.abdomen, random, many, sizes, excesses).deposits

    def add_spheres(clean: Examination, diameter_mm: float, excess_hu: float) -> Examination:
        at_120 = excess_hu / held.study.scanner.calcium_gain
        deposits = spheres_of(1, CLAIM_SPHERES, (diameter_mm, diameter_mm), (at_120, at_120))
        return _lay(clean, deposits, held.study, seed, CLAIM_SPHERES)

    def make(clean: Examination | None) -> Examination:
        deposits = spheres_of(0, SPHERES, SPHERE_MM, SPHERE_EXCESS_HU)
        return _lay(clean or _examination(held.study), deposits, held.study, seed, SPHERES)

    def make_again() -> Examination:
        again = make_study(plan, noise=1)
        deposits = spheres_of(0, SPHERES, SPHERE_MM, SPHERE_EXCESS_HU)
        return _lay(_examination(again), deposits, again, seed + 1, SPHERES)

    return replace(
        _drawn(held, f"{kind}-{seed}", kind),
        make=make,
        make_again=make_again,
        make_clean=lambda: _examination(held.study),
        add_spheres=add_spheres,
    )


def draw_family(seed: int, contents: str) -> DrawnStudy:
    """Return a study of the family with the contents named, as the family makes it."""
    held = _Made(draw_plan(seed, contents=contents))
    return replace(_drawn(held, f"{contents}-{seed}", contents), make=lambda _: _examination(held.study))


def draw_company(seed: int, name: str) -> DrawnStudy:
    """Return one of `hepalith.phantom.cases.company.COMPANY` in a whole liver; no ideal observer looks."""
    slices = COMPANY_SLICES_MM[seed // len(COMPANY) % len(COMPANY_SLICES_MM)]
    plan = draw_plan(
        seed, contents=f"company:{name}", slices_mm=slices, matrix=COMPANY_MATRIX, coverage="whole",
        arms_down=False,
    )  # fmt: skip
    if name == ENHANCED_ONLY and plan.variation.phase == "none":
        plan = replace(plan, variation=replace(plan.variation, phase="portal"))
    held = _Made(plan)
    drawn = _drawn(held, f"{name}-{seed}", name)
    return replace(drawn, make=lambda _: _examination(held.study), render=None, noise=None)


def _drawn(held: _Made, key: str, kind: str) -> DrawnStudy:
    """Return what all studies of the family share."""
    plan = held.plan
    varied = {name: getattr(plan.variation, name) for name in BODY_FIELDS}
    return DrawnStudy(
        key=key,
        seed=plan.seed,
        split=split_of(plan.seed),
        kind=kind,
        phase=plan.variation.phase,
        scanner=_facts(plan),
        make=lambda _: _examination(held.study),
        render=held.render,
        noise=lambda: held.noise,
        body=MappingProxyType({**varied, "contents": plan.contents}),
        hu_per_mg_ml=_calibration(plan),
    )


def _facts(plan: StudyPlan) -> Mapping[str, float | str]:
    """Return what is true of a scan, as it is kept."""
    return MappingProxyType(
        {
            "slice_mm": plan.slice_thickness_mm,
            "spacing_mm": plan.slice_spacing_mm,
            "kernel": plan.kernel,
            "kvp": plan.kvp,
            "noise_hu": plan.noise_hu,
        }
    )


def _calibration(plan: StudyPlan) -> float:
    """Return HU of 1 mg/mL of the phantom's calcium at a plan's tube voltage, as inserts would tell it."""
    return CALCIUM_HU_PER_MG_ML * Scanner(kvp=plan.kvp).calcium_gain


def _examination(study: PhantomStudy) -> Examination:
    """Return a scan as the product is given it, with its answers.

    A focus that lies only in part in the image is neither to be found nor false where it is.
    """
    made, truth = study.scan, study.truth
    whole = [t for t in truth.foci if _share(t) >= WHOLE]
    signals = {
        t.id: r.share * np.float32(t.excess_hu) for t, r in zip(truth.foci, made.rendered, strict=True)
    }
    return Examination(
        volume=made.volume,
        acquisition=Acquisition(
            slice_thickness_mm=study.scanner.slice_thickness_mm,
            kernel=study.scanner.kernel,
            kvp=study.scanner.kvp,
            contrast_agent="" if truth.phase == "none" else AGENT,
        ),
        liver=made.organs == ORGANS["liver"],
        truths=tuple(whole),
        foci_map=made.foci,
        mimics=tuple(m for m in truth.mimics if _share(m) > 0),
        mimics_map=made.mimics,
        cut=tuple(t for t in truth.foci if 0 < _share(t) < WHOLE),
        signals=tuple(signals[t.id] for t in whole),
        organs=made.organs,
        hosts=truth.hosts,
        patterns=truth.patterns,
    )


def _share(truth: FocusTruth) -> float:
    """Return the share of a focus that lies in the image."""
    total = truth.integrated_excess_hu_mm3
    return truth.sampled_excess_hu_mm3 / total if total else 1.0


def _placed(truth: FocusTruth, study: PhantomStudy) -> FocusTruth:
    """Return a truth with the Couinaud segment of its centre."""
    x, y, z = (np.full((1, 1, 1), v, dtype=np.float32) for v in truth.centre_lps_mm)
    return replace(truth, segment=SEGMENTS[int(study.abdomen.liver.segment_at(x, y, z).ravel()[0]) - 1])


def _lay(
    clean: Examination, deposits: Sequence[Deposit], study: PhantomStudy, seed: int, most: int
) -> Examination:
    """Return a clean scan with deposits added, as its scanner would have shown them.

    Foci are added before noise and rounding in a scan; added afterwards they are the same but for
    one rounding more, which is up or down at random in proportion, so that faint skirts are kept.
    """
    random = np.random.default_rng([seed, 44])
    scanner, grid = study.scanner, clean.volume.grid
    hu, labels = clean.volume.hu.copy(), np.zeros(clean.volume.hu.shape, np.int32)
    seen = [render_with(scanner, d.shape, grid) for d in deposits]
    excesses = [d.excess_hu * scanner.gain_of(d.label) for d in deposits]
    truths = truth_of(deposits, seen, excesses, grid)
    kept = [n for n, truth in enumerate(truths) if _share(truth) > 0][:most]
    for n in kept:
        part = hu[seen[n].box.slices]
        raised = part + excesses[n] * seen[n].share
        part[...] = np.clip(np.floor(raised + random.random(part.shape)), LOWEST_HU, HIGHEST_HU)
        labels[seen[n].box.slices][seen[n].label] = truths[n].id
    placed = tuple(_placed(truths[n], study) for n in kept)
    whole = [t for t in placed if _share(t) >= WHOLE]
    return replace(
        clean,
        volume=replace(clean.volume, hu=hu),
        truths=tuple(whole),
        foci_map=labels,
        cut=tuple(t for t in placed if _share(t) < WHOLE),
        signals=tuple(seen[t.id - 1].share * np.float32(t.excess_hu) for t in whole),
    )
