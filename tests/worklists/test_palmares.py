"""The cards that the table would gain most to learn: counted as they are read, ranked, and associated in a row."""

from __future__ import annotations

from decimal import Decimal
from io import BytesIO

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from python_calamine import CalamineWorkbook

from accounts.enums import JournalKind, Role
from accounts.models import JournalEntry
from admissions.enums import StayKind
from admissions.events import SYSTEM
from admissions.models import CardReading, CardTally
from admissions.services import coverage as coverages
from admissions.services import stays
from billing.enums import Payer
from debtors.datamatrix import parse
from debtors.enums import AssociationStatus
from debtors.models import DatamatrixAssociation, DirectoryEntry
from tests.admissions.test_coverage import card_text
from tests.factories import (
    AssociationFactory,
    DebtorFactory,
    DirectoryEntryFactory,
    EstablishmentFactory,
    PatientFactory,
    UnitFactory,
)
from tests.processes import run_together
from tests.worklists import scene
from worklists import palmares, views_palmares

pytestmark = pytest.mark.django_db

MONTH = timezone.localdate().replace(day=1)


@pytest.fixture
def unit():
    return UnitFactory()


def a_stay(unit):
    plan = stays.StayPlan(kind=StayKind.FULL, unit=unit, planned_start_at=timezone.now())
    return stays.preadmit(PatientFactory(), unit.establishment, plan, SYSTEM)


def read(stay, text: str) -> None:
    coverages.read_card(stay, parse(text), "douchette", SYSTEM)


def tally(establishment, number: str, stays: int, amount: str = "0", **fields: object) -> CardTally:
    values = {"convention": "RO", "domain": "MCO"} | fields
    return CardTally.objects.create(
        establishment=establishment, month=MONTH, amc_number=number, stays=stays, amount=Decimal(amount), **values
    )


def recount() -> list[tuple[object, ...]]:
    """The tallies, counted from the readings alone."""
    keys = ("establishment", "month", "amc_number", "convention", "csr", "domain", "fingerprint")
    counted: dict[tuple[object, ...], int] = {}
    for row in CardReading.objects.values_list(*keys):
        counted[row] = counted.get(row, 0) + 1
    return sorted((*row, count) for row, count in counted.items())


def tallied() -> list[tuple[object, ...]]:
    keys = ("establishment", "month", "amc_number", "convention", "csr", "domain", "fingerprint", "stays")
    return sorted(CardTally.objects.values_list(*keys))


def test_a_kind_of_card_is_counted_once_a_stay_whoever_holds_it(unit) -> None:
    for member in ("08441927", "08441928"):
        stay = a_stay(unit)
        for _ in range(2):
            read(stay, card_text(member=member))
    read(stay, "une carte d’ailleurs")
    known, raw = CardTally.objects.order_by("-stays")
    assert (known.amc_number, known.stays, known.fingerprint) == ("0099000104", 2, "")
    assert (raw.amc_number, raw.stays, len(raw.fingerprint)) == ("", 1, 64)
    assert tallied() == recount()


@pytest.mark.django_db(transaction=True)
def test_desks_that_read_the_same_card_at_once_are_all_counted(unit) -> None:
    keys = [a_stay(unit).pk for _ in range(4)]
    script = f"""
from admissions.events import SYSTEM
from admissions.models import Stay
from admissions.services import coverage
from billing.enums import Payer
from debtors.datamatrix import parse
stay = Stay.objects.get(pk={keys}[rank])
for text in ({card_text()!r}, "une autre carte"):
    coverage.read_card(stay, parse(text), "douchette", SYSTEM)
"""
    run_together(script, 4)
    assert tallied() == recount()
    assert sorted(CardTally.objects.values_list("stays", flat=True)) == [4, 4]


