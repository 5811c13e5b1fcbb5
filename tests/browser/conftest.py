"""A real Chromium in front of the real pages, a real worker behind. Skipped where there is no browser, unless
REQUIRE_BROWSER=1 (then that is a failure)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.hands import Keyboard, start_worker
from tests.browser.tabs import open_page as open_page
from tests.browser.tabs import scrolls_sideways, violations
from tests.chromium import launched
from tests.simulator_process import SimulatorProcess


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium, one for the session."""
    with launched() as chromium:
        yield chromium


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
