"""The evidence pack of an anomaly: what the vendor or the AMC needs to find the fault, and nothing of a patient.

Of a message, only what the contract says is technical or monetary is kept as it is (`_KEPT`); any other text keeps its
shape (`9` a digit, `A` a capital, `a` a small letter) and loses its value. What is not one of our messages is left out.
"""

from __future__ import annotations

import io
import json
import platform
import zipfile
from datetime import datetime
from typing import Any, Final

from django.conf import settings
from django.utils import timezone
from lxml import etree

from debtors.models import DirectoryEntry
from gap.lists import csv_text
from teleservices.anomalies import refusals_of
from teleservices.clients.errors import CallError
from teleservices.clients.soap import parse_envelope
from teleservices.models import Anomaly, TeleserviceAttempt

#: Messages of the most recent dossiers; the table of calls has more.
MESSAGES: Final = 20
CALLS: Final = 500
# Elements of the reference contract whose value says nothing of a person. Days of care stay: anomalies are about them.
_KEPT_OF_THE_HEADER: Final = {
    "IdMessage", "DateEmission", "DateReponse", "FinessJuridique", "FinessGeographique", "Logiciel", "VersionLogiciel",
    "Domaine", "TypeDossier", "NumeroAmc", "TypeConvention", "Csr", "CodeRetour", "LibelleRetour", "faultcode",
}  # fmt: skip
_KEPT_OF_THE_LINES: Final = {
    "Code", "Famille", "Couverte", "CodePrestation", "Numero", "Quantite", "PrixUnitaire", "BaseAmo", "MontantAmo",
    "MontantAmc", "MontantTotal", "TotalAmc", "ResteACharge", "ResteAChargePossible",
}  # fmt: skip
_KEPT_DAYS: Final = {
    "DateDebut", "DateFin", "DateEntree", "DateSortie", "DateSortiePrevue", "DatePrescription", "DateSoins",
    "DebutSoins", "FinSoins", "DateAnnulation", "ValableAu", "ReponseValableAu",
}  # fmt: skip
_KEPT_OF_THE_DIRECTORY: Final = {
    "Trouve", "RaccordeDepuis", "UrlIdb", "UrlSim", "UrlClc", "UrlDel", "VersionContrat", "ContratResponsable",
}  # fmt: skip
_KEPT: Final = _KEPT_OF_THE_HEADER | _KEPT_OF_THE_LINES | _KEPT_DAYS | _KEPT_OF_THE_DIRECTORY


_README: Final = """\
Dossier de preuve d’une anomalie de téléservice
===============================================

anomalie.json   la cause : code retour, opération, organisme, établissement, dates, versions
appels.csv      un appel par ligne : identifiant du message, instants, durée, issue de chaque tentative
messages/       requêtes et réponses des appels les plus récents

Les messages sont masqués : ce qui désigne une personne garde sa forme (9 pour un chiffre, A et a pour une lettre)
et perd sa valeur. L’organisme retrouve le dossier par l’identifiant du message.
"""


def shape(text: str) -> str:
    """`1 85 04 75` becomes `9 99 99 99`: long enough to see what breaks a rule, too little to know who."""
    return "".join(_shape_of(character) for character in text)


def _shape_of(character: str) -> str:
    if character.isdigit():
        return "9"
    if character.isalpha():
        return "A" if character.isupper() else "a"
    return character


def redacted(message: bytes) -> bytes | None:
    """The message without what designates a person. None when it is not a message: nothing sure can be said of it."""
    try:
        envelope = parse_envelope(message)
    except CallError:
        return None
    for element in envelope.iter(etree.Element):
        kept = etree.QName(element).localname in _KEPT and len(element) == 0
        if element.text and element.text.strip() and not kept:
            element.text = shape(element.text)
        if element.tail and element.tail.strip():
            element.tail = shape(element.tail)
        for name, value in element.attrib.items():
            element.set(name, shape(str(value)))
    return etree.tostring(envelope, xml_declaration=True, encoding="UTF-8", pretty_print=True)


def build(anomaly: Anomaly) -> bytes:
    """The pack of an anomaly, as a zip file."""
    refusals = refusals_of(anomaly).order_by("-finished_at", "-pk")
    attempts = list(
        TeleserviceAttempt.objects.filter(call__in=[call.pk for call in refusals.only("pk")[:CALLS]])
        .select_related("call")
        .defer("request_xml", "response_xml")
        .order_by("-call__finished_at", "-call", "number")
    )
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as pack:
        pack.writestr("LISEZMOI.txt", _README)
        pack.writestr("anomalie.json", json.dumps(_cause(anomaly), ensure_ascii=False, indent=2))
        pack.writestr("appels.csv", _table(attempts))
        recent = [call.pk for call in refusals.only("pk")[:MESSAGES]]
        for attempt in TeleserviceAttempt.objects.filter(call__in=recent).select_related("call").order_by("pk"):
            name = f"messages/{attempt.call.message_id}-{attempt.number}"
            for kind, content in (("requete", attempt.request_xml), ("reponse", attempt.response_xml)):
                if content:
                    masked = redacted(bytes(content))
                    text = masked or f"Illisible : {len(content)} octets, non joints.\n".encode()
                    pack.writestr(f"{name}-{kind}.{'xml' if masked else 'txt'}", text)
    return buffer.getvalue()


def _cause(anomaly: Anomaly) -> dict[str, Any]:
    entry = DirectoryEntry.objects.filter(amc_number=anomaly.debtor.amc_number).order_by("-answered_at").first()
    return {
        "code": anomaly.code,
        "operation": anomaly.operation,
        "organisme": {"nom": anomaly.debtor.name, "numero_amc": anomaly.debtor.amc_number},
        "etablissement": {
            "finess_juridique": anomaly.establishment.finess_legal,
            "finess_geographique": anomaly.establishment.finess_site,
        },
        "vue_le": _written(anomaly.opened_at),
        "dossiers_concernes": refusals_of(anomaly).values("stay").distinct().count(),
        "reference": anomaly.reference,
        "versions": {
            "logiciel": f"{settings.SOFTWARE_NAME} {settings.SOFTWARE_VERSION}",
            "contrat": entry.contract_version if entry else "",
            "python": platform.python_version(),
        },
    }


def _table(attempts: list[TeleserviceAttempt]) -> str:
    headers = (
        "message", "operation", "tentative", "commencee", "duree_ms", "http", "issue", "raison", "code", "adresse",
    )  # fmt: skip
    return csv_text(headers, map(_line, attempts))


def _line(attempt: TeleserviceAttempt) -> tuple[Any, ...]:
    call = attempt.call
    return (
        str(call.message_id), call.operation, attempt.number, _written(attempt.started_at), attempt.duration_ms,
        attempt.http_status, attempt.outcome, attempt.reason, call.return_code, attempt.url,
    )  # fmt: skip


def _written(instant: datetime) -> str:
    return timezone.localtime(instant).isoformat(timespec="milliseconds")
