"""The journal, for who controls accesses: look for what was seen and done, and print what concerns one person."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from accounts.access import needs, workplace
from accounts.enums import Action, JournalKind
from admissions.querysets import patients_of
from admissions.services import glass
from gap.lists import page_number, page_of
from worklists import access_list
from worklists.forms_journal import JournalForm
from worklists.journal import accesses_of, entries_of, lines_of

PAGE = 50


@require_safe
@needs(Action.SEE_JOURNAL)
def journal(request: HttpRequest) -> HttpResponse:
    """Entries of the establishment, the last first, as the address asks."""
    here = workplace(request)
    form = JournalForm(request.GET)
    asked = form.asked()
    found = entries_of(here, asked)
    page = page_of(found, page_number(request.GET.get("page")), size=PAGE, counted=found)
    query = request.GET.copy()
    query.pop("page", None)
    context = {
        "form": form,
        "asked": asked,
        "kinds": JournalKind.choices,
        "page": page,
        "lines": lines_of(page.object_list),
        "query": query.urlencode(),
        "openings": glass.to_review(here.pk),
        "person": patients_of(here, merged=True).filter(ipp=asked.ipp).first() if asked.ipp else None,
    }
    return render(request, "worklists/journal.html", context, status=200 if form.is_valid() else 422)


@require_safe
@needs(Action.SEE_JOURNAL)
def accesses(request: HttpRequest, ipp: str) -> HttpResponse:
    """Who saw and changed the dossier of one person: the document that they may ask for."""
    here = workplace(request)
    person = get_object_or_404(patients_of(here, merged=True), ipp=ipp)
    rows = list(accesses_of(person, here)[: access_list.MOST + 1])
    response = HttpResponse(
        access_list.pdf(person, here, lines_of(rows[: access_list.MOST]), len(rows) > access_list.MOST),
        content_type="application/pdf",
    )
    response["Content-Disposition"] = f'attachment; filename="acces-{person.ipp}.pdf"'
    response["Cache-Control"] = "no-store"
    return response
