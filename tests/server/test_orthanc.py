"""The Orthanc that the tests run is one: it starts, takes, forgets and stops."""

import ssl
from collections.abc import Callable
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

import pytest
from tests.dicom_files import make_hu, make_slice
from tests.server.conftest import Papers
from tests.server.orthanc import Orthanc, Ways


def write_slice(folder: Path) -> Path:
    dataset = make_slice(make_hu()[0])
    dataset.save_as(folder / "slice.dcm", enforce_file_format=True)
    return folder / "slice.dcm"


def test_orthanc_takes_a_file_and_forgets_it(orthanc: Orthanc, tmp_path: Path) -> None:
    orthanc.take(write_slice(tmp_path))
    assert len(orthanc.instances()) == 1
    orthanc.empty()
    assert orthanc.instances() == []


def test_orthanc_keeps_its_files_when_it_was_killed(
    start_orthanc: Callable[[Ways], Orthanc], tmp_path: Path
) -> None:
    orthanc = start_orthanc(Ways())
    orthanc.take(write_slice(tmp_path))
    orthanc.kill()
    assert len(orthanc.start().instances()) == 1


def test_orthanc_has_a_door_with_tls_that_asks_for_a_certificate(
    start_orthanc: Callable[[Ways], Orthanc], papers: Papers
) -> None:
    orthanc = start_orthanc(Ways("reader", "s3cret", certificate=papers.server, trusted=papers.authority))
    context = ssl.create_default_context(cafile=papers.authority)
    with pytest.raises((URLError, OSError)):
        urlopen(f"{orthanc.web}/studies", context=context, timeout=5)  # noqa: S310
    context.load_cert_chain(papers.client)
    with pytest.raises(HTTPError, match="401"):
        urlopen(f"{orthanc.web}/studies", context=context, timeout=5)  # noqa: S310
    assert orthanc.dimse.startswith("dicoms://ORTHANC@localhost:")
