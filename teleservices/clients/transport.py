"""HTTPS with mutual TLS for the teleservices: pinned trust, kept connections, hard limits, and exact failures.

Directly on urllib3, which requests is made of: nothing of the environment is used (no proxy, no CA bundle, no netrc),
no cookie is kept, no redirect is followed, nothing is retried. TLS 1.2 or more. An answer is read up to a size and to
an instant, whatever pace the other side chooses.
"""

from __future__ import annotations

import math
import os
import socket
import ssl
import threading
import time
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPException, RemoteDisconnected
from typing import Any
from urllib.parse import urlsplit

import urllib3

from teleservices.clients.addresses import AddressPolicy, pinned_manager
from teleservices.clients.credentials import Credentials
from teleservices.clients.errors import (
    AnswerLost,
    CallError,
    ConfigurationError,
    InvalidAnswer,
    NotSent,
    PresentedCertificate,
)

POOL_SIZE = 64
SERVER_REFUSED = "server_certificate_refused"
_READ_BLOCK_BYTES = 64 * 1024
_KEPT_OF_TOO_BIG_BYTES = 64 * 1024
_ALERT_WAIT_SECONDS = 0.5
# Alerts by which a server refuses the certificate that we showed, or that we did not show. With TLS 1.3 they arrive
# after our handshake is over, at the first read.
_CLIENT_CERTIFICATE_ALERTS = ("CERTIFICATE", "UNKNOWN_CA", "ACCESS_DENIED")
# No common ground: version, ciphers, or a TLS 1.2 server that wanted a certificate.
_INCOMPATIBLE = ("HANDSHAKE_FAILURE", "PROTOCOL_VERSION", "INSUFFICIENT_SECURITY", "UNSUPPORTED_PROTOCOL",
                 "WRONG_VERSION_NUMBER", "UNRECOGNIZED_NAME")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds and bytes. `total`: from the start of the call to the last byte; connecting has `connect` of its own."""

    connect: float
    read: float
    total: float
    max_answer_bytes: int


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What came back, whatever the status. `duration_ms`: from the start of the connection to the last byte."""

    status: int
    body: bytes
    duration_ms: int


class _CallState(threading.local):
    """The call that this thread is making: sockets look here, so that a kept connection serves any thread."""

    deadline: float = math.inf
    sent: bool = False
    expired: bool = False


_call = _CallState()


class _DeadlineSocket(ssl.SSLSocket):
    """A TLS socket that obeys the deadline of the call, and notes when the first byte of a request leaves.

    A timeout alone bounds each read: a peer that sends one byte a second would hold a thread for ever.
    """

    def recv_into(self, buffer: Any, nbytes: int | None = None, flags: int = 0) -> int:
        with self._until_deadline():
            return super().recv_into(buffer, nbytes, flags)

    def send(self, data: Any, flags: int = 0) -> int:
        try:
            with self._until_deadline():
                _call.sent = True
                return super().send(data, flags)
        except OSError:
            self._raise_pending_alert()
            raise

    @contextmanager
    def _until_deadline(self) -> Iterator[None]:
        remaining = _call.deadline - time.monotonic()
        if remaining <= 0:
            _call.expired = True
            raise TimeoutError("deadline exceeded")
        usual = self.gettimeout()
        if usual is not None and usual <= remaining:
            yield
            return
        self.settimeout(remaining)
        try:
            yield
        except TimeoutError:
            _call.expired = True
            raise
        finally:
            with suppress(OSError):
                self.settimeout(usual)

    def _raise_pending_alert(self) -> None:
        """A server that refuses our certificate closes at once: writing fails, and the reason waits to be read."""
        try:
            self.settimeout(_ALERT_WAIT_SECONDS)
            super().recv(1)
        except ssl.SSLError as alert:
            if "ALERT" in str(alert.reason):
                raise
        except OSError:
            return


#: A host, and what it said of the hour, if it did.
Dated = Callable[[str, str | None], None]


@dataclass(frozen=True, slots=True)
class _Connections:
    """Connections made with one version of the credentials, in one process. urllib3's pool is safe from several threads."""

    version: Hashable
    process: int
    pool: urllib3.PoolManager


