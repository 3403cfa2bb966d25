"""The demo study: an abdomen with punctate, beaded and rim calcium, a clip, and a rib on the liver."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np

from hepalith.phantom.abdomen import Abdomen, make_abdomen
from hepalith.phantom.deposit import Deposit, make_bead_chain, make_rim, make_rod, make_sphere
from hepalith.phantom.dicom import SeriesHeader, write_dicom_series
from hepalith.phantom.nifti import write_nifti
from hepalith.phantom.scanner import Scanner
from hepalith.phantom.scene import ORGANS, Body, Scan, Scene, Streak, scan
from hepalith.phantom.shape import Capsule, Point, Shape
from hepalith.phantom.truth import FocusTruth, Truth, truth_of, write_truth

__all__ = ["DemoStudy", "make_demo", "make_demo_study", "make_scene"]

CLIP_EXCESS_HU = 9000.0
"""Titanium at 120 kVp stands far above the 12-bit range; blurred, a clip still tops 2000 HU."""

CYST_HU = 20.0
"""Content of the healed cyst inside the rim."""


BEAD_LINE = ((-8.0, -28.0, 15.0), (28.0, -36.0, 21.0))
"""Where the beads lie, LPS mm: along the left lobe."""


@dataclass(frozen=True, slots=True, eq=False)
class DemoStudy:
    """A scanned demo phantom and its truth."""

    scan: Scan
    truth: Truth
    scanner: Scanner


def _depth(liver: Shape, point: Point) -> float:
    x, y, z = (np.full((1, 1, 1), v, dtype=np.float32) for v in point)
    return -float(liver.distance(x, y, z).ravel()[0])


def _placed(liver: Shape, wanted: Point, depth_mm: float, toward: Point) -> Point:
    """Return the first point from `wanted` toward `toward` that lies at least `depth_mm` deep."""
    for share in np.linspace(0, 1, 60):
        x, y, z = (a + float(share) * (b - a) for a, b in zip(wanted, toward, strict=True))
        if _depth(liver, (x, y, z)) >= depth_mm:
            return (x, y, z)
    return toward


def _bead_path(path: tuple[Point, ...], count: int, step_mm: float) -> tuple[Point, ...]:
    """Return points `step_mm` apart along a path."""
    dense = np.concatenate([np.linspace(a, b, 200, endpoint=False) for a, b in itertools.pairwise(path)])
    along = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(dense, axis=0), axis=1))])
    wanted = 3.0 + step_mm * np.arange(count)
    picked = [dense[int(np.searchsorted(along, min(w, along[-1])))] for w in wanted]
    return tuple((float(p[0]), float(p[1]), float(p[2])) for p in picked)


def make_scene(abdomen: Abdomen, random: np.random.Generator) -> Scene:
    """Return the abdomen with its calcifications and mimics."""
    middle = (-70.0, -8.0, 20.0)

    def near(point: Point) -> Point:
        x, y, z = (float(c + random.uniform(-4, 4)) for c in point)
        return (x, y, z)

    punctate = make_sphere(
        _placed(abdomen.liver.shape, near((-96, 24, 4)), 15, middle), 3.2, 520.0, kind="punctate"
    )
    centre = _placed(abdomen.liver.shape, near((-92, -34, 30)), 22, middle)
    rim = make_rim(centre, 24.0, 2.0, 420.0)
    beads = make_bead_chain(_bead_path(BEAD_LINE, 5, 7.5), 3.6, 460.0, group=1)
    clip_at = _placed(abdomen.liver.shape, near((-40, -34, -44)), 3.5, middle)
    clip = make_rod(clip_at, (0.35, 0.9, 0.25), 9.0, 1.6, CLIP_EXCESS_HU)
    clip = Deposit("clip_or_coil", clip.shape, clip.excess_hu, clip.diameter_mm, clip.width_mm)
    cyst = Body(Capsule(centre, centre, 10.0), CYST_HU)
    wall = Body(Capsule(centre, centre, 12.5), abdomen.tissues["liver"])
    return Scene(
        (*abdomen.bodies, wall, cyst),
        (punctate, rim, *beads),
        (clip,),
        (Streak(clip_at, 9.0, 28.0),),
    )


def _rib_truth(contact: Point, number: int) -> FocusTruth:
    """Return the rib that touches the liver as a mimic without measures of its own."""
    return FocusTruth(number, "bone_or_cartilage", 0, contact, 10.0, 10.0, 0.0, 0.0, 0.0, 0.0, 0.0)


def make_demo(seed: int, scanner: Scanner | None = None) -> DemoStudy:
    """Make the demo phantom in memory."""
    scanner = scanner or Scanner()
    random = np.random.default_rng([seed, 0])
    abdomen = make_abdomen(random)
    scene = make_scene(abdomen, random)
    made = scan(scene, scanner, seed)
    grid = made.volume.grid
    liver_ml = float((made.organs == ORGANS["liver"]).sum()) * grid.voxel_mm3 / 1000
    mimics = truth_of(scene.mimics, made.rendered_mimics, made.mimic_excesses_hu, grid)
    truth = Truth(
        kind="demo",
        seed=seed,
        version=version("hepalith"),
        foci=truth_of(scene.deposits, made.rendered, made.excesses_hu, grid),
        mimics=(*mimics, _rib_truth(abdomen.rib_contacts[0], len(mimics) + 1)),
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
    scan_, scanner = study.scan, study.scanner
    header = SeriesHeader(
        key=f"hepalith demo {study.truth.version} {seed}",
        patient_id=f"PHANTOM-{seed}",
        kernel=scanner.kernel,
        kvp=scanner.kvp,
        slice_thickness_mm=scanner.slice_thickness_mm,
    )
    write_dicom_series(scan_.volume, out / "dicom", header)
    grid = scan_.volume.grid
    liver = (scan_.organs == ORGANS["liver"]).astype(np.uint8)
    write_nifti(out / "liver.nii.gz", liver, grid)
    write_nifti(out / "organs.nii.gz", scan_.organs, grid)
    write_nifti(out / "foci_truth.nii.gz", scan_.foci.astype(np.uint16), grid)
    write_nifti(out / "mimics_truth.nii.gz", scan_.mimics.astype(np.uint16), grid)
    write_truth(study.truth, out / "truth.json")
    return study.truth
