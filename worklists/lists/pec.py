"""Lists of the circuit outside ROC: what to ask, what is not answered, what ends too soon, what to send."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db.models import F, Q, QuerySet
from django.db.models.functions import TruncDate
from django.utils import timezone

from accounts.enums import Action, Role
from accounts.models import User
from accounts.sight import Here, seen
from admissions.enums import StayStatus
from admissions.events import Actor
from admissions.masked import listed_name
from billing.enums import PAYING, AgreementState, InvoiceStatus, Payer
from billing.models import Agreement, Invoice
from billing.pec import services
from billing.pec.rules import all_rules
from billing.pec.words import sentence
from gap.constants import Constant
from worklists import querysets
from worklists.deeds import each
from worklists.enums import Step
from worklists.lists.money import INVOICES
from worklists.registry import Column, Deed, Kind, Worklist

_WHO = frozenset({Role.REFERENT, Role.BILLING})
_UNANSWERED = (AgreementState.TO_ASK, AgreementState.REQUESTED, AgreementState.SUSPENDED)


def _open(here: Here) -> QuerySet[Agreement]:
    return Agreement.objects.filter(seen(here, "stay__"), closed_at__isnull=True)


def unread(here: Here) -> QuerySet[Agreement]:
    """The payer wrote, and nobody has typed what it says."""
    return _open(here).filter(unread_since__isnull=False)


def to_ask(here: Here) -> QuerySet[Agreement]:
    """Nobody has asked the payer yet."""
    return _open(here).filter(state=Constant(AgreementState.TO_ASK), unread_since__isnull=True)


def unanswered(here: Here) -> QuerySet[Agreement]:
    """Asked, and silent for longer than the rule of the stay allows."""
    return (
        _open(here)
        .filter(state=Constant(AgreementState.REQUESTED), remind_at__lte=timezone.now())
        .filter(unread_since__isnull=True)
    )


def expiring(here: Here) -> QuerySet[Agreement]:
    """Granted, but ending before the planned exit; or within days, when no exit is planned."""
    soon = Q()
    today = timezone.localdate()
    for rule in _rules():
        last = today + timedelta(days=rule.expiring)
        soon |= Q(stay__kind=rule.kind, stay__planned_end_at__isnull=True, valid_until__lte=last)
    ends = TruncDate("stay__planned_end_at", tzinfo=timezone.get_default_timezone())
    return (
        _open(here)
        .filter(state__in=PAYING, stay__status__in=[StayStatus.PREADMITTED, StayStatus.ADMITTED])
        .alias(planned_end=ends)
        .filter(Q(valid_until__lt=F("planned_end")) | soon)
    )


def leaving_unanswered(here: Here) -> QuerySet[Agreement]:
    """The patient has left, or is about to, and the payer has not said what it pays."""
    near = Q(stay__status=StayStatus.DISCHARGED)
    for rule in _rules():
        last = timezone.now() + timedelta(days=rule.near_exit)
        near |= Q(stay__kind=rule.kind, stay__status=StayStatus.ADMITTED, stay__planned_end_at__lte=last)
    return _open(here).filter(near, state__in=_UNANSWERED, unread_since__isnull=True)


def _rules() -> list[Any]:
    today = timezone.localdate()
    return [
        rule
        for rule in all_rules()
        if rule.valid_from <= today and (rule.valid_until is None or today <= rule.valid_until)
    ]


def to_send(here: Here) -> QuerySet[Invoice]:
    """Invoices that no lot takes."""
    ready = Invoice.objects.filter(
        seen(here, "stay__"), status=Constant(InvoiceStatus.READY), payer=Constant(Payer.AMC), agreement__isnull=False
    )
    return ready.filter(blocked_reason="")


def _adorn(agreements: QuerySet[Any]) -> QuerySet[Any]:
    related = agreements.select_related("stay__patient", "stay__unit", "debtor").only(
        *("state", "number", "opened_at", "requested_at", "remind_at", "reminders", "valid_until", "closed_at"),
        "unread_since",
        *("closed_reason", "stay__iep", "stay__kind", "stay__status", "stay__planned_start_at", "stay__started_at"),
        *("stay__ended_at", "stay__planned_end_at", "stay__unit__code", "stay__unit__name", "debtor__name"),
        *querysets.named("stay__patient"),
    )
    return querysets.with_amount_at_stake(related)


AGREEMENTS = Kind(
    model=Agreement,
    rows="worklists/agreement.html",
    columns=(
        Column("Patient", lambda agreement: listed_name(agreement.stay.patient), "patient"),
        Column("IEP, service", lambda agreement: agreement.stay.iep),
        Column("Organisme", lambda agreement: agreement.debtor.name, "organisme"),
        Column("Où elle en est", sentence),
        Column("Séjour", lambda agreement: agreement.stay.get_kind_display()),
    ),
    adorn=_adorn,
    label=lambda agreement: listed_name(agreement.stay.patient),
    sorts={"patient": "stay__patient__birth_name", "organisme": "debtor__name"},
    iep="stay__iep",
    stay="stay",
    debtor="debtor",
    domain="stay__domain",
)


def _ask(ids: list[int], user: User) -> list[tuple[int, bool, str]]:
    return each(ids, lambda pk: services.ask(pk, Actor(user)))


def _remind(ids: list[int], user: User) -> list[tuple[int, bool, str]]:
    return each(ids, lambda pk: services.remind(pk, Actor(user)))


def _left(ids: list[int], user: User) -> list[tuple[int, bool, str]]:
    return each(ids, lambda pk: services.invoice_left(pk, Actor(user)))


ASK = Deed("demander", "Demander", "demandées", "send", Action.FOLLOW_AGREEMENT, _ask, "d")
REMIND = Deed("relancer", "Relancer", "relancées", "send", Action.FOLLOW_AGREEMENT, _remind, "r")
LEFT = Deed("envoyees", "Envoyées", "envoyées", "send", Action.CORRECT_INVOICE, _left, "e")

WORKLISTS = (
    Worklist(
        slug="pec-a-demander",
        title="PEC à demander",
        step=Step.STAY,
        roles=_WHO,
        action=Action.FOLLOW_AGREEMENT,
        kind=AGREEMENTS,
        select=to_ask,
        steady=True,
        since="opened_at",
        happened="L’organisme est hors ROC pour ce séjour : il faut lui demander une prise en charge.",
        system="Lettre et texte de courriel sont prêts. Si l’organisme rejoint ROC, la ligne part seule.",
        you="Marquez « Demander », puis envoyez la lettre ou le courriel.",
        deeds=(ASK,),
    ),
    Worklist(
        slug="pec-sans-reponse",
        title="PEC sans réponse",
        step=Step.STAY,
        roles=_WHO,
        action=Action.FOLLOW_AGREEMENT,
        kind=AGREEMENTS,
        select=unanswered,
        since="requested_at",
        happened="La prise en charge est demandée, et le délai de réponse est passé.",
        system="Rien n’est facturé à l’organisme tant qu’il n’a pas répondu.",
        you="Relancez, ou saisissez la réponse reçue.",
        deeds=(REMIND,),
    ),
    Worklist(
        slug="pec-reponses-a-saisir",
        title="Réponses de PEC à saisir",
        step=Step.STAY,
        roles=_WHO,
        action=Action.FOLLOW_AGREEMENT,
        kind=AGREEMENTS,
        select=unread,
        since="unread_since",
        happened="L’organisme a répondu : son courrier est joint à la prise en charge.",
        system="Les relances s’arrêtent, et son silence ne vaut plus accord.",
        you="Ouvrez la ligne, lisez le courrier, saisissez ce qu’il accorde.",
    ),
    Worklist(
        slug="pec-qui-expirent",
        title="PEC qui expirent",
        step=Step.STAY,
        roles=_WHO,
        action=Action.FOLLOW_AGREEMENT,
        kind=AGREEMENTS,
        select=expiring,
        since="opened_at",
        happened="L’accord finit avant la sortie prévue.",
        system="Les jours au-delà seraient facturés au patient.",
        you="Demandez la prolongation, puis saisissez la nouvelle fin.",
    ),
    Worklist(
        slug="sorties-sans-reponse-pec",
        title="Sorties proches sans réponse",
        step=Step.STAY,
        roles=_WHO,
        action=Action.FOLLOW_AGREEMENT,
        kind=AGREEMENTS,
        select=leaving_unanswered,
        since="opened_at",
        happened="Le patient est sorti ou va sortir, et l’organisme n’a pas dit ce qu’il paie.",
        system="La facturation du séjour attend la réponse.",
        you="Obtenez la réponse par téléphone ou sur le portail, et saisissez-la.",
    ),
    Worklist(
        slug="factures-hors-roc",
        title="Factures hors ROC à envoyer",
        step=Step.RECOVERY,
        roles=frozenset({Role.BILLING}),
        action=Action.SEE_INVOICES,
        kind=INVOICES,
        select=to_send,
        steady=True,
        since="created_at",
        happened="La facture est prête, et son organisme ne reçoit pas de lot.",
        system="Elle ne part pas seule.",
        you="Imprimez-la et postez-la, ou saisissez-la sur le portail, puis marquez « Envoyées ».",
        deeds=(LEFT,),
    ),
)
