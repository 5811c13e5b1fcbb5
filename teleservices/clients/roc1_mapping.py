"""ROC contract, version 1: from our messages to the contract's names, and back. Nothing else knows these names."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from teleservices.messages import (
    Answer,
    AnswerHeader,
    Beneficiary,
    CalculationAnswer,
    CalculationRequest,
    CancellationAnswer,
    CancellationRequest,
    CoveredFamily,
    DebtorData,
    DirectoryAnswer,
    DirectoryRequest,
    Header,
    LineShare,
    Operation,
    PayerRoute,
    Request,
    RightsAnswer,
    RightsRequest,
    ServiceLine,
    SimulationAnswer,
    SimulationRequest,
)

Fields = dict[str, Any]
CENT = Decimal("0.01")


def request_fields(request: Request) -> Fields:
    """The children of the request's element, as zeep wants them. None: left out."""
    common: Fields = {"EnTete": _header(request.header), "Routage": _route(request.route)}
    match request:
        case DirectoryRequest():
            return common | {"DateSoins": request.care_date}
        case CancellationRequest():
            return common | {"NumeroEngagement": request.engagement_number, "Motif": request.reason}
    common["Beneficiaire"] = _beneficiary(request.beneficiary)
    match request:
        case RightsRequest():
            return common | {"DebutSoins": request.care_start, "FinSoins": request.care_end}
        case SimulationRequest():
            dates: Fields = {"DateEntree": request.entry, "DateSortiePrevue": request.expected_exit}
        case CalculationRequest():
            dates = {
                "DateEntree": request.entry,
                "DateSortie": request.exit,
                "DatePrescription": request.prescription_date,
            }
    return common | dates | {"Lignes": {"Ligne": [_line(line) for line in request.lines]}}


def read_answer(operation: Operation, parsed: Any) -> Answer:
    """The message of an answer parsed by zeep, valid against the XSD already."""
    return _READERS[operation](_answer_header(parsed.EnTete), parsed)


def is_complete(answer: Answer) -> bool:
    """A positive answer holds what it is positive about: the XSD cannot say so."""
    if not answer.header.positive:
        return True
    match answer:
        case DirectoryAnswer():
            return not answer.found or bool(answer.amc_label)
        case SimulationAnswer():
            return answer.amc_total is not None
        case CalculationAnswer():
            return bool(answer.engagement_number)
        case CancellationAnswer():
            return answer.cancelled_at is not None
        case RightsAnswer():
            return answer.rights_from is not None or answer.contract_label != "" or bool(answer.families)


# ---- to the wire ----


def _header(header: Header) -> Fields:
    return {
        "IdMessage": str(header.message_id),
        "DateEmission": header.sent_at,
        "FinessJuridique": header.finess_legal,
        "FinessGeographique": header.finess_site,
        "Logiciel": header.software_name,
        "VersionLogiciel": header.software_version,
        "NumeroDossier": header.dossier_number or None,
        "Domaine": header.domain,
        "TypeDossier": header.dossier_kind.value,
    }


def _route(route: PayerRoute) -> Fields:
    return {"NumeroAmc": route.amc_number, "TypeConvention": route.convention, "Csr": route.csr or None}


def _beneficiary(person: Beneficiary) -> Fields:
    return {
        "Nir": person.nir,
        "NomNaissance": person.birth_name,
        "NomUsage": person.used_name or None,
        "Prenom": person.first_name,
        "DateNaissance": person.birth_date,
        "RangNaissance": person.birth_rank,
        "NumeroAdherent": person.member_number or None,
        "RegimeAmo": person.amo_regime or None,
    }


def _line(line: ServiceLine) -> Fields:
    return {
        "Numero": line.number,
        "CodePrestation": line.service_code,
        "Libelle": line.label or None,
        "Quantite": line.quantity,
        "PrixUnitaire": _amount(line.unit_price),
        "MontantTotal": _amount(line.total),
        "BaseAmo": _amount(line.amo_base),
        "MontantAmo": _amount(line.amo_amount),
        "DateDebut": line.start,
        "DateFin": line.end,
    }


