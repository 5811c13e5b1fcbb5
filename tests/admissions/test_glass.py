"""Protected dossiers: who opens one says why, for a time, and somebody reads it afterwards."""

from __future__ import annotations

import datetime as dt
from datetime import timedelta

import pytest
import time_machine
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts import tokens
from accounts.enums import JournalKind, Role, Scope
from accounts.models import ApiClient, JournalEntry
from admissions.enums import EventKind, GlassReason, Protection, Verdict
from admissions.errors import Conflict, Refused
from admissions.events import SYSTEM, Actor, deliver, record_event
from admissions.models import AdmissionEvent, BrokenGlass, Coverage, Patient, Stay
from admissions.services import glass
from admissions.tasks import tell_broken_glass
from teleservices.enums import CallStatus
from teleservices.models import TeleserviceCall
from tests.factories import PatientFactory, StayFactory
from tests.processes import run_together
from tests.worklists import scene

pytestmark = pytest.mark.django_db


@pytest.fixture
def stay() -> Stay:
    patient = PatientFactory(birth_name="KERVADEC", first_names="Rozenn", birth_date=dt.date(1984, 5, 17))
    patient.protection = Protection.EXPOSED
    patient.save()
    return StayFactory(patient=patient)


@pytest.fixture
def desk(person) -> Client:
    client = Client()
    client.user = person(Role.AGENT)
    client.force_login(client.user)
    return client


def page(stay: Stay) -> str:
    return reverse("admissions:stay", args=[stay.iep])


def door(stay: Stay) -> str:
    return reverse("admissions:open-protected", args=[stay.patient.ipp])


def open_it(client: Client, stay: Stay, **said: str):
    return client.post(door(stay), {"reason": "reception", "words": "", "after": page(stay)} | said)


# ---- opening ----


def test_the_dossier_asks_why_then_opens_where_one_was_going(desk, stay) -> None:
    first = desk.get(page(stay))
    assert (first.status_code, first["Location"]) == (302, f"{door(stay)}?suite=%2Fsejours%2F{stay.iep}%2F")
    asked = desk.get(first["Location"])
    assert asked.status_code == 200 and "KERVADEC" not in asked.text and "1984" not in asked.text
    opened = open_it(desk, stay)
    assert (opened.status_code, opened["Location"]) == (302, page(stay))
    shown = desk.get(page(stay)).text
    assert "KERVADEC" in shown and "Dossier protégé" in shown


def test_it_opens_to_that_person_alone_and_for_a_time(desk, stay, signed_in, settings) -> None:
    open_it(desk, stay)
    assert signed_in(Role.AGENT).get(page(stay)).status_code == 302
    until = BrokenGlass.objects.get().until
    assert until - timezone.now() == pytest.approx(timedelta(seconds=settings.GLASS_S), abs=timedelta(minutes=1))
    BrokenGlass.objects.update(at=timezone.now() - timedelta(hours=5), until=timezone.now() - timedelta(seconds=1))
    assert desk.get(page(stay)).status_code == 302


def test_what_is_sent_to_a_dossier_that_is_not_open_changes_nothing(desk, stay) -> None:
    answer = desk.post(reverse("admissions:act", args=[stay.iep, "annulation"]), {"version": stay.version})
    assert answer.status_code == 302 and "/ouvrir/" in answer["Location"]
    stay.refresh_from_db()
    assert stay.status == "preadmitted" and "Rien n’a été enregistré" in desk.get(answer["Location"]).text


