"""A référent's screens by keyboard alone: an anomaly, a rule, the perimeter, a note, the form of a certificate."""

from __future__ import annotations

import datetime as dt

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from accounts.enums import Role
from admissions.models import CardTally
from debtors.enums import AssociationStatus
from debtors.models import DatamatrixAssociation
from teleservices.enums import AnomalyState, LimitName, PerimeterMode
from teleservices.models import Anomaly, CallLimit, Perimeter
from teleservices.ruling import in_force
from tests.browser.hands import Keyboard, reach
from tests.factories import AssociationFactory, DebtorFactory
from tests.worklists import scene
from worklists.models import LineMark

pytestmark = [pytest.mark.browser, pytest.mark.long, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def page(open_page, referent) -> Page:
    return open_page(referent)


def test_an_anomaly_is_opened_from_its_list_reported_and_solved(page: Page, keyboard: Keyboard) -> None:
    anomaly = scene.an_anomaly()
    page.goto("/listes/anomalies-a-signaler/")
    keyboard.press("j", "Enter")
    expect(page).to_have_url(f"/anomalies/{anomaly.pk}/")
    keyboard.press("e")
    reach(page, "#id_reference")
    keyboard.type("T-1204")
    keyboard.press("Control+Enter")
    expect(page.locator("main")).to_contain_text("Signalée")
    anomaly.refresh_from_db()
    assert (anomaly.state, anomaly.reference) == (AnomalyState.REPORTED, "T-1204")
    keyboard.press("r", "Control+Enter")
    expect(page.locator("main")).to_contain_text("Résolue")
    assert Anomaly.objects.get().state == AnomalyState.SOLVED


def test_a_mode_of_the_perimeter_is_looked_at_then_moved(page: Page, keyboard: Keyboard) -> None:
    scene.a_coverage(scene.a_stay())
    page.goto("/perimetre/")
    reach(page, "#id_domain")
    keyboard.type("MCO")
    reach(page, "#id_mode")
    keyboard.type("ferm")
    reach(page, "form[method=get] button[type=submit]")
    keyboard.press("Enter")
    expect(page.get_by_role("button", name="Changer le mode")).to_be_visible()
    keyboard.press("Control+Enter")
    expect(page.locator("#domains")).to_contain_text("Fermé")
    assert in_force(Perimeter).get().mode == PerimeterMode.CLOSED


def test_a_limit_of_the_calls_is_changed_from_a_day_on(page: Page, keyboard: Keyboard) -> None:
    page.goto("/regles/")
    reach(page, "form[action$='/regles/limites/'] select")
    keyboard.type("simulations au plus")
    reach(page, "form[action$='/regles/limites/'] [name$=value]")
    keyboard.type("12")
    keyboard.press("Enter")
    expect(page.locator("main")).to_contain_text("12")
    assert in_force(CallLimit).get(name=LimitName.SIMULATIONS).value == 12


def test_a_line_gets_its_note_and_its_pause(page: Page, keyboard: Keyboard) -> None:
    scene.a_refusal("referent", "configuration")
    page.goto("/listes/parametrage/")
    keyboard.press("j", "x")
    reach(page, "details.mark summary")
    keyboard.press("Enter")
    reach(page, "#mark-note")
    keyboard.type("vu avec l'organisme")
    reach(page, "#mark-until")
    tomorrow = timezone.localdate() + dt.timedelta(days=1)
    keyboard.type(f"{tomorrow:%d%m%Y}")
    reach(page, "button[value=pause]")
    keyboard.press("Enter")
    expect(page.locator("main")).to_contain_text("mis en pause")
    mark = LineMark.objects.get()
    assert mark.note == "vu avec l'organisme"


def test_a_certificate_form_without_its_file_says_where(open_page, person) -> None:
    page = open_page(person(Role.ADMINISTRATOR))
    hands = Keyboard(page)
    page.goto("/certificats/")
    reach(page, "#id_use")
    hands.type("services")
    reach(page, "#id_passphrase")
    hands.type("rien")
    hands.press("Control+Enter")
    # No file was given: the browser, or the page, says where.
    reach_back = page.evaluate("() => document.activeElement.id || document.querySelector('[aria-invalid]')?.id")
    assert reach_back == "id_file"


def test_associations_are_validated_taken_back_and_changed_one_key_each(page: Page, keyboard: Keyboard) -> None:
    stay = scene.a_stay()
    first = AssociationFactory(status=AssociationStatus.TO_VALIDATE, use_count=9)
    scene.a_coverage(stay, debtor=first.debtor, association=first)
    second = AssociationFactory(status=AssociationStatus.TO_VALIDATE, use_count=3)
    right = DebtorFactory(name="Solivie Mutuelle")
    page.goto(f"/debiteurs/associations/{first.pk}/")
    keyboard.press("v")
    expect(page).to_have_url(f"/debiteurs/associations/{second.pk}/")
    keyboard.press("u")
    expect(page).to_have_url(f"/debiteurs/associations/{first.pk}/")
    expect(page.locator("main")).to_contain_text("l’association est comme avant")
    keyboard.press("m")
    keyboard.type("soliv")
    expect(page.locator("#choices")).to_contain_text("Solivie")
    keyboard.press("Enter")
    expect(page).to_have_url(f"/debiteurs/associations/{second.pk}/")
    keyboard.press("x")
    expect(page.locator("#notices")).to_contain_text("rejetée")
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.debtor, first.status) == (right, AssociationStatus.VALIDATED)
    assert second.status == AssociationStatus.REJECTED


def test_cards_of_the_palmares_are_associated_in_a_row(page: Page, keyboard: Keyboard, referent) -> None:
    month = timezone.localdate().replace(day=1)
    for number, stays in (("0099000104", 9), ("0099000205", 5)):
        CardTally.objects.create(
            establishment=referent.establishment, month=month, amc_number=number, domain="MCO", stays=stays
        )
    DebtorFactory(name="Alliance Loire Santé", amc_number="0099000104")
    DebtorFactory(name="Solivie Mutuelle")
    page.goto("/palmares/")
    keyboard.press("Enter")
    expect(page.locator("#notices")).to_contain_text("Alliance Loire Santé")
    keyboard.type("soliv")
    expect(page.locator("#choices")).to_contain_text("Solivie")
    keyboard.press("Enter")
    expect(page.locator("main")).to_contain_text("Aucune carte sans débiteur")
    learnt = DatamatrixAssociation.objects.order_by("amc_number").values_list("debtor__name", "status")
    assert list(learnt) == [("Alliance Loire Santé", "validated"), ("Solivie Mutuelle", "validated")]
