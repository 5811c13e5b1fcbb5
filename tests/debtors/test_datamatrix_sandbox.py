"""Files from outside are decoded elsewhere: what they break there breaks nothing here."""

from __future__ import annotations

import dataclasses
import io
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from debtors.datamatrix import parse, sandbox
from debtors.datamatrix.drawing import render_card_png, render_symbol_png
from debtors.datamatrix.results import Outcome
from debtors.datamatrix.sandbox import Worker, read_untrusted
from tests.debtors.test_datamatrix_readers import CARD, CONTENT, blank, bomb, saved
from tests.debtors.test_datamatrix_scenes import card_fields

SECRET = "not-for-the-worker"


@pytest.fixture(scope="module", autouse=True)
def worker_of_this_module() -> Iterator[None]:
    os.environ["SANDBOX_TEST_SECRET"] = SECRET
    sandbox.close()
    assert read_untrusted(CARD, 30).decoded
    yield
    del os.environ["SANDBOX_TEST_SECRET"]
    sandbox.close()


def current() -> Worker:
    assert sandbox._current is not None
    return sandbox._current


def wait_until(condition: Callable[[], bool], seconds: float = 10.0) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.01)
    return False


def test_a_card_is_read_as_in_process() -> None:
    result = read_untrusted(CARD)
    assert result.decoded and result.content == CONTENT and result.reader == "zxing-cpp"


def test_the_same_worker_serves_one_file_after_the_other() -> None:
    pid = current().pid
    for _ in range(5):
        assert read_untrusted(CARD).decoded
    assert current().pid == pid


def test_refusals_come_through_with_their_sentence() -> None:
    assert read_untrusted(b"hello").outcome is Outcome.NOT_AN_IMAGE
    assert read_untrusted(saved(blank())).outcome is Outcome.NO_CODE
    assert read_untrusted(b"\0" * (sandbox.MAX_BYTES + 1)).outcome is Outcome.FILE_TOO_LARGE
    assert read_untrusted(bomb(8000, 5001)).outcome is Outcome.TOO_MANY_PIXELS


def test_a_worker_that_dies_costs_one_file_at_most() -> None:
    os.kill(current().pid, signal.SIGKILL)
    first = read_untrusted(CARD, 30)
    assert first.decoded or first.outcome is Outcome.CRASHED
    assert read_untrusted(CARD, 30).decoded


def test_a_worker_killed_in_the_middle_of_a_file_is_told_and_replaced() -> None:
    pid = current().pid
    os.kill(pid, signal.SIGSTOP)
    threading.Timer(0.2, os.kill, (pid, signal.SIGKILL)).start()
    result = read_untrusted(CARD, 10)
    assert result.outcome is Outcome.CRASHED and result.message_fr
    assert current().pid != pid and read_untrusted(CARD, 30).decoded


def test_a_file_that_takes_too_long_is_given_up_at_the_deadline() -> None:
    pid = current().pid
    os.kill(pid, signal.SIGSTOP)
    start = time.monotonic()
    result = read_untrusted(CARD, 0.5)
    assert result.outcome is Outcome.TIMEOUT and time.monotonic() - start < 3
    assert not Path(f"/proc/{pid}").exists()
    assert read_untrusted(CARD, 30).decoded


def test_a_file_that_fills_the_memory_is_refused_and_the_next_one_is_read() -> None:
    huge = Worker()
    try:
        assert huge.wait_ready(30)
        limits = Path(f"/proc/{huge.pid}/limits").read_text()
        assert "Max address space         1073741824" in limits
        assert "Max file size             0 " in limits
    finally:
        huge.close()
    hungry = saved(blank(7900, 5000).convert("RGBA"))
    assert not read_untrusted(hungry, 3).decoded
    assert read_untrusted(CARD, 30).decoded


def test_the_worker_inherits_no_secret_and_no_open_file() -> None:
    pid = current().pid
    assert SECRET.encode() not in Path(f"/proc/{pid}/environ").read_bytes()
    opened = [str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir()]
    assert sum(name.startswith("socket:") for name in opened) == 1
    assert all(name == "/dev/null" or name.startswith("socket:") for name in opened), opened


def test_the_worker_ends_with_the_process_that_it_serves() -> None:
    worker = Worker()
    worker.wait_ready(30)
    worker._channel.close()
    assert wait_until(lambda: worker._process.poll() is not None)


def test_a_worn_out_worker_is_replaced() -> None:
    pid = current().pid
    current().served = sandbox.MAX_SERVED
    assert read_untrusted(CARD, 30).decoded and current().pid != pid


def test_threads_take_turns_and_nobody_gets_the_card_of_another() -> None:
    contents = [f"CARTE-{number}" for number in range(12)]
    read: dict[int, str] = {}

    def one(number: int) -> None:
        read[number] = read_untrusted(render_symbol_png(contents[number]), 30).content

    threads = [threading.Thread(target=one, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [read[number] for number in range(12)] == contents


def test_a_busy_reader_says_so_instead_of_making_people_wait() -> None:
    with sandbox._lock:
        assert read_untrusted(CARD, 0.1).outcome is Outcome.BUSY


def test_a_reader_that_is_still_starting_is_busy_not_broken() -> None:
    sandbox.close()
    first = read_untrusted(CARD, 0.01)
    assert first.outcome is Outcome.BUSY
    pid = current().pid
    assert read_untrusted(CARD, 30).decoded and current().pid == pid


def test_a_forked_child_starts_its_own_worker() -> None:
    parent_worker = current().pid
    child = os.fork()
    if child == 0:
        ok = read_untrusted(CARD, 30).decoded and current().pid != parent_worker
        sandbox.close()
        os._exit(0 if ok else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert current().pid == parent_worker and read_untrusted(CARD).decoded


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_spoiled_files_never_break_the_reader(data: st.DataObject) -> None:
    symbol = Image.open(io.BytesIO(render_symbol_png("FUZZ", module_px=4)))
    content = bytearray(saved(symbol, data.draw(st.sampled_from(["PNG", "JPEG", "WEBP", "PDF"]))))
    for _ in range(data.draw(st.integers(1, 12))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    result = read_untrusted(bytes(content), 10)
    assert result.decoded or result.message_fr


def test_an_expired_card_is_read_like_any_other() -> None:
    old = dataclasses.replace(card_fields(1), valid_from=date(2020, 1, 1), valid_until=date(2020, 12, 31))
    card = parse(read_untrusted(render_card_png(old)).content)
    assert card.recognised and card.is_valid_on(date(2026, 6, 1)) is False
