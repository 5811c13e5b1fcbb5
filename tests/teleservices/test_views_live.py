"""The live parts of the calls: they move by themselves, stop when all is still, and never move the page for nothing."""

from __future__ import annotations

import datetime as dt
import re
from threading import Thread

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.enums import Role
from admissions import events
from admissions.enums import DischargeMode, EventKind, RequestCode, StayKind
from admissions.events import SYSTEM
from admissions.models import AdmissionEvent, EventDelivery, Stay
from admissions.services import stays
from billing.services import record_payment
from teleservices.enums import CallStatus, Disposition
from teleservices.messages import Operation
from teleservices.models import TeleserviceCall
from tests.chain import hasten, settle
from tests.factories import AmoCoverageFactory, CoverageFactory, DebtorFactory, PatientFactory, StayFactory, UnitFactory

pytestmark = pytest.mark.django_db
HTMX = {"HTTP_HX_REQUEST": "true"}
PARTS = ["stay-calls", "stay-timeline"]


@pytest.fixture
def desk(signed_in):
    return signed_in(Role.AGENT)


@pytest.fixture
def stay(establishment) -> Stay:
    patient = PatientFactory()
    AmoCoverageFactory(patient=patient)
    CoverageFactory(
        patient=patient, convention="RO", debtor=DebtorFactory(amc_number="0099000104", name="Solivie Mutuelle")
    )
    return StayFactory(patient=patient, unit=UnitFactory())


def planned(stay: Stay, status: str = CallStatus.PLANNED, **fields) -> TeleserviceCall:
    event = AdmissionEvent.objects.create(stay=stay, kind=EventKind.STAY_PREADMITTED, occurred_at=timezone.now())
    coverage = stay.patient.coverages.get(kind="AMC")
    rank = TeleserviceCall.objects.count() + 1
    values = {
        "operation": Operation.IDB,
        "not_before": timezone.now(),
        "debtor": coverage.debtor,
        "slot": rank,
    } | fields
    values["channel"] = coverage.debtor.amc_number
    return TeleserviceCall.objects.create(stay=stay, coverage=coverage, event=event, status=status, **values)


def part(client, name: str, stay: Stay, **query):
    return client.get(reverse(f"teleservices:{name}", args=[stay.iep]), query, **HTMX)


def next_beat(answer) -> tuple[str, str]:
    """(address of the next request, its trigger) as the part says them."""
    found = re.search(r'hx-get="([^"]+)" hx-trigger="([^"]+)"', answer.text)
    assert found
    return found.group(1).replace("&amp;", "&"), found.group(2)


@pytest.mark.parametrize("name", PARTS)
def test_a_part_asks_again_each_second_while_a_call_moves(desk, stay, name) -> None:
    planned(stay)
    assert next_beat(part(desk, name, stay))[1].startswith("every 1s")


@pytest.mark.parametrize("name", PARTS)
def test_a_part_slows_down_after_thirty_seconds(desk, stay, name) -> None:
    call = planned(stay, CallStatus.CALLING, claimed_until=timezone.now(), first_sent_at=timezone.now())
    TeleserviceCall.objects.filter(pk=call.pk).update(planned_at=timezone.now() - dt.timedelta(seconds=31))
    assert next_beat(part(desk, name, stay))[1].startswith("every 2s")


@pytest.mark.parametrize("name", PARTS)
def test_a_part_is_lazy_until_the_next_try(desk, stay, name) -> None:
    planned(stay, attempts_count=1, cause="not_sent", not_before=timezone.now() + dt.timedelta(minutes=20))
    assert next_beat(part(desk, name, stay))[1].startswith("every 30s")


