"""The provider over the network: its addresses, its keys, a code for tokens, and what the tokens say.

Nothing it answers is believed before it is checked: issuer, audience, signature under a key of its own and an algorithm of
our list, times, nonce, level of assurance. No redirect is followed, no address is called but on the hosts of the settings,
no answer is read beyond MOST_BYTES, no transaction is open meanwhile. Authlib builds the demands, joserfc reads the tokens.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

import requests
import structlog
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc6749 import OAuth2Error
from django.conf import settings
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from gap.psc import SCOPE

log = structlog.get_logger(__name__)
_T = TypeVar("_T")

#: To connect, and between two parts of an answer.
TIMEOUT_S: Final = (3, 5)
#: Of a whole answer, however it comes.
DEADLINE_S: Final = 10
MOST_BYTES: Final = 256 * 1024
#: A public key signs: never a secret that both sides know, never nothing.
ALGORITHMS: Final = ("RS256", "PS256", "ES256")
#: Clocks differ.
LEEWAY_S: Final = 60
#: How long addresses and keys are believed; keys are read again before that when one is unknown, at most so often.
_KEPT_S: Final = 3600
_AGAIN_S: Final = 60
_CHUNK: Final = 1024
#: A whole exchange, of up to five calls: nobody holds a web process longer. Then nothing is asked for a while.
FLOW_S: Final = 10.0
_REST_S: Final = 30.0
_NATIONAL: Final = re.compile(r"[0-9A-Za-z./_-]{1,40}")
_ENDPOINTS: Final = ("authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri")


class ProviderFault(Exception):
    """`reason`: for the log and the journal, never a value that it sent. `away`: nothing was answered, or not in time."""

    def __init__(self, reason: str, *, away: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.away = away


@dataclass(frozen=True, slots=True)
class Professional:
    """Whom the provider vouches for. `national_id`: « identifiant national PS », of type and number (8 and RPPS)."""

    national_id: str
    subject: str


class Session(OAuth2Session):  # type: ignore[misc]  # Authlib has no types
    """One exchange: bounded in time and in bytes, towards hosts of the settings alone."""

    def __init__(self, **options: Any) -> None:
        known = settings.PSC
        super().__init__(
            known["client_id"],
            known["client_secret"],
            token_endpoint_auth_method="client_secret_post",  # noqa: S106 (the name of a method)
            scope=SCOPE,
            code_challenge_method="S256",
            **options,
        )
        # Neither a proxy nor a password of the environment.
        self.trust_env = False
        self.verify = known["ca"] or True

    def request(self, method: str, url: str, *args: Any, **options: Any) -> Any:
        if not is_ours(url):
            raise ProviderFault("address_refused")
        options |= {"timeout": TIMEOUT_S, "allow_redirects": False, "stream": True}
        end = time.monotonic() + DEADLINE_S
        try:
            answer = super().request(method, url, *args, **options)
            answer._content = _read(answer, end)
        except requests.RequestException as problem:
            raise ProviderFault(type(problem).__name__, away=True) from None
        if answer.status_code >= 500:
            raise ProviderFault(f"http_{answer.status_code}", away=True)
        return answer


def _read(answer: requests.Response, end: float) -> bytes:
    content = b""
    for part in answer.iter_content(_CHUNK):
        content += part
        if len(content) > MOST_BYTES:
            answer.close()
            raise ProviderFault("too_long")
        if time.monotonic() > end:
            answer.close()
            raise ProviderFault("too_slow", away=True)
    return content


def is_ours(url: object) -> bool:
    """Whether an address is TLS, on a host of the settings."""
    if not isinstance(url, str):
        return False
    try:
        parts = urlsplit(url)
        return parts.scheme == "https" and parts.hostname in settings.PSC["hosts"] and not parts.username
    except ValueError:
        return False


# ---- its addresses and keys ----


class _Known:
    """What was read of the provider, for every thread of the process."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.issuer = ""
        self.addresses: dict[str, str] = {}
        self.keys: KeySet | None = None
        self.read_at = self.keys_at = self.rests_until = 0.0


_known = _Known()


def forget() -> None:
    """Read its addresses and keys again at the next demand, and ask it though it did not answer just before."""
    with _known.lock:
        _known.issuer, _known.rests_until = "", 0.0


# Threads of this alone: one that a provider holds, byte after byte, is lost to nobody else.
_threads = ThreadPoolExecutor(max_workers=4, thread_name_prefix="psc")


def bounded(work: Callable[[], _T]) -> _T:
    """What `work` gives, in FLOW_S at most, whatever the provider does. Raises ProviderFault; none is asked for a while after
    one that did not answer."""
    if time.monotonic() < _known.rests_until:
        raise ProviderFault("rests", away=True)
    try:
        return _threads.submit(work).result(FLOW_S)
    except TimeoutError:
        fault = ProviderFault("too_slow", away=True)
    except ProviderFault as found:
        fault = found
    if fault.away:
        with _known.lock:
            _known.rests_until = time.monotonic() + _REST_S
    raise fault


def addresses() -> dict[str, str]:
    """Its four addresses. Raises ProviderFault."""
    issuer = settings.PSC["issuer"]
    with _known.lock:
        if _known.issuer == issuer and time.monotonic() - _known.read_at < _KEPT_S:
            return _known.addresses
    found = _json(settings.PSC["discovery"])
    # One that says it is somebody else would have its tokens taken for ours (OpenID Connect Discovery 1.0, 4.3).
    if found.get("issuer") != issuer:
        raise ProviderFault("discovery_issuer")
    read = {name: found.get(name) for name in _ENDPOINTS}
    if not all(is_ours(url) for url in read.values()):
        raise ProviderFault("discovery_address")
    with _known.lock:
        _known.issuer, _known.addresses, _known.read_at = issuer, {k: str(v) for k, v in read.items()}, time.monotonic()
        _known.keys, _known.keys_at = None, 0.0
        return _known.addresses


