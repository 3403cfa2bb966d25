from __future__ import annotations

import errno
import logging
import os
import random
import socket
import ssl
import struct
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, JPEGLosslessSV1
from tests.server.conftest import Papers
from tests.server.dcmtk import send
from tests.server.dicom_files import STUDY, Slice, make_file, make_series, same_content

from hepalith.errors import OutputError, UsageError
from hepalith.server.dimse import pdu
from hepalith.server.dimse.association import Association, AssociationLostError, request_association
from hepalith.server.dimse.command import encode_command, number
from hepalith.server.dimse.incoming import Incoming
from hepalith.server.dimse.node import DimseRemote
from hepalith.server.dimse.receiver import Callbacks, DimseReceiver, Door
from hepalith.server.remote import Tls, parse_address

CT = pdu.Proposal(1, CTImageStorage, (ExplicitVRLittleEndian,))


@dataclass
class Told:
    """What a receiver told."""

    landed: list[tuple[str, str, str, Path, int]] = field(default_factory=list)
    replaced: list[tuple[str, str]] = field(default_factory=list)
    ended: list[tuple[str, frozenset[str], bool]] = field(default_factory=list)

    @property
    def callbacks(self) -> Callbacks:
        return Callbacks(
            landed=lambda *a: self.landed.append(a),
            replaced=lambda *a: self.replaced.append(a),
            association_ended=lambda *a: self.ended.append(a),
        )


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def receiver(tmp_path: Path, told: Told) -> Iterator[DimseReceiver]:
    with DimseReceiver(Incoming(tmp_path / "in", durable=False), Door(port=0), told.callbacks) as running:
        yield running


def wait_for(condition: Callable[[], object]) -> None:
    """Wait until something holds, at most ten seconds."""
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def files(receiver: DimseReceiver) -> list[Path]:
    """Return every file below the receiver's folder."""
    return sorted(p for p in receiver.incoming.folder.rglob("*") if p.is_file())


def remote(receiver: DimseReceiver, scheme: str = "dicom", **more: object) -> DimseRemote:
    """Return the receiver as our own sender sees it."""
    address = parse_address(f"{scheme}://HEPALITH@localhost:{receiver.port}")
    return DimseRemote(address, timeout_s=10, **more)  # type: ignore[arg-type]


def associate(receiver: DimseReceiver, *proposals: pdu.Proposal) -> Association:
    """Open an association by hand."""
    request = pdu.Request("HEPALITH", "TEST", proposals or (CT,), 0)
    return request_association(("127.0.0.1", receiver.port), request, timeout_s=10)


def store_command(uid: str, *, data: int = 1) -> dict[str, int | str]:
    """Return the command of a C-STORE."""
    return {
        "AffectedSOPClassUID": CTImageStorage, "CommandField": 1, "MessageID": 1, "Priority": 0,
        "CommandDataSetType": data, "AffectedSOPInstanceUID": uid,
    }  # fmt: skip


def status(association: Association) -> int:
    """Return the status of the next response."""
    message = association.receive()
    assert message is not None
    return number(message.command, "Status")


def test_what_storescu_sends_lands_and_is_told(receiver: DimseReceiver, told: Told, tmp_path: Path) -> None:
    sent = make_series(tmp_path / "sent", 5)
    assert send(receiver.port, sent, "-aet", "CT1").returncode == 0
    wait_for(lambda: told.ended)
    assert told.ended == [("CT1", frozenset({STUDY}), False)]
    assert [entry[3] for entry in told.landed] == files(receiver)
    for original, (study, series, uid, path, size) in zip(sent, told.landed, strict=True):
        assert (study, series, uid) == (STUDY, f"{STUDY}.1", original.stem)
        assert path == receiver.incoming.folder / STUDY / original.name
        assert path.stat().st_size == size
        assert same_content(original, path)


