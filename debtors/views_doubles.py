"""The doubles of a file of records, one beside the records that it looks like: what becomes of each, by one key."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from accounts.access import colleague, needs
from accounts.enums import Action
from debtors.enums import Doubles, ImportState
from debtors.imports import doubles as lines
from debtors.imports.runs import ImportRefused
from debtors.models import FileImport, ImportRecord
from gap.lists import PAGE_SIZE, page_number, page_of


@needs(Action.VALIDATE_ASSOCIATION)
@require_http_methods(["GET", "HEAD", "POST"])
def doubles(request: HttpRequest, pk: int) -> HttpResponse:
    """The doubles of a file, one of them open; a choice for it is kept at once, and the next one opens."""
    row = get_object_or_404(FileImport, pk=pk)
    if request.method != "POST":
        return render(request, "debtors/doubles.html", _page(row, request.GET))
    record = get_object_or_404(row.records, pk=_key(request.POST.get("ligne")) or 0)
    choice, _, near = request.POST.get("choix", "").partition(":")
    version = _key(request.POST.get("version"))
    if version is None or choice not in ("file", *Doubles.values):
        said = {"problem": "Choisissez ce que devient cette ligne. Rien n’a changé."}
        return render(request, "debtors/doubles.html", _page(row, request.POST) | said, status=422)
    try:
        lines.choose(
            row, record.pk, lines.AS_FILE if choice == "file" else choice, colleague(request),
            version=version, near=_key(near),
        )  # fmt: skip
    except ImportRefused as refused:
        messages.warning(request, refused.message)
        return redirect("debtors:import", pk)
    except lines.ChosenBefore as before:
        said = {"conflict": before.message}
        return render(request, "debtors/doubles.html", _page(row, request.POST) | said, status=409)
    following = lines.following(row, record)
    if following is None:
        messages.success(request, "Chaque doublon a son choix. Rien n’est appliqué avant votre décision.")
        return redirect("debtors:import", pk)
    return redirect(f"{reverse('debtors:import-doubles', args=[pk])}?ligne={following.pk}")


def _page(row: FileImport, query: QueryDict) -> dict[str, Any]:
    rows = lines.of(row)
    asked = rows.filter(pk=_key(query.get("ligne")) or 0).first()
    number = page_number(query.get("page"))
    if asked is not None and not query.get("page"):
        number = rows.filter(line__lt=asked.line).count() // PAGE_SIZE + 1
    page = page_of(rows.select_related("near", "chosen_by"), number, counted=rows)
    found: list[ImportRecord] = page.object_list
    chosen = asked or next((one for one in found if one.chosen_at is None), found[0] if found else None)
    shown = lines.beside(chosen) if chosen else []
    return {
        "row": row,
        "page": page,
        "chosen": chosen,
        "shown": shown,
        "rows": lines.compared(chosen, shown) if chosen else [],
        "may_choose": row.state == ImportState.READY,
        "by_file": Doubles(row.doubles).label,
    }


def _key(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 19 else None
