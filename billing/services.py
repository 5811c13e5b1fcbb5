"""Where a stay stands in the chain, and the next step: asked again after each event and each answer.

`advance` looks at facts, not at what happened last: called twice, or late, it comes to the same point.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Model, Sum
from django.utils import timezone

from admissions.enums import EXTERNAL_KINDS, REQUALIFIED, CoverageKind, EventKind, RightsStatus, StayStatus
from admissions.errors import Conflict, Refused
from admissions.events import SYSTEM, Actor, check_allowed, record_event
from admissions.models import AdmissionEvent, Coverage, Stay
from admissions.querysets import care_date, coverages_on, latest_rights
from admissions.services import stays
from billing import invoicing, simulations, withdrawal
from billing.enums import LIVE, AgreementState, BillStatus, EngagementStatus, InvoiceStatus, PaymentMeans
from billing.models import Activity, Agreement, Engagement, Estimate, EstimateLine, Invoice, Payment, TariffItem
from billing.pec import following
from billing.pricing import content_digest, price
from billing.rules.split import Line, NotDecided, share_out
from debtors import upkeep
from debtors.enums import ChangeSource
from debtors.models import Debtor
from teleservices import planning, rights
from teleservices.enums import OPEN, CallStatus, Disposition
from teleservices.messages import NATIONAL, CalculationAnswer, Operation
from teleservices.models import TeleserviceCall

ZERO = Decimal("0.00")
# States in which something may follow: before, nothing is billed; after, nothing is left to bill.
_MOVING = (StayStatus.ADMITTED, StayStatus.DISCHARGED, StayStatus.CANCELLED)


def consume_event(event: AdmissionEvent) -> None:
    """Consumer of the business events."""
    stay = Stay.objects.select_for_update().get(pk=event.stay_id)
    advance(stay, event)


def refuse_what_cannot_be_billed(stay: Stay, kind: EventKind) -> None:
    """A stay of which an invoice has left is not changed behind its back. Raises Refused."""
    bill = stay.bills.filter(status=BillStatus.CURRENT).first()
    if bill and bill.invoices.filter(status__in=LIVE).exclude(status=InvoiceStatus.READY).exists():
        raise Refused(
            "Ce séjour est facturé, et une facture est déjà partie.",
            todo="Voyez la facturation : une facture rejetée se corrige, une facture payée appelle un complément.",
        )


def call_ended(call: TeleserviceCall) -> None:
    """A call ended: directory → IDB → SIM or CLC → bill go on by themselves."""
    if call.operation in NATIONAL:
        return  # what it brings is an event of the floor below, or nothing to a payer
    stay = call.stay
    if call.status == CallStatus.SUCCEEDED and call.operation == Operation.DIRECTORY:
        if call.cover.active:
            planning.ask_rights(stay, call.cover, call.event)
        return
    # A call opens no prise en charge: what is found out of reach says so itself (`outside_roc`). One question more, no three.
    agreed = following.OPEN.first(stay=stay.pk) is not None
    if stay.status in _MOVING:
        advance(stay, call.event, agreed=agreed)
    elif agreed:
        following.follow(stay)


def advance(stay: Stay, event: AdmissionEvent, *, agreed: bool = True) -> None:
    """Plan what the stay needs now. Needs the stay's lock. `agreed`: False where no prise en charge is open, nor to open."""
    agreement = following.follow(stay) if agreed else None
    if stay.status == StayStatus.CANCELLED:
        for engagement in stay.engagements.filter(status=EngagementStatus.IN_FORCE):
            withdrawal.give_up(stay, engagement, event, "séjour annulé")
        return
    if stay.status not in (StayStatus.ADMITTED, StayStatus.DISCHARGED):
        return
    coverage = coverages_on(stay.patient_id, care_date(stay), CoverageKind.AMC).order_by("rank").first()
    simulated: TeleserviceCall | None = None
    if stay.status == StayStatus.DISCHARGED and withdrawal.stale_engagement(stay, event):
        return
    if stay.status == StayStatus.ADMITTED:
        # Whether a SIM may follow is told before the stay is priced, which takes longer than all of this.
        if coverage is None or stay.kind in EXTERNAL_KINDS or not rights.rights_open(stay, coverage, timezone.now()):
            return
        simulated = simulations.last_of(stay, coverage)
        if simulated and simulations.stands(simulated):
            return
    try:
        lines = price(stay)
    except NotDecided:
        return  # shown by the worklist «À décider», with the reason
    if not lines:
        return
    if stay.status == StayStatus.DISCHARGED:
        planning.cancel_unsent(stay, "stay_discharged", operation=Operation.SIM)
        _settle_content(stay, coverage, lines, event, agreement)
    elif coverage:
        simulations.ask(stay, coverage, lines, simulated, event)