@pytest.mark.parametrize("name", PARTS)
@pytest.mark.parametrize(
    ("status", "fields"),
    [
        (CallStatus.SUCCEEDED, {"finished_at": timezone.now(), "duration_ms": 400}),
        (CallStatus.REFUSED, {"finished_at": timezone.now(), "return_code": "RC15", "disposition": "inform_patient"}),
        (CallStatus.NEEDS_REFERENT, {"cause": "idb_url_missing"}),
        (CallStatus.CANCELLED, {"finished_at": timezone.now(), "cause": "stay_cancelled"}),
    ],
)
def test_a_part_is_still_when_nothing_moves_any_more(desk, stay, name, status, fields) -> None:
    planned(stay, status, **fields)
    assert next_beat(part(desk, name, stay))[1] == "gap:acted from:body"


@pytest.mark.parametrize("name", PARTS)
def test_an_event_that_has_not_been_delivered_yet_keeps_the_part_awake(desk, stay, name) -> None:
    stays.record_event(stay, EventKind.STAY_PREADMITTED, SYSTEM)
    assert EventDelivery.objects.filter(done_at__isnull=True).exists()
    assert next_beat(part(desk, name, stay))[1].startswith("every 1s")


@pytest.mark.parametrize("name", PARTS)
def test_nothing_is_drawn_again_while_nothing_changes(desk, stay, name) -> None:
    planned(stay, CallStatus.SUCCEEDED, finished_at=timezone.now(), duration_ms=400)
    first = part(desk, name, stay)
    address, _ = next_beat(first)
    assert desk.get(address, **HTMX).status_code == 204
    TeleserviceCall.objects.update(
        status=CallStatus.REFUSED, return_code="RC15", disposition=Disposition.INFORM_PATIENT
    )
    again = desk.get(address, **HTMX)
    assert again.status_code == 200
    assert again["HX-Trigger"] == "gap:moved"


@pytest.mark.parametrize("name", PARTS)
def test_a_part_that_comes_by_itself_is_the_part_of_a_page_reloaded(desk, stay, name) -> None:
    call = planned(stay)
    address, _ = next_beat(part(desk, name, stay))
    TeleserviceCall.objects.filter(pk=call.pk).update(
        status=CallStatus.SUCCEEDED, finished_at=timezone.now() - dt.timedelta(minutes=1), duration_ms=400
    )
    come, reloaded = desk.get(address, **HTMX).text, part(desk, name, stay).text
    beat = re.compile(r"depuis=\d+")
    assert beat.sub("", come) == beat.sub("", reloaded)


@pytest.mark.parametrize("name", PARTS)
def test_only_what_ended_since_the_page_opened_is_announced(desk, stay, name) -> None:
    planned(stay, CallStatus.SUCCEEDED, finished_at=timezone.now() - dt.timedelta(minutes=5), duration_ms=400)
    first = part(desk, name, stay)
    assert "data-announce" not in first.text
    address, _ = next_beat(first)
    planned(stay, CallStatus.SUCCEEDED, operation=Operation.SIM, finished_at=timezone.now(), duration_ms=600)
    planned(stay, CallStatus.CALLING, operation=Operation.CLC, claimed_until=timezone.now())
    said = re.findall(r'data-announce="([^"]+)"', desk.get(address, **HTMX).text)
    assert [text.replace("\u00a0", " ") for text in said] == ["SIM : Simulation reçue"]


@pytest.mark.parametrize("name", PARTS)
def test_a_payer_that_is_down_is_told_once_in_the_same_words_at_each_try(desk, stay, name) -> None:
    address, _ = next_beat(part(desk, name, stay))
    call = planned(stay)
    said = []
    for tries, change in enumerate(
        (
            {"status": CallStatus.PLANNED, "cause": "unavailable", "return_code": "RC24"},
            {"status": CallStatus.UNKNOWN, "cause": "lost", "in_doubt": True},
            {"status": CallStatus.PLANNED, "cause": "circuit_open", "in_doubt": False},
        ),
        start=1,
    ):
        later = timezone.now() + dt.timedelta(minutes=tries)
        TeleserviceCall.objects.filter(pk=call.pk).update(
            attempts_count=tries, first_sent_at=timezone.now(), not_before=later, **change
        )
        said += re.findall(r'data-announce="([^"]+)"', desk.get(address, **HTMX).text)
    # The page says the same words of the same line once.
    assert {text.replace("\u00a0", " ") for text in said} == {
        "IDB : pas de réponse pour l’instant, le système relance seul."
    }
    assert "data-announce" not in part(desk, name, stay).text


