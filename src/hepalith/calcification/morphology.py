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

from hepalith.calcification.form import Form
from hepalith.vocabulary import Measurement

__all__ = ["FORMLESS_BLURS", "LUMP", "FormModel", "describe_morphology", "load_forms", "measures_of"]

PUNCTATE_MM = 3.5
"""Longest diameter up to which a compact focus is a dot: the vocabulary's definition, about what blur alone
makes of a point in slices of 3 mm."""

COARSE_MM, COARSE_SD_MM = 10.0, 1.0
"""Longest diameter from which an irregular lump is coarse, by the vocabulary's definition, and the error with
which that of an irregular body is known. Smaller irregular lumps are nodules."""

FORMLESS_BLURS = 2.2
"""Diameter in widths of the blur below which no form can be seen: only the size speaks, and nothing need be
measured."""

SEEN_BLURS, SEEN_WIDTH = 3.3, 0.35
"""The same at which a form is half believed, and over which belief grows. From `benchmarks/forms.py`."""

LUMP = "lump"
"""What is compact and rounded in the table of forms: a dot or a nodule, by its size."""

DEGREES = 4.0
"""Degrees of freedom of the distribution of each measure: tails far heavier than a normal's, so that no one
measure excludes a form."""

DEPENDENCE = 0.4
"""Share of the summed evidence of all measures that counts: they see the same body and say much of it twice.
Chosen for calibration on development phantoms by `benchmarks/forms.py`."""

LUMP_ODDS = 6.0
"""Odds of a lump over each other form before it is looked at: most calcium in livers is dots and nodules (14
of 17 solitary foci, evidence A-). Our judgement for the number."""

LEAST_PROBABILITY = 1e-4
"""Least probability stated of any form."""


@dataclass(frozen=True, slots=True)
class FormModel:
    """What each form of calcium looks like: mean and spread of every measure, and where they are from."""

    source: str
    usual: Mapping[str, Mapping[str, tuple[float, float]]]

    def probabilities_of(self, measures: Mapping[str, float]) -> dict[str, float]:
        """Return the probability of every form of the table, given the measures of a body.

        Every measure adds the logarithm of a Student distribution about what is usual of the form;
        `DEPENDENCE` tempers the sum.
        """
        scores = {}
        for name, usual in self.usual.items():
            total = sum(
                -(DEGREES + 1) / 2 * math.log1p(((measures[key] - mean) / spread) ** 2 / DEGREES)
                - math.log(spread)
                for key, (mean, spread) in usual.items()
            )
            scores[name] = DEPENDENCE * total + (math.log(LUMP_ODDS) if name == LUMP else 0.0)
        best = max(scores.values())
        shares = {name: math.exp(score - best) for name, score in scores.items()}
        return {name: share / sum(shares.values()) for name, share in shares.items()}


@lru_cache(maxsize=1)
def load_forms() -> FormModel:
    """Return the table of forms beside this module."""
    text = files("hepalith.calcification").joinpath("forms.toml").read_text(encoding="utf-8")
    table = tomllib.loads(text)
    usual = {
        row["id"]: MappingProxyType({k: (float(m), float(s)) for k, (m, s) in row["measures"].items()})
        for row in table["form"]
    }
    return FormModel(table["source"], MappingProxyType(usual))


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
        "tube": math.sqrt(form.tube),
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


def describe_morphology(form: Form | None, diameter: Measurement) -> tuple[str, Mapping[str, float]]:
    """Return the form of a body and the probability of every form, likeliest first.

    Parameters
    ----------
    form
        Its geometry; None where it is too small for any to be seen (`FORMLESS_BLURS`).
    diameter
        Its longest diameter, with the interval that says how surely it is a dot.

    Notes
    -----
    A body is compared with what each form of the vocabulary usually measures (`load_forms`). Near the blur no
    form shows, and the probability falls back on what size alone says: a dot or a nodule, by the share
    of the diameter's distribution on either side of `PUNCTATE_MM`. An irregular lump is coarse by the
    share above `COARSE_MM`.

    Examples
    --------
    >>> name, chances = describe_morphology(None, Measurement(1.2, "mm", 0.8, 1.6))
    >>> name, round(chances["punctate"], 2)
    ('punctate', 1.0)
    """
    model = load_forms()
    found = dict.fromkeys(model.usual, 0.0)
    seen = 0.0
    if form is not None:
        seen = 1.0 / (1.0 + math.exp(-(form.blurs - SEEN_BLURS) / SEEN_WIDTH))
        found = {n: seen * p for n, p in model.probabilities_of(measures_of(form)).items()}
    lump = found.pop(LUMP) + 1.0 - seen
    small = _share_below(diameter, PUNCTATE_MM)
    longest = max(diameter.value, form.caliper_mm) if form is not None else diameter.value
    large = NormalDist(COARSE_MM, COARSE_SD_MM).cdf(longest)
    irregular = found.get("coarse", 0.0)
    found["coarse"] = irregular * large
    found["punctate"] = small * lump
    found["nodular"] = (1.0 - small) * lump + irregular * (1.0 - large)
    kept = {name: max(value, LEAST_PROBABILITY) for name, value in found.items()}
    total = sum(kept.values())
    ordered = sorted(kept.items(), key=lambda item: (-item[1], item[0]))
    probabilities = {name: value / total for name, value in ordered}
    return ordered[0][0], MappingProxyType(probabilities)


def _share_below(measured: Measurement, limit: float) -> float:
    """Return the probability that a measured size lies below a limit."""
    if measured.low is None or measured.high is None or measured.high <= measured.low:
        return 1.0 if measured.value <= limit else 0.0
    return NormalDist(measured.value, (measured.high - measured.low) / 3.92).cdf(limit)
