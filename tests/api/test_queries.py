"""A list costs the same number of queries for one row and for six; so does what hangs below one object."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from admissions.enums import EventKind
from admissions.events import SYSTEM, record_event
from billing.models import TariffItem
from tests.api.conftest import Program
from tests.factories import UnitFactory

pytestmark = pytest.mark.django_db

#: Queries of each list: the client, the count, the rows, and what is prefetched.
LISTS = {
    # Who was shown is written in the journal.
    "/patients": 4,
    "/patients?q=morvan": 4,
    "/stays": 3,
    "/stays?status=discharged&planned_from=2020-01-01": 3,
    "/units": 3,
    "/calls": 3,
    "/agreements": 3,
    "/invoices": 3,
    "/exchange-files": 3,
    "/debtors": 3,
    "/associations": 3,
}


def cost(program: Program, path: str) -> int:
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert program.client.get("/api/v1" + path).status_code == 200
    return len(queries)


@pytest.mark.parametrize("path", LISTS)
def test_a_list_costs_the_same_for_one_row_and_for_six(program, make_world, establishment, path: str) -> None:
    make_world()
    program.get("/patients")  # the client's last use is noted once in five minutes
    one = cost(program, path)
    for number in range(5):
        make_world()
        UnitFactory(establishment=establishment, code=f"9{number}")
    six = cost(program, path)
    assert (one, six) == (LISTS[path], LISTS[path])


@pytest.mark.parametrize(
    "path",
    [
        "/stays/{world.stay.iep}",
        "/stays/{world.stay.iep}/events",
        "/stays/{world.stay.iep}/activities",
        "/calls/{world.call.message_id}",
        "/agreements/{world.agreement.pk}",
        "/invoices/{world.invoice.number}",
        "/exchange-files/{world.file.pk}",
        "/exchange-files/{world.file.pk}/records",
        "/patients/{world.patient.ipp}",
    ],
)
def test_one_object_costs_the_same_with_one_child_and_with_six(program, make_world, path: str) -> None:
    small, large = make_world(children=1), make_world(children=6)
    item, _ = TariffItem.objects.get_or_create(code="CS", defaults={"label": "Consultation", "family": "ACTE"})
    for world, count in ((small, 1), (large, 6)):
        for _ in range(count):
            record_event(world.stay, EventKind.PATIENT_INFORMED, SYSTEM)
            world.stay.activities.create(item=item, performed_on=world.stay.started_at.date())
    program.get("/patients")
    assert cost(program, path.format(world=small)) == cost(program, path.format(world=large))


def test_a_whole_stay_costs_a_bounded_number_of_queries(program, make_world) -> None:
    world = make_world(children=6)
    program.get("/patients")
    assert cost(program, f"/stays/{world.stay.iep}") <= 18
