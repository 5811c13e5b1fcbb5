"""Every list asks the database the same number of questions for one line and for fifty."""

from __future__ import annotations

from itertools import islice

from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.enums import Action, Role
from bench import people
from bench.ground import Ground, gather_statistics
from bench.measure import Row
from tests.worklists import scene
from worklists.registry import all_worklists


def rows(place: Ground, lines: int = 50, most: int | None = None) -> list[Row]:
    """One row a list (`most`: of the first ones only). A scene puts one line at least in each of them."""
    screens = dict(islice(_screens().items(), most))
    _one_more_in_each()
    gather_statistics()
    few = {path: _queries(client, path) for path, client in screens.items()}
    for _ in range(lines - 1):
        _one_more_in_each()
    found = []
    for path, client in screens.items():
        many = _queries(client, path)
        found.append(
            Row(
                f"requêtes de {path}",
                lines,
                many,
                many,
                unit="req.",
                baseline="1 ligne",
                baseline_median=few[path],
                goal="autant pour 1",
                held=many == few[path],
            )
        )
    return found


def _one_more_in_each() -> None:
    # In one transaction: PostgreSQL checks that a bill and its invoices agree when it ends.
    with transaction.atomic():
        scene.everything()


def _screens() -> dict[str, Client]:
    """Address of each list, and somebody who may open it."""
    referent, billing = (_browser(role) for role in (Role.REFERENT, Role.BILLING))
    program = Client(SERVER_NAME="localhost", headers=people.program())
    lists = {
        reverse("worklists:list", args=[one.slug]): billing if one.action == Action.SEE_INVOICES else referent
        for one in all_worklists().values()
    }
    others = {
        reverse(name): referent
        for name in (
            "worklists:home", "worklists:index", "admissions:arrivals", "billing:invoices", "billing:exchanges",
            "debtors:index", "debtors:associations",
        )
    }  # fmt: skip
    others[f"{reverse('admissions:search')}?q=morvan"] = referent
    names = ("api-patients", "api-stays", "api-calls", "api-agreements", "api-invoices", "api-exchange-files", "api-debtors",
             "api-associations")  # fmt: skip
    return others | lists | {reverse(name): program for name in names}


def _browser(role: Role) -> Client:
    client = Client(SERVER_NAME="localhost")
    client.force_login(people.colleague(role))
    return client


def _queries(client: Client, path: str) -> int:
    """Queries of one GET, the second: the first of all may fill what lasts."""
    client.get(path)
    with CaptureQueriesContext(connection) as queries:
        answer = client.get(path)
    if answer.status_code != 200:
        raise RuntimeError(f"{path}: HTTP {answer.status_code}")
    return len(queries)
