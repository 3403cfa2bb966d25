"""One study read by the product, the baseline and the ideal observer: everything a line of results holds."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from hepalith.anatomy import Liver, Phase
from hepalith.anatomy.find import find_liver, given_liver, with_organs
from hepalith.anatomy.locate import liver_noise
from hepalith.anatomy.phase import estimate_phase
from hepalith.calcification import Foci, Focus
from hepalith.errors import HepalithError
from hepalith.evaluation.accompany import found_company, hosts_of, true_company
from hepalith.evaluation.baseline import BASELINES, Baseline, find_components
from hepalith.evaluation.examination import DrawnStudy, Examination
from hepalith.evaluation.hotelling import observe_liver
from hepalith.evaluation.memory import watch_memory
from hepalith.evaluation.observer import (
    CLAIM_EXCESS_HU,
    NoisePower,
    Sight,
    SphereLimits,
    ideal_snr,
    limits_of,
)
from hepalith.evaluation.overlap import dice, surface_distance_mm
from hepalith.evaluation.record import (
    BaselineRecord,
    FalseRecord,
    FoundRecord,
    LiverRecord,
    PartRecord,
    Range,
    ReadingRecord,
    StudyRecord,
    TrueRecord,
)
from hepalith.evaluation.scoring import CUT, Call, Scored, mimic_name, score_calls
from hepalith.finding.description import Description
from hepalith.geometry import Box
from hepalith.phantom import FocusTruth
from hepalith.pipeline import Stopwatch, look
from hepalith.settings import Settings
from hepalith.vocabulary import Assessed, Measurement

__all__ = ["Arms", "examine"]

CALCIFICATION = "calcification"
"""The label that counts as a call."""


ROUND = 0.01
"""How near a volume must be to that of a sphere of its diameter to be one: limits are tabulated for those."""

MOST_FALSE = 20
"""False calls of a script that are kept one by one; of 1,700 the number is enough."""


@dataclass(frozen=True, slots=True)
class Arms:
    """Which examinations of a study are read, beside that with its foci.

    Parameters
    ----------
    clean
        The scan with nothing put in: false calls in a healthy liver, and whether foci move the mask.
    claim
        Spheres as small as the clean scan's reading claims to show.
    rescan
        The same body again.
    given
        The study once more with the true liver given: detection apart from the liver's outline.
    baseline
        The threshold scripts.
    """

    clean: bool = True
    claim: bool = True
    rescan: bool = False
    given: bool = False
    baseline: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class _Read:
    """What the product made of a volume."""

    liver: Liver
    phase: Phase
    noise_hu: float | None
    foci: Foci
    seen: Description
    seconds: dict[str, float]
    processor_s: float
    peak_mb: float | None


@dataclass(frozen=True, slots=True, eq=False)
class _Physics:
    """The ideal observer's view of a study, and what the best linear one finds in its clean scan, in mm."""

    noise: NoisePower
    limits: SphereLimits
    linear_mm: float | None = None


def examine(study: DrawnStudy, arms: Arms, fingerprint: str) -> StudyRecord:
    """Make a study's examinations, read each, and return the line of results.

    Parameters
    ----------
    study
        As it was drawn.
    arms
        What is read of it.
    fingerprint
        Kept in the line.
    """
    began = time.perf_counter()
    settings = Settings(hu_per_mg_ml=study.hu_per_mg_ml)
    readings: list[ReadingRecord] = []
    physics: _Physics | None = None
    bare: NDArray[np.bool_] | None = None
    clean: Examination | None = None
    if study.make_clean is not None and (arms.clean or arms.claim):
        clean = study.make_clean()
        physics = _with_linear(study, clean, _physics(study, clean))
        reading, bare = _read_one(clean, "clean", settings, physics, baseline=arms.baseline)
        readings.append(reading)
        if arms.claim and study.add_spheres is not None and reading.smallest_focus_mm is not None:
            claimed = study.add_spheres(clean, reading.smallest_focus_mm, CLAIM_EXCESS_HU)
            readings.append(_read_one(claimed, "claim", settings, physics)[0])
    examination = study.make(clean)
    del clean
    physics = physics or _physics(study, examination)
    readings.append(_read_one(examination, "foci", settings, physics, baseline=arms.baseline, bare=bare)[0])
    if arms.given:
        readings.append(_read_one(examination, "foci", settings, physics, given=True)[0])
    del examination
    if arms.rescan and study.make_again is not None:
        readings.append(_read_one(study.make_again(), "rescan", settings, physics)[0])
    return StudyRecord(
        key=study.key, seed=study.seed, split=study.split, kind=study.kind, fingerprint=fingerprint,
        phase=study.phase, scanner=study.scanner, readings=tuple(readings), body=study.body,
        seconds=time.perf_counter() - began,
    )  # fmt: skip


