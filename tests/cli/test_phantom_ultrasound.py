"""`hepalith phantom --modality US`: what it writes, and what it refuses in one line."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel
import numpy as np
import pytest
from PIL import Image

from hepalith.cli import main


def phantom(*words: str) -> int:
    return main(["phantom", "--modality", "US", *words])


def test_a_still_is_written_with_its_truth(tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert phantom("--seed", "3", "--contents", "morphology:pin", "--out", str(out)) == 0
    truth = json.loads((out / "truth.json").read_text())
    assert (truth["schema"], truth["contents"], truth["split"]) == (
        "hepalith/phantom-us/1", "morphology:pin", "development",
    )  # fmt: skip
    labels = np.asarray(nibabel.load(out / "foci_truth.nii.gz").dataobj)
    assert sorted(labels.shape[:2], reverse=True) == sorted(truth["shape_px"], reverse=True)
    assert (out / "dicom" / "US0001.dcm").is_file()


def test_a_png_withholds_the_scale(tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert phantom("--seed", "4", "--png", "--out", str(out)) == 0
    truth = json.loads((out / "truth.json").read_text())
    assert truth["header"]["mm_per_px"] is None
    assert truth["mm_per_px"] > 0
    with Image.open(out / "image.png") as picture:
        assert list(picture.size[::-1]) == truth["shape_px"]


def test_foci_are_put_into_a_still(tmp_path: Path) -> None:
    made, out = tmp_path / "made", tmp_path / "out"
    assert phantom("--seed", "2", "--contents", "case:normal", "--png", "--out", str(made)) == 0
    tissue = np.asarray(nibabel.load(made / "tissue_truth.nii.gz").dataobj)
    tissue = tissue.reshape(tissue.shape[:2]).T if tissue.shape[2:] == (1,) else tissue[0]
    mask = tmp_path / "liver.png"
    with Image.open(made / "image.png") as picture:
        tissue = tissue if tissue.shape == picture.size[::-1] else tissue.T
    Image.fromarray(((tissue == 2) * 255).astype(np.uint8)).save(mask)
    words = ("--implant", str(made / "image.png"), "--liver", str(mask), "--count", "2", "--out", str(out))
    assert phantom(*words) == 0
    truth = json.loads((out / "truth.json").read_text())
    assert truth["kind"] == "implant"
    assert truth["mm_assumed"]
    assert len(truth["foci"]) + len(truth["mimics"]) > 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--contents", "case:no_such"), "not known for ultrasound"),
        (("--kvp", "100"), "describes a CT"),
        (("--frames", "0"), "--frames 0"),
        (("--count", "2"), "--count goes with --implant"),
        (("--implant", "x.png"), "go together"),
        (("--liver", "x.png"), "go together"),
    ],
)
def test_what_makes_no_sense_is_refused(
    words: tuple[str, ...], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert phantom(*words, "--out", str(tmp_path / "out")) == 2
    error = capsys.readouterr().err.strip()
    assert said in error
    assert "\n" not in error
    assert not (tmp_path / "out").exists()


def test_options_of_ultrasound_are_refused_for_a_ct(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["phantom", "--frames", "5", "--out", str(tmp_path / "out")]) == 2
    assert "--modality US" in capsys.readouterr().err


def test_the_list_is_of_ultrasound(capsys: pytest.CaptureFixture[str]) -> None:
    assert phantom("--list") == 0
    listed = capsys.readouterr().out.split()
    assert "morphology:equal_sign" in listed
    assert "mimic:reverberation" in listed
