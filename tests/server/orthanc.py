"""A real Orthanc with DICOMweb on loopback, in a folder of its own, stopped by its own process id.

Debian has it (``orthanc``, ``orthanc-dicomweb``). Where it is absent the tests that need it are skipped.
"""

from __future__ import annotations

import base64
import json
import shutil
import socket
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import pytest
from tests.server.tls_front import TlsFront

PLUGINS = (
    Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so"),
    Path("/usr/local/share/orthanc/plugins/libOrthancDicomWeb.so"),
)
STARTING_S = 20.0


@dataclass(frozen=True)
class Modality:
    """A DICOM node that Orthanc knows by name: it may ask Orthanc, and Orthanc sends to it."""

    title: str
    port: int
    encrypted: bool = False


@dataclass(frozen=True)
class Ways:
    """How an Orthanc is run. Nothing given: open to loopback, no TLS, no names of others."""

    user: str = ""
    password: str = ""
    modalities: Mapping[str, Modality] = field(default_factory=dict)
    certificate: Path | None = None
    """PEM with certificate and key: speaks TLS, over HTTP (through a door before it) and over DICOM."""
    trusted: Path | None = None
    """PEM of an authority: a client must show a certificate of it."""
    more: Mapping[str, Any] = field(default_factory=dict)
    """Further lines of the configuration."""


class Orthanc:
    """One running Orthanc."""

    def __init__(self, folder: Path, ways: Ways | None = None) -> None:
        self.folder = folder
        self.ways = ways or Ways()
        self.title = "ORTHANC"
        self.http_port, self.dicom_port = free_ports(2)
        self._process: subprocess.Popen[bytes] | None = None
        self._front: TlsFront | None = None
        if self.ways.certificate is not None:
            self._front = TlsFront(self.http_port, self.ways.certificate, self.ways.trusted)

    @property
    def web(self) -> str:
        """The address of its DICOMweb services."""
        if self._front is not None:
            return f"https://localhost:{self._front.port}/dicom-web"
        return f"http://localhost:{self.http_port}/dicom-web"

    @property
    def dimse(self) -> str:
        """The address of its DICOM services."""
        scheme = "dicom" if self.ways.certificate is None else "dicoms"
        return f"{scheme}://{self.title}@localhost:{self.dicom_port}"

    def start(self) -> Orthanc:
        """Start it; what it held before is still there."""
        self.folder.mkdir(parents=True, exist_ok=True)
        configuration = self.folder / "orthanc.json"
        configuration.write_text(json.dumps(self.configuration()), encoding="utf-8")
        program = shutil.which("Orthanc")
        assert program is not None
        with (self.folder / "log.txt").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603
                [program, str(configuration)], stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )
        reason: Exception | None = None
        end = time.monotonic() + STARTING_S
        while time.monotonic() < end:
            if self._process.poll() is not None:
                break
            try:
                self.ask("GET", "/system")
            except (OSError, HTTPException, ValueError) as error:
                reason = error
                time.sleep(0.05)
                continue
            return self
        self.stop()
        raise RuntimeError(
            f"Orthanc did not start ({reason}):\n{(self.folder / 'log.txt').read_text()[-2000:]}"
        )

    def stop(self) -> None:
        """End it for good; its storage stays."""
        if self._front is not None:
            self._front.close()
        self.kill()

    def kill(self) -> None:
        """End it as a power cut would (asked gently it takes seconds); `start` starts it again."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait(10)

    def configuration(self) -> dict[str, Any]:
        ways = self.ways
        said: dict[str, Any] = {
            "Name": "test",
            "StorageDirectory": str(self.folder / "storage"),
            "IndexDirectory": str(self.folder / "storage"),
            "TemporaryDirectory": str(self.folder),
            "Plugins": [str(plugin_path())],
            "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
            "HttpPort": self.http_port,
            "DicomPort": self.dicom_port,
            "DicomAet": self.title,
            "RemoteAccessAllowed": False,
            "AuthenticationEnabled": bool(ways.user),
            "RegisteredUsers": {ways.user: ways.password} if ways.user else {},
            "DicomAlwaysAllowFind": True,
            "DicomAlwaysAllowGet": True,
            "DicomAlwaysAllowMove": True,
            "UnknownSopClassAccepted": True,
            "OverwriteInstances": False,
            "StableAge": 1,
            "JobsHistorySize": 10,
            "SaveJobs": False,
            "HttpThreadsCount": 8,
            "DicomModalities": {
                name: {
                    "AET": peer.title,
                    "Host": "127.0.0.1",
                    "Port": peer.port,
                    **({"UseDicomTls": True} if peer.encrypted else {}),
                }
                for name, peer in ways.modalities.items()
            },
        }
        if ways.certificate is not None:
            certificate = str(ways.certificate)
            said |= {
                "DicomTlsEnabled": True,
                "DicomTlsCertificate": certificate,
                "DicomTlsPrivateKey": certificate,
                "DicomTlsTrustedCertificates": str(ways.trusted or certificate),
                "DicomTlsRemoteCertificateRequired": ways.trusted is not None,
            }
        return said | dict(ways.more)

    def ask(self, method: str, path: str, body: bytes | None = None) -> Any:
        """Ask Orthanc's own interface; return its JSON."""
        connection = HTTPConnection("127.0.0.1", self.http_port, timeout=20)
        headers = {}
        if self.ways.user:
            pair = f"{self.ways.user}:{self.ways.password}".encode()
            headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            text = answer.read()
        finally:
            connection.close()
        if answer.status >= 300:
            raise ValueError(f"{method} {path}: {answer.status} {text[:200]!r}")
        return json.loads(text) if text[:1] in (b"{", b"[") else text

    def take(self, *files: Path) -> None:
        """Put files into it by its own interface."""
        for file in files:
            self.ask("POST", "/instances", file.read_bytes())

    def instances(self) -> list[str]:
        """Return the SOP Instance UIDs that it holds, sorted."""
        asked = json.dumps({"Level": "Instance", "Query": {}, "Expand": True}).encode()
        found = self.ask("POST", "/tools/find", asked)
        return sorted(one["MainDicomTags"]["SOPInstanceUID"] for one in found)

    def empty(self) -> None:
        """Remove every study."""
        for study in self.ask("GET", "/studies"):
            self.ask("DELETE", f"/studies/{study}")


def plugin_path() -> Path | None:
    """Return the DICOMweb plug-in of this machine."""
    return next((path for path in PLUGINS if path.is_file()), None)


def require_orthanc() -> None:
    """Skip the test where Orthanc or its DICOMweb plug-in is absent."""
    if shutil.which("Orthanc") is None:
        pytest.skip("no Orthanc here: apt-get install orthanc orthanc-dicomweb")
    if plugin_path() is None:
        pytest.skip("Orthanc lacks its DICOMweb plug-in: apt-get install orthanc-dicomweb")


def free_ports(count: int) -> list[int]:
    """Return ports of loopback that are free now."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]
    finally:
        for one in sockets:
            one.close()
