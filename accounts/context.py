"""What every page shows around its content."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse

from accounts.enums import Action

# (label, url name, action, url names that make it current by their namespace)
_NAV = (
    ("Accueil", "worklists:home", Action.SEE_HOME, "home"),
    ("Admissions", "admissions:arrivals", Action.ADMIT, "admissions"),
    ("Listes", "worklists:index", Action.SEE_WORKLISTS, "worklists"),
    ("Factures", "billing:invoices", Action.SEE_INVOICES, "billing"),
    ("Échanges", "billing:exchanges", Action.SEE_EXCHANGES, "exchanges"),
    ("Débiteurs", "debtors:index", Action.SEE_DEBTORS, "debtors"),
    ("Supervision", "worklists:supervision", Action.SEE_TECHNICAL, "supervision"),
    ("Comptes", "accounts:people", Action.MANAGE_ACCOUNTS, "people"),
    ("Journal", "worklists:journal", Action.SEE_JOURNAL, "journal"),
    ("Sécurité", "worklists:security", Action.SEE_SECURITY, "security"),
)
# Pages that belong to another part than their namespace.
_ELSEWHERE = {
    "home": "home",
    "journal": "journal",
    "openings": "journal",
    "security": "security",
    "people": "people",
    "person": "people",
    "new-person": "people",
    "programs": "people",
    "program": "people",
    "supervision": "supervision",
    "rules": "supervision",
    "perimeter": "supervision",
    "connection": "supervision",
    "certificates": "supervision",
    "import-certificate": "supervision",
    "trust-authority": "supervision",
    "move-perimeter": "supervision",
    "name-amc": "supervision",
    "connection-test": "supervision",
    "connection-tests": "supervision",
    "start-connection-test": "supervision",
    "third-party-notice": "admissions",
    "stay-activity": "admissions",
}


def chrome(request: HttpRequest) -> dict[str, Any]:
    """Navigation of this person. Costs no query beyond the roles, read once a request."""
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return {"nav": [], "search_url": ""}
    match = request.resolver_match
    here = match.namespace if match else ""
    page = (match.url_name or "") if match else ""
    current = _ELSEWHERE.get(page, "exchanges" if page.startswith("exchange") else here)
    nav = [
        {"label": label, "url": reverse(name), "current": current == section}
        for label, name, action, section in _NAV
        if user.may(action)
    ]
    return {
        "nav": nav,
        "search_url": reverse("admissions:search") if user.may(Action.SEE_DOSSIER) else "",
        "establishment": user.establishment,
        "lock_after_s": settings.LOCK_AFTER_S,
    }
