"""Judges name what a bright thing is, with a probability and a reason."""

import dataclasses

import numpy as np
import pytest
from tests.calcification.mimic.bodies import CALCIUM, COMPACT

from hepalith.calcification.mimic.casting import Cast
from hepalith.calcification.mimic.company import ALONE
from hepalith.calcification.mimic.judge import LABELS, judge
from hepalith.calcification.mimic.leading import Leading
from hepalith.calcification.mimic.wire_tube import WireTube

DRAWN_OUT = dataclasses.replace(COMPACT, lengths_mm=(6.0, 1.0, 1.0), elongation=6.0)
CLOUD = dataclasses.replace(COMPACT, lengths_mm=(4.0, 3.5, 3.0), fill=0.6, variation=0.5, blurs=8.0)
BENT = dataclasses.replace(COMPACT, lengths_mm=(4.0, 3.5, 2.0), fill=0.4, hollow=0.1)
LOOPS = dataclasses.replace(COMPACT, lengths_mm=(2.4, 2.0, 1.9), elongation=1.2, fill=0.58)
WOUND = Cast(22.0, 14.0, 3, 0.1, 800.0, 1100.0, 2.6)
STENT = WireTube(np.zeros((1, 3)), 54.0, 4.8, hollow=True, gas=True, metal=False)
GLUE = Cast(28.0, 20.0, 2, 0.1, 1100.0, 1300.0, 3.0)
IN_GALLBLADDER = dataclasses.replace(ALONE, organs={"gallbladder": 0.7}, depth_mm=-3.0, fluid=0.8)
IN_COLON = dataclasses.replace(ALONE, organs={"bowel": 0.6, "liver": 0.3}, depth_mm=1.0)
AT_HILUM = dataclasses.replace(ALONE, organs={"background": 0.5, "liver": 0.4}, depth_mm=-2.0, at_hilum=1.0)
ON_DOME = dataclasses.replace(ALONE, organs={"lung": 0.4}, depth_mm=-1.0, gas_mm=4.0)
BY_GAS = dataclasses.replace(ALONE, gas_mm=1.5)
BY_OIL = dataclasses.replace(ALONE, oil_mm=1.5)
FAR_FROM_OIL = dataclasses.replace(ALONE, oil_mm=9.0)


def test_probabilities_cover_every_label_and_sum_to_one() -> None:
    verdict = judge(CALCIUM)
    assert set(verdict.probabilities) == set(LABELS)
    assert sum(verdict.probabilities.values()) == pytest.approx(1.0)
    assert verdict.label == "calcification"
    assert verdict.probability > 0.9
    assert "600 HU" in verdict.reason


@pytest.mark.parametrize(
    ("change", "label"),
    [
        ({"peak_hu": 2600.0, "metal_mm": 0.0}, "clip_or_coil"),
        (
            {"peak_hu": 2600.0, "metal_mm": 0.0, "thickness": 5.0, "thick_mm": 6.0, "core_hu": 1500.0},
            "calcification",
        ),
        ({"company": dataclasses.replace(ALONE, tube=STENT)}, "stent_or_catheter"),
        ({"shape": CLOUD, "peak_hu": 1660.0, "peak_excess_hu": 1600.0, "texture": 0.5}, "lipiodol"),
        (
            {
                "shape": CLOUD,
                "peak_hu": 3071.0,
                "peak_excess_hu": 3000.0,
                "texture": 0.5,
                "metal_mm": 0.0,
                "thickness": 6.0,
                "thick_mm": 9.0,
                "core_hu": 1500.0,
            },
            "lipiodol",
        ),
        ({"shape": LOOPS, "cast": WOUND, "peak_hu": 1170.0, "peak_excess_hu": 1075.0}, "clip_or_coil"),
        ({"shape": LOOPS, "cast": WOUND, "peak_hu": 700.0, "peak_excess_hu": 640.0}, "calcification"),
        ({"company": BY_OIL}, "lipiodol"),
        ({"company": FAR_FROM_OIL}, "calcification"),
        ({"shape": DRAWN_OUT, "peak_hu": 1160.0, "cast": GLUE}, "glue"),
        ({"company": IN_GALLBLADDER, "inside_share": 0.1, "liver_about": 0.5}, "gallstone"),
        ({"company": IN_COLON, "inside_share": 0.4, "liver_about": 0.5}, "bowel_content"),
        (
            {"company": AT_HILUM, "inside_share": 0.2, "liver_about": 0.4, "shape": BENT},
            "vessel_wall_calcification",
        ),
        ({"company": ON_DOME, "inside_share": 0.4, "liver_about": 0.5, "shape": BENT}, "bone_or_cartilage"),
        ({"company": BY_GAS, "peak_hu": 135.0, "peak_excess_hu": 75.0}, "gas"),
        (
            {
                "outside_mm3": 5000.0,
                "outside_dense": 0.6,
                "bone_mm": 0.0,
                "liver_about": 0.4,
                "inside_share": 0.3,
            },
            "bone_or_cartilage",
        ),
        (
            {
                "enhanced": 0.95,
                "blood_hu": 250.0,
                "core_hu": 240.0,
                "peak_hu": 270.0,
                "shape": DRAWN_OUT,
                "goes_on": True,
            },
            "iodine_in_vessel",
        ),
        (
            {
                "peak_excess_hu": 80.0,
                "peak_hu": 140.0,
                "metal_slices": True,
                "metal_mm": 25.0,
                "dark_about": 14.0,
            },
            "noise_or_streak",
        ),
        ({"inside_share": 0.0, "liver_about": 0.5, "gas_about": 0.1, "outside_hu": 40.0}, "bowel_content"),
        ({"inside_share": 0.0, "liver_about": 0.5, "outside_hu": 8.0, "peak_excess_hu": 150.0}, "gallstone"),
        ({"peak_hu": 118.0, "peak_excess_hu": 58.0, "liver_about": 0.5}, "undetermined"),
    ],
)
def test_each_mimic_is_named_by_its_evidence(change: dict[str, object], label: str) -> None:
    verdict = judge(dataclasses.replace(CALCIUM, **change))  # type: ignore[arg-type]
    assert verdict.label == label
    assert verdict.reason


