"""The demonstration: servers, simulator, worker, scheduler, web, and a hospital that lives."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from pathlib import Path

from gap.pki import create_development_pki

from . import psc, signals
from .children import Child, wait_until
from .ports import is_free, port_for
from .runtime import PYTHON, Runtime

_POLL_S = 0.2
# No proxy of the environment may come between us and the loopback.
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def run(runtime: Runtime, port: int) -> None:
    """Start everything, say where, and watch. Ends by Stopped on a signal, or RuntimeError when a process dies.

    A second start keeps the data and skips what is done.
    """
    started = time.monotonic()
    _must_be_free(port)
    runtime.start_servers()
    create_development_pki(runtime.var / "pki")
    simulator, professionals = launch_simulator(runtime), psc.launch(runtime, port)
    wait_for_simulator(runtime, simulator)
    psc.wait_for(runtime, professionals)
    if (runtime.var / "loaded").exists():
        # The screens get ready while the arrivals of a new day are written.
        web = launch_web(runtime, port)
        runtime.manage("load_demo", "--start")
        runtime.restrict()
    else:
        print("Chargement de l’hôpital de démonstration (une seule fois, une à deux minutes)…", flush=True)
        runtime.manage("load_demo", "--start")
        runtime.restrict()
        # It lasts long enough for another program to take the port meanwhile.
        _must_be_free(port)
        web = launch_web(runtime, port)
    # The workers after the screens, which somebody waits for: they would take the processors meanwhile.
    wait_for_web(web, port)
    start_workers(runtime)
    print(_welcome(runtime, port, time.monotonic() - started), flush=True)
    while (dead := runtime.dead()) is None:
        signals.check()
        time.sleep(_POLL_S)
    raise RuntimeError(dead.epitaph())


def _must_be_free(port: int) -> None:
    if not is_free(port):
        other = next((one for one in range(port + 1, port + 100) if is_free(one)), port + 1)
        raise RuntimeError(
            f"Le port {port} est déjà pris par un autre programme. Choisissez-en un autre, par exemple : "
            f"PORT={other} make demo"
        )


def launch_simulator(runtime: Runtime) -> Child:
    """The other side of the wire, in a process of its own, on the exchange folder of the application."""
    exchange = runtime.var / "files" / "exchange"
    for folder in ("in", "out"):
        (exchange / folder).mkdir(parents=True, exist_ok=True)
    told = _told(runtime)
    told.unlink(missing_ok=True)
    return runtime.start(
        "simulator",
        [
            PYTHON,
            *("-m", "simulator", "--port", str(_kept_port(runtime)), "--pki", str(runtime.var / "pki")),
            *("--state", str(runtime.var / "simulator"), "--port-file", str(told), "--exchange", str(exchange)),
        ],
    )


def wait_for_simulator(runtime: Runtime, child: Child) -> dict[str, int | str]:
    """Returns its ports (port, control_port, base_url); the processes started from now on know its directory."""
    told = _told(runtime)
    wait_until(told.exists, child, 20)
    ports: dict[str, int | str] = json.loads(told.read_text())
    (runtime.var / "simulator-port").write_text(str(ports["port"]))
    runtime.environment["AMC_DIRECTORY_URL"] = f"{ports['base_url']}/annuaire"
    runtime.environment |= {
        "INSI_URL": f"{ports['base_url']}/insi", "INSI_AUTHORISATION": "DEMONSTRATION", "INSI_PRODUCTION": "0",
    }  # fmt: skip
    runtime.environment["CDRI_URL"] = f"{ports['base_url']}/cdri"
    # The other side of the wire is on this very machine, which no real directory may ever name.
    runtime.environment["TELESERVICES_INTERNAL_NETWORKS"] = "127.0.0.0/8"
    return ports


def _told(runtime: Runtime) -> Path:
    return runtime.var / "simulator.json"


def _kept_port(runtime: Runtime) -> int:
    """The directory's answers hold addresses and are kept: the simulator must come back at the same one."""
    kept = runtime.var / "simulator-port"
    if not kept.exists():
        return port_for(runtime.var)
    port = int(kept.read_text())
    if not is_free(port):
        raise RuntimeError(
            f"Le port {port} du simulateur des organismes est pris par un autre programme : fermez-le, "
            "ou repartez d’un hôpital neuf avec « make demo-reset »."
        )
    return port


def start_workers(runtime: Runtime, *, threads: int = 12) -> None:
    """A worker for each lane, and the scheduler. They need no wait: what they must do is in the database."""
    celery = [PYTHON, "-m", "celery", "-A", "gap.celery", "--quiet"]
    for name, lane, count in (("worker", "interactive", threads), ("night", "batch", max(threads // 2, 1))):
        asked = ["worker", "--pool=threads", f"--concurrency={count}", f"--queues={lane}", f"--hostname={name}@%h"]
        command = [*celery, *asked, "--without-gossip", "--without-mingle", "--loglevel=WARNING"]
        runtime.start(name, command, env=runtime.application_environment)
    beat = [*celery, "beat", "--loglevel=WARNING", "--pidfile="]
    runtime.start("scheduler", beat, env=runtime.application_environment)


def launch_web(runtime: Runtime, port: int, *, workers: int = 2) -> Child:
    """The web server. It is not ready yet: `wait_for_web`."""
    return runtime.start(
        "web",
        [
            # By its module: the script's first line can't hold the path of a checkout that has spaces.
            *(PYTHON, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port)),
            *("--workers", str(workers), "--blocking-threads", "1", "--no-access-log", "--log-level", "warning"),
            # A worker told to stop while it still loads does not hear it: its master would wait for ever.
            *("--workers-kill-timeout", "5"),
            "gap.wsgi:application",
        ],
        env=runtime.application_environment,
    )


def wait_for_web(child: Child, port: int) -> None:
    """Ready when it answers. Raises RuntimeError when it dies, or after 40 s."""
    wait_until(lambda: _answers(f"http://127.0.0.1:{port}/sante/pret/"), child, 40)


def _answers(url: str) -> bool:
    try:
        with _opener.open(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _welcome(runtime: Runtime, port: int, seconds: float) -> str:
    logins = json.loads((runtime.var / "logins.json").read_text(encoding="utf-8"))
    rows = [f"  {row['username']:<12} {row['password']:<22} {row['role']}" for row in logins["people"]]
    return "\n".join(
        [
            "",
            f"mini-GAP est prête en {seconds:.1f} s : http://localhost:{port}/",
            "",
            *rows,
            "  agent et referent se connectent aussi par « Pro Santé Connect », simulé.",
            "",
            f"  API : http://localhost:{port}/api/ — jeton de démonstration : {logins['api_token']}",
            "  Ctrl-C arrête tout ; les données restent. « make demo-reset » repart d’un hôpital neuf.",
            "",
        ]
    )
