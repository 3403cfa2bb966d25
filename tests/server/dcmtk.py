"""dcmtk's programs as peers on loopback, stopped by their own process ids."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.server.orthanc import free_ports

STARTING_S = 10.0


def program(name: str) -> str:
    """Return where a program is; skip the test where it is absent."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"no {name} here: apt-get install dcmtk")
    return found


def send(port: int, files: Sequence[Path], *more: str) -> subprocess.CompletedProcess[str]:
    """Send files with storescu."""
    command = [program("storescu"), *more, "127.0.0.1", str(port), *map(str, files)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603


@contextmanager
def running(command: Sequence[str], port: int, folder: Path) -> Iterator[int]:
    """Run a server until the end of the block; yield its port once it listens."""
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)  # noqa: S603
    try:
        end = time.monotonic() + STARTING_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > end:
                    raise RuntimeError((folder / "server.log").read_text()[-2000:]) from None
                time.sleep(0.02)
        yield port
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(5)


@contextmanager
def dcmqrscp(folder: Path, our_port: int) -> Iterator[int]:
    """Run dcmtk's archive; it knows us as HEPALITH at a port, and is called QR."""
    binary = program("dcmqrscp")
    (folder / "archive").mkdir(parents=True)
    (port,) = free_ports(1)
    lines = [
        f"NetworkTCPPort = {port}",
        "MaxPDUSize = 131072",
        "MaxAssociations = 16",
        "HostTable BEGIN",
        f"us = (HEPALITH, 127.0.0.1, {our_port})",
        "HostTable END",
        "VendorTable BEGIN",
        "VendorTable END",
        "AETable BEGIN",
        f"QR {folder}/archive RW (500, 1024mb) ANY",
        "AETable END",
    ]
    (folder / "dcmqrscp.cfg").write_text("\n".join(lines) + "\n")
    with running([binary, "-c", str(folder / "dcmqrscp.cfg")], port, folder):
        yield port


@contextmanager
def storescp(folder: Path, *more: str) -> Iterator[int]:
    """Run dcmtk's receiver; it writes into the folder ``taken``."""
    binary = program("storescp")
    (folder / "taken").mkdir(parents=True)
    (port,) = free_ports(1)
    with running([binary, *more, "-od", str(folder / "taken"), str(port)], port, folder):
        yield port
