"""Time what a reading's measurement report takes to write and to read, and how large it is, beside peers.

Run: ``python benchmarks/dicom_reports.py``. A made reading of a liver with 50 and with 200 foci, each with a
segment and an outline, is written by the product, and its items once more by pydicom; highdicom writes the
same groups with the same quantities and judgements, but without their intervals, probabilities and reasons,
and without differential and plan. The product's report is read back by the product, pydicom (every item
visited), highdicom (every quantity and judgement of every group), dcmtk's ``dsrdump`` and dcmqi's
``tid1500reader``; the last two are processes of their own, their start counted. The fastest of several rounds
counts, imports not counted.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import highdicom
import numpy as np
import pydicom
from highdicom import sr
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes

from hepalith.reading import Reading
from hepalith.reading.source import SourceInstance
from hepalith.report.dicom.context import source_dataset
from hepalith.report.dicom.segments import SEG_SOP_CLASS
from hepalith.report.dicom.sr import write_sr
from hepalith.report.dicom.sr_content import SrContent, SrGroup, SrNumber
from hepalith.report.dicom.sr_read import read_sr
from hepalith.settings import Formats

HERE = Path(__file__).resolve().parent

COUNTS = (50, 200)
"""Foci of the readings."""

ROUNDS = 5
"""Rounds of the product; the fastest counts."""

PEER_ROUNDS = 2
"""Rounds of a peer, which takes seconds."""

GOAL_S = 3.0
"""Goal: 200 foci written in less than this."""

CT = "1.2.840.10008.5.1.4.1.1.2"


def load_factories() -> ModuleType:
    """Return the tests' factory of readings."""
    sys.path.insert(0, str(HERE.parents[0]))
    from tests.reading import factories  # noqa: PLC0415 - the path is known only here

    return factories


def make_reading(count: int) -> Reading:
    """Return a reading with so many foci in its liver, each some voxels large."""
    made: Reading = load_factories().make_reading()
    first = made.document.foci[0]
    entries = tuple(
        first.model_copy(update={"id": n, "tracking_uid": f"2.25.{n}"}) for n in range(1, count + 1)
    )
    places = np.argwhere(made.maps.liver)
    foci = np.zeros(made.maps.liver.shape, dtype=np.uint16)
    for n, (k, j, i) in enumerate(places[:: len(places) // count][:count].tolist(), start=1):
        foci[k, max(j - 3, 0) : j + 4, max(i - 3, 0) : i + 4] = n
    slices = made.maps.stored_order.stored_grid(made.maps.grid).shape[0]
    image = replace(
        made.source.primary,
        instances=tuple(SourceInstance(CT, f"2.25.3355542336179339205928030{n:04d}") for n in range(slices)),
        slices=tuple(range(slices)),
        aligned=True,
    )
    return replace(
        made,
        document=made.document.model_copy(update={"foci": entries}),
        maps=replace(made.maps, foci=foci),
        source=replace(made.source, images=(image, *made.source.images[1:])),
    )


def fastest(what: Callable[[], object], rounds: int) -> float:
    """Return the seconds of the fastest round."""
    best = float("inf")
    for _ in range(rounds):
        began = time.perf_counter()
        what()
        best = min(best, time.perf_counter() - began)
    return best


def write_again(dataset: Dataset, path: Path) -> None:
    """Write a report's items with pydicom alone; they are parsed already."""
    dataset.save_as(path, enforce_file_format=True)


def highdicom_report(reading: Reading, content: SrContent, path: Path) -> None:
    """Write the same groups with highdicom."""
    image = reading.source.primary
    evidence = [source_dataset(reading, image, n) for n in range(len(image.instances))]
    algorithm = sr.AlgorithmIdentification("hepalith", "0")
    groups = [highdicom_group(one, algorithm) for one in content.foci]
    report = sr.MeasurementReport(
        observation_context=sr.ObservationContext(
            observer_device_context=sr.ObserverContext(
                codes.DCM.Device,
                sr.DeviceObserverIdentifyingAttributes(uid=highdicom.UID(), name="hepalith"),
            )
        ),
        procedure_reported=codes.LN.CTUnspecifiedBodyRegion,
        imaging_measurements=groups,
        title=codes.DCM.ImagingMeasurementReport,
    )
    segmentation = Dataset()
    segmentation.update(evidence[0])
    segmentation.SOPClassUID = SEG_SOP_CLASS["binary"]
    segmentation.SOPInstanceUID = next(one.segment.sop_instance_uid for one in content.foci if one.segment)
    segmentation.SeriesInstanceUID = highdicom.UID()
    for one in (*evidence, segmentation):
        one.PatientName = one.get("PatientName") or ""
    made = sr.EnhancedSR(
        evidence=[*evidence, segmentation],
        content=report,
        series_instance_uid=highdicom.UID(),
        series_number=1,
        sop_instance_uid=highdicom.UID(),
        instance_number=1,
        manufacturer="hepalith",
    )
    made.save_as(path)


def highdicom_group(group: SrGroup, algorithm: sr.AlgorithmIdentification) -> Any:
    """Return one group of a focus as highdicom makes it."""
    assert group.segment is not None
    return sr.VolumetricROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=sr.TrackingIdentifier(uid=group.tracking_uid, identifier=group.tracking_id),
        referenced_segment=sr.ReferencedSegment(
            group.segment.sop_class_uid,
            group.segment.sop_instance_uid,
            group.segment.number,
            source_series=sr.SourceSeriesForSegmentation(group.segment.source_series_uid),
        ),
        finding_type=highdicom_code(group.finding),
        algorithm_id=algorithm,
        finding_sites=[sr.FindingSite(codes.SCT.Liver)],
        measurements=[
            sr.Measurement(
                name=sr.CodedConcept(f"Q{n}", "99TEST", name),
                value=value.value,
                unit=sr.CodedConcept(value.unit, "UCUM", value.unit),
            )
            for n, (name, value) in enumerate(group.numbers.items())
            if isinstance(value, SrNumber)
        ],
        qualitative_evaluations=[
            sr.QualitativeEvaluation(highdicom_code(one.name), highdicom_code(one.value))
            for one in group.evaluations.values()
        ],
    )


def highdicom_code(code: Any) -> sr.CodedConcept:
    """Return a code of ours as highdicom's."""
    return sr.CodedConcept(code.value, code.scheme, code.meaning)


def visit(path: Path) -> int:
    """Read a report with pydicom, and count its items."""

    def count(item: Dataset) -> int:
        return 1 + sum(count(child) for child in item.get("ContentSequence", ()))

    return count(pydicom.dcmread(path))


def highdicom_read(path: Path) -> int:
    """Read every quantity and judgement of every group with highdicom."""
    content: Any = sr.srread(path).content
    said = 0
    for group in content.get_volumetric_roi_measurement_groups():
        said += sum(1 for one in group.get_measurements() if one.value is not None)
        said += sum(1 for one in group.get_qualitative_evaluations() if one.value is not None)
    return said


def program(name: str) -> str | None:
    """Return where a peer's program is."""
    return shutil.which(name, path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))


