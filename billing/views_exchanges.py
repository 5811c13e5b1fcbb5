"""Exchange files: what left, what came back, record by record; and what a person must recognise."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_safe

from accounts.access import colleague, needs
from accounts.enums import Action
from admissions.errors import Refused
from billing import returns
from billing.enums import FileDirection, FileKind, FileStatus, RecordStatus
from billing.filters import ExchangeFilter
from billing.forms import MatchForm, UploadForm, tell
from billing.matching import match_record
from billing.models import ExchangeFile, ExchangeRecord
from billing.querysets import candidates, exchange_figures, files_of, record_counts, records_of, speaks_of_others
from gap.lists import export, page_number, page_of

#: State of a file → (tone, icon).
_TONES = {
    FileStatus.PREPARED: ("plan", "circle-dashed"),
    FileStatus.WRITTEN: ("wait", "hourglass"),
    FileStatus.ACKNOWLEDGED: ("ok", "circle-check"),
    FileStatus.REFUSED: ("stop", "ban"),
    FileStatus.IMPORTED: ("ok", "circle-check"),
    FileStatus.QUARANTINED: ("stop", "alert-triangle"),
}
_RECORD_TONES = {
    RecordStatus.APPLIED: ("ok", "circle-check"),
    RecordStatus.ALREADY_APPLIED: ("sys", "checks"),
    RecordStatus.UNMATCHED: ("wait", "help-circle"),
    RecordStatus.INVALID: ("stop", "ban"),
}
_COLUMNS = (
    "Fichier",
    "Sens",
    "Nature",
    "État",
    "Date",
    "Lot",
    "Correspondant",
    "Factures",
    "Montant",
    "Incident",
    "Déjà reçu",
)


@require_safe
@needs(Action.SEE_EXCHANGES)
def exchanges(request: HttpRequest) -> HttpResponseBase:
    """Every file, the newest first, and the day's account: sent = accepted + refused + awaited."""
    asked = ExchangeFilter.read(request.GET)
    found = asked.found(_files(request))
    if request.GET.get("format") in ("csv", "xlsx"):
        rows = found.iterator(chunk_size=500) if request.GET["format"] == "csv" else found[:20_000]
        return export(_COLUMNS, map(_file_line, rows), "echanges", request.GET["format"])
    return _list(request, asked, UploadForm())


def _files(request: HttpRequest) -> QuerySet[ExchangeFile]:
    return files_of(colleague(request).sight(Action.SEE_EXCHANGES))


def _records(request: HttpRequest) -> QuerySet[ExchangeRecord]:
    return records_of(colleague(request).sight(Action.SEE_EXCHANGES))


def _list(request: HttpRequest, asked: ExchangeFilter, form: UploadForm, status: int = 200) -> HttpResponse:
    page = page_of(asked.found(_files(request)), page_number(request.GET.get("page")))
    for file in page.object_list:
        file.tone, file.icon = _TONES[FileStatus(file.status)]
    query = request.GET.copy()
    query.pop("page", None)
    context = {
        "asked": asked,
        "page": page,
        "figures": exchange_figures(_files(request)),
        "form": form,
        "directions": FileDirection.choices,
        "kinds": FileKind.choices,
        "statuses": FileStatus.choices,
        "query": query.urlencode(),
        "may_import": colleague(request).may(Action.CORRECT_INVOICE),
    }
    return render(request, "billing/exchanges.html", context, status=status)


def _file_line(file: ExchangeFile) -> list[Any]:
    return [
        file.name,
        str(file.get_direction_display()),
        str(file.get_kind_display()),
        str(file.get_status_display()),
        file.created_at,
        file.lot_number,
        file.recipient,
        file.invoice_count,
        file.amount,
        file.problem,
        file.resent_count,
    ]


