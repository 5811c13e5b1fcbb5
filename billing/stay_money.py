"""What money says on the screens of a stay: what is left to the patient, the invoices, their place in the timeline."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time
from decimal import Decimal
from typing import Final

from django.db.models import Q
from django.utils import timezone

from admissions.enums import EXTERNAL_KINDS, OUTSIDE_ROC, CoverageKind, RightsStatus, StayStatus
from admissions.events import Actor
from admissions.models import Coverage, Rights, Stay
from admissions.presenters import Entry, french
from admissions.querysets import care_date, coverages_on, latest_rights
from billing.enums import LIVE, BillStatus, EngagementStatus, InvoiceStatus, Payer
from billing.models import Bill, Engagement, Estimate, Invoice, Payment
from billing.pec.words import of_stay, sentence
from billing.pricing import content_digest, price
from billing.querysets import last_estimate
from billing.rules.split import Line, NotDecided
from billing.simulations import fired_by, gathers, words_of
from gap.templatetags.gap_format import clock, euros, moment_text
from gap.text import NBSP
from teleservices.enums import OPEN, CallStatus
from teleservices.messages import Operation
from teleservices.models import TeleserviceCall
from teleservices.timeline import Upcoming

ZERO = Decimal("0.00")


# ---- what is left to the patient ----


@dataclass(frozen=True, slots=True)
class ShownLine:
    """One service and who pays it. `amc` is None while the AMC has not said."""

    label: str
    derivation: str
    total: Decimal
    amo: Decimal
    amc: Decimal | None
    patient: Decimal


@dataclass(frozen=True, slots=True)
class ShownEstimate:
    """What the patient owes as far as is known. `provisional`: our rules alone, at most; else the AMC's own answer."""

    lines: list[ShownLine]
    total: Decimal
    amo: Decimal
    amc: Decimal
    patient: Decimal
    provisional: bool
    tone: str
    icon: str
    word: str
    help: str = ""
    reason: str = ""
    answered_at: datetime | None = None


def estimate_of(stay: Stay) -> ShownEstimate:
    """The split of the stay as it stands now: by the last SIM when it was about this very content, else by our rules."""
    try:
        lines = price(stay)
    except NotDecided as problem:
        return ShownEstimate([], ZERO, ZERO, ZERO, ZERO, True, "you", "hand-finger", "À décider", reason=problem.reason)
    if not lines:
        return ShownEstimate(
            [],
            ZERO,
            ZERO,
            ZERO,
            ZERO,
            True,
            "plan",
            "circle-dashed",
            "Rien à facturer",
            reason="Aucun acte n’est encore saisi. Le calcul se fait à la première saisie.",
        )
    coverage = coverages_on(stay.patient_id, care_date(stay), CoverageKind.AMC).order_by("rank").first()
    last = last_estimate(stay) if coverage else None
    if (
        last
        and coverage
        and not _refuses(stay, coverage)
        and last.coverage_id == coverage.pk
        and last.call
        and last.call.parameters.get("content") == content_digest(lines)
    ):
        return _confirmed(last)
    return _provisional(stay, lines, coverage, last)


def _refuses(stay: Stay, coverage: Coverage) -> bool:
    """The AMC has said no since: what it had announced holds no more."""
    rights = latest_rights(stay.pk, coverage.pk)
    return rights is not None and rights.status == RightsStatus.CLOSED


def _confirmed(estimate: Estimate) -> ShownEstimate:
    shown = [
        ShownLine(line.label, line.derivation, line.total, line.amo_share, line.amc_share, line.patient_share)
        for line in estimate.lines.all()
    ]
    said = moment_text(estimate.answered_at, timezone.localdate())
    at = f"à {said}" if said == clock(estimate.answered_at) else said if said == "hier" else f"le {said}"
    return ShownEstimate(
        shown,
        estimate.total,
        estimate.amo_share,
        estimate.amc_share,
        estimate.patient_share,
        False,
        "ok",
        "circle-check",
        f"Confirmé par SIM {at}",
        answered_at=estimate.answered_at,
    )