def _physics(study: DrawnStudy, examination: Examination) -> _Physics | None:
    """Return the ideal observer's limits for a study's scanner and liver."""
    if study.render is None or study.noise is None or not examination.liver.any():
        return None
    noise = study.noise()
    if not noise.sd_hu > 0:
        return None  # too little liver in view to know its noise
    searched = float(np.count_nonzero(examination.liver)) * examination.volume.grid.voxel_mm3
    return _Physics(noise, limits_of(Sight(study.render, noise, max(searched, 1.0))))


def _with_linear(study: DrawnStudy, clean: Examination, physics: _Physics | None) -> _Physics | None:
    """Return the view of a study with what a linear observer finds in its scan without foci."""
    first = None if physics is None else physics.limits.smallest_mm()
    if physics is None or study.render is None or first is None:
        return physics
    sight = Sight(study.render, physics.noise, float(np.count_nonzero(clean.liver)))
    observed = observe_liver(sight, clean.volume.hu, clean.liver, first)
    return physics if observed is None else replace(physics, linear_mm=observed[1])


def _read_one(
    examination: Examination,
    purpose: str,
    settings: Settings,
    physics: _Physics | None,
    *,
    baseline: bool = False,
    bare: NDArray[np.bool_] | None = None,
    given: bool = False,
) -> tuple[ReadingRecord, NDArray[np.bool_] | None]:
    """Read one examination; return its record, and the liver that was found in the whole volume."""
    source = "given" if given else "found"
    try:
        read = _run(examination, settings, given=given)
    except HepalithError as error:
        failed = ReadingRecord(purpose, source, failure=str(error))
        return replace(failed, true=_true_of(examination, physics)), None
    except Exception as error:  # a bug of the product is a study it failed, not the end of the evaluation
        failed = ReadingRecord(purpose, source, failure=f"{type(error).__name__}: {error}")
        return replace(failed, true=_true_of(examination, physics)), None
    mask = examination.volume.pasted(read.liver.mask, read.liver.box)
    record = replace(
        _scored(read, examination, physics),
        purpose=purpose,
        liver_source=source,
        liver=None if given else _liver_record(examination, read.liver, mask, bare),
        **hosts_of(read.seen, examination),
        phase=read.phase.label,
        phase_probability=read.phase.probability,
        noise_hu=read.noise_hu,
        true_noise_hu=None if physics is None else physics.noise.sd_hu,
        baselines=tuple(_baseline(examination, b) for b in BASELINES) if baseline else (),
        seconds=MappingProxyType(read.seconds),
        processor_s=read.processor_s,
        peak_mb=read.peak_mb,
    )
    return _with_statement(record, read.foci, physics), mask


def _run(examination: Examination, settings: Settings, *, given: bool) -> _Read:
    """Run the pipeline's own stages on a volume; the answers of the examination are not shown to them."""
    clock, began = Stopwatch(), time.process_time()
    volume, acquisition = examination.volume, examination.acquisition
    with watch_memory() as peak:
        with clock.stage("liver"):
            if given:
                liver = with_organs(volume, given_liver(volume, examination.liver))
            else:
                liver = find_liver(volume, settings)
            phase = estimate_phase(volume, liver, acquisition)
            noise_hu = liver_noise(volume, liver)
        _, foci, seen = look(volume, liver, phase, acquisition, settings, clock=clock)
        took = time.process_time() - began
        return _Read(liver, phase, noise_hu, foci, seen, dict(clock.seconds), took, peak())


