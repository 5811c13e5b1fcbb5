"""Lists of calls: what a payer refused, what waits, what stopped."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.db.models import OuterRef, QuerySet

from accounts.enums import Action, Role
from admissions.masked import listed_name
from teleservices.enums import Disposition
from teleservices.models import TeleserviceCall
from teleservices.sentences import RETRIED
from worklists import querysets
from worklists.causes import words_of_cause
from worklists.deeds import ASK_AGAIN, handled
from worklists.enums import Step
from worklists.registry import Column, Grouping, Kind, Worklist

_DESK = frozenset({Role.AGENT, Role.REFERENT})
_REFERENT = frozenset({Role.REFERENT})


def _adorn(calls: QuerySet[Any]) -> QuerySet[Any]:
    related = calls.select_related("stay__patient", "stay__unit", "debtor").only(
        *("operation", "status", "return_code", "return_label", "cause", "not_before", "planned_at", "finished_at"),
        *("stay__iep", "stay__unit__code", "stay__unit__name", "debtor__name", "debtor__code"),
        *querysets.named("stay__patient"),
    )
    return querysets.with_amount_at_stake(related).annotate(meant=querysets.label_in_force(OuterRef("return_code")))


def _finish(calls: list[Any]) -> None:
    """What the answer means: the words of the catalogue in force, else the payer's own."""
    for call in calls:
        if call.return_code:
            call.said = call.meant or call.return_label or "Code sans libellé"
        else:
            call.said = (
                words_of_cause(call.cause)[0] if call.status == "needs_referent" else RETRIED.get(call.cause, "")
            )


def _patient(call: Any) -> str:
    return listed_name(call.stay.patient)


CALLS = Kind(
    model=TeleserviceCall,
    rows="worklists/call.html",
    columns=(
        Column("Patient", _patient, "patient"),
        Column("IEP, service", lambda call: call.stay.iep),
        Column("Organisme", lambda call: call.whom, "organisme"),
        Column("Ce que répond l’organisme", lambda call: f"{call.operation} {call.return_code} {call.said}".strip()),
        Column("Part AMC", lambda call: call.at_stake, numeric=True),
    ),
    adorn=_adorn,
    finish=_finish,
    label=_patient,
    sorts={"patient": "stay__patient__birth_name", "organisme": "debtor__name"},
    iep="stay__iep",
    stay="stay",
    debtor="debtor",
    domain="stay__domain",
    operation="operation",
    amount="at_stake",
    amount_label="en attente",
)

_BY_CODE = partial(Grouping, "code", "return_code", label=querysets.code_and_label("return_code"))


def _refused(*dispositions: Disposition) -> Any:
    return lambda establishment_id: querysets.refused(establishment_id, *dispositions)


