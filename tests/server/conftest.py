"""Archives on loopback, started for the tests that ask for them and stopped at their end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.server.orthanc import Modality, Orthanc, Ways, free_ports, require_orthanc


@dataclass(frozen=True)
class Papers:
    """Certificates of one test run, all by one authority that nobody else trusts."""

    authority: Path
    """The authority, in PEM."""
    server: Path
    """Certificate and key for ``localhost`` and 127.0.0.1, in one PEM."""
    client: Path
    """Certificate and key of a client, in one PEM."""
    stranger: Path
    """An authority that signed none of these."""


@pytest.fixture(scope="session")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Papers:
    """Return certificates for TLS on loopback."""
    trustme = pytest.importorskip("trustme", reason="TLS on loopback needs trustme")
    folder = tmp_path_factory.mktemp("papers")
    authority, stranger = trustme.CA(), trustme.CA()
    found = Papers(*(folder / f"{name}.pem" for name in ("authority", "server", "client", "stranger")))
    authority.cert_pem.write_to_path(found.authority)
    stranger.cert_pem.write_to_path(found.stranger)
    authority.issue_cert("localhost", "127.0.0.1").private_key_and_cert_chain_pem.write_to_path(found.server)
    authority.issue_cert("hepalith.test").private_key_and_cert_chain_pem.write_to_path(found.client)
    return found


@pytest.fixture(scope="session")
def our_port() -> int:
    """Return the port at which Orthanc sends to us: `hepalith.server`'s receivers listen there in tests."""
    return free_ports(1)[0]


@pytest.fixture(scope="session")
def running_orthanc(tmp_path_factory: pytest.TempPathFactory, our_port: int) -> Iterator[Orthanc]:
    """Run one open Orthanc for the whole session; it knows us as HEPALITH at `our_port`."""
    require_orthanc()
    ways = Ways(modalities={"hepalith": Modality("HEPALITH", our_port)})
    orthanc = Orthanc(tmp_path_factory.mktemp("orthanc"), ways).start()
    yield orthanc
    orthanc.stop()


@pytest.fixture
def orthanc(running_orthanc: Orthanc) -> Orthanc:
    """Return the session's Orthanc, emptied."""
    running_orthanc.empty()
    return running_orthanc


@pytest.fixture
def start_orthanc(tmp_path: Path) -> Iterator[Callable[[Ways], Orthanc]]:
    """Return a function that starts an Orthanc of one's own; each is stopped at the test's end."""
    require_orthanc()
    started: list[Orthanc] = []

    def start(ways: Ways) -> Orthanc:
        started.append(Orthanc(tmp_path / f"orthanc{len(started)}", ways))
        return started[-1].start()

    yield start
    for one in started:
        one.stop()
