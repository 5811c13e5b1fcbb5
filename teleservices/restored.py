"""After a return to a backup: which calls may leave again by themselves (docs/adr/0016).

Nobody knows what left between the backup and the fall. A call that was under way has its message, which is sent again to
the letter. One that was only planned may have left since with bytes that are lost: a question is put afresh, under a name
of its own; an engagement or its cancellation waits for a person.
"""

from __future__ import annotations

import uuid

from django.db import transaction

from teleservices.enums import CallStatus
from teleservices.messages import Operation
from teleservices.models import TeleserviceCall
from teleservices.planning import RESTORED
from teleservices.policy import rearm_cause

_ENGAGES = (Operation.CLC, Operation.DEL)


@transaction.atomic
def hold_calls() -> int:
    """Hold the engagements that may have left already, give the questions another message. Returns how many are held."""
    unsent = TeleserviceCall.objects.filter(status=CallStatus.PLANNED, in_doubt=False)
    for pk in list(unsent.exclude(operation__in=_ENGAGES).order_by("pk").values_list("pk", flat=True)):
        TeleserviceCall.objects.filter(pk=pk).update(message_id=uuid.uuid4())
    stopped = TeleserviceCall.objects.filter(status=CallStatus.NEEDS_REFERENT, operation__in=_ENGAGES, in_doubt=False)
    # One that waited for a référent may have been sent by them since.
    return stopped.update(cause=RESTORED) + unsent.filter(operation__in=_ENGAGES).update(
        status=CallStatus.NEEDS_REFERENT, cause=RESTORED
    )


def release_calls() -> int:
    """Somebody has asked the payers: what was held leaves. Returns how many."""
    return rearm_cause(RESTORED)
