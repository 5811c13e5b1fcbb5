"""Pro Santé Connect, simulated, in a process of its own: OpenID Connect over TLS, for invented professionals.

    python -m simulator.psc --port 0 --pki DIR --port-file FILE --client ID --secret-file FILE --redirect URL…

The page of consent lists the professionals; a real one asks for a card (CPS) or a telephone (e-CPS). The control address
changes what it answers: POST /fault {"name": "…"} (`FAULTS`), DELETE /fault, POST /rotate. Imports nothing of ours.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import hmac
import html
import json
import secrets
import signal
import ssl
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

CODE_S: Final = 60
TOKEN_S: Final = 240
MOST_BODY: Final = 64 * 1024
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
    lock: threading.Lock = field(default_factory=threading.Lock)
    fault: str = ""
    codes: dict[str, dict[str, Any]] = field(default_factory=dict)
    access: dict[str, str] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)


def new_key() -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": secrets.token_hex(8), "use": "sig", "alg": "RS256"})


def subject_of(national_id: str) -> str:
    return f"f:simulateur:{national_id}"


def _part(content: bytes) -> str:
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
        "exp": now - 3600 if fault == "expired" else 10**400 if fault == "huge_number" else now + TOKEN_S,
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
        signed = f"{_part(json.dumps(forged).encode())}.{_part(json.dumps(claims).encode())}"
        # The public key, which everybody has, taken for a secret.
        known = state.key.as_pem(private=False)
        return f"{signed}." + ("" if fault == "alg_none" else _part(hmac.digest(known, signed.encode(), "sha256")))
    key = new_key() if fault == "foreign_key" else state.key
    return jwt.encode(head | {"kid": state.key.kid}, claims, key)


class Provider(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    state: State

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller that hung up is its own business."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Provider

    def log_message(self, format: str, *args: Any) -> None:
        """Silent: addresses hold codes."""

    state = property(lambda self: self.server.state)

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        asked = {name: values[-1] for name, values in parse_qs(urlsplit(self.path).query).items()}
        self._note(path)
        if path == "/favicon.ico":
            self._send(b"", "image/x-icon")
        elif path == "/realms/psc/page":
            self._page(asked)
        elif not self._spoilt(path):
            answers = {
                "/realms/psc/.well-known/wallet-openid-configuration": self._discovery,
                "/realms/psc/certs": self._certs,
                "/realms/psc/userinfo": self._userinfo,
            }
            self._json(*answers.get(path, lambda: ({"error": "not_found"}, 404))())

    def do_POST(self) -> None:
        path = urlsplit(self.path).path
        length = self.headers.get("Content-Length", "0")
        body = self.rfile.read(min(int(length) if length.isdigit() else 0, MOST_BODY)).decode("utf-8", "replace")
        form = {name: values[-1] for name, values in parse_qs(body).items()}
        self._note(path)
        if path == "/realms/psc/page":
            self._decided(form)
        elif not self._spoilt(path):
            self._json(*(self._token(form) if path == "/realms/psc/token" else ({"error": "not_found"}, 404)))

    # ---- what goes wrong on the way ----

    def _spoilt(self, path: str) -> bool:
        fault = self.state.fault
        if fault == "down":
            self.close_connection = True
            return True
        if fault == "slow":
            time.sleep(30)
            return True
        if fault == "endless":
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Connection", "close")
            self.end_headers()
            for _ in range(10_000):
                self.wfile.write(b" " * 65536)
            return True
        if (fault, path.rsplit("/", 1)[-1]) in (
            ("discovery_redirect", "wallet-openid-configuration"),
            ("token_redirect", "token"),
        ):
            self.send_response(302)
            self.send_header("Location", f"{self.state.issuer}/ailleurs")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return True
        if fault == "drip":
            for _ in range(300):
                self.wfile.write(b"H")
                time.sleep(0.1)
        elif fault in ("deep", "not_json"):
            self._send(b"[" * 100_000 if fault == "deep" else b"<html>en maintenance</html>", "text/html")
        else:
            return False
        return True

    # ---- addresses and keys ----

    def _discovery(self) -> tuple[dict[str, Any], int]:
        issuer = self.state.issuer
        elsewhere = "https://169.254.169.254/token" if self.state.fault == "discovery_address" else f"{issuer}/token"
        return {
            "issuer": "https://ailleurs.example" if self.state.fault == "discovery_issuer" else issuer,
            "authorization_endpoint": f"{issuer}/page",
            "token_endpoint": elsewhere,
            "userinfo_endpoint": f"{issuer}/userinfo",
            "jwks_uri": f"{issuer}/certs",
            "id_token_signing_alg_values_supported": ["RS256"],
            "code_challenge_methods_supported": ["S256"],
        }, 200

    def _certs(self) -> tuple[dict[str, Any], int]:
        if self.state.fault == "keys_broken":
            return {"keys": [{"kty": "RSA", "n": "?"}]}, 200
        # A key of another kind stands beside: only the one that is named may serve.
        return {
            "keys": [
                ECKey.generate_key("P-256", {"kid": "autre"}).as_dict(private=False),
                self.state.key.as_dict(private=False),
            ]
        }, 200

    # ---- the page of the person ----

    def _page(self, asked: dict[str, str]) -> None:
        state = self.state
        wrong = (
            asked.get("client_id") != state.client
            or asked.get("redirect_uri") not in state.redirects
            or asked.get("response_type") != "code"
            or "openid" not in asked.get("scope", "").split()
            or asked.get("code_challenge_method") != "S256"
            or not asked.get("code_challenge")
            or not asked.get("state")
        )
        if wrong:
            self._send("<h1>Demande refusée</h1>".encode(), "text/html; charset=utf-8", 400)
            return
        hidden = "".join(
            f'<input type="hidden" name="{html.escape(name)}" value="{html.escape(value)}">'
            for name, value in asked.items()
        )
        people = "".join(
            f'<p><button name="who" value="{number}">{html.escape(f"{first} {last}")}</button></p>'
            for number, (first, last) in PROFESSIONALS.items()
        )
        page = (
            '<!DOCTYPE html><html lang="fr"><meta charset="utf-8"><title>Pro Santé Connect (simulé)</title><main>'
            "<h1>Pro Santé Connect (simulé)</h1><p>Qui êtes-vous ? Une vraie page demanderait votre carte ou votre e-CPS.</p>"
            f'<form method="post">{hidden}{people}<p><button name="who" value="">Renoncer</button></p></form></main></html>'
        )
        self._send(page.encode(), "text/html; charset=utf-8")

    def _decided(self, form: dict[str, str]) -> None:
        state, who = self.state, form.get("who", "")
        if form.get("redirect_uri") not in state.redirects:
            self._send(b"", "text/plain", 400)
            return
        said = {"state": form.get("state", ""), "iss": state.issuer}
        if who in PROFESSIONALS:
            code = secrets.token_urlsafe(24)
            with state.lock:
                state.codes[code] = {
                    "who": who, "nonce": form.get("nonce", ""), "challenge": form.get("code_challenge", ""),
                    "redirect": form["redirect_uri"], "until": time.time() + CODE_S,
                }  # fmt: skip
            said["code"] = code
        else:
            said["error"] = "access_denied"
        self.send_response(303)
        self.send_header("Location", f"{form['redirect_uri']}?{urlencode(said)}")
        self.send_header("Content-Length", "0")
        self.end_headers()

    # ---- tokens ----

    def _token(self, form: dict[str, str]) -> tuple[dict[str, Any], int]:
        state = self.state
        if (form.get("client_id"), form.get("client_secret")) != (state.client, state.secret):
            return {"error": "invalid_client"}, 401
        with state.lock:
            demand = state.codes.pop(form.get("code", ""), None)
        proved = _part(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        if (
            demand is None
            or demand["until"] < time.time()
            or demand["redirect"] != form.get("redirect_uri")
            or demand["challenge"] != proved
        ):
            return {"error": "invalid_grant"}, 400
        access = secrets.token_urlsafe(24)
        with state.lock:
            state.access[access] = demand["who"]
        answer = {
            "access_token": access,
            "token_type": "Bearer",
            "expires_in": TOKEN_S,
            "id_token": id_token(state, demand),
        }
        if state.fault == "no_id_token":
            del answer["id_token"]
        return answer, 200

    def _userinfo(self) -> tuple[dict[str, Any], int]:
        with self.state.lock:
            who = self.state.access.get(self.headers.get("Authorization", "").removeprefix("Bearer "))
        if who is None:
            return {"error": "invalid_token"}, 401
        first, last = PROFESSIONALS[who]
        other = next(number for number in PROFESSIONALS if number != who)
        said = {
            "sub": subject_of(other if self.state.fault == "other_subject" else who),
            "SubjectNameID": who + "\0" if self.state.fault == "nul" else who,
            "given_name": first,
            "family_name": last,
        }
        if self.state.fault == "no_national_id":
            del said["SubjectNameID"]
        return said, 200

    # ---- the wire ----

    def _note(self, path: str) -> None:
        with self.state.lock:
            self.state.calls.append(path.rsplit("/", 1)[-1])

    def _json(self, body: dict[str, Any], status: int = 200) -> None:
        self._send(json.dumps(body).encode(), "application/json", status)

    def _send(self, content: bytes, kind: str, status: int = 200) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


class Control(Handler):
    """What a test changes and reads."""

    def do_GET(self) -> None:
        with self.state.lock:
            self._json({"calls": list(self.state.calls)})

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length", "0"))
        body = json.loads(self.rfile.read(length) or b"{}")
        if self.path == "/rotate":
            self.state.key = new_key()
        elif body.get("name") not in FAULTS:
            return self._json({"error": "unknown fault"}, 422)
        else:
            self.state.fault = body["name"]
        return self._json({})

    def do_DELETE(self) -> None:
        with self.state.lock:
            self.state.fault = ""
            self.state.calls.clear()
        self._json({})


def main(arguments: list[str] | None = None) -> int:
    """Serve until a signal."""
    options = _options(arguments)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    server = Provider((options.host, options.port), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(str(options.pki / "server.pem"), str(options.pki / "server.key.pem"))
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    issuer = f"https://{options.public_host}:{server.server_port}/realms/psc"
    server.state = State(
        issuer, options.client, options.secret_file.read_text().strip(), tuple(options.redirect), new_key()
    )
    control = Provider(("127.0.0.1", options.control_port), Control)
    control.state = server.state
    for listening in (server, control):
        threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    told = {"port": server.server_port, "control_port": control.server_port, "issuer": issuer}
    beside = options.port_file.with_suffix(".tmp")
    beside.write_text(json.dumps(told), encoding="utf-8")
    beside.replace(options.port_file)
    signal.sigwait({signal.SIGTERM, signal.SIGINT})
    return 0


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="simulator.psc", description="Pro Santé Connect, simulated")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: loopback)")
    parser.add_argument("--port", type=int, default=0, help="HTTPS port; 0: any free one")
    parser.add_argument("--public-host", default="127.0.0.1", help="host of the issuer")
    parser.add_argument("--control-port", type=int, default=0, help="control port, loopback only; 0: any free one")
    parser.add_argument("--pki", type=Path, required=True, help="folder with server.pem, server.key.pem")
    parser.add_argument("--port-file", type=Path, required=True, help="JSON file to write the ports to")
    parser.add_argument("--client", required=True, help="client_id of the one service that it knows")
    parser.add_argument("--secret-file", type=Path, required=True, help="file of its client_secret")
    parser.add_argument(
        "--redirect", action="append", required=True, help="address where it may send back (repeatable)"
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    raise SystemExit(main())
