"""NIfTI, NRRD and MetaImage become volumes."""

from __future__ import annotations

import contextlib
import hashlib
import io
import math
import re
import tempfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from isal import igzip_lib
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError
from nibabel.wrapstruct import WrapStructError
from numpy.typing import NDArray

from hepalith.errors import GeometryError, UnreadableFileError
from hepalith.geometry import Grid, StoredOrder
from hepalith.image.itk import sitk
from hepalith.image.judge import judge_grid
from hepalith.image.volume import AIR_HU, Volume
from hepalith.study import Series
from hepalith.study.source import read_whole

__all__ = ["StoredImage", "decode_file", "read_image_file"]

LPS_FROM_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
"""NIfTI's world has x to the right and y to the front; LPS has them the other way round."""

SHEARED_COSINE = 0.01
"""Cosine between two axes of a grid from which it is called sheared: 0.6 degrees, 2 voxels in 200."""

MAX_UNPACKED_BYTES = 8 * 2**30
"""Largest NIfTI that is unpacked: 2,000 slices of 1024 x 1024 doubles are 16 GB, of int16 4 GB.

A small file that announces more was built to exhaust the machine, or does not fit it (our judgement).
"""

_HEADER_BYTES = 544
_PIECE_BYTES = 1 << 23
"""Bytes unpacked at once: few enough to stay at hand, many enough to cost nothing to fetch."""


@dataclass(frozen=True, slots=True, eq=False)
class StoredImage:
    """An image file as it is stored."""

    values: NDArray[Any]
    """Stored values, shape (slice, row, column), the file's fastest axis last."""
    grid: Grid
    slope: float
    intercept: float
    has_geometry: bool
    """Whether the file says where its voxels are."""
    sha256: str
    warnings: tuple[str, ...] = ()


def decode_file(series: Series) -> tuple[Volume, str]:
    """Decode a NIfTI, NRRD or MetaImage CT; return the volume and the file's digest.

    Raises
    ------
    UnreadableFileError, GeometryError
        See `hepalith.image.decode`.
    """
    instance = series.instances[0]
    image = read_image_file(instance.path, instance.member, series.kind)
    notes = [*series.warnings, *image.warnings]
    if not image.has_geometry:
        if np.allclose(image.grid.spacing_mm, 1.0):
            raise GeometryError(
                f"{instance.name}: neither spacing nor orientation in the file; export it with geometry"
            )
        notes.append("The file gives no orientation; the axes were taken as its format's default")
    judge_grid(image.grid, instance.name)
    axes = image.grid.affine[:3, :3] / np.array(image.grid.spacing_mm)
    if np.abs(axes.T @ axes - np.eye(3)).max() > SHEARED_COSINE:
        raise GeometryError(
            f"{instance.name}: its axes are not at right angles; resample it to an upright grid"
        )
    order = StoredOrder.of(image.grid)
    stored = order.to_working(image.values)
    hu = np.empty(stored.shape, dtype=np.int16)
    invalid = _write_hu(stored, image.slope, image.intercept, hu)
    if invalid is not None:
        notes.append(f"{int(invalid.sum())} voxels hold no number (NaN or infinite); they were taken as air")
    return Volume(hu, order.working_grid(image.grid), order, tuple(notes), invalid), image.sha256


def _write_hu(
    stored: NDArray[Any], slope: float, intercept: float, out: NDArray[np.int16]
) -> NDArray[np.bool_] | None:
    """Round stored values to HU slice by slice; return where there was no number, if anywhere."""
    invalid: NDArray[np.bool_] | None = None
    floating = stored.dtype.kind == "f"
    plain = slope == 1 and intercept == 0 and not floating
    for n, values in enumerate(stored):
        if plain:
            out[n] = np.clip(values, AIR_HU, 32767)
            continue
        exact = values.astype(np.float64 if values.dtype.itemsize > 4 else np.float32)
        bad = ~np.isfinite(exact) if floating else None
        if bad is not None and bad.any():
            if invalid is None:
                invalid = np.zeros(stored.shape, dtype=np.bool_)
            invalid[n] = bad
            exact[bad] = 0
        if slope != 1 or intercept != 0:
            exact = exact * slope + intercept
        out[n] = np.clip(np.rint(exact), AIR_HU, 32767)
        if bad is not None and invalid is not None:
            out[n][bad] = AIR_HU
    return invalid


