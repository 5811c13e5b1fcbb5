"""The data of the simulator: complete, consistent, and saying what it invents."""

from __future__ import annotations

import csv
from datetime import date
from pathlib import Path

import pytest

from simulator.catalogue import load_catalogue
from simulator.scenarios import parse_behaviour
from tests.simulator_process import ROOT

CATALOGUE = load_catalogue()
SHARED_CODES = ROOT.parent / "shared" / "data" / "return_codes.csv"


def test_the_payers_that_the_programme_names_are_there():
    labels = {amc.label for amc in CATALOGUE.amc.values()}
    assert {"ProBTP", "MCF", "MGEFI", "MGP", "Intériale Mutuelle", "MNH", "Alptis", "Verspieren"} <= labels
    assert len(CATALOGUE.amc) >= 60
    operators = {amc.operator for amc in CATALOGUE.amc.values()}
    assert {"Korelio", "Viamedis", "Almerys", "iSanté", "Actil", "CTIA", "SP Santé", "Carte Blanche"} <= operators


def test_numbers_are_ten_invented_digits():
    assert all(len(n) == 10 and n.isdigit() and n.startswith("00990") for n in CATALOGUE.amc)


def test_some_payers_are_left_out_of_the_directory_on_purpose():
    absent = [amc for amc in CATALOGUE.amc.values() if not amc.listed]
    assert len(absent) >= 5
    assert not any(amc.serves("RO", "", "MCO", date(2026, 1, 1)) for amc in absent)


def test_every_payer_has_a_contract_and_a_readable_behaviour():
    for amc in CATALOGUE.amc.values():
        assert amc.contract in CATALOGUE.contracts
        parse_behaviour(amc.behaviour)
        assert amc.domains <= {"MCO", "SMR", "PSY", "HAD"} and amc.domains
        assert all(len(convention) == 2 and convention.isupper() for convention in amc.conventions)


def test_only_invented_payers_misbehave():
    assert all(amc.label.startswith("Mutuelle d’essai") for amc in CATALOGUE.amc.values() if amc.behaviour)


def test_every_contract_speaks_of_every_family_of_services():
    families = set(CATALOGUE.families.values())
    assert all(set(contract.guarantees) == families for contract in CATALOGUE.contracts.values())


def test_twenty_six_codes_and_an_unknown_one_each_with_its_marker():
    codes = {f"RC{number:02d}" for number in range(1, 27)} | {"ZZ99"}
    assert set(CATALOGUE.return_codes) == codes
    assert codes <= {marker.prefix for marker in CATALOGUE.markers}
    assert {code for code, row in CATALOGUE.return_codes.items() if not row.remembered} == {"RC24", "RC25", "RC26"}


@pytest.mark.skipif(not Path(SHARED_CODES).exists(), reason="the reference tables are not on this machine")
def test_codes_are_given_by_the_operations_of_the_reference_table():
    with SHARED_CODES.open(encoding="utf-8") as stream:
        reference = {row["code"]: frozenset(row["operations"].split("|")) for row in csv.DictReader(stream)}
    assert {code: CATALOGUE.return_codes[code].operations for code in reference} == reference


@pytest.mark.parametrize(
    ("pattern_csr", "found"), [("A", True), ("A12345678", True), ("B1", True), ("C", False), ("", False)]
)
def test_a_csr_pattern_with_wildcards(pattern_csr, found):
    payer = CATALOGUE.amc["0099000907"]
    assert payer.serves("RO", pattern_csr, "MCO", date(2026, 1, 1)) is found


def test_a_payer_is_found_from_the_day_it_is_connected():
    payer = CATALOGUE.amc["0099000101"]
    assert payer.connected_since == date(2019, 7, 1)
    assert not payer.serves("RO", "", "MCO", date(2019, 6, 30))
    assert payer.serves("RO", "", "MCO", date(2019, 7, 1))
