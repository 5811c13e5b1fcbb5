"""Pro Santé Connect as a process of its own, over TLS, for any test that signs in by it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import requests

from gap.pki import DevelopmentPki, create_development_pki

ROOT = Path(__file__).resolve().parent.parent
CLIENT, SECRET = "mini-gap-tests", "a secret of the tests"
#: Of the simulator's invented professionals.
NADIA, YANN = "810000000017", "810000000025"
RPPS_OF_NADIA = NADIA[1:]
_START_S = 20
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Psc:
    def __init__(self, folder: Path, told: dict[str, Any], process: subprocess.Popen[bytes]) -> None:
        self.pki = DevelopmentPki(folder)
        self.issuer = str(told["issuer"])
        self.process = process
        self._control = f"http://127.0.0.1:{told['control_port']}"

    @property
    def settings(self) -> dict[str, Any]:
        """What the application knows of it."""
        return {
            "issuer": self.issuer, "discovery": f"{self.issuer}/.well-known/wallet-openid-configuration",
            "client_id": CLIENT, "client_secret": SECRET, "hosts": {"127.0.0.1"}, "acr": "eidas1",
            "fresh_s": 300, "ca": str(self.pki.ca),
        }  # fmt: skip

    def fault(self, name: str) -> None:
        self._ask("POST", "/fault", {"name": name})

    def well(self) -> None:
        self._ask("DELETE", "/fault")

    def rotate(self) -> None:
        """Its key is another one from now on."""
        self._ask("POST", "/rotate")

    def calls(self) -> list[str]:
        return list(self._ask("GET", "/")["calls"])

    def consent(self, url: str, who: str) -> str:
        """What a person does on its page, and the address where it sends them back."""
        asked = dict(parse_qsl(urlsplit(url).query))
        with requests.Session() as browser:
            browser.trust_env = False
            page = f"{self.issuer}/page"
            assert browser.get(url, verify=str(self.pki.ca), timeout=10).status_code == 200
            answer = browser.post(
                page, asked | {"who": who}, verify=str(self.pki.ca), timeout=10, allow_redirects=False
            )
        assert answer.status_code == 303, answer.text
        return answer.headers["Location"]

    def _ask(self, method: str, path: str, body: dict[str, str] | None = None) -> Any:
        data = json.dumps(body or {}).encode()
        request = urllib.request.Request(self._control + path, data=data, method=method)
        with _opener.open(request, timeout=10) as answer:
            return json.loads(answer.read())


@contextmanager
def psc_process(folder: Path, redirect: str, *options: str) -> Iterator[Psc]:
    """Serve until the block ends. `redirect`: where it may send people back; `options`: of its command line."""
    create_development_pki(folder)
    secret, told = folder / "psc-secret", folder / "psc.json"
    secret.write_text(SECRET)
    command = [sys.executable, "-m", "simulator.psc", "--pki", str(folder), "--port-file", str(told)]
    command += ["--client", CLIENT, "--secret-file", str(secret), "--redirect", redirect, *options]
    with (folder / "psc.log").open("ab") as log:
        process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)
    try:
        end = time.monotonic() + _START_S
        while not told.exists():
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError((folder / "psc.log").read_text())
            time.sleep(0.02)
        yield Psc(folder, json.loads(told.read_text()), process)
    finally:
        process.kill()
        process.wait()