def run(*command: str | Path) -> None:
    """Run a peer's program."""
    subprocess.run(command, check=True, capture_output=True, timeout=600)  # noqa: S603 - dcmtk or dcmqi


def measure(count: int, folder: Path) -> list[str]:
    """Return the rows of a table for one number of foci."""
    reading = make_reading(count)
    path, other = folder / "measurements.dcm", folder / "peer.dcm"
    seconds = fastest(lambda: write_sr(reading, folder, Formats()), ROUNDS)
    items, size = visit(path), path.stat().st_size
    rows = [row(f"write, {count} foci", "hepalith", seconds, f"{items} items, {size / 1e6:.2f} MB")]
    content = read_sr(path)
    dataset = pydicom.dcmread(path)
    dataset.decode()
    seconds = fastest(lambda: write_again(dataset, other), PEER_ROUNDS)
    rows.append(row("", "pydicom, the same items parsed before", seconds, ""))
    seconds = fastest(lambda: highdicom_report(reading, content, other), PEER_ROUNDS)
    rows.append(
        row(
            "",
            "highdicom, numbers and codes alone",
            seconds,
            f"{visit(other)} items, {other.stat().st_size / 1e6:.2f} MB",
        )
    )
    rows.append(row(f"read, {count} foci", "hepalith", fastest(lambda: read_sr(path), ROUNDS), ""))
    rows.append(row("", "pydicom", fastest(lambda: visit(path), PEER_ROUNDS), ""))
    rows.append(row("", "highdicom", fastest(lambda: highdicom_read(path), PEER_ROUNDS), ""))
    for name, *more in (
        ("dsrdump", path),
        ("tid1500reader", "--inputDICOM", path, "--outputMetadata", folder / "x.json"),
    ):
        found = program(str(name))
        if found is None:
            rows.append(f"| | {name} | not installed | |")
            continue
        command = [found, *more]
        rows.append(row("", str(name), fastest(lambda: run(*command), PEER_ROUNDS), ""))  # noqa: B023
    return rows


def row(what: str, who: str, seconds: float, note: str) -> str:
    """Return a row of the table."""
    return f"| {what} | {who} | {seconds:.2f} | {note} |"


def main() -> None:
    """Print the table."""
    lines = ["| what | who | s | |", "| --- | --- | --- | --- |"]
    with tempfile.TemporaryDirectory() as name:
        for count in COUNTS:
            folder = Path(name) / str(count)
            folder.mkdir()
            lines += measure(count, folder)
    print("\n".join(lines))
    print(
        f"\nGoal: a report of {COUNTS[-1]} foci in less than {GOAL_S:g} s. "
        f"highdicom {highdicom.__version__}, pydicom {pydicom.__version__}, "
        f"Python {platform.python_version()}, {os.cpu_count()} cores, "
        f"load {os.getloadavg()[0]:.1f}."
    )


if __name__ == "__main__":
    main()
