"""Two stories of `make journey` outside ROC: a payer that is asked by letter, and a stay that changes sides twice."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from bench.journey import people
from bench.journey.expected import medicine_by_contract, medicine_stay
from bench.journey.stories import MEDICINE, Hospital, rights_of

_REHABILITATION = "5210"


def outside_roc(hospital: Hospital) -> None:
    """(f) A payer that the directory does not know: asked by letter, answered by contract lines, billed by them."""
    step, who, rest = hospital.journal.step, people.ANSELME, hospital.rest
    start, final = _contract(hospital)
    with step("f1  organisme hors ROC : la prise en charge s’ouvre seule"):
        iep = hospital.arrive(who, "full", MEDICINE, start)
        opened = wait_agreement(hospital, iep, "to_ask")
        hospital.journal.check("Droits", ("undetermined", "HORS_ROC"), rights_of(hospital.stay(iep)))
        _check_next(hospital, iep, "ask_agreement", "billing")
    with step("f2  demande partie, notée une fois"):
        address = f"/agreements/{opened['id']}"
        sent = [rest.post(f"{address}/sent", {}) for _ in range(2)]
        hospital.journal.check("Demandée une fois", sent[0], sent[1])
        hospital.journal.check("À relancer plus tard", True, sent[0]["remind_at"] > sent[0]["requested_at"])
        hospital.admit(iep, start)
        second_day = (start + timedelta(days=1)).date().isoformat()
        rest.post(f"/stays/{iep}/requests", {"code": "CHP", "starts_on": second_day, "signed_on": second_day})
    with step("f3  sortie avant la réponse : rien n’est facturé, l’organisme est attendu"):
        hospital.discharge(iep, hospital.now)
        _check_next(hospital, iep, "wait_agreement", "payer")
        hospital.journal.check("Factures", [], rest.every("/invoices", stay=iep))
    with step("f4  réponse par lignes de contrat : trois factures, aucun appel à l’organisme"):
        body = {"state": "granted", "number": "PEC-0412", "ceiling": "560.00", "version": sent[0]["version"]}
        body["lines"] = [
            {"covers": "TM", "percent": "80"},
            {"covers": "FJ", "percent": "100"},
            {"covers": "CHP", "percent": "100", "daily_cap": "45.00", "waiting_days": 2},
        ]
        for _ in range(2):
            rest.post(f"{address}/answer", body, key=f"pec-{iep}")
        invoices = hospital.wait_invoices(iep, final)
        hospital.journal.check("Réponses notées", 1, _acts(hospital, opened["id"]).count("answered"))
        hospital.check_calls(iep, "ANNUAIRE")
    with step("f5  facture hors ROC : postée, aucun lot ne la prend, virement, séjour soldé"):
        billed = rest.get(f"/invoices/{invoices['AMC']['number']}")
        hospital.journal.check(
            "Par la prise en charge", (opened["id"], None), (billed["agreement"], billed["engagement"])
        )
        _check_next(hospital, iep, "send_invoice", "billing")
        left = rest.post(f"/invoices/{billed['number']}/sent", {})
        hospital.journal.check("Envoyée, hors lot", ("sent", None), (left["status"], left["acknowledged_at"]))
        for payer, means in (("AMO", "transfer"), ("AMC", "transfer"), ("PATIENT", "card")):
            hospital.pay(invoices[payer], means, f"{payer}-{iep}")
        hospital.wait_closed(iep)
        hospital.journal.check("Engagements chez l’AMC", [], hospital.ground.engagements(iep))


def changes_sides(hospital: Hospital) -> str:
    """(g) A stay is requalified while its payer's answer is lost: engaged there, unknown here. Returns the IEP."""
    step, who = hospital.journal.step, people.NADIA
    start = hospital.now - timedelta(days=2)
    with step("g1  séjour de MCO sorti, réponse du CLC perdue"):
        iep = hospital.arrive(who, "full", MEDICINE, start)
        hospital.wait_rights(iep, "open")
        hospital.admit(iep, start)
        hospital.wait_estimate(iep, medicine_stay(2, hospital.today))
        # The last said comes first: cut after the processing, then HTTP 500.
        hospital.ground.scenario(who.amc, "http:500", "CLC", 1)
        hospital.ground.scenario(who.amc, "cut_after", "CLC", 1)
        hospital.discharge(iep, hospital.now)
        hospital.rest.wait(
            f"/calls?stay={iep}&operation=CLC",
            lambda page: any(row["attempts_count"] and row["status"] == "unknown" for row in page["results"]),
            "CLC à l’issue inconnue",
        )
    with step("g2  requalifié en SMR, hors ROC : prise en charge ouverte, rien n’est facturé"):
        _requalify(hospital, iep, _REHABILITATION, "transfer")
        wait_agreement(hospital, iep, "to_ask")
        hospital.journal.check("Factures", [], hospital.rest.every("/invoices", stay=iep))
    return iep


