"""The perimeter: the mode of each domain, the AMC one begins with, and what a move does, shown before it is done."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from accounts.access import colleague, needs, workplace
from accounts.enums import Action
from admissions.enums import Domain
from admissions.errors import Refused
from teleservices import perimeter
from teleservices.enums import Circle, PerimeterMode
from teleservices.models import Perimeter, PerimeterAmc
from teleservices.ruling import in_force
from worklists.forms_rules import CircleForm, PerimeterForm


@require_safe
@needs(Action.SEE_TECHNICAL)
def perimeter_screen(request: HttpRequest) -> HttpResponse:
    """What is open to whom. With `domain` and `mode` in the address: what that move would do."""
    asked = PerimeterForm(request.GET) if request.GET.get("domain") and request.GET.get("mode") else None
    if asked is not None and not asked.is_valid():
        return _page(request, form=asked, status=422)
    return _page(request, form=asked)


def _page(
    request: HttpRequest,
    form: PerimeterForm | None = None,
    circle_form: CircleForm | None = None,
    status: int = 200,
) -> HttpResponse:
    user = colleague(request)
    here = user.establishment_id or 0
    current = {row.domain: row for row in in_force(Perimeter).filter(establishment=here).select_related("changed_by")}
    planned = Perimeter.objects.filter(establishment=here, valid_until__isnull=True).exclude(
        pk__in=[row.pk for row in current.values()]
    )
    later = {row.domain: row for row in planned.select_related("changed_by")}
    context = {
        "domains": [
            {
                "code": domain.value,
                "label": domain.label,
                "mode": current[domain].get_mode_display() if domain in current else PerimeterMode.ALL.label,
                "now": current.get(domain),
                "later": later.get(domain),
            }
            for domain in Domain
        ],
        "amcs": list(PerimeterAmc.objects.filter(establishment=here).select_related("debtor", "added_by")[:200]),
        "form": form or PerimeterForm(),
        "circle_form": circle_form or CircleForm(),
        "may_change": user.may(Action.CHANGE_RULES),
    }
    if form is not None and form.is_bound and form.is_valid():
        said = form.cleaned_data
        mode = PerimeterMode(said["mode"])
        context |= {"asked": said, "asked_mode": mode.label, "effect": perimeter.effect_of(here, said["domain"], mode)}
    return render(request, "worklists/perimeter.html", context, status=status)


@needs(Action.CHANGE_RULES)
@require_POST
def move(request: HttpRequest) -> HttpResponse:
    """Decide, after having seen what it does."""
    form = PerimeterForm(request.POST)
    user = colleague(request)
    if form.is_valid():
        said = form.cleaned_data
        try:
            moved = perimeter.move(
                workplace(request), Domain(said["domain"]), PerimeterMode(said["mode"]), user, said["since"]
            )
        except Refused as refusal:
            form.refuse(refusal)
        else:
            messages.success(
                request,
                f"{moved.domain} : {moved.get_mode_display()}, à partir du {said['since']:%d/%m/%Y}. "
                "Les séjours ouverts suivent seuls.",
            )
            return redirect("worklists:perimeter")
    return _page(request, form=form, status=422)


@needs(Action.CHANGE_RULES)
@require_POST
def name_amc(request: HttpRequest) -> HttpResponse:
    """One more AMC in a circle."""
    form = CircleForm(request.POST)
    user = colleague(request)
    if not form.is_valid():
        return _page(request, circle_form=form, status=422)
    named = perimeter.name_amc(workplace(request), form.debtor(), Circle(form.cleaned_data["circle"]), user)
    messages.success(request, f"{named.debtor.name} : {named.get_circle_display()}. Les séjours ouverts suivent seuls.")
    return redirect("worklists:perimeter")


@needs(Action.CHANGE_RULES)
@require_POST
def remove_amc(request: HttpRequest, pk: int) -> HttpResponse:
    """It is in no circle any more."""
    if perimeter.remove_amc(workplace(request), pk):
        messages.success(request, "Organisme retiré. Les séjours ouverts suivent seuls.")
    else:
        messages.info(request, "Cet organisme n’était plus dans un cercle.")
    return redirect("worklists:perimeter")
