"""Every operation of the API, with what its own description allows and with what it does not: never a fault of ours.

GAP_FUZZ=<seconds> goes on for as long, at random; GAP_FUZZ_COUNT=<file> is told how many requests were made.
"""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from django.db import transaction
from django.test import Client
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode

pytestmark = [pytest.mark.long, pytest.mark.django_db]

SECONDS = float(os.environ.get("GAP_FUZZ", "0"))
#: Of all the operations together, when nothing else is said.
BUDGET_S = SECONDS or 8.0
# Of processor: what other programs of the machine take is not ours.
HANGS_S = 2.0
RUN: dict[str, Any] = {
    "max_examples": 100_000 if SECONDS else 5,
    "deadline": None,
    "derandomize": not SECONDS,
    "database": None,
    "phases": [Phase.generate],
    "suppress_health_check": list(HealthCheck),
}


class Enough(Exception):
    """The share of the time is over: hypothesis would go on making examples that nobody sends."""


@pytest.fixture
def description(db) -> Any:
    text = Client().get("/api/schema/?format=json").content
    return schemathesis.openapi.from_dict(json.loads(text))


def fill(path: str, case: Any, known: dict[str, str]) -> str:
    """Half of the time what exists stands in the address, so that the rules behind it are reached."""
    for name, value in (case.path_parameters or {}).items():
        chosen = known.get(name, str(value)) if len(str(value)) % 2 else str(value)
        path = path.replace(f"{{{name}}}", "".join(f"%{byte:02X}" for byte in chosen.encode("utf-8", "replace")))
    return path


def send(client: Client, case: Any, known: dict[str, str]) -> Any:
    headers = {str(name): str(value) for name, value in (case.headers or {}).items()}
    headers = {name: value for name, value in headers.items() if value.isprintable() and value.isascii()}
    headers.pop("Authorization", None)
    query = {str(name): value for name, value in (case.query or {}).items()}
    body = case.body if isinstance(case.body, (dict, list, str, int, float, bool, type(None))) else {}
    kind = case.media_type or "application/json"
    options: dict[str, Any] = {"headers": headers, "query_params": query}
    if case.method.upper() != "GET":
        options |= {"data": json.dumps(body), "content_type": kind}
    return getattr(client, case.method.lower())(fill(case.path, case, known), **options)


def test_every_operation_answers_whatever_it_is_sent_in_time_and_without_a_fault_of_ours(
    description, api, make_world, request, measured
) -> None:
    from django.conf import settings as django_settings

    request.getfixturevalue("settings").RATES_PER_MINUTE = dict.fromkeys(django_settings.RATES_PER_MINUTE, 10**9)
    world, client = make_world(), api()
    known = {"ipp": world.patient.ipp, "number": world.invoice.number, "id": str(world.association.pk)}
    operations = [found.ok() for found in description.get_all_operations()]
    assert len(operations) > 30
    asked: dict[str, int] = {}
    faults: dict[str, Any] = {}

    def run(operation: Any, strategy: Any, until: float) -> None:
        label = f"{operation.method.upper()} {operation.path}"

        @settings(**RUN)
        @given(strategy)
        def answered(case: Any) -> None:
            if time.monotonic() > until and label in asked:
                raise Enough
            before = transaction.savepoint()
            started = time.process_time()
            response = send(client, case, known)
            elapsed = time.process_time() - started
            asked[label] = asked.get(label, 0) + 1
            told = response.status_code < 400 or response["Content-Type"].startswith("application/problem+json")
            if response.status_code >= 500 or not told or elapsed > HANGS_S:
                faults[label] = (response.status_code, elapsed, case.query, case.body)
            transaction.savepoint_rollback(before)

        # An operation that takes nothing has nothing wrong to be sent.
        with suppress(Unsatisfiable, Enough):
            answered()

    modes = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
    share = BUDGET_S / (len(operations) * len(modes))
    for operation in operations:
        for mode in modes:
            run(operation, operation.as_strategy(generation_mode=mode), time.monotonic() + share)
    if count := os.environ.get("GAP_FUZZ_COUNT"):
        Path(count).write_text(str(sum(asked.values())))
    measured("entrées mauvaises envoyées à l’API", sum(asked.values()))
    assert faults == {}
    assert len(asked) == len(operations)
