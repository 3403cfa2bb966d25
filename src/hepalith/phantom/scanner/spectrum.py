"""Beams of 80 to 140 kVp: what calcium, iodine and metal weigh in each, and how they harden it.

The numbers are derived from published attenuation coefficients by ``benchmarks/spectra.py``: SpekPy's
tube spectra (tungsten, 7°, 3 mm Al and 0.9 mm Ti), XrayDB's coefficients, an energy-integrating
detector, HU defined behind 250 mm of water with a perfect water correction.

References
----------
.. [1] G. Poludniowski et al., "Technical Note: SpekPy v2.0 - a software toolkit for modeling x-ray
       tube spectra", Medical Physics 48:3630-3637, 2021. doi:10.1002/mp.14945
.. [2] W. T. Elam, B. D. Ravel, J. R. Sieber, "A new atomic database for X-ray spectroscopic
       calculations", Radiation Physics and Chemistry 63:121-128, 2002.
       doi:10.1016/S0969-806X(01)00227-4 (the coefficients in XrayDB)
"""

from __future__ import annotations

from dataclasses import dataclass, fields

__all__ = ["BEAMS", "Beam", "beam_at"]

Row = tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Beam:
    """One tube voltage.

    Parameters
    ----------
    kvp
        Peak voltage of the tube.
    hu_per_mg_ml, iodine_hu_per_mg_ml
        HU of 1 mg/mL of hydroxyapatite (in place of water) and of iodine.
    titanium_hu, steel_hu
        HU of thin metal.
    photons_per_mm2_mas
        Photons that reach the axis, 57 cm from the focal spot, without a patient.
    water_per_mm
        Attenuation of water behind 250 mm of it.
    weights, water, titanium, steel
        Detected energy (sum 1) and attenuation (1/mm) at twelve energies that stand for the beam.
    bone_error
        What a ray through mineral seems short of: ``b (a0 + a1 w + a2 b + a3 w b + a4 w²)`` in mm of
        water, b the line integral of the mineral's HU/1000, w that of water, both in 100 mm; fitted
        over w from 50 to 450 mm and b to 80 mm, with a worst residual of 0.6 mm.
    """

    kvp: float
    hu_per_mg_ml: float
    iodine_hu_per_mg_ml: float
    titanium_hu: float
    steel_hu: float
    photons_per_mm2_mas: float
    water_per_mm: float
    weights: Row
    water: Row
    titanium: Row
    steel: Row
    bone_error: Row