def changes_sides_again(hospital: Hospital, iep: str) -> None:
    """(g, continued) The engagement comes to light and is given up; back on ROC, it is asked once more and billed."""
    step, who = hospital.journal.step, people.NADIA
    final = medicine_stay(2, hospital.today)
    with step("g3  l’engagement retrouvé est annulé chez l’organisme, une fois"):
        path = f"/calls?stay={iep}&operation=DEL"
        hospital.rest.wait(path, lambda page: [row["status"] for row in page["results"]] == ["succeeded"], "DEL", 60)
        theirs = hospital.ground.engagements(iep)
        hospital.journal.check("Annulé chez l’AMC", [(str(final.amc), True)], _cancelled(theirs))
        hospital.journal.check("Un seul DEL", 1, _messages(hospital, who.amc, iep, "DEL"))
        wait_agreement(hospital, iep, "to_ask")
        hospital.journal.check("Factures", [], hospital.rest.every("/invoices", stay=iep))
    with step("g4  revenu en MCO : prise en charge fermée, droits et engagement demandés une fois"):
        _requalify(hospital, iep, MEDICINE, "mistake")
        hospital.rest.wait(f"/stays/{iep}", lambda stay: bool(stay["engagement"]), "Engagement")
        closed = hospital.rest.every("/agreements", stay=iep)
        hospital.journal.check(
            "Fermée", [("to_ask", "requalified")], [(one["state"], one["closed_reason"]) for one in closed]
        )
        theirs = hospital.ground.engagements(iep)
        hospital.journal.check(
            "Un seul en vigueur chez l’AMC", [(str(final.amc), True), (str(final.amc), False)], _cancelled(theirs)
        )
        hospital.check_calls(iep, "ANNUAIRE", "IDB", "SIM", "CLC", "ANNUAIRE", "DEL", "IDB", "CLC")
    with step("g5  facturé par l’engagement, payé"):
        hospital.wait_paid(hospital.wait_invoices(iep, final)["AMC"]["number"])


def wait_agreement(hospital: Hospital, iep: str, state: str) -> dict[str, Any]:
    """The open prise en charge of the stay, in this state."""

    def there(stay: dict[str, Any]) -> bool:
        found = stay["agreement"]
        return bool(found) and (found["state"], found["closed_at"]) == (state, None)

    stay = hospital.rest.wait(f"/stays/{iep}", there, f"Prise en charge « {state} »")
    return dict(stay["agreement"])


def _contract(hospital: Hospital) -> tuple[datetime, Any]:
    """Three nights, a single room from the second day: when it begins, and who owes what by the payer's answer."""
    final = medicine_by_contract(
        3,
        hospital.today,
        single_room_nights=2,
        percent=80,
        # Two waiting days from the entry: the room of the second night is not paid.
        paid_room_nights=1,
        room_cap=Decimal("45.00"),
        ceiling=Decimal("560.00"),
    )
    return hospital.now - timedelta(days=3), final


def _requalify(hospital: Hospital, iep: str, unit: str, reason: str) -> None:
    body = {"kind": "full", "unit": unit, "reason": reason, "version": hospital.stay(iep)["version"]}
    stay = hospital.rest.post(f"/stays/{iep}/requalification", body)
    hospital.journal.check("Service", unit, stay["unit"]["code"])


def _check_next(hospital: Hospital, iep: str, code: str, who: str) -> None:
    action = hospital.stay(iep)["next_action"]
    hospital.journal.check("À faire", (code, who), (action["code"], action["who"]))


def _acts(hospital: Hospital, agreement: int) -> list[str]:
    return [step["act"] for step in hospital.rest.get(f"/agreements/{agreement}")["steps"]]


def _cancelled(engagements: list[dict[str, object]]) -> list[tuple[object, bool]]:
    """Amount of each, the oldest first, and whether the payer cancelled it."""
    return [(one["amount"], bool(one["cancelled_at"])) for one in engagements]


def _messages(hospital: Hospital, amc: str, iep: str, operation: str) -> int:
    """How many different messages of this operation the payer received, of those that this stay planned."""
    mine = {call["message_id"] for call in hospital.rest.every("/calls", stay=iep, operation=operation)}
    return len(mine & {str(one["message_id"]) for one in hospital.ground.received(amc, operation)})
