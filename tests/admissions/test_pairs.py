"""Two dossiers of one person: found on change and by night, decided once, back when a trait changes."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import IntegrityError, transaction
from django.urls import reverse

from admissions.errors import Refused
from admissions.events import SYSTEM, Actor
from admissions.models import PairSweep, Patient, PatientPair
from admissions.services import merging, pairs
from admissions.services.patients import Traits, correct_patient
from tests.factories import PatientFactory
from worklists.registry import all_worklists

pytestmark = pytest.mark.django_db
BORN = dt.date(1951, 3, 4)


def somebody(name: str, establishment, first_names: str = "Solenn", **traits) -> Patient:
    patient = PatientFactory(birth_name=name, first_names=first_names, **({"birth_date": BORN, "nir": ""} | traits))
    patient.establishment = establishment
    patient.save(update_fields=["establishment"])
    return patient


def listed(establishment) -> set[int]:
    return set(all_worklists()["doublons-de-patients"].select(establishment.pk).values_list("pk", flat=True))


@pytest.fixture
def both(establishment) -> tuple[Patient, Patient]:
    one, other = somebody("KERMOAL", establishment), somebody("KERMAOL", establishment)
    pairs.look_for(other.pk)
    return one, other


def test_a_slip_of_the_hand_makes_a_pair_that_says_why(both, establishment) -> None:
    pair = PatientPair.objects.get()
    assert (pair.first, pair.second) == both
    assert "nom de naissance proche" in pair.reasons
    assert listed(establishment) == {pair.pk}
    pairs.look_for(both[0].pk)
    assert PatientPair.objects.count() == 1


def test_twins_and_namesakes_of_another_age_are_no_pair(establishment) -> None:
    one = somebody("KERMOAL", establishment)
    somebody("KERMOAL", establishment, first_names="Maël", birth_rank=2)
    somebody("KERMOAL", establishment, birth_date=dt.date(1987, 10, 21))
    assert pairs.look_for(one.pk) == 0
    assert not PatientPair.objects.exists()


def test_what_was_told_apart_stays_so_until_a_strict_trait_changes(both, establishment, referent) -> None:
    one, other = both
    with pytest.raises(Refused, match="deux personnes"):
        pairs.two_people(one, other, "  ", Actor(referent))
    pairs.two_people(other, one, "deux cousines", Actor(referent))
    assert listed(establishment) == set()
    pairs.look_for(one.pk)
    pair = PatientPair.objects.get()
    assert (pair.reason, pair.decided_by) == ("deux cousines", referent)
    correct_patient(other.pk, Traits("KERMOAL", "Solenn", BORN, "F"), SYSTEM, version=other.version)
    pairs.look_for(other.pk)
    pair.refresh_from_db()
    assert (pair.decided_at, pair.reason) == (None, "")
    assert listed(establishment) == {pair.pk}


def test_a_pair_that_no_longer_looks_alike_leaves(both) -> None:
    correct_patient(both[1].pk, Traits("TANGUY", "Yannick", BORN, "M"), SYSTEM, version=both[1].version)
    assert pairs.look_for(both[1].pk) == 0
    assert not PatientPair.objects.exists()


def test_merged_dossiers_leave_the_list_and_come_back_when_they_are_parted(both, establishment, referent) -> None:
    one, other = both
    done = merging.merge(other.pk, one.pk, "la même", Actor(referent))
    assert listed(establishment) == set()
    merging.unmerge(done.pk, Actor(referent))
    assert len(listed(establishment)) == 1


def test_the_night_goes_on_from_where_it_was(establishment, monkeypatch) -> None:
    somebody("KERMOAL", establishment)
    somebody("KERMAOL", establishment)
    monkeypatch.setattr(pairs, "_PIECE", 1)
    monkeypatch.setattr(pairs, "_TURN_S", 0.0)
    rounds = 0
    monkeypatch.setattr(pairs.time, "monotonic", iter([0.0, -1.0, 1.0] * 20).__next__)
    while pairs.sweep():
        rounds += 1
        assert PairSweep.objects.get().cursor > 0
    assert rounds >= 2
    assert (PairSweep.objects.get().cursor, PairSweep.objects.get().rounds) == (0, 1)
    assert PatientPair.objects.count() == 1


def test_a_referent_says_that_they_are_two_people_from_the_comparison(client, both, referent, establishment) -> None:
    one, other = both
    client.force_login(referent)
    page = client.get(reverse("admissions:merge", args=[other.ipp]) + f"?avec={one.ipp}")
    assert "Ce sont deux personnes" in page.content.decode()
    address = reverse("admissions:two-people", args=[other.ipp])
    said = client.post(address, {"avec": one.ipp, "reason": ""}, follow=True)
    assert "Dites pourquoi" in said.content.decode()
    client.post(address, {"avec": one.ipp, "reason": "deux cousines"})
    assert PatientPair.objects.get().reason == "deux cousines"
    assert (
        "deux cousines"
        in client.get(reverse("admissions:merge", args=[other.ipp]) + f"?avec={one.ipp}").content.decode()
    )


def test_the_database_orders_a_pair_and_wants_a_reason(both) -> None:
    one, other = both
    pair = PatientPair.objects.get()
    with pytest.raises(IntegrityError, match="a_pair_of_patients_is_ordered"), transaction.atomic():
        PatientPair.objects.filter(pk=pair.pk).update(first=other, second=one)
    with pytest.raises(IntegrityError, match="two_people_have_a_reason"), transaction.atomic():
        PatientPair.objects.filter(pk=pair.pk).update(reason="parce que")
