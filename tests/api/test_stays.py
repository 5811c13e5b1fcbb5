"""/stays: the life of a stay by REST, and what is refused on the way."""

from __future__ import annotations

import datetime as dt

import pytest
from django.utils import timezone

from accounts.models import ApiClient
from admissions.enums import StayStatus
from admissions.models import AdmissionEvent, Stay
from billing.enums import Payer
from billing.models import TariffItem
from tests.factories import AmoCoverageFactory, CoverageFactory, PatientFactory, StayFactory, UnitFactory

pytestmark = pytest.mark.django_db

DAY = dt.timedelta(days=1)


@pytest.fixture
def now() -> dt.datetime:
    return timezone.now().replace(microsecond=0)


@pytest.fixture
def plan(establishment, now) -> dict[str, str]:
    return {
        "patient": PatientFactory().ipp,
        "unit": UnitFactory(establishment=establishment).code,
        "kind": "full",
        "planned_start_at": (now - 3 * DAY).isoformat(),
    }


def test_a_stay_lives_from_preadmission_to_discharge(program, plan, now, establishment) -> None:
    response = program.send("post", "/stays", plan)
    stay = response.json()
    assert response.status_code == 201
    assert response["location"] == f"/api/v1/stays/{stay['iep']}"
    assert (stay["status"], stay["patient"], stay["establishment"]) == ("preadmitted", plan["patient"], "350000022")
    where = f"/stays/{stay['iep']}"
    stay = program.post(f"{where}/admit", {"started_at": (now - 3 * DAY).isoformat(), "room": "214", "bed": "P"}, 200)
    assert stay["status"] == "admitted"
    assert (stay["movements"][0]["room"], stay["movements"][0]["ended_at"]) == ("214", None)
    UnitFactory(establishment=establishment, code="3200", name="Chirurgie")
    movement = program.post(f"{where}/movements", {"unit": "3200", "started_at": (now - 2 * DAY).isoformat()})
    assert movement["unit"] == {"code": "3200", "name": "Chirurgie", "domain": "MCO"}
    asked = program.post(f"{where}/requests", {"code": "CHP", "starts_on": (now - 2 * DAY).date().isoformat()})
    ended = program.post(f"{where}/requests/{asked['id']}/end", {"ends_on": (now - DAY).date().isoformat()}, 200)
    assert ended["ends_on"] == (now - DAY).date().isoformat()
    stay = program.post(f"{where}/discharge", {"ended_at": (now - DAY / 2).isoformat(), "mode": "home"}, 200)
    assert (stay["status"], stay["discharge_mode"]) == ("discharged", "home")
    corrected = program.put(
        f"{where}/discharge", {"ended_at": (now - DAY / 4).isoformat(), "mode": "transfer", "version": stay["version"]}
    )
    assert corrected["discharge_mode"] == "transfer"
    events = program.get(f"{where}/events")["results"]
    assert [event["kind"] for event in events][::-1][:2] == ["stay_admitted", "movement_added"]
    assert {event["by"] for event in events} == {ApiClient.objects.get().name}
    assert len(events) == AdmissionEvent.objects.count() == 7


def test_a_stay_shows_what_covers_it_and_what_it_waits_for(program, make_world) -> None:
    world = make_world()
    stay = program.get(f"/stays/{world.stay.iep}")
    amc, amo = stay["coverages"]
    assert (amc["kind"], amo["kind"]) == ("AMC", "AMO")
    assert amc["rights"]["status"] == "open"
    assert 0 <= amc["rights"]["age_s"] < 60
    assert amo["rights"] is None
    assert (stay["estimate"]["amc_share"], stay["estimate"]["from_amc"]) == ("15.00", False)
    assert stay["estimate"]["lines"][0]["derivation"] == "inventée"
    assert stay["engagement"]["number"] == world.invoice.engagement.number
    assert stay["next_action"] == {
        "code": "wait_payment",
        "who": "payer",
        "message": f"Paiement attendu de la facture n° {world.invoice.number}.",
    }


def test_the_next_action_is_the_first_thing_that_holds_the_stay_up(program, plan) -> None:
    patient = PatientFactory(nir="", birth_name="SANSNIR")
    iep = program.post("/stays", plan | {"patient": patient.ipp})["iep"]
    assert program.get(f"/stays/{iep}")["next_action"]["code"] == "enter_nir"
    iep = program.post("/stays", plan)["iep"]
    assert program.get(f"/stays/{iep}")["next_action"]["code"] == "declare_amo"
    stay = Stay.objects.get(iep=iep)
    AmoCoverageFactory(patient=stay.patient)
    assert program.get(f"/stays/{iep}")["next_action"]["code"] == "admit"
    program.post(f"/stays/{iep}/cancel", {"reason": "reporté"}, 200)
    assert program.get(f"/stays/{iep}")["next_action"] is None


