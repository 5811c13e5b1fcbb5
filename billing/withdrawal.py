"""Give an engagement up (DEL): where it was given, and before anything else is asked of the stay."""

from __future__ import annotations

from admissions.models import AdmissionEvent, Stay
from billing import invoicing
from billing.enums import EngagementStatus
from billing.models import Engagement
from billing.pec import following
from teleservices import planning
from teleservices.enums import OPEN, CallStatus
from teleservices.messages import Operation
from teleservices.models import TeleserviceCall


def stale_engagement(stay: Stay, event: AdmissionEvent) -> bool:
    """Whether an engagement given for another context stands in the way; it is given up, once nothing of it has left."""
    given = stay.engagements.filter(status=EngagementStatus.IN_FORCE).select_related("call", "coverage").first()
    if given is None or following.stands(stay, given):
        return False
    pending = stay.calls.filter(operation=Operation.DEL, status__in=OPEN)
    if not pending.exists() and invoicing.withdraw_bill(stay):
        give_up(stay, given, event, "séjour requalifié")
    return True


def give_up(stay: Stay, engagement: Engagement, event: AdmissionEvent, reason: str) -> None:
    """Plan the DEL of an engagement, once: one that the payer refused is not sent again."""
    done = TeleserviceCall.objects.filter(
        stay=stay,
        operation=Operation.DEL,
        status=CallStatus.REFUSED,
        superseded_at__isnull=True,
        parameters__engagement=engagement.pk,
    )
    if not done.exists():
        planning.plan(
            stay,
            engagement.coverage,
            Operation.DEL,
            event,
            parameters={"engagement": engagement.pk, "reason": reason, **_asked(engagement)},
        )


def _asked(engagement: Engagement) -> dict[str, str]:
    """The context in which it was given: it is given up there, whatever the stay has become since."""
    asked = engagement.call.parameters
    return {name: str(asked[name]) for name in ("domain", "dossier") if name in asked}
