"""Encryption of a value at rest, and the keyed index that finds it again.

AES-256-GCM under a key of the ring; the token starts with the key's short id, so that a new key can be put first while
older ones still decrypt. A blind index is an HMAC-SHA-256 under another key: equal values, equal index; nothing else
is told. It has a ring too: what is written is indexed under its first key, what is looked for is looked for under all.
Keys are derived from the settings' secrets by HKDF (docs/adr/0014).
"""

from __future__ import annotations

import hashlib
import hmac
import os
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

_NONCE = 12
#: Bytes at the head of a token that say which key made it.
KEY_ID = 4


class DecryptionError(ValueError):
    """The value was altered, moved to another place, or its key is no longer in the ring."""


@lru_cache(maxsize=64)
def _derive(secret: str, purpose: bytes) -> bytes:
    return HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=b"mini-gap:" + purpose).derive(secret.encode())


def _secrets(ring: str) -> list[str]:
    return [secret.strip() for secret in ring.split(",")]


@lru_cache(maxsize=4)
def _ring(secrets: str) -> tuple[tuple[bytes, AESGCM], ...]:
    keys = [_derive(secret, b"field") for secret in _secrets(secrets)]
    return tuple((_id_of(key), AESGCM(key)) for key in keys)


def _id_of(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()[:KEY_ID]


def current_key_id() -> bytes:
    """What the tokens made from now on start with."""
    return _ring(settings.FIELD_ENCRYPTION_KEY)[0][0]


def encrypt(plain: bytes, context: str) -> bytes:
    """Encrypt for one column: `context` ("table.column") is authenticated, so a value can't be moved to another."""
    key_id, cipher = _ring(settings.FIELD_ENCRYPTION_KEY)[0]
    nonce = os.urandom(_NONCE)
    return key_id + nonce + cipher.encrypt(nonce, plain, context.encode())


def decrypt(token: bytes, context: str) -> bytes:
    """Raises DecryptionError when the token is not readable in this context."""
    key_id, nonce, body = token[:KEY_ID], token[KEY_ID : KEY_ID + _NONCE], token[KEY_ID + _NONCE :]
    for known, cipher in _ring(settings.FIELD_ENCRYPTION_KEY):
        if known == key_id:
            try:
                return cipher.decrypt(nonce, body, context.encode())
            except InvalidTag:
                break
    raise DecryptionError(f"unreadable value in {context}")


class KeyRing:
    """Keys that are not those of the settings: what is written for another installation (a copy for training)."""

    def __init__(self, field_secret: str, index_secret: str) -> None:
        self._key = _derive(field_secret, b"field")
        self._index_secret = index_secret

    def encrypt(self, plain: bytes, context: str) -> bytes:
        """A token as that installation's own `encrypt` makes."""
        nonce = os.urandom(_NONCE)
        return _id_of(self._key) + nonce + AESGCM(self._key).encrypt(nonce, plain, context.encode())

    def blind_index(self, value: str, purpose: str) -> str:
        return _hmac(_derive(self._index_secret, f"index:{purpose}".encode()), value)


def file_keys() -> list[tuple[bytes, bytes]]:
    """(short id, 32-byte key) of the files, the current one first. Derived apart from those of the columns."""
    keys = [_derive(secret, b"file") for secret in _secrets(settings.FIELD_ENCRYPTION_KEY)]
    return [(_id_of(key), key) for key in keys]


def backup_keys() -> list[tuple[bytes, bytes]]:
    """(short id, 32-byte key) of the backups, the current one first: of BACKUP_KEY, or of the ring of the fields without it."""
    keys = [_derive(secret, b"backup") for secret in _secrets(settings.BACKUP_KEY or settings.FIELD_ENCRYPTION_KEY)]
    return [(_id_of(key), key) for key in keys]


def index_keys(purpose: str) -> list[bytes]:
    """The keys of one blind index, the current one first: two columns never share theirs."""
    return [_derive(secret, f"index:{purpose}".encode()) for secret in _secrets(settings.BLIND_INDEX_KEY)]


def derived_key(secret: str, purpose: str) -> bytes:
    """A key of 32 bytes for one purpose, from a secret of the settings."""
    return _derive(secret, purpose.encode())


def index_key(purpose: str) -> bytes:
    """The key under which one blind index is written."""
    return index_keys(purpose)[0]


def blind_index(value: str, purpose: str) -> str:
    """Hexadecimal HMAC of a normalised value, as it is written beside an encrypted column."""
    return _hmac(index_key(purpose), value)


def blind_indexes(value: str, purpose: str) -> list[str]:
    """The same under every key of the ring, the current one first: what an equality search must accept."""
    return [_hmac(key, value) for key in index_keys(purpose)]


def _hmac(key: bytes, value: str) -> str:
    return hmac.new(key, value.encode(), hashlib.sha256).hexdigest()
