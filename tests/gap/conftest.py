"""A real browser under the real content policy, in front of the demonstration page: no database behind it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.chromium import launched
from tests.gap.templates_demo import site
from tests.gap.templates_demo.hands import CARD
from tests.gap.templates_demo.site import memory


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with site.serving() as url:
        yield url


@pytest.fixture(scope="module")
def chromium(address: str):
    """One browser for the module: tabs share its cache, and nothing of what a test types (sessionStorage)."""
    with launched() as browser:
        context = browser.new_context(viewport={"width": 1366, "height": 768}, locale="fr-FR", base_url=address)
        yield context
        context.close()


@pytest.fixture(autouse=True)
def _as_new() -> None:
    """What a test asked of the demonstration (down, signed out) is not what the next one finds."""
    memory.forget()


@pytest.fixture
def page(chromium):
    """A page on the demonstration, in a tab of its own; fails at the end for any error in the console."""
    opened = chromium.new_page()
    problems: list[str] = []
    opened.on("pageerror", lambda error: problems.append(str(error)))
    opened.on("console", lambda line: problems.append(line.text) if line.type == "error" else None)
    opened.goto("/")
    opened.wait_for_function("() => window.htmx && document.querySelector('[data-bulk]').dataset.count === '0'")
    yield opened
    opened.close()
    # The answers that a test asks for on purpose (503, 500) are told by the browser as errors of the network.
    assert [text for text in problems if "Failed to load resource" not in text and "Response Status" not in text] == []


@pytest.fixture
def scan(page) -> Callable[..., None]:
    """Type as a scanner does: by the browser's own events, `pace` ms apart, control signs as Ctrl + ]."""

    at = 0.0

    def type_card(text: str = CARD, pace: float = 5, ends: str = "\r") -> None:
        nonlocal at
        client = page.context.new_cdp_session(page)
        # A second card is read half a second after the first, however long the test took in between.
        at = at + 0.5 if at else page.evaluate("Date.now() / 1000")

        def press(key: str, **more) -> None:
            nonlocal at
            at += pace / 1000
            # The time is the one of the key itself, as with a real scanner: the load of this machine changes nothing.
            client.send("Input.dispatchKeyEvent", {"type": "keyDown", "key": key, "timestamp": at, **more})
            client.send("Input.dispatchKeyEvent", {"type": "keyUp", "key": key, "timestamp": at})

        for sign in text + ends:
            if sign == "\u001d":
                press("]", modifiers=2, code="BracketRight")
            else:
                press("Enter" if sign == "\r" else sign, text=sign)
        client.detach()

    return type_card
