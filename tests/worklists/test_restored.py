"""What a return to a backup holds: finance asks the payer, and answers on the list, invoice by invoice or many at once."""

from __future__ import annotations

import pytest
from django.core.files.storage import storages
from django.test import Client

from accounts.enums import JournalKind, Role
from accounts.models import JournalEntry
from billing import lots
from billing.enums import FileStatus, InvoiceStatus
from billing.models import Invoice
from billing.restored import RESTORED
from tests.factories import EstablishmentFactory, UnitFactory
from tests.worklists import scene
from worklists.recovery import Settled

pytestmark = pytest.mark.django_db
HAD, LET_GO = "deja-recue", "laisser-partir"


@pytest.fixture
def desk(signed_in) -> Client:
    return signed_in(Role.BILLING)


@pytest.fixture
def invoice(establishment) -> Invoice:
    return scene.an_invoice(blocked_reason=RESTORED)


def answer(desk: Client, slug: str, deed: str, *ids: int) -> str:
    page = desk.post(f"/listes/{slug}/actions/", {"deed": deed, "ids": ids}, follow=True)
    assert page.status_code == 200
    return page.text


def told() -> list[str]:
    return list(JournalEntry.objects.filter(kind=JournalKind.ADMIN).order_by("id").values_list("action", flat=True))


def test_it_stands_in_a_list_of_its_own_and_says_whom_to_ask(desk, invoice) -> None:
    assert invoice.number in desk.get("/listes/factures-retenues/").text
    assert invoice.number not in desk.get("/listes/factures-bloquees/").text
    assert "Factures retenues après restauration" in desk.get(f"/factures/{invoice.number}/").text


def test_one_that_the_payer_has_had_is_sent_and_never_leaves_again(desk, invoice) -> None:
    answer(desk, "factures-retenues", HAD, invoice.pk)
    invoice.refresh_from_db()
    assert (invoice.status, invoice.blocked_reason) == (InvoiceStatus.SENT, "") and invoice.sent_at
    assert lots.send_lots() == 0
    assert told() == ["reçue par l’organisme avant la restauration"]


def test_one_that_the_payer_has_not_had_leaves_with_the_next_lot(desk, invoice) -> None:
    answer(desk, "factures-retenues", LET_GO, invoice.pk)
    invoice.refresh_from_db()
    assert (invoice.status, invoice.blocked_reason) == (InvoiceStatus.READY, "")
    assert told() == ["libérée après restauration"]


def test_many_are_answered_at_once_and_twice_is_once(desk, establishment) -> None:
    several = [scene.an_invoice(blocked_reason=RESTORED).pk for _ in range(3)]
    answer(desk, "factures-retenues", HAD, *several)
    answer(desk, "factures-retenues", LET_GO, *several)
    assert set(Invoice.objects.values_list("status", flat=True)) == {InvoiceStatus.SENT}
    assert len(told()) == 3


def test_a_lot_that_the_payer_has_had_is_not_put_down_again(desk) -> None:
    lot = scene.a_held_lot()
    assert lots.deposit_prepared() == 0
    answer(desk, "lots-retenus", HAD, lot.pk)
    lot.refresh_from_db()
    assert (lot.status, lot.problem) == (FileStatus.WRITTEN, "")
    assert lots.deposit_prepared() == 0 and not storages["exchange"].exists(f"out/{lot.name}")


def test_a_lot_that_it_has_not_had_is_put_down(desk) -> None:
    lot = scene.a_held_lot()
    answer(desk, "lots-retenus", LET_GO, lot.pk)
    assert lots.deposit_prepared() == 1 and storages["exchange"].exists(f"out/{lot.name}")


@pytest.mark.parametrize("slug", ["factures-retenues", "lots-retenus"])
def test_those_of_another_hospital_are_not_seen_nor_answered(slug, desk) -> None:
    elsewhere = UnitFactory(establishment=EstablishmentFactory(finess_site="290000033", name="CH d’Ailleurs"))
    lot = scene.a_held_lot(stay=scene.a_stay(unit=elsewhere))
    invoice = scene.an_invoice(blocked_reason=RESTORED, stay=scene.a_stay(unit=elsewhere))
    page = desk.get(f"/listes/{slug}/").text
    assert invoice.number not in page and lot.name not in page
    for deed in (HAD, LET_GO):
        answer(desk, slug, deed, invoice.pk, lot.pk)
    lot.refresh_from_db()
    invoice.refresh_from_db()
    assert lot.problem == invoice.blocked_reason == RESTORED


def test_who_does_not_correct_invoices_answers_nothing(signed_in, invoice) -> None:
    desk = signed_in(Role.REFERENT)
    page = desk.post("/listes/factures-retenues/actions/", {"deed": HAD, "ids": [invoice.pk]})
    invoice.refresh_from_db()
    assert page.status_code in (403, 404) and invoice.blocked_reason == RESTORED


def test_what_is_held_is_counted_as_one_says_it() -> None:
    one, many = (str(Settled(calls, 1, 2, calls)).replace("\u00a0", " ") for calls in (1, 3))
    assert one.endswith(": 1 engagement ou annulation, 1 facture, 2 lots. 1 session fermée.")
    assert many.endswith(": 3 engagements ou annulations, 1 facture, 2 lots. 3 sessions fermées.")
