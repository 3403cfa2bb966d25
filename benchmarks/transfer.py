"""How fast are studies received and sent over DIMSE? Beside dcmtk and plain pynetdicom, in one run.

Run: ``python benchmarks/transfer.py [SLICES]`` (default 300). A 512 x 512 CT with usual headers is made in a
temporary folder and moved over loopback: into each receiver by dcmtk's storescu, by each sender into dcmtk's
storescp, and by forty associations at once. Servers are processes of their own; their processor's time is
counted from when they listen to when they end. "Plain pynetdicom" is its documented use with default
settings: a handler that writes the received bytes, a loop that sends files. Of several rounds, all in turn,
the fastest of each counts; of senders that lose files, the one that lost fewest. The processor's time of
receiving is set against that of reading the same series (`benchmarks/stages.py read`, liver given), measured
here too.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from socket import create_connection, create_server
from types import FrameType

HERE = Path(__file__).resolve().parent

ROUNDS = 3
"""Rounds of all things in turn, so that they meet the same load of a shared machine."""

TOGETHER = 40
"""Associations at once; each sends its share of the slices."""

SOME = 100
"""Slices sent into storescp: it answers most of its senders 40 ms late, and the whole would take a minute."""

GOAL_MB_S, GOAL_SHARE = 80.0, 0.05
"""Goals: megabytes a second received from storescu; the receiver's processor time by that of the reading."""

RECEIVERS = {
    "hepalith, forced to disk": "hepalith",
    "hepalith, not forced": "hepalith-unforced",
    "dcmtk storescp": "storescp",
    "plain pynetdicom": "pynetdicom",
}


@dataclass(frozen=True)
class Row:
    """What moving something took. `cpu` is the processor's time of the side that is measured."""

    seconds: float
    mb: float
    cpu: float
    failed: int = 0

    def text(self, name: str) -> str:
        """Return a row of a table."""
        name += f" ({self.failed} failed)" if self.failed else ""
        return f"| {name} | {self.seconds:.2f} | {self.mb / self.seconds:.0f} | {self.cpu:.2f} |"


def spent() -> float:
    """Return the processor's time of this process, in seconds."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def serve(kind: str, port: int, folder: Path) -> None:
    """Receive until told to stop; then print the processor's time it took."""
    stop = serve_pynetdicom(port, folder) if kind == "pynetdicom" else serve_hepalith(kind, port, folder)
    began = spent()

    def end(_number: int, _frame: FrameType | None) -> None:
        print(json.dumps(spent() - began), flush=True)
        stop()
        os._exit(0)

    signal.signal(signal.SIGTERM, end)
    while True:
        signal.pause()


def serve_hepalith(kind: str, port: int, folder: Path) -> Callable[[], None]:
    """Start our receiver; return what stops it."""
    from hepalith.server.dimse.incoming import Incoming  # noqa: PLC0415
    from hepalith.server.dimse.receiver import DimseReceiver, Door  # noqa: PLC0415 - one import a process

    receiver = DimseReceiver(Incoming(folder, durable=kind == "hepalith"), Door(port=port))
    receiver.start()
    return receiver.stop


def serve_pynetdicom(port: int, folder: Path) -> Callable[[], None]:
    """Start pynetdicom as its documentation does; return what stops it."""
    from pynetdicom import AE, AllStoragePresentationContexts, evt  # noqa: PLC0415

    def store(event: evt.Event) -> int:
        (folder / str(event.request.AffectedSOPInstanceUID)).write_bytes(event.encoded_dataset())
        return 0

    entity = AE()
    entity.maximum_associations = 2 * TOGETHER
    entity.supported_contexts = AllStoragePresentationContexts
    server = entity.start_server(("127.0.0.1", port), block=False, evt_handlers=[(evt.EVT_C_STORE, store)])
    return server.shutdown


def send(kind: str, port: int, folder: Path) -> None:
    """Send all files of a folder; print the seconds and the processor's time, without imports."""
    files = sorted(folder.iterdir())
    if kind == "pynetdicom":
        from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian  # noqa: PLC0415
        from pynetdicom import AE  # noqa: PLC0415

        began, cpu = time.perf_counter(), spent()
        entity = AE()
        entity.add_requested_context(CTImageStorage, ExplicitVRLittleEndian)
        association = entity.associate("127.0.0.1", port)
        answers = [
            association.send_c_store(str(file)).get("Status") == 0
            for file in files
            if association.is_established
        ]
        association.release()
    else:
        from hepalith.server.dimse.node import DimseRemote  # noqa: PLC0415
        from hepalith.server.remote import parse_address  # noqa: PLC0415

        began, cpu = time.perf_counter(), spent()
        remote = DimseRemote(parse_address(f"dicom://ANY@127.0.0.1:{port}"))
        answers = [answer.accepted for answer in remote.store(files)]
    print(json.dumps([time.perf_counter() - began, spent() - cpu, len(files) - sum(answers)]))


@contextmanager
def receiver(kind: str, folder: Path, cost: list[float]) -> Iterator[int]:
    """Run a receiver until the end of the block; add the processor's time that it took."""
    folder.mkdir()
    with create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    if kind == "storescp":
        command = ["storescp", "--max-pdu", "131072", "-od", str(folder), str(port)]
    else:
        command = [sys.executable, __file__, "serve", kind, str(port), str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)  # noqa: S603
    try:
        for _ in range(200):
            try:
                create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        told = process.stdout.read() if process.stdout else ""
        _, _, used = os.wait4(process.pid, 0)
        process.returncode = 0
        cost.append(float(json.loads(told)) if told else used.ru_utime + used.ru_stime)
        shutil.rmtree(folder)


