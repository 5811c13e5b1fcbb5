"""SIM, CLC and DEL: what they ask, what their answers mean. Registered with the engine, which knows no money."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime

from django.utils import timezone

from admissions.querysets import care_date
from billing import services
from billing.enums import EngagementStatus
from billing.models import Engagement
from billing.pricing import content_digest, period_of, price, service_lines
from billing.rules.split import NotDecided
from teleservices import handlers, rights
from teleservices.handlers import NothingToAsk
from teleservices.messages import (
    Answer,
    CalculationAnswer,
    CalculationRequest,
    CancellationAnswer,
    CancellationRequest,
    DossierKind,
    Operation,
    Request,
    ServiceLine,
    SimulationAnswer,
    SimulationRequest,
)
from teleservices.models import TeleserviceCall


def register_handlers() -> None:
    handlers.register(Operation.SIM, SimulationHandler())
    handlers.register(Operation.CLC, CalculationHandler())
    handlers.register(Operation.DEL, CancellationHandler())
    handlers.register_afterwards(services.call_ended)
    handlers.register_rearmed(services.advance)
    handlers.register_outside(services.outside_roc)


def _lines(call: TeleserviceCall) -> tuple[ServiceLine, ...]:
    """The lines of the stay at this instant; the call keeps the mark of what it asked, and in which context."""
    try:
        lines = price(call.stay)
    except NotDecided as problem:
        raise NothingToAsk("price_not_decided") from problem
    if not lines:
        raise NothingToAsk("nothing_to_bill")
    call.parameters = call.parameters | {"content": content_digest(lines)} | call.stay.roc_context
    return service_lines(lines)


class SimulationHandler:
    """SIM: what the AMC would pay of the stay as it stands."""

    def build(self, call: TeleserviceCall, sent_at: datetime) -> tuple[str, Request]:
        rights.must_be_askable(call)
        period = period_of(call.stay)
        return rights.url_of(call), SimulationRequest(
            rights.header(call, sent_at),
            rights.route(call.cover),
            rights.beneficiary(call),
            entry=period.first,
            expected_exit=period.last,
            lines=_lines(call),
        )

    def apply(self, call: TeleserviceCall, answer: Answer) -> None:
        assert isinstance(answer, SimulationAnswer)
        amounts = {line.number: line.amc_amount for line in answer.lines}
        services.apply_simulation(call, amounts, rights.received_at(call))


class CalculationHandler:
    """CLC: the engagement of the AMC on what was really done."""

    def build(self, call: TeleserviceCall, sent_at: datetime) -> tuple[str, Request]:
        rights.must_be_askable(call)
        period = period_of(call.stay)
        if not period.final:
            raise NothingToAsk("stay_not_discharged")
        return rights.url_of(call), CalculationRequest(
            rights.header(call, sent_at),
            rights.route(call.cover),
            rights.beneficiary(call),
            entry=period.first,
            exit=period.last,
            prescription_date=_prescription_date(call),
            lines=_lines(call),
        )

    def apply(self, call: TeleserviceCall, answer: Answer) -> None:
        assert isinstance(answer, CalculationAnswer)
        services.apply_engagement(call, answer)


class CancellationHandler:
    """DEL: give an engagement up, where it was given: the stay may have changed its field of activity since."""

    def build(self, call: TeleserviceCall, sent_at: datetime) -> tuple[str, Request]:
        engagement = Engagement.objects.filter(
            pk=call.parameters.get("engagement"), status=EngagementStatus.IN_FORCE
        ).first()
        if engagement is None:
            raise NothingToAsk("engagement_gone")
        domain = str(call.parameters.get("domain", call.stay.domain))
        header = replace(
            rights.header(call, sent_at),
            domain=domain,
            dossier_kind=DossierKind(call.parameters.get("dossier", call.stay.roc_context["dossier"])),
        )
        return rights.url_of(call, domain), CancellationRequest(
            header,
            rights.route(call.cover),
            engagement_number=engagement.number,
            reason=str(call.parameters.get("reason", "")),
        )

    def apply(self, call: TeleserviceCall, answer: Answer) -> None:
        assert isinstance(answer, CancellationAnswer)
        services.apply_cancellation(call, answer.cancelled_at or timezone.now())


def _prescription_date(call: TeleserviceCall) -> date | None:
    """The prescription's own date; after a refusal of it (RC23), the entry's, then the service's."""
    used = call.parameters.get("prescription")
    if used == "entry":
        return care_date(call.stay)
    if used == "service":
        return timezone.localdate(call.stay.ended_at) if call.stay.ended_at else care_date(call.stay)
    return call.stay.prescription_date