def test_what_the_table_knows_by_any_rule_is_not_in_the_ranking(unit) -> None:
    here = unit.establishment
    AssociationFactory(amc_number="0000000001", convention="AC")
    AssociationFactory(amc_number="0000000002", convention="RO", status=AssociationStatus.REJECTED)
    AssociationFactory(amc_number="0000000003", convention="RO", debtor=DebtorFactory(active=False))
    AssociationFactory(amc_number="", fingerprint="f" * 64)
    for number in range(1, 5):
        tally(here, f"{number:010d}", number)
    for mark in ("f", "e"):
        tally(here, "", 9, fingerprint=mark * 64, convention="")
    waiting = palmares.unknown(palmares.seen(here, MONTH))
    assert {one.amc_number or one.fingerprint[0] for one in waiting} == {"0000000002", "0000000003", "0000000004", "e"}


@pytest.mark.parametrize(("records", "waits"), [(0, True), (1, False), (2, True)], ids=["none", "one", "two"])
def test_a_card_whose_payer_the_directory_knows_waits_for_nobody_when_it_has_one_record(records, waits, unit) -> None:
    tally(unit.establishment, "0000000001", 5)
    DirectoryEntryFactory(amc_number="0000000001", convention="RO")
    for _ in range(records):
        DebtorFactory(amc_number="0000000001")
    assert palmares.unknown(palmares.seen(unit.establishment, MONTH)).exists() == waits


def test_how_many_of_the_first_cards_cover_the_month(unit) -> None:
    here = unit.establishment
    AssociationFactory(amc_number="0000000009", convention="RO")
    for number, count in (("0000000009", 50), ("0000000001", 20), ("0000000002", 15), ("0000000003", 10), ("4", 5)):
        tally(here, number, count, "12.50")
    found = palmares.coverage(here, MONTH, "stays")
    assert (found.stays, found.known, found.cards, found.enough) == (100, 50, 4, 2)
    assert found.shares == [70, 85, 95, 100]
    assert found.amount == Decimal("50.00")
    assert found.curve.startswith("0.0,50.0 ") and found.curve.endswith("300.0,0.0")


def test_amounts_are_what_is_left_after_the_amo_of_the_stays_that_showed_the_card(unit) -> None:
    billed, estimated, nothing = (a_stay(unit) for _ in range(3))
    for stay in (billed, estimated, nothing):
        read(stay, card_text())
    bill = scene.three_invoices(billed)[Payer.AMC].bill
    scene.an_estimate(estimated)
    left = estimated.estimates.get()
    assert palmares.count_amounts(MONTH) == 1
    assert CardTally.objects.get().amount == bill.total - bill.amo_share + left.total - left.amo_share
    assert palmares.count_amounts(MONTH) == 0


# ---- the screen ----


@pytest.fixture
def referent(person, client):
    user = person(Role.REFERENT)
    client.force_login(user)
    return user


def test_cards_are_associated_in_a_row_and_the_last_is_taken_back(referent, client) -> None:
    first = tally(referent.establishment, "0099000104", 9)
    second = tally(referent.establishment, "0099000205", 5)
    right = DebtorFactory(amc_number="0099000104", name="Alliance Loire Santé")
    DirectoryEntryFactory(amc_number="0099000205", convention="RO", label="Prévoyance du Rail")
    near = DebtorFactory(name="Prevoyance Rail")
    page = client.get("/palmares/").text
    assert page.index("Alliance Loire Santé") and "Associer et suivante" in page
    answer = client.post(f"/palmares/{first.pk}/associer/", {"debtor": right.pk}, follow=True)
    assert f"/palmares/{second.pk}/associer/" in answer.text, "the next one is open"
    assert near.name in answer.text and "Votre dernière décision" in answer.text
    made = DatamatrixAssociation.objects.get()
    assert (made.status, made.debtor, made.valid_from, made.decided_by) == ("validated", right, MONTH, referent)
    batch = made.decisions.get().batch
    back = client.post(f"/debiteurs/associations/decisions/{batch}/annuler/", {"next": "/palmares/"}, follow=True)
    assert back.redirect_chain[-1][0] == "/palmares/"
    assert f"/palmares/{first.pk}/associer/" in back.text


