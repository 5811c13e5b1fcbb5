"""The Chromium of this machine: where it is, and what a test does where there is none."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import pytest
from django.db import connections
from playwright.sync_api import Browser, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")


def executable() -> str:
    """Path of a Chromium: CHROMIUM, or the first in PATH. Without one the test is skipped, or fails if
    REQUIRE_BROWSER=1."""
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None) or _none()


def _none() -> NoReturn:
    say = pytest.fail if os.environ.get("REQUIRE_BROWSER") == "1" else pytest.skip
    say("no Chromium on this machine")
    raise AssertionError("unreachable: pytest has ended the test")


_running: list[Browser] = []


@contextmanager
def launched() -> Iterator[Browser]:
    """A browser without a window, ended with its block; within another block, the same browser: Playwright runs once a
    process. Take a context of your own and close it. The plugin's is tied to a browser that it would download.

    The ORM may be used in the block, between the calls of Playwright: it runs an event loop in the thread of the test.
    """
    if _running:
        yield _running[0]
        return
    path = executable()
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        _running.append(browser)
        try:
            yield browser
        finally:
            _running.clear()
            browser.close()
            # Django keeps apart what was opened while an event loop runs: nobody else would close these connections,
            # and PostgreSQL would refuse to drop the test database.
            connections.close_all()
