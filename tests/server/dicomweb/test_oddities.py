"""Archives that answer oddly: what is asked again, what is believed, what is said."""

from __future__ import annotations

import json
import logging
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.dicom_files import make_hu, make_slice, save
from tests.server.odd_server import Asked, OddServer, Says, odd_server

from hepalith.errors import DeliveryError, FetchError
from hepalith.server.dicomweb.node import DicomwebRemote
from hepalith.server.patience import Patience
from hepalith.server.remote import Credentials, Query, parse_address

STUDY = "1.2.826.0.1.3680043.9.7.1"
SERIES = f"{STUDY}.2"
WORD = "s3cret"
JSON = {"Content-Type": "application/dicom+json"}


def remote(server: OddServer, waits: list[float] | None = None, **credentials: str) -> DicomwebRemote:
    slept = [] if waits is None else waits
    patience = Patience(connect_s=2, answer_s=3, sleep=slept.append)
    return DicomwebRemote(parse_address(server.web), None, Credentials(**credentials), patience)


def study_json(uid: str = STUDY, **more: object) -> dict[str, object]:
    return {"0020000D": {"vr": "UI", "Value": [uid]}, **more}


def says(*entries: object, status: int = 200) -> Says:
    return Says(status, json.dumps(list(entries)).encode(), JSON)


def in_turn(*answers: Says) -> Callable[[Asked], Says]:
    """Answer with one after the other; the last one again and again."""
    left = list(answers)

    def answer(_: Asked) -> Says:
        return left.pop(0) if len(left) > 1 else left[0]

    return answer


def slices(folder: Path, count: int = 3) -> list[Path]:
    hu = make_hu((count, 16, 20))
    folder.mkdir(exist_ok=True)
    return [
        save(
            make_slice(
                hu[n], n, StudyInstanceUID=STUDY, SeriesInstanceUID=SERIES, SOPInstanceUID=f"{SERIES}.{n}"
            ),
            folder / f"{n}.dcm",
        )
        for n in range(count)
    ]


def parts(files: list[Path]) -> bytes:
    head = b"--b0\r\nContent-Type: application/dicom\r\n\r\n"
    return b"".join(head + file.read_bytes() + b"\r\n" for file in files) + b"--b0--\r\n"


MULTIPART = {"Content-Type": 'multipart/related; type="application/dicom"; boundary=b0'}


def archive_of(files: list[Path], listed: int, *streams: Says) -> Callable[[Asked], Says]:
    """Answer as an archive that holds one series of `listed` instances, and streams it as said."""
    turn = in_turn(*(streams or (Says(200, parts(files), MULTIPART),)))

    def answer(asked: Asked) -> Says:
        if "/series?" in asked.path:
            entry = {
                "0020000E": {"vr": "UI", "Value": [SERIES]},
                "00201209": {"vr": "IS", "Value": [listed]},
            }
            return says(entry)
        return turn(asked)

    return answer


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_an_archive_that_says_later_is_asked_again(status: int) -> None:
    waits: list[float] = []
    answers = in_turn(Says(status), Says(status, headers={"Retry-After": "7"}), says(study_json()))
    with odd_server(answers) as server:
        remote(server, waits).echo()
    assert waits == [0.5, 7.0]
    assert len(server.asked) == 3


def test_an_archive_that_always_says_later_is_left_after_some_attempts() -> None:
    waits: list[float] = []
    with (
        odd_server(in_turn(Says(503, headers={"Retry-After": "9000"}))) as server,
        pytest.raises(FetchError, match=r"busy or being served \(503\); try again later"),
    ):
        remote(server, waits).echo()
    assert len(server.asked) == 4
    assert waits == [20.0] * 3, "no archive makes us wait for hours"


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (401, "asks who you are .* HEPALITH_USER and HEPALITH_PASSWORD, or HEPALITH_TOKEN"),
        (403, "does not allow you to search"),
        (404, "check the path, for example /dicom-web"),
        (500, "could not search"),
    ],
)
def test_a_refusal_says_what_to_do_and_is_not_asked_again(status: int, said: str) -> None:
    with (
        odd_server(in_turn(Says(status, b"<html>stack trace</html>"))) as server,
        pytest.raises(FetchError, match=said) as refused,
    ):
        remote(server).echo()
    assert "\n" not in str(refused.value)
    assert len(server.asked) == 1