WORKLISTS = (
    Worklist(
        slug="patients-a-prevenir",
        title="Patients à prévenir",
        step=Step.ARRIVAL,
        roles=_DESK,
        action=Action.SEE_DOSSIER,
        kind=CALLS,
        select=_refused(Disposition.INFORM_PATIENT),
        steady=True,
        since="finished_at",
        happened="L’organisme refuse le tiers payant : contrat terminé, suspendu, soins non couverts, plafond atteint.",
        system="Le dossier continue sans tiers payant. Une nouvelle couverture relance l’appel toute seule.",
        you="Prévenez le patient, demandez un justificatif exploitable, puis marquez « Patient prévenu ».",
        after="Patient à prévenir",
        deeds=(handled("Patient prévenu", "prévenus"),),
        grouping=_BY_CODE("Par motif"),
    ),
    Worklist(
        slug="numeros-adherent",
        title="N° d’adhérent à demander",
        step=Step.ARRIVAL,
        roles=_DESK,
        action=Action.SEE_DOSSIER,
        kind=CALLS,
        select=_refused(Disposition.ASK_MEMBER_NUMBER),
        steady=True,
        since="finished_at",
        happened="L’organisme ne trouve pas le patient sans son n° d’adhérent.",
        system="L’appel repart seul dès que le n° est saisi, et la ligne disparaît.",
        you="Demandez la carte, saisissez le n°. N° inconnu de l’organisme : pas de tiers payant, prévenez le patient.",
        after="Dès la saisie",
        grouping=Grouping("amc", "debtor", "Par organisme", label_path="debtor__name"),
    ),
    Worklist(
        slug="regimes-a-aligner",
        title="Régimes à aligner",
        step=Step.ARRIVAL,
        roles=_REFERENT,
        action=Action.SEE_DOSSIER,
        kind=CALLS,
        select=querysets.regimes_too_long_apart,
        since="finished_at",
        happened="L’organisme connaît un autre régime obligatoire que celui du dossier, depuis trop longtemps.",
        system="L’appel repart encore seul si les droits AMO du dossier changent.",
        you="Vérifiez la caisse avec le patient ou sur sa carte Vitale, corrigez-la au dossier, ou redemandez.",
        after="Régimes alignés",
        deeds=(ASK_AGAIN,),
        grouping=Grouping("amc", "debtor", "Par organisme", label_path="debtor__name"),
    ),
    Worklist(
        slug="regimes-en-attente",
        title="Régimes en attente",
        step=Step.ARRIVAL,
        roles=_REFERENT,
        action=Action.SEE_DOSSIER,
        kind=CALLS,
        select=querysets.regimes_waiting,
        since="finished_at",
        happened="L’organisme connaît un autre régime obligatoire que celui du dossier.",
        system="L’appel repart seul quand les droits AMO du dossier changent.",
        you="Rien, sauf si le patient présente d’autres droits AMO : corrigez-les au dossier.",
        after="Droits AMO changés",
        grouping=Grouping("amc", "debtor", "Par organisme", label_path="debtor__name"),
        quiet=True,
    ),
    Worklist(
        slug="organismes-indisponibles",
        title="Organismes indisponibles",
        step=Step.ARRIVAL,
        roles=_REFERENT,
        action=Action.SEE_DOSSIER,
        kind=CALLS,
        select=querysets.away_too_long,
        since="planned_at",
        happened="L’organisme ne répond pas, ou se dit indisponible, depuis plus longtemps que d’habitude.",
        system="Chaque appel est réessayé seul, de plus en plus espacé. Rien n’est perdu, rien n’est refusé au patient.",
        you="Rien. Si cela dure une journée, signalez-le à l’organisme : une ligne par organisme ci-dessous.",
        grouping=Grouping("amc", "debtor", "Par organisme", label_path="debtor__name", next_path="not_before"),
        quiet=True,
    ),
    Worklist(
        slug="issues-inconnues",
        title="Issues inconnues",
        step=Step.ARRIVAL,
        roles=_REFERENT,
        action=Action.SEE_DOSSIER,
        kind=CALLS,
        select=querysets.outcome_unknown,
        since="planned_at",
        happened="La demande est partie et la réponse s’est perdue : l’organisme l’a peut-être traitée.",
        system="Le même message repart, sous le même identifiant : jamais une seconde demande.",
        you="Rien. N’appelez pas l’organisme pour refaire la demande. Passé deux jours, signalez-le à l’éditeur.",
        grouping=Grouping("amc", "debtor", "Par organisme", label_path="debtor__name", next_path="not_before"),
        quiet=True,
    ),
    Worklist(
        slug="parametrage",
        title="Paramétrage à revoir",
        step=Step.ARRIVAL,
        roles=_REFERENT,
        action=Action.SEE_DOSSIER,
        kind=CALLS,
        select=querysets.settings_to_look_at,
        steady=True,
        since="finished_at",
        happened="La réponse met en cause un réglage de chez nous : organisme non ouvert, trop de simulations.",
        system="Rien tant que le réglage n’a pas changé : redemander donnerait la même réponse.",
        you="Corrigez le périmètre : ses dossiers repartent seuls. Autre réglage : corrigez, puis « Redemander ».",
        after="Réglage à revoir",
        deeds=(ASK_AGAIN, handled("Réglage revu", "revus")),
        settings=("worklists:perimeter", "Périmètre"),
        grouping=_BY_CODE("Par code"),
    ),
    Worklist(
        slug="dates-de-prescription",
        title="Dates de prescription refusées",
        step=Step.ARRIVAL,
        roles=_REFERENT,
        action=Action.SEE_DOSSIER,
        kind=CALLS,
        select=querysets.prescription_dates,
        steady=True,
        since="finished_at",
        happened="La date de prescription, puis celle de l’entrée et celle des soins ont été refusées.",
        system="Plus aucune date à essayer : l’appel attend.",
        you="Retrouvez l’ordonnance et corrigez la date au dossier, puis « Redemander ».",
        after="Date à corriger",
        deeds=(ASK_AGAIN, handled("Date vue", "vus")),
    ),
    Worklist(
        slug="codes-inconnus",
        title="Codes inconnus",
        step=Step.ARRIVAL,
        roles=_REFERENT,
        action=Action.SEE_DOSSIER,
        kind=CALLS,
        select=_refused(Disposition.STORE),
        steady=True,
        since="finished_at",
        happened="L’organisme répond par un code absent de notre catalogue.",
        system="La réponse est gardée telle quelle. Les droits restent indéterminés, rien n’est perdu.",
        you="Faites ajouter le code au catalogue, puis « Redemander ». Sans suite : « Code signalé ».",
        after="Code à qualifier",
        deeds=(handled("Code signalé", "signalés"), ASK_AGAIN),
        grouping=_BY_CODE("Par code"),
    ),
    Worklist(
        slug="appels-arretes",
        title="Appels arrêtés",
        step=Step.TECHNICAL,
        roles=_REFERENT,
        action=Action.SEE_DOSSIER,
        kind=CALLS,
        select=querysets.stopped,
        steady=True,
        since="planned_at",
        happened="Un certificat, une adresse ou notre propre message est en cause : rien ne peut partir.",
        system="Ces appels sont gardés, arrêtés. Ils repartent tous quand la cause est levée.",
        you="Levez la cause, une fois pour tous ses dossiers, puis « Relancer ».",
        after="À la relance",
        grouping=Grouping("cause", "cause", "Par cause", words=words_of_cause, rearm=True),
    ),
)
