"""The form of a focus: which word of the vocabulary, with a probability for each."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from statistics import NormalDist
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from hepalith.calcification.form.form import Form
from hepalith.vocabulary import Measurement

__all__ = ["FORMLESS_BLURS", "LUMP", "FormModel", "describe_morphology", "load_forms", "measures_of"]

PUNCTATE_MM = 3.5
"""Longest diameter up to which a compact focus is a dot: the vocabulary's definition, about what blur alone
makes of a point in slices of 3 mm."""

LONGEST_OVER_SPHERE, LONGEST_SD = 1.04, 0.05
"""Longest diameter of a compact focus over that of the sphere of its volume, and its spread: an ellipsoid
with axes of 1, 0.9 and 0.85 has 1.09, a ball 1. Our judgement."""

COARSE_MM, COARSE_HIDDEN, COARSE_SD_MM = 10.0, 1.08, 0.8
"""Longest diameter from which an irregular lump is coarse, by the vocabulary's definition; by how much it is
longer than it looks, since its thin ends fade; and the error of that. Smaller irregular lumps are nodules."""

FORMLESS_BLURS = 2.6
"""Diameter in widths of the blur below which no form can be seen: only the size speaks, and nothing need be
measured."""

SEEN_BLURS, SEEN_WIDTH = 3.3, 0.35
"""The same at which a form is half believed, and over which belief grows. From `benchmarks/forms.py`."""

LUMP = "lump"
"""What is compact and rounded in the table of forms: a dot or a nodule, by its size."""

DEGREES = 8.0
"""Degrees of freedom of the distribution of the measures about what is usual: tails heavier than a normal's,
so that no single strange measure excludes a form."""

DEPENDENCE = 0.5
"""Share of the evidence of all measures that counts: they see the same body, and more is dependent than their
correlations say. Chosen for calibration on development phantoms by `benchmarks/forms.py`."""

LEAST_PROBABILITY = 1e-4
"""Least probability stated of any form."""


@dataclass(frozen=True, slots=True, eq=False)
class FormModel:
    """What each form of calcium usually measures.

    Parameters
    ----------
    source
        Where the numbers are from.
    measures
        Names of the measures, as `measures_of` gives them.
    forms
        Ids of the forms, `LUMP` among them.
    means, spreads
        float64, shape (forms, measures).
    odds
        float64, shape (forms,): how often each is met, over the others.
    precision
        float64, (measures, measures): inverse of the correlation of the measures within a form.
    """

    source: str
    measures: tuple[str, ...]
    forms: tuple[str, ...]
    means: NDArray[np.float64]
    spreads: NDArray[np.float64]
    odds: NDArray[np.float64]
    precision: NDArray[np.float64]

    def probabilities_of(self, measured: Mapping[str, float]) -> dict[str, float]:
        """Return the probability of every form, given the measures of a body.

        The distance of a body from each form, in that form's spreads and with the correlation of the
        measures, enters a Student distribution; `DEPENDENCE` tempers it.
        """
        values = np.array([measured[name] for name in self.measures])
        away = (values - self.means) / self.spreads
        distance = np.einsum("fi,ij,fj->f", away, self.precision, away)
        told = -(DEGREES + len(values)) / 2 * np.log1p(distance / DEGREES) - np.log(self.spreads).sum(axis=1)
        score = DEPENDENCE * told + np.log(self.odds)
        share = np.exp(score - score.max())
        return dict(zip(self.forms, (share / share.sum()).tolist(), strict=True))


@lru_cache(maxsize=1)
def load_forms() -> FormModel:
    """Return the table of forms beside this module."""
    text = files("hepalith.calcification.form").joinpath("forms.toml").read_text(encoding="utf-8")
    table = tomllib.loads(text)
    rows = table["form"]
    return FormModel(
        source=table["source"],
        measures=tuple(table["measures"]),
        forms=tuple(row["id"] for row in rows),
        means=np.array([row["mean"] for row in rows], dtype=np.float64),
        spreads=np.array([row["spread"] for row in rows], dtype=np.float64),
        odds=np.array([row["odds"] for row in rows], dtype=np.float64),
        precision=np.linalg.inv(np.array(table["correlation"], dtype=np.float64)),
    )


def measures_of(form: Form) -> Mapping[str, float]:
    """Return the measures of a form that tell forms apart, as the table has them.

    Ratios are logarithms, so that twice and half lie equally far; shares near 0 are square roots.
    """
    return {
        "elongation": math.log(form.elongation),
        "flatness": math.log(form.flatness),
        "solidity": math.log(max(form.solidity, 1e-3)),
        "ellipsoid": math.log(max(form.ellipsoid, 1e-3)),
        "slimness": math.log(form.slimness),
        "hollow": math.sqrt(form.hollow),
        "enclosed": math.sqrt(form.enclosed),
        "shell_residual": form.shell_residual,
        "shell_cover": form.shell_cover,
        "shell_empty": form.shell_empty,
        "rays": math.log(max(form.rays, 1)),
        "ends": math.log(max(form.ends, 1)),
        "necks": form.necks,
        "straight": form.straight,
        "grains": math.log((form.grains + 0.5) / (form.volume_mm3 / 50.0 + 1.0)),
        "contrast": math.log(max(form.contrast_hu, 1.0)),
    }


def describe_morphology(
    form: Form | None, diameter: Measurement, volume: Measurement
) -> tuple[str, Mapping[str, float]]:
    """Return the form of a body and the probability of every form, likeliest first.

    Parameters
    ----------
    form
        Its geometry; None where it is too small for any to be seen (`FORMLESS_BLURS`).
    diameter
        Its longest diameter.
    volume
        Its volume, with the interval that says how surely it is a dot.

    Notes
    -----
    A body is compared with what each form of the vocabulary usually measures (`load_forms`). Near the blur no
    form shows, and the probability falls back on what size alone says: a dot or a nodule, by the share
    on either side of `PUNCTATE_MM` of the longest diameter that goes with its volume. An irregular lump is
    coarse by the share above `COARSE_MM`.

    Examples
    --------
    >>> name, chances = describe_morphology(None, Measurement(1.2, "mm"), Measurement(0.9, "mm3", 0.4, 1.9))
    >>> name, round(chances["punctate"], 2)
    ('punctate', 1.0)
    """
    model = load_forms()
    found = dict.fromkeys(model.forms, 0.0)
    seen = 0.0
    if form is not None:
        seen = 1.0 / (1.0 + math.exp(-(form.blurs - SEEN_BLURS) / SEEN_WIDTH))
        found = {n: seen * p for n, p in model.probabilities_of(measures_of(form)).items()}
    lump = found.pop(LUMP) + 1.0 - seen
    small = _dot_chance(volume)
    longest = max(diameter.value, form.caliper_mm) if form is not None else diameter.value
    large = NormalDist(COARSE_MM, COARSE_SD_MM).cdf(COARSE_HIDDEN * longest)
    irregular = found["coarse"]
    found["coarse"] = irregular * large
    found["punctate"] = small * lump
    found["nodular"] = (1.0 - small) * lump + irregular * (1.0 - large)
    kept = {name: max(value, LEAST_PROBABILITY) for name, value in found.items()}
    total = sum(kept.values())
    ordered = sorted(kept.items(), key=lambda item: (-item[1], item[0]))
    probabilities = {name: value / total for name, value in ordered}
    return ordered[0][0], MappingProxyType(probabilities)


def _dot_chance(volume: Measurement) -> float:
    """Return the probability that the longest diameter of a compact body of some volume is that of a dot."""
    middle = math.log(LONGEST_OVER_SPHERE) + math.log(6.0 * max(volume.value, 1e-3) / math.pi) / 3.0
    spread = 0.0
    if volume.low is not None and volume.high is not None:
        spread = math.log(max(volume.high, 1e-3) / max(volume.low, 1e-3)) / 3.0 / 3.92
    return NormalDist(middle, math.hypot(max(spread, 0.0), LONGEST_SD)).cdf(math.log(PUNCTATE_MM))
