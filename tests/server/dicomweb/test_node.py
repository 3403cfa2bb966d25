"""Archives over DICOMweb, beside a real Orthanc."""

from __future__ import annotations

import filecmp
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.dicom_files import COMPRESSED, make_hu, make_slice, save
from tests.server.conftest import Papers
from tests.server.orthanc import Orthanc, Ways
from tests.server.tls_front import TlsFront

from hepalith.errors import DeliveryError, FetchError
from hepalith.server.connect import connect
from hepalith.server.dicomweb.node import DicomwebRemote
from hepalith.server.patience import Patience
from hepalith.server.remote import Credentials, FoundStudy, Query, Remote, Tls, parse_address

STUDY = "1.2.826.0.1.3680043.9.7.1"
QUICK = Patience(connect_s=2, answer_s=5, first_wait_s=0.0)


def write_study(folder: Path, count: int = 4, series: str = "2", **changes: str) -> list[Path]:
    """Write some slices of one series; return their files."""
    folder.mkdir(parents=True, exist_ok=True)
    hu = make_hu((count, 16, 20))
    files = []
    for n in range(count):
        uid = f"{STUDY}.{series}"
        said = {"SeriesInstanceUID": uid, "SOPInstanceUID": f"{uid}.{n + 1}", "StudyInstanceUID": STUDY}
        dataset = make_slice(hu[n], n, **(said | changes))
        files.append(folder / f"{series}-{n}.dcm")
        dataset.save_as(files[-1], enforce_file_format=True)
    return files


@pytest.fixture
def remote(orthanc: Orthanc) -> Remote:
    return connect(parse_address(orthanc.web))


def test_an_archive_that_runs_answers(remote: Remote) -> None:
    remote.echo()


def test_files_come_back_as_they_were_sent(remote: Remote, tmp_path: Path) -> None:
    files = write_study(tmp_path / "out", 5) + write_study(tmp_path / "out", 3, "3")
    assert [answer.reason for answer in remote.store(files)] == [""] * 8
    (tmp_path / "in").mkdir()
    fetched = remote.fetch(STUDY, tmp_path / "in")
    assert len(fetched.files) == 8
    assert fetched.failed == 0
    sent = {answer.sop_instance_uid: answer.file for answer in remote.store(files)}
    for file in fetched.files:
        assert filecmp.cmp(file, sent[file.stem], shallow=False), "not the bytes that were sent"
    assert sorted(p.name for p in (tmp_path / "in").iterdir()) == sorted(f.name for f in fetched.files)


@pytest.mark.parametrize("name", sorted(COMPRESSED))
def test_compressed_files_come_as_they_are_stored(remote: Remote, tmp_path: Path, name: str) -> None:
    file = save(make_slice(make_hu((1, 64, 64))[0], StudyInstanceUID=STUDY), tmp_path / "one.dcm", name)
    assert remote.store([file])[0].accepted
    (tmp_path / "in").mkdir()
    (came,) = remote.fetch(STUDY, tmp_path / "in").files
    assert came.read_bytes() == file.read_bytes()


def test_one_series_of_a_study_comes_alone(remote: Remote, tmp_path: Path) -> None:
    remote.store(write_study(tmp_path / "out", 2) + write_study(tmp_path / "out", 3, "3"))
    (tmp_path / "in").mkdir()
    assert len(remote.fetch(STUDY, tmp_path / "in", [f"{STUDY}.3"]).files) == 3
    with pytest.raises(FetchError, match="holds no series"):
        remote.fetch(STUDY, tmp_path / "in", [f"{STUDY}.4"])


def test_sending_twice_is_holding_once(remote: Remote, orthanc: Orthanc, tmp_path: Path) -> None:
    files = write_study(tmp_path)
    for _ in range(2):
        assert all(answer.accepted for answer in remote.store(files))
    assert len(orthanc.instances()) == len(files)


def test_a_study_is_found_by_what_it_says(remote: Remote, tmp_path: Path) -> None:
    remote.store(write_study(tmp_path, 2, AccessionNumber="A-7"))
    expected = FoundStudy(STUDY, "P1", "Secret^Name", "20240131", ("CT",), "CT ABDOMEN", "A-7", 2)
    for query in (
        Query(),
        Query(study_uid=STUDY),
        Query(patient_id="P1"),
        Query(patient_id="P*"),
        Query(accession_number="A-7"),
        Query(date="20240131"),
        Query(date="20240101-20240201"),
        Query(modality="CT"),
        Query(patient_name="Secret*", description="CT*"),
        Query(patient_name="SECRET^NAME", description="ct abdomen"),
    ):
        assert list(remote.find(query)) == [expected], query


@pytest.mark.parametrize(
    "query",
    [
        Query(study_uid="1.2.3"),
        Query(patient_id="P2"),
        Query(accession_number="A-8"),
        Query(date="20240130"),
        Query(date="20240201-20240301"),
        Query(modality="US"),
        Query(description="MR*"),
    ],
)
def test_a_study_of_another_kind_is_not_found(remote: Remote, tmp_path: Path, query: Query) -> None:
    remote.store(write_study(tmp_path, 1, AccessionNumber="A-7"))
    assert list(remote.find(query)) == []


