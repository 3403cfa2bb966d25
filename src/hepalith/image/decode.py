"""Decoding: the files of a series become one volume in Hounsfield units.

Every file is read once: its digest, its pixels and its rescale come from the same bytes, and
each slice is written straight to its place in the working order.
"""

from __future__ import annotations

import hashlib
import io
import warnings as python_warnings
import zipfile
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.encaps import get_frame
from pydicom.pixels.utils import iter_pixels, pixel_array

from hepalith.errors import UnreadableFileError
from hepalith.geometry import StoredOrder
from hepalith.image.decode_file import decode_file
from hepalith.image.judge import judge_grid, judge_values
from hepalith.image.regular import even_out, place_slice
from hepalith.image.stack import Stack, plan_stack
from hepalith.image.stored import stored_type, write_hu
from hepalith.image.volume import Volume
from hepalith.study import Encoding, Instance, Series
from hepalith.study.source import open_archive, read_whole

__all__ = ["TURNED", "Decoded", "decode", "digest_of"]

THREADS = 2
"""Files decoded at once. Reading, hashing and copying release the interpreter; more than two gain nothing."""

TURNED = (
    "not stored as axial slices: how thick the axial ones are is not known, their spacing is taken for it; "
    "give the axial series, where there is one"
)
"""Said of sagittal and coronal series."""

_JPEG_FAMILY = "1.2.840.10008.1.2.4."
_JPEG_MARKERS = (b"\xff\xd8", b"\xff\x4f", b"\x00\x00\x00\x0cjP  ")
"""How JPEG, JPEG-LS and JPEG 2000 streams start (ISO/IEC 10918-1, 14495-1, 15444-1)."""

_BIG_ENDIAN = "1.2.840.10008.1.2.2"


@dataclass(frozen=True, slots=True, eq=False)
class Decoded:
    """A decoded series."""

    volume: Volume
    sha256: str
    """Digest of the files: see `digest_of`."""
    series: Series
    """The series with its instances in stored order: instance n is slice n of the stored array."""


def digest_of(digests: Sequence[str]) -> str:
    """Return one digest of files: of one file its SHA-256, of several that of their sorted digests.

    Names, folders and order do not matter.
    """
    if len(digests) == 1:
        return digests[0]
    return hashlib.sha256("".join(sorted(digests)).encode()).hexdigest()


def decode(series: Series) -> Decoded:
    """Decode a series to a volume in the working order (`StoredOrder`).

    Stored arrays run (slice, row, column); for NIfTI, NRRD and MetaImage their fastest axis is
    the column. Slices of a DICOM series are stored along their normal.

    Raises
    ------
    UnreadableFileError
        If a file is truncated or cannot be decoded.
    GeometryError
        If positions and spacings describe no volume.
    UnsupportedModalityError
        If the values of a file without header cannot be HU.
    """
    if series.kind != "dicom":
        volume, digest = decode_file(series)
        return Decoded(judge_values(volume, series), digest, series)
    stack = plan_stack(series)
    judge_grid(stack.grid, series.instances[0].name)
    order = StoredOrder.of(stack.grid)
    working = order.working_grid(stack.grid)
    if stack.weights is None:
        hu = _room_for(working.shape, series)
        digests = _decode_stack(stack, order.to_stored(hu))
    else:
        shape = (len(stack.instances), *stack.grid.shape[1:])
        uneven = _room_for(shape, series)
        digests = _decode_stack(stack, uneven)
        hu = _room_for(working.shape, series)
        even_out(uneven, stack.weights, order.to_stored(hu))
    turned = () if order.axes[0] == 0 else (TURNED,)
    filled = _filled(stack, order)
    volume = Volume(hu, working, order, series.warnings + stack.warnings + turned, filled=filled)
    sorted_series = _as_worked_on(replace(series, instances=stack.instances), order)
    return Decoded(judge_values(volume, series), digest_of(digests), sorted_series)


def _filled(stack: Stack, order: StoredOrder) -> NDArray[np.bool_] | None:
    """Return which slices of a volume were filled from neighbours, as `Volume.filled` says it."""
    if stack.filled is None:
        return None
    return np.asarray(order.to_working(stack.filled[:, None, None]))


def _as_worked_on(series: Series, order: StoredOrder) -> Series:
    """Return a series with no slice thickness where its slices are not those of the working order.

    Of sagittal and coronal slices the header says how thick they are from side to side or from front to back;
    how far the scan blurs from head to foot it does not.
    """
    if order.axes[0] == 0:
        return series
    return replace(series, acquisition=replace(series.acquisition, slice_thickness_mm=None))


def _room_for(shape: tuple[int, ...], series: Series) -> NDArray[np.int16]:
    """Return an array to decode into; a header that announces more than memory holds is refused."""
    try:
        return np.empty(shape, dtype=np.int16)
    except (MemoryError, ValueError) as error:
        size = "x".join(str(n) for n in shape[::-1])
        raise UnreadableFileError(
            f"{series.instances[0].name}: its header announces {size} voxels, more than this machine's "
            "memory holds; copy it again from its source, or read it on a larger machine"
        ) from error


