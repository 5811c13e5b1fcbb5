"""An agent, a keyboard, a scanner and a pile of sheets after an outage."""

from __future__ import annotations

import datetime as dt

import pytest
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Page, expect

from accounts.enums import Role
from admissions.models import ReservedNumber, Stay
from admissions.services import downtime
from tests.factories import PatientFactory, UnitFactory
from tests.sheets import a_sheet

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


def test_the_referent_says_where_the_pile_stopped(open_page, person, establishment, no_violation) -> None:
    a_sheet(establishment)
    twin = PatientFactory(birth_name="KERDRAON", birth_date=dt.date(1961, 4, 3))
    page = open_page(person(Role.REFERENT))
    page.goto(reverse("admissions:reentry"))
    no_violation(page)
    page.get_by_label("IEP de la dernière feuille distribuée").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Reprise après panne")
    # One was entered: a pile of which nothing was handed out is not believed.
    expect(page.locator("main")).to_contain_text("est déjà ressaisie")
    no_violation(page)
    left = ReservedNumber.objects.filter(stay=None, void_reason="", withdrawn_at__isnull=False).order_by("iep").first()
    page.goto(reverse("admissions:sheet", args=[left.iep]))
    page.locator("[name=birth_name]").fill("Kerdraon")
    page.locator("[name=first_names]").fill("Yann")
    page.locator("[name=birth_date]").fill("03/04/1961")
    page.locator("[name=sex]").select_option("M")
    page.get_by_label("Entrée, jour et heure réels").fill(f"{timezone.localtime():%d/%m/%Y} 00:01")
    page.locator("[name=kind]").select_option("full")
    page.locator("[name=unit]").select_option(index=1)
    page.keyboard.press("Control+Enter")
    expect(page.locator("main")).to_contain_text(twin.ipp)
    no_violation(page)
