"""One IDB through the engine, against the same message by zeep alone."""

from __future__ import annotations

from dataclasses import replace
from uuid import uuid4

import requests
import zeep
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from bench import people
from bench.ground import Ground, gather_statistics
from bench.measure import Row, against, in_turns
from debtors.models import Debtor
from teleservices import engine
from teleservices.clients.roc1 import CONTRACT, NAMESPACE
from teleservices.clients.roc1_mapping import Fields, request_fields
from teleservices.enums import CallStatus
from teleservices.handlers import handler_of
from teleservices.messages import Operation
from teleservices.models import TeleserviceCall
from teleservices.querysets import to_ask

MOST = 2.5


def rows(place: Ground, rounds: int) -> list[Row]:
    """The IDB of a pre-admission, which is most of them; and, for information, that of a patient who is there."""
    debtor = people.payer(place.simulator)
    warm_up = 3
    planned, present = [], []
    for _ in range(rounds + warm_up):
        planned.append(people.preadmit(people.covered_patient(debtor)))
        present.append(people.admitted(debtor))
    people.deliver_all()
    before, after = [people.planned_idb(stay) for stay in planned], [people.planned_idb(stay) for stay in present]
    gather_statistics()
    bare = BareZeep(place, _fields(before[0]))
    taken = in_turns(
        rounds,
        [lambda i: bare.call(), lambda i: engine.run(before[i]), lambda i: engine.run(after[i])],
        warm_up=warm_up,
    )
    _must_have_succeeded(before + after)
    base, idb, idb_then_sim = taken
    return [
        against("IDB par le moteur", idb, "zeep nu", base, MOST),
        against("IDB par le moteur, patient présent (prévoit la SIM)", idb_then_sim, "zeep nu", base, None),
        *_query_rows(debtor),
    ]


def bare_zeep(place: Ground, debtor: Debtor) -> BareZeep:
    """A bare client, ready to ask about a patient of its own."""
    stay = people.preadmit(people.covered_patient(debtor))
    people.deliver_all()
    return BareZeep(place, _fields(people.planned_idb(stay)))


class BareZeep:
    """What a programmer writes first: a zeep client, a requests session with the certificate, nothing kept of it."""

    def __init__(self, place: Ground, fields: Fields) -> None:
        files = place.simulator.client_files
        session = requests.Session()
        session.trust_env = False
        session.cert = (str(files["services_certificate"]), str(files["services_key"]))
        session.verify = str(files["ca_file"])
        transport = zeep.Transport(session=session)  # type: ignore[no-untyped-call]
        client = zeep.Client(str(CONTRACT / "roc1.wsdl"), transport=transport)  # type: ignore[no-untyped-call]
        url = place.simulator.services_url(people.AMC, "IDB")
        self._idb = client.create_service(f"{{{NAMESPACE}}}ServicesAmcSoap11", url).Idb
        self._fields = fields

    def call(self) -> object:
        # A message id of its own, as the engine's: the other side works as much for both.
        header = self._fields["EnTete"] | {"IdMessage": str(uuid4())}
        return self._idb(**self._fields | {"EnTete": header})


def _fields(call_id: int) -> Fields:
    call = to_ask().get(pk=call_id)
    _, request = handler_of(call.operation).build(call, timezone.now())
    assert call.operation == Operation.IDB
    return request_fields(replace(request, header=replace(request.header, message_id=uuid4())))


def _must_have_succeeded(call_ids: list[int]) -> None:
    """A measure of calls that failed would be a measure of nothing."""
    others = TeleserviceCall.objects.filter(pk__in=call_ids).exclude(status=CallStatus.SUCCEEDED).count()
    if others:
        raise RuntimeError(f"{others} of the measured calls did not succeed")


def _query_rows(debtor: Debtor) -> list[Row]:
    stays = {
        "pré-admission": people.preadmit(people.covered_patient(debtor)),
        "patient présent": people.admitted(debtor),
    }
    people.deliver_all()
    found = []
    for name, stay in stays.items():
        with CaptureQueriesContext(
            connection,
        ) as queries:
            engine.run(people.planned_idb(stay))
        count = len(queries) - 1  # the look for the call is ours
        found.append(Row(f"requêtes SQL d’une IDB, {name}", 1, count, count, unit="req."))
    return found
