"""Signatures of Standard Webhooks 1.0 (github.com/standard-webhooks): HMAC-SHA256 over « id.timestamp.payload »."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Iterable
from typing import Final

PREFIX: Final = "whsec_"


def new_secret() -> str:
    """192 bits, as the specification writes a secret."""
    return PREFIX + base64.b64encode(secrets.token_bytes(24)).decode()


def headers(message_id: str, timestamp: int, body: bytes, keys: Iterable[str]) -> dict[str, str]:
    """The three headers; one signature for each secret, the current one first. `timestamp`: seconds, of this try."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    signatures = (f"v1,{_signature(key, signed)}" for key in keys)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(signatures),
    }


def _signature(secret: str, signed: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(PREFIX))
    return base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
