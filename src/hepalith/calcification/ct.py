"""Foci in a CT: found, measured, named."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hepalith.anatomy import LOBES, Liver, Phase
from hepalith.anatomy.ducts.ducts import Ducts
from hepalith.anatomy.neighbours import Neighbours
from hepalith.anatomy.phase import measure_aorta
from hepalith.anatomy.phases import PhaseImage
from hepalith.anatomy.vessels.vessels import Vessels
from hepalith.calcification.detectability import AT_EXCESS_HU, find_detectability
from hepalith.calcification.extent.agatston import score_agatston
from hepalith.calcification.extent.aperture import Aperture, Scene
from hepalith.calcification.extent.lay import lay_all, responses
from hepalith.calcification.extent.measure import Measured, mass_of, measure
from hepalith.calcification.focus import BESIDE_REASON, Detectability, Foci, Focus
from hepalith.calcification.form.form import look_at_form
from hepalith.calcification.form.morphology import FORMLESS_BLURS, describe_morphology
from hepalith.calcification.mimic.appearance import Appearance, Words, blurs_across, describe_appearance
from hepalith.calcification.mimic.arbiter import arbitrate
from hepalith.calcification.mimic.beside import NAMED_BESIDE, Outside, find_beside
from hepalith.calcification.mimic.change import changes_of
from hepalith.calcification.mimic.company import Anatomy, keep_company, survey
from hepalith.calcification.mimic.context import look_about
from hepalith.calcification.mimic.judge import NOTHING_EXPECTED, Verdict, judge
from hepalith.calcification.mimic.oil import beside_oil, sure_of_oil
from hepalith.calcification.search.background import blood_level, describe_surroundings, wide_blood_level
from hepalith.calcification.search.candidate import Candidate, find_candidates
from hepalith.calcification.search.evidence import lay_evidence
from hepalith.geometry import Box
from hepalith.image import Volume
from hepalith.image.noise import estimate_blur, estimate_noise
from hepalith.settings import Settings
from hepalith.study import Acquisition
from hepalith.vocabulary import Assessed, Measurement, NotAssessable

__all__ = ["find_foci"]

CROP_MARGIN_MM = 15.0
"""How far beyond the liver the crop reaches: background rings of foci at the surface, and enough of
a rib to know it as one."""

MIN_LIVER_VOXELS = 200
"""Fewest voxels of liver in which a background can be known at all."""

OUTLINE_MM = 1.0
"""Error of the liver's outline, on top of half a voxel. Our judgement."""

MOST_FILLED = 0.2
"""Most of its slices that may be missing and filled from their neighbours where a body is measured: what the
missing ones held is not known. Our judgement."""

FILLED_REASON = "slices are missing where it lies"
"""Why it is not measured otherwise."""

OIL_ROUNDS = 4
"""Most times that pieces of a nodule filled with iodised oil are told by those known already."""


Watch = Callable[[Candidate, Box, Appearance], None]
"""Told of a body: the body in the crop, the crop in the image, how the body looks."""


