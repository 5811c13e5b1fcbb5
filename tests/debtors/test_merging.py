"""Two records of one payer put together, and apart again: nothing lost, nothing that has left is touched."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.enums import Role
from admissions.enums import EventKind, StayStatus
from admissions.models import Coverage
from billing.enums import InvoiceStatus, Payer
from billing.models import Engagement, Invoice
from debtors import merging
from debtors.enums import AssociationStatus, PairState
from debtors.merging import MergeRefused, merge, unmerge
from debtors.models import DatamatrixAssociation, Debtor, DebtorMerge, DebtorPair
from teleservices.models import Anomaly, ConnectionTest, PerimeterAmc, TeleserviceCall
from tests.factories import AssociationFactory, DebtorFactory, FundFactory
from tests.processes import run_together
from tests.worklists import scene

pytestmark = pytest.mark.django_db

TO_VALIDATE, VALIDATED = AssociationStatus.TO_VALIDATE, AssociationStatus.VALIDATED


@pytest.fixture
def source() -> Debtor:
    return DebtorFactory(name="Mutuelle des Estuaires", amc_number="0099000104")


@pytest.fixture
def target() -> Debtor:
    return DebtorFactory(name="Mut. des Estuaires", amc_number="0099000104")


def holdings() -> list[tuple[str, int, object]]:
    """Everything that has a debtor: what, which, whose."""
    found: list[tuple[str, int, object]] = []
    for model in (Coverage, TeleserviceCall, Engagement, Invoice):
        found += [(model.__name__, pk, debtor) for pk, debtor in model.objects.values_list("pk", "debtor_id")]
    rows = DatamatrixAssociation.objects.values_list("pk", "debtor_id", "status", "use_count")
    return sorted([*found, *(("association", pk, rest) for pk, *rest in rows)], key=str)


def a_payer_in_use(debtor: Debtor) -> None:
    """An open stay and its call, an invoice that is ready, one that has left, associations."""
    stay = scene.a_stay()
    scene.a_call(stay, scene.a_coverage(stay, debtor=debtor), status="succeeded", finished_at=timezone.now())
    for status in (InvoiceStatus.READY, InvoiceStatus.SENT):
        gone = scene.a_stay(StayStatus.DISCHARGED)
        scene.a_coverage(gone, debtor=debtor)
        scene.an_invoice(Payer.AMC, stay=gone, status=status)
    AssociationFactory(debtor=debtor, convention="RO", use_count=5)
    AssociationFactory(debtor=debtor, convention="AC", use_count=7)


def test_what_a_record_holds_moves_to_the_other_and_comes_back_as_it_was(source, target) -> None:
    a_payer_in_use(source)
    twin = AssociationFactory(debtor=target, amc_number=source.amc_number, convention="AC", status=TO_VALIDATE)
    before = holdings()
    done = merge(source.pk, target.pk, None)
    source.refresh_from_db()
    assert (source.active, source.merged_into) == (False, target)
    kept = Invoice.objects.get(debtor=source)
    assert kept.status == InvoiceStatus.SENT
    assert list(Coverage.objects.filter(debtor=source)) == [kept.coverage]
    assert Invoice.objects.get(debtor=target).status == InvoiceStatus.READY
    assert not TeleserviceCall.objects.filter(debtor=source).exists()
    assert list(Engagement.objects.filter(debtor=source)) == [kept.engagement]
    twin.refresh_from_db()
    assert (twin.status, twin.use_count) == (VALIDATED, 7)
    assert unmerge(done.pk, None) == 0
    assert holdings() == before
    source.refresh_from_db()
    assert (source.active, source.merged_into) == (True, None)


def test_what_left_since_stays_with_the_record_that_sent_it(source, target) -> None:
    a_payer_in_use(source)
    done = merge(source.pk, target.pk, None)
    Invoice.objects.filter(debtor=target).update(status=InvoiceStatus.SENT, sent_at=timezone.now())
    assert unmerge(done.pk, None) == 3, "an invoice, its engagement, and what covers its stay"
    assert Invoice.objects.filter(debtor=target, status=InvoiceStatus.SENT).exists()


def test_the_preview_says_what_will_move_and_what_will_not(source) -> None:
    a_payer_in_use(source)
    shown = merging.preview(source)
    assert [(one.label.split(",")[0], one.count) for one in shown.moves] == [
        ("association", 2), ("couverture", 2), ("appel", 3), ("anomalie ouverte", 0), ("place dans le périmètre", 0),
        ("engagement", 1), ("prise en charge ouverte", 0),
        ("facture prête", 1),
    ]  # fmt: skip
    assert [one.count for one in shown.stays] == [1, 0, 1]


def test_what_was_learnt_of_a_payer_follows_and_the_record_of_a_test_stays(source, target) -> None:
    stay = scene.a_stay()
    here = stay.establishment
    covered = scene.a_coverage(stay, debtor=source)
    anomaly = scene.an_anomaly(stay=stay, coverage=covered)
    assert anomaly.debtor == source
    over = scene.an_anomaly("solved", stay=stay, coverage=covered)
    assert over == anomaly
    over = Anomaly.objects.create(establishment=here, code="RC09", operation="IDB", debtor=source, state="solved")
    Anomaly.objects.filter(pk=anomaly.pk).update(state="reported")
    circle = PerimeterAmc.objects.create(establishment=here, debtor=source, circle="mirror")
    test = scene.a_connection_test(stay)
    ConnectionTest.objects.filter(pk=test.pk).update(debtor=source)
    before = [anomaly.debtor_id, circle.debtor_id]
    done = merge(source.pk, target.pk, None)
    for row in (anomaly, circle):
        row.refresh_from_db()
        assert row.debtor == target
    for row in (over, test):
        row.refresh_from_db()
        assert row.debtor == source, "what was said, and with whom"
    assert unmerge(done.pk, None) == 0
    for row in (anomaly, circle):
        row.refresh_from_db()
    assert [anomaly.debtor_id, circle.debtor_id] == before


def test_what_the_record_that_stays_has_already_is_not_moved_over_it(source, target) -> None:
    here = scene.a_stay().establishment
    for debtor in (source, target):
        Anomaly.objects.create(establishment=here, code="RC06", operation="IDB", debtor=debtor)
        PerimeterAmc.objects.create(establishment=here, debtor=debtor, circle="trust")
    done = merge(source.pk, target.pk, None)
    assert Anomaly.objects.filter(debtor=target).count() == PerimeterAmc.objects.filter(debtor=target).count() == 1
    assert unmerge(done.pk, None) == 0
    assert Anomaly.objects.filter(debtor=source).count() == PerimeterAmc.objects.filter(debtor=source).count() == 1


def test_another_amc_number_asks_the_rights_of_open_stays_again(source) -> None:
    stay = scene.a_stay()
    covered = scene.a_coverage(stay, debtor=source)
    waiting = scene.a_call(stay, covered)
    merge(source.pk, DebtorFactory(amc_number="0099000205").pk, None)
    assert stay.events.filter(kind=EventKind.COVERAGE_CHANGED, detail__coverage=covered.pk).count() == 1
    waiting.refresh_from_db()
    assert (waiting.status, waiting.cause) == ("cancelled", "coverage_replaced")


def test_the_same_payer_under_two_records_is_not_asked_again(source, target) -> None:
    stay = scene.a_stay()
    scene.a_coverage(stay, debtor=source)
    merge(source.pk, target.pk, None)
    assert not stay.events.filter(kind=EventKind.COVERAGE_CHANGED).exists()


def test_what_the_record_that_stays_leaves_empty_is_filled_from_the_other(source, target) -> None:
    Debtor.objects.filter(pk=source.pk).update(address="1 rue du Port", town="Brest")
    Debtor.objects.filter(pk=target.pk).update(town="Nantes")
    merge(source.pk, target.pk, None)
    target.refresh_from_db()
    assert (target.address, target.town, target.locked) == ("1 rue du Port", "Nantes", [])
    assert [(one.field, one.source) for one in target.changes.all()] == [("address", "merge")]


def test_a_merge_is_refused_in_words(source, target) -> None:
    with pytest.raises(MergeRefused, match="fiches différentes"):
        merge(source.pk, source.pk, None)
    with pytest.raises(MergeRefused, match="caisse"):
        merge(source.pk, FundFactory().pk, None)
    with pytest.raises(MergeRefused, match="inactive"):
        merge(source.pk, DebtorFactory(active=False).pk, None)
    done = merge(source.pk, target.pk, None)
    with pytest.raises(MergeRefused, match="déjà fusionnée"):
        merge(target.pk, source.pk, None)
    DebtorMerge.objects.update(merged_at=timezone.now() - timedelta(days=31))
    with pytest.raises(MergeRefused, match="30 jours"):
        unmerge(done.pk, None)


def test_a_chain_is_undone_from_its_end(source, target) -> None:
    AssociationFactory(debtor=source)
    first = merge(source.pk, target.pk, None)
    second = merge(target.pk, DebtorFactory(amc_number=target.amc_number).pk, None)
    with pytest.raises(MergeRefused, match="défaites d’abord"):
        unmerge(first.pk, None)
    assert unmerge(second.pk, None) == unmerge(first.pk, None) == 0
    assert DatamatrixAssociation.objects.get().debtor == source


def test_the_database_lets_no_merged_record_serve(source, target) -> None:
    merge(source.pk, target.pk, None)
    with pytest.raises(IntegrityError), transaction.atomic():
        Debtor.objects.filter(pk=source.pk).update(active=True)


@pytest.mark.django_db(transaction=True)
def test_the_same_merge_by_several_people_and_the_other_way_round_is_done_once(source, target) -> None:
    a_payer_in_use(source)
    script = f"""
