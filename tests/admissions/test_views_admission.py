"""The admission in one flow: plan the stay, ask the demands, declare the coverages, admit."""

from __future__ import annotations

import datetime as dt

import pytest
from django.urls import reverse
from django.utils import timezone

from admissions.enums import CoverageKind, EventKind, RequestCode, StayStatus
from admissions.models import AdmissionEvent, Coverage, ParticularRequest, Stay
from tests.admissions.desk import YEAR, card, plan, url
from tests.admissions.desk import desk as desk
from tests.admissions.desk import stay as stay
from tests.factories import (
    AmoCoverageFactory,
    AssociationFactory,
    CoverageFactory,
    DebtorFactory,
    FundFactory,
    PatientFactory,
    StayFactory,
    UnitFactory,
)

pytestmark = pytest.mark.django_db


# ---- a stay for a known person ----


def test_a_pre_admission_is_one_form_and_leads_to_its_admission(desk, establishment) -> None:
    patient, unit = PatientFactory(), UnitFactory()
    answer = desk.post(reverse("admissions:new-stay", args=[patient.ipp]), plan(unit))
    stay = Stay.objects.get()
    assert answer["Location"] == url("admission", stay)
    assert (stay.status, stay.created_by.first_name) == (StayStatus.PREADMITTED, "Nadia")


def test_a_pre_admission_sent_twice_is_one_stay(desk, establishment) -> None:
    patient = PatientFactory()
    sent = plan(UnitFactory())
    for _ in range(2):
        desk.post(reverse("admissions:new-stay", args=[patient.ipp]), sent)
    assert Stay.objects.count() == 1
    assert AdmissionEvent.objects.filter(kind=EventKind.STAY_PREADMITTED).count() == 1


def test_a_card_scanned_before_the_stay_exists_is_read_with_it(desk, establishment) -> None:
    patient = PatientFactory()
    debtor = AssociationFactory(debtor=DebtorFactory(amc_number="7000000042")).debtor
    waiting = desk.post(reverse("admissions:scan-ahead"), {"scan": card()}).text
    assert "Carte lue" in waiting and 'form="admission"' in waiting
    desk.post(reverse("admissions:new-stay", args=[patient.ipp]), plan(UnitFactory(), card=card()))
    assert Coverage.objects.get(patient=patient).debtor == debtor


def test_a_bracelet_scanned_while_a_stay_is_typed_is_no_card(desk, establishment) -> None:
    stay = StayFactory(establishment=establishment)
    answer = desk.post(reverse("admissions:scan-ahead"), {"scan": stay.iep})
    assert answer.status_code == 422 and "votre saisie reste" in answer.text and 'name="card"' not in answer.text
    assert 'name="card"' in desk.post(reverse("admissions:scan-ahead"), {"scan": "100000000"}).text


def test_a_refused_plan_keeps_what_was_typed(desk, establishment) -> None:
    patient = PatientFactory()
    answer = desk.post(
        reverse("admissions:new-stay", args=[patient.ipp]),
        plan(UnitFactory(), planned_end_at="01/01/2020", card=card()),
    )
    assert answer.status_code == 422
    assert "La sortie prévue précède l’entrée." in answer.text
    assert 'value="01/01/2020"' in answer.text and 'name="card"' in answer.text
    assert not Stay.objects.exists()


@pytest.mark.parametrize(
    ("typed", "hour"),
    [
        ("21/11/2026 14:30", "14:30"),
        ("211126 1430", "14:30"),
        ("21.11.2026 14h", "14:00"),
        ("21/11/2026 à 9:05", "09:05"),
        ("21112026", "00:00"),
    ],
)
def test_dates_are_typed_as_they_come(desk, establishment, typed, hour) -> None:
    desk.post(reverse("admissions:new-stay", args=[PatientFactory().ipp]), plan(UnitFactory(), start_at=typed))
    assert f"{timezone.localtime(Stay.objects.get().planned_start_at):%d/%m/%Y %H:%M}" == f"21/11/2026 {hour}"


# ---- admit ----


def admit(client, stay, **changes):
    sent = plan(stay.unit, version=str(stay.version), room="214", bed="B") | changes
    return client.post(url("admission", stay), sent)


def test_admitting_opens_the_stay_and_puts_the_patient_in_the_bed(desk, stay) -> None:
    assert admit(desk, stay)["Location"] == url("stay", stay)
    stay.refresh_from_db()
    assert stay.status == StayStatus.ADMITTED
    assert [(place.room, place.bed) for place in stay.movements.all()] == [("214", "B")]


def test_a_double_click_admits_once(desk, stay) -> None:
    assert admit(desk, stay).status_code == 302
    assert admit(desk, stay).status_code == 302
    assert AdmissionEvent.objects.filter(kind=EventKind.STAY_ADMITTED).count() == 1


def test_later_keeps_the_plan_and_admits_nobody(desk, stay) -> None:
    other = UnitFactory(code="4210", name="Orthopédie")
    answer = admit(desk, stay, later="1", unit=other.pk)
    assert answer["Location"] == reverse("admissions:arrivals")
    stay.refresh_from_db()
    assert (stay.status, stay.unit) == (StayStatus.PREADMITTED, other)


