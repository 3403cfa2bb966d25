"""DICOM elements as raw bytes, read fast and forgivingly.

Real headers break the standard: decimal strings too long or with commas, numbers that are
``NaN``, empty UIDs. Values are therefore read from the raw bytes, and what cannot be
understood is ``None`` rather than an exception.
"""

from __future__ import annotations

import io
import math
import re
import struct
import warnings
import zlib
from collections.abc import Iterable
from typing import BinaryIO

import pydicom
from pydicom.charset import convert_encodings, decode_bytes
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.errors import BytesLengthException, InvalidDicomError

__all__ = ["CannotParseError", "Elements", "parse_number", "scan", "scan_whole"]

PIXEL_DATA = 0x7FE00010
"""Tag of Pixel Data (7FE0,0010)."""

_PIXEL_GROUP = 0x7FE00000
_UNDEFINED = 0xFFFFFFFF
_LONG_VRS = frozenset(
    (b"OB", b"OW", b"OF", b"OD", b"OL", b"OV", b"SQ", b"UC", b"UR", b"UT", b"UN", b"SV", b"UV")
)
_IMPLICIT_LE = "1.2.840.10008.1.2"
_DEFLATED = "1.2.840.10008.1.2.1.99"
_EXPLICIT_BE = "1.2.840.10008.1.2.2"
_COMMA_NUMBER = re.compile(r"[+-]?\d*,\d+([eE][+-]?\d+)?")


class CannotParseError(Exception):
    """The bytes are not DICOM, or end before the header does."""


def parse_number(text: str) -> float | None:
    """Return the number that a decimal string means, or ``None`` where that is unclear.

    Over-long strings are read, a decimal comma is a point, and ``nan``, ``inf`` and words are nothing.

    Examples
    --------
    >>> parse_number(" 0,859375 "), parse_number("-6.12303177e-017"), parse_number("NaN")
    (0.859375, -6.12303177e-17, None)
    """
    text = text.strip(" \0\t\r\n")
    if _COMMA_NUMBER.fullmatch(text):
        text = text.replace(",", ".")
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


ESCAPE = re.compile(r"\x1b[\x20-\x2f]+[\x30-\x7e]")
"""A switch of character set (DICOM PS3.5, 6.1.2.5.3); pydicom leaves those of Chinese in the text."""


class Elements:
    """The elements of one data set: raw values by tag, read on demand."""

    __slots__ = ("dataset", "little", "pixel_length", "pixel_offset", "raw", "transfer_syntax_uid")

    def __init__(
        self,
        raw: dict[int, bytes],
        transfer_syntax_uid: str = "",
        *,
        little: bool = True,
        pixel_offset: int | None = None,
        pixel_length: int = 0,
        dataset: Dataset | None = None,
    ) -> None:
        self.raw = raw
        self.transfer_syntax_uid = transfer_syntax_uid
        self.little = little
        self.pixel_offset = pixel_offset
        self.pixel_length = pixel_length
        self.dataset = dataset

    @property
    def has_pixels(self) -> bool:
        """Whether Pixel Data is there."""
        return self.pixel_offset is not None

    def text(self, tag: int) -> str:
        """Return the value as text, decoded by the data set's character set; empty when absent."""
        value = self.raw.get(tag, b"").strip(b" \0\t\r\n")
        if value.isascii() and b"\x1b" not in value:  # Japanese of ISO 2022 is ASCII between escapes
            return value.decode("ascii")
        charset = self.raw.get(0x00080005, b"").decode("ascii", "replace").strip(" \0").split("\\")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                text = str(decode_bytes(value, convert_encodings(charset), set()))
                return ESCAPE.sub("", text).strip()
            except (LookupError, ValueError):
                return value.decode("latin-1").strip()

    def texts(self, tag: int) -> tuple[str, ...]:
        """Return each value of a multi-valued text; empty when absent."""
        whole = self.text(tag)
        return tuple(part.strip() for part in whole.split("\\")) if whole else ()

    def number(self, tag: int) -> float | None:
        """Return the first decimal (DS, IS); ``None`` when absent or unclear."""
        value = self.raw.get(tag)
        if not value:
            return None
        return parse_number(value.decode("latin-1").split("\\", 1)[0])

    def numbers(self, tag: int, count: int) -> tuple[float, ...] | None:
        """Return exactly `count` decimals, or ``None`` where one is absent or unclear."""
        value = self.raw.get(tag)
        if not value:
            return None
        parsed = [parse_number(part) for part in value.decode("latin-1").split("\\")]
        found = [number for number in parsed if number is not None]
        return tuple(found) if len(found) == len(parsed) == count else None

    def whole(self, tag: int) -> int | None:
        """Return the first integer string (IS)."""
        number = self.number(tag)
        return None if number is None else round(number)

    def integer(self, tag: int, *, signed: bool = False) -> int | None:
        """Return the first binary integer (US, SS, UL, SL), by its length."""
        value = self.raw.get(tag, b"")
        width = 4 if len(value) == 4 else 2
        if len(value) < width:
            return None
        return int.from_bytes(value[:width], "little" if self.little else "big", signed=signed)

    def real(self, tag: int) -> float | None:
        """Return the first binary real number (FD, FL), by its length; ``None`` when absent or no number."""
        value = self.raw.get(tag, b"")
        order = "<" if self.little else ">"
        if len(value) not in (4, 8):
            return None
        (number,) = struct.unpack(f"{order}{'f' if len(value) == 4 else 'd'}", value)
        return float(number) if math.isfinite(number) else None

    def reals(self, tag: int) -> tuple[float, ...]:
        """Return every decimal (DS) that is a number; empty when absent."""
        value = self.raw.get(tag, b"")
        parsed = (parse_number(part) for part in value.decode("latin-1").split("\\"))
        return tuple(number for number in parsed if number is not None)

    def items(self, tag: int) -> list[Elements]:
        """Return the items of a sequence. Only where the data set was read whole (multi-frame files)."""
        if self.dataset is None or tag not in self.dataset:
            return []
        return [_of_dataset(item, self) for item in self.dataset[tag].value or []]

    def first(self, tag: int) -> Elements:
        """Return the first item of a sequence, or an empty data set."""
        items = self.items(tag)
        return items[0] if items else Elements({}, little=self.little)


