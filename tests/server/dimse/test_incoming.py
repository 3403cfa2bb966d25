from __future__ import annotations

import errno
import os
import stat
import struct
import subprocess
import sys
import zlib
from io import BytesIO
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.uid import (
    CTImageStorage,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)
from tests.server.dicom_files import SERIES, STUDY, Slice, make_file, same_content

from hepalith.errors import OutputError
from hepalith.server.dimse.incoming import ARRIVING, Incoming, InstanceError, Landed, file_name

UID = f"{SERIES}.1"


def data_set(path: Path) -> bytes:
    """Return the data set of a file without its header."""
    content = path.read_bytes()
    length = int.from_bytes(content[140:144], "little")
    return content[144 + length :]


def land(incoming: Incoming, path: Path, pieces: int = 3, transfer: str = ExplicitVRLittleEndian) -> Landed:
    """Land a file as a receiver does."""
    dataset = dcmread(path, stop_before_pixels=True)
    arrival = incoming.begin(dataset.SOPClassUID, dataset.SOPInstanceUID, transfer)
    content = data_set(path)
    if transfer == DeflatedExplicitVRLittleEndian:
        squeeze = zlib.compressobj(wbits=-zlib.MAX_WBITS)
        content = squeeze.compress(content) + squeeze.flush()
    step = len(content) // pieces + 1
    for at in range(0, len(content), step):
        arrival.write(memoryview(content)[at : at + step])
    return arrival.finish()


def left(incoming: Incoming) -> list[Path]:
    """Return the temporary files."""
    return list(incoming.arriving.iterdir())


def test_an_instance_lies_in_the_folder_of_its_study_under_its_uid_with_a_header(tmp_path: Path) -> None:
    sent = make_file(tmp_path / "sent", Slice(UID))
    incoming = Incoming(tmp_path / "in")
    landed = land(incoming, sent)
    assert landed == Landed(STUDY, SERIES, UID, tmp_path / "in" / STUDY / f"{UID}.dcm", landed.size, "new")
    assert landed.path.stat().st_size == landed.size
    assert same_content(landed.path, sent)
    assert dcmread(landed.path).file_meta.MediaStorageSOPInstanceUID == UID
    assert not left(incoming)


