"""Crowds of bright bodies in development phantoms, each as the product sees it and what it truly is."""

from __future__ import annotations

import copyreg
import io
import logging
import pickle
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from hepalith.anatomy.anatomy import map_anatomy
from hepalith.anatomy.locate import locate_liver
from hepalith.anatomy.phase import estimate_phase
from hepalith.calcification.ct import find_foci
from hepalith.calcification.mimic.appearance import Appearance
from hepalith.calcification.search.candidate import Candidate
from hepalith.geometry import Box
from hepalith.phantom import ORGANS
from hepalith.phantom.family import PhantomStudy, make_study
from hepalith.phantom.study_plan import CROWD, StudyPlan, draw_plan
from hepalith.phantom.truth import FocusTruth
from hepalith.settings import Settings
from hepalith.study import Acquisition

__all__ = ["NOTHING", "SeenBody", "load_crowds", "look_at_study", "make_crowds", "plan_crowd"]

NOTHING = "nothing"
"""What truly lies where nothing was laid in and the organs do not explain it."""

SLICES_MM = (
    (5.0, 5.0),
    (3.0, 3.0),
    (5.0, 5.0),
    (3.0, 3.0),
    (2.5, 2.5),
    (5.0, 5.0),
    (3.0, 3.0),
    (2.0, 2.0),
    (5.0, 2.5),
)
"""Slices of crowds, by turns: those of most liver protocols more often, thin ones less, which take time."""

MATRICES = (320, 400, 320, 400, 512)
"""Matrices, by turns: pixels of 0.7 to 1.3 mm."""

THIN_MM, THIN_MATRIX = 2.2, 320
"""Spacing below which the coarsest matrix is taken, for time's sake."""

OWN_SHARE = 0.75
"""Share of one truth among the voxels of a body that some truth holds, from which it is that one's; runs of
two things are left out."""

LEAST_SHARE = 0.05
"""Least share of a body's voxels that a truth holds for it to lie there."""

ORGAN_LABELS = {"bone": "bone_or_cartilage", "bowel": "bowel_content", "stomach": "bowel_content",
    "aorta": "iodine_in_vessel", "vena_cava": "iodine_in_vessel", "heart": "iodine_in_vessel"}  # fmt: skip
"""What a body is that lies in an organ in which nothing was laid."""

AGENT = "iodinated contrast (simulated)"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SeenBody:
    """One bright body: how the product sees it, and what it truly is.

    Parameters
    ----------
    seed
        Of the phantom.
    truth
        Its true name; `NOTHING` where nothing was laid in.
    kind
        What was laid in, as the phantom calls it; the organ where nothing was.
    phase
        True phase.
    seen
        What the judges look at.
    shared
        Whether other bodies lie on the same thing and this is not the largest.
    """

    seed: int
    truth: str
    kind: str
    phase: str
    seen: Appearance
    shared: bool = False


def plan_crowd(seed: int) -> StudyPlan:
    """Return what the crowd of a seed will be."""
    slices = SLICES_MM[seed % len(SLICES_MM)]
    matrix = MATRICES[seed % len(MATRICES)] if slices[1] > THIN_MM else THIN_MATRIX
    return draw_plan(seed, contents=CROWD, slices_mm=slices, matrix=matrix, coverage="whole", arms_down=False)


def look_at_study(study: PhantomStudy) -> list[SeenBody]:
    """Return every body that the product judges in a phantom, those that run into one left out."""
    volume, truth = study.scan.volume, study.truth
    settings = Settings()
    acquisition = Acquisition(
        slice_thickness_mm=study.scanner.slice_thickness_mm,
        kernel=study.scanner.kernel,
        kvp=study.scanner.kvp,
        contrast_agent="" if truth.phase == "none" else AGENT,
    )
    volume, liver = locate_liver(volume, settings)
    phase = estimate_phase(volume, liver, acquisition)
    anatomy = map_anatomy(volume, liver, phase)
    if anatomy is None:
        return []
    found: list[tuple[Candidate, Box, Appearance]] = []
    find_foci(
        volume, liver, phase, acquisition, settings,
        neighbours=anatomy.neighbours, vessels=anatomy.vessels, ducts=anatomy.ducts,
        watch=lambda *body: found.append(body),
    )  # fmt: skip
    named = [_named(candidate, box, study) for candidate, box, _ in found]
    sizes = [int(candidate.extent.sum()) for candidate, _, _ in found]
    bodies = []
    for n, (name, (_, _, seen)) in enumerate(zip(named, found, strict=True)):
        if name is None:
            continue
        label, kind, place = name
        shared = place >= 0 and any(
            m != n and other is not None and other[1:] == name[1:] and sizes[m] > sizes[n]
            for m, other in enumerate(named)
        )
        bodies.append(SeenBody(study.plan.seed, label, kind, truth.phase, seen, shared))
    return bodies


def _named(candidate: Candidate, box: Box, study: PhantomStudy) -> tuple[str, str, int] | None:
    """Return what a body truly is, what was laid in there, and the place of that; None of two in one."""
    places = np.argwhere(candidate.extent) + candidate.box.start + np.asarray(box.start)
    at = tuple(places.T)
    held: dict[tuple[str, str, int], int] = {}
    for truths, labels in ((study.truth.foci, study.scan.foci), (study.truth.mimics, study.scan.mimics)):
        _count(truths, labels[at], held)
    total = sum(held.values())
    if total >= max(1.0, LEAST_SHARE * len(places)):
        labels_held: dict[str, int] = {}
        for (label, _, _), count in held.items():
            labels_held[label] = labels_held.get(label, 0) + count
        best = max(labels_held, key=lambda label: labels_held[label])
        if labels_held[best] < OWN_SHARE * total:
            return None
        return max((k for k in held if k[0] == best), key=lambda k: held[k])
    organs = np.bincount(study.scan.organs[at], minlength=256)
    organ = next((n for n, v in ORGANS.items() if v == int(organs.argmax())), "none")
    return ORGAN_LABELS.get(organ, NOTHING), organ, -1


def _count(
    truths: Sequence[FocusTruth], labels: NDArray[np.int32], held: dict[tuple[str, str, int], int]
) -> None:
    """Count the voxels that each truth holds."""
    for truth in truths:
        count = int((labels == truth.id).sum())
        if count:
            key = (truth.label, truth.kind, truth.id)
            held[key] = held.get(key, 0) + count


def make_crowds(out: Path, first: int, count: int) -> None:
    """Look at so many crowds, one file each in a folder; those already there are kept."""
    out.mkdir(parents=True, exist_ok=True)
    for seed in range(first, first + count):
        path = out / f"{seed:07d}.pickle"
        if path.exists():
            continue
        bodies = look_at_study(make_study(plan_crowd(seed)))
        path.write_bytes(_dumps(bodies))
        log.info("crowd %d: %d bodies", seed, len(bodies))


class _Pickler(pickle.Pickler):
    """Writes read-only mappings as plain ones."""

    dispatch_table = MappingProxyType(
        {**copyreg.dispatch_table, MappingProxyType: lambda held: (dict, (dict(held),))}
    )


def _dumps(bodies: list[SeenBody]) -> bytes:
    """Return bodies as `load_crowds` reads them."""
    stream = io.BytesIO()
    _Pickler(stream).dump(bodies)
    return stream.getvalue()


def load_crowds(folder: Path) -> list[SeenBody]:
    """Return the bodies of all crowds of a folder."""
    return [body for path in sorted(folder.glob("*.pickle")) for body in pickle.loads(path.read_bytes())]  # noqa: S301
