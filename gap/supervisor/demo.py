"""The demonstration: servers, simulator, worker, scheduler, web, and a hospital that lives."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from gap.pki import create_development_pki

from .children import wait_until
from .runtime import Runtime

PYTHON = sys.executable
BIN = Path(sys.executable).parent


def run(runtime: Runtime, port: int) -> int:
    """Start everything, say where, wait for a signal. A second start keeps the data and skips what is done."""
    started = time.monotonic()
    runtime.start_servers()
    create_development_pki(runtime.var / "pki")
    start_simulator(runtime)
    manage(runtime, "migrate", "--verbosity", "0")
    if not (runtime.var / "loaded").exists():
        print("Chargement de l’hôpital de démonstration (une fois)…", flush=True)
        manage(runtime, "load_demo")
        (runtime.var / "loaded").touch()
    else:
        manage(runtime, "load_demo", "--today")
    start_workers(runtime)
    start_web(runtime, port)
    print(_welcome(runtime, port, time.monotonic() - started), flush=True)
    while all(child.running for child in runtime.children):
        time.sleep(0.5)
    dead = next(child for child in runtime.children if not child.running)
    raise RuntimeError(f"{dead.name} s’est arrêté ({dead.process.returncode}) :\n{dead.last_lines()}")


def manage(runtime: Runtime, *arguments: str) -> None:
    subprocess.run([PYTHON, "manage.py", *arguments], check=True, env={**os.environ, **runtime.environment})


def start_simulator(runtime: Runtime) -> dict[str, int | str]:
    """The other side of the wire, in a process of its own. Its ports are free ones, told by a file."""
    told = runtime.var / "simulator.json"
    told.unlink(missing_ok=True)
    exchange = runtime.var / "files" / "exchange"
    for folder in ("in", "out"):
        (exchange / folder).mkdir(parents=True, exist_ok=True)
    child = runtime.start(
        "simulator",
        [
            PYTHON,
            *("-m", "simulator", "--port", str(_kept_port(runtime)), "--pki", str(runtime.var / "pki")),
            *("--state", str(runtime.var / "simulator"), "--port-file", str(told), "--exchange", str(exchange)),
        ],
    )
    wait_until(told.exists, child, 20, "Simulateur")
    ports: dict[str, int | str] = json.loads(told.read_text())
    (runtime.var / "simulator-port").write_text(str(ports["port"]))
    runtime.environment["AMC_DIRECTORY_URL"] = f"{ports['base_url']}/annuaire"
    return ports


def _kept_port(runtime: Runtime) -> int:
    """The directory's answers hold addresses and are kept: the simulator must come back at the same one."""
    kept = runtime.var / "simulator-port"
    return int(kept.read_text()) if kept.exists() else 0


def start_workers(runtime: Runtime, *, threads: int = 12) -> None:
    celery = [PYTHON, "-m", "celery", "-A", "gap.celery", "--quiet"]
    queues = ["worker", "--pool=threads", f"--concurrency={threads}", "--queues=interactive,batch", "--without-gossip"]
    runtime.start("worker", [*celery, *queues, "--without-mingle", "--loglevel=WARNING"])
    runtime.start("scheduler", [*celery, "beat", "--loglevel=WARNING", "--pidfile="])


def start_web(runtime: Runtime, port: int, *, workers: int = 2) -> None:
    child = runtime.start(
        "web",
        [
            str(BIN / "granian"),
            *("--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port), "--workers", str(workers)),
            *("--blocking-threads", "1", "--no-access-log", "--log-level", "warning", "gap.wsgi:application"),
        ],
    )
    wait_until(lambda: _answers(f"http://127.0.0.1:{port}/sante/pret/"), child, 30, "Web")


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _welcome(runtime: Runtime, port: int, seconds: float) -> str:
    logins = json.loads((runtime.var / "logins.json").read_text())
    lines = [f"  {row['username']:<12} {row['password']:<22} {row['role']}" for row in logins["people"]]
    return "\n".join(
        [
            "",
            f"mini-GAP est prête en {seconds:.1f} s : http://localhost:{port}/",
            "",
            *lines,
            "",
            f"  API : http://localhost:{port}/api/ — jeton de démonstration : {logins['api_token']}",
            "  Ctrl-C arrête tout ; les données restent. « make demo-reset » repart d’un hôpital neuf.",
            "",
        ]
    )
