"""How often one client of the API may ask."""

from __future__ import annotations

from typing import Any

from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from gap import rates


class ClientThrottle(BaseThrottle):
    """The rate of the settings for each client. The API has no anonymous operation: nobody else is counted."""

    def __init__(self) -> None:
        self._wait_s = 0

    def allow_request(self, request: Request, view: Any) -> bool:
        if request.user is not None and request.user.pk is not None:
            self._wait_s = rates.wait_of("api", request.user.pk)
        return not self._wait_s

    def wait(self) -> float:
        return float(self._wait_s)
