"""The plane of a liver sonogram, drawn from a seed: wall, liver, vessels, diaphragm and neighbours."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from hepalith.phantom.ultrasound.probe import Probe
from hepalith.phantom.ultrasound.scene import Body, Reflector, Tissue
from hepalith.phantom.ultrasound.shape import Below, Both, Ellipse, Ring, Shape, Tube
from hepalith.phantom.ultrasound.simple import bent_tube

__all__ = ["ANECHOIC_DB", "Anatomy", "HostPlace", "Place", "draw_anatomy", "draw_vessels", "pick"]

ANECHOIC_DB = -34.0
"""Backscatter of blood and bile against liver: 30 dB and more below, that is black on the screen."""


@dataclass(frozen=True, slots=True)
class Place:
    """A spot that is taken: a circle in mm."""

    x: float
    z: float
    radius: float


@dataclass(frozen=True, slots=True)
class HostPlace:
    """A lesion that may hold foci, in mm of the plane; see `HostTruth`."""

    id: int
    kind: str
    name: str
    x: float
    z: float
    diameter_mm: float
    features: tuple[str, ...] = ()


def pick(rng: np.random.Generator, low: float, high: float) -> float:
    """Return a number between two, every one as likely."""
    return float(rng.uniform(low, high))


@dataclass(slots=True)
class Anatomy:
    """A plane while it is being drawn; frozen into a scene afterwards."""

    probe: Probe
    wall_mm: float
    liver: Shape
    tissues: list[Tissue] = field(default_factory=list)
    reflectors: list[Reflector] = field(default_factory=list)
    bodies: list[Body] = field(default_factory=list)
    taken: list[Place] = field(default_factory=list)
    level_db: float = 0.0
    attenuation: float = 0.5
    grain_db: float = 0.0
    deep_mm: float = 100.0
    """Depth down to which the liver reaches in the middle."""
    notes: list[str] = field(default_factory=list)
    ducts: dict[str, object] = field(default_factory=dict)
    portal: list[Tube] = field(default_factory=list)
    hosts: list[HostPlace] = field(default_factory=list)
    patterns: list[tuple[str, tuple[int, ...]]] = field(default_factory=list)
    vessels: dict[str, object] = field(default_factory=dict)
    contact_db: tuple[float, ...] = ()
    """Loss on the way in, at equally spaced lines: poor contact, and what skin and fat do to the beams."""

    @property
    def next_id(self) -> int:
        """Id of the next body."""
        return 1 + len(self.bodies)

    def add_host(
        self,
        kind: str,
        name: str,
        spot: tuple[float, float],
        diameter_mm: float,
        features: tuple[str, ...] = (),
    ) -> int:
        """Enter a lesion, and return its id."""
        self.hosts.append(HostPlace(len(self.hosts) + 1, kind, name, *spot, diameter_mm, features))
        return len(self.hosts)

    def inside(self, x: float, z: float, margin: float) -> bool:
        """Return whether a spot lies in the liver and in the picture, `margin` mm from their edges."""
        probe = self.probe
        if probe.shape == "linear":
            near_edge = probe.half_width_mm - abs(x)
        else:
            turn = math.atan2(x, z + probe.radius_mm)
            near_edge = (probe.half_angle - abs(turn)) * math.hypot(x, z + probe.radius_mm)
        here = (np.array([[x]], dtype=np.float32), np.array([[z]], dtype=np.float32))
        within = float(self.liver.distance(*here)[0, 0]) < -margin
        return within and near_edge > margin + 3 and z < probe.depth_mm - margin - 6

    def free(self, x: float, z: float, radius: float) -> bool:
        """Return whether nothing else lies within `radius` mm of a spot."""
        return all(math.hypot(x - p.x, z - p.z) > radius + p.radius for p in self.taken)

    def take(self, x: float, z: float, radius: float) -> None:
        """Mark a spot as taken."""
        self.taken.append(Place(x, z, radius))

    def find(
        self,
        rng: np.random.Generator,
        radius: float,
        *,
        margin: float = 3.0,
        depths: tuple[float, float] = (0.0, 1e3),
        tries: int = 200,
    ) -> tuple[float, float] | None:
        """Return a free spot in the liver, and take it; ``None`` where there is none."""
        probe = self.probe
        low = max(self.wall_mm + radius + margin, depths[0])
        high = min(self.deep_mm - radius, probe.depth_mm - radius - 6, depths[1])
        if high <= low:
            return None
        for _ in range(tries):
            depth = pick(rng, low, high)
            if probe.shape == "linear":
                x, z = pick(rng, -1, 1) * probe.half_width_mm, depth
            else:
                turn = pick(rng, -0.85, 0.85) * probe.half_angle
                x = (depth + probe.radius_mm) * math.sin(turn)
                z = (depth + probe.radius_mm) * math.cos(turn) - probe.radius_mm
            if self.inside(x, z, radius + margin) and self.free(x, z, radius):
                self.take(x, z, radius)
                return x, z
        return None


def draw_anatomy(probe: Probe, rng: np.random.Generator, texture: str = "normal") -> Anatomy:
    """Draw the plane: what every liver picture has, with nothing yet in the liver."""
    depth = probe.depth_mm
    wall = pick(rng, 9, 24) if probe.shape != "linear" else pick(rng, 6, 14)
    xs = np.linspace(-1.2 * depth, 1.2 * depth, 49)
    sag = -probe.radius_mm + np.sqrt(np.maximum(probe.radius_mm**2 - np.clip(xs, -50, 50) ** 2, 0))
    sag = sag if probe.shape == "curved" else np.zeros_like(xs)
    capsule = wall + 0.8 * sag + 1.2 * np.sin(xs / rng.uniform(18, 40) + rng.uniform(0, 6))
    top = Below(tuple(map(float, xs)), tuple(map(float, capsule)))
    liver: Shape = top
    deep = depth
    beyond: Below | None = None
    if probe.shape != "linear" and rng.random() < 0.75:
        deep = float(rng.uniform(0.62, 0.95) * depth)
        middle = float(rng.uniform(-0.25, 0.25) * depth)
        bow = pick(rng, 90, 160)
        curve = deep - ((xs - middle) ** 2) / (2 * bow)
        beyond = Below(tuple(map(float, xs)), tuple(map(float, np.maximum(curve, wall + 12))))
        liver = Both(top, beyond, outside=True)
    anatomy = Anatomy(probe, wall, liver, deep_mm=deep)
    _draw_texture(anatomy, rng, texture)
    anatomy.tissues.append(
        Tissue("liver", liver, anatomy.level_db, anatomy.attenuation, 1.0, anatomy.grain_db or 0.6,
               7.0 if not anatomy.grain_db else pick(rng, 4, 7))
    )  # fmt: skip
    _draw_wall(anatomy, rng, top, sag, xs)
    if beyond is not None:
        _draw_diaphragm(anatomy, rng, beyond)
    _draw_contact(anatomy, rng)
    return anatomy


def _draw_texture(anatomy: Anatomy, rng: np.random.Generator, texture: str) -> None:
    """Set the liver's backscatter and attenuation by its texture."""
    anatomy.level_db = float(rng.normal(0, 1.0))
    anatomy.attenuation = float(rng.normal(0.5, 0.04))
    if texture == "fatty":
        anatomy.level_db += pick(rng, 4, 8)
        anatomy.attenuation += pick(rng, 0.12, 0.3)
    elif texture == "coarse":
        anatomy.level_db += pick(rng, 1, 3)
        anatomy.attenuation += pick(rng, 0.05, 0.15)
        anatomy.grain_db = pick(rng, 1.3, 2.6)


