"""The clients of the contracts in force, one each a process, built from the settings."""

from __future__ import annotations

import threading
from functools import partial
from typing import Any, Protocol
from uuid import UUID

from django.conf import settings

from gap import clock
from teleservices import addresses, credentials
from teleservices.clients.cdri1 import Cdri1Client, CdriConfig
from teleservices.clients.insi import InsiClient, InsiConfig
from teleservices.clients.roc1 import Roc1Client, Roc1Config
from teleservices.credentials import CurrentCredentials
from teleservices.enums import CertificateUse
from teleservices.messages import Exchange, Operation
from teleservices.rules.insi import believable

_lock = threading.Lock()
_client: Roc1Client | None = None
_insi: InsiClient | None = None
_cdri: Cdri1Client | None = None


class Client(Protocol):
    """What the engine needs of any of them."""

    def build(self, operation: Operation, request: Any) -> bytes:
        """The message as it will leave. Raises Refused when it breaks the contract."""

    def send(self, operation: Operation, url: str, message: bytes, message_id: UUID) -> Exchange:
        """Carry it and read its answer. Raises a CallError."""


def of(operation: Operation) -> Client:
    """The client that speaks to whoever answers this operation."""
    if operation in (Operation.INSI, Operation.INSV):
        return insi()
    return cdri() if operation == Operation.CDRI else current()


def insi() -> InsiClient:
    global _insi
    if _insi is None:
        with _lock:
            if _insi is None:
                chosen = settings.TELESERVICES
                _insi = InsiClient(
                    InsiConfig(
                        credentials=CurrentCredentials(CertificateUse.INSI),
                        authorisation=settings.INSI["authorisation"],
                        believed=partial(believable, production=settings.INSI["production"]),
                        addresses=addresses.policy(),
                        timeout_connect=chosen["timeout_connect"],
                        timeout_read=chosen["timeout_read"],
                        dated=clock.heard,
                    )
                )
    return _insi


def cdri() -> Cdri1Client:
    global _cdri
    if _cdri is None:
        with _lock:
            if _cdri is None:
                chosen = settings.TELESERVICES
                _cdri = Cdri1Client(
                    CdriConfig(
                        credentials=CurrentCredentials(CertificateUse.CDRI),
                        addresses=addresses.policy(),
                        timeout_connect=chosen["timeout_connect"],
                        timeout_read=chosen["timeout_read"],
                        dated=clock.heard,
                    )
                )
    return _cdri


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
    global _client, _insi, _cdri
    with _lock:
        _client = _insi = _cdri = None
    credentials.forget()
