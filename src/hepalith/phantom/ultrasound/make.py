"""One sonogram phantom from a seed: the picture, and the answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.metadata import version

import numpy as np
from numpy.typing import NDArray

from hepalith.image.cine import Cine
from hepalith.phantom.truth import PatternEntry
from hepalith.phantom.ultrasound.anatomy import Anatomy, draw_anatomy, draw_vessels
from hepalith.phantom.ultrasound.cast import STILL, Cast, slice_share
from hepalith.phantom.ultrasound.content import draw_contents, lay, lay_extras
from hepalith.phantom.ultrasound.entry import (
    COUNTED,
    SonoPhantom,
    Spot,
    entry_of,
    label_bodies,
    label_tissue,
    spot_of,
)
from hepalith.phantom.ultrasound.furniture import draw_furniture
from hepalith.phantom.ultrasound.motion import Motion, carried, draw_motion, pose_at, renewed, where_at
from hepalith.phantom.ultrasound.paint import paint
from hepalith.phantom.ultrasound.probe import BeamSpace, Probe, beam_space
from hepalith.phantom.ultrasound.protocol import draw_probe
from hepalith.phantom.ultrasound.render import Echoed, echoes, make_speckle
from hepalith.phantom.ultrasound.scene import Body, SonoScene
from hepalith.phantom.ultrasound.screen import Screen, ScreenMap, grey_of, lay_out, screen_map, smoothed
from hepalith.phantom.ultrasound.truth import HostTruth, SonoTruth
from hepalith.study.sonography import Region, Sonography

__all__ = ["make_sonogram"]


def make_sonogram(
    seed: int,
    *,
    contents: str | None = None,
    frames: int = 1,
    probe: Probe | None = None,
    bare: bool | None = None,
) -> SonoPhantom:
    """Return a sonogram of a liver, with its truth.

    Parameters
    ----------
    seed
        Draws everything; test seeds begin at 1,000,000.
    contents
        What is laid into the liver, one of :func:`list_sono_contents`; ``None``: drawn, with nothing in
        about a third.
    frames
        One: a still. More: a loop, sampled a little more coarsely.
    probe
        Transducer and settings; ``None``: drawn.
    bare
        True: nothing but the picture on the screen; ``None``: drawn.
    """
    rng = np.random.default_rng([0x05, seed])
    probe = draw_probe(rng) if probe is None else probe
    if frames > 1:
        probe = replace(probe, step_mm=1.4 * probe.step_mm, lines=240, looks=min(probe.looks, 3))
    space = beam_space(probe)
    name = draw_contents(rng) if contents is None else contents
    texture = str(rng.choice(("normal", "fatty", "coarse"), p=(0.72, 0.16, 0.12)))
    anatomy = draw_anatomy(probe, rng, texture)
    diagnosis = lay(name, anatomy, rng)
    lay_extras(name, anatomy, rng)
    draw_vessels(anatomy, rng)
    scene = _scene(anatomy)
    screen = lay_out(probe, rng)
    mapped = screen_map(space, screen)
    labels = label_bodies(scene.bodies, screen, mapped.inside)
    motion = draw_motion(scene.bodies, frames, rng) if frames > 1 else None
    film = _film(scene, space, mapped, motion, rng)
    furniture = draw_furniture(screen, probe, mapped.inside, rng, bare=bare)
    stack = np.where(furniture.over, np.maximum(furniture.grey, film.frames), film.frames).astype(np.uint8)
    entries = []
    for body in scene.bodies:
        echoed, casts = film.best[body.id]
        cast = next((c for c in casts if c.body.id == body.id), None)
        if cast is not None:
            spots = _spots(body, spot_of(body, screen, labels), scene.wall_mm, (space, screen), motion)
            best = _best_frame(body, space, motion)
            entries.append(entry_of(cast, echoed, space, casts, spots, best_frame=best))
    known = bool(rng.random() < 0.6)
    mm = (screen.mm_per_px, screen.mm_per_px) if known else None
    sonography = _sonography(probe, 50.0 if frames > 1 else None)
    sector = screen.sector(probe)
    truth = SonoTruth(
        kind="family",
        seed=seed,
        version=version("hepalith"),
        contents=name,
        diagnosis=diagnosis,
        frames=frames,
        shape_px=screen.shape_px,
        mm_per_px=screen.mm_per_px,
        sector=sector,
        sonography=sonography,
        foci=tuple(e for e in entries if e.label in COUNTED),
        mimics=tuple(e for e in entries if e.label not in COUNTED),
        header={"mm_per_px": list(mm) if mm else None, "settings": known},
        hosts=tuple(
            HostTruth(h.id, h.kind, h.name, screen.to_px(h.x, h.z), h.diameter_mm, h.features)
            for h in anatomy.hosts
        ),
        patterns=tuple(PatternEntry(kind, ids) for kind, ids in anatomy.patterns if ids),
        vessels=dict(anatomy.vessels),
        ducts=dict(anatomy.ducts),
        texture={"kind": texture, "network": any(k == "septal_network" for k, _ in anatomy.patterns)},
        motion={} if motion is None else _told(motion),
        screen={"parts": list(furniture.parts), "words": list(furniture.words)},
        notes=tuple(anatomy.notes),
    )
    region = Region(
        "b_mode", sector.box_px, mm, "rectangle" if probe.shape == "linear" else "fan", probe.frequency_mhz
    )
    cine = Cine(
        grey=stack,
        regions=(region,) if known else (),
        mm_per_px=mm,
        sonography=sonography if known else Sonography(),
        name=f"us-{seed}.dcm",
        kind="cine" if frames > 1 else "still",
        frame_time_ms=50.0 if frames > 1 else None,
    )
    return SonoPhantom(cine, truth, labels, label_tissue(scene, screen, mapped.inside))


def _scene(anatomy: Anatomy) -> SonoScene:
    """Freeze a plane."""
    return SonoScene(
        tuple(anatomy.tissues),
        tuple(anatomy.reflectors),
        tuple(anatomy.bodies),
        anatomy.wall_mm,
        anatomy.level_db,
        anatomy.attenuation,
        anatomy.contact_db,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Film:
    """Frames, uint8 (frame, row, column), and for each body the echoes of the frame that shows it best."""

    frames: NDArray[np.uint8]
    best: Mapping[int, tuple[Echoed, tuple[Cast, ...]]]


def _film(
    scene: SonoScene, space: BeamSpace, mapped: ScreenMap, motion: Motion | None, rng: np.random.Generator
) -> _Film:
    """Return the frames."""
    probe = space.probe
    count = 1 if motion is None else motion.frames
    out = np.zeros((count, *mapped.shape_px), dtype=np.uint8)
    speckle = make_speckle(space, rng)
    wanted = {body.id: _best_frame(body, space, motion) for body in scene.bodies}
    best: dict[int, tuple[Echoed, tuple[Cast, ...]]] = {}
    before = None
    for frame in range(count):
        pose = STILL if motion is None else pose_at(motion, frame, space, scene.wall_mm)
        if motion is not None and frame:
            speckle = renewed(speckle, motion, frame, rng)
        painted = paint(scene, space, pose)
        echoed = echoes(painted, space, carried(speckle, pose, space), rng)
        drawn = _display(echoed, probe, mapped)
        if before is not None and probe.persistence:
            drawn = drawn + np.float32(probe.persistence) * (before - drawn)
        before = drawn
        out[frame] = np.clip(np.rint(drawn), 0, 255)
        for number, at in wanted.items():
            if at == frame:
                best[number] = (echoed, painted.casts)
    return _Film(out, best)


def _share(body: Body, space: BeamSpace, motion: Motion | None, frame: int) -> float:
    """Return the share of the slice that a body fills in a frame."""
    across = 0.0 if motion is None else motion.out_of_plane(frame)
    x0, z0, x1, z1 = body.shape.bounds()
    depth = float(space.beam_of((x0 + x1) / 2, (z0 + z1) / 2)[0]) * space.probe.step_mm
    moved = replace(body, offset_mm=body.offset_mm + across)
    return slice_share(moved, float(space.probe.slice_width_mm(depth)))


def _best_frame(body: Body, space: BeamSpace, motion: Motion | None) -> int:
    """Return the first frame in which a body fills most of the slice."""
    if motion is None:
        return 0
    shares = [_share(body, space, motion, frame) for frame in range(motion.frames)]
    return next(n for n, share in enumerate(shares) if share >= 0.97 * max(shares))


OUT_OF_PLANE = 0.25
"""A body that fills less of the slice than this share of the most it fills is out of the plane: its echo is
6 dB down, and its shadow is all but gone."""


def _spots(
    body: Body,
    spot: Spot,
    wall_mm: float,
    seen_by: tuple[BeamSpace, Screen],
    motion: Motion | None,
) -> tuple[Spot | None, ...]:
    """Return where a body stands on the screen, frame by frame; ``None`` where it is out of the plane."""
    if motion is None:
        return (spot,)
    space, screen = seen_by
    frames = motion.frames
    shares = [_share(body, space, motion, frame) for frame in range(frames)]
    out: list[Spot | None] = []
    for frame in range(frames):
        if shares[frame] < OUT_OF_PLANE * max(shares):
            out.append(None)
            continue
        u, v = (d / screen.mm_per_px for d in where_at(motion, frame, body, wall_mm))
        (x, y), (x0, y0, x1, y1) = spot
        moved = (x + u, y + v)
        sample, line = space.beam_of(*screen.to_mm(*moved))
        seen = 0 <= sample < space.shape[0] and 0 <= line < space.shape[1]
        out.append((moved, (x0 + u, y0 + v, x1 + u, y1 + v)) if seen else None)
    return tuple(out)


def _told(motion: Motion) -> dict[str, object]:
    """Return a loop's movement as the truth says it."""
    return {
        "kind": motion.kind,
        "liver_mm": [list(motion.shift(frame)) for frame in range(motion.frames)],
        "across_mm": [motion.out_of_plane(frame) for frame in range(motion.frames)],
        "own": {str(number): [x, z] for number, x, z, _ in motion.drift},
    }


def _display(echoed: Echoed, probe: Probe, mapped: ScreenMap) -> NDArray[np.float32]:
    """Return the screen, 0 to 255."""
    drawn = smoothed(mapped.draw(grey_of(echoed.level_db, probe)), probe.smooth)
    drawn[~mapped.inside] = 0
    return np.asarray(drawn, dtype=np.float32)


def _sonography(probe: Probe, frame_time_ms: float | None) -> Sonography:
    """Return the settings as a header would give them."""
    transducer = {"curved": "curved", "phased": "phased", "linear": "linear"}[probe.shape]
    return Sonography(
        frequency_mhz=probe.frequency_mhz, depth_mm=probe.depth_mm, focus_mm=probe.focus_mm,
        compounding=probe.looks > 1, harmonics=probe.harmonics, transducer=transducer,  # type: ignore[arg-type]
        frame_time_ms=frame_time_ms, scanner="hepalith phantom",
    )  # fmt: skip
