"""Encryption of a value at rest, and the keyed index that finds it again.

AES-256-GCM under a key of the ring; the token starts with the key's short id, so that a new key can be put first while
older ones still decrypt. A blind index is an HMAC-SHA-256 under another key: equal values, equal index; nothing else
is told. Keys are derived from the settings' secrets by HKDF.
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
_KEY_ID = 4


class DecryptionError(ValueError):
    """The value was altered, moved to another column, or its key is no longer in the ring."""


@lru_cache(maxsize=8)
def _derive(secret: str, purpose: bytes) -> bytes:
    return HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=b"mini-gap:" + purpose).derive(secret.encode())


@lru_cache(maxsize=4)
def _ring(secrets: str) -> tuple[tuple[bytes, AESGCM], ...]:
    ring = []
    for secret in secrets.split(","):
        key = _derive(secret.strip(), b"field")
        ring.append((hashlib.sha256(key).digest()[:_KEY_ID], AESGCM(key)))
    return tuple(ring)


def encrypt(plain: bytes, context: str) -> bytes:
    """Encrypt for one column: `context` ("table.column") is authenticated, so a value can't be moved to another."""
    key_id, cipher = _ring(settings.FIELD_ENCRYPTION_KEY)[0]
    nonce = os.urandom(_NONCE)
    return key_id + nonce + cipher.encrypt(nonce, plain, context.encode())


def decrypt(token: bytes, context: str) -> bytes:
    """Raises DecryptionError when the token is not readable in this context."""
    key_id, nonce, body = token[:_KEY_ID], token[_KEY_ID : _KEY_ID + _NONCE], token[_KEY_ID + _NONCE :]
    for known, cipher in _ring(settings.FIELD_ENCRYPTION_KEY):
        if known == key_id:
            try:
                return cipher.decrypt(nonce, body, context.encode())
            except InvalidTag:
                break
    raise DecryptionError(f"unreadable value in {context}")


def derived_key(secret: str, purpose: str) -> bytes:
    """A key of 32 bytes for one purpose, from a secret of the settings."""
    return _derive(secret, purpose.encode())


def index_key(purpose: str) -> bytes:
    """The key of one blind index: two columns never share theirs."""
    return _derive(settings.BLIND_INDEX_KEY, f"index:{purpose}".encode())


def blind_index(value: str, purpose: str) -> str:
    """Hexadecimal HMAC of a normalised value, for an equality search on an encrypted column."""
    return hmac.new(index_key(purpose), value.encode(), hashlib.sha256).hexdigest()
