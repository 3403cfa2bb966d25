"""One sonogram phantom from a seed: the picture, and the answers."""

from __future__ import annotations

from importlib.metadata import version

import numpy as np
from numpy.typing import NDArray

from hepalith.image.cine import Cine
from hepalith.phantom.sono_anatomy import draw_anatomy, draw_vessels
from hepalith.phantom.sono_content import CASES, lay
from hepalith.phantom.sono_entry import COUNTED, SonoPhantom, entry_of, label_bodies, label_tissue, spot_of
from hepalith.phantom.sono_paint import paint
from hepalith.phantom.sono_probe import Probe, beam_space
from hepalith.phantom.sono_render import Echoed, echoes, make_speckle
from hepalith.phantom.sono_scene import SonoScene
from hepalith.phantom.sono_screen import ScreenMap, grey_of, lay_out, screen_map, smoothed
from hepalith.phantom.sono_truth import SonoTruth
from hepalith.study.sonography import Region, Sonography

__all__ = ["draw_probe", "make_sonogram"]


def draw_probe(rng: np.random.Generator) -> Probe:
    """Draw a transducer and its settings as livers are scanned with."""
    kind = str(rng.choice(("curved", "phased", "linear"), p=(0.86, 0.08, 0.06)))
    looks = int(rng.choice((1, 3, 5), p=(0.6, 0.25, 0.15)))
    shared = {
        "looks": looks,
        "harmonics": bool(rng.random() < 0.4),
        "dynamic_range_db": float(rng.uniform(48, 85)),
        "gain_db": float(rng.normal(0, 4)),
        "gamma": float(rng.uniform(0.85, 1.25)),
        "tgc_error_db": tuple(float(v) for v in rng.normal(0, 2.0, size=5)),
        "noise_db": float(rng.uniform(-86, -70)),
        "clutter_db": float(rng.uniform(-24, -12)),
        "smooth": float(rng.choice((0.0, 0.5, 0.8))),
    }
    if kind == "linear":
        return Probe(
            shape="linear", frequency_mhz=float(rng.uniform(6, 9)), depth_mm=float(rng.uniform(50, 80)),
            focus_mm=(float(rng.uniform(20, 40)),), half_width_mm=float(rng.uniform(19, 26)),
            aperture_mm=14.0, elevation_mm=7.0, elevation_focus_mm=25.0, step_mm=0.1, lines=256, **shared,
        )  # fmt: skip
    depth = float(rng.uniform(115, 185))
    focus = float(rng.uniform(0.35, 0.75) * depth)
    foci = (focus,) if rng.random() < 0.75 else (0.7 * focus, 1.25 * focus)
    if kind == "phased":
        return Probe(
            shape="phased", frequency_mhz=float(rng.uniform(2.2, 3.5)), depth_mm=depth, focus_mm=foci,
            radius_mm=float(rng.uniform(6, 12)), half_angle=float(rng.uniform(0.6, 0.78)), aperture_mm=18.0, **shared,
        )  # fmt: skip
    return Probe(
        shape="curved", frequency_mhz=float(rng.uniform(2.5, 5.0)), depth_mm=depth, focus_mm=foci,
        radius_mm=float(rng.uniform(45, 65)), half_angle=float(rng.uniform(0.45, 0.65)),
        aperture_mm=float(rng.uniform(17, 24)), **shared,
    )  # fmt: skip


def make_sonogram(
    seed: int, *, contents: str | None = None, frames: int = 1, probe: Probe | None = None
) -> SonoPhantom:
    """Return a sonogram of a liver, with its truth.

    Parameters
    ----------
    seed
        Draws everything; test seeds begin at 1,000,000.
    contents
        What is laid into the liver, one of :data:`CASES`; ``None``: drawn, with nothing in about a third.
    frames
        One: a still. More: a loop.
    probe
        Transducer and settings; ``None``: drawn.
    """
    rng = np.random.default_rng([0x05, seed])
    probe = draw_probe(rng) if probe is None else probe
    space = beam_space(probe)
    name = str(rng.choice(tuple(CASES))) if contents is None else contents
    texture = str(rng.choice(("normal", "fatty", "coarse"), p=(0.7, 0.18, 0.12)))
    anatomy = draw_anatomy(probe, rng, texture)
    diagnosis = lay(name, anatomy, rng)
    draw_vessels(anatomy, rng)
    scene = SonoScene(
        tuple(anatomy.tissues), tuple(anatomy.reflectors), tuple(anatomy.bodies), anatomy.wall_mm,
        anatomy.level_db, anatomy.attenuation,
    )  # fmt: skip
    screen = lay_out(probe, rng)
    mapped = screen_map(space, screen)
    painted = paint(scene, space)
    echoed = echoes(painted, space, make_speckle(space, rng), rng)
    grey = _display(echoed, probe, mapped)
    stack = np.repeat(grey[None], frames, axis=0)
    labels = label_bodies(scene.bodies, screen, mapped.inside)
    tissue = label_tissue(scene, screen, mapped.inside)
    entries = tuple(
        entry_of(c, echoed, space, painted.casts, (spot_of(c.body, screen, labels),) * frames)
        for c in painted.casts
    )
    known = bool(rng.random() < 0.6)
    mm = (screen.mm_per_px, screen.mm_per_px) if known else None
    sonography = _sonography(probe)
    truth = SonoTruth(
        kind="family", seed=seed, version=version("hepalith"), contents=name, diagnosis=diagnosis, frames=frames,
        shape_px=screen.shape_px, mm_per_px=screen.mm_per_px, sector=screen.sector(probe), sonography=sonography,
        foci=tuple(e for e in entries if e.label in COUNTED),
        mimics=tuple(e for e in entries if e.label not in COUNTED),
        header={"mm_per_px": list(mm) if mm else None},
        ducts=dict(anatomy.ducts), texture={"kind": texture}, notes=tuple(anatomy.notes),
    )  # fmt: skip
    sector = truth.sector
    region = Region(
        "b_mode", sector.box_px, mm, "rectangle" if probe.shape == "linear" else "fan", probe.frequency_mhz
    )
    cine = Cine(
        grey=stack, regions=(region,) if known else (), mm_per_px=mm, sonography=sonography if known else Sonography(),
        name=f"us-{seed}.dcm", kind="cine" if frames > 1 else "still", frame_time_ms=50.0 if frames > 1 else None,
    )  # fmt: skip
    return SonoPhantom(cine, truth, labels, tissue)


def _display(echoed: Echoed, probe: Probe, mapped: ScreenMap) -> NDArray[np.uint8]:
    """Return the screen, 0 to 255."""
    drawn = smoothed(mapped.draw(grey_of(echoed.level_db, probe)), probe.smooth)
    drawn[~mapped.inside] = 0
    return np.asarray(np.clip(np.rint(drawn), 0, 255), dtype=np.uint8)


def _sonography(probe: Probe) -> Sonography:
    """Return the settings as a header would give them."""
    transducer = {"curved": "curved", "phased": "phased", "linear": "linear"}[probe.shape]
    return Sonography(
        frequency_mhz=probe.frequency_mhz, depth_mm=probe.depth_mm, focus_mm=probe.focus_mm,
        compounding=probe.looks > 1, harmonics=probe.harmonics, transducer=transducer,  # type: ignore[arg-type]
        scanner="phantom",
    )  # fmt: skip
