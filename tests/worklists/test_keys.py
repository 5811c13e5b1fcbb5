"""A list worked by keyboard alone, in a real browser: walk, choose, take, mark, open."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from accounts.enums import Role
from teleservices.enums import Disposition, Family
from teleservices.models import TeleserviceCall
from tests.browser.tabs import open_page as open_page
from tests.chromium import launched
from tests.worklists import scene
from worklists.models import Assignment

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
PREVENIR = "/listes/patients-a-prevenir/"
# Slower than a scanner: below, a burst of keys is a card.
PERSON_MS = 120


@pytest.fixture
def browser(live_server: Any) -> Iterator[Browser]:
    with launched() as chromium:
        yield chromium


@pytest.fixture
def calls(establishment) -> list[TeleserviceCall]:
    """Three refusals to tell patients of, the oldest first as the list shows them."""
    return [
        scene.a_refusal(Disposition.INFORM_PATIENT, Family.NO_THIRD_PARTY_PAYMENT, "RC15", at=scene.ago(hours=hours))
        for hours in (9, 6, 3)
    ]


@pytest.fixture
def page(open_page, person, calls):
    page = open_page(person(Role.AGENT))
    page.goto(PREVENIR)
    page.wait_for_function("() => window.htmx && document.querySelector('[data-bulk]').dataset.count === '0'")
    return page


def press(page: Any, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)
        page.wait_for_timeout(PERSON_MS)


def chosen(page: Any) -> list[str]:
    return [box.get_attribute("value") for box in page.locator("[data-choose]:checked").all()]


def test_j_and_k_walk_the_lines_and_stop_at_both_ends(page, calls) -> None:
    order = page.locator(".dt-row-link").evaluate_all("links => links.map(link => link.getAttribute('href'))")

    for key, at in zip("jjjjkkk", (0, 1, 2, 2, 1, 0, 0), strict=True):
        press(page, key)
        # A busy machine takes its time; at an end, nothing must move in a person's.
        page.wait_for_function("href => document.activeElement.getAttribute('href') === href", arg=order[at])


def test_x_chooses_the_line_under_the_hand_and_undoes_it(page, calls) -> None:
    press(page, "j", "x", "j", "j", "x")
    assert chosen(page) == [str(calls[0].pk), str(calls[2].pk)]
    assert page.inner_text("[data-bulk-count]") == "2\u00a0choisis"
    press(page, "x")
    assert chosen(page) == [str(calls[0].pk)]
    press(page, "Escape")
    assert chosen(page) == [] and page.is_hidden("[data-bulk]")


def test_a_takes_the_chosen_lines_and_no_other(page, calls) -> None:
    press(page, "j", "x", "j", "x", "a")
    expect(page.locator("#lines")).to_contain_text("moi")
    assert set(Assignment.objects.values_list("object_id", flat=True)) == {calls[0].pk, calls[1].pk}


def test_a_with_nothing_chosen_does_nothing(page) -> None:
    press(page, "j", "a")
    assert not Assignment.objects.exists() and page.url.endswith(PREVENIR)


def test_p_marks_the_chosen_line_and_the_walk_goes_on_in_what_is_left(page, calls) -> None:
    press(page, "j", "x", "p")
    expect(page.locator("#list-count")).to_have_text("2")
    calls[0].refresh_from_db()
    assert calls[0].handled_at is not None
    press(page, "j", "x")
    assert chosen(page) == [str(calls[1].pk)]


def test_keys_typed_in_the_filter_are_letters(page) -> None:
    page.focus("input[name=q][aria-label^=Filtrer]")
    for letter in "jxap":
        press(page, letter)
    assert page.input_value("input[name=q][aria-label^=Filtrer]") == "jxap"
    assert chosen(page) == [] and not Assignment.objects.exists()


def test_enter_opens_the_dossier_of_the_line(page, calls) -> None:
    press(page, "j", "Enter")
    page.wait_for_url(f"**{calls[0].stay.iep}**")
