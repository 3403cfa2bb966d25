"""Bright bodies of successive frames linked, and what the frames together say of each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from hepalith.calcification.echo import Echo
from hepalith.calcification.track.motion import LEAST_LIKE, Motion, carry, paths_of
from hepalith.calcification.track.track import Sighting, Track

__all__ = ["BELIEVED", "judge_tracks", "link_echoes"]

GATE = 3.5
"""How far, in standard deviations, a body may lie from where its track leads: 2 in 1,000 are lost by it."""

MOST_COST = 2 * GATE**2
"""Sum of squared deviations from which an echo is not of a track."""

MOST_TERM = 6.0
"""Most that size and contrast each may add: a body that swells in the plane is still at its place."""

LEAST_PRIOR = 1e-3
"""No single frame is surer than this either way."""

CENTRE_SD = 0.15
"""Standard deviation of a body's centre between frames, as a share of its length: its edge is found by a
threshold in speckle (our judgement, C)."""

CENTRE_SD_PX = 1.0
"""The same for the smallest body, pixels of the screen: half a speckle cell."""

WANDER = 0.006
"""How far a body may go by itself from one read frame to the next, as a share of the picture's depth: gas
rolls at about a millimetre in a fifth of a second (our judgement, C)."""

SIZE_SD, CONTRAST_SD = 0.35, 0.35
"""Standard deviations of the logarithms of length and contrast of one body between frames: a body drifts
through the plane (our judgement, C)."""

MOST_GAP = 4
"""Read frames that a body may be missed before its track ends (our judgement, C)."""

SAME_PLANE = 0.35
"""Correlation of speckle with the frame that shows a body best, from which its plane is still shown: half the
slice thickness away it has fallen to about this (our judgement, C; for a Gaussian slice profile the speckle
of planes half a width at half height apart correlates by 0.5)."""

SEEN_IF_REAL = 0.8
"""How often a body is found in a frame that shows its plane: single frames find 0.9 of them at best, and a
faint one is missed more often (our judgement, C; `hepalith evaluate --modality US` tells the first)."""

SEEN_IF_SPECKLE = 0.15
"""How often a false echo is found again, at its place, in speckle that is all new: false echoes are few a
picture and the gate is a hundredth of it; what recurs is mostly a real interface too small to be a focus
(our judgement, C)."""

LEAST_NEWS = 0.04
"""Receiver noise alone changes that much from frame to frame, however still the plane is held."""

BELIEVED = 0.6
"""Probability from which a track is a body. More than one half: a loop holds many frames, and each
brings its own false echoes, of which the luckiest would be kept (our judgement, C)."""

PRIOR_MOVES = 0.05
"""Share of bright bodies that move against the liver: gas and loose stones are the fewer (our judgement,
C)."""

TRAVEL_SHARE = 0.03
"""Usual travel of a body that moves, as a share of the picture's depth: 4 mm of 150 (our judgement, C)."""

LEAST_JITTER_PX = 0.3
"""No centre is known better than this, pixels of the screen: brightness is stored in whole pixels."""

FEWEST_FOR_JITTER = 6
"""Sightings from which the scatter of a body's own centre is measured: four second differences or more."""

FEWEST_FOR_MOTION = 4
"""Sightings from which motion is judged: fewer hold no path."""


@dataclass(slots=True)
class _Open:
    """A track under way."""

    sightings: list[tuple[int, Echo]]

    @property
    def last(self) -> tuple[int, Echo]:
        return self.sightings[-1]


@dataclass(frozen=True, slots=True, eq=False)
class _Path:
    """Where the tissue of a track's best sighting lies at each of its sightings, px on the screen.

    `way` and `where` have shape (sighting, 2), `deviation` (sighting,).
    """

    way: NDArray[np.float64]
    where: NDArray[np.float64]
    deviation: NDArray[np.float64]


def centre_sd_px(echo: Echo) -> float:
    """Return how well the centre of a body is known, in pixels."""
    return math.hypot(CENTRE_SD_PX, CENTRE_SD * echo.length_px)


