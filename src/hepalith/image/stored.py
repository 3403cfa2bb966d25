"""Stored pixel values become Hounsfield units."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hepalith.image.volume import AIR_HU
from hepalith.study import Encoding

__all__ = ["stored_type", "write_hu"]

_HIGHEST = 32767
"""Largest int16. No scanner writes as much (extended scales end at 30,710 HU)."""


def stored_type(encoding: Encoding, *, little: bool = True) -> np.dtype[Any]:
    """Return the array type of values as they lie in the file."""
    kind = "i" if encoding.signed else "u"
    return np.dtype(f"{'<' if little else '>'}{kind}{encoding.bits_allocated // 8}")


def write_hu(stored: NDArray[Any], encoding: Encoding, out: NDArray[np.int16]) -> None:
    """Write one slice in HU into `out`: padding and all below air becomes `AIR_HU`.

    HU = slope · stored + intercept (DICOM PS3.3, C.11.1). Bits above Bits Stored are
    overlays or rubbish and are cut off; padding is looked for before that, and before
    anything is added, so that nothing wraps around.

    Parameters
    ----------
    stored
        Integer, shape (row, column), as it lies in the file.
    encoding
        Bits, sign, rescale and padding of this frame.
    out
        int16, same shape; any strides.
    """
    padding = None
    if encoding.padding is not None:
        padding = _find_padding(stored, encoding.padding)
    values = _cut_to_bits(stored, encoding)
    intercept = encoding.intercept
    narrow = values.dtype.itemsize == 2 and (encoding.signed or encoding.bits_stored < 16)
    if encoding.slope == 1 and intercept == round(intercept) and abs(intercept) < 16384:
        whole = int(intercept)
        low, high = AIR_HU - whole, min(_HIGHEST - whole, _HIGHEST)
        if narrow:
            signed = values.view(np.int16) if values.dtype != np.int16 else values
            np.clip(signed, low, high, out=out)
            if whole:
                out += np.int16(whole)
        else:
            out[...] = np.clip(values.astype(np.int64) + whole, AIR_HU, _HIGHEST)
    else:
        exact: NDArray[Any] = values.astype(np.float64 if values.dtype.itemsize > 2 else np.float32)
        exact = np.add(np.multiply(exact, encoding.slope, dtype=exact.dtype), intercept, dtype=exact.dtype)
        out[...] = np.clip(np.rint(exact), AIR_HU, _HIGHEST)
    if padding is not None:
        out[padding] = AIR_HU


def _find_padding(stored: NDArray[Any], limits: tuple[int, int]) -> NDArray[np.bool_] | None:
    low, high = limits
    mask: NDArray[np.bool_] = stored == low if low == high else (stored >= low) & (stored <= high)
    return mask if mask.any() else None


def _cut_to_bits(stored: NDArray[Any], encoding: Encoding) -> NDArray[Any]:
    """Return the values of Bits Stored bits that end at High Bit, in native byte order."""
    allocated = stored.dtype.itemsize * 8
    bits, high = encoding.bits_stored, encoding.high_bit
    if not stored.dtype.isnative:
        stored = stored.astype(stored.dtype.newbyteorder("="))
    if bits >= allocated or not bits - 1 <= high < allocated:
        return stored
    left, right = allocated - 1 - high, allocated - bits
    if encoding.signed:
        signed: NDArray[Any] = np.right_shift(np.left_shift(stored, left), right)
        return signed
    unsigned: NDArray[Any] = np.right_shift(stored, high + 1 - bits) & stored.dtype.type((1 << bits) - 1)
    return unsigned
