"""Bright bodies of development pictures with what they truly are: what the last weights are fitted on."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from hepalith.anatomy.ultrasound.sonogram import map_sonogram
from hepalith.calcification.ultrasound.evidence import weigh
from hepalith.calcification.ultrasound.evidence_measures import measures_asked
from hepalith.calcification.ultrasound.find import see_bodies
from hepalith.calcification.ultrasound.mimic import weigh_mimics
from hepalith.calcification.ultrasound.scale import find_scales
from hepalith.calcification.ultrasound.sight import Sight
from hepalith.evaluation.ultrasound.pictures import sono_plan_of
from hepalith.image.picture import Picture, find_pictures
from hepalith.phantom.ultrasound.entry import SonoPhantom
from hepalith.phantom.ultrasound.make import make_sonogram
from hepalith.phantom.ultrasound.truth import SonoFocus, SonoTruth

__all__ = ["CROWDED", "BodyRow", "PictureRow", "load_measures", "measure_set", "names_of"]

REACH_MM = 2.0
"""How far beyond half the diagonal of a true body's box a body's centre may lie, as in the evaluation."""

BRIGHT_STILLS = ("benign/127", "benign/132")
"""Stills that hold bright foci of their own: what is bright there teaches nothing."""


CROWDED = "crowded"
"""Livers that are full of bodies, of which more is learned in less time; no set of the evaluation."""


def make_crowded(seed: int) -> tuple[SonoPhantom, str]:
    """Return a crowded phantom."""
    return make_sonogram(seed, contents="case:crowded"), CROWDED


@dataclass(frozen=True, slots=True)
class BodyRow:
    """One bright body: its measures, what the forest is asked with (`evidence_measures`), what it truly is.

    `truth` is the number of the true focus it is taken for, ``"piece"`` of one that another body is taken
    for, ``"unsure"`` where nobody knows, else the mimic's label or ``"nothing"``.
    """

    measures: dict[str, float]
    truth: str
    asked: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class PictureRow:
    """One picture: which set and seed, whose still it is, its true foci that can be seen, and its bodies."""

    kind: str
    seed: int
    still: str
    foci: list[dict[str, float | str]]
    bodies: list[BodyRow]


def measure_set(kind: str, seeds: range, out: Path) -> None:
    """Append the pictures of a set to a file of JSON lines; seeds already there are left out."""
    done = {row.seed for row in load_measures(out) if row.kind == kind} if out.exists() else set()
    make = make_crowded if kind == CROWDED else sono_plan_of(kind).make
    with out.open("a", encoding="utf-8") as file:
        for seed in seeds:
            if seed not in done:
                made, contents = make(seed)
                file.write(json.dumps(asdict(_measure(kind, seed, made, contents))) + "\n")
                file.flush()


def load_measures(path: Path) -> list[PictureRow]:
    """Return the pictures of a file of JSON lines."""
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        row["bodies"] = [BodyRow(**body) for body in row["bodies"]]
        rows.append(PictureRow(**row))
    return rows


def _measure(kind: str, seed: int, made: SonoPhantom, contents: str) -> PictureRow:
    """Return one picture's row."""
    seen: list[tuple[Sight, str]] = []
    for picture in find_pictures(made.cine):
        levels = picture.levels(0)
        sonogram = map_sonogram(levels, picture)
        found = see_bodies(levels, picture, sonogram, find_scales(levels, picture, sonogram))
        seen += zip(found, names_of(found, picture, made.truth), strict=True)
    truth = made.truth
    names = [name for _, name in seen]
    still = contents if kind not in {"phantoms", CROWDED} else ""
    if still in BRIGHT_STILLS:
        names = [name if name.isdigit() else "unsure" for name in names]
    bodies = [_row(sight, name) for (sight, _), name in zip(seen, names, strict=True)]
    foci: list[dict[str, float | str]] = [
        {
            "id": f.id, "contrast": f.contrast_sd, "shadow": f.shadow.grade, "form": f.morphology,
            "diameter": f.diameter_mm,
        }
        for f in truth.foci
        if f.visible
    ]  # fmt: skip
    return PictureRow(kind, seed, still, foci, bodies)


def names_of(sights: list[Sight], picture: Picture, truth: SonoTruth) -> list[str]:
    """Return what each bright body of a picture truly is, as :class:`BodyRow` has it."""
    reach = REACH_MM / truth.mm_per_px
    return _name([_box(sight, picture) for sight in sights], truth.foci, truth.mimics, reach)


def _row(sight: Sight, name: str) -> BodyRow:
    """Return one body's row."""
    weighed = weigh(sight, weigh_mimics(sight)[0])
    return BodyRow(weighed, name, tuple(measures_asked(sight, weighed).tolist()))


def _box(sight: Sight, picture: Picture) -> tuple[float, ...]:
    """Return a body's centre and box on the screen."""
    body, grid = sight.body, picture.grid
    rows, lines = np.nonzero(body.mask)
    x = grid.x_px[rows + body.start[0], lines + body.start[1]]
    y = grid.y_px[rows + body.start[0], lines + body.start[1]]
    ends = (float(x.min()), float(y.min()), float(x.max()), float(y.max()))
    return float(x.mean()), float(y.mean()), *ends


def _name(
    boxes: list[tuple[float, ...]], foci: tuple[SonoFocus, ...], mimics: tuple[SonoFocus, ...], reach: float
) -> list[str]:
    """Return what each body truly is; a focus belongs to the nearest body on it."""
    names = ["nothing"] * len(boxes)
    for n, box in enumerate(boxes):
        on = [(d, m.label) for m in mimics if math.isfinite(d := _distance(box, m, reach))]
        if on:
            names[n] = min(on)[1]
    near = sorted(
        (d, n, f.id, f.visible)
        for n, box in enumerate(boxes)
        for f in foci
        if math.isfinite(d := _distance(box, f, reach))
    )
    met: set[int] = set()
    for _, n, number, visible in near:
        if names[n].isdigit():
            continue
        if number in met:
            names[n] = "piece"
        else:
            met.add(number)
            names[n] = str(number) if visible else "unsure"
    return names


def _distance(box: tuple[float, ...], body: SonoFocus, reach: float) -> float:
    """Return how far a body's centre lies from a true one's; infinite where it does not lie on it."""
    centre, bounds = body.centre_px[0], body.bbox_px[0]
    if centre is None:
        return math.inf
    apart = math.hypot(box[0] - centre[0], box[1] - centre[1])
    half = 0.5 * math.hypot(bounds[2] - bounds[0], bounds[3] - bounds[1]) if bounds is not None else 0.0
    held = box[2] <= centre[0] <= box[4] and box[3] <= centre[1] <= box[5]
    return apart if apart <= half + reach or held else math.inf