def _provisional(stay: Stay, lines: list[Line], coverage: Coverage | None, last: Estimate | None) -> ShownEstimate:
    """Our rules at once: what the AMC already said of a line that has not changed is kept, the rest is at most."""
    said: dict[tuple[str, int, Decimal], Decimal] = {}
    rights = latest_rights(stay.pk, coverage.pk) if coverage else None
    if rights and rights.status == RightsStatus.CLOSED:
        paying = None
    else:
        paying = coverage
    if last and coverage and last.coverage_id == coverage.pk:
        said = {(line.code, line.quantity, line.total): line.amc_share for line in last.lines.all()}
    shown = []
    for line in lines:
        amc = said.get((line.code, line.quantity, line.total)) if paying else ZERO
        patient = line.share - (amc or ZERO)
        shown.append(ShownLine(line.label, line.derivation, line.total, line.amo, amc, patient))
    tone, icon, word, help_text = _why_provisional(stay, coverage, rights)
    return ShownEstimate(
        shown,
        sum((line.total for line in shown), ZERO),
        sum((line.amo for line in shown), ZERO),
        sum((line.amc or ZERO for line in shown), ZERO),
        sum((line.patient for line in shown), ZERO),
        any(line.amc is None for line in shown),
        tone,
        icon,
        word,
        help_text,
    )


def _why_provisional(stay: Stay, coverage: Coverage | None, rights: Rights | None) -> tuple[str, str, str, str]:
    """Tone, icon, word of the chip, and the sentence under it."""
    if coverage is None:
        return "sys", "info-circle", "Sans complémentaire", "Scannez une carte de mutuelle pour réduire ce montant."
    if rights and rights.status == RightsStatus.CLOSED:
        return (
            "stop",
            "ban",
            "Droits AMC fermés",
            f"{french(rights.reason).rstrip('.')}. Prévenez le patient de ce montant.".lstrip(". "),
        )
    if stay.kind in EXTERNAL_KINDS:
        return "plan", "circle-dashed", "Provisoire, CLC à la sortie", "La complémentaire répond à la sortie."
    call = (
        TeleserviceCall.objects.filter(stay=stay, coverage=coverage, operation=Operation.SIM, status__in=OPEN)
        .order_by("-pk")
        .first()
    )
    if call is None and stay.status == StayStatus.PREADMITTED:
        return "plan", "circle-dashed", "Provisoire", "La simulation (SIM) part seule à l’admission."
    if call is not None and call.status == CallStatus.NEEDS_REFERENT:
        return "stop", "tool", "Provisoire, SIM arrêtée", "Le référent est prévenu."
    if call is not None and call.attempts_count and call.not_before > timezone.now():
        return "wait", "clock", f"Provisoire, SIM à {clock(call.not_before)}", "La simulation est retentée seule."
    if call is not None and gathers(call):
        return (
            "plan",
            "clock",
            f"Provisoire, SIM à {clock(call.not_before)}",
            "Les changements qui se suivent font une seule simulation.",
        )
    if call is not None:
        return "run", "loader-2", "Provisoire, SIM en cours", ""
    if rights is None or rights.status == RightsStatus.UNDETERMINED:
        return "wait", "help-circle", "Provisoire", "Les droits de la complémentaire ne sont pas encore connus."
    refused = TeleserviceCall.objects.filter(
        stay=stay, coverage=coverage, operation=Operation.SIM, status=CallStatus.REFUSED, superseded_at__isnull=True
    ).exists()
    if refused:
        return "stop", "ban", "Provisoire, SIM refusée", "La raison est dans les appels."
    return "plan", "circle-dashed", "Provisoire", "La simulation (SIM) part seule dans un instant."


# ---- invoices ----

_STATES: Final = {
    InvoiceStatus.READY: ("plan", "circle-dashed", "Prête à partir"),
    InvoiceStatus.SENT: ("run", "send", "Envoyée"),
    InvoiceStatus.ACKNOWLEDGED: ("run", "check", "Reçue par l’organisme"),
    InvoiceStatus.REJECTED: ("stop", "ban", "Rejetée"),
    InvoiceStatus.PARTLY_PAID: ("wait", "coin-euro", "Payée en partie"),
    InvoiceStatus.PAID: ("ok", "circle-check", "Payée"),
}


