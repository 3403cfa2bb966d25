"""Phases of one examination are read together, laid over the one that is measured."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hepalith.cli import main
from hepalith.geometry import Grid
from hepalith.image.volume import Volume
from hepalith.phantom.family import make_study
from hepalith.phantom.nifti import write_nifti
from hepalith.phantom.study_plan import draw_plan

BREATH_MM = 12.0
SEED = 612_345


def moved(volume: Volume, shift_mm: float) -> Grid:
    """Return the grid of a scan whose patient lay higher or lower."""
    affine = volume.grid.affine.copy()
    affine[2, 3] += shift_mm
    return Grid(volume.grid.shape, affine)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("phases")
    for name, phase, shift in (("native", "none", 0.0), ("portal", "portal", BREATH_MM)):
        plan = draw_plan(
            SEED, contents="hosts", matrix=256, slices_mm=(3.0, 3.0), phase=phase, coverage="whole"
        )
        volume = make_study(plan).scan.volume
        write_nifti(folder / f"{name}.nii.gz", volume.hu, moved(volume, shift))
    return folder


@pytest.mark.slow
def test_a_phase_beside_the_unenhanced_scan_is_laid_over_it(files: Path, tmp_path: Path) -> None:
    inputs = [str(files / f"{name}.nii.gz") for name in ("portal", "native")]
    assert main(["read", *inputs, "--same-patient", "--out", str(tmp_path / "out")]) == 0
    said = json.loads((tmp_path / "out" / "reading.json").read_text(encoding="utf-8"))
    primary, phase = said["images"]
    assert (primary["role"], primary["phase"]["label"]) == ("primary", "none")
    assert (phase["role"], phase["phase"]["label"]) == ("phase", "portal")
    assert said["series_left"] == []
    way = phase["warnings"][0].rpartition("moved ")[2]
    assert float(way.split(" ")[0]) == pytest.approx(BREATH_MM, abs=2.0)
    assert "portal venous phase" in said["summary"]["radiology"]["en"]


def test_files_that_do_not_say_whose_they_are_are_refused_unless_the_user_says_so(
    files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    inputs = [str(files / f"{name}.nii.gz") for name in ("portal", "native")]
    assert main(["read", *inputs, "--out", str(tmp_path / "out")]) == 3
    assert "--same-patient" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