def test_an_hour_to_come_is_refused_beside_its_field(desk, stay) -> None:
    tomorrow = timezone.localtime() + dt.timedelta(days=1)
    answer = admit(desk, stay, start_at=f"{tomorrow:%d/%m/%Y %H:%M}")
    assert answer.status_code == 422
    assert "Cette heure est dans le futur." in answer.text and 'value="214"' in answer.text
    stay.refresh_from_db()
    assert stay.status == StayStatus.PREADMITTED


def test_a_plan_that_a_colleague_changed_meanwhile_is_not_overwritten(desk, stay) -> None:
    other = UnitFactory(code="4210", name="Orthopédie")
    admit(desk, stay, later="1", unit=other.pk)
    mine = UnitFactory(code="2210", name="Cardiologie")
    answer = admit(desk, stay, unit=mine.pk)
    assert answer.status_code == 409
    assert "4210 Orthopédie" in answer.text and "2210 Cardiologie" in answer.text and 'value="214"' in answer.text
    stay.refresh_from_db()
    assert (stay.unit, stay.status) == (other, StayStatus.PREADMITTED)


def test_an_admitted_stay_has_no_admission_page_any_more(desk, stay) -> None:
    admit(desk, stay)
    assert desk.get(url("admission", stay))["Location"] == url("stay", stay)


# ---- demands ----


def toggle(client, stay, wanted, code=RequestCode.SINGLE_ROOM):
    return client.post(url("request-toggle", stay, code), {"wanted": "on"} if wanted else {}, HTTP_HX_REQUEST="true")


def test_a_demand_acts_at_once_and_its_part_is_that_of_the_page(desk, stay) -> None:
    answer = toggle(desk, stay, True)
    assert answer["HX-Trigger"] == "gap:acted"
    assert ParticularRequest.objects.get(stay=stay).code == RequestCode.SINGLE_ROOM
    assert answer.text.strip() in desk.get(url("admission", stay)).text


def test_a_demand_taken_back_before_the_patient_came_never_was(desk, stay) -> None:
    toggle(desk, stay, True)
    toggle(desk, stay, False)
    assert not ParticularRequest.objects.exists()
    kinds = AdmissionEvent.objects.filter(stay=stay).order_by("pk").values_list("kind", flat=True)
    assert list(kinds) == [EventKind.REQUEST_ADDED, EventKind.REQUEST_ENDED]


def test_a_box_ticked_in_two_tabs_is_one_demand(desk, stay) -> None:
    toggle(desk, stay, True)
    toggle(desk, stay, True)
    assert ParticularRequest.objects.count() == 1


# ---- coverages ----


def test_the_amo_is_declared_in_place(desk, stay) -> None:
    fund = FundFactory()
    place = desk.get(url("declare", stay, "amo")).text
    assert fund.name in place
    answer = desk.post(
        url("declare", stay, "amo"),
        {"fragment": "ille", "debtor": fund.pk, "valid_from": f"01/01/{YEAR}", "valid_until": f"31/12/{YEAR}"},
    )
    assert answer["HX-Trigger"] == "gap:acted"
    assert Coverage.objects.get().kind == CoverageKind.AMO


def test_rights_that_end_before_they_begin_are_refused_beside_the_date(desk, stay) -> None:
    fund = FundFactory()
    answer = desk.post(
        url("declare", stay, "amo"),
        {"fragment": "", "debtor": fund.pk, "valid_from": f"31/12/{YEAR}", "valid_until": f"01/01/{YEAR}"},
    )
    assert answer.status_code == 422 and "Les droits finissent avant de commencer." in answer.text
    assert f'value="01/01/{YEAR}"' in answer.text


def test_a_caisse_is_no_mutuelle(desk, stay) -> None:
    fund = FundFactory()
    answer = desk.post(url("declare", stay, "amc"), {"fragment": "", "debtor": fund.pk, "valid_from": f"01/01/{YEAR}"})
    assert answer.status_code == 422 and not Coverage.objects.exists()


@pytest.mark.parametrize("part", ["amo", "amc"])
def test_a_section_redrawn_alone_is_the_section_of_the_page(desk, stay, part) -> None:
    AmoCoverageFactory(patient=stay.patient)
    CoverageFactory(patient=stay.patient)
    alone = desk.get(url("coverage", stay, part)).text.strip()
    assert alone in desk.get(url("admission", stay)).text


def test_a_member_number_is_entered_in_place(desk, stay) -> None:
    coverage = CoverageFactory(patient=stay.patient, member_number=None)
    refused = desk.post(url("member-number", stay, coverage.pk), {"member_number": "??"})
    assert refused.status_code == 422 and 'value="??"' in refused.text and "lettres et des chiffres" in refused.text
    assert (
        desk.post(url("member-number", stay, coverage.pk), {"member_number": "08 441 927"})["HX-Trigger"] == "gap:acted"
    )
    coverage.refresh_from_db()
    assert coverage.member_number == "08441927"


def test_the_member_number_that_was_refused_is_not_taken_for_a_new_one(desk, stay) -> None:
    coverage = CoverageFactory(patient=stay.patient, member_number="08441927")
    answer = desk.post(url("member-number", stay, coverage.pk), {"member_number": "08 441 927"})
    assert answer.status_code == 422 and "déjà celui du dossier" in answer.text
    assert 'value="08 441 927"' in answer.text


def test_the_coverage_of_another_patient_is_not_found(desk, stay) -> None:
    other = CoverageFactory()
    assert desk.post(url("member-number", stay, other.pk), {"member_number": "A1"}).status_code == 404
