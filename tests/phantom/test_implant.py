from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest
import scipy.ndimage as ndi

from hepalith.errors import MaskError
from hepalith.geometry import Grid, StoredOrder
from hepalith.image import Volume
from hepalith.image.decode import decode
from hepalith.image.mask import read_mask
from hepalith.phantom import Recipe, implant, load_truth, make_implant, make_sphere, write_implant
from hepalith.settings import MaskSource, Settings
from hepalith.study.choice import choose_series
from hepalith.study.open import open_study


def _scan(order: StoredOrder | None = None) -> tuple[Volume, np.ndarray]:
    affine = np.zeros((4, 4))
    affine[2, 0], affine[1, 1], affine[0, 2], affine[3, 3] = 2.5, 1.0, 1.0, 1
    affine[:3, 3] = (-100, -90, 40)
    grid = Grid((40, 120, 120), affine)
    k, j, i = np.ogrid[:40, :120, :120]
    mask = ((k - 20) / 17.0) ** 2 + ((j - 60) / 50.0) ** 2 + ((i - 60) / 50.0) ** 2 < 1
    noise = ndi.gaussian_filter(np.random.default_rng(0).standard_normal(grid.shape), (0, 0.6, 0.6))
    hu = np.where(mask, 58, -90) + noise * 25
    return Volume(np.rint(hu).astype(np.int16), grid, order or StoredOrder()), mask


def test_what_was_added_is_what_the_truth_says() -> None:
    volume, mask = _scan()
    made = make_implant(volume, mask, 5)
    added = made.volume.hu.astype(float) - volume.hu
    assert len(made.truth.foci) >= 12
    total = added.sum() * volume.grid.voxel_mm3
    told = sum(f.integrated_excess_hu_mm3 for f in made.truth.foci)
    assert total == pytest.approx(told, rel=0.005)
    for focus in made.truth.foci:
        assert focus.sampled_excess_hu_mm3 == pytest.approx(focus.integrated_excess_hu_mm3, rel=1e-3)


def test_no_focus_is_cut_by_the_end_of_the_image() -> None:
    volume, mask = _scan()
    part = Volume(volume.hu[12:24], Grid((12, 120, 120), volume.grid.affine))
    for seed in range(6):
        for focus in make_implant(part, mask[12:24], seed).truth.foci:
            assert focus.sampled_excess_hu_mm3 == pytest.approx(focus.integrated_excess_hu_mm3, rel=1e-3)


def test_a_faint_focus_is_not_lost_to_rounding() -> None:
    volume, _ = _scan()
    faint = make_sphere((-40.0, -30.0, 90.0), 1.2, 40.0)
    made, _, _ = implant(volume, (faint,), 1.2, 2.5, seed=0)
    sums = []
    for seed in range(40):
        made, _, _ = implant(volume, (faint,), 1.2, 2.5, seed=seed)
        sums.append((made.hu.astype(float) - volume.hu).sum() * 2.5)
    assert np.mean(sums) == pytest.approx(faint.integrated_excess, rel=0.25)


def test_foci_lie_in_the_liver_and_apart() -> None:
    volume, mask = _scan()
    made = make_implant(volume, mask, 9, Recipe(count=14))
    near = ndi.distance_transform_edt(~mask, sampling=volume.spacing_mm)
    alone: dict[int, list[np.ndarray]] = {}
    for focus in made.truth.foci:
        k, j, i = np.rint(volume.grid.to_index(focus.centre_lps_mm)).astype(int)
        assert near[k, j, i] <= 2.5
        alone.setdefault(focus.group or 100 + focus.id, []).append(np.array(focus.centre_lps_mm))
    groups = list(alone.values())
    for a, one in enumerate(groups):
        for other in groups[a + 1 :]:
            assert min(np.linalg.norm(p - q) for p in one for q in other) > 9.0