def storescu(port: int, files: Sequence[Path]) -> subprocess.Popen[bytes]:
    """Start sending files with storescu."""
    command = ["storescu", "--max-send-pdu", "131072", "127.0.0.1", str(port), *map(str, files)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: S603


def receiving(kind: str, files: Sequence[Path], work: Path, mb: float) -> Row:
    """Time one receiver, fed by one storescu."""
    cost: list[float] = []
    with receiver(kind, work / "in", cost) as port:
        began = time.perf_counter()
        assert storescu(port, files).wait() == 0
        seconds = time.perf_counter() - began
        assert len([p for p in (work / "in").rglob("*") if p.is_file()]) == len(files)
    return Row(seconds, mb, cost[0])


def together(kind: str, files: Sequence[Path], work: Path, mb: float) -> Row:
    """Time one receiver, fed by forty storescu at once."""
    each = len(files) // TOGETHER
    cost: list[float] = []
    with receiver(kind, work / "in", cost) as port:
        began = time.perf_counter()
        running = [storescu(port, files[n * each : (n + 1) * each]) for n in range(TOGETHER)]
        ended = [one.wait() for one in running]
        seconds = time.perf_counter() - began
    return Row(seconds, mb * TOGETHER * each / len(files), cost[0], sum(map(bool, ended)))


def sending(kind: str, folder: Path, work: Path, into: str) -> Row:
    """Time one sender into one receiver."""
    files = sorted(folder.iterdir())
    mb = sum(file.stat().st_size for file in files) / 1e6
    with receiver(into, work / "in", []) as port:
        if kind == "storescu":
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            began = time.perf_counter()
            assert storescu(port, files).wait() == 0
            seconds = time.perf_counter() - began
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            return Row(seconds, mb, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        command = [sys.executable, __file__, "send", kind, str(port), str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
    seconds, cpu, failed = json.loads(done.stdout)
    return Row(seconds, mb * (len(files) - failed) / len(files), cpu, failed)


def reading(folder: Path) -> float:
    """Return the processor's time of reading the series, the liver given."""
    command = [sys.executable, str(HERE / "stages.py"), "read", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
    return float(sum(row["cpu"] for row in json.loads(done.stdout.splitlines()[-1])))


def best(rows: Sequence[Row]) -> Row:
    """Return the fastest of those that failed least."""
    return min(rows, key=lambda row: (row.failed, row.seconds))


def table(slices: int) -> str:
    """Return the report as Markdown."""
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        make = [sys.executable, str(HERE / "series.py"), name, str(slices)]
        subprocess.run(make, check=True)  # noqa: S603
        files = sorted((work / "dicom").iterdir())
        mb = sum(file.stat().st_size for file in files) / 1e6
        (work / "some").mkdir()
        for file in files[:SOME]:
            (work / "some" / file.name).hardlink_to(file)
        tasks: dict[tuple[str, str], Callable[[], Row]] = {}
        for label, kind in RECEIVERS.items():
            tasks["from storescu", label] = lambda kind=kind: receiving(kind, files, work, mb)
            if kind != "storescp":
                tasks["together", label] = lambda kind=kind: together(kind, files, work, mb)
        for label, kind in (
            ("hepalith", "hepalith"),
            ("dcmtk storescu", "storescu"),
            ("plain pynetdicom", "pynetdicom"),
        ):
            tasks["into storescp", label] = lambda kind=kind: sending(kind, work / "some", work, "storescp")
            tasks["into hepalith", label] = lambda kind=kind: sending(
                kind, work / "dicom", work, "hepalith-unforced"
            )
        found: dict[tuple[str, str], list[Row]] = {key: [] for key in tasks}
        for _ in range(ROUNDS):
            for key, task in tasks.items():
                found[key].append(task())
        cpu = reading(work)
    rows = {key: best(measured) for key, measured in found.items()}
    lines = [
        f"{slices} slices of 512 × 512, {mb:.0f} MB, over loopback, {os.cpu_count()} cores; load of the "
        f"machine at the end {os.getloadavg()[0]:.1f}. Reading the same series, its liver given: {cpu:.1f} s "
        "of processor.\n"
    ]
    said = {
        "from storescu": "received from one storescu",
        "together": f"received from {TOGETHER} storescu at once",
        "into storescp": f"sent into dcmtk storescp, {SOME} slices",
        "into hepalith": "sent into hepalith, not forced to disk",
    }
    for group, words in said.items():
        lines += [f"| {words} | s | MB/s | CPU s |", "| --- | --- | --- | --- |"]
        lines += [row.text(label) for (g, label), row in rows.items() if g == group]
        lines.append("")
    ours = rows["from storescu", "hepalith, forced to disk"]
    rate, share = ours.mb / ours.seconds, ours.cpu / cpu
    lines += [
        f"Goal of {GOAL_MB_S:.0f} MB/s received: {'met' if rate >= GOAL_MB_S else 'not met'} ({rate:.0f}).",
        f"Goal of {GOAL_SHARE:.0%} of the reading's processor time: "
        f"{'met' if share <= GOAL_SHARE else 'not met'} ({share:.1%}).",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    if len(sys.argv) > 1 and sys.argv[1] in ("serve", "send"):
        (serve if sys.argv[1] == "serve" else send)(sys.argv[2], int(sys.argv[3]), Path(sys.argv[4]))
    else:
        absent = [p for p in ("storescu", "storescp") if shutil.which(p) is None]
        if absent:
            raise SystemExit(f"no {absent[0]} here: apt-get install dcmtk")
        print(table(int(sys.argv[1]) if len(sys.argv) > 1 else 300))
