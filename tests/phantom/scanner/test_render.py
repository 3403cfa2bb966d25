from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from hepalith.geometry import Grid
from hepalith.phantom.contents.compact import make_cloudy, make_coarse, make_grains, make_nodule, make_plaque
from hepalith.phantom.contents.line import make_fork, make_star
from hepalith.phantom.contents.metal import make_coil
from hepalith.phantom.contents.shell import make_eggshell, make_rim_pieces
from hepalith.phantom.scanner.render import render
from hepalith.phantom.scanner.scanner import SliceProfile
from hepalith.phantom.shape.shape import Capsule, Point, Shell
from hepalith.phantom.shape.solid import Cloud, Fused, Layered, Solid
from hepalith.phantom.shape.volume import fuse

HERE: Point = (0.31, 0.72, -0.43)


def _grid(apart_mm: float, pixel_mm: float = 0.8) -> Grid:
    affine = np.zeros((4, 4))
    affine[2, 0], affine[1, 1], affine[0, 2] = apart_mm, pixel_mm, pixel_mm
    affine[:3, 3] = (-40, -40, -40)
    affine[3, 3] = 1
    return Grid((int(80 / apart_mm) + 1, 101, 101), affine)


def _random() -> np.random.Generator:
    return np.random.default_rng(5)


SOLIDS: dict[str, Solid] = {
    "nodule": make_nodule(HERE, 9.0, _random()),
    "coarse": make_coarse(HERE, 16.0, _random()),
    "grains": make_grains(HERE, 9.0, _random()),
    "cloudy": make_cloudy(HERE, 14.0, _random()),
    "plaque": make_plaque(HERE, 14.0, _random()),
    "rim": make_rim_pieces(HERE, 18.0, _random()),
    "eggshell": make_eggshell(HERE, 16.0, _random()),
    "fork": make_fork(HERE, 18.0, 1.6, _random()),
    "star": make_star(HERE, 8.0, 1.5, _random()),
    "coil": make_coil(HERE, 6.0, _random()),
}


@pytest.mark.parametrize("thick_mm", [1.0, 5.0])
@pytest.mark.parametrize("name", SOLIDS)
def test_the_integral_is_kept_to_one_in_ten_thousand(name: str, thick_mm: float) -> None:
    solid, grid = SOLIDS[name], _grid(thick_mm)
    seen = render(solid, grid, 0.55, SliceProfile.of(thick_mm, thick_mm))
    total = float(seen.share.sum(dtype=np.float64)) * grid.voxel_mm3
    assert total == pytest.approx(solid.volume_mm3, rel=1e-4)
    assert float(seen.occupied.max()) <= 1.0 + 1e-5
    assert seen.label.any()


def test_overlapping_parts_are_counted_once() -> None:
    grid, profile = _grid(2.0), SliceProfile.of(2.0, 2.0)
    ball = Capsule(HERE, HERE, 6.0)
    twice = fuse((ball, Capsule(HERE, HERE, 5.0)))
    assert float(render(twice, grid, 0.5, profile).share.max()) == pytest.approx(1.0, abs=2e-3)
    one, both = (render(s, grid, 0.5, profile).share for s in (ball, twice))
    assert np.abs(one - both).max() < 3e-3


def test_a_lattice_in_tiles_leaves_no_seams() -> None:
    """A ball of 24 mm takes four tiles a side; across their joints it is as even as within them."""
    seen = render(Capsule(HERE, HERE, 12.0), _grid(1.0), 0.55, SliceProfile.of(1.0, 1.0))
    within = seen.share[8:-8, 12:-12, 12:-12]
    assert within.size > 500
    assert float(np.abs(within - 1).max()) < 1e-3


def test_grains_are_the_sum_of_each() -> None:
    grid, profile = _grid(2.0), SliceProfile.of(2.0, 2.0)
    grains = tuple(Capsule((p, 0.2, 0.1), (p, 0.2, 0.1), 0.5) for p in (-3.3, 0.4, 2.9))
    whole = render(Cloud(grains), grid, 0.5, profile)
    parts = np.zeros(grid.shape, dtype=np.float32)
    for grain in grains:
        seen = render(grain, grid, 0.5, profile)
        parts[seen.box.slices] += seen.share
    assert np.array_equal(parts[whole.box.slices], whole.share)


