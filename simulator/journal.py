"""The calls that the simulator received: what a test or a demonstration reads back. No name, no NIR, no content."""

from __future__ import annotations

import threading
from collections import deque
from datetime import UTC, datetime

_KEPT = 20_000


class Journal:
    """The last calls, oldest first. Lost when the process stops: what matters is in the store."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: deque[dict[str, object]] = deque(maxlen=_KEPT)

    def write(self, operation: str, outcome: str, message_id: str = "", amc: str = "", **more: object) -> None:
        entry: dict[str, object] = {
            "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "operation": operation,
            "message_id": message_id,
            "amc": amc,
            "outcome": outcome,
        }
        with self._lock:
            self._entries.append(entry | more)

    def entries(self) -> list[dict[str, object]]:
        with self._lock:
            return list(self._entries)

    def clear(self) -> None:
        with self._lock:
            self._entries.clear()
