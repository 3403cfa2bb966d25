"""What a CT says: present, absent, unknown and not assessable stay four things."""

from dataclasses import replace

import numpy as np
import pytest

from hepalith.anatomy.depth import Depth
from hepalith.anatomy.liver import Liver, Phase
from hepalith.calcification.focus import Detectability, Foci, Focus
from hepalith.finding.ct import Description, describe
from hepalith.finding.finding import Finding
from hepalith.geometry import Box, Grid
from hepalith.image.volume import Volume
from hepalith.vocabulary import Measurement, NotAssessable, State, load_vocabulary

SHAPE = (40, 60, 80)
UNENHANCED = Phase("none", 0.95)
PORTAL = Phase("portal", 0.95)


def volume(hu: int = 55) -> Volume:
    affine = np.array([[0, 0, 2.0, 0], [0, 2.0, 0, 0], [2.0, 0, 0, 0], [0, 0, 0, 1.0]])
    return Volume(np.full(SHAPE, hu, dtype=np.int16), Grid(SHAPE, affine))


def liver(**changed: object) -> Liver:
    lobes = np.ones(SHAPE, dtype=np.uint8)
    lobes[:, :, 50:] = 2
    whole = Liver(
        box=Box((0, 0, 0), SHAPE),
        mask=np.ones(SHAPE, dtype=np.bool_),
        lobes=lobes,
        depth_mm=Depth.of(np.full(SHAPE, 20, dtype=np.float32)),
        source="given",
        volume=Measurement(1500, "mL", 1450, 1550),
        in_view=1.0,
        quality=0.9,
    )
    return replace(whole, **changed)  # type: ignore[arg-type]


def focus(number: int, at: tuple[float, float, float] = (50, 60, 40), **changed: object) -> Focus:
    plain = Focus(
        id=number,
        label="calcification",
        probability=0.98,
        reason="dense",
        centroid_lps_mm=at,
        volume=Measurement(60, "mm3"),
        volume_limited_by_resolution=False,
        diameter=Measurement(4, "mm", 3.5, 4.5),
        background_hu=Measurement(55, "[hnsf'U]"),
        mean_hu=Measurement(300, "[hnsf'U]"),
        peak_hu=Measurement(500, "[hnsf'U]"),
        integrated_excess=Measurement(15000, "[hnsf'U].mm3"),
        mass=NotAssessable("no calibration"),
        score_agatston_convention=NotAssessable("too small"),
        morphology="nodular",
        morphology_probabilities={"nodular": 0.8, "punctate": 0.2},
        lobe="right",
        capsule_distance=Measurement(20, "mm", 19, 21),
    )
    return replace(plain, **changed)  # type: ignore[arg-type]


def foci(*several: Focus) -> Foci:
    seen = Detectability(Measurement(2, "mm"), 250, "noise of 12 HU")
    return Foci(tuple(several), Box((0, 0, 0), SHAPE), np.zeros(SHAPE, dtype=np.int32), seen)


def told(*several: Focus, phase: Phase = UNENHANCED, hu: int = 55, **changed: object) -> Description:
    return describe(volume(hu), liver(**changed), foci(*several), phase)


def one(description: Description, name: str) -> Finding:
    (found,) = [f for f in description.findings if f.id == name]
    return found


def test_every_ct_finding_of_the_vocabulary_is_stated_once() -> None:
    ids = [f.id for f in told(focus(1)).findings]
    assert ids == [t.id for t in load_vocabulary().of_group("finding") if "ct" in t.modalities]


def test_what_is_not_built_is_unknown_and_never_absent() -> None:
    description = told(focus(1))
    for name in (
        "dilated_ducts",
        "duct_stricture",
        "lobar_atrophy",
        "spleen_calcium",
        "enhancement",
        "ascites",
    ):
        assert one(description, name).state is State.UNKNOWN


@pytest.mark.parametrize("phase", [UNENHANCED, Phase("unknown", 0.4)])
def test_a_host_is_never_excluded_without_contrast(phase: Phase) -> None:
    host = one(told(focus(1), phase=phase), "host_kind")
    assert host.state is State.NOT_ASSESSABLE
    assert host.reason


def test_one_focus_is_solitary_and_on_the_right() -> None:
    description = told(focus(1))
    assert [p.id for p in description.patterns] == ["solitary"]
    assert one(description, "intrahepatic_calcification").state is State.PRESENT
    assert one(description, "multiple_foci").state is State.ABSENT
    assert one(description, "side_of_foci").value == "right"
    assert one(description, "largest_calcium").value == Measurement(4, "mm", 3.5, 4.5)
    assert one(description, "dominant_morphology").value == "nodular"
    assert one(description, "subcapsular").state is State.ABSENT


def test_a_clip_is_no_calcification() -> None:
    description = told(focus(1, label="clip_or_coil"))
    assert one(description, "intrahepatic_calcification").state is State.ABSENT
    assert one(description, "metal_density").state is State.PRESENT
    assert one(description, "largest_calcium").state is State.NOT_ASSESSABLE
    assert description.patterns == ()


def test_what_cannot_be_named_leaves_the_question_open() -> None:
    assert (
        one(told(focus(1, label="undetermined")), "intrahepatic_calcification").state is State.NOT_ASSESSABLE
    )


def test_no_liver_in_view_leaves_nothing_assessable() -> None:
    empty = Box((0, 0, 0), (0, 0, 0))
    description = told(box=empty, mask=np.zeros((0, 0, 0), dtype=np.bool_))
    assert {f.state for f in description.findings} == {State.NOT_ASSESSABLE}
    assert all(f.reason for f in description.findings)


