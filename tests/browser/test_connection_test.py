"""A référent tests the connection from the plan, and sees the answers come without touching anything."""

from __future__ import annotations

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from admissions.enums import StayKind
from admissions.events import SYSTEM
from admissions.services import stays
from teleservices import perimeter
from teleservices.enums import PerimeterMode
from tests.factories import AmoCoverageFactory, CoverageFactory, DebtorFactory, PatientFactory, UnitFactory

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_a_test_started_from_the_plan_succeeds_under_ones_eyes(
    worker, open_page, referent, establishment, no_violation
) -> None:
    perimeter.move(establishment, "MCO", PerimeterMode.CLOSED, referent, timezone.localdate())
    patient = PatientFactory()
    AmoCoverageFactory(patient=patient)
    CoverageFactory(patient=patient, convention="RO", debtor=DebtorFactory(amc_number="0099000104"))
    plan = stays.StayPlan(kind=StayKind.FULL, unit=UnitFactory(), planned_start_at=timezone.now())
    stay = stays.preadmit(patient, establishment, plan, SYSTEM)
    page = open_page(referent)
    page.goto("/raccordement/")
    page.get_by_label("IEP du dossier").fill(stay.iep)
    page.keyboard.press("Enter")
    page.wait_for_url("**/raccordement/tests/*/")
    expect(page.get_by_role("heading", name="Raccordement technique prouvé")).to_be_visible(timeout=20_000)
    expect(page.locator("#announcements")).to_contain_text("Test réussi")
    expect(page.get_by_role("button", name="Arrêter le test")).to_have_count(0)
    no_violation(page)
    with page.expect_download() as file:
        page.get_by_role("link", name="Procès-verbal à signer").click()
    assert file.value.suggested_filename.startswith("pv-accrochage-")
    page.goto("/raccordement/")
    expect(page.get_by_label("Fait, Test d’accrochage technique réalisé")).to_have_value(
        f"{timezone.localdate():%d/%m/%Y}"
    )
