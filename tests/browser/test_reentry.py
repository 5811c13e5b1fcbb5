"""An agent, a keyboard, a scanner and a pile of sheets after an outage."""

from __future__ import annotations

import datetime as dt

import pytest
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Page, expect

from admissions.models import ReservedNumber, Stay
from admissions.services import downtime
from tests.factories import PatientFactory, UnitFactory

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def sheets(establishment) -> list[ReservedNumber]:
    return downtime.numbers_to_print(UnitFactory(establishment=establishment).establishment, 3, timezone.now())


def test_a_pile_is_entered_by_scanner_and_keyboard_alone(page: Page, keyboard, sheets, no_violation) -> None:
    known = PatientFactory()
    entry = timezone.localtime() - dt.timedelta(hours=20)
    page.goto(reverse("admissions:arrivals"))
    keyboard.scan(sheets[0].iep)
    expect(page.get_by_role("heading", level=1)).to_contain_text("Feuille d’admission")
    assert page.url.endswith(reverse("admissions:sheet", args=[sheets[0].iep]))
    no_violation(page)
    # The page opens on the first box of the paper.
    keyboard.type(known.ipp)
    keyboard.press("Tab", "Tab", "Tab")
    keyboard.type("17051984")
    page.get_by_label("Entrée, jour et heure réels").focus()
    keyboard.type(f"{entry:%d/%m/%Y %H:%M}")
    keyboard.press("Tab")
    keyboard.type("hosp")
    keyboard.press("Tab")
    keyboard.type("3120")
    keyboard.press("Control+Enter")
    page.wait_for_url(f"**{reverse('admissions:stay', args=[sheets[0].iep])}")
    expect(page.locator("#notices")).to_contain_text("puis scannez la suivante")
    # From the stay, the next one; from anywhere, the first again.
    keyboard.scan(sheets[1].iep)
    page.wait_for_url(f"**{reverse('admissions:sheet', args=[sheets[1].iep])}")
    keyboard.scan(sheets[0].iep)
    page.wait_for_url(f"**{reverse('admissions:stay', args=[sheets[0].iep])}")
    assert Stay.objects.get().started_at == entry.replace(second=0, microsecond=0)
    page.goto(reverse("admissions:reentry"))
    no_violation(page)
    keyboard.type(sheets[0].iep)
    keyboard.press("Enter")
    expect(page.locator("main")).to_contain_text("Cette feuille est déjà ressaisie")
    no_violation(page)