def test_each_label_holds_its_focus() -> None:
    volume, mask = _scan()
    made = make_implant(volume, mask, 2)
    for focus in made.truth.foci:
        label = made.foci == focus.id
        assert label.any()
        if focus.kind in ("sphere", "bead"):
            centre = volume.grid.to_lps(np.argwhere(label).mean(axis=0))
            assert np.linalg.norm(centre - focus.centre_lps_mm) < 2.0


def test_the_same_seed_implants_the_same_and_leaves_the_scan_alone() -> None:
    volume, mask = _scan()
    before = volume.hu.copy()
    one, two, three = (make_implant(volume, mask, s) for s in (3, 3, 4))
    assert np.array_equal(one.volume.hu, two.volume.hu)
    assert one.truth == two.truth
    assert not np.array_equal(one.volume.hu, three.volume.hu)
    assert np.array_equal(volume.hu, before)


def test_files_come_back_in_the_order_of_the_source(tmp_path: Path) -> None:
    order = StoredOrder((2, 0, 1), (True, False, True))
    volume, mask = _scan(order)
    made = make_implant(volume, mask, 1)
    write_implant(made, tmp_path)
    image = nibabel.load(tmp_path / "ct.nii.gz")
    stored = np.asarray(image.dataobj)
    assert stored.dtype == np.int16
    assert np.array_equal(order.to_working(stored.T), made.volume.hu)
    ras = image.affine @ (0, 0, 0, 1)
    lps = order.stored_grid(volume.grid).affine @ (0, 0, 0, 1)
    assert ras[:3] == pytest.approx((-lps[0], -lps[1], lps[2]))
    assert load_truth(tmp_path / "truth.json").seed == 1


@pytest.mark.real
def test_the_implanted_file_lies_on_the_source_voxel_by_voxel(shared_data: Path, tmp_path: Path) -> None:
    source, organ = (
        shared_data / "totalseg" / "ct.nii.gz",
        shared_data / "totalseg" / "organs" / "liver.nii.gz",
    )
    settings = Settings()
    volume = decode(choose_series(open_study([source], settings), settings).primary).volume
    made = make_implant(volume, read_mask(MaskSource(organ), volume), 3)
    write_implant(made, tmp_path)
    before, after, labels, liver = (
        nibabel.load(p) for p in (source, tmp_path / "ct.nii.gz", tmp_path / "foci_truth.nii.gz", organ)
    )
    assert after.affine == pytest.approx(before.affine, abs=1e-4)
    added = np.asarray(after.dataobj, dtype=float) - np.maximum(np.asarray(before.dataobj), -1024)
    told = sum(f.integrated_excess_hu_mm3 for f in made.truth.foci)
    assert added.sum() * abs(np.linalg.det(before.affine)) == pytest.approx(told, rel=0.01)
    marked = np.asarray(labels.dataobj)
    assert (np.asarray(liver.dataobj)[marked > 0] > 0).mean() > 0.9
    for focus in made.truth.foci:
        if focus.kind == "sphere":
            ras = (labels.affine @ [*np.argwhere(marked == focus.id).mean(axis=0), 1])[:3]
            assert ras * (-1, -1, 1) == pytest.approx(focus.centre_lps_mm, abs=3.0)


def test_a_mask_that_is_empty_or_of_another_shape_is_refused() -> None:
    volume, mask = _scan()
    with pytest.raises(MaskError, match="empty"):
        make_implant(volume, np.zeros_like(mask), 0)
    with pytest.raises(MaskError, match="give a mask of this image"):
        make_implant(volume, mask[:-1], 0)


def test_foci_keep_away_from_what_is_bright_already() -> None:
    volume, mask = _scan()
    volume.hu[18:22, 55:65, 55:65] = 2000
    bright = volume.grid.to_lps((20, 60, 60))
    for seed in range(4):
        for focus in make_implant(volume, mask, seed, Recipe(count=20)).truth.foci:
            assert np.linalg.norm(np.array(focus.centre_lps_mm) - bright) > 8