def _keys(*, again: bool = False) -> KeySet:
    """Its keys. `again`: one was not among them; read at most once a minute, whoever asks."""
    url = addresses()["jwks_uri"]
    now = time.monotonic()
    with _known.lock:
        held, age = _known.keys, now - _known.keys_at
    if held is not None and age < (_AGAIN_S if again else _KEPT_S):
        return held
    with _known.lock:
        # Counted before it is known whether it works: a provider that fails is not asked more often.
        _known.keys_at = now
    try:
        found = KeySet.import_key_set(_json(url))  # type: ignore[arg-type]
    except (JoseError, ValueError, TypeError, KeyError):
        raise ProviderFault("keys") from None
    with _known.lock:
        _known.keys, _known.keys_at = found, now
    return found


def _json(url: str) -> dict[str, Any]:
    with Session() as session:
        answer = session.get(url, withhold_token=True)
    return _object(answer)


def _object(answer: Any) -> dict[str, Any]:
    if answer.status_code != 200:
        raise ProviderFault(f"http_{answer.status_code}")
    try:
        found = json.loads(answer.content)
    except (ValueError, RecursionError):
        raise ProviderFault("not_json") from None
    if not isinstance(found, dict):
        raise ProviderFault("not_an_object")
    return found


# ---- a demand, and its answer ----


def demand(redirect_uri: str, state: str, nonce: str, verifier: str) -> str:
    """The address where the person proves themselves. Raises ProviderFault."""
    with Session(redirect_uri=redirect_uri) as session:
        url, _ = session.create_authorization_url(
            addresses()["authorization_endpoint"],
            state=state,
            nonce=nonce,
            code_verifier=verifier,
            acr_values=settings.PSC["acr"],
            # A shared workstation: what a colleague left open at the provider is not asked to vouch for the next one.
            prompt="login",
            max_age=settings.PSC["fresh_s"],
        )
    return str(url)


def professional(redirect_uri: str, code: str, nonce: str, verifier: str) -> Professional:
    """Who came back with this code. Raises ProviderFault."""
    where = addresses()
    with Session(redirect_uri=redirect_uri) as session:
        try:
            token = session.fetch_token(where["token_endpoint"], code=code, code_verifier=verifier)
        except (OAuthError, OAuth2Error):
            raise ProviderFault("code_refused") from None
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            raise ProviderFault("token_answer") from None
        if not isinstance(token, dict) or not isinstance(token.get("id_token"), str):
            raise ProviderFault("no_id_token")
        claims = read_id_token(token["id_token"], nonce)
        try:
            said = _object(session.get(where["userinfo_endpoint"]))
        except (OAuthError, OAuth2Error):
            raise ProviderFault("userinfo_refused") from None
    # The access token may be another person's, slipped in place of ours (OpenID Connect Core 1.0, 5.3.2).
    if said.get("sub") != claims["sub"]:
        raise ProviderFault("userinfo_subject")
    national = said.get("SubjectNameID") or claims.get("preferred_username")
    if not isinstance(national, str) or not _NATIONAL.fullmatch(national):
        raise ProviderFault("no_national_id")
    return Professional(national, str(claims["sub"]))


def read_id_token(text: str, nonce: str) -> dict[str, Any]:
    """The claims of an ID token that is for us, of this demand, signed by the provider. Raises ProviderFault."""
    if len(text) > MOST_BYTES:
        raise ProviderFault("too_long")
    try:
        token = _verified(text)
    except (JoseError, ValueError, TypeError, KeyError, RecursionError, OverflowError):
        raise ProviderFault("signature") from None
    claims = token.claims
    now = int(time.time())
    known = settings.PSC
    audience = claims.get("aud")
    for_whom = audience if isinstance(audience, list) else [audience]
    auth_time = claims.get("auth_time")
    held = {
        "type": token.header.get("typ", "JWT") == "JWT",
        "issuer": claims.get("iss") == known["issuer"],
        "audience": bool(known["client_id"]) and known["client_id"] in for_whom,
        "party": claims.get("azp", known["client_id"] if len(for_whom) == 1 else None) == known["client_id"],
        "expired": _number(claims.get("exp")) > now - LEEWAY_S,
        "not_yet": 0 < _number(claims.get("iat")) < now + LEEWAY_S,
        "nonce": bool(nonce) and claims.get("nonce") == nonce,
        "acr": claims.get("acr") == known["acr"],
        "subject": isinstance(claims.get("sub"), str) and bool(claims["sub"]),
        "stale": _number(auth_time) > now - known["fresh_s"] - LEEWAY_S,
    }
    wrong = [name for name, holds in held.items() if not holds]
    if wrong:
        raise ProviderFault(f"token_{wrong[0]}")
    return dict(claims)


def _number(value: object) -> float:
    try:
        return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else -1.0
    except OverflowError:
        return -1.0


def _verified(text: str) -> Any:
    """Checked against its keys; against new ones when the key is none of those that we hold."""
    try:
        return jwt.decode(text, _keys(), algorithms=list(ALGORITHMS))
    except (JoseError, ValueError):
        return jwt.decode(text, _keys(again=True), algorithms=list(ALGORITHMS))
