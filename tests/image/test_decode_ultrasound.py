"""Decoding ultrasound gives the same levels of grey, however they were stored."""

from __future__ import annotations

import hashlib
import io
import struct
import time
import tracemalloc
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image
from pydicom.encaps import encapsulate
from pydicom.pixels import apply_color_lut
from tests.ultrasound_files import (
    LOSSLESS,
    SYNTAXES,
    as_jpeg,
    make_levels,
    make_us,
    region,
    save_us,
    with_colour,
)

from hepalith.errors import HepalithError, InputError, UnreadableFileError, UnsupportedModalityError
from hepalith.image.cine import Cine
from hepalith.image.colour import luma_of
from hepalith.image.decode_ultrasound import decode_examination, decode_ultrasound
from hepalith.settings import Settings
from hepalith.study.choice import choose_series
from hepalith.study.open import open_study


def read_all(*paths: Path, **chosen: Any) -> tuple[Cine, ...]:
    made = Settings(**chosen)
    choice = choose_series(open_study(paths, made), made)
    return tuple(cine for series in choice.ultrasound for cine in decode_ultrasound(series, made))


def read(path: Path, **chosen: Any) -> Cine:
    (cine,) = read_all(path, **chosen)
    return cine


def refused(path: Path, kind: type[HepalithError] = UnreadableFileError) -> str:
    with pytest.raises(kind) as caught:
        read(path)
    message = str(caught.value)
    assert "\n" not in message
    assert path.name in message
    assert len(message) < 400
    assert caught.value.exit_status == 3
    return message


def png(path: Path, picture: Image.Image, **options: Any) -> Path:
    picture.save(path, **options)
    return path


GREY = make_levels((3, 96, 128))


@pytest.mark.parametrize("syntax", LOSSLESS)
def test_every_transfer_syntax_gives_the_same_grey(tmp_path: Path, syntax: str) -> None:
    path = save_us(make_us(GREY, FrameTime="40"), tmp_path / "a.dcm", syntax)
    cine = read(path)
    np.testing.assert_array_equal(cine.grey, GREY)
    assert cine.grey.dtype == np.uint8
    assert cine.coloured is None
    assert (cine.kind, cine.frame_time_ms, cine.name) == ("cine", 40.0, "a.dcm")
    assert cine.mm_per_px == pytest.approx((0.3, 0.3))
    assert cine.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("syntax", LOSSLESS)
def test_every_transfer_syntax_gives_the_same_colours(tmp_path: Path, syntax: str) -> None:
    rgb = with_colour(GREY)
    cine = read(save_us(make_us(rgb), tmp_path / "a.dcm", syntax))
    np.testing.assert_array_equal(cine.grey, luma_of(rgb))
    expected = np.zeros((96, 128), dtype=bool)
    expected[10:30, 40:60] = True
    np.testing.assert_array_equal(cine.coloured, expected)
    outside = ~expected
    np.testing.assert_array_equal(cine.grey[:, outside], GREY[:, outside])


@pytest.mark.parametrize("syntax", ["jpeg", "jpeg_extended"])
def test_jpeg_gives_its_luma_as_grey(tmp_path: Path, syntax: str) -> None:
    rgb = with_colour(GREY)
    cine = read(save_us(make_us(rgb), tmp_path / "a.dcm", syntax))
    for n in range(3):
        picture = Image.open(io.BytesIO(as_jpeg(rgb[n])))
        picture.draft("YCbCr", picture.size)
        np.testing.assert_array_equal(cine.grey[n], np.asarray(picture)[..., 0])
    assert cine.coloured is not None
    assert cine.coloured[12:28, 42:58].all()
    assert not cine.coloured[40:].any()
    grey = read(save_us(make_us(GREY), tmp_path / "b.dcm", syntax))
    assert grey.coloured is None
    assert np.abs(grey.grey.astype(int) - GREY).mean() < 2


