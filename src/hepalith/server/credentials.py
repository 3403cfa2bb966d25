"""Who asks an archive: from the environment only, and never in the clear over a network."""

from __future__ import annotations

import base64
import ipaddress
import os
from collections.abc import Mapping

from hepalith.errors import UsageError
from hepalith.server.remote import Address, Credentials

__all__ = ["PASSWORD", "TOKEN", "USER", "authorization", "is_loopback", "read_credentials"]

USER, PASSWORD, TOKEN = "HEPALITH_USER", "HEPALITH_PASSWORD", "HEPALITH_TOKEN"
"""Variables of the environment that say who we are."""


def read_credentials(environment: Mapping[str, str] | None = None) -> Credentials:
    """Return the credentials that the environment holds; empty ones where it holds none.

    Raises
    ------
    UsageError
        If it holds half of a pair, a pair and a token, or letters that no header can carry.
    """
    held = os.environ if environment is None else environment
    user, password, token = (held.get(name, "") for name in (USER, PASSWORD, TOKEN))
    if token and (user or password):
        raise UsageError(f"the environment holds {TOKEN} and {USER} or {PASSWORD}; unset one of them")
    if bool(user) != bool(password):
        missing, there = (PASSWORD, USER) if user else (USER, PASSWORD)
        raise UsageError(f"the environment holds {there} without {missing}; set both or neither")
    if ":" in user:
        raise UsageError(f"{USER} holds a colon, which a user's name cannot")
    if any(ord(c) <= 32 or ord(c) > 126 for c in token):
        raise UsageError(f"{TOKEN} holds a space, a line break or a letter that is not ASCII; set it anew")
    return Credentials(user, password, token)


def authorization(credentials: Credentials, address: Address) -> str:
    """Return the line that says who asks; empty where nobody is named.

    Raises
    ------
    UsageError
        If it would go over a network unencrypted.

    References
    ----------
    RFC 7617 (basic), RFC 6750 (bearer).
    """
    if not (credentials.user or credentials.token):
        return ""
    if not address.encrypted and not is_loopback(address.host):
        raise UsageError(
            f"{address} is not encrypted, so a password would be read on its way; write https://, "
            f"or unset {TOKEN if credentials.token else USER}"
        )
    if credentials.token:
        return f"Bearer {credentials.token}"
    pair = f"{credentials.user}:{credentials.password}".encode()
    return f"Basic {base64.b64encode(pair).decode('ascii')}"


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine.

    Examples
    --------
    >>> is_loopback("127.0.0.1"), is_loopback("::1"), is_loopback("pacs.example")
    (True, True, False)
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
