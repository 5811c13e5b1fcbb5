"""An invoice in words: its steps with their dates, and the three sentences of its state. Pure functions of the row."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.utils import timezone

from billing.enums import InvoiceStatus, Payer
from billing.models import Invoice
from billing.restored import RESTORED
from gap.templatetags.gap_format import clock, euros, short_date

ARL_WAIT: Final = timedelta(hours=24)

#: State → (tone of the chip, icon).
TONES: Final[dict[str, tuple[str, str]]] = {
    InvoiceStatus.READY: ("plan", "circle-dashed"),
    InvoiceStatus.SENT: ("sys", "send"),
    InvoiceStatus.ACKNOWLEDGED: ("sys", "checks"),
    InvoiceStatus.REJECTED: ("stop", "ban"),
    InvoiceStatus.PARTLY_PAID: ("wait", "coin-euro"),
    InvoiceStatus.PAID: ("ok", "coin-euro"),
    InvoiceStatus.REPLACED: ("sys", "arrow-back-up"),
    InvoiceStatus.CANCELLED: ("sys", "x"),
}


@dataclass(frozen=True, slots=True)
class StepView:
    """One step of the track: done, now or todo."""

    label: str
    at: datetime | None
    state: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Sentences:
    """What happened, what the system does next and when, what you can do."""

    happened: str
    system: str
    you: str
    icon: str


def chip(invoice: Invoice) -> tuple[str, str, str]:
    """(tone, icon, word) of an invoice's state. A ready one that cannot leave is not « ready »."""
    if invoice.status == InvoiceStatus.READY and invoice.blocked_reason:
        return ("wait", "alert-triangle", "Bloquée")
    tone, icon = TONES[invoice.status]
    return (tone, icon, str(invoice.get_status_display()).capitalize())


def track(invoice: Invoice) -> list[StepView]:
    """The states of an invoice and their dates. A rejection is not a step: it is told below."""
    steps: list[tuple[str, datetime | None]] = []
    if invoice.payer == Payer.AMC and invoice.engagement:
        steps.append(("Engagée", invoice.engagement.engaged_at))
    steps.append(("Émise", invoice.created_at))
    if invoice.payer == Payer.AMC:
        steps += (
            [("Envoyée, hors ROC", invoice.sent_at)]
            if invoice.agreement_id
            else [("Envoyée, DRE-ES", invoice.sent_at), ("Acquittée, ARL +", invoice.acknowledged_at)]
        )
    steps.append(("Encaissée" if invoice.payer == Payer.PATIENT else "Payée", invoice.settled_at))
    done = [label for label, at in steps if at]
    last = done[-1] if done else ""
    return [
        StepView(label, at, "now" if label == last else "done" if at else "todo", _delay(invoice, label))
        for label, at in steps
    ]


def _delay(invoice: Invoice, label: str) -> str:
    start = invoice.sent_at or invoice.created_at
    if label not in ("Payée", "Encaissée") or not invoice.settled_at:
        return ""
    days = (timezone.localdate(invoice.settled_at) - timezone.localdate(start)).days
    return "le jour même" if days <= 0 else f"en {days} jour{'s' if days > 1 else ''}"


def sentences(invoice: Invoice) -> Sentences:
    """The three sentences of the state."""
    if invoice.agreement_id and not invoice.blocked_reason and invoice.status in _BY_HAND:
        return _BY_HAND[InvoiceStatus(invoice.status)]
    return _SENTENCES[InvoiceStatus(invoice.status)](invoice)


#: Outside ROC: nothing of the exchanges knows these invoices.
_BY_HAND: Final = {
    InvoiceStatus.READY: Sentences(
        "Elle est prête, par les lignes de la prise en charge.",
        "Hors ROC, elle ne part pas par les lots.",
        "Imprimez-la et postez-la, ou saisissez-la sur le portail de l’organisme, puis notez-la comme envoyée.",
        "send",
    ),
    InvoiceStatus.SENT: Sentences(
        "Elle est partie hors ROC.",
        "Aucun retour automatique n’est attendu.",
        "Constatez le paiement quand il arrive.",
        "clock",
    ),
}


