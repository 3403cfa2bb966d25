"""What each tissue measures on CT before and after contrast, by phase, tube voltage and patient.

References
----------
.. [1] J. Starekova, D. Hernando, P. J. Pickhardt, S. B. Reeder, "Quantification of liver fat content with
       CT and MRI: state of the art", Radiology 301:250-262, 2021, figure 2.
       doi:10.1148/radiol.2021204288
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from hepalith.phantom.body.variation import PHASES, Variation

__all__ = ["FAT_FRACTION_HU", "PLAIN", "Tissues", "make_tissues"]

FAT_FRACTION_HU = 172.0
"""What a liver of pure fat would lose against one without: 1.72 HU for each per cent of MR fat fraction,
the slope between 65 HU at 0.5 %, 23 HU at 25 % and -3 HU at 40 % [1]_."""

PLAIN: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "liver": (58.0, 4.0),
        "portal_vein": (42.0, 2.5),
        "hepatic_vein": (42.0, 2.5),
        "hepatic_artery": (42.0, 2.5),
        "aorta": (42.0, 2.5),
        "vena_cava": (42.0, 2.5),
        "low_cava": (42.0, 2.5),
        "heart": (43.0, 2.5),
        "right_heart": (42.0, 2.5),
        "left_heart": (42.0, 2.5),
        "lung_vessel": (30.0, 5.0),
        "spleen": (48.0, 3.0),
        "renal_cortex": (33.0, 3.0),
        "renal_medulla": (31.0, 3.0),
        "renal_pelvis": (6.0, 3.0),
        "pancreas": (40.0, 5.0),
        "adrenal": (25.0, 10.0),
        "bowel_wall": (38.0, 4.0),
        "stomach_wall": (40.0, 4.0),
        "gallbladder_wall": (35.0, 4.0),
        "muscle": (52.0, 5.0),
        "disc": (78.0, 8.0),
        "cord": (30.0, 4.0),
        "bile": (8.0, 4.0),
        "urine": (5.0, 4.0),
        "fluid": (10.0, 6.0),
        "skin": (15.0, 12.0),
        "fat": (-102.0, 5.0),
        "visceral_fat": (-98.0, 6.0),
        "breast": (-40.0, 40.0),
        "cartilage": (100.0, 25.0),
        "cortical_bone": (850.0, 120.0),
        "trabecular_bone": (160.0, 25.0),
        "lung": (-845.0, 45.0),
        "gas": (-975.0, 15.0),
        "foam": (-920.0, 30.0),
        "couch_skin": (-250.0, 120.0),
    }
)
"""HU at 120 kVp without contrast, and half the range among patients. Our judgement, from ranges in use
for plain abdominal CT; the liver's (normal 40 to 70) is that of one without steatosis."""

ENHANCEMENT: Mapping[str, tuple[float, float, float]] = MappingProxyType(
    {
        "liver": (12.0, 52.0, 38.0),
        "portal_vein": (55.0, 128.0, 78.0),
        "hepatic_vein": (8.0, 112.0, 74.0),
        "hepatic_artery": (215.0, 105.0, 72.0),
        "aorta": (255.0, 115.0, 75.0),
        "vena_cava": (58.0, 98.0, 74.0),
        "low_cava": (4.0, 62.0, 72.0),
        "heart": (55.0, 68.0, 50.0),
        "right_heart": (170.0, 112.0, 76.0),
        "left_heart": (230.0, 114.0, 76.0),
        "lung_vessel": (170.0, 110.0, 75.0),
        "spleen": (78.0, 78.0, 52.0),
        "renal_cortex": (140.0, 155.0, 118.0),
        "renal_medulla": (35.0, 135.0, 122.0),
        "renal_pelvis": (2.0, 8.0, 330.0),
        "pancreas": (66.0, 56.0, 36.0),
        "adrenal": (42.0, 50.0, 32.0),
        "bowel_wall": (40.0, 60.0, 42.0),
        "stomach_wall": (38.0, 52.0, 40.0),
        "gallbladder_wall": (18.0, 42.0, 36.0),
        "muscle": (4.0, 13.0, 15.0),
        "cord": (2.0, 8.0, 8.0),
        "skin": (5.0, 15.0, 15.0),
        "cartilage": (0.0, 4.0, 5.0),
        "trabecular_bone": (8.0, 22.0, 18.0),
    }
)
"""HU that contrast adds at 120 kVp in the arterial, portal and delayed phase. Our judgement, within the
ranges of textbooks for 1.5 mL/kg at 300 to 350 mgI/mL: a late arterial aorta near 300 HU, a portal
venous liver near 110 HU, infrarenal cava unmixed until the delayed phase."""

