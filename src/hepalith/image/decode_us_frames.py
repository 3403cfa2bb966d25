"""Frames of an ultrasound DICOM file, one by one, however they were stored."""

from __future__ import annotations

import hashlib
import importlib
import io
import struct
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import Any, BinaryIO

import numpy as np
import pydicom
from numpy.typing import NDArray
from PIL import features
from pydicom.dataset import Dataset
from pydicom.encaps import generate_fragments
from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import UID

from hepalith.errors import UnreadableFileError, UnsupportedModalityError
from hepalith.image.jpeg_stream import read_stream_header
from hepalith.image.palette import PaletteError, read_palette
from hepalith.image.still import Pixels, jpeg_pixels
from hepalith.study import Encoding, Instance
from hepalith.study.sonography import Capture
from hepalith.study.source import open_archive, read_whole

__all__ = ["decode_dicom_frames"]

_BIG_ENDIAN = "1.2.840.10008.1.2.2"
_GE_BIG = "1.2.840.113619.5.2"
_DEFLATED = "1.2.840.10008.1.2.1.99"
_RLE = "1.2.840.10008.1.2.5"
_JPEG_FAMILY = "1.2.840.10008.1.2.4."
_JPEG_XL = ("1.2.840.10008.1.2.4.110", "1.2.840.10008.1.2.4.111", "1.2.840.10008.1.2.4.112")
_RECOMPRESSED = "1.2.840.10008.1.2.4.111"
_ELSEWHERE = tuple(f"1.2.840.10008.1.2.4.{n}" for n in (94, 95, 204, 205))
_VIDEO = tuple(f"1.2.840.10008.1.2.4.{n}" for n in (100, 101, 102, 103, 104, 105, 106, 107, 108))
_STARTS = (b"\xff\xd8", b"\xff\x4f", b"\x00\x00\x00\x0cjP  ", b"\xff\x0a", b"\x00\x00\x00\x0cJXL ")
"""How JPEG and JPEG-LS, JPEG 2000 (bare and boxed) and JPEG XL (bare and boxed) streams start."""

_PLUGINS = {
    "pylibjpeg": (_RLE, *(f"{_JPEG_FAMILY}{n}" for n in (90, 91, 92, 93, 201, 202, 203))),
    "pyjpegls": (f"{_JPEG_FAMILY}80", f"{_JPEG_FAMILY}81"),
}
"""The one decoder for each family: a damaged stream that one refuses may bring the next one down."""

_LOSSLESS_BY_PILLOW = int((features.version("libjpeg_turbo") or "0").split(".")[0]) >= 3
"""Whether Pillow decodes lossless JPEG: three times as fast as GDCM, which a damaged stream brings down."""

_PALETTE = "PALETTE COLOR"
_GREY = ("MONOCHROME1", "MONOCHROME2", "")
_COLOURS = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_PARTIAL_422", "YBR_ICT", "YBR_RCT")


def decode_dicom_frames(instance: Instance, notes: list[str]) -> tuple[Iterator[Pixels], Callable[[], str]]:
    """Return the frames of a file, decoded as they are asked for, and its digest once they were all taken.

    `notes` is added to where the file contradicts its header.

    Raises
    ------
    UnreadableFileError, UnsupportedModalityError
        If the file cannot be decoded; also from the iterator.
    """
    encoding, capture = instance.encoding, instance.capture or Capture()
    assert encoding is not None  # noqa: S101  (series hold images only)
    _refuse_strange(instance, encoding, capture)
    if encoding.offset is not None and encoding.transfer_syntax_uid != _BIG_ENDIAN:
        running = hashlib.sha256()
        return _read_native(instance, encoding, capture, notes, running), running.hexdigest
    data = read_whole(instance.path, instance.member)
    frames = _read_compressed(data, instance, encoding, capture, notes)
    return frames, lambda: hashlib.sha256(data).hexdigest()


def _refuse_strange(instance: Instance, encoding: Encoding, capture: Capture) -> None:
    """Refuse by name what is not read."""
    syntax, photometric = encoding.transfer_syntax_uid, capture.photometric
    if syntax in _VIDEO:
        raise UnsupportedModalityError(
            f"{instance.name}: an MPEG video inside DICOM, which is not read; "
            "export the loop as JPEG or uncompressed frames"
        )
    if syntax in _ELSEWHERE:
        raise UnsupportedModalityError(
            f"{instance.name}: its pixels lie on a server (JPIP), not in the file; export it with its pixels"
        )
    if photometric not in (*_GREY, *_COLOURS, _PALETTE):
        raise UnsupportedModalityError(
            f"{instance.name}: its colours are {photometric[:20]}, which is not read; "
            "export it as RGB or MONOCHROME2"
        )
    if encoding.bits_allocated not in (8, 16) or encoding.samples not in (1, 3):
        raise UnsupportedModalityError(
            f"{instance.name}: {encoding.samples} samples of {encoding.bits_allocated} bits a pixel are not "
            "read; export it with 8 bits, grey or RGB"
        )


