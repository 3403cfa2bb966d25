"""HTTP as an archive speaks it: one host, TLS of one's own, bounded waiting, plain sentences for refusals.

No proxy, no ``.netrc`` and no cookie of the environment is used, and no redirection leads to another host:
what is sent goes where the address says.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import quote, urlencode, urljoin, urlsplit

import urllib3
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NameResolutionError,
    NewConnectionError,
    ProtocolError,
    ReadTimeoutError,
    SSLError,
)
from urllib3.response import BaseHTTPResponse

from hepalith import __version__
from hepalith.errors import FetchError
from hepalith.server.credentials import PASSWORD, TOKEN, USER, authorization
from hepalith.server.patience import Patience
from hepalith.server.remote import Address, Credentials, Tls
from hepalith.server.tls import client_context

__all__ = ["Answer", "Body", "BrokenStreamError", "Http", "refusal"]

ASK_AGAIN = frozenset({429, 502, 503, 504})
"""Answers that say "later" (RFC 9110, 15.6; RFC 6585, 4)."""

REDIRECTIONS = frozenset({301, 302, 303, 307, 308})
MOST_REDIRECTIONS = 3
"""One is a slash at the end; more than three is a loop. Our judgement."""

LONGEST_ANSWER = 1 << 26
"""Bytes of an answer that is held in memory: 64 MiB is some 60,000 studies of a search. Our judgement."""

BLOCK = 1 << 20
"""Bytes read and sent at a time; larger ones were not faster on loopback."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    type: str
    content: bytes


class Body(Protocol):
    """What is sent: it can be gone through several times and knows its length in bytes."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[bytes]: ...


class BrokenStreamError(FetchError):
    """An answer that ended before its end; it may be asked for again."""


class Http:
    """One archive's HTTP."""

    def __init__(
        self, address: Address, tls: Tls, credentials: Credentials, patience: Patience | None = None
    ) -> None:
        self.address = address
        self.patience = patience or Patience()
        who = authorization(credentials, address)
        self.is_named = bool(who)
        self._headers = {"User-Agent": f"hepalith/{__version__}", "Accept-Encoding": "identity"}
        if who:
            self._headers["Authorization"] = who
        self._pool = urllib3.PoolManager(
            num_pools=2,
            maxsize=2,
            retries=False,
            timeout=urllib3.Timeout(connect=self.patience.connect_s, read=self.patience.answer_s),
            ssl_context=client_context(tls) if address.encrypted else None,
        )
        silence_queries()

    def get(self, path: str, accept: str, query: Sequence[tuple[str, str]] = ()) -> Answer:
        """Ask for something small."""
        with self.stream(path, accept, query) as response:
            content = b"".join(self.blocks(response, LONGEST_ANSWER))
            return Answer(response.status, response.headers.get("Content-Type", ""), content)

    def post(self, path: str, body: Body, content_type: str, accept: str) -> Answer:
        """Send something; may be sent twice, so it must be such that the second time changes nothing."""
        headers = {"Content-Type": content_type, "Content-Length": str(len(body)), "Accept": accept}
        response = self._insist("POST", f"{self.address.url}{path}", headers, body)
        with contextlib.closing(response):
            content = b"".join(self.blocks(response, LONGEST_ANSWER))
            return Answer(response.status, response.headers.get("Content-Type", ""), content)

    @contextlib.contextmanager
    def stream(
        self, path: str, accept: str, query: Sequence[tuple[str, str]] = ()
    ) -> Iterator[BaseHTTPResponse]:
        """Ask for something large, which is read block by block; see `blocks`."""
        url = f"{self.address.url}{path}" + (f"?{query_text(query)}" if query else "")
        for _ in range(MOST_REDIRECTIONS):
            response = self._insist("GET", url, {"Accept": accept})
            if response.status not in REDIRECTIONS:
                break
            response.close()
            url = self._same_host(url, response.headers.get("Location", ""))
        else:
            raise FetchError(f"{self.address} redirects in a circle; check the address")
        with contextlib.closing(response):
            yield response

    def blocks(self, response: BaseHTTPResponse, most: int | None = None) -> Iterator[bytes]:
        """Yield what an answer holds.

        Raises
        ------
        BrokenStreamError
            If it ends too early.
        FetchError
            If it is longer than `most` bytes.
        """
        came = 0
        try:
            while block := response.read(BLOCK):
                came += len(block)
                if most is not None and came > most:
                    raise FetchError(f"{self.address} answers with more than {most >> 20} MiB; ask for less")
                yield block
        except ReadTimeoutError as error:
            raise self._explained(error) from error
        except (HTTPError, OSError) as error:
            if isinstance(error, FetchError):
                raise
            raise BrokenStreamError(
                f"{self.address} broke its answer off ({plain(error)}); try again"
            ) from error

    def _insist(
        self, method: str, url: str, headers: Mapping[str, str], body: Body | None = None
    ) -> BaseHTTPResponse:
        """Ask until there is an answer other than "later", as often as patience goes."""
        patience = self.patience
        for attempt in range(patience.attempts):
            is_last = attempt == patience.attempts - 1
            try:
                response = self._pool.urlopen(
                    method,
                    url,
                    body=body,
                    headers={**self._headers, **headers},
                    redirect=False,
                    preload_content=False,
                )
            except ProtocolError as error:
                if is_last:
                    raise self._explained(error) from error
                patience.wait(attempt)
                continue
            except (HTTPError, OSError) as error:
                raise self._explained(error) from error
            if response.status not in ASK_AGAIN or is_last:
                return response
            response.close()
            patience.wait(attempt, response.headers.get("Retry-After", ""))
        raise AssertionError("the last attempt returns or raises")

    def _same_host(self, url: str, location: str) -> str:
        """Return where a redirection leads, if it stays with the host that the address names."""
        target, stays = "", False
        with contextlib.suppress(ValueError):
            target = urljoin(url, location)
            stays = origin(target) == origin(url)
        if not location or not stays:
            raise FetchError(
                f"{self.address} sends us on to another host, which was not followed; "
                "give the address of the archive itself"
            )
        return target

    def _explained(self, error: Exception) -> FetchError:
        """Return in one line why nothing was answered."""
        address = self.address
        if isinstance(error, NameResolutionError):
            said = f"nobody knows a host named {address.host}; check the address"
        elif isinstance(error, NewConnectionError):
            said = "nothing listens there; check host and port, and that the archive runs"
        elif isinstance(error, ConnectTimeoutError):
            said = f"no answer within {self.patience.connect_s:g} s; check the address and the network"
        elif isinstance(error, ReadTimeoutError):
            said = f"it fell silent for {self.patience.answer_s:g} s; try again, or give a longer --timeout"
        elif isinstance(error, SSLError):
            said = tls_reason(str(error))
        else:
            said = f"the connection broke ({plain(error)}); try again"
        return FetchError(f"{address}: {said}")


