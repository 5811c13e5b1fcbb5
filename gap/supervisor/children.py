"""Child processes that never outlive their parent."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from . import signals

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True)
_POLL_S = 0.02


def die_with_parent(stop_signal: int, parent: int | None = None) -> Callable[[], None]:
    """What a new process calls first (`preexec_fn`): even a SIGKILL of its parent leaves no process behind (Linux)."""
    parent = parent or os.getpid()

    def prepare() -> None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, stop_signal, 0, 0, 0)
        if os.getppid() != parent:
            # It died before this process asked to be told.
            os.kill(os.getpid(), stop_signal)

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
            preexec_fn=die_with_parent(stop_signal),
            user=user,
            group=user,
            extra_groups=[] if user else None,
        )
        if output:
            output.close()

    @property
    def running(self) -> bool:
        return self.process.poll() is None

    def ask_to_stop(self) -> None:
        """Send the signal and come back at once."""
        if self.running:
            self.process.send_signal(self.stop_signal)

    def stop(self) -> None:
        """Send the signal, wait, then kill what is left of it and of its own children."""
        self.ask_to_stop()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(self.patience_s)
        with suppress(ProcessLookupError):
            # It leads its group: a worker that its master forgot is in it too.
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def wait(self) -> int:
        """Its exit status. Raises Stopped as soon as a signal asks to stop."""
        while self.running:
            signals.check()
            time.sleep(_POLL_S)
        return self.process.returncode

    def last_lines(self, count: int = 15) -> str:
        if self.log is None or not self.log.exists():
            return ""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-count:])

    def epitaph(self) -> str:
        """What to say of a process that ended by itself: which one, how, and its last words."""
        code = self.process.returncode
        how = f"signal {-code}" if code is not None and code < 0 else f"code {code}"
        words = self.last_lines() or "(rien dans son journal)"
        return f"« {self.name} » s’est arrêté tout seul ({how}). Fin de {self.log} :\n{words}"


def wait_until(ready: Callable[[], bool], child: Child, seconds: float, what: str = "") -> None:
    """Poll `ready` until it says yes. Raises RuntimeError if the child dies or the time is out, Stopped on a signal."""
    deadline = time.monotonic() + seconds
    while not ready():
        signals.check()
        if not child.running:
            raise RuntimeError(child.epitaph())
        if time.monotonic() > deadline:
            raise RuntimeError(
                f"« {what or child.name} » n’est pas prêt après {seconds:g} s. Fin de {child.log} :\n{child.last_lines()}"
            )
        time.sleep(_POLL_S)