def test_what_goes_on_as_blood_does_is_a_vessel_though_it_looks_round() -> None:
    end_on = dataclasses.replace(
        CALCIUM,
        enhanced=0.8,
        blood_hu=131.0,
        core_hu=133.0,
        peak_hu=151.0,
        peak_excess_hu=103.0,
        goes_on=True,
        leading=Leading(away=0.7, through=0.0),
    )
    assert judge(end_on).label == "iodine_in_vessel"
    assert judge(dataclasses.replace(end_on, core_hu=260.0, peak_hu=330.0)).label == "calcification"


def test_a_strand_far_brighter_than_blood_is_calcium_though_its_pieces_go_on() -> None:
    piece = dataclasses.replace(
        CALCIUM, enhanced=0.98, blood_hu=157.0, core_hu=255.0, peak_hu=280.0, peak_excess_hu=180.0,
        shape=DRAWN_OUT, goes_on=True, leading=Leading(away=0.5, through=0.4),
    )  # fmt: skip
    assert judge(piece).label == "calcification"
    assert judge(dataclasses.replace(piece, core_hu=165.0, peak_hu=190.0)).label == "iodine_in_vessel"


def test_bright_bodies_far_above_blood_stay_calcium_in_an_enhanced_scan() -> None:
    assert judge(dataclasses.replace(CALCIUM, enhanced=0.98, blood_hu=200.0)).label == "calcification"


def test_the_same_words_are_not_said_for_and_against() -> None:
    metal = judge(dataclasses.replace(CALCIUM, peak_hu=3071.0, metal_mm=0.0, shape=DRAWN_OUT))
    assert metal.reason.count("denser than calcium") == 1


def test_a_rounded_body_clearly_darker_than_blood_is_no_vessel_though_enhanced() -> None:
    grain = dataclasses.replace(COMPACT, lengths_mm=(2.4, 2.3, 2.2), blurs=6.0)
    body = {
        "shape": grain,
        "thickness": 3.0,
        "thick_mm": 4.0,
        "peak_hu": 260.0,
        "core_hu": 215.0,
        "peak_excess_hu": 195.0,
    }
    seen = dataclasses.replace(CALCIUM, enhanced=0.98, blood_hu=298.0, **body)  # type: ignore[arg-type]
    assert judge(seen).label == "calcification"


def test_a_strand_with_places_brighter_than_blood_is_no_vessel() -> None:
    body = {"shape": DRAWN_OUT, "goes_on": True, "enhanced": 0.98, "blood_hu": 316.0, "core_hu": 298.0}
    assert judge(dataclasses.replace(CALCIUM, peak_hu=310.0, **body)).label == "iodine_in_vessel"  # type: ignore[arg-type]
    assert judge(dataclasses.replace(CALCIUM, peak_hu=450.0, **body)).label == "calcification"  # type: ignore[arg-type]


def test_a_long_faint_plate_along_the_chest_wall_is_cartilage_that_the_mask_takes_in() -> None:
    plate = dataclasses.replace(COMPACT, lengths_mm=(9.0, 3.0, 2.5), elongation=3.0)
    at_edge = dataclasses.replace(CALCIUM, shape=plate, bone_mm=18.0, liver_about=0.58)
    faint = judge(dataclasses.replace(at_edge, peak_hu=130.0, peak_excess_hu=80.0))
    dense = judge(dataclasses.replace(at_edge, peak_hu=700.0, peak_excess_hu=650.0))
    assert (faint.label, dense.label) == ("bone_or_cartilage", "calcification")
    assert faint.probability > 0.85
