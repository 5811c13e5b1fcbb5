"""A shared workstation in a real browser: covered, it shows nothing; opened again, the page is as it was left."""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from accounts import quick_access
from accounts.enums import Role
from accounts.models import Session, User
from tests.browser.hands import Keyboard
from tests.browser.tabs import settle
from tests.worklists import scene

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
PASSWORD = "une phrase assez longue"
BADGES = {"4917": "BDG00481516", "8305": "BDG00481517"}


def a_colleague(person: Any, pin: str, role: Role = Role.AGENT) -> User:
    user: User = person(role)
    user.set_password(PASSWORD)
    user.save()
    quick_access.set_pin(user, pin)
    quick_access.set_badge(user, BADGES[pin])
    return user


def sign_in(page: Page, user: User) -> None:
    page.goto("/connexion/")
    page.get_by_label("Identifiant").fill(user.username)
    page.get_by_label("Mot de passe").fill(PASSWORD)
    page.get_by_role("button", name="Se connecter").click()
    page.wait_for_url(lambda url: "/connexion/" not in url)


#: What has the focus behind the cover, if anything: at the ends of the round, the browser's own bar has it (body, html).
FOCUSED_OUTSIDE = """() => {
  const held = document.activeElement;
  return !held || held.matches("body, html") || held.closest("#cover") ? "" : held.outerHTML.slice(0, 200);
}"""


#: Longer than what a key waits before it acts (`scanner.js`, QUIET_MS).
SHEET_WAITED_MS = 300


def cover(page: Page) -> Any:
    return page.get_by_role("dialog", name="Poste verrouillé")


def shot(page: Page, name: str) -> None:
    if folder := os.environ.get("SHOTS"):
        page.screenshot(path=Path(folder) / f"{name}.png")


def identity_form(page: Page) -> str:
    """A form half filled in; the address of its page."""
    address = f"/patients/{scene.a_stay().patient.ipp}/identite/"
    page.goto(address)
    page.locator("[data-draft] input[name=used_name]").fill("LE GOFF")
    return address


def test_a_locked_page_shows_nothing_and_is_intact_when_one_comes_back(open_page, person, no_violation) -> None:
    page = open_page()
    sign_in(page, a_colleague(person, "4917"))
    stay = scene.a_stay()
    page.goto(f"/patients/{stay.patient.ipp}/identite/")
    page.locator("[data-draft] input[name=used_name]").fill("LE GOFF")
    settle(page)
    page.evaluate("window.same = true")
    page.keyboard.press("Alt+l")
    expect(cover(page)).to_be_visible()
    assert stay.patient.birth_name not in page.title()
    for seen in (page.get_by_text(stay.patient.birth_name), page.locator("main"), page.locator("nav")):
        for one in seen.all():
            expect(one).not_to_be_visible()
    shot(page, "cover-1366")
    no_violation(page)
    page.set_viewport_size({"width": 683, "height": 768})
    shot(page, "cover-683")
    page.set_viewport_size({"width": 1366, "height": 768})
    # The keyboard goes round in the cover, and Escape does not take it away.
    for key in ["Tab"] * 8 + ["Escape", "Escape", "/", "?", "Escape"]:
        page.keyboard.press(key)
        assert page.evaluate(FOCUSED_OUTSIDE) == "", key
        expect(cover(page)).to_be_visible()
    # Nor does a key of the screen behind act late: a sign is waited for a while, in case a scanner types it.
    page.get_by_role("button", name="Ouvrir").focus()
    page.keyboard.press("?")
    page.wait_for_timeout(SHEET_WAITED_MS)
    expect(page.locator("#keys-sheet")).not_to_be_visible()
    assert page.evaluate(FOCUSED_OUTSIDE) == ""
    page.locator("#cover-secret").fill("9402")
    page.keyboard.press("Enter")
    expect(page.locator("[data-cover-told]")).to_contain_text("Refusé")
    page.locator("#cover-secret").fill("4917")
    page.keyboard.press("Enter")
    expect(cover(page)).not_to_be_visible()
    assert page.evaluate("window.same") is True
    assert page.locator("[data-draft] input[name=used_name]").input_value() == "LE GOFF"
    assert page.title() != "Poste verrouillé – mini-GAP"
    page.goto("/listes/")
    assert page.url.endswith("/listes/")


def test_a_page_nobody_acts_on_covers_itself_and_says_so_to_the_server(open_page, person, settings) -> None:
    settings.LOCK_AFTER_S = 2
    page = open_page()
    sign_in(page, a_colleague(person, "4917"))
    page.goto("/listes/")
    expect(cover(page)).to_be_visible(timeout=8000)
    page.wait_for_function("() => fetch('/listes/').then(answer => answer.url.includes('/poste/'))")
    assert Session.objects.get(user__isnull=False).locked_at is not None


