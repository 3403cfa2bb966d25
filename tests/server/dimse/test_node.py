from __future__ import annotations

import errno
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import JPEG2000, CTImageStorage, ExplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless
from tests.server.conftest import Papers
from tests.server.dcmtk import dcmqrscp, storescp
from tests.server.dicom_files import STUDY, Slice, make_file, make_series, same_content
from tests.server.orthanc import Modality, Orthanc, Ways, free_ports, require_orthanc

from hepalith.errors import DeliveryError, FetchError, OutputError
from hepalith.server.dimse import fetch as dimse_fetch
from hepalith.server.dimse.association import AssociationLostError
from hepalith.server.dimse.node import DimseRemote
from hepalith.server.remote import Query, Remote, Tls, parse_address

LABEL_MAP = "1.2.840.10008.5.1.4.1.1.66.7"


@pytest.fixture(scope="module")
def our_own_port() -> int:
    return free_ports(1)[0]


@pytest.fixture(scope="module")
def dcmtk_port(tmp_path_factory: pytest.TempPathFactory, our_own_port: int) -> Iterator[int]:
    with dcmqrscp(tmp_path_factory.mktemp("dcmqrscp"), our_own_port) as port:
        yield port


@pytest.fixture(params=["dcmtk", "orthanc"])
def archive(request: pytest.FixtureRequest) -> DimseRemote:
    """Return a real archive, dcmtk's or Orthanc."""
    if request.param == "dcmtk":
        address = f"dicom://QR@127.0.0.1:{request.getfixturevalue('dcmtk_port')}"
        port = request.getfixturevalue("our_own_port")
    else:
        address = request.getfixturevalue("orthanc").dimse
        port = request.getfixturevalue("our_port")
    return DimseRemote(parse_address(address), move_port=port, timeout_s=20)


def at(port: int, title: str = "ANY", **more: Any) -> DimseRemote:
    """Return a remote on loopback."""
    return DimseRemote(parse_address(f"dicom://{title}@127.0.0.1:{port}"), timeout_s=10, **more)


@contextmanager
def fake(handlers: dict[str, Callable[[Any], Any]], *contexts: tuple[str, list[str]]) -> Iterator[int]:
    """Run a pynetdicom server that answers as told; yield its port."""
    pynetdicom = pytest.importorskip("pynetdicom", reason="pynetdicom is a peer of this test")
    entity = pynetdicom.AE()
    for uid, encodings in contexts:
        entity.add_supported_context(uid, encodings)
    bound = [(getattr(pynetdicom.evt, name), handler) for name, handler in handlers.items()]
    server = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=bound)
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()


def test_it_is_a_remote() -> None:
    remote: Remote = at(104)
    assert str(remote.address) == "dicom://ANY@127.0.0.1:104"


def test_what_is_stored_is_found_held_and_fetched_as_it_was(archive: DimseRemote, tmp_path: Path) -> None:
    study = f"1.2.826.77.{archive.address.port}"
    sent = make_series(tmp_path / "sent", 6, study=study)
    sent.append(make_file(tmp_path / "sent", Slice(f"{study}.2.1", study=study, series=f"{study}.2")))
    archive.echo()
    answers = archive.store(sent)
    assert [(a.file, a.accepted, a.reason) for a in answers] == [(path, True, "") for path in sent]
    (found,) = archive.find(Query(study_uid=study))
    assert (found.patient_id, found.patient_name, found.date) == ("ID-1", "SECRET^NAME", "20240115")
    assert archive.holds(study, f"{study}.2", f"{study}.2.1") is True
    assert archive.holds(study, f"{study}.2", f"{study}.2.2") is False
    got = archive.fetch(study, tmp_path / "got")
    assert (got.failed, got.reason) == (0, "")
    assert sorted(p.name for p in (tmp_path / "got").iterdir()) == sorted(p.name for p in sent)
    assert all(same_content(path, tmp_path / "got" / path.name) for path in sent)
    one = archive.fetch(study, tmp_path / "one", [f"{study}.2"])
    assert [p.name for p in one.files] == [f"{study}.2.1.dcm"]


