"""The client of the contract in force, one a process, built from the settings."""

from __future__ import annotations

import threading

from django.conf import settings

from gap import clock
from teleservices import addresses, credentials
from teleservices.clients.roc1 import Roc1Client, Roc1Config
from teleservices.credentials import CurrentCredentials
from teleservices.enums import CertificateUse

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
                        directory=CurrentCredentials(CertificateUse.DIRECTORY),
                        services=CurrentCredentials(CertificateUse.SERVICES),
                        addresses=addresses.policy(),
                        timeout_connect=chosen["timeout_connect"],
                        timeout_read=chosen["timeout_read"],
                        dated=clock.heard,
                    )
                )
    return _client


def forget() -> None:
    """Build a new client at the next call: the settings have changed."""
    global _client
    with _lock:
        _client = None
    credentials.forget()
