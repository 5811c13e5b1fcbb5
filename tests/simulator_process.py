"""The simulator as a real process, on free ports, for any test that needs the other side of the wire.

with SimulatorProcess(tmp_path) as simulator:
    client = Roc1Client(Roc1Config(**simulator.credentials))
    client.call(Operation.DIRECTORY, simulator.directory_url, request)
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from gap.pki import DevelopmentPki, create_development_pki
from teleservices.clients.addresses import AddressPolicy
from teleservices.clients.credentials import FileCredentials

ROOT = Path(__file__).resolve().parent.parent
_START_SECONDS = 30
_STOP_SECONDS = 10
# The control endpoint is on the loopback: no proxy of the environment may come between.
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

LOOPBACK = "127.0.0.0/8"
#: A server of a test may be on any port; a name that leads nowhere (« .invalid ») may be asked for.
THIS_MACHINE = AddressPolicy.of(hosts=["127.0.0.1", "invalid"], ports=range(1, 65536), networks=[LOOPBACK])

_VARIABLES = {
    "directory_certificate": "DIRECTORY_CERTIFICATE",
    "directory_key": "DIRECTORY_KEY",
    "services_certificate": "SERVICES_CERTIFICATE",
    "services_key": "SERVICES_KEY",
    "insi_certificate": "INSI_CERTIFICATE",
    "insi_key": "INSI_KEY",
    "cdri_certificate": "CDRI_CERTIFICATE",
    "cdri_key": "CDRI_KEY",
    "ca_file": "TELESERVICES_CA",
}


def environment_of(simulator: SimulatorProcess) -> dict[str, str]:
    """What another process of the application needs in its environment to call this simulator."""
    files = {_VARIABLES[name]: str(path) for name, path in simulator.client_files.items()}
    return {"AMC_DIRECTORY_URL": simulator.directory_url, "TELESERVICES_INTERNAL_NETWORKS": LOOPBACK, **files}


class SimulatorProcess:
    """Start and stop `python -m simulator`; the state stays in the folder, so it may be started again."""

    def __init__(self, folder: Path, *, exchange: bool = False) -> None:
        self.folder = folder
        self.pki = DevelopmentPki(folder / "pki")
        self.state = folder / "state"
        self.exchange = folder / "exchange" if exchange else None
        self._port_file = folder / "ports.json"
        self._log = folder / "simulator.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._ports: dict[str, Any] = {}

    def start(self) -> Self:
        """Returns when it answers. Raises RuntimeError, with its output, when it does not start."""
        create_development_pki(self.pki.folder)
        self._port_file.unlink(missing_ok=True)
        command = [sys.executable, "-m", "simulator", "--port", "0", "--pki", str(self.pki.folder)]
        command += ["--state", str(self.state), "--port-file", str(self._port_file)]
        if self.exchange is not None:
            self.exchange.mkdir(parents=True, exist_ok=True)
            command += ["--exchange", str(self.exchange)]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)
        deadline = time.monotonic() + _START_SECONDS
        while not self._port_file.exists():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise RuntimeError(f"the simulator did not start: {self.output()}")
            time.sleep(0.02)
        self._ports = json.loads(self._port_file.read_text(encoding="utf-8"))
        return self

    def stop(self) -> int:
        """SIGTERM, and wait. Returns its exit status (0: stopped cleanly)."""
        if self._process is None:
            return 0
        self._process.terminate()
        try:
            return self._process.wait(_STOP_SECONDS)
        finally:
            self.kill()

    def kill(self) -> None:
        """SIGKILL: as a crash."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    @property
    def pid(self) -> int:
        if self._process is None:
            raise RuntimeError("the simulator is not running")
        return self._process.pid

    @property
    def port(self) -> int:
        return int(self._ports["port"])

    @property
    def base_url(self) -> str:
        return str(self._ports["base_url"])

    @property
    def directory_url(self) -> str:
        return f"{self.base_url}/annuaire"

    @property
    def insi_url(self) -> str:
        """Address of the national identity service."""
        return f"{self.base_url}/insi"

    @property
    def cdri_url(self) -> str:
        """Address of the service of AMO rights."""
        return f"{self.base_url}/cdri"

    def services_url(self, amc_number: str, operation: str) -> str:
        """Address of an operation (IDB, SIM, CLC, DEL) of an AMC: the same as the directory gives."""
        return f"{self.base_url}/amc/{amc_number}/{operation.lower()}"

    @property
    def client_files(self) -> dict[str, Path]:
        """Where the certificates of the hospital are, by the names of the settings."""
        return {
            "directory_certificate": self.pki.directory.certificate,
            "directory_key": self.pki.directory.key,
            "services_certificate": self.pki.services.certificate,
            "services_key": self.pki.services.key,
            "insi_certificate": self.pki.insi.certificate,
            "insi_key": self.pki.insi.key,
            "cdri_certificate": self.pki.cdri.certificate,
            "cdri_key": self.pki.cdri.key,
            "ca_file": self.pki.ca,
        }

    @property
    def credentials(self) -> dict[str, Any]:
        """What `Roc1Config` needs to call it, or any other server of this machine."""
        return {
            "addresses": THIS_MACHINE,
            "directory": FileCredentials(self.pki.directory.certificate, self.pki.directory.key, self.pki.ca),
            "services": FileCredentials(self.pki.services.certificate, self.pki.services.key, self.pki.ca),
        }

    def control(self, method: str, path: str, body: dict[str, object] | None = None) -> Any:
        """Call the control endpoint; returns the JSON. Raises urllib.error.HTTPError on a refusal."""
        url = f"http://127.0.0.1:{self._ports['control_port']}{path}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, data=data, method=method, headers={"Content-Type": "application/json"})
        with _opener.open(request, timeout=10) as response:
            return json.loads(response.read())

    def scenario(self, amc: str, behaviour: str, operation: str | None = None, count: int | None = None) -> None:
        """From now on, this AMC behaves so (`simulator/scenarios.py` lists the behaviours)."""
        body: dict[str, object] = {"amc": amc, "behaviour": behaviour, "operation": operation, "count": count}
        self.control("POST", "/scenario", {name: value for name, value in body.items() if value is not None})

    def clear_scenarios(self, amc: str | None = None) -> None:
        self.control("DELETE", f"/scenario?amc={amc}" if amc else "/scenario")

    def log(self, message_id: object = None) -> list[dict[str, Any]]:
        """The calls it received, oldest first; those of one message when given."""
        entries = self.control("GET", "/log")
        return [entry for entry in entries if message_id is None or entry["message_id"] == str(message_id)]

    def engagements(self) -> list[dict[str, Any]]:
        return list(self.control("GET", "/engagements"))

    def output(self) -> str:
        """What it wrote on its standard output and error."""
        return self._log.read_text(encoding="utf-8", errors="replace") if self._log.exists() else ""

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
