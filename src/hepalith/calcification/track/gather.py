"""One focus a body, over the frames of a loop and the pictures of an examination.

Within a loop bodies are followed (`follow`). Two pictures of one examination have no common space, and
the same body is often shown in both: once plain, once with calipers, once in a second plane. Adding pictures
up would count it twice, taking the fullest picture alone would lose bodies. Each body of a further picture is
therefore laid to the body it resembles most among those of the pictures before, if it resembles it more than
two different bodies of one liver would; at most one of a picture to one body. That gives one number, between
`fewest` and `most`, and the focus holds where it stands in every picture.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from hepalith.calcification.echo import COUNTED, Echo, Observation, Shadow
from hepalith.calcification.focus import Detectability, Foci, Focus
from hepalith.calcification.track.look import Look
from hepalith.calcification.track.track import ExaminationLooks, Followed, Track
from hepalith.calcification.ultrasound.judge import OPERATING_POINT
from hepalith.geometry import Box
from hepalith.vocabulary import Measurement, NotAssessable

__all__ = ["gather", "gather_examination"]

NO_HU = NotAssessable("ultrasound has no Hounsfield units")
NO_VOLUME = NotAssessable("a volume needs a third dimension, and a picture has two")
NO_MASS = NotAssessable("ultrasound does not measure the mass of calcium")

ODDS_SAME = 2.0
"""Prior odds that a body alike in a further picture is the same and no second one.

Examinations keep the pictures that show what was found, most bodies in two planes or with and without
calipers (our judgement, C)."""

SIZE_SD_SAME, SIZE_SD_OTHER = 0.35, 0.8
"""Standard deviation of the logarithm of the ratio of two lengths: one body cut in two planes (a factor 1.4),
and two bodies of one liver, 2 to 12 mm (our judgement, C)."""

INDEX_SD_SAME, INDEX_SD_OTHER = 0.2, 0.45
"""The same for the shadow's index, 0 to 1, of two shadows that could be assessed (our judgement, C)."""

FORM_SAME, FORM_OTHER = 0.6, 0.35
"""How often two views of one body are given the same form, and two bodies are (our judgement, C)."""

BRIGHT, UNSURE = "bright focus", "undetermined"
"""Opinions in a pool: that it is a focus which counts, and that nobody knows."""

UNSURE_REASON = "the frames together do not say what it is"

LOWEST = 1e-2
"""Least probability in a product: no frame alone forbids a label (our judgement, C)."""


@dataclass(frozen=True, slots=True)
class Body:
    """One followed body of one picture, with its size as a share of the picture's depth."""

    picture: int
    place: int
    track: Track
    relative_size: float

    @property
    def echo(self) -> Echo:
        """Its echo at its best."""
        return self.track.best.echo


def gather(followed: Sequence[Followed]) -> tuple[Foci, Mapping[int, float]]:
    """Return the foci of an examination, one a body, and which of them move against the liver."""
    whole = gather_examination(followed)
    return whole.foci, whole.motion


def gather_examination(followed: Sequence[Followed]) -> ExaminationLooks:
    """Return all pictures of an examination as one: looks, foci, motion.

    Parameters
    ----------
    followed
        Each picture, in the order of the examination.
    """
    bodies = [_bodies_of(n, one) for n, one in enumerate(followed)]
    groups = sorted(_join(bodies), key=_order)
    foci = tuple(_focus_of(n, group) for n, group in enumerate(groups, start=1))
    owner = {(b.picture, b.place): n for n, group in enumerate(groups, start=1) for b in group}
    looks = [(n, look) for n, one in enumerate(followed) for look in one.looks]
    first = _first_look(looks, followed, owner)
    looks = [*looks[first : first + 1], *looks[:first], *looks[first + 1 :]]
    focus_of = tuple(_focus_of_echo(n, look, followed[n], owner) for n, look in looks)
    labels = tuple(_screen_labels(look, names) for (_, look), names in zip(looks, focus_of, strict=True))
    counted = [sum(b.echo.label in COUNTED for b in own) for own in bodies]
    motion = {n: p for n, group in enumerate(groups, start=1) if (p := _moves(group)) is not None}
    shown = tuple(look for _, look in looks)
    return ExaminationLooks(
        looks=shown,
        foci=_foci_of(foci, shown, labels),
        motion=MappingProxyType(motion),
        focus_of=focus_of,
        labels=labels,
        fewest=max(counted, default=0),
        most=sum(counted),
        followed=tuple(followed),
    )


