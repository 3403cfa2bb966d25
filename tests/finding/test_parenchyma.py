"""The liver as a whole: fat shows by its HU and beside the spleen, size by volume."""

from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pytest

from hepalith.anatomy.coarse import Coarse
from hepalith.anatomy.depth import Depth
from hepalith.anatomy.liver import Liver, Phase
from hepalith.anatomy.neighbours import NAMES, Neighbours
from hepalith.finding.finding import Finding
from hepalith.finding.parenchyma import describe_parenchyma
from hepalith.geometry import Box, Grid
from hepalith.image.volume import Volume
from hepalith.vocabulary import Measurement, State

SHAPE = (20, 30, 40)
PLAIN, PORTAL = Phase("none", 0.95), Phase("portal", 0.95)


def liver() -> Liver:
    mask = np.ones(SHAPE, dtype=np.bool_)
    mask[:, :, 20:] = False
    return Liver(
        box=Box((0, 0, 0), SHAPE),
        mask=mask,
        lobes=np.ones(SHAPE, dtype=np.uint8),
        depth_mm=Depth.of(np.full(SHAPE, 20, dtype=np.float32)),
        source="given",
        volume=Measurement(1500, "mL", 1450, 1550),
        in_view=1.0,
        quality=0.9,
    )


def told(
    liver_hu: float, spleen_hu: float | None = None, phase: Phase = PLAIN, **changed: object
) -> dict[str, Finding]:
    hu = np.full(SHAPE, liver_hu, dtype=np.float32)
    labels = np.full(SHAPE, NAMES.index("liver"), dtype=np.uint8)
    held = {"liver": 300.0}
    if spleen_hu is not None:
        hu[:, :, 25:] = spleen_hu
        labels[:, :, 25:] = NAMES.index("spleen")
        held["spleen"] = 200.0
    affine = np.diag([0.0, 0.0, 0.0, 1.0])
    affine[2, 0] = affine[1, 1] = affine[0, 2] = 3.0
    volume = Volume(hu.astype(np.int16), Grid(SHAPE, affine))
    neighbours = Neighbours(
        Coarse(hu, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),
        labels,
        volume.grid,
        True,
        MappingProxyType(held),
        frozenset(),
    )
    found = describe_parenchyma(volume, replace(liver(), **changed), phase, neighbours)  # type: ignore[arg-type]
    return {f.id: f for f in found}


def probability(finding: Finding) -> float:
    assert finding.probability is not None
    return finding.probability


@pytest.mark.parametrize(
    ("liver_hu", "fat", "dense"), [(15, True, False), (56, False, False), (92, False, True)]
)
def test_fat_and_density_follow_the_unenhanced_liver(liver_hu: float, fat: bool, dense: bool) -> None:
    findings = told(liver_hu)
    assert (findings["steatosis"].state is State.PRESENT) == fat
    assert (findings["dense_parenchyma"].state is State.PRESENT) == dense


def test_a_liver_far_below_the_spleen_is_fattier_than_its_own_density_says() -> None:
    alone = probability(told(42)["steatosis"])
    assert probability(told(42, 60)["steatosis"]) > alone
    assert probability(told(38, 40)["steatosis"]) < probability(told(38)["steatosis"])


def test_a_spleen_that_is_none_by_its_density_does_not_count() -> None:
    assert probability(told(42, 95)["steatosis"]) == probability(told(42)["steatosis"])


def test_contrast_hides_fat_and_density() -> None:
    findings = told(20, phase=PORTAL)
    for name in ("steatosis", "dense_parenchyma"):
        assert findings[name].state is State.NOT_ASSESSABLE
        assert "unenhanced" in (findings[name].reason or "")


def test_size_is_judged_of_a_whole_liver_only() -> None:
    assert told(56, volume=Measurement(2600, "mL", 2500, 2700))["hepatomegaly"].state is State.PRESENT
    assert told(56, volume=Measurement(700, "mL", 650, 750))["small_liver"].state is State.PRESENT
    cut = told(56, in_view=0.6)
    assert cut["hepatomegaly"].state is State.NOT_ASSESSABLE
    assert cut["small_liver"].state is State.NOT_ASSESSABLE
