"""Messages of several parts, cut at any place."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hepalith.errors import FetchError
from hepalith.server.dicomweb.http import BrokenStreamError
from hepalith.server.dicomweb.multipart import FileBody, boundary_of, read_parts

CONTENTS = [b"one", b"", b"\r\n--not the border\r\n", b"x" * 300]


def message(contents: list[bytes], header: bytes = b"Content-Type: application/dicom\r\n") -> bytes:
    parts = b"".join(b"--b0\r\n" + header + b"\r\n" + content + b"\r\n" for content in contents)
    return parts + b"--b0--\r\n"


def blocks(data: bytes, size: int) -> Iterator[bytes]:
    return iter([data[n : n + size] for n in range(0, len(data), size)])


@given(st.lists(st.binary(max_size=60), max_size=5), st.integers(1, 70), st.booleans())
def test_parts_are_the_same_however_the_message_arrives(
    contents: list[bytes], size: int, has_header: bool
) -> None:
    contents = [content.replace(b"--b0", b"....") for content in contents]
    data = message(contents, b"Content-Type: x\r\n" if has_header else b"")
    assert [b"".join(part) for part in read_parts(blocks(data, size), b"b0")] == contents


def test_what_stands_before_the_first_part_means_nothing() -> None:
    data = b"preface\r\n" + message(CONTENTS) + b"epilogue"
    assert [b"".join(part) for part in read_parts(blocks(data, 7), b"b0")] == CONTENTS


def test_a_part_that_is_not_read_is_skipped() -> None:
    assert len(list(read_parts(blocks(message(CONTENTS), 5), b"b0"))) == 4


@pytest.mark.parametrize("cut", range(1, len(message(CONTENTS)) - 3, 9))
def test_a_message_that_breaks_off_is_not_taken_for_whole(cut: int) -> None:
    parts = read_parts(blocks(message(CONTENTS)[:cut], 64), b"b0")
    with pytest.raises(BrokenStreamError):
        list(map(list, parts))


def test_a_header_without_an_end_is_refused() -> None:
    with pytest.raises(FetchError, match="have no end"):
        list(read_parts(blocks(b"--b0\r\n" + b"X: y\r\n" * 10_000, 1000), b"b0"))


def test_a_large_part_is_handed_on_in_small_blocks() -> None:
    large = b"z" * 5_000_000
    (part,) = ([len(block) for block in part] for part in read_parts(blocks(message([large]), 1000), b"b0"))
    assert sum(part) == len(large)
    assert max(part) <= 2000


@pytest.mark.parametrize(
    ("type_", "boundary"),
    [
        ('multipart/related; type="application/dicom"; boundary=abc', b"abc"),
        ('multipart/related; boundary="a b"; type=application/dicom', b"a b"),
        ("Multipart/Related; Boundary=x1", b"x1"),
    ],
)
def test_the_border_is_read_from_the_type(type_: str, boundary: bytes) -> None:
    assert boundary_of(type_) == boundary


@pytest.mark.parametrize(
    "type_",
    [
        "",
        "text/html",
        "application/zip",
        "multipart/related",
        'multipart/related; type="image/jpeg"; boundary=b',
    ],
)
def test_what_is_no_set_of_dicom_files_is_refused(type_: str) -> None:
    with pytest.raises(FetchError, match="instead of DICOM files"):
        boundary_of(type_)


def test_files_go_out_as_parts_of_the_length_that_is_said(tmp_path: Path) -> None:
    files = []
    for n, content in enumerate(CONTENTS):
        files.append(tmp_path / str(n))
        files[-1].write_bytes(content)
    body = FileBody(files, "b0")
    data = b"".join(body)
    assert len(data) == len(body)
    assert b"".join(body) == data, "a second attempt sends the same"
    assert [b"".join(part) for part in read_parts(iter([data]), b"b0")] == CONTENTS


def test_a_file_that_shrinks_meanwhile_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "one"
    file.write_bytes(b"12345")
    body = FileBody([file], "b0")
    file.write_bytes(b"12")
    with pytest.raises(OSError, match="became shorter"):
        list(body)
