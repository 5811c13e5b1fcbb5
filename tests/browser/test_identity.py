"""The identity at the desk, by keyboard: what INSi answers comes by itself, what differs is compared, the document qualifies."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from uuid import uuid4

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from admissions.enums import IdentityStatus
from admissions.models import Patient
from admissions.rules.identity_status import StrictTraits
from admissions.services import identity
from admissions.services.identity import FoundIdentity
from gap.templatetags.gap_format import nir
from tests.factories import AmoCoverageFactory, PatientFactory, StayFactory, UnitFactory, invented_nir

pytestmark = [pytest.mark.browser, pytest.mark.long, pytest.mark.django_db(transaction=True)]
INS = invented_nir(7)


@pytest.fixture
def camille(establishment) -> Patient:
    patient = PatientFactory(
        birth_name="BERTHELOT", first_names="Camille", birth_date=dt.date(1984, 5, 17), birth_place="35991",
        nir=invented_nir(1),
    )  # fmt: skip
    AmoCoverageFactory(patient=patient)
    return patient


def answered(patient: Patient, **theirs: str) -> None:
    """INSi answers while somebody looks at the page."""
    ours: StrictTraits = identity.strict_traits(patient)
    said = FoundIdentity(INS, "1.2.250.1.213.1.4.10", replace(ours, **theirs))
    identity.found(patient.pk, said, asked=ours, message_id=uuid4(), at=timezone.now())


def test_an_identity_is_compared_then_qualified_without_leaving_the_admission(
    page: Page, camille, keyboard, no_violation
) -> None:
    stay = StayFactory(patient=camille, unit=UnitFactory(code="3120", name="Médecine interne"))
    page.goto(f"/sejours/{stay.iep}/admission/")
    step = page.locator("#etape-1")
    expect(step).to_contain_text("Identité provisoire")
    page.locator("#id_room").fill("214")
    answered(camille, birth_place="29991")
    page.evaluate("document.body.dispatchEvent(new CustomEvent('gap:moved'))")
    # The step is drawn again by itself; what is being typed below stays.
    expect(step.locator("table")).to_contain_text("29991")
    expect(page.locator("#id_room")).to_have_value("214")
    no_violation(page)
    keyboard.press("Alt+o")
    expect(step).to_contain_text("Identité récupérée")
    expect(step).to_contain_text("traits verrouillés")
    expect(page.locator("#id_room")).to_have_value("214")
    keyboard.press("Alt+v")
    expect(step).to_contain_text("Identité qualifiée")
    expect(page.locator(".ident")).to_contain_text(nir(INS))
    camille.refresh_from_db()
    assert (camille.identity_status, camille.birth_place) == (IdentityStatus.QUALIFIED, "29991")
