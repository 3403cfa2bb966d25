"""The trunk of one phantom, from chest to pelvis: every organ in painting order, varied by a seed.

Patient space is LPS in mm: the patient's right is -x, the back +y, the head +z; in an ordinary adult
the dome of the liver lies near z = 78 and its lower tip near z = -90. Sizes and places are those of
routine CT by our judgement; how they vary is `Variation`'s to say.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from hepalith.phantom.body.body_wall import make_couch, make_muscles_within, make_wall
from hepalith.phantom.body.chest import make_chest
from hepalith.phantom.body.contrast import PLAIN, Tissues, make_tissues
from hepalith.phantom.body.gut import make_gut
from hepalith.phantom.body.liver import LiverModel, make_liver
from hepalith.phantom.body.organs import make_kidneys, make_pancreas, make_spleen, make_vessels
from hepalith.phantom.body.pose import (
    Pose,
    lowest_y,
    make_pose,
    posed,
    posed_body,
    scaled_oval,
    turned_liver,
)
from hepalith.phantom.body.skeleton import make_cage, make_skeleton
from hepalith.phantom.body.trunk import Build, Chance, Trunk, make_build
from hepalith.phantom.body.variation import Variation
from hepalith.phantom.scene import Body
from hepalith.phantom.shape.shape import Common, Cut, Grown, Point, Shape

__all__ = ["LIVER_HU", "Abdomen", "make_abdomen"]

LIVER_HU = PLAIN["liver"][0]
"""The middle of healthy livers without contrast."""

LIVER_GAP_MM = 2.0
"""What lies between the liver and a neighbour that presses on it: capsule, and a film of fat."""


PERIRENAL_FAT_MM = 5.0
"""Fat around the kidneys of an obese patient, on the side of the liver."""


@dataclass(frozen=True, slots=True, eq=False)
class Abdomen:
    """The bodies of an abdomen in painting order, and what later stages of the phantom stand on.

    Parameters
    ----------
    bodies
        Painted one over another.
    liver
        The liver, its vessels, ducts, segments and gallbladder.
    variation
        What the patient and the examination are like.
    tissues
        HU of every tissue.
    organs
        Surfaces by name: body (the skin), liver, gallbladder, spleen, right_kidney, left_kidney,
        stomach, colon, aorta, vena_cava, heart; what is absent is left out.
    rib_contacts
        Where ribs touch the liver's edge; empty where the liver lies too deep.
    """

    bodies: tuple[Body, ...]
    liver: LiverModel
    variation: Variation
    tissues: Tissues
    organs: Mapping[str, Shape]
    rib_contacts: tuple[Point, ...]


def _liver_bodies(liver: LiverModel, tissues: Tissues) -> tuple[Body, ...]:
    """Return the liver with its vessels and ducts, and the gallbladder."""
    bodies = [Body(liver.shape, tissues["liver"], "liver", mottle_hu=1.2)]
    trees = ((liver.hepatic, "hepatic_vein"), (liver.ducts, "bile"), (liver.portal, "portal_vein"),
             (liver.artery, "hepatic_artery"))  # fmt: skip
    for tree, tissue in trees:
        for branch, tube in zip(tree.branches, tree.tubes(), strict=True):
            outside = "portal_vein" if tissue == "portal_vein" and branch.parent < 0 else ""
            bodies.append(Body(tube, tissues[tissue], outside))
    if liver.gallbladder is not None:
        bodies += [
            Body(liver.gallbladder, tissues["gallbladder_wall"], "gallbladder"),
            Body(Grown(liver.gallbladder, -1.5), tissues["bile"], "gallbladder"),
        ]
    return tuple(bodies)


@dataclass(frozen=True, slots=True)
class _Parts:
    """Everything but the liver, upright and at scale 1; `before` is painted before the liver."""

    before: tuple[Body, ...]
    after: tuple[Body, ...]
    below_diaphragm: Shape
    pressing: tuple[Shape, ...]
    surfaces: Mapping[str, Shape | None]
    skin: Trunk


def _make_parts(build: Build, tissues: Tissues, chance: Chance) -> _Parts:
    """Return the neighbours of the liver, and all else."""
    wall, skin = make_wall(build, tissues, chance)
    chest = make_chest(build, tissues, chance)
    bones = make_skeleton(build, tissues, chance)
    muscles = make_muscles_within(build, tissues, chance)
    right, left = make_kidneys(build, tissues, chance)
    vessels = make_vessels(build, (right, left), tissues, chance)
    gut = make_gut(build, chest.space, tissues, chance)
    beside = (Grown(gut.stomach, 3.0), *((Grown(left.surface, 3.0),) if left else ()))
    spleen, spleen_bodies = make_spleen(build, chest.space, beside, tissues, chance)
    kidneys = tuple(k for k in (right, left) if k)
    perirenal = LIVER_GAP_MM + PERIRENAL_FAT_MM * build.variation.visceral_fat
    pressing = (
        Grown(vessels.cava, 0.5),
        *(Grown(s, LIVER_GAP_MM) for s in (gut.stomach, gut.flexure, spleen) if s is not None),
        *(Grown(k.surface, perirenal) for k in kidneys),
    )
    solid = (*(b for k in kidneys for b in k.bodies), *make_pancreas(build, tissues, chance), *spleen_bodies)
    return _Parts(
        before=(*wall, *chest.bodies, *muscles, *bones.spine, *bones.pelvis, *gut.bodies, *solid),
        after=vessels.bodies,
        below_diaphragm=chest.space,
        pressing=pressing,
        surfaces={
            "body": skin,
            "spleen": spleen,
            "right_kidney": right.surface if right else None,
            "left_kidney": left.surface if left else None,
            "stomach": gut.stomach,
            "colon": gut.flexure,
            "aorta": vessels.aorta,
            "vena_cava": vessels.cava,
            "heart": chest.heart,
        },
        skin=skin,
    )


def make_abdomen(
    random: np.random.Generator,
    variation: Variation | None = None,
    iodine_gain: float = 1.0,
    *,
    vessels: bool = True,
) -> Abdomen:
    """Return the trunk of a patient.

    Parameters
    ----------
    random
        Draws what the variation leaves open: each organ's place and shape.
    variation
        The patient and the examination; an ordinary adult without contrast unless given.
    iodine_gain
        Enhancement at the scanner's tube voltage over that at 120 kVp.
    vessels
        Whether vessels and ducts grow in the liver; a coarse map does without.
    """
    variation = variation or Variation()
    chance = Chance(random, variation.jitter)
    tissues = make_tissues(variation, random, iodine_gain)
    build, pose = make_build(variation, chance), make_pose(variation)
    parts = _make_parts(build, tissues, chance)
    upright = Pose(pose.scale)
    space = posed(Cut(parts.below_diaphragm, parts.pressing, rounding_mm=8.0), upright)
    cavity = scaled_oval(build.oval, pose.scale)
    liver = turned_liver(make_liver(variation, random, space, cavity, vessels=vessels), pose)
    ascites: tuple[Body, ...] = ()
    if variation.ascites_mm > 0:
        around = Common((Grown(liver.shape, variation.ascites_mm), posed(parts.below_diaphragm, pose)))
        ascites = (Body(around, tissues["fluid"], "fluid"),)
    couch = make_couch(lowest_y(parts.skin, pose), tissues, chance)

    def depth_beneath(point: Point) -> float:
        x, y, z = (np.full((1, 1, 1), v, dtype=np.float32) for v in pose.point(point))
        return float(liver.shape.distance(x, y, z).item()) / pose.scale

    cage, contacts = make_cage(build, tissues, chance, depth_beneath)
    bodies = (
        *(couch if variation.couch else ()),
        *(posed_body(b, pose) for b in parts.before),
        *ascites,
        *_liver_bodies(liver, tissues),
        *(posed_body(b, pose) for b in (*parts.after, *cage)),
    )
    organs: dict[str, Shape] = {"liver": liver.shape}
    organs |= {name: posed(shape, pose) for name, shape in parts.surfaces.items() if shape is not None}
    if liver.gallbladder is not None:
        organs["gallbladder"] = liver.gallbladder
    touching = tuple(pose.point(p) for p in contacts)
    return Abdomen(bodies, liver, variation, tissues, MappingProxyType(organs), touching)