def _amount(value: Decimal) -> Decimal:
    """Two places. An amount finer than a cent is left as it is: the XSD refuses it, and nothing is rounded silently."""
    rounded = value.quantize(CENT)
    return rounded if rounded == value else value


# ---- from the wire ----


def _answer_header(found: Any) -> AnswerHeader:
    return AnswerHeader(
        message_id=UUID(found.IdMessage),
        answered_at=_instant(found.DateReponse),
        code=found.CodeRetour,
        label=found.LibelleRetour or "",
        messages=tuple(found.Message or ()),
    )


def _instant(value: Any) -> datetime:
    """zeep gives None for what it cannot convert, and says so in a log alone."""
    if not isinstance(value, datetime):
        raise ValueError("not an instant")
    return value.astimezone(UTC)


def _directory(header: AnswerHeader, parsed: Any) -> DirectoryAnswer:
    amc = parsed.Amc
    if not parsed.Trouve or amc is None:
        return DirectoryAnswer(header=header, found=bool(parsed.Trouve))
    return DirectoryAnswer(
        header=header,
        found=True,
        amc_label=amc.Libelle,
        operator=amc.Operateur or "",
        connected_since=amc.RaccordeDepuis,
        idb_url=amc.UrlIdb or "",
        sim_url=amc.UrlSim or "",
        clc_url=amc.UrlClc or "",
        del_url=amc.UrlDel or "",
        dre_address=amc.AdresseDre or "",
        contract_version=amc.VersionContrat or "",
        multiple_centres=amc.CentresMultiples,
    )


def _rights(header: AnswerHeader, parsed: Any) -> RightsAnswer:
    rights = parsed.Droits
    if rights is None:
        return RightsAnswer(header=header)
    return RightsAnswer(
        header=header,
        rights_from=rights.DroitsDu,
        rights_until=rights.DroitsAu,
        contract_label=rights.LibelleContrat or "",
        responsible_contract=rights.ContratResponsable,
        patient_share_possible=rights.ResteAChargePossible,
        families=tuple(CoveredFamily(family.Code, family.Couverte) for family in rights.Famille or ()),
        answer_valid_until=rights.ReponseValableAu,
    )


def _simulation(header: AnswerHeader, parsed: Any) -> SimulationAnswer:
    found = parsed.Simulation
    if found is None:
        return SimulationAnswer(header=header)
    return SimulationAnswer(header, _shares(found.Ligne), found.TotalAmc, found.ResteACharge)


def _calculation(header: AnswerHeader, parsed: Any) -> CalculationAnswer:
    found = parsed.Engagement
    if found is None:
        return CalculationAnswer(header=header)
    return CalculationAnswer(
        header=header,
        engagement_number=found.NumeroEngagement,
        lines=_shares(found.Ligne),
        amc_total=found.TotalAmc,
        valid_until=found.ValableAu,
        dre_address=found.AdresseDre or "",
        dre_recipient=found.DestinataireDre or "",
        debtor=_debtor(found.Debiteur),
    )


def _debtor(found: Any) -> DebtorData | None:
    if found is None:
        return None
    return DebtorData(found.Libelle, found.Adresse or "", found.CodePostal or "", found.Ville or "")


def _cancellation(header: AnswerHeader, parsed: Any) -> CancellationAnswer:
    return CancellationAnswer(
        header=header, cancelled_at=_instant(parsed.DateAnnulation) if parsed.DateAnnulation else None
    )


def _shares(found: list[Any]) -> tuple[LineShare, ...]:
    return tuple(LineShare(line.Numero, line.MontantAmc) for line in found)


_READERS: dict[Operation, Callable[[AnswerHeader, Any], Answer]] = {
    Operation.DIRECTORY: _directory,
    Operation.IDB: _rights,
    Operation.SIM: _simulation,
    Operation.CLC: _calculation,
    Operation.DEL: _cancellation,
}
