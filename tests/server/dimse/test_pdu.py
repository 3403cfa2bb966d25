from __future__ import annotations

import pytest

from hepalith.server.dimse import pdu

REQUEST = pdu.Request(
    "ARCHIVE",
    "HEPALITH",
    (
        pdu.Proposal(1, "1.2.840.10008.1.1", ("1.2.840.10008.1.2",)),
        pdu.Proposal(3, "1.2.840.10008.5.1.4.1.1.2", ("1.2.840.10008.1.2.1", "1.2.840.10008.1.2.5")),
    ),
    131072,
    {"1.2.840.10008.5.1.4.1.1.2": pdu.Roles(user=False, provider=True)},
)
ACCEPTANCE = pdu.Acceptance(
    (pdu.Answer(1, 0, "1.2.840.10008.1.2"), pdu.Answer(3, 4, "1.2.840.10008.1.2")), 16384
)


def test_a_request_is_read_as_it_was_written() -> None:
    assert pdu.decode_request(pdu.encode_request(REQUEST)[6:]) == REQUEST


def test_an_acceptance_is_read_as_it_was_written() -> None:
    assert pdu.decode_acceptance(pdu.encode_acceptance(REQUEST, ACCEPTANCE)[6:]) == ACCEPTANCE


def test_pynetdicom_reads_our_request_and_writes_it_back_the_same() -> None:
    theirs = pytest.importorskip("pynetdicom.pdu", reason="pynetdicom is the second opinion")
    read = theirs.A_ASSOCIATE_RQ()
    read.decode(pdu.encode_request(REQUEST))
    said = read.to_primitive()
    assert (said.called_ae_title, said.calling_ae_title) == ("ARCHIVE", "HEPALITH")
    assert said.maximum_length_received == 131072
    contexts = said.presentation_context_definition_list
    assert [(c.context_id, c.abstract_syntax, tuple(c.transfer_syntax)) for c in contexts] == [
        (p.context_id, p.abstract, p.transfers) for p in REQUEST.proposals
    ]
    assert pdu.decode_request(read.encode()[6:]) == REQUEST


def test_pynetdicom_reads_our_acceptance_and_rejection() -> None:
    theirs = pytest.importorskip("pynetdicom.pdu", reason="pynetdicom is the second opinion")
    read = theirs.A_ASSOCIATE_AC()
    read.decode(pdu.encode_acceptance(REQUEST, ACCEPTANCE))
    results = read.to_primitive().presentation_context_definition_results_list
    assert [(c.context_id, c.result) for c in results] == [(1, 0), (3, 4)]
    refused = theirs.A_ASSOCIATE_RJ()
    refused.decode(pdu.encode_rejection(pdu.Rejection(1, 1, 7)))
    assert (refused.result, refused.source, refused.reason_diagnostic) == (1, 1, 7)


@pytest.mark.parametrize("cut", range(6, len(pdu.encode_request(REQUEST)) - 1, 7))
def test_a_request_that_is_cut_short_is_told_or_says_less(cut: int) -> None:
    whole = pdu.encode_request(REQUEST)
    try:
        read = pdu.decode_request(whole[6:cut])
    except pdu.MalformedPduError:
        return
    assert len(read.proposals) <= len(REQUEST.proposals)


def test_a_request_that_proposes_nothing_is_malformed() -> None:
    with pytest.raises(pdu.MalformedPduError, match="proposes nothing"):
        pdu.decode_request(bytes(68))


def test_a_title_is_cut_to_sixteen_characters_and_kept_to_ascii() -> None:
    odd = pdu.Request("肝" * 20, "A", REQUEST.proposals, 0)
    assert pdu.decode_request(pdu.encode_request(odd)[6:]).called == "?" * 16