def _of_dataset(dataset: Dataset, parent: Elements) -> Elements:
    raw = {0x00080005: parent.raw[0x00080005]} if 0x00080005 in parent.raw else {}
    raw.update(_raw_values(dataset, dataset.keys()))
    return Elements(raw, parent.transfer_syntax_uid, little=parent.little, dataset=dataset)


def _raw_values(dataset: Dataset, tags: Iterable[int]) -> dict[int, bytes]:
    raw: dict[int, bytes] = {}
    for tag in tags:
        element = dataset.get_item(tag) if tag in dataset else None
        if isinstance(element, RawDataElement):
            raw[int(tag)] = element.value if isinstance(element.value, bytes) else b""
        elif isinstance(element, DataElement) and element.VR != "SQ":
            raw[int(tag)] = _as_bytes(element)
    return raw


def _as_bytes(element: DataElement) -> bytes:
    """Return a value that pydicom has converted already as the bytes it came from."""
    value = element.value
    if isinstance(value, bytes):
        return value
    if isinstance(value, int) and element.VR in ("US", "SS", "UL", "SL"):
        return value.to_bytes(4 if element.VR in ("UL", "SL") else 2, "little", signed=element.VR[0] == "S")
    if isinstance(value, list | tuple | pydicom.multival.MultiValue):
        return "\\".join(str(v) for v in value).encode("utf-8", "replace")
    return str("" if value is None else value).encode("utf-8", "replace")


def scan(data: bytes, wanted: frozenset[int], file: BinaryIO | None = None) -> Elements:
    """Read the wanted elements of a DICOM file up to its pixels.

    Little-endian files of flat headers, which nearly all CT slices are, are walked here
    (about 0.05 ms a file against 0.6 ms); everything else is left to pydicom. Both ways give
    the same elements: a test holds them together.

    Parameters
    ----------
    data
        The start of the file.
    wanted
        Tags to keep.
    file
        The whole file, for pydicom. Without it, `data` is the whole file.

    Raises
    ------
    CannotParseError
        If this is no DICOM file, or its header is cut short.
    """
    preamble = data[128:132] == b"DICM"
    if not preamble and not looks_like_dicom(data):
        raise CannotParseError("not a DICOM file")
    if preamble:
        try:
            syntax, start = _read_meta(data)
            if syntax not in (_DEFLATED, _EXPLICIT_BE):
                return _walk(data, start, syntax, wanted)
        except (_NestedError, struct.error, IndexError):
            pass
    return _scan_with_pydicom(file or io.BytesIO(data), wanted)


def scan_whole(data: bytes, wanted: frozenset[int], file: BinaryIO | None = None) -> Elements:
    """Read a DICOM file with its sequences, as ultrasound needs them; see `scan`."""
    return _scan_with_pydicom(file or io.BytesIO(data), wanted)


def looks_like_dicom(data: bytes) -> bool:
    """Return whether bytes without a preamble start like a DICOM data set.

    The first element must be of group 0002 or 0008 with a plausible value representation or length.
    """
    if len(data) < 16:
        return False
    group, element, length = struct.unpack_from("<HHI", data)
    if group in (0x0002, 0x0008) and element < 0x0100:
        return data[4:6] in (b"UL", b"UI", b"CS", b"SH", b"LO", b"OB", b"DA", b"TM") or length <= 256
    big_group, big_element = struct.unpack_from(">HH", data)
    return big_group == 0x0008 and big_element < 0x0100 and data[4:6] in (b"UL", b"UI", b"CS", b"DA", b"TM")


class _NestedError(Exception):
    """Something the fast walk does not follow."""


def _read_meta(data: bytes) -> tuple[str, int]:
    """Return the transfer syntax and where the data set starts."""
    position = 132
    syntax = ""
    while True:
        group, element = struct.unpack_from("<HH", data, position)
        if group != 0x0002:
            return syntax or _IMPLICIT_LE, position
        if data[position + 4 : position + 6] in _LONG_VRS:
            start, length = position + 12, struct.unpack_from("<I", data, position + 8)[0]
        else:
            start, length = position + 8, struct.unpack_from("<H", data, position + 6)[0]
        if element == 0x0010:
            syntax = data[start : start + length].strip(b" \0").decode("ascii", "replace")
        position = start + length


