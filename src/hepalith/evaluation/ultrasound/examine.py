"""One sonogram of known truth, read by the product's own stages: everything a line of results holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from hepalith.calcification.echo import COUNTED
from hepalith.calcification.focus import Focus
from hepalith.calcification.track.examination import look_at
from hepalith.calcification.track.look import Look
from hepalith.calcification.track.track import ExaminationLooks
from hepalith.differential import diagnose
from hepalith.errors import HepalithError
from hepalith.evaluation.record import Range
from hepalith.evaluation.ultrasound.record import CallRecord, SonoRecord, TruthRecord
from hepalith.evaluation.ultrasound.scoring import ScoredSonogram, score_sonogram
from hepalith.finding.description import Description
from hepalith.finding.ultrasound.describe import describe_ultrasound
from hepalith.image.cine import Cine
from hepalith.image.picture import find_pictures
from hepalith.phantom.ultrasound.entry import SonoPhantom
from hepalith.phantom.ultrasound.truth import TISSUES, SonoFocus, SonoTruth
from hepalith.pipeline import Stopwatch
from hepalith.study import Patient
from hepalith.vocabulary import Assessed, Measurement

__all__ = ["SonoRead", "examine_sonogram", "read_sonogram"]

TISSUE_NAMES = {number: name for name, number in TISSUES.items()}
"""Names of the tissue map's labels."""


@dataclass(frozen=True, slots=True, eq=False)
class SonoRead:
    """What the product made of a sonogram."""

    whole: ExaminationLooks
    seen: Description
    differential: Mapping[str, float]
    seconds: Mapping[str, float]


def read_sonogram(cine: Cine) -> SonoRead:
    """Run the pipeline's own stages on one still or loop; its answers are not shown to them."""
    clock = Stopwatch()
    with clock.stage("picture"):
        pictures = find_pictures(cine)
    with clock.stage("echoes"):
        whole = look_at(pictures, ["us_1"] * len(pictures))
    with clock.stage("findings"):
        seen = describe_ultrasound(whole.looks, whole.foci, whole.motion)
    with clock.stage("reasoning"):
        answer = diagnose(seen.findings, seen.patterns, Patient())
    named = {d.diagnosis: d.probability for d in answer.diagnoses}
    return SonoRead(whole, seen, MappingProxyType(named), MappingProxyType(dict(clock.seconds)))


def examine_sonogram(
    phantom: SonoPhantom, *, key: str, kind: str, fingerprint: str, contents: str = ""
) -> SonoRecord:
    """Read a phantom and return its line.

    Parameters
    ----------
    phantom
        The sonogram with its truth.
    key, kind, fingerprint
        Kept in the line.
    contents
        What it holds; by default as the truth says.
    """
    truth = phantom.truth
    scale_known = phantom.cine.mm_per_px is not None
    read: SonoRead | None = None
    told = ""
    try:
        read = read_sonogram(phantom.cine)
    except Exception as error:  # a bug of the product is a picture it failed, not the end of the evaluation
        told = str(error) if isinstance(error, HepalithError) else f"{type(error).__name__}: {error}"
    calls = () if read is None else read.whole.foci.foci
    scored = score_sonogram(calls, truth.foci, truth.mimics, truth.mm_per_px)
    true = _truths(truth, calls, scored)
    return SonoRecord(
        key=key, seed=truth.seed, split=truth.split, kind=kind, fingerprint=fingerprint,
        contents=contents or truth.contents, diagnosis=truth.diagnosis, scale_known=scale_known,
        transducer=truth.sonography.transducer, frames=truth.frames,
        true=true if read is None else _placed(true, truth, read), mimics=_mimics(truth, calls, scored),
        calls=() if read is None else _calls(phantom, read, scored),
        liver_share=None if read is None else _liver_share(phantom, read),
        differential=MappingProxyType({}) if read is None else read.differential,
        seconds=MappingProxyType({}) if read is None else read.seconds, failure=told,
    )  # fmt: skip


def _truths(truth: SonoTruth, calls: Sequence[Focus], scored: ScoredSonogram) -> tuple[TruthRecord, ...]:
    """Return the true foci and what became of them."""
    return tuple(
        _truth(body, truth, calls, scored.named[n], met=scored.met[n], joined=scored.joined[n])
        for n, body in enumerate(truth.foci)
    )


def _placed(records: Sequence[TruthRecord], truth: SonoTruth, read: SonoRead) -> tuple[TruthRecord, ...]:
    """Return true foci with what the product took their place for in its first look."""
    if not read.whole.looks:
        return tuple(records)
    look = read.whole.looks[0]
    placed = []
    for record, body in zip(records, truth.foci, strict=True):
        centre = body.centre_px[look.frame]
        if centre is None:
            placed.append(record)
            continue
        at = _at(look, centre)
        in_liver, heard = bool(look.sonogram.liver[at]), bool(look.sonogram.heard[at])
        placed.append(replace(record, in_liver=in_liver, heard=heard))
    return tuple(placed)