def test_jpeg_that_holds_red_green_and_blue_is_read_as_such(tmp_path: Path) -> None:
    rgb = with_colour(GREY)
    dataset = make_us(rgb)
    dataset.file_meta.TransferSyntaxUID = SYNTAXES["jpeg"]
    streams = [as_jpeg(frame, keep_rgb=True, subsampling=0) for frame in rgb]
    dataset.PixelData = encapsulate(streams)
    dataset["PixelData"].is_undefined_length = True
    path = tmp_path / "a.dcm"
    pydicom.dcmwrite(path, dataset, enforce_file_format=True)
    cine = read(path)
    assert np.abs(cine.grey[:, 15:25, 45:55].astype(int) - luma_of(rgb)[:, 15:25, 45:55]).max() < 8
    dataset.PhotometricInterpretation = "YBR_FULL_422"  # the stream knows better
    pydicom.dcmwrite(path, dataset, enforce_file_format=True)
    np.testing.assert_array_equal(read(path).grey, cine.grey)


@pytest.mark.parametrize("planar", [0, 1])
@pytest.mark.parametrize("syntax", ["explicit", "big_endian", "rle"])
def test_planar_configuration_does_not_matter(tmp_path: Path, planar: int, syntax: str) -> None:
    rgb = with_colour(GREY)
    cine = read(save_us(make_us(rgb, PlanarConfiguration=planar), tmp_path / "a.dcm", syntax))
    np.testing.assert_array_equal(cine.grey, luma_of(rgb))


@pytest.mark.parametrize("planar", [0, 1])
def test_luma_and_chroma_as_stored_give_luma(tmp_path: Path, planar: int) -> None:
    ybr = np.asarray([np.asarray(Image.fromarray(f).convert("YCbCr")) for f in with_colour(GREY)])
    changes = {"PhotometricInterpretation": "YBR_FULL", "PlanarConfiguration": planar}
    cine = read(save_us(make_us(ybr, **changes), tmp_path / "a.dcm"))
    np.testing.assert_array_equal(cine.grey, ybr[..., 0])
    assert cine.coloured is not None
    assert cine.coloured[10:30, 40:60].all()
    assert cine.coloured.sum() == 400


@pytest.mark.parametrize("whole", [False, True])
def test_chroma_stored_once_for_two_pixels_or_wrongly_for_each(tmp_path: Path, whole: bool) -> None:
    ybr = np.asarray([np.asarray(Image.fromarray(f).convert("YCbCr")) for f in with_colour(GREY)])
    dataset = make_us(ybr, PhotometricInterpretation="YBR_FULL_422")
    if not whole:
        pairs = np.empty((3, 96, 64, 4), dtype=np.uint8)
        pairs[..., 0], pairs[..., 1] = ybr[:, :, 0::2, 0], ybr[:, :, 1::2, 0]
        pairs[..., 2:] = ybr[:, :, 0::2, 1:]
        dataset.PixelData = pairs.tobytes()
    cine = read(save_us(dataset, tmp_path / "a.dcm"))
    np.testing.assert_array_equal(cine.grey, ybr[..., 0])
    assert cine.coloured is not None
    assert cine.coloured.sum() == 400


def test_monochrome1_is_turned_around(tmp_path: Path) -> None:
    cine = read(save_us(make_us(255 - GREY, PhotometricInterpretation="MONOCHROME1"), tmp_path / "a.dcm"))
    np.testing.assert_array_equal(cine.grey, GREY)


def palette(dataset: pydicom.FileDataset, table: NDArray[np.uint16], first: int = 0, bits: int = 16) -> None:
    for n, colour in enumerate(("Red", "Green", "Blue")):
        setattr(dataset, f"{colour}PaletteColorLookupTableDescriptor", [len(table), first, bits])
        name = f"{colour}PaletteColorLookupTableData"
        setattr(dataset, name, table[:, n].astype("<u2").tobytes())
    dataset.PhotometricInterpretation = "PALETTE COLOR"


