"""The calls as a whole: every question that left has its fate; closed channels and maintenances are seen, and handled."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from accounts.enums import Role
from teleservices import engine
from teleservices.enums import CallStatus
from teleservices.models import ChannelRule, Circuit, MaintenanceWindow, TeleserviceCall
from teleservices.sentences import failure_words
from tests.crowd import an_amc, due_calls
from tests.worklists import scene
from worklists import supervision

pytestmark = pytest.mark.django_db
AMC = "0099000104"


def screen(client) -> str:
    return client.get(reverse("worklists:supervision")).content.decode().replace("\u00a0", " ")


def sent(status: CallStatus, **fields) -> TeleserviceCall:
    fields = {"first_sent_at": timezone.now(), "attempts_count": 1} | fields
    if status in (CallStatus.SUCCEEDED, CallStatus.REFUSED, CallStatus.CANCELLED):
        fields["finished_at"] = timezone.now()
    if status == CallStatus.CALLING:
        fields["claimed_until"] = timezone.now()
    return scene.a_call(status=status, **fields)


def test_what_left_today_was_accepted_refused_or_is_awaited(establishment) -> None:
    for status in CallStatus:
        sent(status)
    scene.a_call(status=CallStatus.PLANNED)  # it has not left
    today = supervision.days(establishment.pk)[0]
    assert today == supervision.Day(timezone.localdate(), sent=7, accepted=1, refused=2, awaited=4)
    assert today.sent == today.accepted + today.refused + today.awaited


def test_a_question_belongs_to_the_day_it_left_first(establishment) -> None:
    sent(CallStatus.SUCCEEDED, first_sent_at=timezone.now() - timedelta(days=2))
    sent(CallStatus.SUCCEEDED, first_sent_at=timezone.now() - timedelta(days=30))
    days = supervision.days(establishment.pk)
    assert [day.sent for day in days] == [0, 0, 1, 0, 0, 0, 0]
    assert [day.day for day in days] == [timezone.localdate() - timedelta(days=back) for back in range(7)]


def closed(**fields) -> Circuit:
    now = timezone.now()
    values = {"failures": 5, "openings": 1, "opened_at": now, "retry_at": now + timedelta(minutes=4)} | fields
    return Circuit.objects.create(channel=AMC, operation="IDB", last_cause="read_timeout", **values)


def test_a_closed_channel_is_one_line_with_what_waits_behind_it(signed_in) -> None:
    client = signed_in(Role.REFERENT)
    debtor = an_amc(AMC)
    closed()
    TeleserviceCall.objects.filter(pk__in=due_calls(debtor, 3)).update(
        cause="circuit_open", not_before=timezone.now() + timedelta(minutes=4)
    )
    html = screen(client)
    channels = html[html.index('id="channels"') : html.index("Temps de réponse")]
    assert channels.count(debtor.name) == 2  # the line, and its button for a screen reader
    assert '<td class="n">3</td>' in html
    assert "réponse trop longue à venir" in html


@pytest.mark.parametrize(
    ("cause", "words"),
    [
        ("connection_refused", "connexion refusée"),
        ("http_503", "statut HTTP\u00a0503"),
        ("RC24", "se dit indisponible (RC24)"),
        ("not_xml", "réponse illisible"),
    ],
)
def test_a_failure_is_said_in_words(cause: str, words: str) -> None:
    assert failure_words(cause) == words


def due(calls: list[int]) -> list[int]:
    found = TeleserviceCall.objects.filter(pk__in=calls, not_before__lte=timezone.now())
    return sorted(found.values_list("pk", flat=True))


def test_trying_at_once_sends_one_call_to_see(signed_in, simulator) -> None:
    client = signed_in(Role.ADMINISTRATOR)
    calls = due_calls(an_amc(AMC, simulator), 3)
    circuit = closed()
    waiting = TeleserviceCall.objects.filter(pk__in=calls)
    waiting.update(cause="circuit_open", not_before=timezone.now() + timedelta(minutes=4))
    client.post(reverse("worklists:try-channel", args=[circuit.pk]))
    [first] = due(calls)
    engine.run(first)
    circuit.refresh_from_db()
    assert circuit.opened_at is None
    assert due(calls) == calls
    answer = client.post(reverse("worklists:try-channel", args=[circuit.pk]), follow=True)
    assert "plus rien n’est suspendu" in answer.content.decode()


def test_a_maintenance_is_announced_holds_calls_back_and_is_ended(signed_in) -> None:
    client = signed_in(Role.REFERENT)
    call = due_calls(an_amc(AMC), 1)[0]
    now = timezone.localtime()
    typed = {
        "amc_number": "99000104",
        "starts_at": f"{now - timedelta(hours=1):%d/%m/%Y %H:%M}",
        "ends_at": f"{now + timedelta(hours=3):%d/%m/%Y %H:%M}",
        "reason": "Changement de version",
    }
    client.post(reverse("worklists:announce-maintenance"), typed)
    window = MaintenanceWindow.objects.get()
    assert (window.channel, window.operation, window.created_by.username) == (AMC, "", "referent-0")
    assert engine.claim(call) is None
    html = screen(client)
    assert "Changement de version" in html and "en cours" in html
    answer = client.post(reverse("worklists:end-maintenance", args=[window.pk]), follow=True)
    assert "Un appel repart." in answer.content.decode()
    assert engine.claim(call)


def test_a_maintenance_to_come_is_taken_away(signed_in) -> None:
    client = signed_in(Role.REFERENT)
    now = timezone.now()
    window = MaintenanceWindow.objects.create(starts_at=now + timedelta(days=1), ends_at=now + timedelta(days=2))
    client.post(reverse("worklists:end-maintenance", args=[window.pk]))
    assert not MaintenanceWindow.objects.exists()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"ends_at": "01/01/2020 10:00"}, "La fin précède le début."),
        ({"starts_at": "01/01/2020 08:00", "ends_at": "01/01/2020 10:00"}, "déjà finie"),
        ({"amc_number": "1234567890"}, "Aucun débiteur n’a ce n° AMC."),
        ({"starts_at": "demain"}, "gardée"),
        ({"starts_at": ""}, "nécessaire"),
        ({"operation": "XYZ"}, "gardée"),
    ],
)
def test_what_is_wrong_in_a_maintenance_is_said_and_nothing_is_noted(signed_in, wrong, said: str) -> None:
    client = signed_in(Role.REFERENT)
    tomorrow = timezone.localtime() + timedelta(days=1)
    typed = {"starts_at": f"{tomorrow:%d/%m/%Y %H:%M}", "ends_at": f"{tomorrow + timedelta(hours=1):%d/%m/%Y %H:%M}"}
    answer = client.post(reverse("worklists:announce-maintenance"), typed | wrong)
    assert answer.status_code == 422
    assert said in answer.content.decode()
    assert not MaintenanceWindow.objects.exists()


def limited(client, **changed):
    typed = {"amc_number": AMC, "in_flight": "3", "kept_for_interactive": "1", "failures_to_open": "4"} | changed
    return client.post(
        reverse("worklists:change-limit"), {f"limit-{name}": value for name, value in typed.items()}, follow=True
    )


def test_a_limit_is_changed_from_the_next_call_on(signed_in) -> None:
    client = signed_in(Role.REFERENT)
    calls = due_calls(an_amc(AMC), 3)
    assert "3 appels à la fois" in limited(client).content.decode()
    assert "2 appels à la fois" in limited(client, in_flight="2").content.decode()
    assert [bool(engine.claim(call)) for call in calls] == [True, True, False]
    rule = ChannelRule.objects.get(channel=AMC)
    assert (rule.in_flight, rule.failures_to_open, rule.updated_by.username) == (2, 4, "referent-0")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"kept_for_interactive": "3"}, "La nuit n’aurait plus aucune place."),
        ({"amc_number": "1234567890"}, "Aucun débiteur n’a ce n° AMC."),
        ({"in_flight": "0"}, "in_flight_error"),
        ({"failures_to_open": "beaucoup"}, "failures_to_open_error"),
    ],
)
def test_what_is_wrong_in_a_limit_is_said_and_nothing_changes(signed_in, wrong, said: str) -> None:
    client = signed_in(Role.REFERENT)
    an_amc(AMC)
    answer = limited(client, **wrong)
    assert answer.status_code == 422
    assert said in answer.content.decode()
    assert not ChannelRule.objects.filter(channel=AMC).exists()


def test_the_screen_costs_the_same_queries_for_one_line_and_for_many(signed_in, django_assert_max_num_queries) -> None:
    client = signed_in(Role.REFERENT)
    an_amc(AMC)
    now = timezone.now()
    for number in range(12):
        Circuit.objects.create(
            channel=f"00990001{number:02d}", operation="SIM", failures=5, openings=1, opened_at=now, retry_at=now
        )
        MaintenanceWindow.objects.create(channel=AMC, starts_at=now, ends_at=now + timedelta(hours=number + 1))
    with django_assert_max_num_queries(17):
        screen(client)


def test_another_establishment_s_calls_are_not_counted(signed_in, establishment) -> None:
    sent(CallStatus.SUCCEEDED)
    assert supervision.days(establishment.pk)[0].sent == 1
    assert supervision.days(establishment.pk + 1)[0].sent == 0