def _bodies_of(number: int, followed: Followed) -> list[Body]:
    """Return the bodies of a picture."""
    if not followed.looks:
        return []
    grid = followed.looks[0].picture.grid
    depth = max(grid.shape[0] * grid.step_px, 1.0)
    return [
        Body(number, place, track, track.best.echo.length_px / depth)
        for place, track in enumerate(followed.tracks)
    ]


def _join(bodies: Sequence[Sequence[Body]]) -> list[list[Body]]:
    """Return groups of bodies that are held to be the same, at most one of a picture in each."""
    groups: list[list[Body]] = []
    for own in bodies:
        if not own:
            continue
        if not groups:
            groups = [[body] for body in own]
            continue
        gain = np.array([[max(_log_odds_same(body, b) for b in g) for g in groups] for body in own])
        rows, columns = linear_sum_assignment(-np.maximum(gain, 0.0))
        held = {int(r): int(c) for r, c in zip(rows, columns, strict=True) if gain[r, c] > 0}
        fresh = [[body] for n, body in enumerate(own) if n not in held]
        for n, body in enumerate(own):
            if n in held:
                groups[held[n]].append(body)
        groups += fresh
    return groups


def _log_odds_same(a: Body, b: Body) -> float:
    """Return the log odds that two bodies of different pictures are one.

    Bodies of different substance are two. Size counts in mm where both are known, else as a share of the
    picture's depth, which two pictures of one examination seldom change by much.
    """
    one, other = a.echo, b.echo
    if one.label != other.label and not (one.is_counted and other.is_counted):
        return -math.inf
    sizes = [e.diameter.value if isinstance(e.diameter, Measurement) else 0.0 for e in (one, other)]
    if min(sizes) <= 0:
        sizes = [a.relative_size, b.relative_size]
    odds = math.log(ODDS_SAME)
    if min(sizes) > 0:
        odds += _log_ratio(math.log(sizes[0] / sizes[1]), SIZE_SD_SAME, SIZE_SD_OTHER)
    indices = [e.shadow.index for e in (one, other)]
    if isinstance(indices[0], Measurement) and isinstance(indices[1], Measurement):
        odds += _log_ratio(indices[0].value - indices[1].value, INDEX_SD_SAME, INDEX_SD_OTHER)
    alike = one.morphology == other.morphology
    odds += math.log(FORM_SAME / FORM_OTHER if alike else (1 - FORM_SAME) / (1 - FORM_OTHER))
    return odds


def _log_ratio(apart: float, same: float, other: float) -> float:
    """Return the log of the ratio of two centred normal densities at a difference."""
    return math.log(other / same) - apart**2 / 2 * (1 / same**2 - 1 / other**2)


def _order(group: Sequence[Body]) -> tuple[bool, float, float, int, int]:
    """Return what sorts foci: counted ones first, then by size, brightness, picture and place."""
    best = _best(group)
    echo = best.echo
    size = echo.diameter.value if isinstance(echo.diameter, Measurement) else best.relative_size
    return (not echo.is_counted, -size, -echo.contrast, best.picture, best.place)


def _best(group: Sequence[Body]) -> Body:
    """Return the body in the picture that shows it best."""
    return max(group, key=lambda b: (b.echo.contrast, -b.picture))


def _moves(group: Sequence[Body]) -> float | None:
    """Return the probability that a body moves against the liver, of the picture that shows it most."""
    known = [b.track.probability_moves for b in group if b.track.probability_moves is not None]
    return max(known, default=None)