def link_echoes(
    found: Sequence[Sequence[Echo]], motion: Motion, depth_px: float
) -> list[list[tuple[int, Echo]]]:
    """Return the echoes of read frames as tracks: lists of (place among the read frames, echo), in order.

    Parameters
    ----------
    found
        The echoes of each frame that was read.
    motion
        Of the tissue from read frame to read frame (`thin`).
    depth_px
        Length of a beam on the screen, which scales how far a body goes by itself.

    Notes
    -----
    From frame to frame the assignment with the smallest sum of squared deviations of place, size and contrast
    is taken; place is predicted by the tissue's motion. A body that moves by itself is followed as long as it
    goes no further than `WANDER` a step.
    """
    ended: list[_Open] = []
    going: list[_Open] = []
    for step, echoes in enumerate(found):
        ended += [t for t in going if step - t.last[0] > MOST_GAP]
        going = [t for t in going if step - t.last[0] <= MOST_GAP]
        cost = _costs(going, echoes, step, motion, depth_px)
        rows, columns = linear_sum_assignment(np.minimum(cost, MOST_COST))
        taken: set[int] = set()
        for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
            if cost[row, column] < MOST_COST:
                going[row].sightings.append((step, echoes[column]))
                taken.add(column)
        going += [_Open([(step, echo)]) for n, echo in enumerate(echoes) if n not in taken]
    tracks = [t.sightings for t in (*ended, *going)]
    return sorted(tracks, key=lambda t: (t[0][0], t[0][1].id))


def _costs(
    going: Sequence[_Open], echoes: Sequence[Echo], step: int, motion: Motion, depth_px: float
) -> NDArray[np.float64]:
    """Return the squared deviation of each echo from each track, infinite outside its gate."""
    cost = np.full((len(going), len(echoes)), np.inf)
    for start in sorted({t.last[0] for t in going}):
        rows = [n for n, t in enumerate(going) if t.last[0] == start]
        places = np.array([going[n].last[1].observation.centroid_px for n in rows], dtype=np.float64)
        ahead, deviation, _ = carry(motion, places, start, step)
        free = WANDER * depth_px * (step - start)
        for row, place, sd in zip(rows, ahead, deviation, strict=True):
            before = going[row].last[1]
            own = sd**2 + free**2 + centre_sd_px(before) ** 2
            for column, echo in enumerate(echoes):
                off = math.dist(place, echo.observation.centroid_px)
                cost[row, column] = _deviation(before, echo, off, math.sqrt(own + centre_sd_px(echo) ** 2))
    return cost


def _deviation(before: Echo, echo: Echo, off_px: float, sd_px: float) -> float:
    """Return the squared deviation of an echo from what its track leads to expect."""
    off = off_px / sd_px
    if off > GATE:
        return math.inf
    size = math.log((echo.length_px + 1) / (before.length_px + 1)) / SIZE_SD
    bright = math.log(max(echo.contrast, 0.1) / max(before.contrast, 0.1)) / CONTRAST_SD
    return off**2 + min(size**2, MOST_TERM) + min(bright**2, MOST_TERM)


def judge_tracks(
    linked: Sequence[Sequence[tuple[int, Echo]]],
    frames: Sequence[int],
    motion: Motion,
    *,
    depth_px: float,
    area_px: float,
) -> tuple[Track, ...]:
    """Return linked echoes as tracks, each with how surely it is a body and whether it moves by itself.

    Parameters
    ----------
    linked
        As `link_echoes` gave them.
    frames
        The number in the loop of each read frame.
    motion
        Of the tissue from read frame to read frame.
    depth_px
        Length of a beam on the screen.
    area_px
        Size of the picture on the screen.
    """
    if not linked:
        return ()
    best = [max(track, key=lambda s: (s[1].contrast, -s[0])) for track in linked]
    starts = np.array([step for step, _ in best], dtype=np.intp)
    places = np.array([echo.observation.centroid_px for _, echo in best], dtype=np.float64)
    where, deviation, kin = paths_of(motion, places, starts)
    echoes = sum(len(track) for track in linked) / len(frames)
    tracks = []
    for n, sightings in enumerate(linked):
        step_sd = np.sqrt(np.abs(np.diff(deviation[n] ** 2, prepend=0.0)))
        chance = _chance(np.hypot(step_sd, WANDER * depth_px), echoes / area_px)
        track = _believe(sightings, kin[n], chance, frames)
        steps = [step for step, _ in sightings]
        path = _Path(where[n, steps] - places[n], where[n, steps], deviation[n, steps])
        tracks.append(_judge_motion(track, path, depth_px))
    return tuple(tracks)


def _chance(sd_px: NDArray[np.float64], per_px: float) -> NDArray[np.float64]:
    """Return how often an echo lies in a gate by accident, from the echoes in a pixel of the picture."""
    gate: NDArray[np.float64] = math.pi * (GATE * sd_px) ** 2
    return 1 - np.exp(-per_px * gate)