from debtors.merging import MergeRefused, merge
pair = [{source.pk}, {target.pk}]
try:
    merge(pair[rank % 2], pair[1 - rank % 2], None)
    print("merged")
except MergeRefused:
    print("refused")
"""
    said = [output.strip() for output in run_together(script, 4)]
    assert sorted(said) == ["merged", "refused", "refused", "refused"]
    assert Debtor.objects.filter(merged_into__isnull=False).count() == 1


# ---- the screens ----


@pytest.fixture
def referent(signed_in):
    return signed_in(Role.REFERENT)


def test_a_referent_compares_merges_and_undoes(referent, source, target) -> None:
    a_payer_in_use(source)
    DebtorPair.objects.create(first=source, second=target, score=90, reasons=["même n° AMC"], found_at=timezone.now())
    path = f"/debiteurs/{source.pk}/fusion/"
    shown = referent.get(path, {"debtor": target.pk}).text
    assert "1\u00a0facture prête" in shown and "1\u00a0facture déjà partie" in shown
    after = referent.post(path, {"debtor": target.pk}, follow=True).text
    assert "est fusionnée avec" in after and "Défaire" in after
    assert DebtorPair.objects.get().state == PairState.MERGED
    assert "qui la remplace" in referent.get(f"/debiteurs/{source.pk}/").text
    back = referent.post(f"/debiteurs/fusions/{DebtorMerge.objects.get().pk}/defaire/", follow=True).text
    assert "Fusion défaite" in back
    assert DebtorPair.objects.get().state == PairState.APART


@pytest.mark.parametrize("asked", ["", "x", "0", "99999999999999999999"])
def test_a_record_that_does_not_exist_is_asked_again(asked, referent, source) -> None:
    answer = referent.post(f"/debiteurs/{source.pk}/fusion/", {"debtor": asked})
    assert answer.status_code == 422
    assert "Choisissez la fiche à garder" in answer.text


def test_what_cannot_be_merged_is_said_on_the_page(referent, source) -> None:
    answer = referent.post(f"/debiteurs/{source.pk}/fusion/", {"debtor": FundFactory().pk})
    assert answer.status_code == 409 and "ne se fusionnent pas" in answer.text


def test_a_record_is_put_to_sleep_and_awake_but_not_once_merged(referent, source, target) -> None:
    path = f"/debiteurs/{source.pk}/activite/"
    assert "ne se choisit plus" in referent.post(path, follow=True).text
    assert "se choisit de nouveau" in referent.post(path, {"active": "on"}, follow=True).text
    merge(source.pk, target.pk, None)
    assert "défaites d’abord la fusion" in referent.post(path, {"active": "on"}, follow=True).text


def test_the_comparison_costs_the_same_queries_whatever_the_record_holds(referent, source, target) -> None:
    path = f"/debiteurs/{source.pk}/fusion/?debtor={target.pk}"
    referent.get(path)
    with CaptureQueriesContext(connection) as few:
        referent.get(path)
    a_payer_in_use(source)
    with CaptureQueriesContext(connection) as many:
        referent.get(path)
    assert len(few) == len(many) <= 17