def test_what_c_get_cannot_bring_comes_by_c_move(
    archive: DimseRemote, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = f"1.2.826.78.{archive.address.port}"
    sent = make_series(tmp_path / "sent", 5, study=study)
    archive.store(sent)
    monkeypatch.setattr(dimse_fetch, "STUDY_ROOT_GET", "1.2.840.10008.5.1.4.1.2.2.99")
    got = archive.fetch(study, tmp_path / "got")
    assert got.failed == 0
    assert [path.name for path in got.files] == sorted(p.name for p in sent)
    assert all(same_content(a, b) for a, b in zip(sorted(sent), got.files, strict=True))


@pytest.mark.parametrize("way", ["get", "move"])
def test_a_study_with_a_run_length_label_map_comes_whole(
    archive: DimseRemote, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    study = f"1.2.826.79.{archive.address.port}.{len(way)}"
    sent = make_series(tmp_path / "sent", 3, study=study)
    label_map = Slice(f"{study}.2.1", study, f"{study}.2", LABEL_MAP, RLELossless)
    sent.append(make_file(tmp_path / "sent", label_map))
    answers = archive.store(sent)
    if not all(a.accepted for a in answers):
        pytest.skip(f"this archive takes no label map: {answers[-1].reason}")
    if way == "move":
        monkeypatch.setattr(dimse_fetch, "STUDY_ROOT_GET", "1.2.840.10008.5.1.4.1.2.2.99")
    got = archive.fetch(study, tmp_path / "got")
    assert (got.failed, got.reason, len(got.files)) == (0, "", 4)
    assert (dcmread(tmp_path / "got" / f"{study}.2.1.dcm").pixel_array == 7).all()


def test_studies_are_found_by_each_attribute(archive: DimseRemote, tmp_path: Path) -> None:
    study = f"1.2.826.80.{archive.address.port}"
    archive.store([make_file(tmp_path, Slice(f"{study}.1", study=study, name="FINDME^ONE"))])
    matching = [
        Query(study_uid=study),
        Query(patient_name="FINDME*"),
        Query(patient_name="FINDME*", date="20240101-20240131"),
        Query(patient_name="FINDME*", date="20240115-"),
        Query(patient_name="FINDME*", date="-20240115", patient_id="ID-1"),
        Query(patient_name="FINDME*", modality="CT"),
    ]
    for query in matching:
        assert study in {f.uid for f in archive.find(query)}, query
    for query in (Query(patient_name="FINDME*", date="20240116-"), Query(study_uid="1.2.3.4.5.6")):
        assert not list(archive.find(query))


def test_a_limit_is_kept(archive: DimseRemote, tmp_path: Path) -> None:
    for n in range(4):
        archive.store([make_file(tmp_path, Slice(f"1.2.81.{n}.1", study=f"1.2.81.{n}"))])
    assert len(list(archive.find(Query(date="20240115", limit=2)))) == 2
    assert len(list(archive.find(Query(date="20240115", limit=3, modality="CT")))) == 3


def test_a_chinese_name_is_asked_for_and_read(tmp_path: Path) -> None:
    require_orthanc()
    path = make_file(tmp_path, Slice("1.2.3.1"))
    dataset = dcmread(path)
    dataset.SpecificCharacterSet = "GB18030"
    dataset.PatientName = "Wang^Xiao=王^小东"
    dataset.save_as(path)
    server = Orthanc(tmp_path / "orthanc", Ways(more={"DefaultEncoding": "Utf8"})).start()
    try:
        remote = DimseRemote(parse_address(server.dimse))
        remote.store([path])
        (found,) = remote.find(Query(patient_name="*王*"))
        assert not list(remote.find(Query(patient_name="*李*")))
    finally:
        server.stop()
    assert (found.uid, found.patient_name) == (STUDY, "Wang^Xiao=王^小东")
    assert (found.modalities, found.instances) == (("CT",), 1)


def test_a_study_that_is_not_there_is_told(archive: DimseRemote, tmp_path: Path) -> None:
    with pytest.raises(FetchError, match=r"holds no study 1\.2\.9\.9"):
        archive.fetch("1.2.9.9", tmp_path / "got")


def test_everything_goes_over_tls(tmp_path: Path, papers: Papers) -> None:
    require_orthanc()
    (port,) = free_ports(1)
    ways = Ways(
        certificate=papers.server,
        trusted=papers.authority,
        modalities={"us": Modality("HEPALITH", port, encrypted=True)},
    )
    server = Orthanc(tmp_path / "orthanc", ways).start()
    try:
        ours = Tls(papers.authority, papers.client)
        remote = DimseRemote(parse_address(server.dimse), ours, timeout_s=20)
        sent = make_series(tmp_path / "sent", 3, size=300)
        remote.echo()
        assert all(a.accepted for a in remote.store(sent))
        got = remote.fetch(STUDY, tmp_path / "got")
        assert all(same_content(a, b) for a, b in zip(sent, got.files, strict=True))
        with pytest.raises(FetchError, match="certificate is not trusted"):
            DimseRemote(parse_address(server.dimse), Tls(papers.stranger)).echo()
    finally:
        server.stop()


def test_an_archive_that_takes_nothing_compressed_gets_it_uncompressed(tmp_path: Path) -> None:
    sent = make_file(tmp_path / "sent", Slice("1.2.3", transfer=RLELossless))
    with storescp(tmp_path) as port:
        (answer,) = at(port).store([sent])
    assert (answer.accepted, answer.reason) == (True, "")
    (taken,) = (tmp_path / "taken").iterdir()
    arrived = dcmread(taken)
    assert arrived.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
    assert arrived.SOPInstanceUID == "1.2.3"
    assert (arrived.pixel_array == dcmread(sent).pixel_array).all()


def test_an_archive_that_knows_implicit_encoding_only_gets_that(tmp_path: Path) -> None:
    sent = make_file(tmp_path / "sent", Slice("1.2.3"))
    with storescp(tmp_path, "+xi") as port:
        (answer,) = at(port).store([sent])
    assert answer.accepted
    (taken,) = (tmp_path / "taken").iterdir()
    assert dcmread(taken).file_meta.TransferSyntaxUID == ImplicitVRLittleEndian
    assert same_content(sent, taken)


def test_what_cannot_be_made_uncompressed_is_told_and_the_rest_is_sent(tmp_path: Path) -> None:
    broken = make_file(tmp_path / "sent", Slice("1.2.1", transfer=JPEG2000))
    sound = make_file(tmp_path / "sent", Slice("1.2.2"))
    with storescp(tmp_path) as port:
        first, second = at(port).store([broken, sound])
    assert not first.accepted
    assert "takes no JPEG 2000" in first.reason
    assert second.accepted


def test_what_is_no_dicom_is_told_and_the_rest_is_sent(tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("SECRET^NAME")
    sound = make_file(tmp_path / "sent", Slice("1.2.2"))
    with storescp(tmp_path) as port:
        answers = at(port).store([tmp_path / "note.txt", tmp_path / "absent.dcm", sound])
    assert [a.accepted for a in answers] == [False, False, True]
    assert answers[0].reason == "it is no DICOM file"
    assert "No such file" in answers[1].reason


def test_warnings_are_accepted_with_their_reason_and_failures_are_not(tmp_path: Path) -> None:
    statuses = iter([0xB000, 0xA700, 0x0000, 0xC000])
    with fake({"EVT_C_STORE": lambda _: next(statuses)}, (CTImageStorage, [ExplicitVRLittleEndian])) as port:
        answers = at(port).store(make_series(tmp_path, 4))
    assert [a.accepted for a in answers] == [True, False, True, False]
    assert answers[0].reason.startswith("status 0xB000: taken")
    assert answers[1].reason == "status 0xA700: out of resources"
    assert answers[2].reason == ""


def test_a_class_that_is_not_taken_is_told_by_its_name(tmp_path: Path) -> None:
    with fake({"EVT_C_STORE": lambda _: 0}, (CTImageStorage, [ExplicitVRLittleEndian])) as port:
        (answer,) = at(port).store([make_file(tmp_path, Slice("1.2.3", sop_class=LABEL_MAP))])
    assert answer.reason.startswith("it does not take instances of ")


def test_files_of_more_classes_than_one_association_holds_go_over_several(tmp_path: Path) -> None:
    opened: list[int] = []
    classes = [f"1.3.6.1.4.1.5962.{n}" for n in range(1, 150)]
    sent = [make_file(tmp_path, Slice(f"1.2.{n}", sop_class=uid)) for n, uid in enumerate(classes)]
    contexts = [(uid, [ExplicitVRLittleEndian]) for uid in classes]

    def count(event: Any) -> None:
        opened.append(len(event.assoc.requestor.primitive.presentation_context_definition_list))

    pynetdicom = pytest.importorskip("pynetdicom", reason="pynetdicom is a peer of this test")
    before, pynetdicom._config.UNRESTRICTED_STORAGE_SERVICE = (
        pynetdicom._config.UNRESTRICTED_STORAGE_SERVICE,
        True,
    )
    try:
        with fake({"EVT_C_STORE": lambda _: 0, "EVT_REQUESTED": count}, *contexts[:1]) as port:
            answers = at(port).store(sent)
    finally:
        pynetdicom._config.UNRESTRICTED_STORAGE_SERVICE = before
    assert all(a.accepted for a in answers), answers
    assert [a.file for a in answers] == sent
    assert opened == [128, 128, 42]


def test_an_archive_that_aborts_at_one_file_still_gets_the_rest(tmp_path: Path) -> None:
    def store(event: Any) -> int:
        if str(event.request.AffectedSOPInstanceUID).endswith(".2"):
            event.assoc.abort()
        return 0

    with fake({"EVT_C_STORE": store}, (CTImageStorage, [ExplicitVRLittleEndian])) as port:
        answers = at(port).store(make_series(tmp_path, 4))
    assert [a.accepted for a in answers] == [True, False, True, True]
    assert answers[1].reason.endswith("send it again")


def test_an_archive_that_is_not_there_is_told(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    sent = make_series(tmp_path, 1)
    with pytest.raises(DeliveryError, match=r"cannot send to dicom://ANY@.*: connection refused; check host"):
        at(port).store(sent)
    for ask in (
        at(port).echo,
        lambda: list(at(port).find(Query())),
        lambda: at(port).fetch(STUDY, tmp_path / "got"),
        lambda: at(port).holds("1", "2", "3"),
    ):
        with pytest.raises(FetchError, match="connection refused; check host and port"):
            ask()


def test_a_wrong_title_is_told(tmp_path: Path, dcmtk_port: int) -> None:
    with pytest.raises(DeliveryError, match="check the title in the address"):
        at(dcmtk_port, "NOBODY").store(make_series(tmp_path, 1))
    with pytest.raises(FetchError, match="check the title in the address"):
        at(dcmtk_port, "NOBODY").echo()


@pytest.mark.parametrize(
    ("says", "told"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "bytes that are not DICOM; check that the port speaks DICOM"),
        (b"", "closed the connection; check that the port speaks DICOM"),
        (b"\x07\0\0\0\0\x04\0\0\0\0", "does not answer as DICOM does; check the port"),
        (b"\x02\0\0\0\0\x04\0\0\0\0", "cut short; check that the port speaks DICOM"),
        (b"\x03\0\0\0\0\x04\0\x01\x01\x01", "rejects the association without a reason"),
    ],
)
def test_a_port_that_speaks_something_else_is_told(says: bytes, told: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(1 << 16)
                connection.sendall(says)

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(FetchError, match=told):
            at(server.getsockname()[1]).echo()
        thread.join(10)


def test_a_silent_archive_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        remote = DimseRemote(parse_address(f"dicom://ANY@127.0.0.1:{server.getsockname()[1]}"), timeout_s=0.2)
        with pytest.raises(FetchError, match="silent for too long"):
            remote.echo()


def test_an_archive_that_answers_no_queries_does_not_say_what_it_holds(tmp_path: Path) -> None:
    with fake({"EVT_C_ECHO": lambda _: 0}, ("1.2.840.10008.1.1", [ImplicitVRLittleEndian])) as port:
        assert at(port).holds("1.2", "1.3", "1.4") is None
        with pytest.raises(FetchError, match="does not offer queries"):
            list(at(port).find(Query()))
        with pytest.raises(FetchError, match="does not offer queries"):
            at(port).fetch("1.2", tmp_path / "got")


def test_a_query_that_fails_is_told_without_what_the_archive_wrote() -> None:
    def find(_: Any) -> Iterator[tuple[Any, None]]:
        status = Dataset()
        status.Status, status.ErrorComment = 0xC001, "SECRET^NAME"
        yield status, None

    service = ("1.2.840.10008.5.1.4.1.2.2.1", [ImplicitVRLittleEndian])
    expected = pytest.raises(FetchError, match="status 0xC001: it cannot understand")
    with fake({"EVT_C_FIND": find}, service) as port, expected as raised:
        list(at(port).find(Query()))
    assert "SECRET" not in str(raised.value)


def test_an_archive_that_knows_no_utf_8_is_asked_without_a_character_set() -> None:
    asked: list[str] = []

    def find(event: Any) -> Iterator[tuple[int, Dataset | None]]:
        asked.append(event.identifier.get("SpecificCharacterSet", ""))
        if asked[-1]:
            yield 0xC000, None
        else:
            answer = Dataset()
            answer.StudyInstanceUID = "1.2.3"
            yield 0xFF00, answer

    service = ("1.2.840.10008.5.1.4.1.2.2.1", [ImplicitVRLittleEndian])
    with fake({"EVT_C_FIND": find}, service) as port:
        assert [f.uid for f in at(port).find(Query(patient_id="1"))] == ["1.2.3"]
        assert asked == ["ISO_IR 192", ""]
        with pytest.raises(FetchError, match="0xC000"):
            list(at(port).find(Query(patient_name="王*")))


def test_a_study_of_which_a_part_fails_says_how_much(
    dcmtk_port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    remote, study = at(dcmtk_port, "QR"), "1.2.826.90"
    remote.store(make_series(tmp_path / "sent", 4, study=study))
    real = dimse_fetch._Haul.take

    def take(haul: Any, arrival: Any) -> int:
        if len(haul.paths) == 2:
            raise AssociationLostError("it closed the connection")
        return real(haul, arrival)

    monkeypatch.setattr(dimse_fetch._Haul, "take", take)
    got = remote.fetch(study, tmp_path / "got")
    assert (len(got.files), got.failed, got.reason) == (2, 2, "C-GET: it closed the connection")
    assert sorted((tmp_path / "got").iterdir()) == list(got.files)


def test_where_an_archive_lists_no_instances_what_it_says_failed_is_counted(
    dcmtk_port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    remote, study = at(dcmtk_port, "QR"), "1.2.826.93"
    rle = Slice(f"{study}.1.9", study, f"{study}.1")
    remote.store([*make_series(tmp_path / "sent", 3, study=study), make_file(tmp_path / "sent", rle)])
    monkeypatch.setattr(dimse_fetch, "_list_instances", lambda *_: None)
    assert remote.fetch(study, tmp_path / "whole").failed == 0
    monkeypatch.setattr(dimse_fetch._Haul, "take", lambda *_: 0xA700)
    with pytest.raises(FetchError, match="gave nothing"):
        remote.fetch(study, tmp_path / "none")
    real, landed = dimse_fetch.Arrival.finish, []

    def take(haul: Any, arrival: Any) -> int:
        if landed:
            arrival.discard()
            return 0xA700
        landed.append(real(arrival))
        haul.note(landed[0].series_uid, landed[0].sop_instance_uid, landed[0].path)
        return 0

    monkeypatch.setattr(dimse_fetch._Haul, "take", take)
    got = remote.fetch(study, tmp_path / "part")
    assert (len(got.files), got.failed) == (1, 3)
    assert got.reason.startswith("C-GET: status 0x")


def test_a_full_disk_while_fetching_is_told_and_leaves_nothing_half_written(
    dcmtk_port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    remote, study = at(dcmtk_port, "QR"), "1.2.826.91"
    remote.store(make_series(tmp_path / "sent", 2, study=study, size=128))
    real = os.write

    def write(file: int, piece: memoryview) -> int:
        if len(piece) > 1000:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(file, piece)

    monkeypatch.setattr(os, "write", write)
    with pytest.raises(OutputError, match="make room and fetch again"):
        remote.fetch(study, tmp_path / "got")
    assert not list((tmp_path / "got").iterdir())


def test_an_archive_that_only_moves_needs_a_port_of_ours(
    dcmtk_port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    remote, study = at(dcmtk_port, "QR"), "1.2.826.92"
    remote.store(make_series(tmp_path / "sent", 1, study=study))
    monkeypatch.setattr(dimse_fetch, "STUDY_ROOT_GET", "1.2.840.10008.5.1.4.1.2.2.99")
    with pytest.raises(FetchError, match=r"does not offer C-GET.*name a port that it can send to"):
        remote.fetch(study, tmp_path / "got")
    (other,) = free_ports(1)
    stranger = at(dcmtk_port, "QR", own_title="STRANGER", move_port=other)
    with pytest.raises(FetchError, match="C-MOVE: status 0xA801: it does not know where to send"):
        stranger.fetch(study, tmp_path / "got")
