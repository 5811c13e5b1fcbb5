"""The screens of an identity: at the admission, in the dossier, and its history."""

from __future__ import annotations

import re
from dataclasses import replace
from uuid import uuid4

import pytest
from django.urls import reverse
from django.utils import timezone

from accounts.enums import Role
from admissions.enums import EventKind, IdentityAct, IdentityStatus, InsOutcome
from admissions.events import SYSTEM
from admissions.models import Patient
from admissions.services import identity
from admissions.services.identity import FormerIns, FoundIdentity
from gap.templatetags.gap_format import nir
from tests.factories import PatientFactory, StayFactory, invented_nir, known_as

pytestmark = pytest.mark.django_db
TEST_OID = "1.2.250.1.213.1.4.10"


@pytest.fixture
def desk(signed_in):
    return signed_in(Role.AGENT)


@pytest.fixture
def patient(establishment) -> Patient:
    return PatientFactory(birth_name="MORVAN", first_names="Hélène", sex="F", birth_place="35991")


def answered(patient: Patient, **traits) -> Patient:
    """INSi found somebody; `traits`: where they are not ours."""
    ours = identity.strict_traits(patient)
    said = FoundIdentity(
        invented_nir(7), TEST_OID, replace(ours, **traits), former=(FormerIns(invented_nir(8), TEST_OID),)
    )
    identity.found(patient.pk, said, asked=ours, message_id=uuid4(), at=timezone.now())
    return Patient.objects.get(pk=patient.pk)


def url(name: str, patient: Patient) -> str:
    return reverse(f"admissions:{name}", args=[patient.ipp])


def part(desk, stay) -> str:
    return desk.get(reverse("admissions:identity-part", args=[stay.iep])).text


def test_the_first_step_of_an_admission_follows_what_insi_answers(desk, patient, settings) -> None:
    stay = StayFactory(patient=patient)
    assert "INSi n’est pas raccordé" in part(desk, stay)
    settings.INSI = settings.INSI | {"url": "https://insi.invalid/"}
    assert "INSi n’a pas encore répondu" in part(desk, stay)
    assert desk.post(reverse("admissions:identity-ask", args=[stay.iep])).status_code == 204
    assert stay.events.filter(kind=EventKind.IDENTITY_ASKED).count() == 1
    identity.not_found(
        patient.pk, InsOutcome.NONE, asked=identity.strict_traits(patient), message_id=uuid4(), at=timezone.now()
    )
    assert "INSi ne trouve personne sous ces traits" in part(desk, stay)
    answered(patient)
    shown = part(desk, stay)
    assert "Identité récupérée" in shown and "traits verrouillés" in shown and "Pièce vue, traits conformes" in shown


def test_the_step_of_the_page_is_the_one_that_is_drawn_again(desk, patient) -> None:
    stay = StayFactory(patient=patient)
    page = desk.get(reverse("admissions:admission", args=[stay.iep])).text
    assert part(desk, stay).strip()[:80] in page


def test_an_identity_to_compare_shows_both_sides_and_marks_what_differs(desk, patient) -> None:
    stay = StayFactory(patient=patient)
    patient = answered(patient, birth_place="29991")
    shown = part(desk, stay)
    assert re.findall(r'scope="row">([^<]+)</th><td>([^<]*)</td><td class="strong">', shown) == [
        ("Lieu de naissance", patient.birth_place)
    ]
    sent = {"version": str(patient.version), "iep": stay.iep, "decision": "oui"}
    taken = desk.post(url("identity-decide", patient), sent)
    assert taken["Location"] == reverse("admissions:admission", args=[stay.iep])
    patient.refresh_from_db()
    assert (patient.birth_place, patient.identity_status) == ("29991", IdentityStatus.RETRIEVED)
    # A second click, or a colleague's: it is decided already, and nothing is done twice.
    assert "décidée par quelqu’un d’autre" in desk.post(url("identity-decide", patient), sent, follow=True).text


def test_set_aside_the_traits_stay_as_they_are(desk, patient) -> None:
    patient = answered(patient, sex="M")
    desk.post(url("identity-decide", patient), {"version": str(patient.version), "decision": "non"})
    patient.refresh_from_db()
    assert (patient.sex, patient.ins, patient.ins_outcome) == ("F", None, InsOutcome.REFUSED)


