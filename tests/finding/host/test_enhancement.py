"""How a lesion enhances follows from its HU over the phases, against the liver's."""

from __future__ import annotations

from types import MappingProxyType

import numpy as np
import pytest
from numpy.typing import NDArray

from hepalith.anatomy.depth import Depth
from hepalith.anatomy.liver import Liver, Phase
from hepalith.anatomy.phases import PhaseImage
from hepalith.calcification.focus import Detectability, Foci
from hepalith.finding.host.enhancement import Level, follow_hosts, over_phases
from hepalith.finding.host.host import Host, Hosts
from hepalith.geometry import Box, Grid
from hepalith.image.volume import Volume
from hepalith.study.acquisition import Series
from hepalith.vocabulary import Measurement, NotAssessable

SHAPE = (24, 40, 40)
LIVER_HU = {"none": 55, "arterial": 70, "portal": 110, "delayed": 95}


def levels(**lesion: float) -> list[Level]:
    return [Level(phase, hu, LIVER_HU[phase]) for phase, hu in lesion.items()]


@pytest.mark.parametrize(
    ("lesion", "course"),
    [
        ({"none": 40, "arterial": 110, "portal": 90, "delayed": 70}, "arterial_washout"),
        ({"none": 40, "arterial": 110, "portal": 130, "delayed": 115}, "arterial"),
        ({"none": 40, "arterial": 55, "portal": 85, "delayed": 120}, "delayed"),
        ({"none": 40, "arterial": 41, "portal": 43, "delayed": 42}, "none"),
        ({"none": 10, "portal": 12}, "none"),
        ({"arterial": 120, "delayed": 60}, "arterial_washout"),
    ],
)
def test_the_course_over_the_phases_is_told(lesion: dict[str, float], course: str) -> None:
    found = over_phases(levels(**lesion))
    assert max(found, key=lambda name: found[name]) == course
    assert sum(found.values()) == pytest.approx(1.0)


def test_one_phase_tells_no_course() -> None:
    assert over_phases(levels(arterial=120)) == {}


def test_a_lesion_that_fits_no_course_is_given_none() -> None:
    assert over_phases(levels(none=40, portal=80)) == {}  # it enhances, less than the liver, in one phase


def ball() -> NDArray[np.bool_]:
    k, j, i = np.indices(SHAPE)
    return np.asarray(((k - 12) * 2) ** 2 + (j - 20) ** 2 + (i - 20) ** 2 < 81)


def image(phase: str, lesion_hu: float) -> NDArray[np.int16]:
    noise = np.random.default_rng(len(phase)).normal(0, 8, SHAPE)
    return np.rint(np.where(ball(), lesion_hu, LIVER_HU[phase]) + noise).astype(np.int16)


def test_a_lesion_seen_without_contrast_is_followed_into_the_other_phases() -> None:
    box = Box((0, 0, 0), SHAPE)
    affine = np.zeros((4, 4))
    affine[0, 2], affine[1, 1], affine[2, 0], affine[3, 3] = 1.0, 1.0, 2.0, 1.0
    volume = Volume(image("none", 40), Grid(SHAPE, affine))
    liver = Liver(
        box, np.ones(SHAPE, bool), np.ones(SHAPE, np.uint8),
        Depth.of(np.full(SHAPE, 30, np.float32)), "given", Measurement(100.0, "mL"), 1.0, 1.0,
    )  # fmt: skip
    size = Measurement(18.0, "mm", 16.0, 20.0)
    nothing = MappingProxyType[str, float]({})
    solid = MappingProxyType({"solid": 1.0})
    host = Host(1, "solid", solid, 0.9, size, "central", (), "", nothing, nothing, (20.0, 20.0, 24.0), 40.0)
    hosts = Hosts((host,), MappingProxyType({}), (), box, ball().astype(np.uint8))
    foci = Foci((), box, np.zeros(SHAPE, np.int32), Detectability(NotAssessable("none"), 250.0, ""))
    others = [
        PhaseImage(Series(p, "CT"), SHAPE, (2.0, 1.0, 1.0), Phase(p, 0.95), box, image(p, hu), agreement, 1.0)
        for p, hu, agreement in (("arterial", 115, 0.9), ("portal", 80, 0.9), ("delayed", 200, 0.1))
    ]
    followed = follow_hosts(hosts, foci, volume, liver, Phase("none", 0.95), others=others)
    assert followed.hosts[0].enhancement == "arterial_washout"  # the badly laid delayed phase does not count
    assert follow_hosts(hosts, foci, volume, liver, Phase("none", 0.95), others=()) is hosts
