"""A prise en charge outside ROC by keyboard alone: found in its list, asked, answered by contract lines, billed."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from accounts.enums import Role
from admissions.enums import DischargeMode, RequestCode
from admissions.events import SYSTEM
from admissions.services import stays
from billing.enums import AgreementState, Payer
from tests.billing.conftest import debtor as debtor
from tests.billing.conftest import present as present
from tests.billing.conftest import units as units
from tests.browser.hands import Keyboard, reach
from tests.chain import settle

pytestmark = [pytest.mark.browser, pytest.mark.long, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def page(open_page, person) -> Page:
    """A tab of the billing office."""
    return open_page(person(Role.BILLING))


@pytest.fixture
def gone(present):
    """Three nights in rehabilitation, two of them in a single room; the payer is on ROC for other fields alone."""
    stay = present(domain="SMR")
    second_day = timezone.localdate(stay.started_at) + timedelta(days=1)
    stays.add_request(stay.pk, RequestCode.SINGLE_ROOM, second_day, SYSTEM, signed_on=second_day)
    stays.discharge(stay.pk, timezone.now(), DischargeMode.HOME, SYSTEM)
    settle()
    return stay


def corrected(page: Page, keyboard: Keyboard, field: str, text: str) -> None:
    """From the message that has the focus to its field, then what it should have been."""
    reach(page, f".notice a[href='#{field}']")
    keyboard.press("Enter")
    expect(page.locator(f"#{field}")).to_be_focused()
    keyboard.press("Control+a")
    keyboard.type(text)


def test_a_prise_en_charge_goes_from_its_list_to_its_invoice_by_keyboard_alone(
    page: Page, keyboard: Keyboard, gone, no_violation
) -> None:
    page.goto("/listes/pec-a-demander/")
    keyboard.press("j", "Enter")
    expect(page).to_have_url(f"/sejours/{gone.iep}/")
    expect(page.locator("#invoices")).to_contain_text("la prise en charge est à demander")
    keyboard.press("g")
    expect(page).to_have_url(re.compile(r"/prise-en-charge/$"))

    # asked: the letter is printed, the request noted
    with page.expect_download() as letter:
        keyboard.press("l")
    assert letter.value.suggested_filename == f"prise-en-charge-{gone.iep}.pdf"
    keyboard.press("d")
    expect(page.locator("#notices")).to_contain_text("Demande notée")

    # later, the answer: an amount and a date that cannot be are told beside what was typed, one key from their field
    page.goto("/listes/sorties-sans-reponse-pec/")
    keyboard.press("j", "Enter")
    expect(page.locator("#invoices")).to_contain_text("Sans réponse, à relancer le")
    keyboard.press("g")
    expect(page.locator("#id_state")).to_be_focused()
    keyboard.type("accord")  # «Accordée» was there: the next one
    expect(page.locator("#id_state")).to_have_value("partly_granted")
    reach(page, "#id_number")
    keyboard.type("PEC-0412")
    reach(page, "#id_valid_until")
    keyboard.type("31022027")
    reach(page, "#id_TM_percent")
    keyboard.type("80")
    reach(page, "#id_FJ_percent")
    keyboard.type("100")
    reach(page, "#id_CHP_percent")
    keyboard.type("100")
    reach(page, "#id_CHP_daily_cap")
    keyboard.type("45 euros")
    reach(page, "#id_CHP_waiting_days")
    keyboard.type("2")
    keyboard.press("Control+Enter")
    expect(page.get_by_role("alert").first).to_be_focused()
    expect(page.locator("#id_CHP_daily_cap_error")).to_contain_text("Écrivez un nombre")
    no_violation(page)
    expect(page.locator("#id_valid_until_error")).to_contain_text("Cette date n’existe pas")
    expect(page.locator("#id_number")).to_have_value("PEC-0412")
    expect(page.locator("#id_CHP_waiting_days")).to_have_value("2")
    corrected(page, keyboard, "id_valid_until", f"{timezone.localdate() + timedelta(days=30):%d%m%Y}")
    reach(page, "#id_CHP_daily_cap")
    keyboard.press("Control+a")
    keyboard.type("45")
    keyboard.press("Control+Enter")
    expect(page.locator("#notices")).to_contain_text("Réponse enregistrée")
    expect(page.locator("#id_state")).to_have_value("partly_granted")

    # billed at once: the stay says it, the invoice of the payer is one key away
    keyboard.press("Escape")
    expect(page).to_have_url(f"/sejours/{gone.iep}/")
    invoice = gone.invoices.get(payer=Payer.AMC)
    expect(page.locator("#invoices")).to_contain_text(invoice.number)
    no_violation(page)
    reach(page, f"a[href$='/{invoice.number}/']")
    keyboard.press("Enter")
    expect(page.locator("main")).to_contain_text("ne part pas par les lots")
    agreement = gone.agreements.get()
    assert (agreement.state, agreement.number) == (AgreementState.PARTLY_GRANTED, "PEC-0412")
    # 80 % of the 20 % of three days at 1 052 €; the exit day's charge; one night of two, within 45 €.
    amounts = {line.code: str(line.amount) for line in invoice.lines.all()}
    assert amounts == {"11": "504.96", "FJH": "23.00", "CHP": "45.00"}
