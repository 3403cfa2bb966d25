"""Nouns of a made-up examination, as the rooms below would hand them on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hepalith.anatomy import Liver, Phase
from hepalith.anatomy.anatomy import Anatomy
from hepalith.anatomy.depth import Depth
from hepalith.anatomy.phases import PhaseImage
from hepalith.calcification import Detectability, Foci, Focus
from hepalith.differential import Diagnosis, Differential, Evidence
from hepalith.finding import Finding, Pattern, Subject
from hepalith.finding.description import Description
from hepalith.geometry import Box, Grid, StoredOrder
from hepalith.image import Volume
from hepalith.management import Action, Alert, NextTest, Plan, Repeat
from hepalith.reading import Conclusion, CtRead, Examination, Reading
from hepalith.reading.assemble import assemble as put_together
from hepalith.reading.ct_maps import keep_part
from hepalith.settings import Settings
from hepalith.study import Acquisition, Identity, InputFile, Instance, Series, SeriesLeft, Study
from hepalith.study.patient import Patient
from hepalith.vocabulary import Measurement, NotAssessable, State

SHAPE = (60, 128, 144)
SPACING_MM = (2.5, 1.5, 1.5)
HU = "[hnsf'U]"


def make_grid() -> Grid:
    affine = np.zeros((4, 4))
    affine[2, 0], affine[1, 1], affine[0, 2] = SPACING_MM
    affine[:, 3] = (-108.0, -96.0, -300.0, 1.0)
    return Grid(SHAPE, affine)


def ellipsoid(centre: tuple[float, ...], radii_mm: tuple[float, ...]) -> NDArray[np.bool_]:
    """Return the voxels inside an ellipsoid, its centre in voxels."""
    k, j, i = (np.arange(n)[(slice(None),) + (None,) * (2 - a)] for a, n in enumerate(SHAPE))
    distance = sum(
        ((axis - c) * s / r) ** 2
        for axis, c, s, r in zip((k, j, i), centre, SPACING_MM, radii_mm, strict=True)
    )
    return np.asarray(distance < 1)


CENTRES = ((30, 60, 50), (22, 50, 66), (38, 72, 40), (30, 40, 90))
RADII_MM = ((7.0, 6.0, 8.0), (2.6, 2.0, 2.2), (1.6, 1.4, 1.4), (4.0, 2.0, 2.0))
PEAKS = (820, 460, 260, 3071)


@cache
def make_volume(stored_order: StoredOrder | None = None) -> Volume:
    hu = np.random.default_rng(7).normal(-100, 12, SHAPE)
    body = ellipsoid((30, 64, 72), (400, 90, 105))
    hu[~body] = -1000
    hu[ellipsoid((30, 92, 72), (400, 14, 14))] += 420
    hu[make_liver_mask()] += 158
    for centre, radii, peak in zip(CENTRES, RADII_MM, PEAKS, strict=True):
        hu[ellipsoid(centre, radii)] = peak
    return Volume(
        np.clip(np.rint(hu), -1024, 3071).astype(np.int16),
        make_grid(),
        stored_order or StoredOrder(),
        ("Two slices were missing and were filled by their neighbours.",),
    )


@cache
def make_liver_mask() -> NDArray[np.bool_]:
    return ellipsoid((30, 58, 54), (68, 62, 60)) | ellipsoid((30, 44, 84), (40, 30, 42))


@cache
def make_liver() -> Liver:
    mask = make_liver_mask()
    box = Box.around(mask)
    part = mask[box.slices]
    millilitres = float(part.sum() * np.prod(SPACING_MM) / 1000)
    return Liver(
        box,
        part,
        part.astype(np.uint8),
        Depth.of(part.astype(np.float32) * 10),
        "builtin",
        Measurement(millilitres, "mL", millilitres * 0.95, millilitres * 1.05),
        0.99,
        0.87,
        ("the boundary to the stomach is uncertain",),
    )


def no_liver() -> Liver:
    empty = np.zeros((0, 0, 0), dtype=bool)
    return Liver(
        Box((0, 0, 0), (0, 0, 0)),
        empty,
        empty.astype(np.uint8),
        Depth.of(empty.astype(np.float32)),
        "builtin",
        Measurement(0.0, "mL"),
        0.0,
        0.0,
        ("no liver is in view: the scan ends above the diaphragm",),
    )


@cache
def make_foci() -> Foci:
    liver = Box.around(make_liver_mask())
    labels = np.zeros(SHAPE, dtype=np.int32)
    foci = []
    names = ("calcification", "calcification", "calcification", "clip_or_coil")
    shapes = ("coarse", "nodular", "punctate", "linear")
    for n, (centre, radii, peak) in enumerate(zip(CENTRES, RADII_MM, PEAKS, strict=True), start=1):
        here = ellipsoid(centre, radii)
        labels[here] = n
        volume = float(here.sum() * np.prod(SPACING_MM))
        x, y, z = (float(v) for v in make_grid().to_lps(centre))
        excess = volume * (peak - 58)
        foci.append(
            Focus(
                n,
                names[n - 1],
                (0.99, 0.96, 0.81, 0.97)[n - 1],
                "far denser than liver, compact, apart from vessels and surface"
                if n < 4
                else "denser than any calcium (3071 HU) with streaks",
                (x, y, z),
                Measurement(volume, "mm3", volume * 0.8, volume * 1.2),
                n == 3,
                Measurement(2 * max(radii), "mm", 2 * max(radii) - 0.8, 2 * max(radii) + 0.8),
                Measurement(58.2, HU, 56.9, 59.5),
                Measurement(float(peak), HU),
                Measurement(float(peak), HU),
                Measurement(excess, f"{HU}.mm3", excess * 0.9, excess * 1.1),
                NotAssessable("no calibration given (--hu-per-mg-ml)"),
                Measurement(volume / 3, "1"),
                shapes[n - 1],
                {shapes[n - 1]: 0.8, "amorphous": 0.2},
                ("right", "right", "right", "left")[n - 1],
                Measurement((31.0, 12.0, 22.0, 4.0)[n - 1], "mm"),
            )
        )
    return Foci(
        tuple(foci),
        liver,
        labels[liver.slices],
        Detectability(
            Measurement(2.1, "mm", 1.8, 2.6), 250.0, "noise 12 HU, blur 1.6 mm in plane, slices of 2.5 mm"
        ),
    )


def no_foci() -> Foci:
    nothing = Box((0, 0, 0), (0, 0, 0))
    return Foci(
        (),
        nothing,
        np.zeros((0, 0, 0), dtype=np.int32),
        Detectability(NotAssessable("no liver in view"), 250.0, "no liver in view"),
    )


def make_findings() -> tuple[Finding, ...]:
    liver = Subject("liver")
    return (
        Finding("multiple_foci", liver, State.PRESENT, 0.99),
        Finding(
            "largest_calcium", Subject("focus", "2"), State.PRESENT, 0.97, Measurement(5.2, "mm", 4.4, 6.0)
        ),
        Finding("lobar_atrophy", liver, State.ABSENT, 0.04),
        Finding("dilated_ducts", Subject("duct"), State.UNKNOWN),
        Finding(
            "washout",
            liver,
            State.NOT_ASSESSABLE,
            reason="without contrast medium enhancement cannot be seen",
        ),
    )


def make_differential() -> Differential:
    rows = (
        ("simple_healed", 0.612345678),
        ("hepatolithiasis", 0.2012345678),
        ("metastasis_crc", 0.0923456789),
        ("haemangioma", 0.0456789123),
        ("none_of_these", 0.0483951726),
    )
    total = sum(p for _, p in rows)
    return Differential(
        tuple(
            Diagnosis(
                name,
                p / total,
                0.4 * p,
                min(1.0, 1.3 * p),
                p / total,
                (
                    Evidence("largest_calcium", 0.42, "Patnaik 2015, grade C"),
                    Evidence("multiple_foci", 0.08, "our judgement, grade E"),
                ),
                (Evidence("dilated_ducts", -0.11, "Kim 2018, grade C"),),
                -0.2,
            )
            for name, p in rows
        ),
        (),
        "screening",
        "sha256:0123456789abcdef",
    )


def make_plan() -> Plan:
    return Plan(
        "guideline",
        "2026.1",
        (
            Action(
                "follow_up_ultrasound",
                {
                    "en": "Ultrasound of the liver to confirm that the foci are stable",
                    "zh": "肝脏超声复查，确认病灶稳定",
                },
                (3.0, 6.0),
                (date(2025, 6, 14), date(2025, 9, 14)),
                Repeat((3.0, 6.0), 36.0),
                "expert opinion",
                "article, section on simple calcification",
            ),
        ),
        (
            Alert(
                "alert_host",
                {
                    "en": "A known primary tumour with liver calcification: metastasis must be excluded.",
                    "zh": "已知原发肿瘤合并肝钙化：须排除转移。",
                },
                "evidence review, section 4",
            ),
        ),
        (
            NextTest(
                "liver_mri",
                {"en": "would show a mass around the calcification", "zh": "可显示钙化周围肿块"},
                harm={"en": "contrast medium", "zh": "对比剂"},
            ),
        ),
    )


def make_study() -> Study:
    series = make_series()
    return Study(
        "1.2.826.0.1.3680043.8.498.1",
        date(2025, 3, 14),
        Identity("MRN-4711", "Doe^Jane", "19610203", "F", 64.0),
        (series,),
        (InputFile("ct/0001.dcm", "ab" * 32),),
        left=(SeriesLeft("1.2.3.9", "a localiser"),),
    )


def make_series() -> Series:
    return Series(
        "1.2.826.0.1.3680043.8.498.2",
        "CT",
        "Abdomen B30f",
        3,
        "1.2.826.0.1.3680043.8.498.3",
        Acquisition(2.5, "B30f", 120.0, "", None, "Maker Model 64"),
        (Instance(Path("ct/0001.dcm"), None, "1.2.840.10008.5.1.4.1.1.2", "1.2.3.4.5", 0),),
    )


@dataclass(frozen=True)
class Examined:
    """A CT examination, as these tests vary it."""

    study: Study
    series: Series
    left: tuple[SeriesLeft, ...]
    volume: Volume
    sha256: str
    phases: tuple[PhaseImage, ...] = ()


@dataclass(frozen=True)
class Assessment:
    """What was made of it."""

    liver: Liver
    phase: Phase
    foci: Foci
    findings: tuple[Finding, ...]
    seen: Description
    differential: Differential
    plan: Plan
    anatomy: Anatomy | None = None
    noise_hu: float | None = None


def assemble(
    examined: Examined, made: Assessment, patient: Patient, settings: Settings, **key: bytes
) -> Reading:
    """Put both together as the pipeline does."""
    kept, box = keep_part(examined.volume, made.liver, made.foci)
    ct = CtRead(
        examined.series,
        kept,
        box,
        examined.volume.grid,
        examined.sha256,
        examined.phases,
        made.liver,
        made.phase,
        made.foci,
        made.seen,
        made.anatomy,
        made.noise_hu,
    )
    conclusion = Conclusion(made.findings, made.seen.patterns, made.differential, made.plan)
    return put_together(Examination(examined.study, examined.left, ct), conclusion, patient, settings, **key)


def make_examined(**changes: object) -> Examined:
    study = make_study()
    examined = Examined(
        study, study.series[0], (SeriesLeft("1.2.3.10", "thicker slices (5 mm)"),), make_volume(), "cd" * 32
    )
    return replace(examined, **changes)


def make_assessment(**changes: object) -> Assessment:
    assessment = Assessment(
        make_liver(),
        Phase("none", 0.97),
        make_foci(),
        make_findings(),
        Description((), (Pattern("scattered", 0.9, (1, 2, 3)),)),
        make_differential(),
        make_plan(),
        None,
        12.4,
    )
    if "patterns" in changes:
        changes["seen"] = Description((), changes.pop("patterns"))
    return replace(assessment, **changes)


def unanswerable_assessment() -> Assessment:
    repeat = Action(
        "repeat_examination",
        {"en": "Repeat with the liver in view", "zh": "重新扫描，包括肝脏"},
        None,
        None,
        None,
        "our judgement",
        "policy",
    )
    return make_assessment(
        liver=no_liver(),
        foci=no_foci(),
        findings=(),
        patterns=(),
        differential=Differential(()),
        plan=Plan("guideline", "2026.1", (repeat,)),
        noise_hu=None,
        phase=Phase("unknown", 0.0),
    )


def make_reading(settings: Settings | None = None, **changes: object) -> Reading:
    return assemble(make_examined(), make_assessment(**changes), Patient(), settings or Settings())
