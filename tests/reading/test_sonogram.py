"""What is said of ultrasound, from a document made by hand."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest

from hepalith.reading.document import (
    Document,
    FocusEntry,
    ImageEntry,
    PhaseEntry,
    Quantity,
    Unassessed,
)
from hepalith.reading.identity import hide_names
from hepalith.reading.layperson import tell_patient
from hepalith.reading.sonogram_document import (
    DisagreementEntry,
    ObservationEntry,
    RegionEntry,
    ShadowEntry,
    SonographyEntry,
)
from hepalith.reading.sonogram_summary import shadow_text
from hepalith.reading.summary import summarise_for_radiology

LANGUAGES = ("en", "zh")


def focus(made: Document, number: int = 1, **changes: Any) -> FocusEntry:
    no_hu = Unassessed(not_assessable="ultrasound has no Hounsfield units")
    values: dict[str, Any] = {
        "id": number,
        "label": "calcification",
        "modality": "US",
        "centroid_lps_mm": None,
        "volume": Unassessed(not_assessable="one plane shows no volume"),
        "diameter": Quantity(value=6.2, unit="mm", low=5.0, high=7.4),
        "mean_hu": no_hu,
        "shadow": ShadowEntry(
            grade="clean", index=Quantity(value=0.71, unit="1"), expected=0.93, reason="a clean shadow"
        ),
        "observations": (
            ObservationEntry(
                image="us_1", frame=0, region=0, bbox_px=(1, 2, 3, 4), centroid_px=(2, 3), depth_mm=61.0
            ),
        ),
        **changes,
    }
    return made.foci[0].model_copy(update=values)


def image(frames: int = 1, scale: float | None = 0.3, **made: Any) -> ImageEntry:
    size = None if scale is None else (scale, scale)
    return ImageEntry(
        id="us_1",
        modality="US",
        study_uid="1",
        series_uid="2",
        frame_of_reference_uid="",
        phase=PhaseEntry(label="unknown", probability=1.0),
        shape=(frames, 600, 800),
        spacing_mm=size or (),
        regions=(RegionEntry(kind="b_mode", box_px=(0, 0, 9, 9), index=0, mm_per_px=size, liver_share=0.6),),
        sonography=SonographyEntry(**made),
    )


def ultrasound(factories: ModuleType, *, with_ct: bool = False, **changes: Any) -> Document:
    made: Document = factories.make_reading().document
    images = changes.pop("images", (image(),))
    values = {
        "images": (*made.images, *images) if with_ct else images,
        "foci": changes.pop("foci", (focus(made),)),
        **changes,
    }
    return made.model_copy(update=values)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_focus_is_said_with_size_depth_and_what_lies_behind_it(
    factories: ModuleType, language: str
) -> None:
    text = summarise_for_radiology(ultrasound(factories), language)
    for said in ("6.2 mm", "61", "71", "93"):
        assert said in text
    assert "HU" not in text.split("\n\n")[2]


def test_an_unsized_focus_is_said_once_to_have_no_size(factories: ModuleType) -> None:
    document = ultrasound(factories, images=(image(scale=None),))
    made = factories.make_reading().document
    unsized = focus(made, diameter=Unassessed(not_assessable="the size of a pixel is not known"))
    text = summarise_for_radiology(document.model_copy(update={"foci": (unsized,)}), "en")
    assert "size not assessable" in text
    assert text.count("size of a pixel is not known") == 1


@pytest.mark.parametrize(
    ("frames", "said"), [((1,), "one picture"), ((1, 1), "2 pictures"), ((40,), "one loop of 40 frames")]
)
def test_stills_and_loops_are_counted(factories: ModuleType, frames: tuple[int, ...], said: str) -> None:
    document = ultrasound(factories, images=tuple(image(n) for n in frames))
    assert said in summarise_for_radiology(document, "en")


def test_settings_are_said_where_the_header_has_them(factories: ModuleType) -> None:
    known = image(frequency_mhz=3.5, depth_mm=160.0, compounding=True, harmonics=False)
    text = summarise_for_radiology(ultrasound(factories, images=(known,)), "en")
    assert "3.5 MHz, depth 160 mm, spatial compounding" in text
    assert "harmonic" not in text


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("grade", ["none", "faint", "clean", "dirty", "comet_tail", "not_assessable"])
def test_every_grade_of_a_shadow_has_words(factories: ModuleType, grade: str, language: str) -> None:
    made = factories.make_reading().document
    index = Unassessed(not_assessable="the picture ends behind it")
    said = shadow_text(focus(made, shadow=ShadowEntry(grade=grade, index=index)), language)
    assert said
    assert "{" not in said


def test_a_missing_shadow_says_whether_one_could_be_expected(factories: ModuleType) -> None:
    made = factories.make_reading().document
    index = Quantity(value=0.02, unit="1")
    unlikely = ShadowEntry(grade="none", index=index, expected=0.07)
    assert "7 %" in shadow_text(focus(made, shadow=unlikely), "en")
    unknown = ShadowEntry(grade="none", index=index)
    assert "not known" in shadow_text(focus(made, shadow=unknown), "en")


def test_what_disagrees_is_told_once(factories: ModuleType) -> None:
    clash = DisagreementEntry(
        finding="largest_calcium",
        ct="25 mm",
        ct_zh="25 mm",
        us="6 mm",
        us_zh="6 mm",
        heard="ct",
        text="CT says 25 mm, ultrasound 6 mm; CT counts.",
        text_zh="CT为25 mm，超声为6 mm，以CT为准。",
    )
    document = ultrasound(factories, with_ct=True, disagreements=(clash,))
    for language, text in (("en", clash.text), ("zh", clash.text_zh)):
        assert summarise_for_radiology(document, language).count(text) == 1
    patient = " ".join(tell_patient(document, "en").seen)
    assert "do not show quite the same" in patient


def test_only_what_is_counted_is_counted_for_the_patient(factories: ModuleType) -> None:
    made = factories.make_reading().document
    foci = (
        focus(made, 1, label="echogenic_focus"),
        focus(made, 2),
        focus(made, 3, label="gas"),
    )
    told = tell_patient(ultrasound(factories, foci=foci), "en")
    assert "saw 2 bright spots" in " ".join(told.seen)
    assert "ultrasound" in told.what
    assert "CT scan" not in told.what


@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_seen_is_not_nothing_there(factories: ModuleType, language: str) -> None:
    document = ultrasound(factories, foci=(), differential=())
    text = summarise_for_radiology(document, language)
    assert {"en": "nothing of other planes", "zh": "其他切面"}[language] in text
    patient = " ".join(tell_patient(document, language).seen)
    assert {"en": "nothing about the rest", "zh": "其余部分无法判断"}[language] in patient


def test_names_of_files_leave_a_sentence() -> None:
    said = hide_names("doe.png and doe.png.png: 1.2.840.10008.1.2.1 of 3.5 MHz", ("doe.png", "doe.png.png"))
    assert said == "a file and a file: (UID) of 3.5 MHz"
