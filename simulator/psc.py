"""Pro Santé Connect, simulated, in a process of its own: OpenID Connect over TLS, for invented professionals.

    python -m simulator.psc --port 0 --pki DIR --port-file FILE --client ID --secret-file FILE --redirect URL…

The page of consent lists the professionals; a real one asks for a card (CPS) or a telephone (e-CPS). The control address
changes what it answers: POST /fault {"name": "…"} (`FAULTS`), DELETE /fault, POST /rotate. Imports nothing of ours.
"""

from __future__ import annotations

import argparse
import hashlib
import html
import json
import secrets
import signal
import ssl
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc.jwk import ECKey

from simulator.psc_tokens import CODE_S, FAULTS, PROFESSIONALS, TOKEN_S, State, id_token, new_key, subject_of, unpadded

#: What a service may ask for.
SCOPES: Final = frozenset({"openid", "scope_all"})
MOST_BODY: Final = 64 * 1024


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
        if self._refused(asked):
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

    def _refused(self, asked: dict[str, str]) -> bool:
        """Whether the demand is not one of our service's, which is answered: said on the page as long as nobody knows whom
        it would be sent to, told to the service otherwise (RFC 6749, 4.1.2.1; RFC 7636, 4.4.1)."""
        state = self.state
        if asked.get("client_id") != state.client or asked.get("redirect_uri") not in state.redirects:
            self._send("<h1>Demande refusée</h1>".encode(), "text/html; charset=utf-8", 400)
            return True
        scopes = set(asked.get("scope", "").split())
        if asked.get("response_type") != "code":
            error = "unsupported_response_type"
        elif "openid" not in scopes or not scopes <= SCOPES:
            error = "invalid_scope"
        elif asked.get("code_challenge_method") != "S256" or not asked.get("code_challenge") or not asked.get("state"):
            error = "invalid_request"
        else:
            return False
        self._send_back(asked, error=error)
        return True

    def _send_back(self, asked: dict[str, str], **said: str) -> None:
        said |= {"state": asked.get("state", ""), "iss": self.state.issuer}
        self.send_response(303)
        self.send_header("Location", f"{asked['redirect_uri']}?{urlencode(said)}")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _decided(self, form: dict[str, str]) -> None:
        if self._refused(form):
            return
        state, who = self.state, form.get("who", "")
        if who in PROFESSIONALS:
            code = secrets.token_urlsafe(24)
            with state.lock:
                state.codes[code] = {
                    "who": who, "nonce": form.get("nonce", ""), "challenge": form.get("code_challenge", ""),
                    "redirect": form["redirect_uri"], "until": time.time() + state.code_s,
                }  # fmt: skip
            self._send_back(form, code=code)
        else:
            self._send_back(form, error="access_denied")

    # ---- tokens ----

    def _token(self, form: dict[str, str]) -> tuple[dict[str, Any], int]:
        state = self.state
        if (form.get("client_id"), form.get("client_secret")) != (state.client, state.secret):
            return {"error": "invalid_client"}, 401
        if form.get("grant_type") != "authorization_code":
            return {"error": "unsupported_grant_type"}, 400
        with state.lock:
            demand = state.codes.pop(form.get("code", ""), None)
        proved = unpadded(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        if (
            demand is None
            or demand["until"] < time.time()
            or demand["redirect"] != form.get("redirect_uri")
            or demand["challenge"] != proved
        ):
            return {"error": "invalid_grant"}, 400
        access = secrets.token_urlsafe(24)
        with state.lock:
            state.access[access] = (demand["who"], time.time() + state.token_s)
        answer = {
            "access_token": access,
            "token_type": "Bearer",
            "expires_in": int(state.token_s),
            "id_token": id_token(state, demand),
        }
        if state.fault == "no_id_token":
            del answer["id_token"]
        return answer, 200

    def _userinfo(self) -> tuple[dict[str, Any], int]:
        scheme, _, token = self.headers.get("Authorization", "").partition(" ")
        with self.state.lock:
            who, until = self.state.access.get(token, ("", 0.0))
        if scheme != "Bearer" or until < time.time():
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
        issuer,
        options.client,
        options.secret_file.read_text().strip(),
        tuple(options.redirect),
        new_key(),
        options.code_s,
        options.token_s,
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
    parser.add_argument("--code-s", type=float, default=CODE_S, help="seconds that a code waits for its service")
    parser.add_argument("--token-s", type=float, default=TOKEN_S, help="seconds that a token is worth")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    raise SystemExit(main())
