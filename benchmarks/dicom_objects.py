"""Time what a reading's DICOM takes to write and to read, and how large it is, beside peers.

Run: ``python benchmarks/dicom_objects.py``. A made liver of 512 x 512 x 300 with 60 segments (liver, eight of
Couinaud's, 47 foci, three lesions, one duct) is written by the product, by highdicom and by dcmqi, and read
back by pydicom, highdicom and dcmqi; each thing in a fresh process, imports not counted, the fastest of
several rounds.

The product draws structures within each other, as they lie. The peers are given the same without overlaps,
every voxel to its innermost structure: for overlaps highdicom asks for one array of all voxels and all
segments (4.7 GB here), dcmqi for one file a segment. They have fewer frames to write, and say little of
the segments' codes; the product says all that it says of any reading.
"""

from __future__ import annotations

import json
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import highdicom
import nibabel
import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.sr.codedict import codes

from hepalith.geometry import Box, Grid, StoredOrder
from hepalith.reading import Maps, Reading
from hepalith.reading.source import SourceInstance
from hepalith.report.dicom.context import source_slices
from hepalith.report.dicom.seg import write_seg
from hepalith.report.dicom.seg_frames import lay_labels
from hepalith.report.dicom.segments import list_segments
from hepalith.settings import Formats

HERE = Path(__file__).resolve().parent

ROUNDS = 5
"""Rounds of each thing in its process; the fastest counts."""

READ_ROUNDS = 1
"""Rounds of reading by a peer, which takes up to half a minute."""

SLICES, LARGER = 300, 400
"""Slices of the scan that the goal is set for, and of one whose memory is measured."""

FOCI, HOSTS = 47, 3
"""With the liver, eight segments and a duct they make 60."""

GOAL_S = 1.0
"""Goal: 60 segments on 512 x 512 x 300 in less than this."""

CT = "1.2.840.10008.5.1.4.1.1.2"


@dataclass(frozen=True)
class Row:
    """What one thing took."""

    name: str
    seconds: float
    cpu: float
    mb: float
    peak_mb: float
    frames: int


def load_factories() -> ModuleType:
    """Return the tests' factory of readings."""
    sys.path.insert(0, str(HERE.parents[0]))
    from tests.reading import factories  # noqa: PLC0415 - the path is known only here

    return factories


