"""The features a bright body is told by: plain numbers of its `Appearance`, each with its words."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from hepalith.calcification.form.form import Form
from hepalith.calcification.mimic.appearance import Appearance
from hepalith.calcification.mimic.metal import at_120_kvp

__all__ = ["FEATURES", "NO_FORM", "describe_feature", "features_of"]

FAR_MM, WIDE_MM = 15.0, 40.0
"""Distances that stand for what is not near: of gas, vessels and oil, and of bone and metal."""

OPEN_HU = -200.0
"""Stands for what lies outside where nothing lies outside, and for what is held where nothing is held."""

FORMS = (
    "punctate", "nodular", "coarse", "linear", "branching", "beaded", "rim", "eggshell", "curvilinear_septal",
    "stellate", "granular", "plaque", "tram_track", "amorphous",
)  # fmt: skip
"""Words for form whose probabilities count."""

ORGANS = ("bone", "gallbladder", "lung", "background")
"""Organs whose probability where the body lies counts one by one."""

FORM_PARTS: Mapping[str, str] = MappingProxyType(
    {
        "solidity": "share of its hull that it fills",
        "ellipsoid": "share of its ellipsoid that it fills, on a fine grid",
        "slimness": "length over depth",
        "hollow": "share of it that it encloses",
        "enclosed": "share enclosed in some plane",
        "cavities": "spaces that it encloses",
        "shell_residual": "distance from the sphere through it",
        "shell_cover": "share of a sphere's wall that it covers",
        "shell_empty": "emptiness of that sphere",
        "softness": "softness of its edge",
        "grains": "separate bright points",
        "length": "length of its course over its caliper",
        "straight": "straightness",
        "ends": "ends",
        "loops": "loops",
        "rays": "rays",
        "beads": "beads",
        "necks": "depth of the necks between beads",
    }
)
"""Geometry of the form that counts, and its words."""

NO_FORM = -1.0
"""Stands for the geometry of what is too small to have one."""

Ask = Callable[[Appearance], float]


def _at_120(hu: float, seen: Appearance) -> float:
    return at_120_kvp(hu, seen.company.kvp)


def _over_blood(hu: float, seen: Appearance) -> float:
    """Return HU over blood; over the liver at large where no contrast medium was given."""
    return hu - (seen.blood_hu if seen.enhanced >= 0.5 else seen.level_hu)


def _vein(seen: Appearance) -> float:
    vein = seen.company.vein_hu
    return 0.0 if vein is None else vein - seen.level_hu


def _held(seen: Appearance) -> float:
    held = seen.company.held_hu
    return OPEN_HU if held is None else held - seen.level_hu


def _word_of(name: str) -> Ask:
    return lambda s: s.words.any_of(name)


def _organ_of(*names: str) -> Ask:
    return lambda s: s.company.organ(*names)


def _part_of(name: str) -> Ask:
    def ask(seen: Appearance) -> float:
        form: Form | None = seen.words.form
        return NO_FORM if form is None else float(getattr(form, name))

    return ask


FEATURES: Mapping[str, tuple[Ask, str]] = MappingProxyType(
    {
        "peak": (lambda s: _at_120(s.peak_excess_hu, s), "HU above the liver at its brightest, at 120 kVp"),
        "top": (lambda s: s.peak_hu, "HU at its brightest"),
        "core": (lambda s: _at_120(s.core_hu - s.level_hu, s), "HU above the liver at its core, at 120 kVp"),
        "core_over_blood": (lambda s: _over_blood(s.core_hu, s), "HU of its core above blood"),
        "core_share": (
            lambda s: (s.core_hu - s.level_hu) / max(s.peak_excess_hu, 1.0),
            "share of its brightest that its core reaches",
        ),
        "deviations": (lambda s: math.log(max(s.deviations, 1.0)), "logarithm of its height in noise"),
        "enhanced": (lambda s: s.enhanced, "probability of contrast medium"),
        "blood": (lambda s: s.blood_hu - s.level_hu, "HU of blood above the liver"),
        "vein": (_vein, "HU of veins above the liver"),
        "volume": (lambda s: math.log(max(s.voxels, 1)), "logarithm of its voxels"),
        "longest": (lambda s: s.shape.longest_mm, "mm long"),
        "least": (lambda s: s.shape.least_mm, "mm at its thinnest"),
        "elongation": (lambda s: s.shape.elongation, "elongation"),
        "flatness": (lambda s: s.shape.flatness, "flatness"),
        "hollow": (lambda s: s.shape.hollow, "share of it that is hollow"),
        "branches": (lambda s: float(s.shape.branches), "branches"),
        "fill": (lambda s: s.shape.fill, "share of its ellipsoid that it fills"),
        "blurs": (lambda s: s.shape.blurs, "widths of the blur long"),
        "variation": (lambda s: s.shape.variation, "spread of its brightness over the mean"),
        "thickness": (lambda s: s.thickness, "widths of the blur thick"),
        "thick": (lambda s: s.thick_mm, "mm thick"),
        "texture": (lambda s: s.texture, "unevenness deep within"),
        "fading": (lambda s: s.fading, "thinning out toward its edge"),
        "step": (lambda s: s.level_step_hu, "HU of its surroundings above the liver"),
        "run": (lambda s: s.cast.length_mm, "mm of its arms together"),
        "way": (lambda s: s.cast.longest_mm, "mm of its longest way"),
        "arms": (lambda s: float(s.cast.arms), "arms"),
        "unevenness": (lambda s: s.cast.unevenness, "unevenness along its middle line"),
        "ridge": (lambda s: _at_120(s.cast.ridge_hu, s), "HU along its middle line, at 120 kVp"),
        "contrast": (lambda s: _at_120(s.cast.contrast_hu, s), "HU with the blur undone, at 120 kVp"),
        "width": (lambda s: s.cast.width_mm, "mm wide with the blur undone"),
        "slender": (lambda s: s.cast.slender, "widths long"),
        "tube_over_blood": (
            lambda s: _over_blood(s.level_hu + s.cast.contrast_hu, s),
            "HU above blood with the blur undone",
        ),
        "fluid": (lambda s: s.company.fluid, "share of fluid about it"),
        "gas": (lambda s: min(s.company.gas_mm, FAR_MM), "mm from gas or lung"),
        "gas_out": (lambda s: s.company.gas_out, "gas lying outward"),
        "depth": (lambda s: s.company.depth_mm, "mm beneath the liver's surface"),
        "in_vessel": (lambda s: s.company.in_vessel, "share of it in a vessel that the scan shows"),
        "vessel": (lambda s: min(s.company.vessel_mm, FAR_MM), "mm from a vessel's wall"),
        "beside_vessel": (lambda s: s.company.beside_vessel, "share of it along vessels"),
        "hilum": (lambda s: s.company.at_hilum, "share of it at the hilum"),
        "held": (_held, "HU, less the liver's, of what it encloses"),
        "small_others": (lambda s: float(s.company.small_others), "flecks about it"),
        "oil": (lambda s: min(s.company.oil_mm, FAR_MM), "mm from iodised oil"),
        "tube": (lambda s: 0.0 if s.company.tube is None else s.company.tube.length_mm, "mm of tube of wire"),
        "gut": (_organ_of("bowel", "stomach"), "probability of bowel or stomach"),
        **{f"organ_{n}": (_organ_of(n), f"probability of {n}") for n in ORGANS},
        "inside": (lambda s: s.inside_share, "share of it in the liver"),
        "about": (lambda s: s.liver_about, "share of liver about it"),
        "beyond": (lambda s: math.log1p(s.outside_mm3), "logarithm of its volume beyond the liver"),
        "beyond_dense": (lambda s: s.outside_dense, "density of that"),
        "metal": (lambda s: min(s.metal_mm, WIDE_MM), "mm from metal"),
        "metal_slices": (lambda s: float(s.metal_slices), "metal in its slices"),
        "gas_about": (lambda s: s.gas_about, "share of gas about it"),
        "outside": (lambda s: OPEN_HU if s.outside_hu is None else s.outside_hu, "HU outside the liver"),
        "dark": (lambda s: s.dark_about, "depth of dark bands beside it, in noise"),
        "bone": (lambda s: min(s.bone_mm, WIDE_MM), "mm from bone"),
        "goes_on": (lambda s: float(s.goes_on), "going on beyond its neighbourhood"),
        "away": (lambda s: s.leading.away, "brightness of what leads away"),
        "through": (lambda s: s.leading.through, "brightness of what runs through"),
        "rind_low": (lambda s: s.rind.low_hu, "HU, less the liver's, of the darkest close about it"),
        "rind_middle": (lambda s: s.rind.middle_hu, "HU, less the liver's, close about it"),
        "rind_high": (lambda s: s.rind.high_hu, "HU, less the liver's, of the brightest close about it"),
        "blur": (lambda s: s.blur_mm, "mm of blur"),
        "slice": (lambda s: s.slice_mm, "mm of slice"),
        **{f"word_{n}": (_word_of(n), f"probability of the form {n}") for n in FORMS},
        **{f"form_{n}": (_part_of(n), words) for n, words in FORM_PARTS.items()},
    }
)
"""Every feature: how it is asked for, and what it is called."""


def features_of(seen: Appearance, votes: Mapping[str, float], labels: Sequence[str]) -> NDArray[np.float64]:
    """Return the features of a body in the order of `FEATURES`, then what the judges' votes sum to by label.

    Parameters
    ----------
    seen
        The body.
    votes
        Sum of votes by label, from what this image shows.
    labels
        Labels whose sums count, in order.
    """
    asked = [ask(seen) for ask, _ in FEATURES.values()]
    return np.array([*asked, *(votes.get(label, 0.0) for label in labels)], dtype=np.float64)


def describe_feature(name: str, value: float) -> str:
    """Return a feature and its value in words.

    Examples
    --------
    >>> describe_feature("fill", 0.234)
    'share of its ellipsoid that it fills 0.23'
    >>> describe_feature("run", 31.4)
    '31 mm of its arms together'
    """
    words = FEATURES[name][1]
    number = f"{value:.0f}" if abs(value) >= 10 else f"{value:.2g}"
    return f"{number} {words}" if words.startswith(("HU", "mm", "widths")) else f"{words} {number}"
