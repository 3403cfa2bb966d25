"""Bright foci on real stills: the two that were seen by eye, and how much is called where none was."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hepalith.anatomy.ultrasound.sonogram import map_sonogram
from hepalith.calcification.echo import Echo
from hepalith.calcification.ultrasound.find import find_echoes
from hepalith.image.cine import Cine
from hepalith.image.picture import find_pictures

FALSE_A_STILL = 0.5
"""The issue's bound on foci called where none is."""


def counted(path: Path) -> list[Echo]:
    """Return the foci counted on a still."""
    with Image.open(path) as image:
        cine = Cine(np.asarray(image.convert("L"))[None], name=path.name)
    found = []
    for picture in find_pictures(cine):
        levels = picture.levels(0)
        found += find_echoes(levels, picture, map_sonogram(levels, picture)).echoes
    return [e for e in found if e.is_counted]


@pytest.mark.parametrize(("name", "place"), [("127", (325, 299)), ("132", (386, 268))])
def test_bright_foci_without_shadow_are_found_and_not_called_calcification(
    shared_data: Path, name: str, place: tuple[int, int]
) -> None:
    found = counted(shared_data / "us_liver" / "benign" / f"{name}.jpg")
    here = [e for e in found if math.dist(e.observation.centroid_px, place) < 8]
    assert [e.label for e in here] == ["echogenic_focus"]
    assert here[0].shadow.grade not in {"clean", "dirty"}


@pytest.mark.slow
def test_ordinary_livers_show_few_foci(shared_data: Path) -> None:
    stills = sorted((shared_data / "us_liver").glob("*/*.jpg"))
    others = [path for path in stills if path.stem not in {"127", "132"}]
    calls = [len(counted(path)) for path in others]
    assert sum(calls) / len(calls) <= FALSE_A_STILL, dict(zip((p.stem for p in others), calls, strict=True))