def test_a_live_part_leads_the_whole_page_to_the_question(desk, stay) -> None:
    part = desk.get(
        reverse("admissions:summary", args=[stay.iep]),
        headers={"HX-Request": "true", "HX-Current-URL": f"http://testserver{page(stay)}"},
    )
    assert part["HX-Redirect"] == f"{door(stay)}?suite=%2Fsejours%2F{stay.iep}%2F" and "KERVADEC" not in part.text


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"reason": ""}, "Choisissez le motif"),
        ({"reason": "curiosite"}, "choix"),
        ({"reason": "other", "words": ""}, "Dites en quelques mots"),
        ({"reason": "other", "words": " .  "}, "Dites en quelques mots"),
    ],
)
def test_without_a_reason_nothing_opens(desk, stay, said, told) -> None:
    answer = open_it(desk, stay, **said)
    assert answer.status_code == 422 and told in answer.text
    assert not BrokenGlass.objects.exists()


@pytest.mark.parametrize("elsewhere", ["https://ailleurs.example/", "//ailleurs.example/", "worklists:home", "\\\\x"])
def test_nobody_is_led_away_from_the_product(desk, stay, elsewhere) -> None:
    answer = open_it(desk, stay, after=elsewhere)
    assert answer["Location"] == reverse("admissions:patient", args=[stay.patient.ipp])


def test_the_journal_says_the_refusal_the_reason_and_what_was_seen(desk, stay) -> None:
    desk.get(page(stay))
    open_it(desk, stay, reason="other", words="appel du service")
    desk.get(page(stay))
    told = JournalEntry.objects.filter(patient_id=stay.patient_id, user_id=desk.user.pk).order_by("pk")
    kinds = [one.kind for one in told if one.kind != JournalKind.CHANGE]
    assert kinds == [JournalKind.REFUSED, JournalKind.GLASS, JournalKind.READ]
    assert told.get(kind=JournalKind.GLASS).reason == "autre raison. appel du service"


def test_whoever_the_alerts_go_to_is_told_and_no_name_is(
    stay, person, settings, mailoutbox, django_capture_on_commit_callbacks
) -> None:
    settings.ADMINS = [("RSSI", "rssi@hopital.example")]
    user = person(Role.AGENT)
    with django_capture_on_commit_callbacks() as woken:
        broken = glass.break_glass(stay.patient, user, "reception", "")
    assert [one.args for one in woken] == [("admissions.tasks.tell_broken_glass", broken.pk)]
    tell_broken_glass(broken.pk)
    (told,) = mailoutbox
    assert "dossier protégé ouvert" in told.subject
    text = told.subject + told.body
    assert not [word for word in ("KERVADEC", stay.patient.ipp, stay.iep, user.last_name) if word in text]


_TWICE = """
from accounts.models import User
from admissions.models import Patient
from admissions.services import glass
if os.environ.get("WITHOUT_LOCK"):
    glass.hold_for_transaction = lambda *_, **__: True
    glass.opened = lambda *_: None
patient, user = Patient.objects.get(), User.objects.get()
glass.break_glass(patient, user, "reception", "")
"""


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("without", "openings"), [("1", 4), ("", 1)])
def test_four_clicks_at_once_are_one_opening(stay, person, without, openings) -> None:
    person(Role.AGENT)
    run_together(_TWICE, 4, WITHOUT_LOCK=without)
    assert BrokenGlass.objects.count() == openings


@pytest.mark.parametrize(
    "wrong",
    [
        {"until": timezone.now() - timedelta(days=1)},
        {"reason": GlassReason.OTHER, "words": ""},
        {"verdict": Verdict.JUSTIFIED},
    ],
)
def test_the_database_itself_refuses_an_opening_that_makes_no_sense(stay, wrong) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        scene.an_opening(stay, **wrong)


# ---- finding ----


def search(client: Client, text: str):
    return client.post(reverse("admissions:search"), {"q": text}, headers={"HX-Request": "true"})


@pytest.mark.parametrize("typed", ["kervadec", "KERVADEC rozenn", "17/05/1984", "kerv 17/05/1984", "ker"])
def test_whoever_types_a_name_to_see_who_is_here_learns_nothing(desk, stay, typed) -> None:
    answer = search(desk, typed)
    assert stay.patient.ipp not in answer.text.replace("\u00a0", "") and "Aucun dossier" in answer.text


