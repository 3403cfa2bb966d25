"""What is laid into the liver of a sonogram: cases, single shapes, mimics, and how often each is drawn."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType

import numpy as np

from hepalith.errors import UsageError
from hepalith.phantom.ultrasound import hosts, mimics
from hepalith.phantom.ultrasound.anatomy import ANECHOIC_DB, Anatomy, pick
from hepalith.phantom.ultrasound.ducts import lay_dilated_ducts, lay_hepatolithiasis
from hepalith.phantom.ultrasound.scene import DuctPlace, Reflector, Tissue
from hepalith.phantom.ultrasound.shape import Ellipse, Ring
from hepalith.phantom.ultrasound.simple import MORPHOLOGIES, calcified_body, gas_body

__all__ = ["SONO_CONTENTS", "draw_contents", "lay", "lay_extras", "list_sono_contents"]

Rng = np.random.Generator

Layer = Callable[[Anatomy, Rng], str]
"""Lays something into a plane and returns the diagnosis that it imitates, "" for none."""

SHAPES = ("pin", "equal_sign", "linear", "nodular")
"""Shapes of simple calcification, as the article draws them."""


def lay_simple(anatomy: Anatomy, rng: Rng) -> str:
    """Lay simple calcification: isolated or scattered dots and equal signs apart from ducts.

    Most are thin or chalky and shadow faintly or not at all; one picture in six holds dense ones.
    """
    dense = rng.random() < 1 / 6
    ids = []
    for _ in range(1 if rng.random() < 0.45 else int(rng.integers(2, 8))):
        spot = anatomy.find(rng, 6.5)
        if spot is None:
            break
        kind = str(rng.choice(SHAPES, p=(0.5, 0.22, 0.14, 0.14)))
        size = pick(rng, 2.5, 5.5) if kind == "nodular" else None
        density = pick(rng, 0.5, 1.0) if dense else pick(rng, 0.0, 0.45)
        place = DuctPlace("apart")
        if rng.random() < 0.12:
            _portal_section(anatomy, rng, spot)
            place = DuctPlace("along_portal_triad")
        body = calcified_body(rng, anatomy.next_id, *spot, size, morphology=kind, density=density, duct=place)
        anatomy.bodies.append(body)
        ids.append(body.id)
    anatomy.patterns.append(("scattered" if len(ids) > 1 else "solitary", tuple(ids)))
    return "simple_healed"


def _portal_section(anatomy: Anatomy, rng: Rng, spot: tuple[float, float]) -> None:
    """Lay a small portal vein's cross-section beside a spot."""
    turn, radius = pick(rng, 0, 2 * math.pi), pick(rng, 1.2, 2.2)
    oval = Ellipse(spot[0] + 4.2 * math.cos(turn), spot[1] + 4.2 * math.sin(turn), radius * 1.3, radius, turn)
    anatomy.tissues.append(Tissue("portal_vein", oval, ANECHOIC_DB, 0.15, 0.5))
    anatomy.reflectors.append(Reflector("portal_vein", Ring(oval, 0.9), pick(rng, 6, 12), 4.0, 0.3))


def lay_mixed(anatomy: Anatomy, rng: Rng) -> str:
    """Lay duct stones, and simple calcification apart from them: both pictures of the article in one."""
    diagnosis = lay_hepatolithiasis(anatomy, rng)
    lay_simple(anatomy, rng)
    anatomy.notes.append("simple calcification lies beside the duct stones")
    return diagnosis or "simple_healed"


LOOSE = 0.6
"""Share of the stones in such a duct that roll, and of such livers that hold stones rather than gas."""


def lay_loose(anatomy: Anatomy, rng: Rng) -> str:
    """Lay stones of which most are loose, or gas: what moves against the liver in a loop."""
    if rng.random() >= LOOSE:
        return mimics.lay_gas(anatomy, rng)
    first = len(anatomy.bodies)
    diagnosis = lay_hepatolithiasis(anatomy, rng)
    for number in range(first, len(anatomy.bodies)):
        how = "rolls" if number == first or rng.random() < LOOSE else ""
        anatomy.bodies[number] = replace(anatomy.bodies[number], moves=how)
    return diagnosis


CROWD, CROWD_MM = 9, (1.0, 12.0)
"""Most bodies of a crowded liver, and their sizes."""

CROWD_APART_MM, CROWD_BEHIND_MM, CROWD_GAS = 3.0, 28.0, 0.12
"""How far apart across the beams bodies lie that are less than so far behind one another, so that each has a
shadow of its own; the share of them that is gas."""


def lay_crowded(anatomy: Anatomy, rng: Rng) -> str:
    """Lay many bodies of every size, shape and density, each with its own place for a shadow.

    No liver looks so: it is to measure and to learn from.
    """
    placed: list[tuple[float, float, float]] = []
    radius = anatomy.probe.radius_mm if anatomy.probe.shape != "linear" else 0.0
    for _ in range(CROWD + 5):
        size = math.exp(pick(rng, *(math.log(v) for v in CROWD_MM)))
        spot = anatomy.find(rng, size / 2 + 3.5)
        if spot is None or len(placed) == CROWD:
            break
        deep = math.hypot(spot[0], spot[1] + radius) if radius else spot[1]
        turn = math.atan2(spot[0], spot[1] + radius) * deep if radius else spot[0]
        if any(
            abs(turn - other) < (size + wide) / 2 + CROWD_APART_MM and abs(deep - down) < CROWD_BEHIND_MM
            for other, down, wide in placed
        ):
            continue
        placed.append((turn, deep, size))
        if rng.random() < CROWD_GAS:
            body = gas_body(rng, anatomy.next_id, *spot, max(size, 2.0))
        else:
            pin = size < 2.5 and rng.random() < 0.7
            body = calcified_body(
                rng,
                anatomy.next_id,
                *spot,
                size,
                morphology="pin" if pin else None,
                density=pick(rng, 0, 1) if rng.random() < 0.8 else 0.0,
            )
        anatomy.bodies.append(body)
    anatomy.patterns.append(("scattered", tuple(body.id for body in anatomy.bodies)))
    return ""


