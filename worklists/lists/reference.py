"""Lists of associations: what agents taught the table, for a référent to decide; and the stays that hang on it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from accounts.enums import Action, Role
from accounts.models import User
from accounts.sight import seen
from debtors import decisions
from debtors.enums import AssociationStatus, DecisionKind
from debtors.models import DatamatrixAssociation
from worklists import querysets, stakes
from worklists.enums import Step
from worklists.lists import stays
from worklists.registry import Column, Deed, Kind, Worklist

_REFERENT = frozenset({Role.REFERENT})


def _card(association: Any) -> str:
    parts = (association.amc_number or "carte non lue", association.convention, association.csr)
    return " ".join(part for part in parts if part)


def _decided(kind: DecisionKind) -> Callable[[list[int], User], list[decisions.Outcome]]:
    return lambda ids, user: decisions.decide_many(ids, kind, user)


_DEEDS: Final = tuple(
    Deed(name, verb, done, icon, Action.VALIDATE_ASSOCIATION, _decided(kind), key, "debtors:associations")
    for name, verb, done, icon, kind, key in (
        ("valider", "Valider", "validées", "check", DecisionKind.VALIDATE, "v"),
        ("rejeter", "Rejeter", "rejetées", "ban", DecisionKind.REJECT, "r"),
        ("supprimer", "Supprimer", "supprimées", "trash", DecisionKind.DELETE, ""),
    )
)

ASSOCIATIONS = Kind(
    model=DatamatrixAssociation,
    rows="worklists/association.html",
    columns=(
        Column("Carte", _card),
        Column("Domaine", lambda association: association.domain),
        Column("Débiteur choisi", lambda association: association.debtor.name, "organisme"),
        Column("Appris de", lambda association: str(association.created_by or "")),
        Column("Usages", lambda association: association.use_count, "usages", numeric=True),
        Column("En jeu", lambda association: association.at_stake, "montant", numeric=True),
    ),
    adorn=lambda rows: rows.select_related("debtor", "created_by"),
    label=_card,
    sorts={"organisme": "debtor__name", "usages": "use_count", "montant": "at_stake"},
    then=("-use_count",),
    debtor="debtor",
    domain="domain",
    amount="at_stake",
    amount_label="en jeu",
)


def _with(status: AssociationStatus, _here: Any) -> Any:
    return stakes.with_stakes(querysets.associations(status))


WORKLISTS = (
    Worklist(
        slug="associations-a-valider",
        title="Associations à valider",
        step=Step.REFERENCE,
        roles=_REFERENT,
        action=Action.SEE_DEBTORS,
        kind=ASSOCIATIONS,
        select=partial(_with, AssociationStatus.TO_VALIDATE),
        since="created_at",
        happened="Un agent a choisi le débiteur d’une carte que la table ne connaissait pas.",
        system="Son choix sert déjà aux cartes semblables, en attendant.",
        you="Validez, choisissez un autre débiteur, ou rejetez. Les plus gros enjeux d’abord.",
        deeds=_DEEDS,
        first="-montant",
    ),
    Worklist(
        slug="associations-a-verifier",
        title="Associations à vérifier",
        step=Step.REFERENCE,
        roles=_REFERENT,
        action=Action.SEE_DEBTORS,
        kind=ASSOCIATIONS,
        select=partial(_with, AssociationStatus.TO_VERIFY),
        since="created_at",
        happened="Un agent a choisi un autre débiteur que celui de la table.",
        system="Les deux choix restent proposés tant que personne n’a tranché.",
        you="Gardez le bon débiteur, rejetez l’autre. Deux centres de gestion possibles : dites-le sur la fiche.",
        deeds=_DEEDS,
        first="-montant",
    ),
    Worklist(
        slug="rejets-contestes",
        title="Rejets contestés",
        step=Step.REFERENCE,
        roles=_REFERENT,
        action=Action.SEE_DEBTORS,
        kind=ASSOCIATIONS,
        select=lambda _here: stakes.with_stakes(querysets.contested()),
        since="contested_at",
        happened="Des agents choisissent encore ce débiteur, que la table a rejeté pour cette carte.",
        system="Leur choix ne vaut que pour leur dossier : la table n’apprend rien.",
        you="Relisez la décision. Validez si les agents ont raison ; sinon rejetez de nouveau, et dites-leur pourquoi.",
        deeds=_DEEDS[:2],
        first="-montant",
    ),
    Worklist(
        slug="debiteurs-a-revoir",
        title="Débiteurs à revoir",
        step=Step.STAY,
        roles=frozenset({Role.AGENT, Role.REFERENT}),
        action=Action.SEE_DOSSIER,
        kind=stays.says("Le débiteur de la carte a été rejeté"),
        select=lambda here: stakes.to_choose_again().filter(seen(here)),
        since="planned_start_at",
        happened="Le débiteur choisi pour la carte de ce dossier a été rejeté par un référent.",
        system="Le dossier garde ce débiteur tant que personne n’en choisit un autre : il sera facturé ainsi.",
        you="Ouvrez le séjour, « Choisir un autre organisme » : la carte est déjà lue.",
    ),
)
