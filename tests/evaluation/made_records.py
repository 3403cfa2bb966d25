"""Lines of results made by hand, for tests of tables."""

from __future__ import annotations

import math
from types import MappingProxyType

from hepalith.evaluation.record import (
    BaselineRecord,
    FoundRecord,
    LiverRecord,
    PartRecord,
    Range,
    ReadingRecord,
    StudyRecord,
    TrueRecord,
)


def true(number: int, diameter: float = 4.0, excess: float = 300.0, *, found: bool = True) -> TrueRecord:
    volume = math.pi / 6 * diameter**3
    return TrueRecord(
        id=number,
        kind="nodular",
        label="calcification",
        diameter_mm=diameter,
        width_mm=diameter,
        excess_hu=excess,
        volume_mm3=volume,
        integrated_excess=volume * excess,
        morphology="nodular",
        segment="V",
        mass_mg=volume * excess / 1300,
        ideal_snr=10.0 * diameter * excess / 250 / 4,
        bound_excess=0.03,
        bound_volume=0.05,
        found=found,
        named="calcification" if found else "",
        cluster=number - 1,
    )


def body(
    number: int, of: TrueRecord | None, *, factor: float = 1.0, probability: float = 0.9, lobe: str = "right"
) -> FoundRecord:
    truth = of or true(99)

    def around(value: float) -> Range:
        return Range(value * factor, value * factor * 0.9, value * factor * 1.1)

    return FoundRecord(
        id=number,
        label="calcification",
        probability=probability,
        truly="calcification" if of else "nothing",
        organ="liver",
        truths=(of.id,) if of else (),
        integrated_excess=around(truth.integrated_excess),
        volume=around(truth.volume_mm3),
        diameter=around(truth.diameter_mm),
        mass_mg=around(truth.mass_mg or 0.0),
        morphology="nodular",
        morphology_probabilities=MappingProxyType({"nodular": 0.8, "rim": 0.2}),
        lobe=lobe,
    )


def study(
    seed: int,
    truths: tuple[TrueRecord, ...],
    found: tuple[FoundRecord, ...],
    *,
    slice_mm: float = 2.5,
    purpose: str = "foci",
    smallest_mm: float | None = 3.0,
    more: tuple[ReadingRecord, ...] = (),
) -> StudyRecord:
    reading = ReadingRecord(
        purpose=purpose,
        liver_source="found",
        true=truths,
        found=found,
        clusters=tuple((t.id,) for t in truths),
        liver=LiverRecord(0.95, 1.0, 3.0, 1500.0, Range(1480.0, 1400.0, 1560.0), 0.9, 1.0, 0.999),
        phase="portal",
        phase_probability=0.95,
        noise_hu=12.0,
        smallest_focus_mm=smallest_mm,
        smallest_focus_snr=None if smallest_mm is None else 7.5,
        ideal_focus_mm=2.0,
        ideal_focus_snr=6.0,
        baselines=(
            BaselineRecord(
                "130 HU",
                tuple(t.id for t in truths),
                (),
                tuple(
                    PartRecord((t.id,), t.volume_mm3 * 2, t.integrated_excess, 0.7 * t.integrated_excess)
                    for t in truths
                ),
                false_count=5,
            ),
        ),
        seconds=MappingProxyType({"liver": 3.0, "calcification": 2.0}),
        peak_mb=120.0,
    )
    return StudyRecord(
        key=f"spheres-{seed}",
        seed=seed,
        split="test",
        kind="spheres",
        fingerprint="0.1.0/spheres/abc",
        phase="portal",
        scanner=MappingProxyType({"slice_mm": slice_mm, "noise_hu": 12.0}),
        readings=(reading, *more),
    )
