"""What an import brought, taken back in a gesture: what serves or was decided stays, and the gesture is undone as any other."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.enums import Role
from debtors import decisions, services, upkeep
from debtors.enums import AssociationStatus, DecisionKind, ImportKind, ImportState, PairState
from debtors.imports import back, runs
from debtors.models import AssociationDecision, DatamatrixAssociation, Debtor, DebtorPair, FileImport
from tests.factories import DebtorFactory
from tests.worklists import scene

pytestmark = pytest.mark.django_db

TO_VALIDATE, VALIDATED, TO_VERIFY, DELETED = (
    AssociationStatus.TO_VALIDATE, AssociationStatus.VALIDATED, AssociationStatus.TO_VERIFY, AssociationStatus.DELETED,
)  # fmt: skip


def applied(kind: ImportKind, header: str, *lines: str, **options: object) -> FileImport:
    row = runs.give(kind, "fichier.csv", "\n".join([header, *lines]).encode(), None)
    runs.run(row.pk)
    runs.start(row.pk, **options)  # type: ignore[arg-type]
    runs.run(row.pk)
    row.refresh_from_db()
    assert row.state == ImportState.DONE, row.problem or row.cause
    return row


def cards(count: int, **options: object) -> FileImport:
    DebtorFactory(code="AMC1", amc_number="0099000104")
    return applied(ImportKind.HISTORY, "amc;convention;code", *(f"{n};RO;AMC1" for n in range(1, count + 1)), **options)


def taken_back(row: FileImport, user=None) -> FileImport:
    runs.take_back(row.pk, user)
    runs.run(row.pk)
    row.refresh_from_db()
    assert row.state == ImportState.TAKEN_BACK, row.cause
    return row


def learnt(number: int) -> DatamatrixAssociation:
    return DatamatrixAssociation.objects.get(amc_number=f"{number:010d}")


def statuses() -> dict[int, str]:
    return {int(number): status for number, status in DatamatrixAssociation.objects.values_list("amc_number", "status")}


@pytest.mark.parametrize("validates", [False, True], ids=["to validate", "validated at once"])
def test_what_nobody_used_goes_what_serves_is_to_verify_what_was_decided_stays(validates, person) -> None:
    row = cards(4, validates=validates)
    referent = person(Role.REFERENT)
    services.count_use(learnt(2), timezone.now())
    decisions.decide_association(learnt(3).pk, VALIDATED, referent, version=0)
    assert [count for _, count in back.foreseen(row)] == [2, 1, 1]
    taken_back(row, referent)
    assert statuses() == {1: DELETED, 2: TO_VERIFY, 3: VALIDATED, 4: DELETED}
    kinds = dict(AssociationDecision.objects.filter(batch=row.gesture).values_list("association__amc_number", "kind"))
    assert kinds == {
        "0000000001": DecisionKind.DELETE, "0000000002": DecisionKind.DOUBT, "0000000004": DecisionKind.DELETE,
    }  # fmt: skip
    assert {one.decided_by for one in AssociationDecision.objects.filter(batch=row.gesture)} == {referent}


def test_the_gesture_is_undone_where_nobody_has_decided_since_and_may_be_taken_again(person) -> None:
    row, referent = cards(4), person(Role.REFERENT)
    services.count_use(learnt(2), timezone.now())
    taken_back(row, referent)
    decisions.decide_association(learnt(4).pk, VALIDATED, referent, version=1)
    runs.give_back(row.pk, referent)
    runs.run(row.pk)
    row.refresh_from_db()
    assert row.state == ImportState.DONE
    assert statuses() == {1: TO_VALIDATE, 2: TO_VALIDATE, 3: TO_VALIDATE, 4: VALIDATED}
    taken_back(row, referent)
    assert statuses() == {1: DELETED, 2: TO_VERIFY, 3: DELETED, 4: VALIDATED}


def test_undoing_one_of_its_decisions_on_the_screen_undoes_the_import(person, client) -> None:
    row, referent = cards(3), person(Role.REFERENT)
    client.force_login(referent)
    taken_back(row, referent)
    answer = client.post(f"/debiteurs/associations/decisions/{row.gesture}/annuler/", follow=True)
    assert "import entier" in answer.text
    runs.run(row.pk)
    assert set(statuses().values()) == {TO_VALIDATE}


def test_a_taking_back_that_was_cut_goes_on_where_it_was(monkeypatch) -> None:
    row = cards(5)
    monkeypatch.setattr(back, "_AT_ONCE", 2)
    runs.take_back(row.pk, None)

    def fall(_done: int) -> None:
        raise SystemExit

    with pytest.raises(SystemExit):
        back.take_votes_back(FileImport.objects.get(pk=row.pk), fall)
    assert sorted(statuses().values()) == [DELETED] * 2 + [TO_VALIDATE] * 3
    FileImport.objects.update(working_until=timezone.now())
    runs.sweep()
    assert set(statuses().values()) == {DELETED}
    assert AssociationDecision.objects.values("batch").distinct().count() == 1


def test_thousands_cost_some_statements_for_each_five_hundred() -> None:
    row = cards(1_200)
    runs.take_back(row.pk, None)
    with CaptureQueriesContext(connection) as queries:
        runs.run(row.pk)
    assert len(queries) < 60
    assert set(statuses().values()) == {DELETED}


def test_what_was_taken_back_may_be_given_again_as_a_file() -> None:
    row = taken_back(cards(2))
    Debtor.objects.all().update(code="AMC2")
    again = applied(ImportKind.HISTORY, "amc;convention;code", "1;RO;AMC2", "2;RO;AMC2")
    assert again.applied_count == 2
    with pytest.raises(runs.ImportRefused):
        runs.take_back(row.pk, None)


# ---- records ----

HEADER = "Code;Nom;N° AMC;Opérateur;Ville"


def test_records_that_nothing_uses_go_and_the_others_are_put_back_where_they_still_hold_it() -> None:
    for code, town in (("K1", "Brest"), ("K2", "Lille"), ("K3", "Nantes")):
        DebtorFactory(code=code, name=f"Solivie {code}", amc_number="0099000104", town=town, multiple_centres=True)
    lines = [f"K{n};Solivie K{n};99000104;Uniprev;Bourg" for n in (1, 2, 3)]
    lines += [f"N{n};Nouvelle {n} unique{n};{n};;Ville{n}" for n in (1, 2, 3, 4)]
    row = applied(ImportKind.DEBTORS, HEADER, *lines)
    used, unused, written = (Debtor.objects.get(code=f"N{n}") for n in (1, 2, 3))
    # Another file names the fourth, and waits for its decision.
    waiting = runs.give(ImportKind.HISTORY, "cartes.csv", b"amc;convention;code\n9;RO;N4", None)
    runs.run(waiting.pk)
    scene.a_coverage(scene.a_stay(), debtor=used)
    DebtorPair.objects.create(
        first=used, second=unused, score=90, reasons=[], state=PairState.PROPOSED, found_at=timezone.now()
    )
    upkeep.edit(written.pk, {"town": "Rennes"}, None, version=0)
    upkeep.edit(Debtor.objects.get(code="K2").pk, {"town": "Quimper"}, None, version=1)
    assert [count for _, count in back.foreseen(row)] == [1, 3, 3]
    taken_back(row)
    held = dict(Debtor.objects.filter(code__startswith="K").values_list("code", "town"))
    assert held == {"K1": "Brest", "K2": "Quimper", "K3": "Nantes"}
    assert not Debtor.objects.filter(code__startswith="K", operator__isnull=False).exists()
    assert set(Debtor.objects.filter(code__startswith="N").values_list("code", flat=True)) == {"N1", "N3", "N4"}
    assert waiting.votes.count() == 1
    told = Debtor.objects.get(code="K1").changes.filter(field="town").first()
    assert (told.before, told.after, told.source) == ("Bourg", "Brest", "import")
    assert {record.values["code"]: record.fate for record in row.records.all()} == {
        "K1": "restored", "K2": "restored", "K3": "restored", "N1": "kept", "N2": "removed", "N3": "kept",
        "N4": "kept",
    }  # fmt: skip
    with pytest.raises(runs.ImportRefused):
        runs.give_back(row.pk, None)
    assert applied(ImportKind.DEBTORS, HEADER, *lines).applied_count == 5, "the same content is taken again"


# ---- the screen ----


def test_the_screen_counts_before_and_says_after(signed_in) -> None:
    client, row = signed_in(Role.REFERENT), cards(3)
    services.count_use(learnt(2), timezone.now())
    page = client.get(f"/debiteurs/imports/{row.pk}/").text
    assert "Reprendre ces votes" in page and "des séjours s’en servent" in page
    answer = client.post(f"/debiteurs/imports/{row.pk}/reprendre/", follow=True)
    assert "Reprise en cours" in answer.text
    second = client.post(f"/debiteurs/imports/{row.pk}/reprendre/", follow=True)
    assert "rien n’a changé" in second.text
    runs.run(row.pk)
    page = client.get(f"/debiteurs/imports/{row.pk}/").text
    assert "Rendre ce qui a été repris" in page and "Supprimée" in page
    client.post(f"/debiteurs/imports/{row.pk}/rendre/")
    runs.run(row.pk)
    assert set(statuses().values()) == {TO_VALIDATE}