@pytest.mark.parametrize("syntax", ["explicit", "implicit", "big_endian", "rle", "jpeg_ls"])
@pytest.mark.parametrize("scale", [257, 256, 1])
def test_palettes_give_their_colours(tmp_path: Path, syntax: str, scale: int) -> None:
    table = np.repeat(np.arange(256, dtype=np.uint16)[:, None] * scale, 3, axis=1)
    table[250:] = np.array([250, 10, 20]) * scale
    dataset = make_us(GREY)
    palette(dataset, table)
    reference = (apply_color_lut(GREY, dataset) // max(1, scale)).astype(np.uint8)
    if syntax == "big_endian":
        palette(dataset, table.byteswap())
    cine = read(save_us(dataset, tmp_path / "a.dcm", syntax))
    np.testing.assert_array_equal(cine.grey, luma_of(reference))
    np.testing.assert_array_equal(cine.coloured, (GREY >= 250).any(axis=0))


def test_palettes_of_sixteen_bit_places_that_start_late(tmp_path: Path) -> None:
    index = GREY.astype(np.uint16) + 1000
    table = np.repeat(np.arange(200, dtype=np.uint16)[:, None] * 257, 3, axis=1)
    dataset = make_us(index)
    palette(dataset, table, first=1020)
    cine = read(save_us(dataset, tmp_path / "a.dcm"))
    np.testing.assert_array_equal(cine.grey, np.clip(GREY.astype(int) - 20, 0, 199))
    assert cine.coloured is None


def test_segmented_palettes_are_unfolded(tmp_path: Path) -> None:
    dataset = make_us(GREY)
    # ten zeros, a line of 236 to level 236, then those first ten again by reference
    segments = np.array([0, 10, *[0] * 10, 1, 236, 236 << 8, 2, 1, 0, 0], dtype="<u2").tobytes()
    for colour in ("Red", "Green", "Blue"):
        setattr(dataset, f"{colour}PaletteColorLookupTableDescriptor", [256, 0, 16])
        setattr(dataset, f"Segmented{colour}PaletteColorLookupTableData", segments)
    dataset.PhotometricInterpretation = "PALETTE COLOR"
    cine = read(save_us(dataset, tmp_path / "a.dcm"))
    expected = np.where((GREY >= 10) & (GREY < 246), GREY.astype(int) - 9, 0)
    np.testing.assert_array_equal(cine.grey, expected)


@pytest.mark.parametrize("damage", ["missing", "short", "segments"])
def test_a_palette_that_is_not_there_is_refused(tmp_path: Path, damage: str) -> None:
    dataset = make_us(GREY[:1])
    palette(dataset, np.zeros((256, 3), dtype=np.uint16))
    if damage == "missing":
        del dataset.GreenPaletteColorLookupTableData
    elif damage == "short":
        dataset.BluePaletteColorLookupTableData = b"\0" * 20
    else:
        del dataset.RedPaletteColorLookupTableData
        dataset.SegmentedRedPaletteColorLookupTableData = struct.pack("<6H", 7, 7, 7, 7, 7, 7)
    assert "palette" in refused(save_us(dataset, tmp_path / "a.dcm"))


def test_a_tinted_map_is_no_colour(tmp_path: Path) -> None:
    level = GREY.astype(float)
    sepia = np.stack([level, level * 0.82, level * 0.6], axis=-1).astype(np.uint8)
    sepia[:, 10:30, 40:60] = (20, 60, 250)
    cine = read(save_us(make_us(sepia), tmp_path / "a.dcm"))
    assert cine.coloured is not None
    assert cine.coloured[10:30, 40:60].all()
    assert cine.coloured.mean() < 0.06
    assert any("tinted" in warning for warning in cine.warnings)


@pytest.mark.parametrize("syntax", ["explicit", "big_endian", "rle", "jpeg_lossless", "jpeg_2000"])
def test_sixteen_bits_are_brought_to_eight_by_the_fewest_bits(tmp_path: Path, syntax: str) -> None:
    wide = GREY.astype(np.uint16) * 16 + 7
    dataset = make_us(wide, BitsStored=12, HighBit=11)
    cine = read(save_us(dataset, tmp_path / "a.dcm", syntax))
    np.testing.assert_array_equal(cine.grey, GREY)
    assert any("256 levels" in warning for warning in cine.warnings)


def test_sixteen_bits_that_hold_eight_stay_as_they_are(tmp_path: Path) -> None:
    cine = read(save_us(make_us(GREY.astype(np.uint16)), tmp_path / "a.dcm"))
    np.testing.assert_array_equal(cine.grey, GREY)
    assert not any("levels" in warning for warning in cine.warnings)


def test_sixteen_bits_with_a_window_follow_it(tmp_path: Path) -> None:
    wide = GREY.astype(np.uint16) * 8 + 1000
    dataset = make_us(wide, WindowCenter="2020.5", WindowWidth="2041")
    cine = read(save_us(dataset, tmp_path / "a.dcm"))
    assert np.abs(cine.grey.astype(int) - GREY).max() <= 1


def test_one_cine_a_file_in_order_and_from_a_zip(tmp_path: Path) -> None:
    for n in (2, 0, 1):
        frames = make_levels((n + 1, 96, 128), seed=n)
        save_us(make_us(frames, n=n), tmp_path / "s" / f"{9 - n}.dcm", ("explicit", "rle", "jpeg_ls")[n])
    cines = read_all(tmp_path / "s")
    assert [len(cine.grey) for cine in cines] == [1, 2, 3]
    assert [cine.kind for cine in cines] == ["still", "cine", "cine"]
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted((tmp_path / "s").iterdir()):
            archive.write(path, f"Secret_Name/{path.name}")
    zipped = read_all(tmp_path / "a.zip")
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
        archive.writestr("Secret_Name/cut.dcm", (tmp_path / "s" / "9.dcm").read_bytes()[:-2000])
        archive.writestr("Secret_Name/cut.jpg", as_jpeg(GREY[0])[:-2000])
    choice = choose_series(open_study([tmp_path / "b.zip"], Settings()), Settings())
    with pytest.raises(UnreadableFileError) as caught:
        decode_examination(choice.ultrasound, Settings())
    assert "Secret" not in str(caught.value)
    assert "Secret" not in str(choice.left)
    assert [cine.name for cine in zipped] == ["9.dcm", "8.dcm", "7.dcm"]
    for one, other in zip(cines, zipped, strict=True):
        np.testing.assert_array_equal(one.grey, other.grey)
        assert one.sha256 == other.sha256


def test_a_still_has_no_time_between_frames(tmp_path: Path) -> None:
    cine = read(save_us(make_us(GREY[:1], FrameTime="40"), tmp_path / "a.dcm"))
    assert (cine.kind, cine.frame_time_ms, cine.sonography.frame_time_ms) == ("still", None, None)


@pytest.mark.parametrize("syntax", ["explicit", "rle", "jpeg", "jpeg_ls"])
@pytest.mark.parametrize("announced", [2, 7])
def test_a_wrong_number_of_frames_is_said(tmp_path: Path, syntax: str, announced: int) -> None:
    path = save_us(make_us(GREY), tmp_path / "a.dcm", syntax)
    dataset = pydicom.dcmread(path)
    dataset.NumberOfFrames = announced
    pydicom.dcmwrite(path, dataset, enforce_file_format=True)
    cine = read(path)
    assert len(cine.grey) == min(3, announced)
    assert any("announces" in w or "frames" in w for w in cine.warnings)


@pytest.mark.parametrize("syntax", ["explicit", "rle", "jpeg", "jpeg_ls", "jpeg_2000", "jpeg_lossless"])
def test_a_loop_cut_short_is_refused(tmp_path: Path, syntax: str) -> None:
    path = save_us(make_us(GREY), tmp_path / "cut.dcm", syntax)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) - len(data) // 6])
    refused(path)


