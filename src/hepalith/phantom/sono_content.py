"""What is laid into the liver of a sonogram: the article's two pictures, single bodies, mimics."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from hepalith.phantom.sono_anatomy import ANECHOIC_DB, Anatomy, bent_tube
from hepalith.phantom.sono_scene import Body, DuctPlace, Reflector, Tissue
from hepalith.phantom.sono_shape import Ellipse, Joined, Lumpy, Ring, Shape, Tube

__all__ = ["CASES", "lay"]


def _next(anatomy: Anatomy) -> int:
    return 1 + len(anatomy.bodies)


def _stone(
    anatomy: Anatomy,
    rng: np.random.Generator,
    x: float,
    z: float,
    size: float,
    place: DuctPlace,
    pigment: bool,
) -> None:
    """Lay one duct stone: lumpy, uneven at its edge, shadowing unless small or soft."""
    ratio = float(rng.uniform(0.65, 1.0))
    oval = Ellipse(x, z, size / 2, size * ratio / 2, float(rng.uniform(0, math.pi)))
    shape: Shape = Lumpy(oval, 0.06 * size, max(size / 2.2, 1.2), float(rng.uniform(0, 6)))
    anatomy.bodies.append(
        Body(
            _next(anatomy), "calcification", "lump" if size > 6 else "nodular" if size > 2.5 else "pin", shape,
            size, size * ratio,
            level_db=float(rng.uniform(14, 22) if pigment else rng.uniform(22, 33)),
            coherent=float(rng.uniform(0.3, 0.7)),
            surface_db=float(rng.uniform(0.5, 1.5) if pigment else rng.uniform(3, 7)),
            inside_db_per_cm_mhz=float(rng.uniform(1, 3) if pigment else rng.uniform(8, 16)),
            thickness_mm=size * float(rng.uniform(0.7, 1.2)),
            duct=place,
            group=1,
        )
    )  # fmt: skip


def lay_hepatolithiasis(anatomy: Anatomy, rng: np.random.Generator) -> str:
    """Lay stones into a dilated duct beside a portal vein, fluid around them, the duct wide upstream."""
    radius = float(rng.uniform(2.5, 6.0))
    for _ in range(60):
        spot = anatomy.find(rng, 10.0, depths=(anatomy.wall_mm + 14, 0.75 * anatomy.probe.depth_mm), tries=20)
        if spot is None:
            break
        anatomy.taken.pop()
        length = float(rng.uniform(30, 60))
        duct = bent_tube(
            spot,
            float(rng.uniform(0, 2 * math.pi)),
            length,
            (radius * 0.8, radius),
            float(rng.normal(0, 0.5)),
        )
        if all(
            anatomy.inside(x, z, radius + 2) and anatomy.free(x, z, radius + 1) for x, z in duct.points[::2]
        ):
            break
    else:
        spot = None
    if spot is None:
        return ""
    parts: list[Shape] = [duct]
    for _ in range(int(rng.integers(0, 4))):
        at = int(rng.integers(4, len(duct.points)))
        twig = bent_tube(
            duct.points[at], float(rng.uniform(0, 2 * math.pi)), float(rng.uniform(12, 28)),
            (radius * 0.6, radius * 0.35), float(rng.normal(0, 0.4)),
        )  # fmt: skip
        parts.append(twig)
    lumen = Joined(tuple(parts))
    anatomy.tissues.append(Tissue("bile_duct", lumen, ANECHOIC_DB, 0.05, 0.5))
    anatomy.reflectors.append(Reflector("bile_duct", Ring(lumen, 0.7), float(rng.uniform(5, 11)), 4.0, 0.25))
    if rng.random() < 0.7:
        _portal_beside(anatomy, rng, duct, radius)
    pigment = rng.random() < 0.25
    place = DuctPlace("in_lumen", 2 * radius, True, True, True)
    for at in sorted({int(rng.integers(1, 5)) for _ in range(int(rng.integers(1, 6)))}):
        x, z = duct.points[at]
        size = min(float(rng.uniform(0.5, 0.92)) * 2 * duct.radii[at], 14.0)
        slack = max(duct.radii[at] - size / 2 - 0.4, 0)
        _stone(anatomy, rng, x + float(rng.uniform(-0.3, 0.3)) * slack, z + slack * 0.6, size, place, pigment)
    for x, z in duct.points:
        anatomy.take(x, z, radius + 3)
    anatomy.ducts.update({"dilated": True, "calibre_mm": 2 * radius})
    return "hepatolithiasis"


def _portal_beside(anatomy: Anatomy, rng: np.random.Generator, duct: Tube, radius: float) -> None:
    """Lay a portal vein along a duct: the parallel channel."""
    side = 1 if rng.random() < 0.5 else -1
    vein = float(rng.uniform(0.6, 1.1)) * radius
    gap = radius + vein + 1.2
    points = np.array(duct.points)
    along = np.gradient(points, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    beside = points + side * gap * np.stack([-along[:, 1], along[:, 0]], axis=1)
    tube = Tube(tuple((float(x), float(z)) for x, z in beside), tuple([vein] * len(beside)))
    anatomy.tissues.append(Tissue("portal_vein", tube, ANECHOIC_DB, 0.15, 0.5))
    anatomy.reflectors.append(Reflector("portal_vein", Ring(tube, 0.9), float(rng.uniform(6, 12)), 4.0, 0.3))
    for x, z in tube.points:
        anatomy.take(x, z, vein + 3)


SHAPES = ("pin", "equal_sign", "linear", "nodular")
"""Shapes of simple calcification, as the article draws them."""


def _simple_body(
    anatomy: Anatomy, rng: np.random.Generator, kind: str, x: float, z: float, *, dense: bool
) -> Body:
    """Return one calcified body of a shape, at a spot."""
    angle = float(rng.normal(0, 0.35))
    if kind == "pin":
        size, width = (s := float(rng.uniform(0.9, 2.4))), s * 0.85
        shape: Shape = Ellipse(x, z, size / 2, width / 2, float(rng.uniform(0, 3)))
    elif kind == "equal_sign":
        size, thick, gap = (
            float(rng.uniform(3, 6)),
            float(rng.uniform(0.6, 0.9)),
            float(rng.uniform(2.2, 3.4)),
        )
        cos, sin, half = math.cos(angle), math.sin(angle), size / 2 - thick / 2
        bars = []
        for side in (-1, 1):
            u, v = x - side * gap / 2 * sin, z + side * gap / 2 * cos
            ends = ((u - half * cos, v - half * sin), (u + half * cos, v + half * sin))
            bars.append(Tube(ends, (thick / 2, thick / 2)))
        shape, width = Joined(tuple(bars)), gap + thick
    elif kind == "linear":
        size, width = float(rng.uniform(3, 9)), float(rng.uniform(0.7, 1.3))
        start = (x - math.cos(angle) * size / 2, z - math.sin(angle) * size / 2)
        shape = bent_tube(start, angle, size, (width / 2, width / 2), float(rng.normal(0, 0.3)), 4)
    else:
        size = float(rng.uniform(2.5, 7.0))
        width = size * float(rng.uniform(0.7, 1))
        shape = Lumpy(
            Ellipse(x, z, size / 2, width / 2, angle), 0.05 * size, max(size / 2, 1), float(rng.uniform(0, 6))
        )
    return Body(
        _next(anatomy), "calcification", kind, shape, size, width,
        level_db=float(rng.uniform(22, 34)),
        coherent=float(rng.uniform(0.4, 0.8)),
        surface_db=float(rng.uniform(3, 6) if dense else rng.uniform(0.8, 2.5)),
        inside_db_per_cm_mhz=float(rng.uniform(8, 16) if dense else rng.uniform(2, 7)),
        thickness_mm=max(width, 0.8) * float(rng.uniform(0.8, 1.3)),
        duct=DuctPlace("apart"),
    )  # fmt: skip


def lay_simple(anatomy: Anatomy, rng: np.random.Generator) -> str:
    """Lay simple calcification: isolated or scattered dots and equal signs apart from ducts."""
    dense = rng.random() < 0.2
    for _ in range(1 if rng.random() < 0.45 else int(rng.integers(2, 8))):
        spot = anatomy.find(rng, 7.0)
        if spot is None:
            break
        kind = str(rng.choice(SHAPES, p=(0.5, 0.2, 0.15, 0.15)))
        anatomy.bodies.append(_simple_body(anatomy, rng, kind, *spot, dense=dense))
    return "simple_healed"


def lay_nothing(anatomy: Anatomy, rng: np.random.Generator) -> str:
    """Lay nothing: an ordinary liver."""
    del anatomy, rng
    return ""


CASES: Mapping[str, Callable[[Anatomy, np.random.Generator], str]] = MappingProxyType(
    {
        "case:hepatolithiasis": lay_hepatolithiasis,
        "case:simple_healed": lay_simple,
        "case:normal": lay_nothing,
    }
)
"""What can be laid into a liver, by name; each returns the diagnosis that it imitates, "" for none."""


def lay(name: str, anatomy: Anatomy, rng: np.random.Generator) -> str:
    """Lay what `name` says into the liver; return the diagnosis imitated."""
    return CASES[name](anatomy, rng)