@pytest.mark.parametrize("status", list(IdentityStatus))
def test_the_matricule_is_shown_of_a_qualified_identity_alone(desk, patient, status) -> None:
    known_as(status, patient)
    shown = nir(invented_nir(patient.pk))
    for name in ("patient", "identity", "identity-history"):
        assert (shown in desk.get(url(name, patient)).text) == (status == IdentityStatus.QUALIFIED), name


def test_a_document_that_proves_nothing_says_which_would(desk, patient) -> None:
    sent = {"version": str(patient.version), "document": "CAV"}
    assert "demandez une carte d’identité" in desk.post(url("identity-check", patient), sent, follow=True).text
    patient.refresh_from_db()
    assert patient.identity_status == IdentityStatus.PROVISIONAL


def test_an_identity_is_created_from_the_document_that_one_holds(desk) -> None:
    sent = {
        "birth_name": "Kerdoncuff", "first_names": "Yann", "birth_date": "02/03/1990", "sex": "M", "document": "PAS",
    }  # fmt: skip
    desk.post(reverse("admissions:new"), sent)
    patient = Patient.objects.get(birth_name="KERDONCUFF")
    assert (patient.identity_status, patient.document_kind) == (IdentityStatus.VALIDATED, "PAS")
    assert patient.document_seen_by is not None


def test_anybody_at_the_desk_reports_a_doubt_and_a_referent_lifts_it(desk, signed_in, patient) -> None:
    known_as(IdentityStatus.QUALIFIED, patient)
    assert "Dites pourquoi" in desk.post(url("identity-report", patient), {"what": "douteuse"}, follow=True).text
    said = {"what": "douteuse", "reason": "deux personnes sous un nom"}
    assert "Identité douteuse" in desk.post(url("identity-report", patient), said, follow=True).text
    lifted = {"what": "sure", "reason": "pièces revues"}
    assert desk.post(url("identity-settle", patient), lifted).status_code == 403
    referent = signed_in(Role.REFERENT)
    assert "Le doute est levé" in referent.post(url("identity-settle", patient), lifted, follow=True).text
    assert (
        "dites ce que vous signalez" in desk.post(url("identity-report", patient), {"what": "sure"}, follow=True).text
    )
    patient.refresh_from_db()
    assert (patient.doubtful, patient.identity_status) == (False, IdentityStatus.PROVISIONAL)


def test_a_referent_opens_locked_traits_with_a_reason(desk, signed_in, patient) -> None:
    known_as(IdentityStatus.QUALIFIED, patient)
    assert "Ouvrir les traits" not in desk.get(url("identity", patient)).text
    referent = signed_in(Role.REFERENT)
    assert "Ouvrir les traits, avec un motif" in referent.get(url("identity", patient)).text
    opened = url("identity", patient) + "?ouvrir=1"
    assert "l’INS est abandonnée" in referent.get(opened).text
    sent = {
        "version": str(patient.version), "birth_name": "MORVANEC", "first_names": "Hélène",
        "birth_date": f"{patient.birth_date:%d/%m/%Y}", "sex": "F", "birth_place": patient.birth_place,
    }  # fmt: skip
    assert referent.post(opened, sent).status_code == 422
    # An agent who sends the same is an agent: the strict traits are not even asked of them.
    desk.post(opened, sent | {"reason": "usage"})
    patient.refresh_from_db()
    assert patient.birth_name == "MORVAN"
    sent |= {"version": str(patient.version)}
    assert referent.post(opened, sent | {"reason": "changement d’état civil"}).status_code == 302
    patient.refresh_from_db()
    assert (patient.birth_name, patient.identity_status) == ("MORVANEC", IdentityStatus.PROVISIONAL)
    shown = referent.get(url("identity-history", patient)).text
    assert "changement d’état civil" in shown and "MORVAN → MORVANEC" in shown and "Traits stricts corrigés" in shown


def test_the_history_says_who_decided_what(desk, patient, django_assert_max_num_queries) -> None:
    patient = answered(patient)
    identity.check_document(patient.pk, "CNI", SYSTEM, version=patient.version)
    with django_assert_max_num_queries(16):
        shown = desk.get(url("identity-history", patient)).text
    assert "INSi, ancien matricule" in shown and "carte nationale d’identité" in shown
    assert shown.count("<tr>") == 2 + 2 + 2
    identity.report(patient.pk, IdentityAct.HOMONYM, "", SYSTEM)
    assert "Homonyme signalé" in desk.get(url("patient", patient)).text
