"""Five of the stories of `make journey`, step by step."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from bench.journey import people
from bench.journey.expected import Shares, external_care, medicine_stay, without_amc
from bench.journey.ground import Ground
from bench.journey.journal import Journal
from bench.journey.people import Patient
from bench.journey.rest import euros

FUND = "AMO013510000"
MEDICINE, IMAGING = "3120", "7010"
_SETTLED = "paid"


class Hospital:
    """What the stories share: the API as one program uses it, and the day, frozen so that midnight changes nothing."""

    def __init__(self, ground: Ground, journal: Journal, now: datetime) -> None:
        self.ground = ground
        self.rest = ground.rest
        self.journal = journal
        self.now = now
        self.today = now.date()

    # ---- what a desk does ----

    def preadmit(self, who: Patient, kind: str, unit: str, start: datetime, end: datetime | None) -> str:
        """Patient, pre-admission and AMO rights. Returns the IEP."""
        patient = self.rest.post("/patients", who.traits())
        plan: dict[str, Any] = {"patient": patient["ipp"], "unit": unit, "kind": kind}
        plan["planned_start_at"] = start.isoformat()
        if end:
            plan["planned_end_at"] = end.isoformat()
        stay = self.rest.post("/stays", plan)
        since = self.today.replace(year=self.today.year - 1)
        self.rest.post(f"/stays/{stay['iep']}/coverages", {"debtor": FUND, "valid_from": since.isoformat()})
        self.journal.check("État du séjour", "preadmitted", stay["status"])
        return str(stay["iep"])

    def read_card(self, who: Patient, iep: str, day: datetime) -> None:
        """The scanner types the card; the table is empty, so the debtor is chosen once."""
        text = {"text": who.card(day.date())}
        outcome = self.rest.post(f"/stays/{iep}/cards", text)
        if outcome["outcome"] == "grid":
            path = f"/stays/{iep}/cards/{outcome['card']['id']}/debtor"
            self.rest.post(path, {"debtor": f"AMC{who.amc}"})
        self.journal.check("N° AMC lu", who.amc, outcome["card"]["amc_number"])
        status, again = self.rest.status_of_post(f"/stays/{iep}/cards", text)
        self.journal.check("Carte relue : rien ne change", (200, True), (status, again["unchanged"]))

    def arrive(self, who: Patient, kind: str, unit: str, start: datetime, end: datetime | None = None) -> str:
        iep = self.preadmit(who, kind, unit, start, end)
        self.read_card(who, iep, start)
        return iep

    def admit(self, iep: str, at: datetime) -> None:
        stay = self.rest.post(f"/stays/{iep}/admit", {"started_at": at.isoformat(), "room": "214", "bed": "P"})
        self.journal.check("État du séjour", "admitted", stay["status"])

    def discharge(self, iep: str, at: datetime) -> None:
        stay = self.rest.post(f"/stays/{iep}/discharge", {"ended_at": at.isoformat(), "mode": "home"})
        self.journal.check("État du séjour", "discharged", stay["status"])

    # ---- what is read ----

    def stay(self, iep: str) -> dict[str, Any]:
        return dict(self.rest.get(f"/stays/{iep}"))

    def wait_rights(self, iep: str, status: str, code: str = "") -> None:
        def answered(stay: dict[str, Any]) -> bool:
            rights = _amc(stay)["rights"]
            return bool(rights) and rights["status"] == status

        stay = self.rest.wait(f"/stays/{iep}", answered, f"Droits « {status} »")
        if code:
            self.journal.check("Code retour", code, _amc(stay)["rights"]["code"])

    def wait_estimate(self, iep: str, expected: Shares) -> None:
        """The AMC's answer to a SIM, with these shares."""

        def announced(stay: dict[str, Any]) -> bool:
            estimate = stay["estimate"]
            return bool(estimate) and estimate["from_amc"] and euros(estimate["total"]) == expected.total

        estimate = self.rest.wait(f"/stays/{iep}", announced, f"Estimation de {expected.total} €")["estimate"]
        self.journal.check("Parts AMO, AMC, patient", _shares(expected), _shares_told(estimate))

    def wait_engagement(self, iep: str, amount: Decimal, seconds: float = 30) -> None:
        stay = self.rest.wait(f"/stays/{iep}", lambda stay: bool(stay["engagement"]), "Engagement", seconds)
        self.journal.check("Montant engagé", amount, euros(stay["engagement"]["amount"]))
        theirs = self.ground.engagements(iep)
        self.journal.check("Engagements chez l’AMC", [str(amount)], [one["amount"] for one in theirs])
        numbers = [one["number"] for one in theirs]
        self.journal.check("N° d’engagement", numbers, [stay["engagement"]["number"]])

    def wait_invoices(self, iep: str, expected: Shares) -> dict[str, dict[str, Any]]:
        """One invoice for each payer that owes something, and no other."""
        owed = {"AMO": expected.amo, "AMC": expected.amc, "PATIENT": expected.patient}
        owed = {payer: amount for payer, amount in owed.items() if amount}
        path = f"/invoices?stay={iep}"
        found = self.rest.wait(path, lambda page: len(page["results"]) >= len(owed), "Factures")["results"]
        self.journal.check("Montant par payeur", owed, {row["payer"]: euros(row["amount"]) for row in found})
        return {row["payer"]: row for row in found}

    def wait_paid(self, number: str) -> dict[str, Any]:
        """The lot leaves, is acknowledged, and its payment comes, by themselves."""
        invoice = self.rest.wait(f"/invoices/{number}", lambda row: row["status"] == _SETTLED, "Paiement (578R)")
        self.journal.check("Payé", euros(invoice["amount"]), euros(invoice["paid_amount"]))
        self.journal.check("Envoyée, reçue", [True, True], [bool(invoice["sent_at"]), bool(invoice["acknowledged_at"])])
        return dict(invoice)

    def pay(self, invoice: dict[str, Any], means: str, reference: str) -> None:
        body = {
            "amount": invoice["amount"],
            "means": means,
            "reference": reference,
            "received_on": self.today.isoformat(),
        }
        first = self.rest.post(f"/invoices/{invoice['number']}/payments", body, key=f"pay-{reference}")
        again = self.rest.post(f"/invoices/{invoice['number']}/payments", body, key=f"pay-{reference}")
        self.journal.check("Paiement envoyé deux fois : pris une fois", first["id"], again["id"])

    def wait_closed(self, iep: str) -> None:
        stay = self.rest.wait(f"/stays/{iep}", lambda stay: stay["status"] == "closed", "Séjour soldé")
        self.journal.check("Il n’y a plus rien à faire", None, stay["next_action"])

    def check_calls(self, iep: str, *operations: str) -> None:
        """What payers were asked, in order; who the patient is, and what the AMO owes them, was asked of others."""
        rows = self.rest.every("/calls", stay=iep)
        asked = [row["operation"] for row in rows if row["operation"] not in ("INSI", "CDRI")]
        self.journal.check("Appels", list(operations), asked)

    def wait_fund(self, iep: str) -> None:
        """CDRi has been asked once, and says the caisse of the dossier."""

        def confirmed(stay: dict[str, Any]) -> bool:
            return any(cover["kind"] == "AMO" and cover["confirmed"] for cover in stay["coverages"])

        stay = self.rest.wait(f"/stays/{iep}", confirmed, "Caisse confirmée par CDRi")
        amo = next(cover for cover in stay["coverages"] if cover["kind"] == "AMO")
        self.journal.check("Caisse, pièce", (FUND, "2"), (amo["debtor"]["code"], amo["piece"]))
        asked = self.rest.every("/calls", stay=iep, operation="CDRI")
        self.journal.check("Questions à CDRi", ["OK"], [row["return_code"] for row in asked])

    def wait_identity(self, iep: str) -> None:
        """INSi has found who it is, in one try, and the matricule does not travel before a document is compared."""
        path = f"/patients/{self.stay(iep)['patient']}"
        patient = self.rest.wait(path, lambda row: row["identity_status"] == "RECUP", "Identité récupérée")
        self.journal.check("Matricule non qualifié", None, patient["ins"])
        asked = self.rest.every("/calls", stay=iep, operation="INSI")
        self.journal.check("Questions à INSi", [("00", None)], [(row["return_code"], row["debtor"]) for row in asked])


