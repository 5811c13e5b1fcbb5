"""The other side of the wire, in its own process: directory of AMC, services of the AMC, invoices and their returns.

    python -m simulator --port 0 --pki DIR --state DIR --port-file FILE [--exchange DIR]

SIGTERM or SIGINT stop it at once. Nothing of the application is imported: only the contract's files are shared.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import ssl
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path

from simulator.catalogue import load_catalogue
from simulator.control import Controlled, ControlServer
from simulator.exchange import Exchanges
from simulator.https import TlsServer, server_context
from simulator.journal import Journal
from simulator.scenarios import Scenarios
from simulator.services import Services
from simulator.store import Store

_JOIN_SECONDS = 5
_STOPPING = {signal.SIGTERM, signal.SIGINT}


def main(arguments: list[str] | None = None) -> int:
    """Serve until a signal. 0: stopped as asked; 1: a part of it died, and the rest was stopped."""
    options = _options(arguments)
    stop = threading.Event()
    # Blocked here and in every thread to come, then waited for: a handler that sets an event would wait for itself if a
    # second signal came while it holds the event's lock.
    signal.pthread_sigmask(signal.SIG_BLOCK, _STOPPING)
    store, catalogue, journal = Store(options.state), load_catalogue(), Journal()
    scenarios = Scenarios(catalogue)
    server = TlsServer((options.host, options.port), _context(options.pki), stop)
    # The address goes into the directory's answers: the port must be known before the services are built.
    base_url = f"https://{options.public_host}:{options.public_port or server.port}"
    server.exchanges = Exchanges(Services(catalogue, store, base_url), scenarios, journal, stop)
    control = ControlServer(options.control_port, Controlled(scenarios, journal, store))

    failed = threading.Event()
    works: dict[str, Callable[[], None]] = {
        "services": lambda: server.serve_forever(poll_interval=0.05),
        "control": lambda: control.serve_forever(poll_interval=0.05),
    }
    if options.exchange is not None:
        works["transport"] = _transport(options.exchange, store, stop)
    threads = [
        threading.Thread(target=_run, args=(work, failed), name=name, daemon=True) for name, work in works.items()
    ]
    for thread in threads:
        thread.start()
    _write_ports(options.port_file, {"port": server.port, "control_port": control.port, "base_url": base_url})
    signal.sigwait(_STOPPING)
    stop.set()
    for listening in (server, control):
        listening.shutdown()
        listening.server_close()
    for thread in threads:
        thread.join(_JOIN_SECONDS)
    store.close()
    return 1 if failed.is_set() else 0


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="simulator", description="Directory and services of the AMC, simulated")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: loopback)")
    parser.add_argument("--port", type=int, default=0, help="HTTPS port; 0: any free one")
    parser.add_argument("--public-host", default="127.0.0.1", help="host that the directory's answers give")
    parser.add_argument("--public-port", type=int, default=0, help="port that they give; 0: the port listened on")
    parser.add_argument("--control-port", type=int, default=0, help="control port, loopback only; 0: any free one")
    parser.add_argument("--pki", type=Path, required=True, help="folder with ca.pem, server.pem, server.key.pem")
    parser.add_argument("--state", type=Path, required=True, help="folder of what is remembered")
    parser.add_argument("--port-file", type=Path, required=True, help="JSON file to write the ports to")
    parser.add_argument("--exchange", type=Path, help="folder of the exchanged files; none: no invoices, no returns")
    return parser.parse_args(arguments)


def _context(pki: Path) -> ssl.SSLContext:
    return server_context(pki / "ca.pem", pki / "server.pem", pki / "server.key.pem")


def _transport(folder: Path, store: Store, stop: threading.Event) -> Callable[[], None]:
    from simulator.transport import run_loop  # only here: the services run without it

    return lambda: run_loop(folder, store, stop)


def _run(work: Callable[[], None], failed: threading.Event) -> None:
    """A part that dies stops the whole, loudly: half a simulator would only confuse."""
    try:
        work()
    except Exception:
        traceback.print_exc()
        failed.set()
        os.kill(os.getpid(), signal.SIGTERM)


def _write_ports(path: Path, ports: dict[str, object]) -> None:
    """Written beside, then renamed: who waits for the file reads all of it or nothing."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(json.dumps(ports), encoding="utf-8")
    os.replace(temporary, path)


if __name__ == "__main__":
    status = main()
    # Not sys.exit: connections still open have threads inside OpenSSL, which must not be torn down under them. What
    # matters is committed and closed already.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
