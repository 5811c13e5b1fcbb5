"""A stay that turns out to be something else: it changes sides between ROC and the circuit of before, by itself."""

from __future__ import annotations

import pytest
from django.urls import reverse
from django.utils import timezone

from accounts.enums import Role
from admissions.enums import (
    CoverageKind,
    DischargeMode,
    EventKind,
    Requalification,
    StayKind,
)
from admissions.errors import Conflict, Refused
from admissions.events import SYSTEM
from admissions.querysets import care_date, coverages_on
from admissions.services import stays
from admissions.services.requalification import requalify
from billing import services
from billing.enums import AgreementEnd, EngagementStatus, InvoiceStatus, Payer
from billing.querysets import last_estimate
from billing.requalified import sentence_of
from billing.stay_money import estimate_of
from debtors.datamatrix import Convention
from debtors.models import DirectoryEntry
from teleservices import engine, perimeter
from teleservices.enums import CallStatus, PerimeterMode
from tests.billing.conftest import AMC
from tests.chain import deliver_owed, hasten, settle
from tests.factories import (
    AssociationFactory,
    DebtorFactory,
    DirectoryEntryFactory,
)

pytestmark = pytest.mark.django_db


def leave(stay) -> None:
    stays.discharge(stay.pk, timezone.now(), DischargeMode.HOME, SYSTEM)
    settle()


def change(stay, kind: StayKind, unit, reason=Requalification.CODING):
    stay = requalify(stay.pk, kind, unit, reason, SYSTEM)
    settle()
    return stay


def rest() -> None:
    """Hours pass: what waits for another try has had several."""
    for _ in range(4):
        hasten()


def state_of(stay) -> tuple[int, int, list[str]]:
    """(Engagements in force, prises en charge open, states of the DEL)."""
    dels = [str(call.status) for call in stay.calls.filter(operation="DEL").order_by("pk")]
    open_ones = stay.agreements.filter(closed_at__isnull=True).count()
    return stay.engagements.filter(status=EngagementStatus.IN_FORCE).count(), open_ones, dels


WEATHER = ("up", "refuses to answer", "answer lost")


@pytest.mark.parametrize("domain", ["SMR", "PSY"])
@pytest.mark.parametrize("weather", WEATHER)
@pytest.mark.parametrize("calculated", [False, True], ids=["no CLC yet", "CLC done"])
def test_roc_to_outside(calculated, weather, domain, present, units, simulator) -> None:
    stay = present()
    if calculated:
        leave(stay)
        assert state_of(stay) == (1, 0, [])
    behaviour = {"refuses to answer": "http:500", "answer lost": "cut_after"}.get(weather)
    if behaviour:
        simulator.scenario(AMC, behaviour, "DEL", count=1)
        simulator.scenario(AMC, behaviour, "CLC", count=1)
    change(stay, stay.kind, units[domain], Requalification.TRANSFER)
    if calculated and behaviour:
        # Whether the DEL was taken is not known: nothing is billed on either side meanwhile.
        assert stay.calls.get(operation="DEL").status == CallStatus.UNKNOWN
        assert not stay.bills.filter(status="current").exists()
        assert "en cours d’annulation" in sentence_of(stay)
        rest()
    if not calculated:
        leave(stay)
    assert state_of(stay) == (0, 1, ["succeeded"] if calculated else [])
    agreement = stay.agreements.get()
    assert (agreement.debtor.name, agreement.coverage.member_number) == ("Prévoyance du Rail", "08441927")
    assert stay.calls.filter(operation="CLC", status="succeeded").count() == (1 if calculated else 0)
    assert "n’est pas sur ROC pour ces soins" in sentence_of(stay)
    assert not stay.bills.filter(status="current").exists()


@pytest.mark.parametrize("weather", WEATHER)
@pytest.mark.parametrize("gone", [False, True], ids=["present", "gone"])
def test_outside_to_roc(gone, weather, present, units, simulator) -> None:
    stay = present(domain="SMR")
    assert state_of(stay) == (0, 1, [])
    if gone:
        leave(stay)
        assert not stay.bills.exists()
    behaviour = {"refuses to answer": "http:500", "answer lost": "cut_after"}.get(weather)
    if behaviour:
        simulator.scenario(AMC, behaviour, "IDB", count=1)
        simulator.scenario(AMC, behaviour, "CLC", count=1)
    change(stay, stay.kind, units["MCO"])
    if behaviour:
        assert stay.calls.filter(operation="IDB", status=CallStatus.UNKNOWN).exists()
        assert "droits sont redemandés" in sentence_of(stay)
        rest()
    if not gone:
        leave(stay)
        rest()
    assert state_of(stay) == (1, 0, [])
    assert stay.agreements.get().closed_reason in (AgreementEnd.REQUALIFIED, AgreementEnd.COVERAGE_REPLACED)
    invoice = stay.invoices.get(payer=Payer.AMC)
    assert invoice.engagement is not None and invoice.agreement is None
    assert "aucune prise en charge n’est à demander" in sentence_of(stay)