def rights_of(stay: dict[str, Any]) -> tuple[str, str]:
    """Status and code of the last answer of the AMC."""
    rights = _amc(stay)["rights"]
    return (rights["status"], rights["code"]) if rights else ("", "")


def _amc(stay: dict[str, Any]) -> dict[str, Any]:
    return next(cover for cover in stay["coverages"] if cover["kind"] == "AMC")


def _shares(shares: Shares) -> tuple[Decimal, Decimal, Decimal]:
    return shares.amo, shares.amc, shares.patient


def _shares_told(estimate: dict[str, Any]) -> tuple[Decimal | None, ...]:
    return tuple(euros(estimate[name]) for name in ("amo_share", "amc_share", "patient_share"))


# ---- stories ----


def a_stay(hospital: Hospital) -> None:
    """(a) A stay, from the pre-admission to its settlement."""
    step, who = hospital.journal.step, people.HELENE
    start, end = hospital.now - timedelta(days=3), hospital.now + timedelta(days=1)
    with step("a1  pré-admission, droits AMO"):
        iep = hospital.preadmit(who, "full", MEDICINE, start, end)
    with step("a2  INSi, de lui-même : identité récupérée"):
        hospital.wait_identity(iep)
    with step("a2a CDRi, de lui-même : caisse confirmée, une seule question"):
        hospital.wait_fund(iep)
    with step("a2b carte scannée, organisme choisi une fois"):
        hospital.read_card(who, iep, start)
    with step("a3  annuaire puis IDB, d’eux-mêmes : droits ouverts"):
        hospital.wait_rights(iep, "open")
        hospital.check_calls(iep, "ANNUAIRE", "IDB")
    with step("a4  admission : SIM, part de la mutuelle"):
        hospital.admit(iep, start)
        hospital.wait_estimate(iep, medicine_stay(4, end.date()))
    with step("a5  chambre particulière : SIM de nouveau, reste à charge plus haut"):
        yesterday = (hospital.today - timedelta(days=1)).isoformat()
        hospital.rest.post(f"/stays/{iep}/requests", {"code": "CHP", "starts_on": yesterday, "signed_on": yesterday})
        hospital.wait_estimate(iep, medicine_stay(4, end.date(), single_room_nights=2))
    final = medicine_stay(3, hospital.today, single_room_nights=1)
    with step("a6  sortie : CLC, engagement"):
        hospital.discharge(iep, hospital.now)
        hospital.wait_engagement(iep, final.amc)
        hospital.check_calls(iep, "ANNUAIRE", "IDB", "SIM", "SIM", "CLC")
    with step("a7  trois factures, une par payeur"):
        invoices = hospital.wait_invoices(iep, final)
    with step("a8  DRE-ES envoyée, ARL reçu, 578R : la mutuelle a payé"):
        hospital.wait_paid(invoices["AMC"]["number"])
        kinds = [row["kind"] for row in hospital.rest.every("/exchange-files")]
        hospital.journal.check("Fichiers échangés", ["DRE-ES", "ARL", "578R"], kinds)
        billed = [bool(one["billed_at"]) for one in hospital.ground.engagements(iep)]
        hospital.journal.check("Engagement facturé, chez l’AMC", [True], billed)
    with step("a9  virement de l’AMO et carte bancaire du patient : séjour soldé"):
        hospital.pay(invoices["AMO"], "transfer", f"VIR-{iep}")
        hospital.pay(invoices["PATIENT"], "card", f"TPE-{iep}")
        hospital.wait_closed(iep)


