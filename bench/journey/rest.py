"""A client of the REST API: what another program of the hospital would write."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

from bench.journey.journal import NotYet, Refusal

_POLL_S = 0.15
# No proxy of the environment may come between us and the loopback.
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Rest:
    """`base` is the address of /api/v1, without a slash at its end."""

    def __init__(self, base: str, token: str) -> None:
        self._base = base
        self._token = token

    def get(self, path: str, **query: str) -> Any:
        return self._send("GET", f"{path}?{urlencode(query)}" if query else path)[1]

    def post(self, path: str, body: dict[str, Any], *, key: str = "") -> Any:
        """Post with an idempotency key, a new one unless given. Raises Refusal."""
        return self._send("POST", path, body, key or str(uuid4()))[1]

    def status_of_post(self, path: str, body: dict[str, Any], *, key: str = "") -> tuple[int, Any]:
        """The same, with the HTTP status."""
        return self._send("POST", path, body, key or str(uuid4()))

    def every(self, path: str, **query: str) -> list[dict[str, Any]]:
        """The rows of a list, oldest first; one page is enough for a journey."""
        return list(reversed(self.get(path, page_size="200", **query)["results"]))

    def wait(self, path: str, wanted: Callable[[Any], bool], what: str, seconds: float = 30) -> Any:
        """Read until it is as wanted. Raises NotYet, with what was read last."""
        deadline = time.monotonic() + seconds
        while True:
            found = self.get(path)
            if wanted(found):
                return found
            if time.monotonic() > deadline:
                raise NotYet(f"{what} : toujours pas après {seconds:g} s. Lu en dernier :\n{_told(found)}")
            time.sleep(_POLL_S)

    def _send(self, method: str, path: str, body: dict[str, Any] | None = None, key: str = "") -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {self._token}", "Accept": "application/json"}
        data = None
        if body is not None:
            data = json.dumps(body).encode()
            headers |= {"Content-Type": "application/json", "Idempotency-Key": key}
        request = urllib.request.Request(self._base + path, data=data, method=method, headers=headers)
        try:
            with _opener.open(request, timeout=20) as answer:
                return answer.status, json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as refused:
            text = refused.read().decode(errors="replace")
            raise Refusal(f"{method} {path} : {refused.code}\n{text[:600]}") from None


def euros(text: str | None) -> Decimal | None:
    """An amount as the API writes it."""
    return None if text is None else Decimal(text)


def _told(found: Any) -> str:
    return json.dumps(found, ensure_ascii=False, indent=1)[:1500]
