"""Derive the constants of `hepalith.phantom.scanner.spectrum` from published attenuation coefficients.

Run: ``python benchmarks/spectra.py`` in an environment with ``spekpy`` and ``xraydb``. Prints the
tables as they stand in the package. Tube spectra are SpekPy's (tungsten, 7 degrees, 3 mm Al and
0.9 mm Ti: a half-value layer of 8.1 mm Al at 120 kVp, as CT tubes have); attenuation coefficients are
Elam's, by XrayDB. The detector integrates energy. What a scanner shows is the spectrum behind
`BODY_MM` of water, its water correction taken as perfect.

References
----------
.. [1] G. Poludniowski et al., "Technical Note: SpekPy v2.0", Medical Physics 48:3630-3637, 2021.
       doi:10.1002/mp.14945
.. [2] W. T. Elam, B. D. Ravel, J. R. Sieber, "A new atomic database for X-ray spectroscopic calculations",
       Radiation Physics and Chemistry 63:121-128, 2002. doi:10.1016/S0969-806X(01)00227-4
.. [3] M. Newville et al., XrayDB, https://xraypy.github.io/XrayDB/
"""

from __future__ import annotations

import numpy as np
import spekpy
import xraydb
from numpy.typing import NDArray
from scipy.optimize import brentq

VOLTAGES = (80, 100, 120, 140)
"""kVp of the tables."""

BODY_MM = 250.0
"""Water that the rays have passed where HU are defined: an ordinary abdomen."""

BINS = 12
"""Energies that stand for a spectrum."""

ISOCENTRE_CM = 57.0
"""From the focal spot to the axis, where fluence is stated: between the makers' 54 and 61 cm."""

MATERIALS = {
    "water": ("H2O", 1.0),
    "hydroxyapatite": ("Ca5P3O13H", 3.16),
    "iodine": ("I", 4.93),
    "titanium": ("Ti", 4.51),
    "steel": ("Fe70Cr19Ni11", 7.9),
}
"""Formula and density (g/mL) of what the tables hold."""

Array = NDArray[np.float64]


def attenuation(material: str, energies_kev: Array) -> Array:
    """Return the linear attenuation of a material at its density, 1/mm."""
    formula, density = MATERIALS[material]
    return np.asarray(xraydb.material_mu(formula, energies_kev * 1000, density=density)) / 10


def spectrum(kvp: int) -> tuple[Array, Array, float]:
    """Return energies, the detected energy at each (sum 1), and photons per mm² and mAs at the axis."""
    tube = spekpy.Spek(kvp=kvp, th=7, dk=1.0, z=ISOCENTRE_CM)
    tube.filter("Al", 3.0).filter("Ti", 0.9)
    energies, fluence = tube.get_spectrum(edges=False)
    return energies, fluence * energies / (fluence * energies).sum(), float(tube.get_flu()) / 100


def grouped(energies: Array, weights: Array) -> tuple[Array, Array]:
    """Return the spectrum in `BINS` energies of like weight behind half a body, each at its mean."""
    seen = weights * np.exp(-attenuation("water", energies) * BODY_MM / 2)
    place = np.minimum((np.cumsum(seen) / seen.sum() * BINS).astype(int), BINS - 1)
    total = np.bincount(place, weights, BINS)
    return np.bincount(place, weights * energies, BINS) / total, total


def reading(energies: Array, weights: Array, water_mm: float, other: Array, other_mm: float) -> float:
    """Return the length of water that a ray through water and another material seems to have passed."""
    water = attenuation("water", energies)

    def signal(lengths: float, more: float) -> float:
        return float((weights * np.exp(-water * lengths - other * more)).sum())

    level = np.log(signal(water_mm, other_mm))
    return float(brentq(lambda w: np.log(signal(w, 0.0)) - level, 0, 3000))


