"""Reads whose SQL is written once give what the queryset gives, whatever the values and however many threads."""

from __future__ import annotations

import datetime as dt
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, transaction
from django.db.models import BigIntegerField, Count, DateField, F, QuerySet
from django.db.models.functions import Coalesce
from django.db.transaction import TransactionManagementError
from django.test.utils import CaptureQueriesContext

from admissions.models import Coverage, Stay
from admissions.querysets import coverages_on
from gap.compiled import Compiled, Given
from tests.factories import AmoCoverageFactory, CoverageFactory, PatientFactory, StayFactory, invented_nir

pytestmark = pytest.mark.django_db


def stays() -> QuerySet[Stay]:
    return Stay.objects.select_related("patient", "unit__establishment")


BY_KEY = Compiled(lambda: stays().filter(pk=Given("stay", BigIntegerField())))
LOCKED = Compiled(lambda: Stay.objects.select_for_update().filter(pk=Given("stay", BigIntegerField())))
ON_A_DAY = Compiled(lambda: coverages_on(Given("patient", BigIntegerField()), Given("day", DateField())))


def test_the_instance_is_the_one_of_the_queryset_with_its_relations_and_decrypted_fields() -> None:
    made = StayFactory(patient=PatientFactory(nir=invented_nir(4)))
    with CaptureQueriesContext(connection) as queries:
        found = BY_KEY.get(stay=made.pk)
        assert found.patient.nir == invented_nir(4)
        assert found.unit.establishment == made.establishment
    assert len(queries) == 1
    expected = stays().get(pk=made.pk)
    assert found == expected and not found._state.adding
    for field in Stay._meta.concrete_fields:
        assert getattr(found, field.attname) == getattr(expected, field.attname)


def test_what_is_left_out_and_what_is_added_are_those_of_the_queryset() -> None:
    """Deferred fields are read when they are asked for; an annotation is an attribute."""
    made = StayFactory(patient=PatientFactory(birth_name="MORVAN"))
    trimmed = Compiled(
        lambda: (
            stays()
            .defer("domain", "patient__birth_name")
            .annotate(started=Coalesce("started_at", "planned_start_at"), named=F("patient__birth_name"))
            .filter(pk=Given("stay", BigIntegerField()))
        )
    )
    found = trimmed.get(stay=made.pk)
    assert (vars(found)["named"], vars(found)["started"]) == ("MORVAN", made.planned_start_at)
    assert found.get_deferred_fields() == {"domain"} and found.patient.get_deferred_fields() == {"birth_name"}
    with CaptureQueriesContext(connection) as queries:
        assert (found.domain, found.patient.birth_name) == (made.domain, "MORVAN")
    assert len(queries) == 2


def test_values_are_read_as_dicts_and_as_nothing_else() -> None:
    made = [StayFactory(), StayFactory()]
    counted = Compiled(
        lambda: (
            Stay.objects.filter(pk__lte=Given("last", BigIntegerField()))
            .values("patient", "unit__code")
            .annotate(count=Count("pk"))
            .order_by("patient")
        )
    )
    expected = [
        {"patient": stay.patient_id, "unit__code": stay.unit.code, "count": 1}
        for stay in sorted(made, key=lambda stay: stay.patient_id)
    ]
    assert counted.dicts(last=made[1].pk) == expected
    assert counted.dicts(last=0) == []
    with pytest.raises(TypeError):
        counted.all(last=0)
    with pytest.raises(TypeError):
        BY_KEY.dicts(stay=0)


def test_each_use_has_its_own_values() -> None:
    first, second = StayFactory(), StayFactory()
    assert [BY_KEY.get(stay=one.pk) for one in (first, second, first)] == [first, second, first]
    assert BY_KEY.first(stay=0) is None
    with pytest.raises(Stay.DoesNotExist):
        BY_KEY.get(stay=0)
    with pytest.raises(KeyError):
        BY_KEY.first(other=first.pk)


def test_many_rows_come_in_the_order_of_the_queryset() -> None:
    patient = PatientFactory()
    day = dt.date(2026, 6, 1)
    CoverageFactory(patient=patient, rank=2, valid_from=dt.date(2026, 1, 1))
    AmoCoverageFactory(patient=patient, valid_from=dt.date(2026, 1, 1))
    CoverageFactory(patient=patient, valid_from=dt.date(2026, 7, 1))
    CoverageFactory(valid_from=dt.date(2026, 1, 1))
    found = ON_A_DAY.all(patient=patient.pk, day=day)
    assert found == list(coverages_on(patient.pk, day)) and len(found) == 2
    assert {type(one) for one in found} == {Coverage}


@pytest.mark.django_db(transaction=True)
def test_a_row_is_never_locked_outside_a_transaction() -> None:
    stay = StayFactory()
    with transaction.atomic():
        assert LOCKED.get(stay=stay.pk) == stay
    with pytest.raises(TransactionManagementError):
        LOCKED.get(stay=stay.pk)


@pytest.mark.django_db(transaction=True)
def test_threads_share_the_text_and_nothing_else() -> None:
    made = [StayFactory() for _ in range(4)]
    fresh = Compiled(lambda: stays().filter(pk=Given("stay", BigIntegerField())))

    def read(number: int) -> bool:
        try:
            wanted = made[number % 4]
            return fresh.get(stay=wanted.pk) == wanted
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as threads:
        assert all(threads.map(read, range(24)))
