"""A TLS peer that misbehaves on purpose, byte by byte: for what a well-written simulator would not do."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

from gap.pki import CertificatePair, DevelopmentPki


class RawServer:
    """Runs `speak(connection)` for each connection, then closes it. `tls`: the PKI whose server certificate to show.

    `client_ca`: require a client certificate of that authority. `version`: the only TLS version spoken.
    """

    def __init__(
        self,
        speak: Callable[[socket.socket], None],
        tls: DevelopmentPki | None,
        *,
        pair: CertificatePair | None = None,
        require_client: bool = False,
        version: ssl.TLSVersion | None = None,
    ) -> None:
        self._speak = speak
        self._context = self._make_context(tls, pair, require_client, version) if tls is not None else None
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.connections = 0

    @classmethod
    def answering(cls, reply: bytes, tls: DevelopmentPki) -> Self:
        """Reads one request and sends this."""

        def speak(connection: socket.socket) -> None:
            read_request(connection)
            connection.sendall(reply)

        return cls(speak, tls)

    @property
    def port(self) -> int:
        return int(self._socket.getsockname()[1])

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}/"

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError):
            if self._context is not None:
                connection = self._context.wrap_socket(connection, server_side=True)
            with connection:
                self._speak(connection)
        connection.close()

    def _make_context(
        self, tls: DevelopmentPki, pair: CertificatePair | None, require_client: bool, version: ssl.TLSVersion | None
    ) -> ssl.SSLContext:
        shown = pair or tls.server
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(str(shown.certificate), str(shown.key))
        if require_client:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(str(tls.ca))
        if version is not None:
            context.minimum_version = context.maximum_version = version
        return context


def read_request(connection: socket.socket) -> bytes:
    """One HTTP request with a Content-Length."""
    data = b""
    while b"\r\n\r\n" not in data:
        block = connection.recv(65536)
        if not block:
            return data
        data += block
    head, _, body = data.partition(b"\r\n\r\n")
    length = next(
        int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")
    )
    while len(body) < length:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


def http_response(body: bytes, status: str = "200 OK", extra: str = "") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: text/xml\r\n{extra}Content-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def envelope(payload: str) -> bytes:
    soap = "http://schemas.xmlsoap.org/soap/envelope/"
    return f'<e:Envelope xmlns:e="{soap}"><e:Body>{payload}</e:Body></e:Envelope>'.encode()
