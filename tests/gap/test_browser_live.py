"""What updates by itself, in a real browser."""

from __future__ import annotations

import re

import pytest

from tests.gap.templates_demo.hands import said
from tests.gap.templates_demo.site import memory

pytestmark = pytest.mark.browser


def test_only_a_final_state_is_said_and_once(page):
    page.evaluate("""() => {
      window.heard = [];
      const region = document.getElementById('announcements');
      new MutationObserver(() => window.heard.push(region.textContent)).observe(region, { childList: true });
    }""")
    page.wait_for_selector("#direct:has-text('Appel en cours')")
    memory.live = '<p data-announce="SIM : répondu en 0,4 s.">Répondu</p>'
    said(page, "SIM : répondu en 0,4 s.")
    page.wait_for_timeout(1200)
    assert [text for text in page.evaluate("window.heard") if text] == ["SIM : répondu en 0,4 s."]


def test_a_lost_connection_is_told_with_its_hour_and_found_again(page):
    page.wait_for_selector("#direct:has-text('Appel en cours')")
    memory.down = True
    page.wait_for_selector("#connection", state="visible")
    assert re.search(r"Connexion perdue, dernière mise à jour à \d\d:\d\d", page.inner_text("#connection"))
    assert "is-stale" in page.get_attribute("#direct", "class")
    memory.down = False
    page.wait_for_selector("#connection", state="hidden")
    assert "is-stale" not in (page.get_attribute("#direct", "class") or "")
    said(page, "Connexion rétablie.")


def test_a_session_that_ends_leads_to_the_sign_in_page_and_back_here(page):
    memory.signed_out = True
    page.wait_for_url("**/entrer/?next=%2F")
