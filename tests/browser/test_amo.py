"""What the AMO says, at the desk and by keyboard: it comes by itself, what differs is taken in one key, or a paper is typed."""

from __future__ import annotations

import datetime as dt

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from admissions.enums import AmoOutcome, CoverageKind, CoverageSource
from admissions.events import SYSTEM
from admissions.models import Coverage, Stay
from admissions.rules.amo import Period
from admissions.services.coverage import declare_coverage
from tests.factories import FundFactory, PatientFactory, StayFactory, UnitFactory
from tests.worklists.scene_amo import answered

pytestmark = [pytest.mark.browser, pytest.mark.long, pytest.mark.django_db(transaction=True)]
OURS = ("01", "351", "0000")


@pytest.fixture
def stay(establishment) -> Stay:
    return StayFactory(patient=PatientFactory(), unit=UnitFactory(code="3120", name="Médecine interne"))


def amo(stay: Stay) -> list[Coverage]:
    return list(
        Coverage.objects.filter(patient=stay.patient, kind=CoverageKind.AMO, active=True).order_by("valid_from")
    )


def test_what_the_fund_says_otherwise_is_taken_in_one_key_without_leaving_the_admission(
    page: Page, stay, keyboard, no_violation
) -> None:
    fund, day = FundFactory(), timezone.localdate(stay.start_at)
    declare_coverage(
        stay, fund, SYSTEM, valid_from=day - dt.timedelta(days=30), valid_until=day + dt.timedelta(days=30),
        source=CoverageSource.PAPER, particular={"piece": "1"},
    )  # fmt: skip
    page.goto(f"/sejours/{stay.iep}/admission/")
    step = page.locator("#etape-3")
    expect(step).to_contain_text("pas encore contrôlé par CDRi")
    page.locator("#id_room").fill("214")
    answered(stay, organisation=OURS, periods=(Period("ETM", "8"), Period("SP", "1")))
    page.evaluate("document.body.dispatchEvent(new CustomEvent('gap:moved'))")
    expect(step.locator("table")).to_contain_text("Exonération")
    no_violation(page)
    keyboard.press("Alt+c")
    expect(step).to_contain_text("Affection de longue durée")
    expect(step).to_contain_text("ni mutuelle ni paiement")
    expect(step.locator("table")).to_have_count(0)
    expect(page.locator("#id_room")).to_have_value("214")
    assert (amo(stay)[-1].exemption, amo(stay)[-1].situations) == ("4", ["C2S"])
    page.goto(f"/patients/{stay.patient.ipp}/droits/")
    expect(page.locator("main")).to_contain_text("confirmée par l’organisme", ignore_case=True)
    no_violation(page)


def test_who_is_not_found_has_a_paper_typed_with_its_piece(page: Page, stay, keyboard, no_violation) -> None:
    fund = FundFactory()
    answered(stay, AmoOutcome.NONE, code="CD02")
    page.goto(f"/sejours/{stay.iep}/admission/")
    step = page.locator("#etape-3")
    expect(step).to_contain_text("Introuvable")
    form = page.locator("#declare-amo form")
    form.locator("#declare-amo-fragment").fill("Ille")
    expect(form.locator("[role=radiogroup]")).to_contain_text(fund.name)
    form.locator("#id_piece").select_option("1")
    form.locator("#id_particular").select_option(label="aide médicale de l’État")
    no_violation(page)
    form.locator("#id_particular").press("Enter")
    form.locator("button[type=submit]").press("Enter")
    expect(step).to_contain_text("Une pièce fait foi")
    expect(step).to_contain_text("L’État paie tout")
    (held,) = amo(stay)
    assert (held.source, held.piece, held.situations) == (CoverageSource.PAPER, "1", ["AME"])
