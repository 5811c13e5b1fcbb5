"""Fixtures of the ROC client's tests. The simulator is a real process, one for the session."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from teleservices.clients.roc1 import Roc1Client, Roc1Config
from tests.simulator_process import SimulatorProcess


@pytest.fixture(scope="session")
def roc1_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatorProcess]:
    with SimulatorProcess(tmp_path_factory.mktemp("roc1-simulator")) as simulator:
        yield simulator


@pytest.fixture
def roc1_simulator(roc1_process: SimulatorProcess) -> SimulatorProcess:
    """The simulator, with no scenario left by another test."""
    roc1_process.clear_scenarios()
    return roc1_process


@pytest.fixture
def roc1_client(roc1_simulator: SimulatorProcess) -> Iterator[Roc1Client]:
    client = Roc1Client(Roc1Config(**roc1_simulator.credentials, timeout_connect=2, timeout_read=3, timeout_total=4))
    yield client
    client.close()