def read_image_file(path: Path, member: str | None, kind: str) -> StoredImage:
    """Read a NIfTI, NRRD or MetaImage file whole.

    Raises
    ------
    UnreadableFileError
        If it is truncated, damaged, or holds several volumes.
    """
    data = read_whole(path, member)
    digest = hashlib.sha256(data).hexdigest()
    if kind == "nifti":
        return _read_nifti(data, member or path.name, digest)
    return _read_with_itk(path, member, data, digest)


def _read_nifti(data: bytes, name: str, digest: str) -> StoredImage:
    try:
        held = _gunzip(data) if data[:2] == b"\x1f\x8b" else memoryview(data)
        head = bytes(held[:_HEADER_BYTES])
        loader = nibabel.Nifti2Image if 540 in _header_sizes(head) else nibabel.Nifti1Image
        image = loader.from_stream(io.BytesIO(bytes(held[: max(_HEADER_BYTES, _first_voxel(head))])))
        proxy: Any = image.dataobj
        stored = np.frombuffer(held, proxy.dtype, math.prod(proxy.shape), proxy.offset)
        values = _one_volume(stored.reshape(proxy.shape[::-1]), name)  # its first axis is its fastest
    except (  # type: ignore[misc]
        ImageFileError,
        HeaderDataError,
        WrapStructError,
        OSError,
        EOFError,
        ValueError,
        zlib.error,
        igzip_lib.IsalError,
        TypeError,
        MemoryError,
    ) as error:
        if isinstance(error, UnreadableFileError):
            raise
        reason = " ".join(str(error).split())[:120]
        raise UnreadableFileError(
            f"{name}: damaged or cut short ({reason}); copy it again from its source"
        ) from error
    header = image.header
    sform, qform = int(header["sform_code"]), int(header["qform_code"])
    affine = LPS_FROM_RAS @ image.affine
    affine[:, :3] = affine[:, 2::-1]
    if not np.isfinite(affine).all():
        raise GeometryError(f"{name}: its affine is not finite; export it again with geometry")
    slope, intercept = proxy.slope, proxy.inter
    has_geometry = bool(sform or qform) and not np.array_equal(image.affine, np.eye(4))
    grid = Grid((values.shape[0], values.shape[1], values.shape[2]), affine)
    return StoredImage(values, grid, float(slope), float(intercept), has_geometry, digest)


def _header_sizes(data: bytes) -> tuple[int, int]:
    return int.from_bytes(data[:4], "little"), int.from_bytes(data[:4], "big")


def _gunzip(data: bytes) -> memoryview:
    """Unpack as much of a gzip stream as its NIfTI header announces, and no more.

    Piece by piece into one block of memory: nothing is held twice. A stream cut short, or a header that
    announces more than `MAX_UNPACKED_BYTES`, raises.
    """
    machine = igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_GZIP)
    whole, have, announced = np.empty(_HEADER_BYTES, dtype=np.uint8), 0, False
    while have < len(whole):
        if machine.eof:  # a further member follows, or nothing does
            data = machine.unused_data
            machine = igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_GZIP)
        piece = machine.decompress(data, min(_PIECE_BYTES, len(whole) - have))
        if not piece and not machine.eof and machine.needs_input:
            raise EOFError(f"the compressed stream ends {'early' if announced else 'within the header'}")
        data = b""
        whole[have : have + len(piece)] = np.frombuffer(piece, dtype=np.uint8)
        have += len(piece)
        if have == len(whole) and not announced:
            head, announced = whole, True
            whole = np.empty(_announced_bytes(head.tobytes()), dtype=np.uint8)
            whole[:_HEADER_BYTES] = head[: len(whole)]
    return whole.data


