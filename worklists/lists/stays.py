"""Lists of stays: a card to scan, rights or an engagement that did not come, a price that nobody can say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db.models import Case, CharField, Exists, OuterRef, QuerySet, Subquery, Value, When
from django.db.models.functions import TruncDate
from django.utils import timezone

from accounts.enums import Action, Role
from admissions.enums import CoverageKind
from admissions.masked import listed_name
from admissions.models import Coverage, Stay
from teleservices.enums import CallStatus
from teleservices.models import TeleserviceCall
from worklists import querysets, querysets_amo, querysets_identity
from worklists.enums import Step
from worklists.registry import Column, Kind, Worklist

_DESK = frozenset({Role.AGENT, Role.REFERENT})
_BILLING = frozenset({Role.BILLING})


def _adorn(stays: QuerySet[Any]) -> QuerySet[Any]:
    payer = (
        Coverage.objects.filter(patient=OuterRef("patient"), kind=CoverageKind.AMC, active=True)
        .order_by("rank", "-valid_from")
        .values("debtor__name")[:1]
    )
    related = stays.select_related("patient", "unit").only(
        *("iep", "kind", "status", "planned_start_at", "started_at", "ended_at", "planned_end_at", "created_at"),
        *("unit__code", "unit__name"),
        *querysets.named("patient"),
    )
    related = related.annotate(payer_name=Subquery(payer))
    return querysets.with_amount_at_stake(related, "pk")


def _patient(stay: Any) -> str:
    return listed_name(stay.patient)


def _reason(stay: Any) -> str:
    return str(getattr(stay, "reason", "") or "")


_COLUMNS = (
    Column("Patient", _patient, "patient"),
    Column("IEP, service", lambda stay: stay.iep),
    Column("Séjour", lambda stay: f"{stay.get_kind_display()}, {timezone.localtime(stay.start_at):%d/%m/%Y}"),
    Column("Organisme", lambda stay: stay.payer_name),
    Column("Ce qui manque", _reason),
    Column("Part AMC", lambda stay: stay.at_stake, numeric=True),
)


def _kind(reason: Any, dated: Callable[[QuerySet[Any]], QuerySet[Any]] = _adorn) -> Kind:
    """Stays with `reason`: an ORM expression that says what is missing. `dated` adds the days that it names."""
    return Kind(
        model=Stay,
        rows="worklists/stay.html",
        columns=_COLUMNS,
        adorn=lambda stays: dated(stays).annotate(reason=reason),
        label=_patient,
        sorts={"patient": "patient__birth_name"},
        iep="iep",
        stay="pk",
        domain="domain",
        amount="at_stake",
        amount_label="en attente",
    )


def says(text: str) -> Kind:
    """Stays that all miss the same thing."""
    return _kind(Value(text, output_field=CharField()))


_WAITING = TeleserviceCall.objects.filter(stay=OuterRef("pk"), operation="CLC").order_by("-pk")
_ENGAGEMENT = Case(
    When(
        Exists(_WAITING.filter(status=CallStatus.REFUSED, superseded_at__isnull=True)),
        then=Value("Engagement refusé : voyez le séjour"),
    ),
    When(
        Exists(_WAITING.filter(status__in=[CallStatus.PLANNED, CallStatus.CALLING])),
        then=Value("Engagement demandé, pas encore répondu"),
    ),
    When(Exists(_WAITING.filter(status=CallStatus.UNKNOWN)), then=Value("Réponse perdue, redemandée seule")),
    When(Exists(_WAITING.filter(status=CallStatus.NEEDS_REFERENT)), then=Value("Appel arrêté : voyez le référent")),
    default=Value("Droits AMC pas ouverts : engagement pas encore demandé"),
    output_field=CharField(),
)
_UNDECIDED = Case(
    When(querysets.no_night(), then=Value("Hospitalisation complète sans nuit : à requalifier")),
    When(querysets.no_tariff(), then=Value("Unité sans tarif à cette date")),
    When(querysets.too_long(), then=Value("Plus de 30 nuits : règle non en service")),
    When(querysets_amo.exempted(), then=Value("Droits particuliers : règle non en service")),
    default=Value("Les lignes de l’engagement ne sont pas celles du séjour"),
    output_field=CharField(),
)


def _with_days(stays: QuerySet[Any]) -> QuerySet[Any]:
    here = timezone.get_current_timezone()
    return _adorn(
        stays.annotate(care_day=TruncDate("started_at", tzinfo=here), exit_day=TruncDate("ended_at", tzinfo=here))
    )


WORKLISTS = (
    Worklist(
        slug="cartes-a-scanner",
        title="Cartes à scanner",
        step=Step.ARRIVAL,
        roles=_DESK,
        action=Action.SEE_DOSSIER,
        kind=says("Carte de mutuelle"),
        select=querysets.cards_to_scan,
        since="planned_start_at",
        happened="Arrivée d’aujourd’hui ou de demain, sans complémentaire connue.",
        system="Dès la carte lue : organisme choisi, droits demandés, reste à charge estimé.",
        you="Scannez la carte à l’arrivée, ou déposez sa photo. Pas de mutuelle : rien à faire, le dossier passera.",
    ),
    Worklist(
        slug="identites-a-completer",
        title="Identités à compléter",
        step=Step.ARRIVAL,
        roles=_DESK,
        action=Action.SEE_DOSSIER,
        kind=_kind(querysets_identity.what_is_missing()),
        select=querysets_identity.to_complete,
        since="planned_start_at",
        happened="Le patient a été pris en charge avant d’être tout à fait connu, ou un doute pèse sur son identité.",
        system="Dès l’identité saisie, INSi et les organismes sont interrogés seuls. Un doute arrête ces questions.",
        you="Ouvrez le dossier, comparez avec la pièce d’identité, puis saisissez ou tranchez.",
    ),
    Worklist(
        slug="droits-amo",
        title="Droits AMO à régler",
        step=Step.ARRIVAL,
        roles=_DESK,
        action=Action.SEE_DOSSIER,
        kind=_kind(querysets_amo.what_to_settle()),
        select=querysets_amo.rights_to_settle,
        since="planned_start_at",
        happened="La caisse ne trouve pas l’assuré, ou ne dit pas ce que porte le dossier.",
        system="Ce qu’une règle accepte est déjà repris. Dès la décision, les droits de la mutuelle sont redemandés seuls.",
        you="Ouvrez le dossier : prenez ce que dit la caisse, gardez le dossier, ou saisissez l’attestation papier.",
    ),
    Worklist(
        slug="hors-roc",
        title="Hors ROC",
        step=Step.STAY,
        roles=frozenset({Role.REFERENT, Role.BILLING}),
        action=Action.SEE_DOSSIER,
        kind=says("Organisme non raccordé à ROC"),
        select=querysets.outside_roc,
        since="planned_start_at",
        happened="L’annuaire ne connaît pas l’organisme pour ce domaine : aucun appel ne partira.",
        system="Une prise en charge est ouverte. Si l’organisme se raccorde, le dossier repasse seul en ROC.",
        you="Rien ici : ce qui vous attend est dans « PEC à demander », « sans réponse » et « qui expirent ».",
        quiet=True,
    ),
    Worklist(
        slug="sorties-sans-droits-amo",
        title="Sorties sans droits AMO",
        step=Step.STAY,
        roles=frozenset({Role.REFERENT, Role.BILLING}),
        action=Action.SEE_DOSSIER,
        kind=says("Droits de l’assurance maladie à la date des soins"),
        select=querysets.without_amo,
        since="ended_at",
        happened="Le patient est sorti et aucune caisse ne couvre la date des soins.",
        system="Rien ne peut être facturé. Dès les droits saisis, engagement puis factures partent seuls.",
        you="Retrouvez les droits (attestation, caisse) et saisissez-les au dossier.",
    ),
    Worklist(
        slug="sorties-sans-engagement",
        title="Sorties sans engagement",
        step=Step.STAY,
        roles=_BILLING,
        action=Action.SEE_DOSSIER,
        kind=_kind(_ENGAGEMENT),
        select=querysets.without_engagement,
        since="ended_at",
        happened="Le patient est sorti depuis plus d’une heure, et l’organisme ne s’est pas encore engagé.",
        system="L’engagement est demandé ou redemandé seul ; les factures suivent dans la minute.",
        you="Rien tant qu’il attend. Refusé ou jamais demandé : ouvrez le séjour, la ligne dit pourquoi.",
    ),
    Worklist(
        slug="sejours-a-decider",
        title="Séjours à décider",
        step=Step.BILLING,
        roles=_BILLING,
        action=Action.SEE_DOSSIER,
        kind=_kind(_UNDECIDED, _with_days),
        select=querysets.to_decide,
        since="ended_at",
        happened="Les règles en service ne disent pas qui doit quoi pour ce séjour.",
        system="Rien n’est facturé au hasard : le séjour attend.",
        you="Ouvrez le séjour : corrigez l’unité, le type ou les dates. Sinon facturez-le dans l’outil précédent.",
    ),
    Worklist(
        slug="actes-manquants",
        title="Actes manquants",
        step=Step.BILLING,
        roles=_BILLING,
        action=Action.SEE_DOSSIER,
        kind=says("Aucun acte saisi"),
        select=querysets.acts_missing,
        since="ended_at",
        happened="Consultation ou passage terminé, sans aucun acte saisi : il n’y a rien à facturer.",
        system="Dès le premier acte, le dossier repart : droits, engagement, factures.",
        you="Demandez les actes au service, ou saisissez-les sur le séjour.",
    ),
)
