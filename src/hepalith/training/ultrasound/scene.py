"""Planes through livers for training the judge of bright foci: what phantoms hold, and much more that shines.

The phantom's own drawing is used as it is; what is added here (lines, strokes, triads, masses, patches)
exists for training alone: no phantom changes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hepalith.phantom.ultrasound.anatomy import ANECHOIC_DB, Anatomy, draw_anatomy, draw_vessels, pick
from hepalith.phantom.ultrasound.content import draw_contents, lay, lay_extras
from hepalith.phantom.ultrasound.entry import COUNTED
from hepalith.phantom.ultrasound.mimics import lay_ligament, lay_reverberation
from hepalith.phantom.ultrasound.paint import Painted, paint
from hepalith.phantom.ultrasound.probe import BeamSpace, Probe, beam_space
from hepalith.phantom.ultrasound.protocol import draw_probe
from hepalith.phantom.ultrasound.render import Echoed, echoes, make_speckle
from hepalith.phantom.ultrasound.scene import Reflector, SonoScene, Tissue
from hepalith.phantom.ultrasound.shadow import contrast_of
from hepalith.phantom.ultrasound.shape import Ellipse, Lumpy, Ring, Shape
from hepalith.phantom.ultrasound.simple import bent_tube, calcified_body, gas_body

__all__ = ["KINDS", "SHAPE", "UNSURE", "Plane", "make_plane"]

KINDS = ("tissue", "focus", "mimic", "wall")
"""Classes of a place: nothing bright, a focus, a bright body that is none, a bright line or wall."""

UNSURE = 255
"""Label of places that teach nothing: foci too faint to be seen, calcium of a vessel's wall."""

SHAPE = (320, 160)
"""Samples and lines kept of a plane: finer than the network's grid, so that parts can be enlarged."""

LINES, SAMPLES = 208, 460
"""Lines and samples that are simulated: fewer than a phantom's, for time."""

SMALLEST_MASS_MM = 9.0
"""Smallest patch without calcium: a smaller bright spot is an echogenic focus to a reader."""

SOFT = 0.25
"""Share of foci that scatter like tissue and let sound through: echogenic foci of unknown substance."""

Rng = np.random.Generator


@dataclass(frozen=True, slots=True, eq=False)
class Plane:
    """A simulated plane on its beams.

    `level_db` float16 (echo against liver) and `labels` uint8 (places in `KINDS`, or `UNSURE`) have shape
    `SHAPE`; `dynamic_range_db` is what its scanner shows from black to white.
    """

    level_db: NDArray[np.float16]
    labels: NDArray[np.uint8]
    dynamic_range_db: float


def make_plane(seed: int) -> Plane:
    """Return a plane from a seed of the development split."""
    rng = np.random.default_rng([0x0C, seed])
    probe = _vary(draw_probe(rng), rng)
    space = beam_space(probe)
    anatomy = draw_anatomy(probe, rng, str(rng.choice(("normal", "fatty", "coarse"), p=(0.6, 0.16, 0.24))))
    name = draw_contents(rng) if rng.random() < 0.6 else "case:normal"
    lay(name, anatomy, rng)
    lay_extras(name, anatomy, rng)
    _lay_foci(anatomy, rng)
    draw_vessels(anatomy, rng)
    _lay_masses(anatomy, rng)
    _lay_lines(anatomy, rng)
    _lay_strokes(anatomy, rng)
    for mimic, share in ((_lay_bubbles, 0.4), (lay_ligament, 0.2), (lay_reverberation, 0.15)):
        if rng.random() < share:
            mimic(anatomy, rng)
    scene = SonoScene(
        tuple(anatomy.tissues), tuple(anatomy.reflectors), tuple(anatomy.bodies),
        anatomy.wall_mm, anatomy.level_db, anatomy.attenuation, anatomy.contact_db,
    )  # fmt: skip
    painted = paint(scene, space)
    echoed = echoes(painted, space, make_speckle(space, rng), rng)
    labels = _labels(painted, echoed, space)
    rows = np.linspace(0, space.shape[0] - 1, SHAPE[0]).round().astype(int)
    lines = np.linspace(0, space.shape[1] - 1, SHAPE[1]).round().astype(int)
    soft = 0.5 * (echoed.level_db + np.roll(echoed.level_db, -1, axis=0))
    return Plane(
        soft[rows][:, lines].astype(np.float16), labels[rows][:, lines], float(probe.dynamic_range_db)
    )


def _vary(probe: Probe, rng: Rng) -> Probe:
    """Return a transducer with coarser and finer speckle than phantoms have, sampled as kept."""
    probe = replace(
        probe,
        looks=int(rng.choice((1, 2, 3), p=(0.6, 0.2, 0.2))),
        cycles=pick(rng, 1.6, 4.5),
        aperture_mm=probe.aperture_mm * pick(rng, 0.55, 1.15),
        depth_mm=probe.depth_mm * pick(rng, 0.75, 1.15),
        lines=LINES,
    )
    return replace(probe, step_mm=max(probe.depth_mm / SAMPLES, 0.12))


def _lay_foci(anatomy: Anatomy, rng: Rng) -> None:
    """Lay foci of every size and density, anywhere in the liver."""
    for _ in range(int(rng.choice((0, 1, 2, 4, 6), p=(0.3, 0.15, 0.2, 0.2, 0.15)))):
        size = math.exp(pick(rng, math.log(1.2), math.log(13)))
        spot = anatomy.find(rng, size / 2 + 2.5)
        if spot is None:
            continue
        body = calcified_body(rng, anatomy.next_id, *spot, size)
        if rng.random() < SOFT:
            body = replace(body, coherent=pick(rng, 0, 0.3), surface_db=0.2, inside_db_per_cm_mhz=1.0)
        anatomy.bodies.append(replace(body, level_db=body.level_db + pick(rng, -5, 3)))