def external_acts(hospital: Hospital) -> None:
    """(b) External care: IDB and CLC, no SIM."""
    step, who = hospital.journal.step, people.SAMIR
    midnight = hospital.now.replace(hour=0, minute=0, second=0, microsecond=0)
    start = max(hospital.now - timedelta(hours=1), midnight)
    with step("b1  consultation : carte lue, droits ouverts"):
        iep = hospital.arrive(who, "external", IMAGING, start)
        hospital.wait_rights(iep, "open")
    final = external_care("CS", "RAD")
    with step("b2  deux actes, sortie : CLC sans SIM"):
        hospital.admit(iep, start)
        for code in ("CS", "RAD"):
            act = {"code": code, "performed_on": hospital.today.isoformat(), "quantity": 1}
            hospital.rest.post(f"/stays/{iep}/activities", act)
        hospital.discharge(iep, hospital.now)
        hospital.wait_engagement(iep, final.amc)
        hospital.check_calls(iep, "ANNUAIRE", "IDB", "CLC")
    with step("b3  deux factures, rien au patient ; la mutuelle paie"):
        invoices = hospital.wait_invoices(iep, final)
        hospital.wait_paid(invoices["AMC"]["number"])


def refused_card(hospital: Hospital) -> None:
    """(c) A contract that has ended: rights closed, the patient is told, the stay is billed without the AMC."""
    step, who = hospital.journal.step, people.ODILE
    start = hospital.now - timedelta(days=1)
    with step("c1  contrat résilié (RC15) : droits fermés"):
        iep = hospital.arrive(who, "full", MEDICINE, start)
        hospital.wait_rights(iep, "closed", code="RC15")
    with step("c2  à faire : prévenir le patient, à l’accueil"):
        action = hospital.stay(iep)["next_action"]
        hospital.journal.check("Prochaine action", ("inform_patient", "agent"), (action["code"], action["who"]))
    with step("c3  sortie : facturé sans la mutuelle, sans l’appeler"):
        hospital.admit(iep, start)
        hospital.discharge(iep, hospital.now)
        hospital.wait_invoices(iep, without_amc(medicine_stay(1, hospital.today)))
        hospital.check_calls(iep, "ANNUAIRE", "IDB")
        hospital.journal.check("Engagements chez l’AMC", [], hospital.ground.engagements(iep))