@pytest.mark.parametrize("typed", ["kervadec 17/05/1984", "Rozenn Kervadec 17051984"])
def test_whoever_has_the_person_before_them_finds_the_dossier_and_not_the_name(desk, stay, typed) -> None:
    answer = search(desk, typed).text
    assert "Dossier protégé" in answer and "KERVADEC" not in answer and "1984" not in answer.split("<table")[1]


def test_a_number_leads_to_the_question(desk, stay) -> None:
    found = desk.post(reverse("admissions:search"), {"q": stay.patient.ipp})
    assert found["Location"] == reverse("admissions:patient", args=[stay.patient.ipp])
    assert desk.get(found["Location"])["Location"].startswith(door(stay))


def test_a_double_is_proposed_without_a_name(desk, stay) -> None:
    answer = desk.post(
        reverse("admissions:new"),
        {"birth_name": "Kervadec", "first_names": "Rozenn", "birth_date": "17/05/1984", "sex": "F"},
    )
    assert answer.status_code == 422
    assert "Dossier protégé" in answer.text and Patient.objects.count() == 1


def test_a_homonym_is_not_told_that_somebody_protected_has_the_same_name(desk, stay) -> None:
    other = StayFactory(patient=PatientFactory(birth_name="KERVADEC", first_names="Rozenn"))
    assert stay.patient.ipp not in desk.get(page(other)).text


# ---- programs ----


def test_a_program_without_the_scope_does_not_know_the_dossier(api, stay) -> None:
    client = api(*[scope for scope in Scope.values if scope != Scope.PROTECTED])
    for path in (f"/api/v1/patients/{stay.patient.ipp}", f"/api/v1/stays/{stay.iep}"):
        assert client.get(path).status_code == 404
    assert client.get("/api/v1/patients", {"ipp": stay.patient.ipp}).json()["count"] == 0
    assert client.get("/api/v1/stays").json()["count"] == 0


def test_a_token_asked_without_the_scope_does_not_know_it_either(establishment, stay) -> None:
    client, _ = ApiClient.issue("logiciel", establishment, list(Scope.values))
    narrow, wide = tokens.draw(), tokens.draw()
    tokens.keep(narrow, client, [Scope.STAYS_READ], "")
    tokens.keep(wide, client, [Scope.STAYS_READ, Scope.PROTECTED], "")
    path = f"/api/v1/stays/{stay.iep}"
    statuses = [Client(headers={"authorization": f"Bearer {one}"}).get(path).status_code for one in (narrow, wide)]
    assert statuses == [404, 200]


def test_a_program_with_the_scope_does(api, stay) -> None:
    client = api()
    assert client.get(f"/api/v1/patients/{stay.patient.ipp}").json()["birth_name"] == "KERVADEC"
    assert client.get("/api/v1/stays").json()["count"] == 1


# ---- protecting ----


def test_a_referent_protects_a_dossier_and_the_journal_says_so(signed_in) -> None:
    patient = StayFactory().patient
    client = signed_in(Role.REFERENT)
    answer = client.post(
        reverse("admissions:protect", args=[patient.ipp]), {"protection": "staff", "version": patient.version}
    )
    assert answer.status_code == 302
    patient.refresh_from_db()
    assert patient.protection == Protection.STAFF
    change = JournalEntry.objects.filter(patient_id=patient.pk, object_type="admissions_patient").latest("pk")
    assert change.detail == {"protection": ["", "staff"]}
    assert client.get(reverse("admissions:patient", args=[patient.ipp])).status_code == 302


def test_an_agent_protects_nothing_and_takes_no_protection_away(desk, stay) -> None:
    open_it(desk, stay)
    answer = desk.post(reverse("admissions:protect", args=[stay.patient.ipp]), {"protection": ""})
    assert answer.status_code == 403
    stay.patient.refresh_from_db()
    assert stay.patient.protection == "exposed"


