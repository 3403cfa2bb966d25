from __future__ import annotations

from io import BytesIO

import pytest

from hepalith.server.dimse.command import decode_command, encode_command, status_words

COMMAND = {
    "AffectedSOPClassUID": "1.2.840.10008.5.1.4.1.1.2",
    "CommandField": 1,
    "MessageID": 7,
    "Priority": 0,
    "CommandDataSetType": 1,
    "AffectedSOPInstanceUID": "1.2.3",
    "MoveOriginatorApplicationEntityTitle": "QR",
}


def test_a_command_is_read_as_it_was_written() -> None:
    assert decode_command(encode_command(COMMAND)) == COMMAND


def test_pydicom_reads_our_command() -> None:
    dsutils = pytest.importorskip("pynetdicom.dsutils", reason="pynetdicom is the second opinion")
    read = dsutils.decode(BytesIO(encode_command(COMMAND)), True, True)
    assert {k: getattr(read, k) for k in COMMAND} == COMMAND
    assert read.CommandGroupLength == len(encode_command(COMMAND)) - 12


@pytest.mark.parametrize(
    "content", [b"", b"\0", b"\x08\0\x18\0\0\0\0\0", b"\0\0\0\1\xff\xff\0\0", b"\0\0\0\1\3\0\0\0abc"]
)
def test_bytes_that_are_no_command_are_told(content: bytes) -> None:
    with pytest.raises(ValueError, match="command"):
        decode_command(content)


def test_a_status_says_its_number_and_what_it_means_but_not_the_comment_of_the_peer() -> None:
    said = status_words({"Status": 0xA701, "ErrorComment": "no room for SECRET^NAME"})
    assert said == "status 0xA701: out of resources: it cannot count the matches"
    assert status_words({"Status": 0xC123}).startswith("status 0xC123: it cannot understand")
    assert status_words({"Status": 0x0999}) == "status 0x0999"