def test_a_jpeg_stream_that_breaks_off_is_refused(tmp_path: Path) -> None:
    dataset = make_us(GREY[:1])
    dataset.file_meta.TransferSyntaxUID = SYNTAXES["jpeg"]
    dataset.PixelData = encapsulate([as_jpeg(GREY[0])[:-900]])
    dataset["PixelData"].is_undefined_length = True
    path = tmp_path / "cut.dcm"
    pydicom.dcmwrite(path, dataset, enforce_file_format=True)
    assert "decoded" in refused(path)


MARKERS = {
    "jpeg": b"\xff\xc0",
    "jpeg_lossless": b"\xff\xc3",
    "jpeg_ls": b"\xff\xf7",
    "jpeg_2000": b"\xff\x51",
}


@pytest.mark.parametrize("syntax", MARKERS)
@pytest.mark.parametrize("what", ["bits", "rows", "marker"])
def test_a_stream_that_announces_another_picture_never_meets_a_decoder(
    tmp_path: Path, syntax: str, what: str
) -> None:
    path = save_us(make_us(GREY[:1]), tmp_path / "a.dcm", syntax)
    data = bytearray(path.read_bytes())
    boxed = syntax == "jpeg_2000"
    frame = data.index(MARKERS[syntax], data.rindex(b"\xff\x4f\xff\x51" if boxed else b"\xff\xd8"))
    places = {"bits": 40, "rows": 10, "marker": 1} if boxed else {"bits": 4, "rows": 5, "marker": 1}
    data[frame + places[what]] = 0 if what == "marker" else 39
    path.write_bytes(bytes(data))
    refused(path)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"PhotometricInterpretation": "HSV", "SamplesPerPixel": 1}, "HSV"),
        ({"BitsAllocated": 32}, "32 bits"),
    ],
)
def test_what_is_not_read_is_refused_by_name(tmp_path: Path, changes: dict[str, Any], word: str) -> None:
    path = save_us(make_us(GREY[:1], **changes), tmp_path / "a.dcm")
    assert word in refused(path, UnsupportedModalityError)