BEAMS = (
    Beam(
        80.0, 1.7949, 40.084, 17404.0, 49702.0, 1.784e6, 0.020869,
        (0.1842, 0.09936, 0.08232, 0.08566, 0.0862, 0.06403, 0.06929, 0.07803, 0.07103, 0.0489, 0.069,
         0.06201),
        (0.028514, 0.024343, 0.02313, 0.022293, 0.021599, 0.021093, 0.020734, 0.020358, 0.019939, 0.019622,
         0.0193, 0.018804),
        (1.1903, 0.72172, 0.59239, 0.50668, 0.43846, 0.39083, 0.3584, 0.32579, 0.29127, 0.26657, 0.24285,
         0.20928),
        (3.4033, 2.0454, 1.6684, 1.4181, 1.2186, 1.0791, 0.98406, 0.88832, 0.78689, 0.71425, 0.64448,
         0.54577),
        (18.205, -9.1032, -20.035, 3.4246, 0.56398),
    ),
    Beam(
        100.0, 1.4785, 30.670, 13591.0, 38330.0, 3.499e6, 0.019641,
        (0.1682, 0.1112, 0.08097, 0.06071, 0.0991, 0.08156, 0.07572, 0.06917, 0.07346, 0.05281, 0.06557,
         0.06149),
        (0.026566, 0.022673, 0.021492, 0.020951, 0.020567, 0.020004, 0.019574, 0.019195, 0.01875, 0.018368,
         0.018, 0.017516),
        (0.96833, 0.54519, 0.42817, 0.37785, 0.34373, 0.29643, 0.26291, 0.23547, 0.20582, 0.18294, 0.16306,
         0.14029),
        (2.7617, 1.5306, 1.1885, 1.0411, 0.941, 0.80205, 0.70351, 0.62278, 0.53562, 0.46842, 0.41018,
         0.34368),
        (18.327, -9.1738, -21.168, 3.4464, 0.52291),
    ),
    Beam(
        120.0, 1.2904, 24.807, 11319.0, 31526.0, 5.529e6, 0.018787,
        (0.1547, 0.1047, 0.0567, 0.1293, 0.0877, 0.07506, 0.07573, 0.07276, 0.05645, 0.07001, 0.05656,
         0.0603),
        (0.025404, 0.021799, 0.020961, 0.020465, 0.01971, 0.019254, 0.018702, 0.018212, 0.017821, 0.017445,
         0.017054, 0.016593),
        (0.8382, 0.45773, 0.37874, 0.33487, 0.2733, 0.23957, 0.20286, 0.17424, 0.15417, 0.13727, 0.12203,
         0.107),
        (2.3842, 1.275, 1.0437, 0.91499, 0.73404, 0.63482, 0.52692, 0.44293, 0.38418, 0.3349, 0.2906,
         0.24715),
        (19.348, -9.7371, -22.632, 3.6379, 0.53651),
    ),
    Beam(
        140.0, 1.1602, 20.623, 9743.0, 26793.0, 7.720e6, 0.018095,
        (0.151, 0.1021, 0.1041, 0.09299, 0.08428, 0.07432, 0.07358, 0.07018, 0.0646, 0.06476, 0.05858,
         0.05948),
        (0.02445, 0.021212, 0.020541, 0.019756, 0.019161, 0.018487, 0.017957, 0.017502, 0.017102, 0.016722,
         0.016335, 0.015859),
        (0.73325, 0.40186, 0.34143, 0.27682, 0.23309, 0.18979, 0.16085, 0.13968, 0.1238, 0.11089, 0.099813,
         0.088563),
        (2.079, 1.1114, 0.93425, 0.74441, 0.61578, 0.48853, 0.40371, 0.34191, 0.29572, 0.25835, 0.2265,
         0.19448),
        (20.488, -10.418, -23.966, 3.9574, 0.58382),
    ),
)  # fmt: skip
"""The tables of ``benchmarks/spectra.py``."""


def beam_at(kvp: float) -> Beam:
    """Return the beam of a tube voltage, interpolated between those of the tables.

    Raises
    ------
    ValueError
        Outside 80 to 140 kVp.

    Examples
    --------
    >>> beam_at(120).hu_per_mg_ml, round(beam_at(110).iodine_hu_per_mg_ml, 2)
    (1.2904, 27.74)
    """
    if not BEAMS[0].kvp <= kvp <= BEAMS[-1].kvp:
        raise ValueError(f"{kvp:g} kVp is outside {BEAMS[0].kvp:g} to {BEAMS[-1].kvp:g}")
    above = next(b for b in BEAMS[1:] if kvp <= b.kvp)
    below = BEAMS[BEAMS.index(above) - 1]
    share = (kvp - below.kvp) / (above.kvp - below.kvp)
    if share in (0.0, 1.0):
        return above if share else below

    def between(a: float | Row, b: float | Row) -> float | Row:
        if isinstance(a, tuple) and isinstance(b, tuple):
            return tuple(p + share * (q - p) for p, q in zip(a, b, strict=True))
        assert isinstance(a, float) and isinstance(b, float)  # noqa: S101, PT018 - fields are one or the other
        return a + share * (b - a)

    made = {f.name: between(getattr(below, f.name), getattr(above, f.name)) for f in fields(Beam)}
    return Beam(**made)  # type: ignore[arg-type]
