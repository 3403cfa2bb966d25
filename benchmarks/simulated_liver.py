"""Simulated livers with spheres of known truth, and the Cramér–Rao bound of each; no code of the measurement.

A block of liver holds a lattice of spheres at random sub-voxel places. In enhanced phases it is crossed by
vessels, some beside a sphere. The scanner blurs in plane by a Gaussian, across slices by a box or a
trapezoid, and adds noise of one of two textures.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from hepalith.geometry import Grid
from hepalith.image import Volume

__all__ = [
    "PHASES",
    "Made",
    "SimulatedScan",
    "bound",
    "draw_scan",
    "draw_shapes",
    "draw_spheres",
    "moved",
    "sampled",
    "simulate",
    "vessels_of",
]

Vessel = tuple[NDArray[np.float64], NDArray[np.float64], float]
"""A point, a direction and a radius: a straight vessel."""

PITCH_MM = (30.0, 26.0, 26.0)
"""Distance between spheres along (slice, row, column): their rings do not meet."""

COUNT = (3, 5, 5)
"""Spheres along each axis of one simulated liver."""

FINE = 5
"""Fine samples across a pixel: a sphere's chords are drawn exactly on them and then blurred."""

FWHM_PER_SIGMA = 2.3548

PHASES = {"none": (58.0, 0.0), "portal": (108.0, 62.0)}
"""Liver's HU in a phase, and how far vessels stand above it."""

VESSEL_RADII_MM = (1.0, 4.0)
"""Radii of vessels."""

BESIDE = 0.5
"""Share of the spheres of an enhanced liver that have a vessel beside them."""

BESIDE_MM = (0.5, 6.0)
"""Distance between the surfaces of a sphere and the vessel beside it."""


@dataclass(frozen=True, slots=True)
class Ball:
    """One ball of a body; `centre_mm` along (slice, row, column)."""

    centre_mm: tuple[float, float, float]
    diameter_mm: float

    @property
    def volume_mm3(self) -> float:
        """Return its volume."""
        return math.pi / 6 * self.diameter_mm**3


@dataclass(frozen=True, slots=True)
class Made:
    """A body of known truth, made of balls that touch and do not overlap: a sphere is made of one."""

    kind: str
    balls: tuple[Ball, ...]
    excess_hu: float

    @property
    def volume_mm3(self) -> float:
        """Return its volume."""
        return sum(b.volume_mm3 for b in self.balls)

    @property
    def integrated_excess(self) -> float:
        """Return volume times excess."""
        return self.volume_mm3 * self.excess_hu

    @property
    def centre_mm(self) -> tuple[float, float, float]:
        """Return its centre of mass."""
        z, y, x = (sum(b.volume_mm3 * b.centre_mm[n] for b in self.balls) / self.volume_mm3 for n in range(3))
        return z, y, x

    @property
    def diameter_mm(self) -> float:
        """Return its longest caliper."""
        return max(
            math.dist(a.centre_mm, b.centre_mm) + (a.diameter_mm + b.diameter_mm) / 2
            for a in self.balls
            for b in self.balls
        )


def moved(made: Made, by: NDArray[np.float64]) -> Made:
    """Return a body moved, in mm along (slice, row, column)."""
    balls = []
    for ball in made.balls:
        z, y, x = (float(c + d) for c, d in zip(ball.centre_mm, by, strict=True))
        balls.append(Ball((z, y, x), ball.diameter_mm))
    return Made(made.kind, tuple(balls), made.excess_hu)