def test_lossy_jpeg_of_twelve_bits_is_refused_by_name(tmp_path: Path) -> None:
    wide = GREY[:1].astype(np.uint16) * 16
    dataset = make_us(wide, BitsStored=12, HighBit=11)
    dataset.file_meta.TransferSyntaxUID = SYNTAXES["jpeg_extended"]
    stream = bytearray(as_jpeg(GREY[0]))
    frame = stream.index(b"\xff\xc0")
    stream[frame + 1], stream[frame + 4] = 0xC1, 12
    dataset.PixelData = encapsulate([bytes(stream)])
    dataset["PixelData"].is_undefined_length = True
    path = tmp_path / "a.dcm"
    pydicom.dcmwrite(path, dataset, enforce_file_format=True)
    assert "12 bits" in refused(path, UnsupportedModalityError)


def test_jpeg_frames_in_a_file_that_calls_itself_uncompressed_are_read(tmp_path: Path) -> None:
    path = save_us(make_us(with_colour(GREY)), tmp_path / "a.dcm", "jpeg")
    truth = read(path)
    data = path.read_bytes()
    path.write_bytes(data.replace(b"1.2.840.10008.1.2.4.50", b"1.2.840.10008.1.2.1\0\0\0"))
    np.testing.assert_array_equal(read(path).grey, truth.grey)


def test_a_jpeg_of_other_samples_than_the_header_says_is_read_as_it_is(tmp_path: Path) -> None:
    dataset = make_us(GREY[:1])
    dataset.file_meta.TransferSyntaxUID = SYNTAXES["jpeg"]
    dataset.PixelData = encapsulate([as_jpeg(with_colour(GREY)[0])])
    dataset["PixelData"].is_undefined_length = True
    path = tmp_path / "a.dcm"
    pydicom.dcmwrite(path, dataset, enforce_file_format=True)
    cine = read(path)
    assert cine.coloured is not None
    assert cine.coloured.any()


@pytest.mark.parametrize("table", [True, False])
def test_frames_in_many_fragments_are_put_together(tmp_path: Path, table: bool) -> None:
    streams = [as_jpeg(frame) for frame in GREY]
    dataset = make_us(GREY)
    dataset.file_meta.TransferSyntaxUID = SYNTAXES["jpeg"]
    dataset.PixelData = encapsulate(streams, fragments_per_frame=3, has_bot=table)
    dataset["PixelData"].is_undefined_length = True
    path = tmp_path / "a.dcm"
    pydicom.dcmwrite(path, dataset, enforce_file_format=True)
    whole = read(save_us(make_us(GREY), tmp_path / "b.dcm", "jpeg"))
    np.testing.assert_array_equal(read(path).grey, whole.grey)


@pytest.mark.parametrize(("code", "word"), [("102", "video"), ("107", "video"), ("110", "JPEG XL")])
def test_video_and_jpeg_xl_are_refused_by_name(tmp_path: Path, code: str, word: str) -> None:
    dataset = make_us(GREY[:1])
    dataset.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.4.102"
    dataset.PixelData = encapsulate([b"\xff\x0a" + b"\0" * 98])
    dataset["PixelData"].is_undefined_length = True
    path = tmp_path / "a.dcm"
    pydicom.dcmwrite(path, dataset, enforce_file_format=True)
    path.write_bytes(path.read_bytes().replace(b"1.2.4.102", b"1.2.4." + code.encode()))
    if code == "110" and _has_jpeg_xl():
        pytest.skip("the plug-in for JPEG XL is installed here")
    assert word in refused(path, UnsupportedModalityError)


