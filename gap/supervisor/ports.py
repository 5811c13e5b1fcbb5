"""Ports of the loopback: is one free, and which one for this folder."""

from __future__ import annotations

import hashlib
import socket
from pathlib import Path

# Below the ports that Linux gives by itself: what is chosen here is not taken by an outgoing connection meanwhile.
_FIRST, _COUNT = 20_000, 10_000


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def port_for(folder: Path) -> int:
    """A free port, likely the same for the same folder and another for another. Raises RuntimeError if none is."""
    start = int.from_bytes(hashlib.sha256(str(folder.absolute()).encode()).digest()[:4], "big")
    for offset in range(_COUNT):
        port = _FIRST + (start + offset) % _COUNT
        if is_free(port):
            return port
    raise RuntimeError("Aucun port libre sur cette machine.")
