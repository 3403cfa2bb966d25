"""Sonograms with known answers: what is laid in is in the truth, where it says, the same every time."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hepalith.errors import MaskError, UnreadableFileError, UsageError
from hepalith.image.beam import Sector
from hepalith.image.cine import Cine
from hepalith.image.decode_ultrasound import decode_ultrasound
from hepalith.phantom import (
    StillRecipe,
    implant_into_still,
    list_sono_contents,
    load_sono_truth,
    make_sonogram,
    write_sono_folder,
    write_sono_truth,
)
from hepalith.phantom.ultrasound.dicom import ENCODINGS, SonoHeader, write_sono_dicom
from hepalith.phantom.ultrasound.probe import Probe
from hepalith.phantom.ultrasound.truth import SonoTruth
from hepalith.settings import Settings
from hepalith.study.choice import choose_series
from hepalith.study.open import open_study

SMALL = Probe(depth_mm=120.0, lines=160, step_mm=0.3, looks=1)
"""A coarser sampling: half the time, the same truth."""


def read_back(path: Path) -> Cine:
    """Return a written file as the reader decodes it."""
    settings = Settings(modality="US")
    return decode_ultrasound(choose_series(open_study([path], settings), settings).ultrasound[0], settings)[0]


def test_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_sono_folder(make_sonogram(11, contents="case:hepatolithiasis"), tmp_path / name)
    for file in sorted(p.relative_to(tmp_path / "a") for p in (tmp_path / "a").rglob("*") if p.is_file()):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes(), file


def test_other_seeds_give_other_pictures() -> None:
    one, other = (make_sonogram(seed, contents="case:normal", probe=SMALL).cine.grey for seed in (1, 2))
    assert one.shape != other.shape or not np.array_equal(one, other)


@pytest.mark.parametrize("contents", list_sono_contents())
def test_everything_on_the_list_can_be_made(contents: str) -> None:
    made = make_sonogram(21, contents=contents, probe=SMALL)
    rows, columns = made.cine.shape_px
    assert made.labels.shape == made.tissue.shape == (rows, columns)
    for entry in (*made.truth.foci, *made.truth.mimics):
        assert len(entry.centre_px) == len(entry.bbox_px) == 1
        assert math.isfinite(entry.contrast_sd)
        assert entry.shadow.grade in ("none", "faint", "clean", "dirty", "comet_tail")


def test_duct_stones_lie_in_a_dark_dilated_duct_and_simple_calcification_does_not() -> None:
    in_duct = make_sonogram(3, contents="case:hepatolithiasis", probe=SMALL).truth
    assert in_duct.diagnosis == "hepatolithiasis"
    assert in_duct.foci
    for focus in in_duct.foci:
        assert focus.duct is not None
        assert (focus.duct.relation, focus.duct.dilated, focus.duct.fluid_around) == ("in_lumen", True, True)
    apart = make_sonogram(3, contents="case:simple_healed", probe=SMALL).truth
    assert apart.diagnosis == "simple_healed"
    assert all(
        f.duct is not None and f.duct.relation != "in_lumen" and not f.duct.dilated for f in apart.foci
    )


def test_a_bright_mass_is_a_host_and_no_focus() -> None:
    truth = make_sonogram(4, contents="case:haemangioma", probe=SMALL).truth
    assert truth.diagnosis == "haemangioma"
    assert [host.name for host in truth.hosts] == ["haemangioma"]
    assert not truth.foci


def test_the_focus_is_bright_where_the_truth_says() -> None:
    brighter: list[float] = []
    for seed in range(30, 38):
        made = make_sonogram(seed, contents="morphology:nodular", bare=True)
        grey = made.cine.grey[0].astype(float)
        liver = np.median(grey[made.tissue == 2])
        seen = [focus.id for focus in made.truth.foci if focus.visible]
        brighter += [grey[made.labels == number].mean() - liver for number in seen]
    assert len(brighter) >= 5
    assert np.median(brighter) > 30


def test_about_a_third_of_pictures_hold_no_focus() -> None:
    from hepalith.phantom.ultrasound.content import SONO_CONTENTS  # noqa: PLC0415 - the shares, for this test alone

    without = (
        "normal", "haemangioma", "hcc", "cyst", "ce_active", "abscess", "dilated_ducts", "pneumobilia",
        "portal_vein", "mimic:",
    )  # fmt: skip
    total = sum(share for _, share in SONO_CONTENTS.values())
    empty = sum(
        share
        for name, (_, share) in SONO_CONTENTS.items()
        if any(w in name for w in without) and "abscess_scar" not in name
    )
    assert 0.25 < empty / total < 0.42


def test_unknown_contents_are_refused() -> None:
    with pytest.raises(UsageError, match="not known for ultrasound"):
        make_sonogram(1, contents="case:nothing_like_it")


def test_truth_survives_its_file(tmp_path: Path) -> None:
    truth = make_sonogram(5, contents="case:metastasis_crc", probe=SMALL).truth
    write_sono_truth(truth, tmp_path / "truth.json")
    read = load_sono_truth(tmp_path / "truth.json")
    assert isinstance(read, SonoTruth)
    assert [(f.id, f.label, f.morphology, f.shadow.grade, f.host) for f in read.foci] == [
        (f.id, f.label, f.morphology, f.shadow.grade, f.host) for f in truth.foci
    ]
    assert read.sector.shape == truth.sector.shape
    assert read.mm_per_px == pytest.approx(truth.mm_per_px, rel=1e-5)
    (tmp_path / "bad.json").write_text('{"schema": "hepalith/phantom/1"}')
    with pytest.raises(UnreadableFileError):
        load_sono_truth(tmp_path / "bad.json")


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("frames", [1, 3])
def test_dicom_is_read_back_as_it_was_made(tmp_path: Path, encoding: str, frames: int) -> None:
    cine = make_sonogram(1, frames=frames, contents="case:normal", probe=SMALL).cine
    cine = replace(cine, mm_per_px=(0.3, 0.3))
    write_sono_dicom(cine, tmp_path / "us.dcm", SonoHeader("key", encoding))
    read = read_back(tmp_path / "us.dcm")
    worst = np.abs(read.grey.astype(int) - cine.grey.astype(int))
    assert read.grey.shape == cine.grey.shape
    assert worst.mean() < (1.5 if encoding == "jpeg" else 1e-9)
    assert read.kind == cine.kind


def test_the_header_tells_the_scale_only_where_the_truth_says_so(tmp_path: Path) -> None:
    seen = set()
    for seed in range(40, 48):
        made = make_sonogram(seed, contents="case:normal", probe=SMALL)
        write_sono_dicom(made.cine, tmp_path / f"{seed}.dcm", SonoHeader(str(seed)))
        read = read_back(tmp_path / f"{seed}.dcm")
        told = made.truth.header["mm_per_px"]
        seen.add(told is None)
        if told is None:
            assert read.mm_per_px is None
        else:
            assert read.mm_per_px is not None
            assert read.mm_per_px[0] == pytest.approx(made.truth.mm_per_px, rel=1e-4)
    assert seen == {True, False}


def test_a_loop_moves_the_liver_and_the_foci_with_it() -> None:
    made = make_sonogram(7, contents="case:abscess_scar", frames=12, probe=SMALL, bare=True)
    focus = made.truth.foci[0]
    assert made.cine.grey.shape[0] == len(focus.centre_px) == made.truth.frames == 12
    shift = np.array(made.truth.motion["liver_mm"]) / made.truth.mm_per_px
    for frame, centre in enumerate(focus.centre_px):
        if centre is None or focus.centre_px[0] is None:
            continue
        moved = np.array(centre) - np.array(focus.centre_px[0])
        assert np.allclose(moved, shift[frame], atol=0.2 * np.abs(shift).max() + 1.0)


def test_the_focus_of_a_loop_is_bright_in_every_frame_where_the_truth_has_it() -> None:
    made = make_sonogram(9, contents="case:abscess_scar", frames=10, probe=SMALL, bare=True)
    focus = made.truth.foci[0]
    for frame, box in enumerate(focus.bbox_px):
        if box is None:
            continue
        x0, y0, x1, y1 = (round(v) for v in box)
        grey = made.cine.grey[frame]
        here = grey[y0 : y1 + 1, x0 : x1 + 1].mean()
        assert here > np.median(grey[made.tissue == 2]) + 20, frame


def test_the_best_frame_is_one_in_which_the_focus_lies_in_the_plane() -> None:
    for seed in range(14, 18):
        made = make_sonogram(seed, contents="case:abscess_scar", frames=8, probe=SMALL)
        for focus in made.truth.foci:
            assert 0 <= focus.best_frame < 8
            assert focus.centre_px[focus.best_frame] is not None


def plain_still() -> tuple[Cine, Sector, np.ndarray]:
    """Return a phantom of an ordinary liver as if it were a still, its outline, and a mask of its liver."""
    made = make_sonogram(2, contents="case:normal", bare=True)
    return made.cine, made.truth.sector, np.asarray(made.tissue == 2)


def test_nothing_put_in_changes_nothing() -> None:
    cine, sector, mask = plain_still()
    made = implant_into_still(cine, sector, mask, 1, recipe=StillRecipe(count=0))
    assert np.array_equal(made.cine.grey, cine.grey)
    assert not made.truth.foci
    assert not made.truth.mimics


def test_implants_change_the_still_only_at_and_behind_themselves() -> None:
    cine, sector, mask = plain_still()
    made = implant_into_still(cine, sector, mask, 3, recipe=StillRecipe(count=2, gas=0.0))
    changed = made.cine.grey[0].astype(int) - cine.grey[0].astype(int)
    assert made.truth.foci
    assert made.truth.mm_assumed
    assert 0 < np.count_nonzero(np.abs(changed) > 3) < 0.25 * changed.size
    for focus in made.truth.foci:
        assert (changed[made.labels == focus.id] > 0).mean() > 0.6
        box = focus.bbox_px[0]
        assert box is not None
        assert np.abs(changed[: max(int(box[1]) - 30, 0), int(box[0]) : int(box[2])]).max(initial=0) <= 3


def test_implants_lie_in_the_polygon() -> None:
    cine, sector, mask = plain_still()
    for seed in range(5):
        made = implant_into_still(cine, sector, mask, seed)
        for entry in (*made.truth.foci, *made.truth.mimics):
            assert entry.centre_px[0] is not None
            x, y = entry.centre_px[0]
            assert mask[round(y), round(x)]


def test_a_polygon_outside_the_still_is_refused() -> None:
    cine, sector, _ = plain_still()
    with pytest.raises(MaskError):
        implant_into_still(cine, sector, [(-50.0, -50.0), (-20.0, -50.0), (-20.0, -20.0)], 1)
    with pytest.raises(MaskError):
        implant_into_still(cine, sector, np.ones((4, 4), dtype=bool), 1)


def test_loops_of_loose_bodies_hold_some_that_move() -> None:
    moving = 0
    for seed in range(4):
        truth = make_sonogram(seed, contents="case:loose").truth
        moving += any(body.moves for body in (*truth.foci, *truth.mimics))
    assert moving >= 3