def test_a_hole_in_an_uneven_solid_is_less_dense() -> None:
    ball, core = Capsule(HERE, HERE, 7.0), Capsule(HERE, HERE, 4.0)
    seen = render(Layered(ball, ((1.0, ball), (-0.6, core))), _grid(1.0), 0.4, SliceProfile.of(1.0, 1.0))
    k, j, i = (np.rint(_grid(1.0).to_index(HERE)) - seen.box.start).astype(int)
    assert float(seen.share[k, j, i]) == pytest.approx(0.4 * float(seen.share.max()), rel=0.05)


def test_a_far_part_does_not_cost_what_lies_between() -> None:
    """Two balls 60 mm apart as one solid: nothing is left between them, and each is as if alone."""
    grid, profile = _grid(2.0), SliceProfile.of(2.0, 2.0)
    balls = [Capsule((x, 0.0, 0.0), (x, 0.0, 0.0), 2.0) for x in (-30.0, 30.0)]
    seen = render(fuse(balls), grid, 0.5, profile)
    assert float(seen.share[:, :, 20:-20].max()) == 0.0
    assert float(seen.share.sum(dtype=float)) * grid.voxel_mm3 == pytest.approx(
        2 * balls[0].volume_mm3, rel=2e-3
    )


DIGEST = """
import hashlib
import numpy as np
from hepalith.geometry import Grid
from hepalith.phantom.contents.compact import make_cloudy, make_coarse, make_grains, make_nodule, make_plaque
from hepalith.phantom.contents.line import make_fork, make_star
from hepalith.phantom.scanner.render import render
from hepalith.phantom.scanner.scanner import SliceProfile
from hepalith.phantom.contents.shell import make_eggshell, make_rim_pieces
affine = np.array([[0, 0, 0.8, -20], [0, 0.8, 0, -20], [2.5, 0, 0, -20], [0, 0, 0, 1.0]])
grid, here, digest = Grid((16, 50, 50), affine), (0.31, 0.72, -0.43), hashlib.sha256()
for make in (make_nodule, make_coarse, make_grains, make_cloudy, make_plaque, make_rim_pieces, make_eggshell):
    solid = make(here, 13.0, np.random.default_rng(5))
    seen = render(solid, grid, 0.55, SliceProfile.of(2.5, 2.5))
    digest.update(seen.share.tobytes() + repr(solid.volume_mm3).encode())
for make in (make_fork, make_star):
    solid = make(here, 11.0, 1.6, np.random.default_rng(5))
    digest.update(render(solid, grid, 0.55, SliceProfile.of(2.5, 2.5)).share.tobytes())
print(digest.hexdigest())
"""


def test_the_same_solid_gives_the_same_bits_without_wide_vector_units(
    narrow_environment: dict[str, str],
) -> None:
    digests = {
        subprocess.run(  # noqa: S603 - our own words
            [sys.executable, "-W", "ignore", "-c", DIGEST],
            env=env,
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for env in (dict(os.environ), narrow_environment)
    }
    assert len(digests) == 1


def test_a_shell_is_hollow_on_thin_slices() -> None:
    seen = render(Shell(HERE, 9.0, 1.5), _grid(1.0), 0.55, SliceProfile.of(1.0, 1.0))
    k, j, i = (np.rint(_grid(1.0).to_index(HERE)) - seen.box.start).astype(int)
    assert float(seen.share[k, j, i]) < 1e-4
    assert float(seen.share.max()) > 0.6


def test_what_lies_beyond_the_image_leaves_no_trace() -> None:
    apart = Fused((Capsule((500, 0, 0), (500, 0, 0), 2.0), Capsule((503, 0, 0), (503, 0, 0), 2.0)))
    seen = render(fuse(apart.parts), _grid(2.0), 0.5, SliceProfile.of(2.0, 2.0))
    assert seen.box.is_empty
