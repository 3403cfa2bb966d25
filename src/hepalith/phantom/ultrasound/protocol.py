"""How livers are scanned: a transducer and its settings, drawn from a seed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hepalith.phantom.ultrasound.probe import Probe

__all__ = ["draw_probe"]


def draw_probe(rng: np.random.Generator) -> Probe:
    """Draw a transducer and its settings as livers are scanned with.

    The ranges are our judgement: curved probes of 2.5 to 5 MHz at 115 to 185 mm for most livers, phased ones
    between ribs, linear ones for the surface.
    """
    kind = str(rng.choice(("curved", "phased", "linear"), p=(0.86, 0.08, 0.06)))
    shared = Probe(
        looks=int(rng.choice((1, 3, 5), p=(0.6, 0.25, 0.15))),
        harmonics=bool(rng.random() < 0.4),
        dynamic_range_db=float(rng.uniform(48, 85)),
        gain_db=float(rng.normal(0, 4)),
        gamma=float(rng.uniform(0.85, 1.25)),
        tgc_error_db=tuple(float(v) for v in rng.normal(0, 2.0, size=5)),
        noise_db=float(rng.uniform(-34, -9)),
        clutter_db=float(rng.uniform(-24, -12)),
        smooth=float(rng.choice((0.0, 0.5, 0.8))),
        persistence=float(rng.choice((0.0, 0.3, 0.5))),
    )
    if kind == "linear":
        return replace(
            shared,
            shape="linear",
            frequency_mhz=float(rng.uniform(6, 9)),
            depth_mm=float(rng.uniform(50, 80)),
            focus_mm=(float(rng.uniform(20, 40)),),
            half_width_mm=float(rng.uniform(19, 26)),
            aperture_mm=14.0,
            elevation_mm=7.0,
            elevation_focus_mm=25.0,
            step_mm=0.1,
            lines=256,
        )
    depth = float(rng.uniform(115, 185))
    focus = float(rng.uniform(0.35, 0.75) * depth)
    foci = (focus,) if rng.random() < 0.75 else (0.7 * focus, 1.25 * focus)
    if kind == "phased":
        return replace(
            shared,
            shape="phased",
            frequency_mhz=float(rng.uniform(2.2, 3.5)),
            depth_mm=depth,
            focus_mm=foci,
            radius_mm=float(rng.uniform(6, 12)),
            half_angle=float(rng.uniform(0.6, 0.78)),
            aperture_mm=18.0,
        )
    return replace(
        shared,
        frequency_mhz=float(rng.uniform(2.5, 5.0)),
        depth_mm=depth,
        focus_mm=foci,
        radius_mm=float(rng.uniform(45, 65)),
        half_angle=float(rng.uniform(0.45, 0.65)),
        aperture_mm=float(rng.uniform(17, 24)),
    )