def test_the_member_number_is_asked_in_its_place(desk, signed_in, stay) -> None:
    refused = planned(
        stay,
        CallStatus.REFUSED,
        finished_at=timezone.now(),
        return_code="RC22",
        disposition=Disposition.ASK_MEMBER_NUMBER,
    )
    text = part(desk, "stay-timeline", stay).text
    assert reverse("admissions:member-number", args=[stay.iep, refused.coverage_id]) in text
    assert "Ce qui s’est passé" in text and "Ce que fait le système" in text and "Ce que vous pouvez faire" in text
    assert "member_number" not in part(signed_in(Role.CASHIER), "stay-timeline", stay).text


def test_a_patient_told_closes_the_refusal_once(desk, stay) -> None:
    call = planned(
        stay, CallStatus.REFUSED, finished_at=timezone.now(), return_code="RC15", disposition=Disposition.INFORM_PATIENT
    )
    address = reverse("teleservices:patient-informed", args=[stay.iep, call.pk])
    for _ in range(2):
        assert desk.post(address)["HX-Trigger"] == "gap:acted"
    assert AdmissionEvent.objects.filter(kind=EventKind.PATIENT_INFORMED).count() == 1
    text = part(desk, "stay-timeline", stay).text
    assert "Refus traité" in text and "Patient prévenu" in text and "N. Ferrand" in text
    assert 'hx-post="' + address not in text


def test_a_call_that_asks_nothing_of_the_patient_cannot_be_closed_so(desk, stay) -> None:
    call = planned(stay)
    answer = desk.post(reverse("teleservices:patient-informed", args=[stay.iep, call.pk]))
    assert answer.status_code == 422


def test_a_refusal_that_asks_something_else_is_not_closed_by_telling_the_patient(desk, stay) -> None:
    call = planned(
        stay, CallStatus.REFUSED, finished_at=timezone.now(), return_code="RC03", disposition=Disposition.ESCALATE
    )
    answer = desk.post(reverse("teleservices:patient-informed", args=[stay.iep, call.pk]))
    assert answer.status_code == 422 and "rechargez la page" in answer.text
    call.refresh_from_db()
    assert call.handled_at is None and not AdmissionEvent.objects.filter(kind=EventKind.PATIENT_INFORMED).exists()


def test_a_refusal_asked_again_meanwhile_only_draws_the_page_anew(desk, stay) -> None:
    now = timezone.now()
    call = planned(stay, CallStatus.REFUSED, finished_at=now, superseded_at=now, disposition=Disposition.INFORM_PATIENT)
    assert desk.post(reverse("teleservices:patient-informed", args=[stay.iep, call.pk])).status_code == 204
    call.refresh_from_db()
    assert call.handled_at is None


def test_the_call_of_another_stay_is_not_found(desk, stay) -> None:
    other = StayFactory(patient=stay.patient, planned_start_at=timezone.now() + dt.timedelta(days=9))
    call = planned(stay)
    assert desk.post(reverse("teleservices:patient-informed", args=[other.iep, call.pk])).status_code == 404


def test_the_timeline_filters_by_its_address(desk, stay) -> None:
    planned(stay, CallStatus.SUCCEEDED, finished_at=timezone.now(), duration_ms=400)
    everything = part(desk, "stay-timeline", stay).text
    assert "Pré-admission" in everything and "IDB" in everything
    assert "Pré-admission" not in part(desk, "stay-timeline", stay, voir="appels").text
    assert "Rien à faire sur ce séjour." in part(desk, "stay-timeline", stay, voir="a-vous").text
    # The filter follows the part when it comes again.
    assert "voir=appels" in next_beat(part(desk, "stay-timeline", stay, voir="appels"))[0]