def test_what_is_no_dicom_json_is_said() -> None:
    page = Says(200, b"<html>Welcome</html>", {"Content-Type": "text/html; charset=utf-8"})
    with (
        odd_server(in_turn(page)) as server,
        pytest.raises(FetchError, match="text/html instead of DICOM JSON"),
    ):
        remote(server).echo()


def test_a_redirection_to_another_host_is_not_followed_and_no_password_goes_there() -> None:
    with odd_server(in_turn(says(study_json()))) as other:
        away = Says(302, headers={"Location": f"{other.web}/studies"})
        with odd_server(in_turn(away)) as server, pytest.raises(FetchError, match="to another host"):
            remote(server, user="reader", password=WORD).echo()
    assert other.asked == []
    assert server.asked[0].headers["Authorization"].startswith("Basic ")


def test_a_redirection_on_the_same_host_is_followed_a_few_times() -> None:
    on = Says(307, headers={"Location": "/elsewhere/studies"})
    with odd_server(in_turn(on, says(study_json()))) as server:
        remote(server).echo()
        assert server.asked[1].path == "/elsewhere/studies"
    with odd_server(in_turn(on)) as server, pytest.raises(FetchError, match="in a circle"):
        remote(server).echo()


def test_an_archive_that_takes_no_notice_of_the_query_shows_no_other_patients() -> None:
    others = [study_json(f"1.2.{n}", **{"00100020": {"vr": "LO", "Value": [f"P{n}"]}}) for n in range(4)]
    with odd_server(in_turn(says(*others))) as server:
        found = list(remote(server).find(Query(patient_id="P2")))
    assert [study.uid for study in found] == ["1.2.2"]


