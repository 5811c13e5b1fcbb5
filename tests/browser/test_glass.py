"""A protected dossier by keyboard and scanner alone: opened with a reason, then read again by the control of accesses."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from accounts.enums import Role
from admissions.enums import Verdict
from admissions.models import BrokenGlass
from tests.browser.hands import Keyboard, reach
from tests.worklists import scene

pytestmark = [pytest.mark.browser, pytest.mark.long, pytest.mark.django_db(transaction=True)]


def test_a_bracelet_of_a_protected_dossier_asks_why_then_opens(open_page, agent) -> None:
    stay = scene.a_stay()
    stay.patient.protection = "exposed"
    stay.patient.save()
    page: Page = open_page(agent)
    keyboard = Keyboard(page)
    page.goto("/")
    keyboard.scan(stay.iep)
    expect(page.locator("main h1")).to_have_text("Ce dossier est protégé")
    expect(page.locator("body")).not_to_contain_text(stay.patient.birth_name)
    # One stands on the first reason: the arrows choose, and nothing else is needed.
    keyboard.press("ArrowDown", "ArrowUp", "Control+Enter")
    expect(page.locator("body")).to_contain_text(stay.patient.birth_name)
    opened = BrokenGlass.objects.get()
    assert (opened.user, opened.patient) == (agent, stay.patient)


def test_without_a_reason_it_stays_closed_and_says_so_where_one_stands(open_page, agent) -> None:
    stay = scene.a_stay()
    stay.patient.protection = "exposed"
    stay.patient.save()
    page: Page = open_page(agent)
    keyboard = Keyboard(page)
    page.goto(f"/patients/{stay.patient.ipp}/")
    keyboard.press("Control+Enter")
    expect(page.locator("main")).to_contain_text("Choisissez le motif")
    assert not BrokenGlass.objects.exists()


def test_an_opening_is_read_again_and_judged(open_page, person) -> None:
    opening = scene.an_opening()
    page: Page = open_page(person(Role.AUDITOR))
    keyboard = Keyboard(page)
    page.goto("/journal/ouvertures/")
    reach(page, "#openings select[name=verdict]")
    keyboard.type("just")
    reach(page, "#openings input[name=remark]")
    keyboard.type("vu avec le cadre")
    reach(page, "#openings button[type=submit]")
    keyboard.press("Enter")
    expect(page.locator("main")).to_contain_text("Rien à relire")
    opening.refresh_from_db()
    assert (opening.verdict, opening.remark) == (Verdict.JUSTIFIED, "vu avec le cadre")
