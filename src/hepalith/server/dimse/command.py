"""The command of a DIMSE message, as bytes and as words.

A command set is Implicit VR Little Endian with elements of group 0000 only (DICOM PS3.7, 6.3 and E.1), so a
short table reads and writes it.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from types import MappingProxyType
from typing import TypeAlias

__all__ = [
    "CANCEL",
    "ECHO",
    "FIND",
    "GET",
    "MOVE",
    "NO_DATA",
    "RESPONSE",
    "STORE",
    "Command",
    "decode_command",
    "encode_command",
    "is_pending",
    "is_warning",
    "number",
    "status_words",
    "text",
]

Command: TypeAlias = Mapping[str, int | str]
"""The elements of a command by keyword; elements this program has no use for are left out."""

STORE, GET, FIND, MOVE, ECHO, CANCEL, RESPONSE = 0x0001, 0x0010, 0x0020, 0x0021, 0x0030, 0x0FFF, 0x8000
"""Command fields (PS3.7, E.1); a response has the request's with the highest bit set."""

NO_DATA, WITH_DATA = 0x0101, 0x0001
"""Values of Command Data Set Type: no data set follows, or one does (PS3.7, E.1)."""

_ELEMENTS = (
    (0x0002, "AffectedSOPClassUID", "UI"),
    (0x0003, "RequestedSOPClassUID", "UI"),
    (0x0100, "CommandField", "US"),
    (0x0110, "MessageID", "US"),
    (0x0120, "MessageIDBeingRespondedTo", "US"),
    (0x0600, "MoveDestination", "AE"),
    (0x0700, "Priority", "US"),
    (0x0800, "CommandDataSetType", "US"),
    (0x0900, "Status", "US"),
    (0x0902, "ErrorComment", "LO"),
    (0x1000, "AffectedSOPInstanceUID", "UI"),
    (0x1020, "NumberOfRemainingSuboperations", "US"),
    (0x1021, "NumberOfCompletedSuboperations", "US"),
    (0x1022, "NumberOfFailedSuboperations", "US"),
    (0x1023, "NumberOfWarningSuboperations", "US"),
    (0x1030, "MoveOriginatorApplicationEntityTitle", "AE"),
    (0x1031, "MoveOriginatorMessageID", "US"),
)
"""Element of group 0000, keyword and value representation (PS3.7, E.1), in the order of their tags."""

_BY_ELEMENT = {element: (keyword, vr) for element, keyword, vr in _ELEMENTS}

_STATUS: Mapping[int, str] = MappingProxyType(
    {
        0x0110: "processing failed",
        0x0111: "it holds that instance already",
        0x0117: "the instance UID is not valid",
        0x0122: "it does not offer that service",
        0x0124: "not authorised",
        0x0211: "it does not know that operation",
        0xA701: "out of resources: it cannot count the matches",
        0xA702: "out of resources: it cannot send the instances on",
        0xA801: "it does not know where to send: add our title, host and port to its list of modalities",
        0xB000: "taken, with elements changed, or not all parts succeeded",
        0xB006: "taken, with elements left out",
        0xB007: "taken, though the data do not match their SOP class",
        0xFE00: "cancelled",
    }
)
"""What single status codes say (PS3.7, annex C; PS3.4, B.2.3 and C.4)."""

_STATUS_RANGES = (
    (0xA700, 0xA7FF, "out of resources"),
    (0xA900, 0xA9FF, "the data do not match the SOP class or the identifier"),
    (0xC000, 0xCFFF, "it cannot understand or process it"),
)
"""What ranges of status codes say (PS3.4, B.2.3 and C.4)."""


def encode_command(command: Command) -> bytes:
    """Return a command set as bytes, its group length first."""
    content = b""
    for element, keyword, vr in _ELEMENTS:
        if keyword not in command:
            continue
        value = command[keyword]
        if vr == "US":
            encoded = struct.pack("<H", int(value))
        else:
            encoded = str(value).encode("ascii", "replace")
            if len(encoded) % 2:
                encoded += b"\0" if vr == "UI" else b" "
        content += struct.pack("<HHI", 0, element, len(encoded)) + encoded
    return struct.pack("<HHII", 0, 0, 4, len(content)) + content


def decode_command(content: bytes | bytearray) -> Command:
    """Return the elements of a command set that this program knows.

    Raises
    ------
    ValueError
        If it is no command set.
    """
    found: dict[str, int | str] = {}
    at, end = 0, len(content)
    while at < end:
        if at + 8 > end:
            raise ValueError("a command set ends within an element")
        group, element, length = struct.unpack_from("<HHI", content, at)
        at += 8
        if group or at + length > end:
            raise ValueError("a command set holds what is no element of a command")
        keyword, vr = _BY_ELEMENT.get(element, ("", ""))
        if vr == "US":
            if length != 2:
                raise ValueError("a number of a command set has not two bytes")
            found[keyword] = struct.unpack_from("<H", content, at)[0]
        elif vr:
            found[keyword] = bytes(content[at : at + length]).decode("ascii", "replace").strip(" \0")
        at += length
    if "CommandField" not in found or "CommandDataSetType" not in found:
        raise ValueError("a command set names no command")
    return found


def number(command: Command, keyword: str) -> int:
    """Return a number of a command; 0 where it has none."""
    value = command.get(keyword, 0)
    return value if isinstance(value, int) else 0


def text(command: Command, keyword: str) -> str:
    """Return a text of a command; empty where it has none."""
    value = command.get(keyword, "")
    return value if isinstance(value, str) else ""


def is_pending(status: int) -> bool:
    """Return whether more responses follow."""
    return status in (0xFF00, 0xFF01)


def is_warning(status: int) -> bool:
    """Return whether what was asked was done, with a remark (PS3.7, C.4)."""
    return status in (0x0001, 0x0107, 0x0116) or status >> 12 == 0xB


def status_words(command: Command) -> str:
    """Return what the status of a response says, with its number.

    The peer's own comment is left out: archives are known to write names into it.
    """
    status = number(command, "Status")
    words = _STATUS.get(status) or next((w for low, high, w in _STATUS_RANGES if low <= status <= high), "")
    return f"status 0x{status:04X}" + (f": {words}" if words else "")