def _focus_of(number: int, group: Sequence[Body]) -> Focus:
    """Return the focus of a group of bodies."""
    best = _best(group)
    echo, track = best.echo, best.track
    label, probability, reason = _named(group)
    seen = sum(len(b.track.sightings) for b in group)
    extra = {
        **echo.extra,
        "contrast_sd": echo.contrast,
        "length_px": echo.length_px,
        "width_px": echo.width_px,
        "pictures": float(len({b.picture for b in group})),
        "frames_seen": float(seen),
        "frames_expected": float(sum(b.track.expected for b in group)),
        "probability_real": track.probability_real,
    }
    if track.probability_moves is not None:
        extra |= {"travel_px": track.travel_px, "travel_sd_px": track.travel_sd_px}
    return Focus(
        id=number, label=label, probability=probability, reason=reason, centroid_lps_mm=None,
        volume=NO_VOLUME, volume_limited_by_resolution=False, diameter=echo.diameter,
        background_hu=NO_HU, mean_hu=NO_HU, peak_hu=NO_HU, integrated_excess=NO_HU, mass=NO_MASS,
        score_agatston_convention=NO_HU, morphology=echo.morphology,
        morphology_probabilities=echo.morphology_probabilities, extra=MappingProxyType(extra),
        shadow=_shadow_of(group), observations=_observations(group, best),
    )  # fmt: skip


def _named(group: Sequence[Body]) -> tuple[str, float, str]:
    """Return a body's label, its probability and why, from all its sightings.

    Notes
    -----
    Frames of one loop share speckle and plane, so their opinions are no independent witnesses: they are
    pooled as a geometric mean (a logarithmic opinion pool), first over the frames of a picture, then over
    pictures. That is as sure as a usual frame, and surer of what all frames say than of what a few do. The
    labels that count are one opinion in it: whether a bright focus is to be called calcium is asked only
    once it is one. What the pool holds is what a body is, were it one; that it is, the frames say together
    (`Track.probability_real`).
    """
    best = _best(group)
    echoes = [s.echo for b in group for s in b.track.sightings]
    if len(echoes) == 1 and best.track.expected == 1:
        return best.echo.label, best.echo.probability, best.echo.reason
    pooled = _pool([_pool_track(b.track) for b in group])
    real = max(b.track.probability_real for b in group)
    counted = pooled.pop(BRIGHT, 0.0) * real
    if counted >= OPERATING_POINT:
        label, probability = _counted_label(echoes), counted
    else:
        pooled.setdefault(UNSURE, 0.0)
        label = max(sorted(pooled), key=lambda name: pooled[name])
        probability = 1 - counted if label == UNSURE else pooled[label] * real
    like = [e for e in echoes if e.label == label]
    reason = max(like, key=lambda e: e.contrast).reason if like else UNSURE_REASON
    return label, probability, reason


def _pool_track(track: Track) -> dict[str, float]:
    """Return the pooled opinion of a body's sightings; the brighter it stands out, the more one counts."""
    contrasts = [max(s.echo.contrast, 0.0) for s in track.sightings]
    most = max(*contrasts, 1e-6) if len(contrasts) > 1 else 1.0
    weights = [(c / most) ** 2 + 1e-3 for c in contrasts]
    return _pool([_beliefs(s.echo) for s in track.sightings], weights)


def _counted_label(echoes: Sequence[Echo]) -> str:
    """Return the counted label that the sightings favour; its brighter ones weigh more."""
    weight = {name: sum(_share(e, name) * max(e.contrast, 0.0) for e in echoes) for name in COUNTED}
    return max(COUNTED, key=lambda name: weight[name])


def _share(echo: Echo, name: str) -> float:
    """Return the probability of a label of an echo."""
    return echo.probabilities.get(name, echo.probability if echo.label == name else 0.0)


def _beliefs(echo: Echo) -> Mapping[str, float]:
    """Return the probability of each label of an echo, were it a body; those that count as one."""
    held = dict(echo.probabilities or {echo.label: echo.probability, UNSURE: 1 - echo.probability})
    held[UNSURE] = max(0.0, held.get(UNSURE, 0.0) - (1 - echo.probability_bright))
    bright = sum(held.pop(name, 0.0) for name in COUNTED)
    total = sum(held.values()) + bright
    return {BRIGHT: bright / total, **{n: p / total for n, p in held.items()}} if total > 0 else {BRIGHT: 1.0}