def slope(energies: Array, weights: Array, material: str, *, displacing: bool) -> float:
    """Return the HU of 1 mg/mL of a material in water behind the body."""
    density = MATERIALS[material][1]
    water = attenuation("water", energies)
    other = (attenuation(material, energies) - (water if displacing else 0)) / (density * 1000)
    seen = weights * np.exp(-water * BODY_MM)
    return float((seen * other).sum() / (seen * water).sum() * 1000)


def bone_error(energies: Array, weights: Array, hu_per_mg_ml: float) -> list[float]:
    """Return the fit of what mineral reads short: b·(a0 + a1·w + a2·b + a3·w·b + a4·w²), in 100 mm.

    b is the line integral of the mineral's excess (HU/1000), w that of water.
    """
    water, mineral = attenuation("water", energies), attenuation("hydroxyapatite", energies)
    density = MATERIALS["hydroxyapatite"][1] * 1000
    per_hu = (mineral - water) / density * 1000 / hu_per_mg_ml  # per mm of excess 1
    rows, errors = [], []
    for w in np.linspace(50, 450, 9):
        for b in np.linspace(4, 80, 9):
            seen = reading(energies, weights, float(w), per_hu, float(b))
            u, v = w / 100, b / 100
            rows.append([v, v * u, v * v, v * v * u, v * u * u])
            errors.append(seen - w - b)
    fit, *_ = np.linalg.lstsq(np.asarray(rows), np.asarray(errors), rcond=None)
    left = np.abs(np.asarray(rows) @ fit - errors)
    print(f"# worst residual of the fit {left.max():.2f} mm of {np.abs(errors).max():.1f} mm")
    return [float(f) for f in fit]


def show(values: Array | list[float], digits: int = 5) -> str:
    """Return numbers as Python text."""
    return "(" + ", ".join(f"{v:.{digits}g}" for v in values) + ")"


def main() -> None:
    """Print every table."""
    for kvp in VOLTAGES:
        energies, weights, fluence = spectrum(kvp)
        few, shares = grouped(energies, weights)
        water = attenuation("water", energies)
        seen = weights * np.exp(-water * BODY_MM)
        calcium = slope(energies, weights, "hydroxyapatite", displacing=True)
        iodine = slope(energies, weights, "iodine", displacing=False)
        print(f"\n{kvp}: kVp")
        check = slope(few, shares, "hydroxyapatite", displacing=True)
        print(f"  hu_per_mg_ml {calcium:.4f}, in few energies {check:.4f}")
        print(f"  iodine_hu_per_mg_ml {iodine:.3f}")
        print(f"  photons_per_mm2_mas {fluence:.4g}; water_per_mm {(seen * water).sum() / seen.sum():.6f}")
        for metal in ("titanium", "steel"):
            times = (seen * attenuation(metal, energies)).sum() / (seen * water).sum()
            print(f"  {metal}_hu {1000 * (times - 1):.0f}")
        print("  energies", show(few, 4))
        print("  weights", show(shares, 4))
        for name in ("water", "titanium", "steel"):
            print(f"  {name}", show(attenuation(name, few)))
        density = MATERIALS["hydroxyapatite"][1]
        mineral = (attenuation("hydroxyapatite", few) - attenuation("water", few)) / density / calcium
        print("  mineral of 1000 HU", show(mineral, 6))
        print("  bone_error", show(bone_error(energies, weights, calcium)))
        cup = [reading_error(energies, weights, w) for w in (100.0, 200.0, 300.0, 400.0)]
        print("  uncorrected water error mm at 100..400:", show(cup))


def reading_error(energies: Array, weights: Array, water_mm: float) -> float:
    """Return how much shorter a length of water seems without water correction, scaled right at `BODY_MM`."""
    water = attenuation("water", energies)

    def raw(w: float) -> float:
        return -float(np.log((weights * np.exp(-water * w)).sum()))

    return raw(water_mm) / raw(BODY_MM) * BODY_MM - water_mm


if __name__ == "__main__":
    main()
