"""National batches: launched by day, seen as they go, paused, resumed, stopped."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from accounts.access import colleague, needs, workplace
from accounts.enums import Action
from admissions.errors import Refused
from gap.lists import page_number, page_of
from teleservices import batches, national
from teleservices.enums import BatchKind, BatchState, LineState
from teleservices.models import NationalBatch

PAGE: Final = 25
_CAUSES_SHOWN: Final = 5
_TONES: Final = {
    BatchState.RUNNING: ("run", "loader-2"),
    BatchState.PAUSED: ("wait", "player-pause"),
    BatchState.STOPPED: ("sys", "player-stop"),
    BatchState.DONE: ("ok", "circle-check"),
}
_ACTS: Final[dict[str, tuple[Callable[[int], NationalBatch], str]]] = {
    "pause": (batches.pause, "Le lot est en pause\u00a0: ce qui est parti reçoit sa réponse, rien d’autre ne part."),
    "resume": (batches.resume, "Le lot reprend là où il en était."),
    "stop": (batches.stop, "Le lot est arrêté. Ses réponses sont gardées."),
}


@require_safe
@needs(Action.RUN_BATCH)
def screen(request: HttpRequest) -> HttpResponse:
    """Every batch of the hospital, the last first. The live part asks at this same address while one runs."""
    shown = NationalBatch.objects.filter(establishment=workplace(request)).select_related("asked_by")
    page = page_of(shown, page_number(request.GET.get("page")), size=PAGE, counted=shown.select_related(None))
    context: dict[str, Any] = {
        "page": page,
        "rows": [_row(batch) for batch in page.object_list],
        "live": any(batch.state == BatchState.RUNNING for batch in page.object_list),
        "kinds": [(kind.value, kind.label) for kind in BatchKind if national.connected(kind)],
    }
    whole = not request.htmx  # type: ignore[attr-defined]
    return render(request, "worklists/batches.html" if whole else "worklists/_batches.html", context)


@needs(Action.RUN_BATCH)
@require_POST
def start(request: HttpRequest) -> HttpResponse:
    """A batch by day, of the kind that was chosen."""
    kind = request.POST.get("kind", "")
    if kind not in BatchKind.values:
        messages.warning(request, "Rien n’est parti\u00a0: choisissez ce que le lot demande.")
        return redirect("worklists:batches")
    try:
        batches.start_by_day(workplace(request), BatchKind(kind), colleague(request))
    except Refused as refused:
        messages.warning(request, refused.sentence)
    else:
        messages.success(request, "Le lot part\u00a0: chaque réponse sert dès qu’elle arrive.")
    return redirect("worklists:batches")


@needs(Action.RUN_BATCH)
@require_POST
def turn(request: HttpRequest) -> HttpResponse:
    """Pause, resume or stop the batch of this kind that is under way."""
    act, done = _ACTS.get(request.POST.get("act", ""), (None, ""))
    batch = batches.live_of(workplace(request)).filter(kind=request.POST.get("kind", "")).first()
    if act is None or batch is None:
        messages.warning(request, "Ce lot est terminé\u00a0: ses réponses sont gardées.")
        return redirect("worklists:batches")
    try:
        act(batch.pk)
    except Refused as refused:
        messages.warning(request, refused.sentence)
    else:
        messages.success(request, done)
    return redirect("worklists:batches")


def _row(batch: NationalBatch) -> dict[str, Any]:
    figures = batches.figures(batch)
    over = figures[LineState.ANSWERED] + figures[LineState.SPARED] + figures[LineState.FAILED]
    tone, icon = _TONES[BatchState(batch.state)]
    return {
        "batch": batch,
        "tone": tone,
        "icon": icon,
        "over": over,
        "most": max(batch.total, 1),
        "answered": figures[LineState.ANSWERED],
        "spared": figures[LineState.SPARED],
        "failed": figures[LineState.FAILED],
        "causes": batches.causes(batch)[:_CAUSES_SHOWN] if figures[LineState.FAILED] else [],
    }