def find_foci(
    volume: Volume,
    liver: Liver,
    phase: Phase,
    acquisition: Acquisition,
    settings: Settings,
    *,
    neighbours: Neighbours | None = None,
    vessels: Vessels | None = None,
    ducts: Ducts | None = None,
    others: Sequence[PhaseImage] = (),
    expected: Mapping[str, float] = NOTHING_EXPECTED,
    watch: Watch | None = None,
) -> Foci:
    """Return every bright body in or at the liver, measured and named.

    Parameters
    ----------
    volume
        The CT, in HU.
    liver
        Where the liver is.
    phase
        Contrast phase; in an enhanced scan a focus must exceed what vessels reach.
    acquisition
        For the slice thickness.
    settings
        `hu_per_mg_ml` calibrates mass.
    others
        Further phases laid onto the image: what fades in them is contrast medium.
    expected
        Log odds by label that the patient's history adds (`expect_materials`).
    watch
        Called with every body that is judged, also with those beside the liver that nothing is said of: where
        it lies, the crop that its place counts in, and how it looks. Training learns from that.
    neighbours, vessels, ducts
        What is known of the anatomy: it tells mimics from calcium. Without it the network's own view of the
        organs (`Liver.organs`) and densities must do.

    Notes
    -----
    Works on the liver's box and `CROP_MARGIN_MM` about it. Noise, blur and background are measured
    first; the evidence for foci follows from them (`lay_evidence`), candidates from the evidence
    (`find_candidates`), each is measured (`lay_aperture`, `measure`), judged (`judge`) and then named from
    judges and features together (`arbitrate`).
    Bodies that the judges do not call calcification are handed on under their own names.
    """
    if not liver.is_in_view or int(liver.mask.sum()) < MIN_LIVER_VOXELS:
        return _nothing("no liver in view")
    spacing = volume.spacing_mm
    box = liver.box.grown([int(np.ceil(CROP_MARGIN_MM / s)) for s in spacing], volume.hu.shape)
    crop = volume.cropped(box)
    mask = _pasted(liver, box)
    noise = estimate_noise(crop.hu, mask, spacing)
    blur = estimate_blur(volume, acquisition.slice_thickness_mm)
    exact, sharper, softer = responses(blur, spacing)
    around = describe_surroundings(crop.hu, mask, spacing, noise, aorta_hu=measure_aorta(volume, liver))
    evidence = lay_evidence(crop.hu, mask, spacing, noise=noise, blur=blur, surroundings=around)
    blood, wide = blood_level(around, phase), wide_blood_level(around, phase)
    given = phase.label != "none"
    found, bright, asked = find_candidates(
        crop.hu,
        mask,
        spacing,
        surroundings=around,
        evidence=evidence,
        blood_hu=blood,
        wide_hu=wide,
        enhanced=given,
    )
    owners = np.zeros(mask.shape, np.min_scalar_type(len(found)))
    for n, candidate in enumerate(found, start=1):
        owners[candidate.box.slices][candidate.extent] = n
    context = look_about(crop.hu, mask, spacing, around, phase, organs=liver.organs, box=box)
    level = max(around.liver_hu, blood)
    outside = Outside(box, mask, level, noise.sd_hu, context.bone, liver.organs, neighbours)
    own, found = len(found), found + find_beside(crop.hu, spacing, owners, outside)
    owners = owners.astype(np.min_scalar_type(len(found)), copy=False)
    for n, candidate in enumerate(found[own:], start=own + 1):
        owners[candidate.box.slices][candidate.extent] = n
    scene = Scene(
        crop.hu,
        mask,
        bright,
        owners,
        crop.grid,
        noise,
        blur,
        exact,
        sharper,
        softer,
        around,
        acquisition.kernel or "",
    )
    vicinity = survey(
        box,
        liver,
        scene,
        found,
        anatomy=Anatomy(neighbours, vessels, ducts),
        context=context,
        kvp=acquisition.kvp,
    )
    laid = lay_all(found, own, scene)
    first, scene = scene, laid.scene
    rows = list[_Row]()
    for n, (candidate, aperture, body, fit) in enumerate(
        zip(found, laid.apertures, laid.bodies, laid.fits, strict=True), start=1
    ):
        measured = measure(aperture, scene, body, fit, laid.belief)
        if measured.integrated_excess.value <= 0:  # a bright edge, no body of its own
            continue
        words = _words_for(aperture, measured, scene)
        company = keep_company(n - 1, aperture, scene, vicinity)
        seen = describe_appearance(
            candidate, aperture, measured, scene, context, company=company, words=words
        )
        seen = replace(seen, read_in=phase.label, changes=changes_of(candidate, scene, box, others))
        rows.append(_Row(n, candidate, aperture, measured, seen, judge(seen, expected)))
    rows = _judge_beside_oil(rows, scene, expected)
    rows = _name(rows, expected, box, watch)
    rows = [row for row in rows if row.number <= own or row.verdict.label in NAMED_BESIDE]
    rows.sort(key=lambda row: (-row.measured.integrated_excess.value, row.number))
    labels = np.zeros(mask.shape, np.min_scalar_type(len(rows)))
    foci = []
    for number, row in enumerate(rows, start=1):
        labels[row.candidate.box.slices][row.candidate.extent] = number
        score = score_agatston(row.aperture, scene, phase)
        place = _place(row, scene, liver, box, beside=row.number > own)
        focus = _focus(number, row, place, score=score, settings=settings)
        lost = _share_filled(crop, row.candidate)
        foci.append(focus if lost <= MOST_FILLED else _unmeasured(focus))
    detectability = find_detectability(
        evidence, asked, around, first, blood_hu=blood, wide_hu=wide, enhanced=given
    )
    return Foci(tuple(foci), box, labels, detectability)


@dataclass(frozen=True, slots=True, eq=False)
class _Row:
    """One body: where it is, what it measures, how it looks and what it is taken for."""

    number: int
    candidate: Candidate
    aperture: Aperture
    measured: Measured
    seen: Appearance
    verdict: Verdict


def _name(rows: list[_Row], expected: Mapping[str, float], box: Box, watch: Watch | None) -> list[_Row]:
    """Return bodies under the names that judges and features together give them; tell of each."""
    if watch is not None:
        for row in rows:
            watch(row.candidate, box, row.seen)
    return [replace(row, verdict=arbitrate(row.seen, expected)) for row in rows]


