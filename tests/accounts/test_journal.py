"""Who saw and did what: told by the views, and of changes by the database itself."""

from __future__ import annotations

import datetime as dt

import pytest
from django.apps import apps
from django.db import ProgrammingError, connection, transaction
from django.test import Client
from django.urls import reverse

from accounts.enums import JournalKind, Role
from accounts.journal import tables, writing
from accounts.journal.unit import Unit, working
from accounts.models import JournalEntry
from admissions.events import Actor
from admissions.models import Patient, Stay
from admissions.services.patients import Traits, correct_patient
from tests.factories import PatientFactory, StayFactory, invented_nir

pytestmark = pytest.mark.django_db

#: Models whose changes are not journaled, and why.
EXEMPT = {
    "accounts_apitoken": "given and ended: entries of kind session say so; it lasts some minutes",
    "accounts_usedassertion": "a signed proof that was taken, until it ends",
    "accounts_idempotentreply": "the answer already given to a program, kept a day",
    "accounts_recoverycode": "a secret, used once; using one is an entry of kind session",
    "accounts_quickaccess": "a state of a workstation; entries of kind session say when it was used or ended",
    "accounts_invitation": "a secret, used once; giving and using one are entries",
    "accounts_workstation": "the digest of a cookie",
    "accounts_session": "entries of kind session say who came and went",
    "accounts_tries": "a counter",
    "accounts_journalentry": "the journal",
    "accounts_journalseal": "the journal",
    "admissions_amoanswer": "what the AMO answered, kept as it came: the ledger of calls says when and to whom",
    "admissions_amoperiod": "part of an answer of the AMO",
    "teleservices_nationalbatchline": "a question of a batch: its call says what came of it",
    "admissions_pairsweep": "how far the night has compared",
    "admissions_identitydocumentkind": "a table of the house, filled from its file",
    "admissions_identitychange": "a ledger: written once, with who and when",
    "admissions_patientmove": "keys of rows, whose own changes are told",
    "admissions_admissionevent": "a ledger: written once, with who and when",
    "admissions_eventdelivery": "a ledger of what is owed",
    "admissions_patientmatchkey": "derived from the patient's names",
    "admissions_patientnametoken": "derived from the patient's names",
    "admissions_rights": "a ledger of answers",
    "admissions_cardreading": "counted for the palmarès; the card's own row is journaled",
    "admissions_cardtally": "counted from the readings",
    "debtors_importrecord": "read from a file; the records that it changes are journaled",
    "debtors_importvote": "counted from a file; the associations that are created are journaled",
    "billing_agreementstep": "is itself the history of a prise en charge, append-only",
    "billing_bill": "computed; its invoices are journaled",
    "billing_estimate": "computed",
    "billing_estimateline": "computed",
    "billing_exchangefile": "a ledger of files, whose content is kept",
    "billing_exchangerecord": "a ledger of what came back",
    "billing_invoiceline": "written with its invoice, which cannot change once sent",
    "billing_numberseries": "a counter",
    "debtors_directoryentry": "a ledger of answers",
    "teleservices_webhookmessage": "a ledger of what is owed to programs",
    "teleservices_anomalystep": "a ledger: written once, with who and when",
    "teleservices_circuit": "a state that the engine keeps",
    "teleservices_connectiontest": "a record: written once, with who and when",
    "teleservices_expirywarning": "a ledger of what was told",
    "teleservices_refusedcertificate": "a ledger of what was refused",
    "teleservices_teleserviceattempt": "the ledger of calls",
    "teleservices_teleservicecall": "the ledger of calls",
    "auth_group": "not used",
    "auth_permission": "not used",
    "django_content_type": "of the framework",
    "django_session": "entries of kind session say who came and went",
}


def entries(kind: JournalKind) -> list[JournalEntry]:
    return list(JournalEntry.objects.filter(kind=kind).order_by("pk"))