@dataclass(frozen=True, slots=True)
class ShownInvoice:
    """What one payer owes, and where its invoice stands."""

    payer: str
    css: str
    who: str
    number: str
    amount: Decimal
    tone: str
    icon: str
    word: str
    note: str = ""


def invoices_of(stay: Stay) -> tuple[Bill | None, list[ShownInvoice]]:
    """The current bill and its live invoices, by payer."""
    bill = stay.bills.filter(status=BillStatus.CURRENT).first()
    if bill is None:
        return None, []
    order = {Payer.AMO: 0, Payer.AMC: 1, Payer.PATIENT: 2}
    rows = sorted(
        Invoice.objects.filter(bill=bill, status__in=LIVE).select_related("debtor", "engagement"),
        key=lambda invoice: order[Payer(invoice.payer)],
    )
    return bill, [_shown_invoice(invoice) for invoice in rows]


def _shown_invoice(invoice: Invoice) -> ShownInvoice:
    tone, icon, word = _STATES[InvoiceStatus(invoice.status)]
    if invoice.payer == Payer.PATIENT and invoice.status == InvoiceStatus.READY:
        word = "À régler"
    elif invoice.agreement_id and invoice.status == InvoiceStatus.READY:
        tone, icon, word = "wait", "send", "À envoyer"
    note = ""
    if invoice.blocked_reason:
        tone, icon, word, note = "you", "hand-finger", "Ne peut pas partir", invoice.blocked_reason
    elif invoice.status == InvoiceStatus.REJECTED:
        note = f"{invoice.rejection_label} ({invoice.rejection_code})"
    elif invoice.engagement:
        note = f"Engagement {invoice.engagement.number}"
    who = invoice.debtor.name if invoice.debtor else "le patient"
    names = {Payer.AMO: "AMO", Payer.AMC: "AMC", Payer.PATIENT: "Patient"}
    css = {Payer.AMO: "amo", Payer.AMC: "amc", Payer.PATIENT: "pat"}
    payer = Payer(invoice.payer)
    return ShownInvoice(names[payer], css[payer], who, invoice.number, invoice.amount, tone, icon, word, note)


def waiting_of(stay: Stay) -> str:
    """Why there is no bill yet, in one sentence."""
    if stay.status == StayStatus.CANCELLED:
        return "Séjour annulé : il n’y a rien à facturer."
    if stay.status in (StayStatus.PREADMITTED, StayStatus.ADMITTED):
        return "Les factures se font seules après la sortie."
    if not coverages_on(stay.patient_id, care_date(stay), CoverageKind.AMO).exists():
        return "L’assurance maladie du patient manque : saisissez-la, les factures se feront seules."
    if (agreement := of_stay(stay)) is not None and agreement.closed_at is None:
        return sentence(agreement)
    calls = TeleserviceCall.objects.filter(stay=stay, operation=Operation.CLC)
    if calls.filter(status__in=OPEN).exists():
        return "L’engagement de la complémentaire (CLC) est demandé : les factures se font dès sa réponse."
    if calls.filter(status=CallStatus.REFUSED, superseded_at__isnull=True).exists():
        return "La complémentaire n’a pas donné son engagement : la raison est dans les appels."
    return "Les droits de la complémentaire ne sont pas connus : les factures se font dès sa réponse."


# ---- what money adds to the timeline ----


def timeline_entries(stay: Stay) -> list[Entry]:
    """Invoices and payments of a stay, for its timeline."""
    entries: list[Entry] = []
    invoices = list(Invoice.objects.filter(stay=stay).select_related("debtor", "corrected_by"))
    for invoice in invoices:
        entries += _invoice_entries(invoice)
    numbers = {invoice.pk: invoice for invoice in invoices}
    for payment in Payment.objects.filter(invoice__stay=stay).select_related("created_by", "client"):
        invoice = numbers[payment.invoice_id]
        received = timezone.make_aware(datetime.combine(payment.received_on, time(12)))
        by = f"Par {Actor(payment.created_by, payment.client).name or 'un autre logiciel'}"
        if payment.record_id and not payment.created_by:
            by = "Retour rapproché seul"
        entries.append(
            Entry(
                received,
                "money",
                "coin-euro",
                f"{euros(payment.amount)} de {_payer(invoice)}",
                bold="Paiement",
                detail=by,
                tone="ok",
            )
        )
    return entries