def _judge_beside_oil(rows: list[_Row], scene: Scene, expected: Mapping[str, float]) -> list[_Row]:
    """Return the bodies, those beside a cloud of iodised oil judged again with that known."""
    known: list[int] = []
    for _ in range(OIL_ROUNDS):  # a piece that is known as oil tells of the next
        chances = [r.verdict.probability for r in rows]
        clouds = sure_of_oil([r.verdict.label for r in rows], chances)
        if clouds == known:
            break
        known = clouds
        seen, apertures = [r.seen for r in rows], [r.aperture for r in rows]
        for n, row in enumerate(rows):
            beside = None if n in clouds else beside_oil(n, seen, apertures, clouds, scene, chances)
            if beside is not None:
                rows[n] = replace(row, seen=beside, verdict=judge(beside, expected))
    return rows


def _words_for(aperture: Aperture, measured: Measured, scene: Scene) -> Words:
    """Return what the form of a body is called, with its probabilities."""
    form = look_at_form(aperture, scene) if blurs_across(measured, scene) >= FORMLESS_BLURS else None
    best, probabilities = describe_morphology(form, measured.diameter, measured.volume)
    return Words(best, probabilities, form)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a focus is: LPS millimetres, lobe, distance from the capsule."""

    lps_mm: tuple[float, float, float]
    lobe: str | None
    depth: Assessed


def _place(row: _Row, scene: Scene, liver: Liver, box: Box, *, beside: bool) -> _Place:
    """Return where a focus of the crop `box` is; in no lobe where it lies beside the liver."""
    start = [a - b for a, b in zip(box.start, liver.box.start, strict=True)]
    centre = np.array(row.measured.centroid) + start
    k, j, i = (int(np.clip(round(c), 0, n - 1)) for c, n in zip(centre, liver.mask.shape, strict=True))
    depth = float(liver.depth_mm.at(np.array([[k, j, i]]))[0])
    error = 0.5 * float(np.mean(scene.spacing_mm)) + OUTLINE_MM
    x, y, z = (float(v) for v in scene.grid.to_lps(row.measured.centroid))
    if beside:
        return _Place((x, y, z), None, NotAssessable(BESIDE_REASON))
    distance = Measurement(depth, "mm", max(0.0, depth - error), depth + error)
    return _Place((x, y, z), LOBES.get(int(liver.lobes[k, j, i])), distance)


def _focus(
    number: int,
    row: _Row,
    place: _Place,
    *,
    score: Assessed,
    settings: Settings,
) -> Focus:
    """Return the noun of one measured candidate."""
    verdict, seen, measured = row.verdict, row.seen, row.measured
    word, words = seen.words.best, seen.words.probabilities
    return Focus(
        id=number,
        label=verdict.label,
        probability=verdict.probability,
        reason=verdict.reason,
        centroid_lps_mm=place.lps_mm,
        volume=measured.volume,
        volume_limited_by_resolution=measured.limited,
        diameter=measured.diameter,
        background_hu=measured.background,
        mean_hu=measured.mean,
        peak_hu=measured.peak,
        integrated_excess=measured.integrated_excess,
        mass=mass_of(measured.integrated_excess, settings.hu_per_mg_ml),
        score_agatston_convention=score,
        morphology=word,
        morphology_probabilities=words,
        lobe=place.lobe,
        capsule_distance=place.depth,
        beside_liver=isinstance(place.depth, NotAssessable),
        extra={
            "elongation": seen.shape.elongation,
            "flatness": seen.shape.flatness,
            "hollow_share": seen.shape.hollow,
            "branches": float(seen.shape.branches),
            "fill": seen.shape.fill,
            "blurs": seen.shape.blurs,
            "noise_deviations": seen.deviations,
            "inside_share": seen.inside_share,
            "liver_about": seen.liver_about,
        },
    )


def _share_filled(crop: Volume, candidate: Candidate) -> float:
    """Return the share of the slices of a body, and one on either side, that were filled from neighbours."""
    filled = crop.filled_in(candidate.box.grown((1, 1, 1), crop.hu.shape))
    return 0.0 if filled is None else float(filled.mean())


def _unmeasured(focus: Focus) -> Focus:
    """Return a focus whose size and amount are not assessable for missing slices."""
    lost = NotAssessable(FILLED_REASON)
    return replace(
        focus,
        volume=lost,
        volume_limited_by_resolution=False,
        diameter=lost,
        integrated_excess=lost,
        mass=lost,
        score_agatston_convention=lost,
    )


def _pasted(liver: Liver, box: Box) -> NDArray[np.bool_]:
    """Return the liver's mask in a larger box."""
    mask = np.zeros(box.shape, bool)
    start = [a - b for a, b in zip(liver.box.start, box.start, strict=True)]
    mask[tuple(slice(a, a + n) for a, n in zip(start, liver.box.shape, strict=True))] = liver.mask
    return mask


def _nothing(why: str) -> Foci:
    """Return no foci, with the reason in the detectability."""
    empty = Box((0, 0, 0), (0, 0, 0))
    return Foci(
        (), empty, np.zeros((0, 0, 0), np.int32), Detectability(NotAssessable(why), AT_EXCESS_HU, why)
    )