def _decode_stack(stack: Stack, out: NDArray[np.int16]) -> list[str]:
    """Decode every instance of a stack into its slice of `out`; return the digest of every file."""
    files: dict[tuple[Path, str | None], list[int]] = defaultdict(list)
    for n, instance in enumerate(stack.instances):
        files[instance.path, instance.member].append(n)
    with ExitStack() as closing, python_warnings.catch_warnings():
        python_warnings.simplefilter("ignore")  # pydicom warns of what is judged here
        archives: dict[Path, zipfile.ZipFile] = {}
        for path, member in files:
            if member is not None and path not in archives:
                archives[path] = closing.enter_context(open_archive(path))

        def work(key: tuple[Path, str | None]) -> str:
            return _decode_instances(stack, files[key], archives.get(key[0]), out)

        with ThreadPoolExecutor(min(THREADS, len(files))) as pool:
            return list(pool.map(work, files))


def _decode_instances(
    stack: Stack, wanted: Sequence[int], archive: zipfile.ZipFile | None, out: NDArray[np.int16]
) -> str:
    """Decode the wanted slices, all of one file; return its digest."""
    instances = {stack.instances[n].frame: n for n in wanted}
    first = stack.instances[wanted[0]]
    encoding = first.encoding
    assert encoding is not None  # noqa: S101  (series hold images only)

    def put(frame: int, stored: NDArray[Any]) -> None:
        n = instances.get(frame)
        if n is None:
            return
        own = stack.instances[n].encoding or encoding
        if stack.shifts is None:
            write_hu(stored, own, out[n])
        else:
            upright = np.empty(stored.shape, dtype=np.int16)
            write_hu(stored, own, upright)
            place_slice(upright, stack.shifts[n], out[n])

    try:
        if encoding.offset is None:
            return _decode_compressed(first, encoding, archive, put)
        with _open(first, archive) as file:
            return _decode_native(file, first, encoding, put)
    except OSError as error:
        if isinstance(error, UnreadableFileError):
            raise
        reason = (error.strerror or "cannot be read").lower()
        raise UnreadableFileError(f"{first.name}: {reason}; check the file") from error
    except zipfile.BadZipFile as error:
        raise UnreadableFileError(
            f"{first.name}: damaged inside {first.path.name}; make the archive again"
        ) from error


def _open(instance: Instance, archive: zipfile.ZipFile | None) -> BinaryIO:
    if instance.member is not None and archive is not None:
        return archive.open(instance.member)  # type: ignore[return-value]
    return instance.path.open("rb", buffering=0)


def _decode_native(
    file: BinaryIO, instance: Instance, encoding: Encoding, put: Callable[[int, NDArray[Any]], None]
) -> str:
    """Read a file of uncompressed values once, frame by frame; return its digest."""
    digest = hashlib.sha256()
    kind = stored_type(encoding, little=encoding.transfer_syntax_uid != _BIG_ENDIAN)
    size = encoding.rows * encoding.columns * kind.itemsize
    head = _read(file, encoding.offset or 0)
    digest.update(head)
    for frame in range(encoding.frames):
        data = _read(file, size)
        if len(data) < size:
            raise UnreadableFileError(
                f"{instance.name}: cut short, frame {frame + 1} of {encoding.frames} is incomplete; "
                "copy it again from its source"
            )
        digest.update(data)
        put(frame, np.frombuffer(data, dtype=kind).reshape(encoding.rows, encoding.columns))
    while rest := file.read(1 << 20):
        digest.update(rest)
    return digest.hexdigest()


def _read(file: BinaryIO, size: int) -> bytes:
    """Read `size` bytes, or what there is."""
    data = file.read(size)
    while len(data) < size and (more := file.read(size - len(data))):
        data += more
    return data


def _decode_compressed(
    instance: Instance,
    encoding: Encoding,
    archive: zipfile.ZipFile | None,
    put: Callable[[int, NDArray[Any]], None],
) -> str:
    """Decode a compressed file with pydicom and its plug-ins; return its digest."""
    data = read_whole(instance.path, instance.member, archive)
    try:
        dataset = pydicom.dcmread(io.BytesIO(data), force=True)
        if "PixelData" not in dataset:
            raise UnreadableFileError(
                f"{instance.name}: cut short within its pixels; copy it again from its source"
            )
        _check_marker(dataset, instance, encoding)
        if encoding.frames == 1:
            put(0, pixel_array(dataset, raw=True).reshape(encoding.rows, encoding.columns))
        else:
            for frame, stored in enumerate(iter_pixels(dataset, raw=True)):
                put(frame, stored)
    except UnreadableFileError:
        raise
    except Exception as error:  # plug-ins raise whatever their C code meets
        reason = " ".join(str(error).split())[:160]
        raise UnreadableFileError(
            f"{instance.name}: its pixels cannot be decoded ({reason}); copy it again from its source"
        ) from error
    return hashlib.sha256(data).hexdigest()


def _check_marker(dataset: pydicom.Dataset, instance: Instance, encoding: Encoding) -> None:
    """Refuse JPEG streams that do not start as one: the C libraries would write to the terminal."""
    if not encoding.transfer_syntax_uid.startswith(_JPEG_FAMILY):
        return
    start = get_frame(dataset.PixelData, 0, number_of_frames=encoding.frames)[:12]
    if not start.startswith(_JPEG_MARKERS):
        raise UnreadableFileError(
            f"{instance.name}: its pixels are no JPEG stream; copy it again from its source"
        )