@pytest.fixture
def stay(establishment) -> Stay:
    return StayFactory()


# ---- what is seen ----


def test_opening_a_dossier_says_who_from_where_when_and_whose(person, stay) -> None:
    user = person(Role.AGENT)
    client = Client()
    client.force_login(user)
    client.get(reverse("admissions:stay", args=[stay.iep]), REMOTE_ADDR="10.1.2.3")
    (entry,) = entries(JournalKind.READ)
    assert (entry.user_id, entry.establishment_id) == (user.pk, stay.establishment_id)
    assert (entry.patient_id, entry.stay_id) == (stay.patient_id, stay.pk)
    assert entry.action == "GET admissions:stay" and entry.place == "10.1.2.3"
    assert len(entry.session) == 16 and entry.session not in client.session.session_key


@pytest.mark.parametrize(
    ("name", "by"), [("admissions:patient", "ipp"), ("admissions:admission", "iep"), ("billing:stay-estimate", "iep")]
)
def test_every_screen_of_a_dossier_leaves_a_trace(name, by, signed_in, stay) -> None:
    signed_in(Role.AGENT).get(reverse(name, args=[stay.iep if by == "iep" else stay.patient.ipp]))
    (entry,) = entries(JournalKind.READ)
    assert entry.patient_id == stay.patient_id


def test_a_program_leaves_its_trace_too(api, stay) -> None:
    api("stays:read").get(f"/api/v1/stays/{stay.iep}")
    (entry,) = entries(JournalKind.READ)
    assert entry.client_id and entry.user_id is None and entry.stay_id == stay.pk


def test_a_search_says_whom_it_showed_and_not_what_was_typed(signed_in) -> None:
    patient = PatientFactory(birth_name="KERGOAT")
    signed_in(Role.AGENT).post(reverse("admissions:search"), {"q": "kergo"}, headers={"hx-request": "true"})
    (entry,) = entries(JournalKind.LISTED)
    assert entry.detail == {"patients": [patient.pk]}
    assert "kergo" not in repr(vars(entry)).lower()


def test_what_was_refused_is_kept(signed_in, stay) -> None:
    signed_in(Role.CASHIER).get(reverse("admissions:admission", args=[stay.iep]))
    (entry,) = entries(JournalKind.REFUSED)
    assert entry.action == "GET admissions:admission" and entry.detail == {"status": 403}


def test_a_file_that_leaves_is_an_export(signed_in, stay) -> None:
    signed_in(Role.AGENT).get(reverse("admissions:arrivals-export", args=["csv"]))
    (entry,) = entries(JournalKind.EXPORT)
    assert entry.action == "GET admissions:arrivals-export"


def test_a_read_that_cannot_be_traced_does_not_take_place(signed_in, stay, monkeypatch) -> None:
    client = signed_in(Role.AGENT)
    client.raise_request_exception = False
    monkeypatch.setattr(writing, "_INSERT", "insert into there_is_no_such_table values ")
    with transaction.atomic():
        response = client.get(reverse("admissions:stay", args=[stay.iep]))
        transaction.set_rollback(True)
    assert response.status_code == 500 and stay.patient.birth_name not in response.text


# ---- what is changed ----


def correct(patient: Patient, actor: Actor, **changed: str) -> None:
    traits = {
        "birth_name": patient.birth_name,
        "first_names": patient.first_names,
        "birth_date": patient.birth_date,
        "sex": patient.sex,
        "nir": patient.nir,
    }
    correct_patient(patient.pk, Traits(**traits | changed), actor, version=patient.version)


def test_a_change_says_before_and_after_and_who(person) -> None:
    user = person(Role.AGENT)
    patient = PatientFactory(birth_name="MORVAN")
    with working(Unit(action="POST admissions:identity", user_id=user.pk, place="10.0.0.7")):
        correct(patient, Actor(user), birth_name="MORVANT")
    entry = JournalEntry.objects.filter(object_type="admissions_patient", patient_id=patient.pk).latest("pk")
    assert entry.detail == {"birth_name": ["MORVAN", "MORVANT"]}
    assert (entry.user_id, entry.place, entry.action) == (user.pk, "10.0.0.7", "POST admissions:identity update")


