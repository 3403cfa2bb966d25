"""Bright foci in one ultrasound frame: found against speckle, measured, graded by their shadow, named."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from hepalith.anatomy.ultrasound.sonogram import Sonogram
from hepalith.calcification.echo import Echo, Echoes, Observation
from hepalith.calcification.ultrasound.body import Bright, Caliper, find_bodies, measure_caliper
from hepalith.calcification.ultrasound.detectability import smallest_focus
from hepalith.calcification.ultrasound.form import edge_of, see_form
from hepalith.calcification.ultrasound.join import join_bodies_of_one_focus
from hepalith.calcification.ultrasound.judge import Verdict, judge_echo
from hepalith.calcification.ultrasound.network import Belief, see_foci
from hepalith.calcification.ultrasound.scale import Scales, Seed, find_scales, find_seeds, seed_at
from hepalith.calcification.ultrasound.shadow import grade_shadow
from hepalith.calcification.ultrasound.shadow_cut import Ground
from hepalith.calcification.ultrasound.shadow_expected import expect_shadow
from hepalith.calcification.ultrasound.shadow_trail import measure_trail
from hepalith.calcification.ultrasound.sight import Sight, count_clutter, look_about
from hepalith.calcification.ultrasound.size import size_of
from hepalith.image.beam import BeamGrid
from hepalith.image.picture import Picture
from hepalith.vocabulary import Assessed, Measurement, NotAssessable

__all__ = ["find_echoes", "see_bodies"]

SHADING = 4.0
"""Contrast, in deviations of speckle, from which a body may throw a shadow of its own: the beams behind it
are no neighbours to compare another body's with. Our judgement."""

LEAST_ODDS, MOST_PLACES = -1.0, 10
"""Log odds of the network from which a body is looked for where none stands out, and at how many places, the
likeliest first. Our judgement."""

BLACK_QUANTILE = 0.002
"""Share of the picture's samples at or below its black: dips of speckle in a bright picture are rarer."""


def find_echoes(
    levels: NDArray[np.float32], picture: Picture, sonogram: Sonogram, *, image: str = "us_1", frame: int = 0
) -> Echoes:
    """Return the bright bodies of one frame, each with its shape, its shadow and what it is.

    Parameters
    ----------
    levels
        float32, shape (sample, line): grey levels along the beams.
    picture, sonogram
        Where the beams run, and what else they show.
    image, frame
        The picture's id in the reading, and the frame.
    """
    scales = find_scales(levels, picture, sonogram)
    sights = see_bodies(levels, picture, sonogram, scales)
    labels = np.zeros(levels.shape, np.int32)
    echoes: list[Echo] = []
    for sight in sights:
        verdict = judge_echo(sight)
        if verdict is None:
            continue
        number = len(echoes) + 1
        labels[sight.body.slices][sight.body.mask] = number
        form = see_form(sight.body, sight.caliper, scales, picture.grid)
        echoes.append(_echo(number, (sight, verdict, form), picture, (image, frame)))
    smallest, why = smallest_focus(scales, sonogram, picture.grid)
    return Echoes(tuple(echoes), labels, smallest, why)


def see_bodies(
    levels: NDArray[np.float32], picture: Picture, sonogram: Sonogram, scales: Scales
) -> list[Sight]:
    """Return all bright bodies of one frame with what is seen of them, the most certain first."""
    belief = see_foci(levels, scales.inside)
    found = find_bodies(scales, find_seeds(scales) + _believed(belief, scales))
    joined = join_bodies_of_one_focus(found, belief, scales.cell)
    bodies = [body for body, _ in joined]
    ground = _ground(levels, picture.grid, sonogram, scales, bodies)
    sights = [_sight(body, bodies, ground, (scales, sonogram), picture) for body in bodies]
    return count_clutter(
        [
            replace(
                s, network=odds, network_mimic=float(belief.mimic[belief.places_of(*b.slices, b.mask)].max())
            )
            for s, (b, odds) in zip(sights, joined, strict=True)
        ]
    )


def _believed(belief: Belief, scales: Scales) -> list[Seed]:
    """Return the places where the network sees a focus: after those that stand out by themselves."""
    places = sorted(belief.tops(LEAST_ODDS), key=lambda place: (-place[2], place[0], place[1]))
    seeds = [seed_at(scales, sample, line) for sample, line, _ in places[:MOST_PLACES]]
    return [seed for seed in seeds if seed is not None]


