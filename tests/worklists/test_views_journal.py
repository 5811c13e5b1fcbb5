"""The journal on the screen, and the document that a patient may ask for."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.enums import JournalKind, Role
from accounts.models import JournalEntry
from admissions.models import Patient
from tests.factories import EstablishmentFactory, PatientFactory, StayFactory, invented_nir

pytestmark = pytest.mark.django_db
SCREEN = "/journal/"


@pytest.fixture
def auditor(signed_in) -> Client:
    return signed_in(Role.AUDITOR)


@pytest.fixture
def read_by(person):
    """Somebody of a role opens the dossier of a stay."""

    def make(stay, role: Role = Role.AGENT, **traits: str):
        user = person(role, **traits)
        client = Client()
        client.force_login(user)
        client.get(reverse("admissions:stay", args=[stay.iep]))
        return user

    return make


def test_it_says_who_opened_which_dossier_from_where(auditor, read_by) -> None:
    stay = StayFactory()
    user = read_by(stay, first_name="Nadia", last_name="Kermadec")
    html = auditor.get(SCREEN, {"iep": stay.iep}).text
    assert user.get_full_name() in html and "dossier du séjour" in html and "127.0.0.1" in html
    assert stay.iep in html and stay.patient.ipp in html


def test_it_never_names_the_patient(auditor, read_by) -> None:
    stay = StayFactory(patient=PatientFactory(birth_name="KERGOAT"))
    read_by(stay)
    assert "KERGOAT" not in auditor.get(SCREEN, {"iep": stay.iep, "kind": JournalKind.READ}).text


def test_a_change_is_shown_with_what_was_there_before(auditor) -> None:
    stay = StayFactory()
    Patient.objects.filter(pk=stay.patient_id).update(phone="0600000001")
    Patient.objects.filter(pk=stay.patient_id).update(phone="0600000002")
    html = auditor.get(SCREEN, {"ipp": stay.patient.ipp, "kind": JournalKind.CHANGE}).text
    assert "0600000001 → 0600000002" in html and "Téléphone" in html


def test_an_encrypted_value_is_only_said_to_have_changed(auditor) -> None:
    patient = PatientFactory()
    StayFactory(patient=patient)
    Patient.objects.filter(pk=patient.pk).update(nir=invented_nir(77), nir_index=Patient.index_of_nir(invented_nir(77)))
    html = auditor.get(SCREEN, {"ipp": patient.ipp}).text
    assert "chiffré" in html and patient.nir not in html and "\\x" not in html


def test_every_filter_narrows(auditor, read_by) -> None:
    first, second = StayFactory(), StayFactory()
    user = read_by(first)
    read_by(second)
    shown = auditor.get(SCREEN, {"username": user.username, "kind": JournalKind.READ})
    assert [line.iep for line in shown.context["lines"]] == [first.iep]
    assert auditor.get(SCREEN, {"iep": "000000000"}).context["lines"] == []
    assert auditor.get(SCREEN, {"since": "01/01/2099"}).context["lines"] == []


def test_a_date_that_cannot_be_read_is_told_and_the_rest_is_shown(auditor) -> None:
    response = auditor.get(SCREEN, {"since": "hier"})
    assert response.status_code == 422 and 'aria-invalid="true"' in response.text


def test_nothing_of_another_establishment_is_shown(auditor, read_by) -> None:
    elsewhere = EstablishmentFactory(finess_site="290000025", finess_legal="290000017", name="CH d’Ailleurs")
    stay = StayFactory()
    read_by(stay)
    JournalEntry.objects.create(
        kind=JournalKind.READ, action="GET ailleurs", establishment_id=elsewhere.pk, patient_id=stay.patient_id
    )
    assert "ailleurs" not in auditor.get(SCREEN).text
    assert "ailleurs" not in auditor.get(SCREEN, {"ipp": stay.patient.ipp}).text


def test_a_page_costs_the_same_for_few_and_for_many(auditor, read_by) -> None:
    counts = []
    for wanted in (2, 40):
        for number in range(wanted):
            stay = StayFactory()
            JournalEntry.objects.create(
                kind=JournalKind.READ, action="GET admissions:stay", establishment_id=stay.establishment_id,
                patient_id=stay.patient_id, stay_id=stay.pk, user_id=number + 1,
            )  # fmt: skip
        with CaptureQueriesContext(connection) as queries:
            auditor.get(SCREEN)
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 10


def test_the_page_of_one_person_is_read_by_an_index(auditor) -> None:
    patient = PatientFactory()
    with connection.cursor() as cursor:
        # Of a table of a few lines, what the planner would choose changes with what it last counted.
        cursor.execute("set local enable_seqscan = off")
        cursor.execute("set local enable_bitmapscan = off")
        cursor.execute(
            "explain select * from accounts_journalentry where patient_id = %s order by id desc limit 50", [patient.pk]
        )
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "journal_patient" in plan and "Sort" not in plan


def test_the_document_says_every_access_and_no_value(auditor, read_by) -> None:
    stay = StayFactory()
    read_by(stay, last_name="Kermadec")
    Patient.objects.filter(pk=stay.patient_id).update(phone="0600000001")
    response = auditor.get(reverse("worklists:accesses", args=[stay.patient.ipp]))
    assert response["Content-Type"] == "application/pdf" and response.content.startswith(b"%PDF-")
    assert response["Content-Disposition"] == f'attachment; filename="acces-{stay.patient.ipp}.pdf"'
    text = _text(response.content)
    assert "Kermadec" in text and stay.patient.birth_name in text and "téléphone" in text
    assert "0600000001" not in text
    # The document itself is an export.
    assert JournalEntry.objects.filter(kind=JournalKind.EXPORT, action="GET worklists:accesses").exists()


def test_nobody_gets_the_document_of_a_person_of_another_hospital(auditor) -> None:
    elsewhere = EstablishmentFactory(finess_site="290000025", finess_legal="290000017", name="CH d’Ailleurs")
    patient = PatientFactory()
    Patient.objects.filter(pk=patient.pk).update(establishment=elsewhere)
    assert auditor.get(reverse("worklists:accesses", args=[patient.ipp])).status_code == 404


def _text(pdf: bytes) -> str:
    import pypdfium2

    document = pypdfium2.PdfDocument(pdf)
    return "\n".join(page.get_textpage().get_text_range() for page in document)