def test_a_protection_decided_on_an_old_reading_is_refused(stay) -> None:
    with pytest.raises(Conflict):
        glass.protect(stay.patient_id, "", SYSTEM, version=stay.patient.version + 3)
    with pytest.raises(Refused):
        glass.protect(stay.patient_id, "vip", SYSTEM, version=stay.patient.version)


# ---- a birth kept secret ----


def test_no_payer_is_told_of_a_birth_kept_secret(person) -> None:
    call = scene.a_call(scene.a_stay(), status=CallStatus.PLANNED)
    patient = call.stay.patient
    glass.protect(patient.pk, Protection.SECRET, Actor(user=person(Role.REFERENT)), version=patient.version)
    for event in AdmissionEvent.objects.order_by("pk"):
        deliver(event.pk)
    call.refresh_from_db()
    assert (call.status, call.cause) == (CallStatus.CANCELLED, "kept_secret")
    before = TeleserviceCall.objects.count()
    record_event(call.stay, EventKind.RIGHTS_ASKED_AGAIN, SYSTEM)
    deliver(AdmissionEvent.objects.latest("pk").pk)
    assert TeleserviceCall.objects.count() == before and Coverage.objects.filter(patient=patient, active=True).exists()


# ---- reviewing ----


@pytest.fixture
def auditor(person) -> Client:
    client = Client()
    client.user = person(Role.AUDITOR)
    client.force_login(client.user)
    return client


def test_who_controls_accesses_reads_why_and_how_often_and_no_name(auditor, desk, stay) -> None:
    open_it(desk, stay, reason="other", words="appel du service")
    desk.get(page(stay))
    desk.get(reverse("admissions:patient", args=[stay.patient.ipp]))
    shown = auditor.get("/journal/ouvertures/")
    (row,) = shown.context["page"].object_list
    assert row.seen == 2 and "appel du service" in shown.text and stay.patient.ipp in shown.text
    assert "KERVADEC" not in shown.text and "à relire" in shown.text.lower()
    assert shown.text.count(desk.user.username) >= 1
    assert ">1<" in auditor.get("/journal/").text


def test_an_opinion_is_given_once_by_somebody_else(auditor, stay) -> None:
    broken = scene.an_opening(stay)
    address = reverse("worklists:review-opening", args=[broken.pk])
    assert auditor.post(address, {"verdict": "followed", "remark": "voir avec le cadre"}).status_code == 302
    assert auditor.post(address, {"verdict": "justified"}).status_code == 302
    broken.refresh_from_db()
    assert (broken.verdict, broken.reviewed_by) == ("justified", auditor.user)
    with pytest.raises(Conflict):
        glass.review(broken.pk, auditor.user, "followed", "trop tard")
    mine = scene.an_opening(stay, user=auditor.user)
    with pytest.raises(Refused, match="ses propres ouvertures"):
        glass.review(mine.pk, auditor.user, "justified", "")
    with pytest.raises(IntegrityError), transaction.atomic():
        BrokenGlass.objects.filter(pk=mine.pk).update(
            verdict="justified", reviewed_by=auditor.user, reviewed_at=timezone.now()
        )


def test_the_list_of_openings_costs_the_same_for_thirty_of_them(auditor, stay) -> None:
    def cost() -> int:
        with CaptureQueriesContext(connection) as asked:
            assert auditor.get("/journal/ouvertures/").status_code == 200
        return len(asked)

    scene.an_opening(stay)
    auditor.get("/journal/ouvertures/")
    one = cost()
    for _ in range(29):
        scene.an_opening(stay)
    assert cost() == one <= 10


def test_an_unread_opening_stays_until_somebody_reads_it(auditor, stay) -> None:
    with time_machine.travel(timezone.now() - timedelta(days=400)):
        scene.an_opening(stay)
    assert auditor.get("/journal/ouvertures/").context["page"].object_list