def test_an_archive_that_gives_one_page_again_and_again_is_not_believed_to_be_done(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("hepalith.server.dicomweb.node.PAGE", 2)
    with (
        odd_server(in_turn(says(study_json("1.1"), study_json("1.2")))) as server,
        pytest.raises(FetchError, match="one page of 2 and no other"),
    ):
        list(remote(server).find(Query()))


def test_a_study_whose_uid_is_none_is_left_out() -> None:
    with odd_server(
        in_turn(says(study_json("\x1b[2J"), study_json(""), study_json("1.2")), says())
    ) as server:
        assert [study.uid for study in remote(server).find(Query())] == ["1.2"]


def test_no_content_is_no_study() -> None:
    with odd_server(in_turn(Says(204))) as server:
        assert list(remote(server).find(Query())) == []


def test_names_of_every_shape_are_read() -> None:
    entry = study_json(
        **{
            "00100010": {"vr": "PN", "Value": [{"Ideographic": "李^伟"}]},
            "00100020": {"vr": "LO"},
            "00080061": {"vr": "CS", "Value": ["CT", None, "SR"]},
            "00201208": {"vr": "IS", "Value": ["12"]},
            "00080020": {"vr": "DA", "Value": [None]},
        }
    )
    with odd_server(in_turn(says(entry), says())) as server:
        (found,) = remote(server).find(Query())
    assert (found.patient_name, found.patient_id, found.date) == ("李^伟", "", "")
    assert (found.modalities, found.instances) == (("CT", "SR"), 12)


def test_a_stream_that_breaks_off_is_asked_for_again(tmp_path: Path) -> None:
    files = slices(tmp_path / "out", 4)
    whole = parts(files)
    broken = Says(200, whole, MULTIPART, cut=len(whole) // 2)
    waits: list[float] = []
    (tmp_path / "in").mkdir()
    with odd_server(archive_of(files, 4, broken, broken, Says(200, whole, MULTIPART))) as server:
        fetched = remote(server, waits).fetch(STUDY, tmp_path / "in")
    assert (len(fetched.files), fetched.failed) == (4, 0)
    assert sorted(p.name for p in (tmp_path / "in").iterdir()) == sorted(p.name for p in fetched.files)
    assert waits == [0.5, 1.0]


def test_a_stream_that_always_breaks_off_leaves_only_whole_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hepalith.server.dicomweb.http.BLOCK", 512)
    files = slices(tmp_path / "out", 4)
    whole = parts(files)
    (tmp_path / "in").mkdir()
    with (
        odd_server(archive_of(files, 4, Says(200, whole, MULTIPART, cut=len(whole) * 2 // 3))) as server,
        pytest.raises(FetchError, match="broke its answer off"),
    ):
        remote(server).fetch(STUDY, tmp_path / "in")
    sizes = {file.stat().st_size for file in files}
    left = list((tmp_path / "in").iterdir())
    assert left
    assert all(file.stat().st_size in sizes and file.suffix == ".dcm" for file in left)


def test_instances_that_do_not_come_are_counted(tmp_path: Path) -> None:
    files = slices(tmp_path / "out", 3)
    (tmp_path / "in").mkdir()
    with odd_server(archive_of(files, 5)) as server:
        fetched = remote(server).fetch(STUDY, tmp_path / "in")
    assert (len(fetched.files), fetched.failed) == (3, 2)
    assert "lists 5 instances" in fetched.reason


def test_an_archive_that_does_not_know_as_stored_is_asked_plainly(tmp_path: Path) -> None:
    files = slices(tmp_path / "out", 2)
    (tmp_path / "in").mkdir()
    with odd_server(archive_of(files, 2, Says(406), Says(200, parts(files), MULTIPART))) as server:
        assert len(remote(server).fetch(STUDY, tmp_path / "in").files) == 2
    assert "transfer-syntax=*" in server.asked[-2].headers["Accept"]
    assert "transfer-syntax" not in server.asked[-1].headers["Accept"]


def test_an_instance_of_another_study_is_not_taken(tmp_path: Path) -> None:
    alien = save(make_slice(make_hu()[0], StudyInstanceUID="1.2.3"), tmp_path / "alien.dcm")
    (tmp_path / "in").mkdir()
    with (
        odd_server(archive_of([alien], 1)) as server,
        pytest.raises(FetchError, match="gave an instance of another study"),
    ):
        remote(server).fetch(STUDY, tmp_path / "in")
    assert list((tmp_path / "in").iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"no DICOM", b"\0" * 128 + b"DICM" + b"\1" * 40])
def test_a_part_that_is_no_dicom_file_is_said(tmp_path: Path, content: bytes) -> None:
    odd = tmp_path / "odd"
    odd.write_bytes(content)
    with (
        odd_server(archive_of([odd], 1)) as server,
        pytest.raises(FetchError, match="no complete DICOM file"),
    ):
        remote(server).fetch(STUDY, tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["odd"]


def test_a_uid_that_would_leave_the_folder_is_refused(tmp_path: Path) -> None:
    dataset = make_slice(make_hu()[0], StudyInstanceUID=STUDY)
    save(dataset, tmp_path / "a.dcm")
    content = (tmp_path / "a.dcm").read_bytes()
    uid = dataset.SOPInstanceUID.encode()
    (tmp_path / "a.dcm").write_bytes(content.replace(uid, b"../" + uid[3:]))
    (tmp_path / "in").mkdir()
    with (
        odd_server(archive_of([tmp_path / "a.dcm"], 1)) as server,
        pytest.raises(FetchError, match="is no UID"),
    ):
        remote(server).fetch(STUDY, tmp_path / "in")


def stow(stored: list[Path], failed: dict[str, int] | None = None) -> dict[str, object]:
    """Return an answer to a store; the sequence of failures is there and empty, as Orthanc sends it."""
    return {
        "00081198": {
            "vr": "SQ",
            "Value": [
                {"00081155": {"vr": "UI", "Value": [uid]}, "00081197": {"vr": "US", "Value": [code]}}
                for uid, code in (failed or {}).items()
            ],
        },
        "00081199": {
            "vr": "SQ",
            "Value": [{"00081155": {"vr": "UI", "Value": [f"{SERIES}.{p.stem}"]}} for p in stored],
        },
    }


def test_only_what_an_answer_names_was_stored(tmp_path: Path) -> None:
    files = slices(tmp_path, 4)
    answer = stow(files[:2], {f"{SERIES}.2": 0xA700, f"{SERIES}.3": 0xC122})

    with odd_server(in_turn(Says(202, json.dumps(answer).encode(), JSON))) as server:
        answers = remote(server).store(files)
    assert [answer.accepted for answer in answers] == [True, True, False, False]
    assert [answer.reason for answer in answers[2:]] == [
        "it has no room left (A700)",
        "it does not take this compression (C122)",
    ]


def test_a_200_that_stored_nothing_is_not_believed(tmp_path: Path) -> None:
    def answer(asked: Asked) -> Says:
        return says(stow([])) if asked.method == "POST" else says()

    with odd_server(answer) as server:
        (answered,) = remote(server).store(slices(tmp_path, 1))
    assert not answered.accepted
    assert "does not say that it has it" in answered.reason


@pytest.mark.parametrize("body", [b"", b"<xml/>"])
def test_an_answer_that_says_nothing_is_made_up_for_by_a_search(tmp_path: Path, body: bytes) -> None:
    def answer(asked: Asked) -> Says:
        if asked.method == "POST":
            return Says(200, body, {"Content-Type": "application/dicom+xml"})
        return says({"00080018": {"vr": "UI", "Value": [f"{SERIES}.0"]}})

    with odd_server(answer) as server:
        assert remote(server).store(slices(tmp_path, 1))[0].accepted


def test_a_batch_that_is_too_large_is_halved(tmp_path: Path) -> None:
    files = slices(tmp_path, 5)

    def answer(asked: Asked) -> Says:
        held = [
            file for file in files if f"{SERIES}.{file.stem}\0".encode() in asked.body.replace(b" ", b"\0")
        ]
        held = held or [file for file in files if file.read_bytes() in asked.body]
        return Says(413) if len(held) > 1 or files[3] in held else says(stow(held))

    with odd_server(answer) as server:
        answers = remote(server).store(files)
    assert [answer.accepted for answer in answers] == [True, True, True, False, True]
    assert "too large" in answers[3].reason


def test_what_is_sent_after_the_archive_is_gone_is_refused_and_what_went_before_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hepalith.server.dicomweb.store.BATCH_FILES", 1)
    files = slices(tmp_path, 3)
    with odd_server(in_turn(says(stow(files[:1])), Says(200, b"{}", JSON, cut=0))) as server:
        answers = remote(server).store(files)
    assert [answer.accepted for answer in answers] == [True, False, False]


def test_an_archive_that_takes_nothing_at_all_is_one_error(tmp_path: Path) -> None:
    with (
        odd_server(in_turn(Says(403))) as server,
        pytest.raises(DeliveryError, match="does not allow you to store"),
    ):
        remote(server).store(slices(tmp_path, 2))


def test_a_broken_connection_sends_again(tmp_path: Path) -> None:
    files = slices(tmp_path, 2)
    waits: list[float] = []
    with odd_server(in_turn(Says(503), says(stow(files)))) as server:
        assert all(answer.accepted for answer in remote(server, waits).store(files))
    assert server.asked[0].body == server.asked[1].body, "the second attempt sends everything again"
    assert waits == [0.5]


@pytest.mark.parametrize("status", [400, 405, 501])
def test_an_archive_that_cannot_be_searched_for_instances_does_not_say(status: int) -> None:
    with odd_server(in_turn(Says(status))) as server:
        assert remote(server).holds(STUDY, SERIES, f"{SERIES}.0") is None


def test_silence_has_an_end() -> None:
    with socket.create_server(("127.0.0.1", 0)) as door:
        held: list[socket.socket] = []
        threading.Thread(target=lambda: held.append(door.accept()[0]), daemon=True).start()
        address = parse_address(f"http://127.0.0.1:{door.getsockname()[1]}/dicom-web")
        start = time.monotonic()
        with pytest.raises(FetchError, match=r"fell silent for 0\.3 s"):
            DicomwebRemote(address, patience=Patience(answer_s=0.3)).echo()
        assert time.monotonic() - start < 3
        for one in held:
            one.close()


def test_no_log_holds_a_patient_or_a_password(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with odd_server(in_turn(says())) as server:
        list(remote(server, user="reader", password=WORD).find(Query(patient_id="SECRET-7")))
    assert "SECRET-7" in server.asked[0].path, "it was asked for"
    assert "dicom-web/studies" in caplog.text, "the library logs"
    assert "SECRET-7" not in caplog.text
    assert WORD not in caplog.text


def test_the_environment_of_proxies_and_netrc_is_not_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login x password y\n", encoding="utf-8")
    (tmp_path / ".netrc").chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with odd_server(in_turn(says())) as server:
        remote(server).echo()
    assert "Authorization" not in server.asked[0].headers


ODD_JSON = {
    "too deep": b"[" * 200_000,
    "a raised two": json.dumps([study_json() | {"00201208": {"Value": ["\u00b2"]}}]).encode(),
    "a number without end": json.dumps([study_json() | {"00201208": {"Value": ["9" * 5000]}}]).encode(),
}


@pytest.mark.parametrize("body", ODD_JSON.values(), ids=ODD_JSON)
def test_json_that_breaks_its_reader_is_told_or_let_be(body: bytes) -> None:
    with odd_server(in_turn(Says(200, body, JSON), says())) as server:
        if body.startswith(b"[["):
            with pytest.raises(FetchError, match="instead of DICOM JSON"):
                remote(server).echo()
        else:
            assert [study.instances for study in remote(server).find(Query())] == [None]


@pytest.mark.parametrize("code", ["\u00b2", "9" * 5000])
def test_an_odd_reason_of_failure_is_still_a_refusal(tmp_path: Path, code: str) -> None:
    (sent,) = slices(tmp_path, 1)
    failed = {"00081155": {"Value": [f"{SERIES}.0"]}, "00081197": {"Value": [code]}}
    with odd_server(in_turn(says({"00081198": {"Value": [failed]}}, status=409))) as server:
        (answer,) = remote(server).store([sent])
    assert not answer.accepted
    assert answer.reason == "it does not say why"


@pytest.mark.parametrize(
    ("header", "said"), [({"Location": "http://[::1"}, "not followed"), ({"Retry-After": "\u00b2"}, "busy")]
)
def test_headers_that_are_none_are_told(header: dict[str, str], said: str) -> None:
    status = 302 if "Location" in header else 503
    with (
        odd_server(in_turn(Says(status, b"", header))) as server,
        pytest.raises(FetchError, match=said),
    ):
        remote(server).echo()


def test_an_instance_without_end_does_not_fill_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hepalith.server.dicomweb.node.LARGEST_BYTES", 10_000)
    series = {"0020000E": {"vr": "UI", "Value": [SERIES]}}
    kind = {"Content-Type": 'multipart/related; type="application/dicom"; boundary=xx'}
    endless = Says(200, b"--xx\r\n\r\n" + bytes(5_000_000), kind)
    with (
        odd_server(in_turn(says(series), says(), endless)) as server,
        pytest.raises(FetchError, match="more than 10000 bytes"),
    ):
        remote(server).fetch(STUDY, tmp_path)
    assert not list(tmp_path.iterdir())
