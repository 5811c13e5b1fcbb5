"""What a stay waits for, and from whom: the first thing that holds it up."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from django.utils import timezone

from admissions.enums import CoverageKind, StayStatus
from admissions.models import Stay
from admissions.querysets import care_date, coverages_on
from billing.enums import LIVE, AgreementState, BillStatus, InvoiceStatus, Payer
from billing.models import Agreement, Invoice
from billing.pricing import price
from billing.rules.split import NotDecided
from gap.text import format_date, format_datetime
from teleservices.enums import OPEN, CallStatus, Disposition
from teleservices.models import TeleserviceCall


class Who(StrEnum):
    AGENT = "agent"
    REFERENT = "referent"
    BILLING = "billing"
    CASHIER = "cashier"
    PAYER = "payer"
    SYSTEM = "system"


WHO_LABELS = [
    (Who.AGENT.value, "agent d’accueil"),
    (Who.REFERENT.value, "référent"),
    (Who.BILLING.value, "facturation"),
    (Who.CASHIER.value, "régie"),
    (Who.PAYER.value, "l’organisme"),
    (Who.SYSTEM.value, "le système, de lui-même"),
]


@dataclass(frozen=True, slots=True)
class NextAction:
    """`code` is stable, for programs; `message` is a French sentence, for people."""

    code: str
    who: Who
    message: str


# What a refused call asks of a person; the other refusals wait for an event, by themselves.
_ON_REFUSAL = {
    Disposition.ASK_MEMBER_NUMBER: ("enter_member_number", Who.AGENT, "Demander la carte et saisir le n° d’adhérent."),
    Disposition.INFORM_PATIENT: ("inform_patient", Who.AGENT, "Prévenir le patient : pas de tiers payant."),
    Disposition.REFERENT: ("look_at_refusal", Who.REFERENT, "Regarder le refus de l’organisme."),
    Disposition.STORE: ("look_at_unknown_code", Who.REFERENT, "Regarder un code retour encore inconnu."),
    Disposition.ESCALATE: ("report_anomaly", Who.REFERENT, "Signaler l’anomalie à l’éditeur."),
    Disposition.WAIT_ALIGNMENT: (
        "wait_alignment",
        Who.SYSTEM,
        "Les régimes connus diffèrent : l’appel repart quand les droits AMO changent.",
    ),
}


def next_action(stay: Stay) -> NextAction | None:
    """The first thing that holds this stay up; None when it is over."""
    if stay.status in (StayStatus.CANCELLED, StayStatus.CLOSED):
        return None
    return _missing(stay) or _calls(stay) or _agreement(stay) or _progress(stay)


def _missing(stay: Stay) -> NextAction | None:
    if stay.patient.nir_index is None:
        return NextAction("enter_nir", Who.AGENT, "Saisir le NIR : sans lui, aucun organisme ne trouve le patient.")
    if not coverages_on(stay.patient_id, care_date(stay), CoverageKind.AMO).exists():
        return NextAction("declare_amo", Who.AGENT, "Saisir les droits de l’assurance maladie (AMO).")
    return None


def _calls(stay: Stay) -> NextAction | None:
    calls = list(stay.calls.select_related("debtor").order_by("-planned_at", "-pk"))
    for call in calls:
        if call.status == CallStatus.NEEDS_REFERENT:
            return NextAction("mend_setting", Who.REFERENT, f"Appel {call.operation} arrêté par un réglage à corriger.")
    for call in calls:
        live = call.status == CallStatus.REFUSED and call.superseded_at is None and call.handled_at is None
        if live and call.disposition in _ON_REFUSAL:
            code, who, message = _ON_REFUSAL[Disposition(call.disposition)]
            return NextAction(code, who, message)
    return next((_waiting(call) for call in calls if call.status in OPEN), None)


def _waiting(call: TeleserviceCall) -> NextAction:
    message = f"Réponse de {call.whom} attendue ({call.operation})."
    if call.not_before > timezone.now():
        message += f" Nouvel essai le {format_datetime(timezone.localtime(call.not_before))}."
    return NextAction("wait_answer", Who.SYSTEM, message)


def _agreement(stay: Stay) -> NextAction | None:
    """Outside ROC: what is asked of a payer before the stay may be billed."""
    found = Agreement.objects.filter(stay=stay, closed_at__isnull=True).select_related("debtor").first()
    if found is None:
        return None
    if found.state == AgreementState.TO_ASK:
        return NextAction("ask_agreement", Who.BILLING, f"Demander la prise en charge à {found.debtor.name}, hors ROC.")
    if stay.status == StayStatus.DISCHARGED and found.state in (AgreementState.REQUESTED, AgreementState.SUSPENDED):
        return NextAction("wait_agreement", Who.PAYER, f"Réponse de {found.debtor.name} attendue (prise en charge).")
    return None


def _progress(stay: Stay) -> NextAction | None:
    if stay.status == StayStatus.PREADMITTED:
        day = format_date(timezone.localdate(stay.planned_start_at))
        return NextAction("admit", Who.AGENT, f"Admettre le patient à son arrivée, prévue le {day}.")
    if stay.status == StayStatus.ADMITTED:
        return NextAction("discharge", Who.AGENT, "Saisir la sortie quand le patient part.")
    if not stay.bills.filter(status=BillStatus.CURRENT).exists():
        try:
            lines = price(stay)
        except NotDecided as problem:
            return NextAction("decide", Who.BILLING, problem.reason)
        if not lines:
            return NextAction("enter_activity", Who.BILLING, "Saisir les actes : rien n’est à facturer encore.")
        return NextAction("wait_billing", Who.SYSTEM, "Le séjour va être facturé.")
    invoices = Invoice.objects.filter(stay=stay, status__in=LIVE).exclude(status=InvoiceStatus.PAID).order_by("pk")
    return _of_invoices(list(invoices))


def _of_invoices(invoices: list[Invoice]) -> NextAction | None:
    for invoice in invoices:
        if invoice.status == InvoiceStatus.REJECTED:
            return NextAction("correct_invoice", Who.BILLING, f"Corriger la facture rejetée n° {invoice.number}.")
    for invoice in invoices:
        if invoice.blocked_reason:
            return NextAction("unblock_invoice", Who.BILLING, f"Facture n° {invoice.number} : {invoice.blocked_reason}")
    for invoice in invoices:
        if invoice.agreement_id and invoice.status == InvoiceStatus.READY:
            return NextAction("send_invoice", Who.BILLING, f"Envoyer la facture n° {invoice.number}, hors ROC.")
    for invoice in invoices:
        if invoice.payer == Payer.PATIENT:
            return NextAction("collect", Who.CASHIER, f"Encaisser la part du patient, facture n° {invoice.number}.")
    if invoices:
        return NextAction("wait_payment", Who.PAYER, f"Paiement attendu de la facture n° {invoices[0].number}.")
    return None