@pytest.mark.parametrize("colour", [False, True])
@pytest.mark.parametrize("code", ["110", "111"])
def test_jpeg_xl_gives_the_same_grey_where_the_extra_is_installed(
    tmp_path: Path, code: str, colour: bool
) -> None:
    library = pytest.importorskip("imagecodecs", reason="needs the extra jpegxl")
    frames = with_colour(GREY) if colour else GREY
    if code == "110":
        streams = [library.jpegxl_encode(frame, lossless=True) for frame in frames]
    else:
        streams = [library.jpegxl_encode_jpeg(as_jpeg(frame)) for frame in frames]
    dataset = make_us(frames)
    dataset.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.4.102"
    dataset.PixelData = encapsulate(streams)
    dataset["PixelData"].is_undefined_length = True
    path = tmp_path / "a.dcm"
    pydicom.dcmwrite(path, dataset, enforce_file_format=True)
    path.write_bytes(path.read_bytes().replace(b"1.2.4.102", b"1.2.4." + code.encode()))
    cine = read(path)
    if code == "110":
        np.testing.assert_array_equal(cine.grey, luma_of(frames) if colour else frames)
    else:
        plain = read(save_us(make_us(frames), tmp_path / "b.dcm", "jpeg"))
        np.testing.assert_array_equal(cine.grey, plain.grey)


def _has_jpeg_xl() -> bool:
    try:
        __import__("imagecodecs")
    except ImportError:
        return False
    return True


@pytest.mark.parametrize("frames", [1, 500_000])
def test_sizes_beyond_memory_are_refused_at_once(tmp_path: Path, frames: int) -> None:
    size = 60_000 if frames == 1 else 3000
    path = save_us(make_us(GREY[:1]), tmp_path / "a.dcm", "rle")
    dataset = pydicom.dcmread(path)
    dataset.NumberOfFrames, dataset.Rows, dataset.Columns = frames, size, size
    pydicom.dcmwrite(path, dataset, enforce_file_format=True)
    start = time.monotonic()
    assert f"{size}x{size}" in refused(path)
    assert time.monotonic() - start < 1


