"""Counts what the demonstration hospital has, and says which state or list nobody could see."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from django.db.models import Count, Model, TextChoices

from accounts.enums import Role
from accounts.models import Establishment, RoleAssignment
from admissions.enums import (
    AmoOutcome,
    CoverageKind,
    CoverageSource,
    Domain,
    IdentityStatus,
    RightsStatus,
    StayKind,
    StayStatus,
)
from admissions.models import AmoAnswer, Coverage, Patient, Rights, Stay
from admissions.services import glass
from billing.enums import AgreementState, EngagementStatus, FileStatus, InvoiceStatus, Payer, PaymentMeans, RecordStatus
from billing.models import Agreement, Engagement, ExchangeFile, ExchangeRecord, Invoice, Payment
from debtors.enums import AssociationStatus
from debtors.models import DatamatrixAssociation, Debtor, Operator
from teleservices.enums import CallStatus, CertificateState, CertificateUse, Family, HandshakeState
from teleservices.messages import Operation
from teleservices.models import ConnectionTest, SoftwareCertificate, TeleserviceCall
from worklists import codes
from worklists.demo.catalogue import payers, staff
from worklists.demo.plots import FULL_SIZE
from worklists.registry import all_worklists

#: What the whole demonstration promises.
PATIENTS, STAYS, CARDED_PERCENT, ALONE_PERCENT = 300, 500, 50, 95
# Each state that the chain can have, but those that last a moment (a call under way, a lot about to be deposited, a
# service that is closed), a coverage that another program sends, and a matricule verified again after three years.
_STATES: Final[tuple[tuple[str, type[Model], str, type[TextChoices] | type[Operation], set[str]], ...]] = (
    ("séjour", Stay, "status", StayStatus, set()),
    ("type de séjour", Stay, "kind", StayKind, set()),
    ("champ", Stay, "domain", Domain, set()),
    ("identité", Patient, "identity_status", IdentityStatus, set()),
    ("couverture", Coverage, "kind", CoverageKind, set()),
    ("origine de couverture", Coverage, "source", CoverageSource, {CoverageSource.API}),
    ("réponse de CDRi", AmoAnswer, "outcome", AmoOutcome, {AmoOutcome.CLOSED}),
    ("droits", Rights, "status", RightsStatus, set()),
    ("appel", TeleserviceCall, "status", CallStatus, {CallStatus.CALLING}),
    ("opération", TeleserviceCall, "operation", Operation, {Operation.INSV}),
    ("famille de refus", TeleserviceCall, "family", Family, set()),
    ("engagement", Engagement, "status", EngagementStatus, set()),
    ("prise en charge", Agreement, "state", AgreementState, set()),
    ("payeur", Invoice, "payer", Payer, set()),
    ("facture", Invoice, "status", InvoiceStatus, set()),
    ("fichier", ExchangeFile, "status", FileStatus, {FileStatus.PREPARED}),
    ("enregistrement", ExchangeRecord, "status", RecordStatus, set()),
    ("moyen de paiement", Payment, "means", PaymentMeans, set()),
    ("association", DatamatrixAssociation, "status", AssociationStatus, set()),
)
# Few patients owe a part themselves: a small hospital may see no cheque.
_NEED_NUMBERS: Final = frozenset({"moyen de paiement", "prise en charge"})
#: Lists of what should never happen. Nothing fails here, and a fault planted on purpose would be no true story.
EMPTY_WHEN_ALL_IS_WELL: Final = frozenset(
    {"evenements-en-echec", "imports-arretes", "appels-immobiles", "factures-retenues", "lots-retenus"}
)


@dataclass(frozen=True, slots=True)
class Census:
    """Figures of one hospital: `states` and `lists` by name, `missing` as French sentences (empty: all is there)."""

    patients: int
    carded: int
    stays: int
    states: dict[str, dict[str, int]]
    lists: dict[str, int]
    missing: list[str]

    def summary(self) -> str:
        share = round(100 * self.carded / self.patients) if self.patients else 0
        shown = sum(1 for count in self.lists.values() if count)
        return (
            f"{self.stays} séjours de {self.patients} patients, dont {share} % avec une carte lue ; "
            f"{shown} listes de travail sur {len(self.lists)} ont des lignes."
        )


def take(establishment: Establishment, size: int) -> Census:
    """Count everything. The promised numbers of people are held against a hospital of the full size alone."""
    states = {name: _counted(model, field) for name, model, field, _, _ in _STATES}
    lists = {slug: one.select(establishment.pk).count() for slug, one in all_worklists().items()}
    patients = Patient.objects.count()
    carded = Patient.objects.filter(cards__isnull=False).distinct().count()
    stays = Stay.objects.filter(establishment=establishment).count()
    missing = [
        f"aucun exemple de « {name} : {value.label if isinstance(value, TextChoices) else value.value} »"
        for name, _, _, values, fleeting in _STATES
        if size >= FULL_SIZE or name not in _NEED_NUMBERS
        for value in values
        if value not in fleeting and not states[name].get(str(value))
    ]
    missing += [
        f"rien dans la liste « {all_worklists()[slug].title} »"
        for slug, count in lists.items()
        if not count and slug not in EMPTY_WHEN_ALL_IS_WELL
    ]
    missing += _people_missing(establishment)
    if size >= FULL_SIZE and (patients < PATIENTS or stays < STAYS):
        missing.append(f"{patients} patients et {stays} séjours, au lieu de {PATIENTS} et {STAYS} au moins")
    kept = SoftwareCertificate.objects.filter(state=CertificateState.IN_FORCE).count()
    if kept < len(CertificateUse):
        missing.append(f"{kept} certificats en service, au lieu de {len(CertificateUse)}")
    if not ConnectionTest.objects.filter(establishment=establishment, state=HandshakeState.SUCCEEDED).exists():
        missing.append("aucun test d’accrochage réussi")
    if not glass.to_review(establishment.pk):
        missing.append("aucun dossier protégé ouvert")
    alone = codes.share(establishment.pk).percent or 0
    if size >= FULL_SIZE and alone < ALONE_PERCENT:
        missing.append(f"{alone:.1f} % des dossiers se passent de tous, au lieu de {ALONE_PERCENT} %")
    if carded * 100 < patients * CARDED_PERCENT:
        missing.append(f"{carded} patients sur {patients} seulement ont une carte lue")
    return Census(patients, carded, stays, states, lists, missing)


def _counted(model: type[Model], field: str) -> dict[str, int]:
    rows: Any = model._default_manager.values_list(field).annotate(count=Count("pk")).order_by(field)
    return {str(value): count for value, count in rows}


def _people_missing(establishment: Establishment) -> list[str]:
    """Payers and operators of the programme's sources, and one login a role."""
    known = set(Debtor.objects.exclude(amc_number="").values_list("amc_number", flat=True))
    missing = [f"l’organisme {payer.number} n’est pas un débiteur" for payer in payers() if payer.number not in known]
    operators = set(Operator.objects.values_list("name", flat=True))
    missing += [f"l’opérateur {name} manque" for name in {payer.operator for payer in payers()} - operators]
    signing_in = [row.username for row in staff() if row.signs_in]
    roles = RoleAssignment.objects.filter(establishment=establishment, user__username__in=signing_in)
    held = set(roles.values_list("role", flat=True))
    return missing + [f"personne ne se connecte comme {role.label}" for role in Role if role not in held]