def _sight(
    body: Bright,
    bodies: list[Bright],
    ground: Ground,
    seen: tuple[Scales, Sonogram],
    picture: Picture,
) -> Sight:
    """Return what is seen of one body."""
    scales, sonogram = seen
    grid = picture.grid
    caliper = measure_caliper(body, grid, scales)
    trail = measure_trail(ground, body)
    size, depth = _in_mm(size_of(caliper).value, grid), _depth_mm(body, grid)
    shadow = grade_shadow(trail, expect_shadow(size, depth, picture.cine.sonography))
    return Sight(
        body,
        caliper,
        look_about(body, bodies, scales, sonogram),
        trail,
        shadow,
        edge_of(body, scales),
        *_shares(caliper, grid),
    )


def _ground(
    levels: NDArray[np.float32], grid: BeamGrid, sonogram: Sonogram, scales: Scales, bodies: list[Bright]
) -> Ground:
    """Return what trails are measured on: tissue without dark bodies, lines and foci counts as plain."""
    loose = scales.usable & (sonogram.dark == 0) & (sonogram.lines == 0)
    seen = grid.inside.copy()
    for body in bodies:
        loose[body.slices] &= ~body.mask
        seen[body.slices] &= ~body.mask
    plain = loose.copy()
    for body in bodies:
        rows, columns = body.slices
        if body.contrast >= SHADING and not body.goes_on:
            plain[rows.stop :, columns] = False
    thin = levels[::4, ::4][grid.inside[::4, ::4]]
    black = float(np.quantile(thin, BLACK_QUANTILE)) if thin.size else 0.0
    return Ground(
        levels,
        seen,
        (plain, loose),
        sonogram.speckle_sd,
        sonogram.background,
        sonogram.dark,
        sonogram.lines,
        black,
        scales.cell,
        _in_mm(grid.step_px, grid),
    )


def _shares(caliper: Caliper, grid: BeamGrid) -> tuple[float, float]:
    """Return the longest and shortest caliper as shares of the picture's depth."""
    depth = grid.step_px * grid.shape[0]
    return caliper.length_px / depth, caliper.width_px / depth


def _in_mm(length_px: float, grid: BeamGrid) -> float | None:
    """Return a length in mm, or ``None`` where pixels have no size."""
    return None if grid.mm_per_px is None else length_px * grid.mm_per_px


def _depth_mm(body: Bright, grid: BeamGrid) -> float | None:
    """Return the depth of a body from the transducer's face, along the beam."""
    return _in_mm(body.centre[0] * grid.step_px, grid)


def _diameter(caliper: Caliper, grid: BeamGrid) -> Assessed:
    """Return the longest diameter in mm with an interval that holds the doubt of blur and outline."""
    if grid.mm_per_px is None:
        return NotAssessable("the size of a pixel is not known")
    value, low, high = (length * grid.mm_per_px for length in size_of(caliper))
    return Measurement(value, "mm", low, high)


def _echo(
    number: int,
    known: tuple[Sight, Verdict, Mapping[str, float]],
    picture: Picture,
    where: tuple[str, int],
) -> Echo:
    """Return the echo that a sight, its verdict and its form make."""
    sight, verdict, form = known
    body, grid = sight.body, picture.grid
    rows, columns = np.nonzero(body.mask)
    x = grid.x_px[rows + body.start[0], columns + body.start[1]]
    y = grid.y_px[rows + body.start[0], columns + body.start[1]]
    box = (float(x.min()), float(y.min()), float(x.max()), float(y.max()))
    observation = Observation(
        where[0], where[1], picture.region, box, (float(x.mean()), float(y.mean())), _depth_mm(body, grid)
    )
    best = max(form, key=lambda name: form[name])
    return Echo(
        number,
        verdict.label,
        verdict.probability,
        verdict.reason,
        observation,
        body.centre,
        body.contrast,
        sight.caliper.length_px,
        sight.caliper.width_px,
        _diameter(sight.caliper, grid),
        best,
        form,
        MappingProxyType(dict(verdict.probabilities)),
        verdict.bright,
        sight.shadow,
        MappingProxyType({"tilt": sight.caliper.tilt, "edge": sight.edge, "deviates": body.deviates}),
    )
