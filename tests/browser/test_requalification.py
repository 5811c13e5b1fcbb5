"""A stay that turns out to be something else, by keyboard alone: from ROC to the circuit of before, and back."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from admissions.enums import Requalification, StayKind
from admissions.events import SYSTEM
from admissions.services.requalification import requalify
from billing.enums import AgreementEnd
from tests.billing.conftest import debtor as debtor
from tests.billing.conftest import present as present
from tests.billing.conftest import units as units
from tests.browser.hands import Keyboard, reach

pytestmark = [pytest.mark.browser, pytest.mark.long, pytest.mark.django_db(transaction=True)]
ANSWER_MS = 20_000


@pytest.fixture
def stay(present):
    """Present in MCO, on ROC. Made before the worker starts: its chain is walked by hand."""
    return present()


def test_a_stay_changes_sides_and_comes_back_by_keyboard_alone(
    page: Page, stay, worker, keyboard: Keyboard, units, no_violation
) -> None:
    page.set_default_timeout(ANSWER_MS)
    panel = page.locator("#invoices")
    page.goto(f"/sejours/{stay.iep}/")
    expect(page.locator("#coverages")).to_contain_text("Ouverts")

    # what will change is said before it is confirmed
    keyboard.press("q")
    expect(page.locator("#id_kind")).to_be_focused()
    expect(page.locator("#act")).to_contain_text("Un engagement reçu est annulé (DEL)")
    no_violation(page)
    reach(page, "#id_unit")
    keyboard.type("4100")
    reach(page, "#id_reason")
    keyboard.type("transfert")

    # a colleague was faster: both values are shown, what was typed stays, and the same key confirms it
    requalify(stay.pk, StayKind.DAY, units["MCO"], Requalification.CODING, SYSTEM)
    keyboard.press("Control+Enter")
    theirs = page.get_by_role("region", name="Enregistré entre-temps")
    expect(theirs).to_contain_text("hôpital de jour")
    expect(theirs).to_contain_text("4100 Rééducation")
    expect(page.locator("#id_reason")).to_have_value("transfer")
    no_violation(page)
    keyboard.press("Control+Enter")

    # one sentence says it; the prise en charge is there, with the payer and the number of the card
    expect(page).to_have_url(f"/sejours/{stay.iep}/")
    expect(page.locator("#notices")).to_contain_text("Séjour requalifié")
    expect(panel).to_contain_text("n’est pas sur ROC pour ces soins", timeout=ANSWER_MS)
    expect(panel).not_to_contain_text("Confirmé par SIM")
    keyboard.press("g")
    expect(page.locator("main")).to_contain_text("la prise en charge est à demander")
    agreement = stay.agreements.get(closed_at__isnull=True)
    assert (agreement.debtor.name, agreement.coverage.member_number) == ("Prévoyance du Rail", "08441927")
    keyboard.press("Escape")
    expect(page).to_have_url(f"/sejours/{stay.iep}/")

    # and back
    keyboard.press("q")
    expect(page.locator("#id_kind")).to_be_focused()
    reach(page, "#id_unit")
    keyboard.type("3120")
    keyboard.press("Control+Enter")
    expect(panel).to_contain_text("répond par ROC", timeout=ANSWER_MS)
    no_violation(page)
    agreement.refresh_from_db()
    assert agreement.closed_reason == AgreementEnd.REQUALIFIED
