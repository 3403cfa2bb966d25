"""A given mask is believed only where an organ can be."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK

from hepalith.anatomy.locate import locate_liver
from hepalith.errors import InputError, MaskError, UnsupportedModalityError
from hepalith.geometry import Grid
from hepalith.image import Volume
from hepalith.settings import MaskSource, Settings

SHAPE = (6, 20, 24)


def make_volume(tissue: int = 60, around: int = -1000) -> Volume:
    hu = np.full(SHAPE, around, dtype=np.int16)
    hu[:, 5:15, 5:19] = tissue
    affine = np.diag([1.0, 1.0, 1.0, 1.0])[:, [2, 1, 0, 3]] * 2.0
    affine[3, 3] = 1.0
    return Volume(hu, Grid(SHAPE, affine))


def give(folder: Path, *slices: slice) -> Settings:
    mask = np.zeros(SHAPE, dtype=np.uint8)
    mask[slices] = 1
    path = folder / "mask.nrrd"
    image: Any = SimpleITK.GetImageFromArray(mask)
    image.SetSpacing((2.0, 2.0, 2.0))
    SimpleITK.WriteImage(image, path)
    return Settings(liver_masks=(MaskSource(path),))


ORGAN = (slice(1, 5), slice(6, 14), slice(6, 16))


def test_an_organ_is_taken_and_its_doubts_come_with_the_volume(tmp_path: Path) -> None:
    volume, liver = locate_liver(make_volume(), give(tmp_path, *ORGAN))
    assert int(liver.mask.sum()) == 4 * 8 * 10
    assert volume.warnings == ()


@pytest.mark.parametrize(
    ("slices", "words"),
    [((slice(3, 4), slice(8, 9), slice(8, 9)), "only 1 voxels"), ((slice(1, 5), slice(0, 4)), "air")],
)
def test_a_slip_of_the_mask_is_refused_rather_than_read_as_free_of_calcium(
    tmp_path: Path, slices: tuple[slice, ...], words: str
) -> None:
    with pytest.raises(MaskError, match=words) as caught:
        locate_liver(make_volume(), give(tmp_path, *slices))
    assert "mask.nrrd" in str(caught.value)


def test_stored_values_without_their_intercept_are_no_hounsfield_units(tmp_path: Path) -> None:
    kind: type[InputError] = UnsupportedModalityError
    with pytest.raises(kind, match="Hounsfield"):
        locate_liver(make_volume(tissue=1084, around=24), give(tmp_path, *ORGAN))


def test_a_dense_organ_in_a_true_ct_is_read(tmp_path: Path) -> None:
    _, liver = locate_liver(make_volume(tissue=900), give(tmp_path, *ORGAN))
    assert liver.is_in_view