def _walk(data: bytes, position: int, syntax: str, wanted: frozenset[int]) -> Elements:
    """Walk a flat little-endian header, keeping the wanted elements."""
    explicit = syntax != _IMPLICIT_LE
    raw: dict[int, bytes] = {}
    read_explicit = struct.Struct("<HH2sH").unpack_from
    read_implicit = struct.Struct("<HHI").unpack_from
    read_long = struct.Struct("<I").unpack_from
    previous = 0
    while True:
        if explicit:
            group, element, representation, length = read_explicit(data, position)
            position += 8
            if representation in _LONG_VRS:
                (length,) = read_long(data, position)
                position += 4
            elif not representation.isalpha():
                raise _NestedError
        else:
            group, element, length = read_implicit(data, position)
            position += 8
        tag = (group << 16) | element
        if tag >= _PIXEL_GROUP:
            break
        if tag <= previous or group == 0x5200:  # out of order, or functional groups of a multi-frame image
            raise _NestedError
        previous = tag
        if length == _UNDEFINED:
            if explicit and representation != b"SQ":
                raise _NestedError
            position = _skip_sequence(data, position, explicit=explicit)
            continue
        if tag in wanted:
            raw[tag] = data[position : position + length]
        position += length
    if tag != PIXEL_DATA:
        raise _NestedError
    return Elements(raw, syntax, pixel_offset=position, pixel_length=length)


def _skip_sequence(data: bytes, position: int, *, explicit: bool, depth: int = 0) -> int:
    """Return where a sequence of undefined length ends (DICOM PS3.5, 7.5)."""
    if depth > 16:
        raise _NestedError
    while True:
        group, element, length = struct.unpack_from("<HHI", data, position)
        position += 8
        if (group, element) == (0xFFFE, 0xE0DD):
            return position
        if (group, element) != (0xFFFE, 0xE000):
            raise _NestedError
        position = (
            position + length
            if length != _UNDEFINED
            else _skip_item(data, position, explicit=explicit, depth=depth)
        )


def _skip_item(data: bytes, position: int, *, explicit: bool, depth: int) -> int:
    """Return where an item of undefined length ends."""
    while True:
        group, element, length = struct.unpack_from("<HHI", data, position)
        position += 8
        if (group, element) == (0xFFFE, 0xE00D):
            return position
        nested = True
        if explicit:
            representation = data[position - 4 : position - 2]
            if representation in _LONG_VRS:
                (length,) = struct.unpack_from("<I", data, position)
                position += 4
                nested = representation == b"SQ"
            elif representation.isalpha():
                length >>= 16
            else:
                raise _NestedError
        if length != _UNDEFINED:
            position += length
        elif nested:
            position = _skip_sequence(data, position, explicit=explicit, depth=depth + 1)
        else:
            raise _NestedError


def _scan_with_pydicom(file: BinaryIO, wanted: frozenset[int]) -> Elements:
    """Read the header with pydicom: nested, big-endian, deflated, multi-frame and headless files."""
    file.seek(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            dataset = pydicom.dcmread(file, stop_before_pixels=True, force=True)
            raw = _raw_values(dataset, wanted)
            file_meta = getattr(dataset, "file_meta", None)
            syntax = str(file_meta.get("TransferSyntaxUID", "") if file_meta else "")
            implicit, little = dataset.original_encoding
        except (
            InvalidDicomError,
            BytesLengthException,
            EOFError,
            OSError,
            ValueError,
            KeyError,
            AttributeError,
            TypeError,
            NotImplementedError,
            RecursionError,
            struct.error,
            zlib.error,
        ) as error:
            raise CannotParseError(str(error)) from error
    if not syntax:
        syntax = _IMPLICIT_LE if implicit else ("1.2.840.10008.1.2.1" if little else _EXPLICIT_BE)
    if syntax == _DEFLATED:
        return Elements(raw, syntax, little=True, pixel_offset=0, pixel_length=_UNDEFINED, dataset=dataset)
    offset, length = _find_pixels(file, explicit=not implicit, little=bool(little))
    return Elements(
        raw, syntax, little=bool(little), pixel_offset=offset, pixel_length=length, dataset=dataset
    )


def _find_pixels(file: BinaryIO, *, explicit: bool, little: bool) -> tuple[int | None, int]:
    """Return where the pixel values start and how long they are, from where pydicom stopped."""
    order = "<" if little else ">"
    head = file.read(12)
    if len(head) < 8:
        return None, 0
    group, element = struct.unpack_from(order + "HH", head)
    if (group << 16) | element != PIXEL_DATA:
        return None, 0
    if explicit and len(head) == 12:
        return file.tell(), int(struct.unpack_from(order + "I", head, 8)[0])
    return file.tell() - len(head) + 8, int(struct.unpack_from(order + "I", head, 4)[0])
