"""The process that decodes files from outside: `python -m debtors.datamatrix.worker FD`.

It owns nothing (no settings, no database, empty environment), can neither write a file nor grow beyond its memory, and
ends when the socket that it serves closes. Frames, both ways: 4-byte length then content; a request is a double
(seconds of budget), a byte (`READ`, `KEEP` or `DRAW`), then the file.

An answer is JSON, then, to `KEEP` when a card was read, a second frame: its picture, empty when none could be drawn. To
`DRAW` (a letter), the JSON is how it ended, how many pages were drawn, how many there are; a frame for each page follows.
"""

from __future__ import annotations

import json
import math
import os
import resource
import socket
import struct
import sys
from typing import Final

from debtors.datamatrix.results import ReadingResult

LENGTH: Final = struct.Struct("!I")
REQUEST: Final = struct.Struct("!dB")
READ, KEEP, DRAW = range(3)
MEMORY_BYTES: Final = 1024 * 1024 * 1024
READY: Final = b"ready"
#: What an answer tells of a reading, in this order.
TOLD: Final = tuple(name for name in ReadingResult.__slots__ if name != "image")


def receive(channel: socket.socket, size: int) -> bytes:
    """Exactly `size` bytes. Raises EOFError when the other side has closed."""
    buffer = bytearray(size)
    view = memoryview(buffer)
    while view:
        count = channel.recv_into(view)
        if not count:
            raise EOFError
        view = view[count:]
    return bytes(buffer)


def receive_frame(channel: socket.socket, limit: int) -> bytes:
    """One frame. Raises EOFError (closed) and ValueError (longer than `limit` bytes)."""
    (size,) = LENGTH.unpack(receive(channel, LENGTH.size))
    if size > limit:
        raise ValueError("Frame too long.")
    return receive(channel, size)


def send_frame(channel: socket.socket, *parts: bytes) -> None:
    """One frame made of the given parts."""
    channel.sendall(LENGTH.pack(sum(map(len, parts))))
    for part in parts:
        channel.sendall(part)


def _confine() -> None:
    """Memory, files, core dumps: what a hostile file may not have even if it takes over a decoder."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # Native decoders write their warnings on the standard outputs: nothing of a card may reach a log.
    silence = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(silence, stream)


def _allow_cpu(seconds: float) -> None:
    """Let this process use so much more processor time; beyond, the kernel kills it."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    limit = math.ceil(used.ru_utime + used.ru_stime + seconds) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.RLIM_INFINITY))


def _warm() -> None:
    """Import every library and run each once, so that the first card does not wait for it."""
    import cv2  # noqa: F401
    import pypdfium2  # noqa: F401

    from debtors.datamatrix import cleaning, keeping, readers
    from debtors.datamatrix.drawing import render_symbol_png

    cleaning.libdmtx_available()
    card = render_symbol_png("warm")
    readers.read_image(card)
    keeping.picture_of(card)


def _serve(channel: socket.socket, request: bytes) -> None:
    from debtors.datamatrix.keeping import letter_of, picture_of
    from debtors.datamatrix.readers import read_image

    budget_s, wanted = REQUEST.unpack_from(request)
    data = request[REQUEST.size :]
    _allow_cpu(budget_s)
    if wanted == DRAW:
        letter = letter_of(data, budget_s)
        send_frame(channel, json.dumps([letter.outcome, len(letter.pages), letter.total]).encode())
        for page in letter.pages:
            send_frame(channel, page)
        return
    # A decoder that raises ends this process: the caller sees a closed socket and starts another.
    result = read_image(data, budget_s=budget_s)
    send_frame(channel, json.dumps([getattr(result, name) for name in TOLD]).encode())
    if wanted == KEEP and result.decoded:
        send_frame(channel, picture_of(data, result.page))


def main(descriptor: int) -> None:
    """Serve readings until the other side closes."""
    channel = socket.socket(fileno=descriptor)
    _confine()
    _warm()
    send_frame(channel, READY)
    while True:
        try:
            request = receive_frame(channel, 2**31)
        except (EOFError, OSError):
            return
        _serve(channel, request)


if __name__ == "__main__":
    main(int(sys.argv[1]))
