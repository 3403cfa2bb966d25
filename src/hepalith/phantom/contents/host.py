"""Lesions that may hold calcium: haemangioma, masses, cysts, infiltration, fat, dilated ducts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from hepalith.errors import UsageError
from hepalith.phantom.body.abdomen import Abdomen
from hepalith.phantom.body.variation import PHASES
from hepalith.phantom.contents.duct import choose_duct, dilate
from hepalith.phantom.contents.line import make_star
from hepalith.phantom.contents.site import add, draw_direction, draw_log, draw_site, path_length, scaled
from hepalith.phantom.insert import HostTruth, Insert
from hepalith.phantom.scene import Body
from hepalith.phantom.shape.shape import Capsule, Common, Ellipsoid, Grown, Point, Rippled, Shape

__all__ = ["HOSTS", "make_host"]

GAIN_HU: Mapping[str, tuple[float, float, float, float]] = MappingProxyType(
    {
        "none": (0.0, 2.0, 4.0, 4.0),
        "arterial_washout": (0.0, 62.0, 42.0, 28.0),
        "rim": (0.0, 70.0, 60.0, 42.0),
        "delayed": (0.0, 14.0, 36.0, 82.0),
        "hypovascular": (0.0, 10.0, 24.0, 22.0),
    }
)
"""What contrast adds to a lesion before contrast and in the arterial, portal and delayed phase, HU at
120 kVp; the liver gains about 12, 52 and 38. Our judgement, after descriptions in textbooks."""

UNEVEN_HU = 4.0
"""Standard deviation of the coarse texture of solid tumour. Our judgement."""

SOLID_HU = (34.0, 46.0)
"""Solid tumour without contrast, least and most: darker than a healthy liver, brighter than a fatty one."""

DIAMETER_MM: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "haemangioma": (18.0, 80.0),
        "haemangioma_flash": (8.0, 22.0),
        "mass_none": (15.0, 70.0),
        "mass_washout": (15.0, 90.0),
        "mass_rim": (12.0, 60.0),
        "mass_delayed": (20.0, 80.0),
        "mass_with_scar": (40.0, 110.0),
        "cyst_simple": (8.0, 80.0),
        "cyst_walled": (14.0, 70.0),
        "cyst_daughters": (40.0, 110.0),
        "infiltrating": (40.0, 110.0),
        "fat_containing": (12.0, 60.0),
        "dilated_ducts": (30.0, 30.0),
    }
)
"""Diameters, least and most, drawn evenly on a logarithmic scale. Our judgement."""


@dataclass(frozen=True, slots=True)
class Lesion:
    """What is wanted of a lesion: the patient, its place, its size and where its calcium lies."""

    abdomen: Abdomen
    random: np.random.Generator
    place: Point
    diameter_mm: float
    position: str

    @property
    def phase(self) -> int:
        """Place of the phase in `PHASES`."""
        return PHASES.index(self.abdomen.variation.phase)

    @property
    def blood_hu(self) -> float:
        """HU of blood in the veins of this phase."""
        tissues = self.abdomen.tissues
        return (tissues["portal_vein"] + tissues["hepatic_vein"]) / 2

    def within(self, shape: Shape) -> Shape:
        """Return a shape cut off at the capsule."""
        return Common((shape, Grown(self.abdomen.liver.shape, -0.3)))

    def blob(self, waves: float = 0.05) -> Rippled:
        """Return a lobulated ball of the wanted diameter; `waves` is its unevenness."""
        half = self.diameter_mm / 2
        height = waves * self.diameter_mm
        radii = [round((half - height) * float(self.random.uniform(0.85, 1.0)), 6) for _ in range(2)]
        turn = round(float(self.random.uniform(-80, 80)), 6)
        core = Ellipsoid(self.place, (round(half - height, 6), radii[0], radii[1]), turn)
        lengths = [round(self.diameter_mm * float(self.random.uniform(0.35, 0.7)), 6) for _ in range(3)]
        phases = [round(float(self.random.uniform(0, 6.28)), 6) for _ in range(3)]
        return Rippled(
            core, round(height, 6), (lengths[0], lengths[1], lengths[2]), (phases[0], phases[1], phases[2])
        )

    def solid_hu(self, enhancement: str) -> float:
        """Return the HU of solid tumour in this phase."""
        return round(float(self.random.uniform(*SOLID_HU)) + GAIN_HU[enhancement][self.phase], 3)

    def truth(
        self,
        kind: str,
        name: str,
        shape: Shape,
        *,
        enhancement: str = "none",
        wall_mm: float = 0.0,
        features: tuple[str, ...] = (),
    ) -> HostTruth:
        """Return what is known of the lesion."""
        return HostTruth(
            kind,
            name,
            self.place,
            round(self.diameter_mm, 2),
            shape,
            self.position,
            enhancement,
            wall_mm,
            features,
        )


def _blurred(
    shape: Shape,
    inside_hu: float,
    outside_hu: float,
    width_mm: float,
    steps: int = 5,
    *,
    mottle_hu: float = UNEVEN_HU,
) -> list[Body]:
    """Return a body whose edge fades over `width_mm` into what lies around it."""
    bodies = []
    for number in range(steps):
        share = (number + 1) / (steps + 1)
        out = width_mm * (0.5 - number / steps)
        bodies.append(
            Body(Grown(shape, round(out, 4)), round(outside_hu + share * (inside_hu - outside_hu), 3))
        )
    bodies.append(Body(Grown(shape, round(-width_mm / 2, 4)), inside_hu, mottle_hu=mottle_hu))
    return bodies


def _haemangioma(lesion: Lesion) -> Insert:
    """Return a haemangioma: nodules of blood at its edge that fill in toward the centre."""
    random, phase = lesion.random, lesion.phase
    blob = lesion.blob(0.04)
    whole = lesion.within(blob)
    empty = round(float(random.uniform(32, 42)), 3)
    filled = lesion.blood_hu - 4
    bodies = [Body(whole, empty if phase < 3 else round(0.8 * filled + 0.2 * empty, 3))]
    if phase in (1, 2):
        bright = lesion.abdomen.tissues["aorta"] * 0.85 if phase == 1 else filled
        share = 0.16 if phase == 1 else 0.3
        half = lesion.diameter_mm / 2
        for _ in range(int(random.integers(6, 11))):
            radius = half * share * float(random.uniform(0.7, 1.3))
            middle = add(lesion.place, draw_direction(random), half - 0.8 * radius)
            nodule = Ellipsoid(middle, (radius, radius * 0.8, radius * 1.2))
            bodies.append(Body(Common((nodule, whole)), round(bright, 3)))
    if lesion.diameter_mm > 40:
        scar = Ellipsoid(
            lesion.place,
            (lesion.diameter_mm * 0.14, lesion.diameter_mm * 0.06, lesion.diameter_mm * 0.1),
            30.0,
        )
        bodies.append(Body(scar, empty - 8))
    truth = lesion.truth("solid", "haemangioma", whole, enhancement="peripheral_nodular")
    return Insert(bodies=tuple(bodies), hosts=(truth,))


def _flash(lesion: Lesion) -> Insert:
    """Return a small haemangioma that is as bright as blood in every phase."""
    whole = lesion.within(lesion.blob(0.03))
    phase = lesion.abdomen.variation.phase
    hu = lesion.abdomen.tissues["aorta"] * 0.9 if phase == "arterial" else lesion.blood_hu
    truth = lesion.truth("solid", "haemangioma_flash", whole, enhancement="blood_pool")
    return Insert(bodies=(Body(whole, round(hu, 3)),), hosts=(truth,))


def _mass(name: str, enhancement: str) -> Callable[[Lesion], Insert]:
    """Return the maker of a solid mass that enhances evenly."""

    def made(lesion: Lesion) -> Insert:
        blob = lesion.blob()
        gain = "hypovascular" if enhancement == "none" else enhancement
        hu = lesion.solid_hu(gain)
        bodies = _blurred(lesion.within(blob), hu, lesion.abdomen.tissues["liver"], 1.6, 2)
        features: tuple[str, ...] = ()
        if lesion.diameter_mm > 35 and float(lesion.random.uniform()) < 0.5:
            core = Ellipsoid(lesion.place, tuple(round(lesion.diameter_mm * s, 4) for s in (0.2, 0.14, 0.17)))  # type: ignore[arg-type]
            bodies += _blurred(core, round(float(lesion.random.uniform(12, 22)), 3), hu, 4.0, 3)
            features = ("central_necrosis",)
        truth = lesion.truth("solid", name, lesion.within(blob), enhancement=enhancement, features=features)
        return Insert(bodies=tuple(bodies), hosts=(truth,))

    return made


def _mass_rim(lesion: Lesion) -> Insert:
    """Return a metastasis with a bright rim and a dark middle."""
    blob = lesion.blob()
    rim_mm = round(max(2.0, 0.1 * lesion.diameter_mm), 3)
    edge, middle = lesion.solid_hu("rim"), lesion.solid_hu("none")
    whole = lesion.within(blob)
    bodies = [*_blurred(whole, edge, lesion.abdomen.tissues["liver"], 1.6, 2)]
    bodies += _blurred(lesion.within(Grown(blob, -rim_mm)), middle, edge, 2.0, 2)
    truth = lesion.truth("solid", "mass_rim", whole, enhancement="rim", wall_mm=rim_mm)
    return Insert(bodies=tuple(bodies), hosts=(truth,))


def _mass_with_scar(lesion: Lesion) -> Insert:
    """Return a large lobulated mass with a star-shaped scar in its middle."""
    random = lesion.random
    whole = lesion.within(lesion.blob(0.06))
    hu = lesion.solid_hu("arterial_washout")
    bodies = _blurred(whole, hu, lesion.abdomen.tissues["liver"], 1.2, 2)
    star = make_star(lesion.place, 0.26 * lesion.diameter_mm, 0.075 * lesion.diameter_mm, random)
    bodies.append(Body(star, round(hu - float(random.uniform(14, 26)), 3)))
    truth = lesion.truth(
        "solid", "mass_with_scar", whole, enhancement="arterial_washout", features=("central_scar",)
    )
    return Insert(bodies=tuple(bodies), hosts=(truth,))


def _cyst(lesion: Lesion) -> Insert:
    """Return a simple cyst: water without a visible wall."""
    whole = lesion.within(lesion.blob(0.02))
    hu = round(float(lesion.random.uniform(0, 12)), 3)
    return Insert(bodies=(Body(whole, hu),), hosts=(lesion.truth("fluid", "cyst_simple", whole),))


def _cyst_walled(lesion: Lesion) -> Insert:
    """Return an old cyst: thick or debris-laden content in a wall."""
    wall = round(float(lesion.random.uniform(1.6, 3.2)), 3)
    half = round(lesion.diameter_mm / 2, 6)
    outer = Capsule(lesion.place, lesion.place, half)
    inner = Capsule(lesion.place, lesion.place, round(half - wall, 6))
    rim_hu = round(float(lesion.random.uniform(42, 58)) + (0.0, 6.0, 16.0, 18.0)[lesion.phase], 3)
    content = round(float(lesion.random.uniform(10, 38)), 3)
    whole = lesion.within(outer)
    bodies = (Body(whole, rim_hu), Body(lesion.within(inner), content, mottle_hu=3.0))
    truth = lesion.truth("fluid", "cyst_walled", whole, wall_mm=wall, features=("wall",))
    return Insert(bodies=bodies, hosts=(truth,))


def _cyst_daughters(lesion: Lesion) -> Insert:
    """Return a mother cyst with daughters along its wall."""
    random = lesion.random
    half = lesion.diameter_mm / 2
    wall = round(float(random.uniform(1.8, 3.5)), 3)
    outer, inner = (Capsule(lesion.place, lesion.place, round(r, 6)) for r in (half, half - wall))
    whole, cavity = lesion.within(outer), lesion.within(inner)
    bodies = [
        Body(whole, 50.0 + (0.0, 4.0, 12.0, 14.0)[lesion.phase]),
        Body(cavity, round(float(random.uniform(20, 32)), 3)),
    ]
    for _ in range(int(random.integers(7, 15))):
        radius = half * float(random.uniform(0.16, 0.34))
        reach = (half - wall - radius) * float(random.uniform(0.55, 1.0))
        middle = add(lesion.place, draw_direction(random), reach)
        ball = Capsule(middle, middle, round(radius, 6))
        bodies.append(Body(Common((ball, cavity)), 34.0))
        bodies.append(Body(Common((Grown(ball, -1.2), cavity)), round(float(random.uniform(3, 12)), 3)))
    truth = lesion.truth(
        "fluid", "cyst_daughters", whole, wall_mm=wall, features=("wall", "daughter_cysts", "septa")
    )
    return Insert(bodies=tuple(bodies), hosts=(truth,))


def _infiltrating(lesion: Lesion) -> Insert:
    """Return an infiltrating mass: irregular, blurred, liquid in its middle, with vesicles; unenhancing."""
    random = lesion.random
    blob = lesion.blob(0.11)
    whole = lesion.within(blob)
    liver = lesion.abdomen.tissues["liver"]
    hu = round(float(random.uniform(26, 38)), 3)
    bodies = _blurred(whole, hu, liver, 7.0, 6)
    for number in range(3):
        way = scaled(draw_direction(random), 0.12 * lesion.diameter_mm * min(number, 1))
        radii = [round(lesion.diameter_mm * float(random.uniform(0.08, 0.2)), 4) for _ in range(3)]
        pool = Ellipsoid(add(lesion.place, way), (radii[0], radii[1], radii[2]))
        bodies += _blurred(pool, round(float(random.uniform(8, 18)), 3), hu, 3.0, 2)
    for _ in range(int(random.integers(8, 18))):
        radius = round(float(random.uniform(1.5, 5.0)), 4)
        middle = add(
            lesion.place, draw_direction(random), lesion.diameter_mm * float(random.uniform(0.15, 0.4))
        )
        bodies.append(
            Body(Common((Capsule(middle, middle, radius), whole)), round(float(random.uniform(6, 16)), 3))
        )
    truth = lesion.truth(
        "infiltrative", "infiltrating", whole, features=("central_necrosis", "blurred_edge", "vesicles")
    )
    return Insert(bodies=tuple(bodies), hosts=(truth,))


def _fat(lesion: Lesion) -> Insert:
    """Return a mass with fat in it."""
    random = lesion.random
    whole = lesion.within(lesion.blob())
    hu = lesion.solid_hu("hypovascular")
    bodies = [Body(whole, hu)]
    for _ in range(7):
        radius = lesion.diameter_mm * float(random.uniform(0.12, 0.24))
        middle = add(
            lesion.place,
            draw_direction(random),
            (lesion.diameter_mm / 2 - radius) * float(random.uniform(0, 1)),
        )
        ball = Ellipsoid(middle, (radius, radius * 0.8, radius * 0.7), 25.0)
        bodies.append(Body(Common((ball, Grown(whole, -1.0))), round(float(random.uniform(-95, -45)), 3)))
    truth = lesion.truth("fat", "fat_containing", whole, features=("fat",))
    return Insert(bodies=tuple(bodies), hosts=(truth,))


def _dilated_ducts(lesion: Lesion) -> Insert:
    """Return ducts dilated upstream of a stricture: all that drains through one duct."""
    run = choose_duct(lesion.abdomen, lesion.random, least_mm=45.0)
    calibre = float(lesion.random.uniform(5.0, 9.5))
    bodies, path = dilate(lesion.abdomen, run, calibre)
    middle = path[len(path) // 2]
    truth = HostTruth(
        "fluid", "dilated_ducts", middle, round(path_length(path), 2), bodies[0].shape, lesion.position,
        "none", 0.0, ("dilated_ducts",),
    )  # fmt: skip
    note = f"ducts dilated to {calibre:.1f} mm upstream of a stricture"
    return Insert(bodies=bodies, hosts=(truth,), notes=(note,))


MAKERS: Mapping[str, Callable[[Lesion], Insert]] = MappingProxyType(
    {
        "haemangioma": _haemangioma,
        "haemangioma_flash": _flash,
        "mass_none": _mass("mass_none", "none"),
        "mass_washout": _mass("mass_washout", "arterial_washout"),
        "mass_rim": _mass_rim,
        "mass_delayed": _mass("mass_delayed", "delayed"),
        "mass_with_scar": _mass_with_scar,
        "cyst_simple": _cyst,
        "cyst_walled": _cyst_walled,
        "cyst_daughters": _cyst_daughters,
        "infiltrating": _infiltrating,
        "fat_containing": _fat,
        "dilated_ducts": _dilated_ducts,
    }
)
"""Who makes what."""

HOSTS = tuple(MAKERS)
"""Every lesion that can be made."""


def make_host(
    kind: str,
    abdomen: Abdomen,
    random: np.random.Generator,
    *,
    place: Point | None = None,
    diameter_mm: float | None = None,
    position: str = "",
) -> Insert:
    """Return a lesion without calcium.

    Parameters
    ----------
    kind
        One of `HOSTS`.
    abdomen
        The patient; the phase decides how the lesion shows.
    random
        Draws what is not given.
    place
        Its centre, LPS mm; anywhere with room unless given.
    diameter_mm
        Its longest caliper.
    position
        Where calcium will lie in it: ``"central"``, ``"peripheral"``, ``"throughout"``; ``""`` for none.

    Raises
    ------
    UsageError
        If there is no such lesion, or no room for it.
    """
    if kind not in MAKERS:
        raise UsageError(f"no host is called {kind!r}: choose one of {', '.join(HOSTS)}")
    drawn = draw_log(random, *DIAMETER_MM[kind])
    size = drawn if diameter_mm is None else diameter_mm
    if place is None:
        place = draw_site(abdomen, random, size / 2, clear_mm=1.0)
    return MAKERS[kind](Lesion(abdomen, random, place, size, position))
