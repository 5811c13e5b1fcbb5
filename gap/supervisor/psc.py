"""Pro Santé Connect, simulated, beside the demonstration: its own process, and what the application must know of it."""

from __future__ import annotations

import json
import secrets

from .children import Child, wait_until
from .runtime import PYTHON, Runtime

CLIENT = "mini-gap-demonstration"


def launch(runtime: Runtime, port: int) -> Child:
    """Start it; it may send people back to the demonstration alone, on `port`."""
    secret, told = runtime.var / "psc-secret", runtime.var / "psc.json"
    told.unlink(missing_ok=True)
    if not secret.exists():
        secret.touch(mode=0o600)
        secret.write_text(secrets.token_urlsafe(32), encoding="utf-8")
    back = [f"http://{host}:{port}/connexion/psc/retour/" for host in ("localhost", "127.0.0.1")]
    return runtime.start(
        "psc",
        [
            *(PYTHON, "-m", "simulator.psc", "--pki", str(runtime.var / "pki"), "--port-file", str(told)),
            *("--client", CLIENT, "--secret-file", str(secret)),
            *(word for address in back for word in ("--redirect", address)),
        ],
    )


def wait_for(runtime: Runtime, child: Child) -> None:
    """The processes started from now on know it."""
    told = runtime.var / "psc.json"
    wait_until(told.exists, child, 20)
    runtime.environment |= {
        "PSC_ISSUER": json.loads(told.read_text())["issuer"],
        "PSC_CLIENT_ID": CLIENT,
        "PSC_CLIENT_SECRET_FILE": str(runtime.var / "psc-secret"),
        "PSC_CA": str(runtime.var / "pki" / "ca.pem"),
    }