def outside_roc(stay: Stay, event: AdmissionEvent) -> None:
    """A payer of this stay is out of reach by ROC: its agreement is opened, and stands for an engagement."""
    following.follow(stay)
    if stay.status in _MOVING:
        advance(stay, event)


def _settle_content(
    stay: Stay, coverage: Coverage | None, lines: list[Line], event: AdmissionEvent, agreement: Agreement | None
) -> None:
    digest = content_digest(lines)
    engagement = stay.engagements.filter(status=EngagementStatus.IN_FORCE).select_related("call").first()
    if engagement and stay.calls.filter(operation=Operation.DEL, status__in=OPEN).exists():
        return  # it is being given up: what follows waits for the answer
    if engagement:
        same = engagement.call.parameters.get("content") == digest
        if same and coverage and engagement.coverage_id == coverage.pk:
            invoicing.make_bill(stay, lines, engagement)
        elif invoicing.withdraw_bill(stay):
            withdrawal.give_up(stay, engagement, event, "contenu du séjour corrigé")
        return
    if stay.calls.filter(operation=Operation.CLC, status__in=(CallStatus.CALLING, CallStatus.UNKNOWN)).exists():
        return  # the payer may have engaged itself: its answer comes first
    if coverage and (last := latest_rights(stay.pk, coverage.pk)) and last.code == REQUALIFIED:
        invoicing.withdraw_bill(stay)
        return  # what was billed was for another stay: rights, or a prise en charge, come first
    if coverage is None or _third_party_payment_impossible(stay, coverage):
        invoicing.bill_again(stay, lines)
        return
    if agreement is not None:
        if agreement.pays or agreement.state == AgreementState.REFUSED:
            invoicing.bill_again(stay, lines, agreement if agreement.pays else None)
        return
    refused = TeleserviceCall.objects.filter(
        stay=stay,
        coverage=coverage,
        operation=Operation.CLC,
        status=CallStatus.REFUSED,
        superseded_at__isnull=True,
        parameters__content=digest,
    )
    if rights.rights_open(stay, coverage, timezone.now()) and not refused.exists():
        planning.plan(stay, coverage, Operation.CLC, event, parameters={"content": digest})


def _third_party_payment_impossible(stay: Stay, coverage: Coverage) -> bool:
    """The AMC said no, for a reason that only the patient can change: the stay is billed without it."""
    last = latest_rights(stay.pk, coverage.pk)
    if last and last.status == RightsStatus.CLOSED:
        return True
    return TeleserviceCall.objects.filter(
        stay=stay,
        coverage=coverage,
        operation=Operation.CLC,
        status=CallStatus.REFUSED,
        disposition=Disposition.INFORM_PATIENT,
        superseded_at__isnull=True,
    ).exists()


def apply_simulation(call: TeleserviceCall, amc_by_line: dict[int, Decimal], at: datetime) -> Estimate | None:
    """Keep the split that the AMC announced. Raises NotDecided if it pays more than what is left."""
    lines = price(call.stay)
    if content_digest(lines) != call.parameters.get("content"):
        return None  # the stay changed while the AMC was thinking: `advance` asks again
    shared = share_out(lines, amc_by_line)
    estimate = Estimate.objects.create(
        stay=call.stay,
        coverage=call.cover,
        call=call,
        total=sum((line.total for line in lines), ZERO),
        amo_share=sum((line.amo for line in lines), ZERO),
        amc_share=sum((amc for _, amc, _ in shared), ZERO),
        patient_share=sum((patient for _, _, patient in shared), ZERO),
        answered_at=at,
    )
    EstimateLine.objects.bulk_create(
        EstimateLine(
            estimate=estimate,
            number=line.number,
            code=line.code,
            label=line.label,
            quantity=line.quantity,
            unit_price=line.unit_price,
            total=line.total,
            amo_share=line.amo,
            amc_share=amc,
            patient_share=patient,
            derivation=line.derivation,
        )
        for line, amc, patient in shared
    )
    return estimate


