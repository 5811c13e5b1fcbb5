"""The product's addresses, and the empty page that its own are compared with."""

from django.http import HttpRequest, HttpResponse
from django.urls import include, path

from gap.urls import handler400, handler403, handler404, handler500

__all__ = ["handler400", "handler403", "handler404", "handler500", "urlpatterns"]


def empty(request: HttpRequest) -> HttpResponse:
    """As little as a page can do: the session is read, the person is known (LoginRequiredMiddleware asks), no more."""
    return HttpResponse("<!doctype html><title>vide</title>")


urlpatterns = [path("bench/vide/", empty, name="bench-empty"), path("", include("gap.urls"))]