def test_what_pynetdicom_sends_lands(receiver: DimseReceiver, tmp_path: Path) -> None:
    pynetdicom = pytest.importorskip("pynetdicom", reason="pynetdicom is a peer of this test")
    entity = pynetdicom.AE()
    entity.add_requested_context(CTImageStorage, ExplicitVRLittleEndian)
    sent = make_series(tmp_path / "sent", 3)
    for path in sent:
        for _ in range(5):  # it now and then loses an answer that comes soon (pydicom/pynetdicom 875)
            association = entity.associate("127.0.0.1", receiver.port)
            assert association.is_established
            status = association.send_c_store(str(path)).get("Status")
            association.release()
            if status is not None:
                break
        assert status == 0
    assert all(same_content(a, b) for a, b in zip(sent, files(receiver), strict=True))


def test_a_compressed_instance_is_kept_as_it_came(receiver: DimseReceiver, tmp_path: Path) -> None:
    sent = make_file(tmp_path, Slice("1.2.3", transfer=JPEGLosslessSV1))
    assert send(receiver.port, [sent], "-xs").returncode == 0
    (landed,) = files(receiver)
    assert dcmread(landed).file_meta.TransferSyntaxUID == JPEGLosslessSV1
    assert dcmread(landed).PixelData == dcmread(sent).PixelData


@pytest.mark.parametrize(
    "sop_class",
    [
        "1.2.840.10008.5.1.4.1.1.66.4",
        "1.2.840.10008.5.1.4.1.1.66.7",
        "1.2.840.10008.5.1.4.1.1.88.33",
        "1.3.12.2.1107.5.9.1",
    ],
)
def test_any_storage_class_is_taken_ours_and_private_ones(
    receiver: DimseReceiver, tmp_path: Path, sop_class: str
) -> None:
    (answer,) = remote(receiver).store([make_file(tmp_path, Slice("1.2.3", sop_class=sop_class))])
    assert answer.accepted
    assert not answer.reason
    assert dcmread(files(receiver)[0]).SOPClassUID == sop_class


def test_queries_are_not_offered(receiver: DimseReceiver) -> None:
    find = pdu.Proposal(1, "1.2.840.10008.5.1.4.1.2.2.1", ("1.2.840.10008.1.2",))
    jpip = pdu.Proposal(3, CTImageStorage, ("1.2.840.10008.1.2.4.94", "1.2.3"))
    association = associate(receiver, find, jpip, pdu.Proposal(5, CTImageStorage, (ExplicitVRLittleEndian,)))
    assert list(association.contexts) == [5]
    association.release()


def test_duplicates_land_once_and_other_bytes_are_told(
    receiver: DimseReceiver, told: Told, tmp_path: Path
) -> None:
    first = make_file(tmp_path / "a", Slice("1.2.3", value=1))
    other = make_file(tmp_path / "b", Slice("1.2.3", value=2))
    for path in (first, first, other):
        assert remote(receiver).store([path])[0].accepted
    assert len(files(receiver)) == 1
    assert len(told.landed) == 3
    assert told.replaced == [(STUDY, "1.2.3")]
    assert same_content(files(receiver)[0], other)


def test_a_listener_that_fails_makes_the_sender_send_again(tmp_path: Path) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("SECRET^NAME")

    incoming = Incoming(tmp_path / "in", durable=False)
    with DimseReceiver(incoming, Door(port=0), Callbacks(landed=fail)) as running:
        (answer,) = remote(running).store([make_file(tmp_path, Slice("1.2.3"))])
    assert (answer.accepted, answer.reason) == (False, "status 0x0110: processing failed")