def apply_engagement(call: TeleserviceCall, answer: CalculationAnswer) -> Engagement:
    """Keep the engagement, and refresh the debtor from what came with it. Billing follows by `advance`."""
    assert answer.amc_total is not None
    engagement, _ = Engagement.objects.get_or_create(
        call=call,
        defaults={
            "stay": call.stay,
            "coverage": call.cover,
            "debtor_id": call.payer_id,
            "number": answer.engagement_number,
            "amount": answer.amc_total,
            "line_amounts": {str(line.number): str(line.amc_amount) for line in answer.lines},
            "valid_until": answer.valid_until,
            "dre_address": answer.dre_address,
            # The contract allows a longer name than a DRE-ES has room for.
            "dre_recipient": _fitting(Engagement, "dre_recipient", answer.dre_recipient),
            "status": EngagementStatus.IN_FORCE,
            "engaged_at": answer.header.answered_at,
        },
    )
    if answer.debtor:
        said = {
            "address": answer.debtor.address,
            "postcode": answer.debtor.postcode,
            "town": answer.debtor.town,
            "dre_address": answer.dre_address,
            "dre_recipient": answer.dre_recipient,
        }
        fitting = {name: _fitting(Debtor, name, text) for name, text in said.items()}
        upkeep.refresh(call.payer_id, fitting, rights.received_at(call), ChangeSource.ENGAGEMENT)
    return engagement


def _fitting(model: type[Model], name: str, text: str) -> str:
    """A label cut to its column: an engagement is never lost for a long name."""
    return text[: getattr(model._meta.get_field(name), "max_length", None)]


def apply_cancellation(call: TeleserviceCall, at: datetime) -> None:
    Engagement.objects.filter(pk=call.parameters["engagement"]).update(
        status=EngagementStatus.CANCELLED, cancelled_at=at
    )


def enter_activity(
    stay_id: int, code: str, performed_on: date, quantity: int, actor: Actor, *, creation_key: UUID | None = None
) -> Activity:
    """An act was done. The same `creation_key` gives the same act again. Raises Refused."""
    if creation_key and (already := Activity.objects.filter(creation_key=creation_key).first()):
        return already
    with transaction.atomic():
        stay = Stay.objects.select_for_update().get(pk=stay_id)
        if creation_key and (already := Activity.objects.filter(creation_key=creation_key).first()):
            return already
        if stay.status in (StayStatus.CANCELLED, StayStatus.CLOSED, StayStatus.PREADMITTED):
            raise Refused(f"Ce séjour est {stay.get_status_display()} : aucun acte ne peut y être saisi.")
        check_allowed(stay, EventKind.ACTIVITY_ENTERED)
        item = TariffItem.objects.filter(code=code, family="ACTE").first()
        if item is None:
            raise Refused(f"L’acte « {code} » n’est pas connu.", todo="Choisissez-le dans la liste.", field="code")
        last = timezone.localdate(stay.ended_at) if stay.ended_at else timezone.localdate()
        if not care_date(stay) <= performed_on <= last:
            raise Refused(
                f"L’acte du {performed_on:%d/%m/%Y} est hors du séjour.", todo="Corrigez la date.", field="performed_on"
            )
        activity = Activity.objects.create(
            stay=stay,
            item=item,
            performed_on=performed_on,
            quantity=quantity,
            created_by=actor.user,
            creation_key=creation_key,
        )
        record_event(stay, EventKind.ACTIVITY_ENTERED, actor, detail={"code": code})
    return activity


