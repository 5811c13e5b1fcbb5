"""A program that listens, in a process of its own, and a hospital that may tell it."""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from accounts.enums import Scope
from accounts.models import ApiClient
from admissions.models import Stay
from gap.pki import DevelopmentPki, create_development_pki
from gap.supervisor.children import Child, wait_until
from teleservices.models import WebhookMessage
from teleservices.webhooks import telling
from tests.factories import StayFactory, UnitFactory
from tests.gap.test_supervisor import free_port

HERE = "127.0.0.0/8"


@dataclass
class Receiver:
    port: int
    file: Path
    pki: DevelopmentPki
    child: Child

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}/evenements"

    def received(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.file.read_text().splitlines()] if self.file.exists() else []

    def answers(self, said: str) -> None:
        Path(f"{self.file}.answer").write_text(said)


@pytest.fixture(scope="module")
def listening(tmp_path_factory) -> Iterator[Receiver]:
    folder = tmp_path_factory.mktemp("receiver")
    create_development_pki(folder)
    pki, port = DevelopmentPki(folder), free_port()
    pair = pki.server
    command = [sys.executable, "-m", "tests.webhook_receiver", str(port), str(pair.certificate), str(pair.key)]
    child = Child("receiver", [*command, str(folder / "received")], log=folder / "receiver.log")
    wait_until(lambda: _listens(port), child, 20)
    yield Receiver(port, folder / "received", pki, child)
    child.stop()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def receiver(listening, settings) -> Receiver:
    listening.file.write_text("")
    listening.answers("204")
    settings.PUBLIC_URL = "https://gap.hopital.example"
    settings.WEBHOOKS = {
        "hosts": ["127.0.0.1"],
        "ports": (listening.port,),
        "internal_networks": [HERE],
        "authorities": str(listening.pki.ca),
        "days": 3,
        "kept_days": 30,
    }
    return listening


@pytest.fixture
def program(establishment) -> ApiClient:
    return ApiClient.issue("laboratoire", establishment, list(Scope.values))[0]


@pytest.fixture
def stay(establishment) -> Stay:
    return StayFactory(unit=UnitFactory(establishment=establishment))


def tell(stay: Stay, kind: str = "stay.admitted") -> WebhookMessage:
    telling.tell(kind, [telling.Fact(stay)])
    return WebhookMessage.objects.latest("pk")
