"""The client of the contract in force, one a process, built from the settings."""

from __future__ import annotations

import threading
from pathlib import Path

from django.conf import settings

from teleservices.clients.roc1 import Roc1Client, Roc1Config

_lock = threading.Lock()
_client: Roc1Client | None = None


def current() -> Roc1Client:
    """Loading the contract takes a moment: it is done once, by the first who calls."""
    global _client
    if _client is None:
        with _lock:
            if _client is None:
                chosen = settings.TELESERVICES
                _client = Roc1Client(
                    Roc1Config(
                        directory_certificate=Path(chosen["directory_certificate"]),
                        directory_key=Path(chosen["directory_key"]),
                        services_certificate=Path(chosen["services_certificate"]),
                        services_key=Path(chosen["services_key"]),
                        ca_file=Path(chosen["ca_file"]),
                        timeout_connect=chosen["timeout_connect"],
                        timeout_read=chosen["timeout_read"],
                    )
                )
    return _client


def forget() -> None:
    """Build a new client at the next call: certificates or settings have changed."""
    global _client
    with _lock:
        _client = None