def test_the_card_associated_is_found_at_the_next_scan(referent, client, unit) -> None:
    stay = a_stay(unit)
    read(stay, card_text())
    one = CardTally.objects.get()
    CardTally.objects.update(establishment=referent.establishment)
    right = DebtorFactory(amc_number="0099000104")
    client.post(f"/palmares/{one.pk}/associer/", {"debtor": right.pk})
    read(stay, card_text())
    assert stay.patient.coverages.get().debtor == right


@pytest.mark.parametrize("asked", ["", "x", "0"])
def test_no_debtor_is_said_on_the_page(asked, referent, client) -> None:
    one = tally(referent.establishment, "0099000104", 9)
    answer = client.post(f"/palmares/{one.pk}/associer/", {"debtor": asked})
    assert answer.status_code == 422 and "Choisissez un débiteur" in answer.text
    assert not DatamatrixAssociation.objects.exists()


def test_what_was_learnt_meanwhile_is_said(referent, client) -> None:
    one = tally(referent.establishment, "0099000104", 9)
    AssociationFactory(amc_number="0099000104", convention="RO")
    answer = client.post(f"/palmares/{one.pk}/associer/", {"debtor": DebtorFactory().pk}, follow=True)
    assert "vient d’être apprise" in answer.text


def test_another_hospital_s_cards_are_not_seen(referent, client) -> None:
    one = tally(EstablishmentFactory(finess_site="290000017", finess_legal="290000009"), "0099000104", 9)
    assert "0099" not in client.get("/palmares/").text
    assert client.post(f"/palmares/{one.pk}/associer/", {"debtor": DebtorFactory().pk}).status_code == 404


@pytest.mark.parametrize("query", ["", "?mois=1999-13&tri=zzz&carte=x&page=x", "?tri=montant"])
def test_the_ranking_costs_the_same_queries_for_one_card_and_for_sixty(query, referent, client) -> None:
    tally(referent.establishment, "0099000104", 9)
    client.get(f"/palmares/{query}")
    with CaptureQueriesContext(connection) as few:
        client.get(f"/palmares/{query}")
    for number in range(60):
        tally(referent.establishment, f"{number:010d}", 5)
    with CaptureQueriesContext(connection) as many:
        client.get(f"/palmares/{query}")
    assert len(few) == len(many) <= 14


def test_the_file_holds_the_whole_ranking(referent, client) -> None:
    for number in range(60):
        tally(referent.establishment, f"{number:010d}", number)
    lines = client.get("/palmares/export/csv/").getvalue().decode().splitlines()
    assert len(lines) == 61
    assert lines[1] == "1;0000000059;RO;;MCO;pas demandé;59;0,00;3,3"
    book = CalamineWorkbook.from_filelike(BytesIO(client.get("/palmares/export/xlsx/").content))
    _, *cells = book.get_sheet_by_index(0).to_python()
    assert len(cells) == 60 and cells[0][:2] == [1, "0000000059"]
    assert client.get("/palmares/export/pdf/").status_code == 404
    assert JournalEntry.objects.filter(kind=JournalKind.EXPORT, action="GET worklists:export-palmares").count() == 2


def test_the_file_holds_no_formula_and_a_workbook_has_an_end(referent, client, monkeypatch) -> None:
    tally(referent.establishment, "0099000104", 3)
    entry = {"convention": "RO", "csr": "", "domain": "MCO", "found": True, "multiple_centres": True}
    DirectoryEntry.objects.create(amc_number="0099000104", label="=1+1", answered_at=timezone.now(), **entry)
    assert ";'=1+1;" in client.get("/palmares/export/csv/").getvalue().decode()
    tally(referent.establishment, "0099000205", 2)
    monkeypatch.setattr(views_palmares, "XLSX_ROWS", 1)
    answer = client.get("/palmares/export/xlsx/", follow=True)
    assert "exportez-le en CSV" in answer.text


def test_a_year_of_months_is_offered() -> None:
    offered = palmares.months()
    assert offered[0] == MONTH
    assert [(month.month - 1) % 12 for month in offered] == [(MONTH.month - 1 - back) % 12 for back in range(12)]
