"""Who a view answers, and where they work: a refusal, never a fault, when nobody is there."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.test import RequestFactory

from accounts.access import colleague, needs, workplace
from accounts.enums import Action
from accounts.models import ApiClient, User


def asked_by(someone):
    request = RequestFactory().get("/")
    request.user = someone
    return request


@pytest.mark.parametrize("someone", [AnonymousUser(), ApiClient(name="logiciel")], ids=["nobody", "program"])
@pytest.mark.parametrize("ask", [colleague, workplace], ids=["colleague", "workplace"])
def test_whoever_is_no_colleague_is_refused_by_a_view_that_let_them_pass(ask, someone) -> None:
    with pytest.raises(PermissionDenied):
        ask(asked_by(someone))


def test_a_view_that_needs_an_action_refuses_nobody_with_the_same_answer() -> None:
    view = needs(Action.SEE_HOME)(lambda request: HttpResponse())
    with pytest.raises(PermissionDenied):
        view(asked_by(AnonymousUser()))


def test_a_colleague_who_works_nowhere_finds_nothing() -> None:
    with pytest.raises(Http404):
        workplace(asked_by(User(username="de-passage")))


def test_a_colleague_is_who_is_signed_in_and_where_they_work(db, agent) -> None:
    request = asked_by(agent)
    assert colleague(request) == agent and workplace(request) == agent.establishment