def _believe(
    sightings: Sequence[tuple[int, Echo]],
    kin: NDArray[np.float64],
    chance: NDArray[np.float64],
    frames: Sequence[int],
) -> Track:
    """Return a track with how surely it is a body, from the frames that show its plane.

    Notes
    -----
    The best sighting alone gives the odds that one still would give. Every further frame that shows the same
    plane (`SAME_PLANE`) is a trial: a body is found in `SEEN_IF_REAL` of them, a false echo in
    `SEEN_IF_SPECKLE` of those whose speckle is new, or by accident (`_chance`). Speckle that did not change
    repeats its mistakes, so a trial counts for as much as the speckle changed since the frame before
    (`news`). A miss counts for as much as the plane is still that of the best sighting: a body that fades out
    of the plane is no less real. Only the two frames beside the best are trials always: frames are read so
    often that no body of 3 mm is in but one.
    """
    start = max(sightings, key=lambda s: (s[1].contrast, -s[0]))[0]
    seen = {step for step, _ in sightings}
    expected, log_odds, news_sum = 0, 0.0, 0.0
    for order in (1, -1):
        alike = 1.0
        for step in range(start + order, len(frames) if order > 0 else -1, order):
            alike *= float(kin[step])
            beside = abs(step - start) == 1
            if alike < SAME_PLANE and not beside and not min(seen) <= step <= max(seen):
                break
            news = min(1.0, max(LEAST_NEWS, 1 - float(kin[step])))
            real, speckle = SEEN_IF_REAL, min(max(SEEN_IF_SPECKLE, float(chance[step])), SEEN_IF_REAL)
            miss = max(alike, SAME_PLANE) * math.log((1 - real) / (1 - speckle))
            hit = math.log(real / speckle) if kin[step] >= LEAST_LIKE else 0.0  # else nobody knows the place
            log_odds += news * (hit if step in seen else miss)
            expected += 1
            news_sum += news
    best = next(echo for step, echo in sightings if step == start)
    prior = min(max(best.probability_bright, LEAST_PRIOR), 1 - LEAST_PRIOR)
    held = tuple(Sighting(frames[step], echo) for step, echo in sightings)
    mean_news = news_sum / expected if expected else 0.0
    return Track(held, expected + 1, mean_news, _logistic(math.log(prior / (1 - prior)) + log_odds))


def _judge_motion(track: Track, path: _Path, depth_px: float) -> Track:
    """Return a track with how far it goes against the liver, and whether that is more than error.

    Notes
    -----
    From its best sighting the tissue's motion leads to where it would be in each other frame, were it fixed.
    What is left is error (of the centre, and of each step of the way) or travel of its own. The odds are
    those of the furthest residual under error alone and under error with a travel of `TRAVEL_SHARE` of the
    depth; the furthest of n is allowed for by giving the error the spread that the largest of n has. A body
    that rests while it is watched may still be loose: that it did not move is what is said, not that it is
    fixed.
    """
    moved = tuple(
        replace(s, liver_px=(float(x), float(y)), liver_sd_px=float(sd))
        for s, (x, y), sd in zip(track.sightings, path.way, path.deviation, strict=True)
    )
    if len(moved) < FEWEST_FOR_MOTION:
        return replace(track, sightings=moved)
    off = np.array([s.echo.observation.centroid_px for s in moved]) - path.where
    own = min(_jitter_px(off), centre_sd_px(track.best.echo))
    errors = np.sqrt(path.deviation**2 + 2 * own**2)
    apart = np.linalg.norm(off - np.median(off, axis=0), axis=1)
    furthest = int(np.argmax(apart / errors))
    error = float(errors[furthest]) * math.sqrt(max(1.0, math.log(len(moved))))
    wide = math.hypot(error, TRAVEL_SHARE * depth_px)
    log_odds = math.log(PRIOR_MOVES / (1 - PRIOR_MOVES)) + 2 * math.log(error / wide)
    log_odds += float(apart[furthest]) ** 2 / 2 * (1 / error**2 - 1 / wide**2)
    return replace(
        track,
        sightings=moved,
        probability_moves=_logistic(log_odds),
        travel_px=float(apart[furthest]),
        travel_sd_px=float(errors[furthest]),
    )


def _jitter_px(off: NDArray[np.float64]) -> float:
    """Return how much a body's centre scatters, from its second differences, which travel leaves small.

    Half as much again is taken, for it rests on few; at least `LEAST_JITTER_PX`.
    """
    if off.shape[0] < FEWEST_FOR_JITTER:
        return math.inf
    bends = np.diff(off, n=2, axis=0)
    return max(LEAST_JITTER_PX, 1.5 * math.sqrt(float(np.median(bends**2)) / 0.455 / 6))


def _logistic(log_odds: float) -> float:
    """Return a probability from its log odds."""
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, log_odds))))