def _lay_bubbles(anatomy: Anatomy, rng: Rng) -> None:
    """Lay gas of every size, anywhere in the liver, with haze or a train of echoes behind it."""
    for _ in range(int(rng.integers(1, 5))):
        size = math.exp(pick(rng, math.log(2), math.log(13)))
        spot = anatomy.find(rng, size / 2 + 2)
        if spot is not None:
            anatomy.bodies.append(gas_body(rng, anatomy.next_id, *spot, size))


def _lay_masses(anatomy: Anatomy, rng: Rng) -> None:
    """Lay bright and dark patches without calcium: masses, fat, coarse tissue."""
    for _ in range(int(rng.choice((0, 1, 3, 6, 12), p=(0.35, 0.2, 0.2, 0.15, 0.1)))):
        size = math.exp(pick(rng, math.log(SMALLEST_MASS_MM), math.log(45)))
        spot = anatomy.find(rng, size / 2, margin=-size / 3)
        if spot is None:
            continue
        oval = Ellipse(*spot, size / 2, size / 2 * pick(rng, 0.4, 1), pick(rng, 0, math.pi))
        shape: Shape = Lumpy(oval, 0.1 * size, max(size / 2, 1.5), pick(rng, 0, 6))
        level = anatomy.level_db + (pick(rng, 3, 11) if rng.random() < 0.75 else pick(rng, -12, -3))
        soft, grain = pick(rng, 0.8, 0.4 * size + 1), pick(rng, 0, 4)
        anatomy.tissues.append(
            Tissue("mass", shape, level, None, soft, grain, pick(rng, 2, 8), within=anatomy.liver)
        )


def _lay_lines(anatomy: Anatomy, rng: Rng) -> None:
    """Lay long bright lines in all courses: ligaments, fissures, fascia, walls of vessels seen lengthwise."""
    for _ in range(int(rng.choice((0, 1, 2, 5), p=(0.35, 0.3, 0.2, 0.15)))):
        depth, turn = pick(rng, 0.12, 0.95) * anatomy.probe.depth_mm, pick(rng, -0.9, 0.9)
        probe = anatomy.probe
        if probe.shape == "linear":
            spot = (turn * probe.half_width_mm, depth)
        else:
            around = depth + probe.radius_mm
            spot = (
                around * math.sin(turn * probe.half_angle),
                around * math.cos(turn * probe.half_angle) - probe.radius_mm,
            )
        length, width = pick(rng, 14, 80), pick(rng, 0.5, 3.5)
        line = bent_tube(
            spot,
            pick(rng, 0, math.pi),
            length,
            (width / 2, width / 2 * pick(rng, 0.3, 1)),
            rng.normal(0, 0.8),
        )
        anatomy.reflectors.append(
            Reflector(
                "ligament", line, pick(rng, 4, 24), pick(rng, 0, 6), pick(rng, 0.1, 0.9), pick(rng, 0.4, 1.5),
                pick(rng, 0, 5),
            )
        )  # fmt: skip


def _lay_strokes(anatomy: Anatomy, rng: Rng) -> None:
    """Lay short pieces of walls and portal triads cut across, from few to many."""
    for _ in range(int(rng.choice((0, 4, 12, 30), p=(0.25, 0.3, 0.25, 0.2)))):
        spot = anatomy.find(rng, 2.0)
        if spot is None:
            return
        level = pick(rng, 3, 17)
        if rng.random() < 0.55:
            stroke: Shape = bent_tube(
                spot,
                pick(rng, 0, math.pi),
                pick(rng, 1.5, 11),
                (pick(rng, 0.3, 0.8), 0.3),
                rng.normal(0, 0.5),
            )
        else:
            radius = pick(rng, 0.5, 2.2)
            oval = Ellipse(*spot, radius * pick(rng, 1, 2), radius, pick(rng, 0, math.pi))
            if rng.random() < 0.6:
                anatomy.tissues.append(Tissue("portal_vein", oval, ANECHOIC_DB, 0.15, 0.5))
            stroke = Ring(oval, pick(rng, 0.6, 1.4))
        anatomy.reflectors.append(
            Reflector("portal_vein", stroke, level, pick(rng, 0, 5), pick(rng, 0.1, 0.8), pick(rng, 0.4, 0.9))
        )


def _labels(painted: Painted, echoed: Echoed, space: BeamSpace) -> NDArray[np.uint8]:
    """Return what each sample is."""
    labels = np.zeros(space.shape, np.uint8)
    labels[painted.smooth > WALL_AMPLITUDE] = KINDS.index("wall")
    for cast in painted.casts:
        block = labels[cast.rows, cast.lines]
        here = cast.cover > 0.3 * cast.cover.max()
        if cast.body.label in COUNTED:
            seen = contrast_of(cast, echoed, space, painted.casts)
            block[here] = KINDS.index("focus") if seen >= LEAST_SD else UNSURE
        elif cast.body.label == "vessel_wall_calcification":
            block[here] = UNSURE
        else:
            block[here] = KINDS.index("mimic")
    return labels


WALL_AMPLITUDE = 1.6
"""Amplitude of a smooth echo against liver (4 dB) from which a place counts as a bright wall."""

LEAST_SD = 2.0
"""Expected contrast from which a focus can be seen, as in the phantoms' truth."""
