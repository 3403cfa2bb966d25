"""From an address to the archive that is there."""

import sys

import pytest

from hepalith.errors import MissingExtraError
from hepalith.server.connect import connect
from hepalith.server.dicomweb.node import DicomwebRemote
from hepalith.server.dimse.node import DimseRemote
from hepalith.server.remote import parse_address


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("http://127.0.0.1:8042/dicom-web", DicomwebRemote),
        ("https://pacs.example/dicom-web", DicomwebRemote),
        ("dicom://ORTHANC@127.0.0.1:4242", DimseRemote),
        ("dicoms://ORTHANC@127.0.0.1:4242", DimseRemote),
    ],
)
def test_an_address_says_which_protocol_is_spoken(text: str, kind: type) -> None:
    remote = connect(parse_address(text), timeout_s=5, own_title="READER")
    assert isinstance(remote, kind)
    assert str(remote.address) == text


def test_a_library_that_is_not_installed_is_named_as_an_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("hepalith.server.dicomweb")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "urllib3", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'hepalith\[pacs\]'"):
        connect(parse_address("http://127.0.0.1/dicom-web"))
