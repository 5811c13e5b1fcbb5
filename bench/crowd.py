"""Calls by the hundred thousand: written by the database itself, from one that the product's services have planned."""

from __future__ import annotations

from datetime import timedelta

from django.db import connection
from django.db.models import Model
from django.utils import timezone

from admissions.enums import StayKind
from admissions.events import SYSTEM
from admissions.models import AdmissionEvent, Stay
from admissions.services import stays
from bench import people
from bench.ground import Ground, gather_statistics
from debtors.models import Debtor
from teleservices.enums import Lane
from teleservices.models import TeleserviceCall
from tests.factories import DebtorFactory, DirectoryEntryFactory, UnitFactory

#: AMC of the simulator that answer for this convention, without a behaviour of their own.
PAYERS = tuple(f"00990001{number:02d}" for number in range(1, 21))

_COPY = """
with lives as (
    insert into {stays} ({stay_columns})
    select {stay_values} from {stays} t cross join generate_series(%(first)s::int, %(last)s::int) as n
    where t.id = %(stay)s
    returning id
), happened as (
    insert into {events} ({event_columns})
    select {event_values} from {events} t cross join lives where t.id = %(event)s
    returning id, stay_id
)
insert into {calls} ({call_columns})
select {call_values} from {calls} t cross join happened where t.id = %(call)s
"""
_PAST = """
insert into {calls} ({call_columns})
select {call_values} from {calls} t cross join generate_series(1, %(count)s) as n where t.id = %(call)s
"""


def payers(place: Ground) -> list[Debtor]:
    """Twenty AMC, their addresses known: what is measured begins at the IDB."""
    found = []
    for number in PAYERS:
        debtor = DebtorFactory(amc_number=number)
        urls = {f"{name}_url": place.simulator.services_url(number, name) for name in ("idb", "sim", "clc", "del")}
        DirectoryEntryFactory(amc_number=number, convention=people.CONVENTION, **urls)
        found.append(debtor)
    return found


class Crowd:
    """The calls of as many stays, shared out between the payers."""

    def __init__(self, debtors: list[Debtor]) -> None:
        self._models = [self._model(debtor) for debtor in debtors]
        self._count = 0

    def _model(self, debtor: Debtor) -> TeleserviceCall:
        """A consultation of tomorrow: its IDB is planned, and brings nothing after it."""
        unit = UnitFactory()
        plan = stays.StayPlan(StayKind.EXTERNAL, unit, timezone.now() + timedelta(days=1))
        stay = stays.preadmit(people.covered_patient(debtor), unit.establishment, plan, SYSTEM)
        people.deliver_all()
        call = TeleserviceCall.objects.get(pk=people.planned_idb(stay))
        TeleserviceCall.objects.filter(pk=call.pk).update(lane=Lane.BATCH, not_before=timezone.now())
        return call

    def plan(self, count: int) -> None:
        """That many more IDB of the night, each of a stay of its own, due now."""
        share = -(-count // len(self._models))
        with connection.cursor() as cursor:
            for call in self._models:
                cursor.execute(
                    _COPY.format(
                        **_parts(
                            "stay", Stay, iep="'97' || lpad(n::text, 7, '0')",
                            planned_start_at="t.planned_start_at + n * interval '1 ms'",
                        ),
                        **_parts("event", AdmissionEvent, stay_id="lives.id"),
                        **_parts(
                            "call", TeleserviceCall, stay_id="happened.stay_id", event_id="happened.id",
                            message_id="gen_random_uuid()", not_before="now() - interval '2 seconds'",
                        ),
                    ),
                    {
                        "first": self._count + 1, "last": self._count + share, "stay": call.stay_id,
                        "event": call.event_id, "call": call.pk,
                    },
                )  # fmt: skip
                self._count += share
        gather_statistics()

    def remember(self, count: int) -> None:
        """That many more calls that ended in the last three years: the ledger of a hospital."""
        share = -(-count // len(self._models))
        ended = "now() - n * interval '1 minute' - interval '1 day'"
        with connection.cursor() as cursor:
            for call in self._models:
                cursor.execute(
                    _PAST.format(
                        **_parts(
                            "call", TeleserviceCall, message_id="gen_random_uuid()", status="'succeeded'",
                            planned_at=ended, not_before=ended, first_sent_at=ended, finished_at=ended,
                            duration_ms="400", attempts_count="1", return_code="'RC00'",
                        )
                    ),
                    {"count": share, "call": call.pk},
                )  # fmt: skip
        gather_statistics()


def _parts(name: str, model: type[Model], **changed: str) -> dict[str, str]:
    """The table of a model, its columns but the key, and where each value comes from."""
    columns = [field.column for field in model._meta.concrete_fields if not field.primary_key]
    plural = {"stay": "stays", "event": "events", "call": "calls"}[name]
    return {
        plural: f'"{model._meta.db_table}"',
        f"{name}_columns": ", ".join(f'"{column}"' for column in columns),
        f"{name}_values": ", ".join(changed.get(column, f't."{column}"') for column in columns),
    }