def query_text(query: Sequence[tuple[str, str]]) -> str:
    """Return a query as it stands in a URL; archives look for ``*`` as it is, and take ``+`` for a plus.

    Examples
    --------
    >>> query_text([("PatientName", "LI *")])
    'PatientName=LI%20*'
    """
    return urlencode(query, safe="*?", quote_via=quote)


def origin(url: str) -> tuple[str, str, int]:
    """Return scheme, host and port of a URL."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)


OTHER_HOST = "its certificate is for another host; use the name that stands in the certificate"
UNTRUSTED = "its certificate is not trusted; name the authority that signed it with --tls-authorities FILE"
NO_TLS = "it does not speak TLS at this port; check the port, or write http://"
OURS = "it wants a certificate of ours; name one with --tls-certificate FILE and --tls-key FILE"

TLS_REASONS = (
    ("hostname mismatch", OTHER_HOST),
    ("doesn't match", OTHER_HOST),
    ("ip address mismatch", OTHER_HOST),
    ("expired", "its certificate has expired; ask who runs the archive"),
    ("certificate verify failed", UNTRUSTED),
    ("wrong version number", NO_TLS),
    ("record layer failure", NO_TLS),
    ("certificate required", OURS),
    ("handshake failure", OURS),
    ("bad certificate", OURS),
    ("eof occurred", OURS.replace("it wants", "it broke off; it may want")),
)
"""What OpenSSL says, and what that means; the first that fits. A server that refuses us may break off before
it says why."""


def tls_reason(text: str) -> str:
    """Return in plain words why TLS failed."""
    low = text.lower()
    for said, meaning in TLS_REASONS:
        if said in low:
            return meaning
    return f"TLS failed ({' '.join(text.split())[:120]}); check the --tls options"


def plain(error: Exception) -> str:
    """Return what broke, without the address and the question that libraries repeat."""
    cause = error.args[-1] if error.args and isinstance(error.args[-1], Exception) else error
    return str(getattr(cause, "strerror", None) or type(cause).__name__)


def refusal(http: Http, answer: Answer | BaseHTTPResponse, wanted: str) -> str:
    """Return one line for an answer that is no success: what is wrong and what to do.

    Parameters
    ----------
    wanted
        What was asked for, as a verb: ``"search"``, ``"give study 1.2.3"``.
    """
    address, status = http.address, answer.status
    if status == 401 and http.is_named:
        return f"{address} does not know this user or password (401); check what the environment holds"
    if status == 401:
        return f"{address} asks who you are (401); set {USER} and {PASSWORD}, or {TOKEN}, in the environment"
    if status == 403:
        return f"{address} does not allow you to {wanted} (403); ask who runs it for the right"
    if status in (404, 405):  # 405: another page of the archive stands there
        return f"{address} has nothing to {wanted} with ({status}); check the path, for example /dicom-web"
    if status in ASK_AGAIN:
        return f"{address} is busy or being served ({status}); try again later"
    return f"{address} could not {wanted} (HTTP {status}); see its log"


class QueryFilter(logging.Filter):
    """Takes what follows ``?`` out of the URLs that urllib3 logs: a patient's id may stand there."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record pass, shortened."""
        if isinstance(record.args, tuple):
            record.args = tuple(a.partition("?")[0] if isinstance(a, str) else a for a in record.args)
        return True


_QUERY_FILTER = QueryFilter()


def silence_queries() -> None:
    """Make sure that no query reaches a log; done twice, it is done once."""
    logging.getLogger("urllib3.connectionpool").addFilter(_QUERY_FILTER)
