"""The day's arrivals: what each misses, by hour, filtered, exported."""

from __future__ import annotations

import csv
import datetime as dt
import io

import pytest
import tablib
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.enums import Role
from admissions.enums import CoverageKind, IdentityStatus, RightsStatus
from admissions.events import SYSTEM
from admissions.models import Coverage, Rights, Stay
from admissions.services import stays
from teleservices.enums import CallStatus, Disposition
from teleservices.models import TeleserviceCall
from tests.factories import AmoCoverageFactory, CoverageFactory, PatientFactory, StayFactory, UnitFactory, known_as

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk(signed_in):
    return signed_in(Role.AGENT)


def at(hour: int, minute: int = 0) -> dt.datetime:
    return timezone.localtime().replace(hour=hour, minute=minute, second=0, microsecond=0)


def arriving(hour: int = 12, *, covered: bool = True, checked: bool = True, **traits) -> Stay:
    patient = PatientFactory(**traits)
    if checked:
        known_as(IdentityStatus.VALIDATED, patient)
    if covered:
        AmoCoverageFactory(patient=patient)
        CoverageFactory(patient=patient)
    return StayFactory(patient=patient, unit=UnitFactory(), planned_start_at=at(hour))


def amc_of(stay: Stay) -> Coverage:
    return Coverage.objects.get(patient=stay.patient, kind=CoverageKind.AMC)


def answered(stay: Stay, status: str, code: str = "") -> None:
    Rights.objects.create(
        stay=stay,
        coverage=amc_of(stay),
        status=status,
        code=code,
        care_date=timezone.localdate(),
        answered_at=timezone.now(),
    )


def called(stay: Stay, status: str, **fields) -> TeleserviceCall:
    event = stays.record_event(stay, "stay_preadmitted", SYSTEM)
    coverage = amc_of(stay)
    values = {"operation": "IDB", "not_before": timezone.now(), "debtor": coverage.debtor} | fields
    values["channel"] = coverage.debtor.amc_number
    return TeleserviceCall.objects.create(stay=stay, coverage=coverage, event=event, status=status, **values)


def page(client, **query) -> str:
    return client.get(reverse("admissions:arrivals"), query).text


def test_a_complete_file_misses_nothing(desk) -> None:
    answered(arriving(), RightsStatus.OPEN)
    assert "dossier complet" in page(desk)


def test_what_a_person_must_do_is_said_in_the_order_of_the_admission(desk) -> None:
    unchecked = arriving(checked=False)
    assert "Pièce d’identité à contrôler" in page(desk)
    known_as(IdentityStatus.VALIDATED, unchecked.patient)
    Coverage.objects.all().delete()
    assert "Assurance maladie à saisir" in page(desk)
    AmoCoverageFactory(patient=unchecked.patient)
    assert "Carte de mutuelle à scanner" in page(desk)


def test_rights_asked_and_not_answered_are_awaited(desk) -> None:
    arriving()
    assert "Droits AMC demandés" in page(desk)


@pytest.mark.parametrize(
    ("status", "fields", "said"),
    [
        (
            CallStatus.REFUSED,
            {"disposition": Disposition.INFORM_PATIENT, "return_code": "RC15", "finished_at": timezone.now()},
            "contrat résilié à la date des soins",
        ),
        (
            CallStatus.REFUSED,
            {"disposition": Disposition.ASK_MEMBER_NUMBER, "return_code": "RC22", "finished_at": timezone.now()},
            "N° d’adhérent à saisir",
        ),
        (CallStatus.PLANNED, {}, "Droits AMC demandés à"),
        (
            CallStatus.PLANNED,
            {"attempts_count": 1, "cause": "not_sent", "not_before": timezone.now() + dt.timedelta(days=1)},
            "Sans réponse, essai à",
        ),
        (CallStatus.NEEDS_REFERENT, {"cause": "idb_url_missing"}, "Appel arrêté, au référent"),
    ],
)
def test_what_the_calls_say_of_an_arrival_is_on_its_line(desk, status, fields, said) -> None:
    called(arriving(), status, **fields)
    assert said in page(desk)


