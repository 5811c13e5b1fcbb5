"""How often one client of the API may ask."""

from __future__ import annotations

from typing import Any

from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from gap import rates


class ClientThrottle(BaseThrottle):
    """The rate of the client, or that of the settings. The API has no anonymous operation: nobody else is counted."""

    def __init__(self) -> None:
        self._wait_s = 0

    def allow_request(self, request: Request, view: Any) -> bool:
        client: Any = request.user
        if client is not None and client.pk is not None:
            self._wait_s = rates.wait_of("api", client.pk, client.rate_per_minute)
        return not self._wait_s

    def wait(self) -> float:
        return float(self._wait_s)
