"""What reads something that comes from outside: one function a reader, which takes bytes and lets no surprise out.

A refusal that the reader announces is no fault; any other exception is one. What asks the database is built, not sent.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from django.core.exceptions import EmptyResultSet, ValidationError
from django.http import QueryDict
from rest_framework.exceptions import ParseError

from admissions.models import Patient
from admissions.querysets import parse_date, search_patients
from admissions.rules.identity import name_problem
from billing.exchange import FileVerdict, read_dre, read_return
from billing.filters import ExchangeFilter, InvoiceFilter
from billing.models import ExchangeFile, Invoice
from debtors.datamatrix import context, parse
from debtors.filters import AssociationFilter, DebtorFilter
from gap.api.parsers import StrictJsonParser
from gap.identifiers import InvalidIdentifier, parse_amc_number, parse_finess, parse_nir
from gap.lists import csv_text, neutral, page_number
from gap.moments import DayField, MomentField
from gap.text import b2_text, search_key, search_tokens
from teleservices.clients.addresses import AddressPolicy
from teleservices.clients.errors import CallError, ConfigurationError
from teleservices.clients.roc1 import CONTRACT
from teleservices.clients.soap import Schema, fault_of, parse_envelope, payload_of
from teleservices.evidence import redacted
from teleservices.rules.certificates import CertificateProblem, read_authorities, read_bundle
from worklists.filters import ListFilter
from worklists.registry import all_worklists

Target = Callable[[bytes], object]
_SCHEMA: Final = Schema(CONTRACT / "roc1.xsd")
_POLICY: Final = AddressPolicy.of(hosts=["amc.example"], trusted_urls=["https://annuaire.example:8443/a"])


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def card(data: bytes) -> None:
    read = parse(_text(data))
    again = parse(read.content)
    if read.recognised and (again.content != read.content or not again.recognised):
        raise AssertionError("what was read once is read otherwise the second time")
    context(read, "MCO", "SEJOUR")


def return_file(data: bytes) -> None:
    items = list(read_return(io.BytesIO(data)))
    if not isinstance(items[-1], FileVerdict):
        raise AssertionError("a file ends with its verdict")


def dre_file(data: bytes) -> None:
    list(read_dre(io.BytesIO(data)))


def identifiers(data: bytes) -> None:
    text = _text(data)
    for read in (parse_nir, parse_finess, parse_amc_number):
        with suppress(InvalidIdentifier):
            read(text)


def names(data: bytes) -> None:
    text = _text(data)
    name_problem(text)
    search_key(text)
    search_tokens(text)
    b2_text(text, 25).encode("ascii")


def search(data: bytes) -> None:
    text = _text(data)[:200]
    parse_date(text)
    _built(search_patients(text, Patient.objects.all()))


def dates(data: bytes) -> None:
    text = _text(data)
    for field in (DayField(past=True), DayField(), MomentField()):
        with suppress(ValidationError):
            field.clean(text)


def addresses(data: bytes) -> None:
    """What stands after the « ? » of a list."""
    query = QueryDict(data.decode("latin-1").encode("ascii", "replace"))
    page_number(query.get("page"))
    _built(InvoiceFilter.read(query).found(Invoice.objects.all()))
    _built(ExchangeFilter.read(query).found(ExchangeFile.objects.all()))
    for read in (DebtorFilter, AssociationFilter):
        _built(read.read(query).found())
    for one in all_worklists().values():
        ListFilter.read(one, query)


def answer(data: bytes) -> None:
    """An answer of the directory or of an AMC."""
    with suppress(CallError):
        payload = payload_of(parse_envelope(data))
        fault_of(payload)
        _SCHEMA.fault_in(payload)
    redacted(data)


def url(data: bytes) -> None:
    """An address that the directory gives: what passes is a host of the list."""
    text = _text(data)
    with suppress(ConfigurationError):
        _POLICY.check(text)
        if "example" not in text.lower():
            raise AssertionError("an address of another host passes")


def json_body(data: bytes) -> None:
    with suppress(ParseError):
        StrictJsonParser().parse(io.BytesIO(data))


def certificate(data: bytes) -> None:
    with suppress(CertificateProblem):
        read_bundle(data, passphrase="x")
    with suppress(CertificateProblem):
        read_authorities(data)


def cell(data: bytes) -> None:
    text = _text(data)
    neutral(text)
    csv_text((text,), [(text, 1)])


def _built(queryset: Any) -> None:
    with suppress(EmptyResultSet):
        queryset.query.get_compiler("default").as_sql()


TARGETS: Final[dict[str, Target]] = {
    one.__name__: one
    for one in (
        card, return_file, dre_file, identifiers, names, search, dates, addresses, answer, url, json_body, certificate,
        cell,
    )
}  # fmt: skip

#: Where to start from: something of the right form for each, so that the rules behind the form are reached.
SEEDS: Final[dict[str, tuple[bytes, ...]]] = {
    "card": (b"ATP1\x1d0077567227\x1dAC\x1d01012026\x1d31122026", b"]d2ATP2\r\n", b"ATP1"),
    "return_file": (b"000578R  01" + b" " * 100 + b"\n", b"000ARL   01\n", b"000908R  01\n"),
    "dre_file": (b"000DRE   01\n",),
    "identifiers": (b"284059999012322", b"2A0000014", b"350000014", b"0077567227"),
    "names": ("L’Haÿ d’Été-Œuf".encode(), b"MORVAN"),
    "search": (b"morvan 17/05/1984", b"269000001", b"2 84 05 99 990 123 22"),
    "dates": (b"17/05/1984", b"170584", b"21/11/2026 14:00", b"14h30"),
    "addresses": (b"q=morvan&page=2&tri=-depuis&etat=sent&amc=3", b"depuis=30&pause=oui"),
    "answer": (
        b'<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body><IdbReponse xmlns="urn:minigap:roc:1"/>'
        b"</e:Body></e:Envelope>",
    ),
    "url": (b"https://amc.example/idb", b"https://x@amc.example:443/", b"https://annuaire.example:8443/a"),
    "json_body": (b'{"a": [1, 2.5, null, "x"]}',),
    "certificate": (b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n", b"0\x82\x01\x00"),
    "cell": (b"=1+1", " ＝x".encode()),
}
