"""TotalSegmentator is called through its Python interface, and asked for when absent."""

from __future__ import annotations

import sys
from types import ModuleType

import nibabel
import numpy as np
import pytest
from tests.anatomy.made_body import grid_of

from hepalith.anatomy.find import find_liver
from hepalith.errors import MissingExtraError
from hepalith.image.volume import Volume
from hepalith.settings import Settings

SETTINGS = Settings(segmenter="totalsegmentator")


@pytest.fixture
def volume() -> Volume:
    hu = np.zeros((6, 20, 30), np.int16)
    hu[2:4, 5:10, 8:12] = 60
    return Volume(hu, grid_of(hu.shape, (5.0, 2.0, 1.5)))


def test_its_absence_names_the_extra(volume, monkeypatch):
    monkeypatch.setitem(sys.modules, "totalsegmentator", None)
    monkeypatch.setitem(sys.modules, "totalsegmentator.python_api", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'hepalith\[totalsegmentator\]'"):
        find_liver(volume, SETTINGS)


def test_its_mask_comes_back_in_the_working_order(volume, monkeypatch):
    seen = {}

    def fake(image, output, **how):
        seen.update(how, affine=image.affine, output=output)
        return nibabel.Nifti1Image((np.asarray(image.dataobj) == 60).astype(np.uint8), image.affine)

    package, api = ModuleType("totalsegmentator"), ModuleType("totalsegmentator.python_api")
    api.totalsegmentator = fake
    monkeypatch.setitem(sys.modules, "totalsegmentator", package)
    monkeypatch.setitem(sys.modules, "totalsegmentator.python_api", api)
    liver = find_liver(volume, SETTINGS)
    assert liver.source == "totalsegmentator"
    assert liver.box.start == (2, 5, 8)
    assert liver.mask.all()
    assert seen["roi_subset"] == ["liver"]
    assert seen["output"] is None
    assert np.allclose(seen["affine"][:3, :3], np.diag([-1.5, -2.0, 5.0]))