def test_a_loop_never_stands_in_memory_in_colour(tmp_path: Path) -> None:
    rgb = with_colour(make_levels((30, 300, 400)))
    path = save_us(make_us(rgb), tmp_path / "a.dcm")
    read(path)
    tracemalloc.start()
    read(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 0.75 * rgb.nbytes


def test_of_many_files_one_that_is_damaged_is_left_with_the_reason(tmp_path: Path) -> None:
    save_us(make_us(GREY[:1]), tmp_path / "a.dcm")
    cut = save_us(make_us(GREY[:1], n=1), tmp_path / "b.dcm")
    cut.write_bytes(cut.read_bytes()[:-5000])
    choice = choose_series(open_study([tmp_path], Settings()), Settings())
    cines, left = decode_examination(choice.ultrasound, Settings())
    assert [cine.name for cine in cines] == ["a.dcm"]
    assert "b.dcm" in left[0].reason
    (tmp_path / "a.dcm").unlink()
    choice = choose_series(open_study([tmp_path], Settings()), Settings())
    with pytest.raises(UnreadableFileError, match=r"b\.dcm"):
        decode_examination(choice.ultrasound, Settings())


def test_the_size_of_a_pixel_is_the_headers_before_the_users(tmp_path: Path) -> None:
    known = save_us(make_us(GREY[:1]), tmp_path / "a.dcm")
    assert read(known, pixel_mm=0.301).warnings == ()
    other = read(known, pixel_mm=0.5)
    assert other.mm_per_px == pytest.approx((0.3, 0.3))
    assert any("--pixel-mm" in warning for warning in other.warnings)
    bare = save_us(make_us(GREY[:1], regions=[]), tmp_path / "b.dcm")
    assert read(bare).mm_per_px is None
    assert read(bare, pixel_mm=0.5).mm_per_px == (0.5, 0.5)
    oblong = save_us(make_us(GREY[:1], regions=[], PixelAspectRatio=[6, 5]), tmp_path / "c.dcm")
    assert read(oblong, pixel_mm=0.5).mm_per_px == pytest.approx((0.6, 0.5))


def test_regions_reach_the_cine(tmp_path: Path) -> None:
    half = region(RegionLocationMaxX1=60, TransducerFrequency=3500)
    cine = read(save_us(make_us(GREY[:1], regions=[half]), tmp_path / "a.dcm"))
    assert [(r.kind, r.box_px, r.frequency_mhz) for r in cine.regions] == [("b_mode", (0, 0, 60, 95), 3.5)]
    assert cine.sonography.frequency_mhz == 3.5


STILL = GREY[0]


def test_pictures_of_every_kind_give_the_same_grey(tmp_path: Path) -> None:
    rgb = Image.fromarray(with_colour(GREY)[0])
    grey = Image.fromarray(STILL)
    alpha = np.dstack([with_colour(GREY)[0], np.full((96, 128), 255, dtype=np.uint8)])
    alpha[50:, :, 3] = 0
    modes = {"l.png": "L", "rgb.png": "RGB", "p.png": "P", "la.png": "LA", "rgba.png": "RGBA", "a.bmp": "L",
             "a.tif": "L", "a.webp": "RGB", "a.gif": "L"}  # fmt: skip
    for name, mode in modes.items():
        picture = grey.convert(mode)
        cine = read(png(tmp_path / name, picture, **({"lossless": True} if "webp" in name else {})))
        np.testing.assert_array_equal(cine.grey[0], STILL, err_msg=name)
        assert (cine.coloured, cine.kind, cine.mm_per_px) == (None, "still", None), name
    for name in ("c.png", "c.bmp", "c.tif"):
        cine = read(png(tmp_path / name, rgb))
        np.testing.assert_array_equal(cine.grey[0], luma_of(np.asarray(rgb)))
        assert cine.coloured is not None
        assert cine.coloured.sum() == 400
    seen = read(png(tmp_path / "alpha.png", Image.fromarray(alpha)))
    np.testing.assert_array_equal(seen.grey[0, :50], luma_of(alpha[:50, :, :3]))
    assert not seen.grey[0, 50:].any()


def test_a_jpeg_is_seen_upright(tmp_path: Path) -> None:
    picture = Image.fromarray(STILL)
    plain = read(png(tmp_path / "1.jpg", picture, quality=95)).grey[0]
    for orientation, turn in {
        2: lambda a: a[:, ::-1], 3: lambda a: a[::-1, ::-1], 4: lambda a: a[::-1], 5: lambda a: a.T,
        6: lambda a: a.T[:, ::-1], 7: lambda a: a.T[::-1, ::-1], 8: lambda a: a.T[::-1],
    }.items():  # fmt: skip
        exif = Image.Exif()
        exif[0x0112] = orientation
        cine = read(png(tmp_path / f"{orientation}.jpg", picture, quality=95, exif=exif))
        np.testing.assert_array_equal(cine.grey[0], turn(plain), err_msg=str(orientation))


def test_a_jpeg_in_ink_colours_is_read(tmp_path: Path) -> None:
    cine = read(png(tmp_path / "a.jpg", Image.fromarray(STILL).convert("RGB").convert("CMYK"), quality=95))
    assert np.abs(cine.grey[0].astype(int) - STILL).mean() < 3


def test_sixteen_bit_pictures_are_brought_to_eight(tmp_path: Path) -> None:
    cine = read(png(tmp_path / "a.png", Image.fromarray(STILL.astype(np.uint16) * 257)))
    np.testing.assert_array_equal(cine.grey[0], STILL)


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_animations_are_loops(tmp_path: Path, kind: str) -> None:
    frames = [Image.fromarray(frame) for frame in GREY]
    path = tmp_path / f"a.{kind.lower()}"
    options: dict[str, Any] = {"lossless": True} if kind == "WEBP" else {}
    frames[0].save(path, kind, save_all=True, append_images=frames[1:], duration=40, loop=0, **options)
    cine = read(path)
    np.testing.assert_array_equal(cine.grey, GREY)
    assert (cine.kind, cine.frame_time_ms) == ("cine", 40.0)


def test_of_several_pages_the_first_is_read_and_the_rest_said(tmp_path: Path) -> None:
    frames = [Image.fromarray(frame) for frame in GREY]
    frames[0].save(tmp_path / "a.tif", save_all=True, append_images=frames[1:])
    cine = read(tmp_path / "a.tif")
    np.testing.assert_array_equal(cine.grey, GREY[:1])
    assert any("3 pictures" in warning for warning in cine.warnings)


def test_a_picture_cut_short_is_refused(tmp_path: Path) -> None:
    for name in ("a.png", "a.jpg", "a.bmp", "a.tif", "a.gif", "a.webp"):
        path = png(tmp_path / name, Image.fromarray(make_levels((1, 300, 400))[0]))
        path.write_bytes(path.read_bytes()[:-2000])
        refused(path, InputError)


def test_a_picture_that_announces_a_huge_size_is_refused_at_once(tmp_path: Path) -> None:
    header = struct.pack(">IIBBBBB", 50_000, 50_000, 8, 0, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 1000)), (b"IEND", b"")]
    data = b"\x89PNG\r\n\x1a\n"
    for name, body in chunks:
        data += struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
    path = tmp_path / "bomb.png"
    path.write_bytes(data)
    start = time.monotonic()
    refused(path)
    assert time.monotonic() - start < 1


