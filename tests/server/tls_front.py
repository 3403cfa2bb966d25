"""A door with TLS before a plain server on loopback, as hospitals put one before their archives.

Debian's Orthanc ends with a segmentation fault at its first request over HTTPS (its civetweb calls
``SSL_get_peer_certificate``, which OpenSSL 3 no longer has), so it cannot be its own door.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import ssl
import threading
from pathlib import Path

BLOCK = 1 << 18


class TlsFront:
    """Takes TLS at `port` of loopback and passes what is in it on to `behind`."""

    def __init__(self, behind: int, certificate: Path, trusted: Path | None = None) -> None:
        self._behind = behind
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate)
        if trusted is not None:
            self._context.verify_mode = ssl.CERT_REQUIRED
            self._context.load_verify_locations(trusted)
        self._door = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._door.getsockname()[1])
        threading.Thread(target=self._open, daemon=True).start()

    def close(self) -> None:
        """Take nobody more."""
        with contextlib.suppress(OSError):
            self._door.shutdown(socket.SHUT_RDWR)
        self._door.close()

    def _open(self) -> None:
        while True:
            try:
                guest, _ = self._door.accept()
            except OSError:
                return
            threading.Thread(target=self._pass_on, args=(guest,), daemon=True).start()

    def _pass_on(self, guest: socket.socket) -> None:
        with (
            guest,
            contextlib.suppress(OSError),
            self._context.wrap_socket(guest, server_side=True) as inside,
            socket.create_connection(("127.0.0.1", self._behind)) as server,
        ):
            relay(inside, server)


def relay(inside: ssl.SSLSocket, server: socket.socket) -> None:
    """Pass bytes both ways until one side ends."""
    with selectors.DefaultSelector() as watched:
        watched.register(inside, selectors.EVENT_READ, server)
        watched.register(server, selectors.EVENT_READ, inside)
        while True:
            for key, _ in watched.select():
                one = key.fileobj
                assert isinstance(one, socket.socket)
                data = one.recv(BLOCK)
                while isinstance(one, ssl.SSLSocket) and one.pending():
                    data += one.recv(BLOCK)
                if not data:
                    return
                key.data.sendall(data)
