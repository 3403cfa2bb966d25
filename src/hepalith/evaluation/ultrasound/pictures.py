"""The sets of sonograms that are measured: phantoms, loops, and foci put into real stills."""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np
from PIL import Image

from hepalith.errors import UsageError
from hepalith.image.cine import Cine
from hepalith.image.picture import find_pictures
from hepalith.phantom.ultrasound.entry import SonoPhantom
from hepalith.phantom.ultrasound.implant import StillRecipe, implant_into_still
from hepalith.phantom.ultrasound.make import make_sonogram

__all__ = ["SONO_SETS", "SonoPlan", "Still", "shared_stills", "sono_plan_of"]

DATA_VARIABLE = "HEPALITH_TEST_DATA"
"""Environment variable that names the folder of shared pictures."""

LOOP_FRAMES = 30
"""Frames of a loop: one and a half seconds at 20 a second, part of a breath."""


@dataclass(frozen=True, slots=True, eq=False)
class Still:
    """A real still: its name (kind/number), grey levels, and the liver's outline where one was drawn."""

    name: str
    cine: Cine
    liver_px: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class SonoPlan:
    """A set: how a seed's sonogram is made and what it is called, and how many there are by default."""

    name: str
    count: int
    make: Callable[[int], tuple[SonoPhantom, str]]


def shared_stills() -> tuple[Still, ...]:
    """Return the shared real stills, by name.

    Raises
    ------
    UsageError
        If the folder is not there.
    """
    named = os.environ.get(DATA_VARIABLE)
    data = Path(named) if named else Path(__file__).resolve().parents[5] / "shared" / "data"
    return _stills_in(data / "us_liver")


@functools.cache
def _stills_in(folder: Path) -> tuple[Still, ...]:
    """Return the stills of a folder."""
    paths = sorted(folder.glob("*/*.jpg"))
    if not paths:
        raise UsageError(f"no real stills here: set {DATA_VARIABLE} to the folder that holds us_liver")
    return tuple(_load(path) for path in paths)


def _load(path: Path) -> Still:
    """Return one still."""
    with Image.open(path) as picture:
        grey = np.asarray(picture.convert("L"), dtype=np.uint8)
    drawn = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    name = f"{path.parent.name}/{path.stem}"
    points = tuple((float(x), float(y)) for x, y in drawn.get("liver") or ())
    return Still(name, Cine(grey[None], name=path.name), points)


def make_phantom(seed: int) -> tuple[SonoPhantom, str]:
    """Return a phantom still."""
    phantom = make_sonogram(seed)
    return phantom, phantom.truth.contents


def make_loop(seed: int) -> tuple[SonoPhantom, str]:
    """Return a phantom loop."""
    phantom = make_sonogram(seed, frames=LOOP_FRAMES)
    return phantom, phantom.truth.contents


def make_moving_loop(seed: int) -> tuple[SonoPhantom, str]:
    """Return a phantom loop in which loose stones roll or gas wanders: few as drawn hold either."""
    phantom = make_sonogram(seed, contents="case:loose", frames=LOOP_FRAMES)
    return phantom, phantom.truth.contents


def make_still_implant(seed: int, *, count: int | None = None) -> tuple[SonoPhantom, str]:
    """Return a real still with foci put in, or none; stills take turns.

    Of a still without an outline of the liver the middle of the picture is taken.
    """
    stills = shared_stills()
    still = stills[seed % len(stills)]
    pictures = find_pictures(still.cine)
    if not pictures:
        raise UsageError(f"no picture is found in still {still.name}")
    region: tuple[tuple[float, float], ...] | np.ndarray[tuple[int, int], np.dtype[np.bool_]] = still.liver_px
    if len(still.liver_px) < 3:
        grid = pictures[0].grid
        deep = np.linspace(0, 1, grid.shape[0])[:, None]
        wide = np.abs(np.linspace(-1, 1, grid.shape[1]))[None]
        middle = (deep > 0.2) & (deep < 0.75) & (wide < 0.7)
        region = np.asarray(pictures[0].to_screen(middle), dtype=bool)
    recipe = None if count is None else StillRecipe(count=count)
    made = implant_into_still(still.cine, pictures[0].sector, region, seed, recipe=recipe)
    return made, still.name


def make_bare_still(seed: int) -> tuple[SonoPhantom, str]:
    """Return a real still as it is."""
    return make_still_implant(seed, count=0)


SONO_SETS: Mapping[str, SonoPlan] = MappingProxyType(
    {
        plan.name: plan
        for plan in (
            SonoPlan("phantoms", 300, make_phantom),
            SonoPlan("loops", 40, make_loop),
            SonoPlan("moving", 20, make_moving_loop),
            SonoPlan("implants", 120, make_still_implant),
            SonoPlan("stills", 30, make_bare_still),
        )
    }
)
"""Every set by name. `implants` and `stills` need the shared pictures."""


def sono_plan_of(name: str) -> SonoPlan:
    """Return a set by name.

    Raises
    ------
    UsageError
        If there is none of that name.
    """
    if name not in SONO_SETS:
        raise UsageError(f"no set of ultrasound is called {name!r}: choose one of {', '.join(SONO_SETS)}")
    return SONO_SETS[name]
