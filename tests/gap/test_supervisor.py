"""The supervisor with real processes: whatever stops it, nothing stays behind; the second start keeps the data.

An empty hospital (GAP_DEMO_SIZE=0): how it is filled is tested elsewhere.
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
START_S = 120  # a machine that does other things at the same time
GONE_S = 30
# The last one reads cards for the web server, and is started with it.
PROGRAMS = ("postgres", "redis-server", "simulator", "celery", "granian", "debtors.datamatrix.worker")


class Supervised:
    """One `python -m gap.supervisor`, and the processes that descend from it."""

    def __init__(self, folder: Path, *arguments: str, **environment: str) -> None:
        self.output = folder / "output.txt"
        kept = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL")}
        with self.output.open("wb") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "gap.supervisor", "--var", str(folder / "var"), *arguments],
                cwd=ROOT,
                stdout=out,
                stderr=subprocess.STDOUT,
                env=kept | {"GAP_DEMO_SIZE": "0"} | environment,
                start_new_session=True,
            )

    def said(self) -> str:
        return self.output.read_text(errors="replace")

    def wait_for(self, text: str) -> None:
        wait(lambda: text in self.said() or self.process.poll() is not None, START_S)
        assert text in self.said(), self.said()

    def family(self) -> dict[int, str]:
        """Its descendants: pid → command line."""
        parents = {pid: parent for pid in pids() if (parent := parent_of(pid)) is not None}
        found = {self.process.pid}
        while more := {pid for pid, parent in parents.items() if parent in found} - found:
            found |= more
        return {pid: command_of(pid) for pid in found - {self.process.pid}}

    def stop(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.process.wait(GONE_S)


def wait(ready: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not ready() and time.monotonic() < deadline:
        time.sleep(0.05)


def pids() -> list[int]:
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]


def parent_of(pid: int) -> int | None:
    """None for a process that is gone, or dead and waiting for its parent to look."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else int(fields[1])


def command_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except OSError:
        return ""


def left_of(family: dict[int, str]) -> dict[int, str]:
    """Those still there. A number given since to another program does not count."""
    alive = {pid: command for pid, command in family.items() if parent_of(pid) is not None}
    return {pid: command for pid, command in alive.items() if command_of(pid) == command}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Supervised]]:
    running: list[Supervised] = []

    def begin(*arguments: str, **environment: str) -> Supervised:
        running.append(Supervised(tmp_path, *arguments, **environment))
        return running[-1]

    yield begin
    for one in running:
        if one.process.poll() is None:
            one.process.terminate()
            one.process.wait(GONE_S)


@pytest.mark.long
def test_the_demonstration_starts_stops_starts_again_with_its_data_and_names_a_process_that_dies(
    start, tmp_path: Path
) -> None:
    port = free_port()
    first = start("demo", "--port", str(port))
    first.wait_for("mini-GAP est prête")
    assert f"http://localhost:{port}/" in first.said()
    logins = json.loads((tmp_path / "var" / "logins.json").read_text())
    assert [row["username"] for row in logins["people"]] == [
        "agent",
        "referent",
        "facturation",
        "regie",
        "admin",
        "controle",
    ]
    assert all(row["password"] in first.said() for row in logins["people"])
    assert (tmp_path / "var" / "logins.json").stat().st_mode & 0o777 == 0o600
    family = first.family()
    assert all(any(name in command for command in family.values()) for name in PROGRAMS), family

    # Killed outright, it can stop nothing itself.
    assert first.stop(signal.SIGKILL) == -signal.SIGKILL
    wait(lambda: not left_of(family), GONE_S)
    assert left_of(family) == {}

    second = start("demo", "--port", str(port))
    second.wait_for("mini-GAP est prête")
    assert "une seule fois" not in second.said()
    assert json.loads((tmp_path / "var" / "logins.json").read_text()) == logins
    family = second.family()
    assert second.stop(signal.SIGINT) == 0
    assert left_of(family) == {}

    anew = start("demo", "--reset", "--port", str(port))
    anew.wait_for("mini-GAP est prête")
    assert "une seule fois" in anew.said()
    assert json.loads((tmp_path / "var" / "logins.json").read_text()) != logins

    # A process that dies is named, and the rest is stopped.
    family = anew.family()
    worker = next(pid for pid, command in family.items() if "celery" in command and "--queues=interactive" in command)
    os.kill(worker, signal.SIGKILL)
    assert anew.process.wait(GONE_S) == 1
    assert "« worker » s’est arrêté tout seul (signal 9)" in anew.said()
    assert str(tmp_path / "var" / "logs" / "worker.log") in anew.said()
    assert left_of(family) == {}


def test_a_port_that_is_taken_is_said_before_anything_starts(start, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        demo = start("demo", PORT=str(port))
        assert demo.process.wait(START_S) == 1
    assert re.search(rf"Le port {port} est déjà pris.*PORT=\d+ make demo", demo.said())
    assert not (tmp_path / "var" / "postgres").exists()


def test_a_command_beside_the_servers_gives_its_status_and_leaves_nothing(start) -> None:
    beside = start("with", "--scratch", "--", sys.executable, "-c", "import sys; sys.exit(7)")
    assert beside.process.wait(START_S) == 7
    slow = start(
        "with", "--scratch", "--", sys.executable, "-c", "import time; print('là', flush=True); time.sleep(99)"
    )
    slow.wait_for("là")
    family = slow.family()
    assert slow.stop(signal.SIGTERM) == 128 + signal.SIGTERM
    assert left_of(family) == {}


def test_two_supervisors_never_share_a_folder(start) -> None:
    command = ("with", "--scratch", "--", sys.executable, "-c", "import time; print('là', flush=True); time.sleep(99)")
    first = start(*command)
    first.wait_for("là")
    said = first.output.rename(first.output.with_name("first.txt"))
    second = start(*command)
    assert second.process.wait(START_S) == 1
    assert "Une autre commande tourne déjà" in second.said()
    assert first.process.poll() is None
    assert "là" in said.read_text()
    assert first.stop(signal.SIGTERM) == 128 + signal.SIGTERM