def test_without_lobes_the_side_is_not_assessable() -> None:
    description = told(focus(1, lobe=None), focus(2, (20, 20, 20), lobe=None))
    assert one(description, "side_of_foci").state is State.NOT_ASSESSABLE
    assert one(description, "diffuse_bilobar").state is State.NOT_ASSESSABLE


def test_beads_along_a_gentle_curve_are_a_chain_along_a_triad() -> None:
    beads = [focus(i + 1, (40 + 8 * i, 60 + i * i, 40)) for i in range(5)]
    description = told(*beads, focus(6, (120, 10, 70), lobe="left"))
    chain = next(p for p in description.patterns if p.id == "along_portal_triad")
    assert chain.foci == (1, 2, 3, 4, 5)
    assert chain.probability > 0.8
    assert one(description, "beaded_chain").state is State.PRESENT


def test_foci_far_apart_are_scattered_and_no_chain() -> None:
    corners = [(10, 10, 10), (140, 100, 20), (20, 100, 70), (130, 20, 60)]
    description = told(*(focus(i + 1, at) for i, at in enumerate(corners)))
    assert [p.id for p in description.patterns] == ["scattered"]
    assert one(description, "beaded_chain").state is State.ABSENT


def test_foci_close_together_are_clustered() -> None:
    rng = np.random.default_rng(1)
    near = [focus(i + 1, tuple(rng.uniform(50, 62, 3))) for i in range(8)]
    assert "clustered" in [p.id for p in told(*near).patterns]


def test_many_small_foci_in_both_lobes_are_miliary_even_and_diffuse() -> None:
    rng = np.random.default_rng(2)
    spread = [tuple(rng.uniform((0, 0, 0), (160, 120, 80))) for _ in range(40)]
    many = [focus(i + 1, at, lobe="left" if at[0] > 100 else "right") for i, at in enumerate(spread)]
    description = told(*many)
    assert {"miliary", "bilobar_even"} <= {p.id for p in description.patterns}
    assert one(description, "diffuse_bilobar").state is State.PRESENT


def test_foci_of_one_lobe_are_not_diffuse() -> None:
    rng = np.random.default_rng(3)
    many = [focus(i + 1, tuple(rng.uniform((0, 0, 0), (90, 120, 80)))) for i in range(40)]
    description = told(*many)
    assert one(description, "diffuse_bilobar").state is State.ABSENT
    assert not {"miliary", "bilobar_even"} & {p.id for p in description.patterns}


def test_foci_at_the_capsule_are_said_to_be_there() -> None:
    at_edge = {"capsule_distance": Measurement(1, "mm", 0, 2)}
    description = told(focus(1, **at_edge), focus(2, (10, 10, 10), **at_edge))
    assert one(description, "subcapsular").state is State.PRESENT
    assert "along_capsule" in [p.id for p in description.patterns]


@pytest.mark.parametrize(("hu", "fat", "dense"), [(20, True, False), (58, False, False), (95, False, True)])
def test_fat_and_density_are_read_from_the_unenhanced_liver(hu: int, fat: bool, dense: bool) -> None:
    description = told(hu=hu)
    assert (one(description, "steatosis").state is State.PRESENT) == fat
    assert (one(description, "dense_parenchyma").state is State.PRESENT) == dense


def test_fat_is_not_read_from_an_enhanced_liver() -> None:
    assert one(told(phase=PORTAL, hu=20), "steatosis").state is State.NOT_ASSESSABLE


def test_the_size_of_a_liver_that_is_cut_is_not_judged() -> None:
    assert one(told(in_view=0.6), "hepatomegaly").state is State.NOT_ASSESSABLE
    assert one(told(volume=Measurement(2600, "mL", 2500, 2700)), "hepatomegaly").state is State.PRESENT
    assert one(told(volume=Measurement(700, "mL", 650, 750)), "small_liver").state is State.PRESENT


def test_a_uniform_shell_of_the_same_depth_is_as_often_subcapsular_as_measured() -> None:
    """The threshold's own claim: about a sixth of a liver lies within 3 mm of its capsule."""
    radius_mm = (3 * 1_500_000 / (4 * np.pi)) ** (1 / 3)
    of_a_ball = 1 - ((radius_mm - 3) / radius_mm) ** 3
    assert 0.1 < of_a_ball < 0.25


@pytest.mark.parametrize(("in_view", "state"), [(0.2, State.NOT_ASSESSABLE), (0.99, State.ABSENT)])
def test_calcium_is_absent_only_from_a_liver_that_was_seen(in_view: float, state: State) -> None:
    description = told(in_view=in_view)
    assert one(description, "intrahepatic_calcification").state is state
    share = one(description, "liver_in_view").value
    assert isinstance(share, Measurement)
    assert share.value == pytest.approx(100 * in_view)


def test_the_leading_form_names_its_focus() -> None:
    assert one(told(focus(1)), "dominant_morphology").subject.ref == "1"


def test_what_could_not_be_named_is_not_counted_as_nothing() -> None:
    unsure = told(focus(1, label="undetermined"))
    assert one(unsure, "focus_count").state is State.NOT_ASSESSABLE
    assert one(told(), "focus_count").value == Measurement(0.0, "1")


def test_the_reason_why_no_size_is_known_is_that_of_the_focus() -> None:
    lost = told(focus(1, diameter=NotAssessable("slices are missing where it lies")))
    assert one(lost, "largest_calcium").reason == "slices are missing where it lies"
