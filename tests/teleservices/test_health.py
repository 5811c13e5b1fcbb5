"""How the payers answer, and the same figures for a scraper."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from accounts.enums import Role
from teleservices import health
from teleservices.enums import AttemptOutcome, CallStatus, Disposition, Family
from teleservices.models import TeleserviceAttempt
from tests.factories import EstablishmentFactory
from tests.worklists import scene

pytestmark = pytest.mark.django_db
TOKEN = "a-token-of-this-test"


def tried(coverage, outcome: str = AttemptOutcome.ANSWERED, ms: int = 400, *, operation: str = "IDB", hours: float = 1):
    call = scene.a_call(
        scene.a_stay(), coverage, operation=operation, status=CallStatus.SUCCEEDED, first_sent_at=scene.ago(hours=hours),
        finished_at=timezone.now(),
    )  # fmt: skip
    TeleserviceAttempt.objects.create(
        call=call, number=1, started_at=scene.ago(hours=hours), duration_ms=ms, outcome=outcome
    )
    return call


@pytest.fixture
def coverage(establishment):
    return scene.a_coverage(scene.a_stay())


def only(establishment) -> health.Measures:
    [line] = health.measures(establishment.pk)
    return line


def test_the_median_and_the_p95_are_those_of_the_answers(coverage, establishment) -> None:
    for ms in [100] * 18 + [3_000, 5_000]:
        tried(coverage, ms=ms)
    tried(coverage, AttemptOutcome.LOST, ms=30_000)
    line = only(establishment)
    assert (line.tries, line.answers, line.median_ms) == (21, 20, 100)
    assert line.p95_ms == pytest.approx(3_100)
    assert line.availability == pytest.approx(100 * 20 / 21)
    assert line.held


def test_an_answer_that_says_not_now_is_no_service(coverage, establishment) -> None:
    tried(coverage, ms=100)
    tried(coverage, AttemptOutcome.UNAVAILABLE, ms=5)
    line = only(establishment)
    assert (line.tries, line.answers, line.median_ms, line.availability) == (2, 1, 100, 50)


def test_a_payer_that_is_slow_once_in_ten_does_not_hold_the_level(coverage, establishment) -> None:
    for ms in [100] * 18 + [4_500] * 2:
        tried(coverage, ms=ms)
    assert not only(establishment).held


def test_what_a_setting_of_ours_stopped_says_nothing_of_the_payer(coverage, establishment) -> None:
    tried(coverage)
    tried(coverage, AttemptOutcome.CONFIGURATION)
    tried(coverage, AttemptOutcome.STARTED)
    assert only(establishment).tries == 1


def test_what_is_older_than_a_day_is_forgotten(coverage, establishment) -> None:
    tried(coverage, hours=25)
    assert health.measures(establishment.pk) == []


def test_what_waits_and_what_is_suspended_is_there_without_a_try(coverage, establishment) -> None:
    scene.a_call(scene.a_stay(), coverage)
    circuit = scene.a_closed_circuit()
    found = {line.channel: line for line in health.measures(establishment.pk)}
    waiting = found[coverage.debtor.amc_number]
    assert (waiting.waiting, waiting.availability, waiting.suspended) == (1, None, False)
    assert found[circuit.channel].suspended


def test_another_hospital_has_its_own_figures(coverage, establishment) -> None:
    tried(coverage)
    other = EstablishmentFactory(finess_legal="990000018", finess_site="990000026")
    assert health.measures(other.pk) == []
    assert len(health.measures()) == 1


def test_refusals_are_counted_by_family(establishment) -> None:
    for _ in range(2):
        scene.a_refusal(Disposition.INFORM_PATIENT, Family.NO_THIRD_PARTY_PAYMENT, first_sent_at=timezone.now())
    scene.a_refusal(Disposition.ESCALATE, Family.ANOMALY, "RC03", first_sent_at=timezone.now() - timedelta(days=2))
    assert health.refusals(establishment.pk) == {"no_third_party_payment": 2}


def test_a_share_outside_of_zero_and_one_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        health.Percentile("duration_ms", 95)


def test_the_screen_says_who_holds_the_level(coverage, signed_in) -> None:
    tried(coverage, ms=4_500)
    html = signed_in(Role.REFERENT).get("/supervision/").content.decode()
    html = html.replace("\u202f", "").replace("\u00a0", "")
    assert "Dépassé" in html and "4500 ms" in html and "100,0 %" in html


# ---- for a scraper ----


def scraped(token: str = TOKEN) -> dict[tuple[str, ...], float]:
    answer = Client(headers={"authorization": f"Bearer {token}"}).get("/metrics/")
    assert answer.status_code == 200, answer.status_code
    return {
        (sample.name, *(sample.labels[name] for name in sorted(sample.labels))): sample.value
        for family in text_string_to_metric_families(answer.content.decode())
        for sample in family.samples
    }


def test_a_scraper_reads_the_figures_of_the_screen(coverage, settings) -> None:
    settings.METRICS_TOKEN = TOKEN
    tried(coverage, ms=250)
    scene.a_refusal(Disposition.INFORM_PATIENT, Family.NO_THIRD_PARTY_PAYMENT, first_sent_at=timezone.now())
    found = scraped()
    channel = coverage.debtor.amc_number
    assert found["roc_answer_seconds", channel, "IDB", "0.95"] == 0.25
    assert found["roc_answers", channel, "IDB"] == found["roc_tries", channel, "IDB"] == 1
    assert found["roc_refusals", "no_third_party_payment"] == 1


def test_nobody_is_named_in_the_metrics(coverage, settings) -> None:
    settings.METRICS_TOKEN = TOKEN
    call = tried(coverage)
    text = Client(headers={"authorization": f"Bearer {TOKEN}"}).get("/metrics/").content.decode()
    assert call.stay.iep not in text and call.stay.patient.birth_name not in text


@pytest.mark.parametrize("sent", ["", "Bearer ", "Bearer wrong", TOKEN + "x"])
def test_without_the_token_there_is_no_such_address(sent, settings) -> None:
    settings.METRICS_TOKEN = TOKEN
    assert Client(headers={"authorization": sent}).get("/metrics/").status_code == 404


def test_without_a_token_in_the_settings_there_is_no_such_address_at_all(settings) -> None:
    settings.METRICS_TOKEN = ""
    assert Client(headers={"authorization": "Bearer "}).get("/metrics/").status_code == 404
