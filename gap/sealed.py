"""A file encrypted at rest, written and read in chunks that are each authenticated.

    magic (8) | id of the key (4) | salt (16) | chunks of 64 KiB, each followed by its tag of 16 bytes

AES-256-GCM under a key of this file alone (HKDF of a key of the ring and the salt). A chunk's nonce is its rank and
whether it is the last: chunks that were swapped, removed or added at the end are refused, and so is a file put in the
place of another, whose name is authenticated with each chunk.
"""

from __future__ import annotations

import io
import os
from typing import IO, Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from gap.crypto import KEY_ID, DecryptionError, file_keys

MAGIC: Final = b"GAPSEAL1"
CHUNK: Final = 64 * 1024
_SALT: Final = 16
_TAG: Final = 16
_HEADER: Final = len(MAGIC) + KEY_ID + _SALT


def key_id_of(head: bytes) -> bytes | None:
    """Which key sealed the file that starts with `head` (12 bytes are enough); None: it is not sealed."""
    return head[len(MAGIC) : len(MAGIC) + KEY_ID] if head.startswith(MAGIC) else None


#: (short id, key of 32 bytes), the current one first.
Ring = list[tuple[bytes, bytes]]


def seal(plain: IO[bytes], sealed: IO[bytes], context: str, ring: Ring | None = None) -> None:
    """Write `plain`, from where it stands to its end, encrypted under the current key of the ring (that of the files
    unless told) into `sealed`."""
    key_id, key = (ring or file_keys())[0]
    salt = os.urandom(_SALT)
    cipher = _cipher(key, salt)
    sealed.write(MAGIC + key_id + salt)
    rank, chunk = 0, _exactly(plain)
    while True:
        following = _exactly(plain) if len(chunk) == CHUNK else b""
        sealed.write(cipher.encrypt(_nonce(rank, last=not following), chunk, context.encode()))
        if not following:
            return
        rank, chunk = rank + 1, following


class Unsealed(io.RawIOBase):
    """The content of a sealed file, read as any file: `sealed` is its bytes, seekable; it is closed with this one.

    Raises DecryptionError as soon as a chunk was altered, cut, moved, or when its key is no longer in the ring.
    """

    def __init__(self, sealed: IO[bytes], context: str, ring: Ring | None = None) -> None:
        self._sealed = sealed
        self._context = context
        sealed.seek(0)
        head = sealed.read(_HEADER)
        key = dict(ring or file_keys()).get(key_id_of(head) or b"")
        if key is None or len(head) < _HEADER:
            raise DecryptionError(f"unreadable file in {context.partition('/')[0]}")
        self._cipher = _cipher(key, head[-_SALT:])
        body = sealed.seek(0, os.SEEK_END) - _HEADER
        self._count = max(1, -(-body // (CHUNK + _TAG)))
        self.length = max(0, body - self._count * _TAG)
        self._at = 0
        self._held: tuple[int, bytes] = (-1, b"")

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self.length}[whence]
        self._at = max(0, start + offset)
        return self._at

    def readinto(self, buffer: Any) -> int:
        if self._at >= self.length:
            # An empty file has one chunk too: nothing but its tag says that it was not cut.
            self._chunk(self._count - 1)
            return 0
        rank, inside = divmod(self._at, CHUNK)
        piece = self._chunk(rank)[inside : inside + len(buffer)]
        buffer[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)

    def close(self) -> None:
        if not self.closed:
            self._sealed.close()
        super().close()

    def _chunk(self, rank: int) -> bytes:
        if self._held[0] != rank:
            self._sealed.seek(_HEADER + rank * (CHUNK + _TAG))
            body = self._sealed.read(CHUNK + _TAG)
            try:
                plain = self._cipher.decrypt(_nonce(rank, last=rank == self._count - 1), body, self._context.encode())
            except (InvalidTag, ValueError):
                raise DecryptionError(f"unreadable file in {self._context.partition('/')[0]}") from None
            self._held = (rank, plain)
        return self._held[1]


def _cipher(key: bytes, salt: bytes) -> AESGCM:
    return AESGCM(HKDF(algorithm=hashes.SHA256(), length=32, salt=salt, info=b"mini-gap:one file").derive(key))


def _nonce(rank: int, *, last: bool) -> bytes:
    return rank.to_bytes(11, "big") + bytes([last])


def _exactly(plain: IO[bytes]) -> bytes:
    """A whole chunk, or what is left: a read may give less than what is asked before the end."""
    parts, missing = [], CHUNK
    while missing and (part := plain.read(missing)):
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)
