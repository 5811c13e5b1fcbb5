"""The product's addresses, and the two empty pages that its own are compared with."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import include, path

from gap.urls import handler400, handler403, handler404, handler500

__all__ = ["handler400", "handler403", "handler404", "handler500", "urlpatterns"]


def bare(request: HttpRequest) -> HttpResponse:
    """As little as an answer can be: the session is read, the person is known (LoginRequiredMiddleware asks), no more."""
    return HttpResponse("<!doctype html><title>vide</title>")


def empty(request: HttpRequest) -> HttpResponse:
    """A screen with nothing on it: the layout of every page, its menu by role, the scanner's light."""
    return render(request, "base.html")


urlpatterns = [
    path("bench/nue/", bare, name="bench-bare"),
    path("bench/vide/", empty, name="bench-empty"),
    path("", include("gap.urls")),
]
