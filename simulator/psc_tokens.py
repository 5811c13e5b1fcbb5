"""What the simulated Pro Santé Connect remembers, and the tokens that it signs: as it should, but for a fault asked for."""

from __future__ import annotations

import base64
import hmac
import json
import secrets
import threading
import time
from dataclasses import dataclass, field
from typing import Any, Final

from joserfc import jwt
from joserfc.jwk import RSAKey

CODE_S: Final = 60
TOKEN_S: Final = 240
#: Invented people, with numbers of the form of an RPPS and its key.
PROFESSIONALS: Final = {
    "810000000017": ("Nadia", "FERRAND"),
    "810000000025": ("Mathieu", "RIVOAL"),
    "810000000033": ("Inès", "MORVAN"),
}
#: What it can be made to do wrong.
FAULTS: Final = (
    "discovery_issuer", "discovery_address", "discovery_redirect", "down", "slow", "endless", "not_json", "keys_broken",
    "wrong_nonce", "no_nonce", "wrong_audience", "two_audiences", "wrong_issuer", "expired", "from_the_future",
    "other_acr", "stale",
    "no_auth_time", "alg_none", "alg_hs256", "foreign_key", "other_subject", "no_national_id", "no_id_token", "token_redirect",
    "no_subject", "access_token_type", "wrong_party", "huge_number", "nul", "deep", "drip",
)  # fmt: skip


@dataclass
class State:
    """What is remembered, behind one lock."""

    issuer: str
    client: str
    secret: str
    redirects: tuple[str, ...]
    key: RSAKey
    code_s: float = CODE_S
    token_s: float = TOKEN_S
    lock: threading.Lock = field(default_factory=threading.Lock)
    fault: str = ""
    codes: dict[str, dict[str, Any]] = field(default_factory=dict)
    access: dict[str, tuple[str, float]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)


def new_key() -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": secrets.token_hex(8), "use": "sig", "alg": "RS256"})


def subject_of(national_id: str) -> str:
    return f"f:simulateur:{national_id}"


def unpadded(content: bytes) -> str:
    """In base64url, as a JSON Web Token has it."""
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def id_token(state: State, demand: dict[str, Any]) -> str:
    """Signed as it should, but for the fault that is asked."""
    fault, now = state.fault, int(time.time())
    claims: dict[str, Any] = {
        "iss": "https://ailleurs.example" if fault == "wrong_issuer" else state.issuer,
        "aud": {"wrong_audience": "un-autre-service", "two_audiences": [state.client, "un-autre-service"]}.get(
            fault, state.client
        ),
        "sub": "" if fault == "no_subject" else subject_of(demand["who"]),
        "iat": now + (3600 if fault == "from_the_future" else 0),
        "exp": now - 3600 if fault == "expired" else 10**400 if fault == "huge_number" else int(now + state.token_s),
        "auth_time": now - 3600 if fault == "stale" else now,
        "nonce": "rejouee" if fault == "wrong_nonce" else demand["nonce"],
        "acr": "eidas0" if fault == "other_acr" else "eidas1",
        "typ": "ID",
        "azp": "un-autre-service" if fault in ("two_audiences", "wrong_party") else state.client,
        "preferred_username": demand["who"],
    }
    for name, gone in (("no_nonce", "nonce"), ("no_auth_time", "auth_time"), ("no_national_id", "preferred_username")):
        if fault == name:
            del claims[gone]
    head = {"alg": "RS256", "kid": state.key.kid, "typ": "at+jwt" if fault == "access_token_type" else "JWT"}
    if fault in ("alg_none", "alg_hs256"):
        forged = {"alg": "none"} if fault == "alg_none" else {"alg": "HS256", "kid": state.key.kid}
        signed = f"{unpadded(json.dumps(forged).encode())}.{unpadded(json.dumps(claims).encode())}"
        # The public key, which everybody has, taken for a secret.
        known = state.key.as_pem(private=False)
        return f"{signed}." + ("" if fault == "alg_none" else unpadded(hmac.digest(known, signed.encode(), "sha256")))
    key = new_key() if fault == "foreign_key" else state.key
    return jwt.encode(head | {"kid": state.key.kid}, claims, key)
