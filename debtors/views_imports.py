"""Files of history: given, followed while they are read, decided, applied; left and found again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import colleague, needs
from accounts.enums import Action
from debtors.enums import TO_DO, Doubles, ImportKind, ImportState, RecordFate, VoteFate
from debtors.imports import back, doubles, history, records, runs
from debtors.models import FileImport
from gap.lists import export, page_number, page_of

_LARGEST: Final = 12 * 1024 * 1024


class FileForm(forms.Form):
    """A file, and what is in it."""

    kind = forms.ChoiceField(
        label="Que contient-il", choices=ImportKind.choices, initial=ImportKind.HISTORY,
        error_messages={"required": "Dites ce que contient le fichier.", "invalid_choice": "Choisissez dans la liste."},
    )  # fmt: skip
    file = forms.FileField(
        label="Fichier CSV ou XLSX",
        help_text="12 Mio au plus. Il est lu, puis effacé.",
        error_messages={"required": "Choisissez un fichier.", "empty": "Ce fichier est vide. Rien n’a été pris."},
    )

    def clean_file(self) -> UploadedFile:
        file: UploadedFile = self.cleaned_data["file"]
        if file.size and file.size > _LARGEST:
            raise ValidationError("Ce fichier dépasse 12 Mio : coupez-le en plusieurs. Rien n’a été pris.")
        return file


class RecordsForm(forms.Form):
    """What to do of the lines that look like a record of ours."""

    doubles = forms.ChoiceField(
        label="Des doublons", choices=Doubles.choices, initial=Doubles.LEAVE,
        error_messages={"required": "Dites quoi faire des doublons.", "invalid_choice": "Choisissez dans la liste."},
    )  # fmt: skip


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
                given = runs.give(ImportKind(form.cleaned_data["kind"]), file.name, file.read(), colleague(request))
            except runs.ImportRefused as refused:
                form.add_error("file", refused.message)
            else:
                return redirect("debtors:import", given.pk)
        return render(request, "debtors/imports.html", _listed(request, form), status=422)
    return render(request, "debtors/imports.html", _listed(request, form))


def _listed(request: HttpRequest, form: FileForm) -> dict[str, Any]:
    rows = FileImport.objects.select_related("created_by")
    columns = [
        (kind.label, [(name, ", ".join(others)) for name, others in known.items()])
        for kind, known in ((ImportKind.HISTORY, history.COLUMNS), (ImportKind.DEBTORS, records.COLUMNS))
    ]
    return {"form": form, "page": page_of(rows, page_number(request.GET.get("page"))), "columns": columns}


@needs(Action.VALIDATE_ASSOCIATION)
@require_safe
def one(request: HttpRequest, pk: int) -> HttpResponse:
    """One file: how far its reading is (fragment, while it works), what it proposes, what was refused."""
    row = get_object_or_404(FileImport.objects.select_related("created_by"), pk=pk)
    part = "#progress" if request.htmx else ""  # type: ignore[attr-defined]
    context = _shown(request, row, _form(row)) if not part else {"row": row}
    answer = render(request, f"debtors/import.html{part}", context)
    if part and row.state not in TO_DO:
        # What follows is another page.
        answer["HX-Refresh"] = "true"
    return answer


def _form(row: FileImport, data: Any = None) -> ApplyForm | RecordsForm:
    return RecordsForm(data) if row.kind == ImportKind.DEBTORS else ApplyForm(data)


def _shown(request: HttpRequest, row: FileImport, form: forms.Form) -> dict[str, Any]:
    of_debtors = row.kind == ImportKind.DEBTORS
    fates: Any = RecordFate if of_debtors else VoteFate
    lines: Any = row.records if of_debtors else row.votes
    fate = request.GET.get("sort", "")
    chosen = fates(fate) if fate in fates.values else None
    totals = dict(lines.order_by().values_list("fate").annotate(count=Count("pk")))
    kept = lines.filter(fate=chosen) if chosen else lines.all()
    related = ("debtor", "near") if of_debtors else ("debtor", "second")
    return {
        "row": row,
        "form": form,
        "of_debtors": of_debtors,
        "working": row.state in TO_DO,
        "ready": row.state == ImportState.READY,
        "foreseen": back.foreseen(row) if row.state == ImportState.DONE else [],
        "may_drop": row.state in (ImportState.WAITING, ImportState.READY) or row.resumes == ImportState.WAITING,
        "may_give_back": row.state == ImportState.TAKEN_BACK and not of_debtors,
        "has_doubles": RecordFate.DOUBLE in totals,
        "chosen_doubles": doubles.of(row).filter(chosen_at__isnull=False).count() if RecordFate.DOUBLE in totals else 0,
        "fates": [(one, totals[one]) for one in fates if one in totals],
        "chosen": chosen,
        "page": page_of(kept.select_related(*related), page_number(request.GET.get("page")), counted=kept),
        "refusals": row.refusals[:12],
    }


@needs(Action.VALIDATE_ASSOCIATION)
@require_POST
def apply(request: HttpRequest, pk: int) -> HttpResponse:
    """Create what the file proposes, from a majority on."""
    row = get_object_or_404(FileImport.objects.select_related("created_by"), pk=pk)
    form = _form(row, request.POST)
    if not form.is_valid():
        return render(request, "debtors/import.html", _shown(request, row, form), status=422)
    try:
        if isinstance(form, RecordsForm):
            runs.start(pk, doubles=Doubles(form.cleaned_data["doubles"]))
        else:
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
@require_POST
def restart(request: HttpRequest, pk: int) -> HttpResponse:
    """Try again what a fault of ours stopped."""
    row = get_object_or_404(FileImport, pk=pk)
    return _done(request, row, lambda: runs.restart(row.pk), "Relancé : il reprend là où il en était.")


@needs(Action.VALIDATE_ASSOCIATION)
@require_POST
def take_back(request: HttpRequest, pk: int) -> HttpResponse:
    """Undo what was applied, but what serves or was decided since."""
    row = get_object_or_404(FileImport, pk=pk)
    user = colleague(request)
    return _done(request, row, lambda: runs.take_back(row.pk, user), "Reprise en cours.")


@needs(Action.VALIDATE_ASSOCIATION)
@require_POST
def give_back(request: HttpRequest, pk: int) -> HttpResponse:
    """Put what was taken back as it was."""
    row = get_object_or_404(FileImport, pk=pk)
    user = colleague(request)
    return _done(request, row, lambda: runs.give_back(row.pk, user), "Restitution en cours.")


def _done(request: HttpRequest, row: FileImport, act: Callable[[], None], said: str) -> HttpResponse:
    try:
        act()
    except runs.ImportRefused as refused:
        messages.warning(request, refused.message)
    else:
        messages.success(request, said)
    return redirect("debtors:import", row.pk)


@needs(Action.VALIDATE_ASSOCIATION)
@require_safe
def refusals(request: HttpRequest, pk: int) -> HttpResponseBase:
    """The lines that were refused, by their numbers: nothing of what they held."""
    row = get_object_or_404(FileImport, pk=pk)
    return export(("Ligne", "Pourquoi"), iter(row.refusals), f"refus-{row.pk}", "csv")