def _draw_wall(
    anatomy: Anatomy, rng: np.random.Generator, top: Below, sag: NDArray[np.float64], xs: NDArray[np.float64]
) -> None:
    """Draw skin, fat and muscle, and the capsule beneath."""
    wall = anatomy.wall_mm
    edges = np.sort(rng.uniform(0.15, 0.85, size=int(rng.integers(2, 5))))

    def shape(depth: float) -> Below:
        return Below(tuple(map(float, xs)), tuple(map(float, depth + sag)))

    whole = Both(shape(-30.0), top, outside=True)
    anatomy.tissues.append(Tissue("wall", whole, pick(rng, -2, 4), pick(rng, 0.4, 0.8), 0.8, 2, 3))
    anatomy.reflectors.append(Reflector("wall", Ring(shape(0.6), 1.2), 14.0, 0.0, 1.0))
    for number, edge in enumerate(edges):
        layer = Both(shape(edge * wall), top, outside=True)
        level = pick(rng, -8, 5)
        anatomy.tissues.append(Tissue("wall", layer, level, None, 0.6, 2.5, pick(rng, 2, 4)))
        ring = Ring(shape(edge * wall), pick(rng, 0.4, 0.9))
        anatomy.reflectors.append(Reflector("wall", ring, pick(rng, 8, 16), 8.0, 0.2, 0.4, 3.0, whole))
        del number
    anatomy.reflectors.append(Reflector("capsule", Ring(top, 0.7), pick(rng, 8, 15), 10.0, 0.1))