def _read_native(
    instance: Instance, encoding: Encoding, capture: Capture, notes: list[str], digest: Any
) -> Iterator[Pixels]:
    """Read uncompressed values frame by frame, feeding the digest."""
    halved = _is_halved(encoding, capture)
    frames = _count_native(encoding, capture, _frame_bytes(encoding, halved=halved), notes)
    with ExitStack() as stack:
        file = _open(instance, stack)
        head = _read(file, encoding.offset or 0)
        digest.update(head)
        dataset = Dataset()
        if capture.photometric == _PALETTE:
            dataset = pydicom.dcmread(io.BytesIO(head), stop_before_pixels=True, force=True)
        stored = _read_stored(file, instance, encoding, capture, frames, halved=halved, digest=digest)
        yield from _coloured(stored, dataset, instance, capture)
        while rest := file.read(1 << 20):
            digest.update(rest)


def _read_stored(
    file: BinaryIO,
    instance: Instance,
    encoding: Encoding,
    capture: Capture,
    frames: int,
    *,
    halved: bool,
    digest: Any,
) -> Iterator[Pixels]:
    kind = _stored_type(encoding)
    size = _frame_bytes(encoding, halved=halved)
    for frame in range(frames):
        data = _read(file, size)
        if len(data) < size:
            raise UnreadableFileError(
                f"{instance.name}: cut short, frame {frame + 1} of {frames} is incomplete; "
                "copy it again from its source"
            )
        digest.update(data)
        stored = np.frombuffer(data, kind)
        if halved:
            yield Pixels(_unhalve(stored.astype(np.uint8, copy=False), encoding), "ybr")
        else:
            yield _meant(_shaped(stored, encoding, planar=capture.planar), encoding, capture.photometric)


