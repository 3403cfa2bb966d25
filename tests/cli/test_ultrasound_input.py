"""Ultrasound that cannot be read ends the command with one line and status 3, and writes nothing."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from tests.dicom_files import make_hu, write_series
from tests.ultrasound_files import make_levels, make_us, region, save_us

from hepalith.cli import main

LEVELS = make_levels((3, 96, 128))


def text_named_png(folder: Path) -> list[str]:
    (folder / "a.png").write_text("a letter, no picture " * 40)
    return [str(folder / "a.png")]


def half_a_jpeg(folder: Path) -> list[str]:
    Image.fromarray(LEVELS[0]).save(folder / "a.jpg")
    data = (folder / "a.jpg").read_bytes()
    (folder / "a.jpg").write_bytes(data[: len(data) // 2])
    return [str(folder / "a.jpg")]


def two_pictures(folder: Path) -> list[str]:
    for n in range(2):
        Image.fromarray(LEVELS[n]).save(folder / f"{n}.png")
    return [str(folder)]


def two_patients(folder: Path) -> list[str]:
    save_us(make_us(LEVELS), folder / "a.dcm")
    save_us(make_us(LEVELS, PatientID="P2", StudyInstanceUID="1.2.3"), folder / "b.dcm")
    return [str(folder)]


def ct_of_another(folder: Path) -> list[str]:
    write_series(folder / "ct", make_hu())
    save_us(make_us(LEVELS, PatientID="P2"), folder / "us.dcm")
    return [str(folder / "ct"), str(folder / "us.dcm")]


def half_a_loop(folder: Path) -> list[str]:
    path = save_us(make_us(LEVELS), folder / "a.dcm")
    path.write_bytes(path.read_bytes()[:-20_000])
    return [str(path)]


def no_header_left(folder: Path) -> list[str]:
    path = save_us(make_us(LEVELS), folder / "a.dcm")
    path.write_bytes(path.read_bytes()[:400])
    return [str(path)]


def spectra_alone(folder: Path) -> list[str]:
    spectrum = region(RegionSpatialFormat=3, RegionDataType=3)
    return [str(save_us(make_us(LEVELS, regions=[spectrum]), folder / "a.dcm"))]


def broken_palette(folder: Path) -> list[str]:
    return [str(save_us(make_us(LEVELS, PhotometricInterpretation="PALETTE COLOR"), folder / "a.dcm"))]


def damaged_zip(folder: Path) -> list[str]:
    path = save_us(make_us(LEVELS), folder / "in" / "a.dcm")
    with zipfile.ZipFile(folder / "a.zip", "w") as archive:
        archive.write(path, "a.dcm")
    shutil.rmtree(folder / "in")
    data = bytearray((folder / "a.zip").read_bytes())
    data[2000:2040] = b"\xff" * 40
    (folder / "a.zip").write_bytes(bytes(data))
    return [str(folder / "a.zip")]


def nothing_of_it(folder: Path) -> list[str]:
    write_series(folder / "ct", make_hu())
    return [str(folder / "ct"), "--modality", "US"]


@pytest.mark.parametrize(
    "make",
    [
        text_named_png, half_a_jpeg, two_pictures, two_patients, ct_of_another, half_a_loop, no_header_left,
        spectra_alone, broken_palette, damaged_zip, nothing_of_it,
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_one_line(
    tmp_path: Path, make: Callable[[Path], list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in").mkdir()
    given = make(tmp_path / "in")
    assert main(["read", *given, "--out", str(tmp_path / "out")]) == 3
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 1
    assert "Secret" not in said
    assert not (tmp_path / "out").exists()