def outage_begins(hospital: Hospital) -> str:
    """(d) The AMC goes down at the worst moment: it engages, and its answer is lost; then it is down. Returns the IEP."""
    step, who = hospital.journal.step, people.RUI
    start = hospital.now - timedelta(days=2)
    with step("d1  séjour présent, droits ouverts"):
        iep = hospital.arrive(who, "full", MEDICINE, start)
        hospital.wait_rights(iep, "open")
        hospital.admit(iep, start)
        hospital.wait_estimate(iep, medicine_stay(2, hospital.today))
    with step("d2  sortie pendant la panne : issue inconnue, aucun refus, aucune facture"):
        # The last said comes first: cut after the processing, then HTTP 500.
        hospital.ground.scenario(who.amc, "http:500", "CLC", 1)
        hospital.ground.scenario(who.amc, "cut_after", "CLC", 1)
        hospital.discharge(iep, hospital.now)
        path = f"/calls?stay={iep}&operation=CLC"
        tried = hospital.rest.wait(
            path, lambda page: any(row["attempts_count"] and row["status"] == "unknown" for row in page["results"]),
            "CLC à l’issue inconnue",
        )["results"]  # fmt: skip
        hospital.journal.check("Peut-être reçu par l’AMC", [True], [row["in_doubt"] for row in tried])
        action = hospital.stay(iep)["next_action"]
        hospital.journal.check("Qui agit", ("wait_answer", "system"), (action["code"], action["who"]))
        hospital.journal.check("Factures", [], hospital.rest.every("/invoices", stay=iep))
    return iep


def outage_ends(hospital: Hospital, iep: str) -> None:
    """(d, continued) It comes back: the same message is sent again by itself, one engagement in all."""
    step, who = hospital.journal.step, people.RUI
    final = medicine_stay(2, hospital.today)
    with step("d3  organisme revenu : le même message repart seul, un seul engagement"):
        hospital.wait_engagement(iep, final.amc, seconds=60)
        calls = hospital.rest.every("/calls", stay=iep, operation="CLC")
        hospital.journal.check("Un seul appel, trois essais", [3], [call["attempts_count"] for call in calls])
        sent = {str(one["message_id"]) for one in hospital.ground.received(who.amc, "CLC")}
        hospital.journal.check("Un seul message", {calls[0]["message_id"]}, sent)
    with step("d4  facturé une fois, payé"):
        hospital.wait_paid(hospital.wait_invoices(iep, final)["AMC"]["number"])


def rejected_invoice(hospital: Hospital) -> None:
    """(e) A rejected invoice is corrected, and leaves again under a new number."""
    step, who = hospital.journal.step, people.FATOUMATA
    start = hospital.now - timedelta(days=1)
    final = medicine_stay(1, hospital.today)
    with step("e1  séjour facturé"):
        hospital.ground.reject_next_invoice("NOM-INC", "Nom du beneficiaire different")
        iep = hospital.arrive(who, "full", MEDICINE, start)
        hospital.wait_rights(iep, "open")
        hospital.admit(iep, start)
        hospital.discharge(iep, hospital.now)
        first = hospital.wait_invoices(iep, final)["AMC"]
    with step("e2  908R : facture rejetée, avec son motif"):
        path = f"/invoices/{first['number']}"
        rejected = hospital.rest.wait(path, lambda row: row["status"] == "rejected", "Rejet (908R)")
        hospital.journal.check("Motif", "NOM-INC", rejected["rejection_code"])
        action = hospital.stay(iep)["next_action"]
        hospital.journal.check("À faire", ("correct_invoice", "billing"), (action["code"], action["who"]))
    with step("e3  corrigée : nouveau numéro, chaîné à l’ancien"):
        body = {"note": "Nom corrigé d’après la pièce d’identité", "version": rejected["version"]}
        second = hospital.rest.post(f"/invoices/{first['number']}/correct-and-resend", body)
        hospital.journal.check("Nouveau numéro", True, second["number"] != first["number"])
        hospital.journal.check("Remplace", first["number"], second["replaces"])
        hospital.journal.check("Même montant", final.amc, euros(second["amount"]))
        former = hospital.rest.get(f"/invoices/{first['number']}")
        hospital.journal.check("L’ancienne", ("replaced", second["number"]), (former["status"], former["replaced_by"]))
    with step("e4  payée sous son nouveau numéro"):
        hospital.wait_paid(second["number"])
        hospital.journal.check("L’ancienne n’est pas payée", "0.00", hospital.rest.get(path)["paid_amount"])