def test_an_encrypted_value_stays_encrypted_in_the_journal() -> None:
    patient = PatientFactory(nir=invented_nir(41))
    correct(patient, Actor(), nir=invented_nir(42))
    with connection.cursor() as cursor:
        cursor.execute("select string_agg(detail::text, ' ') from accounts_journalentry")
        (text,) = cursor.fetchone()
    assert '"nir"' in text
    assert invented_nir(41) not in text and invented_nir(42) not in text


def test_a_change_that_goes_round_the_services_is_told_all_the_same(stay) -> None:
    Patient.objects.filter(pk=stay.patient_id).update(birth_date=dt.date(1950, 1, 1))
    with connection.connection.cursor() as raw:
        # As somebody at a console of the database would.
        raw.execute("select set_config('gap.who', '', false)")
        raw.execute("update admissions_patient set phone = '0600000000' where id = %s", [stay.patient_id])
        raw.execute("delete from admissions_movement where stay_id = %s", [stay.pk])
    changed = JournalEntry.objects.filter(patient_id=stay.patient_id, kind=JournalKind.CHANGE).order_by("-pk")
    console, quick = changed[0], changed[1]
    assert quick.detail == {"birth_date": [f"{stay.patient.birth_date}", "1950-01-01"]}
    assert console.action == "sql update" and console.user_id is None


def test_a_change_of_a_version_alone_is_no_news(stay) -> None:
    before = JournalEntry.objects.count()
    Stay.objects.filter(pk=stay.pk).update(version=stay.version + 1)
    assert JournalEntry.objects.count() == before


def test_a_secret_is_said_to_have_changed_and_nothing_more(person) -> None:
    user = person(Role.AGENT)
    user.set_password("une phrase de passe assez longue")
    user.save()
    entry = JournalEntry.objects.filter(object_type="accounts_user", object_id=user.pk).latest("pk")
    assert entry.detail == {"password": ["•", "•"]}


def test_what_was_undone_leaves_neither_a_trace_nor_its_author(person, stay) -> None:
    first, second = person(Role.AGENT), person(Role.AGENT)
    with working(Unit(action="un", user_id=first.pk)), pytest.raises(ZeroDivisionError), transaction.atomic():
        Patient.objects.filter(pk=stay.patient_id).update(phone="0611111111")
        raise ZeroDivisionError
    with working(Unit(action="deux", user_id=second.pk)):
        Patient.objects.filter(pk=stay.patient_id).update(phone="0622222222")
    phones = [
        (entry.user_id, entry.detail["phone"][1])
        for entry in JournalEntry.objects.filter(object_type="admissions_patient", detail__has_key="phone")
        if entry.detail["phone"][1]
    ]
    assert phones == [(second.pk, "0622222222")]


# ---- nothing is taken back ----


@pytest.mark.parametrize(
    "statement", ["update accounts_journalentry set reason = 'x'", "delete from accounts_journalentry"]
)
def test_an_entry_is_neither_changed_nor_erased(statement, stay) -> None:
    assert JournalEntry.objects.exists()
    with pytest.raises(ProgrammingError, match="only added to"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


def test_every_model_is_journaled_or_says_why_not() -> None:
    known = {model._meta.db_table for model in apps.get_models(include_auto_created=False)}
    assert known == tables.registered() | set(EXEMPT)
    assert not tables.registered() & set(EXEMPT)


def test_the_tables_that_are_told_are_those_that_have_the_trigger() -> None:
    with connection.cursor() as cursor:
        cursor.execute("select tgrelid::regclass::text from pg_trigger where tgname = 'journal_change'")
        assert {table for (table,) in cursor.fetchall()} == tables.registered()
