"""A program drives a stay from its pre-admission to its payments by REST alone; payers answer over the real wire."""

from __future__ import annotations

import datetime as dt

import pytest
from django.utils import timezone

from tests.chain import settle
from tests.factories import DebtorFactory, FundFactory, UnitFactory

pytestmark = pytest.mark.django_db


def test_a_stay_goes_from_preadmission_to_payment_by_rest_alone(program, simulator, establishment) -> None:
    unit = UnitFactory(establishment=establishment)
    amo, amc = FundFactory(), DebtorFactory(amc_number="0099000104")
    now = timezone.now().replace(microsecond=0)
    start, end = now - dt.timedelta(days=3), now - dt.timedelta(hours=1)

    person = {"birth_name": "Kermadec", "first_names": "Jeanne", "birth_date": "1984-05-17", "sex": "F"}
    ipp = program.post("/patients", {**person, "nir": "284059999000159"})["ipp"]
    plan = {"patient": ipp, "unit": unit.code, "kind": "full", "planned_start_at": start.isoformat()}
    where = f"/stays/{program.post('/stays', plan)['iep']}"
    first_day = f"{start.year}-01-01"
    program.post(f"{where}/coverages", {"debtor": amo.code, "valid_from": first_day})
    declared = {"debtor": amc.code, "valid_from": first_day, "convention": "RO", "member_number": "08441927"}
    program.post(f"{where}/coverages", declared)
    settle()
    assert program.get(where)["coverages"][0]["rights"]["status"] == "open"
    assert program.get(where)["next_action"]["code"] == "admit"

    program.post(f"{where}/admit", {"started_at": start.isoformat(), "room": "214"}, 200)
    settle()
    estimate = program.get(where)["estimate"]
    assert estimate["from_amc"] is True

    program.post(f"{where}/discharge", {"ended_at": end.isoformat(), "mode": "home"}, 200)
    assert program.get(where)["next_action"]["code"] in ("wait_billing", "wait_answer")
    settle()
    stay = program.get(where)
    assert stay["engagement"]["number"]
    iep = stay["iep"]
    operations = [call["operation"] for call in program.get("/calls", stay=iep)["results"]]
    assert set(operations) == {"ANNUAIRE", "IDB", "SIM", "CLC"}

    invoices = program.get("/invoices", stay=iep)["results"]
    assert {invoice["payer"] for invoice in invoices} >= {"AMO", "AMC"}
    for number, invoice in enumerate(invoices):
        payment = {
            "amount": invoice["amount"],
            "means": "transfer",
            "reference": f"VIR-{number}",
            "received_on": now.date().isoformat(),
        }
        program.post(f"/invoices/{invoice['number']}/payments", payment)
    stay = program.get(where)
    assert (stay["status"], stay["next_action"]) == ("closed", None)
    assert program.get(f"{where}/events")["results"][0]["by"] == "système"
