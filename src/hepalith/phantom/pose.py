"""Shapes made larger or smaller about the origin: a child is no other plan than an adult."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hepalith.phantom.scene import Body
from hepalith.phantom.shape import Bounds, Oval, Shape, Tube

__all__ = ["Scaled", "scaled", "scaled_body", "scaled_oval"]

Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Scaled:
    """A shape multiplied by a factor about the origin."""

    shape: Shape
    factor: float

    def bounds(self) -> Bounds:
        """Return the box, multiplied alike."""
        low, high = self.shape.bounds()
        s = self.factor
        return (low[0] * s, low[1] * s, low[2] * s), (high[0] * s, high[1] * s, high[2] * s)

    def distance(self, x: Array, y: Array, z: Array) -> Array:
        """Return the distance to the multiplied surface."""
        s, back = np.float32(self.factor), np.float32(1 / self.factor)
        return np.asarray(self.shape.distance(x * back, y * back, z * back) * s)


def scaled(shape: Shape, factor: float) -> Shape:
    """Return a shape multiplied by a factor about the origin; tubes and ovals stay what they are."""
    if factor == 1.0:
        return shape
    if isinstance(shape, Tube):
        path = tuple((x * factor, y * factor, z * factor) for x, y, z in shape.path)
        return Tube(path, tuple(r * factor for r in shape.radii))
    if isinstance(shape, Oval):
        return scaled_oval(shape, factor)
    return Scaled(shape, factor)


def scaled_oval(oval: Oval, factor: float) -> Oval:
    """Return an oval multiplied by a factor about the origin."""
    (x, y), (a, b) = oval.centre, oval.radii
    return Oval((x * factor, y * factor), (a * factor, b * factor), oval.power)


def scaled_body(body: Body, factor: float) -> Body:
    """Return a body with its shape multiplied."""
    return body if factor == 1.0 else replace(body, shape=scaled(body.shape, factor))
