"""Bright bodies followed through a loop: every frame is looked at, and some are searched.

Tissue motion is measured between all frames, copies are passed over, and every few frames one is read in
full: what lies where, and which bodies are bright. Between two read frames nothing can come and go unseen for
longer than a quarter of a second. Bodies are linked from read frame to read frame along the tissue's motion.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hepalith.calcification.track.frame import ReadFrame, read_frame
from hepalith.calcification.track.link import BELIEVED, judge_tracks, link_echoes
from hepalith.calcification.track.look import Look
from hepalith.calcification.track.motion import Motion, measure_motion, thin
from hepalith.calcification.track.track import Followed, Sighting, Track
from hepalith.image.picture import Picture

__all__ = ["choose_frames", "follow"]

SPACING_MS = 250.0
"""Time between frames that are read in full: a body of 3 mm in a plane 4 mm thick, swept at 20 mm/s, is in
view for 350 ms and is met at least once (our judgement, C)."""

USUAL_FRAME_MS = 50.0
"""Time between frames where the file does not say: 20 a second."""

FEWEST_READ = 10
"""A shorter loop is read more closely: tracks need sightings."""

MOST_KEPT = 24
"""Frames up to which all that was read is kept: some 3 MB each."""

MOST_LOOKS = 4
"""Frames of one loop that are handed on: the best, and those that show a body which it does not."""


def follow(picture: Picture, image: str, read: ReadFrame = read_frame) -> Followed:
    """Return the bodies of one picture, followed over its frames.

    Parameters
    ----------
    picture
        Of a still or a loop.
    image
        Id of its image in the reading.
    read
        How one frame is read.

    Notes
    -----
    Of a long loop only the echoes of each read frame are kept, so that it takes no more memory than a short
    one; the few frames that are handed on are then read a second time.
    """
    count = picture.cine.grey.shape[0]
    if count == 1:
        return _still(read(picture, image, 0))
    motion = measure_motion(picture)
    frames = choose_frames(motion, picture.cine.frame_time_ms)
    if len(frames) == 1:
        one = _still(read(picture, image, frames[0]))
        return Followed(one.looks, one.tracks, count, 1, int(motion.repeated.sum()))
    worth, found = [], []
    kept: dict[int, Look] = {}
    for frame in frames:
        look = read(picture, image, frame)
        if len(frames) <= MOST_KEPT:
            kept[frame] = look
        worth.append(look.sonogram.in_view * max(look.sonogram.quality, 0.05))
        found.append(look.echoes.echoes)
    depth = picture.grid.shape[0] * picture.grid.step_px
    steps = thin(motion, frames)
    area = float(picture.grid.inside.sum(axis=1) @ picture.grid.width_px[:, 0]) * picture.grid.step_px
    linked = link_echoes(found, steps, depth)
    judged = judge_tracks(linked, frames, steps, depth_px=depth, area_px=max(area, 1.0))
    tracks = tuple(t for t in judged if t.probability_real >= BELIEVED)
    shown = _choose_looks(tracks, frames, worth, picture)
    looks = tuple(kept[f] if f in kept else read(picture, image, f) for f in shown)
    return Followed(
        looks,
        tracks,
        count,
        len(frames),
        int(motion.repeated.sum()),
        len(judged) - len(tracks),
    )


def _still(look: Look) -> Followed:
    """Return what one frame alone shows."""
    tracks = tuple(
        Track((Sighting(look.frame, echo),), probability_real=echo.probability_bright)
        for echo in look.echoes.echoes
    )
    return Followed((look,), tracks)


def choose_frames(motion: Motion, frame_time_ms: float | None) -> tuple[int, ...]:
    """Return the frames that are read in full: evenly spaced, no copies, the first and last among them.

    Examples
    --------
    >>> still = np.zeros((30, 0, 2))
    >>> loop = Motion(np.zeros((0, 2)), still, np.ones((30, 0)), np.arange(30) % 2 == 1, 4)
    >>> choose_frames(loop, 50.0)
    (0, 4, 6, 10, 12, 16, 18, 22, 24, 28)
    """
    fresh = np.flatnonzero(~motion.repeated)
    usual = max(1.0, SPACING_MS / (frame_time_ms or USUAL_FRAME_MS))
    count = min(len(fresh), max(FEWEST_READ, round(len(motion.repeated) / usual)))
    at = np.unique(np.rint(np.linspace(0, len(fresh) - 1, count)).astype(int))
    return tuple(int(fresh[n]) for n in at)


def _choose_looks(
    tracks: Sequence[Track], frames: Sequence[int], worth: Sequence[float], picture: Picture
) -> tuple[int, ...]:
    """Return the frames to hand on: the best one, then those that show most of what is not shown yet.

    Notes
    -----
    A sighting is worth its probability, its contrast as a share of the best of its track, whether its shadow
    could be assessed, and how near it lies to the middle of the picture; a frame is worth the sum over its
    counted bodies (mimics a quarter) and, where that is equal, the liver in view.
    """
    left = dict(enumerate(tracks))
    chosen: list[int] = []
    while len(chosen) < MOST_LOOKS:
        score = {frame: 1e-3 * w for frame, w in zip(frames, worth, strict=True) if frame not in chosen}
        for track in left.values():
            best = max(s.echo.contrast for s in track.sightings)
            for sighting in track.sightings:
                if sighting.frame in score:
                    score[sighting.frame] += _show(sighting, best, track.probability_real, picture)
        frame = max(score, key=lambda f: (score[f], -f))
        chosen.append(frame)
        left = {n: t for n, t in left.items() if all(s.frame not in chosen for s in t.sightings)}
        if not left or len(chosen) == len(frames):
            break
    return tuple(chosen)


def _show(sighting: Sighting, best: float, probability: float, picture: Picture) -> float:
    """Return how well a frame shows one body."""
    echo = sighting.echo
    assessed = 1.0 if echo.shadow.grade != "not_assessable" else 0.7
    lines = picture.grid.shape[1]
    off = abs(echo.beam[1] - lines / 2) / (lines / 2)
    return (
        (1.0 if echo.is_counted else 0.25)
        * probability
        * min(1.0, max(echo.contrast, 0.0) / max(best, 1e-6))
        * assessed
        * (1 - 0.3 * min(off, 1.0) ** 2)
    )
