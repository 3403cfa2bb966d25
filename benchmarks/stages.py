"""Time one thing in a process of its own, and print what it cost as one line of JSON.

Run by ``benchmarks/speed.py`` as ``python benchmarks/stages.py WHAT FOLDER``; WHAT is ``floor``, ``decode``,
``read``, ``find`` or ``import``. Peak memory is the kernel's high-water mark of this process: counted anew
from each stage where /proc allows it, else from the start; what the imported interpreter holds is taken off.
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

BEGAN = time.perf_counter()

import numpy as np  # noqa: E402 - the import is what is timed
import pydicom  # noqa: E402

from hepalith import pipeline  # noqa: E402
from hepalith.anatomy.find import find_liver  # noqa: E402
from hepalith.image.decode import decode  # noqa: E402
from hepalith.settings import MaskSource, Settings  # noqa: E402
from hepalith.study.choice import choose_series  # noqa: E402
from hepalith.study.open import open_study  # noqa: E402

IMPORTED = time.perf_counter() - BEGAN

MB = 1e6


def peak_mb() -> float:
    """Return the high-water mark of this process's memory, in MB."""
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / MB
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / MB


def forget_peak() -> None:
    """Count the high-water mark anew from here, where the kernel allows it."""
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except OSError:
        return


class Watch:
    """Seconds and peak memory of each stage, by name."""

    def __init__(self) -> None:
        self.rows: list[dict[str, object]] = []
        self.base = peak_mb()
        self._name: str | None = None
        self._since = self._since_cpu = 0.0

    def enter(self, name: str) -> None:
        """Close the stage before and open the next."""
        self.close()
        forget_peak()
        self._name, self._since, self._since_cpu = name, time.perf_counter(), time.process_time()

    def close(self) -> None:
        """Close the open stage."""
        if self._name is not None:
            seconds = time.perf_counter() - self._since
            cpu = time.process_time() - self._since_cpu
            row = {"stage": self._name, "seconds": seconds, "cpu": cpu, "mb": peak_mb() - self.base}
            self.rows.append(row)
        self._name = None


def time_floor(folder: Path, watch: Watch) -> None:
    """Decode the series with pydicom and nothing else, then pass over it once."""
    watch.enter("floor: decode with pydicom")
    paths = sorted((folder / "dicom").iterdir())
    first = pydicom.dcmread(paths[0])
    array = np.empty((len(paths), first.Rows, first.Columns), dtype=first.pixel_array.dtype)
    for k, path in enumerate(paths):
        array[k] = pydicom.dcmread(path).pixel_array
    watch.enter("floor: one pass over the voxels")
    array.max()
    watch.close()


def time_decode(folder: Path, watch: Watch) -> None:
    """Open and decode the series as the product does."""
    watch.enter("open")
    series = choose_series(open_study([folder / "dicom"], Settings()), Settings()).primary
    watch.enter("decode")
    decode(series)
    watch.close()


def time_read(folder: Path, watch: Watch) -> None:
    """Read the series with the liver given, report and all."""
    settings = Settings(liver_masks=(MaskSource(folder / "liver.nii.gz"),))
    with tempfile.TemporaryDirectory() as out:
        watch.enter("start")
        pipeline.read(folder / "dicom", out=Path(out) / "reading", settings=settings, progress=watch.enter)
        watch.close()


def time_find(folder: Path, watch: Watch) -> None:
    """Find the liver in the series with the built-in segmenter."""
    volume = decode(choose_series(open_study([folder / "dicom"], Settings()), Settings()).primary).volume
    watch.enter("built-in liver")
    find_liver(volume, Settings())
    watch.close()


def time_nothing(_: Path, watch: Watch) -> None:
    """Do nothing: the imports are all there is."""
    watch.rows.append({"stage": "import", "seconds": IMPORTED, "cpu": time.process_time(), "mb": watch.base})


WHAT: dict[str, Callable[[Path, Watch], None]] = {
    "floor": time_floor,
    "decode": time_decode,
    "read": time_read,
    "find": time_find,
    "import": time_nothing,
}


if __name__ == "__main__":
    clock = Watch()
    WHAT[sys.argv[1]](Path(sys.argv[2]), clock)
    print(json.dumps(clock.rows))
