"""A real Chromium in front of the real pages, a real worker behind. Skipped where there is no browser, unless
REQUIRE_BROWSER=1 (then that is a failure)."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.hands import Keyboard, start_worker
from tests.browser.tabs import open_page as open_page
from tests.browser.tabs import scrolls_sideways, violations
from tests.simulator_process import SimulatorProcess

# Playwright runs an event loop in the thread of the test; the ORM is used between its calls, never inside them.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium, one for the session. Our own fixture: the plugin's is tied to a browser that it would download."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        say = pytest.fail if os.environ.get("REQUIRE_BROWSER") == "1" else pytest.skip
        say("no Chromium on this machine")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture
def page(open_page, agent) -> Page:
    """An agent's tab."""
    return open_page(agent)


@pytest.fixture
def no_violation() -> Callable[[Page], None]:
    """axe finds nothing on the page, and it does not scroll sideways, at 1366 px and at 200 % zoom."""

    def check(page: Page) -> None:
        for width in (1366, 683):
            page.set_viewport_size({"width": width, "height": 768})
            found = violations(page)
            assert found == [], (width, page.url, found)
            assert not scrolls_sideways(page), (width, page.url)
        page.set_viewport_size({"width": 1366, "height": 768})

    return check


@pytest.fixture
def worker(live_server, simulator: SimulatorProcess, tmp_path: Path) -> Iterator[None]:
    """A Celery worker with its scheduler, on the test's own database, that calls the simulator."""
    with start_worker(simulator, tmp_path):
        yield


@pytest.fixture
def keyboard(page: Page) -> Keyboard:
    return Keyboard(page)
