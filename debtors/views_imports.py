"""Files of history: given, followed while they are read, decided, applied; left and found again."""

from __future__ import annotations

from typing import Any, Final

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.db.models import Count, Sum
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import colleague, needs
from accounts.enums import Action
from debtors.enums import ImportKind, ImportState, VoteFate
from debtors.imports import history, runs
from debtors.models import FileImport
from gap.lists import export, page_number, page_of

_LARGEST: Final = 12 * 1024 * 1024


class FileForm(forms.Form):
    """The file of a history."""

    file = forms.FileField(
        label="Fichier CSV ou XLSX",
        help_text="12 Mio au plus. Il est lu, puis effacé : il contient des cartes.",
        error_messages={"required": "Choisissez un fichier.", "empty": "Ce fichier est vide. Rien n’a été pris."},
    )

    def clean_file(self) -> UploadedFile:
        file: UploadedFile = self.cleaned_data["file"]
        if file.size and file.size > _LARGEST:
            raise ValidationError("Ce fichier dépasse 12 Mio : coupez-le en plusieurs. Rien n’a été pris.")
        return file


class ApplyForm(forms.Form):
    """From which majority a debtor is taken, and whether a référent still looks at each."""

    share = forms.IntegerField(
        label="Part minimale des lignes, en %",
        min_value=51,
        max_value=100,
        initial=80,
        error_messages={
            "required": "La part manque : de 51 à 100.",
            "invalid": "La part est un nombre, de 51 à 100.",
            "min_value": "La part va de 51 à 100 : en dessous, un autre débiteur pourrait en avoir autant.",
            "max_value": "La part va de 51 à 100.",
        },
    )
    validates = forms.BooleanField(label="Valider d’emblée, sans passer par la liste", required=False)


@needs(Action.VALIDATE_ASSOCIATION)
@require_http_methods(["GET", "HEAD", "POST"])
def imports(request: HttpRequest) -> HttpResponse:
    """The files that were brought, and the place to bring one."""
    form = FileForm(request.POST or None, request.FILES or None)
    if request.method == "POST":
        if form.is_valid():
            file = form.cleaned_data["file"]
            try:
                given = runs.give(ImportKind.HISTORY, file.name, file.read(), colleague(request))
            except runs.ImportRefused as refused:
                form.add_error("file", refused.message)
            else:
                return redirect("debtors:import", given.pk)
        return render(request, "debtors/imports.html", _listed(request, form), status=422)
    return render(request, "debtors/imports.html", _listed(request, form))


def _listed(request: HttpRequest, form: FileForm) -> dict[str, Any]:
    rows = FileImport.objects.select_related("created_by")
    columns = [(name, ", ".join(others)) for name, others in history.COLUMNS.items()]
    return {"form": form, "page": page_of(rows, page_number(request.GET.get("page"))), "columns": columns}


@needs(Action.VALIDATE_ASSOCIATION)
@require_safe
def one(request: HttpRequest, pk: int) -> HttpResponse:
    """One file: how far its reading is (fragment, while it works), what it proposes, what was refused."""
    row = get_object_or_404(FileImport.objects.select_related("created_by"), pk=pk)
    part = "#progress" if request.htmx else ""  # type: ignore[attr-defined]
    context = _shown(request, row, ApplyForm()) if not part else {"row": row}
    answer = render(request, f"debtors/import.html{part}", context)
    if part and row.state not in (ImportState.WAITING, ImportState.APPLYING):
        # What follows is another page.
        answer["HX-Refresh"] = "true"
    return answer


def _shown(request: HttpRequest, row: FileImport, form: ApplyForm) -> dict[str, Any]:
    fate = request.GET.get("sort", "")
    chosen = VoteFate(fate) if fate in VoteFate.values else None
    counted = row.votes.order_by().values("fate").annotate(count=Count("pk"), lines=Sum("lines"), euros=Sum("amount"))
    totals = {one["fate"]: one for one in counted}
    votes = row.votes.filter(fate=chosen) if chosen else row.votes.all()
    return {
        "row": row,
        "form": form,
        "working": row.state in (ImportState.WAITING, ImportState.APPLYING),
        "ready": row.state == ImportState.READY,
        "fates": [(one, totals[one]) for one in VoteFate if one in totals],
        "chosen": chosen,
        "page": page_of(votes.select_related("debtor", "second"), page_number(request.GET.get("page")), counted=votes),
        "refusals": row.refusals[:12],
    }


@needs(Action.VALIDATE_ASSOCIATION)
@require_POST
def apply(request: HttpRequest, pk: int) -> HttpResponse:
    """Create what the file proposes, from a majority on."""
    row = get_object_or_404(FileImport.objects.select_related("created_by"), pk=pk)
    form = ApplyForm(request.POST)
    if not form.is_valid():
        return render(request, "debtors/import.html", _shown(request, row, form), status=422)
    try:
        runs.start(pk, least_share=form.cleaned_data["share"], validates=form.cleaned_data["validates"])
    except runs.ImportRefused as refused:
        messages.warning(request, refused.message)
    return redirect("debtors:import", pk)


@needs(Action.VALIDATE_ASSOCIATION)
@require_POST
def drop(request: HttpRequest, pk: int) -> HttpResponse:
    """Take nothing of it."""
    row = get_object_or_404(FileImport, pk=pk)
    try:
        runs.drop(row.pk)
    except runs.ImportRefused as refused:
        messages.warning(request, refused.message)
    else:
        messages.success(request, "Import abandonné : rien n’a été créé.")
    return redirect("debtors:imports")


@needs(Action.VALIDATE_ASSOCIATION)
@require_safe
def refusals(request: HttpRequest, pk: int) -> HttpResponseBase:
    """The lines that were refused, by their numbers: nothing of what they held."""
    row = get_object_or_404(FileImport, pk=pk)
    return export(("Ligne", "Pourquoi"), iter(row.refusals), f"refus-{row.pk}", "csv")
