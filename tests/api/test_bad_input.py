"""Whatever JSON a program sends, the answer is never a fault of ours, and always a problem in French."""

from __future__ import annotations

import datetime as dt
import json
import os

import pytest
from django.db import connection, transaction
from django.http import HttpResponse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from admissions.enums import DischargeMode, StayKind
from tests.api.conftest import ROOT, Program
from tests.factories import AmoCoverageFactory, PatientFactory, invented_nir
from tests.worklists.scene_pec import an_agreement

pytestmark = pytest.mark.django_db

#: The same examples each time. GAP_FUZZ=500 looks further, at random.
EXAMPLES = int(os.environ.get("GAP_FUZZ", "0"))
RUN = {
    "max_examples": EXAMPLES or 25,
    "derandomize": not EXAMPLES,
    "deadline": None,
    "suppress_health_check": list(HealthCheck),
    "database": None,
}

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
    "stays/{iep}/requalification": ["kind", "unit", "reason", "version"],
    "stays/{iep}/cards": ["text"],
    "stays/{iep}/coverages": ["debtor", "valid_from", "valid_until", "rank", "convention", "csr", "member_number"],
    "stays/{iep}/activities": ["code", "performed_on", "quantity"],
    "agreements/{agreement}/answer": ["state", "number", "valid_from", "valid_until", "ceiling", "lines", "version"],
    "invoices/{number}/payments": ["amount", "means", "reference", "received_on"],
    "invoices/{number}/correct-and-resend": ["note", "version"],
    "associations/{association}/decision": ["status", "debtor", "version"],
}  # fmt: skip

DAYS = st.dates(dt.date(1850, 1, 1), dt.date(2150, 12, 31)).map(str) | st.dates(
    dt.date(2026, 10, 1), dt.date(2026, 12, 31)
).map(str)
INSTANTS = st.datetimes(
    dt.datetime(1850, 1, 2),
    dt.datetime(2150, 12, 30),
    timezones=st.sampled_from([dt.UTC, dt.timezone(dt.timedelta(hours=14))]),
).map(dt.datetime.isoformat) | st.datetimes(
    dt.datetime(2026, 11, 1), dt.datetime(2026, 11, 22), timezones=st.just(dt.UTC)
).map(dt.datetime.isoformat)
NAMES = st.text(alphabet="aZéÈßœŒÿ '’-Đ\u0301", min_size=1, max_size=100)
WORDS = st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=30)

#: Values of the right form, so that the rules behind the fields are reached too.
PLAUSIBLE: dict[str, st.SearchStrategy[object]] = {
    **dict.fromkeys(["birth_name", "first_names", "used_name", "used_first_name"], NAMES),
    **dict.fromkeys(
        ["birth_date", "prescription_date", "starts_on", "signed_on", "valid_from", "valid_until", "performed_on",
         "received_on"], DAYS,
    ),
    **dict.fromkeys(["planned_start_at", "planned_end_at", "started_at", "ended_at"], INSTANTS),
    "sex": st.sampled_from("FMI"),
    "birth_place": st.sampled_from(["35238", "2A004", "2b033", ""]),
    "nir": st.from_regex(r"[12][0-9]{4}(2A|2B|35)[0-9]{8}", fullmatch=True) | st.just(invented_nir(7)) | st.just(""),
    "birth_rank": st.integers(1, 9),
    "phone": st.text(alphabet="0123456789+ ", max_size=20),
    "email": st.just("a@exemple.fr"),
    "confirm_new": st.booleans(),
    "q": WORDS | NAMES,
    "unit": st.just("3120"),
    "kind": st.sampled_from(StayKind.values),
    "room": WORDS.map(lambda text: text[:10]),
    "bed": WORDS.map(lambda text: text[:10]),
    "code": st.sampled_from(["CHP", "REP", "CS"]),
    "mode": st.sampled_from(DischargeMode.values),
    "reason": WORDS,
    "text": st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=300),
    "rank": st.integers(1, 9),
    "convention": st.just("AC"),
    "csr": st.from_regex(r"[A-Z0-9]{1,9}", fullmatch=True),
    "member_number": st.from_regex(r"[A-Za-z0-9 ]{1,30}", fullmatch=True),
    "quantity": st.integers(1, 999),
    "amount": st.decimals("-1", "20", places=2).map(str) | st.decimals("0", "9999999999", places=2).map(str),
    "means": st.sampled_from(["card", "cash", "cheque", "transfer"]),
    "reference": WORDS,
    "note": WORDS,
    "version": st.integers(0, 3),
    "status": st.sampled_from(["validated", "rejected"]),
    "state": st.sampled_from(["granted", "partly_granted", "refused", "suspended", "extended"]),
    "number": WORDS,
    "ceiling": st.none() | st.decimals("0", "9999999999", places=2).map(str),
    "lines": st.lists(
        st.fixed_dictionaries(
            {"covers": st.sampled_from(["TM", "FJ", "CHP", "REP"]), "percent": st.decimals("0", "100", places=2).map(str)},
            optional={
                "daily_cap": st.none() | st.decimals("0", "99", places=2).map(str),
                "waiting_days": st.integers(0, 365),
            },
        ),
        max_size=4,
    ),
}  # fmt: skip


