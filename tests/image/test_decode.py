"""Decoding gives the same Hounsfield units at the same places, however they were stored."""

from __future__ import annotations

import hashlib
import io
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from tests.dicom_files import COMPRESSED, NATIVE, make_hu, make_slice, save, write_enhanced, write_series

from hepalith.errors import (
    GeometryError,
    NoImageError,
    UnreadableFileError,
    UnsupportedModalityError,
)
from hepalith.geometry import Box
from hepalith.image import AIR_HU, Volume
from hepalith.image.decode import TURNED, Decoded, decode
from hepalith.settings import Settings
from hepalith.study.choice import choose_series
from hepalith.study.open import open_study


def read(path: Path) -> Decoded:
    return decode(choose_series(open_study([path], Settings()), Settings()).primary)


def read_volume(path: Path) -> Volume:
    return read(path).volume


def expect(
    volume: Volume, hu: NDArray[np.int16], origin: tuple[float, float, float] = (-100, -80, 0)
) -> None:
    np.testing.assert_array_equal(volume.hu, hu)
    assert volume.hu.dtype == np.int16
    np.testing.assert_allclose(volume.grid.spacing_mm, (2.5, 0.8, 0.7))
    np.testing.assert_allclose(volume.grid.to_lps((0, 0, 0)), origin, atol=1e-6)


@pytest.mark.parametrize("syntax", [*NATIVE, *COMPRESSED, "jpeg_lossless"])
@pytest.mark.parametrize("signed", [0, 1])
def test_every_transfer_syntax_gives_the_same_volume(tmp_path: Path, syntax: str, signed: int) -> None:
    hu = make_hu((6, 40, 48))
    expect(read_volume(write_series(tmp_path / "s", hu, syntax=syntax, PixelRepresentation=signed)), hu)


@pytest.mark.parametrize("syntax", ["explicit", "implicit", "rle", "jpeg_ls"])
def test_enhanced_multi_frame_ct_with_a_rescale_per_frame_is_read(tmp_path: Path, syntax: str) -> None:
    hu = make_hu()
    decoded = read(write_enhanced(tmp_path / "enhanced.dcm", hu, syntax))
    expect(decoded.volume, hu)
    assert [instance.frame for instance in decoded.series.instances] == [5, 4, 3, 2, 1, 0]


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.permutations(range(6)))
def test_the_order_of_files_does_not_matter(
    tmp_path_factory: pytest.TempPathFactory, order: list[int]
) -> None:
    hu = make_hu()
    folder = write_series(
        tmp_path_factory.mktemp("s"), hu, order=order, change=lambda n: {"InstanceNumber": order[n] + 1}
    )
    expect(read_volume(folder), hu)


@pytest.mark.parametrize(
    "axes",
    [(1, 0, 0, 0, 1, 0), (-1, 0, 0, 0, -1, 0), (0, 1, 0, 0, 0, -1), (1, 0, 0, 0, 0, -1), (0, 1, 0, 1, 0, 0)],
)
def test_every_orientation_lands_in_the_working_order_at_the_right_places(
    tmp_path: Path, axes: tuple[int, ...]
) -> None:
    hu = make_hu((5, 6, 7))
    normal = np.cross(axes[:3], axes[3:])
    start = np.array([3.0, 5.0, 7.0])
    folder = write_series(
        tmp_path / "s",
        hu,
        change=lambda n: {
            "ImageOrientationPatient": list(axes),
            "ImagePositionPatient": [float(v) for v in start + 2.5 * n * normal],
        },
    )
    volume = read_volume(folder)
    assert (np.diag(volume.grid.affine[:3, 2::-1]) > 0).all()
    for k, j, i in [(0, 0, 0), (4, 5, 6), (2, 1, 5)]:
        place = start + 2.5 * k * normal + 0.8 * j * np.array(axes[3:]) + 0.7 * i * np.array(axes[:3])
        at = tuple(np.rint(volume.grid.to_index(place)).astype(int))
        assert volume.hu[at] == hu[k, j, i]
    np.testing.assert_array_equal(volume.stored_order.to_stored(volume.hu), hu)