@pytest.mark.parametrize("size", [(1, 1), (40, 200)])
def test_an_icon_is_refused(tmp_path: Path, size: tuple[int, int]) -> None:
    assert "small" in refused(png(tmp_path / "a.png", Image.new("L", size)), InputError)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10**6), syntax=st.sampled_from(["explicit", "implicit", "rle", "jpeg", "jpeg_ls"]))
def test_a_damaged_file_never_raises_anything_but_one_line(
    tmp_path_factory: pytest.TempPathFactory, seed: int, syntax: str
) -> None:
    rng = np.random.default_rng(seed)
    path = save_us(make_us(GREY[:1]), tmp_path_factory.mktemp("f") / "a.dcm", syntax)
    data = bytearray(path.read_bytes())
    reach = min(len(data), 1600)
    for place in rng.integers(132, reach, rng.integers(1, 12)):
        data[place] = rng.integers(256)
    path.write_bytes(bytes(data))
    _read_or_refuse(path)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10**6), kind=st.sampled_from(["PNG", "JPEG", "BMP", "TIFF", "GIF", "WEBP"]))
def test_a_damaged_picture_never_raises_anything_but_one_line(
    tmp_path_factory: pytest.TempPathFactory, seed: int, kind: str
) -> None:
    rng = np.random.default_rng(seed)
    path = tmp_path_factory.mktemp("f") / "a.any"
    Image.fromarray(with_colour(GREY)[0]).save(path, kind)
    data = bytearray(path.read_bytes())
    for place in rng.integers(2, min(len(data), 400), rng.integers(1, 8)):
        data[place] = rng.integers(256)
    path.write_bytes(bytes(data))
    _read_or_refuse(path)


def _read_or_refuse(path: Path) -> None:
    cines, said = (), ""
    try:
        cines = read_all(path)
    except InputError as error:
        said = str(error)
    assert bool(cines) != bool(said)
    assert "\n" not in said


def test_every_shared_file_decodes_or_is_refused_by_name(shared_data: Path) -> None:
    folder = shared_data / "dicom_us"
    if not folder.is_dir():
        pytest.skip("no shared ultrasound here")
    sizes = {}
    for path in sorted(folder.iterdir()):
        if path.name.endswith("jxl.dcm") and not _has_jpeg_xl():
            assert "JPEG XL" in refused(path, UnsupportedModalityError)
            continue
        cine = read(path)
        sizes[path.name] = (*cine.grey.shape, cine.mm_per_px is not None)
        assert cine.grey.std() > 5
    assert len(sizes) >= 11
    assert sizes["fodicom_DIRW0007"] == (65, 456, 576, True)
    assert sizes["pydicom_OBXXXX1A_expb_2frame.dcm"] == (2, 600, 800, True)
    assert sizes["pydicom_US1_UNCI.dcm"] == (1, 480, 640, False)


def test_the_shared_files_give_what_pydicom_gives(shared_data: Path) -> None:
    folder = shared_data / "dicom_us"
    for name in ("pydicom_OBXXXX1A.dcm", "cs3d_no-pixel-spacing.dcm", "pydicom_gdcm-US-ALOKA-16.dcm"):
        dataset = pydicom.dcmread(folder / name)
        rgb = apply_color_lut(dataset.pixel_array, dataset)
        np.testing.assert_array_equal(read(folder / name).grey[0], luma_of((rgb >> 8).astype(np.uint8)))
    small = read(folder / "pydicom_OBXXXX1A.dcm").grey[0]
    np.testing.assert_array_equal(read(folder / "pydicom_OBXXXX1A_expb_2frame.dcm").grey[0], small)
    uncompressed = pydicom.dcmread(folder / "pydicom_US1_UNCI.dcm").pixel_array
    np.testing.assert_array_equal(read(folder / "pydicom_US1_UNCI.dcm").grey[0], luma_of(uncompressed))
