"""Open and close a prise en charge by facts: asked after each event and each answer, it comes to the same point."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from django.db.models import BigIntegerField
from django.utils import timezone

from admissions.enums import OUTSIDE_ROC, CoverageKind, EventKind, Protection, RightsStatus, StayStatus
from admissions.events import SYSTEM, Actor
from admissions.models import Coverage, Rights, Stay
from admissions.querysets import care_date, coverages_on, latest_rights
from billing.enums import AgreementAct, AgreementEnd, AgreementState, EngagementStatus
from billing.models import Agreement, AgreementLine, AgreementStep, Engagement
from billing.pec.rules import rule_for
from billing.querysets import asked_of
from billing.rules.agreements import Clause, Terms
from gap.compiled import Compiled, Given
from teleservices.webhooks import kinds, telling
from teleservices.webhooks.telling import Fact

# States of a stay in which a payer may still be asked.
_ASKING = (StayStatus.PREADMITTED, StayStatus.ADMITTED, StayStatus.DISCHARGED)


#: Whether a stay has one open: asked at the end of each call.
OPEN = Compiled(
    lambda: Agreement.objects.filter(stay=Given("stay", BigIntegerField()), closed_at__isnull=True).only("pk")
)


def follow(stay: Stay) -> Agreement | None:
    """The open agreement of the stay as its facts want it now. Needs the stay's lock."""
    found = list(Agreement.objects.filter(stay=stay, closed_at__isnull=True).select_related("coverage"))
    if stay.status == StayStatus.CANCELLED:
        for one in found:
            close(one, AgreementEnd.STAY_CANCELLED)
        return None
    if stay.status not in _ASKING:
        return found[0] if found else None
    coverage = coverages_on(stay.patient_id, care_date(stay), CoverageKind.AMC).order_by("rank").first()
    kept: Agreement | None = None
    for one in found:
        if coverage is None or one.coverage_id != coverage.pk:
            close(one, AgreementEnd.COVERAGE_REPLACED)
        elif stay.events.filter(kind=EventKind.STAY_REQUALIFIED, created_at__gt=one.opened_at).exists():
            close(one, AgreementEnd.REQUALIFIED)
        else:
            kept = one
    if coverage is None:
        return None
    if kept is not None and stay.patient.protection == Protection.SECRET:
        close(kept, AgreementEnd.KEPT_SECRET)
        return None
    last = latest_rights(stay.pk, coverage.pk)
    outside = last is not None and last.code in OUTSIDE_ROC
    if kept is None and not outside:
        return None
    end = _over(stay, coverage, last)
    if end is None:
        # Nobody is told of a birth kept secret (CASF, art. L. 222-6).
        return kept or (None if stay.patient.protection == Protection.SECRET else _open(stay, coverage))
    if kept is not None:
        close(kept, end)
    return None


def _over(stay: Stay, coverage: Coverage, last: Rights | None) -> AgreementEnd | None:
    """Why no agreement is wanted of this coverage now; None while it may be."""
    engaged = Engagement.objects.filter(stay=stay, coverage=coverage, status=EngagementStatus.IN_FORCE)
    if any(stands(stay, one) for one in engaged.select_related("call")):
        return AgreementEnd.BY_ROC
    if last is None or last.care_date != care_date(stay):
        return None
    if last.status == RightsStatus.CLOSED:
        return AgreementEnd.RIGHTS_CLOSED
    return AgreementEnd.BY_ROC if last.status == RightsStatus.OPEN else None


def stands(stay: Stay, engagement: Engagement) -> bool:
    """Whether an engagement was asked of the stay as it is now."""
    return asked_of(stay, engagement.call)


def close(agreement: Agreement, why: AgreementEnd) -> None:
    """Nothing more is expected of it: it stays as it was, to be read."""
    agreement.closed_at, agreement.closed_reason = timezone.now(), why
    agreement.version += 1
    agreement.save()
    note(agreement, AgreementAct.CLOSED, said=str(why.label))


def terms_of(agreement: Agreement) -> Terms:
    """Its contract lines, for the rule that shares the money out."""
    assert agreement.valid_from is not None
    clauses = [
        Clause(line.covers, line.percent, line.daily_cap, line.ceiling, line.waiting_days)
        for line in agreement.lines.all()
    ]
    return Terms(clauses, agreement.valid_from, agreement.valid_until, agreement.ceiling)


def note(agreement: Agreement, act: AgreementAct, actor: Actor = SYSTEM, *, said: str = "") -> None:
    """One line of its history, told to the programs that asked."""
    AgreementStep.objects.create(
        agreement=agreement,
        act=act,
        state=agreement.state,
        at=timezone.now(),
        by=actor.user,
        client=actor.client,
        note=said[:200],
    )
    also = {"agreement": str(agreement.pk), "state": str(agreement.state)}
    telling.tell(kinds.AGREEMENT_CHANGED, [Fact(agreement.stay, f"agreements/{agreement.pk}", also)])


def presume(agreement: Agreement, stay: Stay, said: str) -> None:
    """Agreed without a word: it covers what the rule of the stay's kind presumes, from the day of care."""
    rule = rule_for(stay.kind, care_date(stay))
    agreement.state, agreement.valid_from = AgreementState.TACIT, care_date(stay)
    agreement.remind_at = None
    agreement.version += 1
    agreement.save()
    _line = partial(AgreementLine, agreement=agreement)
    agreement.lines.all().delete()
    AgreementLine.objects.bulk_create(_line(covers=clause.covers, percent=clause.percent) for clause in rule.presumed)
    note(agreement, AgreementAct.PRESUMED, said=said)


def reminded_at(stay: Stay) -> timedelta:
    """How long a request may stay unanswered."""
    return timedelta(days=rule_for(stay.kind, care_date(stay)).remind_after)


def _open(stay: Stay, coverage: Coverage) -> Agreement:
    agreement = Agreement.objects.create(
        stay=stay, coverage=coverage, debtor_id=coverage.debtor_id, opened_at=timezone.now()
    )
    note(agreement, AgreementAct.OPENED)
    if not rule_for(stay.kind, care_date(stay)).asked:
        presume(agreement, stay, "L’attestation du patient suffit pour ces soins")
    return agreement