def test_once_the_patient_is_told_only_the_refusal_is_still_said(desk) -> None:
    stay = arriving()
    answered(stay, RightsStatus.CLOSED, "RC15")
    call = called(
        stay, CallStatus.REFUSED, disposition=Disposition.INFORM_PATIENT, return_code="RC15", finished_at=timezone.now()
    )
    told = desk.post(reverse("teleservices:patient-informed", args=[stay.iep, call.pk]))
    assert told.status_code == 204
    shown = page(desk)
    assert "Tiers payant refusé" in shown and "Prévenir" not in shown


def test_filters_are_in_the_address_and_count(desk) -> None:
    answered(arriving(9, birth_name="COMPLET"), RightsStatus.OPEN)
    arriving(10, birth_name="INCOMPLET", covered=False)
    admitted = arriving(8, birth_name="ARRIVE")
    stays.admit(admitted.pk, min(timezone.now(), at(8)), SYSTEM)
    everything = page(desk)
    assert "COMPLET" in everything and "ARRIVE" not in everything
    missing = page(desk, vue="incompletes")
    assert "INCOMPLET" in missing and "dossier complet" not in missing
    assert "ARRIVE" in page(desk, vue="admises")
    assert 'aria-label="8 h\u00a0: 1 arrivé sur 1"' in everything.replace(" :", "\u00a0:")
    assert "INCOMPLET" in page(desk, heure="10") and "COMPLET</a>" not in page(desk, heure="8")


def test_a_late_patient_is_told_late(signed_in) -> None:
    with time_machine.travel(at(12, 32), tick=False):
        arriving(12)
        arriving(13)
        text = page(signed_in(Role.AGENT))
    assert "retard 32\u00a0min" in text.replace("&nbsp;", "\u00a0") and text.count("retard ") == 1


def test_another_day_is_asked_by_its_address(desk) -> None:
    stay = arriving(birth_name="DEMAIN")
    tomorrow = timezone.localdate() + dt.timedelta(days=1)
    Stay.objects.filter(pk=stay.pk).update(planned_start_at=at(10) + dt.timedelta(days=1))
    assert "DEMAIN" not in page(desk)
    assert "DEMAIN" in page(desk, jour=f"{tomorrow:%d/%m/%Y}")


def test_what_is_exported_is_what_is_filtered(desk) -> None:
    answered(arriving(9, birth_name="COMPLET"), RightsStatus.OPEN)
    arriving(10, birth_name="INCOMPLET", covered=False)
    answer = desk.get(reverse("admissions:arrivals-export", args=["csv"]), {"vue": "incompletes"})
    rows = list(csv.DictReader(io.StringIO(answer.getvalue().decode("utf-8-sig")), delimiter=";"))
    assert [row["Nom"] for row in rows] == ["INCOMPLET"]
    assert rows[0]["Ce qui manque"] == "Assurance maladie à saisir"
    book = desk.get(reverse("admissions:arrivals-export", args=["xlsx"]), {"vue": "incompletes"})
    assert tablib.Dataset().load(book.content, "xlsx")["Nom"] == ["INCOMPLET"]
    assert desk.get(reverse("admissions:arrivals-export", args=["pdf"])).status_code == 404


def test_pages_hold_fifty_lines_and_as_many_queries_as_for_one(desk) -> None:
    counts = []
    for number in (1, 60):
        while Stay.objects.count() < number:
            arriving(9)
        with CaptureQueriesContext(connection) as queries:
            text = page(desk)
        counts.append(len(queries))
    assert counts[0] == counts[1]
    assert text.count("dt-row-link") == 50 and "Page suivante" in text
    assert page(desk, page="2").count("dt-row-link") == 10


def test_the_panel_alone_is_that_of_the_page(desk) -> None:
    arriving()
    alone = desk.get(reverse("admissions:arrivals-panel")).text.strip()
    assert alone in page(desk)


def test_an_empty_day_says_so(desk) -> None:
    assert "Aucune arrivée prévue ce jour." in page(desk)