class MutualTlsTransport:
    """Posts with one client certificate. Share it between threads; it survives a fork and renewed credentials.

    They are read at the first call, so that a missing certificate fails the calls that need it and no others.
    `dated` is told who has just answered and what hour they said it was (the header `Date`), before the answer is read.
    """

    def __init__(
        self, credentials: Credentials, limits: Limits, addresses: AddressPolicy, dated: Dated | None = None
    ) -> None:
        self._credentials = credentials
        self._limits = limits
        self._addresses = addresses
        self._dated = dated
        self._lock = threading.Lock()
        self._connections: _Connections | None = None

    def post(self, url: str, body: bytes, headers: dict[str, str]) -> HttpAnswer:
        """Post and read the whole answer, whatever its status. Raises a CallError (see `errors`)."""
        started = time.monotonic()
        _call.sent, _call.expired = False, False
        _call.deadline = started + self._limits.total
        try:
            self._addresses.check(url)
            return self._exchange(self._pool(), url, body, headers, started)
        except CallError as error:
            error.duration_ms = _elapsed_ms(started)
            raise
        except (urllib3.exceptions.HTTPError, HTTPException, OSError, ValueError) as error:
            failure = _failure(error)
            if isinstance(failure, ConfigurationError) and failure.reason == SERVER_REFUSED:
                failure.presented = self._presented(url, error)
            failure.duration_ms = _elapsed_ms(started)
            raise failure from error
        finally:
            _call.deadline = math.inf

    def close(self) -> None:
        """Close the kept connections. The next call opens new ones."""
        with self._lock:
            if self._connections is not None:
                self._connections.pool.clear()
                self._connections = None

    def _exchange(
        self, pool: urllib3.PoolManager, url: str, body: bytes, headers: dict[str, str], started: float
    ) -> HttpAnswer:
        response = pool.urlopen(
            "POST",
            url,
            body=body,
            headers={"Accept-Encoding": "identity", "Accept": "text/xml", **headers},
            timeout=urllib3.Timeout(connect=self._limits.connect, read=self._limits.read),
            retries=False,
            redirect=False,
            preload_content=False,
            decode_content=False,
        )
        if self._dated is not None:
            self._dated(urlsplit(url).netloc, response.headers.get("Date"))
        try:
            answer = self._read(response)
        except BaseException:
            response.close()  # what was not read is not waited for
            raise
        response.release_conn()
        return HttpAnswer(response.status, answer, _elapsed_ms(started))

    def _read(self, response: urllib3.BaseHTTPResponse) -> bytes:
        limit = self._limits.max_answer_bytes
        declared = response.headers.get("Content-Length", "")
        if declared.isdigit() and int(declared) > limit:
            raise InvalidAnswer("answer_too_big", http_status=response.status)
        if response.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise InvalidAnswer("answer_encoded", http_status=response.status)
        received = bytearray()
        while block := response.read(_READ_BLOCK_BYTES, decode_content=False):
            received += block
            if len(received) > limit:
                kept = bytes(received[:_KEPT_OF_TOO_BIG_BYTES])
                raise InvalidAnswer("answer_too_big", response_xml=kept, http_status=response.status)
        return bytes(received)

    def _pool(self) -> urllib3.PoolManager:
        version = self._credentials.version()
        with self._lock:
            current = self._connections
            if current is None or current.version != version or current.process != os.getpid():
                # The old connections are left to the calls that use them; a child never touches its parent's.
                pool = pinned_manager(
                    self._addresses, num_pools=POOL_SIZE, maxsize=POOL_SIZE, ssl_context=self._context()
                )
                current = self._connections = _Connections(version, os.getpid(), pool)
            return current.pool

    def _context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # the peer's certificate and name are checked
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        # An authority may be trusted without the one above it.
        context.verify_flags |= ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN
        context.sslsocket_class = _DeadlineSocket
        self._credentials.load(context)
        return context

    def _presented(self, url: str, error: BaseException) -> PresentedCertificate | None:
        """The certificate that was refused: a second handshake, that trusts it and says nothing, to tell people which.

        The library does not give it with its refusal. None when it cannot be had.
        """
        refusal = next(link for link in _chained(error) if isinstance(link, ssl.SSLCertVerificationError))
        address = urlsplit(url)
        host, port = address.hostname or "", address.port or 443
        try:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            self._credentials.load(context)
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            reached = self._addresses.resolve(host, port)[0][4][:2]
            with (
                socket.create_connection(reached, timeout=self._limits.connect) as plain,
                context.wrap_socket(plain, server_hostname=host) as secured,
            ):
                der = secured.getpeercert(binary_form=True)
        except (OSError, ValueError, CallError):
            return None
        return PresentedCertificate(f"{host}:{port}", der, refusal.verify_code) if der else None


def _failure(error: BaseException) -> CallError:
    """What a failure of the network means, from what was sent and from the errors chained in it."""
    chain = list(_chained(error))
    if any(isinstance(link, ssl.SSLCertVerificationError) for link in chain):
        return ConfigurationError(SERVER_REFUSED)
    reasons = [str(link.reason) for link in chain if isinstance(link, ssl.SSLError)]
    if any("ALERT" in reason and word in reason for reason in reasons for word in _CLIENT_CERTIFICATE_ALERTS):
        return ConfigurationError("client_certificate_refused")
    if not _call.sent:
        if any(word in reason for reason in reasons for word in _INCOMPATIBLE):
            return ConfigurationError("tls_incompatible")
        return NotSent(_not_sent_reason(chain))
    if _call.expired:
        return AnswerLost("deadline_exceeded")
    if _any(chain, TimeoutError, urllib3.exceptions.ReadTimeoutError):
        return AnswerLost("read_timeout")
    cuts = (OSError, RemoteDisconnected, urllib3.exceptions.IncompleteRead, urllib3.exceptions.InvalidChunkLength)
    if _any(chain, *cuts):
        return AnswerLost("connection_cut")
    return InvalidAnswer("not_http")


def _not_sent_reason(chain: list[BaseException]) -> str:
    if _any(chain, socket.gaierror, urllib3.exceptions.NameResolutionError):
        return "unknown_host"
    if _any(chain, ConnectionRefusedError):
        return "connection_refused"
    if _any(chain, TimeoutError, urllib3.exceptions.TimeoutError):
        return "connect_timeout"
    if _any(chain, urllib3.exceptions.LocationValueError, ValueError):
        return "bad_address"
    return "tls_handshake_failed" if _any(chain, ssl.SSLError) else "connection_failed"


def _any(chain: list[BaseException], *kinds: type[BaseException]) -> bool:
    return any(isinstance(link, kinds) for link in chain)


def _chained(error: BaseException) -> Iterator[BaseException]:
    """The error and all that it wraps: causes, contexts, arguments, and urllib3's `reason`."""
    waiting, seen = [error], set()
    while waiting:
        link = waiting.pop()
        if id(link) in seen:
            continue
        seen.add(id(link))
        yield link
        wrapped = [link.__cause__, link.__context__, getattr(link, "reason", None), *link.args]
        waiting += [item for item in wrapped if isinstance(item, BaseException)]


def _elapsed_ms(started: float) -> int:
    return round((time.monotonic() - started) * 1000)
