"""Who may open which screen of the reception, and that nobody opens a dossier of another establishment."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.enums import Action, Role
from accounts.models import Establishment, RoleAssignment, User
from accounts.permissions import PERMISSIONS
from admissions.enums import StayKind
from admissions.models import Card
from admissions.services import downtime
from tests.factories import CoverageFactory, DebtorFactory, PatientFactory, StayFactory, UnitFactory, invented_nir

pytestmark = pytest.mark.django_db

# Name, what it is for, the action that it needs, and whether it is only read.
SCREENS = [
    ("admissions:arrivals", [], Action.ADMIT),
    ("admissions:arrivals-panel", [], Action.SEE_HOME),
    ("admissions:arrivals-export", ["csv"], Action.ADMIT),
    ("admissions:new", [], Action.EDIT_PATIENT),
    ("admissions:reentry", [], Action.ADMIT),
    ("admissions:sheet", ["sheet"], Action.ADMIT),
    ("admissions:search", [], Action.SEE_DOSSIER),
    ("admissions:patient", ["ipp"], Action.SEE_DOSSIER),
    ("admissions:identity", ["ipp"], Action.EDIT_PATIENT),
    ("admissions:new-stay", ["ipp"], Action.ADMIT),
    ("admissions:stay", ["iep"], Action.SEE_DOSSIER),
    ("admissions:admission", ["iep"], Action.ADMIT),
    ("admissions:summary", ["iep"], Action.SEE_DOSSIER),
    ("admissions:act", ["iep", "annulation"], Action.ADMIT),
    ("admissions:coverage", ["iep", "coverages"], Action.SEE_DOSSIER),
    ("admissions:declare", ["iep", "amo"], Action.READ_CARD),
    ("admissions:card-grid", ["iep", "card"], Action.READ_CARD),
    ("teleservices:stay-calls", ["iep"], Action.SEE_DOSSIER),
    ("teleservices:stay-timeline", ["iep"], Action.SEE_DOSSIER),
    ("billing:stay-estimate", ["iep"], Action.SEE_DOSSIER),
    ("billing:stay-invoices", ["iep"], Action.SEE_DOSSIER),
    ("billing:stay-activity", ["iep"], Action.ENTER_ACTIVITY),
    ("billing:request-price", ["CHP"], Action.SEE_DOSSIER),
]
ACTS = [
    ("admissions:find-sheet", [], Action.ADMIT),
    ("admissions:declare-outage", [], Action.ADMIT),
    ("admissions:void-sheet", ["sheet"], Action.ADMIT),
    ("admissions:close-set", ["sheet"], Action.CLOSE_DOWNTIME),
    ("admissions:identity-check", ["ipp"], Action.EDIT_PATIENT),
    ("admissions:scan", [], Action.SEE_DOSSIER),
    ("admissions:scan-ahead", [], Action.READ_CARD),
    ("admissions:stay-scan", ["iep"], Action.READ_CARD),
    ("admissions:card-grid-rows", ["iep", "card"], Action.READ_CARD),
    ("admissions:choose-debtor", ["iep", "card"], Action.READ_CARD),
    ("admissions:declare-rows", ["iep", "amc"], Action.READ_CARD),
    ("admissions:member-number", ["iep", "coverage"], Action.READ_CARD),
    ("admissions:request-toggle", ["iep", "CHP"], Action.ADMIT),
    ("admissions:ask-rights", ["iep"], Action.ASK_AGAIN),
    ("admissions:presence", ["iep"], Action.SEE_DOSSIER),
]


@pytest.fixture
def dossier(establishment):
    """A pre-admitted stay of external care, with a card and a coverage: every screen has its object."""
    patient = PatientFactory()
    coverage = CoverageFactory(patient=patient)
    stay = StayFactory(patient=patient, kind=StayKind.EXTERNAL)
    card = Card.objects.create(
        patient=patient, content="carte", fingerprint="0" * 64, recognised=False, reader="douchette"
    )
    sheet = downtime.numbers_to_print(stay.establishment, 1, timezone.now())[0]
    downtime.declare_outage(stay.establishment)
    return {"ipp": patient.ipp, "iep": stay.iep, "card": card.pk, "coverage": coverage.pk, "sheet": sheet.iep}


def address(name: str, arguments: list[str], dossier: dict) -> str:
    return reverse(name, args=[dossier.get(argument, argument) for argument in arguments])


@pytest.mark.parametrize(("name", "arguments", "action"), SCREENS, ids=[row[0] for row in SCREENS])
def test_each_screen_opens_for_its_roles_and_for_no_other(name, arguments, action, dossier, signed_in) -> None:
    for role in Role:
        answer = signed_in(role).get(address(name, arguments, dossier))
        assert answer.status_code == (200 if role in PERMISSIONS[action] else 403), role


@pytest.mark.parametrize(("name", "arguments", "action"), ACTS, ids=[row[0] for row in ACTS])
def test_each_act_is_refused_to_the_other_roles_and_to_get(name, arguments, action, dossier, signed_in) -> None:
    for role in Role:
        client = signed_in(role)
        if role not in PERMISSIONS[action]:
            assert client.post(address(name, arguments, dossier)).status_code == 403, role
        else:
            assert client.get(address(name, arguments, dossier)).status_code == 405, role


def test_nobody_comes_in_without_signing_in(dossier) -> None:
    for name, arguments, _ in SCREENS:
        answer = Client().get(address(name, arguments, dossier))
        assert answer.status_code == 302 and "connexion" in answer["Location"], name


def test_a_stay_of_another_establishment_is_not_found(dossier) -> None:
    elsewhere = Establishment.objects.create(name="CH d’Ailleurs", finess_legal="290000017", finess_site="290000025")
    user = User.objects.create_user("ailleurs", establishment=elsewhere)
    for role in (Role.REFERENT, Role.BILLING):
        RoleAssignment.objects.create(user=user, establishment=elsewhere, role=role)
    client = Client()
    client.force_login(user)
    for name, arguments, _ in SCREENS:
        if "iep" in arguments:
            assert client.get(address(name, arguments, dossier)).status_code == 404, name
    for name, arguments, _ in ACTS:
        if "iep" in arguments:
            assert client.post(address(name, arguments, dossier)).status_code == 404, name


def test_a_stay_of_another_establishment_is_in_no_list(dossier, signed_in) -> None:
    elsewhere = Establishment.objects.create(name="CH d’Ailleurs", finess_legal="290000017", finess_site="290000025")
    other = StayFactory(unit=UnitFactory(establishment=elsewhere, code="9999"))
    client = signed_in(Role.AGENT)
    assert other.iep not in client.get(reverse("admissions:arrivals")).text
    assert other.iep not in client.get(reverse("admissions:patient", args=[other.patient.ipp])).text
    assert other.iep not in client.post(reverse("admissions:search"), {"q": other.patient.birth_name}).text


def test_no_address_holds_a_name_or_a_nir(dossier, signed_in) -> None:
    client = signed_in(Role.AGENT)
    debtor = DebtorFactory()
    patient = PatientFactory(birth_name="KERGOAT", nir=invented_nir(4))
    page = client.post(reverse("admissions:search"), {"q": "kergoat"}, follow=True)
    for address_used, _ in page.redirect_chain:
        assert "kergoat" not in address_used.lower()
    assert patient.nir not in page.wsgi_request.get_full_path()
    assert debtor.name
