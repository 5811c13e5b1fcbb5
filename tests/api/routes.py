"""Every route of the API with its scope: the table that the tests hold the code to."""

from __future__ import annotations

from collections.abc import Iterator

from django.urls import URLPattern, URLResolver, get_resolver

from accounts.enums import Scope

P_R, P_W = Scope.PATIENTS_READ, Scope.PATIENTS_WRITE
S_R, S_W = Scope.STAYS_READ, Scope.STAYS_WRITE
I_R, I_W = Scope.INVOICES_READ, Scope.INVOICES_WRITE

TABLE: dict[tuple[str, str], Scope] = {
    ("GET", "patients"): P_R,
    ("POST", "patients"): P_W,
    ("POST", "patients/search"): P_R,
    ("GET", "patients/<ipp>"): P_R,
    ("PUT", "patients/<ipp>"): P_W,
    ("PATCH", "patients/<ipp>"): P_W,
    ("GET", "units"): S_R,
    ("GET", "stays"): S_R,
    ("POST", "stays"): S_W,
    ("GET", "stays/<iep>"): S_R,
    ("PATCH", "stays/<iep>"): S_W,
    ("POST", "stays/<iep>/admit"): S_W,
    ("POST", "stays/<iep>/movements"): S_W,
    ("POST", "stays/<iep>/requests"): S_W,
    ("POST", "stays/<iep>/requests/<pk>/end"): S_W,
    ("POST", "stays/<iep>/discharge"): S_W,
    ("POST", "stays/<iep>/requalification"): S_W,
    ("PUT", "stays/<iep>/discharge"): S_W,
    ("POST", "stays/<iep>/cancel"): S_W,
    ("POST", "stays/<iep>/rights/ask-again"): S_W,
    ("GET", "stays/<iep>/events"): S_R,
    ("POST", "stays/<iep>/cards"): Scope.CARDS_WRITE,
    ("POST", "stays/<iep>/cards/<pk>/debtor"): Scope.CARDS_WRITE,
    ("POST", "stays/<iep>/coverages"): Scope.CARDS_WRITE,
    ("PATCH", "stays/<iep>/coverages/<pk>"): Scope.CARDS_WRITE,
    ("GET", "stays/<iep>/activities"): S_R,
    ("POST", "stays/<iep>/activities"): S_W,
    ("GET", "debtors"): Scope.DEBTORS_READ,
    ("GET", "debtors/<code>"): Scope.DEBTORS_READ,
    ("GET", "associations"): Scope.DEBTORS_READ,
    ("GET", "associations/<pk>"): Scope.DEBTORS_READ,
    ("POST", "associations/<pk>/decision"): Scope.DEBTORS_WRITE,
    ("GET", "calls"): Scope.CALLS_READ,
    ("GET", "calls/<message_id>"): Scope.CALLS_READ,
    ("GET", "webhooks"): Scope.WEBHOOKS,
    ("POST", "webhooks"): Scope.WEBHOOKS,
    ("GET", "webhooks/<pk>"): Scope.WEBHOOKS,
    ("PATCH", "webhooks/<pk>"): Scope.WEBHOOKS,
    ("POST", "webhooks/<pk>/secret"): Scope.WEBHOOKS,
    ("GET", "webhooks/<pk>/deliveries"): Scope.WEBHOOKS,
    ("POST", "webhooks/deliveries/<pk>/replay"): Scope.WEBHOOKS,
    # Last of them: what it names is no more.
    ("DELETE", "webhooks/<pk>"): Scope.WEBHOOKS,
    ("GET", "agreements"): I_R,
    ("GET", "agreements/<pk>"): I_R,
    ("POST", "agreements/<pk>/sent"): I_W,
    ("POST", "agreements/<pk>/reminder"): I_W,
    ("POST", "agreements/<pk>/answer"): I_W,
    ("POST", "agreements/<pk>/letters"): I_W,
    ("GET", "invoices"): I_R,
    ("GET", "invoices/<number>"): I_R,
    ("POST", "invoices/<number>/correct-and-resend"): I_W,
    ("POST", "invoices/<number>/cancel-and-recalculate"): I_W,
    ("POST", "invoices/<number>/sent"): I_W,
    ("POST", "invoices/<number>/payments"): I_W,
    ("GET", "exchange-files"): I_R,
    ("GET", "exchange-files/<pk>"): I_R,
    ("GET", "exchange-files/<pk>/records"): I_R,
    ("GET", "worklists"): Scope.WORKLISTS_READ,
    ("GET", "worklists/<slug>/items"): Scope.WORKLISTS_READ,
}
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")


def served() -> Iterator[tuple[str, str]]:
    """Method and address of each route under /api/v1/, as the code serves them."""
    yield from _walk(get_resolver().url_patterns, "")


def _walk(patterns: list[URLPattern | URLResolver], prefix: str) -> Iterator[tuple[str, str]]:
    for pattern in patterns:
        address = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _walk(pattern.url_patterns, address)
        elif address.startswith("api/v1/"):
            for method in getattr(pattern.callback, "actions", None) or {}:
                if method != "head":  # DRF adds it beside a GET, once it has served
                    yield method.upper(), _without_converters(address.removeprefix("api/v1/"))


def _without_converters(address: str) -> str:
    parts = [f"<{part[1:-1].rpartition(':')[2]}>" if part.startswith("<") else part for part in address.split("/")]
    return "/".join(parts)
