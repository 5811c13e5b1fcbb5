"""Lists of invoices and of what comes back for them."""

from __future__ import annotations

from typing import Any

from django.db.models import DecimalField, ExpressionWrapper, F, QuerySet

from accounts.enums import Action, Role
from admissions.masked import listed_name
from billing.enums import Payer
from billing.models import ExchangeFile, ExchangeRecord, Invoice
from worklists import querysets
from worklists.deeds import after_a_return
from worklists.enums import Step
from worklists.registry import Column, Grouping, Kind, Worklist

_BILLING = frozenset({Role.BILLING})


def _adorn(invoices: QuerySet[Any]) -> QuerySet[Any]:
    due = ExpressionWrapper(F("amount") - F("paid_amount"), DecimalField(max_digits=12, decimal_places=2))
    related = invoices.select_related("stay__patient", "debtor").only(
        *("number", "payer", "status", "created_at", "sent_at", "rejected_at", "amount", "paid_amount"),
        *("rejection_code", "rejection_label", "blocked_reason", "stay__iep", "debtor__name", "debtor__code"),
        *querysets.named("stay__patient"),
    )
    return related.annotate(due=due)


def _payer(invoice: Any) -> str:
    return str(invoice.debtor.name if invoice.debtor else invoice.get_payer_display())


def _reason(invoice: Any) -> str:
    if invoice.status == "rejected":
        return f"{invoice.rejection_code} {invoice.rejection_label}".strip()
    return str(invoice.blocked_reason or invoice.get_status_display())


INVOICES = Kind(
    model=Invoice,
    rows="worklists/invoice.html",
    columns=(
        Column("Facture", lambda invoice: invoice.number, "numero"),
        Column("Patient", lambda invoice: listed_name(invoice.stay.patient)),
        Column("IEP", lambda invoice: invoice.stay.iep),
        Column("Payeur", _payer, "organisme"),
        Column("Ce qui s’est passé", _reason),
        Column("Reste dû", lambda invoice: invoice.due, "montant", numeric=True),
    ),
    adorn=_adorn,
    label=lambda invoice: f"Facture {invoice.number}",
    sorts={"numero": "number", "organisme": "debtor__name", "montant": "amount"},
    iep="stay__iep",
    stay="stay",
    debtor="debtor",
    domain="stay__domain",
    amount="due",
    amount_label="en attente",
    amount_column="amount",
)


RECORDS = Kind(
    model=ExchangeRecord,
    rows="worklists/record.html",
    columns=(
        Column("Fichier, ligne", lambda record: f"{record.file.name} l. {record.line}"),
        Column("Nature", lambda record: record.file.get_kind_display()),
        Column("N° de facture lu", lambda record: record.invoice_number),
        Column("Référence", lambda record: record.reference),
        Column("Pourquoi", lambda record: record.problem),
        Column("Montant", lambda record: record.amount, "montant", numeric=True),
    ),
    adorn=lambda records: records.select_related("file"),
    label=lambda record: f"{record.file.name}, ligne {record.line}",
    sorts={"montant": "amount"},
    amount="amount",
    amount_label="à rapprocher",
    amount_column="amount",
)

FILES = Kind(
    model=ExchangeFile,
    rows="worklists/file.html",
    columns=(
        Column("Fichier", lambda file: file.name),
        Column("Nature", lambda file: file.get_kind_display()),
        Column("Émetteur", lambda file: file.recipient),
        Column("Pourquoi", lambda file: file.problem),
        Column("Factures lues", lambda file: file.invoice_count, numeric=True),
    ),
    adorn=lambda files: files,
    label=lambda file: file.name,
)

_BY_DEBTOR = Grouping("amc", "debtor", "Par organisme", label_path="debtor__name")


def _rejection_words(code: str) -> tuple[str, str]:
    return (f"Code {code}" if code else "Sans code", "")


