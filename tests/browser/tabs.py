"""Tabs of a real Chromium that remember what went wrong in them, and what axe says of a page."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.core.signals import request_finished, request_started
from django.test import Client
from playwright.sync_api import expect

from accounts.models import User

AXE = Path(settings.BASE_DIR) / "tests/vendor/axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
_REST_S = 10
# What a browser says of a refusal that a test asks for on purpose (404, 409, 422).
_EXPECTED = ("Failed to load resource", "Response Status Error Code")


@pytest.fixture
def open_page(browser: Any, live_server: Any) -> Iterator[Callable[..., Any]]:
    """Open a tab, signed in as somebody, `width` pixels wide. At the end: no error, no refused source, no other host."""
    contexts: list[Any] = []
    problems: list[str] = []
    host = urlsplit(live_server.url).netloc

    def open_one(user: User | None = None, *, width: int = 1366, height: int = 768) -> Any:
        context = browser.new_context(
            viewport={"width": width, "height": height},
            locale="fr-FR",
            timezone_id="Europe/Paris",
            base_url=live_server.url,
        )
        contexts.append(context)
        if user:
            client = Client()
            client.force_login(user)
            cookie = client.cookies[settings.SESSION_COOKIE_NAME].value
            context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": cookie, "url": live_server.url}])
        page = context.new_page()
        page.on("pageerror", lambda error: problems.append(f"{page.url}: {error}"))
        page.on("console", lambda line: note(page, line))
        page.on("request", lambda request: same_host(request.url))
        return page

    def note(page: Any, line: Any) -> None:
        if line.type == "error" and not line.text.startswith(_EXPECTED):
            problems.append(f"{page.url}: {line.text}")

    def same_host(url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme in ("http", "https") and parts.netloc != host:
            problems.append(f"request to another host: {url}")

    with answered() as rest:
        yield open_one
        for context in contexts:
            context.close()
        rest()
    assert problems == []


@contextmanager
def answered() -> Iterator[Callable[[], None]]:
    """Gives what waits until the server has answered all it was asked: a part asked for by a tab that is closed since
    would read tables that the end of the test is emptying, and the two would wait for each other.
    """
    under_way: set[int] = set()

    def began(**_: Any) -> None:
        under_way.add(threading.get_ident())

    def ended(**_: Any) -> None:
        under_way.discard(threading.get_ident())

    def rest() -> None:
        deadline = time.monotonic() + _REST_S
        while under_way and time.monotonic() < deadline:
            time.sleep(0.02)

    request_started.connect(began)
    request_finished.connect(ended)
    try:
        yield rest
    finally:
        request_started.disconnect(began)
        request_finished.disconnect(ended)


def settle(page: Any) -> None:
    """Wait until the page has drawn itself at its width and awaits nothing. The beats of live parts don't count."""
    page.wait_for_load_state("load")
    expect(page.locator(".htmx-request, .htmx-settling, .htmx-swapping")).to_have_count(0)
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")


def violations(page: Any) -> list[str]:
    """What axe finds on a page: one line a violation, with the first elements at fault."""
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate("source => (0, eval)(source)", AXE.read_text(encoding="utf-8"))
    found = page.evaluate("rules => axe.run(document, {runOnly: rules, resultTypes: ['violations']})", RULES)
    return [
        f"{violation['id']}: {[node['html'][:160] for node in violation['nodes'][:3]]}"
        for violation in found["violations"]
    ]


def scrolls_sideways(page: Any) -> bool:
    """Whether the page itself scrolls sideways: only tables may, inside their panel."""
    return bool(page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"))