def test_a_full_disk_is_told_nothing_is_half_written_and_the_next_instance_lands(
    receiver: DimseReceiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent, real = make_series(tmp_path / "sent", 3, size=128), os.write
    full = threading.Event()

    def write(file: int, piece: memoryview) -> int:
        if full.is_set() and len(piece) > 1000:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(file, piece)

    monkeypatch.setattr(os, "write", write)
    full.set()
    first = remote(receiver).store(sent)
    assert [a.reason for a in first] == ["status 0xA700: out of resources"] * 3
    assert not files(receiver)
    full.clear()
    assert all(a.accepted for a in remote(receiver).store(sent))
    assert len(files(receiver)) == 3


def test_an_association_aborted_half_way_through_an_instance_leaves_nothing_of_it(
    receiver: DimseReceiver, told: Told, tmp_path: Path
) -> None:
    content = make_file(tmp_path, Slice("1.2.3", size=256)).read_bytes()[400:]
    for end in ("abort", "cut"):
        association = associate(receiver)
        association.send(b"".join(data_pdu(1, 3, encode_command(store_command("1.2.3")))))
        association.send(b"".join(data_pdu(1, 0, content[:5000])))
        wait_for(lambda: list(receiver.incoming.arriving.iterdir()))
        association.abort() if end == "abort" else association.shut()
        association.close()
        wait_for(lambda: not files(receiver))
    wait_for(lambda: len(told.ended) == 2)
    assert told.ended == [("TEST", frozenset(), True)] * 2
    assert not told.landed
    remote(receiver).echo()


def data_pdu(context_id: int, control: int, content: bytes) -> tuple[bytes, bytes]:
    """Return one P-DATA with one fragment."""
    size = len(content)
    return struct.pack(">BBIIBB", pdu.DATA, 0, size + 6, size + 2, context_id, control), content


def test_instances_landed_before_an_abort_are_kept_and_told(
    receiver: DimseReceiver, told: Told, tmp_path: Path
) -> None:
    landed = make_file(tmp_path, Slice("1.2.3"))
    content = landed.read_bytes()
    offset = 144 + int.from_bytes(content[140:144], "little")
    association = associate(receiver)
    association.send_message(1, store_command("1.2.3"), content[offset:])
    assert status(association) == 0
    association.abort()
    association.close()
    wait_for(lambda: told.ended)
    assert told.ended == [("TEST", frozenset({STUDY}), True)]
    assert len(files(receiver)) == 1


def test_an_instance_without_uid_or_data_is_refused_and_the_association_goes_on(
    receiver: DimseReceiver, tmp_path: Path
) -> None:
    dataset = dcmread(make_file(tmp_path, Slice("1.2.3")))
    content = (tmp_path / "1.2.3.dcm").read_bytes()
    content = content[144 + int.from_bytes(content[140:144], "little") :]
    assert dataset.SOPInstanceUID == "1.2.3"
    association = associate(receiver)
    association.send_message(1, store_command("9.9.9"), content)
    assert status(association) == 0xA900
    association.send_message(1, store_command(""), content)
    assert status(association) == 0xA900
    association.send_message(1, store_command("1.2.3", data=0x0101))
    assert status(association) == 0xA900
    association.send_message(1, store_command("1.2.3"), b"\xff" * 100_000)
    assert status(association) == 0xA900
    association.send_message(1, {"CommandField": 0x0130, "MessageID": 1, "CommandDataSetType": 0x0101})
    assert status(association) == 0x0211
    association.send_message(1, store_command("1.2.3"), content)
    assert status(association) == 0
    association.release()
    assert len(files(receiver)) == 1


def test_a_sender_that_repeats_its_command_leaves_nothing_open(receiver: DimseReceiver, told: Told) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(5):
        association = associate(receiver)
        command = b"".join(data_pdu(1, 3, encode_command(store_command("1.2.3"))))
        association.send(command * 20)
        with pytest.raises(AssociationLostError):
            association.receive()
        association.close()
    wait_for(lambda: len(told.ended) == 5)
    wait_for(lambda: not running_threads(receiver))
    assert not files(receiver)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def running_threads(receiver: DimseReceiver) -> list[threading.Thread]:
    """Return the threads of the associations that run."""
    return receiver._threads()


def test_data_in_another_context_than_their_command_are_refused(receiver: DimseReceiver) -> None:
    association = associate(receiver, CT, pdu.Proposal(3, CTImageStorage, (JPEGLosslessSV1,)))
    association.send(b"".join(data_pdu(1, 3, encode_command(store_command("1.2.3")))))
    association.send(b"".join(data_pdu(3, 2, b"data")))
    with pytest.raises(AssociationLostError):
        association.receive()
    association.close()


def test_queries_that_are_not_answered_are_not_kept_either(receiver: DimseReceiver) -> None:
    association = associate(receiver)
    query = store_command("1.2.3") | {"CommandField": 0x20}
    association.send(b"".join(data_pdu(1, 3, encode_command(query))))
    piece = b"".join(data_pdu(1, 0, bytes(130_000)))
    tracemalloc.start()
    for _ in range(120):
        association.send(piece)
    association.send(b"".join(data_pdu(1, 2, b"")))
    assert status(association) == 0x0211
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 2_000_000
    association.release()


@pytest.mark.parametrize("uid", ["../../x", "a\0b", "1" * 1000, "1.2/..", "."])
def test_a_uid_that_is_a_path_or_nothing_at_all_becomes_no_name(receiver: DimseReceiver, uid: str) -> None:
    association = associate(receiver)
    association.send_message(1, store_command(uid), uids_only(uid, study=f"../{uid}"))
    assert status(association) == 0
    association.release()
    (landed,) = files(receiver)
    assert landed.resolve().is_relative_to(receiver.incoming.folder.resolve())
    assert landed.name.startswith("x-")


def test_an_announced_uid_beyond_all_measure_is_answered(receiver: DimseReceiver) -> None:
    association = associate(receiver)
    association.send_message(1, store_command("\ufffd" * 60_000), uids_only("1.2.3"))
    assert status(association) == 0xA900
    command = encode_command(store_command("1" * 30_000)).replace(b"1" * 30_000, b"\xff" * 30_000)
    association.send(b"".join(data_pdu(1, 3, command)))
    association.send(b"".join(data_pdu(1, 2, uids_only("1.2.3"))))
    assert status(association) == 0xA900
    association.release()
    assert not files(receiver)


def uids_only(uid: str, study: str = STUDY) -> bytes:
    """Return a data set of the four UIDs and a name."""
    elements = (
        (0x00080016, b"UI", CTImageStorage), (0x00080018, b"UI", uid), (0x00100010, b"PN", "SECRET^NAME"),
        (0x0020000D, b"UI", study), (0x0020000E, b"UI", f"{STUDY}.1"),
    )  # fmt: skip
    content = b""
    for tag, vr, text in elements:
        value = text.encode() + b"\0" * (len(text) % 2)
        content += struct.pack("<HH2sH", tag >> 16, tag & 0xFFFF, vr, len(value)) + value
    return content


def test_an_instance_beyond_the_longest_is_refused(tmp_path: Path) -> None:
    incoming = Incoming(tmp_path / "in", durable=False, largest_bytes=1000)
    with DimseReceiver(incoming, Door(port=0)) as running:
        (answer,) = remote(running).store([make_file(tmp_path, Slice("1.2.3", size=64))])
        assert "0xA900" in answer.reason
        assert not files(running)


def test_garbage_at_the_port_does_not_end_the_receiver_nor_reach_its_log(
    receiver: DimseReceiver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    draw = random.Random(7)
    request = pdu.encode_request(pdu.Request("HEPALITH", "NAME^SECRET", (CT,), 0))
    for turn in range(60):
        kind = turn % 6
        junk = draw.randbytes(draw.randrange(1, 3000))
        if kind == 1:
            junk = struct.pack(">BBI", draw.randrange(1, 8), 0, len(junk)) + junk
        elif kind == 2:
            junk = request + struct.pack(">BBI", 4, 0, len(junk)) + junk
        elif kind == 3:
            junk = struct.pack(">BBI", 1, 0, 0xFFFFFFFF) + junk
        elif kind == 4:
            junk = request + b"".join(data_pdu(1, 3, junk))
        elif kind == 5:
            junk = request + b"".join(data_pdu(1, 2, junk))
        with socket.create_connection(("127.0.0.1", receiver.port), 5) as connection:
            connection.settimeout(5)
            try:
                connection.sendall(junk)
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(4096):
                    pass
            except TimeoutError:
                raise  # it hangs
            except OSError:
                pass  # it broke off, at whatever moment
    remote(receiver).echo()
    assert not files(receiver)
    assert not [r for r in caplog.records if r.levelno >= logging.ERROR]


def test_no_name_reaches_the_log(
    receiver: DimseReceiver, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for value in (1, 2):
        remote(receiver).store(make_series(tmp_path, 2, value=value))
    assert "messages" in caplog.text
    assert "SECRET" not in caplog.text
    assert "ID-1" not in caplog.text


def test_a_stranger_and_a_wrong_title_are_rejected_with_what_to_do(tmp_path: Path) -> None:
    door = Door(port=0, allowed=frozenset({"CT1"}), is_strict=True)
    with DimseReceiver(Incoming(tmp_path / "in"), door) as running:
        address = parse_address(f"dicom://HEPALITH@127.0.0.1:{running.port}")
        wrong = parse_address(f"dicom://OTHER@127.0.0.1:{running.port}")
        DimseRemote(address, own_title="CT1").echo()
        with pytest.raises(ConnectionError, match="does not know our title; add it"):
            DimseRemote(address, own_title="CT2").echo()
        with pytest.raises(ConnectionError, match="check the title in the address"):
            DimseRemote(wrong, own_title="CT1").echo()


def test_more_associations_than_taken_are_told_to_try_later(tmp_path: Path) -> None:
    door = Door(port=0, most_associations=2)
    with DimseReceiver(Incoming(tmp_path / "in"), door) as running:
        held = [associate(running), associate(running)]
        with pytest.raises(ConnectionError, match="as many associations as it takes"):
            remote(running).echo()
        for one in held:
            one.release()
        wait_for(lambda: echoes(running))


def echoes(receiver: DimseReceiver) -> bool:
    """Return whether it answers."""
    try:
        remote(receiver).echo()
    except ConnectionError:
        return False
    return True


def test_connections_that_ask_for_nothing_keep_nobody_out(tmp_path: Path) -> None:
    door = Door(port=0, most_associations=4)
    with DimseReceiver(Incoming(tmp_path / "in"), door) as running:
        place = ("127.0.0.1", running.port)
        silent = [socket.create_connection(place, 5) for _ in range(30)]
        remote(running).echo()
        held = [associate(running) for _ in range(4)]
        assert not echoes(running)
        for association in held:
            association.close()
        for one in silent:
            one.close()


def test_a_connection_that_never_ends_its_handshake_does_not_hold_up_the_end(
    tmp_path: Path, papers: Papers
) -> None:
    door = Door(port=0, tls=Tls(None, papers.server))
    with DimseReceiver(Incoming(tmp_path / "in"), door) as running:
        silent = socket.create_connection(("127.0.0.1", running.port), 5)
        wait_for(lambda: any(isinstance(one, ssl.SSLSocket) for one in running._running.values()))
        start = time.monotonic()
    assert time.monotonic() - start < 5
    silent.close()


def test_a_silent_association_is_ended(tmp_path: Path, told: Told) -> None:
    door = Door(port=0, idle_s=0.1)
    with DimseReceiver(Incoming(tmp_path / "in"), door, told.callbacks) as running:
        association = associate(running)
        with pytest.raises(AssociationLostError):
            association.receive()
        association.close()
        wait_for(lambda: told.ended)
    assert told.ended == [("TEST", frozenset(), True)]


def test_forty_studies_at_once_all_land(receiver: DimseReceiver, told: Told, tmp_path: Path) -> None:
    studies = {f"1.2.826.{n}": make_series(tmp_path / str(n), 4, study=f"1.2.826.{n}") for n in range(40)}
    with ThreadPoolExecutor(40) as pool:
        answers = list(pool.map(lambda sent: remote(receiver).store(sent), studies.values()))
    assert all(answer.accepted for batch in answers for answer in batch)
    wait_for(lambda: len(told.ended) == 40)
    assert sorted(uid for _, uids, _ in told.ended for uid in uids) == sorted(studies)
    assert len(files(receiver)) == 160
    for study, sent in studies.items():
        assert all(same_content(p, receiver.incoming.folder / study / p.name) for p in sent)


def test_the_same_instance_from_many_senders_at_once_lands_once(
    receiver: DimseReceiver, told: Told, tmp_path: Path
) -> None:
    sent = make_series(tmp_path, 5)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: remote(receiver).store(sent), range(8)))
    assert all(answer.accepted for batch in answers for answer in batch)
    assert len(files(receiver)) == 5
    assert not told.replaced


def test_stopping_ends_associations_and_frees_the_port(tmp_path: Path, told: Told) -> None:
    running = DimseReceiver(Incoming(tmp_path / "in"), Door(port=0), told.callbacks)
    running.start()
    port = running.port
    association = associate(running)
    running.stop()
    assert [aborted for _, _, aborted in told.ended] == [True]
    with pytest.raises(AssociationLostError):
        association.receive()
    association.close()
    again = DimseReceiver(Incoming(tmp_path / "in"), Door(port=port))
    again.start()
    again.stop()


def test_stopping_waits_for_what_runs_where_told_to(tmp_path: Path, told: Told) -> None:
    running = DimseReceiver(Incoming(tmp_path / "in"), Door(port=0), told.callbacks)
    running.start()
    association = associate(running)
    threading.Timer(0.2, association.release).start()
    running.stop(wait_s=10)
    assert told.ended == [("TEST", frozenset(), False)]


def test_a_port_that_is_taken_is_told(receiver: DimseReceiver, tmp_path: Path) -> None:
    other = DimseReceiver(Incoming(tmp_path / "other"), Door(port=receiver.port))
    with pytest.raises(OutputError, match=r"cannot listen at .*choose another port"):
        other.start()


def test_over_tls_instances_land_and_only_known_clients_are_let_in(tmp_path: Path, papers: Papers) -> None:
    door = Door(port=0, tls=Tls(papers.authority, papers.server))
    sent = make_series(tmp_path / "sent", 3, size=200)
    with DimseReceiver(Incoming(tmp_path / "in", durable=False), door) as running:
        ours = Tls(papers.authority, papers.client)
        assert all(a.accepted for a in remote(running, "dicoms", tls=ours).store(sent))
        assert len(files(running)) == 3
        with pytest.raises(ConnectionError, match="check"):
            remote(running, "dicoms", tls=Tls(papers.authority)).echo()
        with pytest.raises(ConnectionError, match="certificate is not trusted"):
            remote(running, "dicoms", tls=Tls(papers.stranger, papers.client)).echo()
        with pytest.raises(ConnectionError, match="with or without TLS"):
            remote(running).echo()
        remote(running, "dicoms", tls=ours).echo()


def test_storescu_sends_over_tls(tmp_path: Path, papers: Papers) -> None:
    door = Door(port=0, tls=Tls(None, papers.server))
    with DimseReceiver(Incoming(tmp_path / "in", durable=False), door) as running:
        done = send(running.port, make_series(tmp_path / "sent", 3), "+tla", "+cf", str(papers.authority))
        assert done.returncode == 0, done.stderr
        assert len(files(running)) == 3


def test_a_receiver_with_tls_needs_a_certificate(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="needs a certificate"):
        DimseReceiver(Incoming(tmp_path / "in"), Door(port=0, tls=Tls()))