@pytest.mark.parametrize(
    ("axes", "thickness_mm"),
    [((1, 0, 0, 0, 1, 0), 2.5), ((0, 1, 0, 0, 0, -1), None), ((1, 0, 0, 0, 0, -1), None)],
)
def test_the_thickness_of_sagittal_and_coronal_slices_is_not_taken_for_that_of_axial_ones(
    tmp_path: Path, axes: tuple[int, ...], thickness_mm: float | None
) -> None:
    normal = np.cross(axes[:3], axes[3:])
    folder = write_series(
        tmp_path / "s",
        make_hu((5, 6, 7)),
        change=lambda n: {
            "ImageOrientationPatient": list(axes),
            "ImagePositionPatient": [float(v) for v in 2.5 * n * normal],
            "SliceThickness": 2.5,
        },
    )
    decoded = read(folder)
    assert decoded.series.acquisition.slice_thickness_mm == thickness_mm
    assert (TURNED in decoded.volume.warnings) == (thickness_mm is None)


def test_slices_with_their_own_rescale_are_each_in_hu(tmp_path: Path) -> None:
    hu = make_hu() // 2 * 2

    def change(n: int) -> dict[str, Any]:
        intercept = -1024 + 2 * n
        return {
            "RescaleSlope": "2",
            "RescaleIntercept": str(intercept),
            "stored": ((hu[n].astype(int) - intercept) // 2).astype(np.int16),
        }

    expect(read_volume(write_series(tmp_path / "s", hu, change=change)), hu)


def test_fractional_rescale_is_rounded(tmp_path: Path) -> None:
    stored = np.arange(320, dtype=np.int16).reshape(16, 20)
    folder = write_series(
        tmp_path / "s", make_hu(), stored=stored, RescaleSlope="0.3", RescaleIntercept="-900.5"
    )
    np.testing.assert_array_equal(read_volume(folder).hu[0], np.rint(stored * 0.3 - 900.5))


def test_padding_and_what_lies_below_air_become_air(tmp_path: Path) -> None:
    hu = make_hu()
    stored = (hu.astype(int) + 1024).astype(np.int16)
    stored[:, :3], stored[:, 3], stored[:, 4] = -32768, -2000, 3071
    folder = write_series(
        tmp_path / "s",
        hu,
        change=lambda n: {"stored": stored[n]},
        PixelPaddingValue=3071,
        PixelRepresentation=1,
    )
    volume = read_volume(folder)
    assert (volume.hu[:, :5] == AIR_HU).all()
    np.testing.assert_array_equal(volume.hu[:, 5:], hu[:, 5:])


def test_a_range_of_padding_becomes_air(tmp_path: Path) -> None:
    hu = make_hu()
    stored = (hu.astype(int) + 1024).astype(np.int16)
    stored[:, 0, 0], stored[:, 0, 1] = 5000, 5010
    folder = write_series(
        tmp_path / "s",
        hu,
        change=lambda n: {"stored": stored[n]},
        PixelPaddingValue=5000,
        PixelPaddingRangeLimit=5010,
    )
    assert (read_volume(folder).hu[:, 0, :2] == AIR_HU).all()


@pytest.mark.parametrize("signed", [0, 1])
def test_rubbish_above_twelve_stored_bits_is_cut_off(tmp_path: Path, signed: int) -> None:
    hu = make_hu()
    offset = 0 if signed else 1024
    true = hu.astype(int) + offset
    rubbish = np.uint16(0xA000)
    stored = (true.astype(np.uint16) & np.uint16(0x0FFF)) | rubbish
    folder = write_series(
        tmp_path / "s", hu, change=lambda n: {"stored": stored[n]}, BitsStored=12, HighBit=11,
        PixelRepresentation=signed, RescaleIntercept=str(-offset),
    )  # fmt: skip
    expect(read_volume(folder), hu)


def test_unsigned_values_of_sixteen_bits_do_not_wrap(tmp_path: Path) -> None:
    hu = np.linspace(-1000, 30000, 320).astype(np.int16).reshape(1, 16, 20).repeat(4, axis=0)
    stored = (hu.astype(int) + 32768).astype(np.uint16)
    folder = write_series(
        tmp_path / "s",
        hu,
        change=lambda n: {"stored": stored[n]},
        PixelRepresentation=0,
        RescaleIntercept="-32768",
    )
    np.testing.assert_array_equal(read_volume(folder).hu, hu)


def test_a_zip_archive_reads_like_its_folder_without_unpacking(tmp_path: Path) -> None:
    hu = make_hu()
    folder = write_series(tmp_path / "s", hu)
    packed = tmp_path / "s.zip"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in folder.iterdir():
            archive.write(file, f"deep/er/{file.name}")
    before = set(tmp_path.iterdir())
    from_zip, from_folder = read(packed), read(folder)
    expect(from_zip.volume, hu)
    assert from_zip.sha256 == from_folder.sha256
    assert set(tmp_path.iterdir()) == before


def test_the_digest_is_of_the_files_contents_alone(tmp_path: Path) -> None:
    hu = make_hu()
    a = read(write_series(tmp_path / "a", hu))
    b = read(write_series(tmp_path / "b", hu, order=[5, 4, 3, 2, 1, 0]))
    files = sorted(hashlib.sha256(f.read_bytes()).hexdigest() for f in (tmp_path / "a").iterdir())
    assert a.sha256 == b.sha256 == hashlib.sha256("".join(files).encode()).hexdigest()


def test_gantry_tilt_is_resampled_upright_and_said(tmp_path: Path) -> None:
    angle = np.radians(15)
    row, column = np.array([1.0, 0, 0]), np.array([0, np.cos(angle), np.sin(angle)])
    step = np.array([0, 0, 5.0])  # the table moves along z, not along the tilted normal
    z, y, x = np.mgrid[0:10, 0:40, 0:20]
    places = -(y[..., None] * 0.8 * column + x[..., None] * 0.7 * row + z[..., None] * step) / 1.0
    hu = np.rint(-200 + 5 * places[..., 1] + 3 * places[..., 0] - 2 * places[..., 2]).astype(np.int16)
    folder = write_series(
        tmp_path / "s", hu,
        change=lambda n: {"ImagePositionPatient": [float(v) for v in n * step],
                          "ImageOrientationPatient": [*row, *(float(v) for v in column)]},
        GantryDetectorTilt="15", SliceThickness="5",
    )  # fmt: skip
    volume = read_volume(folder)
    axes = volume.grid.affine[:3, :3] / np.array(volume.grid.spacing_mm)
    np.testing.assert_allclose(axes.T @ axes, np.eye(3), atol=1e-6)
    assert volume.grid.spacing_mm[0] == pytest.approx(5 * np.cos(angle))
    assert any("tilt" in warning for warning in volume.warnings)
    inside = np.argwhere(volume.hu[:, 17:38] > AIR_HU) + np.array([0, 17, 0])
    lps = -volume.grid.to_lps(inside)
    truth = -200 + 5 * lps[:, 1] + 3 * lps[:, 0] - 2 * lps[:, 2]
    assert len(inside) > 2000
    assert np.abs(volume.hu[tuple(inside.T)] - truth).max() < 1.5


def test_missing_slices_are_filled_and_said(tmp_path: Path) -> None:
    hu = np.arange(-500, 500, 100, dtype=np.int16)[:, None, None] * np.ones((1, 16, 20), np.int16)
    folder = write_series(tmp_path / "s", hu)
    for n in (4, 7):
        (folder / f"{n:04d}.dcm").unlink()
    volume = read_volume(folder)
    np.testing.assert_array_equal(volume.hu, hu)
    assert any(w.startswith("2 slices are missing") for w in volume.warnings)
    assert volume.filled is not None
    assert np.flatnonzero(np.broadcast_to(volume.filled, hu.shape)[:, 3, 3]).tolist() == [4, 7]
    part = volume.cropped(Box((3, 2, 2), (6, 9, 9)))
    assert part.filled is not None
    assert part.filled.ravel().tolist() == [False, True, False]


def test_uneven_gaps_are_resampled_and_said(tmp_path: Path) -> None:
    places = np.array([0, 2, 4, 6, 9.1, 12.2, 14.2, 16.2])
    hu = np.rint(10 * places - 300).astype(np.int16)[:, None, None] * np.ones((1, 16, 20), np.int16)
    folder = write_series(
        tmp_path / "s", hu, change=lambda n: {"ImagePositionPatient": [0, 0, float(places[n])]}
    )
    volume = read_volume(folder)
    assert volume.grid.spacing_mm[0] == pytest.approx(2)
    z = volume.grid.to_lps([(k, 0, 0) for k in range(len(volume.hu))])[:, 2]
    np.testing.assert_allclose(volume.hu[:, 3, 3], 10 * z - 300, atol=0.51)
    assert any("resampled evenly" in warning for warning in volume.warnings)


def test_two_blocks_far_apart_are_two_volumes(tmp_path: Path) -> None:
    hu = make_hu((12, 16, 20))
    folder = write_series(
        tmp_path / "s", hu, change=lambda n: {"ImagePositionPatient": [0, 0, 2.5 * n + (300 if n > 7 else 0)]}
    )
    choice = choose_series(open_study([folder], Settings()), Settings())
    assert len(choice.primary.instances) == 8
    assert len(choice.left) == 1
    np.testing.assert_array_equal(decode(choice.primary).volume.hu, hu[:8])


def test_duplicate_slices_are_kept_once_and_said(tmp_path: Path) -> None:
    hu = make_hu()
    folder = write_series(tmp_path / "s", hu)
    save(make_slice(hu[5], 2, InstanceNumber=99, SOPInstanceUID="1.2.3.99"), folder / "x.dcm")
    volume = read_volume(folder)
    expect(volume, hu)
    assert any("another does" in warning for warning in volume.warnings)


def test_a_file_that_is_there_twice_is_read_once(tmp_path: Path) -> None:
    hu = make_hu()
    folder = write_series(tmp_path / "s", hu)
    (folder / "copy.dcm").write_bytes((folder / "0002.dcm").read_bytes())
    volume = read_volume(folder)
    expect(volume, hu)
    assert any("copies" in warning for warning in volume.warnings)


def test_missing_positions_are_taken_from_numbers_and_spacing_and_said(tmp_path: Path) -> None:
    hu = make_hu()
    folder = write_series(
        tmp_path / "s", hu, ImagePositionPatient=None, change=lambda n: {"InstanceNumber": 6 - n}
    )
    volume = read_volume(folder)
    np.testing.assert_array_equal(volume.hu, hu)
    assert volume.grid.spacing_mm[0] == 2.5
    assert any("Positions are missing" in warning for warning in volume.warnings)


@pytest.mark.parametrize(
    "changes",
    [
        {"PixelSpacing": [0, 0]},
        {"PixelSpacing": None},
        {"PixelSpacing": ""},
        {"ImagePositionPatient": None, "SliceThickness": None},
        {"ImagePositionPatient": None, "InstanceNumber": 1},
        {"ImageOrientationPatient": [1, 0, 0, 1, 0, 0]},
    ],
)
def test_geometry_that_describes_no_volume_is_refused_in_one_line(
    tmp_path: Path, changes: dict[str, Any]
) -> None:
    folder = write_series(tmp_path / "s", make_hu(), **changes)
    with pytest.raises(GeometryError) as caught:
        read_volume(folder)
    assert "\n" not in str(caught.value)


def test_slices_all_at_one_place_are_refused(tmp_path: Path) -> None:
    folder = write_series(tmp_path / "s", make_hu(), ImagePositionPatient=[0, 0, 0])
    with pytest.raises(NoImageError, match="one place"):
        read_volume(folder)


def test_a_single_slice_is_a_volume_of_its_thickness(tmp_path: Path) -> None:
    hu = make_hu((1, 16, 20))
    volume = read_volume(save(make_slice(hu[0]), tmp_path / "one.dcm"))
    expect(volume, hu)


@pytest.mark.parametrize("syntax", ["explicit", "rle", "jpeg_ls", "jpeg_2000", "jpeg_lossless", "deflated"])
@pytest.mark.parametrize("share", [0.6, 0.9])
def test_a_truncated_slice_is_refused_by_name(tmp_path: Path, syntax: str, share: float) -> None:
    hu = make_hu((6, 128, 128))
    folder = write_series(tmp_path / "s", hu, syntax=syntax)
    file = folder / "0002.dcm"
    file.write_bytes(file.read_bytes()[: int(share * file.stat().st_size)])
    if syntax == "deflated":  # its header is inside the stream: the file is left, and the gap is said
        assert any("missing" in warning for warning in read(folder).volume.warnings)
        return
    with pytest.raises(UnreadableFileError, match=r"0002\.dcm: cut short") as caught:
        read(folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("syntax", ["rle", "jpeg_ls", "jpeg_2000", "jpeg_lossless"])
def test_rubbish_among_compressed_pixels_is_refused_quietly(
    tmp_path: Path, syntax: str, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = write_series(tmp_path / "s", make_hu((4, 64, 64)), syntax=syntax)
    file = folder / "0002.dcm"
    data = bytearray(file.read_bytes())
    start = data.index(b"\xfe\xff\x00\xe0", data.index(b"\xe0\x7f\x10\x00") + 20) + 8
    data[start : start + 64] = bytes(range(100, 164))
    file.write_bytes(data)
    with pytest.raises(UnreadableFileError, match=r"0002\.dcm"):
        read(folder)
    assert capfd.readouterr() == ("", "")


def test_decimal_strings_out_of_all_standards_are_understood(tmp_path: Path) -> None:
    hu = make_hu()
    folder = write_series(tmp_path / "s", hu)
    for file in folder.iterdir():
        data = file.read_bytes()
        file.write_bytes(data.replace(b"0.8\\0.7 ", b"0,8\\,70 ").replace(b"-1024 ", b"-1024."))
    expect(read_volume(folder), hu)


def test_values_that_stop_at_a_ceiling_are_said(tmp_path: Path) -> None:
    hu = np.clip(make_hu((4, 64, 64)), None, 400)
    volume = read_volume(write_series(tmp_path / "s", hu))
    assert any("clipped at 400" in warning for warning in volume.warnings)
    assert not any(
        "clipped" in w for w in read_volume(write_series(tmp_path / "t", make_hu((4, 64, 64)))).warnings
    )


def test_a_scan_without_uids_is_read_and_named_the_same_every_time(tmp_path: Path) -> None:
    hu = make_hu()
    empty = {"SOPInstanceUID": "", "SeriesInstanceUID": "", "FrameOfReferenceUID": "", "StudyInstanceUID": ""}
    a, b = (
        read(write_series(tmp_path / n, hu, order=o, **empty))
        for n, o in (("a", None), ("b", [3, 2, 5, 4, 0, 1]))
    )
    expect(a.volume, hu)
    assert a.series.uid == b.series.uid
    assert a.series.uid.startswith("2.25.")
    uids = [instance.sop_instance_uid for instance in a.series.instances]
    assert uids == [instance.sop_instance_uid for instance in b.series.instances]
    assert len(set(uids)) == len(uids)
    assert all(len(uid) <= 64 for uid in uids)
    text = " ".join(a.volume.warnings)
    assert "SOP instance UID" in text
    assert "frame of reference" in text
    assert "no UID" in text


def test_dicom_without_a_preamble_is_read(tmp_path: Path) -> None:
    hu = make_hu()
    folder = write_series(tmp_path / "s", hu, syntax="implicit")
    for file in folder.iterdir():
        data = file.read_bytes()
        start = data.index(b"\x08\x00\x08\x00")
        file.write_bytes(data[start:])
        file.rename(file.with_suffix(""))
    expect(read_volume(folder), hu)


def test_a_member_that_is_damaged_in_the_archive_is_refused(tmp_path: Path) -> None:
    folder = write_series(tmp_path / "s", make_hu((3, 64, 64)))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for file in sorted(folder.iterdir()):
            archive.write(file, file.name)
    data = bytearray(buffer.getvalue())
    data[5000] ^= 0xFF
    (tmp_path / "s.zip").write_bytes(data)
    with pytest.raises(UnreadableFileError, match="archive"):
        read_volume(tmp_path / "s.zip")


@pytest.mark.real
@pytest.mark.parametrize(
    ("name", "shape", "fat_and_liver_share"),
    [("stent", (35, 512, 512), 0.1), ("partial", (49, 512, 512), 0.03), ("dome", (18, 512, 512), 0.1)],
)
def test_real_scans_hold_fat_and_soft_tissue(
    shared_data: Path, name: str, shape: tuple[int, ...], fat_and_liver_share: float
) -> None:
    volume = read_volume(shared_data / name)
    assert volume.hu.shape == shape
    assert ((volume.hu > -150) & (volume.hu < 150)).mean() > fat_and_liver_share
    assert (volume.hu < -900).mean() > 0.1
    assert (np.diag(volume.grid.affine[:3, 2::-1]) > 0).all()


def test_decoding_takes_little_more_memory_than_the_volume(tmp_path: Path) -> None:
    folder = write_series(tmp_path / "s", make_hu((40, 256, 256)))
    primary = choose_series(open_study([folder], Settings()), Settings()).primary
    tracemalloc.start()
    volume = decode(primary).volume
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1.5 * volume.hu.nbytes


def test_a_header_that_announces_more_than_memory_holds_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise MemoryError

    folder = write_series(tmp_path, make_hu())
    series = choose_series(open_study([folder], Settings()), Settings()).primary
    monkeypatch.setattr(np, "empty", refuse)
    with pytest.raises(UnreadableFileError, match="20x16x6 voxels") as caught:
        decode(series)
    assert "\n" not in str(caught.value)


def test_a_rescale_that_is_no_number_is_said(tmp_path: Path) -> None:
    decoded = read(write_series(tmp_path, make_hu(), RescaleSlope="0"))
    assert any("rescale of 6 images" in note for note in decoded.volume.warnings)


def test_stored_values_without_an_intercept_are_no_hounsfield_units(tmp_path: Path) -> None:
    folder = write_series(tmp_path, make_hu(), RescaleIntercept=None, RescaleSlope="0.0")
    with pytest.raises(UnsupportedModalityError, match="does not say how values become HU"):
        read(folder)


@pytest.mark.parametrize(
    ("count", "words"), [(1, "one voxel is clipped at 3071"), (3, "3 voxels are clipped")]
)
def test_how_much_is_clipped_by_the_scale_is_said(tmp_path: Path, count: int, words: str) -> None:
    hu = make_hu((4, 64, 64))
    hu[1, 30, 20 : 20 + count] = 3071
    volume = read_volume(write_series(tmp_path / "s", hu))
    assert any(warning.startswith(words) for warning in volume.warnings)
