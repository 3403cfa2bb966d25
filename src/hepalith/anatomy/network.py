"""The organs as a small network sees them: trained on synthetic livers alone, run on the CPU.

The network says roughly where liver is and what else there is; where its border runs is left to
the densities of the scan itself (`hepalith.anatomy.outline.outline`).
"""

from __future__ import annotations

import functools
import hashlib
from importlib import import_module, resources
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hepalith.anatomy.coarsen import coarsen
from hepalith.anatomy.organs import CLASSES, Organs
from hepalith.image.volume import Volume

__all__ = ["CLASSES", "SPACING_MM", "Organs", "find_organs", "make_input", "weights_sha256"]

SPACING_MM = 6.0
"""Spacing of the network's grid: the left lateral segment is still three voxels thick, and a trunk is
small enough for two cores to learn from some thousands in an hour. Where the border runs between
voxels shows in the probability, and in the scan itself."""
WINDOWS_HU = ((-160.0, 240.0), (-1000.0, 800.0))
"""Windows scaled to -1..1: soft tissue, and everything. Clipped, so that metal and air are bounded."""
TISSUE_HU = -250
"""Above: body, not air or lung. Half way between fat and lung."""
MULTIPLE = 8
"""The network halves its grid three times."""
LEAST_SLICES = 24
"""Fewest slices after padding, three at the coarsest level: two are what low-precision training cannot
take (see `hepalith.training.train`), and with fewer there is no context left along the body."""
CHANNELS = 6
"""Two windows, body, field of view, and two coordinates."""
WEIGHTS = "liver.onnx"
"""File of the weights, in `hepalith.anatomy.weights`."""
THREADS = 2
"""Threads of the runtime: with a fixed number its sums keep their order."""


def find_trunk(hu: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return the largest body of tissue, its lungs and gas filled; thin necks to table and arms cut."""
    tissue = hu > TISSUE_HU
    cross = ndimage.generate_binary_structure(2, 1)[None]
    labels, count = ndimage.label(ndimage.binary_erosion(tissue, cross))
    if count == 0:
        return np.zeros(hu.shape, dtype=np.bool_)
    largest = int(np.bincount(labels.ravel())[1:].argmax()) + 1
    trunk = ndimage.binary_dilation(labels == largest, cross, iterations=2) & tissue
    filled = np.zeros_like(trunk)
    for k in range(trunk.shape[0]):
        filled[k] = ndimage.binary_fill_holes(trunk[k])
    return np.asarray(filled, dtype=np.bool_)


def make_input(hu: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the network's channels of a scan on its grid.

    Parameters
    ----------
    hu
        float32, shape (slice, row, column) at `SPACING_MM`, slices to the head, rows to the back,
        columns to the patient's left.

    Returns
    -------
    numpy.ndarray
        float32, shape (`CHANNELS`, slice, row, column), each axis padded at its end to a multiple of
        `MULTIPLE`. Both windows; the trunk; the field of view, which is 0 in the padding; and how far
        a voxel lies from the trunk's middle, to the left and to the back, in half widths.
    """
    trunk = find_trunk(hu)
    padded = [-(-n // MULTIPLE) * MULTIPLE for n in hu.shape]
    padded[0] = max(padded[0], LEAST_SLICES)
    channels = np.zeros((CHANNELS, *padded), dtype=np.float32)
    inside = channels[:, : hu.shape[0], : hu.shape[1], : hu.shape[2]]
    channels[: len(WINDOWS_HU)] = -1
    for channel, (low, high) in zip(inside, WINDOWS_HU, strict=False):
        channel[:] = np.clip((hu - low) * np.float32(2 / (high - low)) - 1, -1, 1)
    inside[2] = trunk
    inside[3] = 1
    for channel, axis in ((inside[4], 2), (inside[5], 1)):
        other = 3 - axis
        places = np.nonzero(trunk.any(axis=(0, other)))[0]
        first, last = (int(places[0]), int(places[-1])) if places.size else (0, hu.shape[axis] - 1)
        along = (np.arange(hu.shape[axis]) - (first + last) / 2) / max(1.0, (last - first) / 2)
        view = [1, 1, 1]
        view[axis] = -1
        channel[:] = np.clip(along, -1.5, 1.5).reshape(view)
    return channels


def _read_weights() -> bytes:
    """Return the bytes of the weights' file."""
    return resources.files("hepalith.anatomy").joinpath("weights", WEIGHTS).read_bytes()


@functools.cache
def weights_sha256() -> str:
    """Return the SHA-256 of the weights, for the provenance."""
    return hashlib.sha256(_read_weights()).hexdigest()


@functools.cache
def _session() -> Any:
    """Return the runtime with the weights loaded, once for a process."""
    onnxruntime = import_module("onnxruntime")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    options.inter_op_num_threads = 1
    options.use_deterministic_compute = True
    options.log_severity_level = 3
    options.enable_mem_pattern = False
    options.enable_cpu_mem_arena = False
    return onnxruntime.InferenceSession(_read_weights(), options, providers=["CPUExecutionProvider"])


def run_network(hu: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the probability of every class at every voxel of a scan on the network's grid."""
    (logits,) = _session().run(None, {"image": make_input(hu)[None]})
    logits = logits[0, :, : hu.shape[0], : hu.shape[1], : hu.shape[2]].astype(np.float32)
    logits -= logits.max(axis=0, keepdims=True)
    np.exp(logits, out=logits)
    return np.asarray(logits / logits.sum(axis=0, keepdims=True), dtype=np.float32)


def find_organs(volume: Volume) -> Organs:
    """Return where the network sees each organ."""
    coarse = coarsen(volume, SPACING_MM)
    return Organs(coarse, run_network(coarse.hu))
