"""Reading files from outside: in another process, short of memory, of time and of everything worth stealing.

One small worker a process of ours, started before it is needed (`warm`), replaced when it dies, is killed or has served
500 files. Calls take turns.
"""

from __future__ import annotations

import atexit
import json
import os
import socket
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Final

from debtors.datamatrix.results import Outcome, ReadingResult
from debtors.datamatrix.worker import READY, REQUEST, TOLD, receive_frame, send_frame

DEFAULT_DEADLINE_S: Final = 5.0
#: Same limit as the readers': a file too large is refused before it is copied to the worker.
MAX_BYTES: Final = 10 * 1024 * 1024
MAX_SERVED: Final = 500
_ANSWER_BYTES: Final = 64 * 1024
#: A picture of ours (`keeping.py`) is of one megabyte, noise and all.
_PICTURE_BYTES: Final = 16 * 1024 * 1024
#: What the decoder is given less than the deadline, so that it gives up by itself rather than by being killed.
_MARGIN_S: Final = 0.3
_ROOT: Final = Path(__file__).resolve().parents[2]


class Worker:
    """One decoding process and the socket that leads to it."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "debtors.datamatrix.worker", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                cwd=_ROOT,
                # No secret of ours: neither settings nor addresses. One thread a library, or memory is gone in stacks.
                env={
                    "PYTHONPATH": str(_ROOT),
                    "OPENBLAS_NUM_THREADS": "1",
                    "OMP_NUM_THREADS": "1",
                    "LC_ALL": "C.UTF-8",
                },
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        self._channel = ours
        self._owner = os.getpid()
        self._ready = False
        self.served = 0

    @property
    def usable(self) -> bool:
        """Ours (not inherited by a fork), alive, and not worn out."""
        return self._owner == os.getpid() and self._process.poll() is None and self.served < MAX_SERVED

    @property
    def pid(self) -> int:
        return self._process.pid

    def wait_ready(self, deadline_s: float) -> bool:
        """Has it started, within this time? Raises EOFError, OSError or ValueError when it never will."""
        if not self._ready and deadline_s > 0:
            self._channel.settimeout(deadline_s)
            try:
                started = receive_frame(self._channel, _ANSWER_BYTES)
            except TimeoutError:
                return False
            if started != READY:
                raise ValueError("The worker did not start.")
            self._ready = True
        return self._ready

    def read(self, data: bytes, deadline_s: float, *, keep: bool) -> ReadingResult:
        """Raises TimeoutError, EOFError, OSError, ValueError: the worker must then be thrown away."""
        self.served += 1
        self._channel.settimeout(deadline_s)
        send_frame(self._channel, REQUEST.pack(max(0.1, deadline_s - _MARGIN_S), keep), data)
        return _result(receive_frame(self._channel, _ANSWER_BYTES))

    def picture(self, deadline_s: float) -> bytes:
        """What to keep of the card that was just read. Raises what `read` raises."""
        self._channel.settimeout(deadline_s)
        return receive_frame(self._channel, _PICTURE_BYTES)

    def close(self) -> None:
        """Kill and reap; in a forked child, only let go of the socket."""
        self._channel.close()
        if self._owner == os.getpid():
            self._process.kill()
            self._process.wait()


def _result(answer: bytes) -> ReadingResult:
    """Rebuild a result from what the worker says, trusting its types in nothing. Raises ValueError."""
    values = json.loads(answer)
    if not isinstance(values, list) or len(values) != len(TOLD):
        raise ValueError("Unexpected answer.")
    outcome, content, reader, milliseconds, page, note = values
    return ReadingResult(Outcome(outcome), str(content), str(reader), float(milliseconds), int(page), str(note))


_lock = threading.Lock()
_current: Worker | None = None


def warm() -> None:
    """Start the worker without waiting for it. Call it when a server process starts (after any fork)."""
    with _lock:
        _worker()


def read_untrusted(data: bytes, deadline_s: float = DEFAULT_DEADLINE_S, *, keep: bool = False) -> ReadingResult:
    """Read a file from outside within `deadline_s` seconds, whatever it holds. Never raises on bad content.

    `keep`: with `image`, the picture to be kept of a card that was read; empty when it could not be drawn in time.
    `milliseconds` counts the whole wait: for the worker's turn, for its start if it was not warm, for the reading.
    """
    start = time.perf_counter()
    if len(data) > MAX_BYTES:
        return ReadingResult(Outcome.FILE_TOO_LARGE)
    if not _lock.acquire(timeout=deadline_s):
        return ReadingResult(Outcome.BUSY)
    try:
        result = _read(data, start + deadline_s, keep=keep)
    finally:
        _lock.release()
    milliseconds = round((time.perf_counter() - start) * 1000, 2)
    return replace(result, milliseconds=milliseconds)


def _read(data: bytes, end: float, *, keep: bool) -> ReadingResult:
    """`end`: instant of the performance counter after which nobody waits any more."""
    worker = _worker()
    try:
        if not worker.wait_ready(end - time.perf_counter()):
            return ReadingResult(Outcome.BUSY)
        result = worker.read(data, max(_MARGIN_S, end - time.perf_counter()), keep=keep)
    except TimeoutError:
        outcome = Outcome.TIMEOUT
    except (EOFError, OSError, ValueError):
        outcome = Outcome.CRASHED
    else:
        return _with_picture(worker, result, end) if keep and result.decoded else result
    _replace(worker)
    return ReadingResult(outcome)


def _with_picture(worker: Worker, result: ReadingResult, end: float) -> ReadingResult:
    """The card was read: nothing that happens to its picture takes that back."""
    try:
        return replace(result, image=worker.picture(max(_MARGIN_S, end - time.perf_counter())))
    except (TimeoutError, EOFError, OSError, ValueError):
        _replace(worker)
        return result


def _worker() -> Worker:
    """The current worker, or a new one. Under the lock."""
    global _current
    if _current is None or not _current.usable:
        if _current is not None:
            _current.close()
        _current = Worker()
    return _current


def _replace(worker: Worker) -> None:
    """Kill a worker and start the next one at once, so that the next file does not wait. Under the lock."""
    global _current
    worker.close()
    _current = Worker()


def close() -> None:
    """End the worker of this process, if any."""
    global _current
    with _lock:
        if _current is not None:
            _current.close()
            _current = None


def _forget_after_fork() -> None:
    # A child must neither use its parent's worker nor wait for a lock that a thread of the parent held.
    global _lock, _current
    _lock = threading.Lock()
    _current = None


atexit.register(close)
os.register_at_fork(after_in_child=_forget_after_fork)