def test_a_calculation_whose_answer_was_lost_is_settled_first_then_given_up(present, units, simulator) -> None:
    stay = present()
    simulator.scenario(AMC, "cut_after", "CLC", count=2)
    leave(stay)
    assert stay.calls.get(operation="CLC").status == CallStatus.UNKNOWN
    change(stay, stay.kind, units["SMR"], Requalification.TRANSFER)
    assert state_of(stay) == (0, 1, [])
    rest()
    # The engagement that the AMC had made came to light by the same message, and was given up where it was made.
    assert state_of(stay) == (0, 1, ["succeeded"])
    assert stay.engagements.get().status == EngagementStatus.CANCELLED
    assert stay.calls.filter(operation="CLC").count() == 1


def test_rights_answered_about_what_the_stay_was_are_not_believed(present, units, simulator) -> None:
    stay = present()
    DirectoryEntryFactory(amc_number=AMC, convention="RO", domain="SMR", found=False)
    simulator.scenario(AMC, "cut_after", "IDB", count=2)
    stays.ask_rights_again(stay.pk, SYSTEM)
    settle()
    assert stay.calls.filter(operation="IDB", status=CallStatus.UNKNOWN).exists()
    change(stay, stay.kind, units["SMR"], Requalification.TRANSFER)
    rest()
    assert state_of(stay) == (0, 1, [])
    assert stay.rights.first().code == "HORS_ROC"


def test_the_directory_answers_for_the_field_that_it_was_asked_about(present, units) -> None:
    stay = present()
    DirectoryEntry.objects.all().delete()
    stays.ask_rights_again(stay.pk, SYSTEM)
    deliver_owed()
    claimed = engine.claim(stay.calls.get(operation="ANNUAIRE", status=CallStatus.PLANNED).pk)
    assert claimed is not None
    requalify(stay.pk, stay.kind, units["SMR"], Requalification.TRANSFER, SYSTEM)
    engine.record(claimed, engine.send(claimed))
    assert list(DirectoryEntry.objects.values_list("domain", "found")) == [("MCO", True)]
    settle()
    assert state_of(stay) == (0, 1, [])


def test_a_calculation_that_never_left_is_dropped(present, units, simulator) -> None:
    stay = present()
    simulator.scenario(AMC, "code:RC24", "CLC", count=1)
    leave(stay)
    call = stay.calls.get(operation="CLC")
    assert call.status == CallStatus.PLANNED
    change(stay, stay.kind, units["SMR"], Requalification.TRANSFER)
    rest()
    call.refresh_from_db()
    assert (call.status, call.cause) == (CallStatus.CANCELLED, "stay_requalified")
    assert state_of(stay) == (0, 1, [])


def test_nothing_is_billed_by_attestation_while_the_amc_may_have_engaged_itself(present, units, simulator) -> None:
    stay = present(StayKind.DAY, conventions=(Convention("RO", "MCO", "S"), Convention("ZZ", "MCO", "E")))
    services.enter_activity(stay.pk, "CS", care_date(stay), 1, SYSTEM)
    simulator.scenario(AMC, "cut_after", "CLC", count=2)
    leave(stay)
    change(stay, StayKind.EXTERNAL, units["MCO"])
    assert stay.agreements.get(closed_at__isnull=True).state == "tacit"
    assert not stay.bills.exists()
    rest()
    assert state_of(stay) == (0, 1, ["succeeded"])
    assert stay.invoices.get(payer=Payer.AMC).agreement is not None


def test_what_was_billed_without_the_amc_is_taken_back_until_it_has_answered(present, units, simulator) -> None:
    simulator.scenario(AMC, "code:RC15", "CLC", count=1)
    stay = present(StayKind.DAY)
    services.enter_activity(stay.pk, "CS", care_date(stay), 1, SYSTEM)
    leave(stay)
    assert stay.bills.get().amc_share == 0
    simulator.scenario(AMC, "http:500", "IDB", count=2)
    change(stay, StayKind.EXTERNAL, units["MCO"])
    assert not stay.bills.filter(status="current").exists()
    rest()
    assert stay.bills.get(status="current").amc_share > 0


def test_a_perimeter_that_closes_leaves_what_was_engaged(present, establishment, referent) -> None:
    stay = present()
    leave(stay)
    perimeter.move(establishment, "MCO", PerimeterMode.CLOSED, referent, timezone.localdate())
    while perimeter.apply_due():
        pass
    settle()
    stays.ask_rights_again(stay.pk, SYSTEM)
    settle()
    assert stay.rights.first().code == "HORS_PERIMETRE"
    assert state_of(stay) == (1, 0, [])


