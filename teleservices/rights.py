"""The two questions on rights: which AMC answers (annuaire), and does it cover this person (IDB)."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.utils import timezone

from admissions.enums import EXTERNAL_KINDS, Protection, RightsStatus, StayStatus
from admissions.models import Coverage, Rights, Stay
from admissions.querysets import care_date, latest_rights
from admissions.services.coverage import apply_rights, rights_undetermined
from debtors import upkeep
from debtors.enums import ChangeSource
from debtors.models import DirectoryEntry
from debtors.querysets import directory_entry
from debtors.services import store_directory_answer
from teleservices import perimeter
from teleservices.handlers import NotConfigured, NothingToAsk
from teleservices.messages import (
    Answer,
    Beneficiary,
    DirectoryAnswer,
    DirectoryRequest,
    DossierKind,
    Header,
    PayerRoute,
    Request,
    RightsAnswer,
    RightsRequest,
)
from teleservices.models import TeleserviceCall
from teleservices.webhooks import kinds, telling

# The directory changes slowly; the norm's own validity is not public (docs/conformite.md).
DIRECTORY_FRESH_FOR = timedelta(hours=24)


def header(call: TeleserviceCall, sent_at: datetime) -> Header:
    stay = call.stay
    return Header(
        message_id=call.message_id,
        sent_at=sent_at,
        finess_legal=stay.establishment.finess_legal,
        finess_site=stay.establishment.finess_site,
        software_name=settings.SOFTWARE_NAME,
        software_version=settings.SOFTWARE_VERSION,
        dossier_number=stay.iep,
        domain=stay.domain,
        dossier_kind=DossierKind.EXTERNAL if stay.kind in EXTERNAL_KINDS else DossierKind.STAY,
    )


def route(coverage: Coverage) -> PayerRoute:
    return PayerRoute(coverage.debtor.amc_number, coverage.convention, coverage.csr)


def url_of(call: TeleserviceCall, domain: str = "") -> str:
    """Where the service is called. Raises NotConfigured when the directory gives no address for it.

    `domain`: the field of activity that the question is about, when it is not the stay's any more.
    """
    url = call.service_url
    if domain not in ("", call.stay.domain):
        asked = route(call.cover)
        entry = directory_entry(asked.amc_number, asked.convention, asked.csr, domain)
        url = str(getattr(entry, f"{call.operation.lower()}_url", "")) if entry else ""
    if not url:
        raise NotConfigured(f"{call.operation.lower()}_url_missing")
    return url


def beneficiary(call: TeleserviceCall) -> Beneficiary:
    """Raises NothingToAsk when the NIR is unknown: an AMC can't find anybody without it."""
    patient = call.stay.patient
    if not patient.nir:
        raise NothingToAsk("nir_missing")
    return Beneficiary(
        nir=patient.nir,
        birth_name=patient.birth_name,
        first_name=patient.first_name,
        birth_date=patient.birth_date,
        birth_rank=patient.birth_rank,
        used_name=patient.used_name,
        member_number=call.cover.member_number or "",
        amo_regime=call.amo_regime or "",
    )


def entry_for(stay: Stay, coverage: Coverage) -> DirectoryEntry | None:
    return directory_entry(coverage.debtor.amc_number, coverage.convention, coverage.csr, stay.domain)


def entry_is_fresh(entry: DirectoryEntry | None, now: datetime) -> bool:
    return entry is not None and now - entry.answered_at < DIRECTORY_FRESH_FOR


def rights_are_fresh(rights: Rights | None, stay: Stay, now: datetime) -> bool:
    """An answer is asked again once its validity is over, or when it was given for another day of care.

    An AMC that gives no validity is believed until midnight: a cautious choice of ours.
    """
    if rights is None or rights.status == RightsStatus.UNDETERMINED or rights.care_date != care_date(stay):
        return False
    return (rights.valid_until or timezone.localdate(rights.answered_at)) >= timezone.localdate(now)


def rights_open(stay: Stay, coverage: Coverage, now: datetime) -> bool:
    rights = latest_rights(stay.pk, coverage.pk)
    return rights is not None and rights.status == RightsStatus.OPEN and rights_are_fresh(rights, stay, now)


def asked_as_is(call: TeleserviceCall) -> bool:
    """Whether the stay still has the context in which the call was put; one that did not say is taken at its word."""
    return all(call.parameters.get(name, now) == now for name, now in call.stay.roc_context.items())


def must_be_askable(call: TeleserviceCall) -> None:
    """Raises NothingToAsk when an event has made the question pointless since it was planned."""
    if call.stay.status == StayStatus.CANCELLED:
        raise NothingToAsk("stay_cancelled")
    if call.stay.patient.protection == Protection.SECRET:
        raise NothingToAsk("kept_secret")
    if not call.cover.active:
        raise NothingToAsk("coverage_replaced")