def test_names_stay_out_of_stays(program, make_world) -> None:
    import json

    world = make_world()
    for address in ("/stays", f"/stays/{world.stay.iep}", f"/stays/{world.stay.iep}/events"):
        assert world.patient.birth_name not in json.dumps(program.get(address))


def test_filters_tell_stays_apart(program, establishment, now) -> None:
    other_unit = UnitFactory(establishment=establishment, code="9000", domain="SMR")
    one = StayFactory(planned_start_at=now)
    other = StayFactory(planned_start_at=now + 3 * DAY, unit=other_unit, kind="day", status=StayStatus.CANCELLED)

    def found(**query: object) -> list[str]:
        return [line["iep"] for line in program.get("/stays", **query)["results"]]

    assert found() == [other.iep, one.iep]
    assert found(ordering="planned_start_at") == [one.iep, other.iep]
    assert found(status="preadmitted") == [one.iep]
    assert found(status=["preadmitted", "cancelled"]) == [other.iep, one.iep]
    assert found(kind="day") == [other.iep]
    assert found(domain="SMR") == [other.iep]
    assert found(unit="9000") == [other.iep]
    assert found(patient=one.patient.ipp) == [one.iep]
    day = timezone.localdate(now)
    assert found(planned_to=day.isoformat()) == [one.iep]
    assert found(planned_from=(day + DAY).isoformat()) == [other.iep]
    assert program.get("/stays", 400, status="parti")["errors"][0]["field"] == "status"


def test_units_are_those_of_the_establishment(program, stranger, establishment) -> None:
    UnitFactory(establishment=establishment)
    assert [unit["code"] for unit in program.get("/units")["results"]] == ["3120"]
    assert stranger.get("/units")["count"] == 0


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"patient": "999999999"}, "patient"),
        ({"patient": "12"}, "patient"),
        ({"unit": "0000"}, "unit"),
        ({"kind": "hotel"}, "kind"),
        ({"planned_start_at": "hier"}, "planned_start_at"),
        ({"planned_start_at": "9999-12-31T23:59:59Z"}, "planned_start_at"),
        ({"planned_start_at": "0001-01-01T00:00:00Z"}, "planned_start_at"),
        ({"planned_start_at": "2026-03-29T02:30:00"}, "planned_start_at"),
        ({"status": "admitted"}, "status"),
    ],
)
def test_a_stay_that_cannot_be_is_refused_field_by_field(program, plan, change, field: str) -> None:
    problem = program.post("/stays", plan | change, 400)
    assert problem["errors"][0]["field"] == field
    assert not Stay.objects.exists()


def test_a_unit_or_a_patient_of_another_hospital_cannot_be_named(program, plan, elsewhere) -> None:
    foreign_unit = UnitFactory(establishment=elsewhere, code="7777")
    assert program.post("/stays", plan | {"unit": "7777"}, 400)["errors"][0]["field"] == "unit"
    theirs = StayFactory(unit=foreign_unit).patient
    assert program.post("/stays", plan | {"patient": theirs.ipp}, 400)["errors"][0]["field"] == "patient"


def test_a_planned_exit_before_the_entry_is_refused(program, plan, now) -> None:
    problem = program.post("/stays", plan | {"planned_end_at": (now - 4 * DAY).isoformat()}, 422)
    assert (problem["field"], problem["kept"]) == ("planned_end_at", "Rien n’a été modifié.")


def test_a_discharge_before_the_admission_is_refused_and_changes_nothing(program, plan, now) -> None:
    iep = program.post("/stays", plan)["iep"]
    body = {"ended_at": (now - DAY).isoformat(), "mode": "home"}
    assert "présent" in program.post(f"/stays/{iep}/discharge", body, 422)["message"]
    program.post(f"/stays/{iep}/admit", {"started_at": now.isoformat()}, 200)
    problem = program.post(f"/stays/{iep}/discharge", body, 422)
    assert problem["field"] == "ended_at"
    assert program.get(f"/stays/{iep}")["status"] == "admitted"


def test_an_admission_tomorrow_is_refused(program, plan, now) -> None:
    iep = program.post("/stays", plan)["iep"]
    assert program.post(f"/stays/{iep}/admit", {"started_at": (now + DAY).isoformat()}, 422)["field"] == "started_at"


