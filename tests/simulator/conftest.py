"""Fixtures of the simulator's tests: a real process, one for the session."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.simulator_process import SimulatorProcess


@pytest.fixture(scope="session")
def simulator_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatorProcess]:
    with SimulatorProcess(tmp_path_factory.mktemp("simulator")) as simulator:
        yield simulator


@pytest.fixture
def simulator_running(simulator_session: SimulatorProcess) -> SimulatorProcess:
    """The running simulator, without the scenarios of another test."""
    simulator_session.clear_scenarios()
    return simulator_session