def check(response: HttpResponse) -> None:
    assert response.status_code < 500, response.content
    body = json.loads(response.content)
    if response.status_code >= 400:
        assert response["content-type"] == "application/problem+json"
        assert body["detail"]


def a_stay_for(program: Program, route: str) -> str:
    """IEP of a stay in the state that the route expects, of a patient with rights."""
    patient = PatientFactory(birth_name="AUTRE")
    AmoCoverageFactory(patient=patient)
    plan = {"patient": patient.ipp, "unit": "3120", "kind": "full", "planned_start_at": "2026-11-01T08:00:00+01:00"}
    iep = program.post("/stays", plan)["iep"]
    if not route.endswith(("admit", "cancel")):
        program.post(f"/stays/{iep}/admit", {"started_at": plan["planned_start_at"]}, 200)
    return str(iep)


@pytest.mark.parametrize("route", MEMBERS)
def test_any_body_is_answered_without_a_fault_of_ours(program, make_world, route: str) -> None:
    world, stay = make_world(), a_stay_for(program, route)
    agreement = an_agreement("requested", world.stay) if route.startswith("agreements") else world.agreement
    address = "/" + route.format(
        iep=stay, number=world.invoice.number, association=world.association.pk, agreement=agreement.pk
    )
    here = {"patient": st.just(world.patient.ipp), "debtor": st.just(world.coverage.debtor.code)}
    good = st.fixed_dictionaries({name: here[name] if name in here else PLAUSIBLE[name] for name in MEMBERS[route]})
    spoilt = st.dictionaries(st.sampled_from(MEMBERS[route]), VALUES, max_size=1)
    bodies = st.one_of(
        good,
        st.tuples(good, st.sets(st.sampled_from(MEMBERS[route]))).map(
            lambda pair: {name: value for name, value in pair[0].items() if name not in pair[1]}
        ),
        st.tuples(good, spoilt).map(lambda pair: {**pair[0], **pair[1]}),
        st.dictionaries(st.sampled_from([*MEMBERS[route], "autre", "\ud83d"]), VALUES),
        VALUES,
    )

    @settings(**RUN)
    @given(body=bodies)
    def answered(body: object) -> None:
        # Each body meets the same hospital; what a commit would check is checked, then all is undone.
        before = transaction.savepoint()
        check(program.send("post", address, json.dumps(body)))
        check(program.client.get(f"{ROOT}/stays/{stay}"))
        with connection.cursor() as cursor:
            cursor.execute("set constraints all immediate")
            cursor.execute("set constraints all deferred")
        transaction.savepoint_rollback(before)

    answered()


@pytest.mark.parametrize(
    "route",
    ["patients", "stays", "units", "calls", "agreements", "invoices", "exchange-files", "debtors", "associations"],
)
def test_any_parameter_is_answered_without_a_fault_of_ours(program, make_world, route: str) -> None:
    make_world()
    names = [
        "q", "ipp", "birth_date", "status", "kind", "domain", "unit", "patient", "planned_from", "planned_to",
        "created_from", "created_to", "ordering", "page", "page_size", "stay", "debtor", "active", "lot_number", "state", "open",
        "opened_from", "zut",
    ]  # fmt: skip
    text = st.one_of(
        st.text(alphabet=st.characters(codec="utf-8"), max_size=30),
        st.sampled_from(["9" * 30, "-1", "\x00", "9999-12-31", "0001-01-01", "O'Brien %_\\", "a" * 200, "١٢"]),
    )

    @settings(**RUN)
    @given(query=st.dictionaries(st.sampled_from(names), text, max_size=3))
    def answered(query: dict[str, str]) -> None:
        check(program.client.get(f"{ROOT}/{route}", query))

    answered()