def test_nobody_else_may_read_what_came(tmp_path: Path) -> None:
    landed = land(Incoming(tmp_path / "in"), make_file(tmp_path, Slice(UID)))
    assert stat.S_IMODE(landed.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(landed.path.parent.stat().st_mode) == 0o700


def test_the_same_bytes_again_change_nothing(tmp_path: Path) -> None:
    sent, incoming = make_file(tmp_path / "sent", Slice(UID)), Incoming(tmp_path / "in")
    first = land(incoming, sent)
    before = first.path.stat()
    again = land(incoming, sent, pieces=7)
    after = first.path.stat()
    assert again.change == "same"
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


def test_other_bytes_under_the_same_uid_replace_the_old_and_are_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    incoming = Incoming(tmp_path / "in")
    land(incoming, make_file(tmp_path / "a", Slice(UID, value=1)))
    newest = make_file(tmp_path / "b", Slice(UID, value=2))
    landed = land(incoming, newest)
    assert landed.change == "replaced"
    assert same_content(landed.path, newest)
    assert f"instance {UID} came again with other bytes" in caplog.text
    assert "SECRET" not in caplog.text


@pytest.mark.parametrize("at", [1, 2, 5])
def test_a_full_disk_leaves_nothing_half_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    incoming, writes = Incoming(tmp_path / "in"), [0]
    real = os.write

    def write(file: int, piece: memoryview) -> int:
        writes[0] += 1
        if writes[0] >= at:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(file, piece)

    monkeypatch.setattr(os, "write", write)
    with pytest.raises(OSError, match="No space left") as raised:
        land(incoming, make_file(tmp_path / "sent", Slice(UID)), pieces=5)
    assert raised.value.errno == errno.ENOSPC
    assert not left(incoming)
    assert not (tmp_path / "in" / STUDY).exists()


def test_an_instance_that_is_not_what_was_announced_is_refused(tmp_path: Path) -> None:
    incoming = Incoming(tmp_path / "in")
    content = data_set(make_file(tmp_path, Slice(UID)))
    for announced, reason in (("1.2.3", "another than the one announced"), ("", "no SOP Instance UID")):
        arrival = incoming.begin("1.2", announced, ExplicitVRLittleEndian)
        arrival.write(memoryview(content))
        with pytest.raises(InstanceError, match=reason):
            arrival.finish()
    arrival = incoming.begin("1.2", UID, ExplicitVRLittleEndian)
    with pytest.raises(InstanceError, match="no SOP Instance UID"):
        arrival.finish()
    assert not left(incoming)


@pytest.mark.parametrize("junk", [b"\xff" * 4000, b"\0" * 4000, b"\x08\0\x18\0UI\xff\xff" + b"1" * 99])
def test_a_data_set_of_garbage_is_refused(tmp_path: Path, junk: bytes) -> None:
    incoming = Incoming(tmp_path / "in")
    arrival = incoming.begin("1.2", UID, ExplicitVRLittleEndian)
    arrival.write(memoryview(junk))
    with pytest.raises(InstanceError):
        arrival.finish()
    assert not left(incoming)


def test_an_instance_without_a_study_is_refused(tmp_path: Path) -> None:
    dataset = dcmread(make_file(tmp_path, Slice(UID)))
    del dataset.StudyInstanceUID
    dataset.save_as(tmp_path / "none.dcm")
    with pytest.raises(InstanceError, match="no Study Instance UID"):
        land(Incoming(tmp_path / "in"), tmp_path / "none.dcm")


def test_an_instance_beyond_the_longest_is_refused_and_not_kept(tmp_path: Path) -> None:
    incoming = Incoming(tmp_path / "in", largest_bytes=500)
    with pytest.raises(InstanceError, match="longer than 500 bytes"):
        land(incoming, make_file(tmp_path, Slice(UID)))
    assert not left(incoming)


def test_uids_behind_a_long_element_are_found(tmp_path: Path) -> None:
    dataset = dcmread(make_file(tmp_path, Slice(UID)))
    dataset.add_new(0x00091010, "OB", b"\1" * 200_000)
    dataset.save_as(tmp_path / "long.dcm")
    assert land(Incoming(tmp_path / "in"), tmp_path / "long.dcm").study_uid == STUDY


def test_a_uid_that_claims_to_be_a_large_part_of_the_file_is_not_read(tmp_path: Path) -> None:
    content = struct.pack("<HHI", 0x0008, 0x0018, len(UID) + 1) + UID.encode() + b"\0"
    content += struct.pack("<HHI", 0x0020, 0x000D, 0xFFFFFFF0) + bytes(20_000_000)
    arrival = Incoming(tmp_path / "in").begin(CTImageStorage, UID, ImplicitVRLittleEndian)
    arrival.write(memoryview(content))
    with pytest.raises(InstanceError, match="cannot be read"):
        arrival.finish()


def test_a_deflated_instance_lands(tmp_path: Path) -> None:
    sent = make_file(tmp_path, Slice(UID))
    landed = land(Incoming(tmp_path / "in"), sent, transfer=DeflatedExplicitVRLittleEndian)
    assert landed.study_uid == STUDY
    assert same_content(landed.path, sent)


def test_a_study_uid_that_is_a_path_stays_in_the_folder(tmp_path: Path) -> None:
    dataset = dcmread(make_file(tmp_path / "sent", Slice(UID)))
    dataset["StudyInstanceUID"]._value = "../../out"
    buffer = BytesIO()
    dataset.save_as(buffer)
    (tmp_path / "sent" / "path.dcm").write_bytes(buffer.getvalue())
    landed = land(Incoming(tmp_path / "in"), tmp_path / "sent" / "path.dcm")
    assert landed.path.parent.parent == tmp_path / "in"
    assert landed.path.parent.name == file_name("../../out")
    assert landed.study_uid == "../../out"


def test_what_a_killed_receiver_left_is_swept_and_what_another_writes_is_not(tmp_path: Path) -> None:
    code = (
        "import sys, os; from pathlib import Path; from hepalith.server.dimse.incoming import Incoming\n"
        "arrival = Incoming(Path(sys.argv[1])).begin('1.2', '1.3', '1.2.840.10008.1.2.1')\n"
        "arrival.write(memoryview(b'half')); print('written', flush=True); sys.stdin.read()"
    )
    writer = subprocess.Popen(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", code, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"written\n"
        assert len(left(Incoming(tmp_path))) == 1
        writer.kill()
    assert not left(Incoming(tmp_path))


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot hold received studies"):
        Incoming(tmp_path / "file")


def test_closing_leaves_no_folder_of_temporary_files(tmp_path: Path) -> None:
    incoming = Incoming(tmp_path / "in")
    landed = land(incoming, make_file(tmp_path, Slice(UID)))
    incoming.close()
    assert not (tmp_path / "in" / ARRIVING).exists()
    assert land(incoming, make_file(tmp_path, Slice(UID, value=3))).path == landed.path
