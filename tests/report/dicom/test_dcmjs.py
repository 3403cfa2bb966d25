"""dcmjs, the library beneath the browser's viewers, finds the reading's voxels and numbers in our objects."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from hepalith.reading import Reading
from hepalith.reading.document import Quantity
from hepalith.report.dicom.seg import write_seg
from hepalith.report.dicom.segments import list_segments, segment_mask
from hepalith.report.dicom.sr import write_sr
from hepalith.settings import Formats
from hepalith.vocabulary import coded, concept

SCRIPT = Path(__file__).resolve().parents[2] / "node" / "dcmjs" / "read.cjs"


def read_with_dcmjs(path: Path) -> dict[str, Any]:
    node = shutil.which("node")
    if node is None:
        pytest.skip("Node is not installed")
    if not (SCRIPT.parent / "node_modules" / "dcmjs").is_dir() and "NODE_PATH" not in os.environ:
        pytest.skip(f"dcmjs is not installed: run npm install --no-package-lock in {SCRIPT.parent.name}")
    done = subprocess.run(  # noqa: S603 - our own script
        [node, str(SCRIPT), str(path)], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr[-500:]
    said: dict[str, Any] = json.loads(done.stdout)
    return said


@pytest.fixture(scope="module")
def reading(factories: ModuleType) -> Reading:
    made: Reading = factories.make_reading()
    return made


def test_dcmjs_finds_the_voxels_of_every_segment(reading: Reading, tmp_path: Path) -> None:
    write_seg(reading, tmp_path, Formats())
    said = read_with_dcmjs(tmp_path / "segmentation.dcm")
    wanted = [
        (s.number, s.tracking.uid, s.kind.value, int(np.count_nonzero(segment_mask(reading.maps, s))))
        for s in list_segments(reading)
    ]
    assert [(s["number"], s["tracking"], s["type"]["value"], s["voxels"]) for s in said["segments"]] == wanted


def found(items: list[dict[str, Any]], code: str) -> list[dict[str, Any]]:
    """Return the items of a tree that have a concept name."""
    here = [item for item in items if item.get("name") and item["name"]["value"] == code]
    return here + [one for item in items for one in found(item["items"], code)]


def test_dcmjs_finds_the_numbers_of_every_focus(reading: Reading, tmp_path: Path) -> None:
    write_sr(reading, tmp_path, Formats())
    items = read_with_dcmjs(tmp_path / "measurements.dcm")["items"]
    groups = found(items, "125007")  # DCM, Measurement Group
    for focus in reading.document.foci:
        own = [g for g in groups if any(i.get("uid") == focus.tracking_uid for i in g["items"])]
        inside = [item for group in own for item in group["items"]]
        volumes = [i for i in inside if i["name"]["value"] == concept("volume").value and i["type"] == "NUM"]
        assert isinstance(focus.volume, Quantity)
        assert [(i["number"], i["unit"]["value"]) for i in volumes] == [(focus.volume.value, "mm3")]
        labels = {i["code"]["value"] for i in inside if i.get("code")}
        assert coded(focus.label).value in labels
        assert coded(focus.morphology.label).value in labels
