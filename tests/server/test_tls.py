from __future__ import annotations

import socket
import ssl
import subprocess
import threading
from pathlib import Path
from shutil import which

import pytest
from tests.server.conftest import Papers

from hepalith.errors import UsageError
from hepalith.server.remote import Tls
from hepalith.server.tls import client_context, server_context


def shake(server: ssl.SSLContext, client: ssl.SSLContext, name: str = "localhost") -> str | None:
    """Return the version that both agree on."""
    here, there = socket.socketpair()
    failed: list[Exception] = []

    def serve() -> None:
        try:
            with server.wrap_socket(there, server_side=True) as secured:
                secured.recv(1)
        except OSError as error:
            failed.append(error)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with client.wrap_socket(here, server_hostname=name) as secured:
            secured.sendall(b"x")
            return secured.version()
    finally:
        here.close()
        thread.join(10)
        there.close()
        if failed:
            raise failed[0]


def test_both_sides_agree_on_a_recent_version(papers: Papers) -> None:
    version = shake(server_context(Tls(None, papers.server)), client_context(Tls(papers.authority)))
    assert version in ("TLSv1.2", "TLSv1.3")


def test_versions_before_1_2_are_not_spoken(papers: Papers) -> None:
    for context in (
        server_context(Tls(None, papers.server)),
        client_context(Tls(papers.authority)),
        client_context(),
    ):
        assert context.minimum_version == ssl.TLSVersion.TLSv1_2


def test_a_stranger_and_a_wrong_host_name_are_not_trusted(papers: Papers) -> None:
    server = server_context(Tls(None, papers.server))
    with pytest.raises(ssl.SSLError):
        shake(server, client_context(Tls(papers.stranger)))
    with pytest.raises(ssl.SSLError):
        shake(server, client_context(Tls(papers.authority)), "elsewhere.example")
    with pytest.raises(ssl.SSLError):
        shake(server, client_context())


def test_with_authorities_a_client_must_show_a_certificate(papers: Papers) -> None:
    server = server_context(Tls(papers.authority, papers.server))
    assert shake(server, client_context(Tls(papers.authority, papers.client)))
    with pytest.raises(ssl.SSLError):
        shake(server, client_context(Tls(papers.authority)))


def test_files_that_are_none_are_told_by_name(tmp_path: Path, papers: Papers) -> None:
    absent, junk = tmp_path / "absent.pem", tmp_path / "junk.pem"
    junk.write_text("junk")
    for bad in (absent, junk):
        with pytest.raises(UsageError, match=f"{bad.name} holds no certificates"):
            client_context(Tls(authorities=bad))
        with pytest.raises(UsageError, match=f"{bad.name} are no certificate with its key"):
            server_context(Tls(certificate=bad))
    with pytest.raises(UsageError, match="are no certificate with its key"):
        client_context(Tls(papers.authority, papers.server, papers.client))


def test_a_server_without_a_certificate_is_refused() -> None:
    with pytest.raises(UsageError, match="needs a certificate"):
        server_context(Tls())


def test_a_key_with_a_password_is_told_and_nobody_is_asked(tmp_path: Path, papers: Papers) -> None:
    openssl = which("openssl")
    if openssl is None:
        pytest.skip("no openssl here")
    locked = tmp_path / "locked.pem"
    command = [
        openssl,
        "rsa",
        "-aes128",
        "-passout",
        "pass:secret1",
        "-in",
        str(papers.server),
        "-out",
        str(locked),
    ]
    if subprocess.run(command, capture_output=True, check=False).returncode:  # noqa: S603
        command[1:3] = ["ec", "-aes128"]
        subprocess.run(command, capture_output=True, check=True)  # noqa: S603
    with pytest.raises(UsageError, match="the key without a password"):
        server_context(Tls(None, papers.server, locked))