def make_reading(slices: int) -> Reading:
    """Return a reading with 60 segments, its liver of a usual size."""
    made: Reading = load_factories().make_reading()
    shape = (slices, 512, 512)
    affine = np.zeros((4, 4))
    affine[2, 0], affine[1, 1], affine[0, 2], affine[3, 3] = 1.0, 0.75, 0.75, 1.0
    box = Box((slices // 6, 100, 40), (slices - slices // 6, 420, 340))
    k, j, i = (np.linspace(-1, 1, n, dtype=np.float32) for n in box.shape)
    liver = k[:, None, None] ** 2 + j[None, :, None] ** 2 + i[None, None, :] ** 2 < 0.95
    octant = 1 + 4 * (k > 0)[:, None, None] + 2 * (j > 0)[None, :, None] + (i > 0)[None, None, :]
    draw = np.random.default_rng(0)
    foci = scatter(box.shape, FOCI, (6, 9, 9), draw)
    ducts = np.zeros(box.shape, dtype=np.uint8)
    ducts[40:60, 50:60, 50:150] = 1
    first = made.document.foci[0]
    entries = tuple(
        first.model_copy(update={"id": n, "tracking_uid": f"2.25.{n}"}) for n in range(1, FOCI + 1)
    )
    image = replace(
        made.source.primary,
        instances=tuple(SourceInstance(CT, f"2.25.3355542336179339205928030{n:04d}") for n in range(slices)),
        slices=tuple(range(slices)),
        aligned=True,
    )
    maps = Maps(
        Grid(shape, affine),
        StoredOrder(),
        box,
        np.zeros((0, 0, 0), dtype=np.int16),
        liver,
        foci,
        np.where(liver, octant, 0).astype(np.uint8),
        ducts,
        scatter(box.shape, HOSTS, (20, 30, 30), draw),
    )
    return Reading(
        made.document.model_copy(update={"foci": entries}), maps, replace(made.source, images=(image,))
    )


def scatter(
    shape: tuple[int, ...], count: int, size: tuple[int, ...], draw: np.random.Generator
) -> NDArray[np.uint8]:
    """Return blocks of a size, each with its label, about the middle of an array."""
    labels = np.zeros(shape, dtype=np.uint8)
    for number in range(1, count + 1):
        start = [int(draw.integers(n // 4, 3 * n // 4 - s)) for n, s in zip(shape, size, strict=True)]
        labels[tuple(slice(a, a + s) for a, s in zip(start, size, strict=True))] = number
    return labels


def innermost(reading: Reading) -> NDArray[Any]:
    """Return the segment number of each voxel of the whole image."""
    full = np.zeros(reading.maps.grid.shape, dtype=np.uint8)
    full[reading.maps.box.slices] = lay_labels(reading.maps, list_segments(reading))
    return full


def peer_segments(reading: Reading, present: set[int]) -> list[highdicom.seg.SegmentDescription]:
    """Return highdicom's description of the segments that have a voxel."""
    algorithm = highdicom.AlgorithmIdentificationSequence("peer", codes.DCM.ArtificialIntelligence, "1")
    return [
        highdicom.seg.SegmentDescription(
            segment.number,
            segment.label,
            codes.SCT.AnatomicalStructure,
            codes.SCT.Liver,
            "AUTOMATIC",
            algorithm,
            segment.tracking.uid,
            segment.tracking.id,
        )
        for segment in list_segments(reading)
        if segment.number in present
    ]


def write_highdicom(reading: Reading, folder: Path, kind: str) -> Callable[[], Path]:
    """Return what writes the segments by highdicom; making its input is not counted."""
    labels = innermost(reading)
    order = np.unique(labels)
    labels = np.searchsorted(order, labels).astype(np.uint8)  # highdicom wants numbers without a gap
    described = peer_segments(reading, set(order.tolist()))
    for number, segment in enumerate(described, start=1):
        segment.SegmentNumber = number
    slices, path = source_slices(reading), folder / "segmentation.dcm"
    for one in slices:
        one.file_meta = pydicom.dataset.FileMetaDataset()
        one.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian

    def write() -> Path:
        made = highdicom.seg.Segmentation(
            slices,
            labels,
            kind.upper(),
            described,
            "2.25.1",
            1,
            "2.25.2",
            1,
            "peer",
            "peer",
            "1",
            "1",
            transfer_syntax_uid=pydicom.uid.ExplicitVRLittleEndian
            if kind == "binary"
            else pydicom.uid.RLELossless,
        )
        made.save_as(path)
        return path

    return write


def write_dcmqi(reading: Reading, folder: Path) -> Callable[[], Path]:
    """Return what writes the segments by dcmqi: a process of its own, its start counted."""
    labels = innermost(reading)
    scan = folder / "scan"
    scan.mkdir()
    for one in source_slices(reading):
        one.BitsAllocated = one.BitsStored = 16
        one.HighBit, one.PixelRepresentation, one.SamplesPerPixel = 15, 0, 1
        one.PhotometricInterpretation = "MONOCHROME2"
        one.PixelData = bytes(2 * one.Rows * one.Columns)
        one.save_as(scan / f"{one.InstanceNumber:04d}.dcm", implicit_vr=False, little_endian=True)
    affine = np.diag([-1.0, -1.0, 1.0, 1.0]) @ reading.maps.grid.affine
    affine[:, :3] = affine[:, 2::-1]
    make: Any = nibabel.Nifti1Image  # nibabel leaves its methods without types
    make(labels.transpose(), affine).to_filename(folder / "labels.nii")
    coded = {"CodeValue": "10200004", "CodingSchemeDesignator": "SCT", "CodeMeaning": "Liver"}
    attributes = [
        {
            "labelID": int(number),
            "SegmentLabel": f"Segment {number}",
            "SegmentAlgorithmType": "AUTOMATIC",
            "SegmentAlgorithmName": "peer",
            "SegmentedPropertyCategoryCodeSequence": coded,
            "SegmentedPropertyTypeCodeSequence": coded,
        }
        for number in np.unique(labels)[1:]
    ]
    said = {"SeriesDescription": "peer", "segmentAttributes": [attributes]}
    (folder / "meta.json").write_text(json.dumps(said), encoding="utf-8")
    path = folder / "segmentation.dcm"
    command = [
        find_dcmqi("itkimage2segimage"),
        *("--inputImageList", str(folder / "labels.nii"), "--inputDICOMDirectory", str(scan)),
        *("--inputMetadata", str(folder / "meta.json"), "--outputDICOM", str(path), "--skip"),
    ]

    def write() -> Path:
        run_tool(command)
        return path

    return write


def find_dcmqi(name: str) -> str:
    """Return the path of one of dcmqi's tools."""
    return shutil.which(name) or str(Path(sys.executable).parent / name)


def run_tool(command: list[str]) -> None:
    """Run a tool of dcmqi, which may fail with a zero status."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - dcmqi itself
    if done.returncode or "ERROR" in done.stderr:
        raise SystemExit(f"{Path(command[0]).name} failed: {done.stderr.strip().splitlines()[:1]}")


def write_ours(reading: Reading, folder: Path, kind: str) -> Callable[[], Path]:
    """Return what writes the segments by the product."""

    def write() -> Path:
        write_seg(reading, folder, Formats(segmentation=kind))
        return folder / "segmentation.dcm"

    return write


def read_by(what: str, path: Path, folder: Path) -> Callable[[], Path]:
    """Return what reads a segmentation: all of its masks."""

    def read() -> Path:
        if what == "pydicom":
            pydicom.dcmread(path).pixel_array  # noqa: B018 - it decodes
        elif what == "highdicom":
            segmentation = highdicom.seg.segread(path)
            for number in segmentation.segment_numbers:
                segmentation.get_volume(segment_numbers=[number], combine_segments=False)
        else:
            run_tool(
                [
                    find_dcmqi("segimage2itkimage"),
                    *("--inputDICOM", str(path), "--outputDirectory", str(folder), "-t", "nii"),
                ]
            )
        return path

    return read


def measure(what: str, folder: Path, slices: int) -> Row:
    """Measure one thing in this process."""
    doing, by, kind = what.split()
    if doing == "read":
        job = read_by(by, folder / "segmentation.dcm", folder)
    else:
        reading = make_reading(slices)
        if by == "hepalith":
            job = write_ours(reading, folder, kind)
        else:
            job = write_dcmqi(reading, folder) if by == "dcmqi" else write_highdicom(reading, folder, kind)
    who = resource.RUSAGE_CHILDREN if by == "dcmqi" else resource.RUSAGE_SELF
    before = 0.0 if by == "dcmqi" else current_mb()
    reset_peak()
    seconds, cpu = [], []
    for _ in range(ROUNDS if doing == "write" else READ_ROUNDS):
        began, burnt = time.perf_counter(), cpu_s()
        path = job()
        seconds.append(time.perf_counter() - began)
        cpu.append(cpu_s() - burnt)
    peak = resource.getrusage(who).ru_maxrss / 1024 if by == "dcmqi" else peak_mb()
    frames = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=["NumberOfFrames"]).NumberOfFrames
    return Row(what, min(seconds), min(cpu), path.stat().st_size / 1e6, peak - before, int(frames))


def cpu_s() -> float:
    """Return the processor time of this process and of those that it waited for."""
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


def status_mb(name: str) -> float:
    """Return a line of this process's memory, in MB."""
    text = Path("/proc/self/status").read_text(encoding="ascii")
    return next(float(line.split()[1]) / 1024 for line in text.splitlines() if line.startswith(name))


def current_mb() -> float:
    """Return the memory that this process holds."""
    return status_mb("VmRSS")


def peak_mb() -> float:
    """Return the most memory that this process held since `reset_peak`."""
    return status_mb("VmHWM")


def reset_peak() -> None:
    """Forget the most memory that this process held."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def in_process(what: str, folder: Path, slices: int = SLICES) -> Row:
    """Measure one thing in a fresh process."""
    command = [sys.executable, __file__, what, str(folder), str(slices)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - this script
    if done.returncode:
        raise SystemExit(f"{what} failed: {(done.stderr.strip().splitlines() or ['?'])[-1]}")
    return Row(**json.loads(done.stdout.splitlines()[-1]))


def line(name: str, row: Row) -> str:
    """Return one row of a table."""
    return f"| {name} | {row.seconds:.2f} | {row.cpu:.2f} | {row.mb:.1f} | {row.frames} | {row.peak_mb:.0f} |"


def segmentation_table() -> str:
    """Return how long segmentations take, as Markdown."""
    has_dcmqi = Path(find_dcmqi("itkimage2segimage")).exists()
    rows: list[str] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ours = in_process("write hepalith binary", folder)
        reads = [in_process(f"read {by} -", folder) for by in ("pydicom", "highdicom")]
        reads += [in_process("read dcmqi -", folder)] if has_dcmqi else []
        labels = in_process("write hepalith labelmap", folder)
        larger = in_process("write hepalith binary", folder, LARGER)
        rows += [line("write, hepalith, binary", ours), line("write, hepalith, label map", labels)]
        rows.append(line(f"write, hepalith, binary, {LARGER} slices", larger))
    for kind, named in (("binary", "binary"), ("labelmap", "label map")):
        with tempfile.TemporaryDirectory() as name:
            row = in_process(f"write highdicom {kind}", Path(name))
            rows.append(line(f"write, highdicom, {named}, no overlaps", row))
    if has_dcmqi:
        with tempfile.TemporaryDirectory() as name:
            row = in_process("write dcmqi binary", Path(name))
            rows.append(line("write, dcmqi, binary, no overlaps (with its start and reading NIfTI)", row))
    for row, by in zip(
        reads, ("pydicom, all frames", "highdicom, mask by mask", "dcmqi, to NIfTI"), strict=False
    ):
        rows.append(line(f"read hepalith's binary, {by}", row))
    verdict = "met" if ours.seconds < GOAL_S else "not met"
    return "\n".join(
        [
            f"60 segments on 512 × 512 × {SLICES}; {os.cpu_count()} cores, "
            f"Python {platform.python_version()}, highdicom {highdicom.__version__}, "
            f"pydicom {pydicom.__version__}. Memory is above what was held before. "
            "Peers are given no overlaps, so they write fewer frames. "
            f"Load of the machine at the end: {os.getloadavg()[0]:.1f}.\n",
            "| segmentation | s | CPU s | MB | frames | peak MB |",
            "| --- | --- | --- | --- | --- | --- |",
            *rows,
            "",
            f"Goal of {GOAL_S:g} s for 60 segments: {verdict} ({ours.seconds:.2f} s).",
        ]
    )


if __name__ == "__main__":
    if len(sys.argv) == 4:
        measured = measure(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
        print(json.dumps(measured.__dict__))
    else:
        print(segmentation_table())