def is_sphere(truth: FocusTruth) -> bool:
    """Return whether a focus is a sphere, by its volume and longest caliper."""
    return abs(truth.volume_mm3 / (math.pi / 6 * truth.diameter_mm**3) - 1) < ROUND


def _true_of(examination: Examination, physics: _Physics | None) -> tuple[TrueRecord, ...]:
    """Return the true foci and how hard each is."""
    records = []
    for number, truth in enumerate(examination.truths):
        record = true_company(_plain_truth(truth, truth.label), truth, examination)
        if physics is not None and is_sphere(truth):
            size, excess = truth.diameter_mm, truth.excess_hu
            volume = physics.limits.volume_bound(size, excess)
            record = replace(
                record,
                ideal_snr=physics.limits.snr_of(size, excess),
                bound_excess=physics.limits.excess_bound(size, excess),
                bound_volume=volume,
            )
        elif physics is not None and number < len(examination.signals):
            record = replace(record, ideal_snr=ideal_snr(examination.signals[number], physics.noise))
        records.append(record)
    return tuple(records)


def _plain_truth(truth: FocusTruth, label: str) -> TrueRecord:
    """Return what is true of a focus or mimic, before anyone has looked."""
    return TrueRecord(
        id=truth.id, kind=truth.kind, label=label, diameter_mm=truth.diameter_mm, width_mm=truth.width_mm,
        excess_hu=truth.excess_hu, volume_mm3=truth.volume_mm3,
        integrated_excess=truth.integrated_excess_hu_mm3, group=truth.group, morphology=truth.morphology,
        segment=truth.segment, host=str(truth.host) if truth.host else "", mass_mg=truth.mass_mg,
        depth_mm=truth.depth_mm,
    )  # fmt: skip


def _scored(read: _Read, examination: Examination, physics: _Physics | None) -> ReadingRecord:
    """Return the record with everything matched."""
    found = read.foci.foci
    calls = [Call(f.id, f.place_lps_mm, f.label == CALCIFICATION) for f in found]
    scored = score_calls(calls, read.foci.box, read.foci.labels, examination)
    true = list(_true_of(examination, physics))
    clusters = [c for c in scored.clusters if c.truth]
    for place, cluster in enumerate(clusters):
        for n in cluster.truth:
            others = [found[f].label for f in np.flatnonzero(scored.touching[:, n])]
            named = CALCIFICATION if cluster.found else next(iter(others), "")
            own = true[n].label != CALCIFICATION and true[n].label in others  # calcium in a wall, named so
            named = true[n].label if own and not cluster.found else named
            true[n] = replace(true[n], found=bool(cluster.found) or own, named=named, cluster=place)
    mimics = []
    for mimic, call in zip(examination.mimics, scored.mimics, strict=True):
        record = _plain_truth(mimic, mimic_name(mimic))
        named = found[call].label if call >= 0 else ""
        mimics.append(replace(record, named=named, found=named == CALCIFICATION))
    ids = tuple(t.id for t in examination.truths)
    return ReadingRecord(
        purpose="", liver_source="",
        true=tuple(true), mimics=tuple(mimics), found=_found(read, scored, ids),
        clusters=tuple(tuple(ids[n] for n in c.truth) for c in clusters),
    )  # fmt: skip


def _found(read: _Read, scored: Scored, ids: tuple[int, ...]) -> tuple[FoundRecord, ...]:
    """Return the found bodies, each with what truly lies there."""
    found: Sequence[Focus] = read.foci.foci
    home = {f: cluster for cluster in scored.clusters for f in cluster.found}
    records = []
    for n, focus in enumerate(found):
        cluster = home.get(n)
        truths = cluster.truth if cluster is not None else tuple(np.flatnonzero(scored.touching[n]))
        bare = FoundRecord(
                id=focus.id, label=focus.label, probability=focus.probability, truly=scored.truly[n],
                organ=scored.organ[n], truths=tuple(ids[t] for t in truths),
                alone=cluster is not None and len(cluster.found) == 1,
                integrated_excess=_range(focus.integrated_excess), volume=_range(focus.volume),
                volume_limited=focus.volume_limited_by_resolution, diameter=_range(focus.diameter),
                mass_mg=_range(focus.mass), morphology=focus.morphology,
                morphology_probabilities=focus.morphology_probabilities, lobe=focus.lobe or "",
                centre_lps_mm=focus.place_lps_mm,
        )  # fmt: skip
        records.append(found_company(bare, read.seen))
    return tuple(records)


