"""Around the liver: calcium is called where it is, and nothing is called absent that was not in view."""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest
from numpy.typing import NDArray

from hepalith.anatomy.coarse import Coarse
from hepalith.anatomy.find import find_liver
from hepalith.anatomy.liver import Phase
from hepalith.anatomy.neighbours import NAMES, Neighbours, find_neighbours
from hepalith.finding.around import describe_around
from hepalith.finding.finding import Finding
from hepalith.geometry import Grid
from hepalith.image.decode import decode
from hepalith.image.volume import Volume
from hepalith.settings import Settings
from hepalith.study.choice import choose_series
from hepalith.study.open import open_study
from hepalith.vocabulary import Measurement, State

STEP = 2
SHAPE = (80, 100, 120)  # at 1.5 mm: 120 x 150 x 180 mm
COARSE = tuple(n // STEP for n in SHAPE)
PLAIN, PORTAL, ARTERIAL = Phase("none", 0.99), Phase("portal", 0.95), Phase("arterial", 0.95)
ORGANS = {
    "spleen": ((12, 14, 42), (30, 36, 56)),
    "kidney_left": ((8, 38, 42), (24, 47, 50)),
    "kidney_right": ((8, 38, 10), (24, 47, 18)),
    "lung": ((32, 4, 4), (38, 44, 56)),
    "bowel": ((4, 4, 12), (12, 20, 36)),
    "aorta": ((2, 40, 28), (38, 45, 33)),
}
HU = {"spleen": 48, "kidney_left": 32, "kidney_right": 32, "lung": -850, "bowel": 35, "aorta": 42}


def labels() -> NDArray[np.uint8]:
    """Return organs that are cuboids in fat, at 3 mm."""
    made = np.full(COARSE, NAMES.index("fat"), dtype=np.uint8)
    for name, (start, stop) in ORGANS.items():
        made[tuple(slice(a, b) for a, b in zip(start, stop, strict=True))] = NAMES.index(name)
    return made


def scan(phase: Phase = PLAIN, noise_hu: float = 12.0) -> NDArray[np.float32]:
    made = labels()
    hu = np.full(COARSE, -100.0, dtype=np.float32)
    for name, value in HU.items():
        enhanced = {"none": 0, "portal": 100, "arterial": 90}[phase.label] * (name not in ("lung", "bowel"))
        hu[made == NAMES.index(name)] = value + enhanced * (2.4 if name == "aorta" else 1)
    fine = hu.repeat(STEP, 0).repeat(STEP, 1).repeat(STEP, 2)
    return fine + np.random.default_rng(3).normal(0, noise_hu, SHAPE).astype(np.float32)


def put(hu: NDArray[np.float32], at: tuple[int, int, int], radius_mm: float, value: float) -> None:
    """Lay a ball of one HU into a scan, its middle at a coarse voxel."""
    middle = [a * STEP + STEP / 2 for a in at]
    k, j, i = np.ogrid[tuple(slice(n) for n in SHAPE)]
    hu[sum((a - m) ** 2 for a, m in zip((k, j, i), middle, strict=True)) < (radius_mm / 1.5) ** 2] = value


def told(hu: NDArray[np.float32], phase: Phase = PLAIN, **changed: object) -> dict[str, Finding]:
    affine = np.diag([0.0, 0.0, 0.0, 1.0])
    affine[2, 0] = affine[1, 1] = affine[0, 2] = 1.5
    volume = Volume(np.rint(hu).astype(np.int16), Grid(SHAPE, affine))
    first = (STEP - 1) / 2
    coarse = Coarse(
        hu.reshape(COARSE[0], STEP, COARSE[1], STEP, COARSE[2], STEP).mean(axis=(1, 3, 5)),
        (first, first, first),
        (STEP, STEP, STEP),
    )
    made = labels()
    held = {n: float((made == k).sum()) * 0.027 for k, n in enumerate(NAMES) if (made == k).any()}
    held |= changed.pop("volume_ml", {})  # type: ignore[arg-type]
    plain: dict[str, object] = {"asked": True, "cut": frozenset()}
    neighbours = Neighbours(
        coarse,
        made,
        volume.grid,
        volume_ml=MappingProxyType(held),
        **(plain | changed),  # type: ignore[arg-type]
    )
    liver = None  # nothing around the liver is read from the liver itself
    return {f.id: f for f in describe_around(volume, liver, neighbours, phase)}  # type: ignore[arg-type]


def test_healthy_organs_hold_no_calcium() -> None:
    findings = told(scan())
    for name in ("spleen_calcium", "kidney_calcium", "adrenal_calcium", "splenomegaly", "ascites"):
        assert findings[name].state is State.ABSENT, name


@pytest.mark.parametrize("phase", [PLAIN, PORTAL, ARTERIAL])
def test_a_granuloma_of_the_spleen_is_found_in_every_phase(phase: Phase) -> None:
    hu = scan(phase)
    put(hu, (20, 25, 49), 2.0, 600)
    found = told(hu, phase)["spleen_calcium"]
    assert found.state is State.PRESENT
    assert found.probability is not None
    assert found.probability > 0.9


def test_a_vein_of_the_spleen_as_bright_as_the_aorta_is_no_calcium() -> None:
    hu = scan(PORTAL)
    put(hu, (20, 25, 49), 3.0, 42 + 240)
    assert told(hu, PORTAL)["spleen_calcium"].state is State.ABSENT


def test_a_rib_against_the_spleen_is_no_calcium_of_it() -> None:
    hu = scan()
    put(hu, (20, 25, 57), 6.0, 500)
    assert told(hu)["spleen_calcium"].state is State.ABSENT


def test_of_a_spleen_that_is_cut_nothing_is_called_absent() -> None:
    findings = told(scan(), cut=frozenset({"spleen"}))
    for name in ("spleen_calcium", "splenomegaly"):
        assert findings[name].state is State.NOT_ASSESSABLE
        assert "in view" in (findings[name].reason or "")
    hu = scan()
    put(hu, (20, 25, 49), 2.0, 600)
    assert told(hu, cut=frozenset({"spleen"}))["spleen_calcium"].state is State.PRESENT


def test_an_organ_that_was_not_seen_makes_its_findings_not_assessable() -> None:
    findings = told(scan(), volume_ml={"spleen": 0.0, "kidney_left": 0.0, "kidney_right": 0.0})
    for name in ("spleen_calcium", "splenomegaly", "kidney_calcium", "adrenal_calcium"):
        assert findings[name].state is State.NOT_ASSESSABLE
    assert "spleen" in (findings["spleen_calcium"].reason or "")


def test_a_large_spleen_is_called_so_with_its_volume() -> None:
    found = told(scan(), volume_ml={"spleen": 500.0})["splenomegaly"]
    assert found.state is State.PRESENT
    assert isinstance(found.value, Measurement)
    assert found.value.value == 500.0


def test_a_stone_of_the_kidney_is_calcium_and_a_filled_pelvis_is_not_assessable() -> None:
    hu = scan()
    put(hu, (16, 42, 46), 2.5, 700)
    assert told(hu)["kidney_calcium"].state is State.PRESENT
    hu = scan(PORTAL)
    put(hu, (16, 42, 46), 6.0, 700)
    found = told(hu, PORTAL)["kidney_calcium"]
    assert found.state is State.NOT_ASSESSABLE
    assert "excreted" in (found.reason or "")
    assert told(hu, Phase("delayed", 0.9))["kidney_calcium"].state is State.NOT_ASSESSABLE


def test_a_nodule_of_the_lung_is_a_granuloma_and_a_vessel_is_not() -> None:
    hu = scan()
    put(hu, (35, 20, 30), 3.0, 450)
    assert told(hu)["lung_granuloma"].state is State.PRESENT
    hu = scan()
    hu[69:71, 30:70, 59:61] = 450
    assert told(hu)["lung_granuloma"].state is State.NOT_ASSESSABLE


def test_bases_of_the_lungs_without_a_granuloma_do_not_clear_the_lungs() -> None:
    assert told(scan())["lung_granuloma"].state is State.NOT_ASSESSABLE
    assert told(scan(), volume_ml={"lung": 4000.0})["lung_granuloma"].state is State.ABSENT
    assert told(scan(), volume_ml={"lung": 4000.0})["active_lung_tb"].state is State.NOT_ASSESSABLE


def test_calcium_of_an_adrenal_is_found_above_the_kidney() -> None:
    hu = scan()
    put(hu, (25, 39, 40), 3.0, 400)
    assert told(hu)["adrenal_calcium"].state is State.PRESENT


def test_contrast_in_the_gut_hides_its_wall() -> None:
    hu = scan()
    put(hu, (8, 12, 24), 12.0, 400)
    found = told(hu)["colon_wall_calcium"]
    assert found.state is State.NOT_ASSESSABLE
    assert "hides" in (found.reason or "")


def test_a_plate_in_the_wall_of_the_gut_is_called_with_caution() -> None:
    hu = scan()
    hu[10:20, 8:10, 40:55] = 350
    found = told(hu)["colon_wall_calcium"]
    assert found.state is State.PRESENT
    assert found.probability is not None
    assert found.probability <= 0.7


def test_ascites_follows_from_the_pools_that_were_seen() -> None:
    assert told(scan(), volume_ml={"fluid": 200.0})["ascites"].state is State.PRESENT
    assert told(scan(), volume_ml={"fluid": 5.0})["ascites"].state is State.ABSENT
    assert told(scan(), asked=False)["ascites"].state is State.NOT_ASSESSABLE


@pytest.mark.real
@pytest.mark.slow
def test_the_stones_of_a_real_scan_are_found(shared_data: Path) -> None:
    settings = Settings()
    series = choose_series(open_study([shared_data / "totalseg" / "ct.nii.gz"], settings), settings)
    volume = decode(series.primary).volume
    liver = find_liver(volume, settings)
    findings = {f.id: f for f in describe_around(volume, liver, find_neighbours(volume, liver), PLAIN)}
    assert findings["kidney_calcium"].state is State.PRESENT
    assert findings["spleen_calcium"].state is not State.PRESENT
    assert findings["adrenal_calcium"].state is not State.PRESENT
    assert findings["ascites"].state is State.ABSENT
