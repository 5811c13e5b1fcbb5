"""The rules of the calls: in force on a day, and changed from a day on."""

from __future__ import annotations

from datetime import date

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from accounts.access import colleague, needs
from accounts.enums import Action
from admissions.errors import Refused
from gap.moments import read_date
from teleservices import ruling
from teleservices.enums import LimitName
from worklists import rules_in_force
from worklists.forms_rules import LimitRuleForm, RetryRuleForm


@require_safe
@needs(Action.SEE_TECHNICAL)
def rules(request: HttpRequest) -> HttpResponse:
    """Every rule as it stands on a day (`au`), today unless said."""
    return _page(request)


def _day(request: HttpRequest) -> date:
    try:
        return read_date(request.GET.get("au", ""))
    except ValueError:
        return timezone.localdate()


def _page(
    request: HttpRequest,
    limit_form: LimitRuleForm | None = None,
    retry_form: RetryRuleForm | None = None,
    status: int = 200,
) -> HttpResponse:
    day = _day(request)
    user = colleague(request)
    context = {
        "day": day,
        "is_today": day == timezone.localdate(),
        "families": rules_in_force.families(day),
        "retries": rules_in_force.retries(day),
        "limits": rules_in_force.limits(day),
        "history": rules_in_force.history(),
        "may_change": user.may(Action.CHANGE_RULES),
        "limit_form": limit_form or LimitRuleForm(prefix="limite"),
        "retry_form": retry_form or RetryRuleForm(prefix="essai"),
    }
    return render(request, "worklists/rules.html", context, status=status)


@needs(Action.CHANGE_RULES)
@require_POST
def change_limit(request: HttpRequest) -> HttpResponse:
    """A delay or a cap."""
    form = LimitRuleForm(request.POST, prefix="limite")
    user = colleague(request)
    if form.is_valid():
        said = form.cleaned_data
        try:
            rule = ruling.change_limit(user, LimitName(said["name"]), said["value"], said["since"])
        except Refused as refusal:
            form.refuse(refusal)
        else:
            messages.success(
                request, f"{rule.get_name_display().capitalize()} : {rule.value}, à partir du {said['since']:%d/%m/%Y}."
            )
            return redirect("worklists:rules")
    return _page(request, limit_form=form, status=422)


@needs(Action.CHANGE_RULES)
@require_POST
def change_retry(request: HttpRequest) -> HttpResponse:
    """When a failed call is made again."""
    form = RetryRuleForm(request.POST, prefix="essai")
    user = colleague(request)
    if form.is_valid():
        said = dict(form.cleaned_data)
        try:
            ruling.change_retry(user, said.pop("cause"), said.pop("since"), **said)
        except Refused as refusal:
            form.refuse(refusal)
        else:
            messages.success(request, "Délais changés. Les essais déjà prévus gardent leur heure.")
            return redirect("worklists:rules")
    return _page(request, retry_form=form, status=422)