def _range(assessed: Assessed) -> Range | None:
    """Return a measurement as it is kept."""
    if not isinstance(assessed, Measurement):
        return None
    return Range(assessed.value, assessed.low, assessed.high)


def _with_statement(record: ReadingRecord, foci: Foci, physics: _Physics | None) -> ReadingRecord:
    """Return the record with the stated smallest focus, and what an ideal observer would need."""
    claim = foci.detectability.smallest_focus
    size = claim.value if isinstance(claim, Measurement) else None
    if physics is None:
        return replace(record, smallest_focus_mm=size)
    excess, limits = foci.detectability.at_excess_hu, physics.limits
    ideal = limits.smallest_mm(excess)
    return replace(
        record,
        smallest_focus_mm=size,
        smallest_focus_snr=None if size is None else limits.snr_of(size, excess),
        ideal_focus_mm=ideal,
        ideal_focus_snr=None if ideal is None else limits.snr_needed(ideal),
        linear_focus_mm=physics.linear_mm,
        linear_focus_snr=None if physics.linear_mm is None else limits.snr_of(physics.linear_mm, excess),
    )


def _liver_record(
    examination: Examination, liver: Liver, mask: NDArray[np.bool_], bare: NDArray[np.bool_] | None
) -> LiverRecord | None:
    """Return how well the liver was outlined; None where the truth holds none."""
    if not examination.liver_known or not examination.liver.any():
        return None
    both = Box.around(mask | examination.liver).grown((1, 1, 1), mask.shape).slices
    surface: tuple[float | None, float | None] = (None, None)
    if mask.any():
        surface = surface_distance_mm(mask[both], examination.liver[both], examination.volume.spacing_mm)
    true_ml = float(np.count_nonzero(examination.liver)) * examination.volume.grid.voxel_mm3 / 1000
    return LiverRecord(
        dice=dice(mask, examination.liver), surface_mm=surface[0], surface_95_mm=surface[1], true_ml=true_ml,
        found_ml=Range(liver.volume.value, liver.volume.low, liver.volume.high), quality=liver.quality,
        in_view=liver.in_view, moved_dice=None if bare is None else dice(mask, bare),
    )  # fmt: skip


def _baseline(examination: Examination, rule: Baseline) -> BaselineRecord:
    """Return what a threshold script makes of an examination, its true liver given."""
    volume = examination.volume
    parts, box, labels = find_components(
        volume.hu, examination.liver, volume.grid.voxel_mm3, rule.threshold_hu
    )
    calls = [Call(n, _place(volume.grid.to_lps(part.centre))) for n, part in enumerate(parts, start=1)]
    scored = score_calls(calls, box, labels, examination)
    ids = [t.id for t in examination.truths]
    found = sorted(ids[t] for c in scored.clusters if c.found for t in c.truth)
    false = [n for c in scored.clusters if not c.truth for n in c.found if scored.truly[n] != CUT]
    measured = []
    for cluster in scored.clusters:
        if cluster.truth and len(cluster.found) == 1:
            part = parts[cluster.found[0]]
            owners = tuple(ids[t] for t in cluster.truth)
            measured.append(PartRecord(owners, part.volume_mm3, part.mass_hu_mm3, part.excess_hu_mm3))
    wrong = tuple(FalseRecord(scored.truly[n], scored.organ[n], parts[n].voxels) for n in false[:MOST_FALSE])
    return BaselineRecord(rule.name, tuple(found), wrong, tuple(measured), false_count=len(false))


def _place(point: NDArray[np.float64]) -> tuple[float, float, float]:
    x, y, z = (float(v) for v in point)
    return (x, y, z)