def test_many_studies_are_found_each_once_over_several_pages(
    remote: Remote, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hepalith.server.dicomweb.node.PAGE", 3)
    files = []
    for n in range(8):
        files += write_study(
            tmp_path / str(n), 1, StudyInstanceUID=f"{STUDY}.{n}", SOPInstanceUID=f"{STUDY}.{n}.1.1"
        )
    assert all(answer.accepted for answer in remote.store(files))
    assert sorted(study.uid for study in remote.find(Query())) == [f"{STUDY}.{n}" for n in range(8)]
    assert len(list(remote.find(Query(limit=5)))) == 5


def test_an_archive_says_which_instances_it_holds(remote: Remote, tmp_path: Path) -> None:
    remote.store(write_study(tmp_path, 1))
    assert remote.holds(STUDY, f"{STUDY}.2", f"{STUDY}.2.1") is True
    assert remote.holds(STUDY, f"{STUDY}.2", f"{STUDY}.2.9") is False
    assert remote.holds("1.2.3", "1.2.3.4", "1.2.3.4.5") is False


def test_a_study_that_is_not_there_is_said_not_to_be(remote: Remote, tmp_path: Path) -> None:
    with pytest.raises(FetchError, match=r"holds no study 1\.2\.3; look with --list"):
        remote.fetch("1.2.3", tmp_path)
    with pytest.raises(FetchError, match="is no UID"):
        remote.fetch("../../etc", tmp_path)


def test_one_bad_file_among_good_ones_is_refused_alone(
    remote: Remote, orthanc: Orthanc, tmp_path: Path
) -> None:
    files = write_study(tmp_path, 6)
    files[2].write_bytes(files[2].read_bytes()[:-500])
    files[4].write_bytes(b"no DICOM at all")
    answers = remote.store(files)
    assert [answer.file for answer in answers] == files
    assert [answer.accepted for answer in answers] == [True, True, False, True, False, True]
    assert all(answer.reason for answer in answers if not answer.accepted)
    assert len(orthanc.instances()) == 4


def test_batches_of_any_size_send_everything(
    remote: Remote, orthanc: Orthanc, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hepalith.server.dicomweb.store.BATCH_BYTES", 3000)
    monkeypatch.setattr("hepalith.server.dicomweb.store.BATCH_FILES", 3)
    files = write_study(tmp_path, 11)
    assert all(answer.accepted for answer in remote.store(files))
    assert len(orthanc.instances()) == 11


def test_a_name_and_a_password_are_asked_for(
    start_orthanc: Callable[[Ways], Orthanc], tmp_path: Path
) -> None:
    orthanc = start_orthanc(Ways("reader", "s3cret"))
    address = parse_address(orthanc.web)
    files = write_study(tmp_path, 1)
    connect(address, credentials=Credentials("reader", "s3cret")).echo()
    assert connect(address, credentials=Credentials("reader", "s3cret")).store(files)[0].accepted
    for credentials, said in (
        (Credentials(), "asks who you are"),
        (Credentials("reader", "wrong"), "does not know this user"),
    ):
        with pytest.raises(FetchError, match=said):
            connect(address, credentials=credentials).echo()
        with pytest.raises(DeliveryError, match=said):
            connect(address, credentials=credentials).store(files)


def test_tls_trusts_who_is_named_and_shows_who_we_are(
    start_orthanc: Callable[[Ways], Orthanc], papers: Papers, tmp_path: Path
) -> None:
    orthanc = start_orthanc(Ways("reader", "s3cret", certificate=papers.server, trusted=papers.authority))
    address = parse_address(orthanc.web)
    who = Credentials("reader", "s3cret")
    remote = DicomwebRemote(address, Tls(papers.authority, papers.client), who)
    assert all(answer.accepted for answer in remote.store(write_study(tmp_path, 3)))
    (tmp_path / "in").mkdir()
    assert len(remote.fetch(STUDY, tmp_path / "in").files) == 3

    for tls, said in (
        (Tls(), "is not trusted; name the authority"),
        (Tls(papers.stranger, papers.client), "is not trusted"),
        (Tls(papers.authority), "wants? a certificate of ours|the connection broke|may want a certificate"),
    ):
        with pytest.raises(FetchError, match=said):
            DicomwebRemote(address, tls, who, QUICK).echo()


def test_a_certificate_for_another_host_is_not_believed(orthanc: Orthanc, papers: Papers) -> None:
    front = TlsFront(orthanc.http_port, papers.client)
    try:
        remote = DicomwebRemote(
            parse_address(f"https://localhost:{front.port}/dicom-web"), Tls(papers.authority), patience=QUICK
        )
        with pytest.raises(FetchError, match="for another host"):
            remote.echo()
    finally:
        front.close()


def test_encryption_asked_of_who_speaks_none_is_said(orthanc: Orthanc) -> None:
    address = parse_address(orthanc.web.replace("http:", "https:"))
    with pytest.raises(FetchError, match="does not speak TLS"):
        DicomwebRemote(address, patience=QUICK).echo()


def test_a_door_that_nobody_opens_is_said() -> None:
    with pytest.raises(FetchError, match="nothing listens there"):
        DicomwebRemote(parse_address("http://127.0.0.1:9/dicom-web")).echo()


def test_several_fetch_at_once(remote: Remote, orthanc: Orthanc, tmp_path: Path) -> None:
    remote.store(write_study(tmp_path / "out", 6))
    counts: list[int] = []

    def fetch(n: int) -> None:
        into = tmp_path / f"in{n}"
        into.mkdir()
        counts.append(len(connect(parse_address(orthanc.web)).fetch(STUDY, into).files))

    threads = [threading.Thread(target=fetch, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert counts == [6] * 4
