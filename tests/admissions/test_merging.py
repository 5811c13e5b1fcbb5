"""Two dossiers of one person put together, and apart again: all moves, nothing is lost, two people never become one."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils import timezone

from accounts.enums import Role, Scope
from admissions.enums import EventKind, IdentityStatus, Protection, StayKind, StayStatus
from admissions.errors import Refused
from admissions.events import SYSTEM
from admissions.models import AdmissionEvent, Card, Coverage, Patient, Stay
from admissions.querysets import by_ipp, patients_of, search_patients
from admissions.services import merging
from tests.factories import AmoCoverageFactory, CoverageFactory, DebtorFactory, PatientFactory, StayFactory, known_as

pytestmark = pytest.mark.django_db
WHY = "même pièce d’identité"


@pytest.fixture
def pair(establishment) -> tuple[Patient, Patient]:
    """One person known twice: the dossier that goes, the one that stays."""
    kept = PatientFactory(birth_name="MORVAN", first_names="Hélène")
    gone = PatientFactory(birth_name="MORVANT", first_names="Hélène", phone="06 39 98 00 01")
    return gone, kept


def merged(gone: Patient, kept: Patient):
    done = merging.merge(gone.pk, kept.pk, WHY, SYSTEM)
    for patient in (gone, kept):
        patient.refresh_from_db()
    return done


def card_of(patient: Patient, mark: str) -> Card:
    return Card.objects.create(patient=patient, content=mark, fingerprint=mark * 64, recognised=False, reader="essai")


def everything(patient: Patient) -> dict[str, list[tuple]]:
    """What a dossier holds, as rows."""
    return {
        "stays": list(patient.stays.order_by("pk").values_list("pk", "status")),
        "coverages": list(patient.coverages.order_by("pk").values_list("pk", "active", "card")),
        "cards": list(patient.cards.order_by("pk").values_list("pk")),
        "traits": [(patient.nir, patient.phone, patient.protection)],
    }


def test_all_that_a_dossier_holds_moves_and_moves_back(pair) -> None:
    gone, kept = pair
    stay = StayFactory(patient=gone)
    twin, own = card_of(gone, "a"), card_of(gone, "b")
    theirs = card_of(kept, "a")
    overlapping = CoverageFactory(patient=gone, card=twin, debtor=DebtorFactory(amc_number="0099000104"))
    alone = AmoCoverageFactory(patient=gone)
    CoverageFactory(patient=kept)
    before = everything(gone), everything(kept)
    done = merged(gone, kept)
    assert gone.merged_into == kept
    assert list(kept.stays.all()) == [stay]
    assert set(kept.cards.all()) == {own, theirs}
    # Two complementary covers of one rank at one time: what the kept dossier says holds.
    overlapping.refresh_from_db()
    assert (overlapping.patient, overlapping.active, overlapping.card) == (kept, False, theirs)
    assert Coverage.objects.get(pk=alone.pk).active
    assert kept.phone == "06 39 98 00 01"
    merging.unmerge(done.pk, SYSTEM)
    for patient in pair:
        patient.refresh_from_db()
    assert gone.merged_into is None
    assert (everything(gone), everything(kept)) == before
    with pytest.raises(Refused, match="déjà défaite"):
        merging.unmerge(done.pk, SYSTEM)


def test_what_came_since_stays_with_the_dossier_that_was_kept(pair) -> None:
    gone, kept = pair
    done = merged(gone, kept)
    later = StayFactory(patient=kept)
    Patient.objects.filter(pk=kept.pk).update(phone="06 39 98 00 02")
    merging.unmerge(done.pk, SYSTEM)
    kept.refresh_from_db()
    assert (list(kept.stays.all()), kept.phone) == ([later], "06 39 98 00 02")


def test_the_number_of_the_dossier_that_went_keeps_answering(pair, establishment) -> None:
    gone, kept = pair
    first = PatientFactory(birth_name="MORVAND", first_names="Hélène")
    merged(first, gone)
    merged(gone, kept)
    ours = patients_of(establishment)
    for ipp in (first.ipp, gone.ipp, kept.ipp):
        assert by_ipp(ipp, ours) == kept
        assert list(search_patients(ipp, ours)) == [kept]
    assert list(search_patients("morvant", ours)) == []
    assert gone in patients_of(establishment, merged=True)


def test_two_qualified_identities_under_two_matricules_are_two_people(pair) -> None:
    gone, kept = pair
    known_as(IdentityStatus.QUALIFIED, gone, kept)
    with pytest.raises(Refused, match="deux personnes"):
        merging.merge(gone.pk, kept.pk, WHY, SYSTEM)
    with pytest.raises(IntegrityError, match="two_qualified_identities_are_two_people"), transaction.atomic():
        Patient.objects.filter(pk=gone.pk).update(merged_into=kept)
    # Nor by way of a dossier that was put with one of them before.
    between = PatientFactory(birth_name="MORVAN")
    merged(gone, between)
    with pytest.raises(Refused, match="deux personnes"):
        merging.merge(between.pk, kept.pk, WHY, SYSTEM)
    assert Patient.objects.filter(merged_into=kept).count() == 0


def test_two_hospital_stays_at_once_stop_a_merge_and_nothing_has_moved(pair) -> None:
    gone, kept = pair
    for patient in pair:
        stay = StayFactory(patient=patient, kind=StayKind.FULL)
        Stay.objects.filter(pk=stay.pk).update(
            status=StayStatus.ADMITTED, started_at=timezone.now() - dt.timedelta(days=1)
        )
    CoverageFactory(patient=gone)
    before = everything(gone), everything(kept)
    with pytest.raises(Refused, match="un séjour au même moment"):
        merging.merge(gone.pk, kept.pk, WHY, SYSTEM)
    assert (everything(gone), everything(kept)) == before
    assert not gone.merges.exists()


def test_nobody_comes_under_the_number_of_a_dossier_that_went(pair) -> None:
    gone, kept = pair
    merged(gone, kept)
    with pytest.raises(IntegrityError, match="stay_of_a_merged_patient"), transaction.atomic():
        StayFactory(patient=gone)
    for other, why in ((kept, "déjà fusionné"), (gone, "différents")):
        with pytest.raises(Refused, match=why):
            merging.merge(gone.pk, other.pk, WHY, SYSTEM)
    with pytest.raises(Refused, match="Dites pourquoi"):
        merging.merge(kept.pk, gone.pk, "  ", SYSTEM)


def test_the_stricter_protection_is_kept_and_the_open_stays_are_told(pair) -> None:
    gone, kept = pair
    Patient.objects.filter(pk=gone.pk).update(protection=Protection.EXPOSED)
    stay = StayFactory(patient=gone)
    merged(gone, kept)
    assert kept.protection == Protection.EXPOSED
    assert AdmissionEvent.objects.filter(stay=stay, kind=EventKind.PATIENT_CORRECTED).count() == 1


def test_the_surer_identity_is_kept_then_the_older_dossier(pair) -> None:
    gone, kept = pair
    assert merging.kept_first(gone, kept) == (gone, kept) == merging.kept_first(kept, gone)
    known_as(IdentityStatus.VALIDATED, gone)
    assert merging.kept_first(gone, kept) == (kept, gone)


def test_a_referent_sees_what_differs_and_what_moves_then_merges_and_undoes(
    signed_in, pair, django_assert_max_num_queries
) -> None:
    gone, kept = pair
    StayFactory(patient=gone)
    assert signed_in(Role.AGENT).get(reverse("admissions:merge", args=[gone.ipp])).status_code == 403
    referent = signed_in(Role.REFERENT)
    url = reverse("admissions:merge", args=[gone.ipp])
    assert "IPP de l’autre dossier" in referent.get(url).text
    assert "Aucun autre dossier" in referent.get(url, {"avec": gone.ipp}).text
    with django_assert_max_num_queries(32):
        page = referent.get(url, {"avec": kept.ipp}).text
    assert "MORVANT" in page and "1\u00a0séjour" in page and f"Gardé, {kept.ipp}" in page
    sent = {"avec": kept.ipp, "garder": kept.ipp}
    assert referent.post(url, sent).status_code == 422
    assert referent.post(url, sent | {"reason": WHY}, follow=True).status_code == 200
    # The address of the dossier that went shows the one that stands for it.
    shown = referent.get(reverse("admissions:patient", args=[gone.ipp])).text
    assert "MORVAN<" in shown and WHY in shown and "Défaire la fusion" in shown
    undone = reverse("admissions:unmerge", args=[kept.ipp])
    assert referent.post(undone, {"fusion": "000000000"}).status_code == 404
    assert "chaque dossier a de nouveau" in referent.post(undone, {"fusion": gone.ipp}, follow=True).text
    assert gone.stays.count() == 1


def test_the_other_dossier_may_be_the_one_to_keep(signed_in, pair) -> None:
    gone, kept = pair
    referent = signed_in(Role.REFERENT)
    url = reverse("admissions:merge", args=[gone.ipp])
    assert f"Retiré, {kept.ipp}" in referent.get(url, {"avec": kept.ipp, "garder": gone.ipp}).text
    referent.post(url, {"avec": kept.ipp, "garder": gone.ipp, "reason": WHY})
    kept.refresh_from_db()
    assert kept.merged_into == gone


def test_money_is_told_with_what_moves(pair, establishment) -> None:
    from billing.patients import held_by

    told = {held.label: (held.count, held.amount) for held in held_by(pair[0].pk)}
    assert told["facture,factures"] == (0, Decimal("0.00"))
    assert {"paiement,paiements", "engagement,engagements", "prise en charge,prises en charge"} <= set(told)


def test_a_program_that_knows_the_old_number_reads_the_dossier_that_stands_for_it(api, pair) -> None:
    gone, kept = pair
    merged(gone, kept)
    program = api(Scope.PATIENTS_READ)
    assert program.get(f"/api/v1/patients/{gone.ipp}").json()["ipp"] == kept.ipp