WORKLISTS = (
    Worklist(
        slug="factures-bloquees",
        title="Factures bloquées",
        step=Step.BILLING,
        roles=_BILLING,
        action=Action.SEE_INVOICES,
        kind=INVOICES,
        select=querysets.blocked,
        steady=True,
        since="created_at",
        happened="La facture est prête, mais une donnée manque pour l’écrire.",
        system="Elle est réessayée à chaque envoi de lot : la donnée corrigée, elle part seule.",
        you="Corrigez la donnée dite sur la ligne, au dossier du patient.",
    ),
    Worklist(
        slug="factures-retenues",
        title="Factures retenues après restauration",
        step=Step.BILLING,
        roles=_BILLING,
        action=Action.SEE_INVOICES,
        kind=INVOICES,
        select=querysets.held,
        steady=True,
        since="created_at",
        happened="L’hôpital est revenu à une sauvegarde : ces factures sont peut-être parties depuis.",
        system="Elles ne partent dans aucun lot tant que personne n’a dit ce qu’il en est.",
        you="Demandez à l’organisme s’il les a reçues, puis « L’organisme l’a déjà » ou « Laisser partir ».",
        deeds=after_a_return(Invoice),
        grouping=_BY_DEBTOR,
    ),
    Worklist(
        slug="lots-retenus",
        title="Lots retenus après restauration",
        step=Step.BILLING,
        roles=_BILLING,
        action=Action.SEE_EXCHANGES,
        kind=FILES,
        select=querysets.held_lots,
        steady=True,
        since="created_at",
        happened="L’hôpital est revenu à une sauvegarde : ces lots étaient prêts, et sont peut-être partis depuis.",
        system="Ils ne sont pas déposés tant que personne n’a dit ce qu’il en est.",
        you="Demandez à l’organisme s’il a ce n° de lot, puis « L’organisme l’a déjà » ou « Laisser partir ».",
        deeds=after_a_return(ExchangeFile),
    ),
    Worklist(
        slug="factures-rejetees",
        title="Factures rejetées",
        step=Step.RECOVERY,
        roles=_BILLING,
        action=Action.SEE_INVOICES,
        kind=INVOICES,
        select=querysets.rejected,
        steady=True,
        since="rejected_at",
        happened="L’organisme a rejeté la facture ; le code et son libellé sont sur la ligne.",
        system="Rien : une facture rejetée ne repart jamais sans que quelqu’un ait vu pourquoi.",
        you="Ouvrez-la : « Corriger et renvoyer », ou « Annuler l’engagement et recalculer ».",
        grouping=Grouping("code", "rejection_code", "Par motif", words=_rejection_words),
    ),
    Worklist(
        slug="factures-sans-acquittement",
        title="Factures sans acquittement",
        step=Step.RECOVERY,
        roles=_BILLING | {Role.ADMINISTRATOR},
        action=Action.SEE_INVOICES,
        kind=INVOICES,
        select=querysets.unacknowledged,
        since="sent_at",
        happened="La facture est partie depuis plus de 24 heures, et aucun ARL n’est revenu.",
        system="Rien n’est renvoyé à l’aveugle : le lot porte son numéro, l’ARL sera pris dès qu’il arrive.",
        you="Vérifiez le transport des fichiers, puis demandez l’ARL à l’organisme avec le n° du lot.",
        grouping=_BY_DEBTOR,
    ),
    Worklist(
        slug="parts-amo",
        title="Parts AMO à constater",
        step=Step.RECOVERY,
        roles=_BILLING,
        action=Action.SEE_INVOICES,
        kind=INVOICES,
        select=lambda establishment_id: querysets.shares_due(establishment_id, Payer.AMO),
        steady=True,
        since="created_at",
        happened="La part de l’assurance maladie est facturée, son paiement n’est pas encore constaté.",
        system="Le séjour est soldé tout seul quand toutes ses parts sont payées.",
        you="Constatez le paiement sur la facture, avec sa référence.",
        grouping=_BY_DEBTOR,
    ),
    Worklist(
        slug="parts-patients",
        title="Parts patients à encaisser",
        step=Step.RECOVERY,
        roles=frozenset({Role.CASHIER}),
        action=Action.SEE_INVOICES,
        kind=INVOICES,
        select=lambda establishment_id: querysets.shares_due(establishment_id, Payer.PATIENT),
        steady=True,
        since="created_at",
        happened="Il reste une part au patient après l’assurance maladie et sa complémentaire.",
        system="Le séjour est soldé tout seul quand elle est encaissée.",
        you="Encaissez-la et constatez le paiement : moyen, référence, date, montant.",
    ),
    Worklist(
        slug="enregistrements-a-rapprocher",
        title="Enregistrements à rapprocher",
        step=Step.RECOVERY,
        roles=_BILLING,
        action=Action.SEE_EXCHANGES,
        kind=RECORDS,
        select=querysets.unmatched,
        since="file__created_at",
        happened="Un retour ne correspond à aucune de nos factures, ou ne peut pas être lu.",
        system="Il est gardé tel quel, rien n’en a été appliqué.",
        you="Ouvrez le fichier : la ligne dit ce qui ne va pas, et les factures qui lui ressemblent.",
    ),
    Worklist(
        slug="fichiers-en-quarantaine",
        title="Fichiers en quarantaine",
        step=Step.RECOVERY,
        roles=_BILLING | {Role.ADMINISTRATOR},
        action=Action.SEE_EXCHANGES,
        kind=FILES,
        select=querysets.quarantined,
        since="created_at",
        happened="Un fichier est arrivé coupé ou altéré.",
        system="Coupé : ses enregistrements entiers sont pris, le reste attend. Altéré : rien n’en est appliqué.",
        you="Demandez-le de nouveau à l’organisme. Le fichier entier, arrivé ou déposé ici, ferme la ligne.",
    ),
)
