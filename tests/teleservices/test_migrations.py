"""Calls of before the channels, planned or under way, are carried on after them."""

from __future__ import annotations

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from teleservices.enums import CallStatus
from teleservices.models import TeleserviceCall
from tests.worklists import scene

BEFORE = [("teleservices", "0002_lighter_indexes")]


def migrate(targets: list[tuple[str, str]]) -> None:
    executor = MigrationExecutor(connection)
    executor.migrate(targets)


@pytest.mark.long
@pytest.mark.django_db(transaction=True)
def test_calls_of_before_the_channels_find_theirs_and_their_place() -> None:
    latest = [node for node in MigrationExecutor(connection).loader.graph.leaf_nodes() if node[0] == "teleservices"]
    stay = scene.a_stay()
    coverage = scene.a_coverage(stay)
    number = coverage.debtor.amc_number
    planned = scene.a_call(stay, coverage, operation="ANNUAIRE", status=CallStatus.PLANNED)
    underway = [
        scene.a_call(
            stay, coverage, operation=operation, status=CallStatus.CALLING, slot=slot, claimed_until=timezone.now()
        )
        for slot, operation in enumerate(("IDB", "SIM"), start=5)
    ]
    try:
        migrate(BEFORE)
    finally:
        migrate(latest)
    assert TeleserviceCall.objects.get(pk=planned.pk).channel == "annuaire"
    found = TeleserviceCall.objects.filter(pk__in=[call.pk for call in underway]).order_by("pk")
    assert [(call.channel, call.slot) for call in found] == [(number, 1), (number, 2)]