def received_at(call: TeleserviceCall) -> datetime:
    """When the answer was recorded, by our clock: with that of a payer that is slow, nothing would ever be fresh."""
    return call.finished_at or timezone.now()


class DirectoryHandler:
    """Annuaire AMC: the answer is kept for every dossier of the same route."""

    def build(self, call: TeleserviceCall, sent_at: datetime) -> tuple[str, Request]:
        must_be_askable(call)
        url = settings.TELESERVICES["directory_url"]
        if not url:
            raise NotConfigured("directory_url_missing")
        call.parameters = call.parameters | call.stay.roc_context
        return url, DirectoryRequest(header(call, sent_at), route(call.cover), care_date(call.stay))

    def apply(self, call: TeleserviceCall, answer: Answer) -> None:
        assert isinstance(answer, DirectoryAnswer)
        coverage = call.cover
        key = {
            "amc_number": coverage.debtor.amc_number,
            "convention": coverage.convention,
            "csr": coverage.csr,
            # The stay may have changed its field of activity since: the answer is about what was asked.
            "domain": call.parameters.get("domain", call.stay.domain),
        }
        said = {
            "found": answer.found,
            "label": answer.amc_label,
            "operator_name": answer.operator,
            "connected_since": answer.connected_since,
            "idb_url": answer.idb_url,
            "sim_url": answer.sim_url,
            "clc_url": answer.clc_url,
            "del_url": answer.del_url,
            "dre_address": answer.dre_address,
            "contract_version": answer.contract_version,
            "multiple_centres": answer.multiple_centres,
        }
        store_directory_answer(key, said, received_at(call))
        debtor = coverage.debtor
        # One centre of several has its own addresses: the route's is not for us to write on its record. The name by which
        # people know a payer, and which stands on what patients are given, is not taken from a route's label.
        if answer.found and not (answer.multiple_centres or debtor.multiple_centres):
            record = {"dre_address": answer.dre_address}
            if any(text and getattr(debtor, name) != text for name, text in record.items()):
                upkeep.refresh(debtor.pk, record, received_at(call), ChangeSource.DIRECTORY)
        if not answer.found and asked_as_is(call) and not perimeter.only_tested(call):
            rights_undetermined(
                call.stay,
                call.cover_id,
                "Cet organisme n’est pas raccordé à ROC pour ce domaine : circuit hors ROC.",
                code="HORS_ROC",
                at=received_at(call),
            )


class RightsHandler:
    """IDB: open or closed at the date of care, and what the contract leaves out."""

    def build(self, call: TeleserviceCall, sent_at: datetime) -> tuple[str, Request]:
        must_be_askable(call)
        stay = call.stay
        url = url_of(call)
        end = timezone.localdate(stay.ended_at or stay.planned_end_at) if stay.ended_at or stay.planned_end_at else None
        start = care_date(stay)
        call.parameters = call.parameters | stay.roc_context
        return url, RightsRequest(
            header(call, sent_at),
            route(call.cover),
            beneficiary(call),
            care_start=start,
            care_end=max(end, start) if end else None,
        )

    def apply(self, call: TeleserviceCall, answer: Answer) -> None:
        assert isinstance(answer, RightsAnswer)
        if perimeter.only_tested(call):
            return
        day = care_date(call.stay)
        covered = (answer.rights_from is None or answer.rights_from <= day) and (
            answer.rights_until is None or day <= answer.rights_until
        )
        reason = "" if covered else _outside(answer)
        # What the engine asked with the call; asked here by whoever did not.
        listened = getattr(call, "listened", True)
        before = latest_rights(call.stay_id, call.cover_id) if listened else None
        given = apply_rights(
            call.stay,
            call.cover_id,
            status=RightsStatus.OPEN if covered else RightsStatus.CLOSED,
            code=answer.header.code,
            reason=reason,
            contract_label=answer.contract_label,
            rights_from=answer.rights_from,
            rights_until=answer.rights_until,
            responsible=answer.responsible_contract,
            patient_share_possible=answer.patient_share_possible,
            uncovered_families=[family.family for family in answer.families if not family.covered],
            answered_at=received_at(call),
            valid_until=answer.answer_valid_until,
        )
        if listened and (before is None or before.status != given.status):
            telling.tell(kinds.RIGHTS_CHANGED, [telling.Fact(call.stay, also={"rights": str(given.status)})])


def _outside(answer: RightsAnswer) -> str:
    start = f"du {answer.rights_from:%d/%m/%Y} " if answer.rights_from else ""
    end = f"au {answer.rights_until:%d/%m/%Y}" if answer.rights_until else ""
    return f"Droits ouverts {start}{end}, pas à la date des soins.".replace("  ", " ")