def _pool(opinions: Sequence[Mapping[str, float]], weights: Sequence[float] = ()) -> dict[str, float]:
    """Return the logarithmic pool of opinions, of equal weight where none is given.

    Examples
    --------
    >>> round(_pool([{"gas": 0.5, "calcification": 0.5}, {"gas": 0.9, "calcification": 0.1}])["gas"], 2)
    0.75
    """
    shares = np.asarray(weights or [1.0] * len(opinions), dtype=np.float64)
    shares /= shares.sum()
    names = sorted({name for one in opinions for name in one})
    logs = {
        name: sum(
            w * math.log(max(one.get(name, 0.0), LOWEST)) for one, w in zip(opinions, shares, strict=True)
        )
        for name in names
    }
    values = {name: math.exp(value) for name, value in logs.items()}
    total = sum(values.values())
    return {name: float(value / total) for name, value in values.items()}


def _shadow_of(group: Sequence[Body]) -> Shadow:
    """Return the shadow where the body is seen best among the sightings whose shadow could be assessed."""
    sightings = [s for b in group for s in b.track.sightings]
    judged = [s for s in sightings if s.echo.shadow.grade != "not_assessable"] or sightings
    return max(judged, key=lambda s: (s.echo.contrast, -s.frame)).echo.shadow


def _observations(group: Sequence[Body], best: Body) -> tuple[Observation, ...]:
    """Return where a body stands: first where it is seen best, then once in each other frame of a look."""
    others = [
        s.echo.observation
        for b in sorted(group, key=lambda b: b.picture)
        for s in sorted(b.track.sightings, key=lambda s: s.frame)
    ]
    first = best.echo.observation
    return (first, *(o for o in others if o != first))


def _first_look(
    looks: Sequence[tuple[int, Look]], followed: Sequence[Followed], owner: Mapping[tuple[int, int], int]
) -> int:
    """Return the place of the look that shows the most foci; the better liver decides among equals."""

    def worth(place: int) -> tuple[int, int, float, int]:
        number, look = looks[place]
        names = _focus_of_echo(number, look, followed[number], owner)
        counted = sum(e.is_counted for e in look.echoes.echoes if e.id in names)
        return (counted, len(names), look.sonogram.in_view * look.sonogram.quality, -place)

    return max(range(len(looks)), key=worth, default=0)


def _focus_of_echo(
    number: int, look: Look, followed: Followed, owner: Mapping[tuple[int, int], int]
) -> Mapping[int, int]:
    """Return the focus of each echo of a look."""
    names = {
        s.echo.id: owner[number, place]
        for place, track in enumerate(followed.tracks)
        for s in track.sightings
        if s.frame == look.frame
    }
    return MappingProxyType(dict(sorted(names.items())))


def _screen_labels(look: Look, focus_of: Mapping[int, int]) -> NDArray[np.int32]:
    """Return focus ids on the screen of a look, as its picture lays them there."""
    names = np.zeros(int(look.echoes.labels.max(initial=0)) + 1, dtype=np.int32)
    for echo, focus in focus_of.items():
        if echo < names.size:
            names[echo] = focus
    beams = names[look.echoes.labels]
    return np.asarray(look.picture.to_screen(beams), dtype=np.int32)


def _foci_of(foci: tuple[Focus, ...], looks: Sequence[Look], labels: Sequence[NDArray[np.int32]]) -> Foci:
    """Return the foci with the label map of the first look, and what that could have shown."""
    if not looks:
        why = "no B-mode picture was found"
        nothing = Detectability(NotAssessable(why), 0.0, why)
        return Foci(foci, Box((0, 0, 0), (0, 0, 0)), np.zeros((0, 0, 0), np.int32), nothing)
    look, screen = looks[0], labels[0]
    box = Box((look.frame, 0, 0), (look.frame + 1, *screen.shape))
    shown = Detectability(look.echoes.smallest_focus, 0.0, look.echoes.why)
    return Foci(foci, box, screen[None], shown)
