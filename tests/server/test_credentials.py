"""Who asks: from the environment, and never in the clear over a network."""

import base64

import pytest

from hepalith.errors import UsageError
from hepalith.server.credentials import authorization, read_credentials
from hepalith.server.remote import Credentials, parse_address

SAFE = parse_address("https://pacs.example/dicom-web")
OPEN = parse_address("http://pacs.example/dicom-web")
HERE = parse_address("http://127.0.0.1:8042/dicom-web")


def test_an_empty_environment_names_nobody() -> None:
    assert read_credentials({}) == Credentials()
    assert authorization(read_credentials({}), OPEN) == ""


def test_user_and_password_become_one_line() -> None:
    who = read_credentials({"HEPALITH_USER": "röntgen", "HEPALITH_PASSWORD": "pass:wörd"})
    assert authorization(who, SAFE) == f"Basic {base64.b64encode('röntgen:pass:wörd'.encode()).decode()}"


def test_a_token_is_shown_as_it_is() -> None:
    assert authorization(read_credentials({"HEPALITH_TOKEN": "abc.DEF-1"}), SAFE) == "Bearer abc.DEF-1"


@pytest.mark.parametrize(
    ("held", "said"),
    [
        ({"HEPALITH_USER": "a"}, "without HEPALITH_PASSWORD"),
        ({"HEPALITH_PASSWORD": "b"}, "without HEPALITH_USER"),
        ({"HEPALITH_TOKEN": "t", "HEPALITH_USER": "a", "HEPALITH_PASSWORD": "b"}, "unset one of them"),
        ({"HEPALITH_USER": "a:b", "HEPALITH_PASSWORD": "c"}, "colon"),
        ({"HEPALITH_TOKEN": "a\r\nX-More: 1"}, "line break"),
    ],
)
def test_half_a_pair_and_two_kinds_are_refused(held: dict[str, str], said: str) -> None:
    with pytest.raises(UsageError, match=said) as refused:
        read_credentials(held)
    assert "X-More" not in str(refused.value)


@pytest.mark.parametrize("who", [Credentials("a", "s3cret"), Credentials("", "", "s3cret")])
def test_a_password_does_not_go_over_a_network_in_the_clear(who: Credentials) -> None:
    with pytest.raises(UsageError, match="is not encrypted") as refused:
        authorization(who, OPEN)
    assert "s3cret" not in str(refused.value)
    assert authorization(who, SAFE)
    assert authorization(who, HERE), "this machine is no network"


def test_credentials_show_no_secret() -> None:
    assert "s3cret" not in repr(Credentials("a", "s3cret", "s3cret"))