def _frame_bytes(encoding: Encoding, *, halved: bool) -> int:
    samples = 2 if halved else encoding.samples
    return encoding.rows * encoding.columns * samples * (encoding.bits_allocated // 8)


def _open(instance: Instance, stack: ExitStack) -> BinaryIO:
    if instance.member is None:
        return stack.enter_context(instance.path.open("rb", buffering=0))
    archive: zipfile.ZipFile = stack.enter_context(open_archive(instance.path))
    return stack.enter_context(archive.open(instance.member))  # type: ignore[return-value]


def _read(file: BinaryIO, size: int) -> bytes:
    data = file.read(size)
    while len(data) < size and (more := file.read(size - len(data))):
        data += more
    return data


def _stored_type(encoding: Encoding) -> np.dtype[Any]:
    order = ">" if encoding.transfer_syntax_uid == _GE_BIG else "<"
    return np.dtype(f"{order}{'i' if encoding.signed else 'u'}{encoding.bits_allocated // 8}")


def _is_halved(encoding: Encoding, capture: Capture) -> bool:
    """Return whether uncompressed chroma is stored once for two pixels, as YBR_FULL_422 should be.

    Some writers say so and store it for every pixel: then the length of the pixels tells.
    """
    if not capture.photometric.endswith("_422") or encoding.samples != 3 or encoding.bits_allocated != 8:
        return False
    whole = 3 * encoding.rows * encoding.columns * encoding.frames
    return encoding.columns % 2 == 0 and (capture.announced_bytes or 0) < whole


def _unhalve(stored: NDArray[np.uint8], encoding: Encoding) -> NDArray[np.uint8]:
    """Return luma and chroma of every pixel from pairs of pixels: Y1, Y2, Cb, Cr (PS3.3, C.7.6.3.1.2)."""
    pairs = stored.reshape(encoding.rows, encoding.columns // 2, 4)
    whole = np.empty((encoding.rows, encoding.columns, 3), dtype=np.uint8)
    whole[:, 0::2, 0], whole[:, 1::2, 0] = pairs[..., 0], pairs[..., 1]
    whole[:, 0::2, 1:] = whole[:, 1::2, 1:] = pairs[..., 2:]
    return whole


def _count_native(encoding: Encoding, capture: Capture, size: int, notes: list[str]) -> int:
    """Return how many frames the pixels hold, where they and the header differ in whole frames."""
    length = capture.announced_bytes or 0
    held = length // size
    if held in (0, encoding.frames) or length - held * size > 1:
        return encoding.frames
    notes.append(f"The header announces {encoding.frames} frames, the file holds {held}")
    return min(held, encoding.frames)


def _shaped(stored: NDArray[Any], encoding: Encoding, *, planar: bool) -> NDArray[Any]:
    """Return (row, column) or (row, column, sample)."""
    if encoding.samples == 1:
        return stored.reshape(encoding.rows, encoding.columns)
    if planar:
        return np.moveaxis(stored.reshape(3, encoding.rows, encoding.columns), 0, -1)
    return stored.reshape(encoding.rows, encoding.columns, 3)


def _meant(values: NDArray[Any], encoding: Encoding, photometric: str) -> Pixels:
    """Return stored values as what they mean: their bits, their sign, their colours."""
    if photometric == _PALETTE:
        places = values.astype(np.int64) & ((1 << encoding.bits_stored) - 1)
        return Pixels(places.astype(np.uint16), "grey")
    if values.dtype.itemsize == 2:
        values = values.astype(np.int32)
        if encoding.bits_stored < 16:
            values = values >> max(0, encoding.high_bit + 1 - encoding.bits_stored)
            values = values & ((1 << encoding.bits_stored) - 1) if not encoding.signed else values
        values = np.clip(values - (values.min() if encoding.signed else 0), 0, 65535).astype(np.uint16)
    elif values.dtype == np.int8:
        values = (values.astype(np.int16) + 128).astype(np.uint8)
    elif encoding.bits_stored < 8:
        values = values & ((1 << encoding.bits_stored) - 1)
        values = (values.astype(np.uint16) * 255 // ((1 << encoding.bits_stored) - 1)).astype(np.uint8)
    if values.ndim == 2:
        return Pixels(values, "grey")
    if photometric == "YBR_PARTIAL_422":
        luma = (values[..., :1].astype(np.int32) - 16) * 255 // 219
        values = np.concatenate([np.clip(luma, 0, 255).astype(values.dtype), values[..., 1:]], axis=2)
    return Pixels(values, "ybr" if photometric.startswith("YBR") else "rgb")


def _read_compressed(
    data: bytes, instance: Instance, encoding: Encoding, capture: Capture, notes: list[str]
) -> Iterator[Pixels]:
    """Decode what pydicom, its plug-ins and Pillow read; palettes become colours."""
    dataset = pydicom.dcmread(io.BytesIO(data), force=True)
    if "PixelData" not in dataset:
        raise UnreadableFileError(
            f"{instance.name}: cut short within its pixels; copy it again from its source"
        )
    syntax = encoding.transfer_syntax_uid
    if not getattr(dataset, "file_meta", None) or "TransferSyntaxUID" not in dataset.file_meta:
        dataset.ensure_file_meta()
        dataset.file_meta.TransferSyntaxUID = UID(syntax)
    streams = _streams(dataset, syntax, instance) if _is_encapsulated(encoding) else []
    if streams and len(streams) != encoding.frames:
        notes.append(f"The header announces {encoding.frames} frames, the file holds {len(streams)}")
        dataset.NumberOfFrames = min(len(streams), encoding.frames)
        del streams[encoding.frames :]
    frames: Iterator[Pixels]
    if syntax in _JPEG_XL:
        frames = (_jpeg_xl(stream, instance, capture.photometric) for stream in streams)
    elif streams and syntax != _RLE and (process := _process(streams)):
        lossless = process == "lossless"
        frames = (jpeg_pixels(s, colour=capture.photometric, lossless=lossless) for s in streams)
    else:
        if syntax != _RLE:
            _check_streams(streams, instance, encoding)
        frames = _with_pydicom(dataset, encoding, syntax)
    yield from _coloured(frames, dataset, instance, capture)


def _is_encapsulated(encoding: Encoding) -> bool:
    """Return whether the pixels are compressed streams; some writers say "explicit" of JPEG all the same."""
    return encoding.offset is None and encoding.transfer_syntax_uid != _DEFLATED


def _coloured(
    frames: Iterator[Pixels], dataset: Dataset, instance: Instance, capture: Capture
) -> Iterator[Pixels]:
    """Pass frames on; those whose values are places in a palette with its colours."""
    if capture.photometric != _PALETTE:
        yield from frames
        return
    little = instance.encoding is None or instance.encoding.transfer_syntax_uid != _BIG_ENDIAN
    try:
        table, first = read_palette(dataset, little=little)
    except PaletteError as error:
        raise UnreadableFileError(f"{instance.name}: {error}; copy it again from its source") from error
    last = len(table) - 1
    for pixels in frames:
        index = np.clip(pixels.values.astype(np.int32) - first, 0, last).astype(np.uint16)
        yield replace(pixels, values=index, table=table)


def _streams(dataset: Dataset, syntax: str, instance: Instance) -> list[bytes]:
    """Return the compressed stream of every frame, by where streams start.

    Offset tables and Number of Frames are often missing or wrong; how a stream starts is not.
    """
    try:
        fragments = list(generate_fragments(dataset.PixelData))[1:]
    except (ValueError, struct.error) as error:
        raise UnreadableFileError(
            f"{instance.name}: its compressed pixels are damaged ({error}); copy it again from its source"
        ) from error
    if syntax == _RLE:
        found = fragments
    else:
        if not fragments or not fragments[0].startswith(_STARTS):
            raise UnreadableFileError(
                f"{instance.name}: its pixels are no JPEG stream; copy it again from its source"
            )
        found = []
        for fragment in fragments:
            if fragment.startswith(_STARTS):
                found.append(fragment)
            else:
                found[-1] += fragment
    if not found:
        raise UnreadableFileError(f"{instance.name}: it holds no pixels; copy it again from its source")
    return found


def _process(streams: list[bytes]) -> str:
    """Return "lossy" or "lossless" where every frame is a JPEG of 8 bits for Pillow, else an empty string."""
    said = [read_stream_header(stream) for stream in streams]
    kinds = {header.process if header is not None and header.bits == 8 else "other" for header in said}
    (kind,) = kinds if len(kinds) == 1 else ("other",)
    return kind if kind == "lossy" or (kind == "lossless" and _LOSSLESS_BY_PILLOW) else ""


def _check_streams(streams: list[bytes], instance: Instance, encoding: Encoding) -> None:
    """Refuse streams that announce another picture than the header: decoders in C would not survive them."""
    for n, stream in enumerate(streams, start=1):
        said = read_stream_header(stream)
        if said is None or not 1 <= said.bits <= 16:
            raise UnreadableFileError(
                f"{instance.name}: the compressed pixels of frame {n} are damaged; copy it again "
                "from its source"
            )
        if said.process == "lossy" and said.bits > 8:
            raise UnsupportedModalityError(
                f"{instance.name}: a lossy JPEG of {said.bits} bits, not read; export it uncompressed"
            )
        if (said.rows, said.columns, said.components) != (encoding.rows, encoding.columns, encoding.samples):
            raise UnreadableFileError(
                f"{instance.name}: frame {n} is {said.columns}x{said.rows} with "
                f"{said.components} samples, the "
                f"header says {encoding.columns}x{encoding.rows} with {encoding.samples}; copy "
                "it again from its source"
            )


def _with_pydicom(dataset: Dataset, encoding: Encoding, syntax: str) -> Iterator[Pixels]:
    """Decode frame by frame without any conversion of colours."""
    plugin = next((name for name, syntaxes in _PLUGINS.items() if syntax in syntaxes), "")
    for values, said in get_decoder(UID(syntax)).iter_array(dataset, raw=True, decoding_plugin=plugin):
        shaped = values.reshape(encoding.rows, encoding.columns, -1) if encoding.samples == 3 else values
        yield _meant(shaped, encoding, str(said["photometric_interpretation"]))


def _jpeg_xl(stream: bytes, instance: Instance, photometric: str) -> Pixels:
    """Decode a JPEG XL stream, where the optional library is installed.

    A recompressed JPEG becomes that JPEG again, byte for byte, so that its luma is what it was.
    """
    try:
        library = importlib.import_module("imagecodecs")
    except ImportError as error:
        raise UnsupportedModalityError(
            f"{instance.name}: compressed as JPEG XL, which needs an extra: pip install 'hepalith[jpegxl]'; "
            "or export it as JPEG"
        ) from error
    if instance.encoding is not None and instance.encoding.transfer_syntax_uid == _RECOMPRESSED:
        return jpeg_pixels(library.jpegxl_decode_jpeg(stream), colour=photometric)
    values = np.asarray(library.jpegxl_decode(stream))
    if values.ndim == 3 and values.shape[2] in (1, 2):
        values = values[..., 0]
    return Pixels(values[..., :3] if values.ndim == 3 else values, "rgb" if values.ndim == 3 else "grey")
