"""The control endpoint: plain HTTP on the loopback, for tests, the demonstration and the bench. JSON in, JSON out.

* `POST /scenario` `{"amc": "0099000101" or "*", "behaviour": "latency:2", "operation"?: "CLC", "count"?: 3}`
* `GET /scenario`: those in force; `DELETE /scenario` (`?amc=…`): forget them
* `GET /log`: the calls received, oldest first; `DELETE /log`: start again
* `GET /engagements`; `GET /health`
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from simulator.journal import Journal
from simulator.scenarios import BadScenario, Scenarios
from simulator.store import Engagement, Store

_MAX_BODY_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Controlled:
    """What the endpoint reads and sets."""

    scenarios: Scenarios
    journal: Journal
    store: Store


class ControlServer(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, port: int, controlled: Controlled) -> None:
        super().__init__(("127.0.0.1", port), ControlHandler)
        self.controlled = controlled

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A broken connection is the caller's business; a fault of ours is shown."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class ControlHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: ControlServer

    def do_GET(self) -> None:
        controlled = self.server.controlled
        match urlsplit(self.path).path:
            case "/health":
                self._send(200, {"status": "ok"})
            case "/log":
                self._send(200, controlled.journal.entries())
            case "/engagements":
                self._send(200, [_described(engagement) for engagement in controlled.store.engagements()])
            case "/scenario":
                self._send(200, controlled.scenarios.active())
            case _:
                self._send(404, {"error": "unknown path"})

    def do_POST(self) -> None:
        if urlsplit(self.path).path != "/scenario":
            return self._send(404, {"error": "unknown path"})
        try:
            asked = self._json()
            scenario = self.server.controlled.scenarios.add(
                str(asked["amc"]), str(asked["behaviour"]), asked.get("operation"), asked.get("count")
            )
        except (BadScenario, KeyError, TypeError, ValueError) as error:
            return self._send(400, {"error": f"{type(error).__name__}: {error}"})
        return self._send(201, scenario.described())

    def do_DELETE(self) -> None:
        parts = urlsplit(self.path)
        match parts.path:
            case "/scenario":
                amc = parse_qs(parts.query).get("amc", [None])[0]
                self._send(200, {"removed": self.server.controlled.scenarios.clear(amc)})
            case "/log":
                self.server.controlled.journal.clear()
                self._send(200, {"removed": True})
            case _:
                self._send(404, {"error": "unknown path"})

    def log_message(self, format: str, *args: Any) -> None:
        """Silent."""

    def _json(self) -> dict[str, Any]:
        length = int(self.headers.get("Content-Length", "0"))
        if length > _MAX_BODY_BYTES:
            raise ValueError("body too long")
        asked = json.loads(self.rfile.read(length) or b"{}")
        if not isinstance(asked, dict):
            raise TypeError("an object was expected")
        return asked

    def _send(self, status: int, content: object) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _described(engagement: Engagement) -> dict[str, object]:
    return {
        "number": engagement.number,
        "amc": engagement.amc_number,
        "finess_legal": engagement.finess_legal,
        "dossier": engagement.dossier_number,
        "amount": str(engagement.amount),
        "lines": {str(number): str(amount) for number, amount in engagement.lines.items()},
        "message_id": engagement.message_id,
        "created_at": engagement.created_at.isoformat(),
        "valid_until": engagement.valid_until.isoformat(),
        "cancelled_at": engagement.cancelled_at.isoformat() if engagement.cancelled_at else None,
        "billed_at": engagement.billed_at.isoformat() if engagement.billed_at else None,
    }
