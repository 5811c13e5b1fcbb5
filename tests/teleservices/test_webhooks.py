"""What happens is told to the programs that asked, signed, at least once, and nothing of a person is in it."""

from __future__ import annotations

import datetime as dt
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest
import time_machine
from django.core import mail
from django.utils import timezone

from accounts.enums import JournalKind, Scope
from accounts.models import ApiClient, JournalEntry
from admissions import events
from admissions.enums import DischargeMode, EventKind, StayKind
from admissions.events import SYSTEM, record_event
from admissions.models import EventDelivery
from admissions.services import stays
from gap.pki import create_development_pki
from teleservices.models import Webhook, WebhookMessage
from teleservices.webhooks import kinds, managing, sending, telling
from tests import hospital
from tests.factories import PatientFactory, StayFactory, UnitFactory
from tests.gap.test_supervisor import free_port
from tests.processes import ROOT, database_url
from tests.teleservices.listening import HERE, tell
from tests.teleservices.listening import listening as listening
from tests.teleservices.listening import program as program
from tests.teleservices.listening import receiver as receiver
from tests.teleservices.listening import stay as stay


def due_now(message: WebhookMessage) -> None:
    Webhook.objects.update(next_try_at=None)
    WebhookMessage.objects.filter(pk=message.pk).update(not_before=timezone.now())