def _read_header(head: bytes) -> Any:
    """Return a file's NIfTI header, as it is."""
    header_class: Any = nibabel.Nifti2Header if 540 in _header_sizes(head) else nibabel.Nifti1Header
    return header_class.from_fileobj(io.BytesIO(head), check=False)


def _first_voxel(head: bytes) -> int:
    """Return where a NIfTI file's voxels begin, in bytes, from its header."""
    return int(_read_header(head)["vox_offset"])


def _announced_bytes(head: bytes) -> int:
    """Return how long a NIfTI file is, from its header."""
    header = _read_header(head)
    shape = [int(n) for n in header["dim"][1 : 1 + int(header["dim"][0])]]
    size = int(header["vox_offset"]) + int(np.prod(shape, dtype=np.float64)) * int(header["bitpix"]) // 8
    if min(shape, default=0) < 1 or not 0 < size <= MAX_UNPACKED_BYTES:
        raise ValueError(f"its header announces {size / 2**30:.1f} GiB")
    return size


def _one_volume(values: NDArray[Any], name: str) -> NDArray[Any]:
    """Return the one volume of an array in (…, slice, row, column) order."""
    if values.dtype.fields is not None or values.dtype.kind not in "iuf":
        raise UnreadableFileError(
            f"{name}: holds colours or complex numbers, not CT values; give the CT in HU"
        )
    while values.ndim > 3 and values.shape[0] == 1:
        values = values[0]
    if values.ndim > 3:
        raise UnreadableFileError(
            f"{name}: holds {values.shape[0]} volumes; give one of them as a file of its own"
        )
    if values.ndim < 3:
        values = values.reshape((1,) * (3 - values.ndim) + values.shape)
    return values


@contextlib.contextmanager
def _on_disk(path: Path, member: str | None, data: bytes) -> Iterator[Path]:
    """Yield a path that ITK can read: it takes no bytes, so a member of an archive is written out."""
    if member is None:
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="hepalith-") as folder:
        written = Path(folder) / f"member{Path(member).suffix}"
        written.write_bytes(data)
        yield written


def _read_with_itk(path: Path, member: str | None, data: bytes, digest: str) -> StoredImage:
    name = member or path.name
    text = data[:8192].decode("latin-1")
    io_name = "NrrdImageIO" if text.startswith("NRRD") else "MetaImageIO"
    try:
        with _on_disk(path, member, data) as readable:
            reader = sitk.ImageFileReader()
            reader.SetImageIO(io_name)
            reader.SetFileName(str(readable))
            image = reader.Execute()
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1][:120].replace(str(path.parent), "")
        raise UnreadableFileError(
            f"{name}: damaged or cut short ({reason}); copy it again from its source"
        ) from error
    if image.GetNumberOfComponentsPerPixel() != 1:
        raise UnreadableFileError(f"{name}: holds several values a voxel, not CT values; give the CT in HU")
    values = _one_volume(sitk.GetArrayFromImage(image), name)
    dimension = image.GetDimension()
    affine = np.eye(4)
    direction = np.eye(3)
    direction[:dimension, :dimension] = np.array(image.GetDirection()).reshape(dimension, dimension)[:3, :3]
    spacing = np.array([*image.GetSpacing(), 1.0])[:3]
    affine[:3, :3] = (direction * spacing)[:, ::-1]
    affine[: min(dimension, 3), 3] = image.GetOrigin()[:3]
    detached = re.search(
        r"^(?:data ?file|ElementDataFile)\s*[:=]\s*(?!LOCAL)(\S+)", text, re.MULTILINE | re.IGNORECASE
    )
    if detached and member is None and (path.parent / detached[1]).is_file():
        digest = hashlib.sha256((digest + _file_digest(path.parent / detached[1])).encode()).hexdigest()
    grid = Grid((values.shape[0], values.shape[1], values.shape[2]), affine)
    known = r"^(space directions|spacings|ElementSpacing|TransformMatrix|Offset)"
    has_geometry = bool(re.search(known, text, re.MULTILINE))
    return StoredImage(values, grid, 1.0, 0.0, has_geometry, digest)


def _file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