def test_two_full_stays_that_overlap_are_refused(program, plan, now) -> None:
    first = program.post("/stays", plan)["iep"]
    program.post(f"/stays/{first}/admit", {"started_at": (now - 3 * DAY).isoformat()}, 200)
    second = program.post("/stays", plan | {"planned_start_at": (now - DAY).isoformat()})["iep"]
    problem = program.post(f"/stays/{second}/admit", {"started_at": (now - DAY).isoformat()}, 422)
    assert "déjà une hospitalisation" in problem["message"]
    assert program.get(f"/stays/{second}")["status"] == "preadmitted"


def test_the_same_preadmission_twice_is_refused_even_with_two_keys(program, plan) -> None:
    program.post("/stays", plan)
    assert "existe déjà" in program.post("/stays", plan, 422)["message"]


def test_a_correction_of_the_plan_needs_the_version_that_was_read(program, plan, now) -> None:
    stay = program.post("/stays", plan)
    later = (now + 2 * DAY).isoformat()
    changed = program.patch(f"/stays/{stay['iep']}", {"planned_end_at": later, "version": stay["version"]})
    assert dt.datetime.fromisoformat(changed["planned_end_at"]) == now + 2 * DAY
    assert changed["kind"] == "full"
    problem = program.patch(f"/stays/{stay['iep']}", {"kind": "day", "version": stay["version"]}, 409)
    assert problem["type"].endswith(":conflict")
    assert program.get(f"/stays/{stay['iep']}")["kind"] == "full"


def test_a_discharge_corrected_on_an_old_version_is_a_conflict(program, world, now) -> None:
    body = {"ended_at": (now - DAY).isoformat(), "mode": "death", "version": 99}
    program.put(f"/stays/{world.stay.iep}/discharge", body, 409)
    assert program.get(f"/stays/{world.stay.iep}")["discharge_mode"] == "home"


def test_a_request_of_another_stay_is_not_found(program, make_world) -> None:
    one, other = make_world(), make_world()
    body = {"ends_on": "2026-01-01"}
    program.post(f"/stays/{one.stay.iep}/requests/{other.request.pk}/end", body, 404)
    program.post(f"/stays/{one.stay.iep}/requests/{10**30}/end", body, 404)


def test_an_act_is_entered_and_listed(program, plan, now) -> None:
    TariffItem.objects.get_or_create(code="CS", defaults={"label": "Consultation", "family": "ACTE"})
    iep = program.post("/stays", plan)["iep"]
    program.post(f"/stays/{iep}/admit", {"started_at": (now - 3 * DAY).isoformat()}, 200)
    where, day = f"/stays/{iep}/activities", timezone.localdate(now).isoformat()
    act = program.post(where, {"code": "CS", "performed_on": day, "quantity": 2})
    assert program.get(where)["results"] == [act]
    assert program.post(where, {"code": "CS", "performed_on": "2020-01-01"}, 422)["field"] == "performed_on"
    assert program.post(where, {"code": "??", "performed_on": day}, 422)["field"] == "code"
    none = {"code": "CS", "performed_on": day, "quantity": 0}
    assert program.post(where, none, 400)["errors"][0]["field"] == "quantity"


def test_rights_asked_again_leave_an_event(program, world) -> None:
    answer = program.post(f"/stays/{world.stay.iep}/rights/ask-again", {}, 202)
    assert "redemandés" in answer["message"]
    assert AdmissionEvent.objects.filter(kind="rights_asked_again", client__isnull=False).count() == 1
    program.post(f"/stays/{world.stay.iep}/rights/ask-again", {"force": True}, 400)


def test_a_cancellation_says_why_once(program, plan) -> None:
    iep = program.post("/stays", plan)["iep"]
    program.post(f"/stays/{iep}/cancel", {"reason": " "}, 400)
    program.post(f"/stays/{iep}/cancel", {"reason": "reporté"}, 200)
    program.post(f"/stays/{iep}/cancel", {"reason": "reporté"}, 200)
    assert AdmissionEvent.objects.filter(kind="stay_cancelled").count() == 1


def test_a_coverage_in_force_another_day_is_not_shown(program, world) -> None:
    CoverageFactory(patient=world.patient, rank=2, valid_from=timezone.localdate() + 30 * DAY)
    assert len(program.get(f"/stays/{world.stay.iep}")["coverages"]) == 2
    assert world.invoice.payer == Payer.AMC