def test_what_moves_stands_at_the_top_and_what_will_come_above(desk, stay) -> None:
    stays.admit(stay.pk, stay.planned_start_at, SYSTEM)
    planned(stay, CallStatus.SUCCEEDED, finished_at=timezone.now(), duration_ms=400, operation=Operation.DIRECTORY)
    planned(stay, CallStatus.PLANNED, operation=Operation.IDB)
    text = part(desk, "stay-timeline", stay).text
    places = [text.index(f"<b>{name}</b>") for name in ("CLC", "IDB", "Annuaire")]
    assert places == sorted(places)
    assert "Prévu à la sortie" in text


def test_as_many_queries_for_one_call_as_for_thirty(desk, stay) -> None:
    counts = []
    desk.get(f"/sejours/{stay.iep}/")
    for number in (1, 30):
        while TeleserviceCall.objects.count() < number:
            planned(stay, CallStatus.SUCCEEDED, finished_at=timezone.now(), duration_ms=400)
        with CaptureQueriesContext(connection) as queries:
            part(desk, "stay-timeline", stay)
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_reading_a_part_writes_nothing(desk, stay) -> None:
    planned(stay)
    # The journal says that the dossier was opened; its parts, renewed every few seconds, say no more.
    desk.get(f"/sejours/{stay.iep}/")
    for name in PARTS:
        with CaptureQueriesContext(connection) as queries:
            part(desk, name, stay)
        written = [q["sql"] for q in queries if q["sql"].lstrip().upper().startswith(("INSERT", "UPDATE", "DELETE"))]
        assert written == []


def test_a_whole_stay_is_told_on_one_timeline(desk, simulator, stay, person) -> None:
    start = timezone.now().replace(microsecond=0) - dt.timedelta(days=3)
    Stay.objects.filter(pk=stay.pk).update(planned_start_at=start)
    stays.record_event(stay, EventKind.STAY_PREADMITTED, SYSTEM)
    settle()
    stays.admit(stay.pk, start, SYSTEM)
    settle()
    stays.add_request(stay.pk, RequestCode.SINGLE_ROOM, timezone.localdate() - dt.timedelta(days=2), SYSTEM)
    settle()
    hasten()
    stays.discharge(stay.pk, timezone.now(), DischargeMode.HOME, SYSTEM)
    settle()
    invoice = stay.invoices.get(payer="PATIENT")
    record_payment(invoice.pk, invoice.amount, "card", "CB 1", timezone.localdate(), SYSTEM)
    text = part(desk, "stay-timeline", stay).text
    for said in (
        "Admission", "Chambre particulière demandée", "Sortie, retour à domicile", "Reste au patient", "devient",
        "engagés sous le n°", "DRE-ES", "Paiement", f"Facture {invoice.number}", "IDB", "Annuaire",
    ):  # fmt: skip
        assert said in text, said


def test_the_money_follows_the_calls(desk, simulator, stay) -> None:
    start = timezone.now().replace(microsecond=0) - dt.timedelta(days=3)
    Stay.objects.filter(pk=stay.pk).update(planned_start_at=start, planned_end_at=timezone.now())
    stays.record_event(stay, EventKind.STAY_PREADMITTED, SYSTEM)

    def money(name: str) -> str:
        return desk.get(reverse(f"billing:{name}", args=[stay.iep])).text

    assert "Provisoire" in money("stay-estimate") and "au plus" in money("stay-estimate")
    settle()
    assert "part seule à l’admission" in money("stay-estimate")
    stays.admit(stay.pk, start, SYSTEM)
    settle()
    confirmed = money("stay-estimate")
    assert "Confirmé par SIM" in confirmed and "3 × 1" in confirmed and "au plus" not in confirmed
    assert "Les factures se font seules après la sortie." in money("stay-invoices")
    stays.discharge(stay.pk, timezone.now(), DischargeMode.HOME, SYSTEM)
    assert "Les droits" in money("stay-invoices") or "CLC" in money("stay-invoices")
    settle()
    billed = money("stay-invoices")
    for invoice in stay.invoices.all():
        assert invoice.number in billed
    assert "Engagement " in billed and "Prête à partir" in billed


