"""Dense bodies near the surface of a made liver: what it holds is of it, a rib that dents it is not."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hepalith.anatomy.outline.dense import add_dense

SHAPE = (30, 40, 40)
LIVER_HU = 60.0


def away(centre: tuple[float, float, float]) -> NDArray[np.float64]:
    """Return the distance in voxels of 3 mm from a place."""
    return np.asarray(
        np.sqrt(((np.indices(SHAPE) - np.asarray(centre)[:, None, None, None]) ** 2).sum(axis=0))
    )


def scene(body: NDArray[np.bool_]) -> tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.bool_]]:
    """Return an image, the liver as it is, and an outline that leaves out a dense body and a way to it."""
    liver = np.zeros(SHAPE, np.bool_)
    liver[5:, 6:34, 6:34] = True
    hu = np.where(liver, LIVER_HU, -90.0)
    hu[body] = 400.0
    left_out = body.copy()
    for axis in range(3):
        left_out |= np.roll(body, 1, axis) | np.roll(body, -1, axis)
    left_out[:, 6:10, 19:22] |= left_out[:, 10:13, 19:22].any(axis=1, keepdims=True)
    return hu.astype(np.float32), liver, liver & ~left_out


def test_a_shell_of_calcium_that_the_outline_left_out_is_of_the_liver_with_what_it_encloses() -> None:
    ball = away((15, 13, 20))
    hu, liver, outline = scene((ball <= 3.2) & (ball > 2.0))
    inside = ball <= 3.2
    assert not outline[inside].all()
    held = add_dense(hu, outline, np.full(SHAPE, LIVER_HU, np.float32))
    assert held[inside].all()
    assert not (held & ~liver).any()


def test_a_rib_that_dents_the_liver_is_none_of_it() -> None:
    rib = np.zeros(SHAPE, np.bool_)
    rib[14:17, 4:8, 10:30] = True
    hu, _, outline = scene(rib)
    held = add_dense(hu, outline, np.full(SHAPE, LIVER_HU, np.float32))
    assert not held[rib].any()


def test_what_is_no_denser_than_blood_is_left_to_the_outline() -> None:
    ball = away((15, 20, 20)) <= 3
    hu, _, outline = scene(ball)
    hu[ball] = LIVER_HU + 70
    assert (add_dense(hu, outline, np.full(SHAPE, LIVER_HU, np.float32)) == outline).all()