def _ready(invoice: Invoice) -> Sentences:
    at = f"Émise le {short_date(invoice.created_at)}"
    if invoice.blocked_reason == RESTORED:
        return Sentences(
            "Elle est retenue\u00a0: l’hôpital est revenu à une sauvegarde, et elle est peut-être déjà partie.",
            "Elle ne part dans aucun lot tant que personne n’a dit si l’organisme l’a.",
            "Demandez-le-lui, puis répondez dans la liste « Factures retenues après restauration ».",
            "alert-triangle",
        )
    if invoice.blocked_reason:
        return Sentences(
            f"Elle ne peut pas partir : {_lower(invoice.blocked_reason)}",
            "Elle est réessayée à chaque envoi de lot : la donnée corrigée, elle part seule.",
            "Corrigez la donnée au dossier du patient.",
            "alert-triangle",
        )
    if invoice.payer == Payer.AMC:
        return Sentences(f"{at}.", "Elle part seule dans le prochain lot de son organisme.", "Rien.", "circle-dashed")
    if invoice.payer == Payer.AMO:
        return Sentences(
            f"{at}.", "Elle attend le paiement de la caisse.", "Constatez le paiement quand il arrive.", "clock"
        )
    return Sentences(
        f"{at} : la part qui reste au patient.", "Elle attend l’encaissement.", "Encaissez-la à la régie.", "clock"
    )


def _sent(invoice: Invoice) -> Sentences:
    at = f"Partie le {short_date(invoice.sent_at)} à {clock(invoice.sent_at)}."
    if invoice.sent_at and timezone.now() - invoice.sent_at > ARL_WAIT:
        return Sentences(
            f"{at} Aucun ARL depuis plus de 24 heures.",
            "Rien n’est renvoyé à l’aveugle : l’ARL sera pris dès qu’il arrive.",
            "Vérifiez le transport des fichiers, puis demandez l’ARL à l’organisme avec le n° du lot.",
            "alert-triangle",
        )
    return Sentences(at, "L’ARL est attendu sous 24 heures, il sera pris seul.", "Rien.", "send")


def _acknowledged(invoice: Invoice) -> Sentences:
    return Sentences(
        f"Reçue par l’organisme le {short_date(invoice.acknowledged_at)}.",
        "Le paiement (578R) sera rapproché seul à son arrivée.",
        "Rien.",
        "checks",
    )


def _rejected(invoice: Invoice) -> Sentences:
    code = f"{invoice.rejection_code} " if invoice.rejection_code else ""
    label = invoice.rejection_label or "sans libellé"
    return Sentences(
        f"Rejetée le {short_date(invoice.rejected_at)} : {code}{label}.",
        "Rien : une facture rejetée ne repart jamais sans que quelqu’un ait vu pourquoi.",
        "La donnée est corrigée : « Corriger et renvoyer ». C’est l’engagement qui est faux : « Recalculer ».",
        "ban",
    )


def _partly(invoice: Invoice) -> Sentences:
    due = euros(invoice.amount - invoice.paid_amount)
    return Sentences(
        f"{euros(invoice.paid_amount)} reçus, il reste {due}.",
        "Le reste sera rapproché seul s’il arrive par fichier.",
        "Constatez ce que vous voyez arriver." if invoice.payer != Payer.AMC else "Rien.",
        "coin-euro",
    )


def _paid(invoice: Invoice) -> Sentences:
    return Sentences(
        f"Payée le {short_date(invoice.settled_at)}, sans écart.",
        "Rien. Le séjour est soldé tout seul quand ses autres parts le sont.",
        "Rien.",
        "circle-check",
    )


def _replaced(invoice: Invoice) -> Sentences:
    return Sentences(
        "Remplacée par une autre facture : ce numéro ne sert plus.",
        "Rien : elle reste au journal, fermée.",
        "Rien.",
        "arrow-back-up",
    )


def _cancelled(invoice: Invoice) -> Sentences:
    return Sentences(
        "Annulée avant son départ : le séjour a changé.",
        "Le séjour est refacturé seul, sous un autre numéro.",
        "Rien.",
        "x",
    )


def _lower(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]


_SENTENCES: Final = {
    InvoiceStatus.READY: _ready,
    InvoiceStatus.SENT: _sent,
    InvoiceStatus.ACKNOWLEDGED: _acknowledged,
    InvoiceStatus.REJECTED: _rejected,
    InvoiceStatus.PARTLY_PAID: _partly,
    InvoiceStatus.PAID: _paid,
    InvoiceStatus.REPLACED: _replaced,
    InvoiceStatus.CANCELLED: _cancelled,
}
