"""A stolen backup: no NIR, no member number, no card is in clear in the dump of the database nor in the files."""

from __future__ import annotations

import pytest
from django.core.files.storage import storages

from accounts.models import IdempotentReply
from admissions.models import Card
from billing import returns
from billing.exchange import LotAcknowledgement, ReturnKind
from billing.models import ExchangeFile
from teleservices.models import TeleserviceAttempt
from tests import dump, hospital
from tests.billing.test_returns import file_of

pytestmark = pytest.mark.django_db(transaction=True)

# The point of hand-over: what leaves stands there in clear until the transport takes it.
HANDED_OVER = "exchange/out/"


def test_nothing_that_names_a_person_is_in_clear_in_a_dump_nor_in_a_file(simulator, establishment) -> None:
    kept = hospital.fill(establishment)
    # What is looked for is there, or nothing would prove anything.
    assert Card.objects.get().image and Card.objects.get().content == kept.card
    assert IdempotentReply.objects.filter(body__isnull=False).count() >= 4
    messages = b"".join(bytes(one.request_xml or b"") for one in TeleserviceAttempt.objects.all())
    assert kept.nir[:13].encode() in messages and hospital.MEMBER.encode() in messages
    assert ExchangeFile.objects.count() == 3
    with ExchangeFile.objects.get(direction="out").file.open("rb") as lot:
        assert kept.nir[:13].encode() in lot.read()

    sql = dump.pg_dump()
    files = dump.files()
    assert len(sql) > 100_000 and kept.patient.ipp.encode() in sql
    assert len([name for name in files if not name.startswith(HANDED_OVER)]) == 4
    for what, secret in kept.secrets.items():
        assert not dump.lines_with(secret, sql), what
        assert [name for name, content in files.items() if secret in content and HANDED_OVER not in name] == [], what
    handed_over = [content for name, content in files.items() if name.startswith(HANDED_OVER)]
    assert [kept.nir[:13].encode() in content for content in handed_over] == [True]


def test_what_was_handed_over_and_is_acknowledged_is_no_longer_in_clear(simulator, establishment) -> None:
    hospital.fill(establishment)
    exchange = storages["exchange"]
    lot = ExchangeFile.objects.get(direction="out")
    assert exchange.exists(f"out/{lot.name}")
    said = LotAcknowledgement(0, 0, lot.lot_number, True, 1, lot.amount)
    returns.import_file("arl.txt", file_of(ReturnKind.ARL, said))
    lot.refresh_from_db()
    assert lot.status == "acknowledged"
    assert not exchange.exists(f"out/{lot.name}") and exchange.exists(str(lot.file.name))