def _at(look: Look, place_px: tuple[float, float]) -> tuple[int, int]:
    """Return the sample and line of a place on the screen."""
    sample, line = (float(np.ravel(v)[0]) for v in look.picture.samples_of(*place_px))
    samples, lines = look.sonogram.liver.shape
    return int(np.clip(round(sample), 0, samples - 1)), int(np.clip(round(line), 0, lines - 1))


def _mimics(truth: SonoTruth, calls: Sequence[Focus], scored: ScoredSonogram) -> tuple[TruthRecord, ...]:
    """Return the mimics and what they were called; a counted call on one is told before others."""
    records = []
    for n, body in enumerate(truth.mimics):
        on = [c for c, m in enumerate(scored.mimic_of) if m == n and scored.focus_of[c] < 0]
        on.sort(key=lambda c: (calls[c].label not in COUNTED, c))
        records.append(_truth(body, truth, calls, on[0] if on else -1))
    return tuple(records)


def _truth(
    body: SonoFocus,
    truth: SonoTruth,
    calls: Sequence[Focus],
    named: int,
    *,
    met: int = -1,
    joined: bool = False,
) -> TruthRecord:
    """Return one true body as it is kept."""
    deep = truth.sector.far_px - truth.sector.near_px
    return TruthRecord(
        id=body.id, label=body.label, morphology=body.morphology, diameter_mm=body.diameter_mm,
        width_mm=body.width_mm, contrast_sd=body.contrast_sd, visible=body.visible,
        depth_share=body.depth_mm / (deep * truth.mm_per_px) if deep > 0 else 0.0,
        shadow=body.shadow.grade, borderline=body.shadow.borderline, assessable=body.shadow.assessable,
        drop_db=body.shadow.drop_db, speckle_db=body.shadow.speckle_db,
        duct=body.duct.relation if body.duct is not None else "", group=body.group, moves=body.moves,
        call=calls[met].id if met >= 0 else 0, joined=joined, named=calls[named].label if named >= 0 else "",
    )  # fmt: skip


def _calls(phantom: SonoPhantom, read: SonoRead, scored: ScoredSonogram) -> tuple[CallRecord, ...]:
    """Return the calls, each with what truly lies there."""
    truth = phantom.truth
    met = set(scored.met)
    records = []
    for n, focus in enumerate(read.whole.foci.foci):
        truly, body = "nothing", 0
        if n in met or scored.focus_of[n] >= 0:
            truly, body = ("focus" if n in met else "piece"), truth.foci[scored.focus_of[n]].id
        elif scored.mimic_of[n] >= 0:
            mimic = truth.mimics[scored.mimic_of[n]]
            truly, body = mimic.label, mimic.id
        records.append(_call(focus, phantom, read, truly, body))
    return tuple(records)


def _call(focus: Focus, phantom: SonoPhantom, read: SonoRead, truly: str, body: int) -> CallRecord:
    """Return one call as it is kept."""
    best = focus.observations[0]
    x, y = best.centroid_px
    rows, columns = phantom.tissue.shape
    under = phantom.tissue[int(np.clip(round(y), 0, rows - 1)), int(np.clip(round(x), 0, columns - 1))]
    relation = read.seen.ducts.get(focus.id)
    shown = [k for k in read.whole.looks if (k.frame, k.picture.region) == (best.frame, best.region)]
    return CallRecord(
        id=focus.id, label=focus.label, counted=focus.label in COUNTED, probability=focus.probability,
        centre_px=(float(x), float(y)), morphology=focus.morphology,
        shadow=focus.shadow.grade if focus.shadow is not None else "", truly=truly, truth=body,
        tissue=TISSUE_NAMES.get(int(under), ""), contrast_sd=float(focus.extra.get("contrast_sd", 0.0)),
        index=_range(focus.shadow.index) if focus.shadow is not None else None,
        expected=focus.shadow.expected if focus.shadow is not None else None,
        diameter=_range(focus.diameter), duct=relation.relation if relation is not None else "",
        probability_real=float(focus.extra.get("probability_real", 1.0)),
        moves=read.whole.motion.get(focus.id),
        in_liver=bool(shown[0].sonogram.liver[_at(shown[0], (x, y))]) if shown else None,
    )  # fmt: skip


def _range(assessed: Assessed) -> Range | None:
    """Return a measurement as it is kept."""
    if not isinstance(assessed, Measurement):
        return None
    return Range(assessed.value, assessed.low, assessed.high)


def _liver_share(phantom: SonoPhantom, read: SonoRead) -> float | None:
    """Return the share of the true liver on the screen that the product took for liver in its first look."""
    liver = phantom.tissue == TISSUES["liver"]
    if not liver.any() or not read.whole.looks:
        return None
    look = read.whole.looks[0]
    taken = np.asarray(look.picture.to_screen(look.sonogram.liver), dtype=bool)
    return float(taken[liver].mean())
