"""Whatever JSON a program sends, the answer is never a fault of ours, and always a problem in French."""

from __future__ import annotations

import json

import pytest
from django.http import HttpResponse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.api.conftest import ROOT

pytestmark = pytest.mark.django_db

LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(min_value=-(10**40), max_value=10**40),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=40),
    st.text(alphabet=st.characters(codec=None), max_size=10),
    st.sampled_from(
        [
            "", " ", "\x00", "\ud800", "9999-12-31", "0001-01-01", "2026-13-45", "2026-01-01",
            "9999-12-31T23:59:59-12:00", "2026-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "1e400", "NaN",
            "Infinity", "-0", "١٢٣٤٥٦٧٨٩", "999999999", "CHP", "full", "home", "F", "3120", "AMC00001", "AC", "card",
            "validated", "CS", "'; drop table patient; --", "ß" * 100, "A" * 5000, "2" * 15,
        ]
    ),
)  # fmt: skip
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)

MEMBERS = {
    "patients": ["birth_name", "first_names", "birth_date", "sex", "used_name", "used_first_name", "birth_place", "nir",
                 "birth_rank", "phone", "email", "confirm_new"],
    "patients/search": ["q", "nir"],
    "stays": ["patient", "unit", "kind", "planned_start_at", "planned_end_at", "prescription_date"],
    "stays/{iep}/admit": ["started_at", "room", "bed"],
    "stays/{iep}/movements": ["unit", "started_at", "room", "bed"],
    "stays/{iep}/requests": ["code", "starts_on", "signed_on"],
    "stays/{iep}/discharge": ["ended_at", "mode"],
    "stays/{iep}/cancel": ["reason"],
    "stays/{iep}/cards": ["text"],
    "stays/{iep}/coverages": ["debtor", "valid_from", "valid_until", "rank", "convention", "csr", "member_number"],
    "stays/{iep}/activities": ["code", "performed_on", "quantity"],
    "invoices/{number}/payments": ["amount", "means", "reference", "received_on"],
    "invoices/{number}/correct-and-resend": ["note", "version"],
    "associations/{association}/decision": ["status", "debtor", "version"],
}  # fmt: skip

#: One that passes, so that rules behind the fields are reached too.
GOOD = {
    "birth_name": "KERMADEC", "first_names": "Jeanne", "birth_date": "1971-03-02", "sex": "F", "q": "kermadec",
    "unit": "3120", "kind": "day", "planned_start_at": "2026-11-01T08:00:00+01:00",
    "started_at": "2026-11-01T08:00:00+01:00", "ended_at": "2026-11-01T09:00:00+01:00", "mode": "home",
    "code": "CHP", "starts_on": "2026-11-01", "reason": "reporté", "text": "carte", "valid_from": "2026-01-01",
    "performed_on": "2026-11-01", "amount": "1.00", "means": "card", "reference": "R1", "received_on": "2026-01-01",
    "note": "corrigé", "version": 0, "status": "validated",
}  # fmt: skip


def check(response: HttpResponse) -> None:
    assert response.status_code < 500, response.content
    body = json.loads(response.content)
    if response.status_code >= 400:
        assert response["content-type"] == "application/problem+json"
        assert body["detail"]


@pytest.mark.parametrize("route", MEMBERS)
def test_any_body_is_answered_without_a_fault_of_ours(program, make_world, route: str) -> None:
    world = make_world()
    address = "/" + route.format(iep=world.stay.iep, number=world.invoice.number, association=world.association.pk)
    known = {"patient": world.patient.ipp, "debtor": world.coverage.debtor.code, **GOOD}
    good = {name: known[name] for name in MEMBERS[route] if name in known}
    bodies = st.one_of(
        st.dictionaries(st.sampled_from(MEMBERS[route]), VALUES).map(lambda some: {**good, **some}),
        st.dictionaries(st.sampled_from([*MEMBERS[route], "autre", "\ud83d"]), VALUES),
        VALUES,
    )

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(body=bodies)
    def answered(body: object) -> None:
        check(program.send("post", address, json.dumps(body)))

    answered()


@pytest.mark.parametrize(
    "route",
    ["patients", "stays", "units", "calls", "invoices", "exchange-files", "debtors", "associations"],
)
def test_any_parameter_is_answered_without_a_fault_of_ours(program, make_world, route: str) -> None:
    make_world()
    names = [
        "q", "ipp", "birth_date", "status", "kind", "domain", "unit", "patient", "planned_from", "planned_to",
        "created_from", "created_to", "ordering", "page", "page_size", "stay", "debtor", "active", "lot_number", "zut",
    ]  # fmt: skip
    text = st.one_of(
        st.text(alphabet=st.characters(codec="utf-8"), max_size=30),
        st.sampled_from(["9" * 30, "-1", "\x00", "9999-12-31", "0001-01-01", "O'Brien %_\\", "a" * 200, "١٢"]),
    )

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(query=st.dictionaries(st.sampled_from(names), text, max_size=3))
    def answered(query: dict[str, str]) -> None:
        check(program.client.get(f"{ROOT}/{route}", query))

    answered()
