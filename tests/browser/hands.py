"""Hands on a keyboard with a scanner in one of them, and the worker that answers behind."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from django.db import connection
from playwright.sync_api import Page

from tests.simulator_process import LOOPBACK, SimulatorProcess

ROOT = Path(__file__).resolve().parents[2]
WORKER_READY_S = 30
HAND_MS = 160
SCANNER_KEY_S = 0.008
FINGER_S = 0.06
# A person finds what they look for within so many times Tab.
MOST_TABS = 40


class start_worker:  # noqa: N801 - used as a verb
    """The worker as a child, ready when this returns; ended with its block."""

    def __init__(self, simulator: SimulatorProcess, folder: Path) -> None:
        files = {name: str(path) for name, path in simulator.client_files.items()}
        self.log = folder / "worker.log"
        self.environment = os.environ | {
            "DATABASE_URL": _database_url(),
            "DJANGO_SETTINGS_MODULE": "gap.settings",
            "GAP_VAR_DIR": str(folder / "var"),
            "SWEEP_EVERY_S": "1",
            "EXCHANGE_EVERY_S": "3600",
            "AMC_DIRECTORY_URL": simulator.directory_url,
            "TELESERVICES_INTERNAL_NETWORKS": LOOPBACK,
            "DIRECTORY_CERTIFICATE": files["directory_certificate"],
            "DIRECTORY_KEY": files["directory_key"],
            "SERVICES_CERTIFICATE": files["services_certificate"],
            "SERVICES_KEY": files["services_key"],
            "TELESERVICES_CA": files["ca_file"],
            "TELESERVICES_TIMEOUT_READ": "3",
        }
        (folder / "var").mkdir(exist_ok=True)
        # Its own name: several workers of several tests share one broker, each on its own database.
        self.command = [
            *(sys.executable, "-m", "celery", "-A", "gap.celery", "worker", "--pool=threads", "--concurrency=4"),
            *("--queues=interactive,batch", "-B", "--schedule", str(folder / "var" / "schedule")),
            *("--without-gossip", "--without-mingle", "--loglevel=INFO", "-n", f"{folder.name}@%h"),
        ]

    def __enter__(self) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command, cwd=ROOT, env=self.environment, stdout=log, stderr=log, start_new_session=True
            )
        deadline = time.monotonic() + WORKER_READY_S
        while " ready." not in self.log.read_text(encoding="utf-8", errors="replace"):
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.__exit__()
                raise RuntimeError(self.log.read_text(encoding="utf-8", errors="replace")[-2000:])
            time.sleep(0.05)
        return self.process

    def __exit__(self, *_exc: object) -> None:
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def _database_url() -> str:
    database = connection.settings_dict
    host = str(database["HOST"]).replace("/", "%2F")
    user = database["USER"] or ""
    secret = f":{database['PASSWORD']}" if database["PASSWORD"] else ""
    port = f":{database['PORT']}" if database["PORT"] else ""
    return f"postgres://{user}{secret}@{host}{port}/{database['NAME']}"


class Keyboard:
    """Hands on a keyboard, and a scanner in one of them. Counts the keys that fingers press."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.count = 0

    def press(self, *keys: str) -> None:
        for key in keys:
            # A person is slower than a scanner: that is how the page tells one from the other.
            self.page.wait_for_timeout(HAND_MS)
            self.count += len(key.split("+"))
            self.page.keyboard.press(key)
        self.page.wait_for_timeout(HAND_MS)

    def type(self, text: str) -> None:
        """Each key carries its hour, as a real one's does: on a machine that is busy they come late, not all at once, which
        the page would take for a scanner."""
        self.count += len(text)
        self._keys(text, FINGER_S)

    def scan(self, text: str) -> None:
        """What a scanner types: a key every few ms, GS as F8, Enter at the end. No key of anybody's finger.

        Each key carries the time at which the scanner typed it, as a real one's does: a machine that is busy with
        other tests receives the keys late, not slowly.
        """
        self.page.wait_for_timeout(HAND_MS)
        self._keys(text + "\r", SCANNER_KEY_S)

    def _keys(self, text: str, every_s: float) -> None:
        wire = self.page.context.new_cdp_session(self.page)
        start = time.time()
        for number, character in enumerate(text):
            key = _key(character)
            for kind, late in (("keyDown", 0.0), ("keyUp", every_s / 2)):
                moment = start + number * every_s + late
                time.sleep(max(0.0, moment - time.time()))
                wire.send("Input.dispatchKeyEvent", {"type": kind, "timestamp": moment, **key})
        wire.detach()


def _key(character: str) -> dict[str, object]:
    """The key that types a character, in the terms of the browser's wire."""
    if character == "\x1d":
        return {"key": "F8", "code": "F8", "windowsVirtualKeyCode": 119}
    if character == "\r":
        return {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13, "text": character}
    return {"key": character, "text": character}


def reach(page: Page, selector: str) -> None:
    """Tab, from where one stands, to this element; each stop shows where one is."""
    for _ in range(MOST_TABS):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            shown = page.evaluate(
                "() => { const s = getComputedStyle(document.activeElement);"
                " return s.outlineStyle !== 'none' || s.boxShadow !== 'none' || s.borderStyle !== 'none' }"
            )
            assert shown, f"nothing shows that one stands on {selector}"
            return
    raise AssertionError(f"{selector} is not within {MOST_TABS} times Tab")