def _draw_contact(anatomy: Anatomy, rng: np.random.Generator) -> None:
    """Draw what the way in does to each line: streaks of a decibel or two, and sides that lose contact."""
    loss = np.convolve(rng.normal(0, 1, 72), np.ones(9) / 9, mode="valid") * pick(rng, 1.0, 4.0)
    loss -= loss.mean()
    side = np.linspace(0, 1, loss.size)
    for turned in (side, side[::-1]):
        if rng.random() < 0.35:
            edge, depth = pick(rng, 0.06, 0.28), pick(rng, 6, 35)
            loss = loss + depth / (1 + np.exp((turned - edge) / 0.025))
    anatomy.contact_db = tuple(float(v) for v in loss)


def _draw_diaphragm(anatomy: Anatomy, rng: np.random.Generator, beyond: Below) -> None:
    """Draw the diaphragm as a bright arc, and what lies beyond it: a mirror of the liver, or nothing."""
    level = pick(rng, -16, -3)
    anatomy.tissues.append(Tissue("beyond_diaphragm", beyond, level, 0.6, 1.0, 3.0, 9.0))
    ring = Ring(beyond, pick(rng, 1.2, 2.6))
    anatomy.reflectors.append(
        Reflector("diaphragm", ring, pick(rng, 20, 30), 6.0, 0.06, 0.8, pick(rng, 1, 5))
    )


def draw_vessels(anatomy: Anatomy, rng: np.random.Generator) -> None:
    """Draw portal veins with bright walls, hepatic veins without, their cross-sections, and small triads.

    A small triad's vein is thinner than the beam: only a short bright stroke is left of it, where it lies
    square to the sound.
    """
    counts = {"portal_vein": int(rng.integers(0, 3)), "hepatic_vein": int(rng.integers(0, 3))}
    for _ in range(counts["portal_vein"]):
        _tube_of(anatomy, rng, "portal_vein", (pick(rng, 2.5, 5.5), pick(rng, 1.0, 2.5)))
    for _ in range(counts["hepatic_vein"]):
        _tube_of(anatomy, rng, "hepatic_vein", (pick(rng, 1.0, 2.0), pick(rng, 2.5, 5.0)))
    for _ in range(int(rng.integers(2, 9))):
        radius = pick(rng, 0.9, 2.4)
        spot = anatomy.find(rng, radius + 1.5)
        if spot is None:
            continue
        kind = "portal_vein" if rng.random() < 0.45 else "hepatic_vein"
        oval = Ellipse(*spot, radius * pick(rng, 1, 2.2), radius, pick(rng, 0, math.pi))
        anatomy.tissues.append(Tissue(kind, oval, ANECHOIC_DB, 0.15, 0.5))
        if kind == "portal_vein":
            anatomy.reflectors.append(_wall(oval, rng))
    strokes = int(rng.choice((0, 5, 11, 18), p=(0.25, 0.3, 0.25, 0.2)))
    for _ in range(strokes):
        spot = anatomy.find(rng, 2.5)
        if spot is None:
            continue
        stroke = bent_tube(
            spot, float(rng.normal(0, 0.5)), pick(rng, 1.5, 6), (0.4, 0.35), float(rng.normal(0, 0.3))
        )
        anatomy.reflectors.append(Reflector("portal_vein", stroke, pick(rng, 4, 13), 4.0, 0.15))
    anatomy.vessels.update(counts | {"strokes": strokes})


def _wall(of: Shape, rng: np.random.Generator) -> Reflector:
    """Return a portal vein's bright wall."""
    return Reflector("portal_vein", Ring(of, 0.9), pick(rng, 6, 13), 4.0, 0.3)


def _tube_of(anatomy: Anatomy, rng: np.random.Generator, kind: str, radii: tuple[float, float]) -> None:
    """Draw one vessel lengthwise, where it fits."""
    for _ in range(20):
        spot = anatomy.find(rng, 6.0, tries=20)
        if spot is None:
            return
        anatomy.taken.pop()
        tube = bent_tube(
            spot,
            pick(rng, 0, 2 * math.pi),
            pick(rng, 20, 55),
            radii,
            float(rng.normal(0, 0.5)),
        )
        middles = tube.points[::2]
        if all(anatomy.inside(x, z, 5.0) and anatomy.free(x, z, 6.0) for x, z in middles):
            break
    else:
        return
    anatomy.tissues.append(Tissue(kind, tube, ANECHOIC_DB, 0.15, 0.5))
    if kind == "portal_vein":
        anatomy.reflectors.append(_wall(tube, rng))
        anatomy.portal.append(tube)
    for (x, z), radius in zip(tube.points, tube.radii, strict=True):
        anatomy.take(x, z, radius + 3.0)