def record_payment(
    invoice_id: int,
    amount: Decimal,
    means: PaymentMeans,
    reference: str,
    received_on: date,
    actor: Actor,
    *,
    creation_key: UUID | None = None,
) -> Payment:
    """A person saw the money arrive. Raises Refused. The same key or the same reference is taken once."""
    with transaction.atomic():
        stay_id = Invoice.objects.values_list("stay_id", flat=True).get(pk=invoice_id)
        Stay.objects.select_for_update().get(pk=stay_id)
        invoice = Invoice.objects.select_for_update().get(pk=invoice_id)
        if creation_key and (already := Payment.objects.filter(creation_key=creation_key).first()):
            return already
        if already := invoice.payments.filter(reference=reference).first():
            return already
        if invoice.status not in LIVE or invoice.status == InvoiceStatus.PAID:
            raise Refused(f"Cette facture est {invoice.get_status_display()} : aucun paiement n’est attendu.")
        if not ZERO < amount <= invoice.amount - invoice.paid_amount:
            raise Refused(
                "Le montant dépasse ce qui reste dû, ou n’est pas positif.", todo="Corrigez le montant.", field="amount"
            )
        if received_on > timezone.localdate():
            raise Refused("Cette date est dans le futur.", todo="Corrigez la date.", field="received_on")
        payment = Payment.objects.create(
            invoice=invoice,
            amount=amount,
            means=means,
            reference=reference,
            received_on=received_on,
            created_by=actor.user,
            client=actor.client,
            creation_key=creation_key,
        )
        settle(invoice)
    return payment


def settle(invoice: Invoice) -> None:
    """Bring an invoice's state in line with its payments, and close the stay when nothing is owed any more."""
    paid = invoice.payments.aggregate(sum=Sum("amount"))["sum"] or ZERO
    invoice.paid_amount = paid
    if paid >= invoice.amount:
        invoice.status, invoice.settled_at = InvoiceStatus.PAID, timezone.now()
    elif paid > 0:
        invoice.status = InvoiceStatus.PARTLY_PAID
    invoice.version += 1
    invoice.save()
    stay = Stay.objects.get(pk=invoice.stay_id)
    if not stay.invoices.filter(status__in=LIVE).exclude(status=InvoiceStatus.PAID).exists():
        stays.close(stay, SYSTEM)


def correct_and_resend(invoice_id: int, note: str, actor: Actor, *, version: int) -> Invoice:
    """A rejected invoice leaves again under a new number, chained to the old one. Raises Refused."""
    if not note.strip():
        raise Refused("La correction est vide.", todo="Écrivez ce qui a été corrigé.", field="note")
    try:
        with transaction.atomic():
            stay_id = Invoice.objects.values_list("stay_id", flat=True).get(pk=invoice_id)
            Stay.objects.select_for_update().get(pk=stay_id)
            invoice = Invoice.objects.select_for_update().get(pk=invoice_id)
            if invoice.status == InvoiceStatus.REPLACED:
                following = Invoice.objects.filter(replaces=invoice).first()
                if following is None:
                    raise Refused("Cette facture est en cours de recalcul : une autre va la remplacer.")
                return following
            if invoice.version != version:
                raise Conflict("Cette facture a changé pendant votre saisie.", todo="Relisez-la, puis recommencez.")
            if invoice.status != InvoiceStatus.REJECTED:
                raise Refused("Seule une facture rejetée se corrige et repart.")
            return invoicing.replace(invoice, note.strip()[:200], actor.user)
    except IntegrityError as problem:
        raise Refused("Cette facture vient d’être corrigée ailleurs.", todo="Rechargez la page.") from problem


def cancel_and_recalculate(invoice_id: int, actor: Actor) -> None:
    """The engagement itself is wrong: DEL, then CLC again, then a new invoice, each by itself. Raises Refused."""
    with transaction.atomic():
        stay_id = Invoice.objects.values_list("stay_id", flat=True).get(pk=invoice_id)
        stay = Stay.objects.select_for_update().get(pk=stay_id)
        invoice = Invoice.objects.select_for_update().get(pk=invoice_id)
        if invoice.status != InvoiceStatus.REJECTED or invoice.engagement is None:
            raise Refused("Seul l’engagement d’une facture rejetée se refait.")
        event = record_event(stay, EventKind.STAY_CORRECTED, actor, detail={"invoice": invoice.number})
        if not invoicing.withdraw_bill(stay, force=True):
            raise Refused(
                "Une autre facture de ce séjour est déjà partie ou payée : l’engagement ne se refait plus.",
                todo="Corrigez la facture rejetée et renvoyez-la.",
            )
        if invoice.engagement.status == EngagementStatus.IN_FORCE:
            withdrawal.give_up(stay, invoice.engagement, event, "facture rejetée")