def verified() -> Callable[[str, dict[str, str], bytes], bool]:
    """The ten lines that integrators are given, as the documentation has them."""
    text = (ROOT / "docs" / "webhooks.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)
    return names["verified"]  # type: ignore[no-any-return]


@pytest.mark.django_db
class TestTold:
    def test_what_happens_to_a_stay_is_told_signed_and_says_nothing_of_the_person(
        self, receiver, program, stay
    ) -> None:
        _, secret = managing.create(program, receiver.url, ["stay.discharged"])
        event = record_event(stay, EventKind.STAY_DISCHARGED, SYSTEM, detail={"mode": str(DischargeMode.HOME)})
        events.deliver(event.pk)
        message = WebhookMessage.objects.get()
        sending.send(message.pk)
        (got,) = receiver.received()
        assert got["headers"]["webhook-id"] == str(message.message_id)
        body = json.loads(got["body"])
        link = f"https://gap.hopital.example/api/v1/stays/{stay.iep}"
        assert body["type"] == "stay.discharged" and body["data"] == {"stay": stay.iep, "link": link}
        for secret_thing in (stay.patient.birth_name, stay.patient.nir, stay.patient.ipp):
            assert secret_thing not in got["body"] + json.dumps(got["headers"])
        message.refresh_from_db()
        assert message.delivered_at and message.http_status == 204 and message.attempts == 1
        assert verified()(secret, got["headers"], got["body"].encode())

    def test_the_documented_verification_refuses_what_was_touched_or_is_old(self, receiver, program, stay) -> None:
        _, secret = managing.create(program, receiver.url, ["stay.admitted"])
        sending.send(tell(stay).pk)
        (got,) = receiver.received()
        check, headers, body = verified(), got["headers"], got["body"].encode()
        assert check(secret, headers, body)
        assert not check(secret, headers, body + b" ")
        assert not check(secret, headers | {"webhook-id": "autre"}, body)
        assert not check("whsec_" + "A" * 32, headers, body)
        with time_machine.travel(timezone.now() + dt.timedelta(minutes=6), tick=False):
            assert not check(secret, headers, body)

    def test_both_secrets_sign_during_the_passage_and_the_new_one_after(self, receiver, program, stay) -> None:
        webhook, old = managing.create(program, receiver.url, ["stay.admitted"])
        new, _ = managing.renew_secret(webhook)
        sending.send(tell(stay).pk)
        got = receiver.received()[-1]
        body = got["body"].encode()
        assert len(got["headers"]["webhook-signature"].split()) == 2
        assert verified()(old, got["headers"], body) and verified()(new, got["headers"], body)
        Webhook.objects.update(previous_until=timezone.now())
        sending.send(tell(stay).pk)
        got = receiver.received()[-1]
        assert verified()(new, got["headers"], got["body"].encode())
        assert not verified()(old, got["headers"], got["body"].encode())

    def test_secrets_are_not_in_clear_in_the_database_nor_in_the_journal(self, receiver, program) -> None:
        from django.db import connection

        webhook, secret = managing.create(program, receiver.url, ["stay.admitted"])
        managing.renew_secret(webhook)
        with connection.cursor() as cursor:
            cursor.execute("select secret, previous_secret from teleservices_webhook")
            assert all(secret.encode() not in bytes(value) for value in cursor.fetchone())
        told = JournalEntry.objects.filter(object_type="teleservices_webhook").values_list("detail", flat=True)
        assert [entry["secret"] for entry in told] == [["•", "•"]] * 2

    def test_only_of_the_establishment_and_of_the_scopes_that_it_has(
        self, receiver, program, stay, establishment
    ) -> None:
        from tests.factories import EstablishmentFactory

        elsewhere = EstablishmentFactory(finess_site="290000033", finess_legal="290000017", name="CH de Kermor")
        other, _ = ApiClient.issue("ailleurs", elsewhere, list(Scope.values))
        poor, _ = ApiClient.issue("pauvre", establishment, [Scope.WEBHOOKS])
        managing.create(program, receiver.url, ["stay.admitted"])
        for number, client in enumerate((other, poor)):
            Webhook.objects.create(client=client, url=f"{receiver.url}{number}", kinds=["stay.admitted"], secret="s")
        tell(stay)
        assert [one.webhook.client for one in WebhookMessage.objects.all()] == [program]

    def test_a_protected_dossier_is_told_to_whom_it_exists_for(self, receiver, program, stay, establishment) -> None:
        scopes = [scope for scope in Scope.values if scope != Scope.PROTECTED]
        without, _ = ApiClient.issue("sans la portée", establishment, scopes)
        for number, client in enumerate((program, without)):
            Webhook.objects.create(client=client, url=f"{receiver.url}{number}", kinds=["stay.admitted"], secret="s")
        ApiClient.objects.filter(pk=program.pk).update(scopes=list(Scope.values))
        stay.patient.protection = "exposed"
        stay.patient.save()
        tell(stay)
        assert [one.webhook.client for one in WebhookMessage.objects.all()] == [program]

    def test_a_scope_taken_back_stops_what_waits(self, receiver, program, stay) -> None:
        managing.create(program, receiver.url, ["stay.admitted"])
        message = tell(stay)
        ApiClient.objects.update(scopes=[Scope.WEBHOOKS])
        sending.send(message.pk)
        message.refresh_from_db()
        assert message.given_up_at and message.problem == "not_allowed" and receiver.received() == []

    def test_what_waits_when_a_dossier_becomes_protected_is_told_to_whom_it_exists_for(
        self, receiver, program, stay, establishment
    ) -> None:
        managing.create(program, receiver.url, ["stay.admitted"])
        ApiClient.objects.filter(pk=program.pk).update(scopes=[Scope.WEBHOOKS, Scope.STAYS_READ])
        message = tell(stay)
        stay.patient.protection = "exposed"
        stay.patient.save()
        sending.send(message.pk)
        message.refresh_from_db()
        assert message.problem == "not_allowed" and receiver.received() == []
        ApiClient.objects.filter(pk=program.pk).update(scopes=list(Scope.values))
        managing.replay(message)
        sending.send(message.pk)
        assert len(receiver.received()) == 1

    def test_an_event_that_nobody_asked_for_owes_nothing_to_anybody(self, receiver, program, establishment) -> None:
        def owed() -> list[str]:
            plan = stays.StayPlan(StayKind.DAY, UnitFactory(establishment=establishment), timezone.now())
            event = stays.preadmit(PatientFactory(), establishment, plan, SYSTEM).events.get()
            return sorted(EventDelivery.objects.filter(event=event).values_list("consumer", flat=True))

        assert owed() == ["billing", "teleservices"]
        made, _ = managing.create(program, receiver.url, ["stay.discharged"])
        assert owed() == ["billing", "teleservices"]
        Webhook.objects.filter(pk=made.pk).update(kinds=["stay.preadmitted"])
        assert owed() == ["billing", "teleservices", "webhooks"]
        managing.stop(made)
        assert owed() == ["billing", "teleservices"]

    def test_what_is_undone_is_not_told(self, receiver, program, establishment) -> None:
        from django.db import transaction

        managing.create(program, receiver.url, ["stay.preadmitted"])
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            tell(StayFactory(unit=UnitFactory(establishment=establishment)), "stay.preadmitted")
            raise ZeroDivisionError
        assert not WebhookMessage.objects.exists()

    def test_an_event_delivered_twice_is_one_message(self, receiver, program, establishment) -> None:
        managing.create(program, receiver.url, sorted(kinds.SCOPES))
        patient, where = PatientFactory(), UnitFactory(establishment=establishment)
        plan = stays.StayPlan(StayKind.DAY, where, timezone.now())
        (event,) = stays.preadmit(patient, establishment, plan, SYSTEM).events.all()
        for _ in range(2):
            events.deliver(event.pk)
        assert WebhookMessage.objects.get().kind == "stay.preadmitted"
        assert EventDelivery.objects.get(event=event, consumer="webhooks").done_at


@pytest.mark.django_db
def test_the_whole_chain_is_told_up_to_the_invoice(receiver, program, establishment, simulator) -> None:
    """Rights that change and invoices that leave are no business event of the stay: told by the floors that know."""
    managing.create(program, receiver.url, sorted(kinds.SCOPES))
    kept = hospital.fill(establishment)
    told = list(WebhookMessage.objects.filter(data__stay=kept.stay.iep).order_by("pk"))
    assert {"stay.preadmitted", "coverage.changed", "rights.changed", "stay.admitted", "stay.discharged"} <= {
        one.kind for one in told
    }
    (rights,) = [one.data["rights"] for one in told if one.kind == "rights.changed"]
    (invoice,) = [one.data for one in told if one.kind == "invoice.sent"]
    assert rights == "open" and invoice["link"].endswith(f"/invoices/{invoice['invoice']}")
    everything = json.dumps([sending.payload(one).decode() for one in WebhookMessage.objects.all()])
    for name, secret in kept.secrets.items():
        assert secret.decode("latin-1") not in everything, name
    assert kept.patient.birth_name not in everything and kept.patient.ipp not in everything


@pytest.mark.django_db
class TestWhenItFails:
    @pytest.fixture
    def message(self, receiver, program, stay) -> WebhookMessage:
        managing.create(program, receiver.url, ["stay.admitted"])
        return tell(stay)

    def test_it_is_tried_again_later_and_later_under_the_same_identifier(self, receiver, message) -> None:
        receiver.answers("500")
        waits = []
        for _ in range(4):
            due_now(message)
            sending.send(message.pk)
            message.refresh_from_db()
            waits.append((message.not_before - timezone.now()).total_seconds())
        assert waits == sorted(waits) and 4 < waits[0] < 6 and 599 < waits[3] < 661
        assert (message.attempts, message.http_status, message.delivered_at) == (4, 500, None)
        receiver.answers("200")
        due_now(message)
        sending.send(message.pk)
        message.refresh_from_db()
        assert message.delivered_at and Webhook.objects.get().failing_since is None
        got = receiver.received()
        assert {one["headers"]["webhook-id"] for one in got} == {str(message.message_id)}
        assert len({one["body"] for one in got}) == 1 and len(got) == 5

    def test_before_its_time_nothing_leaves(self, receiver, message) -> None:
        receiver.answers("500")
        sending.send(message.pk)
        sending.send(message.pk)
        assert len(receiver.received()) == 1 and sending.sweep() == 0

    def test_a_redirection_is_not_followed(self, receiver, message) -> None:
        receiver.answers(f"redirect {receiver.url}/ailleurs")
        sending.send(message.pk)
        message.refresh_from_db()
        assert message.http_status == 302 and not message.delivered_at and len(receiver.received()) == 1

    def test_a_private_address_is_not_called_whatever_was_registered(self, receiver, message, settings) -> None:
        settings.WEBHOOKS = settings.WEBHOOKS | {"internal_networks": []}
        sending.send(message.pk)
        message.refresh_from_db()
        assert message.problem == "address_refused" and receiver.received() == []

    def test_a_server_that_nobody_vouches_for_is_told_nothing(self, receiver, message, settings, tmp_path) -> None:
        create_development_pki(tmp_path)
        settings.WEBHOOKS = settings.WEBHOOKS | {"authorities": str(tmp_path / "ca.pem")}
        sending.send(message.pk)
        message.refresh_from_db()
        assert message.problem == "server_certificate_refused" and receiver.received() == []

    def test_an_address_that_does_not_answer_is_tried_by_one_message_at_a_time(self, receiver, message, stay) -> None:
        Webhook.objects.update(url=f"https://127.0.0.1:{free_port()}/")
        others = [tell(stay) for _ in range(5)]
        sending.send(message.pk)
        for other in others:
            sending.send(other.pk)
        assert sorted(WebhookMessage.objects.values_list("attempts", flat=True)) == [0, 0, 0, 0, 0, 1]
        assert sending.sweep() == 0
        Webhook.objects.update(next_try_at=timezone.now())
        assert sending.sweep() == 1

    def test_after_three_days_it_stops_and_is_told(
        self, receiver, message, stay, settings, django_capture_on_commit_callbacks
    ) -> None:
        settings.ADMINS = [("", "dsi@hopital.example")]
        settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
        receiver.answers("503")
        sending.send(message.pk)
        assert Webhook.objects.get().stopped_at is None
        Webhook.objects.update(failing_since=timezone.now() - dt.timedelta(days=3, minutes=1))
        due_now(message)
        with django_capture_on_commit_callbacks(execute=True):
            sending.send(message.pk)
        assert Webhook.objects.get().stopped_at is not None
        (told,) = mail.outbox
        assert "arrêté" in told.subject and receiver.url not in told.body
        assert JournalEntry.objects.filter(kind=JournalKind.ADMIN, action="abonnement arrêté").exists()
        due_now(message)
        assert sending.sweep() == 0 and telling.tell("stay.admitted", [telling.Fact(stay)]) == 0
        receiver.answers("204")
        managing.resume(Webhook.objects.get())
        assert sending.sweep() == 1
        sending.send(message.pk)
        message.refresh_from_db()
        assert message.delivered_at

    def test_an_address_that_is_gone_stops_at_once(self, receiver, message) -> None:
        receiver.answers("410")
        sending.send(message.pk)
        assert Webhook.objects.get().stopped_at

    def test_old_messages_go(self, message) -> None:
        assert sending.forget() == 0
        with time_machine.travel(timezone.now() + dt.timedelta(days=31), tick=False):
            assert sending.forget() == 1


SEND = """
import sys, django
django.setup()
from teleservices.webhooks import sending
sending.send(int(sys.argv[1]))
"""


@pytest.mark.django_db(transaction=True)
def test_a_worker_killed_while_it_sends_loses_nothing_and_the_identifier_is_the_same(
    receiver, program, stay, settings
) -> None:
    managing.create(program, receiver.url, ["stay.admitted"])
    message = tell(stay)
    receiver.answers("hang")
    environment = os.environ | {
        "DATABASE_URL": database_url(),
        "DJANGO_SETTINGS_MODULE": "gap.settings",
        "WEBHOOK_HOSTS": "127.0.0.1",
        "WEBHOOK_PORTS": str(receiver.port),
        "WEBHOOK_INTERNAL_NETWORKS": HERE,
        "WEBHOOK_AUTHORITIES": settings.WEBHOOKS["authorities"],
    }
    worker = subprocess.Popen([sys.executable, "-c", SEND, str(message.pk)], cwd=ROOT, env=environment)
    until = time.monotonic() + 30
    while not receiver.received() and time.monotonic() < until:
        time.sleep(0.05)
    worker.kill()
    worker.wait()
    receiver.answers("204")
    message.refresh_from_db()
    assert message.attempts == 1 and message.delivered_at is None and message.not_before > timezone.now()
    assert sending.sweep() == 0
    sending.send(message.pk)
    assert len(receiver.received()) == 1, "held by the one that was killed, as far as anybody knows"
    with time_machine.travel(message.not_before + dt.timedelta(seconds=1), tick=False):
        assert sending.sweep() == 1
        sending.send(message.pk)
    first, second = receiver.received()
    assert first["headers"]["webhook-id"] == second["headers"]["webhook-id"] == str(message.message_id)
    assert first["body"] == second["body"]
    message.refresh_from_db()
    assert message.delivered_at and message.attempts == 2


def test_every_kind_that_may_be_told_takes_a_scope() -> None:
    assert set(kinds.OF_EVENTS.values()) <= set(kinds.SCOPES)
    assert set(kinds.OF_EVENTS) <= set(EventKind.values)
