"""A crowd: many things that shine in one liver, calcium of every form and what only looks like it.

For learning to tell them apart: one scan shows ten of them instead of one. No patient has so many, so that
what a crowd holds is no prevalence, and how many others lie about a body says nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from hepalith.phantom.cases.company import DUCTED, Part, make_ducted, make_holding
from hepalith.phantom.contents.host import HOSTS
from hepalith.phantom.contents.mimic import make_mimic
from hepalith.phantom.contents.morphology import MORPHOLOGIES, make_morphology

__all__ = ["draw_crowd"]

METAL: Mapping[str, float] = MappingProxyType({"clip": 0.3, "coil": 0.35, "stent": 0.35})
"""Chance of each piece of metal: one of them at most of most crowds, whose streaks would cover all others."""

BESIDE: Mapping[str, float] = MappingProxyType(
    {"gallstone": 0.4, "dome": 0.35, "rib": 0.2, "bowel_contrast": 0.3, "artery_plaque": 0.3,
     "aneurysm": 0.2, "gas": 0.2}
)  # fmt: skip
"""Chance of what lies beside the liver, or at its hilum."""

WITHIN = 2 * ("glue", "iodine_in_duct", "iodine_in_vessel", "lipiodol")
"""What fills vessels, ducts and nodules."""

MOST_WITHIN = 5
"""So many of these one crowd holds at most."""

TUBES = ("branching", "linear", "tram_track")
"""Forms of calcium that are the hardest to tell from those; one more is laid in than of other forms."""

LESION = 0.5
"""Chance of a lesion with calcium in it."""


def draw_crowd(random: np.random.Generator, *, enhanced: bool) -> tuple[Part, ...]:
    """Return the parts of a crowd, in the order in which they are laid in.

    Parameters
    ----------
    random
        Draws them.
    enhanced
        Whether contrast medium was given: without it there is none in vessels.
    """
    mimics = [name for name, chance in {**METAL, **BESIDE}.items() if float(random.uniform()) < chance]
    order = [WITHIN[int(n)] for n in random.permutation(len(WITHIN))]
    mimics += [name for name in order if enhanced or name != "iodine_in_vessel"][:MOST_WITHIN]
    forms = [MORPHOLOGIES[int(n)] for n in random.permutation(len(MORPHOLOGIES))[:3]]
    forms.append(TUBES[int(random.integers(len(TUBES)))])
    ducts = [n for n in DUCTED if n != "duct_dilated"]
    lesions = [n for n in HOSTS if n != "dilated_ducts"]
    parts: list[Part] = [(make_mimic, name) for name in mimics]
    parts += [(make_morphology, name) for name in forms]
    parts += [(make_ducted, ducts[int(random.integers(len(ducts)))])]
    if float(random.uniform()) < LESION:
        parts.append((make_holding, lesions[int(random.integers(len(lesions)))]))
    parts = [parts[int(n)] for n in random.permutation(len(parts))]
    return (*parts, (make_morphology, "nodular"), (make_morphology, "punctate"))
