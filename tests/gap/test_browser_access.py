"""Every state of a page for axe, at 200 % zoom, and under the real content policy."""

from __future__ import annotations

import pytest

from tests.browser.tabs import scrolls_sideways, violations
from tests.gap.templates_demo.site import memory

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("width", [1366, 683])
@pytest.mark.parametrize("state", ["as it is", "refused", "keys", "lost", "chosen"])
def test_axe_finds_nothing(page, width, state):
    page.set_viewport_size({"width": width, "height": 768})
    if state == "refused":
        memory.refuse = True
        page.click("[data-main-submit]")
        page.wait_for_selector("#id_member[aria-invalid=true]")
    elif state == "keys":
        page.click("[data-open-keys]")
    elif state == "lost":
        memory.down = True
        page.wait_for_selector("#connection", state="visible")
    elif state == "chosen":
        page.check("[data-choose-all]")
    assert violations(page) == []


def test_nothing_scrolls_sideways_at_200_percent(page):
    page.set_viewport_size({"width": 683, "height": 768})
    assert not scrolls_sideways(page)


def test_the_banner_stays_in_sight(page):
    page.evaluate("scrollTo(0, 900)")
    box = page.locator(".ident").bounding_box()
    assert box["y"] == 0 and box["height"] < 90


def test_the_page_asks_nothing_of_another_host_and_breaks_no_policy(chromium, address):
    opened = chromium.new_page()
    asked, refused = [], []
    opened.on("request", lambda request: asked.append(request.url))
    opened.on("console", lambda line: refused.append(line.text) if "Security Policy" in line.text else None)
    response = opened.goto(address)
    opened.wait_for_selector("#direct:has-text('Appel')")
    policy = {part.strip() for part in response.headers["content-security-policy"].split(";")}
    assert {"default-src 'none'", "script-src 'self'", "img-src 'self' data:"} <= policy
    assert "unsafe" not in response.headers["content-security-policy"]
    assert [url for url in asked if not url.startswith(address)] == [] and refused == []
    opened.close()
