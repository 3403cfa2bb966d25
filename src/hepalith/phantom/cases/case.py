"""What the whole cases share: where their calcium goes, in a lobe or within a lesion."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from hepalith.errors import UsageError
from hepalith.phantom.body.abdomen import Abdomen
from hepalith.phantom.contents.morphology import make_morphology
from hepalith.phantom.contents.site import add, depth_at, draw_direction, draw_site
from hepalith.phantom.deposit import Deposit
from hepalith.phantom.insert import HostTruth, Insert
from hepalith.phantom.shape.shape import Capsule, Point, Shape

__all__ = ["LEFT", "RIGHT", "Room", "calcium", "chance", "cited", "draw_place", "segment_at", "sphere"]

RIGHT = (5, 6, 7, 8)
LEFT = (2, 3, 4)
"""Couinaud segments of the right and the left liver."""

TRIES = 60
"""Places drawn before one outside the wanted segments is taken."""

APART_MM = 2.0
"""Least gap between the surfaces of two pieces of calcium in one lesion, so that they stay two foci."""


def chance(random: np.random.Generator, share: float) -> bool:
    """Return true in a share of cases."""
    return float(random.uniform()) < share


def sphere(place: Point, diameter_mm: float) -> Capsule:
    """Return a ball."""
    return Capsule(place, place, round(diameter_mm / 2, 6))


def cited(insert: Insert, diagnosis: str, claims: Sequence[str], *notes: str) -> Insert:
    """Return an insert with its diagnosis and the claims of the source article that it follows."""
    follows = f"follows {', '.join(claims)} of the source article's claims"
    return replace(insert, diagnosis=diagnosis, notes=(*notes, *insert.notes, follows))


def segment_at(abdomen: Abdomen, place: Point) -> int:
    """Return the Couinaud segment of a place, 1 to 8."""
    x, y, z = (np.full((1, 1, 1), v, dtype=np.float32) for v in place)
    return int(abdomen.liver.segment_at(x, y, z).item())


def draw_place(
    abdomen: Abdomen,
    random: np.random.Generator,
    radius_mm: float,
    segments: Sequence[int] = (),
    clear_of: Sequence[Shape] = (),
) -> Point:
    """Return a place with room in one of the wanted segments, if any has it; else anywhere."""
    place = draw_site(abdomen, random, radius_mm, clear_of=clear_of)
    for _ in range(TRIES):
        if not segments or segment_at(abdomen, place) in segments:
            break
        place = draw_site(abdomen, random, radius_mm, clear_of=clear_of)
    return place


def calcium(
    morphology: str,
    abdomen: Abdomen,
    random: np.random.Generator,
    place: Point,
    diameter_mm: float,
    *,
    excess_hu: float | None = None,
) -> Deposit:
    """Return one piece of calcium at a place."""
    made = make_morphology(
        morphology, abdomen, random, diameter_mm=round(diameter_mm, 6), excess_hu=excess_hu, place=place
    )
    return made.deposits[0]


SMALLEST_CHUNK_MM = 10.0
"""Below this a chunk is called a nodule."""


@dataclass(slots=True)
class Room:
    """The room within a lesion: it keeps pieces of calcium inside the lesion and apart.

    Parameters
    ----------
    abdomen, random
        The patient, and what draws.
    host
        The lesion.
    """

    abdomen: Abdomen
    random: np.random.Generator
    host: HostTruth
    taken: list[tuple[Point, float]]

    @classmethod
    def of(cls, abdomen: Abdomen, random: np.random.Generator, host: HostTruth) -> Room:
        """Return the empty room of a lesion."""
        return cls(abdomen, random, host, [])

    def place(self, diameter_mm: float, low: float = 0.0, high: float = 1.0) -> Point | None:
        """Return a free place between two shares of the lesion's radius; ``None`` if there is none."""
        half, own = self.host.diameter_mm / 2, diameter_mm / 2
        shape = self.host.shape
        for _ in range(TRIES):
            share = low + (high - low) * math.sqrt(float(self.random.uniform()))
            drawn = add(self.host.centre_lps_mm, draw_direction(self.random), share * max(half - own, 0.0))
            spot = (round(drawn[0], 6), round(drawn[1], 6), round(drawn[2], 6))
            if shape is not None and depth_at(shape, spot) < 0.4 * own:
                continue
            if depth_at(self.abdomen.liver.shape, spot) < own + 1.0:
                continue
            if all(math.dist(spot, p) > own + r + APART_MM for p, r in self.taken):
                self.taken.append((spot, own))
                return spot
        return None

    def fill(
        self, morphologies: Sequence[str], sizes_mm: Sequence[float], low: float = 0.0, high: float = 1.0
    ) -> tuple[Deposit, ...]:
        """Return a piece of calcium of each size, where there is room, its morphology drawn."""
        found = []
        for size in sizes_mm:
            spot = self.place(size, low, high)
            name = morphologies[int(self.random.integers(len(morphologies)))]
            if name == "coarse" and size < SMALLEST_CHUNK_MM:
                name = "nodular"
            if spot is not None:
                piece = calcium(name, self.abdomen, self.random, spot, size)
                found.append(replace(piece, host=0))
        if not found:
            name, spot = morphologies[0], self.host.centre_lps_mm
            size = min(sizes_mm)
            if depth_at(self.abdomen.liver.shape, spot) < size / 2:
                raise UsageError("a lesion has no room for its calcium; use another seed")
            found.append(replace(calcium(name, self.abdomen, self.random, spot, size), host=0))
        return tuple(found)
