"""Between the product and PostgreSQL: the answer that ends a transaction may be lost on its way, the transaction being done."""

from __future__ import annotations

import contextlib
import socket
import struct
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Self
from urllib.parse import quote

from django.db import connection

#: What the server sends when it waits for the client before it has said that it is ready: COPY.
_WAITS = b"GHW"


class Relay:
    """Listens on a unix socket and hands on to the server, whole answer by whole answer.

    `lose(nth)` arms it: of the transactions that end from then on, the nth has its answer thrown away once the server
    has given it (so: once it is committed), and both sides are closed. A statement alone is a transaction too;
    `of`: those alone count that end by a COMMIT and have such a word in them (« INSERT »; « COMMIT », any).
    PostgreSQL's protocol 3 says when one has ended: ReadyForQuery, status « I ».
    """

    def __init__(self, host: str, port: int = 5432) -> None:
        #: As libpq has it: the folder of a socket, or a name.
        self.host, self.port = host, port
        #: What each transaction that ended was made of, in the server's words (« INSERT 0 1 », « COMMIT »).
        self.ended: list[list[str]] = []
        #: What the one was made of whose answer was lost.
        self.lost: list[str] | None = None
        self._to_lose = 0
        self._of = ""
        self._lock = threading.Lock()
        self._folder = tempfile.TemporaryDirectory(prefix="gap-relay-")
        self._listening = socket.socket(socket.AF_UNIX)
        self._open: set[socket.socket] = set()

    @property
    def folder(self) -> str:
        return self._folder.name

    @property
    def url(self) -> str:
        return f"postgres://postgres@{quote(self.folder, safe='')}/minigap"

    def lose(self, nth: int, of: str = "") -> None:
        with self._lock:
            self._to_lose, self._of, self.lost, self.ended = nth, of, None, []

    def hold_still(self) -> None:
        """Nothing more is lost; what was stays told."""
        with self._lock:
            self._to_lose = 0

    def start(self) -> Self:
        self._listening.bind(f"{self.folder}/.s.PGSQL.5432")
        self._listening.listen()
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def stop(self) -> None:
        self._close(self._listening, *self._open)
        self._folder.cleanup()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            try:
                server = self._connected()
            except OSError:
                self._close(client)
                continue
            self._open |= {client, server}
            for carry in (self._ask, self._answer):
                threading.Thread(target=self._until_closed, args=(carry, client, server), daemon=True).start()

    def _connected(self) -> socket.socket:
        if not self.host.startswith("/"):
            return socket.create_connection((self.host, self.port), timeout=None)
        server = socket.socket(socket.AF_UNIX)
        server.connect(f"{self.host}/.s.PGSQL.{self.port}")
        return server

    def _until_closed(
        self, carry: Callable[[socket.socket, socket.socket], None], client: socket.socket, server: socket.socket
    ) -> None:
        with contextlib.suppress(OSError):
            carry(client, server)
        self._close(client, server)

    def _ask(self, client: socket.socket, server: socket.socket) -> None:
        while data := client.recv(65536):
            server.sendall(data)

    def _answer(self, client: socket.socket, server: socket.socket) -> None:
        held, of, ready = b"", list[str](), False
        for kind, message in _messages(server):
            held += message
            if kind == b"C":
                of.append(message[5:-1].decode())
            if kind == b"Z" and message[5:6] == b"I" and of:
                if self._is_lost(of):
                    return
                of = []
            ready = ready or kind == b"Z"
            # Before the first word « ready », each message of the opening is waited for.
            if kind == b"Z" or kind in _WAITS or not ready:
                client.sendall(held)
                held = b""

    def _is_lost(self, of: list[str]) -> bool:
        with self._lock:
            if self._of and not (of[-1] == "COMMIT" and any(one.startswith(self._of) for one in of)):
                return False
            self.ended.append(of)
            if not self._to_lose or len(self.ended) < self._to_lose:
                return False
            self._to_lose, self.lost = 0, of
            return True

    def _close(self, *sockets: socket.socket) -> None:
        for one in sockets:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()


def _messages(server: socket.socket) -> Iterator[tuple[bytes, bytes]]:
    """Kind and whole bytes of each message: one byte, a length that counts itself, the content."""
    data = b""
    while received := server.recv(65536):
        data += received
        while len(data) >= 5 and len(data) > (size := struct.unpack("!I", data[1:5])[0]):
            yield data[:1], data[: size + 1]
            data = data[size + 1 :]


@contextmanager
def through_a_relay() -> Iterator[Relay]:
    """What this very process asks of the suite's database goes through a relay until the block ends."""
    settings = connection.settings_dict
    own = settings["HOST"], settings["PORT"]
    connection.close()
    relay = Relay(own[0] or "localhost", int(own[1] or 5432)).start()
    settings["HOST"], settings["PORT"] = relay.folder, ""
    try:
        yield relay
    finally:
        connection.close()
        settings["HOST"], settings["PORT"] = own
        relay.stop()
