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
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final, TypeVar

from debtors.datamatrix.readers import MAX_PDF_PAGES
from debtors.datamatrix.results import Letter, Outcome, ReadingResult
from debtors.datamatrix.worker import DRAW, KEEP, READ, READY, REQUEST, TOLD, receive_frame, send_frame

DEFAULT_DEADLINE_S: Final = 5.0
#: A letter of twenty pages takes some seconds to draw; the next card waits for its turn meanwhile.
LETTER_DEADLINE_S: Final = 15.0
#: Same limit as the readers': a file too large is refused before it is copied to the worker.
MAX_BYTES: Final = 10 * 1024 * 1024
MAX_SERVED: Final = 500
_ANSWER_BYTES: Final = 64 * 1024
#: A picture of ours (`keeping.py`) is of one megabyte, noise and all.
_PICTURE_BYTES: Final = 16 * 1024 * 1024
#: What the decoder is given less than the deadline, so that it gives up by itself rather than by being killed.
_MARGIN_S: Final = 0.3
T = TypeVar("T")
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
        return _result(self._ask(data, deadline_s, KEEP if keep else READ))

    def draw(self, data: bytes, end: float) -> Letter:
        """`end`: as of `_read`. Raises what `read` raises."""
        drawn = _letter(self._ask(data, max(_MARGIN_S, end - time.perf_counter()), DRAW))
        pages = tuple(self.picture(max(_MARGIN_S, end - time.perf_counter())) for _ in range(drawn[1]))
        return Letter(drawn[0], pages, drawn[2])

    def _ask(self, data: bytes, deadline_s: float, wanted: int) -> bytes:
        self.served += 1
        self._channel.settimeout(deadline_s)
        send_frame(self._channel, REQUEST.pack(max(0.1, deadline_s - _MARGIN_S), wanted), data)
        return receive_frame(self._channel, _ANSWER_BYTES)

    def picture(self, deadline_s: float) -> bytes:
        """What to keep of the card, or of the page, that was just read. Raises what `read` raises."""
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


def _letter(answer: bytes) -> tuple[Outcome, int, int]:
    """How it ended, pages drawn, pages in all. Raises ValueError, as `_result`."""
    values = json.loads(answer)
    if not isinstance(values, list) or len(values) != 3:
        raise ValueError("Unexpected answer.")
    outcome, count, total = Outcome(values[0]), int(values[1]), int(values[2])
    if not 0 <= count <= MAX_PDF_PAGES:
        raise ValueError("Unexpected answer.")
    return outcome, count, total


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


def draw_untrusted(data: bytes, deadline_s: float = LETTER_DEADLINE_S) -> Letter:
    """Draw the pages of a letter from outside again, within `deadline_s` seconds, whatever the file holds. Never raises on
    bad content."""
    end = time.perf_counter() + deadline_s
    if len(data) > MAX_BYTES:
        return Letter(Outcome.FILE_TOO_LARGE)
    if not _lock.acquire(timeout=deadline_s):
        return Letter(Outcome.BUSY)
    try:
        drawn = _with_worker(end, lambda worker: worker.draw(data, end))
    finally:
        _lock.release()
    return Letter(drawn) if isinstance(drawn, Outcome) else drawn


def _read(data: bytes, end: float, *, keep: bool) -> ReadingResult:
    """`end`: instant of the performance counter after which nobody waits any more."""

    def read(worker: Worker) -> ReadingResult:
        result = worker.read(data, max(_MARGIN_S, end - time.perf_counter()), keep=keep)
        return _with_picture(worker, result, end) if keep and result.decoded else result

    done = _with_worker(end, read)
    return ReadingResult(done) if isinstance(done, Outcome) else done


def _with_worker(end: float, use: Callable[[Worker], T]) -> T | Outcome:
    """What `use` gives, or how it went wrong; the worker is then replaced. Under the lock."""
    worker = _worker()
    try:
        return use(worker) if worker.wait_ready(end - time.perf_counter()) else Outcome.BUSY
    except TimeoutError:
        outcome = Outcome.TIMEOUT
    except (EOFError, OSError, ValueError):
        outcome = Outcome.CRASHED
    _replace(worker)
    return outcome


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
