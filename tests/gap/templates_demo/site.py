"""The demonstration page and what answers it, for a browser: no database, no account, the real settings otherwise."""

from __future__ import annotations

import copy
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from socketserver import ThreadingMixIn
from types import SimpleNamespace
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from django import forms
from django.conf import settings
from django.contrib.staticfiles.handlers import StaticFilesHandler
from django.core.exceptions import ValidationError
from django.core.handlers.wsgi import WSGIHandler
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.test import override_settings
from django.urls import path

HERE = Path(__file__).parent
DIRECTIVES = settings.CONTENT_SECURITY_POLICY


@dataclass
class Memory:
    """What the pages did, and how the server is to behave."""

    scans: list[str] = field(default_factory=list)
    files: list[tuple[str, int]] = field(default_factory=list)
    posts: list[dict[str, Any]] = field(default_factory=list)
    down: bool = False
    signed_out: bool = False
    # The session ends with the sending of the form: the live part has no time to notice it first.
    signed_out_at_submit: bool = False
    live: str = "<p>Appel en cours</p>"
    refuse: bool = False
    version: str = "1"

    def forget(self) -> None:
        """As new: one memory serves every test of a process."""
        vars(self).update(vars(Memory()))


memory = Memory()
USER = SimpleNamespace(
    is_authenticated=True,
    pk=1204,
    username="nferrand",
    get_full_name="Nadia Ferrand",
    role_label="agent",
    single_keys=True,
)


class AdmissionForm(forms.Form):
    unit = forms.ChoiceField(label="Service", choices=[("3120", "3120 Médecine interne"), ("4210", "4210 Orthopédie")])
    entered = forms.CharField(label="Entrée", initial="20/11/2026 14:00")
    member = forms.CharField(label="N° d’adhérent", required=False, help_text="au dos de la carte")
    nir = forms.CharField(label="NIR", required=False)
    single_room = forms.BooleanField(label="Chambre particulière, 65,00 € la nuit", required=False)
    payment = forms.ChoiceField(
        label="Règlement",
        widget=forms.RadioSelect,
        choices=[("cb", "carte"), ("differe", "débit différé")],
        initial="cb",
    )

    def clean_member(self) -> str:
        if memory.refuse:
            raise ValidationError(
                "Ce n° n’a pas la longueur attendue.",
                params={"kept": "Votre saisie est gardée.", "next": "Recopiez le n° de la carte."},
            )
        return self.cleaned_data["member"]


def context(form: forms.Form) -> dict[str, Any]:
    names = ("MARTIN Josette", "HAMIDI Samir", "LE BIHAN Maryvonne", "SANTOS Rui")
    return {
        "user": USER,
        "nav": [
            {"label": "Accueil", "url": "/", "current": True},
            {"label": "Listes", "url": "/?vu=listes", "current": False, "count": 1037},
        ],
        "search_url": "/chercher/",
        "scan_url": "/scan/",
        "sign_in_url": "/entrer/",
        "sign_out_url": "/sortir/",
        "establishment": "CH de Valmont",
        "version": memory.version,
        "patient": {
            "birth_name": "BERTHELOT",
            "first_names": "Camille Anne",
            "used_name": "ROUSSEAU",
            "birth_date": date(1984, 5, 17),
            "sex_label": "sexe féminin",
            "ins_status_label": "INS qualifiée",
            "ins_icon": "shield-check",
            "ins_tone": "ok",
            "ins_display": "2 84 05 35 238 117 13",
            "ipp": "004512877",
            "iep": "260118243",
            "alerts": [{"tone": "wait", "icon": "users", "text": "1 homonyme : vérifier la date de naissance"}],
        },
        "form": form,
        "amo": Decimal("2524.80"),
        "amc": Decimal("804.20"),
        "patient_share": Decimal("45.00"),
        "rows": [
            {
                "name": name,
                "amount": Decimal("642.10") + n,
                "since": timedelta(hours=50 - 20 * n),
                "curve": [3, n, 5, 2],
            }
            for n, name in enumerate(names[:3])
        ],
        "page": Paginator(list(range(95)), 50).page(1),
    }


def home(request: HttpRequest) -> HttpResponse:
    return render(request, "demo.html", context(AdmissionForm()))


def submit(request: HttpRequest) -> HttpResponse:
    memory.posts.append(dict(request.POST.items()))
    if memory.signed_out or memory.signed_out_at_submit:
        return HttpResponseRedirect("/entrer/")
    form = AdmissionForm(request.POST)
    if form.is_valid():
        return HttpResponseRedirect("/?admis=1")
    return render(request, "demo.html", context(form))


def slow(request: HttpRequest) -> HttpResponse:
    memory.posts.append(dict(request.POST.items()))
    time.sleep(0.3)
    return HttpResponse(status=500) if memory.down else HttpResponse("Relancé")


def scan(request: HttpRequest) -> HttpResponse:
    if memory.down:
        return HttpResponse(status=503)
    for upload in request.FILES.values():
        memory.files.append((upload.name, upload.size))
    if "scan" in request.POST:
        memory.scans.append(request.POST["scan"])
    return HttpResponse('<p id="lu" data-announce="Carte lue : Solivie Mutuelle.">Carte lue</p>')


def live(request: HttpRequest) -> HttpResponse:
    if memory.signed_out:
        return HttpResponseRedirect("/entrer/")
    return HttpResponse(status=503) if memory.down else HttpResponse(memory.live)


def sign_in(request: HttpRequest) -> HttpResponse:
    return HttpResponse(
        '<html lang="fr"><title>Entrer</title><body data-interrupted><p>Entrez</p>'
        '<script type="module" src="/static/js/interrupted.js"></script></body></html>'
    )


urlpatterns = [
    path("", home),
    path("formulaire/", submit),
    path("lent/", slow),
    path("scan/", scan),
    path("direct/", live),
    path("chercher/", home),
    path("sortir/", sign_in),
    path("entrer/", sign_in),
]


def templates() -> list[dict[str, Any]]:
    """The product's own templates, with this folder's in front and nothing that needs an account."""
    engines = copy.deepcopy(settings.TEMPLATES)
    engines[0]["DIRS"] = [HERE / "templates", *engines[0]["DIRS"]]
    kept = ("django.template.context_processors.request", "django.contrib.messages.context_processors.messages")
    engines[0]["OPTIONS"]["context_processors"] = list(kept)
    return engines


def overridden() -> override_settings:
    return override_settings(
        ROOT_URLCONF=__name__,
        ALLOWED_HOSTS=["127.0.0.1", "testserver"],
        MIDDLEWARE=[
            "csp.middleware.CSPMiddleware",
            "django.middleware.common.CommonMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
            "django_htmx.middleware.HtmxMiddleware",
        ],
        TEMPLATES=templates(),
    )


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    request_queue_size = 64


class _Silent(WSGIRequestHandler):
    def log_message(self, *_args: object) -> None:
        return None


@contextmanager
def serving() -> Iterator[str]:
    """Serve the demonstration on a free port of loopback; yields its address."""
    with overridden():
        server = make_server("127.0.0.1", 0, StaticFilesHandler(WSGIHandler()), _Server, _Silent)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            server.server_close()
            thread.join(5)
