"""What the reception desk has in front of it: a person signed in, a planned stay, a card, a form."""

from __future__ import annotations

import datetime as dt
import uuid

import pytest
from django.urls import reverse
from django.utils import timezone

from accounts.enums import Role
from admissions.models import Stay
from debtors.datamatrix import CardFields, Convention, encode
from tests.factories import (
    PatientFactory,
    StayFactory,
    UnitFactory,
)

YEAR = timezone.localdate().year


def fields(number="7000000042", *, until=None, since=None, member="08441927") -> CardFields:
    return CardFields(
        since or dt.date(YEAR, 1, 1), until or dt.date(YEAR, 12, 31), number, (Convention("AC"),), "", member, True
    )


def card(number="7000000042", **dates) -> str:
    return encode(fields(number, **dates))


@pytest.fixture
def desk(signed_in):
    return signed_in(Role.AGENT)


@pytest.fixture
def stay(establishment) -> Stay:
    unit = UnitFactory()
    return StayFactory(patient=PatientFactory(), unit=unit)


def url(name: str, stay: Stay, *arguments: object) -> str:
    return reverse(f"admissions:{name}", args=[stay.iep, *arguments])


def plan(unit, **changes):
    return {
        "unit": unit.pk,
        "kind": "full",
        "start_at": f"{timezone.localtime():%d/%m/%Y %H:%M}",
        "planned_end_at": "",
        "prescription_date": "",
        "creation_key": str(uuid.uuid4()),
    } | changes
