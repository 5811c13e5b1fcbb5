"""The rules screen: what is in force on a day, who wrote it, and what a référent changes from a day on."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from accounts.enums import Role
from admissions.errors import Refused
from teleservices.enums import LimitName
from teleservices.models import CallLimit, RetryPolicy
from teleservices.retries import retry_policy
from teleservices.ruling import change_limit, change_retry, in_force, limit

pytestmark = pytest.mark.django_db
PAGE = "/regles/"


@pytest.fixture
def today():
    return timezone.localdate()


def shown(client, **query) -> str:
    return client.get(PAGE, query).content.decode().replace("\u00a0", " ").replace("\u202f", " ")


def test_each_code_says_what_the_system_does_of_it_and_what_rearms_it(signed_in) -> None:
    html = shown(signed_in(Role.REFERENT))
    assert html.count('class="code">RC') == 26
    assert "Prévenir le patient" in html and "une autre carte, une couverture corrigée" in html
    assert "IDB, SIM, CLC, DEL" in html


def test_a_value_changed_from_a_day_rules_from_that_day(today, referent) -> None:
    change_limit(referent, LimitName.SIMULATIONS, 7, today + timedelta(days=3))
    assert limit(LimitName.SIMULATIONS) == 20
    later = in_force(CallLimit, today + timedelta(days=3)).get(name=LimitName.SIMULATIONS)
    assert (later.value, later.changed_by) == (7, referent)
    before = in_force(CallLimit, today + timedelta(days=2)).get(name=LimitName.SIMULATIONS)
    assert (before.value, before.changed_by) == (20, None)


def test_changed_twice_the_same_day_the_last_one_rules(today, referent) -> None:
    change_limit(referent, LimitName.SIMULATIONS, 7, today)
    change_limit(referent, LimitName.SIMULATIONS, 9, today)
    assert limit(LimitName.SIMULATIONS) == 9
    assert CallLimit.objects.filter(name=LimitName.SIMULATIONS).count() == 2


def test_a_past_day_and_a_day_before_a_planned_version_are_refused(today, referent) -> None:
    with pytest.raises(Refused, match="date d’effet est passée"):
        change_limit(referent, LimitName.SIMULATIONS, 7, today - timedelta(days=1))
    change_limit(referent, LimitName.SIMULATIONS, 7, today + timedelta(days=5))
    with pytest.raises(Refused, match="Une version est déjà prévue"):
        change_limit(referent, LimitName.SIMULATIONS, 9, today + timedelta(days=2))


def test_new_delays_serve_the_next_tries(today, referent) -> None:
    change_retry(referent, "unavailable", today, first_delay_s=90, cap_s=900, show_after_s=7200)
    policy = retry_policy("unavailable")
    assert (policy.first_delay_s, policy.cap_s, policy.show_after_s, policy.factor) == (90, 900, 7200, 2)
    assert RetryPolicy.objects.filter(cause="unavailable").count() == 2


def test_the_screen_shows_the_rules_of_another_day(signed_in, today, referent) -> None:
    change_limit(referent, LimitName.SIMULATIONS, 777, today + timedelta(days=3))
    client = signed_in(Role.REFERENT)
    assert '<td class="n">777</td>' not in shown(client)
    html = shown(client, au=f"{today + timedelta(days=3):%d/%m/%Y}")
    assert '<td class="n">777</td>' in html and referent.short_name in html


def test_a_referent_changes_a_rule_on_the_screen(signed_in, today) -> None:
    client = signed_in(Role.REFERENT)
    said = {"limite-name": "simulation_merge_s", "limite-value": "30", "limite-since": f"{today:%d/%m/%Y}"}
    answer = client.post(reverse("worklists:change-rule-limit"), said, follow=True)
    assert "30, à partir du" in answer.content.decode()
    assert limit(LimitName.SIMULATION_MERGE) == 30


def test_what_cannot_be_is_refused_in_its_place(signed_in, today) -> None:
    client = signed_in(Role.REFERENT)
    said = {"essai-cause": "unavailable", "essai-first_delay_s": "60", "essai-cap_s": "30", "essai-show_after_s": "900"}
    answer = client.post(reverse("worklists:change-rule-retry"), said | {"essai-since": f"{today:%d/%m/%Y}"})
    assert answer.status_code == 422
    assert "plus court que le premier" in answer.content.decode()
    past = {"limite-name": "simulation_merge_s", "limite-value": "30", "limite-since": "01/01/2024"}
    answer = client.post(reverse("worklists:change-rule-limit"), past)
    assert answer.status_code == 422
    assert "La date d’effet est passée" in answer.content.decode()
    assert limit(LimitName.SIMULATION_MERGE) == 60


def test_who_keeps_the_machine_sees_the_rules_and_changes_none(signed_in) -> None:
    client = signed_in(Role.ADMINISTRATOR)
    assert "Changer cette règle" not in shown(client)
    assert client.post(reverse("worklists:change-rule-limit"), {}).status_code == 403


def test_the_screen_costs_a_known_number_of_queries(signed_in, django_assert_max_num_queries) -> None:
    client = signed_in(Role.REFERENT)
    with django_assert_max_num_queries(13):
        client.get(PAGE)