def _payer(invoice: Invoice) -> str:
    return invoice.debtor.name if invoice.debtor else "patient"


def _invoice_entries(invoice: Invoice) -> list[Entry]:
    name = f"Facture {invoice.number}"
    who = f"{_payer(invoice)}, {euros(invoice.amount)}"
    entries = [Entry(invoice.created_at, "money", "file-invoice", who, bold=name, detail=invoice.correction_note)]
    if invoice.sent_at:
        entries.append(Entry(invoice.sent_at, "money", "send", f"envoyée, {_payer(invoice)}", bold=name, tone="sys"))
    if invoice.acknowledged_at:
        entries.append(
            Entry(invoice.acknowledged_at, "money", "check", f"reçue par {_payer(invoice)}", bold=name, tone="sys")
        )
    if invoice.rejected_at:
        entries.append(
            Entry(
                invoice.rejected_at,
                "money",
                "ban",
                f"rejetée par {_payer(invoice)}",
                bold=name,
                tone="stop",
                detail=f"{invoice.rejection_label} ({invoice.rejection_code})",
            )
        )
    if invoice.status == InvoiceStatus.READY and invoice.payer == Payer.AMC:
        entries.append(
            Entry(
                invoice.created_at,
                "money",
                "circle-dashed",
                f"vers {_payer(invoice)}",
                bold="Facture" if invoice.agreement_id else "DRE-ES",
                detail=invoice.blocked_reason or _leaves(invoice),
                chip="Prévu",
                chip_tone="plan",
                upcoming=True,
            )
        )
    return entries


def _leaves(invoice: Invoice) -> str:
    if invoice.agreement_id:
        return "Hors ROC : à envoyer par courrier ou sur le portail de l’organisme."
    return "Part seule au prochain envoi, pour le montant engagé."


def upcoming_steps(stay: Stay) -> list[Upcoming]:
    """What the chain will do by itself, and when: SIM at the admission, CLC at the exit."""
    if not stay.is_open:
        return []
    coverage = coverages_on(stay.patient_id, care_date(stay), CoverageKind.AMC).order_by("rank").first()
    if coverage is None:
        return []
    rights = latest_rights(stay.pk, coverage.pk)
    if rights and (rights.status == RightsStatus.CLOSED or rights.code in OUTSIDE_ROC):
        return []
    steps = []
    if stay.status == StayStatus.PREADMITTED and stay.kind not in EXTERNAL_KINDS:
        steps.append(Upcoming(Operation.SIM, "Simulation du séjour", "à l’admission"))
    steps.append(Upcoming(Operation.CLC, "Engagement de paiement", "à la sortie"))
    return steps


def call_details(stay: Stay) -> dict[int, str]:
    """What SIM and CLC brought, in words, by call."""
    found: dict[int, str] = {}
    before: Decimal | None = None
    for estimate in Estimate.objects.filter(Q(stay=stay), call__isnull=False).order_by("answered_at", "pk"):
        if before is None or before == estimate.patient_share:
            said = f"{euros(estimate.amc_share)} pris en charge, {euros(estimate.patient_share)} au patient."
        else:
            said = f"Reste au patient{NBSP}: {euros(before)} devient {euros(estimate.patient_share)}."
        before = estimate.patient_share
        found[estimate.call_id] = said  # type: ignore[index]
    for engagement in Engagement.objects.filter(stay=stay):
        given_up = ", annulé depuis" if engagement.status == EngagementStatus.CANCELLED else ""
        found[engagement.call_id] = f"{euros(engagement.amount)} engagés sous le n° {engagement.number}{given_up}."
    for call_id, events in fired_by(stay).items():
        if gathered := words_of(events):
            found[call_id] = f"{found.get(call_id, '')} {gathered}".strip()
    return found