@dataclass(frozen=True, slots=True)
class SimulatedScan:
    """How one simulated liver is scanned.

    `step_mm` is the distance between slices, `edge` the soft edge of the slice's profile as a share of the
    slice (0 a box), `ramp` tells noise of filtered back-projection from merely smoothed noise.
    """

    slice_mm: float
    step_mm: float
    pixel_mm: float
    fwhm_mm: float
    edge: float
    noise_hu: float
    ramp: bool
    phase: str

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels of the block."""
        steps = (self.step_mm, self.pixel_mm, self.pixel_mm)
        k, j, i = (int(n * p / s) + 1 for n, p, s in zip(COUNT, PITCH_MM, steps, strict=True))
        return k, j, i

    @property
    def sigma_mm(self) -> float:
        """Standard deviation of the in-plane blur."""
        return self.fwhm_mm / FWHM_PER_SIGMA

    def profile(self, low: NDArray[np.float64], high: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the share of the slice's sensitivity between two heights over its centre, in mm."""
        return self._below(high) - self._below(low)

    def _below(self, at: NDArray[np.float64]) -> NDArray[np.float64]:
        if self.edge == 0:
            return np.clip(at / self.slice_mm + 0.5, 0, 1)
        edge = self.edge * self.slice_mm
        outer, inner = (self.slice_mm + edge) / 2, (self.slice_mm - edge) / 2
        ramps = [np.square(np.maximum(at + s, 0)) / 2 for s in (outer, inner, -inner, -outer)]
        return np.asarray((ramps[0] - ramps[1] - ramps[2] + ramps[3]) / (self.slice_mm * edge))

    def power(self, shape: tuple[int, ...]) -> NDArray[np.float64]:
        """Return the power of the noise at the frequencies of a block, in HU² (its mean is the variance)."""
        fz = fft.fftfreq(shape[0])[:, None, None]
        fy = fft.fftfreq(shape[1], self.pixel_mm)[None, :, None]
        fx = fft.rfftfreq(shape[2], self.pixel_mm)[None, None, :]
        f = np.hypot(fy, fx)
        blur = np.exp(-np.square(2 * np.pi * f * self.sigma_mm))
        power = (f + 0.004) * blur if self.ramp else blur
        share = 0.5 * (1 - min(1.0, self.step_mm / self.slice_mm)) + (0.15 if self.edge else 0.0)
        power = power * (1 - share + share * np.cos(2 * np.pi * fz)) ** 2
        whole = np.full(shape[2] // 2 + 1, 2.0)
        whole[0] = 1.0
        if shape[2] % 2 == 0:
            whole[-1] = 1.0
        mean = float((power * whole).sum()) / math.prod(shape)
        return np.asarray(power * self.noise_hu**2 / mean)


def place_centre(place: tuple[int, ...], rng: np.random.Generator) -> tuple[float, float, float]:
    """Return a random sub-voxel place about a point of the lattice."""
    z, y, x = ((n + 0.5) * p + rng.uniform(-2.5, 2.5) for n, p in zip(place, PITCH_MM, strict=True))
    return z, y, x


def draw_scan(rng: np.random.Generator, slice_mm: float, phase: str, *, overlap: bool) -> SimulatedScan:
    """Return a scanner drawn at random for a slice thickness; overlapping slices lie half a slice apart."""
    return SimulatedScan(
        slice_mm,
        slice_mm * (0.5 if overlap else 1.0),
        float(rng.uniform(0.6, 0.9)),
        float(rng.uniform(1.0, 1.6)),
        0.0 if overlap else float(rng.choice((0.0, 0.5))),
        float(rng.choice((8.0, 14.0, 25.0))),
        bool(rng.random() < 0.6),
        phase,
    )


def draw_spheres(
    rng: np.random.Generator, diameters: tuple[float, float], excesses: tuple[float, ...]
) -> list[Made]:
    """Return spheres of random size (even on a logarithmic scale) and contrast."""
    low, high = np.log(diameters)
    return [
        Made(
            "sphere",
            (Ball(place_centre(place, rng), math.exp(rng.uniform(low, high))),),
            float(rng.choice(excesses)),
        )
        for place in np.ndindex(COUNT)
    ]


def draw_shapes(rng: np.random.Generator, kinds: tuple[str, ...], excesses: tuple[float, ...]) -> list[Made]:
    """Return bodies of several kinds, turned at random."""
    found = []
    for n, place in enumerate(np.ndindex(COUNT)):
        kind = kinds[n % len(kinds)]
        places, diameter = _arranged(kind, rng)
        turn, _ = np.linalg.qr(rng.standard_normal((3, 3)))
        there = places @ turn.T + np.asarray(place_centre(place, rng))
        balls = tuple(Ball((float(z), float(y), float(x)), diameter) for z, y, x in there)
        found.append(Made(kind, balls, float(rng.choice(excesses))))
    return found


def _arranged(kind: str, rng: np.random.Generator) -> tuple[NDArray[np.float64], float]:
    """Return the places of a body's balls about the origin, in mm, and their diameter."""
    if kind == "rim":
        diameter, radius = float(rng.uniform(1.5, 2.5)), float(rng.uniform(5.0, 8.0))
        count = int(2.6 * (2 * radius / diameter) ** 2)
        height = 1 - 2 * (np.arange(count) + 0.5) / count
        angle = np.pi * (1 + 5**0.5) * np.arange(count)
        ring = np.sqrt(1 - height**2)
        shell = np.stack([height, ring * np.cos(angle), ring * np.sin(angle)], axis=1)
        return radius * shell, diameter
    diameter = float(rng.uniform(1.5, 2.5))
    if kind == "coarse":
        steps = np.stack(np.meshgrid(*[np.arange(-1, 2)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
        kept = steps[rng.random(len(steps)) < 0.7]
        return kept * diameter, diameter
    length = int(rng.integers(3, 6))
    arm = np.arange(-length, length + 1)[:, None] * np.array([[1.0, 0.0, 0.0]])
    if kind == "branching":
        side = np.arange(1, length + 1)[:, None] * np.array([[0.5, math.sqrt(0.75), 0.0]])
        arm = np.concatenate([arm, side])
    return arm * diameter, diameter


def sampled(scan: SimulatedScan, sphere: Ball) -> tuple[tuple[slice, ...], NDArray[np.float64]]:
    """Return where a sphere is seen, and its blurred share there: exact chords in z, a fine grid in plane."""
    z0, y0, x0 = sphere.centre_mm
    radius = sphere.diameter_mm / 2
    fine = scan.pixel_mm / FINE
    deep = radius + scan.slice_mm * (1 + scan.edge) / 2
    wide = radius + 4.5 * scan.sigma_mm
    centre, reach = (z0, y0, x0), (deep, wide, wide)
    steps = (scan.step_mm, scan.pixel_mm, scan.pixel_mm)
    start = [max(0, math.floor((c - r) / s)) for c, r, s in zip(centre, reach, steps, strict=True)]
    stop = [
        min(n, math.ceil((c + r) / s) + 1)
        for n, c, r, s in zip(scan.shape, centre, reach, steps, strict=True)
    ]
    half = math.ceil(radius / fine) + 1
    away = (np.arange(-half, half + 1)) * fine
    # the fine grid is centred on the sphere, so that its drawn area does not depend on its place
    chord = np.sqrt(np.maximum(radius**2 - away[:, None] ** 2 - away[None] ** 2, 0.0))
    chord *= sphere.volume_mm3 / max(float((2 * chord).sum()) * fine**2, 1e-9)
    k = np.arange(start[0], stop[0]) * scan.step_mm - z0
    share = scan.profile(-chord[None] - k[:, None, None], chord[None] - k[:, None, None])
    plane = []
    for a, b, c in ((start[1], stop[1], y0), (start[2], stop[2], x0)):
        apart = (np.arange(a, b) * scan.pixel_mm - c)[:, None] - away[None]
        plane.append(
            np.exp(-0.5 * (apart / scan.sigma_mm) ** 2) * fine / (scan.sigma_mm * math.sqrt(2 * math.pi))
        )
    found = np.matmul(np.matmul(plane[0], share), plane[1].T)
    return tuple(slice(a, b) for a, b in zip(start, stop, strict=True)), found


def vessels_of(scan: SimulatedScan, spheres: list[Made], rng: np.random.Generator) -> list[Vessel]:
    """Return straight vessels (a point, a direction, a radius) that meet no sphere, some beside one."""
    if PHASES[scan.phase][1] == 0:
        return []
    found = []
    for sphere in spheres:
        if rng.random() > BESIDE:
            continue
        for _ in range(20):
            way = rng.standard_normal(3)
            way /= np.linalg.norm(way)
            side = np.cross(way, rng.standard_normal(3))
            side /= np.linalg.norm(side)
            radius = float(rng.uniform(*VESSEL_RADII_MM))
            away = sphere.diameter_mm / 2 + radius + float(rng.uniform(*BESIDE_MM))
            point = np.asarray(sphere.centre_mm) + away * side
            if all(_apart(point, way, s) > radius + s.diameter_mm / 2 + BESIDE_MM[0] - 1e-9 for s in spheres):
                found.append((point, way, radius))
                break
    return found


def _apart(point: NDArray[np.float64], way: NDArray[np.float64], sphere: Made) -> float:
    """Return the distance of a sphere's centre from a line."""
    return float(np.linalg.norm(np.cross(np.asarray(sphere.centre_mm) - point, way)))


def _vessel_share(scan: SimulatedScan, vessels: list[Vessel]) -> NDArray[np.float64]:
    """Return the share of each voxel that vessels fill: their edges follow the blur."""
    total = np.zeros(scan.shape)
    if not vessels:
        return total
    steps = (scan.step_mm, scan.pixel_mm, scan.pixel_mm)
    parts = max(1, round(scan.slice_mm / 1.0))
    offsets = ((np.arange(parts) + 0.5) / parts - 0.5) * scan.slice_mm
    y = (np.arange(scan.shape[1]) * steps[1])[:, None]
    x = (np.arange(scan.shape[2]) * steps[2])[None]
    for k in range(scan.shape[0]):
        for offset in offsets:
            z = k * scan.step_mm + offset
            share = np.zeros(scan.shape[1:])
            for point, way, radius in vessels:
                a, b, c = z - point[0], y - point[1], x - point[2]
                along = a * way[0] + b * way[1] + c * way[2]
                away = np.sqrt(np.maximum(a * a + b * b + c * c - along**2, 0.0))
                inside = 0.5 - (away - radius) / (2.5 * scan.sigma_mm)
                share = np.maximum(share, np.clip(inside, 0, 1))
            total[k] += share / parts
    return total


def simulate(
    scan: SimulatedScan,
    bodies: list[Made],
    rng: np.random.Generator,
    vessels: list[Vessel],
) -> Volume:
    """Return a liver with bodies, vessels and noise."""
    level, blood = PHASES[scan.phase]
    hu = level + blood * _vessel_share(scan, vessels)
    for body in bodies:
        for ball in body.balls:
            where, share = sampled(scan, ball)
            hu[where] += body.excess_hu * share
    shape = tuple(fft.next_fast_len(n, real=True) for n in scan.shape)
    white = fft.rfftn(rng.standard_normal(shape, dtype=np.float32))
    noise = fft.irfftn(white * np.sqrt(scan.power(shape)).astype(np.float32), shape)
    hu += noise[tuple(slice(0, n) for n in scan.shape)]
    affine = np.zeros((4, 4))
    affine[2, 0], affine[1, 1], affine[0, 2], affine[3, 3] = scan.step_mm, scan.pixel_mm, scan.pixel_mm, 1.0
    return Volume(np.rint(hu).astype(np.int16), Grid(scan.shape, affine))


def bound(scan: SimulatedScan, diameter_mm: float, excess_hu: float) -> tuple[float, float]:
    """Return the Cramér–Rao bounds of a sphere's integrated excess and volume, as relative deviations.

    Size, contrast, place and background are unknown; noise spectrum, blur and profile are known.
    """
    grid = (24.0 + 2 * scan.slice_mm, 28.0, 28.0)
    steps = (scan.step_mm, scan.pixel_mm, scan.pixel_mm)
    shape = tuple(fft.next_fast_len(int(g / s) + 1, real=True) for g, s in zip(grid, steps, strict=True))
    middle = [(0.5 * n + 0.2) * s for n, s in zip(shape, steps, strict=True)]

    def seen(log_diameter: float, z: float = 0.0, y: float = 0.0, x: float = 0.0) -> NDArray[np.float64]:
        sphere = Ball((middle[0] + z, middle[1] + y, middle[2] + x), math.exp(log_diameter))
        where, share = sampled(scan, sphere)
        full = np.zeros(shape)
        full[where] = share / sphere.volume_mm3
        return full

    size, h = math.log(diameter_mm), 0.02
    total = excess_hu * math.pi / 6 * diameter_mm**3
    columns = [total * seen(size), total * (seen(size + h) - seen(size - h)) / (2 * h)]
    for axis in range(3):
        shift = [0.0, 0.0, 0.0]
        shift[axis] = h
        ahead, behind = seen(size, *shift), seen(size, *[-s for s in shift])
        columns.append(total * (ahead - behind) / (2 * h))
    columns.append(np.ones(shape))
    weight = np.full(shape[2] // 2 + 1, 2.0)
    weight[0] = 1.0
    if shape[2] % 2 == 0:
        weight[-1] = 1.0
    scale = weight / (scan.power(shape) * math.prod(shape))
    spectra = [fft.rfftn(c) for c in columns]
    count = len(columns)
    information = np.zeros((count, count))
    for a in range(count):
        for b in range(a, count):
            value = float((spectra[a] * spectra[b].conj() * scale).real.sum())
            information[a, b] = information[b, a] = value
    # a ball within one slice of box profile does not show its height: it is known to lie in the slice
    information[2, 2] += 12 / scan.slice_mm**2
    covariance = np.linalg.inv(information)
    return math.sqrt(covariance[0, 0]), 3 * math.sqrt(covariance[1, 1])
