"""Ask, remind, take the answer down: what people do of a prise en charge. One verb, one transaction."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from admissions.enums import StayStatus
from admissions.errors import Conflict, Refused
from admissions.events import Actor
from admissions.models import Stay
from admissions.querysets import care_date
from billing import invoicing, services
from billing.enums import PAYING, AgreementAct, AgreementState, InvoiceStatus, Payer
from billing.models import Agreement, AgreementLine, Invoice
from billing.pec.following import note, presume, reminded_at
from billing.pec.rules import rule_for
from billing.rules.agreements import Clause

_WORDS = {
    AgreementState.GRANTED: "Accordée",
    AgreementState.PARTLY_GRANTED: "Accordée en partie",
    AgreementState.EXTENDED: "Prolongée",
    AgreementState.REFUSED: "Refusée",
    AgreementState.SUSPENDED: "Suspendue",
}


@dataclass(frozen=True, slots=True)
class Reply:
    """What a payer answered. Both days are included; money in euros."""

    state: AgreementState
    number: str = ""
    valid_from: date | None = None
    valid_until: date | None = None
    ceiling: Decimal | None = None
    clauses: Sequence[Clause] = ()


@contextmanager
def held(
    agreement_id: int, version: int | None = None, *, even_closed: bool = False
) -> Iterator[tuple[Stay, Agreement]]:
    """Stay, then agreement, locked in this order. Raises Refused, Conflict; says in words what PostgreSQL refuses."""
    try:
        with transaction.atomic():
            stay_id = Agreement.objects.values_list("stay_id", flat=True).get(pk=agreement_id)
            stay = Stay.objects.select_for_update().get(pk=stay_id)
            agreement = Agreement.objects.select_for_update().get(pk=agreement_id)
            if agreement.closed_at is not None and not even_closed:
                raise Refused(f"Cette prise en charge est fermée : {agreement.get_closed_reason_display()}.")
            if version is not None and agreement.version != version:
                raise Conflict(
                    "Cette prise en charge a changé pendant votre saisie.", todo="Relisez-la, puis recommencez."
                )
            yield stay, agreement
    except IntegrityError as problem:
        if "agreement_step" in str(problem):
            raise Refused(
                "Cette prise en charge ne peut plus passer à cet état.", todo="Rechargez la page."
            ) from problem
        raise


def ask(agreement_id: int, actor: Actor) -> Agreement:
    """The request leaves (letter or e-mail). Asking what is asked already changes nothing. Raises Refused."""
    with held(agreement_id) as (stay, agreement):
        if agreement.state == AgreementState.REQUESTED:
            return agreement
        if agreement.state not in (AgreementState.TO_ASK, AgreementState.REFUSED):
            raise Refused(f"Cette prise en charge est {agreement.get_state_display()} : il n’y a rien à demander.")
        now = timezone.now()
        agreement.state, agreement.requested_at = AgreementState.REQUESTED, now
        agreement.remind_at, agreement.reminders = now + reminded_at(stay), 0
        _save(agreement)
        note(agreement, AgreementAct.REQUESTED, actor)
    return agreement


def remind(agreement_id: int, actor: Actor) -> Agreement:
    """Silence has lasted: a reminder leaves, and counts. Raises Refused before its day."""
    with held(agreement_id) as (stay, agreement):
        now = timezone.now()
        if agreement.state != AgreementState.REQUESTED or agreement.remind_at is None:
            raise Refused("Cette prise en charge n’attend pas de réponse.")
        if agreement.unread_since is not None:
            raise Refused("L’organisme a écrit\u00a0: il n’est plus à relancer.", todo="Saisissez sa réponse.")
        if agreement.remind_at > now:
            raise Refused(
                f"La prochaine relance est prévue le {timezone.localtime(agreement.remind_at):%d/%m/%Y}.",
                todo="Attendez cette date.",
            )
        agreement.reminders += 1
        agreement.remind_at = now + reminded_at(stay)
        _save(agreement)
        note(agreement, AgreementAct.REMINDED, actor, said=f"Relance n° {agreement.reminders}")
    return agreement


def answer(
    agreement_id: int, reply: Reply, actor: Actor, *, version: int | None = None, seen: int | None = None
) -> Agreement:
    """The payer answered: the contract lines are kept, and a stay that is over is billed.

    `seen`: the last letter (its key) that stood before whoever typed; one that came since is still to be read. Raises
    Refused, Conflict.
    """
    with held(agreement_id, version) as (stay, agreement):
        pays = reply.state in PAYING
        start = reply.valid_from or agreement.valid_from or care_date(stay)
        if pays and reply.valid_until and reply.valid_until < start:
            raise Refused("L’accord finit avant de commencer.", todo="Corrigez les dates.", field="valid_until")
        if reply.state == AgreementState.EXTENDED and not reply.valid_until:
            raise Refused("La nouvelle fin manque.", todo="Écrivez jusqu’à quand.", field="valid_until")
        if pays and not reply.clauses and not agreement.lines.exists():
            raise Refused("Aucune ligne n’est accordée.", todo="Écrivez au moins un taux.", field="lines")
        if not invoicing.withdraw_bill(stay):
            raise Refused(
                "Une facture de ce séjour est déjà partie ou payée : cette réponse ne change plus la facturation.",
                todo="Une facture rejetée se corrige, une facture payée appelle un complément.",
            )
        agreement.state, agreement.answered_at, agreement.remind_at = reply.state, timezone.now(), None
        agreement.unread_since = None
        if seen is not None:
            since = agreement.letters.filter(pk__gt=seen).order_by("pk")
            agreement.unread_since = since.values_list("received_at", flat=True).first()
        agreement.number = reply.number.strip() or agreement.number
        if pays:
            agreement.valid_from = start
            agreement.valid_until = reply.valid_until
            agreement.ceiling = agreement.ceiling if reply.ceiling is None else reply.ceiling
        _save(agreement)
        if pays and reply.clauses:
            agreement.lines.all().delete()
            AgreementLine.objects.bulk_create(
                AgreementLine(
                    agreement=agreement,
                    covers=clause.covers,
                    percent=clause.percent,
                    daily_cap=clause.daily_cap,
                    ceiling=clause.ceiling,
                    waiting_days=clause.waiting_days,
                )
                for clause in reply.clauses
            )
        until = f" jusqu’au {reply.valid_until:%d/%m/%Y}" if pays and reply.valid_until else ""
        note(agreement, AgreementAct.ANSWERED, actor, said=f"{_WORDS[reply.state]}{until}")
        _go_on(stay)
    return agreement


def presume_due(now: datetime | None = None) -> int:
    """Requests whose silence has become an agreement, where the rule of the stay says so. Returns how many."""
    now = now or timezone.now()
    waiting = Agreement.objects.filter(
        closed_at__isnull=True, state=AgreementState.REQUESTED, unread_since__isnull=True
    )
    count = 0
    for pk in list(waiting.order_by("pk").values_list("pk", flat=True)):
        with held(pk) as (stay, agreement):
            days = rule_for(stay.kind, care_date(stay)).tacit_after
            if agreement.state != AgreementState.REQUESTED or agreement.requested_at is None or not days:
                continue
            if agreement.unread_since is not None:
                continue
            if agreement.requested_at + timedelta(days=days) <= now:
                presume(agreement, stay, f"Sans réponse depuis {days} jours")
                _go_on(stay)
                count += 1
    return count


def invoice_left(invoice_id: int, actor: Actor) -> Invoice:
    """A person sent an invoice outside ROC (post, portal). Once sent it stays sent. Raises Refused."""
    with transaction.atomic():
        stay_id = Invoice.objects.values_list("stay_id", flat=True).get(pk=invoice_id)
        Stay.objects.select_for_update().get(pk=stay_id)
        invoice = Invoice.objects.select_for_update().get(pk=invoice_id)
        if invoice.payer != Payer.AMC or invoice.agreement_id is None:
            raise Refused("Cette facture part seule, par les lots.")
        if invoice.blocked_reason:
            raise Refused(f"Cette facture est retenue : {invoice.blocked_reason}.")
        if invoice.status != InvoiceStatus.READY:
            raise Refused(f"Cette facture est {invoice.get_status_display()} : elle n’est plus à envoyer.")
        invoice.status, invoice.sent_at = InvoiceStatus.SENT, timezone.now()
        invoice.version += 1
        invoice.save(update_fields=["status", "sent_at", "version"])
    return invoice


def _save(agreement: Agreement) -> None:
    agreement.version = F("version") + 1
    agreement.save()
    agreement.refresh_from_db(fields=["version"])


def _go_on(stay: Stay) -> None:
    """A stay that is over is billed at once. Its last event stands for what brings the answer."""
    event = stay.events.order_by("-pk").first()
    if stay.status == StayStatus.DISCHARGED and event is not None:
        services.advance(stay, event)
