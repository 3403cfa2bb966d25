"""Findings on ultrasound, on pictures drawn by hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from tests.finding.ultrasound.drawn_sonogram import Drawing, foci_of, in_other_picture

from hepalith.differential import diagnose
from hepalith.differential.differential import Differential
from hepalith.finding.description import Description
from hepalith.finding.finding import Finding
from hepalith.finding.person import findings_from_patient
from hepalith.finding.ultrasound.describe import describe_ultrasound
from hepalith.finding.ultrasound.echo import CALCIUM_BY_SHADOW
from hepalith.finding.ultrasound.limit import load_limits
from hepalith.management.facts import FACTS
from hepalith.management.known import Known
from hepalith.study.patient import Patient
from hepalith.vocabulary import Measurement, State, load_vocabulary

ADULT = Patient(age_years=50)


def read(*drawings: Drawing, motion: Mapping[int, float] | None = None) -> Description:
    looks = [d.look() for d in drawings]
    return describe_ultrasound(looks, foci_of(looks), motion or {})


def found(description: Description, name: str) -> Finding:
    (finding,) = (f for f in description.findings if f.id == name)
    return finding


def explained(description: Description) -> Differential:
    return diagnose(description.findings, description.patterns, ADULT)


def ranked(description: Description) -> dict[str, float]:
    return {d.diagnosis: d.probability for d in explained(description).diagnoses}


def liver(**more: object) -> Drawing:
    """Return a liver with one vessel, so that tubes are resolved."""
    drawing = Drawing(**more)  # type: ignore[arg-type]
    drawing.tube(60, 14, kind="vessel")
    return drawing


def simple(**more: object) -> Drawing:
    drawing = liver(**more)
    drawing.echo((200, 100))
    return drawing


def stones(**more: object) -> Drawing:
    drawing = liver(**more)
    drawing.tube(150, 16, kind="duct")
    for line in (80, 110, 140):
        drawing.echo((150, line), 5, label="calcification", grade="clean", expected=0.9, morphology="nodular")
    return drawing


# --- the vocabulary


def test_every_finding_of_ultrasound_is_said_once_and_is_its_own() -> None:
    description = read(simple())
    ids = [f.id for f in description.findings]
    assert ids == [t.id for t in load_vocabulary().of_group("finding") if "us" in t.modalities]
    assert {f.source for f in description.findings} == {"us"}


def test_what_could_not_be_judged_says_why_and_has_no_probability() -> None:
    for description in (read(simple()), read(liver()), read(stones(mm_per_px=None))):
        for finding in description.findings:
            if finding.state is State.NOT_ASSESSABLE:
                assert finding.reason
                assert finding.probability is None
            if finding.state is State.PRESENT and finding.probability is not None:
                assert finding.probability >= 0.5 or finding.value is not None
            if finding.state is State.ABSENT:
                assert finding.probability is not None
                assert finding.probability < 0.5


def test_without_a_liver_nothing_is_judged() -> None:
    look = simple().look()
    from_nowhere = type(look.sonogram)(
        **{
            **{name: getattr(look.sonogram, name) for name in look.sonogram.__slots__},
            "in_view": 0.0,
            "liver": np.zeros_like(look.sonogram.liver),
        }
    )
    blind = type(look)(look.image, look.picture, look.frame, look.levels, from_nowhere, look.echoes)
    description = describe_ultrasound([blind], foci_of([blind]), {})
    states = {f.state for f in description.findings if f.id not in ("doppler_flow_in_focus", "twinkling")}
    assert states == {State.NOT_ASSESSABLE}
    assert not explained(description).diagnoses


def test_findings_name_the_pictures_they_were_seen_in() -> None:
    description = read(simple())
    assert found(description, "intrahepatic_calcification").images == ("us_1",)
    assert found(description, "duct_relation").images == ("us_1",)


# --- presence and number


def test_nothing_seen_in_a_plane_is_no_absence() -> None:
    description = read(liver())
    assert found(description, "intrahepatic_calcification").state is State.NOT_ASSESSABLE
    assert found(description, "strong_echo").state is State.NOT_ASSESSABLE
    assert found(description, "focus_count").value == Measurement(0.0, "1")
    assert not explained(description).diagnoses


def test_a_bright_focus_without_a_shadow_is_counted_and_may_be_calcium() -> None:
    description = read(simple())
    calcium = found(description, "intrahepatic_calcification")
    assert calcium.state is State.PRESENT
    assert calcium.probability is not None
    assert 0.5 <= calcium.probability <= CALCIUM_BY_SHADOW["none"]


def test_a_clean_shadow_makes_calcium_likelier_and_a_missing_one_less() -> None:
    def chance(grade: str, expected: float | None) -> float:
        drawing = liver()
        drawing.echo((200, 100), 6, grade=grade, expected=expected)
        return found(read(drawing), "intrahepatic_calcification").probability or 0.0

    assert chance("clean", 0.9) > chance("faint", 0.9) > chance("none", None)
    missing = liver()
    missing.echo((200, 100), 12, grade="none", expected=0.97)
    assert found(read(missing), "intrahepatic_calcification").state is State.NOT_ASSESSABLE


def test_one_plane_leaves_room_for_other_foci_and_ten_leave_less() -> None:
    one = read(simple())
    look = simple().look()
    looks = [look, *(in_other_picture(liver().look(), f"us_{n}") for n in range(2, 11))]
    ten = describe_ultrasound(looks, foci_of([look]), {})
    chances = [found(d, "multiple_foci").probability or 0.0 for d in (one, ten)]
    assert chances[0] > chances[1] > 0
    solitary = [next(p.probability for p in d.patterns if p.id == "solitary") for d in (one, ten)]
    assert solitary[0] < solitary[1] < 1


def test_the_side_is_never_told_from_a_picture() -> None:
    for name in ("side_of_foci", "diffuse_bilobar"):
        assert found(read(stones()), name).state is State.NOT_ASSESSABLE


def test_sizes_need_the_size_of_a_pixel() -> None:
    assert found(read(simple()), "largest_calcium").value == Measurement(3.0, "mm")
    assert found(read(simple(mm_per_px=None)), "largest_calcium").state is State.NOT_ASSESSABLE
    held = read(stones(mm_per_px=None))
    assert isinstance(found(held, "dilated_ducts").value, type(None))
    assert all(not isinstance(r.calibre, Measurement) for r in held.ducts.values())


# --- tubes


def test_foci_in_a_tube_lie_in_its_lumen_and_one_in_the_tissue_apart() -> None:
    assert {r.relation for r in read(stones()).ducts.values()} == {"in_lumen"}
    assert {r.relation for r in read(simple()).ducts.values()} == {"apart"}


def test_a_stone_that_fills_its_tube_is_within_it() -> None:
    drawing = liver()
    drawing.tube(150, 12)
    drawing.echo((150, 110), 6, label="calcification", grade="clean")
    assert read(drawing).ducts[1].relation == "in_lumen"


def test_a_focus_at_one_side_of_a_tube_lies_in_its_wall_or_outside() -> None:
    drawing = liver()
    drawing.tube(150, 12, kind="vessel")
    drawing.echo((139, 110), 4)
    relation = read(drawing).ducts[1]
    assert relation.probabilities["in_lumen"] < 0.5
    assert relation.relation in ("in_wall", "along_portal_triad", "apart")


def test_without_any_tube_in_the_picture_the_relation_is_not_judged() -> None:
    drawing = Drawing()
    drawing.echo((200, 100))
    description = read(drawing)
    assert description.ducts[1].relation == "not_assessable"
    assert found(description, "duct_relation").state is State.NOT_ASSESSABLE
    assert found(description, "dilated_ducts").state is State.NOT_ASSESSABLE


def test_a_shadow_is_not_taken_for_a_tube() -> None:
    drawing = liver()
    drawing.echo((120, 100), 6, label="calcification", grade="clean", expected=0.9)
    assert read(drawing).ducts[1].relation == "apart"


def test_a_second_tube_beside_the_first_is_a_dilated_duct() -> None:
    drawing = simple()
    drawing.tube(150, 14, kind="duct", parallel=1.0)
    finding = found(read(drawing), "dilated_ducts")
    assert finding.state is State.PRESENT
    assert isinstance(finding.value, Measurement)
    assert finding.value.value == pytest.approx(7.0)


def test_a_duct_is_at_least_as_wide_as_its_stone() -> None:
    drawing = liver()
    drawing.tube(150, 12)
    drawing.forget_dark_bodies(keep=1)
    drawing.echo((150, 110), 4, label="calcification", grade="clean")
    relation = read(drawing).ducts[1]
    assert relation.dilated is State.PRESENT
    assert isinstance(relation.calibre, Measurement)
    assert relation.calibre.value >= 4.0


def test_stones_hang_together_along_the_duct() -> None:
    description = read(stones())
    assert [(p.id, p.foci) for p in description.patterns] == [("along_duct", (1, 2, 3))]
    assert found(description, "beaded_chain").state is State.PRESENT


# --- lesions


def bulls_eye() -> Drawing:
    drawing = liver()
    drawing.blob((180, 130), 22, "lesion")
    drawing.echo((180, 130), 9, morphology="lump")
    return drawing


def hydatid() -> Drawing:
    drawing = liver()
    drawing.blob((180, 130), 50, "cyst", {"daughters": 0.9, "septa": 0.9})
    drawing.echo((130, 130), 4, grade="faint", morphology="rim", label="calcification")
    return drawing


def test_a_bright_centre_in_a_dark_rim_is_a_bulls_eye() -> None:
    description = read(bulls_eye())
    assert {"within_mass", "bulls_eye"} <= {p.id for p in description.patterns}
    assert found(description, "host_kind").value == "solid"
    assert found(description, "host_position").value == "central"
    assert found(description, "host_echogenicity").value == "hypoechoic"
    assert description.ducts[1].relation != "in_lumen"


@pytest.mark.parametrize("bright", [0, 12])
def test_a_dark_rim_on_all_sides_is_a_lesion_though_no_dark_body_is_told(bright: int) -> None:
    drawing = liver()
    drawing.blob((180, 130), 26, "lesion")
    drawing.forget_dark_bodies(keep=1)
    if bright:
        drawing.fill((180, 130), bright)
    drawing.echo((180, 130), 4, morphology="nodular")
    description = read(drawing)
    assert found(description, "host_kind").value == "solid"
    assert {"within_mass", "bulls_eye"} <= {p.id for p in description.patterns}
    assert description.ducts[1].relation != "in_lumen"
    size = found(description, "host_diameter").value
    assert isinstance(size, Measurement)
    assert size.low is not None
    assert size.high is not None
    assert size.low <= 26 <= size.high


def test_a_duct_told_by_its_levels_alone_still_holds_its_stone() -> None:
    drawing = liver()
    drawing.tube(150, 14)
    drawing.forget_dark_bodies(keep=1)
    drawing.echo((150, 110), 4, label="calcification", grade="clean")
    assert read(drawing).ducts[1].relation == "in_lumen"


def test_a_calcified_wall_belongs_to_its_cyst() -> None:
    description = read(hydatid())
    assert found(description, "host_kind").value == "fluid"
    assert found(description, "daughter_cysts").state is State.PRESENT
    assert found(description, "ring_calcification").state is State.PRESENT
    assert not {"within_mass", "bulls_eye"} & {p.id for p in description.patterns}


def test_no_lesion_seen_leaves_one_as_bright_as_liver_open() -> None:
    kind = found(read(simple()), "host_kind")
    assert kind.value == "none"
    hidden = sum(p for value, p in kind.alternatives if value in ("solid", "mixed", "infiltrative"))
    assert 0.1 < hidden < 0.2  # less than what raises an alarm


def test_no_focus_is_definitely_simple_on_b_mode_alone() -> None:
    description = read(simple())
    denied = dict.fromkeys(("cancer_history", "cirrhosis", "hepatitis_b", "dilated_ducts"), False)
    patient = Patient(age_years=50, findings=denied)
    differential = diagnose(description.findings, description.patterns, patient)
    findings = (*description.findings, *findings_from_patient(patient))
    known = Known(differential, findings, None, patient)
    assert FACTS["probable_simple"](known)
    assert not FACTS["definite_simple"](known)
    told = replace(patient, findings={**denied, "host_kind": "none"})
    settled = Known(differential, (*description.findings, *findings_from_patient(told)), None, told)
    assert FACTS["definite_simple"](settled)


def test_a_mass_without_a_focus_is_reported() -> None:
    drawing = simple()
    drawing.blob((220, 200), 20, "lesion")
    assert found(read(drawing), "mass_without_calcium").state is State.PRESENT
    assert found(read(bulls_eye()), "mass_without_calcium").state is State.ABSENT


# --- the shadow as evidence


def shadowless(size: float, expected: float | None, *, relation: str) -> Description:
    drawing = liver()
    if relation == "in":
        drawing.tube(150, 4 * size, kind="duct")
    drawing.echo((150, 100), size, grade="none", expected=expected)
    return read(drawing)


@pytest.mark.parametrize("expected", [None, 0.0, 0.1])
def test_a_shadow_that_could_not_be_expected_weighs_nothing(expected: float | None) -> None:
    description = shadowless(3, expected, relation="in")
    finding = found(description, "acoustic_shadow")
    assert finding.state is State.NOT_ASSESSABLE
    told = explained(description)
    weighed = {e.finding for d in told.diagnoses for e in (*d.supporting, *d.opposing)}
    assert "acoustic_shadow" not in weighed


def test_a_missing_shadow_counts_as_far_as_one_was_expected() -> None:
    def share(expected: float | None) -> float:
        return ranked(shadowless(6, expected, relation="in"))["hepatolithiasis"]

    assert share(None) >= share(0.3) - 1e-9
    assert share(0.3) > share(0.95)


def test_a_clean_shadow_speaks_though_the_size_is_unknown() -> None:
    drawing = liver(mm_per_px=None)
    drawing.echo((150, 100), 6, grade="clean", label="calcification")
    assert found(read(drawing), "acoustic_shadow").value == "clean"


def test_dots_without_shadow_and_size_are_no_evidence_against_stones() -> None:
    with_tube = liver(mm_per_px=None)
    with_tube.tube(150, 24, kind="duct", parallel=1.0)
    for line in (80, 110, 140):
        with_tube.echo((150, line), 3, grade="none")
    assert ranked(read(with_tube))["hepatolithiasis"] > 0.5


# --- the differential


def test_the_articles_two_pictures_rank_as_they_should() -> None:
    stone, calcium = ranked(read(stones())), ranked(read(simple()))
    assert max(stone, key=lambda name: stone[name]) == "hepatolithiasis"
    assert max(calcium, key=lambda name: calcium[name]) == "simple_healed"
    assert calcium["hepatolithiasis"] < 0.01


def test_a_bulls_eye_is_first_a_metastasis() -> None:
    shares = ranked(read(bulls_eye()))
    assert max(shares, key=lambda name: shares[name]).startswith("metastasis")


def test_daughter_cysts_are_first_a_hydatid() -> None:
    shares = ranked(read(hydatid()))
    assert max(shares, key=lambda name: shares[name]) == "ce_active_CE1_3"


def test_gas_is_told_as_a_mimic_of_stones() -> None:
    drawing = liver()
    for line in (80, 112, 145):
        drawing.echo((150, line), 5, label="gas", grade="dirty", morphology="linear")
    description = read(drawing)
    assert found(description, "duct_gas").state is State.PRESENT
    assert found(description, "strong_echo").state is State.PRESENT
    assert found(description, "intrahepatic_calcification").state is State.NOT_ASSESSABLE
    shares = ranked(description)
    assert max(shares, key=lambda name: shares[name]) == "pneumobilia_mimic"


def test_what_may_be_gas_is_not_said_to_lie_apart_from_ducts() -> None:
    drawing = liver()
    drawing.echo((150, 100), 5, grade="dirty", morphology="linear", others={"gas": 0.4})
    description = read(drawing)
    assert description.ducts[1].relation == "not_assessable"
    assert found(description, "duct_gas").probability == pytest.approx(0.4)


def test_gas_beside_the_liver_is_no_gas_in_ducts() -> None:
    drawing = liver()
    drawing.echo((200, 100), 5, label="gas", grade="dirty", morphology="linear")
    look = drawing.look()
    outside = look.sonogram.liver.copy()
    outside[150:] = False
    beside = replace(look, sonogram=replace(look.sonogram, liver=outside))
    description = describe_ultrasound([beside], foci_of([beside]), {})
    assert found(description, "duct_gas").state is State.ABSENT
    assert found(description, "strong_echo").state is State.NOT_ASSESSABLE
    assert found(read(drawing), "duct_gas").state is State.PRESENT


def test_a_stent_is_no_swallowed_body_and_tells_of_drained_ducts() -> None:
    drawing = liver()
    drawing.echo((150, 100), 8, label="stent_or_catheter", morphology="linear")
    description = read(drawing)
    assert found(description, "foreign_body_seen").state is State.ABSENT
    assert found(description, "biliary_surgery").state is State.PRESENT
    assert not any(f.id == "biliary_surgery" for f in read(liver()).findings)


@pytest.mark.parametrize(("width", "state"), [(12, State.PRESENT), (4, State.NOT_ASSESSABLE)])
def test_a_duct_as_wide_as_its_blur_is_not_called_normal(width: int, state: State) -> None:
    drawing = liver()
    drawing.tube(150, width, kind="duct")
    drawing.echo((150, 110), width / 2 - 0.5, label="calcification")
    related = read(drawing).ducts[1]
    assert related.relation == "in_lumen"
    assert related.dilated is state


@pytest.mark.parametrize("label", ["ligament_or_fissure", "diaphragm", "reverberation", "bone_or_cartilage"])
def test_mimics_that_are_no_echo_of_the_liver_leave_nothing_to_explain(label: str) -> None:
    drawing = liver()
    drawing.echo((200, 100), 6, label=label, grade="clean")
    description = read(drawing)
    assert found(description, "strong_echo").state is State.NOT_ASSESSABLE
    assert not explained(description).diagnoses


# --- movement, neighbours, texture, limits


def test_only_a_cine_tells_what_moves() -> None:
    assert found(read(simple()), "mobile_focus").state is State.NOT_ASSESSABLE
    assert found(read(simple(), motion={1: 0.9}), "mobile_focus").state is State.PRESENT
    assert found(read(simple(), motion={1: 0.05}), "mobile_focus").state is State.ABSENT


def test_stones_of_the_gallbladder_need_one_in_view() -> None:
    assert found(read(liver()), "gallbladder_stones").state is State.NOT_ASSESSABLE
    drawing = liver()
    drawing.blob((200, 200), 30, "gallbladder")
    assert found(read(drawing), "gallbladder_stones").state is State.ABSENT
    drawing.echo((220, 200), 5, label="gallstone", grade="clean")
    assert found(read(drawing), "gallbladder_stones").state is State.PRESENT


def test_texture_is_said_only_where_it_was_judged() -> None:
    assert found(read(simple()), "bright_liver").state is State.NOT_ASSESSABLE
    drawing = simple()
    drawing.texture = {"bright": 0.8, "coarse": 0.1}
    description = read(drawing)
    assert found(description, "bright_liver").state is State.PRESENT
    assert found(description, "coarse_echotexture").state is State.ABSENT


def test_doppler_was_not_looked_at() -> None:
    description = read(simple())
    for name in ("doppler_flow_in_focus", "twinkling"):
        assert found(description, name).state is State.UNKNOWN
    assert "doppler" in {limit.id for limit in description.limits}


def test_what_could_not_be_told_is_said_in_both_languages() -> None:
    one = {limit.id for limit in read(simple(mm_per_px=None)).limits}
    assert {"one_plane", "second_plane", "size", "shadow", "still"} <= one
    assert "planes" not in one
    nothing = {limit.id for limit in read(liver()).limits}
    assert nothing == {"one_plane"}
    assert all(row.en.endswith((".", ")")) and row.zh.endswith(("。", "）")) for row in load_limits())
