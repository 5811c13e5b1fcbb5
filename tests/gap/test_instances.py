"""Instances made in a light way are those of Django, whatever the query; no model of ours asks for more."""

from __future__ import annotations

from typing import Any

import pytest
from django.apps import apps
from django.db import connection
from django.db.models import F, Model, QuerySet
from django.db.models.functions import Coalesce
from django.db.models.signals import post_init, pre_init
from django.test.utils import CaptureQueriesContext

from admissions.models import Coverage, Patient, Stay
from billing.models import Invoice
from gap.instances import light
from teleservices.models import TeleserviceCall
from tests.factories import AmoCoverageFactory, CoverageFactory, PatientFactory, StayFactory, invented_nir
from tests.worklists import scene

OURS = ("accounts", "admissions", "billing", "debtors", "teleservices", "worklists")


def same(found: Model, expected: Model) -> None:
    """The same attributes, the same relations already read, as deep as they go."""
    assert type(found) is type(expected)
    kept, awaited = dict(vars(found)), dict(vars(expected))
    state, awaited_state = kept.pop("_state"), awaited.pop("_state")
    assert kept == awaited
    assert (state.adding, state.db) == (awaited_state.adding, awaited_state.db) == (False, "default")
    assert state.fields_cache.keys() == awaited_state.fields_cache.keys()
    for name, related in awaited_state.fields_cache.items():
        if related is None:
            assert state.fields_cache[name] is None
        else:
            same(state.fields_cache[name], related)


def everything() -> list[QuerySet[Any]]:
    return [
        Patient.objects.all(),
        Stay.objects.select_related("patient", "unit__establishment", "created_by"),
        Stay.objects.defer("domain", "patient__birth_name").select_related("patient"),
        Stay.objects.only("iep", "patient__nir").select_related("patient"),
        Stay.objects.annotate(since=Coalesce("started_at", "planned_start_at"), named=F("patient__birth_name")),
        Coverage.objects.select_related("debtor__operator", "card", "association__debtor").order_by("-pk"),
        TeleserviceCall.objects.select_related("stay__patient", "follows__debtor", "handled_by"),
        Invoice.objects.select_related("stay__patient", "engagement", "replaces"),
    ]


@pytest.mark.django_db
@pytest.mark.parametrize("number", range(8))
def test_light_instances_are_those_of_django(number: int) -> None:
    scene.everything()
    PatientFactory(nir=invented_nir(3))
    asked = everything()[number].order_by("pk")
    expected = list(asked)
    assert expected
    with CaptureQueriesContext(connection) as queries:
        found = list(light(asked))
    assert len(queries) == 1
    assert found == expected
    for one, other in zip(found, expected, strict=True):
        same(one, other)


@pytest.mark.django_db
def test_a_light_instance_lives_as_any_other() -> None:
    made = StayFactory()
    found = light(Stay.objects.defer("domain")).get(pk=made.pk)
    assert found.domain == made.domain  # read when it is asked for
    found.cancel_reason = "doublon"
    found.save(update_fields=["cancel_reason"])
    assert Stay.objects.get(pk=made.pk).cancel_reason == "doublon"
    found.refresh_from_db()
    assert found == made and hash(found) == hash(made)


@pytest.mark.django_db
def test_slices_and_iterators_are_light_too() -> None:
    patient = PatientFactory()
    made = [AmoCoverageFactory(patient=patient), CoverageFactory(patient=patient)]
    rows = light(Coverage.objects.filter(patient=patient).select_related("debtor").order_by("pk"))
    assert list(rows[:1]) == made[:1]
    assert list(rows.iterator(chunk_size=1)) == made


@pytest.mark.django_db
def test_what_is_not_instances_or_comes_from_a_related_manager_is_left_as_it_is() -> None:
    stay = StayFactory()
    for rows in (Stay.objects.values("pk"), Stay.objects.values_list("pk"), stay.patient.stays.all()):
        assert light(rows) is rows


def test_no_model_of_the_house_needs_more_than_its_attributes_in_place() -> None:
    for label in OURS:
        for model in apps.get_app_config(label).get_models():
            assert model.from_db.__func__ is Model.from_db.__func__, model
            assert "__init__" not in vars(model), model
            assert not post_init.has_listeners(model) and not pre_init.has_listeners(model), model
