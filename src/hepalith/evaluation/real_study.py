"""Spheres put into real scans: the study that no phantom's realism can flatter."""

from __future__ import annotations

import functools
import os
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

import numpy as np

from hepalith.anatomy.find import find_liver
from hepalith.errors import UsageError
from hepalith.evaluation.examination import DrawnStudy, Examination
from hepalith.image.decode import decode
from hepalith.image.mask import read_mask
from hepalith.phantom import Recipe, kernel_blur_mm, make_implant
from hepalith.phantom.truth import split_of
from hepalith.settings import MaskSource, Settings
from hepalith.study.choice import choose_series
from hepalith.study.open import open_study

__all__ = ["draw_implant"]

DATA_VARIABLE = "HEPALITH_TEST_DATA"
"""Environment variable that names the folder of real scans."""

SPHERES = 14
"""Spheres in one liver, if it has room."""

SPHERE_MM = tuple(float(v) for v in np.geomspace(1.5, 12.0, 48))
"""Diameters, each as likely: evenly on a logarithmic scale."""

SPHERE_EXCESS_HU = (100.0, 1000.0)
"""Range of contrast, drawn evenly on a logarithmic scale."""

CLAIM_SPHERES = 10
"""Spheres of the stated smallest size put into one liver."""


@dataclass(frozen=True, slots=True)
class _Source:
    """A real scan: its folder, its liver's mask where one was drawn, and its phase."""

    name: str
    inputs: str
    phase: str
    liver: str = ""


SOURCES = (
    _Source("totalseg", "totalseg/ct.nii.gz", "none", "totalseg/organs/liver.nii.gz"),
    _Source("stent", "stent", "portal"),
    _Source("partial", "partial", "none"),
)
"""Scans without a known calcification in the liver. Where no mask was drawn, spheres are placed in the liver
that the product finds, and its outline is not judged."""


def _folder() -> Path:
    """Return the folder of real scans.

    Raises
    ------
    UsageError
        If the environment names none that holds them.
    """
    named = os.environ.get(DATA_VARIABLE, "")
    folder = Path(named)
    if not named or not (folder / SOURCES[0].inputs).exists():
        raise UsageError(f"implants need real scans: name their folder in {DATA_VARIABLE}")
    return folder


@functools.lru_cache(maxsize=len(SOURCES))
def _load(source: _Source, folder: Path) -> Examination:
    """Return a real scan with nothing put in."""
    settings = Settings()
    decoded = decode(choose_series(open_study([folder / source.inputs], settings), settings).primary)
    volume = decoded.volume
    if source.liver:
        mask = read_mask(MaskSource(folder / source.liver), volume)
    else:
        liver = find_liver(volume, settings)
        mask = volume.pasted(liver.mask, liver.box)
    nothing = np.zeros(volume.hu.shape, np.int32)
    return Examination(
        volume, decoded.series.acquisition, mask, (), nothing, (), nothing, liver_known=bool(source.liver)
    )


def draw_implant(seed: int) -> DrawnStudy:
    """Return a real scan with spheres put into its liver; the seed picks scan, sizes and places."""
    source = SOURCES[seed % len(SOURCES)]
    clean = _load(source, _folder())
    acquisition, spacing = clean.acquisition, clean.volume.spacing_mm
    recipe = Recipe(
        count=SPHERES,
        blur_mm=kernel_blur_mm(acquisition.kernel),
        slice_thickness_mm=max(acquisition.slice_thickness_mm or spacing[0], spacing[0]),
        diameters_mm=SPHERE_MM,
        excesses_hu=SPHERE_EXCESS_HU,
        kinds=("sphere",),
    )

    def put(seed_of: int, wanted: Recipe) -> Examination:
        made = make_implant(clean.volume, clean.liver, seed_of, wanted)
        return replace(clean, volume=made.volume, truths=made.truth.foci, foci_map=made.foci)

    def add_spheres(_: Examination, diameter_mm: float, excess_hu: float) -> Examination:
        claimed = replace(
            recipe, count=CLAIM_SPHERES, diameters_mm=(diameter_mm,), excesses_hu=(excess_hu, excess_hu)
        )
        return put(seed + 1, claimed)

    return DrawnStudy(
        key=f"implants-{seed}",
        seed=seed,
        split=split_of(seed),
        kind="implants",
        phase=source.phase,
        scanner=MappingProxyType(
            {
                "slice_mm": recipe.slice_thickness_mm or spacing[0],
                "spacing_mm": spacing[0],
                "pixel_mm": spacing[1],
                "kernel": acquisition.kernel,
            }
        ),
        make=lambda _: put(seed, recipe),
        make_clean=lambda: clean,
        add_spheres=add_spheres,
        body=MappingProxyType({"scan": source.name}),
    )
