"""Lists of associations: what agents taught the table, for a référent to decide."""

from __future__ import annotations

from functools import partial
from typing import Any

from accounts.enums import Action, Role
from debtors.enums import AssociationStatus
from debtors.models import DatamatrixAssociation
from worklists import querysets
from worklists.enums import Step
from worklists.registry import Column, Kind, Worklist

_REFERENT = frozenset({Role.REFERENT})


def _card(association: Any) -> str:
    parts = (association.amc_number or "carte non lue", association.convention, association.csr)
    return " ".join(part for part in parts if part)


ASSOCIATIONS = Kind(
    model=DatamatrixAssociation,
    rows="worklists/association.html",
    columns=(
        Column("Carte", _card),
        Column("Domaine", lambda association: association.domain),
        Column("Débiteur choisi", lambda association: association.debtor.name, "organisme"),
        Column("Appris de", lambda association: str(association.created_by or "")),
        Column("Usages", lambda association: association.use_count, "usages", numeric=True),
    ),
    adorn=lambda rows: rows.select_related("debtor", "created_by"),
    label=_card,
    sorts={"organisme": "debtor__name", "usages": "use_count"},
    debtor="debtor",
    domain="domain",
)


def _with(status: AssociationStatus, _establishment_id: int) -> Any:
    return querysets.associations(status)


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
        you="Validez, choisissez un autre débiteur, ou rejetez. Les plus utilisées d’abord.",
        first="-usages",
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
        first="-usages",
    ),
)
