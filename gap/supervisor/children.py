"""Child processes that never outlive their parent."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True)


def _die_with_parent(stop_signal: int) -> Callable[[], None]:
    def prepare() -> None:
        # Even a SIGKILL of the supervisor leaves no process behind (Linux).
        _LIBC.prctl(_PR_SET_PDEATHSIG, stop_signal, 0, 0, 0)

    return prepare


class Child:
    """One process in a session of its own, so that Ctrl-C reaches the supervisor alone and the order of stops is ours."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        log: Path | None = None,
        env: Mapping[str, str] | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
        patience_s: float = 10.0,
        user: int | None = None,
    ) -> None:
        self.name = name
        self.stop_signal = stop_signal
        self.patience_s = patience_s
        self.log = log
        output = log.open("ab") if log else None
        self.process = subprocess.Popen(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT if output else None,
            env={**os.environ, **(env or {})},
            start_new_session=True,
            preexec_fn=_die_with_parent(stop_signal),
            user=user,
            group=user,
            extra_groups=[] if user else None,
        )
        if output:
            output.close()

    @property
    def running(self) -> bool:
        return self.process.poll() is None

    def stop(self) -> None:
        if not self.running:
            return
        self.process.send_signal(self.stop_signal)
        try:
            self.process.wait(self.patience_s)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def last_lines(self, count: int = 15) -> str:
        if self.log is None or not self.log.exists():
            return ""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-count:])


def wait_until(ready: Callable[[], bool], child: Child, seconds: float, what: str) -> None:
    """Poll `ready` until it says yes. Raises RuntimeError if the child dies or the time is out."""
    deadline = time.monotonic() + seconds
    while not ready():
        if not child.running:
            raise RuntimeError(f"{what}: the process ended with {child.process.returncode}\n{child.last_lines()}")
        if time.monotonic() > deadline:
            raise RuntimeError(f"{what}: not ready after {seconds:g} s\n{child.last_lines()}")
        time.sleep(0.02)
