"""The HTTPS server: mutual TLS, one thread a connection, HTTP/1.1 kept alive, one write a response.

Certificates. Missing, expired, or of another authority: refused in the TLS handshake. Good but for the other service
(the directory's certificate on a payer's address, or the reverse): 403 and a SOAP fault, nothing is processed.
"""

from __future__ import annotations

import socket
import ssl
import sys
import threading
import time
from contextlib import suppress
from email.utils import formatdate
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import TCPServer, ThreadingMixIn
from typing import Any

from simulator.exchange import Exchanges, Reply, Wire

HANDSHAKE_TIMEOUT_SECONDS = 10
IDLE_TIMEOUT_SECONDS = 120
MAX_REQUEST_BYTES = 4 * 1024 * 1024
_BLOCK = b" " * 65536


def server_context(ca: Path, certificate: Path, key: Path) -> ssl.SSLContext:
    """TLS 1.2 or more, a client certificate of this authority and no other. Raises OSError when a file is wrong."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(cafile=str(ca))
    context.load_cert_chain(str(certificate), str(key))
    return context


class TlsServer(ThreadingMixIn, TCPServer):
    """Handshakes happen in the thread of the connection: a slow or hostile one delays nobody."""

    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    request_queue_size = 512

    exchanges: Exchanges  # set before serving: it needs the port

    def __init__(self, address: tuple[str, int], context: ssl.SSLContext, stop: threading.Event) -> None:
        super().__init__(address, RoleHandler)
        self.context = context
        self.stop = stop

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def finish_request(self, request: Any, client_address: Any) -> None:
        request.settimeout(HANDSHAKE_TIMEOUT_SECONDS)
        request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self.context.wrap_socket(request, server_side=True, do_handshake_on_connect=False) as tls:
            try:
                tls.do_handshake()
            except OSError as error:
                self.exchanges.journal.write("-", "tls_refused", reason=getattr(error, "reason", None) or "closed")
                _linger(tls)
                return
            tls.settimeout(IDLE_TIMEOUT_SECONDS)
            with suppress(OSError):
                RoleHandler(tls, client_address, self)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A broken connection is the caller's business, and all break when we stop; a fault of ours is shown."""
        if not isinstance(sys.exc_info()[1], OSError) and not self.stop.is_set():
            super().handle_error(request, client_address)


class RoleHandler(BaseHTTPRequestHandler):
    """POST only. The role is the organisational unit (OU) of the peer's certificate."""

    protocol_version = "HTTP/1.1"
    server: TlsServer
    connection: ssl.SSLSocket

    def do_POST(self) -> None:
        body = self._body()
        if body is None:
            return
        reply = self.server.exchanges.handle(self.path, self._unit(), body)
        # Written before the answer leaves: who got an answer finds its call in the journal.
        self._log(reply)
        sent = self._write(reply)
        if reply.wire.endless:
            self._log(reply, sent_bytes=sent)

    def _log(self, reply: Reply, **more: object) -> None:
        self.server.exchanges.journal.write(reply.operation, reply.outcome, reply.message_id, reply.amc, **more)

    def do_GET(self) -> None:
        self.send_error(HTTPStatus.METHOD_NOT_ALLOWED)

    def log_message(self, format: str, *args: Any) -> None:
        """Silent: the journal says what was called, without addresses or contents."""

    def _unit(self) -> str:
        certificate: dict[str, Any] = self.connection.getpeercert() or {}
        names = {name: value for relative in certificate.get("subject", ()) for name, value in relative}
        return str(names.get("organizationalUnitName", ""))

    def _body(self) -> bytes | None:
        length = self.headers.get("Content-Length", "")
        if not length.isdigit() or int(length) > MAX_REQUEST_BYTES:
            self.send_error(HTTPStatus.LENGTH_REQUIRED if not length else HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
            self.close_connection = True
            return None
        return self.rfile.read(int(length))

    def _write(self, reply: Reply) -> int:
        wire = reply.wire
        if wire.cut:
            self._cut()
            return 0
        if wire.endless:
            return self._write_endless(reply)
        content = self._head(reply, len(reply.body)) + reply.body
        if wire.truncated:
            self.connection.sendall(content[: len(content) - len(reply.body) // 2])
            self._cut()
        elif wire.pace:
            at_once = 0 if wire.paced_headers else len(content) - len(reply.body)
            self._drip(content, at_once, wire)
        else:
            self.connection.sendall(content)
        return len(content)

    def _head(self, reply: Reply, length: int | None) -> bytes:
        lines = [f"HTTP/1.1 {reply.status} {_phrase(reply.status)}", f"Content-Type: {reply.content_type}"]
        lines.append(f"Date: {formatdate(time.time() - reply.late_s, usegmt=True)}")
        lines += [f"{name}: {value}" for name, value in reply.headers.items()]
        if length is None:
            lines.append("Connection: close")
            self.close_connection = True
        else:
            lines.append(f"Content-Length: {length}")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    def _drip(self, content: bytes, at_once: int, wire: Wire) -> None:
        self.connection.sendall(content[:at_once])
        for position in range(at_once, len(content)):
            if self.server.stop.wait(wire.pace):
                return self._cut()
            self.connection.sendall(content[position : position + 1])
        return None

    def _write_endless(self, reply: Reply) -> int:
        self.connection.sendall(self._head(reply, reply.wire.endless if reply.wire.declared else None))
        sent = 0
        with suppress(OSError):  # the caller hung up: what we wanted to see
            while sent < reply.wire.endless and not self.server.stop.is_set():
                self.connection.sendall(_BLOCK)
                sent += len(_BLOCK)
        self.close_connection = True
        return sent

    def _cut(self) -> None:
        """As a pulled cable: no TLS farewell."""
        self.close_connection = True
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Status"


def _linger(tls: ssl.SSLSocket) -> None:
    """Let the alert reach the caller: closing with unread bytes would reset the connection and lose it."""
    with suppress(OSError):
        tls.shutdown(socket.SHUT_WR)
        tls.settimeout(1)
        while tls.recv(65536):
            pass
