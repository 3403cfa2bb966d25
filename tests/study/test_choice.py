"""The series that is read is the one the rule names, and every other is left with a reason."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.dicom_files import make_hu, write_series

from hepalith.errors import UsageError
from hepalith.settings import Settings
from hepalith.study.choice import SeriesChoice, choose_series, contrast_of
from hepalith.study.open import open_study


def write(folder: Path, number: int, count: int = 10, step: float = 2.5, **changes: Any) -> str:
    uid = f"1.2.3.{number}"
    write_series(
        folder / str(number), make_hu((count, 8, 8)), SeriesInstanceUID=uid, SeriesNumber=number,
        change=lambda n: {"SOPInstanceUID": f"{uid}.{n}",
                          "ImagePositionPatient": changes.get("ImagePositionPatient", [0, 0, step * n])},
        **{"SpecificCharacterSet": "ISO_IR 192", "SeriesDescription": "Abdomen", "SliceThickness": str(step),
           **{k: v for k, v in changes.items() if k != "ImagePositionPatient"}},
    )  # fmt: skip
    return uid


def choose(folder: Path, *series_uids: str) -> SeriesChoice:
    settings = Settings(series_uids=series_uids)
    return choose_series(open_study([folder], settings), settings)


BETTER_AND_WORSE: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({"SeriesDescription": "Abdomen native"}, {"SeriesDescription": "Abdomen contrast"}, "contrast"),
    ({}, {"ContrastBolusAgent": "Iohexol"}, "contrast"),
    ({"SeriesDescription": "w/o contrast", "ContrastBolusAgent": "Iohexol"}, {}, "contrast"),
    ({"ConvolutionKernel": "B30f"}, {"ConvolutionKernel": "B70f"}, "sharp kernel"),
    ({"ConvolutionKernel": "STANDARD"}, {"ConvolutionKernel": "BONE"}, "sharp kernel"),
    ({"SeriesDescription": "portal"}, {"ConvolutionKernel": "LUNG"}, "sharp kernel"),
    ({"step": 2.0, "count": 13}, {"step": 5.0, "count": 6}, "thicker"),
    ({"step": 5.0, "count": 9}, {"step": 1.0, "count": 10}, "covers"),
    ({}, {"ImageOrientationPatient": [1, 0, 0, 0, 0, -1]}, "not axial"),
    ({}, {"ImageType": ["DERIVED", "PRIMARY", "MIP"]}, "projection"),
    ({"SeriesDescription": "portal"}, {"SeriesDescription": "VNC"}, "projection"),
    ({}, {"SeriesDescription": "Chest"}, "another part"),
    ({}, {"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}, "localiser"),
    ({}, {"SeriesDescription": "Topogram"}, "localiser"),
    ({}, {"ImageType": ["DERIVED", "SECONDARY", "IODINE"]}, "no HU"),
    ({}, {"Modality": "PT"}, "PT"),
    ({}, {"SliceThickness": "0.6"}, "gaps"),
    ({"SeriesDescription": "portal 1 mm", "step": 1.0, "count": 30},
     {"SeriesDescription": "portal 8 mm", "step": 8.0, "count": 4}, "thicker"),
    ({}, {"ImagePositionPatient": [0, 0, 0]}, "one place"),
]  # fmt: skip


@pytest.mark.parametrize(("better", "worse", "reason"), BETTER_AND_WORSE)
@pytest.mark.parametrize("better_first", [True, False])
def test_the_rule_prefers(
    tmp_path: Path, better: dict[str, Any], worse: dict[str, Any], reason: str, better_first: bool
) -> None:
    numbers = (2, 3) if better_first else (3, 2)
    best = write(tmp_path, numbers[0], **better)
    other = write(tmp_path, numbers[1], **worse)
    choice = choose(tmp_path)
    assert choice.primary.uid == best
    assert [left.uid for left in choice.left] == [other]
    assert reason in choice.left[0].reason
    assert choose(tmp_path, best).primary.uid == best


PHASES_BESIDE = [
    ({"SeriesDescription": "Abdomen native"}, {"SeriesDescription": "Abdomen portal venous"}),
    ({"SeriesDescription": "腹部平扫"}, {"SeriesDescription": "腹部动脉期"}),
    ({"SeriesDescription": "portal 1 mm", "step": 1.0, "count": 30},
     {"SeriesDescription": "native 8 mm", "step": 8.0, "count": 4}),
]  # fmt: skip


@pytest.mark.parametrize(("read", "beside"), PHASES_BESIDE)
@pytest.mark.parametrize("read_first", [True, False])
def test_another_phase_is_taken_along(
    tmp_path: Path, read: dict[str, Any], beside: dict[str, Any], read_first: bool
) -> None:
    numbers = (2, 3) if read_first else (3, 2)
    best = write(tmp_path, numbers[0], **read)
    other = write(tmp_path, numbers[1], **beside)
    choice = choose(tmp_path)
    assert choice.primary.uid == best
    assert [phase.uid for phase in choice.phases] == [other]
    assert choice.left == ()
    assert choose(tmp_path, best).phases == ()


def test_of_two_series_of_one_phase_the_better_is_taken_along(tmp_path: Path) -> None:
    write(tmp_path, 2, SeriesDescription="native")
    thick = write(tmp_path, 3, SeriesDescription="portal thick", step=5.0, count=6)
    thin = write(tmp_path, 4, SeriesDescription="portal thin", step=2.0, count=13)
    choice = choose(tmp_path)
    assert [phase.uid for phase in choice.phases] == [thin]
    assert [left.uid for left in choice.left] == [thick]


def test_a_series_that_names_no_phase_is_not_taken_for_one(tmp_path: Path) -> None:
    write(tmp_path, 2, SeriesDescription="native")
    thick = write(tmp_path, 3, SeriesDescription="Abdomen", step=5.0, count=6)
    choice = choose(tmp_path)
    assert choice.phases == ()
    assert [left.uid for left in choice.left] == [thick]


def test_the_users_choice_overrides_the_rule(tmp_path: Path) -> None:
    write(tmp_path, 2)
    worse = write(tmp_path, 3, ConvolutionKernel="LUNG")
    choice = choose(tmp_path, worse)
    assert choice.primary.uid == worse
    assert "asked for another" in choice.left[0].reason


def test_a_series_that_is_not_there_is_refused_with_those_that_are(tmp_path: Path) -> None:
    uid = write(tmp_path, 2)
    with pytest.raises(UsageError, match=uid) as caught:
        choose(tmp_path, "9.9.9")
    assert "9.9.9" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_series_that_cannot_be_read_is_refused_though_asked_for(tmp_path: Path) -> None:
    write(tmp_path, 2)
    scout = write(tmp_path, 3, ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])
    with pytest.raises(UsageError, match="localiser"):
        choose(tmp_path, scout)


def test_two_phases_under_one_series_uid_are_two_volumes(tmp_path: Path) -> None:
    hu = make_hu((12, 8, 8))
    write_series(
        tmp_path, hu,
        change=lambda n: {"ImagePositionPatient": [0, 0, 2.5 * (n % 6)], "AcquisitionNumber": 1 + n // 6},
    )  # fmt: skip
    choice = choose(tmp_path)
    assert len(choice.primary.instances) == 6
    assert {i.number for i in choice.primary.instances} == {1, 2, 3, 4, 5, 6}
    assert len(choice.left) == 1
    assert "acquisition 2" in choice.left[0].reason


def test_repeats_without_any_mark_are_parted_by_number(tmp_path: Path) -> None:
    write_series(
        tmp_path, make_hu((12, 8, 8)), change=lambda n: {"ImagePositionPatient": [0, 0, 2.5 * (n % 6)]}
    )
    choice = choose(tmp_path)
    assert {i.number for i in choice.primary.instances} == {1, 2, 3, 4, 5, 6}


def test_a_localiser_inside_the_series_is_left(tmp_path: Path) -> None:
    write_series(
        tmp_path, make_hu((7, 8, 8)),
        change=lambda n: {"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"],
                          "ImageOrientationPatient": [1, 0, 0, 0, 0, -1]} if n == 0 else {},
    )  # fmt: skip
    choice = choose(tmp_path)
    assert len(choice.primary.instances) == 6
    assert "localiser" in choice.left[0].reason


@pytest.mark.parametrize(
    ("description", "agent", "expected"),
    [
        ("ABD NON-CONTRAST", "Iohexol", "none"),
        ("Abdomen w/o", "", "none"),
        ("Abd unenhanced 5mm", "", "none"),
        ("WITHOUT CONTRAST", "", "none"),
        ("Leber nativ", "", "none"),
        ("abd portal", "", "contrast"),
        ("ABD WITH CONTRAST", "", "contrast"),
        ("Venous Phase", "", "contrast"),
        ("增强 静脉期", "", "contrast"),
        ("Abdomen 5.0", "", "unknown"),
        ("Abdomen 5.0", "APPLIED", "contrast"),
        ("Abdomen 5.0", "NONE", "none"),
        ("Abdomen 5.0", "ORAL", "none"),
    ],
)
def test_contrast_is_read_from_the_words_then_the_agent(
    tmp_path: Path, description: str, agent: str, expected: str
) -> None:
    write(tmp_path, 2, count=1, SeriesDescription=description, ContrastBolusAgent=agent)
    series = open_study([tmp_path], Settings()).series[0]
    assert contrast_of(series) == expected
