"""The demo study: an abdomen with punctate, beaded and rim calcium, a clip, and a rib on the liver."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

import numpy as np

from hepalith.phantom.body.abdomen import Abdomen, make_abdomen
from hepalith.phantom.body.variation import Variation
from hepalith.phantom.contents.duct import choose_duct, dilate
from hepalith.phantom.contents.mimic import make_clip_at, mark_rib
from hepalith.phantom.contents.site import add, depth_at, spaced_along
from hepalith.phantom.deposit import DuctTruth, make_calcium
from hepalith.phantom.folder import write_study_folder
from hepalith.phantom.insert import HostTruth, Insert, PatternTruth
from hepalith.phantom.scanner.scanner import Scanner
from hepalith.phantom.scene import ORGANS, Body, Scan, Scene, scan
from hepalith.phantom.shape.shape import Capsule, Point, Shell
from hepalith.phantom.truth import Truth, host_entries, pattern_entries, truth_of

__all__ = ["DemoStudy", "make_demo", "make_demo_insert", "make_demo_study", "make_scene"]

CYST_HU = 20.0
"""Content of the healed cyst inside the rim."""

MIDDLE: Point = (-70.0, -8.0, 20.0)
"""Deep in the right lobe: what would lie too near the surface is moved toward it."""

BEADS = 5
"""Stones in the duct."""

BEAD_MM, BEAD_STEPS_MM = 3.6, (7.5, 6.8, 6.2, 5.6)
"""Their diameter, and how far apart their middles lie: the widest for which the duct is long enough."""

LEFT = ("II", "III")
"""Segments in whose ducts they lie, if any there is long enough."""

LONG_DUCT_MM = 38.0
"""Length of duct that holds them."""


PATIENT = Variation(liver_scale=0.97)
"""An ordinary adult; the liver brought to the 1.2 to 1.7 L that most have, near the family's median."""


@dataclass(frozen=True, slots=True, eq=False)
class DemoStudy:
    """A scanned demo phantom and its truth."""

    scan: Scan
    truth: Truth
    scanner: Scanner


def _placed(abdomen: Abdomen, wanted: Point, depth_mm: float, random: np.random.Generator) -> Point:
    """Return a place near the one wanted, moved toward the middle until it lies `depth_mm` deep."""
    x, y, z = (round(float(c + random.uniform(-4, 4)), 6) for c in wanted)
    start = (x, y, z)
    for step in range(60):
        at = add(start, add(MIDDLE, start, -1.0), step / 59)
        if depth_at(abdomen.liver.shape, at) >= depth_mm:
            return at
    return MIDDLE


def _beads(abdomen: Abdomen, random: np.random.Generator) -> Insert:
    """Return stones in a dilated duct of the left lobe."""
    for segments, least in ((LEFT, LONG_DUCT_MM), (LEFT, math.inf), ((), LONG_DUCT_MM)):
        bodies, path = dilate(abdomen, choose_duct(abdomen, random, None, segments, least), 6.0)
        rows = [spaced_along(path, BEAD_MM / 2, step, BEADS) for step in BEAD_STEPS_MM]
        places = max(rows, key=len)
        if len(places) == BEADS:
            break
    duct = DuctTruth("in_lumen", 6.0, "upstream")
    stones = [
        make_calcium("beaded", Capsule(p, p, BEAD_MM / 2), 460.0, diameter_mm=BEAD_MM, group=1, duct=duct)
        for p in places
    ]
    return Insert(bodies=bodies, deposits=tuple(replace(s, kind="bead") for s in stones))


def make_demo_insert(abdomen: Abdomen, random: np.random.Generator) -> Insert:
    """Return what the demo lays in: a dot, a healed cyst with a rim, five stones, a clip, a rib."""
    dot = _placed(abdomen, (-96, 24, 4), 15, random)
    centre = _placed(abdomen, (-92, -34, 30), 22, random)
    beads = _beads(abdomen, random)
    clip = make_clip_at(_placed(abdomen, (-40, -34, -44), 3.5, random), 9.0, random)
    wall = Body(Capsule(centre, centre, 12.5), abdomen.tissues["liver"])
    cyst = Body(Capsule(centre, centre, 10.0), CYST_HU)
    host = HostTruth(
        "fluid", "cyst_walled", centre, 25.0, wall.shape, "peripheral", wall_mm=2.5, features=("wall",)
    )
    return Insert(
        bodies=(*beads.bodies, wall, cyst),
        deposits=(
            make_calcium("punctate", Capsule(dot, dot, 1.6), 520.0, diameter_mm=3.2),
            make_calcium("rim", Shell(centre, 12.0, 2.0), 420.0, diameter_mm=24.0, host=0),
            *beads.deposits,
        ),
        mimics=(clip, mark_rib(abdomen.rib_contacts[0])),
        hosts=(host,),
        patterns=(PatternTruth("along_duct", tuple(range(2, 2 + len(beads.deposits)))),),
    )


def make_scene(abdomen: Abdomen, random: np.random.Generator) -> Scene:
    """Return the abdomen with its calcifications and mimics."""
    return laid(abdomen, make_demo_insert(abdomen, random))


def laid(abdomen: Abdomen, insert: Insert) -> Scene:
    """Return an abdomen with something laid into it."""
    return Scene(
        (*abdomen.bodies, *insert.bodies),
        insert.deposits,
        insert.mimics,
        insert.streaks,
        abdomen.liver.segment_at,
    )


def make_demo(seed: int, scanner: Scanner | None = None) -> DemoStudy:
    """Make the demo phantom in memory."""
    scanner = scanner or Scanner()
    random = np.random.default_rng([seed, 0])
    abdomen = make_abdomen(random, PATIENT)
    insert = make_demo_insert(abdomen, random)
    scene = laid(abdomen, insert)
    made = scan(scene, scanner, seed)
    grid = made.volume.grid
    liver_ml = float((made.organs == ORGANS["liver"]).sum()) * grid.voxel_mm3 / 1000
    truth = Truth(
        kind="demo",
        seed=seed,
        version=version("hepalith"),
        foci=truth_of(scene.deposits, made.rendered, made.excesses_hu, grid),
        mimics=truth_of(scene.mimics, made.rendered_mimics, made.mimic_excesses_hu, grid),
        hosts=host_entries(insert.hosts),
        patterns=pattern_entries(insert.patterns),
        scanner={
            "blur_mm": scanner.blur_mm,
            "slice_thickness_mm": scanner.profile.width_mm,
            "slice_edge_mm": scanner.profile.edge_mm,
            "noise_hu": scanner.noise_hu,
            "kernel": scanner.kernel,
            "kvp": scanner.kvp,
        },
        phase="none",
        liver_volume_ml=liver_ml,
    )
    return DemoStudy(made, truth, scanner)


def make_demo_study(out: Path, seed: int) -> Truth:
    """Make the demo phantom and write it.

    Writes ``dicom/`` (the CT series), ``liver.nii.gz``, ``organs.nii.gz`` (labels of
    `hepalith.phantom.ORGANS`), ``foci_truth.nii.gz``, ``mimics_truth.nii.gz`` and ``truth.json``.
    The same seed and version give the same bytes.

    Parameters
    ----------
    out
        Folder; made if absent.
    seed
        Varies the anatomy, the places of foci and the noise.

    Returns
    -------
    Truth
        What is known of the study.

    Raises
    ------
    OutputError
        If a file cannot be written.
    """
    study = make_demo(seed)
    write_study_folder(out, study.scan, study.scanner, study.truth)
    return study.truth