def lay_nothing(anatomy: Anatomy, rng: Rng) -> str:
    """Lay nothing: an ordinary liver."""
    del anatomy, rng
    return ""


def _shape_layer(name: str) -> Layer:
    """Return what lays one or two calcified bodies of a shape."""

    def lay_shape(anatomy: Anatomy, rng: Rng) -> str:
        ids = []
        for _ in range(int(rng.integers(1, 3))):
            size = pick(rng, *MORPHOLOGIES[name][1])
            spot = anatomy.find(rng, size / 2 + 5)
            if spot is not None:
                anatomy.bodies.append(calcified_body(rng, anatomy.next_id, *spot, size, morphology=name))
                ids.append(anatomy.next_id - 1)
        anatomy.patterns.append(("scattered" if len(ids) > 1 else "solitary", tuple(ids)))
        return ""

    return lay_shape


SONO_CONTENTS: Mapping[str, tuple[Layer, float]] = MappingProxyType(
    {
        "case:hepatolithiasis": (lay_hepatolithiasis, 18),
        "case:simple_healed": (lay_simple, 20),
        "case:metastasis_crc": (hosts.lay_metastasis, 5),
        "case:ce_inactive_CE4_5": (hosts.lay_hydatid_calcified, 4),
        "case:schisto_japonica": (hosts.lay_schistosomiasis, 3),
        "case:tb_hepatic": (hosts.lay_tuberculosis, 3),
        "case:abscess_scar": (hosts.lay_abscess_scar, 3),
        "case:normal": (lay_nothing, 12),
        "case:haemangioma": (hosts.lay_haemangioma, 3),
        "case:hcc": (hosts.lay_hcc, 2),
        "case:cyst": (hosts.lay_cyst, 3),
        "case:ce_active_CE1_3": (hosts.lay_hydatid_active, 2),
        "case:abscess": (hosts.lay_abscess, 1),
        "case:dilated_ducts": (lay_dilated_ducts, 2),
        "case:pneumobilia_mimic": (mimics.lay_gas, 4),
        "case:portal_vein_calc": (mimics.lay_portal_calcification, 1),
        **{f"morphology:{name}": (_shape_layer(name), 1.3) for name in MORPHOLOGIES},
        "mimic:gas": (mimics.lay_gas, 0.5),
        "mimic:ligament": (mimics.lay_ligament, 1),
        "mimic:gallbladder": (mimics.lay_gallbladder, 0.5),
        "mimic:gallstone": (mimics.lay_stone_in_gallbladder, 1),
        "mimic:stent": (mimics.lay_stent, 1),
        "mimic:reverberation": (mimics.lay_reverberation, 0.5),
        "mimic:rib": (mimics.lay_rib, 0.5),
        "mimic:bowel_gas": (mimics.lay_bowel_gas, 0.5),
        "mimic:kidney": (mimics.lay_kidney, 0.5),
        "case:mixed": (lay_mixed, 0.0),
        "case:crowded": (lay_crowded, 0.0),
        "case:loose": (lay_loose, 0.0),
    }
)
"""What can be laid into a liver, what lays it, and its share of pictures in percent (0: only by name).

About a third hold no focus. Our judgement: a yardstick, not a prevalence."""

EXTRAS: Mapping[str, float] = MappingProxyType(
    {
        "mimic:kidney": 0.16,
        "mimic:gallbladder": 0.1,
        "mimic:gallstone": 0.04,
        "mimic:rib": 0.1,
        "mimic:bowel_gas": 0.12,
        "mimic:ligament": 0.06,
        "mimic:reverberation": 0.05,
        "mimic:gas": 0.02,
    }
)
"""What may lie in any picture besides, and how often. Our judgement."""


def list_sono_contents() -> tuple[str, ...]:
    """Return everything that can be laid into the liver of a sonogram."""
    return tuple(SONO_CONTENTS)


def draw_contents(rng: Rng) -> str:
    """Draw what a picture holds."""
    names = tuple(SONO_CONTENTS)
    shares = np.array([SONO_CONTENTS[name][1] for name in names])
    return str(rng.choice(names, p=shares / shares.sum()))


def lay(name: str, anatomy: Anatomy, rng: Rng) -> str:
    """Lay what `name` says into the liver; return the diagnosis imitated.

    Raises
    ------
    UsageError
        If nothing is called so.
    """
    if name not in SONO_CONTENTS:
        raise UsageError(
            f"contents {name!r} are not known for ultrasound: choose one of {', '.join(SONO_CONTENTS)}"
        )
    return SONO_CONTENTS[name][0](anatomy, rng)


def lay_extras(name: str, anatomy: Anatomy, rng: Rng) -> None:
    """Lay neighbours and mimics that any picture may hold besides what was asked for."""
    bladder = "gallbladder" in name or "gallstone" in name
    for extra, share in EXTRAS.items():
        if extra == name or rng.random() >= share:
            continue
        if "gall" in extra:
            if bladder:
                continue
            bladder = True
        SONO_CONTENTS[extra][0](anatomy, rng)
