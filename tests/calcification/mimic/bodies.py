"""Bodies that tests of judges, arbiter and training start from."""

from hepalith.calcification.mimic.appearance import Appearance, Shape

COMPACT = Shape((1.0, 1.0, 1.0), 1.0, 1.0, 0.0, 0, 1.0, 3.0, 0.3)
"""Rounded and small."""

CALCIUM = Appearance(
    peak_hu=600.0,
    peak_excess_hu=540.0,
    deviations=36.0,
    goes_on=False,
    voxels=30,
    inside_share=1.0,
    liver_about=1.0,
    outside_mm3=0.0,
    outside_dense=0.0,
    metal_mm=float("inf"),
    metal_slices=False,
    gas_about=0.0,
    outside_hu=None,
    dark_about=2.0,
    blood_hu=60.0,
    core_hu=560.0,
    core_se_hu=6.0,
    enhanced=0.0,
    bone_mm=float("inf"),
    shape=COMPACT,
)
"""A plain focus of calcium in the middle of an unenhanced liver."""