def test_a_hand_on_the_keyboard_keeps_the_page_open(open_page, person, settings) -> None:
    settings.LOCK_AFTER_S = 2
    page = open_page()
    sign_in(page, a_colleague(person, "4917"))
    page.goto("/listes/")
    for _ in range(8):
        page.keyboard.press("Shift")
        page.wait_for_timeout(500)
    expect(cover(page)).not_to_be_visible()


def test_a_tab_that_learns_from_the_server_that_it_is_locked_covers_itself_and_asks_no_more(open_page, person) -> None:
    page = open_page()
    sign_in(page, a_colleague(person, "4917"))
    page.goto("/")
    settle(page)
    Session.objects.update(seen_at=timezone.now() - dt.timedelta(hours=1))
    page.evaluate(
        """() => {
            const part = document.createElement("div");
            part.setAttribute("hx-get", "/listes/"); part.setAttribute("hx-trigger", "every 200ms");
            document.querySelector("main").append(part); htmx.process(part);
        }"""
    )
    expect(cover(page)).to_be_visible()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.wait_for_timeout(1500)
    assert asked == []


def test_two_tabs_are_locked_and_opened_together(open_page, person) -> None:
    first = open_page()
    sign_in(first, a_colleague(person, "4917"))
    first.goto("/listes/")
    second = first.context.new_page()
    second.goto("/listes/")
    first.get_by_role("button", name="Verrouiller le poste").click()
    expect(cover(second)).to_be_visible()
    second.locator("#cover-secret").fill("4917")
    second.keyboard.press("Enter")
    expect(cover(first)).not_to_be_visible()
    expect(cover(second)).not_to_be_visible()


def test_a_colleague_takes_over_by_badge_and_pin_and_the_first_finds_what_was_typed(open_page, person) -> None:
    page = open_page()
    nadia, omar = a_colleague(person, "4917"), a_colleague(person, "8305")
    sign_in(page, omar)
    page.keyboard.press("Alt+l")
    expect(cover(page)).to_be_visible()
    page.get_by_role("button", name="Se connecter en entier").click()
    page.wait_for_url("**/connexion/**")
    sign_in(page, nadia)
    address = identity_form(page)
    page.wait_for_timeout(400)
    page.keyboard.press("Alt+l")
    expect(cover(page)).to_be_visible()
    hands = Keyboard(page)
    hands.scan(BADGES["8305"])
    expect(page.locator("#cover [data-badge-state]")).to_have_text("Badge lu. Tapez votre PIN.")
    assert page.locator("#cover-secret").input_value() == ""
    hands.type("8305")
    hands.press("Enter")
    expect(page.locator(".who")).to_contain_text(omar.get_full_name())
    page.goto(address)
    assert page.locator("[data-draft] input[name=used_name]").input_value() != "LE GOFF"
    page.goto("/listes/")
    page.keyboard.press("Alt+l")
    expect(cover(page)).to_be_visible()
    hands.scan(BADGES["4917"])
    hands.type("4917")
    hands.press("Enter")
    page.wait_for_url(f"**{address}")
    expect(page.locator(".who")).to_contain_text(nadia.get_full_name())
    assert page.locator("[data-draft] input[name=used_name]").input_value() == "LE GOFF"


def test_a_badge_is_set_on_ones_account_by_the_douchette(open_page, person, no_violation) -> None:
    user = a_colleague(person, "4917")
    page = open_page()
    sign_in(page, user)
    page.goto("/compte/")
    no_violation(page)
    shot(page, "account-1366")
    page.get_by_label("Badge", exact=True).focus()
    Keyboard(page).scan("BDG99999999")
    expect(page.get_by_label("Badge", exact=True)).to_have_value("BDG99999999")
    assert page.url.endswith("/compte/"), "the end of line of a scan sends nothing"
    page.locator("#id_badgeform_password").fill(PASSWORD)
    page.get_by_role("button", name="Enregistrer ce badge").click()
    expect(page.locator("#notices")).to_contain_text("Badge enregistré")
    assert quick_access.bearer("BDG99999999") == user


def test_the_page_of_a_locked_workstation_is_clean_and_takes_a_badge(open_page, person, no_violation) -> None:
    page = open_page()
    sign_in(page, a_colleague(person, "4917"))
    page.goto("/listes/")
    page.keyboard.press("Alt+l")
    expect(cover(page)).to_be_visible()
    page.wait_for_function("() => fetch('/listes/').then(answer => answer.url.includes('/poste/'))")
    page.goto("/listes/")
    page.wait_for_url("**/poste/?next=**")
    settle(page)
    shot(page, "enter-1366")
    no_violation(page)
    hands = Keyboard(page)
    hands.scan(BADGES["4917"])
    expect(page.locator("[data-badge-state]")).to_have_text("Badge lu. Tapez votre PIN.")
    hands.type("4917")
    hands.press("Enter")
    page.wait_for_url("**/listes/")