def test_without_a_complementary_the_patient_owes_what_our_rules_say(desk, stay) -> None:
    stay.patient.coverages.filter(kind="AMC").delete()
    text = desk.get(reverse("billing:stay-estimate", args=[stay.iep])).text
    assert "Sans complémentaire" in text and "au plus" not in text


def test_a_price_that_no_rule_decides_says_why_and_shows_no_amount(desk, stay) -> None:
    unit = UnitFactory(code="7100", name="Sans tarif", tariff_code="")
    Stay.objects.filter(pk=stay.pk).update(unit=unit)
    text = desk.get(reverse("billing:stay-estimate", args=[stay.iep])).text
    assert "n’a pas de tarif journalier" in text and "€" not in text


def test_an_act_of_external_care_is_entered_once(desk, stay) -> None:
    Stay.objects.filter(pk=stay.pk).update(kind=StayKind.EXTERNAL, planned_start_at=timezone.now())
    stays.admit(stay.pk, timezone.now(), SYSTEM)
    address = reverse("billing:stay-activity", args=[stay.iep])
    key = re.search(r'name="creation_key" value="([^"]+)"', desk.get(address).text).group(1)
    sent = {"code": "CS", "performed_on": f"{timezone.localdate():%d/%m/%Y}", "quantity": "1", "creation_key": key}
    for _ in range(2):
        assert desk.post(address, sent)["Location"] == address
    assert stay.activities.count() == 1
    assert "Consultation de spécialiste" in desk.get(address).text
    refused = desk.post(address, sent | {"performed_on": "01/01/2020", "creation_key": ""})
    assert refused.status_code == 422 and "hors du séjour" in refused.text


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("name", PARTS)
def test_calls_planned_while_a_part_is_read_are_not_missed(desk, stay, name) -> None:
    event = stays.record_event(stay, EventKind.COVERAGE_CHANGED, SYSTEM)

    def plan() -> None:
        events.deliver(event.pk)
        connection.close()

    planned_meanwhile = False

    def a_worker_passes(execute, sql, params, many, context):
        """Between the first of the two reads, whichever it is, and the second."""
        nonlocal planned_meanwhile
        result = execute(sql, params, many, context)
        if not planned_meanwhile and ('FROM "teleservices_teleservicecall"' in sql or "eventdelivery" in sql):
            planned_meanwhile = True
            worker = Thread(target=plan)
            worker.start()
            worker.join()
        return result

    with connection.execute_wrapper(a_worker_passes):
        answer = part(desk, name, stay)
    assert planned_meanwhile and TeleserviceCall.objects.filter(stay=stay).exists()
    assert "every" in next_beat(answer)[1] or "Annuaire" in answer.text


@pytest.mark.parametrize(("seconds", "told"), [(1, True), (60, False)])
def test_a_first_reading_tells_the_other_parts_of_an_answer_that_has_just_come(desk, stay, seconds, told) -> None:
    """They are read side by side: the invoices may have been read before the engagement, and the calls after it."""
    ended = timezone.now() - dt.timedelta(seconds=seconds)
    planned(stay, CallStatus.SUCCEEDED, operation=Operation.CLC, finished_at=ended, duration_ms=400)
    for name in PARTS:
        assert (part(desk, name, stay).get("HX-Trigger") == "gap:moved") is told