@require_safe
@needs(Action.SEE_EXCHANGES)
def exchange(request: HttpRequest, pk: int) -> HttpResponse:
    """One file with its records and what became of each."""
    file: Any = get_object_or_404(_files(request), pk=pk)
    file.tone, file.icon = _TONES[FileStatus(file.status)]
    own = _records(request).filter(file=file)
    records = own.select_related("invoice").order_by("line", "pk")
    status = request.GET.get("etat", "")
    if status in RecordStatus.values:
        records = records.filter(status=status)
    page = page_of(records, page_number(request.GET.get("page")), size=100)
    for record in page.object_list:
        record.tone, record.icon = _RECORD_TONES[RecordStatus(record.status)]
    context = {
        "file": file,
        "page": page,
        "counts": record_counts(own),
        "status": status,
        "may_see_invoices": colleague(request).may(Action.SEE_INVOICES),
    }
    return render(request, "billing/exchange.html", context)


@require_safe
@needs(Action.SEE_EXCHANGES)
def exchange_download(request: HttpRequest, pk: int) -> HttpResponseBase:
    """The file itself, always to be saved, never shown: it holds personal data."""
    file = get_object_or_404(_files(request), pk=pk)
    if speaks_of_others(file, request.sight):  # type: ignore[attr-defined]
        raise Http404
    if not file.file or not file.file.storage.exists(str(file.file.name)):
        raise Http404
    response = FileResponse(
        file.file.open("rb"), as_attachment=True, filename=file.name, content_type="application/octet-stream"
    )
    response.headers["Cache-Control"] = "no-store"
    return response


@needs(Action.CORRECT_INVOICE)
def exchange_import(request: HttpRequest) -> HttpResponse:
    """Take a return file by hand (POST): the same rules as the folder, the same sentence."""
    if request.method != "POST":
        return redirect("billing:exchanges")
    form = UploadForm(request.POST, request.FILES)
    if not form.is_valid():
        return _list(request, ExchangeFilter.read(request.GET), form, status=422)
    upload = form.cleaned_data["file"]
    imported = returns.import_file(upload.name, upload.read())
    whole = imported.file.status == FileStatus.IMPORTED
    (messages.success if whole else messages.warning)(request, imported.sentence)
    return redirect("billing:exchange", imported.file.pk)


@require_safe
@needs(Action.SEE_EXCHANGES)
def exchange_record(request: HttpRequest, pk: int) -> HttpResponse:
    """One record, and the invoices it may be about, ranked with why."""
    return _record(request, _record_or_404(request, pk), MatchForm())


@needs(Action.CORRECT_INVOICE)
def exchange_match(request: HttpRequest, pk: int) -> HttpResponse:
    """A person recognises the invoice (POST): the record is applied to it, once."""
    record = _record_or_404(request, pk)
    if request.method != "POST":
        return redirect("billing:exchange-record", pk)
    form = MatchForm(request.POST)
    if form.is_valid():
        try:
            match_record(pk, form.cleaned_data["number"], colleague(request))
        except Refused as refusal:
            tell(form, refusal)
        else:
            messages.success(request, f"Ligne {record.line} rapprochée de la facture {form.cleaned_data['number']}.")
            return redirect("billing:exchange", record.file_id)
    return _record(request, _record_or_404(request, pk), form, status=422)


def _record_or_404(request: HttpRequest, pk: int) -> ExchangeRecord:
    return get_object_or_404(_records(request).select_related("file", "invoice"), pk=pk)


def _record(request: HttpRequest, record: Any, form: MatchForm, status: int = 200) -> HttpResponse:
    user = colleague(request)
    record.tone, record.icon = _RECORD_TONES[RecordStatus(record.status)]
    open_record = record.status == RecordStatus.UNMATCHED
    context = {
        "record": record,
        "form": form,
        "open": open_record,
        "may_match": open_record and user.may(Action.CORRECT_INVOICE),
        "may_see_invoices": user.may(Action.SEE_INVOICES),
        "candidates": candidates(record, user) if open_record and user.may(Action.SEE_INVOICES) else [],
    }
    return render(request, "billing/record.html", context, status=status)