@pytest.mark.parametrize(
    ("was", "becomes"),
    [(StayKind.DAY, StayKind.EXTERNAL), (StayKind.EXTERNAL, StayKind.DAY)],
    ids=["day care to external", "external to day care"],
)
def test_inside_roc_it_is_engaged_again_for_what_it_is(was, becomes, present, units) -> None:
    stay = present(was)
    services.enter_activity(stay.pk, "CS", care_date(stay), 1, SYSTEM)
    leave(stay)
    first = stay.engagements.get()
    change(stay, becomes, units["MCO"])
    rest()
    assert state_of(stay) == (1, 0, ["succeeded"])
    again = stay.engagements.get(status=EngagementStatus.IN_FORCE)
    assert again.pk != first.pk
    assert again.call.parameters["dossier"] == ("EXTERNE" if becomes == StayKind.EXTERNAL else "SEJOUR")
    live = stay.invoices.filter(payer=Payer.AMC, status=InvoiceStatus.READY)
    assert [invoice.engagement_id for invoice in live] == [again.pk]


def test_the_card_already_read_gives_its_other_convention_and_asks_nothing(present, units, debtor) -> None:
    """One convention for stays, another for external care: the debtor of that context is in the table."""
    other = DebtorFactory(amc_number=AMC, name="Prévoyance du Rail, soins de ville")
    AssociationFactory(debtor=other, convention="ZZ", domain="MCO")
    stay = present(StayKind.DAY, conventions=(Convention("RO", "MCO", "S"), Convention("ZZ", "MCO", "E")))
    change(stay, StayKind.EXTERNAL, units["MCO"])
    held = coverages_on(stay.patient_id, care_date(stay), CoverageKind.AMC).get()
    assert (held.convention, held.debtor, held.member_number) == ("ZZ", other, "08441927")
    # The directory has no such convention: the attestation is enough for external care, at once.
    assert stay.agreements.get(closed_at__isnull=True).state == "tacit"
    assert "Accord tacite de Prévoyance du Rail, soins de ville" in sentence_of(stay)


def test_a_movement_to_another_field_is_the_same_switch(present, units) -> None:
    stay = present()
    stays.move(stay.pk, units["PSY"], timezone.now(), SYSTEM)
    settle()
    assert state_of(stay) == (0, 1, [])
    stays.move(stay.pk, units["MCO"], timezone.now(), SYSTEM)
    settle()
    assert state_of(stay) == (0, 0, [])
    assert stay.rights.first().code == "OK"
    assert stay.events.filter(kind=EventKind.STAY_REQUALIFIED).count() == 2


def test_an_invoice_that_has_left_forbids_it_and_says_what_to_do(present, units) -> None:
    stay = present()
    leave(stay)
    stay.invoices.filter(payer=Payer.AMC).update(status=InvoiceStatus.SENT, sent_at=timezone.now())
    with pytest.raises(Refused, match="facture est déjà partie") as told:
        requalify(stay.pk, StayKind.EXTERNAL, units["MCO"], Requalification.CODING, SYSTEM)
    assert "rejetée se corrige" in told.value.sentence
    stay.refresh_from_db()
    assert stay.kind == StayKind.FULL


def test_what_the_amc_announced_of_another_field_is_shown_no_more(present, units) -> None:
    stay = present()
    assert "SIM" in estimate_of(stay).word
    stay = change(stay, stay.kind, units["SMR"], Requalification.TRANSFER)
    shown = estimate_of(stay)
    assert (shown.provisional, last_estimate(stay)) == (True, None)
    stay = change(stay, stay.kind, units["MCO"])
    assert "SIM" in estimate_of(stay).word
    assert stay.calls.filter(operation="SIM", status=CallStatus.SUCCEEDED).count() == 1


def test_two_desks_do_not_requalify_over_each_other_and_nothing_is_not_a_change(present, units) -> None:
    stay = present()
    with pytest.raises(Refused, match="Rien ne change"):
        requalify(stay.pk, stay.kind, stay.unit, Requalification.CODING, SYSTEM)
    requalify(stay.pk, StayKind.DAY, units["MCO"], Requalification.CODING, SYSTEM, version=stay.version)
    with pytest.raises(Conflict):
        requalify(stay.pk, StayKind.FULL, units["MCO"], Requalification.CODING, SYSTEM, version=stay.version)


def test_from_the_screen_and_by_rest(present, units, signed_in, api) -> None:
    stay = present()
    client = signed_in(Role.AGENT)
    page = reverse("admissions:act", args=[stay.iep, "requalification"])
    assert "Requalifier le séjour" in client.get(page).content.decode()
    said = {"kind": "full", "unit": units["SMR"].pk, "reason": "transfer", "version": stay.version}
    assert client.post(page, said).status_code == 302
    settle()
    panel = client.get(reverse("billing:stay-invoices", args=[stay.iep])).content.decode()
    assert "Séjour requalifié\u00a0: hospitalisation, SMR." in panel
    assert client.post(page, said).status_code == 409
    stay.refresh_from_db()
    body = {"kind": "full", "unit": "3120", "reason": "mistake", "version": stay.version}
    answer = api().post(f"/api/v1/stays/{stay.iep}/requalification", body, content_type="application/json")
    assert (answer.status_code, answer.json()["domain"]) == (200, "MCO")