VOLTAGE_SHARE: Mapping[str, float] = MappingProxyType(
    {"cortical_bone": 0.62, "trabecular_bone": 0.62, "cartilage": 0.3, "fat": 0.25, "visceral_fat": 0.25}
)
"""How much of iodine's gain at another tube voltage a plain tissue has: calcium in bone about 0.62 of it,
as `Scanner.calcium_gain` says; fat grows darker at low voltage by about a quarter of it."""

DOSE_SPREAD = 0.22
"""Share by which a patient's enhancement differs from the usual: dose per weight, heart, delay."""

MOIRE_HU = 22.0
"""Standard deviation of the arterial spleen's stripes, where red and white pulp fill at their own pace."""


@dataclass(frozen=True, slots=True)
class Tissues(Mapping[str, float]):
    """HU of every tissue of one patient in one phase, at one tube voltage.

    Parameters
    ----------
    hu
        By tissue's name.
    spleen_mottle_hu
        Standard deviation of the spleen's uneven filling.
    cava_mixing_hu
        How far the blood of the renal veins stands above the rest in the vena cava.
    gut_hu
        Content of stomach and bowel.
    """

    hu: Mapping[str, float]
    spleen_mottle_hu: float
    cava_mixing_hu: float
    gut_hu: float

    def __getitem__(self, name: str) -> float:
        """Return the HU of a tissue."""
        return self.hu[name]

    def __iter__(self) -> Iterator[str]:
        """Go through the names."""
        return iter(self.hu)

    def __len__(self) -> int:
        """Return how many tissues there are."""
        return len(self.hu)


def _gut(random: np.random.Generator, oral_contrast: str, iodine_gain: float) -> float:
    """Return the HU of what stomach and bowel hold; oral contrast is iodine or barium."""
    dense, watery, mixed = (float(random.uniform(*r)) for r in ((130, 420), (0, 15), (10, 55)))
    return {"positive": dense * iodine_gain, "water": watery, "none": mixed}[oral_contrast]


def make_tissues(
    variation: Variation, random: np.random.Generator | None = None, iodine_gain: float = 1.0
) -> Tissues:
    """Return the HU of every tissue.

    Parameters
    ----------
    variation
        Phase, steatosis, bone density and what else shifts a tissue.
    random
        Draws the differences among patients; without it, the middle of every range.
    iodine_gain
        Enhancement at the scanner's tube voltage over that at 120 kVp.
    """
    random = random or np.random.default_rng(0)
    spread = variation.jitter
    phase = PHASES.index(variation.phase) - 1
    dose = iodine_gain * (1 + DOSE_SPREAD * spread * float(random.uniform(-1, 1)))
    found: dict[str, float] = {}
    for name, (plain, half) in PLAIN.items():
        own = float(random.uniform(-1, 1))
        filling = 1 + 0.12 * spread * float(random.uniform(-1, 1))
        value = plain + half * own * spread
        value *= 1 + VOLTAGE_SHARE.get(name, 0.0) * (iodine_gain - 1)
        if phase >= 0 and name in ENHANCEMENT:
            value += ENHANCEMENT[name][phase] * dose * filling
        found[name] = round(value, 3)
    fatty = FAT_FRACTION_HU * variation.steatosis
    found["liver"] = round(found["liver"] - fatty + variation.liver_shift_hu, 3)
    found["pancreas"] = round(found["pancreas"] - 25.0 * max(variation.visceral_fat - 0.6, 0.0), 3)
    for name in ("cortical_bone", "trabecular_bone"):
        found[name] = round(found[name] * variation.bone_density, 3)
    found["muscle"] = round(found["muscle"] - 18.0 * max(1.0 - variation.muscle, 0.0), 3)
    mixing = {-1: 0.0, 0: 75.0, 1: 22.0, 2: 0.0}[phase] * dose
    uneven = float(random.uniform(0.4, 1.4))  # drawn in every phase: the phases of one seed are one patient's
    moire = MOIRE_HU * dose * uneven if variation.phase == "arterial" else 1.0
    return Tissues(
        MappingProxyType(found),
        round(moire, 3),
        round(mixing, 3),
        round(_gut(random, variation.oral_contrast, iodine_gain), 3),
    )
